# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The border: what a task may say, and what leaves it, whatever happens in between."""

from __future__ import annotations

import types

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.activation.kms.plugins.plugin_utils import _action
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.outcome import Outcome
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.refusal import NotAppliedError, RefusedError
from ansible_collections.activation.kms.plugins.plugin_utils._windows.choose import Reached
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import (
    MethodFailedError,
    OutcomeUnknownError,
    UnreachableError,
    WindowsError,
)
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import Invoke, Query

from tests.unit.plugins.plugin_utils._licensing.fake_windows import FakeWindows

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
MASKED = "XXXXX-XXXXX-XXXXX-XXXXX-0A1Z5"
SYSTEM = Query("Win32_OperatingSystem", ("CSName",))
ENABLE = Invoke("MSFT_NetFirewallRule", "Enable")


def task(do, arguments=None, *, variables=None, windows=None, monkeypatch=None, **keywords):
    """Run one task of a module that C(do) is the use case of, and return its result and how its machine was opened."""

    class Module(_action.KmsAction):
        SPEC = {
            **_action.CONFIRM_OPTIONS,
            **_action.KEY_OPTIONS,
            "key": {"type": "str", "no_log": True},
            "count": {"type": "int"},
            "state": {"type": "str", "choices": ["absent", "present"], "default": "absent"},
        }
        REQUIRED_IF = [("state", "present", ["key"])]

        def use_case(self, options):
            return do(self, options)

    connection = connection_loader.get("winrm", PlayContext(), None)
    defaults = {"args": arguments or {}, "action": "activation.kms.example", "async_val": 0, "check_mode": False, "diff": False}
    asked = types.SimpleNamespace(**{**defaults, "delegate_to": None, **keywords})
    templar = types.SimpleNamespace(template=lambda value: "powershell" if value == "{{ a_choice }}" else value)
    action = Module(asked, connection, None, None, templar, None)
    opened = []

    def open_windows(_connection, _execute, *, backend, sleep, progress, warn):
        opened.append(backend)
        machine = windows or FakeWindows()
        return Reached(machine, None, may_change_over=False, warn=warn)

    monkeypatch.setattr(_action, "open_windows", open_windows)
    return action.run(task_vars={"inventory_hostname": "srv01", **(variables or {})}), opened


@pytest.fixture
def run(monkeypatch):
    return lambda do, *arguments, **keywords: task(do, *arguments, monkeypatch=monkeypatch, **keywords)


def look(action, options):
    action.windows().read([SYSTEM])
    return {"seen": True}


def fail_with(error, *, after=()):
    """Return a use case that makes calls and then meets an error."""

    def do(action, options):
        windows = action.begin(options).windows
        windows.read([SYSTEM])
        for call in after:
            windows.invoke(call)
        raise error

    return do


# Options


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"no_such_option": 1}, "no_such_option"),
        ({"count": "many"}, "count"),
        ({"state": "gone"}, "absent, present"),
        ({"state": "present"}, "state is present but all of the following are missing: key"),
        ({"backend": "telnet"}, "auto, powershell, wsman"),
    ],
)
def test_options_that_do_not_fit_fail_before_anything_is_done(run, arguments, words):
    result, opened = run(look, arguments)
    assert result["failed"] is True
    assert words in result["msg"]
    assert result["changed"] is False
    assert opened == []
    assert "backend" not in result


def test_a_key_in_the_wrong_option_is_not_shown(run):
    result, _ = run(look, {"count": KEY})
    assert result["failed"] is True
    assert MASKED in result["msg"]
    assert KEY not in str(result)


def test_a_use_case_gets_the_options_with_their_defaults_and_its_circumstances(run):
    seen = []

    def do(action, options):
        made = action.begin(options)
        seen.append((options["state"], made.check_mode, made.confirm_timeout))
        return {}

    run(do, {"count": "5"}, check_mode=True)
    run(do, {"confirm_timeout": 600, "count": 5})
    assert seen == [("absent", True, 60.0), ("absent", False, 600.0)]


