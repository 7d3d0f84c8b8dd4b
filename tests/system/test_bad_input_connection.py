# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that cannot be reached, or answer from somewhere else: one clear sentence, one login at most, and no message that goes astray."""

from __future__ import annotations

import typing as t

import certifi
import pytest

from tests.system.bad_input import (
    ACTIVATE,
    HOST_KEY,
    INSTALL,
    KEYS,
    MAK,
    PC,
    PC_WITHOUT_KEY,
    SERVER,
    UNREACHABLE,
    Case,
    Listener,
    Outcomes,
    run_cases,
)
from tests.system.conftest import StartLab

CONNECTING = "connecting to the machine (reading Win32_OperatingSystem): "
LISTENER = "http://listener.invalid"
"""Stands for the address of the test's own web server."""

UNREACHED = [
    Case(
        "a port where nothing listens",
        PC,
        "activation_info",
        variables={"ansible_port": 5999},
        status=UNREACHABLE,
        says=CONNECTING + "nothing listens at the address (basic: …Connection refused…). "
        "Next: check ansible_host and ansible_port, and that WinRM is switched on there (winrm quickconfig).",
    ),
    Case(
        "a path that is not served",
        PC,
        "activation_info",
        variables={"ansible_winrm_path": "/elsewhere"},
        status=UNREACHABLE,
        says=CONNECTING + "no WinRM service answers at this address (basic: Bad HTTP response returned from server. Code 404). "
        "Next: check ansible_winrm_path and ansible_port.",
    ),
    Case(
        "a WinRM service that is overloaded",
        PC,
        "activation_info",
        faults=({"do": "http", "operation": "Create", "status": 503},),
        status=UNREACHABLE,
        says=CONNECTING + "the WinRM service is not available (basic: Bad HTTP response returned from server. Code 503). "
        "Next: check that the WinRM service of the machine is running and not overloaded, then run the task again.",
    ),
    Case(
        "a machine that refuses cleartext",
        PC,
        "activation_info",
        faults=({"do": "http", "operation": "Create", "status": 500, "content_type": None},),
        status=UNREACHABLE,
        says=CONNECTING + "the machine refused the connection without a word (basic: Bad HTTP response returned from server. Code 500). "
        "Next: if the connection is plain HTTP with basic authentication, the machine has to allow it (AllowUnencrypted); "
        "HTTPS or NTLM is the better way.",
    ),
    Case(
        "https spoken to the port of http",
        PC,
        "activation_info",
        variables={"ansible_winrm_scheme": "https"},
        status=UNREACHABLE,
        says=CONNECTING + "no TLS connection came about (basic: …). "
        "Next: check that ansible_port and ansible_winrm_scheme fit the machine's listener: 5986 is https, 5985 is http.",
    ),
    Case(
        "http spoken to the port of https",
        PC,
        "activation_info",
        variables={"ansible_port": 5986},
        status=UNREACHABLE,
        says=CONNECTING + "the connection was lost (basic: …). "
        "Next: check the network and the WinRM service of the machine, then run the task again.",
    ),
    Case(
        "a certificate for another name",
        {**SERVER, "https": True, "certificate": "wrong_name"},
        "host_key",
        {"key": HOST_KEY},
        status=UNREACHABLE,
        says=CONNECTING + "the machine's certificate is for another name (basic: …certificate is not valid for…). "
        "Next: set ansible_host to a name in the certificate, or give the WinRM listener a certificate for this name.",
    ),
    Case(
        "a certificate of an authority that is not trusted",
        {**SERVER, "https": True},
        "host_key",
        {"key": HOST_KEY},
        variables={"ansible_winrm_ca_trust_path": certifi.where()},
        status=UNREACHABLE,
        says=CONNECTING + "the machine's certificate comes from an authority that the controller does not trust (basic: …). "
        "Next: point ansible_winrm_ca_trust_path at the authority's certificate.",
    ),
    Case(
        "a session that the machine refuses to open",
        PC,
        "activation_info",
        faults=({"do": "fault", "operation": "Create", "code": 0x803381A6, "subcode": "w:QuotaLimit", "text": "Too many shells. "},),
        status=UNREACHABLE,
        says=CONNECTING + "basic: Too many shells. (extended fault data: …'wsmanfault_code': 2150859174…). "
        "Next: check the connection variables (ansible -m ansible.builtin.raw -a hostname goes the same way).",
    ),
]

