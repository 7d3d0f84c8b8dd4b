# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries DNS messages between a lab address and a name server that cannot listen there itself.

named listens on addresses that an interface has; of 127.0.0.0/8 that is 127.0.0.1 alone, although the whole net is loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import typing as t

_ANSWER_SECONDS = 5.0
_READ = 65536


class Relay:
    """Carries messages to C(target), an address and port. While C(silent) is set nothing comes through."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.silent = False
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, datagrams: socket.socket, stream: socket.socket) -> None:
        """Serve a bound UDP and a listening TCP socket."""
        loop = asyncio.get_running_loop()
        self._transport, _protocol = await loop.create_datagram_endpoint(lambda: _Receiver(self._received), sock=datagrams)
        self._server = await asyncio.start_server(self._accepted, sock=stream)

    async def close(self) -> None:
        """Stop serving."""
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _received(self, data: bytes, client: tuple[str, int]) -> None:
        if not self.silent:
            task = asyncio.get_running_loop().create_task(self._datagram(data, client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _datagram(self, data: bytes, client: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()

        def received(found: bytes, _server: tuple[str, int]) -> None:
            if not answer.done():
                answer.set_result(found)

        transport, _protocol = await loop.create_datagram_endpoint(lambda: _Receiver(received), remote_addr=self.target)
        try:
            transport.sendto(data)
            # A server that does not answer is silent to the client too.
            with contextlib.suppress(TimeoutError):
                found = await asyncio.wait_for(answer, _ANSWER_SECONDS)
                if self._transport is not None:
                    self._transport.sendto(found, client)
        finally:
            transport.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = t.cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        try:
            if self.silent:
                await reader.read()
                return
            there_reader, there_writer = await asyncio.open_connection(*self.target)
            try:
                await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
            finally:
                there_writer.close()
        except (OSError, asyncio.CancelledError):
            pass  # either side is gone, or the lab stops
        finally:
            self._tasks.discard(task)
            writer.close()


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, received: t.Callable[[bytes, tuple[str, int]], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data, addr)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_READ):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
