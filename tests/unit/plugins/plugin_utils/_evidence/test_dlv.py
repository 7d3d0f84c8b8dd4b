# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pasted text: what it says, and that it never says a wrong number."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import random
import re

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.dlv_labels import COLON, LABELS
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.loader import all_gvlks, read_data
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.codes import CodeFacts
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.dlv import parse_dlv
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import (
    Facts,
    HostFacts,
    KmsMachineFacts,
    MachineFacts,
    ProductFacts,
    RequestsFacts,
    ServiceFacts,
    read_facts,
)
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.pasted_lines import lines_of
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.model import explain_count
from hypothesis import example, given, settings
from hypothesis import strategies as st

from .dlv_texts import dlv, xpr

HERE = pathlib.Path(__file__).parent
SAMPLES = HERE.parents[5] / "shared" / "reference" / "dlv_samples.txt"
WINDOWS = "55c92734-d682-4d71-983e-d6ec3f16059f"


def read(name):
    return parse_dlv((HERE / "dlv" / f"{name}.txt").read_text(encoding="utf-8"))


def one(text):
    """Return the only output of a text."""
    pasted = parse_dlv(text)
    assert len(pasted.outputs) == 1, pasted
    return pasted.outputs[0]


def product(text):
    """Return the only product of the only output of a text."""
    (found,) = one(text).facts.products
    return found


# --- the project's own texts ---


def test_a_console_with_a_client_and_a_host_gives_two_outputs():
    client, host = read("console_client_and_host").outputs

    assert (client.language, client.unknown, client.facts.problems) == ("en", (), ())
    assert client.facts.machine == MachineFacts(build=22000, version="10.0.22000")
    (windows,) = client.facts.products
    kms = KmsMachineFacts("[2001:db8::10]", 1689, None, None, windows.activation_id)
    assert windows == ProductFacts(
        activation_id="73111121-5638-40f6-bc11-f1d7b0d64300",
        application_id=WINDOWS,
        application="windows",
        name="Windows(R), Enterprise edition",
        description="Windows(R) Operating System, VOLUME_KMSCLIENT channel",
        product_key_channel="Volume:GVLK",
        role="kms_client",
        partial_key="2YT43",
        license_status=1,
        license_status_word="licensed",
        grace_minutes=259193,
        is_addon=False,
        activation_type="kms",
        activation_type_enabled="all",
        activation_interval_minutes=120,
        renewal_interval_minutes=10080,
        kms_machine_configured=kms,
        kms_host_product_id="05426-00206-491-123456-03-1033-20348.0000-3282026",
    )
    assert client.facts.service == ServiceFacts(
        version="10.0.22000.1042",
        cmid="0f0e0d0c-1111-2222-3333-444455556666",
        host_caching=False,
        activation_interval_minutes=120,
        renewal_interval_minutes=10080,
        rearms_remaining=1001,
        kms_machine_configured=kms,
        kms_machines_set=(kms,),
        kms_host_product_id="05426-00206-491-123456-03-1033-20348.0000-3282026",
    )
    assert (client.facts.primary, client.facts.primary_reason) == (windows.activation_id, None)
    assert client.facts.host == HostFacts()
    assert client.extra["command"] == "/dlv"
    assert client.extra["products"][0]["kms_machine_address"] == "2001:db8::10"
    assert client.extra["products"][0]["installation_id"].endswith("0123")

    assert host.facts.machine == MachineFacts(name="kms01", build=20348, version="10.0.20348")
    of_windows, of_office = host.facts.products
    assert [p.role for p in (of_windows, of_office)] == ["kms_host", "kms_host"]
    assert of_office.application == "office"
    assert of_office.count == 12
    assert of_office.requests == RequestsFacts(1234, 4, 0, 1200, 30, 0, 0, 4)
    # Before the first request Windows has no count, and the machine's own is that of Windows, not that of Office.
    assert host.facts.host == HostFacts(
        is_kms_host=True, activation_id=of_windows.activation_id, listening_port=1699, dns_publishing=False, low_priority=True
    )
    assert host.facts.primary == of_windows.activation_id
    assert host.extra["hardware_secured_ready"] is False
    assert [row["name"] for row in host.extra["products_not_in_use"]] == ["Windows(R), ServerStandard edition"]
    assert (host.extra["command"], host.extra["command_argument"]) == ("/dlv", "all")
    assert host.extra["products"][1]["rearms_app"] == 1
    assert host.unknown == ()


def test_a_wrapped_quoted_and_redacted_mail_gives_what_is_whole_and_names_the_rest():
    pasted = read("mail_wrapped_host")
    (host,) = pasted.outputs
    (windows,) = host.facts.products

    assert pasted.unknown == ("Hi, here is the output you asked for:",)
    assert host.unknown == ("Firmware Attestation: not supported", "Greetings, Kim")
    assert windows.description == "Windows(R) Operating System, VOLUME_KMS_WS19 channel"
    assert windows.role == "kms_host"
    assert windows.partial_key is None
    assert (windows.count, host.facts.host.count, host.facts.host.count_explained) == (None, None, None)
    assert windows.requests == RequestsFacts(815, None, 3, 812, 0, 17, 0, 0)
    assert host.extra["products"][0]["use_license_url"].endswith("SLActivateProduct.asmx?configextension=Retail")
    assert host.extra["hardware_secured_ready"] is True
    assert host.facts.problems == (
        "Partial Product Key: '*****' is redacted",
        "Current count: '5*' is not whole, or not what stands there",
        "Failed requests received: '<redacted>' is redacted",
    )


