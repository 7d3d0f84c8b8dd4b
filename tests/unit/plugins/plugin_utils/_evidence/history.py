# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests as they happened, and the records that client and host write of them, each by its own clock."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.activation.kms.plugins.plugin_utils._catalogue import loader
from ansible_collections.activation.kms.plugins.plugin_utils._evidence.event import APPLICATION_LOG, KMS_LOG, CodeFacts, KmsEvent

NOON = datetime.datetime(2026, 11, 24, 12, 0, 7, tzinfo=datetime.UTC)
SERVER = "ef6cfc9f-8c5d-44ac-9aad-de6a2ea0ae03"
OFFICE = "85dd8b5f-eaa4-4af3-a628-cce9e77c9a03"
CMID = "36f27b39-2fd5-440b-be67-a09996d27a38"
UNREACHABLE, TIMESTAMP, MISMATCH, NOT_INSTALLED = 0x800706BA, 0xC004F06C, 0xC004F042, 0xC004F015


def facts(code: int) -> CodeFacts:
    found = loader.explain_code(code)
    return CodeFacts(loader.code_text(code), found.symbol if found else None, found.meaning if found else None)


@dataclasses.dataclass(frozen=True)
class Try:
    """One request to one host, as it really was. C(moment) is true time; C(client_clock) and C(host_clock) are seconds that the clocks are ahead of it.

    code:      what the client logs in 12288; C(host_code) what the host logs in 12290, None where the request never got there.
    count:     the count in the answer that the client got, None where it got none.
    """

    moment: datetime.datetime = NOON
    client: str = "pc01.corp.example"
    cmid: str | None = CMID
    host: str = "kms01.corp.example"
    product: str = SERVER
    required: int = 5
    status: int = 2
    minutes: int = 41760
    code: int = 0
    host_code: int | None = 0
    count: int | None = 12
    client_clock: float = 0.0
    host_clock: float = 0.0
    number: int = 100

    @property
    def on_client(self) -> datetime.datetime:
        return self.moment + datetime.timedelta(seconds=self.client_clock)

    @property
    def told(self) -> datetime.datetime:
        return self.on_client.replace(second=0, microsecond=0)

    def sent(self, **changes: t.Any) -> KmsEvent:
        event = KmsEvent(
            12288,
            "request_sent",
            "client",
            APPLICATION_LOG,
            self.client,
            self.number,
            self.on_client,
            code=facts(self.code),
            fields={
                "status_flags": 0,
                "flags": [],
                "host": self.host,
                "port": 1688,
                "cmid": self.cmid,
                "client_time": self.told,
                "virtual": True,
                "license_status": self.status,
                "minutes_to_expiry": self.minutes,
                "activation_id": self.product,
                "required_count": self.required,
            },
        )
        return change(event, changes)

    def response(self, **changes: t.Any) -> KmsEvent:
        assert self.count is not None
        enough = self.count >= self.required
        event = KmsEvent(
            12289,
            "response_processed",
            "client",
            APPLICATION_LOG,
            self.client,
            self.number + 1,
            self.on_client + datetime.timedelta(seconds=1),
            code=facts(0),
            fields={
                "status_flags": 0 if enough else 0x04000000,
                "flags": [],
                "activated": enough,
                "count": self.count,
                "activation_interval_minutes": 120,
                "renewal_interval_minutes": 10080,
                "client_time": self.told,
            },
        )
        return change(event, changes)

    def served(self, **changes: t.Any) -> KmsEvent:
        assert self.host_code is not None
        event = KmsEvent(
            12290,
            "request_served",
            "host",
            KMS_LOG,
            self.host,
            self.number,
            self.moment + datetime.timedelta(seconds=self.host_clock),
            code=facts(self.host_code),
            fields={
                "required_count": self.required,
                "client": self.client,
                "cmid": self.cmid,
                "client_time": self.told,
                "virtual": True,
                "license_status": self.status,
                "minutes_to_expiry": self.minutes,
                "activation_id": self.product,
            },
        )
        return change(event, changes)

    def events(self) -> list[KmsEvent]:
        return [self.sent(), *([] if self.count is None else [self.response()])]


def change(event: KmsEvent, changes: t.Mapping[str, t.Any]) -> KmsEvent:
    """Return a record with attributes or fields changed."""
    own = {name: value for name, value in changes.items() if hasattr(event, name)}
    fields = {name: value for name, value in changes.items() if name not in own}
    return dataclasses.replace(event, **own, fields={**event.fields, **fields})


def unreached(**values: t.Any) -> Try:
    return Try(code=UNREACHABLE, host_code=None, count=None, **values)


def refused(code: int = MISMATCH, host_code: int = NOT_INSTALLED, **values: t.Any) -> Try:
    return Try(code=code, host_code=host_code, count=None, **values)


def answer_lost(**values: t.Any) -> Try:
    return Try(code=0x800706BE, host_code=0, count=None, **values)
