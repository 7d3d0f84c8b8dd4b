# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules inside Ansible: module_defaults, names, delegation, loops, conditions, and the keywords that they refuse."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from tests.system.ansible_runs import Json, Lab

INFO = "activation.kms.activation_info"
MODULES: dict[str, Json] = {
    "activate": {},
    "activation_info": {},
    "client_key": {},
    "firewall_exception": {},
    "host_key": {"state": "absent"},
}
"""The Windows modules, with options that would do something on a machine or at least read it."""


# Names and defaults


def test_module_defaults_of_the_group_reach_the_modules(small_lab: Lab) -> None:
    path = small_lab.folder / "group.jsonl"
    play = {"module_defaults": {"group/activation.kms.windows": {"facts_path": str(path)}}}
    run = small_lab.tasks("srv01", [{INFO: {}}], play=play).succeed()
    assert run.one("srv01").result["facts_written"] is True
    assert path.exists()


def test_every_windows_module_is_in_the_group(small_lab: Lab) -> None:
    play = {"module_defaults": {"group/activation.kms.windows": {"no_such_option": 1}}}
    tasks = [{f"activation.kms.{module}": options, "ignore_errors": True} for module, options in MODULES.items()]
    results = small_lab.tasks("srv01", tasks, play=play).of("srv01")
    assert [row.action for row in results if "no_such_option" in row.msg] == [f"activation.kms.{module}" for module in MODULES]


def test_module_defaults_of_one_module_are_overruled_by_the_task(small_lab: Lab) -> None:
    play = {"module_defaults": {"activation.kms.client_key": {"confirm_timeout": 601}}}
    tasks: list[Json] = [
        {"activation.kms.client_key": {}, "ignore_errors": True},
        {"activation.kms.client_key": {"confirm_timeout": 600}},
    ]
    defaulted, given = small_lab.tasks("srv01", tasks, play=play).succeed().of("srv01")
    assert "confirm_timeout is 601" in defaulted.msg
    assert (given.status, given.changed) == ("ok", False)


def test_a_module_is_found_by_its_short_name_in_a_play_that_names_the_collection(small_lab: Lab) -> None:
    run = small_lab.tasks("srv01", [{"activation_info": {}}], play={"collections": ["activation.kms"]}).succeed()
    assert run.one("srv01").result["backend"] == "wsman"


WRONG_OPTIONS: list[tuple[str, Json, list[str]]] = [
    ("activation_info", {"fact_path": "x"}, ["fact_path", "facts_path"]),
    ("activate", {"role": "server"}, ["role", "server", "kms_client", "kms_host"]),
    ("activate", {"confirm_timeout": "soon"}, ["confirm_timeout", "soon"]),
    ("client_key", {"convert_from": ["mac"]}, ["convert_from", "mac", "mak"]),
    ("firewall_exception", {"state": "open"}, ["state", "open", "enabled", "disabled"]),
    ("host_key", {}, ["state is present", "key"]),
    ("host_key", {"state": "gone"}, ["state", "gone", "absent"]),
]


def test_a_wrong_option_is_named_with_what_is_possible_and_no_message_is_sent(small_lab: Lab) -> None:
    mark = small_lab.last_call()
    tasks = [{f"activation.kms.{module}": options, "ignore_errors": True} for module, options, _texts in WRONG_OPTIONS]
    results = small_lab.tasks("srv01", tasks).of("srv01", status="ignored")
    assert len(results) == len(WRONG_OPTIONS)
    for row, (_module, _options, texts) in zip(results, WRONG_OPTIONS, strict=True):
        assert [text for text in texts if text not in row.msg] == [], row.msg
        assert "error of its own" not in row.msg
    assert small_lab.calls(after=mark) == []


# Delegation, loops, conditions


def test_delegate_to_reads_the_other_machine(small_lab: Lab) -> None:
    run = small_lab.tasks("srv01", [{INFO: {}, "delegate_to": "pc01"}]).succeed()
    assert run.one("srv01").result["activation"]["machine"]["fqdn"] == "pc01.corp.example"


def test_a_controller_play_reads_machines_by_delegation_and_loop(small_lab: Lab) -> None:
    run = small_lab.tasks("localhost", [{INFO: {}, "delegate_to": "{{ item }}", "loop": ["srv01", "home01"]}]).succeed()
    results = run.one("localhost").result["results"]
    assert [row["activation"]["machine"]["edition_id"] for row in results] == ["ServerStandard", "Core"]


def test_a_loop_gives_one_result_for_each_item(fresh_small: Lab) -> None:
    task = {"activation.kms.firewall_exception": {"state": "{{ item }}"}, "loop": ["enabled", "enabled", "disabled"]}
    result = fresh_small.tasks("srv01", [task]).succeed().one("srv01").result
    assert [row["changed"] for row in result["results"]] == [True, False, True]
    assert fresh_small.client.state("srv01")["firewall"]["SPPSVC-In-TCP"] is False


