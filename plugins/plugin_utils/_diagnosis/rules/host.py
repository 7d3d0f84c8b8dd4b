# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One KMS host: its key, its service, its firewall, its publishing.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ..._catalogue.host_keys import CLIENT, SERVER, HostKey, Place, host_key_of
from ..._catalogue.loader import license_status_phrase
from ..._evidence.event import APPLICATION_LOG, KMS_LOG, PUBLISH_FAILED, PUBLISHED, REQUEST_SERVED, KmsEvent, LogState
from ..._evidence.facts import FirewallRuleFacts, ProductFacts
from ..._evidence.view import SrvRecord
from ..._licensing.model import DEFAULT_PORT, LICENSED
from ..case import Case, DomainEvidence, MachineEvidence, event_source, same_name
from ..client_state import CLOCK_TOLERANCE_SECONDS, application_of
from ..finding import Finding, Judgement, Proof, Severity, Unjudged
from ..wording import explained, label_of, listed, when
from ._hosts import (
    COUNT_WINDOW,
    domains_of_host,
    full_name,
    host_products,
    is_known,
    is_office,
    other_probes,
    port_of,
    probe_proof,
    reached,
    seers,
    way_to,
)
from .registry import MachineRule

OWNED_BY_ANOTHER = 0x80072338
"""The update was refused, because another host made the record and owns it (Microsoft: SupportArticles-docs, event-12293)."""

ANSWERING_STATES = ("running", "start pending", "continue pending")
"""Win32_Service.State of a service that answers or is about to (Microsoft: Learn, Win32_Service)."""


