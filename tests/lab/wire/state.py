# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a lab's directory, and the lock that tells whether it runs.

lab.json        control URL and token, addresses, name servers, process id; readable by its owner alone; there while the lab runs
inventory.yml   the machines for Ansible, passwords included; readable by its owner alone
ca.pem          the throwaway certification authority
lab.log         what a lab in the background has to say
ntlm_users      the account for logins by NTLM; readable by its owner alone
kerberos        the realm, when a machine takes Kerberos; for its owner alone
lab.lock        locked (flock) by the running lab, so that a lab that was killed counts as stopped
"""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import types
import typing as t

import yaml


class RunningError(RuntimeError):
    """A lab runs in this directory already."""


def already_running(path: pathlib.Path) -> str:
    """Return what to say when a directory has a running lab."""
    return f"a lab runs in {path} already; stop it first: python -m tests.lab stop --directory {path}"


class Directory:
    """A lab's directory."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path.resolve()
        self.lab_json = self.path / "lab.json"
        self.inventory = self.path / "inventory.yml"
        self.ca = self.path / "ca.pem"
        self.log = self.path / "lab.log"
        self._lock_file = self.path / "lab.lock"

    def create(self) -> None:
        """Make the directory when it is not there."""
        self.path.mkdir(parents=True, exist_ok=True)

    def running(self) -> bool:
        """Return whether a lab runs here."""
        if not self._lock_file.exists():
            return False
        with self._lock_file.open("r+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def read_lab_json(self) -> dict[str, t.Any] | None:
        """Return the description of the running lab, None when there is none yet."""
        try:
            return t.cast(dict[str, t.Any], json.loads(self.lab_json.read_text(encoding="utf-8")))
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def write_private(self, path: pathlib.Path, data: bytes) -> None:
        """Write a file that only its owner may read, whole or not at all."""
        temporary = path.with_name(path.name + ".new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
        temporary.replace(path)

    def hold(self) -> Hold:
        """Return a context manager that holds the lock. Entering raises RunningError."""
        return Hold(self._lock_file, self.path)


class Hold:
    """The lock of a running lab."""

    def __init__(self, file: pathlib.Path, directory: pathlib.Path) -> None:
        self._file = file
        self._directory = directory
        self._handle: t.IO[str] | None = None

    def __enter__(self) -> None:
        self._handle = self._file.open("a+")
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._handle.close()
            raise RunningError(already_running(self._directory)) from None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None) -> None:
        if self._handle is not None:
            self._handle.close()


def inventory(
    machines: t.Iterable[InventoryMachine], variables: t.Mapping[str, t.Any], username: str, password: str, ca: pathlib.Path
) -> bytes:
    """Return the YAML inventory of an estate: group lab_windows with everything a connection needs, and the estate's own groups."""
    hosts: dict[str, t.Any] = {}
    groups: dict[str, dict[str, t.Any]] = {}
    for machine in machines:
        own: dict[str, t.Any] = {"ansible_host": machine.address, **machine.variables}
        if machine.https:
            own |= {
                "ansible_port": 5986,
                "ansible_winrm_scheme": "https",
                "ansible_winrm_server_cert_validation": "validate",
                "ansible_winrm_ca_trust_path": str(ca),
            }
        if (machine.username, machine.password) != (username, password):
            own |= {"ansible_user": machine.username, "ansible_password": machine.password}
        if machine.method != "basic":
            own["ansible_winrm_transport"] = machine.method
        if machine.method == "kerberos":
            # Tickets are for names, and machines are reached by their address. The plugin hands no variable to kinit by itself.
            own |= {
                "ansible_user": f"{machine.username}@{machine.realm}",
                "ansible_winrm_kerberos_hostname_override": machine.fqdn,
                "ansible_winrm_kinit_env_vars": ["KRB5_CONFIG"],
            }
        hosts[machine.name] = own
        for group in machine.groups:
            groups.setdefault(group, {})[machine.name] = None
    shared = {
        "ansible_connection": "winrm",
        "ansible_port": 5985,
        "ansible_winrm_scheme": "http",
        "ansible_winrm_transport": "basic",
        "ansible_user": username,
        "ansible_password": password,
        **variables,
    }
    children: dict[str, t.Any] = {"lab_windows": {"hosts": hosts, "vars": shared}}
    children |= {name: {"hosts": members} for name, members in groups.items() if name != "lab_windows"}
    text = yaml.safe_dump({"all": {"children": children}}, sort_keys=False, default_flow_style=False, width=200)
    return ("# Written by the lab at every start. The passwords are good for this lab alone.\n" + text).encode("utf-8")


class InventoryMachine(t.NamedTuple):
    """What the inventory says about one machine."""

    name: str
    address: str
    groups: t.Sequence[str]
    variables: t.Mapping[str, t.Any]
    username: str
    password: str
    https: bool
    method: str = "basic"
    fqdn: str = ""
    realm: str = ""
