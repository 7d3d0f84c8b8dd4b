# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell whether a secret would cross the network in clear, before anything is sent.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import ipaddress
import typing as t
import urllib.parse

# Login methods that can encrypt messages over plain HTTP (pywinrm: Transport.build_session; pypsrp: WSMan, SUPPORTED_AUTHS of its encryption).
_SEALING = frozenset({"ntlm", "kerberos", "credssp", "negotiate"})


def cleartext_reason(connection: t.Any) -> str | None:
    """Return why what this connection carries can be read on the way, or None when it can't. Nothing is sent.

    It can't under TLS or SSH, with message encryption (which every login method listed for the connection must offer), on the controller
    itself, and to a loopback address that no proxy stands in front of. Of a connection plugin that is not known here it is taken that it can.
    """
    name = connection_name(connection)
    known = _KNOWN.get(name)
    if known is None:
        return f"nothing is known of how the connection {name} carries it"
    return known(connection)


def connection_name(connection: t.Any) -> str:
    """Return what a connection plugin calls itself, the same whether the task says winrm, the full name or the legacy one."""
    return str(getattr(connection, "ansible_name", None) or getattr(connection, "transport", None) or type(connection).__name__)


def _winrm(connection: t.Any) -> str | None:
    extras: t.Mapping[str, t.Any] = connection.get_option("_extras") or {}
    port = connection.get_option("port")
    # The plugin's own defaults (ansible-core: connection/winrm.py, _build_winrm_kwargs).
    scheme = connection.get_option("scheme") or ("http" if str(port) == "5985" else "https")
    transports = [name for name in connection.get_option("transport") or [] if name]
    if not transports:
        transports = ["kerberos"] if "@" in str(connection.get_option("remote_user") or "") else ["plaintext"]
    return _http(
        scheme=scheme,
        host=str(connection.get_option("remote_addr") or ""),
        port=port,
        proxy=extras.get("ansible_winrm_proxy", "legacy_requests"),
        methods=transports,
        encryption_off="ansible_winrm_message_encryption is never"
        if str(extras.get("ansible_winrm_message_encryption", "auto")) == "never"
        else None,
    )


def _psrp(connection: t.Any) -> str | None:
    port = connection.get_option("port")
    # The plugin's own defaults (ansible-core: connection/psrp.py, _build_kwargs).
    protocol = connection.get_option("protocol") or ("http" if str(port) == "5985" else "https")
    ignore_proxy = str(connection.get_option("ignore_proxy")).lower() in ("true", "yes", "1", "y")
    return _http(
        scheme=protocol,
        host=str(connection.get_option("remote_addr") or ""),
        port=port or 5985,
        proxy=None if ignore_proxy else connection.get_option("proxy") or "legacy_requests",
        methods=[str(connection.get_option("auth"))],
        encryption_off="ansible_psrp_message_encryption is never" if str(connection.get_option("message_encryption")) == "never" else None,
    )


def _encrypted(_connection: t.Any) -> None:
    return None


_KNOWN: t.Mapping[str, t.Callable[[t.Any], str | None]] = {
    "ansible.builtin.winrm": _winrm,
    "ansible.builtin.psrp": _psrp,
    "ansible.builtin.ssh": _encrypted,
    "ansible.builtin.paramiko_ssh": _encrypted,
    # Nothing leaves the controller.
    "ansible.builtin.local": _encrypted,
}


def _http(*, scheme: str, host: str, port: t.Any, proxy: t.Any, methods: list[str], encryption_off: str | None) -> str | None:
    if scheme == "https":
        return None
    where = host
    if _is_loopback(host):
        if not _has_proxy(scheme, host, port, proxy):
            return None
        where = f"{host}, by way of a proxy,"
    if encryption_off:
        return f"the connection to {where} is plain HTTP and {encryption_off}"
    open_ones = [name for name in methods if name not in _SEALING]
    if open_ones:
        return f"the connection to {where} is plain HTTP and the login method {', '.join(open_ones)} encrypts no messages"
    return None


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _has_proxy(scheme: str, host: str, port: t.Any, configured: t.Any) -> bool:
    import requests.utils

    # What pywinrm calls a proxy from the environment; pypsrp takes that, too, where none is set.
    if configured != "legacy_requests":
        return bool(configured)
    netloc = f"[{host}]" if ":" in host and not host.startswith("[") else host
    url = urllib.parse.urlunsplit((scheme, f"{netloc}:{port}", "/wsman", "", ""))
    proxies = requests.utils.get_environ_proxies(url)
    return bool(requests.utils.select_proxy(url, proxies))
