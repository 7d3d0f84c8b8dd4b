# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of bad input: each is one task on a machine of its own, and all cases of a test module run in one ansible-playbook.

A case says what the machine is, what goes wrong, which task runs into it, and then what the user must read, which of the task's messages may have
changed something, and what of the machine may differ afterwards. What a case does not mention must not happen.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import http.server
import re
import threading
import typing as t

from tests.system.ansible_runs import Json, Lab, Run, TaskResult, is_write
from tests.system.conftest import StartLab

HOST_KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
OTHER_HOST_KEY = "LABHK-SOLEA-UNIO5-0ASIS-A1ZOU"
NEWER_HOST_KEY = "LABHK-NEWER-AEIO5-2025A-ZILOU"
MAK = "LABMK-OASIS-LOUIE-51051-AZ0LE"
RETAIL = "LABRT-OASIS-LOUIE-RETA1-L0A5E"
UNKNOWN_KEY = "LABXX-AEILO-SUZ01-5AEIL-OSUZ0"
OWN_KEY = "LABHK-0WNAE-10USE-"
KEYS = (HOST_KEY, OTHER_HOST_KEY, NEWER_HOST_KEY, MAK, RETAIL, UNKNOWN_KEY)

SERVER: Json = {"windows": "server-2022-datacenter"}
SERVER_GVLK: Json = {"windows": "server-2022-standard", "key": "gvlk"}
PC: Json = {"windows": "windows-11-enterprise", "key": "gvlk"}
PC_ON_MAK: Json = {"windows": "windows-10-enterprise", "key": MAK, "licensed": True}
PC_WITHOUT_KEY: Json = {"windows": "windows-11-enterprise", "key": None}
HOST: Json = {"windows": "server-2022-datacenter", "key": HOST_KEY}
LICENSED_HOST: Json = {**HOST, "licensed": True, "firewall_exception": True}

INSTALL = "InstallProductKey"
UNINSTALL = "UninstallProductKey"
ACTIVATE = "Activate"
REFRESH = "RefreshLicenseStatus"

OK, FAILED, UNREACHABLE = "ok", "ignored", "unreachable"


@dataclasses.dataclass(frozen=True)
class Case:
    """One task that meets bad input.

    promise:    what is promised, for the name of the test.
    machine:    its row in the estate; name, and groups where it has none, are added.
    module:     name of our module; C(options) are its options.
    faults:     what the lab does wrong: arguments of LabClient.fault, C(do) among them.
    variables:  variables of the play: the connection's, for one.
    keywords:   keywords of the task.
    status:     OK, FAILED or UNREACHABLE.
    says:       the whole message; see matches() for the parts that may be anything.
    error:      members that the result's C(error) must have.
    result:     members that the result must have.
    changed:    what the result says of itself.
    writes:     methods of the messages that can change something, in order, those that the lab did not carry out included.
    differs:    parts of the machine's state that may differ afterwards, and must: a part that stays as it was is an error, too.
    logins:     how many messages the machine refused for their credentials; None where the login itself begins with refused messages (NTLM).
    """

    promise: str
    machine: Json
    module: str
    options: Json = dataclasses.field(default_factory=dict)
    faults: tuple[Json, ...] = ()
    variables: Json = dataclasses.field(default_factory=dict)
    keywords: Json = dataclasses.field(default_factory=dict)
    status: str = FAILED
    says: str | None = None
    error: Json = dataclasses.field(default_factory=dict)
    result: Json = dataclasses.field(default_factory=dict)
    changed: bool = False
    writes: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    logins: int | None = 0


@dataclasses.dataclass(frozen=True)
class Met:
    """What came of a case: the task's result, the calls that reached the machine, and its state before and after."""

    case: Case
    name: str
    task: TaskResult
    calls: list[Json]
    writes: list[Json]
    before: Json
    after: Json

    @property
    def differences(self) -> tuple[str, ...]:
        """The parts of the machine's state that the task changed."""
        return tuple(sorted(part for part in self.before.keys() | self.after.keys() if self.before.get(part) != self.after.get(part)))

    def check(self) -> None:
        """Compare everything with what the case promises."""
        case, result = self.case, self.task.result
        shown = f"{self.name}: {result}"
        assert self.task.status == case.status, shown
        if case.says is not None:
            assert matches(self.task.msg, case.says), f"\n{self.task.msg}\nis not\n{case.says}"
        error = result.get("error") or {}
        assert {name: error.get(name) for name in case.error} == case.error, shown
        assert {name: result.get(name) for name in case.result} == case.result, shown
        assert self.task.changed == case.changed, shown
        assert tuple(call["method"] for call in self.writes) == case.writes, shown
        assert self.differences == tuple(sorted(case.differs)), shown
        if case.logins is not None:
            assert sum(call["status"] == 401 for call in self.calls) == case.logins, shown


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """What came of every case of a module, by promise."""

    lab: Lab
    run: Run
    by_promise: dict[str, Met]

    def __getitem__(self, promise: str) -> Met:
        return self.by_promise[promise]

    def check(self, case: Case) -> Met:
        """Check a case, and return what came of it for further looks."""
        met = dataclasses.replace(self.by_promise[case.promise], case=case)
        met.check()
        return met

    def check_no_key_shown(self) -> None:
        """No key of any case may be in what the run showed or returned, in any spelling of it."""
        text = re.sub(r"[\W_]", "", self.run.output + str(self.run.results)).upper()
        used = {str(met.case.machine.get("key")) for met in self.by_promise.values()} - {"None", "gvlk"}
        for key in used | set(KEYS):
            bare = key.replace("-", "")
            assert bare not in text, f"a key ending in {key[-5:]} is in the output"
            assert bare[:20] not in text, f"the first twenty characters of the key ending in {key[-5:]} are in the output"


