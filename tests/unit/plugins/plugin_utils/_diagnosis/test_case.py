# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.case import Policy, read_domain, read_machine, same_name
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.plain import EvidenceError

from tests.unit.plugins.plugin_utils._diagnosis.evidence import (
    DOMAIN,
    OFFICE_APPLICATION,
    ago,
    case,
    client_product,
    discovery,
    domain,
    kms_client,
    kms_host,
    log,
    probe,
    record,
    request_sent,
    request_served,
    response_processed,
    seen_domain,
)

KMS01, KMS02, KMS03 = (f"kms0{number}.{DOMAIN}" for number in (1, 2, 3))


def shown(targets):
    return [(target.name, target.port, target.source) for target in targets]


# --- names


@pytest.mark.parametrize("name", ["KMS01", "kms01.corp.example.com", " kms01.corp.example.com. ", "192.0.2.10"])
def test_a_host_is_found_by_each_of_its_names_and_by_the_address_that_srv_info_saw(name):
    found = case(hosts=[kms_host()], srv=[domain(record())]).host_named(name)
    assert found is not None
    assert found.name == "kms01"


def test_a_first_label_that_two_machines_share_names_neither():
    one = kms_host("east", machine={"name": "KMS", "fqdn": "kms.east.example.com"})
    two = kms_host("west", machine={"name": "KMS", "fqdn": "kms.west.example.com"})
    around = case(hosts=[one, two])
    assert (around.host_named("kms.west.example.com") or one).name == "west"
    assert around.host_named("kms.north.example.com") is None


def test_nobody_is_found_by_no_name():
    assert case(hosts=[kms_host()]).host_named(None) is None
    assert case(hosts=[kms_host()]).host_named("10.0.0.1") is None


def test_names_compare_without_case_dot_and_brackets():
    assert same_name(" [FD00::1] ") == "fd00::1"
    assert same_name(None) == ""


def test_hosts_are_approved_by_full_name_or_first_label_and_all_are_where_nothing_is_said():
    assert Policy().approves("anything")
    assert Policy(("kms01",)).approves(KMS01)
    assert Policy((KMS01,)).approves("KMS01.corp.example.com.")
    assert not Policy((KMS01,)).approves("kms01.elsewhere.net")


# --- whose host


def test_a_host_that_is_set_is_the_only_one():
    machine = kms_client(service={"kms_machine_configured": {"name": KMS02, "port": 1700, "level": "machine"}})
    assert shown(case(srv=[domain(record())]).targets(machine)) == [(KMS02, 1700, "configured")]


def test_the_host_of_the_last_activation_comes_before_those_of_dns_by_priority_and_weight():
    machine = kms_client(
        discovery=discovery(domains=[seen_domain(record(KMS03, priority=10), record(KMS02, weight=1), record("kms04", weight=5), record())])
    )
    assert shown(case().targets(machine)) == [(KMS01, 1688, "cached"), ("kms04", 1688, "srv"), (KMS02, 1688, "srv"), (KMS03, 1688, "srv")]


def test_windows_that_has_no_setting_looks_on_where_office_has_one():
    office = client_product(
        application="office",
        application_id=OFFICE_APPLICATION,
        activation_id="0ff1ce00-0000-4000-8000-000000000001",
        kms_machine_configured={"name": KMS02, "port": 1688, "level": "product"},
    )
    machine = kms_client(products=[client_product(), office])
    assert shown(case().targets(machine)) == [(KMS02, 1688, "configured"), (KMS01, 1688, "cached")]
    both = kms_client(
        products=[client_product(), office], service={"kms_machine_configured": {"name": KMS03, "port": 1688, "level": "machine"}}
    )
    assert shown(case().targets(both)) == [(KMS03, 1688, "configured"), (KMS02, 1688, "configured")]


def test_whom_a_client_asked_lately_is_a_target_too_and_its_evidence_goes_with_it():
    machine = kms_client(events=log(request_sent(host=KMS02)))
    targets = case(hosts=[kms_host("kms02")]).targets(machine)
    assert shown(targets) == [(KMS01, 1688, "cached"), (KMS02, 1688, "event")]
    assert [target.machine.name if target.machine else None for target in targets] == [None, "kms02"]


