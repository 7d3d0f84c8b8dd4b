# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both backends tell the same: every module, every kind of machine and every fault of the estate, read and changed by either.

Two labs of the same estate, whose clocks stand still at the same instant, get the same playbook; one is reached over wsman, the other over powershell. What
came of each task is compared key by key: facts, changed, diff, what check mode would do, refusals, error codes. L(DIFFERS) lists what may differ, and
why real Windows would differ there, too.
"""

from __future__ import annotations

import concurrent.futures
import copy
import dataclasses
import re
import typing as t

import pytest

from tests.system.ansible_runs import Json, Run, TaskResult
from tests.system.conftest import StartLab

pytestmark = [pytest.mark.powershell, pytest.mark.wsman]

START = "2026-11-25T08:00:00+00:00"

HOST_KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
OTHER_HOST_KEY = "LABHK-SOLEA-UNIO5-0ASIS-A1ZOU"
OLD_HOST_KEY = "LABHK-OLDER-AEIO5-2019A-ZILOU"
MAK = "LABMK-OASIS-LOUIE-51051-AZ0LE"
RETAIL = "LABRT-OASIS-LOUIE-RETA1-L0A5E"
AVMA = "LABVM-OASIS-LOUIE-AVMA1-GUE5T"

SERVER, SERVER_2012, DESKTOP = "server-2022-datacenter", "server-2012-r2-standard", "windows-11-enterprise"


def host(name: str, **more: t.Any) -> Json:
    """Return a machine that is to become a KMS host, or is one."""
    return {"name": name, "windows": SERVER, "groups": ["hosts"], "key": None, **more}


def working(name: str, **more: t.Any) -> Json:
    """Return a KMS host that works, for the clients to be sent to."""
    quiet = {"dns_publishing": False, "firewall_exception": True, "remembered_clients": 30}
    return {"name": name, "windows": SERVER, "groups": ["working"], "key": HOST_KEY, "licensed": True, **quiet, **more}


def client(name: str, **more: t.Any) -> Json:
    """Return a client that is to be activated, by the host that works unless it is said by which."""
    return {"name": name, "windows": DESKTOP, "groups": ["clients"], "key": "gvlk", "kms_machine": {"name": "work01.corp.example"}, **more}


def read_only(name: str, **more: t.Any) -> Json:
    """Return a client whose facts are what is special about it."""
    return client(name, **more) | {"groups": ["read_only"]}


def unkeyed(name: str, **more: t.Any) -> Json:
    """Return a machine that is to get its client key."""
    return {"name": name, "windows": DESKTOP, "groups": ["unkeyed"], **more}


def to(name: str, **more: t.Any) -> Json:
    """Return where a client is sent."""
    return {"kms_machine": {"name": name, **more}}


# What kind of machine, or what is wrong with it, in the words of tests/lab/model/README.md.
MACHINES: dict[str, Json] = {
    "a host to be": host("new01"),
    "a host that is one already, with another key": host("have01", key=OTHER_HOST_KEY, licensed=True, firewall_exception=True),
    "a host that listens elsewhere, publishes to a list and has low priority": host(
        "port01",
        key=HOST_KEY,
        licensed=True,
        listening_port=1689,
        publish_domains=["corp.example,10,20", "other.example"],
        low_priority=True,
    ),
    "a host on a MAK": host("mak01", key="LABMK-SERVE-LOUIE-51051-ROSE0", licensed=True),
    "a host whose firewall rules the policy overrides": host(
        "policy01",
        registry=[
            {
                "key": r"SOFTWARE\Policies\Microsoft\WindowsFirewall\DomainProfile",
                "name": "AllowLocalPolicyMerge",
                "type": "REG_DWORD",
                "data": 0,
            }
        ],
    ),
    "a host without a way to Microsoft": host("alone01", internet=False),
    "a host whose provider refuses the key": host("refuse01", failing={"SoftwareLicensingService.InstallProductKey": 0xC004F050}),
    "a host whose firewall namespace is closed": host("nofw01", access_denied=["root/standardcimv2"]),
    "an evaluation": host("eval01", windows="server-2022-datacenter-evaluation", key=None),
    "an older Windows as a host": host("old01", windows=SERVER_2012),
    "a client of a host that works": client("plain01"),
    "a client on a MAK": unkeyed("mak02", key=MAK, licensed=True, virtual=False),
    "a client on a retail key": unkeyed("retail01", windows="windows-11-pro", key=RETAIL, licensed=True),
    "a client without a key": unkeyed("nokey01", key=None),
    "a machine with its client key": unkeyed("keyed01", key="gvlk"),
    "a guest of Hyper-V": unkeyed("avma01", windows="server-2022-standard", key=AVMA, licensed=True),
    "Home": unkeyed("home01", windows="windows-11-home", key=RETAIL, licensed=True),
    "two keyed Windows products": unkeyed("both01", windows="windows-10-enterprise", key="gvlk", also_keyed=[MAK]),
    "Office beside Windows": read_only("office01", office="Office LTSC Professional Plus 2021", office_keyed=True),
    "a client of before the newer columns": read_only("old02", windows="windows-8.1-enterprise"),
    "a server of before the newer columns": read_only("old03", windows="server-2012-standard"),
    "a name of fifteen letters": read_only("client-with-15l"),
    "a licensing service that stands still": read_only("still01", sppsvc="stopped"),
    "a licensing service that is disabled": client("disabled01", sppsvc="disabled"),
    "a client whose grace is over": client("over01", grace="over"),
    "a client of a host whose count is low": client("low01", **to("low.corp.example")),
    "a client of a host that has no activation": client("unlic01", **to("unlicensed.corp.example")),
    "a client of a host whose key is too old": client("newer01", windows="server-2025-standard", **to("work01.corp.example")),
    "a client of a host behind a closed firewall": client("closed01", **to("closed.corp.example")),
    "a client that is sent to a name that does not exist": client("nowhere01", **to("nowhere.corp.example", level="application")),
    "a client that is sent to the wrong port": client("wrong01", **to("work01.corp.example", port=1690, level="product")),
    "a client without a host in DNS": client("nodns01", kms_machine={}, domain="empty.example"),
    "a client in a workgroup": client("group01", kms_machine={}, domain=None),
    "a clock that is five hours off": client("clock01", clock_offset_seconds=5 * 3600),
    "a client whose activation type is closed to KMS": client("type01", failing={"SoftwareLicensingProduct.Activate": 0xC004F302}),
    "an account that may not read CIM": client("denied01", access_denied=["root/cimv2"]),
    "an account that may not read the registry": read_only("denied02", access_denied=["root/default"]),
    "a Windows in German": unkeyed("de01", key=MAK, language=1031),
    "a Windows in Japanese": read_only("ja01", language=1041),
    "a Windows in Chinese": read_only("zh01", language=2052),
    "the host that works": working("work01"),
    "a host whose count is low": working("low", remembered_clients=3),
    "a host without an activation": working("unlicensed", licensed=False),
    "a host behind a closed firewall": working("closed", firewall_exception=False),
}

ESTATE: Json = {
    "estate": {"domain": "corp.example", "start": START, "seed": 7, "zones": ["empty.example", "other.example"]},
    "keys": [
        {"key": HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2022"},
        {"key": OTHER_HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2022"},
        {"key": OLD_HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2019"},
        {"key": MAK, "channel": "mak", "editions": ["Enterprise", "Professional"], "activations": 50},
        {"key": "LABMK-SERVE-LOUIE-51051-ROSE0", "channel": "mak", "editions": ["ServerStandard", "ServerDatacenter"], "activations": 50},
        {"key": RETAIL, "channel": "retail", "editions": ["Professional", "Core"]},
        {"key": AVMA, "channel": "avma", "editions": ["ServerStandard", "ServerDatacenter"]},
    ],
    "machines": list(MACHINES.values()),
}


def task(name: str, module: str, check: bool = False, **options: t.Any) -> Json:
    """Return one task; what fails is what is compared, so it does not end the play."""
    return {
        "name": name,
        f"activation.kms.{module}": options,
        "check_mode": check,
        "diff": True,
        "ignore_errors": True,
        "ignore_unreachable": True,
    }


HOST_TASKS = [
    task("host_key in check mode", "host_key", check=True, key="{{ host_key }}", allow_cleartext_key=True),
    task("host_key", "host_key", key="{{ host_key }}"),
    task("activate a host", "activate", role="kms_host"),
    task("firewall_exception", "firewall_exception"),
]
KEY_TASKS = [
    task("client_key in check mode", "client_key", check=True, convert_from=["mak"]),
    task("client_key", "client_key", convert_from=["mak"]),
]
CLIENT_TASKS = [task("activate a client", "activate", accept_low_count=True)]
READING = [task("activation_info", "activation_info")]

PLAYS: list[Json] = [
    # In this order: what the clients do to a host's count is over when the hosts are read.
    {"hosts": "clients", "gather_facts": False, "tasks": CLIENT_TASKS},
    {"hosts": "unkeyed", "gather_facts": False, "tasks": KEY_TASKS},
    {"hosts": "hosts", "gather_facts": False, "tasks": HOST_TASKS},
    {"hosts": "all:!clients", "gather_facts": False, "tasks": READING},
]

DIFFERS: dict[str, str] = {
    "backend": "each names itself",
    "activation.collected_at": "the controller's own clock, read at another moment",
    "activation.machine.clock_offset_seconds": "the lab's clock stands still while the controller's goes on",
    "error.detail": "the words of WinRM's fault in one, those of the cmdlet's error in the other; both are texts for people, in the machine's language",
    "msg": "where a task failed it has error.detail in it; all else of the line is compared",
    "activation.problems": "each line has an error's detail in it; how many there are and their codes are compared",
    "activation.problem_details.detail": "as error.detail",
}
"""What may differ between the backends, and why. Nothing else may."""

DENIED = {"0x80338104", "0x80041003"}
"""A namespace that is closed has a code of each way's own on Windows, too: WinRM's ERROR_WSMAN_WMI_SVC_ACCESS_DENIED, WMI's WBEM_E_ACCESS_DENIED. Both are told
as access denied, with the same next step. wsman meets it when it asks for the build, powershell at the first class."""


@dataclasses.dataclass(frozen=True)
class Both:
    """One run over each backend."""

    wsman: Run
    powershell: Run


@pytest.fixture(scope="module")
def both(start_lab: StartLab) -> Both:
    """The playbook over either backend, each on an estate of its own; both at a time, as there are two of them."""
    labs = {backend: start_lab(copy.deepcopy(ESTATE)) for backend in ("wsman", "powershell")}

    def run(backend: str) -> Run:
        labs[backend].variables("hosts", {"host_key": HOST_KEY})
        return labs[backend].playbook([{**play, "vars": {"activation_kms_backend": backend}} for play in PLAYS])

    with concurrent.futures.ThreadPoolExecutor(2) as workers:
        return Both(*workers.map(run, ("wsman", "powershell")))


def failure(result: Json) -> bool:
    """Tell whether a task failed with an error of the machine's."""
    return "error" in result and "detail" in result["error"]


