"""What every job store does to its rows; run against every adapter."""

from __future__ import annotations

import random
from dataclasses import fields, replace

import pytest

from pilotlight.contracts import lifecycle, moves, tags
from pilotlight.contracts.job import Job, JobError, JobStatus
from pilotlight.contracts.tags import Tag

LEASE = {"lease_s": 60, "margin_s": 10}
ERROR = JobError("worker_error", "it broke")


def test_a_created_job_reads_back_field_by_field(store, add):
    job = add(webhook="https://example.org", idempotency_key="k", body_sha256="d", streaming=True)

    read = store.get(job.id)

    assert read == job
    assert [type(getattr(read, f.name)) for f in fields(Job)] == [
        type(getattr(job, f.name)) for f in fields(Job)
    ]


def test_tags_stay_with_the_row_through_its_life(store, add, lease, clock):
    words = (Tag("project", "lighthouse"), Tag("größe", "5 m"))
    held = lease(add(tags=tags.written(words)))
    plain = add()

    done = store.move(held.id, moves.succeed(held, now=clock.now(), output="{}"))

    assert tags.read(done.tags) == tags.read(store.get(held.id).tags) == words
    assert store.get(plain.id).tags is None
    assert {job.id: job.tags for job in store.list_jobs(limit=5)} == {
        plain.id: None,
        held.id: done.tags,
    }


def test_an_unknown_id_is_none(store):
    assert store.get("nobody") is None


def test_one_idempotency_key_makes_one_job(store, make_job):
    first, second = make_job(idempotency_key="k"), make_job(idempotency_key="k")

    outcome = store.create([first]) + store.create([second])

    assert [(c.job.id, c.existed) for c in outcome] == [(first.id, False), (first.id, True)]
    assert store.get(second.id) is None


def test_one_key_twice_in_one_group_makes_one_job(store, make_job):
    first, second = make_job(idempotency_key="k"), make_job(idempotency_key="k")

    assert [c.job.id for c in store.create([first, second])] == [first.id, first.id]


def test_another_callers_key_is_another_key(store, make_job):
    jobs = [make_job(idempotency_key="k"), make_job(idempotency_key="k", caller="bob")]

    assert not any(created.existed for created in store.create(jobs))


def test_a_refused_move_changes_nothing(store, add, clock):
    job = add()

    assert store.move(job.id, moves.succeed(job, now=clock.now(), output="{}")) is None
    assert store.get(job.id) == job


def test_a_move_of_an_unknown_job_is_refused(store, make_job, clock):
    assert store.move("nobody", moves.cancel(make_job(), now=clock.now())) is None


def test_a_second_lease_is_refused(add, lease):
    job = add()

    assert lease(job, "r1").owner == "r1"
    assert lease(job, "r2") is None


def test_a_cancelled_job_can_never_succeed(store, add, lease, clock):
    held = lease(add())
    assert store.move(held.id, moves.cancel(held, now=clock.now())).status == "cancelled"

    assert store.move(held.id, moves.succeed(held, now=clock.now(), output="{}")) is None
    assert store.get(held.id).status is JobStatus.CANCELLED


def test_random_histories_agree_with_the_table(store, make_job, clock):
    """The compiled table against the interpreted one, move by move, for 40 random lives."""
    rng = random.Random(7)
    for _ in range(40):
        (created,) = store.create([make_job(webhook=rng.choice([None, "https://example.org"]))])
        model = created.job
        for _ in range(25):
            clock.sleep(rng.choice([0.5, 20, 80, 2000]))
            now = clock.now()
            view = rng.choice([model, replace(model, fence=model.fence - 1)])  # a stale holder too
            move = rng.choice(
                [
                    moves.queued(view, due_at=now + 120),
                    moves.lease(owner=rng.choice("ab"), now=now, **LEASE),
                    moves.lease(owner=rng.choice("ab"), now=now, **LEASE),
                    moves.beat(view, now=now, progress=0.5, **LEASE),
                    moves.storing(view, now=now, **LEASE),
                    moves.note(view, text=rng.choice(["n", None])),
                    moves.succeed(view, now=now, output='{"a":1}', artifacts="[]"),
                    moves.retry(view, not_before=now + 1, error=ERROR),
                    moves.retry(view, not_before=now + 1, error=ERROR),
                    moves.fail(view, now=now, error=ERROR),
                    moves.hand_back(view, now=now),
                    moves.lost(view, now=now),
                    moves.cancel(view, now=now),
                    moves.expire(view, now=now),
                    moves.time_out(view, now=now),
                    moves.lease_webhook(view, now=now, lease_s=60),
                    moves.settle_webhook(view, due_at=None, state="delivered"),
                    moves.replay_webhook(now=now),
                ]
            )
            expected = lifecycle.apply(move, model) if lifecycle.allowed(move, model) else None
            assert store.move(model.id, move) == expected, move
            model = expected or model
            assert store.get(model.id) == model


def test_every_ended_attempt_is_remembered_in_order(store, add, lease, clock):
    job = add()
    first = lease(job, "r1")
    clock.sleep(1)
    store.move(job.id, moves.retry(first, not_before=clock.now(), error=ERROR))
    second = lease(job, "r2")
    store.move(job.id, moves.succeed(second, now=clock.now(), output="{}"))

    history = store.attempts_of(job.id)

    assert [(a.fence, a.owner, a.outcome) for a in history] == [
        (first.fence, "r1", "T7"),
        (second.fence, "r2", "T6"),
    ]
    assert "it broke" in history[0].error


def test_cancelling_a_job_that_waits_ends_no_attempt(store, add, clock):
    job = add()
    store.move(job.id, moves.cancel(job, now=clock.now()))

    assert store.attempts_of(job.id) == []


def test_an_exception_undoes_what_was_written_together_or_says_that_it_cannot(store, make_job):
    job = make_job()

    def create_and_break():
        with store.together():
            store.create([job])
            assert store.get(job.id) == job
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        create_and_break()
    assert store.get(job.id) == (None if store.undoes else job)


def test_purge_forgets_old_rows_but_none_with_a_pending_webhook(store, add, clock):
    old, told = add(keep_s=100), add(keep_s=100, webhook="https://example.org")
    kept, waiting = add(keep_s=1000), add(keep_s=100)
    for job in (old, told, kept):
        store.move(job.id, moves.cancel(job, now=clock.now()))
    clock.sleep(101)

    assert [job.id for job in store.purge(now=clock.now())] == [old.id]
    assert store.get(old.id) is None
    assert all(store.get(job.id) for job in (told, kept, waiting))


def test_a_forgotten_idempotency_key_may_be_used_again(store, make_job, clock):
    first = make_job(idempotency_key="k", keep_s=1)
    store.create([first])
    store.move(first.id, moves.cancel(first, now=clock.now()))
    clock.sleep(2)
    store.purge(now=clock.now())

    (created,) = store.create([make_job(idempotency_key="k")])
    assert not created.existed


def test_hardening_can_be_asked_for_at_any_time(store, add):
    add()
    store.harden()
