# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from tests.lab.model.dns import NAME_ERROR, NO_RECORDS, DnsError
from tests.lab.model.machine import Machine
from tests.lab.model.resolver import Record, names_to_ask, resolve

from .support import DESKTOP, machine_of


@pytest.fixture
def machine() -> Machine:
    return machine_of({**DESKTOP, "suffix_search_list": ["branch.example"]})


def test_suffixes_are_for_single_labels(machine: Machine) -> None:
    assert names_to_ask(machine, "kms") == ["kms.corp.example", "kms.branch.example"]
    assert names_to_ask(machine, "_vlmcs._tcp") == ["_vlmcs._tcp"]
    assert names_to_ask(machine, "kms.") == ["kms"]


def test_the_next_suffix_is_tried_for_a_name_that_does_not_exist_and_for_nothing_else(machine: Machine) -> None:
    asked: list[str] = []
    record = Record("Answer", "kms.branch.example", "A", 60, 4, {"IPAddress": "127.0.0.1"})

    def ask(name: str, kind: str) -> list[Record]:
        asked.append(name)
        if name.endswith("corp.example"):
            raise DnsError(code)
        return [record]

    code = NAME_ERROR
    assert resolve(machine, "kms", "A", ask) == [record]
    code = NO_RECORDS
    with pytest.raises(DnsError) as caught:
        resolve(machine, "kms", "A", ask)
    assert caught.value.code == NO_RECORDS
    assert asked == ["kms.corp.example", "kms.branch.example", "kms.corp.example"]
