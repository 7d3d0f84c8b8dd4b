# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How endpoints are written, and what comes of connecting to them; sockets on loopback alone."""

from __future__ import annotations

import contextlib
import errno
import socket
import typing as t

import pytest
from ansible_collections.activation.kms.plugins.module_utils import _endpoint
from ansible_collections.activation.kms.plugins.module_utils._endpoint import Endpoint


@contextlib.contextmanager
def listening() -> t.Iterator[Endpoint]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Endpoint("127.0.0.1", server.getsockname()[1])


def refused_endpoint() -> Endpoint:
    with listening() as endpoint:
        return endpoint


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        ("kms01.corp.example", Endpoint("kms01.corp.example", 1688)),
        (" kms01:1689 ", Endpoint("kms01", 1689)),
        ("192.0.2.10:1", Endpoint("192.0.2.10", 1)),
        ("[2001:db8::10]:65535", Endpoint("2001:db8::10", 65535)),
        ("[2001:db8::10]", Endpoint("2001:db8::10", 1688)),
        ("2001:db8::10", Endpoint("2001:db8::10", 1688)),
        ({"host": "kms01", "port": 1690}, Endpoint("kms01", 1690)),
        ({"host": "[2001:db8::10]", "port": "1690"}, Endpoint("2001:db8::10", 1690)),
        ({"host": "kms01"}, Endpoint("kms01", 1688)),
    ],
)
def test_an_endpoint_is_written_in_the_usual_ways(written: t.Any, endpoint: Endpoint) -> None:
    assert _endpoint.parse_endpoints([written, written]) == [endpoint]
    assert _endpoint.parse_endpoints([str(endpoint)]) == [endpoint]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "'' is no endpoint"),
        ("kms01:", "'kms01:' is no endpoint"),
        ("http://kms01:1688/", "is no endpoint"),
        ("kms 01", "is no endpoint"),
        ("kms01:0", "the port of kms01 is 0"),
        ("kms01:65536", "the port of kms01 is 65536"),
        ({"host": "kms01", "port": "x"}, "the port of kms01 is x"),
        ({"host": "kms01", "port": -1}, "the port of kms01 is -1"),
        ({"port": 1688}, "keys port; write it as"),
        ({"host": "kms01", "prot": 1688}, "keys host, prot; write it as"),
        ({"host": "k m s"}, "'k m s' is no name"),
        (1688.5, "1688.5 is no endpoint"),
        (None, "None is no endpoint"),
        (["kms01"], r"\['kms01'\] is no endpoint"),
        ("kms01:00080", "the port of kms01 is 00080"),
        ("[kms01]:1688", r"'\[kms01\]' is no name or address"),
        ("a:b:c", "'a:b:c' is no endpoint"),
        ({"host": "a:b"}, "'a:b' is no name or address"),
        ({"host": "kms01:1688"}, "'kms01:1688' is no name or address"),
        ({"host": ["kms01"]}, r"\['kms01'\] is no name or address"),
        ({"host": "kms01", "port": True}, "the port of kms01 is True"),
        ({"host": "kms01", "port": None}, "the port of kms01 is None"),
        ({"host": "kms\x1b01"}, r"'kms\\x1b01' is no name or address"),
    ],
)
def test_what_is_no_endpoint_is_named_with_how_to_write_one(written: t.Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _endpoint.parse_endpoints(["kms01", written])


def test_a_port_that_listens_connects_and_one_that_does_not_refuses() -> None:
    with listening() as there:
        gone = refused_endpoint()
        found = _endpoint.as_result(_endpoint.probe_all([gone, there], 5), "here")
    first, second = found["endpoints"]
    assert (first["outcome"], first["address"], first["code"]) == ("refused", "127.0.0.1", errno.ECONNREFUSED)
    assert (second["outcome"], second["address"], second["code"], second["port"]) == ("connected", "127.0.0.1", None, there.port)
    assert all(0 <= row["milliseconds"] < 5000 and row["seen_from"] == "here" for row in (first, second))
    assert found["reachable"] is False
    assert found["msg"].startswith(f"{gone} refuses connections from here")


def test_a_name_that_no_resolver_can_know_has_no_address() -> None:
    # A label of 64 characters is none (RFC 1035, 2.3.4), so no resolver is asked.
    found = _endpoint.probe(Endpoint("k" * 64 + ".example", 1688), 1)
    assert (found.outcome, found.address) == ("no_address", None)


def resolving_to(monkeypatch: pytest.MonkeyPatch, **outcomes: OSError | None) -> None:
    """Let a host have these addresses, in this order, and connecting to each end so."""
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address.replace("_", "."), 1688)) for address in outcomes]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **keywords: rows)

    def connect(_self: socket.socket, address: tuple[str, int]) -> None:
        outcome = outcomes[address[0].replace(".", "_")]
        if outcome is not None:
            raise outcome

    monkeypatch.setattr(_endpoint.socket, "socket", type("Socket", (socket.socket,), {"connect": connect}))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TimeoutError("timed out"), "timeout"),
        (OSError(errno.ETIMEDOUT, "timed out"), "timeout"),
        (OSError(errno.ENETUNREACH, "no route"), "unreachable"),
        (OSError(errno.EHOSTUNREACH, "no route"), "unreachable"),
        (PermissionError(errno.EACCES, "a local firewall"), "unreachable"),
    ],
)
def test_what_the_system_says_becomes_a_word(monkeypatch: pytest.MonkeyPatch, error: OSError, outcome: str) -> None:
    resolving_to(monkeypatch, _1=error)
    found = _endpoint.probe(Endpoint("kms01", 1688), 1)
    assert (found.outcome, found.code) == (outcome, error.errno)


def test_of_several_addresses_the_first_that_connects_counts_and_else_the_most_telling(monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable, refused = OSError(errno.ENETUNREACH, "no"), ConnectionRefusedError(errno.ECONNREFUSED, "no")
    resolving_to(monkeypatch, **{"192_0_2_1": unreachable, "192_0_2_2": None, "192_0_2_3": refused})
    found = _endpoint.probe(Endpoint("kms01", 1688), 1)
    assert (found.outcome, found.address) == ("connected", "192.0.2.2")
    resolving_to(monkeypatch, **{"192_0_2_1": refused, "192_0_2_2": unreachable})
    found = _endpoint.probe(Endpoint("kms01", 1688), 1)
    assert (found.outcome, found.address, found.code) == ("refused", "192.0.2.1", errno.ECONNREFUSED)
