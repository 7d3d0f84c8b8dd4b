# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows import errors, wsman
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import Associated, Events, Invoke, Query, RegistryValue
from ansible_collections.activation.kms.plugins.plugin_utils._windows.soap import Reply

from tests.unit.plugins.plugin_utils._windows import messages as m
from tests.unit.plugins.plugin_utils._windows.scripted import Machine

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
SERVICES = Query("Win32_Service", ("Name", "State"))
INSTALL = Invoke("SoftwareLicensingService", "InstallProductKey", {"Version": "10.0.20348.1"}, {"ProductKey": KEY})
BUSY = m.fault(m.wsman_fault(2150859174, "quota"))
NOTHING_YET = m.fault(m.wsman_fault(2150858780), subcode="n:TimedOut")
TIMED_OUT = m.fault(m.wsman_fault(2150858793), subcode="w:TimedOut")
STALE = m.fault(m.wsman_fault(2150859258))


def operating_system(build="20348"):
    return m.items(m.fragment(BuildNumber=build))


def test_rows_come_back_typed_in_the_order_and_by_the_names_asked_for():
    machine = Machine(
        m.items(
            m.fragment(
                BuildNumber="20348",
                Caption="Windows Server",
                LocalDateTime="<Datetime>2024-01-31T10:00:00+01:00</Datetime>",
                ProductType="3",
                MUILanguages="en-US",
                CSName=None,
            )
        )
    )
    columns = ("ProductType", "CSName", "MUILanguages", "LocalDateTime", "Locale", "Caption", "BuildNumber")
    (reading,) = machine.read(Query("Win32_OperatingSystem", columns))
    assert list(reading.get()[0].items()) == [
        ("ProductType", 3),
        ("CSName", None),
        ("MUILanguages", ["en-US"]),
        ("LocalDateTime", datetime.datetime(2024, 1, 31, 9, tzinfo=datetime.UTC)),
        ("Locale", None),
        ("Caption", "Windows Server"),
        ("BuildNumber", "20348"),
    ]
    assert (
        machine.text(0, "Filter")
        == "SELECT ProductType,CSName,MUILanguages,LocalDateTime,Locale,Caption,BuildNumber FROM Win32_OperatingSystem"
    )
    assert machine.options[0]["write"] is False
    assert machine.options[0]["timeout"] == 75


def test_a_condition_is_sent_as_where():
    machine = Machine(m.items())
    machine.read(Query("Win32_Service", ("Name",), "Name = 'sppsvc'"))
    assert machine.text(0, "Filter") == "SELECT Name FROM Win32_Service WHERE Name = 'sppsvc'"


def test_pages_are_pulled_with_the_context_that_each_answer_gave():
    machine = Machine(
        m.items(m.fragment(Name="a"), context="uuid:1"),
        m.items(m.fragment(Name="b"), m.fragment(Name="c"), context="uuid:2", pull=True),
        m.items(context="uuid:3", pull=True),
        m.items(m.fragment(Name="d"), pull=True),
    )
    (reading,) = machine.read(SERVICES)
    assert [row["Name"] for row in reading.get()] == ["a", "b", "c", "d"]
    assert machine.actions() == ["Enumerate", "Pull", "Pull", "Pull"]
    assert [machine.text(i, "EnumerationContext") for i in (1, 2, 3)] == ["uuid:1", "uuid:2", "uuid:3"]
    assert len({machine.text(i, "MessageID") for i in range(4)}) == 4
    assert [o["once"] for o in machine.options] == [False, True, True, True]


def test_columns_that_this_build_lacks_are_not_asked_for_and_come_back_as_null():
    machine = Machine(operating_system("9200"), m.items(m.fragment(ID="x")))
    readings = machine.read(
        Query("Win32_OperatingSystem", ("BuildNumber",)), Query("SoftwareLicensingProduct", ("ID", "ProductKeyChannel", "VLActivationType"))
    )
    assert machine.text(1, "Filter") == "SELECT ID,VLActivationType FROM SoftwareLicensingProduct"
    assert readings[1].get() == [{"ID": "x", "ProductKeyChannel": None, "VLActivationType": None}]


