# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy_host and activate_clients, run by a real ansible-playbook; what they did is read from the lab, not from the modules."""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
import typing as t

import pytest
import yaml

from tests.system.ansible_runs import REPOSITORY, Json, Lab, Run
from tests.system.conftest import StartLab

DEPLOY = "activation.kms.deploy_host"
ACTIVATE = "activation.kms.activate_clients"
PLAYBOOKS = {DEPLOY: "kms_hosts", ACTIVATE: "kms_clients"}

SRV_TASK = "The SRV record is on the resolver and on every authoritative server"
PUBLISH_TASK = "Have a host publish itself that has not done so"
PORT_TASK = "The KMS port answers at every address of the SRV record"
READY_TASK = "The KMS host is ready"
AGAIN_TASK = "Ask for activation again"

CLIENTS, SERVERS = 37, 7
"""Machines of the demo estate in the group kms_clients, and those of them that run Windows Server."""

SERVER_MINIMUM, CLIENT_MINIMUM = 5, 25
"""Count from which a KMS host activates Windows Server, and client Windows (Microsoft: Learn, kms-activation-planning)."""

ENOUGH = "37 machines counted; enough for Windows Server and Office (5) and for Windows clients (25); the count stops at 50"


@dataclasses.dataclass(frozen=True)
class Story:
    """The demo estate, played through once; each step's output and what the machines were asked during it."""

    lab: Lab
    refused_mak: Run
    after_refusal: list[Json]
    deploy: Run
    host_after_deploy: Json
    records_after_deploy: dict[str, list[str]]
    deploy_calls: list[Json]
    activate: Run
    activate_calls: list[Json]
    again: tuple[Run, Run]
    again_writes: list[Json]

    @property
    def clients(self) -> list[str]:
        """Names of the machines of the group kms_clients."""
        return [row["name"] for row in self.lab.client.machines() if "kms_clients" in row["groups"]]

    def is_desktop(self, machine: str) -> bool:
        """Whether a machine runs a client Windows."""
        return bool(self.lab.client.state(machine)["windows"]["kind"] == "client")

    def asked(self, machine: str) -> int:
        """How often a machine was told to activate in the first run of activate_clients."""
        return sum(call["machine"] == machine and call["method"] == "Activate" for call in self.activate_calls)


@pytest.fixture(scope="module")
def story(start_lab: StartLab) -> Story:
    lab = start_lab("demo")
    lab.host_variables()
    refused_mak = lab.playbook(ACTIVATE, extra={"kms_clients": "mak_clients"})
    after_refusal = lab.writes()
    lab.variables("mak_clients", {"kms_client_convert_from": ["mak"]})
    mark = lab.last_call()
    facts = {"kms_facts_path": str(lab.folder / "facts.jsonl")}
    deploy = lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts", **facts})
    host, records = lab.client.state("kms01"), {server: lab.srv_records(server) for server in lab.client.name_servers}
    deploy_calls, mark = lab.calls(after=mark), lab.last_call()
    activate = lab.playbook(ACTIVATE, extra={"kms_clients": "kms_clients", **facts})
    activate_calls, mark = lab.calls(after=mark), lab.last_call()
    again = (lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}), lab.playbook(ACTIVATE, extra={"kms_clients": "kms_clients"}))
    return Story(
        lab, refused_mak, after_refusal, deploy, host, records, deploy_calls, activate, activate_calls, again, lab.writes(after=mark)
    )


# The host


def test_deploy_host_makes_a_licensed_host_that_counts_nobody_yet(story: Story) -> None:
    story.deploy.succeed()
    (product,) = story.host_after_deploy["products"]
    assert (product["role"], product["partial_key"], product["license_status"]) == ("kms_host", story.lab.keys("kms_host")[0][-5:], 1)
    assert (product["host"]["count"], product["activations_used"]) == (0, 1)
    assert (story.host_after_deploy["sppsvc"], story.host_after_deploy["listening"]) == ("Running", 1688)


