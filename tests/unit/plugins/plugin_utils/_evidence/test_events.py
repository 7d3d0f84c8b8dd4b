# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A record is decoded from whatever form it is stored in, to the values it has or to none."""

from __future__ import annotations

import datetime
import json
import pathlib
import re
import uuid

import pytest
import yaml
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.event_types import all_events
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event import read_event
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.events import decode, decode_record
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import EventRecord
from hypothesis import example, given
from hypothesis import strategies as st

from tests.lab.model import eventlog
from tests.lab.model import languages as language
from tests.unit.plugins.plugin_utils._evidence.stored_events import (
    CMID,
    ELEMENTS,
    KEY,
    PROCESSED,
    PROCESSED_FIELDS,
    SENT,
    SENT_FIELDS,
    SENTENCES,
    SERVED,
    SERVED_FIELDS,
    SKU,
    SLUI,
    WINDOWS,
)

LAB = pathlib.Path(language.__file__).parent
SAMPLES = pathlib.Path(__file__).resolve().parents[5].parent / "shared/reference/events_samples.txt"
IDS = [row.event_id for row in all_events()]


def utc(*parts):
    return datetime.datetime(*parts, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    "strings",
    [
        [SENT],
        [SENT.replace(", ", ",")],
        SENT.split(", "),
        ["", *SENT.split(", ")],
        *([sentence + SENT] for sentence in SENTENCES.values()),
        [SENTENCES["en"] + SENT + "\r\n\r\nEvent Xml:\r\nanything, else"],
        [SENTENCES["en"] + SENT + "\r\nKeywords: Classic, 5"],
        [SENTENCES["en"] + SENT.replace(", 2026", ",\n          2026").replace("/24 08", "/24\n   08").replace("example", "exam\n   ple")],
    ],
)
def test_12288_is_read_from_every_form(strings):
    event = decode(12288, strings)
    assert (event.name, event.side, event.code.code, event.problems) == ("request_sent", "client", "0xC004F06C", ())
    assert event.fields == SENT_FIELDS


@pytest.mark.parametrize(
    "strings", [[PROCESSED], [PROCESSED.replace(" ", "").replace("24", "24 ")], PROCESSED.split(", "), [SENTENCES["ja"] + PROCESSED]]
)
def test_12289_is_read_from_every_form(strings):
    event = decode(12289, strings)
    assert (event.name, event.side, event.number, event.problems) == ("response_processed", "client", 0, ())
    assert event.fields == PROCESSED_FIELDS


@pytest.mark.parametrize(
    "strings",
    [
        ELEMENTS,
        ["0x12", *ELEMENTS[1:]],
        ["17", *ELEMENTS[1:]],
        ELEMENTS[1:],
        [SERVED],
        [SERVED.replace(",", ", ")],
        *([sentence + SERVED] for sentence in SENTENCES.values()),
        [SENTENCES["en"] + SERVED.replace("b1ca-108d", "b1ca-\n   108d") + "\nLevel: 4"],
    ],
)
def test_12290_is_read_from_every_form(strings):
    event = decode(12290, strings)
    assert (event.name, event.side, event.code.symbol, event.problems) == ("request_served", "host", "SL_E_VL_INVALID_TIMESTAMP", ())
    assert event.fields == SERVED_FIELDS


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026/1/4 2:30", utc(2026, 1, 4, 2, 30)),
        ("2026/01/04 02:30", utc(2026, 1, 4, 2, 30)),
        ("2026.1.4 2:30", utc(2026, 1, 4, 2, 30)),
        ("2026/1/4 2:30:05", utc(2026, 1, 4, 2, 30, 5)),
        ("1/14/2006 2:30", utc(2006, 1, 14, 2, 30)),
        ("14/1/2006 2:30", None),
        ("2026/2/30 2:30", None),
        ("2026/1/4 2:3", None),
        ("２０２６/1/4 2:30", None),
    ],
)
def test_the_clients_time_is_read_in_the_forms_that_were_seen(text, when):
    assert decode(12290, [SERVED.replace("2026/11/24 8:15", text)]).fields["client_time"] == when


