# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine finds by itself, in how many conversations, and what is said where it finds nothing."""

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.discovery import (
    DOMAIN_READS,
    discover,
    known_endpoints,
    searched_domains,
)
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import read_facts
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.view import read_discovery
from ansible_collections.activation.kms.plugins.plugin_utils._windows import errors
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import Connect, Reading, Resolve

from tests.unit.plugins.plugin_utils._licensing.fake_windows import NOW, FakeWindows

SRV = "_vlmcs._tcp.corp.example"


def facts(**service):
    return read_facts({"service": service})


def host(name, port=1688, level="machine"):
    return {"name": name, "port": port, "level": level}


def srv(target, port=1688, priority=0, weight=0):
    return {"name": SRV, "type": "SRV", "ttl": 3600, "target": target, "port": port, "priority": priority, "weight": weight}


def domains(primary="corp.example", dhcp=None, policy=None, own=None):
    return [Reading(value) for value in (primary, dhcp, policy, own)]


def look(windows, told=None, readings=None, **more):
    return discover(windows, NOW, told or facts(), readings or domains(), **more)


@pytest.mark.parametrize(
    ("set_domain", "texts", "found"),
    [
        (None, ("corp.example", "dhcp.example", "", ""), ["corp.example"]),
        (None, ("", "dhcp.example", "", ""), ["dhcp.example"]),
        (None, ("corp.example", "", "", "b.example, a.example,Corp.Example"), ["corp.example", "b.example", "a.example"]),
        (None, ("corp.example", "", "policy.example", "own.example"), ["corp.example", "policy.example"]),
        ("set.example", ("corp.example", "", "policy.example", ""), ["set.example"]),
        (None, ("", "", "", ""), []),
    ],
)
def test_domains_are_looked_in_as_the_client_does(set_domain, texts, found):
    assert searched_domains(facts(kms_lookup_domain={"domain": set_domain} if set_domain else None), texts) == found


def test_what_is_set_at_any_level_and_what_worked_last_is_tried_once_by_its_first_reason():
    told = read_facts(
        {
            "service": {
                "kms_machines_set": [host("kms01", level="product"), host("kms02", 1689)],
                "kms_machine_configured": host("kms01"),
                "kms_machine_discovered": host("KMS02.", 1689),
            },
            "products": [{"kms_machine_configured": host("office.corp.example"), "kms_machine_discovered": host("kms03")}],
        }
    )
    found = known_endpoints(told, [("kms03", 1688), ("kms04", 1688)])
    assert [(one.host, one.port, one.source) for one in found] == [
        ("kms01", 1688, "configured"),
        ("kms02", 1689, "configured"),
        ("office.corp.example", 1688, "configured"),
        ("kms03", 1688, "cached"),
        ("kms04", 1688, "asked"),
    ]


def test_endpoints_that_only_records_name_take_a_second_conversation_and_the_others_do_not():
    windows = FakeWindows()
    windows.names = {(SRV, "SRV"): [srv("kms02.corp.example", 1689, priority=10), srv("kms01.corp.example.", weight=5)]}
    windows.ports = {("kms01.corp.example", 1688): "connected", ("kms02.corp.example", 1689): "refused"}
    found = look(windows, timeout_seconds=3)
    assert windows.conversations == 2
    (domain,) = found.domains
    assert (domain.domain, domain.name, domain.status, domain.problem) == ("corp.example", SRV, "found", None)
    assert [(one.target, one.priority, one.weight, one.ttl) for one in domain.records] == [
        ("kms01.corp.example", 0, 5, 3600),
        ("kms02.corp.example", 10, 0, 3600),
    ]
    assert [(one.host, one.source, one.outcome, one.code, one.address) for one in found.endpoints] == [
        ("kms01.corp.example", "srv", "connected", None, "192.0.2.10"),
        ("kms02.corp.example", "srv", "refused", 10061, "192.0.2.10"),
    ]
    assert {operation.timeout_seconds for operation in windows.reads if isinstance(operation, Connect)} == {3}
    assert read_discovery(found.as_dict()) == found

    windows.conversations = 0
    found = look(windows, facts(kms_machine_discovered=host("kms01.corp.example")), endpoints=[("kms02.corp.example", 1689)])
    assert windows.conversations == 1
    assert [one.source for one in found.endpoints] == ["cached", "asked"]


def test_a_domain_without_the_name_one_without_records_and_one_that_nobody_answers_for_are_told_apart():
    windows = FakeWindows()
    windows.names = {("_vlmcs._tcp.empty.example", "A"): [{}]}
    windows.errors["_vlmcs._tcp.mute.example"] = errors.FaultError("resolving", "timeout", code=1460)
    found = look(windows, readings=domains("none.example", own="empty.example,mute.example"))
    assert [(one.domain, one.status) for one in found.domains] == [
        ("none.example", "no_name"),
        ("empty.example", "no_record"),
        ("mute.example", "error"),
    ]
    assert found.domains[2].problem == "resolving: timeout (0x000005B4)."
    assert found.endpoints == ()


def test_a_host_without_an_address_is_an_outcome_and_what_is_no_outcome_is_a_problem():
    windows = FakeWindows()
    windows.ports = {("kms03", 1688): "timeout"}
    windows.errors = {
        "kms02": errors.FaultError("connecting to kms02", "name servers are silent", code=1460),
        "kms04": errors.FaultError("connecting to kms04", "it broke", code=0x80131500),
    }
    hosts = [host(f"kms0{number}") for number in (1, 2, 3, 4)]
    found = look(windows, facts(kms_machines_set=hosts), readings=domains(""))
    assert [(one.host, one.outcome, one.code) for one in found.endpoints] == [
        ("kms01", "no_address", 9003),
        ("kms02", "no_address", 1460),
        ("kms03", "timeout", None),
    ]
    assert found.problems == (
        "The machine has no DNS domain to look in: it finds no KMS host by itself, and needs one that is set.",
        "connecting to kms04: it broke (0x80131500).",
    )


def test_a_record_that_says_there_is_no_service_here_is_not_connected_to():
    windows = FakeWindows()
    windows.names = {(SRV, "SRV"): [srv(".")]}
    found = look(windows)
    assert [record.target for record in found.domains[0].records] == ["."]
    assert (found.endpoints, windows.conversations) == ((), 1)


def test_a_registry_value_that_could_not_be_read_is_a_problem_and_the_others_count():
    readings = domains()
    readings[1] = Reading(error=errors.AccessDeniedError("reading the registry value DhcpDomain", "denied"))
    found = look(FakeWindows(), readings=readings)
    assert [one.domain for one in found.domains] == ["corp.example"]
    assert found.problems == ("reading the registry value DhcpDomain: denied.",)
    assert len(readings) == len(DOMAIN_READS)


def test_nothing_but_connections_and_questions_to_dns_is_asked_of_the_machine():
    windows = FakeWindows()
    windows.names = {(SRV, "SRV"): [srv("kms01.corp.example")]}
    windows.ports = {("kms01.corp.example", 1688): "connected"}
    look(windows)
    assert {type(operation) for operation in windows.reads} == {Resolve, Connect}
    assert windows.calls == []
