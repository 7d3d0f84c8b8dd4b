# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a machine's activation state.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Classes are read by named columns and the registry by named values, never whole: SoftwareLicensingService carries a full product key
(OA3xOriginalProductKey) and so does the registry key beside the values read here (BackupProductKeyDefault).
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from .._catalogue.loader import WINDOWS_APPLICATION, application_name, code_text, explain_code, license_status_word, role_of
from .._windows.errors import WindowsError
from .._windows.interface import Query, Reading, ReadOperation, RegistryValue, Row, Windows
from . import firewall
from .clock import Clock
from .model import (
    DEFAULT_PORT,
    LEVEL_APPLICATION,
    LEVEL_MACHINE,
    LEVEL_PRODUCT,
    LICENSED,
    NOT_AVAILABLE,
    Activation,
    Host,
    KmsMachine,
    LookupDomain,
    Machine,
    Problem,
    Product,
    Products,
    Reason,
    Requests,
    Service,
    explain_count,
    timestamp,
)
from .service import SERVICE_CLASS

CURRENT_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
SPP = CURRENT_VERSION + r"\SoftwareProtectionPlatform"
TCPIP = r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"

OS_COLUMNS = ("BuildNumber", "Caption", "CSName", "LocalDateTime", "OSLanguage", "ProductType", "Version")

SERVICE_COLUMNS = (
    "Version",
    "ClientMachineID",
    "KeyManagementServiceMachine",
    "KeyManagementServicePort",
    "KeyManagementServiceLookupDomain",
    "DiscoveredKeyManagementServiceMachineName",
    "DiscoveredKeyManagementServiceMachinePort",
    "DiscoveredKeyManagementServiceMachineIpAddress",
    "KeyManagementServiceHostCaching",
    "KeyManagementServiceProductKeyID",
    "KeyManagementServiceListeningPort",
    "KeyManagementServiceDnsPublishing",
    "KeyManagementServiceLowPriority",
    "RemainingWindowsReArmCount",
    "VLActivationInterval",
    "VLRenewalInterval",
)

REQUEST_COLUMNS = {
    "total": "KeyManagementServiceTotalRequests",
    "failed": "KeyManagementServiceFailedRequests",
    "unlicensed": "KeyManagementServiceUnlicensedRequests",
    "licensed": "KeyManagementServiceLicensedRequests",
    "oob_grace": "KeyManagementServiceOOBGraceRequests",
    "oot_grace": "KeyManagementServiceOOTGraceRequests",
    "non_genuine_grace": "KeyManagementServiceNonGenuineGraceRequests",
    "notification": "KeyManagementServiceNotificationRequests",
}

PRODUCT_COLUMNS = (
    "ID",
    "ApplicationID",
    "Name",
    "Description",
    "ProductKeyChannel",
    "PartialProductKey",
    "LicenseStatus",
    "LicenseStatusReason",
    "GracePeriodRemaining",
    "EvaluationEndDate",
    "LicenseIsAddon",
    "RequiredClientCount",
    "VLActivationType",
    "VLActivationTypeEnabled",
    "VLActivationInterval",
    "VLRenewalInterval",
    "KeyManagementServiceMachine",
    "KeyManagementServicePort",
    "KeyManagementServiceLookupDomain",
    "DiscoveredKeyManagementServiceMachineName",
    "DiscoveredKeyManagementServiceMachinePort",
    "DiscoveredKeyManagementServiceMachineIpAddress",
    "KeyManagementServiceProductKeyID",
    "KeyManagementServiceCurrentCount",
    *REQUEST_COLUMNS.values(),
)

TOKEN = "token"
ACTIVATION_TYPES = {1: "active_directory", 2: "kms", 3: TOKEN}
"""Values of VLActivationType; VLActivationTypeEnabled has 0 for all of them besides (Microsoft: slmgr.vbs, /act-type)."""

PRODUCT_TYPES = {1: "workstation", 2: "domain_controller", 3: "server"}
"""ProductType of Win32_OperatingSystem (Microsoft: Learn, Win32_OperatingSystem)."""

NETBIOS_LENGTH = 15
"""Longest NetBIOS name. CSName is one, so a name of this length may be a longer DNS host name cut short (Microsoft: Learn, naming conventions
for computers and domains)."""

OS_QUERY = Query("Win32_OperatingSystem", OS_COLUMNS)
EDITION_ID = RegistryValue(CURRENT_VERSION, "EditionID")
PRODUCT_CLASS = "SoftwareLicensingProduct"
PRODUCT_QUERY = Query(PRODUCT_CLASS, PRODUCT_COLUMNS, "PartialProductKey IS NOT NULL")
VERSION_QUERY = Query(SERVICE_CLASS, ("Version",))
APPLICATION = SPP + "\\" + WINDOWS_APPLICATION
APPLICATION_KMS_PORT = RegistryValue(APPLICATION, "KeyManagementServicePort")
PUBLISH_LIST = RegistryValue(SPP, "DnsDomainPublishList", "REG_MULTI_SZ")
HOST_NAME = RegistryValue(TCPIP, "Hostname")

