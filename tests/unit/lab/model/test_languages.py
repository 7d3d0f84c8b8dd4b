# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine in another language: texts for people are translated, data is not."""

from __future__ import annotations

import typing as t

import pytest

from tests.lab.model.estate import build_estate
from tests.lab.model.languages import language
from tests.lab.model.machine import Machine

GERMAN, JAPANESE, CHINESE = 1031, 1041, 2052
TRANSLATED = {
    "Win32_OperatingSystem": {"Caption", "CodeSet", "CountryCode", "Locale", "MUILanguages", "Name", "OSLanguage"},
    "Win32_Service": {"Caption", "Description", "DisplayName"},
    "Win32_NTLogEvent": {"Message", "Type"},
    "SoftwareLicensingProduct": set(),
    "SoftwareLicensingService": set(),
    "MSFT_NetFirewallRule": {"Description", "DisplayGroup", "DisplayName", "ElementName", "Status"},
}
"""The columns that may differ between two machines that are the same but for their language."""


def machine(number: int, windows: str = "windows-11-enterprise") -> Machine:
    row = {"name": "pc01", "windows": windows, "key": "gvlk", "language": number}
    events = [{"log": "Application", "id": 12288, "strings": ["0x0,0x0,kms:1688"]}, {"log": "Key Management Service", "id": 12290}]
    data = {
        "estate": {"domain": "corp.example", "start": "2026-01-31T10:00:00Z"},
        "machines": [{**row, "events": [*events, {"log": "Application", "id": 8198}]}],
    }
    return build_estate(data).machines["pc01"]


def rows(of: Machine, cim_class: str) -> list[dict[str, t.Any]]:
    namespace = "root/standardcimv2" if cim_class.startswith("MSFT") else "root/cimv2"
    return t.cast("list[dict[str, t.Any]]", of.cim.query(namespace, f"SELECT * FROM {cim_class}").rows)


@pytest.mark.parametrize("cim_class", TRANSLATED)
@pytest.mark.parametrize("number", [GERMAN, JAPANESE, CHINESE])
def test_only_what_people_read_differs(number: int, cim_class: str) -> None:
    english, other = rows(machine(1033), cim_class), rows(machine(number), cim_class)
    assert len(english) == len(other) > 0
    different = {name for here, there in zip(english, other, strict=True) for name in here if here[name] != there[name]}
    assert different <= TRANSLATED[cim_class]


@pytest.mark.parametrize(
    ("number", "service", "rule", "group", "message", "kind"),
    [
        (
            GERMAN,
            "Windows-Remoteverwaltung (WS-Verwaltung)",
            "(TCP eingehend)",
            "Schlüsselverwaltungsdienst",
            "Aktivierungsanforderung",
            "Fehler",
        ),
        (JAPANESE, "Windows Remote Management (WS-Management)", "(TCP 受信)", "キー管理サービス", "ライセンス認証要求", "エラー"),
        (CHINESE, "Windows Remote Management (WS-Management)", "(TCP-In)", "密钥管理服务", "激活请求", "错误"),
    ],
)
def test_display_names_and_events_are_translated(number: int, service: str, rule: str, group: str, message: str, kind: str) -> None:
    here = machine(number)
    assert service in [row["DisplayName"] for row in rows(here, "Win32_Service")]
    kms = next(row for row in rows(here, "MSFT_NetFirewallRule") if row["InstanceID"] == "SPPSVC-In-TCP")
    assert (kms["DisplayName"], kms["DisplayGroup"]) == (f"{group} {rule}", group)
    assert str(kms["Status"]).endswith("(65536)")
    events = {row["EventCode"]: row for row in rows(here, "Win32_NTLogEvent")}
    assert message in str(events[12288]["Message"]) and "0x0,0x0,kms:1688" in str(events[12288]["Message"])
    assert message in str(events[12290]["Message"])
    assert events[8198]["Type"] == kind


def test_only_some_languages_translate_the_editions_of_clients_and_none_those_of_servers() -> None:
    assert rows(machine(CHINESE), "Win32_OperatingSystem")[0]["Caption"] == "Microsoft Windows 11 企业版"
    assert rows(machine(CHINESE, "windows-10-ltsc-2021"), "Win32_OperatingSystem")[0]["Caption"] == "Microsoft Windows 10 企业版 LTSC"
    for number in (GERMAN, JAPANESE):
        assert rows(machine(number), "Win32_OperatingSystem")[0]["Caption"] == "Microsoft Windows 11 Enterprise"
    assert rows(machine(CHINESE, "server-2022-standard"), "Win32_OperatingSystem")[0]["Caption"] == "Microsoft Windows Server 2022 Standard"


def test_what_a_sentence_quotes_survives_its_translation() -> None:
    english = "The WS-Management service cannot process the request. The WMI service or the WMI provider returned an unknown error: HRESULT 0xc004f074 "
    for number in (GERMAN, JAPANESE, CHINESE):
        text = language(number).say(english)
        assert text.endswith("HRESULT 0xc004f074 ")
        assert "request" not in text and "error" not in text
    assert language(1033).say(english) == english
    assert language(GERMAN).say("access to root/standardcimv2 is denied") == "Zugriff auf root/standardcimv2 verweigert"


def test_a_language_without_words_here_speaks_english() -> None:
    assert language(1053).tag == "en-US"
