# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts in the form in which support asks for them: that of slmgr.vbs /dlv, in English, on whatever Windows they were read.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

What was not seen has no line. Three things are told more freely than slmgr.vbs does: each keyed product has its block, as with /dlv all; the block of a
KMS client has its settings whether it is licensed or not, where slmgr.vbs tells to run /ato first; and a reason stands with every status that has one.
The texts are those of the catalogue by which pasted output is read, and what is written here is read back by C(parse_dlv).
"""

from __future__ import annotations

import re
import typing as t

from .._catalogue.loader import read_data
from .._evidence.codes import CodeFacts
from .._evidence.facts import Facts, HostFacts, KmsMachineFacts, ProductFacts, RequestsFacts, ServiceFacts

LICENSED = "licensed"

_DAY = 24 * 60
_INDENT = "    "

_REQUESTS = ("total", "failed", "unlicensed", "licensed", "oob_grace", "oot_grace", "non_genuine_grace", "notification")


def _english() -> dict[str, t.Any]:
    return next(t.cast("dict[str, t.Any]", group) for group in read_data("dlv_labels.yml")["groups"] if group["language"] == "en")


_TEXTS = _english()


def dlv_text(facts: Facts, machine: str | None = None) -> str:
    """Return the text. C(machine) is what to call the machine in its first line, the command that would have printed the rest."""
    name = machine or facts.machine.name or facts.machine.fqdn
    # The parser takes a name out of the command; one with a blank would be several arguments, one with a switch's sign none.
    plain = name is not None and re.fullmatch(r"[^\s/-]\S*", name) is not None
    lines = [f"cscript slmgr.vbs {name} /dlv" if plain else "cscript slmgr.vbs /dlv", ""]
    if facts.service.version:
        lines += [_label("service_version", facts.service.version), ""]
    for product in facts.products:
        lines += [*_product(product, facts), ""]
    return "\n".join([*lines, ""])


def _product(product: ProductFacts, facts: Facts) -> list[str]:
    service = facts.service
    lines = [
        *_given("name", product.name),
        *_given("description", product.description),
        *_given("activation_id", product.activation_id),
        *_given("application_id", product.application_id),
        *_given("product_key_channel", product.product_key_channel),
        *_given("partial_key", product.partial_key),
        *_given("license_status", _word("license_status", product.license_status_word)),
        *_expiry(product),
        *_reason(product.reason),
        *_given("rearms_windows", service.rearms_remaining),
    ]
    if product.role == "kms_client":
        lines += ["", *_client(product, service, own=product.activation_id == facts.primary or len(facts.products) == 1)]
    elif product.role == "kms_host":
        lines += ["", *_host(product, facts.host)]
    return lines


def _client(product: ProductFacts, service: ServiceFacts, *, own: bool) -> list[str]:
    configured = product.kms_machine_configured or (service.kms_machine_configured if own else None)
    discovered = product.kms_machine_discovered or (service.kms_machine_discovered if own else None)
    domain = product.kms_lookup_domain or (service.kms_lookup_domain if own else None)
    lines = _given("activation_type_enabled", _word("activation_type_enabled", product.activation_type_enabled))
    lines.append(_sentence("section_kms_client"))
    block = [
        *_given("cmid", service.cmid),
        *_given("kms_configured", _endpoint(configured)),
        *_given("kms_lookup_domain", domain.domain if domain else None),
    ]
    # slmgr.vbs names the host from DNS only where none is set.
    if configured is None:
        block += _given("kms_discovered", _endpoint(discovered))
        if discovered is not None:
            block += _given("kms_address", discovered.address)
    block += [
        *_given("kms_pid", product.kms_host_product_id),
        *_given("activation_interval", product.activation_interval_minutes, "minutes"),
        *_given("renewal_interval", product.renewal_interval_minutes, "minutes"),
        *_told(service.host_caching, "caching_on", "caching_off"),
    ]
    return [*lines, *(_INDENT + line for line in block)]


def _host(product: ProductFacts, host: HostFacts) -> list[str]:
    own = host.activation_id in (None, product.activation_id)
    block = [
        *_given("count", product.count if product.count is not None else host.count if own else None),
        *_given("port", host.listening_port),
        *_told(host.dns_publishing, "dns_publishing_on", "dns_publishing_off"),
        *_given("priority", None if host.low_priority is None else _TEXTS["words"]["priority"]["low" if host.low_priority else "normal"]),
    ]
    lines = [_sentence("kms_enabled"), *(_INDENT + line for line in block)]
    requests = product.requests or (host.requests if own else None)
    if requests is not None:
        lines += ["", _sentence("section_requests"), *(_INDENT + line for line in _requests(requests))]
    return lines


def _requests(requests: RequestsFacts) -> list[str]:
    return [line for name in _REQUESTS for line in _given(f"requests_{name}", getattr(requests, name))]


def _expiry(product: ProductFacts) -> list[str]:
    minutes = product.grace_minutes
    if minutes is None or (minutes == 0 and product.license_status_word == LICENSED):
        return []
    if product.license_status_word != LICENSED:
        name = "time_remaining"
    elif product.role == "avma":
        name = "expires_avma"
    else:
        name = "expires_volume" if product.role == "kms_client" else "expires_timebased"
    # slmgr.vbs rounds the days up.
    return [_filled(_TEXTS["labels"][name], minutes=minutes, days=-(-minutes // _DAY))]


def _reason(reason: CodeFacts | None) -> list[str]:
    number = None if reason is None else reason.number
    return [] if not number else [_filled(_TEXTS["labels"]["reason"], code=f"{number:08X}")]


def _endpoint(machine: KmsMachineFacts | None) -> str | None:
    if machine is None or not machine.name:
        return None
    name = f"[{machine.name}]" if ":" in machine.name else machine.name
    return name if machine.port is None else f"{name}:{machine.port}"


def _word(kind: str, word: str | None) -> str | None:
    texts = _TEXTS["words"][kind].get(word)
    return t.cast("str | None", texts[0] if isinstance(texts, list) else texts)


def _given(name: str, value: t.Any, placeholder: str = "count") -> list[str]:
    return [] if value is None else [_label(name, value, placeholder)]


def _label(name: str, value: t.Any, placeholder: str = "count") -> str:
    text = _TEXTS["labels"][name]
    return _filled(text, **{placeholder: value}) if "{" in text else f"{text} {value}"


def _told(value: bool | None, on: str, off: str) -> list[str]:
    return [] if value is None else [_sentence(on if value else off)]


def _sentence(name: str) -> str:
    text = _TEXTS["sentences"][name]
    return t.cast(str, text[0] if isinstance(text, list) else text)


def _filled(text: str, **values: t.Any) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text
