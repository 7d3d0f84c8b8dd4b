# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Activate a machine's Windows, whatever its role, and let a new KMS host publish itself.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._catalogue.loader import ROLES
from .._windows.errors import MethodFailedError, WindowsError
from .._windows.faults import explained_error, is_unspecific
from .._windows.interface import Invoke, Reading
from .model import Product, Products, windows_candidates
from .outcome import KNOWN_AFTER, Outcome, snapshot
from .read import PRODUCT_CLASS, PRODUCT_QUERY, TOKEN, products_in, read_products, read_service_keys
from .refusal import LOOK_AT_SPP_LOG, NotAppliedError, RefusedError, require_one_windows
from .run import Run
from .service import PROCESS_QUERY, process_in, refresh, restart
from .write import Write, write_once

ANY = "any"
ROLE_CHOICES = (ANY, *(role for role in ROLES if role not in ("evaluation", "unknown")))

COUNT_TOO_LOW = 0xC004F038
"""SL_E_VL_NOT_ENOUGH_COUNT: the host answered, and counted this machine, but its count is still below what this Windows needs."""

LICENSING_ERRORS = "0xC004"

COUNTED_BY_MICROSOFT = ("kms_host", "mak", "retail", "oem")
"""Roles whose activation is done by Microsoft's servers, which count it: a second one is used up for nothing."""

RESTART = "restart the licensing service (sppsvc), so that the host publishes its SRV record"
RESTARTED = " The licensing service was restarted, so that the host publishes its SRV record."

KEY_MODULE = {"kms_host": "activation.kms.host_key", "kms_client": "activation.kms.client_key"}


@dataclasses.dataclass(frozen=True)
class _Found:
    """The products, and the process of the licensing service where that was asked for in the same go."""

    products: Products
    process: Reading | None


def choose(products: Products, role: str) -> Product | None:
    """Return the product to activate, or None when the machine has none of this role; raise RefusedError when it can't be told."""
    if role == ANY:
        return require_one_windows(products)
    of_role = [p for p in windows_candidates(products) if p.role == role]
    if len(of_role) > 1:
        return require_one_windows(tuple(of_role))
    return of_role[0] if of_role else None


def missing(products: Products, role: str) -> RefusedError:
    """Return the refusal for a machine that has nothing of this role to activate."""
    present = ", ".join(p.label() for p in windows_candidates(products)) or "no Windows product with a product key"
    if role == ANY:
        return RefusedError(
            f"there is nothing to activate: this machine has {present}",
            f"install a key first, with {KEY_MODULE['kms_client']} or {KEY_MODULE['kms_host']}",
        )
    module = KEY_MODULE.get(role)
    return RefusedError(
        f"there is nothing to activate in the role {role}: this machine has {present}",
        f"install the key with {module} first" if module else "install a product key of this kind first",
    )


def apply(run: Run, *, role: str, accept_low_count: bool, renew: bool, publish: bool) -> Outcome:
    """Activate the product when it is not licensed, and restart the service of a new KMS host.

    role: "any" for the machine's one Windows product, else one of ROLES.
    publish: restart the service of a KMS host that was licensed before, too. Windows activates a host key by itself when it can, and then
    nothing has made the host publish.
    renew: ask for new validity although the product is licensed; KMS clients only.

    Raises RefusedError, MethodFailedError (with the licensing code), NotAppliedError.
    """
    found = _read(run, with_process=publish)
    products = found.products
    product = choose(products, role)
    if product is None:
        if not run.check_mode:
            raise missing(products, role)
        # In check mode an earlier task of the same run may be what brings the key.
        wanted = "this machine's Windows" if role == ANY else f"the {role} product"
        outcome = Outcome(changed=True, before=snapshot(None), after={**snapshot(None), "license_status": KNOWN_AFTER})
        outcome.would = [f"activate {wanted}, once it has its key", *([RESTART] if role == "kms_host" else [])]
        outcome.message = f"Would activate {wanted}, once it has its key."
        outcome.extra = _extra("would_activate")
        return outcome
    if product.licensed and not renew:
        return _already(run, product, found.process)
    _check(product, renew)
    if run.check_mode:
        return _would(product)
    return _activate(run, product, accept_low_count=accept_low_count)


def _check(product: Product, renew: bool) -> None:
    if renew and product.licensed and product.role in COUNTED_BY_MICROSOFT:
        raise RefusedError(
            f"{product.label()} is licensed; activating it again would use up another of the activations that Microsoft counts",
            "leave renew out: a product of this kind does not expire",
        )
    if product.role == "evaluation":
        raise RefusedError(
            f"{product.label()} is an evaluation, which cannot be activated for good",
            "change the machine to a licensed edition first (DISM /Online /Set-Edition)",
        )
    if product.activation_type_enabled == TOKEN:
        raise RefusedError(
            f"{product.label()} is set to token-based activation only (VLActivationTypeEnabled is 3)",
            "set the activation type back to all or KMS first (slmgr.vbs /act-type 2)",
        )


