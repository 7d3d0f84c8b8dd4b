# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An export gives the same records in every form, however long, and tells what of it can't be read."""

from __future__ import annotations

import csv
import datetime
import importlib
import io
import itertools
import json
import pathlib
import tracemalloc

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._evidence import exports
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.events import decode
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.export_xml import read_xml
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.exports import ExportError, read_data
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils._evidence.evtx_file import evtx_file
from tests.unit.plugins.plugin_utils._evidence.stored_events import (
    ELEMENTS,
    KEY,
    PROCESSED,
    PROCESSED_FIELDS,
    SENT,
    SENT_FIELDS,
    SENTENCES,
    SERVED,
    SERVED_FIELDS,
    SLUI,
    xml,
)

KMS = "Key Management Service"
WHEN = datetime.datetime(2026, 11, 24, 8, 15, 2, tzinfo=datetime.UTC)
RECORDS = [xml(12288, [SENT]), xml(12290, ELEMENTS, record=2, log=KMS), xml(12289, [PROCESSED], record=3)]
SENTENCE = SENTENCES["en"]


def read_export(source, name=None):
    """Read an export from a file, too: by its name."""
    if isinstance(source, pathlib.Path):
        return exports.read_export(lambda: source.open("rb"), name or source.name)
    return exports.read_export(source, name)


def seconds(event):
    return None if event.time is None else event.time.replace(microsecond=0)


def three(source, name=None):
    """Return the three events that every form of these tests holds, after the check that their fields are right."""
    events = list(read_export(source, name))
    assert [event.event_id for event in events] == [12288, 12290, 12289]
    assert [event.fields for event in events] == [SENT_FIELDS, SERVED_FIELDS, PROCESSED_FIELDS]
    assert [event.problems for event in events] == [(), (), ()]
    return events


# XML

RENDERING = (
    "<RenderingInfo Culture='de-DE'><Message>Etwas, 0x0, anderes</Message><Level>Informationen</Level><Task></Task>"
    "<Keywords><Keyword>Klassisch</Keyword></Keywords></RenderingInfo>"
)


@pytest.mark.parametrize(
    "content",
    [
        "".join(RECORDS),
        "\r\n".join(RECORDS),
        "<Events>" + "\n".join(RECORDS) + "</Events>",
        '\ufeff<?xml version="1.0" encoding="utf-8" standalone="yes"?>\r\n<Events>' + "".join(RECORDS) + "</Events>",
        '<?xml version="1.0" encoding="UTF-16"?>\r\n<Events>' + "".join(RECORDS) + "</Events>",
        "".join(f'Record {n}\n<?xml version="1.0" encoding="utf-8"?>\n{r}\n' for n, r in enumerate(RECORDS, 1)),
        "".join(record.replace("</EventData>", "</EventData>" + RENDERING) for record in RECORDS),
        "".join(record.replace("<Data></Data>", "<Data>\n    </Data>") for record in RECORDS),
    ],
)
def test_xml_is_read_with_a_root_and_without_in_every_encoding(content, tmp_path):
    for number, encoded in enumerate(
        (content.encode(), content.encode("utf-16"), content.encode("utf-16-le"), content.encode("utf-16-be"))
    ):
        path = tmp_path / f"{number}.xml"
        path.write_bytes(encoded)
        for events in (three(path), three(encoded)):
            assert [seconds(event) for event in events] == [WHEN] * 3
            assert [(event.log, event.record_number) for event in events] == [("Application", 1), (KMS, 2), ("Application", 3)]
            assert {(event.computer, event.time_is_local) for event in events} == {("pc01.example.com", False)}
    three(content)


def test_records_of_other_programs_are_left_out():
    other = xml(1008, ["Perflib"], provider="Microsoft-Windows-Perflib") + xml(1000, ["x.exe"], provider="Application Error")
    three(other + "".join(RECORDS) + other)
    # Some programs number their records 0.
    zero = [["Information", "24.11.2026 08:15:02", "gupdate", 0, "None", "x"]]
    for source in (xml(0, ["x"], provider="gupdate"), viewer([], zero), json.dumps([{"Id": 0, "Message": "x", "ProviderName": "gupdate"}])):
        assert list(read_export(source)) == []
    three(
        details(0, "x", "Application", LABELS["en"], "24.11.2026 08:15:02")
        + "".join(details(i, m, log, LABELS["en"], "") for i, log, m in MESSAGES)
    )
    assert list(read_export(other)) == list(read_export("<Events/>")) == list(read_export("Level,Date,Source,Event ID,Task\n")) == []


