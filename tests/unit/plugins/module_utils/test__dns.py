# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS questions over real sockets, to servers that behave and to servers that do not."""

from __future__ import annotations

import ast
import contextlib
import pathlib
import subprocess
import sys
import typing as t

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import pytest
from ansible_collections.activation.kms.plugins.module_utils import _dns, _srv

from tests.unit.plugins.module_utils import dns_servers

ORIGIN = "corp.example"
NAME = "_vlmcs._tcp.corp.example"
RECORDS = (
    "_vlmcs._tcp SRV 0 5 1688 kms01\nkms01 A 192.0.2.10\nkms01 AAAA 2001:db8::10\nalias CNAME kms01\n_vlmcs._tcp.alias CNAME _vlmcs._tcp"
)


@pytest.fixture
def network() -> dns_servers.Network:
    return dns_servers.Network()


@pytest.fixture
def resolver(network: dns_servers.Network) -> t.Iterator[_dns.Client]:
    """A client of a resolver that knows the zone with the servers ns1 (.2) and ns2 (.3)."""
    text = dns_servers.zone_text(network, RECORDS)
    with dns_servers.responder(network.address(6), network.port, dns_servers.from_zone(ORIGIN, text, authoritative=False)):
        yield _dns.Client([network.address(6)], network.port, 2)


def ask(
    network: dns_servers.Network, answerer: dns_servers.Answerer, *, timeout: float = 2, tcp: bool = True
) -> tuple[_srv.ServerAnswer, list[tuple[dns.message.Message, bool]]]:
    """Return what one server, ns1, is taken to say when its name resolves to an address where C(answerer) answers."""
    text = dns_servers.zone_text(network, RECORDS, servers=["ns1"])
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            dns_servers.responder(network.address(6), network.port, dns_servers.from_zone(ORIGIN, text, authoritative=False))
        )
        seen = stack.enter_context(dns_servers.responder(network.address(2), network.port, answerer, tcp=tcp))
        client = _dns.Client([network.address(6)], network.port, timeout)
        answers = client.ask_servers(_dns.absolute_name(NAME), client.zone_of(_dns.absolute_name(NAME)).servers)
    assert len(answers) == 1
    assert (answers[0].server, answers[0].address) == ("ns1.corp.example", network.address(2))
    return answers[0], seen


def good(network: dns_servers.Network, **options: bool) -> dns_servers.Answerer:
    return dns_servers.from_zone(ORIGIN, dns_servers.zone_text(network, RECORDS, servers=["ns1"]), **options)


# --- the resolver ---


def test_the_resolver_gives_records_addresses_and_the_zones_servers(resolver: _dns.Client) -> None:
    assert resolver.srv(_dns.absolute_name(NAME)) == _dns.Resolved("answered", (_srv.Record("kms01.corp.example", 1688, 0, 5, 60),))
    assert resolver.addresses(_dns.absolute_name("kms01.corp.example")) == ["192.0.2.10", "2001:db8::10"]
    assert resolver.addresses(_dns.absolute_name("alias.corp.example")) == ["192.0.2.10", "2001:db8::10"]
    assert resolver.addresses(_dns.absolute_name("nobody.corp.example")) == []
    zone = resolver.zone_of(_dns.absolute_name(NAME))
    assert zone == _dns.Zone("corp.example", ("ns1.corp.example", "ns2.corp.example"))


def test_no_record_and_no_name_are_told_apart(resolver: _dns.Client) -> None:
    assert resolver.srv(_dns.absolute_name("kms01.corp.example")).status == "no_record"
    assert resolver.srv(_dns.absolute_name("_vlmcs._tcp.kms01.corp.example")).status == "nxdomain"


def test_an_alias_of_the_service_name_is_followed(resolver: _dns.Client) -> None:
    found = resolver.srv(_dns.absolute_name("_vlmcs._tcp.alias.corp.example"))
    assert [record.target for record in found.records] == ["kms01.corp.example"]


