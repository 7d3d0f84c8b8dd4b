# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a machine's event logs, and what is said where they can't tell."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._evidence import event_logs
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event import read_events
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.events import LICENSING_SOURCES, is_licensing_source
from ansible_collections.activation.kms.plugins.plugin_utils._windows import errors
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import EventLogFacts, EventLogState, Events

from tests.unit.plugins.plugin_utils._licensing.fake_windows import NOW, FakeWindows, event_record

APPLICATION, KMS = event_logs.LOGS
SENT = "0x8007232B, 0x00000000, kms01.corp.example:1688, b1c2d3e4-f5a6-4b7c-8d9e-0f1a2b3c4d5e, 2026/11/24 07:59, 1, 2, 43000, " + (
    "ef6cfc9f-8c5d-44ac-9aad-de6a2ea0ae03, 25"
)
MEBIBYTE = 1024 * 1024


def facts(log, **changes):
    made = {
        "enabled": True,
        "mode": "Circular",
        "size_reached": False,
        "file_bytes": MEBIBYTE,
        "maximum_bytes": 20 * MEBIBYTE,
        "records": 100,
        "oldest_number": 1,
        "oldest_at": NOW - datetime.timedelta(days=90),
    }
    return EventLogFacts(log, **{**made, **changes})


@pytest.fixture
def windows():
    made = FakeWindows()
    made.logs = {log: facts(log) for log in event_logs.LOGS}
    made.records = [
        event_record(12288, SENT, minutes_ago=5),
        event_record(12288, SENT, minutes_ago=25 * 60),
        event_record(902, "10.0", minutes_ago=6),
        event_record(1040, "MSI", minutes_ago=3, source="MsiInstaller"),
        event_record(12290, "", "0x0", "25", "pc01.corp.example", "", "", "", "", "", "", minutes_ago=4, log=KMS, source="KmsRequests"),
    ]
    return made


def test_both_logs_and_their_state_are_one_conversation_and_the_newest_record_is_the_first(windows):
    found = event_logs.read_event_logs(windows, NOW)
    assert windows.conversations == 1
    assert [(event.event_id, event.log) for event in found.records] == [(12290, KMS), (12288, APPLICATION), (902, APPLICATION)]
    assert (found.collected_at, found.since) == (NOW, NOW - datetime.timedelta(hours=24))
    sent = found.records[1]
    assert (sent.code.code, sent.code.symbol) == ("0x8007232B", "DNS_ERROR_RCODE_NAME_ERROR")
    assert (sent.fields["host"], sent.computer, sent.name) == ("kms01.corp.example", "srv01.corp.example", "request_sent")
    assert found.problems == ()
    for log in event_logs.LOGS:
        state = found.log(log)
        assert (state.complete, state.enabled, state.mode, state.full, state.about_to_overwrite) == (True, True, "circular", False, False)
        assert (state.file_bytes, state.maximum_bytes, state.records) == (MEBIBYTE, 20 * MEBIBYTE, 100)
        assert state.oldest_record_at == NOW - datetime.timedelta(days=90)
        assert state.problem is None
    # And back: what a facts file holds is what was read, to the second.
    assert read_events(found.as_dict()).as_dict() == found.as_dict()


def test_what_is_asked_for_is_what_was_ordered(windows):
    event_logs.read_event_logs(
        windows, NOW, since_hours=2, limit=7, budget_seconds=3, logs=(KMS,), event_ids=(12290, 12290, 5), log_state=False
    )
    (asked,) = windows.reads
    assert asked == Events(KMS, (5, 12290), NOW - datetime.timedelta(hours=2), 7, 3, (), LICENSING_SOURCES)


def test_ids_that_other_programs_use_too_count_by_their_source_and_those_of_kms_whatever_it_is(windows):
    event_logs.read_event_logs(windows, NOW, log_state=False)
    application, kms = windows.reads
    assert {900, 1040, 8198} <= set(application.shared_ids) <= set(application.event_ids)
    assert not {12288, 12289, 12290, 12293, 12294} & set(application.shared_ids)
    assert kms.shared_ids == ()
    assert (application.sources, kms.sources) == (LICENSING_SOURCES, LICENSING_SOURCES)
    for name in ("Microsoft-Windows-Security-SPP", "Software Protection Platform Service", "Office Software Protection Platform Service"):
        assert is_licensing_source(name)
    assert not is_licensing_source("Microsoft-Windows-Perflib")


