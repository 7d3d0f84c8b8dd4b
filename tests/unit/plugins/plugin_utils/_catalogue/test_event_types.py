# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of events is sound, and its page says what it says."""

from __future__ import annotations

import importlib.resources
import importlib.util
import pathlib
import re

import yaml
from ansible_collections.activation.kms.plugins.plugin_utils._catalogue import event_types as events
from ansible_collections.activation.kms.plugins.plugin_utils._evidence import event as evidence
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.events import decode

TOP = pathlib.Path(__file__).resolve().parents[5]
DATA = yaml.safe_load(importlib.resources.files(events.__package__).joinpath("events.yml").read_bytes())
ROWS = events.all_events()


def test_every_event_has_a_number_and_a_word_of_its_own():
    assert len({row.event_id for row in ROWS}) == len({row.name for row in ROWS}) == len(ROWS) == len(DATA["events"])
    assert [row.name for row in ROWS if not re.fullmatch(r"[a-z][a-z0-9_]+", row.name)] == []
    assert {row.side for row in ROWS} == {"client", "host", "any"}
    assert {row.log for row in ROWS} == {evidence.APPLICATION_LOG, evidence.KMS_LOG}
    known = {12288: "request_sent", 12289: "response_processed", 12290: "request_served", 12293: "publish_failed", 12294: "published"}
    assert {number: events.event_type(number).name for number in known} == known
    assert events.event_type(4711) is None


def test_every_field_can_be_read_and_has_a_place():
    for row in ROWS:
        assert row.storage in ("parts", "elements")
        names = list(decode(row.event_id, []).fields)
        assert len(names) == len(set(names))
        for field in (*row.fields, *([row.code] if row.code else [])):
            # What is read from nowhere, or by no reader, would be None for ever.
            places = [field.position, field.key, field.find, field.line]
            assert field.kind == "domain" or any(place is not None for place in places), (row.event_id, field.name)
        # Fields that hold a moment are turned into one again when a record is read back.
        assert {field.name for field in row.fields if field.kind == "minute"} <= evidence.MOMENTS


def test_a_machine_is_asked_for_what_tells_something():
    application, kms = events.event_ids("Application"), events.event_ids("key management service")
    assert {12288, 12289, 12293, 12294, 8198, 8233} <= set(application)
    assert 12290 in kms and 12290 not in application
    assert [number for number in application if events.event_type(number).noise] == []
    assert list(application) == sorted(application) and list(kms) == sorted(kms)
    assert events.event_ids("System") == ()


def test_flags_have_a_word_each_and_unknown_bits_are_kept():
    assert events.flag_words(0) == []
    assert events.flag_words(0x04000008) == ["other_pc", "not_enough_count"]
    assert events.flag_words(0x80000010) == ["0x00000010", "0x80000000"]
    assert sum(flag.bit for flag in events.FLAGS) == 0x0F000008


def test_every_source_is_used_and_every_fact_has_one():
    used = {name for row in ROWS for name in row.sources}
    assert used == {*DATA["sources"], "memory"}
    assert [row.event_id for row in ROWS if not row.sources] == []


def test_the_page_is_what_the_catalogue_says():
    spec = importlib.util.spec_from_file_location("generate_events", TOP / "docs/generate_events.py")
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    written = generator.PAGE.read_text(encoding="utf-8")
    assert written == generator.page(DATA), "run: python docs/generate_events.py"
    for row in ROWS:
        [line] = [line for line in written.splitlines() if re.match(rf"\| {row.event_id}\b", line)]
        assert f"`{row.name}`" in line
        assert all(f"`{name}`" in line for name in decode(row.event_id, []).fields)
