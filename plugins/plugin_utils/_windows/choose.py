# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose how to reach the machine of a task, and change over where the faster way turns out not to be open.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import typing as t

from . import faults
from .cleartext import connection_name
from .errors import FaultError, NoBackendError, NotFoundError, OutcomeUnknownError, WindowsError
from .interface import EventLogState, Events, Invoke, MachineView, Reading, ReadOperation, Value, Windows
from .module_run import ModuleRun
from .patience import PatientWindows
from .powershell import PowerShellWindows
from .wire import Wire
from .wsman import WsmanWindows

AUTO, POWERSHELL, WSMAN = "auto", "powershell", "wsman"
CHOICES = (AUTO, POWERSHELL, WSMAN)
"""What the option C(backend) takes."""

WINRM = "ansible.builtin.winrm"
RUNAS = "runas"
_CHOOSING = "choosing a way to reach the machine"

Execute = t.Callable[[str, dict[str, t.Any]], dict[str, t.Any]]


def open_windows(
    connection: t.Any,
    execute: Execute,
    *,
    backend: str,
    sleep: t.Callable[[float], None],
    progress: t.Callable[[str], None] = lambda text: None,
    warn: t.Callable[[str], None] = lambda text: None,
) -> Reached:
    """Return the machine behind an action plugin's connection. It is connected with the first operation, not here.

    execute: runs a module by name with its options. backend: one of CHOICES. sleep: waits for a number of seconds. progress: is told why a
    pause is made. warn: is told once why another backend than the first choice is used.

    Raises NoBackendError for wsman over another connection than winrm, and with become; for powershell over a connection whose shell is none of
    Windows'.
    """
    powershell = PatientWindows(PowerShellWindows(ModuleRun(execute, connection)), sleep, progress=progress)
    obstacle = _no_wsman(connection)
    if backend == POWERSHELL or (backend == AUTO and obstacle):
        _require_powershell(connection)
        return Reached(powershell, None, may_change_over=False, warn=warn)
    if obstacle:
        raise NoBackendError(_CHOOSING, obstacle[0], next_step=obstacle[1])
    wsman = PatientWindows(WsmanWindows(Wire(connection).send, sleep, progress=progress), sleep, progress=progress)
    return Reached(powershell, wsman, may_change_over=backend == AUTO, warn=warn)


