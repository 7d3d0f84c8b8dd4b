# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins and sealed messages against pyspnego's own client side. Kerberos needs a realm: tests/system/lab/test_authentication.py."""

from __future__ import annotations

import base64
import pathlib
import typing as t

import pytest
import spnego
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypsrp.encryption import WinRMEncryption

from tests.lab.wire.authentication import (
    CONTENT_TYPE,
    KERBEROS_SEALED,
    METHODS,
    SPNEGO_SEALED,
    Account,
    Logins,
    Policy,
    RefusedMessageError,
    Security,
    Verdict,
    channel_bindings,
    ntlm_user_file,
)
from tests.lab.wire.http import HttpRequest

USER, PASSWORD = "labadmin", "a password of the lab"
ACCOUNT = Account(USER, PASSWORD, ("", ".", "PC01", "corp"), "CORP.EXAMPLE")
SEALED_ONLY = Policy(("basic", "ntlm"), allow_unencrypted=False)
MESSAGE = "<s:Envelope>\u00e4\u4e2d</s:Envelope>".encode()


@pytest.fixture(autouse=True)
def _accounts(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "users"
    file.write_bytes(ntlm_user_file([ACCOUNT]))
    monkeypatch.setenv("NTLM_USER_FILE", str(file))


def request(body: bytes = b"", authorization: str | None = None, content_type: str = CONTENT_TYPE) -> HttpRequest:
    headers = {"content-type": content_type} | ({"authorization": authorization} if authorization else {})
    return HttpRequest("POST", "/wsman", headers, body, len(body))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Client:
    """One client of a connection: pyspnego's context, and pypsrp's form of a sealed message."""

    def __init__(self, security: Security, user: str = USER, password: str = PASSWORD, protocol: str = "ntlm", **options: t.Any) -> None:
        use = spnego.NegotiateOptions.use_ntlm if protocol == "ntlm" else spnego.NegotiateOptions.use_negotiate
        self.security = security
        self.context = spnego.client(user, password, hostname="pc01", service="http", protocol=protocol, options=use, **options)
        self.sealing = WinRMEncryption(self.context, SPNEGO_SEALED)

    def log_in(self, scheme: str = "Negotiate") -> Verdict:
        token = self.context.step()
        while True:
            verdict = self.security.check(request(authorization=f"{scheme} {base64.b64encode(token or b'').decode()}"))
            answer = dict(verdict.headers).get("WWW-Authenticate", "")
            if not answer.startswith(f"{scheme} "):
                return verdict
            if verdict.accepted:
                self.context.step(base64.b64decode(answer.partition(" ")[2]))
                return verdict
            token = self.context.step(base64.b64decode(answer.partition(" ")[2]))

    def seal(self, message: bytes) -> HttpRequest:
        content_type, body = self.sealing.wrap_message(message)
        return request(body, content_type=f'{content_type};protocol="{self.sealing.protocol}";boundary="Encrypted Boundary"')

    def open(self, sealed: tuple[bytes, str]) -> bytes:
        body, content_type = sealed
        assert content_type == f'multipart/encrypted;protocol="{self.sealing.protocol}";boundary="Encrypted Boundary"'
        return self.sealing.unwrap_message(body, "Encrypted Boundary")


def connect(policy: Policy = SEALED_ONLY, scheme: str = "http", logins: Logins | None = None, certificate: bytes | None = None) -> Security:
    return Security(ACCOUNT, policy, logins or Logins(), scheme, certificate)


# Who gets in


@pytest.mark.parametrize("user", ["labadmin", "LabAdmin", r"PC01\labadmin", r".\labadmin", r"CORP\labadmin", "labadmin@corp.example"])
def test_the_account_is_known_by_its_names_with_every_login(user: str) -> None:
    assert connect().check(request(authorization=basic(user, PASSWORD))).accepted
    assert Client(connect(), user).log_in() == Verdict(True, (), USER, "ntlm")


@pytest.mark.parametrize(
    ("user", "password"),
    [("labadmin", "wrong"), ("somebody", PASSWORD), (r"OTHER\labadmin", PASSWORD), ("labadmin@other.example", PASSWORD)],
)
def test_anybody_else_is_refused_with_the_challenge_and_counted(user: str, password: str) -> None:
    logins = Logins()
    challenge = (("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", 'Basic realm="WSMAN"'))
    assert connect(logins=logins).check(request(authorization=basic(user, password))) == Verdict(False, challenge, method="basic")
    assert logins.refused == 1
    refused = Client(connect(logins=logins), user, password).log_in()
    assert (refused.accepted, refused.headers, refused.method) == (False, challenge, "ntlm")
    assert logins.refused == 2


def test_a_request_without_credentials_and_the_steps_of_a_login_are_no_refused_logins() -> None:
    logins = Logins()
    security = connect(logins=logins)
    assert not security.check(request()).accepted
    assert not security.check(request(authorization="Negotiate")).accepted
    assert Client(security).log_in().accepted
    assert logins.refused == 0


@pytest.mark.parametrize(("token", "refused"), [(b"\0\0\0", 1), (b"NTLMSSP\0\x03\0\0\0", 1), (b"\x60\x01", 1), (None, 0)])
def test_a_token_that_is_none_lets_nobody_in(token: bytes | None, refused: int) -> None:
    logins = Logins()
    text = "not base64" if token is None else base64.b64encode(token).decode()
    verdict = connect(logins=logins).check(request(authorization=f"Negotiate {text}"))
    assert (verdict.accepted, verdict.headers, logins.refused) == (False, SEALED_ONLY.challenges(), refused)


@pytest.mark.parametrize(
    ("methods", "schemes"),
    [
        (("basic",), ['Basic realm="WSMAN"']),
        (("ntlm",), ["Negotiate"]),
        (("kerberos",), ["Negotiate", "Kerberos"]),
        (METHODS, ["Negotiate", "Kerberos", 'Basic realm="WSMAN"']),
    ],
)
def test_only_what_is_switched_on_is_offered(methods: tuple[str, ...], schemes: list[str]) -> None:
    assert [value for _name, value in connect(Policy(methods)).check(request()).headers] == schemes


@pytest.mark.parametrize(
    ("methods", "authorization"), [(("ntlm",), basic(USER, PASSWORD)), (("basic",), None), (("kerberos",), None), (METHODS, "Digest x")]
)
def test_what_is_not_switched_on_does_not_let_in(methods: tuple[str, ...], authorization: str | None) -> None:
    logins = Logins()
    security = connect(Policy(methods), logins=logins)
    verdict = security.check(request(authorization=authorization)) if authorization else Client(security).log_in()
    assert (verdict.accepted, logins.refused) == (False, 0)


def test_ntlm_inside_spnego_is_taken_as_well() -> None:
    client = Client(connect(), protocol="negotiate")
    verdict = client.log_in()
    assert (verdict.accepted, verdict.method) == (True, "ntlm")
    assert client.security.open(client.seal(MESSAGE)) == MESSAGE
    assert client.open(client.security.seal(MESSAGE)) == MESSAGE


def test_the_connection_stays_logged_in_until_it_is_forgotten() -> None:
    client = Client(connect())
    assert not client.security.check(request(authorization="Negotiate")).accepted
    client.log_in()
    assert client.security.check(request()) == Verdict(True, user=USER)
    assert client.security.forget() == SEALED_ONLY.challenges()
    assert not client.security.check(request()).accepted


@pytest.mark.parametrize(("sent", "accepted"), [(b"certificate", True), (b"another one", False), (None, False)])
def test_a_login_that_is_tied_to_another_tls_connection_is_refused(sent: bytes | None, accepted: bool) -> None:
    bindings = None if sent is None else channel_bindings(sent)
    client = Client(connect(scheme="https", certificate=b"certificate"), channel_bindings=bindings)
    assert client.log_in().accepted is accepted


# What can be read


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4))
def test_messages_go_round_sealed_in_both_directions(messages: list[bytes]) -> None:
    client = Client(connect())
    client.log_in()
    for message in messages:
        sealed = client.seal(message)
        assert len(message) < 8 or message not in sealed.body
        assert client.security.open(sealed) == message
        answer = client.security.seal(message)
        assert len(message) < 8 or message not in answer[0]
        assert client.open(answer) == message