def _already(run: Run, product: Product, process: Reading | None) -> Outcome:
    state = snapshot(product)
    outcome = Outcome(before=state, after=state, message=f"{product.label()} is licensed already.")
    outcome.extra = _extra("already_licensed")
    if product.role != "kms_host" or process is None:
        return outcome
    outcome.changed = True
    outcome.before = {**state, "sppsvc": "running"}
    outcome.after = {**state, "sppsvc": "restarted"}
    if run.check_mode:
        outcome.would = [RESTART]
        outcome.message += f" Would {RESTART}."
        return outcome
    restart(run, process_in(process))
    outcome.extra["restarted"] = True
    outcome.message += RESTARTED
    return outcome


def _would(product: Product) -> Outcome:
    where = (
        "by Microsoft, which counts it"
        if product.role in COUNTED_BY_MICROSOFT
        else "by a KMS host"
        if product.role == "kms_client"
        else "by its host"
    )
    before = snapshot(product)
    outcome = Outcome(changed=True, before=before, after={**before, "license_status": KNOWN_AFTER})
    outcome.would = [f"have {product.label()} activated {where}"]
    if product.role == "kms_host":
        outcome.would.append(RESTART)
    outcome.message = f"Would have {product.label()} activated {where}."
    outcome.extra = _extra("would_activate")
    return outcome


def _activate(run: Run, product: Product, *, accept_low_count: bool) -> Outcome:
    before = snapshot(product)
    outcome = Outcome(before=before)
    try:
        answer = _ask_once(run, product)
        after = _find(answer.products, product)
    except MethodFailedError as failed:
        after = _find(read_products(run.windows, run.clock), product)
        error = _with_own_reason(failed, after)
        if error.code != COUNT_TOO_LOW or not accept_low_count:
            raise error from None
        outcome.after = snapshot(after)
        outcome.changed = outcome.after != before
        outcome.extra = _extra("count_too_low")
        needed = f" of {after.required_count}" if after.required_count else ""
        outcome.message = f"The KMS host counted {after.label()}, but its count is still below the minimum{needed}: ask again when more machines have asked."
        return outcome
    if not after.licensed:
        why = f": {after.reason.code} {after.reason.symbol or ''} {after.reason.meaning or ''}".rstrip() if after.reason else ""
        raise NotAppliedError(
            f"Windows accepted the activation of {after.label()}, but reading it back shows {after.license_status_word}{why}",
            LOOK_AT_SPP_LOG,
        )
    outcome.changed = True
    outcome.after = snapshot(after)
    outcome.message = f"{after.label()} is licensed now."
    outcome.extra = _extra("activated")
    if answer.process is not None:
        try:
            restart(run, process_in(answer.process))
        except WindowsError as error:
            error.after(f"{after.label()} is licensed now")
            raise
        outcome.extra["restarted"] = True
        outcome.message += RESTARTED
    return outcome


def _ask_once(run: Run, product: Product) -> _Found:
    """Ask Windows once to activate a product, and return how things are afterwards, with the service where it has to be restarted then.

    Raises MethodFailedError with the licensing code when the activation fails, NotAppliedError when its answer was lost and the product did not
    become licensed, or, where it was licensed before, did not get new validity.
    """

    def renewed(found: _Found) -> bool:
        for p in found.products:
            if p.activation_id == product.activation_id:
                return p.licensed and (not product.licensed or (p.grace_minutes or 0) > (product.grace_minutes or 0))
        return False

    return write_once(
        run,
        Write(
            Invoke(PRODUCT_CLASS, "Activate", {"ID": product.activation_id}),
            achieved=f"Windows accepted the activation of {product.label()}",
            undone="Activate was not applied",
        ),
        read=lambda: _read(run, with_process=product.role == "kms_host" and not product.licensed),
        done=renewed,
        then=lambda: refresh(run, read_service_keys(run.windows)),
    )


def _read(run: Run, *, with_process: bool) -> _Found:
    # The process comes last: whatever asks for products starts a service that stands still.
    readings = run.windows.read((PRODUCT_QUERY, PROCESS_QUERY) if with_process else (PRODUCT_QUERY,))
    return _Found(products_in(readings[0], run.clock), readings[1] if with_process else None)


def _with_own_reason(failed: MethodFailedError, after: Product) -> MethodFailedError:
    """Return the error of the product's own reason, where the fault named no code that says why.

    No published capture shows the fault of a failed activation over WS-Management; LicenseStatusReason carries the same code in any case.
    """
    reason = after.reason
    if reason is None or not reason.code.startswith(LICENSING_ERRORS) or not is_unspecific(failed.code):
        return failed
    detail = f"{failed.detail}; the product's own reason is {reason.code}"
    return explained_error(MethodFailedError, failed.doing, detail, int(reason.code, 16))


def _extra(result: str) -> dict[str, t.Any]:
    return {"outcome": result, "restarted": False}


def _find(products: Products, product: Product) -> Product:
    for candidate in products:
        if candidate.activation_id == product.activation_id:
            return candidate
    raise NotAppliedError(
        f"{product.label()} is gone: no product has its activation id any more. Something else changes this machine's key at the same time",
        "find out what else manages the key of this machine, then run the task again",
    )
