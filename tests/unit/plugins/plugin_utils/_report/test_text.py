# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: the answer first, what can be copied left whole, nothing lost, and no line too long."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.engine import diagnose
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.inputs import read_machines, read_probes, read_srv
from ansible_collections.activation.kms.plugins.plugin_utils._report.text import report_lines

from tests.unit.plugins.plugin_utils._diagnosis.evidence import NOW, kms_client, kms_host
from tests.unit.plugins.plugin_utils._report.story import client_row, host_row, probe_row, srv_row


def story() -> dict[str, t.Any]:
    machines = read_machines([client_row(), host_row()])
    found = diagnose(lambda: machines, now=NOW, srv=read_srv([srv_row()]), probes=read_probes([probe_row()]), with_attempts=True)
    return found.as_dict()


def finding(subject: str = "kms01", rule: str = "a_rule", severity: str = "error", **changes: t.Any) -> dict[str, t.Any]:
    return {
        "id": rule,
        "severity": severity,
        "subject": subject,
        "title": f"Title of {rule}",
        "sentence": f"Sentence of {rule} about {subject}.",
        "why": "Why.",
        "proofs": [{"text": "seen", "source": "somewhere"}],
        "remedy": {"text": "Do it.", "command": None, "task": None},
        "sources": [],
        "consequences": [],
        **changes,
    }


def diagnosis(*findings: dict[str, t.Any], **changes: t.Any) -> dict[str, t.Any]:
    return {"verdict": "Verdict.", "findings": list(findings), "not_judged": [], "left_out": {}, "attempts": {}, **changes}


def test_the_story_of_the_guide_is_told_from_the_cause_to_what_to_do() -> None:
    text = "\n".join(report_lines(story()))
    order = [
        "The firewall exception for KMS of kms01 is there and switched off",
        "FAULT: The firewall exception of the KMS host is off",
        "What says so:",
        "SPPSVC-In-TCP: off",
        "(activation_info of kms01, host.firewall_rules)",
        "What follows from it:",
        "pc01 does not reach the KMS host",
        "What to do:",
        "Enable-NetFirewallRule",
        "activation.kms.firewall_exception:",
        "To read:",
        "[host_firewall_exception_off]",
        "What pc01 tried",
        "2026-11-24 06:15",
        "host not reached",
        "0x800706BA RPC_S_SERVER_UNAVAILABLE",
    ]
    for part in order:
        before, found, text = text.partition(part)
        assert found, f"{part!r} is not behind {before!r}"


@pytest.mark.parametrize("width", [20, 60, 79, 100, 120, 400])
def test_lines_are_as_long_as_the_page_but_for_what_is_copied(width: int) -> None:
    page = min(max(width, 60), 120)
    for line in report_lines(story(), width=width):
        assert len(line) <= page or "https://" in line or "NetFirewallRule" in line, line
        assert line == line.rstrip()
        assert line.isprintable()


def test_the_verdict_is_not_said_twice() -> None:
    sentence = finding()["sentence"]
    assert report_lines(diagnosis(finding(), verdict=f"{sentence} There is one more cause.")).count(sentence) == 0
    assert report_lines(diagnosis(finding())).count(sentence) == 1


def test_findings_of_one_rule_stand_together_and_those_beyond_are_counted() -> None:
    many = [finding(f"kms{number:02}") for number in range(14)]
    lines = report_lines(diagnosis(*many, finding("pc01", "other"), left_out={"a_rule": 30}))
    text = "\n".join(lines)
    assert text.count("FAULT: Title of a_rule") == 1
    assert "1. FAULT: Title of a_rule" in text
    assert "2. FAULT: Title of other" in text
    assert "about kms10." in text
    assert "about kms11." not in text
    # 14 are there, 1 in full and 10 in a line each; 30 are only counted.
    assert "and 33 more of this kind" in text


def test_consequences_of_many_are_counted_and_a_single_one_is_told() -> None:
    def consequence(count: int, *subjects: str) -> dict[str, t.Any]:
        return {"title": "Asks in vain", "count": count, "subjects": list(subjects), "sentence": f"{subjects[0]} asks in vain."}

    text = "\n".join(report_lines(diagnosis(finding(consequences=[consequence(1, "pc01"), consequence(120, "pc02", "pc03")]))))
    assert "  - pc01 asks in vain.\n" in text
    assert "  - Asks in vain: pc02, pc03 and 118 more. pc02 asks in vain." in text


