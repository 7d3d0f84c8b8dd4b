# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.finding import Severity
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.rules import srv as rules

from tests.unit.plugins.plugin_utils._diagnosis.evidence import (
    DOMAIN,
    ago,
    case,
    discovery,
    domain,
    endpoint,
    findings,
    gaps,
    kms_client,
    kms_host,
    log,
    probe,
    record,
    request_served,
    rules_of,
    seen_domain,
    the_finding,
)

KMS01, KMS02, GONE = (f"{name}.{DOMAIN}" for name in ("kms01", "kms02", "gone"))


def judged(rule=None, **around):
    return [judgement for each in rules.CASE_RULES if rule in (None, each) for judgement in each(case(**around))]


def test_records_as_they_should_be_give_neither_findings_nor_gaps():
    assert judged(hosts=[kms_host()], srv=[domain(record())], approved=["kms01"], probes=[probe()]) == []
    assert judged(hosts=[kms_host(), kms_client()], srv=[domain(record())]) == []


# --- missing


@pytest.mark.parametrize("status", ["nxdomain", "no_record"])
def test_a_domain_without_a_record(status):
    finding = the_finding(judged(rules.missing, hosts=[kms_host()], srv=[domain(status=status)]))
    assert (finding.rule, finding.subject, finding.severity) == ("srv_missing", DOMAIN, None)
    assert "2 authoritative servers" in finding.sentence and "kms01 publishes" in finding.sentence


NEEDY = {"product": {"license_status": 5, "kms_machine_discovered": None}, "service": {"kms_machine_discovered": None}}


def test_a_domain_without_a_record_matters_where_somebody_needs_one():
    # A search list has domains in which nobody ever meant to have a host.
    other = domain(name="lab.example.com")
    sought = discovery(domains=[seen_domain(record()), seen_domain(domain="lab.example.com")])
    found = judged(rules.missing, srv=[domain(record()), other], clients=[kms_client(discovery=sought, **NEEDY)])
    assert [(finding.subject, finding.severity) for finding in findings(found)] == [("lab.example.com", Severity.INFO)]
    without = kms_client(discovery=discovery(domains=[seen_domain(), seen_domain(domain="lab.example.com")]), **NEEDY)
    found = findings(judged(rules.missing, srv=[domain(), other], clients=[without]))
    assert [(finding.subject, finding.severity) for finding in found] == [(DOMAIN, None), ("lab.example.com", None)]
    assert "pc01" in found[0].sentence
    configured = {"kms_machine_configured": {"name": KMS01, "port": 1688, "level": "machine"}}
    satisfied = [kms_client(discovery=discovery(domains=[seen_domain()])), kms_client("pc02", **{**NEEDY, "service": configured})]
    assert the_finding(judged(rules.missing, srv=[domain()], clients=satisfied)).severity is Severity.INFO


def test_a_resolver_that_lags_behind_is_told_from_a_domain_without_a_record():
    finding = the_finding(judged(rules.missing, srv=[domain(servers={"ns1": [record()], "ns2": []})]))
    assert (finding.rule, finding.severity) == ("srv_missing", Severity.WARNING)
    assert "ns1" in finding.sentence and "ns2" not in finding.sentence


def test_a_record_that_says_there_is_none():
    finding = the_finding(judged(rules.missing, srv=[domain(record("."))]))
    assert finding.rule == "srv_missing" and "RFC 2782" in finding.sentence


def test_no_answer_is_no_missing_record():
    unknown = domain(status="timeout", servers={"ns1": "timeout", "ns2": "refused"})
    assert [gap.rule for gap in judged(rules.missing, srv=[unknown])] == ["srv_missing"]
    assert judged(rules.missing, srv=[domain(status="timeout", servers={"ns1": [record()]})]) == []
    assert rules_of(judged(rules.missing, srv=[domain(status="timeout", servers={"ns1": []})])) == ["srv_missing"]


def test_the_domains_of_hosts_should_be_looked_at():
    host = kms_host(host={"publish_domains": ["lab.example.com, 10, 0"]})
    assert [(gap.rule, gap.subject) for gap in judged(rules.missing, hosts=[host], srv=[domain(record())])] == [
        ("srv_missing", "lab.example.com")
    ]


# --- wrong port


def test_a_record_with_another_port_than_the_host():
    finding = the_finding(judged(rules.wrong_port, hosts=[kms_host()], srv=[domain(record(port=1689))]))
    assert (finding.rule, finding.subject, finding.affects, finding.depends_on) == ("srv_wrong_port", DOMAIN, ("kms01",), ("kms01",))
    assert (finding.values["port"], finding.values["wrong_port"], finding.severity) == ("1688", "1689", None)
    answered = judged(rules.wrong_port, hosts=[kms_host()], srv=[domain(record(port=1689))], probes=[probe(port=1689)])
    assert the_finding(answered).severity is Severity.WARNING


def test_a_wrong_port_is_not_a_stale_record_as_well():
    around = {"hosts": [kms_host()], "srv": [domain(record(port=1689))], "probes": [probe(outcome="refused", port=1689)]}
    assert rules_of(judged(**around)) == ["srv_wrong_port"]


def test_a_port_that_was_not_seen_is_a_gap():
    host = kms_host(host={"listening_port": None})
    assert [gap.rule for gap in judged(rules.wrong_port, hosts=[host], srv=[domain(record())])] == ["srv_wrong_port"]


