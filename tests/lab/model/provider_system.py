# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Win32_OperatingSystem, Win32_Service and Win32_NTLogEvent (root/cimv2)."""

from __future__ import annotations

import datetime
import typing as t

from . import services
from .eventlog import Event
from .languages import Language, language
from .provider import Handler, Instance, Provider, reader
from .services import Service
from .wql import Value

if t.TYPE_CHECKING:
    from .machine import Machine

UPTIME = datetime.timedelta(days=1)
AGE = datetime.timedelta(days=90)
"""How long before the estate's start every machine was started and installed."""


def _words(machine: Machine) -> Language:
    return language(machine.language)


def _local(machine: Machine, when: datetime.datetime) -> datetime.datetime:
    return when.astimezone(datetime.timezone(datetime.timedelta(minutes=machine.utc_offset_minutes)))


# Microsoft: Learn, Win32_OperatingSystem.
_OPERATING_SYSTEM_COLUMNS: dict[str, t.Callable[[Machine], Value]] = {
    "BootDevice": lambda machine: r"\Device\HarddiskVolume1",
    "BuildNumber": lambda machine: str(machine.windows.build),
    "BuildType": lambda machine: "Multiprocessor Free",
    "Caption": lambda machine: _words(machine).caption(machine.windows.caption),
    "CodeSet": lambda machine: _words(machine).code_set,
    "CountryCode": lambda machine: _words(machine).country_code,
    "CreationClassName": lambda machine: "Win32_OperatingSystem",
    "CSCreationClassName": lambda machine: "Win32_ComputerSystem",
    # A NetBIOS name: 15 characters at the most (Microsoft: Learn, naming conventions for computers and domains).
    "CSName": lambda machine: machine.name.upper()[:15],
    "CurrentTimeZone": lambda machine: machine.utc_offset_minutes,
    "Debug": lambda machine: False,
    "Description": lambda machine: "",
    "Distributed": lambda machine: False,
    "EncryptionLevel": lambda machine: 256,
    "FreePhysicalMemory": lambda machine: 2_097_152,
    "FreeVirtualMemory": lambda machine: 3_145_728,
    "InstallDate": lambda machine: _local(machine, machine.started - AGE),
    "LastBootUpTime": lambda machine: _local(machine, machine.started - UPTIME),
    "LocalDateTime": lambda machine: _local(machine, machine.now()),
    "Locale": lambda machine: f"{machine.language:04x}",
    "Manufacturer": lambda machine: "Microsoft Corporation",
    "MUILanguages": lambda machine: [_words(machine).tag],
    "Name": lambda machine: rf"{_words(machine).caption(machine.windows.caption)}|C:\Windows|\Device\Harddisk0\Partition2",
    "NumberOfProcesses": lambda machine: 97,
    "NumberOfUsers": lambda machine: 1,
    "OperatingSystemSKU": lambda machine: machine.windows.os_sku,
    "Organization": lambda machine: "",
    "OSArchitecture": lambda machine: "64-bit",
    "OSLanguage": lambda machine: machine.language,
    "OSProductSuite": lambda machine: 272 if machine.windows.is_server else 256,
    "OSType": lambda machine: 18,
    "Primary": lambda machine: True,
    "ProductType": lambda machine: machine.windows.product_type,
    "RegisteredUser": lambda machine: "Lab",
    "SerialNumber": lambda machine: "00000-00000-00000-AAOEM",
    "ServicePackMajorVersion": lambda machine: 0,
    "ServicePackMinorVersion": lambda machine: 0,
    "Status": lambda machine: "OK",
    "SuiteMask": lambda machine: 272 if machine.windows.is_server else 256,
    "SystemDevice": lambda machine: r"\Device\HarddiskVolume2",
    "SystemDirectory": lambda machine: r"C:\Windows\system32",
    "SystemDrive": lambda machine: "C:",
    "TotalVirtualMemorySize": lambda machine: 5_242_880,
    "TotalVisibleMemorySize": lambda machine: 4_194_304,
    "Version": lambda machine: machine.windows.version,
    "WindowsDirectory": lambda machine: r"C:\Windows",
}


def _operating_systems(machine: Machine) -> t.Iterable[Instance]:
    return [Instance(reader(_OPERATING_SYSTEM_COLUMNS, machine), machine)]


OPERATING_SYSTEM = Provider("Win32_OperatingSystem", _operating_systems)

