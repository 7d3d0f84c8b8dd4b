# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows in German, Japanese and Chinese: every module says and does what it does on an English one, and texts in other scripts come through whole.

Four machines of each kind differ in nothing but their language. What a task returns is compared as text, after the machine's own name was taken out.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import typing as t

import pytest

from tests.system.ansible_runs import Json, Lab, Run
from tests.system.bad_input import HOST_KEY
from tests.system.conftest import StartLab

LANGUAGES = {"en": 1033, "de": 1031, "ja": 1041, "zh": 2052}
OTHERS = [language for language in LANGUAGES if language != "en"]
CAPTIONS = {
    "en": "Microsoft Windows 11 Enterprise",
    "de": "Microsoft Windows 11 Enterprise",
    "ja": "Microsoft Windows 11 Enterprise",
    "zh": "Microsoft Windows 11 企业版",
}
CMID = "0c8a1f6e-3f0b-4d57-9a55-5d1c6c1f7a10"
KINDS: dict[str, Json] = {
    "pc": {"windows": "windows-11-enterprise", "key": None},
    # Tells a set host that counts too few machines.
    "client": {"windows": "windows-11-enterprise", "key": "gvlk", "kms_machine": {"name": "lonely.corp.example"}},
    "srv": {"windows": "server-2022-datacenter"},
    "shut": {"windows": "windows-11-enterprise", "key": "gvlk", "access_denied": ["root/cimv2"]},
    "wall": {"windows": "server-2022-datacenter", "access_denied": ["root/standardcimv2"]},
    "home": {"windows": "windows-11-home", "key": None},
}
TEXTS = {
    "de": (
        'hat den Fehler "Zugriff verweigert" zurückgegeben',
        "einen unbekannten Fehler zurückgegeben: HRESULT 0xc004f038",
        "Zugriff auf",
    ),
    "ja": ("WMI サービスはアクセス拒否エラーを返しました", "不明なエラーを返しました: HRESULT 0xc004f038", "へのアクセスが拒否されました"),
    "zh": ("WMI 服务返回了“拒绝访问”错误", "返回了未知的错误: HRESULT 0xc004f038", "拒绝访问 root/standardcimv2"),
}
"""What Windows says in its own words: of WMI that denies access, of a licensing code, of the firewall's namespace."""


@dataclasses.dataclass(frozen=True)
class Step:
    """A task that runs on the four machines of a kind."""

    kind: str
    module: str
    options: Json = dataclasses.field(default_factory=dict)


STEPS = {
    "facts of a machine without a key": Step("pc", "activation_info"),
    "a client key that would go in": Step("pc", "client_key", {"check": True}),
    "a client key": Step("pc", "client_key"),
    "a client key that is in": Step("pc", "client_key"),
    "facts of a client": Step("pc", "activation_info"),
    "an activation that the count is too low for": Step("client", "activate"),
    "the firewall": Step("srv", "firewall_exception"),
    "a host key": Step("srv", "host_key", {"key": HOST_KEY}),
    "a host": Step("srv", "activate"),
    "facts of a host": Step("srv", "activation_info"),
    "a host key taken out": Step("srv", "host_key", {"state": "absent"}),
    "the firewall shut again": Step("srv", "firewall_exception", {"state": "disabled"}),
    "access denied to WMI": Step("shut", "activation_info"),
    "access denied to the firewall": Step("wall", "firewall_exception"),
    "an edition without volume licensing": Step("home", "client_key"),
}
DIFFERENT: dict[str, set[str]] = {
    "facts of a machine without a key": {"activation.machine.caption", "activation.machine.language"},
    "facts of a client": {"activation.machine.caption", "activation.machine.language"},
    "facts of a host": {"activation.machine.language", "activation.host.firewall_rules.0.display_name"},
    # Which rule it is says its name, the same on every Windows; this is for people to find it again.
    "the firewall": {"rules.0.display_name"},
    "the firewall shut again": {"rules.0.display_name"},
    # Where Windows is quoted, it is quoted in its own words.
    "an activation that the count is too low for": {"msg", "error.detail"},
    "access denied to WMI": {"msg", "error.detail"},
    "access denied to the firewall": {"msg", "error.detail"},
    "an edition without volume licensing": {"msg", "error.refused"},
}
"""What may differ from the English machine's result; everything else is the same, byte for byte."""


@dataclasses.dataclass(frozen=True)
class Found:
    """What came of the steps: results by step and language, and the lines of the facts file by machine."""

    lab: Lab
    run: Run
    results: dict[str, dict[str, Json]]
    facts: dict[str, Json]


