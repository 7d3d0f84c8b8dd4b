# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's log of any length is known by its clients: who asked, how often, under which names; and takes the memory of its clients, not of its records."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import tracemalloc
import typing as t

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event import KmsEvent
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.host_index import HostIndex
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.names import same_machine
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.pairing import Client, pair_fleet
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.plain import EvidenceError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils._evidence.history import CMID, NOON, OFFICE, TIMESTAMP, Try, refused, unreached

HOUR = datetime.timedelta(hours=1)
PC01, PC02 = "pc01.corp.example", "pc02.corp.example"


def served(hours: float = 0, **values: t.Any) -> KmsEvent:
    return Try(moment=NOON + HOUR * hours, **values).served()


def cmid(number: int) -> str:
    return f"{number:08x}-2fd5-440b-be67-a09996d27a38"


# --- what goes in comes out ---


@pytest.mark.parametrize("form", ["event", "plain"])
def test_a_record_comes_out_as_it_went_in(form: str) -> None:
    events = [
        served(),
        refused(moment=NOON + HOUR, status=1, minutes=250_000).served(),
        Try(moment=NOON + 2 * HOUR).served(time_is_local=True, record_number=None),
        served(3).__class__(12290, time=NOON + 3 * HOUR, fields={"cmid": CMID, "client": PC01}),
    ]
    index = HostIndex(events if form == "event" else (event.as_dict() for event in events))
    found = index.of_client([CMID.upper()], [PC01]).records
    assert len(found) == 4
    for mine, theirs in zip(events, found, strict=True):
        for name in ("event_id", "time", "time_is_local", "record_number", "computer", "code"):
            assert getattr(theirs, name) == getattr(mine, name), name
        for name in (
            "required_count",
            "client",
            "cmid",
            "client_time",
            "virtual",
            "license_status",
            "minutes_to_expiry",
            "activation_id",
        ):
            assert theirs.fields[name] == mine.fields.get(name), name


def test_only_12290_count_and_each_record_once() -> None:
    event = served()
    index = HostIndex([event, Try().sent(), event, event.as_dict(), Try().sent().as_dict()])
    assert (index.records, index.ignored, index.duplicates) == (1, 2, 2)


@pytest.mark.parametrize("order", list(itertools.permutations(["KMS01.corp.example", "kms01.corp.example", "kms01"])))
def test_a_record_counts_once_however_its_host_is_spelled(order: tuple[str, ...]) -> None:
    index = HostIndex(dataclasses.replace(served(), computer=computer) for computer in order)
    assert (index.records, index.duplicates) == (1, 2)
    assert [name.casefold() for name in index.hosts] == ["kms01.corp.example"]


def test_hosts_of_one_name_in_two_domains_are_two() -> None:
    index = HostIndex(dataclasses.replace(served(), computer=computer) for computer in ("kms01.a.example", "kms01.b.example", "kms01"))
    assert index.records == 3


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"event_id": "12290", "fields": {}},
        {"event_id": 12290, "fields": []},
        {"event_id": 12290, "fields": {}, "time": "yesterday"},
        {"event_id": 12290, "fields": {}, "computer": 5},
        {"event_id": 12290, "fields": {"client_time": "soon"}},
        {"event_id": 12290, "fields": {"client_time": "0001-01-01T00:00:00+14:00"}},
        {"event_id": 12290, "fields": {}, "time": "9999-12-31T23:59:59-14:00"},
        {"event_id": 12290, "fields": {}, "code": {"code": "foo"}},
        {"event_id": 12290, "fields": {}, "code": {"code": "-5"}},
        {"event_id": 12290, "fields": {}, "code": {"code": ["0x1"]}},
    ],
)
def test_plain_data_of_a_wrong_shape_is_an_error_that_names_the_place(record: dict[str, t.Any]) -> None:
    with pytest.raises(EvidenceError, match="event"):
        HostIndex([record])


@given(st.dictionaries(st.sampled_from(sorted(served().fields)), st.none() | st.integers() | st.text() | st.booleans()))
def test_fields_of_any_kind_are_left_out_rather_than_wrong(fields: dict[str, t.Any]) -> None:
    fields.pop("client_time", None)
    fields["client"] = "pc01"
    index = HostIndex([KmsEvent(12290, time=NOON, fields=fields)])
    (found,) = index.of_client([str(fields.get("cmid"))], ["pc01"]).records
    for name in ("required_count", "minutes_to_expiry", "license_status"):
        assert found.fields[name] in (None, fields.get(name))


# --- of one client ---


def test_of_a_clone_only_its_own_requests_come_out_and_the_others_are_named() -> None:
    index = HostIndex([served(client=PC01), served(1, client=PC02), served(2, client="PC01"), served(3, client=PC01, cmid=cmid(7))])
    kept = index.of_client([CMID], [PC01])
    assert [event.fields["client"] for event in kept.records] == [PC01, "PC01"]
    assert kept.other_names == (PC02,)
    assert len(index.of_client([CMID]).records) == 3
    assert len(index.of_client([], [PC01]).records) == 3
    assert index.of_client([cmid(8)], [PC01]).records == ()


