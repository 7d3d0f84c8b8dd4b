# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What public material does not settle about Windows' WS-Management, one test a point: whichever way it turns out, we do the right thing.

The numbers are those of the project's list of open points. Where both shapes can come, both are sent; where the answer was to do without
something, the test shows that it is done without.
"""

from __future__ import annotations

import dataclasses
import datetime
import inspect
import itertools
import types
import xml.etree.ElementTree as ET

import pytest
import winrm.exceptions
import winrm.transport
from ansible_collections.activation.kms.plugins.plugin_utils._licensing import firewall, read
from ansible_collections.activation.kms.plugins.plugin_utils._windows import errors, faults, operations, soap, values, wire, wsman
from ansible_collections.activation.kms.plugins.plugin_utils._windows.classes import CLASSES
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import Associated, Events, Invoke, Query, RegistryValue
from ansible_collections.activation.kms.plugins.plugin_utils._windows.soap import Reply

from tests.unit.plugins.plugin_utils._windows import messages as m
from tests.unit.plugins.plugin_utils._windows.scripted import Machine

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
INSTALL = Invoke("SoftwareLicensingService", "InstallProductKey", {"Version": "10.0.20348.1"}, {"ProductKey": KEY})
INSTALLED = m.output("InstallProductKey", "SoftwareLicensingService", ReturnValue=0)
SERVICES = Query("Win32_Service", ("Name", "State"))
RULE_KEYS = {"CreationClassName": "MSFT|FW|FirewallRule|R", "PolicyRuleName": "", "SystemCreationClassName": "", "SystemName": ""}
ENABLE = Invoke("MSFT_NetFirewallRule", "Enable", RULE_KEYS)
UNKNOWN = "The WMI service or the WMI provider returned an unknown error: HRESULT 0xc004f050 "
URI = soap.class_uri("root/cimv2", "SoftwareLicensingService")

# One call of every function that writes a request.
BUILDERS = {
    "enumerate_wql": lambda: soap.enumerate_wql("root/cimv2", "SELECT Name FROM Win32_Service", "uuid:1"),
    "enumerate_associated": lambda: soap.enumerate_associated("root/StandardCimv2", "MSFT_NetFirewallRule", RULE_KEYS, "A", "R", "uuid:1"),
    "pull": lambda: soap.pull(soap.class_uri("root/cimv2", "*"), "uuid:C", "uuid:1"),
    "release": lambda: soap.release(soap.class_uri("root/cimv2", "*"), "uuid:C", "uuid:1"),
    "get": lambda: soap.get(URI, {"Version": "1"}, "uuid:1"),
    "invoke": lambda: soap.invoke(URI, "M", [values.Argument("P", "string", ("x",))], {"Version": "1"}, "uuid:1"),
}


def everything_we_can_send():
    return {name: ET.fromstring(build().xml) for name, build in BUILDERS.items()}


def texts_of(root, name):
    return [element.text or "" for element in root.iter() if soap.local_name(element) == name]


def test_the_list_of_requests_in_this_file_is_all_that_can_be_sent():
    public = inspect.getmembers(soap, inspect.isfunction)
    assert {name for name, function in public if inspect.signature(function).return_annotation == "Request"} - {
        "_envelope",
        "_enumerate",
    } == {*BUILDERS}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(m.output("InstallProductKey", "X", ReturnValue=0xC004F050), id="return value"),
        pytest.param(m.output("InstallProductKey", "X", ReturnValue=-1073418160), id="signed return value"),
        pytest.param(
            m.fault(m.wsman_fault(2150858755, inner=m.provider_fault(m.wsman_fault(2150858755, UNKNOWN)))), id="text in a nested fault"
        ),
        pytest.param(m.fault(m.wsman_fault(2150858755, inner=m.provider_fault(text=UNKNOWN))), id="text only"),
        pytest.param(m.fault(m.wmi_error(MessageID="HRESULT 0xc004f050", Message="x", error_Code=2150858755)), id="MSFT_WmiError"),
        pytest.param(m.fault(m.wsman_fault(0xC004F050, "x")), id="code alone"),
    ],
)
def test_01_a_licensing_error_is_found_in_whatever_form_it_comes(answer):
    with pytest.raises(errors.MethodFailedError) as caught:
        Machine(answer).invoke(INSTALL)
    assert caught.value.code == 0xC004F050
    assert caught.value.meaning


def test_01_without_any_code_the_words_are_reported_and_the_products_own_reason_can_be_read():
    with pytest.raises(errors.MethodFailedError, match="Odd things happened") as caught:
        Machine(m.fault("", subcode="w:InternalError", reason="Odd things happened.")).invoke(INSTALL)
    assert caught.value.code is None
    assert {"LicenseStatus", "LicenseStatusReason"} <= set(read.PRODUCT_COLUMNS)


@pytest.mark.parametrize(
    "answer",
    [
        "<n:EnumerateResponse><n:EnumerationContext/><w:EndOfSequence/></n:EnumerateResponse>",
        "<n:EnumerateResponse><n:EnumerationContext/><w:Items/><w:EndOfSequence/></n:EnumerateResponse>",
        "<n:EnumerateResponse><n:EnumerationContext></n:EnumerationContext><w:Items></w:Items><w:EndOfSequence/></n:EnumerateResponse>",
        "<n:EnumerateResponse><w:Items/></n:EnumerateResponse>",
        "<n:EnumerateResponse/>",
    ],
)
def test_02_an_empty_result_has_items_missing_empty_or_closed_at_once(answer):
    (reading,) = Machine(answer).read(SERVICES)
    assert reading.get() == []


@pytest.mark.parametrize("in_the_first", [0, 1, 2, 3])
def test_03_the_first_answer_holds_no_item_one_or_many(in_the_first):
    rows = [m.fragment(Name=name) for name in "abc"]
    first, rest = rows[:in_the_first], rows[in_the_first:]
    script = [m.items(*first, context="uuid:1"), m.items(*rest, pull=True)] if rest else [m.items(*first)]
    (reading,) = Machine(*script).read(SERVICES)
    assert [row["Name"] for row in reading.get()] == ["a", "b", "c"]


def test_04_no_more_than_sixty_seconds_are_asked_for_and_the_answer_is_waited_for_longer():
    for root in everything_we_can_send().values():
        assert texts_of(root, "OperationTimeout") == ["PT60.000S"]
    machine = Machine(INSTALLED)
    machine.invoke(INSTALL)
    assert machine.options[0]["timeout"] >= 75


@pytest.mark.parametrize("text", ["", "The work may go on."])
def test_04_a_method_that_timed_out_has_an_unknown_outcome_and_is_not_repeated(text):
    machine = Machine(m.fault(m.wsman_fault(2150858793, text), subcode="w:TimedOut"))
    with pytest.raises(errors.OutcomeUnknownError) as caught:
        machine.invoke(INSTALL)
    assert len(machine.sent) == 1
    assert "read the state" in caught.value.next_step


def test_05_the_policy_store_is_never_named_and_group_policy_is_looked_up_in_the_registry():
    for root in everything_we_can_send().values():
        assert not texts_of(root, "OptionSet")
        assert not texts_of(root, "Option")
        assert "PolicyStore" not in ET.tostring(root, encoding="unicode")
    assert "PolicyStoreSource" not in firewall.RULE_COLUMNS
    assert firewall.POLICY.startswith("SOFTWARE\\Policies\\")


def test_06_columns_are_named_in_root_cimv2_and_never_for_the_providers_of_standardcimv2():
    for spec in CLASSES.values():
        if spec.properties:
            assert spec.select_all is (spec.namespace.lower() == "root/standardcimv2"), spec.name
    rule = {"InstanceID": "R", "Enabled": "1"}
    for item in (m.typed("MSFT_NetFirewallRule", "root/StandardCimv2", **rule), m.fragment(**rule)):
        machine = Machine(m.items(item))
        (reading,) = machine.read(Query("MSFT_NetFirewallRule", ("InstanceID", "Enabled")))
        assert machine.text(0, "Filter") == "SELECT * FROM MSFT_NetFirewallRule"
        assert reading.get() == [{"InstanceID": "R", "Enabled": 1}]


def test_07_nothing_is_ever_put_created_or_deleted():
    actions = {name: texts_of(root, "Action")[0].rpartition("/")[2] for name, root in everything_we_can_send().items()}
    assert actions == {
        "enumerate_wql": "Enumerate",
        "enumerate_associated": "Enumerate",
        "pull": "Pull",
        "release": "Release",
        "get": "Get",
        "invoke": "M",
    }


@pytest.mark.parametrize("code", [0x80338000, 0x8033801A, 0x8033803B, 0x80338001])
def test_08_the_registry_provider_answers_in_root_default_or_else_in_root_cimv2(code):
    value = m.output("GetStringValue", "StdRegProv", sValue="v", ReturnValue=0)
    at_once = Machine(value)
    elsewhere = Machine(m.fault(m.wsman_fault(code)), value, value)
    assert [reading.get() for reading in at_once.read(RegistryValue("X", "Y"))] == ["v"]
    assert [reading.get() for reading in elsewhere.read(RegistryValue("X", "Y"), RegistryValue("X", "Z"))] == ["v", "v"]
    assert at_once.text(0, "ResourceURI").endswith("/root/default/StdRegProv")
    assert [elsewhere.text(i, "ResourceURI").partition("/wmi/")[2] for i in range(3)] == [
        "root/default/StdRegProv",
        "root/cimv2/StdRegProv",
        "root/cimv2/StdRegProv",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        m.output("Enable", "MSFT_NetFirewallRule", ReturnValue=0),
        m.output("Enable", "MSFT_NetFirewallRule", ReturnValue=None),
        m.output("Enable", "MSFT_NetFirewallRule", ReturnValue=""),
        m.output("Enable", "MSFT_NetFirewallRule"),
        '<p:Enable_OUTPUT xmlns:p="urn:x"></p:Enable_OUTPUT>',
        "",
    ],
)
def test_09_a_missing_return_value_is_success(answer):
    assert Machine(answer).invoke(ENABLE) == {}


@pytest.mark.parametrize(
    ("detail", "subcode"),
    [
        (m.wsman_fault(5, "Access is denied. "), "w:AccessDenied"),
        (m.wsman_fault(5, "Zugriff verweigert "), "w:InternalError"),
        (m.wsman_fault(0x80338104), "w:InternalError"),
        (m.wsman_fault(0x80338105), "w:InternalError"),
        (m.wsman_fault(0x80338106), "w:InternalError"),
        (m.wsman_fault(0x80070005), "w:InternalError"),
        (m.wsman_fault(0x80338003, inner=m.provider_fault(text="HRESULT 0x80041003")), "w:InternalError"),
        (m.wmi_error(CIMStatusCode=2, Message="no"), "w:InternalError"),
        ("", "w:AccessDenied"),
    ],
)
def test_10_access_denied_in_any_form_is_one_clear_message_and_nothing_is_tried_again(detail, subcode):
    reading_machine, writing_machine = Machine(m.fault(detail, subcode)), Machine(m.fault(detail, subcode))
    (reading,) = reading_machine.read(SERVICES)
    with pytest.raises(errors.AccessDeniedError) as caught:
        writing_machine.invoke(INSTALL)
    for error in (reading.error, caught.value):
        assert isinstance(error, errors.AccessDeniedError)
        assert "Administrators" in error.line()
        assert "LocalAccountTokenFilterPolicy" in error.line()
    assert len(reading_machine.sent) == len(writing_machine.sent) == 1


def test_11_the_input_is_in_the_namespace_of_its_class_without_type_and_with_parameters_in_the_order_of_the_class():
    machine = Machine(m.output("GetStringValue", "StdRegProv", sValue="v", ReturnValue=0))
    machine.read(RegistryValue("X", "Y"))
    given = machine.sent[0][1][0]
    uri = soap.class_uri("root/default", "StdRegProv")
    assert [e.tag for e in given.iter()] == [
        f"{{{uri}}}{name}" for name in ("GetStringValue_INPUT", "hDefKey", "sSubKeyName", "sValueName")
    ]
    assert not any(e.attrib for e in given.iter())


@pytest.mark.parametrize("namespace", ['xmlns="urn:other"', 'xmlns=""', f'xmlns="{m.CIMV2}/SoftwareLicensingService" xmlns:q="urn:q"'])
def test_11_the_output_is_read_in_whatever_namespace_it_comes(namespace):
    answer = f"<InstallProductKey_OUTPUT {namespace}><ReturnValue>0</ReturnValue></InstallProductKey_OUTPUT>"
    assert Machine(answer).invoke(INSTALL) == {}


def test_12_a_parameter_that_is_null_is_left_out_and_an_empty_one_is_an_empty_element():
    sent = {}
    for name, value in (("null", None), ("empty", "")):
        machine = Machine(m.output("SetKeyManagementServiceMachine", "X", ReturnValue=0))
        machine.invoke(Invoke("SoftwareLicensingService", "SetKeyManagementServiceMachine", {"Version": "1"}, {"MachineName": value}))
        sent[name] = machine.text(0, "MachineName")
        assert "nil" not in ET.tostring(machine.sent[0], encoding="unicode")
    assert sent == {"null": None, "empty": ""}


@pytest.mark.parametrize("state", ['<State xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>', '<State xsi:nil="1"/>', ""])
def test_12_null_in_an_answer_is_nil_or_absent(state):
    (reading,) = Machine(m.items(f"<w:XmlFragment><Name>a</Name>{state}</w:XmlFragment>")).read(SERVICES)
    assert reading.get() == [{"Name": "a", "State": None}]


def test_13_products_are_read_by_named_columns_and_a_condition_and_without_what_the_provider_has_to_compute():
    assert "PartialProductKey IS NOT NULL" in (read.PRODUCT_QUERY.where or "")
    assert not {"OfflineInstallationId", "*"} & set(read.PRODUCT_COLUMNS)
    machine = Machine(m.items(m.fragment(BuildNumber="20348")), m.items())
    machine.read(read.PRODUCT_QUERY)
    assert machine.text(1, "Filter").startswith("SELECT ID,ApplicationID,")


NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
EVENTS = Events("Application", (12288, 12289), NOON - datetime.timedelta(days=30), limit=2)


def event(number, minutes):
    moment = (NOON - datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return m.fragment(
        Logfile="Application",
        RecordNumber=number,
        EventCode="12288",
        SourceName="x",
        TimeGenerated=f"<Datetime>{moment}</Datetime>",
        InsertionStrings=["a", ""],
    )


def test_14_events_are_asked_for_by_log_id_and_time_and_never_by_source():
    machine = Machine(m.items())
    machine.read(dataclasses.replace(EVENTS, shared_ids=(12288,), sources=("Microsoft-Windows-Security-SPP",)))
    condition = machine.text(0, "Filter").partition(" WHERE ")[2]
    assert condition == "Logfile='Application' AND (EventCode=12288 OR EventCode=12289) AND TimeGenerated>='20260101120000.000000+000'"


def test_14_reading_stops_early_only_while_the_newest_came_first():
    newest_first = Machine(m.items(event(9, 0), context="uuid:1"), m.items(event(8, 1), event(7, 2), context="uuid:2", pull=True), "")
    oldest_first = Machine(
        m.items(event(7, 2), context="uuid:1"),
        m.items(event(8, 1), context="uuid:2", pull=True),
        m.items(event(9, 0), pull=True),
    )
    for machine, last in ((newest_first, "Release"), (oldest_first, "Pull")):
        (reading,) = machine.read(EVENTS)
        assert [record.record_number for record in reading.get().records] == [9, 8]
        assert reading.get().complete is False
        assert machine.actions()[-1] == last


def test_14_what_takes_too_long_is_released_and_called_incomplete():
    ticks = itertools.count(0, 4)
    machine = Machine(m.items(event(9, 0), context="uuid:1"), m.items(event(8, 1), context="uuid:2", pull=True), "")
    machine.windows = wsman.WsmanWindows(machine.send, machine.pauses.append, monotonic=lambda: float(next(ticks)))
    (reading,) = machine.read(Events("Application", (12288,), EVENTS.since, limit=500, budget_seconds=20))
    assert reading.get().complete is False
    assert machine.actions() == ["Enumerate", "Pull", "Release"]


TIMED_OUT = m.fault(m.wsman_fault(0x80338029, "out of time"), subcode="w:TimedOut")


def test_14_a_search_that_finds_nothing_ends_with_its_budget():
    """The machine is told with each message how long it may take, and its word that this was not enough is the end and no error."""
    wanted = Events("Application", (12288,), EVENTS.since, budget_seconds=20)
    at_once = Machine(TIMED_OUT)
    later = Machine(m.items(event(9, 0), context="uuid:1"), TIMED_OUT)
    nothing_yet = Machine(m.items(context="uuid:1"), m.fault(m.wsman_fault(0x8033801C, "nothing yet"), subcode="w:TimedOut"), "")
    for machine, records, actions in (
        (at_once, [], ["Enumerate"]),
        (later, [9], ["Enumerate", "Pull"]),
        (nothing_yet, [], ["Enumerate", "Pull", "Release"]),
    ):
        ticks = itertools.count(0, 3)
        machine.windows = wsman.WsmanWindows(machine.send, machine.pauses.append, monotonic=lambda ticks=ticks: float(next(ticks)))
        (reading,) = machine.read(wanted)
        assert [record.record_number for record in reading.get().records] == records
        assert reading.get().complete is False
        assert machine.actions() == actions
        allowed = [float(machine.text(index, "OperationTimeout")[2:-1]) for index in range(len(actions)) if actions[index] != "Release"]
        assert allowed == sorted(allowed, reverse=True)
        assert 1 <= allowed[-1] <= allowed[0] < 20
        # The answer is waited for a little longer than the machine was given.
        assert machine.options[0]["timeout"] <= 20 + wsman.GRACE_SECONDS


def test_14_what_only_a_range_brought_along_does_not_count_for_the_limit():
    """Nor do records of other programs with the same ids."""
    wanted = dataclasses.replace(EVENTS, event_ids=(12288, 1040), shared_ids=(1040,), sources=("licensing",), limit=2)
    page = [event(str(number), 10 - number) for number in (9, 8, 7)]
    foreign = page[0].replace("12288", "1040"), page[1].replace("12288", "12290")
    machine = Machine(m.items(*foreign, context="uuid:1"), m.items(page[2], context="uuid:2", pull=True), m.items(event(6, 4), pull=True))
    (reading,) = machine.read(wanted)
    assert [record.record_number for record in reading.get().records] == [7, 6]
    assert reading.get().complete is True


def test_14_long_lists_of_ids_become_few_ranges_that_cover_them():
    ids = (*range(900, 1068, 3), 8198, 8200, *range(12288, 12295), 12308)
    ranges = operations.id_ranges(ids)
    assert all(any(first <= event_id <= last for first, last in ranges) for event_id in ids)
    assert sum(1 if first == last else 2 for first, last in ranges) <= operations.MAX_ID_COMPARISONS
    assert ranges == sorted(ranges)
    # What is near together goes together: the wide gaps stay out.
    assert not any(first <= outside <= last for first, last in ranges for outside in (899, 5000, 10000, 13000))
    assert operations.id_ranges((5, 3, 4, 9)) == [(3, 5), (9, 9)]
    wanted = dataclasses.replace(EVENTS, event_ids=ids)
    xpath, wql = operations.events_xpath(wanted), operations.events_condition(wanted)
    assert xpath.count("EventID") == wql.count("EventCode") <= operations.MAX_ID_COMPARISONS
    assert "(EventID>=12288 and EventID<=12294)" in xpath
    assert "(EventCode>=12288 AND EventCode<=12294)" in wql


def test_15_nothing_is_ever_subscribed_to():
    for root in everything_we_can_send().values():
        text = ET.tostring(root, encoding="unicode")
        assert "/eventing" not in text
        assert "windows/EventLog" not in text


class Transport:
    """Stands in for pywinrm's transport: sends nothing, and answers or raises what the script says."""

    def __init__(self, *script):
        self.script = list(script)
        self.session = types.SimpleNamespace(max_redirects=30)
        self.read_timeout_sec = 30
        self.closed = 0

    def build_session(self):
        self.session = types.SimpleNamespace(max_redirects=30)

    def close_session(self):
        self.closed += 1
        self.session = None

    def send_message(self, xml):
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def over(*script):
    transport = Transport(*script)
    connection = types.SimpleNamespace(_connect=lambda: None, protocol=types.SimpleNamespace(transport=transport))
    return transport, wsman.WsmanWindows(wire.Wire(connection).send, lambda seconds: None)


