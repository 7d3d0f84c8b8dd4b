# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: endpoint_info
short_description: See whether TCP endpoints answer, from wherever the task runs
version_added: 1.0.0
description:
  - Opens one TCP connection to each endpoint and closes it at once. Nothing is sent over it, so that no KMS host counts anything.
  - Runs where the task runs. With C(delegate_to) it gives the view of another machine; what a Windows client sees is told by
    M(activation.kms.discovery_info).
extends_documentation_fragment:
  - activation.kms.attributes
  - activation.kms.attributes.info_module
  - activation.kms.attributes.posix
author:
  - activation.kms contributors (@activation-kms)
options:
  endpoints:
    description:
      - The endpoints, each as a mapping with C(host) and C(port), or as a text, V(kms01.corp.example:1688) or V([2001:db8::10]:1688).
      - Without a port it is 1688. An endpoint named twice is tried once.
    type: list
    elements: raw
    required: true
  seen_from:
    description:
      - Name of the machine on which the task runs, for RV(endpoints[].seen_from) and RV(msg).
      - When it is not set, the machine's own host name.
    type: str
  timeout:
    description:
      - Seconds to wait for each address of an endpoint. Up to 16 endpoints are tried side by side.
      - How long the machine's resolver looks for a name is not bounded by it.
    type: float
    default: 5
seealso:
  - module: activation.kms.discovery_info
  - module: activation.kms.srv_info
"""

EXAMPLES = r"""
- name: Does the KMS host answer the controller?
  activation.kms.endpoint_info:
    endpoints:
      - kms01.corp.example.com:1688
    seen_from: controller
  delegate_to: localhost
  register: probes

- name: Stop where it does not
  ansible.builtin.assert:
    that: probes.reachable
    fail_msg: "{{ probes.msg }}"

- name: Wait until every KMS host of the domain answers
  activation.kms.endpoint_info:
    endpoints: "{{ kms_records.results | map(attribute='records') | flatten | map(attribute='target') | unique }}"
    timeout: 2
  register: probes
  until: probes.reachable
  retries: 10
  delay: 3
"""

RETURN = r"""
endpoints:
  description: One entry for each endpoint, in the order of O(endpoints).
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: Name or address of the host.
      returned: success
      type: str
      sample: kms01.corp.example.com
    port:
      description: TCP port.
      returned: success
      type: int
      sample: 1688
    outcome:
      description:
        - V(connected); V(refused), something answered that nothing listens there; V(timeout), nothing answered; V(unreachable), there is no way to the
          address; V(no_address), the name has none.
        - Of a host with several addresses, the most telling one.
      returned: success
      type: str
      sample: connected
    address:
      description: The address that RV(endpoints[].outcome) is of; V(none) without one.
      returned: success
      type: str
      sample: 192.0.2.10
    milliseconds:
      description: How long it took, with the resolver and all addresses.
      returned: success
      type: int
      sample: 3
    code:
      description: Error number of the operating system, or of its resolver for V(no_address); V(none) where there is none.
      returned: success
      type: int
      sample: null
    seen_from:
      description: The machine that tried.
      returned: success
      type: str
      sample: controller
msg:
  description: What does not answer, in one line. It is what a task shows that gave up waiting with C(until).
  returned: success
  type: str
  sample: Every endpoint answers controller.
reachable:
  description: Whether every endpoint answered.
  returned: success
  type: bool
  sample: true
"""

import socket  # noqa: E402  (Ansible wants the documentation first)
import typing as t  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

from ..module_utils import _endpoint  # noqa: E402


def argument_spec() -> dict[str, t.Any]:
    """Return the options of the module."""
    return {
        "endpoints": {"type": "list", "elements": "raw", "required": True},
        "seen_from": {"type": "str"},
        "timeout": {"type": "float", "default": 5},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    timeout = module.params["timeout"]
    try:
        if not 0 < timeout <= 300:
            raise ValueError(f"timeout is {timeout:g}; it is a number of seconds above 0 and up to 300")
        endpoints = _endpoint.parse_endpoints(module.params["endpoints"])
        if not endpoints:
            raise ValueError("endpoints is empty; name at least one, for example kms01.corp.example.com:1688")
    except ValueError as error:
        module.fail_json(msg=f"No endpoint was tried: {error}.")
    seen_from = module.params["seen_from"] or socket.gethostname()
    module.exit_json(changed=False, **_endpoint.as_result(_endpoint.probe_all(endpoints, timeout), seen_from))


if __name__ == "__main__":
    main()
