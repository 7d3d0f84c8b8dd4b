# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change whose answer is lost or spoilt: it is sent once, the state is read until it shows, and what the task says is what the machine is."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from tests.system.ansible_runs import Json
from tests.system.bad_input import (
    ACTIVATE,
    HOST,
    HOST_KEY,
    INSTALL,
    LICENSED_HOST,
    OK,
    PC_WITHOUT_KEY,
    REFRESH,
    SERVER,
    UNINSTALL,
    UNREACHABLE,
    Case,
    Outcomes,
    own_host_key,
    run_again,
    run_cases,
)
from tests.system.conftest import StartLab

# The state is looked at once, or after a pause of two seconds for a second time.
ONE_LOOK = {"confirm_timeout": 0}
TWO_LOOKS = {"confirm_timeout": 1}

WAITED = "watched for … s, and the state is the old one. It was not sent a second time. Next: run the task again, it compares first."
LOST_CALL = "the connection was lost (…); the call was sent and may have been carried out; "
WEB_PAGE = "the answer is a web page, not a WS-Management message; "


class Change(t.NamedTuple):
    """A call that changes a machine: which task makes it where, what else it sends, what it changes, and what it says done and undone."""

    module: str
    options: Json
    machine: Json
    more: tuple[str, ...]
    differs: tuple[str, ...]
    done: str
    undone: str


CHANGES = {
    INSTALL: Change(
        "host_key",
        {"key": HOST_KEY},
        SERVER,
        (),
        ("listening", "products"),
        "Installed the KMS host key ending in 0A1Z5.",
        "InstallProductKey was not applied: {}" + WAITED,
    ),
    UNINSTALL: Change(
        "host_key",
        {"state": "absent"},
        LICENSED_HOST,
        (),
        ("listening", "products"),
        "Removed the key of Windows(R), ServerDatacenter edition (kms_host, key ...…). Its SRV record stays in DNS until someone removes it.",
        "UninstallProductKey was not applied: {}" + WAITED,
    ),
    ACTIVATE: Change(
        "activate",
        {},
        {**HOST, "firewall_exception": True},
        ("StopService", "StartService"),
        ("products",),
        "Windows(R), ServerDatacenter edition (kms_host, key ...…) is licensed now. "
        "The licensing service was restarted, so that the host publishes its SRV record.",
        "Activate was not applied: {}" + WAITED,
    ),
    "Enable": Change(
        "firewall_exception",
        {},
        SERVER,
        (),
        ("firewall",),
        "The KMS firewall exception was enabled.",
        "the firewall rule SPPSVC-In-TCP was not enabled: {}" + WAITED,
    ),
    "Disable": Change(
        "firewall_exception",
        {"state": "disabled"},
        LICENSED_HOST,
        (),
        ("firewall",),
        "The KMS firewall exception was disabled.",
        "the firewall rule SPPSVC-In-TCP was not disabled: {}" + WAITED,
    ),
}
AFTER_IT = {
    "cut after it was carried out": {"do": "cut_after"},
    "closed after it was carried out": {"do": "cut_after", "how": "close"},
    "cut in the middle of its answer": {"do": "cut_in_reply"},
    "answered by broken XML": {"do": "malformed"},
    "answered by XML that ends too early": {"do": "truncated"},
    "answered with an entity": {"do": "doctype"},
    "answered by more than four mebibytes": {"do": "oversize"},
    "answered that time is up": {"do": "fault", "execute": True},
}
BEFORE_IT: dict[str, tuple[Json, str, Json]] = {
    "cut before it was carried out": ({"do": "cut_before"}, LOST_CALL, TWO_LOOKS),
    "closed before it was carried out": ({"do": "cut_before", "how": "close"}, LOST_CALL, ONE_LOOK),
    "answered by a web page": ({"do": "http", "body": "<html><body>Log in</body></html>"}, WEB_PAGE, ONE_LOOK),
    "answered by status 500 and nothing": ({"do": "http", "status": 500}, "HTTP 500: the answer is empty; ", ONE_LOOK),
    "not carried out in time": (
        {"do": "fault"},
        "The WS-Management service cannot complete the operation within the time specified in OperationTimeout "
        "(0x80338029 ERROR_WSMAN_OPERATION_TIMEDOUT); ",
        ONE_LOOK,
    ),
}


def lost(method: str, how: str) -> Case:
    """Return the case that a change is carried out and its answer does not arrive."""
    change = CHANGES[method]
    promise = f"{method} {how}"
    return Case(
        promise,
        _with_own_key(change.machine, promise),
        change.module,
        change.options | TWO_LOOKS,
        faults=({"method": method, **AFTER_IT[how]},),
        status=OK,
        says=change.done,
        changed=True,
        writes=(method, *change.more),
        differs=change.differs,
    )


