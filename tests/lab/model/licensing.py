# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's licensing state: which licence has which key, what its status is now, and what an installed key changes."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import hashlib
import typing as t

from . import keys, skus
from .errors import provider_error
from .keys import Key, KeyBook
from .skus import Sku
from .windows import Windows

UNLICENSED, LICENSED, OOB_GRACE, OOT_GRACE, NON_GENUINE_GRACE, NOTIFICATION, EXTENDED_GRACE = range(7)
"""LicenseStatus (Microsoft: MicrosoftDocs/win32, SppWmi, SoftwareLicensingProduct)."""

NOT_AVAILABLE = 0xFFFFFFFF
"""All ones: "not a host, or no request yet" (Microsoft: MicrosoftDocs/win32, SppWmi, documented there as -1)."""

GRACE = datetime.timedelta(days=30)
"""Initial grace, and grace after the validity ended (Microsoft: KMS troubleshooting guidelines; OfficeDocs-DeployOffice for the second)."""

VALIDITY = datetime.timedelta(minutes=259200)
"""A client activated by KMS stays so for 180 days (Microsoft: windowsserverdocs, kms-activation-planning)."""

ACTIVATION_INTERVAL = 120
RENEWAL_INTERVAL = 10080
"""Minutes between attempts before and after activation (Microsoft: KMS troubleshooting guidelines, kms-activation-planning)."""

FORGET_AFTER = datetime.timedelta(days=30)
"""A client that does not come back drops out of the count (Microsoft: windows-itpro-docs, activate-windows-clients)."""

SL_I_OOB_GRACE_PERIOD = 0x4004F00C
SL_I_OOT_GRACE_PERIOD = 0x4004F00D
SL_I_TIMEBASED_VALIDITY_PERIOD = 0x4004FC04
SL_E_PKEY_NOT_INSTALLED = 0xC004F014
SL_E_GRACE_TIME_EXPIRED = 0xC004F009
SL_E_VL_MACHINE_NOT_BOUND = 0xC004F056


class Status(t.NamedTuple):
    """What a product answers at one moment: LicenseStatus, LicenseStatusReason, GracePeriodRemaining in minutes."""

    value: int
    reason: int
    minutes: int


class Discovered(t.NamedTuple):
    """A host found through DNS."""

    name: str
    port: int
    address: str


@dataclasses.dataclass
class HostCounters:
    """What a host counts for one of its host keys. They belong to the licence: Windows and Office host keys on one machine count apart."""

    total: int = 0
    failed: int = 0
    by_status: list[int] = dataclasses.field(default_factory=lambda: [0] * 7)
    clients: collections.OrderedDict[str, datetime.datetime] = dataclasses.field(default_factory=collections.OrderedDict)
    largest_minimum: int = 0

    @property
    def asked(self) -> bool:
        """Whether any request was counted yet."""
        return bool(self.total or self.failed or self.clients)

    def remember(self, cmid: str, minimum: int, now: datetime.datetime) -> None:
        """Count a client: the same CMID counts once, a renewal starts its 30 days again.

        The host remembers twice the largest minimum it was asked for (10 with servers or Office only, 50 after the first client Windows) and never
        shrinks; where more come, the oldest goes (Microsoft: windows-itpro-docs, activate-windows-clients; OfficeDocs-DeployOffice).
        """
        self.largest_minimum = max(self.largest_minimum, minimum)
        self.clients.pop(cmid, None)
        self.clients[cmid] = now
        while len(self.clients) > 2 * self.largest_minimum:
            self.clients.popitem(last=False)

    def count(self, now: datetime.datetime) -> int:
        """Return the current count: clients seen in the last 30 days."""
        return sum(1 for seen in self.clients.values() if now - seen < FORGET_AFTER)

    def forget(self, now: datetime.datetime) -> None:
        """Drop the clients that did not come back within 30 days."""
        for cmid in [cmid for cmid, seen in self.clients.items() if now - seen >= FORGET_AFTER]:
            del self.clients[cmid]


