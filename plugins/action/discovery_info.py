# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.discovery_info."""

from __future__ import annotations

import dataclasses
import typing as t

from ..module_utils._endpoint import parse_endpoints
from ..plugin_utils._action import KmsAction, Options
from ..plugin_utils._evidence.discovery import DOMAIN_READS, discover
from ..plugin_utils._evidence.facts import Facts, read_facts
from ..plugin_utils._licensing.read import read_activation
from ..plugin_utils._licensing.refusal import RefusedError
from ..plugin_utils._windows.beside import Beside
from ..plugin_utils._windows.errors import UnreachableError, WindowsError


class ActionModule(KmsAction):
    """See what the machine finds when it looks for a KMS host."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        "endpoints": {"type": "list", "elements": "raw", "default": []},
        "timeout": {"type": "int", "default": 5},
    }

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Read what is set on the machine, then look for records and endpoints from there."""
        endpoints = [(one.host, one.port) for one in parse_endpoints(options["endpoints"])]
        if not 1 <= options["timeout"] <= 60:
            raise RefusedError(
                f"timeout is {options['timeout']}, but it must be between 1 and 60 seconds",
                "give a number of seconds in that range, or leave the option out",
            )
        windows, clock = self.windows(), self.clock()
        beside = Beside(windows, DOMAIN_READS)
        facts, problem = Facts(), ""
        try:
            facts = read_facts(read_activation(beside, clock).facts())
        except UnreachableError:
            raise
        except WindowsError as error:
            if not beside.readings:
                raise
            # The way is worth seeing, too, where licensing itself is out of order.
            problem = f"What is set on the machine is not known. {error.line()}"
        found = discover(windows, clock.now(), facts, beside.readings, endpoints=endpoints, timeout_seconds=options["timeout"])
        if problem:
            found = dataclasses.replace(found, problems=(problem, *found.problems))
        return {"discovery": found.as_dict(), "reachable": any(one.outcome == "connected" for one in found.endpoints)}
