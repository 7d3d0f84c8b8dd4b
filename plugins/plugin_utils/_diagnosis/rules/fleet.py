# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All machines together: duplicate CMIDs, counts spread over hosts, hosts that disagree, clients that Microsoft does not list for their host's key.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Machines stream by once. What is kept grows with distinct CMIDs, host names and Windows generations.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import typing as t

from ..._catalogue.host_keys import CLIENT, SERVER, generation_of, host_key_of
from ..._catalogue.platforms import platform_of
from ..._evidence.event import REQUEST_SERVED
from ..._evidence.facts import ProductFacts
from ..._evidence.host_index import SharedCmid
from ..._evidence.names import guid, same_machine
from ..._licensing.model import LICENSED, THRESHOLD_CLIENT, THRESHOLD_SERVER
from ..case import Case, MachineEvidence, same_name
from ..client_state import by_directory
from ..finding import Finding, Judgement, Proof, Severity, Unjudged
from ..wording import day_and_time, label_of, listed, number
from ._hosts import AFFECTED_SHOWN, COUNT_WINDOW, domains_of_host, full_name, is_office, port_of, windows_host_product
from .host import all_records
from .registry import FleetRule


def hosts_of(machine: MachineEvidence) -> tuple[str, ...]:
    """Return the KMS hosts that a client is set to or keeps, by its facts, made comparable; a set one switches the search for others off."""
    return tuple(dict.fromkeys(same_name(host.name) for _source, host in machine.kms_hosts()))


ONE_READING = datetime.timedelta(days=2)
"""Machines that are read within this long are read at once (our choice). A facts file keeps the line of a machine's old name."""


def by_kms(machine: MachineEvidence) -> tuple[ProductFacts, ...]:
    """Return the products for which a machine asks KMS hosts: none of those that Active Directory has activated."""
    return tuple(product for product in machine.kms_clients if not by_directory(product))


@dataclasses.dataclass
class _Sharing:
    """The machines that have one CMID. C(count) goes on where names stop at AFFECTED_SHOWN; C(hosts) are those that they use."""

    names: list[str]
    known_as: set[str]
    read_at: list[datetime.datetime | None]
    count: int = 1
    hosts: set[str] = dataclasses.field(default_factory=set)


