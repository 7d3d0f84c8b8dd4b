# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests over either backend: the marks powershell and wsman, and the last line of a run, which counts them. How a run is shared out to processes.

@pytest.mark.powershell    the test needs the lab's PowerShell engine (tests/lab/engine.py); without one it is skipped
@pytest.mark.wsman         the test goes over wsman

`make test` runs pytest with -n auto --dist loadscope: a process for each processor. The tests of a file, and those of a class, stay together in one process,
because they share labs; so a class is for tests that need none of what the others of their file do. `pytest FILE` alone is one process, as ever.
"""

from __future__ import annotations

import typing as t

import pytest

from tests.lab import engine

# The same words in every skip, so that pytest's own summary gathers them into one line.
_NO_ENGINE = f"no PowerShell engine: {engine.ADVICE}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs an engine where there is none. One that is named and cannot be used is an error of every such test."""
    if item.get_closest_marker("powershell") is not None and engine.find() is None:
        pytest.skip(_NO_ENGINE)


# What takes a minute or more, longest first (--durations=0), so that no process is left alone with it at the end. After it come the other system tests.
_LONGEST = (
    "tests/system/test_backends.py",
    "tests/system/test_playbooks.py",
    "tests/system/test_secrets.py",
    "tests/system/test_faults.py",
    "tests/system/test_facts_file.py",
    "tests/system/test_authentication.py",
    "tests/system/test_operations.py",
    "tests/system/test_requests.py",
    "tests/system/lab/test_shell.py",
    "tests/system/lab/test_commands.py",
    "tests/system/test_options.py",
    "tests/system/",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what takes long first where several processes share the tests; the order within a file stays."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: next((rank for rank, path in enumerate(_LONGEST) if item.nodeid.startswith(path)), len(_LONGEST)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> t.Generator[None, object, object]:
    """Say at the very end how many tests ran over each backend."""
    result = yield
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    # A worker of pytest-xdist has a terminal that nobody sees, and no reports.
    if terminal is not None and not hasattr(session.config, "workerinput"):
        line = _summary(terminal.stats)
        if line:
            terminal.write_line(line)
    return result


def _summary(stats: t.Mapping[str, t.Sequence[t.Any]]) -> str:
    """Return what to say of a run, nothing when none of its tests has a mark of ours."""

    def count(backend: str, *outcomes: str) -> int:
        reports = [report for outcome in outcomes for report in stats.get(outcome, ()) if backend in getattr(report, "keywords", ())]
        # A test that failed and whose fixtures failed after it is there twice.
        return len({report.nodeid for report in reports})

    ran = {backend: count(backend, "passed", "failed", "xfailed", "xpassed") for backend in ("wsman", "powershell")}
    missing = len(
        {report.nodeid for report in stats.get("skipped", ()) if "powershell" in report.keywords and _NO_ENGINE in str(report.longrepr)}
    )
    if not any(ran.values()) and not missing:
        return ""
    line = f"Backends: {ran['wsman']} tests ran over wsman, {ran['powershell']} over powershell"
    return f"{line}; {missing} skipped, {_NO_ENGINE}" if missing else line
