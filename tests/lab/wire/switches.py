# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an estate file says about the wire, beside what it says about the machines.

In a row of C(machines):
    https: true                     the inventory takes this machine by HTTPS
    certificate: wrong_name         its certificate is for another name; expired: its time is over
    authentication: [ntlm]          by which of authentication.METHODS one may log in; the inventory uses the first
    allow_unencrypted: false        over HTTP it takes sealed messages only
    provider_fault_form: text       how faults of WMI providers look (soap/faults.py, provider_fault)
    cmdlet_error_form: error_code   how the CIM cmdlets show an HRESULT of a provider (bridge/cim_errors.py)
In C(estate):
    zones: [other.example]          domains the name servers have besides those of the machines
"""

from __future__ import annotations

import copy
import dataclasses
import pathlib
import typing as t

import yaml

from tests.lab.model import estate_file
from tests.lab.model.estate import Estate, EstateError, build_estate

from .authentication import METHODS
from .bridge.cim_errors import FORMS as CMDLET_FORMS
from .soap.faults import PROVIDER_FORMS

_CERTIFICATES = ("right_name", "wrong_name", "expired")


@dataclasses.dataclass(frozen=True)
class Switches:
    """The wire switches of one machine."""

    https: bool = False
    certificate: str = "right_name"
    provider_fault_form: str = PROVIDER_FORMS[0]
    cmdlet_error_form: str = CMDLET_FORMS[0]
    authentication: tuple[str, ...] = ("basic", "ntlm")
    allow_unencrypted: bool = True


@dataclasses.dataclass(frozen=True)
class LoadedEstate:
    """An estate with what belongs to the wire."""

    estate: Estate
    switches: dict[str, Switches]
    zones: tuple[str, ...]


def load(path: pathlib.Path) -> LoadedEstate:
    """Load an estate file. Raises EstateError with the place and the reason, OSError when the file cannot be read."""
    try:
        data = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return split(data)
    except (EstateError, yaml.YAMLError) as error:
        raise EstateError(f"{path}: {error}") from error


def split(data: t.Any) -> LoadedEstate:
    """Take the wire's part out of an estate file's data and build the estate from the rest. Raises EstateError."""
    data = copy.deepcopy(data)
    by_name: dict[str, Switches] = {}
    zones: list[str] = []
    # The shape of the file is the model's to check; what does not fit is left for it to complain about.
    common = data.get("estate") if isinstance(data, dict) else None
    if isinstance(common, dict):
        zones = common.pop("zones", [])
        if not isinstance(zones, list) or not all(isinstance(zone, str) and zone for zone in zones):
            raise EstateError("estate.zones: a list of domain names")
    rows = data.get("machines") if isinstance(data, dict) else None
    taken: list[tuple[dict[str, t.Any], Switches]] = []
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        if isinstance(row, dict):
            taken.append((row, _take(row, f"machines[{index}]")))
    estate = build_estate(data)
    for row, switches in taken:
        by_name.update(dict.fromkeys(estate_file.names(row), switches))
    return LoadedEstate(estate, by_name, tuple(zones))


def _take(row: dict[str, t.Any], place: str) -> Switches:
    https = row.pop("https", False)
    if not isinstance(https, bool):
        raise EstateError(f"{place}.https: true or false")
    certificate = row.pop("certificate", _CERTIFICATES[0])
    if certificate not in _CERTIFICATES:
        raise EstateError(f"{place}.certificate: one of {', '.join(_CERTIFICATES)}")
    form = row.pop("provider_fault_form", PROVIDER_FORMS[0])
    if form not in PROVIDER_FORMS:
        raise EstateError(f"{place}.provider_fault_form: one of {', '.join(PROVIDER_FORMS)}")
    shown = row.pop("cmdlet_error_form", CMDLET_FORMS[0])
    if shown not in CMDLET_FORMS:
        raise EstateError(f"{place}.cmdlet_error_form: one of {', '.join(CMDLET_FORMS)}")
    methods = row.pop("authentication", list(Switches.authentication))
    if not isinstance(methods, list) or not methods or not set(methods) <= set(METHODS):
        raise EstateError(f"{place}.authentication: a list of {', '.join(METHODS)}, the one for the inventory first")
    unencrypted = row.pop("allow_unencrypted", True)
    if not isinstance(unencrypted, bool):
        raise EstateError(f"{place}.allow_unencrypted: true or false")
    return Switches(https, certificate, form, shown, authentication=tuple(methods), allow_unencrypted=unencrypted)
