# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's WinRM service on HTTP: authentication, the endpoint behind it, faults on demand, the call log."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import time
import typing as t

from . import spoil
from .authentication import RefusedMessageError, Security
from .calls import Call, CallLog
from .http import Connection, Ending, HttpReply, HttpRequest
from .mischief import Mischief, MischiefTable
from .soap import faults
from .soap.cim import Description
from .soap.endpoint import Answer, Endpoint
from .soap.envelope import Message

_ENDINGS = {"reset": Ending.RESET, "close": Ending.CLOSE}


class WinrmService:
    """Answers the HTTP requests of one machine.

    C(settled) is awaited after each request that the model carried out, before it is answered.
    """

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        security: t.Callable[[str], Security],
        mischief: MischiefTable,
        log: CallLog,
        workers: concurrent.futures.Executor,
        settled: t.Callable[[], t.Awaitable[None]],
    ) -> None:
        self._name = name
        self._endpoint = endpoint
        self._security = security
        self._mischief = mischief
        self._log = log
        self._workers = workers
        self._settled = settled

    async def handle(self, request: HttpRequest, connection: Connection) -> HttpReply:
        """Answer one request, and log it when the answer has gone out."""
        call = Call(self._name, connection.number, time.time(), connection.scheme, bytes_in=request.size)
        reply = await self._reply(request, connection, call)
        call.status = reply.status if reply.share > 0 else None

        def sent(count: int) -> None:
            call.bytes_out = count
            self._log.add(call)

        reply.sent = sent
        return reply

    async def _reply(self, request: HttpRequest, connection: Connection, call: Call) -> HttpReply:
        # Windows registers the prefix /wsman; other paths are not served (404 without a body).
        if request.target.partition("?")[0].rstrip("/").lower() != "/wsman":
            return HttpReply(404)
        if request.method != "POST":
            return HttpReply(405, headers=(("Allow", "POST"),))
        security: Security = connection.state.get("security") or self._security(connection.scheme)
        connection.state["security"] = security
        verdict = security.check(request)
        call.login = verdict.method
        if not verdict.accepted:
            return HttpReply(401, headers=verdict.headers)
        if not request.body:
            # What seals its messages logs in with an empty one first (pywinrm, pypsrp).
            return HttpReply(200, headers=verdict.headers)
        try:
            raw = security.open(request)
        except RefusedMessageError as refused:
            return HttpReply(refused.status, headers=verdict.headers)
        call.sealed = security.sealed
        reply = await self._answered(raw, call, security)
        reply.headers = (*verdict.headers, *reply.headers)
        return reply

    async def _answered(self, raw: bytes, call: Call, security: Security) -> HttpReply:
        message = self._endpoint.read(raw)
        if isinstance(message, Answer):
            call.fault = message.fault
            return _sealed(message, security)
        about = self._endpoint.describe(message)
        call.operation, call.cim_class, call.method, call.query = about.operation, about.cim_class, about.method, about.query
        call.arguments = dict(about.arguments) or None
        mischief = self._mischief.take(self._name, about)
        if mischief is None:
            return _sealed(await self._execute(message, call), security)
        call.mischief = mischief.action
        return await self._misbehave(mischief, message, about, call, security)

    async def _execute(self, message: Message, call: Call) -> Answer:
        shells = self._endpoint.shells(message)
        if shells is not None:
            answer = await self._endpoint.answer_shell(message, shells)
        else:
            answer = await asyncio.get_running_loop().run_in_executor(self._workers, self._endpoint.answer, message)
        call.executed = True
        call.fault = answer.fault
        await self._settled()
        return answer

    async def _disturb(self, mischief: Mischief, message: Message, about: Description, call: Call) -> Answer:
        """Do something to the process behind a request for a shell: before a Receive, so that its answer shows it, and after anything else."""
        given, shells = mischief.parameters, self._endpoint.shells(message)
        answer = None if about.operation == "Receive" else await self._execute(message, call)
        if shells is not None:
            with contextlib.suppress(faults.WsmanFault):  # there is no such shell, which the answer says
                if mischief.action == "kill_process":
                    await asyncio.sleep(given["seconds"])
                    shells.kill(message)
                else:
                    shells.disturb(message, spoil.noise(given["form"], given["text"]))
        return answer or await self._execute(message, call)

    async def _misbehave(self, mischief: Mischief, message: Message, about: Description, call: Call, security: Security) -> HttpReply:
        given = mischief.parameters
        match mischief.action:
            case "http":
                return HttpReply(given["status"], given["body"].encode("utf-8"), given["content_type"], tuple(given["headers"].items()))
            case "redirect":
                return HttpReply(given["status"], headers=(("Location", given["location"]),))
            case "unauthorized":
                if given["for_good"]:
                    security.refuse_all_logins()
                return HttpReply(401, headers=security.forget())
            case "fault":
                if given["execute"]:
                    await self._execute(message, call)
                answer = self._endpoint.refuse(_fault(given, about), message)
                call.fault = answer.fault
                return _sealed(answer, security)
            case "kill_process" | "stderr_noise":
                return _sealed(await self._disturb(mischief, message, about, call), security)
            case "cut_before":
                return HttpReply(ending=_ENDINGS[given["how"]], share=0)
            case "cut_after":
                await self._execute(message, call)
                return HttpReply(ending=_ENDINGS[given["how"]], share=0)
            case "hang":
                if given["when"] == "before":
                    await asyncio.sleep(given["seconds"])
                answer = await self._execute(message, call)
                if given["when"] == "after":
                    await asyncio.sleep(given["seconds"])
                return _sealed(answer, security)
        reply = _sealed(await self._execute(message, call), security, mischief)
        match mischief.action:
            case "cut_in_reply":
                reply.share, reply.ending = 0.5, _ENDINGS[given["how"]]
            case "drop_idle":
                reply.ending = _ENDINGS[given["how"]]
            case "tamper":
                reply.body = spoil.tampered(reply.body)
            case "doctype" if given["encoding"] == "utf-16" and not security.sealed:
                reply.content_type = "application/soap+xml;charset=UTF-16"
        return reply


def _spoiled(mischief: Mischief, xml: bytes) -> bytes:
    given = mischief.parameters
    match mischief.action:
        case "malformed":
            return spoil.malformed(xml)
        case "truncated":
            return spoil.truncated(xml)
        case "oversize":
            return spoil.oversize(xml, given["bytes"])
        case "doctype":
            return spoil.doctype(xml, given["kind"], given["encoding"])
        case "cut_in_reply" | "drop_idle" | "tamper":
            return xml
    raise AssertionError(f"no code for the fault {mischief.action}")


def _sealed(answer: Answer, security: Security, mischief: Mischief | None = None) -> HttpReply:
    xml = answer.xml.encode("utf-8")
    body, content_type = security.seal(xml if mischief is None else _spoiled(mischief, xml))
    return HttpReply(answer.status, body, content_type)


def _fault(given: t.Mapping[str, t.Any], about: Description) -> faults.WsmanFault:
    hresult, text = given["hresult"], given["text"]
    if given["form"] != "wsman":
        extended = faults.ExtendedStatus("root/cimv2", "ExecMethod" if about.method else "ExecQuery", about.query or about.cim_class or "")
        return faults.provider_fault(hresult if hresult is not None else given["code"], given["form"], extended)
    provider = None
    if hresult is not None:
        provider = faults.Provider(code=hresult, text=text or faults.ROWS[faults.PROVIDER_FAILURE].text)
    return faults.WsmanFault(given["code"], text=text, subcode=given["subcode"], provider=provider)