class DuplicateCmids:
    """Finds client machine ids that several machines have, from their facts and from the 12290 of hosts.

    A machine that was imaged without C(sysprep /generalize) keeps the id of the image. A host counts ids, so that such machines count as one; nothing else
    shows on them (Microsoft: KMS troubleshooting guidelines). Only KMS clients are compared: an id of another machine is never sent.
    """

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, frozenset[str], tuple[str, ...], datetime.datetime | None]] = {}
        self._shared: dict[str, _Sharing] = {}

    def add(self, machine: MachineEvidence) -> None:
        """Take one machine in."""
        cmid = guid(machine.facts.service.cmid)
        if cmid is None or not by_kms(machine):
            return
        read_at = machine.facts.collected_at
        first = self._first.setdefault(cmid, (machine.name, machine.names, hosts_of(machine), read_at))
        if not first[1].isdisjoint(machine.names):
            # The same machine once more: a facts file has a line for each reading.
            return
        sharing = self._shared.setdefault(cmid, _Sharing([first[0]], set(first[1]), [first[3]], 1, set(first[2])))
        if not sharing.known_as.isdisjoint(machine.names):
            return
        sharing.count += 1
        sharing.hosts.update(hosts_of(machine))
        if len(sharing.names) < AFFECTED_SHOWN:
            sharing.names.append(machine.name)
            sharing.read_at.append(read_at)
            sharing.known_as.update(machine.names)

    def judge(self, case: Case) -> t.Iterator[Judgement]:
        """Say what was found: one finding for each CMID, whether facts, events or both show it."""
        by_events = {shared.cmid: shared for shared in case.served.shared_cmids() if shared.at_once}
        asked: dict[str, set[str]] = collections.defaultdict(set)
        for host in case.hosts:
            for event in host.records(REQUEST_SERVED):
                cmid = guid(event.fields.get("cmid"))
                if cmid in by_events:
                    asked[cmid].add(same_name(host.name))
        for cmid in dict.fromkeys((*self._shared, *by_events)):
            yield self._finding(cmid, self._shared.get(cmid), by_events.get(cmid), asked.get(cmid, set()), case)

    @staticmethod
    def _finding(cmid: str, sharing: _Sharing | None, shared: SharedCmid | None, asked: set[str], case: Case) -> Finding:
        names = list(sharing.names) if sharing else []
        hosts = asked | (sharing.hosts if sharing else set())
        proofs = []
        if sharing is not None:
            proofs.append(Proof(f"{number(sharing.count, 'machine')} with this CMID", f"activation_info of {listed(names)}, service.cmid"))
        if shared is not None:
            told = ", ".join(f"{seen.name} ({seen.requests})" for seen in shared.names[:5])
            proofs.append(Proof(f"{len(shared.names)} names sent this CMID: {told}", "events 12290 of the KMS hosts"))
            names += [seen.name for seen in shared.names if not any(same_machine(seen.name, known) for known in names[:AFFECTED_SHOWN])]
        total = max(len(names), sharing.count if sharing else 0)
        platforms = {platform_of(host) for host in hosts} if hosts else {None}
        sentence = f"{total} machines have the client machine id {cmid}: {listed(names)}. A KMS host counts them as one."
        if None not in platforms:
            # Images of a platform's marketplace share their id by design (Microsoft: SupportArticles-docs, on Azure's images).
            sentence += f" They use the KMS host of {listed(sorted(filter(None, platforms)))}, which has no minimum count, so that it does no harm there."
        renamed = shared is None and sharing is not None and _one_after_the_other(sharing.read_at)
        if renamed:
            sentence += " Only one of them was read lately: it may be one machine that got another name."
        known = [host.name if host is not None else name for name in sorted(hosts) for host in [case.host_named(name)]]
        return Finding(
            "duplicate_cmids",
            cmid,
            sentence,
            tuple(proofs),
            {"cmid": cmid, "client": names[-1] if names else "<client>"},
            affects=tuple(dict.fromkeys((*known, *names)))[:AFFECTED_SHOWN],
            severity=Severity.INFO if renamed or None not in platforms else None,
        )


def _one_after_the_other(moments: t.Sequence[datetime.datetime | None]) -> bool:
    """Tell whether all readings but one are older than that one by more than ONE_READING. A reading without a time may be of now."""
    known = [moment for moment in moments if moment is not None]
    return len(known) == len(moments) and sum(max(known) - moment <= ONE_READING for moment in known) == 1


