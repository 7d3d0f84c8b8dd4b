# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The remote shell of MS-WSMV: Create, Command, Send, Receive, Signal, Delete.

A command is a process of the machine's PowerShell engine; there is no cmd.exe. "capture NNN" is a published reply of a Windows machine, listed in
captures.yml; "recorded" is one that pypsrp's tests hold (jborean93/pypsrp, tests/tests_pypsrp/responses).
"""

from __future__ import annotations

import abc
import base64
import binascii
import dataclasses
import typing as t
import uuid
from xml.etree import ElementTree

from tests.lab.wire.shell import command_line
from tests.lab.wire.shell.bootstrap import DatesStayTexts
from tests.lab.wire.shell.output import STREAMS, Output
from tests.lab.wire.shell.process import PATIENCE, Process
from tests.lab.wire.shell.workplace import NoEngineError, Workplace

from . import faults, names
from .envelope import Message, local_name, namespace_of, new_id
from .reply import Reply
from .text import element, element_with, escape

OPERATIONS = {
    names.CREATE: "Create",
    names.DELETE: "Delete",
    names.SHELL + "/Command": "Command",
    names.SHELL + "/Send": "Send",
    names.SHELL + "/Receive": "Receive",
    names.SHELL + "/Signal": "Signal",
}
NAMESPACES = {"rsp": names.SHELL}
TERMINATE = names.SHELL + "/signal/terminate"
CTRL_C = names.SHELL + "/signal/ctrl_c"
CTRL_BREAK = names.SHELL + "/signal/ctrl_break"

# No limits on shells and processes: captures 052 to 054 give 2147483647 for MaxShellsPerUser and MaxProcessesPerShell.
# Without OperationTimeout the service's own MaxTimeoutms counts, which is 60 s (captures 052 to 054).
_LONGEST_WAIT = 60.0
_DEFAULT_ENVELOPE = 153600
# What a Receive's envelope takes besides the streams, with room to spare.
_ENVELOPE_OVERHEAD = 4096

# winrscmd's text for a command that is gone or never was (captures 046 and 047).
_NO_SUCH_COMMAND = (
    "The Windows Remote Shell received a request to perform an operation on a command identifier that does not exist. "
    "Either the command has completed execution or the client specified an invalid command identifier. "
)
_NOT_RECOGNISED = "'{0}' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"
_PROVIDER = ("Shell cmd plugin", r"%systemroot%\system32\winrscmd.dll")  # captures 048 and 049
_INVALID_PARAMETER = 87
# HRESULT_FROM_WIN32(ERROR_DIRECTORY). That the shell answers it is inferred.
_BAD_DIRECTORY = 0x8007010B


class Shells(abc.ABC):
    """What the shells of both kinds have in common. One event loop's only; C(endpoint) is the address that a created shell names."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    @staticmethod
    def operation(message: Message) -> str:
        """Return the short name of the operation, the last part of the action when it is none of ours."""
        return OPERATIONS.get(message.action or "", (message.action or "").rpartition("/")[2])

    async def answer(self, message: Message) -> Reply:
        """Carry out a request whose headers were found good. A Receive takes as long as the client allows. Raises WsmanFault."""
        handler: t.Callable[[Message], t.Awaitable[Reply]] | None = {
            "Create": self._create,
            "Delete": self._delete,
            "Command": self._command,
            "Send": self._send,
            "Receive": self._receive,
            "Signal": self._signal,
        }.get(OPERATIONS.get(message.action or "", ""))
        if handler is None:
            raise faults.WsmanFault(faults.ACTION_NOT_SUPPORTED)
        return await handler(message)

    @property
    @abc.abstractmethod
    def open_shells(self) -> int:
        """How many shells are open now."""

    @abc.abstractmethod
    def kill(self, message: Message) -> None:
        """End the processes of the shell that a request is for, as if they had died."""

    @abc.abstractmethod
    def disturb(self, message: Message, noise: bytes) -> None:
        """Have the newest process of the shell that a request is for print something on stderr."""

    @abc.abstractmethod
    async def _create(self, message: Message) -> Reply: ...

    @abc.abstractmethod
    async def _delete(self, message: Message) -> Reply: ...

    @abc.abstractmethod
    async def _command(self, message: Message) -> Reply: ...

    @abc.abstractmethod
    async def _send(self, message: Message) -> Reply: ...

    @abc.abstractmethod
    async def _receive(self, message: Message) -> Reply: ...

    @abc.abstractmethod
    async def _signal(self, message: Message) -> Reply: ...


class _Command:
    """One command of a shell; without a process it has ended already."""

    def __init__(self, output: Output, process: Process | None = None, dates: DatesStayTexts | None = None) -> None:
        self.output = output
        self.process = process
        self._dates = dates

    def send(self, data: bytes, end: bool) -> None:
        # A command that has ended accepts input and drops it.
        if self.process is not None:
            self.process.send(self._dates.feed(data, end) if self._dates else data, end)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()


