# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fuzz target for a bounded time, and every kept answer by itself."""

from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows import errors, soap

from tests.fuzz import campaign
from tests.fuzz.target import KEY, BrokenPromiseError, check

SECONDS = 12.0


def test_there_is_a_corpus_and_there_are_answers_that_once_broke_the_promise():
    assert len(list(campaign.CORPUS.glob("*.xml"))) > 20
    assert list(campaign.CRASHES.glob("*.xml"))


@pytest.mark.parametrize("file", campaign.files(), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_kept_answer_ends_in_a_value_or_in_an_error_that_can_be_shown(file):
    assert sum(check(file.read_bytes()).values()) > 20


def test_damaged_answers_end_in_values_or_in_errors_that_can_be_shown():
    tally = campaign.run(SECONDS)
    print(tally)
    # Slow machines get through fewer; with none of one kind the mutator would have gone astray.
    assert tally.cases > 300
    assert {"value", "BadReplyError", "FaultError", "MethodFailedError", "OutcomeUnknownError"} <= tally.ends.keys()


def test_a_case_comes_out_the_same_every_time_and_no_two_are_alike():
    kept = campaign.seeds()
    first = [campaign.make_case(kept, number) for number in range(50)]
    assert first == [campaign.make_case(kept, number) for number in range(50)]
    assert len({case.body for case in first}) > 40


@pytest.mark.parametrize("broken", [RuntimeError("what nobody expects"), BrokenPromiseError("what nobody may see")])
def test_an_answer_that_breaks_the_promise_is_kept_and_named(broken, monkeypatch, tmp_path):
    kept = campaign.seeds()

    def fail(*_chosen: object, **_options: object) -> str:
        raise broken

    monkeypatch.setattr(campaign, "seeds", lambda: kept)
    monkeypatch.setattr(campaign, "check_one", fail)
    monkeypatch.setattr(campaign, "FOUND", tmp_path)
    with pytest.raises(campaign.CrashError, match=f"case 7, .*{type(broken).__name__}: what nobody"):
        campaign.run(5, first=7)
    assert (tmp_path / "case-7.xml").read_bytes() == campaign.make_case(kept, 7).body


@pytest.mark.parametrize("place", ["detail", "meaning", "next_step"])
def test_the_target_sees_a_key_wherever_it_stands_in_an_error(place, monkeypatch):
    def leak(*_arguments: object) -> None:
        error = errors.BadReplyError("reading", "x", meaning="y", next_step="z")
        setattr(error, place, KEY.lower())
        raise error

    monkeypatch.setattr(soap, "parse", leak)
    with pytest.raises(BrokenPromiseError, match="product key"):
        check(b"<x/>")
