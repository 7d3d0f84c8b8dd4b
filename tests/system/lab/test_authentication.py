# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins with pypsrp, which brings its own form of sealed messages, and what is refused as bare HTTP. Ansible's: tests/system/test_authentication.py."""

from __future__ import annotations

import pathlib
import subprocess
import typing as t
from xml.etree import ElementTree

import pytest
import requests
import yaml
from pypsrp.exceptions import AuthenticationError, WSManFaultError
from pypsrp.wsman import WSMan

from tests.lab.client import LabClient, LabError, running_lab
from tests.lab.wire import kerberos
from tests.lab.wire.soap import names
from tests.system.test_authentication import needs_kerberos

MACHINES: list[dict[str, t.Any]] = [
    {"name": "plain", "windows": "server-2022-standard"},
    {"name": "sealed", "windows": "server-2022-standard", "authentication": ["ntlm"], "allow_unencrypted": False},
]
IN_DOMAIN = {"name": "domain", "windows": "server-2022-standard", "authentication": ["kerberos", "ntlm"], "allow_unencrypted": False}


def _estate(*machines: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"estate": {"domain": "corp.example", "username": "labadmin", "password": 'a "quoted" \\ password'}, "machines": list(machines)}


@pytest.fixture(scope="module")
def ntlm_lab(tmp_path_factory: pytest.TempPathFactory, write_estate: t.Any) -> t.Iterator[LabClient]:
    with running_lab(write_estate(_estate(*MACHINES)), tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def kerberos_lab(tmp_path_factory: pytest.TempPathFactory, write_estate: t.Any) -> t.Iterator[LabClient]:
    folder = tmp_path_factory.mktemp("lab")
    with running_lab(write_estate(_estate(IN_DOMAIN)), folder) as lab, pytest.MonkeyPatch.context() as patch:
        patch.setenv("KRB5CCNAME", f"FILE:{folder / 'tickets'}")
        for name, value in lab.environment.items():
            patch.setenv(name, value)
        subprocess.run(["kinit", "labadmin@CORP.EXAMPLE"], input=_password(lab) + "\n", text=True, check=True, capture_output=True)
        yield lab


def _password(lab: LabClient) -> str:
    return str(yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))["all"]["children"]["lab_windows"]["vars"]["ansible_password"])


def _client(lab: LabClient, machine: str, auth: str, ssl: bool = False, **more: t.Any) -> WSMan:
    options = {"username": "labadmin", "password": _password(lab), "cert_validation": str(lab.ca), **more}
    options |= {"negotiate_hostname_override": f"{machine}.corp.example"}
    return WSMan(lab.address(machine), port=5986 if ssl else 5985, ssl=ssl, auth=auth, **options)


def _names(client: WSMan) -> list[str | None]:
    body = ElementTree.Element(f"{{{names.ENUMERATION}}}Enumerate")
    ElementTree.SubElement(body, f"{{{names.WSMAN}}}OptimizeEnumeration")
    ElementTree.SubElement(body, f"{{{names.WSMAN}}}MaxElements").text = "5"
    ElementTree.SubElement(body, f"{{{names.WSMAN}}}Filter", Dialect=names.DIALECT_WQL).text = "SELECT CSName FROM Win32_OperatingSystem"
    return [node.text for node in client.enumerate(f"{names.WMI_PREFIX}root/cimv2/*", body).iter("CSName")]


def _check(lab: LabClient, machine: str, client: WSMan, ssl: bool, method: str) -> None:
    lab.reset_calls()
    with client:
        assert _names(client) == _names(client) == [machine.upper()]
    calls = lab.calls(machine)
    assert {call["login"] for call in calls} - {None} == {method}
    assert [call["sealed"] for call in calls if call["operation"]] == [not ssl] * 2
    assert lab.machine(machine)["machine"]["refused_logins"] == 0


@pytest.mark.parametrize("ssl", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
def test_pypsrp_logs_in_by_ntlm(ntlm_lab: LabClient, auth: str, ssl: bool) -> None:
    _check(ntlm_lab, "sealed", _client(ntlm_lab, "sealed", auth, ssl), ssl, "ntlm")


@needs_kerberos
@pytest.mark.parametrize("ssl", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(("auth", "service"), [("kerberos", "WSMAN"), ("negotiate", "WSMAN"), ("kerberos", "HTTP")])
def test_pypsrp_logs_in_by_kerberos(kerberos_lab: LabClient, auth: str, service: str, ssl: bool) -> None:
    _check(
        kerberos_lab,
        "domain",
        _client(kerberos_lab, "domain", auth, ssl, negotiate_service=service, username=None, password=None),
        ssl,
        "kerberos",
    )


@needs_kerberos
def test_a_machine_in_a_domain_takes_ntlm_as_well(kerberos_lab: LabClient) -> None:
    _check(kerberos_lab, "domain", _client(kerberos_lab, "domain", "ntlm"), False, "ntlm")


def test_faults_are_sealed_too(ntlm_lab: LabClient) -> None:
    with _client(ntlm_lab, "sealed", "ntlm") as client, pytest.raises(WSManFaultError) as caught:
        client.get(f"{names.WMI_PREFIX}root/cimv2/Nosuch")
    assert caught.value.code is not None
    assert ntlm_lab.calls("sealed")[-1]["sealed"]


def test_a_wrong_password_is_refused_and_counted_once(ntlm_lab: LabClient) -> None:
    before = ntlm_lab.machine("plain")["machine"]["refused_logins"]
    with _client(ntlm_lab, "plain", "ntlm", password="wrong") as client, pytest.raises(AuthenticationError):
        _names(client)
    assert ntlm_lab.machine("plain")["machine"]["refused_logins"] == before + 1


@pytest.mark.parametrize(
    ("machine", "headers", "body", "status", "schemes"),
    [
        ("sealed", {}, b"x", 401, "Negotiate"),
        ("plain", {}, b"x", 401, 'Negotiate, Basic realm="WSMAN"'),
        ("plain", {"Content-Type": 'multipart/encrypted;protocol="x";boundary="Encrypted Boundary"'}, b"x", 400, None),
    ],
)
def test_what_is_refused_has_no_body(
    ntlm_lab: LabClient, machine: str, headers: dict[str, str], body: bytes, status: int, schemes: str | None
) -> None:
    auth = None if schemes else ("labadmin", _password(ntlm_lab))
    answer = requests.post(f"http://{ntlm_lab.address(machine)}:5985/wsman", data=body, headers=headers, auth=auth, timeout=10)
    assert (answer.status_code, answer.headers.get("WWW-Authenticate"), answer.content) == (status, schemes, b"")


def test_an_account_that_ntlm_cannot_hold_is_refused_at_the_start(tmp_path: pathlib.Path, write_estate: t.Any) -> None:
    estate = _estate(*MACHINES)
    estate["estate"]["password"] = "with:colon"
    with pytest.raises(LabError, match="neither a colon"), running_lab(write_estate(estate), tmp_path):
        pass


def test_without_kerberos_installed_an_estate_that_needs_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr(kerberos, "_PATH", str(tmp_path))
    assert {word for line in kerberos.missing() for word in line.split()} >= {
        "krb5kdc",
        "kdb5_util",
        "kadmin.local",
        "krb5-kdc)",
        "krb5-admin-server)",
    }
