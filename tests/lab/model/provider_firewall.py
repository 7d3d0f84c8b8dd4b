# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MSFT_NetFirewallRule and its port filter (root/StandardCimv2)."""

from __future__ import annotations

import typing as t

from .firewall import Rule
from .languages import language
from .provider import Association, Handler, Instance, Provider, reader
from .wql import Value

if t.TYPE_CHECKING:
    from .machine import Machine

# Numbers and properties: Microsoft: Learn, FWP/wfascimprov, MSFT_NetFirewallRule. CreationClassName carries the rule's name, the other three keys are empty
# strings (networkoptix/nx_system_tests addresses rules so on Windows 10, 11 and Server 2019).
_RULE_COLUMNS: dict[str, t.Callable[[Rule], Value]] = {
    "Action": lambda rule: rule.action,
    "Caption": lambda rule: "",
    "ConditionListType": lambda rule: 3,
    "CreationClassName": lambda rule: f"MSFT|FW|FirewallRule|{rule.name}",
    "Description": lambda rule: rule.display_name,
    "Direction": lambda rule: rule.direction,
    "DisplayGroup": lambda rule: rule.group,
    "DisplayName": lambda rule: rule.display_name,
    "EdgeTraversalPolicy": lambda rule: 0,
    "ElementName": lambda rule: rule.display_name,
    "Enabled": lambda rule: 1 if rule.enabled else 2,
    "ExecutionStrategy": lambda rule: 2,
    "InstanceID": lambda rule: rule.name,
    "LocalOnlyMapping": lambda rule: False,
    "LooseSourceMapping": lambda rule: False,
    "PolicyDecisionStrategy": lambda rule: 2,
    "PolicyRuleName": lambda rule: "",
    # Both are filled only when the active store is asked, which the lab does not offer.
    "PolicyStoreSource": lambda rule: None,
    "PolicyStoreSourceType": lambda rule: 1,
    "PrimaryStatus": lambda rule: 1,
    "Profiles": lambda rule: rule.profiles,
    "RuleGroup": lambda rule: rule.group,
    "SequencedActions": lambda rule: 3,
    "Status": lambda rule: "The rule was parsed successfully from the store. (65536)",
    "StatusCode": lambda rule: 65536,
    "SystemCreationClassName": lambda rule: "",
    "SystemName": lambda rule: "",
}

_FOR_PEOPLE = frozenset({"Description", "DisplayGroup", "DisplayName", "ElementName", "Status"})
"""Columns in the machine's language. RuleGroup names a resource of a program and is the same in all of them (Microsoft: Learn, MSFT_NetFirewallRule)."""

_FILTER_COLUMNS: dict[str, t.Callable[[Rule], Value]] = {
    "CreationClassName": lambda rule: f"MSFT|FW|FirewallRule|{rule.name}",
    "DynamicTransport": lambda rule: 0,
    "InstanceID": lambda rule: rule.name,
    "LocalPort": lambda rule: list(rule.ports) or ["Any"],
    "Protocol": lambda rule: rule.protocol,
    "RemotePort": lambda rule: ["Any"],
    "SystemCreationClassName": lambda rule: "",
    "SystemName": lambda rule: "",
}


def _rules(machine: Machine) -> t.Iterable[Instance]:
    return [Instance(_told(machine, rule), rule) for rule in machine.rules]


def _told(machine: Machine, rule: Rule) -> t.Callable[[str], Value]:
    get, words = reader(_RULE_COLUMNS, rule), language(machine.language)
    return lambda name: words.rule(str(get(name))) if name in _FOR_PEOPLE else get(name)


def _filters(machine: Machine) -> t.Iterable[Instance]:
    return [Instance(reader(_FILTER_COLUMNS, rule), rule) for rule in machine.rules]


def _filter_of(machine: Machine, instance: Instance) -> list[Instance]:
    return [Instance(reader(_FILTER_COLUMNS, instance.subject), instance.subject)]


def _enable(machine: Machine, instance: Instance, arguments: dict[str, t.Any]) -> dict[str, Value]:
    instance.subject.enabled = True
    return {}


def _disable(machine: Machine, instance: Instance, arguments: dict[str, t.Any]) -> dict[str, Value]:
    instance.subject.enabled = False
    return {}


RULE = Provider(
    "MSFT_NetFirewallRule",
    _rules,
    methods={"Enable": Handler(_enable), "Disable": Handler(_disable)},
    associations={"msft_netfirewallrulefilterbyprotocolport": Association("MSFT_NetProtocolPortFilter", _filter_of)},
)
PORT_FILTER = Provider("MSFT_NetProtocolPortFilter", _filters)