@pytest.mark.parametrize("seconds", [-1, 601])
def test_a_time_out_of_range_is_refused_before_the_machine_is_reached_for(run, seconds):
    result, opened = run(fail_with(AssertionError()), {"confirm_timeout": seconds})
    assert result["error"]["refused"] == f"confirm_timeout is {seconds}, but it must be between 0 and 600 seconds"
    assert result["msg"].endswith("Nothing was changed. Next: give a number of seconds in that range, or leave the option out.")
    assert opened == []


@pytest.mark.parametrize("key", [KEY.lower(), f" {KEY} ", KEY.replace("-", "")])
def test_a_key_is_taken_in_every_spelling_and_refused_without_its_shape(run, key):
    taken = []
    run(lambda action, options: taken.append(action.product_key(options).text) or {}, {"key": key})
    assert taken == [KEY]
    result, _ = run(lambda action, options: action.product_key(options) and {}, {"key": key.strip()[:-1]})
    assert "not five groups of five" in result["error"]["refused"]
    assert key.strip()[:-1] not in str(result)


# The backend


def test_the_backend_that_was_used_is_in_every_result_once_the_machine_was_tried(run):
    assert run(look)[0]["backend"] == "fake"
    for error in (
        WindowsError("reading", "it failed"),
        UnreachableError("reading", "no route"),
        RefusedError("this is refused", "do that"),
        NotAppliedError("it was not applied", "do that"),
        RuntimeError("a mistake"),
    ):
        assert run(fail_with(error))[0]["backend"] == "fake"
    assert "backend" not in run(lambda action, options: {})[0]


@pytest.mark.parametrize(
    ("arguments", "variables", "delegate_to", "wanted"),
    [
        ({}, {}, None, "auto"),
        ({}, {"activation_kms_backend": None}, None, "auto"),
        ({}, {"activation_kms_backend": "wsman"}, None, "wsman"),
        ({}, {"activation_kms_backend": " powershell "}, None, "powershell"),
        ({}, {"activation_kms_backend": "{{ a_choice }}"}, None, "powershell"),
        ({"backend": "auto"}, {"activation_kms_backend": "wsman"}, None, "auto"),
        ({"backend": "powershell"}, {"activation_kms_backend": "no backend"}, None, "powershell"),
        # It is the machine that is managed whose variable counts.
        (
            {},
            {"activation_kms_backend": "wsman", "ansible_delegated_vars": {"kms01": {"activation_kms_backend": "powershell"}}},
            "kms01",
            "powershell",
        ),
        ({}, {"activation_kms_backend": "wsman", "ansible_delegated_vars": {"kms01": {}}}, "kms01", "auto"),
    ],
)
def test_the_option_counts_before_the_variable_of_the_machine_that_is_managed(run, arguments, variables, delegate_to, wanted):
    assert run(look, arguments, variables=variables, delegate_to=delegate_to)[1] == [wanted]


@pytest.mark.parametrize(("delegate_to", "machine"), [(None, "srv01"), ("kms01", "kms01")])
def test_a_variable_that_names_no_backend_is_refused_with_its_machine(run, delegate_to, machine):
    variables = {"activation_kms_backend": "winrm", "ansible_delegated_vars": {"kms01": {"activation_kms_backend": "winrm"}}}
    result, opened = run(look, variables=variables, delegate_to=delegate_to)
    assert result["failed"] is True
    assert result["error"]["refused"] == f"the variable activation_kms_backend of {machine} is 'winrm', which is no backend"
    assert result["error"]["next_step"] == "set it to one of auto, powershell, wsman, or leave it out"
    assert opened == []


# Results


def test_warnings_of_the_way_and_of_the_outcome_are_both_in_the_result_of_failures_too(run):
    def do(action, options):
        action._warnings.append("another way was taken")
        look(action, options)
        return action.changes(Outcome(changed=True, warnings=["it has no effect"], message="Done."))

    assert run(do)[0]["warnings"] == ["another way was taken", "it has no effect"]

    def fail(action, options):
        do(action, options)
        raise WindowsError("reading", "it failed")

    assert run(fail)[0]["warnings"] == ["another way was taken", "it has no effect"]
    assert "warnings" not in run(look)[0]


