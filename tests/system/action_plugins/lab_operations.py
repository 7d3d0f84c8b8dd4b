# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For tests alone: carries out operations of the interface Windows as they stand, through whatever backend the task has, and returns what came of each.

lab_operations:
  backend: wsman
  operations:
    - {do: Query, cim_class: Win32_Service, columns: [Name, State]}
    - {do: Invoke, cim_class: Win32_Service, method: StopService, keys: {Name: sppsvc}}
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.activation.kms.plugins.plugin_utils._action import KmsAction
from ansible_collections.activation.kms.plugins.plugin_utils._windows import interface
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import WindowsError


class ActionModule(KmsAction):
    """The border of every module of ours, with the interface itself as its use case."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {"operations": {"type": "list", "elements": "dict", "required": True}}

    def use_case(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Carry out the operations in order; reads that follow one another are one call of read()."""
        windows = self.windows()
        results: list[t.Any] = []
        reads: list[t.Any] = []

        def read() -> None:
            results.extend(_told(reading.value, reading.error) for reading in windows.read(reads))
            reads.clear()

        for row in options["operations"]:
            operation = _operation(dict(row))
            if not isinstance(operation, interface.Invoke):
                reads.append(operation)
                continue
            read()
            try:
                results.append(_told(windows.invoke(operation), None))
            except WindowsError as error:
                results.append(_told(None, error))
        read()
        return {"results": results}


def _operation(row: dict[str, t.Any]) -> t.Any:
    kind = getattr(interface, row.pop("do"))
    for name in ("columns", "event_ids"):
        if name in row:
            row[name] = tuple(row[name])
    if "since" in row:
        row["since"] = datetime.datetime.fromisoformat(row["since"])
    return kind(**row)


def _told(value: t.Any, error: WindowsError | None) -> dict[str, t.Any]:
    return {"value": _plain(value)} if error is None else {"error": error.as_result()}


def _plain(value: t.Any) -> t.Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.datetime) else value
