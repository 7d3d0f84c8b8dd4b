# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Licensing events decoded: from data elements, from one text with commas, or from the rendered message in any language.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

What an event holds and where is in C(_catalogue/events.yml), with its sources. How it is stored differs: 12288 and 12289 keep their fields in one
string with commas and spaces, 12290 keeps one element for each, behind one of unknown content, and its message joins them with commas without
spaces. Neither is taken for granted: the fields are found by what is where it can only be so, the code in hexadecimal and the GUIDs.

A log is untrusted text: anybody who reaches a host writes a name into it, and any program may write to the log of 12290. So nothing here raises for
any strings, a value that is not what its field can be is None with a sentence in C(problems), a record with parts too many is not guessed at, and
product keys and control characters do not get through.
"""

from __future__ import annotations

import datetime
import functools
import ipaddress
import re
import typing as t

from .._catalogue.event_types import EventType, Field, event_type, flag_words
from .._catalogue.loader import license_status_word
from .._keys import mask_keys, one_line, shown
from .codes import CodeFacts, code_facts
from .event import KmsEvent
from .names import GUID as _GUID
from .plain import in_utc

if t.TYPE_CHECKING:
    from .._windows.interface import EventRecord

_HEX = r"0x[0-9A-Fa-f]{1,8}(?![0-9A-Za-z])"
_CODE = re.compile(_HEX)
_CODE_ANYWHERE = re.compile(rf"(?<![0-9A-Za-z]){_HEX}")
_GUID_ONLY = re.compile(rf"\{{?({_GUID})\}}?")
_GUID_ANYWHERE = re.compile(rf"(?<![0-9A-Za-z])({_GUID})(?![0-9A-Za-z])")
_PATH_ANYWHERE = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]:\\[^\r\n\"<>|]+")

# Year first with any separator is one date only. Year last is month/day/year in the one example that Microsoft published (Volume Activation Technical
# Reference, Table 11, 12289). Minutes have two digits in every example, so a text that was cut within them is told.
_YEAR_FIRST = re.compile(r"([0-9]{4})([/.-])([0-9]{1,2})\2([0-9]{1,2})\s+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_YEAR_LAST = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})\s+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_NUMBER = re.compile(r"[0-9]{1,10}")
_LARGEST = 0xFFFFFFFF

_PARTS_BEGIN = re.compile(rf"(?<![0-9A-Za-z]){_HEX}[ \t\r\n]*,")
_WRAP = re.compile(r"\s*\n\s*")
_BLANK_LINE = re.compile(r"\r?\n[ \t]*\r?\n")
_SURROGATES = re.compile(r"[\ud800-\udfff]")

# Quotes of all languages around a domain: Microsoft printed `contoso.com` and 'contoso.com'.
_QUOTED = re.compile(
    r"[`'\"\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u2039\u300c\u300e]\s*"
    r"([^`'\"\u2018-\u201f\u00ab\u00bb\u2039\u203a\u300c-\u300f\s]{1,255})"
    r"\s*[`'\"\u2018\u2019\u201c\u201d\u00bb\u203a\u300d\u300f]"
)
_DOTTED = re.compile(r"(?<![\w.-])(?:[\w-]{1,63}\.)+[\w-]{1,63}(?![\w-]|\.\w)")

LICENSING_SOURCES = ("security-spp", "security-licensing", "software protection", "software licensing", "kmsrequests")
"""Parts of the names of licensing providers and sources, in lower case: see L(is_licensing_source)."""

NO_STRINGS = "the record has no data"


class _Unreadable(Exception):
    """A value is not what its field can be."""


def decode(
    event_id: int,
    strings: t.Sequence[str | None],
    *,
    log: str | None = None,
    computer: str | None = None,
    record_number: int | None = None,
    time: datetime.datetime | None = None,
    time_is_local: bool = False,
    source: str | None = None,
) -> KmsEvent:
    """Return a record decoded. Raises nothing for any strings.

    event_id:      number of the event; one that events.yml does not have gives C(unknown) with its strings.
    strings:       the data elements; or the one text with commas; or the rendered message. 12290 may have the element before the code or not.
    log, computer, record_number: where it lay.
    time:          when it was written; without a zone it is taken for UTC.
    time_is_local: C(time) was a local time without a zone, so it may be hours off.
    source:        who wrote the record, where that is known: ids such as 1008 and 1040 are used by other programs, too (Perflib, MsiInstaller),
                   and what they wrote is C(unknown). The events of KMS itself are told by their number alone, see L(is_licensing_source).
    """
    texts = tuple(_clean(text) for text in ((strings,) if isinstance(strings, str) else strings))
    kind = None if is_of_another_program(event_id, source) else event_type(event_id)
    code: CodeFacts | None = None
    fields: dict[str, t.Any] = {}
    problems: list[str] = []
    if kind is not None and (kind.code is not None or kind.fields):
        code, fields = (_read_parts if kind.storage == "parts" else _read_elements)(kind, texts, problems)
    if time is not None:
        try:
            time = in_utc(time)
        except ValueError as error:
            problems.append(f"the time of the record is {error}")
            time = None
    return KmsEvent(
        event_id=event_id,
        name="unknown" if kind is None else kind.name,
        side="any" if kind is None else kind.side,
        log=None if log is None else _line(_clean(log)),
        computer=None if computer is None else _line(_clean(computer)),
        record_number=record_number,
        time=time,
        time_is_local=time_is_local,
        code=code,
        fields=fields,
        strings=texts,
        problems=tuple(problems),
    )


def decode_record(record: EventRecord, computer: str | None = None) -> KmsEvent:
    """Return a record that was read of a machine, decoded.

    computer: the machine; the record itself does not tell.
    """
    return decode(
        record.event_id,
        record.strings,
        log=record.log,
        computer=computer,
        record_number=record.record_number,
        time=record.generated,
        source=record.source,
    )


@functools.lru_cache(maxsize=256)
def is_licensing_source(source: str) -> bool:
    """Tell whether a provider or classic source is one of Windows licensing.

    Seen: Microsoft-Windows-Security-SPP and Software Protection Platform Service (Windows 7 and later), Microsoft-Windows-Security-Licensing-SLC
    (Vista, and articles about newer systems), Office Software Protection Platform Service (Office 2010), KmsRequests (registered for the log of
    12290; libyal: winevt-kb).
    """
    return any(part in source.casefold() for part in LICENSING_SOURCES)


def is_of_another_program(event_id: int, source: str | None) -> bool:
    """Tell whether a record only has the number of a licensing event.

    False without a source, and for 12288 to 12294, whose source is spelled in at least three ways: they are told by their number and their data.
    """
    return bool(source) and not 12288 <= event_id <= 12294 and not is_licensing_source(source or "")


def _clean(text: str | None) -> str:
    """Return a text with product keys masked, and without the halves of characters that no output can encode."""
    if not isinstance(text, str):
        text = "" if text is None else str(text)
    text = mask_keys(text.rstrip("\0"))
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _line(text: str) -> str:
    return one_line(text).strip()


def _shown(text: str) -> str:
    return shown(_line(text))


# Fields in parts: 12288, 12289, 12290


def _read_parts(kind: EventType, strings: tuple[str, ...], problems: list[str]) -> tuple[CodeFacts | None, dict[str, t.Any]]:
    size = 1 + max(field.position or 0 for field in kind.fields)
    parts = _separate(kind, strings, size, problems)
    if parts is None:
        parts = _joined(kind, strings, size, problems)
    if parts is None:
        problems.append(NO_STRINGS if not any(text.strip() for text in strings) else "the fields of the event were not found in its text")
        return None, _nothing(kind)
    fields: dict[str, t.Any] = {}
    code = _code(parts[0] or "", problems)
    for field in kind.fields:
        _put(fields, field, parts[field.position or 0], problems)
    return code, fields


def _separate(kind: EventType, strings: tuple[str, ...], size: int, problems: list[str]) -> list[str | None] | None:
    """Return the parts from data elements of their own; None when the elements are not that."""
    if len(strings) < 2:
        return None
    best, at = 0, 0
    most = 1 + sum(field.kind in ("guid", "flags") for field in kind.fields)
    # 12290 has an element before the code when it has one more than fields.
    for offset in (1, 0) if len(strings) > size else (0, 1):
        certain = _certainty(kind, strings[offset:])
        if certain > best:
            best, at = certain, offset
        if best == most:
            break
    if not best:
        return None
    elements = strings[at : at + size]
    if any(text.strip() for text in strings[at + size :]):
        problems.append(f"the record has {len(strings) - at} data elements instead of {size}; the last ones were left alone")
    if len(elements) < size and not (len(elements) == size - 1 and kind.fields[-1].optional):
        problems.append(f"the record has only {len(elements)} of {size} data elements")
    return [text.strip() for text in elements] + [None] * (size - len(elements))


def _certainty(kind: EventType, elements: tuple[str, ...]) -> int:
    """Return how many elements are what only the element at this place can be. 0 when neither the code nor a GUID is."""
    found = int(_CODE.fullmatch(elements[0].strip()) is not None) if elements else 0
    flags = 0
    for field in kind.fields:
        text = elements[field.position or 0].strip() if (field.position or 0) < len(elements) else ""
        if field.kind == "guid":
            found += _GUID_ONLY.fullmatch(text) is not None
        elif field.kind == "flags":
            flags += _CODE.fullmatch(text) is not None
    return found + flags if found else 0


def _joined(kind: EventType, strings: tuple[str, ...], size: int, problems: list[str]) -> list[str | None] | None:
    """Return the parts of the first text that has a code and a comma; the sentence of the event stands before it, in whatever language."""
    for text in strings:
        begin = _PARTS_BEGIN.search(text)
        if begin is None:
            continue
        parts: list[str | None] = []
        for index, part in enumerate(_BLANK_LINE.split(text[begin.start() :], maxsplit=1)[0].split(",", size - 1)):
            # A pasted text may have been wrapped: within a word, or at the blank of the time.
            time = any(field.position == index and field.kind == "minute" for field in kind.fields)
            last = index == size - 1
            parts.append(part.strip() if last else _WRAP.sub(" " if time else "", part.strip()))
        if len(parts) == size:
            parts[-1] = _last_part(kind, parts[-1] or "", problems)
            if "," in (parts[-1] or ""):
                problems.append(f"the text has more than {size} parts, so that none but the code can be told")
                return [parts[0]] + [None] * (size - 1)
            return parts
        problems.append(f"the text ends within part {len(parts)} of {size}")
        # Where the text ends a number may have lost digits; a GUID is whole or none.
        if not _GUID_ONLY.fullmatch(parts[-1] or ""):
            parts[-1] = None
        return parts + [None] * (size - len(parts))
    return None


def _last_part(kind: EventType, text: str, problems: list[str]) -> str | None:
    """Return the last part without what a paste may have behind it."""
    field = kind.fields[-1]
    first, _newline, rest = text.partition("\n")
    if field.kind == "guid" and not _GUID_ONLY.fullmatch(first.strip()):
        whole = first.strip() + rest.partition("\n")[0].strip()
        return whole if _GUID_ONLY.fullmatch(whole) else first.strip().rstrip(",").rstrip()
    if field.kind == "int" and re.match(r"\s*[0-9]+\s*(?:\n|$)", rest):
        problems.append(f"{field.name} is wrapped, so that it can't be told")
        return None
    return first.strip().rstrip(",").rstrip()


# Fields in data elements of their own, or within sentences: all the others


def _read_elements(kind: EventType, strings: tuple[str, ...], problems: list[str]) -> tuple[CodeFacts | None, dict[str, t.Any]]:
    text = "\n".join(strings)
    rendered = len(strings) == 1 and ("\n" in text.strip() or len(text) > 255 or any((field.position or 0) > 0 for field in kind.fields))
    code = None
    if kind.code is not None:
        code = _find_code(kind.code, text)
        if code is None and not kind.code.optional:
            problems.append("no error code was found in the record")
    fields: dict[str, t.Any] = {}
    for field in kind.fields:
        found = _domain(strings) if field.kind == "domain" else _find(field, strings, text, rendered)
        _put(fields, field, found or None, problems)
        if not found and not field.optional:
            problems.append(f"{field.name} was not found in the record")
    return code, fields


def _find_code(field: Field, text: str) -> CodeFacts | None:
    found = list(_CODE_ANYWHERE.finditer(text))
    if field.key is not None:
        named = re.search(rf"(?<![0-9A-Za-z]){re.escape(field.key)}\s*=\s*({_HEX})", text, re.IGNORECASE)
        if named is not None:
            return code_facts(int(named[1], 16))
    return code_facts(int(found[-1 if field.find == "last" else 0][0], 16)) if found else None


def _find(field: Field, strings: tuple[str, ...], text: str, rendered: bool) -> str | None:
    if field.key is not None:
        named = re.search(rf"(?<![0-9A-Za-z]){re.escape(field.key)}\s*=\s*([^;,\r\n]*)", text, re.IGNORECASE)
        return named[1].strip() if named is not None else None
    if field.position is not None and not rendered:
        return strings[field.position].strip() if field.position < len(strings) else None
    if field.find is not None:
        pattern = _PATH_ANYWHERE if field.kind == "path" else _GUID_ANYWHERE
        found = list(pattern.finditer(text))
        return found[-1 if field.find == "last" else 0][0].strip() if found else None
    if field.line is not None and rendered:
        return _labelled(text, field.line)
    return None


def _labelled(text: str, index: int) -> str | None:
    """Return the value behind a label, whatever the label is: of the last line, or of one of those with an equals sign."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if index < 0:
        label, colon, value = lines[-1].partition(":") if lines else ("", "", "")
        return (value if colon else label).strip()
    values = [line.partition("=")[2].strip() for line in lines if "=" in line]
    return values[index] if index < len(values) else None


