# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re

import pytest

from tests.lab.model import keys
from tests.lab.model.keys import MADE_UP_LETTERS, client_setup_key_for, client_setup_keys, made_up_key, mask
from tests.lab.model.windows import versions
from tests.unit.lab.model.support import (
    CLIENT_HOST_KEY,
    DESKTOP,
    HOST,
    HOST_KEY,
    KEYS,
    MAK,
    NEWER_HOST_KEY,
    OEM,
    OFFICE_HOST_KEY,
    OLDER_HOST_KEY,
    RETAIL,
    SERVER,
    activate,
    call_product,
    estate_of,
    install,
    machine_of,
    product,
    products,
    provider_code,
    service,
)

SERVER_2022_STANDARD = "VDYBN-27WPP-V4HQT-9VMD4-VMK7H"
SERVER_2022_DATACENTER = "WX4NM-KYWYW-QJJR4-XV3QB-6VM33"
SERVER_2019_STANDARD = "N69G4-B89J2-4G8F4-WWYCC-J464C"
ENTERPRISE = "NPPR9-FWDCX-D2C8J-H872K-2YT43"
PROFESSIONAL = "W269N-WFGWX-YVC9B-4J6C9-T83GX"


@pytest.mark.parametrize(
    "text", ["", "nonsense", "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA", HOST_KEY.replace("-", ""), HOST_KEY + "X", "\u2014".join(HOST_KEY.split("-"))]
)
def test_unknown_text_is_an_invalid_product_key(text: str) -> None:
    # 0xC004F050 (windowsserverdocs, activation-error-codes: typing error, dashes replaced).
    machine = machine_of(SERVER)
    before = products(machine)
    assert provider_code(install, machine, text) == 0xC004F050
    assert products(machine) == before


@pytest.mark.parametrize(
    ("windows", "key"),
    [
        ("server-2022-standard", SERVER_2022_DATACENTER),
        ("server-2022-standard", SERVER_2019_STANDARD),
        ("server-2022-standard", ENTERPRISE),
        ("windows-11-home", PROFESSIONAL),
        ("windows-11-home", MAK),
        ("windows-11-pro", ENTERPRISE),
        ("server-2022-standard", MAK),
        # Evaluation editions take no volume key before the edition is changed.
        ("server-2022-standard-evaluation", SERVER_2022_STANDARD),
        ("server-2022-datacenter-evaluation", HOST_KEY),
        # Azure Edition cannot be a host (kms-activation-planning).
        ("server-2022-datacenter-azure", HOST_KEY),
        # A client Windows takes client host keys only.
        ("windows-10-enterprise", HOST_KEY),
        # Too old a host key.
        ("server-2022-datacenter", OLDER_HOST_KEY),
        # Office is not installed.
        ("windows-11-enterprise", "FXYTK-NJJ8C-GB6DW-3DYQT-6F7TH"),
    ],
)
def test_a_key_without_a_product_here_is_a_mismatch(windows: str, key: str) -> None:
    assert provider_code(install, machine_of({"name": "m", "windows": windows}), key) == 0xC004F069


def test_every_edition_with_a_volume_channel_takes_its_own_client_setup_key() -> None:
    for name, windows in versions().items():
        key = client_setup_key_for(windows)
        if windows.evaluation or not windows.volume:
            assert key is None, name
        else:
            assert key is not None, name
            machine = machine_of({"name": "m", "windows": name})
            install(machine, key.text)
            row = product(machine, "Description", "RequiredClientCount")
            assert row["PartialProductKey"] == key.text[-5:]
            assert str(row["Description"]).endswith("VOLUME_KMSCLIENT channel")
            # 25 for client Windows, 5 for servers (kms-activation-planning).
            assert row["RequiredClientCount"] == (5 if windows.is_server else 25)


@pytest.mark.parametrize(
    ("windows", "key", "code"),
    [
        ("server-2019-datacenter", HOST_KEY, None),
        ("server-2016-standard", HOST_KEY, None),
        ("server-2022-datacenter", NEWER_HOST_KEY, None),
        ("windows-10-enterprise", CLIENT_HOST_KEY, None),
        # A key for a newer host than this (windowsserverdocs, activation-error-codes).
        ("server-2012-r2-standard", HOST_KEY, 0xC004F050),
        ("server-2016-standard", NEWER_HOST_KEY, 0xC004F050),
        # The client key on a server (SupportArticles-docs, error-0xc004f015-activate-windows-10).
        ("server-2022-datacenter", CLIENT_HOST_KEY, 0xC004F015),
        # An Office host needs a Windows that its licence pack supports.
        ("server-2012-standard", OFFICE_HOST_KEY, 0xC004F015),
    ],
)
def test_a_host_key_goes_only_where_the_planning_page_has_it(windows: str, key: str, code: int | None) -> None:
    machine = machine_of({"name": "m", "windows": windows})
    if code is None:
        install(machine, key)
        assert service(machine, "IsKeyManagementServiceMachine") == {"IsKeyManagementServiceMachine": 1}
        assert product(machine, "ProductKeyChannel")["ProductKeyChannel"] == "Volume:CSVLK"
    else:
        assert provider_code(install, machine, key) == code


