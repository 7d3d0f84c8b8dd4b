# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of PowerShell remoting, over a stand-in for the engine's server that answers every packet and gives data back."""

from __future__ import annotations

import asyncio
import base64
import pathlib
import sys
import typing as t
import uuid
from xml.etree import ElementTree

import pytest

from tests.lab.engine import Engine
from tests.lab.wire.shell.workplace import Programs, Workplace
from tests.lab.wire.soap import faults, names
from tests.lab.wire.soap.envelope import read, write
from tests.lab.wire.soap.psrp import PowerShellResource
from tests.unit.lab.wire.shell.test_remoting import fragments, state
from tests.unit.lab.wire.soap.messages import envelope

SERVER = """
import re, sys
print("noise that is no packet", flush=True)
for line in sys.stdin:
    name, target = re.match(r"<(\\w+) .*?PSGuid='([^']*)'", line).groups()
    if "ZGll" in line:  # base64 of "die"
        sys.exit(3)
    if name == "Data":
        print(line.strip(), flush=True)
    print(f"<{name}Ack PSGuid='{target}' />", flush=True)
"""
POOL = "0E1F9A60-0000-0000-0000-000000000001"
PIPELINE = "0E1F9A60-0000-0000-0000-000000000002"


class Client:
    def __init__(self, resource: PowerShellResource) -> None:
        self.resource = resource

    async def ask(self, operation: str, body: str, shell: str = POOL, **changes: t.Any) -> ElementTree.Element:
        action = {"Create": names.CREATE, "Delete": names.DELETE}.get(operation, f"{names.SHELL}/{operation}")
        reply = await self.resource.answer(read(envelope(names.POWERSHELL_CONFIGURATION, action, body, {"ShellId": shell}, **changes)))
        return ElementTree.fromstring(write(action + "Response", reply.body, "uuid:X", reply.namespaces))

    async def create(self, creation: bytes = b"hello") -> ElementTree.Element:
        text = f'<creationXml xmlns="{names.POWERSHELL}">{base64.b64encode(creation).decode()}</creationXml>'
        return await self.ask("Create", f'<rsp:Shell ShellId="{POOL}">{text}</rsp:Shell>')

    async def run(self, first: bytes) -> None:
        text = f"<rsp:Command/><rsp:Arguments>{base64.b64encode(first).decode()}</rsp:Arguments>"
        await self.ask("Command", f'<rsp:CommandLine CommandId="{PIPELINE}">{text}</rsp:CommandLine>')

    async def send(self, data: bytes, target: str = f'CommandId="{PIPELINE}"') -> None:
        await self.ask("Send", f'<rsp:Send><rsp:Stream Name="stdin" {target}>{base64.b64encode(data).decode()}</rsp:Stream></rsp:Send>')

    async def signal(self, code: str) -> None:
        await self.ask("Signal", f'<rsp:Signal CommandId="{PIPELINE}"><rsp:Code>{code}</rsp:Code></rsp:Signal>')

    async def receive(self, command: str = "", seconds: int = 10, **changes: t.Any) -> tuple[list[bytes], list[str]]:
        """Return the data of the streams, and the states."""
        target = f' CommandId="{command}"' if command else ""
        timeout = f"<w:OperationTimeout>PT{seconds}S</w:OperationTimeout>"
        body = f"<rsp:Receive><rsp:DesiredStream{target}>stdout</rsp:DesiredStream></rsp:Receive>"
        answer = await self.ask("Receive", body, timeout=timeout, **changes)
        streams = list(answer.iter(f"{{{names.SHELL}}}Stream"))
        assert all((node.get("Name"), node.get("CommandId")) == ("stdout", command or None) for node in streams)
        states = [(node.get("State") or "").rpartition("/")[2] for node in answer.iter(f"{{{names.SHELL}}}CommandState")]
        return [base64.b64decode(node.text or "") for node in streams], states


def with_pool(folder: pathlib.Path, conversation: t.Callable[[Client], t.Awaitable[None]], engine: bool = True) -> None:
    program = folder / "engine" / "pwsh"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable} -u\n{SERVER}")
    program.chmod(0o755)

    async def hold() -> None:
        programs = Programs(folder, lambda: Engine(program, "test") if engine else None)
        client = Client(PowerShellResource("http://pc01:5985/wsman", Workplace(programs, folder / "pc01"), "pc01", "admin"))
        try:
            await conversation(client)
        finally:
            await programs.close()

    asyncio.run(hold())


