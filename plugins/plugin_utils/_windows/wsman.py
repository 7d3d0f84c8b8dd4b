# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The C(wsman) backend: a Windows machine reached by CIM messages over WS-Management.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

What is sent and in which order is decided here; sending is a function passed in, and so are pauses.
"""

from __future__ import annotations

import contextlib
import time
import typing as t
import uuid
import xml.etree.ElementTree as ET

from .._keys import mask_keys
from . import faults, operations, soap
from .classes import cim_class
from .errors import (
    BadReplyError,
    LoginRefusedError,
    OutcomeUnknownError,
    RedirectedError,
    UnclearError,
    UnreachableError,
    WindowsError,
)
from .interface import Associated, EventRecord, EventRecords, Events, Invoke, Query, Reading, ReadOperation, RegistryValue, Row, Value
from .values import Texts

GRACE_SECONDS = 15.0
HTTP_TIMEOUT_SECONDS = soap.OPERATION_TIMEOUT_SECONDS + GRACE_SECONDS
"""How long to wait for an answer: longer than Windows takes to give up by itself."""

MIN_TIMEOUT_SECONDS = 1.0
"""The least that a message of a bounded reading gives the machine: with less it could not answer at all (inferred)."""

BUSY_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""Pauses before a message is sent again that met a quota: it did not start, so that this is safe for methods, too."""

MAX_ROWS = 50_000
MAX_PAGES = 5_000
MAX_EMPTY_WAITS = 5
"""Bounds on one enumeration: rows kept, answers asked for, times that Windows may say it has nothing yet."""

EVENT_PAGE = 50
"""Records asked for at once: Win32_NTLogEvent is read in small pages, so that reading can stop at a bound (Microsoft's provider computes each
record when it is asked for)."""

_STATUS_NEXT = {
    400: "run the task again; if it stays, check ansible_winrm_message_encryption and any proxy on the way",
    403: "check proxies on the way to the machine (ansible_winrm_proxy, HTTPS_PROXY, no_proxy)",
    404: "check ansible_winrm_path and ansible_port: no WinRM service answers at this address",
    407: "check proxies on the way to the machine (ansible_winrm_proxy, HTTPS_PROXY, no_proxy)",
    500: "if the connection is plain HTTP with basic authentication, the machine has to allow it (AllowUnencrypted); HTTPS or NTLM is the better way",
    503: "check that the WinRM service of the machine is running and not overloaded, then run the task again",
}


