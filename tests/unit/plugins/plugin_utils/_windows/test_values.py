# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows import values
from hypothesis import given
from hypothesis import strategies as st

UTC = datetime.UTC
LEGAL_TEXT = st.text().map(values.without_illegal_characters)
TYPES = {name: st.integers(low, high) for name, (low, high) in values.INTEGER_RANGES.items()}


@given(st.data())
def test_every_integer_of_every_type_survives_a_round_trip(data):
    cim_type = data.draw(st.sampled_from(sorted(TYPES)))
    number = data.draw(TYPES[cim_type])
    assert values.decode(values.encode(number, cim_type), cim_type) == number


@given(st.data())
def test_integers_outside_of_their_type_are_refused_both_ways(data):
    cim_type = data.draw(st.sampled_from(sorted(TYPES)))
    low, high = values.INTEGER_RANGES[cim_type]
    number = data.draw(st.one_of(st.integers(max_value=low - 1), st.integers(min_value=high + 1)))
    with pytest.raises(ValueError, match=cim_type):
        values.encode(number, cim_type)
    with pytest.raises(ValueError, match=cim_type):
        values.decode([str(number)], cim_type)


@given(LEGAL_TEXT)
def test_strings_survive_a_round_trip(text):
    assert values.decode(values.encode(text, "string"), "string") == text


@given(st.lists(LEGAL_TEXT, min_size=1))
def test_string_arrays_survive_a_round_trip_also_with_one_element(texts):
    assert values.decode(values.encode(texts, "string[]"), "string[]") == texts


@given(st.booleans())
def test_booleans_survive_a_round_trip(value):
    assert values.decode(values.encode(value, "boolean"), "boolean") is value


@given(st.datetimes(timezones=st.timezones(), min_value=datetime.datetime(2, 1, 1), max_value=datetime.datetime(9998, 12, 31)))
def test_times_survive_a_round_trip_as_utc(value):
    assert values.decode(values.encode(value, "datetime"), "datetime") == value.astimezone(UTC)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_value_error(text):
    try:
        found = values.parse_datetime(text)
    except ValueError:
        return
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-03-09T02:57:32Z", datetime.datetime(2013, 3, 9, 2, 57, 32, tzinfo=UTC)),
        ("2013-04-15T20:28:20.913Z", datetime.datetime(2013, 4, 15, 20, 28, 20, 913000, tzinfo=UTC)),
        ("2021-07-09T03:04:05.123456Z", datetime.datetime(2021, 7, 9, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2021-07-09T03:04:05.123456999Z", datetime.datetime(2021, 7, 9, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2017-01-01T01:00:00-07:00", datetime.datetime(2017, 1, 1, 8, tzinfo=UTC)),
        ("2017-01-01T01:00:00+05:30", datetime.datetime(2016, 12, 31, 19, 30, tzinfo=UTC)),
        ("2017-01-01T01:00:00", datetime.datetime(2017, 1, 1, 1, tzinfo=UTC)),
        ("  1601-01-01T00:00:00Z\n", datetime.datetime(1601, 1, 1, tzinfo=UTC)),
        ("20240131100000.123456+060", datetime.datetime(2024, 1, 31, 9, 0, 0, 123456, tzinfo=UTC)),
        ("20240131100000.000000-480", datetime.datetime(2024, 1, 31, 18, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_every_spelling_windows_uses(text, expected):
    assert values.parse_datetime(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2013-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "00000001000000.000000:000", "P1DT2H"],
)
def test_text_that_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="date"):
        values.parse_datetime(text)


@pytest.mark.parametrize("cim_type", ["string", "uint32", "boolean", "datetime", "string[]", "uint8[]"])
def test_nil_and_absent_are_null_for_every_type(cim_type):
    assert values.decode([], cim_type) is None
    assert values.decode([None], cim_type) is None


def test_an_element_without_text_is_the_empty_string_and_no_number():
    assert values.decode([""], "string") == ""
    assert values.decode([""], "uint32") is None


def test_two_values_for_a_scalar_are_refused():
    with pytest.raises(ValueError, match="2 values"):
        values.decode(["1", "2"], "uint32")


def test_null_and_the_empty_array_are_sent_as_nothing():
    assert values.encode(None, "string") == []
    assert values.encode([], "string[]") == []


@pytest.mark.parametrize(
    ("value", "cim_type"),
    [(True, "uint32"), ("1", "uint32"), (1, "boolean"), (1, "string"), ("x", "string[]"), ("2024-01-01T00:00:00Z", "datetime")],
)
def test_a_value_of_another_type_is_refused(value, cim_type):
    with pytest.raises(TypeError):
        values.encode(value, cim_type)


def test_a_refused_string_is_not_repeated_in_the_error():
    with pytest.raises(ValueError, match="XML cannot carry") as caught:
        values.encode("LABHK-ZEROA\x00", "string")
    assert "LABHK" not in str(caught.value)


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        values.encode(datetime.datetime(2024, 1, 1), "datetime")


def test_an_unknown_type_is_refused():
    with pytest.raises(ValueError, match="real64"):
        values.decode(["1.5"], "real64")
