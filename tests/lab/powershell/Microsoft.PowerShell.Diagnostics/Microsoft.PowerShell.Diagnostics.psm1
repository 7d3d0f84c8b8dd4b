# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Get-WinEvent over the event logs of a simulated machine. Source: PowerShell/PowerShell, src/Microsoft.PowerShell.Commands.Diagnostics/GetEventCommand.cs, and its
# resources for the sentences. Which queries are taken: tests/lab/model/eventquery.py.
#
# Records come from the reader some at a time, 64 by default (Microsoft: Learn, EventLogReader.BatchSize), and go down the pipeline as they come, so that who has
# enough can stop.

Set-StrictMode -Version 3
. "$PSScriptRoot/../bridge.ps1"

function ConvertTo-EventRecord {
    param($Row)

    $record = [pscustomobject] [ordered] @{
        Id = $Row.id
        Version = [byte] 0
        Qualifiers = $Row.qualifiers
        Level = $Row.level
        Task = 0
        Opcode = [int16] 0
        Keywords = [long] 0x80000000000000
        RecordId = $Row.record
        ProviderName = $Row.provider
        LogName = $Row.log
        ProcessId = 0
        ThreadId = 0
        MachineName = $Row.machine
        UserId = $null
        TimeCreated = $Row.time.ToLocalTime()
        LevelDisplayName = $Row.type
        Properties = @(foreach ($text in $Row.strings) { [pscustomobject] @{ Value = $text } })
        Message = $Row.message
    }
    $xml = $Row.xml
    $record.PSObject.Methods.Add([psscriptmethod]::new('ToXml', { $xml }.GetNewClosure()))
    Add-KmsLabTypeName $record 'System.Diagnostics.Eventing.Reader.EventLogRecord', 'System.Object'
    $record
}

function ConvertTo-LogConfiguration {
    # EventLogConfiguration, and the note properties that the cmdlet adds (GetEventCommand.cs, ProcessListLog).
    param($Row)

    $write = ConvertFrom-KmsLabValue $Row.last_write 'datetime'
    $log = [pscustomobject] [ordered] @{
        LogName = $Row.name
        LogType = 'Administrative'
        LogIsolation = 'Application'
        IsEnabled = $Row.enabled
        IsClassicLog = $true
        LogMode = $Row.mode
        MaximumSizeInBytes = $Row.maximum_bytes
        LogFilePath = "%SystemRoot%\System32\Winevt\Logs\$($Row.name).evtx"
        FileSize = $Row.file_bytes
        IsLogFull = $Row.full
        LastAccessTime = $write
        LastWriteTime = $write
        OldestRecordNumber = $Row.oldest
        RecordCount = $Row.records
    }
    Add-KmsLabTypeName $log 'System.Diagnostics.Eventing.Reader.EventLogConfiguration', 'System.Object'
    $log
}

function New-AccessError {
    # What .NET throws where Windows says E_ACCESSDENIED: its HResult is that code (Microsoft: Learn, UnauthorizedAccessException).
    [System.UnauthorizedAccessException]::new('Attempted to perform an unauthorized operation.')
}

