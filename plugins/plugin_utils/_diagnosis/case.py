# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence that rules look at: machines, SRV records, probes, what is approved, and who is whose KMS host.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import functools
import typing as t

from .._evidence.event import KMS_LOG, REQUEST_SERVED, Events, KmsEvent, read_events
from .._evidence.facts import Facts, KmsMachineFacts, ProductFacts, read_facts
from .._evidence.host_index import HostIndex
from .._evidence.names import comparable, is_address
from .._evidence.pairing import Attempt, pair_client
from .._evidence.plain import EvidenceError
from .._evidence.view import Discovery, DomainView, EndpointView, SrvRecord, read_discovery
from .._licensing.model import DEFAULT_PORT
from .finding import Proof

T = t.TypeVar("T")

same_name = comparable
"""What two names are compared by."""


PASTED = "pasted text"
"""What tells of a machine of which somebody pasted what slmgr.vbs printed."""


@dataclasses.dataclass(frozen=True)
class MachineEvidence:
    """What is known of one machine.

    name:      its name in the inventory, or the best that the evidence gives.
    facts:     its activation state; empty where only events are known.
    events:    its logs; None when they were not looked at.
    discovery: its own view of the way to a KMS host; None when it was not asked.
    told_by:   where its facts come from, as proofs say it: C(activation_info), or L(PASTED).
    """

    name: str
    facts: Facts = Facts()
    events: Events | None = None
    discovery: Discovery | None = None
    told_by: str = "activation_info"

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """Every name by which others may call this machine, made comparable by L(same_name)."""
        return frozenset(filter(None, map(same_name, (self.name, self.facts.machine.name, self.facts.machine.fqdn))))

    @functools.cached_property
    def is_kms_host(self) -> bool:
        """True when a KMS host key is installed."""
        return bool(self.facts.host.is_kms_host) or any(p.role == "kms_host" for p in self.facts.products)

    @property
    def windows(self) -> ProductFacts | None:
        """The product that is the machine's Windows, None when there is none or more than one."""
        found = self.windows_candidates
        return found[0] if len(found) == 1 else None

    @functools.cached_property
    def windows_candidates(self) -> tuple[ProductFacts, ...]:
        """The products that can be the machine's Windows: no add-on."""
        return tuple(p for p in self.facts.products if p.application in ("windows", None) and not p.is_addon)

    @functools.cached_property
    def kms_clients(self) -> tuple[ProductFacts, ...]:
        """The products that are activated by KMS, of Windows and of Office."""
        return tuple(p for p in self.facts.products if p.role == "kms_client" and not p.is_addon)

    @property
    def is_kms_client(self) -> bool:
        """True when a product has a KMS client key."""
        return bool(self.kms_clients)

    def kms_hosts(self) -> tuple[tuple[str, KmsMachineFacts], ...]:
        """Return the KMS hosts that the facts name, each with C(configured) or C(cached): those that are set, then those kept of the last activation.

        A host that is set switches everything else off (Microsoft: Deploy KMS Activation), for those products that it is set for: Windows and Office may
        be set each on its own (ospp.vbs /sethst). That of Windows is in C(service) on whatever level it was made.
        """
        service = self.facts.service
        own = [p.kms_machine_configured for p in self.kms_clients]
        found = [("configured", host) for host in (service.kms_machine_configured, *own) if host is not None and host.name]
        return (*found, *(() if self.set_only else (("cached", host) for host in self.kept_hosts)))

    @functools.cached_property
    def set_only(self) -> bool:
        """True when every KMS client product is set to a host: none looks for one."""
        service = self.facts.service.kms_machine_configured
        own = [p.kms_machine_configured for p in self.kms_clients]
        return any(host is not None and host.name for host in (service, *own)) and all(
            (setting is not None and setting.name) or (p.application in ("windows", None) and service is not None)
            for p, setting in zip(self.kms_clients, own, strict=True)
        )

    @property
    def kept_hosts(self) -> tuple[KmsMachineFacts, ...]:
        """The KMS hosts of the last activations, as the machine keeps them, whether it would ask them or not."""
        kept = (self.facts.service.kms_machine_discovered, *(p.kms_machine_discovered for p in self.kms_clients))
        return tuple(host for host in kept if host is not None and host.name)

    def kms_setting(self, name: str) -> KmsMachineFacts | None:
        """Return the setting that sends the machine to a KMS host, None where no setting does."""
        return next((host for source, host in self.kms_hosts() if source == "configured" and same_name(host.name) == same_name(name)), None)

    def source(self, what: str) -> str:
        """Return where a fact comes from, for a proof: C(activation_info of pc01, host.count)."""
        return f"{self.told_by} of {self.name}, {what}"

    def records(self, *event_ids: int) -> list[KmsEvent]:
        """Return the machine's records with these ids, as they lie in the evidence (the newest first)."""
        return [] if self.events is None else [event for event in self.events.records if event.event_id in event_ids]


