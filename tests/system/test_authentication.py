# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to log in that the winrm connection offers: it reads, it writes, and nobody on the way reads a product key where messages are sealed.

Machines over plain HTTP are reached by their address as one number: the same loopback address to every library, but not to the collection, which lets a
key that never leaves its own computer go as it is. Wrong names and authorities that are not trusted: test_bad_input_connection.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import ipaddress
import shutil
import typing as t

import pytest

from tests.lab.wire import kerberos
from tests.system.ansible_runs import Json, Lab, Run
from tests.system.bad_input import (
    FAILED,
    HOST_KEY,
    INSTALL,
    OK,
    PC,
    PC_WITHOUT_KEY,
    SERVER,
    UNREACHABLE,
    Case,
    Outcomes,
    run_cases,
)
from tests.system.conftest import StartLab
from tests.system.needles import found
from tests.system.wiretap import Wiretap


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to log in. C(sealed): messages are, over HTTP. C(readable): anybody on the way reads what is sent. C(psrp): by that one."""

    name: str
    method: str
    https: bool = False
    sealed: bool = False
    readable: bool = False
    variables: Json = dataclasses.field(default_factory=dict)
    psrp: bool = False

    def row(self) -> Json:
        """Its machine's row of an estate."""
        return {**SERVER, "name": self.name, "authentication": [self.method], "https": self.https, "allow_unencrypted": self.readable}


def _psrp(method: str, **more: str) -> Way:
    variables = {"ansible_connection": "psrp", "ansible_psrp_auth": method, "ansible_psrp_protocol": "http"}
    return Way(f"{method}-psrp", method, sealed=True, variables=variables | more, psrp=True)


UNSEALED = {"ansible_winrm_message_encryption": "never"}
NTLM = (
    Way("basic-http", "basic", readable=True),
    Way("basic-https", "basic", https=True),
    Way("ntlm-http", "ntlm", sealed=True),
    Way("ntlm-https", "ntlm", https=True),
    Way("ntlm-unsealed", "ntlm", readable=True, variables=UNSEALED),
    _psrp("ntlm"),
)
KERBEROS = (
    Way("kerb-http", "kerberos", sealed=True),
    Way("kerb-https", "kerberos", https=True),
    Way("kerb-unsealed", "kerberos", readable=True, variables=UNSEALED),
    _psrp("kerberos", ansible_psrp_negotiate_hostname_override="kerberos-psrp.corp.example"),
)


@functools.cache
def kerberos_is_missing() -> str:
    """Return what the tests over Kerberos lack on this computer, nothing when they can run."""
    absent = kerberos.missing()
    if shutil.which("kinit") is None:
        absent.append("kinit (package krb5-user)")
    if importlib.util.find_spec("kerberos") is None:
        absent.append("the Python package pykerberos")
    return ", ".join(absent)


needs_kerberos = pytest.mark.skipif(
    bool(kerberos_is_missing()),
    reason=f"no Kerberos: {kerberos_is_missing()}; make test compiles Python packages for libkrb5-dev, gcc and python3-dev",
)
# A module over PowerShell takes a handful of processes, each two seconds of this computer. What is below the shell is the same for both backends,
# so that a few logins are enough here.
OVER_POWERSHELL = ("basic-http", "ntlm-http", "ntlm-psrp", "kerb-http", "kerberos-psrp")


def _takes(backend: str, way: Way) -> bool:
    return way.name in OVER_POWERSHELL if backend == "powershell" else not way.psrp


WAYS = [
    pytest.param(
        backend, way, id=f"{way.name}-{backend}", marks=[*([needs_kerberos] if way in KERBEROS else []), getattr(pytest.mark, backend)]
    )
    for backend in ("wsman", "powershell")
    for way in (*NTLM, *KERBEROS)
    if _takes(backend, way)
]


# Reading, writing, and what is on the wire


@dataclasses.dataclass(frozen=True)
class Journey:
    """One run over several ways: what Ansible says, what the machines saw, and what anybody on the way could read."""

    lab: Lab
    run: Run
    taps: dict[str, Wiretap]


Travel = t.Callable[[str, Way], Journey]


