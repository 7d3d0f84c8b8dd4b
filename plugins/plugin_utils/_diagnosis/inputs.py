# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what people have, results of modules, facts files, pasted text, exported logs, to the evidence of a diagnosis. Pure: files are read elsewhere.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Whose is it? Results and facts have an inventory name, exported records the name of a computer, pasted text has neither. What has a name goes to the
machine of that name. What has none goes, in this order: to the machine that its file is named after; to the one machine with the same CMID; to the one
machine of its role, host or client, that lacks it. What is left is called "the client" or "the host", and by the names of their files where there are
several. Pasted texts that have the same CMID, Windows product and key are of one machine, unless they name different ones: of its readings the newest
counts, and the last one given where nothing tells which is newer. Everything that was concluded rather than read is told as a sentence.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import typing as t

from .._evidence.event import (
    KMS_LOG,
    PUBLISH_FAILED,
    PUBLISHED,
    REQUEST_SENT,
    REQUEST_SERVED,
    RESPONSE_PROCESSED,
    Events,
    KmsEvent,
    LogState,
)
from .._evidence.facts import Facts, ProblemFacts
from .._evidence.kinds import kind_of
from .._evidence.names import same_machine
from .._evidence.plain import EvidenceError
from .._evidence.view import EndpointView, read_endpoint
from .._keys import mask_keys, mask_result
from .case import PASTED, DomainEvidence, MachineEvidence, read_domain, read_machine, same_name

HOST, CLIENT, MACHINE = "host", "client", "machine"
"""What a piece of evidence shows its machine to be; C(machine): it does not show it."""

_HOST_EVENTS = frozenset({REQUEST_SERVED, PUBLISH_FAILED, PUBLISHED})
_CLIENT_EVENTS = frozenset({REQUEST_SENT, RESPONSE_PROCESSED})

T = t.TypeVar("T")

_EMPTY = Facts()

_KEYS = frozenset(field.name for field in dataclasses.fields(Facts)) | {
    *("activation", "discovery", "events", "failed", "inventory_hostname", "not_read", "skipped", "unreachable")
}
"""What a result of a module, or a line of a facts file, has at least one of."""

NEXT_MACHINES = "Next: give results of activation_info, or lines of a facts file that it wrote"
NEXT_SRV = "Next: give results of srv_info, or the entries of their results"
NEXT_PROBES = "Next: give results of endpoint_info, or their endpoints"


# --- results of modules ---


def machine_rows(data: t.Any, where: str = "machines") -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    """Yield (place, mapping) of each machine in what a playbook has: a mapping, a list, a registered result of a loop. Raises EvidenceError."""
    yield from _rows(data, where, lambda row: "results" not in row or "activation" in row or "machine" in row)


def srv_rows(data: t.Any, where: str = "srv") -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    """Yield (place, mapping) of each domain: C(results) of srv_info, a whole registered result, or a list of them. Raises EvidenceError."""
    yield from _rows(data, where, lambda row: "domain" in row)


def probe_rows(data: t.Any, where: str = "probes") -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    """Yield (place, mapping) of each probe: C(endpoints) of endpoint_info, a whole registered result, or a list of them. Raises EvidenceError."""
    yield from _rows(data, where, lambda row: "outcome" in row and "host" in row, inner=("results", "endpoints"))


def _rows(
    data: t.Any, where: str, is_row: t.Callable[[t.Mapping[str, t.Any]], bool], inner: tuple[str, ...] = ("results",)
) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    if data is None:
        return
    if isinstance(data, dict):
        name = next((key for key in inner if isinstance(data.get(key), list)), None)
        if is_row(data) or name is None:
            yield where, data
        else:
            yield from _rows(data[name], f"{where}: {name}", is_row, inner)
    elif isinstance(data, (list, tuple)):
        for index, item in enumerate(data):
            yield from _rows(item, f"{where}[{index}]", is_row, inner)
    else:
        raise EvidenceError(f"{where} is neither a mapping nor a list but {kind_of(data)}")


