# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to a run of the module on the machine, and what a caller is told. Ansible's part is a function here."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible_collections.activation.kms.plugins.plugin_utils._windows import errors
from ansible_collections.activation.kms.plugins.plugin_utils._windows.module_run import MODULE, ModuleRun

KEY = "LABHK-ZEROA-ISLEO-USUAL-0A1Z5"
GOOD = {"build": None, "results": [{"rows": []}], "changed": False}
# The texts are those of ansible-core's winrm plugin around those of pywinrm, requests and urllib3.
REFUSED = AnsibleConnectionFailure("basic: the specified credentials were rejected by the server")
RESET = AnsibleConnectionFailure("winrm connection error: ('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))")
NOBODY = AnsibleConnectionFailure(
    "winrm connection error: HTTPConnectionPool(host='127.0.0.1', port=5985): Max retries exceeded with url: /wsman (Caused by "
    "NewConnectionError(': Failed to establish a new connection: [Errno 111] Connection refused'))"
)


class Connection:
    """A connection plugin that notes what is asked of it and fails as it is told to."""

    def __init__(self, *connecting):
        self.connecting = list(connecting)
        self.asked = []
        self.shell_id = "a shell"

    def _connect(self):
        self.asked.append("connect")
        answer = self.connecting.pop(0) if self.connecting else None
        if answer is not None:
            raise answer

    def reset(self):
        self.asked.append("reset")


def prepared(*answers, connection=None):
    """Return a run over answers from a script, and the list of what was run."""
    script, runs = list(answers), []

    def execute(name, arguments):
        assert script, "nobody expected another run"
        runs.append((name, arguments))
        answer = script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ModuleRun(execute, connection or Connection()), runs


def run(module, *, write=False, secrets=()):
    arguments = {"operations": [], "secrets": [{"name": "key", "value": value} for value in secrets]}
    return module(arguments, doing="reading Win32_Service", write=write)


def test_an_answer_is_returned_as_it_is():
    module, runs = prepared(GOOD)
    assert run(module) is GOOD
    assert runs[0][0] == MODULE == "activation.kms.windows_operations"


def test_a_read_whose_connection_was_lost_is_run_once_more_on_a_new_connection():
    connection = Connection()
    module, runs = prepared(RESET, GOOD, connection=connection)
    assert run(module) is GOOD
    assert (len(runs), connection.asked) == (2, ["connect", "reset", "connect"])


def test_a_read_that_is_lost_twice_is_unreachable():
    module, runs = prepared(RESET, RESET)
    with pytest.raises(errors.UnreachableError, match="the connection was lost"):
        run(module)
    assert len(runs) == 2


def test_a_write_whose_connection_was_lost_is_unknown_and_not_run_again():
    module, runs = prepared(RESET)
    with pytest.raises(errors.OutcomeUnknownError, match="the connection was lost .*; the call was sent and may have been carried out"):
        run(module, write=True)
    assert len(runs) == 1


def test_a_write_that_found_nobody_to_connect_to_did_not_begin():
    module, _runs = prepared(NOBODY)
    with pytest.raises(errors.UnreachableError, match="nothing listens at the address"):
        run(module, write=True)


@pytest.mark.parametrize("write", [False, True])
def test_what_fails_while_connecting_has_changed_nothing(write):
    module, runs = prepared(connection=Connection(RESET, RESET))
    with pytest.raises(errors.UnreachableError, match="connecting to the machine .reading Win32_Service.: the connection was lost"):
        run(module, write=write)
    assert runs == []


@pytest.mark.parametrize("write", [False, True])
def test_after_a_login_refused_at_the_start_nothing_is_tried_again(write):
    connection = Connection(REFUSED)
    module, runs = prepared(connection=connection)
    for _time in range(2):
        with pytest.raises(errors.LoginRefusedError, match="the machine refused the login"):
            run(module, write=write)
    assert (runs, connection.asked) == ([], ["connect"])
    # Its shell would be closed with a login of its own.
    assert connection.shell_id is None


def test_a_login_refused_in_the_middle_of_a_write_leaves_it_open_and_nothing_is_tried_again():
    connection = Connection()
    module, runs = prepared(REFUSED, connection=connection)
    with pytest.raises(errors.OutcomeUnknownError, match="the machine refused the login"):
        run(module, write=True)
    with pytest.raises(errors.LoginRefusedError):
        run(module)
    assert (len(runs), connection.asked) == (1, ["connect"])


DIED = {
    "failed": True,
    "rc": 137,
    "msg": "MODULE FAILURE: No start of json char found",
    "module_stderr": f"Killed {KEY}",
    "module_stdout": "",
}


def test_a_powershell_that_dies_in_a_read_is_said_to_have_died():
    module, runs = prepared(DIED)
    with pytest.raises(errors.BadReplyError) as caught:
        run(module, secrets=[KEY])
    assert caught.value.detail == "PowerShell ended without an answer (exit code 137): Killed XXXXX-XXXXX-XXXXX-XXXXX-0A1Z5"
    assert len(runs) == 1


def test_a_powershell_that_dies_in_a_write_leaves_it_open():
    module, runs = prepared(DIED)
    with pytest.raises(
        errors.OutcomeUnknownError, match="exit code 137.*; the call may have been carried out. Next: read the state"
    ) as caught:
        run(module, write=True, secrets=[KEY])
    assert KEY not in str(caught.value)
    assert len(runs) == 1


def test_a_module_that_fails_by_itself_says_why():
    module, _runs = prepared({"failed": True, "msg": "Unhandled exception: the option operations is required"})
    with pytest.raises(errors.BadReplyError, match="the option operations is required"):
        run(module)


def test_a_module_that_could_not_be_built_changed_nothing():
    module, _runs = prepared(AnsibleError("The module activation.kms.windows_operations was not found in configured module paths"))
    with pytest.raises(errors.BadReplyError, match="was not found in configured module paths"):
        run(module, write=True)


def test_no_error_of_a_library_comes_along_with_ours():
    module, _runs = prepared(ValueError(f"the body held {KEY}"), ValueError("again"))
    with pytest.raises(errors.UnreachableError) as caught:
        run(module, secrets=[KEY])
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
