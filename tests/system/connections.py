# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways in which Ansible gets PowerShell to run on a machine of the lab, as variables for a run; the inventory's own are those of winrm.

    lab.tasks("pc01", tasks, extra=PSRP)

    variables, environment = local(lab.client, "pc01")
    lab.tasks("pc01", tasks, extra=variables, env=environment)

    with ssh(lab.client, "pc01", folder) as variables:
        lab.tasks("pc01", tasks, extra=variables)

winrm and psrp go through the lab's WinRM service. local and ssh start PowerShell without it, with the folders and the environment of the machine.
The lab has no ssh server of its own: one of Debian's runs with the machine's environment and PowerShell in place of the user's shell, as where
Windows' DefaultShell is PowerShell.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import time
import typing as t

from tests.lab.client import LabClient

Json = dict[str, t.Any]

PSRP: Json = {
    "ansible_connection": "psrp",
    "ansible_psrp_auth": "basic",
    "ansible_psrp_protocol": "http",
    # Basic seals nothing, and psrp refuses to send unsealed messages unless it is told so.
    "ansible_psrp_message_encryption": "never",
}
"""The variables for psrp over HTTP with Basic."""

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
NO_SSHD = "no sshd: install Debian's openssh-server"
SSH_PORT = 10022


def local(lab: LabClient, machine: str) -> tuple[Json, dict[str, str]]:
    """Return the variables and the environment that make a machine of the lab out of the connection local."""
    variables = {"ansible_connection": "local", "ansible_shell_type": "powershell", "ansible_pipelining": True}
    return variables, lab.workplace(machine)["environment"]


@contextlib.contextmanager
def ssh(lab: LabClient, machine: str, folder: pathlib.Path) -> t.Iterator[Json]:
    """Serve ssh for a machine, and give the variables to reach it by."""
    place = lab.workplace(machine)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    # Ansible calls chcp.com, and then PowerShell, by the user's shell.
    for name, text in (
        ("chcp.com", ""),
        (
            "shell",
            f'cd {shlex.quote(place["folder"])}\nPATH=$PATH:{shlex.quote(str(folder))}\nexec powershell -NoProfile -Command "$SSH_ORIGINAL_COMMAND"\n',
        ),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{text}")
        (folder / name).chmod(0o755)
    address = lab.address(machine)
    settings = {
        "ListenAddress": f"{address}:{SSH_PORT}",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "user.pub",
        "ForceCommand": folder / "shell",
        "SetEnv": " ".join(f'"{name}={value}"' for name, value in place["environment"].items()),
        "PermitRootLogin": "prohibit-password",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
    }
    (folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.getuid() == 0:
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # where sshd shuts itself in; Debian's service makes it
    assert SSHD is not None
    with (
        (folder / "sshd.log").open("w") as log,
        subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log) as server,
    ):
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection((address, SSH_PORT), 1):
                    break
                time.sleep(0.05)
            options = "-F none -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR -o ControlMaster=no -o ControlPath=none"
            yield {
                "ansible_connection": "ssh",
                "ansible_shell_type": "powershell",
                "ansible_port": SSH_PORT,
                "ansible_user": getpass.getuser(),
                "ansible_ssh_private_key_file": str(folder / "user"),
                "ansible_ssh_common_args": options,
            }
        finally:
            server.terminate()
