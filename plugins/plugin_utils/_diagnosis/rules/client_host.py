# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client and its KMS hosts: found, reached, refused, answered.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

0xC004F074 says only that no host gave a usable answer; why is in the 12288 of each host that was asked (Microsoft: SupportArticles-docs,
error-0xc004f074-activate-windows). So it never leads to a finding by itself.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..._catalogue.loader import explain_code
from ..._catalogue.platforms import platform_of
from ..._evidence.facts import ProductFacts
from ..._evidence.view import CONNECTED, DomainView, EndpointView
from ..._licensing.model import DEFAULT_PORT
from ..case import Case, DomainEvidence, MachineEvidence, Target, same_name
from ..client_state import CLOCK_TOLERANCE_SECONDS, NO_HOST_ANSWERED, Failure, Situation, application_of, situation_of
from ..finding import Finding, Judgement, Proof, Unjudged
from ..wording import explained, label_of, when
from .registry import MachineRule

_DISCOVERY = "the client's own view of the way (discovery_info)"
_EVENTS = "the client's events (event_info)"
_REQUESTS = "the client's event 12288: 0xC004F074 alone never says why"
_PROBES = "a connection to the KMS host that others try (endpoint_info)"

_NO_ANSWER_CODES = frozenset((0x8007232A, 0x8007267C))
"""DNS server failure, no DNS server configured (errors.yml): whether there is a record is not told."""

_NO_RECORD = ("no_record", "no_name", "nxdomain")
_FOUND = ("found", "answered")
_WORDS = {
    "no_record": "no SRV record",
    "no_name": "no such name",
    "nxdomain": "no such name",
    "error": "no answer",
    "refused": "the connection is refused",
    "timeout": "no answer in time",
    "unreachable": "the network does not lead there",
    "no_address": "its name has no address",
}


@dataclasses.dataclass(frozen=True)
class _Pair:
    """A client with what it needs of its hosts, looked at once for all rules here.

    dead:  targets that the client does not reach, with what shows it, and the request that failed where there was one.
    alive: targets that the client reaches.
    """

    client: MachineEvidence
    case: Case
    situation: Situation
    targets: tuple[Target, ...]
    dead: tuple[_Dead, ...]
    alive: tuple[Target, ...]

    @property
    def configured(self) -> bool:
        """A host is set on the client: it looks for no SRV record."""
        return bool(self.targets) and all(target.source == "configured" for target in self.targets)

    def failures(self, rule: str) -> list[Failure]:
        return [failure for failure in self.situation.failures if failure.rule == rule]

    def hosts(self, failure: Failure) -> list[str]:
        """Return who was asked, or who would have been where the record does not say so."""
        if failure.host is not None:
            return [failure.host]
        return list(dict.fromkeys(target.name for target in self.targets if target.source != "event"))

    def depends(self, *hosts: str) -> tuple[str, ...]:
        """Return what a finding about hosts depends on: they themselves. Of the records of a domain only those that name them have a part in it."""
        return tuple(dict.fromkeys(map(self.case.inventory_name, hosts)))

    def application(self, target: Target) -> str | None:
        """Return whose host a target is, where Windows and Office are set to different ones; None where it is for both, or not known."""
        if target.source != "configured":
            return None
        here = (same_name(target.name), target.port)
        service = self.client.facts.service.kms_machine_configured
        of = {application_of(product): product.kms_machine_configured or service for product in self.client.kms_clients}
        # What is set for Windows is in `service`, and goes for Office without a setting of its own.
        sent = {name for name, host in of.items() if host is not None and (same_name(host.name), host.port or DEFAULT_PORT) == here}
        return next(iter(sent)) if len(sent) == 1 and len(of) > 1 else None


@dataclasses.dataclass(frozen=True)
class _Dead:
    """A target that the client does not reach. C(now) tells that it tried itself just now; without it a request failed, and that was then."""

    target: Target
    proofs: tuple[Proof, ...]
    what: str
    now: bool
    outcome: str | None