def service_too_old(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Compare the host's Windows with what Microsoft names for each of its keys.

    A key that Windows has activated is accepted, whatever the table says; then it is a remark. Only "too old" is judged: a Windows newer than the table
    was not known when it was written.
    """
    rule = "host_service_too_old_for_key"
    for product in host_products(machine):
        key = host_key_of(product.description, product.activation_id)
        if key is None:
            yield Unjudged(rule, machine.name, f"a host key that is known here; {label_of(product)} is none")
            continue
        system = machine.facts.machine
        if system.build is None or system.product_type is None:
            yield Unjudged(rule, machine.name, f"the build and kind of Windows of {machine.name}")
            continue
        kind = CLIENT if system.product_type == "workstation" else SERVER
        place = key.place(kind, system.build)
        if place is None:
            yield from _wrong_place(machine, product, key, kind, system.build)
        elif place.minimum_ubr is not None:
            yield from _too_old(machine, product, key, place, place.minimum_ubr)


def _wrong_place(machine: MachineEvidence, product: ProductFacts, key: HostKey, kind: str, build: int) -> t.Iterator[Judgement]:
    oldest = key.oldest_build(kind)
    if oldest is not None and build >= oldest:
        return
    named = f"is for builds from {oldest} on" if oldest is not None else f"is not for a {kind} Windows"
    yield _too_old_finding(
        machine, product, f"{machine.name} has Windows build {build}, and the host key {key.name} {named}", str(oldest or "another Windows")
    )


def _too_old(machine: MachineEvidence, product: ProductFacts, key: HostKey, place: Place, minimum: int) -> t.Iterator[Judgement]:
    version = machine.facts.service.version
    found = re.fullmatch(r"\d+\.\d+\.(\d+)\.(\d+)", (version or "").strip())
    if found is None or int(found[1]) != machine.facts.machine.build:
        yield Unjudged(
            "host_service_too_old_for_key", machine.name, f"the version of the licensing service of {machine.name} with its revision"
        )
        return
    if int(found[2]) < minimum and product.license_status != LICENSED:
        # What Microsoft names is a build of Windows. Its revision is not read, and an update need not rebuild the file that the service's version is of.
        wanted = f"10.0.{place.builds.first}.{minimum}"
        yield Finding(
            "host_service_looks_old",
            machine.name,
            f"The licensing service of {machine.name} is {version}, and the host key {key.name} needs Windows {wanted} or later ({place.update} or a later "
            "cumulative update). The file may be older than Windows, so look at the build of Windows itself.",
            _age_proofs(machine, product),
            {"host": full_name(machine), "version": wanted},
            application=application_of(product),
        )


def _age_proofs(machine: MachineEvidence, product: ProductFacts) -> tuple[Proof, ...]:
    return (
        Proof(
            f"service {machine.facts.service.version}, build {machine.facts.machine.build}",
            machine.source("service.version, machine.build"),
        ),
        Proof(f"{product.description}, {product.license_status_word}", machine.source("products[].description")),
    )


def _too_old_finding(machine: MachineEvidence, product: ProductFacts, sentence: str, wanted: str) -> Finding:
    accepted = product.license_status == LICENSED
    return Finding(
        "host_service_too_old_for_key",
        machine.name,
        f"{sentence}. Windows has activated the key all the same, so it is a remark." if accepted else f"{sentence}.",
        _age_proofs(machine, product),
        {"host": full_name(machine), "version": wanted},
        severity=Severity.INFO if accepted else None,
        application=application_of(product),
    )


def no_host_key(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Find a machine without a host key that SRV records, clients or its own log show to be taken for a host."""
    rule = "host_has_no_host_key"
    if machine.is_kms_host or case.host_named(machine.name) is not machine:
        return
    if not is_known(machine):
        yield Unjudged(rule, machine.name, f"activation_info of {machine.name}")
        return
    proofs = [Proof("no product with a KMS host key", machine.source("host.is_kms_host"))]
    records = [(domain, record) for domain in case.srv for record in domain.records if case.host_named(record.target) is machine]
    served = [event for event in machine.records(REQUEST_SERVED) if event.time is None or case.now - event.time <= COUNT_WINDOW]
    if records:
        proofs += [Proof(f"{record.target}:{record.port} in {domain.name}", f"srv_info of {domain.domain}") for domain, record in records]
        how = f"SRV records of {listed(dict.fromkeys(domain.domain for domain, _record in records))} lead to it"
    elif served:
        proofs.append(Proof(f"{served[0].fields.get('client')} asked it", event_source(served[0], machine.name)))
        how = f"clients asked it{when(served[0].time)}"
    elif machine.records(REQUEST_SERVED):
        # It was a host once, and nothing shows that anybody is still sent there.
        return
    else:
        # A case holds a machine without a host key only when some client is sent to it.
        how = "clients are sent to it"
    yield Finding(
        rule,
        machine.name,
        f"{full_name(machine)} has no KMS host key, and {how}.",
        tuple(proofs),
        {"host": full_name(machine), "port": str(port_of(machine))},
    )


def not_licensed(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Look at the licence of each host key: a host that is not activated itself serves nobody."""
    rule = "host_not_licensed"
    products = host_products(machine)
    if machine.is_kms_host and not products:
        yield Unjudged(rule, machine.name, f"the products of {machine.name}")
    for product in products:
        if product.license_status is None:
            yield Unjudged(rule, machine.name, f"the licence status of {label_of(product)} on {machine.name}")
        elif product.license_status != LICENSED:
            reason = product.reason
            why = f" ({explained(reason.number)})" if reason is not None and reason.number is not None else ""
            yield Finding(
                rule,
                machine.name,
                f"The host key {label_of(product)} of {machine.name} is not activated ({license_status_phrase(product.license_status)}){why}: "
                "every client of it is refused (0xC004F041).",
                (Proof(f"licence status {product.license_status}{why}", machine.source("products[].license_status")),),
                {"host": full_name(machine), "activation_id": product.activation_id or "<activation_id>"},
                application=application_of(product),
                variant="office" if is_office(product) else None,
            )


def service_not_running(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Look whether the licensing service of a host runs. Between requests that of a client may rest; a host's has to listen."""
    rule = "host_service_not_running"
    if not machine.is_kms_host:
        return
    service = machine.facts.service
    if service.state is None:
        yield Unjudged(rule, machine.name, f"the state of the licensing service of {machine.name}")
    elif service.state.casefold() not in ANSWERING_STATES:
        start = f" (start mode {service.start_mode})" if service.start_mode else ""
        answered = reached(machine, case)
        yield Finding(
            rule,
            machine.name,
            f"The licensing service (sppsvc) of {machine.name} is {service.state.lower()}{start}: it answers no client."
            + (f" Yet its port answered {answered.seen_from or 'the controller'}, so it may have been started since." if answered else ""),
            (Proof(f"sppsvc {service.state}{start}", machine.source("service.state")), *((probe_proof(answered),) if answered else ())),
            {"host": full_name(machine)},
            severity=Severity.WARNING if answered else None,
        )


def firewall(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Look whether the firewall exception lets clients in, as far as the built-in rules tell.

    The facts have the rules that Windows brings along and no others: another rule, a policy, another firewall, or none at all may let clients in. So what the
    rules mean hangs on whether somebody got in. Where a probe did, they are of no importance; but for client Windows, whose rule for private and public
    networks lets in the own subnet alone, so that somebody next to it gets in and others do not.
    """
    if not machine.is_kms_host:
        return
    rules, port = machine.facts.host.firewall_rules, machine.facts.host.listening_port
    if reached(machine, case) is not None:
        on = [rule for rule in rules or () if rule.enabled]
        if machine.facts.machine.product_type == "workstation" and on and all(rule.profiles is not None for rule in on):
            yield from _profiles(machine, rules or (), on, {"host": full_name(machine), "port": str(port_of(machine))}, Severity.INFO)
        return
    if rules is None:
        yield Unjudged("host_firewall_exception_off", machine.name, f"the firewall rules of {machine.name}")
        return
    if port is None:
        yield Unjudged("host_firewall_other_port", machine.name, f"the listening port of {machine.name}")
    elif port != DEFAULT_PORT:
        yield _other_port(machine, case, rules, port)
        return
    on = [rule for rule in rules if rule.enabled]
    blocking = [rule for rule in on if rule.action == "block"]
    values = {"host": full_name(machine), "port": str(port or DEFAULT_PORT)}
    inside = _inside(machine, case, port or DEFAULT_PORT)
    if blocking:
        names = listed(rule.name or "a rule" for rule in blocking)
        passed = (
            " Clients get in all the same: it may be for other networks, or the firewall is off."
            if inside.severity is Severity.INFO
            else ""
        )
        yield Finding(
            "host_firewall_blocks",
            machine.name,
            f"The firewall rule {names} of {machine.name} is on and blocks TCP {DEFAULT_PORT}; a blocking rule wins over every other"
            # No other rule lets in what one blocks.
            + (inside.told if inside.proofs and inside.severity is None else "." + passed),
            (_rule_proof(machine, blocking), *inside.proofs),
            {**values, "rule": blocking[0].name or "SPPSVC-In-TCP"},
            # A rule that blocks is an act; only a firewall that is off, or networks that it does not cover, would let clients in past it.
            severity=Severity.WARNING if inside.severity is Severity.INFO else None,
        )
    elif not on and all(rule.enabled is False for rule in rules):
        names = listed(rule.name or "the rule" for rule in rules)
        state = f"is there and switched off ({names})" if rules else "is not there: somebody removed the rules that Windows brings along"
        yield Finding(
            "host_firewall_exception_off",
            machine.name,
            f"The firewall exception for KMS of {machine.name} {state}{inside.told}",
            (_rule_proof(machine, rules), *inside.proofs),
            values,
            severity=inside.severity,
        )
    elif inside.severity is not Severity.INFO:
        yield from _profiles(machine, rules, on, values)


@dataclasses.dataclass(frozen=True)
class _Inside:
    """What is known of clients getting in: the end of a sentence, its proofs, and how bad a missing rule is by it (None: as bad as the finding says)."""

    told: str
    proofs: tuple[Proof, ...]
    severity: Severity | None


def _inside(machine: MachineEvidence, case: Case, port: int) -> _Inside:
    way = way_to(machine, case, port)
    if way.through is not None:
        return _Inside(
            ". Clients get in all the same: another rule lets them, or another firewall has the say.", (way.through,), Severity.INFO
        )
    silent = [probe_proof(probe) for probe in other_probes(machine, case, port)[:1]]
    closed = [way.closed] if way.closed is not None else silent
    if closed:
        return _Inside(f", and TCP {port} is not reached from elsewhere.", tuple(closed), None)
    return _Inside(
        f": unless another rule or firewall lets it in, no client reaches TCP {port}. Nobody is known to have tried.", (), Severity.WARNING
    )


def _other_port(machine: MachineEvidence, case: Case, rules: t.Sequence[FirewallRuleFacts], port: int) -> Finding:
    on = any(rule.enabled for rule in rules)
    inside = _inside(machine, case, port)
    return Finding(
        "host_firewall_other_port",
        machine.name,
        f"{machine.name} listens on TCP {port}, and the firewall exception that Windows brings along is {'on' if on else 'off'} and opens {DEFAULT_PORT} "
        f"only{inside.told}",
        (Proof(f"listening port {port}", machine.source("host.listening_port")), _rule_proof(machine, rules), *inside.proofs),
        {
            "host": full_name(machine),
            "port": str(port),
            "profiles": "Domain" if "." in same_name(machine.facts.machine.fqdn) else "Domain,Private",
        },
        severity=inside.severity,
    )


def _profiles(
    machine: MachineEvidence,
    rules: t.Sequence[FirewallRuleFacts],
    on: t.Sequence[FirewallRuleFacts],
    values: t.Mapping[str, str],
    severity: Severity | None = None,
) -> t.Iterator[Judgement]:
    rule = "host_firewall_profile_missing"
    if not on or any(found.profiles is None for found in on):
        yield Unjudged(rule, machine.name, f"the profiles of the firewall rules of {machine.name}")
        return
    covered = {profile for found in on for profile in found.profiles or ()}
    fqdn = same_name(machine.facts.machine.fqdn)
    if not fqdn:
        if "domain" not in covered or covered == {"domain"}:
            yield Unjudged(rule, machine.name, f"whether {machine.name} is a member of a domain")
        return
    # Neither which profile is in use nor whether the machine is a member of a domain is read; that it has a DNS domain is a good guess for the latter. A
    # member has the Domain profile wherever it reaches a domain controller, and others never have it (Microsoft: Learn, Windows Firewall overview).
    member = "." in fqdn
    missing = "domain" if member and "domain" not in covered else "private" if not member and covered == {"domain"} else None
    if missing is None:
        return
    # Client Windows has a rule of its own for the Domain profile; the other one is for the own subnet alone, and is better left so.
    other = next((found for found in rules if found not in on and missing in (found.profiles or ()) and found.name), None)
    name, profiles = (other.name, set(other.profiles or ())) if other is not None else (on[0].name, set(on[0].profiles or ()) | {missing})
    yield Finding(
        rule,
        machine.name,
        f"The firewall exception for KMS of {machine.name} is on for {listed(sorted(covered))} only; "
        + (
            f"in {fqdn.partition('.')[2]} it is most likely a member of a domain, which has the profile domain."
            if member
            else "a machine outside a domain never has that profile."
        ),
        (_rule_proof(machine, on),),
        {**values, "rule": name or "SPPSVC-In-TCP", "profiles": ",".join(word.capitalize() for word in sorted(profiles))},
        severity=severity,
    )


def _rule_proof(machine: MachineEvidence, rules: t.Sequence[FirewallRuleFacts]) -> Proof:
    texts = [f"{rule.name}: {'on' if rule.enabled else 'off'}, {rule.action}, {'/'.join(rule.profiles or ())}" for rule in rules]
    return Proof("; ".join(texts) or "no rule", machine.source("host.firewall_rules"))


_TELLING = ("refused", "no_address", "timeout", "unreachable")
"""Outcomes of a connection, those first that tell most."""


def port_closed(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Look at what probes of others met at a host's port. That one got through clears the host; whom it does not let through is another question."""
    rule = "host_port_closed"
    if not machine.is_kms_host:
        return
    port = port_of(machine)
    probes = other_probes(machine, case, port)
    way = way_to(machine, case, port)
    if way.through is not None:
        return
    if not probes:
        yield Unjudged(rule, machine.name, f"endpoint_info of {full_name(machine)}, port {port}")
        return
    outcomes = {probe.outcome for probe in probes}
    # What an answer of the machine itself tells is more than what silence does.
    worst = min(outcomes, key=lambda word: _TELLING.index(word) if word in _TELLING else len(_TELLING))
    meaning = {
        "refused": "the answer is that nothing listens there; the host gives it, or a firewall on it or on the way",
        "timeout": "nothing comes back: a firewall on it or on the way drops the packets, or it is switched off",
        "unreachable": "there is no way to it: it is switched off, or its network is not reached from there",
        "no_address": "its name has no address there",
    }.get(worst, worst)
    others = seers(probes)
    # Whoever else than the controller tried stands where clients may stand.
    alone = way.closed is None and others == ("the controller",)
    proofs = [probe_proof(probe) for probe in probes[:5]]
    # A client that was kept out, too, where it is not one of those who were told of already.
    client = way.closed if way.closed is not None and way.closed not in map(probe_proof, probes) else None
    told = " Whether clients reach it is not known." if alone else f" Nor by a client: {client.text}." if client is not None else ""
    yield Finding(
        rule,
        machine.name,
        f"TCP {port} of {full_name(machine)} is not reached from {listed(others)} ({worst.replace('_', ' ')}): {meaning}.{told}",
        (*proofs, *((client,) if client is not None else ())),
        {"host": full_name(machine), "port": str(port)},
        severity=Severity.WARNING if alone else None,
    )


def clock_off(machine: MachineEvidence, _case: Case) -> t.Iterator[Judgement]:
    """Compare the host's clock with the controller's. Whether a client's clock differs from the host's is another question, and asked of the client."""
    offset = machine.facts.machine.clock_offset_seconds
    if not machine.is_kms_host or offset is None or abs(offset) <= CLOCK_TOLERANCE_SECONDS:
        return
    yield Finding(
        "host_clock_off",
        machine.name,
        f"The clock of the KMS host {machine.name} is {abs(offset) / 3600:.1f} hours {'ahead of' if offset > 0 else 'behind'} the controller's: "
        "KMS refuses requests when client and host differ by more than 4 hours in UTC (0xC004F06C).",
        (Proof(f"{offset:+.0f} s against the controller", machine.source("machine.clock_offset_seconds")),),
        {"host": machine.name},
    )


def low_priority(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Look whether a host was told to answer at low priority."""
    if not machine.is_kms_host:
        return
    low = machine.facts.host.low_priority
    if low is None:
        yield Unjudged("host_low_priority", machine.name, f"the priority of the KMS host {machine.name}")
    elif low:
        yield Finding(
            "host_low_priority",
            machine.name,
            f"{machine.name} answers KMS clients at low priority: when it is busy they wait, and its count may not build up.",
            (Proof("low priority is on", machine.source("host.low_priority")),),
            {"host": full_name(machine)},
        )


def log_full(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Look whether the log of a host still takes and keeps its 12290: "no record" means nothing in a log that is full."""
    rule = "host_log_full"
    if not machine.is_kms_host:
        return
    state = None if machine.events is None else machine.events.log(KMS_LOG)
    if state is None or state.problem is not None or (state.full is None and state.about_to_overwrite is None and state.enabled is None):
        problem = f" ({state.problem})" if state is not None and state.problem is not None else ""
        yield Unjudged(rule, machine.name, f"the state of the log {KMS_LOG} of {machine.name}{problem}")
        return
    found = _log_fault(state, case.now)
    if found is not None:
        text, severity = found
        size = (
            ""
            if state.file_bytes is None or state.maximum_bytes is None
            else f"{state.file_bytes >> 20} of {state.maximum_bytes >> 20} MiB, "
        )
        yield Finding(
            rule,
            machine.name,
            f"The log {KMS_LOG} of {machine.name} {text}.",
            (Proof(f"{size}mode {state.mode or 'unknown'}{_back_to(state)}", f"event_info of {machine.name}, logs[]"),),
            {"host": full_name(machine)},
            severity=severity,
        )


def _log_fault(state: LogState, now: datetime.datetime) -> tuple[str, Severity | None] | None:
    if state.enabled is False:
        return "is disabled: requests leave no record", None
    if state.full:
        return "is full and takes no new records: that a client's request is not in it means nothing", None
    if state.about_to_overwrite and state.mode == "retain":
        return "is nearly full, and keeps old records instead of new ones: soon it takes none", None
    oldest = state.oldest_record_at
    if state.about_to_overwrite and state.mode != "auto_backup" and oldest is not None and now - oldest < COUNT_WINDOW:
        # The usual end of a log of a busy host, and harmless; whoever looks for a request should know.
        return f"overwrites its oldest records, and reaches back {(now - oldest).days} days: the host's count remembers 30", Severity.INFO
    return None


def _back_to(state: LogState) -> str:
    return f", oldest record{when(state.oldest_record_at)}" if state.oldest_record_at is not None else ""


def publish_failed(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Find domains in which the last attempt to publish failed: a 12293 without a later 12294."""
    rule = "dns_publish_failed"
    records = machine.records(PUBLISH_FAILED, PUBLISHED)
    if not machine.is_kms_host and not records:
        return
    state = None if machine.events is None else machine.events.log(APPLICATION_LOG)
    if machine.events is None or (state is not None and state.problem is not None and not records):
        yield Unjudged(rule, machine.name, f"the Application log of {machine.name}")
        return
    for domain, event in _last_attempts(records).items():
        if event.event_id == PUBLISH_FAILED:
            yield from _publish_failed(machine, case, domain, event)


def _last_attempts(records: t.Iterable[KmsEvent]) -> dict[str, KmsEvent]:
    """Return the newest record of each domain; of records without a time the first, since the newest come first."""
    last: dict[str, KmsEvent] = {}
    for event in records:
        domain = same_name(str(event.fields.get("domain") or ""))
        known = last.get(domain)
        if known is None or (event.time is not None and known.time is not None and event.time > known.time):
            last[domain] = event
    return last


def _publish_failed(machine: MachineEvidence, case: Case, domain: str, event: KmsEvent) -> t.Iterator[Judgement]:
    code = event.number
    own, others = _records_of(machine, case, domain)
    why = f" ({explained(code)})" if code is not None else ""
    if code == OWNED_BY_ANOTHER:
        why += ": the record belongs to another host or was made by hand, and this host may not change it"
    sentence = f"{machine.name} could not publish its SRV record in {domain or 'its domain'}{why}."
    proofs = [Proof(f"12293 for {domain or 'a domain'}{why}, no later 12294", event_source(event, machine.name))]
    if own:
        yield _by_hand(machine, domain, own, sentence, proofs)
        return
    severity = None
    if others:
        sentence += f" Clients find {listed(dict.fromkeys(record.target for record in others))} there, and not this host."
        proofs.append(Proof(listed(f"{record.target}:{record.port}" for record in others), f"srv_info of {domain}"))
        severity = Severity.WARNING
    elif all(same_name(evidence.domain) != domain for evidence in case.srv):
        way = way_to(machine, case)
        if way.through is not None:
            # Whether a record of it is there was not looked at, and clients come.
            sentence += " Clients ask it all the same."
            proofs.append(way.through)
            severity = Severity.WARNING
    yield Finding(
        "dns_publish_failed",
        machine.name,
        sentence,
        tuple(proofs),
        {"host": full_name(machine), "domain": domain or "<domain>"},
        affects=(domain,) if domain else (),
        severity=severity,
    )


def _by_hand(machine: MachineEvidence, domain: str, own: t.Sequence[SrvRecord], sentence: str, proofs: t.Iterable[Proof]) -> Finding:
    """Return the remark that a record is there which the host does not keep itself. It is another id, since it is the cause of nothing."""
    found = listed(f"{record.target}:{record.port}" for record in own)
    return Finding(
        "dns_record_by_hand",
        machine.name,
        f"{sentence} The record that leads to it, {found} in {domain}, was made in another way.",
        (*proofs, Proof(found, f"srv_info of {domain}")),
        {"host": full_name(machine), "domain": domain},
    )


def _records_of(machine: MachineEvidence, case: Case, domain: str) -> tuple[list[SrvRecord], list[SrvRecord]]:
    """Return the SRV records of a domain that lead to a machine, and the others, from whoever has them."""
    found = [record for evidence in case.srv if same_name(evidence.domain) == domain for record in all_records(evidence)]
    own = [record for record in found if same_name(record.target) in machine.names or case.host_named(record.target) is machine]
    return own, [record for record in found if record not in own]


def all_records(evidence: DomainEvidence) -> tuple[SrvRecord, ...]:
    """Return the records of a domain that the resolver or any authoritative server gave, each once; the time to live is a cache's business."""
    found: dict[tuple[str, int], SrvRecord] = {}
    for record in (*evidence.records, *(record for _server, _status, records in evidence.authoritative for record in records)):
        found.setdefault((same_name(record.target), record.port), record)
    return tuple(found.values())


def publishing_off(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Look whether a host publishes itself. That it does not is a choice, and a fault only where clients then find no record of it."""
    rule = "dns_publishing_off"
    if not machine.is_kms_host:
        return
    publishes = machine.facts.host.dns_publishing
    if publishes is None:
        yield Unjudged(rule, machine.name, f"whether {machine.name} publishes itself")
        return
    if publishes:
        return
    domains = domains_of_host(machine)
    looked_at = [domain for domain in domains if any(same_name(evidence.domain) == domain for evidence in case.srv)]
    without = [domain for domain in looked_at if not _records_of(machine, case, domain)[0]]
    proof = Proof("publishing is off", machine.source("host.dns_publishing"))
    for domain in looked_at:
        if domain not in without:
            yield _by_hand(
                machine, domain, _records_of(machine, case, domain)[0], f"{machine.name} does not publish itself in DNS.", (proof,)
            )
    if looked_at and not without:
        return
    rest = f"no SRV record of {listed(without)} leads to it" if without else "whether a record leads to it was not looked at"
    yield Finding(
        rule,
        machine.name,
        f"{machine.name} does not publish itself in DNS, and {rest}.",
        (proof, *(Proof(f"no record of {full_name(machine)}", f"srv_info of {domain}") for domain in without)),
        {"host": full_name(machine), "domain": (without or domains or ("<domain>",))[0], "port": str(port_of(machine))},
        affects=tuple(without or domains),
        severity=Severity.WARNING if without else None,
    )


MACHINE_RULES: tuple[MachineRule, ...] = (
    service_too_old,
    no_host_key,
    not_licensed,
    service_not_running,
    firewall,
    port_closed,
    clock_off,
    low_priority,
    log_full,
    publish_failed,
    publishing_off,
)
