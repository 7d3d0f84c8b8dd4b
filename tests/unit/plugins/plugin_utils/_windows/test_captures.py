# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published captures of real machines, read by our parsers. They belong to others and are not in this repository."""

from __future__ import annotations

import pathlib
import xml.etree.ElementTree as ET

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows import errors, faults, soap
from ansible_collections.activation.kms.plugins.plugin_utils._windows.values import decode

FOLDER = pathlib.Path(__file__).resolve().parents[5].parent / "shared/reference/wsman_samples"


def capture(number):
    found = sorted(FOLDER.glob(f"{number}-*.xml"))
    if not found:
        pytest.skip(f"capture {number} is not at {FOLDER}")
    return found[0].read_bytes()


def content_of(number):
    return soap.parse(capture(number), None, "reading a capture")


def page_of(number):
    return soap.read_page(content_of(number), "reading a capture")


@pytest.mark.parametrize(
    ("number", "rows", "more"),
    [
        ("001", 1, False),
        ("002", 1, False),
        ("003", 1, True),
        ("004", None, False),
        ("005", 1, True),
        ("006", None, False),
        ("007", 1, True),
        ("008", None, True),
        ("010", None, False),
        ("011", 1, False),
        ("012", 1, False),
        ("014", 1, False),
        ("015", 1, True),
        ("016", None, None),
        ("017", None, False),
        ("019", 1, True),
        ("020", 1, False),
        ("021", None, None),
        ("022", 1, False),
    ],
)
def test_captured_pages_give_their_rows_and_say_whether_more_come(number, rows, more):
    page = page_of(number)
    body = capture(number)
    named = body.count(b"XmlFragment ") or body.count(b'_Type"')
    assert len(page.rows) == (named if rows is None else rows) > 0
    assert more is None or (page.context is not None) is more
    assert all(page.rows)


@pytest.mark.parametrize("number", ["001", "002"])
def test_the_operating_system_reads_the_same_typed_and_projected(number):
    row = page_of(number).rows[0]
    assert decode(row["buildnumber"], "string") == "9200"
    assert decode(row["ostype"], "uint16") == 18
    assert decode(row["csdversion"], "string") is None
    assert decode(row["description"], "string") == ""
    assert decode(row["debug"], "boolean") is False
    assert decode(row["muilanguages"], "string[]") == ["en-US"]
    assert decode(row["installdate"], "datetime").isoformat() == "2013-03-09T02:57:32+00:00"
    assert decode(row["maxprocessmemorysize"], "uint64") == 8589934464


def test_the_array_of_roles_comes_whole_and_null_arrays_are_absent():
    row = page_of("011").rows[0]
    assert len(row["roles"]) > 1
    assert "oemlogobitmap" not in row


def test_the_output_of_a_captured_method_call_is_read():
    output = soap.read_output(content_of("034"), "EnumKey", "reading a capture")
    assert output["returnvalue"] == ["0"]
    assert len(output["snames"]) == 26


@pytest.mark.parametrize(
    ("number", "expected", "code"),
    [
        ("024", errors.BusyError, 2150859174),
        ("036", errors.FaultError, 2150858778),
        ("037", errors.FaultError, 2150858778),
        ("040", errors.NotFoundError, 2150858752),
        ("041", errors.FaultError, 2152992672),
        ("042", errors.TimedOutError, 2150858793),
        ("045", errors.FaultError, 2150858843),
        ("046", errors.FaultError, 2150858843),
        ("047", errors.FaultError, None),
        ("048", errors.FaultError, None),
        ("049", errors.FaultError, None),
        ("050", errors.TimedOutError, 2150858793),
        ("061", errors.FaultError, None),
        ("062", errors.TimedOutError, 2150858793),
        ("064", errors.BusyError, 2150859174),
    ],
)
def test_captured_faults_become_the_right_error(number, expected, code):
    fault = faults.parse_fault(content_of(number))
    assert fault is not None
    error = faults.fault_error(fault, "reading a capture")
    assert type(error) is expected or (code is None and isinstance(error, expected))
    assert code is None or error.code == code
    assert error.detail


def test_the_query_that_a_captured_fault_quotes_is_left_out():
    fault = faults.parse_fault(content_of("037"))
    assert fault is not None
    assert "Win32_Processa" not in faults.fault_error(fault, "reading a capture").line()
    assert "specified class does not exist" in fault.texts[0]


def test_a_detail_that_was_captured_alone_is_read_within_a_fault():
    detail = capture("060").decode()
    text = f'<s:Fault xmlns:s="x"><s:Detail>{detail}</s:Detail></s:Fault>'
    fault = faults.parse_fault(ET.fromstring(text))
    assert fault is not None
    assert fault.code == 2150859010
    assert "WDM specific return code: 4200" in fault.texts


def shape(element, optional=()):
    """Return tags and attributes of an element and what is in it, texts and order included where they matter to a server."""
    children = [shape(child, optional) for child in element if soap.local_name(child) not in optional]
    return (element.tag, sorted(element.attrib.items()), children)


# What these clients send and we do not, or the other way round: hints, their own bookkeeping, and the namespace selector of the DMTF family.
DIFFERENT = ("Locale", "DataLocale", "ActivityId", "SessionId", "OperationID", "SequenceId", "OperationTimeout", "OptionSet", "SelectorSet")


@pytest.mark.parametrize(
    ("number", "request_of"),
    [
        ("028", lambda: soap.enumerate_wql("root/cimv2", "SELECT 1", "uuid:1")),
        ("029", lambda: soap.pull(soap.class_uri("root/cimv2", "*"), "uuid:C", "uuid:1")),
    ],
)
def test_our_requests_have_the_structure_of_captured_ones(number, request_of):
    captured, ours = ET.fromstring(capture(number)), ET.fromstring(request_of().xml)
    assert shape(ours, DIFFERENT) == shape(captured, DIFFERENT)


def test_our_get_has_the_parts_of_a_captured_one_in_whatever_order():
    captured = ET.fromstring(capture("055"))
    ours = ET.fromstring(soap.get(soap.class_uri("root/cimv2", "Win32_Service"), {"Name": "x"}, "uuid:1").xml)
    parts = [
        {(tag, str(attributes)) for tag, attributes, _children in shape(e, ("SessionId", "Selector"))[2][0][2]} for e in (ours, captured)
    ]
    assert parts[0] == parts[1]


def test_our_query_has_the_structure_of_windows_own_client_but_for_the_enumeration_mode():
    captured = ET.fromstring(capture("043"))
    ours = ET.fromstring(soap.enumerate_wql("root/cimv2", "SELECT 1", "uuid:1").xml)
    assert shape(ours, DIFFERENT) == shape(captured, (*DIFFERENT, "EnumerationMode"))


def test_our_method_call_has_the_header_of_windows_own_client_and_its_input_element():
    captured = ET.fromstring(capture("044"))
    ours = ET.fromstring(soap.invoke(soap.class_uri("root/cimv2", "C"), "GetBoolValue", [], {"K": "0"}, "uuid:1").xml)
    assert shape(ours[0], DIFFERENT) == shape(captured[0], DIFFERENT)
    assert soap.local_name(ours[1][0]) == soap.local_name(captured[1][0]) == "GetBoolValue_INPUT"
    assert [soap.local_name(e) for e in ours[0]][-1] == "SelectorSet"