LOGIN_REFUSED = (
    "the machine refused the login (HTTP 401)…. Next: check ansible_user, ansible_password and ansible_winrm_transport; "
    "the login was not tried again, so that no account gets locked."
)
LOGINS = [
    Case(
        "a wrong password",
        SERVER,
        "host_key",
        {"key": HOST_KEY},
        variables={"ansible_password": "not the password"},
        status=UNREACHABLE,
        says=CONNECTING + LOGIN_REFUSED,
        logins=1,
    ),
    Case(
        "a wrong user",
        PC,
        "activation_info",
        variables={"ansible_user": "nobody"},
        status=UNREACHABLE,
        says=CONNECTING + LOGIN_REFUSED,
        logins=1,
    ),
    Case(
        "a login that is refused after it was accepted",
        PC,
        "activation_info",
        faults=({"do": "unauthorized", "operation": "Enumerate", "cim_class": "SoftwareLicensingService"},),
        status=UNREACHABLE,
        says="reading SoftwareLicensingService: " + LOGIN_REFUSED,
        logins=1,
    ),
    Case(
        "a login that is refused at the key itself",
        PC_WITHOUT_KEY,
        "client_key",
        faults=({"do": "unauthorized", "method": INSTALL},),
        status=UNREACHABLE,
        says="calling InstallProductKey of SoftwareLicensingService (Version=…): " + LOGIN_REFUSED,
        writes=(INSTALL,),
        logins=1,
    ),
]

CHOOSING = "choosing a way to reach the machine: "
WRONG_WAYS = [
    Case(
        "another connection than winrm",
        SERVER,
        "host_key",
        {"key": HOST_KEY, "backend": "wsman"},
        variables={"ansible_connection": "local"},
        says=CHOOSING + "the connection of this task is ansible.builtin.local, and the backend wsman needs ansible.builtin.winrm. "
        "Next: set backend to auto or powershell, or ansible_connection to winrm for this host.",
    ),
    Case(
        "become",
        SERVER,
        "host_key",
        {"key": HOST_KEY, "backend": "wsman"},
        keywords={"become": True, "become_method": "runas", "become_user": "SYSTEM"},
        says=CHOOSING + "become is on, and it has no effect on CIM messages: they would run as the login user. "
        "Next: set backend to auto or powershell, or become to false for this task.",
    ),
]

REDIRECTED = (
    "the answer was a redirect to 127.0.0.1; it was not followed, because it would carry the message there. "
    "Next: set ansible_host, ansible_port, ansible_winrm_scheme and ansible_winrm_path to the real address of the WinRM service."
)


def _redirect(status: int, **on: t.Any) -> tuple[dict[str, t.Any], ...]:
    return ({"do": "redirect", "status": status, "location": LISTENER + "/wsman", **on},)


def _redirected_key(status: int) -> Case:
    return Case(
        f"{status} to the host key",
        SERVER,
        "host_key",
        {"key": HOST_KEY},
        faults=_redirect(status, method=INSTALL),
        status=UNREACHABLE,
        writes=(INSTALL,),
        says="calling InstallProductKey of SoftwareLicensingService (Version=…): " + REDIRECTED,
    )


