# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence without the names of those whom it is about, in which everything still fits together.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

What is replaced: names of machines, DNS domains, IP addresses, names of objects of Active Directory, client machine ids (CMIDs), extended product
ids of KMS hosts, and installation ids. One thing has one stand-in everywhere, so that a client's request and the host's record of it stay a pair. A full
name keeps its two parts, machine and domain. A private address stays private, a public one public. What is not replaced is what nobody can be told by:
editions, codes, times, counts, ports, ids of products, the last five characters of keys, and the names of Microsoft's own hosts.

It is done to the plain data before anything is made of it: a report is then written of data that has no names any more. What the stand-ins stand for is
nowhere kept.
"""

from __future__ import annotations

import collections.abc
import ipaddress
import re
import typing as t

from .names import GUID as _GUID

# fmt: off
_VOCABULARY = frozenset({
    "action", "activation_id", "activation_type", "activation_type_enabled", "application", "application_id", "caption", "client_time",
    "code", "collected_at", "description", "display_name", "edition_id", "evaluation_ends_at", "expires_at", "flags", "kind", "level",
    "license_status_word", "log", "meaning", "mode", "oldest_record_at", "outcome", "partial_key", "primary", "primary_candidates",
    "product_key_channel", "product_type", "profiles", "role", "side", "since", "source", "start_mode", "state", "status", "symbol",
    "time", "version",
})
# fmt: on
"""Keys whose texts are words of Windows or ours, moments, or ids that are the same everywhere: left alone. Every other text has its names replaced."""

_MACHINE_KEYS = frozenset({"inventory_hostname", "fqdn", "computer", "host", "client", "target", "server", "seen_from"})
_DOMAIN_KEYS = frozenset({"domain", "zone", "publish_domains"})
_OBJECT_KEYS = frozenset({"ad_object", "object_name"})
"""Keys of names that administrators gave to objects of Active Directory."""

_WELL_KNOWN_OBJECTS = frozenset({"activation objects", "configuration", "microsoft spp", "services"})
"""Where activation objects are, the same in every forest (Microsoft: MS-ADTS; event 12308)."""

_NAMED = frozenset({"machine", "kms_machine_configured", "kms_machine_discovered", "kms_machines_set"})
"""Keys of mappings whose C(name) is a machine's; a product, a rule, an event have a C(name) of another kind."""

_PUBLIC_IDS = frozenset({"activation_id", "application_id", "primary", "primary_candidates"})

KEPT_DOMAINS = ("core.windows.net", "microsoft.com", "windows.com", "windowsazure.com", "azure.com", "amazonaws.com", "googlecompute.com")
"""Names below these are a platform's or Microsoft's own, and tell nobody's estate."""

_SERVICE = "_vlmcs._tcp."

NOBODY = frozenset({"", ".", "localhost", "controller", "unknown"})
"""Words that stand where a machine's name may stand."""

_FILE_ENDINGS = frozenset(
    {"bat", "cmd", "dat", "dll", "evtx", "exe", "htm", "html", "ini", "json", "jsonl", "log", "mof", "msi", "msu", "mui"}
)
_FILE_ENDINGS |= {"ps1", "psd1", "psm1", "sys", "txt", "vbs", "wsf", "xml", "yml"}

# The extended product id of a host: group, key range, serial number, type of licence, language, build, day of installation (published /dlv outputs).
_PRODUCT_ID = "[0-9]{5}-[0-9]{5}-[0-9]{3}-[0-9]{6}-[0-9]{2}-[0-9]{4,5}-[0-9.]+-[0-9]{7}"
_INSTALLATION_ID = "[0-9]{48,63}|(?:[0-9]{6,7}-){8}[0-9]{6,7}"
_IPV4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.[0-9])"
_IPV6 = r"(?=[0-9A-Fa-f]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]+(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3})?(?:%[0-9A-Za-z]+)?(?!:)"
_LABEL = "[0-9A-Za-z_](?:[0-9A-Za-z_-]*[0-9A-Za-z])?"
_RDN = r"(?:CN|OU)\s*=\s*(?:\\[^\r\n]|[^\\,=\r\n\"']){1,255}"
_DN_DOMAIN = rf"DC\s*=\s*{_LABEL}(?:\s*,\s*DC\s*=\s*{_LABEL})*"
_DN_PARTS = re.compile(r"(CN|OU|DC)\s*=\s*((?:\\[^\r\n]|[^\\,=\r\n])*)", re.IGNORECASE)
_SHAPES = (
    rf"(?<![0-9A-Za-z])(?P<dn>(?:{_RDN}\s*,\s*){{0,30}}{_DN_DOMAIN})|"
    rf"(?<![0-9A-Za-z_.-])(?:(?P<id>{_PRODUCT_ID}|{_INSTALLATION_ID})|(?P<guid>{_GUID})|(?P<address>{_IPV4}|{_IPV6}))(?![0-9A-Za-z])"
    rf"|(?<![0-9A-Za-z_-])(?P<dotted>{_LABEL}(?:\.{_LABEL})+)(?![0-9A-Za-z_-])"
)


