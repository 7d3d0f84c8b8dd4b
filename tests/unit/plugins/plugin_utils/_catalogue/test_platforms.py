# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.loader import read_data
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.platforms import platform_of


def test_every_platform_has_a_host_and_a_source_that_is_named():
    data = read_data("platform_hosts.yml")
    for row in data["platforms"]:
        assert row["names"] or row["addresses"]
        assert set(row["sources"]) <= set(data["sources"])
        assert all(platform_of(host) == row["platform"] for host in (*row["names"], *row["addresses"]))
        assert all(ipaddress.ip_address(address) for address in row["addresses"])


@pytest.mark.parametrize("host", ["kms01.corp.example.com", "windows.net", "evil-azkms.core.windows.net", ""])
def test_other_hosts_are_no_platforms(host):
    assert platform_of(host) is None
