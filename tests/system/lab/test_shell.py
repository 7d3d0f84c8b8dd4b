# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's winrm and psrp connections, raw and a PowerShell module over each, with a real engine behind the lab's shells."""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import os
import pathlib
import time
import typing as t

import pytest

from tests.lab.client import LabClient, running_lab
from tests.system.ansible_runs import Json, Lab
from tests.system.connections import PSRP

pytestmark = pytest.mark.powershell

LIBRARY = {"ANSIBLE_LIBRARY": str(pathlib.Path(__file__).with_name("library"))}
CONNECTIONS: dict[str, Json] = {"winrm": {}, "psrp": PSRP}
TEXT = "äß 日本 € 😀 'quoted' \"twice\" \\ $env:PATH"
VARIABLES = "(Get-ChildItem env:).Name -join ' '"
ENCODE = "[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes('äß 日本 € 😀'))"


@pytest.fixture
def ansible(lab: LabClient, tmp_path: pathlib.Path) -> Lab:
    """Ansible, to run against the lab of the session."""
    return Lab(lab, tmp_path, pathlib.Path(lab.description["estate"]))


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_ansible_runs_commands_and_powershell_modules(ansible: Lab, connection: str) -> None:
    tasks: list[Json] = [
        {"name": "exit", "ansible.builtin.raw": "exit 3", "ignore_errors": True},
        {"name": "version", "ansible.builtin.raw": f"$PSVersionTable.PSVersion.ToString(); 'äß 日本 € 😀'; {ENCODE}; {VARIABLES}"},
        {"name": "echo", "lab_echo": {"text": TEXT, "date": "2026-01-31T10:00:00Z"}, "check_mode": True, "diff": True},
        {"name": "throw", "lab_echo": {"throw": "kaputt: ä日€"}, "ignore_errors": True},
    ]
    run = ansible.tasks("pc01", tasks, extra=CONNECTIONS[connection], env=LIBRARY | {"KMS_TEST_VARIABLE": "of the controller"}).succeed()

    assert run.one(task="exit").result["rc"] == 3
    version, text, encoded, variables = run.one(task="version").result["stdout_lines"]
    assert int(version.partition(".")[0]) >= 7
    assert text == base64.b64decode(encoded).decode() == "äß 日本 € 😀"
    # The engine adds the two with DOTNET and PSModulePath where the lab has no modules to give; nothing of ours may be among them.
    assert {"HOME", "LC_ALL", "NO_COLOR", "PATH", "TEMP", "TERM", "TMP", "TMPDIR"} <= set(variables.split())
    assert not {"KMS_TEST_VARIABLE", "VIRTUAL_ENV", "ANSIBLE_LIBRARY", "ANSIBLE_HOME", "USER", "PYTHONPATH"} & set(variables.split())

    echo = run.one(task="echo").result
    assert (echo["text"], echo["date"], echo["check_mode"], echo["variable"]) == (TEXT, "2026-01-31T10:00:00Z", True, None)
    assert echo["diff"] == {"before": "before", "after": "after"}
    assert run.one(task="throw").msg == "Unhandled exception while executing module: kaputt: ä日€"
    assert ansible.client.machine("pc01")["machine"]["open_shells"] == 0


def test_noise_on_stderr_leaves_results_alone(ansible: Lab) -> None:
    for form in ("clixml_progress", "clixml_error", "plain"):
        ansible.client.fault("stderr_noise", "pc01", operation="Command", form=form, text="Nöise")
    tasks: list[Json] = [{"name": "module", "lab_echo": {"text": "x"}}]
    tasks += [{"name": form, "ansible.builtin.raw": "exit 0"} for form in ("error", "plain")]
    run = ansible.tasks("pc01", tasks, env=LIBRARY).succeed()
    assert run.one(task="module").result["text"] == "x"
    assert [run.one(task=form).result["stderr"] for form in ("error", "plain")] == ["Nöise\r\n", "Nöise\r\n"]
    assert [fault["met"] for fault in ansible.client.faults()] == [1, 1, 1]


def test_a_powershell_that_dies_fails_its_task(ansible: Lab) -> None:
    ansible.client.fault("kill_process", "pc01", operation="Receive")
    died = ansible.tasks("pc01", [{"lab_echo": {"text": "x"}}], env=LIBRARY).fail().one("pc01")
    assert (died.status, died.result.get("rc")) == ("failed", -1)

    ansible.client.fault("kill_process", "pc01", operation="Send")
    run = ansible.tasks("pc01", [{"lab_echo": {"text": "x"}}], extra=PSRP, env=LIBRARY).fail()
    assert "The WSMan provider host process did not return a proper response." in run.output
    assert ansible.client.machine("pc01")["machine"]["open_shells"] == 0


def _script(text: str) -> list[str]:
    return ["-NoProfile", "-NonInteractive", "-EncodedCommand", base64.b64encode(text.encode("utf-16-le")).decode()]


def test_commands_that_wait_keep_nothing_else_from_being_answered(lab: LabClient, windows: t.Any) -> None:
    machine = windows(lab, "pc01")
    shell = machine.protocol.open_shell()
    command = machine.protocol.run_command(shell, "powershell", _script("Start-Sleep 120"))

    def receive(_number: int) -> tuple[bytes, bytes, int]:
        return t.cast(tuple[bytes, bytes, int], windows(lab, "pc01").protocol.get_command_output(shell, command))

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        waiting = list(pool.map(lambda number: pool.submit(receive, number), range(40)))
        time.sleep(1)  # until they are all there
        began = time.monotonic()
        assert machine.query("SELECT Name FROM Win32_Service").texts("Name")
        assert time.monotonic() - began < 5
        machine.protocol.close_shell(shell, close_session=False)
        # The end of the shell is the end of its commands, and of who waits for them.
        assert {future.result(timeout=10)[2] for future in waiting} == {-1}


def test_the_end_of_the_lab_is_the_end_of_what_runs_in_it(tmp_path: pathlib.Path, windows: t.Any, write_estate: t.Any) -> None:
    estate = {"estate": {"domain": "corp.example"}, "machines": [{"name": "pc01", "windows": "server-2022-standard"}]}
    with running_lab(write_estate(estate), tmp_path / "lab") as lab:
        protocol = windows(lab, "pc01").protocol
        command = protocol.run_command(shell := protocol.open_shell(), "powershell", _script("$PID; Start-Sleep 120"))
        number = b""
        while not number.strip():
            with contextlib.suppress(Exception):
                number += protocol.get_command_output_raw(shell, command)[0]
        os.kill(int(number), 0)
    with pytest.raises(ProcessLookupError):
        os.kill(int(number), 0)
