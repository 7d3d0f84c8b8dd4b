# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._licensing import firewall
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.refusal import NotAppliedError, RefusedError
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import MethodFailedError, OutcomeUnknownError, UnreachableError

from tests.unit.plugins.plugin_utils._licensing.fake_windows import FakeWindows, rule_row, run_on, service_row


def machine(*rows, port=0, **registry):
    service = service_row(KeyManagementServiceListeningPort=port)
    windows = FakeWindows({"MSFT_NetFirewallRule": list(rows), "SoftwareLicensingService": [service]}, registry)

    def switch(value):
        def method(call):
            for row in windows.rows["MSFT_NetFirewallRule"]:
                if row["CreationClassName"] == call.keys["CreationClassName"]:
                    row["Enabled"] = value

        return method

    windows.methods.update(Enable=switch(1), Disable=switch(2))
    return windows


def run(windows, enabled=True, *, check_mode=False, clock=None):
    return firewall.set_exception(run_on(windows, check_mode=check_mode, clock=clock), enabled=enabled)


def no_scope(**changes):
    return rule_row(
        InstanceID="SPPSVC-In-TCP-NoScope", CreationClassName="MSFT|FW|FirewallRule|SPPSVC-In-TCP-NoScope", Profiles=1, **changes
    )


def test_a_disabled_rule_is_enabled_by_its_four_keys_and_read_back():
    windows = machine(rule_row())
    outcome = run(windows)
    assert (outcome.changed, outcome.before, outcome.after) == (True, {"SPPSVC-In-TCP": "disabled"}, {"SPPSVC-In-TCP": "enabled"})
    assert windows.calls[0].keys == {
        "CreationClassName": "MSFT|FW|FirewallRule|SPPSVC-In-TCP",
        "PolicyRuleName": "",
        "SystemCreationClassName": "",
        "SystemName": "",
    }


def test_an_enabled_rule_is_left_alone():
    windows = machine(rule_row(Enabled=1))
    assert not run(windows).changed
    assert windows.written() == []


def test_on_client_windows_both_rules_are_enabled():
    windows = machine(rule_row(Enabled=1), no_scope())
    assert run(windows).before == {"SPPSVC-In-TCP": "enabled", "SPPSVC-In-TCP-NoScope": "disabled"}
    assert len(windows.calls) == 1


def test_disabling_works_the_other_way_round():
    assert run(machine(rule_row(Enabled=1)), enabled=False).after == {"SPPSVC-In-TCP": "disabled"}


def test_check_mode_writes_nothing_and_says_what_it_would():
    windows = machine(rule_row())
    outcome = run(windows, check_mode=True)
    assert (outcome.changed, outcome.would) == (True, ["enable the firewall rule SPPSVC-In-TCP"])
    assert windows.written() == []


def test_without_the_rule_it_is_refused():
    with pytest.raises(RefusedError, match="no firewall rule named SPPSVC-In-TCP"):
        run(machine())


def test_a_rule_that_stays_as_it_was_is_a_failure():
    windows = machine(rule_row())
    windows.methods["Enable"] = lambda call: None
    with pytest.raises(NotAppliedError, match="reading it back shows no change"):
        run(windows)


def lose(windows, *, applied):
    enable = windows.methods["Enable"]

    def method(call):
        if applied:
            enable(call)
        raise OutcomeUnknownError("calling Enable", "the connection was closed before the answer")

    windows.methods["Enable"] = method


def test_a_lost_answer_with_the_rules_switched_is_changed_and_every_rule_is_switched_once():
    windows = machine(rule_row(), no_scope())
    lose(windows, applied=True)
    outcome = run(windows)
    assert (outcome.changed, set(outcome.after.values())) == (True, {"enabled"})
    assert windows.written() == ["Enable", "Enable"]


def test_a_lost_answer_with_the_old_state_is_a_failure_and_not_sent_twice():
    windows = machine(rule_row())
    lose(windows, applied=False)
    with pytest.raises(
        NotAppliedError,
        match=r"SPPSVC-In-TCP was not enabled: the connection was closed.*the state is the old one.*not sent a second time\. Next: run the task",
    ):
        run(windows)
    assert windows.written() == ["Enable"]


