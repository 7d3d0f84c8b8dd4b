# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.activate."""

from __future__ import annotations

import typing as t

from ..plugin_utils._action import CONFIRM_OPTIONS, KmsAction, Options
from ..plugin_utils._licensing import activate


class ActionModule(KmsAction):
    """Activate a machine's Windows."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        **CONFIRM_OPTIONS,
        "accept_low_count": {"type": "bool", "default": False},
        "publish": {"type": "bool", "default": False},
        "renew": {"type": "bool", "default": False},
        "role": {"type": "str", "choices": list(activate.ROLE_CHOICES), "default": activate.ANY},
    }

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Activate what is not licensed yet."""
        outcome = activate.apply(
            self.begin(options),
            role=options["role"],
            accept_low_count=options["accept_low_count"],
            renew=options["renew"],
            publish=options["publish"],
        )
        return self.changes(outcome)
