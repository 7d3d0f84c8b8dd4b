# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SoftwareLicensingService and SoftwareLicensingProduct (root/cimv2): columns and methods."""

from __future__ import annotations

import datetime
import typing as t

from . import activation
from .activation import SL_E_VL_BINDING_SERVICE_NOT_ENABLED
from .errors import E_INVALIDARG, provider_error
from .licensing import ACTIVATION_INTERVAL, NOT_AVAILABLE, RENEWAL_INTERVAL, HostCounters, Product, installation_id
from .provider import Handler, Instance, Provider, reader
from .registry import REG_DWORD, REG_SZ, SPP
from .wql import Value

if t.TYPE_CHECKING:
    from .machine import Machine

NO_DATE = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)
"""The zero of FILETIME, for "no date" (Microsoft: MicrosoftDocs/win32, SppWmi, EvaluationEndDate)."""

MIN_INTERVAL, MAX_INTERVAL = 15, 43200
"""Minutes, for both intervals (Microsoft: windowsserverdocs, activation-slmgr-vbs-options, /sai and /sri)."""

Arguments = dict[str, t.Any]
Outputs = dict[str, Value]


def _path(product: Product | None) -> str:
    """Return the registry key of the machine's settings, or of one product's (Microsoft: Learn, Registry Settings for Volume Activation)."""
    return SPP if product is None else rf"{SPP}\{product.sku.application_id}\{product.sku.activation_id}"


def _setting(machine: Machine, product: Product | None, name: str) -> str | None:
    return machine.registry.text(_path(product), name)


def _port(machine: Machine, product: Product | None) -> int:
    # 0 when not set (Microsoft: microsoft/wmi, generated classes; slmgr.vbs treats 0 so).
    return machine.registry.number(_path(product), "KeyManagementServicePort") or 0


def _flag(machine: Machine, name: str) -> bool:
    return bool(machine.registry.number(SPP, name))


def _main(machine: Machine) -> Product | None:
    """Return the product that the service's own KMS columns are about: that of Windows."""
    found = machine.licensing.windows_products()
    return found[0] if found else None


def _counter(machine: Machine, product: Product | None, read: t.Callable[[HostCounters], int]) -> int:
    if product is None or not product.is_host:
        return NOT_AVAILABLE
    # Before its first request a host answers 0 on new systems (Microsoft: KMS troubleshooting guidelines; published slmgr output) or all ones
    # (MicrosoftDocs/win32, SppWmi): the estate chooses.
    return read(product.counters) if product.counters.asked else machine.estate.new_host_count


def _count(machine: Machine, product: Product | None) -> int:
    return _counter(machine, product, lambda counters: counters.count(machine.now()))


def _status_counter(status: int) -> t.Callable[[Machine, Product | None], int]:
    return lambda machine, product: _counter(machine, product, lambda counters: counters.by_status[status])


_COUNTERS: dict[str, t.Callable[[Machine, Product | None], int]] = {
    "KeyManagementServiceCurrentCount": _count,
    "KeyManagementServiceTotalRequests": lambda machine, product: _counter(machine, product, lambda counters: counters.total),
    "KeyManagementServiceFailedRequests": lambda machine, product: _counter(machine, product, lambda counters: counters.failed),
    "KeyManagementServiceUnlicensedRequests": _status_counter(0),
    "KeyManagementServiceLicensedRequests": _status_counter(1),
    "KeyManagementServiceOOBGraceRequests": _status_counter(2),
    "KeyManagementServiceOOTGraceRequests": _status_counter(3),
    "KeyManagementServiceNonGenuineGraceRequests": _status_counter(4),
    "KeyManagementServiceNotificationRequests": _status_counter(5),
}


def _interval(machine: Machine, product: Product | None, name: str, default: int) -> int:
    # A client starts with its own value and then has the host's (Microsoft: KMS Activation Timing and Discovery).
    if product is not None and product.activation_interval is not None and product.renewal_interval is not None:
        return product.activation_interval if name == "VLActivationInterval" else product.renewal_interval
    return machine.registry.number(SPP, name) or default


def _required(product: Product | None) -> int:
    # Only a KMS client needs a count; what other products show is inferred.
    return product.sku.threshold if product is not None and product.is_kms_client else NOT_AVAILABLE


def _host_product(machine: Machine) -> Product | None:
    hosts = machine.licensing.hosts()
    return hosts[0] if hosts else None


def _of_host(read: t.Callable[[Machine, Product | None], int]) -> t.Callable[[Machine], Value]:
    return lambda machine: read(machine, _host_product(machine))


