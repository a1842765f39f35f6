"""Group commit: every submit of one event-loop tick shares a transaction and a disk sync.

A commit costs microseconds, a sync much more; so the row is committed and its worker woken at
once, and only the answer to the caller waits until the log is on disk.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import moves
from pilotlight.contracts.message import JobMessage
from pilotlight.errors import Unavailable
from pilotlight.observability import logs, trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.job import Job
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.fleet import Lighter
    from pilotlight.ports.queue import QueueSender
    from pilotlight.ports.store import Created, JobStore

    Waiting = tuple[Job, asyncio.Future[Created]]
    Answer = tuple[asyncio.Future[Created], Created]

QUICK_SYNC_S: Final = 0.001
"""A sync quicker than this is done on the event loop: handing it to a thread costs more."""
SLOW_FOR: Final = 64
"""So many syncs go to the thread after a slow one; then the disk is tried again."""


class Recorder:
    """Records jobs durably, then says so: ``await recorder.record(job)``."""

    def __init__(
        self,
        store: JobStore,
        queue: QueueSender,
        lighter: Lighter,
        *,
        clock: Clock,
        resend_s: float,
    ) -> None:
        self._store, self._queue, self._lighter = store, queue, lighter
        self._clock, self._resend_s = clock, resend_s
        self._batch: list[Waiting] = []
        self._syncing: list[Answer] = []
        self._in_thread = 0
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
            self._queue.send(
                JobMessage(
                    job_id=job.id,
                    worker=job.worker,
                    caller=job.caller,
                    trace=trace.of(job.id, job.trace),
                )
            )
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
        except Exception as error:  # noqa: BLE001 - in its vendor's words: those who wait must hear
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
        if not self._in_thread:
            self._answer(group, self._hardened_here())
            return
        self._in_thread -= 1
        self._busy = True

        def done(sync: asyncio.Future[OSError | None]) -> None:
            self._busy = False
            self._answer(group, sync.result())
            self._sync(loop)

        loop.run_in_executor(self._syncer, self._hardened).add_done_callback(done)

    def _hardened_here(self) -> OSError | None:
        """Sync on the event loop; a slow disk sends the next ones to the thread."""
        began = self._clock.monotonic()
        error = self._hardened()
        if self._clock.monotonic() - began > QUICK_SYNC_S:
            self._in_thread = SLOW_FOR
        return error

    def _hardened(self) -> OSError | None:
        """What went wrong, if anything."""
        try:
            self._store.harden()
        except OSError as error:
            return error
        return None

    def _answer(self, group: list[Answer], error: OSError | None) -> None:
        for future, created in group:
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(created)