def test_a_damaged_record_costs_itself_only_and_is_told():
    content = (
        RECORDS[0]
        + RECORDS[1][:200]
        + RECORDS[1]
        + RECORDS[2].replace("12289", "many")
        + RECORDS[2].replace("</Computer>", "")
        + RECORDS[2][:99]
    )
    events = list(read_export(content, "client.xml"))
    assert [event.event_id for event in events] == [12288, 0, 12290, 0, 0, 0]
    told = [event.problems[0] for event in events if not event.event_id]
    assert [text.partition(" could")[0] for text in told] == [f"record {n} of client.xml" for n in (2, 4, 5, 6)]
    assert ["no end" in told[0], "no event id" in told[1], "no well-formed XML" in told[2], "no end" in told[3]] == [True] * 4


def test_characters_that_xml_forbids_do_not_cost_the_record():
    [event] = read_export(xml(12290, ELEMENTS).replace("pc01.example.com</Data>", "pc\x01&#x1;&#55555;01</Data>"))
    assert event.fields["client"] == "pc\ufffd\ufffd\ufffd01"


def test_a_document_type_is_refused():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    with pytest.raises(ExportError, match="bomb.xml holds a document type"):
        list(read_export(f"<?xml version='1.0'?>{bomb}<Events>{RECORDS[0]}</Events>", "bomb.xml"))
    [event] = read_export(RECORDS[0].replace("kms01", "&b;"))
    assert event.event_id == 0


def test_a_long_log_is_read_no_further_than_its_next_record():
    record = xml(12290, ELEMENTS, log=KMS)
    read = 0

    def log():
        nonlocal read
        for _number in range(50):
            read += 100 * len(record)
            yield 100 * record

    for count, event in enumerate(read_xml(log(), "host.xml"), 1):
        assert event.fields["client"] == "pc01.example.com"
        assert read - count * len(record) < 100 * len(record)
    assert count == 5_000


@pytest.mark.parametrize("form", ["xml", "list", "lines", "lines behind a damaged one", "csv", "text"])
def test_a_large_file_is_read_in_the_memory_of_a_few_records(tmp_path, form):
    long = "-" * 12_000
    record = {
        "xml": xml(12290, ELEMENTS, log=KMS).replace("</EventData>", f"<Binary>{long}</Binary></EventData>"),
        "list": json.dumps({**winevents()[1], "Message": long}) + ",",
        "lines": json.dumps({**winevents()[1], "Message": long}) + "\n",
        "lines behind a damaged one": json.dumps({**winevents()[1], "Message": long}) + "\n",
        "csv": viewer([], [[*row, long] for row in rows("24.11.2026 08:15:02")[1:2]]),
        "text": details(12290, SENTENCE + SERVED + "\n" + "-" * 12_000, KMS, LABELS["en"], "24.11.2026 08:15:02"),
    }[form]
    path = tmp_path / "host"
    with path.open("w", encoding="utf-8", newline="") as file:
        # A path that somebody pasted into JSON: \U is no escape of it, and nothing that more of the file would mend.
        file.write({"list": "[", "lines behind a damaged one": '{"Path": "C:\\Users"}\n'}.get(form, ""))
        file.writelines(itertools.repeat(record, 60))
        file.write(record.rstrip(",") + ("]" if form == "list" else ""))
    tracemalloc.start()
    try:
        count = sum(event.fields.get("client") == "pc01.example.com" for event in read_export(path))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 61
    assert path.stat().st_size > 720_000
    assert most < 600_000


# CSV


def viewer(header, rows, delimiter=","):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([header, *rows] if header else rows)
    return text.getvalue()


def rows(when, level="Information"):
    data = [(12288, SENTENCE + SENT), (12290, SENTENCES["de"] + SERVED), (12289, SENTENCE + PROCESSED)]
    return [[level, when, "Microsoft-Windows-Security-SPP", event_id, "None", message] for event_id, message in data]


