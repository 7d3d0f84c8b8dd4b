# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the name servers hold when the lab starts."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.lab.model.estate import Estate


@dataclasses.dataclass(frozen=True)
class Content:
    """Zones and their first records. C(servers) maps name server to address.

    C(records) are (full name without end dot, type, text) by zone. The first zone is the estate's own; the name servers
    have their names in it.
    """

    servers: dict[str, str]
    records: dict[str, list[tuple[str, str, str]]]

    @property
    def domain(self) -> str:
        """The estate's own zone."""
        return next(iter(self.records))

    def full_name(self, server: str) -> str:
        """Return the full name of a name server."""
        return f"{server}.{self.domain}"


def content_of(estate: Estate, servers: t.Mapping[str, str], addresses: t.Mapping[str, str], more_zones: t.Iterable[str] = ()) -> Content:
    """Return zones for the estate's domain, the machines' own and those they search, those of its fixed records, and C(more_zones).

    Every machine has an address record, those of a workgroup in the estate's zone. A fixed record whose target is a machine needs no
    address of its own.
    """
    zones = [estate.domain]
    for machine in estate.machines.values():
        zones += [domain for domain in (machine.domain, machine.dhcp_domain, *machine.suffix_search_list) if domain]
    zones += [*(record.domain for record in estate.srv_records), *more_zones]
    content = Content(dict(servers), {zone.lower(): [] for zone in zones})
    for server, address in servers.items():
        _put(content, content.full_name(server), "A", address)
    for name, machine in estate.machines.items():
        _put(content, machine.fqdn if machine.domain else f"{name}.{estate.domain}", "A", addresses[name])
    for record in estate.srv_records:
        target = record.target.rstrip(".")
        target = target if "." in target else f"{target}.{estate.domain}"
        _put(content, f"_vlmcs._tcp.{record.domain}", "SRV", f"{record.priority} {record.weight} {record.port} {target}.")
        if record.address:
            _put(content, target, "A", record.address)
    return content


def _put(content: Content, name: str, kind: str, text: str) -> None:
    """Put a record into the closest zone; one that is in no zone is nobody's to serve and left out."""
    holding = [zone for zone in content.records if name.lower() == zone or name.lower().endswith("." + zone)]
    if holding:
        content.records[max(holding, key=len)].append((name.lower(), kind, text))
