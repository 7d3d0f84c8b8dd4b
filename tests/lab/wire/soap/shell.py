# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The remote shell resource, as far as the winrm connection plugin needs it without PowerShell.

Create, Command, Send, Receive, Signal and Delete (MS-WSMV). There is no PowerShell engine: a command that
does nothing but leave with a number is carried out, every other one gets cmd's answer for a program that does not exist.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
import threading
import typing as t

from . import faults, names
from .envelope import Message, local_name, namespace_of, new_id
from .reply import Reply
from .text import element, element_with, escape

_OPERATIONS = {
    names.CREATE: "Create",
    names.DELETE: "Delete",
    names.SHELL + "/Command": "Command",
    names.SHELL + "/Send": "Send",
    names.SHELL + "/Receive": "Receive",
    names.SHELL + "/Signal": "Signal",
}
_NAMESPACES = {"rsp": names.SHELL}
_EXIT = re.compile(r"exit(?:\s+(\d{1,9}))?\s*;?\s*\Z", re.IGNORECASE)
_POWERSHELL = re.compile(r"\"?(?:powershell|pwsh)(?:\.exe)?\"?\Z", re.IGNORECASE)
_ENCODED = re.compile(r"\s-(?:EncodedCommand|enc|e|ec)\s+(\S+)\s*\Z", re.IGNORECASE)
# winrscmd's text for a command that is gone or never was (captures 046 and 047).
_NO_SUCH_COMMAND = (
    "The Windows Remote Shell received a request to perform an operation on a command identifier that does not exist. "
    "Either the command has completed execution or the client specified an invalid command identifier. "
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""


@dataclasses.dataclass
class _Shell:
    commands: dict[str, Outcome] = dataclasses.field(default_factory=dict)


def run(command: str, arguments: str) -> Outcome:
    """Return the outcome of a command line.

    Ansible's raw module sends, on 2.19 and 2.21, PowerShell with -EncodedCommand and the base64 of the task's text in UTF-16LE, the
    text and nothing else; so "raw: exit 0" is recognised in that form, and plain.
    """
    line = f"{command} {arguments}".strip()
    plain = _EXIT.match(line)
    if plain:
        return Outcome(int(plain.group(1) or 0))
    if _POWERSHELL.match(command.strip()):
        script = _decoded_script(f" {arguments}")
        found = _EXIT.match(script.strip()) if script is not None else None
        if found:
            return Outcome(int(found.group(1) or 0))
    program = command.strip().partition(" ")[0]
    text = f"'{program}' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"
    return Outcome(1, stderr=text)


def _decoded_script(arguments: str) -> str | None:
    encoded = _ENCODED.search(arguments)
    if not encoded:
        return None
    try:
        return base64.b64decode(encoded.group(1), validate=True).decode("utf-16-le")
    except (binascii.Error, UnicodeDecodeError):
        return None


class ShellResource:
    """The shells of one machine. C(endpoint) is the address that a created shell names. Safe for threads."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._shells: dict[str, _Shell] = {}

    @property
    def open_shells(self) -> int:
        """How many shells are open now."""
        with self._lock:
            return len(self._shells)

    @staticmethod
    def owns(message: Message) -> bool:
        """Return whether the request is for this resource."""
        return (message.resource_uri or "").lower() in (names.SHELL_CMD, names.SHELL)

    @staticmethod
    def operation(message: Message) -> str:
        """Return the short name of the operation, the last part of the action when it is none of ours."""
        return _OPERATIONS.get(message.action or "", (message.action or "").rpartition("/")[2])

    def answer(self, message: Message) -> Reply:
        """Carry out a request whose headers were found good. Raises WsmanFault."""
        handler: t.Callable[[Message], Reply] | None = {
            "Create": self._create,
            "Delete": self._delete,
            "Command": self._command,
            "Send": self._send,
            "Receive": self._receive,
            "Signal": self._signal,
        }.get(_OPERATIONS.get(message.action or "", ""))
        if handler is None:
            raise faults.WsmanFault(faults.ACTION_NOT_SUPPORTED)
        with self._lock:
            return handler(message)

    def _create(self, message: Message) -> Reply:
        _body(message, "Shell")
        shell_id = new_id()
        self._shells[shell_id] = _Shell()
        # capture 039
        return Reply(
            element(
                "x:ResourceCreated",
                element("a:Address", escape(self._endpoint)),
                element(
                    "a:ReferenceParameters",
                    element("w:ResourceURI", names.SHELL_CMD),
                    element("w:SelectorSet", element("w:Selector", shell_id, Name="ShellId")),
                ),
            ),
            _NAMESPACES,
        )

    def _delete(self, message: Message) -> Reply:
        self._shell(message)
        del self._shells[message.selectors["ShellId"]]
        return Reply("", _NAMESPACES)

    def _command(self, message: Message) -> Reply:
        shell = self._shell(message)
        body = _body(message, "CommandLine")
        command = body.findtext(f"{{{names.SHELL}}}Command", "").strip()
        arguments = " ".join(node.text or "" for node in body.findall(f"{{{names.SHELL}}}Arguments"))
        command_id = new_id()
        shell.commands[command_id] = run(command, arguments)
        return Reply(element("rsp:CommandResponse", element("rsp:CommandId", command_id)), _NAMESPACES)

    def _send(self, message: Message) -> Reply:
        shell = self._shell(message)
        stream = _body(message, "Send").find(f"{{{names.SHELL}}}Stream")
        if stream is None or stream.get("CommandId") not in shell.commands:
            raise _no_such_command()
        # The command has ended already; input after that is accepted and dropped.
        return Reply("<rsp:SendResponse/>", _NAMESPACES)

    def _receive(self, message: Message) -> Reply:
        shell = self._shell(message)
        desired = _body(message, "Receive").find(f"{{{names.SHELL}}}DesiredStream")
        command_id = "" if desired is None else desired.get("CommandId") or ""
        outcome = shell.commands.get(command_id)
        if outcome is None:
            raise _no_such_command()
        streams: list[str] = []
        for name, text in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
            if text:
                data = base64.b64encode(text.encode("utf-8")).decode("ascii")
                streams.append(element("rsp:Stream", data, Name=name, CommandId=command_id))
            streams.append(element("rsp:Stream", Name=name, CommandId=command_id, End="true"))
        state = element_with(
            "rsp:CommandState",
            {"CommandId": command_id, "State": names.SHELL + "/CommandState/Done"},
            (element("rsp:ExitCode", str(outcome.exit_code)),),
        )
        return Reply(element("rsp:ReceiveResponse", *streams, state), _NAMESPACES)

    def _signal(self, message: Message) -> Reply:
        shell = self._shell(message)
        command_id = _body(message, "Signal").get("CommandId") or ""
        if shell.commands.pop(command_id, None) is None:
            raise _no_such_command()
        return Reply("<rsp:SignalResponse/>", _NAMESPACES)

    def _shell(self, message: Message) -> _Shell:
        found = self._shells.get(message.selectors.get("ShellId", ""))
        if found is None:
            # capture 045
            text = faults.ROWS[faults.UNEXPECTED_SELECTORS].text
            provider = faults.Provider("Shell provider", r"%systemroot%\system32\WsmSvc.dll", faults.UNEXPECTED_SELECTORS, text)
            raise faults.WsmanFault(faults.UNEXPECTED_SELECTORS, provider=provider)
        return found


def _body(message: Message, name: str) -> t.Any:
    body = message.body
    if body is None or local_name(body.tag) != name or namespace_of(body.tag) != names.SHELL:
        raise faults.WsmanFault(faults.SCHEMA_VALIDATION_ERROR)
    return body


def _no_such_command() -> faults.WsmanFault:
    return faults.WsmanFault(faults.UNEXPECTED_SELECTORS, message=_NO_SUCH_COMMAND)
