# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own server of PowerShell's remoting protocol (MS-PSRP), in a process of its own for each runspace pool.

It is the server behind PowerShell's remoting over SSH. It speaks on stdin and stdout, a packet a line:

    <Data Stream='Default' PSGuid='...'>base64</Data>      and Command, Close, Signal, each answered by one named after it with "Ack" at its end

PSGuid is a pipeline's, or zeros for the pool (PowerShell/PowerShell, src/System.Management.Automation/engine/remoting/fanin/OutOfProcTransportManager.cs).
In a Data packet are the same fragments that WS-Management carries, so they pass through the lab as they are.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import contextlib
import logging
import re
import struct
import typing as t
import uuid
from xml.etree import ElementTree

from .output import Output, Stream
from .process import Process
from .workplace import Workplace

_LOG = logging.getLogger(__name__)

POOL = uuid.UUID(int=0)
_ANSWER_SECONDS = 60.0
# A client waits for its pool at once: pypsrp's default is 20 s for the operation and 30 s for the connection.
_PATIENCE = 10.0
# MS-PSRP 2.2.1 and 2.2.4: a fragment's ids, flags and length; a message's destination and type.
_FRAGMENT = struct.Struct(">QQBI")
_START = 1
_MESSAGE = struct.Struct("<II")
_PIPELINE_STATE = 0x00041006
# MS-PSRP 2.2.3.5: Stopped, Completed, Failed.
_ENDED = re.compile(rb'<I32 N="PipelineState">[345]</I32>')

Name = t.Literal["Default", "PromptResponse"]


class ServerDiedError(RuntimeError):
    """The server's process is no more."""


def _message_type(data: bytes) -> int | None:
    """Return the type of the message that begins with these fragments, None when none begins."""
    if len(data) < _FRAGMENT.size + _MESSAGE.size or not _FRAGMENT.unpack_from(data)[2] & _START:
        return None
    return int(_MESSAGE.unpack_from(data, _FRAGMENT.size)[1])


class Fragments:
    """Tells from the fragments of one pipeline whether the last message of it has gone by."""

    def __init__(self) -> None:
        self._state: int | None = None
        self._tail = b""
        self.ended = False

    def see(self, data: bytes) -> None:
        """Look at some whole fragments."""
        while len(data) >= _FRAGMENT.size:
            header = data[: _FRAGMENT.size]
            number, _fragment, flags, length = _FRAGMENT.unpack(header)
            blob, data = data[_FRAGMENT.size : _FRAGMENT.size + length], data[_FRAGMENT.size + length :]
            if flags & _START:
                self._state = number if _message_type(header + blob) == _PIPELINE_STATE else None
                self._tail = b""
            if number == self._state:
                # The state may be cut by the border between two fragments.
                self.ended = self.ended or _ENDED.search(self._tail + blob) is not None
                self._tail = blob[-64:]


class _Channel:
    """What the server has said about one pipeline, or about the pool."""

    def __init__(self) -> None:
        self.waiting: collections.deque[bytes] = collections.deque()
        self.news = asyncio.Event()
        self.fragments = Fragments()

    def add(self, data: bytes) -> None:
        self.waiting.append(data)
        self.fragments.see(data)
        self.news.set()


class _Packets(Output):
    """Takes the process's stdout apart into packets. What else it prints is not for the client, so it goes to the lab's log."""

    def __init__(self, packet: t.Callable[[bytes], None], ended: t.Callable[[], None]) -> None:
        super().__init__()
        self._rest = b""
        self._packet = packet
        self._ended = ended

    def write(self, stream: Stream, data: bytes) -> None:
        if stream == "stdout":
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._packet(line)
        else:
            _LOG.warning("a remoting server says: %s", data.decode("utf-8", "replace").strip())

    def finish(self, exit_code: int) -> None:
        super().finish(exit_code)
        self._ended()


