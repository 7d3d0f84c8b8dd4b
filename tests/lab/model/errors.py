# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that a simulated machine answers a CIM request with."""

from __future__ import annotations

import functools
import pathlib
import typing as t

import yaml

Kind = t.Literal[
    "invalid_class",
    "invalid_namespace",
    "invalid_query",
    "invalid_columns",
    "not_found",
    "invalid_selectors",
    "missing_selectors",
    "invalid_method",
    "invalid_parameter",
    "access_denied",
    "provider",
]

CODES: dict[str, int] = {
    # WBEM_E_* of wbemcli.h (Microsoft: Learn, WMI Error Constants).
    "invalid_class": 0x80041010,
    "invalid_namespace": 0x8004100E,
    "invalid_query": 0x80041017,
    "invalid_columns": 0x80041017,
    "not_found": 0x80041002,
    "invalid_method": 0x8004102E,
    "invalid_parameter": 0x8004102F,
    "access_denied": 0x80041003,
    # WS-Management's own codes (Microsoft: Windows SDK, wsmerror.h): WMI never sees such a request.
    "invalid_selectors": 0x8033805B,
    "missing_selectors": 0x803380FA,
}

E_INVALIDARG = 0x80070057
ERROR_SERVICE_DISABLED = 0x80070422
RPC_S_SERVER_UNAVAILABLE = 0x800706BA
WBEM_E_METHOD_NOT_IMPLEMENTED = 0x80041055

CATALOGUE = pathlib.Path(__file__).resolve().parents[3] / "plugins" / "plugin_utils" / "_catalogue"
"""Facts that lab and product share as data; the lab shares no code with the product."""


class CimError(Exception):
    """A request that the machine refuses. C(code) is a WBEM, WS-Man or provider HRESULT, unsigned 32 bits; C(text) is for people.

    The text never holds a product key.
    """

    def __init__(self, kind: Kind, code: int, text: str) -> None:
        super().__init__(f"{kind}: 0x{code:08X}: {text}")
        self.kind = kind
        self.code = code
        self.text = text


def refused(kind: Kind, text: str) -> CimError:
    """Return the error of a request that never reaches a provider."""
    return CimError(kind, CODES[kind], text)


def provider_error(code: int) -> CimError:
    """Return the error of a provider that fails with an HRESULT.

    The licensing provider fails by HRESULT, not by ReturnValue (Microsoft: slmgr.vbs looks at the error number only).
    """
    symbol, meaning = _explained().get(code, ("", ""))
    return CimError("provider", code, " ".join(part for part in (f"HRESULT 0x{code:08X}", symbol, meaning) if part))


@functools.cache
def _explained() -> dict[int, tuple[str, str]]:
    data = yaml.load((CATALOGUE / "errors.yml").read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    symbols = {int(code, 16): (symbol, "") for code, symbol in data.get("sl_symbols", {}).items()}
    rows = {int(row["code"], 16): (row.get("symbol") or "", row.get("meaning") or "") for row in data["errors"]}
    return symbols | rows
