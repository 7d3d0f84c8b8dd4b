# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send WS-Management messages through Ansible's winrm connection plugin, with whatever login and encryption it uses.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Messages go through pywinrm's Transport, which the plugin has set up: C(send_message) there keeps a fault's XML in every version of pywinrm,
while that of Protocol loses it. Requests follows redirects by default and would carry a message, with the key in it, to another host: that
is switched off before each message. No exception of a library is chained: its request would hold the message.
"""

from __future__ import annotations

import contextlib
import typing as t
import urllib.parse

import ansible.errors

from .._keys import mask_keys
from . import failures
from .errors import (
    BadReplyError,
    LoginRefusedError,
    NoBackendError,
    OutcomeUnknownError,
    RedirectedError,
    UnreachableError,
    WindowsError,
)
from .soap import Reply

_GUARD = "_activation_kms_no_redirects"


class Wire:
    """Sends messages over one connection plugin instance; one at a time, as the plugin's session allows no more."""

    def __init__(self, connection: t.Any) -> None:
        """Take a winrm connection plugin. Nothing is sent and nothing is connected before the first message."""
        self._connection = connection
        self._transport: t.Any = None
        self._refused = False

    def send(self, xml: bytes, *, doing: str, write: bool, timeout_seconds: float, once: bool = False, fresh: bool = False) -> Reply:
        """Send one message and return the answer, a SOAP fault included. A lost read is sent once more on a new connection.

        doing: what the message is for, for errors. write: it may change the machine and is never sent twice. once: a read that is
        never sent twice either. timeout_seconds: how long to wait for the connection and then for the answer. fresh: begin with a new connection.

        Raises LoginRefusedError, RedirectedError or UnreachableError when no answer of the machine came back; OutcomeUnknownError instead
        when write is true and the message may have arrived; BadReplyError when the answer of a read can't be decoded.
        """
        if self._refused:
            raise failures.login_refused(doing)
        transport = self._connected(doing)
        if fresh:
            transport.close_session()
        attempts = 1 if write or once else 2
        error: WindowsError | None = None
        for attempt in range(attempts):
            reply, error, may_repeat = _attempt(transport, xml, doing, write, timeout_seconds)
            if reply is not None:
                return reply
            # After anything that is no HTTP answer the security context no longer fits: every later message would be refused.
            transport.close_session()
            if isinstance(error, LoginRefusedError):
                self._refused = True
                # The plugin would log in once more to close its shell, and too many refused tries lock the account. Windows ends idle shells itself.
                self._connection.shell_id = None
            if not may_repeat or attempt + 1 == attempts:
                break
        raise t.cast(WindowsError, error)

    def _connected(self, doing: str) -> t.Any:
        if self._transport is None:
            error: WindowsError | None = None
            try:
                self._connection._connect()
            except ansible.errors.AnsibleError as failure:
                error = failures.connection_error(str(failure), doing)
            except Exception as failure:
                error = failures.connection_error(f"{type(failure).__name__}: {failure}", doing)
            if error is not None:
                self._refused = isinstance(error, LoginRefusedError)
                raise error
            transport = getattr(getattr(self._connection, "protocol", None), "transport", None)
            missing = [name for name in ("build_session", "send_message", "close_session") if not callable(getattr(transport, name, None))]
            if missing:
                raise NoBackendError(
                    failures.CONNECTING,
                    f"the transport of this winrm connection has no {', '.join(missing)}",
                    next_step="install pywinrm 0.4.3 or later beside ansible-core",
                )
            _guard_redirects(transport)
            self._transport = transport
        return self._transport


def _guard_redirects(transport: t.Any) -> None:
    """Forbid redirects for the empty message, too, that pywinrm sends while it builds a session with encryption.

    It carries no key, but a login would go where the redirect points. The session exists by then and is reached only from inside.
    """
    inner = getattr(transport, "setup_encryption", None)
    if not callable(inner) or getattr(inner, _GUARD, False):
        return

    def setup_encryption(*args: t.Any, **kwargs: t.Any) -> t.Any:
        transport.session.max_redirects = 0
        return inner(*args, **kwargs)

    setattr(setup_encryption, _GUARD, True)
    transport.setup_encryption = setup_encryption


def _attempt(
    transport: t.Any, xml: bytes, doing: str, write: bool, timeout_seconds: float
) -> tuple[Reply | None, WindowsError | None, bool]:
    """Send once. Return the reply, or the error and whether sending again on a new connection may help."""
    # Imported here: a controller that uses other connections has neither.
    import requests.exceptions
    import winrm.exceptions

    before = transport.read_timeout_sec
    sending = False
    status: int | None = None
    body: bytes | str = b""
    redirect: str | None = None
    cause = ""
    try:
        transport.read_timeout_sec = timeout_seconds
        if transport.session is None:
            transport.build_session()
        transport.session.max_redirects = 0
        sending = True
        body = transport.send_message(xml)
        status = 200
    except winrm.exceptions.InvalidCredentialsError:
        return None, failures.login_refused(doing), False
    except winrm.exceptions.WinRMTransportError as error:
        status, body = error.code, error.response_text
    except requests.exceptions.TooManyRedirects as error:
        redirect = _redirect_target(error.response)
    except UnicodeDecodeError:
        cause = "the answer is no UTF-8 text"
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
    finally:
        transport.read_timeout_sec = before

    if redirect is not None:
        return None, _redirected(doing, redirect), False
    if status is not None:
        if not isinstance(body, bytes):
            body = body.encode("utf-8", "replace")
        # An encrypted message on a socket that does not know it ends as a 400 without a body; any other status says something by itself.
        if sending and (status != 400 or body):
            return Reply(status, body), None, False
        cause = f"Connection aborted: HTTP {status} without a usable answer" + ("" if sending else ", to the login")
    elif cause == "the answer is no UTF-8 text" and not write:
        return (
            None,
            BadReplyError(doing, cause, next_step="check that the address leads to the WinRM service, and that no proxy answers for it"),
            False,
        )
    failure = failures.classify(cause)
    detail = failures.describe(failure, cause)
    next_step = failure.next_step if failure else failures.LOST.next_step
    may_repeat = failure is None or failure is failures.LOST or failure.kind == "refused"
    if write and sending and not failures.never_sent(cause):
        return None, OutcomeUnknownError(doing, f"{detail}; the call was sent and may have been carried out"), False
    return None, UnreachableError(doing, detail, next_step=next_step), may_repeat


def _redirect_target(response: t.Any) -> str:
    """Return the host that a redirect points to, without anything else of its address."""
    location = "" if response is None else response.headers.get("Location", "")
    host = None
    with contextlib.suppress(ValueError):
        host = urllib.parse.urlsplit(location).hostname
    return mask_keys(host)[:255] if host else "another path of the same host"


def _redirected(doing: str, target: str) -> RedirectedError:
    return RedirectedError(
        doing,
        f"the answer was a redirect to {target}; it was not followed, because it would carry the message there",
        next_step="set ansible_host, ansible_port, ansible_winrm_scheme and ansible_winrm_path to the real address of the WinRM service",
    )
