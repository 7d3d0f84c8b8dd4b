# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a KMS client stands: which of its products need KMS, and what the newest requests for each came to.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Only the newest requests count. A failure before a later success is no fault, and so is one before the renewal that the time left shows.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import typing as t

from .._evidence.event import KmsEvent
from .._evidence.facts import ProductFacts
from .._evidence.pairing import ACTIVATED, COUNT_TOO_LOW, HOST_NOT_REACHED, REFUSED, UNKNOWN, Attempt
from .._licensing.model import LICENSED
from .case import Case, MachineEvidence, event_source, same_name
from .finding import Proof, Severity
from .wording import explained

VALIDITY_MINUTES = 259200
"""How long an activation by KMS or Active Directory lasts: 180 days (Microsoft: Learn, kms-activation-planning)."""

RENEWAL_MINUTES = 10080
ACTIVATION_MINUTES = 120
"""How often a client tries to renew, and to be activated, unless its host says otherwise (Microsoft: Learn, kms-activation-planning)."""

SLACK_MINUTES = 2 * 1440
"""Allowed on top of a renewal interval before "not renewed lately" is said (our choice): a machine is off on weekends."""

RENEWAL_DUE_MINUTES = 30 * 1440
"""A client with less time left has missed some twenty weekly renewals in a row (our choice)."""

CLOCK_TOLERANCE_SECONDS = 4 * 3600
"""How far the clocks of client and host may differ, in UTC (Microsoft: SupportArticles-docs, error-0xc004f06c-activate-windows)."""

ROUND = datetime.timedelta(minutes=5)
"""A client that tries one host after the other does so within seconds (Microsoft: windows-itpro-docs, activate-windows-clients); unreachable ones take
the time of a TCP connection each. The number is our choice; the next try of its own comes two hours later."""

SETTLED = datetime.timedelta(minutes=10)
"""Records this close to a success or to the requests that they sum up add nothing (our choice)."""

SLUI_FAILED = 8198
VOLUME_ATTEMPT_FAILED = 8233
"""What Windows writes about an activation of its own that failed (Microsoft: SupportArticles-docs, activation-event-8198-error-0xc0020017).
That 8233 says it of volume activation is from memory."""

NO_HOST_ANSWERED = 0xC004F074
"""Stands for every failure behind it and names none (Microsoft: SupportArticles-docs, error-0xc004f074-activate-windows)."""

NO_SRV_CODES = frozenset({0x8007232B, 0x8007251D, 0x8007267C, 0x80092328, 0x8007232A})
"""What DNS said instead of a record: no such name, no records, no DNS server, no such name (another facility), server failure (errors.yml)."""