@pytest.mark.parametrize(
    ("endpoint", "host", "port"),
    [
        ("kms01:1688", "kms01", 1688),
        ("[2001:db8::5]:1689", "2001:db8::5", 1689),
        ("2001:db8::5:1689", "2001:db8::5", 1689),
        ("fe80::1%4:1688", "fe80::1%4", 1688),
        ("<KMS Host FQDN>:1688", "<KMS Host FQDN>", 1688),
        ("kms01", "kms01", None),
        ("[2001:db8::5]", "2001:db8::5", None),
        ("kms01:", "kms01", None),
        ("kms01:99999", "kms01", None),
        (":1688", None, 1688),
    ],
)
def test_the_port_is_behind_the_last_colon(endpoint, host, port):
    event = decode(12288, [SENT.replace("kms01.example.com:1688", endpoint)])
    assert (event.fields["host"], event.fields["port"]) == (host, port)
    assert bool(event.problems) is (host is None or port is None)


@pytest.mark.parametrize("number", [language.ENGLISH, *yaml.safe_load((LAB / "languages.yml").read_bytes())])
def test_what_the_lab_says_in_its_languages_is_read(number):
    logs = eventlog.EventLogs()
    for event_id, strings in ((12288, [SENT]), (12290, ELEMENTS), (12289, [PROCESSED]), (12293, ["example.com", "0x80072338"])):
        logs.write(eventlog.APPLICATION, event_id, strings, utc(2026, 11, 24))
        [record, *_] = logs.newest_first(eventlog.APPLICATION)
        message = language.language(number).event(event_id, strings, record.message)
        rendered, data = decode(event_id, [message]), decode(event_id, record.strings)
        assert (rendered.fields, rendered.code, rendered.problems) == (data.fields, data.code, ())


def test_a_missing_minimum_is_no_problem():
    for text in (SENT.removesuffix(" 25"), SENT.removesuffix("25")):
        event = decode(12288, [text])
        assert (event.fields["required_count"], event.fields["activation_id"], event.problems) == (None, SKU, ())


@pytest.mark.parametrize(("text", "number"), [("0x0", 0), ("0x5", 5), ("0xc004f074", 0xC004F074)])
def test_a_code_has_one_to_eight_digits(text, number):
    assert decode(12288, [SENT.replace("0xC004F06C", text)]).number == number


@pytest.mark.parametrize("text", ["", "5", "C004F074", "0x", "0x1C004F0740"])
def test_what_is_no_code_is_told(text):
    event = decode(12290, ["", text, *ELEMENTS[2:]])
    assert event.code is None
    assert event.fields == SERVED_FIELDS
    assert len(event.problems) == 1


def test_parts_too_many_are_not_guessed_at():
    # A client may call itself what it likes.
    forged = SERVED.replace("pc01.example.com", f"x,{CMID},2026/1/1 1:11,0,1,9,{SKU}")
    event = decode(12290, [SENTENCES["en"] + forged])
    assert event.number == 0xC004F06C
    assert set(event.fields.values()) == {None}
    assert "more than 9 parts" in event.problems[0]


def test_a_number_that_may_have_been_cut_is_not_taken():
    # 41760 cut to 417, and the minimum 25 wrapped into 2 and 5.
    cut = decode(12288, [SENT[: SENT.index("60, ")]])
    assert (cut.fields["minutes_to_expiry"], cut.fields["license_status"], cut.fields["activation_id"]) == (None, 2, None)
    wrapped = decode(12288, [SENT[:-1] + "\n5\n"])
    assert (wrapped.fields["required_count"], wrapped.fields["minutes_to_expiry"]) == (None, 41760)
    assert cut.problems and wrapped.problems


