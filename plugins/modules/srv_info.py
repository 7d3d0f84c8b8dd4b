# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: srv_info
short_description: Read the SRV records by which clients find KMS hosts, from the resolver and every authoritative server
version_added: 1.0.0
description:
  - Looks up the SRV records of a service, by default C(_vlmcs._tcp), in DNS domains, as a resolver sees them.
  - Then asks each authoritative name server of the zone by itself and compares, because a record that one server lacks is found by some
    clients and not by others, and a resolver hides this.
  - With O(expect) it proves that a KMS host was published everywhere. Every server that could not be asked is reported as a row and a
    sentence.
  - Runs where the task runs. With C(delegate_to) it gives the view of another machine.
extends_documentation_fragment:
  - activation.kms.attributes
  - activation.kms.attributes.info_module
  - activation.kms.attributes.posix
author:
  - activation.kms contributors (@activation-kms)
requirements:
  - dnspython >= 2.4.0 on the machine that runs the task
options:
  addresses:
    description:
      - Whether to look up the IPv4 and IPv6 addresses of each target that the resolver knows.
    type: bool
    default: true
  domains:
    description:
      - The DNS domains to look in, without the service name, for example V(corp.example.com).
      - A domain named twice is looked up once.
    type: list
    elements: str
    required: true
  expect:
    description:
      - Records that ought to exist in every one of the O(domains).
      - Other records are no error, since several KMS hosts share the name. They are listed in RV(results[].unexpected).
    type: list
    elements: dict
    default: []
    suboptions:
      target:
        description:
          - Full DNS name of the KMS host, as the record has it.
        type: str
        required: true
      port:
        description:
          - Port of the KMS host, as the record has it.
        type: int
        default: 1688
  name_servers:
    description:
      - IP addresses of name servers to ask instead of the resolver that the machine is configured with.
      - They find the zone, its authoritative servers and all addresses. The authoritative servers are asked in any case.
    type: list
    elements: str
    default: []
  port:
    description:
      - The port on which the resolver and all authoritative servers are asked.
    type: int
    default: 53
  service:
    description:
      - The service and protocol labels of the records.
    type: str
    default: _vlmcs._tcp
  timeout:
    description:
      - Seconds that one question may take. It is repeated within this time.
      - Authoritative servers are asked side by side, up to 16 at a time.
    type: float
    default: 5
seealso:
  - name: RFC 2782
    description: The SRV record.
    link: https://www.rfc-editor.org/rfc/rfc2782
notes:
  - In an Active Directory zone a change reaches the other servers by replication, which takes 15 minutes at the least between sites. Until
    then RV(results[].consistent) is V(false) without anything being wrong.
  - Microsoft's own DNS client also applies suffix search lists and name resolution policies, which this module does not.
"""

EXAMPLES = r"""
- name: Which KMS hosts do clients of these domains find?
  activation.kms.srv_info:
    domains:
      - corp.example.com
      - branch.example.com
  register: kms_records

- name: Show what is not as it should be
  ansible.builtin.debug:
    msg: "{{ kms_records.results | map(attribute='problems') | flatten }}"

- name: Wait until a new KMS host is published on every authoritative server
  activation.kms.srv_info:
    domains:
      - corp.example.com
    expect:
      - target: kms01.corp.example.com
        port: 1688
  register: published
  until: published.proven
  retries: 30
  delay: 60

- name: Ask the domain controllers of another site
  activation.kms.srv_info:
    domains:
      - corp.example.com
    name_servers:
      - 192.0.2.53
      - 192.0.2.54
    timeout: 2
"""

RETURN = r"""
msg:
  description: Everything noteworthy of every domain in one line. It is what a task shows that gave up waiting with C(until).
  returned: success
  type: str
  sample: ns2.corp.example.com (192.0.2.54) did not answer in time.
proven:
  description:
    - Whether everything in O(expect) was found, in every domain, by the resolver and on every authoritative server.
    - V(none) without O(expect).
  returned: success
  type: bool
  sample: true
