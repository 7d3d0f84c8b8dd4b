# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small estate of the lab's model, healthy until something is done to it, and the evidence that the product collects in it.

    kms01   Windows Server 2022, the KMS host: licensed, exception on, its record published, thirty machines counted already
    pc01    Windows 11 Enterprise, activated by KMS
    srv01   Windows Server 2022, activated by KMS

Time: everybody is activated, six days later everybody asks again, and ten minutes after that the evidence is collected.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import typing as t

from ansible_collections.activation.kms.plugins.module_utils import _srv
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.case import (
    MachineEvidence,
    Policy,
    read_domain,
    read_machine,
)
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.engine import Diagnosis, diagnose
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.discovery import DOMAIN_READS, discover
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event_logs import read_event_logs
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import read_facts
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.view import read_endpoint
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.clock import Clock
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.read import read_activation
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import WindowsError

from tests.diagnosis.model_windows import ModelWindows, connect
from tests.lab.model.dns import NAME_ERROR, NO_RECORDS, DnsError
from tests.lab.model.errors import CimError
from tests.lab.model.estate import Estate, build_estate

DOMAIN = "corp.example"
RECORD = f"_vlmcs._tcp.{DOMAIN}"
DAY = 86400

KEY_2025 = "LABHK-NEWER-AEIO5-2025A-ZILOU"
KEY_2022 = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
KEY_2016 = "LABHK-ELDER-AEIO5-2016A-ZILOU"
MAK = "LABMK-OASIS-LOUIE-51051-AZ0LE"
RETAIL = "LABRT-OASIS-LOUIE-RETA1-L0A5E"

HEALTHY: dict[str, t.Any] = {
    "estate": {"domain": DOMAIN, "start": "2026-03-02T08:00:00+00:00"},
    "keys": [
        {"key": KEY_2025, "channel": "kms_host", "csvlk": "Windows Server 2025"},
        {"key": KEY_2022, "channel": "kms_host", "csvlk": "Windows Server 2022"},
        {"key": KEY_2016, "channel": "kms_host", "csvlk": "Windows Server 2016"},
        {"key": MAK, "channel": "mak", "editions": ["Enterprise", "Professional", "ServerStandard"]},
        {"key": RETAIL, "channel": "retail", "editions": ["Professional", "Enterprise"]},
    ],
    "machines": [
        {
            "name": "kms01",
            "windows": "server-2022-datacenter",
            "key": KEY_2022,
            "licensed": True,
            "firewall_exception": True,
            "remembered_clients": 30,
        },
        {"name": "pc01", "windows": "windows-11-enterprise", "key": "gvlk"},
        {"name": "srv01", "windows": "server-2022-standard", "key": "gvlk"},
    ],
}


class Dns:
    """The estate's zone as tables, on two name servers. C(stale) is what the second server has instead, where it lags behind."""

    def __init__(self) -> None:
        self.records: dict[str, list[tuple[int, int, int, str]]] = {}
        self.addresses: dict[str, str] = {}
        self.update_error: int | None = None
        self.stale: list[tuple[int, int, int, str]] | None = None

    def srv(self, name: str) -> list[tuple[int, int, int, str]]:
        """Return the SRV records of a name. Raises DnsError."""
        if name not in self.records:
            raise DnsError(NAME_ERROR)
        if not self.records[name]:
            raise DnsError(NO_RECORDS)
        return list(self.records[name])

    def address(self, name: str) -> list[str]:
        """Return the addresses of a name. Raises DnsError."""
        if name.lower() not in self.addresses:
            raise DnsError(NAME_ERROR)
        return [self.addresses[name.lower()]]

    def publish_srv(self, domain: str, priority: int, weight: int, port: int, target: str, address: str) -> None:
        """Take a dynamic update. Raises DnsError."""
        if self.update_error is not None:
            raise DnsError(self.update_error)
        records = self.records.setdefault(f"_vlmcs._tcp.{domain}", [])
        if (priority, weight, port, target) not in records:
            records.append((priority, weight, port, target))
        self.addresses[target] = address


