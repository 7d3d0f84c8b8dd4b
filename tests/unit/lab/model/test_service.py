# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from tests.lab.model.errors import CimError
from tests.lab.model.machine import Machine
from tests.lab.model.wql import Value
from tests.unit.lab.model.support import (
    CIMV2,
    HOST,
    HOST_KEY,
    SERVER,
    SPP,
    call_product,
    call_service,
    estate_of,
    events,
    install,
    machine_of,
    product,
    provider_code,
    service,
)


def sppsvc(machine: Machine) -> dict[str, Value]:
    (row,) = machine.cim.query(CIMV2, "SELECT Name, State, StartMode, Started, ProcessId FROM Win32_Service WHERE Name = 'sppsvc'").rows
    return row


def call(machine: Machine, method: str, name: str = "sppsvc", **arguments: str) -> Value:
    return machine.cim.invoke(CIMV2, "Win32_Service", {"Name": name}, method, arguments)["ReturnValue"]


def test_start_and_stop_answer_with_the_documented_return_values() -> None:
    # Learn, methods of Win32_Service.
    machine = machine_of(SERVER)
    assert call(machine, "StartService") == 10
    assert call(machine, "StopService") == 0
    assert (sppsvc(machine)["State"], sppsvc(machine)["Started"], sppsvc(machine)["ProcessId"]) == ("Stopped", False, 0)
    assert call(machine, "StopService") == 6
    assert call(machine, "ChangeStartMode", StartMode="Disabled") == 0
    assert call(machine, "StartService") == 14
    assert call(machine, "ChangeStartMode", StartMode="Sometimes") == 21
    assert call(machine, "ChangeStartMode", StartMode="Automatic") == 0
    assert call(machine, "StartService") == 0
    assert call(machine, "StartService", "RemoteRegistry") == 0
    assert call(machine, "StopService", "RemoteRegistry") == 0


def test_start_and_stop_of_the_licensing_service_are_logged() -> None:
    machine = machine_of(SERVER)
    call(machine, "StopService")
    call(machine, "StartService")
    assert [len(events(machine, event_id)) for event_id in (903, 900, 902)] == [1, 1, 1]
    assert events(machine, 902)[0]["InsertionStrings"] == ["10.0.20348.2966"]


def test_a_call_of_the_licensing_provider_starts_the_stopped_service() -> None:
    machine = machine_of({**SERVER, "sppsvc": "stopped"})
    assert sppsvc(machine)["State"] == "Stopped"
    assert product(machine)["LicenseStatus"] == 2
    assert sppsvc(machine)["State"] == "Running"


def test_a_disabled_licensing_service_is_an_error() -> None:
    machine = machine_of({**SERVER, "sppsvc": "disabled"})
    assert provider_code(product, machine) == 0x80070422
    assert sppsvc(machine)["StartMode"] == "Disabled"


def test_a_new_host_publishes_when_its_service_starts_and_not_before() -> None:
    # Deploy KMS Activation: restart the service to apply.
    estate, dns = estate_of({**HOST, "key": None, "licensed": False})
    machine = estate.machines["kms01"]
    assert machine.listening() is None
    install(machine, HOST_KEY)
    assert machine.listening() == 1688
    call_product(machine, "Activate")
    assert dns.records == {}
    call(machine, "StopService")
    assert machine.listening() is None
    call(machine, "StartService")
    assert dns.records == {"_vlmcs._tcp.corp.example": [(0, 0, 1688, "kms01.corp.example")]}
    assert [event["InsertionStrings"] for event in events(machine, 12294)] == [["corp.example"]]
    call(machine, "StopService")
    call(machine, "StartService")
    assert len(dns.records["_vlmcs._tcp.corp.example"]) == 1


def test_a_running_host_is_published_from_the_start_and_a_client_never() -> None:
    assert estate_of(HOST, SERVER)[1].records == {"_vlmcs._tcp.corp.example": [(0, 0, 1688, "kms01.corp.example")]}
    assert estate_of({**HOST, "sppsvc": "stopped"}, SERVER)[1].records == {}
    assert estate_of({**HOST, "dns_publishing": False}, SERVER)[1].records == {}


