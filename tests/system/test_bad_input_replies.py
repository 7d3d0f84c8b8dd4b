# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that are no answers, on the way of reading: refused with a reason, or got over where that is safe, and the machine is as it was."""

from __future__ import annotations

import typing as t

import pytest

from tests.system.ansible_runs import Json
from tests.system.bad_input import (
    LICENSED_HOST,
    MAK,
    OK,
    PC,
    PC_WITHOUT_KEY,
    UNREACHABLE,
    Case,
    Outcomes,
    matches,
    run_cases,
)
from tests.system.conftest import StartLab

READING = "reading SoftwareLicensingProduct: "
QUERY: Json = {"operation": "Enumerate", "cim_class": "SoftwareLicensingProduct"}
SOAP = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing">'
    "{}</s:Envelope>"
)
# Three products with a key: Windows tells the first, and the others only when it is asked for more.
THREE_PRODUCTS = {
    **PC,
    "windows": "windows-10-enterprise",
    "also_keyed": [MAK],
    "office": "Office LTSC Professional Plus 2021",
    "office_keyed": True,
}

WHO_ANSWERS = " Next: check that ansible_host, ansible_port and ansible_winrm_path lead to the machine's WinRM service, and that no proxy answers for it."
WEB_PAGE = "the answer is a web page, not a WS-Management message."
LOST = "the connection was lost (…). Next: check the network and the WinRM service of the machine, then run the task again."
SLOW = "Next: check that the machine is not overloaded and that its WMI and licensing services answer, then run the task again."
PROXY = "Next: check proxies on the way to the machine (ansible_winrm_proxy, HTTPS_PROXY, no_proxy)."
ADMINISTRATOR = (
    "Next: use an account of the machine's Administrators group; a local account other than the built-in Administrator is cut down for remote work "
    r"unless LocalAccountTokenFilterPolicy is 1 under HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System."
)


def page(promise: str, body: str, says: str, status: int = 200, **more: t.Any) -> Case:
    """Return the case that a body comes instead of the answer to a query."""
    fault = {"do": "http", **QUERY, "status": status, "body": body, **more}
    return Case(promise, PC, "activation_info", faults=(fault,), says=READING + says)


def spoilt(promise: str, says: str, **fault: t.Any) -> Case:
    """Return the case that the answer to a query is spoilt."""
    return Case(promise, PC, "activation_info", faults=({**QUERY, **fault},), says=READING + says)


REPLIES = [
    page("a web page", "<html><head><title>Log in</title></head><body><p>Please log in<br></body></html>", WEB_PAGE + WHO_ANSWERS),
    page("a web page with a document type", "<!DOCTYPE html><html><body>Log in</body></html>", WEB_PAGE + WHO_ANSWERS),
    page("a text", "Try later", "the answer is no well-formed XML: … (line 1, column …)." + WHO_ANSWERS, content_type="text/plain"),
    page(
        "JSON", '{"error": "no"}', "the answer is no well-formed XML: … (line 1, column …)." + WHO_ANSWERS, content_type="application/json"
    ),
    page("nothing", "", "the answer is empty." + WHO_ANSWERS),
    page("status 204", "", "the answer is empty." + WHO_ANSWERS, status=204),
    page("XML that is no SOAP", "<feed/>", "the answer is XML whose root is feed, not a WS-Management message." + WHO_ANSWERS),
    page("SOAP without a body", SOAP.format("<s:Header/>"), "the answer is a SOAP envelope without a body." + WHO_ANSWERS),
    page("SOAP with an empty body", SOAP.format("<s:Body/>"), "the answer holds an empty body where items was due." + WHO_ANSWERS),
    page(
        "the answer to something else",
        SOAP.format("<s:Body><n:PutResponse xmlns:n='urn:x'/></s:Body>"),
        "the answer holds an element PutResponse where items was due." + WHO_ANSWERS,
    ),
    page(
        "the answer to another message",
        SOAP.format("<s:Header><a:RelatesTo>uuid:0</a:RelatesTo></s:Header><s:Body/>"),
        "the answer belongs to another message. Next: run the task again; the connection was out of step.",
    ),
    page(
        "elements in each other without end",
        SOAP.format("<s:Body>" + "<a>" * 200_000 + "</a>" * 200_000 + "</s:Body>"),
        "the answer holds an element a where items was due." + WHO_ANSWERS,
    ),
    page(
        "an encoding that nobody knows",
        '<?xml version="1.0" encoding="x-none"?>' + SOAP.format("<s:Body/>"),
        "the answer is no well-formed XML: its encoding is not known." + WHO_ANSWERS,
    ),
    page(
        "status 500 with nothing",
        "",
        "HTTP 500: the answer is empty. Next: if the connection is plain HTTP with basic authentication, the machine has to allow it "
        "(AllowUnencrypted); HTTPS or NTLM is the better way.",
        status=500,
    ),
    page(
        "status 503 with nothing",
        "",
        "HTTP 503: the answer is empty. "
        "Next: check that the WinRM service of the machine is running and not overloaded, then run the task again.",
        status=503,
    ),
    page(
        "status 404 with a web page",
        "<html><body>Not found</body></html>",
        f"HTTP 404: {WEB_PAGE} Next: check ansible_winrm_path and ansible_port: no WinRM service answers at this address.",
        status=404,
    ),
    page("status 403 of a proxy", "<html><body>No</body></html>", f"HTTP 403: {WEB_PAGE} {PROXY}", status=403),
    page("status 407 of a proxy", "<html><body>Log in</body></html>", f"HTTP 407: {WEB_PAGE} {PROXY}", status=407),
    spoilt(
        "XML that is not well-formed", "the answer is no well-formed XML: mismatched tag (line 1, column …)." + WHO_ANSWERS, do="malformed"
    ),
    spoilt("XML that ends too early", "the answer is no well-formed XML: … (line 1, column …)." + WHO_ANSWERS, do="truncated"),
    spoilt(
        "more than four mebibytes",
        "the answer has 4194305 bytes; more than 4194304 are not parsed. "
        "Next: check what answers at this address; no read of this collection comes near that size.",
        do="oversize",
        bytes=4 * 1024 * 1024 + 1,
    ),
    *(
        spoilt(
            f"a document type with an entity, {kind}, in {encoding}",
            "the answer holds a document type, which SOAP forbids; it was not parsed." + WHO_ANSWERS,
            do="doctype",
            kind=kind,
            encoding=encoding,
        )
        for kind in ("internal", "external", "nested")
        for encoding in ("utf-8", "utf-16")
    ),
]

