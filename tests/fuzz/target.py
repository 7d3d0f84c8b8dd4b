# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promise that is fuzzed: whatever bytes a machine answers with, an operation ends in a value of its type or in an error that can be shown.

Every kind of operation gets the bytes as its answer, with the status of an answer and with that of a fault. The promise:

- nothing is raised but the errors that an answer may lead to;
- a value has the type that classes.yml gives it;
- the line that a user reads is one line of bounded length, and neither it nor what hangs on the error has the product key in it;
- no answer takes longer than SECONDS.
"""

from __future__ import annotations

import collections
import datetime
import time
import typing as t

from ansible_collections.activation.kms.plugins.plugin_utils._windows.classes import Method, cim_class
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import (
    BadReplyError,
    FaultError,
    OutcomeUnknownError,
    WindowsError,
)
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import (
    Associated,
    EventRecords,
    Events,
    Invoke,
    Query,
    ReadOperation,
    RegistryValue,
)
from ansible_collections.activation.kms.plugins.plugin_utils._windows.soap import Reply
from ansible_collections.activation.kms.plugins.plugin_utils._windows.wsman import WsmanWindows

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
"""The product key that the calls send and that answers repeat. It is of the lab's own making and of no use to anybody."""

SECRET = "open-sesame"
"""A secret that does not have the shape of a key: it is taken out of texts for being an argument of the call."""

SECONDS = 2.0
"""CPU seconds that one operation may spend on its answers; a hundred times what the slowest takes."""

LINE_LENGTH = 3000
"""Characters that a line for the user may have; the longest detail is 600, and meaning and next step are sentences of ours."""

MESSAGE_ID = "uuid:00000000-0000-0000-0000-00000000000A"

_GOOD_PAGE = (
    b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><EnumerateResponse><EnumerationContext>uuid:1</EnumerationContext>'
    b"</EnumerateResponse></e:Body></e:Envelope>"
)
_END = b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><PullResponse><EndOfSequence/></PullResponse></e:Body></e:Envelope>'
_PAGES = 3
_SINCE = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_RULE = {"CreationClassName": "MSFT|FW|FirewallRule|R", "PolicyRuleName": "", "SystemCreationClassName": "", "SystemName": ""}

READS: tuple[ReadOperation, ...] = (
    Query("Win32_OperatingSystem", tuple(cim_class("Win32_OperatingSystem").properties)),
    # Two queries: which columns there are depends on the build, which is asked for first.
    Query("SoftwareLicensingProduct", ("ID", "ProductKeyChannel", "LicenseStatus", "EvaluationEndDate", "LicenseIsAddon")),
    Query("MSFT_NetFirewallRule", tuple(cim_class("MSFT_NetFirewallRule").properties)),
    Associated(
        "MSFT_NetProtocolPortFilter", ("Protocol", "LocalPort"), "MSFT_NetFirewallRule", _RULE, "MSFT_NetFirewallRuleFilterByProtocolPort"
    ),
    RegistryValue("SOFTWARE\\Lab", "Text"),
    RegistryValue("SOFTWARE\\Lab", "Number", "REG_DWORD"),
    RegistryValue("SOFTWARE\\Lab", "List", "REG_MULTI_SZ"),
    Events("Application", (12288,), _SINCE, limit=5),
)
CALLS: tuple[Invoke, ...] = (
    Invoke("SoftwareLicensingService", "InstallProductKey", {"Version": "10.0.20348.1"}, {"ProductKey": KEY}),
    Invoke("SoftwareLicensingService", "InstallProductKey", {"Version": "10.0.20348.1"}, {"ProductKey": SECRET}),
    Invoke("SoftwareLicensingProduct", "GetPolicyInformationDWord", {"ID": "x"}, {"PolicyName": "n"}),
    Invoke("Win32_Service", "StartService", {"Name": "sppsvc"}),
)
_REGISTRY_TYPES = {"REG_SZ": "string", "REG_EXPAND_SZ": "string", "REG_DWORD": "uint32", "REG_MULTI_SZ": "string[]"}


Ends = collections.Counter[str]
"""How many operations ended in what: the name of an error, C(value), or C(nothing) for no row, or rows in which everything is null."""


class BrokenPromiseError(AssertionError):
    """An answer led to something that it must not lead to."""


STATUSES = (200, 500)
"""HTTP statuses of an answer and of a fault."""


def check(body: bytes) -> Ends:
    """Give an answer to every operation, with each status, at once and as the answer to a Pull. Raises BrokenPromiseError."""
    ends: Ends = collections.Counter()
    for status in STATUSES:
        for operation in (*READS, *CALLS):
            ends[check_one(body, status, operation)] += 1
            if not isinstance(operation, Invoke):
                ends[check_one(body, status, operation, pull=True)] += 1
    return ends