def test_server_2022_needs_its_update_before_it_takes_the_2025_host_key() -> None:
    # Build 20348.2322 (kms-activation-planning).
    assert provider_code(install, machine_of({**HOST, "key": None, "licensed": False, "ubr": 2321}), NEWER_HOST_KEY) == 0xC004F050
    install(machine_of({**HOST, "key": None, "licensed": False, "ubr": 2322}), NEWER_HOST_KEY)


def test_the_key_of_the_same_slot_is_replaced_without_a_word() -> None:
    machine = machine_of({**HOST, "key": "gvlk", "licensed": False})
    install(machine, HOST_KEY)
    assert product(machine)["PartialProductKey"] == HOST_KEY[-5:]


def test_office_keys_stand_beside_those_of_windows() -> None:
    machine = machine_of({**DESKTOP, "office": "Office LTSC Professional Plus 2021"})
    install(machine, "FXYTK-NJJ8C-GB6DW-3DYQT-6F7TH")
    found = {
        row["PartialProductKey"]: (row["ApplicationID"], row["RequiredClientCount"])
        for row in products(machine, "ApplicationID", "RequiredClientCount")
    }
    assert found == {"2YT43": ("55c92734-d682-4d71-983e-d6ec3f16059f", 25), "6F7TH": ("0ff1ce15-a989-479d-af46-f275c6370663", 5)}
    host = machine_of(HOST)
    install(host, OFFICE_HOST_KEY)
    assert {row["ID"] for row in products(host)} >= {"47f3b983-7c53-4d45-abc6-bcd91e2dd90a"}
    assert len(products(host)) == 2


def test_a_client_setup_key_on_a_fresh_machine_starts_the_thirty_days() -> None:
    estate, _ = estate_of({**DESKTOP, "key": None})
    machine = estate.machines["pc01"]
    install(machine, ENTERPRISE)
    row = product(machine)
    assert (row["LicenseStatus"], row["LicenseStatusReason"], row["GracePeriodRemaining"]) == (2, 0x4004F00C, 43200)
    estate.advance(3600)
    assert product(machine)["GracePeriodRemaining"] == 43140
    estate.advance(30 * 86400)
    row = product(machine)
    assert (row["LicenseStatus"], row["LicenseStatusReason"], row["GracePeriodRemaining"]) == (5, 0xC004F056, 0)


def test_a_client_setup_key_in_place_of_a_mak_goes_to_notification() -> None:
    machine = machine_of({**DESKTOP, "key": MAK, "licensed": True})
    install(machine, ENTERPRISE)
    row = product(machine)
    assert (row["PartialProductKey"], row["LicenseStatus"], row["LicenseStatusReason"]) == (ENTERPRISE[-5:], 5, 0xC004F056)


def test_a_replaced_key_ends_the_thirty_days_even_when_it_was_never_activated() -> None:
    machine = machine_of({**DESKTOP, "key": MAK})
    assert product(machine)["LicenseStatus"] == 2
    install(machine, ENTERPRISE)
    assert product(machine)["LicenseStatus"] == 5


def test_an_activated_machine_gets_no_second_thirty_days() -> None:
    machine = machine_of({**DESKTOP, "key": MAK})
    activate(machine)
    call_product(machine, "UninstallProductKey")
    install(machine, ENTERPRISE)
    assert product(machine)["LicenseStatus"] == 5


def test_the_same_key_again_changes_nothing() -> None:
    machine = machine_of({**DESKTOP, "licensed": True})
    before = product(machine)
    install(machine, ENTERPRISE)
    assert product(machine) == before


def test_uninstalling_a_key_leaves_no_keyed_product_and_works_once() -> None:
    machine = machine_of(SERVER)
    activation_id = product(machine)["ID"]
    assert call_product(machine, "UninstallProductKey") == {"ReturnValue": 0}
    assert products(machine) == []
    assert provider_code(call_product, machine, "UninstallProductKey", activation_id) == 0xC004F014


