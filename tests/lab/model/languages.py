# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The languages that a Windows of the lab speaks. Words and their sources: languages.yml.

What is a text for people is translated: captions, display names, sentences of events and of faults. What is data is not: names of services and rules, states,
registry values, EditionID, Name and Description of a licence (a published slmgr /dlv of a Chinese Windows 10 has the English ones), strings of events.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
import typing as t

import yaml

_FILE = pathlib.Path(__file__).with_name("languages.yml")

ENGLISH = 1033
"""OSLanguage of English (United States) (MS-LCID)."""

JOINED = 12290
"""The event that quotes its strings as one, joined by commas, without the first (see eventlog.py)."""


@dataclasses.dataclass(frozen=True)
class Language:
    """One language; the fields are those of languages.yml. Every method gives back English text where it has no translation."""

    tag: str
    code_set: str
    country_code: str
    editions: dict[str, str]
    services: dict[str, str]
    firewall: dict[str, str]
    types: dict[str, str]
    events: dict[int, str]
    texts: dict[str, str]

    def caption(self, english: str) -> str:
        """Return the caption of a Windows. Editions of servers have one name in every language."""
        return english if " Server " in english else _with_words(english, self.editions)

    def service(self, name: str, english: str) -> str:
        """Return the display name of a service."""
        return self.services.get(name.lower(), english)

    def rule(self, english: str) -> str:
        """Return a name, a group or a status text of a firewall rule."""
        return _with_words(english, self.firewall)

    def event_type(self, english: str) -> str:
        """Return Win32_NTLogEvent.Type."""
        return self.types.get(english, english)

    def event(self, event_id: int, strings: t.Sequence[str], english: str) -> str:
        """Return the sentence of an event; C(strings) are what it quotes."""
        template = self.events.get(event_id)
        if event_id == JOINED:
            strings = [",".join(strings[1:])]
        return english if template is None else template.format(*strings, *[""] * 2)

    def say(self, english: str) -> str:
        """Return the text of a fault, sentence by sentence."""
        for pattern, template in self._sentences:
            found = pattern.search(english)
            if found is not None:
                english = english[: found.start()] + template.format(*found.groups()) + english[found.end() :]
        return english

    @functools.cached_property
    def _sentences(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        # "{}" in an English sentence quotes one word: a code, a namespace.
        return tuple((re.compile(r"(\w\S*\w)".join(map(re.escape, english.split("{}")))), other) for english, other in self.texts.items())


def _with_words(text: str, words: dict[str, str]) -> str:
    for english, other in words.items():
        text = text.replace(english, other)
    return text


@functools.cache
def _by_number() -> dict[int, Language]:
    data = yaml.load(_FILE.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    english = Language("en-US", "1252", "1", {}, {}, {}, {}, {}, {})
    return {ENGLISH: english} | {number: Language(**row) for number, row in data.items()}


def language(number: int) -> Language:
    """Return the language with an OSLanguage number; English for one that languages.yml does not have."""
    return _by_number().get(number, _by_number()[ENGLISH])


IN_ENGLISH = language(ENGLISH)
