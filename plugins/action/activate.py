# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.activate."""

from __future__ import annotations

import typing as t

from ..plugin_utils._action import KmsAction, Options, confirm_timeout
from ..plugin_utils._licensing import activate
from ..plugin_utils._licensing.read import read_products


class ActionModule(KmsAction):
    """Activate a machine's Windows."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        "accept_low_count": {"type": "bool", "default": False},
        "confirm_timeout": {"type": "int", "default": 60},
        "publish": {"type": "bool", "default": False},
        "renew": {"type": "bool", "default": False},
        "role": {"type": "str", "choices": list(activate.ROLE_CHOICES), "default": activate.ANY},
    }

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Activate what is not licensed yet."""
        seconds = confirm_timeout(options)
        windows, clock = self.windows(), self.clock()
        outcome = activate.apply(
            windows,
            clock,
            read_products(windows, clock),
            role=options["role"],
            accept_low_count=options["accept_low_count"],
            renew=options["renew"],
            publish=options["publish"],
            check_mode=self.check_mode,
            confirm_timeout=seconds,
            notify=self.notify,
        )
        return self.changes(outcome)
