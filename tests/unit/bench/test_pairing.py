# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench of pairing measures what it says: a fleet that is always the same, every attempt of which comes out as it was generated."""

from __future__ import annotations

import pathlib

from tests.bench import pairing


def test_a_generated_fleet_is_always_the_same_and_comes_out_as_generated(tmp_path: pathlib.Path) -> None:
    expected = pairing.write_fleet(tmp_path, 60)
    files = [(tmp_path / name).read_bytes() for name in ("hosts.jsonl", "clients.jsonl")]
    assert pairing.write_fleet(tmp_path, 60) == expected
    assert [(tmp_path / name).read_bytes() for name in ("hosts.jsonl", "clients.jsonl")] == files
    assert files[0].count(b"\n") == 60 * pairing.REQUESTS
    assert sum(expected.values()) == 60 * pairing.ON_CLIENT
    paired, read = pairing.work("pair", tmp_path), pairing.work("read", tmp_path)
    assert paired.outcomes == expected
    assert len(expected) == 4
    assert read.outcomes == {}
    assert paired.memory > 1_000_000
