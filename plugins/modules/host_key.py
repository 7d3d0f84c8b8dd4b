# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: host_key
short_description: Install or remove the KMS host key of a Windows machine
version_added: 1.0.0
description:
  - Makes a machine a KMS host by installing its host key (CSVLK), or takes the key out again.
  - The key is compared by its last five characters first, written once, and read back.
  - The key is not activated; that is M(activation.kms.activate).
author:
  - activation.kms contributors (@activation-kms)
extends_documentation_fragment:
  - activation.kms.attributes
  - activation.kms.attributes.changes
  - activation.kms.attributes.windows_action
  - activation.kms.confirm_options
  - activation.kms.key_options
  - activation.kms.windows
options:
  allow_client_os:
    description:
      - Allow a client Windows (10, 11) to become a KMS host. Such a host never activates a server.
    type: bool
    default: false
  convert_from:
    description:
      - Channels that the machine's Windows may have now, and lose, besides a KMS client key, which is public and may always be replaced.
      - Without it a machine with a MAK, for one, is refused.
    type: list
    elements: str
    choices: [avma, mak, oem, retail, unknown]
    default: []
  key:
    description:
      - The KMS host key. Needed to install; with O(state=absent) only this key is removed.
      - Keep it in a vaulted variables file. Ansible itself prints what is given with C(-e).
      - Microsoft's public client keys are refused.
    type: str
  replace:
    description:
      - Allow another KMS host key to be replaced. A new key has a limited number of activations.
      - Whether a key is for Windows or for Office only Windows can tell, so that an Office host key on a machine with a Windows host key needs it, too,
        although it stands beside the other.
    type: bool
    default: false
  state:
    description:
      - Whether the key is to be there.
    type: str
    choices: [absent, present]
    default: present
seealso:
  - module: activation.kms.activate
  - module: activation.kms.firewall_exception
"""

EXAMPLES = r"""
- name: Install the KMS host key from the vault
  activation.kms.host_key:
    key: "{{ vault_kms_host_key }}"

- name: Take the KMS host key out
  activation.kms.host_key:
    state: absent
"""

RETURN = r"""
backend:
  description: "How the machine was reached: V(wsman) or V(powershell)."
  returned: when the machine was reached, or tried to be
  type: str
  sample: wsman
partial_key:
  description: Last five characters of the host key; V(null) with O(state=absent).
  returned: success
  type: str
  sample: 0A1Z5
would:
  description: One line for each thing that check mode left undone.
  returned: success
  type: list
  elements: str
  sample: []
"""
