# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events in the forms in which Windows stores and prints them, written after the published samples, with values of our own."""

from __future__ import annotations

import datetime
from xml.sax.saxutils import escape

CMID = "0f6a2c1e-7b35-4c9d-8e21-5a4b9c0d7e11"
SKU = "2de67392-b7a7-462a-b1ca-108dd189f588"
WINDOWS = "55c92734-d682-4d71-983e-d6ec3f16059f"
KEY = "AB1CD-EF2GH-IJ3KL-MN4OP-QR5ST"
"""The shape of a product key and no product key."""

SENT = f"0xC004F06C, 0x00000008, kms01.example.com:1688, {CMID}, 2026/11/24 08:15, 1, 2, 41760, {SKU}, 25"
PROCESSED = "0x00000000, 0x04000008, 0, 0, 4, 120, 10080, 2026/11/24 08:15"
SERVED = f"0xC004F06C,25,pc01.example.com,{CMID},2026/11/24 8:15,1,2,41760,{SKU}"
ELEMENTS = ["", *SERVED.split(",")]
SLUI = f"RuleId={WINDOWS};Action=AutoActivate;AppId={WINDOWS};SkuId={SKU};NotificationInterval=1440;Trigger=TimerEvent;SessionId=2"

SENT_FIELDS = {
    "status_flags": 8,
    "flags": ["other_pc"],
    "host": "kms01.example.com",
    "port": 1688,
    "cmid": CMID,
    "client_time": datetime.datetime(2026, 11, 24, 8, 15, tzinfo=datetime.UTC),
    "virtual": True,
    "license_status": 2,
    "license_status_word": "oob_grace",
    "minutes_to_expiry": 41760,
    "activation_id": SKU,
    "required_count": 25,
}
PROCESSED_FIELDS = {
    "status_flags": 0x04000008,
    "flags": ["other_pc", "not_enough_count"],
    "activated": False,
    "count": 4,
    "activation_interval_minutes": 120,
    "renewal_interval_minutes": 10080,
    "client_time": datetime.datetime(2026, 11, 24, 8, 15, tzinfo=datetime.UTC),
}
SERVED_FIELDS = {name: SENT_FIELDS[name] for name in SENT_FIELDS if name not in ("status_flags", "flags", "host", "port")} | {
    "client": "pc01.example.com"
}

# The part behind the marker is not translated (a published Czech record, and Microsoft's examples in English).
SENTENCES = {
    "en": "The client has sent an activation request to the key management service machine.\r\nInfo:\r\n",
    "de": "Der Client hat eine Aktivierungsanforderung gesendet.\r\nInformationen:\r\n",
    "cs": "Klient odeslal žádost o aktivaci.\r\nInformace: \r\n",
    "zh": "客户端已将激活请求发送到密钥管理服务计算机。\r\n信息:\r\n",
    "ja": "ライセンス認証要求を送信しました。\r\n情報：\r\n",
}


def xml(
    event_id,
    data,
    *,
    record=1,
    log="Application",
    provider="Microsoft-Windows-Security-SPP",
    time="2026-11-24T08:15:02.5412832Z",
    rendering="",
):
    """Return a record as wevtutil writes it."""
    elements = "".join(f"<Data>{escape(text)}</Data>" for text in data)
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        f"<Provider Name='{provider}' Guid='{{E23B33B0-C8C9-472C-A5F9-F2BDFEA0F156}}' EventSourceName='Software Protection Platform Service'/>"
        f"<EventID Qualifiers='16384'>{event_id}</EventID><Version>0</Version><Level>0</Level><Task>0</Task><Opcode>0</Opcode>"
        f"<Keywords>0x80000000000000</Keywords><TimeCreated SystemTime='{time}'/><EventRecordID>{record}</EventRecordID><Correlation/>"
        f"<Execution ProcessID='0' ThreadID='0'/><Channel>{log}</Channel><Computer>pc01.example.com</Computer><Security/></System>"
        f"<EventData>{elements}</EventData>{rendering}</Event>"
    )
