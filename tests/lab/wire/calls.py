# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of every request that reached a machine, by WS-Management or from a PowerShell process on it."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import threading
import typing as t

from .masking import mask

KEPT = 200_000


@dataclasses.dataclass
class Call:
    """One HTTP request, or one question of a cmdlet; C(via) says which: wsman or powershell.

    Times are seconds since the epoch; sizes are bytes of HTTP, head and body, before TLS; of a cmdlet's question, those of its line.

    C(status) is None when the connection was cut without an answer; for a cmdlet, None when its process was killed, 500 where it fails and 200 otherwise.
    C(fault) is the WS-Management code of a fault, for a cmdlet the HRESULT. C(mischief) names the fault on demand that was applied.
    """

    machine: str
    connection: int
    time: float
    scheme: str
    via: str = "wsman"
    operation: str | None = None
    cim_class: str | None = None
    method: str | None = None
    query: str | None = None
    arguments: t.Any = None
    bytes_in: int = 0
    bytes_out: int = 0
    status: int | None = None
    fault: int | None = None
    mischief: str | None = None
    executed: bool = False
    login: str | None = None
    sealed: bool = False
    number: int = 0


class CallLog:
    """Calls in the order in which they were answered. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: collections.deque[dict[str, t.Any]] = collections.deque(maxlen=KEPT)
        self._numbers = itertools.count(1)

    def add(self, call: Call) -> None:
        """Add a call, with product keys masked."""
        with self._lock:
            call.number = next(self._numbers)
            self._calls.append(mask(dataclasses.asdict(call)))

    def read(self, machine: str | None = None, after: int = 0) -> list[dict[str, t.Any]]:
        """Return the calls, of one machine when it is named, with numbers greater than C(after)."""
        with self._lock:
            calls = list(self._calls)
        return [call for call in calls if call["number"] > after and machine in (None, call["machine"])]

    def reset(self) -> None:
        """Forget every call; numbers go on."""
        with self._lock:
            self._calls.clear()
