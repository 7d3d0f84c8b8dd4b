# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the powershell backend asks the module on the machine for, and what it makes of the answers. The module itself is a function here."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows import errors
from ansible_collections.activation.kms.plugins.plugin_utils._windows.interface import (
    Associated,
    Connect,
    EventLogFacts,
    EventLogState,
    EventRecord,
    EventRecords,
    Events,
    Invoke,
    Query,
    RegistryValue,
    Resolve,
)
from ansible_collections.activation.kms.plugins.plugin_utils._windows.powershell import PowerShellWindows, fault_of

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
SERVICES = Query("Win32_Service", ("Name", "State"), "Name = 'sppsvc'")
INSTALL = Invoke("SoftwareLicensingService", "InstallProductKey", {"Version": "10.0.20348.1"}, {"ProductKey": KEY})
CIM_EXCEPTION = "Microsoft.Management.Infrastructure.CimException"


class Machine:
    """Answers runs from a script, fails on any that is not in it, and keeps what it was asked."""

    def __init__(self, *answers, build=None):
        self.answers = list(answers)
        self.build = build
        self.runs = []
        self.windows = PowerShellWindows(self.run)

    def run(self, arguments, *, doing, write):
        assert self.answers, f"nobody expected a run for {doing}"
        self.runs.append((arguments, doing, write))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, dict) else {"build": self.build, "results": answer}

    def read(self, *operations):
        return self.windows.read(operations)

    def asked(self, run=0):
        return self.runs[run][0]["operations"]


def failed(**said):
    return {"error": {"message": "", "error_id": "", "message_id": "", "type": CIM_EXCEPTION, "hresult": "-2146233088", **said}}


def test_a_list_of_reads_is_one_run_and_every_text_in_it_is_marked():
    machine = Machine(
        [{"rows": [{"Name": ["sppsvc"], "State": ["Running"]}]}, {"outputs": {"ReturnValue": ["0"], "sValue": ["corp.example"]}}]
    )
    services, domain = machine.read(SERVICES, RegistryValue("SYSTEM\\Tcpip", "Domain"))
    assert services.get() == [{"Name": "sppsvc", "State": "Running"}]
    assert domain.get() == "corp.example"
    ((arguments, doing, write),) = machine.runs
    assert (doing, write) == ("reading Win32_Service and 1 more", False)
    assert arguments == {
        "timeout_seconds": 60,
        "operations": [
            {
                "query": {
                    "namespace": "root/cimv2",
                    "columns": ["Name", "State"],
                    "wql": [{"since": 0, "text": "=SELECT Name,State FROM Win32_Service WHERE Name = 'sppsvc'"}],
                }
            },
            {
                "call": {
                    "namespace": "root/default",
                    "cim_class": "StdRegProv",
                    "method": "GetStringValue",
                    "keys": [],
                    "arguments": [
                        {"name": "hDefKey", "type": "uint32", "texts": ["=2147483650"]},
                        {"name": "sSubKeyName", "type": "string", "texts": ["=SYSTEM\\Tcpip"]},
                        {"name": "sValueName", "type": "string", "texts": ["=Domain"]},
                    ],
                    "outputs": ["sValue"],
                    "writes": False,
                }
            },
        ],
    }


def test_nothing_to_read_is_no_run():
    assert Machine().read() == []


def test_a_query_whose_columns_depend_on_the_build_is_sent_in_one_form_for_each_range():
    query = Query(
        "SoftwareLicensingService", ("Version", "KeyManagementServiceLookupDomain", "DiscoveredKeyManagementServiceMachineIpAddress")
    )
    machine = Machine([{"rows": [{"Version": ["6.2"], "KeyManagementServiceLookupDomain": ["corp.example"]}]}], build=9200)
    row = {"Version": "6.2", "KeyManagementServiceLookupDomain": "corp.example", "DiscoveredKeyManagementServiceMachineIpAddress": None}
    assert machine.read(query)[0].get() == [row]
    service = " FROM SoftwareLicensingService"
    assert machine.asked()[0]["query"]["wql"] == [
        {"since": 0, "text": f"=SELECT Version{service}"},
        {"since": 9200, "text": f"=SELECT Version,KeyManagementServiceLookupDomain{service}"},
        {
            "since": 9600,
            "text": f"=SELECT Version,KeyManagementServiceLookupDomain,DiscoveredKeyManagementServiceMachineIpAddress{service}",
        },
    ]


