# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The firewall cmdlets that the lab knows, over MSFT_NetFirewallRule of the machine's model. On Windows they are functions as well, made from cdxml over the same class
# (Microsoft: Learn, NetSecurity; FWP/wfascimprov): an error id ends in the function's name. Set-NetFirewallRule -Enabled calls Enable or Disable here, Windows modifies
# the instance.

Set-StrictMode -Version 3
Import-Module CimCmdlets
. "$PSScriptRoot/../bridge.ps1"

$script:space = 'root/StandardCimv2'

function Find-Rule {
    # The rules of a name or display name. None: CmdletizationQuery_NotFound_ and the property's name, ObjectNotFound (published in scripts that look for it).
    param($Cmdlet, [string] $Activity, [string] $Property, [string[]] $Wanted)

    $rules = @(CimCmdlets\Get-CimInstance -Namespace $script:space -Query 'SELECT * FROM MSFT_NetFirewallRule' -ErrorAction Stop)
    if (-not $Wanted) { return $rules }
    foreach ($one in $Wanted) {
        $found = @($rules | Where-Object { $_.PSObject.Properties[$Property].Value -like $one })
        if (-not $found -and -not [System.Management.Automation.WildcardPattern]::ContainsWildcardCharacters($one)) {
            $text = "No MSFT_NetFirewallRule objects found with property '$Property' equal to '$one'.  Verify the value of the property and retry."
            Write-KmsLabError $Cmdlet ([System.Exception]::new($text)) "CmdletizationQuery_NotFound_$Property" ObjectNotFound $one $Activity
        }
        $found
    }
}

function ConvertTo-Rule {
    # The names that the module gives the numbers (Microsoft: Learn, NetSecurity enumerations).
    param([Parameter(ValueFromPipeline)] $Row)
    process {
        $profiles = @(foreach ($pair in @(1, 'Domain'), @(2, 'Private'), @(4, 'Public')) { if ($Row.Profiles -band $pair[0]) { $pair[1] } })
        $rule = [pscustomobject] [ordered] @{
            Name = $Row.InstanceID
            ID = $Row.InstanceID
            InstanceID = $Row.InstanceID
            DisplayName = $Row.DisplayName
            DisplayGroup = $Row.DisplayGroup
            Group = $Row.RuleGroup
            Enabled = if ($Row.Enabled -eq 1) { 'True' } else { 'False' }
            Profile = if ($profiles) { $profiles -join ', ' } else { 'Any' }
            Direction = if ($Row.Direction -eq 1) { 'Inbound' } else { 'Outbound' }
            Action = @{ 2 = 'Allow'; 3 = 'AllowBypass'; 4 = 'Block' }[[int] $Row.Action]
            PrimaryStatus = 'OK'
            Status = $Row.Status
            PolicyStoreSource = $Row.PolicyStoreSource
        }
        $rule.PSObject.Properties.Add([psnoteproperty]::new('KmsLabRow', $Row))
        Add-KmsLabTypeName $rule 'Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/MSFT_NetFirewallRule', 'System.Object'
        $rule
    }
}

function Get-NetFirewallRule {
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    param(
        [Parameter(Position = 0, ParameterSetName = 'Name')] [Alias('ID', 'InstanceID')] [string[]] $Name,
        [Parameter(Mandatory, ParameterSetName = 'DisplayName')] [string[]] $DisplayName,
        [Parameter(Mandatory, ParameterSetName = 'DisplayGroup')] [string[]] $DisplayGroup
    )
    switch ($PSCmdlet.ParameterSetName) {
        'Name' { Find-Rule $PSCmdlet 'Get-NetFirewallRule' 'InstanceID' $Name | ConvertTo-Rule }
        'DisplayName' { Find-Rule $PSCmdlet 'Get-NetFirewallRule' 'DisplayName' $DisplayName | ConvertTo-Rule }
        'DisplayGroup' { Find-Rule $PSCmdlet 'Get-NetFirewallRule' 'DisplayGroup' $DisplayGroup | ConvertTo-Rule }
    }
}

function Get-NetFirewallPortFilter {
    [CmdletBinding()]
    param([Parameter(Mandatory, ValueFromPipeline)] $AssociatedNetFirewallRule)
    process {
        $through = @{ Association = 'MSFT_NetFirewallRuleFilterByProtocolPort'; ResultClassName = 'MSFT_NetProtocolPortFilter' }
        foreach ($row in CimCmdlets\Get-CimAssociatedInstance -InputObject $AssociatedNetFirewallRule.KmsLabRow @through) {
            # One port is shown as itself, several as an array (published outputs of the cmdlet).
            $ports = if ($row.LocalPort.Count -eq 1) { $row.LocalPort[0] } else { $row.LocalPort }
            [pscustomobject] [ordered] @{ InstanceID = $row.InstanceID; Protocol = $row.Protocol; LocalPort = $ports; RemotePort = 'Any' }
        }
    }
}

function Set-State {
    param($Cmdlet, [string] $Activity, $Rule, [bool] $Enabled)

    if ($Cmdlet.ShouldProcess($Rule.InstanceID, $Activity)) {
        $method = if ($Enabled) { 'Enable' } else { 'Disable' }
        $null = CimCmdlets\Invoke-CimMethod -InputObject $Rule -MethodName $method -ErrorAction Stop
    }
}

function Enable-NetFirewallRule {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [Alias('ID', 'InstanceID')] [string[]] $Name)
    process { foreach ($rule in Find-Rule $PSCmdlet 'Enable-NetFirewallRule' 'InstanceID' $Name) { Set-State $PSCmdlet 'Enable-NetFirewallRule' $rule $true } }
}

function Disable-NetFirewallRule {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [Alias('ID', 'InstanceID')] [string[]] $Name)
    process { foreach ($rule in Find-Rule $PSCmdlet 'Disable-NetFirewallRule' 'InstanceID' $Name) { Set-State $PSCmdlet 'Disable-NetFirewallRule' $rule $false } }
}

function Set-NetFirewallRule {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [Alias('ID', 'InstanceID')] [string[]] $Name,
        [Parameter(Mandatory)] [ValidateSet('True', 'False')] [string] $Enabled
    )
    process {
        foreach ($rule in Find-Rule $PSCmdlet 'Set-NetFirewallRule' 'InstanceID' $Name) { Set-State $PSCmdlet 'Set-NetFirewallRule' $rule ($Enabled -eq 'True') }
    }
}
