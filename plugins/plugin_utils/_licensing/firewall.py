# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Windows Firewall exception of a KMS host: the rules that every Windows brings along, switched off.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import typing as t

from .._windows.interface import Invoke, Query, Reading, ReadOperation, RegistryValue, Row, Windows
from .model import DEFAULT_PORT, NOT_AVAILABLE, FirewallRule
from .outcome import Outcome
from .refusal import NotAppliedError, RefusedError
from .run import Run
from .service import SERVICE_CLASS
from .write import Write, write_once

RULE_CLASS = "MSFT_NetFirewallRule"
RULE_COLUMNS = (
    "InstanceID",
    "DisplayName",
    "Enabled",
    "Profiles",
    "Action",
    "Direction",
    "CreationClassName",
    "PolicyRuleName",
    "SystemCreationClassName",
    "SystemName",
)

RULE_KEYS = ("CreationClassName", "PolicyRuleName", "SystemCreationClassName", "SystemName")

RULE_NAMES = ("SPPSVC-In-TCP", "SPPSVC-In-TCP-NoScope")
"""Language-neutral names: the first is on every Windows, the second besides on client Windows, where it is the one for the Domain
profile (Microsoft: Learn, kms-create-host; rule set of Windows 11)."""

RULE_QUERY = Query(RULE_CLASS, RULE_COLUMNS, " OR ".join(f"InstanceID = '{name}'" for name in RULE_NAMES))

PROFILES = {1: "domain", 2: "private", 4: "public"}
"""Bits of Profiles; 0 stands for all of them (Microsoft: Learn, MSFT_NetFirewallRule)."""

ACTIONS = {2: "allow", 3: "allow_bypass", 4: "block"}
ENABLED = 1
"""Value of Enabled for True; 2 is False (Microsoft: Learn, MSFT_NetFirewallRule)."""

POLICY = r"SOFTWARE\Policies\Microsoft\WindowsFirewall"
POLICY_PROFILES = {"domain": "DomainProfile", "private": "PrivateProfile", "public": "PublicProfile"}


PORT_QUERY = Query(SERVICE_CLASS, ("KeyManagementServiceListeningPort",))
POLICY_READS = {
    # 0 makes Windows ignore local rules in that profile (Microsoft: MS-GPFAS 2.2.3.13).
    profile: RegistryValue(rf"{POLICY}\{name}", "AllowLocalPolicyMerge", "REG_DWORD")
    for profile, name in POLICY_PROFILES.items()
}


class AddressedRule(t.NamedTuple):
    """A rule of the KMS exception, and the keys by which WMI addresses it."""

    rule: FirewallRule
    keys: t.Mapping[str, str]


AddressedRules = tuple[AddressedRule, ...]


def read_rules(windows: Windows) -> AddressedRules:
    """Read the rules of the KMS exception from the local store, sorted by name."""
    return rules_in(windows.read((RULE_QUERY,))[0].get())


def rules_in(rows: t.Iterable[Row]) -> AddressedRules:
    """Return the rules in the rows that RULE_QUERY gave, sorted by name."""
    found = (AddressedRule(_rule(row), {name: str(row[name] or "") for name in RULE_KEYS}) for row in rows)
    return tuple(sorted(found, key=lambda row: row.rule.name))


