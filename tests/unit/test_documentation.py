# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented and what the code takes are the same thing, and every task of ours fits it."""

from __future__ import annotations

import importlib
import json
import pathlib
import re

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.activation.kms.plugins.module_utils._endpoint import Endpoint, Probe, as_result
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.attention import answers
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.discovery import DOMAIN_READS, discover
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event_logs import read_event_logs
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import Facts
from ansible_collections.activation.kms.plugins.plugin_utils._licensing.read import REQUEST_COLUMNS, read_activation
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import WindowsError

from tests.unit.plugins.plugin_utils._licensing.fake_windows import (
    NOW,
    FakeClock,
    FakeWindows,
    event_record,
    product_row,
    rule_row,
    service_row,
)

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "ansible_collections.activation.kms.plugins"
MODULES = sorted(path.stem for path in (TOP / "plugins/modules").glob("*.py"))
ACTIONS = sorted(path.stem for path in (TOP / "plugins/action").glob("*.py"))
CONTROLLER_ACTIONS = ["diagnose", "support_bundle"]
"""Actions that work on the controller alone and reach no machine."""
ROLES = sorted(path.name for path in (TOP / "roles").iterdir())
DEFAULTS = {"required": False, "default": None, "choices": None, "elements": None, "type": "str"}
TEMPLATE = re.compile(r"{{|{%")


def module(name):
    return importlib.import_module(f"{PACKAGE}.modules.{name}")


def documentation(name):
    """Return a module's documentation with its fragments folded in, as ansible-doc shows it."""
    document = yaml.safe_load(module(name).DOCUMENTATION)
    for fragment in document.get("extends_documentation_fragment", []):
        _namespace, _collection, file, *variable = fragment.split(".")
        holder = importlib.import_module(f"{PACKAGE}.doc_fragments.{file}").ModuleDocFragment
        extra = yaml.safe_load(getattr(holder, variable[0].upper() if variable else "DOCUMENTATION"))
        document["options"] = {**extra.get("options", {}), **document.get("options", {})}
        for attribute, row in extra.get("attributes", {}).items():
            document.setdefault("attributes", {}).setdefault(attribute, {}).update(row)
    return document


def specification(name):
    """Return the options that the code of a module takes."""
    if name in ACTIONS:
        return importlib.import_module(f"{PACKAGE}.action.{name}").ActionModule.specification()
    return module(name).argument_spec()


def required_if(name):
    return getattr(importlib.import_module(f"{PACKAGE}.action.{name}").ActionModule, "REQUIRED_IF", []) if name in ACTIONS else []


def shape(options, sub="options"):
    """Return options as comparable data: what a user can rely on, without descriptions."""
    plain = {}
    for option, row in options.items():
        plain[option] = {key: row.get(key, default) for key, default in DEFAULTS.items()}
        plain[option]["choices"] = sorted(row["choices"]) if row.get("choices") else None
        if row.get(sub):
            plain[option]["options"] = shape(row[sub], sub)
    return plain


@pytest.mark.parametrize("name", MODULES)
def test_the_specification_is_what_is_documented(name):
    assert shape(specification(name)) == shape(documentation(name)["options"], "suboptions")


@pytest.mark.parametrize("name", MODULES)
def test_options_are_documented_in_alphabetical_order(name):
    own = list(yaml.safe_load(module(name).DOCUMENTATION)["options"])
    assert own == sorted(own)


@pytest.mark.parametrize("name", MODULES)
def test_check_mode_diff_and_idempotence_are_declared(name):
    attributes = documentation(name)["attributes"]
    reads = name.endswith("_info") or name == "diagnose"
    # A bundle is a new file each time, and what is in it has no lines to compare.
    packs = name == "support_bundle"
    assert {key: attributes[key]["support"] for key in ("check_mode", "idempotent", "diff_mode")} == {
        "check_mode": "full",
        "idempotent": "none" if packs else "full",
        "diff_mode": "none" if packs else "N/A" if reads else "full",
    }


def test_every_action_has_its_documentation():
    assert set(ACTIONS) <= set(MODULES)


