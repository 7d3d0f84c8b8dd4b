# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.finding import Severity
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.rules import fleet as rules

from tests.unit.plugins.plugin_utils._diagnosis.evidence import (
    DOMAIN,
    ago,
    case,
    cmid_of,
    domain,
    firewall_rule,
    gaps,
    iso,
    kms_client,
    kms_host,
    log,
    record,
    request_served,
    rules_of,
    the_finding,
)

CLONE = cmid_of("image")
KMS01 = f"kms01.{DOMAIN}"


def judged(rule, *machines, **around):
    """Return what a fleet rule says of machines, of which the hosts are in the case, too."""
    judge = rule()
    for machine in machines:
        judge.add(machine)
    hosts = [machine for machine in machines if machine.is_kms_host]
    return list(judge.judge(case(**{"hosts": hosts, **around})))


def clone(name, **changes):
    return kms_client(name, service={"cmid": CLONE}, **changes)


def test_a_healthy_fleet_gives_neither_findings_nor_gaps():
    served = log(*(request_served(f"pc{n}") for n in range(30)))
    machines = [kms_host(events=served), kms_host("kms02"), *(kms_client(f"pc{n}") for n in range(30))]
    assert [judgement for rule in rules.FLEET_RULES for judgement in judged(rule, *machines)] == []


# --- duplicate CMIDs


def test_machines_of_one_image_by_their_facts():
    finding = the_finding(judged(rules.DuplicateCmids, kms_host(), clone("pc01"), kms_client("pc02"), clone("pc03"), clone("pc04")))
    assert (finding.rule, finding.subject, finding.severity) == ("duplicate_cmids", CLONE, None)
    assert finding.affects == ("kms01", "pc01", "pc03", "pc04")
    assert "3 machines" in finding.sentence


def test_machines_of_one_image_by_what_the_host_was_asked():
    names = ["pc01", "pc02", "pc01", "pc02"]
    events = log(*(request_served(name, cmid=CLONE, time=ago(hours=hours)) for hours, name in enumerate(names)))
    finding = the_finding(judged(rules.DuplicateCmids, kms_host(events=events)))
    assert finding.affects == ("kms01", f"pc01.{DOMAIN}", f"pc02.{DOMAIN}")
    assert "2 machines" in finding.sentence
    assert [proof.source for proof in finding.proofs] == ["events 12290 of the KMS hosts"]


def test_both_are_one_finding_and_no_machine_counts_twice():
    events = log(*(request_served(name, cmid=CLONE, time=ago(hours=hours)) for hours, name in enumerate(["pc01", "pc02", "pc01", "pc02"])))
    finding = the_finding(judged(rules.DuplicateCmids, kms_host(events=events), clone("pc01"), clone("pc02")))
    assert finding.affects == ("kms01", "pc01", "pc02")
    assert "2 machines" in finding.sentence and len(finding.proofs) == 2


def test_a_machine_that_was_renamed_is_one_machine():
    events = log(request_served("new", cmid=CLONE, time=ago(days=1)), request_served("old", cmid=CLONE, time=ago(days=8)))
    assert judged(rules.DuplicateCmids, kms_host(events=events)) == []


def test_a_machine_that_was_read_twice_is_one_machine():
    assert judged(rules.DuplicateCmids, kms_client("pc01"), kms_client("pc01")) == []
    twice = the_finding(judged(rules.DuplicateCmids, clone("pc01"), clone("pc02"), clone("pc02"), clone("pc01")))
    assert "2 machines" in twice.sentence


def test_only_ids_that_are_sent_matter():
    mak = {"role": "mak", "description": "Windows(R) Operating System, VOLUME_MAK channel"}
    assert judged(rules.DuplicateCmids, clone("pc01"), clone("pc02", product=mak), kms_host(service={"cmid": CLONE})) == []
    assert judged(rules.DuplicateCmids, kms_client("pc01", service={"cmid": None}), kms_client("pc02", service={"cmid": None})) == []


BY_DIRECTORY = {"activation_type": "active_directory"}


def test_who_is_activated_by_active_directory_asks_no_host():
    assert judged(rules.DuplicateCmids, clone("pc01", product=BY_DIRECTORY), clone("pc02", product=BY_DIRECTORY)) == []
    clients = [kms_client(f"pc{n}", product=BY_DIRECTORY) for n in range(30)]
    assert rules_of(judged(rules.CountSpread, *hosts(12, 13), *clients)) == []
    old_key = kms_host(product={"description": "Windows(R) Operating System, VOLUME_KMS_WS19 channel"})
    assert judged(rules.UnlistedClients, old_key, kms_client(product=BY_DIRECTORY)) == []


