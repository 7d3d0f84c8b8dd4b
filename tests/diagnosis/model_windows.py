# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of the lab's model behind the product's interface C(Windows), without sockets, XML or PowerShell.

What is asked (WQL, methods of StdRegProv) is made by the product, what is answered by the model; what lies between is tested elsewhere
(tests/system/test_backends.py, tests/system/test_operations.py). That makes an estate of faults a matter of milliseconds.
"""

from __future__ import annotations

import typing as t

from ansible_collections.activation.kms.plugins.plugin_utils._windows import operations
from ansible_collections.activation.kms.plugins.plugin_utils._windows.classes import cim_class
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import AccessDeniedError, WindowsError
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import (
    Connect,
    EventLogFacts,
    EventLogState,
    EventRecord,
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

from tests.lab.model import resolver
from tests.lab.model.dns import DnsError
from tests.lab.model.errors import CimError
from tests.lab.model.machine import Machine
from tests.lab.model.resolver import Record


class ModelWindows:
    """Answers reads from a machine of the model; refuses what would change it."""

    backend = "model"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def read(self, wanted: t.Sequence[ReadOperation]) -> list[Reading]:
        """Carry the operations out, one reading for each."""
        return [self._reading(operation) for operation in wanted]

    def invoke(self, call: Invoke) -> dict[str, Value]:
        """Fail: diagnosis changes nothing."""
        raise AssertionError(f"diagnosis called {call.method} of {call.cim_class}")

    def _reading(self, operation: ReadOperation) -> Reading:
        doing = f"asking the model for {operation!r}"
        try:
            return Reading(self._value(operation))
        except CimError as error:
            kind = AccessDeniedError if error.kind == "access_denied" else WindowsError
            return Reading(error=kind(doing, str(error), code=error.code))
        except DnsError as error:
            return Reading(error=WindowsError(doing, str(error), code=error.code))

    def _value(self, operation: ReadOperation) -> t.Any:
        match operation:
            case Query():
                return self._query(operation)
            case RegistryValue():
                return self._registry(operation)
            case Events():
                return self._events(operation)
            case EventLogState():
                return self._log(operation)
            case Resolve():
                return self._resolve(operation)
            case Connect():
                return self._connect(operation)
        raise AssertionError(f"nobody taught the model to answer {operation!r}")

    def _query(self, query: Query) -> list[Row]:
        text = operations.wql(query, self._machine.windows.build)
        found = self._machine.cim.query(cim_class(query.cim_class).namespace, text)
        return [t.cast(Row, {name: row.get(name) for name in query.columns}) for row in found.rows]

    def _registry(self, wanted: RegistryValue) -> Value:
        call = operations.prepare_registry_read(wanted)
        given = {argument.name: (argument.texts[0] if argument.texts else None) for argument in call.arguments}
        outputs = self._machine.cim.invoke(call.spec.namespace, call.spec.name, {}, call.method.name, given)
        code = t.cast(int, outputs.pop("ReturnValue", 0))
        if code:
            assert call.method.return_values is not None and code in call.method.return_values.absent, (wanted, code)
            return None
        (value,) = outputs.values()
        return value

    def _events(self, wanted: Events) -> EventRecords:
        with self._machine.lock:
            records = [
                EventRecord(e.log, e.record, e.event_id, e.source, e.written, e.strings, self._machine.fqdn)
                for e in self._machine.logs.newest_first(wanted.log)
                if e.event_id in wanted.event_ids and e.written >= wanted.since
            ]
        return operations.newest(records, wanted.limit, complete=True)

    def _log(self, wanted: EventLogState) -> EventLogFacts:
        with self._machine.lock:
            facts = self._machine.logs.facts(wanted.log)
            oldest = next(iter(reversed(list(self._machine.logs.newest_first(wanted.log)))), None)
        return EventLogFacts(
            log=wanted.log,
            enabled=facts.enabled,
            mode=facts.mode,
            size_reached=facts.full,
            file_bytes=facts.file_bytes,
            maximum_bytes=facts.maximum_bytes,
            records=facts.records,
            oldest_number=facts.oldest or None,
            oldest_at=oldest.written if oldest else None,
        )

    def _resolve(self, wanted: Resolve) -> list[Row]:
        def ask(name: str, kind: str) -> list[Record]:
            dns = self._machine.estate.dns
            if kind == "SRV":
                return [
                    Record("Answer", name, "SRV", 3600, 0, {"NameTarget": target, "Port": port, "Priority": priority, "Weight": weight})
                    for priority, weight, port, target in dns.srv(name)
                ]
            return [Record("Answer", name, kind, 3600, 0, {"IPAddress": address}) for address in dns.address(name)]

        try:
            found = resolver.resolve(self._machine, wanted.name, wanted.record_type, ask)
        except DnsError as error:
            # A name without records reads as no rows, as over the backend powershell.
            if error.code & 0xFFFF in (9003, 9501):
                return []
            raise
        rows: list[Row] = []
        for record in found:
            row: Row = {"name": record.name, "type": record.kind, "ttl": record.ttl}
            if record.kind == "SRV":
                row |= {
                    "target": str(record.data["NameTarget"]),
                    "port": t.cast(int, record.data["Port"]),
                    "priority": t.cast(int, record.data["Priority"]),
                    "weight": t.cast(int, record.data["Weight"]),
                }
            else:
                row["address"] = str(record.data["IPAddress"])
            rows.append(row)
        return rows

    def _connect(self, wanted: Connect) -> Row:
        return t.cast(Row, connect(self._machine, wanted.host, wanted.port))


def connect(machine: Machine | None, host: str, port: int, estate: t.Any = None) -> dict[str, t.Any]:
    """Return what a TCP connection from a machine (None: from the controller) comes to.

    A Windows firewall drops what it does not let in, so that the caller waits in vain; a port that nobody listens on refuses (Microsoft: Learn, Windows
    Firewall: stealth mode is for the former; from memory that a port which is let in and has no listener answers with a reset).
    """
    estate = estate or t.cast(Machine, machine).estate
    bare = host.strip("[]")
    address: str | None = bare
    if not bare.replace(".", "").isdigit():
        full = bare if "." in bare or machine is None or not machine.domain else f"{bare}.{machine.domain}"
        try:
            address = next(iter(estate.dns.address(full)), None)
        except DnsError:
            address = None
    if address is None:
        return {"outcome": "no_address", "address": None, "milliseconds": 0, "code": None}
    peer = estate.machine_at(address)
    if peer is None or (peer is not machine and not peer.firewall_allows(port)):
        outcome, code = "timeout", 10060
    elif peer.listening() != port:
        outcome, code = "refused", 10061
    else:
        outcome, code = "connected", 0
    return {"outcome": outcome, "address": address, "milliseconds": 1, "code": code}
