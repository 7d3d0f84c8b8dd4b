# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of diagnose and support_bundle to an answer: files are read here, and everything that judges is elsewhere.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import pathlib
import typing as t

from ._controller_files import FactsFiles, Row, Text, read_export_file, read_text
from ._diagnosis.case import MachineEvidence, Policy, same_name
from ._diagnosis.engine import Diagnosis, diagnose
from ._diagnosis.inputs import (
    Attribution,
    Known,
    Piece,
    attribute,
    known,
    newer,
    read_machine_row,
    read_machines,
    read_probes,
    read_srv,
)
from ._evidence import bundle_file as bundles
from ._evidence.dlv import parse_dlv
from ._evidence.event import REQUEST_SERVED, Events, KmsEvent
from ._evidence.export_record import UNREADABLE, ExportError
from ._evidence.exports import read_export
from ._evidence.facts import Facts, HostFacts, ProductFacts, ServiceFacts
from ._evidence.plain import EvidenceError
from ._keys import shown

RECORDS_KEPT = 5000
"""Requests of one host's exported log that are kept whole. What is beyond goes into the pairing as a stream, and may be 200 000 records."""

PROBLEMS_KEPT = 20
"""How many unreadable records of one export are told one by one."""

Options = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Question:
    """Everything that a diagnosis is made of.

    machines:     gives every machine at each call.
    policy, srv, probes, earlier, host_records, now: as L(diagnose) takes them.
    assumptions:  what was concluded of whose a piece of evidence is, one sentence each.
    not_read:     what tasks failed to read besides machines, one message each.
    """

    machines: t.Callable[[], t.Iterator[MachineEvidence]]
    now: datetime.datetime
    policy: Policy
    srv: tuple[t.Any, ...] = ()
    probes: tuple[t.Any, ...] = ()
    earlier: tuple[MachineEvidence, ...] = ()
    host_records: t.Callable[[], t.Iterator[KmsEvent]] = lambda: iter(())
    assumptions: tuple[str, ...] = ()
    not_read: tuple[str, ...] = ()

    def ask(self, *, limit_per_rule: int, attempts: bool) -> Diagnosis:
        """Return the diagnosis."""
        return diagnose(
            self.machines,
            now=self.now,
            earlier=self.earlier,
            srv=self.srv,
            probes=self.probes,
            policy=self.policy,
            host_records=self.host_records(),
            limit_per_rule=limit_per_rule,
            with_attempts=attempts,
        )


def put_question(options: Options, now: datetime.datetime) -> Question:
    """Return the question that options ask: C(machines), C(facts_paths), C(earlier_paths), C(srv), C(probes), C(pasted), C(event_exports), C(bundle),
    C(approved_hosts), each of which may be missing or None.

    Of one machine the last counts, part by part: bundle, facts files, machines. Raises EvidenceError, which names what is wrong and the next step.
    """
    bundle = _open_bundle(options.get("bundle"))
    approved = list(options.get("approved_hosts") or ())
    not_read: list[str] = []
    srv = read_srv(options.get("srv"), not_read=not_read)
    probes = read_probes(options.get("probes"), not_read=not_read)
    memory: dict[str, MachineEvidence] = {}
    if bundle is not None:
        for place, row in bundle.machines():
            _remember(memory, read_machine_row(row, place))
        named = {same_name(domain.domain) for domain in srv}
        srv = [d for d in read_srv(bundle.json(bundles.SRV), f"{bundles.SRV} in {bundle.origin}") if same_name(d.domain) not in named] + srv
        probes = read_probes(bundle.json(bundles.PROBES), f"{bundles.PROBES} in {bundle.origin}") + probes
        approved = approved or _from_case(bundle, "approved_hosts")
        not_read = [*_from_case(bundle, "not_read"), *not_read]
    live = read_machines(options.get("machines"))
    exports = [_Export.of(entry) for entry in options.get("event_exports") or ()]
    texts = [read_text(value, f"pasted text {number}") for number, value in enumerate(options.get("pasted") or (), start=1)]
    pieces = [piece for text in texts for piece in pasted_pieces(text)] + [export.piece for export in exports]

    knowns: list[Known] = [known(newer(memory[m.name], m) if m.name in memory else m) for m in live]
    knowns += [known(machine) for name, machine in memory.items() if name not in {m.name for m in live}]
    files = _facts_files(options.get("facts_paths"), knowns if pieces else None)
    for machine in live:
        _remember(memory, machine)
    attribution = attribute(pieces, knowns) if pieces else Attribution((), ())
    for machine in attribution.machines:
        _remember(memory, machine)

    def machines() -> t.Iterator[MachineEvidence]:
        for row in files:
            machine = read_machine_row(row.data, row.where)
            more = memory.get(machine.name)
            yield machine if more is None else newer(machine, more)
        yield from (machine for name, machine in memory.items() if name not in files.names)

    if not memory and not files.names and not srv and not probes:
        raise EvidenceError(
            "there is nothing to diagnose: no machine, no SRV record and no probe. Next: give machines, facts_paths, pasted, event_exports or bundle"
        )
    return Question(
        machines,
        # What a bundle tells is to be judged as of when it was made, unless something newer is here, too.
        bundle.created if bundle is not None and not (live or files.names or pieces) else now,
        Policy(tuple(approved)),
        tuple(srv),
        tuple(probes),
        tuple(read_machine_row(row.data, row.where) for row in FactsFiles(_paths(options.get("earlier_paths"))) if _may_be_host(row)),
        lambda: (event for export in exports for event in export.rest()),
        attribution.assumptions,
        tuple(dict.fromkeys(not_read)),
    )


