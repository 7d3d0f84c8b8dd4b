# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
@{
    RootModule = 'CimCmdlets.psm1'
    ModuleVersion = '1.0.0'
    Author = 'activation.kms contributors'
    Description = 'Stand-ins for the CIM cmdlets, the service cmdlets and the registry drive on a simulated machine of the lab.'
    FunctionsToExport = @(
        'Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand'
        'Microsoft.Management.Infrastructure.CimCmdlets.NewCimInstanceCommand'
        'Microsoft.Management.Infrastructure.CimCmdlets.InvokeCimMethodCommand'
        'Microsoft.Management.Infrastructure.CimCmdlets.GetCimAssociatedInstanceCommand'
        'Microsoft.PowerShell.Commands.GetItemPropertyCommand'
        'Microsoft.PowerShell.Commands.GetItemPropertyValueCommand'
        'Microsoft.PowerShell.Commands.GetServiceCommand'
        'Microsoft.PowerShell.Commands.RestartServiceCommand'
        'Microsoft.PowerShell.Commands.StartServiceCommand'
        'Microsoft.PowerShell.Commands.StopServiceCommand'
    )
    AliasesToExport = @(
        'Get-CimInstance', 'New-CimInstance', 'Invoke-CimMethod', 'Get-CimAssociatedInstance', 'gcim', 'ncim', 'icim', 'gcai'
        'Get-ItemProperty', 'Get-ItemPropertyValue', 'Get-Service', 'Restart-Service', 'Start-Service', 'Stop-Service'
    )
    CmdletsToExport = @()
    VariablesToExport = @()
}
