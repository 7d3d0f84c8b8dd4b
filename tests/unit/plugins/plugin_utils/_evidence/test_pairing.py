# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of each request is told right from whatever records are left of it, and nothing is told that did not happen."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._evidence import pairing
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event import APPLICATION_LOG, Events, KmsEvent, LogState
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.events import decode
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.pairing import Attempt, Client, pair_client, pair_fleet
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils._evidence.history import (
    CMID,
    NOON,
    NOT_INSTALLED,
    OFFICE,
    TIMESTAMP,
    UNREACHABLE,
    Try,
    answer_lost,
    refused,
    unreached,
)

HOUR = datetime.timedelta(hours=1)
OTHER_CMID = "08c3bda0-c556-4b61-9e4e-7bf6d4df80be"


def only(attempts: list[Attempt]) -> Attempt:
    assert len(attempts) == 1, attempts
    return attempts[0]


# --- each outcome ---


@pytest.mark.parametrize(
    ("request_", "with_response", "with_served", "outcome", "code"),
    [
        (unreached(), False, False, pairing.HOST_NOT_REACHED, "0x800706BA"),
        (Try(code=0xC004F074, host_code=None, count=None), False, False, pairing.HOST_NOT_REACHED, "0xC004F074"),
        (refused(), False, False, pairing.REFUSED, "0xC004F042"),
        (refused(), False, True, pairing.REFUSED, "0xC004F042"),
        (refused(TIMESTAMP, TIMESTAMP), False, True, pairing.REFUSED, "0xC004F06C"),
        (refused(UNREACHABLE, NOT_INSTALLED), False, True, pairing.REFUSED, "0xC004F015"),
        (Try(count=4), True, True, pairing.COUNT_TOO_LOW, None),
        (Try(count=4), True, False, pairing.COUNT_TOO_LOW, None),
        (Try(code=0xC004F038, count=None), False, True, pairing.COUNT_TOO_LOW, "0xC004F038"),
        (Try(), True, True, pairing.ACTIVATED, None),
        (Try(), True, False, pairing.ACTIVATED, None),
        (answer_lost(), False, True, pairing.ANSWER_LOST, "0x800706BE"),
        (Try(code=0xC004F074), False, True, pairing.ANSWER_LOST, "0xC004F074"),
        (Try(), False, True, pairing.ANSWER_LOST, None),
        (Try(), False, False, pairing.UNKNOWN, None),
    ],
)
def test_each_outcome_is_told_by_the_records_that_are_there(
    request_: Try, with_response: bool, with_served: bool, outcome: str, code: str | None
) -> None:
    events = [request_.sent(), *([request_.response()] if with_response else [])]
    found = only(pair_client("pc01", events, [request_.served()] if with_served else []))
    assert found.outcome == outcome
    assert (found.code.code if found.code else None) == code
    assert (found.client, found.cmid, found.host, found.port) == ("pc01", CMID, "kms01.corp.example", 1688)
    assert found.time == NOON
    assert (found.response is not None, found.served is not None) == (with_response, with_served)
    assert (found.count, found.required_count) == (request_.count if with_response else None, 5)


def test_a_request_that_only_the_host_knows_is_refused_or_unknown_and_never_activated() -> None:
    assert only(pair_client("pc01", [], [refused().served()], cmids=[CMID])).outcome == pairing.REFUSED
    found = only(pair_client("pc01", [], [Try().served()], cmids=[CMID]))
    assert found.outcome == pairing.UNKNOWN
    assert "no record of it" in found.notes[0]
    assert pair_client("pc01", [], [Try().served()], cmids=[CMID], since=NOON + HOUR) == []


def test_an_answer_without_its_request_still_tells_and_finds_its_12290() -> None:
    found = only(pair_client("pc01", [Try().response()], [Try().served()], cmids=[CMID]))
    assert (found.outcome, found.sent, found.served is not None, found.host) == (pairing.ACTIVATED, None, True, "kms01.corp.example")


