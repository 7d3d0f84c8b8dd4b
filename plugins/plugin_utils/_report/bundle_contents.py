# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is put into a support bundle: the evidence, the same in the forms that support asks for, and what this collection makes of it.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The files are public: docs/troubleshooting.md. The form of the zip file is in
C(_evidence/bundle_file.py).
"""

from __future__ import annotations

import datetime
import typing as t

from .._diagnosis.case import MachineEvidence, Policy
from .._diagnosis.engine import diagnose
from .._diagnosis.inputs import probe_rows, read_machines, read_probes, read_srv, srv_rows, without_failures
from .._evidence import bundle_file as form
from .._evidence.event import Events, KmsEvent, LogState
from .._evidence.plain import EvidenceError
from .._evidence.redact import Redaction
from .._keys import mask_keys, mask_result, one_line
from .dlv_text import dlv_text
from .text import report_lines

Row = dict[str, t.Any]


class RedactionError(ValueError):
    """Something of an original would still be in a redacted bundle, which is then not written. The text does not say what."""


class Contents:
    """The files of a bundle by name, and the diagnosis that is among them."""

    def __init__(self, files: dict[str, bytes], diagnosis: Row) -> None:
        self.files = files
        self.diagnosis = diagnosis


def contents(
    machines: t.Any, srv: t.Any, probes: t.Any, approved_hosts: t.Sequence[str], *, redact: bool, now: datetime.datetime
) -> Contents:
    """Return what goes into a bundle. Raises EvidenceError for evidence of a wrong shape, RedactionError."""
    rows = [facts_row(machine) for machine in read_machines(mask_result(machines))]
    if not rows:
        raise EvidenceError(
            "there is no machine to put into a bundle. Next: give machines, results of activation_info with inventory_hostname"
        )
    not_read: list[str] = []
    domains = mask_result([row for _place, row in without_failures(srv_rows(srv), not_read)])
    tried = mask_result([row for _place, row in without_failures(probe_rows(probes), not_read)])
    not_read = mask_result(not_read)
    approved = [mask_keys(name) for name in approved_hosts]
    redaction = Redaction() if redact else None
    if redaction is not None:
        # Hosts first: what the clients call them then has a stand-in that says so.
        for row in sorted(rows, key=lambda row: not row["host"]["is_kms_host"]):
            redaction.add(row)
        redaction.add(domains)
        redaction.add(tried)
        for name in approved:
            redaction.add_name(name)
        rows, domains, tried, approved, not_read = (redaction.redacted(data) for data in (rows, domains, tried, approved, not_read))
    files, diagnosis = _files(rows, domains, tried, approved, not_read, now)
    if redaction is not None:
        for name, data in files.items():
            if redaction.leaks(name) or redaction.leaks(data.decode("utf-8")):
                raise RedactionError(
                    f"the bundle was not written: {name.rpartition('/')[2]} would still hold a name, an address or a CMID that was to be replaced. "
                    "Next: please report it, with the kind of evidence that you gave; kms_support_bundle_redact: false writes the bundle as it is"
                )
    return Contents(files, diagnosis)


def facts_row(machine: MachineEvidence) -> Row:
    """Return a machine as a line of a facts file."""
    row: Row = {"inventory_hostname": machine.name, **machine.facts.as_dict()}
    if machine.events is not None:
        row["events"] = machine.events.as_dict()
    if machine.discovery is not None:
        row["discovery"] = machine.discovery.as_dict()
    return row


def _files(
    rows: list[Row], domains: list[Row], tried: list[Row], approved: list[str], not_read: list[str], now: datetime.datetime
) -> tuple[dict[str, bytes], Row]:
    machines = read_machines(rows)
    diagnosis = diagnose(
        lambda: machines,
        now=now,
        srv=read_srv(domains),
        probes=read_probes(tried),
        policy=Policy(tuple(approved)),
        with_attempts=True,
    ).as_dict()
    texts: dict[str, str] = {form.REPORT: "\n".join([*report_lines(diagnosis, not_read=not_read), ""]), form.README: _README}
    folders = form.folder_names([machine.name for machine in machines])
    for machine in machines:
        folder = f"machines/{folders[machine.name]}"
        if machine.facts.products or machine.facts.service.version:
            texts[f"{folder}/dlv.txt"] = dlv_text(machine.facts, machine.name)
        for log, text in _logs(machine.events) if machine.events else ():
            texts[f"{folder}/{log.lower().replace(' ', '_')}.txt"] = text
    # These are read in terminals.
    files = {name: "\n".join(map(one_line, mask_keys(text).split("\n"))).encode() for name, text in texts.items()}
    files |= {
        form.FACTS: form.json_lines(rows),
        form.SRV: form.json_bytes(domains),
        form.PROBES: form.json_bytes(tried),
        form.CASE: form.json_bytes({"approved_hosts": approved, "not_read": not_read}),
        form.DIAGNOSIS: form.json_bytes(mask_result(diagnosis)),
    }
    return files, diagnosis


def _logs(events: Events) -> t.Iterator[tuple[str, str]]:
    """Yield name and text of each log that was read: its state, and its licensing records, the newest first."""
    names = dict.fromkeys([state.log for state in events.logs] + [event.log for event in events.records if event.log])
    for name in names:
        records = [event for event in events.records if event.log == name]
        state = events.log(name)
        lines = [f"Log {name}: {len(records)} licensing records", *(_state(state, events) if state else ()), ""]
        for event in records:
            lines += [_headline(event), *(f"    {string}" for string in event.strings), *(f"    ! {problem}" for problem in event.problems)]
        yield name, "\n".join([*lines, ""])


def _state(state: LogState, events: Events) -> t.Iterator[str]:
    if events.since is not None:
        yield f"Looked for since {_when(events.since)}; {'all' if state.complete else 'NOT ALL'} of them were read"
    if state.oldest_record_at is not None:
        yield f"The log reaches back to {_when(state.oldest_record_at)} and has {state.records} records of all programs"
    if state.file_bytes is not None and state.maximum_bytes is not None:
        yield f"Size {state.file_bytes} of {state.maximum_bytes} bytes, {state.mode}{', full' if state.full else ''}"
    if state.problem:
        yield f"Problem: {state.problem}"


def _headline(event: KmsEvent) -> str:
    time = "time unknown" if event.time is None else _when(event.time)
    code = f"  {event.code.code} {event.code.symbol or ''}".rstrip() if event.code else ""
    return f"{time}  event {event.event_id} ({event.name}){code}" + (
        "" if event.record_number is None else f"  record {event.record_number}"
    )


def _when(time: datetime.datetime) -> str:
    return f"{time.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"


_README = """\
A support bundle of the Ansible collection activation.kms: evidence on why machines are not activated by KMS.

  diagnosis.txt            the answer, to be read first
  diagnosis.json           the same as data
  facts.jsonl              everything that was read, one JSON object for each machine, its events and its view of the network among it
  srv.json, probes.json    SRV records, and TCP connections that were tried
  case.json                the KMS hosts that clients ought to use, where that was said, and what could not be read
  machines/NAME/dlv.txt    the activation state in the form of slmgr.vbs /dlv
  machines/NAME/*.txt      licensing events of each log, the newest first
  manifest.json            every file with its size and SHA-256, and what made them

Read it with:

  ansible-playbook activation.kms.explain -e kms_bundle=FILE.zip

No product key is in it, only last five characters.

The whole Application log is not in it: every program of a machine writes there what it likes, names of users and of files among it, and no program can
tell what of that is confidential. Where support asks for it, export it on the machine, look through it, and send it beside this file:

  wevtutil epl Application application.evtx
  wevtutil epl "Key Management Service" kms.evtx
"""