def read_machines(data: t.Any, where: str = "machines") -> list[MachineEvidence]:
    """Return the machines in what a playbook has. Of one machine what comes later counts, part by part.

    A failed or unreachable result becomes a machine of which nothing is known but what stopped the reading. Raises EvidenceError.
    """
    found: dict[str, MachineEvidence] = {}
    for place, row in machine_rows(data, where):
        machine = read_machine_row(row, place)
        found[machine.name] = newer(found[machine.name], machine) if machine.name in found else machine
    return list(found.values())


def read_machine_row(row: dict[str, t.Any], place: str) -> MachineEvidence:
    """Return one machine. C(not_read), a list of texts, may say what could not be read of it.

    Raises EvidenceError, whose text has no product key that the row may hold.
    """
    if _KEYS.isdisjoint(row):
        having = f"has {', '.join(sorted(mask_keys(str(key)) for key in row)[:5])}" if row else "is empty"
        raise EvidenceError(f"{place} is no result of a module that reads a machine: it {having}. {NEXT_MACHINES}")
    failed = (row.get("failed") or row.get("unreachable")) and "activation" not in row
    try:
        machine = read_machine({"inventory_hostname": row.get("inventory_hostname"), **_parts(row)} if failed else row, place)
        more = _texts(row.get("not_read") or [], f"{place}: not_read")
    except EvidenceError:
        # Said again of the masked row: the error quotes what it found, and a key that was cut would not be known for one.
        masked = mask_result(row)
        if masked != row:
            read_machine_row(masked, place)
        raise
    if failed:
        if not isinstance(row.get("inventory_hostname"), str):
            raise EvidenceError(f"{place} is a failed result that does not say of which machine: it has no inventory_hostname")
        word = "reached" if row.get("unreachable") else "read"
        more = [f"{machine.name} could not be {word}: {row.get('msg') or 'no reason was given'}", *more]
    if not more:
        return machine
    facts = machine.facts
    details = tuple(ProblemFacts(doing=f"reading {machine.name}", detail=text) for text in more)
    # The two lists go side by side.
    known_details = facts.problem_details if len(facts.problem_details) == len(facts.problems) else ()
    return dataclasses.replace(
        machine, facts=dataclasses.replace(facts, problems=(*facts.problems, *more), problem_details=(*known_details, *details))
    )


def _parts(row: dict[str, t.Any]) -> dict[str, t.Any]:
    return {key: row[key] for key in ("events", "discovery") if row.get(key)}


def _texts(data: t.Any, where: str) -> list[str]:
    if not isinstance(data, (list, tuple)):
        raise EvidenceError(f"{where} is not a list of texts")
    return [str(text) for text in data]


def read_srv(data: t.Any, where: str = "srv", not_read: list[str] | None = None) -> list[DomainEvidence]:
    """Return the SRV records by domain, of each domain the last. C(not_read) gets the message of each failed result. Raises EvidenceError."""
    found: dict[str, DomainEvidence] = {}
    for place, row in without_failures(srv_rows(data, where), not_read):
        domain = _with_next(read_domain, row, place, NEXT_SRV)
        found[same_name(domain.domain)] = domain
    return list(found.values())


def read_probes(data: t.Any, where: str = "probes", not_read: list[str] | None = None) -> list[EndpointView]:
    """Return the TCP connections that were tried. C(not_read) gets the message of each failed result. Raises EvidenceError."""
    rows = without_failures(probe_rows(data, where), not_read)
    return [_with_next(read_endpoint, row, place, NEXT_PROBES) for place, row in rows]


def _with_next(read: t.Callable[[t.Any, str], T], row: t.Any, place: str, step: str) -> T:
    try:
        return read(row, place)
    except EvidenceError as error:
        raise EvidenceError(f"{error}. {step}") from None


