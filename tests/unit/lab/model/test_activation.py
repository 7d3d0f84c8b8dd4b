# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
import typing as t

import pytest

from tests.lab.model.errors import CimError
from tests.lab.model.estate import Estate
from tests.lab.model.machine import Machine
from tests.unit.lab.model.support import (
    DESKTOP,
    HOST,
    HOST_KEY,
    MAK,
    OFFICE_HOST_KEY,
    OLDER_HOST_KEY,
    RETAIL,
    SERVER,
    FakeDns,
    activate,
    call_product,
    call_service,
    estate_of,
    events,
    fields,
    install,
    machine_of,
    product,
    products,
    provider_code,
    service,
    strings,
)

NO_HOST = 0xC004F074
RPC_UNAVAILABLE = "0x800706BA"
CMID = "00000000-1111-4222-8333-444444444444"
COUNTERS = (
    "KeyManagementServiceCurrentCount",
    "KeyManagementServiceTotalRequests",
    "KeyManagementServiceFailedRequests",
    "KeyManagementServiceUnlicensedRequests",
    "KeyManagementServiceLicensedRequests",
    "KeyManagementServiceOOBGraceRequests",
    "KeyManagementServiceOOTGraceRequests",
    "KeyManagementServiceNonGenuineGraceRequests",
    "KeyManagementServiceNotificationRequests",
)


def count(estate: Estate, host: str = "kms01") -> t.Any:
    return product(estate.machines[host], "KeyManagementServiceCurrentCount")["KeyManagementServiceCurrentCount"]


def many(entry: dict[str, t.Any], number: int) -> dict[str, t.Any]:
    return {**entry, "name": entry["name"].rstrip("0123456789"), "count": number}


def one_client(host: dict[str, t.Any] | None = None, client: dict[str, t.Any] | None = None, **common: t.Any) -> tuple[Estate, FakeDns]:
    return estate_of({**HOST, "remembered_clients": 25, **(host or {})}, {**SERVER, **(client or {})}, **common)


def refusal(estate: Estate, client: str = "srv01") -> int:
    return provider_code(activate, estate.machines[client])


# Counting


def test_servers_activate_from_the_fifth_on_and_the_refused_ones_when_they_ask_again() -> None:
    # kms-activation-planning: 5 servers; every valid request counts below the threshold, too.
    estate, _ = estate_of(HOST, many(SERVER, 5))
    servers = [machine for machine in estate.machines.values() if machine.name != "kms01"]
    assert [provider_code(activate, machine) for machine in servers[:4]] == [0xC004F038] * 4
    assert count(estate) == 4
    activate(servers[4])
    for machine in servers[:4]:
        activate(machine)
    for machine in servers:
        row = product(machine, "VLActivationType", "DiscoveredKeyManagementServiceMachineName", "DiscoveredKeyManagementServiceMachinePort")
        assert (row["LicenseStatus"], row["LicenseStatusReason"], row["GracePeriodRemaining"]) == (1, 0, 259200)
        assert (row["VLActivationType"], row["DiscoveredKeyManagementServiceMachineName"]) == (2, "kms01.corp.example")
        assert row["DiscoveredKeyManagementServiceMachinePort"] == 1688
    assert count(estate) == 5


def test_client_windows_needs_twenty_five_and_servers_count_towards_them() -> None:
    estate, _ = estate_of(HOST, many(SERVER, 20), many(DESKTOP, 5))
    for name, machine in estate.machines.items():
        if name.startswith("srv"):
            (activate if count(estate) >= 4 else lambda m: provider_code(activate, m))(machine)
    desktops = [machine for name, machine in estate.machines.items() if name.startswith("pc")]
    # The host remembered no more than 10 until the first client Windows asked.
    assert count(estate) == 10
    assert [provider_code(activate, machine) for machine in desktops] == [0xC004F038] * 5
    assert count(estate) == 15
    for name, machine in estate.machines.items():
        if name.startswith("srv"):
            activate(machine)
    assert count(estate) == 25
    for machine in desktops:
        activate(machine)


