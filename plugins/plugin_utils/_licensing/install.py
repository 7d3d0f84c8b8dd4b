# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a product key in or take one out: one write, then the state is read, and nothing but the state is believed.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import contextlib
import typing as t

from .._catalogue.loader import is_evaluation
from .._keys import ProductKey
from .._windows.errors import LoginRefusedError, OutcomeUnknownError, RedirectedError, WindowsError
from .._windows.interface import Invoke
from .model import Machine, Product, no_primary_reason, windows_candidates
from .read import read_products, service_key
from .refusal import NotAppliedError, RefusedError
from .run import Run

SERVICE_CLASS = "SoftwareLicensingService"
PRODUCT_CLASS = "SoftwareLicensingProduct"

KNOWN_AFTER = "(known after the change)"
"""What a diff of check mode says of a value that only Windows can decide."""

CONVERT_EVALUATION = "convert it first: DISM /Online /Set-Edition:<edition> /ProductKey:<key> /AcceptEula, then restart it"

LOOK_AGAIN_SECONDS = 2.0

Products = tuple[Product, ...]


def install_key(run: Run, key: ProductKey) -> Products:
    """Install a key that the machine does not have yet, and return the products as they are afterwards.

    Raises MethodFailedError when Windows refuses the key, NotAppliedError when the state does not show it.
    """

    def installed(products: Products) -> bool:
        return any(p.partial_key == key.last_five for p in products)

    call = Invoke(SERVICE_CLASS, "InstallProductKey", service_key(run.windows), {"ProductKey": key.text})
    achieved = f"the product key ending in {key.last_five} is in"
    products = _write_once(run, call, installed, achieved)
    if not installed(products):
        raise NotAppliedError(
            f"Windows accepted the product key ending in {key.last_five}, but no product shows it when read back",
            "look at the Application log of the machine for events of Microsoft-Windows-Security-SPP",
        )
    return products


def uninstall_key(run: Run, product: Product) -> Products:
    """Take the key out of one product, and return the products as they are afterwards.

    Raises MethodFailedError when Windows refuses, NotAppliedError when the key is still there.
    """

    def gone(products: Products) -> bool:
        return not any(p.activation_id == product.activation_id and p.partial_key == product.partial_key for p in products)

    call = Invoke(PRODUCT_CLASS, "UninstallProductKey", {"ID": product.activation_id})
    achieved = f"the key of {product.label()} is out"
    products = _write_once(run, call, gone, achieved)
    if not gone(products):
        raise NotAppliedError(
            f"Windows answered that it removed the key of {product.label()}, but reading back still shows it",
            "look at the Application log of the machine for events of Microsoft-Windows-Security-SPP",
        )
    return products


def activate_product(run: Run, product: Product) -> Products:
    """Ask Windows once to activate a product, and return the products as they are afterwards.

    Raises MethodFailedError with the licensing code when the activation fails, NotAppliedError when its answer was lost and the product did not
    become licensed, or, where it was licensed before, did not get new validity.
    """

    def renewed(products: Products) -> bool:
        for p in products:
            if p.activation_id == product.activation_id:
                return p.licensed and (not product.licensed or (p.grace_minutes or 0) > (product.grace_minutes or 0))
        return False

    call = Invoke(PRODUCT_CLASS, "Activate", {"ID": product.activation_id})
    achieved = f"Windows accepted the activation of {product.label()}"
    return _write_once(run, call, renewed, achieved)


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


def with_key(products: Products, key: ProductKey, role: str, kind: str) -> Product | None:
    """Return the product that has this key, None when none has it; refuse when the key has turned out to be of another kind."""
    found = next((p for p in products if p.partial_key == key.last_five), None)
    if found is not None and found.role != role:
        raise RefusedError(
            f"the key ending in {key.last_five} is in already, but it is no {kind}: it made {found.label()}",
            f"give the {kind}; where it is to replace this one, set convert_from: [{found.role}]",
        )
    return found


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


def _write_once(run: Run, call: Invoke, done: t.Callable[[Products], bool], achieved: str) -> Products:
    """Make the call, and return the products as they are afterwards. C(achieved) says what the call has done, for an error that comes after it."""
    try:
        run.windows.invoke(call)
    except OutcomeUnknownError as lost:
        return _watch(run, call, lost, done)
    # A key or an activation can change the whole licensing state, so slmgr.vbs has it worked out anew after each.
    # Whether a lost one of these arrived does not matter: the products, read next, decide.
    try:
        with contextlib.suppress(OutcomeUnknownError):
            run.windows.invoke(Invoke(SERVICE_CLASS, "RefreshLicenseStatus", service_key(run.windows)))
        return read_products(run.windows, run.clock)
    except WindowsError as error:
        error.after(achieved)
        raise


def _watch(run: Run, call: Invoke, lost: OutcomeUnknownError, done: t.Callable[[Products], bool]) -> Products:
    run.notify(f"the answer to {call.method} was lost; watching the machine's state for up to {run.confirm_timeout:g} s")
    deadline = run.clock.monotonic() + run.confirm_timeout
    unread: WindowsError | None = None
    while True:
        try:
            products = read_products(run.windows, run.clock)
            unread = None
            if done(products):
                return products
        except (LoginRefusedError, RedirectedError) as error:
            # Trying a refused login again and again locks the account.
            unread = error
            break
        except WindowsError as error:
            # The machine may be away for the same reason that the answer was lost: keep looking until the deadline.
            unread = error
        if run.clock.monotonic() >= deadline:
            break
        run.clock.sleep(LOOK_AGAIN_SECONDS)
    seen = f"the state could not be read since: {unread.doing}: {unread.seen()}" if unread else "the state is the old one"
    raise NotAppliedError(
        f"{call.method} was not applied: {lost.seen()}; watched for {run.confirm_timeout:g} s, and {seen}. It was not sent a second time",
        "run the task again, it compares first",
    )