_SERVICE_COLUMNS: dict[str, t.Callable[[Machine], Value]] = {
    # "Equals the OS build of sppsvc" (Microsoft: published slmgr output).
    "Version": lambda machine: f"{machine.windows.version}.{machine.windows.ubr}",
    "ClientMachineID": lambda machine: machine.cmid,
    "KeyManagementServiceMachine": lambda machine: _setting(machine, None, "KeyManagementServiceName"),
    "KeyManagementServicePort": lambda machine: _port(machine, None),
    "KeyManagementServiceLookupDomain": lambda machine: _setting(machine, None, "KeyManagementServiceLookupDomain"),
    "DiscoveredKeyManagementServiceMachineName": lambda machine: _found(_main(machine), 0),
    "DiscoveredKeyManagementServiceMachinePort": lambda machine: _found(_main(machine), 1) or 0,
    "DiscoveredKeyManagementServiceMachineIpAddress": lambda machine: _found(_main(machine), 2),
    "KeyManagementServiceHostCaching": lambda machine: not _flag(machine, "DisableKeyManagementServiceHostCaching"),
    "IsKeyManagementServiceMachine": lambda machine: int(bool(machine.licensing.hosts())),
    "RequiredClientCount": lambda machine: _required(_main(machine)),
    "KeyManagementServiceProductKeyID": lambda machine: _host_pid(_main(machine)),
    # 0 means the default, 1688 (Microsoft: slmgr.vbs).
    "KeyManagementServiceListeningPort": lambda machine: machine.registry.number(SPP, "KeyManagementServiceListeningPort") or 0,
    "KeyManagementServiceDnsPublishing": lambda machine: not _flag(machine, "DisableDnsPublishing"),
    "KeyManagementServiceLowPriority": lambda machine: _flag(machine, "EnableKmsLowPriority"),
    "KeyManagementServiceActivationDisabled": lambda machine: False,
    "PolicyCacheRefreshRequired": lambda machine: int(machine.licensing.policy_refresh_required),
    "RemainingWindowsReArmCount": lambda machine: machine.rearms_left,
    "VLActivationInterval": lambda machine: _interval(machine, _main(machine), "VLActivationInterval", ACTIVATION_INTERVAL),
    "VLRenewalInterval": lambda machine: _interval(machine, _main(machine), "VLRenewalInterval", RENEWAL_INTERVAL),
    # "Not token activated" (Microsoft: slmgr.vbs).
    "TokenActivationILVID": lambda machine: NOT_AVAILABLE,
    "TokenActivationGrantNumber": lambda machine: NOT_AVAILABLE,
    "OA2xBiosMarkerStatus": lambda machine: 0,
    "OA2xBiosMarkerMinorVersion": lambda machine: 0,
    # A whole product key: whoever asks for all columns gets it, as on Windows (Microsoft: microsoft/wmi, generated classes).
    "OA3xOriginalProductKey": lambda machine: machine.original_product_key,
    "OA3xOriginalProductKeyDescription": lambda machine: "[4.0] Professional OEM:DM",
    "OA3xOriginalProductKeyPkPn": lambda machine: "[4.0]X00-00000",
    "SubscriptionType": lambda machine: NOT_AVAILABLE,
    "SubscriptionStatus": lambda machine: NOT_AVAILABLE,
    "EmitWindowsMeter": lambda machine: 0,
    **{name: _of_host(read) for name, read in _COUNTERS.items()},
}


def _found(product: Product | None, index: int) -> t.Any:
    return product.discovered[index] if product is not None and product.discovered is not None else None


def _host_pid(product: Product | None) -> str | None:
    return product.host_pid if product is not None else None


_URL = "https://activation.sls.microsoft.com/SLActivateProduct/SLActivateProduct.asmx?configextension=Retail"

