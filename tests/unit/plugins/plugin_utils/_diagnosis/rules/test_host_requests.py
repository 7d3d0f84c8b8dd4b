# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.findings import finding_type
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.finding import Severity
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.rules import host_requests as rules

from tests.unit.plugins.plugin_utils._diagnosis.evidence import (
    DOMAIN,
    SERVER_CLIENT,
    ago,
    case,
    findings,
    gaps,
    host_product,
    iso,
    kms_client,
    kms_host,
    log,
    office_host_product,
    request_served,
    rules_of,
    the_finding,
)

NONE = {"total": 0, "failed": 0, "unlicensed": 0, "licensed": 0, "oob_grace": 0, "oot_grace": 0, "non_genuine_grace": 0, "notification": 0}


def judged(machine, *earlier):
    around = case(hosts=[machine], earlier=earlier)
    return [judgement for rule in rules.MACHINE_RULES for judgement in rule(machine, around)]


def with_requests(count=50, **requests):
    return kms_host(product={"count": count, "requests": {**NONE, "total": 900, "licensed": 900, **requests}})


def earlier(*, days=1, **requests):
    host = {"collected_at": iso(ago(days=days)), "product": {"requests": {**NONE, "total": 800, "licensed": 800, **requests}}}
    return kms_host(**host)


def test_a_healthy_host_gives_neither_findings_nor_gaps():
    assert judged(kms_host()) == []
    assert judged(kms_host(events=log(request_served())), earlier()) == []
    assert judged(kms_client()) == []


# --- refused requests


@pytest.mark.parametrize("code", [0xC004F042, 0xC004F015])
def test_a_client_that_no_host_key_covers(code):
    refused = request_served("pc02", code=code, time=ago(hours=1))
    finding = the_finding(judged(kms_host(events=log(refused, request_served("pc01")))))
    assert (finding.rule, finding.subject, finding.severity) == ("host_key_too_old_for_clients", "kms01", None)
    assert finding.affects == (f"pc02.{DOMAIN}",)
    assert f"0x{code:08X}" in finding.sentence and "ServerDatacenter edition (key ...HOST1)" in finding.sentence
    assert finding.proofs[0].source == "event 12290 of kms01, 2026-11-24 07:15 UTC"


def test_a_refusal_that_the_same_client_and_product_has_overcome_is_history():
    refused, served = request_served("pc02", code=0xC004F042, time=ago(days=3)), request_served("pc02", time=ago(days=1))
    assert judged(kms_host(events=log(served, refused))) == []
    other_product = request_served("pc02", time=ago(days=1), activation_id=SERVER_CLIENT)
    assert rules_of(judged(kms_host(events=log(other_product, refused)))) == ["host_key_too_old_for_clients"]


def test_failed_requests_that_rise_between_two_readings():
    finding = the_finding(judged(with_requests(failed=7), earlier(failed=3)))
    assert (finding.rule, finding.severity) == ("host_key_too_old_for_clients", Severity.WARNING)
    assert "probably" in finding.sentence
    assert "4 requests" in finding.sentence and "3 at 2026-11-23 08:15 UTC" in finding.sentence
    assert [proof.source for proof in finding.proofs] == [
        "earlier activation_info of kms01, products[].requests",
        "activation_info of kms01, products[].requests",
    ]


def test_a_log_without_a_refusal_shows_that_it_is_not_the_key():
    grown = {"product": {"requests": {**NONE, "total": 900, "licensed": 900, "failed": 7}}}
    read = the_finding(judged(kms_host(events=log(request_served()), **grown), earlier(failed=3)))
    assert (read.rule, read.severity) == ("host_failed_requests", None) and "no request that was refused" in read.sentence
    for state in ({"complete": False}, {"oldest_record_at": iso(ago(hours=2))}, {"problem": "denied"}, {"enabled": False}):
        partly = the_finding(judged(kms_host(events=log(request_served(), kms=state), **grown), earlier(failed=3)))
        assert partly.rule == "host_key_too_old_for_clients"


def test_failed_requests_that_do_not_rise_are_history():
    assert judged(with_requests(failed=3), earlier(failed=3)) == []


@pytest.mark.parametrize("before", [[], [earlier(failed=3, days=-1)], [earlier(total=5000, failed=3)], [earlier(failed=9)]])
def test_one_reading_says_that_it_is_one(before):
    finding = the_finding(judged(with_requests(failed=7), *before))
    assert finding.rule == "host_failed_requests"
    assert "one reading" in finding.sentence and "7 requests" in finding.sentence


def test_requests_that_failed_for_another_reason_do_not_blame_the_key():
    host = kms_host(
        product={"requests": {**NONE, "total": 900, "licensed": 900, "failed": 7}},
        events=log(request_served("pc02", code=0xC004F06C, time=ago(hours=2)), request_served("pc01")),
    )
    finding = the_finding(judged(host, earlier(failed=3)))
    assert finding.rule == "host_failed_requests"
    assert "0xC004F06C" in finding.sentence and "pc02" in finding.sentence


