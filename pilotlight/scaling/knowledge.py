"""What is known of one worker: how long its jobs, its cold starts and its pauses take.

Bounded whatever happens, and small enough to be written down each minute.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.stages import CAPACITY, STAGES
from pilotlight.scaling.gaps import ENOUGH, Gaps
from pilotlight.scaling.sketch import Sketch

if TYPE_CHECKING:
    from pilotlight.ports.fleet import ColdStart

MOST_RANKS: Final = 32
"""Ranks beyond are kept like this one."""
ENOUGH_JOBS: Final = 3
"""Before so many have run, their length is not known."""
DAY_S: Final = 86400.0
_NEWS: Final = 0.1
"""What the newest cold start weighs in the burden."""


class Prior:
    """What all workers have in common, for one of which too little is known yet."""

    def __init__(self) -> None:
        self.gaps = Gaps()
        """Of first ranks."""
        self.service = Sketch()


class Knowledge:
    """Told of what happens to one worker, in order of time."""

    def __init__(self, prior: Prior | None = None) -> None:
        self._service = Sketch()
        self.start = Sketch()
        """Until the process loads: capacity, and the process."""
        self.load = Sketch()
        """The load itself."""
        self.stages: dict[str, Sketch] = {}
        """The whole of it taken apart, by stage: never more than there are stages."""
        self.expected_s: float | None = None
        """How long those that wait now will run, on average, where that is known for each."""
        self._prior = prior
        self._gaps: dict[int, Gaps] = {}
        self._below: dict[int, float] = {}
        """Since when fewer than this many replicas are needed."""
        self._needed = 0
        self._spent: tuple[int, float] = (0, 0.0)
        """The day (since the epoch) and the replica-seconds of it."""
        self._counted_at: float | None = None
        self.burden = 1.0
        """Jobs that wait through a whole cold start from zero, on average: 1 for the first alone."""
        self._cold: tuple[float, int, float] | None = None
        """Since the jobs met no ready replica: last look, jobs waiting then, seconds waited."""
        self.cold_at = 0.0
        """When the newest cold start that was learned from was over."""

    def started(self, cold: ColdStart, ready_at: float) -> None:
        self.start.add(cold.start_s)
        self.load.add(cold.load_s)
        for name, took_s in {CAPACITY: cold.start_s, **cold.took}.items():
            if name in STAGES:
                self.stages.setdefault(name, Sketch()).add(took_s)
        self.cold_at = max(self.cold_at, ready_at)

    @property
    def cold_s(self) -> float | None:
        """A whole cold start; None before the first."""
        start, load = self.start.mean_s, self.load.mean_s
        return None if start is None or load is None else start + load

    def finished(self, service_s: float) -> None:
        """A job ran for so long."""
        self._service.add(service_s)
        if self._prior is not None:
            self._prior.service.add(service_s)

    @property
    def is_own(self) -> bool:
        """Whether enough of this worker's own jobs have run to say how long they take."""
        return self._service.count >= ENOUGH_JOBS

    @property
    def service_s(self) -> float | None:
        """A job's run, on average; before enough have run, what is usual elsewhere, or None."""
        if self.expected_s is not None:
            return self.expected_s
        if self.is_own:
            return self._service.mean_s
        return self._prior.service.quantile_s(0.5) if self._prior is not None else None

    def left_s(self, passed_s: float) -> float:
        """How much longer a job runs that has run so long."""
        if not self.is_own:
            return max(self.service_s or 0.0, passed_s)
        return self._service.left_s(passed_s) or 0.0

    def needs(self, replicas: int, now: float) -> None:
        """So many replicas have something to do from now on."""
        before, self._needed = self._needed, replicas
        for rank in range(before + 1, min(replicas, MOST_RANKS) + 1):
            since = self._below.pop(rank, None)
            if since is not None:
                self._learn(rank, now - since)
        for rank in range(replicas + 1, min(before, MOST_RANKS) + 1):
            self._below[rank] = now

    def was_needed(self, at: float) -> None:
        """One replica had something to do for a moment that nobody saw."""
        since = self._below.get(1)
        if since is not None and at > since:
            self._learn(1, at - since)
            self._below[1] = at

    def waits(self, queued: int, now: float, *, warm: bool) -> None:
        """So many jobs wait from now on. ``warm``: a replica is ready for them."""
        cold = self._cold
        if cold is not None:
            at, waited, sum_s = cold
            cold = (now, queued, sum_s + waited * (now - at))
        if not warm:
            self._cold = cold or ((now, queued, 0.0) if queued else None)
            return
        if cold is not None and self.cold_s:
            self.burden += _NEWS * (max(1.0, cold[2] / self.cold_s) - self.burden)
        self._cold = None

    def _learn(self, rank: int, gap_s: float) -> None:
        self._gaps.setdefault(rank, Gaps()).add(gap_s)
        if rank == 1 and self._prior is not None:
            self._prior.gaps.add(gap_s)

    def gaps(self, rank: int) -> Gaps | None:
        """Of this rank; while it has too few, of all workers' first ranks; None if those do too."""
        own = self._gaps.get(min(rank, MOST_RANKS))
        if own is not None and len(own) >= ENOUGH:
            return own
        if rank == 1 and self._prior is not None and len(self._prior.gaps) >= ENOUGH:
            return self._prior.gaps
        return None

    def timer(self) -> tuple[float, float, float] | None:
        """Since when nothing is needed, and the least and the most it was needed after, lately."""
        since, gaps = self._below.get(1), self._gaps.get(1)
        spread = gaps.regular() if gaps else None
        return None if since is None or spread is None else (since, *spread)

    def ran(self, replicas: int, now: float) -> None:
        """So many replicas live now; what they cost since the last call is added to the day."""
        before, self._counted_at = self._counted_at, now
        if before is not None and now > before:
            day, spent_s = int(now // DAY_S), self._spent[1]
            if day != self._spent[0]:
                spent_s, before = 0.0, max(before, day * DAY_S)
            self._spent = (day, spent_s + replicas * (now - before))

    def spent_hours(self, now: float) -> float:
        """Replica-hours of this day, UTC."""
        return self._spent[1] / 3600 if self._spent[0] == int(now // DAY_S) else 0.0

    def dump(self) -> str:
        """JSON text, some kilobytes at most for a worker with one replica."""
        body = {
            "service": self._service.dump(),
            "start": self.start.dump(),
            "load": self.load.dump(),
            "stages": {name: one.dump() for name, one in self.stages.items()},
            "gaps": {str(rank): gaps.dump() for rank, gaps in self._gaps.items()},
            "below": {str(rank): since for rank, since in self._below.items()},
            "needed": self._needed,
            "spent": self._spent,
            "burden": self.burden,
            "cold_at": self.cold_at,
        }
        return json.dumps(body, separators=(",", ":"))

    @classmethod
    def read(cls, text: str, prior: Prior | None = None) -> Knowledge:
        body: dict[str, Any] = json.loads(text)
        made = cls(prior)
        made._service = Sketch.read(body["service"])
        made.start, made.load = Sketch.read(body["start"]), Sketch.read(body["load"])
        made.stages = {
            name: Sketch.read(counts)
            for name, counts in body.get("stages", {}).items()
            if name in STAGES
        }
        made._gaps = {int(rank): Gaps.read(values) for rank, values in body["gaps"].items()}
        made._below = {int(rank): since for rank, since in body["below"].items()}
        made._needed, made.cold_at = body["needed"], body["cold_at"]
        made.burden = body["burden"]
        day, spent_s = body["spent"]
        made._spent = (day, spent_s)
        if prior is not None and 1 in made._gaps:
            for gap_s in body["gaps"]["1"]:
                prior.gaps.add(gap_s)
        return made
