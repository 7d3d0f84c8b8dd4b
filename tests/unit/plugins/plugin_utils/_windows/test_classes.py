# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.resources

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows import classes
from ansible_collections.activation.kms.plugins.plugin_utils._windows.values import CIM_TYPES

CLASSES = classes.CLASSES


def test_the_property_that_holds_the_firmware_key_is_not_in_the_file_at_all():
    text = importlib.resources.files(classes.__package__).joinpath("classes.yml").read_text()
    assert "OA3xOriginalProductKey" not in text
    with pytest.raises(LookupError, match="OA3xOriginalProductKey"):
        CLASSES["SoftwareLicensingService"].property("OA3xOriginalProductKey")


def test_every_argument_that_takes_a_product_key_is_secret():
    arguments = [p for c in CLASSES.values() for m in c.methods.values() for p in m.parameters if "ProductKey" in p.name]
    assert arguments
    assert all(p.secret for p in arguments)


def test_registry_values_with_a_full_key_are_refused_by_name():
    assert {"backupproductkeydefault", "digitalproductid", "digitalproductid4"} <= CLASSES["StdRegProv"].never_read


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_member_has_a_known_type_and_builds_in_order(name):
    spec = CLASSES[name]
    members = [*spec.properties.values(), *(p for m in spec.methods.values() for p in (*m.parameters, *m.outputs))]
    for member in members:
        assert member.cim_type in CIM_TYPES
        assert member.since is None or member.until is None or member.since <= member.until
    for key in spec.keys:
        assert key in spec.properties


@pytest.mark.parametrize(
    ("name", "build", "there"),
    [
        ("ProductKeyChannel", 9200, False),
        ("ProductKeyChannel", 9600, True),
        ("VLActivationType", 7601, False),
        ("VLActivationType", 9200, True),
        ("ID", 6002, True),
    ],
)
def test_columns_come_with_the_build_that_brought_them(name, build, there):
    assert CLASSES["SoftwareLicensingProduct"].property(name).is_on(build) is there


def test_a_column_that_was_taken_away_has_a_last_build():
    gone = CLASSES["SoftwareLicensingService"].property("KeyManagementServiceActivationDisabled")
    assert gone.is_on(7601)
    assert not gone.is_on(9200)


def test_columns_of_server_23h2_are_asked_for_from_there_on():
    subscription = CLASSES["SoftwareLicensingService"].property("SubscriptionStatus")
    assert not subscription.is_on(20348)
    assert subscription.is_on(25398)


def test_unknown_names_are_named_in_the_error():
    with pytest.raises(LookupError, match="Win32_Nothing"):
        classes.cim_class("Win32_Nothing")
    with pytest.raises(LookupError, match="Win32_Service.*|.*Explode"):
        CLASSES["Win32_Service"].method("Explode")


@pytest.mark.parametrize(
    "text",
    [
        "return_values: {}\nclasses: {A: {namespace: n, keys: [K], properties: {}}}",
        "return_values: {}\nclasses: {A: {namespace: n, keys: [], properties: {P: real64}}}",
    ],
)
def test_a_class_that_does_not_add_up_is_refused_at_load(text):
    with pytest.raises(ValueError, match="K|real64"):
        classes.load_classes(text)
