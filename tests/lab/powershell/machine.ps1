# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Services and the drive HKLM: of a simulated machine. Services are Win32_Service of the machine's model; a path that is not in HKLM: goes to the real cmdlets.

$script:roots = '^(?:Microsoft\.PowerShell\.Core\\)?(?:Registry::)?(?:HKLM:|HKEY_LOCAL_MACHINE)\\?(?<path>.*)$'

function Get-Values {
    # The values of a key by name, or null where there is no such key. 7 is REG_MULTI_SZ (Microsoft: Learn, RegistryValueKind).
    param([string] $Path)

    $answer = Invoke-KmsLabBridge @{ op = 'Registry'; path = $Path }
    if ($null -eq $answer.values) { return }
    $values = [ordered] @{}
    foreach ($row in $answer.values) {
        $name = $row.name
        if (-not $name) { $name = '(default)' }
        # No "= if": that takes an array apart.
        $values[$name] = $row.data
        if ($row.kind -eq 7) { $values[$name] = ConvertFrom-KmsLabValue $row.data 'string[]' }
    }
    $values
}

function Get-Key {
    # As Get-Values, with the errors of the real cmdlets: PathNotFound for a key, a PSArgumentException for a value (both seen in the engine's own provider errors).
    param($Cmdlet, [string] $Given, [string] $Path, [string] $Activity, [string[]] $Name)

    $values = Get-Values $Path
    if ($null -eq $values) {
        $exception = [System.Management.Automation.ItemNotFoundException]::new("Cannot find path '$Given' because it does not exist.")
        Write-KmsLabError $Cmdlet $exception 'PathNotFound' ObjectNotFound $Given $Activity
        return
    }
    $found = [ordered] @{}
    foreach ($wanted in $(if ($Name) { $Name } else { @($values.Keys) })) {
        if ($values.Contains($wanted)) { $found[$wanted] = $values[$wanted] }
        else {
            $exception = [System.Management.Automation.PSArgumentException]::new("Property $wanted does not exist at path HKEY_LOCAL_MACHINE\$Path.")
            Write-KmsLabError $Cmdlet $exception 'System.Management.Automation.PSArgumentException' InvalidArgument $wanted $Activity
        }
    }
    $found
}

function Microsoft.PowerShell.Commands.GetItemPropertyValueCommand {
    [Alias('Get-ItemPropertyValue')]
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param(
        [Parameter(Position = 0, ParameterSetName = 'Path', ValueFromPipeline)] [string[]] $Path = '.',
        [Parameter(Mandatory, ParameterSetName = 'LiteralPath', ValueFromPipelineByPropertyName)] [Alias('PSPath')] [string[]] $LiteralPath,
        [Parameter(Mandatory, Position = 1)] [string[]] $Name
    )
    process {
        foreach ($one in $(if ($LiteralPath) { $LiteralPath } else { $Path })) {
            if ($one -notmatch $script:roots) {
                Microsoft.PowerShell.Management\Get-ItemPropertyValue @PSBoundParameters
                return
            }
            $found = Get-Key $PSCmdlet $one $Matches.path 'Get-ItemPropertyValue' $Name
            # An array comes out whole, as from the real cmdlet.
            if ($found) { foreach ($value in $found.Values) { , $value } }
        }
    }
}

function Microsoft.PowerShell.Commands.GetItemPropertyCommand {
    [Alias('Get-ItemProperty')]
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Path', ValueFromPipeline)] [string[]] $Path,
        [Parameter(Mandatory, ParameterSetName = 'LiteralPath', ValueFromPipelineByPropertyName)] [Alias('PSPath')] [string[]] $LiteralPath,
        [Parameter(Position = 1)] [string[]] $Name
    )
    process {
        foreach ($one in $(if ($LiteralPath) { $LiteralPath } else { $Path })) {
            if ($one -notmatch $script:roots) {
                Microsoft.PowerShell.Management\Get-ItemProperty @PSBoundParameters
                return
            }
            $found = Get-Key $PSCmdlet $one $Matches.path 'Get-ItemProperty' $Name
            if ($found) {
                $found['PSPath'] = "Microsoft.PowerShell.Core\Registry::HKEY_LOCAL_MACHINE\$($one -replace $script:roots, '${path}')"
                [pscustomobject] $found
            }
        }
    }
}

# Services ---------------------------------------------------------------------------------------------------------------------------

