# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
@{
    RootModule = 'NetSecurity.psm1'
    ModuleVersion = '1.0.0'
    Author = 'activation.kms contributors'
    Description = 'Stand-ins for the firewall cmdlets on a simulated machine of the lab.'
    FunctionsToExport = @('Get-NetFirewallRule', 'Get-NetFirewallPortFilter', 'Set-NetFirewallRule', 'Enable-NetFirewallRule', 'Disable-NetFirewallRule')
    AliasesToExport = @()
    CmdletsToExport = @()
    VariablesToExport = @()
}