class Server:
    """One runspace pool. Every method raises ServerDiedError when the process has ended."""

    def __init__(self) -> None:
        self._channels: dict[uuid.UUID, _Channel] = {POOL: _Channel()}
        self._answers: dict[tuple[str, uuid.UUID], asyncio.Future[None]] = {}
        # The server takes packets up in parallel; only one that was answered is sure to come before the next.
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._dead = False

    async def start(self, workplace: Workplace, arguments: t.Sequence[str], variables: t.Mapping[str, str]) -> None:
        """Start the process. Raises NoEngineError."""
        self._process = await workplace.powershell(arguments, variables, _Packets(self._packet, self._ended), _PATIENCE)

    def kill(self) -> None:
        """End the process and all that it started."""
        if self._process is not None:
            self._process.kill()

    # To the server

    async def command(self, pipeline: uuid.UUID) -> None:
        """Announce a pipeline."""
        self._channels[pipeline] = _Channel()
        await self._ask("Command", pipeline)

    async def data(self, target: uuid.UUID, stream: Name, fragments: bytes) -> None:
        """Hand over fragments."""
        await self._ask("Data", target, f"<Data Stream='{stream}' PSGuid='{target}'>{base64.b64encode(fragments).decode('ascii')}</Data>")

    async def stop(self, pipeline: uuid.UUID) -> None:
        """Stop a pipeline; nothing happens to one that has ended."""
        await self._ask("Signal", pipeline)

    async def close(self, pipeline: uuid.UUID) -> None:
        """Forget a pipeline."""
        self._channels.pop(pipeline, None)
        await self._ask("Close", pipeline)

    async def _ask(self, name: str, target: uuid.UUID, packet: str | None = None) -> None:
        async with self._turn:
            if self._dead or self._process is None:
                raise ServerDiedError
            answer = self._answers[name + "Ack", target] = asyncio.get_running_loop().create_future()
            self._process.send((packet or f"<{name} PSGuid='{target}' />").encode("ascii") + b"\n")
            try:
                await asyncio.wait_for(answer, _ANSWER_SECONDS)
            finally:
                self._answers.pop((name + "Ack", target), None)

    # From the server

    def knows(self, target: uuid.UUID) -> bool:
        """Return whether a pipeline has been announced and not closed."""
        return target in self._channels

    async def receive(self, target: uuid.UUID, seconds: float, most: int) -> tuple[list[bytes], bool] | None:
        """Return fragments for a pipeline or the pool, and whether they are the last; None when none came within so many seconds.

        C(most) is how many bytes may be returned; one piece is returned in any case.
        """
        channel = self._channels[target]
        try:
            await asyncio.wait_for(channel.news.wait(), seconds)
        except TimeoutError:
            return None
        pieces: list[bytes] = []
        while channel.waiting and (not pieces or len(channel.waiting[0]) <= most):
            pieces.append(channel.waiting.popleft())
            most -= len(pieces[-1])
        if not pieces and self._dead:
            raise ServerDiedError
        ended = channel.fragments.ended and not channel.waiting
        if not channel.waiting and not ended and not self._dead:
            channel.news.clear()
        return pieces, ended

    def _packet(self, line: bytes) -> None:
        try:
            packet = ElementTree.fromstring(line.strip())
            target = uuid.UUID(packet.get("PSGuid", ""))
        except (ElementTree.ParseError, ValueError):
            return  # something that a script printed past the server
        if packet.tag == "Data":
            data = base64.b64decode(packet.text or "")
            # The server sends the state of its initial command, which no client asked for, as if the pool were a pipeline.
            if target in self._channels and not (target == POOL and _message_type(data) == _PIPELINE_STATE):
                self._channels[target].add(data)
        elif (answer := self._answers.get((packet.tag, target))) is not None and not answer.done():
            answer.set_result(None)

    def _ended(self) -> None:
        self._dead = True
        for answer in self._answers.values():
            with contextlib.suppress(asyncio.InvalidStateError):
                answer.set_exception(ServerDiedError())
        for channel in self._channels.values():
            channel.news.set()
