# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.findings import finding_type
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.case import read_machine
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.finding import Severity
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.rules import host as rules

from tests.unit.plugins.plugin_utils._diagnosis.evidence import (
    DOMAIN,
    ago,
    case,
    code_facts,
    discovery,
    domain,
    endpoint,
    findings,
    firewall_rule,
    gaps,
    host_product,
    iso,
    kms_client,
    kms_host,
    log,
    office_host_product,
    probe,
    publish_failed,
    published,
    record,
    request_served,
    the_finding,
)

HOST = f"kms01.{DOMAIN}"
WS16, WS25 = "Windows(R) Operating System, VOLUME_KMS_WS16 channel", "Windows(R) Operating System, VOLUME_KMS_WS25 channel"


def judged(rule, machine, **around):
    return list(rule(machine, case(hosts=[machine], **around)))


def test_a_healthy_host_gives_no_finding_and_with_all_evidence_no_gap():
    host = kms_host(events=log(request_served(), published()))
    around = {"srv": [domain(record())], "probes": [probe()], "approved": [HOST]}
    assert [judgement for rule in rules.MACHINE_RULES for judgement in judged(rule, host, **around)] == []


def test_a_client_is_no_business_of_these_rules():
    client = kms_client(events=log())
    assert [judgement for rule in rules.MACHINE_RULES for judgement in rule(client, case())] == []


# --- the key and its Windows


def test_a_service_that_looks_older_than_the_key_needs_is_a_hint_where_the_key_is_not_licensed():
    host = kms_host(
        service={"version": "10.0.20348.2227"}, product={"description": WS25, "license_status": 5, "license_status_word": "notification"}
    )
    finding = the_finding(judged(rules.service_too_old, host))
    # The file may be older than Windows, and the update is for Windows: it explains nothing by itself.
    assert (finding.rule, finding.severity) == ("host_service_looks_old", None)
    assert finding_type(finding.rule).explains == ()
    assert "10.0.20348.2227" in finding.sentence and "10.0.20348.2322" in finding.sentence and "KB5034770" in finding.sentence
    assert finding.values["version"] == "10.0.20348.2322"


def test_a_key_that_windows_activated_is_accepted_whatever_the_table_says():
    assert judged(rules.service_too_old, kms_host(service={"version": "10.0.20348.2227"}, product={"description": WS25})) == []
    host = kms_host(machine={"build": 14393}, product={"description": WS25})
    assert the_finding(judged(rules.service_too_old, host)).severity is Severity.INFO


@pytest.mark.parametrize(
    ("version", "description"),
    [("10.0.20348.2322", WS25), ("10.0.20348.2966", WS25), ("10.0.20348.1", "Windows(R) Operating System, VOLUME_KMS_WS22 channel")],
)
def test_a_service_that_is_new_enough_is_fine(version, description):
    assert (
        judged(rules.service_too_old, kms_host(service={"version": version}, product={"description": description, "license_status": 5}))
        == []
    )


def test_a_windows_older_than_any_on_the_keys_list_is_too_old_and_a_newer_one_is_not():
    old = {"build": 14393, "caption": "Microsoft Windows Server 2016 Datacenter"}
    host = kms_host(machine=old, service={"version": "10.0.14393.7606"}, product={"description": WS25, "license_status": 5})
    finding = the_finding(judged(rules.service_too_old, host))
    assert "14393" in finding.sentence and "17763" in finding.sentence
    assert judged(rules.service_too_old, kms_host(product={"description": WS16, "license_status": 5})) == []


def test_a_server_key_is_not_for_client_windows():
    host = kms_host(machine={"build": 26100, "product_type": "workstation"}, product={"description": WS25, "license_status": 5})
    assert "client" in the_finding(judged(rules.service_too_old, host)).sentence


