# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why no conversation came about: sort the texts of the network libraries into causes with a next step.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

The connection plugin flattens what it met into one text, so that text is all there is to go by. It comes from Python, OpenSSL and the
HTTP libraries on the controller, which write English; system errors are recognised by number as well.
"""

from __future__ import annotations

import dataclasses
import re

from .._keys import mask_keys
from .errors import LoginRefusedError, RedirectedError, UnreachableError

CONNECTING = "connecting to the machine"

_LENGTH = 400


@dataclasses.dataclass(frozen=True)
class Failure:
    """A cause. C(kind) names it, C(words) say it."""

    kind: str
    words: str
    next_step: str


LOGIN = Failure(
    "login",
    "the machine refused the login (HTTP 401)",
    "check ansible_user, ansible_password and ansible_winrm_transport; the login was not tried again, so that no account gets locked",
)
LOST = Failure("lost", "the connection was lost", "check the network and the WinRM service of the machine, then run the task again")
SLOW = Failure(
    "timeout", "no answer came in time", "check that the machine is up and not overloaded, and that no firewall drops the connection"
)

_RULES: tuple[tuple[str, Failure], ...] = (
    (r"credentials were rejected|\bCode\s+401\b|\b401 Client Error", LOGIN),
    (
        r"(?:is|are) not installed|No module named|missing required Python librar",
        Failure(
            "library",
            "a Python library that this connection needs is not on the controller",
            "install it beside ansible-core: pywinrm for winrm, pywinrm[kerberos] or pywinrm[credssp] for those logins, pypsrp for psrp",
        ),
    ),
    (
        r"\bCode\s+404\b",
        Failure("path", "no WinRM service answers at this address", "check ansible_winrm_path and ansible_port"),
    ),
    (
        r"\bCode\s+503\b",
        Failure(
            "unavailable",
            "the WinRM service is not available",
            "check that the WinRM service of the machine is running and not overloaded, then run the task again",
        ),
    ),
    (
        r"Bad HTTP response returned from server\. Code 500\s*$",
        Failure(
            "unencrypted",
            "the machine refused the connection without a word",
            "if the connection is plain HTTP with basic authentication, the machine has to allow it (AllowUnencrypted); HTTPS or NTLM is the better way",
        ),
    ),
    (
        r"NameResolutionError|getaddrinfo|gaierror|Name or service not known|Temporary failure in name resolution|nodename nor servname",
        Failure("name", "the name of the machine does not resolve", "check ansible_host and the name servers of the controller"),
    ),
    (
        r"Hostname mismatch|IP address mismatch|doesn't match|is not valid for",
        Failure(
            "tls_name",
            "the machine's certificate is for another name",
            "set ansible_host to a name in the certificate, or give the WinRM listener a certificate for this name",
        ),
    ),
    (
        r"certificate has expired|certificate is not yet valid",
        Failure(
            "tls_date",
            "the machine's certificate is out of date, or a clock is wrong",
            "renew the certificate of the WinRM listener; compare the clocks",
        ),
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|self.signed certificate|unable to get (?:local )?issuer",
        Failure(
            "tls_trust",
            "the machine's certificate comes from an authority that the controller does not trust",
            "point ansible_winrm_ca_trust_path at the authority's certificate",
        ),
    ),
    (
        r"WRONG_VERSION_NUMBER|wrong version number|UNEXPECTED_EOF_WHILE_READING|SSLError|SSLEOFError|\[SSL",
        Failure(
            "tls",
            "no TLS connection came about",
            "check that ansible_port and ansible_winrm_scheme fit the machine's listener: 5986 is https, 5985 is http",
        ),
    ),
    (
        r"ConnectTimeout|connect timeout|Errno 110\b",
        Failure("timeout", "no connection came about in time", SLOW.next_step),
    ),
    (
        r"NewConnectionError.*(?:refused|Errno 111)|Connection refused|Errno 111\b",
        Failure(
            "refused",
            "nothing listens at the address",
            "check ansible_host and ansible_port, and that WinRM is switched on there (winrm quickconfig)",
        ),
    ),
    (
        r"No route to host|Network is unreachable|Errno 113\b|Errno 101\b|NewConnectionError",
        Failure("route", "the network has no way to the machine", "check ansible_host, routes and firewalls"),
    ),
    (
        r"ProxyError|Unable to connect to proxy",
        Failure("proxy", "the proxy refused the connection", "check ansible_winrm_proxy and no_proxy"),
    ),
    (r"ReadTimeout|Read timed out|timed out", SLOW),
    (
        r"TooManyRedirects|Exceeded \d+ redirects",
        Failure(
            "redirect",
            "the answers were redirects without end",
            "set ansible_host, ansible_port and ansible_winrm_path to the real address",
        ),
    ),
    (
        # A sealed answer that was changed on the way, or is out of its order, ends a session as well: every later one would be, too.
        r"Connection aborted|Connection reset|RemoteDisconnected|IncompleteRead|Connection broken|BadStatusLine|Errno 104\b|Errno 32\b"
        r"|Message Integrity Check",
        LOST,
    ),
    (
        r"kinit|Kerberos|GSSError|GSSException|authGSS|kerberos",
        Failure("kerberos", "Kerberos did not authenticate", "check the realm, the service principal HTTP/host and the ticket of the user"),
    ),
)
_BEFORE_SENDING = re.compile(r"NameResolutionError|NewConnectionError|ConnectTimeoutError|CERTIFICATE_VERIFY_FAILED")
_COMPILED = tuple((re.compile(pattern, re.DOTALL), failure) for pattern, failure in _RULES)


def classify(text: str) -> Failure | None:
    """Return the cause that a library's text stands for (its class name in front helps), or None when no rule fits."""
    return next((failure for pattern, failure in _COMPILED if pattern.search(text)), None)


def never_sent(text: str) -> bool:
    """Tell whether a failure lies surely before the first byte of a message: no address, no connection, or a certificate refused in the handshake.

    A broken or slow connection is not among them: the message may have arrived.
    """
    return bool(_BEFORE_SENDING.search(text))


def describe(failure: Failure | None, text: str) -> str:
    """Return a cause in words with the library's own text behind it, keys masked and cut to a readable length."""
    shown = mask_keys(" ".join(text.split()))[:_LENGTH]
    return f"{failure.words} ({shown})" if failure else shown


def login_refused(doing: str) -> LoginRefusedError:
    """Return the exception for a login that the machine did not accept.

    doing: what the connection was for.
    """
    return LoginRefusedError(doing, LOGIN.words, next_step=LOGIN.next_step)


def connection_error(text: str, doing: str) -> UnreachableError:
    """Return the exception for a conversation that did not come about, or broke, by what a connection plugin says of it.

    doing: what the connection was for.
    """
    failure = classify(text)
    kind: type[UnreachableError] = UnreachableError
    if failure is LOGIN:
        kind = LoginRefusedError
    elif failure is not None and failure.kind == "redirect":
        kind = RedirectedError
    return kind(
        f"{CONNECTING} ({doing})",
        describe(failure, text),
        next_step=failure.next_step
        if failure
        else "check the connection variables (ansible -m ansible.builtin.raw -a hostname goes the same way)",
    )
