# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""facts_path of activation_info: one JSON line for each machine, by many forks at once."""

from __future__ import annotations

import json
import os
import pathlib
import stat

import pytest

from tests.system.ansible_runs import Json, Lab
from tests.system.conftest import StartLab


@pytest.fixture(scope="module")
def many(start_lab: StartLab) -> Lab:
    """Thirty-eight machines."""
    return start_lab("demo")


def lines(path: pathlib.Path) -> list[Json]:
    """Return the rows of a facts file; every line is whole and ends with a line feed."""
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_twenty_forks_write_exactly_one_valid_line_for_each_machine(many: Lab) -> None:
    path = many.folder / "all.jsonl"
    run = many.adhoc("lab_windows", "activation.kms.activation_info", {"facts_path": str(path)}, "-f", "20").succeed()
    names = sorted(row["name"] for row in many.client.machines())
    assert len(names) == 38
    assert sorted(row["inventory_hostname"] for row in lines(path)) == names
    assert {row.host: row.result["facts_written"] for row in run.of(action="activation_info")} == dict.fromkeys(names, True)


def test_each_line_says_what_the_lab_knows_of_that_machine(many: Lab) -> None:
    path = many.folder / "truth.jsonl"
    many.adhoc("desktops", "activation.kms.activation_info", {"facts_path": str(path)}, "-f", "20").succeed()
    for row in lines(path):
        state = many.client.state(row["inventory_hostname"])
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


def test_the_file_is_for_its_owner_alone_whatever_the_umask(many: Lab) -> None:
    path = many.folder / "private.jsonl"
    before = os.umask(0)
    try:
        many.module("kms01", "activation_info", {"facts_path": str(path)})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_writing_facts_is_never_a_change_and_a_second_read_adds_a_second_line(many: Lab) -> None:
    path = many.folder / "twice.jsonl"
    for times in (1, 2):
        run = many.adhoc("servers", "activation.kms.activation_info", {"facts_path": str(path)}).succeed()
        assert {host: row["changed"] for host, row in run.recap.items()} == dict.fromkeys(run.recap, 0)
        assert not any(row.changed for row in run.results)
        names = [row["inventory_hostname"] for row in lines(path)]
        assert {name: names.count(name) for name in run.recap} == dict.fromkeys(run.recap, times)


def test_nothing_is_written_in_check_mode(many: Lab) -> None:
    path = many.folder / "checked.jsonl"
    result = many.module("kms01", "activation_info", {"facts_path": str(path)}, "--check")
    assert (result.status, result.result["facts_written"], result.result["activation"]["schema"]) == ("ok", False, 1)
    assert not path.exists()


@pytest.mark.parametrize("kind", ["missing_folder", "folder"])
def test_a_path_that_cannot_be_written_is_a_clear_error(many: Lab, kind: str) -> None:
    path = many.folder / "nowhere" / "facts.jsonl" if kind == "missing_folder" else many.folder / "runs"
    result = many.module("kms01", "activation_info", {"facts_path": str(path)})
    assert (result.status, result.changed) == ("failed", False)
    assert f"the facts file {path} could not be written on the controller" in result.msg
    assert {"missing_folder": "No such file or directory", "folder": "Is a directory"}[kind] in result.msg
    assert "error of its own" not in result.msg


def test_a_machine_that_could_not_be_read_leaves_no_line(many: Lab) -> None:
    path = many.folder / "partly.jsonl"
    many.client.fault("http", "web01", status=500, body="<html>proxy</html>", times=None)
    try:
        run = many.adhoc("web01:web02", "activation.kms.activation_info", {"facts_path": str(path)}).fail()
    finally:
        many.client.clear_faults()
    assert [row["inventory_hostname"] for row in lines(path)] == ["web02"]
    assert run.of("web01", status="ok") == []


def test_with_delegate_to_the_line_is_that_of_the_machine_that_was_read(many: Lab) -> None:
    path = many.folder / "delegated.jsonl"
    task = {
        "activation.kms.activation_info": {"facts_path": str(path)},
        "delegate_to": "{{ item }}",
        "loop": ["web01", "lap01"],
    }
    many.tasks("kms01", [task]).succeed()
    rows = lines(path)
    assert [row["inventory_hostname"] for row in rows] == ["web01", "lap01"]
    assert [row["machine"]["fqdn"] for row in rows] == ["web01.corp.example", "lap01.corp.example"]


def test_a_tilde_in_the_path_is_the_home_of_the_user(many: Lab, tmp_path: pathlib.Path) -> None:
    many.adhoc("kms01", "activation.kms.activation_info", {"facts_path": "~/facts.jsonl"}, env={"HOME": str(tmp_path)}).succeed()
    assert [row["inventory_hostname"] for row in lines(tmp_path / "facts.jsonl")] == ["kms01"]