def test_the_newest_are_kept_and_what_was_dropped_is_said() -> None:
    events = [served(hours, number=hours + 1) for hours in (5, 1, 4, 2, 3)]
    index = HostIndex(events, keep=2)
    kept = index.of_client([CMID], [PC01])
    assert [event.record_number for event in kept.records] == [5, 6]
    assert (kept.dropped, kept.complete_since) == (3, NOON + 4 * HOUR)
    assert (index.records, index.dropped) == (5, 3)
    mine = unreached()
    ((_, attempts),) = pair_fleet([Client("pc01", mine.events(), (PC01,))], index)
    assert "counted and not kept" in next(found for found in attempts if found.sent).notes[0]


def test_a_cap_of_none_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        HostIndex(keep=0)


# --- of all ---


def test_the_fleet_is_counted() -> None:
    index = HostIndex(
        [
            served(0, cmid=cmid(1), client="a"),
            served(1, cmid=cmid(1), client="a", required=25),
            served(2, cmid=cmid(2), client="b"),
            served(-24 * 31, cmid=cmid(3), client="c"),
            refused(cmid=cmid(4), client="d", product=OFFICE).served(),
            refused(cmid=cmid(4), client="d", host_code=TIMESTAMP, moment=NOON + HOUR).served(),
            refused(cmid=cmid(4), client="d", moment=NOON + 2 * HOUR).served(),
            served(client="e", cmid=None),
        ],
        keep=1,
    )
    assert index.records == 8
    assert index.distinct_clients(NOON + 2 * HOUR) == 3
    assert index.distinct_clients(NOON + 2 * HOUR, required_count=25) == 1
    assert index.distinct_clients(NOON + 2 * HOUR, days=60) == 4
    assert index.oldest == NOON - 24 * 31 * HOUR
    assert index.hosts == ("kms01.corp.example",)


def test_clones_are_told_from_a_machine_that_was_renamed_and_from_two_spellings_of_one_name() -> None:
    clones = [served(hours, cmid=cmid(1), client=name) for hours, name in enumerate((PC01, PC02, PC01))]
    renamed = [served(hours, cmid=cmid(2), client=name) for hours, name in enumerate(("old", "old", "new"))]
    spelt = [served(hours, cmid=cmid(3), client=name) for hours, name in enumerate(("PC03", "pc03.corp.example"))]
    shared = {found.cmid: found for found in HostIndex([*clones, *renamed, *spelt]).shared_cmids()}
    assert {number: found.at_once for number, found in shared.items()} == {cmid(1): True, cmid(2): False}
    first, second = shared[cmid(1)].names
    assert (first.name, first.requests, first.first_seen, first.last_seen) == (PC01, 2, NOON, NOON + 2 * HOUR)
    assert second.name == PC02
    (name,) = HostIndex(spelt).names(cmid(3))
    assert (name.name, name.requests) == ("pc03.corp.example", 2)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("kms01", "KMS01.corp.example", True),
        ("kms01.corp.example.", "kms01.corp.example", True),
        ("kms01.corp.example", "kms01.other.example", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("10", "10.0.0.2", False),
        ("fe80::1", "fe80::1", True),
    ],
)
def test_names_of_one_machine(one: str, other: str, same: bool) -> None:
    assert same_machine(one, other) is same
    assert same_machine(other, one) is same


# --- bounded memory ---


def test_memory_grows_with_the_clients_and_not_with_their_records() -> None:
    def stream(clients: int, records: int) -> t.Iterator[KmsEvent]:
        for place in range(records):
            number = place % clients
            yield served(place / 60, client=f"pc{number:05}.corp.example", cmid=cmid(number), number=place + 1)

    def memory(clients: int, records: int) -> int:
        tracemalloc.start()
        try:
            index = HostIndex(stream(clients, records), keep=4)
            assert index.records == records
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    memory(1, 1)
    few, many, more = memory(40, 160), memory(40, 1600), memory(400, 1600)
    assert many < 1.2 * few, "ten times the records of the same clients"
    assert few < more < 20 * few
    assert more < 400 * 2500, "bytes, of 400 clients with four records each"


@settings(max_examples=30)
@given(st.permutations(range(12)), st.integers(1, 12))
def test_the_order_in_which_records_come_changes_nothing(order: list[int], keep: int) -> None:
    events = [served(hours, client=(PC01, PC02)[hours % 2], number=hours + 1) for hours in range(12)]
    straight, mixed = (HostIndex((events[place] for place in places), keep=keep) for places in (range(12), order))
    for names in ([PC01], [PC02]):
        assert straight.of_client([CMID], names) == mixed.of_client([CMID], names)
    assert sorted(straight.shared_cmids(), key=str) == sorted(mixed.shared_cmids(), key=str)
