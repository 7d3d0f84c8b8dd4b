# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WS-Management messages: requests as text, replies taken apart.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Pure: nothing is sent here. Header and body follow the order that Windows' own clients use. Replies are read by local names, because Windows
uses different namespaces for the same thing from one version and one operation to the next (Microsoft: MS-WSMV; DMTF: DSP0226, DSP0227).
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
import xml.etree.ElementTree as ET

from .._keys import mask_keys
from .errors import BadReplyError
from .values import Argument, Texts, without_illegal_characters

MAX_ELEMENTS = 32000
"""Items asked for in one answer: the most that Windows gives (MaxBatchItems; Microsoft: MS-WSMV 2.2.4.10). A Pull must repeat it."""

MAX_ENVELOPE_SIZE = 512000
"""Bytes an answer may have; Windows lowers it to its own limit silently (Microsoft: MS-WSMV 3.1.4.1.7). A Pull must repeat it."""

OPERATION_TIMEOUT_SECONDS = 60
"""How long Windows may take; it allows no more by default (MaxTimeoutms; Microsoft: MS-WSMV 3.1.4.1.6)."""

REPLY_LIMIT_BYTES = 4 * 1024 * 1024
"""Largest reply that is parsed: eight times what was asked for, so anything above is not from a well-meaning machine."""

TO = "http://windows-host:5985/wsman"
"""The addressee named in a message; Windows looks at the HTTP request only (pywinrm sends the same text)."""

_S = "http://www.w3.org/2003/05/soap-envelope"
_A = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_N = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
_X = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
_W = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
_P = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
_B = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd"
_CIM = "http://schemas.dmtf.org/wbem/wscim/1/common"

_ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
_WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi"
_WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
_ASSOCIATION_FILTER = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter"

