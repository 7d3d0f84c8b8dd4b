# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.client_key."""

from __future__ import annotations

import typing as t

from ..plugin_utils._action import CONFIRM_OPTIONS, KEY_OPTIONS, KmsAction, Options
from ..plugin_utils._catalogue.loader import gvlk_by_key
from ..plugin_utils._licensing import client_key

AUTO = "auto"


class ActionModule(KmsAction):
    """Install a KMS client key."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        **CONFIRM_OPTIONS,
        **KEY_OPTIONS,
        "allow_unlisted_key": {"type": "bool", "default": False},
        "convert_from": {"type": "list", "elements": "str", "choices": list(client_key.CONVERTIBLE), "default": []},
        "key": {"type": "str", "no_log": True, "default": AUTO},
    }

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Give the machine the client key of its edition, or the one named."""
        # A key that is not in the public catalogue may be anything, a MAK included: it is treated as a secret.
        auto = options["key"].strip().lower() == AUTO
        wanted = None if auto else self.secret_key(options, is_public=lambda key: gvlk_by_key(key.text) is not None)
        outcome = client_key.apply(
            self.begin(options), wanted, convert_from=options["convert_from"], allow_unlisted_key=options["allow_unlisted_key"]
        )
        return self.changes(outcome)
