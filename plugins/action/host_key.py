# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of activation.kms.host_key."""

from __future__ import annotations

import typing as t

from ..plugin_utils._action import CONFIRM_OPTIONS, KEY_OPTIONS, KmsAction, Options
from ..plugin_utils._licensing import host_key


class ActionModule(KmsAction):
    """Install or remove a KMS host key."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        **CONFIRM_OPTIONS,
        **KEY_OPTIONS,
        "allow_client_os": {"type": "bool", "default": False},
        "convert_from": {"type": "list", "elements": "str", "choices": list(host_key.CONVERTIBLE), "default": []},
        "key": {"type": "str", "no_log": True},
        "replace": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": ["absent", "present"], "default": "present"},
    }
    REQUIRED_IF: t.ClassVar[list[t.Any]] = [("state", "present", ["key"])]

    def use_case(self, options: Options) -> dict[str, t.Any]:
        """Refuse what is wrong with the key itself before the machine is asked anything."""
        if options["state"] == "absent":
            # Removing sends no key, only the activation id of the product: nothing of it can be overheard.
            key = self.product_key(options) if options["key"] else None
            return self.changes(host_key.remove(self.begin(options), key))
        key = self.secret_key(options, is_public=lambda _key: False)
        host_key.refuse_key(key)
        outcome = host_key.install(
            self.begin(options),
            key,
            replace=options["replace"],
            convert_from=options["convert_from"],
            allow_client_os=options["allow_client_os"],
        )
        return self.changes(outcome)
