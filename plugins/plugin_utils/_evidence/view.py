# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the way to a KMS host looks from a machine: what its resolver says, and where a TCP connection leads.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The plain shape is public: docs/names.md.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from .plain import build, plain

CONNECTED = "connected"
OUTCOMES = (CONNECTED, "refused", "timeout", "unreachable", "no_address")
"""How a TCP connection can end: the words of the operation Connect."""

SOURCES = ("configured", "cached", "srv", "asked")
"""Why an endpoint was tried: it is set on the client, it worked the last time, an SRV record names it, the user named it."""


@dataclasses.dataclass(frozen=True)
class SrvRecord:
    """One SRV record. ttl: seconds."""

    target: str
    port: int
    priority: int = 0
    weight: int = 0
    ttl: int | None = None


@dataclasses.dataclass(frozen=True)
class DomainView:
    """What a resolver says of C(_vlmcs._tcp) in one domain. status: found, no_record, no_name or error."""

    domain: str
    name: str | None = None
    status: str = "error"
    records: tuple[SrvRecord, ...] = ()
    problem: str | None = None


@dataclasses.dataclass(frozen=True)
class EndpointView:
    """One TCP connection that was tried. C(milliseconds) is how long it took, C(code) the socket's error number, C(seen_from) who tried."""

    host: str
    port: int
    outcome: str
    source: str | None = None
    address: str | None = None
    milliseconds: int | None = None
    code: int | None = None
    seen_from: str | None = None


@dataclasses.dataclass(frozen=True)
class Discovery:
    """What a machine finds by itself when it looks for a KMS host."""

    collected_at: datetime.datetime | None = None
    domains: tuple[DomainView, ...] = ()
    endpoints: tuple[EndpointView, ...] = ()
    problems: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return t.cast("dict[str, t.Any]", plain(self))


def read_discovery(data: t.Any, where: str = "discovery") -> Discovery:
    """Return a view made of plain data, C(discovery) of discovery_info. Raises EvidenceError."""
    return build(Discovery, data, where)


def read_endpoint(data: t.Any, where: str = "probe") -> EndpointView:
    """Return a probe made of plain data, one of C(endpoints) of endpoint_info. Raises EvidenceError."""
    return build(EndpointView, data, where)
