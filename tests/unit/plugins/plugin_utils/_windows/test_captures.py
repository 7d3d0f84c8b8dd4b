# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published captures of real machines, read by our parsers. They belong to others and are not in this repository."""

from __future__ import annotations

import datetime
import inspect
import pathlib
import xml.etree.ElementTree as ET

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows import errors, faults, soap
from ansible_collections.activation.kms.plugins.plugin_utils._windows.values import decode

FOLDER = pathlib.Path(__file__).resolve().parents[5].parent / "shared/reference/wsman_samples"


def capture(number):
    found = sorted(FOLDER.glob(f"{number}-*.xml"))
    if not found:
        pytest.skip(f"capture {number} is not at {FOLDER}")
    return found[0].read_bytes()


def content_of(number):
    return soap.parse(capture(number), None, "reading a capture")


def page_of(number):
    return soap.read_page(content_of(number), "reading a capture")


UTC = datetime.UTC

# Rows of each page, whether more come, and values of some of the rows: (row, member, type, value). Written down from the captures by eye.
PAGES = {
    "001": (
        1,
        False,
        [
            (0, "BuildNumber", "string", "9200"),
            (0, "CSDVersion", "string", None),
            (0, "Description", "string", ""),
            (0, "Debug", "boolean", False),
            (0, "Primary", "boolean", True),
            (0, "CurrentTimeZone", "sint16", 0),
            (0, "OSType", "uint16", 18),
            (0, "MaxNumberOfProcesses", "uint32", 4294967295),
            (0, "MaxProcessMemorySize", "uint64", 8589934464),
            (0, "TotalSwapSpaceSize", "uint64", None),
            (0, "MUILanguages", "string[]", ["en-US"]),
            (0, "InstallDate", "datetime", datetime.datetime(2013, 3, 9, 2, 57, 32, tzinfo=UTC)),
            (0, "LastBootUpTime", "datetime", datetime.datetime(2013, 4, 15, 16, 28, 43, 488171, tzinfo=UTC)),
            (0, "LocalDateTime", "datetime", datetime.datetime(2013, 4, 15, 20, 28, 20, 913000, tzinfo=UTC)),
            (0, "Name", "string", r"Microsoft Windows Server 2012 Standard|C:\Windows|\Device\Harddisk0\Partition2"),
        ],
    ),
    "002": (
        1,
        False,
        [
            (0, "BuildNumber", "string", "9200"),
            (0, "CSDVersion", "string", None),
            (0, "Description", "string", ""),
            (0, "Debug", "boolean", False),
            (0, "OSType", "uint16", 18),
            (0, "MaxProcessMemorySize", "uint64", 8589934464),
            (0, "MUILanguages", "string[]", ["en-US"]),
            (0, "InstallDate", "datetime", datetime.datetime(2013, 3, 9, 2, 57, 32, tzinfo=UTC)),
            (0, "LocalDateTime", "datetime", datetime.datetime(2013, 4, 15, 20, 28, 21, 85000, tzinfo=UTC)),
        ],
    ),
    "003": (
        1,
        True,
        [
            (0, "Caption", "string", "[00000000] WAN Miniport (L2TP)"),
            (0, "DHCPEnabled", "boolean", False),
            (0, "DHCPLeaseExpires", "datetime", None),
            (0, "Index", "uint32", 0),
            (0, "IPAddress", "string[]", None),
            (0, "SettingID", "string", "{52AC0BFD-1FD9-4BDB-9FAA-D2213E7316BA}"),
        ],
    ),
    "004": (
        12,
        False,
        [
            (0, "Index", "uint32", 1),
            (1, "ServiceName", "string", "RasAgileVpn"),
            (9, "IPAddress", "string[]", ["10.30.40.193"]),
            (9, "GatewayCostMetric", "uint16[]", [0]),
            (
                9,
                "DNSDomainSuffixSearchOrder",
                "string[]",
                ["us-east-1.ec2-utilities.amazonaws.com", "ec2.internal", "compute-1.internal", "solutions.loc"],
            ),
            (11, "Caption", "string", "[00000012] Microsoft Teredo Tunneling Adapter"),
            (11, "InterfaceIndex", "uint32", 13),
        ],
    ),
    "005": (1, True, [(0, "InterfaceIndex", "uint32", 2), (0, "IPEnabled", "boolean", False), (0, "MTU", "uint32", None)]),
    "006": (
        12,
        False,
        [
            (9, "DatabasePath", "string", r"%SystemRoot%\System32\drivers\etc"),
            (9, "DHCPEnabled", "boolean", True),
            (9, "DHCPLeaseExpires", "datetime", datetime.datetime(2013, 4, 15, 20, 58, 58, tzinfo=UTC)),
            (9, "IPConnectionMetric", "uint32", 10),
            (9, "MACAddress", "string", "12:4A:CE:9E:11:23"),
            (9, "WINSScopeID", "string", ""),
            (9, "IPXAddress", "string", None),
            (11, "Index", "uint32", 12),
        ],
    ),
    "007": (1, True, [(0, "Name", "string", "AeLookupSvc"), (0, "ExitCode", "uint32", 1077), (0, "Started", "boolean", False)]),
    "008": (
        50,
        True,
        [
            (0, "Name", "string", "ALG"),
            (0, "PathName", "string", r"C:\Windows\System32\alg.exe"),
            (1, "Caption", "string", "Windows All-User Install Agent"),
            (49, "Name", "string", "MSiSCSI"),
            (49, "State", "string", "Stopped"),
        ],
    ),
    "010": (
        10,
        False,
        [
            (0, "Name", "string", "WerSvc"),
            (1, "ProcessId", "uint32", 884),
            (1, "StartName", "string", r"NT AUTHORITY\LocalService"),
            (2, "AcceptPause", "boolean", True),
            (9, "PathName", "string", r'"C:\Program Files (x86)\Citrix\XenTools\XenGuestAgent.exe"'),
            (9, "InstallDate", "datetime", None),
        ],
    ),
    "011": (
        1,
        False,
        [
            (0, "Roles", "string[]", ["LM_Workstation", "LM_Server", "NT", "Server_NT"]),
            (0, "OEMLogoBitmap", "uint8[]", None),
            (0, "PauseAfterReset", "sint64", -1),
            (0, "ResetCount", "sint16", -1),
            (0, "TotalPhysicalMemory", "uint64", 644468736),
            (0, "HypervisorPresent", "boolean", True),
            (0, "UserName", "string", None),
        ],
    ),
    "012": (
        1,
        False,
        [
            (0, "Roles", "string[]", ["LM_Workstation", "LM_Server", "NT", "Server_NT"]),
            (0, "PauseAfterReset", "sint64", -1),
            (0, "Caption", "string", "AMAZONA-SDFU7B1"),
        ],
    ),
    "014": (
        1,
        False,
        [
            (0, "Version", "string", ""),
            (0, "Stepping", "string", None),
            (0, "Name", "string", "Intel(R) Xeon(R) CPU           E5645  @ 2.40GHz"),
            (0, "Revision", "uint16", 11266),
        ],
    ),
    "015": (
        1,
        True,
        [
            (0, "Timestamp_Sys100NS", "uint64", 130105313120680421),
            (0, "AvgDisksecPerRead", "uint64", 4232087500),
            (0, "Name", "string", "0 C:"),
        ],
    ),
    "016": (
        32,
        True,
        [
            (0, "Name", "string", "System"),
            (0, "CommandLine", "string", None),
            (0, "CreationDate", "datetime", datetime.datetime(2013, 4, 15, 16, 28, 47, 735170, tzinfo=UTC)),
            (0, "KernelModeTime", "uint64", 76596491),
            (1, "CommandLine", "string", r"\SystemRoot\System32\smss.exe"),
            (31, "Name", "string", "XenDpriv.exe"),
            (31, "VirtualSize", "uint64", 550408192),
        ],
    ),
    "017": (
        13,
        False,
        [
            (0, "Destination", "string", "10.30.40.0"),
            (0, "Metric1", "sint32", 266),
            (0, "Metric5", "sint32", -1),
            (12, "InterfaceIndex", "sint32", 12),
        ],
    ),
    "019": (
        1,
        True,
        [
            (0, "DeviceID", "string", "C:"),
            (0, "FreeSpace", "uint64", 9769496576),
            (0, "QuotasDisabled", "boolean", True),
            (0, "VolumeName", "string", ""),
        ],
    ),
    "020": (1, False, [(0, "DeviceID", "string", "D:"), (0, "Size", "uint64", 53683941376), (0, "Access", "uint16", 0)]),
    "021": (
        4,
        False,
        [
            (0, "IdentifyingNumber", "string", "{F360CB68-374D-4BE0-91D6-8A44D426FF0A}"),
            (0, "InstallState", "sint16", 5),
            (0, "InstallDate2", "datetime", None),
            # The older column is no CIM date but a text.
            (0, "InstallDate", "string", "20121211"),
            (3, "URLInfoAbout", "string", "http://go.microsoft.com/fwlink/?LinkId=164164"),
        ],
    ),
    "022": (
        1,
        False,
        [
            (0, "Caption", "string", "Microsoft(R) Windows(R) Server 2003 Datacenter x64 Edition"),
            (0, "LargeSystemCache", "uint32", 1),
            (0, "MUILanguages", "string[]", None),
            (0, "LastBootUpTime", "datetime", datetime.datetime(2013, 4, 15, 16, 28, 38, 376625, tzinfo=UTC)),
        ],
    ),
    # An event of a subscription is no CIM instance; it is a page like any other all the same.
    "026": (1, True, [(0, "EventData", "string", "")]),
}


