# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What diagnosis says: findings, what they rest on, and what could not be judged.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The ids and the plain shape are public: docs/findings.md, docs/names.md.
"""

from __future__ import annotations

import dataclasses
import enum
import typing as t


class Severity(enum.StrEnum):
    """How bad it is: C(error) keeps a machine from being activated, C(warning) will or may do so, C(info) is worth knowing and no fault."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """The worst is 0."""
        return list(Severity).index(self)


@dataclasses.dataclass(frozen=True)
class Proof:
    """One thing that a finding rests on: what was seen, and where it comes from (C(event 12288 of pc01, 2026-11-25T10:00:00Z))."""

    text: str
    source: str


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that a rule found.

    rule:       the id, a row of findings.yml, which has everything that is the same for each finding of the rule.
    subject:    the machine (inventory name), the DNS domain or the CMID that it is about.
    sentence:   what was found, about this subject, with its numbers.
    proofs:     what it rests on; never empty.
    values:     what the remedy's placeholders stand for: C(<host>), C(<port>) ...
    affects:    further machines that suffer from it, by inventory name; a finding about one of them can be its consequence.
    depends_on: machines or domains on which the subject depends in this; a finding about one of them can be its cause.
    severity:   where it differs from the rule's own.
    application: C(windows) or C(office) where it is about products of one of them; None for the machine. Neither explains what is the other's.
    variant:    which of the rule's other remedies is meant, by its name in findings.yml; None for the usual one.
    """

    rule: str
    subject: str
    sentence: str
    proofs: tuple[Proof, ...]
    values: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    affects: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    severity: Severity | None = None
    application: str | None = None
    variant: str | None = None


@dataclasses.dataclass(frozen=True)
class Unjudged:
    """A rule that applies to a subject and could not be decided: C(needs) says what evidence it lacks."""

    rule: str
    subject: str
    needs: str


Judgement = Finding | Unjudged
