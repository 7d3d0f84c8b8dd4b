# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A product key is recognised in every usual writing, and never shown beyond its last five characters."""

from __future__ import annotations

import json
import string
from collections.abc import Callable

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils import _keys as keys
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue import loader
from hypothesis import example, given
from hypothesis import strategies as st

LAB_KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
MASKED = "XXXXX-XXXXX-XXXXX-XXXXX-0A1Z5"

DASH = st.sampled_from(keys.DASHES)
GENUINE_LETTERS = "BCDFGHJKMNPQRTVWXY2346789"
key_groups = st.lists(st.text(GENUINE_LETTERS, min_size=5, max_size=5), min_size=5, max_size=5)
any_groups = st.lists(st.text(string.ascii_letters + string.digits, min_size=5, max_size=5), min_size=5, max_size=5)
# Text that cannot hold a key of its own: no run of 25, no groups of five between dashes.
other_text = st.text(st.characters(exclude_characters=string.ascii_letters + string.digits + keys.DASHES, codec="utf-8"))


def sample(pattern: str, *, case: str = "upper") -> str:
    change: dict[str, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "title": str.title}
    return change[case](LAB_KEY.replace("-", pattern))


# --- parse_key ---


@pytest.mark.parametrize("dash", ["-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "\uff0d", ""])
@pytest.mark.parametrize("case", ["upper", "lower", "title"])
def test_a_key_is_read_in_every_usual_writing(dash: str, case: str) -> None:
    assert keys.parse_key(f"  {sample(dash, case=case)}\n").text == LAB_KEY


def test_every_public_client_key_is_of_valid_shape() -> None:
    for row in loader.all_gvlks():
        key = keys.parse_key(row.key)
        assert (key.text, key.last_five) == (row.key, row.partial)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the lengths found are 0"),
        ("LABHK-ZEROA-ISLEO-USUAL", "5-5-5-5"),
        (LAB_KEY + "-EXTRA", "5-5-5-5-5-5"),
        ("LABHK-ZEROA-ISLEO-USUAL-0A1Z", "5-5-5-5-4"),
        ("LABHKZEROA-ISLEO-USUAL-0A1Z5", "10-5-5-5"),
        ("LABHK ZEROA ISLEO USUAL 0A1Z5", "other than letters"),
        ("LABHK-ZEROA-ISLEO-USUAL-0A1Z\u00e9", "other than letters"),
        ("LABHK-ZEROA-ISLEO-USUAL-0A1Z\u0665", "other than letters"),
        (12345, "not a text"),
        (None, "not a text"),
    ],
)
def test_a_wrong_shape_is_refused_in_words_that_repeat_nothing_of_the_key(text: object, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        keys.parse_key(text)  # type: ignore[arg-type]
    assert not any(part in str(caught.value) for part in ("LABHK", "ZEROA", "ISLEO", "USUAL", "0A1Z", "12345"))
    assert caught.value.__cause__ is None


@given(st.text())
def test_any_text_is_a_key_or_a_value_error(text: str) -> None:
    try:
        key = keys.parse_key(text)
    except ValueError:
        return
    assert len(key.text) == 29


@given(any_groups, DASH | st.just(""))
def test_reading_a_key_again_changes_nothing(groups: list[str], dash: str) -> None:
    key = keys.parse_key(dash.join(groups))
    assert keys.parse_key(key.text) == key


def test_a_key_object_shows_its_last_five_only() -> None:
    key = keys.parse_key(LAB_KEY)
    for shown in (str(key), repr(key), f"{key}", f"{key!r}", f"{[key]}", f"{ {'key': key} }", "%s" % key):  # noqa: UP031
        assert MASKED in shown
        assert "LABHK" not in shown and "USUAL" not in shown
    assert key.masked == MASKED


# --- mask_keys ---


@pytest.mark.parametrize("dash", [*keys.DASHES, ""])
@pytest.mark.parametrize("case", ["upper", "lower"])
def test_a_key_in_any_writing_loses_all_but_its_last_five(dash: str, case: str) -> None:
    shown = keys.mask_keys(f"slmgr /ipk {sample(dash, case=case)}.")
    assert shown == f"slmgr /ipk {MASKED[:-5]}{'0A1Z5' if case == 'upper' else '0a1z5'}."


@pytest.mark.parametrize("before", ["\\n", "\\t", "\\r", "\\x0a", "\\u000a", "'", '"', "(", "=", "_", "/", "<p:ProductKey>"])
@pytest.mark.parametrize("dash", ["-", ""])
def test_a_key_is_masked_behind_escapes_and_marks(before: str, dash: str) -> None:
    assert keys.mask_keys(f"x {before}{sample(dash)}") == f"x {before}{MASKED}"


def test_a_key_that_a_word_sticks_to_is_masked_all_the_same() -> None:
    assert keys.mask_keys(f"key{LAB_KEY}end") == f"key{MASKED}end"


def test_in_a_longer_row_of_groups_only_the_last_group_stays() -> None:
    assert keys.mask_keys(f"SERVR-{LAB_KEY}") == MASKED
    assert keys.mask_keys(f"{LAB_KEY}-PROXY") == MASKED[:-5] + "PROXY"


def test_a_key_in_a_dump_of_python_or_json_is_masked() -> None:
    lines = {"stdout": f"first\n{LAB_KEY}\n", "stdout_lines": [sample("")]}
    for dump in (repr(lines), json.dumps(lines), json.dumps(json.dumps(lines))):
        shown = keys.mask_keys(dump)
        assert "LABHK" not in shown and "USUAL" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ClearKeyManagementServicePort of SoftwareLicensingService",
        "ClearSomethingOfTheMachin",
        "55041-00206-271-298329-03-1033-9600.0000-0652014",
        "00376-10000-00000-AA947",
        "55c92734-d682-4d71-983e-d6ec3f16059f",
        "123456-123456-123456-123456-123456-123456-123456-123456",
        "deployment-7d9c5b8f6c-x7k2p",
        "20261124024500.000000+000",
        "a" * 24,
        "a" * 26,
        "d41d8cd98f00b204e9800998ecf8427e",
        "alpha bravo delta hotel india",
    ],
)
def test_text_that_is_no_key_stays_the_very_same(text: str) -> None:
    assert keys.mask_keys(text) is text or keys.mask_keys(text) == text