def test_the_office_key_beside_the_windows_key_is_judged_by_its_own_row():
    office = office_host_product(activation_id="f3d89bbf-c0ec-47ce-a8fa-e5a5f97e447f", license_status=5)
    host = kms_host(
        machine={"build": 17763},
        service={"version": "10.0.17763.6659"},
        products=[host_product(description="Windows(R) Operating System, VOLUME_KMS_WS19 channel"), office],
    )
    assert "Office LTSC 2024" in the_finding(judged(rules.service_too_old, host)).sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"service": {"version": None}, "product": {"description": WS25}},
        # An enablement package raises the build of Windows and not that of its files.
        {"service": {"version": "10.0.19041.4717"}, "product": {"description": WS25}},
        {"machine": {"build": None}},
        {"product": {"description": "Windows Operating System - Windows Server(R), VOLUME_KMS_C channel"}},
    ],
)
def test_what_is_too_old_is_not_guessed(changes):
    judgements = judged(rules.service_too_old, kms_host(**changes))
    assert findings(judgements) == []
    assert [gap.rule for gap in gaps(judgements)] == ["host_service_too_old_for_key"]


def test_a_host_key_that_is_not_licensed_is_found_with_its_reason():
    host = kms_host(product={"license_status": 5, "license_status_word": "notification", "reason": code_facts(0xC004F056)})
    finding = the_finding(judged(rules.not_licensed, host))
    assert (finding.rule, finding.subject) == ("host_not_licensed", "kms01")
    assert "notification" in finding.sentence and "0xC004F056" in finding.sentence
    assert finding.proofs[0].source == "activation_info of kms01, products[].license_status"


def test_each_host_key_has_a_licence_of_its_own():
    host = kms_host(products=[host_product(), office_host_product(license_status=2, license_status_word="oob_grace")])
    assert "Office" in the_finding(judged(rules.not_licensed, host)).sentence


@pytest.mark.parametrize("changes", [{"product": {"license_status": None}}, {"products": []}])
def test_a_licence_that_was_not_seen_is_not_taken_for_none(changes):
    judgements = judged(rules.not_licensed, kms_host(**changes))
    assert [(gap.rule, gap.subject) for gap in judgements] == [("host_not_licensed", "kms01")]


# --- a machine that is taken for a host


def test_a_machine_without_a_host_key_to_which_srv_records_lead():
    machine = kms_client("old")
    finding = the_finding(judged(rules.no_host_key, machine, srv=[domain(record(f"old.{DOMAIN}"))]))
    assert (finding.rule, finding.subject) == ("host_has_no_host_key", "old")
    assert DOMAIN in finding.sentence
    assert len(finding.proofs) == 2


def test_a_machine_without_a_host_key_that_clients_still_ask():
    asked = kms_client("old", events=log(request_served("pc01", time=ago(days=2))))
    assert "asked" in the_finding(judged(rules.no_host_key, asked)).sentence
    # A case has a machine that is no host only when some client is sent there.
    assert "sent" in the_finding(judged(rules.no_host_key, kms_client("old"))).sentence


def test_a_machine_that_was_a_host_long_ago_is_none_now():
    retired = kms_client("old", events=log(request_served("pc01", time=ago(days=45))))
    assert judged(rules.no_host_key, retired) == []
    assert list(rules.no_host_key(kms_client("pc01"), case(hosts=[kms_host()]))) == []


def test_a_machine_of_which_only_events_are_known_is_not_judged():
    machine = kms_client("old", host=None, products=None, events=log(request_served()))
    assert [gap.needs for gap in judged(rules.no_host_key, machine)] == ["activation_info of old"]


# --- service, firewall, port


@pytest.mark.parametrize("state", ["Stopped", "Paused", "Stop Pending"])
def test_a_service_that_does_not_run(state):
    finding = the_finding(judged(rules.service_not_running, kms_host(service={"state": state, "start_mode": "Disabled"})))
    assert (finding.rule, finding.severity) == ("host_service_not_running", None)
    assert state.lower() in finding.sentence and "Disabled" in finding.sentence


