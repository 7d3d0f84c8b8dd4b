# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's classic event logs."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import typing as t

APPLICATION = "Application"
SYSTEM = "System"
KMS = "Key Management Service"
"""The log of event 12290. It exists on machines that are no host, too (Microsoft: windowsserverdocs, KMS troubleshooting guidelines)."""

SOURCE = "Microsoft-Windows-Security-SPP"
"""Provider of the licensing events since Windows 7 (a public table of the provider's messages, nasbench/EVTX-ETW-Resources)."""

INFORMATION, WARNING, ERROR = 16384, 32768, 49152
"""Qualifiers of an event: EventIdentifier is Qualifiers * 65536 + id (the same table of messages)."""

_EVENT_TYPES = {INFORMATION: (3, "Information"), WARNING: (2, "Warning"), ERROR: (1, "Error")}
"""EventType and Type of Win32_NTLogEvent (Microsoft: Learn, Win32_NTLogEvent)."""

# Sentences: Microsoft: Volume Activation Technical Reference (ff793440) Table 11 and SupportArticles-docs (8198, 8200, 900, 12293); 12294 and 903 are worded
# after their siblings (inferred). Windows formats the sentence in the machine's language; readers go by the strings.
_MESSAGES = {
    900: "The Software Protection service is starting.\r\nParameters:{0}",
    902: "The Software Protection service has started.\r\n{0}",
    903: "The Software Protection service has stopped.",
    8198: "License Activation (slui.exe) failed with the following error code:\r\n{0}\r\nCommand-line arguments:\r\n{1}",
    8200: "License acquisition failure details.\r\n{0}",
    12288: "The client has sent an activation request to the key management service machine.\r\nInfo:\r\n{0}",
    12289: "The client has processed an activation response from the key management service machine.\r\nInfo:\r\n{0}",
    12293: "Publishing the Key Management Service (KMS) to DNS in the '{0}' domain failed.\r\nInfo:\r\n{1}",
    12294: "Publishing the Key Management Service (KMS) to DNS in the '{0}' domain is successful.",
}

_QUALIFIERS = {8198: ERROR, 8200: ERROR, 8208: ERROR, 8229: WARNING}
"""All the others are informational, the failure to publish (12293) and failed requests too (the same table of messages)."""

_LEVELS = {INFORMATION: 4, WARNING: 3, ERROR: 2}
"""Level of an event (Microsoft: Learn, Get-WinEvent, Level: Error 2, Warning 3, Informational 4)."""

_WITHOUT_LEVEL = frozenset({902, 903, 1007, 1013})
"""These have Level 0, so that a filter by Level misses them (raw records of a Windows 7: Yamato-Security/hayabusa-sample-evtx, many-events-application)."""

MAXIMUM_BYTES = 20 * 1024 * 1024
"""Size that a log may grow to (published outputs of Get-EventLog -List: 20,480 KiB for Application, System and Key Management Service)."""

_HEADER_BYTES, _CHUNK_BYTES = 4096, 65536
"""A log's file is a header and whole chunks (libyal/libevtx: Windows XML Event Log (EVTX) format); an empty one has one chunk, 69632 bytes."""

_RECORDS_PER_CHUNK = 100
"""Records in one chunk; it depends on their length (inferred)."""

MAX_RECORDS = 20000
"""Records a log keeps before the oldest go; Windows bounds the file's size instead (inferred)."""


@dataclasses.dataclass(frozen=True)
class Event:
    """One record of a log."""

    log: str
    record: int
    event_id: int
    source: str
    qualifiers: int
    strings: tuple[str, ...]
    message: str
    written: datetime.datetime

    @property
    def identifier(self) -> int:
        """The full 32-bit id."""
        return self.qualifiers * 65536 + self.event_id

    @property
    def level(self) -> int:
        """Level in the event's System part."""
        return 0 if self.event_id in _WITHOUT_LEVEL else _LEVELS[self.qualifiers]

    @property
    def event_type(self) -> int:
        """Win32_NTLogEvent.EventType."""
        return _EVENT_TYPES[self.qualifiers][0]

    @property
    def type_word(self) -> str:
        """Win32_NTLogEvent.Type."""
        return _EVENT_TYPES[self.qualifiers][1]


@dataclasses.dataclass(frozen=True)
class LogFacts:
    """What Windows says of a log itself.

    C(mode): Circular, where old records go, or Retain, where new ones do not come in; C(oldest): a record's number, 0 without any.
    """

    name: str
    enabled: bool
    mode: str
    full: bool
    maximum_bytes: int
    file_bytes: int
    records: int
    oldest: int
    last_write: datetime.datetime | None


class EventLogs:
    """The logs of one machine. A log named in C(full) takes no further records, as one set to keep its old events does when it is full.

    C(missing): logs that are not registered, so that nothing is written to them and nobody finds them (that a machine can lack Key Management Service is
    inferred). C(denied): logs that the account may not read: their access is their own (Microsoft: Learn, Event Log, CustomSD), CIM's is another.
    """

    def __init__(self) -> None:
        self._logs: dict[str, collections.deque[Event]] = {
            name: collections.deque(maxlen=MAX_RECORDS) for name in (APPLICATION, SYSTEM, KMS)
        }
        self._last = dict.fromkeys(self._logs, 0)
        self.full: set[str] = set()
        self.missing: set[str] = set()
        self.denied: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the logs."""
        return tuple(name for name in self._logs if name not in self.missing)

    def write(self, log: str, event_id: int, strings: t.Sequence[str], when: datetime.datetime, source: str = SOURCE) -> None:
        """Write a record; C(strings) are its insertion strings, C(when) the machine's time."""
        if log in self.full or log in self.missing:
            return
        self._last[log] += 1
        message = _message(event_id, strings)
        qualifiers = _QUALIFIERS.get(event_id, INFORMATION)
        self._logs[log].append(Event(log, self._last[log], event_id, source, qualifiers, tuple(strings), message, when))

    def newest_first(self, log: str | None = None) -> t.Iterator[Event]:
        """Iterate over the records, the newest of each log first (seen with Win32_NTLogEvent by networkoptix/nx_system_tests)."""
        for name in (log,) if log else self.names:
            yield from reversed(self._logs[name])

    def facts(self, log: str) -> LogFacts:
        """Return what Windows says of a log. Classic logs cannot be switched off (from memory: wevtutil refuses it for them)."""
        records = self._logs[log]
        chunks = max(1, -(-len(records) // _RECORDS_PER_CHUNK))
        full = log in self.full
        return LogFacts(
            log,
            enabled=True,
            mode="Retain" if full else "Circular",
            full=full,
            maximum_bytes=MAXIMUM_BYTES,
            file_bytes=MAXIMUM_BYTES if full else _HEADER_BYTES + chunks * _CHUNK_BYTES,
            records=len(records),
            oldest=records[0].record if records else 0,
            last_write=records[-1].written if records else None,
        )

    def count(self, log: str) -> int:
        """Return how many records a log holds."""
        return len(self._logs[log])


def _message(event_id: int, strings: t.Sequence[str]) -> str:
    if event_id == 12290:
        # 12290 holds one string per field, with an offset of one, and joins them without spaces (three public readers of 12290; Microsoft:
        # SupportArticles-docs, error-0xc004f074-activate-windows, shows the joined text).
        return "An activation request has been processed.\r\nInfo:\r\n" + ",".join(strings[1:])
    template = _MESSAGES.get(event_id)
    if template is None:
        return "\r\n".join(strings)
    return template.format(*strings, *[""] * 2)
