# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of diagnose to an answer: every kind of input alone and together, and what bad input says."""

from __future__ import annotations

import datetime
import json
import pathlib
import time
import typing as t

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils import _question
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import read_facts
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.plain import EvidenceError
from ansible_collections.activation.kms.plugins.plugin_utils._question import Question, put_question
from ansible_collections.activation.kms.plugins.plugin_utils._report.dlv_text import dlv_text

from tests.unit.plugins.plugin_utils._diagnosis.evidence import NOW, cmid_of, kms_host
from tests.unit.plugins.plugin_utils._report.story import DOMAIN, LONE_REQUEST, Plain, client_row, host_row, probe_row, srv_row

FIREWALL = "host_firewall_exception_off"


def ask(question: Question) -> Plain:
    return question.ask(limit_per_rule=100, attempts=True).as_dict()


def diagnosed(**options: t.Any) -> Plain:
    return ask(put_question(options, NOW))


def roots(diagnosis: Plain) -> list[str]:
    return [row["id"] for row in diagnosis["findings"] if row["severity"] != "info"]


def written(folder: pathlib.Path, *rows: Plain, name: str = "facts.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def without_events(row: Plain) -> Plain:
    return {key: value for key, value in row.items() if key != "events"}


def xml(event_id: int, log: str, computer: str, string: str, record: int = 1) -> str:
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Security-SPP'/>"
        f"<EventID Qualifiers='16384'>{event_id}</EventID><TimeCreated SystemTime='2026-11-24T06:15:00Z'/><EventRecordID>{record}</EventRecordID>"
        f"<Channel>{log}</Channel><Computer>{computer}</Computer></System><EventData><Data>{string}</Data></EventData></Event>"
    )


def test_results_of_modules_and_a_facts_file_tell_the_same(tmp_path: pathlib.Path) -> None:
    rest = {"srv": [srv_row()], "probes": [probe_row()]}
    live = diagnosed(machines=[client_row(), host_row()], **rest)
    assert roots(live) == [FIREWALL]
    assert diagnosed(facts_paths=[written(tmp_path, client_row(), host_row())], **rest) == live


def test_what_is_live_counts_more_than_what_a_file_says(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, host_row(), client_row())
    mended = diagnosed(
        facts_paths=[path], machines=[without_events(json.loads(json.dumps(host_row(**{"host": kms_host().facts.as_dict()["host"]}))))]
    )
    assert FIREWALL not in roots(mended)
    assert mended["machines"] == 2


def test_exported_events_find_their_machines_in_a_facts_file(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, without_events(client_row()), without_events(host_row()))
    export = tmp_path / "all.xml"
    export.write_text("<Events>" + xml(12288, "Application", f"pc01.{DOMAIN}", LONE_REQUEST) + "</Events>", encoding="utf-8")
    found = diagnosed(facts_paths=[path], event_exports=[str(export)])
    assert roots(found) == [FIREWALL]
    assert [attempt["outcome"] for attempt in found["attempts"]["pc01"]] == ["host_not_reached"]
    assert found["machines"] == 2


def test_pasted_text_of_both_ends_and_an_event_is_enough_to_tell_what_stops_the_client(tmp_path: pathlib.Path) -> None:
    def pasted(row: Plain) -> str:
        # As somebody pastes it, without the command and so without a name.
        return dlv_text(read_facts(row)).partition("\n")[2]

    export = tmp_path / "client.xml"
    export.write_text(xml(12288, "Application", "PC01", LONE_REQUEST), encoding="utf-8")
    question = put_question({"pasted": [pasted(client_row()), pasted(host_row())], "event_exports": [{"path": str(export)}]}, NOW)
    found = ask(question)
    assert roots(found) == ["client_host_not_reached"]
    assert question.assumptions == (
        "pasted text 1 is taken to be of PC01, which has the same client machine id (CMID).",
        f"The host is taken to be kms01.{DOMAIN}, the only one that the client asks.",
    )
    assert "the firewall rules of the host" in " ".join(gap["needs"] for gap in found["not_judged"])


