# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine says when something fails: find out what it was, and turn it into one of this collection's exceptions.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

A SOAP fault comes in several forms: WSManFault with a ProviderFault inside (COM providers, licensing among them), MSFT_WmiError (MI providers,
quotas, namespaces), text only, or with no detail at all (Microsoft: MS-WSMV 2.2.4.43). The HRESULT of the provider, which says most, is
looked for in a fixed order. An error of a cmdlet says the same in other places: powershell.py makes a L(Fault) of it. Texts are kept for people
and never mapped to a meaning, since Windows may write them in any language.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import re
import typing as t
import xml.etree.ElementTree as ET

from .._catalogue.loader import Explanation, explain_code, load_yaml
from .._keys import mask_keys
from .errors import (
    AccessDeniedError,
    BusyError,
    FaultError,
    MethodFailedError,
    NotFoundError,
    ServiceAwayError,
    TimedOutError,
    UnclearError,
)
from .soap import local_name

ACCESS_DENIED = "access_denied"
BUSY = "busy"
TIMED_OUT = "timed_out"
NOT_FOUND = "not_found"
NOTHING_YET = "nothing_yet"
ENUMERATION_GONE = "enumeration_gone"
STALE_SESSION = "stale_session"
DONE_UNREPORTED = "done_unreported"
WRONG_PLACE = "wrong_place"
BROKEN_OFF = "broken_off"
UNSPECIFIC = "unspecific"
SERVICE_AWAY = "service_away"

ACCESS_DENIED_NEXT = (
    "use an account of the machine's Administrators group; a local account other than the built-in Administrator is cut down for remote work "
    "unless LocalAccountTokenFilterPolicy is 1 under HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System"
)
BUSY_NEXT = "close other remote sessions of this user on the machine, or run the task again with fewer forks"
TIMED_OUT_NEXT = "check that the machine is not overloaded and that its WMI and licensing services answer, then run the task again"
SERVICE_AWAY_NEXT = (
    "the licensing service (sppsvc) or the WMI service of the machine may be restarting: run the task again; if it stays, look at the System log "
    "of the machine for events of the Service Control Manager"
)
NOT_BEGUN_NEXT = (
    "nothing was begun: where the licensing service (sppsvc) of the machine was restarting, run the task again; where an activation was asked for, "
    "check the KMS host (its firewall rule, its port, its SRV record)"
)
NOT_FOUND_NEXT = "check that this Windows version has the class and that the instance still exists"

# Elements whose own text says what happened. Operation and ParameterInfo are left out for good: they can quote a product key.
_TEXTS = ("Message", "ProviderFault", "MessageID", "error_WindowsErrorMessage", "Description", "Text")
NAMED_HRESULT = re.compile(r"HRESULT\s+0x([0-9a-f]{8})(?![0-9a-f])", re.IGNORECASE)
_ANY_HRESULT = re.compile(r"(?<![0-9a-z])0x([89ac-f][0-9a-f]{7})(?![0-9a-f])", re.IGNORECASE)
_ONLY_A_CODE = re.compile(r"(?:HRESULT\s+)?0x[0-9a-f]+", re.IGNORECASE)
_DETAIL_LENGTH = 600
_PROVIDER_LENGTH = 80

Explain = t.Callable[[int], Explanation | None]
Error = t.TypeVar("Error", bound=FaultError)


@dataclasses.dataclass(frozen=True)
class Fault:
    """What a SOAP fault, or an error of a cmdlet, says.

    subcode:      local name of the fault's subcode, such as InternalError, or empty.
    wsman_code:   WinRM's own code (0x80338000 to 0x803381FF), or None.
    hresult:      code of the provider or of Windows, a Win32 error below 65536, or None.
    cim_status:   CIMStatusCode of an MSFT_WmiError, or None.
    provider:     name of the provider that failed, or empty.
    texts:        what it says in words, the most specific first, each once, as it came.
    """

    subcode: str = ""
    wsman_code: int | None = None
    hresult: int | None = None
    cim_status: int | None = None
    provider: str = ""
    texts: tuple[str, ...] = ()

    @property
    def code(self) -> int | None:
        """The most specific code: the provider's before WinRM's."""
        return self.wsman_code if self.hresult is None else self.hresult

    def means(self, kind: str) -> bool:
        """Tell whether the fault is of a kind named in faults.yml."""
        row = _KINDS[kind]
        return bool(row.codes & {self.hresult, self.wsman_code} or self.subcode in row.subcodes or self.cim_status in row.cim_status)


