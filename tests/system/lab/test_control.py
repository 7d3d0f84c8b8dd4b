# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
import requests

from tests.lab.client import LabClient, LabError

HOST_KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"


def test_the_control_port_wants_its_token(lab: LabClient) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
        answer = requests.get(lab.control + "/machines", headers=headers, timeout=10)
        assert answer.status_code == 401
        assert "token of lab.json" in answer.json()["error"]


def test_every_machine_is_listed_with_its_address(lab: LabClient) -> None:
    rows = {row["name"]: row for row in lab.machines()}
    assert set(rows) == {"kms01", "pc01", "pc02", "pc03", "tls01", "tls02", "odd01"}
    assert len({row["address"] for row in rows.values()}) == len(rows)
    assert rows["kms01"]["fqdn"] == "kms01.corp.example"
    assert lab.address("kms01") == rows["kms01"]["address"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"),
    [
        ("GET", "/nosuch", None, 404, "there is no GET /nosuch"),
        ("GET", "/machines/nobody", None, 404, "no machine 'nobody'"),
        ("POST", "/clock", {"advance_seconds": "soon"}, 400, "number of seconds"),
        ("POST", "/clock", {"advance": 1}, 400, "unknown members advance"),
        ("POST", "/machines/pc01", {"provider_fault_form": "x"}, 400, "one of text, return_value"),
        ("POST", "/machines/pc01", {"no_such_switch": 1}, 400, "no_such_switch"),
        ("POST", "/dns", {"mode": "odd"}, 400, "one of answer"),
        ("POST", "/dns", {"server": "ns9", "stale": True}, 400, "no name server 'ns9'"),
        ("POST", "/dns", {"add": {"name": "x", "type": "A", "text": "no address"}}, 400, "no record that can be written"),
        ("POST", "/dns", {"add": {"name": "x.elsewhere.example.", "type": "A", "text": "127.0.0.1"}}, 400, "none of the lab's zones"),
        ("POST", "/faults", [1], 400, "must be a JSON object"),
        ("GET", "/calls?after=x", None, 400, "number of a call"),
    ],
)
def test_what_the_lab_does_not_take_is_refused_with_the_reason(
    lab: LabClient, method: str, path: str, body: t.Any, status: int, reason: str
) -> None:
    headers = {"Authorization": f"Bearer {lab.description['token']}"}
    answer = requests.request(method, lab.control + path, data=None if body is None else json.dumps(body), headers=headers, timeout=10)
    assert answer.status_code == status
    assert reason in answer.json()["error"]


def test_a_body_that_is_no_json_is_refused(lab: LabClient) -> None:
    headers = {"Authorization": f"Bearer {lab.description['token']}"}
    answer = requests.post(lab.control + "/clock", data=b"{", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()) == (400, {"error": "the body is no JSON"})


def test_the_client_names_what_it_asked_when_the_lab_refuses(lab: LabClient) -> None:
    with pytest.raises(LabError, match="GET /machines/nobody: the lab says 404: there is no machine 'nobody'"):
        lab.machine("nobody")
    with pytest.raises(LabError, match="no machine 'nobody'"):
        lab.address("nobody")


def test_the_client_says_so_when_there_is_no_lab(tmp_path: pathlib.Path) -> None:
    with pytest.raises(LabError, match="no lab runs in"):
        LabClient.of(tmp_path)
    gone = LabClient({"control": "http://127.0.0.1:9", "token": "x"})
    with pytest.raises(LabError, match="no answer from the lab at http://127.0.0.1:9"):
        gone.status()


def test_every_call_is_logged_with_what_it_was_about_and_its_size(lab: LabClient, windows: t.Any) -> None:
    machine = windows(lab, "pc01")
    query = "SELECT Version FROM SoftwareLicensingService"
    answer = machine.query(query)
    (call,) = lab.calls("pc01")
    assert {
        key: call[key] for key in ("machine", "operation", "cim_class", "method", "query", "status", "fault", "scheme", "executed")
    } == {
        "machine": "pc01",
        "operation": "Enumerate",
        "cim_class": "SoftwareLicensingService",
        "method": None,
        "query": query,
        "status": 200,
        "fault": None,
        "scheme": "http",
        "executed": True,
    }
    assert call["bytes_out"] > len(answer.xml)
    assert call["bytes_in"] > 1000
    assert lab.calls("pc02") == []
    machine.query(query)
    assert [later["number"] for later in lab.calls("pc01", after=call["number"])] == [call["number"] + 1]
    lab.reset_calls()
    assert lab.calls() == []


def test_product_keys_are_masked_wherever_they_occur(lab: LabClient, windows: t.Any) -> None:
    machine = windows(lab, "pc01")
    machine.install_key(HOST_KEY)
    machine.query(f"SELECT Name FROM Win32_Service WHERE Name='{HOST_KEY}'")
    logged = json.dumps(lab.calls())
    assert HOST_KEY not in logged
    assert logged.count("*****-0A1Z5") == 2
    states = json.dumps(lab.states())
    assert HOST_KEY not in states


def test_the_clock_moves_by_control_alone(fresh_lab: LabClient) -> None:
    before = fresh_lab.state("pc01")["time"]
    assert fresh_lab.state("pc01")["time"] == before
    fresh_lab.advance(86400)
    after = fresh_lab.state("pc01")["time"]
    assert after[8:10] != before[8:10]


def test_the_model_is_changed_by_hand_with_the_fields_of_an_estate_file(fresh_lab: LabClient) -> None:
    before = fresh_lab.state("pc01")["cmid"]
    wanted = "00000000-1111-4222-8333-444444444444"
    assert fresh_lab.change("pc01", cmid=wanted)["state"]["cmid"] == wanted != before
