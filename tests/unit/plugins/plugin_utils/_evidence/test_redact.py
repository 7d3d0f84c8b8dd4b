# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins: the same for the same thing everywhere, and nothing of the original left."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.event_types import all_events
from ansible_collections.activation.kms.plugins.plugin_utils._evidence import redact
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event import Events
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import Facts
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.redact import Redaction
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.view import Discovery

from tests.unit.plugins.plugin_utils._diagnosis.evidence import cmid_of
from tests.unit.plugins.plugin_utils._report.story import DOMAIN, client_row, host_row, probe_row, srv_row

DN = ",".join(f"DC={label}" for label in DOMAIN.split("."))


@pytest.fixture
def redaction() -> Redaction:
    made = Redaction()
    for data in (host_row(), client_row(), [srv_row()], [probe_row()]):
        made.add(data)
    return made


def test_one_machine_has_one_stand_in_in_every_spelling(redaction: Redaction) -> None:
    for name in ("pc01", "PC01"):
        assert redaction.text(name) == "machine-1"
    for name in (f"pc01.{DOMAIN}", f"PC01.{DOMAIN.upper()}"):
        assert redaction.text(name) == "machine-1.domain-1.example"
    assert redaction.text(f"kms01.{DOMAIN}:1688, x") == "kms-host-1.domain-1.example:1688, x"
    assert redaction.text(f"_vlmcs._tcp.{DOMAIN}") == "_vlmcs._tcp.domain-1.example"


def test_nothing_of_the_original_is_left_and_the_structure_is_the_same(redaction: Redaction) -> None:
    def keys(value: t.Any) -> t.Any:
        if isinstance(value, dict):
            return {key: keys(item) for key, item in value.items()}
        return [keys(item) for item in value] if isinstance(value, list) else type(value)

    for data in (host_row(), client_row(), [srv_row()], [probe_row()]):
        found = redaction.redacted(data)
        assert keys(found) == keys(data)
        text = json.dumps(found).lower()
        for original in ("pc01", "kms01", "ns1", "ns2", "corp", "192.168.7", cmid_of("pc01"), cmid_of("kms01")):
            assert original not in text, original
        assert redaction.leaks(text) == []


def test_what_is_left_out_would_be_noticed(redaction: Redaction) -> None:
    for left in (DOMAIN, "192.168.7.10", cmid_of("pc01").upper()):
        redaction.redacted([host_row(), client_row(), srv_row(), probe_row()])
        assert redaction.leaks(f"... {left} ...")


def test_records_of_one_request_stay_a_pair(redaction: Redaction) -> None:
    record = redaction.redacted(client_row())["events"]["records"][0]
    facts = redaction.redacted(client_row())["service"]
    assert record["fields"]["cmid"] == facts["cmid"] != cmid_of("pc01")
    assert f"kms-host-1.domain-1.example:1688, {facts['cmid']}, 2026/11/24" in record["strings"][0]
    assert record["fields"]["host"] == redaction.redacted(host_row())["machine"]["fqdn"] == "kms-host-1.domain-1.example"


def test_words_codes_ids_of_products_and_versions_are_left_alone(redaction: Redaction) -> None:
    before, after = client_row(), redaction.redacted(client_row())
    for key in ("caption", "edition_id", "version", "build"):
        assert after["machine"][key] == before["machine"][key]
    assert after["service"]["version"] == before["service"]["version"] == "10.0.26100.2605"
    for key in ("activation_id", "application_id", "description", "name", "partial_key", "license_status_word", "role"):
        assert after["products"][0][key] == before["products"][0][key]
    assert after["events"]["records"][0]["name"] == "request_sent"
    assert after["events"]["logs"] == before["events"]["logs"]
    assert redaction.text("slui.exe 0xC004F074 kms.core.windows.net 10:00:05 10.0.20348.2227 v2.1") == (
        "slui.exe 0xC004F074 kms.core.windows.net 10:00:05 10.0.20348.2227 v2.1"
    )


def test_a_machine_with_the_name_of_an_ordinary_word_spoils_no_key_and_no_word_of_ours() -> None:
    made = Redaction()
    row = client_row(inventory_hostname="client", machine={"name": "HOST", "fqdn": f"host.{DOMAIN}"})
    made.add(row)
    found = made.redacted(row)
    assert found.keys() == row.keys()
    assert found["inventory_hostname"] == "machine-1"
    assert found["events"]["records"][0]["side"] == "client"
    assert found["products"][0]["role"] == "kms_client"
    assert made.text("host-2 and hosts") == "host-2 and hosts"


def test_a_stand_in_is_not_looked_at_again() -> None:
    made = Redaction()
    for name in ("machine", "domain", "example", "pc01.example"):
        made.add_name(name)
    assert made.text("pc01.example machine domain") == "kms-host-4.domain-1.example kms-host-1 kms-host-2"


