"""A caller's hold on a job: look, wait, follow, read, cancel."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pilotlight.contracts import moves
from pilotlight.contracts.job import READY, JobError
from pilotlight.errors import AlreadyFinished, Problem, UnknownJob
from pilotlight.intake import cold_start, outputs

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from pilotlight.contracts.job import Job
    from pilotlight.intake.cold_start import ColdStage
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.feed import Announcer, Entry, Feed, FeedKind, Watch
    from pilotlight.ports.fleet import Fleet
    from pilotlight.ports.overrules import Overrules
    from pilotlight.ports.queue import QueueSender
    from pilotlight.ports.store import JobStore

T = TypeVar("T")


def _nothing(_job: Job) -> None:
    """Nothing was begun elsewhere."""


_YOUNG_S = 0.1
_MOMENT_S = 0.05
"""A look at a job younger than the first waits this long for its end: fal's clients ask at once
and then sleep 100 or 500 ms, so a model that takes 20 ms would seem to take that long."""
_PAGE = 1000
"""Feed entries read at a time."""
_LOOK_S = 1.0
"""A follower looks at least this often, for what no announcement tells: places in the queue."""


@dataclass(frozen=True, slots=True)
class View:
    job: Job
    position: int | None
    """Jobs before it; None when it does not wait."""
    cold: ColdStage | None
    """The cold start it waits for, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    store: JobStore
    queue: QueueSender
    feed: Feed
    watch: Watch
    announcer: Announcer
    fleet: Fleet
    blobs: Blobs
    clock: Clock
    let_go: Callable[[Job], None] = _nothing
    """Told of a cancelled job that left a note."""
    fleet_of: Callable[[str], str] = str
    """Of a worker: its own name, or that of the pool it is in."""
    overrules: Overrules | None = None

    def job(self, job_id: str, *, caller: str) -> Job:
        """Raises UnknownJob, for another caller's job too: an id tells nothing."""
        job = self.store.get(job_id)
        if job is None or job.caller != caller:
            raise UnknownJob("no such job", job_id=job_id)
        return job

    def view(self, job: Job) -> View:
        if job.status not in READY:
            return View(job, None, None)
        position = self.store.ahead_of(job)
        fleet = self.fleet_of(job.worker)
        said = None if self.overrules is None else self.overrules.read().get(fleet)
        if said is not None and said.paused:
            return View(job, position, cold_start.PAUSED)
        replicas = [replica for replica in self.fleet.replicas() if replica.worker == fleet]
        if any(replica.stage == "ready" for replica in replicas):
            cold = cold_start.switch(replicas, job.worker, now=self.clock.now())
            return View(job, position, cold)
        history = self.fleet.cold_starts(fleet)
        return View(job, position, cold_start.stage(replicas, history, now=self.clock.now()))

    def cancel(self, job_id: str, *, caller: str) -> Job:
        """T12: afterwards the job can never succeed. Raises UnknownJob, AlreadyFinished."""
        job = self.job(job_id, caller=caller)
        cancelled = self.store.move(job_id, moves.cancel(job, now=self.clock.now()))
        if cancelled is None:
            won = self.job(job_id, caller=caller).status
            raise AlreadyFinished(f"the job is already {won}", status=str(won), job_id=job_id)
        if cancelled.owner is not None:  # it may have been leased since it was read
            self.queue.poke(job.worker, job_id)
        self.announcer.changed([job_id])
        if cancelled.note is not None:
            self.let_go(cancelled)
        return cancelled

    async def wait(self, job_id: str, *, caller: str, timeout_s: float) -> Job:
        """The job, terminal or as it is when the time is over. Raises UnknownJob."""
        ends_at = self.clock.monotonic() + timeout_s
        async with self.watch.job(job_id) as changes:
            while True:
                job = await self._call(partial(self.job, job_id, caller=caller))
                left = ends_at - self.clock.monotonic()
                if job.status.is_terminal or left <= 0:
                    return job
                await changes.wait(left)

    async def glance(self, job: Job) -> Job:
        """The job as it is, after a moment if it may just be about to end. Raises UnknownJob."""
        young = self.clock.now() - job.created_at < _YOUNG_S
        if job.status.is_terminal or not young or self.store.remote:
            return job
        try:
            # A moment of the caller's own time: a clock that stands still must not hold them.
            async with asyncio.timeout(_MOMENT_S):
                return await self.wait(job.id, caller=job.caller, timeout_s=_MOMENT_S)
        except TimeoutError:
            return self.job(job.id, caller=job.caller)

    async def follow(
        self, job_id: str, *, caller: str, kinds: frozenset[FeedKind], after: int = 0
    ) -> AsyncGenerator[Entry | Job, None]:
        """Feed entries as they come, and the job each time it changed; ends with the terminal job.

        Entries up to the number ``after`` were seen before. Raises UnknownJob.
        """
        seq, before = after, None
        async with self.watch.job(job_id) as changes:
            while True:
                # Row first: whatever a terminal row was told before is in the feed by now.
                job, entries, face = await self._call(partial(self._news, job_id, caller, seq))
                for entry in entries:
                    seq = entry.seq
                    if entry.kind in kinds:
                        yield entry
                if len(entries) == _PAGE:
                    continue  # there may be more that the job was told before it changed
                if face != before:
                    before = face
                    yield job
                if job.status.is_terminal:
                    return
                await changes.wait(_LOOK_S)

    def _news(self, job_id: str, caller: str, seq: int) -> tuple[Job, list[Entry], object]:
        job = self.job(job_id, caller=caller)
        view = self.view(job)
        stage = (view.cold.stage, view.cold.step, view.cold.fraction) if view.cold else None
        face = (job.status, job.attempts, job.progress, view.position, stage)
        return job, self.feed.read(job_id, after=seq, limit=_PAGE), face

    async def _call(self, look: Callable[[], T]) -> T:
        return await asyncio.to_thread(look) if self.store.remote else look()

    def output(self, job: Job, *, base_url: str, inline: bool = False) -> bytes:
        """The output as JSON bytes, files as URLs or inline. Raises NotFinished."""
        return outputs.render(job, self.blobs, base_url=base_url, inline=inline)

    def error(self, job: Job) -> JobError:
        """Why a terminal job did not succeed."""
        fields = json.loads(job.error or "{}")
        fields["problems"] = tuple(
            Problem(**{**problem, "loc": tuple(problem["loc"])})
            for problem in fields.get("problems", ())
        )
        return JobError(**{"code": "internal_error", "message": "no reason was kept", **fields})