_PRODUCT_COLUMNS: dict[str, t.Callable[[Machine, Product], Value]] = {
    "ID": lambda machine, product: product.sku.activation_id,
    "ApplicationID": lambda machine, product: product.sku.application_id,
    "Name": lambda machine, product: product.sku.name,
    "Description": lambda machine, product: product.sku.description,
    "LicenseStatus": lambda machine, product: product.status(machine.now()).value,
    "LicenseStatusReason": lambda machine, product: product.status(machine.now()).reason,
    "GracePeriodRemaining": lambda machine, product: product.status(machine.now()).minutes,
    "EvaluationEndDate": lambda machine, product: product.evaluation_end or NO_DATE,
    "PartialProductKey": lambda machine, product: product.key.partial if product.key else None,
    "ProductKeyID": lambda machine, product: machine.licensing.product_key_id(product),
    "ProductKeyID2": lambda machine, product: machine.licensing.product_key_id(product),
    "ProductKeyChannel": lambda machine, product: product.sku.channel if product.key else None,
    "OfflineInstallationId": lambda machine, product: installation_id(machine.name, product.sku.activation_id) if product.key else None,
    "LicenseIsAddon": lambda machine, product: product.sku.is_addon,
    "LicenseFamily": lambda machine, product: product.sku.family,
    "VLActivationType": lambda machine, product: product.activation_type,
    "VLActivationTypeEnabled": lambda machine, product: (
        machine.registry.number(_path(product), "VLActivationType") or machine.registry.number(SPP, "VLActivationType") or 0
    ),
    "VLActivationInterval": lambda machine, product: _interval(machine, product, "VLActivationInterval", ACTIVATION_INTERVAL),
    "VLRenewalInterval": lambda machine, product: _interval(machine, product, "VLRenewalInterval", RENEWAL_INTERVAL),
    "KeyManagementServiceMachine": lambda machine, product: _setting(machine, product, "KeyManagementServiceName"),
    "KeyManagementServicePort": lambda machine, product: _port(machine, product),
    "KeyManagementServiceLookupDomain": lambda machine, product: _setting(machine, product, "KeyManagementServiceLookupDomain"),
    "DiscoveredKeyManagementServiceMachineName": lambda machine, product: _found(product, 0),
    "DiscoveredKeyManagementServiceMachinePort": lambda machine, product: _found(product, 1) or 0,
    "DiscoveredKeyManagementServiceMachineIpAddress": lambda machine, product: _found(product, 2),
    "KeyManagementServiceProductKeyID": lambda machine, product: product.host_pid,
    "IsKeyManagementServiceMachine": lambda machine, product: int(product.is_host),
    "RequiredClientCount": lambda machine, product: _required(product),
    "RemainingAppReArmCount": lambda machine, product: machine.rearms_left,
    "RemainingSkuReArmCount": lambda machine, product: machine.rearms_left,
    "TrustedTime": lambda machine, product: machine.now(),
    "GenuineStatus": lambda machine, product: 0,
    "ExtendedGrace": lambda machine, product: NOT_AVAILABLE,
    "UseLicenseURL": lambda machine, product: _URL,
    "ValidationURL": lambda machine, product: "https://validation-v2.sls.microsoft.com/SLWGA/slwga.asmx",
    "AutomaticVMActivationLastActivationTime": lambda machine, product: NO_DATE,
    "TokenActivationILVID": lambda machine, product: NOT_AVAILABLE,
    "TokenActivationGrantNumber": lambda machine, product: NOT_AVAILABLE,
    **_COUNTERS,
}


def _services(machine: Machine) -> t.Iterable[Instance]:
    return [Instance(reader(_SERVICE_COLUMNS, machine), None)]


def _products(machine: Machine) -> t.Iterable[Instance]:
    return [Instance(reader(_PRODUCT_COLUMNS, machine, product), product) for product in machine.licensing.products.values()]


def _install_product_key(machine: Machine, instance: Instance, arguments: Arguments) -> Outputs:
    machine.install_key(arguments["ProductKey"])
    return {}


def _refresh(machine: Machine, instance: Instance, arguments: Arguments) -> Outputs:
    # Every status is computed when it is read; what is left to refresh is the flag.
    machine.licensing.policy_refresh_required = False
    return {}


def _clear_key_from_registry(machine: Machine, instance: Instance, arguments: Arguments) -> Outputs:
    # What slmgr.vbs /cpky calls; that the backup copy is the stored key is inferred.
    machine.registry.delete(SPP, "BackupProductKeyDefault")
    return {}


def _uninstall(machine: Machine, instance: Instance, arguments: Arguments) -> Outputs:
    machine.licensing.uninstall(instance.subject)
    return {}


def _activate(machine: Machine, instance: Instance, arguments: Arguments) -> Outputs:
    activation.activate(machine, instance.subject.sku.activation_id)
    return {}


def _set_text(argument: str, name: str, *, forget_cache: bool = False) -> Handler:
    def call(machine: Machine, instance: Instance, arguments: Arguments) -> Outputs:
        if not arguments[argument].strip():
            raise provider_error(E_INVALIDARG)
        machine.registry.set(_path(instance.subject), name, REG_SZ, arguments[argument])
        if forget_cache:
            # A configured host clears the cached one (Microsoft: Deploy KMS Activation).
            for product in machine.licensing.products.values() if instance.subject is None else [instance.subject]:
                product.discovered = None
        return {}

    return Handler(call)


