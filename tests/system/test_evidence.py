# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of event logs and of the way to a KMS host, on machines whose logs are large, full, closed or not there, over both backends.

A PowerShell run costs seconds, so there is one play, and what it came to is looked at from all sides. That both backends tell the same of records and of the
way is in test_backends.py.
"""

from __future__ import annotations

import datetime
import json
import pathlib

import pytest

from tests.system.ansible_runs import Json, Lab, Run
from tests.system.conftest import StartLab

KMS_LOG = "Key Management Service"
HOST_KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
CMID = "b1c2d3e4-f5a6-4b7c-8d9e-0f1a2b3c4d5e"
SKU = "ef6cfc9f-8c5d-44ac-9aad-de6a2ea0ae03"
NOT_FOUND = "0x8007232B"
REMEMBERED = 30


def request(minutes_ago: int, code: str = NOT_FOUND) -> Json:
    text = f"{code}, 0x01000000, kms09.corp.example:1688, {CMID}, 2026/11/24 07:59, 1, 2, 43000, {SKU}, 25"
    return {"log": "Application", "id": 12288, "minutes_ago": minutes_ago, "strings": [text]}


def served(number: int) -> Json:
    strings = ["", "0x0", "25", f"pc{number:03}.corp.example", CMID, "2026/11/24 07:59", "1", "2", "43000", SKU]
    return {"log": KMS_LOG, "id": 12290, "minutes_ago": 1 + number // 10, "strings": strings, "source": "KmsRequests"}


ESTATE: Json = {
    "estate": {"domain": "corp.example", "zones": ["empty.example"]},
    "keys": [{"key": HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2022"}],
    "machines": [
        {
            "name": "kms01",
            "windows": "server-2022-datacenter",
            "key": HOST_KEY,
            "licensed": True,
            "firewall_exception": True,
            "remembered_clients": REMEMBERED,
            "events": [served(number) for number in range(600)],
        },
        {
            "name": "pc01",
            "windows": "windows-11-enterprise",
            "key": "gvlk",
            "kms_machine": {"name": "kms09.corp.example", "level": "machine"},
            "suffix_search_list": ["empty.example"],
            "events": [
                request(3),
                request(2 * 24 * 60),
                {"log": "Application", "id": 1040, "minutes_ago": 2, "strings": ["an installer"], "source": "MsiInstaller"},
                # Between the ids that are wanted, so that a range brings it along.
                {"log": "Application", "id": 1026, "minutes_ago": 2, "strings": ["a crash"], "source": ".NET Runtime"},
                {"log": "Application", "id": 8198, "minutes_ago": 1, "strings": ["hr=0xC004F074", f"RuleId=x;Action=y;SkuId={SKU}"]},
            ],
        },
        {
            "name": "pc02",
            "windows": "windows-11-enterprise",
            "key": "gvlk",
            "events": [request(3)],
            "denied_logs": ["Application"],
            "missing_logs": [KMS_LOG],
        },
    ],
}


@pytest.fixture(scope="module")
def lab(start_lab: StartLab) -> Lab:
    """The estate above."""
    return start_lab(ESTATE)


@pytest.fixture(scope="module")
def run(lab: Lab) -> Run:
    """Each machine read once, by the way that it is about; the task's name is that of its machine."""
    lab.client.change("kms01", full_logs=["Application"])
    plays = [
        (
            "pc01",
            {"activation.kms.activation_info": {"events": True, "discovery": True, "facts_path": "{{ playbook_dir }}/evidence.jsonl"}},
        ),
        ("pc02", {"activation.kms.event_info": {}}),
        ("kms01", {"activation.kms.event_info": {"backend": "powershell", "limit": 100, "budget": 120, "logs": ["Application", KMS_LOG]}}),
    ]
    return lab.playbook([{"hosts": name, "gather_facts": False, "tasks": [{"name": name, **task}]} for name, task in plays]).succeed()


@pytest.fixture(scope="module")
def calls(run: Run, lab: Lab) -> list[Json]:
    """What reached the machines until then."""
    assert run.rc == 0
    return lab.calls()


