# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
@{
    RootModule = 'Microsoft.PowerShell.Diagnostics.psm1'
    ModuleVersion = '1.0.0'
    Author = 'activation.kms contributors'
    Description = 'Stand-in for Get-WinEvent on a simulated machine of the lab.'
    FunctionsToExport = @('Microsoft.PowerShell.Commands.GetWinEventCommand')
    AliasesToExport = @('Get-WinEvent')
    CmdletsToExport = @()
    VariablesToExport = @()
}
