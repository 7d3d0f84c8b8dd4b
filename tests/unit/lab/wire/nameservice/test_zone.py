# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.update
import pytest

from tests.lab.wire.nameservice.content import Content
from tests.lab.wire.nameservice.server import NameServers

DOMAIN = "corp.example"
KMS = "_vlmcs._tcp.corp.example."
CONTENT = Content(
    {"ns1": "127.0.0.1", "ns2": "127.0.0.2"},
    {
        DOMAIN: [("ns1.corp.example", "A", "127.0.0.1"), ("ns2.corp.example", "A", "127.0.0.2"), ("kms01.corp.example", "A", "127.0.0.10")],
        "branch.corp.example": [("pc01.branch.corp.example", "A", "127.0.0.11")],
    },
)


@pytest.fixture
def servers() -> NameServers:
    return NameServers(CONTENT)


def ask(servers: NameServers, name: str, kind: str, server: str = "ns1", udp: bool = True) -> dns.message.Message:
    wire = servers.respond(servers.servers[server], dns.message.make_query(name, kind).to_wire(), udp)
    assert wire is not None
    return dns.message.from_wire(wire)


def texts(response: dns.message.Message) -> list[str]:
    return [rdata.to_text() for rrset in response.answer for rdata in rrset]


def update(servers: NameServers, change: dns.update.UpdateMessage, server: str = "ns1") -> dns.rcode.Rcode:
    wire = servers.respond(servers.servers[server], change.to_wire(), False)
    assert wire is not None
    return dns.message.from_wire(wire).rcode()


def publish(text: str = "0 0 1688 kms01.corp.example.") -> dns.update.UpdateMessage:
    change = dns.update.UpdateMessage(DOMAIN)
    change.add(KMS, 3600, "SRV", text)
    return change


def serial(servers: NameServers, server: str = "ns1") -> int:
    return int(texts(ask(servers, DOMAIN, "SOA", server))[0].split()[2])


def test_answers_are_authoritative_and_name_the_servers(servers: NameServers) -> None:
    response = ask(servers, DOMAIN, "NS")
    assert response.flags & dns.flags.AA
    assert sorted(texts(response)) == ["ns1.corp.example.", "ns2.corp.example."]
    assert sorted(rdata.to_text() for rrset in response.additional for rdata in rrset) == ["127.0.0.1", "127.0.0.2"]


def test_a_name_in_any_case_is_found(servers: NameServers) -> None:
    assert texts(ask(servers, "KMS01.Corp.Example", "A")) == ["127.0.0.10"]


def test_a_missing_name_is_nxdomain_with_the_soa(servers: NameServers) -> None:
    response = ask(servers, KMS, "SRV")
    assert response.rcode() == dns.rcode.NXDOMAIN
    assert [rrset.rdtype for rrset in response.authority] == [dns.rdatatype.SOA]


def test_a_name_without_such_a_record_is_no_data(servers: NameServers) -> None:
    response = ask(servers, "kms01.corp.example", "SRV")
    assert (response.rcode(), response.answer) == (dns.rcode.NOERROR, [])
    assert [rrset.rdtype for rrset in response.authority] == [dns.rdatatype.SOA]


def test_a_name_that_has_only_names_below_it_exists(servers: NameServers) -> None:
    assert ask(servers, "_tcp.corp.example", "SRV").rcode() == dns.rcode.NXDOMAIN
    update(servers, publish())
    assert ask(servers, "_tcp.corp.example", "SRV").rcode() == dns.rcode.NOERROR


def test_the_closest_zone_answers(servers: NameServers) -> None:
    assert texts(ask(servers, "pc01.branch.corp.example", "A")) == ["127.0.0.11"]
    missing = ask(servers, "nobody.branch.corp.example", "A")
    assert str(missing.authority[0].name) == "branch.corp.example."


def test_outside_the_zones_nothing_is_found_and_nobody_claims_authority(servers: NameServers) -> None:
    response = ask(servers, "www.elsewhere.example", "A")
    assert response.rcode() == dns.rcode.NXDOMAIN
    assert not response.flags & dns.flags.AA


def test_an_update_reaches_every_server_and_raises_the_serial(servers: NameServers) -> None:
    before = serial(servers)
    assert update(servers, publish(), "ns2") == dns.rcode.NOERROR
    for server in ("ns1", "ns2"):
        response = ask(servers, KMS, "SRV", server)
        assert texts(response) == ["0 0 1688 kms01.corp.example."]
        assert [rdata.to_text() for rrset in response.additional for rdata in rrset] == ["127.0.0.10"]
        assert serial(servers, server) == before + 1


def test_a_second_host_is_added_and_the_same_record_is_not_doubled(servers: NameServers) -> None:
    for text in ("0 0 1688 kms01.corp.example.", "10 5 1689 kms02.corp.example.", "0 0 1688 kms01.corp.example."):
        update(servers, publish(text))
    assert sorted(texts(ask(servers, KMS, "SRV"))) == ["0 0 1688 kms01.corp.example.", "10 5 1689 kms02.corp.example."]


def test_one_record_can_be_removed_and_the_others_stay(servers: NameServers) -> None:
    update(servers, publish())
    update(servers, publish("10 5 1689 kms02.corp.example."))
    change = dns.update.UpdateMessage(DOMAIN)
    change.delete(KMS, "SRV", "0 0 1688 kms01.corp.example.")
    assert update(servers, change) == dns.rcode.NOERROR
    assert texts(ask(servers, KMS, "SRV")) == ["10 5 1689 kms02.corp.example."]


