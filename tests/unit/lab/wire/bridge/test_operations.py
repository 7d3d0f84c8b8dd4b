# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the bridge without a socket. What PowerShell makes of them: tests/system/lab/test_cmdlets.py."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from psrpcore.types import PSByte, PSInt, PSInt64, PSUInt, PSUInt16, serialize

from tests.lab.model.errors import provider_error
from tests.lab.model.machine import Machine
from tests.lab.wire.bridge.cim_errors import FORMS
from tests.lab.wire.bridge.operations import BadRequestError, Operations, clixml, describe, request_of, typed
from tests.unit.lab.model.support import SERVER, machine_of


@pytest.fixture
def machine() -> Machine:
    return machine_of(SERVER)


def _nobody(_server: str | None) -> t.NoReturn:
    raise AssertionError("no name is asked for here")


def _answer(machine: Machine, request: dict[str, t.Any], form: str = "error_code") -> dict[str, t.Any]:
    return Operations(machine, _nobody, lambda: form).answer(request).body


def _invoke(machine: Machine, value: t.Any, *, declared: bool) -> dict[str, t.Any]:
    version = machine.cim.query("root/cimv2", "SELECT Version FROM SoftwareLicensingService").rows[0]["Version"]
    return _answer(
        machine,
        {
            "op": "Invoke",
            "namespace": "root/cimv2",
            "class": "SoftwareLicensingService",
            "keys": {"Version": version},
            "method": "SetKeyManagementServicePort",
            "arguments": {"PortNumber": value},
            "declared": declared,
        },
    )


@pytest.mark.parametrize(
    ("value", "declared", "taken"),
    [
        (PSUInt(1700), False, True),
        (PSInt(1700), False, False),
        (PSInt(1700), True, True),
        (PSInt64(1700), True, True),
        (PSInt(-1), True, False),
        (PSUInt16(1700), False, False),
        ("1700", True, False),
        (True, True, False),
        ([PSUInt(1700)], False, False),
    ],
)
def test_an_argument_has_the_very_type_unless_the_cmdlet_knows_the_declaration(
    machine: Machine, value: t.Any, declared: bool, taken: bool
) -> None:
    answer = _invoke(machine, value, declared=declared)
    assert ("error" not in answer) is taken
    if not taken:
        assert (answer["error"]["hresult"], answer["error"]["status"]) == (0x80041005, 13)


def test_a_projection_has_every_column_with_only_the_asked_ones_and_the_keys_filled(machine: Machine) -> None:
    answer = _answer(
        machine,
        {
            "op": "Enumerate",
            "namespace": "root/cimv2",
            "query": "SELECT LicenseStatus FROM SoftwareLicensingProduct WHERE PartialProductKey <> NULL",
        },
    )
    (row,) = answer["rows"]
    assert answer["keys"] == ["ID"]
    assert list(row) == answer["names"]
    assert {name for name, value in row.items() if value is not None} == {"ID", "LicenseStatus"}
    assert isinstance(row["LicenseStatus"], PSUInt)


@pytest.mark.parametrize("form", FORMS)
def test_a_provider_fails_in_the_form_that_the_machine_is_set_to(machine: Machine, form: str) -> None:
    operations = Operations(machine, _nobody, lambda: form)
    answer = operations.refuse(provider_error(0xC004F050), {"op": "Invoke"})
    assert answer.fault == 0xC004F050
    if form == "return_value":
        assert answer.body["outputs"] == {"ReturnValue": 0xC004F050}
        # A query has no ReturnValue to fail by.
        answer = operations.refuse(provider_error(0xC004F050), {"op": "Enumerate"})
    error = answer.body["error"]
    assert (error["hresult"], error["status"]) == (0xC004F050, 1)
    assert error["form"] == ("error_code" if form == "return_value" else form)
    assert ("0xc004f050" in error["message"]) is (form == "text")


def test_errors_speak_the_machines_language(machine: Machine) -> None:
    machine.access_denied = frozenset({"root/cimv2"})
    request = {"op": "Enumerate", "namespace": "root/cimv2", "query": "SELECT Version FROM SoftwareLicensingService"}
    assert _answer(machine, request)["error"]["message"] == "Access denied"
    machine.language = 1031
    error = _answer(machine, request)["error"]
    assert (error["hresult"], error["status"]) == (0x80041003, 2)


