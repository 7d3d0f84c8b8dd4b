# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Resolve-DnsName as the machine's own resolver sees it: its suffixes, and real queries to the lab's name servers.
#
# Shape of a record: published outputs (RobBiddle/Get-WHOIS, Find-WhoisServer; Microsoft: Learn, Azure Files DNS, for SOA in the authority section). Errors:
#   DNS_ERROR_RCODE_NAME_ERROR   9003, ResourceUnavailable    published often; its sentence is "NAME : DNS name does not exist"
#   RCODE_SERVER_FAILURE         9002, ResourceUnavailable    Microsoft: Learn, DNSSEC in Windows, and Azure DNS security policy
#   ERROR_TIMEOUT                1460, OperationTimeout       Microsoft: SupportArticles-docs, DNS client resolution time-outs
#   DNS_INFO_NO_RECORDS          9501                         the number is known to public scripts; the category is inferred. It comes where an answer has no record
#                                                             at all; one with the zone's SOA record gives that record and no error, as published outputs show
#   DNS_ERROR_RCODE_REFUSED      9005                         id and category by analogy (inferred)

Set-StrictMode -Version 3
. "$PSScriptRoot/../bridge.ps1"

$script:failures = @{
    9002 = 'RCODE_SERVER_FAILURE', 'ResourceUnavailable', 'DNS server failure'
    9003 = 'DNS_ERROR_RCODE_NAME_ERROR', 'ResourceUnavailable', 'DNS name does not exist'
    9005 = 'DNS_ERROR_RCODE_REFUSED', 'ResourceUnavailable', 'DNS operation refused'
    9501 = 'DNS_INFO_NO_RECORDS', 'ResourceUnavailable', 'No records found for given DNS query'
    1460 = 'ERROR_TIMEOUT', 'OperationTimeout', 'This operation returned because the timeout period expired'
    9852 = 'DNS_ERROR_NO_DNS_SERVERS', 'ResourceUnavailable', 'No DNS servers configured for local system'
}

function ConvertTo-DnsRecord {
    param($Row)

    foreach ($name in 'Strings', 'Text') {
        $property = $Row.PSObject.Properties[$name]
        if ($null -ne $property) { $property.Value = [string[]] @($property.Value) }
    }
    Add-KmsLabTypeName $Row "Microsoft.DnsClient.Commands.DnsRecord_$($Row.Type)", 'Microsoft.DnsClient.Commands.DnsRecord', 'System.Object'
    $Row
}

function Microsoft.DnsClient.Commands.ResolveDnsName {
    [Alias('Resolve-DnsName')]
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string] $Name,
        [Parameter(Position = 1)] [ValidateSet('A_AAAA', 'A', 'AAAA', 'SRV', 'CNAME', 'TXT', 'PTR', 'SOA', 'NS')] [string] $Type = 'A_AAAA',
        [string[]] $Server,
        [switch] $DnsOnly,
        [switch] $NoHostsFile,
        [switch] $QuickTimeout
    )
    process {
        $asked = $Name
        $address = $null
        if ($Type -eq 'PTR' -and [System.Net.IPAddress]::TryParse($Name, [ref] $address) -and $address.AddressFamily -eq 'InterNetwork') {
            $parts = $Name.Split('.')
            [array]::Reverse($parts)
            $asked = ($parts -join '.') + '.in-addr.arpa'
        }
        $first = $null
        if ($Server) { $first = $Server[0] }
        $found = @()
        # A name has both kinds of address asked for when no type is given; a kind that is missing is no error as long as the other is there.
        foreach ($kind in $(if ($Type -eq 'A_AAAA') { 'AAAA', 'A' } else { $Type })) {
            $answer = Invoke-KmsLabBridge @{ op = 'Resolve'; name = $asked; type = $kind; server = $first }
            if ($null -ne $answer.PSObject.Properties['error']) {
                $code = $answer.error.code
                if ($code -eq 9501 -and $found) { continue }
                $id, $category, $sentence = $script:failures[$code]
                if (-not $id) { $id, $category, $sentence = "DNS_ERROR_$code", 'ResourceUnavailable', "DNS error $code" }
                $exception = [System.ComponentModel.Win32Exception]::new($code, "$Name : $sentence")
                Write-KmsLabError $PSCmdlet $exception $id $category $Name 'Resolve-DnsName'
                return
            }
            $records = @(foreach ($row in $answer.records) { ConvertTo-DnsRecord $row })
            $answers = @($records | Where-Object Section -EQ 'Answer')
            $found = if ($Type -eq 'A_AAAA' -and ($answers -or $found)) { @(@($found | Where-Object Section -EQ 'Answer') + $answers) } else { $records }
        }
        $found
    }
}
