# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a read costs in HTTP requests, each of them named: one more is a decision and not an accident.

On a slow line the requests are what takes the time. The connection plugin's own Create and Delete of a shell are counted, for they are there in every task.
"""

from __future__ import annotations

import pytest

from tests.system.ansible_runs import Json
from tests.system.conftest import StartLab

HOST_KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
MAK = "LABMK-OASIS-LOUIE-51051-AZ0LE"

ESTATE: Json = {
    "estate": {"domain": "corp.example", "name_servers": ["ns1"]},
    "keys": [
        {"key": HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2022"},
        {"key": MAK, "channel": "mak", "editions": ["Enterprise"]},
    ],
    "machines": [
        {"name": "kms01", "windows": "server-2022-datacenter", "key": HOST_KEY, "licensed": True, "firewall_exception": True},
        {"name": "pc01", "windows": "windows-11-enterprise", "key": "gvlk", "licensed": True},
        {"name": "old01", "windows": "windows-8.1-enterprise", "key": "gvlk", "licensed": True},
        {"name": "mak01", "windows": "windows-10-enterprise", "key": MAK, "licensed": True, "virtual": False},
        {
            "name": "set01",
            "windows": "windows-11-enterprise",
            "key": "gvlk",
            "kms_machine": {"name": "kms01.corp.example", "port": 1688, "level": "application"},
        },
        {
            "name": "office01",
            "windows": "windows-11-enterprise",
            "key": "gvlk",
            "office": "Office LTSC Professional Plus 2021",
            "office_keyed": True,
        },
    ],
}

SYSTEM = ["Create", "Enumerate Win32_OperatingSystem", "GetStringValue EditionID", "GetStringValue Domain"]
LICENSING = [
    "Enumerate Win32_Service",
    "Enumerate SoftwareLicensingService",
    "Enumerate SoftwareLicensingProduct",
    "GetStringValue KeyManagementServiceName",
]
OF_A_HOST = ["GetMultiStringValue DnsDomainPublishList", "Enumerate MSFT_NetFirewallRule"]
CLIENT = [*SYSTEM, *LICENSING, "Delete"]


ASKED: list[tuple[str, str, Json]] = [
    *((name, "activation_info", {}) for name in ("kms01", "pc01", "old01", "mak01", "set01", "office01")),
    ("pc01", "client_key", {}),
    ("pc01", "activate", {}),
    ("mak01", "client_key", {"convert_from": ["mak"]}),
    ("pc01", "firewall_exception", {}),
]
"""Machine, module and options of each task, in this order."""


Requests = dict[tuple[str, str], list[str]]


@pytest.fixture(scope="module")
def requests(start_lab: StartLab) -> Requests:
    """What each task with a module sends to a machine, in order and in few words."""
    lab = start_lab(ESTATE)
    plays = [
        {"hosts": machine, "gather_facts": False, "tasks": [{f"activation.kms.{module}": options}]} for machine, module, options in ASKED
    ]
    lab.playbook(plays).succeed()
    found: Requests = {}
    for machine in {machine for machine, _module, _options in ASKED}:
        sessions: list[list[str]] = []
        for words in map(_words, lab.calls(machine)):
            # The connection plugin opens a shell at the beginning of every task.
            if words == "Create":
                sessions.append([])
            sessions[-1].append(words)
        modules = [module for name, module, _options in ASKED if name == machine]
        found |= {(machine, module): session for module, session in zip(modules, sessions, strict=True)}
    return found


def _words(call: Json) -> str:
    if call["operation"] == "Invoke" and call["cim_class"] == "StdRegProv":
        return f"{call['method']} {call['arguments']['sValueName']}"
    return " ".join(filter(None, (call["operation"], call["cim_class"], call["method"])))


@pytest.mark.parametrize("machine", ["pc01", "mak01", "old01"])
def test_a_full_read_of_a_client_takes_nine_requests_on_every_windows(requests: Requests, machine: str) -> None:
    assert requests[machine, "activation_info"] == CLIENT
    assert len(CLIENT) <= 10


def test_a_kms_machine_set_for_windows_costs_one_request_more_for_its_port(requests: Requests) -> None:
    found = requests["set01", "activation_info"]
    assert found == [*SYSTEM, *LICENSING, "GetStringValue KeyManagementServicePort", "Delete"]
    assert len(found) <= 10


def test_each_further_product_with_a_key_costs_one_pull(requests: Requests) -> None:
    found = requests["office01", "activation_info"]
    assert found == [*SYSTEM, *LICENSING[:3], "Pull SoftwareLicensingProduct", *LICENSING[3:], "Delete"]
    assert len(found) <= 10


def test_a_full_read_of_a_host_takes_eleven_requests(requests: Requests) -> None:
    assert requests["kms01", "activation_info"] == [*SYSTEM, *LICENSING, *OF_A_HOST, "Delete"]


def test_a_client_that_has_its_key_already_is_compared_in_six_requests(requests: Requests) -> None:
    assert requests["pc01", "client_key"] == [*SYSTEM[:3], *LICENSING[1:3], "Delete"]


def test_activating_what_is_licensed_already_takes_four_requests(requests: Requests) -> None:
    assert requests["pc01", "activate"] == ["Create", SYSTEM[1], "Enumerate SoftwareLicensingProduct", "Delete"]


def test_a_conversion_takes_nine_requests(requests: Requests) -> None:
    found = requests["mak01", "client_key"]
    written = ["Invoke SoftwareLicensingService InstallProductKey", "Invoke SoftwareLicensingService RefreshLicenseStatus"]
    assert found == [*SYSTEM[:3], *LICENSING[1:3], *written, LICENSING[2], "Delete"]


def test_both_rules_of_a_client_windows_are_switched_in_twelve_requests(requests: Requests) -> None:
    found = requests["pc01", "firewall_exception"]
    rules = ["Enumerate MSFT_NetFirewallRule", "Pull MSFT_NetFirewallRule"]
    asked = [*rules, LICENSING[1], *["GetDWORDValue AllowLocalPolicyMerge"] * 3]
    assert found == ["Create", *asked, *["Invoke MSFT_NetFirewallRule Enable"] * 2, *rules, "Delete"]
