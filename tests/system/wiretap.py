# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What anybody on the way would read: a relay in front of a machine that keeps every byte in both directions. It knows nothing of HTTP or TLS."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import socket
import threading
import typing as t

_CHUNK = 65536
# Text that PowerShell is given and gives back travels in base64, which anybody can read as well.
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")


class Wiretap:
    """A relay to one port of one address, on another port of that address, so that the machine's certificate fits here too."""

    def __init__(self, address: str, port: int) -> None:
        self._target = (address, port)
        self._listening = socket.create_server((address, 0))
        self._lock = threading.Lock()
        self._kept = bytearray()
        self._open: set[socket.socket] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    @property
    def kept(self) -> bytes:
        """Every byte that came by, each direction's in its order."""
        with self._lock:
            return bytes(self._kept)

    def readable(self) -> str:
        """Return the bytes as text, with what they hold in base64, and in base64 within that."""
        layers = [self.kept]
        for _ in range(3):
            layers.append(b"\n".join(_decoded(match.group()) for match in _BASE64.finditer(layers[-1])))
        texts = [layer.replace(b"\0", b"").decode("utf-8", "replace") for layer in layers]
        return "\n".join(texts)

    @contextlib.contextmanager
    def listening(self) -> t.Iterator[Wiretap]:
        """Relay while the with statement lasts."""
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            yield self
        finally:
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            with self._lock:
                for one in self._open:
                    with contextlib.suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listening.accept()
            except OSError:
                return
            try:
                machine = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, machine}
            for source, sink in ((client, machine), (machine, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                with self._lock:
                    self._kept += data
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except binascii.Error:
        return b""
