# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a machine a KMS client: give it the client setup key (GVLK) of its edition.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._catalogue.loader import gvlk_by_key, gvlk_for, has_volume_channel
from .._keys import ProductKey, parse_key
from .install import install_key
from .model import Machine, Product, Products, primary_product
from .outcome import Outcome, predicted, snapshot
from .read import read_before_key
from .refusal import (
    NotAppliedError,
    RefusedError,
    refuse_evaluation,
    refuse_evaluation_product,
    require_one_windows,
    with_key,
)
from .run import Run

ROLE = "kms_client"

CONVERTIBLE = ("avma", "kms_host", "mak", "oem", "retail", "unknown")
"""Channels that a machine is moved away from only when C(convert_from) names them: the old key, and what it cost, is lost."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What would be done: the key, whose product it is, and the product whose key it replaces. C(needed) is False when the machine has it."""

    key: ProductKey
    title: str
    current: Product | None
    needed: bool


def choose_key(machine: Machine, wanted: ProductKey | None, *, allow_unlisted_key: bool) -> tuple[ProductKey, str]:
    """Return the client key for a machine and what it is the key of.

    wanted: a key given by the user, or None for the one of the machine's edition and build. Raises RefusedError.
    """
    refuse_evaluation(machine)
    edition = f"EditionID {machine.edition_id}, build {machine.build}"
    if wanted is None:
        row = gvlk_for(machine.edition_id, machine.build) if machine.edition_id else None
        if row is not None:
            return parse_key(row.key), row.name
        if machine.edition_id and not has_volume_channel(machine.edition_id):
            raise RefusedError(
                f"{machine.caption or machine.name} ({edition}) is an edition without volume licensing, so no KMS client key fits it",
                "change the machine to a volume-licensed edition (Pro, Enterprise, Education) first",
            )
        raise RefusedError(
            f"the catalogue has no client key for {machine.caption or machine.name} ({edition})",
            "take the key of this edition from Microsoft's page of KMS client setup keys and give it as key, with allow_unlisted_key: true",
        )
    listed = gvlk_by_key(wanted.text)
    if listed is None:
        if not allow_unlisted_key:
            raise RefusedError(
                f"the key ending in {wanted.last_five} is not in the catalogue of Microsoft's public KMS client keys",
                "use key: auto, or set allow_unlisted_key: true if you are sure that it is a KMS client key",
            )
        return wanted, "a key that is not in the catalogue"
    if not listed.fits(machine.edition_id, machine.build):
        raise RefusedError(
            f"the key ending in {wanted.last_five} is the client key of {listed.name}; this machine is {machine.caption or machine.name} ({edition})",
            "use key: auto, which takes the key of the machine's own edition",
        )
    return wanted, listed.name


def plan(
    machine: Machine,
    products: Products,
    wanted: ProductKey | None,
    *,
    convert_from: t.Sequence[str],
    allow_unlisted_key: bool,
) -> Plan:
    """Decide, without touching the machine, which key it gets. Raises RefusedError."""
    key, title = choose_key(machine, wanted, allow_unlisted_key=allow_unlisted_key)
    current = require_one_windows(products)
    there = with_key(products, key, ROLE, "KMS client key", CONVERTIBLE)
    if there is not None:
        return Plan(key, title, there, False)
    if current is None:
        return Plan(key, title, None, True)
    refuse_evaluation_product(current)
    if current.role != ROLE and current.role not in convert_from:
        raise RefusedError(
            f"this machine's Windows is {current.label()}: giving it a KMS client key converts it from the channel {current.role}, and the old key is lost",
            f"if that is what you want, set convert_from: [{current.role}]",
        )
    return Plan(key, title, current, True)


def apply(run: Run, wanted: ProductKey | None, *, convert_from: t.Sequence[str], allow_unlisted_key: bool) -> Outcome:
    """Give the machine its client key when it does not have it.

    Raises RefusedError, MethodFailedError (Windows refuses the key), NotAppliedError.
    """
    found = read_before_key(run.windows, run.clock)
    decided = plan(found.machine, found.products, wanted, convert_from=convert_from, allow_unlisted_key=allow_unlisted_key)
    before = snapshot(decided.current)
    outcome = Outcome(changed=decided.needed, before=before, after=before)
    outcome.extra = {"key_of": decided.title, "partial_key": decided.key.last_five, "converted_from": None}
    if not decided.needed:
        outcome.message = f"The client key of {decided.title} (...{decided.key.last_five}) is in already."
        return outcome
    if decided.current and decided.current.role != ROLE:
        outcome.extra["converted_from"] = decided.current.role
    instead = f" in place of {decided.current.label()}" if decided.current else ""
    doing = f"the client key of {decided.title} (...{decided.key.last_five}){instead}"
    if run.check_mode:
        outcome.would = [f"install {doing}"]
        outcome.after = predicted(ROLE, decided.key)
        outcome.message = f"Would install {doing}."
        return outcome
    after = install_key(run, decided.key, found.service_keys())
    installed = primary_product(after)
    if installed is None or installed.role != ROLE:
        convert = f" and convert_from: [{installed.role}]" if installed and installed.role in CONVERTIBLE else ""
        raise NotAppliedError(
            f"the key ending in {decided.key.last_five} was installed, but it is no KMS client key: this machine's Windows is now "
            f"{installed.label() if installed else 'not to be told'}",
            f"run this module again with key: auto{convert}",
        )
    outcome.after = snapshot(installed)
    outcome.message = f"Installed {doing}."
    return outcome
