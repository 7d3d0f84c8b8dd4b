# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the rules over evidence, and folds what follows from a cause under it.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The plain shape of L(Diagnosis.as_dict) is public: docs/names.md.

A fleet streams by twice: first hosts and what fleet rules need are gathered, then each machine is judged and let go. Between the two it streams by once
more where clients are sent to a machine that does not look like a host. What is kept grows with hosts, distinct CMIDs and findings, not with machines.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import heapq
import typing as t

from .._catalogue.findings import FindingType, all_consequences, finding_type
from .._evidence.event import REQUEST_SERVED, KmsEvent
from .._evidence.facts import HostFacts, ServiceFacts
from .._evidence.host_index import HostIndex
from .._evidence.pairing import Attempt
from .._evidence.plain import plain
from .._evidence.view import EndpointView
from .case import Case, DomainEvidence, MachineEvidence, Policy, same_name
from .contacts import ContactsOfClients
from .finding import Finding, Judgement, Severity, Unjudged
from .rules import ALL_CASE_RULES, ALL_FLEET_RULES, ALL_MACHINE_RULES

SCHEMA = 1
"""Number of the diagnosis' structure; it rises when a key changes its meaning or goes."""

NAMES_SHOWN = 20
"""How many subjects of one consequence are named; the rest is counted."""

ATTEMPTS_KEPT = 20
MACHINES_WITH_ATTEMPTS = 1000
"""How many requests of one machine are kept, the newest, and of how many machines with a finding: bounds for memory, above what anybody reads."""

FEW = 20
"""Of so few machines the requests of all are kept: whoever asks about a pair wants to see what went well, too."""

OLD = datetime.timedelta(days=30)
"""Facts that are older say little of how a machine stands now: a client renews every week, and a host forgets one that has not asked for this long."""

NEWER_FACTS = f"facts of the last {OLD.days} days: those at hand are older, and may be right no more"

Machines = t.Callable[[], t.Iterable[MachineEvidence]]
"""The machines, from the start at each call: a list's or a file's lines, read more than once."""


@dataclasses.dataclass(frozen=True)
class Consequence:
    """Findings of one rule that follow from a cause: how many, the first subjects, and one of them in full."""

    rule: str
    severity: Severity
    count: int
    subjects: tuple[str, ...]
    example: Finding


