# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damages answers: as trees, so that what comes out is still XML and reaches the code behind the parser, and as bytes, so that it is not.

All chance comes from the C(random.Random) that is passed in: the same seed gives the same bytes.
"""

from __future__ import annotations

import random
import typing as t
import xml.etree.ElementTree as ET

from .target import KEY, MESSAGE_ID, SECRET

_NAMESPACES = (
    "",
    "urn:other",
    "http://www.w3.org/2003/05/soap-envelope",
    "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
    "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_OperatingSystem",
)
_NAMES = (
    *("Envelope", "Header", "Body", "RelatesTo", "EnumerateResponse", "PullResponse", "Items", "Item", "XmlFragment", "EndOfSequence"),
    *("EnumerationContext", "EndpointReference", "Fault", "Code", "Subcode", "Value", "Reason", "Text", "Detail", "WSManFault", "Message"),
    *("ProviderFault", "ExtendedError", "StatusCode", "Description", "ParameterInfo", "MSFT_WmiError", "CIMStatusCode", "MessageID"),
    *("error_Code", "error_WindowsErrorMessage", "InstallProductKey_OUTPUT", "GetStringValue_OUTPUT", "GetDWORDValue_OUTPUT"),
    *("GetMultiStringValue_OUTPUT", "GetPolicyInformationDWord_OUTPUT", "StartService_OUTPUT", "ReturnValue", "sValue", "uValue"),
    *("PolicyValue", "Datetime", "Interval", "BuildNumber", "ProductType", "InstallDate", "MUILanguages", "CurrentTimeZone", "Enabled"),
    *("RecordNumber", "EventCode", "TimeGenerated", "InsertionStrings", "html", KEY, "n" * 300),
)
_TEXTS = (
    *("", " ", "\n", "0", "1", "-1", "+7", "007", "1_000", "1.5", "1e3", "\u0661", "4294967295", "4294967296", "18446744073709551616"),
    *("-9223372036854775809", "9" * 30, "9" * 5000, "0x10", "true", "FALSE", "yes", "nil"),
    *(
        "2013-03-09T02:57:32Z",
        "2013-03-09T02:57:32.1234567891Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "20130230000000.000000+000",
    ),
    *("2150858778", "2150858755", "2150859174", "2150858793", "2150858780", "2150859258", "2150858829", "3221549136", "5", "-2147024891"),
    *("HRESULT 0xc004f050 ", "HRESULT 0x803381a6", "HRESULT 0xFFFFFFFFF", "0x8004100E 0x00000000", "w:AccessDenied", "TimedOut", ":", "::"),
    *(KEY, KEY.lower(), f"bad key {KEY}.", f"{KEY}{KEY}", KEY.replace("-", "\u2011"), KEY.replace("-", ""), SECRET, SECRET.upper()),
    *(
        MESSAGE_ID,
        MESSAGE_ID.upper(),
        "uuid:another",
        "uuid:1",
        "x" * 10000,
        "a\tb\rc\nd",
        "\u2028\u0085\u00a0",
        "\U0001f600 \u4f60\u597d",
        "\u202eevil",
    ),
)
_ATTRIBUTES = (
    "{http://www.w3.org/2001/XMLSchema-instance}nil",
    "nil",
    "{http://www.w3.org/2001/XMLSchema-instance}type",
    "Code",
    "Machine",
    "provider",
    "path",
    "{http://www.w3.org/XML/1998/namespace}lang",
)
_TOKENS = (
    *(b"<!DOCTYPE s:Envelope [<!ENTITY e 'x'>]>", b"<!DOCTYPE html>", b"&e;", b"&amp;", b"&#0;", b"&#x1F;", b"&#xD800;", b"&#1114112;"),
    *(b"&#x100000000;", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"<?xml version='1.0' encoding='utf-16'?>", b"<?pi ?>", b"\x00", b"\x01"),
    *(
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\xef\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\r",
        b"<",
        b">",
        b"'",
        b'"',
        b"=",
    ),
    *(b"xmlns=''", b"xmlns:a=", KEY.encode(), b"<html><head>", b"</s:Body>"),
)
_DECLARATIONS = (
    *(b"<!DOCTYPE s:Envelope [<!ENTITY e 'x'>]>", b"<!DOCTYPE html>", b"<!DOCTYPE x SYSTEM 'file:///dev/null'>", b"<?xml version='1.1'?>"),
    *(b"<?xml version='1.0' standalone='no'?><!DOCTYPE s:Envelope [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>", b" ", b"\xef\xbb\xbf"),
)
_ENCODINGS = (
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-7",
    "latin-1",
    "cp1252",
    "ascii",
    "cp437",
    "shift_jis",
    "hex",
    "no-such",
)
_LARGEST = 200_000
_DEEPEST = 3000


def mutate(body: bytes, others: t.Sequence[bytes], chance: random.Random) -> bytes:
    """Return an answer damaged, at most 200 000 bytes of it; parts of others may get into it."""
    for _step in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        damaged = _as_tree(body, chance, chance.choice(others)) if chance.random() < 0.85 else chance.choice(_BYTES)(body, chance)
        body = damaged[:_LARGEST]
    return body


def _as_tree(body: bytes, chance: random.Random, other: bytes) -> bytes:
    try:
        root = ET.fromstring(body)
    except (ET.ParseError, ValueError, LookupError):
        return chance.choice(_BYTES)(body, chance)
    chance.choice(_TREES)(root, chance, other)
    try:
        return bytes(ET.tostring(root, encoding="utf-8"))
    except (ValueError, RecursionError):
        # A name or a text that can't be written, or a tree too deep for the writer.
        return chance.choice(_BYTES)(body, chance)


def _somewhere(root: ET.Element, chance: random.Random) -> ET.Element:
    return chance.choice(list(root.iter()))


def _parent_and_child(root: ET.Element, chance: random.Random) -> tuple[ET.Element, int] | None:
    parents = [node for node in root.iter() if len(node)]
    if not parents:
        return None
    parent = chance.choice(parents)
    return parent, chance.randrange(len(parent))


def _name(chance: random.Random) -> str:
    namespace, name = chance.choice(_NAMESPACES), chance.choice(_NAMES)
    return f"{{{namespace}}}{name}" if namespace else name


def _delete(root: ET.Element, chance: random.Random, _other: bytes) -> None:
    found = _parent_and_child(root, chance)
    if found:
        del found[0][found[1]]


def _repeat(root: ET.Element, chance: random.Random, _other: bytes) -> None:
    found = _parent_and_child(root, chance)
    if found:
        parent, index = found
        for _copy in range(chance.choice((1, 1, 2, 200))):
            parent.insert(index, parent[index])


def _move(root: ET.Element, chance: random.Random, _other: bytes) -> None:
    found = _parent_and_child(root, chance)
    if found:
        parent, index = found
        child = parent[index]
        del parent[index]
        _somewhere(root, chance).append(child)


def _shuffle(root: ET.Element, chance: random.Random, _other: bytes) -> None:
    node = _somewhere(root, chance)
    children = list(node)
    chance.shuffle(children)
    node[:] = children


def _rename(root: ET.Element, chance: random.Random, _other: bytes) -> None:
    _somewhere(root, chance).tag = _name(chance)


def _write(root: ET.Element, chance: random.Random, _other: bytes) -> None:
    node = _somewhere(root, chance)
    text = chance.choice(_TEXTS)
    if chance.random() < 0.2 and node is not root:
        node.tail = text
    else:
        node.text = text


def _value(root: ET.Element, chance: random.Random, _other: bytes) -> None:
    # The last child is the body, as long as nothing else happened.
    inside = root[-1] if len(root) and chance.random() < 0.9 else root
    chance.choice([node for node in inside.iter() if not len(node)]).text = chance.choice(_TEXTS)


def _attribute(root: ET.Element, chance: random.Random, _other: bytes) -> None:
    node = _somewhere(root, chance)
    if node.attrib and chance.random() < 0.3:
        node.attrib.pop(chance.choice(list(node.attrib)))
    else:
        node.set(
            chance.choice(list(node.attrib) or _ATTRIBUTES) if chance.random() < 0.5 else chance.choice(_ATTRIBUTES), chance.choice(_TEXTS)
        )


def _add(root: ET.Element, chance: random.Random, _other: bytes) -> None:
    ET.SubElement(_somewhere(root, chance), _name(chance)).text = chance.choice(_TEXTS)


def _wrap(root: ET.Element, chance: random.Random, _other: bytes) -> None:
    found = _parent_and_child(root, chance)
    if found:
        parent, index = found
        outer = ET.Element(_name(chance))
        outer.append(parent[index])
        parent[index] = outer


def _splice(root: ET.Element, chance: random.Random, other: bytes) -> None:
    try:
        foreign = ET.fromstring(other)
    except (ET.ParseError, ValueError, LookupError):
        return
    _somewhere(root, chance).append(_somewhere(foreign, chance))


def _cut(body: bytes, chance: random.Random) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _flip(body: bytes, chance: random.Random) -> bytes:
    if not body:
        return body
    at = chance.randrange(len(body))
    return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]


def _insert(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.choice(_TOKENS) * chance.choice((1, 1, 1, 3)) + body[at:]


def _drop(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + body[at + chance.randrange(1, 40) :]


def _double(body: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(body) + 1), chance.randrange(1, 400)
    return body[: at + length] + body[at:]


def _bury(body: bytes, chance: random.Random) -> bytes:
    # As bytes, because ElementTree writes a tree by recursion.
    at = body.find(b">", chance.randrange(len(body) + 1)) + 1
    name, depth = chance.choice((b"Fault", b"Detail", b"Datetime", b"x")), chance.randrange(_DEEPEST)
    return body[:at] + b"".join((b"<%s>" % name,) * depth) + chance.choice(_TOKENS) + b"".join((b"</%s>" % name,) * depth) + body[at:]


def _declare(body: bytes, chance: random.Random) -> bytes:
    return chance.choice(_DECLARATIONS) + body


def _encode(body: bytes, chance: random.Random) -> bytes:
    said, done = chance.choice(_ENCODINGS), chance.choice(_ENCODINGS[:5])
    text = body.decode("utf-8", "replace")
    if chance.random() < 0.8:
        text = f'<?xml version="1.0" encoding="{said}"?>' + text
    return text.encode(said if said in _ENCODINGS[:5] else done, "replace")


_TREES: tuple[t.Callable[[ET.Element, random.Random, bytes], None], ...] = (
    *(
        _delete,
        _repeat,
        _move,
        _shuffle,
        _rename,
        _write,
        _value,
        _value,
        _value,
        _value,
        _value,
        _attribute,
        _attribute,
        _add,
        _add,
        _wrap,
        _splice,
        _splice,
    ),
)
_BYTES: tuple[t.Callable[[bytes, random.Random], bytes], ...] = (_cut, _flip, _insert, _insert, _drop, _double, _bury, _declare, _encode)
