# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Estates as they are, in order though not by the book: a diagnosis finds nothing in them above info."""

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.case import Policy
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.engine import diagnose
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.finding import Severity

from tests.unit.plugins.plugin_utils._diagnosis.evidence import (
    DOMAIN,
    NOW,
    OFFICE_APPLICATION,
    ago,
    client_product,
    discovery,
    domain,
    endpoint,
    firewall_rule,
    host_product,
    kms_client,
    kms_host,
    log,
    office_host_product,
    probe,
    record,
    request_sent,
    request_served,
    response_processed,
    seen_domain,
)

DAY = 1440
KMS01, KMS02 = f"kms01.{DOMAIN}", f"kms02.{DOMAIN}"
AZURE = "azkms.core.windows.net"
UNLICENSED = {"license_status": 5, "license_status_word": "notification", "grace_minutes": 0}
OFFICE = {"application": "office", "application_id": OFFICE_APPLICATION, "activation_id": "0ff1ce00-0000-4000-8000-000000000001"}


def estate(*machines, **around):
    return {"machines": machines, "srv": [domain(record())], **around}


def served(*names):
    """Return the log of a host that served these clients an hour ago."""
    return log(*(request_served(name, time=ago(hours=1)) for name in names))


def renewed(name="pc01", **changes):
    """Return a client that was activated an hour ago, with the records of it."""
    asked = log(request_sent(name, time=ago(hours=1)), response_processed(time=ago(hours=1)))
    return kms_client(name, events=asked, product={"grace_minutes": 180 * DAY - 60}, **changes)


def configured(name, port=1688):
    return {"kms_machine_configured": {"name": name, "port": port, "level": "machine"}}


def by_directory(name, **product):
    return kms_client(
        name,
        product={"activation_type": "active_directory", "kms_machine_discovered": None, "grace_minutes": 175 * DAY, **product},
        service={"kms_machine_discovered": None},
        events=log(),
    )


def own_licence(name, role, **machine):
    changes = {"role": role, "description": f"Windows(R) Operating System, {role.upper()} channel", "grace_minutes": 0}
    return kms_client(name, product={**changes, "kms_machine_discovered": None}, service={"kms_machine_discovered": None}, machine=machine)


