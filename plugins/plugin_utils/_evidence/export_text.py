# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events as text: what Event Viewer copies, what wevtutil /f:text and Format-List print, what people paste.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Labels are in the language of the machine. What is behind them is not: names of logs, numbers of events, times. A record begins with a line that has a
label, and the next one where a label of it comes again, so that no list of labels in all languages is needed; the few that are known help where two
numbers are to be told apart.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .._catalogue.event_types import event_type
from .event import APPLICATION_LOG, KMS_LOG, REQUEST_SENT, REQUEST_SERVED, RESPONSE_PROCESSED, KmsEvent
from .export_record import Dates, Untold, make, unreadable, whole
from .export_xml import XML_BEGIN, read_xml
from .names import GUID as _GUID

_LABEL = re.compile(r"\s{0,40}(?P<label>[^\W\d_][^:\uff1a<>,;=\n]{0,29}?)[ \t\u00a0]{0,30}[:\uff1a](?P<value>[^\n]*)\n?")
_WEVTUTIL = re.compile(r"\s*Event\s?\[[0-9]+\]:?\s*")
_LOGS = frozenset({APPLICATION_LOG, KMS_LOG, "System", "Security", "Setup"})
_ID_LABELS = frozenset(
    {"event id", "eventid", "id", "event", "ereignis-id", "id de l'événement", "id de l\u2019événement", "id. de evento", "id evento"}
    | {"事件 id", "事件标识符", "イベント id", "이벤트 id"}
)
_SOURCE_LABELS = frozenset({"source", "providername", "quelle", "来源", "來源", "ソース", "origen", "origine", "원본"})
_COMPUTER_LABELS = frozenset(
    {"computer", "machinename", "ordinateur", "コンピューター", "コンピュータ", "计算机", "電腦", "equipo", "컴퓨터"}
)
_RECORD_LABELS = frozenset({"recordid", "eventrecordid"})
_MESSAGE_LABELS = frozenset({"message", "description", "beschreibung", "说明", "描述", "説明", "descripción", "descrizione", "설명"})

_HEX = r"0x[0-9A-Fa-f]{1,8}"
# What 12288, 12289 and 12290 look like when nobody says which they are: each differs from the others in its first fields.
_SHAPES = (
    (REQUEST_SENT, re.compile(rf"{_HEX}\s*,\s*{_HEX}\s*,[^,]*,\s*{_GUID}\s*,")),
    (RESPONSE_PROCESSED, re.compile(rf"{_HEX}\s*,\s*{_HEX}\s*,\s*[01]\s*,[^,]*,\s*[0-9]+\s*,\s*[0-9]+\s*,\s*[0-9]+\s*,")),
    (REQUEST_SERVED, re.compile(rf"{_HEX}\s*,\s*[0-9]+\s*,[^,]*,\s*{_GUID}\s*,")),
)

_LONGEST = 256 * 1024
"""Characters of one record: an event has 64 KiB of data at the most, and a rendered message repeats little of it."""


@dataclasses.dataclass
class _Block:
    """The lines of one record, and the labels of its head."""

    line: int
    lines: list[str] = dataclasses.field(default_factory=list)
    head: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    message_at: int | None = None
    length: int = 0

    @property
    def has_id(self) -> bool:
        return any(whole(value) and event_type(whole(value) or 0) or label in _ID_LABELS for label, value in self.head)


def read_text(lines: t.Iterator[str], name: str) -> t.Iterator[KmsEvent]:
    """Return the records of a text one after the other.

    lines: the text in lines with their ends. name: of the export, for what is said of a damaged record. Text before, between and behind records that
    has nothing of a record in it is left out.
    """
    dates = Dates()
    for number, block in enumerate(_blocks(lines), 1):
        yield from _read(block, dates, f"record {number} of {name} (line {block.line})", name)


def shape_of(text: str) -> int | None:
    """Return which event a text with commas is, None when it is none of 12288, 12289 and 12290."""
    return next((event_id for event_id, shape in _SHAPES if shape.search(text)), None)


