# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerShell remoting as pypsrp speaks it, which is what Ansible's psrp connection is built on."""

from __future__ import annotations

import time
import typing as t

import pytest
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from tests.lab.client import LabClient

pytestmark = pytest.mark.powershell


def test_a_runspace_pool_keeps_its_state_stops_pipelines_and_gives_every_stream(lab: LabClient, windows: t.Any) -> None:
    known = windows(lab, "pc02")
    connection = WSMan(
        lab.address("pc02"), port=5985, ssl=False, auth="basic", encryption="never", username=known.user, password=known.password
    )

    with RunspacePool(connection) as pool:

        def invoke(script: str, given: t.Any = None) -> PowerShell:
            pipeline = PowerShell(pool)
            pipeline.add_script(script)
            pipeline.invoke(given)
            return pipeline

        assert invoke("$kept = 'kept'; $kept").output == ["kept"]

        slow = PowerShell(pool)
        slow.add_script("'begun'; Start-Sleep 120; 'ended'")
        slow.begin_invoke()
        while not slow.output:
            slow.poll_invoke()
        began = time.monotonic()
        slow.stop()
        assert time.monotonic() - began < 60
        assert slow.output == ["begun"]

        several = invoke("$kept; Write-Warning 'warn'; Write-Verbose 'more' -Verbose; Write-Error 'wrong'; throw 'näh'")
        assert several.output == ["kept"]
        assert [str(error) for error in several.streams.error] == ["wrong", "näh"]
        assert [record.message for record in (*several.streams.warning, *several.streams.verbose)] == ["warn", "more"]
        assert several.had_errors

        # Larger than any one message, both ways.
        long = "ä日" * 100_000
        assert invoke("$input | ForEach-Object { $_.Length; $_ }", ["short", long]).output == [5, "short", len(long), long]
        assert lab.machine("pc02")["machine"]["open_shells"] == 1
    assert lab.machine("pc02")["machine"]["open_shells"] == 0
