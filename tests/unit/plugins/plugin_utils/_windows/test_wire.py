# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real winrm connection plugin and the real pywinrm against a real HTTP server on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
import traceback
import types

import pytest
import trustme
import winrm.transport
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.activation.kms.plugins.plugin_utils._windows import choose, errors, wsman
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import Invoke, Query
from ansible_collections.activation.kms.plugins.plugin_utils._windows.wire import Wire

from tests.unit.plugins.plugin_utils._windows import messages as m
from tests.unit.plugins.plugin_utils._windows import winrm_stub as ws

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
SERVICES = Query("Win32_Service", ("Name",))
ROWS = m.items(m.fragment(Name="sppsvc"))
INSTALL = Invoke("SoftwareLicensingService", "InstallProductKey", {"Version": "1"}, {"ProductKey": KEY})
INSTALLED = m.output("InstallProductKey", "SoftwareLicensingService", ReturnValue=0)


@pytest.fixture(autouse=True)
def no_proxy_of_the_developer(monkeypatch):
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stub():
    with ws.serving(ws.Stub()) as found:
        yield found


def connection_to(port, host="127.0.0.1", scheme="http", password=ws.PASSWORD, **extras):
    connection = connection_loader.get("winrm", PlayContext(), None)
    connection.set_options(
        var_options={
            "ansible_host": host,
            "ansible_port": port,
            "ansible_user": ws.USERNAME,
            "ansible_password": password,
            "ansible_winrm_scheme": scheme,
            "ansible_winrm_transport": ["basic"],
            "_extras": extras,
        }
    )
    return connection


def never(seconds):
    raise AssertionError(f"a pause of {seconds} s was made")


def no_module(name, arguments):
    raise AssertionError(f"the module {name} was run")


def machine(stub, **options):
    return choose.open_windows(connection_to(stub.port, **options), no_module, backend="wsman", sleep=never)


def send(wire, xml=b"<x/>", **options):
    return wire.send(xml, **{"doing": "testing", "write": False, "timeout_seconds": 10, **options})


def raised(error_type, call, *args, **kwargs):
    """Return the error, after a look for anything that could carry the key along."""
    with pytest.raises(error_type) as caught:
        call(*args, **kwargs)
    error = caught.value
    assert type(error) is error_type
    chain, seen = [error], []
    while chain:
        one = chain.pop()
        seen += [repr(one), str(one)]
        chain += [e for e in (one.__cause__, one.__context__) if e is not None]
    text = "".join(seen) + "".join(traceback.format_exception(error))
    assert KEY[:23] not in text
    return error


def test_rows_are_read_over_the_plugins_own_session(stub):
    stub.will(ws.reply(ROWS))
    windows = machine(stub)
    assert windows.backend == "wsman"
    assert windows.read([SERVICES])[0].get() == [{"Name": "sppsvc"}]


def test_nothing_is_connected_before_the_first_operation():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        choose.open_windows(connection_to(listener.getsockname()[1]), no_module, backend="wsman", sleep=never)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_method_reaches_the_machine_once(stub):
    stub.will(ws.reply(INSTALLED))
    assert machine(stub).invoke(INSTALL) == {}
    assert len(stub.received) == 1
    assert KEY.encode() in stub.received[0]


def test_a_fault_comes_back_with_its_status_and_whole_text(stub):
    stub.will(ws.reply(m.fault(m.wsman_fault(2150858755, "HRESULT 0xc004f050"))))
    error = raised(errors.MethodFailedError, machine(stub).invoke, INSTALL)
    assert error.code == 0xC004F050


def test_the_plugins_time_limit_is_put_back_after_each_message(stub):
    stub.will(ws.answer(200, b"<x/>"), ws.reset, ws.reset)
    connection = connection_to(stub.port)
    wire = Wire(connection)
    send(wire)
    before = connection.protocol.transport.read_timeout_sec
    raised(errors.UnreachableError, send, wire)
    assert connection.protocol.transport.read_timeout_sec == before


