# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running lab: every part put together."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import logging
import os
import pathlib
import resource
import secrets
import signal
import typing as t

from tests.lab.model import estate_file
from tests.lab.model.estate import EstateError
from tests.lab.model.languages import language
from tests.lab.model.machine import Machine

from . import switches
from .authentication import Account, Logins, Policy, Security, ntlm_user_file
from .bridge import Bridge
from .bridge.cim_errors import FORMS as CMDLET_FORMS
from .calls import CallLog
from .certificates import Certificates
from .control import BadRequestError, Control
from .http import HttpServer
from .kerberos import Kdc
from .kms_endpoint import KmsEndpoint
from .mischief import MischiefTable
from .nameservice.bind import BindEngine
from .nameservice.builtin import BuiltinEngine
from .nameservice.content import Content, content_of
from .nameservice.view import LabDns
from .network import CONTROL_PORT, DNS_PORT, HTTP_PORT, HTTPS_PORT, Sockets, reserve
from .shell.workplace import NoEngineError, Programs, Workplace
from .soap.cim import CimResource
from .soap.endpoint import Endpoint
from .soap.faults import PROVIDER_FORMS
from .soap.psrp import PowerShellResource
from .soap.shell import ShellResource, Shells
from .state import Directory, InventoryMachine, inventory
from .winrm import WinrmService

_LOG = logging.getLogger(__name__)

# More than the machines that a controller talks to at once; a worker is busy only while the model computes or waits for DNS.
_WORKERS = 32
# Two listeners for a machine, one more for a KMS host, and as many connections again.
_FILES_PER_MACHINE = 8
_FILES_BESIDES = 512

WRONG_NAME = "wrong-name.invalid"


