# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine's activation state is, as plain frozen data.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The shape of L(Activation.facts) is public: docs/names.md.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

SCHEMA = 1
"""Number of the facts' structure. It rises when a key changes its meaning or goes, not when one is added."""

DEFAULT_PORT = 1688
"""TCP port of KMS when nothing else is set (Microsoft: Learn, activation-slmgr-vbs-options)."""

THRESHOLD_CLIENT = 25
THRESHOLD_SERVER = 5
"""Minimum counts for a Windows client, and for Windows Server and Office (Microsoft: Learn, kms-activation-planning)."""

COUNT_CAP = 50
"""A host remembers twice the largest minimum it was asked for: 50 once a Windows client asked (Microsoft: Learn, kms-activation-planning)."""

LICENSED = 1
"""LicenseStatus of an activated product (Microsoft: win32metadata, SL_LICENSING_STATUS)."""

NOT_AVAILABLE = 0xFFFFFFFF
"""What numbers hold that have no value (documented as -1 in Microsoft: Learn, SoftwareLicensingService)."""

LEVEL_PRODUCT = "product"
LEVEL_APPLICATION = "application"
LEVEL_MACHINE = "machine"


@dataclasses.dataclass(frozen=True)
class Machine:
    """The Windows installation. C(clock_offset_seconds) is the machine's clock minus the controller's; positive means that the machine is ahead."""

    name: str
    fqdn: str | None
    caption: str | None
    edition_id: str | None
    build: int
    version: str | None
    product_type: str
    language: int | None
    clock_offset_seconds: float | None

    @property
    def is_client_os(self) -> bool:
        """True on Windows 7, 8.1, 10, 11; False on Windows Server."""
        return self.product_type == "workstation"


@dataclasses.dataclass(frozen=True)
class KmsMachine:
    """A KMS host as one level of a client's settings names it."""

    name: str
    port: int
    level: str
    address: str | None = None
    activation_id: str | None = None


@dataclasses.dataclass(frozen=True)
class LookupDomain:
    """The DNS domain in which a client looks for SRV records, where one is set."""

    domain: str
    level: str
    activation_id: str | None = None


@dataclasses.dataclass(frozen=True)
class Service:
    """The software licensing service (sppsvc) and its machine-wide KMS client settings. Intervals are minutes."""

    version: str | None
    cmid: str | None
    state: str | None
    start_mode: str | None
    host_caching: bool | None
    activation_interval_minutes: int | None
    renewal_interval_minutes: int | None
    rearms_remaining: int | None
    kms_machine_configured: KmsMachine | None
    kms_machine_discovered: KmsMachine | None
    kms_machines_set: tuple[KmsMachine, ...]
    kms_lookup_domain: LookupDomain | None
    kms_host_product_id: str | None


@dataclasses.dataclass(frozen=True)
class Requests:
    """Cumulative requests a host got since its Windows was installed, by the licence status that the client reported."""

    total: int | None
    failed: int | None
    unlicensed: int | None
    licensed: int | None
    oob_grace: int | None
    oot_grace: int | None
    non_genuine_grace: int | None
    notification: int | None


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a product has its status: LicenseStatusReason, explained."""

    code: str
    symbol: str | None
    meaning: str | None


@dataclasses.dataclass(frozen=True)
class Product:
    """One keyed product. Grace and intervals are minutes; C(count) and C(requests) belong to KMS hosts only."""

    activation_id: str
    application_id: str
    application: str
    name: str | None
    description: str | None
    product_key_channel: str | None
    role: str
    partial_key: str
    license_status: int
    license_status_word: str
    reason: Reason | None
    grace_minutes: int | None
    expires_at: str | None
    evaluation_ends_at: str | None
    is_addon: bool
    required_count: int | None
    activation_type: str | None
    activation_type_enabled: str | None
    activation_interval_minutes: int | None
    renewal_interval_minutes: int | None
    kms_machine_configured: KmsMachine | None
    kms_machine_discovered: KmsMachine | None
    kms_lookup_domain: LookupDomain | None
    kms_host_product_id: str | None
    count: int | None
    requests: Requests | None

    @property
    def licensed(self) -> bool:
        """True when the product is activated."""
        return self.license_status == LICENSED

    def label(self) -> str:
        """Return the product in a few words for a message: name, channel, last five characters of its key."""
        return f"{self.name or self.activation_id} ({self.role}, key ...{self.partial_key})"


Products = tuple[Product, ...]
"""The keyed products of one machine."""


def windows_candidates(products: t.Iterable[Product]) -> tuple[Product, ...]:
    """Return the products that can be the machine's Windows: the Windows application, keyed, no add-on.

    slmgr.vbs picks the primary Windows product by the same three marks.
    """
    return tuple(p for p in products if p.application == "windows" and not p.is_addon)


def primary_product(products: t.Iterable[Product]) -> Product | None:
    """Return the one product that is the machine's Windows, or None when there is none or more than one."""
    candidates = windows_candidates(products)
    return candidates[0] if len(candidates) == 1 else None