def events_of(run: Run, machine: str) -> Json:
    result = run.one(machine).result
    events: Json = result["events"] if "events" in result else result["activation"]["events"]
    return events


def address_of(lab: Lab, machine: str) -> str:
    return str(lab.client.machine(machine)["machine"]["address"])


def log_of(events: Json, name: str) -> Json:
    (found,) = (row for row in events["logs"] if row["log"] == name)
    return dict(found)


@pytest.mark.powershell
@pytest.mark.wsman
def test_more_than_fifty_ids_are_asked_for_at_once_and_what_is_of_other_programs_stays_out(run: Run, calls: list[Json]) -> None:
    """The lab refuses a query with more than 22 comparisons of ids, as some versions of Windows do."""
    events = events_of(run, "pc01")
    # The one of two days ago is older than what was asked for.
    assert [one["event_id"] for one in events["records"]] == [8198, 12288]
    sent = events["records"][1]
    assert (sent["code"]["code"], sent["fields"]["host"], sent["computer"]) == (NOT_FOUND, "kms09.corp.example", "pc01.corp.example")
    assert log_of(events, "Application")["complete"] is True
    own = [call for call in calls if call["machine"] == "pc01"]
    queries = [call["query"] for call in own if call["operation"] == "Events" and "EventID" in call["query"]]
    assert len(queries) == 2, "one search of each log"
    assert not any(call["cim_class"] == "Win32_NTLogEvent" for call in own), "and none over CIM beside it"


@pytest.mark.powershell
@pytest.mark.wsman
def test_a_task_over_wsman_names_both_backends_and_its_facts_line_has_events_and_discovery(run: Run, lab: Lab) -> None:
    result = run.one("pc01").result
    assert (result["backend"], result["backends"]) == ("wsman", ["wsman", "powershell"])
    (path,) = pathlib.Path(lab.folder).rglob("evidence.jsonl")
    line = json.loads(path.read_text(encoding="utf-8"))
    assert (line["events"], line["discovery"]) == (result["activation"]["events"], result["activation"]["discovery"])


@pytest.mark.powershell
@pytest.mark.wsman
def test_what_the_client_finds_by_itself_is_told_from_what_is_set_on_it(run: Run, lab: Lab) -> None:
    """The host that is set does not exist; the one in DNS answers, and it is the client that says so."""
    view = run.one("pc01").result["activation"]["discovery"]
    assert [(one["domain"], one["status"]) for one in view["domains"]] == [("corp.example", "found"), ("empty.example", "no_name")]
    (record,) = view["domains"][0]["records"]
    assert (record["target"], record["port"]) == ("kms01.corp.example", 1688)
    assert [(one["host"], one["port"], one["source"], one["outcome"], one["code"]) for one in view["endpoints"]] == [
        ("kms09.corp.example", 1688, "configured", "no_address", 9003),
        ("kms01.corp.example", 1688, "srv", "connected", None),
    ]
    assert view["endpoints"][1]["address"] == address_of(lab, "kms01")
    assert view["problems"] == []
    # Nothing but a TCP connection reached the host: it counts no request more.
    assert lab.client.state("kms01")["products"][0]["host"]["total"] == REMEMBERED


@pytest.mark.powershell
@pytest.mark.wsman
def test_a_log_that_is_closed_and_one_that_is_not_there_are_told_and_are_no_failure(run: Run) -> None:
    row = run.one("pc02")
    assert (row.status, row.result["incomplete"]) == ("ok", True)
    events = row.result["events"]
    application, kms = log_of(events, "Application"), log_of(events, KMS_LOG)
    assert application["problem"].startswith(
        "reading the event log Application: Attempted to perform an unauthorized operation (0x80070005 ERROR_ACCESS_DENIED)."
    )
    assert (application["complete"], application["enabled"]) == (False, None)
    assert (kms["complete"], kms["problem"]) == (False, "the machine has no event log of this name")
    assert len(events["problems"]) == 1
    assert events["problems"][0].startswith("The state of the event log Application is not known. ")
    assert "LocalAccountTokenFilterPolicy" in events["problems"][0]
    assert events["records"] == []