@pytest.mark.parametrize("kind", ["SRV", None])
def test_all_records_of_a_name_can_be_removed(servers: NameServers, kind: str | None) -> None:
    update(servers, publish())
    change = dns.update.UpdateMessage(DOMAIN)
    change.delete(KMS, *([kind] if kind else []))
    assert update(servers, change) == dns.rcode.NOERROR
    assert ask(servers, KMS, "SRV").rcode() == dns.rcode.NXDOMAIN


def test_prerequisites_are_not_implemented_and_change_nothing(servers: NameServers) -> None:
    change = publish()
    change.absent(KMS)
    assert update(servers, change) == dns.rcode.NOTIMP
    assert ask(servers, KMS, "SRV").rcode() == dns.rcode.NXDOMAIN


def refused_updates() -> list[tuple[str, dns.update.UpdateMessage, dns.rcode.Rcode]]:
    other = dns.update.UpdateMessage("elsewhere.example")
    other.add("x.elsewhere.example.", 1, "A", "127.0.0.1")
    text = dns.update.UpdateMessage(DOMAIN)
    text.add("x.corp.example.", 1, "TXT", "x")
    server = dns.update.UpdateMessage(DOMAIN)
    server.add("ns1.corp.example.", 1, "A", "127.9.9.9")
    apex = dns.update.UpdateMessage(DOMAIN)
    apex.add("corp.example.", 1, "A", "127.9.9.9")
    return [
        ("another zone", other, dns.rcode.NOTAUTH),
        ("another type", text, dns.rcode.REFUSED),
        ("a name server", server, dns.rcode.REFUSED),
        ("the zone itself", apex, dns.rcode.REFUSED),
    ]


@pytest.mark.parametrize(("change", "rcode"), [row[1:] for row in refused_updates()], ids=[row[0] for row in refused_updates()])
def test_updates_that_are_nobodys_business_are_refused(
    servers: NameServers, change: dns.update.UpdateMessage, rcode: dns.rcode.Rcode
) -> None:
    before = servers.servers["ns1"].records()
    assert update(servers, change) == rcode
    assert servers.servers["ns1"].records() == before


def test_a_stale_server_keeps_its_old_records_until_it_is_brought_up_to_date(servers: NameServers) -> None:
    servers.set_stale("ns2", True)
    update(servers, publish())
    assert texts(ask(servers, KMS, "SRV", "ns1")) == ["0 0 1688 kms01.corp.example."]
    assert ask(servers, KMS, "SRV", "ns2").rcode() == dns.rcode.NXDOMAIN
    servers.set_stale("ns2", False)
    assert texts(ask(servers, KMS, "SRV", "ns2")) == ["0 0 1688 kms01.corp.example."]
    assert servers.servers["ns2"].records() == servers.servers["ns1"].records()


@pytest.mark.parametrize(("mode", "rcode"), [("refused", dns.rcode.REFUSED), ("servfail", dns.rcode.SERVFAIL)])
def test_a_server_can_refuse_or_fail_everything(servers: NameServers, mode: str, rcode: dns.rcode.Rcode) -> None:
    servers.servers["ns1"].mode = mode
    assert ask(servers, DOMAIN, "SOA").rcode() == rcode
    assert update(servers, publish()) == rcode
    assert ask(servers, KMS, "SRV", "ns2").rcode() == dns.rcode.NXDOMAIN


def test_a_silent_server_says_nothing(servers: NameServers) -> None:
    servers.servers["ns1"].mode = "silent"
    assert servers.respond(servers.servers["ns1"], dns.message.make_query(DOMAIN, "SOA").to_wire(), True) is None


def test_a_truncating_server_sends_clients_to_tcp(servers: NameServers) -> None:
    servers.servers["ns1"].mode = "truncated"
    over_udp = ask(servers, DOMAIN, "SOA")
    assert over_udp.flags & dns.flags.TC
    assert over_udp.answer == []
    assert len(texts(ask(servers, DOMAIN, "SOA", udp=False))) == 1


def test_an_answer_too_large_for_udp_is_truncated(servers: NameServers) -> None:
    for number in range(40):
        update(servers, publish(f"0 0 1688 kms{number:02}.corp.example."))
    query = dns.message.make_query(KMS, "SRV", use_edns=False)
    wire = servers.respond(servers.servers["ns1"], query.to_wire(), True)
    assert wire is not None
    assert len(wire) <= 512
    assert dns.message.from_wire(wire).flags & dns.flags.TC
    assert len(texts(ask(servers, KMS, "SRV", udp=False))) == 40


def test_noise_is_a_format_error_or_nothing(servers: NameServers) -> None:
    server = servers.servers["ns1"]
    assert servers.respond(server, b"\x01", True) is None
    broken = servers.respond(server, dns.message.make_query(DOMAIN, "SOA").to_wire()[:-1], True)
    assert broken is not None
    assert broken[3] & 0x0F == dns.rcode.FORMERR
    answer = dns.message.make_response(dns.message.make_query(DOMAIN, "SOA"))
    assert servers.respond(server, answer.to_wire(), True) is None
