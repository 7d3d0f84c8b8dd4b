# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS questions, by dnspython: a resolver's view of a name, and that of each authoritative server by itself.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Runs on target machines too: Python 3.9 and dnspython only. Importing this file without dnspython works; L(IMPORT_ERROR) then holds the
traceback, and nothing here may be called.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import traceback
import typing as t

from ._srv import Record, ServerAnswer, normal_name

IMPORT_ERROR: str | None
try:
    import dns.exception
    import dns.flags
    import dns.inet
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.resolver
except ImportError:
    IMPORT_ERROR = traceback.format_exc()
else:
    IMPORT_ERROR = None

MAX_PARALLEL = 16
"""Servers asked at the same time: an Active Directory zone has one for each domain controller."""

_RCODE_STATUS = {"REFUSED": "refused", "SERVFAIL": "servfail", "NXDOMAIN": "nxdomain"}


class DnsSetupError(Exception):
    """The questions cannot be asked at all: no resolver is configured, or an address or a name is not one."""


@dataclasses.dataclass(frozen=True)
class Resolved:
    """What a resolver said: a status of _srv.STATUSES, the rows it gave, and a detail or None."""

    status: str
    records: tuple[Record, ...] = ()
    detail: str | None = None


@dataclasses.dataclass(frozen=True)
class Zone:
    """The zone that holds a name and the names of its servers. Without a zone or servers, C(problem) says why."""

    name: str | None
    servers: tuple[str, ...] = ()
    problem: str | None = None


def absolute_name(text: str) -> dns.name.Name:
    """Return a text as an absolute DNS name, with IDNA where it is not ASCII. Raises DnsSetupError when it is not a DNS name."""
    try:
        name = dns.name.from_text(text)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise DnsSetupError(f"{text!r} is not a DNS name: {error}") from error
    return name


