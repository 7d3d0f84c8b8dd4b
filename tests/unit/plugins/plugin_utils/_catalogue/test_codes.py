# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every code of the catalogue is explained from each writing of it, and any other number by what its bits say and no more."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue import codes
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.codes import explain, parse_code
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.loader import read_data
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.integers(0, (1 << 32) - 1)


def writings(number: int) -> list[t.Any]:
    signed = number - (1 << 32) if number >> 31 else number
    return [
        number,
        signed,
        f"0x{number:08X}",
        f"0x{number:x}",
        f" 0X{number:08X}\r\n",
        f"hr=0x{number:08X}",
        f"Error Code: 0x{number:08x}",
        f"Error: 0x{number:08X} On a computer running Microsoft Windows non-core edition, run 'slui.exe 0x2a 0x{number:08X}' to display the error text.",
    ]


def test_every_code_of_the_catalogue_is_explained_in_every_writing_with_its_sources() -> None:
    errors = read_data("errors.yml")
    assert len(errors["errors"]) >= 74
    for row in errors["errors"]:
        number = int(row["code"], 16)
        found = explain(number)
        assert found.known
        assert (found.code, found.decimal, found.signed % (1 << 32)) == (row["code"], number, number)
        for name in ("symbol", "meaning", "cause", "remedy", "category"):
            assert getattr(found, name) == row[name], row["code"]
        assert found.sources == tuple(errors["sources"][source] for source in row["sources"])
        for writing in writings(number):
            assert parse_code(writing) == number, writing
        assert parse_code(row["code"][2:]) == parse_code(row["code"][2:].lower()) == number
        assert parse_code(str(found.decimal)) == parse_code(str(found.signed)) == number
    assert len(errors["sl_symbols"]) == 413
    for text, symbol in errors["sl_symbols"].items():
        found = explain(int(text, 16))
        assert (found.symbol, found.known, found.shape) == (symbol, True, codes.HRESULT)
        assert found.family is not None, text
        assert found.sources


@pytest.mark.parametrize(
    ("code", "shape", "facility", "family", "failed"),
    [
        (0xC004F074, "hresult", (4, "FACILITY_ITF"), "licensing_client", True),
        (0xC004F302, "hresult", (4, "FACILITY_ITF"), "token_activation", True),
        (0xC004FD01, "hresult", (4, "FACILITY_ITF"), "avma", True),
        (0xC004F211, "hresult", (4, "FACILITY_ITF"), "licensing", True),
        (0xC004C003, "hresult", (4, "FACILITY_ITF"), "activation_server", True),
        (0xC004B100, "hresult", (4, "FACILITY_ITF"), "activation_server", True),
        (0xC004D307, "hresult", (4, "FACILITY_ITF"), "trusted_store", True),
        (0xC004E002, "hresult", (4, "FACILITY_ITF"), "token_store", True),
        (0x4004F00C, "hresult", (4, "FACILITY_ITF"), "licensing_information", False),
        (0x80070005, "hresult", (7, "FACILITY_WIN32"), None, True),
        (0x80338029, "hresult", (51, "FACILITY_WINRM"), None, True),
        (0x80092328, "hresult", (9, "FACILITY_SECURITY"), None, True),
        (0x807F0001, "hresult", (127, None), None, True),
        (0xC0020017, "ntstatus", (2, "FACILITY_RPC_RUNTIME"), None, True),
        (0xE0434352, "ntstatus", (67, None), None, True),
        (0x00000005, "win32", None, None, True),
        (0x00000000, "win32", None, None, False),
        (0x00040001, "hresult", (4, "FACILITY_ITF"), None, False),
    ],
)
def test_where_a_code_comes_from_is_in_its_bits(
    code: int, shape: str, facility: tuple[int, str | None] | None, family: str | None, failed: bool
) -> None:
    found = explain(code)
    assert (found.shape, found.failed) == (shape, failed)
    assert (None if found.facility is None else (found.facility.number, found.facility.name)) == facility
    assert (None if found.family is None else found.family.name) == family
    assert found.customer is (code == 0xE0434352)