def without_failures(
    rows: t.Iterable[tuple[str, dict[str, t.Any]]], not_read: list[str] | None
) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    """Leave out results of tasks that were skipped, and of those that failed: what they say goes to C(not_read)."""
    for place, row in rows:
        if row.get("failed") or row.get("unreachable"):
            if not_read is not None:
                not_read.append(str(row.get("msg") or f"{place} is a failed result that gives no reason"))
        elif not row.get("skipped"):
            yield place, row


def newer(old: MachineEvidence, new: MachineEvidence) -> MachineEvidence:
    """Return a machine made of two readings: of facts and of discovery the new ones where there are some, of events all."""
    return MachineEvidence(
        old.name,
        old.facts if new.facts == _EMPTY else new.facts,
        joined(old.events, new.events),
        new.discovery or old.discovery,
        old.told_by if new.facts == _EMPTY else new.told_by,
    )


def joined(old: Events | None, new: Events | None) -> Events | None:
    """Return what both readings have of a machine's logs, each record once, the newest first; of a log's state the new one counts."""
    if old is None or new is None:
        return new or old
    records: dict[t.Hashable, KmsEvent] = {}
    for event in (*new.records, *old.records):
        identity = (event.log, event.record_number, event.event_id, event.time) if event.record_number is not None else _content(event)
        records.setdefault(identity, event)
    states = {state.log.casefold(): state for state in (*old.logs, *new.logs)}
    begins = [events.since for events in (old, new) if events.since is not None]
    return Events(
        collected_at=new.collected_at or old.collected_at,
        since=min(begins) if len(begins) == 2 else None,
        logs=tuple(states.values()),
        records=tuple(sorted(records.values(), key=lambda e: e.time or _LONG_AGO, reverse=True)),
        problems=tuple(dict.fromkeys((*old.problems, *new.problems))),
    )


_LONG_AGO = datetime.datetime.min.replace(tzinfo=datetime.UTC)


def _content(event: KmsEvent) -> t.Hashable:
    # Its machine is one already: however that is spelled.
    return (event.event_id, event.time, event.strings, tuple(sorted((k, str(v)) for k, v in event.fields.items())))


# --- what has no inventory name ---


@dataclasses.dataclass(frozen=True)
class Piece:
    """Evidence of one machine that does not say which.

    origin:  where it comes from: a file's path, or words; C(stem) is the file's name without ending, "" where there is no file.
    machine: the machine, where the user says so.
    facts:   of a pasted text.
    events:  of an exported log; may be of several computers.
    empty:   an export in which nothing is: wevtutil writes a file without a byte where no record matches.
    """

    origin: str
    stem: str = ""
    machine: str | None = None
    facts: Facts | None = None
    events: Events | None = None
    empty: bool = False


@dataclasses.dataclass(frozen=True)
class Known:
    """As much of a machine as telling whose a piece is needs."""

    name: str
    names: frozenset[str]
    role: str
    cmids: frozenset[str]
    has_facts: bool
    has_events: bool


@dataclasses.dataclass(frozen=True)
class Attribution:
    """Machines that pieces belong to, by name, with nothing but the pieces in them; and what was concluded, one sentence each."""

    machines: tuple[MachineEvidence, ...]
    assumptions: tuple[str, ...]


def known(machine: MachineEvidence) -> Known:
    """Return what matters of a machine when pieces look for theirs."""
    records = () if machine.events is None else machine.events.records
    return Known(
        machine.name,
        machine.names | {same_name(event.computer) for event in records if event.computer},
        _role(machine),
        _cmids(machine.facts, records),
        machine.facts != _EMPTY,
        machine.events is not None,
    )


