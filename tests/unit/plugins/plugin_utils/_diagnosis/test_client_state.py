# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.findings import finding_type
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.client_state import (
    RULE_OF_CODE,
    days,
    last_renewal,
    situation_of,
)
from ansible_collections.activation.kms.plugins.plugin_utils._diagnosis.wording import explained, when

from tests.unit.plugins.plugin_utils._diagnosis.evidence import (
    DOMAIN,
    ago,
    case,
    kms_client,
    log,
    request_sent,
    response_processed,
    slui_failed,
)

KMS01, KMS02, KMS03 = (f"kms0{number}.{DOMAIN}" for number in (1, 2, 3))
NEEDY = {"license_status": 5, "grace_minutes": 0}


def failures(machine):
    return [(failure.rule, failure.code) for failure in situation_of(machine, case()).failures]


def test_of_several_tries_of_one_go_each_host_counts_once_and_older_goes_do_not():
    tries = [(3, KMS01), (2, KMS01), (1, KMS02), (180, KMS03)]
    machine = kms_client(
        product={"license_status": 5, "grace_minutes": 0},
        events=log(*(request_sent(time=ago(minutes=minutes), code=0x800706BA, host=host, license_status=5) for minutes, host in tries)),
    )
    situation = situation_of(machine, case())
    assert [(failure.host, failure.moment) for failure in situation.failures] == [(KMS02, ago(minutes=1)), (KMS01, ago(minutes=2))]
    assert situation.severity is None
    assert situation.troubled


def test_the_clocks_offset_is_taken_off_what_windows_wrote_itself():
    # Its clock is five hours ahead: what it wrote at 13:00 was at 8:00, before its last renewal.
    machine = kms_client(
        machine={"clock_offset_seconds": 5 * 3600.0},
        product={"grace_minutes": 180 * 1440 - 60},
        events=log(slui_failed(0x8007232B, time=ago(hours=-3))),
    )
    assert situation_of(machine, case()).failures == ()


def test_every_code_leads_to_a_finding_that_is_there():
    assert all(finding_type(rule).scope == "client" for rule in RULE_OF_CODE.values())


def test_a_success_ends_what_failed_before_and_a_failure_after_it_counts():
    before = log(request_sent(time=ago(hours=5), code=0x800706BA), request_sent(time=ago(hours=3)), response_processed(time=ago(hours=3)))
    assert failures(kms_client(product=NEEDY, events=before)) == []
    after = log(request_sent(time=ago(hours=3)), response_processed(time=ago(hours=3)), request_sent(time=ago(hours=1), code=0x800706BA))
    assert failures(kms_client(product=NEEDY, events=after)) == [("client_host_not_reached", 0x800706BA)]


def test_what_windows_wrote_itself_counts_when_it_is_newer_and_says_more():
    asked = request_sent(time=ago(hours=5), code=0xC004F041, license_status=5)
    newer = log(asked, slui_failed(0x8007232B, time=ago(hours=1)))
    assert failures(kms_client(product=NEEDY, events=newer)) == [("client_no_srv", 0x8007232B)]
    # It sums the request up, and says less.
    same = log(asked, slui_failed(0xC004F074, time=ago(hours=5)))
    assert failures(kms_client(product=NEEDY, events=same)) == [("client_host_not_licensed", 0xC004F041)]
    later = log(asked, slui_failed(0xC004F074, time=ago(hours=1)))
    assert failures(kms_client(product=NEEDY, events=later)) == [("client_host_not_licensed", 0xC004F041)]


def test_what_windows_wrote_about_another_product_is_not_this_ones():
    other = slui_failed(0x8007232B, time=ago(hours=1), activation_id="00000000-1111-4222-8333-444444444444")
    assert failures(kms_client(product=NEEDY, events=log(other))) == []
    unnamed = slui_failed(0x8007232B, time=ago(hours=1), activation_id=None)
    assert failures(kms_client(product=NEEDY, events=log(unnamed))) == [("client_no_srv", 0x8007232B)]


def test_a_reason_that_is_a_state_tells_of_no_request():
    def because(code):
        return kms_client(product={**NEEDY, "reason": {"code": code}})

    assert failures(because("0xC004F056")) == []
    assert failures(because("0xC004F038")) == [("client_count_too_low", 0xC004F038)]
    assert failures(because("0xC004F074")) == [(None, 0xC004F074)]


def test_the_time_that_is_left_tells_when_a_machine_was_renewed():
    client = kms_client(product={"grace_minutes": 170 * 1440})
    assert last_renewal(client, client.facts.products[0]) == ago(days=10)
    for unknown in ({"grace_minutes": 0}, {"grace_minutes": None}, NEEDY):
        client = kms_client(product=unknown)
        assert last_renewal(client, client.facts.products[0]) is None


@pytest.mark.parametrize(("minutes", "text"), [(0, "0 hours"), (2879, "47 hours"), (2880, "2 days"), (43200, "30 days")])
def test_the_time_that_is_left_in_words(minutes, text):
    assert days(minutes) == text


def test_codes_and_moments_in_words():
    assert explained(0x800706BA).startswith("0x800706BA RPC_S_SERVER_UNAVAILABLE, ")
    assert explained(0xC004FFFF) == "0xC004FFFF"
    assert (when(None), when(ago(minutes=15))) == ("", " at 2026-11-24 08:00 UTC")
