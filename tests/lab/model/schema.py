# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CIM classes of a simulated machine: properties with types and the builds that have them, keys, methods. Data: schema.yml."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import typing as t

import yaml

from .errors import refused

_FILE = pathlib.Path(__file__).with_name("schema.yml")


@dataclasses.dataclass(frozen=True)
class Member:
    """A property or a parameter. C(since) and C(until) are OS builds, both included."""

    name: str
    cim_type: str
    since: int = 0
    until: int | None = None

    def exists_on(self, build: int) -> bool:
        """Return whether a Windows of C(build) has this member."""
        return self.since <= build and (self.until is None or build <= self.until)


@dataclasses.dataclass(frozen=True)
class Method:
    """A CIM method with its parameters in MOF order. C(returns) is false where no ReturnValue comes back."""

    name: str
    inputs: tuple[Member, ...]
    outputs: tuple[Member, ...]
    returns: bool
    since: int = 0
    until: int | None = None

    def exists_on(self, build: int) -> bool:
        """Return whether a Windows of C(build) has this method."""
        return self.since <= build and (self.until is None or build <= self.until)


@dataclasses.dataclass(frozen=True)
class CimClass:
    """One class. C(namespaces) maps each namespace to the first build that has the class there."""

    name: str
    namespaces: dict[str, int]
    keys: tuple[str, ...]
    properties: dict[str, Member]
    methods: dict[str, Method]
    singleton: bool
    static: bool
    star_only: bool

    def columns(self, build: int) -> dict[str, Member]:
        """Return the properties that a Windows of C(build) has, by lower-case name."""
        return _columns(self.name, build)


def cim_class(name: str) -> CimClass:
    """Return a class by its name in any case. Raises CimError invalid_class."""
    found = _classes().get(name.lower())
    if found is None:
        raise refused("invalid_class", f"the lab has no class {name}")
    return found


def property_type(cim_class_name: str, name: str) -> str:
    """Return the CIM type of a property, such as C(uint32) or C(string[]). Raises CimError for an unknown class or property."""
    member = cim_class(cim_class_name).properties.get(name.lower())
    if member is None:
        raise refused("invalid_columns", f"{cim_class_name} has no property {name}")
    return member.cim_type


def keys(cim_class_name: str) -> tuple[str, ...]:
    """Return the key properties of a class, by which an instance is addressed. Raises CimError for an unknown class."""
    return cim_class(cim_class_name).keys


def method(cim_class_name: str, name: str) -> Method:
    """Return a method of a class. Raises CimError for an unknown class or method."""
    found = cim_class(cim_class_name).methods.get(name.lower())
    if found is None:
        raise refused("invalid_method", f"{cim_class_name} has no method {name}")
    return found


def output_type(cim_class_name: str, method_name: str, name: str) -> str:
    """Return the CIM type of an output parameter, ReturnValue included. Raises CimError for what does not exist."""
    found = method(cim_class_name, method_name)
    for member in (*found.outputs, *([Member("ReturnValue", "uint32")] if found.returns else [])):
        if member.name.lower() == name.lower():
            return member.cim_type
    raise refused("invalid_parameter", f"{cim_class_name}.{method_name} has no output {name}")


def has_namespace(namespace: str) -> bool:
    """Return whether any class of the lab lives in C(namespace), given as C(root/...) in lower case."""
    return any(namespace in known.namespaces for known in _classes().values())


@functools.cache
def _classes() -> dict[str, CimClass]:
    data = yaml.load(_FILE.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return {name.lower(): _class(name, row) for name, row in data.items()}


def _class(name: str, row: dict[str, t.Any]) -> CimClass:
    return CimClass(
        name=name,
        namespaces=row["namespaces"],
        keys=tuple(row["keys"]),
        properties={key.lower(): _member(key, value) for key, value in row["properties"].items()},
        methods={key.lower(): _method(key, value) for key, value in row.get("methods", {}).items()},
        singleton=row.get("singleton", False),
        static=row.get("static", False),
        star_only=row.get("star_only", False),
    )


def _member(name: str, value: str | dict[str, t.Any]) -> Member:
    return Member(name, value) if isinstance(value, str) else Member(name, value["type"], value.get("since", 0), value.get("until"))


def _method(name: str, row: dict[str, t.Any]) -> Method:
    return Method(
        name=name,
        inputs=tuple(_member(key, value) for key, value in row.get("in", {}).items()),
        outputs=tuple(_member(key, value) for key, value in row.get("out", {}).items()),
        returns=row.get("returns", True),
        since=row.get("since", 0),
        until=row.get("until"),
    )


@functools.cache
def _columns(name: str, build: int) -> dict[str, Member]:
    return {key: member for key, member in cim_class(name).properties.items() if member.exists_on(build)}
