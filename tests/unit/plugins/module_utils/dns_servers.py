# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers for tests, on loopback addresses and an unprivileged port: BIND, and a small one that can misbehave."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import random
import shutil
import socket
import socketserver
import subprocess
import threading
import time
import typing as t

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.zone

NAMED = shutil.which("named", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Network:
    """Addresses of one test: 127.A.B.n, and a port that is free on all of them for UDP and TCP."""

    def __init__(self) -> None:
        for _attempt in range(50):
            self.prefix = f"127.{random.randint(64, 250)}.{random.randint(1, 250)}"
            self.port = random.randint(20000, 30000)
            with contextlib.suppress(OSError):
                for number in range(2, 7):
                    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                        with socket.socket(socket.AF_INET, kind) as probe:
                            probe.bind((self.address(number), self.port))
                return
        raise RuntimeError("no free loopback addresses were found")

    def address(self, number: int) -> str:
        return f"{self.prefix}.{number}"


def zone_text(network: Network, records: str, *, servers: t.Sequence[str] = ("ns1", "ns2")) -> str:
    """Return a zone file: the NS records ns1, ns2 ... with addresses .2, .3 ... of the network, and C(records)."""
    lines = ["$TTL 60", "@ SOA ns1 hostmaster 1 60 60 60 60"]
    for number, server in enumerate(servers, start=2):
        lines += [f"@ NS {server}"]
        if "." not in server:
            lines += [f"{server} A {network.address(number)}"]
    return "\n".join([*lines, records, ""])


Reply = t.Callable[[bytes, bool], bytes | None]
"""Gets a message from the wire and whether it came over TCP; returns the reply, or None to stay silent."""


@contextlib.contextmanager
def serve(address: str, port: int, reply: Reply, *, tcp: bool = True) -> t.Iterator[None]:
    """Answer DNS messages on one address, over UDP and TCP, until the block ends."""

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire = reply(self.request[0], False)
            if wire is not None:
                self.request[1].sendto(wire, self.client_address)

    class Tcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            wire = reply(_framed(self.rfile), True)
            if wire is not None:
                self.wfile.write(len(wire).to_bytes(2, "big") + wire)

    class UdpServer(socketserver.ThreadingUDPServer):
        allow_reuse_address = True
        daemon_threads = True

    class TcpServer(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with contextlib.ExitStack() as stack:
        servers: list[socketserver.BaseServer] = [stack.enter_context(UdpServer((address, port), Udp))]
        if tcp:
            servers.append(stack.enter_context(TcpServer((address, port), Tcp)))
        for server in servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield
        finally:
            for server in servers:
                server.shutdown()


def _framed(stream: io.BufferedIOBase) -> bytes:
    """Return one message of a TCP stream (RFC 1035 4.2.2)."""
    return stream.read(int.from_bytes(stream.read(2), "big"))


@contextlib.contextmanager
def bind(folder: pathlib.Path, address: str, port: int, origin: str, text: str) -> t.Iterator[None]:
    """Run BIND as the authoritative server of one zone until the block ends.

    BIND listens on configured interface addresses only, of which loopback has one: it gets a port there, and messages to C(address) and
    C(port) are passed to it and back unread.
    """
    folder.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        own = probe.getsockname()[1]
    (folder / "zone").write_text(text, encoding="utf-8")
    # Its own address as the root's: without recursion it needs none, and it shall not call the real ones at start.
    (folder / "hints").write_text(". 3600 NS localhost.\nlocalhost. 3600 A 127.0.0.1\n", encoding="utf-8")
    (folder / "named.conf").write_text(
        f"""options {{ directory "{folder}"; listen-on port {own} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; notify no;
            pid-file none; session-keyfile none; dnssec-validation no; }};
        controls {{ }};
        zone "." {{ type hint; file "hints"; }};
        zone "{origin}" {{ type primary; file "zone"; }};
        """,
        encoding="utf-8",
    )

    def forward(wire: bytes, tcp: bool) -> bytes | None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as backend:
            backend.settimeout(5)
            backend.connect(("127.0.0.1", own))
            backend.sendall(len(wire).to_bytes(2, "big") + wire if tcp else wire)
            return _framed(backend.makefile("rb")) if tcp else backend.recv(65535)
        return None

    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([NAMED or "named", "-4", "-g", "-c", str(folder / "named.conf")], stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for_bind(process, own, origin, folder / "log")
        with serve(address, port, forward):
            yield
    finally:
        process.terminate()
        process.wait(10)


def _wait_for_bind(process: subprocess.Popen[bytes], port: int, origin: str, log: pathlib.Path) -> None:
    query = dns.message.make_query(origin, "SOA")
    for _attempt in range(200):
        if process.poll() is not None:
            break
        with contextlib.suppress(dns.exception.DNSException, OSError):
            if dns.query.udp(query, "127.0.0.1", port=port, timeout=0.2).answer:
                return
        time.sleep(0.05)
    raise RuntimeError("named did not answer: " + log.read_text(encoding="utf-8", errors="replace"))


Answerer = t.Callable[[dns.message.Message, bool], dns.message.Message | None]
"""Gets a query and whether it came over TCP; returns the answer, or None to stay silent."""


@contextlib.contextmanager
def responder(address: str, port: int, answer: Answerer, *, tcp: bool = True) -> t.Iterator[list[tuple[dns.message.Message, bool]]]:
    """Run a name server that answers with what a function returns; yields the list of queries seen, with whether they came over TCP."""
    seen: list[tuple[dns.message.Message, bool]] = []

    def reply(wire: bytes, over_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        seen.append((query, over_tcp))
        response = answer(query, over_tcp)
        return None if response is None else response.to_wire()

    with serve(address, port, reply, tcp=tcp):
        yield seen


def from_zone(origin: str, text: str, *, authoritative: bool = True) -> Answerer:
    """Return an answerer that holds one zone, and refuses what lies outside of it.

    Not authoritative, it answers as a resolver does that has the zone in its cache.
    """
    zone = dns.zone.from_text(text, origin, relativize=False)
    top = dns.name.from_text(origin)
    soa = zone.get_rrset(top, "SOA")
    assert soa is not None, "the zone has no SOA record"

    def answer(query: dns.message.Message, _tcp: bool) -> dns.message.Message:
        response = dns.message.make_response(query)
        question = query.question[0]
        if not question.name.is_subdomain(top):
            response.set_rcode(dns.rcode.REFUSED)
            return response
        if authoritative:
            response.flags |= dns.flags.AA
        else:
            response.flags |= dns.flags.RA
        alias = zone.get_rrset(question.name, "CNAME")
        name = question.name
        if alias is not None and question.rdtype != dns.rdatatype.CNAME:
            response.answer.append(alias)
            name = alias[0].target
        found = zone.get_rrset(name, question.rdtype)
        if found is not None:
            response.answer.append(found)
        elif alias is None:
            response.authority.append(soa)
            if not any(other.is_subdomain(question.name) for other in zone.nodes):
                response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    return answer


def with_rcode(rcode: dns.rcode.Rcode) -> Answerer:
    """Return an answerer that knows one answer only."""

    def answer(query: dns.message.Message, _tcp: bool) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(rcode)
        return response

    return answer


def silent(_query: dns.message.Message, _tcp: bool) -> None:
    """Answer nothing."""
    return


def truncated(inner: Answerer) -> Answerer:
    """Return an answerer that says over UDP only that the answer is too long."""

    def answer(query: dns.message.Message, tcp: bool) -> dns.message.Message | None:
        if tcp:
            return inner(query, tcp)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.TC | dns.flags.AA
        return response

    return answer


def without_edns(inner: Answerer) -> Answerer:
    """Return an answerer as of a server from before EDNS: FORMERR to every question that uses it."""

    def answer(query: dns.message.Message, tcp: bool) -> dns.message.Message | None:
        if query.edns < 0:
            return inner(query, tcp)
        response = dns.message.make_response(query)
        response.use_edns(False)
        response.set_rcode(dns.rcode.FORMERR)
        return response

    return answer


def deaf_at_first(inner: Answerer) -> Answerer:
    """Return an answerer that loses its first packet."""
    heard: list[int] = []

    def answer(query: dns.message.Message, tcp: bool) -> dns.message.Message | None:
        heard.append(1)
        return inner(query, tcp) if len(heard) > 1 else None

    return answer
