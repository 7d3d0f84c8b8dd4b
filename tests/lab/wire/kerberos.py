# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The estate's domain as a Kerberos realm: MIT's krb5kdc, in a folder of its own and on loopback, for machines that take Kerberos.

It has the account, and the service principals HTTP and WSMAN of each such machine, as a domain would (WSMAN is registered, HTTP comes with HOST: Microsoft,
AD attribute sPNMappings). Clients need krb5.conf of its folder: environment variable KRB5_CONFIG.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pathlib
import shutil
import signal
import typing as t

from .nameservice.bind import free_ports

_HOME = "127.0.0.1"
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
_START_SECONDS = 15.0
_STOP_SECONDS = 5.0
_PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local")


class KerberosError(RuntimeError):
    """A part of Kerberos is not installed, or did not start."""


def missing() -> list[str]:
    """Return what a machine with Kerberos needs here and is not installed: programs with their Debian package, and Python packages."""
    packages = {"krb5kdc": "krb5-kdc", "kdb5_util": "krb5-kdc", "kadmin.local": "krb5-admin-server"}
    programs = [f"{name} (package {packages[name]})" for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    return programs + [f"the Python package {name}" for name in ("gssapi", "krb5") if importlib.util.find_spec(name) is None]


class Kdc:
    """One realm. C(hosts) are the full names of the machines in it."""

    def __init__(self, realm: str, user: str, password: str, hosts: t.Sequence[str], folder: pathlib.Path) -> None:
        self.realm = realm
        self._account = (user, password)
        self._hosts = list(hosts)
        self._folder = folder
        (self._port,) = free_ports(1)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def configuration(self) -> pathlib.Path:
        """The file that clients name in KRB5_CONFIG."""
        return self._folder / "krb5.conf"

    def acceptor_environment(self) -> dict[str, str]:
        """Return the variables that the machines' side of Kerberos needs.

        The replay cache is off: it is a file for all users of this computer, and no two requests here have the same ticket and microsecond by accident.
        """
        return {
            "KRB5_CONFIG": str(self.configuration),
            "KRB5_KTNAME": f"FILE:{self._folder / 'keytab'}",
            "KRB5RCACHENAME": "none:",
        }

    async def start(self) -> None:
        """Make the realm and start its KDC. Raises KerberosError."""
        absent = missing()
        if absent:
            raise KerberosError(
                f"a machine of the estate takes kerberos, and this is not installed: {', '.join(absent)}; install it, or leave kerberos out of 'authentication'"
            )
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True)
        self.configuration.write_text(self._krb5_conf(), encoding="utf-8")
        (self._folder / "kdc.conf").write_text(self._kdc_conf(), encoding="utf-8")
        # The master password protects the database file on a disk that is shared with nobody; the stash file makes it readable anyway.
        await self._run("kdb5_util", "-r", self.realm, "create", "-s", given="throwaway\nthrowaway\n")
        await self._run("kadmin.local", "-r", self.realm, given=self._commands())
        await self._launch()

    def _commands(self) -> str:
        user, password = self._account
        quoted = password.replace('"', '""')
        principals = [f"{service}/{host}" for host in self._hosts for service in ("HTTP", "WSMAN")]
        lines = [f'addprinc -pw "{quoted}" {user}']
        lines += [f"addprinc -randkey {principal}" for principal in principals]
        lines += [f"ktadd -q -k {self._folder / 'keytab'} {principal}" for principal in principals]
        return "\n".join([*lines, "quit", ""])

    async def _run(self, program: str, *arguments: str, given: str) -> None:
        process = await asyncio.create_subprocess_exec(
            shutil.which(program, path=_PATH) or program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment(),
        )
        output, _nothing = await process.communicate(given.encode("utf-8"))
        if process.returncode:
            raise KerberosError(f"{program} ended with {process.returncode}: {output.decode('utf-8', 'replace').strip()[-400:]}")

    async def _launch(self) -> None:
        with (self._folder / "kdc.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                shutil.which("krb5kdc", path=_PATH) or "krb5kdc",
                "-n",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
            )
        loop = asyncio.get_running_loop()
        end = loop.time() + _START_SECONDS
        while loop.time() < end and self._process.returncode is None:
            try:
                _reader, writer = await asyncio.open_connection(_HOME, self._port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
        words = (self._folder / "kdc.log").read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        await self.close()
        raise KerberosError("krb5kdc did not start; its last words: " + " | ".join(words))

    async def close(self) -> None:
        """Stop the KDC."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "KRB5_CONFIG": str(self.configuration), "KRB5_KDC_PROFILE": str(self._folder / "kdc.conf")}

    def _krb5_conf(self) -> str:
        # No DNS and no canonical names: the machines' names are known to the estate's own name servers only, and their addresses are loopback's.
        # TCP first: a lost datagram would cost a second.
        return (
            f"[libdefaults]\n default_realm = {self.realm}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n dns_canonicalize_hostname = false\n"
            f" rdns = false\n udp_preference_limit = 1\n"
            f"[realms]\n {self.realm} = {{\n  kdc = {_HOME}:{self._port}\n }}\n"
            f"[domain_realm]\n .{self.realm.lower()} = {self.realm}\n {self.realm.lower()} = {self.realm}\n"
        )

    def _kdc_conf(self) -> str:
        # The encryption types are those of a domain today (Microsoft: Learn, Network security: Configure encryption types allowed for Kerberos).
        return (
            f"[kdcdefaults]\n kdc_listen = {_HOME}:{self._port}\n kdc_tcp_listen = {_HOME}:{self._port}\n"
            f"[realms]\n {self.realm} = {{\n  database_name = {self._folder / 'principal'}\n  key_stash_file = {self._folder / 'stash'}\n"
            f"  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal\n }}\n"
            f"[logging]\n kdc = STDERR\n"
        )
