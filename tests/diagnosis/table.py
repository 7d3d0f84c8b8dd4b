# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault alone and with every other: which causes the diagnosis names, counted. C(python -m tests.diagnosis) writes docs/fault_table.md with it."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.finding import Severity

from tests.diagnosis.faults import FAULTS, TOGETHER, Fault, run

Cause = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one or two faults. C(hidden) are causes that the other fault keeps from being seen, by its own word (C(Fault.hides))."""

    faults: tuple[Fault, ...]
    found: frozenset[Cause]
    missed: frozenset[Cause]
    hidden: frozenset[Cause]
    false: frozenset[Cause]

    def __str__(self) -> str:
        names = " + ".join(fault.name for fault in self.faults) or "healthy"
        return f"{names}: missed {sorted(self.missed)}, false {sorted(self.false)}"


def outcome(*faults: Fault) -> Outcome:
    """Diagnose an estate with these faults, and compare the causes above info with the expected ones."""
    roots = {(root.finding.rule, root.finding.subject) for root in run(*faults).diagnosis().roots if root.severity is not Severity.INFO}
    wanted: set[Cause] = set(TOGETHER.get(frozenset(fault.name for fault in faults), ()))
    hidden: set[Cause] = set()
    for fault in faults:
        out_of_sight = any(fault.name in other.hides for other in faults)
        (hidden if out_of_sight else wanted).update(fault.expects)
    return Outcome(
        faults,
        frozenset(roots & wanted),
        frozenset(wanted - roots),
        frozenset(hidden),
        frozenset(roots - wanted - hidden),
    )


def pairs() -> t.Iterator[tuple[Fault, Fault]]:
    """Return every two faults that one estate can have at once."""
    return ((one, other) for one, other in itertools.combinations(FAULTS, 2) if one.slots.isdisjoint(other.slots))


@dataclasses.dataclass
class Counts:
    """Of one fault in company: in how many pairs it was, in how many it was named, missed or hidden, and how many causes were named that are not there."""

    pairs: int = 0
    found: int = 0
    missed: int = 0
    hidden: int = 0
    false: int = 0


def counted(outcomes: t.Iterable[Outcome]) -> dict[str, Counts]:
    """Return the counts of each fault over the outcomes of pairs."""
    counts = {fault.name: Counts() for fault in FAULTS}
    for result in outcomes:
        for fault in result.faults:
            row = counts[fault.name]
            row.pairs += 1
            row.found += fault.expects <= result.found
            row.hidden += bool(fault.expects & result.hidden)
            row.missed += bool(fault.expects & result.missed)
            row.false += len(result.false)
    return counts


def markdown(alone: t.Mapping[str, Outcome], counts: t.Mapping[str, Counts]) -> str:
    """Return the table as a page."""
    total = Counts(*(sum(getattr(row, field.name) for row in counts.values()) for field in dataclasses.fields(Counts)))
    pair_count = total.pairs // 2
    lines = [
        "<!--",
        "Copyright (c) 2026 activation.kms contributors",
        "GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)",
        "SPDX-License-Identifier: GPL-3.0-or-later",
        "-->",
        "# Fault and finding",
        "",
        "Each fault that the lab's model can have is put into a healthy estate, alone and together with each other one; the product collects its",
        "evidence and names the causes. What is named above info is compared with what was done. Written by `python -m tests.diagnosis`, checked by",
        "`pytest tests/diagnosis`; the faults are in `tests/diagnosis/faults.py`. It shows what the rules make of the lab's Windows, no more.",
        "",
        f"{len(FAULTS)} faults, {pair_count} pairs. Alone: {sum(not o.missed for o in alone.values())} found, "
        f"{sum(bool(o.missed) for o in alone.values())} missed, {sum(len(o.false) for o in alone.values())} false. "
        f"In pairs: {total.found} found, {total.missed} missed, {total.hidden} hidden by the other fault, {total.false // 2} false.",
        "",
        "| fault | what was done | cause that is named | alone | pairs | found | hidden | missed | false |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for fault in FAULTS:
        row, single = counts[fault.name], alone[fault.name]
        causes = ", ".join(f"`{rule}` of {subject}" for rule, subject in sorted(fault.expects))
        alone_word = "found" if not single.missed and not single.false else "wrong"
        lines.append(
            f"| {fault.name} | {fault.what} | {causes} | {alone_word} | {row.pairs} | {row.found} | {row.hidden} | {row.missed} | {row.false} |"
        )
    excuses = [(fault.name, name, why) for fault in FAULTS for name, why in fault.hides.items()]
    if excuses:
        lines += ["", "## What hides what", "", "| while there is | this is not seen | because |", "|---|---|---|"]
        lines += [f"| {one} | {other} | {why} |" for one, other, why in excuses]
    return "\n".join(lines) + "\n"
