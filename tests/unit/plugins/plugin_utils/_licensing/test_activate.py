# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.loader import explain_code
from ansible_collections.activation.kms.plugins.plugin_utils._licensing import activate
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.refusal import NotAppliedError, RefusedError
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import (
    LoginRefusedError,
    MethodFailedError,
    OutcomeUnknownError,
    UnreachableError,
    WindowsError,
)

from tests.unit.plugins.plugin_utils._licensing.fake_windows import FakeClock, FakeWindows, product_row, run_on

UNLICENSED = {"LicenseStatus": 5, "LicenseStatusReason": 0xC004F056}


def machine(*rows, state="Running"):
    windows = FakeWindows(
        {
            "SoftwareLicensingProduct": list(rows),
            "Win32_Service": [{"Name": "sppsvc", "State": state, "StartMode": "Auto", "ProcessId": 4312}],
        }
    )

    def license_it(call):
        for row in windows.rows["SoftwareLicensingProduct"]:
            if row["ID"] == call.keys["ID"]:
                row.update(LicenseStatus=1, LicenseStatusReason=0, GracePeriodRemaining=259200)

    def stop(call):
        set_service(windows, "Stopped", 0)

    def start(call):
        set_service(windows, "Running", 5000)

    windows.methods.update(Activate=license_it, StopService=stop, StartService=start)
    return windows


def set_service(windows, state, process):
    windows.rows["Win32_Service"][0].update(State=state, ProcessId=process)


def run(windows, *, role="any", accept_low_count=False, renew=False, publish=False, check_mode=False, clock=None):
    return activate.apply(
        run_on(windows, clock=clock, check_mode=check_mode), role=role, accept_low_count=accept_low_count, renew=renew, publish=publish
    )


def fail_with(code, then=None):
    def method(call):
        if then:
            then(call)
        raise MethodFailedError("calling Activate", "it failed", code=code)

    return method


def test_an_unlicensed_client_is_activated_and_read_back():
    windows = machine(product_row(**UNLICENSED))
    outcome = run(windows, role="kms_client")
    assert (outcome.changed, outcome.extra["outcome"], outcome.extra["restarted"]) == (True, "activated", False)
    assert (outcome.before["license_status"], outcome.after["license_status"]) == ("notification", "licensed")
    assert windows.written() == ["Activate", "RefreshLicenseStatus"]


def test_what_an_activation_costs_in_conversations():
    def cost(*rows, **options):
        windows = machine(*rows)
        run(windows, **options)
        return windows.conversations

    # The products; Activate, the service's Version, RefreshLicenseStatus, the products; StopService, a look, StartService, a look.
    assert cost(product_row()) == 1
    assert cost(product_row(**UNLICENSED)) == 5
    assert cost(product_row("kms_host", **UNLICENSED)) == 9
    assert cost(product_row("kms_host"), publish=True) == 5


@pytest.mark.parametrize("role", ["kms_client", "mak", "retail"])
def test_what_is_licensed_is_not_activated_again(role):
    windows = machine(product_row(role))
    outcome = run(windows)
    assert (outcome.changed, outcome.extra["outcome"]) == (False, "already_licensed")
    assert windows.written() == []


def test_a_host_that_became_licensed_is_restarted_once_and_says_so():
    windows = machine(product_row("kms_host", **UNLICENSED))
    outcome = run(windows, role="kms_host")
    assert outcome.extra["restarted"] is True
    assert windows.written() == ["Activate", "RefreshLicenseStatus", "StopService", "StartService"]


def test_publish_restarts_a_host_that_was_licensed_before():
    windows = machine(product_row("kms_host"))
    outcome = run(windows, role="kms_host", publish=True)
    assert (outcome.changed, outcome.extra["restarted"], outcome.extra["outcome"]) == (True, True, "already_licensed")
    assert windows.written() == ["StopService", "StartService"]
    assert outcome.before != outcome.after


def test_publish_in_check_mode_writes_nothing_and_says_so():
    windows = machine(product_row("kms_host"))
    outcome = run(windows, role="kms_host", publish=True, check_mode=True)
    assert outcome.would == ["restart the licensing service (sppsvc), so that the host publishes its SRV record"]
    assert windows.written() == []


def test_publish_means_nothing_for_a_client():
    assert not run(machine(product_row()), publish=True).changed


def test_a_licensed_client_with_a_stopped_service_is_left_alone():
    # sppsvc stops by itself on clients (Microsoft events 902 and 903 minutes apart), which is no fault.
    windows = machine(product_row(), state="Stopped")
    assert not run(windows).changed