class Reached:
    """The machine of a task, by one backend or by both. Implements Windows.

    With the backend auto the first answers decide: when CIM over WS-Management turns out not to be served, PowerShell takes over, before
    anything was written. Nothing else is a reason: a refused login or a machine out of reach would be tried a second time for nothing.
    """

    def __init__(
        self, powershell: Windows, wsman: Windows | None, *, may_change_over: bool, warn: t.Callable[[str], None] = lambda text: None
    ) -> None:
        self._powershell = powershell
        self._main = wsman or powershell
        self._may_change_over = may_change_over and wsman is not None
        self._warn = warn
        self._used: list[str] = []
        self.may_have_changed = False
        """Whether a call was carried out, or may have been."""

    @property
    def backend(self) -> str:
        """The backend in use now."""
        return self._main.backend

    @property
    def backends(self) -> list[str]:
        """The backends that gave answers, in the order of their first."""
        return list(self._used)

    def read(self, operations: t.Sequence[ReadOperation]) -> list[Reading]:
        """See Windows.read. What only a program on the machine can tell goes by way of PowerShell in any case.

        Records of a log whose state is asked for in the same list go along: a PowerShell is started anyway, and the event log service then searches
        the log by XPath, once, without WMI in between (Microsoft: Learn, Consuming Events).
        """
        found: dict[int, Reading] = {}
        states = {operation.log.casefold() for operation in operations if isinstance(operation, EventLogState)}
        views = [
            index
            for index, operation in enumerate(operations)
            if isinstance(operation, MachineView) or (isinstance(operation, Events) and operation.log.casefold() in states)
        ]
        others = [index for index, operation in enumerate(operations) if index not in views]
        if self._main is self._powershell:
            views, others = [], list(range(len(operations)))
        for indexes, read in ((others, self._read_main), (views, self._read_view)):
            if indexes:
                found.update(zip(indexes, read([operations[index] for index in indexes]), strict=True))
        return [found[index] for index in range(len(operations))]

    def invoke(self, call: Invoke) -> dict[str, Value]:
        """See Windows.invoke. A call that was carried out, or whose answer was lost, is noted."""
        self._may_change_over = False
        try:
            outputs = self._main.invoke(call)
        except OutcomeUnknownError:
            self.may_have_changed = True
            raise
        finally:
            self._note(self._main)
        self.may_have_changed = True
        return outputs

    def _read_main(self, operations: t.Sequence[ReadOperation]) -> list[Reading]:
        readings = self._main.read(operations)
        if self._main is not self._powershell:
            for reading in readings:
                if reading.error is not None and is_not_served(reading.error) and not reading.error.next_step:
                    reading.error.next_step = "set backend to powershell for this machine"
        if self._may_change_over:
            refusal = next((reading.error for reading in readings if reading.error is not None), None)
            if refusal is not None and not any(reading.error is None for reading in readings) and is_not_served(refusal):
                self._may_change_over = False
                self._warn(
                    f"CIM over WS-Management is not open on this machine ({refusal.doing}: {refusal.seen()}); PowerShell was used instead. "
                    "backend: powershell for this machine spares the attempt"
                )
                self._main = self._powershell
                readings = self._main.read(operations)
            elif any(reading.error is None for reading in readings):
                self._may_change_over = False
        self._note(self._main)
        return readings

    def _read_view(self, operations: t.Sequence[ReadOperation]) -> list[Reading]:
        readings = self._powershell.read(operations)
        self._note(self._powershell)
        return readings

    def _note(self, used: Windows) -> None:
        if used.backend not in self._used:
            self._used.append(used.backend)


def is_not_served(error: WindowsError) -> bool:
    """Tell whether an error says that WinRM does not serve CIM here at all, as where its WMI plug-in is disabled or removed.

    That is a fault of WinRM itself, or one that says nothing, and not one of the kinds with a cause of their own: rights, quota, time, a
    provider or a namespace that failed, which PowerShell would meet as well.
    """
    return type(error) in (FaultError, NotFoundError) and (error.code is None or faults.is_wsman(error.code))


def _no_wsman(connection: t.Any) -> tuple[str, str] | None:
    """Return why CIM messages can't be sent over a connection and the next step, or None when they can."""
    name = connection_name(connection)
    if name != WINRM:
        return (
            f"the connection of this task is {name}, and the backend wsman needs {WINRM}",
            "set backend to auto or powershell, or ansible_connection to winrm for this host",
        )
    if connection.become is not None:
        return (
            "become is on, and it has no effect on CIM messages: they would run as the login user",
            "set backend to auto or powershell, or become to false for this task",
        )
    return None


def _require_powershell(connection: t.Any) -> None:
    """Refuse a connection that can't run PowerShell modules: Ansible looks for them by the shell plugin that the connection has, and of its become
    plugins Windows has runas alone."""
    shell = getattr(connection, "_shell", None)
    if not getattr(shell, "_IS_WINDOWS", False):
        name = connection_name(connection)
        raise NoBackendError(
            _CHOOSING,
            f"the connection of this task is {name} with the shell {getattr(shell, 'SHELL_FAMILY', 'unknown')}, which runs no PowerShell",
            next_step="set ansible_connection to winrm or psrp for this host (and look whether connection: is set on the play or the task), "
            "or ansible_shell_type to powershell for ssh",
        )
    method = getattr(getattr(connection, "become", None), "name", RUNAS)
    if connection.become is not None and str(method).rpartition(".")[2] != RUNAS:
        raise NoBackendError(
            _CHOOSING,
            f"become is on with the method {method}, which Windows does not have",
            next_step="set ansible_become_method to runas, or become to false for this task",
        )
