# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that are wrong, keys in the wrong place, keys that would travel readable, and options that make no sense: refused before anything is sent."""

from __future__ import annotations

import typing as t

import pytest

from tests.system.ansible_runs import Json
from tests.system.bad_input import (
    HOST,
    HOST_KEY,
    INSTALL,
    LICENSED_HOST,
    MAK,
    OK,
    OTHER_HOST_KEY,
    PC,
    PC_ON_MAK,
    PC_WITHOUT_KEY,
    REFRESH,
    RETAIL,
    SERVER,
    SERVER_GVLK,
    UNREACHABLE,
    Case,
    Listener,
    Outcomes,
    run_cases,
)
from tests.system.conftest import StartLab

LISTENER = "http://listener.invalid"
"""Stands for the address of the test's own web server."""
FOLDER = "FOLDER"
"""Stands for a folder of the test's own."""

# Two of Microsoft's public client setup keys: Windows Server 2022 Datacenter, Windows 10 and 11 Enterprise (Learn, kms-client-activation-keys).
DATACENTER_GVLK = "WX4NM-KYWYW-QJJR4-XV3QB-6VM33"
ENTERPRISE_GVLK = "NPPR9-FWDCX-D2C8J-H872K-2YT43"

NOTHING_CHANGED = " Nothing was changed. Next: "
GIVE_KEY = NOTHING_CHANGED + "give key as five groups of five letters or digits with dashes between them, in quotes."
OTHER_CHARACTERS = "the product key has characters other than letters, digits and dashes."
LENGTHS = "the product key is not five groups of five letters or digits: the lengths found are {}."

SHAPES: dict[str, tuple[t.Any, str]] = {
    "a group too few": (HOST_KEY[:-6], LENGTHS.format("5-5-5-5")),
    "a group too many": (HOST_KEY + "-0A1Z5", LENGTHS.format("5-5-5-5-5-5")),
    "a character too few": (HOST_KEY[:-1], LENGTHS.format("5-5-5-5-4")),
    "a letter of another alphabet": (HOST_KEY.replace("A", "\u0410", 1), OTHER_CHARACTERS),
    "digits of full width": (HOST_KEY.replace("1", "\uff11"), OTHER_CHARACTERS),
    "blanks for dashes": (HOST_KEY.replace("-", " "), OTHER_CHARACTERS),
    "a line break in it": (HOST_KEY.replace("-", "\n", 1), OTHER_CHARACTERS),
    "a masked key": ("*****-*****-*****-*****-0A1Z5", OTHER_CHARACTERS),
    "a number": (12345, LENGTHS.format("5")),
    "a list": ([HOST_KEY, OTHER_HOST_KEY], OTHER_CHARACTERS),
    "a dictionary": ({"key": HOST_KEY}, OTHER_CHARACTERS),
    "a boolean": (True, LENGTHS.format("4")),
    "an empty text": ("", LENGTHS.format("0")),
}
WRONG_SHAPES = [
    Case(f"{name} for {what}", machine, module, {"key": key}, says=says + GIVE_KEY, error={"refused": says.rstrip(".")})
    for what, machine, module in (("a host key", SERVER, "host_key"), ("a client key", PC_WITHOUT_KEY, "client_key"))
    for name, (key, says) in SHAPES.items()
] + [
    Case("the word auto for a host key", SERVER, "host_key", {"key": "auto"}, says=LENGTHS.format("4") + GIVE_KEY),
    Case(
        "a group too few for a host key to remove",
        LICENSED_HOST,
        "host_key",
        {"key": HOST_KEY[:-6], "state": "absent"},
        says=LENGTHS.format("5-5-5-5") + GIVE_KEY,
    ),
    Case("no host key at all", SERVER, "host_key", says="state is present but all of the following are missing: key"),
    Case("a host key of null", SERVER, "host_key", {"key": None}, says="the product key is …." + GIVE_KEY),
]
SPELLINGS = [
    Case(
        f"a host key {how}",
        SERVER,
        "host_key",
        {"key": key},
        status=OK,
        says="Installed the KMS host key ending in 0A1Z5.",
        changed=True,
        writes=(INSTALL, REFRESH),
        differs=("listening", "products"),
    )
    for how, key in {
        "in small letters": HOST_KEY.lower(),
        "without dashes": HOST_KEY.replace("-", ""),
        "with en dashes": HOST_KEY.replace("-", "\u2013"),
        "with hyphens that do not break": HOST_KEY.replace("-", "\u2011"),
        "with hyphens of full width": HOST_KEY.replace("-", "\uff0d"),
        "with white space around it": f"  {HOST_KEY}\n",
    }.items()
] + [
    Case(
        f"a client key by the word {spelled!r}",
        PC_WITHOUT_KEY,
        "client_key",
        {"key": spelled},
        status=OK,
        says="Installed the client key of Windows 10 / Windows 11 Enterprise (...2YT43).",
        changed=True,
        writes=(INSTALL, REFRESH),
        differs=("products",),
    )
    for spelled in ("AUTO", " Auto ")
]

