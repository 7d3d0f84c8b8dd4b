# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import time
import typing as t

import pytest
import yaml

from tests.lab.client import LabClient, LabError, running_lab

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
Write = t.Callable[[dict[str, t.Any]], pathlib.Path]
SMALL: dict[str, t.Any] = {
    "estate": {"domain": "corp.example"},
    "machines": [{"name": "pc", "count": 2, "windows": "server-2022-standard", "groups": ["kms_clients"]}],
}


def lab(*arguments: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.lab", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def directory(tmp_path: pathlib.Path) -> t.Iterator[pathlib.Path]:
    folder = tmp_path / "a lab"
    yield folder
    lab("stop", "--directory", folder)


def start(estate: pathlib.Path, directory: pathlib.Path, *more: str) -> subprocess.CompletedProcess[str]:
    return lab("start", "--estate", estate, "--directory", directory, "--daemonize", *more)


def test_a_lab_in_the_background_is_ready_when_start_returns_and_gone_when_stop_returns(
    directory: pathlib.Path, write_estate: Write
) -> None:
    started = start(write_estate(SMALL), directory)
    assert started.returncode == 0, started.stderr
    assert "lab ready: 2 machines" in started.stdout
    client = LabClient.of(directory)
    assert [row["name"] for row in client.machines()] == ["pc01", "pc02"]
    running = lab("status", "--directory", directory)
    assert (running.returncode, "2 machines" in running.stdout) == (0, True)
    stopped = lab("stop", "--directory", directory)
    assert (stopped.returncode, "stopped" in stopped.stdout) == (0, True)
    assert lab("status", "--directory", directory).returncode == 3
    assert not (directory / "lab.json").exists()
    with pytest.raises(LabError, match="no answer"):
        client.status()


def test_stop_succeeds_when_nothing_runs(directory: pathlib.Path) -> None:
    for _ in range(2):
        done = lab("stop", "--directory", directory)
        assert (done.returncode, "no lab runs" in done.stdout) == (0, True)


def test_a_second_lab_in_the_same_directory_is_refused(directory: pathlib.Path, write_estate: Write) -> None:
    estate = write_estate(SMALL)
    start(estate, directory)
    pid = LabClient.of(directory).description["pid"]
    again = start(estate, directory)
    assert again.returncode == 1
    assert "a lab runs in" in again.stderr
    assert "tests.lab stop" in again.stderr
    assert LabClient.of(directory).status()["pid"] == pid


def test_several_labs_run_side_by_side(tmp_path: pathlib.Path, write_estate: Write) -> None:
    estate = write_estate(SMALL)
    with running_lab(estate, tmp_path / "one") as one, running_lab(estate, tmp_path / "two") as two:
        assert one.description["network"] != two.description["network"]
        assert set(one.description["machines"].values()).isdisjoint(two.description["machines"].values())


def test_a_network_that_is_taken_is_a_clear_error(directory: pathlib.Path, tmp_path: pathlib.Path, write_estate: Write) -> None:
    estate = write_estate(SMALL)
    with running_lab(estate, tmp_path / "one") as one:
        refused = start(estate, directory, "--network", one.description["network"])
        assert refused.returncode == 1
        assert re.search(r"cannot listen on 127\.\d+\.\d+\.1:10080: Address already in use; leave --network out", refused.stderr)
        assert not (directory / "lab.json").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"machines": []}, "machines"), ({"machines": [{"name": "x", "windows": "nosuch"}]}, "nosuch"), ({"estate": {}}, "domain")],
)
def test_an_estate_that_is_not_valid_is_a_clear_error(
    directory: pathlib.Path, write_estate: Write, change: dict[str, t.Any], reason: str
) -> None:
    refused = start(write_estate({**SMALL, **change}), directory)
    assert refused.returncode == 1
    assert "the lab did not start" in refused.stderr
    assert reason in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_estate_file_that_is_not_there_is_a_clear_error(directory: pathlib.Path, tmp_path: pathlib.Path) -> None:
    refused = start(tmp_path / "nosuch.yml", directory)
    assert refused.returncode == 1
    assert "nosuch.yml" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, write_estate: Write) -> t.Iterator[pathlib.Path]:
    """The folder of a lab for tests that only look."""
    folder = tmp_path_factory.mktemp("started")
    start(write_estate(SMALL), folder)
    yield folder
    lab("stop", "--directory", folder)


def test_only_the_owner_reads_the_token_and_the_passwords(started: pathlib.Path) -> None:
    for name in ("lab.json", "inventory.yml"):
        assert stat.S_IMODE((started / name).stat().st_mode) == 0o600


def test_the_inventory_names_every_machine_and_group(started: pathlib.Path) -> None:
    children = yaml.safe_load((started / "inventory.yml").read_text())["all"]["children"]
    client = LabClient.of(started)
    assert {name: row["ansible_host"] for name, row in children["lab_windows"]["hosts"].items()} == client.description["machines"]
    assert set(children["kms_clients"]["hosts"]) == {"pc01", "pc02"}


def test_a_lab_that_was_killed_counts_as_stopped_and_can_be_started_again(directory: pathlib.Path, write_estate: Write) -> None:
    estate = write_estate(SMALL)
    start(estate, directory)
    pid = LabClient.of(directory).description["pid"]
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while lab("status", "--directory", directory).returncode == 0 and time.monotonic() < end:
        pass
    assert lab("status", "--directory", directory).returncode == 3
    assert start(estate, directory).returncode == 0
    assert LabClient.of(directory).description["pid"] != pid


def test_a_signal_ends_a_lab_in_the_foreground_in_order(directory: pathlib.Path, write_estate: Write) -> None:
    command = [sys.executable, "-m", "tests.lab", "start", "--estate", str(write_estate(SMALL)), "--directory", str(directory)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "lab ready" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    process.stdout.close()
    assert not (directory / "lab.json").exists()


def test_a_lab_does_not_outlive_the_one_who_started_it(tmp_path: pathlib.Path, write_estate: Write) -> None:
    code = (
        "import os, sys; from tests.lab.client import running_lab\n"
        f"with running_lab({str(write_estate(SMALL))!r}, {str(tmp_path / 'lab')!r}) as lab:\n"
        "    print(lab.description['pid'], flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.strip().isdigit()
    end = time.monotonic() + 30
    while lab("status", "--directory", tmp_path / "lab").returncode == 0:
        assert time.monotonic() < end, "the lab is still there"


def test_a_lab_that_cannot_start_raises_with_its_last_words(tmp_path: pathlib.Path, write_estate: Write) -> None:
    with pytest.raises(LabError, match="the lab did not start"), running_lab(write_estate({**SMALL, "machines": []}), tmp_path / "lab"):
        pass


def test_an_estate_of_200_machines_starts_with_every_port_open(tmp_path: pathlib.Path, write_estate: Write) -> None:
    large = {**SMALL, "machines": [{**SMALL["machines"][0], "count": 200}]}
    with running_lab(write_estate(large), tmp_path / "lab") as client:
        rows = client.machines()
        assert len(rows) == 200
        assert len({row["address"] for row in rows}) == 200


def test_an_estate_larger_than_one_net_starts(tmp_path: pathlib.Path, write_estate: Write) -> None:
    large = {**SMALL, "machines": [{**SMALL["machines"][0], "count": 260}]}
    with running_lab(write_estate(large), tmp_path / "lab") as client:
        assert len({address.rpartition(".")[0] for address in client.description["machines"].values()}) == 2
