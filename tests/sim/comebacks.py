"""Whole stories in one step: somebody was away, the row moved on, and they act on what they knew.

Single moves drawn at random seldom line up so; each story ends in the one write that its guard
has to refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from pilotlight.contracts import moves
from pilotlight.contracts.job import HELD, Job
from pilotlight.execution.reaper import decide
from tests.sim.faults import Faults
from tests.sim.process import Process
from tests.sim.rules import ERROR, LEASE_S, MARGIN_S, RESEND_S, TERMS, Moves
from tests.sim.store import SimStore
from tests.sim.table import Table
from tests.sim.world import World

if TYPE_CHECKING:
    from pilotlight.ports.store import JobStore

_SILENT_S = LEASE_S + MARGIN_S + 1
_HOLDERS_WORDS: dict[str, Any] = {
    "beats": lambda old, now: moves.beat(old, now=now, **TERMS),
    "stores": lambda old, now: moves.storing(old, now=now, **TERMS),
    "succeeds": lambda old, now: moves.succeed(old, now=now, output='{"text":"old"}'),
    "retries": lambda old, now: moves.retry(old, not_before=now, error=ERROR),
    "fails": lambda old, now: moves.fail(old, now=now, error=ERROR),
    "hands back": lambda old, now: moves.hand_back(old, now=now),
    "times out": lambda old, now: moves.time_out(old, now=now),
}
_LOSSES = st.sampled_from([0, 0, 1])
"""How many leases the job has lost already; the second fails it."""


class Rules(Moves):
    """Every move, and every story."""

    def _held(self, job: Job) -> Job:
        return self._perform(job.id, moves.lease(owner="r1", now=self.now, **TERMS))

    def _renewed(self, job: Job) -> Job:
        return self._perform(job.id, moves.beat(job, now=self.now, progress=0.1, **TERMS))

    def _unlucky(self, losses: int) -> Job:
        lost = {"losses": losses, "losses_since": self.now} if losses else {}
        return self._add(max_losses=2, **lost)

    @rule(does=st.sampled_from(sorted(_HOLDERS_WORDS)), later_s=st.sampled_from([0, 0, 91]))
    def the_old_holder_comes_back(self, does: str, later_s: int) -> None:
        """Its lease ran out and the job runs elsewhere, but it does not know."""
        old = self._held(self._add())
        self.now += _SILENT_S
        self._reap(old)
        self._held(old)
        self.now += later_s
        self._perform(old.id, _HOLDERS_WORDS[does](old, self.now))

    @rule(losses=_LOSSES)
    def a_slow_reaper_meets_a_lease_that_was_renewed(self, losses: int) -> None:
        old = self._held(self._unlucky(losses))
        self.now += _SILENT_S
        move = decide(old, now=self.now, margin_s=MARGIN_S, resend_s=RESEND_S)
        self._renewed(old)
        if move is not None:
            self._perform(old.id, move)

    @rule(losses=_LOSSES)
    def a_slow_reaper_meets_another_lease_of_the_same_moment(self, losses: int) -> None:
        """Handed back and leased again at once: the lease ends when the old one did."""
        old = self._held(self._unlucky(losses))
        self._perform(old.id, moves.hand_back(old, now=self.now))
        self._held(old)
        self.now += _SILENT_S
        self._reap(old)

    @rule()
    def a_slow_reaper_meets_a_job_in_its_backoff(self) -> None:
        old = self._held(self._add())
        self._perform(old.id, moves.retry(old, not_before=self.now + 500, error=ERROR))
        self.now += _SILENT_S
        self._held(old)
        self._reap(old)

    @rule(losses=_LOSSES)
    def a_slow_reaper_meets_a_job_that_has_ended(self, losses: int) -> None:
        old = self._held(self._unlucky(losses))
        self.now += _SILENT_S
        self._perform(old.id, moves.succeed(old, now=self.now, output="{}"))
        self._reap(old)

    @rule()
    def a_job_is_wanted_after_its_deadline_to_start(self) -> None:
        job = self._add(start_by=self.now + 30)
        self.now += 31
        self._held(job)

    @rule()
    def a_job_that_nobody_starts_expires(self) -> None:
        job = self._add(start_by=self.now + 30)
        self.now += 31
        self._reap(job)

    @rule()
    def a_job_at_its_cap_is_wanted(self) -> None:
        self._held(self._add(attempts=2))

    @rule()
    def a_job_that_began_in_time_does_not_expire(self) -> None:
        held = self._held(self._add(start_by=self.now + 30))
        self.now += 31
        self._perform(held.id, moves.expire(held, now=self.now))

    @rule()
    def a_job_that_succeeded_is_not_timed_out(self) -> None:
        held = self._held(self._add())
        self._perform(held.id, moves.succeed(held, now=self.now, output="{}"))
        self.now += 91
        self._perform(held.id, moves.time_out(held, now=self.now))

    @rule(losses=_LOSSES)
    def a_job_loses_its_leases(self, losses: int) -> None:
        job = self._unlucky(losses)
        for _ in range(3):
            held = self._held(job)
            self.now += _SILENT_S
            self._reap(held)

    @rule()
    def a_job_fails_until_no_attempt_is_left(self) -> None:
        job = self._add()
        for _ in range(3):
            held = self._held(job)
            self._perform(job.id, moves.retry(held, not_before=self.now, error=ERROR))

    @rule()
    def a_job_runs_and_stores(self) -> None:
        held = self._held(self._add())
        stored = self._perform(held.id, moves.storing(held, now=self.now, **TERMS))
        self._perform(held.id, moves.succeed(stored, now=self.now, output="{}"))

    @rule(late=st.sampled_from(["in time", "late"]))
    def a_job_is_timed_out_by_its_holder(self, late: str) -> None:
        held = self._held(self._add())
        self.now += 50
        held = self._renewed(held)
        self.now += 41 if late == "late" else 1
        self._perform(held.id, moves.time_out(held, now=self.now))

    @rule()
    def an_old_letter_is_taken_for_the_row(self) -> None:
        """It was read before the job ran and came back."""
        old = self._add()
        held = self._held(old)
        self._perform(old.id, moves.hand_back(held, now=self.now))
        self._perform(old.id, moves.give_up(old, now=self.now, error=ERROR))

    @rule()
    def a_letter_of_a_job_that_runs_gives_nothing_up(self) -> None:
        held = self._held(self._add())
        assert held.status in HELD
        self._perform(held.id, moves.give_up(held, now=self.now, error=ERROR))

    @rule()
    def a_letter_gives_up_a_job_at_its_cap(self) -> None:
        job = self._add(attempts=2)
        self._perform(job.id, moves.give_up(job, now=self.now, error=ERROR))

    @rule(state=st.sampled_from([None, "delivered"]))
    def a_slow_dispatcher_meets_the_next_ones_turn(self, state: str | None) -> None:
        job = self._add()
        before = self._perform(job.id, moves.cancel(job, now=self.now))
        mine = self._perform(job.id, moves.lease_webhook(before, now=self.now, lease_s=30))
        self.now += 31
        theirs = self._perform(job.id, moves.lease_webhook(mine, now=self.now, lease_s=30))
        self.now += 31
        self._perform(job.id, moves.lease_webhook(before, now=self.now, lease_s=30))
        self._perform(job.id, moves.settle_webhook(mine, due_at=None, state=state))
        self._perform(job.id, moves.settle_webhook(theirs, due_at=None, state=state))

    @rule()
    def a_dispatcher_takes_a_webhook_before_its_time(self) -> None:
        job = self._add()
        over = self._perform(job.id, moves.cancel(job, now=self.now))
        mine = self._perform(job.id, moves.lease_webhook(over, now=self.now, lease_s=30))
        self._perform(job.id, moves.lease_webhook(mine, now=self.now, lease_s=30))

    @rule()
    def a_webhook_is_touched_before_its_job_is_over(self) -> None:
        held = self._held(self._add())
        self._perform(held.id, moves.replay_webhook(now=self.now))
        self._perform(held.id, moves.settle_webhook(held, due_at=self.now, state=None))
        self._perform(held.id, moves.lease_webhook(self.model[held.id], now=self.now, lease_s=30))

    @rule()
    def a_replay_makes_the_posting_under_way_an_old_one(self) -> None:
        job = self._add()
        over = self._perform(job.id, moves.cancel(job, now=self.now))
        mine = self._perform(job.id, moves.lease_webhook(over, now=self.now, lease_s=30))
        self._perform(job.id, moves.replay_webhook(now=self.now))
        self._perform(job.id, moves.settle_webhook(mine, due_at=None, state="delivered"))
        assert self.model[job.id].webhook_due is not None, "T16: the replay is lost"


class TableRules(Rules):
    """On the simulation's own table."""

    def open_store(self) -> JobStore:
        world = World(0)
        process = Process(world, Faults(world, (), remote=True), "test", "outside")
        return SimStore(Table(lambda change: None), process, remote=True)
