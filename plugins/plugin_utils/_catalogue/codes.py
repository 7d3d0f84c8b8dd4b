# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A code in any writing, explained by the catalogue, and by its bits where the catalogue does not have it.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. What a code means is looked up in one place, C(loader.explain_code); facilities.yml has where
codes come from.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .._keys import shown as _shown
from .loader import Explanation, code_text, explain_code, read_data

HRESULT, NTSTATUS, WIN32 = "hresult", "ntstatus", "win32"
"""What a code can be."""

_WIN32_FACILITY = 7
_N_BIT = 0x10000000
"""Of an HRESULT: it is an NTSTATUS but for this bit (MS-ERREF 2.1)."""

_MARKED = re.compile(r"(?<![0-9A-Za-z])0[xX]([0-9A-Fa-f]+)(?![0-9A-Za-z])")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,10}")
_BARE = re.compile(r"([0-9A-Fa-f]{8})[hH]?")
# What slmgr.vbs prints behind a code: the command that shows its text.
_COMMAND = re.compile(r"slui(?:\.exe)?\s+0x2a\b", re.IGNORECASE)
_PREFIX = re.compile(r"(?:hr|hresult|error(?:\s+code)?|code|reason)\s*[:=]?\s*", re.IGNORECASE)

_FACILITIES = read_data("facilities.yml")
_NAMES: dict[str, dict[int, tuple[str, str]]] = {
    section: {number: (name, about) for number, name, about in _FACILITIES[section]} for section in (HRESULT, NTSTATUS)
}
_FAMILIES: tuple[tuple[int, int, str, str], ...] = tuple(
    (int(first, 16), int(last, 16), name, about) for first, last, name, about in _FACILITIES["families"]
)


@dataclasses.dataclass(frozen=True)
class Facility:
    """Where a code comes from by its bits. C(name) and C(about) are None for a number that the specification does not list."""

    number: int
    name: str | None
    about: str | None


@dataclasses.dataclass(frozen=True)
class Family:
    """A range of codes of software licensing."""

    name: str
    about: str


@dataclasses.dataclass(frozen=True)
class Win32:
    """The Win32 error that a code is made of."""

    number: int
    symbol: str | None


@dataclasses.dataclass(frozen=True)
class Code:
    """A code and everything that is known of it.

    code, decimal, signed: 0x and eight digits; unsigned; as a signed number of 32 bits, as some WMI clients give it.
    known:    the catalogue has the code. Without it everything below is from the bits.
    shape:    hresult, ntstatus, or win32 (a bare number up to 65535).
    failed:   it stands for a failure: the severity bit of an HRESULT, both severity bits of an NTSTATUS, or a Win32 error that is not 0.
    severity: success or error of an HRESULT; of an NTSTATUS also informational or warning.
    customer: the C bit: not Microsoft's own code.
    facility, number: the fields of the shape. C(facility) is None for a bare number.
    ambiguous: the bits fit an HRESULT and an NTSTATUS alike, and only the name or the family tells which it is.
    ntstatus: the NTSTATUS that an HRESULT with the N bit wraps, as text.
    """

    code: str
    decimal: int
    signed: int
    known: bool
    symbol: str | None
    meaning: str | None
    cause: str | None
    remedy: str | None
    category: str | None
    sources: tuple[str, ...]
    shape: str
    failed: bool
    severity: str
    customer: bool
    facility: Facility | None
    number: int
    family: Family | None
    win32: Win32 | None
    ntstatus: str | None
    ambiguous: bool


