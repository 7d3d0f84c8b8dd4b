# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Serves PowerShell's remoting protocol on stdin and stdout, by the engine's own server: what "pwsh -SSHServerMode" does, for a host program that
# has no such mode. PowerShell/PowerShell, src/System.Management.Automation/engine/remoting/server/OutOfProcServerMediator.cs.
Set-StrictMode -Version 3

$mediator = [psobject].Assembly.GetType('System.Management.Automation.Remoting.Server.StdIOProcessMediator', $true)
$run = $mediator.GetMethod('Run', [System.Reflection.BindingFlags]'NonPublic, Static')

# Windows PowerShell 5.1 leaves texts that look like dates alone (bootstrap.py says more).
$given = @{ initialCommand = '$global:PSDefaultParameterValues["ConvertFrom-Json:DateKind"] = "String"'; combineErrOutStream = $false }
$arguments = foreach ($parameter in $run.GetParameters()) { $given[$parameter.Name] }
$run.Invoke($null, [object[]]$arguments)
