# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of one machine as evidence: the structure of activation_info, with everything optional.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The shape of L(Facts.as_dict) is public: docs/names.md.

C(_licensing.model) is what a machine that was asked certainly told; this is what a facts file, a pasted text or another version may hold. None means
"not seen". Units and meanings are those of the fields of the same name there.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from .codes import CodeFacts
from .plain import EvidenceError, build, plain

SCHEMA = 1
"""Number of the structure that is read and written here: that of C(_licensing.model)."""


@dataclasses.dataclass(frozen=True)
class MachineFacts:
    """The Windows installation."""

    name: str | None = None
    fqdn: str | None = None
    caption: str | None = None
    edition_id: str | None = None
    build: int | None = None
    version: str | None = None
    product_type: str | None = None
    language: int | None = None
    clock_offset_seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class KmsMachineFacts:
    """A KMS host as a level of a client's settings names it."""

    name: str | None = None
    port: int | None = None
    level: str | None = None
    address: str | None = None
    activation_id: str | None = None


@dataclasses.dataclass(frozen=True)
class LookupDomainFacts:
    """The DNS domain in which a client looks for SRV records, where one is set."""

    domain: str | None = None
    level: str | None = None
    activation_id: str | None = None


@dataclasses.dataclass(frozen=True)
class ServiceFacts:
    """The licensing service and its machine-wide settings."""

    version: str | None = None
    cmid: str | None = None
    state: str | None = None
    start_mode: str | None = None
    host_caching: bool | None = None
    activation_interval_minutes: int | None = None
    renewal_interval_minutes: int | None = None
    rearms_remaining: int | None = None
    kms_machine_configured: KmsMachineFacts | None = None
    kms_machine_discovered: KmsMachineFacts | None = None
    kms_machines_set: tuple[KmsMachineFacts, ...] | None = None
    kms_lookup_domain: LookupDomainFacts | None = None
    kms_host_product_id: str | None = None


@dataclasses.dataclass(frozen=True)
class RequestsFacts:
    """Cumulative requests that a host got."""

    total: int | None = None
    failed: int | None = None
    unlicensed: int | None = None
    licensed: int | None = None
    oob_grace: int | None = None
    oot_grace: int | None = None
    non_genuine_grace: int | None = None
    notification: int | None = None


@dataclasses.dataclass(frozen=True)
class ProductFacts:
    """One keyed product."""

    activation_id: str | None = None
    application_id: str | None = None
    application: str | None = None
    name: str | None = None
    description: str | None = None
    product_key_channel: str | None = None
    role: str | None = None
    partial_key: str | None = None
    license_status: int | None = None
    license_status_word: str | None = None
    reason: CodeFacts | None = None
    grace_minutes: int | None = None
    expires_at: str | None = None
    evaluation_ends_at: str | None = None
    is_addon: bool | None = None
    required_count: int | None = None
    activation_type: str | None = None
    activation_type_enabled: str | None = None
    activation_interval_minutes: int | None = None
    renewal_interval_minutes: int | None = None
    kms_machine_configured: KmsMachineFacts | None = None
    kms_machine_discovered: KmsMachineFacts | None = None
    kms_lookup_domain: LookupDomainFacts | None = None
    kms_host_product_id: str | None = None
    count: int | None = None
    requests: RequestsFacts | None = None


@dataclasses.dataclass(frozen=True)
class FirewallRuleFacts:
    """One inbound rule of the Key Management Service group."""

    name: str | None = None
    display_name: str | None = None
    enabled: bool | None = None
    profiles: tuple[str, ...] | None = None
    action: str | None = None


@dataclasses.dataclass(frozen=True)
class HostFacts:
    """The KMS host side of a machine."""

    is_kms_host: bool | None = None
    activation_id: str | None = None
    count: int | None = None
    count_explained: str | None = None
    listening_port: int | None = None
    dns_publishing: bool | None = None
    publish_domains: tuple[str, ...] | None = None
    low_priority: bool | None = None
    requests: RequestsFacts | None = None
    firewall_rules: tuple[FirewallRuleFacts, ...] | None = None


@dataclasses.dataclass(frozen=True)
class ProblemFacts:
    """Something that could not be read."""

    doing: str | None = None
    code: str | None = None
    symbol: str | None = None
    detail: str | None = None


@dataclasses.dataclass(frozen=True)
class Facts:
    """Everything that is known of one machine at one time."""

    schema: int = SCHEMA
    collected_at: datetime.datetime | None = None
    machine: MachineFacts = MachineFacts()
    service: ServiceFacts = ServiceFacts()
    host: HostFacts = HostFacts()
    products: tuple[ProductFacts, ...] = ()
    primary: str | None = None
    primary_candidates: tuple[str, ...] = ()
    primary_reason: str | None = None
    problems: tuple[str, ...] = ()
    problem_details: tuple[ProblemFacts, ...] = ()

    def as_dict(self) -> dict[str, t.Any]:
        """Return the facts as plain data, in the structure of activation_info."""
        return t.cast("dict[str, t.Any]", plain(self))


def read_facts(data: t.Any, where: str = "facts") -> Facts:
    """Return facts made of plain data, a line of a facts file or C(activation) of activation_info.

    Keys that are not known, of a newer version, are left alone. Raises EvidenceError for data of a wrong shape and for another schema number.
    """
    facts = build(Facts, data, where)
    if facts.schema != SCHEMA:
        raise EvidenceError(f"{where} has schema {facts.schema}, and this version of activation.kms reads schema {SCHEMA}")
    return facts
