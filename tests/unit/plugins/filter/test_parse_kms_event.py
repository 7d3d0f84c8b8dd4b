# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter gives plain data, as its documentation has it, and says what it can't take."""

from __future__ import annotations

import json
import pathlib

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.activation.kms.plugins.filter import parse_kms_event as module

from tests.unit.plugins.plugin_utils._evidence.stored_events import CMID, ELEMENTS, KEY, SENT, SENTENCES, SERVED, SLUI, xml

parse = module.FilterModule().filters()["parse_kms_event"]


def test_every_form_gives_the_same_plain_record_as_documented():
    [sent] = parse(SENT, 12288)
    assert json.loads(json.dumps(sent)) == sent
    documentation = yaml.safe_load(pathlib.Path(module.__file__).with_suffix(".yml").read_text(encoding="utf-8"))
    assert list(sent) == list(documentation["RETURN"]["_value"]["contains"])
    assert sent["fields"]["client_time"] == "2026-11-24T08:15:00Z"
    assert sent["code"] == {"code": "0xC004F06C", "symbol": "SL_E_VL_INVALID_TIMESTAMP", "meaning": "Request timestamp rejected."}
    windows = {"Id": 12288, "Properties": [{"Value": SENT}]}
    forms = [
        SENT,
        SENT.encode("utf-16"),
        [SENT],
        xml(12288, [SENT]),
        windows,
        [windows],
        {"value": [windows]},
        json.dumps(windows),
        sent,
        {"records": [sent]},
    ]
    forms += [f'Id,Message\n12288,"{SENT}"\n', f"Event ID: 12288\n{SENTENCES['de']}{SENT}"]
    for form in forms:
        assert [(event["fields"], event["code"], event["name"]) for event in parse(form)] == [
            (sent["fields"], sent["code"], "request_sent")
        ], form


def test_an_event_id_says_what_a_text_or_strings_are():
    assert parse(ELEMENTS, event_id="12290") == [{**parse(SERVED, 12290)[0], "strings": ELEMENTS}]
    assert parse(f"Etwas schlug fehl:\nhr=0xC004F074\n{SLUI}", event_id=8198)[0]["code"]["code"] == "0xC004F074"
    assert parse("anything", event_id=4711)[0]["name"] == "unknown"


def test_no_records_are_no_events():
    assert parse([]) == parse({}) == parse("<Events></Events>") == parse({"events": {"records": []}}) == []


@pytest.mark.parametrize(
    ("value", "event_id", "said"),
    [
        (None, None, "the value is nothing, not a text"),
        (17, None, "the value is a whole number"),
        ("nothing here", None, "nothing in it that is known"),
        ([SENT, "nothing here"], None, "text 2 has nothing"),
        ("x", "many", "event_id is 'many', not the number"),
        ("x", 70000, "not the number"),
        ("x", True, "not the number"),
        ({"Id": 1}, 12288, "with event_id the value is the text"),
        (b"PK\x03\x04", None, "is packed"),
    ],
)
def test_what_it_cannot_take_is_an_error_of_the_filter(value, event_id, said):
    with pytest.raises(AnsibleFilterError, match=f"^parse_kms_event: .*{said}"):
        parse(value, event_id)


def test_no_key_gets_through_not_even_from_our_own_records():
    [event] = parse(SENT.replace("kms01", KEY))
    again = parse({**event, "strings": [KEY], "fields": {"host": KEY, "cmid": CMID}, "computer": KEY})
    assert KEY not in json.dumps([event, again]) and again[0]["fields"]["cmid"] == CMID
    with pytest.raises(AnsibleFilterError) as caught:
        parse("x", KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_beyond_the_calendar_is_a_problem_of_the_record(time):
    [event] = parse({"Id": 12288, "TimeCreated": time, "Properties": [{"Value": SENT}]})
    assert event["time"] is None
    assert len(event["problems"]) == 1 and "can't be told" in event["problems"][0]