@pytest.mark.parametrize(
    ("header", "when", "delimiter"),
    [
        (["Level", "Date and Time", "Source", "Event ID", "Task Category"], "11/24/2026 8:15:02 AM", ","),
        (["Keywords", "Date and Time", "Source", "Event ID", "Task Category"], "24/11/2026 08:15:02", ","),
        (["Ebene", "Datum und Uhrzeit", "Quelle", "Ereignis-ID", "Aufgabenkategorie"], "24.11.2026 08:15:02", ";"),
        (["级别", "日期和时间", "来源", "事件 ID", "任务类别"], "2026/11/24 8:15:02", ","),
        (["層級", "日期和時間", "來源", "事件識別碼", "工作類別"], "2026/11/24 上午 08:15:02", "\t"),
        (["Niveau", "Date et heure", "Source", "ID de l’événement", "Catégorie de la tâche"], "24/11/2026 08:15:02", ","),
        ([], "11/24/2026 8:15:02 AM", ","),
    ],
)
def test_the_table_of_event_viewer_is_read_in_any_language(header, when, delimiter):
    for content in (viewer(header, rows(when), delimiter).encode("utf-8-sig"), viewer(header, rows(when), delimiter).encode("utf-16")):
        events = three(content)
        assert [(event.time, event.time_is_local) for event in events] == [(WHEN, True)] * 3


def properties(**extra):
    data = [(12288, "Application", SENTENCE + SENT), (12290, KMS, SENTENCE + SERVED), (12289, "Application", SENTENCE + PROCESSED)]
    return [{"Message": m, "Id": i, "RecordId": n, "LogName": log, "MachineName": "pc01", **extra} for n, (i, log, m) in enumerate(data, 1)]


def table(records, delimiter=",", first=""):
    return first + viewer(list(records[0]), [list(record.values()) for record in records], delimiter)


@pytest.mark.parametrize(
    "content",
    [
        table(properties(TimeCreated="11/24/2026 8:15:02 AM"), first='#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord\r\n'),
        table(properties(TimeCreated="24.11.2026 08:15:02", Properties="System.Collections.Generic.List`1[...]"), ";", "sep=;\n"),
        table(properties(TimeCreated="2026-11-24T08:15:02"), "\t"),
        table(
            [
                {"EventID": "", "MachineName": "pc01", "Index": n, "Message": row["Message"], "InstanceId": 16384 * 65536 + row["Id"],
                 "ReplacementStrings": "System.String[]", "TimeGenerated": "11/24/2026 8:15:02 AM", "Log": row["LogName"]} | {"EventID": row["Id"]}
                for n, row in enumerate(properties(), 1)
            ]
        ),
    ],
)  # fmt: skip
def test_the_tables_of_powershell_are_read_by_their_names(content):
    events = three(content)
    assert [(event.record_number, event.computer, event.time) for event in events] == [(n, "pc01", WHEN) for n in (1, 2, 3)]


def test_an_instance_id_alone_is_enough():
    [event] = read_export(f'InstanceId,Message\n1073754112,"{SENTENCE}{SENT}"\n')
    assert (event.event_id, event.fields) == (12288, SENT_FIELDS)


def test_a_table_without_messages_says_which_column_is_missing():
    with pytest.raises(ExportError, match="host.csv has no column Message"):
        list(read_export("TimeCreated,Id,LevelDisplayName\n11/24/2026 8:15:02 AM,12288,Information\n", "host.csv"))


def test_a_damaged_row_is_told():
    content = viewer(["Level", "Date and Time", "Source", "Event ID", "Task Category"], rows("24.11.2026 08:15:02"))
    events = list(read_export(content + "Information,x\r\n", "host.csv"))
    assert [event.event_id for event in events] == [12288, 12290, 12289, 0]
    assert events[-1].problems[0].startswith("row 4 of host.csv could not be read")


def test_a_date_that_may_be_two_days_is_not_guessed():
    def times(*whens):
        slui = [[*rows(when)[0][:3], 8198, "None", f"Failed:\nhr=0xC004F074\n{SLUI}"] for when in whens]
        return [event.time for event in read_export(viewer(["Level", "Date and Time", "Source", "Event ID", "Task Category"], slui))]

    march, april = (datetime.datetime(2026, *day, 1, 0, tzinfo=datetime.UTC) for day in ((3, 4), (4, 3)))
    assert times("3/4/2026 1:00:00") == [None]
    # Another date of the same export has shown the order.
    assert times("3/25/2026 1:00:00", "3/4/2026 1:00:00")[1] == march
    assert times("25/3/2026 1:00:00", "3/4/2026 1:00:00")[1] == april
    # The record itself has the time in UTC.
    sent = [[*rows("3/4/2026 1:00:00")[0][:5], SENTENCE + SENT.replace("2026/11/24", "2026/04/03")]]
    [event] = read_export(viewer([], sent))
    assert event.time == april


