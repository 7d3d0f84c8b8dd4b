# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every finding of a rule has in common: findings.yml.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The ids are public: docs/findings.md.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from .loader import read_data


@dataclasses.dataclass(frozen=True)
class Remedy:
    """What to do: a sentence, with a command (Windows, PowerShell) and a task (YAML of one Ansible task) where there is one."""

    text: str
    command: str | None
    task: str | None


@dataclasses.dataclass(frozen=True)
class FindingType:
    """One row of findings.yml.

    id:       stable name.
    scope:    host, client, srv or fleet: what a finding is about.
    severity: error, warning or info.
    title:    what is wrong, in a few words.
    why:      why it matters: one or two sentences.
    remedy:   what to do, in a sentence; with command (Windows, PowerShell) and task (YAML of one Ansible task) where there is one.
              All three may have placeholders such as C(<host>), which a finding's values fill.
    explains: ids of findings that are its consequences.
    sources:  documents that it comes from.
    variants: what to do instead in cases that a finding names, by name: wholly, so that one without a task has none.
    rank:     place in the file, which goes from causes to symptoms.
    """

    id: str
    scope: str
    severity: str
    title: str
    why: str
    remedy: str
    command: str | None
    task: str | None
    explains: tuple[str, ...]
    sources: tuple[str, ...]
    variants: t.Mapping[str, Remedy]
    rank: int

    def remedy_of(self, variant: str | None) -> Remedy:
        """Return what to do in the usual case (None), or in another one. Raises KeyError for a case that the row does not have."""
        return Remedy(self.remedy, self.command, self.task) if variant is None else self.variants[variant]


def _load() -> dict[str, FindingType]:
    data = read_data("findings.yml")
    sources: dict[str, str] = data["sources"]
    return {
        row["id"]: FindingType(
            id=row["id"],
            scope=row["scope"],
            severity=row["severity"],
            title=row["title"],
            why=row["why"].strip(),
            remedy=row["remedy"].strip(),
            command=row.get("command"),
            task=row.get("task"),
            explains=tuple(row.get("explains", ())),
            sources=tuple(sources[name] for name in row["sources"]),
            variants={
                name: Remedy(other["remedy"].strip(), other.get("command"), other.get("task"))
                for name, other in row.get("variants", {}).items()
            },
            rank=rank,
        )
        for rank, row in enumerate(data["findings"])
    }


_TYPES = _load()


def finding_type(rule: str) -> FindingType:
    """Return the row of one rule. Raises KeyError for an id that is none."""
    return _TYPES[rule]


def finding_types() -> tuple[FindingType, ...]:
    """Return every row, causes before symptoms."""
    return tuple(_TYPES.values())


@functools.cache
def all_consequences(rule: str) -> frozenset[str]:
    """Return the ids that a finding of this rule explains, at first or at further hand.

    Further hand goes by way of what is found on clients only: a host that nobody reaches explains a client that is not activated, whether or not the
    client's log shows the failed requests between them. A count that is too low on the host for one reason says nothing of another host's clients.
    """
    found: set[str] = set()
    wanted: list[str] = [rule]
    while wanted:
        for name in _TYPES[wanted.pop()].explains:
            if name not in found:
                found.add(name)
                if _TYPES[name].scope == "client":
                    wanted.append(name)
    return frozenset(found - {rule})
