# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which KMS hosts clients reached, and which they did not: what is kept of clients that stream by, for the rules about hosts and records.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Where the controller stands is not where clients stand: a firewall that lets only their networks in is as it should be. So what clients met counts for more
than a probe of the controller. Memory grows with the number of hosts and ports that clients name.
"""

from __future__ import annotations

import datetime

from .._evidence.pairing import ACTIVATED, COUNT_TOO_LOW, HOST_NOT_REACHED
from .._evidence.view import CONNECTED
from .._licensing.model import DEFAULT_PORT, LICENSED
from .case import Case, Contact, MachineEvidence, event_source, same_name
from .client_state import NO_SRV_CODES, by_directory, last_renewal
from .finding import Proof

RECENT = datetime.timedelta(days=7)
"""For how long a client's activation shows that its host serves: clients renew every seven days (Microsoft: Learn, kms-activation-planning)."""

FAILED = ("refused", "timeout", "unreachable")
"""How a connection ends that did not get to the host. A name without an address tells nothing of the host."""

Key = tuple[str, int]


class ContactsOfClients:
    """Collects contacts. C(now) is the moment of the diagnosis: what is older than RECENT does not count."""

    def __init__(self, now: datetime.datetime) -> None:
        self._now = now
        self.reached: dict[Key, Contact] = {}
        self.not_reached: dict[Key, Contact] = {}
        self.without_record: dict[str, str] = {}

    def add(self, client: MachineEvidence, case: Case) -> None:
        """Take one client in. What it tells of a host on the same machine says nothing of the way there."""
        self._by_discovery(client)
        self._by_domains(client, case)
        for attempt in case.attempts(client):
            event = attempt.sent or attempt.response
            if attempt.time is None or event is None:
                continue
            answered = attempt.outcome in (ACTIVATED, COUNT_TOO_LOW)
            number = attempt.code.number if attempt.code is not None else None
            if answered or (attempt.outcome == HOST_NOT_REACHED and number not in NO_SRV_CODES):
                proof = Proof(f"{client.name} {'got an answer' if answered else 'got no answer'}", event_source(event, client.name))
                self._note(client, attempt.host, attempt.port, Contact(attempt.time, client.name, proof), reached=answered)
        for product in client.kms_clients:
            renewed = None if by_directory(product) else last_renewal(client, product)
            host = product.kms_machine_configured or client.facts.service.kms_machine_configured or product.kms_machine_discovered
            if renewed is not None and host is not None:
                days_ago = max(0, (self._now - renewed).days)
                proof = Proof(f"{client.name} was activated {days_ago} days ago", client.source("products[].grace_minutes"))
                self._note(client, host.name, host.port, Contact(renewed, client.name, proof), reached=True)

    def _by_discovery(self, client: MachineEvidence) -> None:
        seen = client.discovery
        if seen is None or seen.collected_at is None:
            return
        for endpoint in seen.endpoints:
            if endpoint.outcome == CONNECTED or endpoint.outcome in FAILED:
                proof = Proof(f"{client.name} to {endpoint.host}:{endpoint.port}: {endpoint.outcome}", f"discovery_info of {client.name}")
                connected = endpoint.outcome == CONNECTED
                contact = Contact(seen.collected_at, client.name, proof, connected)
                self._note(client, endpoint.host, endpoint.port, contact, reached=connected)

    def _by_domains(self, client: MachineEvidence, case: Case) -> None:
        needy = any(p.license_status not in (None, LICENSED) for p in client.kms_clients)
        if not needy or any(source == "configured" for source, _host in client.kms_hosts()):
            return
        domains = case.domains_of(client)
        if not any(domain.records for domain in domains):
            for domain in domains:
                self.without_record.setdefault(same_name(domain.domain), client.name)

    def _note(self, client: MachineEvidence, name: str | None, port: int | None, contact: Contact, *, reached: bool) -> None:
        key = (same_name(name), port or DEFAULT_PORT)
        if not key[0] or key[0] in client.names or self._now - contact.moment > RECENT:
            return
        kept = self.reached if reached else self.not_reached
        known = kept.get(key)
        if known is None or (contact.connected, contact.moment) > (known.connected, known.moment):
            kept[key] = contact
