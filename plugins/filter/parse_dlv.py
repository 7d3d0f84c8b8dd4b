# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter parse_dlv; its documentation is parse_dlv.yml."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ..plugin_utils._evidence.dlv import parse_dlv as parse
from ..plugin_utils._evidence.kinds import kind_of
from ..plugin_utils._evidence.texts import decode
from ..plugin_utils._keys import mask_result


def parse_dlv(text: t.Any) -> dict[str, t.Any]:
    """Return what a pasted output of slmgr.vbs or ospp.vbs says, as plain data. Raises AnsibleFilterError for anything but a text."""
    if isinstance(text, bytes):
        text = decode(text)
    if not isinstance(text, str):
        raise AnsibleFilterError(
            f"parse_dlv reads the text that slmgr.vbs printed, and got {kind_of(text)}; "
            "of a list of lines make a text with the filter join and a line break as its separator"
        )
    return t.cast("dict[str, t.Any]", mask_result(parse(text).as_dict()))


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"parse_dlv": parse_dlv}
