# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: firewall_exception
short_description: Switch the firewall exception of a KMS host
version_added: 1.0.0
description:
  - Windows brings along firewall rules for KMS (C(SPPSVC-In-TCP), on client Windows C(SPPSVC-In-TCP-NoScope) as well), switched off. This module switches
    them on or off.
  - The rules are found by their language-neutral names. Their profiles and scopes are left as they are.
author:
  - activation.kms contributors (@activation-kms)
extends_documentation_fragment:
  - activation.kms.attributes
  - activation.kms.attributes.changes
  - activation.kms.attributes.windows_action
  - activation.kms.confirm_options
  - activation.kms.windows
options:
  state:
    description:
      - Whether the exception is to be on.
    type: str
    choices: [disabled, enabled]
    default: enabled
notes:
  - The task warns when the exception has no effect, because the host listens on another port or group policy ignores local rules.
seealso:
  - module: activation.kms.host_key
"""

EXAMPLES = r"""
- name: Let KMS clients in
  activation.kms.firewall_exception:
    state: enabled
"""

RETURN = r"""
backend:
  description: "How the machine was reached: V(wsman) or V(powershell)."
  returned: when the machine was reached, or tried to be
  type: str
  sample: wsman
rules:
  description: The rules of the exception, as they are after the task; in check mode as they would be.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: Language-neutral name of the rule., type: str, sample: SPPSVC-In-TCP}
    display_name: {description: Displayed name; localised., type: str, sample: Key Management Service (TCP-In)}
    enabled: {description: Whether the rule is on., type: bool, sample: true}
    profiles: {description: "Profiles that it is for: V(domain), V(private), V(public).", type: list, elements: str, sample: [domain, private, public]}
    action: {description: "V(allow), V(allow_bypass) or V(block).", type: str, sample: allow}
would:
  description: One line for each thing that check mode left undone.
  returned: success
  type: list
  elements: str
  sample: []
"""