def _redirects(status: int) -> list[Case]:
    return [
        Case(
            f"{status} to a query",
            SERVER,
            "host_key",
            {"key": HOST_KEY},
            faults=_redirect(status, operation="Enumerate"),
            status=UNREACHABLE,
            says="reading Win32_OperatingSystem: " + REDIRECTED,
        ),
        Case(
            f"{status} to the rest of an answer",
            {**PC, "windows": "windows-10-enterprise", "also_keyed": [MAK]},
            "activation_info",
            faults=_redirect(status, operation="Pull"),
            status=UNREACHABLE,
            says="reading SoftwareLicensingProduct: " + REDIRECTED,
        ),
        Case(
            f"{status} to a registry value",
            PC,
            "activation_info",
            faults=_redirect(status, method="GetStringValue"),
            status=UNREACHABLE,
            says=r"reading the registry value EditionID of HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion: " + REDIRECTED,
        ),
        _redirected_key(status),
        Case(
            f"{status} to a MAK",
            {"windows": "windows-10-enterprise", "key": None},
            "client_key",
            {"key": MAK, "allow_unlisted_key": True},
            faults=_redirect(status, method=INSTALL),
            status=UNREACHABLE,
            writes=(INSTALL,),
            says="calling InstallProductKey of SoftwareLicensingService (Version=…): " + REDIRECTED,
        ),
        Case(
            f"{status} to an activation",
            PC,
            "activate",
            faults=_redirect(status, method=ACTIVATE),
            status=UNREACHABLE,
            writes=(ACTIVATE,),
            says="calling Activate of SoftwareLicensingProduct (ID=…): " + REDIRECTED,
        ),
        Case(
            f"{status} to a firewall rule",
            SERVER,
            "firewall_exception",
            faults=_redirect(status, method="Enable"),
            status=UNREACHABLE,
            writes=("Enable",),
            says="calling Enable of MSFT_NetFirewallRule (…): " + REDIRECTED,
        ),
    ]


REDIRECTS = [*_redirects(307), *_redirects(308), _redirected_key(301), _redirected_key(302), _redirected_key(303)]

# The session is opened by the connection plugin, with a message of its own and before this collection has a say: that one is followed.
SESSION_REDIRECTS = [
    Case(
        f"{status} to the connection plugin's own message",
        SERVER,
        "host_key",
        {"key": HOST_KEY},
        faults=_redirect(status, operation="Create"),
        status=UNREACHABLE,
        says=CONNECTING + "no WinRM service answers at this address (basic: Bad HTTP response returned from server. Code 404). "
        "Next: check ansible_winrm_path and ansible_port.",
    )
    for status in (307, 308)
]
CASES = [*UNREACHED, *LOGINS, *WRONG_WAYS, *REDIRECTS, *SESSION_REDIRECTS]


def promise(case: Case) -> str:
    return case.promise


@pytest.fixture(scope="module")
def listener() -> t.Iterator[Listener]:
    with Listener().listening() as listening:
        yield listening


@pytest.fixture(scope="module")
def outcomes(start_lab: StartLab, listener: Listener) -> Outcomes:
    return run_cases(start_lab, CASES, places={LISTENER: listener.url})


@pytest.mark.parametrize("case", UNREACHED, ids=promise)
def test_a_machine_that_is_not_reached_is_unreachable_for_a_reason(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


@pytest.mark.parametrize("case", LOGINS, ids=promise)
def test_a_refused_login_is_tried_once(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


@pytest.mark.parametrize("case", WRONG_WAYS, ids=promise)
def test_over_another_connection_nothing_is_sent(outcomes: Outcomes, case: Case) -> None:
    assert outcomes.check(case).calls == []


@pytest.mark.parametrize("case", REDIRECTS, ids=promise)
def test_a_redirect_of_our_messages_is_not_followed(outcomes: Outcomes, case: Case) -> None:
    met = outcomes.check(case)
    # What is redirected is the last message of the task but for the plugin's own farewell.
    assert [call["mischief"] for call in met.calls if call["operation"] != "Delete"][-1] == "redirect"


@pytest.mark.parametrize("case", SESSION_REDIRECTS, ids=promise)
def test_after_a_redirect_of_the_connection_plugins_own_message_none_of_ours_is_sent(outcomes: Outcomes, case: Case) -> None:
    assert [call["operation"] for call in outcomes.check(case).calls] == ["Create"]


def test_no_message_of_ours_no_key_and_no_login_reached_where_the_redirects_pointed(outcomes: Outcomes, listener: Listener) -> None:
    # Every case ran before this test. Only what the plugin sent itself arrived: one Create for each session that was redirected.
    assert listener.connections == len(listener.requests) == len(SESSION_REDIRECTS)
    for method, path, headers, body in listener.requests:
        assert (method, path) == ("POST", "/wsman")
        assert "authorization" not in headers
        assert b"http://schemas.xmlsoap.org/ws/2004/09/transfer/Create" in body
        assert not any(key.replace("-", "").encode() in body.replace(b"-", b"") for key in KEYS)


def test_no_key_is_shown_in_all_this(outcomes: Outcomes) -> None:
    outcomes.check_no_key_shown()
