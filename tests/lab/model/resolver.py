# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's own resolver: which names it asks for when a program gives it one."""

from __future__ import annotations

import dataclasses
import typing as t

from .dns import NAME_ERROR, DnsError

if t.TYPE_CHECKING:
    from .machine import Machine


@dataclasses.dataclass(frozen=True)
class Record:
    """One record of an answer. C(section): Answer, Authority, Additional; C(data): its fields, by the names that Resolve-DnsName has for them."""

    section: str
    name: str
    kind: str
    ttl: int
    size: int
    data: dict[str, int | str | list[str]]


Ask = t.Callable[[str, str], list[Record]]
"""Returns the records that came back for a whole name and a type. Raises DnsError."""


def names_to_ask(machine: Machine, name: str) -> list[str]:
    """Return the whole names that C(name) may stand for, in the order in which they are asked for.

    A single label gets the machine's suffixes. A name of several labels is asked for as it is: since Windows Vista suffixes are added to such a name only
    where a policy says so (Microsoft: Learn, Policy CSP ADMX_DnsClient, DNS_AppendToMultiLabelName). A dot at the end makes a name whole.
    """
    if "." in name:
        return [name.rstrip(".")]
    return [f"{name}.{domain}" for domain in machine.search_domains()] or [name]


def resolve(machine: Machine, name: str, kind: str, ask: Ask) -> list[Record]:
    """Return the records of the first name that exists. Raises DnsError, NAME_ERROR when none does."""
    for candidate in names_to_ask(machine, name):
        try:
            return ask(candidate, kind)
        except DnsError as error:
            if error.code != NAME_ERROR:
                raise
    raise DnsError(NAME_ERROR)
