# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a KMS host's count, its cumulative requests and its 12290 records tell.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Windows and Office on one host have a count and requests each, so each host key is judged by itself.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import typing as t

from ..._evidence.event import KMS_LOG, REQUEST_SERVED, KmsEvent
from ..._evidence.facts import ProductFacts, RequestsFacts
from ..._licensing.model import COUNT_CAP, LICENSED, THRESHOLD_CLIENT, THRESHOLD_SERVER
from ..case import Case, MachineEvidence, event_source
from ..client_state import application_of
from ..finding import Finding, Judgement, Proof, Severity, Unjudged
from ..wording import explained, label_of, listed, number, when
from ._hosts import AFFECTED_SHOWN, COUNT_WINDOW, covers, domains_of_host, full_name, host_products, is_office, log_window
from .registry import MachineRule

KEY_MISMATCH = frozenset({0xC004F042, 0xC004F015})
"""A host's 12290 about a client that its key does not cover: the first is what the client gets, the second what the host writes in one documented case
(Microsoft: SupportArticles-docs, activation-error-0xc004cf042 and error-0xc004f015-activate-windows-10)."""

SERVER_CAP = 2 * THRESHOLD_SERVER
"""A host that only servers and Office have asked remembers twice their minimum (Microsoft: windows-itpro-docs, activate-windows-clients)."""

NEW = datetime.timedelta(days=2)
"""A host without any request for longer than this is not called new (our choice): a client that is not activated asks every two hours, and each one asks
when it starts."""


@dataclasses.dataclass(frozen=True)
class Refused:
    """The refused requests in a host's log that no later success of the same client and product has settled, the newest of each client."""

    by_code: t.Mapping[int, tuple[KmsEvent, ...]]

    def of(self, codes: t.Collection[int]) -> tuple[KmsEvent, ...]:
        """Return those with one of these codes."""
        return tuple(event for code, events in self.by_code.items() if code in codes for event in events)

    @property
    def others(self) -> tuple[tuple[int, tuple[KmsEvent, ...]], ...]:
        """Return those with other codes than KEY_MISMATCH, by code, the most frequent first."""
        return tuple(sorted(((c, e) for c, e in self.by_code.items() if c not in KEY_MISMATCH), key=lambda item: (-len(item[1]), item[0])))


def refused_requests(machine: MachineEvidence) -> Refused:
    """Return what a host's log says of clients that it last refused."""
    newest: dict[tuple[t.Any, t.Any, t.Any], KmsEvent] = {}
    for event in machine.records(REQUEST_SERVED):
        key = (event.fields.get("cmid"), event.fields.get("client"), event.fields.get("activation_id"))
        known = newest.get(key)
        if known is None or (event.time is not None and known.time is not None and event.time > known.time):
            newest[key] = event
    by_code: dict[int, list[KmsEvent]] = collections.defaultdict(list)
    for event in newest.values():
        if event.number:
            by_code[event.number].append(event)
    return Refused({code: tuple(events) for code, events in by_code.items()})


