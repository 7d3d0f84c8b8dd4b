# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of a text that somebody pasted: quoting, frames and odd characters taken off, product keys masked, and what is known of their ends.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import re

from .._keys import DASHES, mask_keys, one_line

SHORTEST_WRAP = 40
"""No console and no mail program breaks lines that are shorter than this; what looks like it there is no broken line."""

USUAL_WIDTHS = (72, 74, 76, 78, 80, 100, 120)
"""Widths at which mail programs and consoles break lines."""

# Marks of byte order and of direction, joiners, zeros of a misread UTF-16: nothing of it is ever seen.
_INVISIBLE = re.compile("[\x00\ufeff\u200b-\u200f\u2060-\u2064\u202a-\u202e]")
_BREAK = re.compile("\r\n|[\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_QUOTE = re.compile(r"^[ \t]*(?:>[ \t]?)+")
# Box drawing, and the pipes of tables; a pipe never occurs in what slmgr.vbs prints.
_FRAME_CHARS = "|" + "".join(map(chr, range(0x2500, 0x2580)))
_GROUP = "[0-9A-Za-z]{5}"
_KEY = re.compile(f"(?:{_GROUP}[{re.escape(DASHES)}]){{4,}}{_GROUP}")
_COMMAND_SECRET = re.compile(r"(slmgr(?:\.vbs)?[\"']?\s+[^\s/-]\S*\s+\S+\s+)(\S+)(?=\s+[-/])", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Line:
    """One line.

    text:   what stands on it, without white space at its ends.
    width:  characters up to its last visible one, indentation included and quoting not.
    ended:  a line break follows. The last line of a text that was cut ends anywhere.
    closed: the same, and it is not the last one of a text at the place where a console breaks lines either.
    full:   it is as wide as the widest line of the text, so that a console may have broken it within a word.
    indent: blanks before the text.
    """

    text: str
    width: int
    ended: bool = True
    closed: bool = True
    full: bool = False
    indent: int = 0


def lines_of(text: str) -> list[Line]:
    """Return the lines of a pasted text. No line holds a product key, not even one that a line break cut in two."""
    clean = _mask_across_breaks(_BREAK.sub("\n", _INVISIBLE.sub("", text)))
    rows = []
    for row in clean.split("\n"):
        # The other white space characters (no-break, thin, ideographic) stand where a blank stood, or between the thousands of a number.
        row = _QUOTE.sub("", "".join(" " if char.isspace() and char != "\t" else char for char in row)).expandtabs(8)
        rows.append(_without_frame(row).rstrip())
    widest = max(map(len, rows))

    def full(row: str) -> bool:
        return len(row) == widest >= SHORTEST_WRAP

    last = max((number for number, row in enumerate(rows) if row), default=0)
    return [
        Line(
            kept(row.strip()),
            len(row),
            ended=number < len(rows) - 1,
            closed=number < last or (last < len(rows) - 1 and not full(row)),
            full=full(row),
            indent=len(row) - len(row.lstrip()),
        )
        for number, row in enumerate(rows)
    ]


def _without_frame(row: str) -> str:
    """Return a line without the frame at its ends; of the blanks within, one goes with the frame. No expression: one would try every blank of a line."""
    begin = row.lstrip(" ")
    inner = begin.lstrip(_FRAME_CHARS)
    if inner != begin:
        row = inner.removeprefix(" ")
    end = row.rstrip(" ")
    return end if end[-1:] not in _FRAME_CHARS else end.rstrip(_FRAME_CHARS)


def kept(text: str) -> str:
    """Return a line as it may be kept: no product key, no password of a command line of slmgr.vbs, and nothing that a terminal would obey."""
    return _COMMAND_SECRET.sub(r"\1(not shown)", one_line(mask_keys(text)))


def may_be_wrapped(line: Line, following: str) -> bool:
    """Tell whether a line may have been broken at its end because the next word had no room on it."""
    if line.full:
        return True
    first = following.split(maxsplit=1)[0] if following.strip() else ""
    return line.width >= SHORTEST_WRAP and any(line.width <= width < line.width + 1 + len(first) for width in USUAL_WIDTHS)


def _mask_across_breaks(text: str) -> str:
    """Return the text with every key in it masked that line breaks, indentation and quoting tear apart. The length stays."""
    places = [
        place
        for piece in re.finditer(r"[^\n]+", re.sub(r"\n[ \t>|]+", lambda m: "\n" * len(m.group()), text))
        for place in range(*piece.span())
    ]
    compact = "".join(text[place] for place in places)
    found = [match.span() for match in _KEY.finditer(compact)]
    if not found:
        return text
    chars = list(text)
    for start, end in found:
        for place in places[start : end - 5]:
            if chars[place].isalnum():
                chars[place] = "X"
    return "".join(chars)
