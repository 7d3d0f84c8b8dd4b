# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Adds to .venv what the tests over Kerberos need, where a compiler and the headers are there; elsewhere those tests are skipped by name.
# Run by `make test` after tests/prepare.sh, from the top of the checkout. Never fails.
set -u

requirements=kerberos-requirements.txt
stamp=.venv/.installed-$requirements
headers='import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))'

command -v krb5-config >/dev/null && command -v gcc >/dev/null && .venv/bin/python -c "$headers" || exit 0
cmp -s "$requirements" "$stamp" && exit 0
echo "Compiling the packages of $requirements (about two minutes the first time)"
# Without optimisation it takes a third of the time; the tests do not notice.
CFLAGS="-O0 -g0" .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --requirement "$requirements" ||
    echo "They could not be installed: the tests over Kerberos will be skipped. To try again: rm $stamp"
cp "$requirements" "$stamp"