def attribute(pieces: t.Iterable[Piece], machines: t.Iterable[Known]) -> Attribution:
    """Return whose the pieces are; see the top of this file for the order in which that is told. Raises EvidenceError for an empty export of nobody."""
    work = _Attributing(machines)
    pieces = tuple(pieces)
    empty = [piece for piece in pieces if piece.empty]
    pieces = tuple(piece for piece in pieces if not piece.empty)
    apart = work.one_reading_each([part for piece in pieces for part in _by_computer(piece)])
    for piece in apart:
        if piece.machine is not None:
            work.named(piece, piece.machine)
    nameless = [piece for piece in apart if piece.machine is None]
    nameless = [piece for piece in nameless if not work.by_file_name(piece)]
    nameless = [piece for piece in nameless if not work.by_cmid(piece)]
    # Kind by kind: the one pasted text of a client meets the one client that has events only, before what is left gets names of its own.
    groups: dict[tuple[str, bool], list[Piece]] = collections.defaultdict(list)
    for piece in nameless:
        groups[_role_of(piece), piece.facts is not None].append(piece)
    for (role, is_facts), group in groups.items():
        work.by_role(role, group, is_facts=is_facts)
    for piece in empty:
        work.without_records(piece)
    work.link_the_host()
    return Attribution(tuple(work.found.values()), tuple(work.assumptions))


