# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader
from ansible_collections.activation.kms.plugins.plugin_utils._windows import choose
from ansible_collections.activation.kms.plugins.plugin_utils._windows.errors import NoBackendError


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


@pytest.mark.parametrize("plugin", ["winrm", "ansible.legacy.winrm"])
def test_the_winrm_plugin_is_recognised_by_each_of_its_names(plugin):
    assert choose.open_windows(winrm(plugin=plugin), sleep=lambda seconds: None).backend == "wsman"


@pytest.mark.parametrize("name", ["local", "ssh"])
@pytest.mark.parametrize("call", [choose.cleartext_reason, lambda c: choose.open_windows(c, sleep=lambda seconds: None)])
def test_other_connections_are_refused_with_their_name_and_a_way_on(name, call):
    connection = connection_loader.get(name, PlayContext(), None)
    with pytest.raises(NoBackendError, match=f"ansible.builtin.{name}") as caught:
        call(connection)
    assert "ansible_connection" in caught.value.next_step


@pytest.mark.parametrize("call", [choose.cleartext_reason, lambda c: choose.open_windows(c, sleep=lambda seconds: None)])
def test_become_is_refused_because_it_would_be_ignored(call):
    connection = winrm()
    connection.set_become_plugin(become_loader.get("runas"))
    with pytest.raises(NoBackendError, match="become is on"):
        call(connection)


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
    reason = choose.cleartext_reason(winrm(**options))
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
    assert choose.cleartext_reason(winrm(**options)) is None


def test_a_proxy_of_the_environment_takes_loopback_off_the_controller(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.corp.example:3128")
    assert choose.cleartext_reason(winrm(host="127.0.0.1", **HTTP)) is not None
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert choose.cleartext_reason(winrm(host="127.0.0.1", **HTTP)) is None
