# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The support bundle: a zip file with a manifest that names every file in it, its size and its SHA-256.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. What is in a bundle is public: docs/troubleshooting.md.

A bundle comes from somebody else, by mail. Nothing of it is ever unpacked to a disk; it is read up to fixed bounds, and a bundle that is not exactly what its
manifest says is refused as a whole.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import hashlib
import io
import json
import re
import stat
import typing as t
import zipfile
import zlib

from .plain import EvidenceError, moment

KIND = "activation.kms support bundle"
SCHEMA = 1
"""Number of the structure of a bundle; it rises when a file changes its meaning or goes."""

MANIFEST = "manifest.json"
FACTS = "facts.jsonl"
SRV = "srv.json"
PROBES = "probes.json"
CASE = "case.json"
DIAGNOSIS = "diagnosis.json"
REPORT = "diagnosis.txt"
README = "README.txt"

MAX_FILES = 20_000
MAX_FILE_BYTES = 128 * 1024 * 1024
MAX_TOTAL_BYTES = 512 * 1024 * 1024
"""Bounds of what is read. Two machines have some hundred kilobytes; ten thousand with their events some hundred megabytes."""

NEXT = "Next: ask for the bundle again, as the playbook activation.kms.support_bundle wrote it"

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
"""What zipfile raises for data that is no zip file, or a damaged, encrypted or unknown one."""


@dataclasses.dataclass(frozen=True)
class Bundle:
    """What is in a bundle: its manifest, and the bytes of every other file by name."""

    origin: str
    manifest: t.Mapping[str, t.Any]
    files: t.Mapping[str, bytes]

    @property
    def created(self) -> datetime.datetime:
        """When it was made. Raises EvidenceError."""
        return moment(self.manifest.get("created"), f"created in the manifest of {self.origin}")

    def json(self, name: str) -> t.Any:
        """Return the content of a JSON file, None for one that is not there. Raises EvidenceError."""
        if name not in self.files:
            return None
        return _json(self.files[name], f"{name} in {self.origin}")

    def machines(self) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
        """Yield (place, mapping) of each machine. Raises EvidenceError."""
        for number, line in enumerate(self.files.get(FACTS, b"").splitlines(), start=1):
            if line.strip():
                where = f"line {number} of {FACTS} in {self.origin}"
                row = _json(line, where)
                if not isinstance(row, dict):
                    raise EvidenceError(f"{where} holds no JSON object. {NEXT}")
                yield where, row


