# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No product key in anything that a run shows or leaves behind, at the highest verbosity, whether the run goes well or not."""

from __future__ import annotations

import base64
import dataclasses
import json
import pathlib
import re
import typing as t

import pytest
import yaml

from tests.lab.model import keys
from tests.lab.model.estate import load_estate
from tests.lab.model.windows import versions
from tests.system.ansible_runs import Json, Lab, Run
from tests.system.conftest import StartLab
from tests.system.connections import PSRP
from tests.system.needles import ProcessList, found, texts_below

EN_DASH = "\u2013"


def made_up(name: str) -> str:
    """Return a made-up key that no other test, and no person at this machine, types."""
    return keys.made_up_key("test_secrets", name)


def public(windows: str) -> str:
    """Return the public client key of a Windows."""
    key = keys.client_setup_key_for(versions()[windows])
    assert key is not None
    return key.text


HOST, OTHER_HOST, THIRD_HOST = made_up("host"), made_up("other host"), made_up("third host")
MAK, SERVER_MAK, UNKNOWN = made_up("mak"), made_up("server mak"), made_up("unknown")

WRONG_SHAPES: dict[str, t.Any] = {
    "too_short": made_up("too short")[:-1],
    "too_long": made_up("too long") + "B",
    "six_groups": made_up("six groups") + "-BCDFG",
    "underscores": made_up("underscores").replace("-", "_"),
    "no_last_dash": made_up("no last dash")[:23] + made_up("no last dash")[24:],
    "in_a_sentence": f"the key is {made_up('in a sentence')}!",
    "in_a_list": [made_up("in a list")],
    "in_a_dict": {"key": made_up("in a dict")},
    "as_a_name": {made_up("as a name"): True},
    "two_keys": f"{made_up('first of two')},{made_up('second of two')}",
}

VARIABLES: Json = {
    "host_key": HOST,
    "other_host_key": OTHER_HOST.replace("-", EN_DASH),
    "third_host_key": THIRD_HOST.replace("-", "").lower(),
    "unknown_key": f"  {UNKNOWN}\n",
    "mak": MAK,
    "server_mak": SERVER_MAK.lower(),
    "public_key": public("server-2022-standard"),
    "public_key_solid": public("server-2022-standard").replace("-", "").lower(),
    "public_key_of_another": public("server-2019-datacenter").replace("-", EN_DASH),
    "wrong_shapes": WRONG_SHAPES,
}

GIVEN = [HOST, OTHER_HOST, THIRD_HOST, MAK, SERVER_MAK, UNKNOWN, public("server-2022-standard"), public("server-2019-datacenter")]


def texts_in(value: t.Any) -> list[str]:
    """Return every text in plain data."""
    if isinstance(value, dict):
        return [text for name, item in value.items() for text in (name, *texts_in(item)) if len(text) > 20]
    if isinstance(value, list):
        return [text for item in value for text in texts_in(item)]
    return [value] if isinstance(value, str) else []


NEARLY = [text.removeprefix("the key is ") for text in texts_in(WRONG_SHAPES)]
"""Texts that are no key's shape but would give most of a key away."""

