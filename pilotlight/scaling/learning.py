"""What the controller sees becomes knowledge, and knowledge outlives the controller."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from pilotlight.observability.logs import event
from pilotlight.ports.fleet import ColdStart
from pilotlight.scaling.knowledge import Knowledge, Prior

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pilotlight.ports.learned import Learned, Warmth
    from pilotlight.scaling.scene import Snapshot

READ_S: Final = 2.0
"""Between two looks at what has finished and at what is to be kept warm."""
WRITE_S: Final = 60.0
PAGE: Final = 500
_SEQ: Final = "seq"


class Learner:
    """One thread at a time. Without ``learned`` nothing outlives it and no run is timed."""

    def __init__(
        self,
        learned: Learned | None,
        slots: Mapping[str, int],
        fleet_of: Callable[[str], str] = str,
    ) -> None:
        """``fleet_of`` a worker: its own name, or that of the pool it is in."""
        self._learned, self._slots, self._fleet_of = learned, slots, fleet_of
        self._prior = Prior()
        self._known: dict[str, Knowledge] = {}
        self._active: dict[str, float] = {}
        self._seq: int | None = None
        self._read_at, self._wrote_at = -math.inf, math.nan
        self._changed = self._behind = False
        self._is_read = False
        self.warmed: dict[str, Warmth] = {}

    def of(self, worker: str) -> Knowledge:
        known = self._known.get(worker)
        if known is None:
            known = self._known[worker] = Knowledge(self._prior)
        return known

    def usual_s(self, worker: str) -> float | None:
        """How long its own jobs run; None before enough have. Changes nothing, from any thread."""
        known = self._known.get(self._fleet_of(worker))
        return known.service_s if known is not None and known.is_own else None

    def refresh(self, now: float) -> None:
        """Read what others wrote: runs that are over, replicas to keep warm. Not at every look."""
        if self._learned is None or now < self._read_at + READ_S:
            return
        self._read_at = now
        if not self._is_read:
            self._is_read = True
            self._recall(self._learned)
        self.warmed = self._learned.warmed()
        self._catch_up(self._learned)

    def _catch_up(self, learned: Learned) -> None:
        """Whoever is a page behind goes on at the newest: a sample of what is true now will do."""
        seen = self._seq or 0
        runs = learned.finished(after=None if self._behind else self._seq, limit=PAGE)
        self._behind = len(runs) == PAGE
        for run in runs:
            self._seq = max(run.seq, seen)
            fleet = self._fleet_of(run.worker)
            if run.seq > seen and fleet in self._slots:
                self.of(fleet).finished(run.ended_at - run.started_at)
                self._changed = True

    def _recall(self, learned: Learned) -> None:
        for worker, text in learned.read().items():
            if worker not in self._slots:
                continue
            try:
                body: dict[str, Any] = json.loads(text)
                seq = body.pop(_SEQ)
                self._known[worker] = Knowledge.read(json.dumps(body), self._prior)
            except (ValueError, KeyError, TypeError, IndexError) as problem:
                # Written by another release: what it knew is learned again.
                event("scaling.forgotten", worker=worker, error=repr(problem))
                continue
            if seq is not None:
                self._seq = max(self._seq or 0, seq)

    def observe(self, snapshots: Mapping[str, Snapshot], now: float) -> None:
        """Told of every worker that has jobs or replicas; the others have neither."""
        for worker, snapshot in snapshots.items():
            self._observe(worker, snapshot, now)
        for worker, known in self._known.items():
            if worker not in snapshots:
                known.needs(0, now)
                known.waits(0, now, warm=True)
                known.ran(0, now)
        self._changed = self._changed or bool(snapshots)
        self._write(now)

    def _observe(self, worker: str, snapshot: Snapshot, now: float) -> None:
        known, load = self.of(worker), snapshot.load
        for replica in snapshot.replicas:
            ready_at, loading_at = replica.ready_at, replica.loading_at
            if ready_at is not None and loading_at is not None and ready_at > known.cold_at:
                cold = ColdStart(loading_at - replica.asked_at, ready_at - loading_at, replica.took)
                known.started(cold, ready_at)
        active_at = max(
            (one.active_at for one in snapshot.replicas if one.active_at > (one.ready_at or 0.0)),
            default=0.0,
        )
        jobs = load.queued + load.running
        if not jobs and active_at > self._active.get(worker, now):
            known.was_needed(active_at)
        self._active[worker] = active_at
        known.needs(math.ceil(jobs / self._slots[worker]), now)
        warm = any(one.stage == "ready" for one in snapshot.replicas)
        known.waits(load.queued, now, warm=warm)
        known.ran(sum(one.ended_at is None for one in snapshot.replicas), now)

    def _write(self, now: float) -> None:
        if self._learned is None or not self._changed:
            return
        if math.isnan(self._wrote_at):
            self._wrote_at = now
        if now < self._wrote_at + WRITE_S:
            return
        self._wrote_at, self._changed = now, False
        texts = {worker: self._text(known) for worker, known in self._known.items()}
        self._learned.write(texts)

    def _text(self, known: Knowledge) -> str:
        return json.dumps({**json.loads(known.dump()), _SEQ: self._seq}, separators=(",", ":"))
