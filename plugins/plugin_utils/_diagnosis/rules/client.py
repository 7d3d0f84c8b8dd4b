# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One client by itself: its key, its settings, its time.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..._catalogue.loader import all_gvlks, gvlk_for, is_evaluation, license_status_phrase
from ..._catalogue.platforms import platform_of
from ..._evidence.event import APPLICATION_LOG, REQUEST_SENT, RESPONSE_PROCESSED, Events
from ..._evidence.facts import ProductFacts
from ..._evidence.names import address_of
from ..._evidence.pairing import never_asked
from ..._licensing.model import LICENSED
from ..case import PASTED, Case, MachineEvidence, Target, same_name
from ..client_state import (
    ACTIVATION_MINUTES,
    RENEWAL_DUE_MINUTES,
    Situation,
    application_of,
    by_directory,
    days,
    last_renewal,
    not_renewed_lately,
    situation_of,
)
from ..finding import Finding, Judgement, Proof, Severity, Unjudged
from ..wording import day_and_time, explained, label_of, when
from .registry import MachineRule

SERVICE_DISABLED = 0x80070422
"""ERROR_SERVICE_DISABLED: what a call of the licensing classes meets on a machine whose service is disabled (errors.yml)."""

_EVENTS = "the client's events (event_info)"

_GVLK_BY_PARTIAL = {row.partial: row for row in all_gvlks()}

_WRONG_CHANNELS = {"mak": "a MAK", "retail": "a retail key", "oem": "an OEM key"}

# Names that never lead to the public internet (RFC 6761, RFC 6762, RFC 8375, ICANN's reserved .internal, and those that RFC 6762 appendix G
# found in use inside of organisations).
_PRIVATE_ENDS = frozenset(
    ("local", "localhost", "internal", "intranet", "private", "corp", "home", "lan", "test", "example", "invalid", "home.arpa")
)

# Below these a country's registry gives out names, so that two labels do not tell whose a name is (the usual ones; the public suffix list has all).
_SECOND_LEVELS = frozenset(("ac", "co", "com", "edu", "gob", "gov", "govt", "ltd", "mil", "ne", "net", "nhs", "or", "org", "sch"))


def machine_ambiguous(machine: MachineEvidence, _case: Case) -> t.Iterator[Judgement]:
    """Judge whether one product can be named as the machine's Windows."""
    keyed = _ambiguous(machine)
    if not keyed:
        return
    names = ", ".join(f"{label_of(p)}, {p.role or 'of unknown channel'}" for p in keyed)
    yield Finding(
        "machine_ambiguous",
        machine.name,
        f"{len(keyed)} Windows products of {machine.name} have a product key, and nothing tells which is in use: {names}.",
        (Proof(f"keyed Windows products: {names}", machine.source("products")),),
        {"client": machine.name},
        severity=Severity.WARNING if any(p.license_status == LICENSED for p in keyed) else None,
        application="windows",
    )


def client_evaluation(machine: MachineEvidence, _case: Case) -> t.Iterator[Judgement]:
    """Judge whether the machine is an evaluation copy."""
    edition = machine.facts.machine.edition_id
    product = next((p for p in machine.windows_candidates if p.role == "evaluation"), None)
    if product is None and not (edition and is_evaluation(edition)):
        return
    ends = f" It ends at {product.evaluation_ends_at}." if product is not None and product.evaluation_ends_at else ""
    what = f"edition {edition}" if edition else f"{label_of(product)}" if product else ""
    yield Finding(
        "client_evaluation",
        machine.name,
        f"{machine.name} is an evaluation copy of Windows ({what}): it takes no KMS client key before it is converted.{ends}",
        (
            Proof(what, machine.source("machine.edition_id" if edition else "products[].description")),
            *((Proof(f"channel {product.role}", machine.source("products[].role")),) if product else ()),
        ),
        {"client": machine.name, "edition": _without_evaluation(edition)},
        severity=Severity.WARNING if product is not None and product.license_status == LICENSED else None,
        application="windows",
        # DISM converts the evaluation of a Server only (Microsoft: Learn, upgrade-conversion-options).
        variant=None if edition is None or edition.casefold().startswith("server") else "desktop",
    )


