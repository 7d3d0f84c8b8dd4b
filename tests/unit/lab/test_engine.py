# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import concurrent.futures
import hashlib
import pathlib
import tarfile

import pytest

from tests.lab.engine import EngineError, locate, unpack


def _program(path: pathlib.Path, version: str = "7.6.1") -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def archive(tmp_path: pathlib.Path) -> pathlib.Path:
    _program(tmp_path / "made" / "powershell" / "pwsh")
    path = tmp_path / "powershell.tar.xz"
    with tarfile.open(path, "w:xz") as tar:
        tar.add(tmp_path / "made" / "powershell", "powershell")
    (tmp_path / "powershell.tar.xz.sha256").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  powershell.tar.xz\n")
    return path


def test_the_named_engine_comes_before_that_on_path_and_that_before_the_archive(tmp_path: pathlib.Path, archive: pathlib.Path) -> None:
    cache = tmp_path / "cache"
    named, on_path = _program(tmp_path / "named"), _program(tmp_path / "bin" / "pwsh")
    environ = {"KMS_LAB_PWSH": str(named), "PATH": str(on_path.parent)}
    found = [locate(environ, archive, cache), locate({"PATH": str(on_path.parent)}, archive, cache), locate({"PATH": ""}, archive, cache)]
    assert [engine and (engine.executable, engine.source) for engine in found] == [
        (named, "KMS_LAB_PWSH"),
        (on_path, "pwsh on PATH"),
        (next(cache.glob("powershell-*/powershell/pwsh")), "powershell.tar.xz"),
    ]


def test_links_are_followed_because_the_folder_of_the_program_counts(tmp_path: pathlib.Path, archive: pathlib.Path) -> None:
    real = _program(tmp_path / "opt" / "pwsh")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pwsh").symlink_to(real)
    found = locate({"PATH": str(tmp_path / "bin")}, archive, tmp_path / "cache")
    assert found is not None
    assert found.executable == real


@pytest.mark.parametrize("version", ["7.4.2", "7.5.0", "", "none"])
def test_an_older_engine_on_path_is_passed_over(tmp_path: pathlib.Path, version: str) -> None:
    _program(tmp_path / "bin" / "pwsh", version)
    assert locate({"PATH": str(tmp_path / "bin")}, tmp_path / "none.tar.xz", tmp_path / "cache") is None


def test_an_empty_name_means_no_engine(tmp_path: pathlib.Path, archive: pathlib.Path) -> None:
    assert locate({"KMS_LAB_PWSH": "", "PATH": ""}, archive, tmp_path / "cache") is None


def test_a_name_that_is_no_program_is_an_error(tmp_path: pathlib.Path, archive: pathlib.Path) -> None:
    with pytest.raises(EngineError, match="KMS_LAB_PWSH is '/no/pwsh', which is no program"):
        locate({"KMS_LAB_PWSH": "/no/pwsh"}, archive, tmp_path / "cache")


def test_several_at_once_unpack_one_whole_engine(tmp_path: pathlib.Path, archive: pathlib.Path) -> None:
    cache = tmp_path / "cache"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _number: unpack(archive, cache), range(8)))
    assert len(found) == 1
    assert found.pop().read_text().startswith("#!/bin/sh")
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 1


def test_a_damaged_archive_is_not_unpacked(tmp_path: pathlib.Path, archive: pathlib.Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    with pytest.raises(EngineError, match="is damaged: its SHA-256 is"):
        unpack(archive, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["powershell.lock"]


def test_an_archive_without_its_sum_is_not_unpacked(tmp_path: pathlib.Path, archive: pathlib.Path) -> None:
    archive.with_name("powershell.tar.xz.sha256").unlink()
    with pytest.raises(EngineError, match="has no SHA-256 beside it"):
        unpack(archive, tmp_path / "cache")
