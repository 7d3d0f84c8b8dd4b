# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What about one machine someone should look at, and the flat answers for playbooks: the rules of a diagnosis over what was read of it alone.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release. The answers are public: docs/names.md.
"""

from __future__ import annotations

import typing as t

from .._catalogue.findings import finding_type
from .._evidence.facts import read_facts
from .._licensing.model import LICENSED, Activation, primary_product, windows_candidates
from .case import Case, MachineEvidence
from .finding import Finding, Severity
from .rules import ALL_MACHINE_RULES

OF_ONE_MACHINE = frozenset(
    (
        # a host: its key, its service, its firewall, its clock, as they are by themselves
        "host_service_too_old_for_key",
        "host_service_looks_old",
        "host_not_licensed",
        "host_service_not_running",
        "host_firewall_exception_off",
        "host_firewall_blocks",
        "host_firewall_profile_missing",
        "host_firewall_other_port",
        "host_clock_off",
        "host_low_priority",
        # a client: its key, its service, its time, and what the reason of its state says
        "machine_ambiguous",
        "client_evaluation",
        "client_key_for_other_edition",
        "client_wrong_channel",
        "client_service_disabled",
        "client_activation_type_restricted",
        "client_clock_differs",
        "client_no_srv",
        "client_host_not_reached",
        "client_host_not_enabled",
        "client_host_not_licensed",
        "client_host_too_old",
        "client_count_too_low",
        "client_activation_error",
        "client_grace_running_out",
        "client_not_activated",
    )
)
"""Findings that one machine's facts are enough for. Others compare with a host, a record, a probe or the rest of the estate, which are not here, and what is
outside of the estate depends on what is known of it."""


def attention(activation: Activation) -> list[str]:
    """Return one sentence for each thing that someone should look at; an empty list for a healthy machine."""
    machine = MachineEvidence(activation.machine.name, read_facts(activation.facts()))
    case = Case(hosts=(machine,) if machine.is_kms_host else (), now=activation.collected_at)
    found = [judged for rule in ALL_MACHINE_RULES for judged in rule(machine, case) if isinstance(judged, Finding)]
    found.sort(key=lambda finding: finding_type(finding.rule).rank)
    # What could not be read comes in full and first: a rule that lacks it says nothing.
    return [*activation.problems, *(finding.sentence for finding in found if _calls_for_it(finding, machine))]


def answers(activation: Activation) -> dict[str, t.Any]:
    """Return the flat answers for C(when:), which takes true and false and fails on null: what is in doubt is not called activated."""
    primary = primary_product(activation.products)
    found = attention(activation)
    return {
        "activated": primary is not None and primary.licensed,
        "is_kms_host": activation.host.is_kms_host,
        "is_kms_client": any(p.role == "kms_client" for p in windows_candidates(activation.products)),
        "channel": primary.role if primary else None,
        "needs_attention": bool(found),
        "attention": found,
    }


def _calls_for_it(finding: Finding, machine: MachineEvidence) -> bool:
    severity = finding.severity or Severity(finding_type(finding.rule).severity)
    if severity is Severity.INFO or finding.rule not in OF_ONE_MACHINE:
        return False
    # A machine that is activated with a MAK is well by itself. That it should use KMS is a wish of the estate, and a diagnosis is for that.
    return finding.rule != "client_wrong_channel" or any(
        p.license_status not in (None, LICENSED) for p in machine.facts.products if not p.is_addon
    )
