# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue answers what its files say, and its files are sound."""

from __future__ import annotations

import importlib.resources
import re

import pytest
import yaml
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue import loader
from hypothesis import given
from hypothesis import strategies as st

KEY_SHAPE = re.compile(r"[0-9A-Z]{5}(-[0-9A-Z]{5}){4}")


def data_file(name: str) -> str:
    return importlib.resources.files(loader.__package__).joinpath(name).read_text(encoding="utf-8")


# --- codes ---


def test_a_code_is_explained_with_symbol_meaning_cause_and_remedy() -> None:
    found = loader.explain_code(0xC004F074)
    assert found is not None
    assert found.text == "0xC004F074"
    assert found.symbol == "SL_E_VL_BINDING_SERVICE_UNAVAILABLE"
    assert found.meaning and found.cause and found.remedy
    assert found.category == "host_unreachable"


def test_a_signed_code_is_the_same_code() -> None:
    assert loader.explain_code(0xC004F038 - (1 << 32)) == loader.explain_code(0xC004F038)


def test_a_code_known_by_symbol_only_has_no_invented_meaning() -> None:
    found = loader.explain_code(0xC004FE00)
    assert found is not None
    assert (found.symbol, found.meaning, found.remedy) == ("SL_E_TAMPER_RECOVERY_REQUIRES_ACTIVATION", None, None)


def test_a_code_that_nobody_listed_is_none() -> None:
    assert loader.explain_code(0x12345678) is None


@pytest.mark.parametrize(
    ("code", "symbol"),
    [
        (2150858752, "ERROR_WSMAN_RESOURCE_NOT_FOUND"),
        (2150858793, "ERROR_WSMAN_OPERATION_TIMEDOUT"),
        (0x80041003, "WBEM_E_ACCESS_DENIED"),
        (0x80041010, "WBEM_E_INVALID_CLASS"),
        (0x80041002, "WBEM_E_NOT_FOUND"),
        (5, "ERROR_ACCESS_DENIED"),
        (0x80070005, "ERROR_ACCESS_DENIED"),
        (0x800706BA, "RPC_S_SERVER_UNAVAILABLE"),
    ],
)
def test_codes_of_the_way_to_the_machine_are_known(code: int, symbol: str) -> None:
    found = loader.explain_code(code)
    assert found is not None
    assert found.symbol == symbol
    assert found.meaning


def test_an_hresult_around_a_win32_error_is_explained_by_that_error_under_its_own_number() -> None:
    found = loader.explain_code(0x80070057)
    assert found is not None
    assert found.symbol == "ERROR_INVALID_PARAMETER"
    assert found.text == "0x80070057"


@given(st.integers(min_value=-(1 << 31), max_value=(1 << 32) - 1))
def test_every_number_has_an_answer_of_one_kind_and_never_another_number(code: int) -> None:
    found = loader.explain_code(code)
    assert found is None or found.code == code & 0xFFFFFFFF


def test_the_code_files_list_every_code_once_and_agree_on_symbols() -> None:
    errors, paths = yaml.safe_load(data_file("errors.yml")), yaml.safe_load(data_file("wsman.yml"))
    rows = [int(row["code"], 16) for row in errors["errors"]]
    path_rows = [int(row[0], 16) for section in paths.values() for row in section]
    assert len(rows) == len(set(rows)) >= 76
    assert len(path_rows) == len(set(path_rows))
    assert not set(rows) & set(path_rows)
    for row in errors["errors"]:
        if row["code"] in errors["sl_symbols"]:
            assert errors["sl_symbols"][row["code"]] == row["symbol"]
        assert set(row["sources"]) <= set(errors["sources"])
        assert row["sources"], f"{row['code']} has no source"
    for code, symbol, meaning, category, _remedy in (row for section in paths.values() for row in section):
        assert re.fullmatch(r"0x[0-9A-F]{8}", code)
        assert re.fullmatch(r"[A-Z0-9_]+", symbol)
        assert meaning.endswith(".")
        assert category in {"access", "not_found", "request", "quota", "too_large", "timeout", "service", "network", "unknown"}


# --- client setup keys ---