_PAGES = ("EnumerateResponse", "PullResponse")
# References to characters that XML 1.0 cannot carry; the parser rejects them as it does the characters themselves.
_CHARACTER_REFERENCE = re.compile(r"&#(?:x([0-9a-f]{1,8})|([0-9]{1,10}));", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Reply:
    """What came back over HTTP: the status, and the body as it was before encryption."""

    status: int
    body: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Request:
    """A message ready to be sent. C(xml) can hold a product key, so it stays out of C(repr)."""

    message_id: str
    resource_uri: str
    xml: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Page:
    """Items of one answer to Enumerate or Pull; C(context) asks for the next ones, None after the last.

    C(timed_out): it stands for an answer that did not come in the time that there was.
    """

    rows: tuple[Texts, ...]
    context: str | None
    timed_out: bool = False


def class_uri(namespace: str, cim_class: str) -> str:
    """Return the resource URI of a class in the Microsoft family, which needs no selector for the namespace."""
    return f"{_WMI}/{namespace}/{cim_class}"


def enumerate_wql(
    namespace: str, wql: str, message_id: str, max_elements: int = MAX_ELEMENTS, timeout_seconds: float = OPERATION_TIMEOUT_SECONDS
) -> Request:
    """Return the message that starts a WQL query. Its URI names no class (ERROR_WSMAN_INVALID_URI_WMI_ENUM_WQL otherwise).

    timeout_seconds: how long Windows may take for this answer, as for a Pull; it need not be the same for both.
    """
    content = _element("w:Filter", wql, Dialect=_WQL)
    return _enumerate(namespace, content, message_id, max_elements, timeout_seconds)


def enumerate_associated(
    namespace: str,
    of_class: str,
    selectors: t.Mapping[str, str],
    through: str,
    result_class: str,
    message_id: str,
    max_elements: int = MAX_ELEMENTS,
) -> Request:
    """Return the message that asks for the instances tied to one instance by an association class (DMTF: DSP0227, association queries)."""
    content = _element("w:Filter", Dialect=_ASSOCIATION_FILTER)
    query = ET.SubElement(content, "b:AssociatedInstances", {"xmlns:b": _B})
    instance = ET.SubElement(query, "b:Object")
    instance.append(_element("a:Address", _ANONYMOUS))
    reference = ET.SubElement(instance, "a:ReferenceParameters")
    reference.append(_element("w:ResourceURI", class_uri(namespace, of_class)))
    reference.append(_selector_set(selectors))
    query.append(_element("b:AssociationClassName", through))
    query.append(_element("b:ResultClassName", result_class))
    return _enumerate(namespace, content, message_id, max_elements)


def pull(
    resource_uri: str,
    context: str,
    message_id: str,
    max_elements: int = MAX_ELEMENTS,
    timeout_seconds: float = OPERATION_TIMEOUT_SECONDS,
) -> Request:
    """Return the message that asks for the next items. URI and max_elements must be those of the Enumerate."""
    body = ET.Element("n:Pull")
    body.append(_element("n:EnumerationContext", context))
    body.append(_element("n:MaxElements", str(max_elements)))
    return _envelope(resource_uri, f"{_N}/Pull", message_id, body, timeout_seconds=timeout_seconds)


def release(resource_uri: str, context: str, message_id: str) -> Request:
    """Return the message that ends an enumeration early."""
    body = ET.Element("n:Release")
    body.append(_element("n:EnumerationContext", context))
    return _envelope(resource_uri, f"{_N}/Release", message_id, body)


def get(resource_uri: str, selectors: t.Mapping[str, str], message_id: str) -> Request:
    """Return the message that asks for one whole instance. Not for licensing classes: they hold a full product key."""
    return _envelope(resource_uri, f"{_X}/Get", message_id, None, selectors)


def invoke(resource_uri: str, method: str, arguments: t.Sequence[Argument], selectors: t.Mapping[str, str], message_id: str) -> Request:
    """Return the message that calls a method. The input element is sent without parameters, too (Microsoft: Learn, Session.Invoke)."""
    body = ET.Element(f"p:{method}_INPUT", {"xmlns:p": resource_uri})
    for argument in arguments:
        for text in argument.texts:
            parameter = ET.SubElement(body, f"p:{argument.name}")
            if argument.cim_type.startswith("datetime"):
                ET.SubElement(parameter, "cim:Datetime", {"xmlns:cim": _CIM}).text = text
            else:
                parameter.text = text
    return _envelope(resource_uri, f"{resource_uri}/{method}", message_id, body, selectors)


def parse(body: bytes | str, message_id: str | None, doing: str) -> ET.Element | None:
    """Return the content of a reply's SOAP body: a response, an instance or a fault; None when the body is empty.

    message_id: that of the request; a reply that says it relates to another one is refused, one that says nothing is not.
    doing: what was being done, for the error.

    Raises BadReplyError for what is no SOAP envelope, holds a document type (entities could be hidden there), is cut off, larger than
    REPLY_LIMIT_BYTES, or answers another message. Characters that XML does not allow are dropped when they are all that is wrong.
    """
    size = len(body) if isinstance(body, bytes) else len(body.encode("utf-8", "surrogatepass"))
    if size > REPLY_LIMIT_BYTES:
        raise BadReplyError(doing, f"the answer has {size} bytes; more than {REPLY_LIMIT_BYTES} are not parsed", next_step=_NARROWER)
    if not body.strip():
        raise BadReplyError(doing, "the answer is empty", next_step=_WHO_ANSWERS)
    root = _parse_xml(body, doing)
    if local_name(root) != "Envelope":
        kind = "a web page" if local_name(root).lower() == "html" else f"XML whose root is {_named(root)}"
        raise BadReplyError(doing, f"the answer is {kind}, not a WS-Management message", next_step=_WHO_ANSWERS)
    relates_to = next((_text(e) for part in _children(root, "Header") for e in _children(part, "RelatesTo")), "")
    if message_id and relates_to and relates_to.lower() != message_id.lower():
        raise BadReplyError(doing, "the answer belongs to another message", next_step="run the task again; the connection was out of step")
    soap_body = next(_children(root, "Body"), None)
    if soap_body is None:
        raise BadReplyError(doing, "the answer is a SOAP envelope without a body", next_step=_WHO_ANSWERS)
    return next(iter(soap_body), None)


def read_page(content: ET.Element | None, doing: str) -> Page:
    """Return the items of an answer to Enumerate or Pull, whatever form they come in.

    Items may be missing, empty, typed elements, XmlFragment (a projection) or w:Item with an endpoint reference beside the object. The end
    is EndOfSequence or a missing or empty context. Only direct children of the response count, since item data may use the same names.

    Raises BadReplyError when it is no such answer.
    """
    if content is None or local_name(content) not in _PAGES:
        raise _unexpected(content, "items", doing)
    rows = tuple(row_of(_object_of(item)) for items in _children(content, "Items") for item in items)
    context = next((_text(element) for element in _children(content, "EnumerationContext")), "")
    ended = any(True for _end in _children(content, "EndOfSequence"))
    return Page(rows, None if ended or not context else context)


def read_output(content: ET.Element | None, method: str, doing: str) -> Texts:
    """Return the outputs of a method call, ReturnValue among them when it was sent.

    An empty body, or an output element without anything in it, is what some providers answer on success: no outputs.

    Raises BadReplyError when it answers something else.
    """
    if content is None:
        return {}
    if local_name(content) != f"{method}_OUTPUT":
        raise _unexpected(content, f"{method}_OUTPUT", doing)
    return row_of(content)


def row_of(instance: ET.Element) -> Texts:
    """Return the members of an instance element or fragment."""
    row: Texts = {}
    for member in instance:
        row.setdefault(local_name(member).casefold(), []).append(_value_text(member))
    return row


def local_name(element: ET.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


_NARROWER = "check what answers at this address; no read of this collection comes near that size"
_WHO_ANSWERS = (
    "check that ansible_host, ansible_port and ansible_winrm_path lead to the machine's WinRM service, and that no proxy answers for it"
)


class _DoctypeError(Exception):
    def __init__(self, name: str) -> None:
        self.name = name


class _NoDoctype(ET.TreeBuilder):
    """Builds the tree and stops at a document type: SOAP forbids it, and entities can be declared nowhere else (W3C: SOAP 1.2, part 1, 5)."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise _DoctypeError(name)


def _parse_xml(body: bytes | str, doing: str) -> ET.Element:
    failure = None
    for text in (body, None):
        try:
            if text is None:
                text = _cleaned(body)
                if text is None:
                    break
            parser = ET.XMLParser(target=_NoDoctype())
            parser.feed(text)
            return parser.close()
        except _DoctypeError as error:
            if error.name.lower() == "html":
                failure = BadReplyError(doing, "the answer is a web page, not a WS-Management message", next_step=_WHO_ANSWERS)
            else:
                failure = BadReplyError(
                    doing, "the answer holds a document type, which SOAP forbids; it was not parsed", next_step=_WHO_ANSWERS
                )
            break
        except (ET.ParseError, ValueError, LookupError) as error:
            failure = failure or _broken(body, error, doing)
    # Raised out here so that no parser error, which can quote the text, hangs on to it.
    raise t.cast(BadReplyError, failure)


def _broken(body: bytes | str, error: Exception, doing: str) -> BadReplyError:
    start = body[:1024].decode("utf-8", "replace") if isinstance(body, bytes) else body[:1024]
    if re.search(r"<(?:!doctype\s+)?html|<head|<body", start, re.IGNORECASE):
        return BadReplyError(doing, "the answer is a web page, not a WS-Management message", next_step=_WHO_ANSWERS)
    where = f" (line {error.position[0]}, column {error.position[1]})" if isinstance(error, ET.ParseError) else ""
    reason = mask_keys(str(error).partition(":")[0]) if isinstance(error, ET.ParseError) else "its encoding is not known"
    return BadReplyError(doing, f"the answer is no well-formed XML: {reason}{where}", next_step=_WHO_ANSWERS)


def _cleaned(body: bytes | str) -> str | None:
    """Return the text without characters, bytes and references that XML forbids, or None when it holds none of them."""
    if isinstance(body, bytes):
        encoding = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text, legible = body.decode(encoding, "replace"), body.decode(encoding, "ignore")
    else:
        text = legible = body
    cleaned = _CHARACTER_REFERENCE.sub(_legal_reference, without_illegal_characters(text))
    return None if cleaned == legible else cleaned


def _legal_reference(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else int(match[2])
    return match[0] if code <= 0x10FFFF and without_illegal_characters(chr(code)) else ""


def _unexpected(content: ET.Element | None, due: str, doing: str) -> BadReplyError:
    came = "an empty body" if content is None else f"an element {_named(content)}"
    return BadReplyError(doing, f"the answer holds {came} where {due} was due", next_step=_WHO_ANSWERS)


def _named(element: ET.Element) -> str:
    """Return an element's name as it may be shown: the machine chose it."""
    return mask_keys(local_name(element))[:60]


def _object_of(item: ET.Element) -> ET.Element:
    if local_name(item) == "Item":
        # EnumerateObjectAndEPR: the object first, its address beside it.
        for child in item:
            if local_name(child) != "EndpointReference":
                return child
    return item


def _value_text(member: ET.Element) -> str | None:
    for name, value in member.attrib.items():
        if name.rpartition("}")[2] == "nil" and value.strip().lower() in ("true", "1"):
            return None
    if len(member):
        # A date stands one element deeper, with or without a namespace; a reference has no text of its own.
        return "".join(child.text or "" for child in member if local_name(child).lower() in ("datetime", "interval", "date", "time"))
    return member.text or ""


def _children(element: ET.Element, name: str) -> t.Iterator[ET.Element]:
    return (child for child in element if local_name(child) == name)


def _text(element: ET.Element) -> str:
    return (element.text or "").strip()


def _enumerate(
    namespace: str, content: ET.Element, message_id: str, max_elements: int, timeout_seconds: float = OPERATION_TIMEOUT_SECONDS
) -> Request:
    body = ET.Element("n:Enumerate")
    ET.SubElement(body, "w:OptimizeEnumeration")
    body.append(_element("w:MaxElements", str(max_elements)))
    body.append(content)
    return _envelope(class_uri(namespace, "*"), f"{_N}/Enumerate", message_id, body, timeout_seconds=timeout_seconds)


def _envelope(
    resource_uri: str,
    action: str,
    message_id: str,
    body: ET.Element | None,
    selectors: t.Mapping[str, str] | None = None,
    timeout_seconds: float = OPERATION_TIMEOUT_SECONDS,
) -> Request:
    # Prefixes are written out as plain names: ElementTree's table of prefixes is shared by the whole process and stays untouched.
    root = ET.Element("s:Envelope", {"xmlns:s": _S, "xmlns:a": _A, "xmlns:n": _N, "xmlns:x": _X, "xmlns:w": _W, "xmlns:p": _P})
    header = ET.SubElement(root, "s:Header")
    header.append(_element("a:To", TO))
    header.append(_element("w:ResourceURI", resource_uri, **_MUST))
    ET.SubElement(header, "a:ReplyTo").append(_element("a:Address", _ANONYMOUS, **_MUST))
    header.append(_element("a:Action", action, **_MUST))
    header.append(_element("w:MaxEnvelopeSize", str(MAX_ENVELOPE_SIZE), **_MUST))
    header.append(_element("a:MessageID", message_id))
    # A hint only: "true" is refused (ERROR_WSMAN_MUSTUNDERSTAND_ON_LOCALE_UNSUPPORTED).
    for name in ("w:Locale", "p:DataLocale"):
        header.append(_element(name, **{"xml:lang": "en-US", "s:mustUnderstand": "false"}))
    header.append(_element("w:OperationTimeout", f"PT{timeout_seconds:.3f}S"))
    if selectors:
        header.append(_selector_set(selectors))
    soap_body = ET.SubElement(root, "s:Body")
    if body is not None:
        soap_body.append(body)
    # A parser takes a bare carriage return for a line feed (W3C: XML 1.0, 2.11) and ElementTree writes it bare, so it is spelled out here.
    xml = ET.tostring(root, encoding="utf-8", xml_declaration=True).replace(b"\r", b"&#13;")
    return Request(message_id, resource_uri, xml)


_MUST = {"s:mustUnderstand": "true"}


def _element(name: str, text: str | None = None, /, **attributes: str) -> ET.Element:
    element = ET.Element(name, attributes)
    element.text = text
    return element


def _selector_set(selectors: t.Mapping[str, str]) -> ET.Element:
    found = ET.Element("w:SelectorSet")
    for name, value in selectors.items():
        found.append(_element("w:Selector", value or None, Name=name))
    return found
