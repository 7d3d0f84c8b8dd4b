# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HRESULTs and Win32 codes as evidence: the code with what is known of it.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import functools
import re

from .._catalogue.loader import code_text, explain_code
from .._keys import shown

_CODE = re.compile("0x[0-9A-Fa-f]{1,8}")


@functools.lru_cache(maxsize=1024)
def code_number(code: str) -> int:
    """Return the unsigned number of a code such as 0xC004F038. Raises ValueError when it is none."""
    if not isinstance(code, str) or _CODE.fullmatch(code) is None:
        raise ValueError(f"has a code that is no number such as 0xC004F038 but {shown(code)}")
    return int(code, 16)


@dataclasses.dataclass(frozen=True)
class CodeFacts:
    """An HRESULT or Win32 code with what is known of it."""

    code: str
    symbol: str | None = None
    meaning: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a code that is none."""
        code_number(self.code)

    @property
    def number(self) -> int:
        """The code as an unsigned number."""
        return code_number(self.code)


@functools.lru_cache(maxsize=1024)
def code_facts(number: int) -> CodeFacts:
    """Return a code, signed or unsigned, with what is known of it."""
    found = explain_code(number)
    return CodeFacts(code_text(number), found.symbol if found else None, found.meaning if found else None)
