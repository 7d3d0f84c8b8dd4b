# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SRV records: missing, stale, rogue, wrong.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

A finding about a record that leads to a host names that host in C(affects), so that what befalls clients of the host is found to follow from it, and in
C(depends_on), so that it is found to follow from what is wrong with the host.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..._evidence.view import CONNECTED, SrvRecord
from ..._licensing.model import DEFAULT_PORT
from ..case import Case, DomainEvidence, MachineEvidence, same_name
from ..finding import Finding, Judgement, Proof, Severity, Unjudged
from ..wording import listed, number
from ._hosts import domains_of_host, full_name, is_known, port_of, probe_proof, seers, way_to
from .registry import CaseRule

ANSWERED = "answered"
EMPTY = ("no_record", "nxdomain", "no_name")
COUNTED = (ANSWERED, *EMPTY)
"""Statuses that tell what a name server holds; the others say why that is not known (srv_info)."""

NO_SERVICE = "."
"""As a target: the service is decidedly not available in this domain (RFC 2782)."""


def missing(case: Case) -> t.Iterator[Judgement]:
    """Find domains without a record, and those of KMS hosts that nobody looked at."""
    rule = "srv_missing"
    for evidence in case.srv:
        source = f"srv_info of {evidence.domain}"
        leads = [record for record in evidence.records if record.target != NO_SERVICE]
        held = {server: records for server, status, records in evidence.authoritative if status in COUNTED}
        if evidence.status not in COUNTED and not held:
            yield Unjudged(rule, evidence.domain, f"an answer for {evidence.name} (the resolver: {evidence.status})")
        elif evidence.status in COUNTED and not leads:
            yield _missing(case, evidence, held, source)
        elif evidence.status not in COUNTED and not any(held.values()):
            told, proofs, severity = _who_needs(case, evidence)
            yield Finding(
                rule,
                evidence.domain,
                f"{evidence.name} has no SRV record on {listed(held)}, and the resolver gave no answer ({evidence.status}){told}",
                (Proof(f"no record on {listed(held)}", source), *proofs),
                _record_to_make(case, evidence),
                severity=severity,
            )
    known = {same_name(evidence.domain) for evidence in case.srv}
    for domain in dict.fromkeys(domain for host in case.hosts if host.is_kms_host for domain in domains_of_host(host)):
        if domain not in known:
            yield Unjudged(rule, domain, f"srv_info of {domain}")


def host_missing(case: Case) -> t.Iterator[Judgement]:
    """Find KMS hosts that publish themselves and have no record, in domains where others have one; an empty domain is L(missing)'s."""
    for evidence in case.srv:
        records = [record for record in evidence.records if record.target != NO_SERVICE]
        if not records:
            continue
        held = [record for _server, _status, kept in evidence.authoritative for record in kept]
        for host in case.hosts:
            if not host.is_kms_host or not host.facts.host.dns_publishing:
                continue
            # The documents disagree whether a list of domains comes in place of the host's own one: what is not listed is not expected.
            listed_domains = [same_name(line.partition(",")[0]) for line in host.facts.host.publish_domains or ()]
            if same_name(evidence.domain) not in (listed_domains or domains_of_host(host)):
                continue
            if any(case.host_named(record.target) is host for record in (*records, *held)):
                continue
            yield Finding(
                "srv_missing",
                evidence.domain,
                f"{host.name} publishes itself in {evidence.domain}, and no record of it is there: clients find "
                f"{listed(f'{record.target}:{record.port}' for record in records)} instead.",
                (
                    Proof("no record of " + host.name, f"srv_info of {evidence.domain}"),
                    Proof("publishing is on", host.source("host.dns_publishing")),
                ),
                {"domain": evidence.domain, "host": full_name(host), "port": str(port_of(host))},
                depends_on=(host.name,),
                severity=Severity.WARNING,
            )