def test_deploy_host_enables_the_kms_rule_and_no_other(story: Story) -> None:
    fresh = {"SPPSVC-In-TCP": False, "WINRM-HTTP-In-TCP": True, "FPS-ICMP4-ERQ-In": False, "RemoteDesktop-UserMode-In-TCP": False}
    rules = story.host_after_deploy["firewall"]
    assert {name: rules[name] for name in fresh} == fresh | {"SPPSVC-In-TCP": True}


def test_deploy_host_restarts_the_licensing_service_exactly_once(story: Story) -> None:
    methods = collections.Counter(call["method"] for call in story.deploy_calls if call["cim_class"] == "Win32_Service")
    assert (methods["StopService"], methods["StartService"]) == (1, 1)
    assert story.deploy.one("kms01", action="activate", task="Activate the KMS host").result["restarted"] is True
    # 900: the service starts (decoded records of public event log samples).
    assert [event["id"] for event in story.host_after_deploy["events"]].count(900) == 1


def test_deploy_host_has_the_srv_record_on_every_name_server(story: Story) -> None:
    assert story.records_after_deploy == {server: ["0 0 1688 kms01.corp.example."] for server in ("ns1", "ns2")}


def test_deploy_host_writes_each_thing_once(story: Story) -> None:
    written = collections.Counter((call["cim_class"], call["method"]) for call in story.deploy_calls if call in story.lab.writes())
    assert written == {
        ("SoftwareLicensingService", "InstallProductKey"): 1,
        ("SoftwareLicensingProduct", "Activate"): 1,
        ("SoftwareLicensingService", "RefreshLicenseStatus"): 2,
        ("Win32_Service", "StopService"): 1,
        ("Win32_Service", "StartService"): 1,
        ("MSFT_NetFirewallRule", "Enable"): 1,
    }


def test_deploy_host_calls_the_host_ready_after_every_proof_and_not_before(story: Story) -> None:
    order = [row.task for row in story.deploy.of("kms01")]
    assert order.index(SRV_TASK) < order.index(PORT_TASK) < order.index(READY_TASK)
    assert story.deploy.one("kms01", SRV_TASK).result["proven"] is True
    (reached,) = story.deploy.one("kms01", PORT_TASK).result["results"]
    assert (reached["item"], reached["port"]) == (story.lab.client.address("kms01"), 1688)
    assert "kms01 is ready: kms01.corp.example port 1688, count: 0 machines counted" in story.deploy.stdout


def test_deploy_host_and_activate_clients_start_no_program_on_any_machine(story: Story) -> None:
    operations = {call["operation"] for call in (*story.deploy_calls, *story.activate_calls)}
    assert "Invoke" in operations
    assert not operations & {"Command", "Send", "Receive"}


# The clients


def test_activate_clients_refuses_a_mak_that_nobody_named_and_changes_nothing(story: Story) -> None:
    story.refused_mak.fail()
    refused = story.refused_mak.of(action="client_key", status="failed")
    assert sorted(row.host for row in refused) == ["cad01", "lap01", "lap02"]
    for row in refused:
        assert "converts it from the channel mak" in row.msg
        assert "convert_from: [mak]" in row.msg
    assert story.after_refusal == []
    assert not story.refused_mak.of(action="activate"), "a machine that keeps its MAK must not be activated again"


def test_activate_clients_ends_with_every_client_licensed_by_kms(story: Story) -> None:
    story.activate.succeed()
    assert len(story.clients) == CLIENTS
    products = {name: story.lab.product(name) for name in story.clients}
    assert {name: product["role"] for name, product in products.items()} == dict.fromkeys(story.clients, "kms_client")
    assert {name: product["license_status"] for name, product in products.items()} == dict.fromkeys(story.clients, 1)


def test_activate_clients_serves_servers_and_desktops_of_many_editions_in_one_run(story: Story) -> None:
    desktops = [name for name in story.clients if story.is_desktop(name)]
    assert len(story.clients) - len(desktops) == SERVERS >= SERVER_MINIMUM
    assert len(desktops) >= CLIENT_MINIMUM
    assert len({story.lab.client.state(name)["windows"]["edition_id"] for name in story.clients}) >= 5