def test_an_association_is_asked_for_by_the_keys_of_its_instance():
    operation = Associated(
        "MSFT_NetProtocolPortFilter",
        ("Protocol", "LocalPort"),
        "Win32_Service",
        {"Name": "sppsvc"},
        "MSFT_NetFirewallRuleFilterByProtocolPort",
    )
    machine = Machine([{"rows": [{"Protocol": ["TCP"], "LocalPort": ["1688"]}]}])
    assert machine.read(operation)[0].get() == [{"Protocol": "TCP", "LocalPort": ["1688"]}]
    assert machine.asked()[0]["associated"]["keys"] == [{"name": "Name", "text": "=sppsvc"}]


@pytest.mark.parametrize(("outputs", "value"), [({"ReturnValue": ["1"]}, None), ({"ReturnValue": ["0"], "sValue": []}, [])])
def test_a_registry_value_that_is_not_there_is_none_and_an_empty_list_is_one(outputs, value):
    machine = Machine([{"outputs": outputs}])
    assert machine.read(RegistryValue("SOFTWARE", "Domains", "REG_MULTI_SZ"))[0].get() == value


def test_events_are_found_by_an_xpath_and_come_back_newest_first():
    since = datetime.datetime(2026, 11, 24, 8, 0, 0, 250000, datetime.timezone(datetime.timedelta(hours=1)))
    record = {
        "Logfile": ["Application"],
        "SourceName": ["Microsoft-Windows-Security-SPP"],
        "EventCode": ["12288"],
        "InsertionStrings": ["a", "b"],
    }
    older = record | {"RecordNumber": ["7"], "TimeGenerated": ["2026-11-24T09:00:00.000000Z"]}
    newer = record | {"RecordNumber": ["9"], "TimeGenerated": ["2026-11-24T10:00:00.000000Z"]}
    machine = Machine([{"rows": [older, newer], "complete": True}])
    (reading,) = machine.read(Events("Application", (12288, 12289), since, limit=2))
    times = [datetime.datetime(2026, 11, 24, hour, tzinfo=datetime.UTC) for hour in (10, 9)]
    assert reading.get() == EventRecords(
        tuple(
            EventRecord("Application", number, 12288, "Microsoft-Windows-Security-SPP", when, ("a", "b"))
            for number, when in zip((9, 7), times, strict=True)
        ),
        complete=True,
    )
    xpath = "=*[System[(EventID=12288 or EventID=12289) and TimeCreated[@SystemTime>='2026-11-24T07:00:00.250Z']]]"
    names = {"event_ids": [12288, 12289], "shared_ids": [], "sources": []}
    assert machine.asked() == [{"events": {"log": "=Application", "xpath": xpath, "limit": 2, "budget_seconds": 20.0, **names}}]


def test_a_whole_log_is_never_asked_for():
    with pytest.raises(ValueError, match="no event ids are named for the log Application"):
        Machine().read(Events("Application", (), datetime.datetime.now(datetime.UTC)))


def test_records_that_were_left_out_make_a_reading_incomplete():
    machine = Machine([{"rows": [], "complete": False}])
    assert machine.read(Events("Application", (12288,), datetime.datetime.now(datetime.UTC)))[0].get().complete is False


def test_records_that_only_a_range_brought_along_and_those_of_other_programs_are_dropped():
    def record(event_id, source, number):
        return {
            "Logfile": ["Application"],
            "SourceName": [source],
            "EventCode": [str(event_id)],
            "RecordNumber": [str(number)],
            "TimeGenerated": ["2026-11-24T09:00:00.000000Z"],
            "ComputerName": ["pc01.corp.example"],
        }

    rows = [record(1033, "MsiInstaller", 4), record(1033, "SOFTWARE Protection", 3), record(1034, "x", 2), record(12288, "x", 1)]
    machine = Machine([{"rows": rows, "complete": True}])
    wanted = Events("Application", (1033, 12288), datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC), shared_ids=(1033,))
    wanted = dataclasses.replace(wanted, sources=("Software Protection",))
    found = machine.read(wanted)[0].get().records
    assert [(one.record_number, one.computer) for one in found] == [(3, "pc01.corp.example"), (1, "pc01.corp.example")]
    asked = machine.asked()[0]["events"]
    assert (asked["event_ids"], asked["shared_ids"], asked["sources"]) == ([1033, 12288], [1033], ["=Software Protection"])