def test_an_answer_that_the_client_could_not_use_is_no_activation() -> None:
    broken = dataclasses.replace(Try().response(), code=refused().sent().code)
    assert only(pair_client("pc01", [Try().sent(), broken])).outcome == pairing.REFUSED
    assert only(pair_client("pc01", [Try().sent(), Try().response(activated=None)])).outcome == pairing.UNKNOWN


@pytest.mark.parametrize(
    ("status", "minutes", "kind"),
    [
        (1, 250000, "renewal"),
        (1, 10, "renewal"),
        (2, 41760, "first"),
        (0, 0, "first"),
        (5, 0, "unknown"),
        (3, 43200, "unknown"),
        (None, 41760, "unknown"),
        (None, 250000, "renewal"),
        (None, None, "unknown"),
    ],
)
def test_first_activation_and_renewal_are_told_by_status_and_expiry(status: int | None, minutes: int | None, kind: str) -> None:
    event = Try().sent(license_status=status, minutes_to_expiry=minutes)
    assert only(pair_client("pc01", [event])).kind == kind
    assert only(pair_client("pc01", [], [Try().served(license_status=status, minutes_to_expiry=minutes)], cmids=[CMID])).kind == kind


# --- the guide's story, in the texts that Windows writes ---


def story(event_id: int, text: str, minute: int) -> KmsEvent:
    return decode(event_id, [text], log=APPLICATION_LOG, computer="PC01.corp.example", time=NOON.replace(minute=minute))


def test_a_client_in_its_grace_period_with_lone_12288_and_no_12290_was_never_at_the_host() -> None:
    events = [
        story(
            12288,
            f"0x800706BA, 0x00000008, kms01.corp.example:1688, {CMID}, 2026/11/24 12:0{minute}, 1, 2, 4174{minute}, {OFFICE}, 5",
            minute,
        )
        for minute in (2, 6)
    ]
    others = [Try(client="pc02.corp.example", cmid=OTHER_CMID, moment=NOON + HOUR / 60 * minute).served() for minute in range(9)]
    attempts = pair_client("pc01", events, others)
    assert [(found.outcome, found.kind, found.host, found.code and found.code.symbol) for found in attempts] == [
        ("host_not_reached", "first", "kms01.corp.example", "RPC_S_SERVER_UNAVAILABLE")
    ] * 2


def test_windows_own_texts_of_one_request_pair() -> None:
    sent = story(12288, f"0x00000000, 0x00000008, kms01.corp.example:1688, {CMID}, 2026/11/24 12:02, 1, 1, 250021, {OFFICE}, 5", 2)
    answer = story(12289, "0x00000000, 0x04000008, 0, 0, 4, 120, 10080, 2026/11/24 12:02", 2)
    served = decode(
        12290,
        ["", "0x0", "5", "pc01.corp.example", CMID, "2026/11/24 12:02", "1", "1", "250021", OFFICE],
        computer="kms01",
        time=NOON.replace(minute=1),
    )
    found = only(pair_client("pc01", [answer, sent], [served]))
    assert (found.outcome, found.kind, found.count, found.required_count) == ("count_too_low", "renewal", 4, 5)
    assert found.clock_difference_seconds == 60


# --- which records belong together ---


def test_the_request_of_a_clone_is_not_this_clients() -> None:
    mine, clones = unreached(), Try(client="pc02.corp.example")
    for served in ([clones.served()], [clones.served(), Try(client="pc03.corp.example").served()]):
        found = only(pair_client("pc01", mine.events(), served))
        assert (found.outcome, found.served) == (pairing.HOST_NOT_REACHED, None)
        assert "pc02.corp.example" in found.notes[-1]


