# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a client's activation requests: its 12288, its 12289 and the host's 12290, put together.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.

    pair_client(name, client_events, served)  -> [Attempt]      one client
    HostIndex(records), pair_fleet(...)       -> many clients, and a host log of any length in bounded memory
    never_asked(events)                       -> the verdict for which there is no record

What a request says of its client stands in 12288 and in 12290 alike: CMID, activation id, client time, licence status, minutes to expiry, minimum count
(Microsoft: Volume Activation Technical Reference, Table 11). So both records of one request are told by what they hold, whatever their clocks say. 12289 has
neither host nor CMID: it goes with the nearest 12288 before it that an answer can belong to.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from .event import APPLICATION_LOG, REQUEST_SENT, RESPONSE_PROCESSED, CodeFacts, Events, KmsEvent

NEVER_ASKED = "never_asked"
HOST_NOT_REACHED = "host_not_reached"
REFUSED = "refused"
COUNT_TOO_LOW = "count_too_low"
ACTIVATED = "activated"
ANSWER_LOST = "answer_lost"
UNKNOWN = "unknown"
OUTCOMES = (HOST_NOT_REACHED, REFUSED, COUNT_TOO_LOW, ACTIVATED, ANSWER_LOST, UNKNOWN)
"""Every outcome of an attempt. NEVER_ASKED is not among them: it is the verdict on a client without any."""

FIRST = "first"
RENEWAL = "renewal"
KINDS = (FIRST, RENEWAL, UNKNOWN)

_UNLICENSED, _LICENSED, _OOB_GRACE = 0, 1, 2
"""LicenseStatus (Win32metadata, SLLICENSINGSTATUS): 2 is the grace period of a fresh installation."""

_LONGEST_FIRST_GRACE = 60 * 24 * 60
"""Minutes. A fresh installation has 30 days (KMS troubleshooting guidelines), Windows Server 2008 had 60 (from memory); an activation lasts 180 days."""


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One request to one host, and what became of it. A client that tries three hosts makes three attempts.

    client:         the client, as the caller names it.
    cmid:           its client machine id, lower case; None where no record has it.
    activation_id:  the product, lower case; None where no record has it.
    host, port:     the host as the client names it in 12288, else the computer of the 12290; port is None where only the host's record is there.
    time:           when it was, aware, UTC: by the client's clock less its offset (of a request known by its 12290 alone, by the host's).
    sent, response, served: the 12288, the 12289 and the 12290; None where there is none. One record belongs to one attempt at the most. What came out of a
                    HostIndex has no insertion strings any more.
    outcome:        host_not_reached  the client got no usable answer, and no host has a record of the request
                    refused           the host, or what answered in its place, said no: C(code)
                    count_too_low     the host answered, and its count is below what the client needs
                    activated         the client is activated, for the first time or again
                    answer_lost       the host served the request, and the client has nothing of it
                    unknown           what is there does not tell
    kind:           first, renewal or unknown: L(kind_of).
    count:          the host's count as answered, from the 12289.
    required_count: the count that the client needs.
    code:           why not: the client's own code where that says more than that there was no answer, else the host's; None when nothing failed.
    clock_difference_seconds: the client's clock less the host's, as both records show it, to a minute or better. Offsets that were passed in are not in it.
    notes:          what is odd about it, one sentence each.
    """

    client: str
    cmid: str | None = None
    activation_id: str | None = None
    host: str | None = None
    port: int | None = None
    time: datetime.datetime | None = None
    sent: KmsEvent | None = None
    response: KmsEvent | None = None
    served: KmsEvent | None = None
    outcome: str = UNKNOWN
    kind: str = UNKNOWN
    count: int | None = None
    required_count: int | None = None
    code: CodeFacts | None = None
    clock_difference_seconds: float | None = None
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Silence:
    """Whether a client made no attempt at all. C(never_asked) is None where its log can't tell; C(reason) says why, C(since) from when on it holds."""

    never_asked: bool | None
    reason: str
    since: datetime.datetime | None = None


def never_asked(events: Events) -> Silence:
    """Tell whether a client sent no request in the time that was read of its Application log.

    "No record" is only an answer where the log would still have it: read completely, enabled, not full, and reaching back to the time asked for.
    """
    if any(event.event_id in (REQUEST_SENT, RESPONSE_PROCESSED) for event in events.records):
        return Silence(False, "the log has requests of this client")
    state = events.log(APPLICATION_LOG)
    if state is None:
        return Silence(None, f"the log {APPLICATION_LOG} was not read")
    if state.problem is not None:
        return Silence(None, f"the log {state.log} could not be read: {state.problem}")
    if state.enabled is False:
        return Silence(None, f"the log {state.log} is disabled")
    if state.complete is not True:
        return Silence(None, f"the log {state.log} was not read completely")
    if state.full:
        return Silence(None, f"the log {state.log} is full and takes no new records")
    since, oldest = events.since, state.oldest_record_at
    if oldest is None and state.records != 0:
        return Silence(None, f"how far the log {state.log} reaches back is not known")
    if since is not None and oldest is not None and oldest > since:
        # A log that overwrote nothing yet, of a young machine for one, tells for as long as there is a log.
        if state.about_to_overwrite is not False:
            return Silence(
                None, f"the log {state.log} reaches back to {oldest:%Y-%m-%d %H:%M} UTC only: older records are overwritten", oldest
            )
        since = oldest
    return Silence(True, f"the log {state.log} has no request" + ("" if since is None else f" since {since:%Y-%m-%d %H:%M} UTC"), since)


def kind_of(event: KmsEvent) -> str:
    """Return what a request was for by the state in which it was sent, of a 12288 or a 12290: first, renewal or unknown.

    Licensed is a renewal; unlicensed, or in the grace period of a fresh installation, a first activation. Every other state comes before an activation as
    well as after its end: C(unknown), unless there are more minutes left than a first grace period has.
    """
    status, minutes = event.fields.get("license_status"), event.fields.get("minutes_to_expiry")
    if status == _LICENSED:
        return RENEWAL
    if status in (_UNLICENSED, _OOB_GRACE):
        return FIRST
    if isinstance(minutes, int) and minutes > _LONGEST_FIRST_GRACE:
        return RENEWAL
    return UNKNOWN
