# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Windows machine over WS-Management that answers from a script, for tests of what the backend sends and makes of answers."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.activation.kms.plugins.plugin_utils._windows import wsman
from ansible_collections.activation.kms.plugins.plugin_utils._windows.soap import Reply, local_name

from tests.unit.plugins.plugin_utils._windows import messages as m

Scripted = str | Reply | Exception
"""The content of a SOAP body, a whole reply, or what sending raises."""


class Machine:
    """Answers messages from a script, fails on any message that is not in it, and keeps what it was sent."""

    def __init__(self, *script: Scripted) -> None:
        self.script = list(script)
        self.sent: list[ET.Element] = []
        self.options: list[dict[str, t.Any]] = []
        self.pauses: list[float] = []
        self.windows = wsman.WsmanWindows(self.send, self.pauses.append)

    def send(self, xml: bytes, *, doing: str, write: bool, timeout_seconds: float, once: bool = False, fresh: bool = False) -> Reply:
        assert self.script, f"a message was sent that nothing was written down for: {xml.decode()}"
        self.sent.append(ET.fromstring(xml))
        self.options.append({"write": write, "once": once, "fresh": fresh, "timeout": timeout_seconds, "doing": doing})
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Reply):
            return answer
        status = 500 if "<s:Fault>" in answer else 200
        return Reply(status, m.envelope(answer, m.message_id_of(xml)))

    def actions(self) -> list[str]:
        return [(self.text(i, "Action") or "").rpartition("/")[2] for i in range(len(self.sent))]

    def text(self, index: int, name: str) -> str | None:
        return next((e.text or "" for e in self.sent[index].iter() if local_name(e) == name), None)

    def names(self, index: int) -> set[str]:
        """Return the local names of all elements of a message."""
        return {local_name(e) for e in self.sent[index].iter()}

    def selectors(self, index: int) -> dict[str | None, str]:
        return {e.get("Name"): e.text or "" for e in self.sent[index].iter() if local_name(e) == "Selector"}

    def read(self, *operations: t.Any) -> list[t.Any]:
        found = self.windows.read(operations)
        assert not self.script, f"never asked for: {self.script}"
        return list(found)

    def invoke(self, call: t.Any) -> dict[str, t.Any]:
        found = self.windows.invoke(call)
        assert not self.script, f"never asked for: {self.script}"
        return found
