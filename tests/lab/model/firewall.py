# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's Windows Firewall: its local rules, and what they let in."""

from __future__ import annotations

import dataclasses
import typing as t

from .registry import Registry
from .windows import Windows

ALLOW, BLOCK = 2, 4
INBOUND, OUTBOUND = 1, 2
DOMAIN, PRIVATE, PUBLIC = 1, 2, 4
ANY_PROFILE = 0
"""Numbers of MSFT_NetFirewallRule (Microsoft: Learn, FWP/wfascimprov)."""

KMS_RULE = "SPPSVC-In-TCP"
KMS_RULE_NO_SCOPE = "SPPSVC-In-TCP-NoScope"

POLICY = r"SOFTWARE\Policies\Microsoft\WindowsFirewall"
_POLICY_PROFILES = {DOMAIN: "DomainProfile", PRIVATE: "PrivateProfile", PUBLIC: "PublicProfile"}


@dataclasses.dataclass
class Rule:
    """One rule of the local store. C(ports) is empty where the protocol has none."""

    name: str
    display_name: str
    group: str
    program: str
    protocol: str
    ports: tuple[str, ...]
    enabled: bool
    profiles: int = ANY_PROFILE
    action: int = ALLOW
    direction: int = INBOUND


def built_in_rules(windows: Windows) -> list[Rule]:
    """Return the rules of a fresh Windows that matter here, and some that must not be taken for them.

    SPPSVC-In-TCP is there and disabled (Microsoft: windowsserverdocs, kms-create-host, names it; rule lists of real machines show the rest). On client
    Windows it is for the Private and Public profiles, and SPPSVC-In-TCP-NoScope is the one for the Domain profile (rule set of a Windows 11).
    """
    program = r"%SystemRoot%\system32\sppextcomobj.exe"
    kms = Rule(KMS_RULE, "Key Management Service (TCP-In)", "Key Management Service", program, "TCP", ("1688",), enabled=False)
    rules = [kms]
    if not windows.is_server:
        kms.profiles = PRIVATE | PUBLIC
        rules.append(dataclasses.replace(kms, name=KMS_RULE_NO_SCOPE, profiles=DOMAIN))
    return [
        *rules,
        Rule(
            "WINRM-HTTP-In-TCP",
            "Windows Remote Management (HTTP-In)",
            "Windows Remote Management",
            "System",
            "TCP",
            ("5985",),
            enabled=True,
            profiles=3,
        ),
        Rule(
            "FPS-ICMP4-ERQ-In",
            "File and Printer Sharing (Echo Request - ICMPv4-In)",
            "File and Printer Sharing",
            "",
            "ICMPv4",
            (),
            enabled=False,
        ),
        Rule("RemoteDesktop-UserMode-In-TCP", "Remote Desktop - User Mode (TCP-In)", "Remote Desktop", "", "TCP", ("3389",), enabled=False),
        Rule(
            "CoreNet-DHCP-In",
            "Core Networking - Dynamic Host Configuration Protocol (DHCP-In)",
            "Core Networking",
            "",
            "UDP",
            ("68",),
            enabled=True,
        ),
    ]


def allows(rules: t.Iterable[Rule], registry: Registry, port: int, profile: int) -> bool:
    """Return whether TCP C(port) is let in on the network profile in use.

    AllowLocalPolicyMerge = 0 in the policy of that profile makes Windows ignore the local rules (Microsoft: MS-GPFAS 2.2.3.13). A block rule wins over an
    allow rule (Microsoft: Learn, Windows Firewall rules). Anything not allowed stays out.
    """
    if registry.number(rf"{POLICY}\{_POLICY_PROFILES[profile]}", "AllowLocalPolicyMerge") == 0:
        return False
    fitting = [
        rule
        for rule in rules
        if rule.enabled
        and rule.direction == INBOUND
        and rule.protocol == "TCP"
        and str(port) in rule.ports
        and (rule.profiles == ANY_PROFILE or rule.profiles & profile)
    ]
    return bool(fitting) and all(rule.action == ALLOW for rule in fitting)
