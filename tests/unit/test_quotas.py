"""How much one caller may ask: the bucket, the counts, and whom they concern."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.limits import headers_of
from pilotlight import bootstrap
from pilotlight.adapters.local.clock import ManualClock
from pilotlight.contracts import moves
from pilotlight.errors import BacklogFull, QueueQuotaReached, RateLimited
from pilotlight.intake.quotas import Limits, Quotas, spend
from pilotlight.settings import QuotaSettings, Settings


def taken(count, now, full_at=0.0, **bucket):
    """How many of so many requests at one moment go through, and the bucket afterwards."""
    through = 0
    for _ in range(count):
        spent = spend(full_at, now, **bucket)
        through += not spent.wait_s
        full_at = spent.full_at
    return through, full_at


def test_a_full_bucket_gives_its_burst_and_then_its_rate():
    through, full_at = taken(60, 100.0, per_s=10, burst=50)
    assert through == 50

    assert spend(full_at, 100.0, per_s=10, burst=50).wait_s == pytest.approx(0.1)
    through, full_at = taken(60, 101.0, full_at, per_s=10, burst=50)
    assert through == 10
    assert taken(60, 200.0, full_at, per_s=10, burst=50)[0] == 50


def test_a_bucket_says_what_is_left():
    spent = spend(0.0, 5.0, per_s=2, burst=3)
    assert (spent.left, spent.full_at) == (2, 5.5)


@given(
    steps=st.lists(st.floats(0, 3), min_size=1, max_size=200),
    per_s=st.floats(0.1, 100),
    burst=st.integers(1, 20),
)
def test_never_more_than_the_burst_and_the_rate_go_through(steps, per_s, burst):
    now, full_at, through = 1000.0, 0.0, 0
    for step in steps:
        now += step
        spent = spend(full_at, now, per_s=per_s, burst=burst)
        full_at = spent.full_at
        through += not spent.wait_s
        assert spent.wait_s >= 0
        assert 0 <= spent.left < burst or spent.left == burst - 1

    assert through <= burst + (now - 1000.0) * per_s + 1e-3


@given(full_at=st.floats(0, 1e6), now=st.floats(0, 1e6), per_s=st.floats(0.1, 100))
def test_whoever_waits_as_long_as_told_goes_through(full_at, now, per_s):
    full_at = min(full_at, now + 5 / per_s)
    spent = spend(full_at, now, per_s=per_s, burst=5)
    if spent.wait_s:
        later = now + spent.wait_s
        assert spend(full_at, later, per_s=per_s, burst=5).wait_s == pytest.approx(0, abs=1e-9)


class Waiting:
    """A store that only knows how many jobs wait, and how often it was asked."""

    remote = False

    def __init__(self, **counts):
        self.counts, self.asked = counts, 0

    def waiting(self):
        self.asked += 1
        return dict(self.counts)


def quotas(store=None, **settings):
    return Quotas(store or Waiting(), ManualClock(), QuotaSettings(**settings))


def requests(quota, caller, count):
    through = 0
    for _ in range(count):
        try:
            quota.request(caller)
        except RateLimited:
            continue
        through += 1
    return through


def test_without_a_quota_nothing_is_counted_and_no_store_is_asked():
    store = Waiting(alice=10**6)
    quota = quotas(store)

    assert requests(quota, "alice", 1000) == 1000
    quota.job("alice")
    assert not quota.limits_jobs("alice")
    assert store.asked == 0


def test_each_caller_has_a_bucket_of_its_own():
    quota = quotas(requests_per_s=1, burst=3)

    assert requests(quota, "alice", 9) == 3
    assert requests(quota, "bob", 9) == 3
    quota.clock.sleep(2)
    assert requests(quota, "alice", 9) == 2


def test_what_a_key_says_goes_before_the_settings_until_another_key_is_used():
    quota = quotas(requests_per_s=1, burst=3, queued_jobs=5)
    quota.learn("alice", Limits(requests_per_s=1, burst=8))
    quota.learn("carol", Limits(queued_jobs=1))

    assert requests(quota, "alice", 20) == 8
    assert requests(quota, "bob", 20) == 3
    quota.job("carol")
    with pytest.raises(QueueQuotaReached):
        quota.job("carol")
    quota.learn("carol", None)
    quota.job("carol")


def test_waiting_jobs_are_counted_by_the_store_and_added_to_for_a_second():
    store = Waiting(alice=2)
    quota = quotas(store, queued_jobs=4)
    quota.job("alice")
    quota.job("alice")
    with pytest.raises(QueueQuotaReached) as refused:
        quota.job("alice")
    assert store.asked == 1
    assert "4 of your jobs" in str(refused.value)

    store.counts["alice"] = 3
    quota.clock.sleep(1.1)
    quota.job("alice")
    assert store.asked == 2


class FarAway(Waiting):
    """A count takes two seconds."""

    def waiting(self):
        self.clock.sleep(2)
        return super().waiting()


def test_a_count_that_takes_long_is_taken_less_often():
    store = FarAway(alice=2)
    quota = quotas(store, queued_jobs=100)
    store.clock = quota.clock
    for _ in range(39):
        quota.job("alice")
        quota.clock.sleep(1)
    assert store.asked == 1

    quota.clock.sleep(3)
    quota.job("alice")
    assert store.asked == 2


class Gated(Waiting):
    """The second count waits until somebody opens."""

    def __init__(self, **counts):
        super().__init__(**counts)
        self.begun, self.opened = threading.Event(), threading.Event()

    def waiting(self):
        if self.asked:
            self.begun.set()
            assert self.opened.wait(30)
        return super().waiting()


def test_nobody_counts_while_somebody_does():
    store = Gated(alice=2)
    quota = quotas(store, queued_jobs=100)
    quota.job("alice")
    quota.clock.sleep(2)
    counting = threading.Thread(target=quota.job, args=("alice",))
    counting.start()
    assert store.begun.wait(30)

    for _ in range(10):
        quota.job("alice")
    assert store.asked == 1

    store.opened.set()
    counting.join()
    assert store.asked == 2


def test_a_refused_caller_reads_when_to_come_back():
    quota = quotas(requests_per_s=0.25, burst=2)
    quota.request("alice"), quota.request("alice")
    with pytest.raises(RateLimited) as refused:
        quota.request("alice")

    assert headers_of(refused.value) == {
        "retry-after": "4",
        "ratelimit-limit": "2",
        "ratelimit-remaining": "0",
        "ratelimit-reset": "8",
    }
    assert headers_of(BacklogFull("full")) == {"retry-after": "1"}


def test_the_buckets_of_callers_that_left_are_let_go():
    quota = quotas(requests_per_s=100, burst=5)
    for number in range(10_000):
        quota.request(f"caller-{number}")
    quota.clock.sleep(1)
    quota.request("late"), quota.request("later")

    assert len(quota._full_at) < 10


def test_a_full_quota_refuses_the_next_submit_until_a_job_has_left(tmp_path, clock, submission):
    settings = Settings(data=tmp_path, quota=QuotaSettings(queued_jobs=2))
    house = bootstrap.services(settings, clock=clock)
    first = asyncio.run(house.submit(submission()))
    asyncio.run(house.submit(submission()))
    with pytest.raises(QueueQuotaReached):
        asyncio.run(house.submit(submission()))
    asyncio.run(house.submit(submission(caller="bob")))

    assert house.store.waiting() == {"alice": 2, "bob": 1}
    house.store.move(first.id, moves.cancel(first, now=clock.now()))
    clock.sleep(2)
    assert asyncio.run(house.submit(submission()))
    house.close()