@pytest.mark.parametrize("run", ["1234567890123456789012345", "abcdefghijklmnopqrstuvwxy", "BcDfGhJkMnPqRtVwXyBcDfGhJ"])
def test_a_doubtful_run_of_25_is_masked_as_documented(run: str) -> None:
    assert keys.mask_keys(run) == keys.MASK + run[-5:]


@given(other_text, any_groups, DASH, other_text)
@example("", ["AAAAA", "BBBBB", "CCCCC", "DDDDD", "EEEEE"], "-", "")
def test_no_key_with_dashes_survives_and_the_text_around_it_does(before: str, groups: list[str], dash: str, after: str) -> None:
    assert keys.mask_keys(f"{before}{dash.join(groups)}{after}") == f"{before}{keys.MASK}{groups[-1]}{after}"


@given(st.text(), key_groups, DASH, st.text())
@example("0" * 20, ["BCDFG", "HJKMN", "PQRTV", "WXY23", "46789"], "-", "")
def test_no_genuine_key_survives_in_any_text_at_all(before: str, groups: list[str], dash: str, after: str) -> None:
    assert dash.join(groups) not in keys.mask_keys(f"{before}{dash.join(groups)}{after}") or set(groups[:4]) == {"XXXXX"}


@given(other_text, key_groups, st.booleans(), other_text)
def test_no_genuine_key_without_dashes_survives_and_the_text_around_it_does(
    before: str, groups: list[str], lower: bool, after: str
) -> None:
    whole = "".join(groups).lower() if lower else "".join(groups)
    assert keys.mask_keys(f"{before}{whole}{after}") == f"{before}{keys.MASK}{whole[-5:]}{after}"


@given(st.text())
def test_masking_twice_is_masking_once(text: str) -> None:
    once = keys.mask_keys(text)
    assert keys.mask_keys(once) == once


@given(other_text)
def test_text_without_letters_and_digits_is_unchanged(text: str) -> None:
    assert keys.mask_keys(text) == text


# --- mask_result ---

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | other_text,
    lambda inner: st.lists(inner) | st.dictionaries(other_text, inner),
    max_leaves=20,
)


@given(plain)
def test_a_result_without_keys_is_unchanged(value: object) -> None:
    assert keys.mask_result(value) == value


def test_keys_are_masked_in_names_values_and_lists_however_deep() -> None:
    result = {
        "msg": f"the key {LAB_KEY} was refused",
        LAB_KEY: 1,
        "rows": [{"key": [sample("\u2013", case="lower")]}, (sample(""), 5, None, True)],
    }
    masked = keys.mask_result(result)
    assert masked == {
        "msg": f"the key {MASKED} was refused",
        MASKED: 1,
        "rows": [{"key": [MASKED[:-5] + "0a1z5"]}, [MASKED, 5, None, True]],
    }
    assert LAB_KEY in result, "the original is not touched"


def test_two_names_that_become_equal_both_stay() -> None:
    masked = keys.mask_result({LAB_KEY: 1, "LABMK-OTHER-AAAAA-EEEEE-0A1Z5": 2})
    assert masked == {MASKED: 1, f"{MASKED} (2)": 2}


def test_a_secret_of_another_shape_is_taken_out_in_any_case():
    assert keys.mask_keys("The key BADKEY-1 is bad: badkey-1", ["BadKey-1"]) == f"The key {keys.NOT_SHOWN} is bad: {keys.NOT_SHOWN}"


def test_empty_and_tiny_secrets_take_nothing_along():
    assert keys.mask_keys("a plain text", ["", "a"]) == "a plain text"


def test_a_value_is_quoted_without_a_key_and_in_one_line_of_bounded_length() -> None:
    key = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
    for value in (key, "x" * 45 + " " + key, [key], {"a": "x" * 40 + " " + key}):
        assert "LABHK" not in keys.shown(value) and "ZEROA" not in keys.shown(value)
        assert len(keys.shown(value)) <= 62
    assert keys.shown("a\x1bb") == "'a\\x1bb'"
    assert keys.shown(None) == "None"


def test_what_a_terminal_would_obey_becomes_a_blank() -> None:
    assert keys.one_line("a\x1b]0;b\x07c\nd\u202ee\x9bf") == "a ]0;b c d e f"
    assert keys.one_line("  für  ") == "  für  "
