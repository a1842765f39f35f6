"""The table itself: what it allows, what it forbids, what no path through it can reach."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from pilotlight.contracts import lifecycle, moves
from pilotlight.contracts.job import HELD, READY, TERMINAL, JobError, JobStatus
from pilotlight.errors import IllegalTransition

LEASE = {"lease_s": 60, "margin_s": 10}
ERROR = JobError("worker_error", "it broke")


def all_moves(job, now):
    """Every move, with arguments that satisfy its own guards on this job."""
    return {
        "T2": moves.queued(job, due_at=now + 120),
        "T3": moves.lease(owner="r1", now=now, **LEASE),
        "T4": moves.beat(job, now=now, **LEASE),
        "T5": moves.storing(job, now=now, **LEASE),
        "T6": moves.succeed(job, now=now, output="{}"),
        "T7": moves.retry(job, not_before=now + 1, error=ERROR),
        "T8": moves.fail(job, now=now, error=ERROR),
        "T9": moves.hand_back(job, now=now),
        "T10": moves.lost(job, now=now),
        "T11": moves.lost(replace(job, losses=2, losses_since=now), now=now),
        "T12": moves.cancel(job, now=now),
        "T13": moves.expire(job, now=job.start_by),
        "T14": moves.time_out(job, now=now + 1e6),
        "T15": moves.release(now=now, text="{}", start_by=now + 60, due_at=now + 15),
        "T18": moves.complete(job, now=now, output="{}"),
        "T19": moves.refuse(job, now=now, error=ERROR),
        "T17": moves.give_up(job, now=now, error=JobError("dead_letter", "given up", 503)),
    }


def in_status(make_job, clock, status):
    held = {"owner": "r1", "fence": 3, "lease_until": clock.now() + 60, "run_by": clock.now() + 60}
    return make_job(status=status, **(held if status in HELD else {}))


def test_every_row_of_the_table_is_here():
    names = [transition.name for transition in lifecycle.TABLE]

    assert names == [*(f"T{n}" for n in range(2, 16)), "T17", "T18", "T19"]


PAIRS = list(itertools.product(JobStatus, lifecycle.TABLE))


@pytest.mark.parametrize(("status", "transition"), PAIRS, ids=lambda p: getattr(p, "name", str(p)))
def test_a_move_is_possible_from_the_statuses_it_lists_and_from_no_other(
    make_job, clock, status, transition
):
    job = in_status(make_job, clock, status)
    move = all_moves(job, clock.now())[transition.name]

    if status in transition.leaves:
        after = lifecycle.apply(move, job)
        assert after.status == (transition.to or status)
    else:
        with pytest.raises(IllegalTransition):
            lifecycle.apply(move, job)


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_finished_job_goes_nowhere(make_job, clock, status):
    job = in_status(make_job, clock, status)

    assert not any(lifecycle.allowed(m, job) for m in all_moves(job, clock.now()).values())


@pytest.mark.parametrize(
    "name", ["T2", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T14", "T17"]
)
def test_a_stale_fence_is_refused(make_job, clock, name):
    status = JobStatus.QUEUED if name in ("T2", "T17") else JobStatus.RUNNING
    job = in_status(make_job, clock, status)
    move = all_moves(job, clock.now())[name]

    assert lifecycle.allowed(move, job)
    assert not lifecycle.allowed(move, replace(job, fence=job.fence + 1))


@pytest.mark.parametrize("name", ["T3", "T7", "T9", "T10", "T11", "T12", "T14", "T17"])
def test_the_fence_rises_when_ownership_changes(make_job, clock, name):
    job = in_status(
        make_job, clock, JobStatus.QUEUED if name in ("T3", "T17") else JobStatus.RUNNING
    )

    assert lifecycle.apply(all_moves(job, clock.now())[name], job).fence == job.fence + 1


LEASE_GUARDS = [
    pytest.param({"not_before": 1.0}, id="the backoff is not over"),
    pytest.param({"start_by": 0.0}, id="the deadline to start has passed"),
    pytest.param({"attempts": 4}, id="the attempts are used up"),
]


@pytest.mark.parametrize("offsets", LEASE_GUARDS)
@pytest.mark.parametrize("status", sorted(READY))
def test_a_lease_is_refused_when(make_job, clock, status, offsets):
    now = clock.now()
    changes = {k: now + v if k != "attempts" else v for k, v in offsets.items()}

    assert not lifecycle.allowed(
        moves.lease(owner="r1", now=now, **LEASE), make_job(status=status, **changes)
    )


def test_a_lease_counts_the_attempt_and_sets_both_deadlines(make_job, clock):
    job = make_job(status=JobStatus.QUEUED, attempts=1)
    leased = lifecycle.apply(moves.lease(owner="r1", now=clock.now(), **LEASE), job)

    assert (leased.attempts, leased.owner) == (2, "r1")
    assert leased.lease_until == clock.now() + 60
    assert leased.due_at == clock.now() + 70
    assert leased.run_by == clock.now() + job.run_timeout_s


@pytest.mark.parametrize("name", ["T9", "T10", "T11"])
def test_what_was_not_the_models_fault_gives_the_attempt_back(make_job, clock, name):
    job = replace(in_status(make_job, clock, JobStatus.RUNNING), attempts=2)

    assert lifecycle.apply(all_moves(job, clock.now())[name], job).attempts == 1


def test_a_reap_spares_a_lease_that_was_extended_meanwhile(make_job, clock):
    job = in_status(make_job, clock, JobStatus.RUNNING)
    extended = replace(job, lease_until=job.lease_until + 15)

    assert not lifecycle.allowed(moves.lost(job, now=clock.now()), extended)


def test_the_third_loss_within_72_hours_fails_the_job(make_job, clock):
    job = replace(in_status(make_job, clock, JobStatus.RUNNING), losses=2, losses_since=clock.now())

    assert moves.lost(job, now=clock.now() + 71 * 3600).transition is lifecycle.T11
    assert moves.lost(job, now=clock.now() + 73 * 3600).transition is lifecycle.T10


@pytest.mark.parametrize("name", ["T6", "T8", "T11", "T12", "T13", "T14", "T17"])
@pytest.mark.parametrize("webhook", [None, "https://example.org/hook"])
def test_a_terminal_write_carries_the_webhook_and_ends_every_clock(make_job, clock, name, webhook):
    status = JobStatus.QUEUED if name in ("T13", "T17") else JobStatus.RUNNING
    job = replace(in_status(make_job, clock, status), webhook=webhook)
    after = lifecycle.apply(all_moves(job, clock.now())[name], job)

    assert after.status.is_terminal
    assert (after.webhook_due is not None) == (webhook is not None)
    assert after.due_at is None
    assert after.lease_until is None
    assert after.forget_at == after.ended_at + job.keep_s