ESTATES = {
    "a controller that the firewall lets nowhere near the host": lambda: estate(
        kms_host(events=served("pc01", "pc02")), renewed(), renewed("pc02"), probes=[probe(outcome="timeout")]
    ),
    "the exception is off, and another rule lets clients in": lambda: estate(
        kms_host(host={"firewall_rules": [firewall_rule(enabled=False)]}, events=served("pc01")),
        renewed(),
        probes=[probe()],
    ),
    "the exception is off, the controller is kept out, and clients are served": lambda: estate(
        kms_host(host={"firewall_rules": [firewall_rule(enabled=False)]}, events=served("pc01")),
        renewed(discovery=discovery(endpoint())),
        probes=[probe(outcome="timeout")],
    ),
    "a search list with suffixes that have no record": lambda: estate(
        kms_host(),
        renewed(
            discovery=discovery(
                endpoint(),
                domains=[
                    seen_domain(record()),
                    seen_domain(domain="branch.example"),
                    seen_domain(domain="old.example", status="no_record"),
                ],
            )
        ),
        srv=[domain(record()), domain(name="branch.example"), domain(name="old.example")],
    ),
    "clients of Active Directory beside those of KMS": lambda: estate(
        kms_host(),
        renewed(),
        by_directory("pc02"),
        by_directory("pc03", activation_type_enabled="active_directory"),
        by_directory("pc04", grace_minutes=100 * DAY),
    ),
    "machines on a cloud platform with the host of the platform": lambda: {
        "machines": [
            kms_client(
                "vm01",
                service={**configured(AZURE), "kms_machine_discovered": None},
                product={"kms_machine_discovered": {"name": AZURE, "port": 1688, "level": "product"}},
                discovery=discovery(
                    {**endpoint(host=AZURE, source="configured"), "address": "20.118.99.224"}, domains=[seen_domain(domain="cloud.example")]
                ),
            )
        ],
        "srv": [domain(name=DOMAIN)],
        "probes": [probe(AZURE, "timeout")],
    },
    "clients of another tree of the forest, set to its host": lambda: estate(
        kms_host(), renewed(), kms_client("pc02", service=configured("kms.parent-company.com"))
    ),
    "the same, with its address known": lambda: estate(
        kms_host(),
        kms_client(
            "pc02",
            service=configured("kms.parent-company.com"),
            discovery=discovery({**endpoint(host="kms.parent-company.com", source="configured"), "address": "10.2.3.4"}),
        ),
    ),
    "devices with licences of their own": lambda: estate(
        kms_host(),
        renewed(),
        own_licence("laptop01", "oem", edition_id="Professional"),
        own_licence("laptop02", "retail", edition_id="Enterprise"),
    ),
    "laptops that were off for weeks": lambda: estate(
        kms_host(),
        *(kms_client(f"laptop{n}", product={"grace_minutes": left * DAY}, events=log()) for n, left in enumerate((150, 100, 40))),
    ),
    "leftovers of Office that nobody uses": lambda: estate(
        kms_host(),
        kms_client(
            products=[
                client_product(),
                client_product(**OFFICE, role="retail", name="Office 16, Office16O365ProPlusR_Grace edition", **UNLICENSED),
                client_product(**{**OFFICE, "activation_id": "0ff1ce00-0000-4000-8000-000000000002"}, role=None, **UNLICENSED),
            ]
        ),
    ),
    "a port of its own, with a rule of its own": lambda: estate(
        kms_host(
            host={
                "listening_port": 1690,
                "firewall_rules": [firewall_rule(enabled=False), firewall_rule(name="KMS-1690", display_name="KMS 1690")],
            },
            events=served("pc01"),
        ),
        renewed(
            service={"kms_machine_discovered": {"name": KMS01, "port": 1690, "level": "product"}},
            discovery=discovery(endpoint(port=1690), domains=[seen_domain(record(port=1690))]),
        ),
        srv=[domain(record(port=1690))],
        probes=[probe(port=1690)],
    ),
    "an old host beside its successor": lambda: estate(
        kms_host("kms01", product={"count": 50}, events=served("pc01")),
        kms_host("kms02", product={"count": 50}, events=served("pc02")),
        renewed(),
        renewed("pc02"),
        srv=[domain(record(), record(KMS02))],
        probes=[probe(), probe(KMS02)],
    ),
    "a host of Windows and Office": lambda: estate(
        kms_host(products=[host_product(), office_host_product()], events=served("pc01")),
        kms_client(products=[client_product(), client_product(**OFFICE, required_count=5)]),
    ),
    "a client that is set to its host, and one that was moved there by name only": lambda: estate(
        kms_host(), kms_client(service=configured(KMS01)), kms_client("pc02", service=configured("kms01"))
    ),
}


@pytest.mark.parametrize("name", ESTATES)
def test_nothing_is_found_above_info(name):
    asked = ESTATES[name]()
    machines = asked.pop("machines")
    diagnosis = diagnose(lambda: machines, now=NOW, **asked)
    assert [root.finding.sentence for root in diagnosis.roots if root.severity is not Severity.INFO] == []
    assert diagnosis.as_dict()["healthy"] is True


def test_what_is_found_in_these_is_found_because_they_are_in_order_and_not_because_nothing_is_looked_at():
    """The same machines in trouble: what they are told for is theirs."""
    laptop = kms_client("laptop1", product={"grace_minutes": 20 * DAY}, events=log())
    parent = kms_client(
        "pc02",
        service=configured("kms.parent-company.com"),
        discovery=discovery({**endpoint("timeout", host="kms.parent-company.com", source="configured"), "address": "10.2.3.4"}),
    )
    directory = by_directory("pc03", grace_minutes=3 * DAY)
    device = kms_client(
        "laptop2", product={"role": "oem", **UNLICENSED, "kms_machine_discovered": None}, service={"kms_machine_discovered": None}
    )
    found = diagnose(lambda: [kms_host(), laptop, parent, directory, device], now=NOW, srv=[domain(record())], policy=Policy())
    assert {(root.finding.rule, root.finding.subject) for root in found.roots} == {
        ("client_grace_running_out", "laptop1"),
        ("client_override_dead", "pc02"),
        ("client_grace_running_out", "pc03"),
        ("client_wrong_channel", "laptop2"),
    }