def test_a_count_too_low_is_an_error_by_default():
    windows = machine(product_row(**UNLICENSED))
    windows.methods["Activate"] = fail_with(0xC004F038)
    with pytest.raises(MethodFailedError) as caught:
        run(windows)
    assert caught.value.code == 0xC004F038


def test_a_count_too_low_is_an_outcome_with_accept_low_count():
    windows = machine(product_row(RequiredClientCount=25, **UNLICENSED))
    windows.methods["Activate"] = fail_with(0xC004F038)
    outcome = run(windows, accept_low_count=True)
    assert (outcome.changed, outcome.extra["outcome"]) == (False, "count_too_low")
    assert "below the minimum of 25" in outcome.message


def test_a_count_too_low_that_moves_the_status_is_changed():
    windows = machine(product_row(LicenseStatus=0))
    windows.methods["Activate"] = fail_with(0xC004F038, lambda call: windows.rows["SoftwareLicensingProduct"][0].update(LicenseStatus=2))
    assert run(windows, accept_low_count=True).changed


WSMAN_CODE, WBEM_E_FAILED = 0x80338003, 0x80041001


@pytest.mark.parametrize("code", [None, WSMAN_CODE, WBEM_E_FAILED])
def test_a_fault_that_does_not_say_why_is_explained_by_the_products_own_reason_and_its_remedy(code):
    windows = machine(product_row(**UNLICENSED))
    windows.methods["Activate"] = fail_with(
        code, lambda call: windows.rows["SoftwareLicensingProduct"][0].update(LicenseStatusReason=0xC004F074)
    )
    with pytest.raises(MethodFailedError) as caught:
        run(windows, accept_low_count=True)
    known = explain_code(0xC004F074)
    assert (caught.value.code, caught.value.symbol) == (0xC004F074, "SL_E_VL_BINDING_SERVICE_UNAVAILABLE")
    assert (caught.value.meaning, caught.value.next_step) == (known.meaning, known.remedy.rstrip("."))
    assert "the product's own reason is 0xC004F074" in caught.value.detail


@pytest.mark.parametrize("code", [0x80070005, 0x800706BA, 0x80041002, 0xC004F074])
def test_a_fault_that_says_why_is_believed_and_its_own_next_step_stays(code):
    windows = machine(product_row(**UNLICENSED))

    def fail(call):
        raise MethodFailedError("calling Activate", "it failed", code=code, next_step="do this")

    windows.methods["Activate"] = fail
    with pytest.raises(MethodFailedError) as caught:
        run(windows)
    assert (caught.value.code, caught.value.next_step) == (code, "do this")


def test_a_count_too_low_is_found_in_the_products_own_reason_when_the_fault_names_no_code():
    windows = machine(product_row(**UNLICENSED))
    windows.methods["Activate"] = fail_with(
        0x80338003, lambda call: windows.rows["SoftwareLicensingProduct"][0].update(LicenseStatusReason=0xC004F038)
    )
    assert run(windows, accept_low_count=True).extra["outcome"] == "count_too_low"


def test_a_fault_with_a_licensing_code_is_believed_before_the_products_reason():
    windows = machine(product_row(**UNLICENSED))
    windows.methods["Activate"] = fail_with(0xC004F074)
    with pytest.raises(MethodFailedError) as caught:
        run(windows)
    assert caught.value.code == 0xC004F074


def test_accept_low_count_accepts_nothing_else():
    windows = machine(product_row(**UNLICENSED))
    windows.methods["Activate"] = fail_with(0xC004F074)
    with pytest.raises(MethodFailedError):
        run(windows, accept_low_count=True)


def test_a_lost_answer_with_the_product_licensed_is_changed():
    windows = machine(product_row(**UNLICENSED))
    license_it = windows.methods["Activate"]

    def lost(call):
        license_it(call)
        raise OutcomeUnknownError("calling Activate", "the machine gave up waiting")

    windows.methods["Activate"] = lost
    assert run(windows).extra["outcome"] == "activated"
    assert windows.written() == ["Activate"]


def test_a_lost_answer_with_the_old_state_is_a_failure():
    windows = machine(product_row(**UNLICENSED))

    def lost(call):
        raise OutcomeUnknownError("calling Activate", "the machine gave up waiting")

    windows.methods["Activate"] = lost
    with pytest.raises(NotAppliedError, match="Activate was not applied"):
        run(windows)
    assert windows.written() == ["Activate"]


