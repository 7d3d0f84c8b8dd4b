# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import string
import typing as t
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.wire.soap import names
from tests.lab.wire.soap.text import IllegalCharacterError, escape
from tests.lab.wire.soap.values import datetime_text, endpoint_reference, fragment, instance, member, output, read_argument

# Every character that XML 1.0 can hold.
XML_TEXT = st.text(st.characters(codec="utf-8").filter(lambda c: c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff")))
NAMES = st.text(string.ascii_letters, min_size=1, max_size=12)

SCALARS = st.one_of(
    st.tuples(st.just("string"), XML_TEXT),
    st.tuples(st.just("boolean"), st.booleans()),
    st.tuples(st.just("uint32"), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("uint64"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("sint16"), st.integers(-(2**15), 2**15 - 1)),
    st.tuples(st.just("datetime"), st.datetimes(min_value=datetime.datetime(1601, 1, 1), timezones=st.just(datetime.UTC))),
)


def _read_back(node: ElementTree.Element, cim_type: str) -> t.Any:
    if node.get(f"{{{names.SCHEMA_INSTANCE}}}nil") == "true":
        return None
    if cim_type == "datetime":
        return datetime.datetime.fromisoformat(node[0].text or "")
    text = node.text or ""
    if cim_type == "string":
        return text
    return {"true": True, "false": False}[text] if cim_type == "boolean" else int(text)


@given(NAMES, SCALARS, st.booleans())
def test_every_scalar_comes_back_from_an_instance_and_from_a_fragment(name: str, typed: tuple[str, t.Any], whole: bool) -> None:
    cim_type, value = typed
    xml = (
        instance("root/cimv2", "C", {name: value}, lambda _: cim_type)
        if whole
        else f'<x xmlns:w="w">{fragment({name: value}, lambda _: cim_type)}</x>'
    )
    root = ElementTree.fromstring(xml)
    node = root[0] if whole else root[0][0]
    assert node.tag == (f"{{{names.class_uri('root/cimv2', 'C')}}}{name}" if whole else name)
    assert _read_back(node, cim_type) == value


@given(NAMES, st.lists(st.integers(0, 255)))
def test_an_array_repeats_its_element_and_an_empty_one_is_absent(name: str, value: list[int]) -> None:
    root = ElementTree.fromstring(instance("root/cimv2", "C", {name: value}, lambda _: "uint8[]"))
    assert [int(node.text or "") for node in root] == value


def test_null_scalars_are_nil_and_null_arrays_are_absent() -> None:
    assert member("X", None, "uint32") == '<p:X xsi:nil="true"/>'
    assert member("X", None, "string[]") == ""


def test_an_empty_string_has_a_start_and_an_end_tag() -> None:
    assert member("X", "", "string") == "<p:X></p:X>"


def test_dates_are_in_a_cim_element_in_instances_and_in_a_bare_one_in_fragments() -> None:
    moment = datetime.datetime(2021, 7, 9, 3, 4, 5, 123456, tzinfo=datetime.UTC)
    assert member("X", moment, "datetime") == "<p:X><cim:Datetime>2021-07-09T03:04:05.123456Z</cim:Datetime></p:X>"
    assert member("X", moment, "datetime", prefix="") == "<X><Datetime>2021-07-09T03:04:05.123456Z</Datetime></X>"


@pytest.mark.parametrize(
    ("microsecond", "text"), [(0, "2013-04-15T20:28:20Z"), (913000, "2013-04-15T20:28:20.913Z"), (85000, "2013-04-15T20:28:20.085Z")]
)
def test_a_fraction_of_a_second_has_no_trailing_zeros(microsecond: int, text: str) -> None:
    assert datetime_text(datetime.datetime(2013, 4, 15, 20, 28, 20, microsecond)) == text


def test_dates_are_sent_in_utc() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=-7))
    assert datetime_text(datetime.datetime(2026, 1, 1, 20, 0, tzinfo=zone)) == "2026-01-02T03:00:00Z"


@pytest.mark.parametrize(
    ("value", "cim_type"),
    [
        (True, "uint32"),
        (1, "boolean"),
        (2**32, "uint32"),
        (-1, "uint8"),
        ("1", "uint32"),
        (1, "string"),
        ("a", "string[]"),
        (1.5, "uint32"),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_never_sent(value: t.Any, cim_type: str) -> None:
    with pytest.raises(TypeError, match="X"):
        member("X", value, cim_type)


@pytest.mark.parametrize("text", ["\x00", "a\x1bb", "\ufffe", "\ud800"])
def test_a_character_that_xml_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(IllegalCharacterError):
        escape(text)


def test_a_method_without_outputs_answers_with_an_empty_element() -> None:
    root = ElementTree.fromstring(output("root/StandardCimv2", "MSFT_NetFirewallRule", "Enable", {}, lambda _: "uint32"))
    assert root.tag == "{http://schemas.microsoft.com/wbem/wsman/1/wmi/root/standardcimv2/MSFT_NetFirewallRule}Enable_OUTPUT"
    assert list(root) == []


def test_empty_keys_are_selectors_without_text() -> None:
    reference = endpoint_reference("root/standardcimv2", "MSFT_NetFirewallRule", {"CreationClassName": "MSFT|FW", "SystemName": ""})
    assert '<w:Selector Name="SystemName"/>' in reference
    assert '<w:Selector Name="CreationClassName">MSFT|FW</w:Selector>' in reference


@given(st.lists(XML_TEXT.filter(lambda text: "\r" not in text), min_size=1, max_size=4))
def test_arguments_are_read_as_text_or_as_a_list_of_texts(texts: list[str]) -> None:
    nodes = list(ElementTree.fromstring("<x>" + "".join(f"<a>{escape(text)}</a>" for text in texts) + "</x>"))
    assert read_argument(nodes) == (texts[0] if len(texts) == 1 else texts)


def test_a_nil_argument_is_null_and_a_date_is_its_text() -> None:
    nil = ElementTree.fromstring(f'<a xmlns:xsi="{names.SCHEMA_INSTANCE}" xsi:nil="true"/>')
    date = ElementTree.fromstring(f'<a xmlns:cim="{names.CIM_COMMON}"><cim:Datetime>2024-01-31T10:00:00Z</cim:Datetime></a>')
    assert read_argument([nil]) is None
    assert read_argument([date]) == "2024-01-31T10:00:00Z"
