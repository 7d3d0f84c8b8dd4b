# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP endpoints: how they are written, and what comes of connecting to them. No message is sent over a connection.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Runs on target machines too: Python 3.9, standard library only.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import errno
import ipaddress
import re
import socket
import time
import typing as t

DEFAULT_PORT = 1688
"""Port of a KMS host where none is given (Microsoft: Learn, Deploy KMS Activation)."""

OUTCOMES = ("connected", "refused", "timeout", "unreachable", "no_address")
"""How a connection can end, the most telling first: of several addresses of a host the first word in this order counts."""

AT_ONCE = 16
"""Endpoints that are tried side by side."""

_WRITTEN = re.compile(r"(\[[^\[\]]+\]|[^:\[\]\s/]+)(?::([0-9]+))?")
_NAME = re.compile(r"[^:\[\]\s/]+")
_PORT = re.compile("0|[1-9][0-9]{0,4}")
_HOW = "write it as host, host:port, [IPv6 address]:port, or a mapping with host and port"


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Name or address of a host, and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclasses.dataclass(frozen=True)
class Probe:
    """What came of one endpoint. address: the one that the outcome is of; milliseconds: for all addresses together; code: errno, or that of getaddrinfo."""

    endpoint: Endpoint
    outcome: str
    address: str | None
    milliseconds: int
    code: int | None


def parse_endpoints(values: t.Iterable[t.Any]) -> list[Endpoint]:
    """Return endpoints as they were written, each once. Raises ValueError that names the first one that is none, and how to write it."""
    return list(dict.fromkeys(_parse(value) for value in values))


def _parse(value: t.Any) -> Endpoint:
    if isinstance(value, dict):
        if not set(value) <= {"host", "port"} or not value.get("host"):
            raise ValueError(f"an endpoint has the keys {', '.join(map(str, value)) or 'of nothing'}; {_HOW}")
        host, port = value["host"], value.get("port", DEFAULT_PORT)
        if not isinstance(host, str):
            raise ValueError(f"{host!r} is no name or address of a host; {_HOW}")  # noqa: TRY004  (one kind of error for every endpoint)
        host = host.strip()
    elif isinstance(value, str):
        # An IPv6 address without brackets has colons of its own, and so no port.
        found = None if _is_ipv6(value.strip()) else _WRITTEN.fullmatch(value.strip())
        host, port = (value.strip(), None) if found is None else found.groups()
        if found is None and not _is_ipv6(host):
            raise ValueError(f"{host!r} is no endpoint; {_HOW}")
        port = DEFAULT_PORT if port is None else port
    else:
        raise ValueError(f"{value!r} is no endpoint; {_HOW}")  # noqa: TRY004
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not _is_ipv6(bare) and (bare != host or not _NAME.fullmatch(host) or not host.isprintable()):
        raise ValueError(f"{host!r} is no name or address of a host; {_HOW}")
    if isinstance(port, bool) or not _PORT.fullmatch(str(port)) or not 1 <= int(port) <= 65535:
        raise ValueError(f"the port of {bare} is {port}; ports go from 1 to 65535")
    return Endpoint(bare, int(port))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def probe_all(endpoints: t.Sequence[Endpoint], timeout_seconds: float) -> list[Probe]:
    """Return what came of each endpoint, in their order; up to L(AT_ONCE) are tried side by side."""
    with concurrent.futures.ThreadPoolExecutor(max(1, min(AT_ONCE, len(endpoints)))) as workers:
        return list(workers.map(lambda endpoint: probe(endpoint, timeout_seconds), endpoints))


def probe(endpoint: Endpoint, timeout_seconds: float) -> Probe:
    """Connect to an endpoint and close the connection: to each address of the host in turn, until one answers.

    timeout_seconds: for each address, above 0. How long the resolver takes is its own affair.
    """
    started = time.monotonic()

    def told(outcome: str, address: str | None, code: int | None) -> Probe:
        return Probe(endpoint, outcome, address, round((time.monotonic() - started) * 1000), code)

    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        # UnicodeError: a label that no DNS name can have.
        return told("no_address", None, getattr(error, "errno", None))
    tried: list[tuple[str, str, int | None]] = []
    for family, kind, protocol, _name, address in found:
        outcome, code = _connect(family, kind, protocol, address, timeout_seconds)
        tried.append((outcome, str(address[0]), code))
        if outcome == "connected":
            break
    if not tried:
        return told("no_address", None, None)
    return told(*min(tried, key=lambda row: OUTCOMES.index(row[0])))


def _connect(family: int, kind: int, protocol: int, address: t.Any, timeout_seconds: float) -> tuple[str, int | None]:
    try:
        with socket.socket(family, kind, protocol) as connection:
            connection.settimeout(timeout_seconds)
            connection.connect(address)
    except ConnectionRefusedError as error:
        return "refused", error.errno
    except OSError as error:
        # socket.timeout is an OSError of its own before Python 3.10.
        timed_out = isinstance(error, socket.timeout) or error.errno == errno.ETIMEDOUT
        return ("timeout" if timed_out else "unreachable"), error.errno
    return "connected", None


def as_result(probes: t.Sequence[Probe], seen_from: str) -> dict[str, t.Any]:
    """Return a module's result: a row for each endpoint, whether all could be reached, and what could not in one line."""
    rows = [
        {
            "host": one.endpoint.host,
            "port": one.endpoint.port,
            "outcome": one.outcome,
            "address": one.address,
            "milliseconds": one.milliseconds,
            "code": one.code,
            "seen_from": seen_from,
        }
        for one in probes
    ]
    failed = [one for one in probes if one.outcome != "connected"]
    msg = " ".join(f"{one.endpoint} {_SENTENCES[one.outcome].format(seen_from=seen_from)}." for one in failed)
    return {"endpoints": rows, "reachable": not failed, "msg": msg or f"Every endpoint answers {seen_from}."}


_SENTENCES = {
    "refused": "refuses connections from {seen_from}: the machine answers and nothing listens there, or a firewall says no",
    "timeout": "does not answer {seen_from} in time: a firewall on the way or on the machine drops it, or the machine is off",
    "unreachable": "can't be reached from {seen_from}: there is no route to it",
    "no_address": "has no address for {seen_from}: its resolver does not know the name",
}
