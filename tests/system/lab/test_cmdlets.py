# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in cmdlets in a real PowerShell process on a simulated machine. A process costs a second, so each test asks for many things at once."""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import typing as t

import pytest

from tests.lab import engine
from tests.lab.client import LabClient

from .conftest import UNKNOWN_KEY, Windows

pytestmark = pytest.mark.powershell

Json = dict[str, t.Any]

# Say(NAME, VALUE) keeps a value for the test; Attempt(NAME, BLOCK) keeps what an error says of itself; both come out as one JSON object at the end.
_PROLOGUE = r"""
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$said = [ordered] @{}
function Say($Name, $Value) { $said[$Name] = $Value }
function Attempt($Name, [scriptblock] $Block) {
    try { $said[$Name] = @{ value = . $Block; failed = $false } }
    catch {
        $e = $_.Exception
        $member = { param($of, $name) if ($null -ne $of -and $null -ne $of.PSObject.Properties[$name]) { $of.PSObject.Properties[$name].Value } }
        $data = & $member $e 'ErrorData'
        $said[$Name] = @{
            failed = $true
            id = $_.FullyQualifiedErrorId
            category = [string] $_.CategoryInfo.Category
            activity = $_.CategoryInfo.Activity
            target = $_.CategoryInfo.TargetName
            type = $e.GetType().FullName
            message = $e.Message
            hresult = '0x{0:X8}' -f $e.HResult
            native = [string] (& $member $e 'NativeErrorCode')
            status = & $member $e 'StatusCode'
            message_id = & $member $e 'MessageId'
            code = if ($null -ne $data) { '0x{0:X8}' -f $data.CimInstanceProperties['error_Code'].Value }
            cim_status = if ($null -ne $data) { $data.CIMStatusCode }
        }
    }
}
"""
_EPILOGUE = "\n[Console]::Out.Write((ConvertTo-Json $said -Depth 6 -Compress))\n"


class Shell(t.Protocol):
    def __call__(self, lab: LabClient, machine: str, script: str, **more: str) -> Json:
        """Run a script on a machine and return what it said."""
        ...


@pytest.fixture
def shell(tmp_path: pathlib.Path) -> Shell:
    def run(lab: LabClient, machine: str, script: str, **more: str) -> Json:
        process = start(lab, machine, script, tmp_path, **more)
        assert process.returncode == 0, process.stdout + process.stderr
        return t.cast(Json, json.loads(process.stdout))

    return run


