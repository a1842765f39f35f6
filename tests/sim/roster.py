"""The replicas' rows: the fleet's side and the replica's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pilotlight.execution.silence import Silence
from pilotlight.ports.fleet import LIVE, ColdStart, Replica

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pilotlight.ports.fleet import Stage
    from pilotlight.settings import LeaseSettings
    from tests.sim.process import Process
    from tests.sim.table import Table

RECENT_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Exit:
    replica_id: str


class Replicas:
    """Rows by id, oldest first."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.rows: dict[str, Replica] = {}

    def _put(self, row: Replica) -> None:
        before = self.rows.get(row.id)
        self.rows[row.id] = row
        if before is not None:
            self._table.undo_with(lambda: self.rows.__setitem__(row.id, before))

    def add(self, replica_id: str, worker: str, slots: int, now: float) -> None:
        row = Replica(id=replica_id, worker=worker, stage="starting", slots=slots, asked_at=now)
        self._put(row)

    def report(self, replica_id: str, stage: Stage, now: float, error: str) -> None:
        row = self.rows[replica_id]
        last = stage in ("failed", "gone")
        if row.ended_at is not None or (row.stage == "draining" and not last):
            return
        changes: dict[str, object] = {"stage": stage, "error": error or None, "seen_at": now}
        if stage == "loading":
            changes["loading_at"] = row.loading_at or now
        elif stage == "ready":
            changes |= {"ready_at": row.ready_at or now, "active_at": max(row.active_at, now)}
        elif last:
            changes["ended_at"] = now
        self._put(replace(row, **changes))  # type: ignore[arg-type]

    def seen(self, replica_id: str, now: float) -> bool:
        self._put(replace(self.rows[replica_id], seen_at=now))
        return self.rows[replica_id].stage != "draining"

    def may_lease(self, replica_id: str, now: float) -> bool:
        row = self.rows[replica_id]
        if row.stage != "ready":
            return False
        self._put(replace(row, active_at=now))
        return True

    def retire(self, replica_id: str) -> bool:
        row = self.rows[replica_id]
        if row.stage not in LIVE or self._table.held_by(replica_id):
            return False
        self._put(replace(row, stage="draining"))
        return True

    def drain(self, replica_id: str) -> bool:
        row = self.rows[replica_id]
        if row.stage not in LIVE:
            return False
        self._put(replace(row, stage="draining"))
        return True

    def end(self, replica_id: str, now: float, *, clean: bool) -> None:
        """Its process is gone: the row says how, as the local fleet's does."""
        row = self.rows[replica_id]
        served = row.stage == "ready" and (clean or row.active_at > (row.ready_at or 0))
        stage: Stage = "gone" if row.stage in ("draining", "gone") or served else "failed"
        ended_at = row.ended_at if row.ended_at is not None else now
        self._put(replace(row, stage=stage, ended_at=ended_at))

    def silent(self, since: float) -> list[str]:
        return [
            row.id
            for row in self.rows.values()
            if row.ended_at is None and row.seen_at is not None and row.seen_at < since
        ]

    def recent(self, now: float) -> list[Replica]:
        return [r for r in self.rows.values() if r.ended_at is None or r.ended_at > now - RECENT_S]

    def forget(self, ended_before: float) -> int:
        old = [
            r.id for r in self.rows.values() if r.ended_at is not None and r.ended_at < ended_before
        ]
        for replica_id in old:
            del self.rows[replica_id]
        return len(old)


class SimRoster:
    """A replica's own side."""

    def __init__(self, replicas: Replicas, process: Process) -> None:
        self._replicas, self._call = replicas, process.call

    def report(self, replica_id: str, stage: Stage, *, now: float, error: str = "") -> None:
        self._call("roster.report", self._replicas.report, replica_id, stage, now, error)

    def seen(self, replica_id: str, *, now: float) -> bool:
        return self._call("roster.seen", self._replicas.seen, replica_id, now)

    def may_lease(self, replica_id: str, *, now: float, leases: int = 1) -> bool:
        return self._call("roster.may_lease", self._replicas.may_lease, replica_id, now)


class SimFleet:
    """The scaler's side, as one process sees it; who hangs is for the product's code to say."""

    def __init__(
        self,
        replicas: Replicas,
        process: Process,
        *,
        launch: Callable[[str], None],
        terminate: Callable[[str], None],
        kill: Callable[[str], bool],
        lease: LeaseSettings,
        exits: Callable[[], Sequence[str]],
    ) -> None:
        self._replicas, self._process = replicas, process
        self._launch, self._terminate, self._exits = launch, terminate, exits
        self._kill, self._silence = kill, Silence(lease)

    def replicas(self) -> list[Replica]:
        now = self._process.clock.now()
        return self._process.call("roster.recent", self._replicas.recent, now)

    def start(self, worker: str, count: int) -> None:
        for _ in range(count):
            self._process.call("fleet.start", self._launch, worker)

    def retire(self, replica_id: str) -> bool:
        done = self._process.call("roster.retire", self._replicas.retire, replica_id)
        if done:
            self._terminate(replica_id)
        return done

    def drain(self, replica_id: str) -> bool:
        return self._process.call("roster.drain", self._replicas.drain, replica_id)

    def cold_starts(self, worker: str, *, limit: int = 20) -> list[ColdStart]:
        return []

    # As upkeep sees a fleet of its own processes

    @property
    def is_empty(self) -> bool:
        return all(row.ended_at is not None for row in self._replicas.rows.values())

    def poll_exits(self) -> list[Exit]:
        call, now = self._process.call, self._process.clock.now()
        since = now - self._silence.patience_s
        hanging = self._silence.hanging(
            lambda: call("roster.silent", self._replicas.silent, since), now=now
        )
        over = [*self._exits(), *filter(self._kill, hanging)]
        for replica_id in over:
            self._replicas.end(replica_id, self._process.clock.now(), clean=False)
        return [Exit(replica_id) for replica_id in over]

    def forget(self, *, ended_before: float) -> int:
        return self._replicas.forget(ended_before)
