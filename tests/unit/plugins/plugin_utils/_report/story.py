# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client in its grace period that got no answer, and a host whose firewall exception is off: the evidence of a few tests."""

from __future__ import annotations

import typing as t

from ansible_collections.activation.kms.plugins.plugin_utils._report.bundle_contents import facts_row

from tests.unit.plugins.plugin_utils._diagnosis.evidence import ago, cmid_of, firewall_rule, kms_client, kms_host, log, record, request_sent

Plain = dict[str, t.Any]

DOMAIN = "corp.example.com"
ADDRESS = "192.168.7.10"

UNREACHABLE = 0x800706BA
"""RPC_S_SERVER_UNAVAILABLE: what a lone 12288 has for a port that does not answer (SupportArticles-docs, error-0xc004f074-activate-windows)."""

LONE_REQUEST = f"0x800706BA, 0x00000008, kms01.{DOMAIN}:1688, {cmid_of('pc01')}, 2026/11/24 06:15, 1, 2, 43200, 73111121-5638-40f6-bc11-f1d7b0d64300, 25"


def client_row(**changes: t.Any) -> Plain:
    """Return the client's facts line."""
    asked = request_sent("pc01", time=ago(hours=2), code=UNREACHABLE, license_status=2, minutes_to_expiry=43200)
    asked |= {"computer": f"pc01.{DOMAIN}", "strings": [LONE_REQUEST], "record_number": 77}
    client = kms_client(
        "pc01",
        product={
            "license_status": 2,
            "license_status_word": "oob_grace",
            "grace_minutes": 41000,
            "kms_machine_discovered": None,
            "kms_host_product_id": None,
            "activation_type": None,
            "reason": {"code": "0x4004F00C", "symbol": None, "meaning": None},
        },
        service={"kms_machine_discovered": None},
        events=log(asked),
    )
    return {**facts_row(client), **changes}


def host_row(**changes: t.Any) -> Plain:
    """Return the host's facts line: it has no 12290."""
    host = kms_host("kms01", host={"firewall_rules": [firewall_rule(enabled=False)]}, events=log())
    return {**facts_row(host), **changes}


def srv_row() -> Plain:
    """Return what srv_info says of the domain."""
    found = {**record(), "addresses": [ADDRESS], "ttl": 600}
    return {
        "domain": DOMAIN,
        "name": f"_vlmcs._tcp.{DOMAIN}",
        "zone": DOMAIN,
        "resolver": {"name_servers": ["192.168.7.2"], "status": "answered", "detail": None},
        "records": [found],
        "authoritative": [
            {
                "server": f"ns1.{DOMAIN}",
                "address": "192.168.7.2",
                "status": "answered",
                "authoritative": True,
                "detail": None,
                "records": [record()],
            }
        ],
        "consistent": True,
        "problems": [f"ns2.{DOMAIN} (192.168.7.3) did not answer in time."],
    }


def probe_row() -> Plain:
    """Return what the controller saw."""
    return {
        "host": ADDRESS,
        "port": 1688,
        "outcome": "timeout",
        "address": ADDRESS,
        "milliseconds": 5000,
        "code": None,
        "seen_from": "controller",
    }