def test_an_event_may_be_pasted_too() -> None:
    text = f"Event ID: 12288\nComputer: PC01\nThe client has sent an activation request to the key management service machine.\nInfo:\n{LONE_REQUEST}\n"
    found = diagnosed(pasted=[text])
    assert [attempt["code"]["code"] for attempts in found["attempts"].values() for attempt in attempts] == ["0x800706BA"]


def test_a_long_log_of_a_host_is_paired_without_being_kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_question, "RECORDS_KEPT", 3)
    served = [
        f"0x0,25,pc{number:02}.{DOMAIN},{cmid_of(f'pc{number:02}')},2026/11/24 06:15,1,2,43200,73111121-5638-40f6-bc11-f1d7b0d64300"
        for number in range(1, 9)
    ]
    export = tmp_path / "kms.xml"
    export.write_text(
        "<Events>" + "".join(xml(12290, "Key Management Service", "KMS01", row, number) for number, row in enumerate(served)) + "</Events>",
        encoding="utf-8",
    )
    question = put_question({"facts_paths": [written(tmp_path, host_row())], "event_exports": [str(export)]}, NOW)
    (host,) = question.machines()
    assert host.events is not None
    assert len(host.events.records) == 3
    rest = list(question.host_records())
    assert [event.fields["client"] for event in rest] == [f"pc{number:02}.{DOMAIN}" for number in range(4, 9)]
    assert {event.computer for event in rest} == {"KMS01"}


def test_an_earlier_reading_of_a_host_shows_what_grew(tmp_path: pathlib.Path) -> None:
    def reading(failed: int) -> Plain:
        row = host_row()
        for requests in (row["host"]["requests"], row["products"][0]["requests"]):
            requests["failed"] = failed
        return row

    earlier = written(tmp_path, reading(3), client_row(), name="earlier.jsonl")
    question = put_question({"machines": [reading(40)], "earlier_paths": [earlier]}, NOW)
    assert [(machine.name, machine.facts.host.requests and machine.facts.host.requests.failed) for machine in question.earlier] == [
        ("kms01", 3)
    ]


def test_twenty_thousand_machines_stream(tmp_path: pathlib.Path) -> None:
    """2000 of them here; tests/bench has the rest. It is held to a bound a machine, far above what it takes."""
    row = without_events(client_row())
    path = written(tmp_path, host_row(), *(row | {"inventory_hostname": f"pc{number:05}"} for number in range(2000)))
    begin = time.process_time()
    found = put_question({"facts_paths": [path]}, NOW).ask(limit_per_rule=5, attempts=False)
    assert (found.machines, found.clients) == (2001, 2000)
    assert time.process_time() - begin < 30


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "there is nothing to diagnose"),
        ({"pasted": ["nothing\nof the kind"]}, "pasted text 1 holds neither output of slmgr nor an event; it begins with"),
        ({"pasted": ["/there/is/no.txt"]}, "pasted text 1: there is no file '/there/is/no.txt'"),
        ({"event_exports": ["/there/is/no.xml"]}, "can't be opened"),
        ({"event_exports": [{"file": "x"}]}, "an entry of event_exports has no path"),
        ({"bundle": "/there/is/no.zip"}, "the bundle /there/is/no.zip can't be read: No such file or directory"),
        ({"facts_paths": ["/there/is/no.jsonl"]}, "the facts file /there/is/no.jsonl can't be read"),
        ({"machines": [{"products": "x"}]}, "machines[0]: products is 'x', not a list"),
    ],
)
def test_bad_input_says_what_and_where(options: Plain, said: str) -> None:
    with pytest.raises(EvidenceError) as error:
        put_question(options, NOW)
    assert said in str(error.value)


def test_what_is_here_now_is_judged_as_of_now() -> None:
    later = NOW + datetime.timedelta(days=3)
    assert put_question({"machines": [client_row()]}, later).now == later


