# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a simulated machine asks of the network's name service. The model opens no sockets: the lab's wire side implements this."""

from __future__ import annotations

import typing as t

NAME_ERROR = 0x8007232B
"""DNS_ERROR_RCODE_NAME_ERROR as an HRESULT: the name does not exist (Microsoft: win32metadata)."""

NO_RECORDS = 0x8007251D
"""DNS_INFO_NO_RECORDS as an HRESULT: the name exists, but has no record of that type (Microsoft: win32metadata)."""


class DnsError(Exception):
    """A look-up or a dynamic update failed. C(code) is the HRESULT that Windows has for it, unsigned 32 bits."""

    def __init__(self, code: int) -> None:
        super().__init__(f"DNS failed with 0x{code:08X}")
        self.code = code


class DnsView(t.Protocol):
    """The DNS as a machine of the estate sees it. Every method raises DnsError."""

    def srv(self, name: str) -> list[tuple[int, int, int, str]]:
        """Return the SRV records of C(name) as (priority, weight, port, target)."""
        ...

    def address(self, name: str) -> list[str]:
        """Return the addresses of C(name)."""
        ...

    def publish_srv(self, domain: str, priority: int, weight: int, port: int, target: str, address: str) -> None:
        """Add C(_vlmcs._tcp.<domain>) SRV by dynamic update, for the host C(target) that has C(address)."""
        ...
