# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter gives plain data, as its documentation has it, and says what it can't take."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.activation.kms.plugins.filter import explain_error as module

explain_error = module.FilterModule().filters()["explain_error"]


def documented() -> dict[str, t.Any]:
    text = pathlib.Path(module.__file__).with_suffix(".yml").read_text(encoding="utf-8")
    return t.cast("dict[str, t.Any]", yaml.safe_load(text)["RETURN"]["_value"]["contains"])


@pytest.mark.parametrize("code", ["0xC004F074", 3221549172, -1073418124, {"code": "0xC004F074", "symbol": "something else"}])
def test_a_code_is_explained_as_documented(code: t.Any) -> None:
    found = explain_error(code)
    assert json.loads(json.dumps(found)) == found
    assert (found["code"], found["symbol"], found["known"]) == ("0xC004F074", "SL_E_VL_BINDING_SERVICE_UNAVAILABLE", True)
    assert "12288" in found["remedy"]
    assert found["sources"]
    documentation = documented()
    assert list(found) == list(documentation)
    for name in ("facility", "family"):
        assert list(found[name]) == list(documentation[name]["contains"])
    assert list(explain_error("0x80070005")["win32"]) == list(documentation["win32"]["contains"])


def test_what_is_no_code_is_an_error_of_the_filter_without_a_key_in_it() -> None:
    with pytest.raises(AnsibleFilterError, match="explain_error: .*no code"):
        explain_error("the printer is on fire")
    with pytest.raises(AnsibleFilterError) as caught:
        explain_error("LABHK-ZEROA-ISLEO-USUAL-0A1Z5")
    assert "LABHK" not in str(caught.value)


def test_the_kind_of_a_wrong_value_is_told_in_words_of_a_user() -> None:
    for value, words in ((True, "true or false"), ([1], "a list"), (None, "nothing"), (1.5, "a number")):
        with pytest.raises(AnsibleFilterError, match=f"not {words}$"):
            module.FilterModule().filters()["explain_error"](value)
