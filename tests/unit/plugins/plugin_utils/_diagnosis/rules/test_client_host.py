# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.findings import finding_type
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.finding import Severity
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.rules.client_host import client_and_hosts

from tests.unit.plugins.plugin_utils._diagnosis.evidence import (
    DOMAIN,
    OFFICE_APPLICATION,
    ago,
    case,
    client_product,
    code_facts,
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
    request_sent,
    request_served,
    response_processed,
    rules_of,
    seen_domain,
    slui_failed,
    the_finding,
)

KMS01, KMS02 = f"kms01.{DOMAIN}", f"kms02.{DOMAIN}"
UNLICENSED = {"license_status": 5, "license_status_word": "notification", "grace_minutes": 0, "kms_machine_discovered": None}
OFFICE = {"application": "office", "application_id": OFFICE_APPLICATION, "activation_id": "0ff1ce00-0000-4000-8000-000000000001"}
BEFORE = ago(hours=2)


def needy(**changes):
    """Return a client that is not activated and never was."""
    service = {"kms_machine_discovered": None, **changes.pop("service", {})}
    return kms_client(product={**UNLICENSED, **changes.pop("product", {})}, service=service, **changes)


def set_to(host, port=1688, **changes):
    """Return a client that is not activated and has this host set."""
    return needy(service={"kms_machine_configured": {"name": host, "port": port, "level": "machine"}}, **changes)


def refused(code, host=KMS01, time=BEFORE):
    return request_sent(time=time, code=code, host=host, license_status=5)


def judged(machine, around=None):
    return list(client_and_hosts(machine, around or case(hosts=[kms_host()], srv=[domain(record())])))


def severity(finding):
    return finding.severity or Severity(finding_type(finding.rule).severity)


def gap_rules(judgements):
    return [gap.rule for gap in gaps(judgements)]


# --- nothing to say


@pytest.mark.parametrize(
    "machine",
    [
        kms_client(),
        kms_client(events=log(request_sent(), response_processed())),
        kms_client(discovery=discovery(endpoint())),
        kms_client(events=log(request_sent(), response_processed()), discovery=discovery(endpoint())),
        kms_client(events=log()),
        # A client of Active Directory, whatever DNS has.
        kms_client(product={"activation_type": "active_directory"}, discovery=discovery(domains=[seen_domain()])),
        # A MAK asks no host.
        kms_client(product={"role": "mak"}, discovery=discovery(endpoint("refused"), domains=[seen_domain()])),
        kms_host(discovery=discovery(domains=[seen_domain()])),
    ],
)
def test_there_is_nothing_to_say_about_the_healthy_and_about_who_does_not_use_kms(machine):
    assert judged(machine) == []


def test_one_of_two_hosts_that_is_down_is_no_fault_of_a_client_that_reaches_the_other():
    seen = discovery(endpoint(), endpoint("timeout", KMS02, source="srv"), domains=[seen_domain(record(), record(KMS02))])
    assert judged(kms_client(discovery=seen)) == []


def test_a_host_that_failed_in_a_go_that_another_one_ended_well_is_no_fault():
    events = log(
        request_sent(time=ago(minutes=61), code=0x800706BA, host=KMS02),
        request_sent(time=ago(minutes=60)),
        response_processed(time=ago(minutes=60)),
    )
    assert judged(kms_client(events=events)) == []


# --- found


def test_no_srv_record_as_the_client_sees_it():
    machine = needy(discovery=discovery(domains=[seen_domain(), seen_domain(domain="branch.example.com", status="no_record")]))
    found = the_finding(judged(machine))
    assert (found.rule, severity(found)) == ("client_no_srv", Severity.ERROR)
    assert "branch.example.com (no SRV record)" in found.sentence
    assert found.depends_on == (DOMAIN, "branch.example.com")
    assert all(proof.source == "discovery_info of pc01" for proof in found.proofs)


def test_a_client_that_is_activated_loses_only_its_next_host_without_a_record():
    machine = kms_client(discovery=discovery(endpoint(), domains=[seen_domain()]))
    assert severity(the_finding(judged(machine))) is Severity.WARNING


