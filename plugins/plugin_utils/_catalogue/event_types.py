# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about licensing events, from events.yml.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Facts have their source in the YAML file, not here.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .loader import read_data

_LOGS = {"application": "Application", "kms": "Key Management Service"}
"""Names of the logs as Windows has them, which are not translated."""


@dataclasses.dataclass(frozen=True)
class Field:
    """Where a value of an event is.

    name:     what it is called here.
    kind:     type word of events.yml.
    position: index of the part or data element, None where it has none.
    key:      name of a C(name=value) in the text.
    find:     C(first) or C(last) text of that type, for a rendered message.
    line:     for a rendered message: index among the lines that have a label (C(label = value), C(label:value)), -1 the last line.
    optional: nothing is wrong when it is empty or not there.
    """

    name: str
    kind: str
    position: int | None = None
    key: str | None = None
    find: str | None = None
    line: int | None = None
    optional: bool = False


@dataclasses.dataclass(frozen=True)
class EventType:
    """What is known about one event id; the fields are those of events.yml. C(code) is None for an event without an HRESULT."""

    event_id: int
    name: str
    side: str
    log: str
    meaning: str
    noise: bool
    storage: str
    code: Field | None
    fields: tuple[Field, ...]
    sources: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Flag:
    """One bit of the status flags of 12288 and 12289."""

    bit: int
    word: str
    symbol: str
    meaning: str


def _field(row: dict[str, t.Any]) -> Field:
    return Field(
        row["name"], row["type"], row.get("position"), row.get("key"), row.get("find"), row.get("line"), row.get("optional", False)
    )


def _event(row: dict[str, t.Any]) -> EventType:
    code = row.get("code")
    return EventType(
        event_id=row["id"],
        name=row["name"],
        side=row["side"],
        log=_LOGS[row["log"]],
        meaning=row["meaning"],
        noise=row.get("noise", False),
        storage=row.get("storage", "elements"),
        code=None if code is None else _field({"name": "code", "type": "code", **code}),
        fields=tuple(_field(field) for field in row.get("fields", ())),
        sources=tuple(row["sources"]),
    )


_DATA = read_data("events.yml")
_EVENTS: dict[int, EventType] = {row["id"]: _event(row) for row in _DATA["events"]}

FLAGS: tuple[Flag, ...] = tuple(Flag(**row) for row in _DATA["flags"])
"""The status flag bits, in the order of events.yml."""


def event_type(event_id: int) -> EventType | None:
    """Return what is known about an event id, None for one that events.yml does not have."""
    return _EVENTS.get(event_id)


def all_events() -> tuple[EventType, ...]:
    """Return every row of events.yml, in its order."""
    return tuple(_EVENTS.values())


def event_ids(log: str) -> tuple[int, ...]:
    """Return the ids worth asking a log for, in ascending order; none for a log that has no licensing events.

    log: C(Application) or C(Key Management Service), in any case. Bookkeeping (C(noise) in events.yml) is left out.
    """
    if log.casefold() == _LOGS["kms"].casefold():
        return tuple(sorted(_DATA["kms_log"]))
    return tuple(sorted(row.event_id for row in _EVENTS.values() if not row.noise and row.log.casefold() == log.casefold()))


def flag_words(flags: int) -> list[str]:
    """Return the words of the bits that are set, C(0x00000010) for a bit without a name."""
    words = [flag.word for flag in FLAGS if flags & flag.bit]
    rest = flags & ~sum(flag.bit for flag in FLAGS)
    return words + [f"0x{1 << bit:08X}" for bit in range(32) if rest >> bit & 1]
