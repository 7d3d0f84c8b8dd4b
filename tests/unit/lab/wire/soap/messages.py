# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests as clients write them, for the tests of the endpoint."""

from __future__ import annotations

import typing as t
from xml.sax.saxutils import escape

from tests.lab.wire.soap import names

CIMV2 = names.WMI_PREFIX + "root/cimv2/"


def envelope(
    uri: str | None,
    action: str | None,
    body: str = "",
    selectors: t.Mapping[str, str] | None = None,
    size: int | None = 153600,
    **changes: str | None,
) -> bytes:
    """Return a request; C(changes) replace or (None) leave out header blocks, or add blocks under further names."""
    blocks: dict[str, str | None] = {
        "to": "<a:To>http://client-says:5985/wsman</a:To>",
        "uri": None if uri is None else f'<w:ResourceURI s:mustUnderstand="true">{escape(uri)}</w:ResourceURI>',
        "reply_to": f'<a:ReplyTo><a:Address s:mustUnderstand="true">{names.ANONYMOUS}</a:Address></a:ReplyTo>',
        "action": None if action is None else f'<a:Action s:mustUnderstand="true">{escape(action)}</a:Action>',
        "size": None if size is None else f'<w:MaxEnvelopeSize s:mustUnderstand="true">{size}</w:MaxEnvelopeSize>',
        "id": "<a:MessageID>uuid:REQUEST</a:MessageID>",
        "locale": '<w:Locale xml:lang="en-US" s:mustUnderstand="false"/><p:DataLocale xml:lang="en-US" s:mustUnderstand="false"/>',
        "selectors": None
        if selectors is None
        else "<w:SelectorSet>"
        + "".join(f'<w:Selector Name="{key}">{escape(value)}</w:Selector>' for key, value in selectors.items())
        + "</w:SelectorSet>",
        **changes,
    }
    prefixes = {
        "s": names.SOAP,
        "a": names.ADDRESSING,
        "n": names.ENUMERATION,
        "w": names.WSMAN,
        "p": names.MICROSOFT,
        "b": names.CIM_BINDING,
        "xsi": names.SCHEMA_INSTANCE,
        "rsp": names.SHELL,
    }
    declared = " ".join(f'xmlns:{prefix}="{namespace}"' for prefix, namespace in prefixes.items())
    head = "".join(block for block in blocks.values() if block)
    return f"<s:Envelope {declared}><s:Header>{head}</s:Header><s:Body>{body}</s:Body></s:Envelope>".encode()


def enumerate_body(
    query: str | None, max_elements: int | None = 32000, optimise: bool = True, mode: str | None = None, dialect: str = names.DIALECT_WQL
) -> str:
    """Return the body of an Enumerate."""
    parts = "<w:OptimizeEnumeration/>" if optimise else ""
    parts += f"<w:MaxElements>{max_elements}</w:MaxElements>" if max_elements is not None else ""
    parts += f"<w:EnumerationMode>{mode}</w:EnumerationMode>" if mode else ""
    parts += f'<w:Filter Dialect="{dialect}">{escape(query)}</w:Filter>' if query is not None else ""
    return f"<n:Enumerate>{parts}</n:Enumerate>"


def pull_body(context: str, max_elements: int | None = 32000) -> str:
    """Return the body of a Pull."""
    limit = f"<n:MaxElements>{max_elements}</n:MaxElements>" if max_elements is not None else ""
    return f"<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext>{limit}</n:Pull>"


def input_body(uri: str, method: str, arguments: t.Sequence[tuple[str, str]]) -> str:
    """Return the body of an Invoke."""
    return (
        f'<m:{method}_INPUT xmlns:m="{uri}">'
        + "".join(f"<m:{name}>{escape(text)}</m:{name}>" for name, text in arguments)
        + f"</m:{method}_INPUT>"
    )
