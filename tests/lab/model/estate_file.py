# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an estate file says, turned into machines: checks with the place of the mistake, and the fields one by one."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import functools
import json
import pathlib
import typing as t

import jsonschema  # type: ignore[import-untyped]
import yaml

from . import eventlog, firewall, host, keys, registry, services, skus
from .clock import UTC
from .errors import CimError
from .keys import Key
from .licensing import ACTIVATION_INTERVAL, RENEWAL_INTERVAL, Product
from .machine import TCPIP, Interruption, Machine
from .registry import SPP
from .windows import versions

if t.TYPE_CHECKING:
    from jsonschema.protocols import Validator  # type: ignore[import-untyped]

    from .estate import Estate

_SCHEMA = pathlib.Path(__file__).with_name("estate.schema.yml")

EVALUATION_PERIOD = datetime.timedelta(days=180)
"""Microsoft: evaluation center, Windows Server."""


class EstateError(ValueError):
    """An estate file that cannot be used. The message names the file, the place in it and what is wrong there."""


@dataclasses.dataclass(frozen=True)
class SrvRecord:
    """A record that is in the estate's DNS from the start, published by nobody: a stale or a rogue one. C(address) gives the target one."""

    domain: str
    target: str
    port: int = host.DEFAULT_PORT
    priority: int = 0
    weight: int = 0
    address: str | None = None


_KINDS: dict[str, tuple[int, type]] = {
    "REG_SZ": (registry.REG_SZ, str),
    "REG_EXPAND_SZ": (registry.REG_EXPAND_SZ, str),
    "REG_DWORD": (registry.REG_DWORD, int),
    "REG_QWORD": (registry.REG_QWORD, int),
    "REG_MULTI_SZ": (registry.REG_MULTI_SZ, list),
}


@functools.cache
def _schema() -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", yaml.safe_load(_SCHEMA.read_bytes()))


@functools.cache
def _validator() -> Validator:
    return jsonschema.Draft202012Validator(_schema())


@functools.cache
def _change_validator() -> Validator:
    properties = _schema()["properties"]["machines"]["items"]["properties"]
    allowed = {name: properties[name] for name in CHANGEABLE}
    return jsonschema.Draft202012Validator(
        {"type": "object", "additionalProperties": False, "properties": allowed, "$defs": _schema()["$defs"]}
    )


def validate(data: t.Any) -> None:
    """Check the data of an estate file against estate.schema.yml. Raises EstateError with the place of the first mistake."""
    _check(_validator(), data)


def _check(validator: Validator, data: t.Any) -> None:
    error = jsonschema.exceptions.best_match(validator.iter_errors(data))
    if error is not None:
        place = error.json_path.removeprefix("$").lstrip(".") or "the file"
        # A key may be in the value that is wrong.
        raise EstateError(keys.mask(f"{place}: {error.message}"))


def start_of(text: str | None) -> datetime.datetime:
    """Return the clock's first instant: the text as an ISO 8601 date (UTC where it names no zone), or now. Raises EstateError."""
    if text is None:
        return datetime.datetime.now(UTC).replace(microsecond=0)
    try:
        start = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise EstateError(f"estate.start: {text!r} is no ISO 8601 date") from None
    return start if start.tzinfo else start.replace(tzinfo=UTC)


def made_up_keys(rows: list[dict[str, t.Any]]) -> list[Key]:
    """Return the keys of the file's C(keys) list. Raises EstateError."""
    found: dict[str, Key] = {}
    for index, row in enumerate(rows):
        place = f"keys[{index}]"
        text = row["key"]
        if not keys.SHAPE.fullmatch(text):
            raise EstateError(f"{place}.key: a product key is five groups of five capital letters or digits with dashes between them")
        if not set(text) & keys.MADE_UP_LETTERS:
            raise EstateError(f"{place}.key: a made-up key needs one of {' '.join(sorted(keys.MADE_UP_LETTERS))}, which no real key has")
        if text in found:
            raise EstateError(f"{place}.key: the same key is there twice")
        if (row["channel"] == keys.KMS_HOST) != ("csvlk" in row):
            raise EstateError(f"{place}: csvlk goes with the channel kms_host, and only with it")
        if "csvlk" in row and row["csvlk"] not in skus.host_keys():
            raise EstateError(f"{place}.csvlk: unknown kind of host key {row['csvlk']!r}; known are {', '.join(skus.host_keys())}")
        if "activates" in row and "csvlk" not in row:
            raise EstateError(f"{place}.activates: only a host key activates others")
        found[text] = Key(
            text=text,
            channel=row["channel"],
            editions=tuple(edition.lower() for edition in row.get("editions", [])),
            csvlk=row.get("csvlk"),
            activates=tuple(row["activates"]) if "activates" in row else None,
            activations=row.get("activations"),
        )
    return list(found.values())


