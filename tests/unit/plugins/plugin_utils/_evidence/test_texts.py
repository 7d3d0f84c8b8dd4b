# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts are read in the encoding in which Windows programs saved them."""

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.texts import decode, encoding_of


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_texts_are_read_as_windows_programs_save_them(encoding: str) -> None:
    assert decode("Lizenzstatus: Lizenziert (für 180 Tage)".encode(encoding)) == "Lizenzstatus: Lizenziert (für 180 Tage)"


def test_a_text_that_ends_within_a_character_keeps_its_encoding() -> None:
    assert encoding_of("für".encode()[:2]) == "utf-8"
    assert encoding_of(b"") == "utf-8"
