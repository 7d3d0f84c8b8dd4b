# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The C(wsman) backend: a Windows machine reached by CIM messages over WS-Management.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

What is sent and in which order is decided here; sending is a function passed in, and so are pauses.
"""

from __future__ import annotations

import contextlib
import typing as t
import uuid
import xml.etree.ElementTree as ET

from .._keys import mask_keys
from . import faults, soap
from .classes import CimClass, Method, ReturnValues, Typed, cim_class
from .errors import (
    AccessDeniedError,
    BadReplyError,
    FaultError,
    LoginRefusedError,
    MethodFailedError,
    OutcomeUnknownError,
    RedirectedError,
    TimedOutError,
    UnreachableError,
    WindowsError,
)
from .interface import Associated, Invoke, Query, Reading, ReadOperation, RegistryValue, Row, Value
from .values import decode, encode

HTTP_TIMEOUT_SECONDS = soap.OPERATION_TIMEOUT_SECONDS + 15.0
"""How long to wait for an answer: longer than Windows takes to give up by itself."""

BUSY_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""Pauses before a message is sent again that met a quota: it did not start, so that this is safe for methods, too."""

MAX_ROWS = 50_000
MAX_PAGES = 5_000
MAX_EMPTY_WAITS = 5
"""Bounds on one enumeration: rows kept, answers asked for, times that Windows may say it has nothing yet."""

HKEY_LOCAL_MACHINE = 0x80000002
"""Microsoft: Learn, StdRegProv."""

_REGISTRY_METHODS = {
    "REG_SZ": "GetStringValue",
    "REG_EXPAND_SZ": "GetExpandedStringValue",
    "REG_DWORD": "GetDWORDValue",
    "REG_MULTI_SZ": "GetMultiStringValue",
}
_STATUS_NEXT = {
    400: "run the task again; if it stays, check ansible_winrm_message_encryption and any proxy on the way",
    403: "check proxies on the way to the machine (ansible_winrm_proxy, HTTPS_PROXY, no_proxy)",
    404: "check ansible_winrm_path and ansible_port: no WinRM service answers at this address",
    407: "check proxies on the way to the machine (ansible_winrm_proxy, HTTPS_PROXY, no_proxy)",
    500: "if the connection is plain HTTP with basic authentication, the machine has to allow it (AllowUnencrypted); HTTPS or NTLM is the better way",
    503: "check that the WinRM service of the machine is running and not overloaded, then run the task again",
}
_READ_STATE = "read the state of the machine before doing anything again: the call may have been carried out"


class Send(t.Protocol):
    """Sends one message and returns what came back over HTTP.

    doing: what the message is for, for errors. write: it may change the machine. once: it must not be sent again after a lost connection.
    timeout_seconds: how long to wait for the answer. fresh: begin with a new connection.

    Raises UnreachableError and its kinds; OutcomeUnknownError when write is true and the message may have arrived.
    """

    def __call__(  # noqa: D102
        self, xml: bytes, *, doing: str, write: bool, timeout_seconds: float, once: bool = False, fresh: bool = False
    ) -> soap.Reply: ...


def _new_message_id() -> str:
    return f"uuid:{str(uuid.uuid4()).upper()}"