@pytest.mark.parametrize("number", PAGES)
def test_a_captured_page_gives_its_rows_with_their_values_and_says_whether_more_come(number):
    rows, more, members = PAGES[number]
    page = page_of(number)
    assert (len(page.rows), page.context is not None) == (rows, more)
    found = [(row, name, cim_type, decode(page.rows[row].get(name.casefold(), ()), cim_type)) for row, name, cim_type, _value in members]
    assert found == members
    if more:
        assert page.context.startswith("uuid:")


@pytest.mark.parametrize(("projection", "whole"), [("002", "001"), ("005", "003"), ("012", "011")])
def test_the_same_instances_have_the_same_members_whole_and_projected(projection, whole):
    assert [row.keys() for row in page_of(projection).rows] == [row.keys() for row in page_of(whole).rows]


def test_a_projection_has_the_columns_that_were_asked_for_and_no_others():
    # Asked for were those of the first instance, whose arrays are null; the tenth has some, which only SELECT * shows.
    asked = page_of("005").rows[0].keys()
    assert all(row.keys() == asked for row in page_of("006").rows)
    assert page_of("004").rows[9].keys() - asked == {
        "defaultipgateway",
        "dnsdomainsuffixsearchorder",
        "dnsserversearchorder",
        "gatewaycostmetric",
        "ipaddress",
        "ipsubnet",
    }


