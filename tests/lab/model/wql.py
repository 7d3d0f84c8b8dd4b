# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""The part of WQL that the lab takes (Microsoft: Learn, Querying with WQL). Anything else is an invalid query.

    SELECT * | NAME [, NAME]... FROM CLASS [WHERE CONDITION]

    CONDITION    NAME OPERATOR LITERAL, NAME IS [NOT] NULL, NOT CONDITION, CONDITION AND CONDITION, CONDITION OR CONDITION, ( CONDITION )
    OPERATOR     = <> != < > <= >= LIKE
    LITERAL      'text' or "text" with \ before a quote or another \, a whole number, TRUE, FALSE, NULL (with = <> != only)

Keywords, class and property names are taken in any case. NOT binds before AND, AND before OR. LIKE knows % and _.

The grammar is small enough that a tokenizer and a recursive descent are shorter than a parser generator's set-up; nothing here is specific to a class.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re
import typing as t

from .errors import CimError, refused
from .schema import CimClass, Member, cim_class

Value = None | bool | int | str | datetime.datetime | list[t.Any]
Getter = t.Callable[[str], Value]
Literal = None | bool | int | str

MAX_DEPTH = 40
"""Nesting of parentheses and NOT. WMI has a limit on a query's complexity too (WBEM_E_QUOTA_VIOLATION); the number is the lab's own."""

MAX_LENGTH = 16384
"""Characters of a query; the number is the lab's own."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<number>[+-]?[0-9]{1,20}(?![\w.]))
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign><>|!=|<=|>=|[=<>(),*])
    )""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)

_OPERATORS: dict[str, t.Callable[[t.Any, t.Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}

_RESERVED = frozenset({"select", "from", "where", "and", "or", "not", "is", "null", "like", "true", "false", "isa"})

_INTEGERS = frozenset({"uint8", "uint16", "uint32", "uint64", "sint8", "sint16", "sint32", "sint64"})

_DMTF = re.compile(r"(\d{14})\.(\d{6})([+-])(\d{3})", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """NAME OPERATOR LITERAL; IS NULL is = NULL. LIKE is an operator too."""

    name: str
    operator: str
    literal: Literal


@dataclasses.dataclass(frozen=True)
class Not:
    """NOT of one condition."""

    inner: Condition


@dataclasses.dataclass(frozen=True)
class Junction:
    """Conditions joined by one word, C(and) or C(or)."""

    word: str
    parts: tuple[Condition, ...]


Condition = Comparison | Not | Junction


@dataclasses.dataclass(frozen=True)
class Query:
    """A parsed query. C(columns) is None for SELECT *."""

    cim_class: str
    columns: tuple[str, ...] | None
    where: Condition | None


@dataclasses.dataclass(frozen=True)
class Plan:
    """A query that fits a class on a build: the columns in the schema's spelling, and the test that a row must pass."""

    columns: tuple[str, ...] | None
    matches: t.Callable[[Getter], bool]


@functools.lru_cache(maxsize=512)
def parse(text: str) -> Query:
    """Parse a query. Raises CimError invalid_query for everything that is not in the subset above."""
    return _Parser(text).query()


@functools.lru_cache(maxsize=1024)
def plan(query: Query, build: int) -> Plan:
    """Fit a query to its class as a Windows of C(build) has it.

    Raises CimError: invalid_class, invalid_columns for a column that this build lacks (as on Windows, where that makes the whole query invalid),
    invalid_query for a literal that does not fit the column's type.
    """
    known = cim_class(query.cim_class)
    columns = None if query.columns is None else tuple(dict.fromkeys(_column(known, build, name).name for name in query.columns))
    where = query.where
    return Plan(columns, (lambda _: True) if where is None else _compile(where, known, build))


def parse_datetime(text: str) -> datetime.datetime:
    """Parse a DMTF date such as 20240131100000.000000+000 (minutes from UTC at the end). Raises ValueError."""
    found = _DMTF.fullmatch(text)
    if found is None:
        raise ValueError("not a DMTF date")
    digits, fraction, sign, minutes = found.groups()
    zone = datetime.timezone(datetime.timedelta(minutes=int(sign + minutes)))
    return datetime.datetime.strptime(digits, "%Y%m%d%H%M%S").replace(microsecond=int(fraction), tzinfo=zone)


