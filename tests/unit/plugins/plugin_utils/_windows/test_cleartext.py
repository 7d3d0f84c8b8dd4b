# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.activation.kms.plugins.plugin_utils._windows.cleartext import cleartext_reason


@pytest.fixture(autouse=True)
def no_proxy_of_the_developer(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def winrm(host="win1.corp.example", transport=None, extras=None, plugin="winrm", user="admin", **variables):
    connection = connection_loader.get(plugin, PlayContext(), None)
    options = {"ansible_host": host, "ansible_user": user, "ansible_password": "p", "_extras": extras or {}, **variables}
    if transport:
        options["ansible_winrm_transport"] = transport
    connection.set_options(var_options=options)
    return connection


HTTP = {"ansible_port": 5985}


def psrp(host="win1.corp.example", **variables):
    connection = connection_loader.get("psrp", PlayContext(), None)
    connection.set_options(var_options={"ansible_host": host, "ansible_user": "admin", "ansible_password": "p", **variables})
    return connection


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({**HTTP}, "plaintext"),
        ({**HTTP, "transport": ["basic"]}, "basic"),
        ({**HTTP, "transport": ["ssl"]}, "ssl"),
        ({**HTTP, "transport": ["certificate"]}, "certificate"),
        ({**HTTP, "transport": ["ntlm", "basic"]}, "basic"),
        ({**HTTP, "transport": ["ntlm"], "extras": {"ansible_winrm_message_encryption": "never"}}, "never"),
        ({**HTTP, "user": "admin@CORP.EXAMPLE", "extras": {"ansible_winrm_message_encryption": "never"}}, "never"),
        ({"ansible_port": 5986, "ansible_winrm_scheme": "http", "transport": ["basic"]}, "basic"),
        ({**HTTP, "host": "127.0.0.1.corp.example"}, "plaintext"),
        ({**HTTP, "host": "localhost.corp.example"}, "plaintext"),
        ({**HTTP, "host": "10.0.0.1"}, "plaintext"),
        ({**HTTP, "host": "127.0.0.1", "extras": {"ansible_winrm_proxy": "http://proxy.corp.example:3128"}}, "plaintext"),
    ],
)
def test_messages_that_could_be_read_on_the_way_give_the_reason(options, words):
    reason = cleartext_reason(winrm(**options))
    assert reason is not None
    assert words in reason


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ansible_port": 5986},
        {"ansible_port": 8443, "transport": ["basic"]},
        {**HTTP, "ansible_winrm_scheme": "https"},
        {**HTTP, "transport": ["ntlm"]},
        {**HTTP, "transport": ["kerberos", "ntlm"]},
        {**HTTP, "transport": ["credssp"], "extras": {"ansible_winrm_message_encryption": "always"}},
        {**HTTP, "user": "admin@CORP.EXAMPLE"},
        {**HTTP, "host": "127.0.0.1"},
        {**HTTP, "host": "127.45.6.7", "transport": ["basic"]},
        {**HTTP, "host": "::1"},
        {**HTTP, "host": "LOCALHOST"},
        {**HTTP, "host": "127.0.0.1", "extras": {"ansible_winrm_proxy": None}},
    ],
)
def test_messages_that_nobody_on_the_way_can_read_give_none(options):
    assert cleartext_reason(winrm(**options)) is None


def test_a_proxy_of_the_environment_takes_loopback_off_the_controller(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.corp.example:3128")
    assert cleartext_reason(winrm(host="127.0.0.1", **HTTP)) is not None
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert cleartext_reason(winrm(host="127.0.0.1", **HTTP)) is None


PSRP_HTTP = {"ansible_psrp_protocol": "http"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({**PSRP_HTTP, "ansible_psrp_auth": "basic"}, "basic"),
        ({**HTTP, "ansible_psrp_auth": "certificate"}, "certificate"),
        ({**PSRP_HTTP, "ansible_psrp_message_encryption": "never"}, "never"),
        ({**PSRP_HTTP, "host": "127.0.0.1", "ansible_psrp_auth": "basic", "ansible_psrp_proxy": "http://proxy.corp.example:3128"}, "basic"),
    ],
)
def test_psrp_messages_that_could_be_read_on_the_way_give_the_reason(options, words):
    reason = cleartext_reason(psrp(**options))
    assert reason is not None
    assert words in reason


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ansible_psrp_auth": "basic"},
        {"ansible_psrp_protocol": "https", "ansible_psrp_auth": "basic"},
        {**PSRP_HTTP},
        {**HTTP, "ansible_psrp_auth": "ntlm"},
        {**PSRP_HTTP, "ansible_psrp_auth": "kerberos", "ansible_psrp_message_encryption": "always"},
        {**PSRP_HTTP, "host": "127.0.0.1", "ansible_psrp_auth": "basic"},
    ],
)
def test_psrp_messages_that_nobody_on_the_way_can_read_give_none(options):
    assert cleartext_reason(psrp(**options)) is None


@pytest.mark.parametrize("name", ["local", "ssh", "paramiko_ssh"])
def test_what_is_encrypted_or_never_leaves_the_controller_gives_none(name):
    assert cleartext_reason(connection_loader.get(name, PlayContext(), None)) is None


def test_a_connection_that_is_not_known_is_taken_for_readable():
    class Connection:
        ansible_name = "community.general.saltstack"

    assert cleartext_reason(Connection()) == "nothing is known of how the connection community.general.saltstack carries it"
