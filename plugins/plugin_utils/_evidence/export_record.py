# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readers of exported event logs share: one record with the names that PowerShell, CIM and Event Viewer give its properties, and its time.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import re
import typing as t

from .._keys import mask_keys, shown
from .event import KmsEvent
from .events import decode, is_of_another_program
from .plain import EvidenceError, in_utc

UNREADABLE = 0
"""Event id of a record that could not be read: what was found is in C(strings), what is wrong in C(problems)."""

_SNIPPET = 200
"""Characters of a record that can't be read which are kept."""


class ExportError(EvidenceError):
    """An export that can't be read. The text has the name of the export, the place, and the next step."""


def unreadable(text: str, where: str, what: str) -> KmsEvent:
    """Return what stands for a record that could not be read.

    text:  what was found there. where: which one it is, e.g. C(record 17). what: what is wrong.
    """
    return with_more(
        decode(UNREADABLE, [mask_keys(text[: 2 * _SNIPPET])[:_SNIPPET]]), problems=[f"{where} could not be read: {mask_keys(what)}"]
    )


# Names of properties: Get-WinEvent, Get-EventLog, Win32_NTLogEvent (Microsoft: Learn), which are not translated, and the English columns of Event
# Viewer. Compared in lower case without anything but letters; the first that is there counts.
_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("eventid", "id", "eventcode", "instanceid", "eventidentifier"),
    "time": ("timecreated", "timegenerated", "timewritten", "dateandtime", "date", "systemtime", "time"),
    "log": ("logname", "log", "logfile", "channel"),
    "computer": ("machinename", "computername", "computer"),
    "record": ("recordid", "recordnumber", "eventrecordid", "index"),
    "source": ("providername", "sourcename", "source", "provider"),
    "message": ("message", "description"),
    "strings": ("properties", "replacementstrings", "insertionstrings", "strings", "eventdata"),
}


def property_names(names: t.Iterable[t.Any]) -> dict[str, t.Any]:
    """Return which of the names stands for what: C(id), C(time), C(log), C(computer), C(record), C(source), C(message), C(strings)."""
    plain = {re.sub(r"[^a-z]", "", str(name).lower()): name for name in reversed(list(names))}
    return {what: next(plain[name] for name in known if name in plain) for what, known in _NAMES.items() if any(n in plain for n in known)}


def of_properties(row: t.Mapping[t.Any, t.Any], names: t.Mapping[str, t.Any], dates: Dates, where: str) -> KmsEvent | None:
    """Return the record that a row of named properties holds; None for one of another program.

    names: of L(property_names). dates: what is known of the way this export writes dates. where: for what is said of a damaged row.
    """
    values = {what: row.get(name) for what, name in names.items()}
    event_id = whole(values.get("id"))
    if event_id is None or not 0 <= event_id <= 0xFFFFFFFF:
        return unreadable(repr(values.get("message") or row), where, f"its event id is {shown(str(values.get('id')), 40)}, not a number")
    strings = _strings(values.get("strings"))
    if not any(text.strip() for text in strings):
        strings = [_text(values.get("message")) or ""] if values.get("message") is not None else []
    record = whole(values.get("record"))
    return make(
        # An InstanceId is Qualifiers * 65536 + id (the message table of the provider).
        event_id & 0xFFFF,
        strings,
        dates,
        when=values.get("time"),
        log=_text(values.get("log")),
        computer=_text(values.get("computer")),
        record_number=record if record is None or record >= 0 else None,
        source=_text(values.get("source")),
    )


def make(
    event_id: int,
    strings: t.Sequence[str],
    dates: Dates,
    *,
    when: t.Any = None,
    log: str | None = None,
    computer: str | None = None,
    record_number: int | None = None,
    source: str | None = None,
) -> KmsEvent | None:
    """Return a record decoded, its time read as far as it can be told; None for one that another program wrote under the same number."""
    # Some programs number their records 0.
    if event_id == UNREADABLE or is_of_another_program(event_id, source):
        return None
    found = dates.exact(when)
    time, local = found or (None, False)
    event = decode(
        event_id, strings, log=log or None, computer=computer or None, record_number=record_number, time=time, time_is_local=local
    )
    if found is not None or when is None or when == "":
        return event
    near = event.fields.get("client_time")
    told = dates.read(when, near if isinstance(near, datetime.datetime) else None)
    if isinstance(told, Untold):
        return with_more(event, problems=[told.sentence])
    return with_more(event, time=told[0], time_is_local=told[1])