def test_the_build_is_asked_for_once_and_only_when_a_column_depends_on_it():
    machine = Machine(m.items(m.fragment(ID="x")), operating_system(), m.items(), m.items())
    gated = Query("SoftwareLicensingProduct", ("ID", "ProductKeyChannel"))
    machine.read(Query("SoftwareLicensingProduct", ("ID",)), gated, gated)
    assert machine.text(1, "Filter") == "SELECT BuildNumber FROM Win32_OperatingSystem"
    assert machine.text(3, "Filter") == "SELECT ID,ProductKeyChannel FROM SoftwareLicensingProduct"


def test_a_build_that_can_not_be_learned_is_the_error_of_the_query_that_needs_it():
    machine = Machine(m.items())
    (reading,) = machine.read(Query("SoftwareLicensingProduct", ("ID", "ProductKeyChannel")))
    with pytest.raises(errors.BadReplyError, match="0 instances of Win32_OperatingSystem"):
        reading.get()


def test_firewall_rules_are_read_whole_and_only_the_columns_asked_for_kept():
    rule = m.typed("MSFT_NetFirewallRule", "root/StandardCimv2", InstanceID="SPPSVC-In-TCP", Enabled="2", Profiles="0", Other="x")
    machine = Machine(m.items(rule))
    (reading,) = machine.read(Query("MSFT_NetFirewallRule", ("InstanceID", "Enabled"), "InstanceID = 'SPPSVC-In-TCP'"))
    assert reading.get() == [{"InstanceID": "SPPSVC-In-TCP", "Enabled": 2}]
    assert machine.text(0, "Filter") == "SELECT * FROM MSFT_NetFirewallRule WHERE InstanceID = 'SPPSVC-In-TCP'"
    assert machine.text(0, "ResourceURI").endswith("/root/StandardCimv2/*")


def test_associated_rows_are_asked_for_by_the_keys_of_their_instance():
    keys = {"CreationClassName": "MSFT|FW|FirewallRule|R", "PolicyRuleName": "", "SystemCreationClassName": "", "SystemName": ""}
    machine = Machine(m.items(m.typed("MSFT_NetProtocolPortFilter", "root/StandardCimv2", Protocol="TCP", LocalPort="1688")))
    operation = Associated(
        "MSFT_NetProtocolPortFilter", ("Protocol", "LocalPort"), "MSFT_NetFirewallRule", keys, "MSFT_NetFirewallRuleFilterByProtocolPort"
    )
    (reading,) = machine.read(operation)
    assert reading.get() == [{"Protocol": "TCP", "LocalPort": ["1688"]}]
    assert machine.selectors(0) == keys


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (Query("SoftwareLicensingService", ("OA3xOriginalProductKey",)), "OA3xOriginalProductKey"),
        (Query("Win32_Nothing", ("Name",)), "Win32_Nothing"),
        (RegistryValue("X", "BackupProductKeyDefault"), "never read"),
        (RegistryValue("X", "digitalproductid", "REG_DWORD"), "never read"),
        (RegistryValue("X", "Y", "REG_BINARY"), "REG_BINARY"),
    ],
)
def test_what_is_not_in_the_classes_file_or_holds_a_key_is_refused_before_anything_is_sent(operation, words):
    with pytest.raises((LookupError, ValueError), match=words):
        Machine().read(operation)


def test_an_error_of_one_operation_does_not_keep_the_others_from_being_read():
    machine = Machine(m.fault(m.wsman_fault(5), subcode="w:AccessDenied"), m.items(m.fragment(Name="a")))
    denied, read = machine.read(SERVICES, SERVICES)
    assert isinstance(denied.error, errors.AccessDeniedError)
    assert read.get() == [{"Name": "a", "State": None}]


@pytest.mark.parametrize("error", [errors.UnreachableError, errors.LoginRefusedError, errors.RedirectedError])
def test_errors_that_end_the_conversation_are_raised(error):
    with pytest.raises(error):
        Machine(error("x", "y")).read(SERVICES)


def test_an_enumeration_that_has_nothing_yet_is_pulled_again_with_the_same_context():
    machine = Machine(m.items(context="uuid:1"), NOTHING_YET, NOTHING_YET, m.items(m.fragment(Name="a"), pull=True))
    (reading,) = machine.read(SERVICES)
    assert len(reading.get()) == 1
    assert {machine.text(i, "EnumerationContext") for i in (1, 2, 3)} == {"uuid:1"}


