# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json
import tracemalloc

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis import engine
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.case import MachineEvidence
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.finding import Finding, Proof, Severity, Unjudged
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event import Events
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import Facts, ServiceFacts, read_facts
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.plain import EvidenceError

from tests.unit.plugins.plugin_utils._diagnosis.evidence import (
    DOMAIN,
    NOW,
    ago,
    discovery,
    domain,
    endpoint,
    host_product,
    kms_client,
    kms_host,
    log,
    office_host_product,
    probe,
    record,
    request_sent,
    request_served,
    response_processed,
    seen_domain,
    slui_failed,
)

KMS01 = f"kms01.{DOMAIN}"


def a(rule, subject="pc01", sentence=None, **more):
    """Return a finding."""
    return Finding(rule, subject, sentence or f"{rule} of {subject}.", (Proof("seen", "a test"),), **more)


READ = Facts(service=ServiceFacts(version="10.0.20348.1"))
"""The least that makes a machine one of which something was read."""


@pytest.fixture
def told(monkeypatch):
    """Return a function that diagnoses machines about which the rules say what is given by name, and the rest about the fleet."""

    def diagnose(said, shared=(), machines=None, **options):
        class Fleet:
            def add(self, machine):
                pass

            def judge(self, case):
                return shared

        monkeypatch.setattr(engine, "ALL_MACHINE_RULES", (lambda machine, case: said.get(machine.name, ()),))
        monkeypatch.setattr(engine, "ALL_CASE_RULES", ())
        monkeypatch.setattr(engine, "ALL_FLEET_RULES", (Fleet,))
        machines = machines or [kms_host() if name.startswith("kms") else MachineEvidence(name, READ) for name in said]
        return engine.diagnose(lambda: machines, now=NOW, **options)

    return diagnose


def shape(diagnosis):
    """Return the roots with what is folded under them."""
    return {
        (root.finding.rule, root.finding.subject): [(c.rule, c.count, c.subjects) for c in root.consequences] for root in diagnosis.roots
    }


# --- folding


def test_a_consequence_lies_under_its_cause_on_the_same_machine(told):
    diagnosis = told({"pc01": [a("client_not_activated"), a("client_wrong_channel")]})
    assert shape(diagnosis) == {("client_wrong_channel", "pc01"): [("client_not_activated", 1, ("pc01",))]}


def test_a_chain_ends_under_its_first_cause(told):
    diagnosis = told(
        {
            "pc01": [a("client_not_activated"), a("client_host_not_reached", depends_on=("kms01",))],
            "kms01": [a("host_port_closed", "kms01"), a("host_firewall_exception_off", "kms01")],
        }
    )
    assert shape(diagnosis) == {
        ("host_firewall_exception_off", "kms01"): [
            ("host_port_closed", 1, ("kms01",)),
            ("client_host_not_reached", 1, ("pc01",)),
            ("client_not_activated", 1, ("pc01",)),
        ]
    }


def test_a_symptom_lies_under_the_cause_of_what_lies_between_even_where_that_was_not_seen(told):
    said = {"pc01": [a("client_not_activated", depends_on=("kms01",))], "kms01": [a("host_firewall_exception_off", "kms01")]}
    assert shape(told(said)) == {("host_firewall_exception_off", "kms01"): [("client_not_activated", 1, ("pc01",))]}


def test_two_causes_stand_side_by_side_and_the_symptom_lies_under_the_deeper_one(told):
    said = {
        "pc01": [a("client_not_activated"), a("client_clock_differs"), a("client_host_not_reached", depends_on=("kms01",))],
        "kms01": [a("host_firewall_exception_off", "kms01")],
    }
    found = shape(told(said))
    assert set(found) == {("host_firewall_exception_off", "kms01"), ("client_clock_differs", "pc01")}
    assert ("client_not_activated", 1, ("pc01",)) in found["client_clock_differs", "pc01"] + found["host_firewall_exception_off", "kms01"]


def test_a_fault_of_another_host_explains_nothing(told):
    said = {
        "pc01": [a("client_host_not_reached", depends_on=("kms02",))],
        "kms01": [a("host_firewall_exception_off", "kms01")],
        "kms02": [],
    }
    assert set(shape(told(said))) == {("client_host_not_reached", "pc01"), ("host_firewall_exception_off", "kms01")}


