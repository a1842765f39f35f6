"""What there is to measure now: the rows and the fleet, as figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.job import HELD, Job
from pilotlight.observability.metrics import Figures, WorkerFigures
from pilotlight.ports.ends import Ended
from pilotlight.ports.fleet import Replica
from pilotlight.ports.store import Load

_MOST: Final = 100
"""Rows that are counted; beyond that it is bad enough."""
_LATER: Final = 1e12
"""After all times: webhooks that are due some day."""


@dataclass(slots=True)
class Measure:
    """One thread at a time. Whatever happens since a look is what happened since the last call."""

    services: Services
    _since: float | None = None
    letters: int = 0
    """Dead letters that were taken out since the last call."""

    def __call__(self, now: float) -> Figures:
        services = self.services
        since, self._since = self._since or now - 60.0, now
        letters, self.letters = self.letters, 0
        due = services.store.due(now=now, limit=_MOST)
        webhooks = services.store.webhooks_due(now=_LATER, limit=_MOST)
        overdue = [now - job.webhook_due for job in webhooks if job.webhook_due is not None]
        return Figures(
            at=now,
            workers=self._workers(now, since),
            overdue_s=max((now - (job.due_at or now) for job in due), default=0.0),
            overdue_leases=sum(_is_over(job, now) for job in due),
            webhook_overdue_s=max(0.0, *overdue, 0.0),
            webhooks_failing=sum(job.webhook_tries > 0 for job in webhooks),
            dead_letters=letters,
        )

    def _workers(self, now: float, since: float) -> dict[str, WorkerFigures]:
        services = self.services
        loads, replicas = services.store.load(now=now), services.fleet.replicas()
        ends = services.ends.fresh()
        said, fleet_of = services.control.overrules, services.control.fleet_of
        paused = None if said is None else {name for name, one in said.read().items() if one.paused}
        # Jobs are counted by worker, replicas by fleet: a pool has a line of its own.
        return {
            name: replace(
                figures_of(
                    loads.get(name, Load()),
                    [one for one in replicas if one.worker == name],
                    ends.get(name, Ended()),
                    now=now,
                    since=since,
                ),
                paused=None if paused is None else fleet_of(name) in paused,
            )
            for name in (*services.catalogue.workers, *services.controller.pools.members)
        }


def _is_over(job: Job, now: float) -> bool:
    return job.status in HELD and (job.lease_until or now) < now


def figures_of(
    load: Load, replicas: list[Replica], ended: Ended, *, now: float, since: float
) -> WorkerFigures:
    oldest = load.oldest_queued_at
    return WorkerFigures(
        queued=load.queued,
        running=load.running,
        oldest_queued_s=0.0 if oldest is None else max(0.0, now - oldest),
        starting=sum(one.stage in ("starting", "loading") for one in replicas),
        ready=sum(one.stage == "ready" for one in replicas),
        load_failures=sum(
            one.stage == "failed" and (one.ended_at or 0.0) > since for one in replicas
        ),
        succeeded=ended.succeeded,
        failed=ended.failed,
    )


@dataclass(slots=True)
class Totals:
    """The same with counters that only rise, as Prometheus wants them."""

    measure: Measure
    _sums: dict[str, WorkerFigures] = field(default_factory=dict)
    _letters: int = 0

    def __call__(self, now: float) -> Figures:
        figures = self.measure(now)
        self._letters += figures.dead_letters
        workers: Mapping[str, WorkerFigures] = {
            name: self._added(name, one) for name, one in figures.workers.items()
        }
        return replace(figures, workers=workers, dead_letters=self._letters)

    def _added(self, name: str, one: WorkerFigures) -> WorkerFigures:
        before = self._sums.get(name, WorkerFigures())
        self._sums[name] = total = replace(
            one,
            load_failures=before.load_failures + one.load_failures,
            succeeded=before.succeeded + one.succeeded,
            failed=before.failed + one.failed,
        )
        return total
