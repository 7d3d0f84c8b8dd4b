# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was read of a pasted output, block by block, and the facts that it makes.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import collections
import dataclasses
import re
import typing as t

from .._catalogue.loader import application_name, license_status_word, role_of
from .._licensing.model import LEVEL_PRODUCT, LICENSED, explain_count
from .codes import code_facts
from .dlv_values import Endpoint
from .facts import (
    Facts,
    HostFacts,
    KmsMachineFacts,
    LookupDomainFacts,
    MachineFacts,
    ProductFacts,
    RequestsFacts,
    ServiceFacts,
)

STATUS = {license_status_word(number): number for number in range(7)}
"""Numbers of LicenseStatus by their words."""

XPR_STATUS = {
    "xpr_unlicensed": "unlicensed",
    "xpr_volume": "licensed",
    "xpr_timebased": "licensed",
    "xpr_avma": "licensed",
    "xpr_permanent": "licensed",
    "xpr_oob_grace": "oob_grace",
    "xpr_oot_grace": "oot_grace",
    "xpr_non_genuine_grace": "non_genuine_grace",
    "xpr_notification": "notification",
    "xpr_extended_grace": "extended_grace",
}
"""Licence status that a sentence of /xpr stands for (slmgr.vbs)."""

SHARED_BUILDS = frozenset({18362, 19041, 22621, 26100})
"""Builds whose files later versions of Windows 10 and 11 share: an enablement package raises the build and leaves sppsvc as it is, so that
19041 may be 19045 (Microsoft: support.microsoft.com, KB5015684 and its like). Windows Server 2025 is 26100 and shares it with no other server."""

# One thing under several labels.
_SAME = {
    "ospp_name": "name",
    "expires_volume": "grace",
    "expires_timebased": "grace",
    "expires_avma": "grace",
    "time_remaining": "grace",
    "ospp_grace": "grace",
}
_IDS = frozenset({"activation_id", "extended_pid"})
_REQUESTS = tuple(field.name for field in dataclasses.fields(RequestsFacts))
_HOST_LABELS = ("count", "port", "priority", *(f"requests_{name}" for name in _REQUESTS))
_HOST_SENTENCES = frozenset({"kms_enabled", "dns_publishing_on", "dns_publishing_off", "section_requests"})
_OF_MACHINE = frozenset({"service_version", "rearms_windows", "priority", "port", "cmid", "ospp_caching"})
_ANYBODYS = frozenset({"name", "description"})
"""Labels that other texts have, too, the head of a pasted event for one: they tell nothing without a value."""
_PRODUCT_EXTRA = (
    "additional_information",
    "extended_pid",
    "installation_id",
    "processor_certificate_url",
    "machine_certificate_url",
    "use_license_url",
    "product_key_certificate_url",
    "validation_url",
    "evaluation_end",
    "rearms_app",
    "rearms_sku",
    "trusted_time",
    "beta_expiration",
    "reason_text",
    "ad_object",
    "ad_object_dn",
    "ad_pid",
    "ad_activation_id",
    "token_license_id",
    "token_version_id",
    "token_grant",
    "token_thumbprint",
    "guest_iaid",
    "avma_host",
    "avma_time",
    "avma_host_pid",
    "subscription_edition",
    "subscription_type",
    "subscription_status",
    "subscription_expiry",
)
_MESSAGES = ("activate_to_refresh", "token_only", "primary_unclear", "several_licenses", "domain_overridden", "activating", "activated")
_SECTIONS = {"section_kms_client": "kms", "section_ad": "active_directory", "section_token": "token"}
_ADDON = re.compile(r"\badd-?on\b", re.IGNORECASE)
_CHANNEL_END = re.compile(r"\bchannel$", re.IGNORECASE)