def test_a_domain_and_the_machines_that_suffer_from_a_cause_lead_to_it(told):
    shared = [a("srv_missing", "corp.example.com"), a("duplicate_cmids", "1111", affects=("pc02",))]
    said = {
        "pc01": [a("client_no_srv", depends_on=("CORP.example.com.",))],
        "pc02": [a("client_count_too_low", "pc02", depends_on=("kms01",))],
    }
    assert shape(told(said, shared)) == {
        ("srv_missing", "corp.example.com"): [("client_no_srv", 1, ("pc01",))],
        ("duplicate_cmids", "1111"): [("client_count_too_low", 1, ("pc02",))],
    }


def test_a_record_that_leads_nowhere_explains_those_that_are_sent_there_and_nobody_else(told):
    shared = [a("srv_stale", DOMAIN, affects=("old01",), depends_on=("old01",)), a("dns_publishing_off", "kms01", affects=(DOMAIN,))]
    said = {
        "pc01": [a("client_host_not_reached", depends_on=("kms01", DOMAIN))],
        "pc02": [a("client_host_not_reached", "pc02", depends_on=("old01", DOMAIN))],
        "pc03": [a("client_renewals_failing", "pc03", depends_on=("kms01",))],
    }
    found = shape(told(said, shared))
    assert found["srv_stale", DOMAIN] == [("client_host_not_reached", 1, ("pc02",))]
    assert {("client_host_not_reached", "pc01"), ("client_renewals_failing", "pc03")} <= set(found)


def test_what_is_wrong_with_a_product_of_windows_explains_nothing_of_office(told):
    said = {
        "pc01": [
            a("client_wrong_channel", application="windows"),
            a("client_not_activated", application="windows"),
            a("client_not_activated", application="office"),
        ],
        "pc02": [a("client_host_not_licensed", "pc02", depends_on=("kms01",), application="windows")],
        "pc03": [a("client_host_not_licensed", "pc03", depends_on=("kms01",), application="office")],
        "kms01": [a("host_not_licensed", "kms01", application="office"), a("host_port_closed", "kms01")],
    }
    found = shape(told(said))
    assert found["client_wrong_channel", "pc01"] == [("client_not_activated", 1, ("pc01",))]
    assert ("client_not_activated", "pc01") in found
    assert found["host_not_licensed", "kms01"] == [("client_host_not_licensed", 1, ("pc03",))]


def test_one_clients_trouble_is_nobody_elses(told):
    # Somebody set pc01 to srv01, which is a client in trouble itself.
    said = {
        "srv01": [a("client_host_not_reached", "srv01", depends_on=("kms01",))],
        "pc01": [a("client_renewals_failing", depends_on=("srv01",))],
    }
    machines = [
        kms_client("srv01"),
        kms_client("pc01", service={"kms_machine_configured": {"name": f"srv01.{DOMAIN}", "port": 1688, "level": "machine"}}),
    ]
    assert set(shape(told(said, machines=machines))) == {("client_host_not_reached", "srv01"), ("client_renewals_failing", "pc01")}


def test_what_is_no_fault_is_as_bad_as_what_follows_from_it(told):
    diagnosis = told(
        {"kms01": [a("dns_publishing_off", "kms01")], "pc01": [a("client_no_srv", depends_on=("corp.example.com",))]},
        [a("srv_missing", "corp.example.com", depends_on=("kms01",))],
    )
    (root,) = diagnosis.roots
    assert (root.finding.rule, root.severity, len(root.consequences)) == ("dns_publishing_off", Severity.ERROR, 2)
    alone = told({"kms01": [a("dns_publishing_off", "kms01")]})
    assert (alone.roots[0].severity, alone.worst, alone.as_dict()["healthy"]) == (Severity.INFO, Severity.INFO, True)


def test_the_severity_of_a_finding_outranks_that_of_its_rule(told):
    diagnosis = told({"pc01": [a("client_no_srv", severity=Severity.WARNING)]})
    assert (diagnosis.worst, diagnosis.as_dict()["findings"][0]["severity"]) == (Severity.WARNING, "warning")