def test_an_enumeration_that_never_has_anything_ends_and_is_released():
    machine = Machine(m.items(m.fragment(Name="a"), context="uuid:1"), *[NOTHING_YET] * (wsman.MAX_EMPTY_WAITS + 1), "")
    (reading,) = machine.read(SERVICES)
    assert isinstance(reading.error, errors.TimedOutError)
    assert "1 row had been read" in reading.error.detail
    assert machine.actions()[-1] == "Release"


def test_a_fault_in_the_middle_says_what_had_been_read_and_gives_no_rows():
    machine = Machine(
        m.items(m.fragment(Name="a"), context="uuid:1"),
        m.items(m.fragment(Name="b"), context="uuid:2", pull=True),
        m.fault(m.wsman_fault(2150858770)),
    )
    (reading,) = machine.read(SERVICES)
    assert reading.value is None
    assert isinstance(reading.error, errors.FaultError)
    assert "2 rows had been read before and were dropped" in reading.error.line()
    assert reading.error.code == 2150858770


GONE = m.fault(m.wsman_fault(0x8033801B))


def test_an_enumeration_that_the_machine_no_longer_knows_is_begun_again_once():
    first, whole = m.items(m.fragment(Name="a"), context="uuid:1"), m.items(m.fragment(Name="a"), m.fragment(Name="b"))
    machine = Machine(first, GONE, whole)
    assert [row["Name"] for row in machine.read(SERVICES)[0].get()] == ["a", "b"]
    machine = Machine(first, GONE, first, GONE)
    with pytest.raises(errors.FaultError, match="1 row had been read before and was dropped .0x8033801B"):
        machine.read(SERVICES)[0].get()


def test_an_event_log_whose_reading_was_lost_on_the_way_is_read_again():
    record = m.fragment(
        Logfile="Application", RecordNumber="1", EventCode="12288", TimeGenerated="<Datetime>2026-11-25T08:00:00Z</Datetime>"
    )
    lost = errors.UnreachableError("reading the event log Application", "the connection was lost")
    wanted = Events("Application", (12288,), datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC))
    machine = Machine(m.items(record, context="uuid:1"), lost, m.items(record))
    assert len(machine.read(wanted)[0].get().records) == 1
    with pytest.raises(errors.UnreachableError):
        Machine(m.items(record, context="uuid:1"), lost, m.items(record, context="uuid:1"), lost).read(wanted)


def test_an_event_log_is_read_in_pages_until_enough_and_the_rest_is_released():
    def page(*numbers, context=None, pull=True):
        rows = [
            m.fragment(
                Logfile="Application",
                RecordNumber=str(n),
                EventCode="12288",
                TimeGenerated=f"<Datetime>2026-11-25T08:00:{n:02}Z</Datetime>",
            )
            for n in numbers
        ]
        return m.items(*rows, context=context, pull=pull)

    wanted = Events("Application", (12288,), datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC), limit=2)
    machine = Machine(page(9, context="uuid:1", pull=False), page(8, 7, context="uuid:2"), m.items())
    found = machine.read(wanted)[0].get()
    assert ([record.record_number for record in found.records], found.complete) == ([9, 8], False)
    assert machine.actions() == ["Enumerate", "Pull", "Release"]
    assert [machine.text(index, "MaxElements") for index in (0, 1)] == ["50", "50"]
    # In another order the newest may still be to come: everything is read.
    machine = Machine(page(1, context="uuid:1", pull=False), page(5, 2, context="uuid:2"), page(9))
    assert [record.record_number for record in machine.read(wanted)[0].get().records] == [9, 5]


def test_rubbish_in_the_middle_says_what_had_been_read_and_releases_the_enumeration():
    machine = Machine(m.items(m.fragment(Name="a"), context="uuid:1"), Reply(200, b"<html>"), "")
    (reading,) = machine.read(SERVICES)
    assert isinstance(reading.error, errors.BadReplyError)
    assert "1 row had been read" in reading.error.detail
    assert machine.actions() == ["Enumerate", "Pull", "Release"]


def test_a_failed_release_is_no_error_of_its_own():
    machine = Machine(m.items(m.fragment(Name="a"), context="uuid:1"), Reply(200, b"<html>"), errors.UnreachableError("x", "y"))
    (reading,) = machine.read(SERVICES)
    assert isinstance(reading.error, errors.BadReplyError)