def _domain(strings: tuple[str, ...]) -> str | None:
    """Return the DNS domain of 12293 and 12294: the element that is no code, or what is quoted in the sentence, or the one name with a dot."""
    plain = [text.strip() for text in strings if text.strip() and not _CODE.fullmatch(text.strip())]
    if len(plain) == 1 and not re.search(r"\s", plain[0]):
        return plain[0]
    for text in plain:
        # What stands behind the code is not the sentence.
        sentence = _CODE_ANYWHERE.split(text, 1)[0]
        for pattern, group in ((_QUOTED, 1), (_DOTTED, 0)):
            found = {match[group].rstrip(".") for match in pattern.finditer(sentence)}
            if len(found) == 1:
                return found.pop()
    return None


# Single values


def _nothing(kind: EventType) -> dict[str, t.Any]:
    fields: dict[str, t.Any] = {}
    for field in kind.fields:
        _put(fields, field, None, [])
    return fields


_SECOND = {"flags": "flags", "endpoint": "port", "status": "{}_word"}
"""Kinds that give two values, and how the second is called."""


def _put(fields: dict[str, t.Any], field: Field, text: str | None, problems: list[str]) -> None:
    """Put what a text gives, one value or two for some kinds, under its names; None for what can't be read, and for no text."""
    value: t.Any = None
    if text:
        try:
            value = _READERS[field.kind](text, problems)
        except _Unreadable as error:
            problems.append(f"{field.name} is {_shown(text)}, not {error}")
    elif text is not None and not field.optional:
        problems.append(f"{field.name} is empty")
    second = _SECOND.get(field.kind)
    if second is None:
        fields[field.name] = value
    else:
        fields[field.name], fields[second.format(field.name)] = value or (None, None)


