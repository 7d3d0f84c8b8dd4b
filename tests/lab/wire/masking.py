# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Product keys never leave the lab whole: what is logged or shown keeps their last five characters."""

from __future__ import annotations

import re
import typing as t

# Five groups of five, with any dash or none between them, not part of a longer word.
_KEY = re.compile(r"(?<![A-Za-z0-9])(?:[A-Za-z0-9]{5}[-\u2010-\u2015\u2212]?){4}([A-Za-z0-9]{5})(?![A-Za-z0-9])")


def mask(value: t.Any) -> t.Any:
    """Return C(value) with every product key in it, in keys and values of any depth, cut to *****-last five."""
    if isinstance(value, str):
        return _KEY.sub(r"*****-\1", value)
    if isinstance(value, dict):
        return {mask(key): mask(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask(item) for item in value]
    return value