LOST = (
    winrm.exceptions.WinRMTransportError("http", 400, ""),
    winrm.exceptions.WinRMTransportError("http", 400, b""),
    ConnectionResetError(104, "Connection reset by peer"),
)


@pytest.mark.parametrize("lost", LOST)
def test_16_an_idle_connection_that_was_dropped_is_made_anew_once_for_a_read_and_never_for_a_method(lost):
    transport, windows = over(lost, m.envelope(m.items(m.fragment(Name="a"))))
    assert windows.read([SERVICES])[0].get() == [{"Name": "a", "State": None}]
    assert transport.closed == 1
    transport, windows = over(lost, lost)
    with pytest.raises(errors.UnreachableError):
        windows.read([SERVICES])
    transport, windows = over(lost)
    with pytest.raises(errors.OutcomeUnknownError) as caught:
        windows.invoke(INSTALL)
    assert transport.closed == 1
    assert "read the state" in caught.value.next_step


@pytest.mark.parametrize("kind", [bytes, lambda body: body.decode()])
def test_17_the_text_of_a_fault_or_of_an_answer_is_bytes_or_str(kind):
    fault = m.envelope(m.fault(m.wsman_fault(5, "Gr\u00fc\u00dfe \u4f60"), "w:AccessDenied"))
    _transport, windows = over(winrm.exceptions.WinRMTransportError("http", 500, kind(fault)))
    (reading,) = windows.read([SERVICES])
    assert isinstance(reading.error, errors.AccessDeniedError)
    assert "Gr\u00fc\u00dfe \u4f60" in reading.error.detail
    _transport, windows = over(kind(m.envelope(m.items(m.fragment(Name="Gr\u00fc\u00dfe \u4f60")))))
    assert windows.read([SERVICES])[0].get() == [{"Name": "Gr\u00fc\u00dfe \u4f60", "State": None}]


