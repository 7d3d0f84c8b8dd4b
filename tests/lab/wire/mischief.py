# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand: what a machine is told to do wrong, to which requests, how often.

    {"machine": "kms01",                 a machine's name, or "*"
     "on": {"operation": "Invoke",       Enumerate Pull Release Get Invoke Create Delete Command Send Receive Signal, or "*" (the default)
            "method": "Activate",        left out: any
            "class": "Soft...",          left out: any
            "via": "powershell"},        wsman (HTTP) or powershell (a cmdlet of a process on the machine); left out: either
     "do": "cut_after",                  a name of ACTIONS
     "with": {...},                      its parameters; those left out have the defaults of ACTIONS
     "times": 1,                         how many requests it meets; null: until it is removed
     "skip": 0}                          how many matching requests pass first

The first specification that matches a request is applied, in the order in which they came.
"""

from __future__ import annotations

import dataclasses
import threading
import typing as t

from .soap.cim import Description

OPERATIONS = frozenset(
    {"*", "Enumerate", "Pull", "Release", "Get", "Put", "Invoke", "Create", "Delete", "Command", "Send", "Receive", "Signal"}
)

BRIDGE_OPERATIONS = frozenset({"Events", "EventLogs", "Resolve", "Registry"})
"""What the cmdlets of a PowerShell process ask for besides Enumerate, Get and Invoke."""

VIA = frozenset({"wsman", "powershell"})

BRIDGE_ACTIONS = frozenset({"fault", "hang", "cut_before", "cut_after"})
"""What can be done to a cmdlet; cut_before and cut_after kill its process. The other actions are about HTTP and leave cmdlets alone."""

ACTIONS: dict[str, dict[str, t.Any]] = {
    # instead of an answer; nothing is executed
    "http": {"status": 200, "body": "", "content_type": "text/html", "headers": {}},
    "redirect": {"status": 307, "location": None},
    "unauthorized": {"for_good": False},
    "fault": {"code": 0x80338029, "subcode": None, "text": None, "hresult": None, "form": "wsman", "execute": False},
    "cut_before": {"how": "reset"},
    # executed, and then
    "cut_after": {"how": "reset"},
    "cut_in_reply": {"how": "reset"},
    "drop_idle": {"how": "close"},
    "malformed": {},
    "truncated": {},
    "doctype": {"kind": "internal", "encoding": "utf-8"},
    "oversize": {"bytes": 5 * 1024 * 1024},
    "tamper": {},
    # done to the process behind a shell, before a Receive and after anything else
    "kill_process": {"seconds": 0.0},
    "stderr_noise": {"form": "clixml_progress", "text": "Preparing modules for first use."},
    # either way
    "hang": {"seconds": 5.0, "when": "before"},
}
_CHOICES: dict[tuple[str, str], frozenset[str]] = {
    ("cut_before", "how"): frozenset({"reset", "close"}),
    ("cut_after", "how"): frozenset({"reset", "close"}),
    ("cut_in_reply", "how"): frozenset({"reset", "close"}),
    ("drop_idle", "how"): frozenset({"reset", "close"}),
    ("doctype", "kind"): frozenset({"internal", "external", "nested"}),
    ("doctype", "encoding"): frozenset({"utf-8", "utf-16"}),
    ("hang", "when"): frozenset({"before", "after"}),
    ("stderr_noise", "form"): frozenset({"clixml_progress", "clixml_error", "plain"}),
    ("fault", "form"): frozenset({"wsman", "text", "code", "text_only", "wmierror"}),
}
_REQUIRED = {("redirect", "location")}
# What is done to a process needs a request that is about one.
_ONLY_ON = {
    "kill_process": frozenset({"Command", "Send", "Receive"}),
    "stderr_noise": frozenset({"Command", "Send", "Receive"}),
}
_TYPES: dict[str, tuple[type, ...]] = {
    "status": (int,),
    "body": (str,),
    "content_type": (str, type(None)),
    "headers": (dict,),
    "location": (str,),
    "code": (int,),
    "subcode": (str, type(None)),
    "text": (str, type(None)),
    "hresult": (int, type(None)),
    "form": (str,),
    "execute": (bool,),
    "for_good": (bool,),
    "how": (str,),
    "kind": (str,),
    "encoding": (str,),
    "bytes": (int,),
    "seconds": (int, float),
    "when": (str,),
}


class MischiefError(ValueError):
    """A specification that the lab does not take."""


@dataclasses.dataclass
class Mischief:
    """One checked specification. C(left) is None without an end."""

    machine: str
    operation: str
    method: str | None
    cim_class: str | None
    action: str
    parameters: dict[str, t.Any]
    left: int | None
    skip: int
    via: str | None = None
    number: int = 0
    met: int = 0

    def matches(self, machine: str, call: Description, via: str) -> bool:
        """Return whether the specification is about this request."""
        return (
            self.machine in ("*", machine)
            and self.via in (None, via)
            and (via == "wsman" or self.action in BRIDGE_ACTIONS)
            and self.operation in ("*", call.operation)
            and (self.method is None or self.method == call.method)
            and (self.cim_class is None or self.cim_class.lower() == (call.cim_class or "").lower())
        )


def parse(specification: t.Any, machines: t.Collection[str]) -> Mischief:
    """Check a specification. Raises MischiefError that names what is wrong and what is possible."""
    spec = _object(specification, "a fault", {"machine", "on", "do", "with", "times", "skip"})
    machine = spec.get("machine", "*")
    if machine != "*" and machine not in machines:
        raise MischiefError(f"there is no machine {machine!r}")
    on = _object(spec.get("on", {}), "'on'", {"operation", "method", "class", "via"})
    operation = on.get("operation", "*")
    if operation not in OPERATIONS | BRIDGE_OPERATIONS:
        raise MischiefError(f"unknown operation {operation!r}; known: {', '.join(sorted(OPERATIONS | BRIDGE_OPERATIONS))}")
    via = on.get("via")
    if via is not None and via not in VIA:
        raise MischiefError(f"'via' is one of {', '.join(sorted(VIA))}")
    if via == "powershell" and spec.get("do") not in BRIDGE_ACTIONS:
        raise MischiefError(f"a cmdlet can only have {', '.join(sorted(BRIDGE_ACTIONS))}")
    action = spec.get("do")
    if action not in ACTIONS:
        raise MischiefError(f"unknown fault {action!r}; known: {', '.join(ACTIONS)}")
    if operation not in _ONLY_ON.get(action, OPERATIONS | {operation}):
        raise MischiefError(f"{action} is for one of {', '.join(sorted(_ONLY_ON[action]))}")
    given = _object(spec.get("with", {}), "'with'", set(ACTIONS[action]))
    parameters = {**ACTIONS[action], **given}
    for name, value in parameters.items():
        if (action, name) in _REQUIRED and name not in given:
            raise MischiefError(f"{action} needs {name!r}")
        if not isinstance(value, _TYPES[name]) or (isinstance(value, bool) and bool not in _TYPES[name]):
            raise MischiefError(f"{name!r} of {action} has the wrong type")
        allowed = _CHOICES.get((action, name))
        if allowed and value not in allowed:
            raise MischiefError(f"{name!r} of {action} is one of {', '.join(sorted(allowed))}")
    times, skip = spec.get("times", 1), spec.get("skip", 0)
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
        raise MischiefError("'times' is a number from 1, or null")
    if not isinstance(skip, int) or isinstance(skip, bool) or skip < 0:
        raise MischiefError("'skip' is a number from 0")
    return Mischief(machine, operation, on.get("method"), on.get("class"), action, parameters, times, skip, via)


def _object(value: t.Any, what: str, allowed: set[str]) -> dict[str, t.Any]:
    if not isinstance(value, dict):
        raise MischiefError(f"{what} must be an object")
    unknown = sorted(set(value) - allowed)
    if unknown:
        raise MischiefError(f"{what} has unknown members {', '.join(unknown)}; known: {', '.join(sorted(allowed)) or 'none'}")
    return value


class MischiefTable:
    """The specifications in force. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Mischief] = []
        self._count = 0

    def add(self, mischief: Mischief) -> int:
        """Add a specification and return its number."""
        with self._lock:
            self._count += 1
            mischief.number = self._count
            self._all.append(mischief)
            return self._count

    def clear(self) -> None:
        """Remove every specification."""
        with self._lock:
            self._all.clear()

    def take(self, machine: str, call: Description, via: str = "wsman") -> Mischief | None:
        """Return the specification to apply to this request, and count it. C(via) is the way it came."""
        with self._lock:
            for mischief in self._all:
                if mischief.left == 0 or not mischief.matches(machine, call, via):
                    continue
                if mischief.skip:
                    mischief.skip -= 1
                    continue
                if mischief.left is not None:
                    mischief.left -= 1
                mischief.met += 1
                return mischief
        return None

    def read(self) -> list[dict[str, t.Any]]:
        """Return every specification with how many requests it has met."""
        with self._lock:
            return [dataclasses.asdict(mischief) for mischief in self._all]