def test_a_chinese_client_is_read_in_full():
    (output,) = read("chinese_client").outputs
    (windows,) = output.facts.products

    assert (output.language, output.unknown, output.facts.problems) == ("zh", (), ())
    assert (windows.license_status, windows.grace_minutes, windows.activation_type_enabled) == (1, 259197, "all")
    assert windows.kms_machine_discovered == KmsMachineFacts("kms.example.net", 1688, "product", "192.0.2.7", windows.activation_id)
    assert output.facts.service.kms_machines_set == ()
    assert (output.facts.service.host_caching, output.facts.service.rearms_remaining) == (True, 1001)
    # 26100 is Windows 11 24H2, and 25H2 has the same files.
    assert (output.facts.machine.build, output.extra["service_build"]) == (None, 26100)


def test_a_german_evaluation_copy_has_two_counters_under_one_label():
    (output,) = read("german_evaluation").outputs
    (windows,) = output.facts.products

    assert output.language == "de"
    assert (windows.role, windows.license_status, windows.grace_minutes) == ("evaluation", 1, 14398)
    assert output.facts.service.rearms_remaining is None
    assert output.extra["products"][0]["rearms_windows_or_rearms_sku"] == [5, 6]
    assert output.unknown == ("Irgendetwas Neues: 7",)


@pytest.mark.parametrize("order", [1, -1])
def test_german_rearm_counters_with_a_label_of_their_own_are_of_one_product(order):
    counters = ["Verbleibende Windows Rearm-Anzahl: 1001", "Verbleibende SKU Rearm-Anzahl: 1000"][::order]
    (output,) = parse_dlv("\n".join(["Name: Windows(R), Enterprise edition", "Lizenzstatus: Lizenziert", *counters, ""])).outputs
    assert [product.license_status_word for product in output.facts.products] == ["licensed"]
    assert output.facts.service.rearms_remaining == 1001


def test_a_message_box_of_xpr_loses_its_frame_and_its_button():
    pasted = read("message_box")
    (output,) = pasted.outputs
    windows, addon = output.facts.products

    assert (pasted.unknown, output.unknown) == ((), ())
    assert (windows.license_status_word, windows.grace_minutes, windows.is_addon) == ("licensed", None, False)
    assert output.extra["products"][0]["expires_local"] == "5/23/2027 8:15:00 AM"
    assert (addon.license_status_word, addon.grace_minutes, addon.is_addon) == ("licensed", 0, True)


def test_the_status_of_office_is_read_by_its_own_labels():
    (output,) = read("office_dstatus").outputs
    office, visio = output.facts.products

    assert output.unknown == ()
    assert (office.license_status, office.grace_minutes, office.partial_key) == (1, 259199, "WFG99")
    assert office.reason.code == "0x4004F040"
    assert office.kms_machine_configured == KmsMachineFacts("kms.example.net", 1688, None, None, office.activation_id)
    assert (visio.activation_id[-2:], visio.license_status_word, visio.reason.symbol) == ("65", "notification", "SL_E_GRACE_TIME_EXPIRED")
    assert output.facts.service.host_caching is True


# --- published samples ---


def sample(number):
    if not SAMPLES.exists():
        pytest.skip("the published samples, shared/reference/dlv_samples.txt, are not beside this checkout")
    found = re.search(rf"=== SAMPLE {number} \|.*?===\n(.*?)--- end", SAMPLES.read_text(encoding="utf-8"), re.DOTALL)
    return one(found[1])


ALL_ZERO = RequestsFacts(0, 0, 0, 0, 0, 0, 0, 0)
HOST_COUNT_0 = HostFacts(
    is_kms_host=True,
    count=0,
    count_explained=explain_count(0),
    listening_port=1688,
    dns_publishing=True,
    low_priority=False,
    requests=ALL_ZERO,
)


def test_sample_1_a_client_of_windows_7():
    output = sample(1)
    kms = KmsMachineFacts("emeronb10-rc3.sppvltest.net", 1688, "product")
    assert output.facts.products == (
        ProductFacts(
            application="windows",
            name="Windows(R) 7, Enterprise edition",
            description="Windows Operating System - Windows(R) 7, VOLUME_KMSCLIENT channel",
            role="kms_client",
            partial_key="DVQ7P",
            license_status=1,
            license_status_word="licensed",
            grace_minutes=243720,
            is_addon=False,
            activation_type="kms",
            activation_interval_minutes=15,
            renewal_interval_minutes=25,
            kms_machine_discovered=kms,
            kms_host_product_id="55041-00140-015-871562-03-1033-7078.0000-0992009",
        ),
    )
    assert (output.facts.service.cmid, output.facts.service.host_caching) == ("2ffcfc30-6a6a-49ec-92b8-f6150c7df211", True)
    assert output.facts.service.kms_machine_discovered == kms
    assert (output.unknown, output.facts.problems) == ((), ())


