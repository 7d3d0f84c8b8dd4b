# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When diagnose fails: by a fault, and where nothing could be judged."""

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.action.diagnose import fails
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.case import MachineEvidence
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.engine import diagnose

from tests.unit.plugins.plugin_utils._diagnosis.evidence import NOW, domain, kms_host, record


@pytest.mark.parametrize("fail_on", ["error", "warning"])
def test_a_run_that_is_to_stop_at_a_fault_stops_where_nothing_was_seen(fail_on: str) -> None:
    unread = diagnose(lambda: [MachineEvidence("pc01")], now=NOW)
    assert fails(unread, fail_on)
    assert not fails(unread, "never")
    assert not fails(diagnose(lambda: [MachineEvidence("pc01"), kms_host()], now=NOW), fail_on)
    # SRV records were looked at: that is something.
    assert not fails(diagnose(lambda: [MachineEvidence("pc01")], now=NOW, srv=[domain(record())]), "error")
