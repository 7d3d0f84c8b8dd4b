# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible_collections.activation.kms.plugins.action import client_key as client_key_action
from ansible_collections.activation.kms.plugins.action import host_key as host_key_action
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.loader import ROLES, role_of
from ansible_collections.activation.kms.plugins.plugin_utils._keys import parse_key
from ansible_collections.activation.kms.plugins.plugin_utils._licensing import client_key, host_key
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.refusal import NotAppliedError, RefusedError

from tests.unit.plugins.plugin_utils._licensing.fake_windows import FakeWindows, product_row, run_on

KEY = "LABXX-AEILO-SUZ01-5AEIL-OSUZ0"
ACTIONS = {"client_key": client_key_action.ActionModule, "host_key": host_key_action.ActionModule}


def put_key(module, windows):
    if module == "client_key":
        client_key.apply(run_on(windows), parse_key(KEY), convert_from=[], allow_unlisted_key=True)
    else:
        host_key.install(run_on(windows), parse_key(KEY), replace=False, convert_from=[], allow_client_os=False)


def texts(module, role):
    """Return what a module says of this role: as the key that is in, as the one that is asked for and in, and as what the key turned out to be."""
    for partial, then in (("AAAAA", "kms_client"), (KEY[-5:], "kms_client"), (None, role)):
        windows = FakeWindows({"SoftwareLicensingProduct": [product_row(role, partial)] if partial else []})

        def install(call, windows=windows, then=then):
            windows.rows["SoftwareLicensingProduct"] = [product_row(then, KEY[-5:])]

        windows.methods["InstallProductKey"] = install
        try:
            put_key(module, windows)
        except (RefusedError, NotAppliedError) as error:
            yield str(error)


def test_the_rows_of_this_test_have_the_roles_that_they_are_named_after():
    for role in ROLES:
        row = product_row(role)
        assert role_of(row["Description"], row["ProductKeyChannel"]) == role


@pytest.mark.parametrize("module", ACTIONS)
def test_every_value_that_a_text_advises_for_convert_from_is_one_of_its_choices(module):
    choices = ACTIONS[module].specification()["convert_from"]["choices"]
    advised = {role: [re.findall(r"convert_from: \[(\w+)\]", text) for text in texts(module, role)] for role in ROLES}
    assert all(found in ([], [role]) for role, all_found in advised.items() for found in all_found)
    assert {role for role, all_found in advised.items() if any(all_found)} == set(choices)
    # All three texts advise it, where it helps.
    assert all(advised[role] == [[role]] * 3 for role in choices)


def test_a_client_key_given_for_a_host_key_is_refused_without_a_value_that_the_option_does_not_take():
    with pytest.raises(RefusedError, match=r"it is no KMS host key: it made .*kms_client.* Next: give the KMS host key\.$"):
        put_key("host_key", FakeWindows({"SoftwareLicensingProduct": [product_row("kms_client", KEY[-5:])]}))