def test_a_label_that_is_no_machine_name_decides_only_between_clones() -> None:
    sent, served = Try().sent(computer=None), Try().served()
    assert only(pair_client("web tier 1", [sent], [served])).served is served
    clone = Try(client="pc02.corp.example").served()
    assert only(pair_client("pc01", [sent], [clone, served])).served is served


@pytest.mark.parametrize("written", ["PC01", "pc01.CORP.example", "pc01.corp.example.", None, "<KMS Client name>"])
def test_a_name_may_be_short_or_full_in_any_case_or_blacked_out(written: str | None) -> None:
    assert only(pair_client("pc01", Try().events(), [Try().served(client=written)])).served is not None


def test_the_same_first_label_in_two_domains_is_two_machines() -> None:
    found = only(pair_client("pc01", Try().events(), [Try().served(client="pc01.other.example")]))
    assert found.served is None


def test_without_a_cmid_the_name_decides() -> None:
    mine = Try(cmid=None)
    others = [Try(client="pc02.corp.example", cmid=None).served(), Try(client="pc03.corp.example").served()]
    found = only(pair_client("pc01", mine.events(), [*others, mine.served()]))
    assert found.served is not None
    assert found.served.fields["client"] == "pc01.corp.example"
    assert only(pair_client("pc01", mine.events(), others)).served is None


def test_each_host_that_was_tried_is_an_attempt_and_the_answer_goes_with_the_last() -> None:
    second = datetime.timedelta(seconds=1)
    tries = [
        unreached(host="kms03.corp.example", number=1),
        refused(host="kms02.corp.example", moment=NOON + 2 * second, number=3),
        Try(moment=NOON + 4 * second, number=5),
    ]
    served = [tries[2].served(), tries[1].served()]
    attempts = pair_client("pc01", [event for each in reversed(tries) for event in each.events()], served)
    assert [(found.host, found.outcome) for found in attempts] == [
        ("kms03.corp.example", "host_not_reached"),
        ("kms02.corp.example", "refused"),
        ("kms01.corp.example", "activated"),
    ]
    assert [found.served.computer if found.served else None for found in attempts] == [None, "kms02.corp.example", "kms01.corp.example"]


def test_two_products_in_one_minute_have_each_their_own_answer() -> None:
    windows, office = Try(number=10, required=25, count=12), Try(number=12, product=OFFICE)
    served = [office.served(), windows.served()]
    attempts = pair_client("pc01", [*office.events(), *windows.events()], served)
    assert {found.activation_id: (found.outcome, found.count) for found in attempts} == {
        windows.product: ("count_too_low", 12),
        office.product: ("activated", 12),
    }
    assert all(found.served and found.served.fields["activation_id"] == found.activation_id for found in attempts)


def test_an_answer_is_not_given_to_a_request_whose_count_it_contradicts() -> None:
    asked = Try(required=25, count=None)
    answer = Try(required=5, count=12, number=101).response()
    attempts = pair_client("pc01", [asked.sent(), answer])
    assert sorted((found.outcome, found.response is not None) for found in attempts) == [("activated", True), ("unknown", False)]


def test_a_record_that_comes_twice_is_one() -> None:
    mine = Try()
    twice = [*mine.events(), *mine.events()]
    assert len(pair_client("pc01", twice, [mine.served(), mine.served()])) == 1


def test_a_host_named_by_an_alias_or_an_address_is_paired_and_an_alias_said() -> None:
    for named, notes in (("kms.corp.example", 1), ("10.20.0.5", 0)):
        found = only(pair_client("pc01", [Try().sent(host=named), Try().response()], [Try().served()]))
        assert found.served is not None
        assert (found.host, len(found.notes)) == (named, notes)


def test_a_host_that_was_not_reached_has_no_record_under_another_name() -> None:
    tried = unreached(host="kms02.corp.example")
    attempts = pair_client("pc01", tried.events(), [Try().served()])
    assert sorted(found.outcome for found in attempts) == ["host_not_reached", "unknown"]


# --- clocks ---