def test_activate_clients_converts_the_mak_machines_that_are_named(story: Story) -> None:
    for name in ("lap01", "lap02", "cad01"):
        assert story.activate.one(name, action="client_key").result["converted_from"] == "mak"
        keys = [call for call in story.activate_calls if call["machine"] == name and call["method"] == "InstallProductKey"]
        assert len(keys) == 1
        assert story.lab.product(name)["partial_key"] == keys[0]["arguments"]["ProductKey"][-5:]
    installed = {call["machine"] for call in story.activate_calls if call["method"] == "InstallProductKey"}
    assert installed == {"lap01", "lap02", "cad01"}, "the others had their key already"


def test_who_was_refused_for_the_count_is_asked_a_second_time_and_nobody_a_third(story: Story) -> None:
    first = {row.host: row.result["outcome"] for row in story.activate.of(action="activate", task="Ask for activation")}
    refused = {name for name, outcome in first.items() if outcome == "count_too_low"}
    assert set(first) == set(story.clients)
    # The servers stand behind the desktops in the inventory; with ten forks one of them may overtake a desktop and fill the count before it.
    assert all(story.is_desktop(name) for name in refused)
    assert CLIENT_MINIMUM - 1 - SERVERS <= len(refused) <= CLIENT_MINIMUM - 1
    assert {name: story.asked(name) for name in story.clients} == {name: 2 if name in refused else 1 for name in story.clients}
    assert {row.host for row in story.activate.of(task=AGAIN_TASK, status="ok")} == refused


def test_activate_clients_does_not_wait_for_the_count(story: Story) -> None:
    plays = yaml.safe_load((REPOSITORY / "playbooks" / "activate_clients.yml").read_text(encoding="utf-8"))
    role = yaml.safe_load((REPOSITORY / "roles" / "kms_client" / "tasks" / "main.yml").read_text(encoding="utf-8"))
    blocks = [task for play in plays for task in play.get("tasks", [])]
    tasks = [*role, *blocks, *(task for block in blocks for part in ("block", "rescue", "always") for task in block.get(part, []))]
    assert {task["name"] for task in tasks} >= {AGAIN_TASK, "Ask for activation", "Install the KMS client key"}
    assert not [task for task in tasks if {"until", "retries", "delay", "ansible.builtin.pause", "ansible.builtin.wait_for"} & set(task)]
    assert not [row for row in story.activate.results if row.status == "retry"]


def test_the_host_counts_each_client_once_and_says_what_the_count_means(story: Story) -> None:
    counted = story.lab.product("kms01")["host"]
    assert sorted(counted["cmids"]) == sorted(story.lab.client.state(name)["cmid"] for name in story.clients)
    # Every request adds to the total, a second one of the same machine, too; the count does not grow with it.
    assert (counted["count"], counted["total"]) == (CLIENTS, sum(story.asked(name) for name in story.clients))
    assert counted["total"] > CLIENTS
    told = story.lab.module("kms01", "activation_info").result["activation"]["host"]
    assert (told["count"], told["requests"]["total"]) == (CLIENTS, counted["total"])
    assert told["count_explained"] == ENOUGH


