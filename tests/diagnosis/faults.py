# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault that the lab's model can have and that a diagnosis is for: what is done to the healthy estate, and which causes are then to be named.

C(expects) are the roots above info, as (finding, subject). C(slots) name what a fault changes: two faults with one slot in common exclude each other.
HIDES tells which faults can't be seen while another is there, and why: nothing else excuses a miss in a pair. TOGETHER has what two faults make of one
another that neither does alone.
"""

from __future__ import annotations

import dataclasses
import typing as t

from tests.diagnosis.world import DAY, DOMAIN, KEY_2016, KEY_2022, MAK, RECORD, RETAIL, World

Step = t.Callable[[World], None]


def _nothing(_world: World) -> None:
    """Change nothing."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """One fault. C(at_start) changes the plan, C(later) the running estate before everybody asks again."""

    name: str
    what: str
    slots: frozenset[str]
    expects: frozenset[tuple[str, str]]
    at_start: Step = _nothing
    later: Step = _nothing

    @property
    def hides(self) -> t.Mapping[str, str]:
        """Names of faults that can't be seen while this one is there, with the reason."""
        return HIDES.get(self.name, {})


def run(*faults: Fault) -> World:
    """Return the estate with these faults, at the moment of the diagnosis."""
    world = World()
    for fault in faults:
        fault.at_start(world)
    world.start()
    world.everybody_asks()
    world.estate.advance(6 * DAY)
    for fault in faults:
        fault.later(world)
    world.everybody_asks()
    world.estate.advance(600)
    return world


def _plan(machine: str, **changes: t.Any) -> Step:
    return lambda world: world.row(machine).update(changes)


def _change(machine: str, **changes: t.Any) -> Step:
    return lambda world: world.estate.machines[machine].change(**changes)


def _add(**row: t.Any) -> Step:
    return lambda world: world.add(**row)


def _both(*steps: Step) -> Step:
    def all_of_them(world: World) -> None:
        for step in steps:
            step(world)

    return all_of_them


def _second_host(**changes: t.Any) -> Step:
    return _add(
        **{
            "name": "kms02",
            "windows": "server-2022-datacenter",
            "key": KEY_2022,
            "licensed": True,
            "firewall_exception": True,
            "remembered_clients": 30,
            **changes,
        }
    )


def _records(*records: tuple[int, int, int, str]) -> Step:
    def set_records(world: World) -> None:
        world.dns.records[RECORD] = list(records)

    return set_records


def _remove(world: World, record: tuple[int, int, int, str]) -> None:
    records = world.dns.records.get(RECORD, [])
    world.dns.records[RECORD] = [known for known in records if known != record]


def _append(record: tuple[int, int, int, str]) -> Step:
    def append(world: World) -> None:
        world.dns.records.setdefault(RECORD, []).append(record)

    return append


def _named(host: str, address: str) -> Step:
    """Have DNS know a host that is no machine of the estate. Nothing is sent to its address: the network is the model's."""

    def named(world: World) -> None:
        world.dns.addresses[host] = address

    return named


def _stop_sppsvc(world: World) -> None:
    world.estate.machines["kms01"].change(sppsvc="stopped")


def _restart_on(port: int) -> Step:
    def move(world: World) -> None:
        machine = world.estate.machines["kms01"]
        machine.change(listening_port=port)
        # Whether Windows takes its old record back is in no document: here somebody did.
        _remove(world, (0, 0, 1688, machine.fqdn))
        machine.stop_sppsvc()
        machine.start_sppsvc()

    return move


def _update_error(code: int) -> Step:
    def refuse(world: World) -> None:
        world.dns.update_error = code

    return refuse


def _approve(*hosts: str) -> Step:
    def approve(world: World) -> None:
        world.approved_hosts = hosts

    return approve


def _stale_server(world: World) -> None:
    world.dns.stale = []


def _slots(*names: str) -> frozenset[str]:
    return frozenset(names)


def _expect(*pairs: str) -> frozenset[tuple[str, str]]:
    """Return (finding, subject) for texts such as C(host_not_licensed kms01)."""
    return frozenset(t.cast("tuple[str, str]", tuple(pair.split(" ", 1))) for pair in pairs)