def test_the_answer_is_sealed_as_the_message_was() -> None:
    client = Client(connect(Policy(("ntlm",))))
    client.log_in()
    for protocol in (SPNEGO_SEALED, KERBEROS_SEALED):
        client.sealing = WinRMEncryption(client.context, protocol)
        client.security.open(client.seal(MESSAGE))
        assert client.security.sealed
        assert client.open(client.security.seal(MESSAGE)) == MESSAGE
    assert client.security.open(request(MESSAGE)) == MESSAGE
    assert not client.security.sealed
    assert client.security.seal(MESSAGE) == (MESSAGE, CONTENT_TYPE)


def _tampered(good: HttpRequest, place: int) -> HttpRequest:
    changed = bytearray(good.body)
    changed[place] ^= 1
    return request(bytes(changed), content_type=good.headers["content-type"])


@pytest.mark.parametrize("place", [-30, -60])
def test_a_message_that_was_changed_is_400(place: int) -> None:
    client = Client(connect())
    client.log_in()
    with pytest.raises(RefusedMessageError, match="cannot be opened: BadMICError") as refused:
        client.security.open(_tampered(client.seal(MESSAGE), place))
    assert refused.value.status == 400


def test_messages_out_of_their_order_are_400() -> None:
    client = Client(connect())
    client.log_in()
    _first, second = client.seal(MESSAGE), client.seal(MESSAGE)
    with pytest.raises(RefusedMessageError, match="cannot be opened: BadMICError"):
        client.security.open(second)


