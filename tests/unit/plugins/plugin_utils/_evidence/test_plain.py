# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain data becomes typed evidence, or an error that names the place and what is there."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event import Events, KmsEvent, LogState, read_event, read_events
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import Facts, read_facts
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.plain import EvidenceError, build, plain
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.view import Discovery, read_discovery
from hypothesis import given
from hypothesis import strategies as st

AT_EIGHT = datetime.datetime(2026, 11, 24, 8, 0, tzinfo=datetime.UTC)
WHOLE_SECONDS = st.datetimes(datetime.datetime(1971, 1, 1), datetime.datetime(2200, 1, 1), timezones=st.just(datetime.UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"host": {"count": "many"}}, "facts of pc01: host: count is 'many', not a whole number"),
        ({"host": {"count": True}}, "facts of pc01: host: count is True, not a whole number"),
        ({"machine": {"name": 7}}, "facts of pc01: machine: name is 7, not a text"),
        ({"host": {"dns_publishing": 1}}, "facts of pc01: host: dns_publishing is 1, not true or false"),
        ({"products": [{}, {"license_status": "1"}]}, "facts of pc01: products[1]: license_status is '1', not a whole number"),
        ({"products": "none"}, "facts of pc01: products is 'none', not a list"),
        ({"machine": None}, "facts of pc01: machine is None, not a mapping"),
        ({"collected_at": "yesterday"}, "facts of pc01: collected_at is 'yesterday', not a moment such as 2026-11-24T08:15:00Z"),
        ([], "facts of pc01 is [], not a mapping"),
        ({"machine": {"clock_offset_seconds": float("nan")}}, "facts of pc01: machine: clock_offset_seconds is a number beyond measure"),
        ({"machine": {"clock_offset_seconds": 1e300}}, "facts of pc01: machine: clock_offset_seconds is a number beyond measure"),
        ({"machine": {"clock_offset_seconds": 10**400}}, "facts of pc01: machine: clock_offset_seconds is a number beyond measure"),
        ({"host": {"count": 2**64}}, "facts of pc01: host: count is a number beyond measure"),
        (
            {"collected_at": "0001-01-01T00:00:00+14:00"},
            "facts of pc01: collected_at is '0001-01-01T00:00:00+14:00', not a moment such as 2026-11-24T08:15:00Z",
        ),
        (
            {"collected_at": "9999-12-31T23:59:59Z"},
            "facts of pc01: collected_at is '9999-12-31T23:59:59Z', not a moment such as 2026-11-24T08:15:00Z",
        ),
        ({"schema": 2}, "facts of pc01 has schema 2, and this version of activation.kms reads schema 1"),
    ],
)
def test_data_of_a_wrong_shape_is_an_error_that_names_its_place(data, text):
    with pytest.raises(EvidenceError) as caught:
        read_facts(data, "facts of pc01")
    assert str(caught.value) == text


def test_a_field_that_must_be_there_is_missed_by_name():
    with pytest.raises(EvidenceError, match="^event 3 has no event_id$"):
        read_event({}, "event 3")


def test_an_error_quotes_no_product_key_not_even_a_part_of_one():
    key = "ABCDE-FGHJK-LMNPQ-RSTVW-XYZ23"
    with pytest.raises(EvidenceError) as caught:
        read_facts({"products": "x" * 40 + " " + key})
    assert "ABCDE" not in str(caught.value) and "FGHJK" not in str(caught.value)


def test_keys_of_a_newer_version_are_left_alone():
    assert read_facts({"machine": {"name": "PC01", "colour": "blue"}, "weather": "fine"}).machine.name == "PC01"


def test_what_is_evidence_already_is_taken_as_it_is():
    state = LogState("Application")
    assert build(Events, {"logs": [state]}, "events").logs[0] is state


def test_whole_numbers_serve_where_a_number_is_wanted_and_moments_without_a_zone_are_utc():
    facts = read_facts({"collected_at": "2026-11-24T08:00:00", "machine": {"clock_offset_seconds": 3}})
    assert facts.collected_at == AT_EIGHT and facts.machine.clock_offset_seconds == 3.0


@pytest.mark.parametrize("cls", [Facts, Events, Discovery])
def test_evidence_of_nothing_comes_back_from_plain_data_as_it_was(cls):
    assert build(cls, plain(cls()), "evidence") == cls()


events = st.builds(
    KmsEvent,
    event_id=st.integers(0, 65535),
    time=st.none() | WHOLE_SECONDS,
    computer=st.none() | st.text(),
    fields=st.fixed_dictionaries({}, optional={"client_time": st.none() | WHOLE_SECONDS, "host": st.text(), "port": st.integers(1, 65535)}),
    strings=st.lists(st.text()).map(tuple),
)


@given(st.lists(events).map(tuple), st.none() | WHOLE_SECONDS)
def test_events_come_back_from_plain_data_as_they_were(records, since):
    read = Events(since=since, records=records)
    assert read_events(read.as_dict()) == read


def test_every_part_of_a_discovery_comes_back_as_it_was():
    data = {
        "collected_at": "2026-11-24T08:00:00Z",
        "domains": [
            {
                "domain": "corp.example",
                "name": "_vlmcs._tcp.corp.example",
                "status": "found",
                "records": [{"target": "kms01.corp.example", "port": 1688, "priority": 0, "weight": 0, "ttl": 3600}],
                "problem": None,
            }
        ],
        "endpoints": [
            {
                "host": "kms01.corp.example",
                "port": 1688,
                "outcome": "timeout",
                "source": "srv",
                "address": "192.0.2.10",
                "milliseconds": 5001,
                "code": 10060,
                "seen_from": None,
            }
        ],
        "problems": [],
    }
    assert read_discovery(data).as_dict() == data
    assert dataclasses.is_dataclass(read_discovery(data))


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"code": {"code": "foo"}}, "event 3: code has a code that is no number such as 0xC004F038 but 'foo'"),
        ({"code": {"code": "-0x5"}}, "event 3: code has a code that is no number such as 0xC004F038 but '-0x5'"),
        ({"fields": {"x": [[1]]}}, "event 3: fields: x is nested"),
        (
            {"fields": {"client_time": "0001-01-01T00:00:00+14:00"}},
            "event 3: fields: client_time is '0001-01-01T00:00:00+14:00', not a moment",
        ),
    ],
)
def test_an_event_that_can_be_none_is_an_error_that_names_its_place(more, text):
    with pytest.raises(EvidenceError) as caught:
        read_event({"event_id": 12290, **more}, "event 3")
    assert str(caught.value).startswith(text)


def test_records_that_are_no_list_are_an_error():
    with pytest.raises(EvidenceError, match="^events: records is int, not a list$"):
        read_events({"records": 7})
