# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the variables that an administrator keeps beside an inventory: the demo estate's host key, where to ask for DNS, and that its MAKs may go.

Usage: python tests/demo/variables.py ESTATE FOLDER
"""

from __future__ import annotations

import os
import pathlib
import sys
import typing as t

import yaml

from tests.lab.client import LabClient


def group_variables(estate: str, lab: LabClient) -> dict[str, dict[str, t.Any]]:
    """Return the variables of each group. The host key would be in a vault in real life."""
    keys = yaml.safe_load(pathlib.Path(estate).read_text(encoding="utf-8"))["keys"]
    servers, port = list(lab.name_servers.values()), lab.dns_port
    return {
        "all": {"kms_name_servers": servers, "kms_dns_port": port},
        "kms_hosts": {
            "kms_host_key": next(row["key"] for row in keys if row["channel"] == "kms_host"),
            "kms_host_name_servers": servers,
            "kms_host_dns_port": port,
        },
        "mak_clients": {"kms_client_convert_from": ["mak"]},
    }


def main(estate: str, folder: str) -> None:
    """Write FOLDER/group_vars, readable by the owner only."""
    variables = pathlib.Path(folder, "group_vars")
    variables.mkdir(mode=0o700)
    for group, content in group_variables(estate, LabClient.of(folder)).items():
        descriptor = os.open(variables / f"{group}.yml", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yaml.safe_dump(content, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
