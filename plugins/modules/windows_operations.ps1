#!powershell

# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic

# The far end of the backend "powershell" (plugin_utils/_windows/powershell.py): a list of operations in, a list of results out, all in one run.
# It decides nothing. Every value travels as text, each text sent to it begins with "=": ConvertFrom-Json of PowerShell 7 would make a date of a
# text that looks like one. Works in Windows PowerShell 5.1 and in PowerShell 7.

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$text = @{ type = 'str'; required = $true }
$texts = @{ type = 'list'; elements = 'str'; required = $true }
# "no_log = $false" says to validate-modules that a name which looks like that of a secret is none.
$keys = @{
    type = 'list'
    elements = 'dict'
    default = @()
    no_log = $false
    options = @{
        name = $text
        text = $text
    }
}

$spec = @{
    options = @{
        operations = @{
            type = 'list'
            elements = 'dict'
            required = $true
            options = @{
                associated = @{
                    type = 'dict'
                    options = @{
                        cim_class = $text
                        columns = $texts
                        keys = $keys
                        namespace = $text
                        of_class = $text
                        through = $text
                    }
                }
                call = @{
                    type = 'dict'
                    options = @{
                        arguments = @{
                            type = 'list'
                            elements = 'dict'
                            default = @()
                            options = @{
                                name = $text
                                secret = @{ type = 'str'; no_log = $false }
                                texts = @{ type = 'list'; elements = 'str' }
                                type = $text
                            }
                            mutually_exclusive = @(, @('secret', 'texts'))
                            required_one_of = @(, @('secret', 'texts'))
                        }
                        cim_class = $text
                        keys = $keys
                        method = $text
                        namespace = $text
                        outputs = $texts
                        writes = @{ type = 'bool'; required = $true }
                    }
                }
                connect = @{
                    type = 'dict'
                    options = @{
                        host = $text
                        port = @{ type = 'int'; required = $true }
                        timeout_seconds = @{ type = 'int'; required = $true }
                    }
                }
                events = @{
                    type = 'dict'
                    options = @{
                        budget_seconds = @{ type = 'float'; required = $true }
                        event_ids = @{ type = 'list'; elements = 'int'; required = $true }
                        limit = @{ type = 'int'; required = $true }
                        log = $text
                        shared_ids = @{ type = 'list'; elements = 'int'; default = @() }
                        sources = @{ type = 'list'; elements = 'str'; default = @() }
                        xpath = $text
                    }
                }
                log_state = @{
                    type = 'dict'
                    options = @{
                        log = $text
                    }
                }
                query = @{
                    type = 'dict'
                    options = @{
                        columns = $texts
                        namespace = $text
                        wql = @{
                            type = 'list'
                            elements = 'dict'
                            required = $true
                            options = @{
                                since = @{ type = 'int'; required = $true }
                                text = $text
                            }
                        }
                    }
                }
                resolve = @{
                    type = 'dict'
                    options = @{
                        name = $text
                        type = @{ type = 'str'; choices = @('A', 'AAAA', 'CNAME', 'SRV'); required = $true }
                    }
                }
            }
            mutually_exclusive = @(, @('associated', 'call', 'connect', 'events', 'log_state', 'query', 'resolve'))
            required_one_of = @(, @('associated', 'call', 'connect', 'events', 'log_state', 'query', 'resolve'))
        }
        # In a list of their own, because no_log masks nothing on an option that is a list or a dict.
        secrets = @{
            type = 'list'
            elements = 'dict'
            default = @()
            no_log = $false
            options = @{
                name = $text
                value = @{ type = 'str'; required = $true; no_log = $true }
            }
        }
        timeout_seconds = @{ type = 'int'; default = 60 }
    }
    supports_check_mode = $true
}

$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

$module.Result.build = $null
$module.Result.results = @()

$timeoutSeconds = $module.Params.timeout_seconds
$secrets = @{}
foreach ($secret in $module.Params.secrets) {
    $secrets[$secret.name] = $secret.value
}
$invariant = [System.Globalization.CultureInfo]::InvariantCulture

# The .NET type of each CIM type (DMTF: DSP0004).
$cimTypes = @{
    boolean = [bool]
    datetime = [datetime]
    sint8 = [sbyte]
    sint16 = [int16]
    sint32 = [int32]
    sint64 = [int64]
    string = [string]
    uint8 = [byte]
    uint16 = [uint16]
    uint32 = [uint32]
    uint64 = [uint64]
}