def undone(method: str, how: str) -> Case:
    """Return the case that a change does not arrive."""
    change = CHANGES[method]
    promise = f"{method} {how}"
    fault, words, looks = BEFORE_IT[how]
    return Case(
        promise,
        _with_own_key(change.machine, promise),
        change.module,
        change.options | looks,
        faults=({"method": method, **fault},),
        says=change.undone.format(words),
        error={"next_step": "run the task again, it compares first"},
        # It may have been carried out after the last look.
        changed=True,
        writes=(method,),
    )


def _with_own_key(machine: Json, promise: str) -> Json:
    return machine | ({"key": own_host_key(promise)} if machine.get("key") else {})


LOST = [lost(method, how) for method in CHANGES for how in AFTER_IT]
UNDONE = [undone(method, how) for method in CHANGES for how in BEFORE_IT]

PRODUCTS = {"operation": "Enumerate", "cim_class": "SoftwareLicensingProduct"}
RULES = {"operation": "Enumerate", "cim_class": "MSFT_NetFirewallRule"}
SERVICE = {"operation": "Enumerate", "cim_class": "Win32_Service"}
AWAY = [
    Case(
        "a machine that is away for a moment after the key was sent",
        PC_WITHOUT_KEY,
        "client_key",
        TWO_LOOKS,
        # The first read is the comparison; a read that breaks is tried a second time.
        faults=({"method": INSTALL, "do": "cut_after"}, {**PRODUCTS, "do": "cut_before", "skip": 1, "times": 2}),
        status=OK,
        says="Installed the client key of Windows 10 / Windows 11 Enterprise (...2YT43).",
        changed=True,
        writes=(INSTALL,),
        differs=("products",),
    ),
    Case(
        "a machine that is away for a moment after a firewall rule was switched",
        SERVER,
        "firewall_exception",
        TWO_LOOKS,
        faults=({"method": "Enable", "do": "cut_after"}, {**RULES, "do": "cut_before", "skip": 1, "times": 2}),
        status=OK,
        says=CHANGES["Enable"].done,
        changed=True,
        writes=("Enable",),
        differs=("firewall",),
    ),
    Case(
        "a machine that stays away after a firewall rule was switched",
        SERVER,
        "firewall_exception",
        ONE_LOOK,
        faults=({**RULES, "do": "cut_before", "skip": 1, "times": None},),
        status=UNREACHABLE,
        says="the firewall rule SPPSVC-In-TCP was enabled; then reading MSFT_NetFirewallRule: the connection was lost (…). "
        "Next: check the network and the WinRM service of the machine, then run the task again.",
        changed=True,
        writes=("Enable",),
        differs=("firewall",),
    ),
    Case(
        "a machine that is away for a moment after its licensing service was stopped",
        {**HOST, "key": own_host_key("away")},
        "activate",
        faults=({"method": "StopService", "do": "cut_after"}, {**SERVICE, "do": "cut_before", "skip": 1, "times": 2}),
        status=OK,
        says=CHANGES[ACTIVATE].done,
        changed=True,
        writes=(ACTIVATE, REFRESH, "StopService", "StartService"),
        differs=("products",),
    ),
    Case(
        "a machine that stays away after the key was sent",
        PC_WITHOUT_KEY,
        "client_key",
        ONE_LOOK,
        faults=({"method": INSTALL, "do": "cut_after"}, {**PRODUCTS, "do": "cut_before", "skip": 1, "times": None}),
        says="InstallProductKey was not applied: " + LOST_CALL + "watched for 0 s, and the state could not be read since: "
        "reading SoftwareLicensingProduct: the connection was lost (…). It was not sent a second time. Next: run the task again, it compares first.",
        changed=True,
        writes=(INSTALL,),
        differs=("products",),
    ),
    Case(
        "a machine that stays away after the key was accepted",
        PC_WITHOUT_KEY,
        "client_key",
        faults=({**PRODUCTS, "do": "cut_before", "skip": 1, "times": None},),
        status=UNREACHABLE,
        says="the product key ending in 2YT43 is in; then reading SoftwareLicensingProduct: the connection was lost (…). "
        "Next: check the network and the WinRM service of the machine, then run the task again.",
        changed=True,
        writes=(INSTALL, REFRESH),
        differs=("products",),
    ),
    *(
        Case(
            f"a lost answer to the refresh after a key, {do}",
            PC_WITHOUT_KEY,
            "client_key",
            faults=({"method": REFRESH, "do": do},),
            status=OK,
            says="Installed the client key of Windows 10 / Windows 11 Enterprise (...2YT43).",
            changed=True,
            writes=(INSTALL, REFRESH),
            differs=("products",),
        )
        for do in ("cut_before", "cut_after", "malformed")
    ),
    Case(
        "a refresh that fails after a key",
        {**PC_WITHOUT_KEY, "failing": {"SoftwareLicensingService.RefreshLicenseStatus": 0xC004D302}},
        "client_key",
        says="the product key ending in 2YT43 is in; then calling RefreshLicenseStatus of SoftwareLicensingService (Version=…): WMI Provider says: … "
        "HRESULT 0xc004d302 (0xC004D302 SL_REMAPPING_SP_PUB_TS_REARMED). Trusted store was rearmed; reboot pending. "
        "Next: Reboot before any other licensing call.",
        error={"code": "0xC004D302", "symbol": "SL_REMAPPING_SP_PUB_TS_REARMED"},
        changed=True,
        writes=(INSTALL, REFRESH),
        differs=("products",),
    ),
    Case(
        "a service that does not stop after the activation of a host",
        {**HOST, "key": own_host_key("stop"), "failing": {"Win32_Service.StopService": 0x80070005}},
        "activate",
        says="Windows(R), ServerDatacenter edition (kms_host, key ...…) is licensed now; "
        "then calling StopService of Win32_Service (Name=sppsvc): WMI Provider says: … HRESULT 0x80070005 (0x80070005 ERROR_ACCESS_DENIED). "
        "Access denied. Next: use an account of the machine's Administrators group; …",
        error={"code": "0x80070005", "symbol": "ERROR_ACCESS_DENIED"},
        changed=True,
        writes=(ACTIVATE, REFRESH, "StopService"),
        differs=("products",),
    ),
    *(
        Case(
            f"a lost answer to {method} after the activation of a host",
            {**HOST, "key": own_host_key(method)},
            "activate",
            faults=({"method": method, "do": "cut_after"},),
            status=OK,
            says=CHANGES[ACTIVATE].done,
            changed=True,
            writes=(ACTIVATE, REFRESH, "StopService", "StartService"),
            differs=("products",),
        )
        for method in ("StopService", "StartService")
    ),
]
CASES = [*LOST, *UNDONE, *AWAY]

