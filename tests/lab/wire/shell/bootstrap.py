# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One difference between PowerShell 7 and the Windows PowerShell 5.1 that we simulate, evened out on Ansible's input.

ConvertFrom-Json of PowerShell 6 and later makes a DateTime of every text that looks like an ISO 8601 date; that of Windows PowerShell 5.1
leaves it a text, and so does PowerShell 7.5 and later when it is told -DateKind String (documentation of ConvertFrom-Json). ansible-core 2.19
and 2.20 read a module's options by it without saying which, so that in the lab an option "2026-01-31T10:00:00Z" would arrive as a date in another
form. 2.21 says it itself.
"""

from __future__ import annotations

# What ends the wrapper's own JSON in the input, before that of the module (ansible-core, executor/powershell/bootstrap_wrapper.ps1).
_MARK = b"\0\0\0\0"
_AS_SENT = b"{ ConvertFrom-Json | Convert-JsonObject }"
_AS_MEANT = b"{ ConvertFrom-Json -DateKind String | Convert-JsonObject }"
_BOOTSTRAP = "ConvertFrom-Json -InputObject $codeJson"


class DatesStayTexts:
    """The input of Ansible's bootstrap on its way to the engine: the wrapper is held until it is whole, what follows it passes as it comes."""

    def __init__(self) -> None:
        self._held: bytes | None = b""

    @staticmethod
    def concerns(script: str | None) -> bool:
        """Return whether a script is Ansible's bootstrap."""
        return script is not None and _BOOTSTRAP in script

    def feed(self, data: bytes, end: bool) -> bytes:
        """Return what of the input may go on now."""
        if self._held is None:
            return data
        self._held += data
        if not end and _MARK not in self._held:
            return b""
        wrapper, mark, rest = self._held.partition(_MARK)
        self._held = None
        return wrapper.replace(_AS_SENT, _AS_MEANT) + mark + rest