A_GVLK = (
    "the key ending in 6VM33 is the public KMS client key (GVLK) of Windows Server 2022 Datacenter, not a KMS host key."
    + NOTHING_CHANGED
    + "get the KMS host key (CSVLK) of your agreement from the Microsoft 365 admin center and give that."
)
AN_EVALUATION = (
    "Microsoft Windows Server 2022 Datacenter Evaluation is an evaluation edition (EditionID ServerDatacenterEval); it takes no volume licence key."
    + NOTHING_CHANGED
    + "convert it first: DISM /Online /Set-Edition:<edition> /ProductKey:<key> /AcceptEula, then restart it."
)
NOT_LISTED = (
    "the key ending in {} is not in the catalogue of Microsoft's public KMS client keys."
    + NOTHING_CHANGED
    + "use key: auto, or set allow_unlisted_key: true if you are sure that it is a KMS client key."
)
OTHER_EDITION = (
    "the key ending in 6VM33 is the client key of Windows Server 2022 Datacenter; this machine is {}."
    + NOTHING_CHANGED
    + "use key: auto, which takes the key of the machine's own edition."
)
EVALUATION: Json = {"windows": "server-2022-datacenter-evaluation"}
WRONG_PLACES = [
    Case("a client key on a host", SERVER, "host_key", {"key": DATACENTER_GVLK}, says=A_GVLK),
    Case("a client key on a host in another spelling", SERVER, "host_key", {"key": DATACENTER_GVLK.replace("-", "").lower()}, says=A_GVLK),
    Case(
        "a host key on a client Windows",
        PC,
        "host_key",
        {"key": HOST_KEY},
        says="Microsoft Windows 11 Enterprise is a client Windows: as a KMS host it would never activate a server."
        + NOTHING_CHANGED
        + "use a Windows Server, or set allow_client_os: true if only client Windows is to be activated, with a host key made for client Windows.",
    ),
    Case(
        "a host key on an Azure Edition",
        {"windows": "server-2022-datacenter-azure", "key": None},
        "host_key",
        {"key": HOST_KEY},
        says="Microsoft Windows Server 2022 Datacenter Azure Edition is an Azure Edition, which Microsoft does not let be a KMS host."
        + NOTHING_CHANGED
        + "use another edition of Windows Server.",
    ),
    Case("a host key on an evaluation edition", EVALUATION, "host_key", {"key": HOST_KEY}, says=AN_EVALUATION),
    Case("a client key on an evaluation edition", EVALUATION, "client_key", says=AN_EVALUATION),
    Case(
        "an edition without volume licensing",
        {"windows": "windows-11-home", "key": RETAIL, "licensed": True},
        "client_key",
        {"convert_from": ["retail"]},
        says="Microsoft Windows 11 Home (EditionID Core, build 26100) is an edition without volume licensing, so no KMS client key fits it."
        + NOTHING_CHANGED
        + "change the machine to a volume-licensed edition (Pro, Enterprise, Education) first.",
    ),
    Case(
        "the client key of another edition",
        SERVER_GVLK,
        "client_key",
        {"key": DATACENTER_GVLK},
        says=OTHER_EDITION.format("Microsoft Windows Server 2022 Standard (EditionID ServerStandard, build 20348)"),
    ),
    Case(
        "the client key of another Windows",
        PC,
        "client_key",
        {"key": DATACENTER_GVLK, "allow_unlisted_key": True},
        says=OTHER_EDITION.format("Microsoft Windows 11 Enterprise (EditionID Enterprise, build 26100)"),
    ),
    Case("a MAK for a client key", PC, "client_key", {"key": MAK}, says=NOT_LISTED.format("AZ0LE")),
    Case("a host key for a client key", SERVER_GVLK, "client_key", {"key": HOST_KEY}, says=NOT_LISTED.format("0A1Z5")),
]