ESTATE: Json = {
    "estate": {"domain": "corp.example", "name_servers": ["ns1", "ns2"]},
    "keys": [
        *({"key": key, "channel": "kms_host", "csvlk": "Windows Server 2022"} for key in (HOST, OTHER_HOST, THIRD_HOST)),
        {"key": MAK, "channel": "mak", "editions": ["Enterprise", "Professional"]},
        {"key": SERVER_MAK, "channel": "mak", "editions": ["ServerStandard", "ServerDatacenter"]},
    ],
    "machines": [
        {"name": "kms01", "windows": "server-2022-datacenter", "groups": ["kms_hosts"]},
        {"name": "kms02", "windows": "server-2022-datacenter"},
        {"name": "kms03", "windows": "server-2022-datacenter"},
        {"name": "srv", "count": 5, "windows": "server-2022-standard", "groups": ["kms_clients"], "key": "gvlk"},
        {"name": "bare", "count": 4, "windows": "server-2022-standard"},
        {"name": "pc01", "windows": "windows-11-enterprise", "groups": ["kms_clients"], "key": MAK, "licensed": True, "virtual": False},
        {"name": "pc02", "windows": "windows-10-enterprise", "groups": ["kms_clients"], "key": MAK, "licensed": True, "virtual": False},
        {"name": "eval01", "windows": "server-2022-datacenter-evaluation"},
        {"name": "old01", "windows": "server-2012-r2-standard", "key": "gvlk"},
        # One for each of trouble().
        {"name": "bad", "count": 14, "windows": "server-2022-datacenter"},
    ],
}

LOUD = {
    "ANSIBLE_DEBUG": "true",
    "ANSIBLE_DISPLAY_TRACEBACK": "always",
    "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true",
    "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
}


@dataclasses.dataclass(frozen=True)
class Story:
    """Runs that went well and runs that did not, everything that they left, and the keys that must not be in it."""

    lab: Lab
    runs: dict[str, Run]
    variables: pathlib.Path
    log: pathlib.Path
    facts: pathlib.Path
    command_lines: set[str]
    firmware: list[str]

    def left(self) -> dict[str, str]:
        """Return everything that the runs showed or wrote, the lab's own view of itself included; not the files that hold the keys for the user."""
        texts = {f"output of {name}": run.output for name, run in self.runs.items()}
        texts |= texts_below(self.lab.folder, but=[self.variables, self.lab.folder / "group_vars" / "kms_hosts.yml"])
        texts["states of the lab"] = json.dumps(self.lab.client.states())
        texts["calls of the lab"] = json.dumps(self.lab.calls())
        texts["process list"] = "\n".join(self.command_lines)
        return texts


def installs(variable: str, module: str = "host_key", **options: t.Any) -> Json:
    """Return a task that installs the key in a variable."""
    name = f"{module} with {variable} {' '.join(options)}"
    task = {f"activation.kms.{module}": {"key": "{{ " + variable + " }}", "confirm_timeout": 0} | options}
    return {"name": name, **task, "ignore_errors": True, "diff": True, "register": "outcome"}


SHOW: Json = {"name": "Show what was registered", "ansible.builtin.debug": {"var": "outcome", "verbosity": 0}}


def good_tasks() -> list[Json]:
    """Client keys given by hand, in several spellings and in a loop over names of variables."""
    looped = installs("lookup('ansible.builtin.vars', item)", "client_key") | {"loop": ["public_key", "public_key_solid"]}
    return [installs("public_key", "client_key"), SHOW, looped, SHOW, installs("public_key_of_another", "client_key"), SHOW]


def refused_tasks() -> list[Json]:
    """Keys that are refused or that Windows refuses, and options that hold a key where none belongs."""
    tasks: list[Json] = [
        installs("unknown_key"),
        installs("public_key"),
        installs("unknown_key", "client_key"),
        installs("unknown_key", "client_key", allow_unlisted_key=True),
        installs("mak", "client_key", allow_unlisted_key=True),
        installs("mak"),
    ]
    for shape in WRONG_SHAPES:
        tasks += [installs(f"wrong_shapes.{shape}"), installs(f"wrong_shapes.{shape}", "client_key")]
    misplaced = {
        "activation_info": ["facts_path"],
        "activate": ["role", "confirm_timeout", "accept_low_count"],
        "client_key": ["convert_from", "allow_unlisted_key", "allow_cleartext_key"],
        "discovery_info": ["timeout"],
        "event_info": ["event_ids", "hours", "logs"],
        "firewall_exception": ["state"],
        "host_key": ["state", "confirm_timeout", "replace"],
    }
    for module, options in misplaced.items():
        for option in options:
            value = "/no/such/folder/{{ mak }}/x" if option == "facts_path" else "{{ mak }}"
            more = {"key": "{{ host_key }}"} if module == "host_key" else {}
            task = {f"activation.kms.{module}": {option: value, **more}, "ignore_errors": True, "register": "outcome"}
            tasks.append({"name": f"a key as {option} of {module}", **task})
    tasks.append({"activation.kms.activate": "{{ {mak: true} }}", "name": "a key as the name of an option", "ignore_errors": True})
    return [step for task in tasks for step in (task, SHOW)]


