# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module that manages a Windows machine says of itself."""

from __future__ import annotations


class ModuleDocFragment:
    """Notes and requirements of the Windows modules."""

    DOCUMENTATION = r"""
options:
  backend:
    description:
      - How the machine is reached.
      - V(wsman) sends CIM messages over WS-Management through the task's own P(ansible.builtin.winrm#connection) connection. No PowerShell is
        started and nothing is copied to the machine; a whole read is about ten HTTP requests. It needs that connection, and no become.
      - V(powershell) runs one PowerShell module on the machine for each step, over any connection that can do that, without become or with
        C(runas).
      - V(auto) takes V(wsman) where it can. Where WinRM answers that it does not serve CIM it changes over to V(powershell), with a warning, and
        never after a refused login or once something was written.
      - When this option is not set, the variable C(activation_kms_backend) of the machine counts, and V(auto) without one.
    type: str
    choices: [auto, powershell, wsman]
requirements:
  - on the controller what the connection needs; for P(ansible.builtin.winrm#connection) pywinrm >= 0.4.3
  - Windows PowerShell 5.1 or PowerShell 7 on the machine, for O(backend=powershell)
notes:
  - The module runs on the controller. What it decides does not depend on O(backend), and both give the same results.
  - The account must be an administrator of the machine.
  - No result holds more than the last five characters of a product key.
"""
