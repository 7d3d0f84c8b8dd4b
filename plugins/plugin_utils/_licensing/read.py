# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a machine's activation state.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Classes are read by named columns and the registry by named values, never whole: SoftwareLicensingService carries a full product key
(OA3xOriginalProductKey) and so does the registry key beside the values read here (BackupProductKeyDefault).
"""

from __future__ import annotations

import datetime
import typing as t

from .._catalogue.loader import application_name, explain_code, license_status_word, role_of
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
    Activation,
    Host,
    KmsMachine,
    LookupDomain,
    Machine,
    Product,
    Reason,
    Requests,
    Service,
    explain_count,
    timestamp,
)

WINDOWS_APPLICATION = "55c92734-d682-4d71-983e-d6ec3f16059f"
"""ApplicationID of Windows (the constant WindowsAppId of slmgr.vbs)."""

NOT_AVAILABLE = 0xFFFFFFFF
"""What counters hold that have no value (documented as -1 in Microsoft: Learn, SoftwareLicensingService)."""

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

ACTIVATION_TYPES = {1: "active_directory", 2: "kms", 3: "token"}
"""Values of VLActivationType; VLActivationTypeEnabled has 0 for all of them besides (Microsoft: slmgr.vbs, /act-type)."""

PRODUCT_TYPES = {1: "workstation", 2: "domain_controller", 3: "server"}
"""ProductType of Win32_OperatingSystem (Microsoft: Learn, Win32_OperatingSystem)."""

NETBIOS_LENGTH = 15
"""Longest NetBIOS name. CSName is one, so a name of this length may be a longer DNS host name cut short (Microsoft: Learn, naming conventions
for computers and domains)."""

MACHINE_READS: tuple[ReadOperation, ...] = (
    Query("Win32_OperatingSystem", OS_COLUMNS),
    RegistryValue(CURRENT_VERSION, "EditionID"),
    RegistryValue(TCPIP, "Domain"),
)

PRODUCT_CLASS = "SoftwareLicensingProduct"
PRODUCT_QUERY = Query(PRODUCT_CLASS, PRODUCT_COLUMNS, "PartialProductKey IS NOT NULL")
SERVICE_QUERY = Query("SoftwareLicensingService", SERVICE_COLUMNS)
SPPSVC_QUERY = Query("Win32_Service", ("Name", "State", "StartMode"), "Name = 'sppsvc'")
APPLICATION_KMS_NAME = RegistryValue(SPP + "\\" + WINDOWS_APPLICATION, "KeyManagementServiceName")
APPLICATION_KMS_PORT = RegistryValue(SPP + "\\" + WINDOWS_APPLICATION, "KeyManagementServicePort")


def read_activation(windows: Windows, clock: Clock) -> Activation:
    """Read everything that activation_info reports.

    Raises a WindowsError when the operating system, the licensing service or its products can't be read. What only adds to the picture (the
    service's state, registry values, firewall rules) ends up in C(problems) when it can't be read, and its values are None.
    """
    problems: list[str] = []
    asked = clock.now()
    machine_readings = windows.read(MACHINE_READS)
    between = (asked, clock.now())
    machine = _machine(machine_readings, between, _host_name(windows, machine_readings, problems), problems)
    # The service starts on demand when licensing data is asked for, so its state is only worth something before.
    readings = windows.read((SPPSVC_QUERY, SERVICE_QUERY, PRODUCT_QUERY, APPLICATION_KMS_NAME))
    service_row = _one(readings[1].get(), "SoftwareLicensingService")
    now = clock.now()
    products = tuple(_product(row, now) for row in readings[2].get())
    sppsvc = _first(_optional(readings[0], problems))
    application_machine = _application_machine(windows, readings[3], problems)
    host = _host(windows, service_row, products, problems)
    return Activation(
        collected_at=now,
        machine=machine,
        service=_service(service_row, products, sppsvc, application_machine),
        host=host,
        products=products,
        problems=tuple(problems),
    )


def read_machine(windows: Windows, clock: Clock) -> Machine:
    """Read the operating system only: what decides which key fits. Raises a WindowsError when it, or its edition, can't be read."""
    asked = clock.now()
    readings = windows.read(MACHINE_READS)
    between = (asked, clock.now())
    # Without the edition a key would be refused, or an evaluation not be, for a reason that is none.
    readings[1].get()
    return _machine(readings, between, None, [])


