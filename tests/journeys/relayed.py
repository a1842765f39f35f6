"""Two real Pilotlights: callers know the lower one, which has its work done by the upper one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
from dataclasses import dataclass

import pytest

from tests.journeys.turnstile import Turnstile, turnstile
from tests.live import KEY, Live, until, up

KEY_ENV = "RELAY_TEST_KEY"
DRAWS = "fal-ai/flux-pro/kontext/text-to-image"
EDITS = "fal-ai/flux-pro/kontext/max"


@dataclass
class House:
    upper: Live
    lower: Live
    gate: Turnstile
    """All that the lower one asks of the upper one passes here."""

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

    def kill(self, victim):
        """``child``, ``replica`` or ``everything`` of the lower one; what ended starts again."""
        if victim == "everything":
            self.lower.kill_everything()
            self.lower.start()
            return
        pids = self.lower.models if victim == "child" else self.lower.replicas
        (pid,) = until(lambda: pids("relayed-fal"), what=f"the {victim} that relays")
        os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def house(folder, *, options=(), **settings):
    """``options`` are the lower one's, ``settings`` the upstream's beside its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_ENV, KEY)
        with contextlib.ExitStack() as stack:
            own = {"WORKERS": '["tests.journeys.upstairs"]'}
            upper = stack.enter_context(up(folder / "upper", settings=own))
            gate = stack.enter_context(turnstile(upper.url))
            facts = {
                "url": f"{gate.url}/queue",
                "files_url": f"{gate.url}/rest",
                "key_env": KEY_ENV,
                "idempotent": True,
                "poll_s": 0.5,
                **settings,
            }
            told = {"UPSTREAMS": json.dumps({"fal": facts}), "REPLICA__GRACE_S": "2"}
            lower = stack.enter_context(up(folder / "lower", settings=told, options=options))
            yield House(upper, lower, gate)