def test_both_playbooks_add_one_line_of_facts_for_each_machine_when_all_is_done(story: Story) -> None:
    rows = [json.loads(line) for line in (story.lab.folder / "facts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(row["inventory_hostname"] for row in rows) == sorted(["kms01", *story.clients])
    assert {row["inventory_hostname"] for row in rows if not row["answers"]["activated"]} == set()


def host_with_servers(start_lab: StartLab, count: int, remembered: int, **switches: t.Any) -> Lab:
    """Start an estate whose host is deployed already and remembers so many clients, with so many servers."""
    key = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
    host = {"windows": "server-2022-datacenter", "key": key, "licensed": True, "firewall_exception": True, "remembered_clients": remembered}
    return start_lab(
        {
            "estate": {"domain": "corp.example", "new_host_count": 0, "name_servers": ["ns1"]},
            "keys": [{"key": key, "channel": "kms_host", "csvlk": "Windows Server 2022"}],
            "machines": [
                {"name": "kms01", "groups": ["kms_hosts"], **host},
                {"name": "srv", "count": count, "windows": "server-2022-standard", "groups": ["kms_clients"], "key": "gvlk", **switches},
            ],
        }
    )


def test_the_count_stops_at_fifty_and_activates_those_beyond_it(start_lab: StartLab) -> None:
    lab = host_with_servers(start_lab, 3, remembered=49)
    lab.playbook(ACTIVATE, extra={"kms_clients": "kms_clients"}).succeed()
    assert [lab.licensed(name) for name in ("srv01", "srv02", "srv03")] == [True] * 3
    assert lab.product("kms01")["host"]["count"] == 50
    assert lab.module("kms01", "activation_info").result["activation"]["host"]["count"] == 50


def test_machines_that_share_a_cmid_count_as_one_and_the_error_says_what_to_look_at(start_lab: StartLab) -> None:
    lab = host_with_servers(start_lab, 6, remembered=0, cmid="11111111-2222-4333-8444-555555555555")
    run = lab.playbook(ACTIVATE, extra={"kms_clients": "kms_clients"}).fail()
    assert lab.product("kms01")["host"]["count"] == 1
    failed = run.of(task=AGAIN_TASK, status="failed")
    assert len(failed) == 6
    assert all("CMID" in row.msg for row in failed)


# Again


def test_a_second_run_of_both_playbooks_changes_nothing_on_any_host(story: Story) -> None:
    for run in story.again:
        run.succeed()
        assert {host: row["changed"] for host, row in run.recap.items()} == dict.fromkeys(run.recap, 0)
    assert set(story.again[0].recap) >= {"kms01"}
    assert set(story.again[1].recap) >= set(story.clients)


def test_a_second_run_of_both_playbooks_sends_no_write_at_all(story: Story) -> None:
    assert story.again_writes == []


def test_a_second_run_still_proves_the_host(story: Story) -> None:
    assert story.again[0].one("kms01", SRV_TASK).result["proven"] is True
    assert "kms01 is ready" in story.again[0].stdout
    assert ENOUGH in story.again[0].one("kms01", READY_TASK).msg


# What keeps a host from being called ready


def test_a_host_whose_record_is_missing_on_one_server_is_not_ready_nor_restarted_until_it_is_there(fresh_small: Lab) -> None:
    lab = fresh_small
    lab.host_variables(kms_host_srv_attempts=2, kms_host_srv_delay=0)
    lab.client.make_stale("ns2")
    run = lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).fail()
    assert (lab.srv_records("ns1"), lab.srv_records("ns2")) == (["0 0 1688 kms01.corp.example."], [])
    failed = run.one("kms01", SRV_TASK)
    assert failed.status == "failed"
    assert failed.result["attempts"] == 2
    address = lab.client.name_servers["ns2"]
    assert f"has no record for kms01.corp.example:1688 according to ns2.corp.example ({address})" in failed.msg
    assert "ns1.corp.example" not in failed.msg.partition("The authoritative servers differ")[0]
    assert failed.msg in run.output, "the text is shown, not only returned"
    assert "is ready" not in run.output
    assert not run.of("kms01", READY_TASK)

    mark = lab.last_call()
    lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).fail()
    assert lab.writes(after=mark) == []

    lab.client.make_stale("ns2", False)
    mark = lab.last_call()
    later = lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).succeed()
    assert "kms01 is ready" in later.output
    assert (later.recap["kms01"]["changed"], lab.writes(after=mark)) == (0, [])


def test_a_licensed_host_that_never_published_is_made_to_once(start_lab: StartLab) -> None:
    # As Windows leaves it that activated the key by itself before any task did, or a run that was cut off after the activation.
    lab = host_with_servers(start_lab, 1, remembered=0)
    lab.host_variables()
    lab.client.remove_record("_vlmcs._tcp", "SRV")
    mark = lab.last_call()
    run = lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).succeed()
    assert lab.srv_records("ns1") == ["0 0 1688 kms01.corp.example."]
    assert [call["method"] for call in lab.writes(after=mark)] == ["StopService", "StartService"]
    assert run.one("kms01", PUBLISH_TASK).result["restarted"] is True
    assert "kms01 is ready" in run.stdout
    again = lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).succeed()
    assert again.recap["kms01"]["changed"] == 0


