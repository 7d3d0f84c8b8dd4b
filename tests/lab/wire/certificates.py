# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway certification authority and a certificate for each machine, made anew at every start (trustme)."""

from __future__ import annotations

import datetime
import ssl

import trustme

_DAY = datetime.timedelta(days=1)


class Certificates:
    """The authority of one lab."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="activation.kms lab", organization_unit_name="throwaway")

    @property
    def ca_pem(self) -> bytes:
        """The authority's certificate, for clients that are to trust it."""
        return bytes(self._ca.cert_pem.bytes())

    def server(self, names: list[str], expired: bool = False) -> tuple[ssl.SSLContext, bytes]:
        """Return a TLS context that shows a certificate for these host names and addresses, and that certificate (DER)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        now = datetime.datetime.now(datetime.UTC)
        valid = {"not_before": now - _DAY * 2, "not_after": now - _DAY} if expired else {}
        issued = self._ca.issue_cert(*names, **valid)
        issued.configure_cert(context)
        return context, ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode("ascii"))
