# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A diagnosis as a person reads it: the answer first, then causes with what they rest on and what to do, then what could not be told.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

It is made of the plain data of C(Diagnosis.as_dict), so that it is the same whether the diagnosis was made now or lies in a bundle. Plain text without colours:
what is in it can be mailed, pasted and compared. Commands, tasks and addresses of documents are never wrapped, because people copy them.
"""

from __future__ import annotations

import re
import textwrap
import typing as t

from .._keys import one_line

WIDTH = 100
"""Characters of a line where nobody says otherwise."""

NARROWEST, WIDEST = 60, 120
"""Shorter lines than the first would break tables, longer ones than the second are hard to read."""

ALSO_SHOWN = 10
"""How many further findings of one rule are told after the first, with a line each; the rest is counted."""

ATTEMPTS_OF = 4
"""For how many machines the attempts are shown."""

ATTEMPTS_SHOWN = 10
"""How many attempts of a machine are shown, the newest."""

_WORDS = {"error": "FAULT", "warning": "WARNING", "info": "WORTH KNOWING"}

_OUTCOMES = {
    "host_not_reached": "host not reached",
    "refused": "refused",
    "count_too_low": "count too low",
    "activated": "activated",
    "answer_lost": "answer lost",
    "unknown": "cannot be told",
}

_HEADINGS = ("When (UTC)", "KMS host", "Kind", "Outcome", "Count", "Needs", "Code")

Plain = t.Mapping[str, t.Any]


def report_lines(diagnosis: Plain, *, width: int = WIDTH, assumptions: t.Sequence[str] = (), not_read: t.Sequence[str] = ()) -> list[str]:
    """Return the report, line by line.

    diagnosis:   plain data of a Diagnosis.
    width:       characters of a line, brought to between NARROWEST and WIDEST.
    assumptions: what was taken for granted when the evidence was put together, one sentence each.
    not_read:    what could not be read besides machines, one message each.
    """
    page = _Page(min(max(width, NARROWEST), WIDEST))
    page.text(diagnosis["verdict"])
    groups = _by_rule(diagnosis["findings"])
    for number, group in enumerate(groups, start=1):
        # The verdict is the sentence of the first one.
        said = number == 1 and diagnosis["verdict"].startswith(group[0]["sentence"])
        _finding(page, number if len(groups) > 1 else None, group, diagnosis["left_out"].get(group[0]["id"], 0), said=said)
    _attempts(page, diagnosis["attempts"])
    _gaps(page, diagnosis["not_judged"])
    for heading, sentences in (("Could not be read", not_read), ("Taken for granted", assumptions)):
        if sentences:
            page.heading(heading)
            for sentence in sentences:
                page.item(sentence)
    # The last thing of all: a name in the evidence may hold what a terminal obeys.
    return [one_line(line) for line in page.lines]


def _by_rule(findings: t.Sequence[Plain]) -> list[list[Plain]]:
    """Return the findings of each rule together, in the order in which the rules come first."""
    groups: dict[tuple[str, str], list[Plain]] = {}
    for finding in findings:
        groups.setdefault((finding["severity"], finding["id"]), []).append(finding)
    return list(groups.values())


def _finding(page: _Page, number: int | None, group: t.Sequence[Plain], left_out: int, *, said: bool) -> None:
    first, *others = group
    page.heading(f"{'' if number is None else f'{number}. '}{_WORDS[first['severity']]}: {first['title']}")
    if not said:
        page.text(first["sentence"])
    if first["why"]:
        page.text(first["why"])
    if others or left_out:
        page.label("Also")
        for other in others[:ALSO_SHOWN]:
            page.item(other["sentence"])
        more = len(others[ALSO_SHOWN:]) + left_out
        if more:
            page.item(f"and {more} more of this kind")
    page.label("What says so")
    for proof in first["proofs"]:
        page.item(f"{proof['text']} ({proof['source']})")
    # Of each cause that is shown, what follows from it: two hosts with the same fault have different clients.
    consequences = [(finding, consequence) for finding in group[: ALSO_SHOWN + 1] for consequence in finding["consequences"]]
    if consequences:
        page.label("What follows from it")
        for finding, consequence in consequences:
            page.item(_consequence(consequence, finding["subject"] if others else None))
    _remedy(page, first["remedy"])
    if first["sources"]:
        page.label("To read")
        for source in first["sources"]:
            page.copied(source)
    page.lines += ["", f"[{first['id']}]"]


def _consequence(consequence: Plain, cause: str | None) -> str:
    of = "" if cause is None else f" (of {cause})"
    if consequence["count"] == 1:
        return f"{consequence['sentence']}{of}"
    return f"{consequence['title']}{of}: {_names(consequence['subjects'], consequence['count'])}. {consequence['sentence']}"


def _remedy(page: _Page, remedy: Plain) -> None:
    if not any(remedy.values()):
        return
    page.label("What to do")
    if remedy["text"]:
        page.text(remedy["text"], indent=2)
    if remedy["command"]:
        page.text("By hand, in PowerShell as an administrator:", indent=2)
        page.block(remedy["command"], indent=4)
    if remedy["task"]:
        page.text("Or as a task:", indent=2)
        page.block(remedy["task"], indent=4)


def _attempts(page: _Page, attempts: t.Mapping[str, t.Sequence[Plain]]) -> None:
    shown = [(name, rows) for name, rows in attempts.items() if rows]
    for name, rows in shown[:ATTEMPTS_OF]:
        page.heading(f"What {name} tried" + (f" (the last {ATTEMPTS_SHOWN} of {len(rows)})" if len(rows) > ATTEMPTS_SHOWN else ""))
        cells = [_attempt(row) for row in rows[:ATTEMPTS_SHOWN]]
        page.table(_HEADINGS, cells if page.fits(_HEADINGS, cells) else _shorter(cells))
        codes = {row["code"]["code"]: row["code"] for row in rows[:ATTEMPTS_SHOWN] if row["code"]}
        for code in codes.values():
            page.item(
                f"{code['code']}{' ' + code['symbol'] if code['symbol'] else ''}: {code['meaning'] or 'nothing is known of this code'}"
            )
        for note in dict.fromkeys(note for row in rows[:ATTEMPTS_SHOWN] for note in row["notes"]):
            page.item(note)
    if len(shown) > ATTEMPTS_OF:
        page.text(f"{len(shown) - ATTEMPTS_OF} more machines have attempts; the result has them all.")


def _attempt(row: Plain) -> tuple[str, ...]:
    count, required = row["count"], row["required_count"]
    host = "?" if row["host"] is None else row["host"] if row["port"] is None else f"{row['host']}:{row['port']}"
    return (
        "?" if row["time"] is None else row["time"].replace("T", " ")[:16],
        host,
        {"unknown": "?"}.get(row["kind"], str(row["kind"])),
        _OUTCOMES.get(row["outcome"], str(row["outcome"])),
        "?" if count is None else str(count),
        "?" if required is None else str(required),
        row["code"]["code"] if row["code"] else "-",
    )


def _shorter(cells: t.Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return rows of attempts without the year, and with hosts by their first labels where these tell them apart."""
    hosts = {row[1]: re.sub(r"^([^.:\[]*[A-Za-z][^.:]*)\.[^:]*", r"\1", row[1]) for row in cells}
    apart = len(set(hosts.values())) == len(hosts)
    return [(row[0][5:] or row[0], hosts[row[1]] if apart else row[1], *row[2:]) for row in cells]


