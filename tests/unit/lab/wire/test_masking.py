# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from tests.lab.wire.masking import mask

GROUP = st.text(string.ascii_letters + string.digits, min_size=5, max_size=5)
KEYS = st.builds(
    lambda groups, dash: dash.join(groups), st.lists(GROUP, min_size=5, max_size=5), st.sampled_from(["-", "", "\u2013", "\u2011"])
)


@given(KEYS, st.sampled_from(["", " ", "'", ">", "/"]))
def test_a_key_anywhere_in_a_structure_is_cut_to_its_last_five(key: str, around: str) -> None:
    masked = str(mask({f"{around}{key}{around}": [{"x": f"before {around}{key}{around} after"}, (key,)]}))
    assert key not in masked
    assert f"*****-{key[-5:]}" in masked


def test_what_is_no_key_stays() -> None:
    same = {"uuid": "0678b7e0-5e5c-5a71-9091-89c7b444afd8", "number": 25, "none": None, "text": "AAAAA-BBBBB-CCCCC-DDDDD"}
    assert mask(same) == same
