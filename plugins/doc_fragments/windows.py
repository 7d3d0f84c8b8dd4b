# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module that manages a Windows machine says of itself."""

from __future__ import annotations


class ModuleDocFragment:
    """Notes and requirements of the Windows modules."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - pywinrm >= 0.4.3 on the controller
notes:
  - The module runs on the controller and reaches the machine with CIM over WS-Management, through the task's own
    P(ansible.builtin.winrm#connection) connection. No PowerShell is started and nothing is copied to the machine.
  - The account must be an administrator of the machine. Over another connection, or with become, the module fails and says so.
  - No result holds more than the last five characters of a product key.
"""