class _Attributing:
    """The machines as they are known so far, and what pieces have made of them."""

    def __init__(self, machines: t.Iterable[Known]) -> None:
        self.found: dict[str, MachineEvidence] = {}
        self.assumptions: list[str] = []
        self._known: dict[str, Known] = {}
        self._by_name: dict[str, set[str]] = collections.defaultdict(set)
        self._went: dict[str, set[str]] = collections.defaultdict(set)
        for machine in machines:
            self._add(machine)

    def one_reading_each(self, pieces: list[Piece]) -> list[Piece]:
        """Return the pieces, of several readings of one machine's facts only the one that counts."""
        groups: list[list[int]] = []
        # Those with names first: what has none may belong to one of them.
        for number in sorted((n for n, piece in enumerate(pieces) if piece.facts is not None), key=lambda n: pieces[n].machine is None):
            mine = [group for group in groups if any(self._same(pieces[number], pieces[other]) for other in group)]
            if len(mine) == 1:
                mine[0].append(number)
            else:
                groups.append([number])
        left_out: set[int] = set()
        names: dict[int, str | None] = {}
        for group in groups:
            group.sort()
            if len(group) < 2:
                continue
            moments = [facts.collected_at for number in group if (facts := pieces[number].facts) is not None]
            dated = [moment for moment in moments if moment is not None]
            told = len(dated) == len(moments) and len(set(dated)) > 1
            counts = group[max(range(len(group)), key=lambda n: (dated[n], n))] if told else group[-1]
            names[counts] = next((pieces[number].machine for number in group if pieces[number].machine is not None), None)
            others = [number for number in group if number != counts]
            left_out |= set(others)
            why = "the newest" if told else "the last one given, because nothing tells which is newer"
            origin = pieces[counts].origin
            both = f"{', '.join(pieces[n].origin for n in others)} and {origin}"
            self.assumptions.append(f"{both} are taken to be readings of one machine: {origin} counts, {why}.")
        return [
            dataclasses.replace(piece, machine=names.get(number, piece.machine))
            for number, piece in enumerate(pieces)
            if number not in left_out
        ]

    def _same(self, one: Piece, other: Piece) -> bool:
        if one.machine is not None and other.machine is not None:
            # What ospp.vbs tells of Office takes nothing away from what slmgr.vbs tells of the same machine.
            windows = all(MachineEvidence("", piece.facts or _EMPTY).windows is not None for piece in (one, other))
            return windows and same_machine(one.machine, other.machine)
        identity = _identity(one)
        if identity is None or identity != _identity(other):
            return False
        # Files that are named after machines which are known are of these.
        owners = {self._owner(piece.machine or piece.stem) for piece in (one, other) if piece.machine or piece.stem} - {None}
        return len(owners) < 2

    def named(self, piece: Piece, name: str) -> None:
        """Give a piece to the machine that others call so; to a new one of that name where there is none."""
        owner = self._owner(name)
        self._give(piece, owner or name)

    def by_file_name(self, piece: Piece) -> bool:
        """Give a piece to the machine that its file is named after."""
        owner = self._owner(piece.stem) if piece.stem else None
        if owner is not None:
            self._give(piece, owner)
            self.assumptions.append(f"{piece.origin} is taken to be of {owner}, after which the file is named.")
        return owner is not None

    def by_cmid(self, piece: Piece) -> bool:
        """Give a piece to the one machine with its CMID."""
        cmids = _cmids(piece.facts or _EMPTY, piece.events.records if piece.events else ())
        owners = {machine.name for machine in self._known.values() if machine.cmids & cmids} if len(cmids) == 1 else set()
        if len(owners) != 1:
            return False
        (owner,) = owners
        self._give(piece, owner)
        self.assumptions.append(f"{piece.origin} is taken to be of {owner}, which has the same client machine id (CMID).")
        return True

    def without_records(self, piece: Piece) -> None:
        """Give an empty export to the machine that the user or its file's name says, or to that of the one other file of the same name."""
        stem = same_name(piece.stem)
        beside = self._went[stem] if stem else set()
        named = piece.machine or piece.stem
        owner = (self._owner(named) if named else None) or piece.machine or (next(iter(beside)) if len(beside) == 1 else None)
        if owner is None:
            raise EvidenceError(
                f"{piece.origin} is empty, and nothing tells whose log has no record. Next: give {{path: {piece.origin}, machine: NAME}} in event_exports, "
                "or leave the file out"
            )
        self._give(piece, owner)
        self.assumptions.append(f"{piece.origin} is empty: the log of {owner} is taken to have no record of what was exported.")

    def by_role(self, role: str, group: t.Sequence[Piece], *, is_facts: bool) -> None:
        """Give the one piece of its kind to the one machine that lacks it; give the others names."""
        lacking = [m for m in self._known.values() if m.role == role and not (m.has_facts if is_facts else m.has_events)]
        if role != MACHINE and len(group) == 1 and len(lacking) == 1:
            self._give(group[0], lacking[0].name)
            self.assumptions.append(f"{group[0].origin} is taken to be of {lacking[0].name}, the only KMS {role} that it can be of.")
            return
        for number, piece in enumerate(group, start=1):
            name = f"the {role}" if len(group) == 1 else piece.stem or f"{role} {number}"
            self._give(piece, name if name not in self._known else f"{name} ({piece.origin})")

    def link_the_host(self) -> None:
        """Take the one host without a name for the one KMS host that the clients of the pieces ask."""
        nameless = [m for m in self.found.values() if _role(m) == HOST and m.facts.machine.fqdn is None and m.name == "the host"]
        asked = {same_name(name): name for machine in self.found.values() if machine.name != "the host" for name in _asked(machine)}
        if len(nameless) != 1 or len(asked) != 1:
            return
        ((_same, name),) = asked.items()
        if self._owner(name) is not None:
            return
        host = nameless[0]
        machine = dataclasses.replace(host.facts.machine, fqdn=name)
        self.found[host.name] = dataclasses.replace(host, facts=dataclasses.replace(host.facts, machine=machine))
        self.assumptions.append(f"The host is taken to be {name}, the only one that the client asks.")

    def _owner(self, name: str) -> str | None:
        wanted = same_name(name)
        owners = self._by_name.get(wanted)
        if owners is None and wanted and not wanted[0].isdigit():
            short = self._by_name.get(wanted.split(".", 1)[0], set())
            # pc01.a.example is not pc01.b.example: a first label counts where one of both names is nothing else.
            owners = {o for o in short if "." not in wanted or not any("." in n for n in self._known[o].names)}
        return next(iter(owners)) if owners is not None and len(owners) == 1 else None

    def _give(self, piece: Piece, name: str) -> None:
        before = self._known.get(name)
        if piece.facts is not None and before is not None and before.has_facts:
            self.assumptions.append(f"{name} has facts already: they count, and {piece.origin} does not.")
            return
        if piece.stem:
            self._went[same_name(piece.stem)].add(name)
        facts = piece.facts or _EMPTY
        part = MachineEvidence(name, facts, piece.events, told_by=PASTED if piece.facts is not None else MachineEvidence.told_by)
        self.found[name] = newer(self.found[name], part) if name in self.found else part
        now = known(self.found[name])
        self._add(
            now
            if before is None
            else Known(
                name,
                before.names | now.names,
                now.role if before.role == MACHINE else before.role,
                before.cmids | now.cmids,
                before.has_facts or now.has_facts,
                before.has_events or now.has_events,
            )
        )

    def _add(self, machine: Known) -> None:
        self._known[machine.name] = machine
        for name in machine.names:
            self._by_name[name].add(machine.name)
            self._by_name[name.split(".", 1)[0]].add(machine.name)