# --- stale


def test_a_target_without_an_address():
    around = {"hosts": [kms_host()], "srv": [domain(record(), record(GONE), addresses={GONE: []})]}
    finding = the_finding(judged(rules.stale, **around))
    assert (finding.rule, finding.subject, finding.affects, finding.severity) == ("srv_stale", DOMAIN, (GONE,), None)
    assert "no address" in finding.sentence
    # The lookup may have failed: whoever was reached has an address.
    assert judged(rules.stale, **around, probes=[probe(GONE)]) == []


def test_a_target_that_does_not_answer_is_not_told_to_be_removed():
    around = {"hosts": [kms_host()], "srv": [domain(record(), record(GONE))]}
    finding = the_finding(judged(rules.stale, **around, probes=[probe(GONE, "timeout")]))
    assert (finding.rule, finding.severity) == ("srv_target_not_reached", None)
    assert "timeout" in finding.sentence and finding.values["host"] == GONE
    assert judged(rules.stale, **around, probes=[probe(GONE, "timeout"), probe(GONE, seen_from="pc01")]) == []


def test_a_record_is_not_dead_for_a_controller_that_may_not_reach_it():
    unreached = {"srv": [domain(record())], "probes": [probe(outcome="timeout")]}
    alone = the_finding(judged(rules.stale, **unreached))
    assert (alone.rule, alone.severity) == ("srv_target_not_reached", None) and "the controller" not in alone.proofs[0].text
    assert judged(rules.stale, **unreached, clients=[kms_client(discovery=discovery(endpoint()))]) == []
    assert judged(rules.stale, **unreached, clients=[kms_client()]) == []
    assert judged(rules.stale, **unreached, hosts=[kms_host(events=log(request_served(time=ago(hours=1))))]) == []
    blocked = kms_client(discovery=discovery(endpoint("timeout")))
    assert the_finding(judged(rules.stale, **unreached, clients=[blocked])).severity is Severity.ERROR


def test_a_target_that_is_no_kms_host():
    old = kms_client("old")
    finding = the_finding(judged(rules.stale, hosts=[kms_host(), old], srv=[domain(record(), record(f"old.{DOMAIN}"))]))
    assert finding.affects == ("old",) and "no KMS host key" in finding.sentence


def test_it_is_worse_where_no_record_leads_to_a_host():
    found = findings(judged(rules.stale, srv=[domain(record(KMS01), record(GONE), addresses={KMS01: [], GONE: []})]))
    assert [finding.severity for finding in found] == [Severity.ERROR, Severity.ERROR]


@pytest.mark.parametrize("addresses", [{GONE: ["192.0.2.99"]}, {GONE: None}])
def test_a_target_that_nobody_tried_is_a_gap(addresses):
    judgements = judged(rules.stale, hosts=[kms_host()], srv=[domain(record(), record(GONE), addresses=addresses)])
    assert [gap.needs for gap in judgements] == [f"endpoint_info of {GONE}, port 1688"]


# --- rogue


def test_a_host_that_is_not_approved():
    around = {"hosts": [kms_host()], "srv": [domain(record(), record(KMS02))]}
    finding = the_finding(judged(rules.rogue, **around, approved=[KMS01]))
    assert (finding.rule, finding.subject, finding.affects) == ("srv_rogue", DOMAIN, (KMS02,))
    assert judged(rules.rogue, **around, approved=["kms01", "KMS02"]) == []


def test_no_host_is_rogue_where_nothing_is_said_of_approval():
    assert judged(rules.rogue, srv=[domain(record(KMS02))]) == []


def test_a_host_may_be_approved_by_its_name_in_the_inventory():
    host = kms_host("licensing", machine={"name": "KMS02", "fqdn": KMS02})
    assert judged(rules.rogue, hosts=[host], srv=[domain(record(KMS02))], approved=["licensing"]) == []


# --- servers


def test_servers_that_have_different_records():
    finding = the_finding(judged(rules.servers_disagree, srv=[domain(record(), servers={"ns1": [record()], "ns2": []})]))
    assert (finding.rule, finding.subject) == ("srv_servers_disagree", DOMAIN)
    assert f"ns2.{DOMAIN}" in finding.sentence and f"{KMS01}:1688" in finding.sentence
    assert finding.values["server"].startswith("ns2") and finding.severity is None and f"Clients that ask ns2.{DOMAIN}" in finding.sentence
    # Each has one: a change may be on its way, and clients find a host on either.
    servers = {"ns1": [record(), record(KMS02)], "ns2": [record()]}
    assert the_finding(judged(rules.servers_disagree, srv=[domain(record(), servers=servers)])).severity is Severity.INFO


@pytest.mark.parametrize(
    "servers",
    [
        {"ns1": [record(ttl=3600)], "ns2": [record(ttl=12)]},
        {"ns1": [record()], "ns2": "timeout"},
        {"ns1": [record(), record(KMS02)], "ns2": [record(KMS02), record()]},
    ],
)
def test_servers_that_agree_as_far_as_they_answered(servers):
    assert judged(rules.servers_disagree, srv=[domain(record(), servers=servers)]) == []


def test_servers_that_gave_no_answer_are_a_gap():
    assert [gap.rule for gap in gaps(judged(rules.servers_disagree, srv=[domain(record(), servers={"ns1": "timeout"})]))] == [
        "srv_servers_disagree"
    ]