FIRST_READS: tuple[ReadOperation, ...] = (
    OS_QUERY,
    EDITION_ID,
    RegistryValue(TCPIP, "Domain"),
    # The service starts on demand when licensing data is asked for, so its state is only worth something before.
    Query("Win32_Service", ("Name", "State", "StartMode"), "Name = 'sppsvc'"),
    Query(SERVICE_CLASS, SERVICE_COLUMNS),
    PRODUCT_QUERY,
    RegistryValue(APPLICATION, "KeyManagementServiceName"),
)
"""What is asked of every machine, in this order and all at once."""


@dataclasses.dataclass(frozen=True)
class BeforeKey:
    """What a key is compared with. C(machine) has no full name and no clock: they decide nothing here."""

    machine: Machine
    products: Products
    version: Reading

    def service_keys(self) -> dict[str, str]:
        """Return the key by which the licensing service is addressed. Raises a WindowsError when it can't be told."""
        return _service_keys(self.version)


def read_activation(windows: Windows, clock: Clock) -> Activation:
    """Read everything that activation_info reports: what every machine has in one go, and what else this one has in a second.

    Raises a WindowsError when the operating system, the licensing service or its products can't be read. What only adds to the picture (the
    service's state, registry values, firewall rules) ends up in C(problems) when it can't be read, and its values are None.
    """
    problems: list[Problem] = []
    asked = clock.now()
    system, edition_id, domain, sppsvc, service, keyed, kms_name = windows.read(FIRST_READS)
    now = clock.now()
    os_row = _one(system.get(), OS_QUERY.cim_class)
    service_row = _one(service.get(), SERVICE_CLASS)
    products = tuple(_product(row, now) for row in keyed.get())
    # In the order of the reads, which is that of the problems.
    machine = _machine(os_row, _text(_optional(edition_id, problems)))
    domain_name = _text(_optional(domain, problems))
    sppsvc_row = _first(_optional(sppsvc, problems))
    set_machine = _text(_optional(kms_name, problems))
    is_host = any(p.role == "kms_host" for p in products)
    wanted: list[ReadOperation] = []
    if len(machine.name) >= NETBIOS_LENGTH:
        # It may be cut short: then the DNS host name is another.
        wanted.append(HOST_NAME)
    if set_machine:
        # The port is stored as text, and only beside a name (Microsoft: Learn, Registry Settings for Volume Activation).
        wanted.append(APPLICATION_KMS_PORT)
    if is_host:
        wanted += [PUBLISH_LIST, firewall.RULE_QUERY]
    more = dict(zip(wanted, windows.read(wanted), strict=True)) if wanted else {}
    host_name = _text(_optional(more[HOST_NAME], problems)) if HOST_NAME in more else None
    local = os_row["LocalDateTime"]
    return Activation(
        collected_at=now,
        machine=dataclasses.replace(
            machine,
            fqdn=f"{host_name or machine.name}.{domain_name}".lower() if domain_name else None,
            clock_offset_seconds=_clock_offset(local, asked, now) if isinstance(local, datetime.datetime) else None,
        ),
        service=_service(
            service_row,
            products,
            sppsvc_row,
            _application_machine(set_machine, more[APPLICATION_KMS_PORT], problems) if set_machine else None,
        ),
        host=_host(service_row, products, more[PUBLISH_LIST], more[firewall.RULE_QUERY], problems) if is_host else Host(is_kms_host=False),
        products=products,
        problem_details=tuple(problems),
    )


def read_before_key(windows: Windows, clock: Clock) -> BeforeKey:
    """Read what decides which key fits and what it would replace. Raises a WindowsError when the system, its edition or its products can't be read."""
    system, edition_id, version, keyed = windows.read((OS_QUERY, EDITION_ID, VERSION_QUERY, PRODUCT_QUERY))
    now = clock.now()
    # Without the edition a key would be refused, or an evaluation not be, for a reason that is none.
    machine = _machine(_one(system.get(), OS_QUERY.cim_class), _text(edition_id.get()))
    return BeforeKey(machine, tuple(_product(row, now) for row in keyed.get()), version)


def read_products(windows: Windows, clock: Clock) -> Products:
    """Read the keyed products only: what a change to a key or an activation is read back from."""
    return products_in(windows.read((PRODUCT_QUERY,))[0], clock)


def products_in(reading: Reading, clock: Clock) -> Products:
    """Return the products that PRODUCT_QUERY gave just now; raise what it met instead."""
    rows = reading.get()
    now = clock.now()
    return tuple(_product(row, now) for row in rows)