@dataclasses.dataclass
class _Shell:
    variables: dict[str, str]
    commands: dict[str, _Command] = dataclasses.field(default_factory=dict)


class ShellResource(Shells):
    """The cmd shells of one machine. Without C(workplace) nothing but "exit N" can be run in them."""

    def __init__(self, endpoint: str, workplace: Workplace | None = None) -> None:
        super().__init__(endpoint)
        self._workplace = workplace
        self._shells: dict[str, _Shell] = {}

    @property
    def open_shells(self) -> int:
        """How many shells are open now."""
        return len(self._shells)

    @staticmethod
    def owns(message: Message) -> bool:
        """Return whether the request is for this resource."""
        return (message.resource_uri or "").lower() in (names.SHELL_CMD, names.SHELL)

    def kill(self, message: Message) -> None:
        """End the processes of the shell that a request is for, as if they had died."""
        for command in self._shell(message).commands.values():
            command.kill()

    def disturb(self, message: Message, noise: bytes) -> None:
        """Have the newest process of the shell that a request is for print something on stderr."""
        for command in list(self._shell(message).commands.values())[-1:]:
            command.output.write("stderr", noise)

    async def _create(self, message: Message) -> Reply:
        shell = body_of(message, "Shell")
        if shell.findtext(f"{{{names.SHELL}}}WorkingDirectory"):
            # Folders of Windows are not there; a shell in another one than it was asked for would be worse.
            raise faults.WsmanFault(_BAD_DIRECTORY, text="The directory name is invalid. ", subcode="w:InternalError", sender=False)
        variables = {
            node.get("Name", ""): node.text or ""
            for node in shell.findall(f"{{{names.SHELL}}}Environment/{{{names.SHELL}}}Variable")
            if node.get("Name")
        }
        shell_id = new_id()
        self._shells[shell_id] = _Shell(variables)
        return Reply(resource_created(self.endpoint, names.SHELL_CMD, shell_id), NAMESPACES)

    async def _delete(self, message: Message) -> Reply:
        self.kill(message)
        del self._shells[message.selectors["ShellId"]]
        return Reply("", NAMESPACES)

    async def _command(self, message: Message) -> Reply:
        shell = self._shell(message)
        body = body_of(message, "CommandLine")
        command = (body.findtext(f"{{{names.SHELL}}}Command") or "").strip()
        arguments = " ".join(node.text or "" for node in body.findall(f"{{{names.SHELL}}}Arguments"))
        command_id = (body.get("CommandId") or new_id()).upper()
        shell.commands[command_id] = await self._run(command, arguments, shell.variables)
        return Reply(element("rsp:CommandResponse", element("rsp:CommandId", command_id)), NAMESPACES)

    async def _run(self, command: str, arguments: str, variables: t.Mapping[str, str]) -> _Command:
        meant = command_line.read(command, arguments)
        output = Output()
        if isinstance(meant, command_line.Exit):
            output.finish(meant.code)
            return _Command(output)
        if isinstance(meant, command_line.PowerShell):
            try:
                if self._workplace is None:
                    raise NoEngineError("this shell has none")
                process = await self._workplace.powershell(meant.arguments, variables, output, PATIENCE)
            except NoEngineError as error:
                output.write("stderr", _NOT_RECOGNISED.format(command).encode() + f"(the lab has no PowerShell: {error})\r\n".encode())
                output.finish(1)
                return _Command(output)
            return _Command(output, process, DatesStayTexts() if DatesStayTexts.concerns(meant.script) else None)
        text = _NOT_RECOGNISED.format(meant.program)
        if meant.operator:
            text += "(the lab has no cmd.exe: no pipes, no redirections, one command)\r\n"
        output.write("stderr", text.encode())
        output.finish(1)
        return _Command(output)

    async def _send(self, message: Message) -> Reply:
        shell = self._shell(message)
        for stream in streams_of(body_of(message, "Send")):
            if stream.name != "stdin":
                raise _invalid_parameter()
            _find(shell, stream.command_id).send(stream.data, stream.end)
        return Reply("<rsp:SendResponse/>", NAMESPACES)

    async def _receive(self, message: Message) -> Reply:
        shell = self._shell(message)
        command_id = desired_command(message)
        output = _find(shell, command_id).output
        if not await output.wait(patience(message)):
            raise faults.WsmanFault(faults.OPERATION_TIMEDOUT)
        part = output.take(room_for(message))
        streams: list[str] = []
        # recorded, test_winrs_standard.yml: output, then the end of each stream, then the state
        for name in STREAMS:
            data = part.stdout if name == "stdout" else part.stderr
            if data:
                streams.append(stream_element(name, command_id, data))
        if part.exit_code is None:
            return Reply(element("rsp:ReceiveResponse", *streams, command_state(command_id, "Running")), NAMESPACES)
        streams += [element("rsp:Stream", Name=name, CommandId=command_id, End="true") for name in STREAMS]
        return Reply(element("rsp:ReceiveResponse", *streams, command_state(command_id, "Done", part.exit_code)), NAMESPACES)

    async def _signal(self, message: Message) -> Reply:
        shell = self._shell(message)
        body = body_of(message, "Signal")
        command_id = (body.get("CommandId") or "").upper()
        command = _find(shell, command_id)
        code = (body.findtext(f"{{{names.SHELL}}}Code") or "").strip().lower()
        if code == TERMINATE:
            command.kill()
            del shell.commands[command_id]
        elif code in (CTRL_C, CTRL_BREAK):
            if command.process is not None:
                command.process.interrupt()
        else:
            raise _invalid_parameter()
        return Reply("<rsp:SignalResponse/>", NAMESPACES)

    def _shell(self, message: Message) -> _Shell:
        found = self._shells.get(message.selectors.get("ShellId", ""))
        if found is None:
            raise no_such_shell()
        return found


