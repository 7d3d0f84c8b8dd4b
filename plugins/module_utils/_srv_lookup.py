# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The use case of srv_info: look a service up in domains, by the resolver and by every authoritative server, and judge what they say.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Runs on target machines too: Python 3.9, the standard library and what L(_dns) needs. L(_dns) asks, L(_srv) judges.
"""

from __future__ import annotations

import typing as t

from . import _dns, _srv


def look_up(parameters: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the result of srv_info for its options. Raises ValueError or DnsSetupError, in words for the user, on senseless input."""
    service = _srv.check_service(parameters["service"])
    domains = list(dict.fromkeys(_srv.check_domain(domain, service) for domain in parameters["domains"]))
    if not domains:
        raise ValueError("domains is empty; name at least one DNS domain, for example corp.example.com")
    expected = [_endpoint(item) for item in parameters["expect"]]
    _check_port("port", parameters["port"])
    if not 0 < parameters["timeout"] <= 300:
        raise ValueError(f"timeout is {parameters['timeout']:g}; it is a number of seconds above 0 and up to 300")
    names = [(domain, _dns.absolute_name(f"{service}.{domain}")) for domain in domains]
    client = _dns.Client(parameters["name_servers"], parameters["port"], parameters["timeout"])
    results = [_one(client, domain, name, expected, parameters["addresses"]) for domain, name in names]
    return {"results": results, "proven": all(result["proven"] for result in results) if expected else None, "msg": _summary(results)}


def _one(client: _dns.Client, domain: str, name: t.Any, expected: list[_srv.Endpoint], with_addresses: bool) -> dict[str, t.Any]:
    text = _srv.normal_name(name.to_text())
    resolved = client.srv(name)
    zone = client.zone_of(name)
    answers = client.ask_servers(name, zone.servers)
    verdict = _srv.judge(text, resolved.status, resolved.records, answers, expected)
    problems = list(verdict.problems)
    if zone.problem:
        problems.append(zone.problem)
    records = []
    for record in _srv.in_order(resolved.records):
        addresses = None
        if with_addresses and record.target != ".":
            addresses = client.addresses(_dns.absolute_name(record.target))
            if not addresses:
                problems.append(f"The resolver has no address for {record.target}, the target of a record of {text}.")
        records.append({**_plain(record), "addresses": addresses})
    return {
        "domain": domain,
        "name": text,
        "zone": zone.name,
        "resolver": {"name_servers": client.name_servers, "status": resolved.status, "detail": resolved.detail},
        "records": records,
        "authoritative": [
            {
                "server": answer.server,
                "address": answer.address,
                "status": answer.status,
                "authoritative": answer.authoritative,
                "detail": answer.detail,
                "records": [_plain(record) for record in _srv.in_order(answer.records)],
            }
            for answer in answers
        ],
        "consistent": verdict.consistent,
        "proven": verdict.proven,
        "published": verdict.published,
        "missing": [_difference(difference) for difference in verdict.missing],
        "unexpected": [_difference(difference) for difference in verdict.unexpected],
        "problems": problems,
    }


def _summary(results: list[dict[str, t.Any]]) -> str:
    # A task that gives up waiting for "proven" fails with this text; without it Ansible says "Unknown error".
    problems = [problem for result in results for problem in result["problems"]]
    return " ".join(problems) or "Nothing is wrong with the SRV records."


def _endpoint(item: dict[str, t.Any]) -> _srv.Endpoint:
    target = _srv.normal_name(item["target"])
    if not target or target == ".":
        raise ValueError("a target in expect is empty; give the full DNS name of the KMS host")
    _check_port("port in expect", item["port"])
    return _srv.Endpoint(_srv.normal_name(_dns.absolute_name(target).to_text()), item["port"])


def _check_port(option: str, value: int) -> None:
    if not 1 <= value <= 65535:
        raise ValueError(f"{option} is {value}; ports go from 1 to 65535")


def _plain(record: _srv.Record) -> dict[str, t.Any]:
    return {"target": record.target, "port": record.port, "priority": record.priority, "weight": record.weight, "ttl": record.ttl}


def _difference(difference: _srv.Difference) -> dict[str, t.Any]:
    return {"target": difference.endpoint.target, "port": difference.endpoint.port, "where": list(difference.where)}
