# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.findings import finding_type
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.client_state import RENEWAL_DUE_MINUTES
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.finding import Severity
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.rules import client

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
    iso,
    kms_client,
    kms_host,
    log,
    record,
    request_sent,
    request_served,
    response_processed,
    rules_of,
    slui_failed,
    the_finding,
)

DAY = 1440
UNLICENSED = {"license_status": 5, "license_status_word": "notification", "grace_minutes": 0}
OFFICE = {"application": "office", "application_id": OFFICE_APPLICATION, "activation_id": "0ff1ce00-0000-4000-8000-000000000001"}


def judged(machine, around=None):
    around = around or case(hosts=[kms_host()])
    return [judgement for rule in client.MACHINE_RULES for judgement in rule(machine, around)]


def severity(finding):
    return finding.severity or Severity(finding_type(finding.rule).severity)


def test_a_healthy_client_gives_neither_findings_nor_gaps():
    assert judged(kms_client()) == []
    assert judged(kms_client(events=log(request_sent(), response_processed()))) == []
    assert judged(kms_host()) == []


def test_a_healthy_client_of_active_directory_needs_no_kms_data():
    product = {"activation_type": "active_directory", "activation_type_enabled": "active_directory", "kms_machine_discovered": None}
    assert judged(kms_client(product=product, events=log())) == []


def test_what_was_not_seen_is_no_fault():
    assert judged(kms_client(product={"partial_key": None, "grace_minutes": None}, service=None, machine=None)) == []


# --- the key


def test_two_keyed_windows_products_are_named_and_nothing_else_is_guessed():
    found = the_finding(
        judged(
            kms_client(
                products=[client_product(), client_product(role="mak", activation_id="other", name="Windows two", partial_key="MAK02")]
            )
        )
    )
    assert (found.rule, severity(found)) == ("machine_ambiguous", Severity.WARNING)
    assert "2 Windows products of pc01" in found.sentence
    assert "...MAK02" in found.sentence
    assert "mak" in found.sentence


def test_an_add_on_with_a_mak_makes_no_machine_ambiguous_and_no_channel_wrong():
    assert judged(kms_client(products=[client_product(), client_product(role="mak", is_addon=True)])) == []


@pytest.mark.parametrize(
    ("machine", "product", "expected"),
    [
        (
            {"edition_id": "ServerStandardEval"},
            {"role": "evaluation", "license_status": 1, "evaluation_ends_at": "2027-01-01"},
            Severity.WARNING,
        ),
        ({"edition_id": "ServerStandardEval"}, {"role": "evaluation", **UNLICENSED}, Severity.ERROR),
        ({"edition_id": None}, {"role": "evaluation", **UNLICENSED}, Severity.ERROR),
    ],
)
def test_an_evaluation_copy_is_told_by_its_edition_or_its_channel(machine, product, expected):
    found = [f for f in findings(judged(kms_client(machine=machine, product=product))) if f.rule == "client_evaluation"]
    assert [severity(f) for f in found] == [expected]
    assert ("2027-01-01" in found[0].sentence) == ("evaluation_ends_at" in product)


def test_a_key_of_another_edition_is_told_by_its_last_five_characters():
    # 6VM33 is Windows Server 2022 Datacenter's; the machine is Standard.
    machine = kms_client(
        "srv01", machine={"edition_id": "ServerStandard", "build": 20348}, product={"partial_key": "6VM33", **UNLICENSED}, events=log()
    )
    found = next(f for f in findings(judged(machine)) if f.rule == "client_key_for_other_edition")
    assert "Windows Server 2022 Datacenter" in found.sentence
    assert "VMK7H" in found.sentence
    assert (found.values["product"], found.values["partial_key"]) == ("Windows Server 2022 Standard", "VMK7H")
    # No whole key, public as it is.
    assert "VDYBN" not in repr(found)


@pytest.mark.parametrize(
    ("machine", "partial_key", "what"),
    [
        ({"edition_id": "ServerDatacenter", "build": 20348}, "6VM33", "it fits"),
        ({"edition_id": "EnterpriseG", "build": 4242}, "6VM33", "the catalogue does not have this Windows"),
        ({"edition_id": "ServerStandard", "build": 20348}, "XXXXX", "the catalogue does not have this key"),
    ],
)
def test_a_key_that_fits_or_is_not_in_the_catalogue_is_not_judged(machine, partial_key, what):
    judgements = judged(kms_client(machine=machine, product={"partial_key": partial_key, **UNLICENSED}))
    assert "client_key_for_other_edition" not in rules_of(judgements), what
    assert "client_key_for_other_edition" not in [gap.rule for gap in gaps(judgements)], what


