# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What SRV records mean, without a network."""

from __future__ import annotations

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from ansible_collections.activation.kms.plugins.module_utils import _dns, _srv
from hypothesis import given
from hypothesis import strategies as st

NAME = "_vlmcs._tcp.corp.example"


def record(target: str = "kms01.corp.example", port: int = 1688, priority: int = 0, weight: int = 0, ttl: int = 60) -> _srv.Record:
    """Return a record by way of dnspython's own SRV rdata, as the network gives it."""
    rdata = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.SRV, f"{priority} {weight} {port} {target}.")
    return _dns._record(rdata, ttl)


def says(server: str, *records: _srv.Record, status: str = "answered", address: str = "192.0.2.1") -> _srv.ServerAnswer:
    return _srv.ServerAnswer(server, address, status, True, records)


KMS01, KMS02 = _srv.Endpoint("kms01.corp.example", 1688), _srv.Endpoint("kms02.corp.example", 1688)
records_of_any_kind = st.builds(
    record, st.sampled_from(["a.example", "b.example", "c.example"]), st.integers(1, 65535), st.integers(0, 65535), st.integers(0, 65535)
)
answers_of_any_kind = st.builds(
    lambda name, status, rows: says(name, *rows, status=status),
    st.sampled_from(["ns1", "ns2"]),
    st.sampled_from(_srv.STATUSES),
    st.lists(records_of_any_kind, max_size=2),
)


# --- names ---


def test_a_record_read_from_the_wire_format_has_a_name_to_compare() -> None:
    assert record("KMS01.Corp.Example") == record("kms01.corp.example")
    assert record().target == "kms01.corp.example"


def test_the_time_to_live_does_not_make_records_differ() -> None:
    assert record(ttl=60) == record(ttl=1)
    assert record() != record(port=1689)
    assert record() != record(weight=1)


@pytest.mark.parametrize("service", ["_vlmcs._tcp", "_VLMCS._TCP.", "_x-1._udp"])
def test_services_are_taken_in_any_case(service: str) -> None:
    assert _srv.check_service(service) == service.lower().rstrip(".")


