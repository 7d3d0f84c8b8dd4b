# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command has printed and nobody has fetched yet."""

from __future__ import annotations

import asyncio
import dataclasses
import typing as t

Stream = t.Literal["stdout", "stderr"]
STREAMS: tuple[Stream, ...] = ("stdout", "stderr")


@dataclasses.dataclass(frozen=True)
class Part:
    """What one fetch gets. C(exit_code) is None while more may come."""

    stdout: bytes
    stderr: bytes
    exit_code: int | None


class Output:
    """Output of one command, for use inside one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._news = asyncio.Event()
        self.exit_code: int | None = None

    def write(self, stream: Stream, data: bytes) -> None:
        """Add output."""
        if data:
            self._waiting[stream] += data
            self._news.set()

    def finish(self, exit_code: int) -> None:
        """Say that the command has ended; the first call counts."""
        if self.exit_code is None:
            self.exit_code = exit_code
            self._news.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until there is output or an end to fetch, C(seconds) at most; return whether there is."""
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def take(self, most: int) -> Part:
        """Remove and return what is there, C(most) bytes of both streams together at most; the end comes with the last of it."""
        taken: dict[Stream, bytes] = {}
        for stream in STREAMS:
            waiting = self._waiting[stream]
            taken[stream] = bytes(waiting[:most])
            del waiting[:most]
            most -= len(taken[stream])
        more = any(self._waiting.values())
        if not more and self.exit_code is None:
            self._news.clear()
        return Part(taken["stdout"], taken["stderr"], None if more else self.exit_code)