Function ConvertFrom-AnsibleKmsText {
    <#
    .SYNOPSIS
    Returns a text without the sign that keeps JSON readers from taking it for a date.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param (
        [Parameter(Mandatory)]
        [string]
        $Text
    )

    $Text.Substring(1)
}

Function ConvertTo-AnsibleKmsArgument {
    <#
    .SYNOPSIS
    Returns the value of a method argument, of the .NET type that its CIM type needs: Invoke-CimMethod converts nothing by itself.

    .PARAMETER Type
    The CIM type; an array's ends in [].

    .PARAMETER Texts
    One text for each element; a scalar has one.
    #>
    [CmdletBinding()]
    param (
        [Parameter(Mandatory)]
        [string]
        $Type,

        [Parameter(Mandatory)]
        [AllowEmptyCollection()]
        [AllowEmptyString()]
        [string[]]
        $Texts
    )

    $scalar = $Type.Replace('[]', '')
    $values = [Array]::CreateInstance($cimTypes[$scalar], $Texts.Length)
    for ($i = 0; $i -lt $Texts.Length; $i++) {
        $values[$i] = switch ($scalar) {
            boolean { [System.Xml.XmlConvert]::ToBoolean($Texts[$i]) }
            datetime { [System.Xml.XmlConvert]::ToDateTime($Texts[$i], [System.Xml.XmlDateTimeSerializationMode]::Local) }
            string { $Texts[$i] }
            default { [Convert]::ChangeType($Texts[$i], $cimTypes[$scalar], $invariant) }
        }
    }
    if ($Type -eq $scalar) {
        $values[0]
    }
    else {
        , $values
    }
}

Function ConvertTo-AnsibleKmsText {
    <#
    .SYNOPSIS
    Returns one CIM value as the text that XML Schema part 2 and so WS-Management have for it, null for null.
    #>
    [CmdletBinding()]
    param (
        [Parameter(Mandatory)]
        [AllowNull()]
        [object]
        $Value
    )

    if ($null -eq $Value) {
        $null
    }
    elseif ($Value -is [bool]) {
        [System.Xml.XmlConvert]::ToString([bool]$Value)
    }
    elseif ($Value -is [datetime]) {
        # Get-CimInstance gives local times.
        $Value.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.ffffffZ', $invariant)
    }
    elseif ($Value -is [System.IFormattable]) {
        $Value.ToString($null, $invariant)
    }
    else {
        Hide-AnsibleKmsSecret -Text ([string]$Value)
    }
}

Function ConvertTo-AnsibleKmsTextList {
    <#
    .SYNOPSIS
    Returns a CIM value as a list of texts: none for null, one for a scalar, one for each element of an array.
    #>
    [CmdletBinding()]
    param (
        [Parameter(Mandatory)]
        [AllowNull()]
        [object]
        $Value
    )

    $list = [System.Collections.Generic.List[object]]::new()
    if ($Value -is [array]) {
        foreach ($element in $Value) {
            $list.Add((ConvertTo-AnsibleKmsText -Value $element))
        }
    }
    elseif ($null -ne $Value) {
        $list.Add((ConvertTo-AnsibleKmsText -Value $Value))
    }
    , $list
}

Function ConvertTo-AnsibleKmsRow {
    <#
    .SYNOPSIS
    Returns the named properties of an object as lists of texts; one that the object does not have is left out.
    #>
    [CmdletBinding()]
    [OutputType([hashtable])]
    param (
        [Parameter(Mandatory)]
        [object]
        $InputObject,

        [Parameter(Mandatory)]
        [AllowEmptyCollection()]
        [string[]]
        $Name
    )

    $row = @{}
    foreach ($column in $Name) {
        $property = $InputObject.PSObject.Properties[$column]
        if ($null -ne $property) {
            $row[$column] = ConvertTo-AnsibleKmsTextList -Value $property.Value
        }
    }
    $row
}

Function Hide-AnsibleKmsSecret {
    <#
    .SYNOPSIS
    Returns a text with every secret taken out of it: an error of WMI can quote the arguments of the call.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param (
        [Parameter(Mandatory)]
        [AllowEmptyString()]
        [string]
        $Text
    )

    foreach ($value in $secrets.Values) {
        # A product key is quoted with dashes of any kind, and without.
        $groups = @(foreach ($group in $value.Split('-')) { [regex]::Escape($group) })
        if ($value) {
            $Text = [regex]::Replace($Text, $groups -join '\W?', '(not shown)', 'IgnoreCase')
        }
    }
    $Text
}