def _gaps(page: _Page, gaps: t.Sequence[Plain]) -> None:
    if not gaps:
        return
    page.heading("What could not be told, and what would tell it")
    # Many questions may lack the same thing, of many machines, and what to collect is what the reader needs.
    needed: dict[str, list[Plain]] = {}
    for gap in gaps:
        needed.setdefault(_of_anybody(gap), []).append(gap)
    for needs, rows in needed.items():
        subjects = list(dict.fromkeys(subject for row in rows for subject in row["subjects"]))
        titles = "; ".join(dict.fromkeys(row["title"] for row in rows))
        if _WHOM in needs:
            # Each of these names one machine.
            page.item(f"{needs.replace(_WHOM, _names(subjects, len(subjects)))}{_machines(len(subjects))}. Open without it: {titles}")
            continue
        count = max(max(row["count"] for row in rows), len(subjects))
        # What is needed mostly says of whom.
        unsaid = [subject for subject in subjects if subject not in needs]
        of = f" (of {_names(unsaid, count - len(subjects) + len(unsaid))})" if unsaid else ""
        page.item(f"{needs}{_machines(count) if unsaid else ''}. Open without it{of}: {titles}")


_WHOM = "\0"
"""Stands for the machine's name in what is needed of it: no text that is shown has it."""


