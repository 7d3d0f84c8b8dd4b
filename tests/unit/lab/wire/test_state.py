# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pathlib
import stat
import typing as t

import pytest
import yaml

from tests.lab.wire.state import Directory, InventoryMachine, RunningError, inventory


def test_a_second_lab_in_the_same_directory_is_refused_and_the_lock_ends_with_the_first(tmp_path: pathlib.Path) -> None:
    directory = Directory(tmp_path)
    assert not directory.running()
    with directory.hold():
        assert directory.running()
        with pytest.raises(RunningError, match="already"), Directory(tmp_path).hold():
            pass
    assert not directory.running()


def test_private_files_are_for_their_owner_alone(tmp_path: pathlib.Path) -> None:
    directory = Directory(tmp_path)
    directory.lab_json.write_text("{}")
    directory.lab_json.chmod(0o644)
    directory.write_private(directory.lab_json, b'{"a": 1}')
    assert stat.S_IMODE(directory.lab_json.stat().st_mode) == 0o600
    assert directory.read_lab_json() == {"a": 1}


def test_a_half_written_description_counts_as_none(tmp_path: pathlib.Path) -> None:
    directory = Directory(tmp_path)
    assert directory.read_lab_json() is None
    directory.lab_json.write_text('{"pid": ')
    assert directory.read_lab_json() is None


def test_the_inventory_has_what_a_winrm_connection_needs() -> None:
    machines = [
        InventoryMachine("kms01", "127.1.2.10", ["kms_hosts"], {"kms_host_key": "x"}, "labadmin", "p", False),
        InventoryMachine("pc01", "127.1.2.11", ["kms_clients", "kms_hosts"], {}, "other", "q", True),
    ]
    data = yaml.safe_load(inventory(machines, {"shared": 1}, "labadmin", "p", pathlib.Path("/x/ca.pem")))["all"]["children"]
    assert data["lab_windows"]["vars"] == {
        "ansible_connection": "winrm",
        "ansible_port": 5985,
        "ansible_winrm_scheme": "http",
        "ansible_winrm_transport": "basic",
        "ansible_user": "labadmin",
        "ansible_password": "p",
        "shared": 1,
    }
    assert data["lab_windows"]["hosts"]["kms01"] == {"ansible_host": "127.1.2.10", "kms_host_key": "x"}
    assert data["lab_windows"]["hosts"]["pc01"] == {
        "ansible_host": "127.1.2.11",
        "ansible_port": 5986,
        "ansible_winrm_scheme": "https",
        "ansible_winrm_server_cert_validation": "validate",
        "ansible_winrm_ca_trust_path": "/x/ca.pem",
        "ansible_user": "other",
        "ansible_password": "q",
    }
    assert set(data["kms_hosts"]["hosts"]) == {"kms01", "pc01"}
    assert set(data["kms_clients"]["hosts"]) == {"pc01"}


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("basic", {}),
        ("ntlm", {"ansible_winrm_transport": "ntlm"}),
        (
            "kerberos",
            {
                "ansible_winrm_transport": "kerberos",
                "ansible_user": "labadmin@CORP.EXAMPLE",
                "ansible_winrm_kerberos_hostname_override": "pc01.corp.example",
                "ansible_winrm_kinit_env_vars": ["KRB5_CONFIG"],
            },
        ),
    ],
)
def test_the_inventory_logs_in_by_the_first_of_a_machines_methods(method: str, more: dict[str, t.Any]) -> None:
    machine = InventoryMachine("pc01", "127.1.2.10", [], {}, "labadmin", "p", False, method, "pc01.corp.example", "CORP.EXAMPLE")
    data = yaml.safe_load(inventory([machine], {}, "labadmin", "p", pathlib.Path("/x/ca.pem")))["all"]["children"]
    assert data["lab_windows"]["hosts"]["pc01"] == {"ansible_host": "127.1.2.10", **more}
