# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter explain_error; its documentation is explain_error.yml."""

from __future__ import annotations

import collections.abc
import dataclasses
import typing as t

from ansible.errors import AnsibleFilterError

from ..plugin_utils._catalogue.codes import explain, parse_code
from ..plugin_utils._evidence.kinds import kind_of
from ..plugin_utils._keys import mask_keys


def explain_error(code: t.Any) -> dict[str, t.Any]:
    """Return what is known of a code, as plain data. Raises AnsibleFilterError for what is none."""
    if isinstance(code, collections.abc.Mapping) and "code" in code:
        # What this collection's own results have: reason of a product, code of an event.
        code = code["code"]
    if isinstance(code, bool) or not isinstance(code, (int, str)):
        raise AnsibleFilterError(f"explain_error: a code is a number or a text such as 0xC004F074, not {kind_of(code)}")
    try:
        found = dataclasses.asdict(explain(parse_code(code)))
    except ValueError as error:
        raise AnsibleFilterError(f"explain_error: {mask_keys(str(error))}") from None
    return {**found, "sources": list(found["sources"])}


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"explain_error": explain_error}
