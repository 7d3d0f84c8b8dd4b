# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Product keys: their shape, and the masking that keeps them out of everything that leaves this collection.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

What is masked. Anything that has the shape of a product key, five groups of five ASCII letters or digits, keeps its last five characters
and loses the rest:

* with a dash between the groups (any kind of dash, any case): always, even where a letter sticks to either end, because dumps write a line
  break before a key as a backslash and an C(n). A longer row of such groups is masked up to its last group;
* without dashes: where the 25 characters stand alone between non-alphanumerics (or behind the backslash escape of a dump). They may also be
  a name, so a run is left as it is when it has no digit, and both cases, and a letter that no key of Microsoft's has:
  C(ClearSomethingOfTheMachin) is an identifier. A run of 25 digits or of 25 lower case letters IS masked: such a text is rarer than a key
  that somebody wrote so, and losing it costs less.

A key with only some of its dashes is not a key's shape, for the parser as for the mask: names of containers look like that
(ten, ten and five letters with dashes between them).
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

# Hyphen-minus, soft hyphen, hyphen, non-breaking hyphen, figure dash, en dash, em dash, horizontal bar, minus sign, and the small and
# full width forms: what word processors and mail programs make of a hyphen.
DASHES = "-\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"

MASK = "XXXXX-XXXXX-XXXXX-XXXXX-"
"""What stands for the first twenty characters of a key; the last five follow."""

NOT_SHOWN = "(not shown)"
"""What stands for a secret that does not have the shape of a key."""

SHORTEST_SECRET = 4

_GROUP = "[0-9A-Za-z]{5}"
_DASH = f"[{re.escape(DASHES)}]"

# Behind these a key begins although the character before it is a letter or digit: \n, \t ..., \x0a, \u000a as repr() and JSON write them.
_BEGIN = r"(?:(?<![0-9A-Za-z])|(?<=\\[abfnrtv0])|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"

# A run of 25 may end in the first group of a key that is glued to what stands before it: that key is the other case's.
_KEY = re.compile(
    f"(?:{_GROUP}{_DASH}){{4,}}(?P<dashed>{_GROUP})|{_BEGIN}(?P<solid>[0-9A-Za-z]{{25}})(?![0-9A-Za-z]|(?:{_DASH}{_GROUP}){{4}})"
)

# Product keys are written in these letters and digits (base 24, with N since Windows 8): publicly known, and true of every row of gvlk.yml.
_ALPHABET = frozenset("BCDFGHJKMNPQRTVWXY2346789")

# Those of ASCII and Latin-1 (ECMA-48 C0 and C1, DEL), separators of lines, and marks that turn the direction of what follows (Unicode Bidirectional Algorithm).
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclasses.dataclass(frozen=True)
class ProductKey:
    """A product key of valid shape. Printing it, formatting it or looking at its repr shows the last five characters only.

    C(text) is the whole key in upper case with hyphens: for the one call that installs it, and for nothing else.
    """

    text: str = dataclasses.field(repr=False)

    @property
    def last_five(self) -> str:
        """The last five characters, which Windows shows as PartialProductKey."""
        return self.text[-5:]

    @property
    def masked(self) -> str:
        """The key as it may be shown."""
        return MASK + self.last_five

    def __str__(self) -> str:
        """Return the key as it may be shown."""
        return self.masked

    def __repr__(self) -> str:
        """Return the key as it may be shown, with the name of its class."""
        return f"ProductKey({self.masked!r})"


def parse_key(text: str) -> ProductKey:
    """Return the product key that a text holds: five groups of five letters or digits, in any case, with dashes of any kind or none.

    White space around the key is dropped. Raises ValueError, with a text that says what is wrong and repeats nothing of the key.
    Whether the key is genuine only Windows can tell.
    """
    if not isinstance(text, str):
        raise ValueError("the product key is not a text; write it in quotes")  # noqa: TRY004  (one kind of error for every bad key)
    groups = re.split(_DASH, text.strip())
    if len(groups) == 1 and len(groups[0]) == 25:
        groups = [groups[0][start : start + 5] for start in range(0, 25, 5)]
    if re.search(r"[^0-9A-Za-z]", "".join(groups)):
        raise ValueError("the product key has characters other than letters, digits and dashes")
    if len(groups) != 5 or any(len(group) != 5 for group in groups):
        found = "-".join(str(len(group)) for group in groups)
        raise ValueError(f"the product key is not five groups of five letters or digits: the lengths found are {found}")
    return ProductKey("-".join(groups).upper())


def mask_keys(text: str, secrets: t.Iterable[str] = ()) -> str:
    """Return the text with every product key in it reduced to its last five characters; see the top of this file for what counts as one.

    secrets: values that are taken out whatever their shape, in any case, from SHORTEST_SECRET characters on: shorter ones would take
    ordinary words along. A text with nothing to hide comes back as the same object.
    """
    if len(text) >= 25:
        text = _KEY.sub(_masked, text)
    for secret in secrets:
        # What has a key's shape is masked already, with its last five left to be read.
        if len(secret) >= SHORTEST_SECRET and _KEY.search(secret) is None:
            text = re.sub(re.escape(secret), NOT_SHOWN, text, flags=re.IGNORECASE)
    return text


def one_line(text: str) -> str:
    """Return the text as one line without control characters, a blank in their place: a terminal that shows them would obey them."""
    return text if text.isprintable() else _CONTROLS.sub(" ", text)


def shown(value: t.Any, most: int = 60) -> str:
    """Return a value as an error quotes it: without product keys, in quotes where it is a text, and cut behind C(most) characters."""
    # Masked before it is cut: half a key would not be known for one.
    text = mask_keys(value if isinstance(value, str) else repr(value))
    text = text if len(text) <= most else text[: most - 3] + "..."
    return repr(text) if isinstance(value, str) else text


def _masked(found: re.Match[str]) -> str:
    if found["dashed"] is not None:
        return MASK + found["dashed"]
    return found["solid"] if _is_a_name(found["solid"]) else MASK + found["solid"][-5:]


def _is_a_name(run: str) -> bool:
    """Tell whether 25 letters and digits without a dash are an identifier rather than a key."""
    return run.isalpha() and not run.isupper() and not run.islower() and not _ALPHABET.issuperset(run.upper())


def mask_result(value: t.Any) -> t.Any:
    """Return plain data (dicts, lists, texts, numbers) with every product key in it masked, in keys of dicts too.

    Dicts and lists are copied, never changed (a tuple becomes a list, as in every result of a module); everything else that is no text is
    returned as it is. Should two keys of a dict become equal by masking, both entries stay: the later one gets a number.
    """
    if isinstance(value, str):
        return mask_keys(value)
    if isinstance(value, (list, tuple)):
        return [mask_result(item) for item in value]
    if isinstance(value, dict):
        result: dict[t.Any, t.Any] = {}
        for key, item in value.items():
            name = shown = mask_result(key) if isinstance(key, str) else key
            number = 2
            while name in result:
                name = f"{shown} ({number})"
                number += 1
            result[name] = mask_result(item)
        return result
    return value