@pytest.mark.parametrize("state", ["Running", "Start Pending"])
def test_a_service_that_runs_or_starts(state):
    assert judged(rules.service_not_running, kms_host(service={"state": state})) == []


def test_a_stopped_service_whose_port_answered_may_have_been_started_since():
    finding = the_finding(judged(rules.service_not_running, kms_host(service={"state": "Stopped"}), probes=[probe()]))
    assert finding.severity is Severity.WARNING


def test_a_state_that_was_not_seen_is_a_gap():
    assert [gap.rule for gap in judged(rules.service_not_running, kms_host(service={"state": None}))] == ["host_service_not_running"]


def with_rules(*firewall_rules, **host):
    return kms_host(host={"firewall_rules": list(firewall_rules), **host})


BLOCKED = kms_client(discovery=discovery(endpoint("timeout")), product={"license_status": 5})


def test_the_exception_is_there_and_off():
    off = with_rules(firewall_rule(enabled=False))
    closed = the_finding(judged(rules.firewall, off, clients=[BLOCKED]))
    assert (closed.rule, closed.severity) == ("host_firewall_exception_off", None)
    assert "SPPSVC-In-TCP" in closed.sentence and closed.proofs[-1].source == "discovery_info of pc01"
    # The facts have the built-in rules alone: another one, or a firewall that is off, may let clients in.
    unknown = the_finding(judged(rules.firewall, off))
    assert unknown.severity is Severity.WARNING and "unless another rule" in unknown.sentence


@pytest.mark.parametrize(
    ("host", "clients"),
    [
        (kms_host(events=log(request_served(time=ago(hours=1)))), []),
        (kms_host(), [kms_client(discovery=discovery(endpoint()))]),
        (kms_host(), [kms_client(product={"grace_minutes": 178 * 1440})]),
        (kms_host(), [kms_client(discovery=discovery(endpoint())), BLOCKED]),
    ],
)
def test_a_host_that_serves_is_cleared_whatever_its_rules_are_and_the_controller_meets(host, clients):
    around = {"probes": [probe(outcome="timeout")], "clients": clients}
    assert judged(rules.port_closed, host, **around) == []
    facts = host.facts.as_dict()
    facts["host"]["firewall_rules"] = [firewall_rule(enabled=False)]
    off = read_machine({"inventory_hostname": "kms01", **facts, "events": None if host.events is None else host.events.as_dict()})
    finding = the_finding(judged(rules.firewall, off, **around))
    assert (finding.rule, finding.severity) == ("host_firewall_exception_off", Severity.INFO)


def test_what_clients_meet_now_counts_more_than_what_they_met_before():
    served = kms_host(events=log(request_served(time=ago(hours=1))), host={"firewall_rules": [firewall_rule(enabled=False)]})
    assert the_finding(judged(rules.firewall, served, clients=[BLOCKED])).severity is None
    assert the_finding(judged(rules.port_closed, served, clients=[BLOCKED], probes=[probe(outcome="timeout")])).severity is None


def test_a_controller_that_gets_no_answer_alone_proves_little():
    finding = the_finding(judged(rules.port_closed, kms_host(), probes=[probe(outcome="timeout")]))
    assert finding.severity is Severity.WARNING and "not reached from the controller" in finding.sentence
    assert the_finding(judged(rules.port_closed, kms_host(), probes=[probe(outcome="refused")])).severity is None
    served = kms_host(events=log(request_served(time=ago(hours=1))))
    assert the_finding(judged(rules.port_closed, served, probes=[probe(outcome="refused")])).severity is Severity.WARNING
    # A client that asks another host, or long ago, or itself, shows nothing of this one.
    for client in (
        kms_client(discovery=discovery(endpoint(host="kms02.corp.example.com")), product={"kms_machine_discovered": None}),
        kms_client(product={"grace_minutes": 160 * 1440}),
        kms_client("kms01", discovery=discovery(endpoint())),
    ):
        around = {"probes": [probe(outcome="timeout")], "clients": [client]}
        assert the_finding(judged(rules.port_closed, kms_host(), **around)).severity is Severity.WARNING


