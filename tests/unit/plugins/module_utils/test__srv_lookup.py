# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""srv_info against BIND and against servers that misbehave."""

from __future__ import annotations

import contextlib
import pathlib
import typing as t

import pytest
import yaml
from ansible_collections.activation.kms.plugins.module_utils import _dns, _srv, _srv_lookup
from ansible_collections.activation.kms.plugins.modules import srv_info

from tests.unit.plugins.module_utils import dns_servers

ORIGIN = "corp.example"
KMS01 = "_vlmcs._tcp SRV 10 0 1688 kms01\nkms01 A 192.0.2.10"
KMS02 = "_vlmcs._tcp SRV 0 0 1688 kms02\nkms02 A 192.0.2.20\nkms02 AAAA 2001:db8::20"
NO_ADDRESS = "_vlmcs._tcp SRV 0 0 1689 gone"

needs_named = pytest.mark.skipif(dns_servers.NAMED is None, reason="BIND is not installed (package bind9)")


@pytest.fixture
def network() -> dns_servers.Network:
    return dns_servers.Network()


def parameters(network: dns_servers.Network, **changes: t.Any) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {name: option.get("default") for name, option in srv_info.argument_spec().items()}
    found |= {"domains": [ORIGIN], "name_servers": [network.address(2)], "port": network.port, "timeout": 2.0}
    return found | changes


def expecting(target: str, port: int = 1688) -> list[dict[str, t.Any]]:
    return [{"target": target, "port": port}]


@contextlib.contextmanager
def two_binds(folder: pathlib.Path, network: dns_servers.Network, first: str, second: str) -> t.Iterator[None]:
    """Run BIND as ns1 and as ns2, each with records of its own: what replication between servers looks like half-way."""
    with (
        dns_servers.bind(folder / "ns1", network.address(2), network.port, ORIGIN, dns_servers.zone_text(network, first)),
        dns_servers.bind(folder / "ns2", network.address(3), network.port, ORIGIN, dns_servers.zone_text(network, second)),
    ):
        yield


@needs_named
def test_a_host_published_on_both_servers_is_proven(tmp_path: pathlib.Path, network: dns_servers.Network) -> None:
    with two_binds(tmp_path, network, f"{KMS01}\n{KMS02}", f"{KMS01}\n{KMS02}"):
        found = _srv_lookup.look_up(parameters(network, expect=expecting("KMS01.corp.example."), domains=["Corp.Example.", ORIGIN]))
    assert found["proven"] is True
    (row,) = found["results"]
    assert (row["domain"], row["name"], row["zone"]) == (ORIGIN, "_vlmcs._tcp.corp.example", ORIGIN)
    assert row["resolver"] == {"name_servers": [network.address(2)], "status": "answered", "detail": None}
    assert row["records"] == [
        {"target": "kms02.corp.example", "port": 1688, "priority": 0, "weight": 0, "ttl": 60, "addresses": ["192.0.2.20", "2001:db8::20"]},
        {"target": "kms01.corp.example", "port": 1688, "priority": 10, "weight": 0, "ttl": 60, "addresses": ["192.0.2.10"]},
    ]
    assert [(server["server"], server["address"], server["status"], server["authoritative"]) for server in row["authoritative"]] == [
        ("ns1.corp.example", network.address(2), "answered", True),
        ("ns2.corp.example", network.address(3), "answered", True),
    ]
    assert all(
        [record["target"] for record in server["records"]] == ["kms02.corp.example", "kms01.corp.example"]
        for server in row["authoritative"]
    )
    assert (row["consistent"], row["proven"], row["missing"], row["problems"]) == (True, True, [], [])
    assert [item["target"] for item in row["unexpected"]] == ["kms02.corp.example"]


