# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open enumerations of one machine: pages, contexts that change with every answer, and their end."""

from __future__ import annotations

import collections
import dataclasses
import threading
import time
import typing as t

from .envelope import new_id

# EnumerationTimeoutms in published configurations of WinRM (captures 052 to 054).
LIFETIME_SECONDS = 240.0


@dataclasses.dataclass
class Enumeration:
    """Items not yet delivered, and what the Enumerate asked for.

    A Pull must ask for the same (wsmerror.h, ERROR_WSMAN_PULL_PARAMS_NOT_SAME_AS_ENUM).
    """

    items: collections.deque[str]
    max_elements: str | None
    max_envelope_size: str | None
    cim_class: str
    touched: float = 0.0


class Enumerations:
    """The table of open enumerations by context. Safe for threads; C(clock) gives seconds that only grow."""

    def __init__(self, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Enumeration] = {}

    def keep(self, enumeration: Enumeration) -> str:
        """Store an enumeration with items left and return its new context."""
        context = "uuid:" + new_id()
        now = self._clock()
        enumeration.touched = now
        with self._lock:
            for stale in [key for key, value in self._open.items() if now - value.touched > LIFETIME_SECONDS]:
                del self._open[stale]
            self._open[context] = enumeration
        return context

    def take(self, context: str) -> Enumeration | None:
        """Remove and return the enumeration of a context: contexts serve once, and any failed Pull ends the enumeration."""
        with self._lock:
            found = self._open.pop(context, None)
        if found is not None and self._clock() - found.touched > LIFETIME_SECONDS:
            return None
        return found

    def peek_class(self, context: str) -> str | None:
        """Return the class an open context enumerates, for the call log."""
        with self._lock:
            found = self._open.get(context)
        return None if found is None else found.cim_class

    def __len__(self) -> int:
        with self._lock:
            return len(self._open)


def page(items: collections.deque[str], max_elements: int, characters: int) -> list[str]:
    """Remove and return the items that fit: at most C(max_elements), together at most C(characters).

    The list is empty when the first does not fit.
    """
    taken: list[str] = []
    left = characters
    while items and len(taken) < max_elements and len(items[0]) <= left:
        left -= len(items[0])
        taken.append(items.popleft())
    return taken
