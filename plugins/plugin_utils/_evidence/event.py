# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Licensing events as evidence: one decoded record, the state of a log, and what was read of a machine's logs.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The plain shape is public: docs/names.md.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from .._catalogue.event_types import all_events
from .codes import CodeFacts
from .plain import EvidenceError, build, moment, plain

APPLICATION_LOG = "Application"
KMS_LOG = "Key Management Service"
"""The log of 12290 alone; every other event that is read here is in Application (Microsoft: Volume Activation Technical Reference)."""

REQUEST_SENT = 12288
RESPONSE_PROCESSED = 12289
REQUEST_SERVED = 12290
PUBLISH_FAILED = 12293
PUBLISHED = 12294
"""Microsoft: Volume Activation Technical Reference, Table 11."""


MOMENTS = frozenset(field.name for kind in all_events() for field in kind.fields if field.kind == "minute")
"""Names of fields that hold moments: C(client_time)."""


@dataclasses.dataclass(frozen=True)
class KmsEvent:
    """One decoded record.

    event_id:      number of the event.
    name:          what it is, a word of events.yml (request_sent, response_processed, request_served, publish_failed, published, ...; C(unknown)).
    side:          client, host or any.
    log, computer, record_number: where it lay; None where the source does not tell.
    time:          when it was written, aware, UTC; None where the source does not tell.
    time_is_local: the source gave a time without a zone, taken for UTC: it may be hours off.
    code:          the HRESULT that the event carries, explained; None for events without one.
    fields:        typed values by the names of events.yml; None where a value was there and could not be read. Moments are datetimes here.
    strings:       the insertion strings as found, or the text they were taken from.
    problems:      what did not fit, one sentence each.
    """

    event_id: int
    name: str = "unknown"
    side: str = "any"
    log: str | None = None
    computer: str | None = None
    record_number: int | None = None
    time: datetime.datetime | None = None
    time_is_local: bool = False
    code: CodeFacts | None = None
    fields: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    strings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def number(self) -> int | None:
        """The event's code as an unsigned number, None without one."""
        return None if self.code is None else self.code.number

    def as_dict(self) -> dict[str, t.Any]:
        """Return the record as plain data."""
        return t.cast("dict[str, t.Any]", plain(self))


@dataclasses.dataclass(frozen=True)
class LogState:
    """The state of one log when it was read; None where it is not known.

    complete:          every wanted record since the bound was read.
    mode:              circular (overwrites the oldest), retain (stops when full) or auto_backup.
    full:              the log takes no more records.
    about_to_overwrite: the log is at its size and overwrites its oldest records, or is within a tenth of it.
    """

    log: str
    complete: bool | None = None
    enabled: bool | None = None
    mode: str | None = None
    full: bool | None = None
    about_to_overwrite: bool | None = None
    file_bytes: int | None = None
    maximum_bytes: int | None = None
    records: int | None = None
    oldest_record_at: datetime.datetime | None = None
    problem: str | None = None


@dataclasses.dataclass(frozen=True)
class Events:
    """What was read of a machine's event logs, the newest record first."""

    collected_at: datetime.datetime | None = None
    since: datetime.datetime | None = None
    logs: tuple[LogState, ...] = ()
    records: tuple[KmsEvent, ...] = ()
    problems: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return t.cast("dict[str, t.Any]", plain(self))

    def log(self, name: str) -> LogState | None:
        """Return the state of one log, None when it was not looked at."""
        return next((state for state in self.logs if state.log.casefold() == name.casefold()), None)


_VALUES = (str, int, float, datetime.datetime, type(None))


def read_event(data: t.Any, where: str = "event") -> KmsEvent:
    """Return a record made of plain data. C(client_time) in C(fields) becomes a moment again. Raises EvidenceError."""
    event = build(KmsEvent, data, where)
    for name, value in event.fields.items():
        # As decoded: a value, or a list of words. What is nested deeper comes from nobody who decodes events.
        if not all(isinstance(item, _VALUES) for item in (value if isinstance(value, (list, tuple)) else (value,))):
            raise EvidenceError(f"{where}: fields: {name} is nested")
    moments = {
        name: moment(value, f"{where}: fields: {name}") for name, value in event.fields.items() if name in MOMENTS and value is not None
    }
    return dataclasses.replace(event, fields={**event.fields, **moments}) if moments else event


def read_events(data: t.Any, where: str = "events") -> Events:
    """Return what was read of event logs, made of plain data (C(events) of a facts line, or of event_info). Raises EvidenceError."""
    events = build(Events, {**data, "records": ()} if isinstance(data, dict) else data, where)
    records = (data.get("records") or ()) if isinstance(data, dict) else ()
    if not isinstance(records, (list, tuple)):
        raise EvidenceError(f"{where}: records is {type(records).__name__}, not a list")
    return dataclasses.replace(events, records=tuple(read_event(row, f"{where}: records[{index}]") for index, row in enumerate(records)))