class WsmanWindows:
    """A Windows machine over WS-Management. Learns the build of Windows on the way and asks only for what that build has."""

    backend = "wsman"

    def __init__(
        self,
        send: Send,
        sleep: t.Callable[[float], None],
        *,
        progress: t.Callable[[str], None] = lambda text: None,
        new_message_id: t.Callable[[], str] = _new_message_id,
    ) -> None:
        """Take the function that sends, the one that waits for a number of seconds, and one that is told why a pause is made."""
        self._send = send
        self._sleep = sleep
        self._progress = progress
        self._new_message_id = new_message_id
        self._build: int | None = None
        self._namespaces: dict[str, str] = {}

    def read(self, operations: t.Sequence[ReadOperation]) -> list[Reading]:
        """See Windows.read. Raises LookupError or ValueError for an operation that classes.yml does not know or allow."""
        return [self._read_one(operation) for operation in operations]

    def invoke(self, call: Invoke) -> dict[str, Value]:
        """See Windows.invoke. Raises LookupError, ValueError or TypeError for a call that does not fit classes.yml; values are not in the text."""
        spec = cim_class(call.cim_class)
        method = spec.method(call.method)
        arguments = _arguments(spec, method, call.arguments)
        secrets = [str(call.arguments[p.name]) for p in method.parameters if p.secret and call.arguments.get(p.name)]
        selectors = _selectors(spec, call.keys)
        doing = f"calling {method.name} of {spec.name}" + (f" ({_spelled(call.keys)})" if any(call.keys.values()) else "")
        request = soap.invoke(soap.class_uri(spec.namespace, spec.name), method.name, arguments, selectors, self._new_message_id())
        content, status = self._exchange_write(request, mask_keys(doing), secrets)
        return self._outputs(content, status, method, mask_keys(doing), secrets)

    def _read_one(self, operation: ReadOperation) -> Reading:
        try:
            if isinstance(operation, Query):
                return Reading(self._query(operation))
            if isinstance(operation, Associated):
                return Reading(self._associated(operation))
            return Reading(self._registry(operation))
        except (UnreachableError, OutcomeUnknownError):
            raise
        except WindowsError as error:
            return Reading(error=error)

    def _query(self, query: Query) -> list[Row]:
        spec = cim_class(query.cim_class)
        doing = f"reading {spec.name}"
        columns = self._columns_here(spec, query.columns)
        wanted = "*" if spec.select_all else ",".join(p.name for p in columns) or ",".join(spec.keys)
        wql = f"SELECT {wanted} FROM {spec.name}" + (f" WHERE {query.where}" if query.where else "")
        raw = self._enumerate(lambda: soap.enumerate_wql(spec.namespace, wql, self._new_message_id()), doing)
        rows = [_row(row, query.columns, columns, spec, doing) for row in raw]
        if spec.name == "Win32_OperatingSystem" and rows:
            self._learn_build(rows[0])
        return rows

    def _associated(self, operation: Associated) -> list[Row]:
        spec = cim_class(operation.cim_class)
        of = cim_class(operation.of_class)
        through = cim_class(operation.through)
        doing = mask_keys(f"reading {spec.name} of {of.name} ({_spelled(operation.of_keys)})")
        columns = self._columns_here(spec, operation.columns)
        selectors = _selectors(of, operation.of_keys)
        raw = self._enumerate(
            lambda: soap.enumerate_associated(of.namespace, of.name, selectors, through.name, spec.name, self._new_message_id()), doing
        )
        return [_row(row, operation.columns, columns, spec, doing) for row in raw]

    def _registry(self, operation: RegistryValue) -> Value:
        spec = cim_class("StdRegProv")
        if operation.name.casefold() in spec.never_read:
            raise ValueError(f"the registry value {operation.name} holds a product key and is never read")
        if operation.kind not in _REGISTRY_METHODS:
            raise ValueError(f"registry values of kind {operation.kind} are not read")
        method = spec.method(_REGISTRY_METHODS[operation.kind])
        doing = f"reading the registry value {operation.name} of HKLM\\{operation.key}"
        arguments = _arguments(spec, method, {"hDefKey": HKEY_LOCAL_MACHINE, "sSubKeyName": operation.key, "sValueName": operation.name})
        known = self._namespaces.get(spec.name)
        for namespace in (known,) if known else (spec.namespace, *spec.other_namespaces):
            request = soap.invoke(soap.class_uri(namespace, spec.name), method.name, arguments, {}, self._new_message_id())
            reply, content = self._exchange(request, doing)
            fault = faults.parse_fault(content)
            if fault is None or not fault.means(faults.WRONG_PLACE):
                self._namespaces[spec.name] = namespace
                break
        if fault is not None:
            raise faults.fault_error(fault, doing)
        _require_success(reply, doing)
        raw = soap.read_output(content, method.name, doing)
        code = _return_value(raw, doing)
        if method.return_values and code in method.return_values.absent:
            return None
        if code:
            raise _return_error(code, method.return_values, doing)
        output = method.outputs[0]
        value = _decoded(raw, output, spec, doing)
        # An empty list is sent as nothing, which for any other type is null.
        return [] if value is None and output.cim_type.endswith("[]") else value

    def _columns_here(self, spec: CimClass, names: t.Sequence[str]) -> list[Typed]:
        """Return the properties of that name that this machine's Windows has."""
        wanted = [spec.property(name) for name in dict.fromkeys(names)]
        # Without a projection nothing can be asked for that is not there.
        if spec.select_all or not any(p.depends_on_build for p in wanted):
            return wanted
        build = self._known_build()
        return [p for p in wanted if p.is_on(build)]

    def _known_build(self) -> int:
        if self._build is None:
            doing = "reading the build of Windows"
            rows = self._query(Query("Win32_OperatingSystem", ("BuildNumber",)))
            if self._build is None:
                raise BadReplyError(doing, f"{len(rows)} instances of Win32_OperatingSystem came back, none with a build number")
        return self._build

    def _learn_build(self, row: Row) -> None:
        number = row.get("BuildNumber")
        if isinstance(number, str) and number.strip().isdecimal():
            self._build = int(number)

    def _enumerate(self, start: t.Callable[[], soap.Request], doing: str) -> list[soap.RawRow]:
        try:
            return self._enumerate_once(start, doing)
        except _EnumerationLostError:
            # Whether the lost answer moved the enumeration on is not known, so that rows could be missed: read it again from the start.
            try:
                return self._enumerate_once(start, doing)
            except _EnumerationLostError as error:
                lost = error.cause
        raise lost

    def _enumerate_once(self, start: t.Callable[[], soap.Request], doing: str) -> list[soap.RawRow]:
        request = start()
        reply, content = self._exchange(request, doing)
        fault = faults.parse_fault(content)
        if fault is not None:
            raise faults.fault_error(fault, doing)
        _require_success(reply, doing)
        page = soap.read_page(content, doing)
        rows = list(page.rows)
        pages, waits = 1, 0
        while (context := page.context) is not None:
            if len(rows) > MAX_ROWS or pages >= MAX_PAGES:
                self._release(request.resource_uri, context)
                raise BadReplyError(doing, f"the answer does not end: {len(rows)} rows in {pages} pages", next_step="narrow the query")
            try:
                fault, next_page = self._pull(request.resource_uri, context, doing)
            except BadReplyError as error:
                self._release(request.resource_uri, context)
                raise BadReplyError(doing, error.detail + _read_so_far(rows), next_step=error.next_step) from None
            pages += 1
            if fault is None:
                page, waits = t.cast(soap.Page, next_page), 0
                rows += page.rows
                continue
            waits += 1
            if not fault.means(faults.NOTHING_YET):
                raise faults.fault_error(fault, doing, after=_read_so_far(rows))
            if waits > MAX_EMPTY_WAITS:
                self._release(request.resource_uri, context)
                raise faults.fault_error(fault, doing, after=_read_so_far(rows))
        return rows

    def _pull(self, resource_uri: str, context: str, doing: str) -> tuple[faults.Fault | None, soap.Page | None]:
        request = soap.pull(resource_uri, context, self._new_message_id())
        try:
            reply, content = self._exchange(request, doing, once=True)
        except (LoginRefusedError, RedirectedError):
            raise
        except UnreachableError as error:
            lost = error
        else:
            fault = faults.parse_fault(content)
            if fault is None:
                _require_success(reply, doing)
                return None, soap.read_page(content, doing)
            return fault, None
        raise _EnumerationLostError(lost)

    def _release(self, resource_uri: str, context: str) -> None:
        # Best effort: without it the machine forgets the enumeration after some minutes by itself.
        request = soap.release(resource_uri, context, self._new_message_id())
        with contextlib.suppress(WindowsError):
            self._send(request.xml, doing="ending an enumeration", write=False, timeout_seconds=HTTP_TIMEOUT_SECONDS, once=True)

    def _exchange(self, request: soap.Request, doing: str, *, once: bool = False) -> tuple[soap.Reply, ET.Element | None]:
        """Send a message that changes nothing; faults that ask for patience or for a new session are dealt with, others returned."""
        fresh = False
        pauses = iter(BUSY_PAUSES_SECONDS)
        while True:
            reply = self._send(request.xml, doing=doing, write=False, timeout_seconds=HTTP_TIMEOUT_SECONDS, once=once, fresh=fresh)
            content = _parsed(reply, request, doing)
            fault = faults.parse_fault(content)
            if fault is None:
                return reply, content
            if fault.means(faults.STALE_SESSION) and not fresh and not once:
                fresh = True
            elif not fault.means(faults.BUSY) or not self._pause(pauses, doing):
                return reply, content

    def _exchange_write(self, request: soap.Request, doing: str, secrets: list[str]) -> tuple[ET.Element | None, int]:
        """Send a message that may change the machine. It is sent again only when the machine says that it did not start."""
        pauses = iter(BUSY_PAUSES_SECONDS)
        while True:
            reply = self._send(request.xml, doing=doing, write=True, timeout_seconds=HTTP_TIMEOUT_SECONDS, once=True)
            unclear = None
            try:
                content = _parsed(reply, request, doing)
            except BadReplyError as error:
                unclear = error.detail
            if unclear is not None:
                raise OutcomeUnknownError(doing, mask_keys(unclear, secrets), next_step=_READ_STATE)
            fault = faults.parse_fault(content)
            if fault is None or not fault.means(faults.BUSY) or not self._pause(pauses, doing):
                return content, reply.status

    def _pause(self, pauses: t.Iterator[float], doing: str) -> bool:
        seconds = next(pauses, None)
        if seconds is None:
            return False
        self._progress(f"{doing}: the machine has too many operations open; trying again in {seconds:g} s")
        self._sleep(seconds)
        return True

    def _outputs(self, content: ET.Element | None, status: int, method: Method, doing: str, secrets: list[str]) -> dict[str, Value]:
        fault = faults.parse_fault(content)
        if fault is not None:
            if fault.means(faults.DONE_UNREPORTED):
                return {}
            error = faults.fault_error(fault, doing, method=True, secrets=secrets)
            if isinstance(error, TimedOutError) or fault.means(faults.STALE_SESSION):
                raise OutcomeUnknownError(
                    doing, error.detail, code=error.code, symbol=error.symbol, meaning=error.meaning, next_step=_READ_STATE
                )
            raise error
        if status != 200:
            raise OutcomeUnknownError(doing, f"HTTP {status} came back without a fault", next_step=_READ_STATE)
        unclear = None
        try:
            raw = soap.read_output(content, method.name, doing)
            code = _return_value(raw, doing)
            outputs = {output.name: _decoded(raw, output, method, doing) for output in method.outputs}
        except BadReplyError as bad:
            unclear = bad.detail
        if unclear is not None:
            raise OutcomeUnknownError(doing, mask_keys(unclear, secrets), next_step=_READ_STATE)
        if code:
            raise _return_error(code, method.return_values, doing)
        return outputs