class Block:
    """What stands of one product, in the order of the text."""

    def __init__(self) -> None:
        self.values: dict[str, list[t.Any]] = {}
        self.ambiguous: dict[tuple[str, ...], list[t.Any]] = {}
        self.sentences: dict[str, dict[str, str]] = {}
        self.xpr: tuple[str, ...] = ()
        self.problems: list[str] = []
        self.unknown: list[str] = []
        self.errors: list[dict[str, t.Any]] = []

    @property
    def fresh(self) -> bool:
        """Nothing was read yet."""
        return not (self.values or self.ambiguous or self.sentences or self.xpr)

    @property
    def only_ids(self) -> bool:
        """Nothing but what ospp.vbs prints before the name."""
        return not (self.ambiguous or self.sentences or self.xpr) and _IDS.issuperset(self.values)

    @property
    def only_named(self) -> bool:
        """Nothing but a name, as over a sentence of /xpr."""
        return not (self.ambiguous or self.sentences or self.xpr) and set(self.values) == {"name"}

    @property
    def only_expiry(self) -> bool:
        """Nothing but a name and a sentence of /xpr."""
        return bool(self.xpr) and set(self.values) <= {"name"}

    def has(self, name: str) -> bool:
        """Tell whether a label or a sentence stands in this block, whatever its value."""
        return self.count_of(name) > 0 or name in self.sentences or (name in XPR_STATUS and bool(self.xpr))

    def count_of(self, name: str) -> int:
        """Return how often a label stands in this block."""
        return len(self.values.get(_SAME.get(name, name), ())) + sum(len(found) for names, found in self.ambiguous.items() if name in names)

    def may_be_other_rearm(self, name: str, *, sure: bool) -> bool:
        """Tell whether a rearm counter that stands here once may be the other one: German has a label for both, and one that is only for the product."""
        return name in ("rearms_windows", "rearms_sku") and self.count_of(name) < 2 and not (sure and self.values.get(name))

    def take(self, names: tuple[str, ...], value: t.Any) -> None:
        """Keep the value of a label, or None; of a label with several names the value is kept for all of them."""
        if len(names) > 1:
            self.ambiguous.setdefault(names, []).append(value)
        else:
            self.values.setdefault(_SAME.get(names[0], names[0]), []).append(value)

    def take_name(self, name: str) -> None:
        """Keep the name that stands over a sentence of /xpr."""
        self.take(("name",), name)

    def take_sentence(self, names: tuple[str, ...], groups: dict[str, str]) -> None:
        """Keep a sentence with its values; of a sentence of /xpr that means two states, both."""
        if names[0] in XPR_STATUS:
            self.xpr = names
        self.sentences[names[0]] = groups

    def get(self, name: str) -> t.Any:
        """Return the value of a label; None where it was not seen or stands there twice with different values."""
        found = self.values.get(name, ())
        return found[0] if found and all(value == found[0] for value in found) else None

    @property
    def keyed(self) -> bool:
        """False for a product that the text says to have no key."""
        return "not_in_use" not in self.sentences

    @property
    def application(self) -> str | None:
        """The product's application: by its id, and where there is none by its name, for Windows only."""
        application_id = self.get("application_id")
        if application_id is not None:
            return application_name(application_id)
        words = self.get("description") or self.get("name") or ""
        return "windows" if words.startswith("Windows") else None

    @property
    def is_addon(self) -> bool | None:
        """Whether the name says so."""
        name = self.get("name")
        return None if name is None else _ADDON.search(name) is not None

    @property
    def is_windows(self) -> bool:
        """The product can be the machine's Windows."""
        return self.keyed and self.application == "windows" and not self.is_addon

    @property
    def hosting(self) -> bool:
        """The block has what slmgr.vbs prints of a KMS host only."""
        return not _HOST_SENTENCES.isdisjoint(self.sentences) or any(map(self.has, _HOST_LABELS))

    @property
    def is_product(self) -> bool:
        """There is a product in it, not only settings of the machine."""
        told = any(
            name not in _ANYBODYS or any(value is not None for value in self.values[name]) for name in self.values.keys() - _OF_MACHINE
        )
        return bool(self.xpr) or not _SECTIONS.keys().isdisjoint(self.sentences) or told


