# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the event log's XPath that the lab takes (Microsoft: Learn, Consuming Events: XPath 1.0 limitations). Anything else is refused.

    * | *[System[CONDITION]]

    CONDITION    EventID OP N, EventRecordID OP N, Level OP N,
                 Provider[@Name OP 'TEXT'], TimeCreated[@SystemTime OP 'DATE'], TimeCreated[timediff(@SystemTime) OP MILLISECONDS],
                 each of the brackets with more than one comparison joined by and, or;
                 CONDITION and CONDITION, CONDITION or CONDITION, ( CONDITION )
    OP           = != < > <= >=

Names are case-sensitive, as in XPath. A DATE is xs:dateTime in UTC, such as 2026-01-01T00:00:00.000Z.
"""

from __future__ import annotations

import datetime
import operator
import re
import typing as t

from .eventlog import Event

MAX_EVENT_IDS = 22
"""Comparisons of EventID in one query.

With more of them "some versions of Windows" say that the query is invalid (Elastic: Winlogbeat's reference, event_id).
"""

MAX_DEPTH = 40
"""Nesting of parentheses; the number is the lab's own."""

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^']*'|\"[^\"]*\")|(?P<number>\d{1,19}(?![\w.]))|(?P<word>@?[A-Za-z]+)|(?P<sign>!=|<=|>=|[=<>()\[\]*]))", re.ASCII
)
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_OPERATORS: dict[str, t.Callable[[t.Any, t.Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_NUMBERS: dict[str, t.Callable[[Event], int]] = {
    "EventID": lambda event: event.event_id,
    "EventRecordID": lambda event: event.record,
    "Level": lambda event: event.level,
}

Filter = t.Callable[[Event, datetime.datetime], bool]


class EventQueryError(ValueError):
    """A query that is not in the subset; ERROR_EVT_INVALID_QUERY, 15001, on Windows."""


def parse(text: str) -> Filter:
    """Return the test that an event must pass; it takes the event and the machine's time. Raises EventQueryError."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        self._event_ids = 0
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if found is None:
                raise EventQueryError(f"a syntax error at position {at}")
            assert found.lastgroup is not None
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()

    def query(self) -> Filter:
        self._expect("*")
        if self._at == len(self._tokens):
            return lambda event, now: True
        for token in ("[", "System", "["):
            self._expect(token)
        condition = self._either(self._condition, 0)
        for token in ("]", "]"):
            self._expect(token)
        if self._at != len(self._tokens):
            raise EventQueryError("there is more after the end of the query")
        return condition

    def _either(self, single: t.Callable[[int], Filter], depth: int) -> Filter:
        parts = [self._both(single, depth)]
        while self._take("or"):
            parts.append(self._both(single, depth))
        return lambda event, now: any(part(event, now) for part in parts)

    def _both(self, single: t.Callable[[int], Filter], depth: int) -> Filter:
        parts = [self._grouped(single, depth)]
        while self._take("and"):
            parts.append(self._grouped(single, depth))
        return lambda event, now: all(part(event, now) for part in parts)

    def _grouped(self, single: t.Callable[[int], Filter], depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise EventQueryError("parentheses are nested too deeply")
        if self._take("("):
            inner = self._either(single, depth + 1)
            self._expect(")")
            return inner
        return single(depth)

    def _condition(self, depth: int) -> Filter:
        name = self._next("word")
        if name in _NUMBERS:
            read, compare, wanted = _NUMBERS[name], self._operator(), int(self._next("number"))
            self._event_ids += name == "EventID"
            if self._event_ids > MAX_EVENT_IDS:
                raise EventQueryError(f"more than {MAX_EVENT_IDS} comparisons of EventID")
            return lambda event, now: compare(read(event), wanted)
        inner = {"Provider": self._provider, "TimeCreated": self._time}.get(name)
        if inner is None:
            raise EventQueryError(f"the lab's event queries do not know {name}")
        self._expect("[")
        condition = self._either(inner, depth)
        self._expect("]")
        return condition

    def _provider(self, depth: int) -> Filter:
        self._expect("@Name")
        compare, wanted = self._operator(), self._next("text")[1:-1]
        return lambda event, now: compare(event.source, wanted)

    def _time(self, depth: int) -> Filter:
        if self._take("timediff"):
            for token in ("(", "@SystemTime", ")"):
                self._expect(token)
            compare, milliseconds = self._operator(), int(self._next("number"))
            return lambda event, now: compare((now - event.written) / datetime.timedelta(milliseconds=1), milliseconds)
        self._expect("@SystemTime")
        compare, wanted = self._operator(), _date(self._next("text")[1:-1])
        return lambda event, now: compare(event.written, wanted)

    def _operator(self) -> t.Callable[[t.Any, t.Any], bool]:
        token = self._next("sign")
        if token not in _OPERATORS:
            raise EventQueryError(f"expected a comparison, found {token}")
        return _OPERATORS[token]

    def _next(self, kind: str) -> str:
        if self._at == len(self._tokens) or self._tokens[self._at][0] != kind:
            raise EventQueryError(f"expected a {kind} in place of {self._rest()}")
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][0] in ("word", "sign") and self._tokens[self._at][1] == token:
            self._at += 1
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise EventQueryError(f"expected {token} in place of {self._rest()}")

    def _rest(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else "the end"


def _date(text: str) -> datetime.datetime:
    found = _DATE.fullmatch(text)
    if found is None:
        raise EventQueryError(f"{text} is no date such as 2026-01-01T00:00:00.000Z")
    try:
        whole = datetime.datetime.fromisoformat(found[1]).replace(tzinfo=datetime.UTC)
    except ValueError:
        raise EventQueryError(f"{text} is no date") from None
    return whole + datetime.timedelta(microseconds=int((found[2] or "").ljust(6, "0")[:6]))
