# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader, shell_loader
from ansible_collections.activation.kms.plugins.plugin_utils._windows import choose, errors
from ansible_collections.activation.kms.plugins.plugin_utils._windows.beside import Beside
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import (
    Connect,
    EventLogState,
    Events,
    Invoke,
    Query,
    Reading,
    Resolve,
)

SERVICES = Query("Win32_Service", ("Name",))
STOP = Invoke("Win32_Service", "StopService", {"Name": "sppsvc"})
DISABLED = errors.FaultError("reading Win32_Service", "The WS-Management service cannot process the request", code=0x803381E3)


def connection_of(name, become=False):
    connection = connection_loader.get(name, PlayContext(), None)
    # What ansible_shell_type says; winrm and psrp have no other.
    connection._shell = shell_loader.get("powershell")
    if become:
        connection.set_become_plugin(become_loader.get("runas"))
    return connection


def opened(connection, backend):
    return choose.open_windows(connection, lambda name, arguments: {}, backend=backend, sleep=lambda seconds: None)


@pytest.mark.parametrize("plugin", ["winrm", "ansible.legacy.winrm"])
def test_auto_takes_wsman_over_winrm_by_each_of_its_names(plugin):
    assert opened(connection_of(plugin), "auto").backend == "wsman"


@pytest.mark.parametrize("plugin", ["psrp", "ssh", "local"])
def test_auto_takes_powershell_over_other_connections(plugin):
    assert opened(connection_of(plugin), "auto").backend == "powershell"


def test_auto_takes_powershell_with_become():
    assert opened(connection_of("winrm", become=True), "auto").backend == "powershell"


@pytest.mark.parametrize("become", [False, True])
@pytest.mark.parametrize("plugin", ["winrm", "psrp", "ssh"])
def test_powershell_is_taken_when_it_is_asked_for(plugin, become):
    assert opened(connection_of(plugin, become), "powershell").backend == "powershell"


@pytest.mark.parametrize("plugin", ["psrp", "ssh", "local"])
def test_wsman_over_another_connection_is_refused_with_its_name_and_a_way_on(plugin):
    with pytest.raises(errors.NoBackendError, match=f"the connection of this task is ansible.builtin.{plugin}") as caught:
        opened(connection_of(plugin), "wsman")
    assert caught.value.next_step == "set backend to auto or powershell, or ansible_connection to winrm for this host"


def test_wsman_with_become_is_refused_because_become_would_be_ignored():
    with pytest.raises(errors.NoBackendError, match="become is on") as caught:
        opened(connection_of("winrm", become=True), "wsman")
    assert caught.value.next_step == "set backend to auto or powershell, or become to false for this task"


@pytest.mark.parametrize("backend", ["auto", "powershell"])
@pytest.mark.parametrize("plugin", ["ssh", "local"])
def test_a_connection_whose_shell_is_none_of_windows_is_refused_with_a_way_on(plugin, backend):
    connection = connection_of(plugin)
    connection._shell = shell_loader.get("sh")
    with pytest.raises(errors.NoBackendError, match=f"ansible.builtin.{plugin} with the shell sh, which runs no PowerShell") as caught:
        opened(connection, backend)
    assert "ansible_connection to winrm or psrp" in caught.value.next_step


@pytest.mark.parametrize("backend", ["auto", "powershell"])
def test_a_become_method_that_windows_does_not_have_is_refused_with_the_one_it_has(backend):
    connection = connection_of("winrm")
    connection.set_become_plugin(become_loader.get("sudo"))
    with pytest.raises(errors.NoBackendError, match="become is on with the method sudo, which Windows does not have") as caught:
        opened(connection, backend)
    assert caught.value.next_step == "set ansible_become_method to runas, or become to false for this task"


class Backend:
    """Answers reads from a script, one list for each, and fails on any that is not in it."""

    def __init__(self, name, *answers, calls=()):
        self.backend = name
        self.answers = list(answers)
        self.calls = list(calls)
        self.asked = []

    def read(self, operations):
        assert self.answers, f"nobody expected {self.backend} to be asked for {operations}"
        self.asked.append(list(operations))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def invoke(self, call):
        assert self.calls, f"nobody expected {self.backend} to be told {call}"
        answer = self.calls.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def reached(wsman, powershell, backend="auto"):
    warnings = []
    return choose.Reached(powershell, wsman, may_change_over=backend == "auto", warn=warnings.append), warnings


def test_a_machine_that_does_not_serve_cim_is_read_by_powershell_with_one_warning_that_says_why():
    wsman = Backend("wsman", [Reading(error=DISABLED), Reading(error=DISABLED)])
    powershell = Backend("powershell", [Reading([1]), Reading([2])], [Reading([3])], calls=[{}])
    machine, warnings = reached(wsman, powershell)
    assert [reading.get() for reading in machine.read([SERVICES, SERVICES])] == [[1], [2]]
    assert machine.read([SERVICES])[0].get() == [3]
    machine.invoke(STOP)
    assert (machine.backend, machine.backends) == ("powershell", ["powershell"])
    assert warnings == [
        "CIM over WS-Management is not open on this machine (reading Win32_Service: The WS-Management service cannot process the request "
        "(0x803381E3)); PowerShell was used instead. backend: powershell for this machine spares the attempt"
    ]


def test_with_the_backend_wsman_nothing_changes_over_and_the_next_step_is_said():
    machine, warnings = reached(Backend("wsman", [Reading(error=of(errors.FaultError, 0x8033800B))]), Backend("powershell"), "wsman")
    with pytest.raises(errors.FaultError, match="0x8033800B"):
        machine.read([SERVICES])[0].get()
    assert (machine.backend, warnings) == ("wsman", [])


