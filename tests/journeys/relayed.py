"""Two real Pilotlights: callers know the lower one, which has its work done by the upper one."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.live import KEY, Live, up

if TYPE_CHECKING:
    from pathlib import Path

KEY_ENV = "RELAY_TEST_KEY"
DRAWS = "fal-ai/flux-pro/kontext/text-to-image"
EDITS = "fal-ai/flux-pro/kontext/max"


@dataclass
class House:
    upper: Live
    lower: Live
    folder: Path

    def rows(self, live, columns, where="1"):
        """Of the job table, read beside its owner."""
        with contextlib.closing(sqlite3.connect(live.data / "jobs.db", timeout=30)) as database:
            return database.execute(f"SELECT {columns} FROM job WHERE {where}").fetchall()

    def asked(self, word):
        """Ids of the upper one's jobs whose prompt holds the word."""
        found = self.rows(self.upper, "id, input")
        return [job_id for job_id, text in found if word in json.loads(text).get("prompt", "")]

    def status_of(self, live, job_id):
        ((status,),) = self.rows(live, "status", f"id = '{job_id}'")
        return status

    def note(self, job_id):
        ((note,),) = self.rows(self.lower, "note", f"id = '{job_id}'")
        return json.loads(note or "{}")


@contextlib.contextmanager
def house(folder, *, of_lower=None, **settings):
    """``settings`` are the upstream's beside its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_ENV, KEY)
        with contextlib.ExitStack() as stack:
            own = {"WORKERS": '["tests.journeys.upstairs"]'}
            upper = stack.enter_context(up(folder / "upper", settings=own))
            facts = {
                "url": f"{upper.url}/queue",
                "files_url": f"{upper.url}/rest",
                "key_env": KEY_ENV,
                "idempotent": True,
                "poll_s": 0.5,
                **settings,
            }
            told = {"UPSTREAMS": json.dumps({"fal": facts}), **(of_lower or {})}
            lower = stack.enter_context(up(folder / "lower", settings=told))
            yield House(upper, lower, folder)