@pytest.mark.parametrize(
    ("address", "stand_in"),
    [
        ("10.1.2.3", "198.18.0.1"),
        ("192.168.1.9", "198.18.0.1"),
        ("8.8.8.8", "100.200.0.1"),
        ("fe80::1", "fd6b:6d73::1"),
        ("2a00:1450:4001::200e", "2600::1"),
        ("0.0.0.0", "0.0.0.0"),
    ],
)
def test_a_private_address_stays_private_and_a_public_one_public(address: str, stand_in: str) -> None:
    made = Redaction()
    assert (
        made.text(f"at {address}, port 1688; [{address}]:1688; peer:{address}.")
        == f"at {stand_in}, port 1688; [{stand_in}]:1688; peer:{stand_in}."
    )


def test_names_that_only_running_text_has_are_replaced_where_they_have_a_domain() -> None:
    made = Redaction()
    assert (
        made.text("asked old.branch.example.org and dead.branch.example.org")
        == "asked machine-1.domain-1.example and machine-2.domain-1.example"
    )


def test_ids_of_hosts_and_installations_are_replaced() -> None:
    made = Redaction()
    text = made.text("03612-00206-471-452343-03-1033-20348.0000-0012024 and 020650770493837252929082195773527024195725809211989214")
    assert text == "product-id-1 and product-id-2"


def test_an_address_that_is_a_stand_in_of_another_is_no_leak() -> None:
    made = Redaction()
    text = made.text("198.18.0.9 10.0.0.9 198.18.0.1 10.0.0.1 10.0.0.10")
    assert text == "198.18.0.1 198.18.0.2 198.18.0.3 198.18.0.4 198.18.0.5"
    assert made.leaks(text) == []
    assert made.leaks("still 10.0.0.1:1688") == ["10.0.0.1"]
    assert made.leaks("version 110.0.0.11") == []


def test_a_domain_is_replaced_in_the_spelling_of_active_directory_too() -> None:
    made = Redaction()
    object_dn = f"CN=Windows Keys,CN=Activation Objects,CN=Microsoft SPP,CN=Services,CN=Configuration,{DN}"
    strings = ["73111121-5638-40f6-bc11-f1d7b0d64300", "Keys of Contoso", object_dn]
    row = {
        "inventory_hostname": f"pc01.{DOMAIN}",
        "events": {"records": [{"fields": {"object_name": strings[1], "object_dn": object_dn}, "strings": strings}]},
    }
    made.add(row)
    found = made.redacted(row)["events"]["records"][0]
    dn = "CN=ad-object-2,CN=Activation Objects,CN=Microsoft SPP,CN=Services,CN=Configuration,DC=domain-1,DC=example"
    assert found["fields"] == {"object_name": "ad-object-1", "object_dn": dn}
    assert found["strings"][1:] == ["ad-object-1", dn]
    assert made.text(f"ad_object_dn: {DN.upper()}") == "ad_object_dn: DC=domain-1,DC=example"
    assert made.leaks(json.dumps(found)) == []
    assert made.leaks(f"CN=x, {DN.replace(',', ' , ')}") == [DOMAIN]


# fmt: off
REPLACED = {
    "address", "client", "cmid", "computer", "count_explained", "detail", "doing", "domain", "fqdn", "grace_end", "host", "key_type",
    "kms_host_product_id", "last_reason", "license_id", "license_name", "license_state", "name", "object_dn", "object_name", "parameters", "path",
    "primary_reason", "problem", "problems", "publish_domains", "reason", "restart_at", "rule_id", "seen_from", "strings", "target", "template_id",
    "trigger",
}
# fmt: on


def text_fields(cls: t.Any) -> t.Iterator[str]:
    """Yield the names of fields that hold texts, those of the parts among them."""
    for field in dataclasses.fields(cls):
        kinds = {t.get_type_hints(cls)[field.name]}
        while any(t.get_args(kind) for kind in kinds):
            kinds = {inner for kind in kinds for inner in (t.get_args(kind) or (kind,))}
        if str in kinds and field.name != "fields":
            yield field.name
        for kind in kinds:
            if dataclasses.is_dataclass(kind):
                yield from text_fields(kind)


def test_every_text_of_the_evidence_is_known_to_be_a_word_or_to_have_its_names_replaced() -> None:
    """A field that is new must be put where it belongs: one that is a word keeps what it says."""
    fields = {name for cls in (Facts, Events, Discovery) for name in text_fields(cls)}
    fields |= {field.name for kind in all_events() for field in kind.fields if field.kind in ("text", "path", "domain", "endpoint", "guid")}
    assert fields - redact._VOCABULARY == REPLACED