class Lab:
    """One estate on its sockets. Create it, await run()."""

    def __init__(
        self,
        estate_file: pathlib.Path,
        directory: Directory,
        network: str | None = None,
        dns_port: int = DNS_PORT,
        control_port: int = CONTROL_PORT,
    ) -> None:
        loaded = switches.load(estate_file)
        self.estate = loaded.estate
        self._switches = loaded.switches
        self._zones = loaded.zones
        self.estate_file = estate_file.resolve()
        self.directory = directory
        self.calls = CallLog()
        self.mischief = MischiefTable()
        self._options = (network, dns_port, control_port)
        self._token = secrets.token_urlsafe(24)
        self._stopping = asyncio.Event()
        self._servers: list[HttpServer] = []
        self._kms: dict[str, KmsEndpoint] = {}
        self._programs = Programs(directory.path)
        self._workplaces: dict[str, Workplace] = {}
        self._shells: dict[str, tuple[Shells, ...]] = {}
        self._logins = {name: Logins() for name in self._switches}
        self._kdc: Kdc | None = None
        self._provider_fault_form: dict[str, str] = {}
        self._cmdlet_error_form = {name: one.cmdlet_error_form for name, one in self._switches.items()}
        self._workers = concurrent.futures.ThreadPoolExecutor(_WORKERS, thread_name_prefix="model")
        self._following: dict[str, asyncio.Task[None]] = {}
        self._sockets: Sockets | None = None
        self.names: BuiltinEngine | BindEngine
        self.bridge: Bridge
        self.addresses: dict[str, str] = {}

    # Life -----------------------------------------------------------------------------------------------------------------------

    async def run(self, ready: t.Callable[[], None]) -> None:
        """Serve until stop(); C(ready) is called when every port accepts. Raises AddressError, and BindError for the engine bind."""
        raise_file_limit(len(self.estate.machines) * _FILES_PER_MACHINE + _FILES_BESIDES)
        network, dns_port, control_port = self._options
        server_names = list(self.estate.name_servers)
        self._sockets = reserve(list(self.estate.machines), server_names, network, dns_port, control_port)
        self.addresses = self._sockets.addresses
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        try:
            await self._start(self._sockets, server_names, dns_port)
            ready()
            await self._stopping.wait()
        finally:
            await self._close()

    def stop(self) -> None:
        """End run()."""
        self._stopping.set()

    async def _start(self, sockets: Sockets, server_names: list[str], dns_port: int) -> None:
        servers = {name: sockets.network.name_server(index) for index, name in enumerate(server_names)}
        content: Content = content_of(self.estate, servers, self.addresses, self._zones)
        if self.estate.dns_engine == "bind":
            self.names = BindEngine(content, sockets.name_servers, self.directory.path / "bind")
        else:
            self.names = BuiltinEngine(content, sockets.name_servers)
        await self.names.start()
        view = LabDns(list(servers.values()), dns_port, self.estate.domain)
        await self._in_worker(self.estate.bind, view, self.addresses.__getitem__)
        self.bridge = Bridge(
            self.estate.machines,
            lambda server: (view if server is None else view.only(server)).records,
            self._cmdlet_error_form.__getitem__,
            self.mischief,
            self.calls,
            self._workers,
            self._settle,
        )
        await self.bridge.start()
        await self._prepare_logins()
        certificates = Certificates()
        for name in self.estate.machines:
            await self._start_machine(name, sockets, certificates)
        await asyncio.gather(*(self._follow(name) for name in self.estate.machines))
        control = HttpServer(Control(self, self._token).handle, server_name="activation.kms-lab")
        await control.start(sockets.control)
        self._servers.append(control)
        self._write_files(certificates)

    async def _prepare_logins(self) -> None:
        """Write what the acceptors of NTLM and Kerberos look accounts up in, and start the realm's KDC when a machine takes Kerberos.

        Raises EstateError and KerberosError.
        """
        accounts = {name: self._account(name) for name, one in self._switches.items() if "ntlm" in one.authentication}
        users = self.directory.path / "ntlm_users"
        try:
            self.directory.write_private(users, ntlm_user_file(accounts.values()))
        except ValueError as error:
            raise EstateError(f"estate.password: {error}") from None
        os.environ["NTLM_USER_FILE"] = str(users)
        hosts = [self.estate.machines[name].fqdn for name, one in self._switches.items() if "kerberos" in one.authentication]
        if hosts:
            account = self._account(next(iter(self._switches)))
            self._kdc = Kdc(account.realm, account.user, account.password, hosts, self.directory.path / "kerberos")
            await self._kdc.start()
            os.environ.update(self._kdc.acceptor_environment())

    def _account(self, name: str) -> Account:
        machine = self.estate.machines[name]
        domain = self.estate.domain
        # A user is named by no domain, the machine, the domain's first label (its NetBIOS name as a rule) or the domain.
        domains = ("", ".", machine.name, domain.partition(".")[0], domain)
        return Account(machine.credentials.username, machine.credentials.password, domains, domain.upper())

    async def _start_machine(self, name: str, sockets: Sockets, certificates: Certificates) -> None:
        machine = self.estate.machines[name]
        address = self.addresses[name]
        self._provider_fault_form[name] = self._switches[name].provider_fault_form
        url = f"http://{machine.fqdn}:{HTTP_PORT}/wsman"
        workplace = self._workplaces[name] = Workplace(
            self._programs, self.directory.path / "machines" / name, lambda: self.bridge.environment(name)
        )
        shell, powershell = ShellResource(url, workplace), PowerShellResource(url, workplace, machine.name, machine.credentials.username)
        self._shells[name] = (shell, powershell)
        cim = CimResource(machine.cim, lambda: self._provider_fault_form[name])
        endpoint = Endpoint(machine.fqdn, cim, shell, lambda: language(machine.language), powershell)
        switched = self._switches[name]
        names = [WRONG_NAME] if switched.certificate == "wrong_name" else [machine.fqdn, machine.name, address]
        tls, certificate = certificates.server(names, expired=switched.certificate == "expired")
        account, policy = self._account(name), Policy(switched.authentication, switched.allow_unencrypted, machine.fqdn)

        def security(scheme: str) -> Security:
            return Security(account, policy, self._logins[name], scheme, certificate if scheme == "https" else None)

        service = WinrmService(name, endpoint, security, self.mischief, self.calls, self._workers, lambda: self._settle(name))
        self._kms[name] = KmsEndpoint(address)
        loop = asyncio.get_running_loop()
        # The model calls back from its worker threads.

        def changed(_machine: Machine) -> None:
            loop.call_soon_threadsafe(self._changed, name)

        machine.on_change = changed
        for context, sock in ((None, sockets.machines[name][0]), (tls, sockets.machines[name][1])):
            server = HttpServer(service.handle, context)
            await server.start(sock)
            self._servers.append(server)

    async def _close(self) -> None:
        self.directory.lab_json.unlink(missing_ok=True)
        await asyncio.gather(*(server.close() for server in self._servers), *(endpoint.listen_on(None) for endpoint in self._kms.values()))
        await self._programs.close()
        if hasattr(self, "bridge"):
            await self.bridge.close()
        if hasattr(self, "names"):
            await self.names.close()
        if self._kdc is not None:
            await self._kdc.close()
        if self._sockets is not None:
            self._sockets.close()
        self._workers.shutdown(wait=False, cancel_futures=True)

    # Machines -------------------------------------------------------------------------------------------------------------------

    def _changed(self, name: str) -> None:
        """A model says that its machine may listen elsewhere now. Runs in the event loop."""
        previous = self._following.get(name)
        self._following[name] = asyncio.get_running_loop().create_task(self._follow(name, previous))

    async def _follow(self, name: str, previous: asyncio.Task[None] | None = None) -> None:
        """Open or close a machine's KMS port as its model says now, after an earlier change was followed."""
        if previous is not None:
            await previous
        port = await self._in_worker(self._port_of, name)
        await self._kms[name].listen_on(port)

    def _port_of(self, name: str) -> int | None:
        # In a worker thread always: a model may hold its lock while it waits for a name server in this very event loop.
        machine = self.estate.machines[name]
        port = machine.listening()
        return port if port is not None and machine.firewall_allows(port) else None

    async def _settle(self, name: str) -> None:
        """Wait until a machine's port is what its last change made it, so that a client that is answered finds it so."""
        task = self._following.get(name)
        if task is not None:
            await task
            if self._following.get(name) is task:
                del self._following[name]

    async def _in_worker(self, function: t.Callable[..., t.Any], *arguments: t.Any) -> t.Any:
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)

    async def change_machine(self, name: str, changes: dict[str, t.Any]) -> None:
        """Change switches of a machine: provider_fault_form and cmdlet_error_form are the wire's, the others are the model's. Raises BadRequestError."""
        if "provider_fault_form" in changes:
            form = changes.pop("provider_fault_form")
            if form not in PROVIDER_FORMS:
                raise BadRequestError(f"'provider_fault_form' is one of {', '.join(PROVIDER_FORMS)}")
            self._provider_fault_form[name] = form
        if "cmdlet_error_form" in changes:
            shown = changes.pop("cmdlet_error_form")
            if shown not in CMDLET_FORMS:
                raise BadRequestError(f"'cmdlet_error_form' is one of {', '.join(CMDLET_FORMS)}")
            self._cmdlet_error_form[name] = shown
        if changes:
            try:
                await self._in_worker(estate_file.change, self.estate.machines[name], changes)
            except EstateError as error:
                raise BadRequestError(str(error)) from None
        await self._follow(name)

    async def advance(self, seconds: float) -> None:
        """Move the estate's clock forward."""
        await self._in_worker(self.estate.advance, seconds)
        await asyncio.gather(*(self._follow(name) for name in self.estate.machines))

    async def workplace(self, name: str) -> dict[str, t.Any]:
        """Return where a machine's programs run, for who starts one on it without WinRM. Raises BadRequestError without an engine."""
        try:
            folder = await self._workplaces[name].prepare()
        except NoEngineError as error:
            raise BadRequestError(f"there is no PowerShell: {error}") from None
        return {"folder": str(folder), "environment": self._workplaces[name].environment()}

    def machine_row(self, name: str) -> dict[str, t.Any]:
        """Return what the wire knows of a machine."""
        machine = self.estate.machines[name]
        return {
            "name": name,
            "fqdn": machine.fqdn,
            "address": self.addresses[name],
            "groups": list(machine.groups),
            "http": f"http://{self.addresses[name]}:{HTTP_PORT}/wsman",
            "https": f"https://{self.addresses[name]}:{HTTPS_PORT}/wsman",
            "kms_port": self._kms[name].port,
            "kms_problem": self._kms[name].problem,
            "open_shells": sum(shells.open_shells for shells in self._shells[name]),
            "refused_logins": self._logins[name].refused,
            "provider_fault_form": self._provider_fault_form[name],
            "cmdlet_error_form": self._cmdlet_error_form[name],
        }

    # Description ----------------------------------------------------------------------------------------------------------------

    def description(self) -> dict[str, t.Any]:
        """Return what lab.json says, without the token."""
        assert self._sockets is not None
        network, dns_port, control_port = self._sockets.network, self._options[1], self._options[2]
        return {
            "pid": os.getpid(),
            "estate": str(self.estate_file),
            "domain": self.estate.domain,
            "network": str(network),
            "control": f"http://{network.control}:{control_port}",
            "dns": {
                "engine": self.names.name,
                "port": dns_port,
                "servers": {name: network.name_server(index) for index, name in enumerate(self.estate.name_servers)},
            },
            "ca": str(self.directory.ca),
            "kerberos": None if self._kdc is None else str(self._kdc.configuration),
            "inventory": str(self.directory.inventory),
            "machines": dict(self.addresses),
        }

    def _write_files(self, certificates: Certificates) -> None:
        self.directory.ca.write_bytes(certificates.ca_pem)
        rows = [
            InventoryMachine(
                name,
                self.addresses[name],
                list(machine.groups),
                dict(machine.variables),
                machine.credentials.username,
                machine.credentials.password,
                https=self._switches[name].https,
                method=self._switches[name].authentication[0],
                fqdn=machine.fqdn,
                realm=self._account(name).realm,
            )
            for name, machine in self.estate.machines.items()
        ]
        user, password = (rows[0].username, rows[0].password) if rows else ("", "")
        self.directory.write_private(
            self.directory.inventory, inventory(rows, dict(self.estate.variables), user, password, self.directory.ca)
        )
        self.directory.write_private(
            self.directory.lab_json, (json.dumps({**self.description(), "token": self._token}, indent=2) + "\n").encode("utf-8")
        )


def raise_file_limit(wanted: int) -> None:
    """Let the process open as many files as C(wanted), as far as the hard limit goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < ceiling:
        resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
