# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.wire.soap import names
from tests.lab.wire.soap.envelope import NotXmlError, duration_seconds, not_understood, read, write

REQUEST = f"""<s:Envelope xmlns:s="{names.SOAP}" xmlns:a="{names.ADDRESSING}" xmlns:w="{names.WSMAN}">
<s:Header>
  <a:To>http://windows-host:5985/wsman</a:To>
  <w:ResourceURI s:mustUnderstand="true"> urn:x </w:ResourceURI>
  <a:ReplyTo><a:Address>{names.ANONYMOUS}</a:Address></a:ReplyTo>
  <a:Action>urn:x/Do</a:Action>
  <a:MessageID>uuid:1</a:MessageID>
  <w:MaxEnvelopeSize>153600</w:MaxEnvelopeSize>
  <w:OperationTimeout>PT60.000S</w:OperationTimeout>
  <w:SelectorSet><w:Selector Name="Name"> a b </w:Selector><w:Selector Name="Empty"/></w:SelectorSet>
  <w:OptionSet><w:Option Name="O" MustComply="true">1</w:Option></w:OptionSet>
</s:Header><s:Body><Do_INPUT/></s:Body></s:Envelope>"""


def test_every_header_of_a_request_is_read() -> None:
    message = read(REQUEST.encode())
    assert (message.resource_uri, message.action, message.message_id, message.reply_to) == ("urn:x", "urn:x/Do", "uuid:1", names.ANONYMOUS)
    assert (message.max_envelope_size, message.operation_timeout) == ("153600", 60.0)
    assert message.selectors == {"Name": " a b ", "Empty": ""}
    assert message.options == (("O", True, "1"),)
    assert message.to_host == "windows-host"
    assert message.body is not None
    assert message.body.tag == "Do_INPUT"


def test_a_request_in_utf_16_is_read() -> None:
    assert read(('<?xml version="1.0" encoding="utf-16"?>' + REQUEST).encode("utf-16")).action == "urn:x/Do"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_in_any_encoding(encoding: str) -> None:
    document = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE s:Envelope [<!ENTITY e "x">]>' + REQUEST.replace("uuid:1", "&e;")
    with pytest.raises(NotXmlError, match="document type"):
        read(document.encode(encoding))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_envelope_are_refused_and_nothing_else_happens(data: bytes) -> None:
    with pytest.raises(NotXmlError):
        read(data)


def test_a_header_that_must_be_understood_and_is_not_known_is_found() -> None:
    message = read(REQUEST.replace("</s:Header>", '<q:Odd xmlns:q="urn:q" s:mustUnderstand="1"/></s:Header>').encode())
    found = not_understood(message)
    assert found is not None
    assert found.tag == "{urn:q}Odd"
    assert not_understood(read(REQUEST.encode())) is None


def test_mustunderstand_without_the_soap_namespace_is_not_mustunderstand() -> None:
    # pywinrm writes the attribute so.
    message = read(REQUEST.replace("</s:Header>", '<q:Odd xmlns:q="urn:q" mustUnderstand="true"/></s:Header>').encode())
    assert not_understood(message) is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT60S", 60), ("PT60.500S", 60.5), ("PT1M30S", 90), ("P1DT1H", 90000), ("P", None), ("60", None), ("", None)]
)
def test_durations_are_read_in_seconds(text: str, seconds: float | None) -> None:
    assert duration_seconds(text) == seconds


def test_a_reply_relates_to_its_request_and_is_addressed_to_anonymous() -> None:
    root = ElementTree.fromstring(write("urn:x/DoResponse", "<n:Nothing/>", "uuid:1 & more"))
    header = root[0]
    assert [node.tag.rpartition("}")[2] for node in header] == ["Action", "MessageID", "To", "RelatesTo"]
    assert header[0].text == "urn:x/DoResponse"
    assert header[2].text == names.ANONYMOUS
    assert header[3].text == "uuid:1 & more"


def test_two_replies_have_different_message_ids() -> None:
    ids = {ElementTree.fromstring(write("urn:x", "", None))[0][1].text for _ in range(50)}
    assert len(ids) == 50
