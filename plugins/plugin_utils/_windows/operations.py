# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both backends make of an operation before it is sent, and of the texts that come back: one place, so that both tell the same.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Pure: nothing is sent here. Values travel as texts by way of either backend and are read by the types of classes.yml, so that neither XML
nor JSON nor PowerShell has a say in what a number or a date is.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from .._keys import mask_keys
from .classes import CimClass, Method, ReturnValues, Typed, cim_class
from .errors import AccessDeniedError, BadReplyError, FaultError, MethodFailedError, OutcomeUnknownError, UnclearError
from .faults import ACCESS_DENIED_NEXT, return_value_error
from .interface import Associated, EventRecord, EventRecords, Events, Invoke, Query, RegistryValue, Row, Value
from .values import Argument, Texts, decode, encode

HKEY_LOCAL_MACHINE = 0x80000002
"""Microsoft: Learn, StdRegProv."""

# Python refuses to make a number of some thousands of digits.
_BUILD = re.compile(r"[0-9]{1,6}")

EVENT_COLUMNS = ("Logfile", "RecordNumber", "EventCode", "SourceName", "TimeGenerated", "InsertionStrings", "ComputerName")
"""Of Win32_NTLogEvent, by which records go over either backend. Without Message, which Windows would have to format for each record."""

MAX_ID_COMPARISONS = 20
"""Comparisons of event ids in one query: some versions of Windows refuse more than 22 (Elastic: Winlogbeat's reference, event_id), and WMI refuses
conditions that are too long, without a published number (Microsoft: Learn, Querying with WQL)."""

_REGISTRY_METHODS = {
    "REG_SZ": "GetStringValue",
    "REG_EXPAND_SZ": "GetExpandedStringValue",
    "REG_DWORD": "GetDWORDValue",
    "REG_MULTI_SZ": "GetMultiStringValue",
}


@dataclasses.dataclass(frozen=True)
class Call:
    """A method call made ready: what classes.yml knows of it, its arguments in MOF order, and what may be said of it in a text."""

    spec: CimClass
    method: Method
    selectors: t.Mapping[str, str]
    arguments: tuple[Argument, ...]
    doing: str

    @property
    def secrets(self) -> list[str]:
        """The texts that must not appear anywhere."""
        return [text for argument in self.arguments if argument.secret for text in argument.texts if text]


def prepare_call(call: Invoke) -> Call:
    """Return a call made ready. Raises LookupError, ValueError or TypeError when it does not fit classes.yml; values are not in the text."""
    spec = cim_class(call.cim_class)
    method = spec.method(call.method)
    doing = f"calling {method.name} of {spec.name}" + (f" ({_spelled(call.keys)})" if any(call.keys.values()) else "")
    return Call(spec, method, selectors(spec, call.keys), _arguments(spec, method, call.arguments), mask_keys(doing))


def prepare_registry_read(operation: RegistryValue) -> Call:
    """Return the call of StdRegProv that reads one value. Raises ValueError for a value that holds a product key, and for an unknown kind."""
    spec = cim_class("StdRegProv")
    if operation.name.casefold() in spec.never_read:
        raise ValueError(f"the registry value {operation.name} holds a product key and is never read")
    if operation.kind not in _REGISTRY_METHODS:
        raise ValueError(f"registry values of kind {operation.kind} are not read")
    method = spec.method(_REGISTRY_METHODS[operation.kind])
    where: dict[str, Value] = {"hDefKey": HKEY_LOCAL_MACHINE, "sSubKeyName": operation.key, "sValueName": operation.name}
    doing = mask_keys(f"reading the registry value {operation.name} of HKLM\\{operation.key}")
    return Call(spec, method, {}, _arguments(spec, method, where), doing)


def registry_value(call: Call, raw: Texts) -> Value:
    """Return the value that a registry read came back with; None when there is none. Raises FaultError, BadReplyError."""
    code = return_value(raw, call.doing)
    if call.method.return_values and code in call.method.return_values.absent:
        return None
    if code:
        raise return_error(code, call.method.return_values, call.doing)
    output = call.method.outputs[0]
    value = decoded(raw, output, call.spec, call.doing)
    # An empty list is sent as nothing, which for any other type is null.
    return [] if value is None and output.cim_type.endswith("[]") else value


def outputs(call: Call, raw: Texts) -> dict[str, Value]:
    """Return a method's outputs, ReturnValue left out. Raises BadReplyError when they can't be read, FaultError for a return value other than 0."""
    code = return_value(raw, call.doing)
    found = {output.name: decoded(raw, output, call.method, call.doing) for output in call.method.outputs}
    if code:
        raise return_error(code, call.method.return_values, call.doing)
    return found