CONVERTS = (
    "this machine's Windows is {}: giving it a KMS {} key converts it from the channel {}, and the old key is lost."
    + NOTHING_CHANGED
    + "if that is what you want, set convert_from: [{}]."
)
COUNTED = (
    "{} is licensed; activating it again would use up another of the activations that Microsoft counts."
    + NOTHING_CHANGED
    + "leave renew out: a product of this kind does not expire."
)
BOTH: Json = {"windows": "windows-10-enterprise", "key": "gvlk", "also_keyed": [MAK]}
TWO_PRODUCTS = (
    "2 Windows products on this machine have a product key, and nothing tells which is in use: "
    "Windows(R), Enterprise edition (kms_client, key ...2YT43), Windows(R), Enterprise edition (mak, key ...AZ0LE)"
)
AMBIGUOUS = (
    TWO_PRODUCTS
    + "."
    + NOTHING_CHANGED
    + "look at the products with activation.kms.activation_info and remove the key that is not wanted (slmgr.vbs /upk with its activation id)."
)
HOST_LABEL = "Windows(R), ServerDatacenter edition (kms_host, key ...0A1Z5)"
MAK_LABEL = "Windows(R), Enterprise edition (mak, key ...AZ0LE)"
NOT_LOST = [
    Case(
        "another host key",
        LICENSED_HOST,
        "host_key",
        {"key": OTHER_HOST_KEY},
        says=f"this machine has another KMS host key already, {HOST_LABEL}; replacing it uses one of the few activations of the new key, "
        "and the old one is lost." + NOTHING_CHANGED + "if that is what you want, set replace: true.",
    ),
    Case("a client key instead of a MAK", PC_ON_MAK, "client_key", says=CONVERTS.format(MAK_LABEL, "client", "mak", "mak")),
    Case(
        "a client key instead of a retail key",
        {"windows": "windows-11-pro", "key": RETAIL, "licensed": True},
        "client_key",
        {"convert_from": ["mak"]},
        says=CONVERTS.format("Windows(R), Professional edition (retail, key ...L0A5E)", "client", "retail", "retail"),
    ),
    Case("a client key instead of a host key", HOST, "client_key", says=CONVERTS.format(HOST_LABEL, "client", "kms_host", "kms_host")),
    Case(
        "a host key instead of a MAK",
        PC_ON_MAK,
        "host_key",
        {"key": HOST_KEY, "allow_client_os": True},
        says=CONVERTS.format(MAK_LABEL, "host", "mak", "mak"),
    ),
    Case("a client key where two keys are in", BOTH, "client_key", says=AMBIGUOUS),
    Case("a host key where two keys are in", BOTH, "host_key", {"key": HOST_KEY, "allow_client_os": True}, says=AMBIGUOUS),
    Case("an activation where two keys are in", BOTH, "activate", says=AMBIGUOUS),
    Case(
        "an activation without a key",
        SERVER,
        "activate",
        says="there is nothing to activate: this machine has no Windows product with a product key."
        + NOTHING_CHANGED
        + "install a key first, with activation.kms.client_key or activation.kms.host_key.",
    ),
    Case(
        "an activation in a role that the key has not",
        PC,
        "activate",
        {"role": "kms_host"},
        says="there is nothing to activate in the role kms_host: this machine has Windows(R), Enterprise edition (kms_client, key ...2YT43)."
        + NOTHING_CHANGED
        + "install the key with activation.kms.host_key first.",
    ),
    Case("a second activation of a MAK", PC_ON_MAK, "activate", {"renew": True}, says=COUNTED.format(MAK_LABEL)),
    Case("a second activation of a host key", LICENSED_HOST, "activate", {"renew": True}, says=COUNTED.format(HOST_LABEL)),
]