@pytest.mark.parametrize("diff", [False, True])
def test_a_diff_is_there_when_it_is_asked_for(run, diff):
    outcome = Outcome(changed=True, before={"a": 1}, after={"a": 2}, message="Done.", extra={"more": 3})
    result, _ = run(lambda action, options: action.changes(outcome), diff=diff)
    assert (result["changed"], result["msg"], result["would"], result["more"]) == (True, "Done.", [], 3)
    assert result.get("diff") == ({"before": {"a": 1}, "after": {"a": 2}} if diff else None)


def test_each_kind_of_error_has_its_parts_and_one_line(run):
    error = MethodFailedError("calling Enable", "it failed", code=0x80070005, symbol="E", meaning="It means this", next_step="do that")
    result, _ = run(fail_with(error))
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["msg"] == "calling Enable: it failed (0x80070005 E). It means this. Next: do that."
    assert result["error"] == {
        "doing": "calling Enable",
        "detail": "it failed",
        "code": "0x80070005",
        "symbol": "E",
        "meaning": "It means this",
        "next_step": "do that",
    }
    result, _ = run(fail_with(UnreachableError("reading", "no route")))
    assert (result["unreachable"], "failed" in result, result["error"]["detail"]) == (True, False, "no route")
    result, _ = run(fail_with(RefusedError("this is refused", "do that")))
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["error"] == {"refused": "this is refused", "next_step": "do that"}
    result, _ = run(fail_with(NotAppliedError("it was not applied", "do that")))
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["error"] == {"not_applied": "it was not applied", "next_step": "do that"}


def lost(call):
    raise OutcomeUnknownError("calling Enable", "the answer was lost")


@pytest.mark.parametrize(("after", "changed"), [((), False), ((ENABLE,), True)])
@pytest.mark.parametrize(
    "error", [WindowsError("reading", "it failed"), UnreachableError("reading", "no route"), RuntimeError("a mistake")]
)
def test_an_error_after_a_call_was_carried_out_is_changed(run, error, after, changed):
    assert run(fail_with(error, after=after), windows=FakeWindows(methods={"Enable": lambda call: None}))[0]["changed"] is changed


def test_a_call_whose_answer_was_lost_is_changed_and_one_that_failed_is_not(run):
    def refuse(call):
        raise MethodFailedError("calling Enable", "it failed")

    for method, changed in ((lost, True), (refuse, False)):
        result, _ = run(fail_with(AssertionError(), after=(ENABLE,)), windows=FakeWindows(methods={"Enable": method}))
        assert (result["failed"], result["changed"]) == (True, changed)


@pytest.mark.parametrize(
    "error",
    [
        WindowsError("reading", f"it has {KEY} in it"),
        UnreachableError("reading", f"it has {KEY} in it"),
        RefusedError(f"it has {KEY} in it", "do that"),
        NotAppliedError("it was not applied", f"do not show {KEY}"),
        ValueError(f"it has {KEY} in it"),
        RuntimeError(f"it has {KEY} in it"),
        KeyError(KEY),
    ],
)
def test_no_key_leaves_in_the_text_of_any_error(run, error):
    result, _ = run(fail_with(error))
    assert KEY not in str(result)
    assert MASKED in result["msg"]


def test_no_key_leaves_in_a_result_or_a_progress_line(run, capsys):
    def do(action, options):
        action.notify(f"waiting for {KEY}")
        action._warnings.append(f"a warning with {KEY}")
        action.windows()
        return {"deep": [{KEY: (KEY, 1)}], "plain": "text"}

    result, _ = run(do)
    assert result["deep"] == [{MASKED: [MASKED, 1]}]
    assert result["warnings"] == [f"a warning with {MASKED}"]
    assert capsys.readouterr().err.strip() == f"activation.kms: srv01: waiting for {MASKED}"


def test_a_mistake_of_our_own_names_its_kind_and_place_and_asks_for_a_report(run):
    result, _ = run(fail_with(RuntimeError("a mistake")))
    assert result["msg"].startswith("activation.kms met an error of its own, RuntimeError in test__action.py:")
    assert result["msg"].endswith("Please report it; the machine's state is what activation_info says.")
    # Those are raised for what a user gave, and their text says what.
    assert run(fail_with(ValueError("the number is too large")))[0]["msg"] == "the number is too large"
