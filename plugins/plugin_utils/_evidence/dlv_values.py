# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values behind the labels of slmgr.vbs: what a text must look like to be one, on one line or torn over several.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

A value is taken when it is whole. Most show it themselves (an id, a number with its unit); a bare number, a name with a port, a date do not: at the
end of a text without a line break they may be cut, and then they are not taken.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t
import unicodedata

from .._catalogue.dlv_labels import LABELS, sentence_key
from .._keys import MASK
from .._licensing.model import NOT_AVAILABLE
from .names import GUID
from .pasted_lines import Line, may_be_wrapped

SHOWN = 60
"""Characters of a value that a problem quotes."""

FEWEST_HIDDEN = 3
"""So many X among the five characters that Windows shows of a key, and they are a redaction."""

MOST_DIGITS = 20
"""Digits of the largest number of 64 bits."""

MINUTES_A_DAY = 24 * 60
HIGHEST_PORT = 65535

# Digits in groups of three, with whatever a language puts between them, or in one row.
_NUMBER = r"(?:[0-9]{1,3}(?:(?P<sep>[.,' ])[0-9]{3})(?:(?P=sep)[0-9]{3})*|[0-9]+)(?![0-9])"
_BARE = re.compile(_NUMBER)
# Behind the number its unit: a word, with a blank before it where it is written in Latin letters. "25XX" and "25 XX" are redactions.
_MINUTES = re.compile(rf"(?P<minutes>{_NUMBER})(?:[ ]+(?![xX]+\b)(?=[^\W\d_])|(?=[^\W\d_a-zA-Z]))(?P<rest>.*)")
_DAYS = re.compile(r"\([ ]*(?P<days>[0-9]{1,9})[ ]*[^\W\d_]")
_OSPP_GRACE = re.compile(rf"(?P<days>[0-9]{{1,9}})[ ]+days?[ ]*\((?P<minutes>{_NUMBER})[ ]+minute.*", re.IGNORECASE)
_GUID = re.compile(rf"\{{?({GUID})\}}?")
_PARTIAL = re.compile(r"[0-9A-Za-z]{5}")
_PID = re.compile(
    r"[0-9]{5}-[0-9]{5}-[0-9]{3}-[0-9]{6}-[0-9]{2}-[0-9]{4,5}-[0-9]{4,5}\.[0-9]{4}-[0-9]{7}|[0-9]{5}-[0-9]{5}-[0-9]{5}-[0-9A-Z]{5}"
)
_INSTALLATION_ID = re.compile(r"[0-9]{54}|[0-9]{63}")  # up to Windows 8.1, and later (published outputs)
_CODE = re.compile(r"(?:0x)?([0-9A-Fa-f]{8})(?![0-9A-Fa-f]).*")
_VERSION = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5}){3}")  # four numbers of 16 bits
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f]*:[0-9A-Fa-f:.%]+\]|[^\W_](?:[\w.-]*\w)?\.?)(?::(?P<port>[0-9]{1,5}))?")
_PORT_OF_HIDDEN = re.compile(r"[^:]*:(?P<port>[0-9]{1,5})")
_REDACTED = re.compile(
    r"[xX*#?_.\u2026\u2022\u25a0-\u25a1\u2588-\u2593 -]{2,}|[*#]|[<\[({].*[>\])}]|.*\b(?:redacted|removed|hidden|masked)\b.*", re.IGNORECASE
)
_HIDDEN_LABEL = re.compile(r"(?:^|\.)[xX]{2,}(?:\.|$)")
_NAME_END = re.compile(r"(?:\bedition|\badd-on\b.*)$", re.IGNORECASE)
_HIDDEN_END = re.compile("[Xx*#?_\u2588\u25a0\u2026]{1,20}")
_DESCRIPTION_END = re.compile(r"\bchannel$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A KMS host as it is printed: name and port; None is what is hidden or torn."""

    name: str | None
    port: int | None


@dataclasses.dataclass(frozen=True)
class Settled:
    """A value, or why there is none.

    value:   of the type that the label asks for; None where it was not seen.
    used:    lines beyond that of the label that belong to it.
    problem: what is wrong with what stands there.
    lost:    nothing keeps what stands there, so that the line itself has to be kept.
    """

    value: t.Any = None
    used: int = 0
    problem: str | None = None
    lost: bool = False


Settle = t.Callable[[str, list[Line]], Settled]


def settle(name: str, value: str, lines: list[Line]) -> Settled:
    """Return the value of a label.

    name:  stable name of the label.
    value: text behind it on its own line.
    lines: that line, and those after it that are nothing else and may belong to it.
    """
    return KINDS.get(name, _plain_text)(unicodedata.normalize("NFKC", value).strip(), lines)


def number_of(text: str) -> int:
    """Return a number whose digits may be grouped; one of more digits than any that Windows has is more than can stand anywhere."""
    digits = re.sub("[^0-9]", "", text)
    return int(digits) if len(digits) <= MOST_DIGITS else NOT_AVAILABLE + 1


def _joined(value: str, lines: list[Line]) -> t.Iterator[tuple[int, str]]:
    """Return the value with none, one, two ... of the next lines, and how many these are; joined in a word and between words."""
    yield 0, value
    for used in range(1, len(lines)):
        following = [unicodedata.normalize("NFKC", line.text) for line in lines[1 : used + 1]]
        for joiner in ("", " "):
            yield used, joiner.join([value, *following]).strip()


def _failed(value: str) -> Settled:
    if not value:
        return Settled()
    return Settled(problem=_why(value))


def _why(value: str) -> str:
    shown = value if len(value) <= SHOWN else value[: SHOWN - 3] + "..."
    return f"{shown!r} is redacted" if is_redacted(value) else f"{shown!r} is not whole, or not what stands there"


def is_redacted(text: str) -> bool:
    """Tell whether somebody took the value out of a text."""
    return MASK in text or _REDACTED.fullmatch(text) is not None


def _at_the_end(value: str) -> Settled:
    return Settled(problem=f"{value[:SHOWN]!r} ends the text without a line break and may be cut")


def _closing(read: t.Callable[[str], t.Any]) -> Settle:
    """Return a reader of values that show themselves where they end."""

    def settle_closing(value: str, lines: list[Line]) -> Settled:
        for used, text in _joined(value, lines):
            found = read(text)
            if found is not None:
                return Settled(found, used)
        return _failed(value)

    return settle_closing


def _match(pattern: re.Pattern[str], group: int = 0) -> t.Callable[[str], str | None]:
    def read(text: str) -> str | None:
        found = pattern.fullmatch(text)
        return found[group] if found else None

    return read


def _guid(text: str) -> str | None:
    found = _GUID.fullmatch(text)
    return found[1].lower() if found else None


def _partial(text: str) -> str | None:
    # X is what people write over a key, and a letter of keys as well: that a key ends in three of them is rarer than one in a thousand.
    return text if _PARTIAL.fullmatch(text) and text.upper().count("X") < FEWEST_HIDDEN else None


def _code(text: str) -> int | None:
    found = _CODE.fullmatch(text)
    return int(found[1], 16) if found else None


def _with_days(pattern: re.Pattern[str], text: str) -> tuple[int, bool] | None:
    """Return minutes, and whether the days beside them confirm them; None where the text is no such value or the days belie it.

    slmgr.vbs rounds days up, that of Vista and of the first Windows 7, and ospp.vbs, down (published outputs).
    """
    found = pattern.fullmatch(text)
    if found is None:
        return None
    minutes = number_of(found["minutes"])
    if minutes > NOT_AVAILABLE:
        return None
    given = found if "days" in pattern.groupindex else _DAYS.search(found["rest"])
    if given is None:
        return minutes, False
    down = minutes // MINUTES_A_DAY
    return (minutes, True) if int(given["days"]) in (down, -(-minutes // MINUTES_A_DAY)) else None


def _minutes(pattern: re.Pattern[str]) -> Settle:
    def settle_minutes(value: str, lines: list[Line]) -> Settled:
        best: Settled | None = None
        for used, text in _joined(value, lines):
            found = _with_days(pattern, text)
            if found is not None and (best is None or found[1]):
                best = Settled(found[0], used)
                if found[1]:
                    break
        if best is None:
            return _failed(value)
        return dataclasses.replace(best, value=None) if best.value >= NOT_AVAILABLE else best

    return settle_minutes


def _goes_on_hidden(lines: list[Line], used: int) -> bool:
    """Tell whether the next line is what somebody wrote over the end of a value, broken off from it: C(10) and C(XX) were one number."""
    return used + 1 < len(lines) and _HIDDEN_END.fullmatch(lines[used + 1].text) is not None


def _count(highest: int) -> Settle:
    """Return a reader of numbers that nothing closes but the end of their line."""

    def settle_count(value: str, lines: list[Line]) -> Settled:
        text, used = value, 0
        if not text and len(lines) > 1:
            text, used = unicodedata.normalize("NFKC", lines[1].text), 1
        if used + 1 < len(lines) and re.match("[0-9.,']", lines[used + 1].text) and _BARE.match(text):
            # A console breaks within a number, a mail program does not; what other cause there is for the digits of the next line, nobody knows.
            if not lines[used].full:
                return Settled(problem=f"{text[:SHOWN]!r} may go on in the next line")
            used += 1
            text += lines[used].text
        if _goes_on_hidden(lines, used):
            return Settled(problem=f"{text[:SHOWN]!r} may go on in the next line")
        if text == "-1":
            return Settled(None, used)
        if not _BARE.fullmatch(text):
            return _failed(value)
        number = number_of(text)
        if number == NOT_AVAILABLE:
            return Settled(None, used)
        if number > highest:
            return Settled(problem=f"{text[:SHOWN]!r} is more than can stand there")
        # No number but 0 begins with 0, so that this one is whole wherever the text ends.
        if not lines[used].closed and number:
            return _at_the_end(text)
        return Settled(number, used)

    return settle_count


def _words(name: str) -> Settle:
    def settle_word(value: str, lines: list[Line]) -> Settled:
        for used, text in _joined(value, lines):
            found = LABELS.words[name].get(sentence_key(text)) if text else None
            if found:
                return Settled(found[0].name, used)
        return dataclasses.replace(_failed(value), lost=bool(value) and not is_redacted(value))

    return settle_word


def _version(value: str, lines: list[Line]) -> Settled:
    text, used = value, 0
    if len(lines) > 1 and re.match("[0-9.]", lines[1].text):
        if not lines[0].full:
            return Settled(problem=f"{text[:SHOWN]!r} may go on in the next line")
        text, used = text + lines[1].text, 1
    if _goes_on_hidden(lines, used):
        return Settled(problem=f"{text[:SHOWN]!r} may go on in the next line")
    if not _VERSION.fullmatch(text):
        return _failed(value)
    return Settled(text, used) if lines[used].closed else _at_the_end(text)


def _address(value: str, lines: list[Line]) -> Settled:
    for used, text in _joined(value, lines):
        if text and sentence_key(text) in LABELS.words["kms_address"]:
            return Settled(None, used)
    text, used = value, 0
    if len(lines) > 1 and re.match("[0-9A-Fa-f.:]+$", lines[1].text):
        if value and not lines[0].full:
            return Settled(problem=f"{text[:SHOWN]!r} may go on in the next line")
        text, used = text + lines[1].text, 1
    if value and _goes_on_hidden(lines, used):
        return Settled(problem=f"{text[:SHOWN]!r} may go on in the next line")
    try:
        address = str(ipaddress.ip_address(text))
    except ValueError:
        return _failed(value)
    return Settled(address, used) if lines[used].closed else _at_the_end(text)


def _endpoint(value: str, lines: list[Line]) -> Settled:
    """Return a name with a port. Without a port it may be torn: slmgr.vbs always prints one."""
    text, used = value, 0
    if not text and len(lines) > 1:
        text, used = unicodedata.normalize("NFKC", lines[1].text), 1
    found = _HOST.fullmatch(text)
    if used + 1 < len(lines):
        following = unicodedata.normalize("NFKC", lines[used + 1].text)
        longer = _HOST.fullmatch(text + following)
        torn = (
            longer is not None
            and longer["port"] is not None
            and " " not in following
            and (found is None or not found["port"] or following.isdigit())
        )
        if torn and (lines[used].full or text[-1:] in ".:-["):
            text, used, found = text + following, used + 1, longer
        elif torn and found is not None:
            return Settled(problem=f"{text[:SHOWN]!r} may go on in the next line")
    closed = lines[used].closed
    if found is None or not (found["name"].startswith("[") or _shows(found["name"])):
        hidden = _PORT_OF_HIDDEN.fullmatch(text)
        port = _port(hidden["port"]) if hidden and closed else None
        return Settled(Endpoint(None, port) if port else None, used, _why(text.rpartition(":")[0] or text) if text else None)
    if not closed:
        if found["port"] is None:
            return _at_the_end(text)
        return Settled(Endpoint(found["name"], None), used, _at_the_end(text).problem)
    if found["port"] is None:
        return Settled(Endpoint(found["name"], None), used)
    port = _port(found["port"])
    return Settled(Endpoint(found["name"], port), used, None if port else f"{text[:SHOWN]!r} has no such port")


def _shows(name: str) -> bool:
    return not is_redacted(name) and _HIDDEN_LABEL.search(name) is None


def _port(text: str) -> int | None:
    number = int(text)
    return number if 0 < number <= HIGHEST_PORT else None


def _until(end: re.Pattern[str]) -> Settle:
    """Return a reader of texts that end in a certain way, as names and descriptions of products do."""

    def settle_text(value: str, lines: list[Line]) -> Settled:
        text = value
        for used in range(len(lines)):
            if used:
                text += _joiner(lines[used - 1], lines[used]) + lines[used].text
            if end.search(text):
                return _text_or_redacted(text, used)
        if not lines[0].ended and value:
            return _at_the_end(value)
        return _text_or_redacted(value, 0)

    return settle_text


def _joiner(line: Line, following: Line) -> str:
    return "" if line.full and following.indent != 1 else " "


def _text_or_redacted(text: str, used: int) -> Settled:
    if not text:
        return Settled()
    return Settled(None, used, _why(text)) if is_redacted(text) else Settled(text, used)


def _plain_text(value: str, lines: list[Line]) -> Settled:
    if not value:
        # A break right behind the colon; what follows has no colon of its own.
        if len(lines) > 1 and ":" not in lines[1].text and may_be_wrapped(lines[0], lines[1].text):
            return _text_or_redacted(lines[1].text, 1) if lines[1].ended else _at_the_end(lines[1].text)
        return Settled()
    return _text_or_redacted(value, 0) if lines[0].ended else _at_the_end(value)


def _url(value: str, lines: list[Line]) -> Settled:
    text, used = value, 0
    while used + 1 < len(lines) and " " not in lines[used + 1].text:
        following = lines[used + 1].text
        if not (may_be_wrapped(lines[used], following) or re.search("[=/?&]", following)):
            break
        used += 1
        text += following
    if not lines[used].ended and text:
        return _at_the_end(text)
    return Settled(None, used, _why(value)) if value and is_redacted(value) else _text_or_redacted(text, used)


_NUMBER_LABELS = ("count", "rearms_windows", "rearms_app", "rearms_sku")
_REQUESTS = ("total", "failed", "unlicensed", "licensed", "oob_grace", "oot_grace", "non_genuine_grace", "notification")
_URLS = ("processor_certificate_url", "machine_certificate_url", "use_license_url", "product_key_certificate_url", "validation_url")

KINDS: dict[str, Settle] = {
    "service_version": _version,
    "name": _until(_NAME_END),
    "ospp_name": _until(_NAME_END),
    "description": _until(_DESCRIPTION_END),
    **dict.fromkeys(("activation_id", "application_id", "cmid", "ad_activation_id"), _closing(_guid)),
    **dict.fromkeys(("extended_pid", "kms_pid", "ad_pid"), _closing(_match(_PID))),
    "installation_id": _closing(_match(_INSTALLATION_ID)),
    **dict.fromkeys(_URLS, _url),
    "partial_key": _closing(_partial),
    **{name: _words(name) for name in ("license_status", "activation_type_enabled", "priority", "dns_discovery", "ospp_caching")},
    **dict.fromkeys(("expires_volume", "expires_timebased", "expires_avma", "time_remaining"), _minutes(_MINUTES)),
    "ospp_grace": _minutes(_OSPP_GRACE),
    **dict.fromkeys(("activation_interval", "renewal_interval"), _minutes(_MINUTES)),
    "reason": _closing(_code),
    **dict.fromkeys(_NUMBER_LABELS, _count(NOT_AVAILABLE)),
    **{f"requests_{name}": _count(NOT_AVAILABLE) for name in _REQUESTS},
    "port": _count(HIGHEST_PORT),
    **dict.fromkeys(("kms_configured", "kms_discovered", "kms_machine"), _endpoint),
    "kms_address": _address,
}
"""Readers by the name of the label; what is not here is a plain text."""