def compared(row: TaskResult) -> Json:
    """Return a result as it has to be the same over both backends: without what L(DIFFERS) lists."""
    result = {name: value for name, value in copy.deepcopy(row.result).items() if not name.startswith("_ansible")}
    assert result.pop("backend", None), f"{row.host}: {row.task} does not name its backend"
    if failure(result):
        detail = result["error"].pop("detail")
        result["msg"] = result["msg"].replace(detail.rstrip(" ."), "...")
        if result["error"]["code"] in DENIED:
            result |= {"error": "access denied", "msg": result["msg"].partition(" Next: ")[2]}
    activation = result.get("activation", {})
    if activation:
        activation.pop("collected_at")
        activation["machine"].pop("clock_offset_seconds")
        activation["problems"] = [re.findall(r"0x[0-9A-F]{8}", line) for line in activation["problems"]]
        for problem in activation.get("problem_details", []):
            problem.pop("detail")
        for product in activation["products"]:
            # Worked out from the controller's clock: to the minute, for the lab's stands still.
            product["expires_at"] = product["expires_at"] and product["expires_at"][:10]
    return {"status": row.status, **result}


TASKS = {
    "hosts": [*HOST_TASKS, *READING],
    "unkeyed": [*KEY_TASKS, *READING],
    "clients": CLIENT_TASKS,
    "read_only": READING,
    "working": READING,
}
"""By group. A PowerShell run costs seconds, so a kind of machine meets the modules that it is about and no others."""