@pytest.mark.parametrize(
    ("rcode", "status"), [(dns.rcode.REFUSED, "refused"), (dns.rcode.SERVFAIL, "servfail"), (dns.rcode.NOTIMP, "error")]
)
def test_a_resolver_that_fails_says_how(network: dns_servers.Network, rcode: dns.rcode.Rcode, status: str) -> None:
    with dns_servers.responder(network.address(2), network.port, dns_servers.with_rcode(rcode)):
        client = _dns.Client([network.address(2)], network.port, 2)
        found = client.srv(_dns.absolute_name(NAME))
        zone = client.zone_of(_dns.absolute_name(NAME))
    assert found.status == status
    assert dns.rcode.to_text(rcode) in (found.detail or "")
    assert zone.name is None
    assert zone.problem and "could not be found" in zone.problem


def test_a_resolver_that_is_silent_times_out_and_the_zone_says_so(network: dns_servers.Network) -> None:
    with dns_servers.responder(network.address(2), network.port, dns_servers.silent):
        client = _dns.Client([network.address(2)], network.port, 0.3)
        assert client.srv(_dns.absolute_name(NAME)).status == "timeout"
        zone = client.zone_of(_dns.absolute_name(NAME))
    assert zone.problem == f"The zone that holds {NAME} could not be found: timeout."


def test_a_dead_first_resolver_does_not_end_the_question(network: dns_servers.Network) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(dns_servers.responder(network.address(2), network.port, dns_servers.silent))
        stack.enter_context(dns_servers.responder(network.address(3), network.port, good(network)))
        client = _dns.Client([network.address(2), network.address(3)], network.port, 2)
        assert client.srv(_dns.absolute_name(NAME)).status == "answered"


def test_a_domain_that_nobody_is_in_charge_of_is_a_problem_and_the_root_servers_are_left_alone(network: dns_servers.Network) -> None:
    text = "$TTL 60\n. SOA a. b. 1 60 60 60 60\n. NS a.\na. A 192.0.2.1\n"
    with dns_servers.responder(network.address(2), network.port, dns_servers.from_zone(".", text, authoritative=False)) as seen:
        zone = _dns.Client([network.address(2)], network.port, 2).zone_of(_dns.absolute_name(NAME))
    assert zone.servers == ()
    assert zone.problem and "knows no zone that holds" in zone.problem
    assert not any(query.question[0].rdtype == dns.rdatatype.NS for query, _tcp in seen)


def test_a_delegated_service_zone_is_found_before_its_parent(network: dns_servers.Network) -> None:
    text = dns_servers.zone_text(network, "_vlmcs SRV 0 0 1688 kms01.corp.example.")
    with dns_servers.responder(network.address(2), network.port, dns_servers.from_zone("_tcp.corp.example", text, authoritative=False)):
        zone = _dns.Client([network.address(2)], network.port, 2).zone_of(_dns.absolute_name(NAME))
    assert zone.name == "_tcp.corp.example"


# --- authoritative servers, one by one ---


def test_an_authoritative_server_is_asked_directly_and_without_recursion(network: dns_servers.Network) -> None:
    answer, seen = ask(network, good(network))
    assert (answer.status, answer.authoritative) == ("answered", True)
    assert answer.records == (_srv.Record("kms01.corp.example", 1688, 0, 5),)
    assert len(seen) == 1
    assert not seen[0][0].flags & dns.flags.RD


@pytest.mark.parametrize(
    ("records", "status"),
    [("kms01 A 192.0.2.10", "nxdomain"), ("_vlmcs._tcp TXT nothing", "no_record"), ("x._vlmcs._tcp A 192.0.2.1", "no_record")],
)
def test_an_authoritative_server_without_the_record_says_which_kind_of_nothing(
    network: dns_servers.Network, records: str, status: str
) -> None:
    answer, _seen = ask(network, dns_servers.from_zone(ORIGIN, dns_servers.zone_text(network, records, servers=["ns1"])))
    assert (answer.status, answer.authoritative, answer.records) == (status, True, ())


@pytest.mark.parametrize(("rcode", "status"), [(dns.rcode.REFUSED, "refused"), (dns.rcode.SERVFAIL, "servfail")])
def test_a_server_that_refuses_or_fails_is_a_row(network: dns_servers.Network, rcode: dns.rcode.Rcode, status: str) -> None:
    answer, _seen = ask(network, dns_servers.with_rcode(rcode))
    assert answer.status == status


def test_an_odd_answer_is_an_error_with_its_name(network: dns_servers.Network) -> None:
    answer, _seen = ask(network, dns_servers.with_rcode(dns.rcode.NOTIMP))
    assert (answer.status, answer.detail) == ("error", "it answered NOTIMP")


