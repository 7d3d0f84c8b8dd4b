# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders of evidence for the tests of rules: a healthy KMS host, a healthy KMS client, their events, SRV records and probes.

Everything goes through the readers of plain data, as it does for a user. A test names what differs from the healthy state:

    kms_host(service={"state": "Stopped"})              a part of the facts, merged over the healthy one
    kms_host(product={"license_status": 5})             the machine's Windows product
    kms_host(host=None)                                 a part that was not seen
    kms_client("pc02", events=log(request_sent(...)))   with records
    case(hosts=[...], srv=[domain(...)])                what rules get besides the machine
"""

from __future__ import annotations

import datetime
import typing as t
import uuid

from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.loader import explain_code, license_status_word
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.case import (
    Case,
    DomainEvidence,
    MachineEvidence,
    Policy,
    read_domain,
    read_machine,
)
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.contacts import ContactsOfClients
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.finding import Finding, Judgement, Unjudged
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event import APPLICATION_LOG, KMS_LOG, read_event
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.host_index import HostIndex
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.view import EndpointView, read_endpoint

Plain = dict[str, t.Any]

NOW = datetime.datetime(2026, 11, 24, 8, 15, tzinfo=datetime.UTC)
DOMAIN = "corp.example.com"

WINDOWS_APPLICATION = "55c92734-d682-4d71-983e-d6ec3f16059f"
OFFICE_APPLICATION = "0ff1ce15-a989-479d-af46-f275c6370663"
HOST_KEY = "8f365ba6-c1b9-4223-98fc-282a0756a3ed"
SERVER_CLIENT = "ef6cfc9f-8c5d-44ac-9aad-de6a2ea0ae03"
DESKTOP_CLIENT = "73111121-5638-40f6-bc11-f1d7b0d64300"
"""Activation ids: any three that differ do."""


def ago(**elapsed: float) -> datetime.datetime:
    """Return the moment so long before NOW."""
    return NOW - datetime.timedelta(**elapsed)


def iso(moment: datetime.datetime | None) -> str | None:
    """Return a moment as plain data has it."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def cmid_of(name: str) -> str:
    """Return the client machine id of a machine: the same for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name.lower()))


def kms_host(name: str = "kms01", **changes: t.Any) -> MachineEvidence:
    """Return a KMS host: Windows Server 2022 with its own key, licensed, reachable, published, 50 machines counted. No events were read."""
    return _machine(_host_facts(name), changes)


def kms_client(name: str = "pc01", **changes: t.Any) -> MachineEvidence:
    """Return a KMS client: Windows 11 Enterprise, licensed by kms01, renewed yesterday. No events were read."""
    return _machine(_client_facts(name), changes)


def _machine(facts: Plain, changes: Plain) -> MachineEvidence:
    """Return a machine: C(product) is merged over the first product, other mappings over parts, anything else takes a part's place."""
    for part, change in changes.items():
        if part == "product":
            facts["products"][0].update(change)
        elif isinstance(change, dict) and isinstance(facts.get(part), dict):
            facts[part].update(change)
        elif change is None and part in facts:
            del facts[part]
        else:
            facts[part] = change
    return read_machine(facts)


def _facts(name: str) -> Plain:
    return {
        "schema": 1,
        "inventory_hostname": name,
        "collected_at": iso(NOW),
        "machine": {
            "name": name.upper(),
            "fqdn": f"{name.lower()}.{DOMAIN}",
            "caption": "Microsoft Windows Server 2022 Datacenter",
            "edition_id": "ServerDatacenter",
            "build": 20348,
            "version": "10.0.20348",
            "product_type": "server",
            "language": 1033,
            "clock_offset_seconds": 0.0,
        },
        "service": {
            "version": "10.0.20348.2966",
            "cmid": cmid_of(name),
            "state": "Running",
            "start_mode": "Auto",
            "host_caching": True,
            "activation_interval_minutes": 120,
            "renewal_interval_minutes": 10080,
            "rearms_remaining": 1000,
            "kms_machines_set": [],
        },
        "host": {"is_kms_host": False},
        "problems": [],
        "problem_details": [],
    }