def parse_code(value: t.Any) -> int:
    """Return the code that a value is, unsigned 32 bit. Raises ValueError for what is none, or more than one.

    value: a number, signed or not; a text with one code marked by 0x anywhere in it; a decimal number; eight hexadecimal digits without a mark. Eight decimal
           digits are taken for hexadecimal where a failure's code begins like that (8), or the catalogue has it: no decimal code has eight digits.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return _in_range(value, str(value))
    if not isinstance(value, str):
        raise ValueError(f"a code is a number or a text such as 0xC004F074, not {_shown(value)}")  # noqa: TRY004  (one kind of error for every bad input)
    marked = {found[1].upper().lstrip("0") for found in _MARKED.finditer(_COMMAND.sub("", value))}
    if len(marked) > 1:
        raise ValueError(f"there are {len(marked)} codes in {_shown(value)}; give one")
    if marked:
        return _in_range(int(marked.pop() or "0", 16), _shown(value))
    text = value.strip()
    text = text[found.end() :] if (found := _PREFIX.match(text)) else text
    bare = _BARE.fullmatch(text)
    if bare is not None and (not text.isdecimal() or text[0] == "8" or explain_code(int(text, 16)) is not None):
        return int(bare[1], 16)
    if _DECIMAL.fullmatch(text):
        return _in_range(int(text), _shown(value))
    raise ValueError(f"{_shown(value)} has no code such as 0xC004F074, C004F074, -1073418124 or 3221549172 in it")


def explain(code: int) -> Code:
    """Return a code, signed or unsigned, with everything that is known of it."""
    number = code & 0xFFFFFFFF
    found = explain_code(number) or _as_win32(number)
    family = next((Family(name, about) for first, last, name, about in reversed(_FAMILIES) if first <= number <= last), None)
    shape = _shape(number, found, family)
    ambiguous = shape != WIN32 and number >> 30 == 3 and not number & _N_BIT
    wraps = shape == HRESULT and bool(number & _N_BIT)
    # Twelve bits of facility in an NTSTATUS, also in one that an HRESULT wraps; eleven in an HRESULT.
    space = NTSTATUS if wraps else shape
    field = number >> 16 & (0xFFF if space == NTSTATUS else 0x7FF)
    name, about = _NAMES[space].get(field, (None, None)) if shape != WIN32 else (None, None)
    if shape == NTSTATUS:
        severity = ("success", "informational", "warning", "error")[number >> 30]
    else:
        severity = "error" if number >> 31 or (shape == WIN32 and number) else "success"
    known = found is not None
    known_of = found or Explanation(number)
    return Code(
        code=code_text(number),
        decimal=number,
        signed=number - (1 << 32) if number >> 31 else number,
        known=known or number == 0,
        symbol=known_of.symbol if number else "S_OK",
        meaning=known_of.meaning if number else "No error.",
        cause=known_of.cause,
        remedy=known_of.remedy,
        category=known_of.category,
        sources=known_of.sources,
        shape=shape,
        failed=severity == "error",
        severity=severity,
        customer=bool(number & 0x20000000),
        facility=None if shape == WIN32 else Facility(field, name, about),
        number=number & 0xFFFF,
        family=family,
        win32=_win32(number, shape),
        ntstatus=code_text(number & ~_N_BIT) if wraps else None,
        ambiguous=ambiguous,
    )


def _shape(number: int, found: Explanation | None, family: Family | None) -> str:
    if number <= 0xFFFF:
        return WIN32
    # Licensing calls its codes SL_E_..., and SLGetLicensingStatusInformation returns them as HRESULTs.
    if family is not None or number >> 30 != 3 or number & _N_BIT:
        return HRESULT
    # Both severity bits are set: of the HRESULTs the R bit may be so only beside the N bit (MS-ERREF 2.1).
    return HRESULT if found is not None and (found.symbol or "").startswith(("SL_", "E_")) else NTSTATUS


def _as_win32(number: int) -> Explanation | None:
    """Return what the catalogue says of a bare Win32 error whose row is that of the HRESULT around it."""
    found = explain_code(0x80070000 | number) if 0 < number <= 0xFFFF else None
    return None if found is None else dataclasses.replace(found, code=number)


def _win32(number: int, shape: str) -> Win32 | None:
    if shape == WIN32:
        error = number
    elif shape == HRESULT and number >> 16 == 0x8000 | _WIN32_FACILITY:
        error = number & 0xFFFF
    else:
        return None
    found = explain_code(error) or _as_win32(error)
    return Win32(error, found.symbol if found else None)


def _in_range(number: int, shown: str) -> int:
    if not -(1 << 31) <= number < 1 << 32:
        raise ValueError(f"{shown} is no code: it has more than 32 bits")
    return number & 0xFFFFFFFF
