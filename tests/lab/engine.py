# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab's PowerShell comes from.

In this order: the environment variable KMS_LAB_PWSH (the path of a pwsh; empty for none at all), a pwsh on PATH that is recent enough, the archive
beside the checkout, unpacked once into .cache. This is the one file that knows of that archive.
"""

from __future__ import annotations

import dataclasses
import fcntl
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import typing as t

VARIABLE = "KMS_LAB_PWSH"
ADVICE = f"set {VARIABLE} to a pwsh of version 7.6 or later, or put one on PATH"

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_ARCHIVE = _REPOSITORY.parent / "shared" / "powershell" / "powershell.tar.xz"
_CACHE = _REPOSITORY / ".cache"
# ansible-core 2.19 and 2.20 use [SystemPolicy], which PowerShell has made public on Linux with 7.6.
_LEAST_VERSION = (7, 6)
_VERSION_SECONDS = 60.0


class EngineError(RuntimeError):
    """An engine that was named or is there cannot be used; the text says which and why."""


@dataclasses.dataclass(frozen=True)
class Engine:
    """A PowerShell. C(executable) is the program itself, no link to it; C(source) tells where it came from, for people."""

    executable: pathlib.Path
    source: str

    @property
    def official(self) -> bool:
        """Whether this is Microsoft's distribution, and not the engine with the small host of the archive, whose cmdlets are in files of its own."""
        return not (self.executable.parent / "PSHost.Commands.Utility.dll").exists()


@functools.cache
def find() -> Engine | None:
    """Return the engine, None when there is none. The first call may unpack an archive, which takes seconds. Raises EngineError."""
    return locate()


def locate(environ: t.Mapping[str, str] = os.environ, archive: pathlib.Path = _ARCHIVE, cache: pathlib.Path = _CACHE) -> Engine | None:
    """Return the engine that these places give, None when none of them has one. Raises EngineError."""
    named = environ.get(VARIABLE)
    if named is not None:
        return _named(named) if named else None
    on_path = shutil.which("pwsh", path=environ.get("PATH", os.defpath))
    if on_path is not None and _version(on_path) >= _LEAST_VERSION:
        return Engine(pathlib.Path(on_path).resolve(), "pwsh on PATH")
    if archive.is_file():
        return Engine(unpack(archive, cache).resolve(), archive.name)
    return None


def _named(text: str) -> Engine:
    path = pathlib.Path(text)
    if not path.is_file() or not os.access(path, os.X_OK):
        raise EngineError(f"{VARIABLE} is {text!r}, which is no program; name a pwsh, or unset it")
    return Engine(path.resolve(), VARIABLE)


def _version(program: str) -> tuple[int, ...]:
    """Return the version of a pwsh, () when it does not say."""
    command = [program, "-NoProfile", "-NonInteractive", "-Command", "$PSVersionTable.PSVersion.ToString()"]
    try:
        said = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_VERSION_SECONDS
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.match(r"(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else ()


def unpack(archive: pathlib.Path, cache: pathlib.Path) -> pathlib.Path:
    """Return the pwsh of an archive, which is unpacked at the first call; several processes may call at once.

    The archive's SHA-256 is in a file beside it, and in the name of the folder: another archive gets a folder of its own.
    Raises EngineError when the sum differs or the archive cannot be read.
    """
    try:
        wanted = archive.with_name(archive.name + ".sha256").read_text(encoding="ascii").split()[0]
    except (OSError, IndexError) as error:
        raise EngineError(f"{archive.name} has no SHA-256 beside it: {error}") from None
    home = cache / f"powershell-{wanted[:16]}"
    program = home / "powershell" / "pwsh"
    # The folder appears by renaming, so that it is whole as soon as it is there.
    if program.exists():
        return program
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "powershell.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _unpack(archive, wanted, home)
    return program


def _unpack(archive: pathlib.Path, wanted: str, home: pathlib.Path) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise EngineError(f"{archive.name} is damaged: its SHA-256 is {found}, and {wanted} is expected")
    with tempfile.TemporaryDirectory(prefix="powershell-", dir=home.parent) as folder:
        unpacked = pathlib.Path(folder) / "new"
        try:
            with tarfile.open(archive) as tar:
                # Early releases of Python 3.11 have no filters; the sum above vouches for the content there.
                tar.extractall(unpacked, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # type: ignore[arg-type]
        except (tarfile.TarError, OSError) as error:
            raise EngineError(f"{archive.name} cannot be unpacked: {error}") from None
        unpacked.rename(home)
