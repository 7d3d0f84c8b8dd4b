# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.wire.kms_endpoint import INTERFACE, NDR, NotABindError, bind_ack

NDR64 = uuid.UUID("71710533-beba-4937-8319-b5dbef9ccc36")
OTHER = uuid.UUID("12345678-1234-abcd-ef00-0123456789ab")


def bind(*contexts: tuple[uuid.UUID, int, list[tuple[uuid.UUID, int]]], kind: int = 11, call_id: int = 2) -> bytes:
    items = b""
    for number, (interface, version, transfers) in enumerate(contexts):
        items += struct.pack("<HBx", number, len(transfers)) + interface.bytes_le + struct.pack("<I", version)
        items += b"".join(syntax.bytes_le + struct.pack("<I", syntax_version) for syntax, syntax_version in transfers)
    body = struct.pack("<HHIBxxx", 5840, 5840, 0, len(contexts)) + items
    return struct.pack("<BBBB4sHHI", 5, 0, kind, 3, b"\x10\x00\x00\x00", 16 + len(body), 0, call_id) + body


def _results(ack: bytes) -> list[tuple[int, int, uuid.UUID]]:
    (secondary,) = struct.unpack_from("<H", ack, 24)
    offset = 26 + secondary
    offset += -offset % 4
    count = ack[offset]
    return [
        (*struct.unpack_from("<HH", ack, offset + 4 + 24 * i), uuid.UUID(bytes_le=ack[offset + 8 + 24 * i : offset + 24 + 24 * i]))
        for i in range(count)
    ]


def test_a_bind_to_the_kms_interface_is_acknowledged() -> None:
    ack = bind_ack(bind((INTERFACE, 1, [(NDR, 2)]), call_id=77), 1688)
    version, _, kind, flags, _, length, auth, call_id = struct.unpack_from("<BBBB4sHHI", ack)
    assert (version, kind, flags, length, auth, call_id) == (5, 12, 3, len(ack), 0, 77)
    assert ack[26:31] == b"1688\x00"
    assert _results(ack) == [(0, 0, NDR)]


def test_each_context_is_answered_for_itself() -> None:
    ack = bind_ack(bind((INTERFACE, 1, [(NDR, 2)]), (INTERFACE, 1, [(NDR64, 1)]), (OTHER, 1, [(NDR, 2)]), (INTERFACE, 2, [(NDR, 2)])), 1688)
    assert [(result, reason) for result, reason, _ in _results(ack)] == [(0, 0), (2, 2), (2, 1), (2, 1)]


@pytest.mark.parametrize("kind", [0, 2, 14, 16])
def test_no_other_pdu_is_understood(kind: int) -> None:
    with pytest.raises(NotABindError):
        bind_ack(bind((INTERFACE, 1, [(NDR, 2)]), kind=kind), 1688)


@given(st.binary(max_size=120), st.integers(0, 90))
def test_broken_pdus_are_refused_and_nothing_else_happens(noise: bytes, cut: int) -> None:
    with pytest.raises(NotABindError):
        bind_ack(noise, 1688)
    whole = bind((INTERFACE, 1, [(NDR, 2)]))
    if cut < len(whole):
        with pytest.raises(NotABindError):
            bind_ack(whole[:cut], 1688)
