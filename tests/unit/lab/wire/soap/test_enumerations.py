# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import collections

from hypothesis import given
from hypothesis import strategies as st

from tests.lab.wire.soap.enumerations import LIFETIME_SECONDS, Enumeration, Enumerations, page


def _enumeration() -> Enumeration:
    return Enumeration(collections.deque(["<a/>"]), "10", "8192", "C")


@given(st.lists(st.text("x", min_size=1, max_size=30)), st.integers(1, 50), st.integers(30, 400))
def test_pages_deliver_every_item_once_in_order_within_both_limits(items: list[str], max_elements: int, characters: int) -> None:
    left = collections.deque(items)
    delivered: list[str] = []
    while left:
        taken = page(left, max_elements, characters)
        assert 1 <= len(taken) <= max_elements
        assert sum(map(len, taken)) <= characters
        delivered += taken
    assert delivered == items


def test_an_item_larger_than_the_page_is_not_delivered_and_not_lost() -> None:
    left = collections.deque(["x" * 11])
    assert page(left, 1, 10) == []
    assert list(left) == ["x" * 11]


def test_a_context_serves_once() -> None:
    enumerations = Enumerations()
    context = enumerations.keep(_enumeration())
    assert enumerations.take(context) is not None
    assert enumerations.take(context) is None


def test_contexts_differ_even_for_the_same_enumeration() -> None:
    enumerations, enumeration = Enumerations(), _enumeration()
    assert enumerations.keep(enumeration) != enumerations.keep(enumeration)


def test_a_context_dies_after_the_enumeration_timeout_and_is_forgotten() -> None:
    now = [0.0]
    enumerations = Enumerations(lambda: now[0])
    context = enumerations.keep(_enumeration())
    now[0] = LIFETIME_SECONDS + 1
    assert enumerations.take(context) is None
    enumerations.keep(_enumeration())
    now[0] *= 2
    enumerations.keep(_enumeration())
    assert len(enumerations) == 1