def no_primary_reason(products: t.Iterable[Product]) -> str | None:
    """Return why no product can be named as the machine's Windows, or None when one can."""
    candidates = windows_candidates(products)
    if len(candidates) == 1:
        return None
    if not candidates:
        return "no Windows product on this machine has a product key"
    names = ", ".join(p.label() for p in candidates)
    return f"{len(candidates)} Windows products on this machine have a product key, and nothing tells which is in use: {names}"


@dataclasses.dataclass(frozen=True)
class FirewallRule:
    """One inbound rule of the Key Management Service group."""

    name: str
    display_name: str | None
    enabled: bool
    profiles: tuple[str, ...]
    action: str

    def facts(self) -> dict[str, t.Any]:
        """Return the rule as plain data."""
        return {
            "name": self.name,
            "display_name": self.display_name,
            "enabled": self.enabled,
            "profiles": list(self.profiles),
            "action": self.action,
        }


@dataclasses.dataclass(frozen=True)
class Host:
    """The KMS host side of a machine. All but C(is_kms_host) is None on other machines."""

    is_kms_host: bool
    activation_id: str | None = None
    count: int | None = None
    count_explained: str | None = None
    listening_port: int | None = None
    dns_publishing: bool | None = None
    publish_domains: tuple[str, ...] | None = None
    low_priority: bool | None = None
    requests: Requests | None = None
    firewall_rules: tuple[FirewallRule, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something that could not be read, although it only adds to the picture.

    text:                        one sentence or more for a reader.
    doing, code, symbol, detail: the same in parts, as in the error of a failed task; code and symbol are None where Windows gave none.
    """

    text: str
    doing: str
    code: str | None
    symbol: str | None
    detail: str

    def facts(self) -> dict[str, t.Any]:
        """Return the parts as plain data."""
        return {"doing": self.doing, "code": self.code, "symbol": self.symbol, "detail": self.detail}


@dataclasses.dataclass(frozen=True)
class Activation:
    """Everything read from one machine at one time."""

    collected_at: datetime.datetime
    machine: Machine
    service: Service
    host: Host
    products: tuple[Product, ...]
    problem_details: tuple[Problem, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read, one text each."""
        return tuple(problem.text for problem in self.problem_details)

    def facts(self) -> dict[str, t.Any]:
        """Return everything as plain data: dicts, lists, strings, numbers, booleans, None."""
        primary = primary_product(self.products)
        return {
            "schema": SCHEMA,
            "collected_at": timestamp(self.collected_at),
            "machine": dataclasses.asdict(self.machine),
            "service": _plain(self.service),
            "host": {**_plain(self.host), "firewall_rules": _rules(self.host.firewall_rules)},
            "products": [_plain(product) for product in self.products],
            "primary": primary.activation_id if primary else None,
            "primary_candidates": [p.activation_id for p in windows_candidates(self.products)],
            "primary_reason": no_primary_reason(self.products),
            "problems": list(self.problems),
            "problem_details": [problem.facts() for problem in self.problem_details],
        }


def timestamp(moment: datetime.datetime) -> str:
    """Return a moment as ISO 8601 in UTC, to the second, with the letter Z."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def explain_count(count: int | None) -> str:
    """Return what a KMS host's count means for its clients (thresholds 25 and 5, cap 50: Microsoft: Learn, kms-activation-planning)."""
    if count is None:
        return "no request seen yet"
    if count < THRESHOLD_SERVER:
        verdict = f"too low for any client yet: Windows Server and Office need {THRESHOLD_SERVER}, Windows clients {THRESHOLD_CLIENT}"
    elif count < THRESHOLD_CLIENT:
        verdict = f"enough for Windows Server and Office ({THRESHOLD_SERVER}), too low for Windows clients ({THRESHOLD_CLIENT})"
    else:
        verdict = f"enough for Windows Server and Office ({THRESHOLD_SERVER}) and for Windows clients ({THRESHOLD_CLIENT})"
    return f"{count} machines counted; {verdict}; the count stops at {COUNT_CAP}"


def _plain(value: t.Any) -> t.Any:
    return _listed(dataclasses.asdict(value))


def _listed(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_listed(item) for item in value]
    return value


def _rules(rules: tuple[FirewallRule, ...] | None) -> list[dict[str, t.Any]] | None:
    return None if rules is None else [rule.facts() for rule in rules]