def _missing(case: Case, evidence: DomainEvidence, held: t.Mapping[str, tuple[SrvRecord, ...]], source: str) -> Finding:
    holders = [server for server, records in held.items() if records]
    told, needed_by, severity = _who_needs(case, evidence)
    proofs = [Proof(f"the resolver says {evidence.status} for {evidence.name}", source)]
    if evidence.records:
        sentence = f"{evidence.name} has a record with the target '.': it says that there is no KMS host in {evidence.domain} (RFC 2782)."
    elif holders:
        sentence = (
            f"The resolver finds no record for {evidence.name}, though {listed(holders)} {'has' if len(holders) == 1 else 'have'} one: it remembers an "
            "older answer, or asks a server that lacks it."
        )
        proofs.append(Proof(listed(f"{record.target}:{record.port}" for record in held[holders[0]]), f"{source}, {holders[0]}"))
    else:
        without = f" on the resolver and {number(len(held), 'authoritative server')} ({listed(held)})" if held else " on the resolver"
        sentence = f"{evidence.name} has no SRV record{without}{told}"
    return Finding(
        "srv_missing",
        evidence.domain,
        sentence,
        (*proofs, *needed_by),
        _record_to_make(case, evidence),
        # A resolver that lags behind is served by time alone.
        severity=Severity.WARNING if holders and not evidence.records else severity,
    )


def _record_to_make(case: Case, evidence: DomainEvidence) -> dict[str, str]:
    """Return what a record for a domain would have: a KMS host that publishes itself there, else the first one that is known."""
    hosts = [host for host in case.hosts if host.is_kms_host]
    own = [host for host in hosts if same_name(evidence.domain) in domains_of_host(host)]
    host = next(iter(own or hosts), None)
    if host is None:
        return {"domain": evidence.domain, "port": str(DEFAULT_PORT)}
    return {"domain": evidence.domain, "host": full_name(host), "port": str(port_of(host))}


def _who_needs(case: Case, evidence: DomainEvidence) -> tuple[str, tuple[Proof, ...], Severity | None]:
    """Return who lacks the records of a domain: the end of a sentence, its proofs, and the severity that follows.

    A search list has domains in which nobody ever meant to have a KMS host, and a client that finds one elsewhere lacks nothing.
    """
    domain = same_name(evidence.domain)
    hosts = [host for host in case.hosts if host.is_kms_host and host.facts.host.dns_publishing and domain in domains_of_host(host)]
    client = case.without_record.get(domain)
    proofs = [Proof("publishing is on", host.source("host.dns_publishing")) for host in hosts[:1]]
    if client is not None:
        proofs.append(Proof(f"{client} looks here, and finds no record anywhere", f"activation_info and discovery_info of {client}"))
        return f": clients that look there, {client} for one, find no KMS host.", tuple(proofs), None
    if hosts:
        return f", though {hosts[0].name} publishes itself there: clients that look there find no KMS host.", tuple(proofs), None
    return ". No machine that was looked at needs one there.", (), Severity.INFO


def wrong_port(case: Case) -> t.Iterator[Judgement]:
    """Compare each record's port with the one on which its host listens."""
    rule = "srv_wrong_port"
    for evidence, record, host in _records(case):
        if host is None or not host.is_kms_host:
            continue
        port = host.facts.host.listening_port
        if port is None:
            yield Unjudged(rule, evidence.domain, f"the listening port of {host.name}")
        elif port != record.port:
            probes = case.probes_of(record.target, record.port)
            answered = next((probe for probe in probes if probe.outcome == CONNECTED), None)
            yield Finding(
                rule,
                evidence.domain,
                f"The SRV record of {record.target} in {evidence.domain} has port {record.port}, and the host listens on {port}."
                + (
                    f" Port {record.port} answers nevertheless: the host's setting may wait for a restart of its service."
                    if answered
                    else ""
                ),
                (
                    Proof(f"{record.target}:{record.port} in {evidence.name}", f"srv_info of {evidence.domain}"),
                    Proof(f"listening port {port}", host.source("host.listening_port")),
                    *(probe_proof(probe) for probe in probes[:1]),
                ),
                {
                    "domain": evidence.domain,
                    "host": record.target,
                    "port": str(port),
                    "wrong_port": str(record.port),
                    "priority": str(record.priority),
                    "weight": str(record.weight),
                },
                affects=(host.name,),
                depends_on=(host.name,),
                severity=Severity.WARNING if answered else None,
            )