def role_tasks() -> list[Json]:
    """The roles with keys of wrong shape and type, so that their argument specifications see them, too."""
    blocks: list[Json] = []
    for shape in WRONG_SHAPES:
        for role, variable in (("kms_host", "kms_host_key"), ("kms_client", "kms_client_key")):
            include = {
                "ansible.builtin.include_role": {"name": f"activation.kms.{role}"},
                "vars": {variable: "{{ wrong_shapes." + shape + " }}"},
            }
            rescue = {"name": "Rescued", "ansible.builtin.debug": {"var": "ansible_failed_result"}}
            blocks.append({"name": f"{role} with {shape}", "block": [include], "rescue": [rescue]})
    return blocks


def trouble(lab: Lab, secret: str, firmware: str) -> list[tuple[str, Json]]:
    """Return faults for InstallProductKey, among them answers that throw a key back."""
    page = f"<html><body>no: {secret} {secret.replace('-', '')} {secret.lower()} {secret.replace('-', EN_DASH)} {firmware}</body></html>"
    echo = f"the key {secret} ({secret.replace('-', '').lower()}) is not the firmware's {firmware}"
    return [
        ("http", {"status": 500, "body": page}),
        ("http", {"status": 200, "body": page}),
        ("http", {"status": 403, "body": page, "content_type": "text/plain", "headers": {"X-Echo": secret}}),
        ("redirect", {"location": f"http://{lab.client.address('kms02')}:5985/{secret}"}),
        ("fault", {"text": echo, "hresult": 0xC004F050, "form": "text"}),
        ("fault", {"text": echo, "hresult": 0xC004F050, "form": "wmierror"}),
        ("fault", {"text": echo, "code": 0x80338029}),
        ("cut_before", {}),
        ("cut_after", {}),
        ("cut_in_reply", {}),
        ("malformed", {}),
        ("truncated", {}),
        ("doctype", {}),
        ("unauthorized", {}),
    ]


