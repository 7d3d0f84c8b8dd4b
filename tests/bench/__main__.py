# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a full read of the activation state costs over either backend, beside a no-op and beside win_product_facts of ansible.windows; and what pairing costs.

Run by `make bench`, or one part of it by `python -m tests.bench pairing`. The reads are one run against one lab; the kinds
take turns, so that whatever else slows the machine down meets all of them.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import sys
import tempfile

import rich.console
import rich.markup
from ansible.release import __version__ as ansible_version

from tests.lab import engine
from tests.lab.client import running_lab

from . import pairing, peer, report
from .measure import REPOSITORY, Cost, Kind, MeasureError, measure, medians

ESTATE = pathlib.Path(__file__).with_name("estate.yml")
MACHINES, FORKS = 200, 20

_NOOP = "exit 0"
_INFO = "activation.kms.activation_info"

_ABOUT = (
    "The machines are simulated (tests/lab). What speaks to them is real: Ansible, its winrm connection, HTTP with Basic over sockets, and for "
    "powershell and the peer a PowerShell 7 on the machine. Controller and machines share the processors of this computer.",
    "[bold]What carries over to real Windows[/]: requests, bytes, and the controller's CPU time. A request costs a round trip on the line.",
    "[bold]What does not[/]: seconds. Where a PowerShell starts, nearly all of the task is the machine's own work (lab CPU), and Windows takes "
    "its own time for that as for each request. It also has several hundred "
    "licences where the lab has about twenty: the peer reads every column of all of them, activation_info named columns of those with a key. The "
    "no-op starts a PowerShell on Windows and none here: this floor is lower than the real one.",
    "[bold]whole run[/] is one ansible-playbook from start to end, with one task and Ansible's own start, which is most of it; [bold]task[/] is what "
    "one more task in a playbook takes.",
)


def kinds(repeats: int, slow: int) -> list[Kind]:
    """Return what is measured, in order."""
    wsman, powershell = (("backend", "wsman"),), (("backend", "powershell"),)
    return [
        Kind(report.FLOOR, "pc001", "raw", _NOOP, rounds=repeats),
        Kind(report.READ, "pc001", _INFO, wsman, rounds=repeats),
        Kind(report.READ_HOST, "kms01", _INFO, wsman, rounds=repeats),
        Kind(report.READ_POWERSHELL, "pc001", _INFO, powershell, rounds=slow, powershell=True),
        Kind(report.PEER, "pc001", "ansible.windows.win_product_facts", rounds=slow, powershell=True, peer=True),
        Kind(report.FLOOR, "kms_clients", "raw", _NOOP, machines=MACHINES, forks=FORKS),
        Kind(report.READ, "kms_clients", _INFO, wsman, machines=MACHINES, forks=FORKS),
    ]


def main() -> int:
    """Measure and print. A missed aim is told, not punished: the exit status is 1 only when a run failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", nargs="?", choices=("all", "reads", "pairing"), default="all", help="what to measure (%(default)s)")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="runs of each kind that starts no PowerShell (%(default)s)")
    parser.add_argument("--slow-repeats", type=int, default=2, metavar="N", help="runs of each kind that starts one (%(default)s)")
    arguments = parser.parse_args()
    if min(arguments.repeats, arguments.slow_repeats) < 1:
        parser.error("--repeats and --slow-repeats must be at least 1")

    console = rich.console.Console(width=report.WIDTH, highlight=False)
    if arguments.part != "pairing":
        _reads(console, arguments.repeats, arguments.slow_repeats)
    if arguments.part != "reads":
        pairing.run(console)
    return 0


def _reads(console: rich.console.Console, repeats: int, slow_repeats: int) -> None:
    load = os.getloadavg()[0]
    measured, collections, left_out = kinds(repeats, slow_repeats), [], []
    if engine.find() is None:
        left_out += [f"{kind.name}: no PowerShell engine for the lab: {engine.ADVICE}" for kind in measured if kind.powershell]
        measured = [kind for kind in measured if not kind.powershell]
    else:
        try:
            collections.append(peer.fetch(REPOSITORY / ".cache" / "bench"))
        except peer.PeerError as error:
            left_out += [f"{kind.name}: {error}" for kind in measured if kind.peer]
            measured = [kind for kind in measured if not kind.peer]

    costs: dict[Kind, list[Cost]] = {kind: [] for kind in measured}
    with tempfile.TemporaryDirectory(prefix="kms-bench-") as folder, running_lab(ESTATE, folder) as lab:
        for turn in range(max(kind.rounds for kind in measured) + 1):
            # What is cached by a first run, compiled Python for one, is not what is measured.
            console.print(f"round {turn} of {max(kind.rounds for kind in measured)}" if turn else "warming up", style="dim")
            for kind in measured:
                if turn <= kind.rounds and (turn or kind.machines == 1):
                    cost = measure(lab, kind, collections)
                    costs[kind] += [cost] if turn else []

    results = {kind: medians(values) for kind, values in costs.items()}
    console.print()
    for paragraph in _ABOUT:
        console.print(paragraph, end="\n\n")
    console.print(report.figures(results, {kind: len(values) for kind, values in costs.items()}))
    console.print(report.ratios(results))
    console.print(report.fleet(results))
    console.print(report.verdicts(results))
    console.print(report.start(results))
    for line in left_out:
        console.print(f"Left out, {rich.markup.escape(line)}")
    processors = os.cpu_count() or 1
    console.print(
        f"This computer: {processors} processors, Python {platform.python_version()}, ansible-core {ansible_version}; "
        f"load {load:.1f} when the bench began"
        + (", so it was busy: seconds are too high, ratios less so." if load > processors / 2 else ".")
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (MeasureError, engine.EngineError) as error:
        sys.exit(str(error))