class _EnumerationLostError(Exception):
    """The connection was lost in the middle of an enumeration."""

    def __init__(self, cause: UnreachableError) -> None:
        super().__init__()
        self.cause = cause


def _parsed(reply: soap.Reply, request: soap.Request, doing: str) -> ET.Element | None:
    """Return the content of a reply. Raises BadReplyError; when the HTTP status says that something is wrong, the error names it."""
    try:
        return soap.parse(reply.body, request.message_id, doing)
    except BadReplyError as error:
        bad = error
    if reply.status == 200:
        raise bad
    raise BadReplyError(doing, f"HTTP {reply.status}: {bad.detail}", next_step=_STATUS_NEXT.get(reply.status, bad.next_step))


def _require_success(reply: soap.Reply, doing: str) -> None:
    if reply.status != 200:
        raise BadReplyError(doing, f"HTTP {reply.status} came back without a fault", next_step=_STATUS_NEXT.get(reply.status))


def _read_so_far(rows: t.Sequence[object]) -> str:
    return f"; {'1 row had been read before and was' if len(rows) == 1 else f'{len(rows)} rows had been read before and were'} dropped"


def _row(raw: soap.RawRow, names: t.Sequence[str], columns: t.Sequence[Typed], spec: CimClass, doing: str) -> Row:
    here = {column.name: column for column in columns}
    return {name: _decoded(raw, here[name], spec, doing) if name in here else None for name in names}


