# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change a machine once: when an answer is lost the state is read until it shows, and nothing but the state is believed.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._windows.errors import LoginRefusedError, OutcomeUnknownError, RedirectedError, WindowsError
from .._windows.interface import Invoke
from .refusal import NotAppliedError
from .run import Run

LOOK_AGAIN_SECONDS = 2.0

State = t.TypeVar("State")


@dataclasses.dataclass(frozen=True)
class Write:
    """One call that changes a machine, and what is said of it afterwards: both are the beginning of a sentence.

    achieved:  what it has done, for an error that comes after it ("the key of ... is out").
    undone:    what was not done, where its answer was lost and the state is the old one ("UninstallProductKey was not applied").
    """

    call: Invoke
    achieved: str
    undone: str


@dataclasses.dataclass(frozen=True)
class Watched(t.Generic[State]):
    """How watching ended: with the state last read, whether it was the one waited for, and the error of the last look where that failed."""

    state: State | None
    done: bool
    unread: WindowsError | None


def write_once(
    run: Run,
    *writes: Write,
    read: t.Callable[[], State],
    done: t.Callable[[State], bool],
    then: t.Callable[[], None] = lambda: None,
) -> State:
    """Make the calls, each once, and return the state as it is afterwards.

    read: reads the state. done: tells whether it shows all of the writes. then: what is to be done before reading, where every call was answered.

    When an answer was lost the state is watched for C(run.confirm_timeout) seconds. When none was, the state comes back as it is, done or not:
    what it means that a machine answered and nothing shows, the caller knows best.

    Raises NotAppliedError when an answer was lost and the state did not show it in that time, and what a call or a read raises: a text of that
    says what had been done before.
    """
    lost: list[tuple[Write, OutcomeUnknownError]] = []
    so_far: list[str] = []
    try:
        for write in writes:
            try:
                run.windows.invoke(write.call)
                so_far.append(write.achieved)
            except OutcomeUnknownError as error:
                lost.append((write, error))
                so_far.append(f"the answer to {write.call.method} was lost")
        if not lost:
            then()
            return read()
    except WindowsError as error:
        if so_far:
            error.after(" and ".join(so_far))
        raise
    return _watch_lost(run, lost, read, done)


def watch(
    run: Run, read: t.Callable[[], State], done: t.Callable[[State], bool], *, seconds: float, pause: float = LOOK_AGAIN_SECONDS
) -> Watched[State]:
    """Read the state, once at least, until it is the one waited for or the time is up; a pause of C(pause) seconds lies between two looks.

    A machine that can't be read may be away for a moment: it is looked at again. A refused login ends the watching.
    """
    deadline = run.clock.monotonic() + seconds
    state: State | None = None
    while True:
        unread: WindowsError | None = None
        try:
            state = read()
            if done(state):
                return Watched(state, True, None)
        except (LoginRefusedError, RedirectedError) as error:
            # Trying a refused login again and again locks the account.
            return Watched(state, False, error)
        except WindowsError as error:
            unread = error
        if run.clock.monotonic() >= deadline:
            return Watched(state, False, unread)
        run.clock.sleep(pause)


def _watch_lost(
    run: Run, lost: list[tuple[Write, OutcomeUnknownError]], read: t.Callable[[], State], done: t.Callable[[State], bool]
) -> State:
    write, error = lost[0]
    run.notify(f"the answer to {write.call.method} was lost; watching the machine's state for up to {run.confirm_timeout:g} s")
    watched = watch(run, read, done, seconds=run.confirm_timeout)
    if watched.done:
        return t.cast(State, watched.state)
    unread = watched.unread
    seen = f"the state could not be read since: {unread.doing}: {unread.seen()}" if unread else "the state is the old one"
    raise NotAppliedError(
        f"{' and '.join(one.undone for one, _error in lost)}: {error.seen()}; watched for {run.confirm_timeout:g} s, and {seen}. "
        "It was not sent a second time",
        "run the task again, it compares first",
    )