RULE_OF_CODE: t.Mapping[int, str] = {
    **dict.fromkeys(NO_SRV_CODES, "client_no_srv"),
    # errors.yml, category network.
    0x800706BA: "client_host_not_reached",
    0xC0020017: "client_host_not_reached",
    0x8007139F: "client_host_not_reached",
    0xC004F06C: "client_clock_differs",
    # The first is the client's code, the second the host's in one documented case (SupportArticles-docs, error-0xc004f015-activate-windows-10).
    0xC004F042: "client_host_too_old",
    0xC004F015: "client_host_too_old",
    0xC004F041: "client_host_not_licensed",
    0xC004F039: "client_host_not_enabled",
    0xC004F038: "client_count_too_low",
}
"""What a code of a KMS request means to us; each other one is L(client_activation_error)."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """One thing that went wrong when a client asked, and where that is known from.

    rule:    the finding it leads to; None when it says no more than that no host answered.
    code:    unsigned; None where none is known.
    host:    as the client names it; None when it is not known who was asked.
    moment:  by the true clock as far as the client's offset is known.
    attempt: the request; None when only 8198, 8233 or the product's reason tell.
    product: the product it was for; None when that is not known.
    """

    rule: str | None
    code: int | None
    host: str | None
    port: int | None
    moment: datetime.datetime | None
    proof: Proof
    attempt: Attempt | None = None
    product: ProductFacts | None = None

    @property
    def what(self) -> str:
        """What went wrong in a few words, for a sentence: the code with its meaning."""
        if self.code is None:
            return {
                "client_host_not_reached": "the host was not reached",
                "client_count_too_low": "the host's count is too low",
                "client_answer_lost": "the host's answer is missing",
            }.get(self.rule or "", "it failed")
        return explained(self.code)


@dataclasses.dataclass(frozen=True)
class Situation:
    """How a client stands.

    products:  its products with a KMS client key, but for those that Active Directory has activated; empty where only events are known.
    judged:    there is something to say about KMS at all: such products, or records of requests where no products are known.
    failures:  what the newest requests met, the newest first; empty when they succeeded or none is known.
    answered:  (host, port) that activated the client in its newest requests, names made comparable.
    """

    products: tuple[ProductFacts, ...]
    judged: bool
    failures: tuple[Failure, ...]
    answered: frozenset[tuple[str, int | None]]

    @property
    def needy(self) -> tuple[ProductFacts, ...]:
        """Products that are not activated."""
        return tuple(p for p in self.products if p.license_status is not None and p.license_status != LICENSED)

    @property
    def overdue(self) -> tuple[ProductFacts, ...]:
        """Activated products that were not renewed in the time in which they should have been."""
        return tuple(p for p in self.products if not_renewed_lately(p))

    @property
    def troubled(self) -> bool:
        """True when something calls for a cause."""
        return bool(self.needy or self.failures or self.overdue)

    @property
    def severity(self) -> Severity | None:
        """What a fault of the client means now: a warning while all its products are activated, else as the rule has it."""
        return Severity.WARNING if self.products and all(p.license_status == LICENSED for p in self.products) else None


def situation_of(client: MachineEvidence, case: Case) -> Situation:
    """Return how a client stands."""
    return case.once(client, _situation)


def _situation(case: Case, client: MachineEvidence) -> Situation:
    all_products = client.facts.products
    products = tuple(p for p in client.kms_clients if not by_directory(p))
    if all_products and not products:
        return Situation((), False, (), frozenset())
    offset = datetime.timedelta(seconds=client.facts.machine.clock_offset_seconds or 0)
    failures: list[Failure] = []
    answered: set[tuple[str, int | None]] = set()
    rounds = _newest_rounds(case.attempts(client), products)
    traces = _traces(client, offset, products)
    for product in products or (None,):
        since = None if product is None else last_renewal(client, product)
        own = rounds.get(_key(product), [])
        if own and own[0].outcome == ACTIVATED:
            answered.add((same_name(own[0].host), own[0].port))
        failed = [_of_attempt(attempt, product, client) for attempt in own if _counts(attempt.time, since) and _failed(attempt, own)]
        newest = own[0].time if own else None
        trace = next(
            (found for found in traces.get(_key(product), ()) if _counts(found.moment, since) and _later(found.moment, newest)), None
        )
        if trace is not None and (trace.rule is not None or not own):
            # It is newer than every request that is known, and says more than that no host answered.
            failed = [dataclasses.replace(trace, product=product)]
        if not failed and not own and trace is None and product is not None:
            failed = _of_reason(product, client)
        failures += failed
    failures.sort(key=lambda f: f.moment or datetime.datetime.min.replace(tzinfo=datetime.UTC), reverse=True)
    judged = bool(products) or bool(rounds) or bool(failures)
    return Situation(products, judged, tuple(failures), frozenset(answered))


def by_directory(product: ProductFacts) -> bool:
    """Tell whether Active Directory has activated a product: then it needs no KMS host (Microsoft: Learn, activation-troubleshoot-adba-clients)."""
    return product.license_status == LICENSED and product.activation_type == "active_directory"


def last_renewal(client: MachineEvidence, product: ProductFacts) -> datetime.datetime | None:
    """Return when a product was activated last by the time that it has left; None where that is not known."""
    collected = client.facts.collected_at
    if collected is None or product.license_status != LICENSED or not product.grace_minutes:
        return None
    return collected - datetime.timedelta(minutes=max(0, VALIDITY_MINUTES - product.grace_minutes))


def not_renewed_lately(product: ProductFacts) -> bool:
    """Tell whether an activated product has less time left than the renewals that should have been leave."""
    if product.license_status != LICENSED or not product.grace_minutes:
        return False
    interval = max(product.renewal_interval_minutes or 0, RENEWAL_MINUTES)
    return product.grace_minutes < VALIDITY_MINUTES - interval - SLACK_MINUTES


def application_of(product: ProductFacts | None) -> str | None:
    """Return whose product it is, C(windows) or C(office), for L(Finding.application); None where that is not known."""
    application = None if product is None else product.application
    return "office" if application is not None and application.startswith("office") else application


def days(minutes: int) -> str:
    """Return a time that is left, for a sentence: days, or hours below two days."""
    if minutes < 2 * 1440:
        return f"{minutes // 60} hours"
    return f"{minutes // 1440} days"


def _key(product: ProductFacts | None) -> str | None:
    return None if product is None or product.activation_id is None else product.activation_id.casefold()


def _owner(activation_id: str | None, products: t.Sequence[ProductFacts]) -> tuple[bool, str | None]:
    """Return whether a record counts, and the key of the product it belongs to."""
    if not products:
        return True, None
    keys = [_key(product) for product in products]
    if activation_id is None or all(key is None for key in keys):
        return True, keys[0]
    # What was asked for a key that is not there any more is history.
    found = activation_id.strip("{}").casefold()
    return found in keys, found


def _newest_rounds(attempts: t.Iterable[Attempt], products: t.Sequence[ProductFacts]) -> dict[str | None, list[Attempt]]:
    """Return the newest requests of each product: those of one go, one for each host. C(attempts) come the newest first."""
    rounds: dict[str | None, list[Attempt]] = {}
    oldest: dict[str | None, datetime.datetime | None] = {}
    closed: set[str | None] = set()
    for attempt in attempts:
        counts, key = _owner(attempt.activation_id, products)
        if not counts or key in closed:
            continue
        if attempt.sent is None and attempt.response is None and attempt.outcome == UNKNOWN and key in rounds:
            continue
        if key not in rounds:
            rounds[key] = [attempt]
        else:
            last = oldest[key]
            near = attempt.time is None or last is None or last - attempt.time <= ROUND
            if not near or attempt.outcome == ACTIVATED:
                closed.add(key)
                continue
            if all((same_name(a.host), a.port) != (same_name(attempt.host), attempt.port) for a in rounds[key]):
                rounds[key].append(attempt)
        oldest[key] = attempt.time
    return rounds


def _failed(attempt: Attempt, own: t.Sequence[Attempt]) -> bool:
    """A host that failed in a go that another one ended well is no fault of the client's."""
    return own[0].outcome != ACTIVATED and attempt.outcome not in (ACTIVATED, UNKNOWN)