@pytest.fixture(scope="module")
def story(start_lab: StartLab) -> Story:
    lab = start_lab(ESTATE)
    variables, log, facts = lab.folder / "secrets.yml", lab.folder / "ansible.log", lab.folder / "facts.jsonl"
    variables.write_text(yaml.safe_dump(VARIABLES, allow_unicode=True), encoding="utf-8")
    lab.host_variables(kms_host_key="{{ host_key }}")
    lab.variables("host:pc01", {"kms_client_convert_from": ["mak"]})
    model = load_estate(lab.estate)
    firmware = [secret for machine in model.machines.values() for secret in machine.secrets() if secret not in GIVEN]
    loud = LOUD | {"ANSIBLE_LOG_PATH": str(log), "ANSIBLE_LOG_VERBOSITY": "6"}
    options = ("-vvvvvv", "--diff", "-e", f"@{variables}")
    runs: dict[str, Run] = {}

    def run(name: str, playbook: str | list[Json], *more: str, **extra: t.Any) -> None:
        runs[name] = lab.playbook(playbook, *options, *more, env=loud, extra={"kms_facts_path": str(facts), **extra})

    def play(hosts: str, tasks: list[Json]) -> list[Json]:
        return [{"hosts": hosts, "gather_facts": False, "tasks": tasks}]

    with ProcessList() as processes:
        run("deploy, checked", "activation.kms.deploy_host", "--check", kms_hosts="kms_hosts")
        run("deploy", "activation.kms.deploy_host", kms_hosts="kms_hosts")
        run("activate, checked", "activation.kms.activate_clients", "--check", kms_clients="kms_clients")
        run("activate", "activation.kms.activate_clients", kms_clients="kms_clients")
        run("keys in many spellings", play("bare01", good_tasks()))
        replaced = [
            installs("other_host_key"),
            installs("other_host_key", replace=True),
            SHOW,
            installs("third_host_key", state="absent"),
            SHOW,
        ]
        run("replaced", play("kms01", replaced))
        run("refused", play("bare02", refused_tasks()))
        run("roles", play("bare03", role_tasks()))
        run("a MAK as host key", play("kms03", [installs("server_mak"), SHOW]))
        troubles = trouble(lab, THIRD_HOST, model.machines["kms02"].original_product_key)
        for number, (fault, parameters) in enumerate(troubles, start=1):
            lab.client.fault(fault, f"bad{number:02}", operation="Invoke", method="InstallProductKey", **parameters)
        tasks = [installs("third_host_key"), SHOW, installs("third_host_key", state="absent")]
        # One after the other; a machine that counts as unreachable must not end the run.
        names = [f"bad{number:02}" for number in range(1, len(troubles) + 1)]
        run("trouble", [{**one, "ignore_unreachable": True} for name in names for one in play(name, tasks)])
        assert all(fault["met"] for fault in lab.client.faults())
        lab.client.clear_faults()
        run("read", play("lab_windows", [{"activation.kms.activation_info": {"facts_path": str(facts)}, "register": "outcome"}, SHOW]))
    return Story(lab, runs, variables, log, facts, processes.command_lines, firmware)


# The search itself


def test_the_search_finds_a_key_in_every_spelling_and_in_pieces() -> None:
    spellings = [
        HOST,
        HOST.lower(),
        HOST.replace("-", ""),
        HOST.replace("-", EN_DASH),
        json.dumps(HOST.replace("-", EN_DASH)),
        HOST[:11],
        HOST[6:17],
        HOST[18:],
    ]
    for spelling in spellings:
        assert found([HOST], f"... {spelling} ...") == [HOST], spelling
    assert found([HOST], f"XXXXX-XXXXX-XXXXX-XXXXX-{HOST[-5:]}") == []


def test_the_search_finds_every_key_that_was_given_in_the_file_that_held_it(story: Story) -> None:
    text = story.variables.read_text(encoding="utf-8")
    assert found(GIVEN, text) == GIVEN
    assert found(NEARLY, text) == NEARLY


def test_the_search_finds_a_key_that_a_run_does_show(story: Story, tmp_path: pathlib.Path) -> None:
    # Its results go elsewhere: they are no leftover of the runs that are searched.
    elsewhere = {"KMS_TEST_RESULTS": str(tmp_path / "results.jsonl"), "ANSIBLE_LOG_PATH": str(tmp_path / "ansible.log")}
    show = [{"ansible.builtin.debug": {"var": "host_key"}}]
    shown = story.lab.tasks("localhost", show, "-e", f"@{story.variables}", env=elsewhere).succeed()
    assert found([HOST], shown.output) == [HOST]
    for text in texts_below(tmp_path).values():
        assert found([HOST], text) == [HOST]


def test_the_keys_of_the_firmware_and_the_registry_are_those_that_the_machines_hold(story: Story) -> None:
    last_fives = set()
    for state in story.lab.client.states().values():
        last_fives.add(state["original_product_key"][-5:])
        last_fives.update(
            values["BackupProductKeyDefault"][-5:] for values in state["registry"].values() if "BackupProductKeyDefault" in values
        )
    assert last_fives <= {key[-5:] for key in story.firmware}
    assert len(last_fives) == 2 * len(story.lab.client.machines())


# What the runs were


