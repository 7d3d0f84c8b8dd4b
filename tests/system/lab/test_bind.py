# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pathlib
import shutil
import time
import typing as t

import pytest

from tests.lab.client import LabError, running_lab
from tests.lab.model.dns import DnsError
from tests.lab.wire.nameservice.view import LabDns

NAMED = shutil.which("named", path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin")
HOST_KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
ESTATE: dict[str, t.Any] = {
    "estate": {"domain": "corp.example", "dns": "bind"},
    "keys": [{"key": HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2022"}],
    "machines": [{"name": "kms01", "windows": "server-2022-datacenter"}],
}


@pytest.mark.skipif(NAMED is None, reason="named is not installed (package bind9)")
def test_hosts_publish_to_bind_and_both_servers_answer(tmp_path: pathlib.Path, write_estate: t.Any, windows: t.Any) -> None:
    with running_lab(write_estate(ESTATE), tmp_path / "lab") as lab:
        host = windows(lab, "kms01")
        host.install_key(HOST_KEY)
        for method in ("StopService", "StartService"):
            host.service(method)
        primary, secondary = (LabDns([address], lab.dns_port, lab.domain) for address in lab.name_servers.values())
        assert primary.srv("_vlmcs._tcp.corp.example") == [(0, 0, 1688, "kms01.corp.example")]
        lab.add_record("_vlmcs._tcp", "SRV", "9 0 1690 other.corp.example.")
        assert len(primary.srv("_vlmcs._tcp.corp.example")) == 2
        # The secondary follows by notify and transfer, in its own time.
        end = time.monotonic() + 60
        while len(_found(secondary)) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        assert len(_found(secondary)) == 2
        lab.remove_record("_vlmcs._tcp", "SRV")
        with pytest.raises(LabError, match="no stale servers"):
            lab.make_stale("ns2")


def _found(resolver: LabDns) -> list[t.Any]:
    try:
        return list(resolver.srv("_vlmcs._tcp.corp.example"))
    except DnsError:
        return []
