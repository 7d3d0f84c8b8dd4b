# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Activate(): how a client finds a host and what comes of it, and the activation of all other kinds of keys.

Locks: the client's lock is released before DNS is asked and before the host's lock is taken, so that two machines may ask each other. One machine runs
one activation at a time.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from . import eventlog, host, keys
from .dns import NAME_ERROR, NO_RECORDS, DnsError
from .errors import RPC_S_SERVER_UNAVAILABLE, provider_error
from .host import DEFAULT_PORT, Answer, Request
from .licensing import SL_E_PKEY_NOT_INSTALLED, Discovered, Product
from .registry import SPP

if t.TYPE_CHECKING:
    from .machine import Machine

SL_E_VL_NOT_ENOUGH_COUNT = 0xC004F038
SL_E_VL_BINDING_SERVICE_NOT_ENABLED = 0xC004F039
SL_E_VL_BINDING_SERVICE_UNAVAILABLE = 0xC004F074
SL_E_OPERATION_NOT_ALLOWED = 0xC004F06A
SL_E_VL_AD_AO_NOT_FOUND = 0xC004F081
SL_E_TKA_SILENT_ACTIVATION_FAILURE = 0xC004F302
SL_E_IA_INVALID_VIRTUALIZATION_PLATFORM = 0xC004FD01
INTERNET_NAME_NOT_RESOLVED = 0x80072EE7

# The wrapper that says "no host gave a usable answer": the real reason is in event 12288 (Microsoft: SupportArticles-docs,
# error-0xc004f074-activate-windows and error-0xc004f06c-activate-windows). The other codes come through as they are (windowsserverdocs,
# activation-error-codes lists what users see).
_WRAPPED = frozenset({RPC_S_SERVER_UNAVAILABLE, host.SL_E_VL_INVALID_TIMESTAMP})