def read_listening_port(windows: Windows) -> int:
    """Return the TCP port on which this machine's KMS host listens, or would; 0 stands for 1688 (slmgr.vbs treats it so)."""
    row = _one(
        windows.read((Query("SoftwareLicensingService", ("KeyManagementServiceListeningPort",)),))[0].get(), "SoftwareLicensingService"
    )
    return _count(row["KeyManagementServiceListeningPort"]) or DEFAULT_PORT


def read_products(windows: Windows, clock: Clock) -> tuple[Product, ...]:
    """Read the keyed products only: what a change to a key or an activation is read back from."""
    rows = windows.read((PRODUCT_QUERY,))[0].get()
    now = clock.now()
    return tuple(_product(row, now) for row in rows)


def service_key(windows: Windows) -> dict[str, str]:
    """Return the key by which SoftwareLicensingService is addressed: its Version (slmgr.vbs reads it first, too)."""
    row = _one(windows.read((Query("SoftwareLicensingService", ("Version",)),))[0].get(), "SoftwareLicensingService")
    return {"Version": str(row["Version"])}


def _host_name(windows: Windows, readings: list[Reading], problems: list[str]) -> str | None:
    """Return the DNS host name where the computer name may be cut short, else None."""
    name = str(_one(readings[0].get(), "Win32_OperatingSystem")["CSName"])
    if len(name) < NETBIOS_LENGTH:
        return None
    host_name = _optional(windows.read((RegistryValue(TCPIP, "Hostname"),))[0], problems)
    return _text(host_name)


def _machine(
    readings: list[Reading], between: tuple[datetime.datetime, datetime.datetime], host_name: str | None, problems: list[str]
) -> Machine:
    row = _one(readings[0].get(), "Win32_OperatingSystem")
    edition_id = _optional(readings[1], problems)
    domain = _optional(readings[2], problems)
    name = str(row["CSName"])
    local = row["LocalDateTime"]
    return Machine(
        name=name,
        fqdn=f"{host_name or name}.{domain}".lower() if domain else None,
        caption=_text(row["Caption"]),
        edition_id=_text(edition_id),
        build=int(t.cast(str, row["BuildNumber"])),
        version=_text(row["Version"]),
        product_type=PRODUCT_TYPES.get(t.cast(int, row["ProductType"]), "unknown"),
        language=t.cast("int | None", row["OSLanguage"]),
        clock_offset_seconds=_clock_offset(local, *between) if isinstance(local, datetime.datetime) else None,
    )


def _clock_offset(local: datetime.datetime, asked: datetime.datetime, answered: datetime.datetime) -> float:
    """Return by how many seconds a machine's clock surely differs: 0 when it showed a time between the question and the answer.

    When in that time the clock was read is not known, and a PowerShell takes seconds to start.
    """
    nearest = min(max(local, asked), answered)
    return round((local - nearest).total_seconds(), 1)


def _service(row: Row, products: tuple[Product, ...], sppsvc: Row | None, application: KmsMachine | None) -> Service:
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


def _host(windows: Windows, row: Row, products: tuple[Product, ...], problems: list[str]) -> Host:
    hosts = [p for p in products if p.role == "kms_host"]
    if not hosts:
        return Host(is_kms_host=False)
    # Windows and Office on one host have a count each; the machine's own is that of its Windows host key, where it has one.
    of_windows = [p for p in hosts if p.application == "windows"]
    chosen = of_windows[0] if len(of_windows) == 1 else hosts[0] if len(hosts) == 1 else None
    domains = windows.read((RegistryValue(SPP, "DnsDomainPublishList", "REG_MULTI_SZ"),))[0]
    listed = _optional(domains, problems)
    try:
        rules = firewall.read_rules(windows)
    except WindowsError as error:
        problems.append(error.line())
        rules = None
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
        firewall_rules=rules,
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
        code=f"0x{code & 0xFFFFFFFF:08X}",
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


def _application_machine(windows: Windows, reading: Reading, problems: list[str]) -> KmsMachine | None:
    name = _optional(reading, problems)
    if not name:
        return None
    # The port is stored as text, and only beside a name (Microsoft: Learn, Registry Settings for Volume Activation).
    port = _optional(windows.read((APPLICATION_KMS_PORT,))[0], problems)
    if port and not str(port).isdigit():
        problems.append(f"The KMS port set for the Windows application is no number: {port!r}.")
        port = None
    return KmsMachine(str(name), int(port) if port else DEFAULT_PORT, LEVEL_APPLICATION)


def _optional(reading: Reading, problems: list[str]) -> t.Any:
    if reading.error is not None:
        problems.append(reading.error.line())
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