@pytest.fixture(scope="module")
def travel(start_lab: StartLab) -> t.Iterator[Travel]:
    """A function that gives the run over a backend that a way belongs to; there is one for those without Kerberos, and one for those with it."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def one_run(backend: str, with_kerberos: bool) -> Journey:
            ways = KERBEROS if with_kerberos else NTLM
            return _run(start_lab, backend, [way for way in ways if _takes(backend, way)], stack)

        yield lambda backend, way: one_run(backend, way in KERBEROS)


def _run(start_lab: StartLab, backend: str, ways: t.Sequence[Way], stack: contextlib.ExitStack) -> Journey:
    estate = {
        "estate": {"domain": "corp.example", "name_servers": ["ns1"], "username": "labadmin"},
        "keys": [{"key": HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2022"}],
        "machines": [way.row() for way in ways],
    }
    lab = start_lab(estate)
    taps = {}
    for way in ways:
        address = lab.client.address(way.name)
        taps[way.name] = stack.enter_context(Wiretap(address, 5986 if way.https else 5985).listening())
        # A certificate is for an address in its usual form.
        host = address if way.https else str(int(ipaddress.ip_address(address)))
        lab.variables(
            f"host:{way.name}",
            {
                "ansible_host": host,
                "ansible_port": taps[way.name].port,
                "key": HOST_KEY,
                "readable": way.readable,
                "psrp": way.psrp,
                **way.variables,
            },
        )
    allowed = "{{ readable and not over_wsman }}"
    tasks: list[Json] = [
        {"name": "read", "activation.kms.activation_info": {}, "when": "over_wsman or psrp"},
        {
            "name": "write",
            "activation.kms.host_key": {"key": "{{ key }}", "allow_cleartext_key": allowed},
            "ignore_errors": True,
            "when": "not psrp",
            "register": "written",
        },
        {
            "name": "write all the same",
            "activation.kms.host_key": {"key": "{{ key }}", "allow_cleartext_key": True},
            "when": "written is failed",
        },
    ]
    run = lab.tasks("all", tasks, extra={"activation_kms_backend": backend, "over_wsman": backend == "wsman"}).succeed()
    return Journey(lab, run, taps)


@pytest.mark.parametrize(("backend", "way"), WAYS)
def test_every_login_reads_and_writes(travel: Travel, backend: str, way: Way) -> None:
    journey = travel(backend, way)
    if backend == "wsman" or way.psrp:
        read = journey.run.one(way.name, "read").result
        assert (read["backend"], read["activation"]["machine"]["edition_id"]) == (backend, "ServerDatacenter")
        assert read["activation"]["service"]["cmid"] == journey.lab.client.state(way.name)["cmid"]
    if not way.psrp:
        written = journey.run.one(way.name, "write all the same" if backend == "wsman" and way.readable else "write")
        assert (written.changed, written.result["backend"]) == (True, backend)
        assert journey.lab.product(way.name)["partial_key"] == HOST_KEY[-5:]


@pytest.mark.parametrize(("backend", "way"), WAYS)
def test_a_connection_logs_in_once_and_then_seals_every_message_where_it_can(travel: Travel, backend: str, way: Way) -> None:
    journey = travel(backend, way)
    calls = [call for call in journey.lab.calls(way.name) if call["scheme"] in ("http", "https")]
    messages = [call for call in calls if call["operation"]]
    assert {call["sealed"] for call in messages} == {way.sealed}
    # A Receive that had nothing to say in time is a fault, and no more.
    assert {call["status"] for call in messages if call["operation"] != "Receive"} == {200}
    assert {call["login"] for call in calls} == ({"basic"} if way.method == "basic" else {way.method, None})
    if way.method != "basic":
        logins = [call["connection"] for call in calls if call["login"] and call["status"] == 200]
        assert sorted(logins) == sorted({call["connection"] for call in messages})
    assert journey.lab.client.machine(way.name)["machine"]["refused_logins"] == 0


@pytest.mark.parametrize(("backend", "way"), [one for one in WAYS if not one.values[1].psrp])
def test_a_key_can_be_read_on_the_way_only_where_the_user_was_told_and_allowed_it(travel: Travel, backend: str, way: Way) -> None:
    journey = travel(backend, way)
    # Over PowerShell it is allowed at once, to spare a run.
    asked = backend == "wsman" and way.readable
    write = journey.run.one(way.name, "write")
    assert write.status == (FAILED if asked else OK)
    assert write.msg.startswith("the product key would cross the network readable by anyone on the way: the connection to ") == asked
    tap = journey.taps[way.name]
    assert len(tap.kept) > 10_000
    assert bool(found([HOST_KEY], tap.readable())) == way.readable


# Logins that are refused


SEALED: Json = {"authentication": ["ntlm"], "allow_unencrypted": False}
CONNECTING = "connecting to the machine (reading Win32_OperatingSystem): "
REFUSED = (
    "the machine refused the login (HTTP 401) (…). Next: check ansible_user, ansible_password and ansible_winrm_transport; "
    "the login was not tried again, so that no account gets locked."
)
WITHOUT_A_WORD = "the machine refused the connection without a word (… Code 500). Next: …(AllowUnencrypted)…"
WRONG: Json = {"ansible_password": "not the password"}


def _refused(promise: str, machine: Json, variables: Json, says: str, challenges: int, looked_at: int = 1) -> tuple[Case, int]:
    """Return a case, with the logins that the machine counts: C(challenges) is how many messages it answered with 401."""
    case = Case(promise, machine, "activation_info", variables=variables, status=UNREACHABLE, says=CONNECTING + says, logins=challenges)
    return case, looked_at


# NTLM asks, is challenged, and answers: three messages with 401 are one login.
LOGINS = [
    _refused("a wrong password by ntlm, sealed", {**PC, **SEALED}, WRONG, REFUSED, 3),
    _refused("a wrong password by ntlm, https", {**PC, **SEALED, "https": True}, WRONG, REFUSED, 3),
    _refused("a wrong password by basic, https", {**PC, "https": True}, WRONG, REFUSED, 1),
    _refused("a wrong user by ntlm", {**PC, **SEALED}, {"ansible_user": "nobody"}, REFUSED, 3),
    _refused("basic where it is switched off", {**PC, **SEALED, "https": True}, {"ansible_winrm_transport": "basic"}, REFUSED, 1, 0),
    _refused("ntlm where it is switched off", {**PC, "authentication": ["basic"]}, {"ansible_winrm_transport": "ntlm"}, REFUSED, 1, 0),
    _refused("basic where messages have to be sealed", {**PC, "allow_unencrypted": False}, {}, WITHOUT_A_WORD, 0, 0),
    _refused("ntlm that does not seal where messages have to be sealed", {**PC, **SEALED}, UNSEALED, WITHOUT_A_WORD, 2, 0),
    _refused(
        "a certificate whose time is over",
        {**PC, "https": True, "certificate": "expired"},
        {},
        "the machine's certificate is out of date, or a clock is wrong (…certificate has expired…). "
        "Next: renew the certificate of the WinRM listener; compare the clocks.",
        0,
        0,
    ),
]
KERBEROS_ROW: Json = {"authentication": ["kerberos"], "allow_unencrypted": False}
NOT_AUTHENTICATED = (
    "Kerberos did not authenticate (…{0}…). Next: check the realm, the service principal HTTP/host and the ticket of the user."
)
KERBEROS_LOGINS = [
    _refused("a wrong password by kerberos", {**PC, **KERBEROS_ROW}, WRONG, NOT_AUTHENTICATED.format("kinit: "), 0, 0),
    _refused(
        "a machine that the realm does not know",
        {**PC, **KERBEROS_ROW},
        {"ansible_winrm_kerberos_hostname_override": "nobody.corp.example"},
        NOT_AUTHENTICATED.format("Server HTTP/nobody.corp.example@CORP.EXAMPLE not found in Kerberos database"),
        0,
        0,
    ),
    _refused(
        "a ticket for another machine",
        {**PC, **KERBEROS_ROW},
        {"ansible_winrm_kerberos_hostname_override": "case00.corp.example"},
        REFUSED,
        # pywinrm's Kerberos shows its ticket three times. There is no password in it, and no account to lock.
        3,
        3,
    ),
]


# Sessions that end in the middle

SERVICE: Json = {"operation": "Enumerate", "cim_class": "SoftwareLicensingService"}
STATE_IS_OLD = (
    "InstallProductKey was not applied: …; the call was sent and may have been carried out; watched for 1 s, and the state is the old one. "
    "It was not sent a second time. Next: run the task again, it compares first."
)


def _read(promise: str, row: Json, logins: int | None, **fault: t.Any) -> Case:
    return Case(promise, {**PC, **row}, "activation_info", faults=({**SERVICE, **fault},), status=OK, logins=logins)


def _write(promise: str, row: Json, logins: int | None, applied: bool, writes: tuple[str, ...], fault: Json) -> Case:
    return Case(
        promise,
        {**PC_WITHOUT_KEY, **row},
        "client_key",
        {"confirm_timeout": 1},
        faults=(fault,),
        status=OK if applied else FAILED,
        says="Installed the client key of …" if applied else STATE_IS_OLD,
        changed=True,
        writes=writes,
        differs=("products",) if applied else (),
        logins=logins,
    )


def _broken_sessions(name: str, row: Json, first: int, dropped: int) -> list[Case]:
    """Return the cases of a login. C(first): how often a new session is answered with 401; C(dropped): how often a message sealed for one that is gone."""
    last_read = {"operation": "Enumerate", "skip": 2}
    install = {"method": INSTALL}
    again = first + dropped + first
    return [
        # How often it asks depends on whether the client learns of the end before it sends, or by sending.
        _read(f"{name}: a socket that is dropped between two messages", row, None, do="drop_idle"),
        _read(f"{name}: a login that is forgotten in mid-session", row, again, do="unauthorized"),
        _read(f"{name}: a socket that is reset before an answer", row, 2 * first, do="cut_before"),
        _read(f"{name}: a socket that is reset within an answer", row, 2 * first, do="cut_in_reply"),
        _read(f"{name}: an answer that somebody changed", row, 2 * first, do="tamper"),
        _write(f"{name}: a key that meets a dropped socket", row, None, False, (), {"do": "drop_idle", **last_read}),
        _write(f"{name}: a key that meets a login that is forgotten", row, again, False, (INSTALL,), {"do": "unauthorized", **install}),
        _write(f"{name}: a key that is lost before it is installed", row, 2 * first, False, (INSTALL,), {"do": "cut_before", **install}),
        _write(f"{name}: a key whose answer is lost", row, 2 * first, True, (INSTALL,), {"do": "cut_after", **install}),
        _write(f"{name}: a key whose answer somebody changed", row, 2 * first, True, (INSTALL,), {"do": "tamper", **install}),
    ]


NTLM_SESSIONS = _broken_sessions("ntlm", SEALED, 2, 2)
KERBEROS_SESSIONS = _broken_sessions("kerberos", KERBEROS_ROW, 0, 1)


def promise(value: t.Any) -> str | None:
    return value.promise if isinstance(value, Case) else None


@pytest.fixture(scope="module")
def outcomes(start_lab: StartLab) -> Outcomes:
    return run_cases(start_lab, [*(case for case, _looked_at in LOGINS), *NTLM_SESSIONS])


@pytest.fixture(scope="module")
def kerberos_outcomes(start_lab: StartLab) -> Outcomes:
    return run_cases(start_lab, [*(case for case, _looked_at in KERBEROS_LOGINS), *KERBEROS_SESSIONS])


def _check(outcomes: Outcomes, case: Case, looked_at: int) -> None:
    machine = outcomes.check(case).name
    assert outcomes.lab.client.machine(machine)["machine"]["refused_logins"] == looked_at


@pytest.mark.wsman
@pytest.mark.parametrize(("case", "looked_at"), LOGINS, ids=promise)
def test_a_login_that_is_refused_is_tried_once_and_by_no_other_backend(outcomes: Outcomes, case: Case, looked_at: int) -> None:
    _check(outcomes, case, looked_at)


@needs_kerberos
@pytest.mark.wsman
@pytest.mark.parametrize(("case", "looked_at"), KERBEROS_LOGINS, ids=promise)
def test_a_kerberos_login_that_is_refused_is_tried_once(kerberos_outcomes: Outcomes, case: Case, looked_at: int) -> None:
    _check(kerberos_outcomes, case, looked_at)


@pytest.mark.wsman
@pytest.mark.parametrize("case", NTLM_SESSIONS, ids=promise)
def test_a_sealed_session_that_breaks_is_begun_again_for_reads_alone(outcomes: Outcomes, case: Case) -> None:
    _check(outcomes, case, 0)


@needs_kerberos
@pytest.mark.wsman
@pytest.mark.parametrize("case", KERBEROS_SESSIONS, ids=promise)
def test_a_session_sealed_with_kerberos_that_breaks_is_begun_again_for_reads_alone(kerberos_outcomes: Outcomes, case: Case) -> None:
    _check(kerberos_outcomes, case, 0)


def test_no_key_is_shown_whatever_breaks(outcomes: Outcomes) -> None:
    outcomes.check_no_key_shown()
