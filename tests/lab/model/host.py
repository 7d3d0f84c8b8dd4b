# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The KMS host inside a machine: what it answers a request of another machine with. A call in Python: there is no KMS protocol in the lab."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from . import eventlog, skus
from .licensing import ACTIVATION_INTERVAL, LICENSED, RENEWAL_INTERVAL, Product
from .registry import SPP

if t.TYPE_CHECKING:
    from .machine import Machine

DEFAULT_PORT = 1688
"""Microsoft: windowsserverdocs, activation-slmgr-vbs-options."""

CLOCK_TOLERANCE = datetime.timedelta(hours=4)
"""Between client and host, in UTC (Microsoft: SupportArticles-docs, error-0xc004f06c-activate-windows)."""

SL_E_VL_INVALID_TIMESTAMP = 0xC004F06C
SL_E_VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED = 0xC004F041
SL_E_VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH = 0xC004F042


@dataclasses.dataclass(frozen=True)
class Request:
    """What a client tells a host: fields 3 to 9 of event 12290, and the generation of its product."""

    client: str
    cmid: str
    time: datetime.datetime
    virtual: bool
    status: int
    minutes: int
    activation_id: str
    minimum: int
    generation: str


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a host tells a client. C(code) is 0 when the request was served, which says nothing about the count."""

    code: int
    count: int = 0
    activation_interval: int = ACTIVATION_INTERVAL
    renewal_interval: int = RENEWAL_INTERVAL
    host_pid: str = ""


def serve(host: Machine, request: Request) -> Answer:
    """Answer a request, count it, and log event 12290. The caller holds the host's lock, and has reached a machine with a host key."""
    now = host.now()
    products = host.licensing.hosts()
    product = next((product for product in products if request.generation in covered(product)), None)
    code, logged = 0, 0
    if abs(request.time - now) > CLOCK_TOLERANCE:
        code = logged = SL_E_VL_INVALID_TIMESTAMP
    elif product is None:
        # The host logs another code than the client sees (Microsoft: SupportArticles-docs, activation-error-0xc004cf042 and error-0xc004f015).
        code, logged = SL_E_VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH, skus.SL_E_PRODUCT_SKU_NOT_INSTALLED
    elif product.status(now).value != LICENSED:
        # That an inactive host logs the request is inferred; the code is from Microsoft: windowsserverdocs, activation-error-codes.
        code = logged = SL_E_VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED
    counters = (product or products[0]).counters
    if code:
        # "Failed" are the requests the host does not serve (Microsoft: KMS troubleshooting guidelines); that such a client does not count is inferred.
        counters.failed += 1
    else:
        counters.total += 1
        counters.by_status[request.status] += 1
        counters.forget(now)
        counters.remember(request.cmid, request.minimum, now)
    _log(host, request, logged, now)
    if code or product is None:
        return Answer(code)
    return Answer(
        code=0,
        count=counters.count(now),
        activation_interval=host.registry.number(SPP, "VLActivationInterval") or ACTIVATION_INTERVAL,
        renewal_interval=host.registry.number(SPP, "VLRenewalInterval") or RENEWAL_INTERVAL,
        host_pid=host.licensing.product_key_id(product) or "",
    )


def covered(product: Product) -> tuple[str, ...]:
    """Return the generations that a host product activates: its key's own list, or that of its kind of host key."""
    assert product.key is not None and product.key.csvlk is not None
    return product.key.activates if product.key.activates is not None else skus.host_keys()[product.key.csvlk].activates


def publish(host: Machine) -> None:
    """Publish the SRV records of a machine with a host key, as its licensing service does when it starts, and log 12294 or 12293 for each domain.

    Nothing is published when DisableDnsPublishing is not zero (Microsoft: Learn, Registry Settings for Volume Activation).
    """
    if not host.licensing.hosts() or host.registry.number(SPP, "DisableDnsPublishing"):
        return
    port = host.listening() or DEFAULT_PORT
    for domain, priority, weight in publish_list(host):
        code = host.publish_srv(domain, priority, weight, port)
        if code is None:
            host.logs.write(eventlog.APPLICATION, 12294, [domain], host.now())
        else:
            # Order of the two strings: that of the sentence (inferred).
            host.logs.write(eventlog.APPLICATION, 12293, [domain, f"0x{code:08X}"], host.now())


def publish_list(host: Machine) -> list[tuple[str, int, int]]:
    """Return the domains a host publishes in, with priority and weight.

    DnsDomainPublishList has lines C(domain, priority, weight), the last two optional and 0 by default (Microsoft: Learn, Registry Settings for Volume
    Activation; Deploy KMS Activation). The documents disagree whether the list comes in place of the machine's own domain (Deploy KMS Activation) or
    beside it (Registry Settings): the lab takes the first, where a forgotten home domain shows.
    """
    lines = host.registry.get(SPP, "DnsDomainPublishList")
    if not isinstance(lines, list) or not lines:
        return [(host.domain, 0, 0)] if host.domain else []
    found = []
    for line in lines:
        domain, *numbers = (part.strip() for part in str(line).split(","))
        values = [int(number) if number.isascii() and number.isdigit() else 0 for number in numbers[:2]]
        if domain:
            found.append((domain, *(values + [0, 0])[:2]))
    return t.cast("list[tuple[str, int, int]]", found)


def _log(host: Machine, request: Request, code: int, now: datetime.datetime) -> None:
    when = request.time
    strings = [
        # The first string is there but its content is unknown (three public readers of 12290).
        "",
        f"0x{code:08X}",
        str(request.minimum),
        request.client,
        request.cmid,
        # Spelling of the time in Microsoft: SupportArticles-docs, error-0xc004f074-activate-windows.
        f"{when.year}/{when.month}/{when.day} {when.hour}:{when.minute:02}",
        str(int(request.virtual)),
        str(request.status),
        str(request.minutes),
        request.activation_id,
    ]
    host.logs.write(eventlog.KMS, 12290, strings, now)
