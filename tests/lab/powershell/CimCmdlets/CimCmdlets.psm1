# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Get-CimInstance, New-CimInstance, Invoke-CimMethod and Get-CimAssociatedInstance as far as the lab needs them; what they do not know they refuse. Nothing is
# decided here: the machine's model answers, as it answers CIM over WS-Management. Sources: PowerShell/PowerShell, src/Microsoft.Management.Infrastructure.CimCmdlets
# (named by file below); the errors: tests/lab/wire/bridge/cim_errors.py.
#
# The functions have the full names of the cmdlets' types, because PowerShell appends a function's name to an error id and a cmdlet's type: so the ids are those of
# Windows. The names that everybody uses are aliases.

Set-StrictMode -Version 3
. "$PSScriptRoot/../bridge.ps1"
# Services and the registry are here and not in a module of their own, because they have to be there before they are asked for: a script that has used any cmdlet of
# Microsoft.PowerShell.Management gets Get-ItemProperty from that module, until this one is loaded.
. "$PSScriptRoot/../machine.ps1"

$script:prefix = 'Microsoft.Management.Infrastructure.CimInstance'

# Update-TypeData, Add-Member and Set-Alias are in Microsoft.PowerShell.Utility: this module does without them, so that using it does not load that one.
$script:ofRow = [psscriptproperty]::new('CimInstanceProperties', {
        $columns = [ordered] @{}
        foreach ($name in $this.CimClass.KmsLabNames) { $columns[$name] = $this.PSObject.Properties[$name].Value }
        , ([pscustomobject] $columns).PSObject.Properties
    })
# The columns of a class are put together only for who asks: a loop over them would cost every process that reads one instance a tenth of a second, because PowerShell
# compiles a loop from its 17th round on.
$script:ofClass = [psscriptproperty]::new('CimClassProperties', {
        for ($at = 0; $at -lt $this.KmsLabNames.Count; $at++) {
            $name = $this.KmsLabNames[$at]
            $flags = if ($this.KmsLabKeys -contains $name) { 'Property, Key' } else { 'Property' }
            $type = if ($null -eq $this.KmsLabTypes) { $null } else { $this.KmsLabTypes[$at] }
            [pscustomobject] @{ Name = $name; CimType = $type; Flags = $flags }
        }
    })
$script:ofError = [psscriptproperty]::new('CimInstanceProperties', { , $this.PSObject.Properties })

# CimWriteError.cs, ConvertCimNativeErrorCodeToErrorCategory
$script:categories = @{
    1 = 'NotSpecified'; 2 = 'PermissionDenied'; 3 = 'MetadataError'; 4 = 'InvalidArgument'; 5 = 'MetadataError'; 6 = 'ObjectNotFound'; 7 = 'NotImplemented'
    13 = 'InvalidType'; 15 = 'InvalidArgument'; 16 = 'MetadataError'; 17 = 'MetadataError'
}

