# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the lab's control port, and a lab for the length of a with statement. Standard library only."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request

Json = dict[str, t.Any]

_SECONDS = 30.0
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0


class LabError(RuntimeError):
    """The lab could not be reached, did not start, or refused a request; the text says which and why."""


@dataclasses.dataclass(frozen=True)
class LabClient:
    """One running lab. C(description) is its lab.json."""

    description: Json = dataclasses.field(repr=False)

    @classmethod
    def of(cls, directory: str | pathlib.Path) -> LabClient:
        """Return the client of the lab that runs in C(directory). Raises LabError."""
        file = pathlib.Path(directory) / "lab.json"
        try:
            return cls(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise LabError(f"no lab runs in {directory}: there is no {file}") from None
        except json.JSONDecodeError as error:
            raise LabError(f"{file} is no JSON: {error}") from None

    @property
    def control(self) -> str:
        """URL of the control port."""
        return str(self.description["control"])

    @property
    def inventory(self) -> pathlib.Path:
        """The Ansible inventory."""
        return pathlib.Path(self.description["inventory"])

    @property
    def ca(self) -> pathlib.Path:
        """The throwaway certification authority."""
        return pathlib.Path(self.description["ca"])

    @property
    def environment(self) -> dict[str, str]:
        """What a client of the lab's machines needs in its environment: KRB5_CONFIG, when some of them take Kerberos."""
        file = self.description.get("kerberos")
        return {"KRB5_CONFIG": str(file)} if file else {}

    @property
    def domain(self) -> str:
        """The estate's DNS domain."""
        return str(self.description["domain"])

    @property
    def dns_port(self) -> int:
        """Port of the name servers."""
        return int(self.description["dns"]["port"])

    @property
    def name_servers(self) -> dict[str, str]:
        """Address of each name server."""
        return dict(self.description["dns"]["servers"])

    def address(self, machine: str) -> str:
        """Return the address of a machine. Raises LabError for an unknown name."""
        try:
            return str(self.description["machines"][machine])
        except KeyError:
            raise LabError(f"the lab has no machine {machine!r}") from None

    # Machines

    def machines(self) -> list[Json]:
        """Return one row for each machine."""
        return list(self._ask("GET", "/machines")["machines"])

    def machine(self, name: str) -> Json:
        """Return a machine's row and C(state): C({"machine": ..., "state": ...})."""
        return self._ask("GET", f"/machines/{urllib.parse.quote(name)}")

    def state(self, name: str) -> Json:
        """Return a machine's state as the model has it; product keys as their last five characters."""
        return dict(self.machine(name)["state"])

    def states(self) -> dict[str, Json]:
        """Return the state of every machine."""
        return {row["name"]: self.state(row["name"]) for row in self.machines()}

    def change(self, name: str, **switches: t.Any) -> Json:
        """Change switches of a machine and return what machine() returns."""
        return self._ask("POST", f"/machines/{urllib.parse.quote(name)}", switches)

    def workplace(self, name: str) -> Json:
        """Return where a machine's programs run, C({"folder": ..., "environment": {...}}): to start one on it without WinRM."""
        return self._ask("GET", "/workplace?" + urllib.parse.urlencode({"machine": name}))

    # Calls

    def calls(self, machine: str | None = None, after: int = 0) -> list[Json]:
        """Return the logged calls with numbers greater than C(after), of one machine when it is named."""
        query = {"after": str(after)} | ({"machine": machine} if machine else {})
        return list(self._ask("GET", "/calls?" + urllib.parse.urlencode(query))["calls"])

    def reset_calls(self) -> None:
        """Forget the logged calls."""
        self._ask("POST", "/calls/reset")

    # Faults

    def fault(
        self,
        do: str,
        machine: str = "*",
        *,
        operation: str = "*",
        method: str | None = None,
        cim_class: str | None = None,
        via: str | None = None,
        times: int | None = 1,
        skip: int = 0,
        **parameters: t.Any,
    ) -> int:
        """Have requests answered wrongly and return the fault's number; names and parameters are in tests/lab/README.md."""
        on = {"operation": operation} | ({"method": method} if method else {}) | ({"class": cim_class} if cim_class else {})
        on |= {"via": via} if via else {}
        body = {"machine": machine, "on": on, "do": do, "with": parameters, "times": times, "skip": skip}
        return int(self._ask("POST", "/faults", body)["number"])

    def faults(self) -> list[Json]:
        """Return every fault with how often it was met."""
        return list(self._ask("GET", "/faults")["faults"])

    def clear_faults(self) -> None:
        """Remove every fault."""
        self._ask("DELETE", "/faults")

    # Clock and names

    def advance(self, seconds: float) -> None:
        """Move the estate's clock forward."""
        self._ask("POST", "/clock", {"advance_seconds": seconds})

    def dns(self) -> dict[str, Json]:
        """Return address, faults and records of each name server."""
        return dict(self._ask("GET", "/dns")["servers"])

    def add_record(self, name: str, kind: str, text: str, server: str | None = None) -> None:
        """Add a DNS record, on one server or on all; a name without a dot at its end is within the domain."""
        self._dns({"add": {"name": name, "type": kind, "text": text}}, server)

    def remove_record(self, name: str, kind: str, text: str | None = None, server: str | None = None) -> None:
        """Remove a DNS record; without C(text) all of that name and type."""
        self._dns({"remove": {"name": name, "type": kind} | ({"text": text} if text else {})}, server)

    def make_stale(self, server: str, stale: bool = True) -> None:
        """Keep a name server from learning of updates, or bring it up to date again."""
        self._dns({"stale": stale}, server)

    def dns_mode(self, mode: str, server: str | None = None) -> None:
        """Make a name server answer, silent, refused, servfail or truncated."""
        self._dns({"mode": mode}, server)

    def _dns(self, change: Json, server: str | None) -> None:
        self._ask("POST", "/dns", change | ({"server": server} if server else {}))

    def status(self) -> Json:
        """Return what lab.json says, from the lab itself."""
        return self._ask("GET", "/status")

    def stop(self) -> None:
        """Ask the lab to stop; it takes a moment."""
        self._ask("POST", "/stop")

    def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        data = None if body is None else json.dumps(body).encode("utf-8")
        request = urllib.request.Request(self.control + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.description['token']}")
        request.add_header("Content-Type", "application/json")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy has no way to this loopback address
        try:
            with opener.open(request, timeout=_SECONDS) as answer:
                return t.cast(Json, json.load(answer))
        except urllib.error.HTTPError as error:
            try:
                reason = json.load(error).get("error")
            except ValueError:
                reason = None
            raise LabError(f"{method} {path}: the lab says {error.code}: {reason or error.reason}") from None
        except (OSError, ValueError) as error:
            raise LabError(f"{method} {path}: no answer from the lab at {self.control}: {error}") from None


@contextlib.contextmanager
def running_lab(estate: str | pathlib.Path, directory: str | pathlib.Path, *, network: str | None = None) -> t.Iterator[LabClient]:
    """Run a lab in a process of its own while the with statement lasts. Raises LabError when it does not start.

    The lab ends with this process, whatever happens to it: it watches a pipe that we hold.
    """
    folder = pathlib.Path(directory).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "lab.json"
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.lab", "start", "--estate", str(pathlib.Path(estate).resolve()), "--directory", str(folder)]
    command += ["--until-stdin-closes", *(["--network", network] if network else [])]
    log = folder / "lab.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=pathlib.Path(__file__).resolve().parents[2],
            start_new_session=True,
        )
    try:
        end = time.monotonic() + _START_SECONDS
        while not file.exists():
            if process.poll() is not None or time.monotonic() > end:
                raise LabError("the lab did not start:\n" + log.read_text(encoding="utf-8", errors="replace")[-4000:])
            time.sleep(0.02)
        yield LabClient.of(folder)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