CLIENT: Json = {"channel": "kms_client", "backend": "wsman"}


def recovered(promise: str, machine: Json, result: Json, **fault: t.Any) -> Case:
    """Return the case that a read is got over what went wrong."""
    return Case(promise, machine, "activation_info", faults=(fault,), status=OK, result=result)


RECOVERED = [
    *(
        recovered(f"a socket dropped between two messages, {how}", PC, CLIENT, do="drop_idle", times=None, how=how)
        for how in ("close", "reset")
    ),
    recovered("a connection that breaks before a query once", PC, CLIENT, do="cut_before", **QUERY),
    recovered("a connection that breaks after a query once", PC, CLIENT, do="cut_after", **QUERY),
    recovered("a connection that breaks in the middle of an answer once", PC, CLIENT, do="cut_in_reply", **QUERY),
    recovered(
        "a connection that breaks while more rows are fetched", THREE_PRODUCTS, {"channel": None}, do="cut_in_reply", operation="Pull"
    ),
    recovered(
        "a machine that has nothing more to say yet",
        THREE_PRODUCTS,
        {"channel": None},
        do="fault",
        operation="Pull",
        code=0x8033801C,
        times=2,
    ),
    recovered("a session that is no longer good", PC, CLIENT, do="fault", code=0x803381A9, **QUERY),
    recovered("too many operations for a moment", PC, CLIENT, do="fault", code=0x803381A6, subcode="w:QuotaLimit", **QUERY),
]
GONE = [
    Case(promise, PC, "activation_info", faults=({"do": do, **QUERY, "times": None},), status=UNREACHABLE, says=READING + LOST)
    for promise, do in {
        "a connection that breaks before a query every time": "cut_before",
        "a connection that breaks in the middle of an answer every time": "cut_in_reply",
    }.items()
]


def pull(promise: str, says: str, status: str | None = None, **fault: t.Any) -> Case:
    """Return the case that something goes wrong while the rest of the rows is fetched."""
    more = {"status": status} if status else {}
    return Case(promise, THREE_PRODUCTS, "activation_info", faults=({"operation": "Pull", **fault},), says=READING + says, **more)


