# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions of the stand-in cmdlets, answered by the same model that CIM over WS-Management uses. No sockets here.

A request is a mapping with C(op), the answer is one, too; both go over as CLIXML, which PowerShell writes and reads with its own serializer, types and all.

    Enumerate   namespace, query                                      class, namespace, names, types, keys, unfinished, rows
    Associate   namespace, class, keys, association, result           the same
    Get         namespace, class, keys                                the same
    Invoke      namespace, class, keys, method,                       outputs, types
                arguments {name: value}, declared
    Events      log, xpath, skip, max, oldest                         events
    EventLogs                                                         logs
    Resolve     name, type, server                                    records
    Registry    path                                                  values [{name, kind, data}], or null
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import typing as t
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from psrpcore.types import (
    PSBool,
    PSByte,
    PSCustomObject,
    PSInt,
    PSInt16,
    PSInt64,
    PSObject,
    PSSByte,
    PSString,
    PSUInt,
    PSUInt16,
    PSUInt64,
    deserialize,
    serialize,
)

from tests.lab.model import eventquery, provider_system, resolver, schema
from tests.lab.model.cim import Argument, Result
from tests.lab.model.dns import DnsError
from tests.lab.model.errors import CimError
from tests.lab.model.eventlog import Event, LogFacts
from tests.lab.model.eventquery import EventQueryError
from tests.lab.model.machine import Machine
from tests.lab.model.provider import Instance
from tests.lab.model.registry import REG_BINARY, REG_QWORD, RegistryValue

from ..soap.cim import Description
from .cim_errors import WBEM_E_TYPE_MISMATCH, error_of

Json = dict[str, t.Any]

_TYPES: dict[str, t.Callable[[t.Any], t.Any]] = {
    "string": PSString,
    "boolean": PSBool,
    "uint8": PSByte,
    "sint8": PSSByte,
    "uint16": PSUInt16,
    "sint16": PSInt16,
    "uint32": PSUInt,
    "sint32": PSInt,
    "uint64": PSUInt64,
    "sint64": PSInt64,
    "datetime": lambda moment: moment.astimezone(datetime.UTC),
}
_INTEGERS = {f"{sign}int{bits}": (sign, bits) for sign in ("u", "s") for bits in (8, 16, 32, 64)}
# psrpcore's types, and bool before int because it is one.
_GIVEN: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (str, "string"),
    (PSByte, "uint8"),
    (PSSByte, "sint8"),
    (PSUInt16, "uint16"),
    (PSInt16, "sint16"),
    (PSUInt, "uint32"),
    (PSUInt64, "uint64"),
    (PSInt64, "sint64"),
    (int, "sint32"),
    (datetime.datetime, "datetime"),
)
# psrpcore reads elements without it.
_NAMESPACE = b' xmlns="http://schemas.microsoft.com/powershell/2004/04"'

_DOTNET = {
    "String": "string",
    "Boolean": "boolean",
    "SByte": "sint8",
    "UInt16": "uint16",
    "Int16": "sint16",
    "UInt32": "uint32",
    "Int32": "sint32",
    "UInt64": "uint64",
    "Int64": "sint64",
    "DateTime": "datetime",
}

_LOGGED_NAMES = {"Associate": "Enumerate"}
"""Where the same question over WS-Management is another operation of the call log."""


_E_ACCESSDENIED = 0x80070005


class BadRequestError(ValueError):
    """A request that no stand-in cmdlet sends."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What goes back, and the HRESULT of a failure."""

    body: Json
    fault: int | None = None


def describe(request: Json) -> Description:
    """Return what a request is about, for the call log and for faults on demand, in the words that WS-Management's calls have there."""
    operation = request.get("op")
    query = request.get("query")
    cim_class = request.get("class")
    if operation == "Enumerate":
        cim_class = _class_of(str(query))
    elif operation == "Associate":
        query = f"ASSOCIATORS OF {{{cim_class}}} WHERE AssocClass={request.get('association')} ResultClass={request.get('result')}"
    elif operation == "Events":
        query = f"{request.get('log')}: {request.get('xpath')}"
    elif operation == "Resolve":
        query = f"{request.get('name')} {request.get('type')}"
    elif operation == "Registry":
        query = request.get("path")
    arguments = {name: _text(value) for name, value in (request.get("arguments") or {}).items()}
    return Description(_LOGGED_NAMES.get(str(operation), str(operation)), cim_class, request.get("method"), query, arguments)


