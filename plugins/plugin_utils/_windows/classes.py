# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about the CIM classes in use: their namespaces, keys, property types, builds and methods, from classes.yml.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import typing as t

from .._catalogue.loader import load_yaml
from .values import CIM_TYPES

_DATA_FILE = "classes.yml"


@dataclasses.dataclass(frozen=True)
class Typed:
    """A property, parameter or output: C(cim_type) ends in C([]) for an array; C(since) and C(until) are Windows builds, both included."""

    name: str
    cim_type: str
    since: int | None = None
    until: int | None = None
    secret: bool = False

    def is_on(self, build: int) -> bool:
        """Tell whether Windows of that build has it."""
        return (self.since is None or build >= self.since) and (self.until is None or build <= self.until)

    @property
    def depends_on_build(self) -> bool:
        """Tell whether some builds lack it."""
        return self.since is not None or self.until is not None


@dataclasses.dataclass(frozen=True)
class ReturnCode:
    """A return value as the class itself defines it."""

    symbol: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class ReturnValues:
    """The return values that a family of methods defines for itself; C(absent) ones say that there is nothing to read."""

    codes: t.Mapping[int, ReturnCode]
    access_denied: frozenset[int] = frozenset()
    absent: frozenset[int] = frozenset()


@dataclasses.dataclass(frozen=True)
class Method:
    """A CIM method, its parameters in MOF order. C(return_values) is None where ReturnValue is an HRESULT or a Win32 error."""

    name: str
    parameters: tuple[Typed, ...] = ()
    outputs: tuple[Typed, ...] = ()
    return_values: ReturnValues | None = None
    since: int | None = None
    until: int | None = None


@dataclasses.dataclass(frozen=True)
class CimClass:
    """A CIM class, as far as this collection uses it."""

    name: str
    namespace: str
    keys: tuple[str, ...]
    properties: t.Mapping[str, Typed]
    methods: t.Mapping[str, Method]
    select_all: bool = False
    other_namespaces: tuple[str, ...] = ()
    never_read: frozenset[str] = frozenset()

    def property(self, name: str) -> Typed:
        """Return a property. Raises LookupError for one that classes.yml does not have: it could be a secret, so it is never asked for."""
        try:
            return self.properties[name]
        except KeyError:
            raise LookupError(f"{_DATA_FILE} has no property {name} of {self.name}") from None

    def method(self, name: str) -> Method:
        """Return a method. Raises LookupError for one that classes.yml does not have."""
        try:
            return self.methods[name]
        except KeyError:
            raise LookupError(f"{_DATA_FILE} has no method {name} of {self.name}") from None


def cim_class(name: str) -> CimClass:
    """Return a class by its exact name. Raises LookupError for one that classes.yml does not have."""
    try:
        return CLASSES[name]
    except KeyError:
        raise LookupError(f"{_DATA_FILE} has no class {name}") from None


def load_classes(text: bytes | str) -> dict[str, CimClass]:
    """Return the classes that a text in the form of classes.yml describes. Raises ValueError or KeyError when it is not in that form."""
    data = load_yaml(text)
    families = {name: _return_values(row) for name, row in data["return_values"].items()}
    return {name: _cim_class(name, row, families) for name, row in data["classes"].items()}


def _cim_class(name: str, row: dict[str, t.Any], families: dict[str, ReturnValues]) -> CimClass:
    properties = {p: _typed({"name": p, **({"type": v} if isinstance(v, str) else v)}) for p, v in row["properties"].items()}
    unknown = [key for key in row["keys"] if key not in properties]
    if unknown:
        raise ValueError(f"{name}: keys without a property: {', '.join(unknown)}")
    return CimClass(
        name=name,
        namespace=row["namespace"],
        keys=tuple(row["keys"]),
        properties=properties,
        methods={method: _method(method, spec, families) for method, spec in row.get("methods", {}).items()},
        select_all=row.get("select_all", False),
        other_namespaces=tuple(row.get("other_namespaces", ())),
        never_read=frozenset(value.casefold() for value in row.get("never_read", ())),
    )


def _method(name: str, row: dict[str, t.Any], families: dict[str, ReturnValues]) -> Method:
    return Method(
        name=name,
        parameters=tuple(_typed(p) for p in row.get("parameters", ())),
        outputs=tuple(_typed(p) for p in row.get("outputs", ())),
        return_values=families[row["return_values"]] if "return_values" in row else None,
        since=row.get("since"),
        until=row.get("until"),
    )


def _typed(row: dict[str, t.Any]) -> Typed:
    if row["type"] not in CIM_TYPES:
        raise ValueError(f"{row['name']}: unknown CIM type {row['type']}")
    return Typed(row["name"], row["type"], row.get("since"), row.get("until"), row.get("secret", False))


def _return_values(row: dict[str, t.Any]) -> ReturnValues:
    return ReturnValues(
        codes={code: ReturnCode(text["symbol"], text["meaning"]) for code, text in row["codes"].items()},
        access_denied=frozenset(row.get("access_denied", ())),
        absent=frozenset(row.get("absent", ())),
    )


CLASSES: t.Mapping[str, CimClass] = load_classes(importlib.resources.files(__package__ or "").joinpath(_DATA_FILE).read_bytes())
