# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Windows and its KMS hosts refuse: the licensing code with its symbol and meaning, whatever form it comes in, and nothing tried twice."""

from __future__ import annotations

import typing as t

import pytest

from tests.system.ansible_runs import Json
from tests.system.bad_input import (
    ACTIVATE,
    HOST,
    HOST_KEY,
    INSTALL,
    LICENSED_HOST,
    MAK,
    NEWER_HOST_KEY,
    OK,
    OTHER_HOST_KEY,
    PC,
    REFRESH,
    SERVER,
    SERVER_GVLK,
    UNINSTALL,
    UNKNOWN_KEY,
    Case,
    Outcomes,
    matches,
    own_host_key,
    run_cases,
)
from tests.system.conftest import StartLab

UNKNOWN_ERROR = "The WS-Management service cannot process the request. The WMI service or the WMI provider returned an unknown error"
FORMS = {
    "text": f"WMI Provider says: {UNKNOWN_ERROR}: HRESULT {{low}}",
    "return_value": "the method returned {number}",
    "code": f"WMI Provider says: {UNKNOWN_ERROR}",
    "text_only": f"WMI Provider says: {UNKNOWN_ERROR}: HRESULT {{low}}",
    "wmierror": f"{UNKNOWN_ERROR}: HRESULT {{low}}",
}
"""What is shown of each form in which a provider's code may come."""

INSTALLING = "calling InstallProductKey of SoftwareLicensingService (Version=…): "
ACTIVATING = "calling Activate of SoftwareLicensingProduct (ID=…): "


class Code(t.NamedTuple):
    """A code of Windows as a user reads it."""

    code: int
    symbol: str
    meaning: str
    next_step: str

    def says(self, doing: str, form: str = "text") -> str:
        """Return the message of a task that met it."""
        came = FORMS[form].format(low=f"0x{self.code:08x}", number=self.code)
        return f"{doing}{came} (0x{self.code:08X} {self.symbol}). {self.meaning} Next: {self.next_step}"

    @property
    def error(self) -> Json:
        """Return what the result has of it."""
        return {
            "code": f"0x{self.code:08X}",
            "symbol": self.symbol,
            "meaning": self.meaning,
            "next_step": self.next_step.rstrip("."),
        }


INVALID = Code(
    0xC004F050, "SL_E_INVALID_PRODUCT_KEY", "Product key invalid.", "Check the key and that the OS may host that CSVLK (update level)."
)
MISMATCH = Code(
    0xC004F069,
    "SL_E_MISMATCHED_PRODUCT_SKU",
    "Product key does not match the installed edition (SKU mismatch).",
    "Install the key for the exact EditionID; evaluation editions need an edition conversion first.",
)
NOT_INSTALLED = Code(0xC004F014, "SL_E_PKEY_NOT_INSTALLED", "No product key installed.", "Install the GVLK or MAK.")
NOT_ACTIVATED = Code(
    0xC004F041,
    "SL_E_VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED",
    "The KMS host itself is not activated.",
    "Activate the host key online or by telephone.",
)
UNAVAILABLE = Code(
    0xC004F074,
    "SL_E_VL_BINDING_SERVICE_UNAVAILABLE",
    "No KMS host gave a usable answer (generic wrapper).",
    "Read each event 12288 of the attempt: field 1 carries the real HRESULT. Then check SRV record, TCP port, sppsvc on the host, clocks.",
)
NOT_ENABLED = Code(
    0xC004F039,
    "SL_E_VL_BINDING_SERVICE_NOT_ENABLED",
    "KMS not enabled on the contacted host.",
    "Check host key and IsKeyManagementServiceMachine on the target, then TCP 1688.",
)
ID_MISMATCH = Code(
    0xC004F042,
    "SL_E_VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH",
    "The contacted host may not serve this product (ID mismatch).",
    "Point the client at a host whose CSVLK covers it, or install a newer CSVLK/update on the host. "
    "Host-side event shows 0xC004F015 in one documented case.",
)
NOT_ENOUGH = Code(
    0xC004F038,
    "SL_E_VL_NOT_ENOUGH_COUNT",
    "Host answered, but its count is below what this client needs.",
    "Add unique clients or wait; compare CMIDs; check count on every host. Proves network and host are fine.",
)
NO_NAME = Code(
    0x8007232B,
    "DNS_ERROR_RCODE_NAME_ERROR",
    "DNS name does not exist.",
    "Create or publish the record, fix suffix list, or set host explicitly; else use a MAK.",
)
DISABLED = Code(0x80070422, "ERROR_SERVICE_DISABLED", "sppsvc disabled.", "Set sppsvc back to its default delayed start.")