def names(row: dict[str, t.Any]) -> list[str]:
    """Return the names of the machines that one entry stands for: pc01, pc02... with a count. Raises EstateError."""
    count = row.get("count")
    if count is None:
        return [row["name"]]
    width = max(2, len(str(count)))
    names = [f"{row['name']}{number:0{width}}" for number in range(1, count + 1)]
    if len(names[-1]) > 15:
        raise EstateError(f"machines: the name {names[-1]} is longer than the 15 characters a computer name may have")
    return names


def build_machine(estate: Estate, name: str, row: dict[str, t.Any]) -> Machine:
    """Return the machine that an entry of the file describes. Raises EstateError."""
    known = versions()
    if row["windows"] not in known:
        raise EstateError(f"windows: unknown version {row['windows']!r}; known are {', '.join(known)}")
    windows = known[row["windows"]]
    windows = dataclasses.replace(windows, ubr=row.get("ubr", windows.ubr))
    if row.get("domain_controller"):
        if not windows.is_server:
            raise EstateError(f"domain_controller: {windows.caption} is no server")
        windows = dataclasses.replace(windows, product_type=2)
    domain = row.get("domain", estate.domain) or ""
    _check_registry(row)
    machine = Machine(estate, name, windows, domain=domain, groups=row.get("groups", []))
    machine.variables = {**row.get("variables", {})}
    machine.wire = {**row.get("wire", {})}
    _apply(machine, row)
    _set_licences(machine, row)
    if "kms_machine" in row:
        # After the licences: one of its levels is the machine's own product.
        _set_kms_machine(machine, row["kms_machine"])
    return machine


CHANGEABLE = (
    "access_denied",
    "activation_interval",
    "clock_offset_seconds",
    "cmid",
    "denied_logs",
    "dhcp_domain",
    "dns_publishing",
    "events",
    "failing",
    "firewall_exception",
    "firewall_rules",
    "full_logs",
    "host_caching",
    "internet",
    "kms_machine",
    "language",
    "listening_port",
    "low_priority",
    "publish_domains",
    "registry",
    "renewal_interval",
    "sppsvc",
    "sppsvc_interrupted",
    "sppsvc_wanted",
    "suffix_search_list",
    "utc_offset_minutes",
    "virtual",
)
"""Fields that can be changed while the lab runs. Keys and licences change as on Windows: by CIM methods and by the clock."""


def change(machine: Machine, changes: dict[str, t.Any]) -> None:
    """Change a machine by hand while the lab runs. Raises EstateError; nothing is changed then."""
    _check(_change_validator(), changes)
    _check_registry(changes)
    with machine.lock:
        if "kms_machine" in changes:
            _set_kms_machine(machine, changes["kms_machine"])
        _apply(machine, changes)
    machine.changed()


