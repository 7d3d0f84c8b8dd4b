# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""--check --diff of both playbooks: it changes nothing in the lab, and says what a real run then does."""

from __future__ import annotations

import dataclasses

import pytest

from tests.system.ansible_runs import Json, Lab, Run
from tests.system.conftest import StartLab

DEPLOY = ("activation.kms.deploy_host", {"kms_hosts": "kms_hosts"})
ACTIVATE = ("activation.kms.activate_clients", {"kms_clients": "clients_of_this_test"})
SERVERS = ["srv01", "srv02", "srv03", "srv04"]
CLIENTS = [*SERVERS, "pc01", "bare01", "retail01", "mak01"]
"""Servers and a desktop with their client key, a machine without a key, one to be moved from retail, and one whose MAK stays.

Their licensing service runs: reading alone starts a stopped one, on Windows as in the lab.
"""

KNOWN_AFTER = "(known after the change)"


@dataclasses.dataclass(frozen=True)
class Watched:
    """A run with the lab's whole state on both sides of it, and the writes that reached the machines meanwhile."""

    run: Run
    before: Json
    after: Json
    writes: list[Json]
    facts_written: bool


def whole_state(lab: Lab) -> Json:
    """Return everything that the lab tells about its machines and name servers."""
    return {"machines": lab.client.states(), "dns": lab.client.dns()}


def watch(lab: Lab, playbook: tuple[str, Json], *options: str) -> Watched:
    """Run a playbook with a facts file and watch the lab."""
    before, mark = whole_state(lab), lab.last_call()
    facts = lab.folder / "facts.jsonl"
    run = lab.playbook(playbook[0], *options, extra={**playbook[1], "kms_facts_path": str(facts)})
    written = facts.exists()
    facts.unlink(missing_ok=True)
    return Watched(run, before, whole_state(lab), lab.writes(after=mark), written)


@dataclasses.dataclass(frozen=True)
class Story:
    """Each playbook checked on a fresh lab and then run; the clients checked before there is a host, and once more with it."""

    lab: Lab
    check_deploy: Watched
    check_activate_without_host: Watched
    deploy: Watched
    check_activate: Watched
    check_deploy_again: Watched
    activate: Watched

    def checks(self) -> list[Watched]:
        """Every run in check mode."""
        return [self.check_deploy, self.check_activate_without_host, self.check_activate, self.check_deploy_again]


@pytest.fixture(scope="module")
def story(start_lab: StartLab) -> Story:
    lab = start_lab("small")
    lab.host_variables()
    (lab.folder / "more.yml").write_text(
        f"clients_of_this_test: {{hosts: {{{', '.join(f'{name}: ' for name in CLIENTS)}}}}}\n", encoding="utf-8"
    )
    lab.variables("host:retail01", {"kms_client_convert_from": ["retail"]})
    check, also = ("--check", "--diff"), ("-i", str(lab.folder / "more.yml"))
    return Story(
        lab,
        watch(lab, DEPLOY, *check),
        watch(lab, ACTIVATE, *also, *check, "-v"),
        watch(lab, DEPLOY, "--diff"),
        watch(lab, ACTIVATE, *also, *check),
        watch(lab, DEPLOY, *check),
        watch(lab, ACTIVATE, *also, "--diff"),
    )


def test_check_mode_leaves_every_machine_and_name_server_as_it_was(story: Story) -> None:
    for watched in story.checks():
        assert watched.after == watched.before


def test_the_same_comparison_sees_what_a_real_run_changes(story: Story) -> None:
    for watched in (story.deploy, story.activate):
        assert watched.after != watched.before
        assert watched.writes


def test_check_mode_sends_no_write_at_all(story: Story) -> None:
    assert [watched.writes for watched in story.checks()] == [[], [], [], []]


def test_check_mode_writes_no_facts_file(story: Story) -> None:
    assert [watched.facts_written for watched in story.checks()] == [False] * 4
    assert story.deploy.facts_written


def test_check_mode_of_a_new_host_does_not_fail_on_what_an_earlier_task_would_have_made(story: Story) -> None:
    run = story.check_deploy.run.succeed()
    assert run.recap["kms01"]["changed"] == 3
    would = {row.task: row.result["would"] for row in run.of("kms01") if row.result.get("would")}
    assert would == {
        "Install the KMS host key": ["install the KMS host key ending in 0A1Z5"],
        "Activate the KMS host": [
            "activate the kms_host product, once it has its key",
            "restart the licensing service (sppsvc), so that the host publishes its SRV record",
        ],
        "Open the firewall exception": ["enable the firewall rule SPPSVC-In-TCP"],
    }


