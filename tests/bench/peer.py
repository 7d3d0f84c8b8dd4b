# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection ansible.windows, whose win_product_facts the read is compared with: fetched from PyPI once, and for the bench alone."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

_REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")
_COLLECTION = "ansible_collections/ansible/windows/"


class PeerError(RuntimeError):
    """The collection cannot be had; the text says why."""


def fetch(folder: pathlib.Path) -> pathlib.Path:
    """Return C(folder), in which Ansible then finds ansible.windows; the first call downloads 54 MB. Raises PeerError.

    pip would install the other 21,000 files of the wheel as well, 210 MB, which takes longer than the bench's measurements of them.
    """
    stamp = folder / "requirements.txt"
    wanted = _REQUIREMENTS.read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="kms-bench-peer-") as downloads:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", downloads, "--requirement", str(_REQUIREMENTS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(pathlib.Path(downloads).glob("*.whl"))
        if done.returncode or not wheels:
            raise PeerError(
                f"pip could not download what {_REQUIREMENTS.name} names: {(done.stderr.strip() or 'no wheel').splitlines()[-1]}"
            )
        unpack(wheels[0], folder)
    stamp.write_text(wanted, encoding="utf-8")
    return folder


def unpack(wheel: pathlib.Path, folder: pathlib.Path) -> None:
    """Take the one collection out of a wheel. Raises PeerError when it is not in it."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(_COLLECTION)]
        if not names:
            raise PeerError(f"{wheel.name} has no {_COLLECTION}")
        archive.extractall(folder, names)
