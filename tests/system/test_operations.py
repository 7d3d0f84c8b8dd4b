# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation of the interface, carried out by both backends on the same machines: the same values, of the same types, and the same errors.

Here are the operations that no module uses yet (event logs, the machine's own resolver and TCP connections, associations, registry writes) and values
of every kind that the registry and the classes can hold. What modules make of it all is compared in test_backends.py.
"""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from ansible_collections.activation.kms.plugins.plugin_utils._windows.classes import CLASSES

from tests.system.ansible_runs import Json, Lab
from tests.system.conftest import StartLab
from tests.unit.plugins.plugin_utils._windows.strategies import AWKWARD

pytestmark = [pytest.mark.powershell, pytest.mark.wsman]

START = "2026-11-25T08:00:00+00:00"
KEY = r"SOFTWARE\Lab"
HOST, CLIENT, OLD = "kms01", "pc01", "old01"
MACHINES = (HOST, CLIENT, OLD)


def every_character() -> list[str]:
    """Return texts that have a character of every 97 that XML 1.0 can carry (W3C: XML 1.0, production 2), those beyond the first plane included."""
    points = [point for point in range(0x20, 0x110000, 97) if not 0xD800 <= point <= 0xDFFF and point not in (0xFFFE, 0xFFFF)]
    return ["".join(map(chr, points[start : start + 500])) for start in range(0, len(points), 500)]


TEXTS = [*AWKWARD, *every_character()]
LISTS: list[list[str]] = [[], ["one"], ["one", "", "three"], TEXTS[:8]]
NUMBERS = [0, 1, 2**31, 2**32 - 1]

REGISTRY: list[Json] = [
    *({"key": KEY, "name": f"text{number}", "type": "REG_SZ", "data": text} for number, text in enumerate(TEXTS)),
    *({"key": KEY, "name": f"list{number}", "type": "REG_MULTI_SZ", "data": texts} for number, texts in enumerate(LISTS)),
    *({"key": KEY, "name": f"number{number}", "type": "REG_DWORD", "data": value} for number, value in enumerate(NUMBERS)),
    {"key": KEY, "name": "expanded", "type": "REG_EXPAND_SZ", "data": r"%SystemRoot%\System32"},
]
EVENTS = [
    {
        "log": "Application",
        "id": 12288,
        "minutes_ago": minutes,
        "strings": [f"0x0, 0x0, kms0{minutes}.corp.example:1688, Gr\u00fc\u00dfe, {minutes}"],
    }
    for minutes in range(1, 60)
] + [{"log": "Application", "id": 8198, "minutes_ago": 5, "strings": ["no business of ours"]}]

ESTATE: Json = {
    "estate": {
        "domain": "corp.example",
        "start": START,
        "srv_records": [{"target": "kms09.corp.example", "address": "192.0.2.9", "priority": 5, "weight": 7}],
    },
    "keys": [{"key": "LABHK-ZEROA-ISLEO-USUAL-0A1Z5", "channel": "kms_host", "csvlk": "Windows Server 2022"}],
    "machines": [
        {
            "name": HOST,
            "windows": "server-2022-datacenter",
            "key": "LABHK-ZEROA-ISLEO-USUAL-0A1Z5",
            "licensed": True,
            "firewall_exception": True,
            "remembered_clients": 30,
        },
        {
            "name": CLIENT,
            "windows": "windows-11-enterprise",
            "key": "gvlk",
            "kms_machine": {"name": "kms01.corp.example"},
            "registry": REGISTRY,
            "events": EVENTS,
            "access_denied": ["root/standardcimv2"],
        },
        {"name": OLD, "windows": "windows-8.1-enterprise", "key": "gvlk", "language": 2052},
    ],
}


def do(operation: str, **more: t.Any) -> Json:
    """Return an operation for the action plugin lab_operations: a class of the interface, with its fields."""
    return {"do": operation, **more}


VALUES: list[tuple[Json, t.Any]] = [
    *((do("RegistryValue", key=KEY, name=f"text{n}"), text) for n, text in enumerate(TEXTS)),
    *((do("RegistryValue", key=KEY, name=f"list{n}", kind="REG_MULTI_SZ"), texts) for n, texts in enumerate(LISTS)),
    *((do("RegistryValue", key=KEY, name=f"number{n}", kind="REG_DWORD"), value) for n, value in enumerate(NUMBERS)),
    (do("RegistryValue", key=KEY, name="expanded", kind="REG_EXPAND_SZ"), r"C:\Windows\System32"),
    (do("RegistryValue", key=KEY, name="nothing"), None),
    (do("RegistryValue", key=KEY + r"\Nowhere", name="nothing"), None),
]
"""Reads of the client's registry, each with what the estate file put there."""


def every_column() -> list[Json]:
    """Return a query of every column of every class that has rows; a registry has none, and events have an operation of their own."""
    named = {
        name: spec for name, spec in CLASSES.items() if spec.properties and name not in ("Win32_NTLogEvent", "MSFT_NetProtocolPortFilter")
    }
    condition = {"SoftwareLicensingProduct": "PartialProductKey IS NOT NULL", "MSFT_NetFirewallRule": "InstanceID = 'SPPSVC-In-TCP'"}
    return [do("Query", cim_class=name, columns=list(spec.properties), where=condition.get(name)) for name, spec in named.items()]


def events(log: str, ids: t.Sequence[int], **more: t.Any) -> Json:
    return do("Events", log=log, event_ids=list(ids), since="2026-11-25T07:00:00+00:00", **more)


OPERATIONS: list[Json] = [
    *every_column(),
    events("Application", (12288, 12289), limit=20),
    events("Application", (12288, 8198), limit=100),
    events("Key Management Service", (12290,)),
    events("Application", (12345,)),
    do("Query", cim_class="Win32_Service", columns=["Name"], where="Nowhere = 1"),
    do("RegistryValue", key=KEY, name="text0", kind="REG_DWORD"),
]
FILTER = do(
    "Associated",
    cim_class="MSFT_NetProtocolPortFilter",
    columns=["Protocol", "LocalPort"],
    of_class="MSFT_NetFirewallRule",
    of_keys="{{ rule }}",
    through="MSFT_NetFirewallRuleFilterByProtocolPort",
)
VIEWS: list[Json] = [
    do("Resolve", name="_vlmcs._tcp.corp.example", record_type="SRV"),
    do("Resolve", name="kms01.corp.example", record_type="A"),
    do("Resolve", name="kms01.corp.example", record_type="SRV"),
    do("Resolve", name="nowhere.corp.example", record_type="A"),
    do("Connect", host="kms01.corp.example", port=1688, timeout_seconds=5),
    do("Connect", host="kms01.corp.example", port=1689, timeout_seconds=5),
    do("Connect", host="nowhere.corp.example", port=1688, timeout_seconds=5),
    do("EventLogState", log="Application"),
    do("EventLogState", log="Nowhere"),
    # With its state in the same list the log is read by PowerShell, too.
    events("Application", (8198,)),
]
"""What only a program on the machine sees: PowerShell answers with either backend."""

HKLM = 0x80000002


def write(method: str, name: str, **value: t.Any) -> Json:
    return do("Invoke", cim_class="StdRegProv", method=method, arguments={"hDefKey": HKLM, "sSubKeyName": KEY, "sValueName": name, **value})


WRITTEN = [
    ("SetStringValue", "sValue", "REG_SZ", "\"Gr\u00fc\u00dfe\" <&> 'x' \u4f60\u597d \U0001f600 "),
    ("SetDWORDValue", "uValue", "REG_DWORD", 2**32 - 1),
]
WRITES: list[Json] = [
    *(write(method, f"written_{method}", **{argument: value}) for method, argument, _kind, value in WRITTEN),
    *(do("RegistryValue", key=KEY, name=f"written_{method}", kind=kind) for method, _argument, kind, _value in WRITTEN),
    write("DeleteValue", "written_SetStringValue"),
    do("RegistryValue", key=KEY, name="written_SetStringValue"),
    write("DeleteValue", "written_SetStringValue"),
]

PLUGINS = {"ANSIBLE_ACTION_PLUGINS": str(pathlib.Path(__file__).with_name("action_plugins"))}


def task(name: str, backend: str, operations: list[Json]) -> Json:
    return {"name": f"{name} over {backend}", "lab_operations": {"backend": backend, "operations": operations}, "ignore_errors": True}


def rule_keys(lab: Lab) -> Json:
    """Return the keys of the host's rule for KMS."""
    names = list(CLASSES["MSFT_NetFirewallRule"].keys)
    query = do("Query", cim_class="MSFT_NetFirewallRule", columns=names, where="InstanceID = 'SPPSVC-In-TCP'")
    run = lab.tasks(HOST, [task("rule", "wsman", [query])], env=PLUGINS).succeed()
    return t.cast(Json, run.one(HOST).result["results"][0]["value"][0])


@pytest.fixture(scope="module")
def told(start_lab: StartLab) -> t.Callable[[str, str, str], list[Json]]:
    """A function that gives what a task came to: its name, the backend, the machine."""
    lab: Lab = start_lab(ESTATE)
    plays = []
    for backend in ("wsman", "powershell"):
        plays += [
            {"hosts": ",".join(MACHINES), "gather_facts": False, "tasks": [task("operations", backend, OPERATIONS)]},
            {
                "hosts": CLIENT,
                "gather_facts": False,
                "tasks": [
                    task("values", backend, [row for row, _value in VALUES]),
                    task("views", backend, VIEWS),
                    task("writes", backend, WRITES),
                ],
            },
            {"hosts": HOST, "gather_facts": False, "vars": {"rule": rule_keys(lab)}, "tasks": [task("filter", backend, [FILTER])]},
        ]
    run = lab.playbook(plays, env=PLUGINS)

    def of(name: str, backend: str, machine: str) -> list[Json]:
        row = run.one(machine, f"{name} over {backend}")
        assert row.status == "ok", row.result
        return t.cast("list[Json]", row.result["results"])

    return of


def test_every_column_of_every_class_is_the_same_over_both(told) -> None:
    for machine in MACHINES:
        queries = len(every_column())
        over_wsman, over_powershell = (told("operations", backend, machine)[:queries] for backend in ("wsman", "powershell"))
        for query, one, other in zip(every_column(), over_wsman, over_powershell, strict=True):
            assert without_words(one) == without_words(other), f"{query['cim_class']} of {machine}"
            # A class whose rows nobody saw proves nothing.
            assert one.get("value") or one.get("error"), f"{query['cim_class']} of {machine}"


def without_words(result: Json) -> Json:
    """Return a result without the detail of its error: the words of WinRM's fault in one, those of the cmdlet's error in the other."""
    return {"error": {name: text for name, text in result["error"].items() if name != "detail"}} if "error" in result else result


INVALID_QUERY = {
    "wsman": "0x8033801A",
    "powershell": "0x80041017",
}
"""A query that is none has a code of each way's own on Windows, too: WinRM judges the filter itself (ERROR_WSMAN_ENUMERATE_CANNOT_PROCESS_FILTER), WMI calls
it WBEM_E_INVALID_QUERY. No module of ours sends one."""


def test_what_was_denied_and_what_is_of_another_kind_has_the_same_code_over_both(told) -> None:
    # The client's account may not read the firewall; the last two operations are a column that is none and a value of another kind.
    for backend in ("wsman", "powershell"):
        results = told("operations", backend, CLIENT)
        firewall = [query["cim_class"] for query in every_column()].index("MSFT_NetFirewallRule")
        assert results[firewall]["error"]["symbol"] in ("WBEM_E_ACCESS_DENIED", "E_ACCESSDENIED"), backend
        assert "LocalAccountTokenFilterPolicy" in results[firewall]["error"]["next_step"], backend
        assert [result["error"]["code"] for result in results[-2:]] == [INVALID_QUERY[backend], "0x80041005"], backend


def test_values_of_every_kind_come_out_of_the_registry_as_they_are_over_both(told) -> None:
    for backend in ("wsman", "powershell"):
        for (operation, value), result in zip(VALUES, told("values", backend, CLIENT), strict=True):
            assert result == {"value": value}, f"{operation} over {backend}"


def test_records_of_event_logs_are_the_same_over_both_but_for_the_name_of_their_source(told) -> None:
    queries = len(every_column())
    seen = []
    for machine in MACHINES:
        logs = [told("operations", backend, machine)[queries : queries + 4] for backend in ("wsman", "powershell")]
        for log in logs:
            for reading in log:
                for record in reading["value"]["records"]:
                    # Win32_NTLogEvent has the classic source, Get-WinEvent the provider (tests/lab/model/eventlog.py); nothing is decided by it.
                    assert record.pop("source")
        assert logs[0] == logs[1], machine
        seen.append(logs[0])
    first, second, _host, none = (reading["value"] for reading in seen[MACHINES.index(CLIENT)])
    assert (len(first["records"]), first["complete"]) == (20, False)
    assert [record["generated"] for record in first["records"]] == sorted(
        (record["generated"] for record in first["records"]), reverse=True
    )
    assert (len(second["records"]), second["complete"]) == (60, True)
    assert {record["event_id"] for record in second["records"]} == {12288, 8198}
    assert none == {"records": [], "complete": True}


@pytest.mark.parametrize("backend", ["wsman", "powershell"])
def test_the_machines_own_resolver_and_connections_are_seen_with_either_backend(told, backend: str) -> None:
    srv, address, none, unknown, connected, refused, nameless, log, nowhere, records = told("views", backend, CLIENT)
    assert {(row["target"], row["port"], row["priority"], row["weight"]) for row in srv["value"]} == {
        ("kms01.corp.example", 1688, 0, 0),
        ("kms09.corp.example", 1688, 5, 7),
    }
    assert [row["type"] for row in address["value"]] == ["A"]
    assert address["value"][0]["address"].startswith("127.")
    assert none == {"value": []}
    assert unknown["error"]["detail"] == "the name does not exist"
    assert (connected["value"]["outcome"], connected["value"]["address"]) == ("connected", address["value"][0]["address"])
    assert (refused["value"]["outcome"], refused["value"]["code"]) == ("refused", 10061)
    assert nameless["error"]["detail"] == "the name does not exist"
    state = log["value"]
    assert (state["enabled"], state["mode"], state["size_reached"], state["oldest_number"]) == (True, "Circular", False, 1)
    assert (state["records"], state["oldest_at"], state["maximum_bytes"]) == (len(EVENTS), "2026-11-25T07:01:00+00:00", 20 * 1024 * 1024)
    assert nowhere == {"value": None}
    assert [record["source"] for record in records["value"]["records"]] == ["Microsoft-Windows-Security-SPP"]


def test_an_association_leads_to_the_same_rows_over_both(told) -> None:
    results = [told("filter", backend, HOST) for backend in ("wsman", "powershell")]
    assert results == [[{"value": [{"Protocol": "TCP", "LocalPort": ["1688"]}]}]] * 2


def test_registry_values_are_written_and_deleted_by_both(told) -> None:
    for backend in ("wsman", "powershell"):
        results = told("writes", backend, CLIENT)
        count = len(WRITTEN)
        assert results[:count] == [{"value": {}}] * count, backend
        assert results[count : 2 * count] == [{"value": value} for _method, _argument, _kind, value in WRITTEN], backend
        assert results[2 * count : 2 * count + 2] == [{"value": {}}, {"value": None}], backend
        # Deleting what is not there is an error of the registry's own, with its word for it.
        assert results[-1]["error"]["symbol"] == "key not found", backend


STOP_AND_START = [
    {
        "call": {
            "cim_class": "Win32_Service",
            "method": method,
            "namespace": "root/cimv2",
            "outputs": [],
            "writes": writes,
            "keys": [{"name": "Name", "text": "=W32Time"}],
        }
    }
    for method, writes in (("StartService", False), ("InterrogateService", True), ("StartService", True), ("StopService", True))
]
"""A service that runs: starting it fails with 10. Asked for as a read that is no reason to stop, as a write it is."""


@pytest.mark.powershell
def test_the_wrapper_stops_at_the_first_write_that_fails_and_writes_nothing_in_check_mode(start_lab: StartLab) -> None:
    lab = start_lab({"estate": {"domain": "corp.example"}, "machines": [{"name": CLIENT, "windows": "windows-11-enterprise"}]})
    task = {"activation.kms.windows_operations": {"operations": STOP_AND_START}}
    run = lab.tasks(CLIENT, [{**task, "name": "for real"}, {**task, "name": "checked", "check_mode": True}]).succeed()
    for_real = run.one(CLIENT, "for real").result["results"]
    assert for_real == [*({"outputs": {"ReturnValue": [code]}} for code in ("10", "0", "10")), {"skipped": True}]
    checked = run.one(CLIENT, "checked").result["results"]
    assert checked[0] == {"outputs": {"ReturnValue": ["10"]}}
    assert "in check mode; it was not made" in checked[1]["error"]["message"]
    assert checked[2:] == [{"skipped": True}] * 2
    assert [call["method"] for call in lab.calls() if call["via"] == "powershell"] == [
        "StartService",
        "InterrogateService",
        "StartService",
        "StartService",
    ]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_no_class_is_left_out_here(name: str) -> None:
    """A class that comes to classes.yml is compared over both backends, or is named here with where it is."""
    elsewhere = {
        "StdRegProv": "the registry's values",
        "Win32_NTLogEvent": "events",
        "MSFT_NetProtocolPortFilter": "the association",
        "MSFT_NetFirewallRuleFilterByProtocolPort": "the association itself, which has no rows to read",
    }
    assert (name in {query["cim_class"] for query in every_column()}) != (name in elsewhere)


def test_the_estate_file_has_every_value(tmp_path: pathlib.Path) -> None:
    """What YAML could not carry would be compared with itself."""
    assert yaml.safe_load(yaml.safe_dump(ESTATE)) == ESTATE