def with_more(event: KmsEvent, **changes: t.Any) -> KmsEvent:
    """Return the record with what is known beside its data; C(problems) are added."""
    problems = (*event.problems, *changes.pop("problems", ()))
    return dataclasses.replace(event, problems=problems, **changes)


def _text(value: t.Any) -> str | None:
    """Return a property as a text; PowerShell nests some of them (C(value), C(Name))."""
    if isinstance(value, collections.abc.Mapping):
        value = next((value[name] for name in ("Value", "value", "Name", "name", "#text") if name in value), None)
    if value is None or isinstance(value, str):
        return value
    return str(value)


def _strings(value: t.Any) -> list[str]:
    """Return insertion strings: texts, or EventProperty objects. What PowerShell writes for a list that it does not look into is none."""
    if isinstance(value, collections.abc.Mapping):
        value = next((value[name] for name in ("Data", "value", "Value") if name in value), None)
    if isinstance(value, str):
        return [] if value.startswith("System.") else [value]
    if not isinstance(value, collections.abc.Sequence):
        return []
    found = [_text(item) or "" for item in value]
    return [] if found and all(text.startswith("System.Diagnostics.") for text in found) else found


def whole(value: t.Any) -> int | None:
    """Return a whole number given as a number or as digits, None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,18}\s*", value):
        return int(value)
    return None


_JSON_DATE = re.compile(r"\\?/Date\((-?[0-9]{1,17})(?:[+-][0-9]{4})?\)\\?/")
_DMTF = re.compile(r"([0-9]{14})\.([0-9]{6})([+-][0-9]{3})")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*", re.DOTALL)
_LOCAL = re.compile(
    r"(?P<a>[0-9]{1,4})\s*(?P<sep>[/.-])\s*(?P<b>[0-9]{1,2})\s*(?P=sep)\s*(?P<c>[0-9]{1,4})\.?,?\s+"
    r"(?P<before>[^\s0-9]{1,4}\s+)?(?P<hour>[0-9]{1,2})[:.](?P<minute>[0-9]{2})(?:[:.](?P<second>[0-9]{2}))?(?P<after>\s+[^\s0-9]{1,4}|\s+[ap]\.\s?m\.)?",
    re.IGNORECASE,
)
_MORNING = ("am", "a.m.", "a. m.", "上午", "午前", "오전")
_AFTERNOON = ("pm", "p.m.", "p. m.", "下午", "午後", "오후")
_INVISIBLE = re.compile(r"[\u200e\u200f\u202a-\u202e\ufeff]")
_FAR = datetime.timedelta(hours=36)
"""Farther than that from the client's time, in UTC, no local time can be that a host or client wrote the same request at."""


@dataclasses.dataclass(frozen=True)
class Untold:
    """A time that can't be told, in a sentence. C(is_date): it is one, and either of two days."""

    sentence: str
    is_date: bool = False