Function Get-AnsibleKmsProperty {
    <#
    .SYNOPSIS
    Returns a property of an object, null when the object is null or has none of that name.
    #>
    [CmdletBinding()]
    param (
        [Parameter(Mandatory)]
        [AllowNull()]
        [object]
        $InputObject,

        [Parameter(Mandatory)]
        [string]
        $Name
    )

    if ($null -ne $InputObject -and $null -ne $InputObject.PSObject.Properties[$Name]) {
        $InputObject.PSObject.Properties[$Name].Value
    }
}

Function ConvertTo-AnsibleKmsFailure {
    <#
    .SYNOPSIS
    Returns what an error says of itself, uninterpreted: which of its numbers counts is decided on the controller.

    .NOTES
    CimException has NativeErrorCode, StatusCode, MessageId and ErrorData (an MSFT_WmiError); Win32Exception, which Resolve-DnsName throws, has
    NativeErrorCode as a number.
    #>
    [CmdletBinding()]
    [OutputType([hashtable])]
    param (
        [Parameter(Mandatory)]
        [System.Management.Automation.ErrorRecord]
        $ErrorRecord
    )

    $exception = $ErrorRecord.Exception
    $data = Get-AnsibleKmsProperty -InputObject $exception -Name ErrorData
    $failure = @{
        error_id = Hide-AnsibleKmsSecret -Text ([string]$ErrorRecord.FullyQualifiedErrorId)
        hresult = [string]$exception.HResult
        message = Hide-AnsibleKmsSecret -Text ([string]$exception.Message)
        message_id = [string](Get-AnsibleKmsProperty -InputObject $exception -Name MessageId)
        type = $exception.GetType().FullName
    }
    foreach ($number in @(
            @{ Name = 'cim_status'; Value = (Get-AnsibleKmsProperty -InputObject $data -Name CIMStatusCode) }
            @{ Name = 'error_code'; Value = (Get-AnsibleKmsProperty -InputObject $data -Name error_Code) }
            @{ Name = 'native_code'; Value = (Get-AnsibleKmsProperty -InputObject $exception -Name NativeErrorCode) }
        )) {
        # NativeErrorCode of CimException is an enumeration: its number is wanted, not its name.
        $failure[$number.Name] = if ($null -eq $number.Value) { '' } else { ([int64]$number.Value).ToString($invariant) }
    }
    $failure
}

Function Get-AnsibleKmsBuild {
    <#
    .SYNOPSIS
    Returns the build of Windows, read once: some columns exist from one build on.
    #>
    [CmdletBinding()]
    [OutputType([int])]
    param ()

    if ($null -eq $module.Result.build) {
        $system = Get-CimInstance -Namespace root/cimv2 -Query 'SELECT BuildNumber FROM Win32_OperatingSystem' -OperationTimeoutSec $timeoutSeconds
        $module.Result.build = [int]$system.BuildNumber
    }
    $module.Result.build
}

Function Get-AnsibleKmsInstance {
    <#
    .SYNOPSIS
    Returns an instance that has its keys and nothing else: as much as an address needs, without reading the machine.
    #>
    [CmdletBinding()]
    param (
        [Parameter(Mandatory)]
        [string]
        $Namespace,

        [Parameter(Mandatory)]
        [string]
        $ClassName,

        [Parameter(Mandatory)]
        [object[]]
        $Keys
    )

    $properties = @{}
    foreach ($key in $Keys) {
        $properties[$key.name] = ConvertFrom-AnsibleKmsText -Text $key.text
    }
    $address = @{
        ClassName = $ClassName
        ClientOnly = $true
        Key = [string[]]@($properties.Keys)
        Namespace = $Namespace
        Property = $properties
    }
    New-CimInstance @address
}

Function Invoke-AnsibleKmsQuery {
    <#
    .SYNOPSIS
    Reads the rows of a WQL query, in the form that fits this build of Windows.
    #>
    [CmdletBinding()]
    [OutputType([hashtable])]
    param (
        [Parameter(Mandatory)]
        [System.Collections.IDictionary]
        $Query
    )

    $forms = @($Query.wql)
    $chosen = $forms[0]
    if ($forms.Count -gt 1) {
        $build = Get-AnsibleKmsBuild
        $chosen = @($forms | Where-Object -FilterScript { $_.since -le $build } | Sort-Object -Property { $_.since })[-1]
    }
    $wql = ConvertFrom-AnsibleKmsText -Text $chosen.text
    $rows = foreach ($instance in Get-CimInstance -Namespace $Query.namespace -Query $wql -OperationTimeoutSec $timeoutSeconds) {
        ConvertTo-AnsibleKmsRow -InputObject $instance -Name $Query.columns
    }
    @{ rows = @($rows) }
}

