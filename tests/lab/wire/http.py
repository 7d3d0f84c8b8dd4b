# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 over asyncio streams; h11 does the protocol.

Every reply goes out in one write, and TCP_NODELAY is set (asyncio's default for TCP): two small writes would stall a client for 40 ms.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import itertools
import logging
import socket
import struct
import typing as t

import h11

_LOG = logging.getLogger(__name__)

LARGEST_REQUEST = 4 * 1024 * 1024
_READ = 65536
_REASONS = {200: "OK", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


class Ending(enum.Enum):
    """What happens to the connection after a reply, or instead of one."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"


@dataclasses.dataclass(frozen=True)
class HttpRequest:
    """One request. Header names are in lower case; of several with the same name the last counts. C(size) is bytes of HTTP."""

    method: str
    target: str
    headers: t.Mapping[str, str]
    body: bytes
    size: int


@dataclasses.dataclass
class HttpReply:
    """One reply. C(share) is the part of its bytes that is sent, 1 for all and 0 for none; C(ending) is what follows
    without being announced.

    C(announce_close) sends "Connection: close" as well as closing.
    """

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    ending: Ending = Ending.KEEP
    share: float = 1.0
    announce_close: bool = False
    sent: t.Callable[[int], None] | None = None


@dataclasses.dataclass
class Connection:
    """One TCP connection; C(state) is for whoever needs something to last as long as it, such as an authentication."""

    number: int
    scheme: str
    state: dict[str, t.Any] = dataclasses.field(default_factory=dict)


Handler = t.Callable[[HttpRequest, Connection], t.Awaitable[HttpReply]]

_connection_numbers = itertools.count(1)


class HttpServer:
    """Serves one listening socket. Create it, await start(), and close() at the end."""

    def __init__(self, handler: Handler, ssl: t.Any = None, server_name: str = "Microsoft-HTTPAPI/2.0") -> None:
        self._handler = handler
        self._ssl = ssl
        self._server_name = server_name
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, listening: socket.socket) -> None:
        """Serve a socket that is bound and listens."""
        self._server = await asyncio.start_server(self._accepted, sock=listening, ssl=self._ssl, backlog=512)

    async def close(self) -> None:
        """Stop listening and end the connections that are open."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the client went away
        except asyncio.CancelledError:
            pass  # the lab stops
        except Exception:
            _LOG.exception("a connection failed inside the lab")
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(next(_connection_numbers), "http" if self._ssl is None else "https")
        protocol = h11.Connection(h11.SERVER)
        incoming = _Incoming(protocol, reader, writer)
        while True:
            try:
                request = await incoming.request()
            except h11.RemoteProtocolError as error:
                writer.write(
                    self._write(protocol, HttpReply(error.error_status_hint, announce_close=True)) if _may_answer(protocol) else b""
                )
                return
            if request is None:
                return
            reply = await self._handler(request, connection)
            data = self._write(protocol, reply)
            count = len(data) if reply.share >= 1 else int(len(data) * reply.share)
            writer.write(data[:count])
            if reply.sent is not None:
                reply.sent(count)
            if reply.ending is Ending.RESET:
                if count:
                    await writer.drain()
                _reset(writer)
                return
            await writer.drain()
            if reply.ending is Ending.CLOSE or protocol.our_state is not h11.DONE:
                return
            protocol.start_next_cycle()

    def _write(self, protocol: h11.Connection, reply: HttpReply) -> bytes:
        headers = list(reply.headers)
        if reply.content_type is not None:
            headers.append(("Content-Type", reply.content_type))
        headers += [("Server", self._server_name), ("Content-Length", str(len(reply.body)))]
        if reply.announce_close:
            headers.append(("Connection", "close"))
        reason = _REASONS.get(reply.status, "")
        events: tuple[h11.Event, ...] = (
            h11.Response(status_code=reply.status, headers=headers, reason=reason.encode("ascii")),
            h11.Data(data=reply.body),
            h11.EndOfMessage(),
        )
        return b"".join(protocol.send(event) or b"" for event in events)


class _Incoming:
    """Requests of one connection, with the bytes each took."""

    def __init__(self, protocol: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._protocol = protocol
        self._reader = reader
        self._writer = writer
        self._pending = 0

    async def request(self) -> HttpRequest | None:
        """Return the next request, None when the client closes. Raises h11.RemoteProtocolError."""
        size = self._pending
        head: h11.Request | None = None
        body: list[bytes] = []
        length = 0
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                if self._protocol.they_are_waiting_for_100_continue:
                    self._writer.write(self._protocol.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                data = await self._reader.read(_READ)
                size += len(data)
                self._protocol.receive_data(data)
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                length += len(event.data)
                if length > LARGEST_REQUEST:
                    raise h11.RemoteProtocolError("request too large", error_status_hint=413)
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._pending = len(self._protocol.trailing_data[0])
                assert head is not None
                return HttpRequest(
                    method=head.method.decode("ascii"),
                    target=head.target.decode("ascii", "replace"),
                    headers={name.decode("ascii"): value.decode("latin-1") for name, value in head.headers},
                    body=b"".join(body),
                    size=size - self._pending,
                )
            else:  # h11.ConnectionClosed or h11.PAUSED
                return None


def _may_answer(protocol: h11.Connection) -> bool:
    return protocol.our_state in (h11.IDLE, h11.SEND_RESPONSE)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST: lingering for no time makes close() send it (socket(7), SO_LINGER)."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
