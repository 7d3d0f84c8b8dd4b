# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import json

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.attention import answers
from ansible_collections.activation.kms.plugins.plugin_utils._licensing import read
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import AccessDeniedError, WindowsError

from tests.unit.plugins.plugin_utils._licensing.fake_windows import (
    NOW,
    OFFICE,
    FakeClock,
    FakeWindows,
    os_row,
    product_row,
    service_row,
)


def activation(windows):
    return read.read_activation(windows, FakeClock().clock)


def test_all_ones_and_1601_become_null():
    windows = FakeWindows(
        {"SoftwareLicensingProduct": [product_row("kms_host", KeyManagementServiceCurrentCount=0xFFFFFFFF, RequiredClientCount=0xFFFFFFFF)]}
    )
    found = activation(windows)
    assert found.products[0].count is None
    assert found.products[0].required_count is None
    assert found.products[0].evaluation_ends_at is None
    assert found.host.count_explained == "no request seen yet"


def test_a_host_of_count_0_says_0_and_not_null():
    found = activation(FakeWindows({"SoftwareLicensingProduct": [product_row("kms_host", KeyManagementServiceCurrentCount=0)]}))
    assert found.host.count == 0
    assert found.host.listening_port == 1688


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (4, "too low for any client yet"),
        (5, "too low for Windows clients (25)"),
        (24, "too low for Windows clients (25)"),
        (25, "and for Windows clients (25)"),
    ],
)
def test_the_count_explains_itself_at_the_thresholds(count, words):
    host = activation(FakeWindows({"SoftwareLicensingProduct": [product_row("kms_host", KeyManagementServiceCurrentCount=count)]})).host
    assert words in host.count_explained
    assert "the count stops at 50" in host.count_explained


def test_the_reason_is_explained():
    row = product_row(LicenseStatus=5, LicenseStatusReason=0xC004F056)
    product = activation(FakeWindows({"SoftwareLicensingProduct": [row]})).products[0]
    assert (product.license_status_word, product.reason.code, product.reason.symbol) == (
        "notification",
        "0xC004F056",
        "SL_E_VL_MACHINE_NOT_BOUND",
    )
    assert product.reason.meaning


def test_grace_gives_the_moment_of_expiry():
    product = activation(FakeWindows({"SoftwareLicensingProduct": [product_row(GracePeriodRemaining=259200)]})).products[0]
    assert product.expires_at == "2027-05-23T08:00:00Z"


def test_a_perpetual_licence_has_no_expiry():
    product = activation(FakeWindows({"SoftwareLicensingProduct": [product_row("mak", GracePeriodRemaining=0)]})).products[0]
    assert (product.grace_minutes, product.expires_at) == (0, None)


def test_product_level_outranks_application_level_and_machine_level():
    windows = FakeWindows(
        {
            "SoftwareLicensingProduct": [product_row(KeyManagementServiceMachine="own.example", KeyManagementServicePort=1700)],
            "SoftwareLicensingService": [service_row(KeyManagementServiceMachine="machine.example")],
        },
        registry={"KeyManagementServiceName": "application.example", "KeyManagementServicePort": "1699"},
    )
    service = activation(windows).service
    assert (service.kms_machine_configured.name, service.kms_machine_configured.port, service.kms_machine_configured.level) == (
        "own.example",
        1700,
        "product",
    )
    assert [(one.name, one.port, one.level) for one in service.kms_machines_set] == [
        ("own.example", 1700, "product"),
        ("application.example", 1699, "application"),
        ("machine.example", 1688, "machine"),
    ]


def test_a_discovered_host_has_name_port_address_and_level():
    row = product_row(
        DiscoveredKeyManagementServiceMachineName="kms01.corp.example",
        DiscoveredKeyManagementServiceMachinePort=1688,
        DiscoveredKeyManagementServiceMachineIpAddress="192.0.2.10",
    )
    found = activation(FakeWindows({"SoftwareLicensingProduct": [row]})).service
    assert found.kms_machine_configured is None
    assert (found.kms_machine_discovered.name, found.kms_machine_discovered.address, found.kms_machine_discovered.level) == (
        "kms01.corp.example",
        "192.0.2.10",
        "product",
    )


def test_office_beside_windows_leaves_one_primary():
    rows = [product_row(), product_row(ID="office", ApplicationID=OFFICE, Name="Office 16", PartialProductKey="WFG99")]
    facts = activation(FakeWindows({"SoftwareLicensingProduct": rows})).facts()
    assert len(facts["products"]) == 2
    assert facts["primary"] == product_row()["ID"]
    assert facts["primary_reason"] is None


def test_firewall_and_publish_list_are_asked_of_hosts_only():
    windows = FakeWindows({"SoftwareLicensingProduct": [product_row()]})
    activation(windows)
    asked = {getattr(operation, "cim_class", getattr(operation, "name", None)) for operation in windows.reads}
    assert not asked & {"MSFT_NetFirewallRule", "DnsDomainPublishList"}


