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

import bisect
import dataclasses
import datetime
import typing as t

from .._catalogue import loader
from .codes import CodeFacts
from .event import APPLICATION_LOG, REQUEST_SENT, REQUEST_SERVED, RESPONSE_PROCESSED, Events, KmsEvent
from .host_index import KEEP, HostIndex, Kept, Record
from .names import comparable, guid, is_address, label_of, machine_name, same_machine

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

_UNLICENSED, _LICENSED, _OOB_GRACE = 0, 1, 2
"""LicenseStatus (Win32metadata, SLLICENSINGSTATUS): 2 is the grace period of a fresh installation."""

_LONGEST_FIRST_GRACE = 60 * 24 * 60
"""Minutes. A fresh installation has 30 days (KMS troubleshooting guidelines), Windows Server 2008 had 60 (from memory); an activation lasts 180 days."""

HostOffset: t.TypeAlias = float | t.Mapping[str, float] | None
"""Seconds that hosts' clocks are ahead of the controller's: of all of them, or by name."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MINUTE = 60.0
_HALF_HOUR = 1800.0
_LARGEST_SHIFT = 14 * 3600.0
"""Seconds. No zone is further from UTC (Line Islands, UTC+14)."""

_ANSWER_WINDOW = 120.0
"""Seconds between a 12288 and its 12289. Both are written when the answer is there; the figure is this project's own."""

_TOLD_TOLERANCE = 120.0
"""Seconds between the client times of one request in two logs: both are to the minute, and one is rounded where the other may be cut (inferred)."""

_WRITTEN_TOLERANCE = 300.0
"""Seconds between the times at which two machines wrote of one request when their clocks' offsets are not known. Kerberos keeps the clocks of a domain within
five minutes of each other."""

_MINUTES_TOLERANCE = 2
"""Minutes to expiry may have gone on between the request and its record on the client (inferred)."""

_HOST_CLOCK_TOLERANCE = 4 * 3600.0
"""Seconds. A host refuses a client whose clock differs by more (Microsoft: SupportArticles-docs, error-0xc004f06c-activate-windows)."""

_BEFORE = datetime.timedelta(days=2)

_NOT_ENOUGH_COUNT_FLAG = 0x04000000
"""Status flag of 12288 and 12289 (Volume Activation 2.0 Operations Guide, p. 29)."""
_NOT_ENOUGH_COUNT_CODE = 0xC004F038
_NO_HOST_ANSWERED = 0xC004F074
"""The wrapper that stands for every other failure (SupportArticles-docs: error-0xc004f074-activate-windows): it names no refusal."""

_WAY_TO_THE_HOST = frozenset({"network", "dns", "host_unreachable", "internet", "timeout"})
"""Categories of codes that speak of the way to the host; others that are no refusal speak of the client itself."""


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


@dataclasses.dataclass(frozen=True)
class Client:
    """A client whose attempts are to be told: the arguments of L(pair_client) of the same names."""

    name: str
    events: t.Sequence[KmsEvent] = ()
    names: tuple[str, ...] = ()
    cmids: tuple[str, ...] = ()
    clock_offset: float | None = None
    since: datetime.datetime | None = None