WMI_FAILED = (
    "(0x80041001 WBEM_E_FAILED). WMI says that the call failed and not why. Next: See the log WMI-Activity/Operational on the machine."
)
DROPPED = "; 1 row had been read before and was dropped"
PULLS = [
    pull(
        "a fault while more rows are fetched",
        f"WMI Provider says: … HRESULT 0x80041001{DROPPED} {WMI_FAILED}",
        do="fault",
        form="text",
        hresult=0x80041001,
    ),
    pull(
        "a web page while more rows are fetched", WEB_PAGE.rstrip(".") + DROPPED + "." + WHO_ANSWERS, do="http", body="<html><body/></html>"
    ),
    pull(
        "broken XML while more rows are fetched",
        f"the answer is no well-formed XML: … (line 1, column …){DROPPED}." + WHO_ANSWERS,
        do="truncated",
    ),
    pull(
        "an entity while more rows are fetched",
        f"the answer holds a document type, which SOAP forbids; it was not parsed{DROPPED}." + WHO_ANSWERS,
        do="doctype",
        encoding="utf-16",
    ),
    pull("a connection that breaks every time while more rows are fetched", LOST, UNREACHABLE, do="cut_in_reply", times=None),
    pull(
        "a machine that never has more to say",
        f"The WS-Management service cannot process the request{DROPPED} (0x8033801C ERROR_WSMAN_ENUMERATE_TIMED_OUT). "
        f"The next rows did not come in time; the enumeration is still open. {SLOW}",
        do="fault",
        code=0x8033801C,
        times=None,
    ),
]

FAULTS = [
    Case(
        "a time-out",
        PC,
        "activation_info",
        faults=({"do": "fault", **QUERY},),
        says=READING + "The WS-Management service cannot complete the operation within the time specified in OperationTimeout "
        f"(0x80338029 ERROR_WSMAN_OPERATION_TIMEDOUT). The machine gave up waiting; the work may still go on. {SLOW}",
        error={"code": "0x80338029", "symbol": "ERROR_WSMAN_OPERATION_TIMEDOUT"},
    ),
    Case(
        "access denied to WMI",
        {**PC, "access_denied": ["root/cimv2"]},
        "activation_info",
        says="reading Win32_OperatingSystem: WMI Provider says: … The WMI service returned an 'access denied' error "
        f"(0x80338104 ERROR_WSMAN_WMI_SVC_ACCESS_DENIED). The WMI service denied access. {ADMINISTRATOR}",
        error={"code": "0x80338104", "symbol": "ERROR_WSMAN_WMI_SVC_ACCESS_DENIED"},
    ),
    Case(
        "access denied to the firewall",
        {**LICENSED_HOST, "access_denied": ["root/standardcimv2"]},
        "firewall_exception",
        {"state": "disabled"},
        says="reading MSFT_NetFirewallRule: access to root/standardcimv2 is denied; … "
        f"(0x80041003 WBEM_E_ACCESS_DENIED). The user has no permission for this in WMI. {ADMINISTRATOR}",
        error={"code": "0x80041003", "symbol": "WBEM_E_ACCESS_DENIED"},
    ),
    Case(
        "a disabled licensing service",
        {**PC, "sppsvc": "disabled"},
        "activation_info",
        says="reading SoftwareLicensingService: WMI Provider says: … HRESULT 0x80070422 (0x80070422 ERROR_SERVICE_DISABLED). "
        "sppsvc disabled. Next: Set sppsvc back to its default delayed start.",
        error={"code": "0x80070422", "symbol": "ERROR_SERVICE_DISABLED"},
    ),
    *(
        spoilt(
            f"a provider that fails in the form {form}",
            f"{who}The WS-Management service cannot process the request. The WMI service or the WMI provider returned an unknown error{text} "
            + WMI_FAILED,
            do="fault",
            form=form,
            hresult=0x80041001,
        )
        for form, who, text in (
            ("text", "WMI Provider says: ", ": HRESULT 0x80041001"),
            ("code", "WMI Provider says: ", ""),
            ("text_only", "WMI Provider says: ", ": HRESULT 0x80041001"),
            ("wmierror", "", ": HRESULT 0x80041001"),
        )
    ),
    Case(
        "an edition that cannot be read is no edition without a key",
        PC_WITHOUT_KEY,
        "client_key",
        faults=({"do": "http", "method": "GetStringValue", "body": "<html><body>Log in</body></html>"},),
        says=r"reading the registry value EditionID of HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion: " + WEB_PAGE + WHO_ANSWERS,
    ),
]