class Dates:
    """Reads the times of one export.

    Windows writes local times in the order of the machine's region, and 3/4/2026 is one of two days. Such a date is read where the record itself tells
    (12288, 12289 and 12290 have the time in UTC in their data) or where an earlier date of the same export has shown the order; it is not guessed. What comes
    before the first such date stays without a time: an export is read once, as a stream.
    """

    def __init__(self) -> None:
        self._day_first: bool | None = None

    def read(self, value: t.Any, near: datetime.datetime | None = None) -> tuple[datetime.datetime, bool] | Untold:
        """Return a time in UTC and whether it is a local time taken for UTC.

        near: a time in UTC that cannot be far from it.
        """
        found = self.exact(value)
        return self._local(_date_text(value), near) if found is None else found

    @staticmethod
    def exact(value: t.Any) -> tuple[datetime.datetime, bool] | None:
        """Return a time of a form that is the same everywhere; None for any other."""
        if isinstance(value, datetime.datetime):
            return _zoned(value)
        if value is None or value == "":
            return None
        text = _date_text(value)
        return _iso(text) or _json_date(text) or _dmtf(text)

    def _local(self, text: str, near: datetime.datetime | None) -> tuple[datetime.datetime, bool] | Untold:
        unclear = Untold(f"the time of the record is {shown(text, 40)}, which can't be told")
        found = _LOCAL.fullmatch(text)
        if found is None:
            return unclear
        hour = _hour(int(found["hour"]), (found["before"] or "") + (found["after"] or ""))
        if hour is None:
            return unclear
        a, b, c = int(found["a"]), int(found["b"]), int(found["c"])
        if len(found["a"]) == 4:
            orders = [(a, b, c)]
        elif len(found["c"]) != 4:
            return unclear
        elif found["sep"] == ".":
            orders = [(c, b, a)]
        else:
            orders = [(c, b, a), (c, a, b)]
        times: list[datetime.datetime | None] = []
        for year, month, day in orders:
            try:
                times.append(
                    datetime.datetime(year, month, day, hour, int(found["minute"]), int(found["second"] or 0), tzinfo=datetime.UTC)
                )
            except ValueError:
                times.append(None)
        real = {time for time in times if time is not None}
        if len(real) == 2 and near is not None:
            real = {time for time in real if abs(time - near) <= _FAR} or real
        if len(real) == 2 and self._day_first is not None:
            real &= {times[0 if self._day_first else 1]}
        if len(real) != 1:
            both = f"the time of the record is {text!r}, and whether its day or its month is first can't be told"
            return Untold(both, is_date=True) if real else unclear
        time = real.pop()
        if len(times) == 2 and times[0] != times[1]:
            self._day_first = time == times[0]
        return time, True


def _date_text(value: t.Any) -> str:
    """Return a date as a text; Windows PowerShell nests some of them."""
    if isinstance(value, collections.abc.Mapping):
        value = next((value[name] for name in ("value", "DateTime", "SystemTime") if name in value), None)
    text = str(value).strip()
    return text if text.isascii() else _INVISIBLE.sub("", text).replace("\u202f", " ").replace("\xa0", " ").strip()


def _zoned(time: datetime.datetime) -> tuple[datetime.datetime, bool] | None:
    try:
        return in_utc(time), time.tzinfo is None
    except ValueError:
        return None


def _json_date(text: str) -> tuple[datetime.datetime, bool] | None:
    found = _JSON_DATE.fullmatch(text)
    try:
        # Milliseconds since 1970 in UTC; an offset behind them is how to show it.
        return None if found is None else (datetime.datetime.fromtimestamp(int(found[1]) / 1000, datetime.UTC), False)
    except (ValueError, OverflowError, OSError):
        return None


def _dmtf(text: str) -> tuple[datetime.datetime, bool] | None:
    found = _DMTF.fullmatch(text)
    try:
        if found is None:
            return None
        time = datetime.datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=datetime.UTC)
        return time - datetime.timedelta(minutes=int(found[3])), False
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> tuple[datetime.datetime, bool] | None:
    if not _ISO.fullmatch(text):
        return None
    try:
        return _zoned(datetime.datetime.fromisoformat(text.removesuffix(" UTC") + ("+00:00" if text.endswith(" UTC") else "")))
    except (ValueError, OverflowError):
        return None


def _hour(hour: int, word: str) -> int | None:
    """Return the hour of the day; None for a word that is not known to mean morning or afternoon."""
    word = word.strip().lower()
    if not word:
        return hour
    if not 1 <= hour <= 12 or word not in (*_MORNING, *_AFTERNOON):
        return None
    return hour % 12 + (12 if word in _AFTERNOON else 0)
