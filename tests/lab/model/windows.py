# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Windows versions a machine can have. Data: windows.yml."""

from __future__ import annotations

import dataclasses
import functools
import pathlib

import yaml

_FILE = pathlib.Path(__file__).with_name("windows.yml")

CLIENT_THRESHOLD = 25
SERVER_THRESHOLD = 5
"""Smallest count at the host that lets a client Windows, or a server, activate (Microsoft: windowsserverdocs, kms-activation-planning)."""


@dataclasses.dataclass(frozen=True)
class Windows:
    """One Windows version and edition; the fields are those of windows.yml."""

    name: str
    generation: str
    kind: str
    build: int
    ubr: int
    edition_id: str
    os_sku: int
    caption: str
    product_type: int
    volume: bool = True
    host: bool = True
    evaluation: bool = False

    @property
    def is_server(self) -> bool:
        """Whether this is a server Windows."""
        return self.kind == "server"

    @property
    def threshold(self) -> int:
        """The count this Windows needs as a KMS client."""
        return SERVER_THRESHOLD if self.is_server else CLIENT_THRESHOLD

    @property
    def version(self) -> str:
        """Win32_OperatingSystem.Version: 6.2 for Windows 8 and Server 2012, 6.3 for 8.1 and 2012 R2, 10.0 since then (Microsoft: Learn)."""
        kernel = "6.2" if self.build < 9600 else "6.3" if self.build < 10240 else "10.0"
        return f"{kernel}.{self.build}"


@functools.cache
def versions() -> dict[str, Windows]:
    """Return all Windows versions the lab knows, by the name estates use."""
    data = yaml.load(_FILE.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return {name: Windows(name=name, product_type=3 if row["kind"] == "server" else 1, **row) for name, row in data.items()}
