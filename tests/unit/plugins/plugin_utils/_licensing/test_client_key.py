# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._keys import parse_key
from ansible_collections.activation.kms.plugins.plugin_utils._licensing import client_key, install, read
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.refusal import NotAppliedError, RefusedError
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import (
    LoginRefusedError,
    MethodFailedError,
    OutcomeUnknownError,
    WindowsError,
)

from tests.unit.plugins.plugin_utils._licensing.fake_windows import FakeClock, FakeWindows, client_os_row, os_row, product_row, run_on

PRO_GVLK = "W269N-WFGWX-YVC9B-4J6C9-T83GX"
UNLISTED = "LABUN-LISTE-DKEY0-OOOOO-0A1Z5"


def put(windows, role="kms_client", **changes):
    """Return an InstallProductKey that puts the key into a product of this role, as Windows does."""

    def method(call):
        key = call.arguments["ProductKey"]
        windows.rows["SoftwareLicensingProduct"] = [product_row(role, key[-5:], LicenseStatus=5, LicenseStatusReason=0xC004F056, **changes)]

    return method


def run(windows, *, wanted=None, convert_from=(), allow_unlisted_key=False, check_mode=False, confirm_timeout=60.0):
    return client_key.apply(
        run_on(windows, check_mode=check_mode, confirm_timeout=confirm_timeout),
        parse_key(wanted) if wanted else None,
        convert_from=convert_from,
        allow_unlisted_key=allow_unlisted_key,
    )


def machine(*rows, os=None, edition="ServerDatacenter"):
    windows = FakeWindows({"SoftwareLicensingProduct": list(rows), "Win32_OperatingSystem": [os or os_row()]}, {"EditionID": edition})
    windows.methods["InstallProductKey"] = put(windows)
    return windows


def test_auto_takes_the_key_of_edition_and_build_and_reads_it_back():
    windows = machine()
    outcome = run(windows)
    assert outcome.changed
    assert outcome.extra == {"key_of": "Windows Server 2022 Datacenter", "partial_key": "6VM33", "converted_from": None}
    assert outcome.before["partial_key"] is None
    assert outcome.after["partial_key"] == "6VM33"
    assert windows.written() == ["InstallProductKey", "RefreshLicenseStatus"]


def test_a_conversion_takes_four_conversations_and_a_comparison_one():
    windows = machine(product_row("mak", "AAAAA"))
    run(windows, convert_from=["mak"])
    assert windows.conversations == 4
    assert {call.keys["Version"] for call in windows.calls} == {"10.0.20348.2227"}
    windows = machine(product_row())
    run(windows)
    assert windows.conversations == 1


def test_a_version_that_cannot_be_read_matters_only_where_a_key_goes_in():
    away = WindowsError("reading SoftwareLicensingService", "it failed")
    windows = machine(product_row())
    windows.errors["SoftwareLicensingService"] = away
    assert not run(windows).changed
    windows = machine()
    windows.errors["SoftwareLicensingService"] = away
    with pytest.raises(WindowsError, match="reading SoftwareLicensingService: it failed"):
        run(windows)
    assert windows.written() == []


def test_the_right_key_is_left_alone():
    windows = machine(product_row())
    outcome = run(windows)
    assert not outcome.changed
    assert windows.written() == []
    assert outcome.before == outcome.after


def test_the_client_key_of_another_edition_is_replaced():
    windows = machine(product_row(partial="AAAAA"))
    assert run(windows).changed


def test_a_mak_is_refused_without_convert_from():
    windows = machine(product_row("mak", "AAAAA"))
    with pytest.raises(
        RefusedError,
        match=r"converts it from the channel mak.*Nothing was changed\. Next: if that is what you want, set convert_from: \[mak\]",
    ):
        run(windows)
    assert windows.written() == []


def test_a_mak_is_converted_when_convert_from_names_it():
    outcome = run(machine(product_row("mak", "AAAAA")), convert_from=["mak"])
    assert outcome.extra["converted_from"] == "mak"
    assert (outcome.before["channel"], outcome.after["channel"]) == ("mak", "kms_client")