def client_key_for_other_edition(machine: MachineEvidence, _case: Case) -> t.Iterator[Judgement]:
    """Judge by its last five characters whether the client key is that of this Windows. What the catalogue does not have is not judged."""
    product, windows = machine.windows, machine.facts.machine
    # A key that has activated this Windows is no other edition's, whatever a table says.
    if product is None or product.role != "kms_client" or product.license_status == LICENSED or not product.partial_key:
        return
    row = _GVLK_BY_PARTIAL.get(product.partial_key.upper())
    if row is None or row.kind == "office":
        return
    if windows.edition_id is None or windows.build is None:
        yield Unjudged("client_key_for_other_edition", machine.name, "edition and build of the client's Windows (activation_info)")
        return
    right = gvlk_for(windows.edition_id, windows.build)
    if right is None or right.partial == row.partial or row.fits(windows.edition_id, windows.build):
        return
    yield Finding(
        "client_key_for_other_edition",
        machine.name,
        f"The client key of {machine.name} (...{row.partial}) is that of {row.name}; its Windows is {windows.edition_id}, build {windows.build}, "
        f"whose key is that of {right.name} (...{right.partial}).",
        (
            Proof(f"key ...{product.partial_key}, the client setup key of {row.name}", machine.source("products[].partial_key")),
            Proof(f"edition {windows.edition_id}, build {windows.build}", machine.source("machine.edition_id")),
        ),
        # Public as it is, a whole key is in no output.
        {"client": machine.name, "product": right.name, "partial_key": right.partial},
        application="windows",
    )


def client_wrong_channel(machine: MachineEvidence, _case: Case) -> t.Iterator[Judgement]:
    """Judge whether the key is one for KMS. Add-ons, such as Extended Security Updates, have MAKs by design and do not count."""
    # Office of the retail and subscription channels is no volume product and nobody's mistake; one with a MAK is.
    chosen = [machine.windows] if machine.windows is not None and not _ambiguous(machine) else []
    chosen += [p for p in machine.facts.products if p.application not in ("windows", None) and p.role == "mak" and not p.is_addon]
    for product in chosen:
        if product.role not in _WRONG_CHANNELS or product.license_status is None:
            continue
        licensed = product.license_status == LICENSED
        state = "activated, and never asks a KMS host" if licensed else "not activated"
        # A device's own licence, and an Enterprise that a user's subscription made of Pro, are to be left alone.
        own = licensed and product.role in ("retail", "oem")
        yield Finding(
            "client_wrong_channel",
            machine.name,
            f"{label_of(product)} of {machine.name} has {_WRONG_CHANNELS[product.role]}, no KMS client key: it is {state}.",
            (Proof(f"channel {product.product_key_channel or product.description or product.role}", machine.source("products[].role")),),
            {"client": machine.name, "channel": product.role},
            severity=Severity.INFO if own else None if licensed else Severity.ERROR,
            application=application_of(product),
            variant="own_licence" if own else _variant(product),
        )


def client_service_disabled(machine: MachineEvidence, _case: Case) -> t.Iterator[Judgement]:
    """Judge whether the licensing service can start. On a client it starts on demand and stops by itself: stopped is no fault, disabled is."""
    if machine.is_kms_host:
        return
    service = machine.facts.service
    proofs: list[Proof] = []
    if (service.start_mode or "").casefold() == "disabled":
        proofs.append(Proof(f"start mode {service.start_mode}", machine.source("service.start_mode")))
    else:
        # Nothing can be read from such a machine; what was met instead is all there is.
        code = f"0x{SERVICE_DISABLED:08X}"
        proofs += [Proof(text, machine.source("problems")) for text in machine.facts.problems if code in text.upper().replace("0X", "0x")][
            :1
        ]
    if not proofs:
        return
    licensed = [p for p in machine.kms_clients if p.license_status == LICENSED]
    yield Finding(
        "client_service_disabled",
        machine.name,
        f"The licensing service (sppsvc) of {machine.name} is disabled: the machine asks no KMS host, neither for activation nor for renewal.",
        tuple(proofs),
        {"client": machine.name},
        severity=Severity.WARNING if licensed and len(licensed) == len(machine.kms_clients) else None,
    )


