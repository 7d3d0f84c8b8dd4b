# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies of a Windows machine for tests, modelled after published captures of WinRM."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

NAMESPACES = (
    'xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
CIMV2 = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2"


def message_id_of(request: bytes) -> str:
    """Return the MessageID of a request."""
    return next(e.text or "" for e in ET.fromstring(request).iter() if e.tag.endswith("}MessageID"))


def envelope(body: str, relates_to: str | None = None) -> bytes:
    """Return a reply around the content of its body."""
    relation = f"<a:RelatesTo>{relates_to}</a:RelatesTo>" if relates_to else ""
    return (
        f'<s:Envelope xml:lang="en-US" {NAMESPACES}><s:Header><a:Action>urn:any</a:Action><a:MessageID>uuid:1</a:MessageID>{relation}'
        f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def _members(prefix: str, members: dict[str, object]) -> str:
    found = []
    for name, value in members.items():
        for one in value if isinstance(value, list) else [value]:
            found.append(f'<{prefix}{name} xsi:nil="true"/>' if one is None else f"<{prefix}{name}>{one}</{prefix}{name}>")
    return "".join(found)


def fragment(**members: object) -> str:
    """Return an item as a projection sends it: no namespace, no class name. Values are XML text; a list repeats the element; None is nil."""
    return f"<w:XmlFragment>{_members('', members)}</w:XmlFragment>"


def typed(cim_class: str, namespace: str = "root/cimv2", **members: object) -> str:
    """Return an item as SELECT * sends it."""
    uri = f"http://schemas.microsoft.com/wbem/wsman/1/wmi/{namespace}/{cim_class}"
    return f'<p:{cim_class} xmlns:p="{uri}" xsi:type="p:{cim_class}_Type">{_members("p:", members)}</p:{cim_class}>'


def items(*found: str, context: str | None = None, pull: bool = False) -> str:
    """Return the answer to an Enumerate, or to a Pull; without a context it is the last one."""
    kind, prefix = ("Pull", "n") if pull else ("Enumerate", "w")
    inner = f"<{prefix}:Items>{''.join(found)}</{prefix}:Items>" if found else ""
    if context:
        return f"<n:{kind}Response><n:EnumerationContext>{context}</n:EnumerationContext>{inner}</n:{kind}Response>"
    empty = "" if pull else "<n:EnumerationContext></n:EnumerationContext>"
    return f"<n:{kind}Response>{empty}{inner}<{prefix}:EndOfSequence/></n:{kind}Response>"


def output(method: str, cim_class: str, **members: object) -> str:
    """Return the answer to a method call."""
    return f'<p:{method}_OUTPUT xmlns:p="{CIMV2}/{cim_class}">{_members("p:", members)}</p:{method}_OUTPUT>'


def fault(detail: str, subcode: str = "w:InternalError", reason: str = "") -> str:
    """Return a SOAP fault around the XML of its detail."""
    inner = f"<s:Detail>{detail}</s:Detail>" if detail else ""
    return (
        f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="">{escape(reason)}</s:Text></s:Reason>{inner}</s:Fault>'
    )


def wsman_fault(code: int, message: str = "", inner: str = "") -> str:
    """Return the detail of WinRM's own kind."""
    return (
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{code}" Machine="w1">'
        f"<f:Message>{escape(message)}{inner}</f:Message></f:WSManFault>"
    )


def provider_fault(inner: str = "", text: str = "", extended: str = "") -> str:
    """Return the part of a detail that comes from a COM provider."""
    return (
        '<f:ProviderFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" provider="WMI Provider" '
        f'path="C:\\Windows\\system32\\WsmWmiPl.dll">{escape(text)}{inner}{extended}</f:ProviderFault>'
    )


def extended_error(**members: object) -> str:
    """Return the extended status beside a provider's fault."""
    return (
        '<f:ExtendedError xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault">'
        f'<p:__ExtendedStatus xmlns:p="{CIMV2}/__ExtendedStatus">{_members("p:", members)}</p:__ExtendedStatus></f:ExtendedError>'
    )


def wmi_error(namespace: str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/standardcimv2", **members: object) -> str:
    """Return the detail as MI providers and quotas send it."""
    return f"<p:MSFT_WmiError xmlns:p={quoteattr(namespace + '/MSFT_WmiError')}>{_members('p:', members)}</p:MSFT_WmiError>"