def test_a_key_that_has_activated_its_windows_fits_whatever_the_catalogue_says():
    assert judged(kms_client(product={"partial_key": "6VM33"})) == []


def test_a_key_whose_windows_is_not_known_can_not_be_compared():
    judgements = judged(kms_client(machine={"edition_id": None}, product={"partial_key": "6VM33", **UNLICENSED}))
    assert "client_key_for_other_edition" in [gap.rule for gap in gaps(judgements)]


@pytest.mark.parametrize("role", ["mak", "retail", "oem"])
def test_another_channel_is_no_error_while_licensed_and_one_when_not(role):
    licensed = the_finding(judged(kms_client(product={"role": role, "grace_minutes": 0})))
    # What came with the device, or from a user's subscription, is as it should be.
    expected = (Severity.WARNING, None) if role == "mak" else (Severity.INFO, "own_licence")
    assert (licensed.rule, severity(licensed), licensed.variant) == ("client_wrong_channel", *expected)
    unlicensed = findings(judged(kms_client(product={"role": role, **UNLICENSED})))
    assert [(f.rule, severity(f)) for f in unlicensed] == [
        ("client_wrong_channel", Severity.ERROR),
        ("client_not_activated", Severity.ERROR),
    ]
    assert unlicensed[0].values["channel"] == role


def test_an_office_with_a_mak_is_told_and_one_of_the_retail_channel_is_not():
    mak = kms_client(products=[client_product(), client_product(**OFFICE, role="mak", name="Office LTSC")])
    assert "Office LTSC" in the_finding(judged(mak)).sentence
    assert judged(kms_client(products=[client_product(), client_product(**OFFICE, role="retail")])) == []


# --- the service, the way of activation


def test_a_disabled_service_is_a_fault_and_a_stopped_one_is_not():
    assert judged(kms_client(service={"state": "Stopped", "start_mode": "Manual"})) == []
    found = the_finding(judged(kms_client(service={"start_mode": "Disabled"})))
    assert (found.rule, severity(found)) == ("client_service_disabled", Severity.WARNING)


def test_a_machine_of_which_nothing_could_be_read_says_so_itself_when_its_service_is_disabled():
    problem = "reading SoftwareLicensingService: 0x80070422 ERROR_SERVICE_DISABLED"
    found = findings(judged(kms_client(products=None, service=None, problems=[problem])))
    assert [(f.rule, severity(f)) for f in found] == [("client_service_disabled", Severity.ERROR), ("evidence_incomplete", Severity.INFO)]
    assert found[0].proofs[0].text == problem


def test_the_service_of_a_host_is_the_hosts_finding():
    assert judged(kms_host(service={"start_mode": "Disabled"})) == []


def test_a_client_that_may_not_use_kms_is_an_error_only_when_it_is_not_activated():
    licensed = the_finding(judged(kms_client(product={"activation_type_enabled": "active_directory"})))
    assert (licensed.rule, severity(licensed)) == ("client_activation_type_restricted", Severity.WARNING)
    assert "will not be renewed" in licensed.sentence
    product = {"activation_type_enabled": "token", "activation_type": None, **UNLICENSED}
    unlicensed = next(f for f in findings(judged(kms_client(product=product))) if f.rule == "client_activation_type_restricted")
    assert severity(unlicensed) is Severity.ERROR
    assert "by a token only" in unlicensed.sentence


# --- which host


def configured(name, port=1688, **changes):
    return {"kms_machine_configured": {"name": name, "port": port, "level": "machine", **changes}}


def test_a_host_is_public_by_its_address_and_outside_the_known_domains_by_its_name():
    literal = the_finding(judged(kms_client(service=configured("8.8.8.8"))))
    assert (literal.rule, severity(literal), literal.variant) == ("client_override_public", Severity.WARNING, None)
    seen = discovery({**endpoint("timeout", host="kms.elsewhere.net", source="configured"), "address": "8.8.8.8"})
    resolved = the_finding(judged(kms_client(service=configured("kms.elsewhere.net."), discovery=seen)))
    assert (severity(resolved), "its address 8.8.8.8 is a public one" in resolved.sentence) == (Severity.WARNING, True)
    # Another tree of the forest looks like this.
    for name in ("kms.elsewhere.net", "kms.elsewhere.net."):
        named = the_finding(judged(kms_client(service=configured(name))))
        assert (named.rule, severity(named), named.variant) == ("client_override_public", Severity.INFO, "not_known")
        assert f"in none of the domains known here ({DOMAIN})" in named.sentence
        assert "public" not in named.sentence


