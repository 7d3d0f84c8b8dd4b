# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one interface through which the collection reaches a Windows machine.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Operations are plain data, so that a backend may carry out a whole list of them in one go. Reads never change the machine;
L(Invoke) is the only operation that may.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from .errors import WindowsError

Value = None | bool | int | str | datetime.datetime | list[t.Any]
Row = dict[str, Value]


@dataclasses.dataclass(frozen=True)
class Query:
    """Rows of one CIM class, read by named columns.

    Columns that the machine's Windows build does not have (C(since) in classes.yml) are not asked for and come back as None.
    C(where) is a WQL condition without the word WHERE.
    """

    cim_class: str
    columns: tuple[str, ...]
    where: str | None = None


@dataclasses.dataclass(frozen=True)
class Associated:
    """Rows of C(cim_class) that the association class C(through) ties to one instance of C(of_class)."""

    cim_class: str
    columns: tuple[str, ...]
    of_class: str
    of_keys: t.Mapping[str, str]
    through: str


@dataclasses.dataclass(frozen=True)
class RegistryValue:
    """One named value under HKEY_LOCAL_MACHINE; reads as None when the value or its key does not exist.

    C(kind) is REG_SZ, REG_EXPAND_SZ, REG_DWORD or REG_MULTI_SZ. Keys are never enumerated: BackupProductKeyDefault, a full
    product key, lies beside the values this collection reads.
    """

    key: str
    name: str
    kind: str = "REG_SZ"


@dataclasses.dataclass(frozen=True)
class Events:
    """Records of one event log with one of some event ids, the newest first; reads as L(EventRecords), which is empty for a log that is not there.

    C(event_ids) are one or more, C(since) is aware; older records are not asked for. Ids go to the machine as a few ranges, because long lists are
    refused there; what such a range brings along is dropped. C(shared_ids) are those that other programs use for events of their own: a record
    with one counts only when its source has one of C(sources) in its name, in any case.

    At most C(limit) records come back. C(budget_seconds) bounds the reading. Over wsman every message asks for an answer within what is left, so
    that a search which finds nothing ends, too (one more answer may be waited for: some seconds). Over powershell the time is looked at between two
    records: Get-WinEvent can't be told to give up while the event log service searches, which is bounded by the size of the log alone.
    """

    log: str
    event_ids: tuple[int, ...]
    since: datetime.datetime
    limit: int = 500
    budget_seconds: float = 20.0
    shared_ids: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class EventRecord:
    """One record. C(strings) are its insertion strings, C(generated) is UTC. C(source) is spelled differently by the two ways of reading
    (the classic source name by Win32_NTLogEvent, the provider's name by Get-WinEvent); C(computer) is the machine that wrote it."""

    log: str
    record_number: int
    event_id: int
    source: str
    generated: datetime.datetime
    strings: tuple[str, ...]
    computer: str | None = None


@dataclasses.dataclass(frozen=True)
class EventRecords:
    """What was read of a log. C(complete) is False when the limit or the time was reached first, so that older records may be missing."""

    records: tuple[EventRecord, ...]
    complete: bool


@dataclasses.dataclass(frozen=True)
class EventLogState:
    """What Windows says of one event log itself; reads as L(EventLogFacts), None when the machine has no log of that name.

    No CIM class tells it all: Win32_NTEventlogFile has sizes and the number of records, and neither whether the log is on nor how far it reaches
    back, for which Win32_NTLogEvent would have to search the whole log.
    """

    log: str


@dataclasses.dataclass(frozen=True)
class EventLogFacts:
    """The state of an event log. None where Windows gave nothing.

    enabled:             whether it takes records at all.
    mode:                Circular, Retain or AutoBackup (Microsoft: Learn, EventLogMode).
    size_reached:        whether its file has reached its maximum size.
    file_bytes, maximum_bytes: size of its file now and at most.
    records:             how many it holds.
    oldest_number:       record number of the oldest one, 1 as long as nothing was overwritten; None without records.
    oldest_at:           when the oldest was written, UTC; None without records.
    """

    log: str
    enabled: bool | None = None
    mode: str | None = None
    size_reached: bool | None = None
    file_bytes: int | None = None
    maximum_bytes: int | None = None
    records: int | None = None
    oldest_number: int | None = None
    oldest_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Resolve:
    """DNS records as the machine's own resolver gives them; reads as a list of rows, empty when the name has none of that type.

    C(record_type) is A, AAAA, CNAME or SRV. A row has C(name), C(type), C(ttl) and C(address), or C(target), and for SRV C(port),
    C(priority), C(weight).
    """

    name: str
    record_type: str


@dataclasses.dataclass(frozen=True)
class Connect:
    """One TCP connection from the machine to a host, by name or address, closed at once; reads as one row.

    C(outcome) is connected, refused, timeout, unreachable or no_address; C(address) is the one tried last, C(milliseconds) how long it took,
    C(code) the socket's error number. C(timeout_seconds) counts for each address.
    """

    host: str
    port: int
    timeout_seconds: int = 5


MachineView = EventLogState | Resolve | Connect
"""What only the machine itself can tell, by a program that runs on it: no CIM class has it."""

ReadOperation = Query | Associated | RegistryValue | Events | EventLogState | Resolve | Connect


@dataclasses.dataclass(frozen=True)
class Invoke:
    """One call of a CIM method. Without C(keys) the method is static.

    C(arguments) are named as in classes.yml, which also gives their CIM type and order, and which of them are secret.
    """

    cim_class: str
    method: str
    keys: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    arguments: t.Mapping[str, Value] = dataclasses.field(default_factory=dict, repr=False)


@dataclasses.dataclass(frozen=True)
class Reading:
    """What one read operation gave: a value, or the error that this operation alone met."""

    value: t.Any = None
    error: WindowsError | None = None

    def get(self) -> t.Any:
        """Return the value (of the kind that the operation says), or raise the operation's error."""
        if self.error is not None:
            raise self.error
        return self.value


class Windows(t.Protocol):
    """A machine as the rest of the collection sees it."""

    @property
    def backend(self) -> str:
        """The name of the backend, as results report it."""

    def read(self, operations: t.Sequence[ReadOperation]) -> list[Reading]:
        """Carry out read operations, in order, one reading for each.

        Errors that concern one operation (an unknown class, access denied to one namespace) are in its reading. Errors that
        end the conversation (UnreachableError, LoginRefusedError, RedirectedError; BadReplyError where a PowerShell did not answer) are raised.
        """

    def invoke(self, call: Invoke) -> dict[str, Value]:
        """Call a method once and return its outputs, ReturnValue left out.

        Raises MethodFailedError when the machine says that the method failed, OutcomeUnknownError when the call was sent and no answer
        came back. The call is sent again only when the machine answered that it did not start it (a quota).
        """
