# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's registry: keys and typed values under HKEY_LOCAL_MACHINE. Names keep their case and are found in any case."""

from __future__ import annotations

import dataclasses
import typing as t

SPP = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform"
"""The licensing service's key (Microsoft: Learn, Registry Settings for Volume Activation, dn502532)."""

REG_SZ, REG_EXPAND_SZ, REG_BINARY, REG_DWORD, REG_MULTI_SZ, REG_QWORD = 1, 2, 3, 4, 7, 11
"""Value types as StdRegProv.EnumValues gives them (Microsoft: Learn, EnumValues method of StdRegProv)."""

Data = str | int | list[str] | list[int]


@dataclasses.dataclass
class RegistryValue:
    """One value: its name as written, its REG_* type, and its data (text, number, list of texts, list of bytes)."""

    name: str
    kind: int
    data: Data


@dataclasses.dataclass
class RegistryKey:
    """One key with its values and sub-keys, both by casefolded name."""

    name: str
    values: dict[str, RegistryValue] = dataclasses.field(default_factory=dict)
    keys: dict[str, RegistryKey] = dataclasses.field(default_factory=dict)


class Registry:
    """HKEY_LOCAL_MACHINE of one machine. Paths have backslashes between the parts and none around them."""

    def __init__(self) -> None:
        self.root = RegistryKey("HKEY_LOCAL_MACHINE")

    def key(self, path: str) -> RegistryKey | None:
        """Return the key at C(path), or None."""
        found: RegistryKey | None = self.root
        for part in _parts(path):
            found = found.keys.get(part.casefold()) if found else None
        return found

    def create(self, path: str) -> RegistryKey:
        """Return the key at C(path), made with its parents where missing."""
        found = self.root
        for part in _parts(path):
            found = found.keys.setdefault(part.casefold(), RegistryKey(part))
        return found

    def delete_key(self, path: str) -> None:
        """Delete a key that has no sub-keys. The caller has checked that it exists."""
        parts = _parts(path)
        parent = self.key("\\".join(parts[:-1]))
        assert parent is not None
        del parent.keys[parts[-1].casefold()]

    def get(self, path: str, name: str) -> Data | None:
        """Return the data of a value, or None when the value or its key does not exist."""
        key = self.key(path)
        value = key.values.get(name.casefold()) if key else None
        return value.data if value else None

    def text(self, path: str, name: str) -> str | None:
        """Return the data of a value that holds text; None for no value, an empty one or another type."""
        data = self.get(path, name)
        return data if isinstance(data, str) and data else None

    def number(self, path: str, name: str) -> int | None:
        """Return the data of a value that holds a number, also where a number was stored as text; None otherwise."""
        data = self.get(path, name)
        if isinstance(data, str):
            return int(data) if data.isascii() and data.isdigit() else None
        return data if isinstance(data, int) else None

    def set(self, path: str, name: str, kind: int, data: Data) -> None:
        """Set a value, making its key where missing."""
        self.create(path).values[name.casefold()] = RegistryValue(name, kind, data)

    def delete(self, path: str, name: str) -> bool:
        """Delete a value; return whether it was there."""
        key = self.key(path)
        return key is not None and key.values.pop(name.casefold(), None) is not None

    def dump(self) -> dict[str, dict[str, Data]]:
        """Return every key that has values, by path, as plain data."""
        return dict(_dump(self.root, ""))


def _dump(key: RegistryKey, path: str) -> t.Iterator[tuple[str, dict[str, Data]]]:
    if key.values:
        yield path, {value.name: value.data for value in key.values.values()}
    for child in key.keys.values():
        yield from _dump(child, f"{path}\\{child.name}" if path else child.name)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("\\") if part]
