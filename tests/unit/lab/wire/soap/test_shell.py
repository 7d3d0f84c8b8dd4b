# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest

from tests.lab.wire.soap.shell import Outcome, run


def _encoded(script: str) -> str:
    return base64.b64encode(script.encode("utf-16-le")).decode()


@pytest.mark.parametrize("program", ["PowerShell", "powershell", "powershell.exe"])
@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("exit", 0), ("Exit 3;", 3)])
def test_ansibles_raw_exit_ends_with_its_code(program: str, script: str, code: int) -> None:
    arguments = f"-NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand {_encoded(script)}"
    assert run(program, arguments) == Outcome(code)


def test_a_plain_exit_ends_with_its_code() -> None:
    assert run("exit 5", "") == Outcome(5)
    assert run("exit", "5") == Outcome(5)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("whoami", "/all"),
        ("exit1", ""),
        ("PowerShell", f"-EncodedCommand {_encoded('Get-Service; exit 0')}"),
        ("PowerShell", "-EncodedCommand not-base64!"),
        ("PowerShell", "-File x.ps1"),
        ("", ""),
    ],
)
def test_any_other_command_is_not_recognised_and_ends_with_1(command: str, arguments: str) -> None:
    outcome = run(command, arguments)
    assert outcome.exit_code == 1
    assert outcome.stdout == ""
    assert outcome.stderr == f"'{command}' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"
