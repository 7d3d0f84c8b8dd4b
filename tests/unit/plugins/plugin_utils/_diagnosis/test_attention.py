# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.findings import finding_types
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.attention import OF_ONE_MACHINE, answers
from ansible_collections.activation.kms.plugins.plugin_utils._licensing import read
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import AccessDeniedError

from tests.unit.plugins.plugin_utils._licensing.fake_windows import NOW, FakeClock, FakeWindows, client_os_row, product_row, rule_row


def activation(windows):
    return read.read_activation(windows, FakeClock().clock)


def test_an_extended_security_update_is_never_the_primary_product():
    rows = [product_row(), product_row("mak", ID="esu", LicenseIsAddon=True, Name="ESU")]
    assert answers(activation(FakeWindows({"SoftwareLicensingProduct": rows})))["channel"] == "kms_client"


def test_two_keyed_windows_products_give_null_with_candidates_and_reason_and_no_failure():
    rows = [product_row(), product_row("mak", ID="other")]
    found = activation(FakeWindows({"SoftwareLicensingProduct": rows}))
    facts = found.facts()
    assert facts["primary"] is None
    assert facts["primary_candidates"] == [product_row()["ID"], "other"]
    assert "2 Windows products on this machine have a product key" in facts["primary_reason"]
    assert (answers(found)["activated"], answers(found)["needs_attention"]) == (False, True)


def test_a_machine_without_any_key_is_not_activated():
    found = activation(FakeWindows())
    assert answers(found)["activated"] is False
    assert answers(found)["attention"] == [
        "No product can be named as the Windows of SRV01: no Windows product on this machine has a product key."
    ]


def test_the_flat_answers_of_a_healthy_client():
    windows = FakeWindows(
        {"Win32_OperatingSystem": [client_os_row()], "SoftwareLicensingProduct": [product_row(GracePeriodRemaining=259000)]}
    )
    assert answers(activation(windows)) == {
        "activated": True,
        "is_kms_host": False,
        "is_kms_client": True,
        "channel": "kms_client",
        "needs_attention": False,
        "attention": [],
    }


def test_a_client_whose_validity_runs_out_needs_attention():
    told = answers(activation(FakeWindows({"SoftwareLicensingProduct": [product_row(GracePeriodRemaining=10 * 1440)]})))
    assert told["needs_attention"] is True
    assert "for 10 days more only" in told["attention"][0]


@pytest.mark.parametrize(("hours", "needs"), [(3.9, False), (-3.9, False), (4.1, True), (-4.1, True)])
def test_a_clock_that_kms_would_refuse_needs_attention(hours, needs):
    row = client_os_row(LocalDateTime=NOW + datetime.timedelta(hours=hours))
    windows = FakeWindows({"Win32_OperatingSystem": [row], "SoftwareLicensingProduct": [product_row(GracePeriodRemaining=259000)]})
    told = answers(activation(windows))
    assert told["needs_attention"] is needs
    assert ("0xC004F06C" in " ".join(told["attention"])) is needs


def test_a_host_behind_a_closed_exception_needs_attention_and_an_open_one_does_not():
    host = [product_row("kms_host", KeyManagementServiceCurrentCount=30)]
    closed = activation(FakeWindows({"SoftwareLicensingProduct": host}))
    assert answers(closed)["attention"] == [
        "The firewall exception for KMS of SRV01 is there and switched off (SPPSVC-In-TCP): unless another rule or firewall lets it in, no client reaches "
        "TCP 1688. Nobody is known to have tried."
    ]
    opened = activation(FakeWindows({"SoftwareLicensingProduct": host, "MSFT_NetFirewallRule": [rule_row(Enabled=1)]}))
    assert answers(opened)["needs_attention"] is False


def test_a_host_whose_service_is_stopped_needs_attention():
    windows = FakeWindows(
        {
            "SoftwareLicensingProduct": [product_row("kms_host")],
            "MSFT_NetFirewallRule": [rule_row(Enabled=1)],
            "Win32_Service": [{"Name": "sppsvc", "State": "Stopped", "StartMode": "Auto"}],
        }
    )
    assert "sppsvc) of SRV01 is stopped (start mode Auto): it answers no client" in answers(activation(windows))["attention"][0]


def test_a_mak_is_no_matter_of_the_machine_while_it_is_activated():
    licensed = answers(activation(FakeWindows({"SoftwareLicensingProduct": [product_row("mak", GracePeriodRemaining=0)]})))
    assert (licensed["activated"], licensed["channel"], licensed["attention"]) == (True, "mak", [])
    told = answers(activation(FakeWindows({"SoftwareLicensingProduct": [product_row("mak", LicenseStatus=5)]})))
    assert told["activated"] is False
    assert ["has a MAK" in told["attention"][0], "is not activated" in told["attention"][1], len(told["attention"])] == [True, True, 2]


def test_what_a_diagnosis_calls_worth_knowing_needs_no_attention():
    # A host that nobody has asked yet.
    host = product_row("kms_host", KeyManagementServiceCurrentCount=0, KeyManagementServiceTotalRequests=0)
    windows = FakeWindows({"SoftwareLicensingProduct": [host], "MSFT_NetFirewallRule": [rule_row(Enabled=1)]})
    assert answers(activation(windows))["attention"] == []


def test_what_could_not_be_read_comes_in_full_and_first():
    windows = FakeWindows({"SoftwareLicensingProduct": [product_row(LicenseStatus=5)]})
    windows.errors["Domain"] = AccessDeniedError("reading Domain", "access is denied", code=5)
    found = activation(windows)
    lines = answers(found)["attention"]
    assert lines[0] == found.problems[0]
    assert "is not activated (notification" in lines[1]
    assert len(lines) == 2


def test_where_a_setting_leads_is_for_a_diagnosis_that_knows_the_estate():
    windows = FakeWindows(
        {"SoftwareLicensingProduct": [product_row(GracePeriodRemaining=259000)]},
        registry={"KeyManagementServiceName": "8.8.8.8"},
    )
    assert answers(activation(windows))["attention"] == []


def test_what_speaks_from_one_machine_is_what_there_is():
    assert {row.id for row in finding_types()} >= OF_ONE_MACHINE
