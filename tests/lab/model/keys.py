# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Product keys the lab knows: Microsoft's public client setup keys, and the made-up ones of an estate. Full keys stay inside this package."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
import typing as t

import yaml

from .errors import CATALOGUE
from .windows import Windows

SHAPE = re.compile(r"[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}", re.ASCII)
"""Five groups of five. The lab compares in upper case; WMI takes lower case too (inferred)."""

MADE_UP_LETTERS = frozenset("AEILOSUZ015")
"""Letters and digits that no real product key holds: every made-up key has at least one."""

_ANY_KEY = re.compile(r"(?<![A-Za-z0-9])(?:[A-Za-z0-9]{5}-){4}([A-Za-z0-9]{5})(?![A-Za-z0-9])", re.ASCII)

KMS_CLIENT, KMS_HOST, MAK, RETAIL, OEM, EVALUATION, AVMA = "kms_client", "kms_host", "mak", "retail", "oem", "evaluation", "avma"


@dataclasses.dataclass(frozen=True)
class Key:
    """One product key: what it is and what it fits.

    C(editions) are EditionIDs in lower case (empty: any). C(builds) are pairs of first and last OS build (empty: any; a last of None: open end).
    C(product) is set for Office keys. C(csvlk) and C(activates) are set for host keys. C(activations) is how many activations Microsoft still grants:
    None leaves it to the defaults.
    """

    text: str = dataclasses.field(repr=False)
    channel: str
    editions: tuple[str, ...] = ()
    builds: tuple[tuple[int, int | None], ...] = ()
    kind: str | None = None
    product: str | None = None
    generation: str | None = None
    csvlk: str | None = None
    activates: tuple[str, ...] | None = None
    activations: int | None = None
    auto_select: bool = True

    @property
    def partial(self) -> str:
        """The last five characters: all that anybody may see."""
        return self.text[-5:]

    def fits(self, windows: Windows) -> bool:
        """Return whether this Windows has a product for the key: same edition, a build in range, client or server alike."""
        return (
            (not self.editions or windows.edition_id.lower() in self.editions)
            and (self.kind is None or self.kind == windows.kind)
            and (not self.builds or any(first <= windows.build and (last is None or windows.build <= last) for first, last in self.builds))
        )


@functools.cache
def client_setup_keys() -> tuple[Key, ...]:
    """Return Microsoft's public client setup keys (GVLKs) from the project's catalogue; its rows name the page each comes from."""
    data = yaml.load((CATALOGUE / "gvlk.yml").read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    windows = [
        Key(
            text=row["key"],
            channel=KMS_CLIENT,
            # A row without an edition id names no edition that exists: it fits nothing.
            editions=((row["edition_id"] or "(none)").lower(),),
            builds=tuple((first, last) for first, last in row["builds"]),
            kind=row["kind"],
            auto_select=row.get("auto_select", True),
        )
        for row in data["windows"]
        if row["kind"] in ("server", "client")
    ]
    office = [Key(text=row["key"], channel=KMS_CLIENT, product=row["product"], generation=row["generation"]) for row in data["office"]]
    return (*windows, *office)


def client_setup_key_for(windows: Windows) -> Key | None:
    """Return the GVLK made for this edition and build, or None for an edition without volume licensing."""
    if windows.evaluation or not windows.volume:
        return None
    return next((key for key in client_setup_keys() if key.auto_select and not key.product and key.fits(windows)), None)


def office_key(product: str) -> Key | None:
    """Return the GVLK of an Office product by its name in the catalogue, or None."""
    return next((key for key in client_setup_keys() if key.product == product), None)


def made_up_key(*parts: str) -> str:
    """Return a key of the right shape that no real product can have, always the same for the same parts."""
    alphabet = "BCDFGHJKMNPQRTVWXY2346789"
    letters = sorted(MADE_UP_LETTERS)
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    groups = []
    for index in range(5):
        chunk = digest[index * 5 : index * 5 + 5]
        groups.append(letters[chunk[0] % len(letters)] + "".join(alphabet[byte % len(alphabet)] for byte in chunk[1:]))
    return "-".join(groups)


def mask(value: t.Any) -> t.Any:
    """Return JSON-able data with every product key in it cut to its last five characters."""
    if isinstance(value, str):
        return _ANY_KEY.sub(r"*****-*****-*****-*****-\1", value)
    if isinstance(value, dict):
        return {mask(name): mask(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask(item) for item in value]
    return value


class KeyBook:
    """All keys an estate knows, by their text."""

    def __init__(self, made_up: t.Iterable[Key] = ()) -> None:
        self.made_up = tuple(made_up)
        self._by_text = {key.text: key for key in (*client_setup_keys(), *self.made_up)}

    def find(self, text: str) -> Key | None:
        """Return what is known about a key, or None for unknown text or text of another shape."""
        text = text.strip().upper()
        return self._by_text.get(text) if SHAPE.fullmatch(text) else None