@pytest.mark.parametrize(
    ("edition_id", "build", "last_five"),
    [
        ("ServerStandard", 26100, "MY832"),
        ("ServerDatacenter", 20348, "6VM33"),
        ("serverdatacenter", 17763, "63DFG"),
        ("ServerDatacenterACor", 17763, "CWH2D"),
        ("Enterprise", 19045, "2YT43"),
        ("Enterprise", 22631, "2YT43"),
        ("PROFESSIONAL", 99999, "T83GX"),
        ("Enterprise", 7601, "HVTHH"),
        ("EnterpriseS", 14393, "QJ4BJ"),
        ("EnterpriseS", 17763, "J462D"),
    ],
)
def test_the_client_key_is_chosen_by_edition_and_build(edition_id: str, build: int, last_five: str) -> None:
    found = loader.gvlk_for(edition_id, build)
    assert found is not None
    assert found.partial == last_five
    assert found.auto_select


@pytest.mark.parametrize(
    ("edition_id", "build"), [("Core", 22631), ("EnterpriseEval", 19045), ("ServerStandard", 25398), ("", 0), ("Enterprise", 20000)]
)
def test_an_edition_or_build_without_a_public_key_gets_none(edition_id: str, build: int) -> None:
    assert loader.gvlk_for(edition_id, build) is None


def test_a_key_fits_its_edition_in_any_case_from_its_first_build_to_its_last_and_no_other() -> None:
    for row in loader.all_gvlks():
        for first, last in row.builds:
            if row.edition_id is None:
                assert not row.fits("", first)
            else:
                assert row.fits(row.edition_id.upper(), first)
                assert last is None or row.fits(row.edition_id, last)
                assert not row.fits(row.edition_id + "N", first)
            assert not row.fits(None, first)


def test_a_code_is_written_as_windows_writes_it_signed_or_not() -> None:
    assert loader.code_text(0xC004F074) == loader.code_text(0xC004F074 - 2**32) == "0xC004F074"
    assert loader.code_text(5) == "0x00000005"


def test_no_edition_and_build_has_two_candidates() -> None:
    probes = {build for row in loader.all_gvlks() for pair in row.builds for build in pair if build is not None}
    for row in loader.all_gvlks():
        if not row.auto_select or row.edition_id is None:
            continue
        same = [
            other
            for other in loader.all_gvlks()
            if other.auto_select and other.edition_id and other.edition_id.lower() == row.edition_id.lower()
        ]
        for probe in probes:
            hits = [other for other in same if any(first <= probe and (last is None or probe <= last) for first, last in other.builds)]
            assert len(hits) <= 1, (row.edition_id, probe)


def test_a_row_that_names_no_real_edition_is_never_selected() -> None:
    odd = [row for row in loader.all_gvlks() if row.edition_id is None and row.kind != "office"]
    assert len(odd) == 4
    assert not any(row.auto_select for row in odd)


def test_the_catalogue_has_every_published_row_in_key_shape_with_unique_endings() -> None:
    rows = loader.all_gvlks()
    assert len(rows) == 166
    assert all(KEY_SHAPE.fullmatch(row.key) and row.key.endswith(row.partial) for row in rows)
    assert len({row.partial for row in rows}) == len(rows)
    assert {row.threshold for row in rows if row.kind == "client"} == {25}
    assert {row.threshold for row in rows if row.kind in ("server", "office")} == {5}


def test_a_key_is_found_in_any_writing() -> None:
    row = next(row for row in loader.all_gvlks() if row.partial == "6VM33")
    assert row.name == "Windows Server 2022 Datacenter"
    assert loader.gvlk_by_key(row.key) is row
    assert loader.gvlk_by_key(row.key.lower().replace("-", "\u2013")) is row
    assert loader.gvlk_by_key(row.key.replace("-", "")) is row
    assert loader.gvlk_by_key("LABHK-ZEROA-ISLEO-USUAL-0A1Z5") is None


def test_the_repr_of_a_row_does_not_show_its_key() -> None:
    for row in loader.all_gvlks():
        assert row.key not in repr(row)
        assert row.key[:23] not in f"{row} {row!s}"


# --- channels, states, applications, editions ---


