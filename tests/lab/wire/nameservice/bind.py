# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine bind: ISC's named, a primary and its secondaries, behind the lab's addresses (relay.py).

The first name server is the primary and takes dynamic updates from loopback; the others transfer the zone and forward updates to it
(BIND 9 Administrator Reference Manual: allow-update, allow-update-forwarding, also-notify).
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import shutil
import signal
import socket
import typing as t

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.update
import dns.zone

from .builtin import record_update
from .content import Content
from .relay import Relay

_HOME = "127.0.0.1"
_START_SECONDS = 15.0
_STOP_SECONDS = 5.0
_ASK_SECONDS = 2.0


class BindError(RuntimeError):
    """named is not installed or did not start."""


class BindEngine:
    """Several named processes, each in a folder of its own under C(folder)."""

    name = "bind"

    def __init__(self, content: Content, sockets: t.Mapping[str, tuple[socket.socket, socket.socket]], folder: pathlib.Path) -> None:
        self._content = content
        self._servers = content.servers
        self._sockets = sockets
        self._ports = dict(zip(self._servers, free_ports(len(self._servers)), strict=True))
        self._relays = {name: Relay((_HOME, port)) for name, port in self._ports.items()}
        self._folder = folder
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    async def start(self) -> None:
        """Start every server and wait until each answers. Raises BindError."""
        program = shutil.which("named", path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin")
        if program is None:
            raise BindError(
                "the estate says 'dns: bind', and named is not installed: install the package bind9, or leave 'dns' out of the estate"
            )
        shutil.rmtree(self._folder, ignore_errors=True)
        for name in self._servers:
            home = self._folder / name
            home.mkdir(parents=True)
            (home / "named.conf").write_text(self.configuration(name), encoding="utf-8")
            if name == next(iter(self._servers)):
                for domain in self._content.records:
                    (home / f"{domain}.zone").write_text(self.zone_file(domain), encoding="utf-8")
            await self._launch(program, name)
        for name in self._servers:
            await self._wait(name)
            await self._relays[name].start(*self._sockets[name])

    async def _launch(self, program: str, name: str) -> None:
        home = self._folder / name
        with (home / "named.log").open("ab") as log:
            self._processes[name] = await asyncio.create_subprocess_exec(
                program,
                "-g",
                "-c",
                str(home / "named.conf"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _wait(self, name: str) -> None:
        waiting = list(self._content.records)
        loop = asyncio.get_running_loop()
        end = loop.time() + _START_SECONDS
        while loop.time() < end:
            if self._processes[name].returncode is not None:
                break
            try:
                query = dns.message.make_query(waiting[0], "SOA")
                answer = await dns.asyncquery.udp(query, _HOME, port=self._ports[name], timeout=0.5)
                if answer.rcode() == dns.rcode.NOERROR and answer.answer:
                    waiting.pop(0)
                    if not waiting:
                        return
                    continue
            except (dns.exception.DNSException, OSError):
                pass
            await asyncio.sleep(0.1)
        log = (self._folder / name / "named.log").read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        await self.close()
        raise BindError(
            f"named for {name} ({_HOME}:{self._ports[name]}) does not answer for {waiting[0]}; its last words: " + " | ".join(log)
        )

    async def close(self) -> None:
        """Stop the servers that were started here."""
        for relay in self._relays.values():
            await relay.close()
        for process in self._processes.values():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
        self._processes.clear()

    def configuration(self, name: str) -> str:
        """Return named.conf of one server."""
        primary = next(iter(self._servers))
        home = self._folder / name
        others = "".join(f"{_HOME} port {port}; " for other, port in self._ports.items() if other != primary)
        if name == primary:
            kind = f"type primary; allow-update {{ 127.0.0.0/8; }}; notify explicit; also-notify {{ {others}}};"
        else:
            kind = (
                f"type secondary; primaries {{ {_HOME} port {self._ports[primary]}; }}; "
                "allow-notify { 127.0.0.0/8; }; allow-update-forwarding { 127.0.0.0/8; }; notify no;"
            )
        zones = "".join(f'zone "{domain}" {{ {kind} file "{domain}.zone"; }};\n' for domain in self._content.records)
        return (
            f'options {{ directory "{home}"; pid-file none; session-keyfile none; lock-file none; '
            f"listen-on port {self._ports[name]} {{ {_HOME}; }}; listen-on-v6 {{ none; }}; "
            "recursion no; dnssec-validation no; notify-delay 0; allow-transfer { 127.0.0.0/8; }; };\n"
            "controls { };\n" + zones
        )

    def zone_file(self, domain: str) -> str:
        """Return a zone as the primary begins with it."""
        servers = [self._content.full_name(server) for server in self._servers]
        lines = [
            "$TTL 3600",
            f"@ IN SOA {servers[0]}. hostmaster.{domain}. 1 900 600 86400 3600",
            *(f"@ IN NS {server}." for server in servers),
            *(f"{name}. IN {kind} {text}" for name, kind, text in self._content.records[domain]),
        ]
        return "\n".join(lines) + "\n"

    def read(self) -> dict[str, t.Any]:
        """Return address, faults and records (by zone transfer) of each server."""
        return {
            name: {"address": address, "stale": False, "mode": self._mode(name), "records": self._transfer(name)}
            for name, address in self._servers.items()
        }

    def _mode(self, name: str) -> str:
        return "silent" if self._relays[name].silent else "answer"

    def _transfer(self, name: str) -> list[dict[str, t.Any]]:
        found: list[dict[str, t.Any]] = []
        for domain in self._content.records:
            zone = dns.zone.Zone(dns.name.from_text(domain), relativize=False)
            try:
                dns.query.inbound_xfr(_HOME, zone, port=self._ports[name], timeout=_ASK_SECONDS, lifetime=_ASK_SECONDS)
            except (dns.exception.DNSException, OSError, EOFError):
                return []
            found += [
                {"name": str(owner), "type": dns.rdatatype.to_text(rdata.rdtype), "ttl": ttl, "text": rdata.to_text()}
                for owner, ttl, rdata in zone.iterate_rdatas()
            ]
        return sorted(found, key=lambda record: (record["name"], record["type"], record["text"]))

    async def change(self, request: t.Mapping[str, t.Any]) -> None:
        """Add or remove a record on the primary, or make a server silent or answer again.

        Raises ValueError for what named cannot be told.
        """
        primary, name = next(iter(self._servers)), request.get("server")
        if name is not None and name not in self._servers:
            raise ValueError(f"there is no name server {name!r}; there are {', '.join(self._servers)}")
        for kind in ("add", "remove"):
            if kind in request:
                if name not in (None, primary):
                    raise ValueError("with the engine bind, records change on the primary and reach the others by transfer")
                update = record_update(self._content, kind, request[kind])
                answer = await dns.asyncquery.tcp(update, _HOME, port=self._ports[primary], timeout=_ASK_SECONDS)
                if answer.rcode() != dns.rcode.NOERROR:
                    raise ValueError(f"named refused the update: {dns.rcode.to_text(answer.rcode())}")
        if "stale" in request:
            raise ValueError("the engine bind has no stale servers; use the built-in engine for that")
        if "mode" in request:
            if request["mode"] not in ("answer", "silent"):
                raise ValueError("with the engine bind, 'mode' is answer or silent")
            for chosen in self._relays if name is None else [name]:
                self._relays[chosen].silent = request["mode"] == "silent"


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that are free for UDP and TCP at this moment."""
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            stream, datagrams = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            held += [stream, datagrams]
            stream.bind((_HOME, 0))
            with contextlib.suppress(OSError):
                datagrams.bind((_HOME, stream.getsockname()[1]))
                ports.append(stream.getsockname()[1])
    finally:
        for one in held:
            one.close()
    return ports
