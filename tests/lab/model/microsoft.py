# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The activation at Microsoft that MAK, host and retail keys need, inside the model: it only counts. Nothing leaves the lab."""

from __future__ import annotations

import collections

from . import keys
from .errors import provider_error
from .keys import Key

SL_E_CHPA_MAXIMUM_UNLOCK_EXCEEDED = 0xC004C008
SL_E_CHPA_DMAK_LIMIT_EXCEEDED = 0xC004C020

HOSTS_PER_KEY = 6
ACTIVATIONS_PER_HOST = 10
"""A host key activates six machines, each once and nine times again (Microsoft: windowsserverdocs, kms-activation-planning)."""


class Activations:
    """What Microsoft has granted so far, per key and machine. C(fail_with) makes every attempt fail with that HRESULT."""

    def __init__(self) -> None:
        self.fail_with: int | None = None
        self._granted: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)

    def grant(self, key: Key, machine: str) -> None:
        """Use up one activation. Raises CimError when there is none left, or when it is made to fail.

        slmgr.vbs skips the call where a MAK is licensed already because each call costs an activation: so here every call costs one.
        """
        if self.fail_with is not None:
            raise provider_error(self.fail_with)
        granted = self._granted[key.text]
        # Microsoft: windowsserverdocs, activation-error-codes: 0xC004C008 for a host key, 0xC004C020 for a MAK.
        code = SL_E_CHPA_MAXIMUM_UNLOCK_EXCEEDED if key.channel == keys.KMS_HOST else SL_E_CHPA_DMAK_LIMIT_EXCEEDED
        if key.activations is not None and granted.total() >= key.activations:
            raise provider_error(code)
        if key.channel == keys.KMS_HOST and (granted[machine] >= ACTIVATIONS_PER_HOST or len(set(granted) | {machine}) > HOSTS_PER_KEY):
            raise provider_error(code)
        granted[machine] += 1

    def used(self, key: Key) -> int:
        """Return how many activations of a key were granted."""
        return self._granted[key.text].total() if key.text in self._granted else 0