BESIDES: list[Json] = [
    {**HOST, "name": "unlicensed", "key": own_host_key("unlicensed"), "firewall_exception": True},
    {**LICENSED_HOST, "name": "lonely", "key": own_host_key("lonely")},
    {**LICENSED_HOST, "name": "shut", "key": own_host_key("shut"), "firewall_exception": False},
    {**SERVER, "name": "plain"},
]
STANDARD: Json = {"windows": "server-2022-standard", "key": None}
DESKTOP: Json = {"windows": "windows-10-enterprise", "key": None}


def refused_key(promise: str, machine: Json, module: str, options: Json, code: Code, form: str = "text") -> Case:
    """Return the case that Windows does not take a key."""
    return Case(promise, machine, module, options, says=code.says(INSTALLING, form), error=code.error, writes=(INSTALL,))


KEYS = [
    *(
        refused_key(
            f"an unknown key, said in the form {form}",
            {**SERVER, "provider_fault_form": form},
            "host_key",
            {"key": UNKNOWN_KEY},
            INVALID,
            form,
        )
        for form in FORMS
    ),
    *(
        refused_key(
            f"a key for another edition, said in the form {form}",
            {**STANDARD, "provider_fault_form": form},
            "client_key",
            {"key": MAK, "allow_unlisted_key": True},
            MISMATCH,
            form,
        )
        for form in FORMS
    ),
    refused_key("a host key that needs an update first", {**SERVER, "ubr": 1}, "host_key", {"key": NEWER_HOST_KEY}, INVALID),
    refused_key("a host key of servers on a client Windows", DESKTOP, "host_key", {"key": HOST_KEY, "allow_client_os": True}, MISMATCH),
    Case(
        "a host key that Windows does not take out",
        {**LICENSED_HOST, "failing": {f"SoftwareLicensingProduct.{UNINSTALL}": NOT_INSTALLED.code}},
        "host_key",
        {"state": "absent"},
        says=NOT_INSTALLED.says("calling UninstallProductKey of SoftwareLicensingProduct (ID=…): "),
        error=NOT_INSTALLED.error,
        writes=(UNINSTALL,),
    ),
    Case(
        "a firewall rule that may not be changed",
        {**SERVER, "failing": {"MSFT_NetFirewallRule.Enable": 0x80070005}},
        "firewall_exception",
        says="calling Enable of MSFT_NetFirewallRule (CreationClassName=MSFT|FW|FirewallRule|SPPSVC-In-TCP): WMI Provider says: … "
        "(0x80070005 ERROR_ACCESS_DENIED). Access denied. Next: use an account of the machine's Administrators group; …",
        error={"code": "0x80070005", "symbol": "ERROR_ACCESS_DENIED"},
        writes=("Enable",),
    ),
]

A_MAK = "Windows(R), Enterprise edition (mak, key ...AZ0LE)"
OTHER_KINDS = [
    Case(
        "a MAK that was called a client key",
        DESKTOP,
        "client_key",
        {"key": MAK, "allow_unlisted_key": True},
        says=f"the key ending in AZ0LE was installed, but it is no KMS client key: this machine's Windows is now {A_MAK}. "
        "Next: run this module again with key: auto and convert_from: [mak].",
        changed=True,
        writes=(INSTALL, REFRESH),
        differs=("products",),
    ),
    Case(
        "a MAK that was called a host key",
        DESKTOP,
        "host_key",
        {"key": MAK, "allow_client_os": True},
        says=f"the key ending in AZ0LE was installed, but it is no KMS host key: it made {A_MAK}. "
        "Next: give the host key (CSVLK), with convert_from: [mak].",
        changed=True,
        writes=(INSTALL, REFRESH),
        differs=("products",),
    ),
]


