# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A read waits for a service that is coming back, and a call of a method does not."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import (
    AccessDeniedError,
    FaultError,
    ServiceAwayError,
    UnreachableError,
    WindowsError,
)
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import Invoke, Query, Reading
from ansible_collections.activation.kms.plugins.plugin_utils._windows.patience import PAUSES_SECONDS, PatientWindows

SERVICE = Query("Win32_Service", ("State",))
PRODUCTS = Query("SoftwareLicensingProduct", ("ID",))


def away() -> ServiceAwayError:
    return ServiceAwayError("reading SoftwareLicensingProduct", "HRESULT 0x800706ba", code=0x800706BA)


class Flaky:
    """A machine whose products meet these errors first, one read each."""

    backend = "fake"

    def __init__(self, *errors: WindowsError) -> None:
        self.errors = list(errors)
        self.asked: list[list[str]] = []
        self.pauses: list[float] = []
        self.said: list[str] = []
        self.invoked = 0

    def read(self, wanted: t.Sequence[t.Any]) -> list[Reading]:
        self.asked.append([operation.cim_class for operation in wanted])
        return [Reading(error=self.errors.pop(0)) if o is PRODUCTS and self.errors else Reading([o.cim_class]) for o in wanted]

    def invoke(self, call: Invoke) -> dict[str, t.Any]:
        self.invoked += 1
        raise away()

    def patient(self) -> PatientWindows:
        return PatientWindows(self, self.pauses.append, progress=self.said.append)


def test_only_what_met_an_absent_service_is_read_again_and_stands_in_its_place():
    machine = Flaky(away(), away())
    readings = machine.patient().read([PRODUCTS, SERVICE])
    assert [reading.get() for reading in readings] == [["SoftwareLicensingProduct"], ["Win32_Service"]]
    assert machine.asked == [["SoftwareLicensingProduct", "Win32_Service"], ["SoftwareLicensingProduct"], ["SoftwareLicensingProduct"]]
    assert machine.pauses == [1.0, 2.0]


def test_the_user_is_told_why_there_is_a_pause():
    machine = Flaky(away())
    machine.patient().read([PRODUCTS])
    assert machine.said == [
        "reading SoftwareLicensingProduct: the service behind it does not answer (0x800706BA); trying again in 1 s",
    ]


def test_a_service_that_stays_away_is_an_error_after_the_last_pause():
    machine = Flaky(*(away() for _ in range(10)))
    (reading,) = machine.patient().read([PRODUCTS])
    with pytest.raises(ServiceAwayError):
        reading.get()
    assert machine.pauses == list(PAUSES_SECONDS)
    assert len(machine.asked) == len(PAUSES_SECONDS) + 1


@pytest.mark.parametrize("kind", [AccessDeniedError, FaultError, UnreachableError])
def test_no_other_error_is_waited_for(kind: type[WindowsError]):
    machine = Flaky(kind("reading", "no"))
    (reading,) = machine.patient().read([PRODUCTS])
    assert isinstance(reading.error, kind)
    assert machine.pauses == []


def test_a_call_of_a_method_is_never_tried_again():
    machine = Flaky()
    patient = machine.patient()
    with pytest.raises(ServiceAwayError):
        patient.invoke(Invoke("SoftwareLicensingService", "RefreshLicenseStatus"))
    assert (machine.invoked, machine.pauses, patient.backend) == (1, [], "fake")