def test_calls_are_described_in_the_words_of_those_over_wsman() -> None:
    about = describe({"op": "Enumerate", "query": "select * from Win32_Service where Name='sppsvc'"})
    assert (about.operation, about.cim_class, about.query) == (
        "Enumerate",
        "Win32_Service",
        "select * from Win32_Service where Name='sppsvc'",
    )
    about = describe({"op": "Invoke", "class": "A", "method": "M", "arguments": {"n": PSUInt(5), "b": True, "l": ["x"], "z": None}})
    assert (about.operation, about.cim_class, about.method) == ("Invoke", "A", "M")
    assert about.arguments == {"n": "5", "b": "true", "l": ["x"], "z": None}
    assert describe({"op": "Associate", "class": "A", "association": "B", "result": "C"}).operation == "Enumerate"


def test_values_travel_with_their_types() -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    line = clixml(
        {
            "text": "a\r\n_x000A_\u2028\U0001f600",
            "date": typed(moment, "datetime"),
            "byte": typed(7, "uint8"),
            "list": typed([1, 2], "uint16[]"),
            "empty": typed([], "string[]"),
        }
    )
    assert line.count(b"\n") == 1
    assert b'<DT N="date">2026-01-02T01:04:05.678901Z</DT>' in line
    assert b'<By N="byte">7</By>' in line
    assert b"<U16>1</U16><U16>2</U16>" in line
    assert b'<Nil N="empty" />' in line
    assert b"a_x000D__x000A__x005F_x000A_" in line


def test_a_request_is_a_mapping_in_clixml() -> None:
    from xml.etree import ElementTree

    inner = ElementTree.tostring(serialize({"op": "Invoke", "arguments": {"n": PSByte(5)}}, None))  # type: ignore[arg-type]
    line = b'<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">' + inner + b"</Objs>\n"
    request = request_of(line)
    assert request["op"] == "Invoke"
    assert isinstance(request["arguments"]["n"], PSByte)
    for wrong in (b"{}\n", b"<Objs></Objs>\n", b"<Objs><S>x</S></Objs>\n", b"<Objs><Odd/></Objs>\n"):
        with pytest.raises(BadRequestError):
            request_of(wrong)


EVENTS = [
    {"log": "Application", "id": 12288, "minutes_ago": 3, "strings": ["three"]},
    {"log": "Application", "id": 12288, "minutes_ago": 2, "strings": ["two"]},
    {"log": "Application", "id": 12288, "minutes_ago": 1, "strings": ["one"]},
    {"log": "Key Management Service", "id": 12290, "strings": ["kms"]},
]


def _strings(machine: Machine, log: str, **asked: t.Any) -> list[list[str]]:
    xpath = "*[System[(EventID=12288 or EventID=12290)]]"
    found = _answer(machine, {"op": "Events", "log": log, "xpath": xpath, "max": 64, "oldest": False, **asked})
    return [event["strings"] for event in found["events"]]


def test_records_are_handed_out_some_at_a_time_from_either_end() -> None:
    machine = machine_of({**SERVER, "events": EVENTS})
    assert _strings(machine, "Application", max=2) == [["one"], ["two"]]
    assert _strings(machine, "Application", max=2, skip=2) == [["three"]]
    assert _strings(machine, "Application", max=2, skip=3) == []
    assert _strings(machine, "application", max=1, oldest=True) == [["three"]]


def test_a_log_that_the_machine_lacks_takes_no_records_and_is_not_named() -> None:
    machine = machine_of({**SERVER, "events": EVENTS, "missing_logs": ["Key Management Service"]})
    assert [log["name"] for log in _answer(machine, {"op": "EventLogs"})["logs"]] == ["Application", "System"]
    assert _strings(machine, "Key Management Service") == []


def test_a_log_that_may_not_be_read_is_denied_to_a_program_and_has_no_rows_over_cim() -> None:
    machine = machine_of({**SERVER, "events": EVENTS, "denied_logs": ["Application"]})
    denied = Operations(machine, _nobody, lambda: "error_code").answer(
        {"op": "Events", "log": "Application", "xpath": "*", "max": 1, "oldest": False}
    )
    assert (denied.fault, denied.body["error"]["hresult"]) == (0x80070005, 0x80070005)
    assert {log["name"]: log["denied"] for log in _answer(machine, {"op": "EventLogs"})["logs"]}["Application"] is True
    rows = machine.cim.query("root/cimv2", "SELECT Logfile FROM Win32_NTLogEvent WHERE EventCode>=12288 AND EventCode<=12290").rows
    assert [row["Logfile"] for row in rows] == ["Key Management Service"]
