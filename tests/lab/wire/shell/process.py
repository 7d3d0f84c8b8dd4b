# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that runs for a machine, and how many may start to run at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import signal
import typing as t

from .output import Output, Stream

# .NET's Process.Kill, and so Stop-Process, ends a process by TerminateProcess with -1 (dotnet/runtime, Process.Windows.cs).
KILLED = -1
# Seconds to wait for a slot; a client waits for the end of a command as long as it takes.
PATIENCE = 60.0
_CHUNK = 65536


class Slots:
    """Lets so many engines run at once, and makes the others wait their turn.

    The simulated machines share the processors of one real one. Twenty PowerShells at once take the same time together as twenty in turn, but each of
    them takes all of it, which is longer than a client waits for one answer. Who waits for a slot is to its client a command that has not said anything yet.
    """

    def __init__(self, count: int | None = None) -> None:
        self._semaphore = asyncio.Semaphore(count or max(4, 2 * len(os.sched_getaffinity(0))))

    @contextlib.asynccontextmanager
    async def one(self, patience: float) -> t.AsyncIterator[None]:
        """Hold a slot for the length of the with statement.

        C(patience) is in seconds: who has waited so long runs all the same, so that commands whose clients have gone cannot keep the others from running.
        """
        try:
            await asyncio.wait_for(self._semaphore.acquire(), patience)
            held = True
        except TimeoutError:
            held = False
        try:
            yield
        finally:
            if held:
                self._semaphore.release()


class Process:
    """One process with a group of its own. Its output goes to C(output); a process that is killed ends with KILLED."""

    def __init__(
        self,
        arguments: t.Sequence[str],
        environment: t.Mapping[str, str],
        folder: pathlib.Path,
        slots: Slots,
        output: Output,
        patience: float,
    ) -> None:
        self.output = output
        self._arguments = arguments
        self._environment = environment
        self._folder = folder
        self._slots = slots
        self._patience = patience
        self._input: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._process: asyncio.subprocess.Process | None = None
        self._life = asyncio.create_task(self._live())

    def send(self, data: bytes, end: bool = False) -> None:
        """Give the process input; what it does not read is dropped when it ends."""
        if data:
            self._input.put_nowait(data)
        if end:
            self._input.put_nowait(None)

    def interrupt(self) -> None:
        """Do what Ctrl+C does."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End the process and all that it started."""
        if self._process is None:
            self._life.cancel()
            self.output.finish(KILLED)
        else:
            self._signal(signal.SIGKILL)

    async def ended(self) -> None:
        """Wait until nothing is left of it."""
        await asyncio.wait([self._life])

    def _signal(self, number: signal.Signals) -> None:
        # The number of a process that ended is free for another one.
        if self._process is not None and not self._life.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def _live(self) -> None:
        async with self._slots.one(self._patience):
            try:
                process = self._process = await asyncio.create_subprocess_exec(
                    *self._arguments,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    cwd=self._folder,
                    env=self._environment,
                    start_new_session=True,
                )
            except OSError as error:
                self.output.write("stderr", f"the lab could not start {self._arguments[0]}: {error.strerror}\r\n".encode())
                self.output.finish(1)
                return
            assert process.stdin is not None and process.stdout is not None and process.stderr is not None
            feeding = asyncio.create_task(self._feed(process.stdin))
            try:
                await asyncio.gather(self._pump(process.stdout, "stdout"), self._pump(process.stderr, "stderr"))
                code = await process.wait()
            finally:
                feeding.cancel()
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
                self._close(process)
        self.output.finish(KILLED if code < 0 else code)

    async def _feed(self, stdin: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):  # the process does not listen any more
            while (data := await self._input.get()) is not None:
                stdin.write(data)
                await stdin.drain()
        stdin.close()

    async def _pump(self, source: asyncio.StreamReader, stream: Stream) -> None:
        while data := await source.read(_CHUNK):
            self.output.write(stream, data)

    @staticmethod
    def _close(process: asyncio.subprocess.Process) -> None:
        # asyncio leaves the pipe of the input open when the process ends before the input does.
        transport = getattr(process, "_transport", None)
        if transport is not None:
            transport.close()
