# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text in the form of slmgr.vbs /dlv: what is written is read back."""

from __future__ import annotations

import typing as t

import hypothesis
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.dlv import parse_dlv
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import Facts, RequestsFacts
from ansible_collections.activation.kms.plugins.plugin_utils._report.dlv_text import dlv_text
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils._diagnosis.evidence import client_product, kms_client, kms_host, office_host_product

STATUSES = ["unlicensed", "licensed", "oob_grace", "oot_grace", "non_genuine_grace", "notification", "extended_grace"]

SHOWN_OF_A_PRODUCT = (
    "activation_id",
    "application_id",
    "name",
    "description",
    "product_key_channel",
    "partial_key",
    "license_status_word",
    "role",
)
"""What /dlv shows of every product, and what follows from it."""


def read_back(facts: Facts, machine: str | None = None) -> Facts:
    """Return what the parser makes of the text. Nothing of it may be left over or in doubt."""
    pasted = parse_dlv(dlv_text(facts, machine))
    (output,) = pasted.outputs
    assert (pasted.unknown, output.unknown, output.facts.problems) == ((), (), ())
    return output.facts


def test_a_client_is_read_back() -> None:
    facts = kms_client("pc01").facts
    found = read_back(facts)
    assert found.machine.name == "PC01"
    assert (found.service.version, found.service.cmid, found.service.host_caching) == (facts.service.version, facts.service.cmid, True)
    assert found.service.rearms_remaining == facts.service.rearms_remaining
    (was,), (now,) = facts.products, found.products
    for name in (*SHOWN_OF_A_PRODUCT, "grace_minutes", "activation_interval_minutes", "renewal_interval_minutes"):
        assert getattr(now, name) == getattr(was, name), name
    assert (now.kms_machine_discovered.name, now.kms_machine_discovered.port) == ("kms01.corp.example.com", 1688)  # type: ignore[union-attr]


def test_a_host_is_read_back_with_its_count_and_its_requests() -> None:
    facts = kms_host("kms01").facts
    found = read_back(facts)
    for name in ("is_kms_host", "count", "listening_port", "dns_publishing", "low_priority", "requests"):
        assert getattr(found.host, name) == getattr(facts.host, name), name


def test_what_an_administrator_set_is_read_back() -> None:
    configured = {"name": "2001:db8::10", "port": 1700, "level": "machine"}
    facts = kms_client(
        "pc01",
        product={"kms_machine_configured": configured},
        service={"kms_lookup_domain": {"domain": "other.example"}, "host_caching": False},
    ).facts
    found = read_back(facts)
    assert found.service.kms_machine_configured is not None
    assert (found.service.kms_machine_configured.name, found.service.kms_machine_configured.port) == ("[2001:db8::10]", 1700)
    assert found.service.kms_lookup_domain is not None
    assert found.service.kms_lookup_domain.domain == "other.example"
    assert found.service.host_caching is False


def test_each_product_has_a_block() -> None:
    facts = kms_host("kms01", products=[*kms_host().facts.as_dict()["products"], office_host_product()]).facts
    found = read_back(facts)
    assert [product.activation_id for product in found.products] == [product.activation_id for product in facts.products]
    assert [product.count for product in found.products] == [product.count for product in facts.products]


def test_the_reason_is_read_back() -> None:
    facts = kms_client("pc01", product={"license_status_word": "notification", "license_status": 5, "reason": {"code": "0xC004F056"}}).facts
    reason = read_back(facts).products[0].reason
    assert reason is not None
    assert (reason.code, reason.symbol) == ("0xC004F056", "SL_E_VL_MACHINE_NOT_BOUND")


def test_nothing_that_was_not_seen_has_a_line_and_no_number_is_made_up() -> None:
    assert parse_dlv(dlv_text(Facts())).outputs == () or parse_dlv(dlv_text(Facts())).outputs[0].facts.products == ()
    bare = {name: None for name in client_product() if name not in ("name", "description", "activation_id", "application_id", "role")}
    found = read_back(kms_client("pc01", product=bare, service={"cmid": None, "rearms_remaining": None, "host_caching": None}).facts)
    assert found.products[0].grace_minutes is None
    assert (found.service.cmid, found.service.rearms_remaining, found.service.host_caching) == (None, None, None)


@hypothesis.given(
    status=st.sampled_from(STATUSES),
    minutes=st.one_of(st.none(), st.integers(0, 300_000)),
    rearms=st.one_of(st.none(), st.integers(0, 2000)),
    port=st.integers(1, 65535),
    caching=st.one_of(st.none(), st.booleans()),
    # What Windows calls 0xFFFFFFFF is no count.
    counts=st.lists(st.integers(0, 2**32 - 2), min_size=8, max_size=8),
)
def test_any_state_is_read_back(
    status: str, minutes: int | None, rearms: int | None, port: int, caching: bool | None, counts: list[int]
) -> None:
    changes: dict[str, t.Any] = {"license_status_word": status, "grace_minutes": minutes}
    client = kms_client(
        "pc01",
        product={**changes, "kms_machine_discovered": {"name": "kms01.corp.example", "port": port}},
        service={"rearms_remaining": rearms, "host_caching": caching},
    ).facts
    found = read_back(client)
    # Licensed without an end has no line of its own.
    assert found.products[0].grace_minutes == (None if status == "licensed" and minutes == 0 else minutes) or minutes == 0
    assert found.products[0].license_status_word == status
    assert (found.service.rearms_remaining, found.service.host_caching) == (rearms, caching)
    assert found.products[0].kms_machine_discovered.port == port  # type: ignore[union-attr]
    requests = dict(zip(RequestsFacts.__dataclass_fields__, counts, strict=True))
    host = kms_host(
        "kms01", product={"requests": requests, "count": counts[0] % 51}, host={"requests": requests, "listening_port": port}
    ).facts
    back = read_back(host)
    assert back.host.requests == host.host.requests
    assert (back.host.listening_port, back.products[0].count) == (port, counts[0] % 51)
