# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in engine: name servers inside the lab's process, and how the control port changes them."""

from __future__ import annotations

import socket
import typing as t

import dns.exception
import dns.message
import dns.update

from .content import Content
from .server import MODES, NameServers


class BuiltinEngine:
    """Name servers on dnspython."""

    name = "builtin"

    def __init__(self, content: Content, sockets: t.Mapping[str, tuple[socket.socket, socket.socket]]) -> None:
        self._content = content
        self._servers = NameServers(content)
        self._sockets = sockets

    async def start(self) -> None:
        """Serve."""
        await self._servers.start(self._sockets)

    async def close(self) -> None:
        """Stop serving."""
        await self._servers.close()

    def read(self) -> dict[str, t.Any]:
        """Return address, faults and records of each server."""
        return {
            server.name: {"address": server.address, "stale": server.stale, "mode": server.mode, "records": server.records()}
            for server in self._servers.servers.values()
        }

    async def change(self, request: t.Mapping[str, t.Any]) -> None:
        """Add or remove a record {name, type, text, ttl?}, on one C(server) or on all; make a server C(stale); set its C(mode).

        Raises ValueError.
        """
        name = request.get("server")
        if name is not None and name not in self._servers.servers:
            raise ValueError(f"there is no name server {name!r}; there are {', '.join(self._servers.servers)}")
        chosen = list(self._servers.servers.values()) if name is None else [self._servers.servers[name]]
        for kind in ("add", "remove"):
            if kind in request:
                update = record_update(self._content, kind, request[kind])
                for server in chosen:
                    server.zones[update.zone[0].name].apply(update)
        if "stale" in request:
            if name is None or not isinstance(request["stale"], bool):
                raise ValueError("'stale' is true or false and needs 'server'")
            self._servers.set_stale(name, request["stale"])
        if "mode" in request:
            if request["mode"] not in MODES:
                raise ValueError(f"'mode' is one of {', '.join(MODES)}")
            for server in chosen:
                server.mode = request["mode"]


def record_update(content: Content, kind: str, record: t.Any) -> dns.update.UpdateMessage:
    """Return the update that adds or removes one record. Raises ValueError.

    Without C(text) a removal takes every record of that name and type.
    """
    if not isinstance(record, dict) or not {"name", "type"} <= set(record) <= {"name", "type", "text", "ttl"}:
        raise ValueError(f"{kind!r} is an object with name, type, text and perhaps ttl")
    name = str(record["name"]) if str(record["name"]).endswith(".") else f"{record['name']}.{content.domain}."
    holding = [zone for zone in content.records if f".{name.lower()}".endswith(f".{zone}.")]
    if not holding:
        raise ValueError(f"{name} is in none of the lab's zones: {', '.join(content.records)}")
    update = dns.update.UpdateMessage(max(holding, key=len))
    try:
        if kind == "add":
            update.add(name, record.get("ttl", 3600), record["type"], record["text"])
        elif "text" in record:
            update.delete(name, record["type"], record["text"])
        else:
            update.delete(name, record["type"])
    except (dns.exception.DNSException, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{kind!r} has no record that can be written: {type(error).__name__}: {error}") from None
    # Read back as it would arrive: only then are its names whole.
    return t.cast(dns.update.UpdateMessage, dns.message.from_wire(update.to_wire()))
