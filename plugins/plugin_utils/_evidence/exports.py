# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exported event logs and pasted events, in whatever form people have them, as decoded records.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

    XML    wevtutil qe /f:xml, ToXml(), Event Viewer       export_xml.py
    CSV    Event Viewer, Export-Csv                         export_table.py
    text   Event Viewer's copies, wevtutil /f:text, fl      export_text.py
    JSON   ConvertTo-Json, event_info, facts files          here
    .evtx  the log itself, by the library evtx              here

The form is told by the content, never by the name of the file. Everything is read as it comes: a log of 200 000 records takes the memory of a few.
A record that can't be read is a record as well, with event id 0 and a sentence that says where it is.
"""

from __future__ import annotations

import codecs
import collections.abc
import importlib
import io
import json
import os
import re
import struct
import typing as t

from .._catalogue.event_types import event_type
from .._keys import mask_keys
from .event import KmsEvent, read_event
from .export_record import Dates, ExportError, of_properties, property_names, unreadable, whole
from .export_table import looks_like_table, read_table
from .export_text import read_text
from .export_xml import XML_BEGIN, read_record, read_xml
from .plain import EvidenceError
from .texts import encoding_of

__all__ = ["ExportError", "read_data", "read_export"]

Source = str | bytes | t.Callable[[], t.BinaryIO]

_CHUNK = 64 * 1024
"""Characters that are read at once, and bytes by which a form is told."""

_LONGEST_VALUE = 256 * 1024 * 1024
"""Characters of one JSON value: a facts line of a host with all that fits its log."""

_EVTX_HEADER, _EVTX_CHUNK = 4096, 65536
"""Bytes of a log's header, and of each chunk behind it (libyal/libevtx: Windows XML Event Log (EVTX) format)."""

_DAMAGED = 1000
"""Records of a damaged .evtx file one after the other that can't be read, after which no more are tried."""

_EXPORT_AGAIN = "Export it again: wevtutil epl LOG FILE.evtx"
_AS_XML = "on Windows: wevtutil qe FILE.evtx /lf:true /f:xml > FILE.xml"


def read_export(source: Source, name: str | None = None) -> t.Iterator[KmsEvent]:
    """Return the licensing events of an export or a paste, one after the other, in its order.

    source: what opens it, a file for one; or the content (bytes); or a text (str), which is never taken for the name of a file.
    name:   how errors call it.

    Records that another program wrote are left out. Raises ExportError: at once for what can't be opened or is of no form that is known, and while
    reading where a file turns out to be none.
    """
    name = mask_keys(name or "the text")
    if isinstance(source, str):
        return _read_chars(source[:_CHUNK], lambda: io.StringIO(source, newline=""), name)
    if callable(source):
        try:
            with source() as file:
                begin = file.read(_CHUNK)
        except OSError as error:
            raise ExportError(f"{name} can't be opened: {error.strerror or error}") from None
        return _read_bytes(begin, source, name)
    content = bytes(source)
    return _read_bytes(content[:_CHUNK], lambda: io.BytesIO(content), name)


