# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies made wrong on purpose: bytes in, bytes out. All but C(tampered) are applied before a reply is sealed."""

from __future__ import annotations

_NESTED_LEVELS = 9


def malformed(xml: bytes) -> bytes:
    """Return the reply with its first end tag of the header misspelt: not well-formed, but whole."""
    return xml.replace(b"</s:Header>", b"</s:Heador>", 1)


def truncated(xml: bytes) -> bytes:
    """Return the first two thirds, as a complete HTTP body."""
    return xml[: len(xml) * 2 // 3]


def tampered(body: bytes) -> bytes:
    """Return the body with one bit changed where a sealed one holds the message."""
    place = len(body) - 40
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]


def oversize(xml: bytes, size: int) -> bytes:
    """Return the reply grown to at least C(size) bytes by white space before the end of its body: still the same XML to a reader."""
    return xml.replace(b"</s:Body>", b" " * max(0, size - len(xml)) + b"</s:Body>", 1)


def doctype(xml: bytes, kind: str, encoding: str) -> bytes:
    """Return the reply with a document type whose entity is used in it.

    internal: one short entity. external: an entity in a file of the reader's own. nested: each entity is ten of the one before,
    which expands to gigabytes. UTF-16 hides the document type from a search for its bytes.
    """
    if kind == "internal":
        declarations = '<!ENTITY lab "text from an entity">'
    elif kind == "external":
        declarations = '<!ENTITY lab SYSTEM "file:///etc/hostname">'
    else:
        levels = [f'<!ENTITY lab{level} "{f"&lab{level - 1};" * 10}">' for level in range(1, _NESTED_LEVELS + 1)]
        declarations = '<!ENTITY lab0 "0123456789">' + "".join(levels) + f'<!ENTITY lab "&lab{_NESTED_LEVELS};">'
    text = xml.decode("utf-8").replace("<a:MessageID>", "<a:MessageID>&lab;", 1)
    document = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE s:Envelope [{declarations}]>{text}'
    return document.encode(encoding)
