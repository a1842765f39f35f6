"""Tell replicas, or the queue, of jobs that may be leased now: what a submit does for one job."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight.contracts import moves
from pilotlight.contracts.job import READY
from pilotlight.contracts.message import JobMessage
from pilotlight.errors import Unavailable
from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.job import Job
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.fleet import Lighter
    from pilotlight.ports.queue import QueueSender
    from pilotlight.ports.store import JobStore
    from pilotlight.settings import JobSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Waker:
    """The rows are there before: what is lost here is sent by upkeep."""

    store: JobStore
    queue: QueueSender
    lighter: Lighter
    clock: Clock
    settings: JobSettings
    at_once: int = 16
    """Messages sent at a time, where each is a request."""

    def due_at(self, start_by: float) -> float:
        """When upkeep has to look at a job that may be leased from now on."""
        if self.queue.rides_on_store:
            return start_by
        return min(start_by, self.clock.now() + self.settings.accept_s)

    def __call__(self, jobs: Sequence[Job]) -> None:
        ready = [job for job in jobs if job.status in READY]
        first = list({job.worker: job for job in ready}.values())
        if self.queue.rides_on_store:
            for job in first:
                self._send(job)
        elif len(ready) > 1 and self.at_once > 1:
            with ThreadPoolExecutor(self.at_once, thread_name_prefix="members") as pool:
                list(pool.map(self._sent, ready))
        else:
            for job in ready:
                self._sent(job)
        for job in first:
            self.lighter.light(job.worker)

    def _sent(self, job: Job) -> None:
        if self._send(job):
            due_at = min(job.start_by, self.clock.now() + self.settings.resend_s)
            self.store.move(job.id, moves.queued(job, due_at=due_at))

    def _send(self, job: Job) -> bool:
        try:
            self.queue.send(JobMessage(job_id=job.id, worker=job.worker, caller=job.caller))
        except Unavailable as error:
            logs.event("queue.unavailable", job_id=job.id, error=str(error))
            return False
        return True
