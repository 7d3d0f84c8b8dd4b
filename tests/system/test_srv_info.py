# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""srv_info run by a real ansible, over real sockets."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

from tests.unit.plugins.module_utils import dns_servers

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ORIGIN = "corp.example"
KMS01 = "_vlmcs._tcp SRV 0 0 1688 kms01\nkms01 A 192.0.2.10"


@pytest.fixture
def network() -> dns_servers.Network:
    return dns_servers.Network()


@contextlib.contextmanager
def two_servers(folder: pathlib.Path, network: dns_servers.Network, first: str, second: str) -> t.Iterator[None]:
    """Run ns1 and ns2: BIND where it is installed, the tests' own responder otherwise."""
    with contextlib.ExitStack() as stack:
        for number, records in ((2, first), (3, second)):
            text = dns_servers.zone_text(network, records)
            if dns_servers.NAMED:
                stack.enter_context(dns_servers.bind(folder / f"ns{number}", network.address(number), network.port, ORIGIN, text))
            else:
                stack.enter_context(dns_servers.responder(network.address(number), network.port, dns_servers.from_zone(ORIGIN, text)))
        yield


def ansible(folder: pathlib.Path, arguments: dict[str, t.Any], *options: str, interpreter: str = sys.executable) -> dict[str, t.Any]:
    """Run the module on localhost by C(ansible) and return its result; C(failed) is ansible's own exit code."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".cache"),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
        "LC_ALL": "C.UTF-8",
    }
    (folder / "ansible.cfg").touch()
    # A place in the inventory of its own, so that the implicit localhost and its interpreter do not come in.
    (folder / "inventory.yml").write_text(
        json.dumps({"all": {"hosts": {"here": {"ansible_connection": "local", "ansible_python_interpreter": interpreter}}}}),
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "ansible", "adhoc", "here", "-i", str(folder / "inventory.yml"), "-m", "activation.kms.srv_info"]
    command += ["-a", json.dumps(arguments), *options]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    _before, found, line = done.stdout.partition("here | ")
    assert found, f"{done.stdout}\n{done.stderr}"
    result: dict[str, t.Any] = json.loads(line[line.index("{") :])
    result["failed"] = done.returncode != 0
    return result


def test_a_published_host_is_proven_by_a_real_run(tmp_path: pathlib.Path, network: dns_servers.Network) -> None:
    arguments = {
        "domains": [ORIGIN],
        "name_servers": [network.address(2)],
        "port": network.port,
        "expect": [{"target": "kms01.corp.example"}],
    }
    with two_servers(tmp_path, network, KMS01, KMS01):
        result = ansible(tmp_path, arguments)
        checked = ansible(tmp_path, arguments, "--check", "--diff")
    assert (result["changed"], result["proven"]) == (False, True)
    (row,) = result["results"]
    assert [server["status"] for server in row["authoritative"]] == ["answered", "answered"]
    assert row["records"][0]["addresses"] == ["192.0.2.10"]
    assert checked["results"][0]["records"][0]["target"] == "kms01.corp.example"
    assert (checked["changed"], checked["proven"]) == (False, True)


def test_servers_that_differ_are_a_result_and_no_failure(tmp_path: pathlib.Path, network: dns_servers.Network) -> None:
    arguments = {
        "domains": [ORIGIN],
        "name_servers": [network.address(2)],
        "port": network.port,
        "expect": [{"target": "kms01.corp.example"}],
    }
    with two_servers(tmp_path, network, KMS01, "kms01 A 192.0.2.10"):
        result = ansible(tmp_path, arguments)
    (row,) = result["results"]
    assert (result["proven"], row["consistent"]) == (False, False)
    assert [server["status"] for server in row["authoritative"]] == ["answered", "nxdomain"]


def test_senseless_input_fails_with_one_clear_sentence(tmp_path: pathlib.Path) -> None:
    result = ansible(tmp_path, {"domains": ["_vlmcs._tcp.corp.example"]})
    assert result["failed"]
    assert result["msg"] == (
        "SRV records cannot be looked up: '_vlmcs._tcp.corp.example' already holds the service name _vlmcs._tcp; name the domain only."
    )


def test_an_interpreter_without_dnspython_is_told_what_is_missing(tmp_path: pathlib.Path) -> None:
    interpreter = "/usr/bin/python3"
    probe = subprocess.run([interpreter, "-c", "import dns"], capture_output=True, check=False) if os.access(interpreter, os.X_OK) else None
    if probe is None or probe.returncode == 0:
        pytest.skip(f"needs a {interpreter} without dnspython")
    result = ansible(tmp_path, {"domains": [ORIGIN]}, interpreter=interpreter)
    assert result["failed"]
    assert "dnspython" in result["msg"]