def test_success_without_a_licence_is_a_failure_with_the_reason():
    windows = machine(product_row(**UNLICENSED))
    windows.methods["Activate"] = lambda call: None
    with pytest.raises(NotAppliedError, match="shows notification: 0xC004F056 SL_E_VL_MACHINE_NOT_BOUND"):
        run(windows)


def test_renew_asks_for_new_validity_of_a_client():
    windows = machine(product_row(GracePeriodRemaining=1000))
    assert run(windows, renew=True).changed
    assert "Activate" in windows.written()


@pytest.mark.parametrize("role", ["kms_host", "mak", "retail"])
def test_renew_is_refused_where_microsoft_counts_activations(role):
    with pytest.raises(RefusedError, match="would use up another of the activations"):
        run(machine(product_row(role)), renew=True)


def test_an_evaluation_is_refused():
    with pytest.raises(RefusedError, match="is an evaluation"):
        run(machine(product_row("evaluation", **UNLICENSED)))


def test_token_only_is_refused():
    with pytest.raises(RefusedError, match="token-based activation only"):
        run(machine(product_row(VLActivationTypeEnabled=3, **UNLICENSED)))


def test_a_missing_role_is_refused_with_the_module_that_brings_it():
    with pytest.raises(
        RefusedError,
        match=r"nothing to activate in the role kms_client: this machine has .*mak.*Next: install the key with activation.kms.client_key",
    ):
        run(machine(product_row("mak")), role="kms_client")


def test_a_missing_role_in_check_mode_is_a_would_line_and_changed():
    windows = machine(product_row("mak"))
    outcome = run(windows, role="kms_client", check_mode=True)
    assert outcome.changed
    assert outcome.would == ["activate the kms_client product, once it has its key"]


def test_check_mode_writes_nothing_and_names_the_restart_of_a_host():
    windows = machine(product_row("kms_host", **UNLICENSED))
    outcome = run(windows, role="kms_host", check_mode=True)
    assert outcome.changed
    assert len(outcome.would) == 2
    assert "restart the licensing service" in outcome.would[1]
    assert outcome.before.keys() == outcome.after.keys()
    assert windows.written() == []


def test_two_keyed_windows_products_are_refused_and_none_is_taken():
    windows = machine(product_row(**UNLICENSED), product_row("mak", ID="other", **UNLICENSED))
    with pytest.raises(RefusedError, match="nothing tells which is in use"):
        run(windows)
    assert windows.written() == []


def test_a_host_is_not_left_stopped_when_the_order_to_start_it_was_lost():
    windows = machine(product_row("kms_host"))
    start = windows.methods["StartService"]

    def lost_once(call):
        windows.methods["StartService"] = start
        raise OutcomeUnknownError("calling StartService", "the connection was lost")

    windows.methods["StartService"] = lost_once
    assert run(windows, role="kms_host", publish=True).extra["restarted"]
    assert windows.written() == ["StopService", "StartService", "StartService"]


def away():
    return UnreachableError("reading Win32_Service", "the connection was lost", next_step="check the network")


def stop_and_go_away(windows, *, lost):
    stop = windows.methods["StopService"]

    def method(call):
        stop(call)
        windows.errors["Win32_Service"] = away()
        if lost:
            raise OutcomeUnknownError("calling StopService", "the connection was lost")

    windows.methods["StopService"] = method


@pytest.mark.parametrize("lost", [True, False])
def test_a_host_that_was_told_to_stop_is_started_when_the_machine_is_back(lost):
    windows = machine(product_row("kms_host"))
    stop_and_go_away(windows, lost=lost)
    assert run(windows, role="kms_host", publish=True, clock=windows.back_after(30)).extra["restarted"]
    assert windows.written() == ["StopService", "StartService"]


@pytest.mark.parametrize("lost", [True, False])
def test_a_host_that_may_have_been_left_stopped_is_said_to_be(lost):
    windows = machine(product_row("kms_host"))
    stop_and_go_away(windows, lost=lost)
    with pytest.raises(UnreachableError) as caught:
        run(windows, role="kms_host", publish=True)
    assert str(caught.value) == (
        "the licensing service (sppsvc) was told to stop; then reading Win32_Service: the connection was lost. Next: check the network; "
        "then see that the service sppsvc runs on this machine: a KMS host whose service stands still answers no client."
    )


