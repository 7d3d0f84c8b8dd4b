# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""troubleshoot, support_bundle and explain on the story of Microsoft's guide: whichever way it is told, the firewall of the host is the cause.

What the client sees itself is a PowerShell run, which costs seconds, so each playbook runs once and is looked at from all sides.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import stat
import zipfile

import pytest

from tests.system import needles
from tests.system.ansible_runs import Json, Lab, Run
from tests.system.conftest import StartLab

FIREWALL = "host_firewall_exception_off"
FOLLOWS = {"client_host_not_reached", "client_not_activated", "host_port_closed"}
ANSWER = "The firewall exception for KMS of"

COLLECTED = {"kms_client": "pc01", "kms_host": "kms01"}

pytestmark = pytest.mark.powershell


@dataclasses.dataclass(frozen=True)
class Story:
    """The estate guide_story.yml after its client asked once; a bundle of both ends, redacted, and what the playbooks said."""

    lab: Lab
    asked: Run
    bundle: Run
    path: pathlib.Path
    explained: Run
    troubleshoot: Run
    writes: list[Json]


@pytest.fixture(scope="module")
def story(start_lab: StartLab) -> Story:
    lab = start_lab("guide_story")
    asked = lab.adhoc("pc01", "activation.kms.activate", {"role": "kms_client"})
    mark = lab.last_call()
    servers, port = list(lab.client.name_servers.values()), lab.client.dns_port
    path = lab.folder / "story.zip"
    bundled = {
        "kms_support_bundle_path": str(path),
        "kms_support_bundle_redact": True,
        "kms_support_bundle_name_servers": servers,
        "kms_support_bundle_dns_port": port,
    }
    bundle = lab.playbook("activation.kms.support_bundle", extra=COLLECTED | bundled)
    explained = lab.playbook("activation.kms.explain", extra={"kms_bundle": str(path)})
    # A second host that nobody answers for: the answer is the same, and what is missing is said.
    gone = lab.folder / "gone.yml"
    gone.write_text(
        "all: {hosts: {kms09: {ansible_connection: winrm, ansible_host: 127.0.0.1, ansible_port: 9, ansible_user: x, ansible_password: x}}}\n",
        encoding="utf-8",
    )
    known = {
        "kms_name_servers": servers,
        "kms_dns_port": port,
        "kms_approved_hosts": ["kms01"],
        "kms_host": "kms01,kms09",
        "kms_client": "pc01",
    }
    troubleshoot = lab.playbook("activation.kms.troubleshoot", "-i", str(gone), extra=known)
    return Story(lab, asked, bundle, path, explained, troubleshoot, lab.writes(after=mark))


def diagnosis(run: Run) -> Json:
    (row,) = run.succeed().of(action="diagnose")
    return row.result["diagnosis"]  # type: ignore[no-any-return]


def test_the_client_asked_in_vain_and_the_host_never_heard_of_it(story: Story) -> None:
    assert "0xC004F074" in story.asked.fail().output
    ids = {name: [event["id"] for event in story.lab.client.state(name)["events"]] for name in ("pc01", "kms01")}
    assert ids["pc01"] == [12288]
    assert 12290 not in ids["kms01"]


def test_troubleshoot_names_the_firewall_and_folds_what_follows_under_it(story: Story) -> None:
    first = diagnosis(story.troubleshoot)["findings"][0]
    assert (first["id"], first["subject"]) == (FIREWALL, "kms01")
    assert {consequence["id"] for consequence in first["consequences"]} >= FOLLOWS
    assert [row["outcome"] for row in diagnosis(story.troubleshoot)["attempts"]["pc01"]] == ["host_not_reached"]
    # The way by which Ansible comes to a host is not the one of its clients: that nobody answers there proves nothing.
    assert "TCP kms01:1688" not in json.dumps(first)


