# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The C(powershell) backend: a Windows machine reached by running the internal module windows_operations on it.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

What is asked for, and what the answers mean, is decided here; running the module is a function passed in. A whole list of reads is one run.
"""

from __future__ import annotations

import typing as t

from .._keys import NOT_SHOWN, mask_keys
from . import faults, operations
from .classes import cim_class
from .errors import BadReplyError, NotFoundError, OutcomeUnknownError, UnclearError, UnreachableError, WindowsError
from .faults import Fault
from .interface import (
    Associated,
    Connect,
    EventLogFacts,
    EventLogState,
    EventRecords,
    Events,
    Invoke,
    Query,
    Reading,
    ReadOperation,
    RegistryValue,
    Resolve,
    Row,
    Value,
)
from .values import Texts, decode, without_illegal_characters

Json = dict[str, t.Any]

MARK = "="
"""Stands before every text that is sent: PowerShell 7 makes dates of texts that look like some."""

CIM_TIMEOUT_SECONDS = 60
"""How long one CIM operation may take, as long as over WS-Management."""

DNS_NO_RECORDS = 9501
DNS_NAME_ERROR = 9003
"""DNS_INFO_NO_RECORDS and DNS_ERROR_RCODE_NAME_ERROR (Windows SDK: winerror.h)."""

# Exception.HResult of .NET itself (facility 0x13, COR_E_...) says nothing about Windows (Microsoft: corerror.h).
_DOTNET_FACILITY = 0x8013


class RunModule(t.Protocol):
    """Runs the internal module once and returns its result, which has C(build) and C(results).

    doing: what the run is for, for errors. write: it may change the machine, so it is never run twice.

    Raises UnreachableError and its kinds, BadReplyError when the module did not answer; OutcomeUnknownError instead of either when write is true
    and the machine may have been changed.
    """

    def __call__(self, arguments: Json, *, doing: str, write: bool) -> Json: ...  # noqa: D102


class PowerShellWindows:
    """A Windows machine by way of PowerShell. Every call of read() and of invoke() is one run."""

    backend = "powershell"

    def __init__(self, run: RunModule) -> None:
        """Take the function that runs the module."""
        self._run = run

    def read(self, wanted: t.Sequence[ReadOperation]) -> list[Reading]:
        """See Windows.read. Raises LookupError or ValueError for an operation that classes.yml does not know or allow."""
        if not wanted:
            return []
        planned = [_plan(operation) for operation in wanted]
        doing = planned[0].doing if len(planned) == 1 else f"{planned[0].doing} and {len(planned) - 1} more"
        arguments = {"operations": [plan.asked for plan in planned], "timeout_seconds": CIM_TIMEOUT_SECONDS}
        answer = self._run(arguments, doing=doing, write=False)
        results = _results(answer, len(planned), doing)
        return [_reading(plan, result, answer.get("build")) for plan, result in zip(planned, results, strict=True)]

    def invoke(self, call: Invoke) -> dict[str, Value]:
        """See Windows.invoke. Raises LookupError, ValueError or TypeError for a call that does not fit classes.yml; values are not in the text."""
        prepared = operations.prepare_call(call)
        asked, secrets = _call(prepared, writes=True)
        arguments = {"operations": [asked], "secrets": secrets, "timeout_seconds": CIM_TIMEOUT_SECONDS}
        answer = self._run(arguments, doing=prepared.doing, write=True)
        try:
            (result,) = _results(answer, 1, prepared.doing)
            if "error" in result:
                raise faults.fault_error(fault_of(result["error"]), prepared.doing, method=True, secrets=prepared.secrets)
            return operations.outputs(prepared, _texts(result.get("outputs"), prepared.doing))
        except BadReplyError as error:
            unknown = OutcomeUnknownError(prepared.doing, mask_keys(error.detail, prepared.secrets))
        except UnclearError as error:
            unknown = operations.outcome_unknown(error)
        raise unknown


class Secret(str):
    """A secret on its way to the module. Its repr shows nothing: Ansible's debugging output prints the options of a module that way."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return what may be shown of it."""
        return repr(NOT_SHOWN)


class _Plan(t.NamedTuple):
    """One read made ready: what the module is asked, and how to read its answer."""

    doing: str
    asked: Json
    value: t.Callable[[Json, int | None], t.Any]
    absent: frozenset[int] = frozenset()
    """Codes that say that there is nothing, which is an answer."""


def _plan(operation: ReadOperation) -> _Plan:
    if isinstance(operation, Query):
        return _plan_query(operation)
    if isinstance(operation, Associated):
        return _plan_associated(operation)
    if isinstance(operation, RegistryValue):
        call = operations.prepare_registry_read(operation)
        return _Plan(
            call.doing,
            _call(call, writes=False)[0],
            lambda result, _build: operations.registry_value(call, _texts(result.get("outputs"), call.doing)),
        )
    if isinstance(operation, Events):
        return _plan_events(operation)
    if isinstance(operation, EventLogState):
        return _plan_log_state(operation)
    if isinstance(operation, Resolve):
        return _plan_resolve(operation)
    return _plan_connect(operation)


