# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SOAP envelopes: requests read into L(Message), replies written around a body."""

from __future__ import annotations

import dataclasses
import re
import typing as t
import uuid
from xml.etree import ElementTree

from . import names
from .text import element, element_with, escape

_MUST_UNDERSTAND = f"{{{names.SOAP}}}mustUnderstand"
_TRUE = ("1", "true")

# Headers the service knows. The eventing Identifier is not among them: there are no subscriptions here.
_KNOWN_HEADERS = frozenset(
    f"{{{namespace}}}{name}"
    for namespace, local in (
        (names.ADDRESSING, ("To", "ReplyTo", "Action", "MessageID", "FaultTo", "From", "RelatesTo")),
        (names.WSMAN, ("ResourceURI", "MaxEnvelopeSize", "OperationTimeout", "SelectorSet", "OptionSet", "Locale")),
        (names.MICROSOFT, ("DataLocale", "SessionId", "OperationID", "SequenceId", "ActivityId")),
    )
    for name in local
)

_PREFIXES = {
    names.SOAP: "s",
    names.ADDRESSING: "a",
    names.ENUMERATION: "n",
    names.TRANSFER: "x",
    names.WSMAN: "w",
    names.MICROSOFT: "p",
}

_DURATION = re.compile(r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?\Z")


class NotXmlError(ValueError):
    """The bytes are no XML, or XML with a document type, which a SOAP message must not have (SOAP 1.2 part 1, 5)."""


class _GuardedBuilder(ElementTree.TreeBuilder):
    """Refuses documents with a document type before any entity in them can be used."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise NotXmlError("the message has a document type")


@dataclasses.dataclass(frozen=True)
class Header:
    """One header block: its tag in Clark notation, and whether it carries mustUnderstand."""

    tag: str
    must_understand: bool
    element: ElementTree.Element


@dataclasses.dataclass(frozen=True)
class Message:
    """A request as its headers say it. Absent headers are None; selector names and values are text.

    C(duplicate_selectors) tells that a selector name occurred twice. C(operation_timeout) is in seconds, None when absent or unreadable.
    """

    headers: tuple[Header, ...]
    body: ElementTree.Element | None
    to: str | None
    resource_uri: str | None
    action: str | None
    message_id: str | None
    reply_to: str | None
    max_envelope_size: str | None
    operation_timeout: float | None
    selectors: t.Mapping[str, str]
    duplicate_selectors: bool
    options: tuple[tuple[str, bool, str], ...]

    @property
    def to_host(self) -> str:
        """The host the client wrote into To: Windows repeats it as Machine in faults (capture 024)."""
        match = re.match(r"https?://(\[[^\]]*\]|[^/:]*)", self.to or "")
        return match.group(1).strip("[]") if match else ""


def local_name(tag: str) -> str:
    """Return the local part of a tag in Clark notation."""
    return tag.rpartition("}")[2]


def namespace_of(tag: str) -> str:
    """Return the namespace part of a tag in Clark notation, empty when there is none."""
    return tag[1:].partition("}")[0] if tag.startswith("{") else ""


def text_of(node: ElementTree.Element | None) -> str | None:
    """Return the text of an element without the white space around it; None for no element."""
    return None if node is None else (node.text or "").strip()


def parse_xml(raw: bytes) -> ElementTree.Element:
    """Return the root element. Raises NotXmlError."""
    parser = ElementTree.XMLParser(target=_GuardedBuilder())
    try:
        parser.feed(raw)
        return parser.close()
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise NotXmlError(str(error)) from None


def read(raw: bytes) -> Message:
    """Read a request. Raises NotXmlError when it is no SOAP 1.2 envelope; everything else is for the caller to judge."""
    root = parse_xml(raw)
    if root.tag != f"{{{names.SOAP}}}Envelope":
        raise NotXmlError(f"the root element is {local_name(root.tag)}, not a SOAP 1.2 Envelope")
    head = root.find(f"{{{names.SOAP}}}Header")
    blocks = [] if head is None else list(head)
    soap_body = root.find(f"{{{names.SOAP}}}Body")

    def find(namespace: str, name: str) -> ElementTree.Element | None:
        return next((block for block in blocks if block.tag == f"{{{namespace}}}{name}"), None)

    pairs = selector_pairs(find(names.WSMAN, "SelectorSet"))
    reply_to = find(names.ADDRESSING, "ReplyTo")
    return Message(
        headers=tuple(Header(block.tag, block.get(_MUST_UNDERSTAND, "").strip().lower() in _TRUE, block) for block in blocks),
        body=None if soap_body is None or not len(soap_body) else soap_body[0],
        to=text_of(find(names.ADDRESSING, "To")),
        resource_uri=text_of(find(names.WSMAN, "ResourceURI")),
        action=text_of(find(names.ADDRESSING, "Action")),
        message_id=text_of(find(names.ADDRESSING, "MessageID")),
        reply_to=text_of(None if reply_to is None else reply_to.find(f"{{{names.ADDRESSING}}}Address")),
        max_envelope_size=text_of(find(names.WSMAN, "MaxEnvelopeSize")),
        operation_timeout=duration_seconds(text_of(find(names.WSMAN, "OperationTimeout")) or ""),
        selectors=dict(pairs),
        duplicate_selectors=len(dict(pairs)) != len(pairs),
        options=_options(find(names.WSMAN, "OptionSet")),
    )


def selector_pairs(selector_set: ElementTree.Element | None) -> list[tuple[str, str]]:
    """Return (name, value) of each Selector of a SelectorSet, in order; values keep their white space."""
    if selector_set is None:
        return []
    return [(node.get("Name", ""), node.text or "") for node in selector_set.findall(f"{{{names.WSMAN}}}Selector")]


def duration_seconds(text: str) -> float | None:
    """Return the seconds of an xs:duration of days and smaller units, None when it is none."""
    match = _DURATION.match(text)
    if not match or text in ("P", "PT"):
        return None
    part = {name: float(value or 0) for name, value in match.groupdict().items()}
    return part["days"] * 86400 + part["hours"] * 3600 + part["minutes"] * 60 + part["seconds"]


def not_understood(message: Message) -> Header | None:
    """Return the first header that must be understood and is not known here (SOAP 1.2 part 1, 5.4.8)."""
    return next((header for header in message.headers if header.must_understand and header.tag not in _KNOWN_HEADERS), None)


def _options(option_set: ElementTree.Element | None) -> tuple[tuple[str, bool, str], ...]:
    if option_set is None:
        return ()
    return tuple(
        (node.get("Name", ""), node.get("MustComply", "").strip().lower() in _TRUE, node.text or "")
        for node in option_set.findall(f"{{{names.WSMAN}}}Option")
    )


def write(
    action: str,
    body: str,
    relates_to: str | None,
    extra_namespaces: t.Mapping[str, str] | None = None,
    header: str = "",
    lang: str = "en-US",
) -> str:
    """Return a reply envelope around C(body), which uses the prefixes s, a, n, x, w, p and those of C(extra_namespaces).

    C(header) is further header blocks, C(lang) the language that the service speaks. Without C(relates_to) the RelatesTo header is left
    out, as Windows does when it could not read the request (capture 064).
    """
    prefixes = {prefix: uri for uri, prefix in _PREFIXES.items()} | dict(extra_namespaces or {})
    attributes = {"xml:lang": lang} | {f"xmlns:{prefix}": uri for prefix, uri in prefixes.items()}
    related = "" if relates_to is None else element("a:RelatesTo", escape(relates_to))
    head = element(
        "s:Header",
        element("a:Action", escape(action)),
        element("a:MessageID", f"uuid:{new_id()}"),
        element("a:To", names.ANONYMOUS),
        related,
        header,
    )
    return element_with("s:Envelope", attributes, (head, element("s:Body", body)))


def new_id() -> str:
    """Return a new identifier in Windows' spelling: upper case, no braces."""
    return str(uuid.uuid4()).upper()
