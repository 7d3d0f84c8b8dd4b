# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What slmgr.vbs and ospp.vbs print, by language: dlv_labels.yml.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
import unicodedata

from .._keys import DASHES
from .loader import read_data

COLON = re.compile("[:\uff1a\ufe55\ufe13\ua789]")
"""A colon, full width or small: which one stands behind a label depends on the language and on what a text went through."""

_QUOTES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4`", "'"))
_DASHES = str.maketrans(dict.fromkeys(DASHES, "-"))


def fold(text: str) -> str:
    """Return a text with accents, full width forms and the kinds of dashes and quotes taken away."""
    plain = "".join(
        char for char in unicodedata.normalize("NFKD", text.translate(_DASHES).translate(_QUOTES)) if not "\u0300" <= char <= "\u036f"
    )
    return unicodedata.normalize("NFKC", plain)


def squeeze(text: str) -> str:
    """Return what of a text counts when it is compared: see the top of dlv_labels.yml."""
    return "".join(fold(text).casefold().split())


def sentence_key(text: str) -> str:
    """Return what of a sentence counts: without the full stop or colon at its end."""
    return squeeze(text).rstrip(".:\u3002")


@dataclasses.dataclass(frozen=True)
class Meaning:
    """What a text stands for.

    name:      stable name of a label or sentence, or the value of a word.
    languages: languages that have this text for it.
    ospp:      the text is one of ospp.vbs.
    """

    name: str
    languages: frozenset[str]
    ospp: bool = False


@dataclasses.dataclass(frozen=True)
class Labels:
    """Everything in dlv_labels.yml, ready to be looked up.

    labels:    squeezed label without its colon -> what it can mean; more than one only where a language has one text for two things.
    words:     name of a label -> squeezed word -> what it means.
    sentences: squeezed sentence -> what it can mean.
    patterns:  sentences with placeholders.
    texts:     language -> kind (labels, words, sentences) -> name -> texts, in the order of the file.
    buttons:   squeezed texts of buttons.
    """

    labels: dict[str, tuple[Meaning, ...]]
    words: dict[str, dict[str, tuple[Meaning, ...]]]
    sentences: dict[str, tuple[Meaning, ...]]
    patterns: tuple[tuple[re.Pattern[str], Meaning], ...]
    texts: dict[str, dict[str, dict[str, list[str]]]]
    buttons: frozenset[str]


def _meanings(rows: list[tuple[str, str, bool]]) -> tuple[Meaning, ...]:
    names = dict.fromkeys(name for name, _language, _ospp in rows)
    return tuple(
        Meaning(name, frozenset(language for n, language, _o in rows if n == name), any(ospp for n, _l, ospp in rows if n == name))
        for name in names
    )


def _pattern(text: str) -> re.Pattern[str]:
    """Return a sentence with placeholders as an expression for folded text that white space does not matter to. Placeholders are named groups."""
    parts = re.split(r"\{(\w+)\}", fold(text).rstrip(".\u3002"))
    made = [
        f"(?P<{part}>.+?)" if index % 2 else r"\s*".join(re.escape(char) for char in part if not char.isspace())
        for index, part in enumerate(parts)
    ]
    return re.compile(r"\s*".join(made) + r"\s*[.\u3002]*", re.IGNORECASE)


def _load() -> Labels:
    data = read_data("dlv_labels.yml")
    labels: dict[str, list[tuple[str, str, bool]]] = {}
    words: dict[str, dict[str, list[tuple[str, str, bool]]]] = {}
    sentences: dict[str, list[tuple[str, str, bool]]] = {}
    patterns: list[tuple[re.Pattern[str], Meaning]] = []
    texts: dict[str, dict[str, dict[str, list[str]]]] = {}
    for group in data["groups"]:
        language, ospp = group["language"], group.get("tool") == "ospp"
        written = texts.setdefault("ospp" if ospp else language, {})
        for name, text in _each(group.get("labels", {})):
            labels.setdefault(squeeze(COLON.split(text, maxsplit=1)[0]), []).append((name, language, ospp))
            written.setdefault("labels", {}).setdefault(name, []).append(text)
        for label, choices in group.get("words", {}).items():
            for value, text in _each(choices):
                words.setdefault(label, {}).setdefault(sentence_key(text), []).append((value, language, ospp))
                written.setdefault("words", {}).setdefault(f"{label}.{value}", []).append(text)
        for name, text in _each(group.get("sentences", {})):
            if "{" in text:
                patterns.append((_pattern(text), Meaning(name, frozenset({language}))))
            else:
                sentences.setdefault(sentence_key(text), []).append((name, language, ospp))
            written.setdefault("sentences", {}).setdefault(name, []).append(text)
    return Labels(
        labels={key: _meanings(rows) for key, rows in labels.items()},
        words={label: {key: _meanings(rows) for key, rows in found.items()} for label, found in words.items()},
        sentences={key: _meanings(rows) for key, rows in sentences.items()},
        patterns=tuple(patterns),
        texts=texts,
        buttons=frozenset(squeeze(text) for text in data["buttons"]),
    )


def _each(texts: dict[str, t.Any]) -> t.Iterator[tuple[str, str]]:
    for name, text in texts.items():
        for one in [text] if isinstance(text, str) else text:
            yield name, one


LABELS = _load()
"""The labels, loaded once at import like the rest of the catalogue."""
