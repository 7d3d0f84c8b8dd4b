# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each fault that the lab can have, alone and in pairs, the cause is named, and nothing else is."""

from __future__ import annotations

import pathlib

import pytest

from tests.diagnosis.faults import FAULTS, HEALTHY, Fault
from tests.diagnosis.table import Outcome, counted, markdown, outcome, pairs

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "fault_table.md"


@pytest.mark.parametrize("healthy", HEALTHY, ids=lambda fault: fault.name)
def test_a_healthy_estate_has_no_finding_above_info(healthy: Fault) -> None:
    assert not outcome(healthy).false, str(outcome(healthy))


@pytest.fixture(scope="module")
def alone() -> dict[str, Outcome]:
    return {fault.name: outcome(fault) for fault in FAULTS}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_cause_of_a_fault_alone_is_named_and_nothing_else(fault: Fault, alone: dict[str, Outcome]) -> None:
    assert not alone[fault.name].missed and not alone[fault.name].false, str(alone[fault.name])


def test_the_causes_of_two_faults_are_both_named_and_the_table_says_so(
    alone: dict[str, Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    together = [outcome(*pair) for pair in pairs()]
    wrong = [str(result) for result in together if result.missed or result.false]
    assert not wrong, f"{len(wrong)} of {len(together)} pairs:\n" + "\n".join(wrong)
    page = markdown(alone, counted(together))
    with capsys.disabled():
        print("\n" + page.split("\n## What hides what")[0].split("\n", 12)[12])
    assert PAGE.read_text(encoding="utf-8") == page, "docs/fault_table.md is old: python -m tests.diagnosis writes it"
