# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: client_key
short_description: Give a Windows machine the KMS client key of its edition
version_added: 1.0.0
description:
  - Makes a machine a KMS client by installing its client setup key (GVLK).
  - With O(key=auto) the key comes from the catalogue of Microsoft's public client keys, by EditionID and build.
  - The key is compared by its last five characters first, written once, and read back. It is not activated; that is M(activation.kms.activate).
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
  allow_unlisted_key:
    description:
      - Allow a O(key) that the catalogue does not hold, for editions that are newer than the catalogue.
    type: bool
    default: false
  convert_from:
    description:
      - Channels that the machine's Windows may have now, and lose. The old key, and what it cost, is not given back.
      - Without it a machine with a MAK, for one, is refused. A KMS client key of another edition is replaced without asking.
    type: list
    elements: str
    choices: [avma, kms_host, mak, oem, retail, unknown]
    default: []
  key:
    description:
      - V(auto) for the key of the machine's own edition, or one of Microsoft's public client keys.
    type: str
    default: auto
seealso:
  - module: activation.kms.activate
"""

EXAMPLES = r"""
- name: Make the machine a KMS client
  activation.kms.client_key:

- name: Move machines with a MAK to KMS
  activation.kms.client_key:
    convert_from: [mak]
"""

RETURN = r"""
backend:
  description: "How the machine was reached: V(wsman) or V(powershell)."
  returned: when the machine was reached, or tried to be
  type: str
  sample: wsman
converted_from:
  description: The channel that the machine's Windows had, when it was not V(kms_client).
  returned: success
  type: str
  sample: mak
key_of:
  description: The product whose client key it is.
  returned: success
  type: str
  sample: Windows Server 2022 Datacenter
partial_key:
  description: Last five characters of the client key.
  returned: success
  type: str
  sample: 6VM33
would:
  description: One line for each thing that check mode left undone.
  returned: success
  type: list
  elements: str
  sample: []
"""
