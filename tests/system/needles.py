# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for product keys in whatever a run left behind, in any spelling. Knows nothing of the masking in plugins/."""

from __future__ import annotations

import pathlib
import re
import threading
import typing as t

# Every dash of Unicode, as itself and as JSON and repr() write it.
_DASHES = re.compile(r"[\u002d\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d]|\\u(?:00ad|201[0-5]|2212|fe58|fe63|ff0d)|\\xad", re.IGNORECASE)
_WINDOW, _STEP, _SHOWN = 10, 5, 5


def squeeze(text: str) -> str:
    """Return a text in lower case and without any dash."""
    return _DASHES.sub("", text).lower()


def pieces(key: str) -> list[str]:
    """Return the squeezed pieces of a key of which none may be seen: any two groups side by side. The last group alone may be."""
    squeezed = squeeze(key)
    assert len(squeezed) >= _WINDOW + _SHOWN
    return [squeezed[start : start + _WINDOW] for start in range(0, len(squeezed) - _SHOWN, _STEP)]


def found(keys: t.Iterable[str], text: str) -> list[str]:
    """Return those keys of which a text shows two groups side by side, or more."""
    squeezed = squeeze(text)
    return [key for key in keys if any(piece in squeezed for piece in pieces(key))]


def texts_below(folder: pathlib.Path, but: t.Iterable[pathlib.Path] = ()) -> dict[str, str]:
    """Return the content, and the name, of every file in a folder and its folders."""
    left_out = {path.resolve() for path in but}
    return {
        str(path): f"{path}\n{path.read_bytes().decode('utf-8', errors='replace')}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.resolve() not in left_out
    }


class ProcessList:
    """Watches the command lines of all processes of this machine while a with statement lasts."""

    def __init__(self) -> None:
        self.command_lines: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> ProcessList:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.command_lines.add(path.read_bytes().replace(b"\0", b" ").decode("utf-8", errors="replace"))
                except OSError:
                    continue  # it has ended meanwhile