def pasted_pieces(text: Text) -> list[Piece]:
    """Return what a pasted text holds: outputs of slmgr and events, each of which may be missing, not both. Raises EvidenceError."""
    pasted = parse_dlv(text.text)
    several = len(pasted.outputs) > 1
    pieces = [
        Piece(
            f"output {number} of {text.origin}" if several else text.origin,
            "" if several or text.origin.startswith("pasted text") else text.stem,
            output.facts.machine.fqdn or output.facts.machine.name,
            facts=output.facts,
        )
        for number, output in enumerate(pasted.outputs, start=1)
        if _tells(output.facts)
    ]
    events = _pasted_events(text)
    if events is not None:
        pieces.append(Piece(f"events in {text.origin}", "" if text.origin.startswith("pasted text") else text.stem, events=events))
    if not pieces:
        codes = dict.fromkeys(error["code"] for output in pasted.outputs for error in output.extra.get("errors", ()) if error["code"])
        if codes:
            raise EvidenceError(
                f"{text.origin} holds an error, {', '.join(codes)}, and no output of slmgr that tells of a machine. "
                "Next: paste the output of slmgr /dlv of that machine; the filter activation.kms.explain_error says what a code means"
            )
        raise EvidenceError(
            f"{text.origin} holds neither output of slmgr nor an event; it begins with {shown(text.text.strip())}. "
            "Next: paste the whole output of slmgr /dlv, or the text of an event with its id"
        )
    return pieces


def _tells(facts: Facts) -> bool:
    """Tell whether there is anything of a machine in what was read: a pasted event has labels and codes that slmgr prints, too."""
    words = {"name": None, "description": None, "application": None, "is_addon": None}
    products = any(dataclasses.replace(product, **words) != ProductFacts() for product in facts.products)
    return products or facts.service != ServiceFacts() or facts.host != HostFacts()


def _pasted_events(text: Text) -> Events | None:
    try:
        found = [event for event in read_export(text.text, text.origin) if event.event_id != UNREADABLE]
    except ExportError:
        return None
    return Events(records=tuple(found)) if found else None


class _Export:
    """One exported log: the records that are kept, and a way to those beyond."""

    def __init__(self, path: pathlib.Path, machine: str | None) -> None:
        self._path = path
        self._machine = machine
        self._beyond = False
        records: list[KmsEvent] = []
        problems: list[str] = []
        unread = 0
        for event, kept in self._read():
            if event.event_id == UNREADABLE:
                unread += 1
                problems += event.problems if unread <= PROBLEMS_KEPT else ()
            elif kept:
                records.append(event)
            else:
                self._beyond = True
        if unread > PROBLEMS_KEPT:
            problems.append(f"{unread - PROBLEMS_KEPT} more records of {path} could not be read")
        self.piece = Piece(str(path), path.stem, machine, events=Events(records=tuple(records), problems=tuple(problems)))

    @classmethod
    def of(cls, entry: t.Any) -> _Export:
        """Return the export that an option's entry names: a path, or a mapping with C(path) and C(machine). Raises EvidenceError."""
        if isinstance(entry, str):
            entry = {"path": entry}
        if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
            raise EvidenceError("an entry of event_exports has no path. Next: give path, and machine where the export does not name it")
        return cls(pathlib.Path(entry["path"]).expanduser(), entry.get("machine"))

    def rest(self) -> t.Iterator[KmsEvent]:
        """Read the requests again that were too many to be kept."""
        if self._beyond:
            for event, kept in self._read():
                if not kept and event.event_id != UNREADABLE:
                    yield event

    def _read(self) -> t.Iterator[tuple[KmsEvent, bool]]:
        counts: collections.Counter[str] = collections.Counter()
        for event in read_export_file(self._path):
            if self._machine and not event.computer and event.event_id != UNREADABLE:
                # Only where the log does not say: a name that it does say is the same wherever the record was read.
                event = dataclasses.replace(event, computer=self._machine)
            if event.event_id != REQUEST_SERVED:
                yield event, True
                continue
            host = same_name(event.computer)
            counts[host] += 1
            yield event, counts[host] <= RECORDS_KEPT


def _remember(memory: dict[str, MachineEvidence], machine: MachineEvidence) -> None:
    memory[machine.name] = newer(memory[machine.name], machine) if machine.name in memory else machine


def _facts_files(paths: t.Iterable[str] | None, knowns: list[Known] | None) -> FactsFiles:
    """Return the facts files; where pieces look for their machines, those of the files are added to the known ones."""
    if knowns is None:
        return FactsFiles(_paths(paths))
    names = {machine.name for machine in knowns}

    def add(row: Row) -> None:
        if row.name not in names:
            knowns.append(known(read_machine_row(row.data, row.where)))

    return FactsFiles(_paths(paths), each=add)


def _paths(paths: t.Iterable[str] | None) -> list[pathlib.Path]:
    return [pathlib.Path(path).expanduser() for path in paths or ()]


def _may_be_host(row: Row) -> bool:
    host = row.data.get("host")
    return not isinstance(host, dict) or host.get("is_kms_host") is not False


def _open_bundle(path: str | None) -> bundles.Bundle | None:
    if not path:
        return None
    try:
        with pathlib.Path(path).expanduser().open("rb") as file:
            return bundles.unpack(file, path)
    except OSError as error:
        raise EvidenceError(
            f"the bundle {path} can't be read: {error.strerror or error}. Next: give a zip file that you may read"
        ) from None


def _from_case(bundle: bundles.Bundle, name: str) -> list[str]:
    case = bundle.json(bundles.CASE)
    texts = case.get(name) if isinstance(case, dict) else None
    return [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