def test_a_client_looks_in_its_own_domains_else_srv_info_of_its_domain_or_lookup_domain_stands_in():
    around = case(srv=[domain(record()), domain(record(KMS02), name="other.example.com")])
    assert [found.domain for found in around.domains_of(kms_client())] == [DOMAIN]
    assert [found.domain for found in around.domains_of(kms_client(service={"kms_lookup_domain": {"domain": "OTHER.example.com"}}))] == [
        "other.example.com"
    ]
    own = kms_client(discovery=discovery(domains=[seen_domain(domain="third.example.com")]))
    assert [found.domain for found in around.domains_of(own)] == ["third.example.com"]


def test_probes_are_found_by_every_name_of_the_host():
    around = case(hosts=[kms_host()], probes=[probe("KMS01"), probe(port=1700), probe(KMS02)])
    assert len(around.probes_of(KMS01)) == 2
    assert len(around.probes_of("kms01", 1700)) == 1


# --- requests


def test_requests_are_paired_with_the_hosts_records_the_newest_first():
    machine = kms_client(
        events=log(request_sent(time=ago(days=1)), response_processed(time=ago(days=1)), request_sent(time=ago(hours=1), code=0x800706BA))
    )
    around = case(hosts=[kms_host(events=log(request_served(time=ago(days=1))))])
    assert [(attempt.outcome, attempt.served is not None) for attempt in around.attempts(machine)] == [
        ("host_not_reached", False),
        ("activated", True),
    ]
    assert around.attempts(kms_client("pc02")) == []
    # What was made of one client is not taken for another one's.
    assert len(around.attempts(machine)) == 2


def test_the_log_of_a_host_is_known_when_it_could_be_read():
    around = case()
    assert around.knows_log_of(kms_host(events=log()))
    assert not around.knows_log_of(kms_host())
    assert not around.knows_log_of(kms_host(events=log(kms={"problem": "denied"})))
    # Only the Application log was read; or no state is known, and there are its records.
    assert not around.knows_log_of(kms_host(events={**log(), "logs": log()["logs"][:1]}))
    assert around.knows_log_of(kms_host(events={**log(request_served()), "logs": []}))


# --- plain data


def test_a_machine_is_read_from_a_line_of_facts_and_from_a_modules_result():
    line = {
        "inventory_hostname": "pc09",
        "schema": 1,
        "machine": {"name": "PC09X"},
        "events": log(request_sent()),
        "discovery": discovery(),
    }
    machine = read_machine(line)
    assert (machine.name, machine.facts.machine.name) == ("pc09", "PC09X")
    assert machine.events is not None and len(machine.events.records) == 1
    assert machine.discovery is not None
    assert read_machine({"activation": {"schema": 1, "machine": {"name": "PC09"}}}).name == "PC09"
    assert read_machine({"schema": 1}).name == "this machine"


@pytest.mark.parametrize("data", [None, [], "pc01", 5])
def test_what_is_no_machine_is_refused_with_its_place(data):
    with pytest.raises(EvidenceError, match="line 7"):
        read_machine(data, "line 7")


@pytest.mark.parametrize("data", [{}, {"domain": DOMAIN}, {"domain": DOMAIN, "resolver": {}, "records": [], "authoritative": []}])
def test_what_is_no_result_of_srv_info_is_refused(data):
    with pytest.raises(EvidenceError, match="srv_info"):
        read_domain(data)


def test_a_setting_for_windows_alone_leaves_office_what_it_keeps():
    named = {"name": "kms01.corp.example.com", "port": 1688}
    kept = {"name": "kms02.corp.example.com", "port": 1688}
    office = client_product(application="office", activation_id="0ff1ce00-0000-4000-8000-000000000001", kms_machine_discovered=kept)
    windows = client_product(kms_machine_configured={**named, "level": "product"})
    service = {"kms_machine_configured": {**named, "level": "product"}, "kms_machine_discovered": None}
    both = kms_client(products=[windows, office], service=service)
    assert [(source, host.name) for source, host in both.kms_hosts() if source == "cached"][-1] == ("cached", kept["name"])
    assert both.set_only is False
    alone = kms_client(products=[windows], service=service)
    assert {source for source, _ in alone.kms_hosts()} == {"configured"}
    assert alone.kms_setting("KMS01.corp.example.com.").level == "product"
    assert alone.kms_setting("kms02") is None