def test_an_order_to_start_that_could_not_be_sent_is_given_again():
    windows = machine(product_row("kms_host"))
    start = windows.methods["StartService"]

    def unsent_once(call):
        windows.methods["StartService"] = start
        windows.errors["Win32_Service"] = away()
        raise UnreachableError("calling StartService", "connection refused")

    windows.methods["StartService"] = unsent_once
    assert run(windows, role="kms_host", publish=True, clock=windows.back_after(5)).extra["restarted"]
    assert windows.written() == ["StopService", "StartService", "StartService"]


def test_a_login_refused_in_the_middle_of_a_restart_is_not_tried_again_and_says_that_the_service_may_stand_still():
    windows = machine(product_row("kms_host"))
    refused = LoginRefusedError("calling StartService", "the machine refused the login (HTTP 401)")

    def refuse(call):
        raise refused

    windows.methods["StartService"] = refuse
    with pytest.raises(LoginRefusedError, match=r"was told to stop; then calling StartService: .* Next: see that the service sppsvc runs"):
        run(windows, role="kms_host", publish=True)
    assert windows.written() == ["StopService", "StartService"]


def test_a_start_that_fails_says_that_the_service_was_stopped():
    windows = machine(product_row("kms_host"))
    windows.methods["StartService"] = fail_with(14)
    with pytest.raises(MethodFailedError, match=r"^the licensing service \(sppsvc\) was stopped; then calling"):
        run(windows, role="kms_host", publish=True)


def test_a_service_that_does_not_stop_is_an_error_with_its_state():
    windows = machine(product_row("kms_host", **UNLICENSED))
    windows.methods["StopService"] = lambda call: set_service(windows, "Stop Pending", 4312)
    clock = FakeClock()
    with pytest.raises(WindowsError, match=r"is licensed now; then waiting for .* to be stopped: it is stop pending after 60 s"):
        run(windows, role="kms_host", clock=clock.clock)


def test_a_service_that_started_by_itself_in_between_is_no_error():
    windows = machine(product_row("kms_host"))

    def busy(call):
        set_service(windows, "Running", 5000)
        raise MethodFailedError("calling StartService", "already running", code=10)

    windows.methods["StartService"] = busy
    assert run(windows, role="kms_host", publish=True).extra["restarted"]


@pytest.mark.parametrize("state", ["Running", "Start Pending"])
def test_a_service_that_another_program_started_before_it_was_seen_stopped_was_restarted_all_the_same(state):
    windows = machine(product_row("kms_host"))
    clock = FakeClock()

    def started_by_others(call):
        set_service(windows, state, 5000)

    def run_at_last(seconds):
        clock.elapsed += seconds
        set_service(windows, "Running", 5000)

    windows.methods["StopService"] = started_by_others
    outcome = run(windows, role="kms_host", publish=True, clock=dataclasses.replace(clock.clock, sleep=run_at_last))
    assert outcome.extra["restarted"]
    assert windows.written() == ["StopService"]
    assert clock.elapsed <= 1


def test_a_stop_that_fails_because_another_program_was_first_is_no_error():
    windows = machine(product_row("kms_host"))

    def too_late(call):
        set_service(windows, "Running", 5000)
        raise MethodFailedError("calling StopService", "the method returned 6", code=6)

    windows.methods["StopService"] = too_late
    assert run(windows, role="kms_host", publish=True).extra["restarted"]
    assert windows.written() == ["StopService"]


def test_the_same_process_as_before_is_no_restart():
    windows = machine(product_row("kms_host"))
    windows.methods["StopService"] = lambda call: None
    with pytest.raises(WindowsError, match="it is running after 60 s"):
        run(windows, role="kms_host", publish=True)


def test_where_windows_names_no_process_the_state_decides():
    windows = machine(product_row("kms_host"))
    set_service(windows, "Running", None)
    assert run(windows, role="kms_host", publish=True).extra["restarted"]
    assert windows.written() == ["StopService", "StartService"]


def test_what_fails_after_an_activation_says_that_it_was_accepted():
    windows = machine(product_row(**UNLICENSED))

    def refresh(call):
        raise MethodFailedError("calling RefreshLicenseStatus", "it failed", code=0xC004D302)

    windows.methods["RefreshLicenseStatus"] = refresh
    with pytest.raises(MethodFailedError, match=r"Windows accepted the activation of .*; then calling RefreshLicenseStatus: it failed"):
        run(windows)
    assert windows.written() == ["Activate", "RefreshLicenseStatus"]