STATUS_OTHER_PC = 0x00000008
STATUS_NOT_ENOUGH_COUNT = 0x04000000
"""Status flags of 12288 and 12289 (Microsoft: Volume Activation 2.0 Operations Guide, p. 29). The first is normal on virtual machines."""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A host to ask. C(found) tells one found through DNS, now or before, from a configured one."""

    name: str
    port: int
    found: bool


def activate(machine: Machine, activation_id: str) -> None:
    """Activate one product. Raises CimError with the HRESULT that Windows gives."""
    with machine.activating:
        with machine.lock:
            product = machine.licensing.find(activation_id)
            if product is None or product.key is None:
                raise provider_error(SL_E_PKEY_NOT_INSTALLED)
            if product.sku.role != keys.KMS_CLIENT:
                _activate_at_microsoft(machine, product)
                return
            _check_activation_type(machine, product)
            configured = configured_host(machine, product)
        if configured is not None:
            # A configured host switches discovery off: there is no way on to DNS (Microsoft: Deploy KMS Activation; activation-slmgr-vbs-options).
            _ask_all(machine, product, [configured])
            return
        cached = _cached_host(machine, product)
        if cached is not None:
            code = _ask(machine, product, cached)
            if code is None:
                return
            # A cached host that fails makes the client look in DNS again (Microsoft: KMS Activation Timing and Discovery); one that counts too few
            # clients has answered.
            if code == SL_E_VL_NOT_ENOUGH_COUNT:
                raise provider_error(code)
        _ask_all(machine, product, discover(machine, product))


def configured_host(machine: Machine, product: Product) -> Candidate | None:
    """Return the host that is set, by the level that wins: product, application, machine (Microsoft: KMS Activation Timing and Discovery, 2012 R2).

    A level's port goes with the name of the same level (inferred).
    """
    application = rf"{SPP}\{product.sku.application_id}"
    for path in (rf"{application}\{product.sku.activation_id}", application, SPP):
        name = machine.registry.text(path, "KeyManagementServiceName")
        if name:
            return Candidate(name, machine.registry.number(path, "KeyManagementServicePort") or DEFAULT_PORT, found=False)
    return None


def discover(machine: Machine, product: Product) -> list[Candidate]:
    """Return the hosts that DNS has, in the order in which the client tries them. Raises CimError when DNS has none.

    Priority and weight count, and chance among equals (Microsoft: windows-itpro-docs, activate-windows-clients; RFC 2782). The search domain that is set
    comes in place of the machine's own domain and its suffix list (Microsoft: Deploy KMS Activation).
    """
    path = rf"{SPP}\{product.sku.application_id}\{product.sku.activation_id}"
    lookup = machine.registry.text(path, "KeyManagementServiceLookupDomain") or machine.registry.text(
        SPP, "KeyManagementServiceLookupDomain"
    )
    domains = [lookup] if lookup else machine.search_domains()
    # Without any domain there is no name to ask for (the code is inferred).
    failure = NAME_ERROR
    for domain in domains:
        try:
            records = machine.estate.dns.srv(f"_vlmcs._tcp.{domain}")
        except DnsError as error:
            failure = error.code
            continue
        if records:
            return [Candidate(target.rstrip("."), port, found=True) for _, _, port, target in _in_order(machine, records)]
        failure = NO_RECORDS
    raise provider_error(failure)


def _in_order(machine: Machine, records: list[tuple[int, int, int, str]]) -> list[tuple[int, int, int, str]]:
    # Sorted first, so that the estate's seed alone decides. Of several exponential draws the smallest belongs to each record in proportion to its rate.
    rates = {record: machine.estate.random.expovariate(record[1] + 1) for record in sorted(set(records))}
    return sorted(rates, key=lambda record: (record[0], rates[record]))


def _cached_host(machine: Machine, product: Product) -> Candidate | None:
    # Caching is on by default (Microsoft: activation-slmgr-vbs-options, /skhc).
    if product.discovered is None or machine.registry.number(SPP, "DisableKeyManagementServiceHostCaching"):
        return None
    return Candidate(product.discovered.name, product.discovered.port, found=True)


def _check_activation_type(machine: Machine, product: Product) -> None:
    # 1 Active Directory, 2 KMS, 3 token (Microsoft: slmgr.vbs, /act-type). The lab has no activation object and no token; the codes are inferred.
    path = rf"{SPP}\{product.sku.application_id}\{product.sku.activation_id}"
    wanted = machine.registry.number(path, "VLActivationType") or machine.registry.number(SPP, "VLActivationType")
    if wanted == 1:
        raise provider_error(SL_E_VL_AD_AO_NOT_FOUND)
    if wanted == 3:
        raise provider_error(SL_E_TKA_SILENT_ACTIVATION_FAILURE)


def _ask_all(machine: Machine, product: Product, candidates: list[Candidate]) -> None:
    codes: list[int] = []
    for candidate in candidates:
        code = _ask(machine, product, candidate)
        if code is None:
            return
        if code == SL_E_VL_NOT_ENOUGH_COUNT:
            # An activated host with the right key has answered: the client stops here (Microsoft: KMS Activation Timing and Discovery).
            raise provider_error(code)
        # A failed host is dropped and another one picked (Microsoft: windows-itpro-docs, activate-windows-clients).
        codes.append(code)
    alike = codes[0] if len(set(codes)) == 1 else SL_E_VL_BINDING_SERVICE_UNAVAILABLE
    raise provider_error(SL_E_VL_BINDING_SERVICE_UNAVAILABLE if alike in _WRAPPED else alike)


def _ask(machine: Machine, product: Product, candidate: Candidate) -> int | None:
    """Ask one host; log 12288 and 12289. Return None when the product is activated now, else the HRESULT behind the failure."""
    with machine.lock:
        now = machine.now()
        status = product.status(now)
        request = Request(
            client=machine.fqdn,
            cmid=machine.cmid,
            time=now,
            virtual=machine.virtual,
            status=status.value,
            minutes=status.minutes,
            activation_id=product.sku.activation_id,
            minimum=product.sku.threshold,
            generation=product.sku.generation,
        )
    address, answer = _reach(machine, candidate, request)
    with machine.lock:
        flags = STATUS_OTHER_PC if machine.virtual else 0
        _log_request(machine, candidate, request, answer.code, flags)
        if answer.code:
            return answer.code
        enough = answer.count >= request.minimum
        _log_answer(machine, request, answer, flags if enough else flags | STATUS_NOT_ENOUGH_COUNT, bound=enough)
        if not enough:
            return SL_E_VL_NOT_ENOUGH_COUNT
        product.bind(now, answer.activation_interval, answer.renewal_interval, answer.host_pid)
        product.discovered = Discovered(candidate.name, candidate.port, address) if candidate.found else None
        machine.licensing.fresh = False
        return None


def _reach(machine: Machine, candidate: Candidate, request: Request) -> tuple[str, Answer]:
    address = _address(machine, candidate.name)
    peer = machine.estate.machine_at(address) if address else None
    if address is None or peer is None:
        return "", Answer(RPC_S_SERVER_UNAVAILABLE)
    with peer.lock:
        if not peer.licensing.hosts():
            # The name points at a machine without a host key (Microsoft: windowsserverdocs, activation-error-codes).
            return address, Answer(SL_E_VL_BINDING_SERVICE_NOT_ENABLED)
        if peer.listening() != candidate.port or (peer is not machine and not peer.firewall_allows(candidate.port)):
            return address, Answer(RPC_S_SERVER_UNAVAILABLE)
        return address, host.serve(peer, request)


def _address(machine: Machine, name: str) -> str | None:
    bare = name.strip("[]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    full = name if "." in name or not machine.domain else f"{name}.{machine.domain}"
    try:
        addresses = machine.estate.dns.address(full)
    except DnsError:
        # A host whose name has no address is a host that cannot be reached (inferred).
        return None
    return addresses[0] if addresses else None


def _activate_at_microsoft(machine: Machine, product: Product) -> None:
    assert product.key is not None
    if product.sku.role == keys.EVALUATION:
        # The lab knows no way to extend an evaluation; the code is inferred.
        raise provider_error(SL_E_OPERATION_NOT_ALLOWED)
    if product.sku.role == keys.AVMA:
        # Whether the machine under it is an activated Datacenter server is not modelled: what is licensed stays so, the rest is refused.
        if not product.perpetual:
            raise provider_error(SL_E_IA_INVALID_VIRTUALIZATION_PLATFORM)
        return
    if not machine.internet:
        # Seen in event 8200 of isolated machines (Microsoft: SupportArticles-docs, event-id-8208-8200-900).
        raise provider_error(INTERNET_NAME_NOT_RESOLVED)
    with machine.estate.lock:
        machine.estate.activations.grant(product.key, machine.name)
    product.perpetual = True
    machine.licensing.fresh = False


def _log_request(machine: Machine, candidate: Candidate, request: Request, code: int, flags: int) -> None:
    # One string, comma and space between the fields (Microsoft: Volume Activation Technical Reference, Table 11; ospp.vbs reads the HRESULT from it as 0x
    # and eight digits). Spelling of the time: SupportArticles-docs, error-0xc004f074-activate-windows.
    fields = [
        f"0x{code:08X}",
        f"0x{flags:08X}",
        f"{candidate.name}:{candidate.port}",
        request.cmid,
        f"{request.time:%Y/%m/%d %H:%M}",
        str(int(request.virtual)),
        str(request.status),
        str(request.minutes),
        request.activation_id,
        str(request.minimum),
    ]
    machine.logs.write(eventlog.APPLICATION, 12288, [", ".join(fields)], request.time)


def _log_answer(machine: Machine, request: Request, answer: Answer, flags: int, *, bound: bool) -> None:
    fields = [
        "0x00000000",
        f"0x{flags:08X}",
        str(int(bound)),
        # Not used (Table 11).
        "0",
        str(answer.count),
        str(answer.activation_interval),
        str(answer.renewal_interval),
        f"{request.time:%Y/%m/%d %H:%M}",
    ]
    machine.logs.write(eventlog.APPLICATION, 12289, [", ".join(fields)], request.time)