def of(kind, code=None):
    return kind("reading Win32_Service", "words", code=code)


@pytest.mark.parametrize(
    "error",
    [
        of(errors.AccessDeniedError, 0x80338104),
        of(errors.BusyError, 0x803381A6),
        of(errors.TimedOutError, 0x80338029),
        of(errors.ServiceAwayError, 0x800706BA),
        of(errors.NotFoundError, 0x80041010),
        of(errors.FaultError, 0x80041017),
        of(errors.BadReplyError),
    ],
    ids=lambda error: f"{type(error).__name__}-{error.code_text()}",
)
def test_an_error_with_a_cause_of_its_own_is_no_reason_to_change_over(error):
    machine, warnings = reached(Backend("wsman", [Reading(error=error)]), Backend("powershell"))
    with pytest.raises(type(error)):
        machine.read([SERVICES])[0].get()
    assert (machine.backend, warnings) == ("wsman", [])


@pytest.mark.parametrize("error", [of(errors.LoginRefusedError), of(errors.UnreachableError), of(errors.RedirectedError)])
def test_after_a_refused_login_or_without_a_conversation_nothing_is_tried_a_second_time(error):
    machine, warnings = reached(Backend("wsman", error), Backend("powershell"))
    with pytest.raises(type(error)):
        machine.read([SERVICES])
    assert warnings == []


def test_once_an_answer_came_a_fault_is_a_fault():
    wsman = Backend("wsman", [Reading([1]), Reading(error=DISABLED)], [Reading(error=DISABLED)])
    machine, warnings = reached(wsman, Backend("powershell"))
    assert machine.read([SERVICES, SERVICES])[1].error is DISABLED
    assert machine.read([SERVICES])[0].error is DISABLED
    assert warnings == []


def test_after_a_write_nothing_changes_over():
    wsman = Backend("wsman", [Reading(error=DISABLED)], calls=[{}])
    machine, warnings = reached(wsman, Backend("powershell"))
    machine.invoke(STOP)
    assert machine.read([SERVICES])[0].error is DISABLED
    assert warnings == []


@pytest.mark.parametrize(
    ("answer", "noted"),
    [
        ({}, True),
        (of(errors.OutcomeUnknownError), True),
        (of(errors.MethodFailedError, 0xC004F050), False),
        (of(errors.UnreachableError), False),
    ],
)
def test_a_call_that_was_carried_out_or_may_have_been_is_noted(answer, noted):
    machine, _warnings = reached(Backend("wsman", calls=[answer]), Backend("powershell"))
    if isinstance(answer, Exception):
        with pytest.raises(type(answer)):
            machine.invoke(STOP)
    else:
        machine.invoke(STOP)
    assert machine.may_have_changed is noted


@pytest.mark.parametrize("backend", ["auto", "wsman"])
def test_what_only_a_program_on_the_machine_sees_goes_by_powershell_in_any_case(backend):
    records, attempt = Resolve("_vlmcs._tcp.corp.example", "SRV"), Connect("kms01.corp.example", 1688)
    wsman, powershell = Backend("wsman", [Reading([1])]), Backend("powershell", [Reading([2]), Reading([3])])
    machine, warnings = reached(wsman, powershell, backend)
    assert [reading.get() for reading in machine.read([records, SERVICES, attempt])] == [[2], [1], [3]]
    assert (wsman.asked, powershell.asked) == ([[SERVICES]], [[records, attempt]])
    assert (machine.backend, machine.backends, warnings) == ("wsman", ["wsman", "powershell"], [])


def test_everything_goes_by_powershell_in_one_go_where_that_is_the_backend():
    records = Resolve("_vlmcs._tcp.corp.example", "SRV")
    powershell = Backend("powershell", [Reading([1]), Reading([2])])
    machine, _warnings = reached(None, powershell)
    machine.read([SERVICES, records])
    assert powershell.asked == [[SERVICES, records]]
    assert machine.backends == ["powershell"]


SINCE = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
APPLICATION, KMS = (Events(log, (12290,), SINCE) for log in ("Application", "Key Management Service"))


def test_records_of_a_log_whose_state_is_asked_for_go_with_it_and_the_others_do_not():
    wsman, powershell = (
        Backend("wsman", [Reading("services"), Reading("application")]),
        Backend("powershell", [Reading("kms"), Reading("state")]),
    )
    machine, _warnings = reached(wsman, powershell)
    state = EventLogState("key management service")
    assert [reading.get() for reading in machine.read([SERVICES, KMS, APPLICATION, state])] == ["services", "kms", "application", "state"]
    assert (wsman.asked, powershell.asked) == ([[SERVICES, APPLICATION]], [[KMS, state]])
    assert machine.backends == ["wsman", "powershell"]


def test_what_goes_beside_the_first_reads_is_asked_for_once_and_kept_apart():
    inner = Backend("wsman", [Reading(1), Reading(2), Reading(3)], [Reading(4)], calls=[{"a": 1}])
    beside = Beside(inner, [KMS, APPLICATION])
    assert [reading.get() for reading in beside.read([SERVICES])] == [1]
    assert [reading.get() for reading in beside.readings] == [2, 3]
    assert beside.read([SERVICES])[0].get() == 4
    assert inner.asked == [[SERVICES, KMS, APPLICATION], [SERVICES]]
    assert (beside.backend, beside.invoke(STOP)) == ("wsman", {"a": 1})
    nothing = Beside(Backend("wsman", [Reading(1)]), [])
    assert (nothing.read([SERVICES])[0].get(), nothing.readings) == (1, [])