def test_a_host_key_of_office_that_is_not_activated_is_no_cause_of_what_windows_meets():
    host = kms_host(products=[host_product(), office_host_product(license_status=5)])
    asked = log(request_sent(time=ago(hours=2), code=0xC004F041, license_status=5))
    client = kms_client(product={"license_status": 5, "grace_minutes": 0}, events=asked)
    diagnosis = engine.diagnose(lambda: [host, client], now=NOW, srv=[domain(record())], probes=[probe()])
    found = shape(diagnosis)
    assert found["host_not_licensed", "kms01"] == []
    assert found["client_host_not_licensed", "pc01"] == [("client_not_activated", 1, ("pc01",))]
    remedy = next(f for f in diagnosis.as_dict()["findings"] if f["id"] == "host_not_licensed")["remedy"]
    assert remedy["task"] is None and "47f3b983" in remedy["command"]


# --- order, limits, words


def test_the_worst_and_deepest_causes_come_first(told):
    diagnosis = told(
        {
            "pc01": [a("client_not_renewed_lately"), a("client_grace_running_out")],
            "pc02": [a("client_clock_differs", "pc02"), a("client_no_srv", "pc02")],
        }
    )
    assert [root.finding.rule for root in diagnosis.roots] == [
        "client_no_srv",
        "client_clock_differs",
        "client_grace_running_out",
        "client_not_renewed_lately",
    ]
    assert diagnosis.verdict == "client_no_srv of pc02. There are 2 more causes."


def test_consequences_of_many_machines_are_counted_and_the_first_are_named(told):
    names = [f"pc{number:03}" for number in range(50)]
    said = {"kms01": [a("host_not_licensed", "kms01")]}
    said |= {name: [a("client_host_not_licensed", name, depends_on=("kms01",))] for name in names}
    (root,) = told(said).roots
    (consequence,) = root.consequences
    assert (consequence.count, consequence.subjects) == (50, tuple(names[: engine.NAMES_SHOWN]))


def test_causes_beyond_the_limit_are_counted(told):
    said = {f"pc{number:02}": [a("client_no_srv", f"pc{number:02}"), a("client_not_activated", f"pc{number:02}")] for number in range(12)}
    diagnosis = told(said, limit_per_rule=5)
    assert (len(diagnosis.roots), diagnosis.left_out) == (5, {"client_no_srv": 7})
    assert diagnosis.counts == {"client_no_srv": 12, "client_not_activated": 12}
    assert "There are 11 more causes" in diagnosis.verdict


def test_the_worst_causes_are_given_and_what_is_cut_counts_as_well(told):
    said = {f"pc{n:03}": [a("client_wrong_channel", f"pc{n:03}", severity=Severity.WARNING)] for n in range(20)}
    said |= {f"pc{n:03}": [a("client_wrong_channel", f"pc{n:03}", severity=Severity.ERROR)] for n in range(20, 27)}
    diagnosis = told(said, limit_per_rule=5)
    assert [root.finding.subject for root in diagnosis.roots] == [f"pc{n:03}" for n in range(20, 25)]
    assert (diagnosis.worst, diagnosis.left_out) == (Severity.ERROR, {"client_wrong_channel": 22})
    assert diagnosis.as_dict()["severities"] == {"error": 7, "warning": 20, "info": 0}
    assert "There are 26 more causes" in diagnosis.verdict


def test_causes_that_are_no_fault_are_not_among_those_that_the_verdict_counts(told):
    said = {f"pc{n:03}": [a("client_platform_host", f"pc{n:03}")] for n in range(9)} | {"srv01": [a("client_no_srv", "srv01")]}
    assert told(said, limit_per_rule=2).verdict == "client_no_srv of srv01."


def test_facts_of_long_ago_are_said_to_be_so():
    machines = [kms_host(), kms_client("pc01"), kms_client("pc02", collected_at="2000-01-01T00:00:00Z")]
    diagnosis = engine.diagnose(lambda: machines, now=NOW)
    assert ("evidence_incomplete", engine.NEWER_FACTS, ("pc02",)) in [(gap.rule, gap.needs, gap.subjects) for gap in diagnosis.gaps]
    assert "The facts of 1 machine are older than 30 days" in diagnosis.verdict
    assert "older" not in engine.diagnose(lambda: machines[:2], now=NOW).verdict


