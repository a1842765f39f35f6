"""The fleet of one machine: replicas are subprocesses, their rows are in a register.

The ``up`` process is the supervisor. Every replica inherits the reading end of one pipe whose
writing end only the supervisor holds: it reads end-of-file when the supervisor dies, and drains.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.adapters.local import processes
from pilotlight.contracts.pools import Pools
from pilotlight.errors import Unavailable
from pilotlight.execution.jumps import Jumps
from pilotlight.execution.silence import Silence
from pilotlight.observability.logs import event

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.fleet import ColdStart, Replica, Stage
    from pilotlight.ports.register import Register
    from pilotlight.settings import Settings

MAX_LOGS: Final = 100
"""Replicas' log files that are kept, newest first."""
_KILL_AFTER_S: Final = 5
"""A retired replica that has not gone this long after its grace is killed."""
_HURRY_S: Final = 2.0
"""What handing jobs back may take when nobody wants to wait."""
_LOOK_S: Final = 0.02
_LISTEN_S: Final = 2.0
"""Between two looks for replicas that say nothing any more: a register may be far away."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A replica that is over. Whatever it held has to be freed."""

    replica_id: str
    worker: str
    stage: Stage
    """``gone``, or ``failed`` when it ended by itself before it ever took a job."""


class LocalFleet:
    """Rows and processes of one supervisor; any thread may call."""

    def __init__(
        self,
        rows: Register,
        *,
        settings: Settings,
        specs: Mapping[str, WorkerSpec],
        clock: Clock,
        command: Sequence[str] = (sys.executable, "-m", "workers"),
    ) -> None:
        self._rows = rows
        self._settings, self._specs, self._clock = settings, Pools(specs).fleets, clock
        self._command = tuple(command)
        self._logs = settings.data / "logs"
        self._scratch = settings.data / "scratch"
        self._lock = threading.RLock()
        self._own: dict[str, subprocess.Popen[bytes]] = {}
        self._inherited: dict[str, tuple[int, float]] = {}
        """Replicas of a supervisor before us that still drain: process id and start."""
        self._stillborn: dict[str, str] = {}
        """Replicas that could not be started, and why, until their rows say so."""
        self._kill_at: dict[str, float] = {}
        self._listen_at = float("-inf")
        self._jumps = Jumps(clock, patience_s=settings.lease.lease_s)
        self._silence = Silence(settings.lease)
        self._pipe: tuple[int, int] | None = None
        self._stopping = False
        self.hurry = threading.Event()
        """Set it to make ``stop_all`` kill at once."""
        self.on_end: Callable[[], None] = lambda: None

    def replicas(self) -> list[Replica]:
        return self._rows.recent(now=self._clock.now())

    def cold_starts(self, worker: str, *, limit: int = 20) -> list[ColdStart]:
        return self._rows.cold_starts(worker, limit=limit)

    def start(self, worker: str, count: int) -> None:
        """A replica whose process cannot be started has a ``failed`` row that says why."""
        with self._lock:
            if self._stopping:
                return
            for folder in (self._logs, self._scratch):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._trim_logs()
            for _ in range(count):
                self._start(worker, f"{worker}-{secrets.token_hex(4)}")

    def _start(self, worker: str, replica_id: str) -> None:
        slots = self._specs[worker].jobs_per_replica
        self._rows.add(replica_id, worker, slots=slots, now=self._clock.now())
        self._pipe = self._pipe or os.pipe()
        fd = self._pipe[0]
        command = [*self._command, worker, "--replica", replica_id, "--supervisor-fd", str(fd)]
        environment = processes.child_environment(self._settings)
        try:
            with self._log(replica_id).open("ab") as log:
                process = processes.spawn(command, environment=environment, log=log, keep_fd=fd)
        except OSError as problem:
            words = f"its process cannot be started ({problem}), so it ended"
            self._stillborn[replica_id] = words
            self._bury(replica_id, words)
            return
        self._own[replica_id] = process
        threading.Thread(
            target=self._attend, args=(process.pid,), name=f"end of {replica_id}", daemon=True
        ).start()
        self._rows.runs_as(replica_id, process.pid, processes.started_at(process.pid))

    def _attend(self, pid: int) -> None:
        processes.await_end(pid)
        self.on_end()

    def retire(self, replica_id: str) -> bool:
        """SIGTERM is the word for it: to drain is what a replica without jobs does at once."""
        with self._lock:
            if not self._rows.retire(replica_id):
                return False
            grace_s = self._settings.replica.grace_s
            self._kill_at[replica_id] = self._clock.monotonic() + grace_s + _KILL_AFTER_S
            if replica_id in self._own:
                self._own[replica_id].terminate()
            return True

    def drain(self, replica_id: str) -> bool:
        """No signal: that would be a stop, with a grace. It reads its row before it leases."""
        return self._rows.drains(replica_id)

    @property
    def is_empty(self) -> bool:
        """No process of ours, or of a supervisor before us, is left."""
        return not (self._own or self._inherited)

    def poll_exits(self) -> list[Exit]:
        """Those that are over since the last call; their rows say so from now on."""
        with self._lock:
            self._kill_stubborn()
            exits = []
            for replica_id, words, clean in self._over():
                self._tidy(replica_id)
                exits.append(self._bury(replica_id, words, clean=clean))
            return exits

    def _over(self) -> Iterator[tuple[str, str, bool]]:
        for replica_id, words in list(self._stillborn.items()):
            yield replica_id, words, False
        for replica_id, process in list(self._own.items()):
            if (code := processes.exit_code(process)) is not None:
                yield replica_id, self._words(replica_id, code), code == 0
        for replica_id, (pid, start) in list(self._inherited.items()):
            if not _runs(pid, start):
                yield replica_id, "ended unseen", False

    def _tidy(self, replica_id: str) -> None:
        """One that was killed could not tidy up after itself. Its process must be over."""
        shutil.rmtree(self._scratch / replica_id, ignore_errors=True)

    def _kill_stubborn(self) -> None:
        now = self._clock.monotonic()
        slept = self._jumps.look()
        if not self.is_empty and now >= self._listen_at and not slept:
            self._listen_at = now + _LISTEN_S
            since = self._clock.now() - self._silence.patience_s
            for replica_id in self._silence.hanging(
                lambda: self._rows.silent(since=since), now=now
            ):
                self._kill_at.setdefault(replica_id, now)
        for replica_id, kill_at in self._kill_at.items():
            if now < kill_at:
                continue
            if replica_id in self._own:
                processes.kill_group(self._own[replica_id].pid)
            elif replica_id in self._inherited and _runs(*self._inherited[replica_id]):
                processes.kill_group(self._inherited[replica_id][0])

    def _words(self, replica_id: str, code: int) -> str:
        said = processes.last_line(self._log(replica_id)) if code else ""
        return f"{processes.exit_words(code)} ({said})" if said else processes.exit_words(code)

    def _bury(self, replica_id: str, words: str, *, clean: bool = False) -> Exit:
        # The row first: one that stays open is capacity, and whom we forgot nobody would bury.
        fate = self._rows.end(replica_id, words, clean=clean, now=self._clock.now())
        for known in (self._own, self._inherited, self._stillborn, self._kill_at):
            known.pop(replica_id, None)
        if fate.error:
            event(
                "replica.ended",
                level=logging.WARNING,
                replica=replica_id,
                worker=fate.worker,
                stage=fate.stage,
                error=fate.error,
                log=self._log(replica_id),
            )
        return Exit(replica_id, fate.worker, fate.stage)

    def recover(self) -> list[str]:
        """Called once, before anything is started: close the rows a dead supervisor left open.

        Returns the replicas that are over, whose jobs must be freed. Those that still run have
        read end-of-file and drain: they are watched until they go, and are no capacity.
        """
        over = []
        with self._lock:
            for row in self._rows.open_rows():
                self._rows.drains(row.id)
                if row.pid and row.pid_started and _runs(row.pid, row.pid_started):
                    self._inherited[row.id] = (row.pid, row.pid_started)
                else:
                    self._bury(row.id, "ended unseen")
                    over.append(row.id)
                    if row.pid:
                        self._tidy(row.id)
        return over

    def stop_all(self, grace_s: float) -> list[Exit]:
        """SIGTERM to each, SIGKILL to what is left after the grace; afterwards none is left.

        ``hurry`` cuts the grace to what handing back takes: a replica reads a second SIGTERM so.
        """
        with self._lock:
            self._stopping = True
            with contextlib.suppress(Unavailable):  # they go all the same
                for replica_id in self._own:
                    self._rows.drains(replica_id)
        self._terminate()
        exits = self._wait(until=self._clock.monotonic() + grace_s, hurried=False)
        if self.hurry.is_set():
            self._terminate()
            exits += self._wait(until=self._clock.monotonic() + _HURRY_S, hurried=True)
        with self._lock:
            for process in self._own.values():
                processes.kill_group(process.pid)
                process.wait()
            for pid, start in self._inherited.values():
                if _runs(pid, start):
                    processes.kill_group(pid)
            exits += self._last_exits()
            self._close_pipe()
            # Nobody is left who works here; one whose process was never noted left this behind.
            shutil.rmtree(self._scratch, ignore_errors=True)
        return exits

    def _terminate(self) -> None:
        with self._lock:
            for process in self._own.values():
                process.terminate()

    def _wait(self, *, until: float, hurried: bool) -> list[Exit]:
        exits = self._last_exits()
        pause = threading.Event()
        while not self.is_empty and self._clock.monotonic() < until:
            if self.hurry.is_set() and not hurried:
                break
            pause.wait(_LOOK_S)
            exits += self._last_exits()
        return exits

    def _last_exits(self) -> list[Exit]:
        """What cannot be written down now is found by whoever comes next: :meth:`recover`."""
        try:
            return self.poll_exits()
        except Unavailable:
            return []

    def _close_pipe(self) -> None:
        for fd in self._pipe or ():
            os.close(fd)
        self._pipe = None

    def forget(self, *, ended_before: float) -> int:
        """Delete old rows but the newest cold starts of each worker; how many."""
        return self._rows.forget(ended_before=ended_before)

    def _log(self, replica_id: str) -> Path:
        return self._logs / f"{replica_id}.log"

    def _trim_logs(self) -> None:
        logs = sorted(self._logs.glob("*.log"), key=lambda log: log.stat().st_mtime, reverse=True)
        in_use = {self._log(replica_id) for replica_id in self._own}
        for log in logs[MAX_LOGS:]:
            if log not in in_use:
                log.unlink(missing_ok=True)


def _runs(pid: int, start: float) -> bool:
    return processes.started_at(pid) == start
