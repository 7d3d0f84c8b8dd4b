# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The demonstration: a simulated estate, the playbooks that an administrator would run on it, and what came of it.
# Run by `make demo` from the top of the checkout.
set -eu

python=.venv/bin/python
export ANSIBLE_FORKS=10
folder=.demo
estate=tests/lab/estates/demo.yml
facts=$folder/activation.jsonl
# As JSON, because name=value ends at a space.
facts_path="{\"kms_facts_path\": \"$PWD/$facts\"}"
# No proxy leads to the lab's loopback addresses.
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY

say() { printf '\n== %s\n\n' "$*"; }
playbook() {
    printf '$ ansible-playbook %s\n' "$*"
    "$python" -m ansible playbook -i "$folder/inventory.yml" "$@"
}
stop() { "$python" -m tests.lab stop --directory "$folder" >/dev/null 2>&1 || true; }

stop
rm -rf "$folder"
mkdir -m 700 "$folder"
trap stop EXIT INT TERM

say "A simulated estate on loopback: $estate"
"$python" -m tests.lab start --estate "$estate" --directory "$folder" --daemonize
# In real life the host key comes from a vault. This one is made up, with letters that no real key has.
"$python" tests/demo/variables.py "$estate" "$folder"

say "1. Stand up the KMS host: key, activation, firewall, SRV record proven, port answering"
playbook activation.kms.deploy_host -e kms_hosts=kms_hosts

say "2. Move the clients to KMS: three have a MAK, the others a client key; all ask, then those ask again that were refused for the count"
playbook activation.kms.activate_clients -e kms_clients=kms_clients -e "$facts_path"

say "3. The same playbooks again: nothing is left to change (only what changes or fails would be shown)"
export ANSIBLE_DISPLAY_OK_HOSTS=false ANSIBLE_DISPLAY_SKIPPED_HOSTS=false
playbook activation.kms.deploy_host -e kms_hosts=kms_hosts -e "$facts_path"
playbook activation.kms.activate_clients -e kms_clients=kms_clients

say "What came of it"
"$python" tests/demo/summary.py "$facts"

say "4. Somebody switches the host's firewall exception off. A client tries to renew, and fails. Why?"
# The estate's clock stands still otherwise: ten minutes later.
"$python" -c "from tests.lab.client import LabClient; lab = LabClient.of('$folder'); lab.advance(600); lab.change('kms01', firewall_exception=False)"
printf '$ ansible w11ent01 -m activation.kms.activate -a "role=kms_client renew=true"\n'
if "$python" -m ansible adhoc -i "$folder/inventory.yml" w11ent01 -m activation.kms.activate -a "role=kms_client renew=true" >"$folder/renewal.txt" 2>&1; then
    echo "The client renewed although the firewall is closed."
    exit 1
fi
echo "It failed: $(grep -m1 -o '0x[0-9A-F]\{8\} SL_[A-Z_]*' "$folder/renewal.txt")."
if "$python" -c "import sys; from tests.lab import engine; sys.exit(engine.find() is None)"; then
    playbook activation.kms.troubleshoot -e kms_client=w11ent01 -e kms_host=kms01
else
    echo "The simulated machines have no PowerShell here (tests/lab/README.md says how to give them one): the client's own view of the network is left out."
    playbook activation.kms.troubleshoot -e kms_client=w11ent01 -e kms_host=kms01 -e '{"kms_powershell": false}'
fi
