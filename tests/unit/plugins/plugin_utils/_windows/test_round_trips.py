# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values on their way to a machine and back, through two implementations that share nothing: ours, and the lab's reader and writer.

The lab tells an array from its type, as WMI does, and neither side can tell an empty array from none: both are no element.
"""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows import soap, values, wsman
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import RegistryValue
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.model import registry
from tests.lab.model.estate import build_estate
from tests.lab.wire.soap import envelope as lab_envelope
from tests.lab.wire.soap import values as lab_values
from tests.lab.wire.soap.cim import CimResource
from tests.lab.wire.soap.endpoint import Answer, Endpoint
from tests.lab.wire.soap.shell import ShellResource
from tests.unit.plugins.plugin_utils._windows.strategies import (
    LEGAL_TEXT,
    OTHER_CIM_TYPES,
    SCALAR_TYPES,
    SCALARS,
    TypedValue,
    as_read,
    typed_rows,
    typed_values,
)

DOING = "reading"
URI = soap.class_uri("root/cimv2", "C")
KEY = "SOFTWARE\\Lab"


def test_the_types_tested_here_are_all_that_the_collection_knows():
    assert {*SCALAR_TYPES, *(f"{name}[]" for name in SCALAR_TYPES)} == values.CIM_TYPES


@pytest.mark.parametrize("cim_type", [*OTHER_CIM_TYPES, *(f"{name}[]" for name in OTHER_CIM_TYPES)])
def test_the_other_types_of_cim_are_refused_by_name_both_ways(cim_type):
    with pytest.raises(ValueError, match=cim_type.replace("[", r"\[")):
        values.encode("1", cim_type)
    with pytest.raises(ValueError, match=cim_type.replace("[", r"\[")):
        values.decode(["1"], cim_type)


# From us to the machine


def spelled(text, cim_type):
    """Return the value of a text by XML Schema's spelling, as any reader of the message would take it."""
    if cim_type == "boolean":
        return {"true": True, "false": False}[text]
    if cim_type == "datetime":
        return datetime.datetime.fromisoformat(text)
    return text if cim_type == "string" else int(text)


def as_the_lab_reads(request, name, cim_type):
    body = lab_envelope.read(request.xml).body
    nodes = [node for node in body if node.tag == f"{{{URI}}}{name}"]
    given_to_the_method = lab_values.read_argument(nodes) if nodes else None
    if not cim_type.endswith("[]"):
        return None if given_to_the_method is None else spelled(given_to_the_method, cim_type)
    texts = [given_to_the_method] if isinstance(given_to_the_method, str) else given_to_the_method
    return None if texts is None else [spelled(text, cim_type.removesuffix("[]")) for text in texts]


@settings(max_examples=60)
@given(typed_rows())
def test_every_argument_of_a_method_reaches_the_machine_as_it_is(arguments):
    encoded = [
        values.Argument(name, typed.cim_type, tuple(values.encode(typed.value, typed.cim_type))) for name, typed in arguments.items()
    ]
    request = soap.invoke(URI, "M", encoded, {}, "uuid:A")
    assert {name: as_the_lab_reads(request, name, typed.cim_type) for name, typed in arguments.items()} == {
        name: as_read(typed) for name, typed in arguments.items()
    }


@given(LEGAL_TEXT, LEGAL_TEXT)
def test_every_text_in_a_selector_and_in_a_query_reaches_the_machine_as_it_is(key, query):
    message = lab_envelope.read(soap.get(URI, {"Name": key, "Other": "x"}, "uuid:A").xml)
    assert message.selectors == {"Name": key, "Other": "x"}
    body = lab_envelope.read(soap.enumerate_wql("root/cimv2", query, "uuid:A").xml).body
    assert (body[-1].text or "") == query


@given(LEGAL_TEXT)
def test_every_text_in_the_key_of_an_association_reaches_the_machine_as_it_is(key):
    body = lab_envelope.read(soap.enumerate_associated("root/cimv2", "C", {"Name": key}, "A", "R", "uuid:A").xml).body
    selector_set = next(node for node in body.iter() if lab_envelope.local_name(node.tag) == "SelectorSet")
    assert lab_envelope.selector_pairs(selector_set) == [("Name", key)]


# From the machine to us


def page_from_the_lab(items, *, whole):
    written = [
        lab_values.instance("root/cimv2", "C", {name: typed.value for name, typed in row.items()}, lambda name, row=row: row[name].cim_type)
        if whole
        else lab_values.fragment({name: typed.value for name, typed in row.items()}, lambda name, row=row: row[name].cim_type)
        for row in items
    ]
    body = f"<n:PullResponse><n:Items>{''.join(written)}</n:Items><n:EndOfSequence/></n:PullResponse>"
    return soap.read_page(soap.parse(lab_envelope.write("urn:x", body, "uuid:A").encode(), "uuid:A", DOING), DOING)


def as_we_read(texts, row):
    return {name: values.decode(texts.get(name.casefold(), ()), typed.cim_type) for name, typed in row.items()}


