# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of machines and GUIDs, as evidence spells them in many ways: which are one.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import typing as t

GUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
"""Expression for a GUID without braces."""

_GUID = re.compile(rf"\{{?({GUID})\}}?")
_PLACEHOLDER = re.compile(r"[<>*?\s]")
_BLACKED_OUT = re.compile(r"[xX.\-_]+")
_NO_GUID = "00000000-0000-0000-0000-000000000000"


@functools.lru_cache(maxsize=4096)
def comparable(name: str | None) -> str:
    """Return a DNS or computer name for comparison: lower case, without the closing dot, brackets of an IPv6 address and blanks."""
    return (name or "").strip().strip("[]").rstrip(".").casefold()


def guid(value: t.Any) -> str | None:
    """Return a GUID in lower case without braces; None for what is none, was blacked out, or is all zeros."""
    return _guid(value) if isinstance(value, str) else None


@functools.lru_cache(maxsize=4096)
def _guid(value: str) -> str | None:
    found = _GUID.fullmatch(value.strip())
    text = found[1].lower() if found else None
    return None if text == _NO_GUID else text


def machine_name(value: t.Any) -> str | None:
    """Return a machine's name without a final dot; None for what can't be one, a placeholder such as C(<KMS Client name>) for one."""
    return _machine_name(value) if isinstance(value, str) else None


@functools.lru_cache(maxsize=4096)
def _machine_name(value: str) -> str | None:
    text = value.strip().rstrip(".")
    return text if text and not _PLACEHOLDER.search(text) and not _BLACKED_OUT.fullmatch(text) else None


@functools.lru_cache(maxsize=4096)
def same_machine(one: str, other: str) -> bool:
    """Tell whether two names can be those of one machine: alike in any case, or one is the first label of the other. An address is only itself."""
    first, second = comparable(one), comparable(other)
    if first == second:
        return True
    return label_of(first) == label_of(second) and ("." not in first or "." not in second)


@functools.lru_cache(maxsize=4096)
def address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is named by, in brackets or not, without its zone; None for a name."""
    try:
        return ipaddress.ip_address(name.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_address(name: str) -> bool:
    """Tell whether a host is named by its address."""
    return address_of(name) is not None


def label_of(name: str) -> str:
    """Return the first label of a name; an address is one label."""
    return name if name[:1].isdigit() and is_address(name) else name.partition(".")[0]