def test_a_refused_update_is_event_12293_with_the_code() -> None:
    # SupportArticles-docs, event-12293.
    estate, dns = estate_of(HOST)
    dns.update_error = 0x80072338
    machine = estate.machines["kms01"]
    call(machine, "StopService")
    call(machine, "StartService")
    assert [event["InsertionStrings"] for event in events(machine, 12293)] == [["corp.example", "0x80072338"]]


def test_the_list_of_domains_has_priority_and_weight_and_comes_in_place_of_the_own_domain() -> None:
    # REG (dn502532) and Deploy KMS Activation.
    _, dns = estate_of({**HOST, "publish_domains": ["corp.example, 10, 20", "lab.example"]})
    assert dns.records == {
        "_vlmcs._tcp.corp.example": [(10, 20, 1688, "kms01.corp.example")],
        "_vlmcs._tcp.lab.example": [(0, 0, 1688, "kms01.corp.example")],
    }
    assert list(estate_of({**HOST, "publish_domains": ["lab.example"]})[1].records) == ["_vlmcs._tcp.lab.example"]


def test_a_changed_listening_port_waits_for_the_service_to_start() -> None:
    # activation-slmgr-vbs-options, /sprt.
    estate, dns = estate_of(HOST)
    machine = estate.machines["kms01"]
    call_service(machine, "SetKeyManagementServiceListeningPort", PortNumber="1700")
    assert service(machine, "KeyManagementServiceListeningPort") == {"KeyManagementServiceListeningPort": 1700}
    assert machine.listening() == 1688
    call(machine, "StopService")
    call(machine, "StartService")
    assert machine.listening() == 1700
    assert (0, 0, 1700, "kms01.corp.example") in dns.records["_vlmcs._tcp.corp.example"]
    call_service(machine, "ClearKeyManagementServiceListeningPort")
    assert service(machine, "KeyManagementServiceListeningPort") == {"KeyManagementServiceListeningPort": 0}


def test_a_host_whose_key_goes_listens_no_more() -> None:
    machine = machine_of(HOST)
    call_product(machine, "UninstallProductKey")
    assert machine.listening() is None
    assert service(machine, "IsKeyManagementServiceMachine") == {"IsKeyManagementServiceMachine": 0}


@pytest.mark.parametrize(
    ("method", "arguments", "column", "value", "registry_name", "data"),
    [
        ("SetKeyManagementServiceMachine", {"MachineName": "a.b"}, "KeyManagementServiceMachine", "a.b", "KeyManagementServiceName", "a.b"),
        ("ClearKeyManagementServiceMachine", {}, "KeyManagementServiceMachine", None, "KeyManagementServiceName", None),
        # REG_SZ, not a number (dn502532).
        ("SetKeyManagementServicePort", {"PortNumber": "1700"}, "KeyManagementServicePort", 1700, "KeyManagementServicePort", "1700"),
        ("ClearKeyManagementServicePort", {}, "KeyManagementServicePort", 0, "KeyManagementServicePort", None),
        (
            "DisableKeyManagementServiceDnsPublishing",
            {"DisablePublishing": "true"},
            "KeyManagementServiceDnsPublishing",
            False,
            "DisableDnsPublishing",
            1,
        ),
        (
            "DisableKeyManagementServiceDnsPublishing",
            {"DisablePublishing": "false"},
            "KeyManagementServiceDnsPublishing",
            True,
            "DisableDnsPublishing",
            0,
        ),
        (
            "EnableKeyManagementServiceLowPriority",
            {"EnableLowPriority": "true"},
            "KeyManagementServiceLowPriority",
            True,
            "EnableKmsLowPriority",
            1,
        ),
        ("SetVLActivationInterval", {"ActivationInterval": "15"}, "VLActivationInterval", 15, "VLActivationInterval", 15),
        ("SetVLRenewalInterval", {"RenewalInterval": "43200"}, "VLRenewalInterval", 43200, "VLRenewalInterval", 43200),
    ],
)
def test_settings_have_their_registry_value(
    method: str, arguments: dict[str, str], column: str, value: Value, registry_name: str, data: t.Any
) -> None:
    machine = machine_of(HOST)
    assert call_service(machine, method, **arguments) == {"ReturnValue": 0}
    assert service(machine, column) == {column: value}
    assert machine.registry.get(SPP, registry_name) == data