@pytest.mark.parametrize(
    ("strings", "domain"),
    [
        (["example.com", "0x80072338"], "example.com"),
        (["0x80072338", "corp"], "corp"),
        (["Publishing the Key Managment Service (KMS) to DNS in the `example.com` domain failed.\r\nInfo:  0x80072338"], "example.com"),
        (["Die Veröffentlichung in der Domäne „corp“ ist fehlgeschlagen.\r\nInfo:\r\n0x80072338"], "corp"),
        (["在 example.com 域中发布失败。\n信息: 0x80072338"], "example.com"),
        (["0x80072338"], None),
    ],
)
def test_a_failure_to_publish_has_its_domain_and_its_code(strings, domain):
    event = decode(12293, strings)
    assert (event.name, event.code.code, event.fields) == ("publish_failed", "0x80072338", {"domain": domain})
    assert bool(event.problems) is (domain is None)
    assert decode(12294, [text for text in strings if text != "0x80072338"]).fields == {"domain": domain}


def test_the_other_events_give_what_they_hold():
    slui = decode(8198, ["hr=0x800704CF", SLUI])
    assert slui.code.code == "0x800704CF"
    assert slui.fields == {
        "rule_id": WINDOWS,
        "action": "AutoActivate",
        "application_id": WINDOWS,
        "activation_id": SKU,
        "notification_interval": 1440,
        "trigger": "TimerEvent",
        "session_id": 2,
    }
    rendered = decode(8198, [f"Lizenzaktivierung (slui.exe) ist fehlgeschlagen:\r\nhr=0x800704CF\r\nArgumente:\r\n{SLUI}"])
    assert (rendered.code, rendered.fields) == (slui.code, slui.fields)
    reported = decode(8233, [f"Reason:0x8007232B\nAppId = {WINDOWS}, SkuId = {SKU}\nTrigger=NetworkAvailable"])
    assert (reported.number, reported.fields["activation_id"], reported.fields["trigger"]) == (0x8007232B, SKU, "NetworkAvailable")
    for strings in ([SKU, "Object", "CN=x,DC=example"], [f"Erfolgreich.\nSku-ID = {SKU}\nName = Object\nDN = CN=x,DC=example"]):
        assert decode(12308, strings).fields == {"activation_id": SKU, "object_name": "Object", "object_dn": "CN=x,DC=example"}
    assert decode(900, ["caller=wsqmcons.exe"]).fields == decode(900, ["Der Dienst startet.\nParameter:caller=wsqmcons.exe"]).fields
    assert decode(8229, ["Fehler.\nCode:0x80070005\nPfad:C:\\Windows\\System32\\SLUI.exe"]).fields == {
        "path": "C:\\Windows\\System32\\SLUI.exe"
    }
    assert decode(16384, ["2026-11-24T08:15:00Z", "TBL"]).fields == {"restart_at": "2026-11-24T08:15:00Z", "reason": "TBL"}


def test_another_programs_record_with_the_same_number_is_not_taken_for_one():
    assert decode(1040, ["Beginning a Windows Installer transaction"], source="MsiInstaller").name == "unknown"
    assert decode(1040, [], source="Software Protection Platform Service").name == "hardware_changed"
    # The log of 12290 is open to anybody, and its source is spelled in three ways.
    assert decode(12290, ELEMENTS, source="whatever").name == "request_served"


def test_a_record_of_a_machine_keeps_where_it_lay():
    when = utc(2026, 11, 24, 8, 15)
    event = decode_record(EventRecord("Key Management Service", 17, 12290, "KmsRequests", when, tuple(ELEMENTS)), "kms01")
    assert (event.log, event.record_number, event.time, event.computer) == ("Key Management Service", 17, when, "kms01")
    assert event.strings == tuple(ELEMENTS)


def test_no_key_and_no_control_character_gets_through():
    event = decode(12290, ["", *SERVED.replace("pc01.example.com", f"\x1b[31m{KEY}\u202e").split(",")], computer=f"pc {KEY}", log=KEY)
    shown = json.dumps(event.as_dict())
    assert KEY not in shown and "QR5ST" in shown
    assert event.fields["client"] == "[31mXXXXX-XXXXX-XXXXX-XXXXX-QR5ST"
    assert KEY not in json.dumps([decode(number, [KEY, f"{KEY}, {KEY}"]).as_dict() for number in [*IDS, 4711]])


