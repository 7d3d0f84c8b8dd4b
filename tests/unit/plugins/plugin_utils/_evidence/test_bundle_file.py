# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of a bundle: what is packed comes back, and what is not exactly that is refused."""

from __future__ import annotations

import datetime
import io
import json
import typing as t
import zipfile

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._evidence import bundle_file as bundle
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.plain import EvidenceError

CREATED = datetime.datetime(2026, 11, 24, 8, 15, 30, tzinfo=datetime.UTC)
FILES = {"facts.jsonl": b'{"inventory_hostname": "pc01"}\n', "machines/pc01/dlv.txt": b"Name: x\n"}


def packed(**manifest: t.Any) -> bytes:
    return bundle.pack(FILES, {"versions": {}, **manifest}, CREATED)


def read(data: bytes) -> bundle.Bundle:
    return bundle.unpack(io.BytesIO(data), "it.zip")


def again(change: t.Callable[[dict[str, bytes]], None], raw: t.Callable[[zipfile.ZipFile], None] | None = None) -> bytes:
    """Return a bundle whose files were changed after it was made."""
    with zipfile.ZipFile(io.BytesIO(packed())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        if raw:
            raw(archive)
    return made.getvalue()


def test_what_is_packed_comes_back() -> None:
    found = read(packed(redacted=True))
    assert dict(found.files) == FILES
    assert found.created == CREATED
    assert found.manifest["redacted"] is True
    assert [row for _place, row in found.machines()] == [{"inventory_hostname": "pc01"}]
    assert found.json("srv.json") is None


def test_the_manifest_comes_first_and_names_every_file_with_size_and_hash() -> None:
    with zipfile.ZipFile(io.BytesIO(packed())) as archive:
        assert archive.namelist()[0] == "manifest.json"
        manifest = json.loads(archive.read("manifest.json"))
        assert {info.external_attr >> 16 & 0o777 for info in archive.infolist()} == {0o600}
    assert (manifest["schema"], manifest["kind"]) == (1, "activation.kms support bundle")
    assert [(row["name"], row["bytes"]) for row in manifest["files"]] == [(name, len(data)) for name, data in FILES.items()]


def test_the_same_content_makes_the_same_bytes() -> None:
    assert packed() == packed()


def change_manifest(**changes: t.Any) -> t.Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files["manifest.json"] = json.dumps({**json.loads(files["manifest.json"]), **changes}).encode()

    return change


def set_file(name: str, data: bytes) -> t.Callable[[dict[str, bytes]], None]:
    return lambda files: files.__setitem__(name, data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_file("facts.jsonl", b'{"inventory_hostname": "pc02"}\n'), "facts.jsonl in it.zip is not what the manifest says"),
        (lambda files: files.pop("facts.jsonl"), "lacks facts.jsonl"),
        (set_file("more.txt", b""), "has 'more.txt', which its manifest does not list"),
        (lambda files: files.pop("manifest.json"), "has no manifest.json"),
        (set_file("manifest.json", b"{"), "manifest.json in it.zip is no JSON"),
        (change_manifest(kind="other"), "is not that of a support bundle"),
        (change_manifest(schema=2), "has schema 2, and this version of activation.kms reads schema 1"),
        (change_manifest(files=[{"name": "facts.jsonl"}]), "does not list its files"),
        (change_manifest(files={}), "does not list its files"),
        (change_manifest(files=[{"name": 7, "bytes": 1, "sha256": "0"}]), "does not list its files"),
        (change_manifest(files=[{"name": ["facts.jsonl"], "bytes": 1, "sha256": "0"}]), "does not list its files"),
        (change_manifest(files=[{"name": "facts.jsonl", "bytes": float("inf"), "sha256": "0"}]), "does not list its files"),
        (set_file("../evil.txt", b""), "leads out of the bundle"),
        (set_file("/etc/evil.txt", b""), "leads out of the bundle"),
        (set_file("c:evil.txt", b""), "leads out of the bundle"),
        (set_file("folder/", b""), "is no ordinary file"),
    ],
)
def test_what_is_not_what_its_manifest_says_is_refused(change: t.Callable[[dict[str, bytes]], None], said: str) -> None:
    with pytest.raises(EvidenceError) as error:
        read(again(change))
    assert said in str(error.value)
    assert "Next: " in str(error.value)


def test_a_link_is_refused() -> None:
    def link(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")

    with pytest.raises(EvidenceError, match="is no ordinary file"):
        read(again(lambda files: None, link))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(EvidenceError, match="two files of the name"):
        read(again(lambda files: None, lambda archive: archive.writestr("facts.jsonl", b"")))


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    data = again(set_file("bomb", b"\0" * 5_000_000))
    assert len(data) < 10_000
    monkeypatch.setattr(bundle, "MAX_FILE_BYTES", 1_000_000)
    with pytest.raises(EvidenceError, match="unpacks to 5000000 bytes, more than a file of a bundle may have"):
        read(data)
    monkeypatch.setattr(bundle, "MAX_FILE_BYTES", 10_000_000)
    monkeypatch.setattr(bundle, "MAX_TOTAL_BYTES", 1_000_000)
    with pytest.raises(EvidenceError, match="more than a bundle may have"):
        read(data)
    monkeypatch.setattr(bundle, "MAX_FILES", 2)
    with pytest.raises(EvidenceError, match="has 4 files"):
        read(data)


def test_a_header_that_lies_about_the_size_is_refused() -> None:
    data = bytearray(again(set_file("bomb", b"\0" * 100_000)))
    # The size in the central directory: 4 bytes, 22 before the name's end of the entry (APPNOTE.TXT 4.3.12).
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"bomb"))
    data[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    with pytest.raises(EvidenceError):
        read(bytes(data))


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip file at all", packed()[:-30], packed()[:200]])
def test_what_is_no_zip_file_is_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(EvidenceError, match=r"is no zip file, or a damaged one|lacks|is not what"):
        read(data)


def test_any_flipped_byte_is_an_error_or_changes_nothing() -> None:
    whole = packed()
    for place in range(0, len(whole), 3):
        data = bytearray(whole)
        data[place] ^= 0x55
        try:
            found = read(bytes(data))
        except EvidenceError:
            continue
        assert dict(found.files) == FILES


def test_folders_have_names_of_their_own() -> None:
    names = bundle.folder_names(["pc01", "PC01", "a/b", "..", "", "x" * 300])
    assert len({name.casefold() for name in names.values()}) == 6
    assert all(name and "/" not in name and not name.startswith(".") and len(name) <= 102 for name in names.values())