@pytest.mark.parametrize("code", [0x8007232B, 0x8007251D, 0x8007267C])
def test_what_dns_said_to_windows_itself_tells_that_no_record_was_found(code):
    found = the_finding(judged(needy(events=log(slui_failed(code, time=BEFORE)))))
    assert found.rule == "client_no_srv"
    assert f"0x{code:08X}" in found.sentence
    assert "event 8198" in found.proofs[0].source
    reason = the_finding(judged(needy(product={"reason": code_facts(code)}, events=log())))
    assert (reason.rule, "products[].reason" in reason.proofs[0].source) == ("client_no_srv", True)


def test_a_record_that_the_client_finds_by_now_ends_what_dns_said_before():
    machine = needy(events=log(slui_failed(0x8007232B, time=BEFORE)), discovery=discovery(endpoint(source="srv")))
    assert rules_of(judged(machine)) == []


def test_an_older_failure_to_find_a_record_is_over_once_a_host_was_asked():
    events = log(slui_failed(0x8007232B, time=ago(hours=30)), refused(0xC004F041))
    assert rules_of(judged(needy(events=events))) == ["client_host_not_licensed"]


def test_a_host_that_is_set_makes_records_needless():
    machine = set_to(KMS01, discovery=discovery(endpoint(source="configured"), domains=[seen_domain()]))
    assert rules_of(judged(machine)) == []
    dead = set_to("old.corp.example.com", discovery=discovery(endpoint("no_address", "old.corp.example.com"), domains=[seen_domain()]))
    assert rules_of(judged(dead)) == ["client_override_dead"]


def test_a_host_that_is_set_for_office_alone_leaves_windows_looking_for_a_record():
    office = client_product(**OFFICE, kms_machine_configured={"name": KMS02, "port": 1688, "level": "product"})
    machine = kms_client(
        products=[client_product(**UNLICENSED), office],
        service={"kms_machine_discovered": None},
        discovery=discovery(endpoint(host=KMS02, source="configured"), domains=[seen_domain()]),
    )
    assert rules_of(judged(machine)) == ["client_no_srv"]


def test_a_machine_without_any_domain_finds_no_record():
    machine = needy(machine={"fqdn": None}, discovery=discovery(domains=[], problems=["The machine has no DNS domain to look in."]))
    assert "no DNS domain" in the_finding(judged(machine)).sentence
    unread = needy(discovery=discovery(domains=[], problems=["reading the registry value Domain: denied"]))
    assert (rules_of(judged(unread)), "client_no_srv" in gap_rules(judged(unread))) == ([], True)


def test_srv_info_stands_in_for_the_clients_own_view_and_without_both_it_is_not_judged():
    machine = needy(events=log())
    seen = the_finding(judged(machine, case(srv=[domain()])))
    assert (seen.rule, seen.proofs[0].source) == ("client_no_srv", "srv_info")
    assert "client_no_srv" in gap_rules(judged(machine, case()))


def test_name_servers_that_do_not_answer_are_a_fault_only_of_a_client_that_needs_them():
    silent = discovery(domains=[seen_domain(status="error")])
    assert rules_of(judged(needy(discovery=silent))) == ["client_no_srv"]
    judgements = judged(kms_client(discovery=silent))
    assert (rules_of(judgements), gap_rules(judgements)) == ([], ["client_no_srv"])


# --- reached


def test_a_host_that_is_set_and_leads_nowhere():
    machine = set_to("old.corp.example.com", discovery=discovery(endpoint("no_address", "old.corp.example.com", source="configured")))
    judgements = judged(machine)
    found = the_finding(judgements)
    assert (found.rule, severity(found), found.depends_on) == ("client_override_dead", Severity.ERROR, ("old.corp.example.com",))
    assert "its name has no address" in found.sentence
    # Nothing is in the way to a name without an address.
    assert gap_rules(judgements) == []


