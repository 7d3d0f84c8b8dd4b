# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing XML: escaped text and elements with prefixes of our choice.

Replies are written as text because Windows declares its prefixes on the elements that need them and uses prefixes inside values
(fault subcodes, xsi:type); a tree writer would choose both itself. Reading is ElementTree's business (envelope.py).
"""

from __future__ import annotations

import re
import typing as t
from xml.sax import saxutils

# XML 1.0, 2.2: characters outside these ranges cannot be in a document, not even escaped.
_ILLEGAL = re.compile("[^\u0009\u000a\u000d\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A parser turns a bare carriage return into a line feed (XML 1.0, 2.11), so it travels as a character reference.
_ESCAPES = {"\r": "&#13;", '"': "&quot;", "'": "&apos;"}


class IllegalCharacterError(ValueError):
    """A value holds a character that no XML 1.0 document can hold."""


def escape(text: str) -> str:
    """Return C(text) for use as element content. Raises IllegalCharacterError."""
    found = _ILLEGAL.search(text)
    if found:
        raise IllegalCharacterError(f"character U+{ord(found.group()):04X} cannot be sent in XML 1.0")
    return saxutils.escape(text, _ESCAPES)


def element(name: str, *children: str, **attributes: str | None) -> str:
    """Return one element. Children are XML text already; attribute names write a colon as two underscores (xsi__nil)."""
    return element_with(name, {key.replace("__", ":"): value for key, value in attributes.items()}, children)


def element_with(name: str, attributes: t.Mapping[str, str | None], children: t.Iterable[str] = ()) -> str:
    """Return one element whose attributes are given by their written names; None leaves an attribute out."""
    written = "".join(f' {key}="{_attribute(value)}"' for key, value in attributes.items() if value is not None)
    content = "".join(children)
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def _attribute(text: str) -> str:
    return escape(text).replace("\n", "&#10;").replace("\t", "&#9;")
