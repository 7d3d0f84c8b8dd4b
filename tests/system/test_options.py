# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules inside Ansible: module_defaults, names, delegation, loops, conditions, and the keywords that they refuse."""

from __future__ import annotations

import copy
import dataclasses
import pathlib
import typing as t

import pytest
import yaml

from tests.system.ansible_runs import Json, Lab, Run, TaskResult
from tests.system.conftest import StartLab

INFO = "activation.kms.activation_info"
MODULES: dict[str, Json] = {
    "activate": {},
    "activation_info": {},
    "client_key": {},
    "discovery_info": {},
    "event_info": {},
    "firewall_exception": {},
    "host_key": {"state": "absent"},
}
"""The Windows modules, with options that would do something on a machine or at least read it."""


WSMAN = {"activation_kms_backend": "wsman"}
WRONG_OPTIONS: list[tuple[str, Json, list[str]]] = [
    ("activation_info", {"fact_path": "x"}, ["fact_path", "facts_path"]),
    ("activate", {"role": "server"}, ["role", "server", "kms_client", "kms_host"]),
    ("activate", {"confirm_timeout": "soon"}, ["confirm_timeout", "soon"]),
    ("client_key", {"convert_from": ["mac"]}, ["convert_from", "mac", "mak"]),
    ("event_info", {"logs": ["Security"]}, ["logs", "Security", "Key Management Service"]),
    ("event_info", {"event_ids": ["request"]}, ["event_ids", "request"]),
    ("event_info", {"hours": 0}, ["hours is 0", "between 0.1 and 8784"]),
    ("discovery_info", {"endpoints": ["http://kms01/"]}, ["http://kms01/", "host:port"]),
    ("firewall_exception", {"state": "open"}, ["state", "open", "enabled", "disabled"]),
    ("host_key", {}, ["state is present", "key"]),
    ("host_key", {"state": "gone"}, ["state", "gone", "absent"]),
]
KEYWORDS: dict[str, tuple[Json, list[str]]] = {
    "become": ({"become": True, "vars": WSMAN}, ["become is on", "set backend to auto or powershell"]),
    "become_by_variable": ({"vars": {"ansible_become": True, **WSMAN}}, ["become is on", "set backend to auto or powershell"]),
    "psrp": ({"vars": {"ansible_connection": "psrp", **WSMAN}}, ["ansible.builtin.psrp", "set backend to auto or powershell"]),
    "local": ({"vars": {"ansible_connection": "local"}}, ["ansible.builtin.local", "ansible_connection to winrm or psrp"]),
    "ssh": ({"vars": {"ansible_connection": "ssh"}}, ["ansible.builtin.ssh", "ansible_shell_type to powershell"]),
    "word": ({"vars": {"activation_kms_backend": "slmgr"}}, ["is 'slmgr', which is no backend", "auto, powershell, wsman"]),
    "async": ({"async": 30, "poll": 1}, ["does not support async"]),
}
"""Keywords of a task that no module of ours can work with, and what is said of each."""

UNTOUCHED = "srv05"
"""The machine that no message may reach: whatever is tried on it is refused before."""

CONDITIONS = ["activated", "is_kms_host", "is_kms_client", "needs_attention", "channel == 'mak'", "channel == 'kms_client'"]


@dataclasses.dataclass(frozen=True)
class Story:
    """One run with a play for each promise."""

    lab: Lab
    run: Run
    facts: pathlib.Path

    def of(self, play: str, host: str | None = None) -> list[TaskResult]:
        """Return the results of a play."""
        return [row for row in self.run.of(host) if row.play == play]

    def one(self, play: str) -> TaskResult:
        """Return the one result of a play."""
        (row,) = self.of(play)
        return row