EVENT_OF_A_HOST = f"""Log Name:      Key Management Service
Source:        Microsoft-Windows-Security-SPP
Date:          24/11/2026 08:00:00
Event ID:      12290
Task Category: None
Level:         Information
Keywords:      Classic
User:          N/A
Computer:      kms01.{DOMAIN}
Description:
An activation request has been processed.
Info:
0x0,25,pc01.{DOMAIN},{cmid_of("pc01")},2026/11/24 06:15,1,2,43200,73111121-5638-40f6-bc11-f1d7b0d64300
"""


@pytest.mark.parametrize(("text", "machines"), [(EVENT_OF_A_HOST, [f"kms01.{DOMAIN}"]), (LONE_REQUEST, ["the client"])])
def test_a_pasted_event_is_of_one_machine_and_no_output_of_slmgr(text: str, machines: list[str]) -> None:
    question = put_question({"pasted": [text]}, NOW)
    assert [machine.name for machine in question.machines()] == machines
    assert all(machine.facts.products == () for machine in question.machines())
    assert "client_not_activated" not in roots(ask(question))


def test_an_error_of_slmgr_alone_is_told_to_be_no_evidence_of_a_machine() -> None:
    with pytest.raises(EvidenceError, match="holds an error, 0xC004F074, and no output of slmgr .* Next: paste the output of slmgr /dlv"):
        put_question({"pasted": ["Activating Windows ...\nError: 0xC004F074 No Key Management Service (KMS) could be contacted.\n"]}, NOW)


def test_a_long_export_that_names_no_machine_is_of_the_one_that_the_user_names_to_its_end(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_question, "RECORDS_KEPT", 3)
    served = [
        {
            "EventID": 12290,
            "Message": f"0x0,25,pc01.{DOMAIN},{cmid_of('pc01')},2026/11/24 06:{minute:02},1,2,43200,73111121-5638-40f6-bc11-f1d7b0d64300",
        }
        for minute in range(6)
    ]
    export = tmp_path / "kms.json"
    for more, computers in (({}, {"kms01"}), ({"MachineName": f"KMS-OLD.{DOMAIN}"}, {f"KMS-OLD.{DOMAIN}"})):
        export.write_text(json.dumps([row | more for row in served]), encoding="utf-8")
        question = put_question({"event_exports": [{"path": str(export), "machine": "kms01"}]}, NOW)
        (host,) = question.machines()
        assert host.name == "kms01"
        assert host.events is not None
        assert {event.computer for event in (*host.events.records, *question.host_records())} == computers


def test_a_password_of_a_command_line_is_in_no_error(tmp_path: pathlib.Path) -> None:
    command = "C:\\> cscript slmgr.vbs PC01 CORP\\admin Passw0rd!"
    lines = tmp_path / "a.jsonl"
    lines.write_text(command, encoding="utf-8")
    for options in (
        {"pasted": [command + " /dlv"]},
        {"pasted": [command + "\nno output of slmgr"]},
        {"pasted": ["psexec \\\\pc01 -u admin -p Passw0rd! cmd"]},
        {"pasted": [command + " /dlv > a.txt"]},
        {"facts_paths": [str(lines)]},
    ):
        with pytest.raises(EvidenceError) as error:
            put_question(options, NOW)
        assert "Passw0rd" not in str(error.value)


def test_an_empty_export_says_that_a_machine_has_no_record_where_it_says_which_machine(tmp_path: pathlib.Path) -> None:
    export = tmp_path / "kms01.xml"
    export.write_bytes(b"\xef\xbb\xbf\r\n")
    by_name = put_question({"machines": [without_events(host_row())], "event_exports": [str(export)]}, NOW)
    (host,) = by_name.machines()
    assert host.events is not None
    assert host.events.records == ()
    assert by_name.assumptions == (f"{export} is empty: the log of kms01 is taken to have no record of what was exported.",)
    alone = put_question({"event_exports": [{"path": str(export), "machine": "kms01"}]}, NOW)
    # No record, of a log that nobody named, is nothing to judge a machine by.
    assert ask(alone)["healthy"] is None
    text = tmp_path / "kms01.txt"
    text.write_text(dlv_text(read_facts(host_row())).partition("\n")[2], encoding="utf-8")
    (host,) = put_question({"pasted": [str(text)], "event_exports": [str(export)]}, NOW).machines()
    assert host.events is not None
    with pytest.raises(EvidenceError, match=r"is empty, and nothing tells whose log .* Next: give \{path: .*kms01.xml, machine: NAME\}"):
        put_question({"event_exports": [str(export)]}, NOW)


