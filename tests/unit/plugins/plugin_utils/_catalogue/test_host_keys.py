# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest
import yaml
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.host_keys import CLIENT, SERVER, generation_of, host_key_of
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.loader import read_data

LAB = pathlib.Path(__file__).resolve().parents[4] / "lab/model"
DATA = read_data("host_keys.yml")


@pytest.mark.parametrize(
    ("description", "activation_id", "name"),
    [
        # Published outputs.
        ("Windows(R) Operating System, VOLUME_KMS_2012-R2_WIN10 channel", None, "Windows Server 2012 R2 for Windows 10"),
        ("Office 16, VOLUME_KMS channel", "98ebfe73-2084-4c97-932c-c0cd1643bea7", "Office 2016"),
        ("Office 21, VOLUME_KMS channel", "{47F3B983-7C53-4D45-ABC6-BCD91E2DD90A}", "Office LTSC 2021"),
        ("Windows(R) Operating System, VOLUME_KMS_WS22 channel", "whatever", "Windows Server 2022"),
        ("Windows Operating System - Windows Server(R), VOLUME_KMS_C channel", None, None),
        ("Windows(R) Operating System, VOLUME_KMSCLIENT channel", None, None),
        (None, None, None),
    ],
)
def test_a_host_key_is_told_by_its_channel_word_or_for_office_by_its_activation_id(description, activation_id, name):
    found = host_key_of(description, activation_id)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("kind", "build", "edition_id", "name"),
    [
        (SERVER, 17763, "ServerStandard", "Windows Server 2019"),
        (CLIENT, 17763, "enterprises", "Windows 10 LTSC 2019"),
        (CLIENT, 17763, "Enterprise", "Windows 10"),
        (CLIENT, 22631, "Professional", "Windows 11"),
        (CLIENT, 26100, "EnterpriseS", "Windows 11 LTSC 2024"),
        (CLIENT, 6001, "Business", None),
        (SERVER, 99999, None, None),
    ],
)
def test_a_windows_is_told_by_kind_build_and_edition(kind, build, edition_id, name):
    assert generation_of(kind, build, edition_id) == name


def test_every_generation_that_a_key_activates_is_one_that_a_machine_can_have():
    known = {row["name"] for row in DATA["generations"]} | {"Windows Server Semi-Annual Channel"}
    assert {name for row in DATA["windows"] for name in row["activates"]} <= known


def test_a_newer_server_key_activates_all_that_an_older_one_does():
    servers = [set(row["activates"]) for row in DATA["windows"] if row["installs_on"][0]["kind"] == SERVER]
    assert all(newer >= older for newer, older in zip(servers, servers[1:], strict=False))


def test_the_lab_has_read_the_same_tables():
    """The lab's own file was made by itself after the same pages: where both say something, they say the same."""
    lab = yaml.safe_load((LAB / "host_keys.yml").read_text(encoding="utf-8"))
    windows = {}
    for row in yaml.safe_load((LAB / "windows.yml").read_text(encoding="utf-8")).values():
        windows.setdefault(row["generation"], (row["kind"], row["build"]))
    compared = 0
    for row in (*lab["windows"], *lab["office"]):
        key = host_key_of(f"{row['description_word']} channel", row.get("activation_id"))
        assert key is not None and key.name == row["csvlk"]
        for place in row["installs_on"]:
            ours = key.place(*windows[place["windows"]])
            assert ours is not None, (row["csvlk"], place)
            assert "minimum_ubr" not in place or place["minimum_ubr"] == ours.minimum_ubr
            compared += 1
        if "activation_id" not in row:
            assert set(row["activates"]) <= set(key.activates)
    assert compared > 20