def stale(case: Case) -> t.Iterator[Judgement]:
    """Find records whose target has no address or no host key, and those whose target was not reached. Clients that draw such a record lose time or fail.

    Only the first two are told to be removed: that nobody answered the controller may be a firewall's doing, or a host's that is off for an hour.
    """
    faults: dict[str, list[tuple[SrvRecord, MachineEvidence | None, _Fault]]] = {}
    alive: set[str] = set()
    for evidence, record, host in _records(case):
        fault = _fault(case, evidence, record, host)
        if isinstance(fault, Unjudged):
            yield fault
        if fault is None or isinstance(fault, Unjudged):
            alive.add(evidence.domain)
        else:
            faults.setdefault(evidence.domain, []).append((record, host, fault))
    for domain, rows in faults.items():
        for record, host, fault in rows:
            alone = domain not in alive
            name = host.name if host is not None else record.target
            yield Finding(
                fault.rule,
                domain,
                f"The SRV record {record.target}:{record.port} in {domain} leads to {fault.text}."
                + (" No other record of the domain leads to a host that was reached." if alone else ""),
                (Proof(f"{record.target}:{record.port}", f"srv_info of {domain}"), fault.proof),
                {
                    "domain": domain,
                    "host": record.target,
                    "port": str(record.port),
                    "priority": str(record.priority),
                    "weight": str(record.weight),
                },
                affects=(name,),
                depends_on=(name,),
                severity=Severity.ERROR if alone and fault.certain else None,
            )


@dataclasses.dataclass(frozen=True)
class _Fault:
    """What is wrong with a record's target. certain: more than a controller that got no answer shows it."""

    rule: str
    text: str
    proof: Proof
    certain: bool = True


def _fault(case: Case, evidence: DomainEvidence, record: SrvRecord, host: MachineEvidence | None) -> _Fault | Unjudged | None:
    key = (same_name(record.target), record.port)
    probes = case.probes_of(record.target, record.port)
    got_through = key in case.reached or any(probe.outcome == CONNECTED for probe in probes)
    addresses = evidence.addresses.get(record.target)
    if addresses is not None and not addresses and not got_through:
        return _Fault(
            "srv_stale",
            f"no KMS host: the resolver gave no address for {record.target}",
            Proof("no address", f"srv_info of {evidence.domain}, records[].addresses"),
        )
    if host is not None and is_known(host) and not host.is_kms_host:
        return _Fault(
            "srv_stale",
            f"no KMS host: {host.name} has no KMS host key",
            Proof("no product with a KMS host key", host.source("host.is_kms_host")),
        )
    if host is not None and host.facts.host.listening_port not in (None, record.port):
        # That is a wrong port, and another finding.
        return None
    failed = case.not_reached.get(key)
    way = way_to(host, case, record.port) if host is not None and host.is_kms_host else None
    newest = case.reached.get(key)
    if any(probe.outcome == CONNECTED for probe in probes) or (way is not None and way.through is not None):
        return None
    if way is None and newest is not None and (failed is None or newest.moment >= failed.moment):
        return None
    if not probes:
        if host is not None and is_known(host):
            return None
        return Unjudged("srv_target_not_reached", evidence.domain, f"endpoint_info of {record.target}, port {record.port}")
    refused = any(probe.outcome == "refused" for probe in probes)
    how = listed(dict.fromkeys(probe.outcome.replace("_", " ") for probe in probes))
    return _Fault(
        "srv_target_not_reached",
        f"a host that is not reached from {listed(seers(probes))} ({how})",
        probe_proof(probes[0]),
        certain=failed is not None or (refused and newest is None and (way is None or way.closed is not None)),
    )