def test_every_machine_lists_many_licences_without_a_key() -> None:
    for name in versions():
        machine = machine_of({"name": "m", "windows": name})
        everything = machine.cim.query("root/cimv2", "SELECT ID, PartialProductKey, ProductKeyID FROM SoftwareLicensingProduct").rows
        assert len([row for row in everything if row["PartialProductKey"] is None]) >= 12
        assert len({row["ID"] for row in everything}) == len(everything)


@pytest.mark.parametrize(
    ("windows", "key", "word", "channel"),
    [
        ("windows-10-pro", MAK, "VOLUME_MAK", "Volume:MAK"),
        ("windows-10-pro", RETAIL, "RETAIL", "Retail"),
        ("windows-10-pro", OEM, "OEM_DM", "OEM:DM"),
        ("windows-11-home", RETAIL, "RETAIL", "Retail"),
        ("server-2022-datacenter", HOST_KEY, "VOLUME_KMS_WS22", "Volume:CSVLK"),
        ("server-2022-datacenter-evaluation", None, "TIMEBASED_EVAL", "Retail:TB:Eval"),
    ],
)
def test_the_description_holds_the_channel_word(windows: str, key: str | None, word: str, channel: str) -> None:
    row = product(machine_of({"name": "m", "windows": windows, **({"key": key} if key else {})}), "Description", "ProductKeyChannel")
    assert str(row["Description"]).endswith(f", {word} channel")
    assert row["ProductKeyChannel"] == channel


def test_an_evaluation_has_an_end_and_is_not_activated_here() -> None:
    estate, _ = estate_of({"name": "m", "windows": "server-2022-datacenter-evaluation"})
    machine = estate.machines["m"]
    row = product(machine, "EvaluationEndDate")
    assert (row["LicenseStatus"], row["GracePeriodRemaining"]) == (1, 259200)
    assert str(row["EvaluationEndDate"]).startswith("2026-08-29")
    assert provider_code(activate, machine) == 0xC004F06A
    estate.advance(181 * 86400)
    assert product(machine)["LicenseStatus"] == 5
    # 1601 stands for "no date" elsewhere (MicrosoftDocs/win32, SppWmi).
    assert str(product(machine_of(SERVER), "EvaluationEndDate")["EvaluationEndDate"]).startswith("1601-01-01")


def test_every_machine_holds_a_made_up_firmware_key_of_its_own() -> None:
    estate, _ = estate_of(SERVER, DESKTOP)
    found = [service(machine, "OA3xOriginalProductKey")["OA3xOriginalProductKey"] for machine in estate.machines.values()]
    assert len(set(found)) == 2
    assert all(keys.SHAPE.fullmatch(str(text)) and set(str(text)) & MADE_UP_LETTERS for text in found)
    assert set(found) < set(estate.secrets())


def test_made_up_keys_have_a_letter_that_no_real_key_has() -> None:
    public = "".join(key.text for key in client_setup_keys())
    assert not set(public) & MADE_UP_LETTERS
    for number in range(200):
        text = made_up_key("m", str(number))
        assert keys.SHAPE.fullmatch(text)
        assert all(set(group) & MADE_UP_LETTERS for group in text.split("-"))


def test_no_full_product_key_is_in_any_state() -> None:
    machines = [HOST, SERVER, {**DESKTOP, "key": MAK, "events": [{"log": "Application", "id": 1, "strings": [f"leak {MAK}"]}]}]
    estate, _ = estate_of(*machines)
    for machine in estate.machines.values():
        call_product(machine, "UninstallProductKey")
        install(machine, KEYS[0]["key"] if machine.name == "kms01" else client_setup_key_for(machine.windows).text)  # type: ignore[union-attr]
    text = json.dumps(estate.state())
    assert not re.search(r"(?i)\b(?!\*)(?:[A-Z0-9]{5}-){4}[A-Z0-9]{5}\b", text)
    for secret in [*estate.secrets(), *(key.text for key in client_setup_keys())]:
        assert secret not in text
    assert f"*****-*****-*****-*****-{MAK[-5:]}" in text
    assert mask("00000000-0000-4000-8000-000000000001") == "00000000-0000-4000-8000-000000000001"


def test_no_full_product_key_is_in_the_repr_of_a_key() -> None:
    assert HOST_KEY not in repr(estate_of(HOST)[0].book.find(HOST_KEY))