def test_the_flat_answers_decide_what_a_when_lets_through(small_lab: Lab) -> None:
    conditions = ["activated", "is_kms_host", "is_kms_client", "needs_attention", "channel == 'mak'", "channel == 'kms_client'"]
    tasks: list[Json] = [{INFO: {}, "register": "state"}]
    tasks += [{"name": f"only when {text}", "ansible.builtin.debug": {"msg": text}, "when": f"state.{text}"} for text in conditions]
    run = small_lab.tasks("srv01,mak01,both01", tasks).succeed()

    def passed(host: str) -> set[str]:
        return {row.msg for row in run.of(host, action="debug", status="ok")}

    assert passed("srv01") == {"is_kms_client", "needs_attention", "channel == 'kms_client'"}
    assert passed("mak01") == {"activated", "channel == 'mak'"}
    # Two keyed Windows products, one of them licensed: nobody says which one counts, and no condition breaks on it.
    assert passed("both01") == {"is_kms_client", "needs_attention"}


def test_a_rescue_sees_the_code_of_a_failure(small_lab: Lab) -> None:
    # No host is there yet: the client finds no SRV record.
    block = [{"activation.kms.activate": {"role": "kms_client"}}]
    rescue = [{"ansible.builtin.debug": {"msg": "{{ ansible_failed_result.error.code }} {{ ansible_failed_result.error.symbol }}"}}]
    run = small_lab.tasks("srv02", [{"block": block, "rescue": rescue}]).succeed()
    assert run.one("srv02", action="debug").msg.startswith("0x8007232B ")


def test_a_machine_that_only_delegate_to_names_is_managed_with_the_variables_of_the_task(small_lab: Lab) -> None:
    # Its address is in no inventory: everything about the connection is in the variables of the task, the backend among it.
    connection = yaml.safe_load(small_lab.client.inventory.read_text(encoding="utf-8"))["all"]["children"]["lab_windows"]["vars"]
    task: Json = {INFO: {}, "delegate_to": small_lab.client.address("srv03"), "vars": connection}
    found = small_lab.tasks("localhost", [task]).succeed().one("localhost").result
    assert (found["activation"]["machine"]["name"], found["backend"]) == ("SRV03", "wsman")
    task["vars"] = {**connection, "activation_kms_backend": "slmgr"}
    assert "is 'slmgr', which is no backend" in small_lab.tasks("localhost", [task]).fail().one("localhost").msg


def test_become_on_another_task_does_not_matter(small_lab: Lab) -> None:
    tasks: list[Json] = [{"ansible.builtin.debug": {"msg": "x"}, "become": True}, {INFO: {}}]
    assert small_lab.tasks("srv01", tasks).succeed().one("srv01", action="activation_info").status == "ok"


# What is refused


WSMAN = {"activation_kms_backend": "wsman"}


@pytest.mark.parametrize(
    ("keywords", "texts"),
    [
        pytest.param({"become": True, "vars": WSMAN}, ["become is on", "set backend to auto or powershell"], id="become"),
        pytest.param(
            {"vars": {"ansible_become": True, **WSMAN}}, ["become is on", "set backend to auto or powershell"], id="become_by_variable"
        ),
        pytest.param(
            {"vars": {"ansible_connection": "psrp", **WSMAN}}, ["ansible.builtin.psrp", "set backend to auto or powershell"], id="psrp"
        ),
        pytest.param(
            {"vars": {"ansible_connection": "local"}}, ["ansible.builtin.local", "ansible_connection to winrm or psrp"], id="local"
        ),
        pytest.param({"vars": {"ansible_connection": "ssh"}}, ["ansible.builtin.ssh", "ansible_shell_type to powershell"], id="ssh"),
        pytest.param(
            {"vars": {"activation_kms_backend": "slmgr"}}, ["is 'slmgr', which is no backend", "auto, powershell, wsman"], id="word"
        ),
        pytest.param({"async": 30, "poll": 1}, ["does not support async"], id="async"),
    ],
)
def test_a_keyword_that_cannot_work_is_a_clear_error_of_every_module_and_no_message_is_sent(
    small_lab: Lab, keywords: Json, texts: list[str]
) -> None:
    mark = small_lab.last_call()
    tasks = [{f"activation.kms.{module}": options, **keywords, "ignore_errors": True} for module, options in MODULES.items()]
    results = small_lab.tasks("srv01", tasks).of("srv01", status="ignored")
    assert [row.action for row in results] == [f"activation.kms.{module}" for module in MODULES]
    for row in results:
        assert [text for text in texts if text not in row.msg] == [], row.msg
        assert "error of its own" not in row.msg
    assert small_lab.calls(after=mark) == []


def test_a_host_key_over_the_wrong_connection_is_refused_before_it_goes_anywhere(small_lab: Lab) -> None:
    small_lab.host_variables()
    task: dict[str, t.Any] = {"activation.kms.host_key": {"key": "{{ kms_host_key }}"}, "vars": {"ansible_connection": "local"}}
    failed = small_lab.tasks("kms01", [task]).fail().one("kms01")
    assert "ansible.builtin.local with the shell sh, which runs no PowerShell" in failed.msg


def test_a_play_with_connection_local_is_refused_unless_the_inventory_says_winrm(small_lab: Lab) -> None:
    # The inventory's ansible_connection outranks the keyword: then the play works, and over winrm.
    run = small_lab.tasks("srv01", [{INFO: {}}], play={"connection": "local"}).succeed()
    assert run.one("srv01").result["backend"] == "wsman"
    failed = small_lab.tasks("localhost", [{INFO: {}}], play={"connection": "local"}).fail().one("localhost")
    assert "the connection of this task is ansible.builtin.local" in failed.msg or "the connection of this task is local" in failed.msg