# What only adds to the picture is missing from it, with the reason under problems.
PARTIAL: dict[str, tuple[Case, list[str]]] = {
    case.promise: (case, problems)
    for case, problems in (
        (
            Case(
                "registry values that come as web pages",
                PC,
                "activation_info",
                faults=({"do": "http", "method": "GetStringValue", "body": "<html><body>Log in</body></html>", "times": None},),
                status=OK,
                result={"channel": "kms_client", "needs_attention": True},
            ),
            [
                rf"reading the registry value {name} of HKLM\{key}: {WEB_PAGE}{WHO_ANSWERS}"
                for name, key in (
                    ("EditionID", r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"),
                    ("Domain", r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"),
                    ("KeyManagementServiceName", r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform\…"),
                )
            ],
        ),
        (
            Case(
                "a service that cannot be read",
                PC,
                "activation_info",
                faults=({"do": "malformed", "operation": "Enumerate", "cim_class": "Win32_Service"},),
                status=OK,
                result={"channel": "kms_client", "needs_attention": True},
            ),
            ["reading Win32_Service: the answer is no well-formed XML: mismatched tag (line 1, column …)." + WHO_ANSWERS],
        ),
        (
            Case(
                "a registry that may not be read on an older Windows",
                {"windows": "server-2012-r2-standard", "key": "gvlk", "access_denied": ["root/default"]},
                "activation_info",
                status=OK,
                result={"channel": "kms_client", "needs_attention": True},
            ),
            [
                f"reading the registry value {name} of … (0x80338104 ERROR_WSMAN_WMI_SVC_ACCESS_DENIED). The WMI service denied access. {ADMINISTRATOR}"
                for name in ("EditionID", "Domain", "KeyManagementServiceName")
            ],
        ),
        (
            Case(
                "a firewall that may not be read on a host",
                {**LICENSED_HOST, "access_denied": ["root/standardcimv2"]},
                "activation_info",
                status=OK,
                result={"is_kms_host": True, "activated": True, "needs_attention": True},
            ),
            [
                "reading MSFT_NetFirewallRule: access to root/standardcimv2 is denied; … "
                f"(0x80041003 WBEM_E_ACCESS_DENIED). The user has no permission for this in WMI. {ADMINISTRATOR}"
            ],
        ),
    )
}
CASES = [*REPLIES, *RECOVERED, *GONE, *PULLS, *FAULTS, *(case for case, _problems in PARTIAL.values())]


def promise(case: Case) -> str:
    return case.promise


@pytest.fixture(scope="module")
def outcomes(start_lab: StartLab) -> Outcomes:
    return run_cases(start_lab, CASES)


@pytest.mark.parametrize("case", REPLIES, ids=promise)
def test_an_answer_that_is_none_is_an_error_that_says_what_came(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


@pytest.mark.parametrize("case", RECOVERED, ids=promise)
def test_what_passes_is_got_over(outcomes: Outcomes, case: Case) -> None:
    met = outcomes.check(case)
    assert any(call["mischief"] for call in met.calls)


def test_a_read_that_is_repeated_has_every_row_once(outcomes: Outcomes) -> None:
    met = outcomes["a connection that breaks while more rows are fetched"]
    asked = [call["operation"] for call in met.calls if call["cim_class"] == "SoftwareLicensingProduct"]
    assert asked == ["Enumerate", "Pull", "Enumerate", "Pull"]
    assert len({product["activation_id"] for product in met.task.result["activation"]["products"]}) == 3
    assert len(met.task.result["activation"]["products"]) == 3


def test_waiting_for_a_machine_with_too_many_operations_is_told(outcomes: Outcomes) -> None:
    name = outcomes["too many operations for a moment"].name
    line = f"activation.kms: {name}: reading SoftwareLicensingProduct: the machine has too many operations open; trying again in 1 s"
    assert line in outcomes.run.stderr.splitlines()


@pytest.mark.parametrize("case", GONE, ids=promise)
def test_a_read_that_breaks_is_tried_a_second_time_and_no_more(outcomes: Outcomes, case: Case) -> None:
    assert sum(bool(call["mischief"]) for call in outcomes.check(case).calls) == 2


@pytest.mark.parametrize("case", PULLS, ids=promise)
def test_half_a_list_is_never_taken_for_a_whole_one(outcomes: Outcomes, case: Case) -> None:
    assert "activation" not in outcomes.check(case).task.result


@pytest.mark.parametrize("case", FAULTS, ids=promise)
def test_a_fault_comes_with_its_code_its_symbol_and_its_meaning(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


def test_a_providers_code_is_the_same_in_whatever_form_it_comes(outcomes: Outcomes) -> None:
    met = [outcome for promise, outcome in outcomes.by_promise.items() if promise.startswith("a provider that fails in the form")]
    codes = [{name: outcome.task.result["error"][name] for name in ("code", "symbol", "meaning", "next_step")} for outcome in met]
    assert len(codes) == 4
    assert codes == [codes[0]] * 4
    assert (codes[0]["code"], codes[0]["symbol"]) == ("0x80041001", "WBEM_E_FAILED")


@pytest.mark.parametrize("promised", PARTIAL)
def test_what_only_adds_to_the_picture_is_a_problem_and_no_failure(outcomes: Outcomes, promised: str) -> None:
    case, wanted = PARTIAL[promised]
    found = outcomes.check(case).task.result["activation"]["problems"]
    assert len(found) == len(wanted), found
    for text, expected in zip(found, wanted, strict=True):
        assert matches(text, expected), f"\n{text}\nis not\n{expected}"


def test_no_key_is_shown_in_all_this(outcomes: Outcomes) -> None:
    outcomes.check_no_key_shown()
