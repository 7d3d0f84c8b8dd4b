# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's replies beside published replies of real Windows machines: the same elements, namespaces, attributes, texts, in the same order.

Compared is what a reader of XML sees; which element declares a prefix is no part of it. First the lab's writers are given what the capture tells;
then the lab is asked what Windows had been asked. Whatever differs is in captures.yml with the reason; a difference that is not there fails, and
so does one that is there and is none.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import datetime
import difflib
import fnmatch
import functools
import pathlib
import re
import typing as t
from xml.etree import ElementTree

import pytest
import yaml

from tests.lab.wire.soap import faults, names
from tests.lab.wire.soap.cim import _enumerate_response
from tests.lab.wire.soap.endpoint import Endpoint
from tests.lab.wire.soap.envelope import Message, read, write
from tests.lab.wire.soap.shell import ShellResource
from tests.lab.wire.soap.values import Value, fragment, instance, output
from tests.unit.lab.wire.soap.messages import CIMV2, enumerate_body, envelope, input_body, pull_body
from tests.unit.lab.wire.soap.test_endpoint import REGISTRY, Machine

ROOT = pathlib.Path(__file__).resolve().parents[5]
CAPTURES = ROOT.parent / "shared" / "reference" / "wsman_samples"
LISTED: dict[str, t.Any] = yaml.safe_load((ROOT / "tests/lab/wire/soap/captures.yml").read_text(encoding="utf-8"))
EVERYWHERE = LISTED.pop("everywhere")


def capture(number: str) -> ElementTree.Element:
    found = sorted(CAPTURES.glob(f"{number}-*.xml"))
    if not found:
        pytest.skip(f"capture {number} of Windows is not in {CAPTURES}")
    return ElementTree.fromstring(found[0].read_bytes())


def local(name: str) -> str:
    return name.rpartition("}")[2]


def seen_text(node: ElementTree.Element) -> str:
    """Return the text of an element without elements in it, white space evened out; a prefixed name loses its prefix."""
    return "" if len(node) else re.sub(r"^[a-z]:(?=\w+$)", "", " ".join((node.text or "").split()))