def test_an_enumeration_whose_connection_was_lost_is_read_again_from_the_start():
    machine = Machine(
        m.items(m.fragment(Name="a"), context="uuid:1"),
        errors.UnreachableError("x", "lost"),
        m.items(m.fragment(Name="a"), context="uuid:2"),
        m.items(m.fragment(Name="b"), pull=True),
    )
    (reading,) = machine.read(SERVICES)
    assert [row["Name"] for row in reading.get()] == ["a", "b"]


def test_an_enumeration_that_is_lost_twice_is_an_error():
    first = m.items(m.fragment(Name="a"), context="uuid:1")
    machine = Machine(first, errors.UnreachableError("x", "lost"), first, errors.UnreachableError("x", "lost again"))
    with pytest.raises(errors.UnreachableError, match="lost again"):
        machine.read(SERVICES)


def test_an_answer_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(wsman, "MAX_PAGES", 3)
    pages = [m.items(context="uuid:1"), *[m.items(m.fragment(Name="a"), context="uuid:1", pull=True)] * 2]
    machine = Machine(*pages, "")
    (reading,) = machine.read(SERVICES)
    assert "does not end: 2 rows in 3 pages" in reading.error.detail
    assert machine.actions()[-1] == "Release"


def test_a_busy_machine_is_asked_again_after_growing_pauses():
    machine = Machine(BUSY, BUSY, m.items())
    machine.read(SERVICES)
    assert machine.pauses == [1.0, 2.0]


def test_a_machine_that_stays_busy_is_an_error_in_the_end():
    machine = Machine(*[BUSY] * (len(wsman.BUSY_PAUSES_SECONDS) + 1))
    (reading,) = machine.read(SERVICES)
    assert isinstance(reading.error, errors.BusyError)
    assert machine.pauses == list(wsman.BUSY_PAUSES_SECONDS)


def test_a_stale_session_is_replaced_once_for_a_read():
    machine = Machine(STALE, m.items())
    machine.read(SERVICES)
    assert [o["fresh"] for o in machine.options] == [False, True]
    (reading,) = Machine(STALE, STALE).read(SERVICES)
    assert isinstance(reading.error, errors.FaultError)


@pytest.mark.parametrize(("status", "words"), [(503, "WinRM service"), (404, "ansible_winrm_path"), (403, "prox")])
def test_a_page_with_an_http_status_names_the_status_and_what_to_look_at(status, words):
    (reading,) = Machine(Reply(status, b"<html>x</html>")).read(SERVICES)
    assert isinstance(reading.error, errors.BadReplyError)
    assert f"HTTP {status}" in reading.error.detail
    assert words in reading.error.next_step


def test_a_fault_with_status_400_is_a_fault():
    xml = m.envelope(m.fault(m.wsman_fault(5)))
    (reading,) = Machine(Reply(400, xml)).read(SERVICES)
    assert isinstance(reading.error, errors.AccessDeniedError)


def test_rows_that_come_with_a_bad_status_are_not_believed():
    (reading,) = Machine(Reply(500, m.envelope(m.items(m.fragment(Name="a"))))).read(SERVICES)
    assert isinstance(reading.error, errors.BadReplyError)


def test_a_value_of_another_type_names_property_and_class():
    (reading,) = Machine(m.items(m.fragment(BuildNumber="1", ProductType="three"))).read(Query("Win32_OperatingSystem", ("ProductType",)))
    assert "ProductType of Win32_OperatingSystem" in reading.error.detail


# Registry


def registry(method, **members):
    return m.output(method, "StdRegProv", **members)


@pytest.mark.parametrize(
    ("kind", "method", "members", "expected"),
    [
        ("REG_SZ", "GetStringValue", {"sValue": "text", "ReturnValue": 0}, "text"),
        ("REG_SZ", "GetStringValue", {"sValue": "", "ReturnValue": 0}, ""),
        ("REG_EXPAND_SZ", "GetExpandedStringValue", {"sValue": "C:\\X", "ReturnValue": 0}, "C:\\X"),
        ("REG_DWORD", "GetDWORDValue", {"uValue": 4294967295, "ReturnValue": 0}, 4294967295),
        ("REG_MULTI_SZ", "GetMultiStringValue", {"sValue": ["a", "b"], "ReturnValue": 0}, ["a", "b"]),
        ("REG_MULTI_SZ", "GetMultiStringValue", {"ReturnValue": 0}, []),
        ("REG_SZ", "GetStringValue", {"sValue": None, "ReturnValue": 1}, None),
        ("REG_DWORD", "GetDWORDValue", {"uValue": None, "ReturnValue": 2}, None),
    ],
)
def test_registry_values_are_read_by_kind_and_absent_ones_are_null(kind, method, members, expected):
    machine = Machine(registry(method, **members))
    (reading,) = machine.read(RegistryValue(r"SOFTWARE\X & Y", "Z", kind))
    assert reading.get() == expected
    assert machine.actions() == [method]
    assert machine.text(0, "hDefKey") == "2147483650"
    assert machine.text(0, "sSubKeyName") == r"SOFTWARE\X & Y"
    assert machine.options[0]["write"] is False
    assert machine.selectors(0) == {}


