# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of Ansible against the lab, and what it cost: requests and bytes by the lab's count, time by the clock, processor time by the kernel's."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
import xml.etree.ElementTree as ElementTree

import yaml

from tests.lab.client import Json, LabClient

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

_TIMED_OUT = 0x80338029
"""The fault of a Receive that had nothing to bring yet (wsmerror.h, ERROR_WSMAN_OPERATION_TIMEDOUT). The client just asks again."""


class MeasureError(RuntimeError):
    """A run did not do what was to be measured, so that its cost means nothing; the text has what it printed."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """One thing that is measured: a play with one task on the machines of a pattern.

    C(rounds) says in how many rounds at most it takes part, C(powershell) that the machine needs a PowerShell engine for it,
    C(peer) that it comes from the collection ansible.windows.
    """

    name: str
    pattern: str
    module: str
    arguments: str | tuple[tuple[str, str], ...] = ()
    machines: int = 1
    forks: int = 5
    rounds: int = 1
    powershell: bool = False
    peer: bool = False


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one run took. Bytes are those of HTTP, headers included, as the machine sees them; times are seconds.

    C(cpu) is user and system time of Ansible's own processes, C(lab_cpu) that of the machines, their PowerShell included. C(wall) is the run from the start
    of the program to its end, C(task) the time from the start of its one task to the last machine's result: what one more task in a playbook takes.
    """

    requests: float
    bytes_in: float
    bytes_out: float
    cpu: float
    lab_cpu: float
    wall: float
    task: float


def measure(lab: LabClient, kind: Kind, collections: t.Sequence[pathlib.Path]) -> Cost:
    """Run ansible-playbook once and return what it cost. Raises MeasureError when anything but a success came of it.

    A playbook and no `ansible -m`, which costs several times as much for each machine: ansible-playbook loads every connection plugin before it forks
    (ansible/executor/playbook_executor.py, "preload become/connection/shell"), the other in each of its forks again.
    """
    with tempfile.TemporaryDirectory(prefix="kms-bench-run-") as name:
        folder = pathlib.Path(name)
        arguments = kind.arguments if isinstance(kind.arguments, str) else dict(kind.arguments)
        play = {"hosts": kind.pattern, "gather_facts": False, "tasks": [{kind.module: arguments}]}
        (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(lab.inventory), str(folder / "play.yml")]
        lab.reset_calls()
        machines_before = _machines_cpu(lab)
        began = time.monotonic()
        with (folder / "output").open("w+b") as output:
            process = subprocess.Popen(
                command, env=_environment(lab, kind, folder, collections), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            # The processor time of this process and its children alone: the lab, and the PowerShell of its machines, are none of them.
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            said = output.read().decode(errors="replace")
        lab_cpu = _machines_cpu(lab) - machines_before
        calls = lab.calls()
        good, seconds = _results(folder)
        trouble = _trouble(kind, process.returncode, good, calls)
        if trouble:
            raise MeasureError(f"{kind.name}: {trouble}\n{said[-4000:]}")
    http = [call for call in calls if call["via"] == "wsman"]
    return Cost(
        requests=len(http),
        bytes_in=sum(call["bytes_in"] for call in http),
        bytes_out=sum(call["bytes_out"] for call in http),
        cpu=usage.ru_utime + usage.ru_stime,
        lab_cpu=lab_cpu,
        wall=wall,
        task=seconds,
    )


def medians(costs: t.Sequence[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(**{field.name: statistics.median(getattr(cost, field.name) for cost in costs) for field in dataclasses.fields(Cost)})


def _environment(lab: LabClient, kind: Kind, folder: pathlib.Path, collections: t.Sequence[pathlib.Path]) -> dict[str, str]:
    # Nothing of the caller's Ansible, and no proxy: none leads to the lab's loopback addresses.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") and not name.lower().endswith("_proxy")}
    return kept | {
        # Ansible's own report of a run has the time of each task and what came of it.
        "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.junit",
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(map(str, (REPOSITORY / ".cache", *collections))),
        "ANSIBLE_CONFIG": str(REPOSITORY / "tests" / "ansible.cfg"),
        "ANSIBLE_FORKS": str(kind.forks),
        "ANSIBLE_HOME": str(lab.inventory.parent / "ansible_home"),
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
        "JUNIT_OUTPUT_DIR": str(folder / "junit"),
        "LC_ALL": "C.UTF-8",
    }


def _machines_cpu(lab: LabClient) -> float:
    """Return the processor time of the lab's process and of those of its children that have ended, in seconds (proc(5), fields 14 to 17)."""
    stat = pathlib.Path(f"/proc/{lab.description['pid']}/stat").read_text(encoding="ascii")
    # The second field is a name in brackets, with whatever in it; the one after it is the third.
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _results(folder: pathlib.Path) -> tuple[int, float]:
    """Return on how many machines the task went well, and how long the slowest of them took, in seconds."""
    cases = [case for file in (folder / "junit").glob("*.xml") for case in ElementTree.parse(file).iter("testcase")]
    return sum(len(case.findall("failure") + case.findall("error")) == 0 for case in cases), max(
        (float(case.get("time", 0)) for case in cases), default=0.0
    )


def _trouble(kind: Kind, code: int, good: int, calls: t.Sequence[Json]) -> str:
    """Return what keeps a run from being a measurement, "" when nothing does."""
    refused = [call for call in calls if call["status"] != 200 and not (call["operation"] == "Receive" and call["fault"] == _TIMED_OUT)]
    reached = len({call["machine"] for call in calls})
    started = any(call["operation"] == "Send" for call in calls)
    if code or refused or good != kind.machines or reached != kind.machines:
        return f"the run ended with {code}, {good} of {kind.machines} tasks went well, {reached} machines reached, {len(refused)} calls refused"
    if started != kind.powershell:
        return f"PowerShell ran on the machine: {started}; expected: {kind.powershell}"
    return ""