def test_a_command_line_with_quotes_is_read_as_text():
    lines = {row["name"][0]: row["commandline"][0] for row in page_of("016").rows}
    assert lines["dwm.exe"] == '"dwm.exe"'
    assert lines["LogonUI.exe"] == '"LogonUI.exe" /flags:0x0'


def test_the_output_of_a_captured_method_call_is_read():
    output = soap.read_output(content_of("034"), "EnumKey", "reading a capture")
    assert decode(output["returnvalue"], "uint32") == 0
    names = decode(output["snames"], "string[]")
    assert (len(names), names[0], names[13]) == (26, "AddressBook", "InstallShield_{F8FBDC28-C265-4F0D-8B91-6E92913E19F6}")


# Answers that are neither a page nor a fault: the element in the body, and texts in it.
OTHERS = {
    "025": ("SubscribeResponse", {"EnumerationContext": "uuid:00A69F40-AF0D-4E6D-93BD-EFE6AADC3F51"}),
    "034": ("EnumKey_OUTPUT", {"ReturnValue": "0"}),
    "039": ("ResourceCreated", {"Selector": "62DE33F0-8674-43D9-B6A5-3298012CC4CD"}),
    "052": ("Config", {"MaxEnvelopeSizekb": "4096", "MaxTimeoutms": "60000", "MaxBatchItems": "32000", "EnumerationTimeoutms": "240000"}),
    "053": ("Config", {"MaxEnvelopeSizekb": "150", "MaxConcurrentOperationsPerUser": "1500"}),
    "054": ("Config", {"MaxEnvelopeSizekb": "500", "MaxPacketRetrievalTimeSeconds": "120"}),
}


