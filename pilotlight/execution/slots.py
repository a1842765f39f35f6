"""The attempts that a replica has in hand, and what befalls them.

Deadlines, rows and what the child says (:mod:`.hearing`) come in; what comes out are outcomes to
write, words for the child and entries for the feed. No row is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.contracts import events
from pilotlight.contracts.routes import own_id
from pilotlight.errors import ReplicaFailure, RunTimeout
from pilotlight.execution import retry
from pilotlight.execution.attempt import (
    HANDED_BACK,
    OUT_OF_TIME,
    Attempt,
    GaveUp,
    HandedBack,
    Stage,
    Succeeded,
    TryAgain,
)
from pilotlight.execution.attempt_files import AttemptFiles
from pilotlight.execution.deadlines import RunTimes, lease_times
from pilotlight.execution.feed_buffer import FeedBuffer
from pilotlight.execution.retry import Failure, Retry, RetryBudget
from pilotlight.observability import logs, trace

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pilotlight.contracts.events import Event
    from pilotlight.contracts.job import Job
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.background import Background
    from pilotlight.execution.deadlines import LeaseTimes
    from pilotlight.execution.replica_ports import ReplicaPorts
    from pilotlight.ports.queue import Delivery

_OVER_BUDGET_S: Final = 60
"""Least wait of a retry that the budget has no room for."""


class Slots:
    """``say`` reaches the child."""

    def __init__(
        self,
        spec: WorkerSpec,
        ports: ReplicaPorts,
        *,
        background: Background,
        scratch: Path,
        rng: random.Random,
        say: Callable[[Event], None],
    ) -> None:
        self._spec, self._ports, self._clock = spec, ports, ports.clock
        self._rng, self._say, self._background = rng, say, background
        self._files = AttemptFiles(
            spec, ports, background=background, scratch=scratch, fail=self.fail
        )
        self._attempts: dict[str, Attempt] = {}
        self._budget = RetryBudget()
        self._untidy = False
        self.has_run = False
        """Whether the child that runs now was given any job."""
        self.run_times = RunTimes()
        self.buffer = FeedBuffer()

    # What is here

    def __iter__(self) -> Iterator[Attempt]:
        return iter(list(self._attempts.values()))

    def find(self, job_id: str) -> Attempt | None:
        return self._attempts.get(job_id)

    def __getitem__(self, job_id: str) -> Attempt:
        return self._attempts[job_id]

    @property
    def ids(self) -> set[str]:
        return set(self._attempts)

    @property
    def free(self) -> int:
        """Slots that may take a job; outputs that wait to be stored hold new jobs up too."""
        taken = sum(attempt.takes_slot for attempt in self._attempts.values())
        storing = len(self._attempts) - taken
        if storing > self._spec.jobs_per_replica + 2:
            return 0
        return self._spec.jobs_per_replica - taken

    @property
    def in_child(self) -> list[Attempt]:
        return [attempt for attempt in self._attempts.values() if attempt.in_child]

    def to_settle(self) -> list[Attempt]:
        return [a for a in self._attempts.values() if a.outcome is not None and not a.over]

    def to_store(self) -> list[Attempt]:
        """Those whose T5 is still to be written."""
        return [a for a in self._held() if a.stage is Stage.STORING and a.store_at is None]

    def to_note(self) -> list[Attempt]:
        """Those whose note is to be written, while the row is theirs."""
        return [a for a in self._attempts.values() if a.said is not None and not a.over]

    def to_beat(self, now: float) -> list[Attempt]:
        """All that are held as soon as one is due: one write serves them all."""
        held = self._held()
        return held if any(attempt.beat_at <= now for attempt in held) else []

    def _held(self) -> list[Attempt]:
        return [attempt for attempt in self._attempts.values() if attempt.may_end]

    def lease_times(self) -> LeaseTimes:
        expected = self.run_times.expected()
        return lease_times(
            self._ports.settings.lease,
            expected_s=self._spec.timeout_s if expected is None else expected,
        )

    # In and out

    def take(self, job: Job, delivery: Delivery, *, times: LeaseTimes, now: float) -> Attempt:
        """A job was leased: fetch its files or let it run."""
        folder = self._files.folder_of(job)
        began_at = self._clock.monotonic()  # not before the row's own count of it
        attempt = Attempt(job, delivery, folder, times, held_at=now, beat_at=now, began_at=began_at)
        self.set_beat(attempt, now)
        self._attempts[job.id] = attempt
        if job.attempts == 1:
            self._budget.started(now)
        self._files.fetch(attempt)
        return attempt

    def set_beat(self, attempt: Attempt, now: float) -> None:
        """The next beat, a fifth more or less: replicas started together drift apart."""
        attempt.beat_at = now + attempt.times.beat_s * self._rng.uniform(0.8, 1.2)

    def run_waiting(self, now: float) -> None:
        """Tell the child of every job that has everything it needs."""
        for attempt in self._held():
            if attempt.stage is Stage.WAITING:
                attempt.stage, attempt.in_child, attempt.run_at = Stage.RUNNING, True, now
                self.has_run = True
                self._say(_run(attempt, own_id(self._spec, attempt.job.endpoint)))

    def store(self, attempt: Attempt, now: float) -> None:
        """T5 is written: bring the files away."""
        attempt.store_at = now
        self._files.store(attempt)

    def save(self, attempt: Attempt, path: str) -> None:
        """Keep this checkpoint, and tell the child how that went."""

        def told(problem: str) -> None:
            if attempt.in_child:
                self._say(events.Saved(attempt.id, problem))

        self._files.save(attempt, path, told=told)

    def drop_gone(self, now: float) -> None:
        """Forget attempts nothing refers to, and soon afterwards their scratch files."""
        for attempt in [a for a in self._attempts.values() if a.gone]:
            del self._attempts[attempt.id]
            if attempt.ended and attempt.has_checkpoint:
                self._files.forget_checkpoint(attempt.job)
            self.buffer.forget(attempt.id)
            self._untidy = True
        if self._untidy and self._files.tidy(self._attempts, now=now):
            self._untidy = False

    # How attempts end

    def noted(self, attempt: Attempt) -> None:
        """Its note is in the row, and durable."""
        attempt.said = None
        if attempt.in_child:
            self._say(events.Noted(attempt.id))

    def settled(self, attempt: Attempt) -> None:
        """The row has its end."""
        attempt.over = True
        attempt.ended = not isinstance(attempt.outcome, TryAgain | HandedBack)
        if attempt.ended and attempt.died and attempt.job.note is not None:
            self._let_go(attempt.job)

    def _let_go(self, job: Job) -> None:
        def then(error: BaseException | None) -> None:
            if error is not None:
                logs.event("job.not_let_go", job_id=job.id, worker=job.worker, error=str(error))

        self._background.do(lambda: self._ports.let_go(job), then)

    def forsake(self, attempt: Attempt, *, why: str, ended: bool = False) -> None:
        """The row is not ours any more: stop it, keep nothing of it.

        ``ended``: the row is terminal, so that nobody else goes on with the job either.
        """
        job = attempt.job
        found = trace.of(job.id, job.trace)
        logs.event("lease.lost", job_id=job.id, trace=found, fence=job.fence, why=why)
        if isinstance(attempt.outcome, Succeeded):
            self._files.delete([attempt.outcome])
        attempt.over, attempt.ended = True, ended
        # Whoever took the row from us sees to it, and sends a hint of its own if one is needed.
        self._ports.ack(attempt.delivery)
        self.stop(attempt, ended=ended)

    def stop(self, attempt: Attempt, *, ended: bool = False) -> None:
        """Ask the child to stop it; it is killed when it does not within the grace."""
        if attempt.in_child and attempt.stop_at is None:
            grace_s = self._ports.settings.replica.cancel_grace_s
            attempt.stop_at = self._clock.monotonic() + grace_s
            self._say(events.Cancel(attempt.id, ended))

    def hand_back(self, attempt: Attempt) -> None:
        """Give it to another replica; in the child it is only asked to stop."""
        if attempt.may_end:
            attempt.outcome = HANDED_BACK
            if attempt.in_child:
                self._say(events.Cancel(attempt.id))

    def give_notice(self) -> None:
        """The replica leaves: jobs that can go on elsewhere may save what they have come to."""
        self._say(events.Notice())

    def may_save(self, attempt: Attempt) -> bool:
        """Whether it is worth waiting for it to heed the notice."""
        return attempt.in_child and self._spec.checkpoints

    def child_lost(self, failure: Failure | None) -> None:
        """None: it was killed for another job's sake or ours, so the attempts do not count."""
        self.has_run = False
        for attempt in self.in_child:
            attempt.in_child, attempt.died = False, True
            if not attempt.may_end:
                continue
            if failure is None:
                attempt.outcome = HANDED_BACK
            else:
                self.fail(attempt, failure)

    def check(self, now: float) -> bool:
        """Apply the deadlines; whether the child has to be killed to make a job stop."""
        settings = self._ports.settings.lease
        for attempt in self._held():
            storing = attempt.stage is Stage.STORING
            lease_s = settings.storing_s if storing else attempt.times.lease_s
            if not storing and attempt.run_until <= now:
                self._out_of_time(attempt)
                self.stop(attempt, ended=not isinstance(attempt.outcome, TryAgain))
            elif now - attempt.held_at > lease_s:
                self.forsake(attempt, why="no beat within the lease")
            elif attempt.store_at is not None and now - attempt.store_at > settings.storing_s:
                words = f"the outputs were not stored within {settings.storing_s:g} s"
                self.fail(attempt, Failure.of(ReplicaFailure(words)))
        return any(a.stop_at is not None and a.stop_at <= now for a in self.in_child)

    def next_check(self) -> float:
        """Monotonic seconds of the nearest deadline or beat."""
        times = [a.stop_at for a in self.in_child if a.stop_at is not None]
        for attempt in self._held():
            times.append(attempt.beat_at)
            if attempt.stage is not Stage.STORING:
                times.append(attempt.run_until)
        return min(times, default=float("inf"))

    def _out_of_time(self, attempt: Attempt) -> None:
        """The end of the job, or of this attempt where somebody asked for another."""
        if attempt.job.retries is None:
            attempt.outcome = OUT_OF_TIME
            return
        words = f"still running after {attempt.job.run_timeout_s:g} s, its worker's timeout_s"
        self.fail(attempt, Failure.of(RunTimeout(words)))

    def fail(self, attempt: Attempt, failure: Failure) -> None:
        """Retry or give up, and say why in the log."""
        now = self._clock.monotonic()
        decision = retry.decide(
            failure,
            attempt=attempt.job.attempts,
            max_attempts=attempt.job.max_attempts,
            rng=self._rng,
            low_memory=attempt.low_memory,
            retries=attempt.retries,
        )
        if isinstance(decision, Retry):
            delay_s = decision.delay_s
            if not self._budget.spend(now):
                delay_s += _OVER_BUDGET_S
            attempt.outcome = TryAgain(delay_s, failure.error)
        else:
            attempt.outcome = GaveUp(failure.error)
        found, code = trace.of(attempt.id, attempt.job.trace), failure.error.code
        logs.event(
            "attempt.failed", job_id=attempt.id, trace=found, code=code, decision=str(decision)
        )


def _run(attempt: Attempt, endpoint: str) -> events.Run:
    job = attempt.job
    return events.Run(
        job_id=job.id,
        fence=job.fence,
        endpoint=endpoint,
        attempt=job.attempts,
        input=job.input,
        folder=f"{attempt.folder}/files",
        files=attempt.files,
        streaming=job.streaming,
        low_memory=attempt.low_memory,
        called=job.endpoint,
        note=job.note or "",
        timeout_s=job.run_timeout_s,
        checkpoint=attempt.checkpoint,
    )