def host_product(**changes: t.Any) -> Plain:
    """Return a host key as a product: that of Windows Server 2022, licensed, with 50 machines counted."""
    return {
        "activation_id": HOST_KEY,
        "application_id": WINDOWS_APPLICATION,
        "application": "windows",
        "name": "Windows(R), ServerDatacenter edition",
        "description": "Windows(R) Operating System, VOLUME_KMS_WS22 channel",
        "product_key_channel": "Volume:CSVLK",
        "role": "kms_host",
        "partial_key": "HOST1",
        "license_status": 1,
        "license_status_word": "licensed",
        "grace_minutes": 0,
        "is_addon": False,
        "count": 50,
        "requests": {
            "total": 900,
            "failed": 0,
            "unlicensed": 0,
            "licensed": 800,
            "oob_grace": 100,
            "oot_grace": 0,
            "non_genuine_grace": 0,
            "notification": 0,
        },
        **changes,
    }


def office_host_product(**changes: t.Any) -> Plain:
    """Return the host key of Office LTSC 2021 as a product."""
    return host_product(
        **{
            "activation_id": "47f3b983-7c53-4d45-abc6-bcd91e2dd90a",
            "application_id": OFFICE_APPLICATION,
            "application": "office",
            "name": "Office 21, Office21KMSHostVL_KMS_Host edition",
            "description": "Office 21, VOLUME_KMS channel",
            "partial_key": "HOST2",
            **changes,
        }
    )


def client_product(**changes: t.Any) -> Plain:
    """Return a KMS client key as a product: that of Windows 11 Enterprise, licensed, renewed yesterday."""
    return {
        "activation_id": DESKTOP_CLIENT,
        "application_id": WINDOWS_APPLICATION,
        "application": "windows",
        "name": "Windows(R), Enterprise edition",
        "description": "Windows(R) Operating System, VOLUME_KMSCLIENT channel",
        "product_key_channel": "Volume:GVLK",
        "role": "kms_client",
        "partial_key": "2YT43",
        "license_status": 1,
        "license_status_word": "licensed",
        "grace_minutes": 179 * 1440,
        "is_addon": False,
        "required_count": 25,
        "activation_type": "kms",
        "activation_type_enabled": "all",
        "activation_interval_minutes": 120,
        "renewal_interval_minutes": 10080,
        "kms_machine_discovered": {"name": f"kms01.{DOMAIN}", "port": 1688, "level": "product"},
        **changes,
    }


def firewall_rule(**changes: t.Any) -> Plain:
    """Return the built-in rule of Windows Server, switched on."""
    return {
        "name": "SPPSVC-In-TCP",
        "display_name": "Key Management Service (TCP-In)",
        "enabled": True,
        "profiles": ["domain", "private", "public"],
        "action": "allow",
        **changes,
    }


def _host_facts(name: str) -> Plain:
    product = host_product()
    return {
        **_facts(name),
        "host": {
            "is_kms_host": True,
            "activation_id": HOST_KEY,
            "count": product["count"],
            "listening_port": 1688,
            "dns_publishing": True,
            "publish_domains": [],
            "low_priority": False,
            "requests": product["requests"],
            "firewall_rules": [firewall_rule()],
        },
        "products": [product],
    }


def _client_facts(name: str) -> Plain:
    facts = _facts(name)
    facts["machine"].update(
        caption="Microsoft Windows 11 Enterprise", edition_id="Enterprise", build=26100, version="10.0.26100", product_type="workstation"
    )
    facts["service"].update(
        version="10.0.26100.2605", kms_machine_discovered={"name": f"kms01.{DOMAIN}", "port": 1688, "level": "product"}, state="Stopped"
    )
    return {**facts, "products": [client_product()]}


# --- events


def log(*records: Plain, application: Plain | None = None, kms: Plain | None = None, **changes: t.Any) -> Plain:
    """Return what was read of both logs: these records, and logs that are complete, enabled and far from full.

    application, kms: what differs in the state of a log.
    """
    return {
        "collected_at": iso(NOW),
        "since": iso(ago(days=30)),
        "logs": [_log_state(APPLICATION_LOG, application), _log_state(KMS_LOG, kms)],
        "records": list(records),
        "problems": [],
        **changes,
    }


def _log_state(name: str, changes: Plain | None) -> Plain:
    return {
        "log": name,
        "complete": True,
        "enabled": True,
        "mode": "circular",
        "full": False,
        "about_to_overwrite": False,
        "file_bytes": 1 << 20,
        "maximum_bytes": 20 << 20,
        "records": 1000,
        "oldest_record_at": iso(ago(days=60)),
        "problem": None,
        **(changes or {}),
    }