TEXTS = st.lists(
    st.one_of(
        st.none(),
        st.text(),
        st.sampled_from([SENT, PROCESSED, SERVED, SLUI, KEY]),
        st.from_regex(r"0x[0-9a-f]{0,9}( ?, ?[ -~\n]{0,6}){0,11}"),
    ),
    max_size=12,
)


@given(st.sampled_from([*IDS, 0, 4711]), TEXTS)
@example(12288, ["0x0,\ud800"])
def test_any_strings_give_a_record_that_can_be_stored(event_id, strings):
    event = decode(event_id, strings, source=None, time=datetime.datetime(2026, 1, 1))
    stored = json.loads(json.dumps(event.as_dict()).encode())
    assert read_event(stored).as_dict() == event.as_dict()
    assert event.time == utc(2026, 1, 1)


names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,14}(\.[a-z0-9]{1,8}){0,3}", fullmatch=True)
guids = st.uuids().map(str)
numbers = st.integers(0, 0xFFFFFFFF)
moments = st.datetimes(utc(1970, 1, 1).replace(tzinfo=None), utc(9000, 1, 1).replace(tzinfo=None)).map(
    lambda time: time.replace(second=0, microsecond=0, tzinfo=datetime.UTC)
)
FORMS = (
    "{0:%Y}/{0:%m}/{0:%d} {0:%H}:{0:%M}",
    "{0.year:04}/{0.month}/{0.day} {0.hour}:{0:%M}",
    "{0.month}/{0.day}/{0.year:04} {0.hour}:{0:%M}",
)


def stored(parts, how, offset):
    """Return the parts in one of the forms of storage, and None where a form does not exist for them."""
    if how == "elements":
        return [""] * offset + parts
    return [("Was immer.\r\nInfo:\r\n" if how == "rendered" else "") + (", " if offset else ",").join(parts)]


@given(
    numbers, numbers, names, st.integers(1, 65535), guids, moments, st.booleans(), st.integers(0, 6), numbers, guids,
    st.one_of(st.none(), numbers), st.sampled_from(FORMS), st.sampled_from(["elements", "joined", "rendered"]), st.integers(0, 1),
)  # fmt: skip
def test_what_was_stored_comes_back_or_nothing(
    code, flags, name, port, cmid, when, virtual, status, minutes, sku, needed, form, how, offset
):
    common = [cmid, form.format(when), str(int(virtual)), str(status), str(minutes), sku]
    sent = decode(
        12288, stored([f"0x{code:08X}", f"0x{flags:X}", f"{name}:{port}", *common, "" if needed is None else str(needed)], how, offset)
    )
    expected = {"status_flags": flags, "host": name, "port": port, "required_count": needed, "cmid": cmid, "client_time": when}
    expected |= {"virtual": virtual, "license_status": status, "minutes_to_expiry": minutes, "activation_id": sku}
    assert {**sent.fields, **expected} == sent.fields
    assert (sent.number, sent.problems) == (code, ())
    served = decode(12290, stored([f"0x{code:X}", str(minutes), name, *common], how, offset))
    expected = {
        "required_count": minutes,
        "client": name,
        **{key: expected[key] for key in ("cmid", "client_time", "virtual", "minutes_to_expiry")},
    }
    assert {**served.fields, **expected} == served.fields
    assert (served.number, served.problems) == (code, ())
    processed = decode(
        12289,
        stored(
            [f"0x{code:X}", f"0x{flags:X}", str(int(virtual)), "0", str(port), str(minutes), str(status), form.format(when)], how, offset
        ),
    )
    expected = {"status_flags": flags, "activated": virtual, "count": port, "activation_interval_minutes": minutes}
    expected |= {"renewal_interval_minutes": status, "client_time": when, "flags": processed.fields["flags"]}
    assert (processed.fields, processed.number, processed.problems) == (expected, code, ())