def _decoded(raw: soap.RawRow, member: Typed, owner: CimClass | Method, doing: str) -> Value:
    try:
        return decode(raw.get(member.name.casefold(), ()), member.cim_type)
    except ValueError as error:
        problem = f"{member.name} of {owner.name} is not of type {member.cim_type}: {error}"
    raise BadReplyError(doing, problem)


def _return_value(raw: soap.RawRow, doing: str) -> int:
    """Return ReturnValue, 0 when there is none: MSFT_NetFirewallRule answers so on success."""
    try:
        value = decode(raw.get("returnvalue", ()), "sint64")
    except ValueError as error:
        problem = str(error)
    else:
        return t.cast("int | None", value) or 0
    raise BadReplyError(doing, f"ReturnValue: {problem}")


def _return_error(code: int, known: ReturnValues | None, doing: str) -> FaultError:
    if known is None:
        return faults.return_value_error(code, doing)
    row = known.codes.get(code & 0xFFFFFFFF)
    if row is None:
        return faults.return_value_error(code, doing)
    denied = code in known.access_denied
    return (AccessDeniedError if denied else MethodFailedError)(
        doing,
        f"the method returned {code & 0xFFFFFFFF}",
        code=code,
        symbol=row.symbol,
        meaning=row.meaning,
        next_step=faults.ACCESS_DENIED_NEXT if denied else None,
    )


def _arguments(spec: CimClass, method: Method, values: t.Mapping[str, Value]) -> list[soap.Argument]:
    unknown = sorted(set(values) - {p.name for p in method.parameters})
    if unknown:
        raise LookupError(f"{method.name} of {spec.name} has no parameter {', '.join(unknown)}")
    arguments = []
    for parameter in method.parameters:
        texts = tuple(encode(values.get(parameter.name), parameter.cim_type))
        arguments.append(soap.Argument(parameter.name, texts, parameter.cim_type.startswith("datetime")))
    return arguments


def _selectors(spec: CimClass, keys: t.Mapping[str, str]) -> dict[str, str]:
    """Return the selectors of an instance in the order of the class's keys; no keys at all mean a static method."""
    if keys and set(keys) != set(spec.keys):
        raise ValueError(f"an instance of {spec.name} is addressed by {', '.join(spec.keys)}, not by {', '.join(keys)}")
    return {name: encode(keys[name], "string")[0] for name in spec.keys if keys}


def _spelled(keys: t.Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in keys.items() if value)
