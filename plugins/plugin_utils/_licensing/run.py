# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one run of a use case has to work with, whatever the use case.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._windows.interface import Windows
from .clock import Clock


@dataclasses.dataclass(frozen=True)
class Run:
    """The machine and the circumstances of one task.

    windows:          the machine.
    clock:            how time passes.
    check_mode:       nothing may be changed: say what would be.
    confirm_timeout:  seconds, 0 to 600, to watch the machine's state when the answer to a change was lost.
    notify:           is told, in words, what is being waited for.
    """

    windows: Windows
    clock: Clock
    check_mode: bool
    confirm_timeout: float
    notify: t.Callable[[str], None]
