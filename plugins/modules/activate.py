# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: activate
short_description: Activate the Windows of a machine
version_added: 1.0.0
description:
  - Activates the machine's Windows when it is not licensed - a KMS client at its KMS host, a KMS host key or a MAK at Microsoft.
  - A licensed product is left alone, so that no activation is used up twice.
  - When a KMS host became licensed its licensing service is restarted once, which makes it publish its SRV record.
author:
  - activation.kms contributors (@activation-kms)
extends_documentation_fragment:
  - activation.kms.attributes
  - activation.kms.attributes.changes
  - activation.kms.attributes.windows_action
  - activation.kms.confirm_options
  - activation.kms.windows
attributes:
  idempotent:
    support: partial
    details:
      - With O(publish) a licensed KMS host is restarted every time, and with O(renew) a licensed KMS client asks every time.
options:
  accept_low_count:
    description:
      - Make it an outcome and no error when the KMS host's count is still too low (0xC004F038). The request was counted all the same, so that asking again
        after other machines have asked succeeds.
    type: bool
    default: false
  publish:
    description:
      - Restart the licensing service of a KMS host although it was licensed before, so that it publishes its SRV record.
      - Windows activates a host key by itself when it can reach Microsoft, and then nothing has made the new host publish. The role
        P(activation.kms.kms_host#role) sets this when the record is missing.
    type: bool
    default: false
  renew:
    description:
      - Ask for new validity although the product is licensed. Refused for products whose activations Microsoft counts.
    type: bool
    default: false
  role:
    description:
      - What is to be activated. V(any) is the machine's Windows, whatever its key.
      - With a role the task fails, clearly, when the machine's key is of another kind.
    type: str
    choices: [any, kms_client, kms_host, mak, retail, oem, avma]
    default: any
seealso:
  - module: activation.kms.client_key
  - module: activation.kms.host_key
"""

EXAMPLES = r"""
- name: Activate the KMS host
  activation.kms.activate:
    role: kms_host

- name: Ask for activation, and go on when the count is still too low
  activation.kms.activate:
    role: kms_client
    accept_low_count: true
  register: asked
"""

RETURN = r"""
backend:
  description: "How the machine was reached: V(wsman) or V(powershell)."
  returned: when the machine was reached, or tried to be
  type: str
  sample: wsman
outcome:
  description:
    - V(activated), V(already_licensed), V(count_too_low), or in check mode V(would_activate).
  returned: success
  type: str
  sample: activated
restarted:
  description: Whether the licensing service was restarted, because a KMS host became licensed or O(publish) asked for it.
  returned: success
  type: bool
  sample: true
would:
  description: One line for each thing that check mode left undone.
  returned: success
  type: list
  elements: str
  sample: []
"""
