# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of slmgr.vbs /dlv and /xpr made of facts, in any language of dlv_labels.yml: the other way round, for tests.

The order of the lines and their indentation are those of slmgr.vbs (public copies of Windows 7 and of Windows 10).
"""

from __future__ import annotations

import dataclasses

from ansible_collections.activation.kms.plugins.plugin_utils._catalogue.dlv_labels import LABELS
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import Facts, KmsMachineFacts, ProductFacts

INDENT = "    "


@dataclasses.dataclass
class Writer:
    """Writes lines in one language. A line whose label is not known in it is left out, and named in C(missing)."""

    language: str = "en"
    lines: list[str] = dataclasses.field(default_factory=list)
    missing: set[str] = dataclasses.field(default_factory=set)

    def text(self, kind: str, name: str) -> str | None:
        found = LABELS.texts[self.language].get(kind, {}).get(name)
        if not found:
            self.missing.add(name)
        return found[0] if found else None

    def label(self, name: str, value: object, indent: str = "", **values: object) -> None:
        """Write a label with its value; C(values) are those of a label that has places for them."""
        text = self.text("labels", name)
        if text is None or value is None:
            return
        self.lines.append(indent + (text.format(**values) if values else f"{text} {value}"))

    def word(self, name: str, value: str | None, indent: str = "") -> None:
        """Write a label whose values have words."""
        label = self.text("labels", name)
        word = self.text("words", f"{name}.{value}") if value is not None else None
        if label and word:
            self.lines.append(f"{indent}{label} {word}")

    def sentence(self, name: str, indent: str = "", **values: object) -> None:
        """Write a sentence."""
        text = self.text("sentences", name)
        if text is not None:
            self.lines.append(indent + text.format(**values))

    def blank(self) -> None:
        self.lines.append("")


def dlv(facts: Facts, language: str = "en", extras: tuple[dict[str, object], ...] = ()) -> tuple[str, set[str]]:
    """Return the text of /dlv for the facts, and the names that the language has no text for.

    extras: of each product what C(DlvOutput.extra) has in C(products).
    """
    writer = Writer(language)
    writer.label("service_version", facts.service.version)
    for number, product in enumerate(facts.products):
        _product(writer, facts, product, extras[number] if extras else {})
    return "\n".join(writer.lines) + "\n", writer.missing


def xpr(products: tuple[tuple[str, str, str | None], ...], language: str = "en") -> tuple[str, set[str]]:
    """Return the text of /xpr: a name, the name of a sentence and its date for each product."""
    writer = Writer(language)
    for name, sentence, date in products:
        writer.lines.append(f"{name}:")
        writer.sentence(sentence, INDENT, date=date)
    return "\n".join(writer.lines) + "\n", writer.missing


def _product(writer: Writer, facts: Facts, product: ProductFacts, extra: dict[str, object]) -> None:
    writer.blank()
    writer.label("name", product.name)
    writer.label("description", product.description)
    writer.label("activation_id", product.activation_id)
    writer.label("application_id", product.application_id)
    writer.label("extended_pid", extra.get("extended_pid"))
    writer.label("product_key_channel", product.product_key_channel)
    writer.label("installation_id", extra.get("installation_id"))
    writer.label("use_license_url", extra.get("use_license_url"))
    writer.label("validation_url", extra.get("validation_url"))
    writer.label("partial_key", product.partial_key)
    writer.word("license_status", product.license_status_word)
    if product.grace_minutes:
        kind = "expires_volume" if product.license_status == 1 else "time_remaining"
        writer.label(kind, "", minutes=product.grace_minutes, days=-(-product.grace_minutes // 1440))
    if product.reason:
        writer.label("reason", "", code=(product.reason.code or "")[2:])
    if facts.service.rearms_remaining is not None:
        writer.label("rearms_windows", "", count=facts.service.rearms_remaining)
    if "rearms_sku" in extra:
        writer.label("rearms_sku", "", count=extra["rearms_sku"])
    writer.label("trusted_time", extra.get("trusted_time"))
    writer.word("activation_type_enabled", product.activation_type_enabled)
    if product.role == "kms_client" and product.license_status == 1:
        _client(writer, facts, product)
    if product.role == "kms_host":
        _host(writer, facts, product)
    writer.blank()


def _client(writer: Writer, facts: Facts, product: ProductFacts) -> None:
    writer.blank()
    writer.sentence("section_recent")
    writer.sentence("section_kms_client")
    writer.label("cmid", facts.service.cmid, INDENT)
    if product.kms_machine_configured:
        writer.label("kms_configured", _endpoint(product.kms_machine_configured), INDENT)
    elif product.kms_machine_discovered:
        writer.label("kms_discovered", _endpoint(product.kms_machine_discovered), INDENT)
        writer.label("kms_address", product.kms_machine_discovered.address, INDENT)
    else:
        writer.word("dns_discovery", "unavailable", INDENT)
    writer.label("kms_pid", product.kms_host_product_id, INDENT)
    if product.activation_interval_minutes is not None:
        writer.label("activation_interval", "", INDENT, minutes=product.activation_interval_minutes)
    if product.renewal_interval_minutes is not None:
        writer.label("renewal_interval", "", INDENT, minutes=product.renewal_interval_minutes)
    if facts.service.host_caching is not None:
        writer.sentence("caching_on" if facts.service.host_caching else "caching_off", INDENT)


def _host(writer: Writer, facts: Facts, product: ProductFacts) -> None:
    writer.blank()
    writer.sentence("kms_enabled")
    # Windows has 0xFFFFFFFF before the first request.
    writer.label("count", 4294967295 if product.count is None else product.count, INDENT)
    writer.label("port", facts.host.listening_port, INDENT)
    writer.sentence("dns_publishing_on" if facts.host.dns_publishing else "dns_publishing_off", INDENT)
    writer.word("priority", "low" if facts.host.low_priority else "normal", INDENT)
    if product.requests is not None:
        writer.blank()
        writer.sentence("section_requests")
        for name, number in dataclasses.asdict(product.requests).items():
            writer.label(f"requests_{name}", 4294967295 if number is None else number, INDENT)


def _endpoint(machine: KmsMachineFacts) -> str:
    return f"{machine.name}:{machine.port}"
