# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, in tables of 100 columns: each figure, each ratio, and whether the aims are met."""

from __future__ import annotations

import dataclasses
import typing as t

import rich.box
import rich.table

from .measure import Cost, Kind

WIDTH = 100
"""Columns, whatever the terminal has."""

FLOOR, READ, READ_HOST = "no-op (raw: exit 0)", "activation_info, wsman", "the same of a KMS host"
READ_POWERSHELL, PEER = "activation_info, powershell", "win_product_facts (peer)"

REQUESTS_AIM = 10
"""HTTP requests for a full read of one client at most, the connection plugin's own shell Create and Delete included."""

FLOOR_AIM = 2.0
"""The read over wsman has to take less than so many times the no-op's time."""

PEER_AIM = 20.0
"""The peer is to take at least so many times the read's time."""

_FIGURES: tuple[tuple[str, str, str], ...] = (
    ("requests", "requests", ",.0f"),
    ("bytes_in", "bytes\nsent", ",.0f"),
    ("bytes_out", "bytes\nreceived", ",.0f"),
    ("cpu", "control\nCPU s", ".2f"),
    ("lab_cpu", "lab\nCPU s", ".2f"),
    ("wall", "whole\nrun s", ".2f"),
    ("task", "task\ns", ".3f"),
)
_RATIOS = (
    ("wsman : no-op", READ, FLOOR),
    ("powershell : no-op", READ_POWERSHELL, FLOOR),
    ("peer : no-op", PEER, FLOOR),
    ("powershell : wsman", READ_POWERSHELL, READ),
    ("peer : wsman", PEER, READ),
)


@dataclasses.dataclass(frozen=True)
class Aim:
    """Something that the project has promised itself, and what was found."""

    text: str
    found: str
    met: bool


def figures(results: t.Mapping[Kind, Cost], runs: t.Mapping[Kind, int]) -> rich.table.Table:
    """Return what was measured on one machine; C(runs) says of how many runs each median is."""
    single = [kind for kind in results if kind.machines == 1]
    fast, slow = ({runs[kind] for kind in single if kind.powershell is needed} for needed in (False, True))
    title = f"One machine: medians of {max(fast)} runs" + (f", of {max(slow)} where a PowerShell starts" if slow else "")
    table = _table(title)
    _columns(table)
    for kind in single:
        table.add_row(kind.name, *(format(getattr(results[kind], name), form) for name, _, form in _FIGURES))
    return table


def ratios(results: t.Mapping[Kind, Cost]) -> rich.table.Table:
    """Return the same as ratios, without the rows of what was left out."""
    costs = _by_name(results)
    table = _table("The same as ratios")
    _columns(table)
    for name, above, below in _RATIOS:
        if above in costs and below in costs:
            table.add_row(name, *(_ratio(field, costs[above], costs[below]) for field, _, _ in _FIGURES))
    return table


def fleet(results: t.Mapping[Kind, Cost]) -> rich.table.Table:
    """Return what one machine of many costs: a run's figures by the number of its machines, among which Ansible's own start is lost.

    A run in which a machine fails is no measurement (C(measure.MeasureError)), so that nothing here counts failures.
    """
    kinds = [kind for kind in results if kind.machines > 1]
    table = _table(f"{kinds[0].machines} machines in one run, -f {kinds[0].forks}, none failed: for each machine")
    for heading in ("requests", "bytes\nsent", "bytes\nreceived", "control\nCPU ms", "lab\nCPU ms", "whole\nrun s", "machines\na second"):
        table.add_column(heading, justify="right", no_wrap=True)
    for kind in kinds:
        cost, count = results[kind], kind.machines
        table.add_row(
            kind.name,
            f"{cost.requests / count:.0f}",
            f"{cost.bytes_in / count:,.0f}",
            f"{cost.bytes_out / count:,.0f}",
            f"{cost.cpu / count * 1000:.0f}",
            f"{cost.lab_cpu / count * 1000:.0f}",
            f"{cost.wall:.1f}",
            f"{count / cost.wall:.1f}",
        )
    return table


def aims(results: t.Mapping[Kind, Cost]) -> list[Aim]:
    """Return the aims that these results speak of, each as it turned out."""
    costs = _by_name(results)
    read, floor = costs[READ], costs[FLOOR]
    found = [Aim(f"a read of a client in at most {REQUESTS_AIM} requests", f"{read.requests:.0f}", read.requests <= REQUESTS_AIM)]
    for what, field in (("whole run", "wall"), ("task", "task")):
        ratio = getattr(read, field) / getattr(floor, field)
        found.append(Aim(f"{what}: wsman takes less than {FLOOR_AIM:g} times as long as the no-op", f"{ratio:.2f}", ratio < FLOOR_AIM))
    if PEER in costs:
        for what, field in (("whole run", "wall"), ("task", "task")):
            ratio = getattr(costs[PEER], field) / getattr(read, field)
            found.append(Aim(f"{what}: the peer takes at least {PEER_AIM:g} times as long as wsman", f"{ratio:.1f}", ratio >= PEER_AIM))
    return found


def verdicts(results: t.Mapping[Kind, Cost]) -> rich.table.Table:
    """Return the aims as a table: a missed one is told, not punished."""
    table = _table("Aims")
    table.add_column("measured", justify="right")
    table.add_column("")
    for aim in aims(results):
        table.add_row(aim.text, aim.found, "met" if aim.met else "NOT MET")
    return table


def start(results: t.Mapping[Kind, Cost]) -> str:
    """Return how much of every whole run is Ansible's own start, which no backend can do anything about."""
    floor = _by_name(results)[FLOOR]
    return f"Ansible's own start is {floor.wall - floor.task:.1f} s of every whole run (the no-op's, without its task)."


def _by_name(results: t.Mapping[Kind, Cost]) -> dict[str, Cost]:
    return {kind.name: cost for kind, cost in results.items() if kind.machines == 1}


def _ratio(field: str, above: Cost, below: Cost) -> str:
    # A lab that starts no PowerShell takes less than the hundredths of a second that the kernel counts in.
    return "" if field == "lab_cpu" else f"{getattr(above, field) / getattr(below, field):.1f}"


def _table(title: str) -> rich.table.Table:
    table = rich.table.Table(
        title=f"\n{title}", title_justify="left", title_style="bold", box=rich.box.SIMPLE_HEAD, pad_edge=False, show_edge=False
    )
    table.add_column("", no_wrap=True)
    return table


def _columns(table: rich.table.Table) -> None:
    for _, heading, _ in _FIGURES:
        table.add_column(heading, justify="right", no_wrap=True)
