# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose how to reach the machine of a task, and tell whether a secret would cross the network in clear.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import ipaddress
import typing as t
import urllib.parse

from .errors import NoBackendError
from .interface import Windows
from .wire import Wire
from .wsman import WsmanWindows

WINRM = "ansible.builtin.winrm"
"""What the plugin calls itself whether the task says winrm, the full name or the legacy one; other names of it differ."""

_CHOOSING = "choosing a way to reach the machine"
# Login methods that can encrypt messages over plain HTTP (pywinrm, Transport.build_session).
_SEALING = frozenset({"ntlm", "kerberos", "credssp"})


def open_windows(connection: t.Any, *, sleep: t.Callable[[float], None], progress: t.Callable[[str], None] = lambda text: None) -> Windows:
    """Return the machine behind an action plugin's connection. It is connected with the first operation, not here.

    sleep: waits for a number of seconds. progress: is told why a pause is made.

    Raises NoBackendError over any other connection than winrm, and with become.
    """
    _require_winrm(connection)
    return WsmanWindows(Wire(connection).send, sleep, progress=progress)


def cleartext_reason(connection: t.Any) -> str | None:
    """Return why messages over this connection can be read on the way, or None when they can't. Nothing is sent.

    They can't under TLS, with message encryption (which every login method listed for the connection must offer), and to a loopback
    address that no proxy stands in front of.

    Raises NoBackendError over any other connection than winrm, and with become.
    """
    _require_winrm(connection)
    extras: t.Mapping[str, t.Any] = connection.get_option("_extras") or {}
    host = str(connection.get_option("remote_addr") or "")
    port = connection.get_option("port")
    # The plugin's own defaults (ansible-core: connection/winrm.py, _build_winrm_kwargs).
    scheme = connection.get_option("scheme") or ("http" if str(port) == "5985" else "https")
    if scheme == "https":
        return None
    where = host
    if _is_loopback(host):
        if not _has_proxy(scheme, host, port, extras):
            return None
        where = f"{host}, by way of a proxy,"
    transports = [name for name in connection.get_option("transport") or [] if name]
    if not transports:
        transports = ["kerberos"] if "@" in str(connection.get_option("remote_user") or "") else ["plaintext"]
    if str(extras.get("ansible_winrm_message_encryption", "auto")) == "never":
        return f"the connection to {where} is plain HTTP and ansible_winrm_message_encryption is never"
    open_ones = [name for name in transports if name not in _SEALING]
    if open_ones:
        return f"the connection to {where} is plain HTTP and the login method {', '.join(open_ones)} encrypts no messages"
    return None


def _require_winrm(connection: t.Any) -> None:
    name = getattr(connection, "ansible_name", None) or getattr(connection, "transport", None) or type(connection).__name__
    if name != WINRM:
        raise NoBackendError(
            _CHOOSING,
            f"the connection of this task is {name}, and this collection speaks to Windows over {WINRM} only",
            next_step="set ansible_connection to winrm for this host (and connection: is not set to something else on the play or the task)",
        )
    if connection.become is not None:
        raise NoBackendError(
            _CHOOSING,
            "become is on, and it has no effect on CIM messages: they would run as the login user",
            next_step="set become to false for this task and log in with an account of the machine's Administrators group",
        )


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _has_proxy(scheme: str, host: str, port: t.Any, extras: t.Mapping[str, t.Any]) -> bool:
    import requests.utils

    configured = extras.get("ansible_winrm_proxy", "legacy_requests")
    if configured != "legacy_requests":
        return bool(configured)
    netloc = f"[{host}]" if ":" in host and not host.startswith("[") else host
    url = urllib.parse.urlunsplit((scheme, f"{netloc}:{port}", "/wsman", "", ""))
    proxies = requests.utils.get_environ_proxies(url)
    return bool(requests.utils.select_proxy(url, proxies))
