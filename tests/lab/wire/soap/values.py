# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CIM values and instances as XML, and arguments of methods read from XML.

The forms are those of the Microsoft resource URIs (DSP0230; captures 001 to 020 of Windows Server 2008 to 2012):
members carry no type, null scalars are xsi:nil, null arrays and empty arrays are absent, arrays repeat their element.
"""

from __future__ import annotations

import datetime
import typing as t
from xml.etree import ElementTree

from . import names
from .text import element_with, escape

Value = None | bool | int | str | datetime.datetime | list[t.Any]
TypeOf = t.Callable[[str], str]

_NIL = f"{{{names.SCHEMA_INSTANCE}}}nil"


def datetime_text(moment: datetime.datetime) -> str:
    """Return xs:dateTime as Windows writes it: UTC, Z, fraction without trailing zeros (captures 001 and 002).

    A value without a zone is taken as UTC.
    """
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC)
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}T{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d}{fraction}Z"


def member(name: str, value: Value, cim_type: str, prefix: str = "p:") -> str:
    """Return the XML of one property or output parameter; empty text when nothing is sent for it.

    Without a prefix the form is that of a fragment, where dates are in an element without namespace (capture 002).
    Raises TypeError when value and type do not fit, so that a mistake of the model does not leave as plausible XML.
    """
    if cim_type.endswith("[]"):
        if value is None:
            return ""
        if not isinstance(value, list):
            raise TypeError(f"{name} is {cim_type} and its value is a {type(value).__name__}")
        return "".join(member(name, item, cim_type.removesuffix("[]"), prefix) for item in value)
    if value is None:
        return element_with(prefix + name, {"xsi:nil": "true"})
    text = _scalar(name, value, cim_type, "cim:Datetime" if prefix else "Datetime")
    # A string of no characters has a start and an end tag (capture 014), unlike nil.
    return f"<{prefix}{name}>{text}</{prefix}{name}>"


def _scalar(name: str, value: Value, cim_type: str, date_element: str) -> str:
    if cim_type == "boolean" and isinstance(value, bool):
        return "true" if value else "false"
    if cim_type == "datetime" and isinstance(value, datetime.datetime):
        return f"<{date_element}>{datetime_text(value)}</{date_element}>"
    if cim_type.startswith(("uint", "sint")) and isinstance(value, int) and not isinstance(value, bool):
        bits = int(cim_type[4:])
        low, high = (0, 2**bits) if cim_type.startswith("uint") else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        if low <= value < high:
            return str(value)
        raise TypeError(f"{name} is {cim_type} and {value} is out of its range")
    if cim_type == "string" and isinstance(value, str):
        return escape(value)
    raise TypeError(f"{name} is {cim_type} and its value is a {type(value).__name__}")


def instance(namespace: str, cim_class: str, row: t.Mapping[str, Value], type_of: TypeOf) -> str:
    """Return a whole instance, as Get and SELECT * give it (capture 001)."""
    attributes = {
        "xmlns:xsi": names.SCHEMA_INSTANCE,
        "xmlns:p": names.class_uri(namespace, cim_class),
        "xmlns:cim": names.CIM_COMMON,
        "xsi:type": f"p:{cim_class}_Type",
    }
    return element_with(f"p:{cim_class}", attributes, (member(name, value, type_of(name)) for name, value in row.items()))


def fragment(row: t.Mapping[str, Value], type_of: TypeOf) -> str:
    """Return a projection: members without namespace or prefix (DSP0227, 8.1; capture 002)."""
    attributes = {"xmlns:xsi": names.SCHEMA_INSTANCE, "xmlns:w": names.WSMAN}
    return element_with("w:XmlFragment", attributes, (member(name, value, type_of(name), prefix="") for name, value in row.items()))


def output(namespace: str, cim_class: str, method: str, values: t.Mapping[str, Value], type_of: TypeOf) -> str:
    """Return the output of a method (capture 034). An empty mapping gives an empty element, as the firewall methods do."""
    attributes = {"xmlns:xsi": names.SCHEMA_INSTANCE, "xmlns:p": names.class_uri(namespace, cim_class), "xmlns:cim": names.CIM_COMMON}
    return element_with(f"p:{method}_OUTPUT", attributes, (member(name, value, type_of(name)) for name, value in values.items()))


def endpoint_reference(namespace: str, cim_class: str, keys: t.Mapping[str, str]) -> str:
    """Return the a:Address and a:ReferenceParameters of an instance (DSP0227). Empty keys give an empty Selector element."""
    selectors = (element_with("w:Selector", {"Name": name}, (escape(value),)) for name, value in keys.items())
    selector_set = element_with("w:SelectorSet", {}, selectors) if keys else ""
    uri = element_with("w:ResourceURI", {}, (escape(names.class_uri(namespace, cim_class)),))
    return f"<a:Address>{names.ANONYMOUS}</a:Address>" + element_with("a:ReferenceParameters", {}, (uri, selector_set))


def read_argument(nodes: t.Sequence[ElementTree.Element]) -> str | list[str] | None:
    """Return the argument that one or more elements of the same name give.

    nil is None, one element is its text, more are a list of texts. A date is the text within its element. White space belongs to the value.
    """
    texts = [_argument_text(node) for node in nodes]
    if len(texts) > 1:
        return [text or "" for text in texts]
    return texts[0]


def _argument_text(node: ElementTree.Element) -> str | None:
    if node.get(_NIL, "").strip().lower() in ("1", "true"):
        return None
    if len(node) == 1 and node[0].tag in (f"{{{names.CIM_COMMON}}}Datetime", f"{{{names.CIM_COMMON}}}Interval"):
        return node[0].text or ""
    return node.text or ""
