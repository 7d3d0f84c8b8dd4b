# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CIM values of every type for property-based tests, the same for each backend.

A value here is what the collection works with in Python: None, bool, int, str, an aware datetime in UTC, or a list of them.
"""

from __future__ import annotations

import datetime
import string
import typing as t

from hypothesis import strategies as st

# The bounds stand here once more, by the rule of DSP0004 and not from the code under test.
INTEGER_TYPES: dict[str, tuple[int, int]] = {
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"sint{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
}
SCALAR_TYPES = ("string", "boolean", "datetime", *INTEGER_TYPES)

OTHER_CIM_TYPES = ("real32", "real64", "char16", "reference")
"""The rest of DSP0004's types. No class that this collection uses has a property of these, so they are refused by name."""

# W3C: XML 1.0, production 2: tab, line feed, carriage return, and everything from the space on but surrogates, U+FFFE and U+FFFF.
_XML_CHARACTERS = st.one_of(
    st.characters(min_codepoint=0x20, max_codepoint=0x10FFFF, exclude_categories=("Cs",), exclude_characters="\ufffe\uffff"),
    st.sampled_from("\t\n\r"),
)
# What has gone wrong in XML, JSON and command lines before: white space at the ends, line ends of all kinds, markup, quotes and dollars,
# both directions of writing, a decomposed letter, a character beyond the first plane, spaces that only look like one, texts that look like other types.
AWKWARD = (
    "",
    " ",
    " both ends ",
    "\r",
    "one\r\ntwo\rthree\nfour",
    "\ttab",
    "<a>&amp;]]></a>",
    "<!-- no --> <?pi?> <![CDATA[x]]>",
    "\"double\" 'single' `grave`",
    "$env:PATH $(exit 3) @{a=1} %PATH% ^ | ;",
    "\\\\server\\share\\",
    "\u4f60\u597d Gr\u00fc\u00dfe \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "e\u0301\u200d\U0001f468\u200d\U0001f469",
    "\u0085\u00a0\u2028\u2029\u200b\ufeff",
    "\U0010fffd",
    "true",
    "null",
    "0012",
    "2024-01-31T10:00:00Z",
    "/Date(1700000000000)/",
)
"""Texts that have gone wrong in XML, JSON or on a command line before."""

LEGAL_TEXT: st.SearchStrategy[str] = st.one_of(st.text(_XML_CHARACTERS, max_size=40), st.sampled_from(AWKWARD))
"""All of Unicode that XML 1.0 can carry, the awkward parts more often."""

MOMENTS: st.SearchStrategy[datetime.datetime] = st.datetimes(
    min_value=datetime.datetime(1601, 1, 1), max_value=datetime.datetime(9998, 12, 31), timezones=st.just(datetime.UTC)
)
"""From the first day that Windows counts from (FILETIME; Microsoft: Learn), to the microsecond, which is what DSP0004 has room for."""

SCALARS: dict[str, st.SearchStrategy[t.Any]] = {
    "string": LEGAL_TEXT,
    "boolean": st.booleans(),
    "datetime": MOMENTS,
    **{
        name: st.one_of(st.integers(low, high), st.sampled_from((low, high, 0, 1, high // 2, high - 1)))
        for name, (low, high) in INTEGER_TYPES.items()
    },
}
"""A strategy for each scalar type; never null."""


class TypedValue(t.NamedTuple):
    """A CIM type, its name ending in C([]) for an array, and a value of it; null is None."""

    cim_type: str
    value: t.Any


def _of(scalar_type: str) -> st.SearchStrategy[TypedValue]:
    scalar, array = st.just(scalar_type), st.just(f"{scalar_type}[]")
    values = SCALARS[scalar_type]
    return st.one_of(
        st.builds(TypedValue, scalar, values),
        st.builds(TypedValue, scalar, st.none()),
        st.builds(TypedValue, array, st.none()),
        st.builds(TypedValue, array, st.just([])),
        st.builds(TypedValue, array, st.lists(values, min_size=1, max_size=1)),
        st.builds(TypedValue, array, st.lists(values, min_size=2, max_size=6)),
    )


def typed_values(scalar_types: t.Sequence[str] = SCALAR_TYPES) -> st.SearchStrategy[TypedValue]:
    """Return values of the given scalar types and of arrays of them: null, and arrays of none, one and several."""
    return st.sampled_from(tuple(scalar_types)).flatmap(_of)


def typed_rows(scalar_types: t.Sequence[str] = SCALAR_TYPES, max_columns: int = 6) -> st.SearchStrategy[dict[str, TypedValue]]:
    """Return the columns of one row: names, with a typed value for each. No two names differ in case alone, as in any CIM class."""
    names = st.text(string.ascii_letters, min_size=1, max_size=8)
    columns = st.lists(st.tuples(names, typed_values(scalar_types)), max_size=max_columns, unique_by=lambda column: column[0].casefold())
    return columns.map(dict)


def as_read(typed: TypedValue) -> t.Any:
    """Return what a reader can make of a value: an empty array is sent as nothing at all, which is also how a null one is sent."""
    return None if typed.value == [] else typed.value