def test_attempts_are_kept_of_few_machines_else_of_those_with_a_finding_and_the_newest_of_them():
    asked = [request_sent(time=ago(hours=2 * n + 2), code=0x800706BA, license_status=5) for n in range(30)]
    well = log(request_sent("pc02", time=ago(hours=2)), response_processed(time=ago(hours=2)))
    machines = [
        kms_host(),
        kms_client(product={"license_status": 5, "grace_minutes": 0}, events=log(*asked)),
        kms_client("pc02", events=well),
    ]
    few = engine.diagnose(lambda: machines, now=NOW, with_attempts=True)
    assert {name: len(attempts) for name, attempts in few.attempts.items()} == {"pc01": engine.ATTEMPTS_KEPT, "pc02": 1}
    machines += [kms_client(f"srv{number:02}") for number in range(engine.FEW)]
    diagnosis = engine.diagnose(lambda: machines, now=NOW, with_attempts=True)
    assert {name: len(attempts) for name, attempts in diagnosis.attempts.items()} == {"pc01": engine.ATTEMPTS_KEPT}
    assert diagnosis.attempts["pc01"][0].time == ago(hours=2)


def test_what_could_not_be_judged_is_counted_by_what_it_lacks(told):
    said = {f"pc{number:02}": [Unjudged("client_no_srv", f"pc{number:02}", "discovery_info")] for number in range(30)}
    said["pc99"] = [Unjudged("client_no_srv", "pc99", "something else")]
    diagnosis = told(said)
    assert [(gap.needs, gap.count, len(gap.subjects)) for gap in diagnosis.gaps] == [
        ("discovery_info", 30, engine.NAMES_SHOWN),
        ("something else", 1, 1),
    ]
    assert diagnosis.verdict == "No fault was found; 31 machines looked at (0 KMS hosts); 2 things could not be judged."
    assert diagnosis.worst is None


def test_what_could_not_be_judged_of_a_large_fleet_is_a_few_lines():
    """Each names what is lacking and no machine, so that twenty thousand clients come to as many lines as one."""
    needy = {"license_status": 5, "grace_minutes": 0}
    wrapped = log(slui_failed(0xC004F074), application={"complete": False})

    def set_to(name):
        return {"kms_machine_configured": {"name": f"{name}.elsewhere.example.net", "port": 1688}}

    def fleet(size):
        for n in range(size):
            yield kms_client(f"a{n}", product=needy)
            yield kms_client(f"b{n}", product=needy, events=wrapped, discovery=discovery(endpoint("timeout")))
            yield kms_client(f"c{n}", product=needy, service=set_to(f"c{n}"))
            yield kms_client(f"d{n}", product={"license_status": None})
            yield kms_client(f"e{n}", machine={"edition_id": None}, product={**needy, "partial_key": "WFG99"})

    one, many = (engine.diagnose(lambda size=size: fleet(size), now=NOW, srv=[domain(record())]).gaps for size in (1, 30))
    assert len(one) == len(many) > 4
    assert all(gap.count >= 30 for gap in many if gap.rule.startswith("client"))


def test_the_remedy_is_filled_and_what_nobody_filled_can_be_read(told):
    found = told({"pc01": [a("client_override_dead", values={"host": "kms09", "client": "pc01"})]}).as_dict()["findings"][0]
    assert "Where kms09 is to be the client's host" in found["remedy"]["text"]
    assert "-Port <port>" in found["remedy"]["command"]
    assert found["sources"]


# --- streaming


def test_machines_are_read_anew_each_time_and_never_kept_as_a_list(told):
    calls = []

    def machines():
        calls.append(1)
        yield from (kms_host(), kms_client("pc01"), kms_client("pc02"))

    diagnosis = engine.diagnose(machines, now=NOW)
    assert (diagnosis.machines, diagnosis.clients, diagnosis.hosts) == (3, 2, 1)
    assert len(calls) in (2, 3)


def test_a_machine_that_others_are_sent_to_is_known_whatever_the_order():
    machines = [
        kms_client("pc01", service={"kms_machine_configured": {"name": f"srv01.{DOMAIN}", "port": 1688, "level": "machine"}}),
        kms_client("srv01"),
        kms_host(),
    ]
    found = shape(engine.diagnose(lambda: machines, now=NOW))
    assert any(subject == "srv01" and rule == "host_has_no_host_key" for rule, subject in found)