# JSON


def winevents(**more):
    data = [(12288, "Application", [SENT]), (12290, KMS, ELEMENTS), (12289, "Application", [PROCESSED])]
    return [
        {"Id": i, "LogName": log, "MachineName": "pc01", "RecordId": n, "Properties": [{"Value": text} for text in strings], **more}
        for n, (i, log, strings) in enumerate(data, 1)
    ]


MILLISECONDS = int(WHEN.timestamp() * 1000)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(winevents(TimeCreated=f"/Date({MILLISECONDS})/"), indent=4),
        json.dumps(winevents(TimeCreated={"value": f"/Date({MILLISECONDS}+0100)/", "DateTime": "Dienstag"})).replace("/", "\\/"),
        json.dumps(winevents(TimeCreated="2026-11-24T09:15:02.1234567+01:00")),
        "\n".join(json.dumps(row) for row in winevents(TimeCreated="2026-11-24T08:15:02Z")),
        json.dumps([{**row, "Properties": ["System.Diagnostics.Eventing.Reader.EventProperty"] * 2} for row in properties(TimeCreated="2026-11-24T08:15:02Z")]),
        json.dumps(
            [
                {"EventCode": row["Id"], "InsertionStrings": [item["Value"] for item in row["Properties"]], "RecordNumber": row["RecordId"],
                 "ComputerName": "pc01", "Logfile": row["LogName"], "TimeGenerated": "20261124091502.000000+060"}
                for row in winevents()
            ]
        ),
    ],
)  # fmt: skip
def test_json_of_powershell_is_read(content):
    for source in (content, content.encode("utf-16")):
        events = three(source)
        assert [(event.record_number, seconds(event), event.time_is_local, event.computer) for event in events] == [
            (n, WHEN, False, "pc01") for n in (1, 2, 3)
        ]
    three(json.dumps({"results": [{"value": json.loads(content if content[0] == "[" else f"[{content}]".replace("\n", ","))}]}))


def test_our_own_records_come_back_as_they_were():
    events = [decode(12288, [SENT], time=WHEN, log="Application"), decode(12290, ELEMENTS, record_number=5), decode(12293, ["x", "?"])]
    plain = [event.as_dict() for event in events]
    lines = "\n".join(json.dumps({"inventory_hostname": "pc01", "events": {"logs": [], "records": [row]}}) for row in plain)
    for source in (lines, json.dumps({"events": {"records": plain}}), json.dumps(plain), json.dumps({"records": plain})):
        assert [event.as_dict() for event in read_export(source)] == plain
    assert [event.as_dict() for event in read_data({"results": [{"events": {"records": plain}}]})] == plain


def test_a_record_without_its_data_is_told():
    [event] = read_export('[{"Id": 12288, "TimeCreated": "2026-11-24T08:15:02Z"}]')
    assert (event.event_id, "neither Message nor Properties" in event.problems[0]) == (0, True)


def test_a_damaged_value_is_told_and_the_lines_behind_it_are_read():
    good = [json.dumps(row) for row in winevents()]
    content = "\n".join([good[0], good[1][:-4], '{"Id": "x", "Message": ""}', "17", good[1], '{"a":' * 100_000, good[2], good[2][:50]])
    events = list(read_export(content, "facts.jsonl"))
    assert [event.event_id for event in events] == [12288, 0, 0, 0, 12290, 0, 12289, 0]
    assert all("of facts.jsonl could not be read" in event.problems[0] for event in events if not event.event_id)


# Text


def details(event_id, message, log, labels, when, line="\r\n"):
    """Return what Event Viewer copies, without the XML below."""
    values = [log, "Microsoft-Windows-Security-SPP", when, str(event_id), "None", "Information", "Classic", "N/A", "pc01.example.com", ""]
    return line.join([*(f"{label:15}{value}" for label, value in zip(labels, values, strict=True)), message, ""])


