# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults as Windows sends them.

Names and values of codes are those of wsmerror.h (Windows SDK); subcodes are named there in the comment above each code, fault details in
DSP0226. The structure is MS-WSMV 2.2.4.43. "capture NNN" is a published reply of a Windows machine, listed in captures.yml with
its source; "inferred" marks what no capture and no document shows.
"""

from __future__ import annotations

import dataclasses
import typing as t

from tests.lab.model.languages import IN_ENGLISH, Language

from . import names
from .text import element, element_with, escape

RESOURCE_NOT_FOUND = 0x80338000
INVALID_ACTIONURI = 0x80338001
PROVIDER_FAILURE = 0x80338003
MESSAGE_INFORMATION_HEADER_REQUIRED = 0x80338011
ACTION_NOT_SUPPORTED = 0x80338013
FILTER_DIALECT_UNAVAILABLE = 0x80338019
CANNOT_PROCESS_FILTER = 0x8033801A
INVALID_ENUMERATION_CONTEXT = 0x8033801B
OPERATION_TIMEDOUT = 0x80338029
ENCODING_LIMIT = 0x80338035
INVALID_RESOURCE_URI = 0x8033803B
SCHEMA_VALIDATION_ERROR = 0x80338041
MAX_ENVELOPE_SIZE_EXCEEDED = 0x80338048
OPTIONS_NOT_SUPPORTED = 0x80338051
INVALID_PARAMETER_NAME = 0x80338055
INVALID_XML_MISSING_VALUES = 0x80338057
INVALID_XML_NAMESPACE = 0x80338058
UNEXPECTED_SELECTORS = 0x8033805B
MUSTUNDERSTAND_ON_LOCALE_UNSUPPORTED = 0x80338087
INVALID_URI_WMI_SINGLETON = 0x803380FA
INVALID_URI_WMI_ENUM_WQL = 0x803380FB
WMI_SVC_ACCESS_DENIED = 0x80338104
WMI_CANNOT_CONNECT_ACCESS_DENIED = 0x80338106
ENUMERATE_WMI_INVALID_KEY = 0x80338108
POLYMORPHISM_MODE_UNSUPPORTED = 0x80338137
PULL_PARAMS_NOT_SAME_AS_ENUM = 0x803381AD

WMI_PROVIDER = ("WMI Provider", r"%systemroot%\system32\WsmWmiPl.dll")  # capture 037

_NO_EXTENDED_STATUS = object()


@dataclasses.dataclass(frozen=True)
class Row:
    """How one code is dressed: sender or receiver, subcode, fault detail, fault action, text."""

    subcode: str
    text: str
    sender: bool = True
    detail: str | None = None
    action: str = names.FAULT_ACTION_WSMAN


ROWS: dict[int, Row] = {
    RESOURCE_NOT_FOUND: Row(  # capture 040
        "a:DestinationUnreachable",
        "The WS-Management service cannot process the request. The service cannot find the resource identified by the resource URI "
        "and selectors. ",
        detail="InvalidResourceURI",
        action=names.FAULT_ACTION_ADDRESSING,
    ),
    INVALID_ACTIONURI: Row(  # wsmerror.h; DSP0226, wsa:ActionNotSupported
        "a:ActionNotSupported",
        "The WS-Management service cannot process the request because the WS-Addressing Action URI specified in the request is not valid. ",
        action=names.FAULT_ACTION_ADDRESSING,
    ),
    PROVIDER_FAILURE: Row(
        "w:InternalError",
        "The WS-Management service cannot process the request. The WMI service or the WMI provider returned an unknown error. ",
        sender=False,
    ),
    MESSAGE_INFORMATION_HEADER_REQUIRED: Row(  # wsmerror.h: wsa, Sender, MessageInformationHeaderRequired
        "a:MessageInformationHeaderRequired",
        "The WS-Management service cannot process the request. The request does not have all the expected SOAP headers. ",
        action=names.FAULT_ACTION_ADDRESSING,
    ),
    ACTION_NOT_SUPPORTED: Row(  # wsmerror.h: wsa, Sender, ActionNotsupported
        "a:ActionNotSupported",
        "The WS-Management service does not support the action specified in the request. ",
        action=names.FAULT_ACTION_ADDRESSING,
    ),
    FILTER_DIALECT_UNAVAILABLE: Row(  # wsmerror.h: wsen, Sender, FilterDialectRequestedUnavailable
        "n:FilterDialectRequestedUnavailable",
        "The filter dialect (the type associated with the filter) was not supported for this resource. "
        "Change the filter dialect or remove it from the request and try the request again. ",
        action=names.FAULT_ACTION_ENUMERATION,
    ),
    CANNOT_PROCESS_FILTER: Row(  # captures 036 and 037
        "n:CannotProcessFilter",
        "The data source could not process the filter. The filter might be missing or it might be invalid. "
        "Change the filter and try the request again.  ",
        action=names.FAULT_ACTION_ENUMERATION,
    ),
    INVALID_ENUMERATION_CONTEXT: Row(  # wsmerror.h: wsen, Receiver, InvalidEnumerationContext
        "n:InvalidEnumerationContext",
        "The WS-Enumeration context in the enumeration is not valid. Enumeration may have been completed or canceled. "
        "You cannot use this enumeration context anymore. Start a new enumeration. ",
        sender=False,
        action=names.FAULT_ACTION_ENUMERATION,
    ),
    OPERATION_TIMEDOUT: Row(  # captures 050 and 062
        "w:TimedOut",
        "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.  ",
        sender=False,
    ),
    ENCODING_LIMIT: Row(  # wsmerror.h: Sender, EncodingLimit; DSP0226, MinimumEnvelopeLimit
        "w:EncodingLimit",
        "The WS-Management service cannot process the request because the encoding of the request exceeds an internal encoding limit. "
        "Reconfigure the client to send messages which fit the encoding limits of the service. ",
        detail="MinimumEnvelopeLimit",
    ),
    INVALID_RESOURCE_URI: Row(
        "a:DestinationUnreachable",
        "The WS-Management service cannot process the request because the resource URI is not valid. ",
        detail="InvalidResourceURI",
        action=names.FAULT_ACTION_ADDRESSING,
    ),
    SCHEMA_VALIDATION_ERROR: Row(
        "w:SchemaValidationError",
        "The SOAP XML in the message does not match the corresponding XML schema definition. Change the XML and retry. ",
    ),
    MAX_ENVELOPE_SIZE_EXCEEDED: Row(
        "w:EncodingLimit",
        "The WS-Management service cannot process the request because the response is larger than the maximum envelope size in the "
        "request. ",
        detail="MaxEnvelopeSizeExceeded",
    ),
    OPTIONS_NOT_SUPPORTED: Row(
        "w:InvalidOptions",
        "The WS-Management service cannot process the request because it contains options that it does not support. ",
        detail="NotSupported",
    ),
    INVALID_PARAMETER_NAME: Row(
        "w:InvalidParameter",
        "The WS-Management service cannot process the request. The request contains an invalid parameter name. ",
        detail="InvalidName",
    ),
    INVALID_XML_MISSING_VALUES: Row(
        "w:SchemaValidationError",
        "The WS-Management service cannot process the request because the XML is missing values. ",
        detail="MissingValues",
    ),
    INVALID_XML_NAMESPACE: Row(
        "w:SchemaValidationError",
        "The WS-Management service cannot process the request because the XML contains an invalid namespace. ",
        detail="InvalidNamespace",
    ),
    UNEXPECTED_SELECTORS: Row(  # capture 045
        "w:InvalidSelectors",
        "The WS-Management service cannot process the request because the request contained invalid selectors for the resource. ",
        detail="UnexpectedSelectors",
    ),
    MUSTUNDERSTAND_ON_LOCALE_UNSUPPORTED: Row(  # DSP0226: wsman:UnsupportedFeature with faultDetail Locale
        "w:UnsupportedFeature",
        "The WS-Management service does not support the language asked for with a Locale header that must be understood. ",
        detail="Locale",
    ),
    INVALID_URI_WMI_SINGLETON: Row(  # the subcode is inferred
        "w:InvalidSelectors",
        "The WS-Management service cannot process the request. The resource URI does not contain keys, but the class selected is not "
        "a singleton. ",
        detail="InsufficientSelectors",
    ),
    INVALID_URI_WMI_ENUM_WQL: Row(  # the subcode is inferred
        "a:DestinationUnreachable",
        "The WS-Management service cannot process the request. With a WQL filter the resource URI must not contain keys and the class name "
        "must be '*'. ",
        detail="InvalidResourceURI",
        action=names.FAULT_ACTION_ADDRESSING,
    ),
    WMI_SVC_ACCESS_DENIED: Row(
        "w:AccessDenied", "The WS-Management service cannot process the request. The WMI service returned an 'access denied' error. "
    ),
    WMI_CANNOT_CONNECT_ACCESS_DENIED: Row(
        "w:AccessDenied",
        "The WS-Management service cannot process the request. Access to the WMI namespace was denied. ",
    ),
    ENUMERATE_WMI_INVALID_KEY: Row(  # the subcode is inferred
        "w:InvalidSelectors",
        "The WS-Management service cannot process the request. An enumeration must not contain keys. ",
        detail="UnexpectedSelectors",
    ),
    POLYMORPHISM_MODE_UNSUPPORTED: Row(
        "w:UnsupportedFeature",
        "The WS-Management service does not support this polymorphism mode for the resource. ",
        detail="EnumerationMode",
    ),
    PULL_PARAMS_NOT_SAME_AS_ENUM: Row(  # the subcode is inferred
        "w:InvalidParameter",
        "The WS-Management service cannot process the request. The application needs to specify the same parameters for Pull "
        "as were specified for the enumeration. ",
        detail="InvalidValue",
    ),
}


@dataclasses.dataclass(frozen=True)
class ExtendedStatus:
    """What WMI adds to a fault (__ExtendedStatus).

    C(parameter_info) is the query or the object path; it is repeated to the client as Windows does.
    """

    namespace: str
    operation: str
    parameter_info: str
    provider_name: str = "WinMgmt"


@dataclasses.dataclass(frozen=True)
class Provider:
    """The ProviderFault inside a WSManFault. C(code) None leaves text alone inside it (capture 041)."""

    name: str = WMI_PROVIDER[0]
    path: str = WMI_PROVIDER[1]
    code: int | None = None
    text: str = ""
    extended: ExtendedStatus | None = None


@dataclasses.dataclass(frozen=True)
class WmiError:
    """The MSFT_WmiError that MI providers and quota errors give in place of a WSManFault (capture 064).

    C(uri) is the namespace of the element; C(cim_status) a CIMStatusCode (DSP0223, CIM_ERR_*), C(hresult) goes into MessageID and
    error_Code.
    """

    uri: str
    cim_status: int
    hresult: int
    message: str
    error_type: str = "HRESULT"


class WsmanFault(Exception):
    """A fault to be answered with HTTP status 500."""

    def __init__(
        self,
        code: int,
        *,
        text: str | None = None,
        subcode: str | None = None,
        sender: bool | None = None,
        detail: str | None = None,
        provider: Provider | None = None,
        wmi_error: WmiError | None = None,
        message: str | None = None,
    ) -> None:
        row = ROWS.get(code, Row("w:InternalError", "The WS-Management service cannot process the request. ", sender=False))
        self.code = code
        self.text = row.text if text is None else text
        self.message = self.text if message is None else message
        self.subcode = subcode or row.subcode
        self.sender = row.sender if sender is None else sender
        self.detail = detail if detail is not None else (row.detail if subcode is None else None)
        self.action = row.action
        self.provider = provider
        self.wmi_error = wmi_error
        super().__init__(f"0x{code:08X} {self.subcode}: {self.text}")

    def body(self, machine: str, client_name_of_machine: str, words: Language = IN_ENGLISH) -> str:
        """Return the s:Fault element. C(machine) is the computer's own name, the other the one the client used in To; C(words) is what it speaks.

        A request asks for a language with a hint that the service need not follow (DSP0226, wsman:Locale), and texts of providers stay in the
        language of the system; that a machine without English puts its own into every text is inferred.
        """
        inner: list[str] = []
        if self.detail:
            inner.append(element("w:FaultDetail", names.FAULT_DETAIL + self.detail))
        if self.wmi_error:
            inner.append(_wmi_error(self.wmi_error, words))
        else:
            message = escape(words.say(self.message)) if self.provider is None else _provider_fault(self.provider, machine, words)
            inner.append(_wsman_fault(self.code, client_name_of_machine, message))
        return element(
            "s:Fault",
            element(
                "s:Code",
                element("s:Value", "s:Sender" if self.sender else "s:Receiver"),
                element("s:Subcode", element("s:Value", self.subcode)),
            ),
            element("s:Reason", element("s:Text", escape(words.say(self.text)), xml__lang=words.tag if self.text else "")),
            element("s:Detail", *inner),
        )

    def headers(self) -> str:
        """Return header blocks that belong to the fault."""
        return ""


class MustUnderstandFault(WsmanFault):
    """A header that must be understood and is not: no detail, and the header is named in one of ours (capture 061)."""

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__(0x80338010)
        self._header = (namespace, name)
        self.action = names.FAULT_ACTION_ADDRESSING

    def body(self, machine: str, client_name_of_machine: str, words: Language = IN_ENGLISH) -> str:
        """Return the s:Fault element, without detail."""
        text = "The WS-Management service cannot process a SOAP header in the request that is marked as mustUnderstand by the client. "
        return element(
            "s:Fault",
            element("s:Code", element("s:Value", "s:MustUnderstand")),
            element("s:Reason", element("s:Text", escape(words.say(text)), xml__lang="")),
        )

    def headers(self) -> str:
        """Return the NotUnderstood header (SOAP 1.2 part 1, 5.4.8)."""
        namespace, name = self._header
        return element("s:NotUnderstood", qname=f"h:{name}" if namespace else name, xmlns__h=namespace or None)


def _wsman_fault(code: int, machine: str, message: str) -> str:
    attributes = {"xmlns:f": names.WSMAN_FAULT, "Code": str(code), "Machine": machine}
    return element_with("f:WSManFault", attributes, (element("f:Message", message),))


def _provider_fault(provider: Provider, machine: str, words: Language) -> str:
    if provider.code is None:
        content = escape(words.say(provider.text))
    else:
        content = _wsman_fault(provider.code, machine, escape(words.say(provider.text)))
        if provider.extended:
            content += element("f:ExtendedError", _extended_status(provider.extended))
    return element_with("f:ProviderFault", {"provider": provider.name, "path": provider.path}, (content,))


def _extended_status(status: ExtendedStatus) -> str:
    uri = names.class_uri(status.namespace, "__ExtendedStatus")
    attributes = {
        "xmlns:xsi": names.SCHEMA_INSTANCE,
        "xmlns:p": uri,
        "xmlns:cim": names.CIM_COMMON,
        "xsi:type": "p:__ExtendedStatus_Type",
    }
    return element_with(
        "p:__ExtendedStatus",
        attributes,
        (
            element("p:Description", xsi__nil="true"),
            element("p:Operation", escape(status.operation)),
            element("p:ParameterInfo", escape(status.parameter_info)),
            element("p:ProviderName", escape(status.provider_name)),
            element("p:StatusCode", xsi__nil="true"),
        ),
    )


def _wmi_error(error: WmiError, words: Language) -> str:
    """Members and their types are those of capture 064; error_Category 30 is that of its HRESULT too, kept for all."""
    typed: tuple[tuple[str, str, str | None], ...] = (
        ("CIMStatusCode", "cimUnsignedInt", str(error.cim_status)),
        ("CIMStatusCodeDescription", "cimString", None),
        ("ErrorSource", "cimString", None),
        ("ErrorSourceFormat", "cimUnsignedShort", "0"),
        ("ErrorType", "cimUnsignedShort", "0"),
        ("Message", "cimString", words.say(error.message)),
        ("MessageID", "cimString", f"HRESULT 0x{error.hresult:08x}"),
        ("OtherErrorSourceFormat", "cimString", None),
        ("OtherErrorType", "cimString", None),
        ("OwningEntity", "cimString", None),
        ("PerceivedSeverity", "cimUnsignedShort", "0"),
        ("ProbableCause", "cimUnsignedShort", "0"),
        ("ProbableCauseDescription", "cimString", None),
        ("error_Category", "cimUnsignedInt", "30"),
        ("error_Code", "cimUnsignedInt", str(error.hresult)),
        ("error_Type", "cimString", error.error_type),
        ("error_WindowsErrorMessage", "cimString", words.say(error.message)),
    )
    members = (
        element(f"p:{name}", xsi__type=f"cim:{cim_type}", xsi__nil="true")
        if value is None
        else element(f"p:{name}", escape(value), xsi__type=f"cim:{cim_type}")
        for name, cim_type, value in typed
    )
    attributes = {
        "b:IsCIM_Error": "true",
        "xmlns:xsi": names.SCHEMA_INSTANCE,
        "xmlns:b": names.CIM_BINDING,
        "xmlns:p": error.uri,
        "xmlns:cim": names.CIM_COMMON,
        "xsi:type": "p:MSFT_WmiError_Type",
    }
    return element_with("p:MSFT_WmiError", attributes, members)


ProviderForm = t.Literal["text", "return_value", "code", "text_only", "wmierror"]
PROVIDER_FORMS: tuple[str, ...] = t.get_args(ProviderForm)


def provider_fault(hresult: int, form: str, extended: ExtendedStatus) -> WsmanFault:
    """Return the fault for an HRESULT of a WMI provider that WinRM has no name for, in one of the forms in question.

    No public capture shows what the licensing provider's 0xC004xxxx look like, so the lab can send each form that captures of other
    providers, MS-WSMV 2.2.4.43 and published error texts allow:

    text        the text with "HRESULT 0x..." inside nested WSManFaults whose codes are WS-Management's own; this text is published in
                Microsoft365DSC's and Azure Stack's documentation
    code        the HRESULT itself as Code, no HRESULT in the text (as 2147942402 in capture 049)
    text_only   a ProviderFault with nothing but text (as capture 041)
    wmierror    MSFT_WmiError with MessageID (as capture 064)

    The form return_value is no fault and is not for this function. Raises ValueError for other names.
    """
    unknown = (
        "The WS-Management service cannot process the request. The WMI service or the WMI provider returned an unknown error: "
        f"HRESULT 0x{hresult:08x} "
    )
    if form == "text":
        return WsmanFault(PROVIDER_FAILURE, text=unknown, provider=Provider(code=PROVIDER_FAILURE, text=unknown, extended=extended))
    if form == "code":
        plain = ROWS[PROVIDER_FAILURE].text
        provider = Provider(code=hresult, text=plain, extended=extended)
        return WsmanFault(hresult, text=plain, subcode="w:InternalError", sender=False, provider=provider)
    if form == "text_only":
        return WsmanFault(PROVIDER_FAILURE, text="", provider=Provider(text=unknown))
    if form == "wmierror":
        error = WmiError(names.class_uri(extended.namespace, "MSFT_WmiError"), cim_status=1, hresult=hresult, message=unknown)
        return WsmanFault(PROVIDER_FAILURE, text=unknown, wmi_error=error)
    raise ValueError(f"unknown form of a provider fault: {form}")