def test_the_action_group_has_every_windows_module_and_no_other():
    groups = yaml.safe_load((TOP / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    assert groups == {"windows": [name for name in ACTIONS if name not in CONTROLLER_ACTIONS]}


@pytest.mark.parametrize("name", ACTIONS)
def test_every_option_that_takes_a_key_is_no_log(name):
    keys = {option: row.get("no_log", False) for option, row in specification(name).items() if option == "key"}
    assert all(keys.values()), keys


def tasks_in(data):
    """Return every (module, arguments) of ours in parsed YAML, at any depth."""
    if isinstance(data, list):
        for item in data:
            yield from tasks_in(item)
    elif isinstance(data, dict):
        for key, value in data.items():
            if isinstance(key, str) and key.startswith("activation.kms."):
                yield key.removeprefix("activation.kms."), value or {}
            else:
                yield from tasks_in(value)


def written_tasks():
    for path in sorted((*TOP.glob("roles/*/tasks/*.yml"), *TOP.glob("playbooks/*.yml"), *TOP.glob("tests/**/*.yml"))):
        for number, (name, arguments) in enumerate(tasks_in(yaml.safe_load(path.read_text(encoding="utf-8")))):
            yield pytest.param(name, arguments, id=f"{path.relative_to(TOP)}:{number}:{name}")
    for documented in MODULES:
        for number, (name, arguments) in enumerate(tasks_in(yaml.safe_load(module(documented).EXAMPLES))):
            yield pytest.param(name, arguments, id=f"EXAMPLES of {documented}:{number}:{name}")


def literal(value):
    """Return True for a value without a template, which can be checked as it stands."""
    return not TEMPLATE.search(json.dumps(value))


@pytest.mark.parametrize(("name", "arguments"), list(written_tasks()))
def test_every_task_and_example_fits_the_specification(name, arguments):
    spec = specification(name)
    assert set(arguments) <= set(spec)
    required = {option for option, row in spec.items() if row.get("required")}
    assert required <= set(arguments)
    # A templated value is checked for its name only: what it becomes is known at run time.
    known = {option: row for option, row in spec.items() if option not in arguments or literal(arguments[option])}
    checked = {option: value for option, value in arguments.items() if option in known}
    conditions = [row for row in required_if(name) if set(row[2]) <= set(known)]
    assert ArgumentSpecValidator(known, required_if=conditions).validate(checked).error_messages == []


def test_the_test_of_tasks_finds_tasks_of_every_module():
    assert {row.values[0] for row in written_tasks()} == set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_returned_keys_are_documented_with_type_and_sample(name):
    def check(keys, path):
        for key, row in keys.items():
            assert row.get("description"), f"{path}{key}"
            assert row.get("type"), f"{path}{key}"
            assert "sample" in row or "contains" in row, f"{path}{key}"
            check(row.get("contains", {}), f"{path}{key}.")

    check(yaml.safe_load(module(name).RETURN), "")


KMS_SETTINGS = {
    "KeyManagementServiceMachine": "kms01.corp.example",
    "KeyManagementServiceLookupDomain": "corp.example",
    "DiscoveredKeyManagementServiceMachineName": "kms02.corp.example",
    "DiscoveredKeyManagementServiceMachinePort": 1688,
    "DiscoveredKeyManagementServiceMachineIpAddress": "192.0.2.10",
}
REASON = {"LicenseStatus": 5, "LicenseStatusReason": 0xC004F056}


def returned(windows):
    activation = read_activation(windows, FakeClock().clock)
    return {"activation": activation.facts(), **answers(activation)}


def read_of_a_host():
    counters = dict.fromkeys(REQUEST_COLUMNS.values(), 1)
    product = product_row("kms_host", **counters, **KMS_SETTINGS, **REASON, KeyManagementServiceCurrentCount=32)
    return returned(FakeWindows({"SoftwareLicensingProduct": [product], "MSFT_NetFirewallRule": [rule_row()]}))


def read_of_a_client():
    rows = {"SoftwareLicensingService": [service_row(**KMS_SETTINGS)], "SoftwareLicensingProduct": [product_row(**KMS_SETTINGS, **REASON)]}
    windows = FakeWindows(rows)
    windows.errors["Domain"] = WindowsError("reading the registry value Domain", "it failed")
    return returned(windows)


def paths(value, path=""):
    """Return every key in a result, at any depth, as a dotted path; what a list holds counts as one."""
    if isinstance(value, list):
        return {found for item in value for found in paths(item, path)}
    if isinstance(value, dict):
        return {found for key, item in value.items() for found in ({f"{path}{key}"} | paths(item, f"{path}{key}."))}
    return set()


def documented_paths(rows, path=""):
    return {found for key, row in rows.items() for found in ({f"{path}{key}"} | documented_paths(row.get("contains", {}), f"{path}{key}."))}


def test_activation_info_returns_the_keys_that_are_documented_and_no_other():
    # What the last two hold is documented with the modules that they are of.
    of_the_action = {"backend", "backends", "facts_written", "activation.discovery", "activation.events"}
    documented = documented_paths(yaml.safe_load(module("activation_info").RETURN))
    assert paths(read_of_a_host()) | paths(read_of_a_client()) | of_the_action == documented


def test_the_names_that_stay_are_those_of_the_modules():
    table = dict(re.findall(r"^\| `(\w+)` \| (`.+`) \|$", (TOP / "docs/names.md").read_text(encoding="utf-8"), re.MULTILINE))
    listed = {name: re.findall(r"`(\w+)`", options) for name, options in table.items() if name in MODULES}
    assert listed == {name: sorted(specification(name)) for name in MODULES}


def test_event_info_and_discovery_info_return_the_keys_that_are_documented_and_no_other():
    windows = FakeWindows()
    windows.records = [event_record(12288, "0x8007232B, 0x01000000, kms01:1688")]
    windows.names = {("_vlmcs._tcp.corp.example", "SRV"): [{"target": "kms01", "port": 1688, "priority": 0, "weight": 0, "ttl": 60}]}
    windows.ports = {("kms01", 1688): "connected"}
    events = read_event_logs(windows, NOW).as_dict()
    # The fields of an event are its own.
    events["records"] = [{**record, "fields": {}} for record in events["records"]]
    discovery = discover(windows, NOW, Facts(), windows.read(DOMAIN_READS)).as_dict()
    for name, returned, besides in (
        ("event_info", {"events": events}, {"incomplete"}),
        ("discovery_info", {"discovery": discovery}, {"reachable"}),
    ):
        documented = documented_paths(yaml.safe_load(module(name).RETURN))
        assert paths(returned) | besides | {"backend", "backends"} == documented, name


def test_endpoint_info_returns_the_keys_that_are_documented_and_no_other():
    returned = as_result([Probe(Endpoint("kms01", 1688), "connected", "192.0.2.10", 3, None)], "here")
    assert paths(returned) == documented_paths(yaml.safe_load(module("endpoint_info").RETURN))


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_readme_and_defaults_are_its_specification(role):
    options = yaml.safe_load((TOP / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"][
        "options"
    ]
    defaults = yaml.safe_load((TOP / f"roles/{role}/defaults/main.yml").read_text(encoding="utf-8"))
    assert defaults == {name: row["default"] for name, row in options.items() if not row.get("required")}
    assert all(name.startswith(f"{role}_") for name in options)
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", (TOP / f"roles/{role}/README.md").read_text(encoding="utf-8"), re.MULTILINE)
    wanted = [
        (name, "**required**" if row.get("required") else f"`{json.dumps(row['default'])}`", row["description"])
        for name, row in sorted(options.items())
    ]
    assert rows == wanted


@pytest.mark.parametrize("path", sorted(TOP.glob("plugins/**/*.py")), ids=lambda path: str(path.relative_to(TOP)))
def test_every_plugin_file_names_its_licence(path):
    head = "\n".join(path.read_text(encoding="utf-8").splitlines()[:20])
    assert "GNU General Public License v3.0+" in head
    assert "SPDX-License-Identifier: GPL-3.0-or-later" in head