def event_source(event: KmsEvent, machine: str) -> str:
    """Return where a record comes from, for a proof: C(event 12288 of pc01, 2026-11-25 10:00 UTC)."""
    when = f", {event.time:%Y-%m-%d %H:%M} {'local time' if event.time_is_local else 'UTC'}" if event.time else ""
    return f"event {event.event_id} of {machine}{when}"


@dataclasses.dataclass(frozen=True)
class DomainEvidence:
    """The SRV records of one domain as srv_info saw them.

    records:       what the resolver gave.
    authoritative: (server, status, records) of each authoritative server's address.
    """

    domain: str
    name: str
    status: str
    records: tuple[SrvRecord, ...]
    addresses: t.Mapping[str, tuple[str, ...]]
    authoritative: tuple[tuple[str, str, tuple[SrvRecord, ...]], ...]


@dataclasses.dataclass(frozen=True)
class Policy:
    """What the estate wants to be.

    approved_hosts: names of the KMS hosts that clients should use; empty when nothing is said, and then no host is called unapproved.
    """

    approved_hosts: tuple[str, ...] = ()

    def approves(self, name: str) -> bool:
        """Tell whether a host is approved, by full name or first label; True when nothing is said."""
        wanted = {same_name(approved) for approved in self.approved_hosts}
        found = same_name(name)
        return not wanted or found in wanted or found.split(".", 1)[0] in {w for w in wanted if "." not in w}


@dataclasses.dataclass(frozen=True)
class Target:
    """A KMS host that a client uses or would use. C(source) is configured, cached, srv or event; C(machine) the evidence of the host, where there is some."""

    name: str
    port: int
    source: str
    machine: MachineEvidence | None = None


@dataclasses.dataclass(frozen=True)
class Contact:
    """The newest that one client tells of the way to a KMS host. C(connected): it tried just to see the way; else it asked for activation."""

    moment: datetime.datetime
    client: str
    proof: Proof
    connected: bool = False


Contacts = t.Mapping[tuple[str, int], Contact]
"""By host, as clients name it and made comparable, and port."""