LABELS = {
    "en": ["Log Name:", "Source:", "Date:", "Event ID:", "Task Category:", "Level:", "Keywords:", "User:", "Computer:", "Description:"],
    "de": ["Protokollname:", "Quelle:", "Datum:", "Ereignis-ID:", "Aufgabenkategorie:", "Ebene:", "Schlüsselwörter:", "Benutzer:",
           "Computer:", "Beschreibung:"],
    "fr": ["Nom du journal :", "Source :", "Date :", "ID de l’événement :", "Catégorie :", "Niveau :", "Mots clés :", "Utilisateur :",
           "Ordinateur :", "Description :"],
    "zh": ["日志名称:", "来源:", "日期:", "事件 ID:", "任务类别:", "级别:", "关键字:", "用户:", "计算机:", "描述:"],
    "ja": ["ログの名前:", "ソース:", "日付:", "イベント ID:", "タスクのカテゴリ:", "レベル:", "キーワード:", "ユーザー:", "コンピューター:", "説明:"],
    # Labels that nothing here knows.
    "xx": ["Logh:", "Shrc:", "Dath:", "Numh:", "Tash:", "Levh:", "Kewh:", "Ush:", "Comh:", "Desh:"],
}  # fmt: skip
MESSAGES = [
    (12288, "Application", SENTENCE + SENT),
    (12290, KMS, SENTENCES["zh"] + SERVED),
    (12289, "Application", SENTENCES["ja"] + PROCESSED),
]


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_what_event_viewer_copies_is_read_in_any_language(labels):
    when = "24.11.2026 08:15:02"
    for line in ("\r\n", "\n"):
        content = "Hello,\nthis is what we see: nothing works.\n\n" + line.join(
            details(i, m, log, labels, when, line) for i, log, m in MESSAGES
        )
        events = three(content)
        assert [(event.log, event.computer, event.time, event.time_is_local) for event in events] == [
            (log, "pc01.example.com", WHEN, True) for log in ("Application", KMS, "Application")
        ]


def test_pastes_of_two_languages_and_with_xml_are_told_apart():
    with_xml = (
        details(12288, SENTENCES["de"] + "damaged", "Application", LABELS["de"], "24.11.2026 08:15:02") + "Ereignis-XML:\r\n" + RECORDS[0]
    )
    content = with_xml + "\r\n" + details(*MESSAGES[1][::2], MESSAGES[1][1], LABELS["en"], "11/24/2026 8:15:02 AM")
    content += "\r\nSource: Security-SPP\r\nEvent ID: 12289\r\n" + MESSAGES[2][2]
    events = three(content)
    assert [seconds(event) for event in events] == [WHEN, WHEN, None]


def test_wevtutil_and_format_list_are_read():
    block = "Event[{}]\n  Log Name: {}\n  Source: Microsoft-Windows-Security-SPP\n  Date: 2026-11-24T08:15:02.1230000Z\n  Event ID: {}\n  Task: N/A\n"
    block += "  Level: Information\n  Opcode: N/A\n  Keyword: N/A\n  User: N/A\n  User Name: N/A\n  Computer: pc01.example.com\n  Description: \n{}\n\n"
    events = three("".join(block.format(n, log, i, message.replace("\r\n", "\n")) for n, (i, log, message) in enumerate(MESSAGES)))
    assert [(seconds(event), event.computer) for event in events] == [(WHEN, "pc01.example.com")] * 3
    wrapped = [
        message.replace("\r\n", "\n               ")
        .replace("8:15", "8:15,\n               ")
        .replace(",\n               ,", ",\n               ")
        for _i, _log, message in MESSAGES
    ]
    content = "\n\n".join(
        f"TimeCreated  : 11/24/2026 8:15:02 AM\nProviderName : Microsoft-Windows-Security-SPP\nId           : {i}\nMessage      : {text}"
        for (i, _log, _message), text in zip(MESSAGES, wrapped, strict=True)
    )
    assert [event.time for event in three("\n\n" + content + "\n\n")] == [WHEN] * 3


def test_fields_alone_tell_which_event_they_are():
    three("\n".join([SENT, SERVED, PROCESSED]))
    three("\n\n".join([SENTENCE + SENT, SENTENCES["de"] + SERVED, SENTENCES["cs"] + PROCESSED]))


# .evtx


def test_an_evtx_file_is_read(tmp_path):
    path = tmp_path / "Application.evtx"
    path.write_bytes(evtx_file([*RECORDS, xml(1008, ["x"], provider="Perflib"), xml(903, [])]))
    for source in (path, path.read_bytes()):
        events = list(read_export(source))
        assert [event.fields for event in events] == [SENT_FIELDS, SERVED_FIELDS, PROCESSED_FIELDS, {}]
        assert [event.name for event in events][3] == "service_stopped"
        assert [(event.record_number, event.log, seconds(event)) for event in events[:2]] == [(1, "Application", WHEN), (2, KMS, WHEN)]