def test_sample_2_a_host_with_requests():
    output = sample(2)
    (windows,) = output.facts.products
    assert windows.requests == RequestsFacts(826, 0, 0, 826, 0, 0, 0, 0)
    assert (windows.role, windows.partial_key, windows.count, windows.license_status) == ("kms_host", "PYWKV", 2, 1)
    assert output.facts.host == dataclasses.replace(HOST_COUNT_0, count=2, count_explained=explain_count(2), requests=windows.requests)
    assert (output.unknown, output.facts.problems) == ((), ())


def test_sample_3_a_host_with_everything_redacted_that_names_it():
    output = sample(3)
    (windows,) = output.facts.products
    assert (windows.activation_id, windows.application_id, windows.application, windows.partial_key) == (None, None, "windows", None)
    assert (windows.role, windows.product_key_channel, windows.license_status) == ("kms_host", "Volume:CSVLK", 1)
    assert output.facts.host == HOST_COUNT_0
    assert output.facts.service.rearms_remaining == 1000
    assert output.extra["products"] == [{"rearms_sku": 1001, "trusted_time": "7/16/2021 4:48:33 AM"}]
    assert len(output.facts.problems) == 7
    assert all("is redacted" in problem for problem in output.facts.problems)
    assert output.unknown == ()


def test_sample_4_a_host_for_office_with_a_slip_in_its_application_id():
    output = sample(4)
    (office,) = output.facts.products
    assert (office.application_id, office.application) == ("0ff1ce16-a989-479d-af46-f275c6370663", "other")
    assert any("0ff1ce16" in problem for problem in output.facts.problems)
    assert (office.activation_id, office.partial_key, office.count) == ("98ebfe73-2084-4c97-932c-c0cd1643bea7", "KDQ2G", 0)
    assert output.facts.host == dataclasses.replace(HOST_COUNT_0, activation_id=office.activation_id)
    assert output.extra["products"][0] == {
        "extended_pid": "05426-00206-234-001162-03-1033-9200.0000-0992013",
        "installation_id": "020650770493837252929082195773527024195725809211989214",
        "use_license_url": "https://activation.sls.microsoft.com/SLActivateProduct/SLActivateProduct.asmx?configextension=o16",
        "validation_url": "https://go.microsoft.com/fwlink/p/?LinkID=187557",
        "trusted_time": "10/26/2016 9:58:33 AM",
    }
    assert output.unknown == ()


def test_sample_5_a_host_for_office_2010_that_says_computer_for_machine():
    output = sample(5)
    (office,) = output.facts.products
    assert (office.activation_id, office.application_id, office.application) == ("bfe7a195-4f8f-4f0b-a622-cf13c7d16864", None, None)
    assert (office.role, office.partial_key, office.count, office.requests) == ("kms_host", None, 0, None)
    assert output.facts.host == dataclasses.replace(HOST_COUNT_0, activation_id=office.activation_id, requests=None)
    assert output.facts.service.rearms_remaining == 1
    assert output.unknown == ()


def test_sample_6_a_client_of_vista_with_blank_lines_between():
    output = sample(6)
    (windows,) = output.facts.products
    assert (windows.role, windows.partial_key, windows.license_status, windows.grace_minutes) == ("kms_client", "2V3X8", 1, 259193)
    # The name is hidden, the port is not.
    assert windows.kms_machine_configured == KmsMachineFacts(None, 1688)
    assert (output.facts.service.version, output.facts.machine.build, output.facts.service.cmid) == ("6.0.6000.16386", 6000, None)
    assert output.unknown == ()


def test_sample_9_a_fragment_shows_that_it_is_a_client_and_nothing_else():
    output = sample(9)
    assert output.facts.products == (ProductFacts(role="kms_client"),)
    assert output.facts.service == ServiceFacts()
    assert output.unknown == ()


# --- traps ---


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Current count: 26\n", 26),
        ("Current count:\n26\n", 26),
        ("    Current count:\t26   \r\n", 26),
        ("\ufeffCurrent\u00a0count\uff1a 26\n", 26),
        ("Current count: 1,226\n", 1226),
        ("Current count: 1\u202f226\n", 1226),
        ("Current count: 0", 0),
        ("Current count: 26", None),
        ("Current count: -1\n", None),
        ("Current count: 4294967295\n", None),
        ("Current count: 4294967296\n", None),
        ("Current count: 2X\n", None),
        ("Current count: 1,22\n", None),
        ("Current count: 26 or so\n", None),
        ("Current count: 2\n6\n", None),
        ("Current count: \u0662\u0666\n", None),
    ],
)
def test_a_count_is_whole_or_none(text, count):
    assert product(text).count == count


