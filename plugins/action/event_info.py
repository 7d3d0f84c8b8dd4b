# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.event_info."""

from __future__ import annotations

import typing as t

from ..plugin_utils._action import KmsAction, Options
from ..plugin_utils._evidence.event_logs import LOGS, read_event_logs
from ..plugin_utils._licensing.refusal import RefusedError

_RANGES = {"budget": (1, 600, "seconds"), "hours": (0.1, 24 * 366, "hours"), "limit": (1, 20000, "records")}


class ActionModule(KmsAction):
    """Read the machine's licensing events."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        "budget": {"type": "float", "default": 20},
        "event_ids": {"type": "list", "elements": "int"},
        "hours": {"type": "float", "default": 24},
        "limit": {"type": "int", "default": 500},
        "log_state": {"type": "bool", "default": True},
        "logs": {"type": "list", "elements": "str", "choices": list(LOGS), "default": list(LOGS)},
    }

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Read the logs."""
        _check(options)
        events = read_event_logs(
            self.windows(),
            self.clock().now(),
            since_hours=options["hours"],
            limit=options["limit"],
            budget_seconds=options["budget"],
            logs=list(dict.fromkeys(options["logs"])),
            event_ids=options["event_ids"],
            log_state=options["log_state"],
        )
        return {"events": events.as_dict(), "incomplete": not all(state.complete for state in events.logs)}


def _check(options: Options) -> None:
    """Raise RefusedError for options that are out of their range, before the machine is reached for."""
    for name, (least, most, unit) in _RANGES.items():
        if not least <= options[name] <= most:
            raise RefusedError(
                f"{name} is {options[name]:g}, but it must be between {least:g} and {most:g} {unit}",
                "give a number in that range, or leave the option out",
            )
    for name in ("event_ids", "logs"):
        if options[name] == []:
            raise RefusedError(f"{name} is empty, so there is nothing to read", "name at least one, or leave the option out")
    wrong = [event_id for event_id in options["event_ids"] or () if not 0 <= event_id <= 65535]
    if wrong:
        raise RefusedError(f"{wrong[0]} is no event id", "give event_ids as numbers from 0 to 65535, without the qualifiers")