@pytest.mark.parametrize("ahead", [0.0, 119.0, -4000.0, 86400.0 * 400])
def test_clocks_that_differ_do_not_matter_where_both_records_have_the_clients_time(ahead: float) -> None:
    mine = dataclasses.replace(refused(TIMESTAMP, TIMESTAMP), client_clock=ahead)
    found = only(pair_client("pc01", mine.events(), [mine.served()], client_offset=ahead))
    assert found.served is not None
    assert found.time == NOON
    assert found.clock_difference_seconds == ahead


def test_without_the_clients_time_the_offsets_bring_the_clocks_together() -> None:
    mine = Try(client_clock=900.0, host_clock=-1200.0, minutes=0, status=5)
    bare = {"client_time": None}
    events = [mine.sent(**bare), mine.response(**bare)]
    offsets = {"client_offset": 900.0, "host_offset": {"KMS01": -1200.0}}
    assert only(pair_client("pc01", events, [mine.served(**bare)], **t.cast(t.Any, offsets))).served is not None
    assert [found.served is not None for found in pair_client("pc01", events, [mine.served(**bare)])] == [True, False]


def test_a_time_without_a_zone_is_not_taken_for_the_moment() -> None:
    local = NOON + 9 * HOUR
    found = only(pair_client("pc01", [Try().sent(time=local, time_is_local=True)], [Try().served()]))
    assert found.time == NOON.replace(second=0)
    assert found.clock_difference_seconds == -7


@pytest.mark.parametrize("hours", [1, -7, 5.5, 14, -9.5])
def test_local_time_on_one_side_is_found_when_all_pairs_say_the_same(hours: float) -> None:
    tries = [Try(moment=NOON + HOUR * place / 3, minutes=0, status=5, number=10 * place) for place in (0, 2, 9)]
    served = [each.served(client_time=each.told + HOUR * hours) for each in tries]
    attempts = pair_client("pc01", [event for each in tries for event in each.events()], served)
    assert [found.served.record_number if found.served else None for found in attempts] == [None if n is None else n for n in (0, 20, 90)]
    assert [found.outcome for found in attempts] == ["activated"] * 3


def test_one_pair_hours_apart_is_chance_unless_something_else_says_that_it_is_none() -> None:
    later = {"client_time": NOON.replace(second=0) + 2 * HOUR}
    blank = Try(minutes=0, status=5)
    assert len(pair_client("pc01", blank.events(), [blank.served(**later)])) == 2
    assert len(pair_client("pc01", Try().events(), [Try().served(**later)])) == 1
    assert len(pair_client("pc01", blank.events(), [blank.served(**later, time_is_local=True)])) == 1


def test_a_difference_that_the_host_would_have_refused_is_no_clock_difference() -> None:
    found = only(pair_client("pc01", Try().events(), [Try().served(time=NOON + 9 * HOUR)]))
    assert found.clock_difference_seconds is None
    assert "local time" in found.notes[0]


# --- never asked ---


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, True),
        ({"complete": None}, None),
        ({"complete": False}, None),
        ({"enabled": False}, None),
        ({"full": True}, None),
        ({"problem": "Access is denied."}, None),
        ({"oldest_record_at": None}, None),
        ({"oldest_record_at": None, "records": 0}, True),
        ({"oldest_record_at": NOON, "about_to_overwrite": True}, None),
        ({"oldest_record_at": NOON, "about_to_overwrite": None}, None),
        ({"oldest_record_at": NOON, "about_to_overwrite": False}, True),
    ],
)
def test_no_record_means_no_request_only_where_the_log_would_have_it(state: dict[str, t.Any], expected: bool | None) -> None:
    values = {"complete": True, "oldest_record_at": NOON - 48 * HOUR, **state}
    events = Events(since=NOON - 24 * HOUR, logs=(LogState(APPLICATION_LOG, **values),))
    assert pairing.never_asked(events).never_asked is expected
    assert pairing.never_asked(dataclasses.replace(events, records=(Try().sent(),))).never_asked is False


