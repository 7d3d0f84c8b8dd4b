# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import pathlib
import subprocess
import sys
import typing as t

import pytest
import requests
from winrm.exceptions import InvalidCredentialsError, WSManFaultError

from tests.lab.client import LabClient
from tests.unit.lab.wire.soap.messages import CIMV2

QUERY = "SELECT Name FROM Win32_Service"


def test_pywinrm_reads_a_query_page_by_page(lab: LabClient, windows: t.Any) -> None:
    machine = windows(lab, "pc01")
    answer = machine.query("SELECT * FROM Win32_Service", max_elements=1)
    found, pages = answer.texts("DisplayName"), 1
    while not answer.texts("EndOfSequence"):
        answer = machine.pull(answer.texts("EnumerationContext")[0], max_elements=1)
        found, pages = found + answer.texts("DisplayName"), pages + 1
    assert len(found) == len(set(found)) == pages > 1


def test_pywinrm_gets_an_instance_and_invokes_a_method(lab: LabClient, windows: t.Any) -> None:
    machine = windows(lab, "pc01")
    keys = {"Version": machine.service_version()}
    assert machine.get(CIMV2 + "SoftwareLicensingService", keys).texts("ClientMachineID") == [lab.state("pc01")["cmid"]]
    assert machine.invoke(CIMV2 + "SoftwareLicensingService", "RefreshLicenseStatus", selectors=keys).texts("ReturnValue") == ["0"]


def test_pywinrm_understands_our_faults(lab: LabClient, windows: t.Any) -> None:
    machine = windows(lab, "pc01")
    with pytest.raises(WSManFaultError) as caught:
        machine.protocol.close_shell("no-such-shell", close_session=False)
    assert (caught.value.wsman_fault_code, caught.value.fault_subcode) == (2150858843, "w:InvalidSelectors")


def test_messages_of_one_client_share_a_connection(lab: LabClient, windows: t.Any) -> None:
    machine = windows(lab, "pc01")
    for _ in range(3):
        machine.query(QUERY)
    assert len({call["connection"] for call in lab.calls("pc01")}) == 1


def test_a_shell_opens_runs_a_command_and_closes(lab: LabClient, windows: t.Any) -> None:
    protocol = windows(lab, "pc01").protocol
    shell = protocol.open_shell(codepage=65001)
    assert lab.machine("pc01")["machine"]["open_shells"] == 1
    encoded = base64.b64encode("exit 4".encode("utf-16-le")).decode()
    for command, arguments, expected in (
        ("PowerShell", ["-NoProfile", "-EncodedCommand", encoded], (b"", b"", 4)),
        ("whoami", [], (b"", b"'whoami' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n", 1)),
    ):
        command_id = protocol.run_command(shell, command, arguments)
        assert protocol.get_command_output(shell, command_id) == expected
        protocol.cleanup_command(shell, command_id)
        with pytest.raises(WSManFaultError):
            protocol.cleanup_command(shell, command_id)
    protocol.close_shell(shell)
    assert lab.machine("pc01")["machine"]["open_shells"] == 0


def test_ansible_runs_its_raw_no_op(lab: LabClient, tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "ansible", "adhoc", "-i", str(lab.inventory), "pc01", "-m", "ansible.builtin.raw", "-a", "exit 0"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"LC_ALL": "C.UTF-8", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [call["operation"] for call in lab.calls("pc01")] == ["Create", "Command", "Receive", "Signal", "Delete"]


def test_a_wrong_password_is_refused_with_a_challenge(lab: LabClient, windows: t.Any) -> None:
    with pytest.raises(InvalidCredentialsError):
        windows(lab, "pc01", password="wrong").query(QUERY)
    answer = requests.post(f"http://{lab.address('pc01')}:5985/wsman", data=b"x", timeout=10)
    assert (answer.status_code, answer.headers["WWW-Authenticate"], answer.content) == (401, 'Negotiate, Basic realm="WSMAN"', b"")
    assert [call["executed"] for call in lab.calls("pc01")] == [False, False]


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/", 404), ("POST", "/wsman2", 404), ("GET", "/wsman", 405)])
def test_only_posts_to_wsman_are_served(lab: LabClient, method: str, path: str, status: int) -> None:
    assert requests.request(method, f"http://{lab.address('pc01')}:5985{path}", data=b"", timeout=10).status_code == status


def test_https_is_trusted_through_the_labs_authority(lab: LabClient, windows: t.Any) -> None:
    assert windows(lab, "tls01", "https", ca_trust_path=str(lab.ca), server_cert_validation="validate").query(QUERY).status == 200
    assert lab.calls("tls01")[-1]["scheme"] == "https"


def test_https_is_not_trusted_without_it(lab: LabClient, windows: t.Any) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        windows(lab, "tls01", "https", server_cert_validation="validate").query(QUERY)


def test_a_certificate_for_another_name_is_noticed(lab: LabClient, windows: t.Any) -> None:
    with pytest.raises(requests.exceptions.SSLError, match="match|mismatch"):
        windows(lab, "tls02", "https", ca_trust_path=str(lab.ca), server_cert_validation="validate").query(QUERY)


def test_machines_are_apart(lab: LabClient, windows: t.Any) -> None:
    answers = {
        name: windows(lab, name).query("SELECT CSName FROM Win32_OperatingSystem").texts("CSName")[0].lower() for name in ("pc01", "pc02")
    }
    assert answers == {"pc01": "pc01", "pc02": "pc02"}


def test_a_machine_answers_a_providers_failure_in_the_form_of_its_switch(lab: LabClient, windows: t.Any) -> None:
    key = "LABXX-AEILO-SUZ01-5AEIL-OSUZ0"
    assert "HRESULT 0xc004f050" in windows(lab, "pc01").install_key(key).texts("Message")[-1]
    assert f'Code="{0xC004F050}"' in windows(lab, "odd01").install_key(key).xml
    lab.change("pc01", provider_fault_form="return_value")
    try:
        assert windows(lab, "pc01").install_key(key).texts("ReturnValue") == [str(0xC004F050)]
    finally:
        lab.change("pc01", provider_fault_form="text")