def pair_client(
    name: str,
    events: t.Iterable[KmsEvent],
    served: t.Iterable[KmsEvent] | Kept = (),
    *,
    names: t.Collection[str] = (),
    cmids: t.Collection[str] = (),
    client_offset: float | None = None,
    host_offset: HostOffset = None,
    since: datetime.datetime | None = None,
) -> list[Attempt]:
    """Return the attempts of one client, the oldest first.

    name:          what to call the client.
    events:        its records in any order; 12288 and 12289 are looked at, others left alone.
    served:        records of hosts, of other clients too; of the 12290 those are taken that belong to this client. Or what a HostIndex has of it.
    names:         its names in Windows, short or full; what its records have as C(computer) counts as well. Only where there is neither, C(name) has to
                   tell the machines with one CMID apart.
    cmids:         its CMIDs as known from elsewhere; what its records have counts as well.
    client_offset: seconds that its clock is ahead of the controller's; None where that is not known.
    host_offset:   the same of the hosts: one number, or one for each name of a host.
    since:         12290 before this moment that have no record on the client are left out: a host's log reaches further back than what was read here.
    """
    mine = _client_records(events, client_offset)
    sent = [record for record in mine if record.event.event_id == REQUEST_SENT]
    responses = [record for record in mine if record.event.event_id == RESPONSE_PROCESSED]
    own_cmids = {found for found in (*(guid(cmid) for cmid in cmids), *(record.cmid for record in sent)) if found}
    own_names = _names(names, mine)
    kept = served if isinstance(served, Kept) else Kept(tuple(served))
    theirs, strangers = _host_records(kept.records, own_cmids, own_names, name, host_offset)
    hosts = kept.hosts or tuple({event.computer for event in kept.records if event.event_id == REQUEST_SERVED and event.computer})
    for record in sent:
        record.known = record.machine is not None and any(same_machine(record.machine, host) for host in hosts)

    answered = _pair_responses(sent, responses)
    matched = _pair_served(sent, answered, theirs)
    drafts = [_Draft(record, answered.get(record), matched.get(record)) for record in sent]
    used = {id(record) for record in (*answered.values(), *matched.values())}
    rest = [record for record in theirs if id(record) not in used]
    for response in (record for record in responses if id(record) not in used):
        found = _of_response(response, rest)
        if found is not None:
            rest.remove(found)
        drafts.append(_Draft(None, response, found))
    drafts += [
        _Draft(None, None, record) for record in rest if since is None or record.moment is None or record.moment >= since.timestamp()
    ]

    others = sorted({*kept.other_names, *(t.cast(str, record.named) for record in strangers)})
    attempts = [_attempt(name, draft, others, kept) for draft in drafts]
    return sorted(attempts, key=lambda attempt: attempt.time or _EPOCH)


def pair_fleet(
    clients: t.Iterable[Client], host_records: t.Iterable[Record] | HostIndex, *, host_offset: HostOffset = None, keep: int = KEEP
) -> t.Iterator[tuple[Client, list[Attempt]]]:
    """Yield each client with its attempts, in the order in which they come.

    host_records: the 12290 of all hosts as a stream, read to its end before the first client; or an index that was made of it, which then answers for the
                  fleet as well.
    keep:         records that are kept of one client: HostIndex.

    Raises EvidenceError for a plain record of a wrong shape.
    """
    index = host_records if isinstance(host_records, HostIndex) else HostIndex(host_records, keep=keep)
    for client in clients:
        cmids = {*client.cmids, *(str(event.fields.get("cmid")) for event in client.events if event.event_id == REQUEST_SENT)}
        names = {*client.names, *(event.computer for event in client.events if event.computer)}
        # Local time and a clock that is off may put a request before the moment from which on requests count.
        since = None if client.since is None else client.since - _BEFORE
        kept = index.of_client(cmids, names or (() if any(guid(cmid) for cmid in cmids) else (client.name,)), since)
        yield (
            client,
            pair_client(
                client.name,
                client.events,
                kept,
                names=client.names,
                cmids=client.cmids,
                client_offset=client.clock_offset,
                host_offset=host_offset,
                since=client.since,
            ),
        )


# --- records, made comparable ---


@dataclasses.dataclass(slots=True, eq=False)
class _Record:
    """A record with what is compared. Times are seconds since 1970.

    told:    the client's own time of the request, as the record has it: to the minute.
    written: when the record was written, less the offset of the clock that did it; C(sure) says that this offset is known.
    moment:  the best of both, for order and for the result.
    named:   the client, as a 12290 has it; C(machine) is the host, as a 12288 names it, or the computer of the 12290. C(known) says that the host named by
             a 12288 is one whose own records are there, so that it is no other host's alias.
    """

    event: KmsEvent
    told: float | None
    written: float | None
    moment: float | None
    sure: bool
    cmid: str | None
    product: str | None
    required: int | None
    status: int | None
    minutes: int | None
    virtual: bool | None
    named: str | None
    machine: str | None
    known: bool = False

    @property
    def code(self) -> int | None:
        return self.event.number

    @property
    def local(self) -> bool:
        return self.event.time_is_local


@dataclasses.dataclass(frozen=True)
class _Draft:
    sent: _Record | None
    response: _Record | None
    served: _Record | None