def _blocks(lines: t.Iterator[str]) -> t.Iterator[_Block]:
    block = _Block(1)
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r\n").removeprefix("\ufeff") + "\n"
        found = _LABEL.fullmatch(line)
        label, value = (found["label"].strip().lower(), found["value"].strip()) if found else ("", "")
        if _begins(block, line, label, value) or block.length > _LONGEST:
            yield block
            block = _Block(number)
        if _WEVTUTIL.fullmatch(line):
            continue
        block.lines.append(line)
        block.length += len(line)
        if block.message_at is not None:
            continue
        if label in _MESSAGE_LABELS:
            block.message_at = len(block.lines) - 1
        if label:
            block.head.append((label, value))
        elif line.strip() and block.has_id:
            block.message_at = len(block.lines) - 1
        elif line.strip() and len(block.head) < 2:
            block.head.clear()
    yield block


def _begins(block: _Block, line: str, label: str, value: str) -> bool:
    """Tell whether a line is the first one of another record."""
    if _WEVTUTIL.fullmatch(line):
        return bool(block.lines)
    if not label:
        # A second line of fields without labels around it.
        return shape_of(line) is not None and any(shape_of(text) for text in block.lines)
    if block.message_at is None and not block.has_id:
        return False
    has_log = any(known in _LOGS for _label, known in block.head)
    return any(label == known for known, _value in block.head) or (value in _LOGS and (has_log or block.message_at is not None))


def _read(block: _Block, dates: Dates, where: str, name: str) -> t.Iterator[KmsEvent]:
    text = "".join(block.lines)
    if XML_BEGIN.search(text):
        yield from read_xml(iter([text]), name)
        return
    event_id = _event_id(block)
    body = text if block.message_at is None else "".join(block.lines[block.message_at :])
    if event_id is None:
        event_id = shape_of(text)
        if event_id is None:
            if block.has_id or any(value in _LOGS for _label, value in block.head):
                yield unreadable(text, where, "it has no event id")
            return
    first = _LABEL.fullmatch(body.splitlines(keepends=True)[0]) if block.message_at is not None else None
    if first is not None and first["label"].strip().lower() in _MESSAGE_LABELS:
        body = first["value"].lstrip() + "\n" + body.partition("\n")[2]
    labels = dict(reversed(block.head))
    event = make(
        event_id,
        [body.strip("\n")],
        dates,
        when=_when(block, dates),
        log=next((value for _label, value in block.head if value in _LOGS), labels.get("log name") or labels.get("logname")),
        computer=next((value for label, value in block.head if label in _COMPUTER_LABELS and value), None) or _before_description(block),
        record_number=next((whole(value) for label, value in block.head if label in _RECORD_LABELS), None),
        source=next((value for label, value in block.head if label in _SOURCE_LABELS and value), None),
    )
    if event is not None:
        yield event


def _event_id(block: _Block) -> int | None:
    numbers = [(label, whole(value.split()[0]) if value.split() else None) for label, value in block.head]
    named = [number for label, number in numbers if label in _ID_LABELS and number is not None]
    known = [number for _label, number in numbers if number and event_type(number)]
    found = named or known or [number for _label, number in numbers if number]
    return found[0] & 0xFFFF if found and found[0] <= 0xFFFFFFFF else None


def _when(block: _Block, dates: Dates) -> str | None:
    """Return the value that is a time; one that may be two days is one as well."""
    for _label, value in block.head:
        if re.search(r"[0-9]", value) and re.search(r"[0-9]{4}", value) and re.search(r"[0-9]{1,2}[:.][0-9]{2}", value):
            found = dates.read(value)
            if not isinstance(found, Untold) or found.is_date:
                return value
    return None


def _before_description(block: _Block) -> str | None:
    """Return the value of the last label before the one of the message: the computer, in what Event Viewer and wevtutil write."""
    if len(block.head) < 5 or block.head[-1][1] or not block.head[-2][1]:
        return None
    value = block.head[-2][1]
    return value if re.fullmatch(r"[\w.-]{1,255}", value) and not value.isdecimal() else None