@pytest.mark.parametrize(
    ("value", "minutes"),
    [
        ("259193 minute(s) (180 day(s))", 259193),
        ("259193 minute(s) (179 day(s))", 259193),
        ("259.193 minute(s) (180 day(s))", 259193),
        ("259193 minute(s)\n(180 day(s))", 259193),
        ("2591\n93 minute(s) (180 day(s))", 259193),
        ("259193 minute(s) (XXX day(s))", 259193),
        ("259193", None),
        ("2591XX minute(s) (180 day(s))", None),
        ("259 XXX minute(s)", None),
        ("25919 minute(s) (180 day(s))", None),
        ("**193 minute(s) (180 day(s))", None),
    ],
)
def test_minutes_need_their_unit_and_days_that_agree(value, minutes):
    assert product(f"Volume activation expiration: {value}\nPartial Product Key: 2YT43\n").grace_minutes == minutes


def test_a_console_of_80_columns_breaks_the_longest_label_within_its_number():
    label = "    Requests with License Status License expired or Hardware out of tolerance: "
    torn = f"{label}12345"
    assert len(label) == 79
    text = f"{torn[:80]}\n{torn[80:]}\n    Total requests received: 20000\n"
    assert product(text).requests == RequestsFacts(total=20000, oot_grace=12345)
    # Beside a longer line it is no console that broke this one; and where the text ends at the break, the rest may be gone.
    assert product(f"{text}Firmware: {'x' * 80}\n").requests.oot_grace is None
    assert product(f"{torn[:80]}\n").requests.oot_grace is None


@pytest.mark.parametrize(
    ("value", "name", "port"),
    [
        ("kms.example.com:1688", "kms.example.com", 1688),
        ("KMS01:1688", "KMS01", 1688),
        ("192.0.2.1:1688", "192.0.2.1", 1688),
        ("[2001:db8::1]:1689", "[2001:db8::1]", 1689),
        ("kms.example.com", "kms.example.com", None),
        ("kms.example.com:99999", "kms.example.com", None),
        ("****:1690", None, 1690),
        ("kms.xxxxx.com:1690", None, 1690),
    ],
)
def test_a_kms_machine_has_a_name_and_a_port_or_what_is_left_of_them(value, name, port):
    found = product(f"Registered KMS machine name: {value}\nPartial Product Key: 2YT43\n").kms_machine_configured
    assert (found.name, found.port) == (name, port)


def test_a_version_and_an_address_that_a_console_broke_are_joined_or_not_taken():
    torn = "Software licensing service version: 10.0.20348.2\n700\n"
    assert one(f"{torn}Name: Windows(R), ServerStandard edition\n").facts.service.version == "10.0.20348.2700"
    assert one(f"{torn}Name: Windows(R), Client-ESU-Year1 add-on for EnterpriseS\n").facts.service.version is None


def test_settings_of_a_host_without_its_product_are_the_host_s():
    facts = one("Listening on Port: 1690\nDNS publishing disabled\n").facts
    assert facts.products == ()
    assert facts.host == HostFacts(is_kms_host=True, listening_port=1690, dns_publishing=False)


def test_a_description_cut_within_its_channel_tells_no_role():
    assert product("Name: Windows(R), Professional edition\nDescription: Windows(R) Operating System, VOLUME_KMS\n").role is None
    # Cut off there, the line has no value, and a label that other texts have, too, makes no product.
    assert one("Description: Windows(R) Operating System, VOLUME_KMS").facts.products == ()


def test_a_label_broken_before_the_word_name_is_no_new_product():
    output = one("Name: Windows(R), Professional edition\nRegistered KMS machine\nname: kms.example.com:1688\n")
    assert len(output.facts.products) == 1
    assert output.facts.products[0].kms_machine_configured.name == "kms.example.com"


def test_a_second_windows_with_a_key_is_another_machine_and_an_add_on_is_not():
    block = "Name: Windows(R), {} edition\nActivation ID: {}\nPartial Product Key: 2YT43\n\n"
    addon = "Name: Windows(R), Client-ESU-Year1 add-on for Enterprise\nPartial Product Key: ABCD2\n\n"
    first, second = (f"{digit * 8}-0101-4242-8787-aabbccddeeff" for digit in "12")
    pasted = parse_dlv(block.format("Enterprise", first) + addon + block.format("ServerStandard", second))
    assert [output.facts.primary for output in pasted.outputs] == [first, second]
    assert [len(output.facts.products) for output in pasted.outputs] == [2, 1]


def test_where_slmgr_itself_cannot_tell_two_keyed_windows_are_one_machine():
    text = "Warning: This operation may affect more than one target license.  Please verify the results.\n"
    block = "\nName: Windows(R), {} edition\nActivation ID: {}\nPartial Product Key: 2YT43\n"
    ids = [f"{digit * 8}-0101-4242-8787-aabbccddeeff" for digit in "12"]
    output = one(text + "".join(block.format(name, number) for name, number in zip(("Pro", "Core"), ids, strict=True)))
    assert output.facts.primary is None
    assert list(output.facts.primary_candidates) == ids
    assert output.facts.primary_reason.startswith("2 Windows products")


