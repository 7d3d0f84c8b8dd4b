# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The 12290 of one or many hosts, read once as a stream and kept small: who asked, when, under which name, and with what success.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

A host's log has a record for each request of each client, and a client in trouble asks every two hours. What is kept of a record is some fifty bytes, and
of one client (CMID and name) only its newest records; the counts are of all of them. Memory grows with the number of clients, not with that of the records.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime
import struct
import typing as t

from .._catalogue import loader
from .codes import code_facts, code_number
from .event import KMS_LOG, REQUEST_SERVED, KmsEvent, read_event
from .names import comparable, guid, label_of, machine_name, same_machine
from .plain import in_utc

Record: t.TypeAlias = KmsEvent | t.Mapping[str, t.Any]
"""A record, or the same as plain data (a line of JSON)."""

KEEP = 32
"""Records that are kept of one client: two and a half days of tries every two hours, or half a year of weekly renewals."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

_ROW = struct.Struct(">QQQIiibbIIB")
"""Milliseconds since 1970 (0: unknown) and number of the record, client time, code, minimum count, minutes, status, virtual (-1: unknown), numbers of the
activation id and of the computer, flags. Big-endian, so that rows sort by time as they are."""
_TIMES = struct.Struct(">Q8xQ")
_LOCAL, _CODED = 1, 2


@dataclasses.dataclass(frozen=True)
class NameSeen:
    """A name under which a CMID asked: from when to when by the hosts' logs (None where no record has a time), and how often."""

    name: str
    first_seen: datetime.datetime | None
    last_seen: datetime.datetime | None
    requests: int


@dataclasses.dataclass(frozen=True)
class SharedCmid:
    """A CMID under several names, the most frequent first.

    at_once: their times overlap, or are not known: machines that were cloned. Without it, one name came after the other, as with a machine that was
    renamed.
    """

    cmid: str
    names: tuple[NameSeen, ...]
    at_once: bool


@dataclasses.dataclass(frozen=True)
class Kept:
    """What is there of one client.

    records:        its requests, the oldest first.
    dropped:        how many older ones are counted and not kept; C(complete_since) is from when on all of them are there.
    other_names:    names of other machines that came with one of its CMIDs.
    hosts:          the computers that records came from, of whatever client.
    """

    records: tuple[KmsEvent, ...] = ()
    dropped: int = 0
    complete_since: datetime.datetime | None = None
    other_names: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


class _Table:
    """Texts by number: each is kept once. Number 0 is None."""

    def __init__(self) -> None:
        self.texts: list[str | None] = [None]
        self._numbers: dict[str | None, int] = {None: 0}

    def number(self, text: str | None) -> int:
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return found


class _Computers(_Table):
    """Names of hosts by number. One host has one number in every spelling, its short name among them, as long as no other has that name, too."""

    def number(self, text: str | None) -> int:
        name = comparable(text)
        if not text or not name:
            return 0
        found = self._numbers.get(name)
        if found is not None:
            return found
        label = label_of(name)
        if label == name:
            full = {number for known, number in self._numbers.items() if known and label_of(known) == label}
            found = full.pop() if len(full) == 1 else super().number(name)
        else:
            found = self._numbers.get(label)
            if found is None or label_of(comparable(self.texts[found])) != comparable(self.texts[found]):
                found = super().number(name)
        self._numbers[name] = found
        if len(text) > len(self.texts[found] or "") or self.texts[found] == name:
            self.texts[found] = text
        return found


class _Client:
    """One CMID under one name."""

    __slots__ = ("dropped", "first", "last", "name", "requests", "rows")

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.rows: list[bytes] = []
        self.first = self.last = self.requests = self.dropped = 0