_NO_CLIENT = "the machine is no KMS client: what would keep one from its host does not concern it"
_UNREADABLE = "nothing of the machine's licensing can be read while its service is disabled"
_DISCOVERY_OFF = "a host that is set switches discovery off (Microsoft: Deploy KMS Activation)"
_NOT_SO_FAR = "no client gets so far that the count matters; the finding stays info"
_NOBODY_REFUSED = "no client reaches the host, so it refuses none"
_ONE_HOST_COUNTS = "only one of the hosts counts anybody, so that nothing is spread"
_NO_RECORDS = "neither server has a record to disagree about"

_OF_A_CLIENT = (
    "no_search_domain",
    "override_dead",
    "override_wrong_port",
    "override_public",
    "override_unapproved",
    "clock",
    "activation_by_directory_only",
)
_BEFORE_THE_COUNT = {"count_too_low": _NOT_SO_FAR}
_UNFOUND = {**_BEFORE_THE_COUNT, "host_key_too_old": _NOBODY_REFUSED}

HIDES: t.Mapping[str, t.Mapping[str, str]] = {
    "firewall_off": _BEFORE_THE_COUNT,
    "firewall_never_on": {**_UNFOUND, "count_spread": _ONE_HOST_COUNTS},
    "port_blocked_by_another_rule": _BEFORE_THE_COUNT,
    "other_port_without_rule": {**_BEFORE_THE_COUNT, "record_removed": "the host published itself again when its service restarted"},
    "host_clock": {
        **_BEFORE_THE_COUNT,
        "host_key_too_old": "the newest refusals are for the clock; what comes after it shows once that is mended",
        "clock": "the host's clock is named as the cause, and the desktop's difference from it under that",
    },
    "host_unlicensed": {**_BEFORE_THE_COUNT, "count_spread": _ONE_HOST_COUNTS},
    "host_service_stopped": {
        **_BEFORE_THE_COUNT,
        "record_removed": "reading the host's licensing state starts its service, which publishes the record again",
    },
    "host_key_too_old": {
        **_BEFORE_THE_COUNT,
        "count_spread": _ONE_HOST_COUNTS,
        "hosts_disagree": "both hosts have the same old key then",
    },
    "publishing_off": {**_UNFOUND, "servers_disagree": _NO_RECORDS},
    "publishing_fails": {
        **_UNFOUND,
        "servers_disagree": _NO_RECORDS,
        "rogue_host": "the other host can't publish itself either",
        "count_spread": "four machines find a host: too few in all",
    },
    "record_with_wrong_port": _UNFOUND,
    "record_removed": {"servers_disagree": _NO_RECORDS},
    "rogue_host": {
        "count_too_low": "the other host answers, and counts enough",
        "host_key_too_old": "the other host answers",
        "publishing_off": "clients find the other host; that this one does not publish itself is info then",
    },
    "client_has_a_mak": dict.fromkeys(_OF_A_CLIENT, _NO_CLIENT),
    "client_mak_not_activated": dict.fromkeys(_OF_A_CLIENT, _NO_CLIENT),
    "client_retail_not_activated": dict.fromkeys(_OF_A_CLIENT, _NO_CLIENT),
    "client_service_disabled": dict.fromkeys(
        (
            *_OF_A_CLIENT,
            "override_to_a_client",
            "client_has_a_mak",
            "client_retail_not_activated",
            "client_mak_not_activated",
            "client_has_two_keys",
        ),
        _UNREADABLE,
    ),
    "override_dead": {"no_search_domain": _DISCOVERY_OFF},
    "override_wrong_port": {"no_search_domain": _DISCOVERY_OFF},
    "override_to_a_client": {
        "no_search_domain": _DISCOVERY_OFF,
        "clock": "the machine that is asked is no KMS host, and has no say about clocks",
    },
    "override_public": {"no_search_domain": _DISCOVERY_OFF},
    "override_unapproved": {"no_search_domain": _DISCOVERY_OFF},
}

TOGETHER: t.Mapping[frozenset[str], frozenset[tuple[str, str]]] = {
    # The old key refused nobody there, so that it shows as a difference alone.
    frozenset({"host_key_too_old", "rogue_host"}): _expect("hosts_disagree kms01, kms02"),
    # Of the two hosts one is not asked or refuses: what is left is that the other one counts too few.
    **{
        frozenset({one, "count_spread"}): _expect("host_count_too_low kms02")
        for one in ("firewall_never_on", "host_unlicensed", "host_key_too_old")
    },
    frozenset({"publishing_fails", "count_spread"}): _expect(
        "dns_publish_failed kms02", "host_count_too_low kms01", "host_count_too_low kms02"
    ),
    # Two machines are set to the first host, and to its former port with it.
    frozenset({"other_port_without_rule", "count_spread"}): _expect("client_port_differs app01", "client_port_differs app02"),
    # The second host can't publish itself either.
    **{
        frozenset({"publishing_fails", other}): _expect("dns_publish_failed kms02")
        for other in ("rogue_host", "override_unapproved", "hosts_disagree")
    },
}