@pytest.mark.parametrize("drop", [ws.reset, ws.hang_up, ws.truncated(ROWS), ws.answer(400)])
def test_a_read_whose_connection_is_lost_is_sent_again_on_a_new_one(stub, drop):
    stub.will(drop, ws.reply(ROWS))
    assert machine(stub).read([SERVICES])[0].get() == [{"Name": "sppsvc"}]
    assert len(stub.received) == 2


@pytest.mark.parametrize("drop", [ws.reset, ws.hang_up, ws.truncated(ROWS), ws.answer(400)])
def test_a_read_that_is_lost_twice_is_unreachable(stub, drop):
    stub.will(drop, drop)
    error = raised(errors.UnreachableError, machine(stub).read, [SERVICES])
    assert "reading Win32_Service" in error.line()
    assert error.next_step


@pytest.mark.parametrize("drop", [ws.reset, ws.hang_up, ws.truncated(INSTALLED), ws.answer(400)])
def test_a_method_whose_answer_is_lost_has_an_unknown_outcome_and_is_sent_once(stub, drop):
    stub.will(drop)
    error = raised(errors.OutcomeUnknownError, machine(stub).invoke, INSTALL)
    assert len(stub.received) == 1
    assert "read the state" in error.next_step


def test_a_socket_dropped_between_two_messages_is_recovered_from(stub):
    stub.will(ws.then_hang_up(ws.reply(ROWS)), ws.reply(ROWS))
    windows = machine(stub)
    for _again in range(2):
        assert windows.read([SERVICES])[0].get() == [{"Name": "sppsvc"}]


def test_a_lost_pull_is_not_repeated_but_read_again_from_the_start(stub):
    first = m.items(m.fragment(Name="a"), context="uuid:1")
    stub.will(ws.reply(first), ws.reset, ws.reply(first), ws.reply(m.items(m.fragment(Name="b"), pull=True)))
    assert [row["Name"] for row in machine(stub).read([SERVICES])[0].get()] == ["a", "b"]
    kinds = [b"<n:Pull>" in body for body in stub.received]
    assert kinds == [False, True, False, True]


@pytest.mark.parametrize(("write", "expected"), [(False, errors.UnreachableError), (True, errors.OutcomeUnknownError)])
def test_an_answer_that_does_not_come_in_time_is_never_waited_for_twice(stub, write, expected):
    done = threading.Event()
    stub.will(ws.silent_until(done))
    error = raised(expected, send, Wire(connection_to(stub.port)), write=write, timeout_seconds=0.3)
    done.set()
    assert "no answer came in time" in error.detail
    assert len(stub.received) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("operation", ["read", "invoke"])
def test_no_redirect_is_followed_and_the_error_names_the_host_only(stub, status, operation):
    with ws.serving(ws.Stub()) as elsewhere:
        location = f"http://someone:secret@127.0.0.1:{elsewhere.port}/wsman?token=abc"
        stub.will(ws.answer(status, b"<html>moved</html>", Location=location))
        windows = machine(stub)
        call = {"read": lambda: windows.read([SERVICES]), "invoke": lambda: windows.invoke(INSTALL)}[operation]
        error = raised(errors.RedirectedError, call)
        assert elsewhere.received == []
        assert elsewhere.refused == 0
    assert "redirect to 127.0.0.1;" in error.detail
    assert "secret" not in error.line()
    assert "token" not in error.line()


def test_no_redirect_is_followed_on_the_session_that_replaces_a_lost_one(stub):
    with ws.serving(ws.Stub()) as elsewhere:
        stub.will(ws.reset, ws.answer(307, Location=f"http://127.0.0.1:{elsewhere.port}/wsman"))
        raised(errors.RedirectedError, machine(stub).read, [SERVICES])
        assert elsewhere.received == []


def test_a_redirect_without_a_host_is_named_so(stub):
    stub.will(ws.answer(307, Location="/other"))
    assert "another path of the same host" in raised(errors.RedirectedError, machine(stub).read, [SERVICES]).detail