@dataclasses.dataclass
class Product:
    """One licence of the machine and its state."""

    sku: Sku
    key: Key | None = None
    perpetual: bool = False
    licensed_until: datetime.datetime | None = None
    grace_until: datetime.datetime | None = None
    evaluation_end: datetime.datetime | None = None
    discovered: Discovered | None = None
    host_pid: str | None = None
    activation_type: int = 0
    activation_interval: int | None = None
    renewal_interval: int | None = None
    counters: HostCounters = dataclasses.field(default_factory=HostCounters)

    @property
    def is_host(self) -> bool:
        """Whether a KMS host key is in this licence."""
        return self.key is not None and self.sku.role == keys.KMS_HOST

    @property
    def is_kms_client(self) -> bool:
        """Whether a KMS client key is in this licence."""
        return self.key is not None and self.sku.role == keys.KMS_CLIENT

    def status(self, now: datetime.datetime) -> Status:
        """Return the status at C(now). The reasons are the codes' own meanings (Microsoft: win32metadata, SL_*); which one goes with which status is
        inferred, but for 0xC004F009 in notification (windowsserverdocs, activation-error-codes)."""
        if self.key is None:
            return Status(UNLICENSED, SL_E_PKEY_NOT_INSTALLED, 0)
        if self.perpetual:
            # A licence without an end answers 0 minutes: MAK, host key, OEM (Microsoft: MicrosoftDocs/win32, GracePeriodRemaining).
            return Status(LICENSED, 0, 0)
        evaluation = self.sku.role == keys.EVALUATION
        if self.licensed_until is not None and now < self.licensed_until:
            return Status(LICENSED, SL_I_TIMEBASED_VALIDITY_PERIOD if evaluation else 0, _minutes(self.licensed_until - now))
        if self.licensed_until is not None and not evaluation and now < self.licensed_until + GRACE:
            # Status 3 also stands for a KMS validity that ran out (Microsoft: slmgr output texts; OfficeDocs-DeployOffice for Office).
            return Status(OOT_GRACE, SL_I_OOT_GRACE_PERIOD, _minutes(self.licensed_until + GRACE - now))
        if self.licensed_until is None and self.grace_until is not None and now < self.grace_until:
            return Status(OOB_GRACE, SL_I_OOB_GRACE_PERIOD, _minutes(self.grace_until - now))
        return Status(NOTIFICATION, SL_E_VL_MACHINE_NOT_BOUND if self.is_kms_client else SL_E_GRACE_TIME_EXPIRED, 0)

    def bind(self, now: datetime.datetime, activation_interval: int, renewal_interval: int, host_pid: str) -> None:
        """Record an activation by a KMS host. The host's intervals replace the client's own (Microsoft: KMS Activation Timing and Discovery)."""
        self.licensed_until = now + VALIDITY
        self.activation_interval = activation_interval
        self.renewal_interval = renewal_interval
        self.host_pid = host_pid
        self.activation_type = 2

    def forget_key(self) -> None:
        """Take the key and everything that came with it out. The host's counters stay: they start again with a new Windows only
        (Microsoft: KMS troubleshooting guidelines)."""
        fresh = Product(self.sku, counters=self.counters)
        self.__dict__.update(fresh.__dict__)


