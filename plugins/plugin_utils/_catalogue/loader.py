# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: what is known about codes, client keys and channels, loaded once from the YAML files beside this one.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Loading happens at import: Ansible imports action plugins in the parent process and its workers inherit the result, so that a task pays
nothing. Facts have their source in the YAML files, not here.
"""

from __future__ import annotations

import collections
import dataclasses
import importlib.resources
import re
import typing as t

import yaml

_PACKAGE = __package__ or ""


def code_text(code: int) -> str:
    """Return a code, signed or unsigned, the way Windows writes it: 0x and eight hexadecimal digits."""
    return f"0x{code & 0xFFFFFFFF:08X}"


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What a code means.

    code:     the code as asked for, unsigned 32 bit.
    symbol:   its name in Microsoft's headers, or None.
    meaning:  one sentence, or None where only the symbol is known.
    cause:    what usually leads to it, or None.
    remedy:   what to do about it, or None.
    category: a word of errors.yml or wsman.yml by which codes group (count, dns, key, access, quota ...), or None.
    sources:  where that is from, of the codes of errors.yml.
    """

    code: int
    symbol: str | None = None
    meaning: str | None = None
    cause: str | None = None
    remedy: str | None = None
    category: str | None = None
    sources: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The code the way Windows writes it: 0x and eight hexadecimal digits."""
        return code_text(self.code)


@dataclasses.dataclass(frozen=True)
class Gvlk:
    """One of Microsoft's public client setup keys.

    product, edition: as Microsoft's page names them.
    edition_id:       the registry's EditionID, None for Office and for rows that name no real edition.
    builds:           pairs of first and last build of the operating system, both included; None is an open end.
    kind:             server, client or office.
    threshold:        count that a KMS host must have reached before it activates this product.
    partial:          last five characters of the key.
    auto_select:      the row may be chosen for a machine by its edition id and build.
    note:             a caveat of the row, or None.
    key:              the whole key; left out of repr(), as every key is, so that no habit of printing keys grows.
    """

    product: str
    edition: str | None
    edition_id: str | None
    builds: tuple[tuple[int, int | None], ...]
    kind: str
    threshold: int
    partial: str
    auto_select: bool
    note: str | None
    key: str = dataclasses.field(repr=False)

    @property
    def name(self) -> str:
        """Product and edition as one text, for messages."""
        return f"{self.product} {self.edition}" if self.edition else self.product

    def fits(self, edition_id: str | None, build: int) -> bool:
        """Tell whether the key is for Windows of this edition (EditionID of the registry, in any case; None fits nothing) and build."""
        if self.edition_id is None or edition_id is None or self.edition_id.casefold() != edition_id.casefold():
            return False
        return any(first <= build and (last is None or build <= last) for first, last in self.builds)


def read_data(name: str) -> dict[str, t.Any]:
    """Return one data file of this folder (read as bytes: works from a folder, a symlink and a zip file)."""
    return load_yaml(importlib.resources.files(_PACKAGE).joinpath(name).read_bytes())


def load_yaml(text: bytes | str) -> dict[str, t.Any]:
    """Return the mapping that a YAML text is."""
    # libyaml's loader is several times faster than the one in pure Python, and every task of a play pays for it once per worker; not every build has it.
    return t.cast("dict[str, t.Any]", yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _load_codes() -> dict[int, Explanation]:
    """Return code -> explanation: bare symbols first, rows with a meaning over them, errors.yml over wsman.yml."""
    errors, paths = read_data("errors.yml"), read_data("wsman.yml")
    codes: dict[int, Explanation] = {}
    for text, symbol in errors["sl_symbols"].items():
        codes[int(text, 16)] = Explanation(int(text, 16), symbol, sources=(errors["sources"]["W32"],))
    for section in ("wsman", "wbem", "win32"):
        for text, symbol, meaning, category, remedy in paths[section]:
            codes[int(text, 16)] = Explanation(int(text, 16), symbol, meaning, None, remedy, category)
    for row in errors["errors"]:
        number = int(row["code"], 16)
        sources = tuple(errors["sources"][source] for source in row["sources"])
        codes[number] = Explanation(number, row["symbol"], row["meaning"], row["cause"], row["remedy"], row["category"], sources)
    return codes


def _load_gvlks(data: dict[str, t.Any]) -> tuple[Gvlk, ...]:
    return tuple(
        Gvlk(
            product=row["product"],
            edition=row.get("edition"),
            edition_id=row.get("edition_id"),
            builds=tuple((first, last) for first, last in row.get("builds", ())),
            kind=row["kind"],
            threshold=row["threshold"],
            partial=row["partial"],
            auto_select=row.get("auto_select", False),
            note=row.get("note"),
            key=row["key"],
        )
        for row in (*data["windows"], *data["office"])
    )


def _load_applications(ids: dict[str, str]) -> dict[str, str]:
    return {ids["windows"]: "windows", ids["office_2010"]: "office_2010", ids["office_2013_and_later"]: "office"}


def _squeeze(key: str) -> str:
    """Return the letters and digits of a key in upper case, whatever separates them."""
    return re.sub(r"[^0-9A-Z]", "", key.upper())


_CODES = _load_codes()
_KEYS = read_data("gvlk.yml")
_GVLKS = _load_gvlks(_KEYS)
_APPLICATIONS = _load_applications(_KEYS["app_ids"])
_CHANNELS = read_data("channels.yml")

WINDOWS_APPLICATION: str = _KEYS["app_ids"]["windows"]
"""ApplicationID of Windows, in lower case."""

_GVLK_BY_KEY = {_squeeze(row.key): row for row in _GVLKS}
_GVLK_BY_EDITION: dict[str, list[Gvlk]] = collections.defaultdict(list)
for _row in _GVLKS:
    if _row.auto_select and _row.edition_id:
        _GVLK_BY_EDITION[_row.edition_id.casefold()].append(_row)

_DESCRIPTION_WORDS: tuple[tuple[str, str], ...] = tuple((row["word"], row["role"]) for row in _CHANNELS["description_words"])
_KEY_CHANNELS: tuple[tuple[str, str], ...] = tuple((row["channel"].casefold(), row["role"]) for row in _CHANNELS["product_key_channels"])
_NO_VOLUME = frozenset(row["edition_id"].casefold() for row in _CHANNELS["editions_without_volume_channel"])

ROLES = ("kms_client", "kms_host", "mak", "retail", "oem", "evaluation", "avma", "unknown")
"""Every answer of L(role_of)."""


def explain_code(code: int) -> Explanation | None:
    """Return what is known about an HRESULT, a Win32 error, a WBEM or a WS-Management code; None for a code that no file has.

    C(code) may be signed or unsigned (CIM clients differ). A 0x8007nnnn without a row of its own is explained as the Win32 error nnnn
    (MS-ERREF 2.1.2); C(Explanation.code) is always the code asked for. Return values of Win32_Service methods are another numbering:
    do not look them up here.
    """
    number = code & 0xFFFFFFFF
    found = _CODES.get(number)
    if found is None and number >> 16 == 0x8007:
        found = _CODES.get(number & 0xFFFF)
        if found is not None:
            found = dataclasses.replace(found, code=number)
    return found


def gvlk_for(edition_id: str, build: int) -> Gvlk | None:
    """Return the client setup key for a Windows edition, or None where Microsoft publishes none.

    edition_id: EditionID of the registry, in any case.
    build:      build of the operating system, e.g. 20348. The edition decides first: several editions share builds and keys.
    """
    return next((row for row in _GVLK_BY_EDITION.get(edition_id.casefold(), ()) if row.fits(edition_id, build)), None)


def gvlk_by_key(key: str) -> Gvlk | None:
    """Return the catalogue's row of a key, or None when it is no public client key. Case and separators do not matter."""
    return _GVLK_BY_KEY.get(_squeeze(key))