function Write-CimFailure {
    # The forms: tests/lab/wire/bridge/cim_errors.py.
    param($Cmdlet, [uint32] $HResult, [int] $Status, [string] $Message, [string] $Form, $Target, [string] $Activity)

    $exception = [Microsoft.Management.Infrastructure.CimException]::new($Message)
    $native = [Microsoft.Management.Infrastructure.NativeErrorCode] $Status
    $null = $exception.GetType().GetProperty('NativeErrorCode').GetSetMethod($true).Invoke($exception, @($native))
    [System.Management.Automation.ErrorCategory] $category = $script:categories[$Status]
    $id = $null
    if ($Form -eq 'hresult') {
        # Exception.HResult can be set by the exception itself alone.
        $null = [System.Exception].GetProperty('HResult').GetSetMethod($true).Invoke($exception, @([System.BitConverter]::ToInt32([System.BitConverter]::GetBytes($HResult), 0)))
    }
    else {
        $id = if ($Form -eq 'text') { "MI RESULT $Status" } else { 'HRESULT 0x{0:x8}' -f $HResult }
        $data = [pscustomobject] [ordered] @{
            CIMStatusCode = [uint32] $Status
            CIMStatusCodeDescription = $null
            ErrorSource = $null
            ErrorSourceFormat = [uint16] 0
            ErrorType = [uint16] 0
            Message = $Message
            MessageID = $id
            PerceivedSeverity = [uint16] 0
            ProbableCause = [uint16] 0
            error_Category = [uint16] $category
            error_Code = [uint32] $(if ($Form -eq 'error_code') { $HResult } else { 0 })
            error_Type = if ($Form -eq 'text') { 'MI' } else { 'HRESULT' }
            error_WindowsErrorMessage = $Message
        }
        $data.PSObject.Properties.Add($script:ofError)
        Add-KmsLabTypeName $data "$prefix#ROOT/cimv2/MSFT_WmiError", $prefix, 'System.Object'
        # CimException takes its error data from a CimInstance, and that needs Windows' (or OMI's) native library; members of the PowerShell object come first.
        $members = @{ ErrorData = $data; MessageId = $id; StatusCode = [uint32] $Status; ErrorSource = $null; ErrorType = [uint16] 0 }
        foreach ($member in $members.GetEnumerator()) { $exception.PSObject.Properties.Add([psnoteproperty]::new($member.Key, $member.Value)) }
    }
    # CimInstance.ToString of PowerShell/MMI: the class and its keys.
    $name = if ($Target -is [string] -or $null -eq $Target) { $null }
    else {
        $keys = Get-Keys $Target
        $Target.CimClass.CimClassName + ' (' + (@(foreach ($key in $keys.Keys) { "$key = `"$($keys[$key])`"" }) -join ', ') + ')'
    }
    Write-KmsLabError $Cmdlet $exception $(if ($id) { $id } else { "MiClientApiError_$native" }) $category $Target $Activity $name 'CimInstance'
}

function Invoke-Cim {
    # Ask the machine; write the error and return nothing where it fails.
    param($Cmdlet, [System.Collections.IDictionary] $Request, [uint32] $TimeoutSeconds, $Target, [string] $Activity)

    try { $answer = Invoke-KmsLabBridge $Request $TimeoutSeconds }
    catch [System.TimeoutException] {
        # WBEM_E_TIMED_OUT; that a local operation which takes longer than OperationTimeoutSec ends so is inferred.
        Write-CimFailure $Cmdlet 0x80041069u 1 'Timed out' 'error_code' $Target $Activity
        return
    }
    if ($null -eq $answer.PSObject.Properties['error']) { return $answer }
    $failure = $answer.error
    Write-CimFailure $Cmdlet $failure.hresult $failure.status $failure.message $failure.form $Target $Activity
}

function Add-CimMembers {
    # Make a CimInstance of an object that has the columns of one.
    param($Object, $CimClass, [string] $Namespace)

    $members = $Object.PSObject.Properties
    $members.Add([psnoteproperty]::new('PSComputerName', $null))
    $members.Add([psnoteproperty]::new('CimClass', $CimClass))
    $system = [pscustomobject] @{ Namespace = $Namespace; ServerName = $null; ClassName = $CimClass.CimClassName; Path = $null }
    $members.Add([psnoteproperty]::new('CimSystemProperties', $system))
    $members.Add($script:ofRow)
    $space = $Namespace.Replace('\', '/')
    Add-KmsLabTypeName $Object "$prefix#$space/$($CimClass.CimClassName)", "$prefix#$($CimClass.CimClassName)", $prefix, 'System.Object'
}

function New-CimClass {
    # Types is null for a class that was not read from the machine: its methods' declarations are not known then.
    param([string] $Name, $Names, $Types, $Keys)

    $class = [pscustomobject] @{ CimClassName = $Name; KmsLabNames = $Names; KmsLabTypes = $Types; KmsLabKeys = $Keys }
    $class.PSObject.Properties.Add($script:ofClass)
    $class
}

function Read-Rows {
    param($Answer)

    $class = New-CimClass $Answer.class $Answer.names $Answer.types $Answer.keys
    foreach ($row in $Answer.rows) {
        foreach ($name in $Answer.unfinished) {
            $property = $row.PSObject.Properties[$name]
            $property.Value = ConvertFrom-KmsLabValue $property.Value $Answer.types[$Answer.names.IndexOf($name)]
        }
        Add-CimMembers $row $class $Answer.namespace
        $row
    }
}

function Get-Keys {
    # The key properties of an instance, as texts, by name.
    param($Instance)

    $keys = @{}
    foreach ($name in $Instance.CimClass.KmsLabKeys) {
        $value = $Instance.PSObject.Properties[$name].Value
        $keys[$name] = if ($null -eq $value) { '' } else { [string] $value }
    }
    $keys
}

function Test-Instance {
    param($Instance)
    if ($null -eq $Instance -or $Instance.PSObject.TypeNames -notcontains $prefix) {
        throw [System.ArgumentException]::new('InputObject is no CimInstance.')
    }
}

function Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand {
    # CimGetInstance.cs: with Filter or Property a query is made of them, without either the class is enumerated.
    [Alias('Get-CimInstance', 'gcim')]
    [CmdletBinding(DefaultParameterSetName = 'Class')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Class', ValueFromPipelineByPropertyName)] [string] $ClassName,
        [Parameter(ParameterSetName = 'Class')] [string] $Filter,
        [Parameter(ParameterSetName = 'Class')] [Alias('SelectProperties')] [string[]] $Property,
        [Parameter(Mandatory, ParameterSetName = 'Query')] [string] $Query,
        [Parameter(ParameterSetName = 'Class')] [Parameter(ParameterSetName = 'Query')] [string] $Namespace = 'root/cimv2',
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Instance', ValueFromPipeline)] [Alias('CimInstance')] $InputObject,
        [Alias('OT')] [uint32] $OperationTimeoutSec
    )
    process {
        $target = $null
        if ($PSCmdlet.ParameterSetName -eq 'Instance') {
            Test-Instance $InputObject
            $request = @{ op = 'Get'; namespace = $InputObject.CimSystemProperties.Namespace; class = $InputObject.CimClass.CimClassName; keys = Get-Keys $InputObject }
            $target = $InputObject
        }
        else {
            $text = $Query
            if ($PSCmdlet.ParameterSetName -eq 'Class') {
                $columns = if ($Property) { $Property -join ',' } else { '*' }
                $text = "select $columns from $ClassName" + $(if ($Filter) { " where $Filter" })
                if (-not $Filter -and -not $Property) { $target = "${Namespace}:$ClassName" }
            }
            $request = @{ op = 'Enumerate'; namespace = $Namespace; query = $text }
        }
        $answer = Invoke-Cim $PSCmdlet $request $OperationTimeoutSec $target 'Get-CimInstance'
        if ($null -ne $answer) { Read-Rows $answer }
    }
}

function Microsoft.Management.Infrastructure.CimCmdlets.NewCimInstanceCommand {
    # CimNewCimInstance.cs, CreateCimInstance. Only -ClientOnly: the lab's classes have no instance that a program may create.
    [Alias('New-CimInstance', 'ncim')]
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0)] [string] $ClassName,
        [string[]] $Key = @(),
        [Parameter(Position = 1)] [Alias('Arguments')] [System.Collections.IDictionary] $Property = @{},
        [string] $Namespace = 'root/cimv2',
        [Parameter(Mandatory)] [Alias('Local')] [switch] $ClientOnly
    )
    $columns = [ordered] @{}
    foreach ($entry in $Property.GetEnumerator()) { $columns[([string] $entry.Key).Trim()] = $entry.Value }
    $instance = [pscustomobject] $columns
    Add-CimMembers $instance (New-CimClass $ClassName @($columns.Keys) $null @($Key)) $Namespace
    $instance
}

function Microsoft.Management.Infrastructure.CimCmdlets.InvokeCimMethodCommand {
    # CimInvokeCimMethod.cs and CimMethodResultObserver in CimResultObserver.cs.
    [Alias('Invoke-CimMethod', 'icim')]
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'Class')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Class')] [string] $ClassName,
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Instance', ValueFromPipeline)] [Alias('CimInstance')] $InputObject,
        [Parameter(Mandatory, ParameterSetName = 'Query')] [string] $Query,
        [Parameter(Position = 1)] [System.Collections.IDictionary] $Arguments,
        [Parameter(Mandatory, Position = 2)] [Alias('Name')] [string] $MethodName,
        [Parameter(ParameterSetName = 'Class')] [Parameter(ParameterSetName = 'Query')] [string] $Namespace = 'root/cimv2',
        [Alias('OT')] [uint32] $OperationTimeoutSec
    )
    process {
        # The .NET type of an argument is what the machine judges it by: no name, no value is changed here.
        $given = [ordered] @{}
        if ($Arguments) { foreach ($entry in $Arguments.GetEnumerator()) { $given[[string] $entry.Key] = $entry.Value } }
        $targets = switch ($PSCmdlet.ParameterSetName) {
            'Instance' {
                Test-Instance $InputObject
                $InputObject
            }
            'Query' {
                $answer = Invoke-Cim $PSCmdlet @{ op = 'Enumerate'; namespace = $Namespace; query = $Query } $OperationTimeoutSec $null 'Invoke-CimMethod'
                if ($null -ne $answer) { Read-Rows $answer }
            }
            'Class' { $null }
        }
        if ($PSCmdlet.ParameterSetName -eq 'Query' -and $null -eq $targets) { return }
        foreach ($instance in @($targets)) {
            if ($null -eq $instance) {
                $request = @{ namespace = $Namespace; class = $ClassName; keys = $null; declared = $false }
                $target = "${Namespace}:$ClassName"
            }
            else {
                $request = @{
                    namespace = $instance.CimSystemProperties.Namespace; class = $instance.CimClass.CimClassName; keys = Get-Keys $instance
                    declared = $null -ne $instance.CimClass.KmsLabTypes
                }
                $target = $instance
            }
            $request.op, $request.method, $request.arguments = 'Invoke', $MethodName, $given
            if (-not $PSCmdlet.ShouldProcess($request.class, "Invoke-CimMethod: $MethodName")) { continue }
            $answer = Invoke-Cim $PSCmdlet $request $OperationTimeoutSec $target 'Invoke-CimMethod'
            if ($null -eq $answer) { continue }
            $object = $answer.outputs
            foreach ($output in @($object.PSObject.Properties)) {
                $output.Value = ConvertFrom-KmsLabValue $output.Value $answer.types.PSObject.Properties[$output.Name].Value
            }
            $object.PSObject.Properties.Add([psnoteproperty]::new('PSComputerName', $null))
            $name = 'Microsoft.Management.Infrastructure.CimMethodResult'
            Add-KmsLabTypeName $object "$name#$($request.class)#$MethodName", $name, 'System.Object'
            $object
        }
    }
}

function Microsoft.Management.Infrastructure.CimCmdlets.GetCimAssociatedInstanceCommand {
    [Alias('Get-CimAssociatedInstance', 'gcai')]
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline)] [Alias('CimInstance')] $InputObject,
        [Parameter(Mandatory, Position = 1)] [string] $Association,
        [Parameter(Mandatory)] [string] $ResultClassName,
        [Alias('OT')] [uint32] $OperationTimeoutSec
    )
    process {
        Test-Instance $InputObject
        $request = @{
            op = 'Associate'; namespace = $InputObject.CimSystemProperties.Namespace; class = $InputObject.CimClass.CimClassName; keys = Get-Keys $InputObject
            association = $Association; result = $ResultClassName
        }
        $answer = Invoke-Cim $PSCmdlet $request $OperationTimeoutSec $InputObject 'Get-CimAssociatedInstance'
        if ($null -ne $answer) { Read-Rows $answer }
    }
}