def outcome_unknown(error: UnclearError) -> OutcomeUnknownError:
    """Return what a caller of a method is told where the machine's answer leaves open whether it was carried out."""
    return OutcomeUnknownError(error.doing, error.detail, code=error.code, symbol=error.symbol, meaning=error.meaning)


def columns_here(spec: CimClass, names: t.Sequence[str], build: int | None) -> list[Typed]:
    """Return the properties of these names that Windows of a build has; of every build when it is None, which is right only where
    L(depends_on_build) says that it does not matter. Raises LookupError for a name that classes.yml does not have."""
    wanted = [spec.property(name) for name in dict.fromkeys(names)]
    return wanted if build is None else [column for column in wanted if column.is_on(build)]


def depends_on_build(spec: CimClass, names: t.Sequence[str]) -> bool:
    """Tell whether some builds lack one of the columns. Where C(SELECT *) is said nothing can be asked for that is not there."""
    return not spec.select_all and any(spec.property(name).depends_on_build for name in names)


def wql(query: Query, build: int | None) -> str:
    """Return a query as WQL, for Windows of a build (None: every build has its columns)."""
    spec = cim_class(query.cim_class)
    columns = columns_here(spec, query.columns, build)
    wanted = "*" if spec.select_all else ",".join(column.name for column in columns) or ",".join(spec.keys)
    return f"SELECT {wanted} FROM {spec.name}" + (f" WHERE {query.where}" if query.where else "")


def wql_by_build(query: Query) -> list[tuple[int, str]]:
    """Return a query as WQL for each range of builds that differs: pairs of the first build of the range and the text, in order."""
    spec = cim_class(query.cim_class)
    if not depends_on_build(spec, query.columns):
        return [(0, wql(query, None))]
    columns = [spec.property(name) for name in query.columns]
    starts = {0, *(c.since for c in columns if c.since is not None), *(c.until + 1 for c in columns if c.until is not None)}
    return [(start, wql(query, start)) for start in sorted(starts)]


def query_row(raw: Texts, query: Query | Associated, build: int | None, doing: str) -> Row:
    """Return one row by the names asked for, None for columns that this Windows does not have. Raises BadReplyError."""
    spec = cim_class(query.cim_class)
    here = {column.name: column for column in columns_here(spec, query.columns, build)}
    return {name: decoded(raw, here[name], spec, doing) if name in here else None for name in query.columns}


def reading_associated(operation: Associated) -> str:
    """Return what is being done, in words."""
    return mask_keys(f"reading {operation.cim_class} of {operation.of_class} ({_spelled(operation.of_keys)})")


def reading_events(operation: Events) -> str:
    """Return what is being done, in words."""
    return f"reading the event log {operation.log}"


def id_ranges(event_ids: t.Iterable[int], most: int = MAX_ID_COMPARISONS) -> list[tuple[int, int]]:
    """Return ranges (first, last) that cover all ids with at most so many comparisons: one for a single id, two for a range.

    Ids that follow one another make a range; as long as there are too many, the two ranges with the least between them become one.
    """
    ranges: list[tuple[int, int]] = []
    for event_id in sorted(set(event_ids)):
        if ranges and event_id == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], event_id)
        else:
            ranges.append((event_id, event_id))
    while len(ranges) > 1 and sum(1 if first == last else 2 for first, last in ranges) > most:
        at = min(range(len(ranges) - 1), key=lambda index: ranges[index + 1][0] - ranges[index][1])
        ranges[at : at + 2] = [(ranges[at][0], ranges[at + 1][1])]
    return ranges


def events_condition(operation: Events) -> str:
    """Return the WQL condition that finds the records in Win32_NTLogEvent. Dates are in DMTF's form (DSP0004), which WQL takes."""
    ids = _ids_condition(operation, "EventCode", "OR", "AND")
    since = operation.since.astimezone(datetime.UTC).strftime("%Y%m%d%H%M%S.%f+000")
    log = operation.log.replace("\\", "\\\\").replace("'", "\\'")
    return f"Logfile='{log}' AND ({ids}) AND TimeGenerated>='{since}'"


def events_xpath(operation: Events) -> str:
    """Return the XPath that finds the records with Get-WinEvent, in the subset that the event log takes (Microsoft: Learn, Consuming Events)."""
    ids = _ids_condition(operation, "EventID", "or", "and")
    since = operation.since.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return f"*[System[({ids}) and TimeCreated[@SystemTime>='{since}']]]"