results:
  description:
    - One entry for each domain, in the order of O(domains).
  returned: success
  type: list
  elements: dict
  contains:
    domain:
      description: The domain, in lower case and without a closing dot.
      returned: success
      type: str
      sample: corp.example.com
    name:
      description: The name that was looked up.
      returned: success
      type: str
      sample: _vlmcs._tcp.corp.example.com
    zone:
      description: The zone that holds the name, or V(none) when it could not be found.
      returned: success
      type: str
      sample: corp.example.com
    resolver:
      description: The resolver that was asked and how it answered.
      returned: success
      type: dict
      contains:
        name_servers:
          description: Its addresses.
          returned: success
          type: list
          elements: str
          sample: [192.0.2.53]
        status:
          description: How it answered, in the words of RV(results[].authoritative[].status).
          returned: success
          type: str
          sample: answered
        detail:
          description: What is to be known beyond the status, or V(none).
          returned: success
          type: str
          sample: null
    records:
      description:
        - The records that the resolver gave, in the order in which clients come to them. The lowest priority comes first, and within one
          priority the heaviest.
      returned: success
      type: list
      elements: dict
      contains:
        target:
          description: Name of the KMS host, in lower case and without a closing dot.
          returned: success
          type: str
          sample: kms01.corp.example.com
        port:
          description: Port of the KMS host.
          returned: success
          type: int
          sample: 1688
        priority:
          description: Priority, the lowest is tried first.
          returned: success
          type: int
          sample: 0
        weight:
          description: Weight among records of one priority.
          returned: success
          type: int
          sample: 0
        ttl:
          description: Seconds for which the resolver may still keep the record.
          returned: success
          type: int
          sample: 3600
        addresses:
          description: IPv4 and IPv6 addresses of the target, or V(none) when O(addresses=false).
          returned: success
          type: list
          elements: str
          sample: [192.0.2.10]
    authoritative:
      description:
        - One entry for each address of each name server of the zone, sorted by name.
        - A server whose name has no address is an entry too.
      returned: success
      type: list
      elements: dict
      contains:
        server:
          description: Name of the server, from the zone's NS records.
          returned: success
          type: str
          sample: ns1.corp.example.com
        address:
          description: The address asked, or V(none) when the name has none.
          returned: success
          type: str
          sample: 192.0.2.53
        status:
          description:
            - V(answered), V(no_record) (the name exists without an SRV record) and V(nxdomain) (the name does not exist) say what the
              server holds.
            - V(refused), V(servfail), V(timeout), V(unreachable), V(not_authoritative) (it answered, but is not in charge of the zone) and
              V(error) say why that is not known.
          returned: success
          type: str
          sample: answered
        authoritative:
          description: Whether the answer carried the flag AA.
          returned: success
          type: bool
          sample: true
        detail:
          description: What is to be known beyond the status, or V(none).
          returned: success
          type: str
          sample: null
        records:
          description: The records in the answer, as in RV(results[].records) but without addresses.
          returned: success
          type: list
          elements: dict
          sample: [{port: 1688, priority: 0, target: kms01.corp.example.com, ttl: 3600, weight: 0}]
    consistent:
      description:
        - Whether at least one authoritative server could be asked and all that could gave the same records.
      returned: success
      type: bool
      sample: true
    proven:
      description: As RV(proven), for this domain.
      returned: success
      type: bool
      sample: true
    published:
      description:
        - Whether each expected record is on one authoritative server at least. What is left then is replication.
        - V(none) without O(expect), and when no authoritative server could be asked.
      returned: success
      type: bool
      sample: true
    missing:
      description: What was expected and not found, with those who lack it, V(resolver) or servers.
      returned: success
      type: list
      elements: dict
      sample: [{port: 1688, target: kms01.corp.example.com, where: [resolver, ns2.corp.example.com (192.0.2.54)]}]
    unexpected:
      description: What was found and not expected, with those who have it. Empty without O(expect).
      returned: success
      type: list
      elements: dict
      sample: [{port: 1688, target: old.corp.example.com, where: [resolver]}]
    problems:
      description: Everything noteworthy, as plain sentences. Empty when all is well.
      returned: success
      type: list
      elements: str
      sample: [ns2.corp.example.com (192.0.2.54) did not answer in time.]
"""

import typing as t  # noqa: E402  (Ansible wants the documentation first)

from ansible.module_utils.basic import AnsibleModule, missing_required_lib  # noqa: E402

from ..module_utils import _dns, _srv_lookup  # noqa: E402


def argument_spec() -> dict[str, t.Any]:
    """Return the options of the module."""
    return {
        "addresses": {"type": "bool", "default": True},
        "domains": {"type": "list", "elements": "str", "required": True},
        "expect": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"target": {"type": "str", "required": True}, "port": {"type": "int", "default": 1688}},
        },
        "name_servers": {"type": "list", "elements": "str", "default": []},
        "port": {"type": "int", "default": 53},
        "service": {"type": "str", "default": "_vlmcs._tcp"},
        "timeout": {"type": "float", "default": 5},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    if _dns.IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("dnspython"), exception=_dns.IMPORT_ERROR)
    try:
        result = _srv_lookup.look_up(module.params)
    except (ValueError, _dns.DnsSetupError) as error:
        module.fail_json(msg=f"SRV records cannot be looked up: {error}.")
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
