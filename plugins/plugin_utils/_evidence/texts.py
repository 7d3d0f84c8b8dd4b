# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which encoding a text is that a Windows program saved.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import codecs

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_of(begin: bytes) -> str:
    """Return the encoding of a text by its beginning, or by all of it: what the mark says; UTF-16 where every other byte is zero; UTF-8; else Windows-1252.

    What PowerShell's C(>), Notepad and Event Viewer write is UTF-16, at times without a mark; older programs write a code page.
    """
    for mark, encoding in _MARKS:
        if begin.startswith(mark):
            return encoding
    head = begin[:200]
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if len(zeros) >= 2 and zeros.count(0) * 4 >= len(zeros) * 3 and head.count(0) == zeros.count(0):
            return encoding
    try:
        # The beginning of a longer text may end within a character.
        codecs.getincrementaldecoder("utf-8")().decode(begin)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def decode(data: bytes) -> str:
    """Return the text that bytes hold, in the encoding of L(encoding_of)."""
    return data.decode(encoding_of(data), errors="replace")
