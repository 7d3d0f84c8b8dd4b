# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from tests.lab.wire.mischief import ACTIONS, MischiefError, MischiefTable, parse
from tests.lab.wire.soap.cim import Description

MACHINES = ["kms01", "pc01"]
INSTALL = Description("Invoke", "SoftwareLicensingService", "InstallProductKey")


def _table(*specifications: dict[str, t.Any]) -> MischiefTable:
    table = MischiefTable()
    for specification in specifications:
        table.add(parse(specification, MACHINES))
    return table


@pytest.mark.parametrize("action", ACTIONS)
def test_every_fault_is_taken_with_its_defaults(action: str) -> None:
    given = {"location": "http://127.0.0.1/"} if action == "redirect" else {}
    on = {"operation": "Receive"} if action in ("kill_process", "stderr_noise") else {}
    assert parse({"machine": "kms01", "do": action, "on": on, "with": given}, MACHINES).parameters == {**ACTIONS[action], **given}


@pytest.mark.parametrize(
    ("specification", "reason"),
    [
        ([], "must be an object"),
        ({"do": "explode"}, "unknown fault 'explode'; known: http"),
        ({"do": "cut_after", "machine": "nobody"}, "no machine 'nobody'"),
        ({"do": "cut_after", "on": {"operation": "Fly"}}, "unknown operation 'Fly'"),
        ({"do": "cut_after", "on": {"verb": "Get"}}, "unknown members verb"),
        ({"do": "cut_after", "with": {"seconds": 1}}, "unknown members seconds"),
        ({"do": "cut_after", "with": {"how": "softly"}}, "one of close, reset"),
        ({"do": "hang", "with": {"seconds": "long"}}, "wrong type"),
        ({"do": "hang", "with": {"seconds": True}}, "wrong type"),
        ({"do": "redirect"}, "needs 'location'"),
        ({"do": "kill_process"}, "kill_process is for one of Command, Receive, Send"),
        ({"do": "stderr_noise", "on": {"operation": "Invoke"}}, "stderr_noise is for one of Command, Receive, Send"),
        ({"do": "cut_after", "times": 0}, "'times'"),
        ({"do": "cut_after", "skip": -1}, "'skip'"),
        ({"do": "cut_after", "colour": "red"}, "unknown members colour"),
        ({}, "unknown fault None"),
    ],
)
def test_what_the_lab_does_not_take_is_refused_with_the_reason(specification: t.Any, reason: str) -> None:
    with pytest.raises(MischiefError, match=reason):
        parse(specification, MACHINES)


def test_a_fault_meets_only_the_requests_it_names() -> None:
    table = _table(
        {
            "machine": "kms01",
            "on": {"operation": "Invoke", "method": "InstallProductKey", "class": "softwarelicensingservice"},
            "do": "cut_after",
        }
    )
    assert table.take("pc01", INSTALL) is None
    assert table.take("kms01", Description("Invoke", "SoftwareLicensingService", "RefreshLicenseStatus")) is None
    assert table.take("kms01", Description("Enumerate", "SoftwareLicensingService")) is None
    assert table.take("kms01", INSTALL) is not None


def test_a_fault_is_used_up_after_its_times() -> None:
    table = _table({"do": "cut_before", "times": 2})
    assert [table.take("pc01", INSTALL) is not None for _ in range(3)] == [True, True, False]
    assert table.read()[0]["met"] == 2


def test_a_fault_without_times_stays_until_it_is_removed() -> None:
    table = _table({"do": "cut_before", "times": None})
    assert all(table.take("pc01", INSTALL) for _ in range(10))
    table.clear()
    assert table.take("pc01", INSTALL) is None


def test_skipped_requests_pass_before_the_fault() -> None:
    table = _table({"do": "cut_before", "skip": 2})
    assert [table.take("pc01", INSTALL) is not None for _ in range(4)] == [False, False, True, False]


def test_faults_are_met_in_the_order_they_came() -> None:
    table = _table({"do": "cut_before"}, {"do": "cut_after"})
    taken = [table.take("pc01", INSTALL) for _ in range(2)]
    assert [one.action for one in taken if one] == ["cut_before", "cut_after"]


def test_a_fault_can_be_for_one_way_to_the_machine_and_http_faults_leave_cmdlets_alone() -> None:
    table = _table(
        {"do": "malformed", "times": None},
        {"do": "cut_after", "on": {"via": "powershell", "method": "InstallProductKey"}},
        {"do": "hang", "on": {"via": "wsman"}},
    )
    taken = table.take("pc01", INSTALL, "powershell")
    assert taken is not None
    assert taken.action == "cut_after"
    assert table.take("pc01", INSTALL, "powershell") is None
    over_http = table.take("pc01", INSTALL)
    assert over_http is not None
    assert over_http.action == "malformed"
    with pytest.raises(MischiefError, match="a cmdlet can only have cut_after, cut_before, fault, hang"):
        parse({"do": "redirect", "on": {"via": "powershell"}, "with": {"location": "x"}}, MACHINES)
    with pytest.raises(MischiefError, match="'via' is one of powershell, wsman"):
        parse({"do": "hang", "on": {"via": "ssh"}}, MACHINES)