def test_a_log_that_was_not_read_says_nothing() -> None:
    assert pairing.never_asked(Events()).never_asked is None


# --- any history ---

HOSTS = ("kms01.corp.example", "kms02.corp.example", "kms03.corp.example")
CLIENTS = (("pc01.corp.example", CMID), ("pc02.corp.example", CMID), ("pc03.corp.example", OTHER_CMID))
FINAL = ("activated", "count_too_low", "refused", "unreached", "answer_lost")


@dataclasses.dataclass(frozen=True)
class History:
    tries: list[Try]
    client: list[KmsEvent]
    host: list[KmsEvent]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Requests of three machines, two of them with one CMID, in bursts of up to three hosts; then records are lost, doubled and shuffled."""
    clocks = st.integers(-10_000, 10_000)
    host_clocks = {host: draw(clocks) for host in HOSTS}
    tries: list[Try] = []
    number = 0
    for client, cmid in CLIENTS:
        clock, moment, expiry = draw(clocks), NOON, draw(st.sampled_from([0, 43_200]))
        for _ in range(draw(st.integers(0, 4))):
            moment += datetime.timedelta(minutes=draw(st.integers(10, 400)))
            hosts = draw(st.permutations(HOSTS))[: draw(st.integers(1, 3))]
            product, required = draw(st.sampled_from([("ef6cfc9f-8c5d-44ac-9aad-de6a2ea0ae03", 25), (OFFICE, 5)]))
            minutes = max(0, expiry - int((moment - NOON).total_seconds() // 60))
            for place, host in enumerate(hosts):
                last = place == len(hosts) - 1
                ending = draw(st.sampled_from(FINAL if last else ("unreached", "refused")))
                number += 10
                base: dict[str, t.Any] = {
                    "moment": moment + datetime.timedelta(seconds=2 * place),
                    "client": client,
                    "cmid": cmid,
                    "host": host,
                    "product": product,
                    "required": required,
                    "minutes": minutes,
                    "status": 2 if expiry else 5,
                    "client_clock": clock,
                    "host_clock": host_clocks[host],
                    "number": number,
                }
                tries.append(
                    {
                        "activated": lambda base=base: Try(count=30, **base),
                        "count_too_low": lambda base=base: Try(count=3, **base),
                        "refused": lambda base=base: refused(**base),
                        "unreached": lambda base=base: unreached(**base),
                        "answer_lost": lambda base=base: answer_lost(**base),
                    }[ending]()
                )
    on_client = [event for each in tries for event in each.events()]
    on_host = [each.served() for each in tries if each.host_code is not None]
    kept = [
        draw(st.permutations([event for event in events for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2))))]))
        for events in (on_client, on_host)
    ]
    # Whose log is there is known by some other client's request.
    witnesses = [
        Try(client="pc99.corp.example", cmid="99999999-2fd5-440b-be67-a09996d27a38", host=host, number=1).served() for host in HOSTS
    ]
    return History(tries, kept[0], [*kept[1], *witnesses])


def expected(request: Try, sent: bool, answered: bool, served: bool) -> str:
    if request.count is not None and answered:
        return "activated" if request.count >= request.required else "count_too_low"
    if request.host_code:
        return "refused"
    if request.host_code is None:
        return "host_not_reached"
    return "unknown" if not sent or (not served and request.code == 0) else "answer_lost" if served else "host_not_reached"


def records_of(attempt: Attempt) -> list[KmsEvent]:
    return [event for event in (attempt.sent, attempt.response, attempt.served) if event is not None]


@settings(max_examples=60)
@given(histories(), st.booleans())
def test_every_request_is_told_right_by_what_is_left_of_it_and_none_is_invented(history: History, by_index: bool) -> None:
    for name, _ in CLIENTS:
        events = [event for event in history.client if event.computer == name]
        cmids = tuple(cmid for client, cmid in CLIENTS if client == name)
        if by_index:
            ((_, attempts),) = pair_fleet([Client(name, events, (name,), cmids)], history.host)
        else:
            attempts = pair_client(name, events, history.host, names=[name], cmids=cmids)
        found = {}
        for attempt in attempts:
            numbers = {(event.record_number or 0) // 10 for event in records_of(attempt)}
            assert len(numbers) == 1, "records of several requests in one attempt"
            found[numbers.pop()] = attempt
        assert len(found) == len(attempts), "a request was told twice"
        for each in (each for each in history.tries if each.client == name):
            left = (
                each.sent() in events,
                each.count is not None and each.response() in events,
                each.host_code is not None and each.served() in history.host,
            )
            attempt = found.pop(each.number // 10, None)  # type: ignore[assignment]
            assert (attempt is not None) == any(left)
            if attempt is not None:
                assert attempt.outcome == expected(each, *left)
                assert [event.event_id for event in records_of(attempt)] == [12288 + place for place in range(3) if left[place]]
        assert not found, "a request was invented"


@settings(max_examples=60)
@given(st.data())
def test_any_records_at_all_are_each_used_once_and_never_an_error(data: st.DataObject) -> None:
    times = st.none() | st.datetimes(datetime.datetime(2026, 11, 24), datetime.datetime(2026, 11, 25)).map(
        lambda moment: moment.replace(tzinfo=datetime.UTC)
    )
    odd = st.fixed_dictionaries(
        {
            "time": times,
            "client_time": times,
            "time_is_local": st.booleans(),
            "record_number": st.none() | st.integers(0, 5),
            "cmid": st.sampled_from([CMID, None, OTHER_CMID]),
            "minutes_to_expiry": st.sampled_from([None, 0, 10]),
            "activation_id": st.sampled_from([None, OFFICE]),
            "license_status": st.none() | st.integers(0, 7),
            "computer": st.sampled_from([None, "pc01", "kms01.corp.example"]),
            "code": st.sampled_from([None, Try().sent().code, unreached().sent().code]),
        }
    )
    makers: list[t.Callable[..., KmsEvent]] = [Try().sent, Try().response, Try().served]
    events = [data.draw(st.sampled_from(makers))(**values) for values in data.draw(st.lists(odd, max_size=12))]
    attempts = pair_client("pc01", events, events, client_offset=data.draw(st.none() | st.floats(-9e4, 9e4)))
    used = [id(event) for attempt in attempts for event in records_of(attempt)]
    assert len(used) == len(set(used))
    assert {id(event) for event in events} >= set(used)
    assert all(
        attempt.outcome in pairing.OUTCOMES and attempt.kind in (pairing.FIRST, pairing.RENEWAL, pairing.UNKNOWN) for attempt in attempts
    )
    sent = {id(attempt.sent) for attempt in attempts if attempt.sent}
    assert len(sent) == sum(attempt.sent is not None for attempt in attempts)


# --- the codes that pairing knows by number ---


def test_a_code_that_names_no_trouble_on_the_way_is_told_as_such() -> None:
    found = only(pair_client("pc01", [dataclasses.replace(Try(count=None), code=0x80070005).sent()]))
    assert (found.outcome, len(found.notes)) == (pairing.HOST_NOT_REACHED, 1)
    assert only(pair_client("pc01", unreached().events())).notes == ()


@pytest.mark.parametrize("computers", [("KMS01.corp.example", "kms01"), ("kms01", "kms01.corp.example")])
def test_a_record_of_the_host_makes_one_attempt_however_the_host_is_spelled(computers: tuple[str, str]) -> None:
    served = [dataclasses.replace(answer_lost().served(), computer=computer) for computer in computers]
    assert len(pair_client("pc01", (), served)) == 1
