# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/fault_table.md."""

from __future__ import annotations

import pathlib

from tests.diagnosis.faults import FAULTS
from tests.diagnosis.table import counted, markdown, outcome, pairs

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "fault_table.md"

if __name__ == "__main__":
    alone = {fault.name: outcome(fault) for fault in FAULTS}
    together = [outcome(*pair) for pair in pairs()]
    for result in (*alone.values(), *together):
        if result.missed or result.false:
            print(result)
    PAGE.write_text(markdown(alone, counted(together)), encoding="utf-8")
    print(f"{PAGE.name} is written: {len(alone)} faults, {len(together)} pairs")