def _of_anybody(gap: Plain) -> str:
    if gap["count"] != 1 or len(gap["subjects"]) != 1:
        return str(gap["needs"])
    return re.sub(rf"(?<![\w.-]){re.escape(gap['subjects'][0])}(?![\w-]|\.\w)", _WHOM, gap["needs"], count=1)


def _machines(count: int) -> str:
    """Return how many, where the names are too many to be counted at a glance."""
    return f" ({count} in all)" if count > 3 else ""


def _names(names: t.Sequence[str], count: int) -> str:
    """Return names as a sentence has them, and how many more there are."""
    shown = list(names[:ALSO_SHOWN])
    more = count - len(shown)
    return f"{', '.join(shown)} and {more} more" if more > 0 else ", ".join(shown)


class _Page:
    """Lines of a given width."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines: list[str] = []

    def heading(self, text: str) -> None:
        """Begin a part."""
        self.lines.append("")
        self._wrapped(text, "", "    ")
        self.lines.append("-" * min(len(text), self.width))

    def label(self, text: str) -> None:
        """Begin a part of a part."""
        self.lines += ["", f"{text}:"]

    def text(self, text: str, indent: int = 0) -> None:
        """Write a sentence or two."""
        self._wrapped(text, " " * indent, " " * indent)

    def item(self, text: str) -> None:
        """Write one entry of a list."""
        self._wrapped(text, "  - ", "    ")

    def copied(self, text: str) -> None:
        """Write an entry that is not wrapped."""
        self.lines.append(f"  - {text}")

    def block(self, text: str, indent: int) -> None:
        """Write lines as they are."""
        self.lines += textwrap.indent(text.strip("\n"), " " * indent).splitlines()

    def table(self, headings: tuple[str, ...], rows: t.Sequence[tuple[str, ...]]) -> None:
        """Write columns, each as wide as its widest cell. Where that is too wide for the page, each row is an entry of a list."""
        if not self.fits(headings, rows):
            for row in rows:
                self.item(f"{row[0]}  {', '.join(f'{heading}: {cell}' for heading, cell in zip(headings[1:], row[1:], strict=True))}")
            return
        widths = _widths(headings, rows)
        for row in (headings, *rows):
            self.lines.append("  " + "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip())

    def fits(self, headings: tuple[str, ...], rows: t.Sequence[tuple[str, ...]]) -> bool:
        """Tell whether columns are not too wide for the page."""
        return 2 + sum(_widths(headings, rows)) + 2 * (len(headings) - 1) <= self.width

    def _wrapped(self, text: str, first: str, then: str) -> None:
        for number, paragraph in enumerate(text.strip().splitlines() or [""]):
            self.lines += textwrap.wrap(
                paragraph,
                self.width,
                initial_indent=then if number else first,
                subsequent_indent=then,
                break_long_words=False,
                break_on_hyphens=False,
            )


def _widths(headings: tuple[str, ...], rows: t.Sequence[tuple[str, ...]]) -> list[int]:
    return [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