SECONDS = (
    ", but it must be between 0 and 600 seconds." + NOTHING_CHANGED + "give a number of seconds in that range, or leave the option out."
)
UNWRITABLE = (
    "could not be written on the controller: {}. Next: let facts_path name a file in a folder that is there and that you may write to."
)
OPTIONS = [
    Case("a time below zero", SERVER, "host_key", {"key": HOST_KEY, "confirm_timeout": -1}, says="confirm_timeout is -1" + SECONDS),
    Case("a time above ten minutes", PC_WITHOUT_KEY, "client_key", {"confirm_timeout": 601}, says="confirm_timeout is 601" + SECONDS),
    Case("a time below zero for an activation", PC, "activate", {"confirm_timeout": -1}, says="confirm_timeout is -1" + SECONDS),
    Case(
        "a time below zero for a removal",
        LICENSED_HOST,
        "host_key",
        {"state": "absent", "confirm_timeout": -1},
        says="confirm_timeout is -1" + SECONDS,
    ),
    Case("a time in words", SERVER, "host_key", {"key": HOST_KEY, "confirm_timeout": "soon"}, says="…confirm_timeout…int…"),
    # A key in the wrong place is a slip of the hand, and is not shown for it.
    Case("a key for a time", SERVER, "host_key", {"key": HOST_KEY, "confirm_timeout": HOST_KEY}, says="…confirm_timeout…XXXXX-0A1Z5…"),
    Case(
        "a key for a channel", PC, "client_key", {"convert_from": [MAK]}, says="value of convert_from must be one or more of: …XXXXX-AZ0LE"
    ),
    Case(
        "a key for a state",
        SERVER,
        "host_key",
        {"key": HOST_KEY, "state": HOST_KEY},
        says="value of state must be one of: absent, present, got: XXXXX-XXXXX-XXXXX-XXXXX-0A1Z5",
    ),
    Case(
        "a key for an option",
        SERVER,
        "host_key",
        {"key": HOST_KEY, OTHER_HOST_KEY: True},
        says="Unsupported parameters for …: XXXXX-XXXXX-XXXXX-XXXXX-A1ZOU. Supported parameters include: …",
    ),
    Case(
        "an option that is none",
        PC,
        "activate",
        {"force": True},
        says="Unsupported parameters for …: force. Supported parameters include: …",
    ),
    Case("a role that is none", PC, "activate", {"role": "host"}, says="value of role must be one of: any, …, got: host"),
    Case(
        "a state that is none",
        SERVER,
        "firewall_exception",
        {"state": "present"},
        says="value of state must be one of: disabled, enabled, got: present",
    ),
    Case(
        "a folder for a facts file",
        PC,
        "activation_info",
        {"facts_path": FOLDER},
        says="the facts file … " + UNWRITABLE.format("Is a directory"),
    ),
    Case(
        "a facts file in a folder that is not there",
        PC,
        "activation_info",
        {"facts_path": FOLDER + "/none/facts.jsonl"},
        says="the facts file …/none/facts.jsonl " + UNWRITABLE.format("No such file or directory"),
    ),
    Case(
        "a facts file in a file",
        PC,
        "activation_info",
        {"facts_path": "/dev/null/facts.jsonl"},
        says="the facts file /dev/null/facts.jsonl " + UNWRITABLE.format("Not a directory"),
    ),
    Case(
        "a key for the name of a facts file",
        PC,
        "activation_info",
        {"facts_path": f"{FOLDER}/none/{HOST_KEY}"},
        says="the facts file …/none/XXXXX-XXXXX-XXXXX-XXXXX-0A1Z5 " + UNWRITABLE.format("No such file or directory"),
    ),
    Case("a facts file without a name", PC, "activation_info", {"facts_path": ""}, status=OK, result={"facts_written": False}),
]

