# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._keys import parse_key
from ansible_collections.activation.kms.plugins.plugin_utils._licensing import host_key
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.refusal import NotAppliedError, RefusedError

from tests.unit.plugins.plugin_utils._licensing.fake_windows import OFFICE, FakeWindows, client_os_row, os_row, product_row, run_on

HOST_KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
GVLK = "WX4NM-KYWYW-QJJR4-XV3QB-6VM33"


def machine(*rows, os=None, edition="ServerDatacenter"):
    windows = FakeWindows({"SoftwareLicensingProduct": list(rows), "Win32_OperatingSystem": [os or os_row()]}, {"EditionID": edition})

    def put(call):
        windows.rows["SoftwareLicensingProduct"] = [product_row("kms_host", call.arguments["ProductKey"][-5:], LicenseStatus=5)]

    def take(call):
        windows.rows["SoftwareLicensingProduct"] = [row for row in windows.rows["SoftwareLicensingProduct"] if row["ID"] != call.keys["ID"]]

    windows.methods.update(InstallProductKey=put, UninstallProductKey=take)
    return windows


def install(windows, key=HOST_KEY, *, replace=False, convert_from=(), allow_client_os=False, check_mode=False):
    return host_key.install(
        run_on(windows, check_mode=check_mode), parse_key(key), replace=replace, convert_from=convert_from, allow_client_os=allow_client_os
    )


def remove(windows, key=None, *, check_mode=False):
    return host_key.remove(run_on(windows, check_mode=check_mode), parse_key(key) if key else None)


def test_a_host_key_goes_in_place_of_the_public_client_key_without_asking():
    windows = machine(product_row())
    outcome = install(windows)
    assert outcome.changed
    assert (outcome.before["channel"], outcome.after["channel"], outcome.after["partial_key"]) == ("kms_client", "kms_host", "0A1Z5")
    assert windows.written() == ["InstallProductKey", "RefreshLicenseStatus"]


def test_a_host_key_goes_in_by_four_conversations_and_out_by_five():
    windows = machine(product_row())
    install(windows)
    assert windows.conversations == 4
    # The products, UninstallProductKey, the service's Version, RefreshLicenseStatus, the products.
    windows = machine(product_row("kms_host", "0A1Z5"))
    remove(windows)
    assert windows.conversations == 5


def test_the_same_host_key_is_left_alone():
    windows = machine(product_row("kms_host", "0A1Z5"))
    assert not install(windows).changed
    assert windows.written() == []


def test_another_host_key_is_refused_without_replace():
    windows = machine(product_row("kms_host", "AAAAA"))
    with pytest.raises(RefusedError, match="another KMS host key already.*set replace: true"):
        install(windows)
    assert windows.written() == []


def test_another_host_key_is_replaced_with_replace():
    assert install(machine(product_row("kms_host", "AAAAA")), replace=True).after["partial_key"] == "0A1Z5"


@pytest.mark.parametrize("role", ["mak", "retail"])
def test_a_counted_channel_is_refused_without_convert_from(role):
    with pytest.raises(RefusedError, match=rf"from the channel {role}.*set convert_from: \[{role}\]"):
        install(machine(product_row(role, "AAAAA")))


def test_a_mak_is_converted_when_convert_from_names_it():
    assert install(machine(product_row("mak", "AAAAA")), convert_from=["mak"]).changed


def test_a_client_key_is_refused_by_its_name():
    with pytest.raises(
        RefusedError, match=r"ending in 6VM33 is the public KMS client key \(GVLK\) of Windows Server 2022 Datacenter, not a KMS host key"
    ):
        host_key.refuse_key(parse_key(GVLK))


def test_a_client_windows_is_refused():
    with pytest.raises(RefusedError, match="is a client Windows: as a KMS host it would never activate a server.*allow_client_os"):
        install(machine(os=client_os_row(), edition="Enterprise"))


def test_a_client_windows_is_allowed_with_allow_client_os():
    assert install(machine(os=client_os_row(), edition="Enterprise"), allow_client_os=True).changed