def test_check_mode_shows_on_the_terminal_what_would_change(story: Story) -> None:
    shown = story.check_deploy.run.stdout
    for line in (
        '+    "channel": "kms_host"',
        '+    "partial_key": "0A1Z5"',
        '-    "SPPSVC-In-TCP": "disabled"',
        '+    "SPPSVC-In-TCP": "enabled"',
    ):
        assert line in shown
    clients = story.check_activate_without_host.run.stdout
    for line in ('-    "channel": "retail"', '+    "channel": "kms_client"', '-    "license_status": "oob_grace"'):
        assert line in clients
    # The would lines are part of the result, which the terminal shows with -v.
    assert "have Windows(R), ServerStandard edition (kms_client, key ...VMK7H) activated by a KMS host" in clients


def test_check_mode_names_the_gates_it_skips(story: Story) -> None:
    run = story.check_deploy.run
    (told,) = run.of("kms01", "Gates that check mode skips", status="ok")
    for gate in ("the licensing service runs", "the SRV record is on every authoritative server", "the KMS port answers"):
        assert gate in told.msg
        assert gate in run.stdout
    assert "is ready" not in run.stdout
    assert not run.of(action="srv_info")
    assert not run.of(action="wait_for")


@pytest.mark.parametrize("phase", ["check_activate_without_host", "check_activate"])
def test_check_mode_of_clients_says_who_gets_a_key_who_is_activated_and_who_is_refused(story: Story, phase: str) -> None:
    run: Run = getattr(story, phase).run
    run.fail()
    assert {host for host, row in run.recap.items() if row["failures"]} == {"mak01"}
    assert "convert_from: [mak]" in run.one("mak01", action="client_key").msg
    keys = {row.host: bool(row.result["would"]) for row in run.of(action="client_key", status="ok")}
    assert keys == dict.fromkeys([*SERVERS, "pc01"], False) | {"bare01": True, "retail01": True}
    asked = {row.host: row.result["outcome"] for row in run.of(action="activate", task="Ask for activation")}
    # What retail01 has is licensed, and no client key yet: the client product that an earlier task would have made is what would be activated.
    assert asked == dict.fromkeys([*SERVERS, "pc01", "bare01", "retail01"], "would_activate")
    assert all(row.changed and row.result["would"] for row in run.of(action="activate", task="Ask for activation"))


def test_check_mode_of_a_deployed_host_says_that_nothing_would_change(story: Story) -> None:
    run = story.check_deploy_again.run.succeed()
    assert run.recap["kms01"]["changed"] == 0
    assert not [row for row in run.of("kms01") if row.result.get("would")]


def test_the_diff_of_check_mode_is_that_of_the_real_run_but_for_what_only_windows_knows(story: Story) -> None:
    for checked, real in ((story.check_deploy.run, story.deploy.run), (story.check_activate.run, story.activate.run)):
        compared = 0
        for row in checked.of():
            if not row.changed or not isinstance(row.result.get("diff"), dict) or row.result["diff"]["before"].get("product", "") is None:
                # Without a product yet, an earlier task's work is missing from this task's picture.
                continue
            twin = real.one(row.host, row.task)
            assert row.result["diff"]["before"] == twin.result["diff"]["before"], (row.host, row.task)
            for name, value in row.result["diff"]["after"].items():
                if value != KNOWN_AFTER:
                    assert twin.result["diff"]["after"][name] == value, (row.host, row.task, name)
            compared += 1
        assert compared


def test_what_check_mode_calls_changed_is_what_a_real_run_changes(story: Story) -> None:
    for checked, real in ((story.check_deploy.run, story.deploy.run), (story.check_activate.run, story.activate.run)):
        # One of the desktops is refused for the count in the real run: what would come of asking, check mode cannot know.
        hosts = [host for host in real.recap if not real.recap[host]["failures"]]
        assert {host: checked.recap[host]["changed"] for host in hosts} == {host: real.recap[host]["changed"] for host in hosts}