@pytest.mark.parametrize(
    ("spelling", "microsecond"),
    [
        ("2024-01-31T10:00:00Z", 0),
        ("2024-01-31T10:00:00.1Z", 100000),
        ("2024-01-31T10:00:00.123456Z", 123456),
        ("2024-01-31T10:00:00.123456789Z", 123456),
        ("2024-01-31T11:00:00+01:00", 0),
        ("2024-01-31T04:30:00-05:30", 0),
        ("2024-01-31T10:00:00", 0),
        ("20240131100000.000000+000", 0),
        ("20240131110000.000000+060", 0),
    ],
)
@pytest.mark.parametrize(
    "element", ["{}", "<Datetime>{}</Datetime>", '<c:Datetime xmlns:c="http://schemas.dmtf.org/wbem/wscim/1/common">{}</c:Datetime>']
)
def test_18_a_date_is_read_in_every_spelling_and_in_every_element(spelling, microsecond, element):
    query = Query("Win32_OperatingSystem", ("InstallDate",))
    (reading,) = Machine(m.items(m.fragment(InstallDate=element.format(spelling)))).read(query)
    assert reading.get() == [{"InstallDate": datetime.datetime(2024, 1, 31, 10, 0, 0, microsecond, tzinfo=datetime.UTC)}]