@pytest.fixture(scope="module")
def story(start_lab: StartLab) -> Story:
    lab = start_lab("small")
    facts = lab.folder / "group.jsonl"
    plays: list[Json] = []

    def play(name: str, hosts: str, *tasks: Json, **keywords: t.Any) -> None:
        # A task that fails is what some of them are about; the others go on.
        more = {"gather_facts": False, "ignore_errors": True, "ignore_unreachable": True, **keywords}
        plays.append({"name": name, "hosts": hosts, **more, "tasks": copy.deepcopy(list(tasks))})

    play("group", "srv01", {INFO: {}}, module_defaults={"group/activation.kms.windows": {"facts_path": str(facts)}})
    every_module = [{f"activation.kms.{module}": options} for module, options in MODULES.items()]
    play("in the group", "srv01", *every_module, module_defaults={"group/activation.kms.windows": {"no_such_option": 1}})
    play(
        "overruled",
        "srv01",
        {"activation.kms.client_key": {}},
        {"activation.kms.client_key": {"confirm_timeout": 600}},
        module_defaults={"activation.kms.client_key": {"confirm_timeout": 601}},
    )
    play("short name", "srv01", {"activation_info": {}}, collections=["activation.kms"])
    play("wrong options", UNTOUCHED, *({f"activation.kms.{module}": options} for module, options, _texts in WRONG_OPTIONS))
    play("delegated", "srv01", {INFO: {}, "delegate_to": "pc01"})
    play("controller", "localhost", {INFO: {}, "delegate_to": "{{ item }}", "loop": ["srv01", "home01"]})
    play("loop", "srv04", {"activation.kms.firewall_exception": {"state": "{{ item }}"}, "loop": ["enabled", "enabled", "disabled"]})
    shown = [{"name": f"only when {text}", "ansible.builtin.debug": {"msg": text}, "when": f"state.{text}"} for text in CONDITIONS]
    play("when", "srv01,mak01,both01", {INFO: {}, "register": "state"}, *shown)
    # No host is there yet: the client finds no SRV record.
    block = [{"activation.kms.activate": {"role": "kms_client"}, "ignore_errors": False}]
    rescue = [{"ansible.builtin.debug": {"msg": "{{ ansible_failed_result.error.code }} {{ ansible_failed_result.error.symbol }}"}}]
    play("rescue", "srv02", {"block": block, "rescue": rescue})
    # Its address is in no inventory: everything about the connection is in the variables of the task, the backend among it.
    connection = yaml.safe_load(lab.client.inventory.read_text(encoding="utf-8"))["all"]["children"]["lab_windows"]["vars"]
    task: Json = {INFO: {}, "delegate_to": lab.client.address("srv03"), "vars": connection}
    play("only delegated", "localhost", task)
    play("only delegated, no backend", "localhost", task | {"vars": {**connection, "activation_kms_backend": "slmgr"}})
    play("become elsewhere", "srv01", {"ansible.builtin.debug": {"msg": "x"}, "become": True}, {INFO: {}})
    for name, (keywords, _texts) in KEYWORDS.items():
        play(name, UNTOUCHED, *(one | keywords for one in every_module))
    lab.host_variables()
    play("host key", "kms01", {"activation.kms.host_key": {"key": "{{ kms_host_key }}"}, "vars": {"ansible_connection": "local"}})
    # The inventory's ansible_connection outranks the keyword: then the play works, and over winrm.
    play("connection local", "srv01", {INFO: {}}, connection="local")
    play("connection local without an inventory", "localhost", {INFO: {}}, connection="local")
    return Story(lab, lab.playbook(plays), facts)


# Names and defaults


def test_module_defaults_of_the_group_reach_the_modules(story: Story) -> None:
    assert story.one("group").result["facts_written"] is True
    assert story.facts.exists()


def test_every_windows_module_is_in_the_group(story: Story) -> None:
    results = story.of("in the group")
    assert [row.action for row in results if "no_such_option" in row.msg] == [f"activation.kms.{module}" for module in MODULES]


def test_module_defaults_of_one_module_are_overruled_by_the_task(story: Story) -> None:
    defaulted, given = story.of("overruled")
    assert "confirm_timeout is 601" in defaulted.msg
    assert (given.status, given.changed) == ("ok", False)