_Read = t.TypeVar("_Read")


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
        monotonic: t.Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the function that sends, the one that waits for a number of seconds, and one that is told why a pause is made."""
        self._monotonic = monotonic
        self._send = send
        self._sleep = sleep
        self._progress = progress
        self._new_message_id = new_message_id
        self._build: int | None = None
        self._namespaces: dict[str, str] = {}

    def read(self, wanted: t.Sequence[ReadOperation]) -> list[Reading]:
        """See Windows.read. Raises LookupError or ValueError for an operation that classes.yml does not know or allow."""
        return [self._read_one(operation) for operation in wanted]

    def invoke(self, call: Invoke) -> dict[str, Value]:
        """See Windows.invoke. Raises LookupError, ValueError or TypeError for a call that does not fit classes.yml; values are not in the text."""
        prepared = operations.prepare_call(call)
        reply, content = self._exchange_where_it_is(
            prepared, lambda request: self._exchange_write(request, prepared.doing, prepared.secrets)
        )
        try:
            return self._outputs(prepared, content, reply.status)
        except UnclearError as error:
            unclear = error
        raise operations.outcome_unknown(unclear)

    def _read_one(self, operation: ReadOperation) -> Reading:
        try:
            if isinstance(operation, Query):
                return Reading(self._query(operation))
            if isinstance(operation, Associated):
                return Reading(self._associated(operation))
            if isinstance(operation, RegistryValue):
                return Reading(self._registry(operation))
            if isinstance(operation, Events):
                deadline = self._monotonic() + operation.budget_seconds
                return Reading(_again_if_lost(lambda: self._events(operation, deadline)))
        except (UnreachableError, OutcomeUnknownError):
            raise
        except WindowsError as error:
            return Reading(error=error)
        raise LookupError(f"no CIM class does {type(operation).__name__}")

    def _query(self, query: Query) -> list[Row]:
        spec = cim_class(query.cim_class)
        doing = f"reading {spec.name}"
        build = self._known_build() if operations.depends_on_build(spec, query.columns) else None
        text = operations.wql(query, build)
        raw = self._enumerate(lambda: soap.enumerate_wql(spec.namespace, text, self._new_message_id()), doing)
        rows = [operations.query_row(row, query, build, doing) for row in raw]
        if spec.name == "Win32_OperatingSystem" and rows:
            self._build = operations.build_number(rows[0]) or self._build
        return rows

    def _associated(self, operation: Associated) -> list[Row]:
        spec, of, through = (cim_class(name) for name in (operation.cim_class, operation.of_class, operation.through))
        doing = operations.reading_associated(operation)
        build = self._known_build() if operations.depends_on_build(spec, operation.columns) else None
        keys = operations.selectors(of, operation.of_keys)
        raw = self._enumerate(
            lambda: soap.enumerate_associated(of.namespace, of.name, keys, through.name, spec.name, self._new_message_id()), doing
        )
        return [operations.query_row(row, operation, build, doing) for row in raw]

    def _registry(self, operation: RegistryValue) -> Value:
        call = operations.prepare_registry_read(operation)
        reply, content = self._exchange_where_it_is(call, lambda request: self._exchange(request, call.doing))
        fault = faults.parse_fault(content)
        if fault is not None:
            raise faults.fault_error(fault, call.doing)
        _require_success(reply, call.doing)
        return operations.registry_value(call, soap.read_output(content, call.method.name, call.doing))

    def _events(self, operation: Events, deadline: float) -> EventRecords:
        spec = cim_class("Win32_NTLogEvent")
        doing = operations.reading_events(operation)
        query = Query(spec.name, operations.EVENT_COLUMNS, operations.events_condition(operation))
        text = operations.wql(query, None)

        def left() -> float:
            return min(max(deadline - self._monotonic(), MIN_TIMEOUT_SECONDS), soap.OPERATION_TIMEOUT_SECONDS)

        request = soap.enumerate_wql(spec.namespace, text, self._new_message_id(), EVENT_PAGE, left())
        records: list[EventRecord] = []
        latest: EventRecord | None = None
        newest_first, complete = True, True
        with contextlib.closing(self._pages(request, doing, EVENT_PAGE, left)) as pages:
            for page in pages:
                for row in page.rows:
                    record = operations.event_record(operations.query_row(row, query, None, doing), doing)
                    newest_first = newest_first and (latest is None or latest.generated >= record.generated)
                    latest = record
                    if operations.is_wanted(record, operation):
                        records.append(record)
                # In any other order the newest may still be to come.
                enough = newest_first and len(records) >= operation.limit
                if page.timed_out or (page.context is not None and (enough or self._monotonic() >= deadline)):
                    complete = False
                    break
        return operations.newest(records, operation.limit, complete=complete)

    def _exchange_where_it_is(
        self, call: operations.Call, exchange: t.Callable[[soap.Request], tuple[soap.Reply, ET.Element | None]]
    ) -> tuple[soap.Reply, ET.Element | None]:
        """Send a call to the namespace that has its class, and remember which one that is. A namespace that has it not has carried out nothing."""
        name = call.spec.name
        known = self._namespaces.get(name)
        for namespace in (known,) if known else (call.spec.namespace, *call.spec.other_namespaces):
            uri = soap.class_uri(namespace, name)
            request = soap.invoke(uri, call.method.name, call.arguments, call.selectors, self._new_message_id())
            reply, content = exchange(request)
            fault = faults.parse_fault(content)
            if fault is None or not fault.means(faults.WRONG_PLACE):
                self._namespaces[name] = namespace
                break
        return reply, content

    def _known_build(self) -> int:
        if self._build is None:
            doing = "reading the build of Windows"
            rows = self._query(Query("Win32_OperatingSystem", ("BuildNumber",)))
            if self._build is None:
                raise BadReplyError(doing, f"{len(rows)} instances of Win32_OperatingSystem came back, none with a build number")
        return self._build

    def _enumerate(self, start: t.Callable[[], soap.Request], doing: str) -> list[Texts]:
        return _again_if_lost(lambda: self._enumerate_once(start, doing))

    def _enumerate_once(self, start: t.Callable[[], soap.Request], doing: str) -> list[Texts]:
        rows: list[Texts] = []
        with contextlib.closing(self._pages(start(), doing, soap.MAX_ELEMENTS)) as pages:
            for number, page in enumerate(pages, 1):
                rows += page.rows
                if page.context is not None and (len(rows) > MAX_ROWS or number >= MAX_PAGES):
                    raise BadReplyError(doing, f"the answer does not end: {len(rows)} rows in {number} pages", next_step="narrow the query")
        return rows

    def _pages(
        self, request: soap.Request, doing: str, max_elements: int, left_seconds: t.Callable[[], float] | None = None
    ) -> t.Generator[soap.Page, None, None]:
        """Yield the answers to an Enumerate and to the Pulls after it. What is left when the reader stops is released.

        left_seconds: how long the machine may take for the next answer. Where it says that this was not enough, the last page is an empty one
        that says so, C(timed_out).
        """
        timeout_seconds = soap.OPERATION_TIMEOUT_SECONDS if left_seconds is None else left_seconds()
        reply, content = self._exchange(request, doing, timeout_seconds=timeout_seconds)
        fault = faults.parse_fault(content)
        if fault is not None:
            if left_seconds is not None and fault.means(faults.TIMED_OUT):
                yield soap.Page((), None, timed_out=True)
                return
            raise faults.fault_error(fault, doing)
        _require_success(reply, doing)
        page = soap.read_page(content, doing)
        read, waits = len(page.rows), 0
        left = page.context
        try:
            yield page
            while page.context is not None:
                timeout_seconds = soap.OPERATION_TIMEOUT_SECONDS if left_seconds is None else left_seconds()
                try:
                    answer = self._pull(request.resource_uri, page.context, doing, max_elements, timeout_seconds)
                except BadReplyError as bad:
                    raise BadReplyError(doing, bad.detail + _read_so_far(read), next_step=bad.next_step) from None
                except (UnreachableError, _EnumerationLostError):
                    left = None
                    raise
                if isinstance(answer, soap.Page):
                    page, waits, read = answer, 0, read + len(answer.rows)
                    left = page.context
                    yield page
                    continue
                waits += 1
                nothing_yet = answer.means(faults.NOTHING_YET)
                if not nothing_yet:
                    # With any other fault the machine has ended the enumeration itself.
                    left = None
                if left_seconds is not None and (answer.means(faults.TIMED_OUT) or (nothing_yet and left_seconds() <= MIN_TIMEOUT_SECONDS)):
                    yield soap.Page((), None, timed_out=True)
                    return
                if not nothing_yet or waits > MAX_EMPTY_WAITS:
                    error = faults.fault_error(answer, doing, after=_read_so_far(read))
                    raise _EnumerationLostError(error) if answer.means(faults.ENUMERATION_GONE) else error
        finally:
            if left is not None:
                self._release(request.resource_uri, left)

    def _pull(self, resource_uri: str, context: str, doing: str, max_elements: int, timeout_seconds: float) -> soap.Page | faults.Fault:
        request = soap.pull(resource_uri, context, self._new_message_id(), max_elements, timeout_seconds)
        try:
            reply, content = self._exchange(request, doing, once=True, timeout_seconds=timeout_seconds)
        except (LoginRefusedError, RedirectedError):
            raise
        except UnreachableError as error:
            lost = error
        else:
            fault = faults.parse_fault(content)
            if fault is not None:
                return fault
            _require_success(reply, doing)
            return soap.read_page(content, doing)
        raise _EnumerationLostError(lost)

    def _release(self, resource_uri: str, context: str) -> None:
        # Best effort: without it the machine forgets the enumeration after some minutes by itself.
        request = soap.release(resource_uri, context, self._new_message_id())
        with contextlib.suppress(WindowsError):
            self._send(request.xml, doing="ending an enumeration", write=False, timeout_seconds=HTTP_TIMEOUT_SECONDS, once=True)

    def _exchange(
        self, request: soap.Request, doing: str, *, once: bool = False, timeout_seconds: float = soap.OPERATION_TIMEOUT_SECONDS
    ) -> tuple[soap.Reply, ET.Element | None]:
        """Send a message that changes nothing; faults that ask for patience or for a new session are dealt with, others returned.

        timeout_seconds: how long the machine may take, as the message says.
        """
        fresh = False
        pauses = iter(BUSY_PAUSES_SECONDS)
        while True:
            patience = timeout_seconds + GRACE_SECONDS
            reply = self._send(request.xml, doing=doing, write=False, timeout_seconds=patience, once=once, fresh=fresh)
            content = _parsed(reply, request, doing)
            fault = faults.parse_fault(content)
            if fault is None:
                return reply, content
            if fault.means(faults.STALE_SESSION) and not fresh and not once:
                fresh = True
            elif not fault.means(faults.BUSY) or not self._pause(pauses, doing):
                return reply, content

    def _exchange_write(self, request: soap.Request, doing: str, secrets: list[str]) -> tuple[soap.Reply, ET.Element | None]:
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
                raise OutcomeUnknownError(doing, mask_keys(unclear, secrets))
            fault = faults.parse_fault(content)
            if fault is None or not fault.means(faults.BUSY) or not self._pause(pauses, doing):
                return reply, content

    def _pause(self, pauses: t.Iterator[float], doing: str) -> bool:
        seconds = next(pauses, None)
        if seconds is None:
            return False
        self._progress(f"{doing}: the machine has too many operations open; trying again in {seconds:g} s")
        self._sleep(seconds)
        return True

    def _outputs(self, call: operations.Call, content: ET.Element | None, status: int) -> dict[str, Value]:
        doing = call.doing
        fault = faults.parse_fault(content)
        if fault is not None:
            if fault.means(faults.DONE_UNREPORTED):
                return {}
            raise faults.fault_error(fault, doing, method=True, secrets=call.secrets)
        if status != 200:
            raise OutcomeUnknownError(doing, f"HTTP {status} came back without a fault")
        try:
            return operations.outputs(call, soap.read_output(content, call.method.name, doing))
        except BadReplyError as bad:
            unclear = bad.detail
        raise OutcomeUnknownError(doing, mask_keys(unclear, call.secrets))


class _EnumerationLostError(Exception):
    """The connection was lost in the middle of an enumeration, or the machine no longer knows it."""

    def __init__(self, cause: WindowsError) -> None:
        super().__init__()
        self.cause = cause


def _again_if_lost(read: t.Callable[[], _Read]) -> _Read:
    """Read; once more from the start when an enumeration is lost on the way: whether it had moved on is not known, and rows could be missed."""
    try:
        return read()
    except _EnumerationLostError:
        try:
            return read()
        except _EnumerationLostError as error:
            lost = error.cause
    raise lost


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


def _read_so_far(rows: int) -> str:
    return f"; {'1 row had been read before and was' if rows == 1 else f'{rows} rows had been read before and were'} dropped"