def test_a_client_is_read_in_one_conversation_and_what_only_some_machines_have_in_a_second():
    def cost(rows, **registry):
        windows = FakeWindows(rows, registry)
        activation(windows)
        return windows.conversations

    client, host = {"SoftwareLicensingProduct": [product_row()]}, {"SoftwareLicensingProduct": [product_row("kms_host")]}
    assert cost(client) == 1
    assert cost(host) == 2
    assert cost({**host, "Win32_OperatingSystem": [os_row(CSName="KMS-HEADQUARTER")]}, KeyManagementServiceName="kms.example") == 2


def test_the_service_is_looked_at_before_anything_that_may_start_it():
    windows = FakeWindows({"SoftwareLicensingProduct": [product_row()]})
    activation(windows)
    classes = [getattr(operation, "cim_class", "") for operation in windows.reads]
    assert classes.index("Win32_Service") < min(classes.index("SoftwareLicensingService"), classes.index("SoftwareLicensingProduct"))


def test_what_only_adds_to_the_picture_is_a_problem_and_no_failure():
    windows = FakeWindows({"SoftwareLicensingProduct": [product_row()]})
    windows.errors["Domain"] = AccessDeniedError("reading Domain", "access is denied", code=5)
    found = activation(windows)
    assert found.machine.fqdn is None
    assert found.problems == ("reading Domain: access is denied (0x00000005).",)
    assert found.facts()["problem_details"] == [
        {"doing": "reading Domain", "code": "0x00000005", "symbol": None, "detail": "access is denied"}
    ]
    assert answers(found)["needs_attention"] is True


def test_a_port_that_is_no_number_is_a_problem_and_the_default_counts():
    windows = FakeWindows(
        {"SoftwareLicensingProduct": [product_row()]},
        registry={"KeyManagementServiceName": "kms.example", "KeyManagementServicePort": "many"},
    )
    found = activation(windows)
    assert found.service.kms_machine_configured.port == 1688
    assert found.problems == ("The KMS port set for the Windows application is no number: 'many'.",)
    assert found.problem_details[0].doing == "reading the registry value KeyManagementServicePort"


def test_a_computer_name_that_may_be_cut_short_is_not_taken_for_the_dns_name():
    rows = {"Win32_OperatingSystem": [os_row(CSName="KMS-HEADQUARTER")]}
    windows = FakeWindows(rows, registry={"Hostname": "kms-headquarters-01"})
    assert activation(windows).machine.fqdn == "kms-headquarters-01.corp.example"


def test_the_dns_name_is_asked_for_only_where_the_computer_name_may_be_cut():
    windows = FakeWindows()
    activation(windows)
    assert "Hostname" not in [getattr(operation, "name", None) for operation in windows.reads]


def test_two_office_host_keys_leave_the_machines_own_count_untold():
    rows = [product_row("kms_host", partial, ID=partial, ApplicationID=OFFICE) for partial in ("AAAAA", "BBBBB")]
    host = activation(FakeWindows({"SoftwareLicensingProduct": rows})).host
    assert (host.is_kms_host, host.count, host.count_explained) == (True, None, None)


def test_without_the_licensing_service_the_read_fails():
    windows = FakeWindows({"SoftwareLicensingService": []})
    with pytest.raises(WindowsError, match="0 instances came back where Windows has exactly one"):
        activation(windows)


def test_the_clock_offset_is_the_machine_minus_the_controller():
    windows = FakeWindows()
    clock = FakeClock()
    clock.elapsed = 5.0
    assert read.read_activation(windows, clock.clock).machine.clock_offset_seconds == -5.0


def test_facts_are_plain_json_and_ask_for_no_column_that_holds_a_key():
    windows = FakeWindows({"SoftwareLicensingProduct": [product_row("kms_host")]})
    json.dumps(activation(windows).facts(), allow_nan=False)
    names = [name for operation in windows.reads for name in (*getattr(operation, "columns", ()), getattr(operation, "name", ""))]
    assert not {"*", "OA3xOriginalProductKey", "BackupProductKeyDefault"} & set(names)


@pytest.mark.parametrize(("ahead", "offset"), [(-2.5, -2.5), (0.0, 0.0), (4.0, 0.0), (9.0, 0.0), (10.0, 1.0), (3600.0, 3591.0)])
def test_the_time_that_the_question_took_is_no_clock_offset(ahead, offset):
    clock = FakeClock()
    windows = FakeWindows({"Win32_OperatingSystem": [os_row(LocalDateTime=NOW + datetime.timedelta(seconds=ahead))]})
    slow = windows.read

    def read_in_nine_seconds(operations):
        if operations == read.FIRST_READS:
            clock.elapsed += 9.0
        return slow(operations)

    windows.read = read_in_nine_seconds
    assert read.read_activation(windows, clock.clock).machine.clock_offset_seconds == offset
