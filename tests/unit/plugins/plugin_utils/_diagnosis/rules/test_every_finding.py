# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every finding of the catalogue has evidence that leads to it, and what it then tells the user is complete.

The table has for each id a small estate, as arguments of diagnose(). What a rule makes of what is in its own tests. What is said of these estates are the
examples of docs/findings.md: python -m tests.unit.plugins.plugin_utils._diagnosis.rules.test_every_finding writes them anew.
"""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.findings import finding_types
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.case import Policy
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.engine import diagnose

from tests.unit.plugins.plugin_utils._diagnosis.evidence import (
    DOMAIN,
    NOW,
    ago,
    cmid_of,
    discovery,
    domain,
    endpoint,
    firewall_rule,
    iso,
    kms_client,
    kms_host,
    log,
    probe,
    publish_failed,
    record,
    request_sent,
    request_served,
    response_processed,
    seen_domain,
    slui_failed,
)

KMS01, KMS02, GONE = (f"{name}.{DOMAIN}" for name in ("kms01", "kms02", "gone"))
UNLICENSED = {"license_status": 5, "license_status_word": "notification", "grace_minutes": 0}
NO_REQUESTS = {"total": 0, "failed": 0}
WS19 = {"description": "Windows(R) Operating System, VOLUME_KMS_WS19 channel"}
WS25 = {"description": "Windows(R) Operating System, VOLUME_KMS_WS25 channel"}


def estate(*machines, **around):
    return {"machines": machines, **around}


def host(**changes):
    return estate(kms_host(**changes))


def client(**changes):
    return estate(kms_host(), kms_client(**changes), srv=[domain(record())])


def needy(**changes):
    """Return an estate with a client that is not activated and keeps no host."""
    service = {"kms_machine_discovered": None, **changes.pop("service", {})}
    return client(product={**UNLICENSED, "kms_machine_discovered": None, **changes.pop("product", {})}, service=service, **changes)


def refused(code, name=KMS01):
    return log(request_sent(time=ago(hours=2), code=code, host=name, license_status=5))


def configured(name, port=1688):
    return {"kms_machine_configured": {"name": name, "port": port, "level": "machine"}}


def spread():
    return estate(*(kms_host(name, product={"count": 14}) for name in ("kms01", "kms02")), *(kms_client(f"pc{n}") for n in range(26)))


CASES = {
    "host_service_too_old_for_key": lambda: host(machine={"build": 14393}, product={**WS25, **UNLICENSED}),
    "host_service_looks_old": lambda: host(service={"version": "10.0.20348.2227"}, product={**WS25, **UNLICENSED}),
    "host_has_no_host_key": lambda: estate(kms_client("gone"), srv=[domain(record(GONE))]),
    "host_not_licensed": lambda: host(product=UNLICENSED),
    "host_service_not_running": lambda: host(service={"state": "Stopped"}),
    "host_firewall_exception_off": lambda: {
        **host(host={"firewall_rules": [firewall_rule(enabled=False)]}),
        "probes": [probe(outcome="timeout")],
    },
    "host_firewall_blocks": lambda: host(host={"firewall_rules": [firewall_rule(action="block")]}),
    "host_firewall_profile_missing": lambda: host(host={"firewall_rules": [firewall_rule(profiles=["public"])]}),
    "host_firewall_other_port": lambda: {**host(host={"listening_port": 1689}), "probes": [probe(outcome="timeout", port=1689)]},
    "host_port_closed": lambda: estate(kms_host(), probes=[probe(outcome="timeout")]),
    "host_key_too_old_for_clients": lambda: host(events=log(request_served(code=0xC004F015))),
    "host_clock_off": lambda: host(machine={"clock_offset_seconds": 5 * 3600.0}),
    "host_low_priority": lambda: host(host={"low_priority": True}),
    "host_log_full": lambda: host(events=log(kms={"full": True})),
    "dns_publish_failed": lambda: host(events=log(publish_failed())),
    "dns_publishing_off": lambda: host(host={"dns_publishing": False}),
    "dns_record_by_hand": lambda: estate(kms_host(host={"dns_publishing": False}), srv=[domain(record())]),
    "srv_missing": lambda: estate(kms_host(), srv=[domain()]),
    "srv_wrong_port": lambda: estate(kms_host(), srv=[domain(record(port=1689))]),
    "srv_rogue": lambda: estate(kms_host(), srv=[domain(record(KMS02))], policy=Policy((KMS01,))),
    "srv_stale": lambda: estate(srv=[domain(record(GONE), addresses={GONE: []})]),
    "srv_target_not_reached": lambda: estate(srv=[domain(record(GONE))], probes=[probe(GONE, "timeout")]),
    "srv_servers_disagree": lambda: estate(srv=[domain(record(), servers={"ns1": [record()], "ns2": []})]),
    "duplicate_cmids": lambda: estate(*(kms_client(name, service={"cmid": cmid_of("image")}) for name in ("pc01", "pc02"))),
    "count_spread": spread,
    "host_count_zero_new": lambda: host(product={"count": 0, "requests": NO_REQUESTS}),
    "host_count_zero_nobody": lambda: host(product={"count": 0}),
    "host_count_too_low": lambda: host(product={"count": 3}),
    "host_failed_requests": lambda: host(product={"requests": {"total": 900, "failed": 3}}),
    "host_key_does_not_list_clients": lambda: estate(kms_host(product=WS19), kms_client()),
    "hosts_disagree": lambda: estate(kms_host(), kms_host("kms02", product=WS19)),
    "machine_ambiguous": lambda: estate(
        kms_client(products=[kms_host().facts.as_dict()["products"][0], kms_client().facts.as_dict()["products"][0]])
    ),
    "client_evaluation": lambda: client(machine={"edition_id": "ServerStandardEval"}, product={"role": "evaluation", **UNLICENSED}),
    "client_key_for_other_edition": lambda: client(
        machine={"edition_id": "ServerStandard", "build": 20348}, product={"partial_key": "6VM33", **UNLICENSED}
    ),
    "client_wrong_channel": lambda: client(product={"role": "mak", "grace_minutes": 0}),
    "client_service_disabled": lambda: client(service={"start_mode": "Disabled"}),
    "client_activation_type_restricted": lambda: client(product={"activation_type_enabled": "active_directory"}),
    "client_override_public": lambda: client(service=configured("kms.elsewhere.net")),
    "client_override_dead": lambda: needy(service=configured(GONE), discovery=discovery(endpoint("no_address", GONE, source="configured"))),
    "client_port_differs": lambda: needy(
        service=configured(KMS01, 1689), discovery=discovery(endpoint("refused", port=1689, source="configured"))
    ),
    "client_platform_host": lambda: client(service=configured("azkms.core.windows.net")),
    "client_on_unapproved_host": lambda: {**client(service=configured(KMS02)), "policy": Policy((KMS01,))},
    "client_no_srv": lambda: needy(discovery=discovery(domains=[seen_domain()])),
    "client_cached_host_dead": lambda: client(
        product={"kms_machine_discovered": None},
        service={"kms_machine_discovered": {"name": KMS02, "port": 1688}},
        discovery=discovery(endpoint("timeout", KMS02), endpoint(source="srv")),
    ),
    "client_blocked_on_the_way": lambda: {**needy(discovery=discovery(endpoint("timeout", source="srv"))), "probes": [probe()]},
    "client_clock_differs": lambda: needy(events=refused(0xC004F06C)),
    "client_host_not_reached": lambda: needy(events=refused(0x800706BA)),
    "client_host_not_enabled": lambda: needy(events=refused(0xC004F039)),
    "client_host_not_licensed": lambda: needy(events=refused(0xC004F041)),
    "client_host_too_old": lambda: needy(events=refused(0xC004F042)),
    "client_count_too_low": lambda: needy(
        events=log(
            request_sent(time=ago(hours=2), license_status=5),
            response_processed(time=ago(hours=2), activated=False, count=3, status_flags=0x04000000, flags=["not_enough_count"]),
        )
    ),
    "client_answer_lost": lambda: estate(
        kms_host(events=log(request_served(time=ago(hours=2), license_status=5))),
        kms_client(
            product={**UNLICENSED, "kms_machine_discovered": None},
            service={"kms_machine_discovered": None},
            events=log(request_sent(time=ago(hours=2), code=0x800706BA, license_status=5)),
        ),
        srv=[domain(record())],
    ),
    "client_activation_error": lambda: needy(events=log(slui_failed(0xC004F035, time=ago(hours=2)))),
    "client_never_asked": lambda: needy(events=log()),
    "client_renewals_failing": lambda: client(product={"grace_minutes": 150 * 1440}, events=refused(0x800706BA)),
    "client_not_renewed_lately": lambda: client(product={"grace_minutes": 150 * 1440}, events=log()),
    "client_grace_running_out": lambda: client(product={"grace_minutes": 9 * 1440}),
    "client_not_activated": lambda: client(product=UNLICENSED),
    "log_lost_events": lambda: needy(events=log(application={"oldest_record_at": iso(ago(hours=5)), "about_to_overwrite": True})),
    "evidence_incomplete": lambda: client(problems=["reading the registry value EditionID: access denied"]),
}


def diagnosed(arguments):
    machines = arguments.pop("machines")
    return diagnose(lambda: machines, now=NOW, **arguments)


def shown(diagnosis, rule):
    """Return a finding as a user sees it: as a root or among the consequences of one."""
    for root in diagnosis.as_dict()["findings"]:
        for found in (root, *root["consequences"]):
            if found["id"] == rule:
                return found
    raise AssertionError(f"no {rule} among {dict(diagnosis.counts)}")


EXAMPLES = pathlib.Path(__file__).resolve().parents[6] / "docs/finding_examples.yml"
HEADER = "".join(f"{line}\n" for line in EXAMPLES.read_text(encoding="utf-8").splitlines() if line.startswith("#"))


def examples():
    """Return what the page shows of each finding: the sentence, and where its proofs are from."""
    found = {row.id: shown(diagnosed(CASES[row.id]()), row.id) for row in finding_types()}
    return {rule: {"sentence": row["sentence"], "proofs": [proof["source"] for proof in row["proofs"]]} for rule, row in found.items()}


def test_the_examples_of_the_page_are_what_is_said_now():
    told = yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))
    assert told == examples(), f"run: python -m {__spec__.name}, then python docs/generate_findings.py"


def test_the_table_has_every_finding():
    assert list(CASES) and set(CASES) == {row.id for row in finding_types()}


@pytest.mark.parametrize("rule", CASES)
def test_evidence_leads_to_the_finding(rule):
    diagnosis = diagnosed(CASES[rule]())
    assert diagnosis.counts.get(rule), dict(diagnosis.counts)
    found = shown(diagnosis, rule)
    assert found["sentence"] and found["proofs"]
    assert all(proof["text"] and proof["source"] for proof in found["proofs"])


@pytest.mark.parametrize("rule", [row.id for row in finding_types() if row.scope != "client"])
def test_what_to_do_names_what_it_is_about(rule):
    found = shown(diagnosed(CASES[rule]()), rule)
    if "remedy" not in found:
        pytest.fail(f"{rule} is folded in its own case: {found}")
    texts = [text for text in found["remedy"].values() if text]
    assert not {word for text in texts for word in re.findall(r"<[a-z_ ]+>", text)}


@pytest.mark.parametrize("met", ["connected", "timeout", "unreachable", "no_address"])
def test_a_healthy_estate_gives_no_finding_and_no_gap_whatever_the_controller_meets(met):
    served = log(*(request_served(f"pc{n}", time=ago(days=1)) for n in range(30)))
    machines = [
        kms_host(events=served),
        *(
            kms_client(
                f"pc{n}",
                events=log(request_sent(f"pc{n}", time=ago(days=1)), response_processed(time=ago(days=1))),
                discovery=discovery(endpoint()),
            )
            for n in range(30)
        ),
    ]
    diagnosis = diagnosed({"machines": machines, "srv": [domain(record())], "probes": [probe(outcome=met)], "policy": Policy((KMS01,))})
    assert (dict(diagnosis.counts), diagnosis.gaps) == ({}, ())
    # Nor does a record look dead where nothing is known of its host but what its clients tell.
    without_host = diagnosed({"machines": machines[1:], "srv": [domain(record())], "probes": [probe(outcome=met)]})
    assert dict(without_host.counts) == {}


class _Indented(yaml.SafeDumper):
    """Indents lists below their key, as yamllint wants it."""

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


if __name__ == "__main__":
    text = yaml.dump(examples(), Dumper=_Indented, sort_keys=False, allow_unicode=True, width=140)
    EXAMPLES.write_text(HEADER + text, encoding="utf-8")
