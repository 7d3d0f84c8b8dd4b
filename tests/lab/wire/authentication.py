# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is asking, and may anybody else read it: one object for each connection.

Basic (RFC 7617) comes with every request. Negotiate and Kerberos (RFC 4559) authenticate the connection: once its context stands, requests without an
Authorization header are the same user's, and their messages may be sealed with it (MS-WSMV 2.2.9.1). All cryptography is pyspnego's, on its acceptor side.

What a client sees of it, and where that is from:
- 401 without a body, a WWW-Authenticate header for each scheme in the order Negotiate, Kerberos, Basic: published traces of Windows give "Negotiate" before
  'Basic realm="WSMAN"' as headers of their own, and "Negotiate, Kerberos, CredSSP" (requests-credssp quotes it in its errors). The place of Kerberos before
  Basic is inferred;
- a step that is not the last one is answered with 401 and its token, the last one with the answer itself and the acceptor's token, if it has one
  (RFC 4559 4.1);
- raw NTLM and raw Kerberos tokens are taken under Negotiate, as Windows does (MS-NTHT; pywinrm's Kerberos relies on it);
- a message that is not sealed, over HTTP, where AllowUnencrypted is false: 500 without a body, whatever the login (diyan/pywinrm issues 129 and 208,
  ansible/ansible issue 33385);
- a sealed message that cannot be opened, because it was sealed for another connection or was changed: 400 without a body (comment in ansible-core's
  connection/winrm.py). That the connection's context then stays as it is, is inferred.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
import logging
import re
import struct
import typing as t

import spnego
from spnego.channel_bindings import GssChannelBindings

from .http import HttpRequest

_LOG = logging.getLogger(__name__)

CONTENT_TYPE = "application/soap+xml;charset=UTF-8"
METHODS = ("basic", "ntlm", "kerberos")
"""What an estate may name. NTLM comes under the scheme Negotiate, Kerberos under Negotiate or Kerberos."""

SPNEGO_SEALED = "application/HTTP-SPNEGO-session-encrypted"
KERBEROS_SEALED = "application/HTTP-Kerberos-session-encrypted"
_BOUNDARY = "Encrypted Boundary"
# MS-WSMV 2.2.9.1.1.2: the two parts as Windows and its clients write them; a space after the dashes comes from Exchange (pypsrp, encryption.py).
_SEALED_BODY = re.compile(
    rb"--\s?" + _BOUNDARY.encode() + rb"\r\n\s+Content-Type: (?P<protocol>[\w/-]+)\r\n"
    rb"\s+OriginalContent: type=application/soap\+xml;charset=(?P<charset>[\w-]+);Length=(?P<length>\d+)\r\n"
    rb"--\s?" + _BOUNDARY.encode() + rb"\r\n\s+Content-Type: application/octet-stream\r\n"
    rb"(?P<payload>.*)--\s?" + _BOUNDARY.encode() + rb"--(?:\r\n)?",
    re.DOTALL,
)


class RefusedMessageError(Exception):
    """A message that is not looked at: C(status) is the HTTP status of the answer, which has no body."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclasses.dataclass(frozen=True)
class Account:
    """The account that may log in. C(domains) are the names in front of it that mean this account on this machine, in any case."""

    user: str
    password: str = dataclasses.field(repr=False)
    domains: tuple[str, ...] = ("", ".")
    realm: str = ""

    def is_called(self, principal: str) -> bool:
        """Return whether DOMAIN-backslash-user, user@domain or a plain name means this account. Windows compares without regard to case."""
        domain, backslash, user = principal.rpartition("\\")
        if not backslash:
            user, _at, domain = principal.partition("@")
        known = {name.lower() for name in (*self.domains, self.realm)}
        return user.lower() == self.user.lower() and domain.lower() in known


@dataclasses.dataclass(frozen=True)
class Policy:
    """The part of winrm/config/service that is about logins.

    C(methods) are those of METHODS that are switched on. C(allow_unencrypted) is the setting of that name. C(service_host) is the name in the machine's
    service principals.
    """

    methods: tuple[str, ...] = ("basic",)
    allow_unencrypted: bool = True
    service_host: str = "unspecified"

    def challenges(self) -> tuple[tuple[str, str], ...]:
        """Return the headers of a 401 that says what can be used."""
        schemes = [
            *(["Negotiate"] if {"ntlm", "kerberos"} & set(self.methods) else []),
            *(["Kerberos"] if "kerberos" in self.methods else []),
            *(['Basic realm="WSMAN"'] if "basic" in self.methods else []),
        ]
        return tuple(("WWW-Authenticate", scheme) for scheme in schemes)


@dataclasses.dataclass
class Logins:
    """What a machine's security log would count: C(refused) is the number of logins whose credentials were looked at and found wrong.

    A request without credentials is none, nor is one with those of a scheme that is switched off. C(none_accepted): the password was changed.
    """

    refused: int = 0
    none_accepted: bool = False


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The result of a check: in or out, the headers that go with the reply either way, and by which of METHODS the credentials came."""

    accepted: bool
    headers: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    method: str | None = None


class Security:
    """Authentication and sealing of one connection. C(scheme) is http or https; C(certificate) the server's own, DER, where there is TLS."""

    def __init__(self, account: Account, policy: Policy, logins: Logins, scheme: str, certificate: bytes | None = None) -> None:
        self._account = account
        self._policy = policy
        self._logins = logins
        self._scheme = scheme
        self._bindings = None if certificate is None else channel_bindings(certificate)
        self._context: t.Any = None
        self._sealed: str | None = None

    def check(self, request: HttpRequest) -> Verdict:
        """Judge the request's credentials, or those that the connection has already."""
        scheme, _space, token = request.headers.get("authorization", "").strip().partition(" ")
        match scheme.lower():
            case "":
                if self._context is not None and self._context.complete:
                    return Verdict(True, user=self._account.user)
                return self._unknown()
            case "basic" if "basic" in self._policy.methods:
                return self._basic(token.strip())
            case "negotiate" | "kerberos" if not token.strip():
                return self._unknown()
            case "negotiate" | "kerberos":
                return self._negotiate(scheme, token.strip())
        return self._unknown()

    def open(self, request: HttpRequest) -> bytes:
        """Return the SOAP message in an accepted request. Raises RefusedMessageError."""
        self._sealed = None
        if not request.headers.get("content-type", "").lower().startswith("multipart/encrypted"):
            if self._scheme == "http" and not self._policy.allow_unencrypted:
                raise RefusedMessageError(500, "AllowUnencrypted is false")
            return request.body
        protocol, message = self._opened(request.body)
        self._sealed = protocol
        return message

    @property
    def sealed(self) -> bool:
        """Whether the message opened last was sealed, and its answer will be."""
        return self._sealed is not None

    def seal(self, body: bytes) -> tuple[bytes, str]:
        """Return the HTTP body for a SOAP message, and its Content-Type: sealed in the way of the message that it answers."""
        if self._sealed is None:
            return body, CONTENT_TYPE
        header, data, padding = self._context.wrap_winrm(body)
        parts = (
            f"--{_BOUNDARY}\r\n\tContent-Type: {self._sealed}\r\n"
            f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={len(body) + padding}\r\n"
            f"--{_BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n"
        )
        sealed = parts.encode("ascii") + struct.pack("<I", len(header)) + header + data + f"--{_BOUNDARY}--\r\n".encode("ascii")
        return sealed, f'multipart/encrypted;protocol="{self._sealed}";boundary="{_BOUNDARY}"'

    def forget(self) -> tuple[tuple[str, str], ...]:
        """End the connection's authentication, and return the headers of the 401 that says so."""
        self._context = self._sealed = None
        return self._policy.challenges()

    def refuse_all_logins(self) -> None:
        """Have the machine accept no login any more, as when the account's password was changed. What is logged in already stays so."""
        self._logins.none_accepted = True

    def _unknown(self) -> Verdict:
        return Verdict(False, self._policy.challenges())

    def _refused(self, method: str | None) -> Verdict:
        self._logins.refused += 1
        return Verdict(False, self.forget(), method=method)

    def _basic(self, token: str) -> Verdict:
        try:
            given = base64.b64decode(token, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        user, _colon, password = given.partition(":")
        if (
            not self._logins.none_accepted
            and self._account.is_called(user)
            and hmac.compare_digest(password.encode(), self._account.password.encode())
        ):
            return Verdict(True, user=self._account.user, method="basic")
        return self._refused("basic")

    def _negotiate(self, scheme: str, text: str) -> Verdict:
        try:
            token = base64.b64decode(text, validate=True)
            if self._context is None or self._context.complete:
                self._context = self._acceptor(token)
        except Exception as error:
            _LOG.debug("no login came about: %s: %s", type(error).__name__, error)
            return Verdict(False, self.forget())
        # What pyspnego and GSSAPI raise on a token that is none is their own affair; to a client all of it is a login that failed.
        try:
            answer = self._context.step(token)
            complete, method = self._context.complete, self._context.negotiated_protocol
        except Exception as error:
            _LOG.debug("a login was refused: %s: %s", type(error).__name__, error)
            return self._refused(self._context.negotiated_protocol)
        name = "Kerberos" if scheme.lower() == "kerberos" else "Negotiate"
        headers = (("WWW-Authenticate", f"{name} {base64.b64encode(answer).decode('ascii')}"),) if answer else ()
        if not complete:
            return Verdict(False, headers, method=method)
        # An account that the machine does not know as an administrator is refused by WinRM, not by the login (RootSDDL); 401 for it is inferred.
        known = not self._logins.none_accepted and self._account.is_called(self._context.client_principal or "")
        if method not in self._policy.methods or not known:
            return self._refused(method)
        return Verdict(True, headers, self._account.user, method)

    def _acceptor(self, token: bytes) -> t.Any:
        methods = set(self._policy.methods)
        if token.startswith(b"NTLMSSP\0") or "kerberos" not in methods:
            if "ntlm" not in methods:
                raise ValueError("this machine does not offer NTLM")
            if token.startswith(b"NTLMSSP\0"):
                return spnego.server(channel_bindings=self._bindings, protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
            return spnego.server(channel_bindings=self._bindings, options=spnego.NegotiateOptions.use_negotiate)
        # The service's name stands readable in a ticket (RFC 4120 5.3). A domain has HTTP, by way of HOST, and WSMAN for each machine; clients differ
        # in which they ask for. Taking the machine's own name only is what makes a ticket for another machine useless here.
        service = "WSMAN" if b"WSMAN" in token else "HTTP"
        return spnego.server(
            hostname=self._policy.service_host,
            service=service,
            channel_bindings=self._bindings,
            protocol="kerberos" if token.startswith(b"\x60") and _KERBEROS_OID in token[:32] else "negotiate",
            credentials=spnego.CredentialCache(f"{service}@{self._policy.service_host}"),
        )

    def _opened(self, body: bytes) -> tuple[str, bytes]:
        found = _SEALED_BODY.fullmatch(body)
        protocol = "" if found is None else found["protocol"].decode("ascii")
        if found is None or protocol not in (SPNEGO_SEALED, KERBEROS_SEALED) or self._context is None or not self._context.complete:
            raise RefusedMessageError(400, "no sealed message, or no session that it could be sealed for")
        payload = found["payload"]
        try:
            (length,) = struct.unpack_from("<I", payload)
            message: bytes = self._context.unwrap_winrm(payload[4 : 4 + length], payload[4 + length :])
        except Exception as error:  # BadMICError and its kin, and whatever a length that is none leads to
            raise RefusedMessageError(400, f"the message cannot be opened: {type(error).__name__}") from None
        if len(message) != int(found["length"]):
            raise RefusedMessageError(400, "the message is not as long as it says")
        return protocol, message


_KERBEROS_OID = bytes.fromhex("06092a864886f712010202")


def channel_bindings(certificate: bytes) -> GssChannelBindings:
    """Return what ties a login to the TLS connection of a certificate with a SHA-256 signature (RFC 5929 4.1, tls-server-end-point).

    Windows checks it where the client sends one: CbtHardeningLevel Relaxed, the default (Microsoft: Learn, Installation and configuration for WinRM).
    pyspnego's NTLM acceptor also refuses a client that sends none, as Windows does with Strict.
    """
    return GssChannelBindings(application_data=b"tls-server-end-point:" + hashlib.sha256(certificate).digest())


def ntlm_user_file(accounts: t.Iterable[Account]) -> bytes:
    """Return the file that pyspnego's NTLM acceptor looks accounts up in (environment variable NTLM_USER_FILE).

    Raises ValueError for a name or password that the format cannot hold.
    """
    lines: set[str] = set()
    for account in accounts:
        if any(sign in account.user + account.password for sign in ":\r\n"):
            raise ValueError("an account that logs in by NTLM can have neither a colon nor a line break in its name and password here")
        lines.update(f"{domain}:{account.user}:{account.password}" for domain in account.domains)
        lines.update(f":{account.user}@{domain}:{account.password}" for domain in (*account.domains, account.realm) if domain)
    return "".join(f"{line}\n" for line in sorted(lines)).encode("utf-8")
