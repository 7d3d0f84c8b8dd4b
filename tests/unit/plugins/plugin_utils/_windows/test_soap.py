# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows import soap, values
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import BadReplyError
from ansible_collections.activation.kms.plugins.plugin_utils._windows.values import Argument
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils._windows import messages as m

DOING = "reading Win32_Service"
LEGAL = st.text().map(values.without_illegal_characters).map(lambda text: text.replace("\r", ""))
SERVICE = soap.class_uri("root/cimv2", "SoftwareLicensingService")


def names(element):
    return [soap.local_name(child) for child in element]


def one(request, name):
    return next(e for e in ET.fromstring(request.xml).iter() if soap.local_name(e) == name)


def page(*args, **kwargs):
    return soap.read_page(soap.parse(m.envelope(m.items(*args, **kwargs)), None, DOING), DOING)


def test_a_query_has_the_header_and_body_of_windows_own_clients_in_their_order():
    request = soap.enumerate_wql("root/cimv2", "SELECT Name FROM Win32_Service WHERE A<>'b' AND C>1", "uuid:A")
    header, body = ET.fromstring(request.xml)
    assert names(header) == [
        "To",
        "ResourceURI",
        "ReplyTo",
        "Action",
        "MaxEnvelopeSize",
        "MessageID",
        "Locale",
        "DataLocale",
        "OperationTimeout",
    ]
    assert one(request, "ResourceURI").text == "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/*"
    assert one(request, "Action").text == "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate"
    assert names(body[0]) == ["OptimizeEnumeration", "MaxElements", "Filter"]
    assert one(request, "Filter").text == "SELECT Name FROM Win32_Service WHERE A<>'b' AND C>1"
    assert one(request, "Filter").get("Dialect") == "http://schemas.microsoft.com/wbem/wsman/1/WQL"


def test_language_is_a_hint_that_the_machine_may_ignore():
    request = soap.enumerate_wql("root/cimv2", "SELECT 1", "uuid:A")
    for name in ("Locale", "DataLocale"):
        assert one(request, name).get("{http://www.w3.org/2003/05/soap-envelope}mustUnderstand") == "false"


def test_a_pull_repeats_uri_envelope_size_and_element_count_of_its_query():
    query = soap.enumerate_wql("root/cimv2", "SELECT 1", "uuid:A", max_elements=20)
    request = soap.pull(query.resource_uri, "uuid:C", "uuid:B", max_elements=20)
    for name in ("ResourceURI", "MaxEnvelopeSize", "MaxElements"):
        assert one(request, name).text == one(query, name).text
    assert one(request, "EnumerationContext").text == "uuid:C"


def test_a_release_names_the_context():
    request = soap.release(soap.class_uri("root/cimv2", "*"), "uuid:C", "uuid:B")
    assert one(request, "Action").text.endswith("/Release")
    assert one(request, "EnumerationContext").text == "uuid:C"


def test_a_get_carries_selectors_and_an_empty_body():
    request = soap.get(soap.class_uri("root/cimv2", "Win32_Service"), {"Name": "sppsvc"}, "uuid:A")
    header, body = ET.fromstring(request.xml)
    assert names(header)[-1] == "SelectorSet"
    assert len(body) == 0
    assert (one(request, "Selector").get("Name"), one(request, "Selector").text) == ("Name", "sppsvc")


def test_a_method_call_sends_its_input_in_the_class_namespace_with_parameters_in_order():
    uri = soap.class_uri("root/default", "StdRegProv")
    arguments = [
        Argument("hDefKey", "uint32", ("2147483650",)),
        Argument("sSubKeyName", "string", ("A&B",)),
        Argument("sNone", "string", ()),
    ]
    request = soap.invoke(uri, "GetStringValue", arguments, {}, "uuid:A")
    _header, body = ET.fromstring(request.xml)
    assert [e.tag for e in body[0]] == [f"{{{uri}}}hDefKey", f"{{{uri}}}sSubKeyName"]
    assert body[0].tag == f"{{{uri}}}GetStringValue_INPUT"
    assert one(request, "Action").text == f"{uri}/GetStringValue"


def test_arrays_repeat_the_element_and_times_stand_one_element_deeper():
    arguments = [Argument("Names", "string", ("a", "b")), Argument("When", "datetime", ("2024-01-31T10:00:00Z",))]
    request = soap.invoke(SERVICE, "M", arguments, {"Version": "10.0"}, "uuid:A")
    body = ET.fromstring(request.xml)[1][0]
    assert names(body) == ["Names", "Names", "When"]
    assert body[2][0].tag == "{http://schemas.dmtf.org/wbem/wscim/1/common}Datetime"


