# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter gives what the module gives, as plain data, and says what it can't take."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.activation.kms.plugins.filter import diagnose as module

from tests.unit.plugins.plugin_utils._diagnosis.evidence import NOW
from tests.unit.plugins.plugin_utils._report.story import DOMAIN, client_row, host_row, probe_row, srv_row

diagnose = module.FilterModule().filters()["diagnose"]
KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"


def roots(found: dict[str, t.Any]) -> list[str]:
    return [row["id"] for row in found["findings"] if row["severity"] != "info"]


def test_the_story_of_the_guide_is_told_as_plain_data() -> None:
    rows = [client_row(), host_row()]
    found = diagnose(rows, srv={"results": [srv_row()]}, probes=[probe_row()], now=NOW.isoformat(), attempts=True)
    assert json.loads(json.dumps(found)) == found
    assert roots(found) == ["host_firewall_exception_off"]
    assert found["healthy"] is False
    assert list(found["attempts"]) == ["pc01", "kms01"]
    assert diagnose(rows, srv=[srv_row()], probes={"endpoints": [probe_row()]}, now=NOW.isoformat())["attempts"] == {}


def test_approved_hosts_count() -> None:
    client = client_row()
    client["service"]["kms_machine_configured"] = {"name": f"kms07.{DOMAIN}", "port": 1688, "level": "machine"}
    assert "client_on_unapproved_host" in json.dumps(diagnose([client], approved_hosts=["kms01"], now=NOW.isoformat()))
    assert "client_on_unapproved_host" not in json.dumps(diagnose([client], now=NOW.isoformat())["findings"])


@pytest.mark.parametrize(
    ("machines", "options", "said"),
    [
        ([], {}, "there is nothing to diagnose"),
        (None, {}, "there is nothing to diagnose"),
        ([{"a": 1}], {}, r"machines\[0\] is no result of a module"),
        ("pc01", {}, "machines is neither a mapping nor a list but a text"),
        ([], {"now": "soon"}, "now is 'soon', not a moment"),
        ([], {"approved_hosts": "kms01"}, "approved_hosts is a text; give a list of names"),
        ([], {"srv": [{"domain": "x"}]}, r"srv\[0\] is not one of the results of srv_info"),
    ],
)
def test_what_it_can_not_take_is_said(machines: t.Any, options: dict[str, t.Any], said: str) -> None:
    with pytest.raises(AnsibleFilterError, match=said):
        diagnose(machines, **options)


def test_no_key_comes_through() -> None:
    client = client_row(problems=[f"found {KEY}"], problem_details=[])
    client["service"]["kms_machine_configured"] = {"name": KEY, "port": 1688, "level": "machine"}
    assert "ZEROA" not in json.dumps(diagnose([client], attempts=True))
    with pytest.raises(AnsibleFilterError) as error:
        diagnose([{"products": KEY}])
    assert "ZEROA" not in str(error.value)


def test_options_are_those_of_the_documentation() -> None:
    document = yaml.safe_load(pathlib.Path(module.__file__).with_suffix(".yml").read_text(encoding="utf-8"))["DOCUMENTATION"]
    assert set(document["options"]) - {"_input"} == set(module.diagnose.__code__.co_varnames[1 : module.diagnose.__code__.co_argcount])