def parse_fault(content: ET.Element | None) -> Fault | None:
    """Return what a SOAP body's content says as a fault, None when it is no fault."""
    if content is None or local_name(content) != "Fault":
        return None
    values = [text for code in _all(content, "Subcode") for element in code if (text := _own_text(element))]
    texts = _texts(content)
    candidates = _codes(content)
    in_texts = _codes_in(texts)
    hresult = next((code for code in (*in_texts, *candidates) if not is_wsman(code)), None)
    if hresult is None:
        hresult = next((code for element in _all(content, "StatusCode") if (code := number(_own_text(element)))), None)
    # The outer code is WinRM's; MSFT_WmiError has it in error_Code or MessageID instead.
    wsman_code = next((code for code in (*reversed(candidates), *in_texts) if is_wsman(code)), None)
    return Fault(
        subcode=values[0].rpartition(":")[2] if values else "",
        wsman_code=wsman_code,
        hresult=hresult,
        cim_status=next((number(_own_text(e)) for e in _all(content, "CIMStatusCode")), None),
        provider=next((_even(e.get("provider", "")) for e in _all(content, "ProviderFault")), ""),
        texts=texts,
    )


def fault_error(
    fault: Fault,
    doing: str,
    *,
    method: bool = False,
    secrets: t.Iterable[str] = (),
    after: str = "",
    explain: Explain = explain_code,
) -> FaultError:
    """Return the exception for a fault.

    method: whether a method that may change the machine was called; what fits no narrower class is then a MethodFailedError, or an
    UnclearError where the call may have begun.
    secrets: values that were sent, to be taken out of the texts.
    after: what had been achieved before, added to the detail.
    """
    kind, next_step = _class_of(fault, method)
    words = [text for text in fault.texts if not _ONLY_A_CODE.fullmatch(text)]
    detail = mask_keys("; ".join(words[:2]), secrets)[:_DETAIL_LENGTH] or "the machine answered with a fault that says nothing"
    if fault.provider:
        detail = f"{mask_keys(fault.provider, secrets)[:_PROVIDER_LENGTH]} says: {detail}"
    return explained_error(kind, doing, detail.rstrip(". ") + after, fault.code, next_step=next_step, explain=explain)


def return_value_error(code: int, doing: str, explain: Explain = explain_code) -> FaultError:
    """Return the exception for a method that ran and returned a code other than 0, an HRESULT or a Win32 error."""
    denied = code in _KINDS[ACCESS_DENIED].codes
    kind: type[FaultError] = AccessDeniedError if denied else UnclearError if code in _KINDS[BROKEN_OFF].codes else MethodFailedError
    next_step = ACCESS_DENIED_NEXT if denied else None
    return explained_error(kind, doing, f"the method returned {code & 0xFFFFFFFF}", code, next_step=next_step, explain=explain)


def explained_error(
    kind: type[Error], doing: str, detail: str, code: int | None, *, next_step: str | None = None, explain: Explain = explain_code
) -> Error:
    """Return an error with what the catalogue knows of its code: name, meaning, and the remedy where no other next step is given."""
    known = _explanation(code, explain)
    if known is None:
        return kind(doing, detail, code=code, next_step=next_step)
    return kind(doing, detail, code=code, symbol=known.symbol, meaning=known.meaning, next_step=next_step or known.remedy)


