# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.firewall_exception."""

from __future__ import annotations

import typing as t

from ..plugin_utils._action import CONFIRM_OPTIONS, KmsAction, Options
from ..plugin_utils._licensing import firewall


class ActionModule(KmsAction):
    """Switch the firewall exception of a KMS host."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        **CONFIRM_OPTIONS,
        "state": {"type": "str", "choices": ["disabled", "enabled"], "default": "enabled"},
    }

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Enable or disable the built-in rules."""
        return self.changes(firewall.set_exception(self.begin(options), enabled=options["state"] == "enabled"))
