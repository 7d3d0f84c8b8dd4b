# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of python -m tests.lab."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from tests.lab.client import LabClient, LabError
from tests.lab.model.estate import EstateError

from .kerberos import KerberosError
from .lab import Lab
from .nameservice.bind import BindError
from .network import AddressError
from .state import Directory, RunningError, already_running

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05
NOT_RUNNING = 3


def start(arguments: argparse.Namespace) -> int:
    """Start a lab, in the foreground or in the background. Returns the exit status."""
    directory = Directory(arguments.directory)
    directory.create()
    return _background(arguments, directory) if arguments.daemonize else _foreground(arguments, directory)


def _foreground(arguments: argparse.Namespace, directory: Directory) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    began = time.monotonic()

    async def serve() -> None:
        lab = Lab(arguments.estate, directory, arguments.network, arguments.dns_port, arguments.control_port)
        if arguments.until_stdin_closes:
            _stop_at_end_of_stdin(lab, asyncio.get_running_loop())

        def ready() -> None:
            count = len(lab.estate.machines)
            took = time.monotonic() - began
            print(f"lab ready: {count} machines in {lab.description()['network']} after {took:.1f} s; {directory.lab_json}", flush=True)

        await lab.run(ready)

    try:
        with directory.hold():
            directory.lab_json.unlink(missing_ok=True)  # left by a lab that was killed
            asyncio.run(serve())
    except (RunningError, EstateError, AddressError, BindError, KerberosError, OSError) as error:
        print(f"the lab did not start: {error}", file=sys.stderr)
        return 1
    return 0


def _stop_at_end_of_stdin(lab: Lab, loop: asyncio.AbstractEventLoop) -> None:
    def wait() -> None:
        while os.read(0, 4096):
            pass
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(lab.stop)

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def _background(arguments: argparse.Namespace, directory: Directory) -> int:
    if directory.running():
        print(f"the lab did not start: {already_running(directory.path)}", file=sys.stderr)
        return 1
    directory.lab_json.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.lab", "start", "--estate", str(arguments.estate.resolve()), "--directory", str(directory.path)]
    command += ["--dns-port", str(arguments.dns_port), "--control-port", str(arguments.control_port)]
    command += ["--network", arguments.network] if arguments.network else []
    with directory.log.open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=repository(), start_new_session=True, close_fds=True
        )
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if directory.read_lab_json() is not None:
            print(directory.log.read_text(encoding="utf-8", errors="replace").strip() or f"lab ready: {directory.lab_json}")
            return 0
        if process.poll() is not None:
            break
        time.sleep(_POLL_SECONDS)
    else:
        process.terminate()
    lines = directory.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    print("\n".join(lines[-15:]) or f"the lab did not start within {_START_SECONDS:.0f} s; see {directory.log}", file=sys.stderr)
    return 1


def stop(arguments: argparse.Namespace) -> int:
    """Stop the lab of a directory; it is no error when none runs. Returns the exit status."""
    directory = Directory(arguments.directory)
    if not directory.running():
        directory.lab_json.unlink(missing_ok=True)
        print(f"no lab runs in {directory.path}")
        return 0
    # While the lock is held the process id in lab.json is that of the lab, so that no other process can be meant.
    description = directory.read_lab_json()
    try:
        LabClient.of(directory.path).stop()
    except LabError:
        if description is not None:
            os.kill(int(description["pid"]), signal.SIGTERM)
    if _wait_for_end(directory):
        print(f"lab in {directory.path} stopped")
        return 0
    print(
        f"the lab in {directory.path} did not stop within {_STOP_SECONDS:.0f} s (process {description and description['pid']})",
        file=sys.stderr,
    )
    return 1


def _wait_for_end(directory: Directory) -> bool:
    end = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < end:
        if not directory.running():
            return True
        time.sleep(_POLL_SECONDS)
    return False


def status(arguments: argparse.Namespace) -> int:
    """Tell whether a lab runs in a directory. Returns the exit status."""
    directory = Directory(arguments.directory)
    if not directory.running():
        print(f"no lab runs in {directory.path}")
        return NOT_RUNNING
    description = directory.read_lab_json()
    if description is None:
        print(f"a lab is starting or stopping in {directory.path}")
        return NOT_RUNNING
    servers = ", ".join(f"{name} {address}:{description['dns']['port']}" for name, address in description["dns"]["servers"].items())
    print(
        f"lab in {directory.path}: process {description['pid']}, {len(description['machines'])} machines in {description['network']}, "
        f"control {description['control']}, name servers {servers or 'none'}"
    )
    return 0


def repository() -> pathlib.Path:
    """Return the root of the repository, from where the lab is started."""
    return pathlib.Path(__file__).resolve().parents[3]
