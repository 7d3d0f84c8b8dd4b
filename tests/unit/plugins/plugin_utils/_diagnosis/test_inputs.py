# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a piece of evidence is, and how readings of one machine come together."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.case import MachineEvidence
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.inputs import (
    Attribution,
    Piece,
    attribute,
    joined,
    known,
    read_machines,
    read_probes,
    read_srv,
)
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event import Events, read_events
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import Facts, MachineFacts
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.plain import EvidenceError

from tests.unit.plugins.plugin_utils._diagnosis.evidence import (
    DOMAIN,
    ago,
    domain,
    kms_client,
    kms_host,
    log,
    published,
    record,
    request_sent,
    request_served,
)

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"


def exported(*records: dict[str, t.Any], computer: str | None = None) -> Events:
    return read_events({"records": [{**row, "computer": computer} for row in records]})


def pasted(machine: MachineEvidence, /, **changes: t.Any) -> Piece:
    """Return what somebody pasted of a machine: its facts without its name."""
    return Piece("a text", facts=dataclasses.replace(machine.facts, machine=MachineFacts()), **changes)


def names(found: Attribution) -> dict[str, tuple[bool, bool]]:
    """Return name -> (has facts, has events)."""
    return {machine.name: (machine.facts != Facts(), machine.events is not None) for machine in found.machines}


# --- whose it is


def test_records_go_to_the_computer_that_they_name_and_facts_keep_it() -> None:
    host, client = kms_host(), kms_client()
    events = read_events({"records": [{**request_sent(), "computer": f"PC01.{DOMAIN}"}, {**request_served(), "computer": "KMS01"}]})
    found = attribute([Piece("all.xml", "all", events=events)], [known(host), known(client)])
    assert names(found) == {"pc01": (False, True), "kms01": (False, True)}
    assert found.assumptions == ()


def test_records_of_an_unknown_computer_make_a_machine_of_its_name() -> None:
    found = attribute([Piece("x.xml", events=exported(request_sent("pc09"), computer=f"pc09.{DOMAIN}"))], [known(kms_client())])
    assert names(found) == {f"pc09.{DOMAIN}": (False, True)}


def test_what_the_user_says_counts_more_than_what_the_records_say() -> None:
    found = attribute([Piece("x.xml", machine="pc01", events=exported(request_sent(), computer="OLDNAME"))], [known(kms_client())])
    assert names(found) == {"pc01": (False, True)}


def test_a_first_label_that_two_machines_share_is_nobodys() -> None:
    machines = [
        kms_client("a", machine={"name": "PC", "fqdn": "pc.a.example"}),
        kms_client("b", machine={"name": "PC", "fqdn": "pc.b.example"}),
    ]
    short = attribute([Piece("x.xml", events=exported(request_sent("z"), computer="PC"))], map(known, machines))
    assert names(short) == {"PC": (False, True)}
    whole = attribute([Piece("x.xml", events=exported(request_sent("z"), computer="pc.b.example"))], map(known, machines))
    assert names(whole) == {"b": (False, True)}


def test_pasted_text_goes_to_the_machine_that_its_file_is_named_after() -> None:
    bare = MachineEvidence("pc07", events=exported(request_sent("other")))
    found = attribute([pasted(kms_client("pc09"), stem="PC07")], [known(bare)])
    assert names(found) == {"pc07": (True, False)}
    assert "after which the file is named" in found.assumptions[0]


def test_pasted_text_goes_to_the_machine_with_its_cmid() -> None:
    asked = [
        Piece("x.xml", events=exported(request_sent("pc01"), computer="ONE")),
        Piece("y.xml", events=exported(request_sent("pc02"), computer="TWO")),
    ]
    found = attribute([pasted(kms_client("pc02")), *asked], [])
    assert names(found) == {"ONE": (False, True), "TWO": (True, True)}
    assert found.assumptions == ("a text is taken to be of TWO, which has the same client machine id (CMID).",)


def test_a_cmid_that_two_machines_share_tells_nothing() -> None:
    asked = [Piece(n, events=exported(request_sent("pc01"), computer=n)) for n in ("ONE", "TWO")]
    found = attribute([pasted(kms_client("pc01")), *asked], [])
    assert names(found) == {"ONE": (False, True), "TWO": (False, True), "the client": (True, False)}