# TEST-NET-1 (RFC 5737): an address that is no loopback and that nobody has. What is sent there goes to the proxy, which is the test's own server.
AWAY: Json = {"ansible_host": "192.0.2.1", "ansible_winrm_proxy": LISTENER}
IN_CLEAR = (
    "the product key would cross the network readable by anyone on the way: the connection to {} is plain HTTP and {}."
    + NOTHING_CHANGED
    + "use a TLS listener (port 5986) or a transport that encrypts messages (ntlm, kerberos, credssp); "
    "allow_cleartext_key: true sends it all the same."
)
BASIC = "the login method basic encrypts no messages"


def readable(promise: str, where: str = "192.0.2.1", why: str = BASIC, variables: Json | None = None, **more: t.Any) -> Case:
    """Return the case that a host key would travel readable."""
    return Case(
        promise, SERVER, "host_key", {"key": HOST_KEY}, variables=AWAY | (variables or {}), says=IN_CLEAR.format(where, why), **more
    )


READABLE = [
    readable("a host key in clear"),
    readable("a host key in clear in check mode", keywords={"check_mode": True}),
    readable("a host key in clear to a name", "host.invalid", variables={"ansible_host": "host.invalid"}),
    readable("a host key in clear to loopback by way of a proxy", "127.0.0.9, by way of a proxy,", variables={"ansible_host": "127.0.0.9"}),
    readable(
        "a host key by NTLM that does not encrypt",
        why="ansible_winrm_message_encryption is never",
        variables={"ansible_winrm_transport": "ntlm", "ansible_winrm_message_encryption": "never"},
    ),
    readable("a host key by NTLM or else by Basic", variables={"ansible_winrm_transport": "ntlm,basic"}),
    Case(
        "a MAK in clear",
        PC,
        "client_key",
        {"key": MAK, "allow_unlisted_key": True},
        variables=AWAY,
        says=IN_CLEAR.format("192.0.2.1", BASIC),
    ),
]

REACHED = (
    "connecting to the machine (reading …): no WinRM service answers at this address ({}: Bad HTTP response returned from server. Code 404). "
    "Next: check ansible_winrm_path and ansible_port."
)


def allowed(promise: str, machine: Json, module: str, options: Json, by: str = "basic", **variables: t.Any) -> Case:
    """Return the case that the connection to the machine away is tried."""
    return Case(promise, machine, module, options, variables=AWAY | variables, status=UNREACHABLE, says=REACHED.format(by))


ALLOWED = [
    allowed("a host key in clear where that is allowed", SERVER, "host_key", {"key": HOST_KEY, "allow_cleartext_key": True}),
    allowed(
        "a MAK in clear where that is allowed", PC, "client_key", {"key": MAK, "allow_unlisted_key": True, "allow_cleartext_key": True}
    ),
    allowed("a public client key in clear", PC, "client_key", {"key": ENTERPRISE_GVLK}),
    allowed("the client key of the machine's edition in clear", PC, "client_key", {}),
    # What is sent is the activation id of the product.
    allowed("a host key to be removed", LICENSED_HOST, "host_key", {"state": "absent", "key": HOST_KEY}),
    allowed("a host key by NTLM", SERVER, "host_key", {"key": HOST_KEY}, "ntlm", ansible_winrm_transport="ntlm"),
]
BY_TLS = Case(
    "a host key by TLS",
    SERVER,
    "host_key",
    {"key": HOST_KEY},
    variables=AWAY | {"ansible_winrm_scheme": "https", "ansible_port": 5986},
    status=UNREACHABLE,
    says="connecting to the machine (reading Win32_OperatingSystem): the proxy refused the connection (basic: …). "
    "Next: check ansible_winrm_proxy and no_proxy.",
)
AMBIGUOUS_READ = Case(
    "a read where two keys are in",
    BOTH,
    "activation_info",
    status=OK,
    result={"channel": None, "activated": False, "is_kms_client": True, "is_kms_host": False, "needs_attention": True},
)
CASES = [*WRONG_SHAPES, *SPELLINGS, *WRONG_PLACES, *NOT_LOST, *OPTIONS, *READABLE, *ALLOWED, BY_TLS, AMBIGUOUS_READ]


