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

T = t.TypeVar("T")


class EvidenceError(ValueError):
    """Evidence that can't be what it is said to be. The text names the place and what was found there."""


def build(cls: type[T], data: t.Any, where: str) -> T:
    """Return a dataclass made of a mapping. Keys that the class does not have are left alone, fields without a key get their default.

    where: what the mapping is, for errors, e.g. C(facts of pc01). Raises EvidenceError.
    """
    if not isinstance(data, collections.abc.Mapping):
        raise EvidenceError(f"{where} is {_shown(data)}, not a mapping")
    found: dict[str, t.Any] = {}
    for name, (kind, required) in _fields(t.cast(t.Hashable, cls)).items():
        if name in data:
            found[name] = _value(kind, data[name], f"{where}: {name}")
        elif required:
            raise EvidenceError(f"{where} has no {name}")
    return cls(**found)


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
    if isinstance(text, datetime.datetime):
        found = text
    else:
        try:
            found = datetime.datetime.fromisoformat(text)
        except (TypeError, ValueError):
            raise EvidenceError(f"{where} is {_shown(text)}, not a moment such as 2026-11-24T08:15:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


@functools.cache
def _fields(cls: t.Any) -> dict[str, tuple[t.Any, bool]]:
    hints = t.get_type_hints(cls)
    return {
        field.name: (hints[field.name], field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING)
        for field in dataclasses.fields(cls)
        if field.init
    }


def _value(kind: t.Any, value: t.Any, where: str) -> t.Any:
    if kind is t.Any:
        return value
    origin = t.get_origin(kind)
    if origin in (t.Union, types.UnionType):
        choices = [choice for choice in t.get_args(kind) if choice is not type(None)]
        if value is None:
            return None
        # Evidence has one type or none of it: no other union occurs in it.
        return _value(choices[0], value, where)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, collections.abc.Sequence):
            raise EvidenceError(f"{where} is {_shown(value)}, not a list")
        return tuple(_value(t.get_args(kind)[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin is not None and issubclass(origin, collections.abc.Mapping):
        if not isinstance(value, collections.abc.Mapping):
            raise EvidenceError(f"{where} is {_shown(value)}, not a mapping")
        return dict(value)
    if dataclasses.is_dataclass(kind):
        return value if isinstance(value, t.cast(type, kind)) else build(t.cast("type[t.Any]", kind), value, where)
    if kind is datetime.datetime:
        return moment(value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise EvidenceError(f"{where} is {_shown(value)}, not {_KINDS.get(kind, kind.__name__)}")
    return value


_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _shown(value: t.Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