def test_a_host_that_is_set_and_was_not_reached_is_told_from_the_request_alone():
    found = the_finding(judged(set_to(KMS02, events=log(refused(0x800706BA, KMS02)))))
    assert found.rule == "client_override_dead"
    assert "0x800706BA" in found.sentence


def test_a_client_that_is_activated_has_time_to_lose_its_host():
    machine = kms_client(
        service={"kms_machine_configured": {"name": KMS02, "port": 1688, "level": "machine"}},
        discovery=discovery(endpoint("timeout", KMS02)),
    )
    assert severity(the_finding(judged(machine))) is Severity.WARNING


def test_a_port_that_differs_from_the_hosts_own_is_the_cause_of_a_dead_setting():
    machine = set_to(KMS01, 1689, discovery=discovery(endpoint("refused", port=1689, source="configured")))
    judgements = judged(machine)
    assert rules_of(judgements) == ["client_port_differs", "client_override_dead"]
    found = findings(judgements)[0]
    assert (found.values["port"], found.depends_on) == ("1688", ("kms01",))
    assert "1689" in found.sentence
    unseen = set_to(KMS01, 1689, discovery=discovery(endpoint("refused", port=1689, source="configured"), domains=[]))
    by_record = findings(judged(unseen, case(srv=[domain(record(port=1700))])))[0]
    assert (by_record.rule, by_record.values["port"], by_record.proofs[1].source) == ("client_port_differs", "1700", "srv_info")


def test_a_port_that_works_differs_from_nothing():
    # Whatever forwards it: the client gets through.
    assert judged(set_to(KMS01, 1689, discovery=discovery(endpoint(port=1689, source="configured")))) == []
    unknown = judged(set_to("kms09", 1689, discovery=discovery(endpoint("refused", "kms09", 1689))), case())
    assert rules_of(unknown) == ["client_override_dead"]


def test_a_host_that_is_kept_and_that_no_record_names_any_more():
    seen = discovery(endpoint("timeout", KMS02), endpoint(source="srv"))
    machine = kms_client(
        product={"kms_machine_discovered": None}, service={"kms_machine_discovered": {"name": KMS02, "port": 1688}}, discovery=seen
    )
    found = the_finding(judged(machine))
    assert (found.rule, severity(found), found.depends_on) == ("client_cached_host_dead", Severity.WARNING, (KMS02,))
    assert f"{KMS01}:1688" in found.sentence
    # It is not kept where caching is off.
    off = kms_client(
        product={"kms_machine_discovered": None},
        service={"kms_machine_discovered": {"name": KMS02, "port": 1688}, "host_caching": False},
        discovery=seen,
    )
    assert judged(off) == []


def test_a_host_that_is_kept_and_named_by_a_record_is_simply_not_reached():
    machine = kms_client(discovery=discovery(endpoint("timeout")))
    judgements = judged(machine)
    found = the_finding(judgements)
    assert (found.rule, found.depends_on) == ("client_host_not_reached", ("kms01",))
    assert gap_rules(judgements) == ["client_blocked_on_the_way"]


def test_a_lone_request_tells_that_the_host_was_not_reached():
    found = the_finding(judged(needy(events=log(refused(0x800706BA)))))
    assert (found.rule, found.depends_on) == ("client_host_not_reached", ("kms01",))
    assert "0x800706BA RPC_S_SERVER_UNAVAILABLE" in found.sentence
    assert "no 12289" in found.proofs[0].text


def test_a_host_that_can_be_reached_by_now_was_not_reached_then():
    machine = needy(events=log(refused(0x800706BA)), discovery=discovery(endpoint(source="srv")))
    found = the_finding(judged(machine))
    assert found.rule == "client_host_not_reached"
    assert "succeeds now" in found.sentence


def test_a_failure_that_names_no_host_depends_on_those_it_would_have_asked():
    machine = kms_client(product={**UNLICENSED}, events=log(slui_failed(0xC0020017, time=BEFORE)))
    found = the_finding(judged(machine))
    assert (found.rule, found.depends_on) == ("client_host_not_reached", ("kms01",))