def test_errors_are_kept_with_their_meaning_and_their_text():
    output = one(
        "Error: 0xC004F074 The Software Licensing Service reported that the computer could not be activated.\n"
        "\u9519\u8bef: 0x8007232B DNS \u540d\u4e0d\u5b58\u5728\n"
        "On a computer running Microsoft Windows non-core edition, run 'slui.exe 0x2a 0x8007232B' to display the error text.\n"
    )
    assert [error["code"] for error in output.extra["errors"]] == ["0xC004F074", "0x8007232B"]
    assert all(error["meaning"] for error in output.extra["errors"])
    assert "slui.exe" in output.extra["errors"][1]["text"]
    assert output.unknown == ()


def test_a_notification_has_its_reason():
    found = product("License Status: Notification\nNotification Reason: 0xC004F034 (non-genuine).\n")
    assert (found.license_status, found.reason.code, found.reason.symbol) == (5, "0xC004F034", "SL_E_EUL_NOT_AVAILABLE")
    assert product("License Status: Notification\nNotification Reason: 0xC004F0\n").reason is None


def test_a_status_of_no_known_word_is_none_and_kept():
    output = one("License Status: Lizensiert\n")
    assert output.facts.products[0].license_status is None
    assert output.unknown == ("License Status: Lizensiert",)


def test_one_chinese_sentence_for_two_grace_periods_tells_neither():
    text, _missing = xpr((("Windows(R), Professional edition", "xpr_oot_grace", "2027/1/2 3:00:00"),), "zh")
    output = one(text)
    assert output.facts.products[0].license_status is None
    assert output.extra["products"][0]["expires_local"] == "2027/1/2 3:00:00"
    assert any("oob_grace and for oot_grace" in problem for problem in output.facts.problems)


def test_xpr_after_dlv_of_the_same_product_adds_its_date():
    output = one(
        "Name: Windows(R), Pro edition\nLicense Status: Licensed\n\nWindows(R), Pro edition:\n    Volume activation will expire 1/2/2027\n"
    )
    assert len(output.facts.products) == 1
    assert output.extra["products"] == [{"expires_local": "1/2/2027"}]


def test_an_activation_through_active_directory_is_told():
    found = one(
        "Name: Windows(R), Enterprise edition\nLicense Status: Licensed\nMost recent activation information:\nAD Activation client information\n"
        "    Activation Object name: Pool\n    AO DN: CN=Pool,CN=Activation Objects,DC=example,DC=com\n"
    )
    assert found.facts.products[0].activation_type == "active_directory"
    assert found.extra["products"][0]["ad_object_dn"] == "CN=Pool,CN=Activation Objects,DC=example,DC=com"


def test_a_password_of_a_command_line_is_not_kept():
    for command in (
        "slmgr.vbs pc7 bob geheim /dlv",
        "C:\\>cscript //nologo c:\\windows\\system32\\slmgr.vbs pc7 bob geheim -xpr",
        "x slmgr pc7 bob geheim /ipk",
    ):
        pasted = parse_dlv(f"{command}\nLicense Status: Licensed\n")
        assert "geheim" not in json.dumps(pasted.as_dict())
    assert one("slmgr.vbs pc7 bob geheim /dlv\nLicense Status: Licensed\n").facts.machine.name == "pc7"


@pytest.mark.parametrize("text", ["", "\n\n", "Dear support,\nit does not work.", "---------\nOK\n---------"])
def test_a_text_without_an_output_gives_none_and_keeps_its_lines(text):
    pasted = parse_dlv(text)
    assert pasted.outputs == ()
    assert pasted.unknown == tuple(line for line in text.split("\n") if line and "---" not in line)


# --- the labels ---


def test_no_text_of_a_language_means_two_things_but_those_that_are_named():
    allowed = {
        (row["language"], name)
        for row in read_data("dlv_labels.yml")["ambiguous"]
        for name in (*row.get("labels", ()), *row.get("sentences", ()))
    }
    tables = {**LABELS.labels, **LABELS.sentences}
    twice = {text: meanings for text, meanings in tables.items() if len(meanings) > 1}
    for text, meanings in twice.items():
        assert all((language, meaning.name) in allowed for meaning in meanings for language in meaning.languages), text
    assert all(len(meanings) == 1 for words in LABELS.words.values() for meanings in words.values())


def test_no_word_begins_another_of_its_label():
    # A word at the end of a text that was cut may have been a longer one.
    begins = {
        (one, other)
        for words in LABELS.words.values()
        for one, meanings in words.items()
        for other, longer in words.items()
        if one != other and other.startswith(one) and meanings[0].name != longer[0].name
    }
    assert begins == set()


def test_every_source_of_the_labels_is_named_and_used():
    data = read_data("dlv_labels.yml")
    used = {group["source"] for group in data["groups"]} | {row["source"] for row in data["ambiguous"]}
    assert used - {"MEM"} <= set(data["sources"])
    assert set(data["sources"]) - used == {"SLM7"}


# --- round trip ---

GUIDS = st.uuids().map(str)
PIDS = st.integers(0, 999_999).map(lambda number: f"05426-00206-491-{number:06}-03-1033-20348.0000-3282026")
NUMBERS = st.one_of(st.integers(0, 9), st.integers(0, 4294967294))
MINUTES = st.integers(1, 400_000)
HOSTS = st.tuples(st.text("abcdef0123", min_size=1, max_size=20), st.sampled_from(["", ".example.com", ".corp.example.net"])).map("".join)
# Without digits, because one X in its place can't be told from the key's own.
PARTIALS = st.text("BCDFGHJKMPQRTVW", min_size=5, max_size=5)


