# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/findings.md from plugins/plugin_utils/_catalogue/findings.yml: python docs/generate_findings.py

Needs PyYAML, which comes with Ansible.
"""

from __future__ import annotations

import itertools
import pathlib
import re
import textwrap
import typing as t

import yaml

TOP = pathlib.Path(__file__).resolve().parent.parent
DATA = TOP / "plugins/plugin_utils/_catalogue/findings.yml"
EXAMPLES = TOP / "docs/finding_examples.yml"
"""What each finding says of an estate in which it is the matter: written by the test that has these estates, which names the command."""
PAGE = TOP / "docs/findings.md"
WIDTH = 150

SCOPES = {
    "host": ("KMS hosts", "About one machine that is a KMS host, or is taken for one."),
    "srv": ("SRV records", "About one DNS domain, by what srv_info saw."),
    "fleet": ("All machines together", "About one client machine id, or about several KMS hosts."),
    "client": ("KMS clients", "About one machine that is, or should be, activated by KMS."),
}
"""Scope -> title and a sentence, in the order of the page."""

SEVERITIES = {
    "error": "keeps a machine from being activated, or soon will",
    "warning": "will or may do so, or misleads whoever looks",
    "info": "worth knowing, and no fault",
}

INTRODUCTION = """\
# Findings

<!-- Written by docs/generate_findings.py from plugins/plugin_utils/_catalogue/findings.yml: change that file, then run it. -->

Every finding of `activation.kms.diagnose` has one of these ids, which stay as they are within a major version. A finding names its subject, says in a
sentence what was seen, with the numbers, and lists what it rests on: which fact of which machine, which event, which probe.

What follows from a cause is folded under it, so that a switched-off firewall is one finding and not one for each client. "Explains" lists what is folded,
"may follow from" the other direction. The severity is that of the rule; where the evidence makes a case better or worse, the finding says so. Where a
rule lacks the evidence it needs, the diagnosis lists that among its gaps, and does not guess.

Of each finding there is an example, with what it rests on there: that evidence has to be collected for it.

In remedies, words such as `<host>` stand for what the finding is about. Commands are for PowerShell on the machine in question, tasks for Ansible.
"""


def page(data: t.Mapping[str, t.Any]) -> str:
    """Return the page for the data of findings.yml."""
    rows: list[dict[str, t.Any]] = data["findings"]
    examples = yaml.safe_load(EXAMPLES.read_bytes())
    causes = {row["id"]: [other["id"] for other in rows if row["id"] in other.get("explains", ())] for row in rows}
    parts = [INTRODUCTION, _severities(), _contents(rows)]
    for scope, (title, sentence) in SCOPES.items():
        parts.append(f"## {title}\n\n{sentence}\n")
        parts += [_section(row, causes[row["id"]], data["sources"], examples[row["id"]]) for row in rows if row["scope"] == scope]
    return "\n".join(parts)


def _severities() -> str:
    lines = ["| severity | meaning |", "|---|---|"]
    return "\n".join([*lines, *(f"| **{word}** | {meaning} |" for word, meaning in SEVERITIES.items())]) + "\n"


def _contents(rows: t.Iterable[t.Mapping[str, t.Any]]) -> str:
    lines = ["| finding | severity | what it says |", "|---|---|---|"]
    ordered = sorted(rows, key=lambda row: list(SCOPES).index(row["scope"]))
    for scope, group in itertools.groupby(ordered, key=lambda row: t.cast(str, row["scope"])):
        lines.append(f"| **{SCOPES[scope][0]}** | | |")
        lines += [f"| {_link(row['id'])} | {row['severity']} | {row['title']} |" for row in group]
    return "\n".join(lines) + "\n"


def _section(row: t.Mapping[str, t.Any], causes: t.Sequence[str], sources: t.Mapping[str, str], example: t.Mapping[str, t.Any]) -> str:
    parts = [
        f"### `{row['id']}`",
        f"**{row['title']}** ({row['severity']})",
        _prose(row["why"]),
        _wrapped(f"> {_plain(example['sentence'])}", "> "),
        _wrapped("It rests on: " + "; ".join(f"`{proof}`" for proof in dict.fromkeys(example["proofs"])) + "."),
        _prose("**What to do:** " + row["remedy"]),
    ]
    parts += _blocks(row)
    for other in row.get("variants", {}).values():
        parts += [_prose(f"**{other['case']}:** " + other["remedy"]), *_blocks(other)]
    if row.get("explains"):
        parts.append(_wrapped("Explains: " + ", ".join(map(_link, row["explains"])) + "."))
    if causes:
        parts.append(_wrapped("May follow from: " + ", ".join(map(_link, causes)) + "."))
    named = [_source(sources[name]) for name in row["sources"]]
    if named:
        parts.append("Sources:\n" + "\n".join(f"- {text}" for text in named))
    return "\n\n".join(parts) + "\n"


def _blocks(remedy: t.Mapping[str, t.Any]) -> list[str]:
    return [_block(language, remedy[key]) for key, language in (("command", "powershell"), ("task", "yaml")) if remedy.get(key)]


def _prose(text: str) -> str:
    # A word in angle brackets would be taken for HTML and vanish.
    return _wrapped(re.sub(r"<[a-z_ ]+>", lambda found: f"`{found[0]}`", " ".join(text.split())))


def _plain(text: str) -> str:
    # What Markdown would take for its own, as in _vlmcs._tcp.
    return re.sub(r"[\\`*<]|(?<!\w)_", r"\\\g<0>", text)


def _wrapped(text: str, later: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=later, break_long_words=False, break_on_hyphens=False)


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def _link(name: str) -> str:
    return f"[`{name}`](#{name})"


def _source(text: str) -> str:
    title, separator, address = text.rpartition(", https://")
    return f"[{title}](https://{address})" if separator else text


if __name__ == "__main__":
    PAGE.write_text(page(yaml.safe_load(DATA.read_bytes())), encoding="utf-8")