class Operations:
    """Answers for one machine. C(names) asks the lab's name servers: all of them for None, one for its address."""

    def __init__(self, machine: Machine, names: t.Callable[[str | None], resolver.Ask], form: t.Callable[[], str]) -> None:
        self._machine = machine
        self._names = names
        self._form = form
        self._handlers: dict[str, t.Callable[[Json], Json]] = {
            "Enumerate": self._enumerate,
            "Associate": self._associate,
            "Get": self._get,
            "Invoke": self._invoke,
            "Events": self._events,
            "EventLogs": self._event_logs,
            "Resolve": self._resolve,
            "Registry": self._registry,
        }

    def answer(self, request: Json) -> Answer:
        """Carry out a request. Blocks while the model works. Raises BadRequestError."""
        handler = self._handlers.get(str(request.get("op")))
        if handler is None:
            raise BadRequestError(f"there is no operation {request.get('op')!r}")
        try:
            return Answer(handler(request))
        except CimError as error:
            return self.refuse(error, request)
        except DnsError as error:
            return Answer({"error": {"kind": "dns", "code": error.code & 0xFFFF}}, error.code)
        except EventQueryError as error:
            return Answer({"error": {"kind": "event_query", "message": str(error)}}, 0x80073A99)  # ERROR_EVT_INVALID_QUERY, 15001

    def refuse(self, error: CimError, request: Json) -> Answer:
        """Return the answer for a refusal."""
        form = self._form()
        if error.kind == "provider" and form == "return_value" and request.get("op") == "Invoke":
            return Answer({"outputs": {"ReturnValue": PSUInt(error.code)}, "types": {"ReturnValue": "uint32"}}, error.code)
        shown = "error_code" if form == "return_value" else form
        return Answer({"error": error_of(error, shown, self._machine.language)}, error.code)

    # CIM ------------------------------------------------------------------------------------------------------------------------

    def _enumerate(self, request: Json) -> Json:
        return self._rows(request, self._machine.cim.query(request["namespace"], request["query"], with_keys=True))

    def _associate(self, request: Json) -> Json:
        found = self._machine.cim.associated(
            request["namespace"], request["class"], request["keys"], request["association"], request["result"]
        )
        return self._rows(request, found)

    def _get(self, request: Json) -> Json:
        return self._rows(request, self._machine.cim.get(request["namespace"], request["class"], request["keys"]))

    def _rows(self, request: Json, result: Result) -> Json:
        """An instance that came from a projection has every property of its class, without a value where it was not asked for, and its keys (CimGetInstance.cs
        makes such a query of -Property; that the other properties are there is from memory)."""
        known = schema.cim_class(result.cim_class)
        columns = list(known.columns(self._machine.windows.build).values())
        return {
            "class": known.name,
            "namespace": request["namespace"],
            "names": [member.name for member in columns],
            "types": [member.cim_type for member in columns],
            "keys": list(known.keys),
            # Dates, which have to become local ones, and arrays, which have no type in CLIXML: what is left to the cmdlet.
            "unfinished": [
                member.name
                for member in columns
                if (member.cim_type == "datetime" or member.cim_type.endswith("[]"))
                and any(row.get(member.name) is not None for row in result.rows)
            ],
            "rows": [{member.name: typed(row.get(member.name), member.cim_type) for member in columns} for row in result.rows],
        }

    def _invoke(self, request: Json) -> Json:
        namespace, cim_class, method = request["namespace"], request["class"], request["method"]
        given: Json = request.get("arguments") or {}
        # The class and its methods are the model's to judge first: a type can only be wrong where there is a parameter.
        signature = _signature(cim_class, method)
        for name, value in given.items():
            wanted = signature.get(name.lower())
            if wanted is not None and not _fits(value, wanted, declared=bool(request.get("declared"))):
                raise CimError("invalid_parameter", WBEM_E_TYPE_MISMATCH, f"{name} is {wanted}, not {_cim_type(value)}")
        arguments = {name: _text(value) for name, value in given.items()}
        outputs = self._machine.cim.invoke(namespace, cim_class, request.get("keys") or {}, method, arguments)
        known = schema.cim_class(cim_class).name
        types = {name: schema.output_type(known, method, name) for name in outputs}
        return {"outputs": {name: typed(value, types[name]) for name, value in outputs.items()}, "types": types}

    # Events ---------------------------------------------------------------------------------------------------------------------

    def _events(self, request: Json) -> Json:
        matches = eventquery.parse(request["xpath"])
        with self._machine.lock:
            if request["log"].lower() in {log.lower() for log in self._machine.logs.denied}:
                raise CimError("access_denied", _E_ACCESSDENIED, f"the account may not read the log {request['log']}")
            now = self._machine.now()
            # The provider's instances are every log's records, the newest of each log first.
            found: t.Iterable[Instance] = (
                instance
                for instance in provider_system.EVENT.instances(self._machine)
                if instance.subject.log.lower() == request["log"].lower() and matches(instance.subject, now)
            )
            if request["oldest"]:
                found = reversed(list(found))
            skip = request.get("skip") or 0
            wanted = itertools.islice(found, skip, skip + request["max"])
            return {"events": [_event(self._machine, instance) for instance in wanted]}

    def _event_logs(self, request: Json) -> Json:
        with self._machine.lock:
            logs = self._machine.logs
            return {"logs": [{**_log(logs.facts(name)), "denied": name in logs.denied} for name in logs.names]}

    # Names ----------------------------------------------------------------------------------------------------------------------

    def _resolve(self, request: Json) -> Json:
        records = resolver.resolve(self._machine, request["name"], request["type"], self._names(request.get("server")))
        return {
            "records": [
                {
                    **_data(record),
                    "QueryType": record.kind,
                    "Type": record.kind,
                    "Name": record.name,
                    "CharacterSet": "Unicode",
                    "Section": record.section,
                    "DataLength": PSUInt16(record.size),
                    "TTL": PSUInt(record.ttl),
                }
                for record in records
            ]
        }

    # Registry -------------------------------------------------------------------------------------------------------------------

    def _registry(self, request: Json) -> Json:
        with self._machine.lock:
            key = self._machine.registry.key(request["path"])
            return {
                "values": None
                if key is None
                else [{"name": value.name, "kind": value.kind, "data": _registry_data(value)} for value in key.values.values()]
            }


