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
import functools
import pathlib
import re
import typing as t

from ._controller_files import NEXT_FACTS, FactsFiles, Row, Text, beginning, bytes_of, read_export_file, read_text
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
from ._evidence.dlv import Pasted, parse_dlv
from ._evidence.event import REQUEST_SERVED, Events, KmsEvent
from ._evidence.events import decode as decode_event
from ._evidence.export_record import UNREADABLE, ExportError, whole
from ._evidence.exports import read_export
from ._evidence.facts import Facts, HostFacts, ProductFacts, ServiceFacts
from ._evidence.plain import EvidenceError
from ._evidence.texts import decode

RECORDS_KEPT = 5000
"""Requests of one host's exported log that are kept whole. What is beyond goes into the pairing as a stream, and may be 200 000 records."""

UNKNOWN_EVENT = "unknown"
"""Name of a record whose id is none of events.yml."""

PROBLEMS_KEPT = 20
"""How many unreadable records of one export are told one by one."""

Options = t.Mapping[str, t.Any]

T = t.TypeVar("T")
E = t.TypeVar("E")


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
    trouble = _Trouble()
    bundle = trouble.of(lambda: _open_bundle(options.get("bundle")))
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
    exports = trouble.of_each(_entries(options.get("event_exports")), _Export.of)
    pastes = list(enumerate(_entries(options.get("pasted")), start=1))
    read = trouble.of_each(pastes, lambda paste: pasted_pieces(read_text(paste[1], f"pasted text {paste[0]}"), not_read))
    trouble.of_each(_paths(options.get("facts_paths")), _looked_at)
    trouble.tell()
    pieces = [piece for found in read for piece in found] + [export.piece for export in exports]

    knowns: list[Known] = [known(newer(memory[m.name], m) if m.name in memory else m) for m in live]
    knowns += [known(machine) for name, machine in memory.items() if name not in {m.name for m in live}]
    try:
        files = _facts_files(options.get("facts_paths"), knowns if pieces else None)
    except EvidenceError:
        trouble.of_each(_paths(options.get("facts_paths")), lambda path: FactsFiles([path]))
        trouble.tell()
        raise
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


class _Trouble:
    """What is wrong with pieces of evidence: all of it is told at once, so that nobody mends one file a run."""

    def __init__(self) -> None:
        self._problems: list[str] = []

    def of(self, read: t.Callable[[], T]) -> T | None:
        """Return what is read, None where that is wrong."""
        try:
            return read()
        except ValueError as error:
            self._problems.append(str(error))
            return None

    def of_each(self, entries: t.Iterable[E], read: t.Callable[[E], T]) -> list[T]:
        """Return what is read of each, without those where that is wrong."""
        found = [self.of(functools.partial(read, entry)) for entry in entries]
        return [one for one in found if one is not None]

    def tell(self) -> None:
        """Raise EvidenceError with everything that was wrong."""
        if len(self._problems) == 1:
            raise EvidenceError(self._problems[0])
        if self._problems:
            all_of_it = " ".join(f"({number}) {problem}." for number, problem in enumerate(self._problems, start=1))
            raise EvidenceError(f"{len(self._problems)} pieces of evidence can't be used: {all_of_it}")


