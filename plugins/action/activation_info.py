# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.activation_info."""

from __future__ import annotations

import pathlib
import typing as t

from ..plugin_utils._action import KmsAction, Options
from ..plugin_utils._diagnosis.attention import answers
from ..plugin_utils._evidence.discovery import DOMAIN_READS, discover
from ..plugin_utils._evidence.event_logs import read_event_logs
from ..plugin_utils._evidence.facts import read_facts
from ..plugin_utils._evidence.view import Discovery
from ..plugin_utils._facts_file import append_line
from ..plugin_utils._keys import mask_result
from ..plugin_utils._licensing.read import read_activation
from ..plugin_utils._windows.beside import Beside
from ..plugin_utils._windows.errors import LoginRefusedError, RedirectedError, WindowsError
from ..plugin_utils._windows.interface import Reading, Windows


class ActionModule(KmsAction):
    """Read the machine's activation state."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        "discovery": {"type": "bool", "default": False},
        "events": {"type": "bool", "default": False},
        "facts_path": {"type": "path"},
    }

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Read, and where asked add one line to the facts file."""
        windows = self.windows()
        beside = Beside(windows, DOMAIN_READS if options["discovery"] else ())
        activation = read_activation(beside, self.clock())
        facts = activation.facts()
        if options["events"]:
            facts["events"] = read_event_logs(windows, self.clock().now()).as_dict()
        if options["discovery"]:
            facts["discovery"] = self._discovery(windows, facts, beside.readings).as_dict()
        flat = answers(activation)
        result = {"activation": facts, **flat, "facts_written": False}
        if options["facts_path"] and not self.check_mode:
            append_line(
                pathlib.Path(options["facts_path"]),
                # What a machine holds may be a key in the wrong place (slmgr /skms KEY), and the file passes no other border.
                mask_result({"inventory_hostname": self._machine, **facts, "answers": flat}),
            )
            result["facts_written"] = True
        return result

    def _discovery(self, windows: Windows, facts: dict[str, t.Any], domain_readings: list[Reading]) -> Discovery:
        now = self.clock().now()
        try:
            return discover(windows, now, read_facts(facts), domain_readings)
        except (LoginRefusedError, RedirectedError):
            raise
        except WindowsError as error:
            # The facts are there: that no PowerShell answers does not take them away.
            return Discovery(collected_at=now, problems=(error.line(),))