@pytest.mark.parametrize(
    ("kind", "task_name"), [(kind, task["name"]) for kind, machine in MACHINES.items() for task in TASKS[machine["groups"][0]]]
)
def test_both_backends_tell_the_same_of(both: Both, kind: str, task_name: str) -> None:
    machine = MACHINES[kind]["name"]
    over_wsman, over_powershell = both.wsman.one(machine, task_name), both.powershell.one(machine, task_name)
    assert (over_wsman.result.get("backend"), over_powershell.result.get("backend")) == ("wsman", "powershell")
    assert compared(over_powershell) == compared(over_wsman)


def test_the_comparison_had_something_to_compare(both: Both) -> None:
    """Changes, refusals, failures and facts of every kind were among the results: a suite that compares nothing would be green."""
    rows = both.wsman.results
    codes = {row.result["error"].get("code") for row in rows if failure(row.result)}
    assert {"0xC004F074", "0xC004F041", "0xC004F042", "0xC004F050", "0xC004F302", "0x80041003"} <= codes
    assert sum(row.changed and not row.result.get("failed") for row in rows) > 20
    assert sum("refused" in row.result.get("error", {}) for row in rows) > 5
    assert sum(bool(row.result.get("diff", {}).get("after")) for row in rows) > 40
    assert {row.result["outcome"] for row in rows if "outcome" in row.result} >= {"activated", "already_licensed", "count_too_low"}


def test_every_result_names_its_backend_a_failure_too(both: Both) -> None:
    failed = [row for row in (*both.wsman.results, *both.powershell.results) if row.status in ("failed", "ignored", "unreachable")]
    assert len(failed) > 20
    assert {row.result.get("backend") for row in failed} == {"wsman", "powershell"}
