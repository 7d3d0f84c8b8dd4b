# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from tests.lab.model.errors import CimError
from tests.lab.model.machine import Machine
from tests.lab.model.wql import Value
from tests.unit.lab.model.support import CIMV2, DESKTOP, REGISTRY, SERVER, SPP, machine_of

HKLM = "2147483650"
VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"


def call(machine: Machine, method: str, key: str, namespace: str = REGISTRY, **arguments: t.Any) -> dict[str, Value]:
    return machine.cim.invoke(namespace, "StdRegProv", {}, method, {"hDefKey": HKLM, "sSubKeyName": key, **arguments})


@pytest.mark.parametrize("namespace", [REGISTRY, CIMV2])
def test_the_facts_of_windows_are_where_windows_has_them(namespace: str) -> None:
    machine = machine_of(DESKTOP)
    assert call(machine, "GetStringValue", VERSION, namespace, sValueName="EditionID") == {"sValue": "Enterprise", "ReturnValue": 0}
    assert call(machine, "GetStringValue", VERSION, namespace, sValueName="CurrentBuildNumber")["sValue"] == "26100"
    assert call(machine, "GetDWORDValue", VERSION, namespace, sValueName="UBR") == {"uValue": 2605, "ReturnValue": 0}
    tcpip = r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
    assert call(machine, "GetStringValue", tcpip, namespace, sValueName="Domain")["sValue"] == "corp.example"
    assert call(machine, "GetStringValue", tcpip, namespace, sValueName="NV Domain")["sValue"] == "corp.example"


def test_the_class_is_in_root_cimv2_only_where_it_was_seen() -> None:
    machine = machine_of({"name": "m", "windows": "server-2012-r2-standard"})
    assert call(machine, "GetStringValue", VERSION, sValueName="EditionID")["ReturnValue"] == 0
    with pytest.raises(CimError) as caught:
        call(machine, "GetStringValue", VERSION, CIMV2, sValueName="EditionID")
    assert caught.value.kind == "invalid_class"


def test_return_values_of_failures() -> None:
    # networkoptix/nx_system_tests, Windows 10, 11, Server 2019; 2 for Get* on a missing key is inferred.
    machine = machine_of(SERVER)
    assert call(machine, "GetStringValue", VERSION, sValueName="NoSuch") == {"sValue": None, "ReturnValue": 1}
    assert call(machine, "GetStringValue", r"SOFTWARE\NoSuch", sValueName="x") == {"sValue": None, "ReturnValue": 2}
    assert call(machine, "GetDWORDValue", VERSION, sValueName="EditionID") == {"uValue": None, "ReturnValue": 0x80041005}
    assert call(machine, "EnumKey", r"SOFTWARE\NoSuch") == {"sNames": None, "ReturnValue": 2}
    assert call(machine, "EnumValues", r"SOFTWARE\NoSuch") == {"sNames": None, "Types": None, "ReturnValue": 2}
    assert call(machine, "DeleteValue", VERSION, sValueName="NoSuch") == {"ReturnValue": 2}
    assert call(machine, "DeleteKey", "SOFTWARE") == {"ReturnValue": 5}
    assert call(machine, "CheckAccess", "NoSuch", uRequired="1") == {"bGranted": False, "ReturnValue": 2}
    assert call(machine, "CheckAccess", VERSION, uRequired="1") == {"bGranted": True, "ReturnValue": 0}


@pytest.mark.parametrize(
    ("kind", "argument", "sent", "read", "number"),
    [
        ("String", "sValue", "text", "text", 1),
        ("ExpandedString", "sValue", r"%SystemRoot%\x", r"C:\Windows\x", 2),
        ("Binary", "uValue", ["1", "255"], [1, 255], 3),
        ("DWORD", "uValue", "4294967295", 4294967295, 4),
        ("MultiString", "sValue", ["a", "b"], ["a", "b"], 7),
        ("QWORD", "uValue", "18446744073709551615", 18446744073709551615, 11),
    ],
)
def test_a_value_is_written_read_listed_and_deleted(kind: str, argument: str, sent: t.Any, read: Value, number: int) -> None:
    machine = machine_of(SERVER)
    key = r"SOFTWARE\Lab\Deep"
    assert call(machine, f"Set{kind}Value", key, sValueName="v", **{argument: sent}) == {"ReturnValue": 2}
    assert call(machine, "CreateKey", key) == {"ReturnValue": 0}
    assert call(machine, f"Set{kind}Value", key, sValueName="v", **{argument: sent}) == {"ReturnValue": 0}
    assert call(machine, f"Get{kind}Value", key.upper(), sValueName="V") == {argument: read, "ReturnValue": 0}
    assert call(machine, "EnumValues", key) == {"sNames": ["v"], "Types": [number], "ReturnValue": 0}
    assert call(machine, "EnumKey", r"SOFTWARE\Lab") == {"sNames": ["Deep"], "ReturnValue": 0}
    assert call(machine, "DeleteValue", key, sValueName="v") == {"ReturnValue": 0}
    assert call(machine, "EnumValues", key) == {"sNames": None, "Types": None, "ReturnValue": 0}
    assert call(machine, "DeleteKey", key) == {"ReturnValue": 0}


def test_arguments_of_a_wrong_type_are_refused_without_repeating_them() -> None:
    for value in ("-1", "4294967296", "text", "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"):
        with pytest.raises(CimError) as caught:
            call(machine_of(SERVER), "SetDWORDValue", SPP, sValueName="v", uValue=value)
        assert caught.value.kind == "invalid_parameter"
        assert value not in str(caught.value)


def test_the_licensing_key_holds_a_full_made_up_key_that_differs_between_machines() -> None:
    found = {
        call(machine_of({**SERVER, "name": name}), "GetStringValue", SPP, sValueName="BackupProductKeyDefault")["sValue"]
        for name in ("a", "b", "a")
    }
    assert len(found) == 2


def test_what_dhcp_gave_and_the_suffixes_are_where_windows_keeps_them() -> None:
    path = r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
    machine = machine_of({**DESKTOP, "domain": None, "dhcp_domain": "dhcp.example", "suffix_search_list": ["a.example", "b.example"]})
    assert [machine.registry.text(path, name) for name in ("DhcpDomain", "SearchList")] == ["dhcp.example", "a.example,b.example"]
    machine.change(suffix_search_list=["c.example"])
    assert machine.registry.text(path, "SearchList") == "c.example"