def test_a_limit_that_was_reached_is_said_and_keeps_the_newest(windows):
    windows.records = [event_record(12288, SENT, minutes_ago=minutes) for minutes in (1, 2, 3)]
    found = event_logs.read_event_logs(windows, NOW, limit=2)
    assert [(NOW - event.time).total_seconds() / 60 for event in found.records] == [1, 2]
    assert [found.log(log).complete for log in event_logs.LOGS] == [False, True]
    assert found.problems == (
        "The event log Application was not read to its end: the limit or the time was reached first. Older records may be missing.",
    )


@pytest.mark.parametrize(
    ("changes", "full", "about_to_overwrite", "mode"),
    [
        ({"mode": "Retain", "size_reached": True, "file_bytes": 20 * MEBIBYTE}, True, False, "retain"),
        ({"mode": "Retain"}, False, False, "retain"),
        ({"size_reached": True}, False, True, "circular"),
        ({"file_bytes": 19 * MEBIBYTE}, False, True, "circular"),
        ({"mode": "AutoBackup", "file_bytes": 19 * MEBIBYTE}, False, False, "auto_backup"),
        ({"mode": None, "file_bytes": None, "size_reached": None}, None, None, None),
        ({"mode": "Circular", "maximum_bytes": None, "size_reached": None}, None, None, "circular"),
    ],
)
def test_a_log_that_is_full_is_told_from_one_that_overwrites(windows, changes, full, about_to_overwrite, mode):
    windows.logs[APPLICATION] = facts(APPLICATION, **changes)
    state = event_logs.read_event_logs(windows, NOW).log(APPLICATION)
    assert (state.full, state.about_to_overwrite, state.mode) == (full, about_to_overwrite, mode)


def test_a_log_that_does_not_reach_back_says_so_and_a_young_one_has_lost_nothing(windows):
    hour_ago = NOW - datetime.timedelta(hours=1)
    windows.logs = {
        APPLICATION: facts(APPLICATION, oldest_at=hour_ago, oldest_number=4711),
        KMS: facts(KMS, oldest_at=hour_ago, oldest_number=1),
    }
    found = event_logs.read_event_logs(windows, NOW)
    assert found.problems == (
        "The event log Application reaches back to 2026-11-24 07:00 UTC only: older records were overwritten or cleared.",
    )


def test_a_log_that_is_not_there_is_a_state_and_no_error(windows):
    windows.logs[KMS] = None
    windows.records = [event_record(12288, SENT)]
    found = event_logs.read_event_logs(windows, NOW)
    assert (found.log(KMS).complete, found.log(KMS).problem) == (False, "the machine has no event log of this name")
    assert [event.event_id for event in found.records] == [12288]


def test_a_log_that_may_not_be_read_leaves_the_other_one_whole(windows):
    denied = errors.AccessDeniedError(f"reading the event log {KMS}", "access is denied", code=0x80070005)
    windows.errors = {KMS: denied, f"state of {KMS}": denied}
    found = event_logs.read_event_logs(windows, NOW)
    assert (found.log(KMS).complete, found.log(KMS).enabled) == (False, None)
    assert "access is denied (0x80070005)" in found.log(KMS).problem
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"The state of the event log {KMS} is not known. ")
    assert found.log(APPLICATION).complete is True
    assert {event.event_id for event in found.records} == {12288, 902}


class WithoutPowerShell(FakeWindows):
    """A machine over wsman on which no PowerShell answers."""

    def read(self, operations):
        if any(isinstance(operation, EventLogState) for operation in operations):
            self.conversations += 1
            raise self.errors["powershell"]
        return super().read(operations)


def test_where_no_powershell_answers_the_records_are_read_all_the_same():
    windows = WithoutPowerShell()
    windows.records = [event_record(12288, SENT)]
    windows.errors["powershell"] = errors.BadReplyError(
        "reading the state of the event log Application", "PowerShell ended without an answer"
    )
    found = event_logs.read_event_logs(windows, NOW)
    assert [event.event_id for event in found.records] == [12288]
    assert [(state.complete, state.enabled, state.problem) for state in found.logs] == [(True, None, None)] * 2
    assert len(found.problems) == 1
    assert "PowerShell ended without an answer" in found.problems[0]
    assert windows.conversations == 2


def test_after_a_refused_login_nothing_more_is_tried():
    windows = WithoutPowerShell()
    windows.errors["powershell"] = errors.LoginRefusedError("reading", "the login was refused")
    with pytest.raises(errors.LoginRefusedError):
        event_logs.read_event_logs(windows, NOW)
    assert windows.conversations == 1