Function Invoke-AnsibleKmsAssociated {
    <#
    .SYNOPSIS
    Reads the instances that an association class ties to one instance.
    #>
    [CmdletBinding()]
    [OutputType([hashtable])]
    param (
        [Parameter(Mandatory)]
        [System.Collections.IDictionary]
        $Associated
    )

    $of = Get-AnsibleKmsInstance -Namespace $Associated.namespace -ClassName $Associated.of_class -Keys @($Associated.keys)
    $search = @{
        Association = $Associated.through
        InputObject = $of
        OperationTimeoutSec = $timeoutSeconds
        ResultClassName = $Associated.cim_class
    }
    $rows = foreach ($instance in Get-CimAssociatedInstance @search) {
        ConvertTo-AnsibleKmsRow -InputObject $instance -Name $Associated.columns
    }
    @{ rows = @($rows) }
}

Function Invoke-AnsibleKmsCall {
    <#
    .SYNOPSIS
    Calls a method once and returns its outputs, ReturnValue among them where the method has one.
    #>
    [CmdletBinding()]
    [OutputType([hashtable])]
    param (
        [Parameter(Mandatory)]
        [System.Collections.IDictionary]
        $Call
    )

    if ($Call.writes -and $module.CheckMode) {
        throw 'A call that changes the machine was asked for in check mode; it was not made.'
    }
    $arguments = @{}
    foreach ($argument in $Call.arguments) {
        $given = if ($argument.secret) {
            @($secrets[$argument.secret])
        }
        else {
            @(foreach ($marked in $argument.texts) { ConvertFrom-AnsibleKmsText -Text $marked })
        }
        $arguments[$argument.name] = ConvertTo-AnsibleKmsArgument -Type $argument.type -Texts $given
    }
    $target = if (@($Call.keys).Count) {
        @{ InputObject = Get-AnsibleKmsInstance -Namespace $Call.namespace -ClassName $Call.cim_class -Keys @($Call.keys) }
    }
    else {
        @{ ClassName = $Call.cim_class; Namespace = $Call.namespace }
    }
    $answer = Invoke-CimMethod @target -MethodName $Call.method -Arguments $arguments -OperationTimeoutSec $timeoutSeconds
    $outputs = if ($null -eq $answer) { @{} } else { ConvertTo-AnsibleKmsRow -InputObject $answer -Name @($Call.outputs; 'ReturnValue') }
    @{ outputs = $outputs }
}

Function Invoke-AnsibleKmsEvents {
    <#
    .SYNOPSIS
    Reads records of an event log, the newest first, until the limit or the time is reached.

    .NOTES
    The columns have the names that Win32_NTLogEvent gives to the same things. A log that is not there has no records.
    Get-WinEvent writes an error for each record whose sentence it can't put together, and goes on; it also goes on after an error of the reader,
    which may come again for ever (PowerShell/PowerShell: GetEventCommand.cs, ReadEvents). So its errors come down the pipeline with the records.
    #>
    [CmdletBinding()]
    [OutputType([hashtable])]
    param (
        [Parameter(Mandatory)]
        [System.Collections.IDictionary]
        $Events
    )

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $rows = [System.Collections.Generic.List[object]]::new()
    $failures = [System.Collections.Generic.List[object]]::new()
    $failedInARow = 0
    $seen = 0
    $complete = $true
    $sources = @(foreach ($marked in $Events.sources) { [regex]::Escape((ConvertFrom-AnsibleKmsText -Text $marked)) }) -join '|'
    $search = @{
        ErrorAction = 'Continue'
        FilterXPath = ConvertFrom-AnsibleKmsText -Text $Events.xpath
        LogName = ConvertFrom-AnsibleKmsText -Text $Events.log
    }
    # The loop runs once; "break" inside of it ends the pipeline at the bound. It names the loop, because it would end one of a function before it first.
    :reading do {
        Get-WinEvent @search 2>&1 | ForEach-Object -Process {
            if ($watch.Elapsed.TotalSeconds -ge $Events.budget_seconds -or $failedInARow -ge 100) {
                $complete = $false
                break reading
            }
            if ($_ -is [System.Management.Automation.ErrorRecord]) {
                $failures.Add($_)
                $failedInARow++
                return
            }
            $failedInARow = 0
            $seen++
            if ($_.Id -notin $Events.event_ids -or ($_.Id -in $Events.shared_ids -and (-not $sources -or $_.ProviderName -notmatch $sources))) {
                return
            }
            if ($rows.Count -ge $Events.limit) {
                $complete = $false
                break reading
            }
            # Written out, because a call of a function for each value costs many times as much. There are no secrets in a run that reads.
            $rows.Add(@{
                    ComputerName = @([string]$_.MachineName)
                    EventCode = @([string]$_.Id)
                    InsertionStrings = @(foreach ($property in $_.Properties) { [string]$property.Value })
                    Logfile = @([string]$_.LogName)
                    RecordNumber = @([string]$_.RecordId)
                    SourceName = @([string]$_.ProviderName)
                    TimeGenerated = ConvertTo-AnsibleKmsTextList -Value $_.TimeCreated
                })
        }
    } while ($false)
    foreach ($failure in $failures) {
        # Nothing found is an error for Get-WinEvent; its ids are the same in every language.
        if ($seen -eq 0 -and $failure.FullyQualifiedErrorId -notmatch '^(NoMatchingEventsFound|NoMatchingLogsFound),') {
            throw $failure
        }
    }
    @{ complete = $complete; rows = $rows }
}