@needs_named
def test_a_host_that_one_server_lacks_is_not_proven_and_the_server_is_named(tmp_path: pathlib.Path, network: dns_servers.Network) -> None:
    with two_binds(tmp_path, network, KMS01, "kms01 A 192.0.2.10"):
        found = _srv_lookup.look_up(parameters(network, expect=expecting("kms01.corp.example")))
    (row,) = found["results"]
    assert (found["proven"], row["proven"], row["consistent"]) == (False, False, False)
    assert [server["status"] for server in row["authoritative"]] == ["answered", "nxdomain"]
    assert row["missing"] == [{"target": "kms01.corp.example", "port": 1688, "where": [f"ns2.corp.example ({network.address(3)})"]}]
    assert any("The authoritative servers differ" in problem for problem in row["problems"])


@needs_named
def test_a_server_that_is_down_is_a_row_and_prevents_the_proof(tmp_path: pathlib.Path, network: dns_servers.Network) -> None:
    text = dns_servers.zone_text(network, KMS01)
    with dns_servers.bind(tmp_path / "ns1", network.address(2), network.port, ORIGIN, text):
        found = _srv_lookup.look_up(parameters(network, expect=expecting("kms01.corp.example"), timeout=0.5))
    (row,) = found["results"]
    assert [server["status"] for server in row["authoritative"]] == ["answered", "timeout"]
    assert (row["proven"], row["consistent"], row["missing"]) == (False, True, [])
    assert row["problems"] == [f"ns2.corp.example ({network.address(3)}) did not answer in time."]


@needs_named
def test_a_server_name_without_address_and_a_target_without_address_are_told(tmp_path: pathlib.Path, network: dns_servers.Network) -> None:
    text = dns_servers.zone_text(network, NO_ADDRESS, servers=["ns1", "ns.elsewhere.example."])
    with dns_servers.bind(tmp_path / "ns1", network.address(2), network.port, ORIGIN, text):
        (row,) = _srv_lookup.look_up(parameters(network))["results"]
    assert [(server["server"], server["status"]) for server in row["authoritative"]] == [
        ("ns.elsewhere.example", "unreachable"),
        ("ns1.corp.example", "answered"),
    ]
    assert row["records"][0]["addresses"] == []
    assert any("no address for gone.corp.example" in problem for problem in row["problems"])
    assert any("ns.elsewhere.example could not be reached: its name has no address" in problem for problem in row["problems"])
    assert row["proven"] is None


@needs_named
def test_a_domain_that_the_servers_do_not_hold_is_told_beside_one_that_they_do(
    tmp_path: pathlib.Path, network: dns_servers.Network
) -> None:
    with two_binds(tmp_path, network, KMS01, KMS01):
        found = _srv_lookup.look_up(parameters(network, domains=[ORIGIN, "other.example"], expect=expecting("kms01.corp.example")))
    good, other = found["results"]
    assert (good["proven"], other["proven"], found["proven"]) == (True, False, False)
    assert (other["zone"], other["resolver"]["status"], other["records"], other["authoritative"]) == (None, "refused", [], [])
    assert any("The resolver refused" in problem for problem in other["problems"])
    assert any("No authoritative name server" in problem for problem in other["problems"])


@needs_named
def test_more_records_than_fit_into_a_datagram_are_all_found(tmp_path: pathlib.Path, network: dns_servers.Network) -> None:
    many = "\n".join(f"_vlmcs._tcp SRV 0 0 1688 kms{number:03}" for number in range(90))
    with two_binds(tmp_path, network, many, many):
        (row,) = _srv_lookup.look_up(parameters(network, addresses=False))["results"]
    assert len(row["records"]) == 90
    assert [len(server["records"]) for server in row["authoritative"]] == [90, 90]
    assert row["consistent"]
    assert {record["addresses"] for record in row["records"]} == {None}


def test_a_resolver_with_an_old_answer_is_told(network: dns_servers.Network) -> None:
    old, new = (dns_servers.zone_text(network, records, servers=["ns1"]) for records in (KMS01, KMS02))
    with (
        dns_servers.responder(network.address(6), network.port, dns_servers.from_zone(ORIGIN, old, authoritative=False)),
        dns_servers.responder(network.address(2), network.port, dns_servers.from_zone(ORIGIN, new)),
    ):
        (row,) = _srv_lookup.look_up(parameters(network, name_servers=[network.address(6)], expect=expecting("kms02.corp.example")))[
            "results"
        ]
    assert row["consistent"]
    assert row["missing"] == [{"target": "kms02.corp.example", "port": 1688, "where": ["resolver"]}]
    assert any("may hold old ones" in problem for problem in row["problems"])


