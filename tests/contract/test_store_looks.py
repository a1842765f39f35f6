"""What every job store answers: what is due, waits, runs and was there; run against every adapter."""

from __future__ import annotations

from pilotlight.contracts import group, moves
from pilotlight.contracts.job import JobError, JobStatus
from pilotlight.ports.store import Load

ERROR = JobError("worker_error", "it broke")


def test_every_row_is_walked_newest_first(store, add, clock):
    jobs = []
    for _ in range(7):
        clock.sleep(1)
        jobs.append(add(created_at=clock.now()))
    store.move(jobs[3].id, moves.cancel(jobs[3], now=clock.now()))

    assert [job.id for job in store.every()] == [job.id for job in reversed(jobs)]


def test_waiting_jobs_are_counted_by_caller(store, add, lease, clock):
    jobs = [add(), add(not_before=clock.now() + 50), add(caller="bob"), add(worker="other")]
    assert store.waiting() == {"alice": 3, "bob": 1}

    lease(jobs[0])
    store.move(jobs[2].id, moves.cancel(jobs[2], now=clock.now()))

    assert store.waiting() == {"alice": 2}


def test_what_is_due_comes_oldest_first(store, add, clock):
    late, early = add(due_at=clock.now() + 9), add(due_at=clock.now() + 5)
    add(due_at=clock.now() + 1000)

    assert store.due(now=clock.now()) == []
    assert store.next_due() == early.due_at
    clock.sleep(10)
    assert [job.id for job in store.due(now=clock.now())] == [early.id, late.id]
    assert [job.id for job in store.due(now=clock.now(), limit=1)] == [early.id]


def test_rows_with_long_texts_are_due_and_forgotten_a_few_at_a_time(store, add, clock, monkeypatch):
    """A hundred inputs of a megabyte each are more than upkeep's memory."""
    monkeypatch.setattr(group, "MOST_CHARS", 2500)
    jobs = [add(due_at=clock.now() + n, keep_s=1, input='"' + "x" * 998 + '"') for n in range(5)]
    clock.sleep(10)

    seen = []
    while due := store.due(now=clock.now(), limit=100):
        assert len(due) <= 3
        for job in due:
            store.move(job.id, moves.cancel(job, now=clock.now()))
        seen += due
    assert [job.id for job in seen] == [job.id for job in jobs]

    clock.sleep(10)
    gone = 0
    while forgotten := store.purge(now=clock.now(), limit=100):
        assert len(forgotten) <= 3
        gone += len(forgotten)
    assert gone == len(jobs)


def test_a_finished_job_is_never_due(store, add, clock):
    job = add()
    store.move(job.id, moves.cancel(job, now=clock.now()))
    clock.sleep(1e6)

    assert store.due(now=clock.now()) == []
    assert store.next_due() is None


def test_a_webhook_is_due_until_it_is_settled(store, add, clock):
    job = add(webhook="https://example.org")
    assert store.webhooks_due(now=clock.now()) == []
    done = store.move(job.id, moves.cancel(job, now=clock.now()))

    assert [j.id for j in store.webhooks_due(now=clock.now())] == [job.id]
    assert store.next_webhook_due() == clock.now()
    leased = store.move(done.id, moves.lease_webhook(done, now=clock.now(), lease_s=30))
    assert store.webhooks_due(now=clock.now()) == []
    assert store.move(done.id, moves.lease_webhook(done, now=clock.now(), lease_s=30)) is None
    store.move(done.id, moves.settle_webhook(leased, due_at=None, state="delivered"))
    clock.sleep(1e6)
    assert store.webhooks_due(now=clock.now()) == []
    assert store.get(job.id).webhook_state == "delivered"


def test_the_load_counts_what_waits_and_what_runs(store, add, lease, clock):
    oldest = clock.now()
    lease(add())
    clock.sleep(5)
    first_waiting = clock.now()
    add()
    add(status=JobStatus.QUEUED)
    done = add(worker="other")
    store.move(done.id, moves.cancel(done, now=clock.now()))

    assert oldest < first_waiting
    assert store.load(now=clock.now()) == {
        "echo": Load(queued=2, running=1, oldest_queued_at=first_waiting)
    }


def test_a_retry_counts_as_load_once_its_backoff_is_over(store, add, lease, clock):
    held = lease(add())
    store.move(held.id, moves.retry(held, not_before=clock.now() + 60, error=ERROR))

    assert store.load(now=clock.now()) == {}
    clock.sleep(60)
    assert store.load(now=clock.now()) == {"echo": Load(1, 0, clock.now())}


def test_one_workers_queue_is_counted_alone_and_no_further_than_asked(store, add, lease, clock):
    held = lease(add())
    store.move(held.id, moves.retry(held, not_before=clock.now() + 60, error=ERROR))
    lease(add())
    for _ in range(4):
        add()
    add(worker="other")

    assert store.queued("echo", now=clock.now(), most=10) == 4
    assert store.queued("echo", now=clock.now(), most=3) == 3
    assert store.queued("other", now=clock.now(), most=10) == 1
    assert store.queued("nobody", now=clock.now(), most=10) == 0
    clock.sleep(60)
    assert store.queued("echo", now=clock.now(), most=10) == 5


def test_low_priority_waits_behind_normal(store, add):
    low, normal = add(priority=1), add()
    last = add(priority=1)

    assert [store.ahead_of(job) for job in (normal, low, last)] == [0, 1, 2]


def test_a_replica_can_find_what_it_holds(store, add, lease, clock):
    mine, theirs = lease(add(), "me"), lease(add(), "them")
    store.move(theirs.id, moves.succeed(theirs, now=clock.now(), output="{}"))

    assert [job.id for job in store.held_by("me")] == [mine.id]
    assert store.held_by("them") == []


def test_jobs_are_listed_newest_first_per_caller(store, add):
    mine = [add().id, add().id]
    hers = add(caller="bob", webhook="https://example.org").id

    assert [job.id for job in store.list_jobs(caller="alice")] == mine[::-1]
    assert [job.id for job in store.list_jobs(limit=1)] == [hers]
    assert [job.id for job in store.list_jobs(webhooks_only=True)] == [hers]