def encrypting(stub):
    """Return a connection whose next message starts a session with encryption, which begins with an empty message.

    The plugin logs in before we get its transport; what is tried here is the session after that, so the login is left out.
    """
    stub.login_required = False
    transport = winrm.transport.Transport(
        f"http://127.0.0.1:{stub.port}/wsman", username="u", password="p", auth_method="ntlm", read_timeout_sec=10
    )
    return types.SimpleNamespace(_connect=lambda: None, protocol=types.SimpleNamespace(transport=transport))


def test_the_empty_message_that_starts_encryption_follows_no_redirect_either(stub):
    with ws.serving(ws.Stub()) as elsewhere:
        stub.will(ws.answer(307, Location=f"http://127.0.0.1:{elsewhere.port}/wsman"))
        raised(errors.RedirectedError, send, Wire(encrypting(stub)), b"<key/>", write=True)
        assert stub.received == [b""]
        assert elsewhere.received == []
        assert elsewhere.refused == 0


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (ws.reset, errors.UnreachableError),
        (ws.answer(400), errors.UnreachableError),
        (ws.answer(500, b"<html/>"), errors.UnreachableError),
        (ws.answer(401), errors.LoginRefusedError),
    ],
)
def test_a_method_was_not_sent_when_already_the_start_of_encryption_failed(stub, behaviour, expected):
    stub.will(behaviour)
    raised(expected, send, Wire(encrypting(stub)), b"<key/>", write=True)
    assert stub.received == [b""]


def test_the_guard_is_put_up_once_however_many_tasks_share_a_connection(stub):
    connection = encrypting(stub)
    stub.will(ws.answer(401), ws.answer(401))
    guards = set()
    for _task in range(2):
        raised(errors.LoginRefusedError, send, Wire(connection))
        guards.add(connection.protocol.transport.setup_encryption)
    assert len(guards) == 1


def test_a_login_refused_in_mid_task_is_not_tried_again(stub):
    for operation in (lambda w: w.read([SERVICES]), lambda w: w.invoke(INSTALL)):
        stub.will(ws.answer(401))
        error = raised(errors.LoginRefusedError, operation, machine(stub))
        assert "401" in error.detail
    assert len(stub.received) == 2


def test_after_a_refused_login_nothing_is_sent_any_more(stub):
    windows = machine(stub)
    stub.will(ws.answer(401))
    for operation in (lambda: windows.read([SERVICES]), lambda: windows.read([SERVICES]), lambda: windows.invoke(INSTALL)):
        raised(errors.LoginRefusedError, operation)
    assert len(stub.received) == 1


def test_after_a_refused_login_the_plugin_does_not_log_in_again_to_close_its_shell(stub):
    connection = connection_to(stub.port)
    connection._connect()
    assert connection.shell_id
    stub.will(ws.answer(401))
    raised(errors.LoginRefusedError, send, Wire(connection))
    assert connection.shell_id is None


def test_a_login_refused_at_the_start_is_refused_once(stub):
    error = raised(errors.LoginRefusedError, machine(stub, password="wrong").read, [SERVICES])
    assert stub.refused == 1
    assert stub.received == []
    assert "ansible_password" in error.next_step


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (ws.answer(200, b"<html><body>Sign in</body></html>", "text/html"), "web page"),
        (ws.answer(503, b"<html>busy</html>", "text/html"), "HTTP 503"),
        (ws.answer(503, "<html>gestört</html>".encode("latin-1"), "text/html"), "503|UTF-8"),
        (ws.answer(404), "HTTP 404"),
        (ws.answer(500), "HTTP 500"),
        (ws.answer(200), "empty"),
        (ws.answer(200, b"<s:Envelope"), "well-formed"),
        (ws.answer(200, b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"), "document type"),
        (ws.answer(200, b"<x>" + b"y" * 4194304 + b"</x>"), "bytes"),
    ],
)
def test_what_is_no_answer_is_a_bad_reply_to_a_read_and_an_unknown_outcome_of_a_method(stub, behaviour, words):
    stub.will(behaviour, behaviour)
    windows = machine(stub)
    (reading,) = windows.read([SERVICES])
    with pytest.raises(errors.BadReplyError, match=words):
        reading.get()
    raised(errors.OutcomeUnknownError, windows.invoke, INSTALL)
    assert len(stub.received) == 2


