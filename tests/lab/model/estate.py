# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An estate of simulated machines, loaded from a YAML file. The format: estate.schema.yml and README.md."""

from __future__ import annotations

import datetime
import pathlib
import random
import secrets
import threading
import typing as t

import yaml

from . import estate_file, host, keys
from .clock import Clock
from .dns import DnsView
from .estate_file import EstateError, SrvRecord
from .keys import KeyBook
from .machine import Credentials, Machine
from .microsoft import Activations

__all__ = ["Estate", "EstateError", "SrvRecord", "build_estate", "load_estate"]


class Estate:
    """The machines, their clock, and what they share: keys, Microsoft's activations, the network as they see it."""

    def __init__(self, domain: str, *, book: KeyBook, start: datetime.datetime, credentials: Credentials, seed: int = 0) -> None:
        self.domain = domain
        self.book = book
        self.clock = Clock(start)
        self.credentials = credentials
        self.new_host_count = 0
        self.name_servers: list[str] = ["ns1", "ns2"]
        self.dns_engine = "builtin"
        self.srv_records: list[SrvRecord] = []
        self.variables: dict[str, t.Any] = {}
        self.activations = Activations()
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        """Guards C(activations). Nobody takes a machine's lock while holding it."""
        self.machines: dict[str, Machine] = {}
        self._dns: DnsView | None = None
        self._addresses: dict[str, str] = {}

    @property
    def dns(self) -> DnsView:
        """The DNS as the machines see it; only after C(bind)."""
        if self._dns is None:
            raise RuntimeError("the estate has no network yet: call bind first")
        return self._dns

    def bind(self, dns: DnsView, address_of: t.Callable[[str], str]) -> None:
        """Give the machines a network, and let the hosts that run publish themselves, as they did when they were started.

        dns: must be ready to answer. address_of: gives the address of a machine by its name.
        """
        self._dns = dns
        self._addresses = {name: address_of(name) for name in self.machines}
        for machine in self.machines.values():
            with machine.lock:
                if machine.listening() is not None:
                    host.publish(machine)

    def address_of(self, name: str) -> str:
        """Return the address of a machine by its name."""
        return self._addresses[name]

    def machine_at(self, address: str) -> Machine | None:
        """Return the machine that has an address, or None."""
        return next((self.machines[name] for name, found in self._addresses.items() if found == address), None)

    def advance(self, seconds: float) -> None:
        """Move the clock of the whole estate. Nothing else happens: what depends on time is computed when it is read."""
        self.clock.advance(seconds)

    def secrets(self) -> list[str]:
        """Return every full product key that this estate knows or its machines hold, but the public ones: none may show up in any output."""
        found = {key.text for key in self.book.made_up}
        for machine in self.machines.values():
            found.update(machine.secrets())
        return sorted(found - {key.text for key in keys.client_setup_keys()})

    def state(self) -> dict[str, t.Any]:
        """Return the whole estate as JSON-able data, product keys as their last five characters."""
        return {
            "domain": self.domain,
            "time": self.clock.now().isoformat(),
            "clock_offset": self.clock.offset,
            "activations_used": {key.partial: self.activations.used(key) for key in self.book.made_up},
            "machines": {name: machine.state() for name, machine in self.machines.items()},
        }


def load_estate(path: str | pathlib.Path) -> Estate:
    """Load an estate file. Raises EstateError with the place and the reason when the file is not valid, OSError when it cannot be read."""
    path = pathlib.Path(path)
    try:
        data = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return build_estate(data)
    except (EstateError, yaml.YAMLError) as error:
        raise EstateError(f"{path}: {error}") from error


def build_estate(data: t.Any) -> Estate:
    """Build an estate from the data of an estate file. Raises EstateError."""
    estate_file.validate(data)
    common = data["estate"]
    estate = Estate(
        common["domain"],
        book=KeyBook(estate_file.made_up_keys(data.get("keys", []))),
        start=estate_file.start_of(common.get("start")),
        credentials=Credentials(common.get("username", "labadmin"), common.get("password") or secrets.token_urlsafe(12)),
        seed=common.get("seed", 0),
    )
    estate.new_host_count = common.get("new_host_count", 0)
    estate.name_servers = common.get("name_servers", estate.name_servers)
    estate.dns_engine = common.get("dns", "builtin")
    estate.variables = common.get("variables", {})
    estate.activations.fail_with = common.get("activation_error")
    estate.srv_records = [SrvRecord(**{"domain": estate.domain, **row}) for row in common.get("srv_records", [])]
    for index, row in enumerate(data["machines"]):
        for name in estate_file.names(row):
            if name in estate.machines or name in estate.name_servers:
                raise EstateError(f"machines[{index}].name: there is a machine or name server {name} already")
            try:
                estate.machines[name] = estate_file.build_machine(estate, name, row)
            except EstateError as error:
                raise EstateError(f"machines[{index}].{error}") from None
    return estate