@dataclasses.dataclass(frozen=True)
class Root:
    """A cause, with what follows from it. C(severity) is the worst of both: a thing that is no fault by itself may keep a machine from being activated."""

    finding: Finding
    severity: Severity
    consequences: tuple[Consequence, ...]

    @property
    def type(self) -> FindingType:
        """What all findings of the rule have in common."""
        return finding_type(self.finding.rule)

    def as_dict(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {
            **_finding(self.finding, self.severity),
            "consequences": [
                {
                    "id": c.rule,
                    "severity": str(c.severity),
                    "title": finding_type(c.rule).title,
                    "count": c.count,
                    "subjects": list(c.subjects),
                    "sentence": c.example.sentence,
                    "proofs": plain(c.example.proofs),
                }
                for c in self.consequences
            ],
        }


@dataclasses.dataclass(frozen=True)
class Gap:
    """A rule that could not be decided for want of evidence, for so many subjects."""

    rule: str
    needs: str
    count: int
    subjects: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What the rules found.

    roots:    causes, the worst and deepest first.
    gaps:     what could not be judged.
    machines, clients, hosts: how many were looked at.
    counts:   how many findings each rule had, consequences among them.
    left_out: how many roots of a rule are beyond the limit and only counted: those that are the least bad.
    attempts: what the requests of machines with a finding came to, or of all where they are few, by machine; only where they were asked for.
    severities: how many roots are of each severity, those that are left out among them.
    old:      how many machines have facts that are older than L(OLD).
    judged:   of how many machines there is anything to judge: their licensing state or their events.
    network:  there are SRV records or probes, which tell something without any machine.
    """

    roots: tuple[Root, ...]
    gaps: tuple[Gap, ...]
    machines: int
    clients: int
    hosts: int
    counts: t.Mapping[str, int]
    left_out: t.Mapping[str, int]
    attempts: t.Mapping[str, tuple[Attempt, ...]]
    severities: t.Mapping[Severity, int]
    old: int = 0
    judged: int = 0
    network: bool = False

    @property
    def healthy(self) -> bool | None:
        """True when nothing worse than info was found, False when something was; None when no machine could be judged: nothing found means nothing then."""
        if self.worst not in (None, Severity.INFO):
            return False
        return True if self.judged else None

    @property
    def worst(self) -> Severity | None:
        """The worst severity; None when nothing was found."""
        return min((severity for severity, count in self.severities.items() if count), key=lambda s: s.rank, default=None)

    @property
    def verdict(self) -> str:
        """The answer in one or two sentences."""
        looked = f"{self.machines} machine{'s' * (self.machines != 1)} looked at ({self.hosts} KMS host{'s' * (self.hosts != 1)})"
        faults = [root for root in self.roots if root.severity is not Severity.INFO]
        old = (
            f" The facts of {self.old} machine{'s' * (self.old != 1)} are older than {OLD.days} days: how things stand now is not known."
            if self.old
            else ""
        )
        if not faults and not self.judged:
            seen = " No fault was found in SRV records and probes." if self.network else ""
            if not self.machines:
                return f"No machine was looked at.{seen}"
            unread = (
                "1 machine, which could not be read." if self.machines == 1 else f"{self.machines} machines, none of which could be read."
            )
            return f"Nothing can be told: {unread}{seen}"
        if self.judged < self.machines:
            looked += f", {self.machines - self.judged} of which could not be read"
        if not faults:
            gaps = f"; {len(self.gaps)} thing{'s' * (len(self.gaps) != 1)} could not be judged" if self.gaps else ""
            return f"No fault was found; {looked}{gaps}.{old}"
        first = faults[0]
        more = sum(count for severity, count in self.severities.items() if severity is not Severity.INFO) - 1
        also = f" There {'is one more cause' if more == 1 else f'are {more} more causes'}." if more else ""
        return f"{first.finding.sentence}{also}{old}"

    def as_dict(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "worst": None if self.worst is None else str(self.worst),
            "healthy": self.healthy,
            "findings": [root.as_dict() for root in self.roots],
            "not_judged": [
                {
                    "id": gap.rule,
                    "title": finding_type(gap.rule).title,
                    "needs": gap.needs,
                    "count": gap.count,
                    "subjects": list(gap.subjects),
                }
                for gap in self.gaps
            ],
            "machines": self.machines,
            "judged": self.judged,
            "clients": self.clients,
            "hosts": self.hosts,
            "counts": dict(self.counts),
            "left_out": dict(self.left_out),
            "severities": {str(severity): self.severities.get(severity, 0) for severity in Severity},
            "attempts": {name: plain(attempts) for name, attempts in self.attempts.items()},
        }


def diagnose(
    machines: Machines,
    *,
    now: datetime.datetime,
    earlier: t.Iterable[MachineEvidence] = (),
    srv: t.Iterable[DomainEvidence] = (),
    probes: t.Iterable[EndpointView] = (),
    policy: Policy | None = None,
    host_records: t.Iterable[KmsEvent] = (),
    limit_per_rule: int = 100,
    with_attempts: bool = False,
) -> Diagnosis:
    """Return what the rules find.

    machines:       called two or three times, each time giving every machine; of one name the last counts where facts are read again.
    earlier:        earlier readings of hosts.
    host_records:   further records of hosts, as from an export of a host's log.
    limit_per_rule: how many causes of one rule are given in full: the worst.
    with_attempts:  keep what the newest requests of machines with a finding came to, or of all where they are few, within bounds.
    """
    srv, probes = tuple(srv), tuple(probes)
    gathered = _gather(machines, now=now, earlier=earlier, srv=srv, probes=probes, policy=policy, host_records=host_records)
    case = gathered.case
    folding = _Folding(limit_per_rule)
    shared: list[Judgement] = [
        *(j for rule in ALL_CASE_RULES for j in rule(case)),
        *(j for rule in gathered.fleet for j in rule.judge(case)),
    ]
    for host in case.hosts:
        shared += _judge(host, case)
    folding.add_shared(shared)
    known = {host.name for host in case.hosts}
    attempts: dict[str, tuple[Attempt, ...]] = {}
    found = {judged.subject for judged in shared if isinstance(judged, Finding)}
    for machine in machines():
        judged_here: list[Judgement] = []
        if machine.name not in known:
            judged_here = _judge(machine, case)
            folding.add(judged_here)
        if not with_attempts or machine.events is None or len(attempts) >= MACHINES_WITH_ATTEMPTS:
            continue
        if gathered.machines <= FEW or machine.name in found or any(isinstance(judged, Finding) for judged in judged_here):
            attempts[machine.name] = tuple(case.attempts(machine)[:ATTEMPTS_KEPT])
    result = folding.result()
    return Diagnosis(
        result.roots,
        result.gaps,
        gathered.machines,
        gathered.clients,
        sum(h.is_kms_host for h in case.hosts),
        result.counts,
        result.left_out,
        attempts,
        result.severities,
        folding.old,
        gathered.judged,
        bool(srv or probes),
    )


def can_be_judged(machine: MachineEvidence) -> bool:
    """Tell whether anything is known of a machine's licensing: a product, a setting of the service, a value of a host, a log that was read."""
    facts, events = machine.facts, machine.events
    if facts.products or facts.service != ServiceFacts() or facts.host != HostFacts():
        return True
    return events is not None and (bool(events.records) or any(log.problem is None for log in events.logs))


@dataclasses.dataclass(frozen=True)
class _Gathered:
    case: Case
    fleet: tuple[t.Any, ...]
    machines: int
    clients: int
    judged: int


def _gather(
    machines: Machines,
    *,
    now: datetime.datetime,
    earlier: t.Iterable[MachineEvidence],
    srv: t.Sequence[DomainEvidence],
    probes: t.Sequence[EndpointView],
    policy: Policy | None,
    host_records: t.Iterable[KmsEvent],
) -> _Gathered:
    fleet = tuple(rule() for rule in ALL_FLEET_RULES)
    hosts: dict[str, MachineEvidence] = {}
    named: set[str] = {same_name(record.target) for domain in srv for record in domain.records}
    served = HostIndex()
    probing = Case(srv=srv, now=now)
    contacts = ContactsOfClients(now)
    count = clients = judged = 0
    for machine in machines():
        count += 1
        judged += can_be_judged(machine)
        clients += machine.is_kms_client
        for rule in fleet:
            rule.add(machine)
        requests = machine.records(REQUEST_SERVED)
        if machine.is_kms_host or requests:
            hosts[machine.name] = machine
            for event in requests:
                served.add(event)
        named |= {same_name(target.name) for target in probing.targets(machine)}
        contacts.add(machine, probing)
    # Who is sent clients without being a host is known only after the last client.
    named -= {name for host in hosts.values() for name in host.names}
    if named:
        for machine in machines():
            if machine.name not in hosts and machine.names & named:
                hosts[machine.name] = machine
    for event in host_records:
        served.add(event)
    case = Case(
        hosts=hosts.values(),
        earlier=earlier,
        srv=srv,
        probes=probes,
        policy=policy,
        now=now,
        served=served,
        reached=contacts.reached,
        not_reached=contacts.not_reached,
        without_record=contacts.without_record,
    )
    return _Gathered(case, fleet, count, clients, judged)


def _judge(machine: MachineEvidence, case: Case) -> list[Judgement]:
    found = [judgement for rule in ALL_MACHINE_RULES for judgement in rule(machine, case)]
    collected = machine.facts.collected_at
    if collected is not None and case.now - collected > OLD:
        found.append(Unjudged("evidence_incomplete", machine.name, NEWER_FACTS))
    return found


def _finding(finding: Finding, severity: Severity) -> dict[str, t.Any]:
    row = finding_type(finding.rule)
    remedy = row.remedy_of(finding.variant)
    return {
        "id": row.id,
        "scope": row.scope,
        "severity": str(severity),
        "subject": finding.subject,
        "affects": list(finding.affects),
        "title": row.title,
        "sentence": finding.sentence,
        "why": row.why,
        "proofs": plain(finding.proofs),
        "remedy": {
            "text": _filled(remedy.text, finding.values),
            "command": _filled(remedy.command, finding.values),
            "task": _filled(remedy.task, finding.values),
        },
        "sources": list(row.sources),
    }


def _filled(text: str | None, values: t.Mapping[str, str]) -> str | None:
    """Return a text with C(<name>) placeholders filled; one that nobody filled stays readable as C(<name>)."""
    if text is None:
        return None
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


@dataclasses.dataclass(frozen=True)
class _FoldingResult:
    roots: tuple[Root, ...]
    gaps: tuple[Gap, ...]
    counts: dict[str, int]
    left_out: dict[str, int]
    severities: dict[Severity, int]


class _Folding:
    """Collects findings and folds consequences under their causes. C(old) counts the machines with old facts."""

    def __init__(self, limit_per_rule: int) -> None:
        self._limit = limit_per_rule
        self._counts: collections.Counter[str] = collections.Counter()
        self._severities: collections.Counter[Severity] = collections.Counter()
        self._gaps: dict[tuple[str, str], tuple[int, list[str]]] = {}
        # What others may follow from is open to the end; the causes on one machine are closed with it.
        self._open: list[_OpenRoot] = []
        self._kept: dict[str, list[tuple[int, int, Root]]] = collections.defaultdict(list)
        self._left_out: collections.Counter[str] = collections.Counter()
        self._causes: dict[str, list[_OpenRoot | _Folded]] = collections.defaultdict(list)

    @property
    def old(self) -> int:
        """How many machines have facts that are too old to go by."""
        return self._gaps.get(("evidence_incomplete", NEWER_FACTS), (0, []))[0]

    def add_shared(self, judgements: t.Iterable[Judgement]) -> None:
        """Take in what may be the cause of others' findings: hosts, SRV records, the fleet."""
        nodes = self._fold(judgements)
        self._open += [node for node in nodes if isinstance(node, _OpenRoot)]
        for node in nodes:
            for name in _concerned(node.finding):
                self._causes[name].append(node)

    def add(self, judgements: t.Iterable[Judgement]) -> None:
        """Take in the findings about one machine."""
        for node in self._fold(judgements):
            if isinstance(node, _OpenRoot):
                self._close(node)

    def result(self) -> _FoldingResult:
        """Return what came of it all, after the last machine."""
        for node in self._open:
            self._close(node)
        self._open = []
        kept = (root for rows in self._kept.values() for *_order, root in rows)
        return _FoldingResult(
            tuple(sorted(kept, key=lambda r: (r.severity.rank, r.type.rank, r.finding.subject))),
            tuple(Gap(rule, needs, count, tuple(subjects)) for (rule, needs), (count, subjects) in self._gaps.items()),
            dict(self._counts),
            dict(self._left_out),
            dict(self._severities),
        )

    def _close(self, node: _OpenRoot) -> None:
        """Count a root, and keep it while it is among the worst of its rule; of equally bad ones the first are kept."""
        root = node.closed()
        rule = root.finding.rule
        self._severities[root.severity] += 1
        rows = self._kept[rule]
        # The smallest of the heap is the next to go.
        row = (-root.severity.rank, -sum(self._severities.values()), root)
        if len(rows) < self._limit:
            heapq.heappush(rows, row)
        else:
            heapq.heappushpop(rows, row)
            self._left_out[rule] += 1

    def _fold(self, judgements: t.Iterable[Judgement]) -> list[_OpenRoot | _Folded]:
        findings: list[Finding] = []
        for judgement in judgements:
            if isinstance(judgement, Unjudged):
                self._gap(judgement)
            else:
                findings.append(judgement)
        findings.sort(key=lambda f: finding_type(f.rule).rank)
        nodes: list[_OpenRoot | _Folded] = []
        by_name: dict[str, list[_OpenRoot | _Folded]] = collections.defaultdict(list)
        for finding in findings:
            self._counts[finding.rule] += 1
            cause = self._cause_of(finding, by_name)
            node: _OpenRoot | _Folded
            if cause is not None:
                cause.root.consequence(finding)
                node = _Folded(finding, cause.root)
            else:
                node = _OpenRoot(finding)
            nodes.append(node)
            for name in _concerned(finding):
                by_name[name].append(node)
        return nodes

    def _cause_of(self, finding: Finding, local: t.Mapping[str, list[_OpenRoot | _Folded]]) -> _OpenRoot | _Folded | None:
        names = {same_name(name) for name in (finding.subject, *finding.depends_on, *finding.affects)}
        candidates = [node for name in names for where in (local, self._causes) for node in where.get(name, ())]
        causes = [
            node for node in candidates if finding.rule in all_consequences(node.finding.rule) and _concerns(node.finding, finding, names)
        ]
        return min(causes, key=lambda node: finding_type(node.finding.rule).rank, default=None)

    def _gap(self, unjudged: Unjudged) -> None:
        count, subjects = self._gaps.get((unjudged.rule, unjudged.needs), (0, []))
        if len(subjects) < NAMES_SHOWN:
            subjects.append(unjudged.subject)
        self._gaps[unjudged.rule, unjudged.needs] = (count + 1, subjects)


class _OpenRoot:
    """A root that may still get consequences."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        self._consequences: dict[str, tuple[int, list[str], Finding]] = {}

    @property
    def root(self) -> _OpenRoot:
        """Itself."""
        return self

    def consequence(self, finding: Finding) -> None:
        """Take in what follows from this."""
        count, subjects, example = self._consequences.get(finding.rule, (0, [], finding))
        if len(subjects) < NAMES_SHOWN and finding.subject not in subjects:
            subjects.append(finding.subject)
        self._consequences[finding.rule] = (count + 1, subjects, example)

    def closed(self) -> Root:
        """Return the root as it is now."""
        consequences = tuple(
            Consequence(rule, _severity(example), count, tuple(subjects), example)
            for rule, (count, subjects, example) in sorted(self._consequences.items(), key=lambda item: finding_type(item[0]).rank)
        )
        worst = min((_severity(self.finding), *(c.severity for c in consequences)), key=lambda s: s.rank)
        return Root(self.finding, worst, consequences)


@dataclasses.dataclass(frozen=True)
class _Folded:
    finding: Finding
    root: _OpenRoot


def _severity(finding: Finding) -> Severity:
    return finding.severity or Severity(finding_type(finding.rule).severity)


_OF_RECORDS = frozenset(("dns_publish_failed", "dns_publishing_off", "srv_missing"))
"""A record that is not there keeps clients from finding a host, and has no part in what they meet at one that they found."""


def _concerns(cause: Finding, finding: Finding, names: set[str]) -> bool:
    """Tell whether a cause is about what a finding depends on.

    What is wrong with a machine as a KMS host says nothing about the same machine as a client: it asks hosts, perhaps others. What is wrong with a
    record concerns who is sent to the host of that record, and not everybody in the domain. What is wrong with a product is no cause in another
    application's.
    """
    if cause.application is not None and finding.application is not None and cause.application != finding.application:
        return False
    scope = finding_type(cause.rule).scope
    # One client's trouble is nobody else's, even where others are sent to it.
    if scope == "client" and same_name(cause.subject) != same_name(finding.subject):
        return False
    as_client = finding_type(finding.rule).scope == "client"
    if as_client and cause.rule in _OF_RECORDS and finding.rule != "client_no_srv":
        return False
    if scope == "host" and as_client and same_name(cause.subject) == same_name(finding.subject):
        return same_name(finding.subject) in {same_name(name) for name in (*cause.affects, *finding.depends_on)}
    if scope == "srv" and cause.affects:
        return not names.isdisjoint(map(same_name, cause.affects))
    return not names.isdisjoint(_concerned(cause))


def _concerned(finding: Finding) -> frozenset[str]:
    return frozenset(same_name(name) for name in (finding.subject, *finding.affects))
