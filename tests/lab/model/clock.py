# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The estate's clock. It stands still until it is moved: nothing in the lab happens by itself."""

from __future__ import annotations

import datetime

UTC = datetime.UTC


class Clock:
    """A clock that starts at an instant and moves by C(advance) only."""

    def __init__(self, start: datetime.datetime) -> None:
        self.start = start.astimezone(UTC)
        self.offset = 0.0
        """Seconds by which the clock was moved since the start."""

    def now(self) -> datetime.datetime:
        """Return the estate's time, in UTC."""
        return self.start + datetime.timedelta(seconds=self.offset)

    def advance(self, seconds: float) -> None:
        """Move the clock by C(seconds), which may be negative."""
        self.offset += seconds
