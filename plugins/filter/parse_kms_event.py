# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter parse_kms_event; its documentation is parse_kms_event.yml."""

from __future__ import annotations

import collections.abc
import typing as t

from ansible.errors import AnsibleFilterError

from ..plugin_utils._evidence.events import decode
from ..plugin_utils._evidence.export_record import whole
from ..plugin_utils._evidence.exports import read_data, read_export
from ..plugin_utils._evidence.kinds import kind_of
from ..plugin_utils._keys import mask_keys, mask_result


def parse_kms_event(value: t.Any, event_id: t.Any = None) -> list[dict[str, t.Any]]:
    """Return the licensing events that a text or data holds, as plain data. Raises AnsibleFilterError for what can't hold any."""
    try:
        events = [event.as_dict() for event in _events(value, event_id)]
    except ValueError as error:
        raise AnsibleFilterError(f"parse_kms_event: {mask_keys(str(error))}") from None
    return t.cast("list[dict[str, t.Any]]", mask_result(events))


def _events(value: t.Any, event_id: t.Any) -> t.Iterator[t.Any]:
    is_list = isinstance(value, collections.abc.Sequence) and not isinstance(value, (str, bytes))
    texts = is_list and bool(value) and all(isinstance(item, str) for item in value)
    if event_id is not None:
        number = whole(event_id)
        if number is None or not 0 < number <= 0xFFFF:
            raise ValueError(f"event_id is {mask_keys(str(event_id))[:40]!r}, not the number of an event such as 12288")
        if not isinstance(value, str) and not texts:
            raise ValueError(f"with event_id the value is the text of one event or the list of its insertion strings, not {kind_of(value)}")
        yield decode(number, [value] if isinstance(value, str) else value)
    elif isinstance(value, (str, bytes)):
        yield from read_export(value)
    elif texts:
        for number, text in enumerate(value, 1):
            yield from read_export(text, f"text {number}")
    elif is_list or isinstance(value, collections.abc.Mapping):
        yield from read_data(value)
    else:
        raise ValueError(f"the value is {kind_of(value)}, not a text, a record or a list of them")


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"parse_kms_event": parse_kms_event}
