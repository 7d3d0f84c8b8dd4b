# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event logs exported as XML: wevtutil qe /f:xml, ToXml() of Get-WinEvent, Event Viewer, dumps of .evtx files.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

These files are rows of C(<Event>) elements: without a root (wevtutil), within C(<Events>), one on each line, or each behind a declaration of its own.
So the text is cut into its records before any of it is parsed. Each record is small, what is between them is never parsed, a damaged one costs itself
only, and memory stays that of one record however long the file is.
"""

from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET

from .event import KmsEvent
from .export_record import Dates, ExportError, make, unreadable, whole

XML_BEGIN = re.compile(r"<(?:[A-Za-z_][\w.-]{0,30}:)?Event(?=[\s>])")
_END = re.compile(r"</(?:[A-Za-z_][\w.-]{0,30}:)?Event\s{0,20}>")
_LONGEST_TAG = 64
_DOCTYPE = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)

_LONGEST = 1024 * 1024
"""Characters of one record: an event has 64 KiB of data at the most (Microsoft: Learn, ReportEventW), which escapes make up to six times as long, and
the rendered text repeats them."""

# What XML 1.0 does not allow, as itself or as a reference; Windows writes what a program logged.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));")


def read_xml(chunks: t.Iterator[str], name: str, *, may_be_empty: bool = False) -> t.Iterator[KmsEvent]:
    """Return the records of an XML export one after the other.

    chunks:       the text in pieces of any length. name: of the export, for errors.
    may_be_empty: it is an export without any record, where the text has none, and not something else.

    Raises ExportError for a document type (no export has one, and entities could be declared in it), and for a text without any record.
    """
    dates = Dates()
    number = 0
    for number, (text, complete) in enumerate(_records(chunks, name), 1):
        where = f"record {number} of {name}"
        if complete:
            yield from _record(text, dates, where)
        else:
            yield unreadable(text, where, "it has no end")
    if not number and not may_be_empty:
        raise ExportError(f"{name} is XML and has no element Event in it; export the log itself: wevtutil qe LOG /f:xml")


def read_record(text: str, where: str) -> t.Iterator[KmsEvent]:
    """Return the one record that a text holds, none when another program wrote it."""
    begin = XML_BEGIN.search(text)
    if begin is None:
        yield unreadable(text, where, "it has no element Event")
    else:
        yield from _record(text[begin.start() :], Dates(), where)


def _records(chunks: t.Iterator[str], name: str) -> t.Iterator[tuple[str, bool]]:
    """Cut a text into records: each with whether its end was found."""
    buffer = ""
    for chunk in chunks:
        buffer += chunk
        at = 0
        while True:
            begin = XML_BEGIN.search(buffer, at)
            if begin is None:
                _refuse_doctype(buffer[at:], name)
                at = max(at, len(buffer) - _LONGEST_TAG)
                break
            _refuse_doctype(buffer[at : begin.start()], name)
            end = _END.search(buffer, begin.end())
            another = XML_BEGIN.search(buffer, begin.end(), end.start() if end else len(buffer))
            if another is not None:
                # Within a record no other can begin: the text of an event has its signs escaped.
                yield buffer[begin.start() : another.start()], False
                at = another.start()
            elif end is not None:
                yield buffer[begin.start() : end.end()], True
                at = end.end()
            elif len(buffer) - begin.start() > _LONGEST:
                yield buffer[begin.start() :], False
                at = max(begin.end(), len(buffer) - _LONGEST_TAG)
            else:
                at = begin.start()
                break
        buffer = buffer[at:]
    if XML_BEGIN.match(buffer):
        yield buffer, False


def _refuse_doctype(text: str, name: str) -> None:
    if _DOCTYPE.search(text):
        raise ExportError(f"{name} holds a document type, which no export of an event log has; it was not read. Export the log again")


def _record(text: str, dates: Dates, where: str) -> t.Iterator[KmsEvent]:
    event = _parse(text)
    if isinstance(event, str):
        yield unreadable(text, where, event)
        return
    system = {_name(item): item for item in _child(event, "System")}
    event_id = whole((system["EventID"].text or "").strip()) if "EventID" in system else None
    if event_id is None or event_id > 0xFFFFFFFF:
        yield unreadable(text, where, "it has no event id")
        return
    provider = system["Provider"].attrib if "Provider" in system else {}
    time = system["TimeCreated"].attrib if "TimeCreated" in system else {}
    record = whole(_text(system.get("EventRecordID")))
    found = make(
        event_id & 0xFFFF,
        _strings(event),
        dates,
        when=time.get("SystemTime"),
        log=_text(system.get("Channel")),
        computer=_text(system.get("Computer")),
        record_number=record,
        source=provider.get("Name") or provider.get("EventSourceName"),
    )
    if found is not None:
        yield found


def _parse(text: str) -> ET.Element | str:
    """Return the element, or what is wrong with it."""
    for attempt in (text, None):
        try:
            # A document type can't be within an element, so no entity can have been declared.
            parser = ET.XMLParser()
            parser.feed(_legal(text) if attempt is None else attempt)
            return parser.close()
        except ET.ParseError as error:
            problem = f"it is no well-formed XML ({str(error).partition(':')[0]})"
        except ValueError:
            problem = "it has characters that can't be in XML"
    return problem


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", _REFERENCE.sub(_legal_reference, text))


def _legal_reference(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else int(match[2])
    return "\ufffd" if code > 0x10FFFF or _ILLEGAL.match(chr(code)) else match[0]


def _strings(event: ET.Element) -> list[str]:
    """Return the data elements; the rendered message where there are none."""
    data = ["".join(item.itertext()) for item in _child(event, "EventData") if _name(item) == "Data"]
    if not data:
        data = ["".join(item.itertext()) for part in _child(event, "UserData") for item in part.iter() if len(item) == 0]
    # A dump of a file writes an empty element over two lines.
    data = [text if text.strip() else "" for text in data]
    if not any(data):
        message = next((item for item in _child(event, "RenderingInfo") if _name(item) == "Message"), None)
        return [_text(message) or ""] if message is not None else data
    return data


def _child(element: ET.Element, name: str) -> t.Iterable[ET.Element]:
    """Return the children of the first child of a name, whatever its namespace."""
    return next((item for item in element if _name(item) == name), ())


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _text(element: ET.Element | None) -> str | None:
    return None if element is None else "".join(element.itertext()).strip() or None