def _registry_data(value: RegistryValue) -> t.Any:
    """Return a value's data as .NET reads it: a REG_DWORD and a REG_QWORD are signed numbers, a REG_BINARY is bytes."""
    data = value.data
    if isinstance(data, int):
        bits = 64 if value.kind == REG_QWORD else 32
        signed = data - 2**bits if data >= 2 ** (bits - 1) else data
        return PSInt64(signed) if bits == 64 else PSInt(signed)
    return bytes(t.cast("list[int]", data)) if value.kind == REG_BINARY else data


def _class_of(query: str) -> str | None:
    words = query.split()
    lowered = [word.lower() for word in words]
    at = lowered.index("from") + 1 if "from" in lowered else len(words)
    return words[at] if at < len(words) else None


def _signature(cim_class: str, method: str) -> dict[str, str]:
    try:
        return {member.name.lower(): member.cim_type for member in schema.method(cim_class, method).inputs}
    except CimError:
        return {}


def _fits(value: t.Any, wanted: str, *, declared: bool) -> bool:
    """Return whether an argument is taken for a parameter of a CIM type.

    WMI wants the very type: a 32-bit number for a 16-bit parameter is a type mismatch (published, see cim_errors.py). Where the cmdlet
    knows the method's declaration, because its instance came from Get-CimInstance, it converts a number that fits before it sends it
    (CimInvokeCimMethod.cs gives the declared type to CimMethodParameter.Create).
    """
    given = _cim_type(value)
    if value is None or given == wanted:
        return True
    if not declared or wanted not in _INTEGERS or given not in _INTEGERS:
        return False
    sign, bits = _INTEGERS[wanted]
    low, high = (0, 2**bits) if sign == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    return bool(low <= int(value) < high)


def _cim_type(value: t.Any) -> str:
    """Return the CIM type that the CIM cmdlets make of a .NET value (PowerShell/MMI, CimConverter); C(unknown) for one that CIM has no type for."""
    if isinstance(value, bytes):
        return "uint8[]"
    if isinstance(value, list):
        # A typed array says so itself; the type of an object[] is that of its elements.
        name = value.PSObject.type_names[0].removeprefix("Deserialized.") if isinstance(value, PSObject) else ""
        if name.removeprefix("System.").removesuffix("[]") in _DOTNET:
            return f"{_DOTNET[name.removeprefix('System.').removesuffix('[]')]}[]"
        kinds = {_cim_type(item) for item in value}
        return f"{kinds.pop()}[]" if len(kinds) == 1 else "unknown"
    return next((cim_type for kind, cim_type in _GIVEN if isinstance(value, kind)), "unknown")