class World:
    """An estate under test. C(plan) is its file as data, to be changed before L(start)."""

    def __init__(self) -> None:
        self.plan = copy.deepcopy(HEALTHY)
        self.dns = Dns()
        self.approved_hosts: tuple[str, ...] = ()
        self.estate: Estate

    def row(self, name: str) -> dict[str, t.Any]:
        """Return the entry of one machine in the plan."""
        return t.cast("dict[str, t.Any]", next(row for row in self.plan["machines"] if row["name"] == name))

    def add(self, **row: t.Any) -> None:
        """Add a machine to the plan, once."""
        if all(known["name"] != row["name"] for known in self.plan["machines"]):
            self.plan["machines"].append(row)

    def start(self) -> None:
        """Build the estate; hosts publish themselves."""
        self.estate = build_estate(self.plan)
        addresses = {name: f"127.9.9.{number + 10}" for number, name in enumerate(self.estate.machines)}
        self.dns.addresses |= {machine.fqdn: addresses[name] for name, machine in self.estate.machines.items()}
        self.estate.bind(self.dns, addresses.__getitem__)

    def everybody_asks(self) -> None:
        """Have each KMS client ask for activation, as its timer would; who is refused is refused."""
        for machine in self.estate.machines.values():
            rows = machine.licensing.keyed()
            for product in rows:
                if product.sku.role != "kms_client":
                    continue
                with contextlib.suppress(CimError):
                    machine.cim.invoke("root/cimv2", "SoftwareLicensingProduct", {"ID": product.sku.activation_id}, "Activate", {})

    def diagnosis(self) -> Diagnosis:
        """Collect what the product collects, and diagnose it."""
        now = self.estate.clock.now()
        machines = [self._collect(name, now) for name in self.estate.machines]
        names = {record.target for domain in [self._srv()] for record in domain.records} | {
            machine.fqdn for machine in self.estate.machines.values() if machine.licensing.hosts()
        }
        ports = {(target, port) for _, _, port, target in self.dns.records.get(RECORD, [])}
        ports |= {(m.fqdn, m.listening() or 1688) for m in self.estate.machines.values() if m.licensing.hosts()}
        probes = [
            read_endpoint({"host": host, "port": port, "seen_from": "controller", **connect(None, host, port, self.estate)})
            for host, port in sorted(ports)
            if host in names
        ]
        return diagnose(
            lambda: machines, now=now, srv=[self._srv()], probes=probes, policy=Policy(self.approved_hosts), limit_per_rule=1000
        )

    def _collect(self, name: str, now: datetime.datetime) -> MachineEvidence:
        machine = self.estate.machines[name]
        windows = ModelWindows(machine)
        clock = Clock(now=lambda: now, monotonic=lambda: 0.0, sleep=lambda _: None)
        line: dict[str, t.Any] = {"inventory_hostname": name}
        try:
            activation = read_activation(windows, clock)
        except WindowsError as error:
            # As the playbooks do it: what could not be read is said, and the rest goes on.
            return read_machine({**line, "machine": {"name": name, "fqdn": machine.fqdn}, "problems": [error.line()]})
        line |= activation.facts()
        line["events"] = read_event_logs(windows, now, since_hours=14 * 24).as_dict()
        line["discovery"] = discover(windows, now, read_facts(activation.facts()), windows.read(DOMAIN_READS)).as_dict()
        return read_machine(line)

    def _srv(self) -> t.Any:
        current = [_srv.Record(target, port, priority, weight, 3600) for priority, weight, port, target in self.dns.records.get(RECORD, [])]
        lagging = current if self.dns.stale is None else [_srv.Record(target, port, p, w, 3600) for p, w, port, target in self.dns.stale]
        status = "answered" if current else "nxdomain"
        answers = [
            _srv.ServerAnswer("ns1.corp.example", "127.9.9.2", status, True, tuple(current)),
            _srv.ServerAnswer("ns2.corp.example", "127.9.9.3", "answered" if lagging else "nxdomain", True, tuple(lagging)),
        ]
        verdict = _srv.judge(RECORD, status, current, answers, [])

        def plain(record: _srv.Record) -> dict[str, t.Any]:
            return {"target": record.target, "port": record.port, "priority": record.priority, "weight": record.weight, "ttl": record.ttl}

        return read_domain(
            {
                "domain": DOMAIN,
                "name": RECORD,
                "resolver": {"status": status},
                "records": [
                    {**plain(r), "addresses": [self.dns.addresses[r.target]] if r.target in self.dns.addresses else []} for r in current
                ],
                "authoritative": [
                    {"server": a.server, "address": a.address, "status": a.status, "records": [plain(r) for r in a.records]}
                    for a in answers
                ],
                "consistent": verdict.consistent,
            }
        )