@pytest.mark.parametrize("number", OTHERS)
def test_any_other_captured_answer_is_parsed_and_refused_as_a_page(number):
    name, texts = OTHERS[number]
    content = content_of(number)
    assert soap.local_name(content) == name
    found = {soap.local_name(element): (element.text or "").strip() for element in content.iter()}
    assert {key: found[key] for key in texts} == texts
    with pytest.raises(errors.BadReplyError, match=f"{name} where items was due"):
        soap.read_page(content, "reading a capture")


def test_what_is_asked_for_is_within_what_the_captured_settings_allow():
    settings = {soap.local_name(element): element.text or "" for element in content_of("052").iter()}
    assert int(settings["MaxBatchItems"]) == soap.MAX_ELEMENTS
    assert int(settings["MaxTimeoutms"]) == soap.OPERATION_TIMEOUT_SECONDS * 1000
    # What is asked for above the machine's own limit is cut by it silently, so that the common limit is asked for exactly.
    common = {soap.local_name(element): element.text or "" for element in content_of("054").iter()}
    assert int(common["MaxEnvelopeSizekb"]) * 1024 == soap.MAX_ENVELOPE_SIZE


# The exception; what the fault says of itself (subcode, WinRM's code, the provider's code, CIM status, provider); how the most specific text begins.
FAULTS = {
    "024": (
        errors.BusyError,
        ("InternalError", 2150859174, None, None, ""),
        "The WS-Management service cannot process the request. This user is allowed a maximum number of 15",
    ),
    "036": (
        errors.FaultError,
        ("CannotProcessFilter", 2150858778, None, None, "WMIv1 plugin for Windows Remote Management"),
        "The specified class does not exist in the given namespace.",
    ),
    "037": (
        errors.FaultError,
        ("CannotProcessFilter", 2150858778, None, None, "WMI Provider"),
        "The specified class does not exist in the given namespace.",
    ),
    "040": (
        errors.NotFoundError,
        ("DestinationUnreachable", 2150858752, None, None, "WMI Provider"),
        "The WS-Management service cannot process the request. The service cannot find the resource",
    ),
    "041": (
        errors.FaultError,
        ("InternalError", None, 2152992672, None, "microsoft.powershell"),
        "Error with error code -2144108472 occurred while calling method WSManPluginReceiveResult.",
    ),
    "042": (
        errors.TimedOutError,
        ("TimedOut", 2150858793, None, None, ""),
        "The WS-Management service cannot complete the operation within the time",
    ),
    "045": (
        errors.FaultError,
        ("InvalidSelectors", 2150858843, None, None, "Shell provider"),
        "The WS-Management service cannot process the request because the request contained invalid selectors",
    ),
    "046": (
        errors.FaultError,
        ("InvalidSelectors", 2150858843, None, None, ""),
        "The Windows Remote Shell received a request to perform an operation on a command identifier",
    ),
    "047": (
        errors.FaultError,
        ("InvalidSelectors", 2150858843, None, None, ""),
        "The Windows Remote Shell received a request to perform an operation on a command identifier",
    ),
    "048": (errors.FaultError, ("InvalidParameter", None, 87, None, "Shell cmd plugin"), "The parameter is incorrect."),
    "049": (
        errors.FaultError,
        ("InternalError", None, 2147942402, None, "Shell cmd plugin"),
        "The system cannot find the file specified.",
    ),
    "050": (
        errors.TimedOutError,
        ("TimedOut", 2150858793, None, None, ""),
        "The WS-Management service cannot complete the operation within the time",
    ),
    "061": (errors.FaultError, ("", None, None, None, ""), "Test reason."),
    "062": (
        errors.TimedOutError,
        ("TimedOut", 2150858793, None, None, ""),
        "The WS-Management service cannot complete the operation within the time",
    ),
    "064": (errors.BusyError, ("InternalError", 2150859174, None, 27, ""), "Windows Error message."),
}