def healthy(count):
    """Yield a host and so many healthy clients, each with a name and a CMID of its own."""
    yield kms_host()
    template = kms_client()
    for number in range(count):
        name = f"pc{number:05}"
        facts = template.facts
        yield MachineEvidence(
            name,
            dataclasses.replace(
                facts,
                machine=dataclasses.replace(facts.machine, name=name, fqdn=f"{name}.{DOMAIN}"),
                service=dataclasses.replace(facts.service, cmid=f"00000000-0000-4000-8000-{number:012}"),
            ),
        )


def test_a_healthy_fleet_gives_no_finding():
    machines = list(healthy(20_000))
    diagnosis = engine.diagnose(lambda: machines, now=NOW, srv=[domain(record())], probes=[probe()])
    assert (diagnosis.machines, diagnosis.clients) == (20_001, 20_000)
    assert [root.finding for root in diagnosis.roots] == []
    # What is not known is about the host alone: a client that is activated leaves no question open.
    assert {subject for gap in diagnosis.gaps for subject in gap.subjects} <= {"kms01"}


def test_memory_grows_with_what_is_distinct_and_not_with_machines():
    def peak(machines):
        engine.diagnose(machines, now=NOW)
        tracemalloc.start()
        engine.diagnose(machines, now=NOW)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    def same_again(count):
        # One client over and over: one name, one CMID, and a fault of the host that each of them has.
        def machines():
            yield kms_host(host={"firewall_rules": []})
            client = kms_client(discovery=discovery(endpoint("timeout")))
            for _ in range(count):
                yield client

        return machines

    few, many = peak(same_again(20)), peak(same_again(300))
    assert many < few * 1.5


# --- real rules together


@pytest.mark.parametrize("probes", [(), (probe(outcome="timeout"),)])
def test_the_guides_story_names_the_firewall(probes):
    """A client in its grace period, a lone 12288, no 12290 on the host, whose firewall exception is there and off."""
    closed = kms_host(
        host={"firewall_rules": [{"name": "SPPSVC-In-TCP", "enabled": False, "profiles": ["domain"], "action": "allow"}], "count": 0},
        events=log(),
    )
    client = kms_client(
        product={"license_status": 2, "license_status_word": "oob_grace", "grace_minutes": 20 * 1440, "kms_machine_discovered": None},
        service={"kms_machine_discovered": None},
        events=log(request_sent(time=ago(hours=1), code=0x800706BA, license_status=2)),
        discovery=discovery(endpoint("timeout", source="srv")),
    )
    diagnosis = engine.diagnose(lambda: [closed, client], now=NOW, srv=[domain(record())], probes=probes, with_attempts=True)
    found = shape(diagnosis)
    first = diagnosis.roots[0]
    assert (first.finding.rule, first.finding.subject) == ("host_firewall_exception_off", "kms01")
    folded = {rule for rule, _, _ in found["host_firewall_exception_off", "kms01"]}
    assert {"client_host_not_reached", "client_not_activated"} <= folded
    assert all(root.severity is Severity.INFO for root in diagnosis.roots[1:])
    assert [attempt.outcome for attempt in diagnosis.attempts["pc01"]] == ["host_not_reached"]
    assert json.loads(json.dumps(diagnosis.as_dict()))["findings"][0]["id"] == "host_firewall_exception_off"


def test_a_missing_record_is_the_cause_of_the_client_that_does_not_find_it():
    client = kms_client(
        product={"license_status": 5, "grace_minutes": 0, "kms_machine_discovered": None},
        service={"kms_machine_discovered": None},
        events=log(),
        discovery=discovery(domains=[seen_domain()]),
    )
    found = shape(engine.diagnose(lambda: [kms_host(), client], now=NOW, srv=[domain()]))
    rules = {rule for rule, _, _ in found["srv_missing", DOMAIN]}
    assert {"client_no_srv", "client_not_activated"} <= rules


