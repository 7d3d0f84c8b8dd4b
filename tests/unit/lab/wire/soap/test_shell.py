# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of the remote shell, over a stand-in for the engine: a shell script under its name."""

from __future__ import annotations

import asyncio
import base64
import pathlib
import time
import typing as t
from xml.etree import ElementTree

import pytest

from tests.lab.engine import Engine
from tests.lab.wire.shell.process import Slots
from tests.lab.wire.shell.workplace import Programs, Workplace
from tests.lab.wire.soap import faults, names
from tests.lab.wire.soap.envelope import read, write
from tests.lab.wire.soap.shell import CTRL_C, TERMINATE, ShellResource
from tests.unit.lab.wire.soap.messages import envelope

# Prints its arguments, its input and a variable, and ends with 5; "sleep" waits for a child, "alone" without one, "fill" prints that many bytes.
ENGINE = """#!/bin/sh
case "$1" in
sleep) echo asleep; sleep 60; exit 9 ;;
alone) echo asleep; exec sleep 60 ;;
fill) head -c "$2" /dev/zero ;;
*) printf '%s|' "$@"; cat; printf '|%s' "$COLOUR"; printf 'oops' >&2; exit 5 ;;
esac
"""
Answer = dict[str, t.Any]


class Client:
    """Sends messages to a shell resource and takes the answers apart."""

    def __init__(self, resource: ShellResource) -> None:
        self.resource = resource
        self.shell = ""

    async def ask(self, operation: str, body: str, **changes: t.Any) -> ElementTree.Element:
        action = {"Create": names.CREATE, "Delete": names.DELETE}.get(operation, f"{names.SHELL}/{operation}")
        message = read(envelope(names.SHELL_CMD, action, body, {"ShellId": self.shell}, **changes))
        reply = await self.resource.answer(message)
        return ElementTree.fromstring(write(action + "Response", reply.body, "uuid:X", reply.namespaces))

    async def create(self, inside: str = "") -> None:
        answer = await self.ask("Create", f"<rsp:Shell>{inside}</rsp:Shell>")
        self.shell = next(answer.iter(f"{{{names.WSMAN}}}Selector")).text or ""

    async def run(self, command: str, *arguments: str) -> str:
        words = "".join(f"<rsp:Arguments>{one}</rsp:Arguments>" for one in arguments)
        answer = await self.ask("Command", f"<rsp:CommandLine><rsp:Command>{command}</rsp:Command>{words}</rsp:CommandLine>")
        return next(answer.iter(f"{{{names.SHELL}}}CommandId")).text or ""

    async def send(self, command: str, data: bytes, end: bool = True) -> None:
        text = base64.b64encode(data).decode()
        await self.ask(
            "Send", f'<rsp:Send><rsp:Stream Name="stdin" CommandId="{command}" End="{str(end).lower()}">{text}</rsp:Stream></rsp:Send>'
        )

    async def receive(self, command: str, seconds: int = 20, **changes: t.Any) -> Answer:
        timeout = f"<w:OperationTimeout>PT{seconds}S</w:OperationTimeout>"
        body = f'<rsp:Receive><rsp:DesiredStream CommandId="{command}">stdout stderr</rsp:DesiredStream></rsp:Receive>'
        answer = await self.ask("Receive", body, timeout=timeout, **changes)
        found: Answer = {"stdout": b"", "stderr": b"", "ends": [], "code": None}
        for node in answer.iter(f"{{{names.SHELL}}}Stream"):
            found[node.get("Name")] += base64.b64decode(node.text or "")
            found["ends"] += [node.get("Name")] if node.get("End") else []
        for node in answer.iter(f"{{{names.SHELL}}}CommandState"):
            found["state"] = (node.get("State") or "").rpartition("/")[2]
        for node in answer.iter(f"{{{names.SHELL}}}ExitCode"):
            found["code"] = int(node.text or "")
        return found

    async def receive_all(self, command: str) -> Answer:
        whole = await self.receive(command)
        while whole["state"] != "Done":
            more = await self.receive(command)
            whole = more | {name: whole[name] + more[name] for name in ("stdout", "stderr")}
        return whole

    async def signal(self, command: str, code: str) -> None:
        await self.ask("Signal", f'<rsp:Signal CommandId="{command}"><rsp:Code>{code}</rsp:Code></rsp:Signal>')


