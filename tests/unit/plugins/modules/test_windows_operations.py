# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PowerShell wrapper by itself: what it says of itself is true, it keeps to the rules of the house, and its parts do what they promise.

One PowerShell process answers all questions. That the whole works, through Ansible and against a machine, is for tests/system.
"""

from __future__ import annotations

import json
import pathlib
import subprocess

import pytest
import yaml
from ansible_collections.activation.kms.plugins.plugin_utils._windows import powershell, values
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab import engine
from tests.unit.plugins.plugin_utils._windows.strategies import SCALARS, as_read, typed_values
from tests.unit.test_documentation import shape

pytestmark = pytest.mark.powershell

PLUGINS = pathlib.Path(__file__).resolve().parents[4] / "plugins"
WRAPPER = PLUGINS / "modules" / "windows_operations.ps1"
KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"


@pytest.fixture(scope="module")
def ask():
    """Return a function that asks the process a question."""
    found = engine.find()
    assert found is not None
    host = pathlib.Path(__file__).with_name("windows_operations_host.ps1")
    command = [str(found.executable), "-NoProfile", "-NonInteractive", "-File", str(host), "-Path", str(WRAPPER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:

        def question(ask, **more):
            process.stdin.write(json.dumps({"ask": ask, **more}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, process.stderr.read()
            return json.loads(line)

        yield question
        process.stdin.close()


def test_the_wrapper_has_no_syntax_error(ask):
    assert ask("parse") == {"errors": []}


def test_the_specification_of_the_wrapper_is_what_is_documented(ask):
    document = yaml.safe_load(WRAPPER.with_suffix(".yml").read_text(encoding="utf-8"))["DOCUMENTATION"]
    specification = ask("specification")
    assert specification["supports_check_mode"] is True
    assert shape(specification["options"]) == shape(document["options"], "suboptions")


WANTED, SHARED = {"id": 5, "source": "x"}, {"id": 6, "source": "Software Licensing"}
FOREIGN, UNWANTED = {"id": 6, "source": "installer"}, {"id": 7, "source": "licensing"}
NO_SENTENCE = "the message id could not be found"


@pytest.mark.parametrize(
    ("steps", "limit", "ids", "complete", "said"),
    [
        # An error of a record whose sentence is missing is no end, and what other programs wrote counts for nothing.
        ([NO_SENTENCE, WANTED, FOREIGN, NO_SENTENCE, UNWANTED, SHARED, WANTED], 5, ["5", "6", "5"], True, 7),
        ([WANTED, WANTED], 2, ["5", "5"], True, 2),
        ([WANTED, WANTED, FOREIGN, WANTED, WANTED, WANTED], 2, ["5", "5"], False, 4),
        (["NoMatchingEventsFound"], 2, [], True, 1),
        (["NoMatchingLogsFound"], 2, [], True, 1),
        # A reader that fails for ever after some records.
        ([WANTED, "for ever"], 5, ["5"], False, 102),
    ],
)
def test_reading_a_log_goes_on_after_errors_of_records_and_stops_at_its_bounds(ask, steps, limit, ids, complete, said):
    found = ask("events", steps=steps, limit=limit, budget=60, log="Application")
    assert ([row["EventCode"][0] for row in found["rows"]], found["complete"], found["said"]) == (ids, complete, said)
    for row in found["rows"]:
        assert (row["Logfile"], row["ComputerName"], row["InsertionStrings"]) == (["Application"], ["pc01"], ["one", ""])


def test_a_log_of_which_nothing_can_be_read_is_an_error(ask):
    assert ask("events", steps=["for ever"], limit=5, budget=60, log="Application")["error"] == "nothing for for ever"
    denied = ask("events", steps=[], limit=5, budget=60, log="closed")
    assert denied["hresult"] & 0xFFFFFFFF == 0x80070005


def test_no_record_is_taken_once_the_time_is_over(ask):
    found = ask("events", steps=[WANTED, WANTED], limit=5, budget=0, log="Application")
    assert (found["rows"], found["complete"], found["said"]) == ([], False, 1)


def test_only_the_value_of_a_secret_is_a_secret_and_it_is_no_log(ask):
    def secret(options, path=""):
        for name, row in options.items():
            if row.get("no_log"):
                yield f"{path}{name}", row["type"]
            yield from secret(row.get("options") or {}, f"{path}{name}.")

    # On an option that is a list or a dict no_log masks nothing.
    assert list(secret(ask("specification")["options"])) == [("secrets.value", "str")]


def test_the_example_fits_the_specification(ask):
    document = yaml.safe_load(WRAPPER.with_suffix(".yml").read_text(encoding="utf-8"))
    for task in yaml.safe_load(document["EXAMPLES"]):
        given_options = task["activation.kms.windows_operations"]
        known = ask("specification")["options"]
        assert set(given_options) <= set(known)
        for operation in given_options["operations"]:
            ((kind, row),) = operation.items()
            options = known["operations"]["options"][kind]["options"]
            assert {name for name, spec in options.items() if spec.get("required")} <= set(row) <= set(options)


CMDLETS = {
    # Of Windows
    "Get-CimAssociatedInstance",
    "Get-CimInstance",
    "Get-WinEvent",
    "Invoke-CimMethod",
    "New-CimInstance",
    "Resolve-DnsName",
    # Of PowerShell
    "ForEach-Object",
    "Set-StrictMode",
    "Sort-Object",
    "Where-Object",
}


def test_the_wrapper_uses_these_cmdlets_by_their_full_names_and_no_others(ask):
    own = {row["name"] for row in ask("functions")["functions"]}
    assert set(ask("names", before=False)["commands"]) - own == CMDLETS


def test_every_function_has_its_purpose_in_its_help_and_a_name_of_this_collection(ask):
    functions = ask("functions")["functions"]
    assert len(functions) > 10
    for row in functions:
        verb, _dash, noun = row["name"].partition("-")
        assert noun.startswith("AnsibleKms"), row
        # Verbs that Get-Verb lists (Microsoft: Learn, Approved Verbs for PowerShell Commands).
        assert verb in {"ConvertFrom", "ConvertTo", "Get", "Hide", "Invoke", "Test"}, row
        assert row["help"].strip().endswith("."), row


def test_nothing_of_windows_is_touched_before_the_module_object_is_there(ask):
    before = ask("names", before=True)
    assert before["commands"] == ["Set-StrictMode"]
    assert before["types"] == []


def test_the_wrapper_is_written_in_the_language_of_windows_powershell_5(ask):
    newer = {"TernaryExpressionAst", "PipelineChainAst"}
    assert not newer & set(ask("names", before=False)["syntax"])
    # ?? and ??=, ?. and ?[, && and ||, ternary: PowerShell 7 (Microsoft: Learn, about_Operators).
    tokens = {"QuestionQuestion", "QuestionQuestionEquals", "QuestionDot", "QuestionLBracket", "AndAnd", "OrOr", "QuestionMark"}
    assert not tokens & set(ask("tokens")["kinds"])


NET_TYPES = {
    "boolean": "System.Boolean",
    "datetime": "System.DateTime",
    "string": "System.String",
    "uint8": "System.Byte",
    "sint8": "System.SByte",
    **{f"uint{bits}": f"System.UInt{bits}" for bits in (16, 32, 64)},
    **{f"sint{bits}": f"System.Int{bits}" for bits in (16, 32, 64)},
}


def test_an_argument_gets_the_dotnet_type_of_its_cim_type(ask):
    samples = {"boolean": "true", "datetime": "2024-01-31T10:00:00.123456Z", "string": "x"}
    for cim_type, net_type in NET_TYPES.items():
        text = "=" + samples.get(cim_type, "1")
        scalar, array = ask("round_trip", values=[{"type": cim_type, "texts": [text]}, {"type": f"{cim_type}[]", "texts": [text, text]}])[
            "values"
        ]
        assert (scalar["type"], array["type"]) == (net_type, f"{net_type}[]")


def test_every_type_the_collection_knows_goes_through_the_wrapper():
    assert {*NET_TYPES, *(f"{name}[]" for name in NET_TYPES)} == values.CIM_TYPES


@settings(max_examples=60, deadline=None)
@given(st.lists(typed_values(), min_size=1, max_size=40))
def test_values_of_every_type_come_back_from_powershell_as_they_went_in(ask, typed):
    # Null and the empty array are no argument at all; a list of them is one question, because a question costs a pipe's way there and back.
    sent = [one for one in typed if one.value is not None and one.value != []]
    if not sent:
        return
    asked = [{"type": one.cim_type, "texts": [powershell.MARK + text for text in values.encode(one.value, one.cim_type)]} for one in sent]
    for one, answer in zip(sent, ask("round_trip", values=asked)["values"], strict=True):
        # As it arrives in the backend.
        texts = powershell._texts({"column": answer["texts"]}, "testing")["column"]
        assert values.decode(texts, one.cim_type) == as_read(one), one


@settings(max_examples=40, deadline=None)
@given(SCALARS["string"])
def test_a_text_that_looks_like_something_else_stays_a_text(ask, text):
    (answer,) = ask("round_trip", values=[{"type": "string", "texts": [powershell.MARK + text]}])["values"]
    assert answer["texts"] == [text]


def test_null_is_no_text_and_a_null_inside_an_array_keeps_its_place(ask):
    assert ask("texts") == {
        "null": [],
        "wrapped": ["7"],
        "array_with_null": ["a", None, "b"],
        "empty_array": [],
        # A column that the object does not have is left out.
        "row": {"A": ["1"], "B": [], "D": ["x"]},
    }


@pytest.mark.parametrize("dash", ["-", "", "\u2013"])
def test_a_key_is_taken_out_of_an_error_however_it_is_spelled(ask, dash):
    failure = ask("failure", native_code=1, message=f"no: {KEY.replace('-', dash).lower()}!", error_id="x")
    assert failure["message"] == "no: (not shown)!"


def test_an_error_is_told_in_numbers_and_words_and_a_secret_is_taken_out_of_both(ask):
    failure = ask("failure", native_code=9003, message=f"the name {KEY} does not exist", error_id=f"{KEY.lower()},ResolveDnsName")
    assert failure["native_code"] == "9003"
    assert failure["type"] == "System.ComponentModel.Win32Exception"
    assert failure["message"] == "the name (not shown) does not exist"
    assert failure["error_id"] == "(not shown),ResolveDnsName"
    assert powershell.fault_of(failure).code == 9003