def test_a_command_and_a_task_keep_their_lines() -> None:
    remedy = {"text": "Do it.", "command": "one " * 40 + "\n  two", "task": "- name: x\n  mod:\n    a: b\n"}
    lines = report_lines(diagnosis(finding(remedy=remedy)), width=60)
    assert f"    {('one ' * 40).rstrip()}" in [line.rstrip() for line in lines]
    assert "      two" in lines
    start = lines.index("    - name: x")
    assert lines[start : start + 3] == ["    - name: x", "      mod:", "        a: b"]


def test_what_is_missing_is_told_once_with_everything_that_hangs_on_it() -> None:
    gaps = [
        {"id": rule, "title": f"T {rule}", "needs": "the log of kms01", "count": 2, "subjects": ["pc01", "pc02"]} for rule in ("a", "b")
    ]
    lines = report_lines(diagnosis(not_judged=gaps))
    assert "  - the log of kms01. Open without it (of pc01, pc02): T a; T b" in lines


def test_assumptions_and_what_could_not_be_read_are_told() -> None:
    lines = report_lines(diagnosis(), assumptions=["It is taken so."], not_read=["No dnspython."])
    assert {"  - It is taken so.", "  - No dnspython.", "Taken for granted", "Could not be read"} <= set(lines)


def test_attempts_are_a_table_where_they_fit_and_a_list_where_not() -> None:
    row = {
        "time": "2026-11-24T08:15:00Z",
        "host": "kms01.corp.example",
        "port": 1688,
        "kind": "first",
        "outcome": "count_too_low",
        "count": 3,
        "required_count": 25,
        "code": {"code": "0xC004F038", "symbol": None, "meaning": "Too few."},
        "notes": ["Odd."],
    }
    bare = row | {"time": None, "host": None, "port": None, "kind": "unknown", "outcome": "unknown", "count": None, "required_count": None}
    wide = report_lines(diagnosis(attempts={"pc01": [row, bare | {"code": None, "notes": []}], "pc02": []}), width=100)
    assert "  2026-11-24 08:15  kms01.corp.example:1688  first  count too low   3      25     0xC004F038" in wide
    assert "  ?                 ?                        ?      cannot be told  ?      ?      -" in wide
    assert {"  - 0xC004F038: Too few.", "  - Odd."} <= set(wide)
    assert "  11-24 08:15  kms01:1688  first  count too low  3      25     0xC004F038" in report_lines(
        diagnosis(attempts={"pc01": [row]}), width=79
    )
    other = row | {"host": "kms01.branch.example"}
    for narrow, rows in ((60, [row]), (79, [row, other])):
        text = "\n".join(report_lines(diagnosis(attempts={"pc01": rows}), width=narrow))
        assert "  - 11-24 08:15  KMS host: kms01" in text
        assert "host: kms01.corp.example:1688" in text or len(rows) == 1
    many = report_lines(diagnosis(attempts={f"pc{number}": [row] * 12 for number in range(7)}))
    assert sum(line.startswith("What pc") for line in many) == 4
    assert "What pc0 tried (the last 10 of 12)" in many
    assert "3 more machines have attempts; the result has them all." in many


def test_a_healthy_estate_is_a_short_answer() -> None:
    machines = [kms_host(), kms_client()]
    lines = report_lines(diagnose(lambda: machines, now=NOW).as_dict())
    assert lines[0].startswith("No fault was found; 2 machines looked at (1 KMS host)")
    assert not any(line.startswith(("FAULT", "WARNING")) for line in lines)


def test_a_name_with_control_characters_reaches_no_terminal() -> None:
    evil = "pc\x1b]0;owned\x07\x9b31m\u202e01"
    lines = report_lines(diagnosis(finding(subject=evil, sentence=f"{evil} is not activated.")), assumptions=[evil], not_read=[evil])
    assert all(line.isprintable() for line in lines)
    assert any("pc ]0;owned 31m 01 is not activated." in line for line in lines)


def test_what_many_machines_lack_is_told_once_and_counted() -> None:
    gaps = [
        {"id": rule, "title": f"T {rule}", "needs": f"the firewall rules of kms{n:02}", "count": 1, "subjects": [f"kms{n:02}"]}
        for n in range(1, 13)
        for rule in ("a", "b")
    ]
    said = " ".join(line.strip() for line in report_lines(diagnosis(not_judged=gaps)))
    assert said.count("the firewall rules of") == 1
    assert "kms10 and 2 more (12 in all). Open without it: T a; T b" in said