Function Invoke-AnsibleKmsLogState {
    <#
    .SYNOPSIS
    Reads what Windows says of an event log itself: one row, none for a log that is not there.
    #>
    [CmdletBinding()]
    [OutputType([hashtable])]
    param (
        [Parameter(Mandatory)]
        [string]
        $LogName
    )

    try {
        $log = Get-WinEvent -ListLog $LogName
    }
    catch {
        if ($_.FullyQualifiedErrorId -like 'NoMatchingLogsFound,*') {
            return @{ rows = @() }
        }
        throw
    }
    $oldest = $null
    if ($log.RecordCount) {
        # Its sentence may be missing, which is an error for Get-WinEvent and none here.
        $oldest = Get-WinEvent -LogName $LogName -Oldest -MaxEvents 1 -ErrorAction SilentlyContinue
    }
    $state = [PSCustomObject]@{
        enabled = $log.IsEnabled
        file_bytes = $log.FileSize
        maximum_bytes = $log.MaximumSizeInBytes
        mode = [string]$log.LogMode
        oldest_at = Get-AnsibleKmsProperty -InputObject $oldest -Name TimeCreated
        oldest_number = Get-AnsibleKmsProperty -InputObject $oldest -Name RecordId
        records = $log.RecordCount
        size_reached = $log.IsLogFull
    }
    @{ rows = @(, (ConvertTo-AnsibleKmsRow -InputObject $state -Name $state.PSObject.Properties.Name)) }
}

Function Invoke-AnsibleKmsResolve {
    <#
    .SYNOPSIS
    Asks the machine's own resolver for DNS records.
    #>
    [CmdletBinding()]
    [OutputType([hashtable])]
    param (
        [Parameter(Mandatory)]
        [string]
        $Name,

        [Parameter(Mandatory)]
        [string]
        $Type
    )

    $columns = 'Name', 'Type', 'TTL', 'IPAddress', 'NameHost', 'NameTarget', 'Port', 'Priority', 'Weight'
    $rows = foreach ($record in Resolve-DnsName -Name $Name -Type $Type) {
        # An answer brings addresses along, and an empty one the zone's SOA.
        if ([string]$record.Type -eq $Type) {
            ConvertTo-AnsibleKmsRow -InputObject $record -Name $columns
        }
    }
    @{ rows = @($rows) }
}

