# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real runs of ansible and ansible-playbook against a lab, and what came of them."""

from __future__ import annotations

import collections.abc
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import yaml

from tests.lab.client import LabClient

Json = dict[str, t.Any]

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
COLLECTIONS = REPOSITORY / ".cache"
ESTATES = REPOSITORY / "tests" / "lab" / "estates"

READING_METHODS = frozenset(
    {"GetStringValue", "GetExpandedStringValue", "GetMultiStringValue", "GetDWORDValue", "GetQWORDValue", "GetBinaryValue"}
)
"""The only methods of CIM that change nothing. Every other Invoke in a call log counts as a write, whichever way it came.

What a PowerShell process does to its machine is in the log, too: the commands of a shell are no writes of their own.
"""

WRITING_OPERATIONS = frozenset({"Put"})


@dataclasses.dataclass(frozen=True)
class TaskResult:
    """What one task came to on one host. C(status): ok, failed, ignored, unreachable, skipped, retry."""

    play: str
    task: str
    action: str
    host: str
    status: str
    result: Json

    @property
    def changed(self) -> bool:
        """What the result says of itself."""
        return bool(self.result.get("changed"))

    @property
    def msg(self) -> str:
        """The message of the result."""
        return str(self.result.get("msg", ""))


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run: its exit code, its output, every result, and the recap by host (ok, changed, failures, skipped, unreachable ...)."""

    command: tuple[str, ...]
    rc: int
    stdout: str
    stderr: str
    results: tuple[TaskResult, ...]
    recap: dict[str, dict[str, int]]

    @property
    def output(self) -> str:
        """Everything that a terminal would show."""
        return f"{self.stdout}\n{self.stderr}"

    def of(
        self, host: str | None = None, task: str | None = None, action: str | None = None, status: str | None = None
    ) -> list[TaskResult]:
        """Return the results that match; C(task) is its name without that of its role, C(action) the end of its name."""
        return [
            row
            for row in self.results
            if host in (None, row.host)
            and task in (None, row.task)
            and (action is None or row.action.endswith(action))
            and (row.status == status if status else row.status != "retry")
        ]

    def one(self, host: str | None = None, task: str | None = None, action: str | None = None) -> TaskResult:
        """Return the one result that matches; fail loudly when there are none or several."""
        found = self.of(host, task, action)
        assert len(found) == 1, f"{len(found)} results of {host=} {task=} {action=}:\n{self.tail()}"
        return found[0]

    def tail(self) -> str:
        """Return the command and the end of the output: for messages of assertions."""
        return f"$ {' '.join(self.command)}\nrc={self.rc}\n{self.stdout[-6000:]}\n{self.stderr[-3000:]}"

    def succeed(self) -> Run:
        """Return the run itself; fail with its output when it did not end well."""
        assert self.rc == 0, self.tail()
        return self

    def fail(self) -> Run:
        """Return the run itself; fail with its output when it did end well."""
        assert self.rc != 0, self.tail()
        return self


@dataclasses.dataclass(frozen=True)
class Lab:
    """A running lab with its estate's data, and Ansible to run against it. C(folder) holds the inventory and all that runs leave behind."""

    client: LabClient
    folder: pathlib.Path
    estate: pathlib.Path

    # What the lab knows

    @property
    def data(self) -> Json:
        """The estate file."""
        return t.cast(Json, yaml.safe_load(self.estate.read_text(encoding="utf-8")))

    def keys(self, channel: str) -> list[str]:
        """Return the made-up keys of a channel, in the order of the estate file."""
        return [row["key"] for row in self.data["keys"] if row["channel"] == channel]

    def calls(self, machine: str | None = None, after: int = 0) -> list[Json]:
        """Return the calls that reached the machines."""
        return self.client.calls(machine, after)

    def writes(self, machine: str | None = None, after: int = 0) -> list[Json]:
        """Return those calls that could have changed something."""
        return [call for call in self.calls(machine, after) if is_write(call)]

    def last_call(self) -> int:
        """Return the number of the newest call, 0 without one: for C(after)."""
        return max((call["number"] for call in self.calls()), default=0)

    def product(self, machine: str) -> Json:
        """Return the one keyed product of a machine as the model has it."""
        products = self.client.state(machine)["products"]
        assert len(products) == 1, products
        return t.cast(Json, products[0])

    def licensed(self, machine: str) -> bool:
        """Return whether the machine's one keyed product is licensed, as the model has it."""
        return bool(self.product(machine)["license_status"] == 1)

    def srv_records(self, server: str) -> list[str]:
        """Return the texts of the KMS records that a name server has."""
        records = self.client.dns()[server]["records"]
        return [row["text"] for row in records if row["type"] == "SRV" and row["name"].startswith("_vlmcs._tcp.")]

    # What a user does

    def variables(self, group: str, content: t.Mapping[str, t.Any]) -> pathlib.Path:
        """Write the variables of a group, or with C(host:NAME) of a host, beside the inventory: as a user keeps a vaulted file."""
        kind, _, name = group.rpartition(":")
        folder = self.folder / ("host_vars" if kind == "host" else "group_vars")
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{name}.yml"
        path.write_text(yaml.safe_dump(dict(content)), encoding="utf-8")
        path.chmod(0o600)
        return path

    def host_variables(self, **more: t.Any) -> pathlib.Path:
        """Write what deploy_host needs to know for the group kms_hosts: the estate's first host key, and the lab's name servers."""
        content = {
            "kms_host_key": self.keys("kms_host")[0],
            "kms_host_name_servers": list(self.client.name_servers.values()),
            "kms_host_dns_port": self.client.dns_port,
            "kms_host_srv_attempts": 2,
            "kms_host_srv_delay": 0,
            "kms_host_endpoint_timeout": 5,
        }
        return self.variables("kms_hosts", content | more)

    def playbook(
        self, playbook: str | list[Json], *options: str, extra: t.Mapping[str, t.Any] | None = None, env: t.Mapping[str, str] | None = None
    ) -> Run:
        """Run a playbook: a name of ours (activation.kms.deploy_host), a path, or plays as data."""
        if not isinstance(playbook, str):
            path = self._fresh("play", ".yml")
            path.write_text(yaml.safe_dump(playbook, sort_keys=False), encoding="utf-8")
            playbook = str(path)
        command = ["playbook", "-i", str(self.client.inventory), playbook, *options]
        return self._run(command, extra, env)

    def tasks(self, hosts: str, tasks: list[Json], *options: str, play: t.Mapping[str, t.Any] | None = None, **more: t.Any) -> Run:
        """Run tasks in one play without facts. C(play) has further keywords of the play."""
        return self.playbook([{"hosts": hosts, "gather_facts": False, **(play or {}), "tasks": tasks}], *options, **more)

    def module(self, host: str, module: str, arguments: t.Mapping[str, t.Any] | None = None, *options: str, **more: t.Any) -> TaskResult:
        """Run one module of ours ad hoc on one host, and return its result. Do not give a product key here: it would be on a command line."""
        run = self.adhoc(host, f"activation.kms.{module}", arguments, *options, **more)
        return run.one(host)

    def adhoc(
        self,
        pattern: str,
        module: str,
        arguments: t.Mapping[str, t.Any] | None = None,
        *options: str,
        extra: t.Mapping[str, t.Any] | None = None,
        env: t.Mapping[str, str] | None = None,
    ) -> Run:
        """Run one module ad hoc."""
        command = ["adhoc", "-i", str(self.client.inventory), pattern, "-m", module, *options]
        if arguments:
            command += ["-a", json.dumps(dict(arguments))]
        return self._run(command, extra, env)

    def start(
        self, command: list[str], extra: t.Mapping[str, t.Any] | None = None, env: t.Mapping[str, str] | None = None
    ) -> tuple[subprocess.Popen[str], pathlib.Path]:
        """Start a run without waiting for it; return its process and the file that its results go to."""
        results = self._fresh("results", ".jsonl")
        whole = [sys.executable, "-m", "ansible", *command]
        for name, value in (extra or {}).items():
            whole += ["-e", json.dumps({name: value})]
        process = subprocess.Popen(
            whole,
            cwd=self.folder,
            env=environment(self.folder) | self.client.environment | {"KMS_TEST_RESULTS": str(results)} | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return process, results

    def finish(self, process: subprocess.Popen[str], results: pathlib.Path) -> Run:
        """Wait for a started run and return what came of it."""
        stdout, stderr = process.communicate()
        rows: list[Json] = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()] if results.exists() else []
        recaps = [row["recap"] for row in rows if row["kind"] == "recap"]
        found = tuple(
            TaskResult(**{field: value for field, value in row.items() if field != "kind"}) for row in rows if row["kind"] == "result"
        )
        command = tuple(str(part) for part in t.cast(collections.abc.Sequence[str], process.args))
        return Run(command, process.returncode, stdout, stderr, found, recaps[-1] if recaps else {})

    def _run(self, command: list[str], extra: t.Mapping[str, t.Any] | None, env: t.Mapping[str, str] | None) -> Run:
        return self.finish(*self.start(command, extra, env))

    def _fresh(self, stem: str, suffix: str) -> pathlib.Path:
        folder = self.folder / "runs"
        folder.mkdir(exist_ok=True)
        return folder / f"{stem}{len(list(folder.iterdir())):03}{suffix}"


