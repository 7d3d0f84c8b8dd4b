# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The border between Ansible and the use cases: options in, one result out, and no product key past this line.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import abc
import time
import traceback
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ._keys import ProductKey, mask_keys, mask_result, parse_key
from ._licensing.clock import Clock
from ._licensing.outcome import Outcome
from ._licensing.refusal import NotAppliedError, RefusedError
from ._windows.choose import cleartext_reason, open_windows
from ._windows.errors import OutcomeUnknownError, UnreachableError, WindowsError
from ._windows.interface import Invoke, Reading, ReadOperation, Value, Windows

Options = dict[str, t.Any]

KEY_OPTIONS: dict[str, t.Any] = {
    "allow_cleartext_key": {"type": "bool", "default": False},
    "confirm_timeout": {"type": "int", "default": 60},
}
"""Options of every module that sends a product key: doc fragment key_options."""

MAX_CONFIRM_TIMEOUT = 600


class KmsAction(ActionBase, abc.ABC):
    """One Windows module: C(SPEC) and C(use_case) are all that a subclass adds."""

    TRANSFERS_FILES = False
    SPEC: t.ClassVar[dict[str, t.Any]]
    REQUIRED_IF: t.ClassVar[list[t.Any]] = []

    @abc.abstractmethod
    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Do the module's work and return its result. May raise WindowsError, RefusedError, NotAppliedError, ValueError."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Validate the options, do the work, and let nothing out but a masked result."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        # With delegate_to it is another machine that is managed, and the lines of a facts file are told apart by this name.
        self._machine = str(self._task.delegate_to or (task_vars or {}).get("inventory_hostname", "?"))
        self._reached: _Noted | None = None
        result.setdefault("changed", False)
        try:
            _validation, options = self.validate_argument_spec(argument_spec=self.SPEC, required_if=self.REQUIRED_IF)
            result.update(self.use_case(options))
        except UnreachableError as error:
            result.update(unreachable=True, msg=error.line(), error=error.as_result())
        except WindowsError as error:
            result.update(failed=True, msg=error.line(), error=error.as_result())
        except RefusedError as error:
            result.update(failed=True, msg=str(error), error={"refused": error.reason, "next_step": error.way_on})
        except NotAppliedError as error:
            # A change was sent, so the machine may not be as it was: the safe answer is changed.
            result.update(failed=True, changed=True, msg=str(error), error={"not_applied": error.reason, "next_step": error.way_on})
        except Exception as error:  # pylint: disable=broad-exception-caught
            # The text of any exception may hold an option's value, a key among them: it leaves this border masked, and alone.
            result.update(failed=True, msg=_unexpected(error))
        if self._reached is not None and self._reached.may_have_changed and (result.get("failed") or result.get("unreachable")):
            # An error does not undo what was carried out before it, and a handler that waits for a change has to learn of it.
            result["changed"] = True
        return t.cast("dict[str, t.Any]", mask_result(result))

    @property
    def check_mode(self) -> bool:
        """True when the task must change nothing."""
        return bool(self._task.check_mode)

    def clock(self) -> Clock:
        """Return the real time."""
        return Clock()

    def windows(self) -> Windows:
        """Return the machine of this task."""
        self._reached = _Noted(open_windows(self._connection, sleep=time.sleep, progress=self.notify))
        return self._reached

    def notify(self, text: str) -> None:
        """Show a progress line on the terminal."""
        Display().display(f"activation.kms: {self._machine}: {mask_keys(text)}", stderr=True)

    def product_key(self, options: Options) -> ProductKey:
        """Return the option C(key); raise RefusedError when it does not have the shape of a product key."""
        try:
            return parse_key(options["key"])
        except ValueError as error:
            reason = str(error)
        raise RefusedError(reason, "give key as five groups of five letters or digits with dashes between them, in quotes")

    def secret_key(self, options: Options, *, is_public: t.Callable[[ProductKey], bool]) -> ProductKey:
        """Return the option C(key), refused where it would travel readable: before the first message is sent."""
        key = self.product_key(options)
        if not is_public(key) and not options["allow_cleartext_key"]:
            reason = cleartext_reason(self._connection)
            if reason:
                raise RefusedError(
                    f"the product key would cross the network readable by anyone on the way: {reason}",
                    "use a TLS listener (port 5986) or a transport that encrypts messages (ntlm, kerberos, credssp); "
                    "allow_cleartext_key: true sends it all the same",
                )
        return key

    def changes(self, outcome: Outcome, windows: Windows) -> dict[str, t.Any]:
        """Return an outcome as a module result, with its diff where the task asks for one."""
        result = {**outcome.result(), "backend": windows.backend}
        if self._task.diff:
            result["diff"] = {"before": outcome.before, "after": outcome.after}
        if outcome.warnings:
            result["warnings"] = outcome.warnings
        return result


class _Noted:
    """A machine, with a note of whether a call may have changed it."""

    def __init__(self, inner: Windows) -> None:
        self._inner = inner
        self.backend = inner.backend
        self.may_have_changed = False

    def read(self, operations: t.Sequence[ReadOperation]) -> list[Reading]:
        """Pass reads on."""
        return self._inner.read(operations)

    def invoke(self, call: Invoke) -> dict[str, Value]:
        """Pass a call on; one that was carried out, or whose answer was lost, is noted."""
        try:
            outputs = self._inner.invoke(call)
        except OutcomeUnknownError:
            self.may_have_changed = True
            raise
        self.may_have_changed = True
        return outputs


def confirm_timeout(options: Options) -> float:
    """Return the option C(confirm_timeout) in seconds; raise RefusedError out of 0 to 600."""
    seconds = int(options["confirm_timeout"])
    if not 0 <= seconds <= MAX_CONFIRM_TIMEOUT:
        raise RefusedError(
            f"confirm_timeout is {seconds}, but it must be between 0 and {MAX_CONFIRM_TIMEOUT} seconds",
            "give a number of seconds in that range, or leave the option out",
        )
    return float(seconds)


def _unexpected(error: Exception) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, ValueError) or type(error).__name__.startswith("Ansible"):
        return text
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{last.filename.rpartition('/')[2]}:{last.lineno}"
    return (
        f"activation.kms met an error of its own, {type(error).__name__} in {where}: {text}. "
        "Please report it; the machine's state is what activation_info says."
    )