def read_service_keys(windows: Windows) -> dict[str, str]:
    """Return the key by which SoftwareLicensingService is addressed: its Version (slmgr.vbs reads it first, too)."""
    return _service_keys(windows.read((VERSION_QUERY,))[0])


def _service_keys(version: Reading) -> dict[str, str]:
    return {"Version": str(_one(version.get(), SERVICE_CLASS)["Version"])}


def _machine(row: Row, edition_id: str | None) -> Machine:
    return Machine(
        name=str(row["CSName"]),
        fqdn=None,
        caption=_text(row["Caption"]),
        edition_id=edition_id,
        build=int(t.cast(str, row["BuildNumber"])),
        version=_text(row["Version"]),
        product_type=PRODUCT_TYPES.get(t.cast(int, row["ProductType"]), "unknown"),
        language=t.cast("int | None", row["OSLanguage"]),
        clock_offset_seconds=None,
    )


def _clock_offset(local: datetime.datetime, asked: datetime.datetime, answered: datetime.datetime) -> float:
    """Return by how many seconds a machine's clock surely differs: 0 when it showed a time between the question and the answer.

    When in that time the clock was read is not known, and a PowerShell takes seconds to start.
    """
    nearest = min(max(local, asked), answered)
    return round((local - nearest).total_seconds(), 1)


def _service(row: Row, products: Products, sppsvc: Row | None, application: KmsMachine | None) -> Service:
    machine_level = _kms_machine(row, LEVEL_MACHINE, None)
    clients = [p for p in products if p.role == "kms_client" and p.application == "windows"]
    own = [p.kms_machine_configured for p in clients if p.kms_machine_configured]
    # The levels outrank one another in this order (Microsoft: KMS Activation Timing and Discovery, 2012 R2 technical reference).
    levels = (*own, *([application] if application else []), *([machine_level] if machine_level else []))
    found = [p.kms_machine_discovered for p in clients if p.kms_machine_discovered]
    discovered = found[0] if found else _discovered(row, LEVEL_MACHINE, None)
    domains = [p.kms_lookup_domain for p in clients if p.kms_lookup_domain]
    return Service(
        version=_text(row["Version"]),
        cmid=_text(row["ClientMachineID"]),
        state=_text(sppsvc["State"]) if sppsvc else None,
        start_mode=_text(sppsvc["StartMode"]) if sppsvc else None,
        host_caching=t.cast("bool | None", row["KeyManagementServiceHostCaching"]),
        activation_interval_minutes=_count(row["VLActivationInterval"]),
        renewal_interval_minutes=_count(row["VLRenewalInterval"]),
        rearms_remaining=_count(row["RemainingWindowsReArmCount"]),
        kms_machine_configured=levels[0] if levels else None,
        kms_machine_discovered=discovered,
        kms_machines_set=levels,
        kms_lookup_domain=domains[0] if domains else _lookup_domain(row, LEVEL_MACHINE, None),
        kms_host_product_id=_text(row["KeyManagementServiceProductKeyID"]),
    )


def _host(row: Row, products: Products, publish_list: Reading, rules: Reading, problems: list[Problem]) -> Host:
    hosts = [p for p in products if p.role == "kms_host"]
    # Windows and Office on one host have a count each; the machine's own is that of its Windows host key, where it has one.
    of_windows = [p for p in hosts if p.application == "windows"]
    chosen = of_windows[0] if len(of_windows) == 1 else hosts[0] if len(hosts) == 1 else None
    listed = _optional(publish_list, problems)
    rule_rows = _optional(rules, problems)
    count = chosen.count if chosen else None
    return Host(
        is_kms_host=True,
        activation_id=chosen.activation_id if chosen else None,
        count=count,
        count_explained=explain_count(count) if chosen else None,
        listening_port=_count(row["KeyManagementServiceListeningPort"]) or DEFAULT_PORT,
        dns_publishing=t.cast("bool | None", row["KeyManagementServiceDnsPublishing"]),
        publish_domains=tuple(str(line) for line in listed) if listed else (),
        low_priority=t.cast("bool | None", row["KeyManagementServiceLowPriority"]),
        requests=chosen.requests if chosen else None,
        firewall_rules=None if rule_rows is None else tuple(row.rule for row in firewall.rules_in(rule_rows)),
    )