def differences(theirs: ElementTree.Element, ours: ElementTree.Element, path: str = "", *, text: bool = True) -> set[str]:
    """Return what a reader sees differently: PATH or PATH@ATTRIBUTE, a colon, and missing (from ours), added (by ours) or what is other."""
    here = f"{path}/{local(theirs.tag)}".lstrip("/")
    found = set()
    if theirs.tag != ours.tag:
        found.add(f"{here}: {'namespace' if local(theirs.tag) == local(ours.tag) else 'name'}")
    # A type and a header's name are written with a prefix, which is anybody's choice.
    left, right = ({name: re.sub(r"^\w+:", "", value) for name, value in node.attrib.items()} for node in (theirs, ours))
    for name in left.keys() | right.keys():
        if left.get(name) != right.get(name):
            kind = "missing" if name not in right else "added" if name not in left else "other"
            found.add(f"{here}@{local(name)}: {kind}")
    if text and seen_text(theirs) != seen_text(ours):
        found.add(f"{here}: text")
    matcher = difflib.SequenceMatcher(None, [local(child.tag) for child in theirs], [local(child.tag) for child in ours], autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind == "equal":
            for one, other in zip(theirs[i1:i2], ours[j1:j2], strict=True):
                found |= differences(one, other, here, text=text)
        else:
            found |= {f"{here}/{local(child.tag)}: missing" for child in theirs[i1:i2]}
            found |= {f"{here}/{local(child.tag)}: added" for child in ours[j1:j2]}
    return found


def judge(found: t.Collection[str], listed: t.Sequence[t.Mapping[str, str]]) -> None:
    """Fail for a difference that is not listed, and for a listed one that is none. A pattern may stand for several."""
    patterns = [row["what"] for row in listed]
    unlisted = {
        one for one in found if not any(fnmatch.fnmatchcase(one, what) for what in (*patterns, *(row["what"] for row in EVERYWHERE)))
    }
    assert not unlisted, "differences without a reason in captures.yml"
    idle = [what for what in patterns if not any(fnmatch.fnmatchcase(one, what) for one in found)]
    assert not idle, "captures.yml lists what is no difference"


def rows_of(items: ElementTree.Element) -> list[tuple[str, dict[str, Value], dict[str, str]]]:
    """Return class, row and types of each item of a capture, the types as far as the XML tells them."""
    found = []
    for item in items:
        row: dict[str, Value] = {}
        types: dict[str, str] = {}
        counts = collections.Counter(member.tag for member in item)
        for member in item:
            name = member.tag.rpartition("}")[2]
            if counts[member.tag] > 1:
                types[name] = "string[]"
                row.setdefault(name, [])
                t.cast("list[t.Any]", row[name]).append(member.text or "")
            elif len(member):
                types[name] = "datetime"
                row[name] = datetime.datetime.fromisoformat(member[0].text or "")
            else:
                types[name] = "string"
                row[name] = None if member.get(f"{{{names.SCHEMA_INSTANCE}}}nil") else member.text or ""
        found.append((item.tag.rpartition("}")[2], row, types))
    return found


def page_as_written(theirs: ElementTree.Element) -> ElementTree.Element:
    """Return the page of a capture, its rows taken out and written by the lab."""
    action = theirs.findtext(f".//{{{names.ADDRESSING}}}Action") or ""
    relates_to = theirs.findtext(f".//{{{names.ADDRESSING}}}RelatesTo")
    response = t.cast(ElementTree.Element, theirs.find(f"{{{names.SOAP}}}Body"))[0]
    items = next(child for child in response if child.tag.endswith("}Items"))
    written = [
        fragment(row, types.__getitem__) if cim_class == "XmlFragment" else instance("root/cimv2", cim_class, row, types.__getitem__)
        for cim_class, row, types in rows_of(items)
    ]
    context = response.findtext(f"{{{names.ENUMERATION}}}EnumerationContext")
    ended = any(child.tag.endswith("}EndOfSequence") for child in response)
    if response.tag.endswith("}EnumerateResponse"):
        content = _enumerate_response(context or "", written, ended)
    else:
        content = "<n:PullResponse>" + (f"<n:EnumerationContext>{context}</n:EnumerationContext>" if context else "")
        content += f"<n:Items>{''.join(written)}</n:Items>" + ("<n:EndOfSequence/>" if ended else "") + "</n:PullResponse>"
    # A member that occurs among others of the same name only in one item looks like a scalar in another: compared as it is written.
    return ElementTree.fromstring(write(action, content, relates_to))


def test_a_page_of_windows_with_a_context_is_just_below_half_the_envelope_in_characters() -> None:
    # The ground on which the lab counts two bytes for a character.
    for number in ("008", "016"):
        capture(number)
        length = len(sorted(CAPTURES.glob(f"{number}-*.xml"))[0].read_text(encoding="utf-8").strip())
        assert 0.97 < length / (153600 / 2) <= 1


def output_as_written(theirs: ElementTree.Element) -> ElementTree.Element:
    """Return the output of a method call of a capture, written by the lab."""
    node = t.cast(ElementTree.Element, theirs.find(f"{{{names.SOAP}}}Body"))[0]
    values: dict[str, Value] = {"sNames": [child.text or "" for child in node if child.tag.endswith("}sNames")], "ReturnValue": 0}
    types = {"sNames": "string[]", "ReturnValue": "uint32"}
    action = theirs.findtext(f".//{{{names.ADDRESSING}}}Action") or ""
    relates_to = theirs.findtext(f".//{{{names.ADDRESSING}}}RelatesTo")
    return ElementTree.fromstring(write(action, output("root/default", "StdRegProv", "EnumKey", values, types.__getitem__), relates_to))


def message(relates_to: str | None) -> Message:
    return dataclasses.replace(read(envelope("urn:x", "urn:x/Do")), message_id=relates_to)


def fault_xml(fault: faults.WsmanFault, theirs: ElementTree.Element) -> ElementTree.Element:
    endpoint = Endpoint("machine", t.cast(t.Any, None), ShellResource("http://x"))
    return ElementTree.fromstring(endpoint.refuse(fault, message(theirs.findtext(f".//{{{names.ADDRESSING}}}RelatesTo"))).xml)


INVALID_CLASS = "The specified class does not exist in the given namespace. "
EXTENDED = faults.ExtendedStatus("root/cimv2", "ExecQuery", 'Select * from Win32_Processa where name="sshd.exe"')


def invalid_class(extended: faults.ExtendedStatus | None) -> faults.WsmanFault:
    provider = faults.Provider(code=faults.CANNOT_PROCESS_FILTER, text=INVALID_CLASS, extended=extended)
    return faults.WsmanFault(faults.CANNOT_PROCESS_FILTER, provider=provider)


def shell_selectors() -> faults.WsmanFault:
    provider = faults.Provider(code=faults.UNEXPECTED_SELECTORS, text=faults.ROWS[faults.UNEXPECTED_SELECTORS].text)
    return faults.WsmanFault(faults.UNEXPECTED_SELECTORS, provider=provider)


NO_COMMAND = (
    "The Windows Remote Shell received a request to perform an operation on a command identifier that does not exist. "
    "Either the command has completed execution or the client specified an invalid command identifier. "
)


def missing_instance() -> faults.WsmanFault:
    extended = faults.ExtendedStatus("root/cimv2", "GetObject", 'Win32_Process.Handle="29"', "CIMWin32")
    text = faults.ROWS[faults.RESOURCE_NOT_FOUND].text
    provider = faults.Provider(path=r"C:\Windows\system32\WsmWmiPl.dll", code=faults.RESOURCE_NOT_FOUND, text=text, extended=extended)
    return faults.WsmanFault(faults.RESOURCE_NOT_FOUND, provider=provider)


def quota(number: int) -> faults.WsmanFault:
    return faults.WsmanFault(
        0x803381A6,
        text=f"The WS-Management service cannot process the request. The maximum number of concurrent operations for this user has been exceeded. {CLOSE}",
        message=f"The WS-Management service cannot process the request. This user is allowed a maximum number of {number} concurrent operations, "
        f"which has been exceeded. {CLOSE}",
    )


CLOSE = "Close existing operations for this user, or raise the quota for this user."
CMD_PLUGIN = ("Shell cmd plugin", r"%systemroot%\system32\winrscmd.dll")


def shell_plugin(code: int, text: str, **more: t.Any) -> faults.WsmanFault:
    return faults.WsmanFault(code, text=text, provider=faults.Provider(*CMD_PLUGIN, text=text), **more)


def quota_of_mi() -> faults.WsmanFault:
    error = faults.WmiError(names.DMTF_CLASS_PREFIX + "MSFT_WmiError", 27, 0x803381A6, "WMI Message. ")
    return faults.WsmanFault(0x803381A6, subcode="w:InternalError", sender=False, wmi_error=error)


FAULTS: dict[str, t.Callable[[], faults.WsmanFault]] = {
    "024": functools.partial(quota, 15),
    "036": functools.partial(invalid_class, None),
    "037": functools.partial(invalid_class, EXTENDED),
    "040": missing_instance,
    "041": lambda: faults.WsmanFault(
        2152992672,
        text="",
        provider=faults.Provider(
            "microsoft.powershell",
            r"C:\WINDOWS\system32\pwrshplugin.dll",
            text="Error with error code -2144108472 occurred while calling method WSManPluginReceiveResult.",
        ),
    ),
    "042": lambda: faults.WsmanFault(faults.OPERATION_TIMEDOUT),
    "045": shell_selectors,
    "046": lambda: faults.WsmanFault(faults.UNEXPECTED_SELECTORS, message=NO_COMMAND),
    "047": lambda: faults.WsmanFault(faults.UNEXPECTED_SELECTORS, message=NO_COMMAND),
    "048": lambda: shell_plugin(87, "The parameter is incorrect. ", subcode="w:InvalidParameter", sender=True, detail="InvalidValue"),
    "049": lambda: shell_plugin(2147942402, "The system cannot find the file specified. "),
    "050": lambda: faults.WsmanFault(faults.OPERATION_TIMEDOUT),
    "061": lambda: faults.MustUnderstandFault(names.WSMAN, "ResourceUri"),
    "062": lambda: faults.WsmanFault(faults.OPERATION_TIMEDOUT),
    "064": quota_of_mi,
}


def fault_detail(theirs: ElementTree.Element) -> ElementTree.Element:
    """Return a WSManFault alone, as capture 060 is one."""
    text = "The WS-Management service cannot process the request. The WMI service reported that the WMI provider could not perform the requested operation. "
    extended = faults.ExtendedStatus("root/wmi", "ExecQuery", "select * from MSFC_FCAdapterHBAAttributes")
    fault = faults.WsmanFault(0x80338102, provider=faults.Provider(code=0x80338102, text=text, extended=extended))
    return t.cast(ElementTree.Element, fault_xml(fault, theirs).find(f".//{{{names.WSMAN_FAULT}}}WSManFault"))


def created_shell(theirs: ElementTree.Element) -> ElementTree.Element:
    shell = ShellResource("http://localhost:5985/wsman")
    reply = asyncio.run(shell.answer(read(envelope(names.SHELL_CMD, names.CREATE, "<rsp:Shell/>"))))
    relates_to = theirs.findtext(f".//{{{names.ADDRESSING}}}RelatesTo")
    return ElementTree.fromstring(write(names.CREATE + "Response", reply.body, relates_to, reply.namespaces))


PAGES = (
    "001",
    "002",
    "003",
    "004",
    "005",
    "006",
    "007",
    "008",
    "010",
    "011",
    "012",
    "014",
    "015",
    "016",
    "017",
    "019",
    "020",
    "021",
    "022",
)
WRITTEN: dict[str, t.Callable[[ElementTree.Element], ElementTree.Element]] = {
    **dict.fromkeys(PAGES, page_as_written),
    **{number: functools.partial(lambda make, theirs: fault_xml(make(), theirs), make) for number, make in FAULTS.items()},
    "034": output_as_written,
    "039": created_shell,
    "060": fault_detail,
}


@pytest.mark.parametrize("number", WRITTEN)
def test_the_lab_writes_a_reply_as_windows_wrote_it(number: str) -> None:
    theirs = capture(number)
    judge(differences(theirs, WRITTEN[number](theirs)), LISTED[number].get("differs", ()))


# The lab asked what Windows had been asked. Values are those of two different machines, so that texts are not compared.


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine()


def reply_to(machine: Machine, raw: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(machine.send(raw).xml)


def first_page(machine: Machine, query: str) -> ElementTree.Element:
    return reply_to(machine, envelope(CIMV2 + "*", names.ENUMERATE, enumerate_body(query)))


def next_page(machine: Machine, query: str) -> ElementTree.Element:
    context = next(first_page(machine, query).iter(f"{{{names.ENUMERATION}}}EnumerationContext")).text or ""
    return reply_to(machine, envelope(CIMV2 + "*", names.PULL, pull_body(context)))


def columns(theirs: ElementTree.Element, cim_class: str) -> str:
    """Return the columns of a captured projection that the lab's class has, in Windows' order."""
    fragment_of = next(theirs.iter(f"{{{names.WSMAN}}}XmlFragment"))
    known = Machine().model.cim.query("root/cimv2", f"SELECT * FROM {cim_class}").rows[0]
    return ",".join(member.tag for member in fragment_of if member.tag in known)


ASKED: dict[str, t.Callable[[Machine, ElementTree.Element], ElementTree.Element]] = {
    "001": lambda machine, _: first_page(machine, "SELECT * FROM Win32_OperatingSystem"),
    "002": lambda machine, theirs: first_page(machine, f"SELECT {columns(theirs, 'Win32_OperatingSystem')} FROM Win32_OperatingSystem"),
    "007": lambda machine, _: first_page(machine, "SELECT * FROM Win32_Service"),
    "008": lambda machine, _: next_page(machine, "SELECT * FROM Win32_Service"),
    "010": lambda machine, theirs: next_page(machine, f"SELECT {columns(theirs, 'Win32_Service')} FROM Win32_Service"),
    "034": lambda machine, _: reply_to(
        machine,
        envelope(
            REGISTRY,
            f"{REGISTRY}/EnumKey",
            input_body(REGISTRY, "EnumKey", [("sSubKeyName", r"SOFTWARE\Microsoft\Windows NT\CurrentVersion")]),
        ),
    ),
    "037": lambda machine, _: first_page(machine, 'Select * from Win32_Processa where name="sshd.exe"'),
    "040": lambda machine, _: reply_to(machine, envelope(CIMV2 + "Win32_Service", names.GET, selectors={"Name": "29"})),
    "061": lambda machine, _: reply_to(
        machine,
        envelope(CIMV2 + "*", names.GET, odd='<w:ResourceUri s:mustUnderstand="true">x</w:ResourceUri>'),
    ),
}


@pytest.mark.parametrize("number", ASKED)
def test_the_lab_answers_what_windows_was_asked_in_the_same_shape(number: str, machine: Machine) -> None:
    theirs = capture(number)
    judge(differences(theirs, ASKED[number](machine, theirs), text=False), LISTED[number].get("asked_differs", ()))


def test_every_captured_reply_is_compared_or_there_is_a_reason_why_not() -> None:
    found = {file.name[:3]: ElementTree.fromstring(file.read_bytes()) for file in CAPTURES.glob("*.xml")}
    if not found:
        pytest.skip(f"there are no captures of Windows in {CAPTURES}")
    replies = {number for number, root in found.items() if root.find(f"{{{names.SOAP}}}Header/{{{names.ADDRESSING}}}ReplyTo") is None}
    assert LISTED.keys() == replies
    not_compared = {number for number, row in LISTED.items() if row.get("not_compared")}
    assert replies - WRITTEN.keys() == not_compared
    for row in (*EVERYWHERE, *(one for entry in LISTED.values() for key in ("differs", "asked_differs") for one in entry.get(key, ()))):
        assert row["reason"]


def test_a_difference_of_any_kind_is_seen() -> None:
    theirs = ElementTree.fromstring('<a xmlns="u"><b x="1" y="2">t</b><c/><d/></a>')
    ours = ElementTree.fromstring('<a xmlns="u"><b x="2" z="2">u</b><d xmlns="v"/><c/></a>')
    found = differences(theirs, ours)
    assert {"a/b@x: other", "a/b@y: missing", "a/b@z: added", "a/b: text"} < found
    assert len(found & {"a/c: missing", "a/c: added", "a/d: missing", "a/d: added"}) == 2
    assert differences(theirs, theirs) == set()
    with pytest.raises(AssertionError, match="without a reason"):
        judge(found, [])
    with pytest.raises(AssertionError, match="no difference"):
        judge(found, [{"what": "*"}, {"what": "a/q: text"}])
