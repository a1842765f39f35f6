"""The lifecycle as a state machine of its own: any move, at any time, from any old copy of a row.

The model is a dictionary and the lifecycle's interpreter; a store must do to its rows exactly
what the model does, whatever is asked, and the auditor must agree with every step. Moves are made
from old copies on purpose: that is what a replica that was away for a while sends.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pilotlight.contracts import lifecycle, moves
from pilotlight.contracts.job import HELD, Job, JobError, JobStatus
from pilotlight.errors import IllegalTransition
from pilotlight.execution import dead_letters
from pilotlight.execution.reaper import decide
from tests.sim.auditor import check_birth, check_change
from tests.sim.questions import check_questions
from tests.sim.world import EPOCH

if TYPE_CHECKING:
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.ports.store import JobStore

LEASE_S, MARGIN_S, RESEND_S = 60, 10, 120
TERMS: Any = {"lease_s": LEASE_S, "margin_s": MARGIN_S}
OWNERS = ("r1", "r2", "r3")
ERROR = JobError("worker_error", "it broke", 500)
HOOK = "https://alice.example/hook"
_WHICH = st.integers(0, 5)
_AGE = st.sampled_from([0, 0, 0, 1, 2, 3, 5])
"""How many writes old a copy is; 0 is the row as it is."""


def _live(machine: Any) -> bool:
    return any(not row.status.is_terminal for row in machine.model.values())


def _over(machine: Any) -> bool:
    return any(row.status.is_terminal for row in machine.model.values())


class Moves(RuleBasedStateMachine):
    """``open_store`` makes an empty store for each example."""

    store: JobStore
    now: float

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Job] = {}
        self._before: dict[str, list[Job]] = {}
        self._touched: str | None = None

    def open_store(self) -> JobStore:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.store = self.open_store()
        self.now = EPOCH

    def _perform(self, job_id: str, move: Move, *, owner_lives: bool = True) -> Job:
        """Ask the store and the model; the row afterwards."""
        before = self.model[job_id]
        try:
            wanted: Job | None = lifecycle.apply(move, before)
        except IllegalTransition:
            wanted = None
        got = self.store.move(job_id, move)
        assert got == wanted, f"{move.transition.name}: {got} instead of {wanted}"
        self._touched = job_id
        if wanted is None:
            return before
        self.model[job_id] = wanted
        self._before[job_id].append(before)
        check_change(before, wanted, move, now=self.now, owner_lives=owner_lives)
        return wanted

    def _copy(self, which: int, age: int, *, over: bool = False) -> Job:
        """One of the rows that live, or are over, as it was some writes ago."""
        rows = [row for row in self.model.values() if row.status.is_terminal == over]
        row = rows[which % len(rows)]
        known = [*self._before[row.id], row]
        return known[max(0, len(known) - 1 - age)]

    def _add(self, **facts: Any) -> Job:
        job = Job(
            **{
                "id": f"job-{len(self.model) + 1}",
                "caller": "alice",
                "endpoint": "sim/lone",
                "worker": "lone",
                "origin": "sim",
                "input": "{}",
                "created_at": self.now,
                "max_attempts": 2,
                "max_losses": 2,
                "due_at": self.now + 15,
                "start_by": self.now + 5000,
                "run_timeout_s": 90.0,
                "webhook": HOOK,
                "group_id": "group-3" if len(self.model) % 3 == 2 else None,
                **facts,
            }
        )
        key = job.idempotency_key
        known = [row for row in self.model.values() if key and row.idempotency_key == key]
        [created] = self.store.create([job])
        assert created.existed == bool(known), "I7"
        if known:
            assert created.job.id == known[0].id, "I7"
            return self.model[known[0].id]
        check_birth(job)
        self.model[job.id], self._before[job.id] = job, []
        return job

    @rule(
        key=st.sampled_from([None, None, "key-1", "key-2"]),
        webhook=st.sampled_from([None, HOOK]),
        attempts=st.sampled_from([0, 0, 0, 2]),
        start_s=st.sampled_from([30, 600, 5000]),
        status=st.sampled_from([JobStatus.ACCEPTED, JobStatus.QUEUED, JobStatus.WAITING]),
        group_id=st.sampled_from([None, "group-1"]),
    )
    def submit(
        self, key: Any, webhook: Any, attempts: int, start_s: int, status: Any, group_id: Any
    ) -> None:
        """T1. ``attempts`` 2 is a row at its cap, from whatever release it may come."""
        self._add(
            idempotency_key=key,
            webhook=webhook,
            attempts=attempts,
            start_by=self.now + start_s,
            status=status,
            group_id=group_id,
            group_due=self.now if group_id and status is JobStatus.WAITING else None,
        )

    @rule(which=_WHICH, owner=st.sampled_from(OWNERS))
    @precondition(_live)
    def lease(self, which: int, owner: str) -> None:
        move = moves.lease(owner=owner, now=self.now, **TERMS)
        self._perform(self._copy(which, 0).id, move)

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def beat(self, which: int, age: int) -> None:
        seen = self._copy(which, age)
        self._perform(seen.id, moves.beat(seen, now=self.now, progress=0.5, **TERMS))

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def begin_to_store(self, which: int, age: int) -> None:
        seen = self._copy(which, age)
        self._perform(seen.id, moves.storing(seen, now=self.now, **TERMS))

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def succeed(self, which: int, age: int) -> None:
        seen = self._copy(which, age)
        self._perform(seen.id, moves.succeed(seen, now=self.now, output='{"text":"x"}'))

    @rule(which=_WHICH, age=_AGE, delay_s=st.sampled_from([0, 5, 100]))
    @precondition(_live)
    def retry(self, which: int, age: int, delay_s: int) -> None:
        seen = self._copy(which, age)
        self._perform(seen.id, moves.retry(seen, not_before=self.now + delay_s, error=ERROR))

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def fail(self, which: int, age: int) -> None:
        seen = self._copy(which, age)
        self._perform(seen.id, moves.fail(seen, now=self.now, error=ERROR))

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def hand_back(self, which: int, age: int) -> None:
        seen = self._copy(which, age)
        self._perform(seen.id, moves.hand_back(seen, now=self.now))

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def time_out(self, which: int, age: int) -> None:
        seen = self._copy(which, age)
        self._perform(seen.id, moves.time_out(seen, now=self.now))

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def expire(self, which: int, age: int) -> None:
        seen = self._copy(which, age)
        self._perform(seen.id, moves.expire(seen, now=self.now))

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def mark_queued(self, which: int, age: int) -> None:
        """T2 by an ingress that stalled since it recorded the row."""
        seen = self._copy(which, age)
        self._perform(seen.id, moves.queued(seen, due_at=self.now + RESEND_S))

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def reap(self, which: int, age: int) -> None:
        """What the real reaper decides about the copy that it read, some time ago perhaps."""
        self._reap(self._copy(which, age))

    def _reap(self, seen: Job) -> None:
        move = decide(seen, now=self.now, margin_s=MARGIN_S, resend_s=RESEND_S)
        if move is not None:
            self._perform(seen.id, move)

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def owner_is_seen_dead(self, which: int, age: int) -> None:
        seen = self._copy(which, age)
        if seen.status in HELD:
            self._perform(seen.id, moves.lost(seen, now=self.now), owner_lives=False)

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def message_is_a_dead_letter(self, which: int, age: int) -> None:
        seen = self._copy(which, age)
        _, move = dead_letters.decide(seen, now=self.now)
        if move is not None:
            self._perform(seen.id, move)

    @rule(which=_WHICH, over=st.sampled_from(["lives", "lives", "is over"]))
    @precondition(_live)
    def cancel(self, which: int, over: str) -> None:
        late = over == "is over" and _over(self)
        seen = self._copy(which, 0, over=late)
        self._perform(seen.id, moves.cancel(seen, now=self.now))

    @rule(which=_WHICH, start_s=st.sampled_from([30, 600]))
    @precondition(_live)
    def release(self, which: int, start_s: int) -> None:
        """T15: somebody finds that what a job waits for is there, however often."""
        text = json.dumps({"released": self.now})
        start_by = self.now + start_s
        move = moves.release(now=self.now, text=text, start_by=start_by, due_at=self.now + 15)
        self._perform(self._copy(which, 0).id, move)

    @rule(which=_WHICH, age=_AGE, how=st.sampled_from(["well", "badly"]))
    @precondition(_live)
    def close_a_group(self, which: int, age: int, how: str) -> None:
        """T18 or T19, by a steward that read the row some time ago."""
        seen = self._copy(which, age)
        done = moves.complete(seen, now=self.now, output="{}")
        failed = moves.refuse(seen, now=self.now, error=ERROR)
        self._perform(seen.id, done if how == "well" else failed)

    @rule(
        which=_WHICH,
        age=_AGE,
        over=st.sampled_from(["lives", "is over"]),
        again_s=st.sampled_from([None, None, 60]),
    )
    @precondition(_live)
    def hear_of_an_end(self, which: int, age: int, over: str, again_s: int | None) -> None:
        """T21, from an old copy too: a mark that was taken cannot be taken again."""
        seen = self._copy(which, age, over=over == "is over" and _over(self))
        again_at = None if again_s is None else self.now + again_s
        self._perform(seen.id, moves.heard(seen, again_at=again_at))

    @rule(how=st.sampled_from(["well", "badly"]))
    def a_group_ends(self, how: str) -> None:
        """T18 or T19 of a row that somebody wants to hear about."""
        job = self._add(status=JobStatus.WAITING)
        done = moves.complete(job, now=self.now, output="{}")
        self._perform(
            job.id, done if how == "well" else moves.refuse(job, now=self.now, error=ERROR)
        )

    @rule(then=st.sampled_from(["is released", "stays"]))
    def a_mark_is_taken_once(self, then: str) -> None:
        """T21 from the same old copy twice; and of a row that waits no more."""
        job = self._add(status=JobStatus.WAITING, group_id="group-2", group_due=self.now)
        if then == "is released":
            terms = {"start_by": self.now + 600, "due_at": self.now + 15}
            self._perform(job.id, moves.release(now=self.now, text="{}", **terms))
        self._perform(job.id, moves.heard(job, again_at=self.now + 60))
        self._perform(job.id, moves.heard(job, again_at=None))

    @rule()
    def what_waits_is_there_too_late(self) -> None:
        """T15 after the deadline to start, which upkeep has not seen yet."""
        job = self._add(status=JobStatus.WAITING, start_by=self.now + 30)
        self.now += 31
        terms = {"start_by": self.now + 600, "due_at": self.now + 15}
        self._perform(job.id, moves.release(now=self.now, text="{}", **terms))

    @rule(which=_WHICH, age=_AGE)
    @precondition(_live)
    def keep_a_note(self, which: int, age: int) -> None:
        """T20, by a replica that may have lost its lease since."""
        seen = self._copy(which, age)
        self._perform(seen.id, moves.note(seen, text=f"written at {self.now}"))

    # Rows that are over: everything must be refused but announcements

    @rule(which=_WHICH, does=st.integers(0, 10))
    @precondition(_over)
    def come_too_late(self, which: int, does: int) -> None:
        seen = self._copy(which, 0, over=True)
        waits = {"start_by": self.now + 60, "due_at": self.now}
        late = (
            moves.release(now=self.now, text="{}", **waits),
            moves.complete(seen, now=self.now, output="{}"),
            moves.queued(seen, due_at=self.now),
            moves.lease(owner="r1", now=self.now, **TERMS),
            moves.beat(seen, now=self.now, **TERMS),
            moves.succeed(seen, now=self.now, output="{}"),
            moves.fail(seen, now=self.now, error=ERROR),
            moves.hand_back(seen, now=self.now),
            moves.lost(seen, now=self.now),
            moves.expire(seen, now=self.now),
            moves.give_up(seen, now=self.now, error=ERROR),
        )
        self._perform(seen.id, late[does])

    @rule(which=_WHICH, age=_AGE)
    @precondition(_over)
    def lease_webhook(self, which: int, age: int) -> None:
        seen = self._copy(which, age, over=True)
        self._perform(seen.id, moves.lease_webhook(seen, now=self.now, lease_s=30))

    @rule(which=_WHICH, age=_AGE, after_s=st.sampled_from([None, 60]))
    @precondition(_over)
    def settle_webhook(self, which: int, age: int, after_s: int | None) -> None:
        seen = self._copy(which, age, over=True)
        due_at = None if after_s is None else self.now + after_s
        state = "delivered" if after_s is None else None
        self._perform(seen.id, moves.settle_webhook(seen, due_at=due_at, state=state))

    @rule(which=_WHICH)
    @precondition(_over)
    def replay_webhook(self, which: int) -> None:
        seen = self._copy(which, 0, over=True)
        self._perform(seen.id, moves.replay_webhook(now=self.now))

    @rule(seconds=st.sampled_from([1, 20, 71, 130, 700]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def the_touched_row_is_as_the_model_says(self) -> None:
        if self._touched is not None:
            assert self.store.get(self._touched) == self.model[self._touched]
            self._touched = None

    def teardown(self) -> None:
        if self.model:
            check_questions(self.model, self.store, self.now, owners=OWNERS)