def test_convert_from_another_channel_does_not_let_a_kms_host_go():
    with pytest.raises(RefusedError, match="channel kms_host"):
        run(machine(product_row("kms_host", "AAAAA")), convert_from=["mak"])


def test_check_mode_writes_nothing_and_says_what_it_would():
    windows = machine(product_row("mak", "AAAAA"))
    outcome = run(windows, convert_from=["mak"], check_mode=True)
    assert outcome.changed
    assert windows.written() == []
    assert outcome.would == [
        "install the client key of Windows Server 2022 Datacenter (...6VM33) in place of Windows(R), ServerDatacenter edition (mak, key ...AAAAA)"
    ]
    assert outcome.before.keys() == outcome.after.keys()


def test_an_evaluation_edition_is_refused_with_the_way_to_convert_it():
    with pytest.raises(RefusedError, match="evaluation edition .*DISM /Online /Set-Edition"):
        run(machine(product_row("evaluation"), edition="ServerDatacenterEval"))


def test_an_edition_without_volume_licensing_is_refused():
    with pytest.raises(RefusedError, match="edition without volume licensing"):
        run(machine(os=client_os_row(Caption="Microsoft Windows 11 Home"), edition="Core"))


def test_an_edition_that_the_catalogue_does_not_hold_is_refused_with_the_option():
    with pytest.raises(RefusedError, match="has no client key for .*EditionID ServerNeverHeardOf.*allow_unlisted_key"):
        run(machine(edition="ServerNeverHeardOf"))


def test_a_machine_without_edition_id_is_refused():
    with pytest.raises(RefusedError, match="the catalogue has no client key"):
        run(machine(edition=None))


def test_a_listed_key_of_another_edition_is_refused():
    with pytest.raises(RefusedError, match="ending in T83GX is the client key of Windows 10 / Windows 11 Pro; this machine is .*key: auto"):
        run(machine(), wanted=PRO_GVLK)


def test_a_key_that_is_not_listed_is_refused():
    with pytest.raises(RefusedError, match="ending in 0A1Z5 is not in the catalogue"):
        run(machine(), wanted=UNLISTED)


def test_a_key_that_is_not_listed_goes_in_with_allow_unlisted_key():
    assert run(machine(), wanted=UNLISTED, allow_unlisted_key=True).extra["partial_key"] == "0A1Z5"


def test_an_unlisted_key_that_turns_out_to_be_a_mak_is_an_error():
    windows = machine()
    windows.methods["InstallProductKey"] = put(windows, "mak")
    with pytest.raises(
        NotAppliedError, match=r"was installed, but it is no KMS client key.*Next: .* key: auto and convert_from: \[mak\]\."
    ):
        run(windows, wanted=UNLISTED, allow_unlisted_key=True)


def test_an_unlisted_key_that_was_a_mak_is_refused_again_the_second_time():
    windows = machine(product_row("mak", "0A1Z5"))
    with pytest.raises(RefusedError, match="ending in 0A1Z5 is in already, but it is no KMS client key"):
        run(windows, wanted=UNLISTED, allow_unlisted_key=True)
    assert windows.written() == []


def test_an_evaluation_by_its_key_is_refused_and_no_option_is_offered_that_does_not_exist():
    with pytest.raises(RefusedError, match="an evaluation; it takes no volume licence key.*DISM"):
        run(machine(product_row("evaluation", "AAAAA")))


def test_a_login_refused_while_watching_is_not_tried_again():
    windows = machine(product_row(partial="AAAAA"))

    def method(call):
        windows.errors["SoftwareLicensingProduct"] = LoginRefusedError("reading", "the machine refused the login (HTTP 401)")
        raise OutcomeUnknownError("calling InstallProductKey", "the connection was closed before the answer")

    windows.methods["InstallProductKey"] = method
    with pytest.raises(NotAppliedError, match="the machine refused the login"):
        run(windows)
    tried_after = [operation for operation in windows.reads if operation is read.PRODUCT_QUERY]
    assert len(tried_after) == 2, "one before the change, one after it"


def test_two_keyed_windows_products_are_refused():
    with pytest.raises(RefusedError, match="nothing tells which is in use"):
        run(machine(product_row(), product_row("mak", ID="other")))