class Licensing:
    """The licences of one machine and its keys. Times are those of the machine, in UTC."""

    def __init__(self, windows: Windows, book: KeyBook, name: str, started: datetime.datetime) -> None:
        self.windows = windows
        self.book = book
        self.name = name
        self.grace_until = started + GRACE
        self.fresh = True
        """Whether the initial grace still applies: until the first activation, or until a key is replaced."""
        self.policy_refresh_required = False
        self.products: dict[str, Product] = {sku.activation_id: Product(sku) for sku in skus.windows_skus(windows)}

    def add_office(self, product: str) -> None:
        """Put an Office on the machine, by the product's name in the catalogue of client setup keys."""
        for sku in (skus.office_client_sku(product), skus.office_mak_sku(product)):
            self.products.setdefault(sku.activation_id, Product(sku))

    def keyed(self) -> list[Product]:
        """Return the products that have a key."""
        return [product for product in self.products.values() if product.key is not None]

    def windows_products(self) -> list[Product]:
        """Return the keyed products of Windows itself: one on a healthy machine."""
        return [product for product in self.keyed() if product.sku.is_windows]

    def hosts(self) -> list[Product]:
        """Return the products with a host key, that of Windows first."""
        return sorted((product for product in self.keyed() if product.is_host), key=lambda product: not product.sku.is_windows)

    def find(self, activation_id: str) -> Product | None:
        """Return a product by its activation id in any case."""
        return self.products.get(activation_id.lower())

    def install(self, text: str) -> Product:
        """Install a product key. Raises CimError with the licensing service's HRESULT.

        The key of the same slot is replaced without a word (Microsoft: MicrosoftDocs/win32, SppWmi, InstallProductKey): Windows has one slot, an Office
        product one each.
        """
        key = self.book.find(text)
        if key is None:
            raise provider_error(skus.SL_E_INVALID_PRODUCT_KEY)
        product = self.product_for(key)
        if product.key == key:
            # The same key again changes nothing (inferred).
            return product
        replaced = [other for other in self.windows_products() if product.sku.is_windows]
        if replaced:
            # A machine that changes from MAK to a client setup key goes to notification at once (from memory, and "often"); the lab does so for every
            # replaced Windows key.
            self.fresh = False
        for other in replaced:
            other.forget_key()
        self.put(product, key)
        self.policy_refresh_required = True
        return product

    def put(self, product: Product, key: Key) -> None:
        """Put a key into a licence, unlicensed as yet."""
        product.forget_key()
        product.key = key
        product.grace_until = self.grace_until if self.fresh else None

    def product_for(self, key: Key) -> Product:
        """Return the licence that takes a key. Raises CimError with the licensing service's HRESULT when this Windows has none."""
        if key.channel == keys.KMS_HOST:
            assert key.csvlk is not None
            code = skus.wrong_place(key, self.windows)
            if code is not None:
                raise provider_error(code)
            sku = skus.host_sku(skus.host_keys()[key.csvlk], self.windows)
            return self.products.setdefault(sku.activation_id, Product(sku))
        for product in self.products.values():
            if key.product is not None:
                fits = product.sku.office_product == key.product
            else:
                # Evaluation editions take no volume key before their edition is changed, and Home has no volume licences
                # (Microsoft: windowsserverdocs, kms-client-activation-keys, and from memory): they lack such a product.
                fits = product.sku.is_windows and product.sku.role == key.channel and key.fits(self.windows)
            if fits:
                return product
        raise provider_error(skus.SL_E_MISMATCHED_PRODUCT_SKU)

    def uninstall(self, product: Product) -> None:
        """Take the key out of a product. Raises CimError when there is none."""
        if product.key is None:
            raise provider_error(SL_E_PKEY_NOT_INSTALLED)
        product.forget_key()
        self.policy_refresh_required = True

    def product_key_id(self, product: Product) -> str | None:
        """Return a product id of the usual form, made up from the machine's name (ProductKeyID; Microsoft: published slmgr output)."""
        if product.key is None:
            return None
        digits = _digits(f"{self.name}/{product.sku.activation_id}", 14)
        return f"{digits[:5]}-{digits[5:10]}-{digits[10:13]}-{_digits(self.name, 6)}-03-1033-{self.windows.build}.0000-1812026"


def installation_id(name: str, activation_id: str) -> str:
    """Return the 63 digits of an offline installation id, made up."""
    return _digits(f"{name}/{activation_id}/installation", 63)


def _digits(seed: str, count: int) -> str:
    return str(int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big")).zfill(78)[-count:]


def _minutes(span: datetime.timedelta) -> int:
    return int(span.total_seconds() // 60)