@pytest.mark.parametrize("number", FAULTS)
def test_a_captured_fault_is_taken_apart_and_becomes_the_right_error(number):
    kind, says, text = FAULTS[number]
    fault = faults.parse_fault(content_of(number))
    assert (fault.subcode, fault.wsman_code, fault.hresult, fault.cim_status, fault.provider) == says
    assert fault.texts[0].startswith(text)
    error = faults.fault_error(fault, "reading a capture")
    assert type(error) is kind
    assert error.code == (says[1] if says[2] is None else says[2])
    assert text.rstrip(". ")[:60] in error.detail
    assert type(faults.fault_error(fault, "x", method=True)) is (errors.MethodFailedError if kind is errors.FaultError else kind)


def test_the_query_that_a_captured_fault_quotes_is_left_out():
    fault = faults.parse_fault(content_of("037"))
    assert fault is not None
    assert "Win32_Processa" not in faults.fault_error(fault, "reading a capture").line()
    assert "specified class does not exist" in fault.texts[0]


def test_a_detail_that_was_captured_alone_is_read_within_a_fault():
    detail = capture("060").decode()
    text = f'<s:Fault xmlns:s="x"><s:Detail>{detail}</s:Detail></s:Fault>'
    fault = faults.parse_fault(ET.fromstring(text))
    assert fault is not None
    assert fault.code == 2150859010
    assert "WDM specific return code: 4200" in fault.texts


# What our requests are held to. Each capture is one message of a client that is in production use, or of Windows itself.


def shape(element, optional=()):
    """Return tags and attributes of an element and what is in it, texts and order included where they matter to a server."""
    children = [shape(child, optional) for child in element if soap.local_name(child) not in optional]
    return (element.tag, sorted(element.attrib.items()), children)


URI = soap.class_uri("root/cimv2", "C")
OURS = {
    "enumerate_wql": lambda: soap.enumerate_wql("root/cimv2", "SELECT 1", "uuid:1"),
    "enumerate_associated": lambda: soap.enumerate_associated("root/cimv2", "C", {"K": "0"}, "A", "R", "uuid:1"),
    "pull": lambda: soap.pull(soap.class_uri("root/cimv2", "*"), "uuid:C", "uuid:1"),
    "release": lambda: soap.release(soap.class_uri("root/cimv2", "*"), "uuid:C", "uuid:1"),
    "get": lambda: soap.get(URI, {"K": "0"}, "uuid:1"),
    "invoke": lambda: soap.invoke(URI, "GetBoolValue", [], {"K": "0"}, "uuid:1"),
}
# Clients whose header has the order of Windows' own.
IN_ORDER = ("028", "029", "030", "031", "033", "043", "044", "057", "058", "059")
# Clients that send the same blocks in an order of their own, which Windows takes as well: an Unsubscribe with its URI last, openwsman, pypsrp.
IN_ANY_ORDER = ("032", "035", "051", "055")

# What these clients send and we do not, or the other way round: hints, their own bookkeeping, and the namespace selector of the DMTF family.
DIFFERENT = ("Locale", "DataLocale", "ActivityId", "SessionId", "OperationID", "SequenceId", "OperationTimeout", "OptionSet", "SelectorSet")


def ours(name):
    return ET.fromstring(OURS[name]().xml)


def header_of(root):
    return {block.tag: block.get("{http://www.w3.org/2003/05/soap-envelope}mustUnderstand") for block in root[0]}


def test_every_request_that_we_can_write_is_compared_here():
    public = {name for name, function in inspect.getmembers(soap, inspect.isfunction) if not name.startswith("_")}
    assert {name for name in public if inspect.signature(getattr(soap, name)).return_annotation == "Request"} == {*OURS}


