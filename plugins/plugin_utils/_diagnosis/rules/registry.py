# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kinds of rules there are. A module of this folder lists its rules in MACHINE_RULES, CASE_RULES and FLEET_RULES.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import typing as t

from ..case import Case, MachineEvidence
from ..finding import Judgement


class MachineRule(t.Protocol):
    """Judges one machine, host or client, with what the case knows of its surroundings (a pair is a client and the hosts that C(case.targets) gives)."""

    def __call__(self, machine: MachineEvidence, case: Case, /) -> t.Iterable[Judgement]: ...  # noqa: D102


class CaseRule(t.Protocol):
    """Judges what belongs to no single machine: SRV records."""

    def __call__(self, case: Case) -> t.Iterable[Judgement]: ...  # noqa: D102


class FleetRule(t.Protocol):
    """Judges all machines together. It sees each once, as they stream by, and keeps no more than distinct CMIDs and host names need."""

    def add(self, machine: MachineEvidence) -> None:
        """Take one machine in."""

    def judge(self, case: Case) -> t.Iterable[Judgement]:
        """Say what was found, after the last machine."""
