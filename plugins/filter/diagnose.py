# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter activation.kms.diagnose; its documentation is in diagnose.yml."""

from __future__ import annotations

import datetime
import typing as t

from ansible.errors import AnsibleFilterError

from ..plugin_utils._diagnosis.case import Policy
from ..plugin_utils._diagnosis.engine import diagnose as judge
from ..plugin_utils._diagnosis.inputs import NEXT_MACHINES, read_machines, read_probes, read_srv
from ..plugin_utils._evidence.plain import moment
from ..plugin_utils._keys import mask_keys, mask_result


def diagnose(
    machines: t.Any,
    srv: t.Any = None,
    probes: t.Any = None,
    approved_hosts: t.Sequence[str] = (),
    earlier: t.Any = None,
    attempts: bool = False,
    limit_per_rule: int = 100,
    now: str | None = None,
) -> dict[str, t.Any]:
    """Return what the rules find in results of modules. Raises AnsibleFilterError."""
    try:
        if isinstance(approved_hosts, str):
            raise ValueError("approved_hosts is a text; give a list of names")  # noqa: TRY004  (one kind of error for every bad input)
        evidence = read_machines(machines)
        domains, endpoints = read_srv(srv), read_probes(probes)
        at = moment(now, "now") if now else datetime.datetime.now(datetime.UTC)
        if not evidence and not domains and not endpoints:
            raise ValueError(f"there is nothing to diagnose: no machine, no SRV record and no probe. {NEXT_MACHINES}")
        found = judge(
            lambda: evidence,
            now=at,
            earlier=read_machines(earlier, "earlier"),
            srv=domains,
            probes=endpoints,
            policy=Policy(tuple(approved_hosts)),
            limit_per_rule=limit_per_rule,
            with_attempts=attempts,
        )
    except ValueError as error:
        raise AnsibleFilterError(f"diagnose: {mask_keys(str(error))}") from None
    return t.cast("dict[str, t.Any]", mask_result(found.as_dict()))


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"diagnose": diagnose}
