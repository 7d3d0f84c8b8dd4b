# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.diagnose."""

from __future__ import annotations

import datetime
import typing as t

from ..plugin_utils._action import Options
from ..plugin_utils._controller import ControllerAction
from ..plugin_utils._diagnosis.engine import Diagnosis
from ..plugin_utils._diagnosis.finding import Severity
from ..plugin_utils._question import put_question
from ..plugin_utils._report.text import report_lines


class ActionModule(ControllerAction):
    """Judge evidence."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        "approved_hosts": {"type": "list", "elements": "str", "default": []},
        "attempts": {"type": "bool", "default": True},
        "bundle": {"type": "path"},
        "earlier_paths": {"type": "list", "elements": "path", "default": []},
        "event_exports": {"type": "list", "elements": "raw", "default": []},
        "facts_paths": {"type": "list", "elements": "path", "default": []},
        "fail_on": {"type": "str", "choices": ["error", "never", "warning"], "default": "never"},
        "limit_per_rule": {"type": "int", "default": 100},
        "machines": {"type": "list", "elements": "dict", "default": []},
        "pasted": {"type": "list", "elements": "str", "default": []},
        "probes": {"type": "list", "elements": "dict", "default": []},
        "show": {"type": "bool", "default": False},
        "srv": {"type": "list", "elements": "dict", "default": []},
    }

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Put the question, and give the answer as data and as text."""
        if options["limit_per_rule"] < 1:
            raise ValueError(f"limit_per_rule is {options['limit_per_rule']}; give 1 or more")
        question = put_question(options, datetime.datetime.now(datetime.UTC))
        found = question.ask(limit_per_rule=options["limit_per_rule"], attempts=options["attempts"])
        diagnosis = found.as_dict()
        report = report_lines(diagnosis, width=self.terminal_width, assumptions=question.assumptions, not_read=question.not_read)
        if options["show"]:
            self.show(["", *report, ""])
        result = {
            "assumptions": list(question.assumptions),
            "diagnosis": diagnosis,
            "healthy": diagnosis["healthy"],
            "msg": diagnosis["verdict"],
            "not_read": list(question.not_read),
            "report": report,
            "verdict": diagnosis["verdict"],
            "worst": diagnosis["worst"],
        }
        if fails(found, options["fail_on"]):
            result["failed"] = True
        return result


def fails(found: Diagnosis, fail_on: str) -> bool:
    """Tell whether a task is to fail: nobody who asks to be stopped by a fault means to go on where nothing could be judged."""
    if fail_on == "never":
        return False
    nothing = not found.judged and not found.network
    return nothing or (found.worst is not None and found.worst.rank <= Severity(fail_on).rank)
