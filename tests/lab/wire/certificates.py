# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway certification authority and a certificate for each machine, made anew at every start (trustme)."""

from __future__ import annotations

import ssl

import trustme


class Certificates:
    """The authority of one lab."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="activation.kms lab", organization_unit_name="throwaway")

    @property
    def ca_pem(self) -> bytes:
        """The authority's certificate, for clients that are to trust it."""
        return bytes(self._ca.cert_pem.bytes())

    def server_context(self, names: list[str]) -> ssl.SSLContext:
        """Return a TLS context that shows a certificate for these host names and addresses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._ca.issue_cert(*names).configure_cert(context)
        return context