def _text(value: t.Any) -> Argument:
    """Return an argument as the model takes it: text, or a list of texts."""
    if value is None:
        return None
    if isinstance(value, (list, bytes)):
        return [str(_text(item)) for item in value]
    return str(value).lower() if isinstance(value, (bool, PSBool)) else str(value)


def typed(value: t.Any, cim_type: str) -> t.Any:
    """Return a CIM value as the .NET type that the CIM cmdlets have for it."""
    if value is None:
        return None
    if cim_type.endswith("[]"):
        # An array without elements comes from WMI as no value at all (StdRegProv's EnumKey is the common case; from memory).
        return [typed(item, cim_type.removesuffix("[]")) for item in value] or None
    return _TYPES[cim_type](value)


def clixml(value: t.Any) -> bytes:
    """Return an answer as one line of CLIXML (MS-PSRP 2.2.5)."""
    element = ElementTree.Element("Objs", Version="1.1.0.1", xmlns=_NAMESPACE.split(b'"')[1].decode())
    # The cipher is for SecureStrings, and there are none.
    element.append(serialize(_objects(value), None))  # type: ignore[arg-type]
    return t.cast(bytes, ElementTree.tostring(element, encoding="utf-8")) + b"\n"


def request_of(line: bytes) -> Json:
    """Read a request. Raises BadRequestError."""
    try:
        (node,) = ElementTree.fromstring(line.replace(_NAMESPACE, b"", 1))
        found = deserialize(node, None)  # type: ignore[arg-type]
    except (ElementTree.ParseError, ValueError) as error:
        raise BadRequestError(f"no CLIXML: {error}") from None
    if not isinstance(found, dict):
        raise BadRequestError("no mapping")
    return t.cast(Json, found)


def _objects(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return PSCustomObject(**{name: _objects(item) for name, item in value.items()})
    if isinstance(value, list):
        return [_objects(item) for item in value]
    return value


def _event(machine: Machine, instance: Instance) -> Json:
    event: Event = instance.subject
    return {
        "id": event.event_id,
        "record": PSInt64(event.record),
        "provider": event.source,
        "log": event.log,
        "machine": instance.get("ComputerName"),
        "time": typed(event.written, "datetime"),
        "level": PSByte(event.level),
        "qualifiers": event.qualifiers,
        "message": instance.get("Message"),
        "type": instance.get("Type"),
        "strings": list(event.strings),
        "xml": _xml(machine, event),
    }


def _xml(machine: Machine, event: Event) -> str:
    """Return a classic record as Windows shows it: unnamed Data elements, Qualifiers on the id (raw records of a Windows 7: hayabusa-sample-evtx)."""
    data = "".join(f"<Data>{escape(text)}</Data>" for text in event.strings)
    stamp = event.written.astimezone(datetime.UTC)
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        f"<Provider Name={quoteattr(event.source)}/><EventID Qualifiers='{event.qualifiers}'>{event.event_id}</EventID>"
        f"<Version>0</Version><Level>{event.level}</Level><Task>0</Task><Opcode>0</Opcode><Keywords>0x80000000000000</Keywords>"
        f"<TimeCreated SystemTime='{stamp:%Y-%m-%dT%H:%M:%S}.{stamp.microsecond:06d}0Z'/><EventRecordID>{event.record}</EventRecordID>"
        f"<Channel>{escape(event.log)}</Channel><Computer>{escape(machine.fqdn)}</Computer><Security/></System><EventData>{data}</EventData></Event>"
    )


def _log(facts: LogFacts) -> Json:
    numbers = {name: PSInt64(getattr(facts, name)) for name in ("maximum_bytes", "file_bytes", "records", "oldest")}
    return {**dataclasses.asdict(facts), **numbers, "last_write": typed(facts.last_write, "datetime")}


def _data(record: resolver.Record) -> Json:
    """Return a record's fields; SRV's numbers have 16 bits, the others 32."""
    number = PSUInt16 if record.kind == "SRV" else PSUInt
    return {name: number(value) if isinstance(value, int) else value for name, value in record.data.items()}