def test_the_generic_code_alone_never_says_why():
    for machine in (
        needy(product={"reason": code_facts(0xC004F074)}, events=log()),
        needy(events=log(slui_failed(0xC004F074, time=BEFORE))),
    ):
        judgements = judged(machine)
        assert rules_of(judgements) == []
        assert any("12288" in gap.needs for gap in gaps(judgements) if gap.rule == "client_host_not_reached")
    # With the request of the same minute it is known.
    both = needy(events=log(slui_failed(0xC004F074, time=BEFORE), refused(0x800706BA)))
    assert rules_of(judged(both)) == ["client_host_not_reached"]


def test_the_way_is_not_judged_without_any_evidence_of_it():
    assert gap_rules(judged(needy())) == ["client_host_not_reached", "client_host_not_reached"]


def test_blocked_on_the_way_is_what_others_can_connect_to():
    machine = needy(discovery=discovery(endpoint("timeout", source="srv")))
    around = case(hosts=[kms_host()], srv=[domain(record())], probes=[probe(), probe(outcome="timeout", seen_from="pc01")])
    judgements = judged(machine, around)
    assert rules_of(judgements) == ["client_blocked_on_the_way", "client_host_not_reached"]
    found = findings(judgements)[0]
    assert found.depends_on == ("kms01",)
    assert "from controller the port is open" in found.sentence
    assert [proof.source for proof in found.proofs[1:]] == [
        "endpoint_info from controller",
        "activation_info of kms01, host.firewall_rules",
    ]


@pytest.mark.parametrize(
    ("probes", "machine", "gap"),
    [
        ([], needy(discovery=discovery(endpoint("timeout", source="srv"))), True),
        ([probe(outcome="timeout")], needy(discovery=discovery(endpoint("timeout", source="srv"))), False),
        # What others see now says nothing of a request that failed then.
        ([probe()], needy(events=log(refused(0x800706BA))), True),
    ],
)
def test_nobody_is_called_blocked_without_both_views_of_now(probes, machine, gap):
    judgements = judged(machine, case(hosts=[kms_host()], srv=[domain(record())], probes=probes))
    assert rules_of(judgements) == ["client_host_not_reached"]
    assert ("client_blocked_on_the_way" in gap_rules(judgements)) is gap


# --- answered


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        (0xC004F042, "client_host_too_old"),
        (0xC004F041, "client_host_not_licensed"),
        (0xC004F039, "client_host_not_enabled"),
        (0xC004F06C, "client_clock_differs"),
        (0xC004F038, "client_count_too_low"),
        (0xC004F012, "client_activation_error"),
        (0xC004FFFF, "client_activation_error"),
    ],
)
def test_each_code_of_the_request_leads_to_its_finding(code, rule):
    machine = needy(events=log(refused(code)))
    found = the_finding(judged(machine))
    assert (found.rule, severity(found)) == (rule, Severity.ERROR)
    assert f"0x{code:08X}" in found.sentence
    assert "kms01" in found.depends_on
    assert "event 12288 of pc01" in found.proofs[0].source


def test_the_hosts_record_tells_why_where_the_client_has_none():
    served = request_served(time=BEFORE, code=0xC004F015, license_status=5)
    found = the_finding(judged(needy(events=log()), case(hosts=[kms_host(events=log({**served, "computer": KMS01}))])))
    assert (found.rule, found.depends_on) == ("client_host_too_old", ("kms01", DOMAIN)[:1])
    assert f"event 12290 of {KMS01}" in found.proofs[0].source


def test_a_count_that_is_too_low_is_told_with_its_numbers():
    answer = response_processed(time=BEFORE, activated=False, count=7, status_flags=0x04000000)
    machine = needy(events=log(request_sent(time=BEFORE, license_status=5), answer))
    found = the_finding(judged(machine))
    assert (found.rule, found.values["count"], found.values["required"]) == ("client_count_too_low", "7", "25")
    assert "counts 7 machines, and 25 are needed" in found.sentence
    assert found.depends_on == ("kms01",)


