# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules about KMS hosts, SRV records and the fleet ask of a host, and how they name things.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ..._evidence.event import REQUEST_SERVED, KmsEvent
from ..._evidence.facts import ProductFacts
from ..._evidence.view import CONNECTED, EndpointView
from ..._licensing.model import DEFAULT_PORT
from ..case import Case, MachineEvidence, event_source, same_name
from ..finding import Proof
from ..wording import day_and_time

LIVE = datetime.timedelta(days=1)
"""For how long a client's own look at the way counts as one of now (our choice): evidence of one collection may be hours apart."""

SERVED_LATELY = datetime.timedelta(hours=12)
"""For how long a request in a host's log shows that clients get in (our choice)."""

COUNT_WINDOW = datetime.timedelta(days=30)
"""A client that did not ask for this long is no longer counted (Microsoft: windows-itpro-docs, activate-windows-clients)."""

AFFECTED_SHOWN = 1000
"""How many machines a finding names at the most as affected by it: a bound for memory, far above what anybody reads."""


def host_products(machine: MachineEvidence) -> tuple[ProductFacts, ...]:
    """Return the host keys of a machine: Windows' and those of Office stand beside each other, each with a count of its own."""
    return tuple(p for p in machine.facts.products if p.role == "kms_host" and not p.is_addon)


def windows_host_product(machine: MachineEvidence) -> ProductFacts | None:
    """Return the host key of Windows, None when there is none or more than one."""
    found = [p for p in host_products(machine) if p.application in ("windows", None)]
    return found[0] if len(found) == 1 else None


def is_known(machine: MachineEvidence) -> bool:
    """Tell whether a machine's activation state was looked at, so that "no host key" means something."""
    return machine.facts.host.is_kms_host is not None or bool(machine.facts.products)


def full_name(machine: MachineEvidence) -> str:
    """Return the name by which clients and SRV records call a machine, as far as it is known."""
    return machine.facts.machine.fqdn or machine.facts.machine.name or machine.name


def port_of(machine: MachineEvidence) -> int:
    """Return the port on which a host listens; the default where it is not known."""
    return machine.facts.host.listening_port or DEFAULT_PORT


def domains_of_host(machine: MachineEvidence) -> tuple[str, ...]:
    """Return the DNS domains in which a host publishes itself: its list, lines C(domain, priority, weight), and its own.

    Microsoft's documents disagree whether a list takes the place of the own domain or is beside it (Deploy KMS Activation; Registry Settings for Volume
    Activation), so both are in.
    """
    listed = [line.split(",", 1)[0] for line in machine.facts.host.publish_domains or ()]
    own = same_name(machine.facts.machine.fqdn).partition(".")[2]
    return tuple(dict.fromkeys(filter(None, map(same_name, (*listed, own)))))


def other_probes(machine: MachineEvidence, case: Case, port: int | None) -> tuple[EndpointView, ...]:
    """Return the probes of a host's port that another machine tried: what a machine sees of itself has passed no firewall."""
    return tuple(probe for probe in case.probes_of(machine.name, port) if same_name(probe.seen_from) not in machine.names)


def reached(machine: MachineEvidence, case: Case, port: int | None = None) -> EndpointView | None:
    """Return a probe that got through to a host's port from elsewhere, None without one. C(port) is the host's own without another."""
    probes = other_probes(machine, case, port if port is not None else port_of(machine))
    return next((probe for probe in probes if probe.outcome == CONNECTED), None)


@dataclasses.dataclass(frozen=True)
class Way:
    """What is known of the way from elsewhere to a host's port: who got through, or who did not and is newer. Both None: nobody who counts tried."""

    through: Proof | None = None
    closed: Proof | None = None