# What the messages of both kinds of shells are made of -------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Sent:
    """One stream of a Send."""

    name: str
    command_id: str
    data: bytes
    end: bool


def body_of(message: Message, name: str) -> ElementTree.Element:
    """Return the element in the body. Raises WsmanFault when it is another one."""
    body = message.body
    if body is None or local_name(body.tag) != name or namespace_of(body.tag) != names.SHELL:
        raise faults.WsmanFault(faults.SCHEMA_VALIDATION_ERROR)
    return body


def streams_of(body: ElementTree.Element) -> list[Sent]:
    """Return what a Send sends. Raises WsmanFault."""
    try:
        return [
            Sent(
                node.get("Name", ""),
                (node.get("CommandId") or "").upper(),
                base64.b64decode("".join((node.text or "").split()), validate=True),
                node.get("End", "").strip().lower() in ("true", "1"),
            )
            for node in body.findall(f"{{{names.SHELL}}}Stream")
        ]
    except binascii.Error:
        raise faults.WsmanFault(faults.SCHEMA_VALIDATION_ERROR) from None


def desired_command(message: Message) -> str:
    """Return the command that a Receive is about, empty for the shell itself."""
    desired = body_of(message, "Receive").find(f"{{{names.SHELL}}}DesiredStream")
    return "" if desired is None else (desired.get("CommandId") or "").upper()


def patience(message: Message) -> float:
    """Return the seconds that a Receive may take."""
    return _LONGEST_WAIT if message.operation_timeout is None else min(message.operation_timeout, _LONGEST_WAIT)


def room_for(message: Message) -> int:
    """Return how many bytes of output the answer may carry."""
    size = int(message.max_envelope_size or _DEFAULT_ENVELOPE)
    return (size - _ENVELOPE_OVERHEAD) // 4 * 3


def resource_created(endpoint: str, uri: str, shell_id: str) -> str:
    """Return the answer to a Create (capture 039)."""
    return element(
        "x:ResourceCreated",
        element("a:Address", escape(endpoint)),
        element(
            "a:ReferenceParameters",
            element("w:ResourceURI", escape(uri)),
            element("w:SelectorSet", element("w:Selector", shell_id, Name="ShellId")),
        ),
    )


def stream_element(name: str, command_id: str, data: bytes) -> str:
    """Return one stream of an answer; without a command it is the shell's own."""
    return element("rsp:Stream", base64.b64encode(data).decode("ascii"), Name=name, CommandId=command_id or None)


def command_state(command_id: str, state: str, exit_code: int | None = None) -> str:
    """Return the state of a command, with its exit code when it is done."""
    children = () if exit_code is None else (element("rsp:ExitCode", str(exit_code)),)
    return element_with("rsp:CommandState", {"CommandId": command_id, "State": f"{names.SHELL}/CommandState/{state}"}, children)


def no_such_shell() -> faults.WsmanFault:
    """Return the fault for a shell that is not there (capture 045)."""
    text = faults.ROWS[faults.UNEXPECTED_SELECTORS].text
    provider = faults.Provider("Shell provider", r"%systemroot%\system32\WsmSvc.dll", faults.UNEXPECTED_SELECTORS, text)
    return faults.WsmanFault(faults.UNEXPECTED_SELECTORS, provider=provider)


def no_such_command() -> faults.WsmanFault:
    """Return the fault for a command that is not there."""
    return faults.WsmanFault(faults.UNEXPECTED_SELECTORS, message=_NO_SUCH_COMMAND)


def parse_id(text: str) -> uuid.UUID:
    """Return an identifier that the client chose. Raises WsmanFault."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise _invalid_parameter() from None


def _find(shell: _Shell, command_id: str) -> _Command:
    command = shell.commands.get(command_id)
    if command is None:
        raise no_such_command()
    return command


def _invalid_parameter() -> faults.WsmanFault:
    # capture 048
    text = "The parameter is incorrect. "
    provider = faults.Provider(*_PROVIDER, text=text)
    return faults.WsmanFault(
        _INVALID_PARAMETER, text=text, subcode="w:InvalidParameter", sender=True, detail="InvalidValue", provider=provider
    )
