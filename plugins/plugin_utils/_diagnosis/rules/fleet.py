# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All machines together: duplicate CMIDs, counts spread over hosts, hosts that disagree.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import typing as t

from .registry import FleetRule

FLEET_RULES: tuple[t.Callable[[], FleetRule], ...] = ()
