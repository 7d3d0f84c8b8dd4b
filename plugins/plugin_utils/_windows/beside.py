# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads that go along with those of somebody else.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Over PowerShell a list of reads is a process of seconds, whatever is in it. Who knows beforehand what it will want to know besides hands it on here.
"""

from __future__ import annotations

import typing as t

from .interface import Invoke, Reading, ReadOperation, Value, Windows


class Beside:
    """A machine whose first list of reads takes some more along. Implements L(Windows) around another one."""

    def __init__(self, inner: Windows, operations: t.Sequence[ReadOperation]) -> None:
        """Take the machine, and what is to be read beside what is asked for first."""
        self._inner = inner
        self._operations = list(operations)
        self.readings: list[Reading] = []
        """What came of them; empty before the first read."""

    @property
    def backend(self) -> str:
        """The name of the backend, as results report it."""
        return self._inner.backend

    def read(self, operations: t.Sequence[ReadOperation]) -> list[Reading]:
        """See Windows.read."""
        if self.readings or not self._operations:
            return self._inner.read(operations)
        found = self._inner.read([*operations, *self._operations])
        self.readings = found[len(operations) :]
        return found[: len(operations)]

    def invoke(self, call: Invoke) -> dict[str, Value]:
        """See Windows.invoke."""
        return self._inner.invoke(call)