class HostIndex:
    """Every 12290 that was added, in any order; a record that comes twice counts once as long as it is kept.

    records:    requests that were counted.
    ignored:    records that are no 12290.
    duplicates: records that were there already.
    dropped:    records of which only the counts are left.
    oldest:     moment of the first request, None where no record has a time.
    """

    def __init__(self, records: t.Iterable[Record] = (), *, keep: int = KEEP) -> None:
        if keep < 1:
            raise ValueError(f"keep must be at least 1, not {keep}")
        self._keep = keep
        self.records = self.ignored = self.duplicates = self.dropped = 0
        self._oldest = 0
        self._clients: dict[tuple[str, str], _Client] = {}
        self._names_of: dict[str, list[str]] = {}
        self._keys_of: dict[str, list[tuple[str, str]]] = {}
        self._last_of: dict[tuple[str, int], int] = {}
        self._products, self._computers = _Table(), _Computers()
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Add one record. Raises EvidenceError for plain data of a wrong shape."""
        if isinstance(record, KmsEvent):
            self._add_event(record)
            return
        try:
            values = _plain_values(record)
        except (TypeError, ValueError, AttributeError, KeyError):
            # The careful reader says what is wrong with it, or makes something of it after all.
            self._add_event(read_event(record))
            return
        if values is None:
            self.ignored += 1
        else:
            self._add(*values)

    def _add_event(self, event: KmsEvent) -> None:
        if event.event_id != REQUEST_SERVED:
            self.ignored += 1
            return
        fields = event.fields
        self._add(
            _milliseconds(event.time),
            event.record_number,
            _milliseconds(fields.get("client_time")),
            event.number,
            fields,
            event.computer,
            event.time_is_local,
        )

    def _add(
        self,
        time: int,
        number: int | None,
        client_time: int,
        code: int | None,
        fields: t.Mapping[str, t.Any],
        computer: str | None,
        local: bool,
    ) -> None:
        required = _fit(fields.get("required_count"))
        product = self._products.number(guid(fields.get("activation_id")))
        row = _ROW.pack(
            time,
            number if isinstance(number, int) and 0 <= number < 1 << 64 else 0,
            client_time,
            (code or 0) & 0xFFFFFFFF,
            required,
            _fit(fields.get("minutes_to_expiry")),
            _fit(fields.get("license_status"), 127),
            int(virtual) if isinstance(virtual := fields.get("virtual"), bool) else -1,
            product,
            self._computers.number(computer),
            (_LOCAL if local else 0) | (0 if code is None else _CODED),
        )
        name, cmid = machine_name(fields.get("client")), guid(fields.get("cmid")) or ""
        client = self._client(cmid, name)
        if not self._keep_row(client, row):
            self.duplicates += 1
            return
        self.records += 1
        client.requests += 1
        moment = time or client_time
        if not moment:
            return
        client.first, client.last = min(client.first or moment, moment), max(client.last, moment)
        self._oldest = min(self._oldest or moment, moment)
        if cmid and self._last_of.get((cmid, required), 0) < moment:
            self._last_of[cmid, required] = moment

    def _client(self, cmid: str, name: str | None) -> _Client:
        key = (cmid, (name or "").casefold())
        found = self._clients.get(key)
        if found is None:
            found = self._clients[key] = _Client(name)
            self._names_of.setdefault(cmid, []).append(key[1])
            self._keys_of.setdefault(label_of(key[1]), []).append(key)
        return found

    def _keep_row(self, client: _Client, row: bytes) -> bool:
        rows = client.rows
        place = bisect.bisect_left(rows, row)
        if place < len(rows) and rows[place] == row:
            return False
        if len(rows) < self._keep:
            rows.insert(place, row)
            return True
        client.dropped += 1
        self.dropped += 1
        if place:
            rows.insert(place, row)
            del rows[0]
        return True

    # --- one client ---

    def of_client(self, cmids: t.Collection[str] = (), names: t.Collection[str] = (), since: datetime.datetime | None = None) -> Kept:
        """Return what is there of a client: the requests of its CMIDs under its names, or without a name, and those under its names without a CMID.

        Without names, everything that came with its CMIDs; without a CMID, everything that came under its names. With C(since), only requests whose record
        or whose own time is later.
        """
        wanted = {found for found in (guid(cmid) for cmid in cmids) if found}
        own = [found for found in (machine_name(name) for name in names) if found]
        keys: list[tuple[str, str]] = []
        others: list[str] = []
        for key in ((cmid, name) for cmid in sorted(wanted) for name in self._names_of.get(cmid, ())):
            if not key[1] or not own or any(same_machine(key[1], name) for name in own):
                keys.append(key)
            else:
                others.append(self._clients[key].name or "")
        keys += [
            key
            for label in {label_of(name.casefold()) for name in own}
            for key in self._keys_of.get(label, ())
            if (not wanted or not key[0]) and any(same_machine(key[1], name) for name in own)
        ]
        clients = [(key[0], self._clients[key]) for key in dict.fromkeys(keys)]
        first = _milliseconds(since)
        events = [
            self._event(cmid, client.name, row)
            for cmid, client in clients
            for row in client.rows
            if not first or max(_TIMES.unpack_from(row)) >= first or not any(_TIMES.unpack_from(row))
        ]
        events.sort(key=lambda event: event.time or event.fields["client_time"] or _EPOCH)
        oldest_kept = [_ROW.unpack(client.rows[0]) for _cmid, client in clients if client.dropped]
        return Kept(
            tuple(events),
            sum(client.dropped for _cmid, client in clients),
            _moment(max(row[0] or row[2] for row in oldest_kept)) if oldest_kept else None,
            tuple(dict.fromkeys(others)),
            self.hosts,
        )

    def _event(self, cmid: str, name: str | None, row: bytes) -> KmsEvent:
        time, number, client_time, code, required, minutes, status, virtual, product, computer, flags = _ROW.unpack(row)
        return KmsEvent(
            event_id=REQUEST_SERVED,
            name="request_served",
            side="host",
            log=KMS_LOG,
            computer=self._computers.texts[computer],
            record_number=number or None,
            time=_moment(time),
            time_is_local=bool(flags & _LOCAL),
            code=code_facts(code) if flags & _CODED else None,
            fields={
                "required_count": None if required < 0 else required,
                "client": name,
                "cmid": cmid or None,
                "client_time": _moment(client_time),
                "virtual": None if virtual < 0 else bool(virtual),
                "license_status": None if status < 0 else status,
                "license_status_word": None if status < 0 else loader.license_status_word(status),
                "minutes_to_expiry": None if minutes < 0 else minutes,
                "activation_id": self._products.texts[product],
            },
        )

    # --- all of them ---

    @property
    def oldest(self) -> datetime.datetime | None:
        """Moment of the first request."""
        return _moment(self._oldest)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The computers that records came from."""
        return tuple(text for text in self._computers.texts if text)

    def distinct_clients(self, as_of: datetime.datetime, days: float = 30, required_count: int | None = None) -> int:
        """Return how many CMIDs asked in the days before a moment, all of them or those that need a certain count.

        A host counts the clients of the last 30 days (KMS troubleshooting guidelines), so this comes near its count until that reaches its cap.
        """
        since = _milliseconds(as_of - datetime.timedelta(days=days))
        until = _milliseconds(as_of)
        return len(
            {
                cmid
                for (cmid, required), last in self._last_of.items()
                if since <= last <= until and (required_count is None or required == required_count)
            }
        )

    def names(self, cmid: str) -> tuple[NameSeen, ...]:
        """Return the names under which a CMID asked, the most frequent first. A short name and a full one that begins with it are one machine."""
        found = guid(cmid) or ""
        if not found:
            return ()
        clients = [self._clients[found, name] for name in self._names_of.get(found, ()) if name]
        full = {label_of(client.name.casefold()): client.name for client in clients if client.name and "." in client.name}
        grouped: dict[str, list[_Client]] = {}
        for client in clients:
            name = t.cast(str, client.name)
            grouped.setdefault((name if "." in name else full.get(name.casefold(), name)).casefold(), []).append(client)
        seen = [
            NameSeen(
                next((client.name or "" for client in group if "." in (client.name or "")), group[0].name or ""),
                _moment(min((client.first for client in group if client.first), default=0)),
                _moment(max(client.last for client in group)),
                sum(client.requests for client in group),
            )
            for group in grouped.values()
        ]
        return tuple(sorted(seen, key=lambda item: (-item.requests, item.name)))

    def shared_cmids(self) -> t.Iterator[SharedCmid]:
        """Yield the CMIDs that came under several names."""
        for cmid, found in self._names_of.items():
            if not cmid or len(found) < 2:
                continue
            names = self.names(cmid)
            if len(names) > 1:
                yield SharedCmid(cmid, names, _overlap(names))