def test_the_exception_is_not_there_at_all():
    finding = the_finding(judged(rules.firewall, with_rules()))
    assert (finding.rule, finding.severity) == ("host_firewall_exception_off", Severity.WARNING)


def test_a_probe_from_elsewhere_that_got_through_clears_the_firewall_and_one_from_the_host_itself_does_not():
    off = with_rules(firewall_rule(enabled=False))
    assert judged(rules.firewall, off, probes=[probe()]) == []
    assert findings(judged(rules.firewall, off, probes=[probe(seen_from="kms01")]))
    assert findings(judged(rules.firewall, off, probes=[probe(outcome="timeout")]))


def test_a_rule_that_is_on_and_blocks():
    finding = the_finding(judged(rules.firewall, with_rules(firewall_rule(action="block"))))
    assert (finding.rule, finding.values["rule"]) == ("host_firewall_blocks", "SPPSVC-In-TCP")


@pytest.mark.parametrize(
    ("profiles", "machine", "missing"),
    [
        (["private", "public"], {}, "Domain"),
        (["domain"], {"fqdn": "KMS01"}, "Private"),
    ],
)
def test_an_exception_for_other_networks_only(profiles, machine, missing):
    host = kms_host(machine=machine, host={"firewall_rules": [firewall_rule(profiles=profiles)]})
    finding = the_finding(judged(rules.firewall, host))
    assert finding.rule == "host_firewall_profile_missing"
    assert missing in finding.values["profiles"].split(",")


def test_whether_a_machine_is_a_member_of_a_domain_is_not_guessed_without_its_name():
    host = kms_host(machine={"fqdn": None}, host={"firewall_rules": [firewall_rule(profiles=["domain"])]})
    assert [gap.needs for gap in judged(rules.firewall, host)] == ["whether kms01 is a member of a domain"]


@pytest.mark.parametrize(
    "firewall_rules",
    [
        [firewall_rule(profiles=["domain"])],
        [firewall_rule(profiles=["domain", "private"])],
        # Client Windows has a rule for each half.
        [firewall_rule(profiles=["private", "public"], enabled=False), firewall_rule(name="SPPSVC-In-TCP-NoScope", profiles=["domain"])],
    ],
)
def test_an_exception_that_is_on_for_the_domain_is_enough(firewall_rules):
    assert judged(rules.firewall, with_rules(*firewall_rules)) == []


def test_on_client_windows_the_rule_for_the_domain_is_another_one():
    half = [firewall_rule(profiles=["private", "public"]), firewall_rule(name="SPPSVC-In-TCP-NoScope", profiles=["domain"], enabled=False)]
    finding = the_finding(judged(rules.firewall, with_rules(*half)))
    # The other one is for the own subnet: it is not made wider.
    assert (finding.rule, finding.values["rule"], finding.values["profiles"]) == (
        "host_firewall_profile_missing",
        "SPPSVC-In-TCP-NoScope",
        "Domain",
    )
    workstation = kms_host(machine={"product_type": "workstation"}, host={"firewall_rules": half})
    beside = the_finding(judged(rules.firewall, workstation, probes=[probe()]))
    assert (beside.rule, beside.severity) == ("host_firewall_profile_missing", Severity.INFO)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_exception_is_for_another_port(enabled):
    host = with_rules(firewall_rule(enabled=enabled), listening_port=1689)
    unknown = the_finding(judged(rules.firewall, host))
    assert (unknown.rule, unknown.severity, unknown.values["port"]) == ("host_firewall_other_port", Severity.WARNING, "1689")
    closed = the_finding(judged(rules.firewall, host, probes=[probe(outcome="timeout", port=1689)]))
    assert (closed.rule, closed.severity) == ("host_firewall_other_port", None)
    assert judged(rules.firewall, host, probes=[probe(port=1689)]) == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"firewall_rules": None}, "host_firewall_exception_off"),
        ({"listening_port": None}, "host_firewall_other_port"),
        ({"firewall_rules": [{"name": "SPPSVC-In-TCP", "enabled": True}]}, "host_firewall_profile_missing"),
    ],
)
def test_a_firewall_that_was_not_seen_is_a_gap(changes, rule):
    judgements = judged(rules.firewall, kms_host(host=changes))
    assert [(type(judgement).__name__, judgement.rule) for judgement in judgements] == [("Unjudged", rule)]


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        (["refused"], "nothing listens"),
        (["timeout"], "firewall"),
        (["unreachable"], "no way"),
        (["no_address"], "no address"),
        (["timeout", "refused"], "nothing listens"),
    ],
)
def test_a_closed_port_says_what_its_silence_or_refusal_means(outcomes, told):
    probes = [probe(outcome=outcome, seen_from=f"pc{number}") for number, outcome in enumerate(outcomes)]
    finding = the_finding(judged(rules.port_closed, kms_host(), probes=probes))
    assert finding.rule == "host_port_closed"
    assert told in finding.sentence
    assert len(finding.proofs) == len(outcomes)