def is_write(call: Json) -> bool:
    """Return whether a logged call could have changed something."""
    if call["operation"] == "Invoke":
        return call["method"] not in READING_METHODS
    return call["operation"] in WRITING_OPERATIONS


def environment(folder: pathlib.Path) -> dict[str, str]:
    """Return the environment of a run: nothing of the caller's Ansible and no proxy, which no loopback address is reached by."""
    assert (COLLECTIONS / "ansible_collections" / "activation" / "kms" / "galaxy.yml").is_file(), (
        f"{COLLECTIONS} has no link to this checkout: run the tests by `make test`, which makes it"
    )
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ANSIBLE_") and name != "PYTHONPATH" and not name.lower().endswith("_proxy")
    }
    return kept | {
        "ANSIBLE_CALLBACKS_ENABLED": "recorder",
        "ANSIBLE_CALLBACK_PLUGINS": str(pathlib.Path(__file__).with_name("callback_plugins")),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CONFIG": str(REPOSITORY / "tests" / "ansible.cfg"),
        "ANSIBLE_FORKS": "10",
        "ANSIBLE_HOME": str(folder / "ansible_home"),
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_REMOTE_TEMP": str(folder / "ansible_home" / "remote_tmp"),
        "COLUMNS": "200",
        "LC_ALL": "C.UTF-8",
    }
