# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that change a machine; C(CONFIRM_OPTIONS) in plugin_utils/_action.py mirrors them."""

from __future__ import annotations


class ModuleDocFragment:
    """How long a lost answer is looked for."""

    DOCUMENTATION = r"""
options:
  confirm_timeout:
    description:
      - Seconds, V(0) to V(600), to watch the machine's state when the answer to a change was lost.
      - The change is never sent a second time. When the state shows it in that time the task is changed, else it fails.
    type: int
    default: 60
"""