def test_a_silent_server_is_asked_twice_and_then_is_a_timeout(network: dns_servers.Network) -> None:
    answer, seen = ask(network, dns_servers.silent, timeout=0.4)
    assert answer.status == "timeout"
    assert len(seen) == 2


def test_one_lost_packet_is_no_timeout(network: dns_servers.Network) -> None:
    answer, _seen = ask(network, dns_servers.deaf_at_first(good(network)))
    assert answer.status == "answered"


def test_a_truncated_answer_is_fetched_over_tcp(network: dns_servers.Network) -> None:
    answer, seen = ask(network, dns_servers.truncated(good(network)))
    assert (answer.status, len(answer.records)) == ("answered", 1)
    assert [tcp for _query, tcp in seen] == [False, True]


def test_a_truncated_answer_from_a_server_without_tcp_is_unreachable(network: dns_servers.Network) -> None:
    answer, _seen = ask(network, dns_servers.truncated(good(network)), tcp=False)
    assert answer.status == "unreachable"
    assert answer.detail


def test_a_server_from_before_edns_is_asked_without_it(network: dns_servers.Network) -> None:
    answer, seen = ask(network, dns_servers.without_edns(good(network)))
    assert answer.status == "answered"
    assert [query.edns for query, _tcp in seen] == [0, -1]


def test_an_answer_without_authority_is_told_with_its_records(network: dns_servers.Network) -> None:
    answer, _seen = ask(network, good(network, authoritative=False))
    assert (answer.status, answer.authoritative, len(answer.records)) == ("not_authoritative", False, 1)


def test_a_server_name_without_address_is_a_row(resolver: _dns.Client) -> None:
    answers = resolver.ask_servers(_dns.absolute_name(NAME), ["gone.corp.example"])
    assert answers == [_srv.ServerAnswer("gone.corp.example", None, "unreachable", detail="its name has no address")]


def test_a_network_that_cannot_be_reached_is_a_row(resolver: _dns.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    # 255.255.255.255 is refused by the operating system itself: EACCES without SO_BROADCAST, on every Linux.
    monkeypatch.setattr(resolver, "addresses", lambda _name: ["255.255.255.255"])
    (answer,) = resolver.ask_servers(_dns.absolute_name(NAME), ["ns1.corp.example"])
    assert answer.status == "unreachable"
    assert answer.detail == "Permission denied"


# --- set-up ---


def test_a_name_server_that_is_no_address_is_refused_by_name() -> None:
    with pytest.raises(_dns.DnsSetupError, match="'dns01' is not an IP address"):
        _dns.Client(["dns01"])


def test_a_machine_without_a_resolver_is_told_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_configuration(*_arguments: object) -> t.NoReturn:
        raise dns.resolver.NoResolverConfiguration("cannot open /etc/resolv.conf")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", no_configuration)
    with pytest.raises(_dns.DnsSetupError, match="no resolver configured .* name one in name_servers"):
        _dns.Client()


@pytest.mark.parametrize("name", ["a" * 64 + ".example", ".".join(["abcdefgh"] * 40), "a..b", "\\999.example"])
def test_what_is_no_dns_name_is_refused_by_name(name: str) -> None:
    with pytest.raises(_dns.DnsSetupError, match="is not a DNS name"):
        _dns.absolute_name(name)


def test_an_international_name_is_asked_in_its_ascii_form() -> None:
    assert _dns.absolute_name("m\u00fcnchen.example").to_text() == "xn--mnchen-3ya.example."


def test_without_dnspython_the_import_works_and_keeps_the_traceback() -> None:
    code = (
        "import sys; sys.modules['dns'] = None\n"
        "from ansible_collections.activation.kms.plugins.module_utils import _dns\n"
        "assert 'ModuleNotFoundError' in _dns.IMPORT_ERROR or 'ImportError' in _dns.IMPORT_ERROR, _dns.IMPORT_ERROR\n"
        "print('kept')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"PYTHONPATH": ":".join(sys.path)})
    assert done.stdout.strip() == "kept", done.stderr


def test_the_files_that_run_on_target_machines_parse_as_python_3_9() -> None:
    folder = pathlib.Path(_dns.__file__).parent
    for path in (*folder.glob("*.py"), folder.parent / "modules" / "srv_info.py"):
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))