# Connecting


def test_a_port_where_nothing_listens_is_said_to_be_so():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    windows = choose.open_windows(connection_to(port), no_module, backend="wsman", sleep=never)
    error = raised(errors.UnreachableError, windows.read, [SERVICES])
    assert "nothing listens" in error.detail
    # Nothing was sent, so that the outcome of a method is not in doubt.
    assert "nothing listens" in raised(errors.UnreachableError, windows.invoke, INSTALL).detail


def test_a_machine_that_is_gone_after_the_login_leaves_no_doubt_about_a_method_that_was_never_sent():
    with ws.serving(ws.Stub()) as stub:
        stub.will(ws.then_hang_up(ws.reply(ROWS)))
        connection = connection_to(stub.port)
        windows = choose.open_windows(connection, no_module, backend="wsman", sleep=never)
        windows.read([SERVICES])
    connection.protocol.transport.close_session()
    raised(errors.UnreachableError, windows.invoke, INSTALL)


def test_a_name_that_does_not_resolve_is_said_to_be_so():
    windows = choose.open_windows(connection_to(5985, host="no-such-host.invalid"), no_module, backend="wsman", sleep=never)
    error = raised(errors.UnreachableError, windows.read, [SERVICES])
    assert "does not resolve" in error.detail
    assert "ansible_host" in error.next_step


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def tls_stub(authority):
    def start(name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        return ws.serving(ws.Stub(context))

    return start


def test_a_certificate_that_fits_is_accepted(authority, tls_stub, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with tls_stub("127.0.0.1") as stub:
        stub.will(ws.reply(ROWS))
        windows = machine(stub, scheme="https", ansible_winrm_ca_trust_path=str(tmp_path / "ca.pem"))
        assert windows.read([SERVICES])[0].get()


def test_a_certificate_for_another_name_is_said_to_be_so(authority, tls_stub, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with tls_stub("other.example") as stub:
        windows = machine(stub, scheme="https", ansible_winrm_ca_trust_path=str(tmp_path / "ca.pem"))
        error = raised(errors.UnreachableError, windows.read, [SERVICES])
    assert "for another name" in error.detail


def test_a_certificate_of_an_unknown_authority_is_said_to_be_so(tls_stub):
    with tls_stub("127.0.0.1") as stub:
        error = raised(errors.UnreachableError, machine(stub, scheme="https").read, [SERVICES])
    assert "does not trust" in error.detail
    assert "ansible_winrm_ca_trust_path" in error.next_step


def test_tls_spoken_to_a_plain_port_is_said_to_be_so(stub):
    error = raised(errors.UnreachableError, machine(stub, scheme="https").read, [SERVICES])
    assert "no TLS connection" in error.detail


def test_a_machine_without_shells_left_says_what_its_fault_said(stub):
    stub.on_shell = ws.reply(m.fault(m.wsman_fault(2150859173, "too many shells"), reason="too many shells"))
    error = raised(errors.UnreachableError, machine(stub).read, [SERVICES])
    assert "too many shells" in error.detail


def test_a_plugin_whose_transport_lacks_what_is_needed_is_refused():
    connected = types.SimpleNamespace(_connect=lambda: None, protocol=types.SimpleNamespace(transport=object()))
    error = raised(errors.NoBackendError, send, Wire(connected))
    assert "send_message" in error.detail


def test_the_time_allowed_for_an_answer_is_longer_than_windows_takes_to_give_up():
    assert wsman.HTTP_TIMEOUT_SECONDS > 60
