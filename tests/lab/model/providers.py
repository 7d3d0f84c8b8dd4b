# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers for each CIM class of a machine."""

from __future__ import annotations

from . import provider_firewall, provider_licensing, provider_registry, provider_system
from .provider import Association, Handler, Instance, Provider

__all__ = ["PROVIDERS", "Association", "Handler", "Instance", "Provider"]

PROVIDERS: dict[str, Provider] = {
    provider.cim_class: provider
    for provider in (
        provider_licensing.SERVICE,
        provider_licensing.PRODUCT,
        provider_system.OPERATING_SYSTEM,
        provider_system.SERVICE,
        provider_system.EVENT,
        provider_firewall.RULE,
        provider_firewall.PORT_FILTER,
        provider_registry.REGISTRY,
    )
}
