# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports go in one direction, and what judges touches neither Ansible nor network nor disk: docs/architecture.md, "Where things are"."""

from __future__ import annotations

import ast
import pathlib
import typing as t

import pytest

UTILS = pathlib.Path(__file__).parents[2] / "plugins" / "plugin_utils"

LAYERS = ("_catalogue", "_windows", "_evidence", "_diagnosis", "_report")
"""From left to right; _keys stands with _catalogue, _licensing with _evidence, the files beside the folders at the right end."""

PURE = ("_licensing", "_evidence", "_diagnosis", "_report")
OUTSIDE = {"ansible", "asyncio", "http", "requests", "shutil", "socket", "ssl", "subprocess", "tempfile", "urllib"}
READING = {"open", "read_bytes", "read_text", "write_bytes", "write_text", "unlink", "mkdir"}


def layer_of(name: str) -> int:
    """Return the place of a folder or file of plugin_utils from the left."""
    name = {"_keys": "_catalogue", "_licensing": "_evidence"}.get(name, name)
    return LAYERS.index(name) if name in LAYERS else len(LAYERS)


def files(*folders: str) -> list[pathlib.Path]:
    found = [path for folder in folders for path in sorted((UTILS / folder).rglob("*.py"))]
    assert found
    return found


def imported(path: pathlib.Path) -> t.Iterator[str]:
    """Yield what a file imports: C(.) and the path from plugin_utils for what is there, else the module's name."""
    package = ("plugin_utils", *path.relative_to(UTILS).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join((*package[: len(package) + 1 - node.level], *filter(None, [node.module]))) if node.level else node.module or ""
            yield from (f"{base}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", files("."), ids=lambda path: str(path.relative_to(UTILS)))
def test_nothing_to_the_left_imports_from_the_right(path: pathlib.Path) -> None:
    own = layer_of(path.relative_to(UTILS).parts[0].removesuffix(".py"))
    for name in imported(path):
        if name.startswith("plugin_utils."):
            assert layer_of(name.split(".")[1]) <= own, name
        else:
            assert not name.startswith("ansible_collections"), name


@pytest.mark.parametrize("path", files("_evidence"), ids=lambda path: path.name)
def test_evidence_knows_of_windows_its_vocabulary_alone_and_of_licensing_its_constants(path: pathlib.Path) -> None:
    for name in imported(path):
        for folder, allowed in (("_windows", {"interface", "errors"}), ("_licensing", {"model"})):
            assert not name.startswith(f"plugin_utils.{folder}.") or name.split(".")[2] in allowed, name


@pytest.mark.parametrize("path", files(*PURE), ids=lambda path: str(path.relative_to(UTILS)))
def test_what_judges_touches_neither_ansible_nor_network_nor_disk(path: pathlib.Path) -> None:
    assert OUTSIDE.isdisjoint(name.split(".")[0] for name in imported(path))
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    used = {call.attr for call in calls if isinstance(call, ast.Attribute)} & READING
    used |= {call.id for call in calls if isinstance(call, ast.Name)} & {"open"}
    # A member of a zip file that somebody else has opened.
    assert used == ({"open"} if path.name == "bundle_file.py" else set())
