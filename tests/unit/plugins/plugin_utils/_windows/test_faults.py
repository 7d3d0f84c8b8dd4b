# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows import faults, soap
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import (
    AccessDeniedError,
    BusyError,
    FaultError,
    MethodFailedError,
    NotFoundError,
    ServiceAwayError,
    TimedOutError,
    UnclearError,
)

from tests.unit.plugins.plugin_utils._windows import messages as m

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
DOING = "calling InstallProductKey of SoftwareLicensingService"
UNKNOWN_HRESULT = "The WMI service or the WMI provider returned an unknown error: HRESULT 0xc004f050 "
DMTF = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2"


def parsed(*args, **kwargs):
    found = faults.parse_fault(soap.parse(m.envelope(m.fault(*args, **kwargs)), None, DOING))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "detail",
    [
        m.wsman_fault(2150858755, inner=m.provider_fault(m.wsman_fault(2150858755, UNKNOWN_HRESULT))),
        m.wsman_fault(2150858755, inner=m.provider_fault(text=UNKNOWN_HRESULT)),
        m.wsman_fault(2150858755, inner=m.provider_fault(text="SL said (0xC004F050) to this.")),
        m.wsman_fault(2150858755, UNKNOWN_HRESULT),
        m.wsman_fault(2150858755, inner=m.provider_fault(m.wsman_fault(0xC004F050, "Echec."))),
        m.wsman_fault(0xC004F050, "Fehler."),
        m.wsman_fault(-1073418160, "Fehler."),
        m.wsman_fault(2150858755, inner=m.provider_fault(extended=m.extended_error(StatusCode=0xC004F050, Description=None))),
        m.wsman_fault(2150858755, inner=m.provider_fault(extended=m.extended_error(StatusCode=None, Description="HRESULT 0xC004F050"))),
        m.wmi_error(MessageID="HRESULT 0xc004f050", Message="Fehler.", CIMStatusCode=1, error_Code=2150858755),
        m.wmi_error(MessageID="", Message="Fehler.", CIMStatusCode=1, error_Code=0xC004F050),
        m.wmi_error(Message=None, error_WindowsErrorMessage=UNKNOWN_HRESULT, CIMStatusCode=1),
    ],
)
def test_the_licensing_code_is_found_in_every_form_a_fault_can_have(detail):
    fault = parsed(detail)
    error = faults.fault_error(fault, DOING, method=True)
    assert type(error) is MethodFailedError
    assert error.code == 0xC004F050
    assert error.symbol
    assert error.meaning


def test_the_provider_outranks_winrm_and_winrm_is_kept():
    fault = parsed(m.wsman_fault(2150858755, inner=m.provider_fault(text=UNKNOWN_HRESULT)))
    assert (fault.wsman_code, fault.hresult, fault.provider) == (2150858755, 0xC004F050, "WMI Provider")


def test_a_named_hresult_outranks_any_other_number_in_the_texts():
    fault = parsed(m.wsman_fault(2150858755, "See 0xC0000001. HRESULT 0x80041033."))
    assert fault.code == 0x80041033


def test_numbers_that_are_winrms_own_are_no_provider_code():
    fault = parsed(m.wsman_fault(2150858755, "HRESULT 0x803381a6, HRESULT 0x00000000"))
    assert fault.hresult is None
    assert fault.code == 2150858755


def test_a_longer_number_is_no_hresult():
    assert parsed(m.wsman_fault(2150858755, "HRESULT 0xc004f0501, 0x80041033AB")).hresult is None


def test_without_any_code_the_words_are_reported():
    error = faults.fault_error(parsed("", subcode="w:Odd", reason="Something odd."), DOING)
    assert type(error) is FaultError
    assert error.code is None
    assert "Something odd" in error.line()


def test_a_fault_without_anything_is_still_a_sentence():
    error = faults.fault_error(parsed(""), DOING)
    assert error.detail == "the machine answered with a fault that says nothing"


def test_what_is_no_fault_is_none():
    assert faults.parse_fault(None) is None
    assert faults.parse_fault(soap.parse(m.envelope("<x/>"), None, DOING)) is None


def test_a_key_is_masked_in_texts_and_operation_and_parameter_are_left_out():
    extended = m.extended_error(Description=f"bad {KEY}", Operation=f"ExecMethod({KEY[:11]})", ParameterInfo=f"ProductKey={KEY[:11]}")
    fault = parsed(m.wsman_fault(2150858755, inner=m.provider_fault(m.wsman_fault(5000, f"no {KEY.lower()}"), extended=extended)))
    line = faults.fault_error(fault, DOING, method=True).line()
    assert KEY[:11].lower() not in line.lower()
    assert KEY[-5:] in line


def test_a_secret_of_any_shape_is_taken_out_of_the_texts():
    error = faults.fault_error(parsed(m.wsman_fault(87, "BADKEY-1 is wrong")), DOING, method=True, secrets=["badkey-1"])
    assert "BADKEY" not in error.line()


