# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small WinRM endpoint on loopback that misbehaves on demand. It keeps what it was sent."""

from __future__ import annotations

import base64
import contextlib
import http.server
import queue
import socket
import ssl
import struct
import threading
import typing as t

from tests.unit.plugins.plugin_utils._windows import messages as m

USERNAME, PASSWORD = "labadmin", "stub-password"
SHELL = (
    '<x:ResourceCreated xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer"><a:Address>http://x/wsman</a:Address>'
    '<a:ReferenceParameters><w:SelectorSet><w:Selector Name="ShellId">S-1</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>'
)

Behaviour = t.Callable[["Handler", bytes], None]


class Handler(http.server.BaseHTTPRequestHandler):
    """Carries out the next behaviour of the script for each message that is no shell housekeeping."""

    protocol_version = "HTTP/1.1"
    server: Stub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        expected = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        shell = b"/transfer/Create" in body or b"/transfer/Delete" in body
        if self.server.login_required and self.headers.get("Authorization") != expected:
            self.server.refused += 1
            answer(401)(self, body)
        elif shell and self.server.on_shell is not None:
            self.server.on_shell(self, body)
        elif shell:
            reply(SHELL if b"/transfer/Create" in body else "")(self, body)
        else:
            self.server.received.append(body)
            try:
                behaviour = self.server.script.get_nowait()
            except queue.Empty:
                self.server.unexpected.append(body)
                behaviour = answer(418, b"nothing was written down for this message")
            behaviour(self, body)

    def reset(self) -> None:
        """Drop the connection with a reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: t.Any) -> None:
        """Say nothing: the tests look at what was received."""


class Stub(http.server.ThreadingHTTPServer):
    """The endpoint. C(script) holds a behaviour for each message to come."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.script: queue.Queue[Behaviour] = queue.Queue()
        self.on_shell: Behaviour | None = None
        self.received: list[bytes] = []
        self.unexpected: list[bytes] = []
        self.refused = 0
        self.login_required = True
        super().__init__(("127.0.0.1", 0), Handler)
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def will(self, *behaviours: Behaviour) -> Stub:
        for behaviour in behaviours:
            self.script.put(behaviour)
        return self

    def handle_error(self, request: t.Any, client_address: t.Any) -> None:
        """Clients hang up on purpose here."""


@contextlib.contextmanager
def serving(stub: Stub) -> t.Iterator[Stub]:
    """Run an endpoint for the length of a with block."""
    thread = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.shutdown()
        stub.server_close()
        thread.join()
    assert not stub.unexpected, stub.unexpected
    assert stub.script.empty(), "a behaviour was never used"


def answer(status: int, body: bytes = b"", content_type: str = "application/soap+xml;charset=UTF-8", **headers: str) -> Behaviour:
    """Answer with a status and a body."""

    def behave(handler: Handler, _body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        if status == 401:
            handler.send_header("WWW-Authenticate", 'Basic realm="WSMAN"')
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def reply(xml: str) -> Behaviour:
    """Answer with the content of a SOAP body, as the message's answer."""

    def behave(handler: Handler, body: bytes) -> None:
        answer(500 if "<s:Fault>" in xml else 200, m.envelope(xml, m.message_id_of(body)))(handler, body)

    return behave


def reset(handler: Handler, _body: bytes) -> None:
    """Drop the connection instead of answering."""
    handler.reset()


def hang_up(handler: Handler, _body: bytes) -> None:
    """Close the connection in good order instead of answering."""
    handler.close_connection = True


def truncated(xml: str) -> Behaviour:
    """Send half of an answer, then hang up."""

    def behave(handler: Handler, body: bytes) -> None:
        whole = m.envelope(xml, m.message_id_of(body))
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(whole)))
        handler.end_headers()
        handler.wfile.write(whole[: len(whole) // 2])
        handler.close_connection = True

    return behave


def then_hang_up(behaviour: Behaviour) -> Behaviour:
    """Answer, and close the connection afterwards without announcing it."""

    def behave(handler: Handler, body: bytes) -> None:
        behaviour(handler, body)
        handler.close_connection = True

    return behave


def silent_until(event: threading.Event) -> Behaviour:
    """Answer nothing until an event is set, then hang up."""

    def behave(handler: Handler, _body: bytes) -> None:
        event.wait(30)
        handler.close_connection = True

    return behave