def test_an_answer_that_the_host_gave_and_the_client_never_had():
    around = case(hosts=[kms_host(events=log(request_served(time=BEFORE, license_status=5)))], srv=[domain(record())])
    found = the_finding(judged(needy(events=log(request_sent(time=BEFORE, license_status=5))), around))
    assert found.rule == "client_answer_lost"
    assert [proof.source.split(" of ")[0] for proof in found.proofs] == ["event 12288", "event 12290"]


def test_the_code_of_an_unknown_kind_comes_with_its_remedy():
    found = the_finding(judged(needy(events=log(slui_failed(0x80070005, time=BEFORE)))))
    assert (found.rule, found.values["code"]) == ("client_activation_error", "0x80070005")
    assert found.values["code_remedy"]


def test_each_of_several_hosts_has_its_own_finding():
    events = log(refused(0x800706BA), refused(0xC004F041, KMS02, ago(minutes=119)))
    around = case(hosts=[kms_host(), kms_host("kms02")], srv=[domain(record(), record(KMS02))])
    found = {f.rule: f.depends_on[0] for f in findings(judged(needy(events=events), around))}
    assert found == {"client_host_not_reached": "kms01", "client_host_not_licensed": "kms02"}


def test_only_the_newest_go_counts():
    events = log(refused(0xC004F041, time=ago(hours=9)), refused(0xC004F042))
    assert rules_of(judged(needy(events=events))) == ["client_host_too_old"]


def test_windows_and_office_are_judged_each_by_its_own_requests():
    office = client_product(**OFFICE, **UNLICENSED)
    asked = request_sent(time=ago(hours=1), code=0xC004F042, activation_id=OFFICE["activation_id"], required_count=5, license_status=5)
    machine = kms_client(products=[client_product(), office], events=log(request_sent(), response_processed(), asked))
    found = the_finding(judged(machine))
    assert (found.rule, severity(found)) == ("client_host_too_old", Severity.ERROR)


def test_events_alone_are_enough_to_find_the_cause():
    machine = kms_client(products=None, service=None, machine=None, events=log(refused(0x800706BA)))
    assert rules_of(judged(machine, case())) == ["client_host_not_reached"]


# --- clocks


@pytest.mark.parametrize(("client", "host", "rule"), [(5, 0, True), (0, -5, True), (3, -2, True), (5, 5, False), (3.9, 0, False)])
def test_clocks_are_compared_with_each_other_and_not_with_the_controllers(client, host, rule):
    around = case(hosts=[kms_host(machine={"clock_offset_seconds": host * 3600.0})], srv=[domain(record())])
    judgements = judged(kms_client(machine={"clock_offset_seconds": client * 3600.0}), around)
    assert rules_of(judgements) == (["client_clock_differs"] if rule else [])
    for found in findings(judgements):
        assert (severity(found), found.depends_on) == (Severity.WARNING, ("kms01",))
        assert f"{client - host:.1f} hours ahead" in found.sentence


def test_the_controllers_clock_stands_in_for_that_of_a_host_that_is_not_known():
    machine = kms_client(machine={"clock_offset_seconds": -5 * 3600.0})
    found = the_finding(judged(machine, case()))
    assert (found.rule, "5.0 hours behind the controller's" in found.sentence) == ("client_clock_differs", True)
    assert judged(kms_client(machine={"clock_offset_seconds": None}), case()) == []


def test_a_refused_clock_is_one_finding_with_both_proofs():
    machine = needy(machine={"clock_offset_seconds": 5 * 3600.0}, events=log(refused(0xC004F06C, time=ago(hours=-3))))
    found = the_finding(judged(machine))
    assert "by 5.0 hours" in found.sentence
    assert len(found.proofs) == 3


# --- every pair of faults


FAULTS = {
    "client_clock_differs": {"machine": {"clock_offset_seconds": 6 * 3600.0}},
    "client_override_dead": {"override": "old.corp.example.com"},
    "client_no_srv": {"domains": [seen_domain()]},
    "client_host_not_reached": {"outcome": "timeout"},
    "client_count_too_low": {"code": 0xC004F038},
}


