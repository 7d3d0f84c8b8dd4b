# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback that writes every result of a run as a JSON line to the file that KMS_TEST_RESULTS names; ansible_runs.py reads it."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: recorder
type: aggregate
short_description: Every result of a run as a JSON line, for the system tests
description: Writes to the file named by the environment variable KMS_TEST_RESULTS.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "recorder"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: t.Any, **options: t.Any) -> None:
        super().__init__(*arguments, **options)
        self._path = pathlib.Path(os.environ["KMS_TEST_RESULTS"])
        self._play = ""

    def _write(self, **row: t.Any) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, default=str) + "\n")

    def _result(self, result: t.Any, status: str) -> None:
        self._write(
            kind="result",
            play=self._play,
            # The role's name stands in front of it from ansible-core 2.21 on.
            task=str(result.task_name).rpartition(" : ")[2],
            action=str(result.task.action),
            host=str(result.host.get_name()),
            status=status,
            result=result.result,
        )

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        self._play = str(play.get_name())

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._result(result, "ok")

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._result(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._result(result, "unreachable")

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._result(result, "skipped")

    def v2_runner_retry(self, result: t.Any) -> None:
        self._result(result, "retry")

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        self._write(kind="recap", recap={host: stats.summarize(host) for host in stats.processed})
