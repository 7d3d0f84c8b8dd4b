# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Windows services a machine shows. Only sppsvc does anything."""

from __future__ import annotations

import dataclasses

RUNNING, STOPPED = "Running", "Stopped"
AUTO, MANUAL, DISABLED = "Auto", "Manual", "Disabled"
"""State and StartMode of Win32_Service (Microsoft: Learn, Win32_Service)."""

SPPSVC = "sppsvc"
SPPSVC_PROCESS = 4312
"""Its first process id. Each start gives it another one: an id is a multiple of four that is not in use (Microsoft: The Old New Thing, 2008-02-28)."""


@dataclasses.dataclass
class Service:
    """One service. C(process_id) is that of a running one."""

    name: str
    display_name: str
    path: str
    start_name: str
    state: str
    start_mode: str
    process_id: int
    delayed: bool = False

    @property
    def running(self) -> bool:
        """Whether the service runs."""
        return self.state == RUNNING


def default_services() -> dict[str, Service]:
    """Return the services of a fresh machine by lower-case name.

    sppsvc starts automatically, delayed, and on demand (Microsoft: Learn, services of Windows; that it stops by itself when idle is left out: nothing
    in the lab happens by itself).
    """
    svchost = r"C:\Windows\system32\svchost.exe -k "
    rows = [
        Service(
            SPPSVC,
            "Software Protection",
            r"C:\Windows\system32\sppsvc.exe",
            r"NT AUTHORITY\NetworkService",
            RUNNING,
            AUTO,
            SPPSVC_PROCESS,
            delayed=True,
        ),
        Service(
            "WinRM",
            "Windows Remote Management (WS-Management)",
            svchost + "NetworkService",
            r"NT AUTHORITY\NetworkService",
            RUNNING,
            AUTO,
            1204,
        ),
        Service("W32Time", "Windows Time", svchost + "LocalService", r"NT AUTHORITY\LocalService", RUNNING, AUTO, 1288),
        Service("Dnscache", "DNS Client", svchost + "NetworkService", r"NT AUTHORITY\NetworkService", RUNNING, AUTO, 1164),
        Service("Winmgmt", "Windows Management Instrumentation", svchost + "netsvcs", "localSystem", RUNNING, AUTO, 988),
        Service(
            "MpsSvc", "Windows Defender Firewall", svchost + "LocalServiceNoNetwork", r"NT Authority\LocalService", RUNNING, AUTO, 1540
        ),
        Service("RemoteRegistry", "Remote Registry", svchost + "localService", r"NT AUTHORITY\LocalService", STOPPED, MANUAL, 0),
    ]
    return {row.name.lower(): row for row in rows}