class Run:
    """One run of the script: what stands before the first product, and the products."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.languages: collections.Counter[str] = collections.Counter()
        self.unknown: list[str] = []
        self.errors: list[dict[str, t.Any]] = []
        self.command: str | None = None
        self.argument: str | None = None
        self.machine: str | None = None

    @property
    def fresh(self) -> bool:
        """Nothing but how it was called was read yet."""
        return not (self.blocks or self.errors)

    @property
    def empty(self) -> bool:
        """It says nothing."""
        return not self.errors and all(block.fresh and not block.errors for block in self.blocks)

    def unknown_here(self, block: Block | None) -> list[str]:
        """Return where a line goes that is not understood."""
        return self.unknown if block is None else block.unknown

    def errors_here(self, block: Block | None) -> list[dict[str, t.Any]]:
        """Return where an error goes."""
        return self.errors if block is None else block.errors

    def unknown_lines(self) -> list[str]:
        """Return every line that was not understood."""
        return [*self.unknown, *(line for block in self.blocks for line in block.unknown)]

    def by_machine(self) -> list[Run]:
        """Return the runs that this one is: a machine has one Windows with a key, so a second one that is no add-on is another machine's.

        Unless slmgr.vbs itself says that it can't tell which one is in use.
        """
        if any("several_licenses" in block.sentences or "primary_unclear" in block.sentences for block in self.blocks):
            return [self]
        parts, names = [self], set[str | None]()
        blocks, self.blocks = self.blocks, []
        for block in blocks:
            if block.is_windows:
                if names and not (block.only_expiry and block.get("name") in names):
                    part = Run()
                    part.languages = self.languages
                    parts.append(part)
                    names.clear()
                names.add(block.get("name"))
            parts[-1].blocks.append(block)
        return parts


def facts_and_extra(run: Run) -> tuple[Facts, dict[str, t.Any]]:
    """Return the facts of a run, and what they have no field for."""
    return _Writer(run).written()


class _Writer:
    """Makes facts of the blocks of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.problems: list[str] = [problem for block in run.blocks for problem in block.problems]
        self.blocks = _with_expiry(run.blocks)
        self.keyed = [block for block in self.blocks if block.keyed and block.is_product]

    def written(self) -> tuple[Facts, dict[str, t.Any]]:
        """Return facts and extra."""
        products = tuple(self._product(block) for block in self.keyed)
        windows = [product for block, product in zip(self.keyed, products, strict=True) if block.is_windows]
        ids = tuple(product.activation_id for product in windows if product.activation_id)
        primary = windows[0].activation_id if len(windows) == 1 else None
        version = self._agreed("service_version")
        service = self._service(version, windows[0] if len(windows) == 1 else None)
        host = self._host(products)
        extra = self._extra(version)
        facts = Facts(
            machine=self._machine(version),
            service=service,
            host=host,
            products=products,
            primary=primary,
            primary_candidates=ids,
            primary_reason=_no_primary(windows),
            problems=tuple(dict.fromkeys(self.problems)),
        )
        return facts, extra

    def _agreed(self, name: str) -> t.Any:
        """Return the value that every block has that has one. Settings of the machine stand in each block again."""
        found = list(dict.fromkeys(value for block in self.blocks for value in block.values.get(name, ()) if value is not None))
        if len(found) > 1:
            self.problems.append(f"{name} has {len(found)} different values")
        return found[0] if len(found) == 1 else None

    def _told(self, on: str, off: str) -> bool | None:
        """Return which of two sentences stands there; None for neither and for both."""
        seen = {word for block in self.blocks for word in (on, off) if word in block.sentences}
        return on in seen if len(seen) == 1 else None

    def _machine(self, version: str | None) -> MachineFacts:
        build = _build(version)
        if build in SHARED_BUILDS and not any("Server" in (block.get("name") or "") for block in self.keyed):
            build = None
        return MachineFacts(name=self.run.machine, build=build, version=version.rpartition(".")[0] if version and build else None)

    def _service(self, version: str | None, windows: ProductFacts | None) -> ServiceFacts:
        caching = self._told("caching_on", "caching_off")
        words = {value for block in self.blocks for value in block.values.get("ospp_caching", ()) if value}
        if caching is None and len(words) == 1:
            caching = words == {"on"}
        return ServiceFacts(
            version=version,
            cmid=self._agreed("cmid"),
            host_caching=caching,
            activation_interval_minutes=windows.activation_interval_minutes if windows else None,
            renewal_interval_minutes=windows.renewal_interval_minutes if windows else None,
            rearms_remaining=self._rearms(),
            kms_machine_configured=windows.kms_machine_configured if windows else None,
            kms_machine_discovered=windows.kms_machine_discovered if windows else None,
            kms_machines_set=self._machines_set(windows),
            kms_lookup_domain=windows.kms_lookup_domain if windows else None,
            kms_host_product_id=windows.kms_host_product_id if windows else None,
        )

    def _rearms(self) -> int | None:
        found = [value for block in self.blocks if (value := _rearms_of(block)) is not None]
        agreed = self._agreed("rearms_windows")
        return agreed if agreed is not None else found[0] if found and len(set(found)) == 1 else None

    def _machines_set(self, windows: ProductFacts | None) -> tuple[KmsMachineFacts, ...] | None:
        """Return what is set: the machine that is registered, or nothing where slmgr.vbs names the one from DNS instead: it does so then only."""
        if windows is None:
            return None
        if windows.kms_machine_configured:
            return (windows.kms_machine_configured,)
        block = next(block for block in self.keyed if block.is_windows)
        asked_dns = (block.has("kms_discovered") or block.has("dns_discovery")) and not block.has("kms_configured")
        return () if asked_dns else None

    def _host(self, products: tuple[ProductFacts, ...]) -> HostFacts:
        pairs = [
            (block, product) for block, product in zip(self.keyed, products, strict=True) if block.hosting or product.role == "kms_host"
        ]
        if not pairs and not any(block.hosting for block in self.blocks):
            return HostFacts()
        # As in _licensing.read: Windows and Office on one host have a count each, and the machine's own is that of Windows.
        own = [pair for pair in pairs if pair[0].application == "windows"]
        chosen = own[0] if len(own) == 1 else pairs[0] if len(pairs) == 1 else None
        product = chosen[1] if chosen else None
        counted = chosen is not None and chosen[0].has("count")
        low = self._agreed("priority")
        return HostFacts(
            is_kms_host=True,
            activation_id=product.activation_id if product else None,
            count=product.count if product else None,
            count_explained=explain_count(product.count) if product and counted and product.count is not None else None,
            listening_port=self._agreed("port"),
            dns_publishing=self._told("dns_publishing_on", "dns_publishing_off"),
            low_priority=None if low is None else low == "low",
            requests=product.requests if product else None,
        )

    def _product(self, block: Block) -> ProductFacts:
        activation_id, application_id = block.get("activation_id"), block.get("application_id")
        status = self._status(block)
        configured = _endpoint(block.get("kms_configured"), None, None, activation_id)
        discovered = _endpoint(block.get("kms_discovered"), LEVEL_PRODUCT, block.get("kms_address"), activation_id)
        domain = block.get("kms_lookup_domain")
        requests = {name: block.get(f"requests_{name}") for name in _REQUESTS}
        if application_id and application_name(application_id) == "other":
            self.problems.append(
                f"Application ID: {application_id} is that of no product known, a slip of the pen perhaps; it is left as it is"
            )
        return ProductFacts(
            activation_id=activation_id,
            application_id=application_id,
            application=block.application,
            name=block.get("name"),
            description=block.get("description"),
            product_key_channel=block.get("product_key_channel"),
            role=self._role(block),
            partial_key=block.get("partial_key"),
            license_status=STATUS.get(status) if status else None,
            license_status_word=status if status in STATUS else None,
            reason=None if (reason := block.get("reason")) is None else code_facts(reason),
            grace_minutes=0 if "xpr_permanent" in block.xpr and not block.has("grace") else block.get("grace"),
            is_addon=block.is_addon,
            activation_type=_activation_type(block, status),
            activation_type_enabled=block.get("activation_type_enabled"),
            activation_interval_minutes=block.get("activation_interval"),
            renewal_interval_minutes=block.get("renewal_interval"),
            kms_machine_configured=configured,
            kms_machine_discovered=discovered,
            kms_lookup_domain=LookupDomainFacts(domain, None, activation_id) if domain else None,
            kms_host_product_id=block.get("kms_pid"),
            count=block.get("count"),
            requests=RequestsFacts(**requests) if any(block.has(f"requests_{name}") for name in _REQUESTS) else None,
        )

    def _status(self, block: Block) -> str | None:
        said = {XPR_STATUS[name] for name in block.xpr}
        if len(said) > 1:
            self.problems.append(
                f"the sentence of /xpr stands for {' and for '.join(sorted(said))} in this language, and nothing tells which"
            )
        status = block.get("license_status")
        if len(said) == 1 and not block.has("license_status"):
            return said.pop()
        return t.cast("str | None", status)

    def _role(self, block: Block) -> str | None:
        description, channel = block.get("description"), block.get("product_key_channel")
        if description and not _CHANNEL_END.search(description):
            # Cut within its last word VOLUME_KMSCLIENT would be VOLUME_KMS, the host's.
            self.problems.append(f"Description: {description!r} does not end with the word channel and does not tell what the product is")
            description = None
        if description or channel:
            role = role_of(description or "", channel)
            if role != "unknown" or "section_kms_client" not in block.sentences:
                return role
        return "kms_client" if "section_kms_client" in block.sentences else None

    def _extra(self, version: str | None) -> dict[str, t.Any]:
        errors: list[dict[str, t.Any]] = [*self.run.errors, *(error for block in self.run.blocks for error in block.errors)]
        secured = self._told("hardware_secured", "not_hardware_secured")
        sentences = [name for block in self.blocks for name in block.sentences if name in _MESSAGES]
        found: dict[str, t.Any] = {
            "command": self.run.command,
            "command_argument": self.run.argument,
            "service_build": _build(version),
            "hardware_secured_ready": secured,
            "messages": list(dict.fromkeys(sentences)),
            "activating": next((dict(block.sentences["activating"]) for block in self.blocks if "activating" in block.sentences), None),
            "errors": errors,
            "products_not_in_use": [
                {name: block.get(name) for name in ("activation_id", "name", "description")} for block in self.blocks if not block.keyed
            ],
        }
        return {
            **{name: value for name, value in found.items() if value is not None and value != []},
            "products": [self._product_extra(block) for block in self.keyed],
        }

    def _product_extra(self, block: Block) -> dict[str, t.Any]:
        found = {name: value for name in _PRODUCT_EXTRA if (value := block.get(name)) is not None}
        for groups in (block.sentences[name] for name in block.xpr[:1]):
            if "date" in groups:
                found["expires_local"] = groups["date"].strip()
        for name in ("kms_machine", "kms_address"):
            value = block.get(name)
            if isinstance(value, Endpoint):
                found[name] = {"name": value.name, "port": value.port}
            elif value is not None and block.get("kms_discovered") is None:
                found["kms_machine_address"] = value
        for names, values in block.ambiguous.items():
            found["_or_".join(names)] = [value for value in values if value is not None]
        return found


