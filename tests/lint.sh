# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every linter, one after the other; ends with the names of those that found something. Run by `make lint` from the top of the checkout.
set -u
bin=$PWD/.venv/bin
failed=""
check() {
    printf '== %s\n' "$1"
    name=$1
    shift
    "$@" || failed="$failed $name"
}
documentation() {
    # What ansible-doc can't show of a module, a filter or a role is an error with its name.
    for module in plugins/modules/*.py; do
        "$bin/python" -m ansible doc --json "activation.kms.$(basename "$module" .py)" >/dev/null || return 1
    done
    for filter in plugins/filter/*.yml; do
        "$bin/python" -m ansible doc --json --type filter "activation.kms.$(basename "$filter" .yml)" >/dev/null || return 1
    done
    for role in roles/*; do
        "$bin/python" -m ansible doc --json --type role "activation.kms.$(basename "$role")" >/dev/null || return 1
    done
    # What O(), V(), RV() and P() name in the documentation must be there. It calls ansible-doc by its name, and leaves a log in the home folder.
    HOME=$PWD/.cache PATH="$bin:$PATH" "$bin/antsibull-docs" lint-collection-docs --plugin-docs --skip-rstcheck .
}

check ruff "$bin/python" -m ruff check plugins tests docs
check ruff-format "$bin/python" -m ruff format --check --quiet plugins tests docs
check mypy "$bin/python" -m mypy plugins/plugin_utils plugins/module_utils plugins/action plugins/filter docs tests/lab tests/bench tests/diagnosis
check yamllint "$bin/python" -m yamllint --strict .
check ansible-lint env PATH="$bin:$PATH" "$bin/ansible-lint" --offline --profile production
check antsibull-changelog "$bin/antsibull-changelog" lint
check documentation documentation

if [ -n "$failed" ]; then
    echo "Found something:$failed"
    exit 1
fi
echo "All linters are content."