function Find-Log {
    # The logs that a name or a pattern stands for; NoMatchingLogsFound where there is none. Facts of a log that may not be read are LogInfoNoAccess (GetEventCommand.cs,
    # ProcessListLog); that names are told all the same follows from there.
    param($Cmdlet, [string[]] $Pattern, [switch] $Facts)

    $answer = Invoke-KmsLabBridge @{ op = 'EventLogs' }
    if ($null -ne $answer.PSObject.Properties['error']) { throw (New-AccessError) }
    $denied = @(foreach ($row in $answer.logs) { if ($row.denied) { $row.name } })
    $logs = @(foreach ($row in $answer.logs) { ConvertTo-LogConfiguration $row })
    foreach ($one in $Pattern) {
        $found = @($logs | Where-Object { $_.LogName -like $one })
        if ($Facts) {
            foreach ($log in $found) {
                if ($log.LogName -notin $denied) { continue }
                $exception = [System.UnauthorizedAccessException]::new("To access the '$($log.LogName)' log start PowerShell by using elevated user rights.", (New-AccessError))
                Write-KmsLabError $Cmdlet $exception 'LogInfoNoAccess' PermissionDenied $log.LogName 'Get-WinEvent'
            }
            $known = $found.Count
            $found = @($found | Where-Object { $_.LogName -notin $denied })
            if ($known -and -not $found) { continue }
        }
        if (-not $found) {
            $exception = [System.Exception]::new("There is not an event log on the localhost computer that matches `"$one`".")
            Write-KmsLabError $Cmdlet $exception 'NoMatchingLogsFound' ObjectNotFound $null 'Get-WinEvent'
        }
        $found
    }
}

function ConvertTo-XPath {
    # GetEventCommand.cs, BuildXPathFromHashTable, for the keys that the lab takes: LogName, ProviderName, Id, Level, StartTime, EndTime.
    param([System.Collections.IDictionary] $Table)

    $parts = [System.Collections.Generic.List[string]]::new()
    $times = [System.Collections.Generic.List[string]]::new()
    foreach ($entry in $Table.GetEnumerator()) {
        $values = @($entry.Value)
        switch ([string] $entry.Key) {
            'LogName' { }
            'ProviderName' { $parts.Add('(' + (@($values | ForEach-Object { "Provider[@Name='$_']" }) -join ' or ') + ')') }
            'Id' { $parts.Add('(' + (@($values | ForEach-Object { "EventID=$([int] $_)" }) -join ' or ') + ')') }
            'Level' { $parts.Add('(' + (@($values | ForEach-Object { "Level=$([int] $_)" }) -join ' or ') + ')') }
            'StartTime' { $times.Add("@SystemTime>='$(([datetime] $entry.Value).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.fffZ'))'") }
            'EndTime' { $times.Add("@SystemTime<='$(([datetime] $entry.Value).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.fffZ'))'") }
            default { throw [System.ArgumentException]::new("the lab's FilterHashtable does not know $($entry.Key)") }
        }
    }
    if ($times.Count) { $parts.Add("TimeCreated[$($times -join ' and ')]") }
    if ($parts.Count) { "*[System[$($parts -join ' and ')]]" } else { '*' }
}

function Microsoft.PowerShell.Commands.GetWinEventCommand {
    [Alias('Get-WinEvent')]
    [CmdletBinding(DefaultParameterSetName = 'Log')]
    param(
        [Parameter(Position = 0, ParameterSetName = 'Log', ValueFromPipeline, ValueFromPipelineByPropertyName)] [string[]] $LogName = '*',
        [Parameter(ParameterSetName = 'Log')] [string] $FilterXPath = '*',
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Table')] [hashtable] $FilterHashtable,
        [Parameter(Mandatory, ParameterSetName = 'List')] [AllowEmptyCollection()] [string[]] $ListLog,
        [Parameter(ParameterSetName = 'Log')] [Parameter(ParameterSetName = 'Table')] [ValidateRange(1, [long]::MaxValue)] [long] $MaxEvents = -1,
        [Parameter(ParameterSetName = 'Log')] [Parameter(ParameterSetName = 'Table')] [switch] $Oldest,
        [Parameter(ParameterSetName = 'List')] [switch] $Force
    )
    process {
        if ($PSCmdlet.ParameterSetName -eq 'List') {
            Find-Log $PSCmdlet $ListLog -Facts
            return
        }
        $names, $xpath = $LogName, $FilterXPath
        if ($PSCmdlet.ParameterSetName -eq 'Table') {
            if (-not $FilterHashtable.ContainsKey('LogName')) { throw [System.ArgumentException]::new("the lab's FilterHashtable needs LogName") }
            $names, $xpath = [string[]] $FilterHashtable['LogName'], (ConvertTo-XPath $FilterHashtable)
        }
        $logs = @(Find-Log $PSCmdlet $names)
        if (-not $logs) { return }
        $count = 0
        foreach ($log in $logs) {
            $read = 0
            do {
                # One more than is wanted is read (GetEventCommand.cs, ReadEvents), and no more than the reader takes at once.
                $batch = if ($MaxEvents -ge 0) { [Math]::Min(64, $MaxEvents + 1 - $count) } else { 64 }
                $answer = Invoke-KmsLabBridge @{ op = 'Events'; log = $log.LogName; xpath = $xpath; skip = $read; max = $batch; oldest = $Oldest.IsPresent }
                if ($null -ne $answer.PSObject.Properties['error']) {
                    # EventLogReader throws, which ends the cmdlet. The sentence and 15001 are published (Azure Monitor, data collection rules); why the lab refuses goes after it.
                    if ($answer.error.kind -ne 'event_query') { throw (New-AccessError) }
                    $exception = [System.Exception]::new("The specified query is invalid ($($answer.error.message))")
                    $id = 'System.Diagnostics.Eventing.Reader.EventLogException'
                    $record = [System.Management.Automation.ErrorRecord]::new($exception, $id, 'NotSpecified', $null)
                    $record.CategoryInfo.Activity = 'Get-WinEvent'
                    $PSCmdlet.ThrowTerminatingError($record)
                }
                $got = @($answer.events)
                $read += $got.Count
                foreach ($row in $got) {
                    if ($MaxEvents -ge 0 -and $count -ge $MaxEvents) { break }
                    $count++
                    ConvertTo-EventRecord $row
                }
            } while ($got.Count -eq $batch -and ($MaxEvents -lt 0 -or $count -lt $MaxEvents))
        }
        if (-not $count) {
            $exception = [System.Exception]::new('No events were found that match the specified selection criteria.')
            Write-KmsLabError $PSCmdlet $exception 'NoMatchingEventsFound' ObjectNotFound $null 'Get-WinEvent'
        }
    }
}