def test_a_line_of_a_machines_old_name_is_no_second_machine():
    old = clone("old", collected_at=iso(ago(days=9)))
    finding = the_finding(judged(rules.DuplicateCmids, old, clone("new")))
    assert finding.severity is Severity.INFO and "another name" in finding.sentence
    assert the_finding(judged(rules.DuplicateCmids, old, clone("new"), clone("other"))).severity is None
    # Two names under which a host was asked in turns are two machines.
    events = log(*(request_served(name, cmid=CLONE, time=ago(hours=hours)) for hours, name in enumerate(["old", "new", "old", "new"])))
    assert the_finding(judged(rules.DuplicateCmids, kms_host(events=events), old, clone("new"))).severity is None


def test_on_the_host_of_a_cloud_platform_it_does_no_harm():
    platform = {
        "kms_machine_discovered": None,
        "kms_machine_configured": {"name": "azkms.core.windows.net", "port": 1688, "level": "machine"},
    }
    machines = [clone(f"vm{n}", product=platform) for n in range(3)]
    finding = the_finding(judged(rules.DuplicateCmids, *machines))
    assert finding.severity is Severity.INFO and "no minimum count" in finding.sentence
    mixed = the_finding(judged(rules.DuplicateCmids, *machines, clone("vm9")))
    assert mixed.severity is None


def test_what_is_kept_of_one_id_is_bounded_and_its_machines_are_counted_all_the_same():
    finding = the_finding(judged(rules.DuplicateCmids, *(clone(f"pc{n}") for n in range(1100))))
    assert "1100 machines" in finding.sentence and len(finding.affects) == 1000


# --- counts


def hosts(*counts, **changes):
    return [kms_host(f"kms0{number}", product={"count": count}, **changes) for number, count in enumerate(counts, 1)]


def test_clients_that_are_spread_over_hosts():
    finding = the_finding(judged(rules.CountSpread, *hosts(12, 9, 11), *(kms_client(f"pc{n}") for n in range(30))))
    assert (finding.rule, finding.subject) == ("count_spread", "kms01, kms02, kms03")
    assert finding.affects == ("kms01", "kms02", "kms03")
    assert "30 distinct clients" in finding.sentence and "25" in finding.sentence


def test_the_hosts_logs_tell_as_well_as_facts():
    events = log(*(request_served(f"pc{n}") for n in range(26)))
    finding = the_finding(judged(rules.CountSpread, *hosts(14, 13, events=events)))
    assert finding.rule == "count_spread"
    # The log goes back as far as it goes.
    assert finding.proofs[-1].source.startswith("events 12290 of the hosts (since 2026-11-24 08:15 UTC)")


def test_servers_need_five():
    server = {"machine": {"product_type": "server"}, "product": {"required_count": 5}}
    finding = the_finding(judged(rules.CountSpread, *hosts(3, 4), *(kms_client(f"srv{n}", **server) for n in range(6))))
    assert "Windows Server and Office (5)" in finding.sentence
    assert judged(rules.CountSpread, *hosts(8, 9), *(kms_client(f"srv{n}", **server) for n in range(17))) == []


@pytest.mark.parametrize(
    "machines",
    [
        [*hosts(50, 9), *(kms_client(f"pc{n}") for n in range(60))],
        [*hosts(12, 0), *(kms_client(f"pc{n}") for n in range(60))],
        # Together they have too few as well.
        [*hosts(12, 9), *(kms_client(f"pc{n}") for n in range(21))],
        hosts(12),
    ],
)
def test_counts_that_are_not_spread(machines):
    assert judged(rules.CountSpread, *machines) == []


def test_clients_that_ask_both_hosts_are_no_more_for_it():
    judgements = judged(rules.CountSpread, *hosts(15, 15), *(kms_client(f"pc{n}") for n in range(15)))
    assert [gap.rule for gap in gaps(judgements)] == ["count_spread"] and not rules_of(judgements)


def test_clients_of_a_platforms_host_are_no_clients_of_ours():
    platform = {"kms_machine_discovered": {"name": "azkms.core.windows.net", "port": 1688}}
    clients = [kms_client(f"vm{n}", product=platform, service={"kms_machine_discovered": None}) for n in range(40)]
    assert rules_of(judged(rules.CountSpread, *hosts(12, 13), *clients)) == []


# --- hosts that differ


def test_hosts_with_different_keys():
    other = kms_host("kms02", product={"description": "Windows(R) Operating System, VOLUME_KMS_WS19 channel"})
    finding = the_finding(judged(rules.HostsDisagree, kms_host(), other, kms_client()))
    assert (finding.rule, finding.subject, finding.severity) == ("hosts_disagree", "kms01, kms02", None)
    assert "Windows Server 2019 (kms02)" in finding.sentence and "Windows Server 2022 (kms01)" in finding.sentence


