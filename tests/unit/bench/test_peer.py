# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peer of the bench: one collection out of a wheel with a hundred."""

from __future__ import annotations

import pathlib
import zipfile

import pytest

from tests.bench import peer


def wheel(folder: pathlib.Path, *names: str) -> pathlib.Path:
    """Write a wheel with these files."""
    path = folder / "ansible.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return path


def test_only_the_one_collection_is_taken_out_of_the_wheel(tmp_path: pathlib.Path) -> None:
    wanted = "ansible_collections/ansible/windows/plugins/modules/win_product_facts.ps1"
    peer.unpack(wheel(tmp_path, wanted, "ansible_collections/ansible/posix/MANIFEST.json", "ansible.dist-info/RECORD"), tmp_path / "kept")
    assert [path.relative_to(tmp_path / "kept").as_posix() for path in (tmp_path / "kept").rglob("*") if path.is_file()] == [wanted]


def test_a_wheel_without_the_collection_is_an_error_with_its_name(tmp_path: pathlib.Path) -> None:
    with pytest.raises(peer.PeerError, match=r"ansible\.whl has no ansible_collections/ansible/windows"):
        peer.unpack(wheel(tmp_path, "ansible_collections/ansible/posix/MANIFEST.json"), tmp_path / "kept")


def test_what_was_fetched_already_is_not_fetched_again(tmp_path: pathlib.Path) -> None:
    requirements = (pathlib.Path(peer.__file__).parent / "requirements.txt").read_text(encoding="utf-8")
    (tmp_path / "requirements.txt").write_text(requirements, encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    assert peer.fetch(tmp_path) == tmp_path
    assert sorted(tmp_path.iterdir()) == before