IN_ALREADY = {
    INSTALL: "The KMS host key ending in 0A1Z5 is in already.",
    UNINSTALL: "This machine has no such KMS host key.",
    ACTIVATE: "Windows(R), ServerDatacenter edition (kms_host, key ...…) is licensed already.",
    "Enable": "The KMS firewall exception is enabled already.",
    "Disable": "The KMS firewall exception is disabled already.",
}


def promise(case: Case) -> str:
    return case.promise


@pytest.fixture(scope="module")
def outcomes(start_lab: StartLab) -> Outcomes:
    return run_cases(start_lab, CASES)


@pytest.fixture(scope="module")
def again(outcomes: Outcomes) -> Outcomes:
    """The same tasks once more, with nothing in their way."""
    outcomes.lab.client.clear_faults()
    return run_again(outcomes)


@pytest.mark.parametrize("case", LOST, ids=promise)
def test_a_change_whose_answer_is_lost_is_seen_in_the_state_and_not_sent_twice(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


@pytest.mark.parametrize("case", UNDONE, ids=promise)
def test_a_change_that_the_state_does_not_show_is_a_failure_and_not_sent_twice(outcomes: Outcomes, case: Case) -> None:
    met = outcomes.check(case)
    error = met.task.result["error"]
    assert met.task.msg == f"{error['not_applied']}. Next: {error['next_step']}."


@pytest.mark.parametrize("case", AWAY, ids=promise)
def test_what_was_changed_before_an_error_is_said_to_be_changed(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


def test_the_user_is_told_that_the_state_is_being_watched(outcomes: Outcomes) -> None:
    name = outcomes[f"{INSTALL} cut before it was carried out"].name
    line = f"activation.kms: {name}: the answer to InstallProductKey was lost; watching the machine's state for up to 1 s"
    assert line in outcomes.run.stderr.splitlines()


def test_an_activation_whose_answer_is_lost_uses_up_one_activation(outcomes: Outcomes) -> None:
    for how in AFTER_IT:
        (product,) = outcomes[f"{ACTIVATE} {how}"].after["products"]
        assert product["activations_used"] == 1, how


@pytest.mark.parametrize("case", LOST, ids=promise)
def test_after_a_lost_answer_the_same_task_finds_nothing_to_do(again: Outcomes, case: Case) -> None:
    again.check(dataclasses.replace(case, says=IN_ALREADY[case.promise.partition(" ")[0]], changed=False, writes=(), differs=()))


@pytest.mark.parametrize("case", UNDONE, ids=promise)
def test_after_a_change_that_was_not_applied_the_same_task_applies_it(again: Outcomes, case: Case) -> None:
    method = case.promise.partition(" ")[0]
    change = CHANGES[method]
    refresh = () if case.module == "firewall_exception" else (REFRESH,)
    again.check(
        dataclasses.replace(case, status=OK, says=change.done, error={}, writes=(method, *refresh, *change.more), differs=change.differs)
    )


def test_no_key_is_shown_in_all_this(outcomes: Outcomes, again: Outcomes) -> None:
    outcomes.check_no_key_shown()
    again.check_no_key_shown()
