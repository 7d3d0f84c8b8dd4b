# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A domain's zone on one name server: answers and dynamic updates, without sockets. dnspython does the wire format.

RFC 1035 and 2308 for answers, RFC 2136 for updates. Prerequisites are not implemented (NOTIMP): no host of the lab sends any.
"""

from __future__ import annotations

import threading
import typing as t

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.update
import dns.zone

TTL = 3600
_MAY_CHANGE = (dns.rdatatype.SRV, dns.rdatatype.A)


class Zone:
    """The zone of C(domain) as one server has it. C(records) are (full name, type, text). Safe for threads."""

    def __init__(self, domain: str, servers: t.Sequence[str], records: t.Iterable[tuple[str, str, str]]) -> None:
        self.origin = dns.name.from_text(domain)
        self._lock = threading.Lock()
        self._zone = dns.zone.Zone(self.origin, relativize=False)
        self._put(domain, "SOA", f"{servers[0]}. hostmaster.{domain}. 1 900 600 86400 {TTL}")
        for server in servers:
            self._put(domain, "NS", f"{server}.")
        for name, kind, text in records:
            self._put(name, kind, text)

    def _put(self, name: str, kind: str, text: str) -> None:
        self._add(dns.name.from_text(name), dns.rdataset.from_text("IN", kind, TTL, text))

    def _add(self, name: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> None:
        present = self._zone.find_rdataset(name, rdataset.rdtype, create=True)
        for rdata in rdataset:
            present.add(rdata, rdataset.ttl)

    def records(self) -> list[dict[str, t.Any]]:
        """Return every record as name, type, TTL and text."""
        with self._lock:
            found = [
                {"name": str(name), "type": dns.rdatatype.to_text(rdata.rdtype), "ttl": ttl, "text": rdata.to_text()}
                for name, ttl, rdata in self._zone.iterate_rdatas()
            ]
        return sorted(found, key=lambda record: (record["name"], record["type"], record["text"]))

    def copy_from(self, other: Zone) -> None:
        """Take over the records of another server's zone."""
        with other._lock:
            nodes = list(other._zone.iterate_rdatasets())
            copies = [(name, dns.rdataset.from_rdata_list(rdataset.ttl, list(rdataset))) for name, rdataset in nodes]
        with self._lock:
            self._zone.nodes.clear()
            for name, rdataset in copies:
                self._add(name, rdataset)

    # Queries --------------------------------------------------------------------------------------------------------------------

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """Return the authoritative answer to a query with one question, for a name in this zone."""
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        question = query.question[0]
        with self._lock:
            node = self._zone.get_node(question.name)
            wanted = [] if node is None else [item for item in node.rdatasets if question.rdtype in (item.rdtype, dns.rdatatype.ANY)]
            for rdataset in wanted:
                response.answer.append(_rrset(question.name, rdataset))
            if wanted:
                self._add_addresses(response, wanted)
            else:
                response.authority.append(_rrset(self.origin, self._zone.find_rdataset(self.origin, dns.rdatatype.SOA)))
                # RFC 2308, 2: a name that exists, or that only has names below it (RFC 8020), is NODATA, not NXDOMAIN.
                if node is None and not any(name.is_subdomain(question.name) for name in self._zone.nodes):
                    response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    def _add_addresses(self, response: dns.message.Message, found: list[dns.rdataset.Rdataset]) -> None:
        """RFC 2782: the addresses of SRV targets in the zone go along."""
        targets = dict.fromkeys(rdata.target for item in found if item.rdtype in (dns.rdatatype.SRV, dns.rdatatype.NS) for rdata in item)
        for target in targets:
            addresses = self._zone.get_rdataset(target, dns.rdatatype.A) if target.is_subdomain(self.origin) else None
            if addresses is not None:
                response.additional.append(_rrset(target, addresses))

    # Updates --------------------------------------------------------------------------------------------------------------------

    def check_update(self, update: dns.update.UpdateMessage) -> dns.rcode.Rcode:
        """Return NOERROR when the update of this zone may be applied, else the rcode to refuse it with (RFC 2136, 3.1 to 3.4)."""
        if update.zone[0].rdtype != dns.rdatatype.SOA:
            return dns.rcode.FORMERR
        if update.prerequisite:
            return dns.rcode.NOTIMP
        for rrset in update.update:
            if not rrset.name.is_subdomain(self.origin):
                return dns.rcode.NOTZONE
            if rrset.rdtype not in _MAY_CHANGE and not (rrset.deleting == dns.rdataclass.ANY and rrset.rdtype == dns.rdatatype.ANY):
                return dns.rcode.REFUSED
            if rrset.name == self.origin or rrset.name in self._fixed():
                return dns.rcode.REFUSED
        return dns.rcode.NOERROR

    def apply(self, update: dns.update.UpdateMessage) -> None:
        """Carry out an update that check_update() found good."""
        with self._lock:
            for rrset in update.update:
                if rrset.deleting == dns.rdataclass.ANY:
                    if rrset.rdtype == dns.rdatatype.ANY:
                        self._zone.delete_node(rrset.name)
                    else:
                        self._zone.delete_rdataset(rrset.name, rrset.rdtype)
                elif rrset.deleting == dns.rdataclass.NONE:
                    present = self._zone.get_rdataset(rrset.name, rrset.rdtype)
                    if present is not None:
                        left = [rdata for rdata in present if rdata not in list(rrset)]
                        self._zone.delete_rdataset(rrset.name, rrset.rdtype)
                        if left:
                            self._add(rrset.name, dns.rdataset.from_rdata_list(present.ttl, left))
                else:
                    self._add(rrset.name, dns.rdataset.from_rdata_list(rrset.ttl, list(rrset)))
            self._next_serial()

    def _fixed(self) -> set[dns.name.Name]:
        """The name servers' own names, which no host may change."""
        with self._lock:
            return {rdata.target for rdata in self._zone.find_rdataset(self.origin, dns.rdatatype.NS)}

    def _next_serial(self) -> None:
        soa = self._zone.find_rdataset(self.origin, dns.rdatatype.SOA)
        changed = soa[0].replace(serial=soa[0].serial + 1)
        self._zone.replace_rdataset(self.origin, dns.rdataset.from_rdata_list(TTL, [changed]))


def _rrset(name: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))