def test_a_message_that_was_opened_is_not_opened_again() -> None:
    client = Client(connect())
    client.log_in()
    sealed = client.seal(MESSAGE)
    client.security.open(sealed)
    with pytest.raises(RefusedMessageError):
        client.security.open(sealed)


def test_a_message_for_another_connection_is_400_and_a_new_login_opens_the_next_one() -> None:
    before = Client(connect())
    before.log_in()
    stale = before.seal(MESSAGE)
    now = Client(connect())
    for _ in range(2):  # before the login and after it
        with pytest.raises(RefusedMessageError):
            now.security.open(stale)
        now = Client(now.security)
        now.log_in()
    assert now.security.open(now.seal(MESSAGE)) == MESSAGE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Length=", b"Length=1"),
        (b"--Encrypted Boundary--", b""),
        (b"application/octet-stream", b"text/plain"),
        (SPNEGO_SEALED.encode(), b"application/HTTP-CredSSP-session-encrypted"),
        (b"octet-stream\r\n\x10", b"octet-stream\r\n\xff"),
    ],
)
def test_a_message_in_another_form_is_400(old: bytes, new: bytes) -> None:
    client = Client(connect())
    client.log_in()
    sealed = client.seal(MESSAGE)
    assert old in sealed.body
    with pytest.raises(RefusedMessageError) as refused:
        client.security.open(request(sealed.body.replace(old, new), content_type=sealed.headers["content-type"]))
    assert refused.value.status == 400


def test_a_message_that_anybody_can_read_is_500_over_http_alone() -> None:
    with pytest.raises(RefusedMessageError) as refused:
        connect(SEALED_ONLY).open(request(MESSAGE))
    assert refused.value.status == 500
    assert connect(SEALED_ONLY, scheme="https").open(request(MESSAGE)) == MESSAGE
    assert connect(Policy(("basic",), allow_unencrypted=True)).open(request(MESSAGE)) == MESSAGE


@pytest.mark.parametrize("account", [Account("labadmin", "pass:word"), Account("lab:admin", "x"), Account("labadmin", "pass\nword")])
def test_what_the_account_file_cannot_hold_is_refused(account: Account) -> None:
    with pytest.raises(ValueError, match="colon"):
        ntlm_user_file([account])