def test_registry_access_denied_and_wrong_kind_are_errors_of_their_own():
    denied, wrong = Machine(registry("GetStringValue", ReturnValue=5), registry("GetStringValue", ReturnValue=2147749893)).read(
        RegistryValue("X", "Y"), RegistryValue("X", "Y")
    )
    assert isinstance(denied.error, errors.AccessDeniedError)
    assert isinstance(wrong.error, errors.MethodFailedError)
    assert wrong.error.symbol == "WBEM_E_TYPE_MISMATCH"


@pytest.mark.parametrize("code", [0x80338000, 0x8033801A, 0x8033803B, 0x80338001])
def test_the_registry_provider_is_looked_for_in_its_other_namespace_once_and_then_known(code):
    value = registry("GetStringValue", sValue="v", ReturnValue=0)
    machine = Machine(m.fault(m.wsman_fault(code)), value, value)
    readings = machine.read(RegistryValue("X", "Y"), RegistryValue("X", "Y"))
    assert [r.get() for r in readings] == ["v", "v"]
    namespaces = [machine.text(i, "ResourceURI").partition("/wmi/")[2] for i in range(3)]
    assert namespaces == ["root/default/StdRegProv", "root/cimv2/StdRegProv", "root/cimv2/StdRegProv"]


def test_a_registry_provider_that_is_nowhere_is_an_error():
    gone = m.fault(m.wsman_fault(0x80338000), subcode="a:DestinationUnreachable")
    (reading,) = Machine(gone, gone).read(RegistryValue("X", "Y"))
    assert isinstance(reading.error, errors.NotFoundError)


# Methods


def test_a_method_is_called_once_with_selectors_and_arguments():
    machine = Machine(m.output("InstallProductKey", "SoftwareLicensingService", ReturnValue=0))
    assert machine.invoke(INSTALL) == {}
    assert machine.text(0, "ProductKey") == KEY
    assert machine.selectors(0) == {"Version": "10.0.20348.1"}
    assert machine.options[0]["write"] is True
    assert machine.options[0]["once"] is True
    assert KEY[:5] not in machine.options[0]["doing"]


def test_outputs_come_back_typed_without_the_return_value():
    machine = Machine(m.output("GetPolicyInformationDWord", "SoftwareLicensingProduct", PolicyValue=7, ReturnValue=0))
    call = Invoke("SoftwareLicensingProduct", "GetPolicyInformationDWord", {"ID": "x"}, {"PolicyName": "n"})
    assert machine.invoke(call) == {"PolicyValue": 7}


@pytest.mark.parametrize("answer", ['<p:Enable_OUTPUT xmlns:p="x"/>', m.output("Enable", "X", ReturnValue=None), ""])
def test_an_empty_output_is_success(answer):
    keys = {"CreationClassName": "R", "PolicyRuleName": "", "SystemCreationClassName": "", "SystemName": ""}
    machine = Machine(answer)
    assert machine.invoke(Invoke("MSFT_NetFirewallRule", "Enable", keys)) == {}
    assert machine.selectors(0) == keys


def test_a_return_value_other_than_zero_is_a_failed_method():
    with pytest.raises(errors.MethodFailedError) as caught:
        Machine(m.output("InstallProductKey", "X", ReturnValue=0xC004F050)).invoke(INSTALL)
    assert caught.value.code == 0xC004F050
    with pytest.raises(errors.MethodFailedError) as caught:
        Machine(m.output("InstallProductKey", "X", ReturnValue=-1073418160)).invoke(INSTALL)
    assert caught.value.code == 0xC004F050


