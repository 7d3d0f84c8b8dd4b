# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: support_bundle
short_description: Put evidence on KMS activation into one file for support
version_added: 1.0.0
description:
  - Writes a zip file with everything that support asks for, of both ends. The activation state in the form of C(slmgr.vbs /dlv), licensing events
    of both logs, the
    facts, SRV records and probes, and the diagnosis; and a manifest with the size and the SHA-256 of each file.
  - The role C(activation.kms.kms_support_bundle) collects and writes; this module writes what was collected, and reaches no machine.
  - M(activation.kms.diagnose) reads the file back.
  - The file is made in memory, written as a whole or not at all, with mode 0600, and read back before it gets its name.
author:
  - activation.kms contributors (@activation-kms)
extends_documentation_fragment:
  - activation.kms.attributes
  - activation.kms.attributes.controller_action
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - A second run refuses, because the file is there, or writes a new one with O(force).
options:
  approved_hosts:
    description: The KMS hosts that clients ought to use.
    type: list
    elements: str
    default: []
  force:
    description: Replace a file that is there.
    type: bool
    default: false
  machines:
    description:
      - As O(activation.kms.diagnose#module:machines).
    type: list
    elements: dict
    required: true
  path:
    description: The file to write, on the controller. Its folder must exist.
    type: path
    required: true
  probes:
    description: As O(activation.kms.diagnose#module:probes).
    type: list
    elements: dict
    default: []
  redact:
    description:
      - Replace names of machines, DNS domains, IP addresses, client machine ids and product ids of KMS hosts, each by the same stand-in in every
        file, so that a client's
        requests and the host's records of them still belong together. What they stand for is nowhere kept.
      - A name that occurs nowhere but in running text, without a domain, cannot be told from an ordinary word.
    type: bool
    default: false
  srv:
    description: As O(activation.kms.diagnose#module:srv).
    type: list
    elements: dict
    default: []
notes:
  - No product key is in the file, only last five characters, redacted or not.
  - The whole Application log is not in it, because every program writes there what it likes, and no program can tell what of it is confidential.
    C(README.txt) in the file says how to export it.
seealso:
  - module: activation.kms.diagnose
"""

EXAMPLES = r"""
- name: Write what was collected into one file
  activation.kms.support_bundle:
    path: ./kms-support.zip
    machines: "{{ ansible_play_hosts_all | map('extract', hostvars, 'state') }}"
    srv: "{{ kms_records.results }}"
    redact: true
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
bytes:
  description: Size of the file.
  returned: success
  type: int
  sample: 18342
files:
  description: Names of the files in it.
  returned: success
  type: list
  elements: str
  sample: [manifest.json, README.txt, diagnosis.txt]
healthy:
  description: Whether nothing worse than information was found.
  returned: success
  type: bool
  sample: false
path:
  description: The file.
  returned: success
  type: str
  sample: kms-support.zip
sha256:
  description: SHA-256 of the file. Give it to support by another way than the file to prove that it is the same.
  returned: success
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
verdict:
  description: The diagnosis in a sentence or two.
  returned: success
  type: str
  sample: The firewall exception of kms01 is off.
would:
  description: In check mode what was left undone.
  returned: success
  type: list
  elements: str
  sample: []
"""
