# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a use case did, or in check mode would do.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass
class Outcome:
    """C(before) and C(after) have the same keys; C(would) has one line for each thing that check mode left undone."""

    changed: bool = False
    before: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    after: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    would: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    message: str = ""
    extra: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def result(self) -> dict[str, t.Any]:
        """Return the outcome as a module result; the diff is added by the action, when it is wanted."""
        return {"changed": self.changed, "msg": self.message, "would": self.would, **self.extra}