def test_an_association_query_names_object_association_and_result():
    request = soap.enumerate_associated("root/StandardCimv2", "Rule", {"Key": "v", "Empty": ""}, "RuleFilter", "Filter", "uuid:A")
    query = one(request, "AssociatedInstances")
    assert names(query) == ["Object", "AssociationClassName", "ResultClassName"]
    assert one(request, "Filter").get("Dialect").endswith("/cimbinding/associationFilter")
    selectors = [e for e in query.iter() if soap.local_name(e) == "Selector"]
    assert [(s.get("Name"), s.text) for s in selectors] == [("Key", "v"), ("Empty", None)]


def test_a_request_does_not_show_its_text_in_repr():
    request = soap.invoke(SERVICE, "InstallProductKey", [Argument("ProductKey", "string", ("LABHK-ZEROA",))], {}, "uuid:A")
    assert "LABHK" not in repr(request)
    assert "LABHK" not in repr(Argument("ProductKey", "string", ("LABHK-ZEROA",)))
    assert "LABHK" not in repr(soap.Reply(200, b"LABHK-ZEROA"))


@given(LEGAL, LEGAL)
def test_any_legal_text_reaches_the_machine_as_it_is(value, key):
    request = soap.invoke(SERVICE, "M", [Argument("P", "string", (value,))], {"K": key}, "uuid:A")
    assert (one(request, "P").text or "") == value
    assert (one(request, "Selector").text or "") == key


def test_no_prefix_is_registered_for_the_whole_process():
    before = dict(ET._namespace_map)
    soap.enumerate_wql("root/cimv2", "SELECT 1", "uuid:A")
    assert before == ET._namespace_map


@given(st.lists(st.dictionaries(st.sampled_from(["Name", "State", "Path"]), LEGAL, min_size=1), max_size=4))
def test_rows_survive_a_round_trip_through_a_page(rows):
    sent = [m.fragment(**{k: m.escape(v) for k, v in row.items()}) for row in rows]
    found = page(*sent)
    assert [{k: v[0] for k, v in row.items()} for row in found.rows] == [{k.casefold(): v for k, v in row.items()} for row in rows]
    assert found.context is None


def test_the_first_page_holds_what_there_is_and_the_context_for_more():
    found = page(m.fragment(Name="a"), context="uuid:C")
    assert found.context == "uuid:C"
    assert found.rows == ({"name": ["a"]},)


@pytest.mark.parametrize(
    "body",
    [
        "<n:EnumerateResponse><n:EnumerationContext/><w:EndOfSequence/></n:EnumerateResponse>",
        "<n:EnumerateResponse><w:Items/><w:EndOfSequence/></n:EnumerateResponse>",
        "<n:EnumerateResponse><n:EnumerationContext></n:EnumerationContext></n:EnumerateResponse>",
        "<n:PullResponse><n:Items></n:Items><n:EndOfSequence/></n:PullResponse>",
        "<n:PullResponse/>",
    ],
)
def test_no_rows_come_in_any_spelling_of_nothing(body):
    assert soap.read_page(soap.parse(m.envelope(body), None, DOING), DOING) == soap.Page((), None)


def test_typed_items_and_items_with_an_endpoint_reference_are_rows_like_any_other():
    reference = "<a:EndpointReference><a:Address>x</a:Address></a:EndpointReference>"
    rows = page(m.typed("Win32_Service", Name="a"), f"<w:Item>{m.typed('Win32_Service', Name='b')}{reference}</w:Item>").rows
    assert [row["name"] for row in rows] == [["a"], ["b"]]


def test_item_data_with_the_names_of_protocol_elements_does_not_end_an_enumeration():
    found = page(m.fragment(EndOfSequence="x", EnumerationContext="y"), context="uuid:C")
    assert found.context == "uuid:C"
    assert found.rows[0]["endofsequence"] == ["x"]


def test_nil_empty_arrays_and_dates_are_told_apart():
    row = page(
        m.typed("C", Null=None, Empty="", List=["a", "b"], When="<cim:Datetime xmlns:cim='c'>2013-03-09T02:57:32Z</cim:Datetime>")
    ).rows[0]
    assert row == {"null": [None], "empty": [""], "list": ["a", "b"], "when": ["2013-03-09T02:57:32Z"]}
    assert page(m.fragment(When="<Datetime>2013-03-09T02:57:32Z</Datetime>")).rows[0] == {"when": ["2013-03-09T02:57:32Z"]}


