# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way this collection says no, and the refusals that several use cases share.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import typing as t

from .._catalogue.loader import is_evaluation
from .._keys import ProductKey
from .model import Machine, Product, Products, no_primary_reason, windows_candidates

CONVERT_EVALUATION = "convert it first: DISM /Online /Set-Edition:<edition> /ProductKey:<key> /AcceptEula, then restart it"

LOOK_AT_SPP_LOG = "look at the Application log of the machine for events of Microsoft-Windows-Security-SPP"
"""The way on where Windows said yes and its state says no."""


class RefusedError(Exception):
    """Nothing was changed, because doing it could harm; C(way_on) says what to do or which option allows it."""

    def __init__(self, reason: str, way_on: str) -> None:
        self.reason = reason.rstrip(".")
        self.way_on = way_on.rstrip(".")
        super().__init__(f"{self.reason}. Nothing was changed. Next: {self.way_on}.")


class NotAppliedError(Exception):
    """A change was sent, or its answer was lost, and the machine's state does not show it; C(way_on) says what to do now."""

    def __init__(self, reason: str, way_on: str) -> None:
        self.reason = reason.rstrip(".")
        self.way_on = way_on.rstrip(".")
        super().__init__(f"{self.reason}. Next: {self.way_on}.")


def require_one_windows(products: Products) -> Product | None:
    """Return the machine's one Windows product, or None when none has a key; refuse when there are several."""
    candidates = windows_candidates(products)
    if len(candidates) > 1:
        raise RefusedError(
            no_primary_reason(products) or "",
            "look at the products with activation.kms.activation_info and remove the key that is not wanted (slmgr.vbs /upk with its activation id)",
        )
    return candidates[0] if candidates else None


def refuse_evaluation(machine: Machine) -> None:
    """Refuse on evaluation editions: they take no volume key (0xC004F069) until their edition is changed."""
    if machine.edition_id and is_evaluation(machine.edition_id):
        raise RefusedError(
            f"{machine.caption or machine.name} is an evaluation edition (EditionID {machine.edition_id}); it takes no volume licence key",
            CONVERT_EVALUATION,
        )


def refuse_evaluation_product(product: Product) -> None:
    """Refuse where the machine's Windows is an evaluation by its key, whatever its edition is called."""
    if product.role == "evaluation":
        raise RefusedError(
            f"this machine's Windows is {product.label()}, an evaluation; it takes no volume licence key",
            CONVERT_EVALUATION,
        )


def with_key(products: Products, key: ProductKey, role: str, kind: str, convertible: t.Container[str]) -> Product | None:
    """Return the product that has this key, None when none has it; refuse when the key has turned out to be of another kind.

    convertible: the roles that the module's C(convert_from) takes; a key of another role is replaced without asking, or not at all.
    """
    found = next((p for p in products if p.partial_key == key.last_five), None)
    if found is not None and found.role != role:
        raise RefusedError(
            f"the key ending in {key.last_five} is in already, but it is no {kind}: it made {found.label()}",
            f"give the {kind}"
            + (f"; where it is to replace this one, set convert_from: [{found.role}]" if found.role in convertible else ""),
        )
    return found
