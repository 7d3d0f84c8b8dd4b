#!powershell

# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic

# A module for the tests of the lab's shells: it gives back what it was given, and what Ansible told it.
$spec = @{
    options             = @{
        date  = @{ type = 'str' }
        text  = @{ type = 'str' }
        throw = @{ type = 'str' }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
if ($module.Params.throw) {
    throw $module.Params.throw
}
$module.Result.changed = $true
$module.Result.text = $module.Params.text
$module.Result.check_mode = $module.CheckMode
$module.Result.date = $module.Params.date
$module.Result.variable = $env:KMS_TEST_VARIABLE
$module.Diff.before = 'before'
$module.Diff.after = 'after'
$module.ExitJson()