def _code(text: str, problems: list[str]) -> CodeFacts | None:
    if _CODE.fullmatch(text):
        return code_facts(int(text, 16))
    problems.append(f"the code is {_shown(text)}, not a number such as 0x8007232B")
    return None


def _read_number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > _LARGEST:
        raise _Unreadable("a whole number")
    return int(text)


def _read_int(text: str, _problems: list[str]) -> int:
    return _read_number(text)


def _read_bool(text: str, _problems: list[str]) -> bool:
    if text not in ("0", "1"):
        raise _Unreadable("0 or 1")
    return text == "1"


def _read_status(text: str, _problems: list[str]) -> tuple[t.Any, ...]:
    number = _read_number(text)
    return number, license_status_word(number)


def _read_flags(text: str, _problems: list[str]) -> tuple[t.Any, ...]:
    if not _CODE.fullmatch(text):
        raise _Unreadable("a number such as 0x04000008")
    return int(text, 16), flag_words(int(text, 16))


def _read_guid(text: str, _problems: list[str]) -> str:
    found = _GUID_ONLY.fullmatch(text)
    if found is None:
        raise _Unreadable("a GUID")
    return found[1].lower()


def _read_minute(text: str, _problems: list[str]) -> datetime.datetime:
    found = _YEAR_FIRST.fullmatch(text)
    if found is not None:
        year, _separator, month, day, *clock = found.groups()
    else:
        found = _YEAR_LAST.fullmatch(text)
        if found is None:
            raise _Unreadable("a time such as 2026/11/24 8:15")
        month, day, year, *clock = found.groups()
    hour, minute, second = (int(part or 0) for part in clock)
    try:
        return in_utc(datetime.datetime(int(year), int(month), int(day), hour, minute, second, tzinfo=datetime.UTC))
    except ValueError:
        raise _Unreadable("a time that exists") from None


def _read_endpoint(text: str, problems: list[str]) -> tuple[t.Any, ...]:
    # The port is behind the last colon: a literal IPv6 address has colons of its own.
    text = _line(text)
    host, colon, port = (part.strip() for part in text.rpartition(":"))
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or port.endswith("]") or (":" in bare and not _is_address(bare)):
        problems.append(f"host is {_shown(text)}, without a port")
        return text.strip("[]") or None, None
    if not bare:
        problems.append(f"host is {_shown(text)}, without a name")
    if _NUMBER.fullmatch(port) and 1 <= int(port) <= 65535:
        return bare or None, int(port)
    problems.append(f"port is {_shown(port)}, not a number from 1 to 65535")
    return bare or None, None


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _read_text(text: str, _problems: list[str]) -> str | None:
    return _line(text) or None


_READERS: dict[str, t.Callable[[str, list[str]], t.Any]] = {
    "int": _read_int,
    "bool": _read_bool,
    "status": _read_status,
    "flags": _read_flags,
    "guid": _read_guid,
    "minute": _read_minute,
    "endpoint": _read_endpoint,
    "text": _read_text,
    "path": _read_text,
    "domain": _read_text,
}
