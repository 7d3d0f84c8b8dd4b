# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a resource answers: the body of a reply, before it is put into an envelope."""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass(frozen=True)
class Reply:
    """Body XML of a successful reply; the action is the request's with "Response" after it."""

    body: str
    namespaces: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