def test_what_is_damaged_in_an_evtx_file_is_told():
    content = bytearray(evtx_file(RECORDS))
    second = content.index(b"**\0\0", content.index(b"**\0\0") + 4)
    content[second + 40 : second + 60] = b"\xff" * 20
    events = list(read_export(bytes(content), "a.evtx"))
    assert [event.event_id for event in events] == [12288, 0, 12289]
    assert events[1].problems[0].startswith("record 2 of a.evtx could not be read")
    [cut] = read_export(evtx_file(RECORDS)[:5000], "cut.evtx")
    assert "shorter than its header says" in cut.problems[0]
    with pytest.raises(ExportError, match="b.evtx can't be read as an .evtx file"):
        list(read_export(b"ElfFile\0", "b.evtx"))
    assert list(read_export(evtx_file([]))) == []


def test_without_its_library_an_evtx_file_names_it(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(exports.importlib, "import_module", absent)
    with pytest.raises(ExportError, match=r"pip install evtx\. Or export it as XML.*wevtutil qe"):
        read_export(evtx_file([]), "a.evtx")
    monkeypatch.undo()
    assert importlib.import_module("evtx")


# What is none


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\r\0\n\0", "is empty"),
        (b"PK\x03\x04rest", "unpack it"),
        (b"\x30\0\0\0LfLe", "Windows 2003"),
        (b'#< CLIXML\n<Objs Version="1.1.0.1"/>', "Export-Clixml"),
        (b"<!doctype html><html>", "web page"),
        (b"<assembly>x</assembly>", "no element Event"),
        (b"The service did not start.", "nothing in it that is known as a licensing event"),
        (b"\0\x01\x02\x03" * 50, "nothing in it that is known as a licensing event"),
    ],
)
def test_what_is_no_export_is_told_with_its_name(content, said):
    with pytest.raises(ExportError, match=f"^host.log .*{said}"):
        list(read_export(content, "host.log"))


def test_a_file_that_is_not_there_is_told(tmp_path):
    for path in (tmp_path / "none.xml", tmp_path):
        with pytest.raises(ExportError, match=f"{path.name} can't be opened: .*(No such file|directory)"):
            read_export(path)


def test_no_key_gets_through():
    content = [
        RECORDS[0].replace("kms01", KEY),
        RECORDS[0][:50] + KEY,
        json.dumps([{"Id": KEY, "Message": KEY}]),
        f"Event ID: 12288\n{KEY}",
        f"{KEY},Id,Message\n1,{KEY},x\n",
    ]
    for text in content:
        events = list(read_export(text, KEY))
        assert events and KEY not in json.dumps([event.as_dict() for event in events])


PIECES = [
    "<Event>",
    "</Event>",
    "<Events>",
    "<System><EventID>12288</EventID></System>",
    RECORDS[0],
    "Event ID: 12288\n",
    "Log Name: Application\n",
    SENT,
    SERVED,
    PROCESSED,
]
PIECES += [
    "{",
    "}",
    "[",
    "]",
    '"Id": 12290,',
    '"Message": "',
    '"',
    ",",
    "\n",
    "Level,Date,Source,Event ID,Task\n",
    "a,1/2/2026 1:00,b,12288,c,",
    "\ufeff",
    "\0",
    "ElfFile\0",
    "#TYPE x\n",
    "sep=;\n",
]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=20))).map("".join)


@given(
    st.one_of(
        TEXTS,
        st.binary(max_size=200),
        TEXTS.map(str.encode),
        TEXTS.map(lambda text: text.encode("utf-16")),
        st.binary(max_size=99).map(lambda data: evtx_file(RECORDS)[:4700] + data),
    )
)
@example('{"event_id": 12288, "strings": 5}')
@example('{"Id": 12288, "Message": {"value": []}, "TimeCreated": "0001-01-01T00:00:00+14:00"}')
@example('[{"Id": 99999999999, "Message": ""}, {"Id": 12288, "Message": "x", "TimeCreated": "/Date(99999999999999999)/"}]')
def test_any_content_gives_records_or_an_error_that_names_it(content):
    try:
        events = list(read_export(content, "it"))
    except ExportError as error:
        assert str(error).startswith("it ")
    else:
        assert all(event.event_id or event.problems for event in events)
        json.dumps([event.as_dict() for event in events])
