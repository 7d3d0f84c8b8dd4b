# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""facts_path of activation_info: one JSON line for each machine, by many forks at once."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import stat
import typing as t

import pytest

from tests.system.ansible_runs import Json, Lab, Run
from tests.system.conftest import StartLab

MISSING_FOLDER, FOLDER = "nowhere/facts.jsonl", "runs"
INFO = "activation.kms.activation_info"


@dataclasses.dataclass(frozen=True)
class Story:
    """Thirty-eight machines, all of them read at once, and then one by one in every way."""

    lab: Lab
    all_at_once: Run
    one_by_one: Run
    home: pathlib.Path

    def path(self, name: str) -> pathlib.Path:
        """Return where a facts file of the lab's folder is."""
        return self.lab.folder / name


@pytest.fixture(scope="module")
def story(start_lab: StartLab, tmp_path_factory: pytest.TempPathFactory) -> Story:
    lab, home = start_lab("demo"), tmp_path_factory.mktemp("home")
    all_at_once = lab.adhoc("lab_windows", INFO, {"facts_path": str(lab.folder / "all.jsonl")}, "-f", "20").succeed()

    def read(name: str, path: str, hosts: str = "kms01", **keywords: t.Any) -> Json:
        task = {"name": name, INFO: {"facts_path": path if path.startswith("~") else str(lab.folder / path)}, "ignore_errors": True}
        return {"hosts": hosts, "gather_facts": False, "tasks": [{**task, **keywords}]}

    lab.client.fault("http", "web01", status=500, body="<html>proxy</html>", times=None)
    plays = [
        read("private", "private.jsonl"),
        read("once", "twice.jsonl", "servers:!web01"),
        read("twice", "twice.jsonl", "servers:!web01"),
        read("checked", "checked.jsonl", check_mode=True),
        read("missing_folder", MISSING_FOLDER),
        read("folder", FOLDER),
        read("partly", "partly.jsonl", "web01:web02", ignore_unreachable=True),
        read("delegated", "delegated.jsonl", delegate_to="{{ item }}", loop=["web02", "lap01"]),
        read("tilde", "~/facts.jsonl"),
    ]
    before = os.umask(0)
    try:
        one_by_one = lab.playbook(plays, env={"HOME": str(home)})
    finally:
        os.umask(before)
        lab.client.clear_faults()
    return Story(lab, all_at_once, one_by_one, home)


def lines(path: pathlib.Path) -> list[Json]:
    """Return the rows of a facts file; every line is whole and ends with a line feed."""
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_twenty_forks_write_exactly_one_valid_line_for_each_machine(story: Story) -> None:
    names = sorted(row["name"] for row in story.lab.client.machines())
    assert len(names) == 38
    assert sorted(row["inventory_hostname"] for row in lines(story.path("all.jsonl"))) == names
    written = {row.host: row.result["facts_written"] for row in story.all_at_once.of(action="activation_info")}
    assert written == dict.fromkeys(names, True)


def test_each_line_says_what_the_lab_knows_of_that_machine(story: Story) -> None:
    desktops = {row["name"] for row in story.lab.client.machines() if "desktops" in row["groups"]}
    rows = [row for row in lines(story.path("all.jsonl")) if row["inventory_hostname"] in desktops]
    assert len(rows) == len(desktops) > 20
    for row in rows:
        state = story.lab.client.state(row["inventory_hostname"])
        (told,), (known,) = row["products"], state["products"]
        assert (row["schema"], row["service"]["cmid"], row["machine"]["fqdn"]) == (1, state["cmid"], state["fqdn"])
        assert [told[name] for name in ("activation_id", "role", "partial_key", "license_status")] == [
            known[name] for name in ("activation_id", "role", "partial_key", "license_status")
        ]
        assert row["answers"]["activated"] is (known["license_status"] == 1)
        assert row["answers"]["channel"] == known["role"]


def test_a_key_in_a_machines_data_reaches_neither_the_file_nor_the_result(start_lab: StartLab) -> None:
    # slmgr /skms with a key for a name is a slip that Windows takes.
    key = "LABSK-MSNAM-EISAK-EYOO1-0AZ5Z"
    lab = start_lab(
        {
            "estate": {"domain": "corp.example", "name_servers": ["ns1"]},
            "machines": [
                {"name": "pc01", "windows": "windows-11-enterprise", "key": "gvlk", "kms_machine": {"name": key, "level": "machine"}}
            ],
        }
    )
    path = lab.folder / "masked.jsonl"
    told = lab.module("pc01", "activation_info", {"facts_path": str(path)}).result
    (row,) = lines(path)
    for seen in (row, told["activation"]):
        assert seen["service"]["kms_machine_configured"]["name"] == f"XXXXX-XXXXX-XXXXX-XXXXX-{key[-5:]}"
    assert key not in path.read_text(encoding="utf-8")


def test_the_file_is_for_its_owner_alone_whatever_the_umask(story: Story) -> None:
    assert stat.S_IMODE(story.path("private.jsonl").stat().st_mode) == 0o600


def test_writing_facts_is_never_a_change_and_a_second_read_adds_a_second_line(story: Story) -> None:
    hosts = {row.host for row in story.one_by_one.of(task="twice", status="ok")}
    assert len(hosts) > 4
    for name in ("once", "twice"):
        assert {row.host: (row.status, row.changed) for row in story.one_by_one.of(task=name)} == dict.fromkeys(hosts, ("ok", False))
    names = [row["inventory_hostname"] for row in lines(story.path("twice.jsonl"))]
    assert {name: names.count(name) for name in names} == dict.fromkeys(hosts, 2)
    assert {host: row["changed"] for host, row in story.one_by_one.recap.items()} == dict.fromkeys(story.one_by_one.recap, 0)


def test_nothing_is_written_in_check_mode(story: Story) -> None:
    result = story.one_by_one.one(task="checked")
    assert (result.status, result.result["facts_written"], result.result["activation"]["schema"]) == ("ok", False, 1)
    assert not story.path("checked.jsonl").exists()


@pytest.mark.parametrize(
    ("kind", "path", "reason"),
    [("missing_folder", MISSING_FOLDER, "No such file or directory"), ("folder", FOLDER, "Is a directory")],
)
def test_a_path_that_cannot_be_written_is_a_clear_error(story: Story, kind: str, path: str, reason: str) -> None:
    result = story.one_by_one.one(task=kind)
    assert (result.status, result.changed) == ("ignored", False)
    assert f"the facts file {story.path(path)} could not be written on the controller" in result.msg
    assert reason in result.msg
    assert "error of its own" not in result.msg


def test_a_machine_that_could_not_be_read_leaves_no_line(story: Story) -> None:
    assert [row["inventory_hostname"] for row in lines(story.path("partly.jsonl"))] == ["web02"]
    assert {row.host: row.status == "ok" for row in story.one_by_one.of(task="partly")} == {"web01": False, "web02": True}


def test_with_delegate_to_the_line_is_that_of_the_machine_that_was_read(story: Story) -> None:
    rows = lines(story.path("delegated.jsonl"))
    assert [row["inventory_hostname"] for row in rows] == ["web02", "lap01"]
    assert [row["machine"]["fqdn"] for row in rows] == ["web02.corp.example", "lap01.corp.example"]


def test_a_tilde_in_the_path_is_the_home_of_the_user(story: Story) -> None:
    assert story.one_by_one.one(task="tilde").status == "ok"
    assert [row["inventory_hostname"] for row in lines(story.home / "facts.jsonl")] == ["kms01"]