def test_a_host_that_does_not_publish_itself_is_not_ready(fresh_small: Lab) -> None:
    lab = fresh_small
    lab.host_variables(kms_host_srv_attempts=1, kms_host_srv_delay=0)
    lab.client.change("kms01", dns_publishing=False)
    run = lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).fail()
    assert [lab.srv_records(server) for server in lab.client.name_servers] == [[], []]
    failed = run.one("kms01", SRV_TASK)
    assert failed.status == "failed"
    assert "_vlmcs._tcp.corp.example" in failed.msg
    assert "kms01.corp.example:1688" in failed.msg
    assert "is ready" not in run.output


def test_a_host_behind_a_closed_firewall_is_not_ready(fresh_small: Lab) -> None:
    lab = fresh_small
    lab.host_variables(kms_host_firewall=False, kms_host_endpoint_timeout=1)
    run = lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).fail()
    assert lab.client.state("kms01")["firewall"]["SPPSVC-In-TCP"] is False
    assert run.one("kms01", SRV_TASK).result["proven"] is True
    failed = run.one("kms01", PORT_TASK)
    assert failed.status == "failed"
    (item,) = failed.result["results"]
    assert f"kms01 does not answer on {lab.client.address('kms01')} port 1688" in item["msg"]
    assert "firewall" in item["msg"].partition("Next:")[2]
    assert item["msg"] in run.output
    assert "is ready" not in run.output


@pytest.fixture(scope="module")
def deployed(start_lab: StartLab) -> Lab:
    """The estate small.yml with its host deployed: for tests that put back what they change of the name servers."""
    lab = start_lab("small")
    lab.host_variables(kms_host_srv_attempts=1, kms_host_srv_delay=0)
    lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).succeed()
    return lab


@pytest.mark.parametrize("mode", ["silent", "servfail"])
def test_a_host_is_not_restarted_when_no_name_server_could_be_asked(deployed: Lab, mode: str) -> None:
    mark = deployed.last_call()
    deployed.client.dns_mode(mode)
    try:
        run = deployed.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).fail()
    finally:
        deployed.client.dns_mode("answer")
    assert deployed.writes(after=mark) == []
    assert "is ready" not in run.output


def test_a_host_without_a_dns_suffix_is_refused_before_an_activation_is_spent(start_lab: StartLab) -> None:
    key = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
    lab = start_lab(
        {
            "estate": {"domain": "corp.example", "name_servers": ["ns1"]},
            "keys": [{"key": key, "channel": "kms_host", "csvlk": "Windows Server 2022"}],
            "machines": [{"name": "alone", "groups": ["kms_hosts"], "windows": "server-2022-datacenter", "domain": None}],
        }
    )
    lab.host_variables()
    run = lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).fail()
    assert "no primary DNS suffix" in run.output
    assert lab.writes() == []


def test_a_host_whose_name_has_no_address_is_not_ready(deployed: Lab) -> None:
    deployed.client.remove_record("kms01", "A")
    try:
        run = deployed.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).fail()
    finally:
        deployed.client.add_record("kms01", "A", deployed.client.address("kms01"))
    assert "the resolver has no address for that name" in run.output
    assert "is ready" not in run.output


def test_a_host_with_a_name_longer_than_netbios_allows_is_found_by_its_dns_name(start_lab: StartLab) -> None:
    key = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
    name = "kms-headquarters-01"
    lab = start_lab(
        {
            "estate": {"domain": "corp.example", "name_servers": ["ns1"]},
            "keys": [{"key": key, "channel": "kms_host", "csvlk": "Windows Server 2022"}],
            "machines": [{"name": name, "groups": ["kms_hosts"], "windows": "server-2022-datacenter"}],
        }
    )
    lab.host_variables()
    run = lab.playbook(DEPLOY, extra={"kms_hosts": "kms_hosts"}).succeed()
    assert f"{name} is ready: {name}.corp.example port 1688" in run.stdout
    assert lab.module(name, "activation_info").result["activation"]["machine"]["name"] == "KMS-HEADQUARTER"