@pytest.mark.parametrize(
    ("changes", "word", "severity"),
    [
        ({"host": {"listening_port": 1689}}, "1689 (kms02)", Severity.INFO),
        ({"service": {"renewal_interval_minutes": 20160}}, "20160 (kms02)", None),
        ({"service": {"activation_interval_minutes": 60}}, "60 (kms02)", None),
        ({"host": {"dns_publishing": False}}, "off (kms02)", Severity.INFO),
        ({"host": {"low_priority": True}}, "on (kms02)", Severity.INFO),
    ],
)
def test_every_setting_that_clients_see_is_compared(changes, word, severity):
    finding = the_finding(judged(rules.HostsDisagree, kms_host(), kms_host("kms02", **changes)))
    assert word in finding.sentence and finding.severity is severity


WS19 = {"description": "Windows(R) Operating System, VOLUME_KMS_WS19 channel"}


def test_hosts_that_no_client_has_to_choose_between_may_differ():
    lab = kms_host("kms02", machine={"fqdn": "kms02.lab.example.org"}, product=WS19)
    assert judged(rules.HostsDisagree, kms_host(), lab) == []
    both = [domain(record(), record("kms02.lab.example.org"))]
    assert rules_of(judged(rules.HostsDisagree, kms_host(), lab, srv=both)) == ["hosts_disagree"]


def test_a_host_that_got_another_name_does_not_differ_from_itself():
    cmid = {"service": {"cmid": CLONE}}
    old = kms_host("kms00", collected_at=iso(ago(days=40)), product=WS19, **cmid)
    assert judged(rules.HostsDisagree, old, kms_host("kms01", **cmid)) == []
    assert judged(rules.HostsDisagree, kms_host("kms01", **cmid), old) == []
    assert rules_of(judged(rules.HostsDisagree, old, kms_host("kms01", **cmid), kms_host("kms02", product=WS19))) == ["hosts_disagree"]


def test_what_was_not_seen_differs_from_nothing():
    unknown = {"listening_port": None, "dns_publishing": None, "low_priority": None}
    assert judged(rules.HostsDisagree, kms_host(), kms_host("kms02", host=unknown)) == []
    assert judged(rules.HostsDisagree, kms_host(), kms_host("kms02", host={"firewall_rules": [firewall_rule(enabled=False)]})) == []
    assert judged(rules.HostsDisagree, kms_host(host={"listening_port": 1689})) == []


# --- what Microsoft lists


def test_windows_that_is_not_listed_for_the_key_of_its_host():
    host = kms_host(product={"description": "Windows(R) Operating System, VOLUME_KMS_WS19 channel"})
    finding = the_finding(judged(rules.UnlistedClients, host, kms_client("pc01"), kms_client("pc02")))
    assert (finding.rule, finding.subject, finding.severity) == ("host_key_does_not_list_clients", "kms01", None)
    assert "2 clients" in finding.sentence and "Windows 11" in finding.sentence and "no proof" in finding.sentence
    assert finding.affects == ("pc01", "pc02")


@pytest.mark.parametrize(
    ("client", "channel", "listed"),
    [
        ({"build": 26100, "edition_id": "EnterpriseS"}, "VOLUME_KMS_WS22", False),
        ({"build": 26100, "edition_id": "EnterpriseS"}, "VOLUME_KMS_WS25", True),
        ({"build": 17763, "edition_id": "EnterpriseS"}, "VOLUME_KMS_WS16", False),
        ({"build": 14393, "edition_id": "EnterpriseS"}, "VOLUME_KMS_WS16", True),
        ({"build": 20348, "product_type": "server", "edition_id": "ServerStandard"}, "VOLUME_KMS_WS19", False),
        ({"build": 20348, "product_type": "domain_controller", "edition_id": "ServerStandard"}, "VOLUME_KMS_WS22", True),
        # A Windows, or a key, that is not known is not judged.
        ({"build": 99999, "product_type": "server"}, "VOLUME_KMS_WS16", True),
        ({}, "VOLUME_KMS_C", True),
        ({"build": None}, "VOLUME_KMS_WS16", True),
    ],
)
def test_microsofts_list(client, channel, listed):
    host = kms_host(product={"description": f"Windows(R) Operating System, {channel} channel"})
    assert rules_of(judged(rules.UnlistedClients, host, kms_client(machine=client))) == (
        [] if listed else ["host_key_does_not_list_clients"]
    )
