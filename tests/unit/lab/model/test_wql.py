# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import pytest

from tests.lab.model import wql
from tests.lab.model.errors import CimError
from tests.unit.lab.model.support import CIMV2, SERVER, machine_of

BUILD = 20348
MACHINE = machine_of(SERVER)


def matches(where: str, row: dict[str, wql.Value], cim_class: str = "SoftwareLicensingProduct") -> bool:
    return wql.plan(wql.parse(f"SELECT * FROM {cim_class} WHERE {where}"), BUILD).matches(row.get)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Name = 'windows'", True),
        ("Name <> 'Windows'", False),
        ("Name != 'other'", True),
        ('name = "WINDOWS"', True),
        ("LicenseStatus < 6 AND LicenseStatus > 4", True),
        ("LicenseStatus <= 4 OR LicenseStatus >= 6", False),
        ("Name LIKE 'Win%'", True),
        ("Name LIKE '%dow_'", True),
        ("Name LIKE 'WIN%'", True),
        ("Name LIKE 'Win'", False),
        ("PartialProductKey IS NULL", True),
        ("PartialProductKey IS NOT NULL", False),
        ("PartialProductKey <> null", False),
        ("PartialProductKey = NULL", True),
        ("NOT PartialProductKey IS NULL", False),
        ("LicenseIsAddon = FALSE", True),
        ("NOT (Name = 'Windows' AND LicenseIsAddon = true)", True),
        ("Name = 'x' OR Name = 'Windows' AND LicenseStatus = 5", True),
        ("(Name = 'x' OR Name = 'Windows') AND LicenseStatus = 4", False),
        ("TrustedTime >= '20260302080000.000000+000'", True),
        ("TrustedTime < '20260302100000.000000+120'", False),
    ],
)
def test_a_condition_selects_what_wql_says(where: str, expected: bool) -> None:
    row: dict[str, wql.Value] = {
        "Name": "Windows",
        "LicenseStatus": 5,
        "LicenseIsAddon": False,
        "TrustedTime": wql.parse_datetime("20260302080000.000000+000"),
    }
    assert matches(where, row) is expected


def test_text_is_escaped_with_a_backslash() -> None:
    assert matches(r"Name = 'O\'Brien \\ \"x\"'", {"Name": 'O\'Brien \\ "x"'})


def test_a_property_without_a_value_fits_no_comparison() -> None:
    assert not matches("Name = 'x'", {})
    assert not matches("Name <> 'x'", {})


def test_columns_come_back_in_the_schemas_spelling_and_once() -> None:
    query = wql.parse("select id, NAME, Id from softwarelicensingproduct")
    assert wql.plan(query, BUILD).columns == ("ID", "Name")
    assert wql.plan(wql.parse("SELECT * FROM SoftwareLicensingProduct"), BUILD).columns is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT",
        "SELECT FROM Win32_Service",
        "SELECT * FROM",
        "SELECT *, Name FROM Win32_Service",
        "SELECT Name, FROM Win32_Service",
        "SELECT Name FROM Win32_Service WHERE",
        "SELECT Name FROM Win32_Service WHERE Name",
        "SELECT Name FROM Win32_Service WHERE Name =",
        "SELECT Name FROM Win32_Service WHERE Name = Windows",
        "SELECT Name FROM Win32_Service WHERE Name = 'open",
        "SELECT Name FROM Win32_Service WHERE Name = 'a' 'b'",
        "SELECT Name FROM Win32_Service WHERE 'a' = Name",
        "SELECT Name FROM Win32_Service WHERE Name < NULL",
        "SELECT Name FROM Win32_Service WHERE Name LIKE NULL",
        "SELECT Name FROM Win32_Service WHERE Name LIKE 'a[b-c]%'",
        "SELECT Name FROM Win32_Service WHERE (Name = 'a'",
        "SELECT Name FROM Win32_Service WHERE Name = 'a')",
        "SELECT Name FROM Win32_Service WHERE Name = 1",
        "SELECT Name FROM Win32_Service WHERE ProcessId = '1'",
        "SELECT Name FROM Win32_Service WHERE ProcessId = TRUE",
        "SELECT Name FROM Win32_Service WHERE ProcessId LIKE '1'",
        "SELECT Name FROM Win32_Service WHERE ProcessId = 1.5",
        "SELECT Name FROM Win32_Service WHERE Started = 1",
        "SELECT Name FROM Win32_Service WHERE InstallDate > 'yesterday'",
        "SELECT Name FROM Win32_Service ORDER BY Name",
        "SELECT Name FROM Win32_Service; SELECT Name FROM Win32_Service",
        "SELECT select FROM Win32_Service",
        "ASSOCIATORS OF {Win32_Service.Name='x'}",
        "SELECT * FROM Win32_Service WHERE " + "(" * 5000,
        "SELECT * FROM Win32_Service WHERE " + "NOT " * 3000 + "Name = 'x'",
    ],
)
def test_what_is_not_in_the_readme_is_an_invalid_query(text: str) -> None:
    with pytest.raises(CimError) as caught:
        machine_of(SERVER).cim.query(CIMV2, text)
    assert caught.value.kind == "invalid_query"


WORDS = st.sampled_from(
    [
        "SELECT",
        "FROM",
        "WHERE",
        "AND",
        "OR",
        "NOT",
        "IS",
        "NULL",
        "LIKE",
        "TRUE",
        "*",
        ",",
        "(",
        ")",
        "=",
        "<>",
        "<",
        ">=",
        "'a%'",
        '"x',
        "\\",
        "5",
        "-1",
    ]
    + [
        "Name",
        "ID",
        "TrustedTime",
        "LicenseStatus",
        "LicenseIsAddon",
        "SoftwareLicensingProduct",
        "Win32_Service",
        "NoSuch",
        "'2026'",
        "[",
        "\u00e9",
        "\x00",
    ]
)


@hypothesis.given(
    st.one_of(
        st.text(), st.lists(WORDS).map(" ".join), st.lists(WORDS).map(lambda words: "SELECT * FROM Win32_Service WHERE " + " ".join(words))
    )
)
def test_any_text_is_a_result_or_a_cim_error(text: str) -> None:
    try:
        result = MACHINE.cim.query(CIMV2, text)
    except CimError as error:
        assert error.kind in ("invalid_query", "invalid_class", "invalid_columns")
    else:
        assert all(isinstance(row, dict) for row in result.rows)


@hypothesis.given(st.text(alphabet=st.characters(codec="utf-8")))
def test_any_text_survives_as_a_literal(text: str) -> None:
    literal = text.replace("\\", "\\\\").replace("'", "\\'")
    query = wql.parse(f"SELECT * FROM Win32_Service WHERE Name = '{literal}'")
    assert query.where == wql.Comparison("Name", "=", text)