def test_an_output_is_read_with_arrays_and_may_be_empty():
    content = soap.parse(m.envelope(m.output("EnumKey", "StdRegProv", sNames=["a", "b"], ReturnValue=0)), None, DOING)
    assert soap.read_output(content, "EnumKey", DOING) == {"snames": ["a", "b"], "returnvalue": ["0"]}
    assert soap.read_output(soap.parse(m.envelope(m.output("Enable", "X")), None, DOING), "Enable", DOING) == {}
    assert soap.read_output(soap.parse(m.envelope(""), None, DOING), "Enable", DOING) == {}


def test_the_output_of_another_method_is_refused():
    content = soap.parse(m.envelope(m.output("Disable", "X")), None, DOING)
    with pytest.raises(BadReplyError, match="Disable_OUTPUT where Enable_OUTPUT was due"):
        soap.read_output(content, "Enable", DOING)


def test_a_page_that_is_none_is_refused():
    for content in (None, soap.parse(m.envelope("<n:Other/>"), None, DOING)):
        with pytest.raises(BadReplyError, match="items was due"):
            soap.read_page(content, DOING)


@pytest.mark.parametrize("body", [m.envelope("<x/>"), m.envelope("<x/>").decode()])
def test_bytes_and_text_are_parsed_alike(body):
    assert soap.local_name(soap.parse(body, None, DOING)) == "x"


def test_an_answer_to_another_message_is_refused_and_one_that_says_nothing_is_not():
    assert soap.parse(m.envelope("<x/>", "uuid:a1"), "uuid:A1", DOING) is not None
    assert soap.parse(m.envelope("<x/>"), "uuid:A1", DOING) is not None
    with pytest.raises(BadReplyError, match="another message"):
        soap.parse(m.envelope("<x/>", "uuid:B"), "uuid:A1", DOING)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<html><body>Sign in</body></html>", "web page"),
        (b"<!DOCTYPE html><html><body><br>Sign in</body></html>", "web page"),
        (b"<HTML><BODY><br>Sign in", "web page"),
        (b"not xml at all", "well-formed"),
        (m.envelope("<x/>")[:-20], "well-formed"),
        (b"<a/>", "root is a"),
        (b'<s:Envelope xmlns:s="x"><s:Header/></s:Envelope>', "without a body"),
        (b'<?xml version="1.0" encoding="no-such-thing"?><a/>', "encoding"),
    ],
)
def test_what_is_no_message_is_refused_with_its_kind(body, words):
    with pytest.raises(BadReplyError, match=words) as caught:
        soap.parse(body, None, DOING)
    assert caught.value.doing == DOING
    assert caught.value.next_step
    assert caught.value.__context__ is None


BOMB = '<!DOCTYPE s:Envelope [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE s:Envelope SYSTEM "file:///etc/passwd">'


@pytest.mark.parametrize("doctype", [BOMB, FILE, "<!DOCTYPE s:Envelope>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_in_every_encoding_before_any_entity_is_used(doctype, encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?>{doctype}' + m.envelope("<x>&b;</x>").decode()
    with pytest.raises(BadReplyError, match="document type"):
        soap.parse(text.encode(encoding), None, DOING)


def test_a_reply_above_the_limit_is_not_parsed_and_one_at_the_limit_is():
    shell = len(m.envelope("<x></x>"))
    fits = m.envelope(f"<x>{'y' * (soap.REPLY_LIMIT_BYTES - shell)}</x>")
    assert len(fits) == soap.REPLY_LIMIT_BYTES
    assert soap.parse(fits, None, DOING) is not None
    with pytest.raises(BadReplyError, match="4194305 bytes"):
        soap.parse(fits + b" ", None, DOING)


@pytest.mark.parametrize("bad", ["\x01", "&#1;", "&#x1F;", "\ufffe", "&#xFFFFFFF;", "&#xD800;"])
def test_characters_that_xml_forbids_are_dropped_when_they_are_all_that_is_wrong(bad):
    content = soap.parse(m.envelope(f"<x>before{bad}after&#65;</x>"), None, DOING)
    assert content.text == "beforeafterA"


def test_dropping_characters_does_not_let_a_document_type_through():
    text = BOMB + m.envelope("<x>\x01&b;</x>").decode()
    with pytest.raises(BadReplyError, match="document type"):
        soap.parse(text, None, DOING)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_bad_reply(body):
    with pytest.raises(BadReplyError):
        soap.parse(body, None, DOING)


@given(st.integers(0, 600), st.binary(max_size=3))
def test_a_damaged_message_is_a_message_or_a_bad_reply(position, junk):
    whole = m.envelope(m.items(m.fragment(Name="a"), context="uuid:C"), "uuid:A")
    position = min(position, len(whole))
    try:
        soap.read_page(soap.parse(whole[:position] + junk + whole[position + 1 :], "uuid:A", DOING), DOING)
    except BadReplyError as error:
        assert error.detail