def _read_bytes(begin: bytes, opened: t.Callable[[], t.BinaryIO], name: str) -> t.Iterator[KmsEvent]:
    if begin.startswith(b"ElfFile\0"):
        return _read_evtx(opened, _evtx_library(name), name)
    if begin[4:8] == b"LfLe":
        raise ExportError(f"{name} is an event log of Windows 2003 or older, which has no KMS events of a form that is known")
    if begin.startswith((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf")):
        raise ExportError(f"{name} is packed; unpack it and read the files in it")
    encoding = encoding_of(begin)
    chars = codecs.getincrementaldecoder(encoding)("replace").decode(begin)
    return _read_chars(chars, lambda: io.TextIOWrapper(opened(), encoding, "replace", newline=""), name)


def _read_chars(begin: str, opened: t.Callable[[], t.TextIO], name: str) -> t.Iterator[KmsEvent]:
    """Tell the form of a text by its beginning, and return its records."""
    head = begin.lstrip("\ufeff").lstrip()
    if not head.strip("\0 \t\r\n"):
        raise ExportError(f"{name} is empty")
    if head.startswith(("# CLIXML", "#< CLIXML", "<Objs")):
        raise ExportError(
            f"{name} was written by Export-Clixml, which loses the data of events; use ForEach-Object ToXml, or wevtutil qe /f:xml"
        )
    if re.match(r"<(?:!doctype\s+)?html\b", head, re.IGNORECASE):
        raise ExportError(f"{name} is a web page, not an export of an event log")
    if head.startswith("<") and not _only_placeholder(head):
        empty = re.search(r"<(?:[\w.-]{1,30}:)?Events[\s/>]", head) is not None
        return _read_file(opened, lambda file: read_xml(_chunks(file), name, may_be_empty=empty), name)
    if re.match(r"[\[{]\s*[\[{\"\]}]", head):
        return _read_file(opened, lambda file: _read_json(file, name), name)
    lines = head.splitlines(keepends=True)
    if looks_like_table(lines if len(begin) < _CHUNK else lines[:-1]):
        return _read_file(opened, lambda file: read_table(_lines(file), name), name)
    begun = XML_BEGIN.search(head)
    if begun is not None and re.fullmatch(r"(?:Record [0-9]+\s*|<\?xml[^>]*\?>\s*)*", head[: begun.start()]):
        return _read_file(opened, lambda file: read_xml(_chunks(file), name), name)
    return _read_file(opened, lambda file: _some(read_text(_lines(file), name), name), name)


def _only_placeholder(head: str) -> bool:
    """Tell whether a text begins with a placeholder, e.g. <KMS host>, and not with an element."""
    return re.match(r"<(?:[?!/]|[A-Za-z_][\w.-]*[\s:/>])", head) is None or re.match(r"<[^<>]*>:[0-9]", head) is not None


def _read_file(opened: t.Callable[[], t.TextIO], read: t.Callable[[t.TextIO], t.Iterator[KmsEvent]], name: str) -> t.Iterator[KmsEvent]:
    """Return what C(read) makes of a file, which is open as long as its records are read."""
    try:
        with opened() as file:
            yield from read(file)
    except OSError as error:
        raise ExportError(f"{name} can't be read to its end: {error.strerror or error}") from None


def _some(events: t.Iterator[KmsEvent], name: str) -> t.Iterator[KmsEvent]:
    """Return the records of a text; a text without any is no paste of an event."""
    first = next(events, None)
    if first is None:
        raise ExportError(
            f"{name} has nothing in it that is known as a licensing event. Export the log as XML ({_AS_XML}) or copy the event's details as text"
        )
    yield first
    yield from events


def _chunks(file: t.TextIO) -> t.Iterator[str]:
    return iter(lambda: file.read(_CHUNK), "")


def _lines(file: t.TextIO) -> t.Iterator[str]:
    """Return the lines of a text; one that is longer than any record of an event is cut."""
    return iter(lambda: file.readline(4 * _CHUNK), "")


# JSON

_BETWEEN = re.compile(r"[\s,\[\]\ufeff\x1e]*")


def read_data(data: t.Any, name: str = "the data") -> t.Iterator[KmsEvent]:
    """Return the records of plain data: events of event_info or of a facts file, records of Get-WinEvent, lists of them, whatever holds them.

    Raises ExportError for data that is neither a mapping nor a list.
    """
    if not isinstance(data, collections.abc.Mapping) and (isinstance(data, (str, bytes)) or not isinstance(data, collections.abc.Sequence)):
        raise ExportError(f"{name} is {type(data).__name__}, not a record of an event or a list of records")
    yield from _read_value(data, Dates(), name)


def _read_value(value: t.Any, dates: Dates, where: str) -> t.Iterator[KmsEvent]:
    if isinstance(value, collections.abc.Mapping):
        if "event_id" in value and "strings" in value:
            try:
                yield read_event(value, where)
            except EvidenceError as error:
                yield unreadable(str(value.get("strings")), where, str(error))
            return
        names = property_names(value)
        if "id" in names and names.keys() & {"message", "strings"}:
            event = of_properties(value, names, dates, where)
            if event is not None:
                yield event
            return
        if "id" in names and event_type(whole(value[names["id"]]) or 0):
            yield unreadable(repr(value), where, "it has neither Message nor Properties; export it with one of them")
            return
        for key in ("events", "records", "results", "value"):
            if isinstance(value.get(key), (collections.abc.Mapping, list, tuple)):
                yield from _read_value(value[key], dates, f"{where}: {key}")
    elif isinstance(value, str):
        yield unreadable(value, where, "it is a text where a record was due")
    elif isinstance(value, collections.abc.Sequence):
        for index, item in enumerate(value):
            yield from _read_value(item, dates, f"{where}[{index}]")
    else:
        yield unreadable(repr(value), where, "it is no record of an event")


def _read_json(file: t.TextIO, name: str) -> t.Iterator[KmsEvent]:
    """Return the records of a JSON list, of JSON lines, or of values one behind the other; a value at a time."""
    dates = Dates()
    for number, value in enumerate(_values(file), 1):
        where = f"value {number} of {name}"
        if isinstance(value, _BadValue):
            yield unreadable(value.text, where, f"it is no JSON: {value.problem}")
            continue
        try:
            yield from _read_value(value, dates, where)
        except RecursionError:
            yield unreadable("", where, "it is nested too deeply")


class _BadValue(t.NamedTuple):
    text: str
    problem: str


def _values(file: t.TextIO) -> t.Iterator[t.Any]:
    decoder = json.JSONDecoder()
    buffer, at, ended = "", 0, False
    while True:
        at = t.cast("re.Match[str]", _BETWEEN.match(buffer, at)).end()
        problem = ""
        if at < len(buffer):
            try:
                value, end = decoder.raw_decode(buffer, at)
                # A number at the end of what was read may have more digits.
                if ended or end < len(buffer):
                    yield value
                    at = end
                    continue
            except json.JSONDecodeError as error:
                cut = error.pos >= len(buffer) - 8 or error.msg.startswith("Unterminated")
                problem = error.msg if ended or not cut or len(buffer) - at > _LONGEST_VALUE else ""
            except (ValueError, RecursionError):
                problem = "a number or a nesting beyond measure"
        elif ended:
            return
        if problem:
            yield _BadValue(buffer[at : at + 400], problem)
            # What is behind the next line break may be a record again.
            newline = buffer.find("\n", at)
            while newline < 0 and not ended:
                buffer, at = file.read(_CHUNK), 0
                ended, newline = not buffer, buffer.find("\n")
            buffer, at = (buffer[newline + 1 :], 0) if newline >= 0 else ("", 0)
            continue
        # As much again as there is, so that a long value is not parsed in vain too often.
        more = file.read(max(_CHUNK, len(buffer) - at))
        ended = not more
        buffer, at = buffer[at:] + more, 0


# .evtx


def _evtx_library(name: str) -> t.Any:
    """Return the library, which is asked for when it is needed only. Raises ExportError."""
    try:
        return importlib.import_module("evtx")
    except ImportError:
        raise ExportError(
            f"{name} is an .evtx file, for which the Python package evtx is needed on the controller: pip install evtx. Or export it as XML, {_AS_XML}"
        ) from None


def _read_evtx(opened: t.Callable[[], t.BinaryIO], library: t.Any, name: str) -> t.Iterator[KmsEvent]:
    with opened() as file:
        header = file.read(_EVTX_HEADER)
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        try:
            # One thread keeps the order of the records.
            records = iter(library.PyEvtxParser(file, number_of_threads=1).records())
        except (RuntimeError, ValueError, OSError) as error:
            raise ExportError(f"{name} can't be read as an .evtx file: {mask_keys(str(error))[:200]}. {_EXPORT_AGAIN}") from None
        damaged, number = 0, 0
        while damaged < _DAMAGED:
            number += 1
            where = f"record {number} of {name}"
            try:
                record = next(records, None)
                if record is None:
                    break
            except (RuntimeError, ValueError, OSError) as error:
                damaged += 1
                yield unreadable("", where, mask_keys(str(error))[:200])
                continue
            damaged = 0
            yield from read_record(record["data"], where)
    chunks, next_record = struct.unpack_from("<H", header, 42)[0], struct.unpack_from("<Q", header, 24)[0]
    if length < _EVTX_HEADER + chunks * _EVTX_CHUNK:
        yield unreadable("", f"the end of {name}", f"the file is shorter than its header says. {_EXPORT_AGAIN}")
    elif number == 1 and next_record != 1:
        raise ExportError(f"{name} has no record that can be read, and its header says that there were some. {_EXPORT_AGAIN}")