@pytest.mark.parametrize("number", IN_ORDER)
@pytest.mark.parametrize("name", OURS)
def test_our_header_blocks_stand_in_the_order_of_a_captured_request_and_bind_as_much(name, number):
    mine, theirs = header_of(ours(name)), header_of(ET.fromstring(capture(number)))
    common = [tag for tag in theirs if tag in mine]
    # OperationTimeout is the one block that Windows' captures have in two places: before the options or after them.
    timeout = next((tag for tag in common if tag.endswith("}OperationTimeout")), None)
    assert [tag for tag in mine if tag in theirs and tag != timeout] == [tag for tag in common if tag != timeout]
    assert {tag: mine[tag] for tag in common} == {tag: theirs[tag] for tag in common}


@pytest.mark.parametrize("number", [*IN_ORDER, *IN_ANY_ORDER])
@pytest.mark.parametrize("name", OURS)
def test_we_leave_out_no_header_block_that_a_captured_request_has_but_for_bookkeeping(name, number):
    left_out = {tag.rpartition("}")[2] for tag in header_of(ET.fromstring(capture(number)))} - {
        tag.rpartition("}")[2] for tag in header_of(ours(name))
    }
    assert left_out <= {"ActivityId", "SessionId", "OperationID", "SequenceId", "OptionSet", "SelectorSet", "Identifier"}


@pytest.mark.parametrize(("number", "name"), [("028", "enumerate_wql"), ("029", "pull")])
def test_our_requests_have_the_structure_of_captured_ones(number, name):
    assert shape(ours(name), DIFFERENT) == shape(ET.fromstring(capture(number)), DIFFERENT)


def test_our_pull_has_the_body_of_one_that_waits_for_events():
    assert shape(ours("pull")[1]) == shape(ET.fromstring(capture("031"))[1])


@pytest.mark.parametrize("number", ["033", "035", "059"])
def test_our_query_is_an_enumerate_like_one_without_a_filter_with_the_rest_in_order(number):
    theirs = ET.fromstring(capture(number))[1][0]
    mine = ours("enumerate_wql")[1][0]
    assert mine.tag == theirs.tag
    assert [child.tag for child in mine][: len(theirs)] == [child.tag for child in theirs]


@pytest.mark.parametrize("number", ["051", "055"])
def test_our_get_has_the_parts_of_a_captured_one_in_whatever_order(number):
    captured, mine = ET.fromstring(capture(number)), ours("get")
    optional = ("SessionId", "Selector", "SelectorSet") if number == "051" else ("SessionId", "Selector")
    parts = [{(tag, str(attributes)) for tag, attributes, _children in shape(e, optional)[2][0][2]} for e in (mine, captured)]
    assert parts[0] == parts[1]
    assert not len(mine[1])
    assert not len(captured[1])


def test_our_query_has_the_structure_of_windows_own_client_but_for_the_enumeration_mode():
    captured = ET.fromstring(capture("043"))
    assert shape(ours("enumerate_wql"), DIFFERENT) == shape(captured, (*DIFFERENT, "EnumerationMode"))


def test_our_method_call_has_the_header_of_windows_own_client_and_its_input_element():
    captured, mine = ET.fromstring(capture("044")), ours("invoke")
    assert shape(mine[0], DIFFERENT) == shape(captured[0], DIFFERENT)
    assert soap.local_name(mine[1][0]) == soap.local_name(captured[1][0]) == "GetBoolValue_INPUT"
    # The element is in the namespace of the class whose URI the header names, in theirs and in ours.
    for root in (mine, captured):
        uri = next(e.text.strip() for e in root.iter() if soap.local_name(e) == "ResourceURI")
        assert root[1][0].tag == f"{{{uri}}}GetBoolValue_INPUT"
    assert [soap.local_name(e) for e in mine[0]][-1] == "SelectorSet"


# Elements of a message alone, and what this file does with them.
ALONE = ("060",)


def test_every_capture_is_read_or_compared_in_this_file():
    found = {file.name[:3] for file in FOLDER.glob("*.xml")}
    if not found:
        pytest.skip(f"there are no captures at {FOLDER}")
    assert found == {*PAGES, *FAULTS, *OTHERS, *IN_ORDER, *IN_ANY_ORDER, *ALONE}