def test_the_code_of_windows_comes_through():
    windows = machine()

    def fail(call):
        raise MethodFailedError("calling InstallProductKey", "it failed", code=0xC004F069)

    windows.methods["InstallProductKey"] = fail
    with pytest.raises(MethodFailedError) as caught:
        run(windows)
    assert caught.value.code == 0xC004F069


def lose_answer(windows, after):
    def method(call):
        after(call)
        raise OutcomeUnknownError("calling InstallProductKey", "the connection was closed before the answer")

    windows.methods["InstallProductKey"] = method


def test_a_lost_answer_with_the_new_key_seen_is_changed_without_a_second_write():
    windows = machine()
    lose_answer(windows, put(windows))
    outcome = run(windows)
    assert outcome.changed
    assert windows.written() == ["InstallProductKey"]


def test_a_lost_answer_with_the_old_state_is_a_failure_after_the_time_given_and_no_second_write():
    windows = machine(product_row(partial="AAAAA"))
    lose_answer(windows, lambda call: None)
    with pytest.raises(
        NotAppliedError,
        match="InstallProductKey was not applied.*watched for 60 s, and the state is the old one. It was not sent a second time",
    ):
        run(windows)
    assert windows.written() == ["InstallProductKey"]


def test_a_lost_answer_whose_effect_shows_late_is_changed():
    windows = machine()
    lose_answer(windows, lambda call: None)
    clock = FakeClock()
    late = put(windows)
    sleep = clock.clock.sleep

    def wait(seconds):
        sleep(seconds)
        if clock.elapsed > 10:
            late(windows.calls[0])

    slow = dataclasses.replace(clock.clock, sleep=wait)
    products = install.install_key(run_on(windows, clock=slow), parse_key("WX4NM-KYWYW-QJJR4-XV3QB-6VM33"), {"Version": "10.0"})
    assert products[0].partial_key == "6VM33"
    assert 10 < clock.elapsed < 20


def test_a_lost_answer_to_the_refresh_does_not_matter_when_the_key_is_in():
    windows = machine()

    def refresh(call):
        raise OutcomeUnknownError("calling RefreshLicenseStatus", "the connection was closed before the answer")

    windows.methods.update(InstallProductKey=put(windows), RefreshLicenseStatus=refresh)
    assert run(windows).changed
    assert windows.written() == ["InstallProductKey", "RefreshLicenseStatus"]


def test_a_refresh_that_fails_after_the_key_went_in_says_that_the_key_is_in():
    windows = machine()

    def refresh(call):
        raise MethodFailedError("calling RefreshLicenseStatus", "it failed", code=0xC004D302, next_step="restart the machine")

    windows.methods["RefreshLicenseStatus"] = refresh
    with pytest.raises(MethodFailedError) as caught:
        run(windows)
    wanted = "the product key ending in 6VM33 is in; then calling RefreshLicenseStatus: it failed (0xC004D302). Next: restart the machine."
    assert caught.value.line() == str(caught.value) == wanted
    assert caught.value.as_result()["doing"].startswith("the product key ending in")


def test_a_read_that_fails_after_the_key_went_in_says_that_the_key_is_in():
    windows = machine()

    def put_and_go(call):
        windows.errors["SoftwareLicensingProduct"] = WindowsError("reading SoftwareLicensingProduct", "no answer came in time")

    windows.methods["InstallProductKey"] = put_and_go
    with pytest.raises(WindowsError, match=r"^the product key ending in \w{5} is in; then reading SoftwareLicensingProduct: no answer"):
        run(windows)


def test_an_edition_that_cannot_be_read_is_not_taken_for_one_without_a_key():
    windows = machine()
    windows.errors["EditionID"] = WindowsError("reading the registry value EditionID", "access denied")
    with pytest.raises(WindowsError, match="EditionID: access denied"):
        run(windows)
    assert windows.written() == []


def test_windows_accepting_a_key_that_no_product_shows_is_a_failure():
    windows = machine()
    windows.methods["InstallProductKey"] = lambda call: None
    with pytest.raises(NotAppliedError, match="no product shows it when read back"):
        run(windows)
