# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pypsrp's WSMan as a second, independent client: it writes its own headers and reads with its own rules."""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree

import pytest
from pypsrp.exceptions import WSManFaultError
from pypsrp.wsman import NAMESPACES, SelectorSet, WSMan

from tests.lab.client import LabClient
from tests.lab.wire.soap import names
from tests.unit.lab.wire.soap.messages import CIMV2


@pytest.fixture
def wsman(lab: LabClient, windows: t.Any) -> t.Iterator[WSMan]:
    known = windows(lab, "pc02")
    with WSMan(
        lab.address("pc02"), port=5985, ssl=False, auth="basic", encryption="never", username=known.user, password=known.password
    ) as client:
        yield client


def _selectors(**values: str) -> SelectorSet:
    found = SelectorSet()
    for name, value in values.items():
        found.add_option(name, value)
    return found


def _enumerate(query: str) -> ElementTree.Element:
    body = ElementTree.Element(f"{{{names.ENUMERATION}}}Enumerate")
    ElementTree.SubElement(body, f"{{{names.WSMAN}}}OptimizeEnumeration")
    ElementTree.SubElement(body, f"{{{names.WSMAN}}}MaxElements").text = "2"
    ElementTree.SubElement(body, f"{{{names.WSMAN}}}Filter", Dialect=names.DIALECT_WQL).text = query
    return body


def test_pypsrp_enumerates_and_pulls(wsman: WSMan) -> None:
    answer = wsman.enumerate(CIMV2 + "*", _enumerate("SELECT Name FROM Win32_Service"))
    found = [node.text for node in answer.iter("Name")]
    while answer.find(f".//{{{names.ENUMERATION}}}EndOfSequence") is None:
        context = answer.find(".//wsen:EnumerationContext", NAMESPACES)
        assert context is not None
        body = ElementTree.Element(f"{{{names.ENUMERATION}}}Pull")
        ElementTree.SubElement(body, f"{{{names.ENUMERATION}}}EnumerationContext").text = context.text
        ElementTree.SubElement(body, f"{{{names.ENUMERATION}}}MaxElements").text = "2"
        answer = wsman.pull(CIMV2 + "*", body)
        found += [node.text for node in answer.iter("Name")]
    assert len(found) == len(set(found)) > 1
    assert "sppsvc" in found


def test_pypsrp_gets_an_instance(wsman: WSMan) -> None:
    answer = wsman.get(CIMV2 + "Win32_Service", selector_set=_selectors(Name="sppsvc"))
    assert [node.text for node in answer.iter(f"{{{CIMV2}Win32_Service}}Name")] == ["sppsvc"]


def test_pypsrp_invokes_a_static_method(wsman: WSMan) -> None:
    uri = names.WMI_PREFIX + "root/default/StdRegProv"
    body = ElementTree.Element(f"{{{uri}}}GetStringValue_INPUT")
    for name, text in (
        ("hDefKey", "2147483650"),
        ("sSubKeyName", r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"),
        ("sValueName", "EditionID"),
    ):
        ElementTree.SubElement(body, f"{{{uri}}}{name}").text = text
    answer = wsman.invoke(f"{uri}/GetStringValue", uri, body)
    assert [node.text for node in answer.iter(f"{{{uri}}}sValue")] == ["ServerStandard"]


def test_pypsrp_understands_our_faults(wsman: WSMan) -> None:
    with pytest.raises(WSManFaultError) as caught:
        wsman.enumerate(CIMV2 + "*", _enumerate("SELECT Name FROM Nosuch"))
    assert caught.value.code == 2150858778
    assert (caught.value.provider, caught.value.machine) == ("WMI Provider", wsman.transport.server)
    with pytest.raises(WSManFaultError) as missing:
        wsman.get(CIMV2 + "Win32_Service", selector_set=_selectors(Name="nosuch"))
    assert missing.value.code == 2150858752


def test_pypsrp_creates_and_deletes_a_shell(wsman: WSMan) -> None:
    shell = ElementTree.Element(f"{{{names.SHELL}}}Shell")
    answer = wsman.create(names.SHELL_CMD, shell)
    selector = next(answer.iter(f"{{{names.WSMAN}}}Selector"))
    wsman.delete(names.SHELL_CMD, selector_set=_selectors(ShellId=selector.text or ""))
    with pytest.raises(WSManFaultError):
        wsman.delete(names.SHELL_CMD, selector_set=_selectors(ShellId=selector.text or ""))
