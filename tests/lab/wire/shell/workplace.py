# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a machine's programs run: folders and an environment of its own."""

from __future__ import annotations

import asyncio
import pathlib
import typing as t

from tests.lab import engine

from .output import Output
from .process import Process, Slots

# Ansible's Windows shell plugin calls PowerShell (2.19) or powershell (2.21), which takes the folder of the link's target for $PSHOME.
_NAMES = ("powershell", "PowerShell", "pwsh")
# A process lives for a second or two, most of which Roslyn takes to compile Ansible.Basic. Code that is compiled twice to be faster later, and collecting its
# garbage, are not worth their while in it: without them it takes an eighth less (.NET: Runtime configuration options for compilation, for garbage collection).
# The size is hexadecimal, 128 MiB.
_SHORT_LIVED = {"DOTNET_TC_CallCounting": "0", "DOTNET_GCgen0size": "8000000"}


class NoEngineError(RuntimeError):
    """There is no PowerShell; the text says how to get one."""


class Programs:
    """The programs of all machines of a lab. C(folder) is the lab's directory."""

    def __init__(self, folder: pathlib.Path, find: t.Callable[[], engine.Engine | None] = engine.find) -> None:
        self._bin = folder / "bin"
        self._find = find
        self._found: engine.Engine | None = None
        self._finding = asyncio.Lock()
        self._running: set[Process] = set()
        self.slots = Slots()

    @property
    def bin(self) -> pathlib.Path:
        """The folder with the links to the engine."""
        return self._bin

    async def engine(self) -> engine.Engine:
        """Return the engine, with links to it in the folder bin. Raises NoEngineError."""
        async with self._finding:
            if self._found is None:
                try:
                    found = await asyncio.get_running_loop().run_in_executor(None, self._find)
                except engine.EngineError as error:
                    raise NoEngineError(str(error)) from None
                if found is None:
                    raise NoEngineError(engine.ADVICE)
                self._bin.mkdir(parents=True, exist_ok=True)
                for name in _NAMES:
                    link = self._bin / name
                    link.unlink(missing_ok=True)
                    link.symlink_to(found.executable)
                self._found = found
            return self._found

    def start(
        self, arguments: t.Sequence[str], environment: t.Mapping[str, str], folder: pathlib.Path, output: Output, patience: float
    ) -> Process:
        """Start a program as soon as there is a slot for it, and after so many seconds at the latest."""
        self._running = {process for process in self._running if process.output.exit_code is None}
        process = Process(arguments, environment, folder, self.slots, output, patience)
        self._running.add(process)
        return process

    async def close(self) -> None:
        """End everything that runs."""
        for process in self._running:
            process.kill()
        await asyncio.gather(*(process.ended() for process in self._running))
        self._running.clear()


class Workplace:
    """The folders and the environment of one machine.

    No program of a machine finds a folder of another machine in its environment, nor one of the person who runs the lab: Ansible's modules
    empty their temporary folder when they end. C(extra) gives further variables whenever a program starts.
    """

    def __init__(self, programs: Programs, folder: pathlib.Path, extra: t.Callable[[], t.Mapping[str, str]] = dict) -> None:
        self.programs = programs
        self._work, self._home, self._tmp = folder / "work", folder / "home", folder / "tmp"
        self._extra = extra

    def environment(self) -> dict[str, str]:
        """Return the environment of a program: this and no other."""
        tmp = str(self._tmp)
        return {
            "PATH": f"{self.programs.bin}:/usr/bin:/bin",
            "HOME": str(self._home),
            "TMPDIR": tmp,
            "TMP": tmp,
            "TEMP": tmp,
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            "NO_COLOR": "1",
            "POWERSHELL_TELEMETRY_OPTOUT": "1",
            "POWERSHELL_UPDATECHECK": "Off",
            **_SHORT_LIVED,
            **self._extra(),
        }

    async def prepare(self) -> pathlib.Path:
        """See to it that the engine and the folders are there, and return the folder to start a program in. Raises NoEngineError."""
        await self.programs.engine()
        for folder in (self._work, self._home, self._tmp):
            folder.mkdir(parents=True, exist_ok=True)
        return self._work

    async def powershell(self, arguments: t.Sequence[str], variables: t.Mapping[str, str], output: Output, patience: float) -> Process:
        """Start the engine, C(patience) seconds later at the latest. Raises NoEngineError."""
        folder = await self.prepare()
        program = str(self.programs.bin / "powershell")
        return self.programs.start([program, *arguments], self.environment() | dict(variables), folder, output, patience)