Function Invoke-AnsibleKmsConnect {
    <#
    .SYNOPSIS
    Opens one TCP connection to a host and closes it again: to each of its addresses in turn until one answers.
    #>
    [CmdletBinding()]
    [OutputType([hashtable])]
    param (
        [Parameter(Mandatory)]
        [string]
        $HostName,

        [Parameter(Mandatory)]
        [int]
        $Port,

        [Parameter(Mandatory)]
        [int]
        $Seconds
    )

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $literal = $null
    $addresses = if ([System.Net.IPAddress]::TryParse($HostName, [ref]$literal)) {
        @($literal)
    }
    else {
        # By the resolver of Windows, so that this sees the same as the other operation and as the licensing service.
        @(foreach ($record in Resolve-DnsName -Name $HostName -Type A_AAAA) {
                if ([string]$record.Type -in 'A', 'AAAA') {
                    [System.Net.IPAddress]::Parse($record.IPAddress)
                }
            })
    }
    $outcome = @{ address = ''; code = ''; outcome = 'no_address' }
    foreach ($address in $addresses) {
        $outcome.address = [string]$address
        $client = [System.Net.Sockets.TcpClient]::new($address.AddressFamily)
        try {
            $answered = $client.ConnectAsync($address, $Port).Wait($Seconds * 1000)
            $outcome.outcome = if ($answered) { 'connected' } else { 'timeout' }
            $outcome.code = ''
        }
        catch {
            $socketError = $_.Exception.GetBaseException()
            if ($socketError -isnot [System.Net.Sockets.SocketException]) {
                throw
            }
            # Numbers of Winsock, on every system.
            $outcome.code = ([int]$socketError.SocketErrorCode).ToString($invariant)
            $outcome.outcome = switch ($socketError.SocketErrorCode) {
                ConnectionRefused { 'refused' }
                TimedOut { 'timeout' }
                default { 'unreachable' }
            }
        }
        finally {
            $client.Dispose()
        }
        if ($outcome.outcome -eq 'connected') {
            break
        }
    }
    $outcome.milliseconds = $watch.ElapsedMilliseconds.ToString($invariant)
    @{ rows = @(, (ConvertTo-AnsibleKmsRow -InputObject ([PSCustomObject]$outcome) -Name @($outcome.Keys))) }
}

Function Invoke-AnsibleKmsOperation {
    <#
    .SYNOPSIS
    Carries out one operation and returns its result.
    #>
    [CmdletBinding()]
    [OutputType([hashtable])]
    param (
        [Parameter(Mandatory)]
        [System.Collections.IDictionary]
        $Operation
    )

    if ($Operation.query) {
        Invoke-AnsibleKmsQuery -Query $Operation.query
    }
    elseif ($Operation.associated) {
        Invoke-AnsibleKmsAssociated -Associated $Operation.associated
    }
    elseif ($Operation.call) {
        Invoke-AnsibleKmsCall -Call $Operation.call
    }
    elseif ($Operation.events) {
        Invoke-AnsibleKmsEvents -Events $Operation.events
    }
    elseif ($Operation.log_state) {
        Invoke-AnsibleKmsLogState -LogName (ConvertFrom-AnsibleKmsText -Text $Operation.log_state.log)
    }
    elseif ($Operation.resolve) {
        Invoke-AnsibleKmsResolve -Name (ConvertFrom-AnsibleKmsText -Text $Operation.resolve.name) -Type $Operation.resolve.type
    }
    else {
        $target = @{
            HostName = ConvertFrom-AnsibleKmsText -Text $Operation.connect.host
            Port = $Operation.connect.port
            Seconds = $Operation.connect.timeout_seconds
        }
        Invoke-AnsibleKmsConnect @target
    }
}

Function Test-AnsibleKmsFailedWrite {
    <#
    .SYNOPSIS
    Tells whether an operation was to change the machine and did not: what was planned after it may no longer be right.
    #>
    [CmdletBinding()]
    [OutputType([bool])]
    param (
        [Parameter(Mandatory)]
        [System.Collections.IDictionary]
        $Operation,

        [Parameter(Mandatory)]
        [System.Collections.IDictionary]
        $Result
    )

    if (-not $Operation.call -or -not $Operation.call.writes) {
        return $false
    }
    if ($Result.Contains('error')) {
        return $true
    }
    $code = $Result.outputs['ReturnValue']
    $null -ne $code -and $code.Count -gt 0 -and $code[0] -ne '0'
}

$results = [System.Collections.Generic.List[object]]::new()
$stopped = $false
foreach ($operation in $module.Params.operations) {
    if ($stopped) {
        $results.Add(@{ skipped = $true })
        continue
    }
    $result = try {
        Invoke-AnsibleKmsOperation -Operation $operation
    }
    catch {
        @{ error = ConvertTo-AnsibleKmsFailure -ErrorRecord $_ }
    }
    $results.Add($result)
    $stopped = Test-AnsibleKmsFailedWrite -Operation $operation -Result $result
}
$module.Result.results = $results
$module.ExitJson()
