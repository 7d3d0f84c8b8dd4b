# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies made wrong on purpose: bytes in, bytes out. All but C(tampered) are applied before a reply is sealed."""

from __future__ import annotations

from xml.sax import saxutils

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


def noise(form: str, text: str) -> bytes:
    """Return what PowerShell prints on stderr besides what was asked for.

    clixml_progress: a progress record, which Windows PowerShell serialises with -EncodedCommand even when there is no error, as published in
    ansible/ansible#59803. clixml_error: an error in the same form. plain: as it is.
    """
    if form == "plain":
        return f"{text}\r\n".encode()
    text = saxutils.escape(text)
    if form == "clixml_error":
        record = f'<S S="Error">{text}_x000D__x000A_</S>'
    else:
        record = (
            '<Obj S="progress" RefId="0"><TN RefId="0"><T>System.Management.Automation.PSCustomObject</T><T>System.Object</T></TN><MS>'
            f'<I64 N="SourceId">1</I64><PR N="Record"><AV>{text}</AV><AI>0</AI><Nil /><PI>-1</PI><PC>-1</PC><T>Completed</T><SR>-1</SR>'
            "<SD> </SD></PR></MS></Obj>"
        )
    return f'#< CLIXML\r\n<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">{record}</Objs>'.encode()


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
