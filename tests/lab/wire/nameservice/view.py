# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name service as the machines of the lab see it: real messages to the lab's name servers, over real sockets (dnspython)."""

from __future__ import annotations

import typing as t

import dns.exception
import dns.inet
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import dns.update

from tests.lab.model.dns import NAME_ERROR, NO_RECORDS, DnsError
from tests.lab.model.resolver import Record

# Windows error codes for DNS are 9000 + rcode, as HRESULT 0x80070000 + code (Microsoft: Learn, System Error Codes 9000-11999).
_FACILITY_WIN32 = 0x80070000
_DNS_ERROR_RESPONSE_CODES_BASE = 9000
_ERROR_TIMEOUT = 1460
NO_SERVERS = 0x8007267C  # DNS_ERROR_NO_DNS_SERVERS
TIMEOUT = _FACILITY_WIN32 + _ERROR_TIMEOUT

_ONE_SERVER_SECONDS = 1.0
_TTL = 3600  # the TTL of published records is not documented for SRV; an hour is what the lab's other records have


class LabDns:
    """A resolver that asks C(servers), one after the other, on C(port), for names of C(domain). Every method raises DnsError."""

    def __init__(self, servers: t.Sequence[str], port: int, domain: str, timeout: float = _ONE_SERVER_SECONDS) -> None:
        self._servers = list(servers)
        self._port = port
        self._domain = domain
        self._timeout = timeout

    def srv(self, name: str) -> list[tuple[int, int, int, str]]:
        """Return the SRV records of C(name) as (priority, weight, port, target)."""
        return sorted(
            (rdata.priority, rdata.weight, rdata.port, rdata.target.to_text(omit_final_dot=True)) for rdata in self._resolve(name, "SRV")
        )

    def address(self, name: str) -> list[str]:
        """Return the IPv4 addresses of C(name); a name without a dot is taken within the domain."""
        full = name if "." in name.rstrip(".") else f"{name}.{self._domain}"
        return sorted(rdata.address for rdata in self._resolve(full, "A"))

    def records(self, name: str, kind: str) -> list[Record]:
        """Return every record of the answer for a whole name.

        Where the name has no record of that type, the zone's SOA record comes back from the authority section, as Windows gives it (published outputs of
        Resolve-DnsName). Raises DnsError, NO_RECORDS where the answer has not even that.
        """
        response = self._response(name, kind)
        sections = (("Answer", response.answer), ("Authority", response.authority), ("Additional", response.additional))
        found = [
            record
            for section, rrsets in sections
            for rrset in rrsets
            for rdata in rrset
            if (record := _record(section, rrset, rdata)) is not None
        ]
        if not found:
            raise DnsError(NO_RECORDS)
        return found

    def only(self, server: str) -> LabDns:
        """Return a view that asks one server alone, by its address. Raises DnsError for anything else: the lab's servers have no names of their own."""
        if not dns.inet.is_address(server):
            raise DnsError(NO_SERVERS)
        return LabDns([server], self._port, self._domain, self._timeout)

    def publish_srv(self, domain: str, priority: int, weight: int, port: int, target: str, address: str) -> None:
        """Add the host's SRV and address records by dynamic update (RFC 2136), at the first server that answers."""
        update = dns.update.UpdateMessage(domain)
        update.add(f"_vlmcs._tcp.{domain}.", _TTL, "SRV", f"{priority} {weight} {port} {target.rstrip('.')}.")
        if dns.name.from_text(target).is_subdomain(dns.name.from_text(domain)):
            update.replace(f"{target.rstrip('.')}.", _TTL, "A", address)
        self._update(update)

    def _update(self, update: dns.update.UpdateMessage) -> None:
        if not self._servers:
            raise DnsError(NO_SERVERS)
        code = TIMEOUT
        for server in self._servers:
            try:
                response = dns.query.tcp(update, server, timeout=self._timeout, port=self._port)
            except (dns.exception.DNSException, OSError):
                continue
            if response.rcode() == dns.rcode.NOERROR:
                return
            code = _code(response.rcode())
        raise DnsError(code)

    def _resolve(self, name: str, kind: str) -> list[t.Any]:
        response = self._response(name, kind)
        found = [rdata for rrset in response.answer if rrset.rdtype == dns.rdatatype.from_text(kind) for rdata in rrset]
        if not found:
            raise DnsError(NO_RECORDS)
        return found

    def _response(self, name: str, kind: str) -> dns.message.Message:
        if not self._servers:
            raise DnsError(NO_SERVERS)
        try:
            query = dns.message.make_query(name.rstrip(".") + ".", kind)
        except dns.exception.DNSException:
            raise DnsError(NAME_ERROR) from None
        code = TIMEOUT
        for server in self._servers:
            try:
                response, _tcp = dns.query.udp_with_fallback(query, server, timeout=self._timeout, port=self._port)
            except (dns.exception.DNSException, OSError):
                continue
            rcode = response.rcode()
            if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                code = _code(rcode)
                continue
            if rcode == dns.rcode.NXDOMAIN:
                raise DnsError(NAME_ERROR)
            return response
        raise DnsError(code)


def _code(rcode: dns.rcode.Rcode) -> int:
    return _FACILITY_WIN32 + _DNS_ERROR_RESPONSE_CODES_BASE + int(rcode)


def _record(section: str, rrset: dns.rrset.RRset, rdata: t.Any) -> Record | None:
    """Return a record with the fields that Resolve-DnsName gives for its type; None for a type that the lab's name servers do not have."""
    name = _text(rrset.name)
    kind = dns.rdatatype.to_text(rrset.rdtype)
    data: dict[str, int | str | list[str]]
    match kind:
        case "A":
            data = {"IPAddress": rdata.address, "IP4Address": rdata.address, "Address": rdata.address}
        case "AAAA":
            data = {"IPAddress": rdata.address, "IP6Address": rdata.address, "Address": rdata.address}
        case "SRV":
            data = {"NameTarget": _text(rdata.target), "Priority": rdata.priority, "Weight": rdata.weight, "Port": rdata.port}
        case "CNAME" | "PTR" | "NS":
            data = {"NameHost": _text(rdata.target), "Server": _text(rdata.target)}
        case "TXT":
            texts = [part.decode("utf-8", errors="replace") for part in rdata.strings]
            data = {"Strings": texts, "Text": texts}
        case "SOA":
            data = {
                "PrimaryServer": _text(rdata.mname),
                "NameAdministrator": _text(rdata.rname),
                "Administrator": _text(rdata.rname),
                "SerialNumber": rdata.serial,
                "TimeToZoneRefresh": rdata.refresh,
                "TimeToZoneFailureRetry": rdata.retry,
                "TimeToExpiration": rdata.expire,
                "DefaultTTL": rdata.minimum,
            }
        case _:
            return None
    return Record(section, name, kind, rrset.ttl, len(rdata.to_wire()), data)


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True)
