# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The way from a PowerShell process to the model of the machine that it is on: a line of CLIXML for the question and one for the answer, over a unix socket. The other
# side is tests/lab/wire/bridge. Each module of the stand-in cmdlets reads this file into itself.
#
# What is here has to be fast in a process that lives for a second. PowerShell's own serializer is compiled, and keeps the types of arguments; a loop in PowerShell, a
# module more, a cmdlet of Microsoft.PowerShell.Utility each cost some 30 to 100 ms the first time.

$script:socket = $null
$script:reader = $null

function Connect-KmsLabBridge {
    if (-not $env:KMS_LAB_BRIDGE -or -not $env:KMS_LAB_BRIDGE_SECRET) {
        throw 'KMS_LAB_BRIDGE and KMS_LAB_BRIDGE_SECRET are not set: this process is on no machine of the lab'
    }
    $socket = [System.Net.Sockets.Socket]::new('Unix', 'Stream', 'Unspecified')
    # A name that begins with NUL is in the abstract namespace of Linux, unix(7).
    $socket.Connect([System.Net.Sockets.UnixDomainSocketEndPoint]::new([char] 0 + $env:KMS_LAB_BRIDGE))
    $script:socket = $socket
    $script:reader = [System.IO.StreamReader]::new([System.Net.Sockets.NetworkStream]::new($socket), [System.Text.UTF8Encoding]::new($false), $false, 65536)
}

function Disconnect-KmsLabBridge {
    if ($null -ne $script:socket) { $script:socket.Dispose() }
    $script:socket = $script:reader = $null
}

function Invoke-KmsLabBridge {
    # Send a request and return the answer, an object with its members as properties. With TimeoutSeconds the answer is waited for that long only: a
    # System.TimeoutException then, and the machine goes on with what it was asked.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Request, [uint32] $TimeoutSeconds)

    if ($null -eq $script:socket) { Connect-KmsLabBridge }
    $Request['secret'] = $env:KMS_LAB_BRIDGE_SECRET
    # The line breaks are those of the indentation: one in a text is written as _x000A_.
    $line = [System.Management.Automation.PSSerializer]::Serialize($Request, 6).Replace("`r", '').Replace("`n", '') + "`n"
    $data = [System.Text.Encoding]::UTF8.GetBytes($line)
    try {
        $script:socket.ReceiveTimeout = [int] $TimeoutSeconds * 1000
        $sent = 0
        while ($sent -lt $data.Length) { $sent += $script:socket.Send($data, $sent, $data.Length - $sent, 'None') }
        $line = $script:reader.ReadLine()
    }
    catch {
        $cause = $_.Exception.GetBaseException()
        Disconnect-KmsLabBridge
        if ($cause -is [System.Net.Sockets.SocketException] -and $cause.SocketErrorCode -in 'TimedOut', 'WouldBlock') {
            throw [System.TimeoutException]::new('no answer in time')
        }
        throw
    }
    if ($null -eq $line) {
        Disconnect-KmsLabBridge
        throw 'the lab closed the bridge: lab.log says why'
    }
    [System.Management.Automation.PSSerializer]::Deserialize($line)
}

function ConvertFrom-KmsLabValue {
    # Finish a CIM value of an answer: arrays have their element's type, dates are local ones. Everything else is right as it is.
    param($Value, [string] $Type)

    if ($null -eq $Value) { return $null }
    if ($Type -eq 'datetime') { return $Value.ToLocalTime() }
    if (-not $Type.EndsWith('[]')) { return $Value }
    $items = @($Value)
    $array = switch ($Type) {
        'string[]' { , [string[]] $items }
        'boolean[]' { , [bool[]] $items }
        'uint8[]' { , [byte[]] $items }
        'sint8[]' { , [sbyte[]] $items }
        'uint16[]' { , [uint16[]] $items }
        'sint16[]' { , [int16[]] $items }
        'uint32[]' { , [uint32[]] $items }
        'sint32[]' { , [int[]] $items }
        'uint64[]' { , [uint64[]] $items }
        'sint64[]' { , [long[]] $items }
        'datetime[]' { , [datetime[]] @(foreach ($item in $items) { $item.ToLocalTime() }) }
        default { throw "no .NET type for the CIM type $Type" }
    }
    , $array
}

function Write-KmsLabError {
    # Write an error as a compiled cmdlet does. A function does not see the $ErrorActionPreference of a caller outside its own module, a cmdlet does.
    param(
        $Cmdlet, [System.Exception] $Exception, [string] $Id, [System.Management.Automation.ErrorCategory] $Category, $Target, [string] $Activity,
        [string] $TargetName, [string] $TargetType
    )

    $record = [System.Management.Automation.ErrorRecord]::new($Exception, $Id, $Category, $Target)
    $record.CategoryInfo.Activity = $Activity
    if ($TargetName) { $record.CategoryInfo.TargetName, $record.CategoryInfo.TargetType = $TargetName, $TargetType }
    if (-not $Cmdlet.MyInvocation.BoundParameters.ContainsKey('ErrorAction')) {
        $ErrorActionPreference = $Cmdlet.SessionState.PSVariable.GetValue('ErrorActionPreference')
    }
    $Cmdlet.WriteError($record)
}

function Add-KmsLabTypeName {
    # Give an object its type names, the first one first.
    param($Object, [string[]] $Name)

    $Object.PSObject.TypeNames.Clear()
    for ($at = $Name.Count - 1; $at -ge 0; $at--) { $Object.PSObject.TypeNames.Insert(0, $Name[$at]) }
}