def in_shell(
    folder: pathlib.Path, conversation: t.Callable[[Client], t.Awaitable[None]], engine: bool = True, inside: str = "", **extra: str
) -> None:
    """Hold a conversation with a shell; nothing that it started is left after it."""
    program = folder / "engine" / "pwsh"
    program.parent.mkdir()
    program.write_text(ENGINE)
    program.chmod(0o755)

    async def hold() -> None:
        programs = Programs(folder, lambda: Engine(program, "test") if engine else None)
        client = Client(ShellResource("http://pc01:5985/wsman", Workplace(programs, folder / "pc01", lambda: extra)))
        await client.create(inside)
        try:
            await conversation(client)
        finally:
            await programs.close()

    asyncio.run(hold())


def encoded(script: str) -> str:
    return base64.b64encode(script.encode("utf-16-le")).decode()


def test_a_command_gets_its_arguments_its_input_and_its_environment_and_gives_output_and_exit_code(tmp_path: pathlib.Path) -> None:
    async def conversation(client: Client) -> None:
        command = await client.run("PowerShell.exe", "-NoProfile", '"two words"')
        await client.send(command, "Grüße ".encode(), end=False)
        await client.send(command, b"\0\xff")
        assert await client.receive_all(command) == {
            "stdout": b"-NoProfile|two words|" + "Grüße ".encode() + b"\0\xff|green",
            "stderr": b"oops",
            "ends": ["stdout", "stderr"],
            "code": 5,
            "state": "Done",
        }

    in_shell(
        tmp_path, conversation, inside='<rsp:Environment><rsp:Variable Name="COLOUR">green</rsp:Variable></rsp:Environment>', COLOUR="red"
    )


def test_a_machine_has_folders_of_its_own_and_no_variable_of_ours(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "secret")
    programs = Programs(tmp_path, lambda: None)
    found = Workplace(programs, tmp_path / "pc01", lambda: {"PSModulePath": "here"}).environment()
    folder = str(tmp_path / "pc01")
    assert {name for name, value in found.items() if value.startswith(folder)} == {"HOME", "TMPDIR", "TMP", "TEMP"}
    assert found["PATH"] == f"{tmp_path / 'bin'}:/usr/bin:/bin"
    assert found["PSModulePath"] == "here"
    assert "MINE" not in found


def test_output_comes_while_the_command_runs_and_a_receive_that_gets_none_times_out(tmp_path: pathlib.Path) -> None:
    async def conversation(client: Client) -> None:
        command = await client.run("powershell", "sleep")
        first = await client.receive(command)
        assert (first["stdout"], first["state"], first["ends"], first["code"]) == (b"asleep\n", "Running", [], None)
        with pytest.raises(faults.WsmanFault) as caught:
            await client.receive(command, seconds=0)
        assert caught.value.code == 2150858793

    in_shell(tmp_path, conversation)


@pytest.mark.parametrize("way", ["terminate", "ctrl_c", "delete", "close", "kill"])
def test_a_command_ends_with_all_that_it_started(tmp_path: pathlib.Path, way: str) -> None:
    async def conversation(client: Client) -> None:
        # A shell may or may not live on when a signal comes just before its child.
        command = await client.run("powershell", "alone" if way == "ctrl_c" else "sleep")
        await client.receive(command)
        group = list(client.resource._workplace.programs._running)  # type: ignore[union-attr]
        if way == "terminate":
            await client.signal(command, TERMINATE)
        elif way == "ctrl_c":
            await client.signal(command, CTRL_C)
            assert (await client.receive_all(command))["code"] != 0
        elif way == "delete":
            await client.ask("Delete", "")
            assert client.resource.open_shells == 0
        elif way == "kill":
            client.resource.kill(read(envelope(names.SHELL_CMD, names.DELETE, "", {"ShellId": client.shell})))
            assert (await client.receive_all(command))["code"] == -1
        else:
            await client.resource._workplace.programs.close()  # type: ignore[union-attr]
        await asyncio.wait_for(group[0].ended(), 5)
        if way in ("terminate", "delete"):
            with pytest.raises(faults.WsmanFault):
                await client.receive(command)

    began = time.monotonic()
    in_shell(tmp_path, conversation)
    assert time.monotonic() - began < 20, "what the command had started kept its output open"


def test_an_answer_is_not_larger_than_the_client_takes(tmp_path: pathlib.Path) -> None:
    async def conversation(client: Client) -> None:
        command = await client.run("powershell", "fill", "20000")
        sizes = []
        while True:
            part = await client.receive(command, size=8192)
            sizes.append(len(part["stdout"]))
            assert len(base64.b64encode(part["stdout"])) < 8192
            if part["state"] == "Done":
                break
        assert sum(sizes) == 20000

    in_shell(tmp_path, conversation)