def _overlap(names: tuple[NameSeen, ...]) -> bool:
    spans = [(item.first_seen, item.last_seen) for item in names if item.first_seen is not None and item.last_seen is not None]
    if len(spans) < len(names):
        return True
    ordered = sorted(spans)
    return any(later[0] <= earlier[1] for earlier, later in zip(ordered, ordered[1:], strict=False))


def _plain_values(record: t.Mapping[str, t.Any]) -> tuple[int, int | None, int, int | None, t.Mapping[str, t.Any], str | None, bool] | None:
    if record["event_id"] != REQUEST_SERVED:
        if not isinstance(record["event_id"], int):
            raise TypeError
        return None
    fields, code, computer = record["fields"], record.get("code"), record.get("computer")
    if not isinstance(fields, t.Mapping) or not isinstance(computer, (str, type(None))):
        raise TypeError
    return (
        _milliseconds(_parsed(record.get("time"))),
        record.get("record_number"),
        _milliseconds(_parsed(fields.get("client_time"))),
        None if code is None else code_number(code["code"]),
        fields,
        computer,
        bool(record.get("time_is_local")),
    )


def _parsed(text: str | None) -> datetime.datetime | None:
    if text is None:
        return None
    return in_utc(datetime.datetime.fromisoformat(text))


def _milliseconds(moment: datetime.datetime | None) -> int:
    # Times before 1970 are no times of a request: they are taken for unknown.
    return 0 if moment is None else max(0, (moment - _EPOCH) // _MILLISECOND)


_MILLISECOND = datetime.timedelta(milliseconds=1)


def _moment(milliseconds: int) -> datetime.datetime | None:
    return _EPOCH + datetime.timedelta(milliseconds=milliseconds) if milliseconds else None


def _fit(value: t.Any, largest: int = 0x7FFFFFFF) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest else -1
