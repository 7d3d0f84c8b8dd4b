# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is asking: one object for each connection, so that schemes with several steps and sealed messages have a place to keep their state.

Basic is the one scheme here. NTLM and Kerberos with message encryption would be further classes with the same three methods.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hmac
import typing as t

from .http import HttpRequest

CONTENT_TYPE = "application/soap+xml;charset=UTF-8"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The result of a check: in or out, and the headers that go with the reply either way."""

    accepted: bool
    headers: tuple[tuple[str, str], ...] = ()
    user: str | None = None


class Security(t.Protocol):
    """Authentication and sealing of one connection."""

    def check(self, request: HttpRequest) -> Verdict:
        """Judge the request's credentials."""
        ...

    def open(self, request: HttpRequest) -> bytes:
        """Return the SOAP message in an accepted request."""
        ...

    def seal(self, body: bytes) -> tuple[bytes, str]:
        """Return the HTTP body for a SOAP message, and its Content-Type."""
        ...


class Basic:
    """Basic authentication (RFC 7617): every request carries the credentials, messages are not sealed."""

    def __init__(self, user: str, password: str) -> None:
        self._expected = f"{user}:{password}".encode()
        self._user = user

    def check(self, request: HttpRequest) -> Verdict:
        """Judge the Authorization header. User names are compared as Windows does, without regard to case."""
        scheme, _space, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(token.strip(), validate=True)
            except binascii.Error:
                given = b""
            user, _colon, password = given.partition(b":")
            expected_user, _colon, expected_password = self._expected.partition(b":")
            if user.lower() == expected_user.lower() and hmac.compare_digest(password, expected_password):
                return Verdict(True, user=self._user)
        return Verdict(False, (("WWW-Authenticate", 'Basic realm="WSMAN"'),))

    def open(self, request: HttpRequest) -> bytes:
        """Return the body as it came."""
        return request.body

    def seal(self, body: bytes) -> tuple[bytes, str]:
        """Return the body as it is."""
        return body, CONTENT_TYPE