def _ids_condition(operation: Events, name: str, either: str, both: str) -> str:
    if not operation.event_ids:
        raise ValueError(f"no event ids are named for the log {operation.log}: a whole log is never read")
    parts: list[str] = []
    for first, last in id_ranges(operation.event_ids):
        if last - first <= 1:
            parts += [f"{name}={event_id}" for event_id in range(first, last + 1)]
        else:
            parts.append(f"({name}>={first} {both} {name}<={last})")
    return f" {either} ".join(parts)


def is_wanted(record: EventRecord, operation: Events) -> bool:
    """Tell whether a record that came back is one of those that were meant: a range brings others along, and so do ids that others use, too."""
    if record.event_id not in operation.event_ids:
        return False
    return record.event_id not in operation.shared_ids or any(part.casefold() in record.source.casefold() for part in operation.sources)


def event_record(row: Row, doing: str) -> EventRecord:
    """Return a record of Win32_NTLogEvent. Raises BadReplyError when its number, id or time is missing."""
    number, event_id, generated = row["RecordNumber"], row["EventCode"], row["TimeGenerated"]
    if not isinstance(number, int) or not isinstance(event_id, int) or not isinstance(generated, datetime.datetime):
        raise BadReplyError(doing, "a record came back without its number, its id or its time")
    strings = t.cast("list[str | None]", row["InsertionStrings"] or [])
    return EventRecord(
        log=str(row["Logfile"] or ""),
        record_number=number,
        event_id=event_id,
        source=str(row["SourceName"] or ""),
        generated=generated,
        strings=tuple(text or "" for text in strings),
        computer=str(row["ComputerName"] or "") or None,
    )


def newest(records: list[EventRecord], limit: int, *, complete: bool) -> EventRecords:
    """Return the newest records, the newest first; not complete when some were left out for the limit."""
    ordered = sorted(records, key=lambda record: (record.generated, record.record_number), reverse=True)
    return EventRecords(tuple(ordered[:limit]), complete and len(ordered) <= limit)


def build_number(row: Row | None) -> int | None:
    """Return the build that a row of Win32_OperatingSystem tells, or None."""
    number = (row or {}).get("BuildNumber")
    return int(number) if isinstance(number, str) and _BUILD.fullmatch(number.strip()) else None


def selectors(spec: CimClass, keys: t.Mapping[str, str]) -> dict[str, str]:
    """Return the keys of an instance in the order of its class. Raises ValueError for other keys, and for none where the class has some."""
    if set(keys) != set(spec.keys):
        raise ValueError(
            f"an instance of {spec.name} is addressed by {', '.join(spec.keys) or 'no key'}, not by {', '.join(keys) or 'no key'}"
        )
    return {name: encode(keys[name], "string")[0] for name in spec.keys}


def decoded(raw: Texts, member: Typed, owner: CimClass | Method, doing: str) -> Value:
    """Return the value of one member of a row. Raises BadReplyError when it does not fit its type."""
    try:
        return decode(raw.get(member.name.casefold(), ()), member.cim_type)
    except ValueError as error:
        problem = f"{member.name} of {owner.name} is not of type {member.cim_type}: {error}"
    raise BadReplyError(doing, problem)


def return_value(raw: Texts, doing: str) -> int:
    """Return ReturnValue, 0 when there is none: MSFT_NetFirewallRule answers so on success. Raises BadReplyError."""
    try:
        value = decode(raw.get("returnvalue", ()), "sint64")
    except ValueError as error:
        problem = str(error)
    else:
        return t.cast("int | None", value) or 0
    raise BadReplyError(doing, f"ReturnValue: {problem}")


def return_error(code: int, known: ReturnValues | None, doing: str) -> FaultError:
    """Return the exception for a return value other than 0: one that the class defines for itself, an HRESULT or a Win32 error."""
    row = None if known is None else known.codes.get(code & 0xFFFFFFFF)
    if known is None or row is None:
        return return_value_error(code, doing)
    denied = code in known.access_denied
    return (AccessDeniedError if denied else MethodFailedError)(
        doing,
        f"the method returned {code & 0xFFFFFFFF}",
        code=code,
        symbol=row.symbol,
        meaning=row.meaning,
        next_step=ACCESS_DENIED_NEXT if denied else None,
    )


def _arguments(spec: CimClass, method: Method, values: t.Mapping[str, Value]) -> tuple[Argument, ...]:
    unknown = sorted(set(values) - {parameter.name for parameter in method.parameters})
    if unknown:
        raise LookupError(f"{method.name} of {spec.name} has no parameter {', '.join(unknown)}")
    return tuple(
        Argument(parameter.name, parameter.cim_type, tuple(encode(values.get(parameter.name), parameter.cim_type)), parameter.secret)
        for parameter in method.parameters
    )


def _spelled(keys: t.Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in keys.items() if value)
