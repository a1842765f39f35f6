"""Replicas that the supervisor does not know: their death is seen by nobody but the lease.

As on another machine that loses its power: no exit code, no closed pipe. The row of one that
died stays until nothing is held in its name any more, and no longer: the fleet would count it. Its scratch lies on the
other machine, as it were, and goes with the row.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.replicas import ReplicaRows
from tests.live import ROOT, environment

if TYPE_CHECKING:
    from tests.chaos.rows import Rows
    from tests.live import Live


@dataclass
class Outsider:
    id: str
    process: subprocess.Popen[bytes]


@dataclass
class Outsiders:
    """Call it from one thread; ``close`` ends them all."""

    live: Live
    rows: Rows
    running: list[Outsider] = field(default_factory=list)
    _dead: list[str] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def start(self, worker: str, *, slots: int) -> Outsider:
        replica_id = f"outsider-{worker}-{next(self._numbers)}"
        with contextlib.closing(Database(self.live.data / "jobs.db")) as database:
            ReplicaRows(database).add(replica_id, worker, slots=slots, now=time.time())
        given = {f"PILOTLIGHT_{name}": value for name, value in self.live.settings.items()}
        command = [sys.executable, "-m", "workers", worker, "--replica", replica_id]
        with (self.live.data / f"{replica_id}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--data", str(self.live.data)],
                cwd=ROOT,
                env=environment(**given),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        made = Outsider(replica_id, process)
        self.running.append(made)
        return made

    def ready(self, outsider: Outsider) -> bool:
        stage = self.rows.one("SELECT stage FROM replica WHERE id = ?", outsider.id)
        return stage == "ready"

    def kill(self, outsider: Outsider) -> bool:
        """``kill -9``; whether it was still there to be killed."""
        self.running.remove(outsider)
        self._dead.append(outsider.id)
        there = outsider.process.poll() is None
        outsider.process.send_signal(signal.SIGKILL)
        outsider.process.wait()
        return there

    def tidy(self) -> None:
        """Close the rows of the dead from whom every lease was taken back."""
        self._dead += [one.id for one in self.running if one.process.poll() is not None]
        self.running = [one for one in self.running if one.process.poll() is None]
        freed = [one for one in self._dead if not self._holds(one)]
        if freed:
            with contextlib.closing(Database(self.live.data / "jobs.db")) as database:
                for replica_id in freed:
                    shutil.rmtree(self.live.data / "scratch" / replica_id, ignore_errors=True)
                    ReplicaRows(database).end(
                        replica_id, "lost its power", clean=False, now=time.time()
                    )
            self._dead = [one for one in self._dead if one not in freed]

    def _holds(self, replica_id: str) -> int:
        return int(
            self.rows.one(
                "SELECT count(*) FROM job WHERE owner = ? AND status IN ('running', 'storing')",
                replica_id,
            )
        )

    def drain(self) -> None:
        """SIGTERM to all, as to a machine that is to go; they leave in their own time."""
        for outsider in self.running:
            outsider.process.terminate()
        for outsider in self.running:
            outsider.process.wait(60)
        self.tidy()

    def close(self) -> None:
        for outsider in self.running:
            outsider.process.kill()
            outsider.process.wait()
        self.running.clear()
