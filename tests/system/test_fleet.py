# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hundred machines in one run, twenty at a time: every one is read, and each result is that machine's own."""

from __future__ import annotations

import collections

import pytest

from tests.system.ansible_runs import Json
from tests.system.conftest import StartLab

MACHINES, FORKS = 200, 20

ESTATE: Json = {
    "estate": {"domain": "corp.example", "name_servers": ["ns1"]},
    "machines": [{"name": "pc", "count": MACHINES, "windows": "windows-11-enterprise", "key": "gvlk", "licensed": True}],
}


@pytest.mark.wsman
def test_two_hundred_machines_are_read_over_wsman_without_an_error(start_lab: StartLab) -> None:
    lab = start_lab(ESTATE)
    names = {row["name"] for row in lab.client.machines()}
    assert len(names) == MACHINES

    run = lab.tasks("lab_windows", [{"activation.kms.activation_info": {"backend": "wsman"}}], "-f", str(FORKS)).succeed()

    assert set(run.recap) == names
    assert not {name for name, counts in run.recap.items() if counts["ok"] != 1 or counts["failures"] or counts["unreachable"]}
    # No answer went to another machine: each result has the name and the client identity of its own.
    results = {row.host: row.result for row in run.of(action="activation_info", status="ok")}
    assert {name: result["backend"] for name, result in results.items()} == dict.fromkeys(names, "wsman")
    states = lab.client.states()
    assert {name: result["activation"]["service"]["cmid"] for name, result in results.items()} == {
        name: states[name]["cmid"] for name in names
    }
    # And no machine was asked more, for being one of many.
    calls = lab.calls()
    assert {call["status"] for call in calls} == {200}
    assert set(collections.Counter(call["machine"] for call in calls).values()) == {9}
    assert {row["open_shells"] for row in lab.client.machines()} == {0}