FAULTS: tuple[Fault, ...] = (
    # The host
    Fault(
        "firewall_off",
        "the host's firewall exception is switched off after the first activation",
        _slots("port"),
        _expect("host_firewall_exception_off kms01"),
        later=_change("kms01", firewall_exception=False),
    ),
    Fault(
        "firewall_never_on",
        "the host's firewall exception was never switched on: clients are in their grace period",
        _slots("port"),
        _expect("host_firewall_exception_off kms01"),
        at_start=_plan("kms01", firewall_exception=False),
    ),
    Fault(
        "port_blocked_by_another_rule",
        "a rule of another name blocks TCP 1688 on the host",
        _slots("port"),
        _expect("host_port_closed kms01"),
        later=_change("kms01", firewall_rules=[{"name": "Corp-Block-1688", "port": 1688, "block": True}]),
    ),
    Fault(
        "other_port_without_rule",
        "the host listens on 1700 and has a firewall exception for 1688 only",
        _slots("port"),
        _expect("host_firewall_other_port kms01"),
        later=_restart_on(1700),
    ),
    Fault(
        "host_unlicensed",
        "the host key was never activated",
        _slots("host_licence"),
        _expect("host_not_licensed kms01"),
        at_start=_plan("kms01", licensed=False),
    ),
    Fault(
        "host_service_stopped",
        "the licensing service of the host is stopped",
        _slots("port"),
        _expect("host_service_not_running kms01"),
        later=_stop_sppsvc,
    ),
    Fault(
        "host_clock",
        "the clock of the host is five hours behind",
        _slots("host_clock"),
        _expect("host_clock_off kms01"),
        later=_change("kms01", clock_offset_seconds=-5 * 3600),
    ),
    Fault(
        "host_key_too_old",
        "a Server 2016 host with a 2016 key: Windows 11 and Server 2022 are refused",
        _slots("host_key"),
        _expect("host_key_too_old_for_clients kms01"),
        at_start=_plan("kms01", windows="server-2016-datacenter", key=KEY_2016),
    ),
    Fault(
        "publishing_off",
        "the host does not publish itself, and nobody made a record by hand",
        _slots("srv"),
        _expect("dns_publishing_off kms01"),
        at_start=_plan("kms01", dns_publishing=False),
    ),
    Fault(
        "publishing_fails",
        "the dynamic update of the host is refused: the record belongs to another host",
        _slots("srv"),
        _expect("dns_publish_failed kms01"),
        at_start=_update_error(0x80072338),
    ),
    Fault(
        "low_priority",
        "the host answers at low priority",
        _slots("priority"),
        _expect("host_low_priority kms01"),
        at_start=_plan("kms01", low_priority=True),
    ),
    Fault(
        "host_log_full",
        "the host's Key Management Service log is full",
        _slots("host_log"),
        _expect("host_log_full kms01"),
        later=_change("kms01", full_logs=["Key Management Service"]),
    ),
    Fault(
        "duplicate_cmids",
        "seven servers of one image have one CMID, and the host counts nobody else",
        _slots("count"),
        _expect("duplicate_cmids 11111111-2222-4333-8444-555555555555"),
        at_start=_both(
            _plan("kms01", remembered_clients=0),
            _add(name="app", count=7, windows="server-2022-standard", key="gvlk", cmid="11111111-2222-4333-8444-555555555555"),
        ),
    ),
    Fault(
        "count_too_low",
        "three machines are all there are",
        _slots("count"),
        _expect("host_count_too_low kms01"),
        at_start=_plan("kms01", remembered_clients=0),
    ),
    # SRV records
    Fault(
        "record_removed",
        "somebody removed the SRV record",
        _slots("srv"),
        _expect(f"srv_missing {DOMAIN}"),
        later=lambda world: _remove(world, (0, 0, 1688, "kms01.corp.example")),
    ),
    Fault(
        "stale_record",
        "an SRV record of a machine that is gone stands beside the right one",
        _slots("srv_more"),
        _expect(f"srv_stale {DOMAIN}"),
        later=_append((0, 0, 1688, "gone.corp.example")),
    ),
    Fault(
        "rogue_host",
        "a second KMS host, which nobody approved, has published itself",
        _slots("second_host"),
        _expect(f"srv_rogue {DOMAIN}"),
        at_start=_both(_second_host(), _approve("kms01.corp.example")),
    ),
    Fault(
        "record_with_wrong_port",
        "the record was made by hand, with port 1689",
        _slots("srv"),
        _expect(f"srv_wrong_port {DOMAIN}"),
        at_start=_both(_plan("kms01", dns_publishing=False), _records((0, 0, 1689, "kms01.corp.example"))),
    ),
    Fault(
        "servers_disagree",
        "the second name server does not have the record",
        _slots("servers"),
        _expect(f"srv_servers_disagree {DOMAIN}"),
        later=_stale_server,
    ),
    # The client
    Fault(
        "client_has_a_mak",
        "the desktop is activated with a MAK",
        _slots("pc01_key"),
        _expect("client_wrong_channel pc01"),
        at_start=_plan("pc01", key=MAK, licensed=True),
    ),
    Fault(
        "client_mak_not_activated",
        "the desktop has a MAK that was never activated",
        _slots("pc01_key"),
        _expect("client_wrong_channel pc01"),
        at_start=_plan("pc01", key=MAK, licensed=False),
    ),
    Fault(
        "client_is_an_evaluation",
        "the server is an evaluation copy",
        _slots("srv01_key"),
        _expect("client_evaluation srv01"),
        at_start=lambda world: (world.row("srv01").pop("key", None), world.row("srv01").update(windows="server-2022-standard-evaluation"))[
            1
        ],
    ),
    Fault(
        "client_has_two_keys",
        "the desktop has a MAK beside its client key",
        _slots("pc01_key"),
        _expect("machine_ambiguous pc01"),
        at_start=_plan("pc01", also_keyed=[MAK]),
    ),
    Fault(
        "override_dead",
        "the desktop is set to a KMS host that does not exist",
        _slots("pc01_host"),
        _expect("client_override_dead pc01"),
        later=_change("pc01", kms_machine={"name": "old-kms.corp.example"}),
    ),
    Fault(
        "override_wrong_port",
        "the desktop is set to the right host and a wrong port",
        _slots("pc01_host"),
        _expect("client_port_differs pc01"),
        later=_change("pc01", kms_machine={"name": "kms01.corp.example", "port": 1689}),
    ),
    Fault(
        "override_to_a_client",
        "the desktop is set to a machine that is no KMS host",
        _slots("pc01_host"),
        _expect("host_has_no_host_key srv01"),
        later=_change("pc01", kms_machine={"name": "srv01.corp.example"}),
    ),
    Fault(
        "override_public",
        "the desktop is set to a KMS host on the public internet, which does not answer",
        _slots("pc01_host"),
        _expect("client_override_public pc01", "client_override_dead pc01"),
        later=_both(_named("kms.example.net", "8.8.8.8"), _change("pc01", kms_machine={"name": "kms.example.net"})),
    ),
    Fault(
        "override_unapproved",
        "the desktop is set to a KMS host of the estate that is not approved",
        _slots("pc01_host", "second_host"),
        _expect("client_on_unapproved_host pc01"),
        at_start=_both(_second_host(publish_domains=["branch.example"]), _approve("kms01.corp.example")),
        later=_change("pc01", kms_machine={"name": "kms02.corp.example"}),
    ),
    Fault(
        "clock",
        "the clock of the desktop is five hours ahead",
        _slots("pc01_clock"),
        _expect("client_clock_differs pc01"),
        later=_change("pc01", clock_offset_seconds=5 * 3600),
    ),
    Fault(
        "client_service_disabled",
        "the licensing service of the desktop is disabled",
        _slots("pc01_service"),
        _expect("client_service_disabled pc01"),
        later=_change("pc01", sppsvc="disabled"),
    ),
    Fault(
        "activation_by_directory_only",
        "the desktop is restricted to activation by Active Directory, and there is none",
        _slots("pc01_type"),
        _expect("client_activation_type_restricted pc01"),
        at_start=_plan(
            "pc01",
            registry=[
                {
                    "key": r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform",
                    "name": "VLActivationType",
                    "type": "REG_DWORD",
                    "data": 1,
                }
            ],
        ),
    ),
    Fault(
        "no_search_domain",
        "the desktop is in a workgroup without any DNS suffix",
        _slots("pc01_domain"),
        _expect("client_no_srv pc01"),
        at_start=_plan("pc01", domain=None),
    ),
    Fault(
        "client_retail_not_activated",
        "the desktop has a retail key that was never activated",
        _slots("pc01_key"),
        _expect("client_wrong_channel pc01"),
        at_start=_plan("pc01", key=RETAIL, licensed=False),
    ),
    # The fleet
    Fault(
        "count_spread",
        "six machines are spread over two hosts: each counts too few for a server, one host would count enough",
        _slots("count", "second_host"),
        _expect("count_spread kms01, kms02"),
        at_start=_both(
            _plan("kms01", remembered_clients=0),
            _second_host(remembered_clients=0),
            _add(name="app", count=2, windows="server-2022-standard", key="gvlk", kms_machine={"name": "kms01.corp.example"}),
            _add(name="web", count=2, windows="server-2022-standard", key="gvlk", kms_machine={"name": "kms02.corp.example"}),
        ),
    ),
    Fault(
        "hosts_disagree",
        "a second, approved host has an older key",
        _slots("second_host"),
        _expect("hosts_disagree kms01, kms02"),
        at_start=_second_host(windows="server-2016-datacenter", key=KEY_2016, publish_domains=["branch.example"]),
    ),
)
"""Not here: a block on the way between two machines (the lab's network has no routers), and what only time can show (a count that grows too slowly)."""


