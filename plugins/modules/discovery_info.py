# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: discovery_info
short_description: See what a Windows machine finds by itself when it looks for a KMS host
version_added: 1.0.0
description:
  - Asks the machine's own resolver for the SRV records C(_vlmcs._tcp) in each domain that its KMS client looks in, with the suffixes, policies, caches and
    hosts files that are in force there.
  - Then opens a TCP connection from the machine to each KMS host that it could ask, which is what is set on it at any level, what it used last, and what
    the records name. Each connection is closed at once; no activation is asked for and no host counts anything.
  - Name servers and the way from other machines are seen by M(activation.kms.srv_info) and M(activation.kms.endpoint_info).
author:
  - activation.kms contributors (@activation-kms)
extends_documentation_fragment:
  - activation.kms.attributes
  - activation.kms.attributes.info_module
  - activation.kms.attributes.windows_action
  - activation.kms.windows
options:
  endpoints:
    description:
      - Endpoints to try besides, each as a mapping with C(host) and C(port), or as a text, V(kms01.corp.example:1688) or V([2001:db8::10]:1688).
      - Without a port it is 1688.
    type: list
    elements: raw
    default: []
  timeout:
    description:
      - Seconds to wait for each address of an endpoint, from 1 to 60. Endpoints are tried one after the other.
    type: int
    default: 5
notes:
  - Only a program on the machine sees what its resolver and its network see, so a PowerShell is started there with O(backend=wsman), too. It is one run, and a
    second one where SRV records name endpoints that were not known before.
seealso:
  - module: activation.kms.activation_info
  - module: activation.kms.endpoint_info
  - module: activation.kms.srv_info
"""

EXAMPLES = r"""
- name: What does the client find?
  activation.kms.discovery_info:
  register: view

- name: Say so where it finds nothing that answers
  ansible.builtin.fail:
    msg: "{{ view.discovery.endpoints | map(attribute='outcome') | join(', ') or 'no KMS host is known to it' }}"
  when: not view.reachable

- name: Try the host that it should use as well
  activation.kms.discovery_info:
    endpoints:
      - kms01.corp.example.com:1688
    timeout: 3
"""

RETURN = r"""
backend:
  description: "How the machine is reached: V(wsman) or V(powershell)."
  returned: when the machine was reached, or tried to be
  type: str
  sample: wsman
backends:
  description: Which of them gave the answers, where that is not RV(backend) alone.
  returned: when RV(backend) is V(wsman)
  type: list
  elements: str
  sample: [wsman, powershell]
discovery:
  description: Everything that was seen.
  returned: success
  type: dict
  contains:
    collected_at: {description: "When it was seen, by the controller's clock, in UTC.", type: str, sample: "2026-11-24T08:15:00Z"}
    domains:
      description: The domains that the machine looks in, in its order. Where a lookup domain is set it is the only one.
      type: list
      elements: dict
      contains:
        domain: {description: The domain., type: str, sample: corp.example.com}
        name: {description: The name that was looked up., type: str, sample: _vlmcs._tcp.corp.example.com}
        status:
          description: "V(found); V(no_record), the name exists without an SRV record; V(no_name), it does not exist; V(error), that is not known."
          type: str
          sample: found
        records:
          description: The records, the one that is tried first at the top.
          type: list
          elements: dict
          contains:
            target: {description: Name of the KMS host., type: str, sample: kms01.corp.example.com}
            port: {description: Its port., type: int, sample: 1688}
            priority: {description: "Priority, the lowest is tried first.", type: int, sample: 0}
            weight: {description: Weight among records of one priority., type: int, sample: 0}
            ttl: {description: Seconds for which the machine may still keep the record., type: int, sample: 3600}
        problem: {description: Why it is not known., type: str, sample: null}
    endpoints:
      description: The connections that were tried.
      type: list
      elements: dict
      contains:
        host: {description: Name or address of the host., type: str, sample: kms01.corp.example.com}
        port: {description: TCP port., type: int, sample: 1688}
        source:
          description: "Why it was tried: V(configured) at some level, V(cached) as the one used last, V(srv) by a record, V(asked) by O(endpoints)."
          type: str
          sample: srv
        outcome: {description: "V(connected), V(refused), V(timeout), V(unreachable) or V(no_address).", type: str, sample: connected}
        address: {description: The address that was tried last., type: str, sample: 192.0.2.10}
        milliseconds: {description: How long it took., type: int, sample: 3}
        code: {description: Error number of Windows., type: int, sample: null}
        seen_from: {description: V(null); it is the machine itself., type: str, sample: null}
    problems: {description: "What could not be seen, one sentence each.", type: list, elements: str, sample: []}
reachable:
  description: Whether at least one endpoint answered.
  returned: success
  type: bool
  sample: true
"""
