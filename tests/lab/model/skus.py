# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The licences a machine carries: one SoftwareLicensingProduct row each, most of them without a key, as on real Windows."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import typing as t
import uuid

import yaml

from . import keys
from .keys import Key
from .windows import SERVER_THRESHOLD, Windows

WINDOWS_APPLICATION = "55c92734-d682-4d71-983e-d6ec3f16059f"
OFFICE_APPLICATION = "0ff1ce15-a989-479d-af46-f275c6370663"
"""Application ids (Microsoft: slmgr.vbs, ospp.vbs)."""

_FILE = pathlib.Path(__file__).with_name("host_keys.yml")

_IDS = uuid.UUID("6f0e3c1a-5d0b-4c43-9a57-1f4e52a7c0de")
"""Activation ids are made up from the licence's name: the same on every machine that has the licence, as on Windows."""


@dataclasses.dataclass(frozen=True)
class HostKey:
    """A row of host_keys.yml: a kind of CSVLK. C(installs_on) maps generations of Windows to the update revision they need."""

    csvlk: str
    description_word: str
    installs_on: dict[str, int]
    activates: tuple[str, ...]
    office: bool
    client: bool = False
    activation_id: str | None = None


@dataclasses.dataclass(frozen=True)
class Sku:
    """One licence. C(role) is the channel of the keys it takes; C(generation) is what a host key must cover to activate it."""

    activation_id: str
    application_id: str
    name: str
    description: str
    family: str
    role: str
    channel: str
    generation: str
    threshold: int
    is_addon: bool = False
    csvlk: str | None = None
    office_product: str | None = None

    @property
    def is_windows(self) -> bool:
        """Whether this is a licence of the operating system itself."""
        return self.application_id == WINDOWS_APPLICATION and not self.is_addon


