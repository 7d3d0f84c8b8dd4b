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

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ._keys import ProductKey, mask_keys, mask_result, parse_key
from ._licensing.clock import Clock
from ._licensing.outcome import Outcome
from ._licensing.refusal import NotAppliedError, RefusedError
from ._licensing.run import Run
from ._windows.choose import AUTO, CHOICES, Reached, open_windows
from ._windows.cleartext import cleartext_reason
from ._windows.errors import UnreachableError, WindowsError
from ._windows.interface import Windows

Options = dict[str, t.Any]

WINDOWS_OPTIONS: dict[str, t.Any] = {"backend": {"type": "str", "choices": list(CHOICES)}}
"""Options of every module that manages a Windows machine: doc fragment windows."""

BACKEND_VARIABLE = "activation_kms_backend"
"""What counts where the option C(backend) is not given."""

CONFIRM_OPTIONS: dict[str, t.Any] = {"confirm_timeout": {"type": "int", "default": 60}}
"""Options of every module that changes a machine: how long a lost answer is looked for."""

MAX_CONFIRM_TIMEOUT = 600

KEY_OPTIONS: dict[str, t.Any] = {"allow_cleartext_key": {"type": "bool", "default": False}}
"""Options of every module that sends a product key, besides: doc fragment key_options."""


class KmsAction(ActionBase, abc.ABC):
    """One Windows module: C(SPEC), its own options, and C(use_case) are all that a subclass adds."""

    TRANSFERS_FILES = False
    SPEC: t.ClassVar[dict[str, t.Any]]
    REQUIRED_IF: t.ClassVar[list[t.Any]] = []

    @classmethod
    def specification(cls) -> dict[str, t.Any]:
        """Return every option that the module takes."""
        return {**WINDOWS_OPTIONS, **cls.SPEC}

    @abc.abstractmethod
    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Do the module's work and return its result. May raise WindowsError, RefusedError, NotAppliedError, ValueError."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Validate the options, do the work, and let nothing out but a masked result."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        # With delegate_to it is another machine that is managed, and the lines of a facts file are told apart by this name.
        self._variables = task_vars or {}
        self._machine = str(self._task.delegate_to or self._variables.get("inventory_hostname", "?"))
        self._reached: Reached | None = None
        self._warnings: list[str] = []
        result.setdefault("changed", False)
        try:
            _validation, options = self.validate_argument_spec(argument_spec=self.specification(), required_if=self.REQUIRED_IF)
            self._backend = options["backend"] or self._backend_of_the_machine()
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
            result.update(failed=True, msg=unexpected(error))
        if self._reached is not None:
            self._tell_how_it_was_reached(result, self._reached)
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

        def execute(name: str, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
            return t.cast("dict[str, t.Any]", self._execute_module(name, arguments, task_vars=self._variables))

        self._reached = open_windows(
            self._connection, execute, backend=self._backend, sleep=time.sleep, progress=self.notify, warn=self._warnings.append
        )
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

    def begin(self, options: Options) -> Run:
        """Return what a use case works with. Raises RefusedError when C(confirm_timeout) is out of range, before the machine is reached for."""
        confirm_timeout = _confirm_timeout(options)
        return Run(self.windows(), self.clock(), self.check_mode, confirm_timeout, self.notify)

    def changes(self, outcome: Outcome) -> dict[str, t.Any]:
        """Return an outcome as a module result, with its diff where the task asks for one."""
        result = outcome.result()
        if self._task.diff:
            result["diff"] = {"before": outcome.before, "after": outcome.after}
        self._warnings += outcome.warnings
        return result

    def _backend_of_the_machine(self) -> str:
        """Return what the variable says of the machine that is managed, auto where it says nothing. Raises RefusedError for any other word."""
        # With delegate_to Ansible works out the variables of that machine, as it does for its connection; play and task variables are among them.
        delegated = self._variables.get("ansible_delegated_vars") or {}
        value = delegated.get(self._task.delegate_to, self._variables).get(BACKEND_VARIABLE)
        unclear = ""
        try:
            word = AUTO if value is None else str(self._templar.template(value)).strip()
        except AnsibleError as error:
            word, unclear = str(value), f": {mask_keys(str(error))}"
        if word not in CHOICES:
            raise RefusedError(
                f"the variable {BACKEND_VARIABLE} of {self._machine} is {word!r}, which is no backend{unclear}",
                f"set it to one of {', '.join(CHOICES)}, or leave it out",
            )
        return word

    def _tell_how_it_was_reached(self, result: dict[str, t.Any], reached: Reached) -> None:
        result["backend"] = reached.backend
        # Where a task asked for nothing but the machine's own view, the one that answered may be another than the one that was chosen.
        if reached.backends not in ([], [reached.backend]):
            result["backends"] = reached.backends
        if reached.may_have_changed and (result.get("failed") or result.get("unreachable")):
            # An error does not undo what was carried out before it, and a handler that waits for a change has to learn of it.
            result["changed"] = True
        if self._warnings:
            result["warnings"] = [*result.get("warnings", []), *self._warnings]


def _confirm_timeout(options: Options) -> float:
    """Return the option C(confirm_timeout) in seconds; raise RefusedError out of 0 to 600."""
    seconds = int(options["confirm_timeout"])
    if not 0 <= seconds <= MAX_CONFIRM_TIMEOUT:
        raise RefusedError(
            f"confirm_timeout is {seconds}, but it must be between 0 and {MAX_CONFIRM_TIMEOUT} seconds",
            "give a number of seconds in that range, or leave the option out",
        )
    return float(seconds)


def unexpected(error: Exception) -> str:
    """Return what to say of an exception: its own text where it is meant for users, else where it happened."""
    text = str(error) or type(error).__name__
    if isinstance(error, ValueError) or type(error).__name__.startswith("Ansible"):
        return text
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{last.filename.rpartition('/')[2]}:{last.lineno}"
    return (
        f"activation.kms met an error of its own, {type(error).__name__} in {where}: {text}. "
        "Please report it; the machine's state is what activation_info says."
    )
