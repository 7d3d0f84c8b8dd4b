# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
import socket

import pytest

from tests.lab.wire.network import AddressError, Network, Sockets, nets_needed, parse_network, reserve


def _free() -> Sockets:
    return reserve(["kms01", "pc01"], ["ns1", "ns2"])


def test_addresses_of_an_estate_are_all_different_even_beyond_one_net() -> None:
    network = Network(77, 10)
    addresses = [network.control, *(network.name_server(i) for i in range(8)), *(network.machine(i) for i in range(1000))]
    assert len(set(addresses)) == len(addresses)
    assert all(len(address.split(".")) == 4 and all(0 <= int(part) <= 255 for part in address.split(".")) for address in addresses)
    assert network.machine(999).startswith(f"127.77.{10 + nets_needed(1000) - 1}.")


@pytest.mark.parametrize("text", ["10.0.0", "127.0", "127.1.2.3", "127.1.256", "127.a.b", ""])
def test_what_is_no_loopback_network_is_refused(text: str) -> None:
    with pytest.raises(AddressError, match="--network"):
        parse_network(text, 1)


def test_a_network_without_room_for_the_estate_is_refused() -> None:
    with pytest.raises(AddressError, match="no room for 300 machines"):
        parse_network("127.20.255", 300)


def test_a_lab_in_a_network_that_is_taken_gets_a_clear_error_and_keeps_no_port() -> None:
    first = _free()
    try:
        with pytest.raises(AddressError, match=f"cannot listen on {first.network.control}:10080"):
            reserve(["kms01"], ["ns1"], network=str(first.network))
        first.control.close()
        with pytest.raises(AddressError, match=f"cannot listen on {first.network.name_server(0)}:10053"):
            reserve(["kms01"], ["ns1"], network=str(first.network))
        with socket.socket() as probe:  # the refused try left the control port free
            probe.bind((first.network.control, 10080))
    finally:
        first.close()


def test_a_free_network_is_picked_when_the_first_choice_is_taken() -> None:
    first = reserve(["kms01"], ["ns1"], choose=random.Random(7))
    try:
        second = reserve(["kms01"], ["ns1"], choose=random.Random(7))
        try:
            assert second.network != first.network
        finally:
            second.close()
    finally:
        first.close()


def test_every_machine_has_the_real_ports() -> None:
    sockets = _free()
    try:
        for name, (http, https) in sockets.machines.items():
            assert http.getsockname() == (sockets.addresses[name], 5985)
            assert https.getsockname() == (sockets.addresses[name], 5986)
    finally:
        sockets.close()
