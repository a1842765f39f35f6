"""Group commit: every submit of one event-loop tick shares a transaction and a disk sync.

A commit costs microseconds, a sync much more; so the row is committed and its worker woken at
once, and only the answer to the caller waits until the log is on disk.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pilotlight.contracts import moves
from pilotlight.contracts.message import JobMessage
from pilotlight.errors import PilotlightError, Unavailable
from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.job import Job
    from pilotlight.ports.fleet import Lighter
    from pilotlight.ports.queue import QueueSender
    from pilotlight.ports.store import Created, JobStore

    Waiting = tuple[Job, asyncio.Future[Created]]


class Recorder:
    """Records jobs durably, then says so: ``await recorder.record(job)``."""

    def __init__(
        self, store: JobStore, queue: QueueSender, lighter: Lighter, *, resend_s: float
    ) -> None:
        self._store, self._queue, self._lighter = store, queue, lighter
        self._resend_s = resend_s
        self._batch: list[Waiting] = []
        self._syncing: list[tuple[asyncio.Future[Created], Created]] = []
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._busy = False

    async def record(self, job: Job) -> Created:
        """T1 and the message; returns once the row survives a power cut."""
        if self._store.remote:
            (created,) = await asyncio.to_thread(self._write, [job])
            return created
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Created] = loop.create_future()
        if not self._batch:
            loop.call_soon(self._flush, loop)
        self._batch.append((job, future))
        return await future

    def _write(self, jobs: Sequence[Job]) -> list[Created]:
        outcome = self._store.create(jobs)
        fresh = [created.job for created in outcome if not created.existed]
        for job in {job.worker: job for job in fresh}.values() if self._rides else fresh:
            self._send(job)
        return outcome

    @property
    def _rides(self) -> bool:
        return self._queue.rides_on_store

    def _send(self, job: Job) -> None:
        try:
            self._queue.send(JobMessage(job_id=job.id, worker=job.worker))
            if not self._rides:
                due = min(job.start_by, job.created_at + self._resend_s)
                self._store.move(job.id, moves.queued(job, due_at=due))
        except Unavailable as error:
            # The row is durable and due: upkeep sends it, so the caller has been heard.
            logs.event("queue.unavailable", job_id=job.id, error=str(error))
        self._lighter.light(job.worker)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._batch = self._batch, []
        try:
            outcome = self._write([job for job, _ in batch])
        except (PilotlightError, OSError) as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        answers = zip((future for _, future in batch), outcome, strict=True)
        self._syncing.extend(answers)
        self._sync(loop)

    def _sync(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._busy or not self._syncing:
            return
        group, self._syncing = self._syncing, []
        self._busy = True

        def done(sync: asyncio.Future[None]) -> None:
            self._busy = False
            error = sync.exception()
            for future, created in group:
                if future.done():
                    continue
                if error is not None:
                    future.set_exception(error)
                else:
                    future.set_result(created)
            self._sync(loop)

        loop.run_in_executor(self._syncer, self._store.harden).add_done_callback(done)
