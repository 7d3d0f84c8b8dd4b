# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules about KMS hosts, SRV records and the fleet ask of a host, and how they name things.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import datetime

from ..._evidence.facts import ProductFacts
from ..._evidence.view import CONNECTED, EndpointView
from ..._licensing.model import DEFAULT_PORT
from ..case import Case, MachineEvidence, same_name
from ..finding import Proof

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