class Case:
    """Everything that rules may look at besides the one machine they judge. Clients are not kept: they stream by.

    hosts:    the KMS hosts, and machines that clients are sent to, with their evidence.
    earlier:  earlier facts of hosts, by inventory name: of two readings the growth can be told.
    srv:      SRV records by domain.
    probes:   TCP connections that others than the client tried.
    now:      the moment of the diagnosis.
    reached, not_reached: hosts that clients reached lately, and those that they did not reach, with the newest proof of each.
    without_record: DNS domains in which a client that needs a host looks and finds no record, nor in any other, with the name of one such client.
    largest_host_offset: seconds by which the clock of a host is off at the most, either way, as far as it is known.
    """

    def __init__(
        self,
        *,
        hosts: t.Iterable[MachineEvidence] = (),
        earlier: t.Iterable[MachineEvidence] = (),
        srv: t.Iterable[DomainEvidence] = (),
        probes: t.Iterable[EndpointView] = (),
        policy: Policy | None = None,
        now: datetime.datetime,
        served: HostIndex | None = None,
        reached: Contacts | None = None,
        not_reached: Contacts | None = None,
        without_record: t.Mapping[str, str] | None = None,
    ) -> None:
        self.hosts = tuple(hosts)
        self.earlier = {machine.name: machine for machine in earlier}
        self.srv = tuple(srv)
        self.probes = tuple(probes)
        self.policy = policy or Policy()
        self.now = now
        self.served = served if served is not None else HostIndex()
        self.reached: Contacts = reached or {}
        self.not_reached: Contacts = not_reached or {}
        self.without_record = without_record or {}
        self._by_name: dict[str, MachineEvidence] = {}
        # By first label; None where several machines share it: then it names none of them.
        self._by_label: dict[str, MachineEvidence | None] = {}
        for host in self.hosts:
            for name in host.names:
                if "." in name or ":" in name:
                    self._by_name.setdefault(name, host)
                if not is_address(name):
                    label = name.partition(".")[0]
                    self._by_label[label] = host if self._by_label.get(label, host) is host else None
        # By which addresses a name is reached: a probe may have gone to one of them, where the prober's own resolver does not have the name.
        self._addresses: dict[str, set[str]] = collections.defaultdict(set)
        for domain in self.srv:
            for target, addresses in domain.addresses.items():
                self._addresses[same_name(target)] |= set(map(same_name, addresses))
                owner = self.host_named(target)
                if owner is not None:
                    for address in addresses:
                        self._by_name.setdefault(same_name(address), owner)
        self._host_offsets = {
            name: host.facts.machine.clock_offset_seconds
            for host in self.hosts
            if host.facts.machine.clock_offset_seconds is not None
            for name in host.names
        }
        self.largest_host_offset = max(map(abs, self._host_offsets.values()), default=0.0)
        self._client: MachineEvidence | None = None
        self._of_client: dict[t.Any, t.Any] = {}

    def host_named(self, name: str | None) -> MachineEvidence | None:
        """Return the machine among the hosts that others call by this name or address, None when its evidence is not here."""
        wanted = same_name(name)
        if wanted in self._by_name or is_address(wanted):
            return self._by_name.get(wanted)
        label, _dot, domain = wanted.partition(".")
        found = self._by_label.get(label)
        # A machine whose full name is known is not the one of the same first label in another domain.
        if found is not None and domain and any("." in own and not is_address(own) for own in found.names):
            return None
        return found

    def inventory_name(self, host: str) -> str:
        """Return the inventory name of a host, its name as written where its evidence is not here."""
        known = self.host_named(host)
        return known.name if known is not None else host

    def knows_log_of(self, host: MachineEvidence) -> bool:
        """Tell whether the host's own log was read, so that a missing 12290 means something."""
        if host.events is None:
            return False
        state = host.events.log(KMS_LOG)
        if state is not None:
            return state.problem is None
        # Of another log alone nothing follows for this one.
        return any(event.event_id == REQUEST_SERVED for event in host.events.records)

    def probes_of(self, name: str, port: int | None = None) -> tuple[EndpointView, ...]:
        """Return the probes of a host, by any of its names and by the addresses of SRV records, and of one port where it is given."""
        machine = self.host_named(name)
        names = {same_name(name)} | (machine.names if machine else set())
        names |= {address for found in names for address in self._addresses.get(found, ())}
        return tuple(probe for probe in self.probes if same_name(probe.host) in names and (port is None or probe.port == port))

    def domains_of(self, client: MachineEvidence) -> tuple[DomainView | DomainEvidence, ...]:
        """Return what is known of the SRV records that a client looks for: its own view, else that of srv_info for its DNS domain."""
        if client.discovery is not None and client.discovery.domains:
            return client.discovery.domains
        fqdn = same_name(client.facts.machine.fqdn)
        lookup = client.facts.service.kms_lookup_domain
        domain = same_name(lookup.domain) if lookup else fqdn.partition(".")[2]
        return tuple(found for found in self.srv if same_name(found.domain) == domain)

    def once(self, client: MachineEvidence, make: t.Callable[[Case, MachineEvidence], T]) -> T:
        """Return what C(make) makes of a client, made once while rules look at this client and forgotten with the next one."""
        if self._client is not client:
            self._client, self._of_client = client, {}
        found = self._of_client.get(make, self)
        if found is self:
            found = self._of_client[make] = make(self, client)
        return t.cast("T", found)

    def targets(self, client: MachineEvidence) -> tuple[Target, ...]:
        """Return the KMS hosts that a client uses or would use, the first first.

        A configured host is the only one: it switches discovery off (Microsoft: Deploy KMS Activation; activation-slmgr-vbs-options). Else it is the
        cached one, those of SRV records, and those that it asked lately by its events.
        """
        return self.once(client, Case._targets)

    def _targets(self, client: MachineEvidence) -> tuple[Target, ...]:
        found: dict[tuple[str, int], Target] = {}

        def add(name: str | None, port: int | None, source: str) -> None:
            key = (same_name(name), port or DEFAULT_PORT)
            if key[0] and key not in found:
                found[key] = Target(str(name), key[1], source, self.host_named(name))

        for source, host in client.kms_hosts():
            add(host.name, host.port, source)
        if client.set_only:
            return tuple(found.values())
        for domain in self.domains_of(client):
            for record in sorted(domain.records, key=lambda r: (r.priority, -r.weight)):
                add(record.target, record.port, "srv")
        for attempt in self.attempts(client):
            add(attempt.host, attempt.port, "event")
        return tuple(found.values())

    def attempts(self, client: MachineEvidence) -> list[Attempt]:
        """Return what a client's requests came to, the newest first; empty where its events are not known."""
        return self.once(client, Case._paired)

    def _paired(self, client: MachineEvidence) -> list[Attempt]:
        if client.events is None:
            return []
        machine = client.facts.machine
        names = tuple(filter(None, (machine.fqdn, machine.name)))
        cmids = tuple(filter(None, (client.facts.service.cmid,)))
        found = pair_client(
            client.name,
            client.events.records,
            self.served.of_client(cmids, names or (client.name,)),
            names=names,
            cmids=cmids,
            client_offset=machine.clock_offset_seconds,
            host_offset=self._host_offsets,
            since=client.events.since,
        )
        return found[::-1]