def _event(event_id: int, name: str, side: str, log_name: str, time: datetime.datetime | None, code: int | None, fields: Plain) -> Plain:
    return {
        "event_id": event_id,
        "name": name,
        "side": side,
        "log": log_name,
        "time": iso(time),
        "code": None if code is None else code_facts(code),
        "fields": {key: iso(value) if isinstance(value, datetime.datetime) else value for key, value in fields.items()},
    }


def code_facts(code: int) -> Plain:
    """Return a code, explained."""
    known = explain_code(code)
    return {"code": f"0x{code:08X}", "symbol": known.symbol if known else None, "meaning": known.meaning if known else None}


def request_sent(
    name: str = "pc01",
    *,
    time: datetime.datetime | None = NOW,
    code: int = 0,
    host: str = f"kms01.{DOMAIN}",
    port: int = 1688,
    **fields: t.Any,
) -> Plain:
    """Return a 12288 of a client."""
    status = fields.get("license_status", 1)
    return _event(
        12288,
        "request_sent",
        "client",
        APPLICATION_LOG,
        time,
        code,
        {
            "status_flags": 0,
            "flags": [],
            "host": host,
            "port": port,
            "cmid": cmid_of(name),
            "client_time": time,
            "virtual": True,
            "license_status": status,
            "license_status_word": license_status_word(status),
            "minutes_to_expiry": 179 * 1440,
            "activation_id": DESKTOP_CLIENT,
            "required_count": 25,
            **fields,
        },
    )


def response_processed(*, time: datetime.datetime | None = NOW, code: int = 0, **fields: t.Any) -> Plain:
    """Return a 12289 of a client: activated, 50 machines counted."""
    return _event(
        12289,
        "response_processed",
        "client",
        APPLICATION_LOG,
        time,
        code,
        {
            "status_flags": 0,
            "flags": [],
            "activated": True,
            "count": 50,
            "activation_interval_minutes": 120,
            "renewal_interval_minutes": 10080,
            "client_time": time,
            **fields,
        },
    )


def request_served(name: str = "pc01", *, time: datetime.datetime | None = NOW, code: int = 0, **fields: t.Any) -> Plain:
    """Return a 12290 of a host about a client."""
    status = fields.get("license_status", 1)
    return _event(
        12290,
        "request_served",
        "host",
        KMS_LOG,
        time,
        code,
        {
            "required_count": 25,
            "client": f"{name}.{DOMAIN}",
            "cmid": cmid_of(name),
            "client_time": time,
            "virtual": True,
            "license_status": status,
            "license_status_word": license_status_word(status),
            "minutes_to_expiry": 179 * 1440,
            "activation_id": DESKTOP_CLIENT,
            **fields,
        },
    )


def publish_failed(code: int = 0x80072338, *, domain: str = DOMAIN, time: datetime.datetime | None = NOW) -> Plain:
    """Return a 12293 of a host."""
    return _event(12293, "publish_failed", "host", APPLICATION_LOG, time, code, {"domain": domain})


def published(*, domain: str = DOMAIN, time: datetime.datetime | None = NOW) -> Plain:
    """Return a 12294 of a host."""
    return _event(12294, "published", "host", APPLICATION_LOG, time, None, {"domain": domain})


# --- what is around the machines


def record(target: str = f"kms01.{DOMAIN}", port: int = 1688, **changes: t.Any) -> Plain:
    """Return one SRV record of srv_info."""
    return {"target": target, "port": port, "priority": 0, "weight": 0, "ttl": 3600, **changes}


def domain(
    *records: Plain,
    name: str = DOMAIN,
    status: str | None = None,
    addresses: dict[str, list[str] | None] | None = None,
    servers: dict[str, list[Plain] | str] | None = None,
) -> DomainEvidence:
    """Return the SRV records of a domain; without C(servers) both authoritative servers have the same.

    addresses: of targets; 192.0.2.10 for one that is not named, None for one whose addresses were not looked up.
    servers:   the records of each authoritative server, or the word why they are not known.
    """
    found = servers if servers is not None else {"ns1": list(records), "ns2": list(records)}
    rows = [_server(server, answer) for server, answer in found.items()]
    counted = [row["records"] for row in rows if row["status"] in ("answered", "no_record", "nxdomain")]
    return read_domain(
        {
            "domain": name,
            "name": f"_vlmcs._tcp.{name}",
            "resolver": {"status": status or ("answered" if records else "nxdomain")},
            "records": [{**row, "addresses": (addresses or {}).get(row["target"], ["192.0.2.10"])} for row in records],
            "authoritative": rows,
            "consistent": bool(counted) and all(rows == counted[0] for rows in counted),
        }
    )