def _record(event: KmsEvent, offset: float | None, on_client: bool) -> _Record:
    fields = event.fields
    told = _seconds(fields.get("client_time"))
    written = None if event.time is None else event.time.timestamp() - (offset or 0.0)
    corrected = None if told is None else told - (offset or 0.0 if on_client else 0.0)
    # A time without a zone is hours off at most places; what the client told is UTC everywhere.
    moment = corrected if written is None or (event.time_is_local and corrected is not None) else written
    return _Record(
        event=event,
        told=told,
        written=written,
        moment=moment,
        sure=offset is not None,
        cmid=guid(fields.get("cmid")),
        product=guid(fields.get("activation_id")),
        required=_whole(fields.get("required_count")),
        status=_whole(fields.get("license_status")),
        minutes=_whole(fields.get("minutes_to_expiry")),
        virtual=fields.get("virtual") if isinstance(fields.get("virtual"), bool) else None,
        named=None if on_client else machine_name(fields.get("client")),
        machine=machine_name(fields.get("host") if on_client else event.computer),
    )


def _client_records(events: t.Iterable[KmsEvent], offset: float | None) -> list[_Record]:
    found = {_identity(event): event for event in events if event.event_id in (REQUEST_SENT, RESPONSE_PROCESSED)}
    records = [_record(event, offset, on_client=True) for event in found.values()]
    # Within one second, and within one minute where a record has only that, the log's own numbering knows the order.
    return sorted(records, key=lambda record: (record.moment or 0.0, record.event.record_number or 0, record.event.event_id))


def _host_records(
    events: t.Iterable[KmsEvent], cmids: t.Collection[str], names: t.Collection[str], label: str, offset: HostOffset
) -> tuple[list[_Record], list[_Record]]:
    """Return the 12290 of this client, and those of other machines with a CMID of it."""
    found: dict[t.Any, _Record] = {}
    for event in events:
        if event.event_id != REQUEST_SERVED:
            continue
        cmid, named = guid(event.fields.get("cmid")), machine_name(event.fields.get("client"))
        # Without a CMID on both sides the name has to tell, and to be there.
        by_name = named is not None and any(same_machine(named, own) for own in names or (label,))
        wanted = by_name if cmid is None or not cmids else cmid in cmids
        if wanted:
            found.setdefault(_identity(event), _record(event, _offset_of(event.computer, offset), on_client=False))
    records = list(found.values())
    several = len({record.named.partition(".")[0].casefold() for record in records if record.named}) > 1
    known = names or ((label,) if several else ())
    theirs = [record for record in records if not known or record.named is None or any(same_machine(record.named, own) for own in known)]
    chosen = {id(record) for record in theirs}
    return sorted(theirs, key=lambda record: record.moment or 0.0), [record for record in records if id(record) not in chosen]


def _identity(event: KmsEvent) -> t.Hashable:
    """What makes two records one: what they hold, and their number in the log; their time where they have none."""
    fields = event.fields
    # A value of an odd kind counts by its text.
    values = [value if isinstance(value, _PLAIN) else str(value) for value in map(fields.get, _IDENTITY)]
    return (
        event.event_id,
        event.record_number if event.record_number is not None else event.time,
        # A log that was exported and read has its computer by the short name here and by the full one there.
        label_of(comparable(event.computer)),
        None if event.code is None else event.code.code,
        *values,
    )


_PLAIN = (str, int, datetime.datetime, type(None))
_IDENTITY = ("client_time", "cmid", "activation_id", "host", "port", "client", "status_flags", "activated", "count", "minutes_to_expiry")


def _names(names: t.Collection[str], records: t.Sequence[_Record]) -> tuple[str, ...]:
    found = (machine_name(name) for name in (*names, *(record.event.computer for record in records)))
    return tuple(dict.fromkeys(name for name in found if name))


def _offset_of(computer: str | None, offset: HostOffset) -> float | None:
    if offset is None or isinstance(offset, (int, float)):
        return offset
    return next((seconds for name, seconds in offset.items() if computer is not None and same_machine(name, computer)), None)


# --- 12289 to 12288 ---


def _pair_responses(sent: t.Sequence[_Record], responses: t.Sequence[_Record]) -> dict[_Record, _Record]:
    """Return 12288 -> 12289: for each answer the nearest request before it that it can belong to."""
    answered: dict[_Record, _Record] = {}
    open_requests = [record for record in sent if record.code in (None, 0, _NOT_ENOUGH_COUNT_CODE)]
    moments = [record.moment or 0.0 for record in open_requests]
    for response in responses:
        if response.moment is None:
            continue
        last = bisect.bisect_right(moments, response.moment + _MINUTE)
        first = bisect.bisect_left(moments, response.moment - _ANSWER_WINDOW)
        choices = [record for record in open_requests[first:last] if record not in answered and _answers(record, response)]
        if choices:
            answered[max(choices, key=lambda record: (record.moment or 0.0, record.event.record_number or 0))] = response
    return answered