def start(lab: LabClient, machine: str, script: str, folder: pathlib.Path, **more: str) -> subprocess.CompletedProcess[str]:
    found = engine.find()
    assert found is not None
    place = lab.workplace(machine)
    file = folder / "script.ps1"
    file.write_text(_PROLOGUE + script + _EPILOGUE, encoding="utf-8")
    return subprocess.run(
        [str(found.executable), "-NoProfile", "-NonInteractive", "-File", str(file)],
        env=place["environment"] | more,
        cwd=place["folder"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def secrets(lab: LabClient, *machines: str) -> str:
    return json.dumps({name: lab.workplace(name)["environment"]["KMS_LAB_BRIDGE_SECRET"] for name in machines})


def test_rows_have_the_columns_and_net_types_of_windows(lab: LabClient, shell: Shell, windows: type[Windows]) -> None:
    said = shell(
        lab,
        "pc01",
        r"""
        $wql = 'SELECT Name, LicenseStatus, EvaluationEndDate FROM SoftwareLicensingProduct WHERE PartialProductKey IS NOT NULL'
        $row = Get-CimInstance -Namespace root/cimv2 -Query $wql -OperationTimeoutSec 20
        $system = Get-CimInstance -ClassName Win32_OperatingSystem -Property MUILanguages, CurrentTimeZone, OSType, Primary, LocalDateTime
        Say id $row.ID
        Say types @(
            $row.LicenseStatus, $row.EvaluationEndDate, $row.Name, $system.MUILanguages, $system.CurrentTimeZone, $system.OSType, $system.Primary,
            (Get-CimInstance Win32_OperatingSystem).TotalVisibleMemorySize | ForEach-Object { $_.GetType().Name }
        )
        Say languages $system.MUILanguages
        Say array $system.MUILanguages.GetType().FullName
        Say kind ([string] $row.EvaluationEndDate.Kind)
        Say date $row.EvaluationEndDate.ToUniversalTime().ToString('o')
        Say unasked ($null -eq $row.PSObject.Properties['Description'].Value)
        Say there ($null -ne $row.PSObject.Properties['Description'])
        Say column $row.CimInstanceProperties['LicenseStatus'].Value
        Say class $row.CimClass.CimClassName
        Say key @($row.CimClass.CimClassProperties | Where-Object Flags -Like '*Key*' | ForEach-Object { $_.Name })
        Say names $row.PSObject.TypeNames[0]
        Say alike ((Get-CimInstance -InputObject $row).ID -eq $row.ID)
        Say filtered @(Get-CimInstance SoftwareLicensingProduct -Filter 'PartialProductKey IS NOT NULL').Count
        Say none @(Get-CimInstance SoftwareLicensingProduct -Filter "ID='nothing'").Count
        $rule = Get-CimInstance -Namespace root/StandardCimv2 -Query "SELECT * FROM MSFT_NetFirewallRule WHERE InstanceID='SPPSVC-In-TCP'"
        $ports = Get-CimAssociatedInstance -InputObject $rule -Association MSFT_NetFirewallRuleFilterByProtocolPort -ResultClassName MSFT_NetProtocolPortFilter
        Say ports $ports.LocalPort
        """,
    )
    over_wsman = windows(lab, "pc01").query(
        "SELECT ID, LicenseStatus, EvaluationEndDate FROM SoftwareLicensingProduct WHERE PartialProductKey IS NOT NULL"
    )
    assert said["id"] == over_wsman.texts("ID")[0]
    assert said["date"].startswith(over_wsman.texts("Datetime")[0].removesuffix("Z"))
    assert said["types"][:3] == ["UInt32", "DateTime", "String"]
    assert said["types"][4:] == ["Int16", "UInt16", "Boolean", "UInt64"]
    assert (said["array"], said["languages"]) == ("System.String[]", ["en-US"])
    assert (said["kind"], said["unasked"], said["there"]) == ("Local", True, True)
    assert str(said["column"]) == over_wsman.texts("LicenseStatus")[0]
    assert (said["class"], said["key"]) == ("SoftwareLicensingProduct", ["ID"])
    assert said["names"] == "Microsoft.Management.Infrastructure.CimInstance#root/cimv2/SoftwareLicensingProduct"
    assert (said["alike"], said["filtered"], said["none"], said["ports"]) == (True, 1, 0, ["1688"])


def test_methods_are_called_and_logged_like_those_over_wsman(fresh_lab: LabClient, shell: Shell) -> None:
    said = shell(
        fresh_lab,
        "pc01",
        r"""
        $version = (Get-CimInstance -Query 'SELECT Version FROM SoftwareLicensingService').Version
        $service = New-CimInstance -ClientOnly -Namespace root/cimv2 -ClassName SoftwareLicensingService -Key @('Version') -Property @{ Version = $version }
        $port = @{ PortNumber = [uint32] 1700 }
        $result = Invoke-CimMethod -InputObject $service -MethodName SetKeyManagementServicePort -Arguments $port -OperationTimeoutSec 20
        Say value $result.ReturnValue
        Say type $result.ReturnValue.GetType().Name
        Say port (Get-CimInstance -Query 'SELECT KeyManagementServicePort FROM SoftwareLicensingService').KeyManagementServicePort
        $where = @{ hDefKey = [uint32] 2147483650; sSubKeyName = 'SOFTWARE\Test' }
        function Registry($Method, $More = @{}) {
            Invoke-CimMethod -Namespace root/default -ClassName StdRegProv -MethodName $Method -Arguments ($where + $More)
        }
        $null = Registry CreateKey
        $null = Registry SetMultiStringValue @{ sValueName = 'Several'; sValue = [string[]] ('a', '2026-01-01T00:00:00Z') }
        $null = Registry SetBinaryValue @{ sValueName = 'Bytes'; uValue = [byte[]] (0, 255) }
        Say several (Registry GetMultiStringValue @{ sValueName = 'Several' }).sValue
        Say bytes (Registry GetBinaryValue @{ sValueName = 'Bytes' }).uValue
        Say missing (Registry GetStringValue @{ sValueName = 'None' }).ReturnValue
        Say nothing ($null -eq (Registry EnumKey).sNames)
        """,
    )
    assert (said["value"], said["type"], said["port"]) == (0, "UInt32", 1700)
    assert (said["several"], said["bytes"], said["missing"], said["nothing"]) == (["a", "2026-01-01T00:00:00Z"], [0, 255], 1, True)
    calls = [call for call in fresh_lab.calls("pc01") if call["operation"] == "Invoke"]
    assert {(call["via"], call["status"], call["executed"], call["scheme"]) for call in calls} == {("powershell", 200, True, "local")}
    first = calls[0]
    assert (first["cim_class"], first["method"], first["arguments"]) == (
        "SoftwareLicensingService",
        "SetKeyManagementServicePort",
        {"PortNumber": "1700"},
    )


def test_errors_are_those_of_the_cim_cmdlets(lab: LabClient, shell: Shell) -> None:
    lab.change("pc02", access_denied=["root/standardcimv2"])
    said = shell(
        lab,
        "pc02",
        r"""
        Attempt class { Get-CimInstance -ClassName Nothing }
        Attempt class_by_query { Get-CimInstance -Query 'SELECT * FROM Nothing' }
        Attempt namespace { Get-CimInstance -Namespace root/nothing -ClassName Nothing }
        Attempt column { Get-CimInstance -Query 'SELECT Nothing FROM SoftwareLicensingService' }
        Attempt syntax { Get-CimInstance -Query 'SELECT * FROM SoftwareLicensingService ORDER BY Version' }
        Attempt denied { Get-CimInstance -Namespace root/StandardCimv2 -ClassName MSFT_NetFirewallRule }
        $service = Get-CimInstance SoftwareLicensingService
        $bare = New-CimInstance -ClientOnly -ClassName SoftwareLicensingService -Key Version -Property @{ Version = $service.Version }
        Attempt type { Invoke-CimMethod -InputObject $bare -MethodName SetKeyManagementServicePort -Arguments @{ PortNumber = 1700 } }
        Attempt method { Invoke-CimMethod -InputObject $bare -MethodName Nothing }
        Attempt parameter { Invoke-CimMethod -InputObject $bare -MethodName SetKeyManagementServicePort -Arguments @{ Nothing = 1 } }
        Attempt instance {
            $gone = New-CimInstance -ClientOnly -ClassName SoftwareLicensingService -Key Version -Property @{ Version = '0' }
            Invoke-CimMethod -InputObject $gone -MethodName RefreshLicenseStatus
        }
        $ErrorActionPreference = 'Continue'
        $all = @(Get-CimInstance -ClassName Nothing 2>&1)
        Say quiet @(Get-CimInstance -ClassName Nothing -ErrorAction SilentlyContinue).Count
        Say written $all[0].GetType().Name
        $caught = 'no'
        try { Get-CimInstance -ClassName Nothing -ErrorAction Stop } catch [Microsoft.Management.Infrastructure.CimException] { $caught = 'yes' }
        Say caught $caught
        """,
    )
    lab.change("pc02", access_denied=[])
    get, invoke = (f"Microsoft.Management.Infrastructure.CimCmdlets.{name}Command" for name in ("GetCimInstance", "InvokeCimMethod"))
    expected = {
        "class": ("0x80041010", get, "MetadataError", "InvalidClass", 5, "Invalid class"),
        "class_by_query": ("0x80041010", get, "MetadataError", "InvalidClass", 5, "Invalid class"),
        "namespace": ("0x8004100e", get, "MetadataError", "InvalidNamespace", 3, "Invalid namespace"),
        "column": ("0x80041017", get, "InvalidArgument", "InvalidQuery", 15, "Invalid query"),
        "syntax": ("0x80041017", get, "InvalidArgument", "InvalidQuery", 15, "Invalid query"),
        "denied": ("0x80041003", get, "PermissionDenied", "AccessDenied", 2, "Access denied"),
        "type": ("0x80041005", invoke, "InvalidType", "TypeMismatch", 13, "Type mismatch"),
        "method": ("0x8004102e", invoke, "MetadataError", "MethodNotFound", 17, "Invalid method"),
        "parameter": ("0x8004102f", invoke, "InvalidArgument", "InvalidParameter", 4, "Invalid method Parameter(s)"),
        "instance": ("0x80041002", invoke, "ObjectNotFound", "NotFound", 6, "Not found"),
    }
    for name, (code, cmdlet, category, native, status, message) in expected.items():
        error = said[name]
        assert error["id"] == f"HRESULT {code},{cmdlet}", name
        assert (error["message_id"], error["code"].lower()) == (f"HRESULT {code}", code), name
        assert (error["category"], error["native"], error["message"]) == (category, native, message), name
        assert error["status"] == error["cim_status"] == status, name
        assert error["type"] == "Microsoft.Management.Infrastructure.CimException", name
        assert error["hresult"] == "0x80131500", name
    assert said["class"]["target"] == "root/cimv2:Nothing"
    assert said["class"]["activity"] == "Get-CimInstance"
    assert said["method"]["target"].startswith('SoftwareLicensingService (Version = "')
    assert (said["quiet"], said["written"], said["caught"]) == (0, "ErrorRecord", "yes")


def test_an_hresult_of_the_licensing_service_comes_in_each_form_that_a_machine_is_set_to(lab: LabClient, shell: Shell) -> None:
    forms = {"pc01": "error_code", "pc02": "message_id", "pc03": "hresult", "tls01": "text", "odd01": "return_value"}
    for machine, form in forms.items():
        lab.change(machine, cmdlet_error_form=form)
    said = shell(
        lab,
        "pc01",
        r"""
        $secrets = ConvertFrom-Json $env:SECRETS
        foreach ($machine in $secrets.PSObject.Properties) {
            $env:KMS_LAB_BRIDGE_SECRET = $machine.Value
            $service = Get-CimInstance SoftwareLicensingService
            Attempt $machine.Name { (Invoke-CimMethod -InputObject $service -MethodName InstallProductKey -Arguments @{ ProductKey = $env:KEY }).ReturnValue }
        }
        """,
        SECRETS=secrets(lab, *forms),
        KEY=UNKNOWN_KEY,
    )
    for machine in forms:
        lab.change(machine, cmdlet_error_form="error_code")
    command = "Microsoft.Management.Infrastructure.CimCmdlets.InvokeCimMethodCommand"
    named = f"HRESULT 0xc004f050,{command}"
    assert {machine: error["failed"] for machine, error in said.items()} == {machine: machine != "odd01" for machine in forms}
    assert said["odd01"]["value"] == 0xC004F050
    assert (said["pc01"]["id"], said["pc01"]["code"], said["pc01"]["hresult"]) == (named, "0xC004F050", "0x80131500")
    assert (said["pc02"]["id"], said["pc02"]["code"]) == (named, "0x00000000")
    assert (said["pc03"]["id"], said["pc03"]["hresult"], said["pc03"]["code"]) == (f"MiClientApiError_Failed,{command}", "0xC004F050", None)
    assert said["tls01"]["id"] == f"MI RESULT 1,{command}"
    assert "HRESULT 0xc004f050" in said["tls01"]["message"]
    assert {error["category"] for error in said.values() if error["failed"]} == {"NotSpecified"}
    # No key in the log, and none in an error.
    assert UNKNOWN_KEY not in json.dumps(lab.calls()) + json.dumps(said)


def test_faults_on_demand_reach_the_cmdlets(fresh_lab: LabClient, shell: Shell, tmp_path: pathlib.Path) -> None:
    install = r"""
        $service = Get-CimInstance SoftwareLicensingService
        Attempt refresh { (Invoke-CimMethod -InputObject $service -MethodName RefreshLicenseStatus).ReturnValue }
        Attempt slow { (Invoke-CimMethod -InputObject $service -MethodName ClearKeyManagementServicePort -OperationTimeoutSec 1).ReturnValue }
        Attempt after { (Get-CimInstance SoftwareLicensingService).Version }
    """
    fresh_lab.fault("fault", "pc01", operation="Invoke", method="RefreshLicenseStatus", hresult=0xC004D301)
    fresh_lab.fault("hang", "pc01", operation="Invoke", method="ClearKeyManagementServicePort", seconds=2)
    # What can only be done to HTTP passes a cmdlet by.
    fresh_lab.fault("malformed", "pc01")
    said = shell(fresh_lab, "pc01", install)
    assert said["refresh"]["code"] == "0xC004D301"
    assert said["slow"]["id"].startswith("HRESULT 0x80041069,")
    assert said["after"]["failed"] is False
    fresh_lab.clear_faults()

    setting = r"""
        $service = Get-CimInstance SoftwareLicensingService
        $null = Invoke-CimMethod -InputObject $service -MethodName SetKeyManagementServicePort -Arguments @{ PortNumber = [uint32] 1999 }
    """
    for action, port in (("cut_before", None), ("cut_after", "1999")):
        after = max(call["number"] for call in fresh_lab.calls())
        fresh_lab.fault(action, "pc01", operation="Invoke", via="powershell")
        process = start(fresh_lab, "pc01", setting, tmp_path)
        assert process.returncode == -signal.SIGKILL
        assert process.stdout == ""
        spp = fresh_lab.state("pc01")["registry"][r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform"]
        assert spp.get("KeyManagementServicePort") == port
        (call,) = [call for call in fresh_lab.calls("pc01", after) if call["method"] == "SetKeyManagementServicePort"]
        assert (call["mischief"], call["status"], call["executed"]) == (action, None, action == "cut_after")


def test_events_are_read_by_xpath_and_by_table_with_the_facts_of_the_log(fresh_lab: LabClient, shell: Shell) -> None:
    twelve = ["0x00000000", "0x04000000", "0", "", "4", "120", "10080", "2026/01/01 00:00"]
    fresh_lab.change(
        "pc01",
        events=[
            {"log": "Application", "id": 12288, "minutes_ago": 90, "strings": ["0x00000000, 0x00000000, kms01.corp.example:1688"]},
            {"log": "Application", "id": 12289, "minutes_ago": 30, "strings": [", ".join(twelve)]},
            {"log": "Application", "id": 902, "minutes_ago": 10, "strings": ["10.0"]},
            {"log": "Key Management Service", "id": 12290, "minutes_ago": 5, "strings": ["", "0x0", "5", "<pc>"], "source": "KmsRequests"},
        ],
    )
    said = shell(
        fresh_lab,
        "pc01",
        r"""
        $since = [datetime]::UtcNow.AddHours(-24).ToString('yyyy-MM-ddTHH:mm:ss.fffZ')
        $xpath = "*[System[(EventID=12288 or EventID=12289) and TimeCreated[@SystemTime>='$since']]]"
        $both = Get-WinEvent -LogName Application -FilterXPath $xpath -MaxEvents 10
        Say newest_first @($both.Id)
        Say oldest @((Get-WinEvent -LogName Application -Oldest -MaxEvents 2).Id)
        Say recent @((Get-WinEvent -LogName Application -FilterXPath '*[System[EventID=12289 and TimeCreated[timediff(@SystemTime) <= 3600000]]]').Id)
        Say table @((Get-WinEvent -FilterHashtable @{ LogName = 'Application'; Id = 12288, 902; StartTime = [datetime]::Now.AddHours(-1) }).Id)
        Say beyond @((Get-WinEvent -LogName Application -FilterXPath "*[System[EventRecordID>$($both[-1].RecordId)]]").Id)
        $one = (Get-WinEvent -LogName 'Key Management Service' -FilterXPath "*[System[Provider[@Name='KmsRequests'] and Level=4]]")
        Say one @{
            id = $one.Id; log = $one.LogName; provider = $one.ProviderName; machine = $one.MachineName; level = $one.Level; qualifiers = $one.Qualifiers
            record = $one.RecordId; type = $one.TimeCreated.GetType().Name; kind = [string] $one.TimeCreated.Kind
            strings = @($one.Properties | ForEach-Object { $_.Value }); message = $one.Message; data = @(([xml] $one.ToXml()).Event.EventData.Data)
        }
        Say level (Get-WinEvent -LogName Application -FilterXPath '*[System[EventID=902]]').Level
        Attempt none { Get-WinEvent -LogName Application -FilterXPath '*[System[EventID=1]]' }
        Attempt nothing { Get-WinEvent -LogName Nothing }
        Attempt query { Get-WinEvent -LogName Application -FilterXPath '*[EventData[Data=1]]' }
        Attempt too_many { Get-WinEvent -LogName Application -FilterXPath "*[System[$((1..23 | ForEach-Object { "EventID=$_" }) -join ' or ')]]" }
        Attempt quiet { @(Get-WinEvent -LogName Application -FilterXPath '*[System[EventID=1]]' -ErrorAction SilentlyContinue).Count }
        $log = Get-WinEvent -ListLog Application
        Say log @{
            enabled = $log.IsEnabled; records = $log.RecordCount; oldest = $log.OldestRecordNumber; mode = $log.LogMode; full = $log.IsLogFull
            most = $log.MaximumSizeInBytes; size = $log.FileSize
        }
        """,
    )
    assert (said["newest_first"], said["oldest"], said["recent"]) == ([12289, 12288], [12288, 12289], [12289])
    assert (said["table"], said["beyond"]) == ([902], [902, 12289])
    one = said["one"]
    assert (one["id"], one["log"], one["provider"], one["machine"]) == (12290, "Key Management Service", "KmsRequests", "pc01.corp.example")
    assert (one["level"], one["qualifiers"], one["record"], one["type"], one["kind"]) == (4, 16384, 1, "DateTime", "Local")
    assert (one["strings"], one["data"]) == (["", "0x0", "5", "<pc>"], ["", "0x0", "5", "<pc>"])
    assert one["message"].endswith("Info:\r\n0x0,5,<pc>")
    assert said["level"] == 0
    command = "Microsoft.PowerShell.Commands.GetWinEventCommand"
    assert (said["none"]["id"], said["none"]["category"]) == (f"NoMatchingEventsFound,{command}", "ObjectNotFound")
    assert said["nothing"]["id"] == f"NoMatchingLogsFound,{command}"
    for name in ("query", "too_many"):
        assert said[name]["message"].startswith("The specified query is invalid")
    assert said["quiet"]["value"] == 0
    assert said["log"] == {"enabled": True, "records": 3, "oldest": 1, "mode": "Circular", "full": False, "most": 20971520, "size": 69632}


def test_names_are_what_the_machines_own_resolver_gets_from_the_name_servers(fresh_lab: LabClient, shell: Shell) -> None:
    fresh_lab.add_record("_vlmcs._tcp", "SRV", "10 20 1688 pc02.corp.example.")
    fresh_lab.make_stale("ns2")
    fresh_lab.add_record("_vlmcs._tcp", "SRV", "5 0 1689 pc03.corp.example.", server="ns1")
    fresh_lab.add_record("alias", "CNAME", "pc02.corp.example.")
    fresh_lab.add_record("note", "TXT", '"one" "two"')
    first, second = fresh_lab.name_servers.values()
    said = shell(
        fresh_lab,
        "pc01",
        rf"""
        $srv = @(Resolve-DnsName -Name _vlmcs._tcp.corp.example -Type SRV | Where-Object Section -EQ Answer | Sort-Object Priority)
        Say srv @($srv | ForEach-Object {{ "$($_.QueryType) $($_.Name) $($_.NameTarget) $($_.Priority) $($_.Weight) $($_.Port) $($_.TTL)" }})
        Say kinds @($srv[0].Port.GetType().Name, $srv[0].TTL.GetType().Name, $srv[0].PSObject.TypeNames[0])
        Say stale @(Resolve-DnsName _vlmcs._tcp.corp.example -Type SRV -Server {second} | Where-Object Section -EQ Answer).Count
        Say short (Resolve-DnsName pc02 -Type A).IPAddress
        Say either (Resolve-DnsName pc02).IP4Address
        Say alias (Resolve-DnsName alias.corp.example -Type CNAME).NameHost
        Say text (Resolve-DnsName note -Type TXT).Strings
        $without = Resolve-DnsName pc02.corp.example -Type SRV
        Say without @($without.Type, $without.Section, $without.PrimaryServer)
        Attempt unknown {{ Resolve-DnsName nothing.corp.example -Type A }}
        # Several labels: no suffix is added.
        Attempt labels {{ Resolve-DnsName _vlmcs._tcp -Type SRV }}
        """,
    )
    assert said["srv"] == [
        "SRV _vlmcs._tcp.corp.example pc03.corp.example 5 0 1689 3600",
        "SRV _vlmcs._tcp.corp.example pc02.corp.example 10 20 1688 3600",
    ]
    assert said["kinds"] == ["UInt16", "UInt32", "Microsoft.DnsClient.Commands.DnsRecord_SRV"]
    assert said["stale"] == 1
    assert said["short"] == said["either"] == fresh_lab.address("pc02")
    assert (said["alias"], said["text"]) == ("pc02.corp.example", ["one", "two"])
    assert said["without"] == ["SOA", "Authority", "ns1.corp.example"]
    for name in ("unknown", "labels"):
        error = said[name]
        assert error["id"] == "DNS_ERROR_RCODE_NAME_ERROR,Microsoft.DnsClient.Commands.ResolveDnsName"
        assert (error["native"], error["category"], error["type"]) == (
            "9003",
            "ResourceUnavailable",
            "System.ComponentModel.Win32Exception",
        )
    fresh_lab.dns_mode("servfail", "ns1")
    fresh_lab.dns_mode("silent", "ns2")
    said = shell(
        fresh_lab,
        "pc01",
        rf"""
        Attempt failure {{ Resolve-DnsName pc02.corp.example -Type A -Server {first} }}
        Attempt silence {{ Resolve-DnsName pc02.corp.example -Type A -Server {second} }}
        """,
    )
    assert (said["failure"]["id"].partition(",")[0], said["failure"]["native"]) == ("RCODE_SERVER_FAILURE", "9002")
    assert (said["silence"]["id"].partition(",")[0], said["silence"]["native"], said["silence"]["category"]) == (
        "ERROR_TIMEOUT",
        "1460",
        "OperationTimeout",
    )


def test_services_firewall_and_registry_are_those_of_the_model(fresh_lab: LabClient, shell: Shell) -> None:
    said = shell(
        fresh_lab,
        "kms01",
        r"""
        # Before any CIM cmdlet, and after a cmdlet of Microsoft.PowerShell.Management.
        $null = Test-Path .
        Say before (Get-Service -Name sppsvc).Status
        $key = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
        Say edition (Get-ItemPropertyValue -LiteralPath $key -Name EditionID)
        Say whole (Get-ItemProperty -Path $key).CurrentBuild
        $id = Get-ItemPropertyValue -LiteralPath $key -Name DigitalProductId
        Say id @($id.GetType().Name, $id.Length)
        Attempt value { Get-ItemPropertyValue -LiteralPath $key -Name Nothing }
        Attempt key { Get-ItemProperty HKLM:\SOFTWARE\Nothing }
        Say file ((Get-ItemProperty $PSCommandPath).Name)
        Stop-Service sppsvc
        Say stopped (Get-Service sppsvc).Status
        Start-Service -Name sppsvc
        Restart-Service sppsvc
        Say restarted (Get-Service sppsvc).Status
        Attempt service { Get-Service -Name nothing }
        Say rule (Get-NetFirewallRule -Name SPPSVC-In-TCP).Enabled
        Enable-NetFirewallRule -Name SPPSVC-In-TCP
        Say enabled (Get-NetFirewallRule -Name SPPSVC-In-TCP).Enabled
        $filter = Get-NetFirewallRule -DisplayName 'Key Management Service (TCP-In)' | Get-NetFirewallPortFilter
        Say port "$($filter.Protocol) $($filter.LocalPort)"
        Set-NetFirewallRule -Name SPPSVC-In-TCP -Enabled False
        Say set (Get-NetFirewallRule -Name SPPSVC-In-TCP).Enabled
        Disable-NetFirewallRule -Name SPPSVC-In-TCP
        Attempt rule_missing { Get-NetFirewallRule -Name Nothing }
        """,
    )
    assert (said["before"], said["stopped"], said["restarted"]) == ("Running", "Stopped", "Running")
    assert (said["edition"], said["whole"], said["id"], said["file"]) == ("ServerDatacenter", "20348", ["Byte[]", 164], "script.ps1")
    assert (
        said["value"]["id"] == "System.Management.Automation.PSArgumentException,Microsoft.PowerShell.Commands.GetItemPropertyValueCommand"
    )
    assert said["key"]["id"] == "PathNotFound,Microsoft.PowerShell.Commands.GetItemPropertyCommand"
    assert said["service"]["id"] == "NoServiceFoundForGivenName,Microsoft.PowerShell.Commands.GetServiceCommand"
    assert (said["rule"], said["enabled"], said["set"], said["port"]) == ("False", "True", "False", "TCP 1688")
    assert said["rule_missing"]["id"] == "CmdletizationQuery_NotFound_InstanceID,Get-NetFirewallRule"
    methods = [call["method"] for call in fresh_lab.calls("kms01") if call["operation"] == "Invoke"]
    assert methods == ["StopService", "StartService", "StopService", "StartService", "Enable", "Disable", "Disable"]
