# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the licensing events of a machine, and the state of the logs that they are in.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Reading a log costs the machine: a whole Application log of 25 MB with 60,000 records took WMI 35 seconds on a fast desktop (A. Kraus, MS Performance HUD,
2020). WMI asks the event log service, and that searches by XPath itself. So where the state of the logs is asked for, for which a PowerShell runs on the
machine in any case, the records are read in that same run, over every backend; where it is not, no PowerShell is started for a machine that is reached over
wsman.
"""

from __future__ import annotations

import datetime
import typing as t

from .._catalogue.event_types import event_ids as catalogue_ids
from .._windows.errors import LoginRefusedError, RedirectedError, WindowsError
from .._windows.interface import EventLogFacts, EventLogState, EventRecord, EventRecords, Reading, Windows
from .._windows.interface import Events as EventsOperation
from .event import APPLICATION_LOG, KMS_LOG, Events, KmsEvent, LogState
from .events import LICENSING_SOURCES, decode_record, is_of_another_program

LOGS = (APPLICATION_LOG, KMS_LOG)
"""Every log that is read."""

MODES = {"Circular": "circular", "Retain": "retain", "AutoBackup": "auto_backup"}
"""Values of EventLogMode (Microsoft: Learn, System.Diagnostics.Eventing.Reader)."""

NEARLY = 0.9
"""Part of its maximum size from which on a log is about to overwrite its oldest records."""

NO_LOG = "the machine has no event log of this name"


def read_event_logs(
    windows: Windows,
    now: datetime.datetime,
    *,
    since_hours: float = 24.0,
    limit: int = 500,
    budget_seconds: float = 20.0,
    logs: t.Sequence[str] = LOGS,
    event_ids: t.Sequence[int] | None = None,
    log_state: bool = True,
) -> Events:
    """Return the licensing events of the last hours, the newest first, and the state of their logs.

    now:            the time by the controller's clock, aware; a machine whose clock is off by hours has its records by its own.
    since_hours:    how far back, above 0.
    limit:          records of each log at the most, the newest.
    budget_seconds: time that reading one log may take; see the operation L(EventsOperation) for what it bounds.
    event_ids:      these instead of those of the catalogue, the same in each log.
    log_state:      also read whether each log is on, its size and how far it reaches back; starts a PowerShell on the machine.

    What could not be read of one log is in its C(problem), with C(complete) False. Where no PowerShell answers for the state, C(problems) says so, and the
    records are read without it. Raises the WindowsError of a machine that can't be reached.
    """
    since = now - datetime.timedelta(hours=since_hours)
    wanted = [_operation(log, since, limit, budget_seconds, event_ids) for log in logs]
    problems: list[str] = []
    states: list[Reading] = [Reading()] * len(logs)
    records: list[Reading] = []
    if log_state:
        try:
            found = windows.read([*(EventLogState(log) for log in logs), *wanted])
        except (LoginRefusedError, RedirectedError):
            raise
        except WindowsError as error:
            problems.append(f"The state of the event logs is not known. {error.line()}")
            log_state = False
        else:
            states, records = found[: len(logs)], found[len(logs) :]
    if not records:
        records = windows.read(wanted)
    logs_read = [_state(log, state, reading, problems, log_state, since) for log, state, reading in zip(logs, states, records, strict=True)]
    decoded = [_decoded(record) for reading in records if reading.error is None for record in _value(reading).records]
    return Events(
        collected_at=now,
        since=since,
        logs=tuple(logs_read),
        records=tuple(sorted(decoded, key=lambda event: (event.time or since, event.record_number or 0), reverse=True)),
        problems=tuple(problems),
    )


def _operation(log: str, since: datetime.datetime, limit: int, budget_seconds: float, event_ids: t.Sequence[int] | None) -> EventsOperation:
    ids = tuple(sorted(set(event_ids if event_ids is not None else catalogue_ids(log))))
    # Other programs number their events in the log Application as they like; the log of 12290 is KMS's own, whose source is spelled in several ways.
    shared = tuple(event_id for event_id in ids if is_of_another_program(event_id, "another")) if log == APPLICATION_LOG else ()
    return EventsOperation(log, ids, since, limit, budget_seconds, shared, LICENSING_SOURCES)


def _decoded(record: EventRecord) -> KmsEvent:
    return decode_record(record, computer=record.computer)


def _value(reading: Reading) -> EventRecords:
    return t.cast(EventRecords, reading.get())


def _state(log: str, state: Reading, records: Reading, problems: list[str], state_was_read: bool, since: datetime.datetime) -> LogState:
    """Return what is known of a log; what is not known of its state goes to the problems of the whole."""
    facts: EventLogFacts | None = None
    if state.error is not None:
        problems.append(f"The state of the event log {log} is not known. {state.error.line()}")
    elif state_was_read:
        facts = state.value
        if facts is None:
            return LogState(log, complete=False, problem=NO_LOG)
    complete = records.error is None and _value(records).complete
    problem = None if records.error is None else records.error.line()
    if records.error is None and not complete:
        problems.append(
            f"The event log {log} was not read to its end: the limit or the time was reached first. Older records may be missing."
        )
    if facts is None:
        return LogState(log, complete=complete, problem=problem)
    if facts.oldest_at is not None and facts.oldest_at > since and (facts.oldest_number or 1) > 1:
        problems.append(
            f"The event log {log} reaches back to {facts.oldest_at:%Y-%m-%d %H:%M} UTC only: older records were overwritten or cleared."
        )
    mode = MODES.get(facts.mode or "")
    at_its_end = _nearly_full(facts)
    return LogState(
        log=log,
        complete=complete,
        enabled=facts.enabled,
        mode=mode,
        # A log that overwrites its oldest records has reached its size, too, and goes on.
        full=None if mode is None or facts.size_reached is None else mode == "retain" and facts.size_reached,
        about_to_overwrite=None if mode is None or at_its_end is None else mode == "circular" and at_its_end,
        file_bytes=facts.file_bytes,
        maximum_bytes=facts.maximum_bytes,
        records=facts.records,
        oldest_record_at=facts.oldest_at,
        problem=problem,
    )


def _nearly_full(facts: EventLogFacts) -> bool | None:
    if facts.size_reached:
        return True
    if facts.file_bytes is None or not facts.maximum_bytes:
        return facts.size_reached
    return facts.file_bytes >= NEARLY * facts.maximum_bytes
