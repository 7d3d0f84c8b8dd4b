# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A refusal of the model as the CIM cmdlets show it.

A cmdlet that fails writes an error whose exception is a Microsoft.Management.Infrastructure.CimException. What the parts are made of is in the source of both
(PowerShell/PowerShell, Microsoft.Management.Infrastructure.CimCmdlets, CimWriteError.cs; PowerShell/MMI, CimException.cs):

    FullyQualifiedErrorId    MessageID of the error data, a comma, the type of the cmdlet; "MiClientApiError_" and NativeErrorCode where there is no MessageID
    Category                 Error_Category of the error data, or else a table by NativeErrorCode
    Message                  Message of the error data
    StatusCode               CIMStatusCode of the error data
    ErrorData                an MSFT_WmiError: error_Category uint16, error_Code uint32, error_Type and error_WindowsErrorMessage strings (microsoft/wmi, class
                             generated from a live Server 2019), beside the members of CIM_Error
    HResult                  0x80131500 always, that of a plain .NET exception

Published errors of the local cmdlets, which talk to WMI by COM and not by WS-Management, all have the HRESULT of WMI as their id, in lower case:

    HRESULT 0x80041003, PermissionDenied, "Access denied"             many; for one, Get-CimInstance as an account without rights
    HRESULT 0x80070005, PermissionDenied                              Invoke-CimMethod
    HRESULT 0x8004100e                                                PowerShell/PowerShell, tests of Get-CimClass, "badnamespace"
    HRESULT 0x80041010, MetadataError, "Invalid class"                MEM-Zone/MEM.Zone issue 14
    HRESULT 0x80041017, InvalidArgument, "Invalid query"              Microsoft: PowerShell-Docs, about_WQL
    HRESULT 0x80041005, InvalidType, "Type mismatch"                  Invoke-CimMethod with an int where the parameter is a uint16
    HRESULT 0x8004102e, "Invalid method"                              Invoke-CimMethod of a static method on an instance
    HRESULT 0x80041001, NotSpecified, "Generic failure"               Invoke-CimMethod, a provider that fails
    MI RESULT 1, NotSpecified                                         Invoke-CimMethod of MI providers (Windows Update)

No published error of a local cmdlet with a code of the licensing service was found. Where its code is, says Microsoft: windows-powershell-docs, OSLicense
(winserver2025-ps): its cmdlets, which call SoftwareLicensingService by CIM, report "the CIM error_Code value formatted as an eight-digit hexadecimal
string", and none where "CIM error data doesn't provide a code". So a machine can show such an error in several forms:

    error_code      the form of WMI's own errors above: id "HRESULT 0xc004f069", error_Code the HRESULT (default; inferred)
    message_id      the same without a code: error_Code 0 (inferred from the sentence about its absence)
    hresult         no error data at all; id MiClientApiError_Failed, the exception's HResult is the code (inferred from CimException.cs and CimWriteError.cs)
    text            id "MI RESULT 1"; the code stands in the message alone (inferred from the errors of MI providers)
    return_value    no error; the method's ReturnValue is the code (SoftwareLicensingService declares one)
"""

from __future__ import annotations

import typing as t

from tests.lab.model.errors import CimError
from tests.lab.model.languages import language

Form = t.Literal["error_code", "message_id", "hresult", "text", "return_value"]
FORMS: tuple[str, ...] = t.get_args(Form)

WBEM_E_TYPE_MISMATCH = 0x80041005
_WBEM_E_INVALID_OBJECT_PATH = 0x8004103A

# CIM status codes, which are the values of NativeErrorCode too (DSP0223; PowerShell/MMI, CimErrorCodes): FAILED 1, ACCESS_DENIED 2, INVALID_NAMESPACE 3,
# INVALID_PARAMETER 4, INVALID_CLASS 5, NOT_FOUND 6, NOT_SUPPORTED 7, TYPE_MISMATCH 13, INVALID_QUERY 15, METHOD_NOT_AVAILABLE 16, METHOD_NOT_FOUND 17.
# Which HRESULT gives which is seen in the published categories above for the first six rows, and inferred for the others.
_STATUS = {
    0x80041003: 2,
    0x80070005: 2,
    0x8004100E: 3,
    0x80041010: 5,
    0x80041017: 15,
    WBEM_E_TYPE_MISMATCH: 13,
    0x80041002: 6,
    0x80041008: 4,
    0x80070057: 4,
    0x8004102F: 4,
    _WBEM_E_INVALID_OBJECT_PATH: 4,
    0x8004102E: 17,
    0x80041055: 16,
}

# Texts of WBEM errors: published for the first five, from memory for the others (they are those of WMI's own message table).
_TEXTS = {
    0x80041003: "Access denied ",
    0x8004100E: "Invalid namespace ",
    0x80041010: "Invalid class ",
    0x80041017: "Invalid query ",
    WBEM_E_TYPE_MISMATCH: "Type mismatch ",
    0x80041002: "Not found ",
    0x8004102E: "Invalid method ",
    0x8004102F: "Invalid method Parameter(s) ",
    _WBEM_E_INVALID_OBJECT_PATH: "Invalid object path ",
    0x80041055: "This method is not implemented in any class ",
    0x80070005: "Access is denied. ",
    0x80070057: "The parameter is incorrect. ",
    0x80070422: "The service cannot be started, either because it is disabled or because it has no enabled devices associated with it. ",
    0x800706BA: "The RPC server is unavailable. ",
}
# The sentence of MI_RESULT_FAILED (published: PowerShell/PowerShell issue 13850); that an HRESULT without a text of its own gets it is inferred.
_UNKNOWN = "A general error occurred that is not covered by a more specific error code. "

_FAILED = 1


def error_of(error: CimError, form: str, language_number: int) -> dict[str, t.Any]:
    """Return the parts of the error that a CIM cmdlet writes: hresult, status, message, and form for the licensing providers' codes."""
    # WMI itself never sees the codes that WS-Management has for a wrong address.
    code = _WBEM_E_INVALID_OBJECT_PATH if error.kind in ("invalid_selectors", "missing_selectors") else error.code
    text = _TEXTS.get(code, _UNKNOWN)
    shown = form if error.kind == "provider" else "error_code"
    if shown == "text":
        text = f"{_UNKNOWN}HRESULT 0x{code:08x} "
    return {
        "kind": "cim",
        "hresult": code,
        "status": _STATUS.get(code, _FAILED) if shown == "error_code" else _FAILED,
        "message": language(language_number).say(text).rstrip(),
        "form": shown,
    }
