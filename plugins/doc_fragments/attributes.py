# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that the modules of this collection share in their documentation.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Every module takes the standard fragment, C(activation.kms.attributes), which describes the attributes, and one or two of the others,
which say what is supported: C(.info_module) or C(.changes), and C(.windows_action) where the module manages a Windows machine.
"""

from __future__ import annotations


class ModuleDocFragment:
    """The fragments; the name of an attribute of this class in lower case is the name of the fragment."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
"""

    # For modules that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This action does not modify state.
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    support: full
    details:
      - This action does not modify state.
"""

    # For modules that change something: compared first, done once, read back.
    CHANGES = r"""
options: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

    # For modules that manage a Windows machine: an action plugin on the controller does the work. Not called WINDOWS, because ansible-doc would
    # then take the file windows.py beside this one for it.
    WINDOWS_ACTION = r"""
options: {}
attributes:
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: windows
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  action_group:
    description: Use C(group/activation.kms.windows) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - activation.kms.windows
"""

    # For ordinary Python modules, which run wherever the task runs.
    POSIX = r"""
options: {}
attributes:
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: posix
  delegation:
    description: Can be used in conjunction with C(delegate_to) and related keywords.
    support: full
"""

    # For modules whose whole work is done on the controller by an action plugin, and that reach no machine.
    CONTROLLER_ACTION = r"""
options: {}
attributes:
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: all
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  connection:
    description: Uses the target's configured connection information to execute code on it.
    support: none
"""
