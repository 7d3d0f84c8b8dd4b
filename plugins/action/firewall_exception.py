# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.firewall_exception."""

from __future__ import annotations

import typing as t

from ..plugin_utils._action import CONFIRM_OPTIONS, KmsAction, Options
from ..plugin_utils._licensing import firewall
from ..plugin_utils._licensing.read import read_listening_port
from ..plugin_utils._windows.errors import UnreachableError, WindowsError
from ..plugin_utils._windows.interface import Windows


class ActionModule(KmsAction):
    """Switch the firewall exception of a KMS host."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        **CONFIRM_OPTIONS,
        "state": {"type": "str", "choices": ["disabled", "enabled"], "default": "enabled"},
    }

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Enable or disable the built-in rules."""
        run = self.begin(options)
        enabled = options["state"] == "enabled"
        port = self._listening_port(run.windows) if enabled else None
        outcome = firewall.set_exception(run, enabled=enabled, listening_port=port)
        return self.changes(outcome)

    def _listening_port(self, windows: Windows) -> int | None:
        try:
            return read_listening_port(windows)
        except UnreachableError:
            raise
        except WindowsError:
            # Without the licensing service the rules can be switched all the same; only a warning is lost.
            return None