@pytest.mark.powershell
def test_a_large_log_gives_its_newest_records_and_says_that_there_are_more_and_a_full_one_that_it_is_full(
    run: Run, calls: list[Json]
) -> None:
    row = run.one("kms01")
    assert (row.result["backend"], row.result["incomplete"]) == ("powershell", True)
    events = row.result["events"]
    served_ones = [one for one in events["records"] if one["log"] == KMS_LOG]
    assert len(served_ones) == 100
    assert {one["fields"]["client"] for one in served_ones} == {f"pc{number:03}.corp.example" for number in range(100)}
    application, kms = log_of(events, "Application"), log_of(events, KMS_LOG)
    assert (kms["complete"], kms["mode"], kms["full"], kms["records"], kms["enabled"]) == (False, "circular", False, 600, True)
    oldest = datetime.datetime.fromisoformat(kms["oldest_record_at"])
    assert 59 <= (datetime.datetime.fromisoformat(events["collected_at"]) - oldest).total_seconds() / 60 <= 63
    assert (application["mode"], application["full"], application["about_to_overwrite"]) == ("retain", True, False)
    assert application["file_bytes"] == application["maximum_bytes"] == 20 * 1024 * 1024
    # The reader hands records out 64 at a time, and nobody asked for more than were wanted.
    pages = [call for call in calls if call["machine"] == "kms01" and str(call["query"]).startswith(f"{KMS_LOG}: *[System")]
    assert len(pages) == 2


@pytest.mark.wsman
def test_a_search_that_takes_too_long_is_given_up_and_called_incomplete(lab: Lab) -> None:
    """The machine is told how long it may search, and says that it was not enough; the lab says so at once."""
    lab.client.fault("fault", "pc01", operation="Enumerate", cim_class="Win32_NTLogEvent")
    asked = {"log_state": False, "logs": ["Application"], "budget": 7}
    before = lab.last_call()
    result = lab.module("pc01", "event_info", asked).result
    lab.client.clear_faults()
    # Create and Delete are the connection plugin's own shell: without the state of the logs no PowerShell is started.
    assert [call["operation"] for call in lab.calls("pc01", before)] == ["Create", "Enumerate", "Delete"]
    assert (result["incomplete"], result["events"]["records"]) == (True, [])
    assert log_of(result["events"], "Application")["complete"] is False
    assert result["events"]["problems"][0].startswith("The event log Application was not read to its end")


@pytest.mark.wsman
def test_where_no_powershell_answers_the_records_come_over_cim(lab: Lab) -> None:
    lab.client.fault("fault", "pc01", operation="Command", times=None)
    result = lab.module("pc01", "event_info").result
    lab.client.clear_faults()
    assert {one["event_id"] for one in result["events"]["records"]} == {8198, 12288}
    assert (result["backend"], result.get("backends"), result["incomplete"]) == ("wsman", None, False)
    assert [row["enabled"] for row in result["events"]["logs"]] == [None, None]
    assert result["events"]["problems"][0].startswith("The state of the event logs is not known. ")


@pytest.mark.wsman
def test_endpoints_are_tried_from_where_the_task_runs_and_wait_for_what_answers(lab: Lab) -> None:
    """The lab is on loopback: what the controller sees there is what the machines see."""
    address = address_of(lab, "kms01")
    probe = {"activation.kms.endpoint_info": {"endpoints": [f"{address}:1688", {"host": address, "port": 1689}], "seen_from": "controller"}}
    run = lab.tasks("localhost", [{"name": "probe", **probe, "check_mode": True}], play={"connection": "local"}).succeed()
    result = run.one(task="probe").result
    assert [(one["outcome"], one["address"], one["seen_from"]) for one in result["endpoints"]] == [
        ("connected", address, "controller"),
        ("refused", address, "controller"),
    ]
    assert (result["reachable"], result["changed"]) == (False, False)
    assert result["msg"].startswith(f"{address}:1689 refuses connections from controller")