def pack(files: t.Mapping[str, bytes], manifest: t.Mapping[str, t.Any], created: datetime.datetime) -> bytes:
    """Return a bundle as bytes: C(manifest) with kind, schema, created and the list of files added, and the files."""
    listed = [{"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in sorted(files.items())]
    head = {
        "kind": KIND,
        "schema": SCHEMA,
        "created": created.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        **manifest,
        "files": listed,
    }
    packed = io.BytesIO()
    # The moment is that of the controller in UTC: a zip file has no zone.
    when = created.astimezone(datetime.UTC).timetuple()[:6]
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in [(MANIFEST, _text(head)), *sorted(files.items())]:
            info = zipfile.ZipInfo(name, (max(when[0], 1980), *when[1:]))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | 0o600) << 16
            archive.writestr(info, data)
    return packed.getvalue()


def unpack(file: t.BinaryIO, origin: str) -> Bundle:
    """Return what is in a bundle, every file held to its manifest. Raises EvidenceError."""
    try:
        with zipfile.ZipFile(file) as archive:
            return _read(archive, origin)
    except EvidenceError:
        raise
    except _DAMAGE as error:
        # A zip file's own texts may quote what is in it; the kind is enough.
        raise EvidenceError(f"{origin} is no zip file, or a damaged one ({type(error).__name__}). {NEXT}") from None


def _read(archive: zipfile.ZipFile, origin: str) -> Bundle:
    members = archive.infolist()
    if len(members) > MAX_FILES:
        raise EvidenceError(f"{origin} has {len(members)} files, more than a bundle has ({MAX_FILES}). {NEXT}")
    for member in members:
        _check_member(member, origin)
    twice = [name for name, count in collections.Counter(member.filename for member in members).items() if count > 1]
    if twice:
        raise EvidenceError(f"{origin} has two files of the name {twice[0]!r}. {NEXT}")
    total = sum(member.file_size for member in members)
    if total > MAX_TOTAL_BYTES:
        raise EvidenceError(f"{origin} unpacks to {total} bytes, more than a bundle may have ({MAX_TOTAL_BYTES}). {NEXT}")
    by_name = {member.filename: member for member in members}
    if MANIFEST not in by_name:
        raise EvidenceError(f"{origin} has no {MANIFEST}: it is no support bundle. {NEXT}")
    manifest = _json(_content(archive, by_name.pop(MANIFEST), origin), f"{MANIFEST} in {origin}")
    listed = _listed(manifest, origin)
    missing, added = sorted(listed.keys() - by_name.keys()), sorted(by_name.keys() - listed.keys())
    if missing:
        raise EvidenceError(f"{origin} lacks {missing[0]}, which its manifest lists. {NEXT}")
    if added:
        raise EvidenceError(f"{origin} has {added[0]!r}, which its manifest does not list. {NEXT}")
    files: dict[str, bytes] = {}
    for name, (size, digest) in listed.items():
        data = _content(archive, by_name[name], origin)
        if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
            raise EvidenceError(f"{name} in {origin} is not what the manifest says: it was changed after the bundle was made. {NEXT}")
        files[name] = data
    return Bundle(origin, manifest, files)


def _check_member(member: zipfile.ZipInfo, origin: str) -> None:
    name = member.filename
    if not name or name.startswith(("/", "\\")) or "\\" in name or ":" in name or ".." in name.split("/") or not name.isprintable():
        raise EvidenceError(f"{origin} has a file whose name leads out of the bundle: {name!r}. {NEXT}")
    if stat.S_ISLNK(member.external_attr >> 16) or member.is_dir():
        raise EvidenceError(f"{origin} has {name!r}, which is no ordinary file. {NEXT}")
    if member.file_size > MAX_FILE_BYTES:
        raise EvidenceError(f"{name} in {origin} unpacks to {member.file_size} bytes, more than a file of a bundle may have. {NEXT}")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, origin: str) -> bytes:
    # What the header says of the size is a claim: no more than that is ever unpacked.
    with archive.open(member) as file:
        data = file.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise EvidenceError(f"{member.filename} in {origin} does not have the size that the zip file says. {NEXT}")
    return data


def _listed(manifest: t.Any, origin: str) -> dict[str, tuple[int, str]]:
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise EvidenceError(f"{MANIFEST} in {origin} is not that of a support bundle. {NEXT}")
    if manifest.get("schema") != SCHEMA:
        raise EvidenceError(
            f"{origin} has schema {manifest.get('schema')!r}, and this version of activation.kms reads schema {SCHEMA}. "
            "Next: read it with the version that its manifest names"
        )
    rows = manifest.get("files")
    if not isinstance(rows, list) or not all(_is_listing(row) for row in rows):
        raise EvidenceError(f"{MANIFEST} in {origin} does not list its files by name, bytes and sha256. {NEXT}")
    return {row["name"]: (row["bytes"], row["sha256"].lower()) for row in rows}


def _is_listing(row: t.Any) -> bool:
    wanted: tuple[tuple[str, type], ...] = (("name", str), ("bytes", int), ("sha256", str))
    return isinstance(row, dict) and all(isinstance(row.get(key), kind) for key, kind in wanted)


def _json(data: bytes, where: str) -> t.Any:
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise EvidenceError(f"{where} is no JSON. {NEXT}") from None


def _text(data: t.Any) -> bytes:
    return (json.dumps(data, ensure_ascii=False, indent=2) + "\n").encode()


def json_bytes(data: t.Any) -> bytes:
    """Return data as a JSON file of a bundle."""
    return _text(data)


def json_lines(rows: t.Iterable[t.Mapping[str, t.Any]]) -> bytes:
    """Return rows as a JSON-lines file of a bundle."""
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows).encode()


def folder_names(machines: t.Sequence[str]) -> dict[str, str]:
    """Return a name for each machine's folder: letters, digits, dot, dash and underscore, and no two the same in any case."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for machine in machines:
        stem = re.sub(r"[^A-Za-z0-9._-]", "_", machine).strip(".")[:100] or "machine"
        name, number = stem, 2
        while name.casefold() in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name.casefold())
        found[machine] = name
    return found
