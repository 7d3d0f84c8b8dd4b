# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import pathlib
import typing as t
from xml.etree import ElementTree

import pytest
import yaml
from winrm.exceptions import WinRMTransportError
from winrm.protocol import Protocol

from tests.lab.client import LabClient, running_lab
from tests.lab.wire.soap import names
from tests.unit.lab.wire.soap.messages import CIMV2, enumerate_body, envelope, input_body, pull_body

HOST_KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
UNKNOWN_KEY = "LABXX-AEILO-SUZ01-5AEIL-OSUZ0"
ESTATE: dict[str, t.Any] = {
    "estate": {"domain": "corp.example", "variables": {"lab_variable": 1}},
    "keys": [{"key": HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2022"}],
    "machines": [
        {"name": "kms01", "windows": "server-2022-datacenter", "groups": ["kms_hosts"]},
        {"name": "pc", "count": 3, "windows": "server-2022-standard", "key": "gvlk", "groups": ["kms_clients"]},
        {"name": "tls01", "windows": "server-2022-standard", "https": True},
        {"name": "tls02", "windows": "server-2022-standard", "https": True, "certificate": "wrong_name"},
        {"name": "odd01", "windows": "server-2022-standard", "provider_fault_form": "code"},
    ],
}


@pytest.fixture(scope="session")
def write_estate(tmp_path_factory: pytest.TempPathFactory) -> t.Callable[[dict[str, t.Any]], pathlib.Path]:
    def write(data: dict[str, t.Any]) -> pathlib.Path:
        file = tmp_path_factory.mktemp("estate") / "estate.yml"
        file.write_text(yaml.safe_dump(data), encoding="utf-8")
        return file

    return write


@pytest.fixture(scope="session")
def shared_lab(
    tmp_path_factory: pytest.TempPathFactory, write_estate: t.Callable[[dict[str, t.Any]], pathlib.Path]
) -> t.Iterator[LabClient]:
    with running_lab(write_estate(ESTATE), tmp_path_factory.mktemp("lab")) as client:
        yield client


@pytest.fixture
def lab(shared_lab: LabClient) -> t.Iterator[LabClient]:
    """The lab of the session, with an empty log and without faults; for tests that leave its machines as they were."""
    shared_lab.clear_faults()
    shared_lab.reset_calls()
    yield shared_lab
    shared_lab.clear_faults()


@pytest.fixture
def fresh_lab(tmp_path: pathlib.Path, write_estate: t.Callable[[dict[str, t.Any]], pathlib.Path]) -> t.Iterator[LabClient]:
    """A lab for one test."""
    with running_lab(write_estate(ESTATE), tmp_path / "lab") as client:
        yield client


@dataclasses.dataclass
class Answer:
    status: int
    xml: str

    @property
    def root(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.xml)

    def texts(self, name: str) -> list[str]:
        return [node.text or "" for node in self.root.iter() if node.tag.rpartition("}")[2] == name]


class Windows:
    """A machine of a lab as pywinrm's own Protocol reaches it."""

    def __init__(self, lab: LabClient, machine: str, scheme: str = "http", **options: t.Any) -> None:
        shared = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))["all"]["children"]["lab_windows"]["vars"]
        self.user, self.password = shared["ansible_user"], shared["ansible_password"]
        self.url = f"{scheme}://{lab.address(machine)}:{5985 if scheme == 'http' else 5986}/wsman"
        defaults = {"transport": "basic", "username": self.user, "password": self.password, "read_timeout_sec": 30}
        self.protocol = Protocol(self.url, **{**defaults, **options})

    def send(self, raw: bytes) -> Answer:
        """Send a message as the product does: through the transport, taking a fault's XML from the exception."""
        try:
            found = self.protocol.transport.send_message(raw)
            return Answer(200, found.decode("utf-8"))
        except WinRMTransportError as error:
            return Answer(error.code, error.response_text)

    def query(self, wql: str, max_elements: int = 32000, namespace: str = "root/cimv2") -> Answer:
        return self.send(envelope(f"{names.WMI_PREFIX}{namespace}/*", names.ENUMERATE, enumerate_body(wql, max_elements)))

    def pull(self, context: str, max_elements: int = 32000) -> Answer:
        return self.send(envelope(CIMV2 + "*", names.PULL, pull_body(context, max_elements)))

    def get(self, uri: str, selectors: dict[str, str] | None = None) -> Answer:
        return self.send(envelope(uri, names.GET, selectors=selectors))

    def invoke(self, uri: str, method: str, arguments: t.Sequence[tuple[str, str]] = (), selectors: dict[str, str] | None = None) -> Answer:
        return self.send(envelope(uri, f"{uri}/{method}", input_body(uri, method, arguments), selectors))

    def service_version(self) -> str:
        return self.query("SELECT Version FROM SoftwareLicensingService").texts("Version")[0]

    def install_key(self, key: str) -> Answer:
        return self.invoke(
            CIMV2 + "SoftwareLicensingService", "InstallProductKey", [("ProductKey", key)], {"Version": self.service_version()}
        )

    def firewall(self, method: str) -> Answer:
        keys = {
            "CreationClassName": "MSFT|FW|FirewallRule|SPPSVC-In-TCP",
            "PolicyRuleName": "",
            "SystemCreationClassName": "",
            "SystemName": "",
        }
        return self.invoke(names.WMI_PREFIX + "root/standardcimv2/MSFT_NetFirewallRule", method, selectors=keys)

    def service(self, method: str) -> Answer:
        return self.invoke(CIMV2 + "Win32_Service", method, selectors={"Name": "sppsvc"})


@pytest.fixture
def windows() -> type[Windows]:
    return Windows