@pytest.mark.parametrize("program", ["PowerShell", "powershell", "powershell.exe"])
@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("exit", 0), ("Exit 3010;", 3010)])
def test_ansibles_raw_exit_needs_no_engine(tmp_path: pathlib.Path, program: str, script: str, code: int) -> None:
    async def conversation(client: Client) -> None:
        command = await client.run(
            program, "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Unrestricted", "-EncodedCommand", encoded(script)
        )
        assert (await client.receive(command))["code"] == code

    in_shell(tmp_path, conversation, engine=False)


def test_powershell_without_an_engine_says_how_to_get_one(tmp_path: pathlib.Path) -> None:
    async def conversation(client: Client) -> None:
        found = await client.receive_all(await client.run("powershell", "-EncodedCommand", encoded("Get-Date")))
        assert found["code"] == 1
        assert found["stderr"].decode() == (
            "'powershell' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"
            "(the lab has no PowerShell: set KMS_LAB_PWSH to a pwsh of version 7.6 or later, or put one on PATH)\r\n"
        )

    in_shell(tmp_path, conversation, engine=False)


def test_any_other_command_is_not_recognised_and_ends_with_1(tmp_path: pathlib.Path) -> None:
    async def conversation(client: Client) -> None:
        found = await client.receive_all(await client.run("whoami", "/all"))
        text = b"'whoami' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"
        assert (found["code"], found["stdout"], found["stderr"]) == (1, b"", text)
        piped = await client.receive_all(await client.run("powershell", "x", "|", "more"))
        assert b"the lab has no cmd.exe" in piped["stderr"]

    in_shell(tmp_path, conversation)


def test_ansibles_bootstrap_alone_is_told_to_leave_dates_alone(tmp_path: pathlib.Path) -> None:
    wrapper = b"a { ConvertFrom-Json | Convert-JsonObject } b\n\0\0\0\0\n{ ConvertFrom-Json | Convert-JsonObject }"

    async def conversation(client: Client) -> None:
        bootstrap = encoded("$code = ConvertFrom-Json -InputObject $codeJson")
        ours = await client.run("powershell", "-EncodedCommand", bootstrap)
        other = await client.run("powershell", "-EncodedCommand", encoded("Get-Date"))
        for command in (ours, other):
            for at in range(0, len(wrapper), 10):
                await client.send(command, wrapper[at : at + 10], end=at + 10 >= len(wrapper))
        meant = wrapper.replace(b"ConvertFrom-Json", b"ConvertFrom-Json -DateKind String", 1)
        assert meant in (await client.receive_all(ours))["stdout"]
        assert wrapper in (await client.receive_all(other))["stdout"]

    in_shell(tmp_path, conversation)


def test_what_does_not_fit_is_refused(tmp_path: pathlib.Path) -> None:
    async def conversation(client: Client) -> None:
        command = await client.run("exit 0")
        for refused, code in (
            (client.signal(command, names.SHELL + "/signal/poll"), 87),
            (client.signal("NO-SUCH-COMMAND", TERMINATE), 2150858843),
            (client.send("NO-SUCH-COMMAND", b""), 2150858843),
            (client.ask("Send", f'<rsp:Send><rsp:Stream Name="pr" CommandId="{command}">AA==</rsp:Stream></rsp:Send>'), 87),
            (client.ask("Send", f'<rsp:Send><rsp:Stream Name="stdin" CommandId="{command}">?</rsp:Stream></rsp:Send>'), 0x80338041),
            (client.ask("Create", "<rsp:Shell><rsp:WorkingDirectory>C:\\Temp</rsp:WorkingDirectory></rsp:Shell>"), 0x8007010B),
            (client.ask("Disconnect", "<rsp:Disconnect/>"), 0x80338013),
        ):
            with pytest.raises(faults.WsmanFault) as caught:
                await refused
            assert caught.value.code == code
        client.shell = "NO-SUCH-SHELL"
        with pytest.raises(faults.WsmanFault):
            await client.run("exit 0")

    in_shell(tmp_path, conversation, engine=False)


def test_engines_wait_their_turn_but_not_for_ever(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.lab.wire.soap.shell.PATIENCE", 0.5)

    async def conversation(client: Client) -> None:
        client.resource._workplace.programs.slots = Slots(count=1)  # type: ignore[union-attr]
        first, second = await client.run("powershell", "sleep"), await client.run("powershell", "sleep")
        assert (await client.receive(first))["stdout"] == b"asleep\n"
        with pytest.raises(faults.WsmanFault):
            await client.receive(second, seconds=0)
        assert (await client.receive(second))["stdout"] == b"asleep\n"

    in_shell(tmp_path, conversation)
