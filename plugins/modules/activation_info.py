# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: activation_info
short_description: Read the activation state of a Windows machine
version_added: 1.0.0
description:
  - Reads what C(slmgr /dlv) shows and more, as typed data from CIM; no console text is parsed.
  - Tells for each product with a key its channel, its licence status and why it has it; on a KMS host the count and the requests; on a KMS client
    which KMS host it is set to, which one it found, and where each value comes from.
author:
  - activation.kms contributors (@activation-kms)
extends_documentation_fragment:
  - activation.kms.attributes
  - activation.kms.attributes.info_module
  - activation.kms.attributes.windows_action
  - activation.kms.windows
options:
  discovery:
    description:
      - Also see what the machine finds when it looks for a KMS host, as M(activation.kms.discovery_info) does, into RV(activation.discovery).
      - A PowerShell is started on the machine for it, over every backend.
    type: bool
    default: false
  events:
    description:
      - Also read the licensing events of the last 24 hours and the state of their logs, as M(activation.kms.event_info) does, into RV(activation.events).
      - A PowerShell is started on the machine for it, over every backend.
    type: bool
    default: false
  facts_path:
    description:
      - A file on the controller to which the facts are added, as one JSON line for each machine.
      - Tasks of many machines may write to one file at once; its folder must exist. Nothing is written in check mode.
      - The task is never changed by it.
    type: path
seealso:
  - module: activation.kms.activate
  - module: activation.kms.discovery_info
  - module: activation.kms.event_info
  - module: activation.kms.srv_info
"""

EXAMPLES = r"""
- name: Read the activation state
  activation.kms.activation_info:
  register: state

- name: Stop where Windows is not activated
  ansible.builtin.fail:
    msg: "{{ state.attention | join(' ') }}"
  when: state.needs_attention

- name: Collect one JSON line from every machine
  activation.kms.activation_info:
    facts_path: ./activation.jsonl

- name: Collect everything that tells why a machine does not activate
  activation.kms.activation_info:
    discovery: true
    events: true
    facts_path: ./evidence.jsonl
"""

RETURN = r"""
activated:
  description:
    - Whether the machine's Windows is licensed.
    - V(false) too when several Windows products have a key and nothing tells which one is in use; RV(attention) says so then.
  returned: success
  type: bool
  sample: true
