# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Estates in memory for the tests of the model."""

from __future__ import annotations

import typing as t

import pytest

from tests.lab.model.dns import NAME_ERROR, NO_RECORDS, DnsError
from tests.lab.model.errors import CimError
from tests.lab.model.estate import Estate, build_estate
from tests.lab.model.machine import Machine
from tests.lab.model.wql import Value

HOST_KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
OLDER_HOST_KEY = "LABHK-OLDER-AEIO5-2019A-ZILOU"
NEWER_HOST_KEY = "LABHK-NEWER-AEIO5-2025A-ZILOU"
CLIENT_HOST_KEY = "LABHK-DESKA-AEIO5-CLI01-ZILOU"
OFFICE_HOST_KEY = "LABHK-0FFIC-AEIO5-2021A-ZILOU"
MAK = "LABMK-OASIS-LOUIE-51051-AZ0LE"
RETAIL = "LABRT-OASIS-LOUIE-RETA1-L0A5E"
OEM = "LABOM-OASIS-LOUIE-0EMA1-AIL50"

KEYS: list[dict[str, t.Any]] = [
    {"key": HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2022"},
    {"key": OLDER_HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2019"},
    {"key": NEWER_HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2025"},
    {"key": CLIENT_HOST_KEY, "channel": "kms_host", "csvlk": "Windows 10"},
    {"key": OFFICE_HOST_KEY, "channel": "kms_host", "csvlk": "Office LTSC 2021"},
    {"key": MAK, "channel": "mak", "editions": ["Enterprise", "Professional"]},
    {"key": RETAIL, "channel": "retail", "editions": ["Professional", "Core"]},
    {"key": OEM, "channel": "oem", "editions": ["Professional"]},
]

HOST: dict[str, t.Any] = {
    "name": "kms01",
    "windows": "server-2022-datacenter",
    "key": HOST_KEY,
    "licensed": True,
    "firewall_exception": True,
}
SERVER: dict[str, t.Any] = {"name": "srv01", "windows": "server-2022-standard", "key": "gvlk"}
DESKTOP: dict[str, t.Any] = {"name": "pc01", "windows": "windows-11-enterprise", "key": "gvlk"}

CIMV2 = "root/cimv2"
STANDARD = "root/StandardCimv2"
REGISTRY = "root/default"
SPP = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform"


class FakeDns:
    """DNS as plain tables. Look-ups of names outside corp.example, lab.example and the tests' own entries are a mistake of the test."""

    def __init__(self, domains: tuple[str, ...] = ("corp.example", "lab.example")) -> None:
        self.records: dict[str, list[tuple[int, int, int, str]]] = {}
        self.addresses: dict[str, str] = {}
        self.asked: list[str] = []
        self.update_error: int | None = None
        self._domains = domains

    def srv(self, name: str) -> list[tuple[int, int, int, str]]:
        self._check(name)
        self.asked.append(name)
        if name not in self.records:
            raise DnsError(NAME_ERROR)
        return list(self.records[name])

    def address(self, name: str) -> list[str]:
        self._check(name)
        if name not in self.addresses:
            raise DnsError(NO_RECORDS)
        return [self.addresses[name]]

    def publish_srv(self, domain: str, priority: int, weight: int, port: int, target: str, address: str) -> None:
        self._check(domain)
        if self.update_error is not None:
            raise DnsError(self.update_error)
        record = (priority, weight, port, target)
        records = self.records.setdefault(f"_vlmcs._tcp.{domain}", [])
        if record not in records:
            records.append(record)
        self.addresses[target] = address

    def _check(self, name: str) -> None:
        assert name.endswith(self._domains), f"nobody should ask for {name!r}: only {self._domains} are known here"


def estate_of(*machines: dict[str, t.Any], **common: t.Any) -> tuple[Estate, FakeDns]:
    """Return an estate with these machines and a network to it."""
    estate = build_estate(
        {"estate": {"domain": "corp.example", "start": "2026-03-02T08:00:00+00:00", **common}, "keys": KEYS, "machines": list(machines)}
    )
    dns = FakeDns()
    addresses = {name: f"127.9.9.{number + 10}" for number, name in enumerate(estate.machines)}
    dns.addresses = {machine.fqdn: addresses[name] for name, machine in estate.machines.items()}
    estate.bind(dns, addresses.__getitem__)
    return estate, dns


def machine_of(machine: dict[str, t.Any], **common: t.Any) -> Machine:
    """Return the only machine of an estate."""
    return next(iter(estate_of(machine, **common)[0].machines.values()))


def products(machine: Machine, *columns: str) -> list[dict[str, Value]]:
    """Return the keyed products."""
    names = ", ".join(("ID", "PartialProductKey", "LicenseStatus", "LicenseStatusReason", "GracePeriodRemaining", *columns))
    return machine.cim.query(CIMV2, f"SELECT {names} FROM SoftwareLicensingProduct WHERE PartialProductKey IS NOT NULL").rows


def product(machine: Machine, *columns: str) -> dict[str, Value]:
    """Return the only keyed product."""
    (row,) = products(machine, *columns)
    return row


def service(machine: Machine, *columns: str) -> dict[str, Value]:
    """Return columns of SoftwareLicensingService."""
    (row,) = machine.cim.query(CIMV2, f"SELECT {', '.join(columns)} FROM SoftwareLicensingService").rows
    return row


def call_service(machine: Machine, method: str, **arguments: str) -> dict[str, Value]:
    """Call a method of SoftwareLicensingService."""
    version = str(service(machine, "Version")["Version"])
    return machine.cim.invoke(CIMV2, "SoftwareLicensingService", {"Version": version}, method, arguments)


def call_product(machine: Machine, method: str, activation_id: t.Any = None, **arguments: str) -> dict[str, Value]:
    """Call a method of one product, the only keyed one by default."""
    selectors = {"ID": str(activation_id or product(machine)["ID"])}
    return machine.cim.invoke(CIMV2, "SoftwareLicensingProduct", selectors, method, arguments)


def install(machine: Machine, key: str) -> None:
    """Install a product key."""
    call_service(machine, "InstallProductKey", ProductKey=key)


def activate(machine: Machine, activation_id: t.Any = None) -> None:
    """Activate a product, the only keyed one by default."""
    call_product(machine, "Activate", activation_id)


def provider_code(call: t.Callable[..., t.Any], *arguments: t.Any, **named: t.Any) -> int:
    """Return the HRESULT with which a provider refuses a call."""
    with pytest.raises(CimError) as caught:
        call(*arguments, **named)
    assert caught.value.kind == "provider"
    return caught.value.code


def events(machine: Machine, event_id: int, log: str = "Application") -> list[dict[str, Value]]:
    """Return the records with an id, the newest first."""
    return machine.cim.query(
        CIMV2, f"SELECT InsertionStrings, Message, TimeGenerated FROM Win32_NTLogEvent WHERE Logfile = '{log}' AND EventCode = {event_id}"
    ).rows


def strings(event: dict[str, Value]) -> list[str]:
    """Return the insertion strings of an event."""
    found = event["InsertionStrings"]
    assert isinstance(found, list)
    return found


def fields(event: dict[str, Value]) -> list[str]:
    """Return the fields of an event 12288 or 12289."""
    (text,) = strings(event)
    return text.split(", ")