def _counts(moment: datetime.datetime | None, since: datetime.datetime | None) -> bool:
    return moment is None or since is None or moment > since + SETTLED


def _later(moment: datetime.datetime | None, newest: datetime.datetime | None) -> bool:
    return newest is None or (moment is not None and moment > newest + SETTLED)


def _of_attempt(attempt: Attempt, product: ProductFacts | None, client: MachineEvidence) -> Failure:
    code = attempt.code.number if attempt.code is not None else None
    if attempt.outcome == COUNT_TOO_LOW:
        rule = "client_count_too_low"
    elif attempt.outcome == HOST_NOT_REACHED:
        # With a host's name in the record it is not the SRV record that DNS did not have.
        rule = "client_host_not_reached" if attempt.host else RULE_OF_CODE.get(code or 0, "client_host_not_reached")
    elif attempt.outcome == REFUSED:
        rule = RULE_OF_CODE.get(code or 0, "client_activation_error")
    else:
        rule = "client_answer_lost"
    # The client's own record proves it; the host's where there is no other, and the answer where that has the reason.
    answer = attempt.response if attempt.outcome == COUNT_TOO_LOW else None
    # An attempt is made of one record at the least.
    event = t.cast(KmsEvent, answer or attempt.sent or attempt.response or attempt.served)
    owner = client.name if event is not attempt.served else (event.computer or attempt.host or "the host")
    return Failure(
        rule, code, attempt.host, attempt.port, attempt.time, Proof(_told(attempt, code), event_source(event, owner)), attempt, product
    )


def _told(attempt: Attempt, code: int | None) -> str:
    asked = f"asked {attempt.host}{f':{attempt.port}' if attempt.port else ''}" if attempt.host else "asked a host"
    if attempt.outcome == COUNT_TOO_LOW:
        return f"{asked}; the answer has count {_shown(attempt.count)}, and {_shown(attempt.required_count)} are needed"
    result = explained(code) if code else attempt.outcome.replace("_", " ")
    alone = "; no 12289 goes with it" if attempt.sent is not None and attempt.response is None else ""
    return f"{asked}: {result}{alone}"


def _shown(number: int | None) -> str:
    return "unknown" if number is None else str(number)


def _traces(client: MachineEvidence, offset: datetime.timedelta, products: t.Sequence[ProductFacts]) -> dict[str | None, list[Failure]]:
    """Return what Windows wrote about activations of its own that failed, by product, the newest first."""
    found: dict[str | None, list[Failure]] = collections.defaultdict(list)
    for event in client.records(SLUI_FAILED, VOLUME_ATTEMPT_FAILED):
        if not event.number:
            continue
        activation_id = event.fields.get("activation_id")
        counts, key = _owner(activation_id if isinstance(activation_id, str) else None, products)
        if counts:
            found[key].append(_of_trace(event, offset, client))
    for failures in found.values():
        failures.sort(key=lambda f: f.moment or datetime.datetime.min.replace(tzinfo=datetime.UTC), reverse=True)
    return found


def _of_trace(event: KmsEvent, offset: datetime.timedelta, client: MachineEvidence) -> Failure:
    code = event.number or 0
    rule = None if code == NO_HOST_ANSWERED else RULE_OF_CODE.get(code, "client_activation_error")
    moment = None if event.time is None else event.time - offset
    return Failure(rule, code, None, None, moment, Proof(explained(code), event_source(event, client.name)))


def _of_reason(product: ProductFacts, client: MachineEvidence) -> list[Failure]:
    """Return what the reason of a product's state tells of a request. Most reasons are states, and tell nothing of one."""
    code = product.reason.number if product.reason is not None else None
    if product.license_status in (None, LICENSED) or code is None or (code not in RULE_OF_CODE and code != NO_HOST_ANSWERED):
        return []
    rule = RULE_OF_CODE.get(code)
    return [
        Failure(
            rule, code, None, None, client.facts.collected_at, Proof(explained(code), client.source("products[].reason")), None, product
        )
    ]
