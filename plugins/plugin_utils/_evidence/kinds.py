# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kind of thing a value is, in words of a user.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import collections.abc
import typing as t

_KINDS: tuple[tuple[type, str], ...] = (
    (type(None), "nothing"),
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "a text"),
    (bytes, "bytes"),
    (collections.abc.Mapping, "a mapping"),
    (collections.abc.Sequence, "a list"),
)


def kind_of(value: t.Any) -> str:
    """Return the kind of a value. Ansible's own types, such as _AnsibleTaggedStr, are kinds of these, and their names say nothing to a user."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), f"of type {type(value).__name__}")
