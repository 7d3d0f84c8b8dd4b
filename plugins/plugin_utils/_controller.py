# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The border of the modules that work on the controller alone: options in, one masked result out, and no machine is reached.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import abc
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ._action import Options, unexpected
from ._keys import mask_keys, mask_result, one_line


class ControllerAction(ActionBase, abc.ABC):
    """One module that reaches no machine: C(SPEC), its options, and C(use_case) are all that a subclass adds."""

    TRANSFERS_FILES = False
    SPEC: t.ClassVar[dict[str, t.Any]]

    @classmethod
    def specification(cls) -> dict[str, t.Any]:
        """Return every option that the module takes."""
        return cls.SPEC

    @abc.abstractmethod
    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Do the module's work and return its result. May raise ValueError."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Validate the options, do the work, and let nothing out but a masked result."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        result["changed"] = False
        try:
            _validation, options = self.validate_argument_spec(argument_spec=self.specification())
            result.update(self.use_case(options))
        except Exception as error:  # pylint: disable=broad-exception-caught
            # The text of any exception may hold an option's value, a key among them: it leaves this border masked, and alone.
            result.update(failed=True, msg=unexpected(error))
        return t.cast("dict[str, t.Any]", mask_result(result))

    @property
    def check_mode(self) -> bool:
        """True when the task must change nothing."""
        return bool(self._task.check_mode)

    def show(self, lines: t.Iterable[str]) -> None:
        """Print lines on the terminal, above the task's own. A text in a result would come out as one line full of backslashes."""
        Display().display("\n".join(map(one_line, mask_keys("\n".join(lines)).split("\n"))))

    @property
    def terminal_width(self) -> int:
        """Characters of a line of the terminal; 79 where there is none."""
        return int(Display().columns)
