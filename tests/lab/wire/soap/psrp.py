# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerShell remoting over WS-Management (MS-PSRP 3.1.5.3, 3.2.5.3): a shell is a runspace pool, a command is a pipeline.

What pools and pipelines say is written and read by the engine's own server (wire/shell/remoting.py); here it is put into messages and taken out of them.
"Recorded" is a reply of a Windows machine that pypsrp's tests hold (jborean93/pypsrp, tests/tests_pypsrp/responses).
"""

from __future__ import annotations

import base64
import binascii
import pathlib
import uuid
from xml.etree import ElementTree

from tests.lab.wire.shell.remoting import POOL, Name, Server, ServerDiedError
from tests.lab.wire.shell.workplace import NoEngineError, Workplace

from . import faults, names, shell
from .envelope import Message
from .reply import Reply
from .text import element, escape

_CREATION = f"{{{names.POWERSHELL}}}creationXml"
_SERVER = pathlib.Path(shell.__file__).parents[1] / "shell" / "psrp_server.ps1"
# Misspelt, and compared as it is; every other signal closes the pipeline, that of pypsrp's stop() too, which is spelt right
# (PowerShell/PowerShell, engine/remoting/fanin/WSManPluginFacade.cs, PerformWSManPluginSignal).
_STOP = "powershell/signal/crtl_c"
_INPUTS: dict[str, Name] = {"stdin": "Default", "pr": "PromptResponse"}
_PROVIDER = ("microsoft.powershell", r"%systemroot%\system32\pwrshplugin.dll")
# The text is published with PowerShell's errors (dsccommunity/SharePointDsc#860); that its code is RPC_S_CALL_FAILED is inferred.
_HOST_DIED = 1726
_HOST_DIED_TEXT = (
    "The WSMan provider host process did not return a proper response.  A provider in the host process may have behaved improperly. "
)
# Text and code of a host process that does not start are published (jborean93/pypsrp#36).
_HOST_MISSING = 2
_HOST_MISSING_TEXT = (
    "The WSMan service could not launch a host process to process the given request.  "
    "Make sure the WSMan provider host server and proxy are properly registered. "
)


class PowerShellResource(shell.Shells):
    """The runspace pools of one machine. C(machine) is its name as Windows writes it, C(user) who is logged in."""

    def __init__(self, endpoint: str, workplace: Workplace, machine: str, user: str) -> None:
        super().__init__(endpoint)
        self._workplace = workplace
        self._owner = f"{machine.upper()}\\{user}"
        self._pools: dict[str, Server] = {}

    @property
    def open_shells(self) -> int:
        """How many pools are open now."""
        return len(self._pools)

    @staticmethod
    def owns(message: Message) -> bool:
        """Return whether the request is for this resource."""
        return (message.resource_uri or "").lower() == names.POWERSHELL_CONFIGURATION.lower()

    def kill(self, message: Message) -> None:
        """End the process of the pool that a request is for, as if it had died."""
        self._pool(message).kill()

    def disturb(self, message: Message, noise: bytes) -> None:
        """Do nothing: a pool's process has no console, and what it prints on stderr reaches no client."""

    async def _create(self, message: Message) -> Reply:
        body = shell.body_of(message, "Shell")
        shell_id = str(shell.parse_id(body.get("ShellId", ""))).upper()
        creation = _bytes(body.find(_CREATION))
        server = Server()
        try:
            await server.start(self._workplace, await self._arguments(), {})
        except NoEngineError as error:
            raise faults.WsmanFault(
                _HOST_MISSING, text=f"{_HOST_MISSING_TEXT}(The lab has no PowerShell: {error}.) ", subcode="w:InternalError", sender=False
            ) from None
        self._pools[shell_id] = server
        try:
            await server.data(POOL, "Default", creation)
        except ServerDiedError:
            del self._pools[shell_id]
            raise _host_died() from None
        return Reply(
            shell.resource_created(self.endpoint, message.resource_uri or "", shell_id) + self._description(message, shell_id),
            shell.NAMESPACES,
        )

    async def _arguments(self) -> list[str]:
        common = ["-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Unrestricted"]
        if (await self._workplace.programs.engine()).official:
            return [*common, "-SSHServerMode"]
        return [*common, "-File", str(_SERVER)]

    def _description(self, message: Message, shell_id: str) -> str:
        # recorded, test_psrp_open_runspace.yml
        facts = (
            ("ShellId", shell_id),
            ("ResourceUri", message.resource_uri or ""),
            ("Owner", self._owner),
            ("ClientIP", "127.0.0.1"),
            ("IdleTimeOut", "PT7200.000S"),
            ("InputStreams", "stdin pr"),
            ("OutputStreams", "stdout"),
            ("MaxIdleTimeOut", "PT2147483.647S"),
            ("Locale", "en-US"),
            ("DataLocale", "en-US"),
            ("CompressionMode", "NoCompression"),
            ("ProfileLoaded", "Yes"),
            ("Encoding", "UTF8"),
            ("BufferMode", "Block"),
            ("State", "Connected"),
            ("ShellRunTime", "P0DT0H0M0S"),
            ("ShellInactivity", "P0DT0H0M0S"),
        )
        return element("rsp:Shell", *(element(f"rsp:{name}", escape(value)) for name, value in facts))

    async def _delete(self, message: Message) -> Reply:
        self._pool(message).kill()
        del self._pools[message.selectors["ShellId"].upper()]
        return Reply("", shell.NAMESPACES)

    async def _command(self, message: Message) -> Reply:
        pool = self._pool(message)
        body = shell.body_of(message, "CommandLine")
        command_id = (body.get("CommandId") or "").upper()
        pipeline = shell.parse_id(command_id)
        try:
            await pool.command(pipeline)
            await pool.data(pipeline, "Default", _bytes(body.find(f"{{{names.SHELL}}}Arguments")))
        except ServerDiedError:
            raise _host_died() from None
        return Reply(element("rsp:CommandResponse", element("rsp:CommandId", command_id)), shell.NAMESPACES)

    async def _send(self, message: Message) -> Reply:
        pool = self._pool(message)
        for stream in shell.streams_of(shell.body_of(message, "Send")):
            try:
                await pool.data(_target(pool, stream.command_id), _INPUTS.get(stream.name, "Default"), stream.data)
            except ServerDiedError:
                raise _host_died() from None
        return Reply("<rsp:SendResponse/>", shell.NAMESPACES)

    async def _receive(self, message: Message) -> Reply:
        pool = self._pool(message)
        command_id = shell.desired_command(message)
        try:
            came = await pool.receive(_target(pool, command_id), shell.patience(message), shell.room_for(message))
        except ServerDiedError:
            raise _host_died() from None
        if came is None:
            raise faults.WsmanFault(faults.OPERATION_TIMEDOUT)
        pieces, ended = came
        parts = [shell.stream_element("stdout", command_id, piece) for piece in pieces]
        # recorded, test_psrp_multiple_invocations.yml: a state comes with the last of a pipeline, and with nothing else
        if ended:
            parts.append(shell.command_state(command_id, "Done", 0))
        return Reply(element("rsp:ReceiveResponse", *parts), shell.NAMESPACES)

    async def _signal(self, message: Message) -> Reply:
        pool = self._pool(message)
        body = shell.body_of(message, "Signal")
        target = _target(pool, (body.get("CommandId") or "").upper())
        try:
            if (body.findtext(f"{{{names.SHELL}}}Code") or "").strip() == _STOP:
                await pool.stop(target)
            else:
                await pool.close(target)
        except ServerDiedError:
            raise _host_died() from None
        return Reply("<rsp:SignalResponse/>", shell.NAMESPACES)

    def _pool(self, message: Message) -> Server:
        found = self._pools.get(message.selectors.get("ShellId", "").upper())
        if found is None:
            raise shell.no_such_shell()
        return found


def _target(pool: Server, command_id: str) -> uuid.UUID:
    target = shell.parse_id(command_id) if command_id else POOL
    if not pool.knows(target):
        raise shell.no_such_command()
    return target


def _bytes(node: ElementTree.Element | None) -> bytes:
    try:
        return base64.b64decode("".join(("" if node is None else node.text or "").split()), validate=True)
    except binascii.Error:
        raise faults.WsmanFault(faults.SCHEMA_VALIDATION_ERROR) from None


def _host_died() -> faults.WsmanFault:
    return faults.WsmanFault(
        _HOST_DIED,
        text=_HOST_DIED_TEXT,
        subcode="w:InternalError",
        sender=False,
        provider=faults.Provider(*_PROVIDER, text=_HOST_DIED_TEXT),
    )