def _product(row: Row, now: datetime.datetime) -> Product:
    activation_id = str(row["ID"]).lower()
    application_id = str(row["ApplicationID"]).lower()
    role = role_of(str(row["Description"] or ""), _text(row["ProductKeyChannel"]))
    status = t.cast(int, row["LicenseStatus"])
    grace = _count(row["GracePeriodRemaining"])
    is_host = role == "kms_host"
    return Product(
        activation_id=activation_id,
        application_id=application_id,
        application=application_name(application_id),
        name=_text(row["Name"]),
        description=_text(row["Description"]),
        product_key_channel=_text(row["ProductKeyChannel"]),
        role=role,
        partial_key=str(row["PartialProductKey"]),
        license_status=status,
        license_status_word=license_status_word(status),
        reason=_reason(row["LicenseStatusReason"], status),
        grace_minutes=grace,
        expires_at=timestamp(now + datetime.timedelta(minutes=grace)) if grace else None,
        evaluation_ends_at=_date(row["EvaluationEndDate"]),
        is_addon=bool(row["LicenseIsAddon"]),
        required_count=_count(row["RequiredClientCount"]),
        activation_type=ACTIVATION_TYPES.get(t.cast(int, row["VLActivationType"])),
        activation_type_enabled=_type_enabled(row["VLActivationTypeEnabled"]),
        activation_interval_minutes=_count(row["VLActivationInterval"]),
        renewal_interval_minutes=_count(row["VLRenewalInterval"]),
        kms_machine_configured=_kms_machine(row, LEVEL_PRODUCT, activation_id),
        kms_machine_discovered=_discovered(row, LEVEL_PRODUCT, activation_id),
        kms_lookup_domain=_lookup_domain(row, LEVEL_PRODUCT, activation_id),
        kms_host_product_id=_text(row["KeyManagementServiceProductKeyID"]),
        count=_count(row["KeyManagementServiceCurrentCount"]) if is_host else None,
        requests=Requests(**{name: _count(row[column]) for name, column in REQUEST_COLUMNS.items()}) if is_host else None,
    )


def _reason(code: t.Any, status: int) -> Reason | None:
    if code is None or (code == 0 and status == LICENSED):
        return None
    known = explain_code(code)
    return Reason(
        code=code_text(code),
        symbol=known.symbol if known else None,
        meaning=known.meaning if known else None,
    )


def _type_enabled(value: t.Any) -> str | None:
    return None if value is None else "all" if value == 0 else ACTIVATION_TYPES.get(value, f"unknown_{value}")


def _kms_machine(row: Row, level: str, activation_id: str | None) -> KmsMachine | None:
    name = _text(row["KeyManagementServiceMachine"])
    if not name:
        return None
    return KmsMachine(name, _count(row["KeyManagementServicePort"]) or DEFAULT_PORT, level, None, activation_id)


def _discovered(row: Row, level: str, activation_id: str | None) -> KmsMachine | None:
    name = _text(row["DiscoveredKeyManagementServiceMachineName"])
    if not name:
        return None
    return KmsMachine(
        name,
        _count(row["DiscoveredKeyManagementServiceMachinePort"]) or DEFAULT_PORT,
        level,
        _text(row["DiscoveredKeyManagementServiceMachineIpAddress"]),
        activation_id,
    )


def _lookup_domain(row: Row, level: str, activation_id: str | None) -> LookupDomain | None:
    domain = _text(row["KeyManagementServiceLookupDomain"])
    return LookupDomain(domain, level, activation_id) if domain else None


def _application_machine(name: str, reading: Reading, problems: list[Problem]) -> KmsMachine:
    port = _optional(reading, problems)
    if port and not str(port).isdigit():
        text = f"The KMS port set for the Windows application is no number: {port!r}."
        problems.append(Problem(text, f"reading the registry value {APPLICATION_KMS_PORT.name}", None, None, text))
        port = None
    return KmsMachine(name, int(port) if port else DEFAULT_PORT, LEVEL_APPLICATION)


def _optional(reading: Reading, problems: list[Problem]) -> t.Any:
    error = reading.error
    if error is not None:
        problems.append(Problem(error.line(), error.doing, error.code_text(), error.symbol, error.detail))
        return None
    return reading.value


def _one(rows: list[Row], cim_class: str) -> Row:
    if len(rows) != 1:
        raise WindowsError(
            f"reading {cim_class}",
            f"{len(rows)} instances came back where Windows has exactly one",
            next_step="check that the Software Protection service (sppsvc) can start on this machine and that its WMI provider is registered",
        )
    return rows[0]


def _first(rows: list[Row] | None) -> Row | None:
    return rows[0] if rows else None


def _text(value: t.Any) -> str | None:
    return str(value) if value not in (None, "") else None


def _count(value: t.Any) -> int | None:
    return None if value is None or value == NOT_AVAILABLE else int(value)


def _date(value: t.Any) -> str | None:
    # 1601-01-01, the zero of FILETIME, stands for "no date" (Microsoft: Learn, SoftwareLicensingProduct.EvaluationEndDate).
    if not isinstance(value, datetime.datetime) or value.year <= 1601:
        return None
    return timestamp(value)
