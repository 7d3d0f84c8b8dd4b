# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab: python -m tests.lab start|stop|status, from the root of the repository."""

from __future__ import annotations

import argparse
import pathlib
import sys

from tests.lab.wire.commands import start, status, stop
from tests.lab.wire.network import CONTROL_PORT, DNS_PORT


def parser() -> argparse.ArgumentParser:
    """Return the argument parser."""
    main = argparse.ArgumentParser(prog="python -m tests.lab", description="An estate of simulated Windows machines on loopback.")
    commands = main.add_subparsers(dest="command", required=True)

    starting = commands.add_parser("start", help="start a lab and serve until it is stopped")
    starting.add_argument(
        "--estate", type=pathlib.Path, required=True, help="YAML file that describes the machines (see tests/lab/model/README.md)"
    )
    starting.add_argument("--network", metavar="127.A.B", help="where the addresses are; default: a free one is picked")
    starting.add_argument("--dns-port", type=int, default=DNS_PORT, help="port of the name servers (default: %(default)s)")
    starting.add_argument(
        "--control-port", type=int, default=CONTROL_PORT, help="port of the control address 127.A.B.1 (default: %(default)s)"
    )
    starting.add_argument("--daemonize", action="store_true", help="return when every port accepts, and leave the lab running")
    starting.add_argument(
        "--until-stdin-closes", action="store_true", help="stop when standard input ends, so that a lab does not outlive its starter"
    )
    starting.set_defaults(run=start)

    stopping = commands.add_parser("stop", help="stop the lab of a directory; succeeds when none runs")
    stopping.set_defaults(run=stop)

    telling = commands.add_parser("status", help="tell whether a lab runs (exit status 0) or not (3)")
    telling.set_defaults(run=status)

    for command in (starting, stopping, telling):
        command.add_argument("--directory", type=pathlib.Path, required=True, help="folder for lab.json, inventory.yml, ca.pem, lab.log")
    return main


def main() -> int:
    """Run a command and return the exit status."""
    arguments = parser().parse_args()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