def _apply(machine: Machine, row: dict[str, t.Any]) -> None:
    """Set the fields that are there; leave the others alone."""
    plain = ("cmid", "utc_offset_minutes", "language", "virtual", "internet", "dhcp_domain", "sppsvc_wanted")
    for field in plain:
        if field in row:
            setattr(machine, field, row[field])
    if "clock_offset_seconds" in row:
        machine.clock_offset = float(row["clock_offset_seconds"])
    if "suffix_search_list" in row:
        machine.suffix_search_list = tuple(row["suffix_search_list"])
    if "access_denied" in row:
        machine.access_denied = frozenset(row["access_denied"])
    if "failing" in row:
        machine.failing = {call.lower(): code for call, code in row["failing"].items()}
    if "sppsvc_interrupted" in row:
        machine.interruptions = collections.deque(
            Interruption(event["code"], event.get("executed", False)) for event in row["sppsvc_interrupted"]
        )
    for name in ("full", "missing", "denied"):
        if f"{name}_logs" in row:
            setattr(machine.logs, name, set(row[f"{name}_logs"]))
    if "sppsvc" in row:
        _set_sppsvc(machine, row["sppsvc"])
    _set_firewall(machine, row)
    _set_registry(machine, row)
    for event in sorted(row.get("events", []), key=lambda event: -event.get("minutes_ago", 0)):
        when = machine.now() - datetime.timedelta(minutes=event.get("minutes_ago", 0))
        machine.logs.write(event["log"], event["id"], event.get("strings", []), when, event.get("source", eventlog.SOURCE))


def _set_sppsvc(machine: Machine, wanted: str) -> None:
    running = wanted == "running"
    machine.sppsvc.start_mode = services.DISABLED if wanted == "disabled" else services.AUTO
    if running is not machine.sppsvc.running:
        # By hand: no events, nothing published.
        if running:
            machine.run_sppsvc()
        else:
            machine.sppsvc.state, machine.sppsvc.process_id = services.STOPPED, 0


def _set_firewall(machine: Machine, row: dict[str, t.Any]) -> None:
    if "firewall_exception" in row:
        for rule in machine.rules:
            if rule.name in (firewall.KMS_RULE, firewall.KMS_RULE_NO_SCOPE):
                rule.enabled = row["firewall_exception"]
    for extra in row.get("firewall_rules", []):
        action = firewall.BLOCK if extra.get("block", False) else firewall.ALLOW
        ports = (str(extra["port"]),)
        machine.rules = [rule for rule in machine.rules if rule.name != extra["name"]]
        machine.rules.append(
            firewall.Rule(extra["name"], extra["name"], "", "", "TCP", ports, enabled=extra.get("enabled", True), action=action)
        )


def _set_licences(machine: Machine, row: dict[str, t.Any]) -> None:
    licensing = machine.licensing
    if row.get("grace") == "over":
        licensing.fresh = False
    if "office" in row:
        office = keys.office_key(row["office"])
        if office is None:
            raise EstateError(f"office: the catalogue of client setup keys has no Office product {row['office']!r}")
        licensing.add_office(row["office"])
        if row.get("office_keyed", False):
            licensing.put(_product_for(machine, "office", office), office)
    elif "office_keyed" in row:
        raise EstateError("office_keyed: goes with office only")
    if machine.windows.evaluation:
        if row.get("key") is not None:
            raise EstateError("key: an evaluation edition has its own key and takes no other")
        _put_evaluation(machine)
        return
    product = _put(machine, "key", row["key"]) if row.get("key") is not None else None
    for text in row.get("also_keyed", []):
        _license(machine, _put(machine, "also_keyed", text), row)
    if product is None:
        if row.get("licensed"):
            raise EstateError("licensed: a machine without a key is not licensed")
        return
    _license(machine, product, row)
    if row.get("remembered_clients"):
        if not product.is_host:
            raise EstateError("remembered_clients: only a machine with a host key counts clients")
        for number in range(row["remembered_clients"]):
            product.counters.remember(f"00000000-0000-4000-8000-{number:012}", 25, machine.now())
            product.counters.total += 1
            product.counters.by_status[1] += 1
    machine.take_port()


def _put(machine: Machine, field: str, text: str) -> Product:
    """Put a key into a machine beside those it has."""
    if text == "gvlk":
        key = keys.client_setup_key_for(machine.windows)
        if key is None:
            raise EstateError(f"{field}: {machine.windows.caption} has no client setup key")
    else:
        found = machine.licensing.book.find(text)
        if found is None:
            raise EstateError(keys.mask(f"{field}: {text!r} is neither gvlk nor one of the keys"))
        key = found
    product = _product_for(machine, field, key)
    machine.licensing.put(product, key)
    return product