def test_a_module_is_found_by_its_short_name_in_a_play_that_names_the_collection(story: Story) -> None:
    assert story.one("short name").result["backend"] == "wsman"


def test_a_wrong_option_is_named_with_what_is_possible(story: Story) -> None:
    results = story.of("wrong options")
    assert {row.status for row in results} == {"ignored"}
    for row, (_module, _options, texts) in zip(results, WRONG_OPTIONS, strict=True):
        assert [text for text in texts if text not in row.msg] == [], row.msg
        assert "error of its own" not in row.msg


def test_no_message_is_sent_to_a_machine_for_a_task_that_is_refused(story: Story) -> None:
    tried = [row for row in story.run.of(UNTOUCHED) if row.status == "ignored"]
    assert len(tried) == len(WRONG_OPTIONS) + len(KEYWORDS) * len(MODULES)
    assert story.lab.calls(UNTOUCHED) == []


# Delegation, loops, conditions


def test_delegate_to_reads_the_other_machine(story: Story) -> None:
    assert story.one("delegated").result["activation"]["machine"]["fqdn"] == "pc01.corp.example"


def test_a_controller_play_reads_machines_by_delegation_and_loop(story: Story) -> None:
    results = story.one("controller").result["results"]
    assert [row["activation"]["machine"]["edition_id"] for row in results] == ["ServerStandard", "Core"]


def test_a_loop_gives_one_result_for_each_item(story: Story) -> None:
    assert [row["changed"] for row in story.one("loop").result["results"]] == [True, False, True]
    assert story.lab.client.state("srv04")["firewall"]["SPPSVC-In-TCP"] is False


def test_the_flat_answers_decide_what_a_when_lets_through(story: Story) -> None:
    def passed(host: str) -> set[str]:
        return {row.msg for row in story.of("when", host) if row.action.endswith("debug") and row.status == "ok"}

    assert passed("srv01") == {"is_kms_client", "needs_attention", "channel == 'kms_client'"}
    assert passed("mak01") == {"activated", "channel == 'mak'"}
    # Two keyed Windows products, one of them licensed: nobody says which one counts, and no condition breaks on it.
    assert passed("both01") == {"is_kms_client", "needs_attention"}


def test_a_rescue_sees_the_code_of_a_failure(story: Story) -> None:
    _failed, rescued = story.of("rescue")
    assert rescued.msg.startswith("0x8007232B ")


def test_a_machine_that_only_delegate_to_names_is_managed_with_the_variables_of_the_task(story: Story) -> None:
    found = story.one("only delegated").result
    assert (found["activation"]["machine"]["name"], found["backend"]) == ("SRV03", "wsman")
    refused = story.one("only delegated, no backend")
    assert refused.status == "ignored"
    assert "is 'slmgr', which is no backend" in refused.msg


def test_become_on_another_task_does_not_matter(story: Story) -> None:
    assert [row.status for row in story.of("become elsewhere")] == ["ok", "ok"]


# What is refused


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_keyword_that_cannot_work_is_a_clear_error_of_every_module(story: Story, keyword: str) -> None:
    results = story.of(keyword)
    assert {row.status for row in results} == {"ignored"}
    assert [row.action for row in results] == [f"activation.kms.{module}" for module in MODULES]
    for row in results:
        assert [text for text in KEYWORDS[keyword][1] if text not in row.msg] == [], row.msg
        assert "error of its own" not in row.msg


def test_a_host_key_over_the_wrong_connection_is_refused_before_it_goes_anywhere(story: Story) -> None:
    failed = story.one("host key")
    assert failed.status == "ignored"
    assert "ansible.builtin.local with the shell sh, which runs no PowerShell" in failed.msg


def test_a_play_with_connection_local_is_refused_unless_the_inventory_says_winrm(story: Story) -> None:
    assert story.one("connection local").result["backend"] == "wsman"
    failed = story.one("connection local without an inventory")
    assert failed.status == "ignored"
    assert "the connection of this task is ansible.builtin.local" in failed.msg or "the connection of this task is local" in failed.msg
