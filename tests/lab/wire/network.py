# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loopback addresses and ports of a lab.

127.A.B.1 is the control port's, .2 and .3 are the name servers', machines start at .10; an estate that is larger than one
such net goes on in 127.A.(B+1) and so on. All listening sockets are bound before anything else happens, so that a lab
either has every port or none.
"""

from __future__ import annotations

import dataclasses
import errno
import ipaddress
import random
import socket
import typing as t

CONTROL_PORT = 10080
DNS_PORT = 10053
HTTP_PORT = 5985
HTTPS_PORT = 5986

_FIRST_MACHINE = 10
_LAST_MACHINE = 250
_PER_NET = _LAST_MACHINE - _FIRST_MACHINE + 1
_TRIES = 50
# Below 127.16 are addresses that systems use themselves (127.0.0.x, 127.0.1.1, resolver stubs).
_FIRST_A, _LAST_A = 16, 250


class AddressError(RuntimeError):
    """No network for the lab: a bad --network, or ports that are taken."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A = 127.A.B: where a lab lives."""

    a: int
    b: int

    def __str__(self) -> str:
        return f"127.{self.a}.{self.b}"

    @property
    def control(self) -> str:
        """The address of the control port."""
        return f"{self}.1"

    def name_server(self, index: int) -> str:
        """The address of name server 0, 1 ... 7."""
        return f"{self}.{2 + index}"

    def machine(self, index: int) -> str:
        """The address of machine 0, 1 ..."""
        net, host = divmod(index, _PER_NET)
        return f"127.{self.a}.{self.b + net}.{_FIRST_MACHINE + host}"


def parse_network(text: str, machines: int) -> Network:
    """Return the network of --network. Raises AddressError when it is none or has no room for C(machines)."""
    parts = text.split(".")
    try:
        ipaddress.IPv4Address(".".join([*parts, "1"]))
        if len(parts) != 3 or parts[0] != "127":
            raise ValueError
    except ValueError:
        raise AddressError(f"--network {text}: give the first three numbers of a loopback address, such as 127.77.12") from None
    network = Network(int(parts[1]), int(parts[2]))
    if network.b + nets_needed(machines) - 1 > 255:
        raise AddressError(f"--network {text} has no room for {machines} machines: {nets_needed(machines)} nets are needed from {text} on")
    return network


def nets_needed(machines: int) -> int:
    """Return how many nets 127.A.B an estate of this size takes."""
    return max(1, -(-machines // _PER_NET))


@dataclasses.dataclass
class Sockets:
    """Every listening socket of a lab, bound. Machine sockets are HTTP and HTTPS, by name; name server sockets UDP and TCP, by name."""

    network: Network
    control: socket.socket
    name_servers: dict[str, tuple[socket.socket, socket.socket]]
    machines: dict[str, tuple[socket.socket, socket.socket]]
    addresses: dict[str, str]

    def close(self) -> None:
        """Close them all; sockets handed to a server are closed already, which does no harm."""
        for one in (self.control, *(item for pair in (*self.name_servers.values(), *self.machines.values()) for item in pair)):
            one.close()


def reserve(
    names: t.Sequence[str],
    name_servers: t.Sequence[str],
    network: str | None = None,
    dns_port: int = DNS_PORT,
    control_port: int = CONTROL_PORT,
    choose: random.Random | None = None,
) -> Sockets:
    """Bind every port of a lab, in C(network) or in one that is free. Raises AddressError."""
    if len(name_servers) > 8:
        raise AddressError("a lab has at most 8 name servers")
    if network is not None:
        chosen = parse_network(network, len(names))
        try:
            return _bind(chosen, names, name_servers, dns_port, control_port)
        except _TakenError as error:
            raise AddressError(f"{error}; leave --network out to have a free one picked, or stop what uses it") from None
    choose = choose or random.Random()
    problem: Exception | None = None
    for _try in range(_TRIES):
        candidate = Network(choose.randint(_FIRST_A, _LAST_A), choose.randint(0, 256 - nets_needed(len(names))))
        try:
            return _bind(candidate, names, name_servers, dns_port, control_port)
        except _TakenError as error:
            problem = error
    raise AddressError(
        f"no free network in {_TRIES} tries, the last one: {problem}; a program that listens on 5985 or 5986 of all addresses would do this"
    )


class _TakenError(Exception):
    pass


def _bind(network: Network, names: t.Sequence[str], servers: t.Sequence[str], dns_port: int, control_port: int) -> Sockets:
    made: list[socket.socket] = []

    def one(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
        sock = socket.socket(socket.AF_INET, kind)
        made.append(sock)
        try:
            if kind is socket.SOCK_STREAM:
                sock.setsockopt(
                    socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
                )  # a listener that ended a moment ago is no obstacle; a living one is
            sock.bind((address, port))
            if kind is socket.SOCK_STREAM:
                sock.listen(512)
            sock.setblocking(False)
        except OSError as error:
            if error.errno == errno.EMFILE:
                raise AddressError(f"too many open files for {len(names)} machines: raise the limit (ulimit -n)") from None
            raise _TakenError(f"cannot listen on {address}:{port}: {error.strerror}") from None
        return sock

    try:
        control = one(network.control, control_port, socket.SOCK_STREAM)
        dns = {
            name: (
                one(network.name_server(index), dns_port, socket.SOCK_DGRAM),
                one(network.name_server(index), dns_port, socket.SOCK_STREAM),
            )
            for index, name in enumerate(servers)
        }
        addresses = {name: network.machine(index) for index, name in enumerate(names)}
        machines = {
            name: (one(address, HTTP_PORT, socket.SOCK_STREAM), one(address, HTTPS_PORT, socket.SOCK_STREAM))
            for name, address in addresses.items()
        }
    except BaseException:
        for sock in made:
            sock.close()
        raise
    return Sockets(network, control, dns, machines, addresses)