def test_what_is_outside_explains_no_failure():
    assert finding_type("client_override_public").explains == ("client_on_unapproved_host",)


@pytest.mark.parametrize(
    "name",
    [
        f"kms09.{DOMAIN}",
        "kms.other.example.com",
        "kms09",
        "10.1.2.3",
        "169.254.1.1",
        "[fd00::1]",
        "kms.branch.local",
        "kms.internal",
    ],
)
def test_a_host_of_the_estate_or_of_a_private_network_is_not_public(name):
    assert judged(kms_client(service=configured(name))) == []


def test_a_host_of_another_domain_that_is_known_approved_or_has_a_private_address_is_not_public():
    outside = kms_client(service=configured("kms.elsewhere.net"))
    assert judged(outside, case(hosts=[kms_host("kms", machine={"fqdn": "kms.elsewhere.net"})])) == []
    assert judged(outside, case(approved=["kms.elsewhere.net"])) == []
    seen = {"endpoints": [{"host": "kms.elsewhere.net", "port": 1688, "outcome": "timeout", "address": "10.9.9.9"}]}
    assert judged(kms_client(service=configured("kms.elsewhere.net"), discovery=seen)) == []


def test_whether_a_host_is_public_can_not_be_told_without_any_domain():
    machine = kms_client(machine={"fqdn": None}, service=configured("kms.elsewhere.net"))
    assert [gap.rule for gap in gaps(judged(machine, case()))] == ["client_override_public"]


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("azkms.core.windows.net", "Azure"),
        ("KMS.core.windows.net.", "Azure"),
        ("20.118.99.224", "Azure"),
        ("kms.core.usgovcloudapi.net", "Azure Government"),
        ("kms.core.chinacloudapi.cn", "Azure China"),
        ("169.254.169.250", "AWS"),
        ("kms.windows.googlecloud.com", "Google Cloud"),
    ],
)
def test_a_cloud_platforms_own_host_is_worth_knowing_and_no_fault(name, platform):
    found = the_finding(judged(kms_client(service=configured(name)), case(approved=[f"kms01.{DOMAIN}"])))
    assert (found.rule, severity(found), found.values["platform"]) == ("client_platform_host", Severity.INFO, platform)


def test_an_unapproved_host_is_told_where_hosts_are_approved_at_all():
    set_to = kms_client(service=configured(f"kms02.{DOMAIN}"))
    assert judged(set_to) == []
    found = the_finding(judged(set_to, case(hosts=[kms_host()], approved=["kms01"])))
    assert (found.rule, found.depends_on) == ("client_on_unapproved_host", (f"kms02.{DOMAIN}",))
    assert "is set to" in found.sentence
    cached = the_finding(judged(kms_client(), case(hosts=[kms_host()], srv=[domain(record())], approved=["kms09"])))
    assert "was activated by" in cached.sentence
    assert (cached.depends_on, cached.variant) == (("kms01",), "cached")
    assert judged(kms_client(), case(hosts=[kms_host()], approved=["KMS01.corp.example.com."])) == []


def test_the_setting_of_an_office_is_judged_beside_that_of_windows():
    office = client_product(**OFFICE, kms_machine_configured={"name": "kms.elsewhere.net", "port": 1688, "level": "product"})
    found = the_finding(judged(kms_client(products=[client_product(), office])))
    assert (found.rule, "kms.elsewhere.net" in found.sentence) == ("client_override_public", True)


# --- asking


def test_a_client_that_has_not_asked_is_told_when_its_log_would_know():
    judgements = judged(kms_client(product=UNLICENSED, events=log()))
    assert rules_of(judgements) == ["client_never_asked", "client_not_activated"]
    assert gaps(judgements) == []


def test_windows_own_record_of_a_failed_activation_says_why_nothing_was_asked():
    found = findings(judged(kms_client(product=UNLICENSED, events=log(slui_failed(0x8007232B, time=ago(hours=1))))))
    never = next(f for f in found if f.rule == "client_never_asked")
    assert "0x8007232B" in never.sentence
    assert any("event 8198" in proof.source for proof in never.proofs)