@pytest.mark.parametrize("names", list(itertools.combinations(FAULTS, 2)))
def test_two_faults_at_once_are_both_found_unless_one_makes_the_other_pointless(names):
    changes = {key: value for name in names for key, value in FAULTS[name].items()}
    override = changes.get("override")
    host = override or KMS01
    kept = not override and ("domains" not in changes or "outcome" in changes)
    service = {"kms_machine_discovered": {"name": KMS01, "port": 1688} if kept else None}
    if override:
        service["kms_machine_configured"] = {"name": override, "port": 1688, "level": "machine"}
    outcome = "no_address" if override else changes.get("outcome", "connected")
    # A refusal that was met at the host, before it went away or the setting was made.
    events = log(refused(changes["code"])) if "code" in changes else log()
    machine = needy(
        service=service,
        machine=changes.get("machine", {}),
        events=events,
        discovery=discovery(endpoint(outcome, host), domains=changes.get("domains")),
    )
    expected = set(names)
    if override:
        # A host that is set ends discovery: records and other hosts do not matter then.
        expected -= {"client_no_srv", "client_host_not_reached"}
    found = set(rules_of(judged(machine)))
    if names == ("client_no_srv", "client_host_not_reached"):
        # No record leads to the host that it keeps.
        expected = {"client_no_srv", "client_cached_host_dead"}
    assert found == expected


# --- what is said of whom


def test_the_platforms_own_host_is_not_cleared_when_the_way_to_it_is_closed():
    azure = "azkms.core.windows.net"
    machine = needy(
        service={"kms_machine_configured": {"name": azure, "port": 1688, "level": "machine"}},
        discovery=discovery(endpoint("timeout", host=azure, source="configured"), domains=[]),
    )
    found = the_finding(judged(machine))
    assert (found.rule, found.variant, found.values["platform"]) == ("client_host_not_reached", "platform", "Azure")
    assert gaps(judged(machine)) == []


def test_name_servers_that_do_not_answer_say_nothing_of_a_record():
    silent = discovery(domains=[seen_domain(status="error")])
    found = the_finding(judged(needy(discovery=silent)))
    assert (found.rule, found.variant, found.depends_on) == ("client_no_srv", "no_answer", ())
    assert "got no answer" in found.sentence and "no SRV record" not in found.sentence


def test_a_port_that_is_set_on_a_product_is_mended_there():
    setting = {"name": KMS01, "port": 1689, "level": "product", "activation_id": "the-product"}
    machine = needy(service={"kms_machine_configured": setting}, discovery=discovery(endpoint("refused", port=1689, source="configured")))
    found = next(f for f in findings(judged(machine)) if f.rule == "client_port_differs")
    assert (found.variant, found.values["activation_id"], found.values["port"]) == ("product", "the-product", "1688")


def test_a_host_without_a_key_of_office_is_told_for_office_alone():
    office = client_product(application="office", activation_id="0ff1ce00-0000-4000-8000-000000000001", **UNLICENSED)
    events = log(request_sent(time=BEFORE, code=0xC004F041, license_status=5, activation_id=office["activation_id"]))
    found = the_finding(judged(kms_client(products=[client_product(), office], events=events)))
    assert (found.rule, found.application, found.variant) == ("client_host_not_licensed", "office", "office")
    assert found.values["activation_id"] == office["activation_id"]


def test_the_host_that_is_set_for_office_alone_is_no_cause_in_windows():
    office = client_product(
        application="office",
        activation_id="0ff1ce00-0000-4000-8000-000000000001",
        kms_machine_configured={"name": KMS02, "port": 1688, "level": "product"},
    )
    seen = discovery(endpoint("timeout", host=KMS02, source="configured"), endpoint())
    found = the_finding(judged(kms_client(products=[client_product(), office], discovery=seen)))
    assert (found.rule, found.application) == ("client_override_dead", "office")