def test_a_products_own_host_is_below_its_application_and_id() -> None:
    machine = machine_of(SERVER)
    call_product(machine, "SetKeyManagementServiceMachine", MachineName="a.b")
    row = product(machine, "ApplicationID", "KeyManagementServiceMachine")
    assert row["KeyManagementServiceMachine"] == "a.b"
    assert machine.registry.get(rf"{SPP}\{row['ApplicationID']}\{row['ID']}", "KeyManagementServiceName") == "a.b"
    assert service(machine, "KeyManagementServiceMachine") == {"KeyManagementServiceMachine": None}


@pytest.mark.parametrize(("minutes", "code"), [("14", 0x80070057), ("43201", 0x80070057)])
def test_intervals_have_bounds(minutes: str, code: int) -> None:
    assert provider_code(call_service, machine_of(HOST), "SetVLActivationInterval", ActivationInterval=minutes) == code
    assert provider_code(call_service, machine_of(HOST), "SetVLRenewalInterval", RenewalInterval=minutes) == code


def test_intervals_are_for_hosts_only() -> None:
    # MicrosoftDocs/win32, SppWmi.
    assert provider_code(call_service, machine_of(SERVER), "SetVLActivationInterval", ActivationInterval="120") == 0xC004F039


def test_ports_have_bounds_and_types() -> None:
    machine = machine_of(SERVER)
    assert provider_code(call_service, machine, "SetKeyManagementServicePort", PortNumber="65536") == 0x80070057
    with pytest.raises(CimError) as caught:
        call_service(machine, "SetKeyManagementServicePort", PortNumber="http")
    assert caught.value.kind == "invalid_parameter"


def test_each_start_gives_the_service_another_process() -> None:
    machine = machine_of(SERVER)
    first = sppsvc(machine)["ProcessId"]
    call(machine, "StopService")
    call(machine, "StartService")
    assert sppsvc(machine)["ProcessId"] not in (first, 0)


def test_a_service_that_others_ask_for_is_never_seen_stopped() -> None:
    machine = machine_of({**SERVER, "sppsvc_wanted": True})
    first = sppsvc(machine)["ProcessId"]
    assert call(machine, "StopService") == 0
    assert sppsvc(machine)["State"] == "Running"
    assert sppsvc(machine)["ProcessId"] != first
    assert call(machine, "StartService") == 10


def test_a_read_of_the_licensing_classes_that_meets_a_restart_fails_once_and_other_classes_are_not_met() -> None:
    machine = machine_of({**SERVER, "sppsvc_interrupted": [{"code": 0x800706BA}]})
    assert sppsvc(machine)["State"] == "Running"
    assert provider_code(product, machine) == 0x800706BA
    assert product(machine)["LicenseStatus"] == 2


@pytest.mark.parametrize("executed", [False, True])
def test_a_method_that_meets_a_restart_is_broken_off_before_or_after_it_was_carried_out(executed: bool) -> None:
    machine = machine_of(SERVER)
    version = str(service(machine, "Version")["Version"])
    machine.change(sppsvc_interrupted=[{"code": 0x800706BE, "executed": executed}])
    with pytest.raises(CimError) as caught:
        machine.cim.invoke(CIMV2, "SoftwareLicensingService", {"Version": version}, "ClearProductKeyFromRegistry", {})
    assert (caught.value.kind, caught.value.code) == ("provider", 0x800706BE)
    assert (machine.registry.text(SPP, "BackupProductKeyDefault") is None) is executed