def _healthy(name: str, what: str, at_start: Step = _nothing, later: Step = _nothing) -> Fault:
    return Fault(name, what, frozenset(), frozenset(), at_start, later)


HEALTHY: tuple[Fault, ...] = (
    _healthy("as_it_is", "one host, a desktop and a server"),
    _healthy(
        "client_service_stopped",
        "the licensing service of a client has stopped, as it does when idle",
        later=_change("pc01", sppsvc="stopped"),
    ),
    _healthy("two_hosts_alike", "two hosts, both approved", _both(_second_host(), _approve("kms01", "kms02.corp.example"))),
    _healthy(
        "record_by_hand",
        "the host does not publish itself, and its record was made by hand",
        _both(_plan("kms01", dns_publishing=False), _records((0, 0, 1688, "kms01.corp.example"))),
    ),
    _healthy("set_by_name", "the desktop is set to the right host", _plan("pc01", kms_machine={"name": "kms01.corp.example"})),
    _healthy("set_by_short_name", "the desktop is set to the right host by its short name", _plan("pc01", kms_machine={"name": "KMS01"})),
    _healthy(
        "lookup_domain", "a workgroup machine looks in the right domain", _plan("pc01", domain=None, kms_machine={"lookup_domain": DOMAIN})
    ),
    _healthy("dhcp_domain", "a workgroup machine has the domain from DHCP", _plan("pc01", domain=None, dhcp_domain=DOMAIN)),
    _healthy("no_caching", "the desktop asks DNS each time", _plan("pc01", host_caching=False)),
    _healthy("clock_within_bounds", "the desktop is three hours ahead", _plan("pc01", clock_offset_seconds=3 * 3600)),
    _healthy("other_time_zone", "the desktop has another time zone", _plan("pc01", utc_offset_minutes=-480)),
    _healthy(
        "another_language", "a German desktop and a Japanese host", _both(_plan("pc01", language=1031), _plan("kms01", language=1041))
    ),
    _healthy(
        "servers_only",
        "seven servers are all there are, and their host counts ten at most",
        lambda world: world.plan.update(
            machines=[
                {**world.row("kms01"), "remembered_clients": 0},
                {"name": "app", "count": 7, "windows": "server-2022-standard", "key": "gvlk"},
            ]
        ),
    ),
    _healthy(
        "other_port_with_rule",
        "the host listens on 1700, has a rule for it and its record says so",
        _both(_plan("kms01", listening_port=1700, firewall_rules=[{"name": "KMS-1700", "port": 1700}])),
    ),
    _healthy(
        "office",
        "the desktop has an Office with its client key as well",
        _plan("pc01", office="Office LTSC Professional Plus 2021", office_keyed=False),
    ),
    _healthy(
        "new_host",
        "a new host, and nobody but it",
        lambda world: world.plan.update(machines=[{**world.row("kms01"), "remembered_clients": 0}]),
    ),
)
"""Estates in which nothing is wrong: no finding above info."""
