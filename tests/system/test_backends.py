# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both backends tell the same: every module, and every kind of machine and fault that an estate can have, read and changed by either.

Two labs of the same estate, whose clocks stand still at the same instant, get the same playbook; one is reached over wsman, the other over powershell. What
came of each task is compared key by key: facts, changed, diff, what check mode would do, refusals, error codes. L(DIFFERS) lists what may differ, and
why real Windows would differ there, too. Faults on the way to a machine are each way's own: test_faults.py has a table for either.
"""

from __future__ import annotations

import concurrent.futures
import copy
import dataclasses
import datetime
import re
import typing as t

import pytest
import yaml

from tests.system.ansible_runs import REPOSITORY, Json, Run, TaskResult
from tests.system.conftest import StartLab

pytestmark = [pytest.mark.powershell, pytest.mark.wsman]

START = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
"""Now, for both labs: clocks that differ from the controller's by hours would be a finding of every machine."""

HOST_KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
OTHER_HOST_KEY = "LABHK-SOLEA-UNIO5-0ASIS-A1ZOU"
OLD_HOST_KEY = "LABHK-OLDER-AEIO5-2019A-ZILOU"
MAK = "LABMK-OASIS-LOUIE-51051-AZ0LE"
RETAIL = "LABRT-OASIS-LOUIE-RETA1-L0A5E"
AVMA = "LABVM-OASIS-LOUIE-AVMA1-GUE5T"

SERVER, SERVER_2012, DESKTOP = "server-2022-datacenter", "server-2012-r2-standard", "windows-11-enterprise"


def machine(name: str, group: str, windows: str = SERVER, **more: t.Any) -> Json:
    """Return a machine; the group says which tasks it meets (L(TASKS))."""
    return {"name": name, "windows": windows, "groups": [group], "key": None, **more}


def working(name: str, **more: t.Any) -> Json:
    """Return a KMS host that works, for the clients to be sent to."""
    quiet = {"dns_publishing": False, "firewall_exception": True, "remembered_clients": 30}
    return machine(name, "read", **{"key": HOST_KEY, "licensed": True, **quiet, **more})


def client(name: str, group: str = "activated", windows: str = DESKTOP, **more: t.Any) -> Json:
    """Return a client of the host that works, unless it is said where else it is sent."""
    return machine(name, group, windows, **{"key": "gvlk", "kms_machine": {"name": "work01.corp.example"}, **more})


def to(name: str, **more: t.Any) -> Json:
    """Return where a client is sent."""
    return {"kms_machine": {"name": name, **more}}


