# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can go wrong between the controller and a Windows machine, as one tree of exceptions.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import typing as t

from .._catalogue.loader import code_text


class WindowsError(Exception):
    """Base of the tree.

    doing:     what was being done, in words ("calling InstallProductKey of SoftwareLicensingService").
    detail:    what came back, in words; never holds a product key.
    code:      the most specific code known, unsigned 32 bit (the provider's HRESULT before the WS-Management code), or None.
    symbol:    the code's symbolic name, or None.
    meaning:   what the code means, in one sentence, or None.
    next_step: what the reader can do now, or None.
    """

    next_step_default: t.ClassVar[str | None] = None

    def __init__(
        self,
        doing: str,
        detail: str,
        *,
        code: int | None = None,
        symbol: str | None = None,
        meaning: str | None = None,
        next_step: str | None = None,
    ) -> None:
        self.doing = doing
        self.detail = detail
        self.code = None if code is None else code & 0xFFFFFFFF
        self.symbol = symbol
        self.meaning = meaning
        self.next_step = (next_step or self.next_step_default or "").rstrip(".") or None
        super().__init__(self.line())

    def code_text(self) -> str | None:
        """Return the code as eight hexadecimal digits, the way Windows writes it, or None."""
        return None if self.code is None else code_text(self.code)

    def after(self, achieved: str) -> None:
        """Put in front what had been done before this went wrong, for that stays. C(achieved) is part of a sentence ("the key is in")."""
        self.doing = f"{achieved}; then {self.doing}"
        self.args = (self.line(),)

    def seen(self) -> str:
        """Return what came back, with its code: part of a sentence."""
        text = self.detail.rstrip(" .")
        if self.code is not None:
            text += f" ({self.code_text()}{' ' + self.symbol if self.symbol else ''})"
        return text

    def line(self) -> str:
        """Return the whole error as the line a user reads: what was tried, what came back, the next step."""
        text = f"{self.doing}: {self.seen()}."
        if self.meaning:
            text += f" {self.meaning.rstrip('.')}."
        if self.next_step:
            text += f" Next: {self.next_step}."
        return text

    def as_result(self) -> dict[str, t.Any]:
        """Return the error as plain data for a module result."""
        return {
            "doing": self.doing,
            "detail": self.detail,
            "code": self.code_text(),
            "symbol": self.symbol,
            "meaning": self.meaning,
            "next_step": self.next_step,
        }


class NoBackendError(WindowsError):
    """No backend can speak over this connection."""


class UnreachableError(WindowsError):
    """No conversation could be had: name, route, port, TLS."""


class LoginRefusedError(UnreachableError):
    """HTTP 401: the machine did not accept the credentials. Never tried twice: a stale password would lock the account."""


class RedirectedError(UnreachableError):
    """The answer was an HTTP redirect. It is not followed: it would carry the message, and a key in it, somewhere else."""


class BadReplyError(WindowsError):
    """The answer is not what was asked for: no WS-Management message, one that this collection refuses to parse, a PowerShell that did not answer."""


class FaultError(WindowsError):
    """The machine answered with an error: a SOAP fault, or an error of a cmdlet."""


class AccessDeniedError(FaultError):
    """The error says access denied, in one of its several forms."""


class NotFoundError(FaultError):
    """The error says that the class, the instance or the name does not exist."""


class BusyError(FaultError):
    """The error names a quota: the operation did not start."""


class UnclearError(FaultError):
    """The machine answered with an error that leaves open whether a method was carried out: the call broke off after it may have begun."""


class TimedOutError(UnclearError):
    """The error says that the machine gave up waiting; whether the work went on is not known."""


class ServiceAwayError(FaultError):
    """A read failed because the service behind the WMI provider does not answer: it may be stopping or starting, and a second try may succeed."""


class MethodFailedError(FaultError):
    """The method ran, or was refused, and the machine said that it failed."""


class OutcomeUnknownError(WindowsError):
    """A method call was sent, and no answer came back or one that leaves it open: it may or may not have happened. Read the state, do not
    repeat the call."""

    next_step_default = "read the state of the machine before doing anything again"
