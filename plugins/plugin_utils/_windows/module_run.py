# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the internal module windows_operations through an action plugin, over whatever connection the task has, and sort out what can happen to it.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

The counterpart of wire.py. A module that ends without an answer looks the same whether it died before, in or after a change, so a write is then
unknown and never run again.
"""

from __future__ import annotations

import typing as t

import ansible.errors

from .._keys import mask_keys
from . import failures
from .errors import BadReplyError, OutcomeUnknownError, WindowsError

MODULE = "activation.kms.windows_operations"

Json = dict[str, t.Any]

_SHOWN = 400
_NO_MODULE = "every PowerShell module fails so over this connection: check the variables of its login, its shell and become"
_NO_ENGINE = "see whether PowerShell starts there at all (ansible -m ansible.builtin.raw -a hostname), then run the task again"


class ModuleRun:
    """Runs the module over one connection plugin instance."""

    def __init__(self, execute: t.Callable[[str, Json], Json], connection: t.Any) -> None:
        """Take the function that runs a module by name with its options (ActionBase._execute_module), and the connection it uses."""
        self._execute = execute
        self._connection = connection
        self._refused = False

    def __call__(self, arguments: Json, *, doing: str, write: bool) -> Json:
        """See powershell.RunModule. A read whose connection was lost is run once more on a new connection; after a refused login nothing is run."""
        if self._refused:
            raise failures.login_refused(doing)
        secrets = [row["value"] for row in arguments.get("secrets", ())]
        error: WindowsError | None = None
        for renew in (False, True):
            may_repeat = False
            error = self._connect(doing, renew)
            if error is None:
                answer, error, may_repeat = self._attempt(arguments, doing, write, secrets)
                if answer is not None:
                    return answer
            if write or renew or not may_repeat:
                break
        raise t.cast(WindowsError, error)

    def _connect(self, doing: str, renew: bool) -> WindowsError | None:
        """Connect before anything is sent, so that what fails here has surely changed nothing."""
        lost = ""
        try:
            if renew:
                self._connection.reset()
            self._connection._connect()
        except ansible.errors.AnsibleError as failure:
            lost = str(failure)
        except Exception as failure:
            lost = f"{type(failure).__name__}: {failure}"
        if not lost:
            return None
        self._note_refusal(lost)
        return failures.connection_error(lost, doing)

    def _attempt(self, arguments: Json, doing: str, write: bool, secrets: list[str]) -> tuple[Json | None, WindowsError | None, bool]:
        """Run once. Return the answer, or the error and whether running again on a new connection may help."""
        lost = ""
        answer: Json = {}
        try:
            answer = self._execute(MODULE, arguments)
        except ansible.errors.AnsibleConnectionFailure as failure:
            lost = str(failure)
        except ansible.errors.AnsibleError as failure:
            # The module was not built or not sent.
            return None, BadReplyError(doing, _shown(str(failure), secrets), next_step=_NO_MODULE), False
        except Exception as failure:
            # Connection plugins let their libraries' errors through when a session ends under them.
            lost = f"{type(failure).__name__}: {failure}"
        if lost:
            return None, *self._lost(mask_keys(lost, secrets), doing, write)
        if isinstance(answer.get("results"), list) and not answer.get("failed"):
            return answer, None, False
        detail = _without_answer(answer, secrets)
        if write:
            return None, OutcomeUnknownError(doing, f"{detail}; the call may have been carried out"), False
        return None, BadReplyError(doing, detail, next_step=_NO_ENGINE), False

    def _lost(self, text: str, doing: str, write: bool) -> tuple[WindowsError, bool]:
        """Return the error for a connection lost in a run, and whether a new one may help."""
        failure = failures.classify(text)
        self._note_refusal(text)
        if write and not failures.never_sent(text):
            # A login that is refused in the middle of a run does not take back what the run did before.
            detail = failures.describe(failure, text)
            return OutcomeUnknownError(doing, f"{detail}; the call was sent and may have been carried out"), False
        return failures.connection_error(text, doing), failure is None or failure is failures.LOST

    def _note_refusal(self, text: str) -> None:
        if failures.classify(text) is failures.LOGIN:
            self._refused = True
            # The winrm plugin would log in once more to close its shell, and too many refused tries lock the account (as in wire.py).
            if hasattr(self._connection, "shell_id"):
                self._connection.shell_id = None


def _without_answer(answer: Json, secrets: list[str]) -> str:
    """Return what a module left behind that did not answer: its exit code and its last words."""
    # What the machine said comes before what Ansible made of it.
    words = [str(answer.get(name) or "") for name in ("module_stderr", "module_stdout", "msg")]
    said = next((text for text in words if text.strip()), "")
    code = answer.get("rc")
    ended = "PowerShell ended without an answer" + (f" (exit code {code})" if isinstance(code, int) else "")
    return f"{ended}: {_shown(said, secrets)}" if said else ended


def _shown(text: str, secrets: list[str]) -> str:
    return mask_keys(" ".join(text.split()), secrets)[:_SHOWN]