def check_one(body: bytes, status: int, operation: ReadOperation | Invoke, *, pull: bool = False) -> str:
    """Give an answer to one operation and return what it ended in: C(value), C(nothing) or the name of an error. Raises BrokenPromiseError.

    pull: an enumeration is answered well first, so that the answer is that to the Pull after it.
    """
    began = time.thread_time()
    windows = _machine(status, body, pull)
    ended = "value"
    if isinstance(operation, Invoke):
        try:
            _judge_outputs(cim_class(operation.cim_class).method(operation.method), windows.invoke(operation))
        except WindowsError as error:
            _judge_error(error, (FaultError, OutcomeUnknownError), SECRET if SECRET in operation.arguments.values() else None)
            ended = type(error).__name__
    else:
        (reading,) = windows.read([operation])
        if reading.error is None:
            ended = "value" if _judge_value(operation, reading.value) else "nothing"
        else:
            _judge_error(reading.error, (BadReplyError, FaultError))
            ended = type(reading.error).__name__
    took = time.thread_time() - began
    if took > SECONDS:
        raise BrokenPromiseError(f"{took:.1f} s were spent on {len(body)} bytes")
    return ended


def _machine(status: int, body: bytes, pull: bool = False) -> WsmanWindows:
    sent = 0

    def send(xml: bytes, *, doing: str, write: bool, timeout_seconds: float, once: bool = False, fresh: bool = False) -> Reply:
        nonlocal sent
        sent += 1
        if pull and b"/enumeration/Enumerate" in xml:
            return Reply(200, _GOOD_PAGE)
        # An enumeration whose answers never end is cut off after thousands of pages (tested elsewhere), which would only cost time here.
        return Reply(200, _END) if sent > _PAGES and b"/enumeration/Pull" in xml else Reply(status, body)

    return WsmanWindows(send, lambda seconds: None, new_message_id=lambda: MESSAGE_ID)


def _judge_error(error: WindowsError, allowed: tuple[type[WindowsError], ...], secret: str | None = None) -> None:
    if not isinstance(error, allowed):
        raise BrokenPromiseError(f"{type(error).__name__} is no error that an answer may lead to")
    line = error.line()
    if len(line) > LINE_LENGTH or len(line.splitlines()) != 1:
        raise BrokenPromiseError(f"the line for the user has {len(line)} characters in {len(line.splitlines())} lines")
    chain: BaseException | None = error
    while chain is not None:
        for text in (str(chain), repr(chain), str(getattr(chain, "__dict__", ""))):
            _judge_text(text.upper(), secret)
        chain = chain.__cause__ or chain.__context__


def _judge_text(text: str, secret: str | None) -> None:
    if KEY in text:
        raise BrokenPromiseError("a text has the product key in it")
    if secret and secret.upper() in text:
        raise BrokenPromiseError("a text has an argument in it that is a secret")


def _judge_value(operation: ReadOperation, value: t.Any) -> bool:
    """Judge what was read, and tell whether there was anything but null in it."""
    if isinstance(operation, (Query, Associated)):
        properties = cim_class(operation.cim_class).properties
        for row in value:
            if tuple(row) != operation.columns:
                raise BrokenPromiseError("a row has other columns than were asked for")
            for name, cell in row.items():
                _judge_type(name, properties[name].cim_type, cell)
        return any(cell is not None for row in value for cell in row.values())
    if isinstance(operation, RegistryValue):
        _judge_type(operation.name, _REGISTRY_TYPES[operation.kind], value)
        return value is not None
    if not isinstance(value, EventRecords) or len(value.records) > t.cast(Events, operation).limit:
        raise BrokenPromiseError("the records are none, or more than were asked for")
    return bool(value.records)


def _judge_outputs(method: Method, outputs: dict[str, t.Any]) -> None:
    # A success that is too large to be reported comes without outputs.
    for output in method.outputs:
        _judge_type(output.name, output.cim_type, outputs.get(output.name))


def _judge_type(name: str, cim_type: str, value: t.Any) -> None:
    if value is None:
        return
    if cim_type.endswith("[]"):
        if not isinstance(value, list):
            raise BrokenPromiseError(f"{name} is a {type(value).__name__} and not a list")
        for item in value:
            _judge_type(name, cim_type.removesuffix("[]"), item)
        return
    wanted: type = {"string": str, "boolean": bool, "datetime": datetime.datetime}.get(cim_type, int)
    if type(value) is not wanted:
        raise BrokenPromiseError(f"{name} is a {type(value).__name__} and not of type {cim_type}")
    if isinstance(value, datetime.datetime) and value.utcoffset() != datetime.timedelta(0):
        raise BrokenPromiseError(f"{name} is not in UTC")
    if isinstance(value, int) and wanted is int:
        bits, signed = int(cim_type[4:]), cim_type.startswith("s")
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
        if not low <= value < high:
            raise BrokenPromiseError(f"{name} is outside of {cim_type}")