def test_the_state_of_a_log_is_one_row_or_nothing_where_there_is_no_such_log():
    row = {
        "enabled": ["true"],
        "mode": ["Circular"],
        "size_reached": ["false"],
        "file_bytes": ["8589934592"],
        "maximum_bytes": ["17179869184"],
        "records": ["3"],
        "oldest_number": ["17"],
        "oldest_at": ["2026-11-24T09:00:00.000000Z"],
    }
    machine = Machine([{"rows": [row]}, {"rows": []}, {"rows": [{"enabled": ["perhaps"]}]}, failed(hresult=str(0x80070005))])
    there, gone, odd, denied = machine.read(*(EventLogState(name) for name in ("Application", "Nowhere", "Odd", "Closed")))
    oldest = datetime.datetime(2026, 11, 24, 9, tzinfo=datetime.UTC)
    # More than 32 bits: a log may be larger than 4 GiB.
    assert there.get() == EventLogFacts("Application", True, "Circular", False, 2**33, 2**34, 3, 17, oldest)
    assert gone.get() is None
    with pytest.raises(errors.BadReplyError, match="reading the state of the event log Odd: .*boolean"):
        odd.get()
    with pytest.raises(errors.AccessDeniedError, match="reading the state of the event log Closed"):
        denied.get()
    assert machine.asked()[0] == {"log_state": {"log": "=Application"}}


def test_dns_records_are_rows_with_what_their_type_has():
    srv = {
        "Name": ["_vlmcs._tcp.corp.example"],
        "Type": ["SRV"],
        "TTL": ["3600"],
        "NameTarget": ["kms01.corp.example"],
        "Port": ["1688"],
        "Priority": ["0"],
        "Weight": ["10"],
    }
    address = {"Name": ["kms01.corp.example"], "Type": ["A"], "TTL": ["60"], "IPAddress": ["192.0.2.1"]}
    alias = {"Name": ["kms"], "Type": ["CNAME"], "TTL": ["60"], "NameHost": ["kms01.corp.example"]}
    machine = Machine([{"rows": [srv]}, {"rows": [address]}, {"rows": [alias]}])
    found = machine.read(Resolve("_vlmcs._tcp.corp.example", "SRV"), Resolve("kms01.corp.example", "A"), Resolve("kms", "CNAME"))
    assert [reading.get() for reading in found] == [
        [
            {
                "name": "_vlmcs._tcp.corp.example",
                "type": "SRV",
                "ttl": 3600,
                "target": "kms01.corp.example",
                "port": 1688,
                "priority": 0,
                "weight": 10,
            }
        ],
        [{"name": "kms01.corp.example", "type": "A", "ttl": 60, "address": "192.0.2.1"}],
        [{"name": "kms", "type": "CNAME", "ttl": 60, "target": "kms01.corp.example"}],
    ]


def test_a_name_without_such_records_is_an_answer_and_a_name_that_does_not_exist_is_an_error():
    native = {"type": "System.ComponentModel.Win32Exception"}
    machine = Machine([failed(native_code="9501", **native), failed(native_code="9003", message="DNS name does not exist", **native)])
    none, unknown = machine.read(Resolve("kms01.corp.example", "SRV"), Resolve("nowhere.example", "A"))
    assert none.get() == []
    with pytest.raises(errors.NotFoundError, match=r"resolving nowhere.example \(A\) on the machine: the name does not exist \(0x0000232B"):
        unknown.get()


def test_a_connection_attempt_is_one_row():
    row = {"address": ["192.0.2.1"], "outcome": ["refused"], "code": ["10061"], "milliseconds": ["12"]}
    machine = Machine([{"rows": [row]}])
    assert machine.read(Connect("kms01.corp.example", 1688, 3))[0].get() == {
        "outcome": "refused",
        "address": "192.0.2.1",
        "code": 10061,
        "milliseconds": 12,
    }
    assert machine.asked() == [{"connect": {"host": "=kms01.corp.example", "port": 1688, "timeout_seconds": 3}}]


def test_an_error_of_one_operation_is_in_its_reading_and_the_others_have_values():
    denied = failed(native_code="2", error_code=str(0x80041003), cim_status="2", message="Zugriff verweigert")
    machine = Machine([denied, {"rows": [{"Name": ["sppsvc"], "State": ["Running"]}]}])
    first, second = machine.read(SERVICES, SERVICES)
    with pytest.raises(
        errors.AccessDeniedError,
        match="reading Win32_Service: Zugriff verweigert .0x80041003 WBEM_E_ACCESS_DENIED.*LocalAccountTokenFilterPolicy",
    ):
        first.get()
    assert second.get()


