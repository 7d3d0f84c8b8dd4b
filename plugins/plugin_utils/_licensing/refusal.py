# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way this collection says no.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations


class RefusedError(Exception):
    """Nothing was changed, because doing it could harm; C(way_on) says what to do or which option allows it."""

    def __init__(self, reason: str, way_on: str) -> None:
        self.reason = reason.rstrip(".")
        self.way_on = way_on.rstrip(".")
        super().__init__(f"{self.reason}. Nothing was changed. Next: {self.way_on}.")


class NotAppliedError(Exception):
    """A change was sent, or its answer was lost, and the machine's state does not show it; C(way_on) says what to do now."""

    def __init__(self, reason: str, way_on: str) -> None:
        self.reason = reason.rstrip(".")
        self.way_on = way_on.rstrip(".")
        super().__init__(f"{self.reason}. Next: {self.way_on}.")
