# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pypsrp's WSMan as a second, independent client: it writes its own headers and reads with its own rules.

What both clients read of the lab is the same, value by value as text, over HTTP with Basic.
"""

from __future__ import annotations

import datetime
import typing as t
from xml.etree import ElementTree

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._licensing import firewall, read
from ansible_collections.activation.kms.plugins.plugin_utils._windows import errors, operations
from ansible_collections.activation.kms.plugins.plugin_utils._windows.classes import cim_class
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import Associated, Invoke, Query, RegistryValue
from ansible_collections.activation.kms.plugins.plugin_utils._windows.soap import Reply
from ansible_collections.activation.kms.plugins.plugin_utils._windows.wsman import WsmanWindows
from pypsrp.exceptions import WSManFaultError
from pypsrp.wsman import NAMESPACES, SelectorSet, WSMan

from tests.lab.client import LabClient
from tests.lab.wire.soap import names
from tests.system.lab.conftest import UNKNOWN_KEY
from tests.unit.lab.wire.soap.messages import CIMV2

BUILD = 20348
REGISTRY = names.WMI_PREFIX + "root/default/StdRegProv"
SERVICE = CIMV2 + "SoftwareLicensingService"
NIL = f"{{{names.SCHEMA_INSTANCE}}}nil"


@pytest.fixture
def wsman(lab: LabClient, windows: t.Any) -> t.Iterator[WSMan]:
    known = windows(lab, "pc02")
    with WSMan(
        lab.address("pc02"), port=5985, ssl=False, auth="basic", encryption="never", username=known.user, password=known.password
    ) as client:
        yield client


@pytest.fixture
def ours(lab: LabClient, windows: t.Any) -> WsmanWindows:
    """Our backend in front of the same machine, its messages sent by pywinrm."""
    known = windows(lab, "pc02")

    def send(xml: bytes, **_options: t.Any) -> Reply:
        answer = known.send(xml)
        return Reply(answer.status, answer.xml.encode())

    return WsmanWindows(send, lambda seconds: None)


def _selectors(**values: str) -> SelectorSet:
    found = SelectorSet()
    for name, value in values.items():
        found.add_option(name, value)
    return found


def _enumerate(query: str, max_elements: int = 2) -> ElementTree.Element:
    body = ElementTree.Element(f"{{{names.ENUMERATION}}}Enumerate")
    ElementTree.SubElement(body, f"{{{names.WSMAN}}}OptimizeEnumeration")
    ElementTree.SubElement(body, f"{{{names.WSMAN}}}MaxElements").text = str(max_elements)
    ElementTree.SubElement(body, f"{{{names.WSMAN}}}Filter", Dialect=names.DIALECT_WQL).text = query
    return body


def _input(uri: str, method: str, *arguments: tuple[str, str]) -> ElementTree.Element:
    body = ElementTree.Element(f"{{{uri}}}{method}_INPUT")
    for name, text in arguments:
        ElementTree.SubElement(body, f"{{{uri}}}{name}").text = text
    return body


def _members(instance: ElementTree.Element) -> dict[str, list[str | None]]:
    """Return the texts of an instance by the name of the member, null for nil; a date is one element deeper."""
    found: dict[str, list[str | None]] = {}
    for member in instance:
        text = None if member.get(NIL) == "true" else (member[0].text if len(member) else member.text) or ""
        found.setdefault(member.tag.rpartition("}")[2], []).append(text)
    return found


def _content(answer: ElementTree.Element) -> ElementTree.Element:
    """Return what stands in the SOAP body; pypsrp returns the envelope for some operations and the body for others."""
    return next(answer.iter(f"{{{names.SOAP}}}Body"))[0]


def _rows(wsman: WSMan, namespace: str, query: str, max_elements: int) -> list[dict[str, list[str | None]]]:
    """Return all rows of a query, Pull by Pull."""
    uri = f"{names.WMI_PREFIX}{namespace}/*"
    answer = wsman.enumerate(uri, _enumerate(query, max_elements))
    pages = [answer]
    while not any(node.tag.endswith("}EndOfSequence") for node in pages[-1].iter()):
        context = pages[-1].find(".//wsen:EnumerationContext", NAMESPACES)
        assert context is not None
        body = ElementTree.Element(f"{{{names.ENUMERATION}}}Pull")
        ElementTree.SubElement(body, f"{{{names.ENUMERATION}}}EnumerationContext").text = context.text
        ElementTree.SubElement(body, f"{{{names.ENUMERATION}}}MaxElements").text = str(max_elements)
        pages.append(wsman.pull(uri, body))
    return [_members(row) for page in pages for items in page.iter() if items.tag.endswith("}Items") for row in items]


def _spelled(value: t.Any) -> list[str | None] | None:
    """Return the texts that Windows would send for a value of ours; None where it sends nothing, or nil."""
    if value is None:
        return None
    if isinstance(value, list):
        return [text for item in value for text in _spelled(item) or [None]]
    if isinstance(value, datetime.datetime):
        fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
        return [value.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


@pytest.mark.parametrize("max_elements", [1, 3, 32000])
@pytest.mark.parametrize(
    "query",
    [
        Query("Win32_OperatingSystem", tuple(cim_class("Win32_OperatingSystem").properties)),
        Query("Win32_Service", tuple(cim_class("Win32_Service").properties)),
        Query("Win32_Service", ("Name",), "Name='nosuch'"),
        Query("SoftwareLicensingService", read.SERVICE_COLUMNS),
        read.PRODUCT_QUERY,
        Query("SoftwareLicensingProduct", ("ID", "Name", "LicenseStatus")),
        firewall.RULE_QUERY,
    ],
    ids=lambda query: f"{query.cim_class} {query.where or ''}".strip(),
)
def test_pypsrp_reads_the_same_rows_as_we_do(query: Query, max_elements: int, wsman: WSMan, ours: WsmanWindows) -> None:
    mine = ours.read([query])[0].get()
    theirs = _rows(wsman, cim_class(query.cim_class).namespace, operations.wql(query, BUILD), max_elements)
    assert len(mine) == len(theirs)
    assert len(mine) > 0 or query.where == "Name='nosuch'"
    for one, other in zip(mine, theirs, strict=True):
        found = {name: other.get(name) for name in one}
        assert {name: _spelled(value) for name, value in one.items()} == {
            name: None if texts == [None] else texts for name, texts in found.items()
        }


def test_pypsrp_gets_the_instances_that_we_read(wsman: WSMan, ours: WsmanWindows) -> None:
    (service,) = ours.read([Query("Win32_Service", ("Name", "State", "ExitCode", "Started"), "Name='sppsvc'")])[0].get()
    got = _members(_content(wsman.get(CIMV2 + "Win32_Service", selector_set=_selectors(Name="sppsvc"))))
    assert {name: got[name] for name in service} == {name: _spelled(value) for name, value in service.items()}
    (rule,) = [row for row in ours.read([firewall.RULE_QUERY])[0].get() if row["InstanceID"] == "SPPSVC-In-TCP"]
    keys = {name: rule[name] for name in firewall.RULE_KEYS}
    uri = names.WMI_PREFIX + "root/StandardCimv2/MSFT_NetFirewallRule"
    got = _members(_content(wsman.get(uri, selector_set=_selectors(**keys))))
    assert {name: got[name] for name in rule} == {name: _spelled(value) for name, value in rule.items()}
    through = Associated(
        "MSFT_NetProtocolPortFilter", ("LocalPort",), "MSFT_NetFirewallRule", keys, "MSFT_NetFirewallRuleFilterByProtocolPort"
    )
    assert ours.read([through])[0].get() == [{"LocalPort": ["1688"]}]


def test_what_pypsrp_writes_into_the_registry_we_read(wsman: WSMan, ours: WsmanWindows) -> None:
    key = r"SOFTWARE\LabTest"
    local_machine = ("hDefKey", "2147483650")

    def call(method: str, *arguments: tuple[str, str]) -> dict[str, list[str | None]]:
        answer = wsman.invoke(f"{REGISTRY}/{method}", REGISTRY, _input(REGISTRY, method, local_machine, ("sSubKeyName", key), *arguments))
        outputs = _members(_content(answer))
        assert outputs["ReturnValue"] == ["0"]
        return outputs

    call("CreateKey")
    try:
        call("SetStringValue", ("sValueName", "Text"), ("sValue", "Gr\u00fc\u00dfe <&> \u4f60\u597d"))
        call("SetDWORDValue", ("sValueName", "Number"), ("uValue", "4294967295"))
        call("SetMultiStringValue", ("sValueName", "List"), ("sValue", "one"), ("sValue", ""), ("sValue", "three"))
        kinds = {"Text": "REG_SZ", "Number": "REG_DWORD", "List": "REG_MULTI_SZ", "Absent": "REG_SZ"}
        mine = {
            name: reading.get()
            for name, reading in zip(kinds, ours.read([RegistryValue(key, *item) for item in kinds.items()]), strict=True)
        }
        assert mine == {"Text": "Gr\u00fc\u00dfe <&> \u4f60\u597d", "Number": 4294967295, "List": ["one", "", "three"], "Absent": None}
        theirs = {
            "Text": call("GetStringValue", ("sValueName", "Text"))["sValue"],
            "Number": call("GetDWORDValue", ("sValueName", "Number"))["uValue"],
            "List": call("GetMultiStringValue", ("sValueName", "List"))["sValue"],
        }
        assert theirs == {name: _spelled(mine[name]) for name in theirs}
    finally:
        call("DeleteKey")


def test_what_one_client_sets_in_the_licensing_service_the_other_reads(wsman: WSMan, ours: WsmanWindows) -> None:
    (keys,) = ours.read([Query("SoftwareLicensingService", ("Version",))])[0].get()

    def call(method: str, *arguments: tuple[str, str]) -> None:
        answer = wsman.invoke(f"{SERVICE}/{method}", SERVICE, _input(SERVICE, method, *arguments), selector_set=_selectors(**keys))
        assert _members(_content(answer)) == {"ReturnValue": ["0"]}

    columns = ("KeyManagementServiceMachine", "KeyManagementServicePort")
    before = ours.read([Query("SoftwareLicensingService", columns)])[0].get()
    try:
        call("SetKeyManagementServiceMachine", ("MachineName", "kms.other.example"))
        assert ours.invoke(Invoke("SoftwareLicensingService", "SetKeyManagementServicePort", keys, {"PortNumber": 1689})) == {}
        mine = ours.read([Query("SoftwareLicensingService", columns)])[0].get()
        assert mine == [{"KeyManagementServiceMachine": "kms.other.example", "KeyManagementServicePort": 1689}]
        theirs = _rows(wsman, "root/cimv2", f"SELECT {','.join(columns)} FROM SoftwareLicensingService", 10)
        assert theirs == [{name: _spelled(value) for name, value in mine[0].items()}]
    finally:
        call("ClearKeyManagementServiceMachine")
        call("ClearKeyManagementServicePort")
    assert ours.read([Query("SoftwareLicensingService", columns)])[0].get() == before


def test_a_refused_key_is_refused_for_both_with_the_same_code(wsman: WSMan, ours: WsmanWindows) -> None:
    (keys,) = ours.read([Query("SoftwareLicensingService", ("Version",))])[0].get()
    with pytest.raises(errors.MethodFailedError) as mine:
        ours.invoke(Invoke("SoftwareLicensingService", "InstallProductKey", keys, {"ProductKey": UNKNOWN_KEY}))
    with pytest.raises(WSManFaultError) as theirs:
        wsman.invoke(
            f"{SERVICE}/InstallProductKey",
            SERVICE,
            _input(SERVICE, "InstallProductKey", ("ProductKey", UNKNOWN_KEY)),
            selector_set=_selectors(**keys),
        )
    assert mine.value.code == 0xC004F050
    assert "HRESULT 0xc004f050" in str(theirs.value)


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