@settings(max_examples=50)
@given(st.lists(typed_rows(), max_size=3), st.booleans())
def test_every_row_that_a_machine_sends_is_read_as_it_is_whole_or_projected(rows, whole):
    page = page_from_the_lab(rows, whole=whole)
    assert page.context is None
    assert [as_we_read(texts, row) for texts, row in zip(page.rows, rows, strict=True)] == [
        {name: as_read(typed) for name, typed in row.items()} for row in rows
    ]


@settings(max_examples=60)
@given(typed_rows())
def test_every_output_of_a_method_is_read_as_it_is(outputs):
    body = lab_values.output(
        "root/cimv2", "C", "M", {name: typed.value for name, typed in outputs.items()}, lambda name: outputs[name].cim_type
    )
    texts = soap.read_output(soap.parse(lab_envelope.write("urn:x", body, None).encode(), None, DOING), "M", DOING)
    assert as_we_read(texts, outputs) == {name: as_read(typed) for name, typed in outputs.items()}


@given(typed_values())
def test_what_is_encoded_is_decoded_to_the_same_value(typed: TypedValue):
    assert values.decode(values.encode(typed.value, typed.cim_type), typed.cim_type) == as_read(typed)


# There and back: written into the registry of a machine of the lab by one message, read by another


class Pair:
    """A machine of the lab behind its own endpoint, and our backend in front of it."""

    def __init__(self) -> None:
        machines = [{"name": "pc01", "windows": "server-2022-standard"}]
        self.model = build_estate({"estate": {"domain": "corp.example"}, "machines": machines}).machines["pc01"]
        self.model.registry.create(KEY)
        cim = CimResource(self.model.cim, lambda: "text")
        self.endpoint = Endpoint(self.model.fqdn, cim, ShellResource("http://pc01:5985/wsman"))
        self.windows = wsman.WsmanWindows(self.send, lambda seconds: None)

    def send(self, xml: bytes, **_options: object) -> soap.Reply:
        message = self.endpoint.read(xml)
        answer = message if isinstance(message, Answer) else self.endpoint.answer(message)
        return soap.Reply(answer.status, answer.xml.encode())

    def write(self, method: str, name: str, argument: str, typed: TypedValue) -> None:
        uri = soap.class_uri("root/default", "StdRegProv")
        arguments = [
            values.Argument("hDefKey", "uint32", ("2147483650",)),
            values.Argument("sSubKeyName", "string", (KEY,)),
            values.Argument("sValueName", "string", (name,)),
            values.Argument(argument, typed.cim_type, tuple(values.encode(typed.value, typed.cim_type))),
        ]
        reply = self.send(soap.invoke(uri, method, arguments, {}, "uuid:A").xml)
        output = soap.read_output(soap.parse(reply.body, "uuid:A", DOING), method, DOING)
        assert output["returnvalue"] == ["0"]

    def stored(self, name: str) -> object:
        return self.model.registry.key(KEY).values[name.casefold()].data

    def read(self, name: str, kind: str) -> object:
        (reading,) = self.windows.read([RegistryValue(KEY, name, kind)])
        return reading.get()


@pytest.fixture(scope="module")
def pair():
    return Pair()


NAMES = LEGAL_TEXT.filter(lambda name: name.casefold() not in ("backupproductkeydefault", "digitalproductid", "digitalproductid4"))


@settings(max_examples=60)
@given(NAMES, LEGAL_TEXT)
def test_a_text_written_into_the_registry_is_there_and_reads_back(pair, name, text):
    pair.write("SetStringValue", name, "sValue", TypedValue("string", text))
    assert pair.stored(name) == text
    assert pair.read(name, "REG_SZ") == text


@settings(max_examples=40)
@given(st.lists(LEGAL_TEXT, max_size=4))
def test_a_list_written_into_the_registry_is_there_and_reads_back(pair, texts):
    pair.write("SetMultiStringValue", "List", "sValue", TypedValue("string[]", texts))
    assert pair.stored("List") == texts
    assert pair.read("List", "REG_MULTI_SZ") == texts


@settings(max_examples=40)
@given(SCALARS["uint32"])
def test_a_number_written_into_the_registry_is_there_and_reads_back(pair, number):
    pair.write("SetDWORDValue", "Number", "uValue", TypedValue("uint32", number))
    assert pair.stored("Number") == number
    assert pair.read("Number", "REG_DWORD") == number


@settings(max_examples=40)
@given(SCALARS["uint64"], st.lists(SCALARS["uint8"], max_size=4))
def test_kinds_that_are_only_written_arrive_as_they_are(pair, number, data):
    # No module reads these two; that Windows has them is what keeps 64 bits and bytes in the messages honest.
    pair.write("SetQWORDValue", "Long", "uValue", TypedValue("uint64", number))
    pair.write("SetBinaryValue", "Bytes", "uValue", TypedValue("uint8[]", data))
    assert pair.stored("Long") == number
    assert pair.stored("Bytes") == data
    assert pair.model.registry.key(KEY).values["long"].kind == registry.REG_QWORD