def client(host: str, **more: t.Any) -> Json:
    """Return a machine that is told to ask a host."""
    return {**SERVER_GVLK, "kms_machine": {"name": f"{host}.corp.example"}, **more}


def refused(promise: str, machine: Json, code: Code, form: str = "text", **options: t.Any) -> Case:
    """Return the case that an activation does not succeed."""
    return Case(promise, machine, "activate", options, says=code.says(ACTIVATING, form), error=code.error, writes=(ACTIVATE,))


ACTIVATIONS = [
    refused("a host that is not licensed", client("unlicensed"), NOT_ACTIVATED),
    refused("a host behind a firewall", client("shut"), UNAVAILABLE),
    refused("a machine that is no host", client("plain"), NOT_ENABLED),
    refused("a host with another time", client("lonely", clock_offset_seconds=5 * 3600), UNAVAILABLE),
    refused("a host that is too old for this Windows", client("lonely", windows="server-2025-standard"), ID_MISMATCH),
    refused("a domain without a record", {**SERVER_GVLK, "domain": "empty.example"}, NO_NAME),
    refused("a count that is too low", client("lonely"), NOT_ENOUGH),
    refused("a host that is not there where a low count is accepted", client("nobody"), UNAVAILABLE, accept_low_count=True),
    *(
        refused(f"a host that is not there, said in the form {form}", client("nobody", provider_fault_form=form), UNAVAILABLE, form)
        for form in FORMS
    ),
    Case(
        "a host key where Microsoft is out of reach",
        {**HOST, "internet": False},
        "activate",
        says=ACTIVATING + "WMI Provider says: … HRESULT 0x80072ee7 (0x80072EE7 …). Microsoft host name not resolved. Next: …",
        error={"code": "0x80072EE7", "meaning": "Microsoft host name not resolved."},
        writes=(ACTIVATE,),
    ),
]
LOW = [
    Case(
        f"a count that is too low and accepted, said in the form {form}",
        client("lonely", provider_fault_form=form),
        "activate",
        {"accept_low_count": True},
        status=OK,
        says="The KMS host counted Windows(R), ServerStandard edition (kms_client, key ...VMK7H), but its count is still below the minimum of 5: "
        "ask again when more machines have asked.",
        result={"outcome": "count_too_low", "restarted": False},
        writes=(ACTIVATE,),
    )
    # One machine each, and the count must stay below 5 with the case above.
    for form in ("text", "return_value", "wmierror")
]
OLDER = [
    Case(f"{module} on {windows}", {"windows": windows, "key": "gvlk"}, module, status=OK)
    for windows in ("server-2012-standard", "server-2012-r2-standard", "windows-8.1-enterprise", "windows-8.1-pro")
    for module in ("activation_info", "client_key")
]
SERVICE = [
    Case(
        "a licensed host whose service does not run",
        {**LICENSED_HOST, "sppsvc": "stopped"},
        "activate",
        status=OK,
        says="Windows(R), ServerDatacenter edition (kms_host, key ...0A1Z5) is licensed already.",
        result={"outcome": "already_licensed"},
        # Windows starts it by itself as soon as its products are asked for: no message of ours is needed.
        differs=("listening", "sppsvc"),
    ),
    Case(
        "a licensed host whose service is disabled",
        {**LICENSED_HOST, "sppsvc": "disabled"},
        "activate",
        says=DISABLED.says("reading SoftwareLicensingProduct: "),
        error=DISABLED.error,
    ),
]
NO_SUCH_KEY = "This machine has no such KMS host key."
NOTHING_TO_REMOVE = [
    Case("no key at all", SERVER, "host_key", {"state": "absent"}, status=OK, says=NO_SUCH_KEY),
    Case("another host key", LICENSED_HOST, "host_key", {"state": "absent", "key": OTHER_HOST_KEY}, status=OK, says=NO_SUCH_KEY),
    Case("a MAK", {**DESKTOP, "key": MAK}, "host_key", {"state": "absent"}, status=OK, says=NO_SUCH_KEY),
    Case("a client key", PC, "host_key", {"state": "absent"}, status=OK, says=NO_SUCH_KEY),
]
EVALUATION = Case(
    "an evaluation that still runs",
    {"windows": "server-2022-datacenter-evaluation"},
    "activate",
    status=OK,
    says="Windows(R), ServerDatacenterEval edition (evaluation, key ...…) is licensed already.",
    result={"outcome": "already_licensed"},
)
CASES = [*KEYS, *OTHER_KINDS, *ACTIVATIONS, *LOW, *OLDER, *SERVICE, *NOTHING_TO_REMOVE, EVALUATION]