def test_return_values_of_services_are_read_by_their_own_list():
    with pytest.raises(errors.MethodFailedError, match="Service Already Running") as caught:
        Machine(m.output("StartService", "Win32_Service", ReturnValue=10)).invoke(
            Invoke("Win32_Service", "StartService", {"Name": "sppsvc"})
        )
    assert caught.value.code == 10
    with pytest.raises(errors.AccessDeniedError):
        Machine(m.output("StopService", "Win32_Service", ReturnValue=2)).invoke(Invoke("Win32_Service", "StopService", {"Name": "sppsvc"}))
    with pytest.raises(errors.MethodFailedError, match="Cannot Accept Control"):
        Machine(m.output("StopService", "Win32_Service", ReturnValue=5)).invoke(Invoke("Win32_Service", "StopService", {"Name": "sppsvc"}))


def test_a_provider_fault_is_a_failed_method_with_the_licensing_code():
    inner = m.provider_fault(m.wsman_fault(2150858755, f"unknown error for {KEY}: HRESULT 0xc004f050"))
    with pytest.raises(errors.MethodFailedError) as caught:
        Machine(m.fault(m.wsman_fault(2150858755, inner=inner))).invoke(INSTALL)
    assert caught.value.code == 0xC004F050
    assert KEY[:5] not in caught.value.line()
    assert "InstallProductKey" in caught.value.line()


def test_a_busy_machine_is_called_again_because_nothing_was_started():
    machine = Machine(BUSY, m.output("InstallProductKey", "X", ReturnValue=0))
    machine.invoke(INSTALL)
    assert machine.pauses == [1.0]


@pytest.mark.parametrize(
    "answer",
    [
        TIMED_OUT,
        STALE,
        m.fault(m.wsman_fault(2150858755, inner=m.provider_fault(text="HRESULT 0x800706be"))),
        m.output("InstallProductKey", "X", ReturnValue=0x800706BE),
        Reply(200, b"<html>"),
        Reply(200, b""),
        Reply(400, b""),
        Reply(502, b"<html>bad gateway</html>"),
        Reply(200, m.envelope(m.output("InstallProductKey", "X", ReturnValue=0))[:-30]),
        Reply(200, m.envelope(m.output("InstallProductKey", "X", ReturnValue=0), "uuid:other")),
        Reply(500, m.envelope(m.output("InstallProductKey", "X", ReturnValue=0))),
        m.output("RefreshLicenseStatus", "X", ReturnValue=0),
        m.output("InstallProductKey", "X", ReturnValue="what"),
        errors.OutcomeUnknownError("x", "y"),
    ],
)
def test_a_call_without_a_clear_answer_has_an_unknown_outcome_and_is_not_repeated(answer):
    machine = Machine(answer)
    with pytest.raises(errors.OutcomeUnknownError):
        machine.invoke(INSTALL)
    assert len(machine.sent) == 1


def test_done_but_too_large_to_report_is_success():
    assert Machine(m.fault(m.wsman_fault(0x8033804D))).invoke(INSTALL) == {}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Invoke("SoftwareLicensingService", "InstallProductKey", {"Version": "1"}, {"Key": KEY}), "no parameter Key"),
        (Invoke("SoftwareLicensingService", "Explode"), "Explode"),
        (Invoke("SoftwareLicensingService", "RefreshLicenseStatus", {"Name": "1"}), "addressed by Version"),
        (Invoke("SoftwareLicensingService", "SetKeyManagementServicePort", {"Version": "1"}, {"PortNumber": -1}), "uint32"),
        (Invoke("SoftwareLicensingService", "InstallProductKey", {"Version": "1"}, {"ProductKey": KEY + "\x00"}), "XML"),
    ],
)
def test_a_call_that_does_not_fit_its_class_is_refused_before_anything_is_sent(call, words):
    with pytest.raises((LookupError, ValueError), match=words) as caught:
        Machine().invoke(call)
    assert KEY not in str(caught.value)


def test_the_whole_chain_of_an_error_holds_no_key():
    inner = m.wsman_fault(2150858755, f"The key {KEY.lower().replace('-', '')} is bad")
    with pytest.raises(errors.MethodFailedError) as caught:
        Machine(m.fault(inner)).invoke(INSTALL)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert "labhkzeroa" not in repr(error).lower() + error.line().lower() + str(error.as_result()).lower()
