# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KMS hosts that cloud platforms run for their machines: platform_hosts.yml.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

from .loader import read_data


def _load() -> dict[str, str]:
    rows = read_data("platform_hosts.yml")["platforms"]
    return {key.casefold(): row["platform"] for row in rows for key in (*row["names"], *row["addresses"])}


_PLATFORMS = _load()


def platform_of(host: str) -> str | None:
    """Return the cloud platform whose own KMS host has this full name or address, None for any other host."""
    return _PLATFORMS.get(host.strip().strip("[]").rstrip(".").casefold())