def test_nothing_answers_at_all_and_the_result_says_so(network: dns_servers.Network) -> None:
    with dns_servers.responder(network.address(2), network.port, dns_servers.silent):
        found = _srv_lookup.look_up(parameters(network, timeout=0.2, expect=expecting("kms01.corp.example")))
    (row,) = found["results"]
    assert (row["resolver"]["status"], row["proven"], row["consistent"], row["authoritative"]) == ("timeout", False, False, [])
    assert len(row["problems"]) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"domains": []}, "domains is empty"),
        ({"domains": [""]}, "empty domain name"),
        ({"domains": ["192.0.2.1"]}, "is an address"),
        ({"domains": ["_vlmcs._tcp.corp.example"]}, "already holds the service name"),
        ({"domains": ["a" * 64]}, "is not a DNS name"),
        ({"service": "vlmcs"}, "is not of the form"),
        ({"port": 0}, "ports go from 1 to 65535"),
        ({"port": 70000}, "ports go from 1 to 65535"),
        ({"timeout": 0.0}, "above 0"),
        ({"timeout": -1.0}, "above 0"),
        ({"timeout": float("nan")}, "above 0"),
        ({"name_servers": ["ns1.corp.example"]}, "is not an IP address"),
        ({"expect": [{"target": "", "port": 1688}]}, "target in expect is empty"),
        ({"expect": [{"target": "kms01", "port": 99999}]}, "port in expect is 99999"),
    ],
)
def test_senseless_input_is_refused_with_the_reason_before_anything_is_asked(
    network: dns_servers.Network, monkeypatch: pytest.MonkeyPatch, changes: dict[str, t.Any], message: str
) -> None:
    def no_question(*_arguments: object) -> t.NoReturn:
        raise AssertionError("a question was asked")

    monkeypatch.setattr(_dns.Client, "srv", no_question)
    with pytest.raises((ValueError, _dns.DnsSetupError), match=message):
        _srv_lookup.look_up(parameters(network, **changes))


def test_the_documentation_and_the_options_agree() -> None:
    documented = yaml.safe_load(srv_info.DOCUMENTATION)["options"]
    spec = srv_info.argument_spec()
    assert list(documented) == sorted(documented)
    assert set(documented) == set(spec)
    for name, option in spec.items():
        for field in ("type", "elements", "required", "default"):
            assert documented[name].get(field) == option.get(field), (name, field)
    assert set(documented["expect"]["suboptions"]) == set(spec["expect"]["options"])


@needs_named
def test_every_result_is_documented_and_every_documented_result_comes(tmp_path: pathlib.Path, network: dns_servers.Network) -> None:
    with two_binds(tmp_path, network, KMS01, KMS02):
        found = _srv_lookup.look_up(parameters(network, expect=expecting("kms01.corp.example")))
    documented = yaml.safe_load(srv_info.RETURN)
    assert set(found) == set(documented)
    fields = documented["results"]["contains"]
    (row,) = found["results"]
    assert set(row) == set(fields)
    assert set(row["records"][0]) == set(fields["records"]["contains"])
    assert set(row["authoritative"][0]) == set(fields["authoritative"]["contains"])
    assert set(row["resolver"]) == set(fields["resolver"]["contains"])
    for field in ("missing", "unexpected"):
        assert row[field] and set(row[field][0]) == set(fields[field]["sample"][0])
    assert {server["status"] for server in row["authoritative"]} <= set(_srv.STATUSES)
    text = str(fields["authoritative"]["contains"]["status"]["description"])
    assert all(f"V({status})" in text for status in _srv.STATUSES)
