# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""StdRegProv: the registry over CIM (root/default, root/cimv2). It fails by ReturnValue, never by a fault."""

from __future__ import annotations

import typing as t

from . import registry
from .provider import Handler, Provider
from .registry import RegistryKey
from .wql import Value

if t.TYPE_CHECKING:
    from .machine import Machine

HKEY_LOCAL_MACHINE = 0x80000002

# ReturnValues seen by networkoptix/nx_system_tests on Windows 10, 11 and Server 2019: 2 for a missing key, 1 for a missing value with Get*, 2 for a missing
# value with DeleteValue, WBEM_E_TYPE_MISMATCH for a value of another type. 2 for Get* on a missing key is inferred.
SUCCESS, NO_VALUE, NOT_FOUND, ACCESS_DENIED, TYPE_MISMATCH = 0, 1, 2, 5, 0x80041005

Arguments = dict[str, t.Any]
Outputs = dict[str, Value]


def _key(machine: Machine, arguments: Arguments) -> RegistryKey | None:
    # The lab fills HKEY_LOCAL_MACHINE only; the other hives are there and empty.
    return machine.registry.key(arguments["sSubKeyName"]) if arguments["hDefKey"] == HKEY_LOCAL_MACHINE else None


def _getter(kind: int, output: str) -> Handler:
    def call(machine: Machine, instance: t.Any, arguments: Arguments) -> Outputs:
        key = _key(machine, arguments)
        if key is None:
            return {"ReturnValue": NOT_FOUND}
        value = key.values.get(arguments["sValueName"].casefold())
        if value is None:
            return {"ReturnValue": NO_VALUE}
        if value.kind != kind:
            return {"ReturnValue": TYPE_MISMATCH}
        data = value.data
        if kind == registry.REG_EXPAND_SZ and isinstance(data, str):
            data = data.replace("%SystemRoot%", r"C:\Windows").replace("%systemroot%", r"C:\Windows")
        return {output: data, "ReturnValue": SUCCESS}

    return Handler(call)


def _setter(kind: int, argument: str) -> Handler:
    def call(machine: Machine, instance: t.Any, arguments: Arguments) -> Outputs:
        # Set* does not make the key (inferred from CreateKey being a method of its own).
        if _key(machine, arguments) is None:
            return {"ReturnValue": NOT_FOUND}
        data = arguments[argument]
        machine.registry.set(arguments["sSubKeyName"], arguments["sValueName"], kind, "" if data is None else data)
        return {"ReturnValue": SUCCESS}

    return Handler(call)


def _enum_key(machine: Machine, instance: t.Any, arguments: Arguments) -> Outputs:
    key = _key(machine, arguments)
    if key is None:
        return {"ReturnValue": NOT_FOUND}
    return {"sNames": [child.name for child in key.keys.values()] or None, "ReturnValue": SUCCESS}


def _enum_values(machine: Machine, instance: t.Any, arguments: Arguments) -> Outputs:
    key = _key(machine, arguments)
    if key is None:
        return {"ReturnValue": NOT_FOUND}
    values = list(key.values.values())
    return {"sNames": [value.name for value in values] or None, "Types": [value.kind for value in values] or None, "ReturnValue": SUCCESS}


def _delete_value(machine: Machine, instance: t.Any, arguments: Arguments) -> Outputs:
    deleted = _key(machine, arguments) is not None and machine.registry.delete(arguments["sSubKeyName"], arguments["sValueName"])
    return {"ReturnValue": SUCCESS if deleted else NOT_FOUND}


def _create_key(machine: Machine, instance: t.Any, arguments: Arguments) -> Outputs:
    # It makes the parents, too (seen by networkoptix/nx_system_tests).
    if arguments["hDefKey"] != HKEY_LOCAL_MACHINE:
        return {"ReturnValue": ACCESS_DENIED}
    machine.registry.create(arguments["sSubKeyName"])
    return {"ReturnValue": SUCCESS}


def _delete_key(machine: Machine, instance: t.Any, arguments: Arguments) -> Outputs:
    key = _key(machine, arguments)
    if key is None:
        return {"ReturnValue": NOT_FOUND}
    # Not recursive (seen by networkoptix/nx_system_tests); the number for a key with sub-keys is inferred.
    if key.keys or key is machine.registry.root:
        return {"ReturnValue": ACCESS_DENIED}
    machine.registry.delete_key(arguments["sSubKeyName"])
    return {"ReturnValue": SUCCESS}


def _check_access(machine: Machine, instance: t.Any, arguments: Arguments) -> Outputs:
    there = _key(machine, arguments) is not None
    return {"bGranted": there, "ReturnValue": SUCCESS if there else NOT_FOUND}


REGISTRY = Provider(
    "StdRegProv",
    lambda machine: (),
    methods={
        "GetStringValue": _getter(registry.REG_SZ, "sValue"),
        "GetExpandedStringValue": _getter(registry.REG_EXPAND_SZ, "sValue"),
        "GetMultiStringValue": _getter(registry.REG_MULTI_SZ, "sValue"),
        "GetDWORDValue": _getter(registry.REG_DWORD, "uValue"),
        "GetQWORDValue": _getter(registry.REG_QWORD, "uValue"),
        "GetBinaryValue": _getter(registry.REG_BINARY, "uValue"),
        "SetStringValue": _setter(registry.REG_SZ, "sValue"),
        "SetExpandedStringValue": _setter(registry.REG_EXPAND_SZ, "sValue"),
        "SetMultiStringValue": _setter(registry.REG_MULTI_SZ, "sValue"),
        "SetDWORDValue": _setter(registry.REG_DWORD, "uValue"),
        "SetQWORDValue": _setter(registry.REG_QWORD, "uValue"),
        "SetBinaryValue": _setter(registry.REG_BINARY, "uValue"),
        "EnumKey": Handler(_enum_key),
        "EnumValues": Handler(_enum_values),
        "DeleteValue": Handler(_delete_value),
        "CreateKey": Handler(_create_key),
        "DeleteKey": Handler(_delete_key),
        "CheckAccess": Handler(_check_access),
    },
)