def test_the_count_never_passes_twice_the_largest_minimum_asked_for() -> None:
    # windows-itpro-docs, activate-windows-clients: 10 with servers only, 50 after the first client Windows; it never shrinks.
    estate, _ = estate_of(HOST, many(SERVER, 12), many(DESKTOP, 55))
    machines = [machine for machine in estate.machines.values() if machine.name != "kms01"]
    for machine in machines[:4]:
        provider_code(activate, machine)
    for machine in machines[4:12]:
        activate(machine)
    assert count(estate) == 10
    for machine in machines[12:]:
        try_to_activate(machine)
    assert count(estate) == 50
    assert product(estate.machines["kms01"], "KeyManagementServiceTotalRequests")["KeyManagementServiceTotalRequests"] == 67


def try_to_activate(machine: Machine) -> None:
    try:
        activate(machine)
    except CimError as error:
        assert error.code == 0xC004F038


def test_the_same_cmid_counts_once() -> None:
    # SupportArticles-docs on duplicate CMIDs.
    estate, _ = estate_of(HOST, {**many(SERVER, 6), "cmid": CMID})
    for number in range(1, 7):
        assert refusal(estate, f"srv0{number}") == 0xC004F038
    assert count(estate) == 1
    names = {strings(event)[3] for event in events(estate.machines["kms01"], 12290, "Key Management Service")}
    assert len(names) == 6


def test_clients_drop_out_after_thirty_days_and_a_renewal_starts_them_again() -> None:
    estate, _ = estate_of(HOST, many(SERVER, 6))
    servers = [machine for machine in estate.machines.values() if machine.name != "kms01"]
    for machine in servers:
        try_to_activate(machine)
    estate.advance(29 * 86400)
    activate(servers[5])
    estate.advance(2 * 86400)
    assert count(estate) == 1
    assert provider_code(activate, servers[0]) == 0xC004F038
    assert count(estate) == 2


