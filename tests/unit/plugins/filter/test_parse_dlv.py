# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter parse_dlv: what it takes, and that what it returns is what it documents."""

from __future__ import annotations

import pathlib

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.activation.kms.plugins.filter.parse_dlv import FilterModule
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.facts import Facts

TOP = pathlib.Path(__file__).resolve().parents[4]
TEXT = "Name: Windows(R), Enterprise edition\r\nLicense Status: Licensed\r\nInstalled product key AAAAA-BBBBB-CCCCC-DDDDD-2YT43 successfully.\r\n"


def parse(text):
    return FilterModule().filters()["parse_dlv"](text)


@pytest.mark.parametrize(
    ("wrong", "words"), [(None, "nothing"), (7, "a whole number"), (["Name: x"], "a list"), ({"stdout": "x"}, "a mapping")]
)
def test_anything_but_a_text_is_an_error_of_the_filter(wrong, words):
    with pytest.raises(AnsibleFilterError, match=f"got {words}; of a list of lines"):
        parse(wrong)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_bytes_are_read_as_what_they_say_they_are(encoding):
    assert parse(TEXT.encode(encoding)) == parse(TEXT)


def test_bytes_of_no_known_encoding_are_read_as_far_as_they_go():
    assert parse(b"\xff\x00\xfe License Status\nLicense Status: Licensed\n")["outputs"][0]["products"][0]["license_status"] == 1


def test_an_output_has_every_key_of_the_facts_and_no_key_of_the_product():
    (output,) = parse(TEXT)["outputs"]
    assert set(output) == {*Facts().as_dict(), "language", "unknown", "extra"}
    assert output["unknown"] == ["Installed product key XXXXX-XXXXX-XXXXX-XXXXX-2YT43 successfully."]


def test_the_documentation_names_what_comes_back_and_its_examples_are_yaml():
    documents = yaml.safe_load((TOP / "plugins/filter/parse_dlv.yml").read_text(encoding="utf-8"))
    value = documents["RETURN"]["_value"]["contains"]
    assert set(value) == set(parse(TEXT))
    assert set(value["outputs"]["contains"]) <= set(parse(TEXT)["outputs"][0])
    assert yaml.safe_load(documents["EXAMPLES"])