class CountSpread:
    """Finds KMS hosts each of which counts too few clients while all of them together would have enough (Microsoft: error-0xc004f038)."""

    def __init__(self) -> None:
        self._clients: dict[int, set[str]] = {THRESHOLD_SERVER: set(), THRESHOLD_CLIENT: set()}

    def add(self, machine: MachineEvidence) -> None:
        """Take one machine in."""
        cmid = guid(machine.facts.service.cmid)
        if cmid is None or any(platform_of(host) for host in hosts_of(machine)):
            return
        for product in by_kms(machine):
            needed = product.required_count or self._needed(machine, product.application)
            self._clients[THRESHOLD_CLIENT if needed > THRESHOLD_SERVER else THRESHOLD_SERVER].add(cmid)

    @staticmethod
    def _needed(machine: MachineEvidence, application: str | None) -> int:
        windows = application in ("windows", None)
        return THRESHOLD_CLIENT if windows and machine.facts.machine.product_type == "workstation" else THRESHOLD_SERVER

    def judge(self, case: Case) -> t.Iterator[Judgement]:
        """Say what was found."""
        counts: dict[str, int] = {}
        for host in case.hosts:
            product = windows_host_product(host)
            if product is not None and product.license_status in (None, LICENSED):
                count = product.count if product.count is not None else host.facts.host.count
                if count is None:
                    yield Unjudged("count_spread", host.name, f"the count of {host.name}")
                else:
                    counts[host.name] = count
        using = {name: count for name, count in counts.items() if count > 0}
        if len(using) < 2:
            return
        logged = case.served.distinct_clients(case.now)
        domains = [domain for host in case.hosts if host.name in using for domain in domains_of_host(host)]
        known = len(self._clients[THRESHOLD_SERVER] | self._clients[THRESHOLD_CLIENT])
        for threshold in (THRESHOLD_CLIENT, THRESHOLD_SERVER):
            needed = (
                threshold == THRESHOLD_SERVER
                or self._clients[threshold]
                or case.served.distinct_clients(case.now, required_count=threshold)
            )
            # Of clients that ask several hosts each counts several times: how many there are is what facts and logs show, and the sum is only a bound.
            distinct = max(logged, known)
            if not needed or max(using.values()) >= threshold or sum(using.values()) < threshold:
                continue
            if distinct >= threshold:
                since = case.served.oldest
                window = f"since {day_and_time(max(since, case.now - COUNT_WINDOW))}" if since is not None else "none was read"
                yield self._finding(using, threshold, distinct, logged, known, next(iter(domains), "<domain>"), window)
                return
            yield Unjudged(
                "count_spread",
                ", ".join(sorted(using)),
                "how many distinct clients there are: the facts of all clients, or the hosts' 12290 of 30 days",
            )

    @staticmethod
    def _finding(counts: t.Mapping[str, int], threshold: int, distinct: int, logged: int, known: int, domain: str, window: str) -> Finding:
        names = sorted(counts)
        who = "Windows clients" if threshold == THRESHOLD_CLIENT else "Windows Server and Office"
        each = listed((f"{name} {counts[name]}" for name in names), 10)
        return Finding(
            "count_spread",
            ", ".join(names),
            f"{len(names)} KMS hosts count {each}: each too few for {who} ({threshold}), though there are {distinct} distinct clients, enough for one host.",
            (
                *(Proof(f"count {counts[name]}", f"activation_info of {name}, products[].count") for name in names[:10]),
                Proof(
                    f"{logged} CMIDs asked, {known} CMIDs of KMS clients",
                    f"events 12290 of the hosts ({window}), activation_info of the clients",
                ),
            ),
            {"hosts": ", ".join(names), "count": str(threshold), "domain": domain},
            affects=tuple(names),
        )


class HostsDisagree:
    """Compares the KMS hosts with one another. A client that draws one host today and the other one tomorrow should find no difference."""

    def add(self, machine: MachineEvidence) -> None:
        """Take one machine in: hosts are in the case anyway."""

    def judge(self, case: Case) -> t.Iterator[Judgement]:
        """Say what was found."""
        for hosts in self._together(case):
            if len(hosts) > 1:
                yield from self._compared(hosts)

    @staticmethod
    def _together(case: Case) -> list[list[MachineEvidence]]:
        """Return the hosts in groups that share a DNS domain: a client meets those of one group. Of one machine the newest reading counts."""
        newest: dict[str, MachineEvidence] = {}
        for host in case.hosts:
            if windows_host_product(host) is None:
                continue
            key = guid(host.facts.service.cmid) or host.name
            known = newest.get(key)
            times = (host.facts.collected_at, None if known is None else known.facts.collected_at)
            if known is None or times[1] is None or (times[0] is not None and times[0] > times[1]):
                newest[key] = host
        groups: list[tuple[set[str], list[MachineEvidence]]] = []
        for host in newest.values():
            domains = set(domains_of_host(host))
            domains |= {same_name(e.domain) for e in case.srv if any(case.host_named(record.target) is host for record in all_records(e))}
            hosts = [host]
            for group in [found for found in groups if found[0] & domains]:
                groups.remove(group)
                domains |= group[0]
                hosts = [*group[1], *hosts]
            groups.append((domains, hosts))
        return [hosts for _domains, hosts in groups]

    def _compared(self, hosts: t.Sequence[MachineEvidence]) -> t.Iterator[Finding]:
        serious = {
            "host key": self._by_value(hosts, self._generation),
            "activation interval": self._by_value(hosts, self._interval("activation_interval_minutes")),
            "renewal interval": self._by_value(hosts, self._interval("renewal_interval_minutes")),
        }
        # Records carry each host's port, and who publishes is a choice.
        slight = {
            "port": self._by_value(hosts, lambda host: host.facts.host.listening_port),
            "publishing": self._by_value(hosts, lambda host: self._word(host.facts.host.dns_publishing)),
            "low priority": self._by_value(hosts, lambda host: self._word(host.facts.host.low_priority)),
        }
        differing = {what: values for what, values in {**serious, **slight}.items() if len(values) > 1}
        if not differing:
            return
        texts = [
            f"{what}: {', '.join(f'{value} ({listed(names)})' for value, names in sorted(values.items()))}"
            for what, values in differing.items()
        ]
        names = sorted({name for values in differing.values() for owners in values.values() for name in owners})
        yield Finding(
            "hosts_disagree",
            ", ".join(names),
            f"The KMS hosts {listed(names)} differ in {'; '.join(texts)}.",
            tuple(Proof(text, f"activation_info of {listed(names)}") for text in texts),
            {"hosts": ", ".join(names)},
            affects=tuple(names),
            severity=None if any(what in serious for what in differing) else Severity.INFO,
        )

    @staticmethod
    def _by_value(hosts: t.Iterable[MachineEvidence], value: t.Callable[[MachineEvidence], t.Any]) -> dict[str, list[str]]:
        """Return the hosts of each value. One that is not known differs from nothing."""
        found: dict[str, list[str]] = collections.defaultdict(list)
        for host in hosts:
            known = value(host)
            if known is not None:
                found[str(known)].append(host.name)
        return found

    @staticmethod
    def _generation(host: MachineEvidence) -> str | None:
        product = windows_host_product(host)
        if product is None:
            return None
        key = host_key_of(product.description, product.activation_id)
        return key.name if key is not None else product.description

    @staticmethod
    def _interval(name: str) -> t.Callable[[MachineEvidence], t.Any]:
        """Return a reader of an interval in minutes: the host hands it to its clients."""
        return lambda host: getattr(host.facts.service, name)

    @staticmethod
    def _word(value: bool | None) -> str | None:
        return None if value is None else "on" if value else "off"


