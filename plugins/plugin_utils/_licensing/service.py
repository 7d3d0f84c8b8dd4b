# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The licensing service (sppsvc): how it is addressed, told to work out its state anew, and restarted.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from .._windows.errors import LoginRefusedError, MethodFailedError, OutcomeUnknownError, RedirectedError, UnreachableError, WindowsError
from .._windows.interface import Invoke, Query, Reading, Windows
from .run import Run
from .write import watch

SERVICE_CLASS = "SoftwareLicensingService"

SPPSVC = {"Name": "sppsvc"}
PROCESS_QUERY = Query("Win32_Service", ("Name", "State", "ProcessId"), "Name = 'sppsvc'")

STOPPED, STOPPING, RUNNING, STARTING, MISSING = "stopped", "stop pending", "running", "start pending", "missing"
WAIT_SECONDS = 60.0
LOOK_SECONDS = 1.0

TOLD_TO_STOP = "the licensing service (sppsvc) was told to stop"
STANDS_STILL = "see that the service sppsvc runs on this machine: a KMS host whose service stands still answers no client"


@dataclasses.dataclass(frozen=True)
class ServiceProcess:
    """The licensing service at one moment.

    state:       what it is doing, in lower case as Windows words it (running, stopped, start pending ...), or missing when there is no such service.
    process_id:  its process; 0 when it has none, None when that is not known.
    """

    state: str
    process_id: int | None

    def started_since(self, before: ServiceProcess) -> bool:
        """Tell whether it was started after C(before), by the process that it has now: it may never have been seen to stand still."""
        return bool(self.process_id) and bool(before.process_id) and self.process_id != before.process_id


def process_in(reading: Reading) -> ServiceProcess:
    """Return what sppsvc was doing, and in which process, when PROCESS_QUERY was read."""
    rows = reading.get()
    if not rows:
        return ServiceProcess(MISSING, None)
    return ServiceProcess(str(rows[0]["State"]).lower(), t.cast("int | None", rows[0]["ProcessId"]))


def read_process(windows: Windows) -> ServiceProcess:
    """Return what sppsvc is doing now, and in which process."""
    return process_in(windows.read((PROCESS_QUERY,))[0])


def refresh(run: Run, service_keys: t.Mapping[str, str]) -> None:
    """Have the licensing state worked out anew, as slmgr.vbs does after every change to a key or an activation."""
    # Whether a lost one of these arrived does not matter: the products, read next, decide.
    with contextlib.suppress(OutcomeUnknownError):
        run.windows.invoke(Invoke(SERVICE_CLASS, "RefreshLicenseStatus", service_keys))


def restart(run: Run, before: ServiceProcess) -> None:
    """Stop sppsvc, start it, and see it run in a new process. C(before) is how it was found.

    Whatever is lost on the way, the service is not left standing still while the machine can be reached. Raises WindowsError, with a text that says so
    where the service may stand still all the same.
    """
    run.notify("restarting the licensing service (sppsvc)")
    if before.state != STOPPED:

        def stopped(now: ServiceProcess) -> bool:
            # Whatever asks for licensing data starts the service, so that it may run again before it was seen to stand still.
            return now.state == STOPPED or now.started_since(before)

        _tell(run, "StopService", lambda now: stopped(now) or now.state == STOPPING)
        if _await(run, STOPPED, stopped).started_since(before):
            _await(run, RUNNING, _runs)
            return
    _start(run)


def _start(run: Run) -> None:
    try:
        answered = _tell_to_start(run)
        if not answered and _await(run, "readable", lambda now: True).state == STOPPED:
            # Read anew, and surely not started: a KMS host must not be left standing still for a lost message.
            _tell_to_start(run)
    except MethodFailedError as error:
        error.after("the licensing service (sppsvc) was stopped")
        raise
    _await(run, RUNNING, _runs)


def _tell_to_start(run: Run) -> bool:
    try:
        return _tell(run, "StartService", lambda now: now.state in (RUNNING, STARTING))
    except (LoginRefusedError, RedirectedError) as error:
        raise _may_stand_still(error) from None
    except UnreachableError:
        # It was not sent, which leaves the service where a lost order may leave it.
        return False


def _runs(now: ServiceProcess) -> bool:
    return now.state == RUNNING


def _tell(run: Run, method: str, obeyed: t.Callable[[ServiceProcess], bool]) -> bool:
    """Call the method once; return False when its answer was lost. C(obeyed) tells by the service whether an error does not matter."""
    try:
        run.windows.invoke(Invoke("Win32_Service", method, SPPSVC))
    except OutcomeUnknownError:
        return False  # the state, read next, decides
    except MethodFailedError as failed:
        # The service starts on demand and stops by itself, so Windows may have been first. The state decides, where it can be read.
        with contextlib.suppress(WindowsError):
            if obeyed(read_process(run.windows)):
                return True
        raise failed from None
    return True


def _await(run: Run, wanted: str, reached: t.Callable[[ServiceProcess], bool]) -> ServiceProcess:
    """Look at the service until it is as wanted: a service that was told to stop is not left because one look at it failed."""
    watched = watch(run, lambda: read_process(run.windows), reached, seconds=WAIT_SECONDS, pause=LOOK_SECONDS)
    if watched.unread is not None:
        raise _may_stand_still(watched.unread)
    now = t.cast(ServiceProcess, watched.state)
    if not watched.done:
        raise WindowsError(
            f"waiting for the licensing service (sppsvc) to be {wanted}",
            f"it is {now.state} after {WAIT_SECONDS:g} s",
            next_step="look at the System log of the machine for events of the Service Control Manager",
        )
    return now


def _may_stand_still(error: WindowsError) -> WindowsError:
    """Return the error with what had been done before it, and what the reader must not forget."""
    error.next_step = f"{error.next_step}; then {STANDS_STILL}" if error.next_step else STANDS_STILL
    error.after(TOLD_TO_STOP)
    return error