def test_lines_that_were_not_understood_are_told() -> None:
    text = dlv_text(read_facts(client_row())).partition("\n")[2] + "\nsomething else that somebody wrote\nC:\\Windows>\n"
    assert put_question({"pasted": [text]}, NOW).not_read == (
        "not understood: 1 line of pasted text 1, the first: 'something else that somebody wrote'",
    )


def test_all_that_can_not_be_read_is_told_at_once(tmp_path: pathlib.Path) -> None:
    bad, worse = tmp_path / "bad.jsonl", tmp_path / "worse.jsonl"
    bad.write_text("x", encoding="utf-8")
    worse.write_text("", encoding="utf-8")
    with pytest.raises(EvidenceError, match=r"^3 pieces .*\(1\) /no.xml .*\(2\) .*/no.txt.*\(3\) the facts file /no.jsonl"):
        put_question({"pasted": ["/no.txt"], "event_exports": ["/no.xml"], "facts_paths": ["/no.jsonl"]}, NOW)
    with pytest.raises(EvidenceError, match=r"^2 pieces .*line 1 of .*bad.jsonl is no JSON.*worse.jsonl is empty: no machine is in it"):
        put_question({"facts_paths": [str(bad), str(worse)]}, NOW)


def test_an_entry_may_say_of_which_event_its_strings_are(tmp_path: pathlib.Path) -> None:
    strings = tmp_path / "strings.txt"
    strings.write_text(LONE_REQUEST, encoding="utf-8")
    (machine,) = put_question({"event_exports": [{"path": str(strings), "event_id": 12288, "machine": "pc01"}]}, NOW).machines()
    assert machine.events is not None
    assert [(event.event_id, event.computer) for event in machine.events.records] == [(12288, "pc01")]
    with pytest.raises(EvidenceError, match="is not the number of an event"):
        put_question({"event_exports": [{"path": str(strings), "event_id": "x"}]}, NOW)


def test_blanks_behind_commas_and_a_comma_at_the_end_are_no_path(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, without_events(client_row()))
    assert diagnosed(facts_paths=[path, f" {path} ", ""])["machines"] == 1


@pytest.mark.parametrize(("name", "encoding"), [("chinese_client.txt", "gbk"), ("chinese_client.txt", "big5")])
def test_a_text_in_an_encoding_that_is_not_known_is_no_machine(tmp_path: pathlib.Path, name: str, encoding: str) -> None:
    source = pathlib.Path(__file__).parent / "_evidence" / "dlv" / name
    saved = tmp_path / name
    saved.write_bytes(source.read_text(encoding="utf-8").encode(encoding, "replace"))
    with pytest.raises(EvidenceError, match=r"the encoding of .* was not understood\. Next: save it as UTF-8"):
        put_question({"pasted": [str(saved)]}, NOW)


def test_a_folder_is_told_to_be_one(tmp_path: pathlib.Path) -> None:
    with pytest.raises(EvidenceError, match="is a directory"):
        put_question({"pasted": [str(tmp_path)]}, NOW)


def test_proofs_and_remedies_of_a_pasted_text_speak_of_pasted_text() -> None:
    text = dlv_text(read_facts(client_row())).partition("\n")[2].replace("License Status: ", "License Status: XXXX ")
    found = diagnosed(pasted=[text])
    sources = [proof["source"] for row in found["findings"] for proof in row["proofs"]]
    assert any(source.startswith("pasted text of the client, ") for source in sources)
    assert "activation_info of" not in json.dumps(sources)
    (incomplete,) = (row for row in found["findings"] if row["id"] == "evidence_incomplete")
    assert "account" not in incomplete["remedy"]["text"]