def _set_port(name: str) -> Handler:
    def call(machine: Machine, instance: Instance, arguments: Arguments) -> Outputs:
        if not 1 <= arguments["PortNumber"] <= 65535:
            raise provider_error(E_INVALIDARG)
        # Stored as text (Microsoft: Learn, Registry Settings for Volume Activation).
        machine.registry.set(_path(instance.subject), name, REG_SZ, str(arguments["PortNumber"]))
        return {}

    return Handler(call)


def _set_flag(argument: str, name: str) -> Handler:
    def call(machine: Machine, instance: Instance, arguments: Arguments) -> Outputs:
        machine.registry.set(SPP, name, REG_DWORD, int(arguments[argument]))
        return {}

    return Handler(call)


def _set_interval(argument: str, name: str) -> Handler:
    def call(machine: Machine, instance: Instance, arguments: Arguments) -> Outputs:
        # Hosts only, 15 to 43200 minutes (Microsoft: activation-slmgr-vbs-options; MicrosoftDocs/win32, SppWmi: an error elsewhere). Both codes are inferred.
        if not machine.licensing.hosts():
            raise provider_error(SL_E_VL_BINDING_SERVICE_NOT_ENABLED)
        if not MIN_INTERVAL <= arguments[argument] <= MAX_INTERVAL:
            raise provider_error(E_INVALIDARG)
        machine.registry.set(SPP, name, REG_DWORD, arguments[argument])
        return {}

    return Handler(call)


def _set_activation_type(machine: Machine, instance: Instance, arguments: Arguments) -> Outputs:
    if arguments["ActivationType"] not in (1, 2, 3):
        raise provider_error(E_INVALIDARG)
    # The product's key is documented (Microsoft: Learn, Registry Settings for Volume Activation), the machine's is inferred.
    machine.registry.set(_path(instance.subject), "VLActivationType", REG_DWORD, arguments["ActivationType"])
    return {}


def _clear(name: str) -> Handler:
    def call(machine: Machine, instance: Instance, arguments: Arguments) -> Outputs:
        machine.registry.delete(_path(instance.subject), name)
        return {}

    return Handler(call)


_CLIENT_SETTINGS = {
    "SetKeyManagementServiceMachine": _set_text("MachineName", "KeyManagementServiceName", forget_cache=True),
    "ClearKeyManagementServiceMachine": _clear("KeyManagementServiceName"),
    "SetKeyManagementServicePort": _set_port("KeyManagementServicePort"),
    "ClearKeyManagementServicePort": _clear("KeyManagementServicePort"),
    "SetKeyManagementServiceLookupDomain": _set_text("LookupDomain", "KeyManagementServiceLookupDomain"),
    "ClearKeyManagementServiceLookupDomain": _clear("KeyManagementServiceLookupDomain"),
    "SetVLActivationTypeEnabled": Handler(_set_activation_type),
    "ClearVLActivationTypeEnabled": _clear("VLActivationType"),
}

# Registry values of the settings: Microsoft: Learn, Registry Settings for Volume Activation; DisableKeyManagementServiceHostCaching was seen in a third-party
# script, KeyManagementServiceLookupDomain is from memory.
SERVICE = Provider(
    "SoftwareLicensingService",
    _services,
    methods={
        "InstallProductKey": Handler(_install_product_key),
        "RefreshLicenseStatus": Handler(_refresh),
        "ClearProductKeyFromRegistry": Handler(_clear_key_from_registry),
        "DisableKeyManagementServiceHostCaching": _set_flag("DisableCaching", "DisableKeyManagementServiceHostCaching"),
        "SetVLActivationInterval": _set_interval("ActivationInterval", "VLActivationInterval"),
        "SetVLRenewalInterval": _set_interval("RenewalInterval", "VLRenewalInterval"),
        "SetKeyManagementServiceListeningPort": _set_port("KeyManagementServiceListeningPort"),
        "ClearKeyManagementServiceListeningPort": _clear("KeyManagementServiceListeningPort"),
        "DisableKeyManagementServiceDnsPublishing": _set_flag("DisablePublishing", "DisableDnsPublishing"),
        "EnableKeyManagementServiceLowPriority": _set_flag("EnableLowPriority", "EnableKmsLowPriority"),
        **_CLIENT_SETTINGS,
    },
    needs_sppsvc=True,
)
PRODUCT = Provider(
    "SoftwareLicensingProduct",
    _products,
    methods={
        "Activate": Handler(_activate, unlocked=True),
        "UninstallProductKey": Handler(_uninstall),
        **_CLIENT_SETTINGS,
    },
    needs_sppsvc=True,
)
