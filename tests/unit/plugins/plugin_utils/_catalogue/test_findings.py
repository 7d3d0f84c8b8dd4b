# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of findings is complete, its causes come before their consequences, its tasks are tasks, and its page is of today."""

from __future__ import annotations

import importlib.util
import pathlib
import re

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.findings import all_consequences, finding_type, finding_types
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.loader import read_data

from tests.unit.test_documentation import MODULES, documentation

TOP = pathlib.Path(__file__).resolve().parents[5]
ROWS = finding_types()
CASES = [
    *((row.id, row.remedy_of(None)) for row in ROWS),
    *((f"{row.id}-{name}", remedy) for row in ROWS for name, remedy in row.variants.items()),
]
"""Every remedy of every finding."""
KEYWORDS = {"name", "register", "until", "retries", "delay", "delegate_to", "vars", "when", "loop"}
EVERYWHERE = re.compile(r"ansible\.(windows|builtin)\.[a-z_]+")
"""Collections of modules that a task may use besides ours."""


def by_id(rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.id)


@by_id(ROWS)
def test_every_finding_says_why_it_matters_what_to_do_and_where_that_is_from(row):
    assert row.title and row.why and row.remedy and row.sources
    assert not row.title.endswith(".") and row.why.endswith(".") and row.remedy.endswith(".")
    assert row.scope in ("host", "client", "srv", "fleet")
    assert row.severity in ("error", "warning", "info")
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row.id)


@by_id(ROWS)
def test_causes_come_before_what_they_explain(row):
    """Findings are folded in the order of the file: one that comes before its cause would stand for itself."""
    assert [name for name in row.explains if finding_type(name).rank <= row.rank] == []
    assert row.id not in all_consequences(row.id)


def by_remedy(cases):
    return pytest.mark.parametrize("remedy", [pytest.param(remedy, id=name) for name, remedy in cases])


@by_remedy([case for case in CASES if case[1].task])
def test_every_task_is_one_task_of_a_module_that_is_there(remedy):
    (task,) = yaml.safe_load(remedy.task)
    (module,) = set(task) - KEYWORDS
    assert task["name"]
    if module.startswith("activation.kms."):
        name = module.removeprefix("activation.kms.")
        assert name in MODULES
        assert set(task[module] or {}) <= set(documentation(name)["options"])
    else:
        assert EVERYWHERE.fullmatch(module), module


def spec(options):
    """Return an argument spec made of a module's documented options."""
    kept = {
        name: {word: row[word] for word in ("type", "choices", "required", "elements", "aliases") if word in row}
        for name, row in options.items()
    }
    return {
        name: row | ({"options": spec(options[name]["suboptions"])} if "suboptions" in options[name] else {}) for name, row in kept.items()
    }


@by_remedy([case for case in CASES if case[1].task and re.search(r"^  activation\.kms\.", case[1].task, re.MULTILINE)])
def test_what_a_task_passes_is_what_its_module_takes(remedy):
    # A number does as a text, too; of a placeholder for one of several words the rule has to give the right one.
    (task,) = yaml.safe_load(re.sub(r"<[a-z_ ]+>", "1688", remedy.task))
    module = next(word for word in task if word.startswith("activation.kms."))
    options = documentation(module.removeprefix("activation.kms."))["options"]
    messages = ArgumentSpecValidator(spec(options)).validate(task[module] or {}).error_messages
    assert [message for message in messages if not message.endswith("no match for: 1688")] == []


def unclosed(text):
    """Return brackets and quotes of PowerShell text that do not match, quoted strings taken out first."""
    bare = re.sub(r"""'(?:[^']|'')*'|"(?:[^"`]|`.)*\"""", "", text)
    closing, waiting = {")": "(", "]": "[", "}": "{"}, []
    for char in bare:
        if char in "([{'\"":
            waiting.append(char)
        elif char in closing and (not waiting or waiting.pop() != closing[char]):
            return f"{char} without {closing[char]}"
    return "".join(waiting)


@by_remedy([case for case in CASES if case[1].command or "script:" in (case[1].task or "")])
def test_brackets_and_quotes_of_commands_and_scripts_match(remedy):
    scripts = [remedy.command or ""]
    if remedy.task:
        (task,) = yaml.safe_load(remedy.task)
        scripts += [arguments["script"] for arguments in task.values() if isinstance(arguments, dict) and "script" in arguments]
    assert [unclosed(script) for script in scripts if unclosed(script)] == []
    assert unclosed("Where-Object { $_.Name -eq 'it''s' ") == "{" and unclosed("a ')' \"b") == '"'


def test_records_are_removed_by_their_exact_name_and_port():
    removing = [remedy.command for _, remedy in CASES if remedy.command and "Remove-DnsServerResourceRecord" in remedy.command]
    assert len(removing) == 3
    assert [command for command in removing if "-like" in command or "-eq '<host>'" not in command or "Port -eq" not in command] == []


@by_remedy([case for case in CASES if case[1].command or case[1].task])
def test_commands_and_tasks_need_no_slmgr_and_read_no_whole_service(remedy):
    """The licensing service carries a full product key: it is asked for by columns. slmgr.vbs goes with VBScript."""
    text = f"{remedy.command or ''}{remedy.task or ''}"
    assert not re.search(r"slmgr|ospp\.vbs|cscript", text)
    reads = [line for line in text.splitlines() if "Get-CimInstance" in line]
    assert [line for line in reads if "-Property" not in line and not re.search(r'-Query "SELECT (?!\*)', line)] == []


def test_a_remedy_of_a_case_says_for_which_and_what_to_do():
    rows = [other for row in read_data("findings.yml")["findings"] for other in row.get("variants", {}).values()]
    assert [other for other in rows if not set(other) <= {"case", "remedy", "command", "task"} or not other["case"]] == []
    assert [remedy.text for _, remedy in CASES if not remedy.text.endswith(".")] == []


def test_every_source_is_used_and_named_with_its_address():
    data = read_data("findings.yml")
    used = {name for row in data["findings"] for name in row["sources"]}
    assert used == set(data["sources"])
    assert [text for text in data["sources"].values() if text.count("https://") > 1 or not text.strip()] == []


def test_the_page_is_what_the_catalogue_says():
    spec = importlib.util.spec_from_file_location("generate_findings", TOP / "docs/generate_findings.py")
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    written = generator.PAGE.read_text(encoding="utf-8")
    assert written == generator.page(yaml.safe_load(generator.DATA.read_bytes())), "run: python docs/generate_findings.py"
    assert all(f"### `{row.id}`" in written for row in ROWS)
    # Outside of code, a word in angle brackets would be taken for HTML.
    prose = re.sub(r"```.*?```|`[^`]*`|<!--.*?-->", "", written, flags=re.DOTALL)
    assert re.findall(r"<[a-z]", prose) == []