def test_the_runs_did_what_they_were_made_for(story: Story) -> None:
    for name in ("deploy", "read"):
        story.runs[name].succeed()
    assert {row.host: row.status for row in story.runs["activate"].of(action="client_key")} == {
        **{f"srv{number:02}": "ok" for number in range(1, 6)},
        "pc01": "ok",
        "pc02": "failed",
    }
    outcomes = story.runs["refused"].of("bare02", status="ignored")
    assert len(outcomes) == len([step for step in refused_tasks() if step is not SHOW])
    assert story.lab.product("bare01")["partial_key"] == public("server-2022-standard")[-5:]
    assert [row.status for row in story.runs["replaced"].of("kms01", action="host_key")] == ["ignored", "ok", "ok"]
    assert "it is no KMS host key" in story.runs["a MAK as host key"].one("kms03", action="host_key").msg
    assert len(story.runs["roles"].of("bare03", task="Rescued")) == 2 * len(WRONG_SHAPES)
    first = {row.host: row for row in reversed(story.runs["trouble"].of(action="host_key"))}
    assert len(first) == len(trouble(story.lab, HOST, HOST))
    assert sum(row.status in ("ignored", "unreachable") for row in first.values()) >= 9


def test_the_runs_were_as_loud_as_can_be(story: Story) -> None:
    deploy = story.runs["deploy"].output
    assert f"<{story.lab.client.address('kms01')}> WINRM CONNECT" in deploy  # -vvvvv
    assert "getting the next task for host kms01" in deploy  # ANSIBLE_DEBUG
    assert "Traceback" in story.runs["refused"].output  # ANSIBLE_DISPLAY_TRACEBACK
    assert "WINRM CONNECT" in story.log.read_text(encoding="utf-8")
    assert len(story.facts.read_text(encoding="utf-8").splitlines()) >= len(story.lab.client.machines())
    assert any("activation.kms.deploy_host" in line for line in story.command_lines)


# The promise


def test_no_key_that_was_given_is_in_anything_that_the_runs_showed_or_left(story: Story) -> None:
    assert {place: found(GIVEN, text) for place, text in story.left().items() if found(GIVEN, text)} == {}


def test_no_key_of_firmware_or_registry_is_in_anything_that_the_runs_showed_or_left(story: Story) -> None:
    assert {place: found(story.firmware, text) for place, text in story.left().items() if found(story.firmware, text)} == {}


def test_nothing_of_a_text_that_only_looks_like_a_key_is_in_anything_that_the_runs_showed_or_left(story: Story) -> None:
    assert {place: found(NEARLY, text) for place, text in story.left().items() if found(NEARLY, text)} == {}


def test_no_process_has_a_key_on_its_command_line(story: Story) -> None:
    assert [line for line in story.command_lines if found([*GIVEN, *NEARLY], line)] == []


def test_no_message_asks_for_a_property_or_value_that_holds_a_whole_key(story: Story) -> None:
    calls = story.lab.calls()
    assert any("PartialProductKey" in str(call["query"]) for call in calls)
    asked = json.dumps(calls)
    assert "OA3xOriginalProductKey" not in asked
    assert "BackupProductKeyDefault" not in asked
    # SELECT * and Get would bring every property of SoftwareLicensingService, that one among them.
    licensing = [call for call in calls if str(call["cim_class"]).startswith("SoftwareLicensing")]
    assert not [call for call in licensing if "*" in str(call["query"]) or call["operation"] == "Get"]


def test_what_remains_of_a_key_is_its_last_five_characters(story: Story) -> None:
    assert story.runs["deploy"].one("kms01", action="host_key").result["partial_key"] == HOST[-5:]
    assert HOST[-5:] in story.runs["deploy"].output
    assert UNKNOWN[-5:] in story.runs["refused"].output


# The same promise where the key goes by way of PowerShell: in Ansible's payload, through the wrapper, and back in what a cmdlet says