def test_a_port_that_answers_somebody_is_open():
    assert judged(rules.port_closed, kms_host(), probes=[probe(outcome="timeout", seen_from="pc01"), probe()]) == []


@pytest.mark.parametrize("probes", [[], [probe(outcome="refused", port=1689)], [probe(outcome="refused", seen_from="KMS01")]])
def test_without_a_probe_of_this_port_from_elsewhere_there_is_a_gap(probes):
    judgements = judged(rules.port_closed, kms_host(), probes=probes)
    assert [gap.needs for gap in gaps(judgements)] == [f"endpoint_info of {HOST}, port 1688"] and not findings(judgements)


# --- priority and log


def test_low_priority():
    assert the_finding(judged(rules.low_priority, kms_host(host={"low_priority": True}))).rule == "host_low_priority"
    assert [gap.rule for gap in judged(rules.low_priority, kms_host(host={"low_priority": None}))] == ["host_low_priority"]


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        ({"full": True, "mode": "retain"}, None),
        ({"enabled": False}, None),
        ({"about_to_overwrite": True, "mode": "retain"}, None),
        ({"about_to_overwrite": True, "oldest_record_at": iso(ago(days=4))}, Severity.INFO),
    ],
)
def test_a_log_that_loses_requests(state, severity):
    finding = the_finding(judged(rules.log_full, kms_host(events=log(kms=state))))
    assert (finding.rule, finding.severity) == ("host_log_full", severity)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"about_to_overwrite": True, "oldest_record_at": iso(ago(days=40))},
        {"about_to_overwrite": True, "mode": "auto_backup", "oldest_record_at": iso(ago(days=4))},
    ],
)
def test_a_log_that_reaches_back_as_far_as_the_count_does(state):
    assert judged(rules.log_full, kms_host(events=log(kms=state))) == []


@pytest.mark.parametrize(
    "events",
    [None, log(kms={"problem": "access denied"}), log(kms={"full": None, "about_to_overwrite": None, "enabled": None}), log(logs=[])],
)
def test_a_log_whose_state_is_not_known_is_a_gap(events):
    assert [gap.rule for gap in judged(rules.log_full, kms_host(events=events))] == ["host_log_full"]


# --- publishing


def test_a_domain_where_publishing_failed_and_did_not_succeed_since():
    events = log(publish_failed(time=ago(hours=1)), published(time=ago(days=1)), published(domain="lab.example.com", time=ago(hours=1)))
    finding = the_finding(judged(rules.publish_failed, kms_host(events=events)))
    assert (finding.rule, finding.subject, finding.affects, finding.severity) == ("dns_publish_failed", "kms01", (DOMAIN,), None)
    assert "belongs to another host" in finding.sentence and "0x80072338" in finding.sentence
    assert finding.proofs[0].source == "event 12293 of kms01, 2026-11-24 07:15 UTC"


