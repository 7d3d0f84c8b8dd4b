# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads that wait for a service which is coming back.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

The licensing service stops by itself and starts on demand, and a KMS host's is restarted by this collection: a read that meets it in between
fails with a code of RPC and succeeds a moment later. Reads change nothing, so they are tried again; calls of methods never are.
"""

from __future__ import annotations

import typing as t

from .errors import ServiceAwayError
from .interface import Invoke, Reading, ReadOperation, Value, Windows

PAUSES_SECONDS = (1.0, 2.0, 4.0)
"""Pauses before what met an absent service is read again."""


class PatientWindows:
    """A machine whose reads are tried again while the service behind them is away. Implements L(Windows) around another one."""

    def __init__(self, inner: Windows, sleep: t.Callable[[float], None], *, progress: t.Callable[[str], None] = lambda text: None) -> None:
        """Take the machine, the function that waits for a number of seconds, and one that is told why."""
        self._inner = inner
        self._sleep = sleep
        self._progress = progress

    @property
    def backend(self) -> str:
        """The name of the backend, as results report it."""
        return self._inner.backend

    def read(self, wanted: t.Sequence[ReadOperation]) -> list[Reading]:
        """See Windows.read. Only the operations that met an absent service are carried out again; the last error of each stays in its reading."""
        readings = self._inner.read(wanted)
        for seconds in PAUSES_SECONDS:
            away = [number for number, reading in enumerate(readings) if isinstance(reading.error, ServiceAwayError)]
            if not away:
                break
            error = t.cast(ServiceAwayError, readings[away[0]].error)
            self._progress(f"{error.doing}: the service behind it does not answer ({error.code_text()}); trying again in {seconds:g} s")
            self._sleep(seconds)
            for number, reading in zip(away, self._inner.read([wanted[number] for number in away]), strict=True):
                readings[number] = reading
        return readings

    def invoke(self, call: Invoke) -> dict[str, Value]:
        """See Windows.invoke."""
        return self._inner.invoke(call)
