# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs to pair a host's whole log with a fleet, beside just reading the same lines of JSON in the same run.

A generated fleet writes two files: the hosts' 12290 a line each, and a line for each client with its 12288 and 12289. One process reads both files and does
nothing with them, another one pairs them; what each took is its own processor time and its own peak of memory, by the kernel's count. Between
them stands what it takes to make typed records of the clients' plain ones, as every reader of a facts file does.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import typing as t

import rich.box
import rich.console
import rich.table
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event import read_events
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.host_index import HostIndex
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.pairing import Client, pair_fleet

from .measure import REPOSITORY, MeasureError

Json: t.TypeAlias = dict[str, t.Any]

REQUESTS = 10
"""Requests of each client that the hosts have."""

ON_CLIENT = 3
"""How many of them are still in its own log: the newest."""

KINDS = {
    "read": "read the lines (json.loads)",
    "check": "the same, clients' records checked",
    "pair": "the same, and paired",
}

_START = datetime.datetime(2026, 8, 1, tzinfo=datetime.UTC)
_PRODUCTS = (("ef6cfc9f-8c5d-44ac-9aad-de6a2ea0ae03", 25), ("85dd8b5f-eaa4-4af3-a628-cce9e77c9a03", 5))
_UNREACHABLE, _TIMESTAMP = "0x800706BA", "0xC004F06C"


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a process took: processor seconds of its own, and the most memory that it had, in bytes. C(outcomes) is what it found."""

    seconds: float
    memory: int
    outcomes: dict[str, int]


def write_fleet(folder: pathlib.Path, clients: int, seed: int = 6) -> dict[str, int]:
    """Write hosts.jsonl and clients.jsonl, and return how many attempts of each outcome there are on the clients."""
    chance = random.Random(seed)
    outcomes: collections.Counter[str] = collections.Counter()
    host_lines: list[tuple[datetime.datetime, str]] = []
    with (folder / "clients.jsonl").open("w", encoding="utf-8") as client_file:
        for number in range(clients):
            # One client in fifty is a clone of the one before it.
            cmid = f"{number - (number % 50 == 1):08x}-2fd5-440b-be67-a09996d27a38"
            records = _client(chance, f"pc{number:05}.corp.example", cmid, outcomes, host_lines)
            line = {"inventory_hostname": f"pc{number:05}", "events": {"records": records}}
            client_file.write(json.dumps(line) + "\n")
    host_lines.sort()
    with (folder / "hosts.jsonl").open("w", encoding="utf-8") as host_file:
        host_file.writelines(line for _, line in host_lines)
    return dict(outcomes)


def _client(
    chance: random.Random, name: str, cmid: str, outcomes: collections.Counter[str], host_lines: list[tuple[datetime.datetime, str]]
) -> list[Json]:
    records: list[Json] = []
    product, required = chance.choice(_PRODUCTS)
    moment = _START + datetime.timedelta(seconds=chance.randrange(7 * 86400))
    for place in range(REQUESTS):
        moment += datetime.timedelta(days=7, seconds=chance.randrange(3600))
        host = f"kms{chance.randrange(2) + 1:02}.corp.example"
        status, minutes = (2, 43200) if place == 0 else (1, 259200 - 10080 - place)
        shared = {
            "cmid": cmid,
            "client_time": f"{moment:%Y-%m-%dT%H:%M}:00Z",
            "virtual": True,
            "license_status": status,
            "minutes_to_expiry": minutes,
            "activation_id": product,
            "required_count": required,
        }
        outcome = chance.choices(("activated", "count_too_low", "refused", "answer_lost"), (90, 4, 4, 2))[0]
        code = _TIMESTAMP if outcome == "refused" else "0x00000000"
        served = _event(12290, "Key Management Service", host, len(host_lines) + 1, moment, code, {**shared, "client": name})
        host_lines.append((moment, json.dumps(served) + "\n"))
        if place < REQUESTS - ON_CLIENT:
            continue
        outcomes[outcome] += 1
        code = {"refused": _TIMESTAMP, "answer_lost": "0x800706BE"}.get(outcome, "0x00000000")
        asked = {**shared, "host": host, "port": 1688, "status_flags": 8, "flags": []}
        records.append(_event(12288, "Application", name, 10 * place + 1, moment, code, asked))
        if outcome in ("activated", "count_too_low"):
            count = 50 if outcome == "activated" else 3
            answer = {
                "status_flags": 0 if outcome == "activated" else 0x04000000,
                "activated": outcome == "activated",
                "count": count,
                "client_time": shared["client_time"],
            }
            records.append(_event(12289, "Application", name, 10 * place + 2, moment, "0x00000000", answer))
    return records


def _event(number: int, log: str, computer: str, record: int, moment: datetime.datetime, code: str, fields: Json) -> Json:
    return {
        "event_id": number,
        "side": "host" if number == 12290 else "client",
        "log": log,
        "computer": computer,
        "record_number": record,
        "time": f"{moment:%Y-%m-%dT%H:%M:%S}Z",
        "time_is_local": False,
        "code": {"code": code, "symbol": None, "meaning": None},
        "fields": fields,
        "strings": [],
        "problems": [],
    }


def _lines(path: pathlib.Path) -> t.Iterator[Json]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def work(kind: str, folder: pathlib.Path) -> Cost:
    """Do one of L(KINDS). For a process of its own."""
    begin, outcomes = time.process_time(), collections.Counter[str]()
    if kind == "read":
        for name in ("hosts.jsonl", "clients.jsonl"):
            for _ in _lines(folder / name):
                pass
    elif kind == "check":
        for _ in _lines(folder / "hosts.jsonl"):
            pass
        for line in _lines(folder / "clients.jsonl"):
            read_events(line["events"])
    else:
        index = HostIndex(_lines(folder / "hosts.jsonl"))
        clients = (
            Client(
                line["inventory_hostname"], (records := read_events(line["events"]).records), since=min(e.time for e in records if e.time)
            )
            for line in _lines(folder / "clients.jsonl")
        )
        for _, attempts in pair_fleet(clients, index):
            outcomes.update(attempt.outcome for attempt in attempts)
    return Cost(time.process_time() - begin, _peak(), dict(outcomes))


def _peak() -> int:
    """Return the most memory that this process had, in bytes. (getrusage's figure is no less than that of the process that started this one.)"""
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def measure(kind: str, folder: pathlib.Path) -> Cost:
    """Do one of L(KINDS) in a process of its own. Raises MeasureError when it fails."""
    command = [sys.executable, "-m", "tests.bench.pairing", kind, str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MeasureError(f"{kind} failed:\n{done.stderr}")
    return Cost(**json.loads(done.stdout))


def run(console: rich.console.Console, clients: int = 20_000, repeats: int = 2) -> None:
    """Measure and print. Raises MeasureError when what is found is not what was generated."""
    with tempfile.TemporaryDirectory(prefix="kms-bench-") as name:
        folder = pathlib.Path(name)
        expected = write_fleet(folder, clients)
        costs = {kind: [measure(kind, folder) for _ in range(repeats)] for kind in KINDS}
    if any(cost.outcomes != expected for cost in costs["pair"]):
        raise MeasureError(f"paired {costs['pair'][0].outcomes}, and generated {expected}")
    best = {kind: min(found, key=lambda cost: cost.seconds) for kind, found in costs.items()}
    records = clients * REQUESTS
    table = rich.table.Table(
        title=f"\n{records:,} records of 12290, {clients:,} clients with {sum(expected.values()):,} attempts: best of {repeats}",
        title_justify="left",
        title_style="bold",
        box=rich.box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    for heading in ("", "CPU s", "12290\na second", "peak\nmemory MB", "ratio"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for kind, title in KINDS.items():
        cost = best[kind]
        ratio = cost.seconds / best["read"].seconds
        table.add_row(title, f"{cost.seconds:.2f}", f"{records / cost.seconds:,.0f}", f"{cost.memory / 1e6:.0f}", f"{ratio:.1f}")
    console.print(table)
    console.print(
        "Every attempt came out as it was generated: " + ", ".join(f"{count:,} {name}" for name, count in sorted(expected.items())) + "."
    )


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(work(sys.argv[1], pathlib.Path(sys.argv[2])))))