@given(st.integers(0, len(SENT)), st.integers(0, len(SERVED)), st.integers(0, len(PROCESSED)))
def test_a_text_that_was_cut_gives_no_wrong_value(sent, served, processed):
    for event_id, text, whole in (
        (12288, SENT[:sent], SENT_FIELDS),
        (12290, SERVED[:served], SERVED_FIELDS),
        (12289, PROCESSED[:processed], PROCESSED_FIELDS),
    ):
        fields = decode(event_id, [text]).fields
        assert fields.keys() == whole.keys()
        # The last field of 12288 has nothing behind it by which a cut could be told.
        assert {name: value for name, value in fields.items() if value is not None and value != whole[name]} in ({}, {"required_count": 2})


def samples():
    found = re.findall(r"^=== SAMPLE (\d+) \| (\d+)[^\n]*\n(.*?)^--- end", SAMPLES.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return {int(number): (int(event_id), text) for number, event_id, text in found}


@pytest.mark.skipif(not SAMPLES.exists(), reason="needs the published samples, shared/reference/events_samples.txt beside the checkout")
def test_every_published_sample_gives_its_documented_values():
    text = samples()
    decoded = {number: decode(event_id, [sample]) for number, (event_id, sample) in text.items()}
    documented = {
        1: (0xC004F06C, {"status_flags": 0, "host": "<KMS Host FQDN>", "port": 1688, "client_time": utc(2010, 9, 29, 17, 52),
            "virtual": False, "license_status": 2, "minutes_to_expiry": 41760, "required_count": 5}),
        2: (0xC004F06C, {"required_count": 5, "client": "<KMS Client name>", "client_time": utc(2010, 9, 29, 21, 46), "minutes_to_expiry": 41520}),
        6: (0, {"status_flags": 8, "host": "kms01.contoso.com", "port": 1688, "client_time": utc(2006, 1, 14, 2, 30),
            "virtual": True, "minutes_to_expiry": 40123, "required_count": 25}),
        7: (0, {"status_flags": 0x04000008, "activated": False, "count": 4, "activation_interval_minutes": 120,
            "renewal_interval_minutes": 10080, "client_time": utc(2006, 1, 14, 2, 30)}),
        8: (0, {"required_count": 25, "client": "kms03.site5.contoso.com", "client_time": utc(2006, 1, 14, 22, 36), "virtual": True}),
        9: (0x80072338, {"domain": "contoso.com"}),
        10: (0xC004F074, {"action": "AutoActivate", "notification_interval": 1440, "trigger": "TimerEvent"}),
        12: (None, {"activation_id": None}),
        13: (0x80070005, {"path": "C:\\Windows\\System32\\SLUI.exe"}),
        14: (0x80072EE7, {}),
        15: (0x80072EE7, {"template_id": "99d92734-d682-4d71-983e-d6ec3f16059f"}),
        16: (None, {"parameters": "caller=wsqmcons.exe"}),
        17: (None, {"activation_id": None, "object_name": "Windows(R) Operating System, VOLUME_KMS_2012-R2_WIN10 channel"}),
        18: (0xC004F011, {}),
        19: (None, {"activation_id": None}),
        23: (None, {}),
        24: (0x800704CF, {"trigger": "UserLogon"}),
        26: (None, {"license_state": "SL_LICENSING_STATUS_LICENSED", "partial_key": "YG9R6", "grace_end": "2024/02/03:22:33:07"}),
        27: (None, {}),
    }  # fmt: skip
    assert documented.keys() == text.keys()
    for number, (code, fields) in documented.items():
        event = decoded[number]
        assert (number, event.number) == (number, code)
        assert (number, {name: event.fields[name] for name in fields}) == (number, fields)
    ids = [event.fields["cmid"] for number, event in decoded.items() if number in (1, 2, 6, 8)]
    assert all(str(uuid.UUID(cmid)) == cmid for cmid in ids) and ids[0] == ids[1]
