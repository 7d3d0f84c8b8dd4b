# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes .venv with the named requirements, and the link through which ansible finds this checkout as activation.kms.
# Usage, from the top of the checkout: sh tests/prepare.sh PYTHON REQUIREMENTS
set -eu

python=$1
requirements=$2

case $PWD in
*:*)
    echo "This folder has a colon in its path ($PWD); Ansible cannot use such a path. Move the checkout." >&2
    exit 1
    ;;
esac

if ! command -v "$python" >/dev/null; then
    echo "There is no $python. On Debian: apt install python3 python3-venv. Another one: make PYTHON=/path/to/python3.11 ..." >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$python is $("$python" -V), and 3.11 or later is needed. Another one: make PYTHON=/path/to/python3.11 ..." >&2
    exit 1
fi

mkdir -p .cache/ansible_collections/activation
ln -sfn ../../.. .cache/ansible_collections/activation/kms

# Scripts in a virtual environment hold its path: a folder that was moved or copied gets one of its own, and so does another Python.
origin=$(pwd -P && "$python" -V)
# The stamp holds every line that was installed, so that a changed pin is installed and an unchanged one costs nothing.
wanted=$(cat requirements.txt test-requirements.txt "$requirements")
stamp=.venv/.installed-$requirements
if [ "$origin" != "$(cat .venv/.origin 2>/dev/null)" ] || ! .venv/bin/python -c '' 2>/dev/null; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "$python cannot make virtual environments here. On Debian: apt install python$version-venv" >&2
        exit 1
    fi
    echo "Making a virtual environment in .venv"
    rm -rf .venv
    "$python" -m venv .venv
    printf '%s' "$origin" >.venv/.origin
elif [ "$wanted" = "$(cat "$stamp" 2>/dev/null)" ]; then
    exit 0
fi
echo "Installing the packages of $requirements (a minute or two the first time)"
.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --requirement "$requirements"
printf '%s' "$wanted" >"$stamp"
