# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence in files of the controller: facts files as a stream, pasted text, exported logs.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

An error names the file, the line, what was found there and the next step: evidence that can't be read is never left out in silence.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import typing as t

from ._evidence.event import KmsEvent
from ._evidence.exports import read_export
from ._evidence.pasted_lines import kept
from ._evidence.plain import EvidenceError
from ._evidence.texts import decode
from ._keys import shown

MAX_TEXT_BYTES = 16 * 1024 * 1024
"""Size of a pasted text. A long /dlv all has a megabyte; what is larger is not what somebody pasted."""

NEXT_FACTS = "Next: give a file that activation_info wrote with facts_path, one JSON object a line"

# Programs that take a password on their command line, in more ways than can be told from other arguments.
_COMMAND = re.compile(
    r"(\b(?:slmgr|ospp|psexec(?:64)?|winrs|runas|net\s+use|schtasks|wmic)\b(?:\.(?:vbs|exe))?[\"']?)\s+\S.*", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One machine's line of a facts file. C(where) names file and line, for errors."""

    where: str
    data: dict[str, t.Any]

    @property
    def name(self) -> str:
        """The machine's inventory name."""
        return t.cast(str, self.data["inventory_hostname"])


class FactsFiles:
    """Facts files read as one, as often as needed, a line at a time. Of one machine the last line counts, that of the last file.

    The first reading looks at every line, and remembers of each machine its name and where its last line begins; so memory grows with the number of
    machines and not with their facts. Raises EvidenceError for what is no facts file.
    """

    def __init__(self, paths: t.Iterable[pathlib.Path], *, each: t.Callable[[Row], None] | None = None) -> None:
        """Look at every line. C(each) is called with those that count, and costs a second reading."""
        self._paths = tuple(paths)
        last: dict[str, tuple[int, int]] = {}
        for index, path in enumerate(self._paths):
            empty = True
            for offset, row in self._lines(path, None):
                last[row.name] = (index, offset)
                empty = False
            if empty:
                raise EvidenceError(f"the facts file {path} is empty: no machine is in it. {NEXT_FACTS}")
        self._wanted: tuple[set[int], ...] = tuple(set() for _path in self._paths)
        for index, offset in last.values():
            self._wanted[index].add(offset)
        self.names = frozenset(last)
        if each is not None:
            for row in self:
                each(row)

    def __iter__(self) -> t.Iterator[Row]:
        """Give each machine's last line, in the order of the files. Raises EvidenceError for a file that was written anew since it was looked at."""
        for path, wanted in zip(self._paths, self._wanted, strict=True):
            left = set(wanted)
            for offset, row in self._lines(path, wanted):
                if row.name not in self.names:
                    raise _changed(path)
                left.discard(offset)
                yield row
            if left:
                raise _changed(path)

    @staticmethod
    def _lines(path: pathlib.Path, wanted: set[int] | None) -> t.Iterator[tuple[int, Row]]:
        try:
            with path.open("rb") as file:
                offset = 0
                for number, line in enumerate(file, start=1):
                    begin, offset = offset, offset + len(line)
                    if line.strip() and (wanted is None or begin in wanted):
                        yield begin, _row(line, f"line {number} of {path}")
        except OSError as error:
            raise EvidenceError(f"the facts file {path} can't be read: {error.strerror or error}. {NEXT_FACTS}") from None


def _changed(path: pathlib.Path) -> EvidenceError:
    return EvidenceError(f"the facts file {path} changed while it was read. Next: run it again when nothing writes the file any more")


def _row(line: bytes, where: str) -> Row:
    try:
        data = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        reason = (
            "no UTF-8" if isinstance(error, UnicodeDecodeError) else "no JSON" if isinstance(error, ValueError) else "nested too deeply"
        )
        raise EvidenceError(f"{where} is {reason}; it begins with {beginning(line)}. {NEXT_FACTS}") from None
    if not isinstance(data, dict):
        raise EvidenceError(f"{where} holds no JSON object but {beginning(line)}. {NEXT_FACTS}")
    if not isinstance(data.get("inventory_hostname"), str) or not data["inventory_hostname"]:
        raise EvidenceError(f"{where} does not say of which machine it is: it has no inventory_hostname. {NEXT_FACTS}")
    return Row(where, data)


def beginning(text: str | bytes) -> str:
    """Return the beginning of what somebody gave, as an error quotes it: of one line, without product keys and without what a command was given."""
    head = text[:4096].decode("utf-8", errors="replace") if isinstance(text, bytes) else text[:4096]
    first = next((line for line in head.splitlines() if line.strip()), "").strip()
    return shown(_COMMAND.sub(r"\1 (not shown)", kept(first)))


@dataclasses.dataclass(frozen=True)
class Text:
    """A text that somebody pasted or saved. C(origin) is the file's name, or which of the texts it is."""

    origin: str
    text: str

    @property
    def stem(self) -> str:
        """The file's name without folder and ending."""
        return pathlib.PurePath(self.origin).stem


def read_text(value: str, which: str = "pasted text") -> Text:
    """Return a text that is given itself or by the path of its file; a value of one line is taken for a path when there is such a file.

    How a file is encoded is told by its bytes: L(decode). Raises
    EvidenceError for a path that leads to no readable file: one line that ends like a file's name, or has no blank in it.
    """
    if "\n" in value or "\r" in value:
        return Text(which, value)
    path = pathlib.Path(value).expanduser()
    is_folder = False
    try:
        is_file, is_folder = path.is_file(), bool(value.strip()) and path.is_dir()
    except (OSError, ValueError):
        is_file = False  # too long for a path, or with characters that none has
    if is_file:
        return Text(str(path), decode(bytes_of(path)))
    if is_folder:
        raise EvidenceError(f"{which}: {path} is a directory. Next: give the files in it, each by its path")
    if not value.strip() or " " not in value.strip() or path.suffix.lower() in (".txt", ".log", ".out"):
        raise EvidenceError(
            f"{which}: there is no file {beginning(value)}. Next: give the path of a file on the controller, or the output of slmgr itself, lines and all"
        )
    return Text(which, value)


def read_export_file(path: pathlib.Path) -> t.Iterator[KmsEvent]:
    """Return the licensing events of an exported log, as L(read_export) does. The file is read as it is asked for."""
    return read_export(lambda: path.open("rb"), str(path))


def bytes_of(path: pathlib.Path) -> bytes:
    """Return the content of a file that is no larger than a pasted text may be. Raises EvidenceError."""
    try:
        size = path.stat().st_size
        if size > MAX_TEXT_BYTES:
            raise EvidenceError(
                f"{path} has {size} bytes, too many for a pasted text ({MAX_TEXT_BYTES} at most). Next: event logs go to event_exports, facts to facts_paths"
            )
        return path.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{path} can't be read: {error.strerror or error}. Next: give a file that you may read") from None