@pytest.fixture(scope="module")
def found(start_lab: StartLab, tmp_path_factory: pytest.TempPathFactory) -> Found:
    machines = [
        {**row, "name": f"{kind}-{language}", "language": number, "cmid": CMID, "groups": [kind]}
        for kind, row in KINDS.items()
        for language, number in LANGUAGES.items()
    ]
    lonely = {"name": "lonely", "windows": "server-2022-datacenter", "key": HOST_KEY, "licensed": True, "firewall_exception": True}
    lab = start_lab(
        {
            "estate": {"domain": "corp.example", "name_servers": ["ns1"]},
            "keys": [{"key": HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2022"}],
            "machines": [*machines, lonely],
        }
    )
    file = tmp_path_factory.mktemp("facts") / "facts.jsonl"
    run = lab.playbook([_play(name, step, file) for name, step in STEPS.items()]).succeed()
    results = {name: {language: _result(run, name, f"{step.kind}-{language}") for language in LANGUAGES} for name, step in STEPS.items()}
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return Found(lab, run, results, {line["inventory_hostname"]: line for line in lines})


def _play(name: str, step: Step, facts: pathlib.Path) -> Json:
    options = {key: value for key, value in step.options.items() if key != "check"}
    if step.module == "activation_info":
        options["facts_path"] = str(facts)
    return {
        "name": name,
        "hosts": step.kind,
        "gather_facts": False,
        "ignore_errors": True,
        "tasks": [
            {"name": name, f"activation.kms.{step.module}": options, "diff": True, "check_mode": bool(step.options.get("check"))},
        ],
    }


def _result(run: Run, task: str, machine: str) -> Json:
    """Return what a task came to, with the machine's own name and the moment taken out."""
    text = json.dumps(run.one(machine, task).result, ensure_ascii=False, sort_keys=True)
    name = re.escape(machine)
    text = re.sub(rf"(?i){name}", "NAME", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    return t.cast(Json, json.loads(text))


def _flat(value: t.Any, path: str = "") -> dict[str, t.Any]:
    if isinstance(value, dict) and value:
        return {name: leaf for key, inner in value.items() for name, leaf in _flat(inner, f"{path}.{key}" if path else key).items()}
    if isinstance(value, list) and value:
        return {name: leaf for number, inner in enumerate(value) for name, leaf in _flat(inner, f"{path}.{number}").items()}
    return {path: value}


@pytest.mark.parametrize("step", STEPS)
def test_every_result_is_that_of_the_english_machine(found: Found, step: str) -> None:
    allowed = DIFFERENT.get(step, set()) | {"activation.machine.clock_offset_seconds"}
    english = _flat(found.results[step]["en"])
    for language in OTHERS:
        other = _flat(found.results[step][language])
        different = {name for name in english.keys() | other.keys() if english.get(name) != other.get(name)}
        assert different <= allowed, {name: (english.get(name), other.get(name)) for name in different - allowed}


def test_the_steps_came_to_what_they_should(found: Found) -> None:
    outcomes = {name: (row["en"]["changed"], "failed" in row["en"] or "unreachable" in row["en"]) for name, row in found.results.items()}
    changed = {"a client key that would go in", "a client key", "the firewall", "a host key", "a host"}
    changed |= {"a host key taken out", "the firewall shut again"}
    failed = {"an activation that the count is too low for", "access denied to WMI", "access denied to the firewall"}
    failed |= {"an edition without volume licensing"}
    assert {name for name, (did, _) in outcomes.items() if did} == changed
    assert {name for name, row in found.results.items() if "error" in row["en"]} == failed


def test_nothing_is_sent_to_one_machine_that_is_not_sent_to_all(found: Found) -> None:
    for kind in KINDS:
        sent = {
            language: [
                (call["operation"], call["cim_class"], call["method"], call["query"], call["status"], call["fault"])
                for call in found.lab.calls(f"{kind}-{language}")
            ]
            for language in LANGUAGES
        }
        for language in OTHERS:
            assert sent[language] == sent["en"], (kind, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_captions_and_languages_are_those_of_the_machine(found: Found, language: str) -> None:
    machine = found.results["facts of a client"][language]["activation"]["machine"]
    assert (machine["caption"], machine["language"]) == (CAPTIONS[language], LANGUAGES[language])
    assert found.facts[f"pc-{language}"]["machine"]["caption"] == CAPTIONS[language]
    assert (
        CAPTIONS[language].removesuffix("Enterprise").removesuffix("企业版")
        in found.results["an edition without volume licensing"][language]["msg"]
    )


def test_display_names_come_through_whole(found: Found) -> None:
    shown = {language: found.results["the firewall"][language]["rules"][0] for language in LANGUAGES}
    assert {language: rule["display_name"] for language, rule in shown.items()} == {
        "en": "Key Management Service (TCP-In)",
        "de": "Schlüsselverwaltungsdienst (TCP eingehend)",
        "ja": "キー管理サービス (TCP 受信)",
        "zh": "密钥管理服务 (TCP-In)",
    }
    assert {rule["name"] for rule in shown.values()} == {"SPPSVC-In-TCP"}


@pytest.mark.parametrize("language", OTHERS)
def test_what_windows_says_in_its_own_words_is_quoted_whole(found: Found, language: str) -> None:
    denied, count, wall = TEXTS[language]
    assert denied in found.results["access denied to WMI"][language]["msg"]
    assert count in found.results["an activation that the count is too low for"][language]["msg"]
    assert wall in found.results["access denied to the firewall"][language]["msg"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_meaning_of_an_error_never_comes_from_its_text(found: Found, language: str) -> None:
    count = found.results["an activation that the count is too low for"][language]["error"]
    assert (count["code"], count["symbol"]) == ("0xC004F038", "SL_E_VL_NOT_ENOUGH_COUNT")
    for step in ("access denied to WMI", "access denied to the firewall"):
        assert "LocalAccountTokenFilterPolicy" in found.results[step][language]["error"]["next_step"]
