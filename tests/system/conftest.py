# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs for the system tests.

start_lab      a function: start_lab("small"), start_lab(path) or start_lab(data of an estate file) gives a running lab, with Ansible to run against it
               (ansible_runs.Lab). Every lab lives as long as the test module, in a process, a folder and a loopback network of its own.
small_lab      the estate small.yml, fresh for the module
fresh_small    the estate small.yml, fresh for every test
"""

from __future__ import annotations

import contextlib
import pathlib
import typing as t

import pytest
import yaml

from tests.lab.client import running_lab
from tests.system.ansible_runs import ESTATES, Json, Lab

LABS = {"start_lab", "small_lab", "fresh_small"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs modules against a lab and says nothing else as going over wsman, which the backend auto takes there."""
    for item in items:
        runs_modules = LABS & set(getattr(item, "fixturenames", ()))
        if runs_modules and item.get_closest_marker("powershell") is None and item.get_closest_marker("wsman") is None:
            item.add_marker("wsman")


StartLab = t.Callable[[str | pathlib.Path | Json], Lab]


def _estate_file(estate: str | pathlib.Path | Json, folder: pathlib.Path) -> pathlib.Path:
    if isinstance(estate, dict):
        path = folder / "estate.yml"
        path.write_text(yaml.safe_dump(estate, sort_keys=False), encoding="utf-8")
        return path
    return ESTATES / f"{estate}.yml" if isinstance(estate, str) else estate


@contextlib.contextmanager
def _labs(folders: pytest.TempPathFactory) -> t.Iterator[StartLab]:
    with contextlib.ExitStack() as stack:

        def start(estate: str | pathlib.Path | Json) -> Lab:
            folder = folders.mktemp("lab")
            file = _estate_file(estate, folder)
            return Lab(stack.enter_context(running_lab(file, folder / "lab")), folder / "lab", file)

        yield start


@pytest.fixture(scope="module")
def start_lab(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[StartLab]:
    """A function that starts a lab; all of them are stopped after the module's last test."""
    with _labs(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="module")
def small_lab(start_lab: StartLab) -> Lab:
    """The estate small.yml, shared by the module: for tests that change nothing that another one reads."""
    return start_lab("small")


@pytest.fixture
def fresh_small(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Lab]:
    """The estate small.yml for one test alone."""
    with _labs(tmp_path_factory) as start:
        yield start("small")
