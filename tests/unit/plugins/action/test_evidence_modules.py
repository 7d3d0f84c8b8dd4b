# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""event_info, discovery_info and what activation_info embeds: options that are refused, results, and what a part that fails takes along."""

from __future__ import annotations

import json
import types

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.activation.kms.plugins.action import activation_info, discovery_info, event_info
from ansible_collections.activation.kms.plugins.plugin_utils import _action
from ansible_collections.activation.kms.plugins.plugin_utils._windows import errors
from ansible_collections.activation.kms.plugins.plugin_utils._windows.choose import Reached
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import Connect, EventLogState, Resolve

from tests.unit.plugins.plugin_utils._licensing.fake_windows import FakeWindows, event_record, product_row

NAME = "_vlmcs._tcp.corp.example"


class Backend(FakeWindows):
    """One of the two ways to a machine."""

    def __init__(self, backend):
        super().__init__({"SoftwareLicensingProduct": [product_row(KeyManagementServiceMachine="kms01.corp.example")]})
        self.backend = backend
        self.names = {(NAME, "SRV"): [{"target": "kms02.corp.example", "port": 1688, "priority": 0, "weight": 0, "ttl": 60}]}
        self.ports = {("kms01.corp.example", 1688): "timeout", ("kms02.corp.example", 1688): "connected"}
        self.records = [event_record(12288, "0x0, 0x0, kms01:1688")]
        self.broken = None

    def read(self, operations):
        if self.broken is not None:
            self.conversations += 1
            raise self.broken
        if self.backend == "wsman":
            assert not any(isinstance(operation, (Connect, EventLogState, Resolve)) for operation in operations)
        return super().read(operations)


@pytest.fixture
def run(monkeypatch):
    """A function that runs a module with options, on a machine that is reached over wsman; it gives the result and has both ways as attributes."""
    wsman, powershell = Backend("wsman"), Backend("powershell")

    def do(module, **options):
        connection = connection_loader.get("winrm", PlayContext(), None)
        asked = types.SimpleNamespace(
            args=options, action=f"activation.kms.{module}", async_val=0, check_mode=False, diff=False, delegate_to=None
        )
        action = module.ActionModule(asked, connection, None, None, types.SimpleNamespace(template=lambda value: value), None)
        reached = Reached(powershell, wsman, may_change_over=False)
        monkeypatch.setattr(_action, "open_windows", lambda *_args, **_more: reached)
        return action.run(task_vars={"inventory_hostname": "pc01"})

    do.wsman, do.powershell = wsman, powershell
    return do


def test_events_and_the_state_of_their_logs_are_one_powershell_and_nothing_over_cim(run):
    result = run(event_info)
    assert (run.wsman.conversations, run.powershell.conversations) == (0, 1)
    assert (result["backend"], result["backends"]) == ("wsman", ["powershell"])
    assert result["incomplete"] is False
    assert [state["log"] for state in result["events"]["logs"]] == ["Application", "Key Management Service"]
    json.dumps(result["events"])


def test_without_the_state_of_the_logs_no_powershell_is_started(run):
    result = run(event_info, log_state=False, logs=["Application", "Application"])
    assert (run.wsman.conversations, run.powershell.conversations) == (1, 0)
    assert (result["backend"], result.get("backends")) == ("wsman", None)
    assert [state["enabled"] for state in result["events"]["logs"]] == [None]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"budget": 0}, "budget is 0, but it must be between 1 and 600 seconds"),
        ({"hours": 0}, "hours is 0, but it must be between 0.1 and 8784 hours"),
        ({"limit": 100000}, "limit is 100000, but it must be between 1 and 20000 records"),
        ({"event_ids": []}, "event_ids is empty"),
        ({"logs": []}, "logs is empty"),
        ({"event_ids": [12288, 1073754112]}, "1073754112 is no event id"),
        ({"logs": ["Security"]}, "Security"),
    ],
)
def test_options_out_of_range_are_refused_before_the_machine_is_reached_for(run, options, said):
    result = run(event_info, **options)
    assert result["failed"] is True
    assert said in result["msg"]
    assert (run.wsman.conversations, run.powershell.conversations) == (0, 0)


def test_discovery_tries_what_is_set_and_what_records_name_and_reads_what_is_set_over_cim(run):
    result = run(discovery_info, endpoints=["kms03:1689"], timeout=2)
    assert [(one["host"], one["source"], one["outcome"]) for one in result["discovery"]["endpoints"]] == [
        ("kms01.corp.example", "configured", "timeout"),
        ("kms03", "asked", "no_address"),
        ("kms02.corp.example", "srv", "connected"),
    ]
    assert (result["reachable"], result["backend"], result["backends"]) == (True, "wsman", ["wsman", "powershell"])
    assert run.powershell.conversations == 2
    assert result["discovery"]["problems"] == []


def test_discovery_looks_for_records_where_licensing_is_out_of_order(run):
    run.wsman.errors["SoftwareLicensingService"] = errors.FaultError("reading SoftwareLicensingService", "it is disabled", code=0x80070422)
    result = run(discovery_info)
    assert [one["source"] for one in result["discovery"]["endpoints"]] == ["srv"]
    assert result["discovery"]["problems"][0].startswith(
        "What is set on the machine is not known. reading SoftwareLicensingService: it is disabled"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout": 0}, "timeout is 0, but it must be between 1 and 60 seconds"),
        ({"endpoints": ["kms01:"]}, "'kms01:' is no endpoint; write it as host"),
    ],
)
def test_discovery_refuses_what_it_cant_try(run, options, said):
    result = run(discovery_info, **options)
    assert said in result["msg"]
    assert (run.wsman.conversations, run.powershell.conversations) == (0, 0)


def test_activation_info_embeds_both_and_the_facts_line_has_them(run, tmp_path):
    path = tmp_path / "facts.jsonl"
    result = run(activation_info, events=True, discovery=True, facts_path=str(path))
    line = json.loads(path.read_text(encoding="utf-8"))
    assert line["inventory_hostname"] == "pc01"
    for part in ("events", "discovery"):
        assert line[part] == json.loads(json.dumps(result["activation"][part]))
    assert [one["outcome"] for one in line["discovery"]["endpoints"]] == ["timeout", "connected"]
    assert (result["backend"], result["backends"]) == ("wsman", ["wsman", "powershell"])
    # One for the logs, two for the view; what is set was read over CIM, with the domains in the same list.
    assert run.powershell.conversations == 3


def test_activation_info_starts_no_powershell_unless_it_is_asked_to(run):
    result = run(activation_info)
    assert run.powershell.conversations == 0
    assert not {"events", "discovery"} & set(result["activation"])


def test_a_powershell_that_does_not_answer_takes_no_facts_away(run):
    run.powershell.broken = errors.BadReplyError("reading on the machine", "PowerShell ended without an answer")
    result = run(activation_info, events=True, discovery=True)
    assert result["activated"] is True
    assert "PowerShell ended without an answer" in result["activation"]["discovery"]["problems"][0]
    assert "PowerShell ended without an answer" in result["activation"]["events"]["problems"][0]
    assert [state["complete"] for state in result["activation"]["events"]["logs"]] == [True, True]
    assert result.get("failed") is None


def test_a_refused_login_ends_it_all(run):
    run.powershell.broken = errors.LoginRefusedError("reading on the machine", "the login was refused")
    for module, options in (
        (event_info, {}),
        (discovery_info, {}),
        (activation_info, {"events": True}),
        (activation_info, {"discovery": True}),
    ):
        run.powershell.conversations = 0
        result = run(module, **options)
        assert result["unreachable"] is True
        assert run.powershell.conversations == 1