def read_machine(data: t.Any, where: str = "machine") -> MachineEvidence:
    """Return a machine made of plain data: a line of a facts file, the result of activation_info, or C(activation) of it.

    C(events) and C(discovery) may lie in it. Raises EvidenceError, naming the place.
    """
    if not isinstance(data, dict):
        raise EvidenceError(f"{where} is not a mapping but {type(data).__name__}")
    inner = data["activation"] if isinstance(data.get("activation"), dict) else data
    facts = read_facts({key: value for key, value in inner.items() if key not in ("events", "discovery")}, where)
    name = data.get("inventory_hostname") or inner.get("inventory_hostname") or facts.machine.name or facts.machine.fqdn or "this machine"
    events = inner.get("events") or data.get("events")
    discovery = inner.get("discovery") or data.get("discovery")
    return MachineEvidence(
        str(name),
        facts,
        read_events(events, f"{where}: events") if events else None,
        read_discovery(discovery, f"{where}: discovery") if discovery else None,
    )


def read_domain(data: t.Any, where: str = "srv") -> DomainEvidence:
    """Return the SRV records of one domain made of plain data: one of C(results) of srv_info. Raises EvidenceError."""
    if not isinstance(data, dict) or not isinstance(data.get("domain"), str):
        raise EvidenceError(f"{where} is not one of the results of srv_info: it has no domain")
    try:
        return DomainEvidence(
            domain=data["domain"],
            name=data.get("name") or f"_vlmcs._tcp.{data['domain']}",
            status=data["resolver"]["status"],
            records=_records(data["records"]),
            # Without a list nobody looked; an empty one says that the target has none.
            addresses={row["target"]: tuple(row["addresses"]) for row in data["records"] if row.get("addresses") is not None},
            authoritative=tuple(
                (f"{row['server']} ({row['address']})" if row.get("address") else row["server"], row["status"], _records(row["records"]))
                for row in data["authoritative"]
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise EvidenceError(f"{where} is not one of the results of srv_info: {type(error).__name__} {error}") from None


def _records(rows: t.Any) -> tuple[SrvRecord, ...]:
    return tuple(SrvRecord(row["target"], int(row["port"]), int(row["priority"]), int(row["weight"]), row.get("ttl")) for row in rows)