class _Parser:
    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise _invalid("the query is too long")
        self._tokens = list(_tokens(text))
        self._at = 0

    def query(self) -> Query:
        self._keyword("select")
        columns = None if self._take_sign("*") else self._names()
        self._keyword("from")
        name = self._name()
        where = self._either(0) if self._take_keyword("where") else None
        if self._at != len(self._tokens):
            raise _invalid(f"unexpected {self._tokens[self._at][1]!r}")
        return Query(name, columns, where)

    def _names(self) -> tuple[str, ...]:
        names = [self._name()]
        while self._take_sign(","):
            names.append(self._name())
        return tuple(names)

    def _either(self, depth: int) -> Condition:
        return self._joined("or", self._both, depth)

    def _both(self, depth: int) -> Condition:
        return self._joined("and", self._single, depth)

    def _joined(self, word: str, part: t.Callable[[int], Condition], depth: int) -> Condition:
        parts = [part(depth)]
        while self._take_keyword(word):
            parts.append(part(depth))
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def _single(self, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise _invalid("conditions are nested too deeply")
        if self._take_keyword("not"):
            return Not(self._single(depth + 1))
        if self._take_sign("("):
            inner = self._either(depth + 1)
            self._sign(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        name = self._name()
        if self._take_keyword("is"):
            negated = self._take_keyword("not")
            self._keyword("null")
            return Comparison(name, "<>" if negated else "=", None)
        if self._take_keyword("like"):
            return Comparison(name, "like", _pattern(self._literal()))
        kind, token = self._next()
        if kind != "sign" or token not in _OPERATORS:
            raise _invalid(f"expected an operator after {name}")
        literal = self._literal()
        # slmgr.vbs asks for "PartialProductKey <> null", so WMI takes NULL there.
        if literal is None and token not in ("=", "<>", "!="):
            raise _invalid(f"NULL does not go with {token}")
        return Comparison(name, token, literal)

    def _literal(self) -> Literal:
        kind, token = self._next()
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)
        if kind == "number":
            return int(token)
        words: dict[str, Literal] = {"true": True, "false": False, "null": None}
        if kind == "word" and token.lower() in words:
            return words[token.lower()]
        raise _invalid(f"expected a literal, found {token!r}")

    def _name(self) -> str:
        kind, token = self._next()
        if kind != "word" or token.lower() in _RESERVED:
            raise _invalid(f"expected a name, found {token!r}")
        return token

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise _invalid("the query ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str, token: str) -> bool:
        if self._at < len(self._tokens):
            found_kind, found = self._tokens[self._at]
            if found_kind == kind and found.lower() == token:
                self._at += 1
                return True
        return False

    def _take_keyword(self, word: str) -> bool:
        return self._take("word", word)

    def _take_sign(self, sign: str) -> bool:
        return self._take("sign", sign)

    def _keyword(self, word: str) -> None:
        if not self._take_keyword(word):
            raise _invalid(f"expected {word.upper()}")

    def _sign(self, sign: str) -> None:
        if not self._take_sign(sign):
            raise _invalid(f"expected {sign!r}")


def _tokens(text: str) -> t.Iterator[tuple[str, str]]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise _invalid(f"unexpected character at {at}")
        at = found.end()
        kind = found.lastgroup
        assert kind is not None
        yield kind, found[kind]


def _compile(condition: Condition, known: CimClass, build: int) -> t.Callable[[Getter], bool]:
    if isinstance(condition, Not):
        inner = _compile(condition.inner, known, build)
        return lambda row: not inner(row)
    if isinstance(condition, Junction):
        parts = [_compile(part, known, build) for part in condition.parts]
        if condition.word == "and":
            return lambda row: all(part(row) for part in parts)
        return lambda row: any(part(row) for part in parts)
    return _compile_comparison(condition, _column(known, build, condition.name))


def _compile_comparison(comparison: Comparison, column: Member) -> t.Callable[[Getter], bool]:
    name = column.name
    if comparison.literal is None:
        wanted = comparison.operator == "="
        return lambda row: (row(name) is None) is wanted
    if comparison.operator == "like":
        if column.cim_type != "string":
            raise _invalid(f"LIKE needs a string, {name} is {column.cim_type}")
        pattern = _like(t.cast(str, comparison.literal))
        return lambda row: isinstance(value := row(name), str) and pattern.fullmatch(value) is not None
    literal = _typed(comparison.literal, column)
    operator = _OPERATORS[comparison.operator]

    def matches(row: Getter) -> bool:
        value = row(name)
        # A property without a value fits no comparison with one (inferred).
        return value is not None and operator(value.casefold() if isinstance(value, str) else value, literal)

    return matches


def _typed(literal: bool | int | str, column: Member) -> t.Any:
    """Return the literal as the column's Python type. WMI converts more freely; the lab takes only what is certain to work."""
    if column.cim_type == "string" and isinstance(literal, str):
        # String comparison in WQL is not case sensitive (Microsoft: Learn, WQL operators).
        return literal.casefold()
    if column.cim_type == "boolean" and isinstance(literal, bool):
        return literal
    if column.cim_type in _INTEGERS and isinstance(literal, int) and not isinstance(literal, bool):
        return literal
    if column.cim_type == "datetime" and isinstance(literal, str):
        try:
            return parse_datetime(literal)
        except ValueError:
            raise _invalid(f"{column.name} needs a date such as 20240131100000.000000+000") from None
    raise _invalid(f"the literal does not fit {column.name}, which is {column.cim_type}")


def _column(known: CimClass, build: int, name: str) -> Member:
    found = known.columns(build).get(name.lower())
    if found is None:
        raise refused("invalid_columns", f"{known.name} has no property {name} on a Windows of build {build}")
    return found


def _pattern(literal: Literal) -> str:
    if not isinstance(literal, str):
        raise _invalid("LIKE needs a string")
    if "[" in literal:
        raise _invalid("the lab's LIKE knows % and _ only, no character sets")
    return literal


def _like(pattern: str) -> re.Pattern[str]:
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(character) or re.escape(character) for character in pattern), re.IGNORECASE | re.DOTALL)


def _invalid(text: str) -> CimError:
    return refused("invalid_query", f"invalid query: {text}")