def _plan_query(query: Query) -> _Plan:
    spec = cim_class(query.cim_class)
    doing = f"reading {spec.name}"
    forms = [{"since": since, "text": MARK + text} for since, text in operations.wql_by_build(query)]
    asked = {"query": {"namespace": spec.namespace, "columns": list(dict.fromkeys(query.columns)), "wql": forms}}

    def rows(result: Json, build: int | None) -> list[Row]:
        return [operations.query_row(row, query, build, doing) for row in _rows(result, doing)]

    return _Plan(doing, asked, rows)


def _plan_associated(operation: Associated) -> _Plan:
    spec, of, through = (cim_class(name) for name in (operation.cim_class, operation.of_class, operation.through))
    doing = operations.reading_associated(operation)
    asked = {
        "associated": {
            "namespace": of.namespace,
            "of_class": of.name,
            "keys": _keys(operations.selectors(of, operation.of_keys)),
            "through": through.name,
            "cim_class": spec.name,
            "columns": list(dict.fromkeys(operation.columns)),
        }
    }
    # A whole instance comes back, so that nothing can be asked for that is not there.
    return _Plan(doing, asked, lambda result, _build: [operations.query_row(row, operation, None, doing) for row in _rows(result, doing)])


def _plan_events(operation: Events) -> _Plan:
    doing = operations.reading_events(operation)
    asked = {
        "events": {
            "log": MARK + operation.log,
            "xpath": MARK + operations.events_xpath(operation),
            "event_ids": list(operation.event_ids),
            "shared_ids": list(operation.shared_ids),
            "sources": [MARK + source for source in operation.sources],
            "limit": operation.limit,
            "budget_seconds": operation.budget_seconds,
        }
    }
    same_columns = Query("Win32_NTLogEvent", operations.EVENT_COLUMNS)

    def records(result: Json, _build: int | None) -> EventRecords:
        rows = [operations.query_row(row, same_columns, None, doing) for row in _rows(result, doing)]
        found = [operations.event_record(row, doing) for row in rows]
        wanted = [record for record in found if operations.is_wanted(record, operation)]
        return operations.newest(wanted, operation.limit, complete=bool(result.get("complete")))

    return _Plan(doing, asked, records)


_LOG_FACTS = {
    "enabled": "boolean",
    "mode": "string",
    "size_reached": "boolean",
    "file_bytes": "sint64",
    "maximum_bytes": "sint64",
    "records": "sint64",
    "oldest_number": "sint64",
    "oldest_at": "datetime",
}


def _plan_log_state(operation: EventLogState) -> _Plan:
    doing = mask_keys(f"reading the state of the event log {operation.log}")

    def facts(result: Json, _build: int | None) -> EventLogFacts | None:
        rows = _rows(result, doing)
        if not rows:
            return None
        problem = ""
        try:
            told: dict[str, t.Any] = {name: decode(rows[0].get(name, ()), kind) for name, kind in _LOG_FACTS.items()}
            return EventLogFacts(operation.log, **told)
        except ValueError as error:
            problem = str(error)
        raise BadReplyError(doing, problem)

    return _Plan(doing, {"log_state": {"log": MARK + operation.log}}, facts)


def _plan_resolve(operation: Resolve) -> _Plan:
    doing = mask_keys(f"resolving {operation.name} ({operation.record_type}) on the machine")

    def records(result: Json, _build: int | None) -> list[Row]:
        return [_dns_record(row, doing) for row in _rows(result, doing)]

    asked = {"resolve": {"name": MARK + operation.name, "type": operation.record_type}}
    return _Plan(doing, asked, records, frozenset({DNS_NO_RECORDS}))


def _dns_record(row: Texts, doing: str) -> Row:
    found: Row = {"name": _text(row, "name"), "type": _text(row, "type"), "ttl": _number(row, "ttl", doing)}
    if "ipaddress" in row:
        return found | {"address": _text(row, "ipaddress")}
    # CNAME has NameHost, SRV has NameTarget.
    found["target"] = _text(row, "nametarget") or _text(row, "namehost")
    if "port" in row:
        found |= {name: _number(row, name, doing) for name in ("port", "priority", "weight")}
    return found


def _plan_connect(operation: Connect) -> _Plan:
    doing = mask_keys(f"connecting to {operation.host} port {operation.port} from the machine")

    def attempt(result: Json, _build: int | None) -> Row:
        (row,) = _rows(result, doing)
        return {
            "outcome": _text(row, "outcome"),
            "address": _text(row, "address"),
            "code": _number(row, "code", doing),
            "milliseconds": _number(row, "milliseconds", doing),
        }

    asked = {"connect": {"host": MARK + operation.host, "port": operation.port, "timeout_seconds": operation.timeout_seconds}}
    return _Plan(doing, asked, attempt)