@st.composite
def clients(draw):
    """A machine with a Windows client and whatever slmgr.vbs shows of it."""
    status = draw(
        st.sampled_from(
            [(0, "unlicensed"), (1, "licensed"), (2, "oob_grace"), (3, "oot_grace"), (5, "notification"), (6, "extended_grace")]
        )
    )
    activation_id = draw(GUIDS)
    licensed = status[0] == 1
    machine = KmsMachineFacts(draw(HOSTS), draw(st.integers(1, 65535)), None, None, activation_id) if licensed else None
    own = draw(st.booleans())
    found = dataclasses.replace(machine, level="product", address=draw(st.ip_addresses().map(str))) if machine and not own else None
    interval, renewal = (draw(st.integers(15, 43200)), draw(st.integers(15, 43200))) if licensed else (None, None)
    pid = draw(PIDS) if licensed else None
    windows = ProductFacts(
        activation_id=activation_id,
        application_id=WINDOWS,
        application="windows",
        name="Windows(R), Enterprise edition",
        description="Windows(R) Operating System, VOLUME_KMSCLIENT channel",
        product_key_channel="Volume:GVLK",
        role="kms_client",
        partial_key=draw(PARTIALS),
        license_status=status[0],
        license_status_word=status[1],
        reason=CodeFacts("0xC004F034", "SL_E_EUL_NOT_AVAILABLE", None) if status[0] == 5 else None,
        grace_minutes=draw(MINUTES) if status[0] in (1, 2, 3, 6) else None,
        is_addon=False,
        activation_type="kms" if licensed else None,
        activation_type_enabled=draw(st.sampled_from(["all", "kms", "active_directory", "token"])),
        activation_interval_minutes=interval,
        renewal_interval_minutes=renewal,
        kms_machine_configured=machine if own else None,
        kms_machine_discovered=found,
        kms_host_product_id=pid,
    )
    version = f"10.0.{draw(st.sampled_from([14393, 17763, 20348, 22000]))}.{draw(st.integers(0, 9999))}"
    return Facts(
        machine=MachineFacts(build=int(version.split(".")[2]), version=version.rpartition(".")[0]),
        service=ServiceFacts(
            version=version,
            cmid=draw(GUIDS) if licensed else None,
            host_caching=draw(st.booleans()) if licensed else None,
            activation_interval_minutes=interval,
            renewal_interval_minutes=renewal,
            rearms_remaining=draw(NUMBERS),
            kms_machine_configured=windows.kms_machine_configured,
            kms_machine_discovered=found,
            kms_machines_set=((machine,) if own else ()) if licensed else None,
            kms_host_product_id=pid,
        ),
        products=(windows,),
        primary=activation_id,
        primary_candidates=(activation_id,),
    )


@st.composite
def hosts(draw):
    """A KMS host for Windows, for Windows and Office, or for neither of them yet."""
    products = []
    for kind in draw(st.sampled_from([("windows",), ("windows", "office")])):
        windows = kind == "windows"
        products.append(
            ProductFacts(
                activation_id=draw(GUIDS),
                application_id=WINDOWS if windows else "0ff1ce15-a989-479d-af46-f275c6370663",
                application=kind,
                name="Windows(R), ServerDatacenter edition" if windows else "Office 21, Office21KMSHostVL_KMS_Host edition",
                description="Windows(R) Operating System, VOLUME_KMS_WS22 channel" if windows else "Office 21, VOLUME_KMS channel",
                product_key_channel="Volume:CSVLK",
                role="kms_host",
                partial_key=draw(PARTIALS),
                license_status=1,
                license_status_word="licensed",
                grace_minutes=draw(MINUTES),
                is_addon=False,
                count=draw(st.one_of(st.none(), st.integers(0, 50))),
                requests=RequestsFacts(*(draw(NUMBERS) for _ in range(8))),
            )
        )
    own = products[0]
    return Facts(
        machine=MachineFacts(build=20348, version="10.0.20348"),
        service=ServiceFacts(version="10.0.20348.2700", rearms_remaining=draw(NUMBERS)),
        host=HostFacts(
            is_kms_host=True,
            activation_id=own.activation_id,
            count=own.count,
            count_explained=None if own.count is None else explain_count(own.count),
            listening_port=draw(st.integers(1, 65535)),
            dns_publishing=draw(st.booleans()),
            low_priority=draw(st.booleans()),
            requests=own.requests,
        ),
        products=tuple(products),
        primary=own.activation_id,
        primary_candidates=(own.activation_id,),
    )


@settings(max_examples=40)
@given(st.one_of(clients(), hosts()), st.sampled_from(["en", "zh"]))
def test_generated_texts_come_back_as_the_facts_they_were_made_of(facts, language):
    text, missing = dlv(facts, language)
    output = one(text)
    assert missing == set()
    assert output.facts == facts
    assert (output.unknown, output.language) == ((), language)


