# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import typing as t

import pytest

from tests.lab.model import schema
from tests.lab.model.cim import Result
from tests.lab.model.errors import CimError
from tests.lab.model.machine import Machine
from tests.unit.lab.model.support import CIMV2, DESKTOP, HOST, REGISTRY, SERVER, STANDARD, call_service, events, machine_of, service

RULE_KEYS = {"PolicyRuleName": "", "SystemCreationClassName": "", "SystemName": ""}


def refusal(call: t.Callable[..., t.Any], *arguments: t.Any) -> str:
    with pytest.raises(CimError) as caught:
        call(*arguments)
    return caught.value.kind


def rules(machine: Machine, where: str = "InstanceID LIKE 'SPPSVC%'") -> Result:
    return machine.cim.query(STANDARD, f"SELECT * FROM MSFT_NetFirewallRule WHERE {where}")


@pytest.mark.parametrize(
    ("windows", "column", "there"),
    [
        # microsoft/wmi, classes generated from Server 2019 and 23H2; version gates of TR (dn502536).
        ("server-2012-standard", "ProductKeyChannel", False),
        ("server-2012-standard", "KeyManagementServiceLookupDomain", True),
        ("server-2012-standard", "AutomaticVMActivationHostMachineName", False),
        ("server-2012-r2-standard", "ProductKeyChannel", True),
        ("windows-11-enterprise", "ProductKeyChannel", True),
    ],
)
def test_a_column_that_the_build_lacks_makes_the_query_invalid(windows: str, column: str, there: bool) -> None:
    machine = machine_of({"name": "m", "windows": windows})
    text = f"SELECT ID, {column} FROM SoftwareLicensingProduct"
    if there:
        assert machine.cim.query(CIMV2, text).columns == ["ID", column]
    else:
        assert refusal(machine.cim.query, CIMV2, text) == "invalid_columns"
        assert refusal(machine.cim.query, CIMV2, f"SELECT ID FROM SoftwareLicensingProduct WHERE {column} = 'x'") == "invalid_columns"


def test_subscription_columns_are_on_23h2_and_newer_only() -> None:
    text = "SELECT SubscriptionStatus FROM SoftwareLicensingService"
    assert machine_of({"name": "m", "windows": "windows-11-pro"}).cim.query(CIMV2, text).rows == [{"SubscriptionStatus": 0xFFFFFFFF}]
    assert refusal(machine_of({"name": "m", "windows": "server-2022-standard"}).cim.query, CIMV2, text) == "invalid_columns"


def test_requests_that_cannot_be_answered_say_why() -> None:
    cim = machine_of(SERVER).cim
    assert refusal(cim.query, "root/nowhere", "SELECT * FROM Win32_Service") == "invalid_namespace"
    assert refusal(cim.query, CIMV2, "SELECT * FROM NoSuchClass") == "invalid_class"
    assert refusal(cim.query, REGISTRY, "SELECT * FROM Win32_Service") == "invalid_class"
    assert refusal(cim.query, CIMV2, "SELECT Nothing FROM Win32_Service") == "invalid_columns"
    assert refusal(cim.get, CIMV2, "Win32_Service", {"Name": "none"}) == "not_found"
    assert refusal(cim.get, CIMV2, "Win32_Service", {"State": "Running"}) == "invalid_selectors"
    assert refusal(cim.get, CIMV2, "Win32_Service", {}) == "missing_selectors"
    # Not a singleton: it is addressed by its Version (slmgr.vbs reads that first).
    assert refusal(cim.get, CIMV2, "SoftwareLicensingService", {}) == "missing_selectors"
    assert refusal(cim.invoke, CIMV2, "Win32_Service", {"Name": "sppsvc"}, "Explode", {}) == "invalid_method"
    assert refusal(cim.invoke, CIMV2, "Win32_Service", {"Name": "sppsvc"}, "StartService", {"x": "1"}) == "invalid_parameter"
    assert refusal(call_service, machine_of(SERVER), "InstallProductKey") == "invalid_parameter"


def test_a_method_that_the_lab_does_not_model_is_an_error_and_not_a_success() -> None:
    with pytest.raises(CimError) as caught:
        call_service(machine_of(SERVER), "ReArmWindows")
    assert (caught.value.kind, caught.value.code) == ("invalid_method", 0x80041055)


def test_access_denied_to_a_namespace() -> None:
    machine = machine_of({**SERVER, "access_denied": ["root/standardcimv2"]})
    assert refusal(rules, machine) == "access_denied"
    assert service(machine, "Version")


