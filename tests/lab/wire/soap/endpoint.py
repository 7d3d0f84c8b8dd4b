# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine's WS-Management service without its transport: bytes of a request in, status and XML of the reply out."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.lab.model.languages import IN_ENGLISH, Language

from . import faults, names
from .cim import CimResource, Description
from .envelope import Message, NotXmlError, not_understood, read, write
from .psrp import PowerShellResource
from .reply import Reply
from .shell import ShellResource, Shells
from .text import IllegalCharacterError

# MS-WSMV 3.1.4.1.7: a smaller MaxEnvelopeSize is answered with EncodingLimit.
SMALLEST_ENVELOPE_SIZE = 8192
# Options that shells obey: those of MS-WSMV for Create and Command, and that of MS-PSRP for Create.
_SHELL_OPTIONS = frozenset({"protocolversion", "winrs_noprofile", "winrs_codepage", "winrs_consolemode_stdin", "winrs_skip_cmd_shell"})


@dataclasses.dataclass(frozen=True)
class Answer:
    """HTTP status and XML of a reply; C(fault) is the code of the fault when it is one."""

    status: int
    xml: str
    fault: int | None = None


class Endpoint:
    """The service of one machine.

    C(machine) is the computer's full name as faults give it, C(words) tells the language it speaks now. Without C(powershell) there is no remoting.
    """

    def __init__(
        self,
        machine: str,
        cim: CimResource,
        shell: ShellResource,
        words: t.Callable[[], Language] = lambda: IN_ENGLISH,
        powershell: PowerShellResource | None = None,
    ) -> None:
        self.machine = machine
        self.cim = cim
        self.shell = shell
        self._words = words
        self._powershell = powershell

    def read(self, raw: bytes) -> Message | Answer:
        """Read a request, or return the answer to something that is none."""
        try:
            return read(raw)
        except NotXmlError:
            # Which fault Windows sends for broken XML is inferred; the code says what it is for.
            return self.refuse(faults.WsmanFault(faults.SCHEMA_VALIDATION_ERROR), None)

    def describe(self, message: Message) -> Description:
        """Return what the request is about."""
        if self.shells(message) is not None:
            return Description(Shells.operation(message))
        return self.cim.describe(message) or Description((message.action or "").rpartition("/")[2])

    def shells(self, message: Message) -> Shells | None:
        """Return the shells that the request is for, None when it is for none."""
        if ShellResource.owns(message):
            return self.shell
        return self._powershell if PowerShellResource.owns(message) else None

    def answer(self, message: Message) -> Answer:
        """Judge the headers of a request for CIM and carry it out. Blocks while the model works; call it from a worker thread."""
        try:
            check_headers(message)
            return self._success(message, self.cim.answer(message))
        except (faults.WsmanFault, IllegalCharacterError) as error:
            return self._failure(message, error)

    async def answer_shell(self, message: Message, shells: Shells) -> Answer:
        """Judge the headers of a request for shells and carry it out. It takes no thread while it waits for output."""
        try:
            check_headers(message, _SHELL_OPTIONS)
            return self._success(message, await shells.answer(message))
        except (faults.WsmanFault, IllegalCharacterError) as error:
            return self._failure(message, error)

    def _success(self, message: Message, reply: Reply) -> Answer:
        action = (message.action or "") + "Response"
        return Answer(200, write(action, reply.body, message.message_id, reply.namespaces, lang=self._words().tag))

    def _failure(self, message: Message, error: faults.WsmanFault | IllegalCharacterError) -> Answer:
        if isinstance(error, IllegalCharacterError):
            # wsmerror.h 0x8033810A: a value that XML cannot hold is never sent.
            error = faults.WsmanFault(0x8033810A, message=f"{error}. ")
        return self.refuse(error, message)

    def refuse(self, fault: faults.WsmanFault, message: Message | None) -> Answer:
        """Return the answer that carries a fault."""
        relates_to = None if message is None else message.message_id
        words = self._words()
        body = fault.body(self.machine, "" if message is None else message.to_host, words)
        return Answer(500, write(fault.action, body, relates_to, header=fault.headers(), lang=words.tag), fault.code)


def check_headers(message: Message, obeyed: t.Collection[str] = ()) -> None:
    """Refuse what Windows refuses before it looks at the body. C(obeyed) are options, in lower case. Raises WsmanFault."""
    for header in message.headers:
        # wsmerror.h; met by nx_system_tests: the service guarantees no language, so that it must not be told to.
        if header.must_understand and header.tag in (f"{{{names.WSMAN}}}Locale", f"{{{names.MICROSOFT}}}DataLocale"):
            raise faults.WsmanFault(faults.MUSTUNDERSTAND_ON_LOCALE_UNSUPPORTED)
    unknown = not_understood(message)
    if unknown is not None:
        namespace, _brace, name = unknown.tag.removeprefix("{").rpartition("}")
        raise faults.MustUnderstandFault(namespace, name)
    # DSP0226: To, Action, MessageID and ReplyTo are required; every client in production sends them with ResourceURI.
    if not all((message.to, message.action, message.message_id, message.reply_to)):
        raise faults.WsmanFault(faults.MESSAGE_INFORMATION_HEADER_REQUIRED)
    if not message.resource_uri:
        raise faults.WsmanFault(faults.INVALID_RESOURCE_URI)
    size = message.max_envelope_size
    if size is not None:
        if not size.isascii() or not size.isdigit():
            raise faults.WsmanFault(faults.SCHEMA_VALIDATION_ERROR)
        if int(size) < SMALLEST_ENVELOPE_SIZE:
            raise faults.WsmanFault(faults.ENCODING_LIMIT)
    if any(must_comply and name.lower() not in obeyed for name, must_comply, _value in message.options):
        # wsmerror.h OPTIONS_NOT_SUPPORTED: WMI has no option that can be obeyed to the letter.
        raise faults.WsmanFault(faults.OPTIONS_NOT_SUPPORTED)