@pytest.mark.parametrize(
    ("detail", "subcode", "expected"),
    [
        (m.wsman_fault(5, "Access is denied."), "w:AccessDenied", AccessDeniedError),
        (m.wsman_fault(5, "Zugriff verweigert"), "x:Whatever", AccessDeniedError),
        ("", "wsman:AccessDenied", AccessDeniedError),
        (m.wsman_fault(0x80338104), "w:InternalError", AccessDeniedError),
        (m.wsman_fault(0x80338105), "w:InternalError", AccessDeniedError),
        (m.wsman_fault(0x80338106), "w:InternalError", AccessDeniedError),
        (m.wsman_fault(0x80338003, "HRESULT 0x80070005"), "w:InternalError", AccessDeniedError),
        (m.wsman_fault(0x80338003, "HRESULT 0x80041003"), "w:InternalError", AccessDeniedError),
        (m.wmi_error(CIMStatusCode=2, Message="no"), "w:InternalError", AccessDeniedError),
        (m.wsman_fault(2150859174), "w:InternalError", BusyError),
        (m.wmi_error(DMTF, CIMStatusCode=27, MessageID="HRESULT 0x803381a6", error_Code=2150859174), "w:InternalError", BusyError),
        (m.wmi_error(DMTF, MessageID="HRESULT 0x803381a8"), "w:InternalError", BusyError),
        (m.wsman_fault(2150859240), "w:InternalError", BusyError),
        ("", "w:QuotaLimit", BusyError),
        (m.wsman_fault(2150858793), "w:TimedOut", TimedOutError),
        ("", "w:TimedOut", TimedOutError),
        (m.wsman_fault(2150858752), "a:DestinationUnreachable", NotFoundError),
        (m.wmi_error(CIMStatusCode=6, Message="no such rule"), "w:InternalError", NotFoundError),
        (m.wsman_fault(0x80338003, "HRESULT 0x80041010"), "w:InternalError", NotFoundError),
        (m.wmi_error(CIMStatusCode=4, Message="bad value"), "w:InternalError", FaultError),
        (m.wsman_fault(2150858778), "n:CannotProcessFilter", FaultError),
    ],
)
def test_faults_are_sorted_by_code_never_by_text(detail, subcode, expected):
    error = faults.fault_error(parsed(detail, subcode=subcode), DOING)
    assert type(error) is expected


BROKEN_OFF = (0x800706BE, 0x8007071A, 0x80010007, 0x80010105, 0x8007042B, 0x80041004, 0x80041032)
NOT_BEGUN = (0x800706BA, 0x800706BF, 0x80010012, 0x800706B5, 0x800706D9)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((code, UnclearError) for code in BROKEN_OFF),
        *((code, MethodFailedError) for code in NOT_BEGUN),
        (0x80041003, AccessDeniedError),
        (0x80041001, MethodFailedError),
        (0x80041033, MethodFailedError),
    ],
)
def test_a_method_that_may_have_begun_has_not_failed(code, expected):
    said = parsed(m.wsman_fault(2150858755, inner=m.provider_fault(text=f"HRESULT 0x{code:08x}")))
    assert type(faults.fault_error(said, DOING, method=True)) is expected
    if expected is not AccessDeniedError:
        assert type(faults.return_value_error(code, DOING)) is expected


def test_a_method_that_found_nobody_to_call_says_that_nothing_was_begun():
    said = parsed(m.wsman_fault(2150858755, inner=m.provider_fault(text="HRESULT 0x800706ba")))
    assert (faults.fault_error(said, DOING, method=True).next_step or "").startswith(
        "nothing was begun: where the licensing service (sppsvc)"
    )


def test_a_session_that_is_no_longer_good_leaves_a_method_open():
    assert type(faults.fault_error(parsed(m.wsman_fault(0x803381FA)), DOING, method=True)) is UnclearError


@pytest.mark.parametrize("code", [0x800706BA, 0x800706BE, 0x800706BF, 0x80010007])
def test_a_read_whose_service_is_away_is_told_from_other_errors(code):
    error = faults.fault_error(parsed(m.wsman_fault(2150858755, inner=m.provider_fault(text=f"HRESULT 0x{code:08x}"))), "reading X")
    assert type(error) is ServiceAwayError
    assert "(sppsvc)" in (error.next_step or "")


def test_access_denied_names_the_policy_for_local_accounts():
    error = faults.fault_error(parsed(m.wsman_fault(5)), DOING)
    assert "LocalAccountTokenFilterPolicy" in (error.next_step or "")


@pytest.mark.parametrize(("code", "expected"), [(0xC004F069, MethodFailedError), (0x80070005, AccessDeniedError), (87, MethodFailedError)])
def test_a_return_value_is_explained_like_a_fault(code, expected):
    error = faults.return_value_error(code, DOING)
    assert type(error) is expected
    assert error.code == code
    assert error.symbol


def test_what_the_catalogue_says_is_used_and_may_be_nothing():
    fault = parsed(m.wsman_fault(0x80990001))
    assert faults.fault_error(fault, DOING, explain=lambda code: None).symbol is None
    known = faults.fault_error(fault, DOING, explain=lambda code: faults.Explanation(code, "E_ODD", "Odd.", None, "Do this.", None))
    assert (known.symbol, known.meaning, known.next_step) == ("E_ODD", "Odd.", "Do this")


def test_a_win32_code_is_looked_up_as_hresult_when_its_bare_form_is_unknown():
    asked = []
    faults.fault_error(parsed(m.wsman_fault(1018)), DOING, explain=lambda code: asked.append(code))
    assert asked == [1018, 0x800703FA]
