# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a provider: instances with readable properties, methods, associations."""

from __future__ import annotations

import dataclasses
import typing as t

from .wql import Value

if t.TYPE_CHECKING:
    from .machine import Machine


@dataclasses.dataclass(frozen=True)
class Instance:
    """One instance of a class. C(get) reads a property by its name in the schema's spelling; C(subject) is the thing it is about."""

    get: t.Callable[[str], Value]
    subject: t.Any


class Call(t.Protocol):
    """A method: it gets the machine, the instance (None for a static method) and typed arguments, and returns its outputs by name."""

    def __call__(self, machine: Machine, instance: t.Any, arguments: dict[str, t.Any], /) -> dict[str, Value]:
        """Carry the method out. Raises CimError."""
        ...


@dataclasses.dataclass(frozen=True)
class Handler:
    """A method of a provider. C(unlocked) ones take the machine's lock themselves."""

    call: Call
    unlocked: bool = False


@dataclasses.dataclass(frozen=True)
class Association:
    """Where an association leads, and the instances found there."""

    result_class: str
    of: t.Callable[[Machine, Instance], list[Instance]]


@dataclasses.dataclass(frozen=True)
class Provider:
    """What answers for one class. C(needs_sppsvc): a call of it starts the licensing service."""

    cim_class: str
    instances: t.Callable[[Machine], t.Iterable[Instance]]
    methods: dict[str, Handler] = dataclasses.field(default_factory=dict)
    associations: dict[str, Association] = dataclasses.field(default_factory=dict)
    needs_sppsvc: bool = False


def reader(columns: t.Mapping[str, t.Callable[..., Value]], *subjects: t.Any) -> t.Callable[[str], Value]:
    """Return a getter over a table of columns. A property that the table leaves out has no value."""

    def get(name: str) -> Value:
        column = columns.get(name)
        return column(*subjects) if column is not None else None

    return get