@pytest.mark.parametrize(
    ("events", "what"),
    [
        (None, "events"),
        (log(application={"complete": False}), "Application log"),
        (log(application={"oldest_record_at": iso(ago(hours=5)), "about_to_overwrite": True}), "Application log"),
        (log(since=iso(ago(minutes=30))), "longer look"),
    ],
)
def test_silence_is_no_answer_where_the_log_can_not_tell(events, what):
    judgements = judged(kms_client(product=UNLICENSED, events=events))
    assert "client_never_asked" not in rules_of(judgements)
    assert what in next(gap.needs for gap in gaps(judgements) if gap.rule == "client_never_asked")


def test_a_log_that_lost_records_is_told_of_clients_in_trouble_only():
    lossy = log(application={"oldest_record_at": iso(ago(hours=5)), "about_to_overwrite": True})
    assert "log_lost_events" in rules_of(judged(kms_client(product=UNLICENSED, events=lossy)))
    assert judged(kms_client(events=lossy)) == []
    full = findings(judged(kms_client(product=UNLICENSED, events=log(application={"full": True}))))
    assert "full and takes no new records" in next(f.sentence for f in full if f.rule == "log_lost_events")


# --- time


@pytest.mark.parametrize(
    ("grace", "rules"),
    [
        (180 * DAY, []),
        (171 * DAY, []),
        (170 * DAY, ["client_not_renewed_lately"]),
        (RENEWAL_DUE_MINUTES, ["client_not_renewed_lately"]),
        (RENEWAL_DUE_MINUTES - 1, ["client_grace_running_out"]),
        (60, ["client_grace_running_out"]),
        (0, []),
    ],
)
def test_the_time_left_is_judged_in_bands_and_none_at_all_means_for_ever(grace, rules):
    assert rules_of(judged(kms_client(product={"grace_minutes": grace}, events=log()))) == rules


def test_a_host_that_lets_its_clients_renew_seldom_makes_nobody_late():
    product = {"grace_minutes": 150 * DAY, "renewal_interval_minutes": 30 * DAY}
    assert judged(kms_client(product=product, events=log())) == []


def test_without_events_it_is_not_said_that_nothing_failed_when_time_runs_out():
    judgements = judged(kms_client(product={"grace_minutes": 10 * DAY}))
    assert rules_of(judgements) == ["client_grace_running_out"]
    assert [gap.rule for gap in gaps(judgements)] == ["client_renewals_failing"]
    assert "10 days more only" in the_finding(judgements).sentence


def test_renewals_fail_only_where_a_request_failed_since_the_last_one():
    failed = log(request_sent(time=ago(days=3), code=0x800706BA))
    late = kms_client(product={"grace_minutes": 150 * DAY}, events=failed)
    found = the_finding(judged(late))
    assert (found.rule, severity(found), found.depends_on) == ("client_renewals_failing", Severity.WARNING, ("kms01",))
    assert "0x800706BA" in found.sentence
    assert "150 days" in found.sentence
    # The last renewal, yesterday by the time left, came after it.
    assert judged(kms_client(events=failed)) == []


def test_a_failure_before_a_later_success_is_no_fault():
    events = log(
        request_sent(time=ago(days=3), code=0x800706BA),
        request_sent(time=ago(days=2)),
        response_processed(time=ago(days=2)),
        request_served(time=ago(days=2)),
    )
    assert judged(kms_client(product={"grace_minutes": 178 * DAY}, events=events)) == []


def test_a_failure_of_a_key_that_is_not_there_any_more_is_history():
    events = log(request_sent(time=ago(hours=3), code=0x800706BA, activation_id="00000000-1111-4222-8333-444444444444"))
    assert judged(kms_client(events=events)) == []


# --- the symptom


def test_a_product_that_is_not_activated_is_named_with_state_reason_and_last_failure():
    machine = kms_client(
        product={**UNLICENSED, "reason": code_facts(0xC004F056)},
        events=log(request_sent(time=ago(hours=2), code=0x800706BA, license_status=5)),
    )
    found = the_finding(judged(machine))
    assert (found.rule, severity(found)) == ("client_not_activated", Severity.ERROR)
    assert "notification" in found.sentence
    assert "0xC004F056" in found.sentence
    assert "0x800706BA" in found.sentence
    assert len(found.proofs) == 3


def test_a_grace_period_is_told_with_what_is_left_of_it():
    found = findings(judged(kms_client(product={"license_status": 2, "license_status_word": "oob_grace", "grace_minutes": 12 * DAY})))
    assert "initial grace period, 12 days left" in found[-1].sentence


