# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a support bundle holds, and that it tells the same when it is read back, redacted or not."""

from __future__ import annotations

import datetime
import json
import pathlib
import typing as t

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.bundle_file import pack
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.dlv import parse_dlv
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.plain import EvidenceError
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.redact import Redaction
from ansible_collections.activation.kms.plugins.plugin_utils._question import put_question
from ansible_collections.activation.kms.plugins.plugin_utils._report import bundle_contents
from ansible_collections.activation.kms.plugins.plugin_utils._report.bundle_contents import RedactionError, contents

from tests.system import needles
from tests.unit.plugins.plugin_utils._diagnosis.evidence import NOW, cmid_of
from tests.unit.plugins.plugin_utils._report.story import client_row, host_row, probe_row, srv_row

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
LATER = NOW + datetime.timedelta(days=400)

Plain = dict[str, t.Any]


def made(*, redact: bool = False, **changes: t.Any) -> bundle_contents.Contents:
    given = {"machines": [client_row(), host_row()], "srv": [{"results": [srv_row()]}], "probes": [probe_row()]} | changes
    return contents(given["machines"], given["srv"], given["probes"], given.get("approved", []), redact=redact, now=NOW)


def explained(made: bundle_contents.Contents, folder: pathlib.Path) -> Plain:
    """Return the diagnosis of a bundle that was packed and is read a year later."""
    path = folder / "it.zip"
    path.write_bytes(pack(made.files, {"versions": {}}, NOW))
    return put_question({"bundle": str(path)}, LATER).ask(limit_per_rule=100, attempts=True).as_dict()


def shape(diagnosis: Plain) -> t.Any:
    """Return what of a diagnosis does not depend on names."""
    return [
        (row["id"], row["severity"], len(row["proofs"]), [(c["id"], c["count"]) for c in row["consequences"]])
        for row in diagnosis["findings"]
    ]


def test_everything_that_support_asks_for_is_there() -> None:
    files = made().files
    assert set(files) == {
        "README.txt",
        "case.json",
        "diagnosis.json",
        "diagnosis.txt",
        "facts.jsonl",
        "probes.json",
        "srv.json",
        *(f"machines/{name}/{file}.txt" for name in ("pc01", "kms01") for file in ("dlv", "application", "key_management_service")),
    }
    log = files["machines/pc01/application.txt"].decode()
    assert "2026-11-24 06:15:00 UTC  event 12288 (request_sent)  0x800706BA RPC_S_SERVER_UNAVAILABLE  record 77" in log
    assert "    0x800706BA, 0x00000008, kms01.corp.example.com:1688," in log
    assert "all of them were read" in files["machines/kms01/key_management_service.txt"].decode()
    assert "The firewall exception" in files["diagnosis.txt"].decode().splitlines()[0]
    (output,) = parse_dlv(files["machines/pc01/dlv.txt"].decode()).outputs
    assert (output.facts.machine.name, output.facts.service.cmid) == ("pc01", cmid_of("pc01"))


def test_a_bundle_tells_the_same_when_it_is_read_back_and_as_of_when_it_was_made(tmp_path: pathlib.Path) -> None:
    bundled = made(approved=["kms09"])
    assert explained(bundled, tmp_path) == json.loads(bundled.files["diagnosis.json"])
    assert bundled.diagnosis["findings"][0]["id"] == "host_firewall_exception_off"
    assert [attempt["outcome"] for attempt in bundled.diagnosis["attempts"]["pc01"]] == ["host_not_reached"]


def test_a_redacted_bundle_tells_the_same_without_a_name(tmp_path: pathlib.Path) -> None:
    plain, redacted = made(), made(redact=True)
    assert shape(redacted.diagnosis) == shape(plain.diagnosis)
    assert shape(explained(redacted, tmp_path)) == shape(plain.diagnosis)
    assert redacted.diagnosis["findings"][0]["subject"] == "kms-host-1"
    assert len(redacted.files) == len(plain.files)
    for name, data in redacted.files.items():
        text = f"{name}\n{data.decode()}".lower()
        for original in ("pc01", "kms01", "ns1", "ns2", "corp.", "192.168.7", cmid_of("pc01"), cmid_of("kms01")):
            assert original not in text, (name, original)


@pytest.mark.parametrize("redact", [False, True])
def test_no_key_is_in_any_file_wherever_it_was(redact: bool) -> None:
    row = client_row(problems=[f"somebody ran slmgr /skms {KEY}"], problem_details=[])
    row["service"]["kms_machine_configured"] = {"name": KEY, "port": 1688}
    row["events"]["records"][0]["strings"] = [f"slmgr /ipk {KEY}"]
    server = srv_row() | {"problems": [KEY]}
    bundled = made(machines=[row, host_row()], srv=[server, {"failed": True, "msg": KEY}], redact=redact, approved=[KEY])
    for name, data in bundled.files.items():
        assert needles.found([KEY], f"{name}\n{data.decode()}") == [], name


def test_failed_results_are_told(tmp_path: pathlib.Path) -> None:
    gone = {"inventory_hostname": "kms01", "unreachable": True, "msg": "no route to host"}
    bundled = made(machines=[client_row(), gone], srv=[{"failed": True, "msg": "dnspython is missing"}], probes=[])
    assert json.loads(bundled.files["case.json"])["not_read"] == ["dnspython is missing"]
    assert "dnspython is missing" in bundled.files["diagnosis.txt"].decode()
    assert "kms01 could not be reached: no route to host" in bundled.files["facts.jsonl"].decode()
    assert "machines/kms01/dlv.txt" not in bundled.files
    path = tmp_path / "it.zip"
    path.write_bytes(pack(bundled.files, {}, NOW))
    assert put_question({"bundle": str(path)}, LATER).not_read == ("dnspython is missing",)


def test_a_bundle_that_would_still_tell_a_name_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Redaction, "redacted", lambda _self, data: data)
    with pytest.raises(RedactionError, match=r"the bundle was not written: .+ would still hold a name") as error:
        made(redact=True)
    assert "corp" not in str(error.value)


def test_nothing_to_bundle_is_an_error() -> None:
    with pytest.raises(EvidenceError, match="there is no machine to put into a bundle"):
        made(machines=[])


def test_an_estate_with_the_first_addresses_of_a_network_is_redacted() -> None:
    probes = [probe_row() | {"host": address, "address": address} for address in ("10.0.0.9", "10.0.0.1", "198.18.0.1")]
    bundled = made(probes=probes, redact=True)
    found = [row["address"] for row in json.loads(bundled.files["probes.json"])]
    assert len(set(found)) == 3
    assert all(address.startswith("198.18.0.") for address in found)
