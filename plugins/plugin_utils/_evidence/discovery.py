# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine finds by itself when it looks for a KMS host: SRV records by its own resolver, and where a TCP connection leads.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

A connection is opened and closed at once; no KMS message is ever sent.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from .._licensing.model import DEFAULT_PORT
from .._windows.errors import NotFoundError, WindowsError
from .._windows.interface import Connect, Reading, ReadOperation, RegistryValue, Resolve, Row, Windows
from .facts import Facts
from .view import Discovery, DomainView, EndpointView, SrvRecord

SERVICE = "_vlmcs._tcp"
TIMEOUT_SECONDS = 5
"""How long each address of an endpoint is waited for."""

_TCPIP = r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
DOMAIN_READS: tuple[RegistryValue, ...] = (
    RegistryValue(_TCPIP, "Domain"),
    RegistryValue(_TCPIP, "DhcpDomain"),
    RegistryValue(r"SOFTWARE\Policies\Microsoft\Windows NT\DNSClient", "SearchList"),
    RegistryValue(_TCPIP, "SearchList"),
)
"""Where the domains are that a client looks in, in the order of L(searched_domains): the primary DNS suffix, that of DHCP, the suffix search list of the
policy (Microsoft: Group Policy, DNS_SearchList) and that of the machine (KB 275553)."""

# Codes of DNS itself (Windows SDK: winerror.h, 9000 to 9999) and ERROR_TIMEOUT, which Resolve-DnsName has for name servers that do not answer.
_DNS_CODES = range(9000, 10000)
_ERROR_TIMEOUT = 1460


@dataclasses.dataclass(frozen=True)
class Asked:
    """An endpoint to try. C(source) is a word of L(view.SOURCES)."""

    host: str
    port: int
    source: str

    @property
    def key(self) -> tuple[str, int]:
        """What makes it the same as another one."""
        return self.host.casefold().rstrip("."), self.port


def discover(
    windows: Windows,
    now: datetime.datetime,
    facts: Facts,
    domain_readings: t.Sequence[Reading],
    *,
    endpoints: t.Sequence[tuple[str, int]] = (),
    timeout_seconds: int = TIMEOUT_SECONDS,
) -> Discovery:
    """Return the machine's own view.

    facts:           what is set on the machine: KMS hosts at all levels, the host that worked last, the lookup domain.
    domain_readings: what came of L(DOMAIN_READS).
    endpoints:       hosts and ports to try besides.

    The records and the endpoints that are known are one list of reads, which is one PowerShell run; those that records add are a second one.
    Raises the WindowsError of a machine that can't be reached, or whose PowerShell does not answer.
    """
    problems: list[str] = []
    domains = searched_domains(facts, _texts(domain_readings, problems))
    if not domains:
        problems.append("The machine has no DNS domain to look in: it finds no KMS host by itself, and needs one that is set.")
    known = known_endpoints(facts, endpoints)
    names = [f"{SERVICE}.{domain}" for domain in domains]
    wanted: list[ReadOperation] = [
        *(Resolve(name, "SRV") for name in names),
        *(Connect(one.host, one.port, timeout_seconds) for one in known),
    ]
    found = windows.read(wanted) if wanted else []
    views = [_domain_view(domain, name, reading) for domain, name, reading in zip(domains, names, found[: len(names)], strict=True)]
    tried = _tried(known, found[len(names) :], problems)
    of_records = [Asked(record.target, record.port, "srv") for view in views for record in view.records if record.target not in ("", ".")]
    new = [one for one in _once(of_records) if one.key not in {old.key for old in known}]
    if new:
        tried += _tried(new, windows.read([Connect(one.host, one.port, timeout_seconds) for one in new]), problems)
    return Discovery(collected_at=now, domains=tuple(views), endpoints=tuple(tried), problems=tuple(problems))


def searched_domains(facts: Facts, texts: t.Sequence[str]) -> list[str]:
    """Return the domains in which the machine looks for SRV records, in its order.

    A lookup domain that is set is the only one (Microsoft: Learn, slmgr.vbs /skms-domain). Else the primary DNS suffix, or that of DHCP where there is
    none, and then the suffix search list (Deploy KMS Activation).
    texts: the values of L(DOMAIN_READS), empty where there is none.
    """
    set_domain = facts.service.kms_lookup_domain
    if set_domain is not None and set_domain.domain:
        return [set_domain.domain]
    primary, dhcp, policy, own = texts
    listed = [part.strip() for part in (policy or own).replace(" ", ",").split(",")]
    found: dict[str, str] = {}
    for domain in (primary or dhcp, *listed):
        if domain.strip("."):
            found.setdefault(domain.strip(".").casefold(), domain.strip("."))
    return list(found.values())


def known_endpoints(facts: Facts, asked: t.Sequence[tuple[str, int]] = ()) -> list[Asked]:
    """Return the endpoints that are known without asking DNS: set at any level, used last, and those of the user; each once, by its first source."""
    service, products = facts.service, facts.products
    configured = [*(service.kms_machines_set or ()), service.kms_machine_configured, *(one.kms_machine_configured for one in products)]
    cached = [service.kms_machine_discovered, *(one.kms_machine_discovered for one in products)]
    found = [
        Asked(host.name, host.port or DEFAULT_PORT, source)
        for source, hosts in (("configured", configured), ("cached", cached))
        for host in hosts
        if host is not None and host.name
    ]
    return _once([*found, *(Asked(host, port, "asked") for host, port in asked)])


def _once(asked: t.Iterable[Asked]) -> list[Asked]:
    found: dict[tuple[str, int], Asked] = {}
    for one in asked:
        found.setdefault(one.key, one)
    return list(found.values())


def _texts(readings: t.Sequence[Reading], problems: list[str]) -> list[str]:
    for reading in readings:
        if reading.error is not None:
            problems.append(reading.error.line())
    return [str(reading.value) if reading.error is None and reading.value else "" for reading in readings]


def _domain_view(domain: str, name: str, reading: Reading) -> DomainView:
    error = reading.error
    if isinstance(error, NotFoundError):
        return DomainView(domain, name, "no_name")
    if error is not None:
        return DomainView(domain, name, "error", problem=error.line())
    rows = t.cast("list[Row]", reading.value)
    records = [
        SrvRecord(
            target=str(row["target"] or "").rstrip(".") or ".",
            port=t.cast("int | None", row["port"]) or 0,
            priority=t.cast("int | None", row["priority"]) or 0,
            weight=t.cast("int | None", row["weight"]) or 0,
            ttl=t.cast("int | None", row["ttl"]),
        )
        for row in rows
    ]
    records.sort(key=lambda record: (record.priority, -record.weight, record.target, record.port))
    return DomainView(domain, name, "found" if records else "no_record", tuple(records))


def _tried(asked: t.Sequence[Asked], readings: t.Sequence[Reading], problems: list[str]) -> list[EndpointView]:
    found = []
    for one, reading in zip(asked, readings, strict=True):
        error = reading.error
        if error is None:
            row = t.cast(Row, reading.value)
            outcome, address = str(row["outcome"]), t.cast("str | None", row["address"])
            milliseconds, code = t.cast("int | None", row["milliseconds"]), t.cast("int | None", row["code"])
            found.append(EndpointView(one.host, one.port, outcome, one.source, address, milliseconds, code))
        elif _is_about_the_name(error):
            found.append(EndpointView(one.host, one.port, "no_address", one.source, code=error.code))
        else:
            problems.append(error.line())
    return found


def _is_about_the_name(error: WindowsError) -> bool:
    return error.code is not None and (error.code in _DNS_CODES or error.code == _ERROR_TIMEOUT)