@pytest.mark.parametrize(
    ("description", "channel", "role"),
    [
        ("Windows(R) Operating System, VOLUME_KMSCLIENT channel", "Volume:GVLK", "kms_client"),
        ("Windows Operating System - Windows Server(R), VOLUME_KMS_C channel", None, "kms_host"),
        ("Windows(R) Operating System, VOLUME_KMS_2012-R2_WIN10 channel", "Volume:CSVLK", "kms_host"),
        ("Windows(R) Operating System, VOLUME_KMS_WS22 channel", None, "kms_host"),
        ("Microsoft Office 2010 KMS, VOLUME_KMS channel", None, "kms_host"),
        ("Windows(R) Operating System, VOLUME_MAK channel", "Volume:MAK", "mak"),
        ("Office 14, RETAIL(MAK) channel", None, "mak"),
        ("Windows(R) Operating System, RETAIL channel", "Retail", "retail"),
        ("Windows(R) Operating System, OEM_DM channel", "OEM:DM", "oem"),
        ("Windows(R) Operating System, OEM_COA_NSLP channel", None, "oem"),
        ("Windows(R) Operating System, TIMEBASED_EVAL channel", "Retail:TB:Eval", "evaluation"),
        ("Windows(R) Operating System, VIRTUAL_MACHINE_ACTIVATION channel", None, "avma"),
        ("", "Volume:GVLK", "kms_client"),
        ("", "volume:csvlk", "kms_host"),
        ("", "Retail:TB:Eval", "evaluation"),
        ("", "OEM:NONSLP", "oem"),
        ("Something new", "Something:New", "unknown"),
        ("", None, "unknown"),
    ],
)
def test_the_role_comes_from_the_description_and_then_from_the_channel(description: str, channel: str | None, role: str) -> None:
    assert loader.role_of(description, channel) == role


def test_the_description_decides_where_it_and_the_channel_disagree() -> None:
    assert loader.role_of("Windows(R) Operating System, VOLUME_KMSCLIENT channel", "Volume:MAK") == "kms_client"


@given(st.text(), st.none() | st.text())
def test_any_text_has_one_of_the_roles(description: str, channel: str | None) -> None:
    assert loader.role_of(description, channel) in loader.ROLES


def test_licence_states_have_their_words_and_unknown_ones_keep_their_number() -> None:
    words = ["unlicensed", "licensed", "oob_grace", "oot_grace", "non_genuine_grace", "notification", "extended_grace", "unknown_7"]
    assert [loader.license_status_word(number) for number in range(8)] == words


@pytest.mark.parametrize(
    ("application_id", "name"),
    [
        ("55c92734-d682-4d71-983e-d6ec3f16059f", "windows"),
        ("{55C92734-D682-4D71-983E-D6EC3F16059F}", "windows"),
        ("0ff1ce15-a989-479d-af46-f275c6370663", "office"),
        ("59a52881-a989-479d-af46-f275c6370663", "office_2010"),
        ("00000000-0000-0000-0000-000000000000", "other"),
        ("", "other"),
    ],
)
def test_applications_are_told_by_their_id(application_id: str, name: str) -> None:
    assert loader.application_name(application_id) == name


def test_home_editions_have_no_volume_channel_and_others_do() -> None:
    for edition in ("Core", "CoreN", "coresinglelanguage", "CoreCountrySpecific", "Starter", "HomeBasic", "HomePremium", "ULTIMATE"):
        assert not loader.has_volume_channel(edition)
    for row in loader.all_gvlks():
        assert row.edition_id is None or loader.has_volume_channel(row.edition_id)


def test_evaluation_editions_are_told_by_their_ending() -> None:
    assert loader.is_evaluation("ServerStandardEval")
    assert loader.is_evaluation("enterpriseeval")
    assert not loader.is_evaluation("Enterprise")
    assert not any(loader.is_evaluation(row.edition_id) for row in loader.all_gvlks() if row.edition_id)


# --- host keys ---


def test_every_data_file_says_where_and_when_its_facts_were_collected() -> None:
    for name in ("gvlk.yml", "errors.yml", "wsman.yml", "channels.yml"):
        head = data_file(name)[:4000]
        assert re.search(r"[Cc]ollected .*2026-11", head), name
        assert "ources" in head, name


def test_no_host_key_and_no_other_key_than_the_public_ones_is_in_the_data_files() -> None:
    public = {row.key for row in loader.all_gvlks()}
    for name in ("gvlk.yml", "errors.yml", "wsman.yml", "channels.yml"):
        found = {match.group() for match in KEY_SHAPE.finditer(data_file(name))}
        assert found == (public if name == "gvlk.yml" else set())
