# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control port: JSON over HTTP with a bearer token. What tests and people tell and ask the lab.

Every answer is a JSON object; an error is {"error": "..."} with status 400, 401, 404 or 405.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import typing as t
import urllib.parse

from . import mischief
from .http import Connection, HttpReply, HttpRequest
from .masking import mask

if t.TYPE_CHECKING:
    from .lab import Lab

_LOG = logging.getLogger(__name__)
Json = dict[str, t.Any]


class BadRequestError(ValueError):
    """The request asks for something that the lab does not take."""


class NotFoundError(LookupError):
    """There is no such thing in this lab."""


class Control:
    """Answers requests on the control port."""

    def __init__(self, lab: Lab, token: str) -> None:
        self._lab = lab
        self._token = token
        self._routes: dict[tuple[str, str], t.Callable[[Json, dict[str, str]], t.Awaitable[Json]]] = {
            ("GET", "/status"): self._status,
            ("GET", "/machines"): self._machines,
            ("GET", "/workplace"): self._workplace,
            ("GET", "/calls"): self._calls,
            ("POST", "/calls/reset"): self._reset_calls,
            ("GET", "/faults"): self._faults,
            ("POST", "/faults"): self._add_fault,
            ("DELETE", "/faults"): self._clear_faults,
            ("POST", "/clock"): self._advance,
            ("GET", "/dns"): self._dns,
            ("POST", "/dns"): self._change_dns,
            ("POST", "/stop"): self._stop,
        }

    async def handle(self, request: HttpRequest, connection: Connection) -> HttpReply:
        """Answer one request."""
        scheme, _space, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token.encode()):
            return _json(
                401,
                {"error": "the Authorization header must be: Bearer TOKEN, with the token of lab.json"},
                (("WWW-Authenticate", "Bearer"),),
            )
        parts = urllib.parse.urlsplit(request.target)
        query = {key: values[-1] for key, values in urllib.parse.parse_qs(parts.query).items()}
        path = urllib.parse.unquote(parts.path)
        try:
            return _json(200, await self._route(request, path, query))
        except (BadRequestError, mischief.MischiefError) as error:
            return _json(400, {"error": str(error)})
        except NotFoundError as error:
            return _json(404, {"error": str(error)})
        except Exception as error:
            _LOG.exception("the control port failed")
            return _json(500, {"error": f"the lab failed: {type(error).__name__}: {error}"})

    async def _route(self, request: HttpRequest, path: str, query: dict[str, str]) -> Json:
        body: t.Any = {}
        if request.body:
            try:
                body = json.loads(request.body)
            except ValueError:
                raise BadRequestError("the body is no JSON") from None
        if not isinstance(body, dict):
            raise BadRequestError("the body must be a JSON object")
        if path.startswith("/machines/"):
            name = path.removeprefix("/machines/")
            if request.method == "GET":
                return await self._machine(name)
            if request.method == "POST":
                return await self._change_machine(name, body)
        handler = self._routes.get((request.method, path))
        if handler is None:
            raise NotFoundError(f"there is no {request.method} {path}; see tests/lab/README.md")
        return await handler(body, query)

    async def _status(self, _body: Json, _query: dict[str, str]) -> Json:
        return self._lab.description()

    async def _machines(self, _body: Json, _query: dict[str, str]) -> Json:
        return {"machines": [self._lab.machine_row(name) for name in self._lab.estate.machines]}

    async def _machine(self, name: str) -> Json:
        machine = self._lab.estate.machines.get(name)
        if machine is None:
            raise NotFoundError(f"there is no machine {name!r}")
        state = await asyncio.to_thread(machine.state)
        return {"machine": self._lab.machine_row(name), "state": mask(state)}

    async def _change_machine(self, name: str, body: Json) -> Json:
        if name not in self._lab.estate.machines:
            raise NotFoundError(f"there is no machine {name!r}")
        await self._lab.change_machine(name, body)
        return await self._machine(name)

    async def _workplace(self, _body: Json, query: dict[str, str]) -> Json:
        name = query.get("machine", "")
        if name not in self._lab.estate.machines:
            raise NotFoundError(f"there is no machine {name!r}")
        return await self._lab.workplace(name)

    async def _calls(self, _body: Json, query: dict[str, str]) -> Json:
        after = query.get("after", "0")
        if not after.isdigit():
            raise BadRequestError("'after' is the number of a call")
        return {"calls": self._lab.calls.read(query.get("machine"), int(after))}

    async def _reset_calls(self, _body: Json, _query: dict[str, str]) -> Json:
        self._lab.calls.reset()
        return {}

    async def _faults(self, _body: Json, _query: dict[str, str]) -> Json:
        return {"faults": self._lab.mischief.read()}

    async def _add_fault(self, body: Json, _query: dict[str, str]) -> Json:
        return {"number": self._lab.mischief.add(mischief.parse(body, self._lab.estate.machines))}

    async def _clear_faults(self, _body: Json, _query: dict[str, str]) -> Json:
        self._lab.mischief.clear()
        return {}

    async def _advance(self, body: Json, _query: dict[str, str]) -> Json:
        seconds = _only(body, {"advance_seconds"}).get("advance_seconds")
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
            raise BadRequestError("'advance_seconds' is a number of seconds")
        await self._lab.advance(seconds)
        return {}

    async def _dns(self, _body: Json, _query: dict[str, str]) -> Json:
        return {"servers": self._lab.names.read()}

    async def _change_dns(self, body: Json, _query: dict[str, str]) -> Json:
        known = {"server", "add", "remove", "stale", "mode"}
        try:
            await self._lab.names.change(_only(body, known))
        except ValueError as error:
            raise BadRequestError(str(error)) from None
        return {"servers": self._lab.names.read()}

    async def _stop(self, _body: Json, _query: dict[str, str]) -> Json:
        # After the answer is out.
        asyncio.get_running_loop().call_later(0.05, self._lab.stop)
        return {}


def _only(body: Json, known: set[str]) -> Json:
    unknown = sorted(set(body) - known)
    if unknown:
        raise BadRequestError(f"unknown members {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return body


def _json(status: int, value: Json, headers: tuple[tuple[str, str], ...] = ()) -> HttpReply:
    return HttpReply(status, json.dumps(value).encode("utf-8"), "application/json", headers)