def test_each_domain_is_a_finding_and_another_code_does_not_blame_another_host():
    events = log(publish_failed(0x8007232D), publish_failed(domain="Lab.Example.com."))
    found = findings(judged(rules.publish_failed, kms_host(events=events)))
    assert [finding.affects for finding in found] == [(DOMAIN,), ("lab.example.com",)]
    assert "another host" not in found[0].sentence


@pytest.mark.parametrize("time", [ago(minutes=5), None])
def test_a_later_success_settles_a_failure(time):
    failed = publish_failed(time=None if time is None else ago(hours=1))
    assert judged(rules.publish_failed, kms_host(events=log(published(time=time), failed))) == []


def test_the_order_of_records_does_not_matter_where_their_times_are_known():
    assert judged(rules.publish_failed, kms_host(events=log(publish_failed(time=ago(hours=1)), published(time=ago(minutes=5))))) == []


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([record()], ("dns_record_by_hand", None)),
        ([record(f"kms02.{DOMAIN}")], ("dns_publish_failed", Severity.WARNING)),
        ([], ("dns_publish_failed", None)),
    ],
)
def test_how_bad_it_is_depends_on_the_records_that_are_there(records, expected):
    host = kms_host(events=log(publish_failed()))
    finding = the_finding(judged(rules.publish_failed, host, srv=[domain(*records)]))
    assert (finding.rule, finding.severity) == expected


@pytest.mark.parametrize("events", [None, log(application={"problem": "access denied"})])
def test_without_the_log_publishing_is_not_judged(events):
    assert [gap.needs for gap in judged(rules.publish_failed, kms_host(events=events))] == ["the Application log of kms01"]


@pytest.mark.parametrize(
    ("srv", "expected"),
    [
        ([domain(record())], ("dns_record_by_hand", None, ())),
        ([domain()], ("dns_publishing_off", Severity.WARNING, (DOMAIN,))),
        ([domain(record(f"kms02.{DOMAIN}"))], ("dns_publishing_off", Severity.WARNING, (DOMAIN,))),
        ([], ("dns_publishing_off", None, (DOMAIN,))),
    ],
)
def test_publishing_that_is_off_matters_where_no_record_leads_to_the_host(srv, expected):
    finding = the_finding(judged(rules.publishing_off, kms_host(host={"dns_publishing": False}), srv=srv))
    assert (finding.rule, finding.severity, finding.affects) == expected


def test_every_domain_of_the_list_counts():
    host = kms_host(host={"dns_publishing": False, "publish_domains": ["lab.example.com, 10, 0", DOMAIN]})
    found = findings(judged(rules.publishing_off, host, srv=[domain(record()), domain(name="lab.example.com")]))
    assert [(finding.rule, finding.affects) for finding in found] == [
        ("dns_record_by_hand", ()),
        ("dns_publishing_off", ("lab.example.com",)),
    ]


def test_whether_a_host_publishes_is_not_guessed():
    assert [gap.rule for gap in judged(rules.publishing_off, kms_host(host={"dns_publishing": None}))] == ["dns_publishing_off"]


def test_a_failed_publication_is_less_bad_where_clients_come_all_the_same():
    failed = publish_failed(0x80072338)
    assert the_finding(judged(rules.publish_failed, kms_host(events=log(failed)))).severity is None
    asked = the_finding(judged(rules.publish_failed, kms_host(events=log(failed, request_served(time=ago(hours=1))))))
    assert asked.severity is Severity.WARNING and "all the same" in asked.sentence
    seen = judged(rules.publish_failed, kms_host(events=log(failed, request_served(time=ago(hours=1)))), srv=[domain()])
    assert the_finding(seen).severity is None