def _looked_at(path: pathlib.Path) -> None:
    """Raise EvidenceError for a file that can't be opened. Its lines are looked at when it is read, once."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise EvidenceError(f"the facts file {path} can't be read: {error.strerror or error}. {NEXT_FACTS}") from None


def _entries(values: t.Iterable[t.Any] | None) -> list[t.Any]:
    """Return the entries of an option: blanks behind a comma belong to no path, and a comma at the end begins none."""
    found = [value.strip() if isinstance(value, str) and "\n" not in value else value for value in values or ()]
    return [value for value in found if value != ""] or found


def pasted_pieces(text: Text, not_read: list[str] | None = None) -> list[Piece]:
    """Return what a pasted text holds: outputs of slmgr and events, each of which may be missing, not both.

    C(not_read) gets a sentence about lines that were not understood. Raises EvidenceError.
    """
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
    if events is not None and all(event.name == UNKNOWN_EVENT for event in events.records) and (pieces or _is_garbled(text.text)):
        # A number in it that looks like the id of some event.
        events = None
    if events is None and _is_garbled(text.text) and all(output.language is None for output in pasted.outputs):
        # Before anything is concluded: of labels that are not known, only values would be left.
        raise EvidenceError(f"the encoding of {text.origin} was not understood. Next: save it as UTF-8")
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
            f"{text.origin} holds neither output of slmgr nor an event; it begins with {beginning(text.text)}. "
            "Next: paste the whole output of slmgr /dlv, or the text of an event with its id"
        )
    if not_read is not None and events is None:
        not_read += _not_understood(pasted, text.origin)
    return pieces


_PROMPT = re.compile(r"(?:PS )?[A-Za-z]:\\[^>]*>")


def _not_understood(pasted: Pasted, origin: str) -> list[str]:
    lines = [*pasted.unknown, *(line for output in pasted.outputs for line in output.unknown)]
    lines = [line for line in lines if not _PROMPT.fullmatch(line)]
    if not lines:
        return []
    return [f"not understood: {len(lines)} line{'s' * (len(lines) != 1)} of {origin}, the first: {beginning(lines[0])}"]


def _is_garbled(text: str) -> bool:
    """Tell whether a text looks as one does that was read in another encoding than its own: replaced characters, or signs in place of letters.

    Values are mostly ASCII in every language, so labels are looked at. Of letters of European languages beyond ASCII no label has a fifth.
    """
    labels = "".join(line.partition(":")[0] for line in text.splitlines())
    dense = re.sub(r"\s", "", labels)
    odd = sum(char == "\ufffd" or "\x80" <= char <= "\u02ff" or "\u2010" <= char <= "\u2122" or not char.isprintable() for char in dense)
    return odd * 5 > len(dense) > 0


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

    def __init__(self, path: pathlib.Path, machine: str | None, event_id: int | None = None) -> None:
        self._path = path
        self._machine = machine
        self._event_id = event_id
        self._beyond = False
        if _is_empty(path):
            self.piece = Piece(str(path), path.stem, machine, events=Events(), empty=True)
            return
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
        event_id = entry.get("event_id")
        number = None if event_id is None else whole(event_id)
        if event_id is not None and (number is None or not 0 < number <= 0xFFFF):
            raise EvidenceError(f"event_id of {entry['path']} is not the number of an event. Next: give one such as 12288")
        return cls(pathlib.Path(entry["path"].strip()).expanduser(), entry.get("machine"), number)

    def rest(self) -> t.Iterator[KmsEvent]:
        """Read the requests again that were too many to be kept."""
        if self._beyond:
            for event, kept in self._read():
                if not kept and event.event_id != UNREADABLE:
                    yield event

    def _read(self) -> t.Iterator[tuple[KmsEvent, bool]]:
        counts: collections.Counter[str] = collections.Counter()
        found = read_export_file(self._path)
        if self._event_id is not None:
            found = iter([decode_event(self._event_id, [decode(bytes_of(self._path))])])
        for event in found:
            if self._machine and not event.computer and event.event_id != UNREADABLE:
                # Only where the log does not say: a name that it does say is the same wherever the record was read.
                event = dataclasses.replace(event, computer=self._machine)
            if event.event_id != REQUEST_SERVED:
                yield event, True
                continue
            host = same_name(event.computer)
            counts[host] += 1
            yield event, counts[host] <= RECORDS_KEPT


def _is_empty(path: pathlib.Path) -> bool:
    try:
        with path.open("rb") as file:
            begin = file.read(1024)
    except OSError:
        return False  # what reads it says what is wrong
    return len(begin) < 1024 and not begin.lstrip(b"\xef\xbb\xbf\xff\xfe").strip(b"\0 \t\r\n")


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
    found = _entries(paths)
    if any(path is None or not str(path).strip() for path in found):
        raise EvidenceError("a path of a facts file is empty. Next: give the path of a file that activation_info wrote")
    return [pathlib.Path(path).expanduser() for path in found]


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
            f"the bundle {path} can't be read: {error.strerror or error}. Next: give {'one' if ',' in path else 'a'} zip file that you may read"
        ) from None


def _from_case(bundle: bundles.Bundle, name: str) -> list[str]:
    case = bundle.json(bundles.CASE)
    texts = case.get(name) if isinstance(case, dict) else None
    return [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