POWERSHELL_ESTATE: Json = {
    "estate": {"domain": "corp.example", "name_servers": ["ns1"]},
    "keys": [{"key": key, "channel": "kms_host", "csvlk": "Windows Server 2022"} for key in (HOST, OTHER_HOST, THIRD_HOST)],
    "machines": [{"name": name, "windows": "server-2022-datacenter"} for name in ("good", "echo", "dead", "psrp")],
}


@pytest.fixture(scope="module")
def over_powershell(start_lab: StartLab) -> Story:
    lab = start_lab(POWERSHELL_ESTATE)
    variables, log, facts = lab.folder / "secrets.yml", lab.folder / "ansible.log", lab.folder / "facts.jsonl"
    variables.write_text(yaml.safe_dump(VARIABLES, allow_unicode=True), encoding="utf-8")
    echo = f"the key {THIRD_HOST} ({THIRD_HOST.replace('-', '').lower()}) is not the one"
    lab.client.fault("fault", "echo", operation="Invoke", method="InstallProductKey", text=echo, hresult=0xC004F050)
    lab.client.fault("cut_after", "dead", operation="Invoke", method="InstallProductKey")
    lab.variables("host:psrp", PSRP)
    hosts = {"good": "host_key", "echo": "third_host_key", "dead": "other_host_key", "psrp": "unknown_key"}
    plays = [
        {
            "hosts": name,
            "gather_facts": False,
            "vars": {"activation_kms_backend": "powershell"},
            "tasks": [installs(variable, allow_cleartext_key=True), SHOW],
        }
        for name, variable in hosts.items()
    ]
    loud = LOUD | {"ANSIBLE_LOG_PATH": str(log), "ANSIBLE_LOG_VERBOSITY": "6"}
    with ProcessList() as processes:
        runs = {"powershell": lab.playbook(plays, "-vvvvvv", "--diff", "-e", f"@{variables}", env=loud)}
    return Story(lab, runs, variables, log, facts, processes.command_lines, [])


@pytest.mark.powershell
def test_over_powershell_the_runs_did_what_they_were_made_for(over_powershell: Story) -> None:
    rows = {row.host: row for row in over_powershell.runs["powershell"].of(action="host_key")}
    assert {host: row.result["backend"] for host, row in rows.items()} == dict.fromkeys(("good", "echo", "dead", "psrp"), "powershell")
    assert {host: row.status for host, row in rows.items()} == {"good": "ok", "echo": "ignored", "dead": "ok", "psrp": "ignored"}
    assert over_powershell.lab.product("good")["partial_key"] == HOST[-5:]
    # Killed when the key was in: nobody answered, and the state told.
    assert over_powershell.lab.product("dead")["partial_key"] == OTHER_HOST[-5:]
    assert rows["echo"].result["error"]["code"] == rows["psrp"].result["error"]["code"] == "0xC004F050"
    assert "EncodedCommand" in over_powershell.runs["powershell"].output
    assert any("-EncodedCommand" in line for line in over_powershell.command_lines)


@pytest.mark.powershell
def test_over_powershell_no_key_is_in_anything_that_was_shown_or_left(over_powershell: Story) -> None:
    assert {place: found(GIVEN, text) for place, text in over_powershell.left().items() if found(GIVEN, text)} == {}


@pytest.mark.powershell
def test_over_powershell_no_process_has_a_key_on_its_command_line(over_powershell: Story) -> None:
    assert [line for line in over_powershell.command_lines if found(GIVEN, line)] == []
    # Nor behind the base64 of -EncodedCommand.
    decoded = [
        base64.b64decode(word + "==", validate=False).decode("utf-16-le", errors="replace")
        for line in over_powershell.command_lines
        for word in line.split()
        if len(word) > 100 and re.fullmatch(r"[A-Za-z0-9+/=]+", word)
    ]
    assert decoded
    assert [text for text in decoded if found(GIVEN, text)] == []
