# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TESTS = """
import pytest

@pytest.mark.wsman
def test_one(): pass

@pytest.mark.wsman
@pytest.mark.powershell
def test_both(): pass

@pytest.mark.powershell
def test_other(): pass

def test_neither(): pass
"""


def _run(folder: pathlib.Path, program: str, *options: str, tests: str = TESTS) -> list[str]:
    """Run a file of tests with this pwsh, and return the lines that pytest ends with."""
    (folder / "test_marks.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -q --strict-markers\nmarkers =\n  powershell\n  wsman\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", *options, str(folder)]
    environ = os.environ | {"KMS_LAB_PWSH": program, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False).stdout.splitlines()


def test_the_last_line_counts_the_tests_over_each_backend(tmp_path: pathlib.Path) -> None:
    *_rest, result, last = _run(tmp_path, sys.executable)
    assert result.startswith("4 passed")
    assert last == "Backends: 2 tests ran over wsman, 2 over powershell"


def test_the_last_line_counts_what_ran_in_several_processes(tmp_path: pathlib.Path) -> None:
    *_rest, result, last = _run(tmp_path, sys.executable, "-n", "2", "--dist", "loadscope")
    assert result.startswith("4 passed")
    assert last == "Backends: 2 tests ran over wsman, 2 over powershell"


SHARED = """
import os
import pathlib

import pytest

@pytest.mark.parametrize("number", range(6))
def test_together(number):
    with pathlib.Path(__file__ + ".seen").open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + " ")

class TestOthers:
    @pytest.mark.parametrize("number", range(6))
    def test_others(self, number):
        with pathlib.Path(__file__ + ".others").open("a") as file:
            file.write(os.environ["PYTEST_XDIST_WORKER"] + " ")
"""


def test_the_tests_of_a_file_and_those_of_a_class_in_it_run_each_in_one_process(tmp_path: pathlib.Path) -> None:
    assert _run(tmp_path, sys.executable, "-n", "2", "--dist", "loadscope", tests=SHARED)[-1].startswith("12 passed")
    together, others = ((tmp_path / f"test_marks.py.{name}").read_text().split() for name in ("seen", "others"))
    assert len(together) == len(others) == 6
    assert len(set(together)) == len(set(others)) == 1
    assert set(together) != set(others)


def test_without_an_engine_the_last_line_says_how_many_were_skipped_and_why(tmp_path: pathlib.Path) -> None:
    *_rest, result, last = _run(tmp_path, "")
    assert result.startswith("2 passed, 2 skipped")
    assert last == (
        "Backends: 1 tests ran over wsman, 0 over powershell; 2 skipped, "
        "no PowerShell engine: set KMS_LAB_PWSH to a pwsh of version 7.6 or later, or put one on PATH"
    )


def test_an_engine_that_is_no_program_is_an_error_and_no_skip(tmp_path: pathlib.Path) -> None:
    assert any("is 'nowhere', which is no program" in line for line in _run(tmp_path, "nowhere"))
