# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge's socket: a line of CLIXML each way, on an abstract unix socket that only processes of this machine reach.

Each simulated machine has a secret of its own; a request without one of them is not answered. The kernel tells who is at the other end (SO_PEERCRED), so that a
fault on demand can end the very process that asked.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import itertools
import logging
import os
import pathlib
import secrets
import signal
import socket
import struct
import time
import typing as t

from tests.lab.model import resolver
from tests.lab.model.errors import CimError, provider_error
from tests.lab.model.machine import Machine

from ..calls import Call, CallLog
from ..mischief import Mischief, MischiefTable
from .operations import Answer, BadRequestError, Operations, clixml, describe, request_of

_LOG = logging.getLogger(__name__)

MODULES = pathlib.Path(__file__).resolve().parents[2] / "powershell"
"""The stand-in cmdlets, as PowerShell modules."""

ADDRESS_VARIABLE, SECRET_VARIABLE = "KMS_LAB_BRIDGE", "KMS_LAB_BRIDGE_SECRET"

_LINE = 16 * 1024 * 1024
_PEER = struct.Struct("3i")  # pid, uid, gid (unix(7))


@dataclasses.dataclass(frozen=True)
class _Reached:
    name: str
    operations: Operations


class Bridge:
    """The bridge of a lab. C(names) and C(form) are those of Operations; C(settled) is awaited after each request that the model carried out."""

    def __init__(
        self,
        machines: t.Mapping[str, Machine],
        names: t.Callable[[str | None], resolver.Ask],
        form: t.Callable[[str], str],
        mischief: MischiefTable,
        log: CallLog,
        workers: concurrent.futures.Executor,
        settled: t.Callable[[str], t.Awaitable[None]],
    ) -> None:
        self._secrets = {name: secrets.token_urlsafe(24) for name in machines}
        self._reached = {
            self._secrets[name]: _Reached(name, Operations(machine, names, lambda name=name: form(name)))  # type: ignore[misc]
            for name, machine in machines.items()
        }
        self._mischief = mischief
        self._log = log
        self._workers = workers
        self._settled = settled
        self._address = f"activation-kms-lab-{secrets.token_hex(8)}"
        self._connections = itertools.count(1)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    def environment(self, machine: str) -> dict[str, str]:
        """Return the variables by which a PowerShell process is on a machine: where the cmdlets are, and how they get to the model."""
        return {"PSModulePath": str(MODULES), ADDRESS_VARIABLE: self._address, SECRET_VARIABLE: self._secrets[machine]}

    async def start(self) -> None:
        """Serve."""
        self._server = await asyncio.start_unix_server(self._serve, path=f"\0{self._address}", limit=_LINE)

    async def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        except BadRequestError as error:
            _LOG.error("a request that no stand-in cmdlet sends: %s", error)
        except Exception:
            # The cmdlet fails with a word about lab.log.
            _LOG.exception("the bridge broke")
        finally:
            self._open.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(self._connections)
        sock: socket.socket = writer.get_extra_info("socket")
        pid = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[0]
        while line := await reader.readline():
            request = request_of(line)
            reached = self._reached.get(str(request.get("secret")))
            if reached is None:
                raise BadRequestError("the secret is not that of a machine")
            call = Call(reached.name, number, time.time(), "local", via="powershell", bytes_in=len(line))
            answer = await self._answer(reached, request, call)
            if answer is None:
                # Gone before it learns anything. Logged first, so that whoever sees the process end finds the call.
                self._log.add(call)
                os.kill(pid, signal.SIGKILL)
                return
            data = clixml(answer.body)
            call.fault, call.status, call.bytes_out = answer.fault, 200 if "error" not in answer.body else 500, len(data)
            self._log.add(call)
            writer.write(data)
            await writer.drain()

    async def _answer(self, reached: _Reached, request: dict[str, t.Any], call: Call) -> Answer | None:
        """Return the answer, or None where the process is to be killed."""
        about = describe(request)
        call.operation, call.cim_class, call.method, call.query = about.operation, about.cim_class, about.method, about.query
        call.arguments = dict(about.arguments) or None
        mischief = self._mischief.take(reached.name, about, via="powershell")
        if mischief is None:
            return await self._execute(reached, request, call)
        call.mischief = mischief.action
        return await self._misbehave(mischief, reached, request, call)

    async def _execute(self, reached: _Reached, request: dict[str, t.Any], call: Call) -> Answer:
        answer = await asyncio.get_running_loop().run_in_executor(self._workers, reached.operations.answer, request)
        call.executed = True
        call.fault = answer.fault
        await self._settled(reached.name)
        return answer

    async def _misbehave(self, mischief: Mischief, reached: _Reached, request: dict[str, t.Any], call: Call) -> Answer | None:
        given = mischief.parameters
        match mischief.action:
            case "fault":
                if given["execute"]:
                    await self._execute(reached, request, call)
                code = given["hresult"] if given["hresult"] is not None else given["code"]
                answer = reached.operations.refuse(CimError("provider", code, provider_error(code).text), request)
                if given["text"] is not None and "error" in answer.body:
                    answer.body["error"]["message"] = given["text"]
                return answer
            case "cut_before":
                return None
            case "cut_after":
                await self._execute(reached, request, call)
                return None
            case "hang":
                if given["when"] == "before":
                    await asyncio.sleep(given["seconds"])
                answer = await self._execute(reached, request, call)
                if given["when"] == "after":
                    await asyncio.sleep(given["seconds"])
                return answer
        raise AssertionError(f"no code for the fault {mischief.action}")
