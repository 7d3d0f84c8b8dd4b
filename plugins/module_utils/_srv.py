# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What SRV records mean: names, order, and whether everybody who was asked gave the same answer. Pure: no network, no clock.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Runs on target machines too: Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

COUNTED = frozenset(("answered", "no_record", "nxdomain"))
"""Statuses that tell what a server holds. The others tell only that it could not be learned."""

STATUSES = ("answered", "no_record", "nxdomain", "refused", "servfail", "timeout", "unreachable", "not_authoritative", "error")

RESOLVER = "resolver"
"""The resolver's label among those of servers."""


@dataclasses.dataclass(frozen=True)
class Record:
    """One SRV record (RFC 2782). The time to live (seconds) is no part of its identity: a cache counts it down.

    target is in lower case without the closing dot; "." stands for "this service is not available here".
    """

    target: str
    port: int
    priority: int
    weight: int
    ttl: int = dataclasses.field(default=0, compare=False)

    @property
    def endpoint(self) -> Endpoint:
        """Where a client would connect: what identifies a KMS host's record among others."""
        return Endpoint(self.target, self.port)


@dataclasses.dataclass(frozen=True, order=True)
class Endpoint:
    """Target and port of a record."""

    target: str
    port: int

    def __str__(self) -> str:
        return f"{self.target}:{self.port}"


@dataclasses.dataclass(frozen=True)
class ServerAnswer:
    """What one address of one authoritative name server said.

    server:        the name in the zone's NS record.
    address:       the address asked; None when the name has none.
    status:        one of L(STATUSES).
    authoritative: the answer carried the flag AA.
    records:       the SRV records in it.
    detail:        what is to be known beyond the status, or None.
    """

    server: str
    address: str | None
    status: str
    authoritative: bool = False
    records: tuple[Record, ...] = ()
    detail: str | None = None

    @property
    def label(self) -> str:
        """The server as sentences call it."""
        return f"{self.server} ({self.address})" if self.address else self.server