def test_a_call_can_be_made_to_fail_before_it_does_anything() -> None:
    machine = machine_of({**SERVER, "failing": {"SoftwareLicensingService.InstallProductKey": 0x8007000D}})
    before = machine.state()
    with pytest.raises(CimError) as caught:
        call_service(machine, "InstallProductKey", ProductKey="N69G4-B89J2-4G8F4-WWYCC-J464C")
    assert caught.value.code == 0x8007000D
    assert machine.state() == before


def test_operating_system_is_a_singleton_with_the_facts_of_its_windows() -> None:
    machine = machine_of({**DESKTOP, "clock_offset_seconds": 90, "utc_offset_minutes": 60})
    (row,) = machine.cim.get(CIMV2, "Win32_OperatingSystem", {}).rows
    assert row["Caption"] == "Microsoft Windows 11 Enterprise"
    assert (row["BuildNumber"], row["Version"], row["OperatingSystemSKU"], row["ProductType"]) == ("26100", "10.0.26100", 4, 1)
    assert row["CSName"] == "PC01"
    assert row["LocalDateTime"] == datetime.datetime(2026, 3, 2, 8, 1, 30, tzinfo=datetime.UTC)
    assert isinstance(row["LocalDateTime"], datetime.datetime) and row["LocalDateTime"].utcoffset() == datetime.timedelta(hours=1)


def test_select_star_and_get_return_every_column_of_the_build() -> None:
    machine = machine_of(SERVER)
    version = str(service(machine, "Version")["Version"])
    result = machine.cim.get(CIMV2, "SoftwareLicensingService", {"Version": version})
    assert result.columns is None
    assert result == machine.cim.query(CIMV2, "SELECT * FROM SoftwareLicensingService")
    assert set(result.rows[0]) == {member.name for member in schema.cim_class("SoftwareLicensingService").columns(20348).values()}


@pytest.mark.parametrize(
    "name", ["SoftwareLicensingService", "SoftwareLicensingProduct", "Win32_OperatingSystem", "Win32_Service", "Win32_NTLogEvent"]
)
@pytest.mark.parametrize("windows", ["server-2012-standard", "server-2022-datacenter", "windows-11-pro"])
def test_values_have_the_types_of_the_schema(name: str, windows: str) -> None:
    machine = machine_of({"name": "m", "windows": windows, "events": [{"log": "Application", "id": 900, "strings": ["x"]}]})
    check_types(machine, CIMV2, name)


def test_firewall_values_have_the_types_of_the_schema() -> None:
    check_types(machine_of(DESKTOP), STANDARD, "MSFT_NetFirewallRule")
    check_types(machine_of(DESKTOP), STANDARD, "MSFT_NetProtocolPortFilter")


def check_types(machine: Machine, namespace: str, name: str) -> None:
    python = {"string": str, "boolean": bool, "datetime": datetime.datetime}
    rows = machine.cim.query(namespace, f"SELECT * FROM {name}").rows
    assert rows
    for row in rows:
        for column, value in row.items():
            cim_type = schema.property_type(name, column)
            items = value if cim_type.endswith("[]") else [value]
            for item in items if isinstance(items, list) else []:
                expected = python.get(cim_type.removesuffix("[]"), int)
                assert item is None or type(item) is expected, (column, cim_type, value)
                if expected is int and isinstance(item, int):
                    bits = int(cim_type.removesuffix("[]").lstrip("usint"))
                    assert -(2 ** (bits - 1)) <= item < 2**bits


def test_events_come_newest_first_and_by_time() -> None:
    rows = [{"log": "Application", "id": 12288, "minutes_ago": minutes, "strings": [str(minutes)]} for minutes in (10, 30, 20)]
    machine = machine_of({**SERVER, "events": rows})
    assert [event["InsertionStrings"] for event in events(machine, 12288)] == [["10"], ["20"], ["30"]]
    found = machine.cim.query(
        CIMV2, "SELECT InsertionStrings FROM Win32_NTLogEvent WHERE Logfile='Application' AND TimeGenerated >= '20260302073500.000000+000'"
    )
    assert [row["InsertionStrings"] for row in found.rows] == [["10"], ["20"]]


def test_a_full_log_takes_no_more_records() -> None:
    machine = machine_of({**HOST, "full_logs": ["Application"]})
    assert events(machine, 12294) == []


