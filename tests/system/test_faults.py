# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault that a machine, its services or the way to it can have, each with the text that a user reads.

L(STANDS) names each fault and the cases that show it. The files test_bad_input_*.py take one way of failing in all its forms; here are the others: time,
sizes and quotas, the licensing service that restarts under a task, and sessions whose messages are sealed. test_languages.py has Windows in other languages.
"""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from tests.system import (
    test_authentication,
    test_backends,
    test_bad_input_changes,
    test_bad_input_connection,
    test_bad_input_replies,
    test_bad_input_windows,
)
from tests.system.ansible_runs import Json
from tests.system.bad_input import (
    ACTIVATE,
    HOST,
    INSTALL,
    MAK,
    OK,
    PC,
    PC_WITHOUT_KEY,
    REFRESH,
    SERVER,
    UNREACHABLE,
    Case,
    Outcomes,
    own_host_key,
    run_cases,
)
from tests.system.conftest import StartLab
from tests.system.test_bad_input_connection import LOGIN_REFUSED
from tests.system.test_bad_input_replies import CLIENT, QUERY, THREE_PRODUCTS

READING = "reading SoftwareLicensingProduct: "
UNKNOWN_ERROR = (
    "WMI Provider says: The WS-Management service cannot process the request. "
    "The WMI service or the WMI provider returned an unknown error: HRESULT {}"
)
SERVER_UNAVAILABLE, CALL_FAILED, CALL_FAILED_DNE = 0x800706BA, 0x800706BE, 0x800706BF
INSTALLED = "Installed the client key of Windows 10 / Windows 11 Enterprise (...2YT43)."
ONE_LOOK = {"confirm_timeout": 0}


def broken_off(code: int, method: str, executed: bool) -> tuple[Json, ...]:
    """Return the fault that the service goes away under a call of a method."""
    return ({"do": "fault", "method": method, "form": "text", "hresult": code, "execute": executed},)


TIME_AND_SIZE = [
    Case(
        "a provider that takes three seconds to answer a query",
        PC,
        "activation_info",
        faults=({"do": "hang", "seconds": 3.0, **QUERY},),
        status=OK,
        result=CLIENT,
    ),
    Case(
        "a provider that takes three seconds to take a key",
        PC_WITHOUT_KEY,
        "client_key",
        faults=({"do": "hang", "seconds": 3.0, "when": "after", "method": INSTALL},),
        status=OK,
        says=INSTALLED,
        changed=True,
        writes=(INSTALL, REFRESH),
        differs=("products",),
    ),
    Case(
        "an answer that is larger than the envelope may be",
        PC,
        "activation_info",
        faults=({"do": "fault", **QUERY, "code": 0x80338048},),
        says=READING
        + "The WS-Management service cannot process the request because the response is larger than the maximum envelope size in the request "
        "(0x80338048 ERROR_WSMAN_MAX_ENVELOPE_SIZE_EXCEEDED). The answer is larger than the envelope size asked for. "
        "Next: Set backend to powershell for this machine, or raise MaxEnvelopeSizekb of its WinRM service.",
        error={"code": "0x80338048", "symbol": "ERROR_WSMAN_MAX_ENVELOPE_SIZE_EXCEEDED"},
    ),
    Case(
        "an enumeration that the machine ended early once",
        THREE_PRODUCTS,
        "activation_info",
        faults=({"do": "fault", "operation": "Pull", "code": 0x8033801B},),
        status=OK,
    ),
    Case(
        "an enumeration that the machine ended early",
        THREE_PRODUCTS,
        "activation_info",
        faults=({"do": "fault", "operation": "Pull", "code": 0x8033801B, "times": 2},),
        says=READING + "The WS-Enumeration context in the enumeration is not valid. Enumeration may have been completed or canceled. "
        "You cannot use this enumeration context anymore. Start a new enumeration; 1 row had been read before and was dropped "
        "(0x8033801B ERROR_WSMAN_ENUMERATE_INVALID_ENUMERATION_CONTEXT). The machine no longer knows this enumeration. Next: Run the task again.",
        error={"code": "0x8033801B", "symbol": "ERROR_WSMAN_ENUMERATE_INVALID_ENUMERATION_CONTEXT"},
    ),
    Case(
        "a quota that a change meets once",
        PC_WITHOUT_KEY,
        "client_key",
        faults=({"do": "fault", "method": INSTALL, "code": 0x803381A6, "subcode": "w:QuotaLimit"},),
        status=OK,
        says=INSTALLED,
        changed=True,
        # The first one was not begun, and says so.
        writes=(INSTALL, INSTALL, REFRESH),
        differs=("products",),
    ),
]

RESTARTS = [
    *(
        Case(
            f"the licensing service away for a moment under a read, 0x{code:08X}",
            {**PC, "sppsvc_interrupted": [{"code": code}]},
            "activation_info",
            status=OK,
            result=CLIENT,
        )
        for code in (SERVER_UNAVAILABLE, CALL_FAILED, CALL_FAILED_DNE)
    ),
    Case(
        "the licensing service away under a read for good",
        {**PC, "sppsvc_interrupted": [{"code": SERVER_UNAVAILABLE}] * 20},
        "activation_info",
        says="reading SoftwareLicensingService: "
        + UNKNOWN_ERROR.format("0x800706ba")
        + " (0x800706BA RPC_S_SERVER_UNAVAILABLE). RPC server unavailable. "
        "Next: the licensing service (sppsvc) or the WMI service of the machine may be restarting: run the task again; if it stays, "
        "look at the System log of the machine for events of the Service Control Manager.",
        error={"code": "0x800706BA", "symbol": "RPC_S_SERVER_UNAVAILABLE"},
    ),
    Case(
        "the licensing service away before a key was taken",
        PC_WITHOUT_KEY,
        "client_key",
        faults=broken_off(SERVER_UNAVAILABLE, INSTALL, executed=False),
        says="calling InstallProductKey of SoftwareLicensingService (Version=…): "
        + UNKNOWN_ERROR.format("0x800706ba")
        + " (0x800706BA RPC_S_SERVER_UNAVAILABLE). RPC server unavailable. Next: nothing was begun: where the licensing service (sppsvc) of the machine "
        "was restarting, run the task again; where an activation was asked for, check the KMS host (its firewall rule, its port, its SRV record).",
        error={"code": "0x800706BA", "symbol": "RPC_S_SERVER_UNAVAILABLE"},
        writes=(INSTALL,),
    ),
    Case(
        "the licensing service gone in the middle of taking a key",
        PC_WITHOUT_KEY,
        "client_key",
        ONE_LOOK,
        faults=broken_off(CALL_FAILED, INSTALL, executed=False),
        says="InstallProductKey was not applied: "
        + UNKNOWN_ERROR.format("0x800706be")
        + " (0x800706BE RPC_S_CALL_FAILED); watched for 0 s, "
        "and the state is the old one. It was not sent a second time. Next: run the task again, it compares first.",
        error={"next_step": "run the task again, it compares first"},
        changed=True,
        writes=(INSTALL,),
    ),
    Case(
        "the licensing service gone after it took a key",
        PC_WITHOUT_KEY,
        "client_key",
        faults=broken_off(CALL_FAILED, INSTALL, executed=True),
        status=OK,
        says=INSTALLED,
        changed=True,
        writes=(INSTALL,),
        differs=("products",),
    ),
    Case(
        "the licensing service gone under the refresh after a key",
        PC_WITHOUT_KEY,
        "client_key",
        faults=broken_off(CALL_FAILED, REFRESH, executed=False),
        status=OK,
        says=INSTALLED,
        changed=True,
        writes=(INSTALL, REFRESH),
        differs=("products",),
    ),
    Case(
        "another program that starts the licensing service before it was seen stopped",
        {**HOST, "key": own_host_key("wanted"), "firewall_exception": True, "sppsvc_wanted": True},
        "activate",
        status=OK,
        says="Windows(R), ServerDatacenter edition (kms_host, key ...…) is licensed now. "
        "The licensing service was restarted, so that the host publishes its SRV record.",
        result={"outcome": "activated", "restarted": True},
        changed=True,
        writes=(ACTIVATE, REFRESH, "StopService"),
        differs=("products",),
    ),
]
SEALING: Json = {"authentication": ["ntlm"], "allow_unencrypted": False}


def sealed(promise: str, machine: Json, module: str, options: Json | None = None, **more: t.Any) -> Case:
    """Return a case of a session whose messages are sealed."""
    return Case(f"a sealed session {promise}", {**machine, **SEALING}, module, options or {}, logins=None, **more)


# test_authentication.py has the other ways in which a sealed session breaks, each of them over NTLM and over Kerberos.
SEALED = [
    *(
        sealed(
            f"whose socket is dropped between any two messages, {how}",
            PC,
            "activation_info",
            faults=({"do": "drop_idle", "how": how, "times": None},),
            status=OK,
            result=CLIENT,
        )
        for how in ("close", "reset")
    ),
    sealed(
        "whose socket is dropped after a query was carried out",
        PC,
        "activation_info",
        faults=({"do": "cut_after", **QUERY},),
        status=OK,
        result=CLIENT,
    ),
    sealed(
        "whose socket is dropped in the middle of the answer to a key",
        PC_WITHOUT_KEY,
        "client_key",
        faults=({"do": "cut_in_reply", "method": INSTALL},),
        status=OK,
        says=INSTALLED,
        changed=True,
        writes=(INSTALL,),
        differs=("products",),
    ),
]
EXPIRED = [
    Case(
        f"a password that was changed in the middle of a session, {login}, {what}",
        {**machine, **SEALING} if login == "sealed" else machine,
        module,
        faults=({"do": "unauthorized", "for_good": True, **on},),
        status=UNREACHABLE,
        says=doing + LOGIN_REFUSED,
        writes=writes,
        logins=None,
    )
    for login in ("plain", "sealed")
    for what, machine, module, on, doing, writes in (
        ("at a query", PC, "activation_info", QUERY, READING, ()),
        (
            "at a key",
            PC_WITHOUT_KEY,
            "client_key",
            {"method": INSTALL},
            "calling InstallProductKey of SoftwareLicensingService (Version=…): ",
            (INSTALL,),
        ),
    )
]
POWERSHELL: Json = {"backend": "powershell"}
ENDED = "PowerShell ended without an answer (exit code -1): …"


def over_powershell(
    promise: str, machine: Json, module: str, options: Json | None = None, fault: Json | None = None, **more: t.Any
) -> Case:
    """Return a case over the powershell backend. C(fault) meets a cmdlet on the machine, or the shell where it names an operation of one."""
    return Case(promise, machine, module, {**POWERSHELL, **(options or {})}, faults=(fault,) if fault else (), **more)


def at_cmdlet(do: str, **more: t.Any) -> Json:
    """Return a fault that meets a cmdlet; cut_before and cut_after kill the process that called it."""
    return {"do": do, "via": "powershell", **more}


# A run of PowerShell takes seconds, so that these are the modules that need the fewest.
OVER_POWERSHELL = [
    over_powershell(
        "PowerShell that dies before it answers a read",
        SERVER,
        "firewall_exception",
        fault={"do": "kill_process", "operation": "Receive"},
        says="reading MSFT_NetFirewallRule…: " + ENDED + " Next: see whether PowerShell starts there at all "
        "(ansible -m ansible.builtin.raw -a hostname), then run the task again.",
    ),
    over_powershell(
        "PowerShell that dies before a write",
        SERVER,
        "firewall_exception",
        ONE_LOOK,
        fault=at_cmdlet("cut_before", method="Enable"),
        says="the firewall rule SPPSVC-In-TCP was not enabled: " + ENDED + "; the call may have been carried out; watched for 0 s, "
        "and the state is the old one. It was not sent a second time. Next: run the task again, it compares first.",
        changed=True,
        writes=("Enable",),
    ),
    over_powershell(
        "PowerShell that dies after a write",
        SERVER,
        "firewall_exception",
        fault=at_cmdlet("cut_after", method="Enable"),
        status=OK,
        says="The KMS firewall exception was enabled.",
        changed=True,
        writes=("Enable",),
        differs=("firewall",),
    ),
    *(
        over_powershell(
            f"noise on stderr, {form}",
            SERVER,
            "firewall_exception",
            {"state": "disabled"},
            {"do": "stderr_noise", "operation": "Command", "form": form, "times": None},
            status=OK,
            says="The KMS firewall exception is disabled already.",
        )
        for form in ("clixml_progress", "clixml_error")
    ),
    over_powershell(
        "a provider that takes three seconds, over PowerShell",
        SERVER,
        "firewall_exception",
        {"state": "disabled"},
        at_cmdlet("hang", seconds=3.0, operation="Enumerate"),
        status=OK,
        says="The KMS firewall exception is disabled already.",
    ),
    over_powershell(
        "the licensing service away for a moment, over PowerShell",
        {**PC, "licensed": True, "sppsvc_interrupted": [{"code": SERVER_UNAVAILABLE}]},
        "activate",
        status=OK,
        says="Windows(R), Enterprise edition (kms_client, key ...2YT43) is licensed already.",
    ),
    over_powershell(
        "the licensing service gone in the middle of an activation, over PowerShell",
        {"windows": "windows-10-enterprise", "key": MAK},
        "activate",
        fault=at_cmdlet("fault", method=ACTIVATE, form="text", hresult=CALL_FAILED, execute=True),
        status=OK,
        says="Windows(R), Enterprise edition (mak, key ...AZ0LE) is licensed now.",
        changed=True,
        writes=(ACTIVATE,),
        differs=("products",),
    ),
]
CASES = [*TIME_AND_SIZE, *RESTARTS, *SEALED, *EXPIRED]

CONNECTION, REPLIES, CHANGES, WINDOWS = (
    frozenset(case.promise for case in module.CASES)
    for module in (test_bad_input_connection, test_bad_input_replies, test_bad_input_changes, test_bad_input_windows)
)
HERE = frozenset(case.promise for case in CASES)
THERE = frozenset(case.promise for case in OVER_POWERSHELL)
SESSIONS = frozenset(case.promise for case in (*test_authentication.NTLM_SESSIONS, *test_authentication.KERBEROS_SESSIONS))
# What is the same there over both backends; over wsman its words are in REPLIES and WINDOWS.
COMPARED = frozenset(test_backends.MACHINES)

STANDS: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {
    "401": (CONNECTION, ("a wrong password", "a wrong user")),
    "401 in mid-session": (CONNECTION, ("a login that is refused after it was accepted", "a login that is refused at the key itself")),
    "a password that was changed in mid-session": (HERE, tuple(case.promise for case in EXPIRED)),
    "a socket dropped between two messages": (
        REPLIES,
        ("a socket dropped between two messages, close", "a socket dropped between two messages, reset"),
    ),
    "a socket dropped in a sealed session": (
        HERE | SESSIONS,
        tuple(case.promise for case in (*SEALED, *test_authentication.NTLM_SESSIONS, *test_authentication.KERBEROS_SESSIONS)),
    ),
    "a redirect to another host": (
        CONNECTION,
        ("307 to a query", "307 to the rest of an answer", "307 to the host key", "308 to the host key"),
    ),
    "500 with a SOAP fault": (REPLIES, ("a provider that fails in the form text", "a provider that fails in the form wmierror")),
    "500 without one": (REPLIES, ("status 500 with nothing",)),
    "HTTP cut before, in and after the reply to a read": (
        REPLIES,
        (
            "a connection that breaks before a query once",
            "a connection that breaks in the middle of an answer once",
            "a connection that breaks after a query once",
            "a connection that breaks before a query every time",
            "a connection that breaks in the middle of an answer every time",
        ),
    ),
    "HTTP cut before, in and after the reply to a write": (
        CHANGES,
        tuple(
            f"{method} {how}"
            for method in (INSTALL, "UninstallProductKey", ACTIVATE, "Enable", "Disable")
            for how in ("cut before it was carried out", "cut in the middle of its answer", "cut after it was carried out")
        ),
    ),
    "a time-out of a read": (REPLIES, ("a time-out",)),
    "a time-out of a write": (CHANGES, (f"{INSTALL} not carried out in time", f"{INSTALL} answered that time is up")),
    "a slow provider": (
        HERE,
        ("a provider that takes three seconds to answer a query", "a provider that takes three seconds to take a key"),
    ),
    "a Pull that fails": (
        REPLIES,
        (
            "a fault while more rows are fetched",
            "a connection that breaks while more rows are fetched",
            "a machine that never has more to say",
        ),
    ),
    "a Pull that ends early": (HERE, ("an enumeration that the machine ended early once", "an enumeration that the machine ended early")),
    "MaxEnvelopeSize": (HERE, ("an answer that is larger than the envelope may be",)),
    "a quota at a read": (REPLIES, ("too many operations for a moment",)),
    "a quota at a write": (HERE, ("a quota that a change meets once",)),
    "a quota of shells": (CONNECTION, ("a session that the machine refuses to open",)),
    "access denied to one namespace": (
        REPLIES,
        ("access denied to WMI", "access denied to the firewall", "a firewall that may not be read on a host"),
    ),
    "access denied at a write": (WINDOWS, ("a firewall rule that may not be changed",)),
    "a provider's HRESULT": (WINDOWS, ("an unknown key, said in the form text", "a host that is not there, said in the form return_value")),
    "sppsvc restarting under us": (HERE, tuple(case.promise for case in RESTARTS)),
    "PowerShell that dies before an answer": (THERE, ("PowerShell that dies before it answers a read",)),
    "PowerShell that dies before, and after, a write": (
        THERE,
        ("PowerShell that dies before a write", "PowerShell that dies after a write"),
    ),
    "CLIXML noise on stderr": (THERE, ("noise on stderr, clixml_progress", "noise on stderr, clixml_error")),
    "access denied to one namespace, over PowerShell": (
        COMPARED,
        ("a host whose firewall namespace is closed", "an account that may not read CIM", "an account that may not read the registry"),
    ),
    "a provider's HRESULT, over PowerShell": (
        COMPARED,
        ("a client that is sent to a name that does not exist", "a host whose provider refuses the key"),
    ),
    "a slow provider, over PowerShell": (THERE, ("a provider that takes three seconds, over PowerShell",)),
    "sppsvc restarting under us, over PowerShell": (
        THERE,
        (
            "the licensing service away for a moment, over PowerShell",
            "the licensing service gone in the middle of an activation, over PowerShell",
        ),
    ),
}
"""Each fault, and the cases that show it. What happens below HTTP or in a SOAP message has no counterpart over PowerShell; what a connection
plugin meets there is in test_authentication.py."""


def promise(case: Case) -> str:
    return case.promise


@pytest.fixture(scope="module")
def outcomes(start_lab: StartLab) -> Outcomes:
    return run_cases(start_lab, [dataclasses.replace(case, options={**case.options, "backend": "wsman"}) for case in CASES])


@pytest.fixture(scope="module")
def outcomes_over_powershell(start_lab: StartLab) -> Outcomes:
    return run_cases(start_lab, OVER_POWERSHELL)


@pytest.mark.parametrize("fault", STANDS)
def test_each_fault_of_the_list_has_its_cases(fault: str) -> None:
    there, wanted = STANDS[fault]
    assert wanted
    assert set(wanted) - there == set()


@pytest.mark.wsman
@pytest.mark.parametrize("case", [*TIME_AND_SIZE, *RESTARTS, *SEALED], ids=promise)
def test_what_a_user_reads_of_time_size_quotas_restarts_and_sealed_sessions_that_break(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


@pytest.mark.wsman
@pytest.mark.parametrize("case", EXPIRED, ids=promise)
def test_a_password_that_is_no_longer_good_is_tried_once_at_the_most(outcomes: Outcomes, case: Case) -> None:
    met = outcomes.check(case)
    # The message that met it was refused without a look at the password where the session had one already.
    assert outcomes.lab.client.machine(met.name)["machine"]["refused_logins"] == (1 if "sealed" in case.promise else 0)
    refused = [call for call in met.calls if call["mischief"]]
    assert len(refused) == 1
    after = [call for call in met.calls if call["number"] > refused[0]["number"]]
    assert [call["operation"] for call in after if call["operation"]] == []


@pytest.mark.powershell
@pytest.mark.parametrize("case", OVER_POWERSHELL, ids=promise)
def test_over_powershell(outcomes_over_powershell: Outcomes, case: Case) -> None:
    met = outcomes_over_powershell.check(case)
    assert met.task.result["backend"] == "powershell"