@pytest.mark.parametrize(
    ("said", "code", "status"),
    [
        ({"error_code": str(0xC004F069), "message_id": "HRESULT 0x80041001"}, 0xC004F069, None),
        ({"message_id": "HRESULT 0xc004f069", "native_code": "1"}, 0xC004F069, 1),
        (
            {"error_id": "HRESULT 0x80041010,Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand", "native_code": "5"},
            0x80041010,
            5,
        ),
        ({"hresult": "-1073418135"}, 0xC004F069, None),
        ({"message": "A general error occurred. HRESULT 0xc004f069 ", "message_id": "MI RESULT 1", "cim_status": "1"}, 0xC004F069, 1),
        ({"hresult": "-2146233088", "native_code": "3"}, None, 3),
        ({"hresult": "-2147467259", "type": "System.ComponentModel.Win32Exception", "native_code": "9002"}, 9002, None),
        ({"error_code": "0", "cim_status": "6"}, None, 6),
        ({}, None, None),
    ],
)
def test_the_code_that_says_most_is_taken_from_an_error(said, code, status):
    fault = fault_of(failed(**said)["error"])
    assert (fault.code, fault.cim_status) == (code, status)


def test_a_call_is_one_run_that_may_write_and_carries_its_key_beside_it():
    machine = Machine([{"outputs": {"ReturnValue": ["0"]}}])
    assert machine.windows.invoke(INSTALL) == {}
    ((arguments, doing, write),) = machine.runs
    assert write is True
    assert doing == "calling InstallProductKey of SoftwareLicensingService (Version=10.0.20348.1)"
    assert arguments["secrets"] == [{"name": "ProductKey", "value": KEY}]
    # Ansible's debugging output prints options by their repr.
    assert KEY not in f"{arguments}"
    assert arguments["operations"] == [
        {
            "call": {
                "namespace": "root/cimv2",
                "cim_class": "SoftwareLicensingService",
                "method": "InstallProductKey",
                "keys": [{"name": "Version", "text": "=10.0.20348.1"}],
                "arguments": [{"name": "ProductKey", "type": "string", "secret": "ProductKey"}],
                "outputs": [],
                "writes": True,
            }
        }
    ]


def test_the_machines_word_that_a_call_failed_has_its_code_and_meaning_and_no_key():
    machine = Machine([failed(message_id="HRESULT 0xc004f050", message=f"The product key {KEY} is invalid", native_code="1")])
    with pytest.raises(errors.MethodFailedError) as caught:
        machine.windows.invoke(INSTALL)
    assert caught.value.symbol == "SL_E_INVALID_PRODUCT_KEY"
    assert caught.value.code == 0xC004F050
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"results": []},
        {"results": [{"skipped": True}]},
        {"results": [{"outputs": {"ReturnValue": ["zero"]}}]},
        {"results": [{"outputs": {"ReturnValue": "0"}}]},
        {"results": [{"outputs": None}]},
        {"results": [failed(error_code=str(0x800706BE))]},
        {"results": [failed(error_code=str(0x80338029))]},
        {},
    ],
)
def test_an_answer_that_leaves_a_call_open_is_unknown_and_never_asked_for_again(answer):
    machine = Machine(answer)
    with pytest.raises(errors.OutcomeUnknownError, match="Next: read the state of the machine before doing anything again"):
        machine.windows.invoke(INSTALL)
    assert len(machine.runs) == 1


def test_a_return_value_is_named_by_the_classs_own_table():
    machine = Machine([{"outputs": {"ReturnValue": ["14"]}}])
    with pytest.raises(errors.MethodFailedError, match="the method returned 14 .0x0000000E Service Disabled"):
        machine.windows.invoke(Invoke("Win32_Service", "StartService", {"Name": "sppsvc"}))


@pytest.mark.parametrize(
    "result", [{"rows": "none"}, {"rows": ["none"]}, {"rows": [{"Name": "sppsvc"}]}, {"rows": None}, {"rows": [{"State": ["a", "b"]}]}]
)
def test_an_answer_that_is_no_answer_is_an_error_of_its_operation(result):
    machine = Machine([result])
    with pytest.raises(errors.BadReplyError, match="reading Win32_Service"):
        machine.read(SERVICES)[0].get()


def test_characters_that_xml_does_not_carry_are_left_out_as_over_the_other_backend():
    machine = Machine([{"rows": [{"Name": ["spp\x00svc\ufffe"], "State": ["L\u00e4uft \U0001f600"]}]}])
    assert machine.read(SERVICES)[0].get() == [{"Name": "sppsvc", "State": "L\u00e4uft \U0001f600"}]


@pytest.mark.parametrize("error", [errors.UnreachableError("reading", "gone"), errors.LoginRefusedError("reading", "refused")])
def test_what_ends_the_conversation_is_raised(error):
    with pytest.raises(type(error)):
        Machine(error).read(SERVICES)
