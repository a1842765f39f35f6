"""The lifecycle as a state machine of its own: any move, at any time, from any old copy of a row.

The model is a dictionary and the lifecycle's interpreter; a store must do to its rows exactly
what the model does, whatever is asked, and the auditor must agree with every step. Moves are made
from old copies on purpose: that is what a replica that was away for a while sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from pilotlight.contracts import lifecycle, moves
from pilotlight.contracts.job import HELD, READY, Job, JobError, JobStatus
from pilotlight.errors import IllegalTransition
from pilotlight.execution import dead_letters
from pilotlight.execution.reaper import decide
from tests.sim.auditor import check_birth, check_change
from tests.sim.faults import Faults
from tests.sim.process import Process
from tests.sim.store import SimStore
from tests.sim.table import Table
from tests.sim.world import EPOCH, World

if TYPE_CHECKING:
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.ports.store import JobStore

LEASE_S, MARGIN_S, RESEND_S = 60, 10, 120
_TERMS: Any = {"lease_s": LEASE_S, "margin_s": MARGIN_S}
_OWNERS = ("r1", "r2", "r3")
_AGES = st.sampled_from(("as it is", "as it was"))
_ERROR = JobError("worker_error", "it broke", 500)


class Rules(RuleBasedStateMachine):
    """``open_store`` makes an empty store for each example."""

    copies: Bundle[Job] = Bundle("copies")

    def open_store(self) -> JobStore:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.store = self.open_store()
        self.now = EPOCH
        self.model: dict[str, Job] = {}
        self.touched: str | None = None

    def _perform(self, job_id: str, move: Move, *, owner_lives: bool = True) -> Job:
        before = self.model[job_id]
        try:
            wanted: Job | None = lifecycle.apply(move, before)
        except IllegalTransition:
            wanted = None
        got = self.store.move(job_id, move)
        assert got == wanted, f"{move.transition.name}: {got} instead of {wanted}"
        self.touched = job_id
        if wanted is None:
            return before
        self.model[job_id] = wanted
        check_change(before, wanted, move, now=self.now, owner_lives=owner_lives)
        return wanted

    def _seen(self, copy: Job, *, age: str) -> Job:
        return self.model[copy.id] if age == "as it is" else copy

    @rule(
        target=copies,
        key=st.one_of(st.none(), st.integers(0, 2)),
        hook=st.sampled_from([None, "https://alice.example/hook"]),
        attempts=st.sampled_from([0, 0, 0, 2]),
        start_s=st.sampled_from([30, 600, 5000]),
        status=st.sampled_from([JobStatus.ACCEPTED, JobStatus.QUEUED, JobStatus.WAITING]),
    )
    def submit(
        self, key: int | None, hook: str | None, attempts: int, start_s: int, status: JobStatus
    ) -> Job:
        """T1. ``attempts`` 2 is a row at its cap, from whatever release it may come."""
        job = Job(
            id=f"job-{len(self.model) + 1}",
            caller="alice",
            endpoint="sim/lone",
            worker="lone",
            origin="sim",
            input="{}",
            created_at=self.now,
            status=status,
            attempts=attempts,
            max_attempts=2,
            max_losses=2,
            due_at=self.now + 15,
            start_by=self.now + start_s,
            run_timeout_s=90.0,
            webhook=hook,
            idempotency_key=None if key is None else f"key-{key}",
        )
        known = [
            one
            for one in self.model.values()
            if key is not None and one.idempotency_key == job.idempotency_key
        ]
        [created] = self.store.create([job])
        assert created.existed == bool(known), "I7"
        if known:
            assert created.job.id == known[0].id, "I7"
            return self.model[known[0].id]
        check_birth(job)
        self.model[job.id] = job
        return job

    @rule(target=copies, copy=copies, owner=st.sampled_from(_OWNERS))
    def lease(self, copy: Job, owner: str) -> Job:
        return self._perform(copy.id, moves.lease(owner=owner, now=self.now, **_TERMS))

    @rule(target=copies, copy=copies, age=_AGES)
    def beat(self, copy: Job, age: str) -> Job:
        seen = self._seen(copy, age=age)
        return self._perform(copy.id, moves.beat(seen, now=self.now, progress=0.5, **_TERMS))

    @rule(target=copies, copy=copies, age=_AGES)
    def begin_to_store(self, copy: Job, age: str) -> Job:
        seen = self._seen(copy, age=age)
        return self._perform(copy.id, moves.storing(seen, now=self.now, **_TERMS))

    @rule(target=copies, copy=copies, age=_AGES)
    def succeed(self, copy: Job, age: str) -> Job:
        seen = self._seen(copy, age=age)
        return self._perform(copy.id, moves.succeed(seen, now=self.now, output='{"text":"x"}'))

    @rule(target=copies, copy=copies, age=_AGES, delay_s=st.sampled_from([0, 5, 100]))
    def retry(self, copy: Job, age: str, delay_s: int) -> Job:
        seen = self._seen(copy, age=age)
        move = moves.retry(seen, not_before=self.now + delay_s, error=_ERROR)
        return self._perform(copy.id, move)

    @rule(target=copies, copy=copies, age=_AGES)
    def fail(self, copy: Job, age: str) -> Job:
        seen = self._seen(copy, age=age)
        return self._perform(copy.id, moves.fail(seen, now=self.now, error=_ERROR))

    @rule(target=copies, copy=copies, age=_AGES)
    def hand_back(self, copy: Job, age: str) -> Job:
        seen = self._seen(copy, age=age)
        return self._perform(copy.id, moves.hand_back(seen, now=self.now))

    @rule(target=copies, copy=copies, age=_AGES)
    def time_out(self, copy: Job, age: str) -> Job:
        seen = self._seen(copy, age=age)
        return self._perform(copy.id, moves.time_out(seen, now=self.now))

    @rule(target=copies, copy=copies)
    def cancel(self, copy: Job) -> Job:
        return self._perform(copy.id, moves.cancel(copy, now=self.now))

    @rule(target=copies, copy=copies, age=_AGES)
    def expire(self, copy: Job, age: str) -> Job:
        return self._perform(copy.id, moves.expire(self._seen(copy, age=age), now=self.now))

    @rule(target=copies, copy=copies, age=_AGES)
    def mark_queued(self, copy: Job, age: str) -> Job:
        """T2 by an ingress that stalled since it recorded the row."""
        seen = self._seen(copy, age=age)
        return self._perform(copy.id, moves.queued(seen, due_at=self.now + RESEND_S))

    @rule(target=copies, copy=copies, age=_AGES)
    def reap(self, copy: Job, age: str) -> Job:
        """What the real reaper decides about the copy that it read, some time ago perhaps."""
        seen = self._seen(copy, age=age)
        move = decide(seen, now=self.now, margin_s=MARGIN_S, resend_s=RESEND_S)
        return self.model[copy.id] if move is None else self._perform(copy.id, move)

    @rule(target=copies, copy=copies, owner=st.sampled_from(_OWNERS))
    def fall_silent_and_run_elsewhere(self, copy: Job, owner: str) -> Job:
        """The whole way to an old copy that looks as good as the new one, in one step."""
        if self.model[copy.id].status not in HELD:
            self._perform(copy.id, moves.lease(owner=owner, now=self.now, **_TERMS))
        self.now += LEASE_S + MARGIN_S + 1
        self.reap(copy, age="as it is")
        return self._perform(copy.id, moves.lease(owner=owner, now=self.now, **_TERMS))

    @rule(target=copies, copy=copies, age=_AGES)
    def owner_is_seen_dead(self, copy: Job, age: str) -> Job:
        seen = self._seen(copy, age=age)
        if seen.status not in HELD:
            return seen
        return self._perform(copy.id, moves.lost(seen, now=self.now), owner_lives=False)

    @rule(target=copies, copy=copies, age=_AGES)
    def message_is_a_dead_letter(self, copy: Job, age: str) -> Job:
        _, move = dead_letters.decide(self._seen(copy, age=age), now=self.now)
        return self.model[copy.id] if move is None else self._perform(copy.id, move)

    @rule(target=copies, copy=copies, age=_AGES)
    def lease_webhook(self, copy: Job, age: str) -> Job:
        seen = self._seen(copy, age=age)
        return self._perform(copy.id, moves.lease_webhook(seen, now=self.now, lease_s=30))

    @rule(
        target=copies,
        copy=copies,
        age=_AGES,
        again=st.sampled_from([(None, "delivered"), (60, None)]),
    )
    def settle_webhook(self, copy: Job, age: str, again: tuple[int | None, str | None]) -> Job:
        seen, (after_s, state) = self._seen(copy, age=age), again
        due_at = None if after_s is None else self.now + after_s
        return self._perform(copy.id, moves.settle_webhook(seen, due_at=due_at, state=state))

    @rule(target=copies, copy=copies)
    def replay_webhook(self, copy: Job) -> Job:
        return self._perform(copy.id, moves.replay_webhook(now=self.now))

    @rule(seconds=st.sampled_from([1, 20, 71, 130, 700]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def the_touched_row_is_as_the_model_says(self) -> None:
        touched = getattr(self, "touched", None)
        if touched is not None:
            assert self.store.get(touched) == self.model[touched]
            self.touched = None

    def teardown(self) -> None:
        if getattr(self, "model", None):
            self._check_questions()

    def _check_questions(self) -> None:
        """Every index agrees with the rows."""
        rows, store, now = list(self.model.values()), self.store, self.now
        assert {row.id: store.get(row.id) for row in rows} == self.model
        due = sorted(r.due_at for r in rows if r.due_at is not None and r.due_at <= now)
        assert [row.due_at for row in store.due(now=now)] == due
        assert store.next_due() == min(
            (r.due_at for r in rows if r.due_at is not None), default=None
        )
        hooks = sorted(
            r.webhook_due for r in rows if r.webhook_due is not None and r.webhook_due <= now
        )
        assert [row.webhook_due for row in store.webhooks_due(now=now)] == hooks
        for owner in _OWNERS:
            held = {row.id for row in rows if row.owner == owner and row.status in HELD}
            assert {row.id for row in store.held_by(owner)} == held
        waits = [row for row in rows if row.status in READY and row.not_before <= now]
        load = store.load(now=now).get("lone")
        assert (load.queued if load else 0) == len(waits)
        self._check_histories()

    def _check_histories(self) -> None:
        """I8 by another road: leases begun are attempts counted, given back, or still running."""
        for row in self.model.values():
            records = self.store.attempts_of(row.id)
            fences = [record.fence for record in records]
            assert fences == sorted(set(fences)), f"I9: {records}"
            if row.status in HELD:
                assert row.fence not in fences, f"I5: {row}, {records}"


class TableRules(Rules):
    """On the simulation's own table."""

    def open_store(self) -> JobStore:
        world = World(0)
        process = Process(world, Faults(world, (), remote=True), "test", "outside")
        return SimStore(Table(lambda change: None), process, remote=True)