def test_one_text_of_a_host_goes_to_the_only_host_that_lacks_it() -> None:
    log_of_host = Piece("kms.xml", events=exported(request_served(), published(), computer="KMS01"))
    found = attribute([pasted(kms_host()), log_of_host], [])
    assert names(found) == {"KMS01": (True, True)}
    assert found.assumptions == ("a text is taken to be of KMS01, the only KMS host that it can be of.",)


def test_both_ends_pasted_are_the_client_and_the_host_and_the_host_is_the_one_that_the_client_asks() -> None:
    found = attribute([pasted(kms_client()), pasted(kms_host())], [])
    by_name = {machine.name: machine for machine in found.machines}
    assert set(by_name) == {"the client", "the host"}
    assert by_name["the host"].facts.machine.fqdn == f"kms01.{DOMAIN}"
    assert found.assumptions == (f"The host is taken to be kms01.{DOMAIN}, the only one that the client asks.",)


def test_the_host_is_not_guessed_where_the_one_that_is_asked_is_known() -> None:
    found = attribute([pasted(kms_client()), pasted(kms_host("kms02"))], [known(kms_host("kms01"))])
    assert all(machine.facts.machine.fqdn is None for machine in found.machines)


def test_several_texts_of_one_role_are_called_by_their_files() -> None:
    texts = [pasted(kms_client(name), stem=stem) for name, stem in (("pc01", "left"), ("pc02", "right"), ("pc03", ""))]
    assert names(attribute(texts, [])) == {"left": (True, False), "right": (True, False), "client 3": (True, False)}


def test_nothing_that_was_pasted_is_lost_in_silence() -> None:
    found = attribute([pasted(kms_client("pc01"), machine="pc01")], [known(kms_client("pc01"))])
    assert found.machines == ()
    assert found.assumptions == ("pc01 has facts already: they count, and a text does not.",)


def dated(piece: Piece, **changes: t.Any) -> Piece:
    assert piece.facts is not None
    return dataclasses.replace(piece, facts=dataclasses.replace(piece.facts, **changes))


def test_two_readings_of_one_machine_are_one_machine_and_the_newest_counts() -> None:
    before = dataclasses.replace(pasted(kms_client("pc01"), stem="left"), origin="before/left.txt")
    after = dataclasses.replace(pasted(kms_client("pc01"), stem="right"), origin="after/right.txt")
    undated = [dated(before, collected_at=None, primary="old"), dated(after, collected_at=None, primary="new")]
    (machine,) = attribute(undated, []).machines
    assert machine.facts.primary == "new"
    assert attribute(undated, []).assumptions == (
        "before/left.txt and after/right.txt are taken to be readings of one machine: after/right.txt counts, the last one given, "
        "because nothing tells which is newer.",
    )
    known_age = [dated(before, collected_at=ago(hours=1), primary="new"), dated(after, collected_at=ago(hours=9), primary="old")]
    (machine,) = attribute(known_age, []).machines
    assert machine.facts.primary == "new"


def test_clones_that_the_evidence_names_apart_stay_apart() -> None:
    clone = pasted(kms_client("pc01"))
    named = [dataclasses.replace(clone, machine=name) for name in ("PC01", "pc02")]
    assert set(names(attribute(named, []))) == {"PC01", "pc02"}
    # A file's name tells where there is a machine of that name.
    files = [dataclasses.replace(clone, stem=name) for name in ("pc01", "pc02")]
    bare = [MachineEvidence("pc01"), MachineEvidence("pc02")]
    assert set(names(attribute(files, map(known, bare)))) == {"pc01", "pc02"}


def test_a_reading_without_a_name_is_of_the_named_machine_with_the_same_ids() -> None:
    clone = pasted(kms_client("pc01"))
    assert set(names(attribute([dataclasses.replace(clone, machine="pc07"), clone], []))) == {"pc07"}


def test_an_exported_log_is_one_that_was_read() -> None:
    (host,) = attribute([Piece("kms.xml", events=exported(request_served(), computer="KMS01"))], []).machines
    assert host.events is not None
    assert [(state.log, state.complete) for state in host.events.logs] == [("Key Management Service", None)]


# --- readings