def _by_computer(piece: Piece) -> list[Piece]:
    """Return a piece in parts, one for each computer that its records name; what the user says of it counts more."""
    if piece.events is None or piece.machine is not None:
        return [piece]
    groups: dict[str, list[KmsEvent]] = collections.defaultdict(list)
    names: dict[str, str] = {}
    for event in piece.events.records:
        key = same_name(event.computer)
        groups[key].append(event)
        names.setdefault(key, event.computer or "")
    if len(groups) < 2:
        name = next(iter(names.values()), "")
        return [dataclasses.replace(piece, machine=name or None, events=with_logs(piece.events))]
    return [
        dataclasses.replace(
            piece, machine=names[key] or None, events=with_logs(dataclasses.replace(piece.events, records=tuple(records), logs=()))
        )
        for key, records in groups.items()
    ]


def with_logs(events: Events) -> Events:
    """Return exported records with the logs that they are of: whether an export is complete is not known, but that there is one is."""
    told = {state.log.casefold() for state in events.logs}
    names = dict.fromkeys(event.log or (KMS_LOG if event.event_id == REQUEST_SERVED else "Application") for event in events.records)
    return dataclasses.replace(events, logs=(*events.logs, *(LogState(name) for name in names if name.casefold() not in told)))


def _role(machine: MachineEvidence) -> str:
    ids = {event.event_id for event in machine.events.records} if machine.events else set()
    if machine.is_kms_host or ids & _HOST_EVENTS:
        return HOST
    return CLIENT if machine.facts.products or ids & _CLIENT_EVENTS else MACHINE


def _role_of(piece: Piece) -> str:
    return _role(MachineEvidence("", piece.facts or _EMPTY, piece.events))


def _cmids(facts: Facts, records: t.Iterable[KmsEvent]) -> frozenset[str]:
    """Return the CMIDs that are a machine's own: its service's, and those of the requests that it sent. 12290 has those of others."""
    found = {facts.service.cmid, *(event.fields.get("cmid") for event in records if event.event_id == REQUEST_SENT)}
    return frozenset(cmid.casefold().strip("{}") for cmid in found if isinstance(cmid, str))


def _identity(piece: Piece) -> tuple[str, str, str] | None:
    """Return what only readings of one machine, or of its clones, have in common; None where it was not seen."""
    facts = piece.facts or _EMPTY
    windows = MachineEvidence("", facts).windows
    product = windows and (windows.activation_id or windows.name)
    if windows is None or not (facts.service.cmid and product and windows.partial_key):
        return None
    return facts.service.cmid.casefold().strip("{}"), str(product).casefold(), windows.partial_key.casefold()


def _asked(machine: MachineEvidence) -> t.Iterator[str]:
    yield from (host.name for _source, host in machine.kms_hosts() if host.name)
    for event in machine.events.records if machine.events else ():
        if event.event_id == REQUEST_SENT and isinstance(event.fields.get("host"), str):
            yield event.fields["host"]
