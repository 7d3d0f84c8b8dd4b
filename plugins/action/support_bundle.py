# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.support_bundle."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import pathlib
import platform
import tempfile
import typing as t

import yaml
from ansible import release

from ..plugin_utils._action import Options
from ..plugin_utils._controller import ControllerAction
from ..plugin_utils._evidence.bundle_file import MANIFEST, pack, unpack
from ..plugin_utils._report.bundle_contents import contents

COLLECTION = pathlib.Path(__file__).resolve().parents[2]


class ActionModule(ControllerAction):
    """Put evidence into one file."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        "approved_hosts": {"type": "list", "elements": "str", "default": []},
        "force": {"type": "bool", "default": False},
        "machines": {"type": "list", "elements": "dict", "required": True},
        "path": {"type": "path", "required": True},
        "probes": {"type": "list", "elements": "dict", "default": []},
        "redact": {"type": "bool", "default": False},
        "srv": {"type": "list", "elements": "dict", "default": []},
    }

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Make the bundle in memory, write it once, and read it back."""
        path = pathlib.Path(options["path"])
        try:
            _check(path, force=options["force"])
        except OSError as error:
            raise ValueError(
                f"the bundle {path} can't be written: {error.strerror or error}. Next: give a path that you may write to"
            ) from None
        now = datetime.datetime.now(datetime.UTC)
        made = contents(
            options["machines"], options["srv"], options["probes"], options["approved_hosts"], redact=options["redact"], now=now
        )
        packed = pack(made.files, {"redacted": options["redact"], "versions": versions()}, now)
        result = {
            "bytes": len(packed),
            "changed": True,
            "files": [MANIFEST, *sorted(made.files)],
            "healthy": made.diagnosis["healthy"],
            "path": str(path),
            "sha256": hashlib.sha256(packed).hexdigest(),
            "verdict": made.diagnosis["verdict"],
            "would": [],
        }
        if self.check_mode:
            return {**result, "would": [f"write {path}"], "msg": f"Would write {path}."}
        _write(path, packed, force=options["force"])
        return {**result, "msg": f"{path}: {len(made.files) + 1} files, {len(packed)} bytes. {made.diagnosis['verdict']}"}


def versions() -> dict[str, str]:
    """Return what made a bundle; neither paths nor names of machines or users."""
    return {
        "activation.kms": _own_version(),
        "ansible-core": str(release.__version__),
        "python": platform.python_version(),
        "controller": platform.system(),
    }


def _own_version() -> str:
    # What is installed has MANIFEST.json, a checkout galaxy.yml.
    try:
        return str(json.loads((COLLECTION / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]["version"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        return str(yaml.safe_load((COLLECTION / "galaxy.yml").read_text(encoding="utf-8"))["version"])
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return "unknown"


def _check(path: pathlib.Path, *, force: bool) -> None:
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Next: let path name the file, e.g. {path / 'kms-support.zip'}")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"the folder of {path} is not there on the controller. Next: make it, or let path name a file in another one")
    if path.exists() and not force:
        raise ValueError(f"{path} is there already and was left as it is. Next: give another path, or force: true to replace it")


def _write(path: pathlib.Path, packed: bytes, *, force: bool) -> None:
    """Write the file as a whole or not at all, readable by its owner alone, and read it back. Raises ValueError."""
    temporary: str | None = None
    try:
        # mkstemp makes a file of mode 0600.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        with pathlib.Path(temporary).open("rb") as file:
            unpack(file, str(path))
        if force or not _linked(temporary, path):
            pathlib.Path(temporary).replace(path)
    except FileExistsError:
        raise ValueError(f"{path} came to be while the bundle was made, and was left as it is. Next: give another path") from None
    except OSError as error:
        raise ValueError(
            f"the bundle {path} can't be written: {error.strerror or error}. Next: give a path that you may write to"
        ) from None
    finally:
        if temporary is not None:
            pathlib.Path(temporary).unlink(missing_ok=True)


def _linked(temporary: str, path: pathlib.Path) -> bool:
    """Give the file its name, which unlike a rename never takes the place of a file that came meanwhile. False where the file system has no links."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True
