# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a PowerShell process on a simulated machine reaches that machine's model."""

from __future__ import annotations

from .server import Bridge

__all__ = ["Bridge"]
