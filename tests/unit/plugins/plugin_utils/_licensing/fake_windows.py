# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine for tests of the use cases: rows and registry values as data, methods as functions, and no answer to what nobody expected."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.loader import WINDOWS_APPLICATION
from ansible_collections.activation.kms.plugins.plugin_utils._licensing import firewall, read
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.clock import Clock
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.run import Run
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import NotFoundError
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import (
    Connect,
    EventLogFacts,
    EventLogState,
    EventRecord,
    Events,
    Invoke,
    Query,
    Reading,
    RegistryValue,
    Resolve,
)
from ansible_collections.activation.kms.plugins.plugin_utils._windows.operations import is_wanted, newest

NOW = datetime.datetime(2026, 11, 24, 8, 0, tzinfo=datetime.UTC)
WINDOWS = WINDOWS_APPLICATION
OFFICE = "0ff1ce15-a989-479d-af46-f275c6370663"


class FakeClock:
    """Time that moves only when someone sleeps."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.clock = Clock(now=lambda: NOW + datetime.timedelta(seconds=self.elapsed), monotonic=lambda: self.elapsed, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.elapsed += seconds


def run_on(windows: FakeWindows, *, clock: Clock | None = None, check_mode: bool = False, confirm_timeout: float = 60.0) -> Run:
    """Return what a use case works with, for a machine of this file. Without a clock a fake one that starts at 0."""
    return Run(windows, clock or FakeClock().clock, check_mode, confirm_timeout, lambda text: None)


class FakeWindows:
    """Implements the interface C(Windows) over rows. C(methods) maps a method's name to what it does; any other call fails the test.

    C(conversations) counts the lists of reads and the calls: each is a PowerShell process of seconds where that is the backend.

    C(records) are those of its event logs; C(logs) what Windows says of each of them, None for one that is not there. C(names) has DNS answers by name and
    type, and C(ports) the outcome of a connection by host and port; what they do not have does not exist. C(errors) are by the name of a value, a class, a log,
    a DNS name or a host, and by C(state of LOG).
    """

    backend = "fake"

    def __init__(
        self,
        rows: dict[str, list[dict[str, t.Any]]] | None = None,
        registry: dict[str, t.Any] | None = None,
        methods: dict[str, t.Callable[[Invoke], None]] | None = None,
    ) -> None:
        self.rows = {
            "Win32_OperatingSystem": [os_row()],
            "SoftwareLicensingService": [service_row()],
            "SoftwareLicensingProduct": [],
            "Win32_Service": [{"Name": "sppsvc", "State": "Running", "StartMode": "Auto", "ProcessId": 4312}],
            "MSFT_NetFirewallRule": [rule_row()],
            **(rows or {}),
        }
        self.registry = {"EditionID": "ServerDatacenter", "Domain": "corp.example", **(registry or {})}
        self.methods = methods or {}
        self.calls: list[Invoke] = []
        self.reads: list[t.Any] = []
        self.conversations = 0
        self.errors: dict[str, Exception] = {}
        self.records: list[EventRecord] = []
        self.logs: dict[str, EventLogFacts | None] = {
            name: EventLogFacts(name, True, "Circular", False, 69632, 20971520, 0) for name in ("Application", "Key Management Service")
        }
        self.names: dict[tuple[str, str], list[dict[str, t.Any]]] = {}
        self.ports: dict[tuple[str, int], str] = {}

    def read(self, operations: t.Sequence[t.Any]) -> list[Reading]:
        assert operations, "nobody asks for nothing"
        self.conversations += 1
        return [self._read(operation) for operation in operations]

    def invoke(self, call: Invoke) -> dict[str, t.Any]:
        self.conversations += 1
        self.calls.append(call)
        if call.method == "RefreshLicenseStatus" and call.method not in self.methods:
            return {}
        assert call.method in self.methods, f"nobody expected {call.cim_class}.{call.method}"
        self.methods[call.method](call)
        return {}

    def back_after(self, seconds: float) -> Clock:
        """Return a fake clock on which every error of a read is over after some seconds."""
        fake = FakeClock()

        def sleep(pause: float) -> None:
            fake.clock.sleep(pause)
            if fake.elapsed >= seconds:
                self.errors.clear()

        return dataclasses.replace(fake.clock, sleep=sleep)

    def _read(self, operation: t.Any) -> Reading:
        self.reads.append(operation)
        if isinstance(operation, RegistryValue):
            if operation.name in self.errors:
                return Reading(error=self.errors[operation.name])
            return Reading(self.registry.get(operation.name))
        if isinstance(operation, (Events, EventLogState, Resolve, Connect)):
            return self._see(operation)
        assert isinstance(operation, Query), f"nobody expected {operation}"
        if operation.cim_class in self.errors:
            return Reading(error=self.errors[operation.cim_class])
        rows = self.rows[operation.cim_class]
        if operation is read.PRODUCT_QUERY:
            rows = [row for row in rows if row["PartialProductKey"]]
        return Reading([{column: row[column] for column in operation.columns} for row in rows])

    def _see(self, operation: Events | EventLogState | Resolve | Connect) -> Reading:
        if isinstance(operation, (Events, EventLogState)):
            name = operation.log if isinstance(operation, Events) else f"state of {operation.log}"
        else:
            name = operation.name if isinstance(operation, Resolve) else operation.host
        if name in self.errors:
            return Reading(error=self.errors[name])
        if isinstance(operation, EventLogState):
            return Reading(self.logs[operation.log])
        if isinstance(operation, Events):
            inside = [one for one in self.records if one.log == operation.log and one.generated >= operation.since]
            return Reading(newest([one for one in inside if is_wanted(one, operation)], operation.limit, complete=True))
        if isinstance(operation, Resolve):
            found = self.names.get((operation.name, operation.record_type))
            known = any(name == operation.name for name, _type in self.names)
            return Reading(found or []) if known else Reading(error=_no_name(operation.name))
        outcome = self.ports.get((operation.host, operation.port))
        if outcome is None:
            return Reading(error=_no_name(operation.host))
        code = {"refused": 10061}.get(outcome)
        return Reading({"outcome": outcome, "address": "192.0.2.10", "milliseconds": 3, "code": code})

    def written(self) -> list[str]:
        """Return the names of the methods called, in order."""
        return [call.method for call in self.calls]


def _no_name(name: str) -> NotFoundError:
    return NotFoundError(f"resolving {name} on the machine", "the name does not exist", code=9003)


def event_record(event_id: int, *strings: str, minutes_ago: float = 1.0, log: str = "Application", **changes: t.Any) -> EventRecord:
    """Return a record of an event log, written so many minutes before L(NOW)."""
    made: dict[str, t.Any] = {
        "log": log,
        "record_number": int(10000 - minutes_ago),
        "event_id": event_id,
        "source": "Microsoft-Windows-Security-SPP",
        "generated": NOW - datetime.timedelta(minutes=minutes_ago),
        "strings": tuple(strings),
        "computer": "srv01.corp.example",
    }
    return EventRecord(**{**made, **changes})


def os_row(**changes: t.Any) -> dict[str, t.Any]:
    return {
        "BuildNumber": "20348",
        "Caption": "Microsoft Windows Server 2022 Datacenter",
        "CSName": "SRV01",
        "LocalDateTime": NOW,
        "OSLanguage": 1033,
        "ProductType": 3,
        "Version": "10.0.20348",
        **changes,
    }


def client_os_row(**changes: t.Any) -> dict[str, t.Any]:
    return os_row(
        **{
            "BuildNumber": "22631",
            "Caption": "Microsoft Windows 11 Enterprise",
            "CSName": "PC01",
            "ProductType": 1,
            "Version": "10.0.22631",
            **changes,
        }
    )


def service_row(**changes: t.Any) -> dict[str, t.Any]:
    row: dict[str, t.Any] = dict.fromkeys(read.SERVICE_COLUMNS)
    row.update(
        Version="10.0.20348.2227",
        ClientMachineID="b1c2d3e4-f5a6-4b7c-8d9e-0f1a2b3c4d5e",
        KeyManagementServicePort=0,
        KeyManagementServiceHostCaching=True,
        KeyManagementServiceListeningPort=0,
        KeyManagementServiceDnsPublishing=True,
        KeyManagementServiceLowPriority=False,
        RemainingWindowsReArmCount=1001,
        VLActivationInterval=120,
        VLRenewalInterval=10080,
    )
    return {**row, **changes}


def product_row(role: str = "kms_client", partial: str | None = "6VM33", **changes: t.Any) -> dict[str, t.Any]:
    words = {
        "kms_client": ("VOLUME_KMSCLIENT", "Volume:GVLK"),
        "kms_host": ("VOLUME_KMS_WS22", "Volume:CSVLK"),
        "mak": ("VOLUME_MAK", "Volume:MAK"),
        "retail": ("RETAIL", "Retail"),
        "evaluation": ("TIMEBASED_EVAL", "Retail:TB:Eval"),
        "oem": ("OEM_DM", "OEM:DM"),
        "avma": ("VIRTUAL_MACHINE_ACTIVATION", "Volume:AVMA"),
        "unknown": ("SOMETHING_NEW", "Something:New"),
    }
    word, channel = words[role]
    row: dict[str, t.Any] = dict.fromkeys(read.PRODUCT_COLUMNS)
    row.update(
        ID=f"00000000-0000-4000-8000-{role:_<12.12}",
        ApplicationID=WINDOWS,
        Name="Windows(R), ServerDatacenter edition",
        Description=f"Windows(R) Operating System, {word} channel",
        ProductKeyChannel=channel,
        PartialProductKey=partial,
        LicenseStatus=1,
        LicenseStatusReason=0,
        GracePeriodRemaining=0,
        EvaluationEndDate=datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC),
        LicenseIsAddon=False,
        VLActivationTypeEnabled=0,
        KeyManagementServicePort=0,
        KeyManagementServiceCurrentCount=0xFFFFFFFF,
    )
    return {**row, **changes}


def rule_row(**changes: t.Any) -> dict[str, t.Any]:
    row: dict[str, t.Any] = dict.fromkeys(firewall.RULE_COLUMNS)
    row.update(
        InstanceID="SPPSVC-In-TCP",
        DisplayName="Key Management Service (TCP-In)",
        Enabled=2,
        Profiles=0,
        Action=2,
        Direction=1,
        CreationClassName="MSFT|FW|FirewallRule|SPPSVC-In-TCP",
        PolicyRuleName="",
        SystemCreationClassName="",
        SystemName="",
    )
    return {**row, **changes}