# What kind of machine, or what is wrong with it, in the words of tests/lab/model/README.md.
MACHINES: dict[str, Json] = {
    "a host to be": machine("new01", "deployed"),
    "a host that is one already, with another key": machine(
        "have01", "host_keyed", key=OTHER_HOST_KEY, licensed=True, firewall_exception=True
    ),
    "a host that listens elsewhere, publishes to a list and has low priority": machine(
        "port01",
        "read",
        key=HOST_KEY,
        licensed=True,
        listening_port=1689,
        publish_domains=["corp.example,10,20", "other.example"],
        low_priority=True,
    ),
    "a host on a MAK": machine("mak01", "host_keyed", key="LABMK-SERVE-LOUIE-51051-ROSE0", licensed=True),
    "a host whose firewall rules the policy overrides": machine(
        "policy01",
        "opened",
        registry=[
            {
                "key": r"SOFTWARE\Policies\Microsoft\WindowsFirewall\DomainProfile",
                "name": "AllowLocalPolicyMerge",
                "type": "REG_DWORD",
                "data": 0,
            }
        ],
    ),
    "a host without a way to Microsoft": machine("alone01", "activated", key=HOST_KEY, internet=False),
    "a host whose provider refuses the key": machine(
        "refuse01", "host_keyed", failing={"SoftwareLicensingService.InstallProductKey": 0xC004F050}
    ),
    "a host whose firewall namespace is closed": machine("nofw01", "opened", key=HOST_KEY, access_denied=["root/standardcimv2"]),
    "a host whose key is replaced, removed, and whose firewall is closed again": machine(
        "again01", "undone", key=OTHER_HOST_KEY, licensed=True, firewall_exception=True
    ),
    "a client that is licensed": client("done01", licensed=True),
    "a client that is licensed and renews": client("renew01", "renewed", licensed=True, activated_days_ago=100),
    "an evaluation": machine("eval01", "host_keyed", "server-2022-datacenter-evaluation"),
    "an older Windows as a host": machine("old01", "host_keyed", SERVER_2012),
    "a client of a host that works": client("plain01"),
    "a client on a MAK": machine("mak02", "converted", DESKTOP, key=MAK, licensed=True, virtual=False),
    "a client on a retail key": machine("retail01", "keyed", "windows-11-pro", key=RETAIL, licensed=True),
    "a client without a key": machine("nokey01", "keyed", DESKTOP),
    "a machine with its client key": machine("keyed01", "keyed", DESKTOP, key="gvlk"),
    "a guest of Hyper-V": machine("avma01", "keyed", "server-2022-standard", key=AVMA, licensed=True),
    "Home": machine("home01", "keyed", "windows-11-home", key=RETAIL, licensed=True),
    "two keyed Windows products": machine("both01", "keyed", "windows-10-enterprise", key="gvlk", also_keyed=[MAK]),
    "Office beside Windows": client("office01", "read", office="Office LTSC Professional Plus 2021", office_keyed=True),
    "a client of before the newer columns": client("old02", "read", "windows-8.1-enterprise"),
    "a server of before the newer columns": client("old03", "read", "server-2012-standard"),
    "a name of fifteen letters": client("client-with-15l", "read"),
    "a licensing service that stands still": client("still01", "read", sppsvc="stopped"),
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
    "an account that may not read the registry": client("denied02", "read", access_denied=["root/default"]),
    "a Windows in German": machine("de01", "keyed", DESKTOP, key=MAK, language=1031),
    "a Windows in Japanese": client("ja01", "read", language=1041),
    "a Windows in Chinese": client("zh01", "read", language=2052),
    "a client that is looked at": client(
        "seen01",
        "seen",
        domain="other.example",
        suffix_search_list=["empty.example"],
        events=[
            {"log": "Application", "id": 12288, "minutes_ago": 9, "strings": ["0x8007232B, 0x01000000, kms09.corp.example:1688"]},
            {"log": "Application", "id": 8198, "minutes_ago": 8, "strings": ["hr=0xC004F074", "RuleId=x"]},
            {"log": "Application", "id": 1040, "minutes_ago": 7, "strings": ["an installer"], "source": "MsiInstaller"},
            {
                "log": "Key Management Service",
                "id": 12290,
                "minutes_ago": 6,
                "strings": ["", "0x0", "5", "Gr\u00fc\u00dfe"],
                "source": "KmsRequests",
            },
        ],
    ),
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


HOST_KEYED = task("host_key", "host_key", key="{{ host_key }}")
KEYED = task("client_key", "client_key", convert_from=["mak"])
ACTIVATED = task("activate", "activate", accept_low_count=True)
OPENED = task("firewall_exception", "firewall_exception")
READ = task("activation_info", "activation_info")
TASKS: dict[str, list[Json]] = {
    # In this order: what the clients do to a host's count is over when the hosts are read.
    "activated": [ACTIVATED],
    "converted": [task("client_key in check mode", "client_key", check=True, convert_from=["mak"]), KEYED, ACTIVATED, READ],
    "keyed": [KEYED],
    "host_keyed": [HOST_KEYED],
    "deployed": [task("host_key in check mode", "host_key", check=True, key="{{ host_key }}"), HOST_KEYED, ACTIVATED, OPENED, READ],
    "opened": [OPENED, READ],
    "undone": [
        task("host_key replaced", "host_key", key="{{ host_key }}", replace=True),
        task("host_key removed", "host_key", state="absent"),
        task("firewall_exception off", "firewall_exception", state="disabled"),
    ],
    "renewed": [task("activate again", "activate", renew=True)],
    "read": [READ],
    "seen": [
        task("event_info", "event_info", log_state=False),
        task(
            "discovery_info", "discovery_info", endpoints=["nowhere.corp.example", {"host": "work01.corp.example", "port": 1690}], timeout=2
        ),
    ],
}
"""What is done to the machines of a group. A PowerShell run costs seconds, so a kind of machine meets the modules that it is about and no others."""

PLAYS: list[Json] = [{"hosts": group, "gather_facts": False, "tasks": tasks} for group, tasks in TASKS.items()]

DIFFERS: dict[str, str] = {
    "backend": "each names itself",
    "activation.collected_at": "the controller's own clock, read at another moment",
    "activation.machine.clock_offset_seconds": "the lab's clock stands still while the controller's goes on",
    "error.detail": "the words of WinRM's fault in one, those of the cmdlet's error in the other; both are texts for people, in the machine's language",
    "msg": "where a task failed it has error.detail in it; all else of the line is compared",
    "activation.products.expires_at": "grace_minutes, which is compared, counted from the controller's own clock",
    "activation.problems": "each line has an error's detail in it; how many there are and their codes are compared, in attention, too",
    "activation.problem_details.detail": "as error.detail",
    "backends": "a task over wsman needs the other backend for the machine's own view, and says so",
    "events.collected_at, events.since, discovery.collected_at": "the controller's own clock, read at another moment",
    "discovery.endpoints.address, .milliseconds": "each lab has a network of its own; how long it took is no fact of the machine",
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
        labs[backend].variables("all", {"host_key": HOST_KEY})
        return labs[backend].playbook([{**play, "vars": {"activation_kms_backend": backend}} for play in PLAYS])

    with concurrent.futures.ThreadPoolExecutor(2) as workers:
        return Both(*workers.map(run, ("wsman", "powershell")))


def failure(result: Json) -> bool:
    """Tell whether a task failed with an error of the machine's."""
    return "error" in result and "detail" in result["error"]


def codes(line: str) -> list[str]:
    """Return the codes in a line for people."""
    return ["access denied" if code in DENIED else code for code in re.findall(r"0x[0-9A-F]{8}", line)]


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
        problems = activation["problems"]
        result["attention"] = [codes(line) if line in problems else line for line in result["attention"]]
        activation["problems"] = [codes(line) for line in problems]
        for problem in activation.get("problem_details", []):
            problem.pop("detail")
            if problem["code"] in DENIED:
                problem |= {"code": "access denied", "symbol": "access denied"}
        for product in activation["products"]:
            product["expires_at"] = product["expires_at"] is not None
    result.pop("backends", None)
    for seen in (result.get("events"), result.get("discovery")):
        if seen:
            seen.pop("collected_at")
            seen.pop("since", None)
            for endpoint in seen.get("endpoints", []):
                endpoint["address"] = endpoint["address"] is not None
                endpoint.pop("milliseconds")
    return {"status": row.status, **result}


@pytest.mark.parametrize(("kind", "task_name"), [(kind, row["name"]) for kind, one in MACHINES.items() for row in TASKS[one["groups"][0]]])
def test_both_backends_tell_the_same_of(both: Both, kind: str, task_name: str) -> None:
    name = MACHINES[kind]["name"]
    over_wsman, over_powershell = both.wsman.one(name, task_name), both.powershell.one(name, task_name)
    assert (over_wsman.result.get("backend"), over_powershell.result.get("backend")) == ("wsman", "powershell")
    assert compared(over_powershell) == compared(over_wsman)


def test_the_comparison_had_something_to_compare(both: Both) -> None:
    """Changes, refusals, failures and facts of every kind were among the results: a suite that compares nothing would be green."""
    rows = both.wsman.results
    codes = {row.result["error"].get("code") for row in rows if failure(row.result)}
    assert {"0xC004F074", "0xC004F041", "0xC004F042", "0xC004F050", "0xC004F302", "0x80041003"} <= codes
    assert sum(row.changed and not row.result.get("failed") for row in rows) > 10
    assert sum("refused" in row.result.get("error", {}) for row in rows) > 5
    assert sum(bool(row.result.get("diff", {}).get("after")) for row in rows) > 10
    seen = {name: both.wsman.one(MACHINES["a client that is looked at"]["name"], name).result for name in ("event_info", "discovery_info")}
    assert [record["event_id"] for record in seen["event_info"]["events"]["records"]] == [12290, 8198, 12288]
    view = seen["discovery_info"]["discovery"]
    assert [domain["status"] for domain in view["domains"]] == ["found", "no_name"]
    assert {row["source"]: row["outcome"] for row in view["endpoints"]} == {"configured": "connected", "asked": "refused", "srv": "refused"}
    assert {row.result["outcome"] for row in rows if "outcome" in row.result} >= {"activated", "already_licensed", "count_too_low"}


def test_no_module_that_manages_windows_is_left_out() -> None:
    groups = yaml.safe_load((REPOSITORY / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    compared_ones = {name.removeprefix("activation.kms.") for rows in TASKS.values() for row in rows for name in row}
    assert set(groups["windows"]) <= compared_ones


def test_every_result_names_its_backend_a_failure_too(both: Both) -> None:
    failed = [row for row in (*both.wsman.results, *both.powershell.results) if row.status in ("failed", "ignored", "unreachable")]
    assert len(failed) > 30
    assert {row.result.get("backend") for row in failed} == {"wsman", "powershell"}