def away():
    return UnreachableError("reading MSFT_NetFirewallRule", "the connection was lost")


def away_after(windows, *, lost):
    """Have the machine gone right after the call that enables a rule; C(lost): its answer was lost with it."""
    enable = windows.methods["Enable"]

    def method(call):
        enable(call)
        windows.errors["MSFT_NetFirewallRule"] = away()
        if lost:
            raise OutcomeUnknownError("calling Enable", "the connection was closed before the answer")

    windows.methods["Enable"] = method


def test_a_machine_that_is_away_for_a_moment_after_a_lost_answer_is_waited_for():
    windows = machine(rule_row(), no_scope())
    away_after(windows, lost=True)
    clock = windows.back_after(10)
    assert set(run(windows, clock=clock).after.values()) == {"enabled"}
    assert clock.monotonic() == 10
    assert windows.written() == ["Enable", "Enable"]


def test_a_machine_that_stays_away_after_a_lost_answer_is_a_failure_that_says_what_was_sent():
    windows = machine(rule_row())
    away_after(windows, lost=True)
    with pytest.raises(
        NotAppliedError,
        match=r"was not enabled: the connection was closed.*watched for 60 s, and the state could not be read since: reading MSFT",
    ):
        run(windows)


def test_a_read_that_fails_after_a_rule_was_switched_says_so():
    windows = machine(rule_row())
    away_after(windows, lost=False)
    with pytest.raises(
        UnreachableError, match=r"^the firewall rule SPPSVC-In-TCP was enabled; then reading MSFT_NetFirewallRule: the conn"
    ):
        run(windows)


def test_a_call_that_fails_after_another_says_what_became_of_that_one():
    for answer, words in (
        (lambda: None, "the firewall rule SPPSVC-In-TCP was enabled"),
        (lose_it, "the answer to Enable was lost"),
    ):
        windows = machine(rule_row(), no_scope())

        def enable(call, answer=answer):
            if "NoScope" in call.keys["CreationClassName"]:
                raise MethodFailedError("calling Enable", "it failed")
            answer()

        windows.methods["Enable"] = enable
        with pytest.raises(MethodFailedError, match=f"^{words}; then calling Enable: it failed"):
            run(windows)


def lose_it():
    raise OutcomeUnknownError("calling Enable", "the connection was closed before the answer")


def test_another_listening_port_is_warned_of():
    assert "opens 1688 only" in run(machine(rule_row(), port=1700)).warnings[0]


@pytest.mark.parametrize("port", [0, 1688, None, 0xFFFFFFFF])
def test_the_port_of_the_exception_is_not_warned_of(port):
    assert run(machine(rule_row(), port=port)).warnings == []


def test_without_the_licensing_service_the_rules_are_switched_all_the_same():
    windows = machine(rule_row())
    windows.errors["SoftwareLicensingService"] = MethodFailedError("reading SoftwareLicensingService", "it failed")
    assert run(windows).changed
    windows = machine(rule_row())
    windows.rows["SoftwareLicensingService"] = []
    assert run(windows).changed


def test_two_rules_are_switched_in_four_conversations_and_nothing_else_is_asked_to_switch_them_off():
    windows = machine(rule_row(), no_scope())
    run(windows)
    assert windows.conversations == 4
    windows = machine(rule_row(Enabled=1))
    run(windows, enabled=False)
    assert windows.conversations == 3
    assert set(windows.reads) == {firewall.RULE_QUERY}


def test_a_policy_that_ignores_local_rules_is_warned_of():
    outcome = run(machine(rule_row(Profiles=1), AllowLocalPolicyMerge=0))
    assert outcome.warnings == [
        "Group policy ignores local firewall rules in the domain profile (AllowLocalPolicyMerge is 0): "
        "the exception has no effect there until the policy itself allows KMS."
    ]


@pytest.mark.parametrize(("bits", "words"), [(0, ("domain", "private", "public")), (1, ("domain",)), (3, ("domain", "private"))])
def test_profiles_are_words_and_0_is_all_of_them(bits, words):
    assert firewall.read_rules(machine(rule_row(Profiles=bits)))[0].rule.profiles == words
