# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own name servers: one zone each, on UDP and TCP, with faults."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import socket
import struct
import typing as t

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.update

from .content import Content
from .zone import Zone

_LOG = logging.getLogger(__name__)

MODES = ("answer", "silent", "refused", "servfail", "truncated")
# Without EDNS an answer over UDP has 512 bytes at most (RFC 1035, 4.2.1).
_PLAIN_UDP = 512
_IDLE_SECONDS = 30


@dataclasses.dataclass
class NameServer:
    """One server with its zones by origin. C(stale) keeps it from learning of updates.

    C(mode) is one of MODES: truncated means that UDP always says TC.
    """

    name: str
    address: str
    zones: dict[dns.name.Name, Zone]
    stale: bool = False
    mode: str = "answer"

    def zone_of(self, name: dns.name.Name) -> Zone | None:
        """Return the closest zone that a name is in."""
        while True:
            if name in self.zones:
                return self.zones[name]
            if name == dns.name.root or not name.is_absolute():
                return None
            name = name.parent()

    def records(self) -> list[dict[str, t.Any]]:
        """Return the records of every zone."""
        return [record for zone in self.zones.values() for record in zone.records()]


class NameServers:
    """All servers of a lab. An update to one reaches every server that is not stale."""

    def __init__(self, content: Content) -> None:
        names = [content.full_name(server) for server in content.servers]

        def zones() -> dict[dns.name.Name, Zone]:
            return {dns.name.from_text(domain): Zone(domain, names, records) for domain, records in content.records.items()}

        self.servers = {name: NameServer(name, address, zones()) for name, address in content.servers.items()}
        self._transports: list[asyncio.DatagramTransport] = []
        self._listeners: list[asyncio.Server] = []
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, sockets: t.Mapping[str, tuple[socket.socket, socket.socket]]) -> None:
        """Serve; C(sockets) has a bound UDP and a listening TCP socket for each server's name."""
        loop = asyncio.get_running_loop()
        for name, (datagrams, stream) in sockets.items():
            server = self.servers[name]
            transport, _protocol = await loop.create_datagram_endpoint(functools.partial(_Udp, self, server), sock=datagrams)
            self._transports.append(transport)

            async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: NameServer = server) -> None:
                await self._tcp(server, reader, writer)

            self._listeners.append(await asyncio.start_server(accepted, sock=stream))

    async def close(self) -> None:
        """Stop serving."""
        for transport in self._transports:
            transport.close()
        for listener in self._listeners:
            listener.close()
        for writer in list(self._open):
            writer.close()

    def set_stale(self, name: str, stale: bool) -> None:
        """Cut a server off from updates, or bring it up to date again. Raises KeyError for an unknown name."""
        server = self.servers[name]
        if server.stale and not stale:
            fresh = next((other for other in self.servers.values() if other is not server and not other.stale), None)
            if fresh is not None:
                for origin, zone in server.zones.items():
                    zone.copy_from(fresh.zones[origin])
        server.stale = stale

    def update(self, server: NameServer, message: dns.message.Message) -> dns.rcode.Rcode:
        """Apply an update that came to C(server), on every server that is not stale."""
        update = t.cast(dns.update.UpdateMessage, message)
        if len(update.zone) != 1:
            return dns.rcode.FORMERR
        origin = update.zone[0].name
        zone = server.zones.get(origin)
        if zone is None:
            return dns.rcode.NOTAUTH
        rcode = zone.check_update(update)
        if rcode == dns.rcode.NOERROR:
            for other in self.servers.values():
                if not other.stale:
                    other.zones[origin].apply(update)
        return rcode

    @staticmethod
    def answer(server: NameServer, query: dns.message.Message) -> dns.message.Message:
        """Answer a query from the closest zone.

        Of a name in none of them the answer is a resolver's that found nothing: outside the lab is nothing.
        """
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1 or query.question[0].rdclass != dns.rdataclass.IN:
            response = dns.message.make_response(query)
            response.set_rcode(dns.rcode.NOTIMP)
            return response
        zone = server.zone_of(query.question[0].name)
        if zone is not None:
            return zone.answer(query)
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    def respond(self, server: NameServer, wire: bytes, over_udp: bool) -> bytes | None:
        """Return the answer to one message, None for silence."""
        if server.mode == "silent":
            return None
        try:
            query = dns.message.from_wire(wire)
        except dns.message.ShortHeader:
            return None
        except dns.exception.DNSException:
            # RFC 1035, 4.1.1: format error, with the id that was asked.
            return wire[:2] + struct.pack(">HHHHH", dns.flags.QR | dns.rcode.FORMERR, 0, 0, 0, 0)
        if query.flags & dns.flags.QR:
            return None
        if server.mode in ("refused", "servfail"):
            response = dns.message.make_response(query)
            response.set_rcode(dns.rcode.REFUSED if server.mode == "refused" else dns.rcode.SERVFAIL)
        elif query.opcode() == dns.opcode.UPDATE:
            response = dns.message.make_response(query)
            response.set_rcode(self.update(server, query))
        else:
            response = self.answer(server, query)
        if not over_udp:
            return response.to_wire(max_size=65535)
        if server.mode == "truncated" and query.opcode() == dns.opcode.QUERY:
            return _truncated(query)
        try:
            return response.to_wire(max_size=max(query.payload, _PLAIN_UDP))
        except dns.exception.TooBig:
            return _truncated(query)

    async def _tcp(self, server: NameServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                async with asyncio.timeout(_IDLE_SECONDS):
                    (length,) = struct.unpack(">H", await reader.readexactly(2))
                    wire = await reader.readexactly(length)
                answer = self.respond(server, wire, over_udp=False)
                if answer is not None:
                    writer.write(struct.pack(">H", len(answer)) + answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, servers: NameServers, server: NameServer) -> None:
        self._servers = servers
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = t.cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            answer = self._servers.respond(self._server, data, over_udp=True)
        except Exception:
            _LOG.exception("a name server failed inside the lab")
            return
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


def _truncated(query: dns.message.Message) -> bytes:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC | dns.flags.AA
    return response.to_wire()