def test_a_code_of_licensing_is_said_to_have_two_shapes() -> None:
    assert explain(0xC004F074).ambiguous
    assert explain(0xC0020017).ambiguous
    assert not explain(0x80070005).ambiguous
    assert not explain(0x4004F00C).ambiguous


def test_a_win32_error_is_found_in_the_hresult_around_it_and_bare() -> None:
    for code in (0x8007232B, 9003, "9003", "0x232b"):
        found = explain(parse_code(code))
        assert found.win32 == codes.Win32(9003, "DNS_ERROR_RCODE_NAME_ERROR")
        assert found.known
        assert found.remedy == explain(0x8007232B).remedy
    assert explain(0x80070005).win32 == explain(5).win32 == codes.Win32(5, "ERROR_ACCESS_DENIED")
    assert explain(0x8007FFF0).win32 == codes.Win32(0xFFF0, None)
    assert not explain(0x8007FFF0).known
    assert explain(0xC004F074).win32 is None


def test_an_ntstatus_inside_an_hresult_is_taken_out() -> None:
    found = explain(0xD0020017)
    assert (found.shape, found.ntstatus) == ("hresult", "0xC0020017")
    assert found.facility == codes.Facility(2, "FACILITY_RPC_RUNTIME", "the runtime of remote procedure calls")


def test_no_error_is_no_failure() -> None:
    found = explain(parse_code("0x0"))
    assert (found.symbol, found.severity, found.known) == ("S_OK", "success", True)


@given(NUMBERS)
def test_any_number_is_told_and_put_together_again_from_what_was_told(number: int) -> None:
    found = explain(number)
    assert found == explain(found.signed)
    assert (found.decimal, int(found.code, 16), found.signed & 0xFFFFFFFF) == (number, number, number)
    assert -(1 << 31) <= found.signed < 1 << 31
    assert found.number == number & 0xFFFF
    assert (found.facility is None) == (number <= 0xFFFF)
    if found.facility is not None:
        assert found.facility.number == number >> 16 & (0xFFF if found.shape == "ntstatus" or found.ntstatus else 0x7FF)
    if not found.known:
        assert (found.symbol, found.meaning, found.cause, found.remedy, found.sources) == (None, None, None, None, ())


@given(NUMBERS)
def test_a_code_is_read_in_every_writing(number: int) -> None:
    for writing in writings(number):
        assert parse_code(writing) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("80070005", 0x80070005),
        ("C004F074h", 0xC004F074),
        ("c004f074", 0xC004F074),
        ("2147942405", 0x80070005),
        ("-2147024891", 0x80070005),
        ("+5", 5),
        ("5", 5),
        ("12345678", 12345678),
        ("0x0", 0),
        ("error 1722", 1722),
        ("(0x8007232B) and once more 0x8007232b", 0x8007232B),
    ],
)
def test_a_code_without_a_mark_is_read_as_what_it_can_only_be(text: str, number: int) -> None:
    assert parse_code(text) == number


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0x",
        "none",
        "C004F07",
        "0x1C004F074",
        "4294967296",
        "-2147483649",
        "0xC004F074 or 0xC004F038",
        1 << 32,
        -(1 << 31) - 1,
        True,
        None,
        5.0,
        [5],
    ],
)
def test_what_is_no_code_is_said_to_be_none(value: t.Any) -> None:
    with pytest.raises(ValueError, match=r"code"):
        parse_code(value)


@given(st.text())
def test_any_text_is_a_code_or_is_none(text: str) -> None:
    try:
        number = parse_code(text)
    except ValueError as error:
        assert "code" in str(error)
    else:
        assert 0 <= number < 1 << 32


def test_the_facilities_are_listed_once_and_each_family_is_a_range() -> None:
    data = read_data("facilities.yml")
    for section in (codes.HRESULT, codes.NTSTATUS):
        numbers = [row[0] for row in data[section]]
        assert numbers == sorted(set(numbers))
        assert all(name.startswith("FACILITY_") and about for _, name, about in data[section])
    assert all(int(first, 16) <= int(last, 16) for first, last, _, _ in data["families"])
