# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: diagnose
short_description: Say why machines are not activated by KMS
version_added: 1.0.0
description:
  - Judges evidence of KMS hosts and of their clients, and names causes before symptoms. What follows from a cause is told under it.
  - Each finding says what it rests on and where that was seen, and what to do, as a command and as a task.
  - The evidence may be results of this collection's modules, facts files, what somebody pasted of C(slmgr /dlv), exported event logs, or a support
    bundle, in any mixture. Nothing but what is given is looked at, and no machine is reached.
  - What has no name of a machine on it, such as pasted text, goes to the machine with the same client machine id, to the one that its file is named
    after, or to
    the only one that it can be of. RV(assumptions) says so.
author:
  - activation.kms contributors (@activation-kms)
extends_documentation_fragment:
  - activation.kms.attributes
  - activation.kms.attributes.info_module
  - activation.kms.attributes.controller_action
options:
  approved_hosts:
    description:
      - The KMS hosts that clients ought to use, by full name or first label. Without any, no host is called unapproved.
      - When it is empty, that of the O(bundle) counts.
    type: list
    elements: str
    default: []
  attempts:
    description:
      - Whether to return what the requests of machines with a finding came to, of all machines up to 20, and to show those of a few clients in the report.
      - Of each machine the newest 20 requests are kept, and of 1000 machines at the most.
    type: bool
    default: true
  bundle:
    description:
      - A support bundle, a zip file that M(activation.kms.support_bundle) made. It is read in memory and never unpacked, and refused when it is not
        what
        its manifest says.
      - Without newer evidence beside it, it is judged as of when it was made.
    type: path
  earlier_paths:
    description: Facts files of an earlier time. Of two readings of a KMS host it can be told what has grown.
    type: list
    elements: path
    default: []
  event_exports:
    description:
      - Exported event logs, of clients and of hosts, each a path on the controller, or a mapping with C(path) and C(machine), the inventory name of
        the machine.
        Without C(machine) the computer that the records name is looked for. With C(event_id), the number of an event, the file holds its insertion
        strings.
      - An empty file is evidence that there is no such record, where C(machine) or the name of the file says of which machine.
      - XML by C(wevtutil qe) or Event Viewer, CSV, text, JSON, or an C(.evtx) file, for which the Python package evtx is needed.
    type: list
    elements: raw
    default: []
  facts_paths:
    description:
      - Facts files, JSON lines that M(activation.kms.activation_info) wrote. Of one machine the last line counts.
      - They are read a line at a time, so that twenty thousand machines take no more memory than a few.
    type: list
    elements: path
    default: []
  fail_on:
    description:
      - Fail when something as bad as this was found, and with V(error) and V(warning) also when nothing at all could be judged. The result is complete
        all the same.
    type: str
    choices: [error, never, warning]
    default: never
  limit_per_rule:
    description: How many causes of one kind are given in full, the worst of them. Those beyond are counted in RV(diagnosis.left_out).
    type: int
    default: 100
  machines:
    description:
      - Results of M(activation.kms.activation_info), or their RV(activation.kms.activation_info#module:activation), with C(inventory_hostname)
        added. C(events) may lie in
        it, as M(activation.kms.event_info) returns them, and C(discovery), as M(activation.kms.discovery_info) does.
      - A failed or unreachable result, with C(inventory_hostname), is told as evidence that is missing, and so is each text of a list C(not_read).
    type: list
    elements: dict
    default: []
  pasted:
    description:
      - What C(slmgr.vbs /dlv), C(/dli) or C(/xpr) printed, or the text of events, in any language that the parser knows. Each a text of several
        lines, or the path of a
        file on the controller.
    type: list
    elements: str
    default: []
  probes:
    description: RV(activation.kms.endpoint_info#module:endpoints) of M(activation.kms.endpoint_info), or a list of whole results.
    type: list
    elements: dict
    default: []
  show:
    description:
      - Print the report on the terminal, above the task's result.
      - Not for runs whose output is parsed.
    type: bool
    default: false
  srv:
    description: RV(activation.kms.srv_info#module:results) of M(activation.kms.srv_info), or a list of whole results.
    type: list
    elements: dict
    default: []
seealso:
  - module: activation.kms.activation_info
  - module: activation.kms.support_bundle
  - plugin: activation.kms.diagnose
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Read both ends
  activation.kms.activation_info:
  register: state

- name: Why does it not activate?
  activation.kms.diagnose:
    machines: "{{ ansible_play_hosts | map('extract', hostvars, 'state') }}"
    approved_hosts:
      - kms01.corp.example
    show: true
  run_once: true

- name: Judge a fleet by its facts file, and fail the pipeline on a fault
  activation.kms.diagnose:
    facts_paths:
      - ./activation.jsonl
    attempts: false
    fail_on: error
  delegate_to: localhost

- name: Judge what a customer sent
  activation.kms.diagnose:
    pasted:
      - ./pc01-dlv.txt
      - ./kms01-dlv.txt
    event_exports:
      - ./pc01-application.xml
      - path: ./kms01-kms.csv
        machine: kms01
    show: true
  delegate_to: localhost
"""

RETURN = r"""
assumptions:
  description: What was concluded of whose a piece of evidence is, one sentence each.
  returned: when the evidence could be read
  type: list
  elements: str
  sample: []
diagnosis:
  description: Everything that was found.
  returned: when the evidence could be read
  type: dict
  contains:
    schema: {description: Number of this structure; it rises when the meaning of a key changes or a key goes., type: int, sample: 1}
    verdict: {description: The answer in a sentence or two., type: str, sample: The firewall exception of kms01 is off.}
    worst: {description: "V(error), V(warning), V(info), or V(null) when nothing was found.", type: str, sample: error}
    healthy: {description: "Whether nothing worse than V(info) was found; V(null) when no machine could be judged.", type: bool, sample: false}
    findings:
      description: The causes, the worst and deepest first.
      type: list
      elements: dict
      contains:
        id: {description: Stable name of the rule., type: str, sample: host_firewall_exception_off}
        scope: {description: "What it is about: V(host), V(client), V(srv) or V(fleet).", type: str, sample: host}
        severity: {description: The worst of the cause and its consequences., type: str, sample: error}
        subject: {description: "The machine, the DNS domain or the client machine id that it is about.", type: str, sample: kms01}
        affects: {description: Further machines that suffer from it., type: list, elements: str, sample: []}
        title: {description: What is wrong in a few words., type: str, sample: The firewall exception of the KMS host is off}
        sentence: {description: What was found about this subject., type: str, sample: The firewall exception of kms01 is off.}
        why: {description: Why it matters., type: str, sample: No client reaches the host.}
        proofs:
          description: What it rests on.
          type: list
          elements: dict
          contains:
            text: {description: What was seen., type: str, sample: The rule SPPSVC-In-TCP is disabled}
            source: {description: Where., type: str, sample: "activation_info of kms01, host.firewall_rules"}
        remedy:
          description: What to do.
          type: dict
          contains:
            text: {description: In a sentence., type: str, sample: Switch the exception on.}
            command: {description: As commands in PowerShell., type: str, sample: Enable-NetFirewallRule -Name SPPSVC-In-TCP}
            task: {description: As a task., type: str, sample: "- activation.kms.firewall_exception:"}
        sources: {description: Documents., type: list, elements: str, sample: []}
        consequences:
          description: What follows from it.
          type: list
          elements: dict
          contains:
            id: {description: Stable name of the rule., type: str, sample: client_host_not_reached}
            severity: {description: How bad., type: str, sample: error}
            title: {description: What is wrong in a few words., type: str, sample: The client does not reach its KMS host}
            count: {description: How many findings., type: int, sample: 1}
            subjects: {description: The first of those that they are about., type: list, elements: str, sample: [pc01]}
            sentence: {description: The first of them., type: str, sample: pc01 does not reach kms01.}
            proofs: {description: What that rests on., type: list, elements: dict, sample: []}
    not_judged:
      description: What could not be told for want of evidence.
      type: list
      elements: dict
      contains:
        id: {description: Stable name of the rule., type: str, sample: client_never_asked}
        title: {description: What could not be told., type: str, sample: The client has not asked a KMS host}
        needs: {description: What evidence would tell., type: str, sample: the Application log of pc01}
        count: {description: Of how many subjects., type: int, sample: 1}
        subjects: {description: The first of them., type: list, elements: str, sample: [pc01]}
    machines: {description: How many machines were looked at., type: int, sample: 2}
    judged: {description: "Of how many of them anything is known that can be judged: the licensing state, or events.", type: int, sample: 2}
    clients: {description: How many of them are KMS clients., type: int, sample: 1}
    hosts: {description: How many of them are KMS hosts., type: int, sample: 1}
    counts: {description: "How many findings each rule had, consequences among them.", type: dict, sample: {host_firewall_exception_off: 1}}
    left_out: {description: How many causes of a rule were beyond O(limit_per_rule)., type: dict, sample: {}}
    severities: {description: "How many causes are of each severity, those that were left out among them.", type: dict, sample: {error: 1, warning: 0, info: 0}}
    attempts: {description: "What the requests of machines came to, the newest first, by machine.", type: dict, sample: {}}
healthy:
  description: The same as RV(diagnosis.healthy), V(null) when no machine could be judged.
  returned: when the evidence could be read
  type: bool
  sample: false
not_read:
  description:
    - What failed results in O(srv) and O(probes) say, and those in the bundle, and how many lines of pasted texts were not understood.
    - What is missing of machines is among the findings.
  returned: when the evidence could be read
  type: list
  elements: str
  sample: []
report:
  description: The answer as a person reads it, line by line.
  returned: when the evidence could be read
  type: list
  elements: str
  sample: [The firewall exception of kms01 is off.]
verdict:
  description: The same as RV(diagnosis.verdict).
  returned: when the evidence could be read
  type: str
  sample: The firewall exception of kms01 is off.
worst:
  description: The same as RV(diagnosis.worst).
  returned: when the evidence could be read
  type: str
  sample: error
"""