def test_the_counters_of_each_host_key_are_its_own():
    office = {"requests": {**NONE, "total": 90, "licensed": 90}}
    before = kms_host(collected_at=iso(ago(days=1)), products=[host_product(), office_host_product(**office)])
    office["requests"]["failed"] = 2
    now = kms_host(products=[host_product(), office_host_product(**office)])
    assert "Office" in the_finding(judged(now, before)).sentence


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"product": {"requests": None}, "host": {"requests": None}}, ["host_failed_requests"]),
        ({"product": {"requests": None, "count": 0}, "host": {"requests": None}}, ["host_failed_requests", "host_count_zero_nobody"]),
        ({"product": {"count": None}, "host": {"count": None}}, ["host_count_too_low"]),
    ],
)
def test_numbers_that_were_not_seen_are_gaps_and_no_zeros(changes, expected):
    judgements = judged(kms_host(**changes))
    assert findings(judgements) == []
    assert [gap.rule for gap in gaps(judgements)] == expected


def test_the_machines_own_numbers_stand_in_where_its_only_host_key_has_none():
    assert "is 3" in the_finding(judged(kms_host(product={"count": None}, host={"count": 3}))).sentence


# --- the count


def test_a_new_host_has_a_count_of_zero():
    finding = the_finding(judged(with_requests(0, total=0, licensed=0)))
    assert finding.rule == "host_count_zero_new"
    assert finding.depends_on == (DOMAIN,)


def test_a_host_that_nobody_has_asked_for_days_is_not_new():
    finding = the_finding(judged(with_requests(0, total=0, licensed=0), earlier(days=9, total=0, licensed=0)))
    assert finding.rule == "host_count_zero_nobody"
    assert "9 days" in finding.sentence
    assert rules_of(judged(with_requests(0, total=0, licensed=0), earlier(days=1, total=0, licensed=0))) == ["host_count_zero_new"]


def test_a_host_whose_clients_have_gone():
    finding = the_finding(judged(with_requests(0)))
    assert (finding.rule, finding.depends_on) == ("host_count_zero_nobody", (DOMAIN,))
    assert "900" in finding.sentence and "30 days" in finding.sentence


@pytest.mark.parametrize("total", [0, 5])
def test_a_host_that_refuses_everybody_is_asked(total):
    # The total may have the failed requests in it or not.
    assert rules_of(judged(with_requests(0, total=total, licensed=0, failed=5))) == ["host_failed_requests"]


def test_a_host_key_that_is_not_activated_counts_nobody_for_that_reason():
    assert judged(kms_host(product={"license_status": 5, "count": 0})) == []


def test_the_thresholds_are_explained():
    low = the_finding(judged(with_requests(3)))
    assert (low.rule, low.severity) == ("host_count_too_low", None)
    assert "is 3" in low.sentence and "5" in low.sentence and "25" in low.sentence
    middle = the_finding(judged(with_requests(12)))
    assert "enough for Windows Server and Office (5), too low for Windows clients (25)" in middle.sentence
    assert judged(with_requests(25)) == []


def test_a_low_count_is_shown_beside_who_asked():
    requests = [request_served(f"pc{n}", cmid="11111111-2222-4333-8444-555555555555") for n in range(6)]
    stuck = the_finding(judged(kms_host(product={"count": 1}, events=log(*requests, request_served("old", time=ago(days=31))))))
    assert [proof.text for proof in stuck.proofs] == [
        "count 1; minimum counts asked for: 25",
        "1 CMID under 6 names asked",
    ]
    assert stuck.proofs[1].source == "events 12290 of kms01, from 2026-10-25 08:15 UTC to 2026-11-24 08:15 UTC"
    short = log(*requests, kms={"complete": False, "oldest_record_at": iso(ago(days=1))})
    source = the_finding(judged(kms_host(product={"count": 1}, events=short))).proofs[1].source
    assert source == "events 12290 of kms01, from 2026-11-23 08:15 UTC to 2026-11-24 08:15 UTC, not all of it was read"
    application_alone = log()
    application_alone["logs"] = application_alone["logs"][:1]
    assert len(the_finding(judged(kms_host(product={"count": 1}, events=application_alone))).proofs) == 1
    unread = kms_host(product={"count": 1}, events=log(kms={"problem": "access denied"}))
    assert len(the_finding(judged(unread)).proofs) == 1


def test_ten_may_be_the_end_of_the_scale():
    assert "asked" in the_finding(judged(with_requests(10))).sentence
    only_servers = kms_host(product={"count": 10}, events=log(*(request_served(f"srv{n}", required_count=5) for n in range(10))))
    assert judged(only_servers) == []
    with_a_client = kms_host(product={"count": 10}, events=log(request_served("srv1", required_count=5), request_served("pc01")))
    assert rules_of(judged(with_a_client)) == ["host_count_too_low"]


def test_office_needs_five():
    assert judged(kms_host(products=[host_product(), office_host_product(count=5)])) == []
    low = the_finding(judged(kms_host(products=[host_product(), office_host_product(count=4)])))
    assert "Office" in low.sentence and "25" not in low.sentence


def test_what_a_rule_says_by_default_is_no_fault_where_nothing_is_broken():
    for judgement in (*judged(with_requests(0, total=0, licensed=0)), *judged(with_requests(7)), *judged(with_requests(failed=1))):
        assert (judgement.severity or finding_type(judgement.rule).severity) == Severity.INFO