def _call(call: operations.Call, *, writes: bool) -> tuple[Json, list[Json]]:
    """Return what the module is asked for a call, and the secrets that go beside it."""
    arguments: list[Json] = []
    secrets: list[Json] = []
    for argument in call.arguments:
        if argument.secret and argument.texts:
            secrets.append({"name": argument.name, "value": Secret(argument.texts[0])})
            arguments.append({"name": argument.name, "type": argument.cim_type, "secret": argument.name})
        elif argument.texts:
            arguments.append({"name": argument.name, "type": argument.cim_type, "texts": [MARK + text for text in argument.texts]})
    asked = {
        "call": {
            "namespace": call.spec.namespace,
            "cim_class": call.spec.name,
            "method": call.method.name,
            "keys": _keys(call.selectors),
            "arguments": arguments,
            "outputs": [output.name for output in call.method.outputs],
            "writes": writes,
        }
    }
    return asked, secrets


def _keys(selectors: t.Mapping[str, str]) -> list[Json]:
    return [{"name": name, "text": MARK + value} for name, value in selectors.items()]


def _results(answer: Json, count: int, doing: str) -> list[Json]:
    found = answer.get("results")
    if not isinstance(found, list) or len(found) != count or not all(isinstance(result, dict) for result in found):
        raise BadReplyError(doing, f"PowerShell did not answer with {count} results")
    return t.cast("list[Json]", found)


def _reading(plan: _Plan, result: Json, build: t.Any) -> Reading:
    failure = result.get("error")
    try:
        if failure is None:
            return Reading(plan.value(result, build if isinstance(build, int) else None))
        fault = fault_of(failure)
        if fault.code in plan.absent:
            return Reading([])
        if fault.code == DNS_NAME_ERROR:
            return Reading(error=NotFoundError(plan.doing, "the name does not exist", code=fault.code))
        return Reading(error=faults.fault_error(fault, plan.doing))
    except (UnreachableError, OutcomeUnknownError):
        raise
    except WindowsError as error:
        return Reading(error=error)


def fault_of(failure: t.Any) -> Fault:
    """Return what an error of a cmdlet says, as the same kind of fault that a SOAP message carries.

    The provider's HRESULT stands in ErrorData's error_Code, else in MessageId or FullyQualifiedErrorId ("HRESULT 0x8004100E"), else in the
    message, else in a Win32Exception's NativeErrorCode, else in Exception.HResult unless that is .NET's own. Which of these the licensing
    provider fills is not published; each is right where it has something (PowerShell: CimWriteError.cs; MMI: CimException.cs).
    """
    said = failure if isinstance(failure, dict) else {}
    named = [
        int(code, 16) for name in ("message_id", "error_id", "message") for code in faults.NAMED_HRESULT.findall(str(said.get(name) or ""))
    ]
    native = faults.number(str(said.get("native_code")))
    is_cim = "Management.Infrastructure" in str(said.get("type") or "")
    general = faults.number(str(said.get("hresult")))
    if general is not None and general >> 16 == _DOTNET_FACILITY:
        general = None
    candidates = (faults.number(str(said.get("error_code"))), *named, None if is_cim else native, general)
    code = next((candidate for candidate in candidates if candidate), None)
    wsman = code is not None and faults.is_wsman(code)
    # CimException's NativeErrorCode is a CIM status (Microsoft: Learn, NativeErrorCode of Microsoft.Management.Infrastructure).
    status = faults.number(str(said.get("cim_status"))) or (native if is_cim else None)
    text = without_illegal_characters(" ".join(str(said.get("message") or "").split()))
    return Fault(
        wsman_code=code if wsman else None,
        hresult=None if wsman else code,
        cim_status=status,
        texts=(text,) if text else (),
    )


def _rows(result: Json, doing: str) -> list[Texts]:
    found = result.get("rows")
    if not isinstance(found, list):
        raise BadReplyError(doing, "PowerShell answered without rows")
    return [_texts(row, doing) for row in found]


def _texts(row: t.Any, doing: str) -> Texts:
    """Return one row as the backends have it in common. Characters that XML does not carry are left out here as they are there."""
    if not isinstance(row, dict) or not all(isinstance(texts, list) for texts in row.values()):
        raise BadReplyError(doing, "PowerShell answered with something that is no row")
    return {
        str(name).casefold(): [None if text is None else without_illegal_characters(str(text)) for text in texts]
        for name, texts in row.items()
    }


def _text(row: Texts, name: str) -> str | None:
    return next(iter(row.get(name, [])), None) or None


def _number(row: Texts, name: str, doing: str) -> int | None:
    text = _text(row, name)
    if text is None:
        return None
    number = faults.number(text)
    if number is None:
        raise BadReplyError(doing, f"{name} is no number")
    return number