@pytest.mark.parametrize("odd", ["\x07", "&#7;", "&#x7;", "\ufffe", "&#xFFFF;"])
def test_19_what_xml_cannot_carry_is_left_out_of_a_value_and_what_is_broken_besides_is_reported(odd):
    fine = m.envelope(m.items(m.fragment(Name=f"a{odd}b")))
    broken = fine.replace(b"</Name>", b"</Nam>")
    mended, refused = Machine(Reply(200, fine), Reply(200, broken)).read(SERVICES, SERVICES)
    assert mended.get()[0]["Name"] == "ab"
    assert isinstance(refused.error, errors.BadReplyError)
    assert "well-formed" in refused.error.detail


@pytest.mark.parametrize("code", [0x803381E3, 0x80338000, 0x8033803B, 0x80338013])
def test_20_a_machine_without_the_wmi_plug_in_answers_the_first_read_with_a_fault_that_is_told_from_access_denied(code):
    (reading,) = Machine(m.fault(m.wsman_fault(code))).read(Query("Win32_OperatingSystem", ("BuildNumber",)))
    assert isinstance(reading.error, errors.FaultError)
    assert not isinstance(reading.error, errors.AccessDeniedError)
    assert reading.error.code == code


@pytest.mark.parametrize("build", ["9600", "20348", "26100", "99999"])
def test_21_a_windows_newer_than_any_capture_is_asked_and_read_like_the_newest_known(build):
    machine = Machine(m.items(m.fragment(BuildNumber=build)), m.items(m.fragment(ID="x", ProductKeyChannel="Volume:GVLK", Unheard="of")))
    (reading,) = machine.read(Query("SoftwareLicensingProduct", ("ID", "ProductKeyChannel")))
    assert machine.text(1, "Filter") == "SELECT ID,ProductKeyChannel FROM SoftwareLicensingProduct"
    assert reading.get() == [{"ID": "x", "ProductKeyChannel": "Volume:GVLK"}]