@settings(max_examples=40)
@given(st.one_of(clients(), hosts()), st.sampled_from(["de", "fr", "ja", "zh-TW"]))
def test_what_a_language_has_labels_for_comes_back_in_it(facts, language):
    facts = dataclasses.replace(facts, products=facts.products[:1])
    text, missing = dlv(facts, language)
    output = one(text)
    assert output.language == language
    assert output.unknown == ()
    assert_no_wrong_number(facts, output.facts)
    (windows,) = output.facts.products
    known = {
        name
        for name in ("name", "description", "activation_id", "application_id", "product_key_channel", "partial_key")
        if name not in missing
    }
    assert {name: getattr(windows, name) for name in known} == {name: getattr(facts.products[0], name) for name in known}


# --- never a wrong number ---


TEXTS = (
    *("cmid", "activation_id", "application_id", "partial_key", "version", "kms_host_product_id", "role", "address", "product_key_channel"),
    *("code", "license_status_word"),
)


def numbers(facts):
    """Return every number, truth value and id of facts, with a name for its place; those of a product under the product's own name."""
    found = {}

    def walk(value, place):
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, (*place, key))
        elif isinstance(value, bool | int) or (isinstance(value, str) and place[-1] in TEXTS):
            found[place] = value

    plain = facts.as_dict()
    for part in ("machine", "service", "host"):
        walk({key: item for key, item in plain[part].items() if not isinstance(item, list)}, (part,))
    for product in plain["products"]:
        # A block that lost its name and its ids is somebody's all the same.
        owner = product["activation_id"] or (product["name"] or "").partition(" ")[0]
        walk(product, ("product", owner))
    return found


def assert_no_wrong_number(truth, seen):
    """Assert that every number is the true one of its place, or none. A product that can't be told apart may be any of the true ones."""
    right = numbers(truth)
    for place, value in numbers(seen).items():
        if place[0] == "product" and place[1] not in {key[1] for key in right if key[0] == "product"}:
            allowed = [true for key, true in right.items() if key[0] == "product" and key[2:] == place[2:]]
            assert value in allowed, (place, value, allowed)
            continue
        # Office's numbers are the machine's when those of Windows are lost with its name.
        others = [true for key, true in right.items() if key[-len(place) + 1 :] == place[1:]] if place[0] == "host" else []
        own = [right[place]] if place in right else []
        of_products = (
            [true for key, true in right.items() if key[0] == "product" and key[2:] == place[1:]] if place[0] in ("host", "service") else []
        )
        assert value in [*own, *others, *of_products], (place, value, right.get(place))


def redacted(line, how):
    label, colon, value = line.partition(":")
    if not colon or not value.strip():
        return line
    if how == "digits":
        return label + colon + re.sub("[0-9]", "X", value)
    if how in ("some *", "some X"):
        digits = [place for place, char in enumerate(value) if char.isdigit()]
        return label + colon + "".join(how[-1] if place in digits[len(digits) // 2 :] else char for place, char in enumerate(value))
    return f"{label}: {how}"


def wrapped(text, width, hard):
    lines = []
    for line in text.split("\n"):
        while len(line) > width:
            place = width if hard else line.rfind(" ", 1, width + 1)
            if place <= 0 or not line[:place].strip():
                break
            lines.append(line[:place])
            line = line[place:] if hard else line[place + 1 :]
        lines.append(line)
    return "\n".join(lines)


@st.composite
def damaged(draw):
    """A true text, and the same text as it arrives after people and programs had it."""
    truth = draw(st.one_of(clients(), hosts()))
    language = draw(st.sampled_from(["en", "zh"]))
    lines = dlv(truth, language)[0].split("\n")
    # One seed for what happens to each line: a choice for every line would take most of the time of this test.
    chance = random.Random(draw(st.integers(0, 2**32)))
    name = LABELS.texts[language]["labels"]["name"][0]
    single = len(truth.products) == 1
    drop, hide = draw(st.sampled_from([0, 0.1, 0.5])), draw(st.sampled_from([0, 0.4]))
    # With its name line gone a block is told from the one before it by nothing; whoever deletes lines keeps it.
    lines = [line for line in lines if (not single and line.startswith(name)) or chance.random() >= drop]
    if single and draw(st.booleans()):
        chance.shuffle(lines)
    lines = [
        redacted(line, chance.choice(["digits", "some *", "some X", "XXXX", "<redacted>", "****"])) if chance.random() < hide else line
        for line in lines
    ]
    text = "\n".join(lines) + "\n"
    digits = [found.start() + 1 for found in re.finditer("[0-9]", text)] or [0]
    if draw(st.booleans()):
        text = text[: draw(st.integers(0, len(text)) | st.sampled_from(digits))]
    how = draw(st.sampled_from(["console", "mail", "indent", "spread", "none"]))
    if how == "console":
        columns = [column for place in digits if (column := place - text.rfind("\n", 0, place) - 1) >= 40] or [80]
        text = wrapped(text, draw(st.integers(40, 120) | st.sampled_from(columns)), hard=True)
        if draw(st.booleans()):
            text = text[: draw(st.integers(0, len(text)) | st.sampled_from([found.end() for found in re.finditer("[0-9]\n", text)] or [0]))]
    elif how == "mail":
        text = wrapped(text, draw(st.integers(30, 80)), hard=False)
    elif how == "indent":
        text = "\n".join(" " * chance.randint(0, 5) + line.strip() for line in text.split("\n"))
    elif how == "spread":
        text = text.replace("\n", "\n\n")
    if draw(st.booleans()):
        text = "\n".join("> " + line for line in text.split("\n"))
    return truth, text.replace("\n", draw(st.sampled_from(["\n", "\r\n", "\u2028"])))


@given(damaged())
def test_a_damaged_text_never_gives_a_wrong_number(pair):
    truth, text = pair
    for output in parse_dlv(text).outputs:
        assert_no_wrong_number(truth, output.facts)


PIECES = st.sampled_from(
    [
        *(text for texts in LABELS.texts.values() for kinds in texts.values() for found in kinds.values() for text in found),
        *(
            " ",
            "\n",
            "\r\n",
            ": ",
            "0x",
            "0xC004F074",
            "259193",
            "minute(s) (180 day(s))",
            "> ",
            "slmgr /dlv",
            "Windows Script Host",
            "XXXX",
            "[::1]:",
            "-1",
            "99999",
        ),
    ]
)


@given(st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=30).map("".join)))
@example("Windows:\n" * 3)
@example("_" * 300)
@example("slmgr" + " a" * 300)
@example(":" * 50)
@example("Current count: " + "1" * 5000 + "\n")
@example("Time remaining: " + "1" * 5000 + " minute(s) (" + "1" * 5000 + " day(s))\n")
@example("Software licensing service version: 1.1." + "1" * 5000 + ".1\n")
@example("Activating " + "(x " * 3000)
def test_any_text_is_read_without_an_exception_into_plain_data(text):
    pasted = parse_dlv(text).as_dict()
    assert json.loads(json.dumps(pasted)) == pasted
    for output in pasted["outputs"]:
        read_facts({key: value for key, value in output.items() if key not in ("language", "unknown", "extra")})