def client_and_hosts(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Judge the way of a client to its KMS hosts, and what they answer."""
    situation = situation_of(machine, case)
    if not situation.judged:
        return
    own = machine.facts.machine.clock_offset_seconds
    if (
        not situation.troubled
        and machine.discovery is None
        and (own is None or abs(own) + case.largest_host_offset <= CLOCK_TOLERANCE_SECONDS)
    ):
        # Most machines of a fleet: nothing calls for a cause, nothing was looked at, and no pair of clocks can be too far apart.
        return
    pair = _pair(machine, case, situation)
    for rule in _RULES:
        yield from rule(pair)


def _pair(client: MachineEvidence, case: Case, situation: Situation) -> _Pair:
    targets = case.targets(client)
    dead: list[_Dead] = []
    alive: list[Target] = []
    for target in targets:
        failure = next(
            (
                f
                for f in situation.failures
                if f.attempt is not None and same_name(f.host) == same_name(target.name) and (f.port is None or f.port == target.port)
            ),
            None,
        )
        view = _view_of(client, target)
        seen_at = client.discovery.collected_at if client.discovery is not None else None
        if view is not None and (failure is None or seen_at is None or failure.moment is None or seen_at >= failure.moment):
            if view.outcome == CONNECTED:
                alive.append(target)
                continue
            more = (failure.proof,) if failure is not None and failure.rule == "client_host_not_reached" else ()
            proof = Proof(f"{target.name}:{target.port}: {_WORDS.get(view.outcome, view.outcome)}", f"discovery_info of {client.name}")
            dead.append(_Dead(target, (proof, *more), _WORDS.get(view.outcome, view.outcome), True, view.outcome))
        elif failure is not None:
            if failure.rule == "client_host_not_reached":
                dead.append(_Dead(target, (failure.proof,), failure.what, False, None))
            else:
                alive.append(target)
        elif (same_name(target.name), target.port) in situation.answered:
            alive.append(target)
    return _Pair(client, case, situation, targets, tuple(dead), tuple(alive))


def _view_of(client: MachineEvidence, target: Target) -> EndpointView | None:
    if client.discovery is None:
        return None
    return next(
        (
            e
            for e in client.discovery.endpoints
            if same_name(e.host) == same_name(target.name) and e.port == target.port and e.source != "asked"
        ),
        next((e for e in client.discovery.endpoints if same_name(e.host) == same_name(target.name) and e.port == target.port), None),
    )


# --- found


def _no_srv(pair: _Pair) -> t.Iterator[Judgement]:
    # A host that is set switches discovery off (Microsoft: Deploy KMS Activation): then no record is missed.
    client, situation = pair.client, pair.situation
    if pair.configured:
        return
    domains = pair.case.domains_of(client)
    failed = pair.failures("client_no_srv")
    if client.discovery is not None:
        if any(domain.status in _FOUND for domain in client.discovery.domains):
            return
        if client.discovery.domains:
            unanswered = all(domain.status not in _NO_RECORD for domain in client.discovery.domains)
            if unanswered and not situation.needy and not failed:
                yield Unjudged("client_no_srv", client.name, "an answer of the client's name servers")
                return
            looked = ", ".join(f"{domain.domain} ({_WORDS.get(domain.status, domain.status)})" for domain in client.discovery.domains)
            yield _no_srv_finding(
                pair,
                f"{client.name} got no answer when it asked its name servers for the SRV record _vlmcs._tcp: it looked in {looked}."
                if unanswered
                else f"{client.name} finds no SRV record _vlmcs._tcp: it looked in {looked}.",
                tuple(
                    Proof(
                        f"{domain.name or domain.domain}: {domain.problem or _WORDS.get(domain.status, domain.status)}",
                        f"discovery_info of {client.name}",
                    )
                    for domain in client.discovery.domains
                ),
                failed,
                answered=not unanswered,
            )
        # Who has no full name has no domain; else its suffixes could not be read.
        elif not client.facts.machine.fqdn:
            yield _no_srv_finding(
                pair,
                f"{client.name} finds no SRV record: it has no DNS domain in which to look for one, and no KMS host is set on it.",
                (Proof("no DNS suffix, no search list, no lookup domain", f"discovery_info of {client.name}"),),
                failed,
            )
        elif situation.troubled:
            yield Unjudged("client_no_srv", client.name, _DISCOVERY)
        return
    if failed:
        answered = any(failure.code not in _NO_ANSWER_CODES for failure in failed)
        did = "found no SRV record" if answered else "got no answer about its SRV record"
        yield _no_srv_finding(
            pair, f"{client.name} {did} when it looked{when(failed[0].moment)}: {failed[0].what}.", (), failed, answered=answered
        )
        return
    # Whoever asked a host has found one.
    if not situation.needy or pair.targets:
        return
    if domains and all(domain.status in _NO_RECORD for domain in domains):
        yield _no_srv_finding(
            pair,
            f"No KMS host is set on {client.name}, and there is no SRV record in {', '.join(domain.domain for domain in domains)}.",
            tuple(Proof(f"{domain.name}: {_WORDS[domain.status]}", "srv_info") for domain in domains),
            [],
        )
        return
    yield Unjudged("client_no_srv", client.name, _DISCOVERY)


def _no_srv_finding(
    pair: _Pair, sentence: str, proofs: tuple[Proof, ...], failed: t.Sequence[Failure], *, answered: bool = True
) -> Finding:
    domains = tuple(dict.fromkeys(domain.domain for domain in pair.case.domains_of(pair.client)))
    return Finding(
        "client_no_srv",
        pair.client.name,
        sentence,
        (*proofs, *(failure.proof for failure in failed)),
        {"client": pair.client.name, "domain": domains[0] if domains else "<domain>"},
        # What is in a domain has no part in a search that got no answer.
        depends_on=domains if answered else (),
        severity=pair.situation.severity,
        variant=None if answered else "no_answer",
    )


# --- reached


def _port_differs(pair: _Pair) -> t.Iterator[Judgement]:
    for target in pair.targets:
        if target.source != "configured" or target in pair.alive or (same_name(target.name), target.port) in pair.situation.answered:
            continue
        right, proof = _right_port(pair, target)
        if right is None or proof is None or right == target.port:
            continue
        setting = pair.client.kms_setting(target.name)
        yield Finding(
            "client_port_differs",
            pair.client.name,
            f"{pair.client.name} is set to port {target.port} of {target.name}, and that KMS host has port {right}.",
            (Proof(f"configured KMS host {target.name}:{target.port}", pair.client.source("service.kms_machine_configured")), proof),
            {**_values(pair, target), "port": str(right), "activation_id": (setting and setting.activation_id) or "<activation_id>"},
            depends_on=(pair.case.inventory_name(target.name),),
            severity=pair.situation.severity,
            application=pair.application(target),
            # A port of the product outranks that of the service.
            variant=None if setting is None or setting.level in (None, "machine") else "product",
        )


def _right_port(pair: _Pair, target: Target) -> tuple[int | None, Proof | None]:
    host = target.machine
    if host is not None and host.is_kms_host and host.facts.host.listening_port is not None:
        port = host.facts.host.listening_port
        return port, Proof(f"listening port {port}", host.source("host.listening_port"))
    names = {same_name(target.name)} | (host.names if host is not None else set())
    seen: list[tuple[DomainView | DomainEvidence, str]] = [(domain, "srv_info") for domain in pair.case.srv]
    if pair.client.discovery is not None:
        seen = [(domain, f"discovery_info of {pair.client.name}") for domain in pair.client.discovery.domains] + seen
    for domain, source in seen:
        ports = {record.port for record in domain.records if same_name(record.target) in names}
        # Of several ports nothing tells which is the right one.
        if len(ports) == 1:
            (port,) = ports
            return port, Proof(f"SRV record {target.name}:{port} in {domain.domain}", source)
    return None, None


def _rule_of_dead(pair: _Pair, dead: _Dead) -> str | None:
    """Return what a host that the client does not reach is to it; None when it does not matter to the client."""
    if _refused_there(pair, dead.target):
        return None
    if dead.target.source == "configured":
        # The platform's own host is where the client should be set to: what is wrong is the way.
        return "client_host_not_reached" if platform_of(dead.target.name) else "client_override_dead"
    if dead.target.source == "cached":
        if pair.client.facts.service.host_caching is False:
            return None
        named = _named(pair)
        # A host that is kept and that a record names, too, is simply one that is not reached.
        if named is not None and (same_name(dead.target.name), dead.target.port) not in named:
            return "client_cached_host_dead"
    # One of several hosts that is down is no fault of the client's while it reaches another, unless it failed for it just now.
    asked = any(same_name(failure.host) == same_name(dead.target.name) for failure in pair.situation.failures)
    return "client_host_not_reached" if asked or not pair.alive else None


def _named(pair: _Pair) -> set[tuple[str, int]] | None:
    """Return the hosts and ports that SRV records name to the client; None when its records are not known."""
    domains = pair.case.domains_of(pair.client)
    return {(same_name(record.target), record.port) for domain in domains for record in domain.records} if domains else None


def _override_dead(pair: _Pair) -> t.Iterator[Judgement]:
    for dead in pair.dead:
        if _rule_of_dead(pair, dead) == "client_override_dead":
            yield Finding(
                "client_override_dead",
                pair.client.name,
                f"{pair.client.name} is set to the KMS host {dead.target.name}:{dead.target.port}, and does not reach it: {dead.what}. "
                "With a host set, it looks for no other.",
                dead.proofs,
                _values(pair, dead.target),
                depends_on=pair.depends(dead.target.name),
                severity=pair.situation.severity,
                application=pair.application(dead.target),
            )


def _cached_host_dead(pair: _Pair) -> t.Iterator[Judgement]:
    for dead in pair.dead:
        if _rule_of_dead(pair, dead) != "client_cached_host_dead":
            continue
        others = ", ".join(sorted(f"{name}:{port}" for name, port in _named(pair) or ()))
        yield Finding(
            "client_cached_host_dead",
            pair.client.name,
            f"{pair.client.name} keeps the KMS host {dead.target.name}:{dead.target.port} of its last activation, which it does not reach ({dead.what}) and "
            f"which no SRV record names{f'; they name {others}' if others else ''}.",
            (
                Proof(f"cached KMS host {dead.target.name}:{dead.target.port}", pair.client.source("service.kms_machine_discovered")),
                *dead.proofs,
            ),
            _values(pair, dead.target),
            depends_on=pair.depends(dead.target.name),
        )


def _not_reached(pair: _Pair) -> t.Iterator[Judgement]:
    client, situation = pair.client, pair.situation
    told: set[str] = set()
    for dead in pair.dead:
        if _rule_of_dead(pair, dead) == "client_host_not_reached":
            told.add(same_name(dead.target.name))
            yield _not_reached_finding(pair, dead.target.name, dead.target.port, dead.what, dead.proofs, pair.application(dead.target))
    for failure in pair.failures("client_host_not_reached"):
        if failure.host is None:
            hosts = pair.hosts(failure)
            if not told and not any(dead.target.source == "configured" for dead in pair.dead):
                yield _unnamed_not_reached(pair, failure, hosts)
            continue
        alive = any(same_name(target.name) == same_name(failure.host) for target in pair.alive)
        if alive and same_name(failure.host) not in told:
            told.add(same_name(failure.host))
            yield _not_reached_finding(
                pair,
                failure.host,
                failure.port,
                f"{failure.what}; a TCP connection from it succeeds now, so that another try may do",
                (failure.proof, Proof(f"{failure.host}:{failure.port}: connected", f"discovery_info of {client.name}")),
            )
    if not situation.troubled or pair.dead or pair.alive or situation.failures and any(f.rule for f in situation.failures):
        return
    if any(failure.code == NO_HOST_ANSWERED for failure in situation.failures) or _wrapped(pair):
        yield Unjudged("client_host_not_reached", client.name, _REQUESTS)
    elif client.events is None and situation.needy:
        yield Unjudged("client_host_not_reached", client.name, _EVENTS)
    if pair.targets and client.discovery is None:
        yield Unjudged("client_host_not_reached", client.name, _DISCOVERY)


def _wrapped(pair: _Pair) -> bool:
    """Tell whether all that is known of a failure is 0xC004F074."""
    return any(event.number == NO_HOST_ANSWERED for event in pair.client.records(8198, 8233)) and not pair.case.attempts(pair.client)


def _not_reached_finding(
    pair: _Pair, host: str, port: int | None, what: str, proofs: tuple[Proof, ...], application: str | None = None
) -> Finding:
    platform = platform_of(host)
    whose = f", which {platform} runs" if platform else ""
    return Finding(
        "client_host_not_reached",
        pair.client.name,
        f"{pair.client.name} does not reach the KMS host {host}{f':{port}' if port else ''}{whose}: {what}.",
        proofs,
        {"client": pair.client.name, "host": host, "port": str(port or DEFAULT_PORT), "platform": platform or "<platform>"},
        depends_on=pair.depends(host),
        severity=pair.situation.severity,
        application=application,
        variant="platform" if platform else None,
    )


def _unnamed_not_reached(pair: _Pair, failure: Failure, hosts: t.Sequence[str]) -> Finding:
    known = f" ({', '.join(hosts)})" if hosts else ""
    return Finding(
        "client_host_not_reached",
        pair.client.name,
        f"{pair.client.name} reached no KMS host{known} when it tried{when(failure.moment)}: {failure.what}.",
        (failure.proof,),
        {"client": pair.client.name, "host": hosts[0] if hosts else "<host>", "port": str(DEFAULT_PORT)},
        depends_on=pair.depends(*hosts),
        severity=pair.situation.severity,
    )


def _blocked(pair: _Pair) -> t.Iterator[Judgement]:
    client = pair.client
    for dead in pair.dead:
        target, host = dead.target, dead.target.machine
        if _rule_of_dead(pair, dead) is None:
            continue
        # A platform's host lets its own machines in only: what others see of it says nothing of the way from there.
        if platform_of(target.name):
            continue
        # A name without an address leads nowhere: nothing is in the way there.
        if dead.outcome == "no_address" or (host is not None and host.facts.host.listening_port not in (None, target.port)):
            continue
        probes = [probe for probe in pair.case.probes_of(target.name, target.port) if same_name(probe.seen_from) not in client.names]
        opened = [probe for probe in probes if probe.outcome == CONNECTED]
        if not probes:
            yield Unjudged("client_blocked_on_the_way", client.name, _PROBES)
        elif opened and not dead.now:
            # The request failed then, the probe succeeds now: that the client is kept out has to be seen now, too.
            yield Unjudged("client_blocked_on_the_way", client.name, _DISCOVERY)
        elif opened:
            seen = ", ".join(dict.fromkeys(probe.seen_from or "elsewhere" for probe in opened))
            state = _open_by_itself(host, target)
            yield Finding(
                "client_blocked_on_the_way",
                client.name,
                f"{client.name} does not reach {target.name}:{target.port} ({dead.what}), and from {seen} the port is open: something on the way keeps the "
                "client out.",
                (
                    *dead.proofs,
                    *(
                        Proof(f"{target.name}:{target.port}: connected", f"endpoint_info from {probe.seen_from or 'elsewhere'}")
                        for probe in opened
                    ),
                    *state,
                ),
                _values(pair, target),
                depends_on=pair.depends(target.name),
                severity=pair.situation.severity,
            )


def _open_by_itself(host: MachineEvidence | None, target: Target) -> tuple[Proof, ...]:
    if host is None or not host.facts.host.firewall_rules:
        return ()
    enabled = [rule for rule in host.facts.host.firewall_rules if rule.enabled]
    if not enabled:
        return ()
    profiles = ", ".join(enabled[0].profiles or ()) or "unknown profiles"
    return (Proof(f"listening port {target.port}, firewall exception on ({profiles})", host.source("host.firewall_rules")),)


# --- answered


def _clock_differs(pair: _Pair) -> t.Iterator[Judgement]:
    client = pair.client
    own = client.facts.machine.clock_offset_seconds
    failed = pair.failures("client_clock_differs")
    told: set[str] = set()
    for failure in failed:
        host = failure.host
        told.add(same_name(host))
        measured = failure.attempt.clock_difference_seconds if failure.attempt is not None else None
        difference, proofs = _difference(client, pair.case.host_named(host))
        shown = difference if difference is not None and abs(difference) > CLOCK_TOLERANCE_SECONDS else measured
        by = f", by {abs(shown) / 3600:.1f} hours" if shown is not None and abs(shown) > CLOCK_TOLERANCE_SECONDS else ""
        yield _clock_finding(
            pair,
            host,
            f"{host or 'A KMS host'} refused {client.name}, whose clock differs from its own by more than 4 hours{by}: {failure.what}.",
            (failure.proof, *(proofs if shown is not None else ())),
        )
    if own is None:
        return
    for target in pair.targets:
        host_machine = target.machine
        if host_machine is None or not host_machine.is_kms_host or same_name(target.name) in told or host_machine.name == client.name:
            continue
        difference, proofs = _difference(client, host_machine)
        if difference is None or abs(difference) <= CLOCK_TOLERANCE_SECONDS:
            continue
        told.add(same_name(target.name))
        yield _clock_finding(
            pair,
            target.name,
            f"The clock of {client.name} is {abs(difference) / 3600:.1f} hours {'ahead of' if difference > 0 else 'behind'} that of {target.name}: "
            "KMS refuses requests when they differ by more than 4 hours in UTC (0xC004F06C).",
            proofs,
        )
    if not told and abs(own) > CLOCK_TOLERANCE_SECONDS and all(target.machine is None for target in pair.targets):
        # Without the host's clock the controller's stands in for it.
        yield _clock_finding(
            pair,
            None,
            f"The clock of {client.name} is {abs(own) / 3600:.1f} hours {'ahead of' if own > 0 else 'behind'} the controller's: "
            "KMS refuses requests when client and host differ by more than 4 hours in UTC (0xC004F06C).",
            (Proof(f"{own:+.0f} s against the controller", client.source("machine.clock_offset_seconds")),),
        )


def _difference(client: MachineEvidence, host: MachineEvidence | None) -> tuple[float | None, tuple[Proof, ...]]:
    """Return the client's clock less the host's in seconds, by what both differ from the controller's."""
    own = client.facts.machine.clock_offset_seconds
    other = host.facts.machine.clock_offset_seconds if host is not None else None
    if own is None or host is None or other is None:
        return None, ()
    return own - other, (
        Proof(f"{own:+.0f} s against the controller", client.source("machine.clock_offset_seconds")),
        Proof(f"{other:+.0f} s against the controller", host.source("machine.clock_offset_seconds")),
    )


def _clock_finding(pair: _Pair, host: str | None, sentence: str, proofs: tuple[Proof, ...]) -> Finding:
    return Finding(
        "client_clock_differs",
        pair.client.name,
        sentence,
        proofs,
        {"client": pair.client.name, "host": host or "<host>"},
        depends_on=pair.depends(host) if host else (),
        severity=pair.situation.severity,
    )


def _count(pair: _Pair) -> t.Iterator[Judgement]:
    for failure in _one_per_host(pair.failures("client_count_too_low")):
        attempt, product = failure.attempt, failure.product
        count = attempt.count if attempt is not None else None
        required = (attempt.required_count if attempt is not None else None) or (product.required_count if product is not None else None)
        host = failure.host or "The KMS host"
        numbers = (
            f"counts {count} machines, and {required} are needed"
            if count is not None and required is not None
            else f"counts too few machines{f': {required} are needed' if required is not None else ''}"
        )
        whom = f"{label_of(product)} of {pair.client.name}" if product is not None else pair.client.name
        yield Finding(
            "client_count_too_low",
            pair.client.name,
            f"{host} {numbers} before {whom} is activated (0xC004F038).",
            (failure.proof,),
            {
                "client": pair.client.name,
                "host": failure.host or "<host>",
                "count": "unknown" if count is None else str(count),
                "required": "5 or 25" if required is None else str(required),
                **_of_product(product),
            },
            depends_on=pair.depends(*pair.hosts(failure)),
            severity=pair.situation.severity,
            application=application_of(product),
            variant=_variant(product),
        )


def _refused(pair: _Pair) -> t.Iterator[Judgement]:
    texts = {
        "client_host_too_old": "{host} does not serve this client: {what}. Its host key is of an older generation than {client}, or of another kind.",
        "client_host_not_licensed": "{host}, which {client} asks, is not activated itself: {what}.",
        "client_host_not_enabled": "{host}, which {client} asks, is no KMS host: {what}.",
        "client_answer_lost": "{host} served the request of {client}{when}, and {client} has no record of the answer: it was lost, or came too late.",
    }
    for rule, text in texts.items():
        for failure in _one_per_host(pair.failures(rule)):
            hosts = pair.hosts(failure)
            served = failure.attempt.served if failure.attempt is not None else None
            more = (Proof("the host has the request", f"event 12290 of {served.computer or failure.host}"),) if served is not None else ()
            yield Finding(
                rule,
                pair.client.name,
                text.format(host=failure.host or "A KMS host", client=pair.client.name, what=failure.what, when=when(failure.moment)),
                (failure.proof, *more),
                {
                    "client": pair.client.name,
                    "host": failure.host or (hosts[0] if hosts else "<host>"),
                    "port": str(failure.port or DEFAULT_PORT),
                    **_of_product(failure.product),
                },
                depends_on=pair.depends(*hosts),
                severity=pair.situation.severity,
                application=application_of(failure.product),
                variant=_variant(failure.product) if rule != "client_host_not_enabled" else None,
            )


def _other_error(pair: _Pair) -> t.Iterator[Judgement]:
    told: set[tuple[int | None, str | None]] = set()
    for failure in pair.failures("client_activation_error"):
        application = application_of(failure.product)
        if (failure.code, application) in told:
            continue
        told.add((failure.code, application))
        known = explain_code(failure.code) if failure.code is not None else None
        cause = f" {known.cause}" if known is not None and known.cause else ""
        do = (
            known.remedy
            if known is not None and known.remedy
            else "no remedy of this code is known: look the code up, and at the records around it"
        )
        asked = f" of {failure.host}" if failure.host else ""
        yield Finding(
            "client_activation_error",
            pair.client.name,
            f"The request of {pair.client.name}{asked} failed{when(failure.moment)}: {failure.what}.{cause}",
            (failure.proof,),
            {
                "client": pair.client.name,
                "host": failure.host or "<host>",
                "code": explained(failure.code).split(" ", 1)[0].rstrip(",") if failure.code is not None else "<code>",
                "code_remedy": do.rstrip("."),
            },
            depends_on=pair.depends(*pair.hosts(failure)),
            severity=pair.situation.severity,
            application=application,
        )


def _one_per_host(failures: t.Iterable[Failure]) -> list[Failure]:
    """Return one failure for each host, of Windows and of Office: a host has a key and a count for each."""
    found: dict[tuple[str, int | None, str | None], Failure] = {}
    for failure in failures:
        found.setdefault((same_name(failure.host), failure.port, application_of(failure.product)), failure)
    return list(found.values())


def _of_product(product: ProductFacts | None) -> dict[str, str]:
    return {"activation_id": product.activation_id} if product is not None and product.activation_id else {}


def _variant(product: ProductFacts | None) -> str | None:
    """The modules change and activate Windows; for Office there is the command."""
    return "office" if application_of(product) == "office" else None


def _refused_there(pair: _Pair, target: Target) -> bool:
    """Tell whether something there said that it is no KMS host: then it was reached, and why its port is closed is known."""
    return any(same_name(failure.host) == same_name(target.name) for failure in pair.failures("client_host_not_enabled"))


def _values(pair: _Pair, target: Target) -> dict[str, str]:
    return {"client": pair.client.name, "host": target.name, "port": str(target.port)}


_RULES: tuple[t.Callable[[_Pair], t.Iterator[Judgement]], ...] = (
    _no_srv,
    _port_differs,
    _override_dead,
    _cached_host_dead,
    _blocked,
    _clock_differs,
    _not_reached,
    _refused,
    _count,
    _other_error,
)

MACHINE_RULES: tuple[MachineRule, ...] = (client_and_hosts,)