@dataclasses.dataclass(frozen=True)
class Difference:
    """An endpoint and who lacks it, or has it without being expected to: L(RESOLVER) or labels of servers."""

    endpoint: Endpoint
    where: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The conclusion for one domain.

    consistent: at least one authoritative server could be asked, and all that could gave the same records.
    proven:     the resolver and every authoritative server, none left out, have every expected endpoint; None when nothing was expected.
    published:  every expected endpoint is on one authoritative server at least: what is left is replication; None when nothing was
                expected or no authoritative server could be asked.
    missing:    expected endpoints and who lacks them.
    unexpected: other endpoints and who has them; empty when nothing was expected.
    problems:   plain sentences, most important first.
    """

    consistent: bool
    proven: bool | None
    published: bool | None
    missing: tuple[Difference, ...]
    unexpected: tuple[Difference, ...]
    problems: tuple[str, ...]


def normal_name(text: str) -> str:
    """Return a DNS name for comparison: lower case, without the closing dot ("." stays)."""
    lowered = text.strip().lower()
    return lowered[:-1] if lowered.endswith(".") and lowered != "." else lowered


def check_service(service: str) -> str:
    """Return the service label pair, e.g. C(_vlmcs._tcp). Raises ValueError with the reason when it is none."""
    name = normal_name(service)
    if not re.fullmatch(r"_[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\._(?:tcp|udp)", name):
        raise ValueError(f"service {service!r} is not of the form _service._tcp or _service._udp")
    return name


def check_domain(domain: str, service: str) -> str:
    """Return the domain in normal form. Raises ValueError with the reason when a record of the service cannot live there."""
    name = normal_name(domain)
    if not name or name == ".":
        raise ValueError("an empty domain name was given; name the DNS domain, for example corp.example.com")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        raise ValueError(f"{domain!r} is an address; a DNS domain is needed, for example corp.example.com")
    if name == service or name.startswith(service + "."):
        raise ValueError(f"{domain!r} already holds the service name {service}; name the domain only")
    if re.search(r"\s", name) or ".." in name or name.startswith("."):
        raise ValueError(f"{domain!r} is not a DNS name")
    return name


def in_order(records: t.Iterable[Record]) -> list[Record]:
    """Return records as a client would come to them: by priority, within one priority the heavier first, then by name.

    RFC 2782 has clients choose at random, by weight, within one priority; this order is the most likely one, and stable.
    """
    return sorted(records, key=lambda record: (record.priority, -record.weight, record.target, record.port))


def judge(
    name: str,
    resolver_status: str,
    resolved: t.Sequence[Record],
    answers: t.Sequence[ServerAnswer],
    expected: t.Sequence[Endpoint],
) -> Verdict:
    """Conclude from what the resolver and the authoritative servers said about C(name).

    resolver_status: one of L(STATUSES); resolved: the resolver's records.
    answers:         one for each address of each server of the zone; empty when the zone's servers could not be found.
    expected:        endpoints that ought to be there; none means that nothing is expected.
    """
    counted = [answer for answer in answers if answer.status in COUNTED]
    heard = {answer.server for answer in counted}
    silent = {answer.server for answer in answers} - heard
    sets = {frozenset(answer.records) for answer in counted}
    consistent = len(sets) == 1

    holders: list[tuple[str, frozenset[Endpoint]]] = []
    if resolver_status in COUNTED:
        holders.append((RESOLVER, frozenset(record.endpoint for record in resolved)))
    holders += [(answer.label, frozenset(record.endpoint for record in answer.records)) for answer in counted]

    missing = tuple(
        Difference(endpoint, where)
        for endpoint in sorted(set(expected))
        for where in [tuple(label for label, endpoints in holders if endpoint not in endpoints)]
        if where
    )
    strangers = {endpoint for _label, endpoints in holders for endpoint in endpoints} - set(expected) if expected else set()
    unexpected = tuple(
        Difference(endpoint, tuple(label for label, endpoints in holders if endpoint in endpoints)) for endpoint in sorted(strangers)
    )
    proven = published = None
    if expected:
        on_servers = {record.endpoint for answer in counted for record in answer.records}
        published = set(expected) <= on_servers if counted else None
        proven = resolver_status in COUNTED and bool(heard) and not silent and not missing

    problems = [
        *_resolver_problems(name, resolver_status, resolved),
        *_missing_problems(name, missing),
        *_agreement_problems(name, resolver_status, resolved, counted, consistent),
        *_server_problems(answers, heard),
    ]
    if not answers:
        problems.append(f"No authoritative name server of {name} could be asked.")
    return Verdict(consistent, proven, published, missing, unexpected, tuple(problems))


def _resolver_problems(name: str, status: str, records: t.Sequence[Record]) -> t.Iterator[str]:
    texts = {
        "no_record": f"The resolver says that {name} exists but has no SRV record.",
        "nxdomain": f"The resolver says that {name} does not exist.",
        "refused": f"The resolver refused to answer for {name}.",
        "servfail": f"The resolver failed (SERVFAIL) on {name}: the zone's servers may be unreachable for it, or the zone is broken.",
        "timeout": f"The resolver did not answer for {name} in time.",
        "unreachable": f"The resolver could not be reached for {name}.",
        "error": f"The resolver gave no usable answer for {name}.",
    }
    if status in texts:
        yield texts[status]
    if any(record.target == "." for record in records):
        yield f"A record of {name} has the target '.', which says that the service is not available in this domain (RFC 2782)."


def _missing_problems(name: str, missing: t.Sequence[Difference]) -> t.Iterator[str]:
    for difference in missing:
        where = ["the resolver" if label == RESOLVER else label for label in difference.where]
        yield f"{name} has no record for {difference.endpoint} according to {_list(where)}."


def _agreement_problems(
    name: str, resolver_status: str, resolved: t.Sequence[Record], counted: t.Sequence[ServerAnswer], consistent: bool
) -> t.Iterator[str]:
    if len({frozenset(answer.records) for answer in counted}) > 1:
        for record in in_order({record for answer in counted for record in answer.records}):
            have = [answer.label for answer in counted if record in answer.records]
            lack = [answer.label for answer in counted if record not in answer.records]
            if lack:
                shown = f"{record.endpoint} (priority {record.priority}, weight {record.weight})"
                yield f"The authoritative servers differ: {shown} is on {_list(have)}, not on {_list(lack)}."
        # Microsoft: Open Specifications, MS-ADA3, replInterval: no less than 15 minutes between sites.
        yield "A change may still be on its way: between the sites of an Active Directory that takes 15 minutes at the least."
    elif consistent and resolver_status in COUNTED and frozenset(resolved) != frozenset(counted[0].records):
        ttl = max((record.ttl for record in resolved), default=0)
        until = f" for up to {ttl} s more" if ttl else " until the zone's negative caching time is over"
        yield f"The resolver's records of {name} differ from those of its authoritative servers: it may hold old ones{until}."


def _server_problems(answers: t.Sequence[ServerAnswer], heard: t.AbstractSet[str]) -> t.Iterator[str]:
    texts = {
        "refused": "refused the question",
        "servfail": "failed (SERVFAIL); it may not have loaded the zone",
        "timeout": "did not answer in time",
        "unreachable": "could not be reached",
        "not_authoritative": "is named in the zone's NS records but does not answer with authority",
        "error": "gave no usable answer",
    }
    for answer in answers:
        if answer.status not in texts:
            continue
        if answer.status == "unreachable" and answer.server in heard and answer.address and ":" in answer.address:
            continue  # this machine has no IPv6; the server was heard over IPv4, so nothing is wrong with it
        yield f"{answer.label} {texts[answer.status]}{': ' + answer.detail if answer.detail else ''}."


def _list(items: t.Sequence[str]) -> str:
    """Return names as a sentence has them: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1]))) if items else "nobody"