def failed_requests(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Judge refused requests: by their codes in the log, else by how the number of failed ones grew between two readings.

    Failed requests are those of clients that the host does not support (Microsoft: KMS troubleshooting guidelines). One reading can't tell whether they
    are of today or of years ago; the counters start again only with a new installation of Windows.
    """
    refused = refused_requests(machine)
    mismatched = refused.of(KEY_MISMATCH)
    if mismatched:
        yield _too_old_by_codes(machine, mismatched)
    for code, events in refused.others:
        yield _refused_for_another_reason(machine, code, events)
    if mismatched:
        # Which clients and why is known: the counters add nothing.
        return
    for product in host_products(machine):
        yield from _by_counters(machine, case, product, explained_otherwise=bool(refused.others))


def _too_old_by_codes(machine: MachineEvidence, events: t.Sequence[KmsEvent]) -> Finding:
    names = _client_names(events)
    codes = listed(dict.fromkeys(explained(event.number or 0) for event in events))
    products = listed(dict.fromkeys(label_of(product) for product in host_products(machine))) if host_products(machine) else "unknown"
    return Finding(
        "host_key_too_old_for_clients",
        machine.name,
        f"{machine.name} refuses {number(len(names), 'client')} ({listed(names)}) that no host key of it covers: {codes}. Its host keys: {products}.",
        tuple(
            Proof(f"{event.fields.get('client')}: {explained(event.number or 0)}", event_source(event, machine.name))
            for event in events[:5]
        ),
        {"host": full_name(machine)},
        affects=names[:AFFECTED_SHOWN],
    )


def _refused_for_another_reason(machine: MachineEvidence, code: int, events: t.Sequence[KmsEvent]) -> Finding:
    names = _client_names(events)
    return Finding(
        "host_failed_requests",
        machine.name,
        f"{machine.name} last refused {number(len(names), 'client')} ({listed(names)}): {explained(code)}.",
        tuple(Proof(f"{event.fields.get('client')}: {explained(code)}", event_source(event, machine.name)) for event in events[:5]),
        {"host": full_name(machine)},
    )


def _client_names(events: t.Iterable[KmsEvent]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(str(event.fields.get("client") or event.fields.get("cmid") or "a client without a name") for event in events)
    )


def _by_counters(machine: MachineEvidence, case: Case, product: ProductFacts, *, explained_otherwise: bool) -> t.Iterator[Judgement]:
    now = _requests(machine, product)
    if now is None or now.failed is None:
        yield Unjudged("host_failed_requests", machine.name, f"the failed requests of {label_of(product)} on {machine.name}")
        return
    before_machine = _earlier(machine, case)
    before = None if before_machine is None else _requests_of(before_machine, product.activation_id)
    restarted = before is not None and ((now.total or 0) < (before.total or 0) or now.failed < (before.failed or 0))
    values = {"host": full_name(machine)}
    if before is None or before.failed is None or before_machine is None or restarted:
        if now.failed and not explained_otherwise:
            yield Finding(
                "host_failed_requests",
                machine.name,
                f"{machine.name} refused {number(now.failed, 'request')} for {label_of(product)} since its Windows was installed. This is one reading: "
                "whether the number still grows takes a second one.",
                (Proof(f"failed requests {now.failed} of {_shown(now.total)}", machine.source("products[].requests")),),
                values,
                application=application_of(product),
            )
        return
    grown = now.failed - before.failed
    if grown > 0 and not explained_otherwise:
        since, until = before_machine.facts.collected_at, machine.facts.collected_at
        # Its log would name the clients and the codes: where it was read since then and has none, the key is not the reason.
        logged = covers(machine, KMS_LOG, since)
        yield Finding(
            "host_failed_requests" if logged else "host_key_too_old_for_clients",
            machine.name,
            f"{machine.name} refused {number(grown, 'request')} for {label_of(product)} between two readings ({before.failed}{when(since)}, "
            f"{now.failed}{when(until)})"
            + (
                ", and its log has no request that was refused."
                if logged
                else ": probably clients ask it that its host key does not cover. Its log would tell."
            ),
            (
                Proof(f"failed requests {before.failed}", f"earlier {before_machine.source('products[].requests')}"),
                Proof(f"failed requests {now.failed}", machine.source("products[].requests")),
            ),
            values,
            severity=None if logged else Severity.WARNING,
            application=application_of(product),
            variant="office" if is_office(product) and not logged else None,
        )


def _earlier(machine: MachineEvidence, case: Case) -> MachineEvidence | None:
    """Return the earlier reading of a machine, None when there is none or it is not earlier."""
    found = case.earlier.get(machine.name)
    if found is None:
        return None
    then, now = found.facts.collected_at, machine.facts.collected_at
    return None if then is not None and now is not None and then >= now else found


def _requests_of(machine: MachineEvidence, activation_id: str | None) -> RequestsFacts | None:
    product = next((p for p in host_products(machine) if p.activation_id == activation_id), None)
    return None if product is None else _requests(machine, product)


def _requests(machine: MachineEvidence, product: ProductFacts) -> RequestsFacts | None:
    """Return the requests of a host key; of the machine, where it has one host key only and they stand there alone."""
    return product.requests or (machine.facts.host.requests if len(host_products(machine)) == 1 else None)


def count(machine: MachineEvidence, case: Case) -> t.Iterator[Judgement]:
    """Judge the count of each host key that is activated; another one counts nobody."""
    for product in host_products(machine):
        if product.license_status not in (None, LICENSED):
            continue
        found = product.count if product.count is not None or len(host_products(machine)) > 1 else machine.facts.host.count
        if found is None:
            yield Unjudged("host_count_too_low", machine.name, f"the count of {label_of(product)} on {machine.name}")
        elif found == 0:
            yield from _count_zero(machine, case, product)
        elif found < THRESHOLD_CLIENT:
            yield from _count_low(machine, case, product, found)


def _count_zero(machine: MachineEvidence, case: Case, product: ProductFacts) -> t.Iterator[Judgement]:
    requests = _requests(machine, product)
    if requests is None or requests.total is None:
        yield Unjudged("host_count_zero_nobody", machine.name, f"the cumulative requests of {label_of(product)} on {machine.name}")
        return
    values = {
        "host": full_name(machine),
        "domain": machine.facts.machine.fqdn.partition(".")[2] if machine.facts.machine.fqdn else "<domain>",
    }
    proofs = [
        Proof(f"count 0, total requests {requests.total}, failed {_shown(requests.failed)}", machine.source("products[].count, requests"))
    ]
    by_status = (
        requests.unlicensed,
        requests.licensed,
        requests.oob_grace,
        requests.oot_grace,
        requests.non_genuine_grace,
        requests.notification,
    )
    # Whether the total has the failed ones in it is documented nowhere; the numbers by licence status are those of requests that were served.
    served = (
        sum(found or 0 for found in by_status) if any(found is not None for found in by_status) else requests.total - (requests.failed or 0)
    )
    earlier = _earlier(machine, case)
    before = None if earlier is None else _requests_of(earlier, product.activation_id)
    if requests.total == 0 and not requests.failed:
        then, now = (None if earlier is None else earlier.facts.collected_at), machine.facts.collected_at
        if before is not None and before.total == 0 and earlier is not None and then is not None and now is not None and now - then > NEW:
            proofs.append(Proof("total requests 0", f"earlier {earlier.source('products[].requests')}"))
            sentence = (
                f"Nobody has asked {machine.name} for {label_of(product)} since{when(then)}, {(now - then).days} days ago: its clients do not find it or do "
                "not reach it."
            )
            yield Finding(
                "host_count_zero_nobody",
                machine.name,
                sentence,
                tuple(proofs),
                values,
                depends_on=domains_of_host(machine),
                application=application_of(product),
            )
        else:
            yield Finding(
                "host_count_zero_new",
                machine.name,
                f"The count of {label_of(product)} on {machine.name} is 0, and nobody has ever asked it: a new host begins like this.",
                tuple(proofs),
                values,
                depends_on=domains_of_host(machine),
                application=application_of(product),
            )
    elif served > 0:
        yield Finding(
            "host_count_zero_nobody",
            machine.name,
            f"The count of {label_of(product)} on {machine.name} is 0, although it has had {number(requests.total, 'request')}: no client has asked it for 30 "
            "days.",
            tuple(proofs),
            values,
            depends_on=domains_of_host(machine),
            application=application_of(product),
        )


def _count_low(machine: MachineEvidence, case: Case, product: ProductFacts, found: int) -> t.Iterator[Judgement]:
    wanted = _minimum_counts(machine)
    values = {"host": full_name(machine), "count": str(found)}
    if found >= THRESHOLD_SERVER and (is_office(product) or (wanted and max(wanted) <= THRESHOLD_SERVER)):
        # All that asks needs 5.
        return
    if found < THRESHOLD_SERVER:
        meaning = (
            f"too low for any client: Office needs {THRESHOLD_SERVER}"
            if is_office(product)
            else f"too low for any client: Windows Server and Office need {THRESHOLD_SERVER}, Windows clients {THRESHOLD_CLIENT}"
        )
    else:
        meaning = f"enough for Windows Server and Office ({THRESHOLD_SERVER}), too low for Windows clients ({THRESHOLD_CLIENT})"
    # The cap follows the largest minimum that was ever asked for, so a count above 10 shows that a Windows client has asked.
    cap = (
        f" {SERVER_CAP} is as far as the count goes on a host that only servers and Office have asked; with the first Windows client that becomes {COUNT_CAP}."
        if found == SERVER_CAP
        else ""
    )
    asked = f"; minimum counts asked for: {listed(map(str, sorted(wanted)))}" if wanted else ""
    yield Finding(
        "host_count_too_low",
        machine.name,
        f"The count of {label_of(product)} on {machine.name} is {found}: {meaning}.{cap}",
        (Proof(f"count {found}{asked}", machine.source("products[].count")), *_who_asked(machine, case)),
        values,
        application=application_of(product),
    )


def _who_asked(machine: MachineEvidence, case: Case) -> t.Iterator[Proof]:
    """Say how many asked by the host's own log, which tells "too few" from "many with one id"; nothing where the log was not read."""
    if machine.events is None or not case.knows_log_of(machine):
        return
    recent = [event.fields for event in machine.records(REQUEST_SERVED) if event.time is None or case.now - event.time <= COUNT_WINDOW]
    cmids, names = ({fields.get(word) for fields in recent if fields.get(word)} for word in ("cmid", "client"))
    yield Proof(
        f"{number(len(cmids), 'CMID')} under {number(len(names), 'name')} asked",
        f"events 12290 of {machine.name}, {log_window(machine, KMS_LOG)}",
    )


def _minimum_counts(machine: MachineEvidence) -> frozenset[int]:
    """Return the minimum counts that clients asked the host for, by its log; empty where that is not known."""
    found = (event.fields.get("required_count") for event in machine.records(REQUEST_SERVED))
    return frozenset(value for value in found if isinstance(value, int) and value > 0)


def _shown(value: int | None) -> str:
    return "unknown" if value is None else str(value)


MACHINE_RULES: tuple[MachineRule, ...] = (failed_requests, count)
