# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/events.md from plugins/plugin_utils/_catalogue/events.yml: python docs/generate_events.py

Needs PyYAML, which comes with Ansible.
"""

from __future__ import annotations

import pathlib
import typing as t

import yaml

TOP = pathlib.Path(__file__).resolve().parent.parent
DATA = TOP / "plugins/plugin_utils/_catalogue/events.yml"
PAGE = TOP / "docs/events.md"

INTRODUCTION = """\
# Events

<!-- Written by docs/generate_events.py from plugins/plugin_utils/_catalogue/events.yml: change these files, then run it. -->

How an activation went is in two event logs: `Application` on the client, and on a KMS host `Key Management Service` too, which has 12290 alone. The
filter `activation.kms.parse_kms_event`, the module `activation.kms.event_info` and the playbook `activation.kms.explain` give every event a name and its
values, by the names below.

Nothing is told by the level of an event: the failure to publish (12293) and refused requests are informational. Nothing is told by its sentence, which is in
the machine's language; its data is not. A value that is not what its field can be is `null`, with a sentence in `problems`. Times within an event
are UTC, to the minute. `Application` rotates: that an event is older than the oldest record proves nothing.

## How to export

Whatever these give can be read, in UTF-8 or UTF-16, of Windows in any language. The first is best: it has the data itself, times in UTC, and the fewest
records.

    # On the client, and on the host. The query keeps other programs' records out.
    wevtutil qe Application /f:xml "/q:*[System[(EventID>=12288 and EventID<=12321) or EventID=8198 or EventID=8233]]" > client.xml
    wevtutil qe "Key Management Service" /f:xml > host.xml

    # A log as it is. Reading .evtx needs the Python package evtx on the controller: pip install evtx
    wevtutil epl "Key Management Service" host.evtx

    # PowerShell
    Get-WinEvent -FilterHashtable @{LogName = 'Application'; Id = 12288, 12289, 8198} | ForEach-Object ToXml > client.xml
    Get-WinEvent -LogName 'Key Management Service' | Select-Object TimeCreated, Id, LogName, MachineName, RecordId, Message |
        Export-Csv host.csv -NoTypeInformation

| from | to take | what it lacks |
|---|---|---|
| Event Viewer, "Save Selected Events" | XML, CSV or .evtx | CSV: the log, the record's number and the zone of its times |
| Event Viewer, "Copy" | "Copy Details as Text", several below each other if need be | nothing: the XML comes with it |
| `wevtutil qe /f:text` | as it is | |
| `Get-WinEvent`, `Get-EventLog` | `Export-Csv`, `ConvertTo-Json -Depth 3`, `Format-List`; not `Export-Clixml` | the zone of times, except in JSON |
| a ticket | the line behind "Info:" of 12288, 12289 and 12290 is enough | which machine wrote it, and when |
| event_info, a facts file | as it is | nothing |

The form is told by the content, not by the name of the file. Records that are known to be another program's are left out; ids such as 1008 and 1040 are used
by others as well. A record that can't be read is listed with the event id 0 and where it is. A date such as 3/4/2026 is read where the record or another one of
the same export tells which number is the day, and is `null` otherwise. Where a time has no zone, `time_is_local` says so.

12288 and 12289 keep their fields in one string, 12290 in ten data elements of which the first is not known; the raw XML of these three has not been
published, so that every form that was seen is accepted.
"""

COLUMNS = {"client": "client", "host": "host", "any": "client, host"}


def page(data: t.Mapping[str, t.Any]) -> str:
    """Return the page for the data of events.yml."""
    return "\n".join([INTRODUCTION, _kms(data), _others(data), _flags(data), _sources(data)])


def _fields(row: t.Mapping[str, t.Any]) -> list[str]:
    second = {"flags": ["flags"], "endpoint": ["port"], "status": ["{}_word"]}
    return [name.format(field["name"]) for field in row.get("fields", ()) for name in (field["name"], *second.get(field["type"], ()))]


def _kms(data: t.Mapping[str, t.Any]) -> str:
    lines = ["## Events of KMS\n", "| id | name | log | what it means | code | fields |", "|---|---|---|---|---|---|"]
    for row in data["events"]:
        if 12288 <= row["id"] <= 12294:
            log = {"application": "Application", "kms": "Key Management Service"}[row["log"]]
            fields = ", ".join(f"`{name}`" for name in _fields(row))
            lines.append(
                f"| {row['id']} | `{row['name']}` | {log} of the {row['side']} | {row['meaning']} | {'yes' if 'code' in row else ''} | {fields} |"
            )
    return "\n".join(lines) + "\n\n`required_count` of 12288 may be empty, which is no problem.\n"


def _others(data: t.Mapping[str, t.Any]) -> str:
    lines = [
        "## Other events of licensing\n",
        "All in `Application`. Those marked with a star are bookkeeping: they are decoded where an export has them, and machines are not asked for them.\n",
        "| id | name | on | what it means | code | fields |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(data["events"], key=lambda row: t.cast(int, row["id"])):
        if not 12288 <= row["id"] <= 12294:
            fields = ", ".join(f"`{name}`" for name in _fields(row))
            star = " *" if row.get("noise") else ""
            lines.append(
                f"| {row['id']}{star} | `{row['name']}` | {COLUMNS[row['side']]} | {row['meaning']} | {'yes' if 'code' in row else ''} | {fields} |"
            )
    return "\n".join(lines) + "\n"


def _flags(data: t.Mapping[str, t.Any]) -> str:
    lines = [
        "## Status flags\n",
        "`status_flags` of 12288 and 12289 as a number, `flags` as words.\n",
        "| bit | word | what it means |",
        "|---|---|---|",
    ]
    lines += [f"| 0x{row['bit']:08X} | `{row['word']}` | {row['meaning']} |" for row in data["flags"]]
    return "\n".join(lines) + "\n"


def _sources(data: t.Mapping[str, t.Any]) -> str:
    lines = ["## Sources\n"]
    for key, source in data["sources"].items():
        ids = ", ".join(str(row["id"]) for row in data["events"] if key in row["sources"])
        lines.append(f"- {source}: {ids or 'flags'}")
    memory = ", ".join(str(row["id"]) for row in data["events"] if "memory" in row["sources"])
    return "\n".join([*lines, f"- From memory, confirmed by no document that was read: the meaning of {memory}"]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(yaml.safe_load(DATA.read_bytes())), encoding="utf-8")
