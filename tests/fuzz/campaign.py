# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the fuzz target: for a time, over numbered cases that come out the same every time."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import random
import time
import typing as t

from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import BadReplyError, OutcomeUnknownError
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import Invoke, ReadOperation

from .mutate import mutate
from .target import CALLS, READS, STATUSES, Ends, check_one

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
CRASHES = HERE / "crashes"
FOUND = HERE.parents[1] / ".cache" / "fuzz"
"""Where an answer that breaks the promise is written; it belongs into CRASHES, with the fix."""


_NOT_FOR_IT = ("nothing", BadReplyError.__name__, OutcomeUnknownError.__name__)


class CrashError(AssertionError):
    """An answer broke the promise. The text says which case it was, how to see it again and where its bytes are."""


@dataclasses.dataclass(frozen=True)
class Case:
    """An answer, and what it is the answer to."""

    number: int
    body: bytes
    status: int
    operation: ReadOperation | Invoke
    pull: bool


@dataclasses.dataclass
class Tally:
    """What a run came to: how many answers, and how many led to what."""

    cases: int = 0
    ends: Ends = dataclasses.field(default_factory=collections.Counter)

    def __str__(self) -> str:
        """Return one line about the run."""
        ends = ", ".join(f"{count} {name}" for name, count in self.ends.most_common())
        return f"{self.cases} answers, which led to {ends}"


def files() -> list[pathlib.Path]:
    """Return the kept answers: the corpus, and those that once broke the promise."""
    return sorted([*CORPUS.glob("*.xml"), *CRASHES.glob("*.xml")])


@dataclasses.dataclass(frozen=True)
class Seed:
    """A kept answer, the HTTP status it comes with, and the operations that make more of it than that it is not for them."""

    body: bytes
    status: int
    operations: tuple[ReadOperation | Invoke, ...]


def seeds() -> list[Seed]:
    """Return the kept answers with what they are good for."""
    found = []
    for file in files():
        body = file.read_bytes()
        fits = [op for op in (*READS, *CALLS) if check_one(body, 200, op) not in _NOT_FOR_IT]
        found.append(Seed(body, 500 if b"<s:Fault>" in body else 200, tuple(fits)))
    return found


def make_case(kept: t.Sequence[Seed], number: int) -> Case:
    """Make a numbered case; it is another only for another corpus or another mutator."""
    chance = random.Random(number)
    seed = chance.choice(kept)
    body = mutate(seed.body, [other.body for other in kept], chance)
    # Now and then an operation that the answer was never meant for, and the other status.
    operations = seed.operations if seed.operations and chance.random() < 0.9 else (*READS, *CALLS)
    status = seed.status if chance.random() < 0.9 else chance.choice(STATUSES)
    return Case(number, body, status, chance.choice(operations), pull=chance.random() < 0.3)


def run(seconds: float, first: int = 0) -> Tally:
    """Try cases from a number on for some seconds of CPU time. Raises CrashError at the first that breaks the promise."""
    kept = seeds()
    tally = Tally()
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        case = make_case(kept, first + tally.cases)
        try:
            tally.ends[check_one(case.body, case.status, case.operation, pull=case.pull)] += 1
        except Exception as error:
            raise CrashError(_keep(case, error)) from error
        tally.cases += 1
    return tally


def _keep(case: Case, error: Exception) -> str:
    FOUND.mkdir(parents=True, exist_ok=True)
    file = FOUND / f"case-{case.number}.xml"
    file.write_bytes(case.body)
    what = f"HTTP {case.status} to {'the Pull of ' if case.pull else ''}{case.operation}"
    return (
        f"case {case.number}, {what}: {type(error).__name__}: {error}. Its bytes are in {file}; see it again: python -m tests.fuzz {file}"
    )