def test_who_cannot_be_served_fails_alone_after_being_asked_twice_and_its_facts_are_collected_too(deployed: Lab) -> None:
    # Seven servers reach their 5; with two desktops nobody reaches 25; a MAK that nobody named stays.
    lab, mark = deployed, deployed.last_call()
    path = lab.folder / "refused.jsonl"
    run = lab.playbook(ACTIVATE, extra={"kms_clients": "kms_clients:mak_clients", "kms_facts_path": str(path)}).fail()
    servers = [f"srv{number:02}" for number in range(1, 8)]
    assert {name: lab.licensed(name) for name in servers} == dict.fromkeys(servers, True)
    assert {name: lab.licensed(name) for name in ("pc01", "pc02")} == {"pc01": False, "pc02": False}
    assert (lab.product("mak01")["role"], lab.licensed("mak01")) == ("mak", True)
    asked = collections.Counter(call["machine"] for call in lab.writes(after=mark) if call["method"] == "Activate")
    # The first four to come were refused, servers or desktops, whichever fork was first.
    first = {row.host: row.result["outcome"] for row in run.of(action="activate", task="Ask for activation")}
    assert asked == {name: 2 if outcome == "count_too_low" else 1 for name, outcome in first.items()}
    assert set(first) == {*servers, "pc01", "pc02"}
    for name in ("pc01", "pc02"):
        failed = run.one(name, AGAIN_TASK)
        assert (failed.status, failed.result["error"]["code"]) == ("failed", "0xC004F038")
        assert "count" in failed.msg
    assert {host for host, row in run.recap.items() if row["failures"]} == {"pc01", "pc02", "mak01"}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert sorted(row["inventory_hostname"] for row in rows) == sorted([*servers, "pc01", "pc02", "mak01"])
    assert {row["inventory_hostname"] for row in rows if not row["answers"]["activated"]} == {"pc01", "pc02"}
    assert lab.product("kms01")["host"]["count"] == 9


# Where to


@pytest.mark.parametrize(("playbook", "variable"), PLAYBOOKS.items())
@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param([], "Say which machines: -e {0}=GROUP", id="left_out"),
        pytest.param(["-e", "{0}="], "Say which machines: -e {0}=GROUP", id="empty"),
        pytest.param(["-e", "{0}=no_such_group"], "matches {0}=no_such_group", id="matching_nothing"),
        pytest.param(["--limit", "srv01"], "Say which machines: -e {0}=GROUP", id="left_out_beside_a_limit"),
        pytest.param(["--limit", "srv01", "-e", "{0}=no_such_group"], "matches {0}=no_such_group", id="matching_nothing_beside_a_limit"),
        pytest.param(["--limit", "mak01", "-e", "{0}={0}"], "matches {0}={0}", id="outside_the_limit"),
    ],
)
def test_a_run_that_does_not_say_where_is_a_clear_error_before_anything_is_touched(
    small_lab: Lab, playbook: str, variable: str, options: list[str], text: str
) -> None:
    mark = small_lab.last_call()
    run = small_lab.playbook(playbook, *(option.format(variable) for option in options)).fail()
    assert text.format(variable) in run.output
    assert small_lab.calls(after=mark) == []


def test_a_limit_narrows_what_was_named(small_lab: Lab) -> None:
    mark = small_lab.last_call()
    run = small_lab.playbook(ACTIVATE, "--check", "--limit", "srv02", "-e", "kms_clients=servers").succeed()
    assert {call["machine"] for call in small_lab.calls(after=mark)} == {"srv02"}
    assert run.of("srv02", action="activate", task="Ask for activation")


# No facts


def test_no_play_of_ours_gathers_facts() -> None:
    plays: list[tuple[pathlib.Path, t.Any]] = []
    for path in sorted((REPOSITORY / "playbooks").glob("*.yml")):
        plays += [(path, play) for play in yaml.safe_load(path.read_text(encoding="utf-8")) if "hosts" in play]
    assert len(plays) >= 4
    assert [path.name for path, play in plays if play.get("gather_facts") is not False] == []