@pytest.mark.parametrize(
    ("windows", "profiles"),
    [
        ("server-2022-standard", {"SPPSVC-In-TCP": 0}),
        # Client Windows has two (rule set of a Windows 11).
        ("windows-11-pro", {"SPPSVC-In-TCP": 6, "SPPSVC-In-TCP-NoScope": 1}),
    ],
)
def test_the_kms_firewall_rules_are_there_and_disabled(windows: str, profiles: dict[str, int]) -> None:
    machine = machine_of({"name": "m", "windows": windows})
    rows = rules(machine).rows
    assert {row["InstanceID"]: row["Profiles"] for row in rows} == profiles
    assert {row["Enabled"] for row in rows} == {2}
    assert not machine.firewall_allows(1688)


def test_enable_and_disable_of_a_firewall_rule_answer_with_nothing() -> None:
    machine = machine_of(SERVER)
    keys = {"CreationClassName": "MSFT|FW|FirewallRule|SPPSVC-In-TCP", **RULE_KEYS}
    assert machine.cim.invoke(STANDARD, "MSFT_NetFirewallRule", keys, "Enable", {}) == {}
    assert [row["Enabled"] for row in rules(machine, "Enabled = 1 AND InstanceID = 'SPPSVC-In-TCP'").rows] == [1]
    assert machine.firewall_allows(1688)
    assert not machine.firewall_allows(1689)
    assert machine.cim.invoke(STANDARD, "MSFT_NetFirewallRule", keys, "Disable", {}) == {}
    assert not machine.firewall_allows(1688)


def test_the_port_of_a_rule_is_found_by_its_association() -> None:
    machine = machine_of(SERVER)
    keys = {"CreationClassName": "MSFT|FW|FirewallRule|SPPSVC-In-TCP", **RULE_KEYS}
    found = machine.cim.associated(
        STANDARD, "MSFT_NetFirewallRule", keys, "MSFT_NetFirewallRuleFilterByProtocolPort", "MSFT_NetProtocolPortFilter"
    )
    assert [(row["Protocol"], row["LocalPort"]) for row in found.rows] == [("TCP", ["1688"])]
    arguments = (STANDARD, "MSFT_NetFirewallRule", keys, "MSFT_NoSuchAssociation", "MSFT_NetProtocolPortFilter")
    assert refusal(machine.cim.associated, *arguments) == "invalid_class"


def test_named_columns_of_firewall_classes_are_refused_because_unproven() -> None:
    assert refusal(machine_of(SERVER).cim.query, STANDARD, "SELECT InstanceID FROM MSFT_NetFirewallRule") == "invalid_query"


def test_policy_can_make_windows_ignore_the_local_rules() -> None:
    # MS-GPFAS 2.2.3.13: AllowLocalPolicyMerge.
    value = {
        "key": r"SOFTWARE\Policies\Microsoft\WindowsFirewall\DomainProfile",
        "name": "AllowLocalPolicyMerge",
        "type": "REG_DWORD",
        "data": 0,
    }
    assert machine_of({**SERVER, "firewall_exception": True}).firewall_allows(1688)
    assert not machine_of({**SERVER, "firewall_exception": True, "registry": [value]}).firewall_allows(1688)


def test_a_block_rule_wins() -> None:
    block = {"name": "Block KMS", "port": 1688, "block": True}
    assert not machine_of({**SERVER, "firewall_exception": True, "firewall_rules": [block]}).firewall_allows(1688)


def test_a_client_windows_in_the_domain_needs_the_rule_for_the_domain() -> None:
    machine = machine_of(DESKTOP)
    for name, allowed in (("SPPSVC-In-TCP", False), ("SPPSVC-In-TCP-NoScope", True)):
        keys = {"CreationClassName": f"MSFT|FW|FirewallRule|{name}", **RULE_KEYS}
        machine.cim.invoke(STANDARD, "MSFT_NetFirewallRule", keys, "Enable", {})
        assert machine.firewall_allows(1688) is allowed


def test_whoever_listens_is_told_after_a_call_that_may_change_something() -> None:
    machine = machine_of(HOST)
    told: list[int | None] = []
    machine.on_change = lambda changed: told.append(changed.listening())
    machine.cim.query(CIMV2, "SELECT * FROM Win32_Service")
    assert told == []
    machine.cim.invoke(CIMV2, "Win32_Service", {"Name": "sppsvc"}, "StopService", {})
    machine.cim.query(CIMV2, "SELECT Version FROM SoftwareLicensingService")
    assert told == [None, 1688]