@functools.cache
def host_keys() -> dict[str, HostKey]:
    """Return the kinds of host keys by name."""
    data = yaml.load(_FILE.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return {row["csvlk"]: _host_key(row, office=part == "office") for part in ("windows", "office") for row in data[part]}


def _host_key(row: dict[str, t.Any], *, office: bool) -> HostKey:
    return HostKey(
        csvlk=row["csvlk"],
        description_word=row["description_word"],
        installs_on={place["windows"]: place.get("minimum_ubr", 0) for place in row["installs_on"]},
        activates=tuple(row["activates"]),
        office=office,
        client=row.get("client", False),
        activation_id=row.get("activation_id"),
    )


# Channel word in Description, ProductKeyChannel, and the role of the key. Words and channels: Microsoft: slmgr.vbs tests for MAK, VOLUME_KMSCLIENT,
# TIMEBASED_ and VIRTUAL_MACHINE_ACTIVATION; published slmgr output for RETAIL, OEM_SLP, Volume:GVLK, Volume:CSVLK, Volume:MAK, Retail, Retail:TB:Eval; the
# remaining OEM words from memory.
_Channels = tuple[tuple[str, str, str], ...]

_RETAIL: _Channels = (("RETAIL", "Retail", keys.RETAIL),)
_OEM: _Channels = (
    ("OEM_DM", "OEM:DM", keys.OEM),
    ("OEM_SLP", "OEM:SLP", "oem_slp"),
    ("OEM_COA_SLP", "OEM:COA", "oem_coa_slp"),
    ("OEM_COA_NSLP", "OEM:NONSLP", "oem_coa_nslp"),
)
_VOLUME: _Channels = (("VOLUME_KMSCLIENT", "Volume:GVLK", keys.KMS_CLIENT), ("VOLUME_MAK", "Volume:MAK", keys.MAK))
_AVMA: _Channels = (("VIRTUAL_MACHINE_ACTIVATION", "VM:AVMA", keys.AVMA),)
_EVALUATION: _Channels = (("TIMEBASED_EVAL", "Retail:TB:Eval", keys.EVALUATION),)

_ESU_YEARS = 6


@functools.cache
def windows_skus(windows: Windows) -> tuple[Sku, ...]:
    """Return the licences of a Windows by itself, none of them with a key.

    A real machine has hundreds. Here are: the channels of its edition, the host keys it can take, another edition, and extended security update add-ons.
    """
    rows = _EVALUATION if windows.evaluation else _RETAIL + _OEM
    if windows.volume and not windows.evaluation:
        rows += _VOLUME + (_AVMA if windows.is_server else ())
    own = [_windows_sku(windows, windows.edition_id, word, channel, role) for word, channel, role in rows]
    other = "ServerDatacenterCor" if windows.is_server else "CoreCountrySpecific"
    # Licences of editions that are not installed are listed as well; no key of the lab fits them.
    foreign = [_windows_sku(windows, other, word, channel, f"other_{role}") for word, channel, role in _RETAIL + _OEM + _VOLUME]
    return (*own, *foreign, *_host_skus(windows), *(_add_on(windows, year) for year in range(1, _ESU_YEARS + 1)))


@functools.cache
def office_client_sku(product: str) -> Sku:
    """Return the KMS client licence of an Office product named in the catalogue of client setup keys."""
    key = keys.office_key(product)
    assert key is not None and key.generation is not None
    word = "".join(product.split())
    return Sku(
        activation_id=_made_up_id(product, keys.KMS_CLIENT),
        application_id=OFFICE_APPLICATION,
        # Form: published slmgr output of an Office host; the words of each product are made up after it.
        name=f"Office 16, {word}VL_KMS_Client edition",
        description="Office 16, VOLUME_KMSCLIENT channel",
        family=f"{word}VL_KMS_Client",
        role=keys.KMS_CLIENT,
        channel="Volume:GVLK",
        generation=f"Office {key.generation}",
        # Office needs 5, whatever the Windows under it (Microsoft: OfficeDocs-DeployOffice, activate-office-by-using-kms).
        threshold=SERVER_THRESHOLD,
        office_product=product,
    )


@functools.cache
def office_mak_sku(product: str) -> Sku:
    """Return the MAK licence that Office volume media bring along beside the KMS client one (inferred)."""
    client = office_client_sku(product)
    family = client.family.replace("KMS_Client", "MAK")
    return dataclasses.replace(
        client,
        activation_id=_made_up_id(product, keys.MAK),
        name=f"Office 16, {family} edition",
        description="Office 16, VOLUME_MAK channel",
        family=family,
        role="office_mak",
        channel="Volume:MAK",
        office_product=None,
    )


def host_sku(host_key: HostKey, windows: Windows) -> Sku:
    """Return the licence that a host key turns on. It does not say whether this Windows takes the key."""
    if host_key.office:
        generation = host_key.activates[0].removeprefix("Office ")
        family = f"Office{generation}KMSHostVL_KMS_Host"
        name, description = f"Office 16, {family} edition", f"Office 16, {host_key.description_word} channel"
    else:
        family = windows.edition_id
        name, description = f"Windows(R), {family} edition", f"Windows(R) Operating System, {host_key.description_word} channel"
    return Sku(
        activation_id=host_key.activation_id or _made_up_id(windows.generation, family, host_key.csvlk),
        application_id=OFFICE_APPLICATION if host_key.office else WINDOWS_APPLICATION,
        name=name,
        description=description,
        family=family,
        role=keys.KMS_HOST,
        channel="Volume:CSVLK",
        generation=windows.generation,
        threshold=0,
        csvlk=host_key.csvlk,
    )


def wrong_place(key: Key, windows: Windows) -> int | None:
    """Return the HRESULT with which this Windows refuses a host key, or None when it takes it."""
    assert key.csvlk is not None
    host_key = host_keys()[key.csvlk]
    if windows.evaluation or not windows.host or not windows.volume:
        # Evaluation: from memory. Azure Edition cannot be a host (Microsoft: windowsserverdocs, kms-activation-planning); the code is inferred.
        return SL_E_MISMATCHED_PRODUCT_SKU
    if windows.generation in host_key.installs_on:
        # "Beta key, or key for a newer CSVLK the host cannot host" (Microsoft: windowsserverdocs, activation-error-codes).
        return SL_E_INVALID_PRODUCT_KEY if windows.ubr < host_key.installs_on[windows.generation] else None
    if host_key.office:
        # The host has no licence files for that generation (inferred).
        return SL_E_PRODUCT_SKU_NOT_INSTALLED
    if host_key.client and windows.is_server:
        # A host key for clients on a server, where the combined server key is due (Microsoft: SupportArticles-docs, error-0xc004f015-activate-windows-10).
        return SL_E_PRODUCT_SKU_NOT_INSTALLED
    if not host_key.client and not windows.is_server:
        # Client Windows takes client host keys only (Microsoft: windowsserverdocs, kms-activation-planning); the code is inferred.
        return SL_E_MISMATCHED_PRODUCT_SKU
    oldest = min(_builds()[generation] for generation in host_key.installs_on)
    # Too new a key for this Windows: the same page on error codes. Too old a key: no product for it here (from memory).
    return SL_E_INVALID_PRODUCT_KEY if windows.build < oldest else SL_E_MISMATCHED_PRODUCT_SKU


SL_E_PRODUCT_SKU_NOT_INSTALLED = 0xC004F015
SL_E_INVALID_PRODUCT_KEY = 0xC004F050
SL_E_MISMATCHED_PRODUCT_SKU = 0xC004F069


@functools.cache
def _builds() -> dict[str, int]:
    from .windows import versions

    return {version.generation: version.build for version in versions().values()}


def _host_skus(windows: Windows) -> list[Sku]:
    possible = windows.host and windows.volume and not windows.evaluation
    return [host_sku(row, windows) for row in host_keys().values() if possible and not row.office and windows.generation in row.installs_on]


def _windows_sku(windows: Windows, edition: str, word: str, channel: str, role: str) -> Sku:
    return Sku(
        activation_id=_made_up_id(windows.generation, edition, word),
        application_id=WINDOWS_APPLICATION,
        name=f"Windows(R), {edition} edition",
        description=f"Windows(R) Operating System, {word} channel",
        family=edition,
        role=role,
        channel=channel,
        generation=windows.generation,
        threshold=windows.threshold,
    )


def _add_on(windows: Windows, year: int) -> Sku:
    # Extended security update keys are MAKs of add-on licences (Microsoft: Learn, extended security updates); the names are made up.
    side = "Server" if windows.is_server else "Client"
    return Sku(
        activation_id=_made_up_id(windows.generation, windows.edition_id, f"ESU{year}"),
        application_id=WINDOWS_APPLICATION,
        name=f"Windows(R), {side}-ESU-Year{year} add-on for {windows.edition_id}",
        description="Windows(R) Operating System, VOLUME_MAK channel",
        family=f"{side}-ESU-Year{year}",
        role=f"esu_{year}",
        channel="Volume:MAK",
        generation=windows.generation,
        threshold=windows.threshold,
        is_addon=True,
    )


def _made_up_id(*parts: str) -> str:
    return str(uuid.uuid5(_IDS, "/".join(parts)))
