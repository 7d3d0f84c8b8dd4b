# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other ways in which Ansible runs PowerShell modules, against a machine of the lab: ssh, and local with a shell of the type powershell."""

from __future__ import annotations

import pathlib

import pytest

from tests.lab.client import LabClient
from tests.system.ansible_runs import Json, Lab
from tests.system.connections import NO_SSHD, SSHD, local, ssh

pytestmark = pytest.mark.powershell

LIBRARY = {"ANSIBLE_LIBRARY": str(pathlib.Path(__file__).with_name("library"))}
MACHINE = "(Get-CimInstance -Query 'SELECT CSName FROM Win32_OperatingSystem').CSName"


@pytest.fixture
def ansible(lab: LabClient, tmp_path: pathlib.Path) -> Lab:
    """Ansible, to run against the lab of the session."""
    return Lab(lab, tmp_path, pathlib.Path(lab.description["estate"]))


def test_ansibles_local_connection_runs_a_powershell_module_on_a_machine(ansible: Lab) -> None:
    variables, environment = local(ansible.client, "pc02")
    run = ansible.tasks("pc02", [{"name": "echo", "lab_echo": {"text": "äß 日本"}}], extra=variables, env=LIBRARY | environment).succeed()
    assert run.one(task="echo").result["text"] == "äß 日本"
    assert ansible.calls("pc02") == []


@pytest.mark.skipif(SSHD is None, reason=NO_SSHD)
def test_ansibles_ssh_connection_runs_commands_and_powershell_modules_on_a_machine(ansible: Lab, tmp_path: pathlib.Path) -> None:
    tasks: list[Json] = [
        {"name": "raw", "ansible.builtin.raw": f"{MACHINE}; 'äß 日本'; exit 3", "ignore_errors": True},
        {"name": "echo", "lab_echo": {"text": "äß 日本"}},
    ]
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    with ssh(ansible.client, "pc02", folder) as variables:
        run = ansible.tasks("pc02", tasks, extra=variables, env=LIBRARY).succeed()
    assert (run.one(task="raw").result["stdout_lines"], run.one(task="raw").result["rc"]) == (["PC02", "äß 日本"], 3)
    assert run.one(task="echo").result["text"] == "äß 日本"
