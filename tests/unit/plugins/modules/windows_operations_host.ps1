# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Takes windows_operations.ps1 apart and answers questions about it: one JSON text a line on stdin, one on stdout. The parts are the module's own,
# found in its syntax tree; only the module object, which Ansible would make, is missing.
param (
    [Parameter(Mandatory)]
    [string]
    $Path
)
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$tokens = $parseErrors = $null
$ast = [System.Management.Automation.Language.Parser]::ParseFile($Path, [ref]$tokens, [ref]$parseErrors)
$top = $ast.EndBlock.Statements
$create = @($top | Where-Object -FilterScript { $_.Extent.Text -like '$module = *::Create(*' })[0]

function Get-Part {
    param ([scriptblock]$Filter)
    foreach ($statement in $top | Where-Object -FilterScript $Filter) {
        $statement.Extent.Text
    }
}

# The specification, and what it is made of: everything before the module object.
foreach ($part in Get-Part -Filter { $_.Extent.StartOffset -lt $create.Extent.StartOffset }) {
    . ([scriptblock]::Create($part))
}
foreach ($part in Get-Part -Filter { $_.Extent.Text -match '^\$(invariant|cimTypes) = ' -or $_ -is [System.Management.Automation.Language.FunctionDefinitionAst] }) {
    . ([scriptblock]::Create($part))
}
$secrets = @{ ProductKey = 'LABHK-ZEROA-ISLEO-USUAL-0A1Z5' }

function Get-Name {
    # Types of syntax, and commands by name, in the whole file or before the module object is there.
    param ([bool]$Before)
    $found = @($ast.FindAll({ $true }, $true) | Where-Object -FilterScript { -not $Before -or $_.Extent.EndOffset -le $create.Extent.StartOffset -and $_.Extent.StartOffset -gt 0 })
    @{
        syntax = @($found | ForEach-Object -Process { $_.GetType().Name } | Sort-Object -Unique)
        commands = @(
            $found | Where-Object -FilterScript { $_ -is [System.Management.Automation.Language.CommandAst] } |
                ForEach-Object -Process { $_.GetCommandName() } | Sort-Object -Unique
        )
        types = @(
            $found | Where-Object -FilterScript { $_ -is [System.Management.Automation.Language.TypeExpressionAst] } |
                ForEach-Object -Process { $_.TypeName.FullName } | Sort-Object -Unique
        )
    }
}

function Get-WinEvent {
    # Says what a question has it say: a record for a number, an error for an id, one without end for "for ever". $script:said counts.
    [CmdletBinding()]
    param ([string]$LogName, [string]$FilterXPath)
    if ($LogName -eq 'closed') { throw [System.UnauthorizedAccessException]::new('Attempted to perform an unauthorized operation.') }
    foreach ($step in $script:steps) {
        do {
            $script:said++
            if ($step -is [string]) { Write-Error -Message "nothing for $step" -ErrorId $step }
            else {
                [PSCustomObject]@{
                    Id = $step.id; RecordId = $script:said; LogName = $LogName; ProviderName = $step.source; MachineName = 'pc01'; TimeCreated = [datetime]::UtcNow
                    Properties = @([PSCustomObject]@{ Value = 'one' }, [PSCustomObject]@{ Value = $null })
                }
            }
        } while ($step -is [string] -and $step -eq 'for ever')
    }
}

while ($null -ne ($line = [System.Console]::In.ReadLine())) {
    $question = ConvertFrom-Json -InputObject $line -DateKind String
    $answer = switch ($question.ask) {
        parse { @{ errors = @($parseErrors | ForEach-Object -Process { "line $($_.Extent.StartLineNumber): $($_.Message)" }) } }
        specification { $spec }
        names { Get-Name -Before $question.before }
        functions {
            @{ functions = @(
                    foreach ($function in $top | Where-Object -FilterScript { $_ -is [System.Management.Automation.Language.FunctionDefinitionAst] }) {
                        @{ name = $function.Name; help = [string]$function.GetHelpContent().Synopsis }
                    }
                )
            }
        }
        tokens { @{ kinds = @($tokens | ForEach-Object -Process { [string]$_.Kind } | Sort-Object -Unique) } }
        round_trip {
            @{ values = @(
                    foreach ($value in $question.values) {
                        $texts = [string[]]@(foreach ($marked in $value.texts) { ConvertFrom-AnsibleKmsText -Text $marked })
                        $typed = ConvertTo-AnsibleKmsArgument -Type $value.type -Texts $texts
                        @{ type = $typed.GetType().FullName; texts = ConvertTo-AnsibleKmsTextList -Value $typed }
                    }
                )
            }
        }
        texts {
            # Values that no text stands for: null, and what has an object around it.
            @{
                null = ConvertTo-AnsibleKmsTextList -Value $null
                wrapped = ConvertTo-AnsibleKmsTextList -Value (Write-Output -InputObject ([uint32]7))
                array_with_null = ConvertTo-AnsibleKmsTextList -Value @('a', $null, 'b')
                empty_array = ConvertTo-AnsibleKmsTextList -Value @()
                row = ConvertTo-AnsibleKmsRow -InputObject ([PSCustomObject]@{ A = 1; B = $null; D = @(, 'x') }) -Name 'A', 'B', 'C', 'D'
            }
        }
        events {
            $script:steps = @($question.steps)
            $script:said = 0
            $asked = @{
                log = "=$($question.log)"; xpath = '=*'; event_ids = @(5, 6); shared_ids = @(, 6); sources = @(, '=licensing')
                limit = $question.limit; budget_seconds = $question.budget
            }
            try {
                $found = Invoke-AnsibleKmsEvents -Events $asked
                @{ complete = $found.complete; rows = $found.rows; said = $script:said }
            }
            catch {
                @{ error = $_.Exception.Message; hresult = $_.Exception.HResult }
            }
        }
        failure {
            try {
                $exception = [System.ComponentModel.Win32Exception]::new([int]$question.native_code, $question.message)
                throw [System.Management.Automation.ErrorRecord]::new($exception, $question.error_id, 'NotSpecified', $null)
            }
            catch {
                ConvertTo-AnsibleKmsFailure -ErrorRecord $_
            }
        }
        default { throw "nobody knows the question $($question.ask)" }
    }
    [System.Console]::Out.WriteLine((ConvertTo-Json -InputObject $answer -Depth 30 -Compress))
}