class Redaction:
    """Stand-ins for everything that names somebody, the same from the first to the last text. C(add) all evidence, then take it with C(redacted)."""

    def __init__(self) -> None:
        self._public: set[str] = set()
        self._labels: dict[str, str] = {}
        self._domains: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._cmids: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._objects: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._known: re.Pattern[str] | None = None
        self._words: re.Pattern[str] = re.compile("(?!)")

    # --- what there is ---

    def add(self, data: t.Any) -> None:
        """Look for names in plain data."""
        self._known = None
        hosts = data.get("host") if isinstance(data, dict) else None
        is_host = isinstance(hosts, dict) and bool(hosts.get("is_kms_host"))
        self._look(data, "", "", "kms-host" if is_host else "machine")

    def add_name(self, name: str) -> None:
        """Take one name of a machine."""
        self._known = None
        self._machine(name, "kms-host")

    def _look(self, value: t.Any, key: str, parent: str, word: str) -> None:
        if isinstance(value, collections.abc.Mapping):
            for name, item in value.items():
                self._look(item, str(name), key, word)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._look(item, key, parent, word)
        elif isinstance(value, str):
            if key in _PUBLIC_IDS:
                self._public.add(value.strip("{}").casefold())
            elif key in _MACHINE_KEYS or (key == "name" and parent in _NAMED):
                # Only the record's own name says what it is; others are told by those that ask them.
                self._machine(value, word if key in ("inventory_hostname", "fqdn") or parent == "machine" else _word_of(key, parent))
            elif key in _OBJECT_KEYS and value.strip():
                self._stand_in(self._objects, value.strip().casefold(), "ad-object-", "")
            elif key in _DOMAIN_KEYS:
                self._domain(value.split(",", 1)[0])

    def _machine(self, name: str, word: str) -> None:
        name = name.strip().strip("[]").rstrip(".")
        if name.casefold() in NOBODY or _address(name) is not None or _is_kept(name):
            return
        label, _dot, domain = name.partition(".")
        self._label(label, word)
        if domain:
            self._domain(domain)

    def _label(self, label: str, word: str) -> str:
        return self._stand_in(self._labels, label.casefold(), f"{word}-", "")

    def _domain(self, domain: str) -> None:
        domain = domain.strip().rstrip(".").casefold().removeprefix(_SERVICE)
        if domain and domain.casefold() not in NOBODY and not _is_kept(domain):
            self._stand_in(self._domains, domain.casefold(), "domain-", ".example")

    def _stand_in(self, known: dict[str, str], key: str, before: str, after: str) -> str:
        if key not in known:
            self._counts[before] = self._counts.get(before, 0) + 1
            known[key] = f"{before}{self._counts[before]}{after}"
        return known[key]

    # --- what becomes of it ---

    def redacted(self, data: t.Any) -> t.Any:
        """Return plain data with stand-ins."""
        return self._value(data, "", "")

    def name(self, name: str) -> str:
        """Return the stand-in of one name."""
        return self.text(name)

    def _value(self, value: t.Any, key: str, parent: str) -> t.Any:
        if isinstance(value, collections.abc.Mapping):
            return {name: self._value(item, str(name), key) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._value(item, key, parent) for item in value]
        if not isinstance(value, str) or key in _VOCABULARY or (key == "name" and parent not in _NAMED and not value.startswith("_")):
            return value
        return self.text(value)

    def text(self, text: str) -> str:
        """Return a text with stand-ins for every name that is known, for what has the shape of an address, a CMID or an id, and for full names."""
        # In one pass: no stand-in is ever looked at itself.
        return self._pattern().sub(self._replaced, text)

    def leaks(self, text: str) -> list[str]:
        """Return what of the originals a text still has: full names, domains in either spelling, addresses, CMIDs and ids.

        First labels may be ordinary words, and an original that is a stand-in of something else is no leak where it stands.
        """
        folded = text.casefold()
        kinds = (self._domains, self._addresses, self._cmids, self._ids)
        stand_ins = {stand_in for kind in kinds for stand_in in kind.values()}
        words = [word for kind in kinds for word in kind if word not in stand_ins and (kind is not self._domains or "." in word)]
        # Within a longer word or number it is another one.
        found = [word for word in words if word in folded and re.search(rf"(?<![0-9a-z]){re.escape(word)}(?![0-9a-z])", folded)]
        if "dc=" in folded:
            parts = {
                word: r"\s*,\s*".join(f"dc={re.escape(label)}" for label in word.split(".")) for word in words if word in self._domains
            }
            found += [word for word, pattern in parts.items() if re.search(rf"{pattern}(?![0-9a-z_-])", folded)]
        return found

    def _pattern(self) -> re.Pattern[str]:
        if self._known is None:
            words = sorted((*self._labels, *self._domains, *self._objects), key=len, reverse=True)
            word = "|".join(map(re.escape, words)) or "(?!)"
            self._words = re.compile(rf"(?<![0-9A-Za-z_-])(?:{word})(?![0-9A-Za-z_]|-[0-9A-Za-z])", re.IGNORECASE)
            self._known = re.compile(rf"{_SHAPES}|(?P<word>{self._words.pattern})", re.IGNORECASE)
        return self._known

    def _replaced(self, found: re.Match[str]) -> str:
        text = found[0]
        if found["id"] is not None:
            return self._stand_in(self._ids, text, "product-id-", "")
        if found["dn"] is not None:
            return self._dn(text)
        if found["guid"] is not None:
            return self._guid(text)
        if found["address"] is not None:
            return self._ip(text)
        return self._dotted(text) if found["dotted"] is not None else self._word(text)

    def _word(self, word: str) -> str:
        return next(kind[word.casefold()] for kind in (self._labels, self._domains, self._objects) if word.casefold() in kind)

    def _dn(self, text: str) -> str:
        """Return the distinguished name of an object of Active Directory with stand-ins; its domain has the one of the same DNS domain."""
        parts = [(found[1], found[2].strip()) for found in _DN_PARTS.finditer(text)]
        names = [f"{kind}={self._object(value)}" for kind, value in parts if kind.upper() != "DC"]
        domain = ".".join(value for kind, value in parts if kind.upper() == "DC").casefold()
        if not _is_kept(domain):
            domain = self._stand_in(self._domains, domain, "domain-", ".example")
        return ",".join([*names, *(f"DC={label}" for label in domain.split("."))])

    def _object(self, name: str) -> str:
        if name.casefold() in _WELL_KNOWN_OBJECTS:
            return name
        known = self._labels.get(name.casefold())
        return known or self._stand_in(self._objects, name.casefold(), "ad-object-", "")

    def _guid(self, text: str) -> str:
        guid = text.casefold()
        if guid in self._public:
            return text
        return self._cmids.setdefault(guid, f"00000000-0000-4000-8000-{len(self._cmids) + 1:012x}")

    def _ip(self, text: str) -> str:
        address = _address(text)
        if address is None or address.is_unspecified:
            return text
        number = len(self._addresses) + 1
        if address.version == 4:
            # 198.18.0.0/15 is private and for measurements (RFC 2544), 100.128.0.0/9 is public and a carrier's: hardly an estate has either.
            stand_in = str(ipaddress.IPv4Address("198.18.0.0" if address.is_private else "100.200.0.0") + number)
        else:
            stand_in = str(ipaddress.IPv6Address("fd6b:6d73::" if address.is_private else "2600::") + number)
        return self._addresses.setdefault(str(address), stand_in)

    def _dotted(self, text: str) -> str:
        name = text.casefold()
        if name in self._domains:
            return self._domains[name]
        if _is_kept(name) or name.startswith(("activation.kms", "ansible.")):
            return text
        last = name.rpartition(".")[2]
        if not re.fullmatch("[a-z][a-z0-9-]+", last) or last in _FILE_ENDINGS:
            # A file's name, a version, the end of one sentence and the begin of the next: a machine's name may be in it.
            return self._words.sub(lambda found: self._word(found[0]), text)
        service, label, domain = _parts(name)
        stand_in = self._stand_in(self._domains, domain, "domain-", ".example")
        return f"{service}{stand_in}" if label is None else f"{service}{self._label(label, 'machine')}.{stand_in}"


def _parts(name: str) -> tuple[str, str | None, str]:
    """Return the service labels of a name, its first label and its domain; what stands behind service labels is a domain."""
    if name.startswith(_SERVICE):
        return _SERVICE, None, name.removeprefix(_SERVICE)
    label, _dot, domain = name.partition(".")
    return "", label, domain


def _word_of(key: str, parent: str) -> str:
    return "name-server" if key == "server" else "kms-host" if key == "target" or parent.startswith("kms_machine") else "machine"


def _is_kept(name: str) -> bool:
    folded = name.casefold().rstrip(".")
    return any(folded == kept or folded.endswith(f".{kept}") for kept in KEPT_DOMAINS)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