# Microsoft: Learn, Win32_Service.
_SERVICE_COLUMNS: dict[str, t.Callable[[Machine, Service], Value]] = {
    "AcceptPause": lambda machine, service: False,
    "AcceptStop": lambda machine, service: service.running,
    "Caption": lambda machine, service: _words(machine).service(service.name, service.display_name),
    "CheckPoint": lambda machine, service: 0,
    "CreationClassName": lambda machine, service: "Win32_Service",
    "DelayedAutoStart": lambda machine, service: service.delayed,
    "Description": lambda machine, service: _words(machine).service(service.name, service.display_name),
    "DesktopInteract": lambda machine, service: False,
    "DisplayName": lambda machine, service: _words(machine).service(service.name, service.display_name),
    "ErrorControl": lambda machine, service: "Normal",
    "ExitCode": lambda machine, service: 0,
    "Name": lambda machine, service: service.name,
    "PathName": lambda machine, service: service.path,
    "ProcessId": lambda machine, service: service.process_id,
    "ServiceSpecificExitCode": lambda machine, service: 0,
    "ServiceType": lambda machine, service: "Own Process" if service.name == services.SPPSVC else "Share Process",
    "Started": lambda machine, service: service.running,
    "StartMode": lambda machine, service: service.start_mode,
    "StartName": lambda machine, service: service.start_name,
    "State": lambda machine, service: service.state,
    "Status": lambda machine, service: "OK",
    "SystemCreationClassName": lambda machine, service: "Win32_ComputerSystem",
    "SystemName": lambda machine, service: machine.name.upper(),
    "TagId": lambda machine, service: 0,
    "WaitHint": lambda machine, service: 0,
}

# ReturnValues of StartService, StopService, ChangeStartMode (Microsoft: Learn, methods of Win32_Service).
ACCEPTED, NOT_ACTIVE, ALREADY_RUNNING, IS_DISABLED, INVALID_PARAMETER = 0, 6, 10, 14, 21

_START_MODES = {"automatic": services.AUTO, "manual": services.MANUAL, "disabled": services.DISABLED}


def _services(machine: Machine) -> t.Iterable[Instance]:
    return [Instance(reader(_SERVICE_COLUMNS, machine, service), service) for service in machine.services.values()]


def _start(machine: Machine, instance: Instance, arguments: dict[str, t.Any]) -> dict[str, Value]:
    service: Service = instance.subject
    if service.running:
        return {"ReturnValue": ALREADY_RUNNING}
    if service.start_mode == services.DISABLED:
        return {"ReturnValue": IS_DISABLED}
    if service is machine.sppsvc:
        machine.start_sppsvc()
    else:
        service.state, service.process_id = services.RUNNING, 4000
    return {"ReturnValue": ACCEPTED}


def _stop(machine: Machine, instance: Instance, arguments: dict[str, t.Any]) -> dict[str, Value]:
    service: Service = instance.subject
    if not service.running:
        # "The service has not been started" (the same pages); that a stopped service gives 6 and not 5 is inferred.
        return {"ReturnValue": NOT_ACTIVE}
    if service is machine.sppsvc:
        machine.stop_sppsvc()
    else:
        service.state, service.process_id = services.STOPPED, 0
    return {"ReturnValue": ACCEPTED}


def _change_start_mode(machine: Machine, instance: Instance, arguments: dict[str, t.Any]) -> dict[str, Value]:
    mode = _START_MODES.get(arguments["StartMode"].lower())
    if mode is None:
        return {"ReturnValue": INVALID_PARAMETER}
    instance.subject.start_mode = mode
    return {"ReturnValue": ACCEPTED}


def _interrogate(machine: Machine, instance: Instance, arguments: dict[str, t.Any]) -> dict[str, Value]:
    return {"ReturnValue": ACCEPTED if instance.subject.running else NOT_ACTIVE}


SERVICE = Provider(
    "Win32_Service",
    _services,
    methods={
        "StartService": Handler(_start),
        "StopService": Handler(_stop),
        "ChangeStartMode": Handler(_change_start_mode),
        "InterrogateService": Handler(_interrogate),
    },
)

# Microsoft: Learn, Win32_NTLogEvent. EventCode is the short id, EventIdentifier the whole one.
_EVENT_COLUMNS: dict[str, t.Callable[[Machine, Event], Value]] = {
    "Category": lambda machine, event: 0,
    "ComputerName": lambda machine, event: machine.fqdn,
    "EventCode": lambda machine, event: event.event_id,
    "EventIdentifier": lambda machine, event: event.identifier,
    "EventType": lambda machine, event: event.event_type,
    "InsertionStrings": lambda machine, event: list(event.strings) or None,
    "Logfile": lambda machine, event: event.log,
    "Message": lambda machine, event: _words(machine).event(event.event_id, event.strings, event.message),
    "RecordNumber": lambda machine, event: event.record,
    "SourceName": lambda machine, event: event.source,
    "TimeGenerated": lambda machine, event: event.written,
    "TimeWritten": lambda machine, event: event.written,
    "Type": lambda machine, event: _words(machine).event_type(event.type_word),
}


def _events(machine: Machine) -> t.Iterable[Instance]:
    # Of a log that the account may not read there are no rows, and no error (from memory, of the log Security).
    logs = machine.logs
    return (Instance(reader(_EVENT_COLUMNS, machine, event), event) for event in logs.newest_first() if event.log not in logs.denied)


EVENT = Provider("Win32_NTLogEvent", _events)
