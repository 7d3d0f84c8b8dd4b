# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show what a facts file says of an estate, as tables on the terminal.

Usage: python tests/demo/summary.py FACTS_FILE
"""

from __future__ import annotations

import collections
import json
import pathlib
import sys
import typing as t

import rich.box
import rich.console
import rich.table

Facts = dict[str, t.Any]


def latest(path: pathlib.Path) -> list[Facts]:
    """Return the last line of each machine, sorted by name."""
    rows = {row["inventory_hostname"]: row for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
    return [rows[name] for name in sorted(rows)]


def windows(row: Facts) -> Facts | None:
    """Return the machine's primary product."""
    return next((product for product in row["products"] if product["activation_id"] == row["primary"]), None)


def edition(row: Facts) -> str:
    """Return the name of a machine's Windows without the company's."""
    return str(row["machine"]["caption"]).removeprefix("Microsoft ")


def table(title: str, *headings: str) -> rich.table.Table:
    """Return an empty table in the style of all of them: narrow enough for 80 columns."""
    made = rich.table.Table(title=title, title_justify="left", title_style="bold", box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        made.add_column(heading, no_wrap=True)
    return made


def host_table(rows: list[Facts]) -> rich.table.Table:
    """Return one line for each KMS host."""
    made = table("KMS hosts", "Host", "Windows", "Status", "Port", "Count", "Requests")
    for row in rows:
        host, product = row["host"], windows(row)
        requests = host["requests"] or {}
        made.add_row(
            str(row["machine"]["name"]).lower(),
            edition(row),
            product["license_status_word"] if product else "?",
            str(host["listening_port"]),
            "none yet" if host["count"] is None else str(host["count"]),
            f"{requests.get('total')}, {requests.get('failed')} failed",
        )
    return made


def client_table(rows: list[Facts]) -> rich.table.Table:
    """Return one line for each Windows edition among the clients."""
    made = table("Clients", "Windows", "Machines", "On KMS", "Licensed", "Days", "KMS host")
    by_edition: dict[str, list[Facts]] = collections.defaultdict(list)
    for row in rows:
        by_edition[edition(row)].append(row)
    for caption in sorted(by_edition):
        group = by_edition[caption]
        products = [product for product in map(windows, group) if product]
        days = sorted({(product["grace_minutes"] or 0) // 1440 for product in products})
        found = sorted({(row["service"]["kms_machine_discovered"] or {}).get("name", "none").partition(".")[0] for row in group})
        made.add_row(
            caption,
            str(len(group)),
            str(sum(product["role"] == "kms_client" for product in products)),
            str(sum(product["license_status_word"] == "licensed" for product in products)),
            f"{days[0]} to {days[-1]}" if len(days) > 1 else str(days[0]) if days else "?",
            ", ".join(found),
        )
    return made


def main(path: str) -> int:
    """Print the summary; return 1 when a machine needs attention, else 0."""
    rows = latest(pathlib.Path(path))
    hosts = [row for row in rows if row["host"]["is_kms_host"]]
    clients = [row for row in rows if not row["host"]["is_kms_host"]]
    console = rich.console.Console()
    console.print(host_table(hosts))
    for row in hosts:
        console.print(f"{row['machine']['fqdn'] or row['machine']['name']}: {row['host']['count_explained']}.", highlight=False)
    console.print()
    console.print(client_table(clients))
    needy = [row for row in rows if row["answers"]["needs_attention"]]
    for row in needy:
        console.print(f"[bold]{row['inventory_hostname']}[/bold]: {' '.join(row['answers']['attention'])}", highlight=False)
    licensed = sum(bool(row["answers"]["activated"]) for row in rows)
    console.print(f"{licensed} of {len(rows)} machines are licensed, {len(needy)} need attention.", highlight=False)
    console.print(f"Facts, one JSON line for each machine: {path}", highlight=False, soft_wrap=True)
    return 1 if needy else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
