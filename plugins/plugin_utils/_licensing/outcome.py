# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a use case did, or in check mode would do.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._keys import ProductKey
from .model import Product

KNOWN_AFTER = "(known after the change)"
"""What a diff of check mode says of a value that only Windows can decide."""


@dataclasses.dataclass
class Outcome:
    """C(before) and C(after) have the same keys; C(would) has one line for each thing that check mode left undone."""

    changed: bool = False
    before: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    after: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    would: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    message: str = ""
    extra: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def result(self) -> dict[str, t.Any]:
        """Return the outcome as a module result; the diff is added by the action, when it is wanted."""
        return {"changed": self.changed, "msg": self.message, "would": self.would, **self.extra}


def snapshot(product: Product | None) -> dict[str, t.Any]:
    """Return what a diff shows of a machine's Windows product."""
    if product is None:
        return {"product": None, "channel": None, "partial_key": None, "license_status": None}
    return {
        "product": product.name,
        "channel": product.role,
        "partial_key": product.partial_key,
        "license_status": product.license_status_word,
    }


def predicted(channel: str, key: ProductKey) -> dict[str, t.Any]:
    """Return what a diff shows in check mode of the product that a key would bring."""
    return {"product": KNOWN_AFTER, "channel": channel, "partial_key": key.last_five, "license_status": KNOWN_AFTER}