def test_a_new_reading_takes_the_place_of_an_old_one_and_records_are_kept_once() -> None:
    old = read_events(log({**request_sent(time=ago(hours=5)), "record_number": 1}, {**request_sent(time=ago(hours=3)), "record_number": 2}))
    new = read_events(log({**request_sent(time=ago(hours=3)), "record_number": 2}, {**request_sent(time=ago(hours=1)), "record_number": 3}))
    both = joined(old, new)
    assert both is not None
    assert [event.record_number for event in both.records] == [3, 2, 1]
    assert len(both.logs) == 2


def test_a_record_without_a_number_is_kept_once_however_its_machine_is_spelled() -> None:
    old, new = (
        read_events(log({**request_sent(time=ago(hours=5)), "record_number": None, "computer": name}))
        for name in ("PC01", "pc01.corp.example")
    )
    both = joined(old, new)
    assert both is not None
    assert len(both.records) == 1


def test_registered_results_come_in_any_wrapping() -> None:
    rows = [{"inventory_hostname": "pc01", "activation": kms_client().facts.as_dict(), "changed": False}]
    for data in (rows, rows[0], {"results": rows}, [{"results": rows}]):
        assert [machine.name for machine in read_machines(data)] == ["pc01"]
    srv = {
        "domain": DOMAIN,
        "resolver": {"status": "answered"},
        "records": [{**record(), "addresses": []}],
        "authoritative": [],
    }
    for data in ([srv], srv, {"results": [srv], "proven": None}, [{"results": [srv]}], [{"results": [{"results": [srv]}]}]):
        assert [found.domain for found in read_srv(data)] == [DOMAIN]
    probe = {"host": "kms01", "port": 1688, "outcome": "connected"}
    for data in ([probe], probe, {"endpoints": [probe]}, [{"results": [{"endpoints": [probe]}]}], [probe, {"endpoints": []}]):
        assert [found.host for found in read_probes(data)] == ["kms01"]


def test_a_failed_result_is_evidence_that_is_missing_and_says_why() -> None:
    (machine,) = read_machines([{"inventory_hostname": "pc01", "unreachable": True, "msg": "no route to host"}])
    assert machine.facts.problems == ("pc01 could not be reached: no route to host",)
    (machine,) = read_machines([{"inventory_hostname": "pc01", "failed": True, "msg": "denied", "events": log(), "not_read": ["x"]}])
    assert machine.facts.problems == ("pc01 could not be read: denied", "x")
    assert machine.events is not None
    not_read: list[str] = []
    assert read_srv([{"failed": True, "msg": "no dnspython"}, {"skipped": True, "results": "?"}], not_read=not_read) == []
    assert read_probes([{"results": [{"failed": True, "msg": "no name"}]}], not_read=not_read) == []
    assert not_read == ["no dnspython", "no name"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("pc01", "machines is neither a mapping nor a list but a text"),
        ([7], r"machines\[0\] is neither a mapping nor a list but a whole number"),
        ([{"failed": True}], r"machines\[0\] is a failed result that does not say of which machine"),
        ([{"machine": {"build": "new"}}], r"machines\[0\]: machine: build is 'new', not a whole number"),
        ([{"schema": 9}], r"machines\[0\] has schema 9, and this version"),
        ([{"a": 1}], r"machines\[0\] is no result of a module that reads a machine: it has a\. Next: give results of activation_info"),
        ({}, "machines is no result of a module that reads a machine: it is empty"),
    ],
)
def test_bad_input_is_named_with_its_place(data: t.Any, said: str) -> None:
    with pytest.raises(EvidenceError, match=said):
        read_machines(data)


def test_an_error_shows_no_key() -> None:
    with pytest.raises(EvidenceError) as error:
        read_machines([{"machine": {"build": "x" * 40 + KEY}}])
    assert "ZEROA" not in str(error.value)


def test_a_domain_that_is_no_result_is_an_error() -> None:
    with pytest.raises(EvidenceError, match=r"srv\[0\] is not one of the results of srv_info.* Next: give results of srv_info"):
        read_srv([{"domain": DOMAIN}])
    with pytest.raises(EvidenceError, match=r"probes\[0\].* Next: give results of endpoint_info"):
        read_probes([{"host": 1, "outcome": "x"}])
    assert domain(record()).domain == DOMAIN