def license_status_word(number: int) -> str:
    """Return the word of a LicenseStatus: unlicensed, licensed, oob_grace ... A number 7 without a word is C(unknown_7)."""
    return t.cast("dict[int, str]", _CHANNELS["license_status"]).get(number, f"unknown_{number}")


def license_status_phrase(number: int) -> str:
    """Return a LicenseStatus in words for a sentence, C(initial grace period) for 2. A number 7 without a word is C(status 7)."""
    return t.cast("dict[int, str]", _CHANNELS["license_status_phrases"]).get(number, f"status {number}")


def role_of(description: str, product_key_channel: str | None) -> str:
    """Return what a licensing product is: one of L(ROLES).

    description:         SoftwareLicensingProduct.Description; its channel word decides.
    product_key_channel: ProductKeyChannel where Windows has it (8.1 and later); decides when the description has no word that is known.
    """
    words = re.split(r"[^0-9A-Z_-]+", description)
    for prefix, role in _DESCRIPTION_WORDS:
        if any(word.startswith(prefix) for word in words):
            return role
    channel = (product_key_channel or "").casefold()
    for prefix, role in _KEY_CHANNELS:
        if channel.startswith(prefix):
            return role
    return "unknown"


def application_name(application_id: str) -> str:
    """Return windows, office (2013 and later), office_2010 or other for an ApplicationID in any case, with braces or without."""
    return _APPLICATIONS.get(application_id.strip("{}").lower(), "other")


def has_volume_channel(edition_id: str) -> bool:
    """Tell whether volume keys exist for an edition.

    False for the home editions, Starter and Ultimate; True for every edition that is not known to lack them. An evaluation
    edition is another question: L(is_evaluation).
    """
    return edition_id.casefold() not in _NO_VOLUME


def is_evaluation(edition_id: str) -> bool:
    """Tell whether an EditionID is that of an evaluation copy, which takes no volume key before it is converted."""
    return edition_id.casefold().endswith(t.cast(str, _CHANNELS["evaluation_suffix"]).casefold())


def all_gvlks() -> tuple[Gvlk, ...]:
    """Return every row of the client setup key catalogue."""
    return _GVLKS
