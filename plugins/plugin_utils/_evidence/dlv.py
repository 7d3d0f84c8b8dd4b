# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people paste: the text that slmgr.vbs /dlv, /dli, /xpr or /ato and ospp.vbs /dstatus printed, read as facts.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The shape of L(Pasted.as_dict) is public: docs/pasted_text.md.

Never a wrong number: a value counts only when it is whole. What is redacted, torn or contradicted is None and a line in C(problems) of the facts;
a line that is not understood is kept, and nothing that was pasted raises anything. What a line is, C(_catalogue/dlv_labels.yml) knows; where an output
of one machine and a block of one product begin and end is decided here; what a text must look like to be a value, in C(dlv_values.py).
"""

from __future__ import annotations

import collections
import dataclasses
import re
import typing as t

from .._catalogue.dlv_labels import COLON, LABELS, Meaning, fold, sentence_key, squeeze
from .codes import CodeFacts, code_facts
from .dlv_facts import Block, Run, facts_and_extra
from .dlv_values import settle
from .facts import Facts
from .pasted_lines import Line, lines_of
from .plain import plain

MOST_LINES = 4
"""Lines into which a label or a value may be broken. The longest label, with its indentation, is 80 characters."""

# The banner is "Microsoft (R) Windows Script Host Version 5.812" in every language seen; German has a comma before the word Version.
_BANNER = re.compile(r"Windows\s+Script\s+Host\W{0,3}\s*Version", re.IGNORECASE)
_TITLE = re.compile(r"^\W*Windows\s+Script\s+Host\W*(?:x\W*)?$", re.IGNORECASE)
_COPYRIGHT = re.compile(r"\(C\).{0,6}Microsoft", re.IGNORECASE)
_FRAME = re.compile(r"^(?:[-=_*~#+.\u2013\u2014]{3,}[^\W_]*[-=_*~#+.\u2013\u2014]{3,}|[-=_*~#+\u2013\u2014]{4,}|```\w*)$")
# A prompt of cmd, PowerShell or another shell, the script host and its switches, the path; then the machine, the user and the password.
_COMMAND = re.compile(
    r"""^(?:[^\s].{0,200}[>$\#\]]\s*)?(?:&\s*)?(?:[cw]script(?:\.exe)?["']?\s+(?://\S+\s+)*)?
        ["']?(?:[\w%:.$()\\/ ]*[\\/])?(?P<script>slmgr|ospp)(?:\.vbs)?["']?
        (?:\s+(?P<machine>[^\s/-][^\s]*)(?:\s+\S+\s+(?:\(not\ shown\)|\S+))?)??
        \s+[-/](?P<switch>dlv|dli|xpr|ato|dstatus(?:all)?|act)\b[ :]*(?P<argument>\S*)""",
    re.IGNORECASE | re.VERBOSE,
)
_SCRIPT = re.compile(r"slmgr|ospp", re.IGNORECASE)
_XPR_HEADER = re.compile(r"^(?P<name>(?:Windows|Microsoft|Office)\b.*\S)\s*:$")
_CODE = re.compile(r"\b0x[0-9A-Fa-f]{8}\b")

LONGEST = 400
"""Characters of a line, or of joined ones, that may be a sentence or a command line."""

_XPR_ONLY_UNDER_NAME = frozenset({"xpr_unlicensed"})


@dataclasses.dataclass(frozen=True)
class DlvOutput:
    """One run of the script on one machine.

    facts:    what it says, in the structure of activation_info; None is what was not seen.
    language: en, de, fr, ja, zh, zh-TW, or None when the labels do not tell.
    unknown:  lines that were not understood.
    extra:    what the facts have no field for, by stable names: docs/pasted_text.md.
    """

    facts: Facts
    language: str | None = None
    unknown: tuple[str, ...] = ()
    extra: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def as_dict(self) -> dict[str, t.Any]:
        """Return plain data: the facts, and C(language), C(unknown) and C(extra) beside them."""
        return {**self.facts.as_dict(), "language": self.language, "unknown": list(self.unknown), "extra": plain(self.extra)}


@dataclasses.dataclass(frozen=True)
class Pasted:
    """Everything found in a pasted text. C(unknown) has the lines that belong to no output."""

    outputs: tuple[DlvOutput, ...] = ()
    unknown: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, t.Any]:
        """Return plain data: C(outputs) and C(unknown)."""
        return {"outputs": [output.as_dict() for output in self.outputs], "unknown": list(self.unknown)}


@dataclasses.dataclass(frozen=True)
class Found:
    """What a line, or a few lines together, are: one or more meanings, the text behind the label, values of a sentence."""

    kind: str
    meanings: tuple[Meaning, ...] = ()
    label: str = ""
    value: str = ""
    groups: dict[str, str] = dataclasses.field(default_factory=dict)
    span: int = 1


def parse_dlv(text: str) -> Pasted:
    """Return what a pasted text says. Any text is welcome; one that holds no output gives none, and its lines as unknown."""
    return _Reader(lines_of(text)).read()


def _is_title(text: str) -> bool:
    """Tell whether a line is the title of the message box."""
    return len(text) < LONGEST and _TITLE.match(text) is not None


def recognise(text: str) -> Found | None:
    """Return what one line is by its text: a sentence, a label with its value, the line over a sentence of /xpr; None for anything else."""
    meanings = LABELS.sentences.get(sentence_key(text))
    if meanings:
        return Found("sentence", meanings)
    # No sentence is that long, and where a placeholder may be is tried everywhere.
    folded = fold(text) if len(text) <= LONGEST else ""
    matches = [(found, meaning) for pattern, meaning in LABELS.patterns if (found := pattern.fullmatch(folded))]
    if matches:
        # The placeholders of sentences with the same text are the same.
        return Found("sentence", tuple(meaning for _found, meaning in matches), groups=matches[0][0].groupdict())
    label, *rest = COLON.split(text, maxsplit=1)
    meanings = LABELS.labels.get(squeeze(label)) if rest else None
    if meanings:
        return Found("label", meanings, label.strip(), rest[0].strip())
    header = _XPR_HEADER.match(text)
    return Found("xpr_header", value=header["name"]) if header else None


class _Reader:
    """Reads the lines from top to bottom."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.cache: dict[int, Found | None] = {}
        self.runs: list[Run] = []
        self.run: Run | None = None
        self.block: Block | None = None
        self.unknown: list[str] = []
        self.boxed = any(_is_title(line.text) for line in lines)

    def read(self) -> Pasted:
        """Return everything."""
        place = 0
        while place < len(self.lines):
            place += self._step(place)
        outputs: list[DlvOutput] = []
        for run in self.runs:
            for part in run.by_machine():
                if part.empty:
                    self.unknown += part.unknown_lines()
                else:
                    facts, extra = facts_and_extra(part)
                    outputs.append(DlvOutput(facts, _language(part.languages), tuple(part.unknown_lines()), extra))
        return Pasted(tuple(outputs), tuple(self.unknown))

    def _step(self, place: int) -> int:
        """Take in what begins at a line; return how many lines that was."""
        text = self.lines[place].text
        if not text or self._is_decoration(place):
            return 1
        found = self._at(place)
        if found is None:
            self._unknown(place)
            return 1
        if found.kind == "begin":
            self._begin(found)
        elif found.kind == "error":
            self._error(text)
        elif found.kind == "sentence":
            self._sentence(found, text)
        elif found.kind == "xpr_header":
            self._new_block()
            self._current().take_name(found.value)
        else:
            return self._label(place, found)
        return found.span

    def _is_decoration(self, place: int) -> bool:
        text = self.lines[place].text
        if self._is_frame(text) or (_COPYRIGHT.search(text) and len(text) < 100):
            return True
        # The button of the message box stands alone between two dashed lines, or is the last line of a text copied by hand.
        return self.boxed and (
            squeeze(text) in LABELS.buttons or (len(text) <= 12 and COLON.search(text) is None and self._is_framed(place))
        )

    def _is_framed(self, place: int) -> bool:
        around = [self.lines[other].text for other in (place - 1, place + 1) if 0 <= other < len(self.lines)]
        return len(around) == 2 and all(map(self._is_frame, around))

    @staticmethod
    def _is_frame(text: str) -> bool:
        return len(text) < LONGEST and _FRAME.match(text) is not None

    def _at(self, place: int) -> Found | None:
        """Return what begins at a line, alone or with those after it; None when nothing that is known does."""
        if place not in self.cache:
            self.cache[place] = self._look(place)
        return self.cache[place]

    def _look(self, place: int) -> Found | None:
        text = self.lines[place].text
        if not text or self._is_decoration(place):
            return None
        found = recognise(text)
        if found is None or found.kind == "xpr_header":
            found = self._look_over_breaks(place) or found
        if found is not None:
            return Found("error", found.meanings) if found.kind == "label" and found.meanings[0].name == "error" else found
        if _BANNER.search(text) or _is_title(text):
            return Found("begin")
        command = _COMMAND.match(text[:LONGEST]) if _SCRIPT.search(text) else None
        if command:
            return Found("begin", groups={key: value for key, value in command.groupdict().items() if value})
        return Found("error") if _CODE.search(text) else None

    def _look_over_breaks(self, place: int) -> Found | None:
        """Return what a line is together with the next ones, when a line break went through a label or a sentence."""
        pieces = [self.lines[place].text]
        for span in range(2, MOST_LINES + 1):
            if place + span > len(self.lines) or not self.lines[place + span - 1].text:
                return None
            pieces.append(self.lines[place + span - 1].text)
            # White space does not count in a label, and a value begins behind its colon: one way of joining is enough to tell what it is.
            found = recognise(" ".join(pieces))
            if found is not None and found.kind != "xpr_header":
                return dataclasses.replace(found, span=span)
        return None

    def _label(self, place: int, found: Found) -> int:
        last = place + found.span - 1
        more: list[str] = []
        while len(more) < MOST_LINES and last + len(more) + 1 < len(self.lines):
            following = last + len(more) + 1
            if not self.lines[following].text or self._is_decoration(following) or self._at(following) is not None:
                break
            more.append(self.lines[following].text)
        names = tuple(meaning.name for meaning in found.meanings)
        self._count(found.meanings)
        self._open_for(found.meanings)
        block = self._current()
        settled = settle(names[0], found.value, self.lines[last : last + len(more) + 1])
        if settled.problem:
            block.problems.append(f"{found.label}: {settled.problem}")
        if settled.lost:
            block.unknown.append(self.lines[place].text if found.span == 1 else f"{found.label}: {found.value}")
        block.take(names, settled.value)
        return found.span + settled.used

    def _sentence(self, found: Found, text: str) -> None:
        names = tuple(meaning.name for meaning in found.meanings)
        if names[0] in _XPR_ONLY_UNDER_NAME and not (self.block and self.block.only_named):
            self.run_or_new().unknown_here(self.block).append(text)
            return
        self._count(found.meanings)
        block = self._current()
        if block.has(names[0]) and names[0] not in ("section_recent",):
            block = self._new_block()
        block.take_sentence(names, found.groups)

    def _begin(self, found: Found) -> None:
        run = self.run
        if run is None or not run.fresh:
            run = self._new_run()
        if found.groups:
            run.command = "/" + found.groups["switch"].lower()
            run.argument = found.groups.get("argument") or None
            run.machine = found.groups.get("machine")

    def _error(self, text: str) -> None:
        run = self.run_or_new()
        errors = run.errors_here(self.block)
        codes: list[CodeFacts | None] = [code_facts(int(code, 16)) for code in _CODE.findall(text)]
        for known in codes or [None]:
            earlier = next((error for error in errors if known and error["code"] == known.code), None)
            if earlier is not None:
                if text not in earlier["text"]:
                    earlier["text"] += " " + text
                continue
            errors.append({**(plain(known) if known else dict.fromkeys(("code", "symbol", "meaning"))), "text": text})

    def _unknown(self, place: int) -> None:
        text = self.lines[place].text
        if self.run is None:
            self.unknown.append(text)
        else:
            self.run.unknown_here(self.block).append(text)

    def _open_for(self, meanings: tuple[Meaning, ...]) -> None:
        """Open a new output or a new block where a label begins one."""
        name = meanings[0].name
        if name == "service_version":
            if self.run is None or not self.run.fresh:
                self._new_run()
            return
        block = self.block
        if block is None:
            return
        if name == "name":
            if not block.fresh:
                self._new_block()
        elif name == "ospp_name":
            # ospp.vbs prints the ids before the name.
            if block.has("name") or not block.only_ids:
                self._new_block()
        elif block.has(name) and not block.may_be_other_rearm(name, sure=len(meanings) == 1):
            self._new_block()

    def _new_run(self) -> Run:
        self.run = Run()
        self.runs.append(self.run)
        self.block = None
        return self.run

    def run_or_new(self) -> Run:
        """Return the output that is being read."""
        return self.run or self._new_run()

    def _new_block(self) -> Block:
        run = self.run_or_new()
        self.block = Block()
        run.blocks.append(self.block)
        return self.block

    def _current(self) -> Block:
        return self.block or self._new_block()

    def _count(self, meanings: tuple[Meaning, ...]) -> None:
        self.run_or_new().languages.update({language for meaning in meanings for language in meaning.languages})


def _language(languages: collections.Counter[str]) -> str | None:
    if not languages:
        return None
    most = max(languages.values())
    best = [language for language, count in languages.items() if count == most]
    return best[0] if len(best) == 1 else None