def _with_expiry(blocks: list[Block]) -> list[Block]:
    """Return the blocks with each sentence of /xpr in the block of the product that it speaks of, where that stands there, too."""
    whole = [block for block in blocks if not block.only_expiry]
    result = list(whole)
    for block in blocks:
        if block in whole:
            continue
        same = [other for other in whole if block.get("name") and other.get("name") == block.get("name") and not other.xpr]
        if len(same) == 1:
            same[0].xpr = block.xpr
            same[0].sentences.update(block.sentences)
        else:
            result.append(block)
    return result


def _rearms_of(block: Block) -> int | None:
    """Return the counter of Windows of a German block, where one label stands for it and for that of the SKU: when both are equal, or the other is named."""
    values = block.ambiguous.get(("rearms_windows", "rearms_sku"), [])
    if block.get("rearms_sku") is not None and len(values) == 1:
        return t.cast("int | None", values[0])
    return t.cast("int | None", values[0]) if len(values) == 2 and values[0] == values[1] else None


def _endpoint(found: Endpoint | None, level: str | None, address: str | None, activation_id: str | None) -> KmsMachineFacts | None:
    return KmsMachineFacts(found.name, found.port, level, address, activation_id) if found else None


def _activation_type(block: Block, status: str | None) -> str | None:
    """Return by what the product was activated: the section that slmgr.vbs prints tells. Before Windows 8 it prints that of KMS in every case."""
    seen = [kind for name, kind in _SECTIONS.items() if name in block.sentences]
    if len(seen) != 1:
        return None
    return seen[0] if seen[0] != "kms" or STATUS.get(status or "") == LICENSED else None


def _build(version: str | None) -> int | None:
    return int(version.split(".")[2]) if version else None


def _no_primary(windows: list[ProductFacts]) -> str | None:
    if len(windows) > 1:
        return f"{len(windows)} Windows products in the text have a product key, and nothing tells which is in use"
    if not windows:
        return "no Windows product with a key is in the text"
    return None if windows[0].activation_id else "the text has no activation ID for the Windows product"