KEYS = st.one_of(
    st.sampled_from([row.key for row in all_gvlks()]),
    st.lists(st.text("BCDFGHJKMPQRTVWXY2346789N", min_size=5, max_size=5), min_size=5, max_size=5).map("-".join),
)


@settings(max_examples=40)
@given(KEYS, st.data())
def test_no_product_key_comes_through_wherever_it_stands(key, data):
    text, _missing = dlv(data.draw(clients()))
    lines = text.split("\n")
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] += data.draw(st.sampled_from([key, f" {key} ", f"Installed product key {key} successfully.", f": {key}", f"\n{key}"]))
    pasted = wrapped("\n".join(lines), data.draw(st.sampled_from([20, 35, 40, 80])), hard=True)
    quoted = data.draw(st.sampled_from(["", "> ", "    "]))
    result = json.dumps(parse_dlv("\n".join(quoted + line for line in pasted.split("\n"))).as_dict(), ensure_ascii=False)
    assert key[:-6] not in re.sub(r"[\s\",>]", "", result)
    assert COLON.search(result)


LONG = 200_000


@pytest.mark.parametrize(
    "line",
    [
        "-" * LONG,
        "_" * LONG + "x",
        "Windows Script Host" + "-" * LONG + "y",
        "a" + " " * LONG + "b",
        "| a" + " " * LONG + "b |",
        "Windows" + " " * LONG + "x",
    ],
    ids=["dashes", "underscores", "a title", "blanks", "a frame", "a name"],
)
def test_a_line_of_any_length_is_read_to_its_end(line):
    """An expression that goes back over the line for each of its characters would not come to it within a day."""
    (output,) = parse_dlv(f"{line}\nName: Windows(R), Professional edition\nLicense Status: Licensed\n").outputs
    assert output.facts.products[0].license_status == 1


def test_frames_are_taken_off_both_ends_and_nothing_within():
    assert [line.text for line in lines_of("\u2502 a | b \u2502\n|  c  |\n\u250c\u2500\u2510\n d")] == ["a | b", "c", "", "d"]


def test_what_a_terminal_would_obey_is_in_nothing_that_is_kept():
    pasted = parse_dlv("Name: Windows(R)\x1b]0;owned\x07, Professional edition\nLicense Status: Licensed\nodd \x9b31m line\n").as_dict()
    assert "\\u001b" not in json.dumps(pasted) and "\\u0007" not in json.dumps(pasted) and "\\u009b" not in json.dumps(pasted)
    assert pasted["outputs"][0]["products"][0]["name"] == "Windows(R) ]0;owned , Professional edition"


@pytest.mark.parametrize("rest", ["XX", "**", "0XX", "\u2588\u2588"])
def test_a_number_whose_hidden_end_went_to_the_next_line_is_none(rest):
    lines = ("Name: Windows(R), ServerDatacenter edition", f"Current count: 10\n{rest}", "Listening on Port: 1688")
    assert one("\n".join(lines) + "\n").facts.host.count is None
    assert (
        one(
            f"Software licensing service version: 10.0.20348.27\n{rest}\n\nName: Windows(R), ServerDatacenter edition\n"
        ).facts.service.version
        is None
    )