def _product_for(machine: Machine, field: str, key: Key) -> Product:
    try:
        return machine.licensing.product_for(key)
    except CimError as error:
        raise EstateError(f"{field}: {machine.windows.caption} does not take the key that ends in {key.partial}: {error.text}") from None


def _put_evaluation(machine: Machine) -> None:
    product = next(product for product in machine.licensing.products.values() if product.sku.role == keys.EVALUATION)
    product.key = Key(text=keys.made_up_key(machine.windows.name, "evaluation"), channel=keys.EVALUATION)
    product.evaluation_end = product.licensed_until = machine.now() + EVALUATION_PERIOD


def _license(machine: Machine, product: Product, row: dict[str, t.Any]) -> None:
    if not row.get("licensed", False):
        return
    if product.is_kms_client:
        since = machine.now() - datetime.timedelta(days=row.get("activated_days_ago", 0))
        product.bind(since, _interval(row, "activation_interval"), _interval(row, "renewal_interval"), "")
    else:
        product.perpetual = True
    machine.licensing.fresh = False


def _interval(row: dict[str, t.Any], name: str) -> int:
    return int(row.get(name, ACTIVATION_INTERVAL if name == "activation_interval" else RENEWAL_INTERVAL))


def _set_kms_machine(machine: Machine, override: dict[str, t.Any]) -> None:
    level = override.get("level", "machine")
    main = next(iter(machine.licensing.windows_products()), None)
    if level == "product" and main is None:
        raise EstateError("kms_machine.level: a machine without a key has no product to set it for")
    application = rf"{SPP}\{skus.WINDOWS_APPLICATION}"
    product = rf"{application}\{main.sku.activation_id}" if main else application
    path = {"machine": SPP, "application": application, "product": product}[level]
    texts = {"name": "KeyManagementServiceName", "port": "KeyManagementServicePort", "lookup_domain": "KeyManagementServiceLookupDomain"}
    for field, value_name in texts.items():
        if field in override:
            machine.registry.set(path, value_name, registry.REG_SZ, str(override[field]))


_NUMBERS: dict[str, tuple[str, t.Callable[[t.Any], int]]] = {
    "host_caching": ("DisableKeyManagementServiceHostCaching", lambda on: int(not on)),
    "dns_publishing": ("DisableDnsPublishing", lambda on: int(not on)),
    "low_priority": ("EnableKmsLowPriority", int),
    "activation_interval": ("VLActivationInterval", int),
    "renewal_interval": ("VLRenewalInterval", int),
}
"""Registry values of the settings, as the methods of SoftwareLicensingService write them (see provider_licensing.py)."""


def _set_registry(machine: Machine, row: dict[str, t.Any]) -> None:
    store = machine.registry
    if "listening_port" in row:
        store.set(SPP, "KeyManagementServiceListeningPort", registry.REG_SZ, str(row["listening_port"]))
        machine.take_port()
    for field, (value_name, number) in _NUMBERS.items():
        if field in row:
            store.set(SPP, value_name, registry.REG_DWORD, number(row[field]))
    if "publish_domains" in row:
        store.set(SPP, "DnsDomainPublishList", registry.REG_MULTI_SZ, list(row["publish_domains"]))
    # What DHCP gave, and the suffix search list as one text with commas (Microsoft: Windows 2000 registry reference, DhcpDomain; KB 275553).
    for field, value_name in (("dhcp_domain", "DhcpDomain"), ("suffix_search_list", "SearchList")):
        if field in row:
            store.set(TCPIP, value_name, registry.REG_SZ, row[field] if field == "dhcp_domain" else ",".join(row[field]))
    for value in row.get("registry", []):
        store.set(value["key"].removeprefix("HKLM\\"), value["name"], _KINDS[value["type"]][0], value["data"])


def _check_registry(row: dict[str, t.Any]) -> None:
    for index, value in enumerate(row.get("registry", [])):
        shape, data = _KINDS[value["type"]][1], value["data"]
        fits = (
            isinstance(data, shape)
            and not isinstance(data, bool)
            and (not isinstance(data, list) or all(isinstance(item, str) for item in data))
        )
        if not fits:
            raise EstateError(keys.mask(f"registry[{index}].data: {json.dumps(data)} does not fit {value['type']}"))
