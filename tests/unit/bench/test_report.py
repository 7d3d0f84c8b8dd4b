# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of the bench: what it compares with what, when an aim is met, and that it can be read."""

from __future__ import annotations

import dataclasses
import io

import pytest
import rich.console
import rich.table

from tests.bench import report
from tests.bench.__main__ import kinds
from tests.bench.measure import Cost, Kind

NOOP = Cost(requests=5, bytes_in=9962, bytes_out=5451, cpu=1.49, lab_cpu=0.0, wall=1.57, task=0.28)
READ = Cost(requests=9, bytes_in=17038, bytes_out=13460, cpu=1.74, lab_cpu=0.01, wall=1.92, task=0.47)
SLOW = Cost(requests=9, bytes_in=298807, bytes_out=23846, cpu=3.07, lab_cpu=5.33, wall=327.94, task=319.51)


def results(read: Cost = READ, peer: Cost | None = SLOW) -> dict[Kind, Cost]:
    """Return what a whole bench might have measured."""
    found: dict[Kind, Cost] = {}
    for kind in kinds(5, 2):
        cost = (peer if kind.peer else SLOW) if kind.powershell else NOOP if kind.module == "raw" else read
        if cost is not None:
            times = {
                field: getattr(cost, field) * kind.machines for field in ("requests", "bytes_in", "bytes_out", "cpu", "lab_cpu", "wall")
            }
            found[kind] = dataclasses.replace(cost, **times)
    return found


def shown(table: rich.table.Table) -> list[str]:
    """Return the lines of a table, without the space around them."""
    console = rich.console.Console(width=report.WIDTH, file=io.StringIO(), record=True)
    console.print(table)
    return [line.strip() for line in console.export_text().splitlines()]


def row(table: rich.table.Table, start: str) -> list[str]:
    """Return the cells of the one row that starts so."""
    (line,) = [line for line in shown(table) if line.startswith(start)]
    return line.removeprefix(start).split()


def met(found: list[report.Aim], words: str) -> bool:
    """Return whether the one aim with these words was met."""
    (aim,) = [aim for aim in found if words in aim.text]
    return aim.met


def test_every_table_fits_into_a_hundred_columns_with_nothing_cut_off() -> None:
    whole = results()
    for table in (report.figures(whole, dict.fromkeys(whole, 5)), report.ratios(whole), report.fleet(whole), report.verdicts(whole)):
        lines = shown(table)
        assert max(map(len, lines)) <= 100
        assert "…" not in "".join(lines)


def test_figures_have_a_row_for_each_kind_on_one_machine() -> None:
    whole = results()
    table = report.figures(whole, {kind: kind.rounds for kind in whole})
    assert row(table, "activation_info, powershell") == ["9", "298,807", "23,846", "3.07", "5.33", "327.94", "319.510"]
    assert table.row_count == 5
    assert table.title == "\nOne machine: medians of 5 runs, of 2 where a PowerShell starts"


def test_ratios_have_the_dearer_above_the_cheaper() -> None:
    assert row(report.ratios(results()), "wsman : no-op") == ["1.8", "1.7", "2.5", "1.2", "1.2", "1.7"]
    assert row(report.ratios(results()), "peer : wsman")[0] == "1.0"


def test_what_was_left_out_has_no_ratio_and_no_aim() -> None:
    without = results(peer=None)
    assert not [line for line in shown(report.ratios(without)) if line.startswith("peer")]
    assert not [aim for aim in report.aims(without) if "peer" in aim.text]


def test_one_machine_of_many_costs_its_share_of_the_run() -> None:
    assert row(report.fleet(results()), "activation_info, wsman") == ["9", "17,038", "13,460", "1740", "10", "384.0", "0.5"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("requests", 11, "requests"),
        ("wall", NOOP.wall * 2, "whole run: wsman"),
        ("task", NOOP.task * 2, "task: wsman"),
        ("wall", SLOW.wall / 19.9, "whole run: the peer"),
        ("task", SLOW.task / 19.9, "task: the peer"),
    ],
)
def test_an_aim_that_is_just_missed_is_not_called_met(field: str, value: float, words: str) -> None:
    assert met(report.aims(results()), words)
    assert not met(report.aims(results(dataclasses.replace(READ, **{field: value}))), words)


def test_the_start_of_ansible_is_what_a_noop_takes_beside_its_task() -> None:
    assert report.start(results()).startswith("Ansible's own start is 1.3 s of every whole run")
