# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.activation_info."""

from __future__ import annotations

import pathlib
import typing as t

from ..plugin_utils._action import KmsAction, Options
from ..plugin_utils._facts_file import append_line
from ..plugin_utils._keys import mask_result
from ..plugin_utils._licensing.attention import answers
from ..plugin_utils._licensing.read import read_activation


class ActionModule(KmsAction):
    """Read the machine's activation state."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {"facts_path": {"type": "path"}}

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Read, and where asked add one line to the facts file."""
        windows = self.windows()
        activation = read_activation(windows, self.clock())
        result = {"activation": activation.facts(), **answers(activation), "facts_written": False}
        if options["facts_path"] and not self.check_mode:
            append_line(
                pathlib.Path(options["facts_path"]),
                # What a machine holds may be a key in the wrong place (slmgr /skms KEY), and the file passes no other border.
                mask_result({"inventory_hostname": self._machine, **result["activation"], "answers": answers(activation)}),
            )
            result["facts_written"] = True
        return result