def _server(name: str, answer: list[Plain] | str) -> Plain:
    known = not isinstance(answer, str)
    return {
        "server": f"{name}.{DOMAIN}",
        "address": "192.0.2.53",
        "status": ("answered" if answer else "nxdomain") if known else answer,
        "records": answer if known else [],
    }


def probe(host: str = f"kms01.{DOMAIN}", outcome: str = "connected", port: int = 1688, seen_from: str = "controller") -> EndpointView:
    """Return one TCP connection that was tried."""
    return read_endpoint({"host": host, "port": port, "outcome": outcome, "address": "192.0.2.10", "seen_from": seen_from})


def case(
    *,
    hosts: t.Iterable[MachineEvidence] = (),
    earlier: t.Iterable[MachineEvidence] = (),
    srv: t.Iterable[DomainEvidence] = (),
    probes: t.Iterable[EndpointView] = (),
    approved: t.Iterable[str] = (),
    now: datetime.datetime = NOW,
    served: t.Iterable[Plain] = (),
    clients: t.Iterable[MachineEvidence] = (),
) -> Case:
    """Return a case of these. C(served) are 12290 of an export; those of the hosts' own logs are in it anyway. C(clients) have streamed by."""
    hosts = tuple(hosts)
    index = HostIndex()
    for host in hosts:
        for event in host.records(12290):
            index.add(event)
    for row in served:
        index.add(read_event(row))
    srv, contacts = tuple(srv), ContactsOfClients(now)
    for client in clients:
        contacts.add(client, Case(srv=srv, now=now))
    return Case(
        hosts=hosts,
        earlier=earlier,
        srv=srv,
        probes=probes,
        policy=Policy(tuple(approved)),
        now=now,
        served=index,
        reached=contacts.reached,
        not_reached=contacts.not_reached,
        without_record=contacts.without_record,
    )


# --- what rules say


def findings(judgements: t.Iterable[Judgement]) -> list[Finding]:
    """Return the findings among judgements."""
    return [judgement for judgement in judgements if isinstance(judgement, Finding)]


def the_finding(judgements: t.Iterable[Judgement]) -> Finding:
    """Return the only finding among judgements. Raises AssertionError when there is none or more than one."""
    found = findings(judgements)
    assert len(found) == 1, found
    return found[0]


def gaps(judgements: t.Iterable[Judgement]) -> list[Unjudged]:
    """Return what could not be judged."""
    return [judgement for judgement in judgements if isinstance(judgement, Unjudged)]


def rules_of(judgements: t.Iterable[Judgement]) -> list[str]:
    """Return the ids of the findings among judgements."""
    return [finding.rule for finding in findings(judgements)]


# --- what clients write and see


def slui_failed(code: int, *, time: datetime.datetime | None = NOW, **fields: t.Any) -> Plain:
    """Return an 8198 of a client: an activation that Windows started itself failed."""
    return _event(8198, "slui_failed", "client", APPLICATION_LOG, time, code, {"activation_id": DESKTOP_CLIENT, **fields})


def discovery(*endpoints: Plain, domains: t.Iterable[Plain] | None = None, **changes: t.Any) -> Plain:
    """Return a client's own view: these endpoints, and the SRV record of kms01 in the estate's domain unless C(domains) says otherwise."""
    found = [seen_domain(record())] if domains is None else list(domains)
    return {"collected_at": iso(NOW), "domains": found, "endpoints": list(endpoints), "problems": [], **changes}


def seen_domain(*records: Plain, domain: str = DOMAIN, status: str | None = None) -> Plain:
    """Return what a client's resolver says of one domain."""
    return {
        "domain": domain,
        "name": f"_vlmcs._tcp.{domain}",
        "status": status or ("found" if records else "no_name"),
        "records": list(records),
    }


def endpoint(outcome: str = "connected", host: str = f"kms01.{DOMAIN}", port: int = 1688, source: str = "cached") -> Plain:
    """Return one connection that a client tried."""
    return {"host": host, "port": port, "outcome": outcome, "source": source}
