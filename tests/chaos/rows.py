"""What the rows of a running product say, and the processes behind them: read from outside."""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import signal


@dataclass(frozen=True)
class Rows:
    """The job table of one data folder; any thread."""

    data: Path

    def __call__(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.data / "jobs.db", timeout=30)) as database:
            return database.execute(sql, args).fetchall()

    def one(self, sql: str, *args: Any) -> Any:
        """The first value of the first row, None without one."""
        found = self(sql, *args)
        return found[0][0] if found else None

    def waiting(self) -> int:
        """Jobs that are not over: only those have a ``due_at``."""
        return int(self.one("SELECT count(*) FROM job WHERE due_at IS NOT NULL"))

    def webhooks_due(self) -> int:
        return int(self.one("SELECT count(*) FROM job WHERE webhook_due IS NOT NULL"))

    def outcomes(self, job_id: str) -> list[str]:
        found = self("SELECT outcome FROM attempt WHERE job_id = ? ORDER BY seq", job_id)
        return [outcome for (outcome,) in found]

    def replicas(self, worker: str) -> list[tuple[str, int]]:
        """Id and process of those that serve now; a row whose process is another's is left out."""
        found = self(
            "SELECT id, pid FROM replica WHERE worker = ? AND stage = 'ready' "
            "AND ended_at IS NULL AND pid IS NOT NULL ORDER BY id",
            worker,
        )
        return [(replica_id, pid) for replica_id, pid in found if _is(pid, replica_id)]

    def holder(self, job_id: str) -> tuple[str, int] | None:
        """The replica that runs the job, and its parent's process."""
        found = self(
            "SELECT replica.id, replica.pid FROM replica JOIN job ON job.owner = replica.id "
            "WHERE job.id = ? AND job.status IN ('running', 'storing') AND pid IS NOT NULL",
            job_id,
        )
        return found[0] if found and _is(found[0][1], found[0][0]) else None


def _is(pid: int, replica_id: str) -> bool:
    """Ids of processes are given out again: never signal a stranger."""
    with contextlib.suppress(OSError):
        return replica_id.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def children(pid: int) -> list[int]:
    """Whichever thread has started them."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(child) for child in (task / "children").read_text().split()]
    return sorted(found)


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def send(pid: int, number: signal.Signals) -> bool:
    """Signal it; whether it was still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def confine(pid: int) -> None:
    """From now on it can make no file longer, as on a full disk. Raises ProcessLookupError."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))


def let_go(pid: int) -> None:
    """Give the process its room back, and those that it has started meanwhile."""
    for child in children(pid):
        let_go(child)
    with contextlib.suppress(ProcessLookupError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