function Get-LabService {
    # Find services by name; wildcards are for Get-Service. A name that is none: NoServiceFoundForGivenName (published; PowerShell/PowerShell, Service.cs).
    param($Cmdlet, [string[]] $Name, [string] $Activity)

    $all = @(Get-CimInstance -ClassName Win32_Service -ErrorAction Stop)
    foreach ($wanted in $Name) {
        $found = @($all | Where-Object { $_.Name -like $wanted -or $_.DisplayName -eq $wanted })
        if (-not $found -and -not [System.Management.Automation.WildcardPattern]::ContainsWildcardCharacters($wanted)) {
            $exception = [System.InvalidOperationException]::new("Cannot find any service with service name '$wanted'.")
            Write-KmsLabError $Cmdlet $exception 'NoServiceFoundForGivenName' ObjectNotFound $wanted $Activity
        }
        $found
    }
}

function Invoke-LabService {
    # Call a method of Win32_Service; a ReturnValue that is not among Fine is the error of the real cmdlet (PowerShell/PowerShell, Service.cs).
    param($Cmdlet, $Service, [string] $Method, [uint32[]] $Fine, [string] $Id, [string] $Activity)

    $result = Invoke-CimMethod -InputObject $Service -MethodName $Method -ErrorAction Stop
    if ($result.ReturnValue -notin $Fine) {
        $verb = if ($Method -eq 'StartService') { 'start' } else { 'stop' }
        $exception = [System.InvalidOperationException]::new("Service '$($Service.DisplayName) ($($Service.Name))' cannot be ${verb}ed: Win32_Service.$Method gave $($result.ReturnValue).")
        Write-KmsLabError $Cmdlet $exception $Id OpenError $Service.Name $Activity
    }
}

function ConvertTo-Service {
    param([Parameter(ValueFromPipeline)] $Row)
    process {
        $service = [pscustomobject] [ordered] @{
            Status = $Row.State
            Name = $Row.Name
            DisplayName = $Row.DisplayName
            ServiceName = $Row.Name
            StartType = if ($Row.StartMode -eq 'Auto') { 'Automatic' } else { $Row.StartMode }
            CanStop = $Row.AcceptStop
        }
        Add-KmsLabTypeName $service 'System.ServiceProcess.ServiceController', 'System.Object'
        $service
    }
}

function Microsoft.PowerShell.Commands.GetServiceCommand {
    [Alias('Get-Service')]
    [CmdletBinding()]
    param([Parameter(Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('ServiceName')] [string[]] $Name = '*')
    process { Get-LabService $PSCmdlet $Name 'Get-Service' | ConvertTo-Service }
}

function Microsoft.PowerShell.Commands.StartServiceCommand {
    [Alias('Start-Service')]
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('ServiceName')] [string[]] $Name, [switch] $PassThru)
    process {
        foreach ($service in Get-LabService $PSCmdlet $Name 'Start-Service') {
            if ($PSCmdlet.ShouldProcess($service.Name)) { Invoke-LabService $PSCmdlet $service StartService (0, 10) 'CouldNotStartService' 'Start-Service' }
        }
        if ($PassThru) { Get-LabService $PSCmdlet $Name 'Start-Service' | ConvertTo-Service }
    }
}

function Microsoft.PowerShell.Commands.StopServiceCommand {
    [Alias('Stop-Service')]
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('ServiceName')] [string[]] $Name, [switch] $Force, [switch] $PassThru)
    process {
        foreach ($service in Get-LabService $PSCmdlet $Name 'Stop-Service') {
            if ($PSCmdlet.ShouldProcess($service.Name)) { Invoke-LabService $PSCmdlet $service StopService (0, 5, 6) 'CouldNotStopService' 'Stop-Service' }
        }
        if ($PassThru) { Get-LabService $PSCmdlet $Name 'Stop-Service' | ConvertTo-Service }
    }
}

function Microsoft.PowerShell.Commands.RestartServiceCommand {
    [Alias('Restart-Service')]
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('ServiceName')] [string[]] $Name, [switch] $Force, [switch] $PassThru)
    process {
        foreach ($service in Get-LabService $PSCmdlet $Name 'Restart-Service') {
            if ($PSCmdlet.ShouldProcess($service.Name)) {
                Invoke-LabService $PSCmdlet $service StopService (0, 5, 6) 'CouldNotStopService' 'Restart-Service'
                Invoke-LabService $PSCmdlet $service StartService (0, 10) 'CouldNotStartService' 'Restart-Service'
            }
        }
        if ($PassThru) { Get-LabService $PSCmdlet $Name 'Restart-Service' | ConvertTo-Service }
    }
}
