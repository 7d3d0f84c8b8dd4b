# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts files and pasted text on the controller's disk."""

from __future__ import annotations

import json
import pathlib
import tracemalloc

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._controller_files import FactsFiles, read_text
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.plain import EvidenceError

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"


def facts_file(folder: pathlib.Path, *lines: object, name: str = "facts.jsonl") -> pathlib.Path:
    path = folder / name
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), encoding="utf-8")
    return path


def line(name: str, number: int = 0) -> dict[str, object]:
    return {"inventory_hostname": name, "number": number}


def test_of_one_machine_the_last_line_counts_and_that_of_the_last_file(tmp_path: pathlib.Path) -> None:
    first = facts_file(tmp_path, line("a", 1), line("b", 2), "", line("a", 3))
    second = facts_file(tmp_path, line("b", 4), line("c", 5), name="second.jsonl")
    files = FactsFiles([first, second])
    for _time in range(2):
        assert [(row.name, row.data["number"]) for row in files] == [("a", 3), ("b", 4), ("c", 5)]
    assert files.names == {"a", "b", "c"}
    assert [row.where for row in files] == [f"line 4 of {first}", f"line 1 of {second}", f"line 2 of {second}"]


def test_lines_are_not_kept(tmp_path: pathlib.Path) -> None:
    path = facts_file(tmp_path, *({"inventory_hostname": f"pc{number}", "padding": "x" * 4000} for number in range(2000)))
    tracemalloc.start()
    try:
        assert sum(1 for _row in FactsFiles([path])) == 2000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The file has 8 MB; what is remembered of a machine is its name and two numbers.
    assert peak < 1_500_000


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{oops", "no JSON; it begins with '{oops'"),
        ("[1, 2]", "no JSON object but '[1, 2]'"),
        ('{"machine": {}}', "it has no inventory_hostname"),
        ('{"inventory_hostname": 7}', "it has no inventory_hostname"),
        ("[" * 100_000, "nested too deeply; it begins with '[[["),
    ],
)
def test_a_bad_line_is_an_error_that_names_file_and_line_and_the_next_step(tmp_path: pathlib.Path, bad: str, said: str) -> None:
    path = facts_file(tmp_path, line("a"), bad)
    with pytest.raises(EvidenceError) as error:
        FactsFiles([path])
    assert f"line 2 of {path}" in str(error.value)
    assert said in str(error.value)
    assert "Next: " in str(error.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(EvidenceError, match=r"none\.jsonl can't be read: No such file or directory\. Next: "):
        FactsFiles([tmp_path / "none.jsonl"])


def test_an_error_shows_no_key_even_where_it_cuts_one(tmp_path: pathlib.Path) -> None:
    for padding in range(60):
        path = facts_file(tmp_path, "{" + "x" * padding + KEY)
        with pytest.raises(EvidenceError) as error:
            FactsFiles([path])
        assert "ZEROA" not in str(error.value)


def test_a_text_of_several_lines_is_itself_and_one_line_is_a_path(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "pc01.txt"
    path.write_text("Name: x\n", encoding="utf-8")
    assert read_text("Name: y\nDescription: z").text == "Name: y\nDescription: z"
    assert (read_text(str(path)).text, read_text(str(path)).stem) == ("Name: x\n", "pc01")
    with pytest.raises(EvidenceError, match="there is no file"):
        read_text(str(tmp_path / "other.txt"))
    with pytest.raises(EvidenceError, match="there is no file"):
        read_text("   ")


@pytest.mark.parametrize("now", [[line("a")], [line("a"), line("c")], [line("longer"), line("b")]])
def test_a_file_that_is_written_anew_between_the_readings_loses_no_machine_in_silence(tmp_path: pathlib.Path, now: list[object]) -> None:
    path = facts_file(tmp_path, line("a"), line("b"))
    files = FactsFiles([path])
    facts_file(tmp_path, *now)
    with pytest.raises(EvidenceError, match=r"facts.jsonl changed while it was read\. Next: "):
        list(files)


def test_lines_that_are_added_meanwhile_are_for_the_next_time(tmp_path: pathlib.Path) -> None:
    path = facts_file(tmp_path, line("a"), line("b"))
    files = FactsFiles([path])
    facts_file(tmp_path, line("a"), line("b"), line("c"))
    assert [row.name for row in files] == ["a", "b"]