def client_activation_type_restricted(machine: MachineEvidence, _case: Case) -> t.Iterator[Judgement]:
    """Judge whether the client is kept from KMS. One that Active Directory has activated is healthy."""
    ways = {"active_directory": "through Active Directory", "token": "by a token"}
    for product in machine.kms_clients:
        enabled = product.activation_type_enabled
        if enabled not in ways:
            continue
        licensed = product.license_status == LICENSED
        if licensed and product.activation_type in (enabled, None):
            continue
        then = "it is activated by KMS still, and will not be renewed" if licensed else "it is not activated"
        yield Finding(
            "client_activation_type_restricted",
            machine.name,
            f"{label_of(product)} of {machine.name} may be activated {ways[enabled]} only: {then}.",
            (Proof(f"activation type {enabled} only", machine.source("products[].activation_type_enabled")),),
            {"client": machine.name, "activation_id": product.activation_id or "<activation_id>"},
            severity=None if licensed or product.license_status is None else Severity.ERROR,
            application=application_of(product),
        )


def client_host_choice(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Judge which KMS host the client is set to, or uses: one from outside, that of its platform, one that nobody approved."""
    if not situation_of(machine, case).judged:
        return
    for target in case.targets(machine):
        if target.source not in ("configured", "cached"):
            continue
        platform = platform_of(target.name) or next(filter(None, map(platform_of, _addresses(machine, target, case))), None)
        if platform is not None:
            yield _platform(machine, target, platform)
            continue
        outside = _outside(machine, target, case) if target.source == "configured" else False
        if outside is None:
            yield Unjudged(
                "client_override_public", machine.name, "the client's DNS domain, or the address of the KMS host that is set on it"
            )
        elif outside:
            yield _override_public(machine, target, outside)
        if not _approved(target, case):
            yield _unapproved(machine, target, case)


def client_never_asked(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Judge of each product that is not activated whether the client has asked for it at all, where its log would tell."""
    situation = situation_of(machine, case)
    if not situation.needy:
        return
    if machine.events is None:
        yield Unjudged("client_never_asked", machine.name, _EVENTS)
        return
    attempts = case.attempts(machine)
    needs: dict[str, None] = {}
    for product in situation.needy:
        if any(_is_for(attempt.activation_id, product) for attempt in attempts):
            continue
        judged = _never_asked(machine, machine.events, product, situation, case, alone=not attempts)
        if isinstance(judged, str):
            needs[judged] = None
        else:
            yield judged
    for text in needs:
        yield Unjudged("client_never_asked", machine.name, text)


def _never_asked(
    machine: MachineEvidence, events: Events, product: ProductFacts, situation: Situation, case: Case, *, alone: bool
) -> Finding | str:
    """Return the finding about a product for which no request is known, or what is needed to tell. C(alone): none is known for any."""
    # Those for other products are no requests for this one.
    own = dataclasses.replace(
        events, records=tuple(e for e in events.records if alone or e.event_id not in (REQUEST_SENT, RESPONSE_PROCESSED))
    )
    silence = never_asked(own)
    if silence.never_asked is None:
        return f"the client's {APPLICATION_LOG} log, read completely and reaching back to the time asked for"
    wait = product.activation_interval_minutes or machine.facts.service.activation_interval_minutes or ACTIVATION_MINUTES
    until = events.collected_at or machine.facts.collected_at or case.now
    if silence.since is not None and (until - silence.since).total_seconds() < wait * 60:
        return "a longer look into the client's log: a client asks once in its activation interval"
    traces = [failure for failure in situation.failures if failure.attempt is None and failure.product is product]
    why = f" Windows itself says why: {traces[0].what}." if traces else ""
    # The words of never_asked are about a whole log.
    seen = silence.reason if alone else f"the log {APPLICATION_LOG} has requests for other products only"
    whom = machine.name if alone and len(situation.needy) == 1 else f"{label_of(product)} of {machine.name}"
    return Finding(
        "client_never_asked",
        machine.name,
        f"{whom} has sent no request to a KMS host: {seen}.{why}",
        (
            Proof(
                "no event 12288 and none 12289" if alone else "no event 12288 for it", f"log {APPLICATION_LOG} of {machine.name}, {seen}"
            ),
            *(failure.proof for failure in traces[:1]),
        ),
        _values(machine, product),
        application=application_of(product),
        variant=_variant(product),
    )


def _is_for(activation_id: str | None, product: ProductFacts) -> bool:
    return (
        activation_id is None or product.activation_id is None or activation_id.casefold() == product.activation_id.casefold().strip("{}")
    )


def client_renewals(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Judge the renewals of a product that is activated: failing (only where a request failed since the last one), overdue, running out."""
    situation = situation_of(machine, case)
    for product in machine.kms_clients:
        if product.license_status != LICENSED:
            continue
        grace = product.grace_minutes
        failed = [failure for failure in situation.failures if failure.product is product]
        left = f" for {days(grace)} more" if grace else ""
        renewed = last_renewal(machine, product)
        since = f" Its last renewal was{when(renewed)}." if renewed is not None else ""
        times = (Proof(f"{days(grace)} left", machine.source("products[].grace_minutes")),) if grace else ()
        depends = tuple(dict.fromkeys(case.inventory_name(f.host) for f in failed if f.host))
        name = f"{label_of(product)} of {machine.name}"
        directory = by_directory(product)
        variant = "directory" if directory else _variant(product)
        application = application_of(product)
        if failed:
            yield Finding(
                "client_renewals_failing",
                machine.name,
                f"{name} is activated{left}, and its renewal failed{when(failed[0].moment)}: {failed[0].what}.{since}",
                (*(failure.proof for failure in failed), *times),
                _values(machine, product),
                depends_on=depends,
                application=application,
                variant=variant,
            )
        elif grace and grace >= RENEWAL_DUE_MINUTES and not_renewed_lately(product):
            by = " by Active Directory" if directory else ""
            yield Finding(
                "client_not_renewed_lately",
                machine.name,
                f"{name} has not been renewed lately: it is activated{by}{left}.{since}"
                + ("" if directory else " No request is known to have failed since."),
                times,
                _values(machine, product),
                application=application,
                variant=variant,
            )
        if grace and grace < RENEWAL_DUE_MINUTES:
            last = f" since {day_and_time(renewed)}" if renewed is not None else " lately"
            what = "its renewals fail" if failed else f"it has not been renewed{last}"
            whose = ", by Active Directory" if directory else ""
            yield Finding(
                "client_grace_running_out",
                machine.name,
                f"{name} is licensed for {days(grace)} more only{whose}: {what}.",
                times,
                {**_values(machine, product), "days": str(grace // 1440)},
                depends_on=depends,
                application=application,
                variant=variant,
            )
            if not failed and not directory and machine.events is None:
                yield Unjudged("client_renewals_failing", machine.name, _EVENTS)


def client_not_activated(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Judge whether each product is activated. It is the symptom: what leads to it is another rule's finding."""
    facts = machine.facts
    if not machine.windows_candidates and facts.primary_reason and not machine.is_kms_host:
        yield Finding(
            "client_not_activated",
            machine.name,
            f"No product can be named as the Windows of {machine.name}: {facts.primary_reason}.",
            (Proof(facts.primary_reason, machine.source("primary_reason")),),
            {"client": machine.name},
            application="windows",
        )
    failures = situation_of(machine, case).failures
    for product in facts.products:
        if product.is_addon or product.role == "kms_host":
            continue
        if product.license_status is None:
            yield Unjudged("client_not_activated", machine.name, "the licence status of the client's products (activation_info)")
            continue
        if product.license_status == LICENSED:
            continue
        reason = product.reason
        code = reason.number if reason is not None else None
        because = f": {explained(code)}" if code else ""
        word = license_status_phrase(product.license_status)
        left = f", {days(product.grace_minutes)} left" if product.grace_minutes else ""
        failed = [f for f in failures if f.product is product]
        asked = f" Its last request failed{when(failed[0].moment)}: {failed[0].what}." if failed and failed[0].code != code else ""
        yield Finding(
            "client_not_activated",
            machine.name,
            f"{label_of(product)} of {machine.name} is not activated ({word}{left}){because}.{asked}",
            (
                Proof(f"licence status {product.license_status} ({word})", machine.source("products[].license_status")),
                *((Proof(explained(code), machine.source("products[].reason")),) if code else ()),
                *(failure.proof for failure in failed),
            ),
            {**_values(machine, product), "code": reason.code or "" if reason else ""},
            severity=_of_not_activated(product),
            application=application_of(product),
            variant=_variant(product),
        )


def _of_not_activated(product: ProductFacts) -> Severity | None:
    if product.application in ("windows", None) or product.role == "kms_client":
        return None
    # Leftovers of trials and of other channels, which no volume licence is meant for, are no fault.
    return Severity.WARNING if product.role == "mak" else Severity.INFO


def log_lost_events(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Judge whether the log of a client in trouble still has what is looked for in it."""
    events = machine.events
    if events is None or not situation_of(machine, case).troubled:
        return
    state = events.log(APPLICATION_LOG)
    if state is None:
        return
    said: str | None = None
    if state.full:
        said = "it is full and takes no new records"
    elif state.enabled is False:
        said = "it is disabled"
    elif (
        events.since is not None
        and state.oldest_record_at is not None
        and state.oldest_record_at > events.since
        and state.about_to_overwrite
    ):
        said = (
            f"its oldest record is{when(state.oldest_record_at)}, and records since{when(events.since).replace(' at', '')} were asked for"
        )
    elif state.complete is False:
        said = "it was not read to its end: the bounds of the search were reached"
    if said is not None:
        yield Finding(
            "log_lost_events",
            machine.name,
            f"The log {state.log} of {machine.name} may lack what is looked for: {said}.",
            (Proof(said, f"state of the log {state.log} of {machine.name}"),),
            {"client": machine.name, "log": state.log},
        )


def evidence_incomplete(machine: MachineEvidence, _case: Case) -> t.Iterator[Judgement]:
    """Say what of a machine could not be read."""
    proofs = [Proof(text, machine.source("problems")) for text in machine.facts.problems]
    if machine.events is not None:
        proofs += [Proof(text, f"events of {machine.name}") for text in machine.events.problems]
        proofs += [Proof(f"{state.log}: {state.problem}", f"events of {machine.name}") for state in machine.events.logs if state.problem]
    if machine.discovery is not None:
        proofs += [Proof(text, f"discovery_info of {machine.name}") for text in machine.discovery.problems]
    if proofs:
        more = f" (and {len(proofs) - 1} more)" if len(proofs) > 1 else ""
        yield Finding(
            "evidence_incomplete",
            machine.name,
            f"Not everything of {machine.name} could be read: {proofs[0].text.rstrip('.')}{more}.",
            tuple(proofs),
            {"client": machine.name},
            variant="pasted" if machine.told_by == PASTED else None,
        )


def _ambiguous(machine: MachineEvidence) -> tuple[ProductFacts, ...]:
    """Return the keyed Windows products when there is more than one. Of a product whose application was not seen that can't be said."""
    found = tuple(p for p in machine.windows_candidates if p.application == "windows")
    return found if len(found) > 1 else ()


def _without_evaluation(edition: str | None) -> str:
    return edition[: -len("Eval")] if edition and is_evaluation(edition) else "<edition>"


def _values(machine: MachineEvidence, product: ProductFacts) -> dict[str, str]:
    return {"client": machine.name, "activation_id": product.activation_id or "<activation_id>"}


def _variant(product: ProductFacts) -> str | None:
    """The modules change and activate Windows; for Office there is the command."""
    return "office" if application_of(product) == "office" else None


def _addresses(machine: MachineEvidence, target: Target, case: Case) -> list[str]:
    """Return the host's name and the addresses that were seen behind it, by the client or by who tried a connection."""
    views = [*(machine.discovery.endpoints if machine.discovery is not None else ()), *case.probes]
    found = [target.name, *(e.address for e in views if e.address and same_name(e.host) == same_name(target.name))]
    known = (*(host for _source, host in machine.kms_hosts()), *machine.kept_hosts)
    found += [host.address for host in known if host.address and same_name(host.name) == same_name(target.name)]
    return found


def _outside(machine: MachineEvidence, target: Target, case: Case) -> tuple[str, bool] | t.Literal[False] | None:
    """Return why a host is not one of the estate's, and whether it is on the public internet; False when it may be one, None when that can't be told.

    An estate may have domains that are not known here: other trees of the forest, those of a parent company. Only an address tells what is public.
    """
    if target.machine is not None or (case.policy.approved_hosts and case.policy.approves(target.name)):
        return False
    name, literal = same_name(target.name), address_of(target.name)
    if literal is not None:
        # Private, link-local, loopback and documentation's ranges are not global.
        return (f"{literal} is a public address", True) if literal.is_global else False
    if "." not in name or any(name.endswith(f".{end}") for end in _PRIVATE_ENDS):
        return False
    domains = _estate_domains(machine, case)
    if any(_owner(name) == _owner(domain) or name.endswith(f".{domain}") for domain in domains):
        return False
    seen = [found for found in map(address_of, _addresses(machine, target, case)) if found is not None]
    public = next((found for found in seen if found.is_global), None)
    if public is not None:
        return f"its address {public} is a public one", True
    if seen:
        return False
    return (f"it is in none of the domains known here ({', '.join(sorted(domains)[:3])})", False) if domains else None


def _owner(name: str) -> str:
    """Return the part of a name that an organisation registers: two labels, or three below a country's second level."""
    labels = name.split(".")
    count = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVELS else 2
    return ".".join(labels[-count:])


def _estate_domains(machine: MachineEvidence, case: Case) -> set[str]:
    found = {same_name(m.facts.machine.fqdn).partition(".")[2] for m in (machine, *case.hosts)}
    found |= {same_name(domain.domain) for domain in case.srv}
    found |= {same_name(approved).partition(".")[2] for approved in case.policy.approved_hosts}
    if machine.discovery is not None:
        found |= {same_name(domain.domain) for domain in machine.discovery.domains}
    lookup = machine.facts.service.kms_lookup_domain
    if lookup is not None:
        found.add(same_name(lookup.domain))
    return {domain for domain in found if domain}


def _where(target: Target, machine: MachineEvidence) -> str:
    if target.source == "cached":
        return machine.source("service.kms_machine_discovered")
    return machine.source("service.kms_machine_configured")


def _level(machine: MachineEvidence, target: Target) -> str:
    setting = machine.kms_setting(target.name)
    return f" (set for the {setting.level})" if setting is not None and setting.level else ""


def _approved(target: Target, case: Case) -> bool:
    names = (target.name, *(target.machine.names if target.machine is not None else ()))
    return any(case.policy.approves(name) for name in names)


def _platform(machine: MachineEvidence, target: Target, platform: str) -> Finding:
    return Finding(
        "client_platform_host",
        machine.name,
        f"{machine.name} uses {target.name}, the KMS host that {platform} runs for its machines: it counts for no host of the estate.",
        (Proof(f"{target.name}:{target.port}, {target.source}", _where(target, machine)),),
        {"client": machine.name, "host": target.name, "platform": platform},
    )


def _override_public(machine: MachineEvidence, target: Target, found: tuple[str, bool]) -> Finding:
    why, public = found
    what = f"which is on the public internet: {why}" if public else f"which may be anybody's: {why}"
    return Finding(
        "client_override_public",
        machine.name,
        f"{machine.name} is set to the KMS host {target.name}{_level(machine, target)}, {what}.",
        (Proof(f"configured KMS host {target.name}:{target.port}", _where(target, machine)),),
        {"client": machine.name, "host": target.name, "port": str(target.port)},
        depends_on=(target.name,),
        severity=None if public else Severity.INFO,
        variant=None if public else "not_known",
    )


def _unapproved(machine: MachineEvidence, target: Target, case: Case) -> Finding:
    verb = "is set to" if target.source == "configured" else "was activated by"
    return Finding(
        "client_on_unapproved_host",
        machine.name,
        f"{machine.name} {verb} {target.name}{_level(machine, target) if target.source == 'configured' else ''}, which is none of the approved KMS hosts "
        f"({', '.join(case.policy.approved_hosts)}).",
        (Proof(f"{target.name}:{target.port}, {target.source}", _where(target, machine)),),
        {"client": machine.name, "host": target.name, "approved": case.policy.approved_hosts[0]},
        depends_on=(case.inventory_name(target.name),),
        # What is kept is not forgotten with what is set.
        variant="cached" if target.source == "cached" else None,
    )


MACHINE_RULES: tuple[MachineRule, ...] = (
    machine_ambiguous,
    client_evaluation,
    client_key_for_other_edition,
    client_wrong_channel,
    client_service_disabled,
    client_activation_type_restricted,
    client_host_choice,
    client_never_asked,
    client_renewals,
    client_not_activated,
    log_lost_events,
    evidence_incomplete,
)
