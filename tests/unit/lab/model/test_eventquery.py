# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime

import pytest

from tests.lab.model.eventlog import EventLogs
from tests.lab.model.eventquery import EventQueryError, parse

NOW = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)


def _ids(query: str) -> list[int]:
    logs = EventLogs()
    for event_id, minutes, source in ((12288, 90, "A"), (902, 30, "A"), (8198, 10, "B")):
        logs.write("Application", event_id, [], NOW - datetime.timedelta(minutes=minutes), source)
    matches = parse(query)
    return [event.event_id for event in logs.newest_first("Application") if matches(event, NOW)]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("*", [8198, 902, 12288]),
        ("*[System[EventID=902]]", [902]),
        ("*[System[(EventID=12288 or EventID=902) and TimeCreated[@SystemTime>='2026-05-01T11:00:00.000Z']]]", [902]),
        ("*[System[TimeCreated[@SystemTime>='2026-05-01T10:30:00Z' and @SystemTime<'2026-05-01T11:30:00.0000000Z']]]", [12288]),
        ("*[System[TimeCreated[timediff(@SystemTime) <= 1800000]]]", [8198, 902]),
        ("*[System[EventRecordID>1 and EventRecordID!=3]]", [902]),
        ("*[System[Provider[@Name='B' or @Name='C']]]", [8198]),
        # 902 has no level at all, so that a filter for information misses it.
        ("*[System[Level=4 or Level=2]]", [8198, 12288]),
        ("*[System[EventID=1]]", []),
    ],
)
def test_the_queries_of_the_subset_find_their_events(query: str, ids: list[int]) -> None:
    assert _ids(query) == ids


@pytest.mark.parametrize(
    "query",
    [
        "",
        "*[System[EventID=902]",
        "*[EventData[Data='x']]",
        "*[System[EventID='902']]",
        "*[System[eventid=902]]",
        "*[System[TimeCreated[@SystemTime>='yesterday']]]",
        "*[System[TimeCreated[@SystemTime>='2026-13-01T00:00:00Z']]]",
        "*[System[EventID=1]] | *[System[EventID=2]]",
        "*[System[contains(Provider, 'x')]]",
        "*[System[" + "(" * 50 + "EventID=1" + ")" * 50 + "]]",
        "*[System[" + " or ".join(f"EventID={number}" for number in range(23)) + "]]",
    ],
)
def test_anything_else_is_refused(query: str) -> None:
    with pytest.raises(EventQueryError):
        parse(query)


def test_a_log_tells_of_its_oldest_record_and_of_being_full() -> None:
    logs = EventLogs()
    facts = logs.facts("System")
    assert (facts.records, facts.oldest, facts.last_write, facts.mode, facts.file_bytes) == (0, 0, None, "Circular", 69632)
    logs.write("System", 1, [], NOW)
    logs.full.add("System")
    facts = logs.facts("System")
    assert (facts.records, facts.oldest, facts.last_write, facts.mode, facts.full) == (1, 1, NOW, "Retain", True)
    assert facts.file_bytes == facts.maximum_bytes
