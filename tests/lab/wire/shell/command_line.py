# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command line asks of a machine that has a PowerShell and no cmd.exe."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
import shlex

_EXIT = re.compile(r"exit(?:\s+(\d{1,9}))?\s*;?\s*\Z", re.IGNORECASE)
_POWERSHELL = re.compile(r"(?:powershell|pwsh)(?:\.exe)?\Z", re.IGNORECASE)
_ENCODED = re.compile(r"-(?:EncodedCommand|enc|e|ec)\Z", re.IGNORECASE)
_OPERATORS = re.compile(r"[|&<>]")
_QUOTED = re.compile(r'"[^"]*"')


@dataclasses.dataclass(frozen=True)
class Exit:
    """The command does nothing but end with a number."""

    code: int


@dataclasses.dataclass(frozen=True)
class PowerShell:
    """The engine with these arguments. C(script) is the text of -EncodedCommand, None without one."""

    arguments: tuple[str, ...]
    script: str | None


@dataclasses.dataclass(frozen=True)
class Unknown:
    """Something else. C(operator) tells that only cmd.exe could do it, for it has a pipe, a redirection or a second command."""

    program: str
    operator: bool = False


def read(command: str, arguments: str) -> Exit | PowerShell | Unknown:
    """Return what a command line means.

    Ansible's raw module sends, on 2.19 and 2.21, PowerShell with -EncodedCommand and the base64 of the task's text in UTF-16LE, the
    text and nothing else; so "raw: exit 0" is recognised in that form, and plain. It needs no engine, and costs nothing.
    """
    line = f"{command} {arguments}".strip()
    plain = _EXIT.match(line)
    if plain:
        return Exit(int(plain.group(1) or 0))
    words = _words(line)
    if not words or not _POWERSHELL.match(words[0].replace("\\", "/").rpartition("/")[2]):
        return Unknown(line.partition(" ")[0])
    if _OPERATORS.search(_QUOTED.sub("", line)):
        return Unknown(words[0], operator=True)
    script = _script(words)
    found = None if script is None else _EXIT.match(script.strip())
    return Exit(int(found.group(1) or 0)) if found else PowerShell(tuple(words[1:]), script)


def _words(line: str) -> list[str]:
    """Return the words of a command line as CommandLineToArgvW does, but for quotes inside quotes: a backslash is a character like any other."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.quotes, lexer.escape, lexer.commenters = '"', "", ""
    try:
        return list(lexer)
    except ValueError:  # a quote without its end
        return line.split()


def _script(words: list[str]) -> str | None:
    if len(words) < 3 or not _ENCODED.match(words[-2]):
        return None
    try:
        return base64.b64decode(words[-1], validate=True).decode("utf-16-le")
    except (binascii.Error, UnicodeDecodeError):
        return None
