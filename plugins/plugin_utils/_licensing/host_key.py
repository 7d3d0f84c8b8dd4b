# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a machine a KMS host, or no longer one: put its host key (CSVLK) in, or take it out.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import typing as t

from .._catalogue.loader import gvlk_by_key
from .._keys import ProductKey
from .install import install_key, uninstall_key
from .model import Machine, Product, Products, primary_product, windows_candidates
from .outcome import Outcome, predicted, snapshot
from .read import read_before_key, read_products
from .refusal import (
    NotAppliedError,
    RefusedError,
    refuse_evaluation,
    refuse_evaluation_product,
    require_one_windows,
    with_key,
)
from .run import Run

ROLE = "kms_host"

CONVERTIBLE = ("avma", "mak", "oem", "retail", "unknown")
"""Channels that a machine is moved away from only when C(convert_from) names them. A KMS client key is no loss: it is public."""

AZURE_EDITION = "ServerTurbine"
"""EditionID of Datacenter: Azure Edition, which cannot be a KMS host (Microsoft: Learn, kms-activation-planning)."""


def refuse_key(key: ProductKey) -> None:
    """Refuse a key that is a KMS client key: known before the machine is asked anything."""
    listed = gvlk_by_key(key.text)
    if listed is not None:
        raise RefusedError(
            f"the key ending in {key.last_five} is the public KMS client key (GVLK) of {listed.name}, not a KMS host key",
            "get the KMS host key (CSVLK) of your agreement from the Microsoft 365 admin center and give that",
        )


def check_install(
    machine: Machine,
    products: Products,
    key: ProductKey,
    *,
    replace: bool,
    convert_from: t.Sequence[str],
    allow_client_os: bool,
) -> Product | None:
    """Return the product whose key would be replaced, or None; raise RefusedError when the key must not go in."""
    refuse_evaluation(machine)
    if machine.is_client_os and not allow_client_os:
        raise RefusedError(
            f"{machine.caption or machine.name} is a client Windows: as a KMS host it would never activate a server",
            "use a Windows Server, or set allow_client_os: true if only client Windows is to be activated, with a host key made for client Windows",
        )
    if (machine.edition_id or "").lower() == AZURE_EDITION.lower():
        raise RefusedError(
            f"{machine.caption or machine.name} is an Azure Edition, which Microsoft does not let be a KMS host",
            "use another edition of Windows Server",
        )
    current = require_one_windows(products)
    if current is None:
        return None
    refuse_evaluation_product(current)
    if current.role == ROLE and not replace:
        raise RefusedError(
            f"this machine has another KMS host key already, {current.label()}; "
            "replacing it uses one of the few activations of the new key, and the old one is lost",
            "if that is what you want, set replace: true",
        )
    if current.role in CONVERTIBLE and current.role not in convert_from:
        raise RefusedError(
            f"this machine's Windows is {current.label()}: giving it a KMS host key converts it from the channel {current.role}, and the old key is lost",
            f"if that is what you want, set convert_from: [{current.role}]",
        )
    return current


def install(run: Run, key: ProductKey, *, replace: bool, convert_from: t.Sequence[str], allow_client_os: bool) -> Outcome:
    """Install the host key when the machine does not have it.

    What is wrong with the key itself is refused before, by L(refuse_key). Raises RefusedError, MethodFailedError, NotAppliedError.
    """
    found = read_before_key(run.windows, run.clock)
    # An Office host key stands beside Windows, so the key is looked for in every product.
    there = with_key(found.products, key, ROLE, "KMS host key", CONVERTIBLE)
    if there is not None:
        state = snapshot(there)
        message = f"The KMS host key ending in {key.last_five} is in already."
        return Outcome(before=state, after=state, message=message, extra={"partial_key": key.last_five})
    current = check_install(found.machine, found.products, key, replace=replace, convert_from=convert_from, allow_client_os=allow_client_os)
    before = snapshot(current)
    outcome = Outcome(changed=True, before=before, after=before, extra={"partial_key": key.last_five})
    instead = f" in place of {current.label()}" if current else ""
    if run.check_mode:
        outcome.would = [f"install the KMS host key ending in {key.last_five}{instead}"]
        outcome.after = predicted(ROLE, key)
        outcome.message = f"Would install the KMS host key ending in {key.last_five}{instead}."
        return outcome
    after = install_key(run, key, found.service_keys())
    installed = next(p for p in after if p.partial_key == key.last_five)
    if installed.role != ROLE:
        raise NotAppliedError(
            f"the key ending in {key.last_five} was installed, but it is no KMS host key: it made {installed.label()}",
            "give the host key (CSVLK)" + (f", with convert_from: [{installed.role}]" if installed.role in CONVERTIBLE else ""),
        )
    if installed.application != "windows":
        outcome.warnings.append(f"This host key is for {installed.name}, not for Windows: the machine's Windows keeps the key it had.")
    outcome.after = snapshot(installed)
    outcome.message = f"Installed the KMS host key ending in {key.last_five}{instead}."
    return outcome


def remove(run: Run, key: ProductKey | None) -> Outcome:
    """Take the Windows host key out where there is one; with C(key) that one, an Office host key too.

    Raises RefusedError, MethodFailedError, NotAppliedError.
    """
    products = read_products(run.windows, run.clock)
    among = windows_candidates(products) if key is None else products
    hosts = [p for p in among if p.role == ROLE and (key is None or p.partial_key == key.last_five)]
    outcome = Outcome(before=snapshot(primary_product(products)))
    outcome.after = outcome.before
    outcome.extra = {"partial_key": None}
    if not hosts:
        outcome.message = "This machine has no such KMS host key."
        return outcome
    if len(hosts) > 1:
        raise RefusedError(f"this machine has {len(hosts)} KMS host keys for Windows", "name the one to remove with key")
    outcome.changed = True
    outcome.before = snapshot(hosts[0])
    if run.check_mode:
        outcome.would = [f"remove the key of {hosts[0].label()}"]
        outcome.after = snapshot(None)
        outcome.message = f"Would remove the key of {hosts[0].label()}."
        return outcome
    after = uninstall_key(run, hosts[0])
    outcome.after = snapshot(primary_product(after))
    outcome.message = f"Removed the key of {hosts[0].label()}. Its SRV record stays in DNS until someone removes it."
    return outcome