@dataclasses.dataclass
class _Asking:
    """Clients of one generation that use one host: the first names, and how many there are."""

    names: list[str] = dataclasses.field(default_factory=list)
    count: int = 0


class UnlistedClients:
    """Finds clients whose Windows Microsoft does not list for the key of the host they use.

    "Not listed" is no proof: for one pair the list itself is doubted (host_keys.yml). So it is a remark, and what is refused is judged by its code.
    """

    def __init__(self) -> None:
        self._asking: dict[tuple[str, str], _Asking] = {}

    def add(self, machine: MachineEvidence) -> None:
        """Take one machine in."""
        system = machine.facts.machine
        if system.build is None or system.product_type is None or not any(not is_office(product) for product in by_kms(machine)):
            return
        kind = CLIENT if system.product_type == "workstation" else SERVER
        generation = generation_of(kind, system.build, system.edition_id)
        if generation is None:
            return
        for host in hosts_of(machine):
            asking = self._asking.setdefault((host, generation), _Asking())
            asking.count += 1
            if len(asking.names) < 20:
                asking.names.append(machine.name)

    def judge(self, case: Case) -> t.Iterator[Judgement]:
        """Say what was found."""
        for (name, generation), asking in self._asking.items():
            host = case.host_named(name)
            product = None if host is None else windows_host_product(host)
            key = None if product is None else host_key_of(product.description, product.activation_id)
            if host is None or product is None or key is None or generation in key.activates:
                continue
            yield Finding(
                "host_key_does_not_list_clients",
                host.name,
                f"{number(asking.count, 'client')} of {host.name} ({listed(asking.names)}) {'has' if asking.count == 1 else 'have'} {generation}, which "
                f"Microsoft does not list for the host key {key.name}. Not listed is no proof that it fails.",
                (
                    Proof(f"{label_of(product)}: {product.description}", host.source("products[].description")),
                    Proof(generation, f"activation_info of {listed(asking.names)}, machine.build, machine.edition_id"),
                ),
                {"host": full_name(host), "generation": generation, "port": str(port_of(host))},
                affects=tuple(asking.names),
            )


FLEET_RULES: tuple[t.Callable[[], FleetRule], ...] = (DuplicateCmids, CountSpread, HostsDisagree, UnlistedClients)