def promise(case: Case) -> str:
    return case.promise


@pytest.fixture(scope="module")
def outcomes(start_lab: StartLab) -> Outcomes:
    return run_cases(start_lab, CASES, BESIDES)


@pytest.mark.parametrize("case", KEYS, ids=promise)
def test_what_windows_refuses_comes_with_code_symbol_and_meaning(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


@pytest.mark.parametrize("case", OTHER_KINDS, ids=promise)
def test_a_key_of_another_kind_than_it_was_called_is_a_failure_that_says_what_is_in_now(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


@pytest.mark.parametrize("case", ACTIVATIONS, ids=promise)
def test_an_activation_that_fails_is_asked_for_once_and_says_why(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


@pytest.mark.parametrize("case", LOW, ids=promise)
def test_a_low_count_is_an_outcome_where_it_is_accepted(outcomes: Outcomes, case: Case) -> None:
    met = outcomes.check(case)
    (host,) = outcomes.lab.client.state("lonely")["products"]
    # What is said is true: the host did count the machine.
    assert met.after["cmid"] in host["host"]["cmids"]


@pytest.mark.parametrize("case", OLDER, ids=promise)
def test_an_older_windows_is_asked_for_nothing_that_it_does_not_have(outcomes: Outcomes, case: Case) -> None:
    met = outcomes.check(case)
    assert [call for call in met.calls if call["fault"] or call["status"] != 200] == []


def test_an_older_windows_is_read_like_a_new_one(outcomes: Outcomes) -> None:
    for case in OLDER:
        if case.module == "activation_info":
            facts = outcomes[case.promise].task.result["activation"]
            assert facts["problems"] == []
            (product,) = facts["products"]
            assert facts["primary"] == product["activation_id"]
            assert product["role"] == "kms_client"


@pytest.mark.parametrize("case", SERVICE, ids=promise)
def test_a_licensing_service_that_does_not_run_is_running_afterwards_or_an_error(outcomes: Outcomes, case: Case) -> None:
    met = outcomes.check(case)
    if case.status == OK:
        assert (met.after["sppsvc"], met.after["listening"]) == ("Running", 1688)


@pytest.mark.parametrize("case", NOTHING_TO_REMOVE, ids=promise)
def test_only_a_host_key_is_removed_and_only_the_one_that_was_named(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


def test_an_evaluation_is_left_alone_and_refused_when_it_is_over(outcomes: Outcomes) -> None:
    met = outcomes.check(EVALUATION)
    # The last test that looks at this lab, for the clock is that of all its machines.
    outcomes.lab.client.advance(181 * 86400)
    number = outcomes.lab.last_call()
    result = outcomes.lab.module(met.name, "activate")
    assert result.status == "failed"
    assert matches(
        result.msg,
        "Windows(R), ServerDatacenterEval edition (evaluation, key ...…) is an evaluation, which cannot be activated for good. "
        "Nothing was changed. Next: change the machine to a licensed edition first (DISM /Online /Set-Edition).",
    )
    assert outcomes.lab.writes(met.name, number) == []


def test_no_key_is_shown_in_all_this(outcomes: Outcomes) -> None:
    outcomes.check_no_key_shown()