def rogue(case: Case) -> t.Iterator[Judgement]:
    """Find records of hosts that are not approved, where the estate says which are."""
    if not case.policy.approved_hosts:
        return
    for evidence, record, host in _records(case):
        names = {record.target} | (set(host.names) if host is not None else set())
        fault = _fault(case, evidence, record, host)
        if any(case.policy.approves(name) for name in names) or (isinstance(fault, _Fault) and fault.rule == "srv_stale"):
            # A record that leads to no KMS host is stale, whoever made it.
            continue
        yield Finding(
            "srv_rogue",
            evidence.domain,
            f"An SRV record in {evidence.domain} names {record.target}:{record.port}, which is no approved KMS host ({listed(case.policy.approved_hosts)}).",
            (
                Proof(
                    f"{record.target}:{record.port}, priority {record.priority}, weight {record.weight}", f"srv_info of {evidence.domain}"
                ),
            ),
            {
                "domain": evidence.domain,
                "host": record.target,
                "port": str(record.port),
                "priority": str(record.priority),
                "weight": str(record.weight),
            },
            affects=(host.name if host is not None else record.target,),
        )


def servers_disagree(case: Case) -> t.Iterator[Judgement]:
    """Compare what the authoritative servers of each domain hold."""
    rule = "srv_servers_disagree"
    for evidence in case.srv:
        held = {server: _identities(records) for server, status, records in evidence.authoritative if status in COUNTED}
        if not held:
            yield Unjudged(rule, evidence.domain, f"an answer of an authoritative name server of {evidence.domain}")
            continue
        everything = frozenset().union(*held.values())
        lacking = {server: sorted(everything - records) for server, records in held.items() if everything - records}
        if lacking:
            # A change takes its time to every server, 15 minutes at the least between sites (Microsoft: MS-ADA3, replInterval), and one look does not tell
            # what is on its way from what is stuck. As long as each server has a record, clients find a host.
            empty = [server for server, records in held.items() if not records]
            texts = [f"{server} lacks {listed(_shown(record) for record in records)}" for server, records in lacking.items()]
            yield Finding(
                rule,
                evidence.domain,
                f"The name servers of {evidence.domain} have different records for {evidence.name}: {'; '.join(texts[:5])}. "
                + (
                    f"Clients that ask {listed(empty)} find no KMS host."
                    if empty
                    else "Each has one, so that clients find a host; after a change it may take a while until all have the same."
                ),
                tuple(
                    Proof(listed(map(_shown, sorted(records))) if records else "no record", f"srv_info of {evidence.domain}, {server}")
                    for server, records in held.items()
                )[:10],
                {"domain": evidence.domain, "server": [*(empty or lacking)][0]},
                severity=None if empty else Severity.INFO,
            )


def _records(case: Case) -> t.Iterator[tuple[DomainEvidence, SrvRecord, MachineEvidence | None]]:
    """Yield each record that the resolver gave, with the machine that it leads to where that is known."""
    for evidence in case.srv:
        for record in evidence.records:
            if record.target != NO_SERVICE:
                yield evidence, record, case.host_named(record.target)


def _identities(records: t.Iterable[SrvRecord]) -> frozenset[tuple[str, int, int, int]]:
    """Return records without their time to live, which a cache counts down."""
    return frozenset((same_name(record.target), record.port, record.priority, record.weight) for record in records)


def _shown(identity: tuple[str, int, int, int]) -> str:
    target, port, priority, weight = identity
    return f"{target}:{port}" + (f" (priority {priority}, weight {weight})" if priority or weight else "")


CASE_RULES: tuple[CaseRule, ...] = (missing, host_missing, wrong_port, stale, rogue, servers_disagree)