def test_an_evaluation_edition_is_refused():
    with pytest.raises(RefusedError, match="evaluation edition"):
        install(machine(edition="ServerDatacenterEval"))


def test_azure_edition_is_refused():
    with pytest.raises(RefusedError, match="Azure Edition"):
        install(machine(edition="ServerTurbine"))


def test_check_mode_writes_nothing():
    windows = machine(product_row())
    outcome = install(windows, check_mode=True)
    assert outcome.changed
    assert outcome.would == [
        "install the KMS host key ending in 0A1Z5 in place of Windows(R), ServerDatacenter edition (kms_client, key ...6VM33)"
    ]
    assert outcome.before.keys() == outcome.after.keys()
    assert windows.written() == []


def test_a_key_that_is_no_host_key_is_an_error_that_says_what_it_was():
    windows = machine()

    def put(call):
        windows.rows["SoftwareLicensingProduct"] = [product_row("mak", "0A1Z5")]

    windows.methods["InstallProductKey"] = put
    with pytest.raises(NotAppliedError, match="it is no KMS host key: it made Windows.*mak"):
        install(windows)


def test_an_office_host_key_leaves_a_warning_and_windows_as_it_was():
    windows = machine(product_row())

    def put(call):
        windows.rows["SoftwareLicensingProduct"].append(
            product_row("kms_host", "0A1Z5", ID="office", ApplicationID=OFFICE, Name="Office 24")
        )

    windows.methods["InstallProductKey"] = put
    assert install(windows).warnings == ["This host key is for Office 24, not for Windows: the machine's Windows keeps the key it had."]


def test_a_wrong_key_is_refused_again_the_second_time_and_never_called_in_already():
    windows = machine(product_row("mak", "0A1Z5"))
    with pytest.raises(
        RefusedError, match=r"ending in 0A1Z5 is in already, but it is no KMS host key: it made .*mak.*convert_from: \[mak\]"
    ):
        install(windows)
    assert windows.written() == []


def test_an_office_host_key_that_is_in_beside_a_windows_one_is_left_alone():
    office = product_row("kms_host", "0A1Z5", ID="office", ApplicationID=OFFICE, Name="Office 24")
    windows = machine(product_row("kms_host", "AAAAA"), office)
    assert not install(windows).changed
    assert windows.written() == []


def test_an_office_host_key_is_removed_when_it_is_named():
    office = product_row("kms_host", "0A1Z5", ID="office", ApplicationID=OFFICE, Name="Office 24")
    windows = machine(product_row("kms_host", "AAAAA"), office)
    assert remove(windows, HOST_KEY).changed
    assert windows.calls[0].keys == {"ID": "office"}


def test_an_evaluation_by_its_key_is_refused():
    with pytest.raises(RefusedError, match="an evaluation; it takes no volume licence key"):
        install(machine(product_row("evaluation", "AAAAA")))


def test_removing_takes_the_key_out_by_its_product():
    windows = machine(product_row("kms_host", "0A1Z5"))
    outcome = remove(windows)
    assert outcome.changed
    assert windows.calls[0].keys == {"ID": product_row("kms_host")["ID"]}
    assert outcome.after["partial_key"] is None


def test_removing_where_there_is_none_changes_nothing():
    windows = machine(product_row())
    assert not remove(windows).changed
    assert windows.written() == []


def test_removing_a_named_key_leaves_another_alone():
    windows = machine(product_row("kms_host", "AAAAA"))
    assert not remove(windows, HOST_KEY).changed


def test_removing_in_check_mode_writes_nothing():
    windows = machine(product_row("kms_host", "0A1Z5"))
    outcome = remove(windows, check_mode=True)
    assert outcome.changed
    assert outcome.would == ["remove the key of Windows(R), ServerDatacenter edition (kms_host, key ...0A1Z5)"]
    assert windows.written() == []


def test_a_key_that_stays_after_its_removal_is_a_failure():
    windows = machine(product_row("kms_host", "0A1Z5"))
    windows.methods["UninstallProductKey"] = lambda call: None
    with pytest.raises(NotAppliedError, match="reading back still shows it"):
        remove(windows)
