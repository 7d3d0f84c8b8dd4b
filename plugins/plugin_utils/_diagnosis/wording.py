# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How sentences of findings name things: products, codes, moments, numbers, lists of names.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import datetime
import typing as t

from .._evidence.codes import code_facts
from .._evidence.facts import ProductFacts

NAMES_SHOWN = 5
"""How many names of many a sentence has."""


def label_of(product: ProductFacts) -> str:
    """Return a product in a few words: its name, and the end of its key, which Windows shows to everybody."""
    name = product.name or product.description or product.activation_id or "a product without a name"
    return f"{name} (key ...{product.partial_key})" if product.partial_key else name


def explained(code: int) -> str:
    """Return a code with what is known of it: C(0x800706BA RPC_S_SERVER_UNAVAILABLE, RPC server unavailable)."""
    found = code_facts(code)
    symbol = f" {found.symbol}" if found.symbol else ""
    meaning = f", {found.meaning.rstrip('.')}" if found.meaning else ""
    return f"{found.code}{symbol}{meaning}"


def when(moment: datetime.datetime | None) -> str:
    """Return a moment, with a leading blank; nothing without one."""
    return "" if moment is None else f" at {day_and_time(moment)}"


def day_and_time(moment: datetime.datetime) -> str:
    """Return a moment in UTC, to the minute."""
    return f"{moment.astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC"


def listed(names: t.Iterable[str], shown: int = NAMES_SHOWN) -> str:
    """Return the first names, and how many more there are; C(none) without any."""
    found = list(names)
    if not found:
        return "none"
    rest = len(found) - shown
    if rest > 0:
        return f"{', '.join(found[:shown])} and {rest} more"
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"


def number(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