def test_a_host_key_and_an_add_on_that_are_not_activated_are_not_the_clients():
    assert judged(kms_host(product=UNLICENSED)) == []
    assert judged(kms_client(products=[client_product(), client_product(is_addon=True, **UNLICENSED)])) == []


def test_an_office_of_another_channel_that_is_not_activated_is_no_fault():
    found = the_finding(judged(kms_client(products=[client_product(), client_product(**{**OFFICE, "role": "retail", **UNLICENSED})])))
    assert (found.rule, severity(found)) == ("client_not_activated", Severity.INFO)
    mak = findings(judged(kms_client(products=[client_product(), client_product(**{**OFFICE, "role": "mak", **UNLICENSED})])))
    assert [(f.rule, severity(f), f.variant, f.application) for f in mak] == [
        ("client_wrong_channel", Severity.ERROR, "office", "office"),
        ("client_not_activated", Severity.WARNING, "office", "office"),
    ]


def test_a_machine_without_any_key_is_not_activated_and_one_that_was_not_looked_at_is_not_judged():
    reason = "no Windows product on this machine has a product key"
    assert reason in the_finding(judged(kms_client(products=[], primary_reason=reason))).sentence
    assert judged(kms_client(products=None)) == []


def test_a_status_that_was_not_seen_is_said():
    judgements = judged(kms_client(product={"license_status": None}))
    assert ([gap.rule for gap in gaps(judgements)], findings(judgements)) == (["client_not_activated"], [])


def test_what_could_not_be_read_is_told_of_every_machine():
    for machine in (kms_client(problems=["no firewall", "no edition"]), kms_host(problems=["no firewall", "no edition"])):
        found = the_finding(judged(machine))
        assert (found.rule, severity(found), len(found.proofs)) == ("evidence_incomplete", Severity.INFO, 2)
        assert "no firewall (and 1 more)" in found.sentence


# --- products side by side


def office_beside(windows=None, office=None, **changes):
    return kms_client(
        products=[client_product(**(windows or {})), client_product(**{**OFFICE, "required_count": 5, **(office or {})})], **changes
    )


def test_office_that_never_asked_is_told_beside_a_windows_that_did():
    asked = log(request_sent(time=ago(hours=2)), response_processed(time=ago(hours=2)))
    found = findings(judged(office_beside(office=UNLICENSED, events=asked)))
    assert [(f.rule, f.application, f.variant) for f in found] == [
        ("client_never_asked", "office", "office"),
        ("client_not_activated", "office", "office"),
    ]
    assert "has requests for other products only" in found[0].sentence
    assert found[0].values["activation_id"] == OFFICE["activation_id"]


def test_findings_of_products_say_whose_they_are():
    found = findings(judged(office_beside(windows={"role": "mak", **UNLICENSED}, office=UNLICENSED)))
    assert {(f.rule, f.application) for f in found} == {
        ("client_wrong_channel", "windows"),
        ("client_not_activated", "windows"),
        ("client_not_activated", "office"),
    }


# --- Active Directory, evaluation copies


def test_an_activation_by_active_directory_runs_out_as_well_and_needs_no_kms_host():
    directory = {"activation_type": "active_directory", "kms_machine_discovered": None}
    found = the_finding(judged(kms_client(product={**directory, "grace_minutes": 3 * DAY})))
    assert (found.rule, found.variant) == ("client_grace_running_out", "directory")
    assert "for 3 days more only, by Active Directory: it has not been renewed since" in found.sentence
    assert "KMS" not in found.sentence.replace("KMSCLIENT", "")
    assert rules_of(judged(kms_client(product={**directory, "grace_minutes": 100 * DAY}))) == ["client_not_renewed_lately"]


def test_time_that_runs_out_without_a_known_failure_is_told_as_what_it_is():
    found = the_finding(judged(kms_client(product={"grace_minutes": 20 * DAY})))
    assert "for 20 days more only: it has not been renewed since 2026-06-17" in found.sentence


@pytest.mark.parametrize(("edition", "variant"), [("ServerStandardEval", None), ("EnterpriseEval", "desktop")])
def test_an_evaluation_of_a_desktop_is_installed_anew(edition, variant):
    machine = kms_client(machine={"edition_id": edition}, product={"role": "evaluation", "license_status": 1})
    found = next(f for f in findings(judged(machine)) if f.rule == "client_evaluation")
    assert found.variant == variant
