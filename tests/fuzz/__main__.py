# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fuzz the reply parser for longer, or look at single answers: C(python -m tests.fuzz --seconds 600), C(python -m tests.fuzz FILE ...)."""

from __future__ import annotations

import argparse
import pathlib
import random

from . import campaign
from .target import check


def main() -> None:
    """Run. Ends with a traceback when an answer breaks the promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the parser of Windows' answers.")
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="answers to try instead of making some up")
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU seconds to go on for (60)")
    parser.add_argument("--first", type=int, help="number of the first case; left out: one by chance, so that every run is another")
    arguments = parser.parse_args()
    for file in arguments.files:
        print(f"{file}: {dict(check(file.read_bytes()))}")
    if not arguments.files:
        # Above what `make test` gets through.
        first = random.SystemRandom().randrange(10**6, 10**12) if arguments.first is None else arguments.first
        print(f"Cases from {first} on, for {arguments.seconds:g} s of CPU time")
        print(campaign.run(arguments.seconds, first))


if __name__ == "__main__":
    main()