@pytest.mark.parametrize("service", ["", "vlmcs._tcp", "_vlmcs", "_vlmcs._sctp", "_vlmcs._tcp.corp.example", "_-a._tcp", "_v lmcs._tcp"])
def test_what_is_no_service_is_refused_by_name(service: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        _srv.check_service(service)


@pytest.mark.parametrize(
    ("domain", "says_why"),
    [
        ("", "empty"),
        (".", "empty"),
        ("192.0.2.1", "is an address"),
        ("2001:db8::1", "is an address"),
        ("_vlmcs._tcp.corp.example", "already holds the service name"),
        ("corp example", "is not a DNS name"),
        ("corp..example", "is not a DNS name"),
        (".corp.example", "is not a DNS name"),
    ],
)
def test_what_is_no_domain_is_refused_with_the_reason(domain: str, says_why: str) -> None:
    with pytest.raises(ValueError, match=says_why):
        _srv.check_domain(domain, "_vlmcs._tcp")


def test_domains_are_compared_without_case_and_closing_dot() -> None:
    assert _srv.check_domain("Corp.Example.", "_vlmcs._tcp") == "corp.example"


@given(st.text())
def test_any_text_is_a_domain_or_a_value_error(text: str) -> None:
    try:
        name = _srv.check_domain(text, "_vlmcs._tcp")
    except ValueError:
        return
    assert name == _srv.check_domain(name, "_vlmcs._tcp") or name.endswith(".")


# --- order ---


def test_the_lowest_priority_comes_first_and_within_one_the_heaviest() -> None:
    last, light, heavy = (
        record("c.example", priority=20),
        record("a.example", priority=10, weight=1),
        record("b.example", priority=10, weight=9),
    )
    assert _srv.in_order([last, light, heavy]) == [heavy, light, last]


@given(st.lists(records_of_any_kind), st.randoms())
def test_the_order_does_not_depend_on_the_order_of_arrival(records: list[_srv.Record], chance: object) -> None:
    shuffled = list(records)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _srv.in_order(shuffled) == _srv.in_order(records)


# --- verdict ---


def test_what_is_everywhere_is_proven_and_raises_no_problem() -> None:
    verdict = _srv.judge(NAME, "answered", [record()], [says("ns1", record()), says("ns2", record())], [KMS01])
    assert verdict == _srv.Verdict(consistent=True, proven=True, published=True, missing=(), unexpected=(), problems=())


def test_without_expectation_nothing_is_proven_missing_or_unexpected() -> None:
    verdict = _srv.judge(NAME, "answered", [record()], [says("ns1", record())], [])
    assert (verdict.proven, verdict.published, verdict.missing, verdict.unexpected, verdict.problems) == (None, None, (), (), ())


def test_one_server_without_the_record_is_named_and_nothing_is_proven() -> None:
    verdict = _srv.judge(
        NAME, "answered", [record()], [says("ns1", record()), says("ns2", status="nxdomain", address="192.0.2.2")], [KMS01]
    )
    assert not verdict.consistent
    assert verdict.proven is False
    assert verdict.published is True
    assert verdict.missing == (_srv.Difference(KMS01, ("ns2 (192.0.2.2)",)),)
    assert verdict.problems[0] == f"{NAME} has no record for kms01.corp.example:1688 according to ns2 (192.0.2.2)."
    assert "is on ns1 (192.0.2.1), not on ns2 (192.0.2.2)" in verdict.problems[1]


@pytest.mark.parametrize("status", ["refused", "servfail", "timeout", "unreachable", "not_authoritative", "error"])
def test_a_server_that_could_not_be_asked_prevents_the_proof_but_not_agreement(status: str) -> None:
    verdict = _srv.judge(NAME, "answered", [record()], [says("ns1", record()), says("ns2", status=status, address="192.0.2.2")], [KMS01])
    assert verdict.consistent
    assert verdict.proven is False
    assert verdict.missing == ()
    assert [problem for problem in verdict.problems if problem.startswith("ns2 (192.0.2.2) ")]


def test_records_of_a_server_without_authority_do_not_count() -> None:
    verdict = _srv.judge(
        NAME, "answered", [record()], [says("ns1", record()), says("ns2", record("x.example"), status="not_authoritative")], [KMS01]
    )
    assert verdict.consistent
    assert verdict.unexpected == ()


def test_when_no_server_could_be_asked_there_is_neither_agreement_nor_proof() -> None:
    for answers in ([], [says("ns1", status="timeout")]):
        verdict = _srv.judge(NAME, "answered", [record()], answers, [KMS01])
        assert not verdict.consistent
        assert verdict.proven is False
        assert verdict.published is None
        assert verdict.problems


@pytest.mark.parametrize("status", ["refused", "servfail", "timeout", "unreachable", "error"])
def test_a_resolver_that_does_not_answer_prevents_the_proof(status: str) -> None:
    verdict = _srv.judge(NAME, status, [], [says("ns1", record())], [KMS01])
    assert verdict.proven is False
    assert verdict.problems[0].startswith("The resolver ")


def test_a_resolver_that_holds_an_old_answer_is_told_apart_from_disagreeing_servers() -> None:
    verdict = _srv.judge(NAME, "answered", [record("old.example", ttl=300)], [says("ns1", record())], [KMS01])
    assert verdict.consistent
    assert verdict.proven is False
    assert verdict.missing == (_srv.Difference(KMS01, ("resolver",)),)
    assert any("may hold old ones for up to 300 s more" in problem for problem in verdict.problems)


def test_other_hosts_are_unexpected_without_spoiling_the_proof() -> None:
    both = [record(), record("kms02.corp.example")]
    verdict = _srv.judge(NAME, "answered", both, [says("ns1", *both)], [KMS01])
    assert verdict.proven is True
    assert verdict.unexpected == (_srv.Difference(KMS02, ("resolver", "ns1 (192.0.2.1)")),)
    assert verdict.problems == ()


def test_the_same_host_on_another_port_is_missing_and_unexpected() -> None:
    verdict = _srv.judge(NAME, "answered", [record(port=1689)], [says("ns1", record(port=1689))], [KMS01])
    assert [difference.endpoint for difference in verdict.missing] == [KMS01]
    assert [difference.endpoint.port for difference in verdict.unexpected] == [1689]


def test_an_ipv6_address_that_this_machine_cannot_reach_is_no_problem_of_a_server_that_answered() -> None:
    answers = [says("ns1", record()), says("ns1", status="unreachable", address="2001:db8::1")]
    verdict = _srv.judge(NAME, "answered", [record()], answers, [KMS01])
    assert (verdict.proven, verdict.problems) == (True, ())
    alone = _srv.judge(
        NAME, "answered", [record()], [says("ns1", record()), says("ns2", status="unreachable", address="2001:db8::1")], [KMS01]
    )
    assert alone.proven is False
    assert alone.problems == ("ns2 (2001:db8::1) could not be reached.",)


def test_a_record_that_says_not_available_is_named() -> None:
    nowhere = _srv.Record(".", 0, 0, 0, 60)
    verdict = _srv.judge(NAME, "answered", [nowhere], [says("ns1", nowhere)], [])
    assert any("not available" in problem for problem in verdict.problems)


@given(
    st.sampled_from(_srv.STATUSES),
    st.lists(records_of_any_kind, max_size=3),
    st.lists(answers_of_any_kind, max_size=4),
    st.lists(st.sampled_from([KMS01, KMS02]), max_size=2),
)
def test_proven_means_that_everybody_answered_and_nobody_lacks_anything(
    status: str, resolved: list[_srv.Record], answers: list[_srv.ServerAnswer], expected: list[_srv.Endpoint]
) -> None:
    verdict = _srv.judge(NAME, status, resolved, answers, expected)
    assert (verdict.proven is None) == (not expected)
    if verdict.proven:
        assert not verdict.missing
        assert {answer.server for answer in answers} == {answer.server for answer in answers if answer.status in _srv.COUNTED} != set()
    if verdict.missing or not answers:
        assert verdict.problems
