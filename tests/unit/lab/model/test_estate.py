# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import pathlib
import re
import typing as t

import pytest
import yaml

from tests.lab.model.errors import CimError
from tests.lab.model.estate import Estate, EstateError, build_estate, load_estate
from tests.lab.model.estate_file import CHANGEABLE
from tests.lab.model.keys import client_setup_key_for
from tests.unit.lab.model.support import DESKTOP, HOST, KEYS, SERVER, FakeDns, activate, estate_of, install, product, products

LAB = pathlib.Path(__file__).resolve().parents[3] / "lab"
ESTATES = LAB / "estates"
MODEL = LAB / "model"

VALID: dict[str, t.Any] = {"estate": {"domain": "corp.example"}, "keys": KEYS, "machines": [HOST, SERVER]}


def on_a_network(estate: Estate) -> Estate:
    dns = FakeDns()
    addresses = {name: f"127.8.{number // 200}.{number % 200 + 10}" for number, name in enumerate(estate.machines)}
    dns.addresses = {machine.fqdn: addresses[name] for name, machine in estate.machines.items()}
    estate.bind(dns, addresses.__getitem__)
    return estate


def with_(path: str, value: t.Any) -> dict[str, t.Any]:
    data: t.Any = copy.deepcopy(VALID)
    place = data
    *parts, last = path.split(".")
    for part in parts:
        place = place[int(part) if part.isdigit() else part]
    place[int(last) if last.isdigit() else last] = value
    return t.cast("dict[str, t.Any]", data)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("machnes", [], "the file: Additional properties are not allowed ('machnes' was unexpected)"),
        ("estate.domian", "x", "estate: Additional properties are not allowed ('domian' was unexpected)"),
        ("machines.1.windws", "x", "machines[1]: Additional properties are not allowed ('windws' was unexpected)"),
        ("machines.1.windows", "windows-95", "machines[1].windows: unknown version 'windows-95'; known are server-2012-standard"),
        ("machines.1.count", 0, "machines[1].count: 0 is less than the minimum of 1"),
        ("machines.1.name", "kms01", "machines[1].name: there is a machine or name server kms01 already"),
        ("machines.1.name", "ns1", "machines[1].name: there is a machine or name server ns1 already"),
        ("machines.1.name", "a-name-that-ends-in-a-dash-", "machines[1].name: 'a-name-that-ends-in-a-dash-' does not match"),
        (
            "machines.1.key",
            "LABXX-ZEROA-ISLEO-USUAL-0A1Z5",
            "machines[1].key: '*****-*****-*****-*****-0A1Z5' is neither gvlk nor one of the keys",
        ),
        (
            "machines.1.key",
            "LABHK-DESKA-AEIO5-CLI01-ZILOU",
            "machines[1].key: Microsoft Windows Server 2022 Standard does not take the key that ends in ZILOU",
        ),
        ("machines.1.windows", "windows-11-home", "machines[1].key: Microsoft Windows 11 Home has no client setup key"),
        (
            "machines.1.windows",
            "server-2022-datacenter-evaluation",
            "machines[1].key: an evaluation edition has its own key and takes no other",
        ),
        ("machines.1.office", "Office 95", "machines[1].office: the catalogue of client setup keys has no Office product 'Office 95'"),
        ("machines.1.remembered_clients", 3, "machines[1].remembered_clients: only a machine with a host key counts clients"),
        (
            "machines.1.registry",
            [{"key": "A", "name": "b", "type": "REG_DWORD", "data": "x"}],
            'machines[1].registry[0].data: "x" does not fit REG_DWORD',
        ),
        ("keys.0.key", "12345", "keys[0].key: a product key is five groups"),
        ("keys.0.key", "BCDFG-HJKMN-PQRTV-WXY23-46789", "keys[0].key: a made-up key needs one of 0 1 5 A E I L O S U Z"),
        ("keys.0.csvlk", "Windows 95", "keys[0].csvlk: unknown kind of host key 'Windows 95'"),
        ("keys.0.channel", "mak", "keys[0]: csvlk goes with the channel kms_host"),
        ("keys.1.key", "LABHK-ZEROA-ISLEO-USUAL-0A1Z5", "keys[1].key: the same key is there twice"),
        ("estate.start", "yesterday", "estate.start: 'yesterday' is no ISO 8601 date"),
        ("estate.new_host_count", 7, "estate.new_host_count: 7 is not one of [0, 4294967295]"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(path: str, value: t.Any, says: str) -> None:
    with pytest.raises(EstateError) as caught:
        build_estate(with_(path, value))
    assert says in str(caught.value)


def test_a_file_that_is_no_yaml_or_no_mapping_is_an_error_with_its_name(tmp_path: pathlib.Path) -> None:
    for text in ("a: [", "- 1", ""):
        file = tmp_path / "bad.yml"
        file.write_text(text)
        with pytest.raises(EstateError) as caught:
            load_estate(file)
        assert str(file) in str(caught.value)


def test_an_entry_with_a_count_is_so_many_machines_that_differ() -> None:
    estate, _ = estate_of({**DESKTOP, "name": "pc", "count": 12, "groups": ["kms_clients"], "variables": {"floor": 3}})
    assert list(estate.machines) == [f"pc{number:02}" for number in range(1, 13)]
    assert len({machine.cmid for machine in estate.machines.values()}) == 12
    assert {machine.groups for machine in estate.machines.values()} == {("kms_clients",)}
    assert estate.machines["pc07"].variables == {"floor": 3}
    assert estate.machines["pc07"].fqdn == "pc07.corp.example"


def test_the_same_file_gives_the_same_machines() -> None:
    first, second = (build_estate({**VALID, "estate": {"domain": "corp.example", "start": "2026-03-02"}}) for _ in range(2))
    assert first.state() == second.state()
    assert first.secrets() == second.secrets()


@pytest.mark.parametrize("name", sorted(path.name for path in ESTATES.glob("*.yml")))
def test_the_estates_of_the_repository_are_valid(name: str) -> None:
    estate = on_a_network(load_estate(ESTATES / name))
    assert estate.machines["kms01"].groups == ("kms_hosts",)
    for machine in estate.machines.values():
        assert machine.state()["name"] == machine.name


def test_the_demo_estate_can_be_activated_whole_by_asking_twice() -> None:
    estate = on_a_network(load_estate(ESTATES / "demo.yml"))
    host = estate.machines["kms01"]
    clients = [machine for machine in estate.machines.values() if "kms_clients" in machine.groups]
    assert len(clients) >= 32
    assert sum(1 for machine in clients if "mak_clients" in machine.groups) == 3
    assert products(host) == []
    install(host, next(key.text for key in estate.book.made_up if key.csvlk))
    activate(host)
    host.change(firewall_exception=True)
    for method in ("StopService", "StartService"):
        host.cim.invoke("root/cimv2", "Win32_Service", {"Name": "sppsvc"}, method, {})
    for machine in clients:
        if "mak_clients" in machine.groups:
            key = client_setup_key_for(machine.windows)
            assert key is not None
            install(machine, key.text)
    refused = []
    for machine in clients:
        try:
            activate(machine)
        except CimError as error:
            assert error.code == 0xC004F038
            refused.append(machine)
    assert refused
    for machine in refused:
        activate(machine)
    assert {product(machine)["LicenseStatus"] for machine in clients} == {1}
    assert product(host, "KeyManagementServiceCurrentCount")["KeyManagementServiceCurrentCount"] == len(clients)


def test_the_small_estate_has_one_machine_of_each_awkward_kind() -> None:
    estate = on_a_network(load_estate(ESTATES / "small.yml"))
    roles = {
        machine.name: sorted(row["role"] for row in machine.state()["products"])
        for machine in estate.machines.values()
        if "awkward" in machine.groups
    }
    assert roles == {
        "mak01": ["mak"],
        "eval01": ["evaluation"],
        "home01": ["retail"],
        "retail01": ["retail"],
        "oem01": ["oem"],
        "avma01": ["avma"],
        "both01": ["kms_client", "mak"],
        "office01": ["kms_client", "kms_client"],
        "old01": ["kms_client"],
        "old02": ["kms_client"],
        "old03": ["kms_client"],
        "bare01": [],
    }


def test_a_machine_can_be_changed_by_hand_while_it_runs() -> None:
    estate, _ = estate_of(HOST)
    machine = estate.machines["kms01"]
    machine.change(sppsvc="stopped", clock_offset_seconds=60, cmid="00000000-1111-4222-8333-444444444444")
    assert (machine.listening(), machine.state()["cmid"]) == (None, "00000000-1111-4222-8333-444444444444")
    assert (machine.now() - estate.clock.now()).total_seconds() == 60


@pytest.mark.parametrize("changes", [{"windows": "windows-10-pro"}, {"nonsense": 1}, {"sppsvc": "asleep"}, {"cmid": "x"}])
def test_a_change_by_hand_that_is_not_valid_changes_nothing(changes: dict[str, t.Any]) -> None:
    estate, _ = estate_of(HOST)
    before = estate.state()
    with pytest.raises(EstateError):
        estate.machines["kms01"].change(clock_offset_seconds=60, **changes)
    assert estate.state() == before


def test_two_hundred_machines_are_one_estate() -> None:
    estate = on_a_network(
        build_estate({**VALID, "machines": [HOST, {**SERVER, "name": "srv", "count": 100}, {**DESKTOP, "name": "pc", "count": 100}]})
    )
    assert len(estate.state()["machines"]) == 201


def test_the_switches_of_the_wire_side_are_handed_on() -> None:
    estate, _ = estate_of({**SERVER, "wire": {"certificate": "wrong_name", "https": True}})
    assert estate.machines["srv01"].wire == {"certificate": "wrong_name", "https": True}


def test_records_that_nobody_published_are_handed_on() -> None:
    estate, _ = estate_of(SERVER, srv_records=[{"target": "old.corp.example"}])
    (record,) = estate.srv_records
    assert (record.domain, record.target, record.port, record.priority, record.weight) == ("corp.example", "old.corp.example", 1688, 0, 0)


def test_the_readme_has_every_field_of_an_estate_file() -> None:
    schema = yaml.safe_load((MODEL / "estate.schema.yml").read_text(encoding="utf-8"))["properties"]
    readme = (MODEL / "README.md").read_text(encoding="utf-8")
    for part in (schema["estate"], schema["keys"]["items"], schema["machines"]["items"]):
        for field in part["properties"]:
            assert re.search(rf"\b{field}\b", readme), field
    while_it_runs = readme.split("## While it runs")[1]
    assert [field for field in CHANGEABLE if not re.search(rf"\b{field}\b", while_it_runs)] == []
