# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CIM values as text and back: integers with their ranges, booleans, dates, arrays.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Text is what stands in an XML element; None is an element marked nil. Integers, booleans and dates are spelled as in the W3C's XML Schema
part 2, which WS-Management follows (DMTF: DSP0230); dates also in the form of DMTF's DSP0004, which WMI uses itself.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from .interface import Value

Texts = dict[str, list[str | None]]
"""Members of a row or outputs of a call by their name in lower case: the text of each element of that name, None for nil."""

INTEGER_RANGES: t.Mapping[str, tuple[int, int]] = {
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"sint{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
}
"""Lowest and highest value of each CIM integer type (DMTF: DSP0004)."""

_SCALARS = ("string", "boolean", "datetime", *INTEGER_RANGES)
CIM_TYPES: frozenset[str] = frozenset(_SCALARS) | {f"{name}[]" for name in _SCALARS}
"""Every type that can be decoded and encoded; an array's name ends in C([])."""

_UTC = datetime.UTC
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_XML_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?",
    re.ASCII | re.IGNORECASE,
)
_DMTF_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\.(\d{6})([+-]\d{3})", re.ASCII)
# Characters that XML 1.0 cannot carry in any spelling (W3C: XML 1.0, production 2).
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclasses.dataclass(frozen=True)
class Argument:
    """One method parameter and the texts of its elements: none leaves it out, more than one is an array."""

    name: str
    cim_type: str
    texts: tuple[str, ...] = dataclasses.field(repr=False)
    secret: bool = False


def decode(texts: t.Sequence[str | None], cim_type: str) -> Value:
    """Return the value that the elements of one member stand for.

    texts: one entry for each element of that name, in order; none at all is null (a null array is sent as nothing).
    An array type gives a list whatever the number of elements, a scalar type wants at most one. An element without text has no value,
    except for a string, where it is the empty one. Dates come back in UTC.

    Raises ValueError when the text does not fit the type; the message leaves the text out, since it may be anything.
    """
    if not texts or (len(texts) == 1 and texts[0] is None):
        return None
    scalar_type, is_array = _split(cim_type)
    if is_array:
        return [_decode_one(text, scalar_type) for text in texts]
    if len(texts) > 1:
        raise ValueError(f"{len(texts)} values came where one {cim_type} was due")
    return _decode_one(texts[0], scalar_type)


def encode(value: Value, cim_type: str) -> list[str]:
    """Return the texts of the elements that carry a value: none for null and for an empty array, one for a scalar.

    Raises ValueError or TypeError when the value does not fit the type; the message leaves the value out, since it may be a product key.
    """
    if value is None:
        return []
    scalar_type, is_array = _split(cim_type)
    if is_array:
        if not isinstance(value, list):
            raise TypeError(f"a list is needed for {cim_type}, not {type(value).__name__}")
        return [_encode_one(item, scalar_type) for item in value]
    return [_encode_one(value, scalar_type)]


def parse_datetime(text: str) -> datetime.datetime:
    """Return the time that a CIM date stands for, in UTC, to the microsecond.

    Takes C(2024-01-31T10:00:00.123456789Z) with 0 to 9 fractional digits (cut after the sixth) and Z, an offset or nothing (which Windows
    means as UTC), and DMTF's C(20240131100000.123456+060), whose offset is in minutes.

    Raises ValueError for anything else, intervals and dates with unknown parts included.
    """
    text = text.strip()
    if match := _XML_DATE.fullmatch(text):
        *digits, fraction, zone = match.groups()
        offset = 0 if zone in (None, "Z", "z") else int(zone[1:3]) * 60 + int(zone[4:6])
        if zone and zone.startswith("-"):
            offset = -offset
    elif match := _DMTF_DATE.fullmatch(text):
        *digits, fraction, zone = match.groups()
        offset = int(zone)
    else:
        raise ValueError("the text is no CIM date")
    try:
        year, month, day, hour, minute, second = (int(part) for part in digits)
        microsecond = int((fraction or "0").ljust(6, "0")[:6])
        local = datetime.datetime(year, month, day, hour, minute, second, microsecond, _UTC)
        return local - datetime.timedelta(minutes=offset)
    except (ValueError, OverflowError):
        raise ValueError("the text is no date of the calendar from year 1 to 9999") from None


def format_datetime(value: datetime.datetime) -> str:
    """Return a time as Windows spells it in XML, in UTC. Raises ValueError for a time without a zone."""
    if value.tzinfo is None:
        raise ValueError("a time without a zone can't be sent")
    return value.astimezone(_UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def without_illegal_characters(text: str) -> str:
    """Return text without the characters that XML 1.0 cannot carry (W3C: XML 1.0, production 2)."""
    return _ILLEGAL.sub("", text)


def _split(cim_type: str) -> tuple[str, bool]:
    if cim_type not in CIM_TYPES:
        raise ValueError(f"unknown CIM type {cim_type}")
    return cim_type.removesuffix("[]"), cim_type.endswith("[]")


def _decode_one(text: str | None, scalar_type: str) -> Value:
    if text is None or scalar_type == "string":
        return text
    text = text.strip()
    if not text:
        return None
    if scalar_type == "boolean":
        if text.lower() not in _BOOLEANS:
            raise ValueError("the text is no boolean")
        return _BOOLEANS[text.lower()]
    if scalar_type == "datetime":
        return parse_datetime(text)
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"the text is no {scalar_type}")
    return _in_range(int(text), scalar_type)


def _encode_one(value: t.Any, scalar_type: str) -> str:
    if scalar_type == "string":
        if not isinstance(value, str):
            raise TypeError(f"a string is needed, not {type(value).__name__}")
        if _ILLEGAL.search(value):
            raise ValueError("the string holds a character that XML cannot carry")
        return value
    if scalar_type == "boolean":
        if not isinstance(value, bool):
            raise TypeError(f"a boolean is needed, not {type(value).__name__}")
        return "true" if value else "false"
    if scalar_type == "datetime":
        if not isinstance(value, datetime.datetime):
            raise TypeError(f"a time is needed, not {type(value).__name__}")
        return format_datetime(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"an integer is needed for {scalar_type}, not {type(value).__name__}")
    return str(_in_range(value, scalar_type))


def _in_range(number: int, scalar_type: str) -> int:
    low, high = INTEGER_RANGES[scalar_type]
    if not low <= number <= high:
        raise ValueError(f"the number is outside of {scalar_type}, {low} to {high}")
    return number
