# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""support_bundle and diagnose as modules: one file, written once, whole or not at all; and what diagnose returns and prints."""

from __future__ import annotations

import hashlib
import json
import pathlib
import stat
import types
import typing as t
import zipfile

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.activation.kms.plugins.action import diagnose, support_bundle
from ansible_collections.activation.kms.plugins.plugin_utils import _controller

from tests.unit.plugins.plugin_utils._report.story import Plain, client_row, host_row, srv_row

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"


def run(module: t.Any, *, check_mode: bool = False, **options: t.Any) -> Plain:
    task = types.SimpleNamespace(args=options, action="activation.kms.x", async_val=0, check_mode=check_mode, diff=False, delegate_to=None)
    action = module.ActionModule(task, connection_loader.get("local", PlayContext(), None), None, None, None, None)
    return t.cast(Plain, action.run(task_vars={"inventory_hostname": "localhost"}))


def bundle(path: pathlib.Path, **more: t.Any) -> Plain:
    return run(support_bundle, path=str(path), machines=[client_row(), host_row()], srv=[srv_row()], **more)


def test_a_bundle_is_one_file_for_its_owner_alone_and_its_hash_is_told(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "it.zip"
    found = bundle(path)
    assert (found["changed"], found["path"], found["would"]) == (True, str(path), [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (found["bytes"], found["sha256"]) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    assert [entry.name for entry in tmp_path.iterdir()] == ["it.zip"]
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == sorted(found["files"])
        versions = json.loads(archive.read("manifest.json"))["versions"]
    assert versions["activation.kms"] == "1.0.0"
    assert set(versions) == {"activation.kms", "ansible-core", "python", "controller"}
    assert run(diagnose, bundle=str(path))["verdict"] == found["verdict"]


def test_check_mode_writes_nothing_and_says_what_it_would(tmp_path: pathlib.Path) -> None:
    found = bundle(tmp_path / "it.zip", check_mode=True)
    assert (found["changed"], found["would"]) == (True, [f"write {tmp_path / 'it.zip'}"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_left_alone_without_force(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "it.zip"
    path.write_text("mine", encoding="utf-8")
    path.chmod(0o644)
    for check_mode in (False, True):
        refused = bundle(path, check_mode=check_mode)
        assert refused["failed"]
        assert "is there already and was left as it is. Next: " in refused["msg"]
    assert path.read_text(encoding="utf-8") == "mine"
    assert not bundle(path, force=True).get("failed")
    assert (zipfile.is_zipfile(path), stat.S_IMODE(path.stat().st_mode)) == (True, 0o600)


@pytest.mark.parametrize(
    ("name", "said"), [("", "is a folder"), ("none/it.zip", "the folder of"), ("a" * 300, "can't be written: File name too long")]
)
def test_a_path_that_can_not_be_written_is_an_error(tmp_path: pathlib.Path, name: str, said: str) -> None:
    found = bundle(tmp_path / name)
    assert found["failed"]
    assert said in found["msg"]
    assert "Next: " in found["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_comes_meanwhile_is_left_alone(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "it.zip"

    def meanwhile(file: t.Any, origin: str) -> None:
        path.write_text("mine", encoding="utf-8")

    monkeypatch.setattr(support_bundle, "unpack", meanwhile)
    assert "came to be while the bundle was made" in bundle(path)["msg"]
    assert [entry.read_text(encoding="utf-8") for entry in tmp_path.iterdir()] == ["mine"]


def test_where_there_are_no_links_the_file_is_renamed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_names: t.Any) -> None:
        raise PermissionError

    monkeypatch.setattr(support_bundle.os, "link", no_links)
    assert not bundle(tmp_path / "it.zip").get("failed")
    assert zipfile.is_zipfile(tmp_path / "it.zip")


def test_diagnose_prints_its_report_where_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    display = types.SimpleNamespace(display=shown.append, columns=100)
    monkeypatch.setattr(_controller, "Display", lambda: display)
    rows = [client_row(problems=[f"found {KEY}"], problem_details=[]), host_row()]
    quiet = run(diagnose, machines=rows)
    assert shown == []
    loud = run(diagnose, machines=rows, show=True)
    assert loud["report"] == quiet["report"]
    assert shown == ["\n".join(["", *loud["report"], ""])]
    assert "ZEROA" not in json.dumps([quiet, shown])
    assert (loud["changed"], loud["healthy"], loud["worst"], loud["msg"]) == (False, False, "error", loud["verdict"])


@pytest.mark.parametrize(("fail_on", "fails"), [("never", False), ("warning", True), ("error", True)])
def test_a_pipeline_fails_where_it_wants_to_and_has_the_whole_result_all_the_same(fail_on: str, fails: bool) -> None:
    found = run(diagnose, machines=[client_row(), host_row()], fail_on=fail_on)
    assert found.get("failed", False) is fails
    assert found["diagnosis"]["findings"][0]["id"] == "host_firewall_exception_off"


def test_a_mistake_in_the_options_is_an_error_with_a_next_step() -> None:
    assert "there is nothing to diagnose" in run(diagnose)["msg"]
    assert "limit_per_rule is 0" in run(diagnose, machines=[host_row()], limit_per_rule=0)["msg"]
    assert "value of fail_on must be one of" in run(diagnose, fail_on="maybe")["msg"]