def test_22_text_beyond_ascii_goes_out_in_utf_8_and_says_so(monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    name = "K\u00f6ln \u4f60\u597d \U0001f511"
    argument = values.Argument("MachineName", "string", (name,))
    request = soap.invoke(URI, "SetKeyManagementServiceMachine", [argument], {"Version": name}, "uuid:1")
    assert request.xml.startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    assert request.xml.count(name.encode()) == 2
    session = winrm.transport.Transport("http://127.0.0.1:5985/wsman", username="u", password="p", auth_method="basic").build_session()
    assert session.headers["Content-Type"] == "application/soap+xml;charset=UTF-8"


@pytest.mark.parametrize("status_code", [None, 0x80041001, -2147217407])
def test_23_the_status_code_of_an_extended_error_counts_only_where_nothing_else_has_a_code(status_code):
    extended = m.extended_error(Description=None, StatusCode=status_code)
    beside_another = m.wsman_fault(2150858755, inner=m.provider_fault(m.wsman_fault(2150858755, UNKNOWN), extended=extended))
    alone = m.wsman_fault(2150858755, inner=m.provider_fault(m.wsman_fault(2150858755, "No."), extended=extended))
    codes = []
    for detail in (beside_another, alone):
        fault = faults.parse_fault(soap.parse(m.envelope(m.fault(detail)), None, "testing"))
        codes.append(fault.code)
    assert codes == [0xC004F050, 2150858755 if status_code is None else 0x80041001]


def test_24_an_instance_is_always_addressed_by_its_keys_which_are_read_first():
    for spec in CLASSES.values():
        for method in spec.methods.values():
            arguments = {parameter.name: None for parameter in method.parameters}
            if spec.keys:
                with pytest.raises(ValueError, match="is addressed by"):
                    Machine().invoke(Invoke(spec.name, method.name, {}, arguments))
    machine = Machine(m.items(m.fragment(Version="10.0.20348.1")), INSTALLED)
    (reading,) = machine.windows.read([Query("SoftwareLicensingService", ("Version",))])
    machine.invoke(Invoke("SoftwareLicensingService", "InstallProductKey", reading.get()[0], {"ProductKey": KEY}))
    assert machine.actions() == ["Enumerate", "InstallProductKey"]
    assert machine.selectors(1) == {"Version": "10.0.20348.1"}


def test_24_an_association_starts_from_an_instance_with_all_its_keys():
    operation = Associated(
        "MSFT_NetProtocolPortFilter", ("Protocol",), "MSFT_NetFirewallRule", {}, "MSFT_NetFirewallRuleFilterByProtocolPort"
    )
    with pytest.raises(ValueError, match="is addressed by"):
        Machine().read(operation)
