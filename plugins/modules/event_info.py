# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: event_info
short_description: Read the licensing events of a Windows machine, decoded, and the state of their logs
version_added: 1.0.0
description:
  - Reads the events of volume activation from the logs Application and Key Management Service, and tells what is in them as typed data. Levels and
    sentences of events, which are localised, decide nothing.
  - The machine searches by event id and time. The search is bounded by number, by age and by time, because reading a large log costs a KMS host real
    processor time. RV(incomplete) says that a bound was reached first.
  - Tells of each log whether it is on, its size and how far it reaches back, so that no events can be told from events that the log lost.
author:
  - activation.kms contributors (@activation-kms)
extends_documentation_fragment:
  - activation.kms.attributes
  - activation.kms.attributes.info_module
  - activation.kms.attributes.windows_action
  - activation.kms.windows
options:
  budget:
    description:
      - Seconds that reading one log may take, from 1 to 600.
      - Over C(wsman) a search that finds nothing ends then, too. PowerShell looks at the time between two records, so that a search which finds
        nothing takes as long as the event log service needs for the whole log.
    type: float
    default: 20
  event_ids:
    description:
      - Ids to read in place of those of the collection, the same in each of the O(logs).
      - In the log Application records of other programs with the same ids are left out.
    type: list
    elements: int
  hours:
    description:
      - How many hours back, from 0.1 to 8784. Counted from the controller's time, while the machine writes its own.
    type: float
    default: 24
  limit:
    description:
      - Records of each log at the most, from 1 to 20000. The newest are kept.
    type: int
    default: 500
  log_state:
    description:
      - Whether the state of the logs is read.
      - No CIM class has all of it, so a PowerShell is started on the machine with O(backend=wsman), too. The records are read in that same run then,
        because the event log service then searches the log itself, without WMI in between.
      - Where no PowerShell answers, the records are read without it and RV(events.problems) says so.
    type: bool
    default: true
  logs:
    description:
      - The logs to read.
    type: list
    elements: str
    choices: [Application, Key Management Service]
    default: [Application, Key Management Service]
seealso:
  - module: activation.kms.activation_info
  - module: activation.kms.discovery_info
"""

EXAMPLES = r"""
- name: What did the client ask for, and what came back?
  activation.kms.event_info:
    hours: 2
  register: seen

- name: Show the requests that failed
  ansible.builtin.debug:
    msg: "{{ item.time }} {{ item.fields.host }}: {{ item.code.code }} {{ item.code.meaning }}"
  loop: "{{ seen.events.records | selectattr('event_id', 'eq', 12288) | rejectattr('code.code', 'eq', '0x00000000') }}"

- name: Which machines asked this KMS host today?
  activation.kms.event_info:
    logs: [Key Management Service]
    event_ids: [12290]
    limit: 20000
    budget: 120
"""

RETURN = r"""
backend:
  description: "How the machine is reached: V(wsman) or V(powershell)."
  returned: when the machine was reached, or tried to be
  type: str
  sample: wsman
backends:
  description: Which of them gave the answers, where that is not RV(backend) alone.
  returned: when O(log_state=true) and RV(backend) is V(wsman)
  type: list
  elements: str
  sample: [powershell]
events:
  description: Everything that was read.
  returned: success
  type: dict
  contains:
    collected_at: {description: "When it was read, by the controller's clock, in UTC.", type: str, sample: "2026-11-24T08:15:00Z"}
    since: {description: Older records were not looked for., type: str, sample: "2026-11-23T08:15:00Z"}
    logs:
      description: One entry for each of the O(logs). V(null) stands for what is not known.
      type: list
      elements: dict
      contains:
        log: {description: Name of the log., type: str, sample: Application}
        complete: {description: Whether everything that the log has of that time was read., type: bool, sample: true}
        enabled: {description: Whether the log takes records., type: bool, sample: true}
        mode:
          description: "What happens when it is full: V(circular), the oldest records go; V(retain), new ones do not come in; V(auto_backup), it is archived."
          type: str
          sample: circular
        full: {description: Whether it takes no more records., type: bool, sample: false}
        about_to_overwrite: {description: "Whether it overwrites its oldest records now, or soon: nine tenths of its size are used.", type: bool, sample: false}
        file_bytes: {description: Size of its file., type: int, sample: 1118208}
        maximum_bytes: {description: Size that it may have., type: int, sample: 20971520}
        records: {description: Records in it., type: int, sample: 1204}
        oldest_record_at: {description: "When the oldest record was written, in UTC.", type: str, sample: "2026-09-02T06:11:40Z"}
        problem: {description: Why it could not be read., type: str, sample: null}
    records:
      description: The events, the newest first.
      type: list
      elements: dict
      contains:
        event_id: {description: Number of the event., type: int, sample: 12288}
        name: {description: "What it is, in a word; V(unknown) for an id that the collection does not know.", type: str, sample: request_sent}
        side: {description: "Whose event it is: V(client), V(host) or V(any).", type: str, sample: client}
        log: {description: Log that it is in., type: str, sample: Application}
        computer: {description: Machine that wrote it., type: str, sample: pc01.corp.example}
        record_number: {description: Its number in the log., type: int, sample: 4711}
        time: {description: "When it was written, by the machine's clock, in UTC.", type: str, sample: "2026-11-24T08:01:13Z"}
        time_is_local: {description: Whether the time has no zone; never in what is read from a machine., type: bool, sample: false}
        code:
          description: The code that the event carries; V(null) for an event without one.
          type: dict
          contains:
            code: {description: Code in hexadecimal., type: str, sample: "0x8007232B"}
            symbol: {description: Name of the code; V(null) for an unknown one., type: str, sample: DNS_ERROR_RCODE_NAME_ERROR}
            meaning: {description: What it says; V(null) for an unknown code., type: str, sample: The DNS name does not exist.}
        fields: {description: The values in it by name and type., type: dict, sample: {host: kms01.corp.example, port: 1688, required_count: 25}}
        strings: {description: The insertion strings as Windows has them., type: list, elements: str, sample: []}
        problems: {description: "What in it could not be read, one sentence each.", type: list, elements: str, sample: []}
    problems: {description: "What could not be read, or may be missing, one sentence each.", type: list, elements: str, sample: []}
incomplete:
  description:
    - Whether records of that time may be missing from RV(events.records), because the limit or the time was reached, or a log could not be read.
    - That a log lost older records by itself is in RV(events.problems).
  returned: success
  type: bool
  sample: false
"""