class Client:
    """Asks a resolver, and authoritative servers one by one.

    name_servers: addresses of the resolver to ask; none means the one this machine is configured with.
    port:         port of the resolver and of every authoritative server.
    timeout:      seconds that one question may take, repetition included; more than 0.

    Raises DnsSetupError when there is no resolver to ask.
    """

    def __init__(self, name_servers: t.Sequence[str] = (), port: int = 53, timeout: float = 5.0) -> None:
        for address in name_servers:
            if not dns.inet.is_address(address):
                raise DnsSetupError(f"name server {address!r} is not an IP address")
        try:
            self._resolver = dns.resolver.Resolver(configure=not name_servers)
        except dns.exception.DNSException as error:
            raise DnsSetupError(f"this machine has no resolver configured ({error}); name one in name_servers") from error
        if name_servers:
            self._resolver.nameservers = list(name_servers)
        self._resolver.port = port
        self._resolver.lifetime = timeout
        # Twice around all servers within the time: one lost packet or one dead server does not end the question.
        self._resolver.timeout = timeout / (2 * max(1, len(self._resolver.nameservers)))
        self._port = port
        self._timeout = timeout

    @property
    def name_servers(self) -> list[str]:
        """The addresses of the resolver that is asked."""
        return [str(server) for server in self._resolver.nameservers]

    def srv(self, name: dns.name.Name) -> Resolved:
        """Return the resolver's SRV records of a name."""
        answer, failed = self._ask(name, "SRV")
        if answer is None:
            return failed
        if answer.rrset is None:
            return Resolved("no_record")
        return Resolved("answered", tuple(_record(rdata, answer.rrset.ttl) for rdata in answer.rrset))

    def addresses(self, name: dns.name.Name) -> list[str]:
        """Return the IPv4 and IPv6 addresses that the resolver has for a name, sorted, IPv4 first; none when it has none or fails."""
        found: list[str] = []
        for kind in ("A", "AAAA"):
            answer, _failed = self._ask(name, kind)
            if answer is not None and answer.rrset is not None:
                found += sorted(rdata.address for rdata in answer.rrset)
        return found

    def zone_of(self, name: dns.name.Name) -> Zone:
        """Return the zone that holds a name, found by walking up to the first SOA, and its servers."""
        try:
            zone = dns.resolver.zone_for_name(name, resolver=self._resolver)
        except (dns.exception.DNSException, OSError) as error:
            failed = _status_of(error)
            return Zone(None, (), f"The zone that holds {_text(name)} could not be found: {failed.detail or failed.status}.")
        if zone == dns.name.root:
            # The walk ended at the top: nobody is in charge of the domain, and the root servers know nothing of it.
            text = f"The resolver knows no zone that holds {_text(name)}: the domain is not delegated, or the resolver is the wrong one."
            return Zone(None, (), text)
        answer, failed = self._ask(zone, "NS")
        if answer is None or answer.rrset is None:
            reason = failed.detail or failed.status
            return Zone(_text(zone), (), f"The name servers of the zone {_text(zone)} could not be learned: {reason}.")
        return Zone(_text(zone), tuple(sorted(_text(rdata.target) for rdata in answer.rrset)))

    def ask_servers(self, name: dns.name.Name, servers: t.Sequence[str]) -> list[ServerAnswer]:
        """Return what each address of each server says about the SRV records of a name; a server without an address is a row too."""
        with concurrent.futures.ThreadPoolExecutor(max_workers=MAX_PARALLEL) as pool:
            targets: list[tuple[str, str | None]] = []
            for server, addresses in pool.map(lambda server: (server, self.addresses(absolute_name(server))), servers):
                targets += [(server, address) for address in addresses] or [(server, None)]
            return list(pool.map(lambda target: self._ask_one(name, *target), targets))

    def _ask_one(self, name: dns.name.Name, server: str, address: str | None) -> ServerAnswer:
        if address is None:
            return ServerAnswer(server, None, "unreachable", detail="its name has no address")
        try:
            response = self._exchange(name, address)
        except (dns.exception.DNSException, OSError) as error:
            failed = _status_of(error)
            return ServerAnswer(server, address, failed.status, detail=failed.detail)
        rcode = dns.rcode.to_text(response.rcode())
        authoritative = bool(response.flags & dns.flags.AA)
        # Of an alias the server gives the records of its target along, under another name: all SRV records of the answer count.
        records = tuple(_record(rdata, rrset.ttl) for rrset in response.answer if rrset.rdtype == dns.rdatatype.SRV for rdata in rrset)
        if rcode in ("REFUSED", "SERVFAIL"):
            return ServerAnswer(server, address, _RCODE_STATUS[rcode], authoritative)
        if rcode not in ("NOERROR", "NXDOMAIN"):
            return ServerAnswer(server, address, "error", authoritative, detail=f"it answered {rcode}")
        if not authoritative:
            return ServerAnswer(server, address, "not_authoritative", False, records)
        if rcode == "NXDOMAIN":
            return ServerAnswer(server, address, "nxdomain", True)
        return ServerAnswer(server, address, "answered" if records else "no_record", True, records)

    def _exchange(self, name: dns.name.Name, address: str) -> dns.message.Message:
        """Ask one server without recursion: over UDP, twice when nothing comes back; over TCP when the answer was truncated."""
        query = dns.message.make_query(name, dns.rdatatype.SRV, use_edns=0)
        query.flags &= ~dns.flags.RD
        for last in (False, True):
            try:
                response = self._send(query, address)
            except dns.exception.Timeout:
                if last:
                    raise
                continue
            if response.rcode() == dns.rcode.FORMERR and query.edns >= 0:
                query.use_edns(False)  # an old server that knows no EDNS says so in this way (RFC 6891, 7)
                response = self._send(query, address)
            return response
        raise AssertionError("the loop returns or raises")

    def _send(self, query: dns.message.Message, address: str) -> dns.message.Message:
        response, _tcp = dns.query.udp_with_fallback(query, address, timeout=self._timeout / 2, port=self._port, ignore_unexpected=True)
        return response

    def _ask(self, name: dns.name.Name, kind: str) -> tuple[dns.resolver.Answer | None, Resolved]:
        """Return the resolver's answer (without an rrset where there is no such record), or None and what went wrong."""
        try:
            return self._resolver.resolve(name, kind, raise_on_no_answer=False, search=False), Resolved("no_record")
        except (dns.exception.DNSException, OSError) as error:
            return None, _status_of(error)


def _record(rdata: t.Any, ttl: int) -> Record:
    return Record(_text(rdata.target), rdata.port, rdata.priority, rdata.weight, ttl)


def _text(name: dns.name.Name) -> str:
    return normal_name(name.to_text())


def _status_of(error: Exception) -> Resolved:
    """Return what an exception of dnspython or of the socket means, as a status and a detail."""
    if isinstance(error, dns.resolver.NXDOMAIN):
        return Resolved("nxdomain", detail="the name does not exist")
    if isinstance(error, dns.resolver.NoNameservers):
        # Every server of the resolver failed; each left (server, tcp, port, error or rcode text, response or None).
        for row in reversed(error.kwargs.get("errors") or []):
            response = row[4] if len(row) > 4 else None
            if response is not None:
                rcode = dns.rcode.to_text(response.rcode())
                return Resolved(_RCODE_STATUS.get(rcode, "error"), detail=f"the resolver answered {rcode}")
            if isinstance(row[3], Exception):
                return _status_of(row[3])
        return Resolved("error", detail=str(error))
    if isinstance(error, dns.exception.Timeout):
        return Resolved("timeout")
    if isinstance(error, OSError):
        return Resolved("unreachable", detail=error.strerror or str(error))
    return Resolved("error", detail=str(error) or type(error).__name__)
