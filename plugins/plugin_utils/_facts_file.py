# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts file: one JSON line per machine, written by many tasks at once.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The format of the file is public: docs/names.md.
"""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import typing as t


def append_line(path: pathlib.Path, row: t.Mapping[str, t.Any]) -> None:
    """Append one row as a JSON line, under an exclusive lock, so that lines of parallel tasks never mix.

    The file is made with mode 0600; its folder must exist. Raises ValueError, naming the path and the cause, when it can't be written.
    """
    line = json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line)
    except OSError as error:
        raise ValueError(
            f"the facts file {path} could not be written on the controller: {error.strerror}. "
            "Next: let facts_path name a file in a folder that is there and that you may write to."
        ) from None