def _answers(sent: _Record, response: _Record) -> bool:
    if sent.moment is None or response.moment is None:
        return False
    # A time to the minute is up to a minute late, and may seem to come before its cause.
    if sent.moment > response.moment and all(record.written is not None and not record.local for record in (sent, response)):
        return False
    if sent.told is not None and response.told is not None and abs(sent.told - response.told) > _ANSWER_WINDOW:
        return False
    numbers = sent.event.record_number, response.event.record_number
    if numbers[0] is not None and numbers[1] is not None and numbers[0] > numbers[1] and sent.moment >= response.moment:
        return False
    return _count_fits(sent.required, response.event)


# --- 12290 to 12288 ---


def _pair_served(sent: t.Sequence[_Record], answered: t.Mapping[_Record, _Record], served: t.Sequence[_Record]) -> dict[_Record, _Record]:
    """Return 12288 -> 12290, each used once: by what both records hold first, then by the records' times, then by a shift that all pairs share."""
    matched: dict[_Record, _Record] = {}
    _match(sent, answered, served, 0.0, matched)
    used = {id(record) for record in matched.values()}
    left_sent = [record for record in sent if record not in matched and _reached(record)]
    left_served = [record for record in served if id(record) not in used]
    if left_sent and left_served and not matched:
        shift = _shift(left_sent, answered, left_served)
        if shift is not None:
            _match(left_sent, answered, left_served, shift, matched)
    return matched


def _match(
    sent: t.Sequence[_Record],
    answered: t.Mapping[_Record, _Record],
    served: t.Sequence[_Record],
    shift: float,
    matched: dict[_Record, _Record],
) -> None:
    told = sorted((record for record in served if record.told is not None), key=lambda record: record.told or 0.0)
    tolds = [record.told or 0.0 for record in told]
    untold = [record for record in served if record.told is None]
    pairs = []
    for place, request in enumerate(sent):
        near: t.Iterable[_Record] = served
        if request.told is not None:
            low, high = request.told - shift - _TOLD_TOLERANCE, request.told - shift + _TOLD_TOLERANCE
            near = (*told[bisect.bisect_left(tolds, low) : bisect.bisect_right(tolds, high)], *untold)
        for record in near:
            apart = _apart(request, record)
            if apart is None or abs(apart[0] - shift) > apart[1]:
                continue
            cost = _cost(request, record, answered.get(request))
            if cost is not None:
                pairs.append((cost, abs(apart[0] - shift), place, request, record))
    pairs.sort(key=lambda pair: pair[:3])
    used: set[int] = set()
    for *_order, request, record in pairs:
        if request not in matched and id(record) not in used:
            matched[request] = record
            used.add(id(record))


def _apart(request: _Record, record: _Record) -> tuple[float, float] | None:
    """Return how many seconds two records are apart, the client's less the host's, and how many they may be; None where it can't be said."""
    if request.told is not None and record.told is not None:
        return request.told - record.told, _TOLD_TOLERANCE
    first = request.written if request.written is not None else request.moment
    second = record.written if record.written is not None else record.moment
    if first is None or second is None:
        return None
    return first - second, _TOLD_TOLERANCE if request.sure and record.sure else _WRITTEN_TOLERANCE


def _cost(request: _Record, record: _Record, response: _Record | None) -> tuple[int, int, int] | None:
    """Return how badly two records fit, less is better; None when they can't be of one request."""
    if request.cmid is not None and record.cmid is not None and request.cmid != record.cmid:
        return None
    for mine, theirs in (
        (request.product, record.product),
        (request.required, record.required),
        (request.status, record.status),
        (request.virtual, record.virtual),
    ):
        if mine is not None and theirs is not None and mine != theirs:
            return None
    if request.minutes is not None and record.minutes is not None and abs(request.minutes - record.minutes) > _MINUTES_TOLERANCE:
        return None
    codes, hosts = _codes_alike(request.code, record.code, response is not None), _hosts_alike(request.machine, record.machine)
    if codes is None:
        return None
    # Whoever was not reached has no record of the request: what another host has of that time is of another request. Else the name may be an alias.
    if hosts is False and (request.known or (request.code and not _refusal(request.code))):
        return None
    return codes, {True: 0, None: 1, False: 2}[hosts], 0 if request.minutes == record.minutes else 1


