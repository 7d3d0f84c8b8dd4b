# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One simulated Windows machine: what it is, what it holds, and its clock. CIM requests come in through C(Machine.cim)."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import threading
import typing as t
import uuid

from . import eventlog, firewall, host, keys, services
from .cim import Cim
from .dns import DnsError
from .errors import ERROR_SERVICE_DISABLED, provider_error
from .eventlog import EventLogs
from .host import DEFAULT_PORT
from .licensing import Licensing, Product
from .registry import REG_BINARY, REG_DWORD, REG_SZ, SPP, Registry
from .windows import Windows

if t.TYPE_CHECKING:
    from .estate import Estate

TCPIP = r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
CURRENT_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"

_CMIDS = uuid.UUID("0b6f8a52-6a8b-4b0e-9b71-2f5a3d9c8e14")


@dataclasses.dataclass(frozen=True)
class Credentials:
    """The account that may log in to a machine."""

    username: str
    password: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Interruption:
    """A call of the licensing classes that the service's end or start breaks off with an HRESULT; C(executed) when it was carried out before."""

    code: int
    executed: bool


class Machine:
    """A machine of an estate.

    Everything that reads or changes it takes C(lock) first, C(cim) by itself. C(on_change), where set, is called without the lock after every call that
    may have changed what the machine listens on or lets in.
    """

    def __init__(self, estate: Estate, name: str, windows: Windows, *, domain: str = "", groups: t.Sequence[str] = ()) -> None:
        self.estate: Estate = estate
        self.name: str = name
        self.windows: Windows = windows
        self.domain: str = domain
        self.groups = tuple(groups)
        self.variables: dict[str, t.Any] = {}
        self.wire: dict[str, t.Any] = {}
        """Switches of the wire side, as the estate file has them."""
        self.credentials = estate.credentials
        self.lock = threading.RLock()
        self.activating = threading.Lock()
        self.on_change: t.Callable[[Machine], None] | None = None

        self.cmid: str = str(uuid.uuid5(_CMIDS, name))
        self.clock_offset = 0.0
        self.utc_offset_minutes: int = 0
        self.language: int = 1033
        self.virtual: bool = True
        self.internet = True
        self.dhcp_domain = ""
        self.suffix_search_list: tuple[str, ...] = ()
        self.access_denied: frozenset[str] = frozenset()
        self.failing: dict[str, int] = {}
        """HRESULTs by C(class.method) in lower case: calls that fail before they do anything."""
        self.interruptions: collections.deque[Interruption] = collections.deque()
        """What the next calls of the licensing classes meet, one each: the service stops or starts under them."""
        self.sppsvc_wanted: bool = False
        """Whether another program asks for licensing data all the time, so that the service starts again as soon as it has stopped."""

        self.registry: Registry = Registry()
        self.logs = EventLogs()
        self.rules = firewall.built_in_rules(windows)
        self.services = services.default_services()
        self.licensing: Licensing = Licensing(windows, estate.book, name, self.now())
        self.rearms_left: int = 1001
        """Shown by modern systems (Microsoft: published slmgr output)."""
        self.original_product_key: str = keys.made_up_key(name, "firmware")
        self._port = DEFAULT_PORT
        self._next_process = services.SPPSVC_PROCESS + 4
        self.cim = Cim(self)
        self._fill_registry()

    @property
    def fqdn(self) -> str:
        """The full name in lower case; the short one in a workgroup."""
        return (f"{self.name}.{self.domain}" if self.domain else self.name).lower()

    @property
    def sppsvc(self) -> services.Service:
        """The Software Protection service."""
        return self.services[services.SPPSVC]

    @property
    def profile(self) -> int:
        """The network profile in use: Domain for a member, Private otherwise (inferred)."""
        return firewall.DOMAIN if self.domain else firewall.PRIVATE

    @property
    def started(self) -> datetime.datetime:
        """The instant at which the estate began, by the machine's clock: nothing restarts a machine of the lab."""
        return self.estate.clock.start + datetime.timedelta(seconds=self.clock_offset)

    def now(self) -> datetime.datetime:
        """Return the machine's time, in UTC: that of the estate and the machine's own offset."""
        return self.estate.clock.now() + datetime.timedelta(seconds=self.clock_offset)

    def search_domains(self) -> list[str]:
        """Return the domains a client looks for hosts in: its own or that of DHCP, and the suffix search list (Microsoft: Deploy KMS Activation)."""
        return list(dict.fromkeys(domain for domain in (self.domain or self.dhcp_domain, *self.suffix_search_list) if domain))

    def listening(self) -> int | None:
        """Return the port on which a KMS host listens here now, or None: no host key, or the service does not run.

        A host whose key is not activated listens, too: it answers 0xC004F041 (Microsoft: windowsserverdocs, activation-error-codes).
        """
        with self.lock:
            return self._port if self.sppsvc.running and self.licensing.hosts() else None

    def firewall_allows(self, port: int) -> bool:
        """Return whether TCP C(port) is let in on the network profile in use."""
        with self.lock:
            return firewall.allows(self.rules, self.registry, port, self.profile)

    def need_sppsvc(self) -> None:
        """Start the licensing service when it is stopped, as a call of its provider does (Microsoft: slmgr.vbs works on a stopped service).

        Raises CimError when the service is disabled.
        """
        if not self.sppsvc.running:
            if self.sppsvc.start_mode == services.DISABLED:
                raise provider_error(ERROR_SERVICE_DISABLED)
            self.start_sppsvc()

    def start_sppsvc(self) -> None:
        """Start the licensing service. It takes its listening port now (Microsoft: activation-slmgr-vbs-options, /sprt) and publishes in DNS
        (Microsoft: Deploy KMS Activation)."""
        self.run_sppsvc()
        # Strings: decoded records of public event log samples.
        self.logs.write(eventlog.APPLICATION, 900, ["<explicit>"], self.now())
        self.logs.write(eventlog.APPLICATION, 902, [f"{self.windows.version}.{self.windows.ubr}"], self.now())
        self.take_port()
        host.publish(self)

    def run_sppsvc(self) -> None:
        """Have the licensing service run in a process of its own, which it did not have before."""
        self.sppsvc.state = services.RUNNING
        self.sppsvc.process_id = self._next_process
        self._next_process += 4

    def stop_sppsvc(self) -> None:
        """Stop the licensing service. It starts on demand (see need_sppsvc), so that it may run again before anyone has seen it stopped."""
        self.sppsvc.state = services.STOPPED
        self.sppsvc.process_id = 0
        self.logs.write(eventlog.APPLICATION, 903, [], self.now())
        if self.sppsvc_wanted:
            self.start_sppsvc()

    def take_port(self) -> None:
        """Listen on the port that is set, from now on."""
        self._port = self.registry.number(SPP, "KeyManagementServiceListeningPort") or DEFAULT_PORT

    def publish_srv(self, domain: str, priority: int, weight: int, port: int) -> int | None:
        """Publish this machine as a host in one domain; return None, or the HRESULT of the failure."""
        try:
            self.estate.dns.publish_srv(domain, priority, weight, port, self.fqdn, self.estate.address_of(self.name))
        except DnsError as error:
            return error.code
        return None

    def install_key(self, text: str) -> Product:
        """Install a product key as InstallProductKey does. Raises CimError."""
        had_host = bool(self.licensing.hosts())
        product = self.licensing.install(text)
        if product.is_host and not had_host:
            # A machine becomes a host with its key (inferred); DNS publishing waits for the service to start (Microsoft: Deploy KMS Activation).
            self.take_port()
        return product

    def changed(self) -> None:
        """Tell whoever listens that the machine may have changed. Not to be called with the lock held."""
        if self.on_change is not None:
            self.on_change(self)

    def change(self, **changes: t.Any) -> None:
        """Change the machine by hand, with those fields of an estate file that can change while the lab runs (estate_file.CHANGEABLE).

        Raises ValueError when a field or its value is not valid; nothing is changed then.
        """
        # The file's fields are read where the file is read, and that needs this module.
        from . import estate_file

        estate_file.change(self, changes)

    def secrets(self) -> list[str]:
        """Return every full product key on this machine: what no output may ever show."""
        found = {self.original_product_key, self.registry.text(SPP, "BackupProductKeyDefault") or self.original_product_key}
        return sorted(found | {product.key.text for product in self.licensing.keyed() if product.key is not None})

    def state(self) -> dict[str, t.Any]:
        """Return everything about the machine as JSON-able data. Product keys are cut to their last five characters."""
        with self.lock:
            now = self.now()
            data = {
                "name": self.name,
                "fqdn": self.fqdn,
                "windows": dataclasses.asdict(self.windows),
                "groups": list(self.groups),
                "time": now.isoformat(),
                "cmid": self.cmid,
                "sppsvc": self.sppsvc.state,
                "listening": self.listening(),
                "products": [self._product_state(product, now) for product in self.licensing.keyed()],
                "firewall": {rule.name: rule.enabled for rule in self.rules},
                "registry": self.registry.dump(),
                "original_product_key": self.original_product_key,
                "events": [
                    {"log": event.log, "id": event.event_id, "time": event.written.isoformat(), "strings": list(event.strings)}
                    for event in self.logs.newest_first()
                ],
            }
        return t.cast("dict[str, t.Any]", keys.mask(data))

    def _product_state(self, product: Product, now: datetime.datetime) -> dict[str, t.Any]:
        assert product.key is not None
        status = product.status(now)
        counters = product.counters
        return {
            "activation_id": product.sku.activation_id,
            "application_id": product.sku.application_id,
            "name": product.sku.name,
            "description": product.sku.description,
            "role": product.sku.role,
            "partial_key": product.key.partial,
            "license_status": status.value,
            "reason": f"0x{status.reason:08X}",
            "grace_minutes": status.minutes,
            "discovered": list(product.discovered) if product.discovered else None,
            "activations_used": self.estate.activations.used(product.key),
            "host": {
                "count": counters.count(now),
                "total": counters.total,
                "failed": counters.failed,
                "by_status": list(counters.by_status),
                "cmids": list(counters.clients),
            }
            if product.is_host
            else None,
        }

    def _fill_registry(self) -> None:
        text = {
            (CURRENT_VERSION, "EditionID"): self.windows.edition_id,
            # Windows 11 still says Windows 10 there (widely known; from memory).
            (CURRENT_VERSION, "ProductName"): self.windows.caption.removeprefix("Microsoft ").replace("Windows 11", "Windows 10"),
            (CURRENT_VERSION, "CurrentBuildNumber"): str(self.windows.build),
            (CURRENT_VERSION, "CurrentBuild"): str(self.windows.build),
            (CURRENT_VERSION, "InstallationType"): "Server" if self.windows.is_server else "Client",
            (TCPIP, "Hostname"): self.name,
            (TCPIP, "NV Hostname"): self.name,
            (TCPIP, "Domain"): self.domain,
            (TCPIP, "NV Domain"): self.domain,
            # A whole product key in clear text lies there (seen on real machines); here one that nobody can use.
            (SPP, "BackupProductKeyDefault"): keys.made_up_key(self.name, "backup"),
        }
        for (path, name), data in text.items():
            self.registry.set(path, name, REG_SZ, data)
        self.registry.set(CURRENT_VERSION, "UBR", REG_DWORD, self.windows.ubr)
        self.registry.set(CURRENT_VERSION, "DigitalProductId", REG_BINARY, _digital_product_id())
        self.registry.create(r"SOFTWARE\Policies\Microsoft")
        for log in self.logs.names:
            self.registry.create(rf"SYSTEM\CurrentControlSet\Services\EventLog\{log}")


def _digital_product_id() -> list[int]:
    """Return 164 bytes in the place where Windows keeps an encoded product key (ansible.windows, win_product_facts, reads bytes 52 to 66 of it).

    Made up: bytes 52 to 66 are those of no key but B's, the first letter of the encoding.
    """
    head = (164).to_bytes(4, "little") + (3).to_bytes(4, "little")
    return list(head.ljust(164, b"\0"))
