# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct

import pytest

from tests.lab.wire.shell.remoting import Fragments

STATE, OUTPUT = 0x00041006, 0x00041004


def message(kind: int, text: str) -> bytes:
    """Return a message of the server (MS-PSRP 2.2.1)."""
    return struct.pack("<II", 1, kind) + bytes(32) + b"\xef\xbb\xbf" + text.encode()


def fragments(number: int, whole: bytes, size: int) -> list[bytes]:
    """Return a message in fragments (MS-PSRP 2.2.4)."""
    parts = [whole[at : at + size] for at in range(0, len(whole), size)]
    ends = [(index == 0) | (index == len(parts) - 1) << 1 for index in range(len(parts))]
    return [
        struct.pack(">QQBI", number, index, flags, len(part)) + part for index, (flags, part) in enumerate(zip(ends, parts, strict=True))
    ]


def state(number: int) -> bytes:
    return message(STATE, f'<Obj RefId="0"><MS><I32 N="PipelineState">{number}</I32></MS></Obj>')


@pytest.mark.parametrize(("number", "ended"), [(1, False), (2, False), (3, True), (4, True), (5, True), (6, False)])
@pytest.mark.parametrize("size", [41, 50, 62, 70, 1000])
def test_a_pipeline_has_ended_with_its_last_state_wherever_that_is_cut(number: int, ended: bool, size: int) -> None:
    seen = Fragments()
    for part in fragments(7, state(number), size):
        seen.see(part)
    assert seen.ended is ended


def test_output_that_looks_like_a_state_ends_nothing() -> None:
    seen = Fragments()
    seen.see(fragments(1, message(OUTPUT, '<I32 N="PipelineState">4</I32>'), 1000)[0])
    assert not seen.ended


def test_several_messages_may_come_at_once() -> None:
    seen = Fragments()
    seen.see(b"".join(fragments(1, message(OUTPUT, "<S>x</S>"), 45) + fragments(2, state(4), 1000)))
    assert seen.ended