def promise(case: Case) -> str:
    return case.promise


@pytest.fixture(scope="module")
def listener() -> t.Iterator[Listener]:
    with Listener().listening() as listening:
        yield listening


@pytest.fixture(scope="module")
def outcomes(start_lab: StartLab, listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return run_cases(start_lab, CASES, places={LISTENER: listener.url, FOLDER: str(tmp_path_factory.mktemp("facts"))})


@pytest.mark.parametrize("case", WRONG_SHAPES, ids=promise)
def test_a_key_of_wrong_shape_is_refused_before_anything_is_sent(outcomes: Outcomes, case: Case) -> None:
    assert outcomes.check(case).calls == []


@pytest.mark.parametrize("case", SPELLINGS, ids=promise)
def test_a_key_is_taken_in_every_spelling_that_means_the_same(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


@pytest.mark.parametrize("case", WRONG_PLACES, ids=promise)
def test_a_key_that_does_not_belong_there_is_refused(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


@pytest.mark.parametrize("case", NOT_LOST, ids=promise)
def test_nothing_is_given_up_that_was_not_named(outcomes: Outcomes, case: Case) -> None:
    met = outcomes.check(case)
    error = met.task.result["error"]
    assert met.task.msg == f"{error['refused']}. Nothing was changed. Next: {error['next_step']}."


def test_where_two_keys_are_in_a_read_names_both_and_neither_is_called_the_machines_windows(outcomes: Outcomes) -> None:
    facts = outcomes.check(AMBIGUOUS_READ).task.result["activation"]
    assert facts["primary"] is None
    assert facts["primary_candidates"] == [product["activation_id"] for product in facts["products"]]
    assert [product["role"] for product in facts["products"]] == ["kms_client", "mak"]
    assert facts["primary_reason"] == TWO_PRODUCTS


@pytest.mark.parametrize("case", OPTIONS, ids=promise)
def test_an_option_that_makes_no_sense_is_an_error_or_no_harm(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


@pytest.mark.parametrize("case", READABLE, ids=promise)
def test_a_key_that_would_travel_readable_is_refused_before_anything_is_sent(outcomes: Outcomes, case: Case) -> None:
    assert outcomes.check(case).calls == []


@pytest.mark.parametrize("case", [*ALLOWED, BY_TLS], ids=promise)
def test_a_connection_is_tried_where_no_secret_would_be_readable_or_that_was_allowed(outcomes: Outcomes, case: Case) -> None:
    outcomes.check(case)


def test_only_what_may_be_tried_reached_the_network(outcomes: Outcomes, listener: Listener) -> None:
    # Every case ran before this test. The proxy refused all of them, so that nothing but the plugin's own first message came there.
    assert listener.connections == len(listener.requests) == len(ALLOWED) + 1
    assert [(method, path) for method, path, _headers, _body in listener.requests] == [
        *[("POST", "http://192.0.2.1:5985/wsman")] * len(ALLOWED),
        ("CONNECT", "192.0.2.1:5986"),
    ]
    assert not any(key.encode() in body for _method, _path, _headers, body in listener.requests for key in (HOST_KEY, MAK))


def test_no_key_is_shown_in_all_this(outcomes: Outcomes) -> None:
    outcomes.check_no_key_shown()
