# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event logs exported as CSV: by Event Viewer in any language, by Get-WinEvent or Get-EventLog and Export-Csv.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

Event Viewer writes five columns with a header in the language of the machine (English: Level, Date and Time, Source, Event ID, Task Category) and the
message as a sixth one that the header does not have; seen in public exports. Its columns are told by their place, those of PowerShell by their names.
"""

from __future__ import annotations

import csv
import itertools
import typing as t

from .event import KmsEvent
from .export_record import Dates, ExportError, make, of_properties, property_names, unreadable, whole

_TIME, _SOURCE, _ID, _MESSAGE = 1, 2, 3, 5
"""Columns of Event Viewer."""

_LONGEST_NAME = 40
"""Characters of a column's name: longer ones are sentences."""


def looks_like_table(lines: t.Sequence[str]) -> bool:
    """Tell whether the first lines of a text are those of a CSV export."""
    rows = list(itertools.islice(_rows(iter(lines)), 2))
    if not rows or isinstance(rows[0], csv.Error) or len(rows[0]) < 2:
        return False
    first = rows[0]
    if any(len(name) > _LONGEST_NAME or "\n" in name for name in first[:_MESSAGE]):
        return _is_viewer_row(first)
    if "id" in property_names(first) and ":" not in "".join(first):
        return True
    return _is_viewer_row(first) or (len(rows) > 1 and not isinstance(rows[1], csv.Error) and _is_viewer_row(rows[1]))


def read_table(lines: t.Iterator[str], name: str) -> t.Iterator[KmsEvent]:
    """Return the records of a CSV export one after the other.

    lines: the text in lines with their ends. name: of the export, for errors. Raises ExportError when no column can be the event id.
    """
    dates = Dates()
    rows = _rows(lines)
    first = next(rows, None)
    names: dict[str, t.Any] = {}
    header: list[str] = []
    if first is not None and not isinstance(first, csv.Error):
        if _is_viewer_row(first):
            rows = itertools.chain([first], rows)
        else:
            header = [cell.strip().lstrip("\ufeff") for cell in first]
            names = property_names(header)
            if "id" in names and header.index(names["id"]) != _ID and not names.keys() & {"message", "strings"}:
                raise ExportError(f"{name} has no column Message: export it with the others (Select-Object TimeCreated, Id, Message)")
    for number, row in enumerate(rows, 1):
        where = f"row {number} of {name}"
        if isinstance(row, csv.Error):
            yield unreadable("", where, str(row))
        elif not any(cell.strip() for cell in row):
            continue
        elif "id" in names and ("message" in names or "strings" in names):
            event = of_properties(dict(zip(header, row, strict=False)), names, dates, where)
            if event is not None:
                yield event
        else:
            yield from _viewer_row(row, header, dates, where)


def _viewer_row(row: list[str], header: list[str], dates: Dates, where: str) -> t.Iterator[KmsEvent]:
    if not _is_viewer_row(row):
        yield unreadable(" ".join(row), where, f"column {_ID + 1} is not the number of an event")
        return
    # The message is the one column that the header does not have; a view with more columns has it last.
    at = len(header) if _MESSAGE <= len(header) < len(row) else _MESSAGE
    event = make(
        t.cast(int, whole(row[_ID])) & 0xFFFF, row[at : at + 1], dates, when=row[_TIME].strip(), source=row[_SOURCE].strip() or None
    )
    if event is not None:
        yield event


def _is_viewer_row(row: list[str]) -> bool:
    return len(row) > _ID and whole(row[_ID]) is not None and whole(row[_TIME]) is None and bool(row[_TIME].strip())


def _rows(lines: t.Iterator[str]) -> t.Iterator[list[str] | csv.Error]:
    """Return the rows; an error in place of one that is no CSV, so that the ones behind it are read."""
    first = ""
    delimiter = ""
    for first in lines:
        # "#TYPE ..." is written by Export-Csv of Windows PowerShell, "sep=" by spreadsheets.
        text = first.strip().lstrip("\ufeff")
        if text.lower().startswith("sep=") and len(text) == 5:
            delimiter = text[4]
        elif text and not text.startswith("#TYPE"):
            break
    else:
        return
    if not delimiter:
        delimiter = max(",;\t", key=first.count)
    reader = csv.reader(itertools.chain([first.lstrip("\ufeff")], lines), delimiter=delimiter)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield error
