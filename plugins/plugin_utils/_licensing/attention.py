# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What about a machine someone should look at, and the flat answers for playbooks: the judging of what was read.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The answers are public: docs/names.md.
"""

from __future__ import annotations

import typing as t

from .model import Activation, no_primary_reason, primary_product, windows_candidates

RENEWAL_DUE_MINUTES = 30 * 24 * 60
"""A licensed KMS client with less validity left than this has missed some twenty weekly renewals in a row."""

CLOCK_TOLERANCE_SECONDS = 4 * 3600
"""How far the clocks of client and host may differ, in UTC (Microsoft: Learn, error-0xc004f06c-activate-windows)."""


def attention(activation: Activation) -> list[str]:
    """Return one sentence for each thing that someone should look at; an empty list for a healthy machine."""
    found: list[str] = list(activation.problems)
    primary = primary_product(activation.products)
    if primary is None:
        found.append(f"No product can be named as this machine's Windows: {no_primary_reason(activation.products)}.")
    for product in activation.products:
        if product.is_addon:
            continue
        if not product.licensed:
            reason = f" ({product.reason.code}{' ' + product.reason.symbol if product.reason.symbol else ''})" if product.reason else ""
            found.append(f"{product.label()} is {product.license_status_word}, not licensed{reason}.")
        elif product.role == "kms_client" and product.grace_minutes is not None and 0 < product.grace_minutes < RENEWAL_DUE_MINUTES:
            days = product.grace_minutes // (24 * 60)
            found.append(f"{product.label()} is licensed for {days} more days only: its renewals do not reach a KMS host.")
    offset = activation.machine.clock_offset_seconds
    if offset is not None and abs(offset) > CLOCK_TOLERANCE_SECONDS:
        found.append(
            f"The clock of {activation.machine.name} is {abs(offset) / 3600:.1f} hours {'ahead of' if offset > 0 else 'behind'} the controller's: "
            "KMS refuses requests when client and host differ by more than 4 hours (0xC004F06C)."
        )
    if activation.host.is_kms_host:
        if activation.service.state is not None and activation.service.state.lower() != "running":
            found.append(f"The licensing service (sppsvc) of this KMS host is {activation.service.state.lower()}: it answers no client.")
        rules = activation.host.firewall_rules
        if rules is not None and not any(rule.enabled for rule in rules):
            found.append("The firewall exception of this KMS host is off: clients cannot reach it.")
    return found


def answers(activation: Activation) -> dict[str, t.Any]:
    """Return the flat answers for C(when:), which takes true and false and fails on null: what is in doubt is not called activated."""
    primary = primary_product(activation.products)
    found = attention(activation)
    return {
        "activated": primary is not None and primary.licensed,
        "is_kms_host": activation.host.is_kms_host,
        "is_kms_client": any(p.role == "kms_client" for p in windows_candidates(activation.products)),
        "channel": primary.role if primary else None,
        "needs_attention": bool(found),
        "attention": found,
    }
