# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that send a product key; C(KEY_OPTIONS) in plugin_utils/_action.py mirrors them."""

from __future__ import annotations


class ModuleDocFragment:
    """How a key may travel."""

    DOCUMENTATION = r"""
options:
  allow_cleartext_key:
    description:
      - Send the key although the connection is neither TLS nor message-encrypted, so that anyone on the way can read it.
      - Connections to the controller itself (loopback) and Microsoft's public client keys need no permission.
    type: bool
    default: false
notes:
  - Ansible itself prints what is given with C(-e) or C(-a), and the items of a loop. Keep keys in vaulted variables, and in a loop
    over machines or products loop over the names of those variables, or set C(no_log) on the task.
"""