def _codes_alike(sent: int | None, served: int | None, answered: bool) -> int | None:
    if sent is None or served is None:
        return 1
    if sent in (0, _NOT_ENOUGH_COUNT_CODE) or answered:
        return 0 if served == 0 else None
    # Refused on both sides, though not always with one code (SupportArticles-docs: activation-error-0xc004cf042); or served, and the answer was lost.
    return 0 if served else 2


def _hosts_alike(named: str | None, computer: str | None) -> bool | None:
    if named is None or computer is None:
        return None
    if same_machine(named, computer):
        return True
    # An address can't be compared with a name.
    return None if is_address(named) else False


def _shift(sent: t.Sequence[_Record], answered: t.Mapping[_Record, _Record], served: t.Sequence[_Record]) -> float | None:
    """Return by how many seconds one side is off because it is in local time, when every pair says the same; None when nothing does.

    Whole and half hours up to 14. One pair alone may be chance, for a client asks every two hours: it counts where a source said that its times are
    local, or where both records have the same minutes to expiry.
    """
    found: dict[float, list[tuple[_Record, _Record]]] = {}
    for request in sent:
        for record in served:
            apart = _apart(request, record)
            if apart is None or _cost(request, record, answered.get(request)) is None:
                continue
            if bool(request.code) != bool(record.code):
                continue
            shift = round(apart[0] / _HALF_HOUR) * _HALF_HOUR
            if 0 < abs(shift) <= _LARGEST_SHIFT and abs(apart[0] - shift) <= apart[1]:
                found.setdefault(shift, []).append((request, record))
    counts = {
        shift: min(len({id(sent) for sent, _served in pairs}), len({id(served) for _sent, served in pairs}))
        for shift, pairs in found.items()
    }
    best = max(counts.values(), default=0)
    shifts = [shift for shift, count in counts.items() if count == best]
    if len(shifts) != 1:
        return None
    (shift,) = shifts
    if any(a.local or b.local or (a.minutes and a.minutes == b.minutes) for a, b in found[shift]):
        return shift
    # Where only the times speak, all of them have to say the same.
    return shift if best >= 2 and best == min(len(sent), len(served)) else None


def _reached(record: _Record) -> bool:
    return not record.code or _refusal(record.code)


def _of_response(response: _Record, served: t.Sequence[_Record]) -> _Record | None:
    """Return the 12290 of an answer whose 12288 is lost, when only one can be it."""
    choices = []
    for record in served:
        apart = _apart(response, record)
        if apart is not None and abs(apart[0]) <= apart[1] and record.code == 0 and _count_fits(record.required, response.event):
            choices.append(record)
    return choices[0] if len(choices) == 1 else None


# --- what it means ---


def _attempt(name: str, draft: _Draft, others: t.Sequence[str], kept: Kept) -> Attempt:
    sent, response, served = draft.sent, draft.response, draft.served
    notes: list[str] = []
    outcome = _outcome(sent, response, served, notes)
    asked = sent or served
    # A draft is made of one record at the least.
    first = t.cast(_Record, sent or response or served)
    if served is None and sent is not None and kept.complete_since is not None and (sent.moment or 0.0) < kept.complete_since.timestamp():
        notes.append(
            f"the hosts' requests of this client before {kept.complete_since:%Y-%m-%d %H:%M} UTC were counted and not kept: this may be one of them"
        )
    if served is None and others:
        notes.append(f"the hosts have requests with this CMID that are not this client's, under the name {_listed(others)}")
    if sent is not None and served is not None and _hosts_alike(sent.machine, served.machine) is False:
        notes.append(
            f"the client names the host {sent.machine}, and the record is from {served.machine}: one is taken for an alias of the other"
        )
    difference = None if served is None else _clock_difference(sent or response, served, notes)
    named_host = None if sent is None else sent.event.fields.get("host")
    return Attempt(
        client=name,
        cmid=next((record.cmid for record in (sent, served) if record is not None and record.cmid), None),
        activation_id=next((record.product for record in (sent, served) if record is not None and record.product), None),
        host=named_host if isinstance(named_host, str) else None if served is None else served.machine,
        port=None if sent is None else _whole(sent.event.fields.get("port")),
        time=None if first.moment is None else _EPOCH + datetime.timedelta(seconds=first.moment),
        sent=None if sent is None else sent.event,
        response=None if response is None else response.event,
        served=None if served is None else served.event,
        outcome=outcome,
        kind=UNKNOWN if asked is None else kind_of(asked.event),
        count=None if response is None else _whole(response.event.fields.get("count")),
        required_count=next((record.required for record in (sent, served) if record is not None and record.required is not None), None),
        code=_telling_code(sent, response, served),
        clock_difference_seconds=difference,
        notes=tuple(notes),
    )