def test_a_wrong_clock_of_the_host_is_one_cause_and_a_wrong_controller_is_no_clients_fault():
    host = kms_host(machine={"clock_offset_seconds": 5 * 3600.0})
    machines = [host, kms_client("pc01"), kms_client("pc02")]
    found = shape(engine.diagnose(lambda: machines, now=NOW))
    assert found["host_clock_off", "kms01"] == [("client_clock_differs", 2, ("pc01", "pc02"))]
    together = [host, kms_client(machine={"clock_offset_seconds": 5 * 3600.0})]
    assert shape(engine.diagnose(lambda: together, now=NOW)) == {("host_clock_off", "kms01"): []}


def without_each(data, path=()):
    """Yield the data once for each value in it, with that value not seen."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        if path + (key,) == ("schema",):
            continue
        yield (*path, key), None
        if isinstance(value, (dict, list)):
            yield from without_each(value, (*path, key))


def put(data, path, value):
    """Return the data with one value in the place of another."""
    if not path:
        return value
    copied = dict(data) if isinstance(data, dict) else list(data)
    copied[path[0]] = put(data[path[0]], path[1:], value)
    return copied


def test_evidence_that_lacks_any_one_value_is_judged_all_the_same():
    """A pasted text, an older version, a right that an account lacks: nothing that is optional may be taken for there."""
    client = kms_client(
        product={"license_status": 5, "license_status_word": "notification", "grace_minutes": 0},
        service={"kms_machine_configured": {"name": "kms.elsewhere.net", "port": 1689, "level": "machine"}},
        discovery=discovery(endpoint("timeout", "kms.elsewhere.net", 1689), domains=[seen_domain()]),
    )
    judged = 0
    for machine in (kms_host(), client):
        facts = machine.facts.as_dict()
        for path, value in without_each(facts):
            try:
                changed = read_facts(put(facts, path, value))
            except EvidenceError:
                # An item of a list is something or is not in it.
                continue
            one = dataclasses.replace(machine, facts=changed)
            others = [kms_client("pc02"), kms_host("kms02")]
            engine.diagnose(lambda one=one, others=others: [one, *others], now=NOW, srv=[domain(record())])
            judged += 1
    assert judged > 150


@pytest.mark.parametrize("event_id", [12288, 12289, 12290, 8198])
@pytest.mark.parametrize(
    "left_out", ["time", "code", "computer", "fields", "host", "cmid", "activation_id", "client_time", "activated", "count"]
)
def test_records_that_lack_something_are_judged_all_the_same(event_id, left_out):
    rows = [
        request_sent(time=ago(hours=1), code=0x800706BA, license_status=5),
        request_sent(time=ago(hours=3), license_status=5),
        response_processed(time=ago(hours=3), activated=False, count=3, status_flags=0x04000000),
        request_served(time=ago(hours=5), code=0xC004F042, license_status=5),
        slui_failed(0xC004F074, time=ago(hours=1)),
    ]
    for row in rows:
        if row["event_id"] == event_id:
            row["fields"] = {} if left_out == "fields" else {k: v for k, v in row["fields"].items() if k != left_out}
            row.update({left_out: None} if left_out in ("time", "code", "computer") else {})
    client = kms_client(product={"license_status": 5, "grace_minutes": 0}, events=log(*rows))
    diagnosis = engine.diagnose(lambda: [kms_host(), client], now=NOW, srv=[domain(record())], with_attempts=True)
    assert "client_not_activated" in diagnosis.counts
    assert json.dumps(diagnosis.as_dict())


# --- how much there is to judge


def test_nothing_found_where_nothing_was_read_is_no_good_health():
    unread = [MachineEvidence("pc01", Facts(problems=("x",))), MachineEvidence("pc02", events=Events(problems=("denied",)))]
    found = engine.diagnose(lambda: unread, now=NOW)
    assert (found.healthy, found.judged, found.network) == (None, 0, False)
    assert found.as_dict()["healthy"] is None
    assert found.verdict == "Nothing can be told: 2 machines, none of which could be read."
    one = engine.diagnose(lambda: [*unread, kms_host()], now=NOW)
    assert (one.healthy, one.judged) == (True, 1)
    assert "3 machines looked at (1 KMS host), 2 of which could not be read" in one.verdict
    assert engine.diagnose(list, now=NOW, srv=[domain(record())]).verdict.startswith("No machine was looked at.")
    assert engine.diagnose(lambda: unread[:1], now=NOW).verdict == "Nothing can be told: 1 machine, which could not be read."