def is_unspecific(code: int | None) -> bool:
    """Tell whether an error's code, or having none, says only that something failed and not why."""
    return code is None or is_wsman(code) or code in _KINDS[UNSPECIFIC].codes


@dataclasses.dataclass(frozen=True)
class _Kind:
    codes: frozenset[int]
    subcodes: frozenset[str]
    cim_status: frozenset[int]


def _load() -> tuple[tuple[int, int], dict[str, _Kind]]:
    text = importlib.resources.files(__package__ or "").joinpath("faults.yml").read_bytes()
    data = load_yaml(text)
    low, high = data["ws_management"]
    kinds = {
        name: _Kind(frozenset(row["codes"]), frozenset(row["subcodes"]), frozenset(row["cim_status"]))
        for name, row in data.items()
        if isinstance(row, dict) and "codes" in row
    }
    return (low, high), kinds


_WSMAN_RANGE, _KINDS = _load()


def is_wsman(code: int) -> bool:
    """Tell whether a code is one of WinRM itself; anything else comes from a provider or from Windows."""
    return _WSMAN_RANGE[0] <= code <= _WSMAN_RANGE[1]


def _class_of(fault: Fault, method: bool) -> tuple[type[FaultError], str | None]:
    if fault.means(ACCESS_DENIED):
        return AccessDeniedError, ACCESS_DENIED_NEXT
    if fault.means(BUSY):
        return BusyError, BUSY_NEXT
    if fault.means(TIMED_OUT) or fault.means(NOTHING_YET):
        return TimedOutError, TIMED_OUT_NEXT
    if fault.means(NOT_FOUND):
        return NotFoundError, NOT_FOUND_NEXT
    if method:
        if fault.means(BROKEN_OFF) or fault.means(STALE_SESSION):
            return UnclearError, None
        return MethodFailedError, NOT_BEGUN_NEXT if fault.means(SERVICE_AWAY) else None
    return (ServiceAwayError, SERVICE_AWAY_NEXT) if fault.means(SERVICE_AWAY) else (FaultError, None)


def _explanation(code: int | None, explain: Explain) -> Explanation | None:
    if code is None:
        return None
    known = explain(code)
    if known is None and 0 < code < 0x10000:
        # HRESULT_FROM_WIN32: the catalogue may know a Win32 error by either form (Microsoft: winerror.h).
        known = explain(0x80070000 | code)
    return known


def _texts(fault: ET.Element) -> tuple[str, ...]:
    found = [text for element in fault.iter() if local_name(element) in _TEXTS and (text := _own_text(element))]
    # The deeper a text stands, the nearer it is to the cause; the reason, which comes first, only repeats it in general terms.
    return tuple(dict.fromkeys(reversed(found)))


def _codes_in(texts: tuple[str, ...]) -> list[int]:
    found = [int(match, 16) for pattern in (NAMED_HRESULT, _ANY_HRESULT) for text in texts for match in pattern.findall(text)]
    return [code for code in found if code]


def _codes(fault: ET.Element) -> list[int]:
    """Return error_Code, then the codes of WSManFault from the inside out."""
    errors = [number(_own_text(element)) for element in _all(fault, "error_Code")]
    nested = [number(element.get("Code", "")) for element in _all(fault, "WSManFault")]
    return [code for code in (*errors, *reversed(nested)) if code]


def _all(element: ET.Element, name: str) -> t.Iterator[ET.Element]:
    return (found for found in element.iter() if local_name(found) == name)


def _own_text(element: ET.Element) -> str:
    """Return the text directly in an element, white space evened out: what stands in elements inside it is theirs."""
    return _even("".join([element.text or "", *(child.tail or "" for child in element)]))


def _even(text: str) -> str:
    return " ".join(text.split())


def number(text: str) -> int | None:
    """Return the unsigned 32 bits that a whole number in a text has, None for any other text."""
    try:
        return int(text.strip()) & 0xFFFFFFFF
    except ValueError:
        return None
