# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.activation.kms.plugins.plugin_utils._windows import failures

POOL = "basic: HTTPConnectionPool(host='w1', port=5985): Max retries exceeded with url: /wsman (Caused by "
TLS = (
    "ssl: HTTPSConnectionPool(host='w1', port=5986): Max retries exceeded with url: /wsman (Caused by SSLError(SSLCertVerificationError(1, "
)


@pytest.mark.parametrize(
    ("text", "kind", "never_sent"),
    [
        (POOL + "NameResolutionError(\"Failed to resolve 'w1' ([Errno -2] Name or service not known)\"))", "name", True),
        (POOL + "NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused'))", "refused", True),
        (POOL + "NewConnectionError('Failed to establish a new connection: [Errno 113] No route to host'))", "route", True),
        (POOL + "ConnectTimeoutError('Connection to w1 timed out. (connect timeout=30)'))", "timeout", True),
        ("ConnectionError: HTTPConnectionPool(host='w1', port=5985): Read timed out. (read timeout=30)", "timeout", False),
        (TLS + '"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch")))', "tls_name", True),
        (TLS + '"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired")))', "tls_date", True),
        (TLS + '"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in chain")))', "tls_trust", True),
        ("SSLError: EOF occurred in violation of protocol (_ssl.c:2427)", "tls", False),
        ("ConnectionError: ('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))", "lost", False),
        ("kerberos: ('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))", "lost", False),
        ("ChunkedEncodingError: ('Connection broken: IncompleteRead(3 bytes read, 5 more expected)')", "lost", False),
        ("basic: Bad HTTP response returned from server. Code 404", "path", False),
        ("basic: Bad HTTP response returned from server. Code 500", "unencrypted", False),
        ("basic: Bad HTTP response returned from server. Code 503", "unavailable", False),
        ("basic: the specified credentials were rejected by the server", "login", False),
        (
            "GSSError: (('A token had an invalid Message Integrity Check (MIC)', 393216), ('Decrypt integrity check failed', -1765328353))",
            "lost",
            False,
        ),
        ("BadMICError: SpnegoError (6): A token had an invalid Message Integrity Check (MIC), Context: ...", "lost", False),
        ("Kerberos auth failure for principal u@X with subprocess: kinit: Client not found", "kerberos", False),
        ("basic: Exceeded 30 redirects.", "redirect", False),
    ],
)
def test_texts_of_the_libraries_are_sorted_and_only_sure_ones_count_as_never_sent(text, kind, never_sent):
    failure = failures.classify(text)
    assert failure is not None
    assert failure.kind == kind
    assert failure.next_step
    assert failures.never_sent(text) is never_sent


def test_an_unknown_text_is_shown_as_it_is_without_keys():
    text = "OddError: LABHK-ZEROA-ISLEO-USUAL-0A1Z5\nis odd"
    assert failures.classify(text) is None
    assert failures.describe(None, text) == "OddError: XXXXX-XXXXX-XXXXX-XXXXX-0A1Z5 is odd"