activation:
  description: Everything that was read.
  returned: success
  type: dict
  contains:
    schema:
      description: Number of this structure; it rises when the meaning of a key changes or a key goes.
      type: int
      sample: 1
    collected_at:
      description: When it was read, by the controller's clock, in UTC.
      type: str
      sample: "2026-11-24T08:15:00Z"
    machine:
      description: The Windows installation.
      type: dict
      contains:
        name: {description: Computer name., type: str, sample: KMS01}
        fqdn: {description: Name with the primary DNS suffix; V(null) without one., type: str, sample: kms01.corp.example}
        caption: {description: Name of the edition as Windows words it; may be localised., type: str, sample: Microsoft Windows Server 2022 Datacenter}
        edition_id: {description: EditionID from the registry., type: str, sample: ServerDatacenter}
        build: {description: OS build., type: int, sample: 20348}
        version: {description: OS version., type: str, sample: 10.0.20348}
        product_type: {description: V(workstation) or V(domain_controller) or V(server)., type: str, sample: server}
        language: {description: Language identifier of the installation., type: int, sample: 1033}
        clock_offset_seconds:
          description: The machine's clock minus the controller's; V(0) when it showed a time between the question and its answer.
          type: float
          sample: -312.4
    service:
      description: The licensing service and its settings for the whole machine.
      type: dict
      contains:
        version: {description: Version of the licensing service., type: str, sample: 10.0.20348.2227}
        cmid: {description: Client machine id that this machine sends as a KMS client., type: str, sample: b1c2d3e4-f5a6-4b7c-8d9e-0f1a2b3c4d5e}
        state: {description: State of the service sppsvc., type: str, sample: Running}
        start_mode: {description: Start mode of sppsvc., type: str, sample: Auto}
        host_caching: {description: Whether the client keeps the KMS host that worked last., type: bool, sample: true}
        activation_interval_minutes: {description: Minutes between attempts before activation., type: int, sample: 120}
        renewal_interval_minutes: {description: Minutes between renewals after activation., type: int, sample: 10080}
        rearms_remaining: {description: Rearms left., type: int, sample: 1001}
        kms_machine_configured:
          description: The KMS host that an administrator set, from the level that outranks the others; V(null) when DNS is used.
          type: dict
          contains: &kms_machine
            name: {description: Name or address of the KMS host., type: str, sample: kms01.corp.example}
            port: {description: Its TCP port., type: int, sample: 1688}
            level: {description: "Where the value comes from: V(product), V(application) or V(machine).", type: str, sample: product}
            address: {description: IP address that the client found; V(null) for a host that was set., type: str, sample: 192.0.2.10}
            activation_id: {description: Product that it belongs to; V(null) at other levels., type: str, sample: ef6cfc9f-8c5d-44ac-9aad-de6a2ea0ae03}
        kms_machine_discovered:
          description: The KMS host that the client found through DNS.
          type: dict
          contains: *kms_machine
        kms_machines_set:
          description: Every level at which a KMS host is set, the strongest first (V(product), V(application), V(machine)).
          type: list
          elements: dict
          contains: *kms_machine
        kms_lookup_domain:
          description: DNS domain in which SRV records are looked for, when set.
          type: dict
          contains: &lookup_domain
            domain: {description: The DNS domain., type: str, sample: corp.example}
            level: {description: "Where the value comes from: V(product) or V(machine).", type: str, sample: product}
            activation_id: {description: Product that it belongs to; V(null) at machine level., type: str, sample: ef6cfc9f-8c5d-44ac-9aad-de6a2ea0ae03}
        kms_host_product_id:
          description: Product id of the KMS host that activated this client.
          type: str
          sample: 03612-00206-471-452343-03-1033-20348.0000-0012024
    host:
      description: The KMS host side. On other machines RV(activation.host.is_kms_host) is V(false) and the rest is V(null).
      type: dict
      contains:
        is_kms_host: {description: Whether a KMS host key is installed., type: bool, sample: true}
        activation_id: {description: Activation id of the host product., type: str, sample: ff808201-fec6-4fd4-ae16-abbddade5706}
        count: {description: "Current count, 0 to 50; V(null) when no request was seen yet.", type: int, sample: 32}
        count_explained:
          description: What the count means for clients.
          type: str
          sample: 32 machines counted; enough for Windows Server and Office (5) and for Windows clients (25); the count stops at 50
        listening_port: {description: TCP port., type: int, sample: 1688}
        dns_publishing: {description: Whether the host publishes SRV records., type: bool, sample: true}
        publish_domains: {description: Lines of DnsDomainPublishList., type: list, elements: str, sample: []}
        low_priority: {description: Whether the service runs at low priority., type: bool, sample: false}
        requests:
          description: Cumulative requests since Windows was installed.
          type: dict
          contains: &requests
            total: {description: All requests., type: int, sample: 64}
            failed: {description: Requests that failed., type: int, sample: 0}
            unlicensed: {description: Requests of clients that were unlicensed., type: int, sample: 0}
            licensed: {description: "Requests of clients that were licensed, which is renewals.", type: int, sample: 8}
            oob_grace: {description: Requests of clients in their initial grace period., type: int, sample: 50}
            oot_grace: {description: Requests of clients in the grace period after their licence ran out or their hardware changed., type: int, sample: 0}
            non_genuine_grace: {description: Requests of clients in the grace period of an installation found not genuine., type: int, sample: 0}
            notification: {description: Requests of clients in notification mode., type: int, sample: 6}
        firewall_rules:
          description: The built-in rules of the KMS exception.
          type: list
          elements: dict
          contains:
            name: {description: Language-neutral name of the rule., type: str, sample: SPPSVC-In-TCP}
            display_name: {description: Displayed name; localised., type: str, sample: Key Management Service (TCP-In)}
            enabled: {description: Whether the rule is on., type: bool, sample: true}
            profiles: {description: "Profiles that it is for: V(domain), V(private), V(public).", type: list, elements: str, sample: [domain]}
            action: {description: "V(allow), V(allow_bypass) or V(block).", type: str, sample: allow}
    products:
      description: Every product that has a key.
      type: list
      elements: dict
      contains:
        activation_id: {description: Id of the product., type: str, sample: ef6cfc9f-8c5d-44ac-9aad-de6a2ea0ae03}
        application_id: {description: Id of the application., type: str, sample: 55c92734-d682-4d71-983e-d6ec3f16059f}
        application: {description: "V(windows), V(office), V(office_2010) or V(other).", type: str, sample: windows}
        name: {description: Name of the product., type: str, sample: "Windows(R), ServerDatacenter edition"}
        description: {description: "Description, which holds the channel word.", type: str, sample: "Windows(R) Operating System, VOLUME_KMSCLIENT channel"}
        product_key_channel: {description: "Channel as Windows names it (8.1 and later).", type: str, sample: "Volume:GVLK"}
        role:
          description: "What the key makes of the machine: V(kms_client), V(kms_host), V(mak), V(retail), V(oem), V(evaluation), V(avma) or V(unknown)."
          type: str
          sample: kms_client
        partial_key: {description: Last five characters of the key., type: str, sample: 6VM33}
        license_status: {description: Licence status as Windows numbers it., type: int, sample: 1}
        license_status_word:
          description: "The same in a word: V(unlicensed), V(licensed), V(oob_grace), V(oot_grace), V(non_genuine_grace), V(notification), V(extended_grace)."
          type: str
          sample: licensed
        reason:
          description: Why the product has this status.
          type: dict
          contains:
            code: {description: Code in hexadecimal., type: str, sample: "0xC004F056"}
            symbol: {description: Name of the code; V(null) for an unknown one., type: str, sample: SL_E_VL_MACHINE_NOT_BOUND}
            meaning: {description: What it says; V(null) for an unknown code., type: str, sample: Volume client is not bound to any KMS host.}
        grace_minutes: {description: "Minutes of grace or validity left; 0 for a product that does not expire.", type: int, sample: 259200}
        expires_at: {description: "When they end, in UTC.", type: str, sample: "2027-05-23T08:15:00Z"}
        evaluation_ends_at: {description: End of an evaluation., type: str, sample: null}
        is_addon: {description: Whether it is an add-on such as an extended security update., type: bool, sample: false}
        required_count: {description: Count that this product needs of a KMS host., type: int, sample: 5}
        activation_type: {description: "How it was activated last: V(active_directory), V(kms), V(token).", type: str, sample: kms}
        activation_type_enabled: {description: "What it is restricted to, V(all) by default.", type: str, sample: all}
        activation_interval_minutes: {description: Minutes., type: int, sample: 120}
        renewal_interval_minutes: {description: Minutes., type: int, sample: 10080}
        kms_machine_configured: {description: KMS host set for this product alone., type: dict, contains: *kms_machine}
        kms_machine_discovered: {description: KMS host found for this product., type: dict, contains: *kms_machine}
        kms_lookup_domain: {description: Lookup domain set for this product alone., type: dict, contains: *lookup_domain}
        kms_host_product_id: {description: Product id of the host that activated this product., type: str, sample: null}
        count: {description: Count of this host product., type: int, sample: null}
        requests: {description: Requests to this host product., type: dict, contains: *requests}
    primary: {description: "Activation id of the machine's Windows, or V(null).", type: str, sample: ef6cfc9f-8c5d-44ac-9aad-de6a2ea0ae03}
    primary_candidates: {description: Activation ids that could be it., type: list, elements: str, sample: [ef6cfc9f-8c5d-44ac-9aad-de6a2ea0ae03]}
    primary_reason: {description: Why there is no primary product., type: str, sample: null}
    problems: {description: "What could not be read, one sentence each.", type: list, elements: str, sample: []}
    problem_details:
      description: The same in the same order, in parts.
      type: list
      elements: dict
      contains:
        doing: {description: What was being read., type: str, sample: reading MSFT_NetFirewallRule}
        code: {description: "Code in hexadecimal; V(null) where there was none.", type: str, sample: "0x80070005"}
        symbol: {description: Name of the code; V(null) for an unknown one., type: str, sample: ERROR_ACCESS_DENIED}
        detail: {description: What came back., type: str, sample: Access is denied}
    discovery:
      description: What the machine finds, as RV(activation.kms.discovery_info#module:discovery).
      returned: when O(discovery=true)
      type: dict
      sample: {domains: [], endpoints: [], problems: []}
    events:
      description: What is in its logs, as RV(activation.kms.event_info#module:events).
      returned: when O(events=true)
      type: dict
      sample: {logs: [], records: [], problems: []}
attention:
  description: One sentence for each thing that someone should look at.
  returned: success
  type: list
  elements: str
  sample: []
backend:
  description: "How the machine was reached: V(wsman) or V(powershell)."
  returned: when the machine was reached, or tried to be
  type: str
  sample: wsman
backends:
  description: Which of them gave the answers, where that is not RV(backend) alone.
  returned: when O(discovery=true) or O(events=true), and RV(backend) is V(wsman)
  type: list
  elements: str
  sample: [wsman, powershell]
channel:
  description: Role of the machine's Windows, as in RV(activation.products[].role).
  returned: success
  type: str
  sample: kms_client
facts_written:
  description: Whether a line was added to O(facts_path).
  returned: success
  type: bool
  sample: false
is_kms_client:
  description: Whether a KMS client key is installed.
  returned: success
  type: bool
  sample: true
is_kms_host:
  description: Whether a KMS host key is installed.
  returned: success
  type: bool
  sample: false
needs_attention:
  description: Whether RV(attention) has any line.
  returned: success
  type: bool
  sample: false
"""