def _outcome(sent: _Record | None, response: _Record | None, served: _Record | None, notes: list[str]) -> str:
    if response is not None:
        return _outcome_of_answer(response, notes)
    if sent is None:
        if served is not None and served.code:
            return REFUSED
        notes.append("the host has the request, and the client's log has no record of it")
        return UNKNOWN
    if sent.code == _NOT_ENOUGH_COUNT_CODE or (not sent.code and _flag(sent.event)):
        return COUNT_TOO_LOW
    if served is not None and served.code:
        return REFUSED
    if sent.code is None:
        notes.append("the client's record has no code that could be read")
        return UNKNOWN
    if sent.code == 0:
        if served is not None:
            notes.append("the client sent the request without an error, and has no record of the host's answer")
            return ANSWER_LOST
        notes.append("the client sent the request without an error; neither it nor a host has a record of an answer")
        return UNKNOWN
    if _refusal(sent.code):
        if served is not None:
            notes.append("the host has served the request, and the client says that it was refused")
        return REFUSED
    if served is not None:
        return ANSWER_LOST
    explained = loader.explain_code(sent.code)
    if explained is None or explained.category not in _WAY_TO_THE_HOST:
        notes.append("the client's code is none that speaks of the way to the host")
    return HOST_NOT_REACHED


def _outcome_of_answer(response: _Record, notes: list[str]) -> str:
    if response.code:
        notes.append("an answer came, and the client could not use it")
        return REFUSED
    fields = response.event.fields
    if fields.get("activated") is True:
        return ACTIVATED
    if _flag(response.event):
        return COUNT_TOO_LOW
    if fields.get("activated") is False:
        notes.append("the answer did not activate the client, and its flags do not say that this is for the count")
        return COUNT_TOO_LOW
    notes.append("the record of the answer does not tell whether the client is activated")
    return UNKNOWN


def _telling_code(sent: _Record | None, response: _Record | None, served: _Record | None) -> CodeFacts | None:
    failed = [record for record in (sent, response, served) if record is not None and record.code]
    telling = [record for record in failed if _refusal(record.code or 0)]
    return next((record.event.code for record in (*telling, *failed)), None)


def _refusal(code: int) -> bool:
    """Tell whether a code is licensing's own no, and not that of the network: 0xC004nnnn without the wrapper."""
    return code >> 16 == 0xC004 and code != _NO_HOST_ANSWERED


def _clock_difference(asked: _Record | None, served: _Record, notes: list[str]) -> float | None:
    host = served.event.time
    if host is None or served.local:
        return None
    told = next((record.told for record in (asked, served) if record is not None and record.told is not None), None)
    client = None if asked is None or asked.local or asked.event.time is None else asked.event.time.timestamp()
    # Two times of one clock: where they are far apart, the record's was a local time.
    if client is None or (told is not None and abs(client - told) > 2 * _WRITTEN_TOLERANCE):
        client = told
    if client is None:
        return None
    difference = client - host.timestamp()
    if served.code == 0 and abs(difference) > _HOST_CLOCK_TOLERANCE:
        notes.append(
            "client and host are hours apart by their records, though the host accepted the client's time: one of them is in local time"
        )
        return None
    return round(difference, 3)


def _flag(event: KmsEvent) -> bool:
    flags = event.fields.get("status_flags")
    return isinstance(flags, int) and bool(flags & _NOT_ENOUGH_COUNT_FLAG)


def _count_fits(required: int | None, response: KmsEvent) -> bool:
    """Tell whether an answer can be one to a client that needs this count."""
    count = _whole(response.fields.get("count"))
    if required is None or count is None:
        return True
    if response.fields.get("activated") is True:
        return count >= required
    return not _flag(response) or count < required


def _listed(names: t.Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _seconds(value: t.Any) -> float | None:
    return value.timestamp() if isinstance(value, datetime.datetime) else None


def _whole(value: t.Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