def own_host_key(promise: str) -> str:
    """Return a made-up host key that no other case has: Windows counts the activations of a key, and six machines are all it allows."""
    digest = hashlib.sha256(promise.encode()).digest()
    made_up = "".join("AEILOSUZ015"[byte % 11] for byte in digest)
    return f"{OWN_KEY}{made_up[:5]}-{made_up[5:10]}"


def matches(text: str, wanted: str) -> bool:
    """Return whether a text is the wanted one word for word; each ellipsis in that stands for any text on one line."""
    return re.fullmatch(".*".join(re.escape(part) for part in wanted.split("…")), text) is not None


def run_cases(
    start_lab: StartLab, cases: t.Sequence[Case], besides: t.Sequence[Json] = (), places: t.Mapping[str, str] | None = None, **estate: t.Any
) -> Outcomes:
    """Start a lab with a machine for each case and those named besides, run every case in one ansible-playbook, and return what came of them.

    places: texts that cases may hold and what is put in their place, for what is known only now.
    """
    cases = [_placed(case, places or {}) for case in cases]
    assert len({case.promise for case in cases}) == len(cases), "two cases promise the same"
    names = {case.promise: f"case{number:02}" for number, case in enumerate(cases)}
    rows = [*(case.machine for case in cases), *besides]
    own = sorted({str(row["key"]) for row in rows if str(row.get("key")).startswith(OWN_KEY)})
    lab = start_lab(
        {
            "estate": {"domain": "corp.example", "name_servers": ["ns1"], "username": "labadmin", **estate},
            "keys": [
                {"key": HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2022"},
                {"key": OTHER_HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2022"},
                {"key": NEWER_HOST_KEY, "channel": "kms_host", "csvlk": "Windows Server 2025"},
                {"key": MAK, "channel": "mak", "editions": ["Enterprise"]},
                {"key": RETAIL, "channel": "retail", "editions": ["Professional", "Core"]},
                *({"key": key, "channel": "kms_host", "csvlk": "Windows Server 2022"} for key in own),
            ],
            "machines": [{**case.machine, "name": names[case.promise]} for case in cases] + copy.deepcopy(list(besides)),
        }
    )
    for case in cases:
        for fault in case.faults:
            lab.client.fault(**{"machine": names[case.promise], **fault})
    outcomes = _run(lab, cases, names)
    assert [fault for fault in lab.client.faults() if not fault["met"]] == [], "a fault was never met: its case shows nothing"
    return outcomes


def run_again(outcomes: Outcomes) -> Outcomes:
    """Run every case once more, on the machines as they are now. Faults that were met as often as they were to be are over."""
    cases = [met.case for met in outcomes.by_promise.values()]
    return _run(outcomes.lab, cases, {met.case.promise: met.name for met in outcomes.by_promise.values()})


def _run(lab: Lab, cases: t.Sequence[Case], names: t.Mapping[str, str]) -> Outcomes:
    number = lab.last_call()
    before = {name: _state(lab, name) for name in names.values()}
    run = lab.playbook([_play(case, names[case.promise]) for case in cases]).succeed()
    found = {}
    for case in cases:
        name = names[case.promise]
        calls = lab.calls(name, number)
        writes = [call for call in calls if is_write(call) and not (_over_powershell(case) and call["operation"] in _OF_EVERY_RUN)]
        found[case.promise] = Met(case, name, run.one(name), calls, writes, before=before[name], after=_state(lab, name))
    return Outcomes(lab, run, found)


# By way of PowerShell reads, too, are programs that run on the machine; what they change shows as a call of a method.
_OF_EVERY_RUN = ("Command", "Send")


def _over_powershell(case: Case) -> bool:
    return bool(case.options.get("backend") == "powershell")


def _placed(case: Case, places: t.Mapping[str, str]) -> Case:
    def placed(value: t.Any) -> t.Any:
        if isinstance(value, str):
            for name, text in places.items():
                value = value.replace(name, text)
            return value
        if isinstance(value, dict):
            return {name: placed(item) for name, item in value.items()}
        return [placed(item) for item in value] if isinstance(value, (list, tuple)) else value

    return dataclasses.replace(
        case, options=placed(case.options), variables=placed(case.variables), faults=tuple(placed(fault) for fault in case.faults)
    )


def _play(case: Case, name: str) -> Json:
    task = {"name": case.promise, f"activation.kms.{case.module}": case.options, **case.keywords}
    # The run goes on with the next case, whatever comes of this one.
    return {
        "name": case.promise,
        "hosts": name,
        "gather_facts": False,
        "ignore_errors": True,
        "ignore_unreachable": True,
        "vars": case.variables,
        "tasks": [task],
    }


def _state(lab: Lab, name: str) -> Json:
    state = lab.client.state(name)
    # The log of the machine's events grows by a failed activation as well; it is no part of what a task manages.
    del state["events"]
    return state


class Listener:
    """A web server of the test's own on loopback: what a message would reach that follows a redirect, or that goes through a proxy.

    C(requests) has method, path, headers in lower case and body of everything that arrived.
    """

    def __init__(self) -> None:
        listener = self
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def setup(self) -> None:
                listener.connections += 1
                super().setup()

            def answer(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", "0")))
                listener.requests.append((self.command, self.path, headers, body))
                self.send_error(404)

            do_POST = do_GET = do_CONNECT = answer

            def log_message(self, *_: t.Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def listening(self) -> t.Iterator[Listener]:
        """Listen while the with statement lasts."""
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