def set_exception(run: Run, *, enabled: bool) -> Outcome:
    """Switch the KMS exception on or off, read it back, and report.

    Raises RefusedError when the machine has no such rule, NotAppliedError when a rule's state does not show what was asked for.
    """
    # What may make the exception useless is asked for in the same go as the rules.
    asked: list[ReadOperation] = [RULE_QUERY, PORT_QUERY, *POLICY_READS.values()] if enabled else [RULE_QUERY]
    readings = dict(zip(asked, run.windows.read(asked), strict=True))
    before = rules_in(readings[RULE_QUERY].get())
    if not before:
        raise RefusedError(
            f"this machine has no firewall rule named {' or '.join(RULE_NAMES)}; Windows brings it along, so it was deleted here",
            "restore the built-in rule (netsh advfirewall reset brings all of them back) or allow the KMS port with a rule of your own",
        )
    word = "enable" if enabled else "disable"
    to_change = [row for row in before if row.rule.enabled is not enabled]
    outcome = Outcome(before=_state(before), after=_state(before), changed=bool(to_change))
    outcome.warnings = _warnings(readings, before) if enabled else []
    if not to_change:
        outcome.message = f"The KMS firewall exception is {word}d already."
    elif run.check_mode:
        outcome.would = [f"{word} the firewall rule {rule.name}" for rule, _keys in to_change]
        outcome.after = {**outcome.before, **{rule.name: word + "d" for rule, _keys in to_change}}
        outcome.message = f"Would {word} the KMS firewall exception."
    else:
        after = _switch(run, to_change, enabled, word)
        outcome.after = _state(after)
        undone = [rule.name for rule, _keys in after if rule.enabled is not enabled]
        if undone:
            raise NotAppliedError(
                f"the machine answered that it would {word} the firewall rule {' and '.join(undone)}, but reading it back shows no change",
                "look for a group policy or a security agent that owns the firewall of this machine",
            )
        before = after
        outcome.message = f"The KMS firewall exception was {word}d."
    outcome.extra["rules"] = [{**rule.facts(), "enabled": enabled} for rule, _keys in before]
    return outcome


def _switch(run: Run, rules: t.Sequence[AddressedRule], enabled: bool, word: str) -> AddressedRules:
    """Switch each rule once, and return all of them as they are afterwards."""
    writes = [
        Write(
            Invoke(RULE_CLASS, "Enable" if enabled else "Disable", keys=keys),
            achieved=f"the firewall rule {rule.name} was {word}d",
            undone=f"the firewall rule {rule.name} was not {word}d",
        )
        for rule, keys in rules
    ]
    return write_once(
        run, *writes, read=lambda: read_rules(run.windows), done=lambda found: all(rule.enabled is enabled for rule, _keys in found)
    )


def _warnings(readings: t.Mapping[ReadOperation, Reading], rules: AddressedRules) -> list[str]:
    found = []
    listening_port = _listening_port(readings[PORT_QUERY])
    if listening_port not in (None, DEFAULT_PORT):
        found.append(
            f"This KMS host listens on port {listening_port}, but the built-in firewall exception opens {DEFAULT_PORT} only: "
            f"a rule of its own is needed for port {listening_port}."
        )
    for profile in sorted({profile for rule, _keys in rules for profile in rule.profiles}):
        reading = readings[POLICY_READS[profile]]
        if reading.error is None and reading.value == 0:
            found.append(
                f"Group policy ignores local firewall rules in the {profile} profile (AllowLocalPolicyMerge is 0): "
                "the exception has no effect there until the policy itself allows KMS."
            )
    return found


def _listening_port(reading: Reading) -> int | None:
    """Return the port on which this machine's KMS host listens, or would; None where that can't be read: only a warning is lost."""
    rows = [] if reading.error is not None else reading.value
    if len(rows) != 1:
        return None
    port = rows[0]["KeyManagementServiceListeningPort"]
    # 0 stands for the default (slmgr.vbs treats it so).
    return DEFAULT_PORT if port in (None, 0, NOT_AVAILABLE) else int(port)


def _rule(row: Row) -> FirewallRule:
    bits = t.cast("int | None", row["Profiles"]) or 0
    return FirewallRule(
        name=str(row["InstanceID"]),
        display_name=t.cast("str | None", row["DisplayName"]),
        enabled=row["Enabled"] == ENABLED,
        profiles=tuple(word for bit, word in PROFILES.items() if not bits or bits & bit),
        action=ACTIONS.get(t.cast(int, row["Action"]), f"unknown_{row['Action']}"),
    )


def _state(rules: AddressedRules) -> dict[str, t.Any]:
    return {rule.name: "enabled" if rule.enabled else "disabled" for rule, _keys in rules}
