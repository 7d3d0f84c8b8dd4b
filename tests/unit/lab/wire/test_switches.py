# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from tests.lab.model.estate import EstateError
from tests.lab.wire.switches import Switches, split


def _data(**switches: t.Any) -> dict[str, t.Any]:
    return {"estate": {"domain": "corp.example"}, "machines": [{"name": "pc", "count": 2, "windows": "server-2022-standard", **switches}]}


def test_the_wires_switches_are_taken_out_and_hold_for_every_machine_of_a_row() -> None:
    loaded = split(_data(https=True, certificate="wrong_name", provider_fault_form="code"))
    assert set(loaded.estate.machines) == {"pc01", "pc02"}
    assert set(loaded.switches.values()) == {Switches(True, "wrong_name", "code")}


def test_logins_are_switches_too() -> None:
    loaded = split(_data(authentication=["kerberos", "ntlm"], allow_unencrypted=False))
    assert set(loaded.switches.values()) == {Switches(authentication=("kerberos", "ntlm"), allow_unencrypted=False)}


def test_without_switches_the_defaults_hold() -> None:
    assert set(split(_data()).switches.values()) == {Switches()}


@pytest.mark.parametrize(
    ("switches", "place"),
    [
        ({"https": 1}, "https"),
        ({"certificate": "none"}, "certificate"),
        ({"provider_fault_form": "x"}, "form"),
        ({"authentication": "ntlm"}, "authentication"),
        ({"authentication": []}, "authentication"),
        ({"authentication": ["digest"]}, "authentication"),
        ({"allow_unencrypted": "no"}, "allow_unencrypted"),
    ],
)
def test_a_wrong_switch_is_refused_with_its_place(switches: dict[str, t.Any], place: str) -> None:
    with pytest.raises(EstateError, match=rf"machines\[0\].*{place}"):
        split(_data(**switches))


@pytest.mark.parametrize("data", [None, [], {}, {"machines": 1, "estate": 2}, {"estate": {"domain": "x"}, "machines": [1]}])
def test_a_file_of_another_shape_is_left_to_the_model_to_refuse(data: t.Any) -> None:
    with pytest.raises(EstateError):
        split(data)
