# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of KMS host keys (CSVLK), from host_keys.yml: where each can be installed and what it activates.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. Facts have their source in the YAML file, not here.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import typing as t

from .loader import read_data

SERVER, CLIENT = "server", "client"


@dataclasses.dataclass(frozen=True)
class Builds:
    """Windows of one kind (L(SERVER) or L(CLIENT)) by build; C(last) is None for an open end."""

    kind: str
    first: int
    last: int | None

    def has(self, kind: str, build: int) -> bool:
        """Tell whether a Windows is one of these."""
        return kind == self.kind and self.first <= build and (self.last is None or build <= self.last)


@dataclasses.dataclass(frozen=True)
class Place:
    """A Windows on which a key can be installed. C(minimum_ubr) is the update build revision that it needs, C(update) the update that first brought it."""

    builds: Builds
    minimum_ubr: int | None
    update: str | None


@dataclasses.dataclass(frozen=True)
class HostKey:
    """One row of host_keys.yml. C(activates) is empty where that is not a matter of Windows generations (Office)."""

    name: str
    installs_on: tuple[Place, ...]
    activates: tuple[str, ...]

    def place(self, kind: str, build: int) -> Place | None:
        """Return the row for a Windows, None where the key is not listed for it."""
        return next((place for place in self.installs_on if place.builds.has(kind, build)), None)

    def oldest_build(self, kind: str) -> int | None:
        """Return the oldest build of a kind of Windows on which the key can be installed, None when it can on none."""
        return min((place.builds.first for place in self.installs_on if place.builds.kind == kind), default=None)


def _builds(row: dict[str, t.Any]) -> Builds:
    return Builds(row["kind"], row["builds"][0], row["builds"][1])


def _key(row: dict[str, t.Any]) -> HostKey:
    places = tuple(Place(_builds(place), place.get("minimum_ubr"), place.get("update")) for place in row["installs_on"])
    return HostKey(row["name"], places, tuple(row.get("activates", ())))


_DATA = read_data("host_keys.yml")
_BY_WORD = {row["description_word"]: _key(row) for row in _DATA["windows"]}
_BY_ACTIVATION_ID = {row["activation_id"]: _key(row) for row in _DATA["office"]}
_GENERATIONS = tuple((row["name"], _builds(row), frozenset(map(str.casefold, row.get("edition_ids", ())))) for row in _DATA["generations"])


def host_key_of(description: str | None, activation_id: str | None) -> HostKey | None:
    """Return the host key that a product with the role kms_host has, None for one that is not known.

    description:   SoftwareLicensingProduct.Description; the channel word in it names the generation.
    activation_id: of an Office host key.
    """
    found = _BY_ACTIVATION_ID.get((activation_id or "").strip("{}").lower())
    if found is not None:
        return found
    words = re.split(r"[^0-9A-Z_-]+", description or "")
    return next((_BY_WORD[word] for word in words if word in _BY_WORD), None)


@functools.cache
def generation_of(kind: str, build: int, edition_id: str | None) -> str | None:
    """Return the name of a Windows in the lists of what host keys activate, None for one that is not known.

    kind: L(SERVER) or L(CLIENT). edition_id: EditionID of the registry, in any case; it tells the long-term releases.
    """
    edition = (edition_id or "").casefold()
    return next(
        (name for name, builds, editions in _GENERATIONS if builds.has(kind, build) and (not editions or edition in editions)), None
    )
