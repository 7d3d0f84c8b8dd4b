# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a full read of the activation state costs, beside a no-op over the same connection in the same run.

Run by `make bench`. Each measurement is one run of ansible against a lab of its own; the kinds take turns, so that whatever else
slows the machine down meets all of them. Requests and bytes are the lab's count, CPU is user and system time of the controller's processes.
The lab is no Windows: it answers at once, on the same processors. Requests and bytes carry over to a real estate, wall time does not.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t

import rich.console
import rich.table

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from tests.lab.client import LabClient, running_lab  # noqa: E402  # after the path is set

ESTATE = pathlib.Path(__file__).with_name("estate.yml")
CLIENT_REQUESTS_AIM = 10
"""HTTP requests for a full read of one client, the connection plugin's own shell Create and Delete included."""

FORKS = 10


@dataclasses.dataclass(frozen=True)
class Kind:
    """One thing that is measured. The ratio of a row is to the no-op on as many machines."""

    name: str
    pattern: str
    module: str
    arguments: tuple[str, ...] = ()
    machines: int = 1

    @property
    def is_noop(self) -> bool:
        """Whether the others are compared with this one."""
        return self.module == "raw"


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one run took: seconds, and counts over all machines."""

    requests: float
    bytes_in: float
    bytes_out: float
    cpu: float
    wall: float


NOOP = ("-a", "exit 0")
READ = "activation.kms.activation_info"
KINDS = (
    Kind("no-op (raw: exit 0)", "pc01", "raw", NOOP),
    Kind("activation_info of a client", "pc01", READ),
    Kind("activation_info of a host", "kms01", READ),
    Kind("no-op on 30 clients", "kms_clients", "raw", NOOP, machines=30),
    Kind("activation_info of 30 clients", "kms_clients", READ, machines=30),
)


def measure(lab: LabClient, kind: Kind) -> Cost:
    """Run ansible once and return what it cost. Exits when that run fails, for its cost would mean nothing."""
    # Nothing of the caller's Ansible, and no proxy: none leads to the lab's loopback addresses.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") and not name.lower().endswith("_proxy")}
    environment = kept | {
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".cache"),
        "ANSIBLE_CONFIG": str(REPOSITORY / "tests" / "ansible.cfg"),
        "ANSIBLE_FORKS": str(FORKS),
        "ANSIBLE_HOME": str(lab.inventory.parent / "ansible_home"),
        "LC_ALL": "C.UTF-8",
    }
    command = [sys.executable, "-m", "ansible", "adhoc", kind.pattern, "-i", str(lab.inventory), "-m", kind.module, *kind.arguments]
    lab.reset_calls()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    calls = lab.calls()
    failed = [call for call in calls if call["status"] != 200]
    reached = {call["machine"] for call in calls}
    if done.returncode or failed or len(reached) != kind.machines:
        sys.exit(
            f"{kind.name}: the run failed ({len(failed)} requests refused, {len(reached)} machines reached)\n{done.stdout}{done.stderr}"
        )
    return Cost(
        requests=len(calls),
        bytes_in=sum(call["bytes_in"] for call in calls),
        bytes_out=sum(call["bytes_out"] for call in calls),
        cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        wall=wall,
    )


def medians(costs: t.Sequence[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(**{field.name: statistics.median(getattr(cost, field.name) for cost in costs) for field in dataclasses.fields(Cost)})


def table(results: t.Mapping[Kind, Cost], repeats: int) -> rich.table.Table:
    """Return the figures, each with its ratio to the no-op on as many machines."""
    shown = rich.table.Table(title=f"Medians of {repeats} runs each; in brackets the ratio to the no-op on as many machines")
    shown.add_column("what", no_wrap=True)
    for heading in ("requests", "bytes sent", "bytes received", "controller CPU s", "wall s"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for kind, cost in results.items():
        noop = next(results[other] for other in results if other.is_noop and other.machines == kind.machines)

        def cell(name: str, form: str, cost: Cost = cost, noop: Cost = noop, plain: bool = kind.is_noop) -> str:
            value = getattr(cost, name)
            return format(value, form) + ("" if plain else f" ({value / getattr(noop, name):.2f})")

        shown.add_row(
            kind.name,
            cell("requests", ".0f"),
            cell("bytes_in", ",.0f"),
            cell("bytes_out", ",.0f"),
            cell("cpu", ".2f"),
            cell("wall", ".2f"),
        )
    return shown


def main() -> int:
    """Measure, print, and return the exit status: a missed aim is told, not punished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--repeats", type=int, default=5, metavar="N", help="runs of each kind after one that warms up (default: %(default)s)"
    )
    repeats = parser.parse_args().repeats
    if repeats < 1:
        parser.error("--repeats must be at least 1")

    console = rich.console.Console(width=max(rich.console.Console().width, 118))
    costs: dict[Kind, list[Cost]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory(prefix="kms-bench-") as folder, running_lab(ESTATE, folder) as lab:
        for turn in range(repeats + 1):
            console.print(f"round {turn} of {repeats}" if turn else "warming up")
            for kind in KINDS:
                cost = measure(lab, kind)
                if turn:
                    costs[kind].append(cost)

    results = {kind: medians(values) for kind, values in costs.items()}
    console.print(table(results, repeats))
    noop, read = (next(results[kind] for kind in KINDS if kind.machines == 30 and kind.is_noop is plain) for plain in (True, False))
    console.print(
        f"One more client in a run of many: {(read.cpu - noop.cpu) / 30 * 1000:+.0f} ms of controller CPU "
        f"against one more no-op ({FORKS} forks)."
    )
    client = results[KINDS[1]].requests
    verdict = "met" if client <= CLIENT_REQUESTS_AIM else "MISSED"
    console.print(
        f"Aim: at most {CLIENT_REQUESTS_AIM} requests for a client, shell Create and Delete included. Counted: {client:.0f}, {verdict}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
