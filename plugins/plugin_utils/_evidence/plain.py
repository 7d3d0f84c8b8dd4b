# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence to and from plain data: dicts, lists, strings, numbers, booleans, None.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

What comes in was written by another run, another version or a person, so its types are checked, and a wrong one is an error that names its place.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import functools
import types
import typing as t

from .._keys import shown

T = t.TypeVar("T")

FIRST_YEAR, LAST_YEAR = 1601, 9000
"""Years that a moment may be of: Windows counts from 1601 (Microsoft: Learn, FILETIME), and what is near the end of the calendar can't be reckoned with."""

_LARGEST_WHOLE, _LARGEST_NUMBER = 2**64, 1e10
"""Bounds of numbers. No counter of Windows is larger; 1e10 seconds, by which a clock may be wrong, are three hundred years."""


class EvidenceError(ValueError):
    """Evidence that can't be what it is said to be. The text names the place and what was found there."""


def build(cls: type[T], data: t.Any, where: str) -> T:
    """Return a dataclass made of a mapping. Keys that the class does not have are left alone, fields without a key get their default.

    where: what the mapping is, for errors, e.g. C(facts of pc01). Raises EvidenceError.
    """
    try:
        return t.cast("T", _reader(t.cast(t.Hashable, cls))(data))
    except _WrongError as error:
        place, problem = where + "".join(reversed(error.path)), error.problem
    raise EvidenceError(f"{place} {problem}")


def plain(value: t.Any) -> t.Any:
    """Return evidence as plain data; moments as ISO 8601 in UTC."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, collections.abc.Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value


def moment(text: t.Any, where: str) -> datetime.datetime:
    """Return an ISO 8601 moment, aware; without a zone it is UTC. Raises EvidenceError."""
    try:
        return _moment(text)
    except _WrongError as error:
        problem = error.problem
    raise EvidenceError(f"{where} {problem}")


class _WrongError(Exception):
    """What a reader met: the problem, and on its way out the place, the innermost part first."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path: list[str] = []


_Reader = t.Callable[[t.Any], t.Any]


@functools.cache
def _reader(kind: t.Any) -> _Reader:
    """Return what reads a value of a type, made once for each type: a facts file has millions of values."""
    if kind is t.Any:
        return lambda value: value
    origin = t.get_origin(kind)
    if origin in (t.Union, types.UnionType):
        # Evidence has one type or none of it: no other union occurs in it.
        (inner,) = (_reader(choice) for choice in t.get_args(kind) if choice is not type(None))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _list_reader(_reader(t.get_args(kind)[0]))
    if origin is not None and issubclass(origin, collections.abc.Mapping):
        return _mapping
    if dataclasses.is_dataclass(kind):
        return _dataclass_reader(t.cast("type[t.Any]", kind))
    if kind is datetime.datetime:
        return _moment
    return _scalar_reader(kind)


def _list_reader(item: _Reader) -> _Reader:
    def read(value: t.Any) -> tuple[t.Any, ...]:
        if isinstance(value, str) or not isinstance(value, collections.abc.Sequence):
            raise _WrongError(f"is {shown(value)}, not a list")
        found = []
        for index, element in enumerate(value):
            try:
                found.append(item(element))
            except _WrongError as error:
                error.path.append(f"[{index}]")
                raise
        return tuple(found)

    return read


def _dataclass_reader(cls: type[t.Any]) -> _Reader:
    hints = t.get_type_hints(cls)
    fields = [
        (field.name, _reader(hints[field.name]), field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING)
        for field in dataclasses.fields(cls)
        if field.init
    ]

    def read(value: t.Any) -> t.Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, collections.abc.Mapping):
            raise _WrongError(f"is {shown(value)}, not a mapping")
        found = {}
        for name, reader, required in fields:
            if name in value:
                try:
                    found[name] = reader(value[name])
                except _WrongError as error:
                    error.path.append(f": {name}")
                    raise
            elif required:
                raise _WrongError(f"has no {name}")
        try:
            return cls(**found)
        except ValueError as error:
            # The class's own word on values that each are of the right type.
            problem = str(error)
        raise _WrongError(problem)

    return read


def _mapping(value: t.Any) -> dict[t.Any, t.Any]:
    if not isinstance(value, collections.abc.Mapping):
        raise _WrongError(f"is {shown(value)}, not a mapping")
    return dict(value)


def _moment(value: t.Any) -> datetime.datetime:
    try:
        return in_utc(value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(value))
    except (TypeError, ValueError):
        raise _WrongError(f"is {shown(value)}, not a moment such as 2026-11-24T08:15:00Z") from None


def in_utc(time: datetime.datetime) -> datetime.datetime:
    """Return a moment in UTC; without a zone it is UTC. Raises ValueError for one that no record of Windows can have."""
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.UTC)
    elif time.tzinfo is not datetime.UTC:
        try:
            time = time.astimezone(datetime.UTC)
        except OverflowError:
            raise ValueError("a moment beyond the calendar") from None
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise ValueError(f"a moment of the year {time.year}")
    return time


_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _scalar_reader(kind: type[t.Any]) -> _Reader:
    def read(value: t.Any) -> t.Any:
        # True is a number for Python, and for nobody else; texts of Ansible are kinds of str.
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        raise _WrongError(f"is {shown(value)}, not {_KINDS[kind]}")

    def read_whole(value: t.Any) -> t.Any:
        if not -_LARGEST_WHOLE < read(value) < _LARGEST_WHOLE:
            raise _WrongError("is a number beyond measure")
        return value

    def read_number(value: t.Any) -> t.Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            # Not finite, or larger than a float: nothing that can be reckoned with.
            if -_LARGEST_NUMBER < value < _LARGEST_NUMBER:
                return float(value)
            raise _WrongError("is a number beyond measure")
        return read(value)

    return {int: read_whole, float: read_number}.get(kind, read)