def test_the_answer_is_printed_as_text_once_and_not_as_a_list_of_quoted_lines(story: Story) -> None:
    lines = story.troubleshoot.stdout.splitlines()
    report = story.troubleshoot.one(action="diagnose").result["report"]
    begin = lines.index(report[0])
    assert lines[begin : begin + len(report)] == report
    assert report[0].startswith(f"{ANSWER} kms01 is there and switched off")
    assert "    Get-NetFirewallRule -Name SPPSVC-In-TCP* | Enable-NetFirewallRule" in lines
    assert any(line.split()[2:] == ["kms01:1688", "first", "host", "not", "reached", "?", "25", "0x800706BA"] for line in lines)


def test_a_machine_that_can_not_be_reached_stops_nobody_and_is_told(story: Story) -> None:
    assert story.troubleshoot.recap["kms09"]["failures"] == 0
    text = json.dumps(diagnosis(story.troubleshoot))
    assert "kms09 could not be reached" in text
    assert "evidence_incomplete" in text


def test_the_bundle_is_for_its_owner_alone_and_has_both_ends(story: Story) -> None:
    written = story.bundle.succeed().one(action="support_bundle").result
    assert stat.S_IMODE(story.path.stat().st_mode) == 0o600
    with zipfile.ZipFile(story.path) as archive:
        names = archive.namelist()
        facts = [json.loads(line) for line in archive.read("facts.jsonl").decode().splitlines()]
    assert sorted(written["files"]) == sorted(names)
    assert {row["host"]["is_kms_host"]: [state["complete"] for state in row["events"]["logs"]] for row in facts} == {
        False: [True, True],
        True: [True, True],
    }
    assert {row["inventory_hostname"] for row in facts} == {"kms-host-1", "machine-1"}


def test_nobody_is_named_in_the_redacted_bundle(story: Story) -> None:
    machines = {name: story.lab.client.state(name) for name in ("pc01", "kms01")}
    originals = {"pc01", "kms01", "corp.example", "ns1", *(str(state["cmid"]).lower() for state in machines.values())}
    originals |= {row["address"] for row in story.lab.client.machines()} | set(story.lab.client.name_servers.values())
    with zipfile.ZipFile(story.path) as archive:
        for name in archive.namelist():
            text = f"{name}\n{archive.read(name).decode()}".lower()
            assert [original for original in originals if original in text] == [], name


def test_explain_names_the_firewall_by_the_redacted_bundle_alone(story: Story) -> None:
    first = diagnosis(story.explained)["findings"][0]
    assert (first["id"], first["subject"]) == (FIREWALL, "kms-host-1")
    assert {consequence["id"] for consequence in first["consequences"]} >= FOLLOWS
    assert f"{ANSWER} kms-host-1 is there and switched off" in story.explained.stdout.replace("\n", " ")


def test_nothing_was_written_to_any_machine_and_no_key_to_any_file(story: Story) -> None:
    assert story.writes == []
    keys = story.lab.keys("kms_host")
    estate_files = {story.lab.folder.parent / "estate.yml"}
    texts = needles.texts_below(story.lab.folder, but=estate_files)
    with zipfile.ZipFile(story.path) as archive:
        texts |= {name: archive.read(name).decode() for name in archive.namelist()}
    texts |= {str(number): run.output for number, run in enumerate((story.bundle, story.explained, story.troubleshoot))}
    assert {name for name, text in texts.items() if needles.found(keys, text)} == set()


def test_a_run_that_does_not_say_what_is_a_clear_error(story: Story) -> None:
    mark = story.lab.last_call()
    no_host = story.lab.playbook("activation.kms.troubleshoot", extra={"kms_client": "pc01"}).fail()
    assert "Say which machines: -e kms_host=GROUP" in no_host.output
    assert story.lab.calls(after=mark) == []
    nothing = story.lab.playbook("activation.kms.explain").fail()
    assert "Say what is to be explained: -e kms_bundle=FILE.zip" in nothing.output