def test_a_pool_opens_runs_a_pipeline_and_closes(tmp_path: pathlib.Path) -> None:
    async def conversation(client: Client) -> None:
        created = await client.create()
        assert [node.text for node in created.iter(f"{{{names.WSMAN}}}Selector")] == [POOL]
        shell = created.find(f".//{{{names.SHELL}}}Shell")
        assert shell is not None
        # The members of a recorded answer, in their order (pypsrp, test_psrp_open_runspace.yml), without the process id.
        members = (
            "ShellId ResourceUri Owner ClientIP IdleTimeOut InputStreams OutputStreams MaxIdleTimeOut Locale DataLocale CompressionMode"
        )
        members += " ProfileLoaded Encoding BufferMode State ShellRunTime ShellInactivity"
        assert " ".join(node.tag.rpartition("}")[2] for node in shell) == members
        assert shell.findtext(f"{{{names.SHELL}}}Owner") == "PC01\\admin"
        assert await client.receive() == ([b"hello"], [])

        first, last = b"first fragment", fragments(3, state(4), 1000)[0]
        await client.run(first)
        assert await client.receive(PIPELINE) == ([first], [])
        await client.send(b"input")
        await client.send(last)
        assert await client.receive(PIPELINE) == ([b"input", last], ["Done"])
        await client.signal("powershell/signal/crtl_c")
        assert client.resource._pools[POOL].knows(uuid.UUID(PIPELINE))
        await client.signal(names.SHELL + "/signal/Terminate")
        with pytest.raises(faults.WsmanFault):
            await client.receive(PIPELINE)

        assert client.resource.open_shells == 1
        await client.ask("Delete", "")
        assert client.resource.open_shells == 0

    with_pool(tmp_path, conversation)


def test_a_receive_without_news_times_out_and_takes_no_more_than_fits(tmp_path: pathlib.Path) -> None:
    async def conversation(client: Client) -> None:
        await client.create(bytes(3000))
        await client.send(bytes(3000), "")
        assert [len(piece) for piece in (await client.receive(size=8192))[0]] == [3000]
        assert [len(piece) for piece in (await client.receive(size=8192))[0]] == [3000]
        with pytest.raises(faults.WsmanFault) as caught:
            await client.receive(seconds=0)
        assert caught.value.code == 2150858793

    with_pool(tmp_path, conversation)


def test_a_server_that_dies_is_told_to_whoever_asks(tmp_path: pathlib.Path) -> None:
    async def conversation(client: Client) -> None:
        await client.create()
        await client.receive()
        waiting = asyncio.create_task(client.receive())
        for asked in (client.send(b"die", ""), waiting, client.run(b"x")):
            with pytest.raises(faults.WsmanFault) as caught:
                await asked
            assert caught.value.text.startswith("The WSMan provider host process did not return a proper response.")

    with_pool(tmp_path, conversation)


def test_what_does_not_fit_is_refused(tmp_path: pathlib.Path) -> None:
    async def conversation(client: Client) -> None:
        await client.create()
        for refused, code in (
            (client.ask("Delete", "", shell=str(uuid.uuid4())), 2150858843),
            (client.send(b"x"), 2150858843),
            (client.ask("Create", "<rsp:Shell/>"), 87),
            (
                client.ask(
                    "Create", f'<rsp:Shell ShellId="{uuid.uuid4()}"><creationXml xmlns="{names.POWERSHELL}">?</creationXml></rsp:Shell>'
                ),
                0x80338041,
            ),
        ):
            with pytest.raises(faults.WsmanFault) as caught:
                await refused
            assert caught.value.code == code

    with_pool(tmp_path, conversation)


def test_without_an_engine_a_pool_does_not_open(tmp_path: pathlib.Path) -> None:
    async def conversation(client: Client) -> None:
        with pytest.raises(faults.WsmanFault, match="The lab has no PowerShell: set KMS_LAB_PWSH"):
            await client.create()
        assert client.resource.open_shells == 0

    with_pool(tmp_path, conversation, engine=False)