def way_to(machine: MachineEvidence, case: Case, port: int | None = None) -> Way:
    """Return what clients, the host's own log and probes tell of the way to a host. C(port) is the host's own without another.

    Who got through a moment ago settles it. Of what is older the newest counts, since a firewall may have been changed in between. Silence that meets the
    controller counts for neither: a firewall may let in the clients' networks only.
    """
    wanted = port if port is not None else port_of(machine)
    probe = reached(machine, case, wanted)
    if probe is not None:
        return Way(through=probe_proof(probe))
    good = [contact for (name, at), contact in case.reached.items() if at == wanted and case.host_named(name) is machine]
    live = [contact for contact in good if contact.connected and case.now - contact.moment <= LIVE]
    if live:
        return Way(through=live[0].proof)
    seen = [(contact.moment, contact.proof) for contact in good]
    served = _last_served(machine, case)
    if served is not None:
        seen.append(served)
    newest = max(seen, key=lambda found: found[0], default=None)
    bad = [contact for (name, at), contact in case.not_reached.items() if at == wanted and case.host_named(name) is machine]
    failed = max(bad, key=lambda contact: contact.moment, default=None)
    if failed is not None and (newest is None or failed.moment >= newest[0]):
        return Way(closed=failed.proof)
    # A refusal is an answer, unlike silence; but a firewall on the way may give it, so that beside a client who got in lately it proves nothing.
    refused = next((probe for probe in other_probes(machine, case, wanted) if probe.outcome == "refused"), None)
    if refused is None:
        return Way(through=None if newest is None else newest[1])
    return Way(closed=probe_proof(refused) if newest is None else None)


def _last_served(machine: MachineEvidence, case: Case) -> tuple[datetime.datetime, Proof] | None:
    """Return when a client's request came in last, by the host's log and the true clock. A refused one came in as well."""
    offset = datetime.timedelta(seconds=machine.facts.machine.clock_offset_seconds or 0)
    events = [event for event in machine.records(REQUEST_SERVED) if event.time is not None and same_name_of(event) not in machine.names]
    newest = max(events, key=lambda event: event.time or case.now, default=None)
    if newest is None or newest.time is None or not case.now - (newest.time - offset) <= SERVED_LATELY:
        return None
    return newest.time - offset, Proof(f"{newest.fields.get('client')} asked it", event_source(newest, machine.name))


def log_window(machine: MachineEvidence, name: str) -> str:
    """Return what a log that was read covers, for a sentence: C(from 2026-11-20 10:00 UTC to 2026-11-21 10:00 UTC)."""
    if machine.events is None:
        return "nothing of the log was read"
    state = machine.events.log(name)
    # What lies before the oldest record that the log still has was not read, whatever was asked for.
    starts = [moment for moment in (machine.events.since, state.oldest_record_at if state else None) if moment is not None]
    since = f"from {day_and_time(max(starts))}" if starts else "from an unknown time"
    until = f" to {day_and_time(machine.events.collected_at)}" if machine.events.collected_at is not None else ""
    return f"{since}{until}{'' if state is not None and state.complete else ', not all of it was read'}"


def covers(machine: MachineEvidence, name: str, since: datetime.datetime | None) -> bool:
    """Tell whether every wanted record of a log since a moment was read, so that one that is missing was never written."""
    state = None if machine.events is None else machine.events.log(name)
    if machine.events is None or state is None or since is None or state.complete is not True or state.problem is not None:
        return False
    starts = [machine.events.since, state.oldest_record_at]
    return state.enabled is not False and not state.full and all(start is not None and start <= since for start in starts)


def same_name_of(event: KmsEvent) -> str:
    """Return the client that a 12290 names, made comparable: a host asks itself, too, where it is a client of its own."""
    client = event.fields.get("client")
    return same_name(client) if isinstance(client, str) else ""


def seers(probes: t.Iterable[EndpointView]) -> tuple[str, ...]:
    """Return who tried, for a sentence."""
    names = (probe.seen_from or "controller" for probe in probes)
    return tuple(dict.fromkeys("the controller" if same_name(name) == "controller" else name for name in names))


def probe_proof(probe: EndpointView) -> Proof:
    """Return what a probe proves."""
    took = f" after {probe.milliseconds} ms" if probe.milliseconds is not None else ""
    address = f" ({probe.address})" if probe.address else ""
    return Proof(
        f"TCP {probe.host}:{probe.port}{address}: {probe.outcome}{took}", f"endpoint_info, seen from {probe.seen_from or 'the controller'}"
    )


def is_office(product: ProductFacts) -> bool:
    """Tell whether a product is one of Office."""
    return (product.application or "").startswith("office")