def test_counters_of_a_host_rise_by_the_status_of_the_asking_client() -> None:
    estate, _ = estate_of(
        HOST, SERVER, {**SERVER, "name": "old", "grace": "over"}, {**SERVER, "name": "fast", "clock_offset_seconds": 5 * 3600}
    )
    refusal(estate)
    refusal(estate, "old")
    refusal(estate, "fast")
    row = product(estate.machines["kms01"], *COUNTERS)
    assert [row[name] for name in COUNTERS] == [2, 2, 1, 0, 0, 1, 0, 0, 1]
    # The service shows those of the Windows host key.
    assert list(service(estate.machines["kms01"], *COUNTERS).values()) == [2, 2, 1, 0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize("first", [0, 4294967295])
def test_a_host_before_its_first_request_and_a_machine_that_is_none(first: int) -> None:
    estate, _ = estate_of(HOST, SERVER, new_host_count=first)
    row = product(estate.machines["kms01"], *COUNTERS)
    assert {row[name] for name in COUNTERS} == {first}
    other = product(estate.machines["srv01"], *COUNTERS)
    assert {other[name] for name in COUNTERS} == {4294967295}
    refusal(estate)
    assert count(estate) == 1


def test_windows_and_office_host_keys_count_apart() -> None:
    # One set of counters per host key (MicrosoftDocs/win32, SppWmi); Office needs 5 on any Windows (OfficeDocs-DeployOffice).
    office = {**DESKTOP, "office": "Office LTSC Professional Plus 2021", "office_keyed": True}
    estate, _ = estate_of({**HOST, "remembered_clients": 25}, many(office, 5))
    host = estate.machines["kms01"]
    desktops = [machine for machine in estate.machines.values() if machine.name != "kms01"]
    for machine in desktops:
        windows, suite = sorted(products(machine, "RequiredClientCount"), key=lambda row: -int(str(row["RequiredClientCount"])))
        activate(machine, windows["ID"])
        assert provider_code(activate, machine, suite["ID"]) == 0xC004F042
    install(host, OFFICE_HOST_KEY)
    activate(host, "47f3b983-7c53-4d45-abc6-bcd91e2dd90a")
    for machine in desktops:
        suite = min(products(machine, "RequiredClientCount"), key=lambda row: int(str(row["RequiredClientCount"])))
        (activate if machine is desktops[4] else lambda m, i: provider_code(activate, m, i))(machine, suite["ID"])
    counts = {
        row["ID"] == "47f3b983-7c53-4d45-abc6-bcd91e2dd90a": row["KeyManagementServiceCurrentCount"]
        for row in products(host, "KeyManagementServiceCurrentCount")
    }
    assert counts == {True: 5, False: 30}


# Refusals


def test_without_an_srv_record_the_code_of_dns_comes_through() -> None:
    estate, dns = one_client({"dns_publishing": False})
    assert refusal(estate) == 0x8007232B
    assert dns.asked == ["_vlmcs._tcp.corp.example"]
    # No attempt was made, so there is no 12288.
    assert events(estate.machines["srv01"], 12288) == []


@pytest.mark.parametrize(
    "host",
    [{"firewall_exception": False}, {"listening_port": 1700, "firewall_exception": True}],
    ids=["firewall", "port without a rule of its own"],
)
def test_an_unreachable_host_is_wrapped_and_12288_has_the_reason(host: dict[str, t.Any]) -> None:
    estate, _ = one_client(host)
    assert refusal(estate) == NO_HOST
    (event,) = events(estate.machines["srv01"], 12288)
    assert fields(event)[0] == RPC_UNAVAILABLE
    assert events(estate.machines["srv01"], 12289) == []


def test_a_stopped_service_on_the_host_is_unreachable() -> None:
    estate, _ = one_client()
    estate.machines["kms01"].cim.invoke("root/cimv2", "Win32_Service", {"Name": "sppsvc"}, "StopService", {})
    assert refusal(estate) == NO_HOST


def test_a_wrong_port_in_the_srv_record_is_unreachable() -> None:
    estate, dns = one_client({"dns_publishing": False})
    dns.records["_vlmcs._tcp.corp.example"] = [(0, 0, 1689, "kms01.corp.example")]
    assert refusal(estate) == NO_HOST
    assert fields(events(estate.machines["srv01"], 12288)[0])[2] == "kms01.corp.example:1689"


def test_a_machine_without_a_host_key_is_no_host() -> None:
    estate, _ = one_client({"key": "gvlk", "licensed": False, "remembered_clients": 0}, {"kms_machine": {"name": "kms01"}})
    assert refusal(estate) == 0xC004F039


def test_a_host_that_is_not_activated_says_so() -> None:
    estate, _ = one_client({"licensed": False})
    assert refusal(estate) == 0xC004F041
    (event,) = events(estate.machines["kms01"], 12290, "Key Management Service")
    assert strings(event)[1] == "0xC004F041"


def test_a_host_key_too_old_for_the_client_is_two_codes() -> None:
    # Client 0xC004F042, host 12290 0xC004F015 (SupportArticles-docs).
    estate, _ = estate_of({**HOST, "windows": "server-2019-datacenter", "key": OLDER_HOST_KEY}, SERVER, DESKTOP)
    for client in ("srv01", "pc01"):
        assert refusal(estate, client) == 0xC004F042
    assert [strings(event)[1] for event in events(estate.machines["kms01"], 12290, "Key Management Service")] == ["0xC004F015"] * 2
    row = product(estate.machines["kms01"], "KeyManagementServiceFailedRequests")
    assert row["KeyManagementServiceFailedRequests"] == 2


@pytest.mark.parametrize(("seconds", "refused"), [(4 * 3600, False), (4 * 3600 + 60, True), (-4 * 3600 - 60, True)])
def test_clocks_may_differ_by_four_hours(seconds: int, refused: bool) -> None:
    # SupportArticles-docs, error-0xc004f06c; slmgr shows the wrapper only.
    estate, _ = one_client(None, {"clock_offset_seconds": seconds})
    if refused:
        assert refusal(estate) == NO_HOST
        assert fields(events(estate.machines["srv01"], 12288)[0])[0] == "0xC004F06C"
        (event,) = events(estate.machines["kms01"], 12290, "Key Management Service")
        assert strings(event)[1] == "0xC004F06C"
    else:
        activate(estate.machines["srv01"])


def test_a_product_without_a_key_cannot_be_activated() -> None:
    machine = machine_of({**SERVER, "key": None})
    rows = machine.cim.query("root/cimv2", "SELECT ID FROM SoftwareLicensingProduct WHERE Description LIKE '%VOLUME_KMSCLIENT%'").rows
    assert provider_code(call_product, machine, "Activate", rows[0]["ID"]) == 0xC004F014


@pytest.mark.parametrize(("kind", "code"), [("1", 0xC004F081), ("3", 0xC004F302)])
def test_a_machine_restricted_to_another_way_of_activation_does_not_ask_a_host(kind: str, code: int) -> None:
    estate, dns = one_client()
    call_product(estate.machines["srv01"], "SetVLActivationTypeEnabled", ActivationType=kind)
    assert refusal(estate) == code
    assert dns.asked == []
    call_product(estate.machines["srv01"], "ClearVLActivationTypeEnabled")
    activate(estate.machines["srv01"])


# Discovery


def two_hosts(client: dict[str, t.Any] | None = None) -> tuple[Estate, FakeDns]:
    hosts = [{**HOST, "name": name, "remembered_clients": 25} for name in ("kms01", "kms02")]
    return estate_of(*hosts, {**SERVER, **(client or {})})


def asked(estate: Estate) -> list[str]:
    return [fields(event)[2] for event in reversed(events(estate.machines["srv01"], 12288))]


def test_priority_comes_before_weight_and_the_next_host_is_tried() -> None:
    estate, dns = two_hosts()
    dns.records["_vlmcs._tcp.corp.example"] = [
        (10, 100, 1688, "kms01.corp.example"),
        (0, 0, 1688, "gone.corp.example"),
        (5, 0, 1688, "kms02.corp.example."),
    ]
    activate(estate.machines["srv01"])
    assert asked(estate) == ["gone.corp.example:1688", "kms02.corp.example:1688"]


def test_weight_gives_the_better_chances_among_equals() -> None:
    estate, dns = two_hosts()
    dns.records["_vlmcs._tcp.corp.example"] = [(0, 90, 1688, "kms01.corp.example"), (0, 9, 1688, "kms02.corp.example")]
    call_service(estate.machines["srv01"], "DisableKeyManagementServiceHostCaching", DisableCaching="true")
    for _ in range(200):
        activate(estate.machines["srv01"])
    shares = asked(estate)
    assert 150 < shares.count("kms01.corp.example:1688") < 200


def test_different_failures_of_several_hosts_are_wrapped() -> None:
    estate, dns = estate_of({**HOST, "licensed": False}, SERVER)
    dns.records["_vlmcs._tcp.corp.example"].append((1, 0, 1688, "gone.corp.example"))
    assert refusal(estate) == NO_HOST
    assert [fields(event)[0] for event in reversed(events(estate.machines["srv01"], 12288))] == ["0xC004F041", RPC_UNAVAILABLE]


def test_a_count_too_low_ends_the_search() -> None:
    estate, dns = two_hosts()
    dns.records["_vlmcs._tcp.corp.example"] = [(0, 0, 1688, "kms01.corp.example"), (1, 0, 1688, "kms02.corp.example")]
    estate.machines["kms01"].licensing.hosts()[0].counters.clients.clear()
    assert refusal(estate) == 0xC004F038
    assert asked(estate) == ["kms01.corp.example:1688"]


@pytest.mark.parametrize("level", ["machine", "application", "product"])
def test_a_configured_host_switches_discovery_off(level: str) -> None:
    # Deploy KMS Activation; activation-slmgr-vbs-options: a wrong name set is no activation.
    estate, dns = one_client(None, {"kms_machine": {"name": "gone", "level": level}})
    assert refusal(estate) == NO_HOST
    assert dns.asked == []
    assert asked(estate) == ["gone:1688"]


def test_the_product_outranks_the_application_and_that_the_machine() -> None:
    # KMS Activation Timing and Discovery (2012 R2).
    estate, _ = one_client()
    machine = estate.machines["srv01"]
    call_service(machine, "SetKeyManagementServiceMachine", MachineName="machine.corp.example")
    call_service(machine, "SetKeyManagementServicePort", PortNumber="1700")
    refusal(estate)
    machine.change(kms_machine={"name": "application.corp.example", "level": "application"})
    refusal(estate)
    call_product(machine, "SetKeyManagementServiceMachine", MachineName="kms01.corp.example")
    activate(machine)
    assert asked(estate) == ["machine.corp.example:1700", "application.corp.example:1688", "kms01.corp.example:1688"]
    # Discovered is for what DNS gave.
    assert product(machine, "DiscoveredKeyManagementServiceMachineName")["DiscoveredKeyManagementServiceMachineName"] is None


def test_a_host_set_by_address_is_reached() -> None:
    estate, _ = one_client(None, {"kms_machine": {"name": "127.9.9.10"}})
    activate(estate.machines["srv01"])


def test_the_lookup_domain_comes_in_place_of_the_own_domain() -> None:
    estate, dns = one_client({"publish_domains": ["lab.example"]})
    call_service(estate.machines["srv01"], "SetKeyManagementServiceLookupDomain", LookupDomain="lab.example")
    activate(estate.machines["srv01"])
    assert dns.asked == ["_vlmcs._tcp.lab.example"]


def test_a_workgroup_machine_looks_in_the_dhcp_domain_and_the_suffix_list() -> None:
    estate, dns = one_client(None, {"domain": None, "dhcp_domain": "lab.example", "suffix_search_list": ["corp.example"]})
    activate(estate.machines["srv01"])
    assert dns.asked == ["_vlmcs._tcp.lab.example", "_vlmcs._tcp.corp.example"]
    (event,) = events(estate.machines["kms01"], 12290, "Key Management Service")
    assert strings(event)[3] == "srv01"


def test_a_machine_without_any_domain_finds_nothing() -> None:
    estate, dns = one_client(None, {"domain": None})
    assert refusal(estate) == 0x8007232B
    assert dns.asked == []


def test_the_cached_host_is_asked_first_and_dns_only_when_it_fails() -> None:
    estate, dns = two_hosts()
    dns.records["_vlmcs._tcp.corp.example"] = [(0, 0, 1688, "kms01.corp.example")]
    activate(estate.machines["srv01"])
    activate(estate.machines["srv01"])
    assert len(dns.asked) == 1
    dns.records["_vlmcs._tcp.corp.example"] = [(0, 0, 1688, "kms02.corp.example")]
    estate.machines["kms01"].change(firewall_exception=False)
    activate(estate.machines["srv01"])
    assert asked(estate)[-2:] == ["kms01.corp.example:1688", "kms02.corp.example:1688"]


def test_a_machine_activated_by_a_host_gets_no_second_thirty_days() -> None:
    estate, _ = one_client()
    client = estate.machines["srv01"]
    activate(client)
    call_product(client, "UninstallProductKey")
    install(client, "VDYBN-27WPP-V4HQT-9VMD4-VMK7H")
    assert product(client)["LicenseStatus"] == 5


def test_a_cached_host_that_counts_too_few_has_answered() -> None:
    estate, dns = one_client()
    activate(estate.machines["srv01"])
    estate.machines["kms01"].licensing.hosts()[0].counters.clients.clear()
    assert refusal(estate) == 0xC004F038
    assert len(dns.asked) == 1


def test_setting_a_host_clears_the_cached_one() -> None:
    # Deploy KMS Activation.
    estate, dns = one_client()
    client = estate.machines["srv01"]
    activate(client)
    call_service(client, "SetKeyManagementServiceMachine", MachineName="kms01")
    assert product(client, "DiscoveredKeyManagementServiceMachineName")["DiscoveredKeyManagementServiceMachineName"] is None
    call_service(client, "ClearKeyManagementServiceMachine")
    activate(client)
    assert len(dns.asked) == 2


def test_without_caching_dns_is_asked_every_time() -> None:
    estate, dns = one_client()
    call_service(estate.machines["srv01"], "DisableKeyManagementServiceHostCaching", DisableCaching="true")
    assert service(estate.machines["srv01"], "KeyManagementServiceHostCaching") == {"KeyManagementServiceHostCaching": False}
    activate(estate.machines["srv01"])
    activate(estate.machines["srv01"])
    assert len(dns.asked) == 2


# Events and time


def test_events_of_an_activation_have_the_documented_fields() -> None:
    estate, _ = one_client()
    client = estate.machines["srv01"]
    activate(client)
    row = product(client)
    (sent,), (processed,) = events(client, 12288), events(client, 12289)
    time = "2026/03/02 08:00"
    # Volume Activation Technical Reference, Table 11; flag 8 is normal on virtual machines (Operations Guide).
    expected = ["0x00000000", "0x00000008", "kms01.corp.example:1688", client.cmid, time, "1", "2", "43200", row["ID"], "5"]
    assert fields(sent) == expected
    assert str(sent["Message"]).endswith("\r\nInfo:\r\n" + ", ".join(map(str, expected)))
    # ospp.vbs takes the HRESULT from the ninetieth character of the English sentence.
    assert str(sent["Message"])[80:].startswith("\r\nInfo:\r\n0x00000000")
    assert fields(processed) == ["0x00000000", "0x00000008", "1", "0", "26", "120", "10080", time]
    (served,) = events(estate.machines["kms01"], 12290, "Key Management Service")
    expected = ["", "0x00000000", "5", "srv01.corp.example", client.cmid, "2026/3/2 8:00", "1", "2", "43200", row["ID"]]
    assert strings(served) == expected
    assert served["Message"] == "An activation request has been processed.\r\nInfo:\r\n" + ",".join(map(str, expected[1:]))


def test_a_count_too_low_is_served_and_flagged() -> None:
    estate, _ = one_client({"remembered_clients": 0}, {"virtual": False})
    assert refusal(estate) == 0xC004F038
    assert fields(events(estate.machines["srv01"], 12288)[0])[:2] == ["0x00000000", "0x00000000"]
    assert fields(events(estate.machines["srv01"], 12289)[0])[1:5] == ["0x04000000", "0", "0", "1"]


def test_the_hosts_intervals_replace_those_of_the_client() -> None:
    # KMS Activation Timing and Discovery.
    estate, _ = one_client()
    call_service(estate.machines["kms01"], "SetVLActivationInterval", ActivationInterval="15")
    call_service(estate.machines["kms01"], "SetVLRenewalInterval", RenewalInterval="43200")
    client = estate.machines["srv01"]
    columns = ("VLActivationInterval", "VLRenewalInterval")
    assert [product(client, *columns)[name] for name in columns] == [120, 10080]
    activate(client)
    assert [product(client, *columns)[name] for name in columns] == [15, 43200]
    assert [service(client, *columns)[name] for name in columns] == [15, 43200]


def test_a_kms_activation_runs_out() -> None:
    estate, _ = one_client()
    client = estate.machines["srv01"]
    activate(client)
    statuses = []
    for days in (7, 172, 1, 29, 1):
        estate.advance(days * 86400)
        row = product(client)
        statuses.append((row["LicenseStatus"], row["GracePeriodRemaining"]))
    assert statuses == [(1, 173 * 1440), (1, 1440), (3, 43200), (3, 1440), (5, 0)]
    assert product(client)["LicenseStatusReason"] == 0xC004F056
    # Meanwhile the host has forgotten everybody.
    assert refusal(estate) == 0xC004F038


def test_a_renewal_starts_the_validity_again_and_one_that_fails_leaves_it() -> None:
    estate, _ = one_client()
    client = estate.machines["srv01"]
    activate(client)
    estate.advance(7 * 86400)
    activate(client)
    assert product(client)["GracePeriodRemaining"] == 259200
    estate.advance(40 * 86400)
    assert refusal(estate) == 0xC004F038
    assert (product(client)["LicenseStatus"], product(client)["GracePeriodRemaining"]) == (1, 140 * 1440)


def test_nothing_happens_by_itself() -> None:
    estate, _ = one_client()
    before = estate.machines["srv01"].state()["events"]
    estate.advance(400 * 86400)
    assert estate.machines["srv01"].state()["events"] == before


# At Microsoft


def test_a_host_key_is_activated_without_an_end() -> None:
    machine = machine_of({**HOST, "licensed": False})
    assert product(machine)["LicenseStatus"] == 2
    activate(machine)
    row = product(machine)
    assert (row["LicenseStatus"], row["LicenseStatusReason"], row["GracePeriodRemaining"]) == (1, 0, 0)


@pytest.mark.parametrize(("key", "windows"), [(MAK, "windows-11-pro"), (RETAIL, "windows-11-home")])
def test_mak_and_retail_keys_are_activated_without_an_end(key: str, windows: str) -> None:
    machine = machine_of({"name": "m", "windows": windows, "key": key})
    activate(machine)
    assert (product(machine)["LicenseStatus"], product(machine)["GracePeriodRemaining"]) == (1, 0)


def test_every_activation_of_a_mak_uses_one_up_even_when_it_is_licensed() -> None:
    estate, _ = estate_of({**DESKTOP, "key": MAK})
    activate(estate.machines["pc01"])
    activate(estate.machines["pc01"])
    assert estate.state()["activations_used"]["AZ0LE"] == 2


def test_a_host_key_activates_six_machines_ten_times_each() -> None:
    # kms-activation-planning; 0xC004C008 (activation-error-codes).
    estate, _ = estate_of({**many(HOST, 7), "licensed": False})
    first, *others = estate.machines.values()
    for _ in range(10):
        activate(first)
    assert provider_code(activate, first) == 0xC004C008
    for machine in others[:5]:
        activate(machine)
    assert provider_code(activate, others[5]) == 0xC004C008


def test_activation_at_microsoft_can_be_made_to_fail() -> None:
    estate, _ = estate_of({**HOST, "licensed": False}, activation_error=0xC004C008)
    assert provider_code(activate, estate.machines["kms01"]) == 0xC004C008
    assert product(estate.machines["kms01"])["LicenseStatus"] == 2
    offline = machine_of({**HOST, "licensed": False, "internet": False})
    assert provider_code(activate, offline) == 0x80072EE7


# Threads


def test_machines_that_ask_each_other_at_once_do_not_wait_for_one_another() -> None:
    # Two hosts with Office clients on them, each set to the other one.
    office = {"office": "Office LTSC Professional Plus 2021", "office_keyed": True, "also_keyed": [OFFICE_HOST_KEY]}
    hosts = [
        {**HOST, **office, "name": name, "kms_machine": {"name": other, "level": "machine"}}
        for name, other in (("kms01", "kms02"), ("kms02", "kms01"))
    ]
    estate, _ = estate_of(*hosts, many(SERVER, 4))
    failures: list[BaseException] = []

    def ask(name: str) -> None:
        machine = estate.machines[name]
        client = next(row["ID"] for row in products(machine, "Description") if "KMSCLIENT" in str(row["Description"]))
        try:
            for _ in range(50):
                assert provider_code(activate, machine, client) == 0xC004F038
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in ("kms01", "kms02", "kms01", "kms02")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive(), "a deadlock"
    assert failures == []
    for name in ("kms01", "kms02"):
        (total,) = [
            row["KeyManagementServiceTotalRequests"]
            for row in products(estate.machines[name], "Name", "KeyManagementServiceTotalRequests")
            if "KMSHost" in str(row["Name"])
        ]
        assert total == 100
    assert HOST_KEY not in str(estate.state())
