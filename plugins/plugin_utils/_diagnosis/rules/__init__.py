# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule, one file per topic. A rule is a function of evidence that yields findings; its texts are in _catalogue/findings.yml.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import typing as t

from . import client, client_host, fleet, host, host_requests, srv
from .registry import CaseRule, FleetRule, MachineRule

_TOPICS = (host, host_requests, client, client_host)

ALL_MACHINE_RULES: tuple[MachineRule, ...] = tuple(rule for topic in _TOPICS for rule in topic.MACHINE_RULES)
ALL_CASE_RULES: tuple[CaseRule, ...] = srv.CASE_RULES
ALL_FLEET_RULES: tuple[t.Callable[[], FleetRule], ...] = fleet.FLEET_RULES
