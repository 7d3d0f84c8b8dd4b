# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes small .evtx files, so that the reader meets the real format without anybody's log in the repository.

Layout: libyal/libevtx, "Windows XML Event Log (EVTX) format"; Microsoft: MS-EVEN6 2.2.12 (BinXml). Each record
is a template of its own without values to fill in, where Windows has one template for many records.
"""

from __future__ import annotations

import datetime
import struct
import xml.etree.ElementTree as ET
import zlib

_CHUNK, _RECORDS_AT = 65536, 512


def evtx_file(records):
    """Return the bytes of a log with one chunk. C(records) are records as XML texts; their EventRecordID is not looked at."""
    chunk = bytearray(_RECORDS_AT)
    last = _RECORDS_AT
    for number, text in enumerate(records, 1):
        last = len(chunk)
        body = _fragment(ET.fromstring(text), last + 24, number)
        size = 24 + len(body) + 4
        chunk += b"**\0\0" + struct.pack("<IQQ", size, number, _filetime(datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC))) + body
        chunk += struct.pack("<I", size)
    free = len(chunk)
    assert free <= _CHUNK, "one chunk holds no more"
    count = len(records)
    struct.pack_into("<8sQQQQIIII", chunk, 0, b"ElfChnk\0", 1, count, 1, count, 128, last, free, zlib.crc32(chunk[_RECORDS_AT:]))
    struct.pack_into("<I", chunk, 124, zlib.crc32(chunk[:120] + chunk[128:_RECORDS_AT]))
    header = bytearray(4096)
    struct.pack_into("<8sQQQIHHHH", header, 0, b"ElfFile\0", 0, 0, count + 1, 128, 1, 3, 4096, 1)
    struct.pack_into("<I", header, 124, zlib.crc32(header[:120]))
    return bytes(header) + bytes(chunk).ljust(_CHUNK, b"\0")


def _fragment(element, at, number):
    """Return a record's BinXml at C(at) in its chunk: a template of its own, and an instance of it without values."""
    definition_at = at + 4 + 10
    inner = b"\x0f\x01\x01\x00" + _element(element, definition_at + 24 + 4) + b"\x00"
    definition = struct.pack("<II12xI", 0, number, len(inner)) + inner
    return b"\x0f\x01\x01\x00" + struct.pack("<BBII", 0x0C, 1, number, definition_at) + definition + struct.pack("<I", 0) + b"\x00"


def _element(element, at):
    """Return an element as BinXml; C(at) is where in the chunk it begins, which names are told by."""
    # ElementTree takes the declaration of a namespace away; the reader goes by local names.
    head = struct.pack("<BH", 0x41 if element.attrib else 0x01, 0xFFFF)
    name = _name(element.tag.rpartition("}")[2], at + len(head) + 4)
    body = name
    if element.attrib:
        attributes = b""
        for index, (key, value) in enumerate(element.attrib.items(), 1):
            token = b"\x06" if index == len(element.attrib) else b"\x46"
            attributes += token
            attributes += _name(key, at + len(head) + 4 + len(body) + 4 + len(attributes)) + _text(value)
        body += struct.pack("<I", len(attributes)) + attributes
    body += b"\x02"
    if element.text:
        body += _text(element.text)
    for child in element:
        body += _element(child, at + len(head) + 4 + len(body))
    body += b"\x04"
    return head + struct.pack("<I", len(body)) + body


def _name(text, at):
    value = 0
    for char in text:
        value = (value * 65599 + ord(char)) & 0xFFFFFFFF
    return struct.pack("<IIHH", at + 4, 0, value & 0xFFFF, len(text)) + text.encode("utf-16-le") + b"\0\0"


def _text(text):
    return struct.pack("<BBH", 0x05, 0x01, len(text)) + text.encode("utf-16-le")


def _filetime(when):
    return int((when - datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)).total_seconds() * 10_000_000)
