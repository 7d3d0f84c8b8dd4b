# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port a KMS host listens on: it accepts TCP and an RPC bind, and nothing more.

No request of the KMS protocol is parsed, let alone answered: any PDU other than a bind ends the connection. An activation inside the lab
is a call inside the model. The bind is answered so that a probe can tell an RPC server from another program on that port
(Open Group C706, 12.6.4.3 and 12.6.4.4, the bind and bind_ack PDUs; the interface id is that of the KMS client-server protocol).
"""

from __future__ import annotations

import asyncio
import logging
import struct
import typing as t
import uuid

_LOG = logging.getLogger(__name__)

INTERFACE = uuid.UUID("51c82175-844e-4750-b0d8-ec255555bc06")
INTERFACE_VERSION = 1
NDR = uuid.UUID("8a885d04-1ceb-11c9-9fe8-08002b104860")  # C706, appendix I: transfer syntax NDR, version 2
NDR_VERSION = 2

_BIND, _BIND_ACK = 11, 12
_HEADER = struct.Struct("<BBBB4sHHI")
_FIRST_AND_LAST = 0x03
_LITTLE_ENDIAN = b"\x10\x00\x00\x00"
_ACCEPTED = struct.pack("<HH", 0, 0)
_ABSTRACT_REFUSED = struct.pack("<HH", 2, 1)
_TRANSFER_REFUSED = struct.pack("<HH", 2, 2)
_NO_SYNTAX = bytes(20)
_LARGEST = 5840
_ASSOCIATION_GROUP = 0x4B4D53


class NotABindError(ValueError):
    """The bytes are no bind PDU."""


def bind_ack(pdu: bytes, port: int) -> bytes:
    """Return the bind_ack for a bind PDU. Raises NotABindError.

    Each presentation context is accepted when it is the KMS interface over NDR.
    """
    try:
        version, _minor, kind, _flags, representation, length, _auth, call_id = _HEADER.unpack_from(pdu)
        if version != 5 or kind != _BIND or representation[0] & 0xF0 != 0x10 or length != len(pdu):
            raise NotABindError("not a little-endian bind PDU")
        (contexts,) = struct.unpack_from("<Bxxx", pdu, 24)
        results: list[bytes] = []
        offset = 28
        for _context in range(contexts):
            transfers = pdu[offset + 2]
            abstract = _syntax(pdu, offset + 4)
            offered = [_syntax(pdu, offset + 24 + 20 * number) for number in range(transfers)]
            results.append(_result(abstract, offered))
            offset += 24 + 20 * transfers
    except (struct.error, IndexError):
        raise NotABindError("a bind PDU that is too short") from None
    secondary = str(port).encode("ascii") + b"\x00"
    body = struct.pack("<HHI", _LARGEST, _LARGEST, _ASSOCIATION_GROUP) + struct.pack("<H", len(secondary)) + secondary
    body += bytes(-(_HEADER.size + len(body)) % 4)
    body += struct.pack("<Bxxx", len(results)) + b"".join(results)
    return _HEADER.pack(5, 0, _BIND_ACK, _FIRST_AND_LAST, _LITTLE_ENDIAN, _HEADER.size + len(body), 0, call_id) + body


def _syntax(pdu: bytes, offset: int) -> tuple[uuid.UUID, int]:
    raw = pdu[offset : offset + 20]
    if len(raw) != 20:
        raise NotABindError("a bind PDU that is too short")
    return uuid.UUID(bytes_le=raw[:16]), struct.unpack("<I", raw[16:])[0]


def _result(abstract: tuple[uuid.UUID, int], offered: list[tuple[uuid.UUID, int]]) -> bytes:
    if abstract != (INTERFACE, INTERFACE_VERSION):
        return _ABSTRACT_REFUSED + _NO_SYNTAX
    if (NDR, NDR_VERSION) not in offered:
        return _TRANSFER_REFUSED + _NO_SYNTAX
    return _ACCEPTED + NDR.bytes_le + struct.pack("<I", NDR_VERSION)


class KmsEndpoint:
    """The port of one machine, open while the machine says so."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.port: int | None = None
        self.problem: str | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._lock = asyncio.Lock()

    async def listen_on(self, port: int | None) -> None:
        """Listen on C(port) alone; on none when it is None. A port that cannot be had is in C(problem)."""
        async with self._lock:
            if port == self.port:
                return
            await self._close()
            self.problem = None
            if port is not None:
                try:
                    self._server = await asyncio.start_server(self._accepted, self.address, port)
                    self.port = port
                except OSError as error:
                    self.problem = f"cannot listen on {self.address}:{port}: {error.strerror}"
                    _LOG.error("%s", self.problem)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.close()
        self.port = None

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        port = writer.get_extra_info("sockname")[1]
        try:
            while True:
                header = await reader.readexactly(_HEADER.size)
                length = t.cast(int, struct.unpack_from("<H", header, 8)[0])
                if not _HEADER.size <= length <= _LARGEST:
                    return
                writer.write(bind_ack(header + await reader.readexactly(length - _HEADER.size), port))
                await writer.drain()
        except (NotABindError, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()
