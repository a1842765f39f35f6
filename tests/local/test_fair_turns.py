"""Callers share a worker: simulated on the real store, in the order in which it offers jobs."""

from __future__ import annotations

import heapq
import random
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.adapters.local import statements, turns
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.turns import HEAD_START, MOST_CREDIT, reckon
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus

FLOOD = 50_000
SLOTS, CALLERS, LOAD, LENGTH_S = 4, 20, 0.8, 1500.0


class Queue:
    """One worker's queue, played by hand; time is what the test says."""

    def __init__(self, folder, make_job):
        self.database = Database(folder / "jobs.db")
        self.store, self._make = SqliteStore(self.database), make_job
        self.now = 0.0

    def bring(self, caller, count=1, **changes):
        base = {"caller": caller, "status": JobStatus.QUEUED, "created_at": self.now, "due_at": 1}
        times = {"start_by": 1e9, "run_timeout_s": 1e6}
        jobs = [self._make(**(base | times | changes)) for _ in range(count)]
        self.store.create(jobs)
        return [job.id for job in jobs]

    def next(self):
        """The job that a replica gets now, leased; None when nobody waits."""
        args = {"worker": "echo", "now": self.now, "limit": 1}
        row = self.database.read(statements.next_ready(), args).fetchone()
        if row is None:
            return None
        lease = moves.lease(owner="r", now=self.now, lease_s=1e6, margin_s=0)
        return self.store.move(row[0], lease)

    def end(self, job):
        assert self.store.move(job.id, moves.succeed(job, now=self.now, output="{}"))

    def served(self, count):
        """Who is served when jobs run one after the other."""
        callers = []
        for _ in range(count):
            job = self.next()
            callers.append(job.caller)
            self.end(job)
        return callers


@pytest.fixture
def queue(tmp_path, make_job):
    made = Queue(tmp_path, make_job)
    yield made
    made.database.close()


def arrivals_of_others(rng):
    """When, whose and how long: CALLERS callers who ask LOAD of the slots in all."""
    found, now = [], 0.0
    while now < LENGTH_S:
        now += rng.expovariate(LOAD * SLOTS)
        found.append((now, f"caller-{rng.randrange(CALLERS)}", rng.uniform(0.5, 1.5)))
    return found


def waits_of(queue, arrivals, rng):
    """Seconds from submit to start of each of these jobs; others in the queue run between them."""
    lengths, free, waits = {}, SLOTS, []
    events = [(at, number, None) for number, (at, _, _) in enumerate(arrivals)]
    while len(waits) < len(arrivals):
        queue.now, number, ended = heapq.heappop(events)
        if ended is None:
            (job_id,) = queue.bring(arrivals[number][1])
            lengths[job_id] = arrivals[number][2]
        else:
            queue.end(ended)
            free += 1
        while free and (job := queue.next()):
            free -= 1
            if job.id in lengths:
                waits.append(queue.now - job.created_at)
            length = lengths.get(job.id) or rng.uniform(0.5, 1.5)
            heapq.heappush(events, (queue.now + length, number, job))
        assert queue.now < 2 * LENGTH_S, "they wait for the long queue"
    return sorted(waits)


def test_a_caller_with_50000_jobs_raises_the_waits_of_others_by_half_at_most(tmp_path, make_job):
    arrivals, p95 = arrivals_of_others(random.Random(2)), {}
    for flood in (0, FLOOD):
        queue = Queue(tmp_path / str(flood), make_job)
        for _ in range(flood // 1000):
            queue.bring("flood", 1000)
        waits = waits_of(queue, arrivals, random.Random(1))
        p95[flood] = waits[int(0.95 * len(waits))]
        assert queue.store.waiting().get("flood", 0) < max(flood, 1), "nor does the flood starve"
        queue.database.close()

    assert p95[FLOOD] <= 1.5 * p95[0], p95


def test_one_caller_alone_is_served_in_order_of_arrival(queue):
    jobs = queue.bring("alice", 3)
    first = queue.next()
    jobs += queue.bring("alice", 40)
    queue.end(first)

    assert [first.id, *(queue.next().id for _ in range(42))] == jobs


def test_two_callers_with_long_queues_take_turns(queue):
    queue.bring("alice", 200)
    queue.served(100)
    queue.bring("bob", 100)
    served = queue.served(120)

    assert served[:MOST_CREDIT] == ["bob"] * MOST_CREDIT, "who comes new has credit"
    assert abs(served[-60:].count("alice") - 30) <= 2


def test_whoever_has_been_away_gets_no_more_than_its_credit_ahead(queue):
    queue.bring("alice", 5)
    queue.served(5)
    queue.bring("bob", 300)
    queue.served(200)
    queue.bring("alice", 60)

    served = queue.served(60)
    assert served[:MOST_CREDIT] == ["alice"] * MOST_CREDIT
    assert served.count("alice") == 30, "an advance, not a gift"


def test_a_long_queue_gets_its_share_when_others_ask_for_everything(queue):
    queue.bring("flood", 500)
    for _ in range(300):  # nine callers bring as much as can be served
        for number in range(9):
            queue.bring(f"caller-{number}")
        queue.served(9)

    left = queue.store.waiting()["flood"]
    assert 500 - left >= 200, "a tenth of 2,700 turns, less the others' credits"


def test_a_job_that_is_tried_again_keeps_its_turn(queue):
    (first,) = queue.bring("alice")
    job = queue.next()
    queue.bring("alice", 30)
    queue.store.move(first, moves.hand_back(job, now=queue.now))

    assert queue.next().id == first


def test_a_retry_that_waits_long_ago_gives_newcomers_no_place_before_others(queue):
    queue.bring("alice", 1, not_before=1e6)
    queue.bring("bob", 100)
    queue.served(90)
    queue.bring("carol", 60)

    assert queue.served(40).count("bob") == 10


def test_a_place_in_the_queue_is_the_number_of_jobs_that_would_run_before(queue):
    rng = random.Random(5)
    for _ in range(60):
        queue.bring(rng.choice(["alice", "bob", "carol"]), rng.randrange(1, 6))
        queue.served(rng.randrange(3))
    waiting = [job for job in queue.store.list_jobs(limit=500) if job.status == "queued"]
    places = {job.id: queue.store.ahead_of(job) for job in waiting}

    order = [queue.next().id for _ in waiting]
    assert [places[job_id] for job_id in order] == list(range(len(order)))


@given(
    runs=st.none() | st.integers(0, 100), waits=st.none() | st.integers(0, 100),
    newest=st.integers(100, 200), had=st.none() | st.integers(0, 100),
    left=st.integers(0, MOST_CREDIT),
)  # fmt: skip
def test_a_level_rises_and_is_never_beyond_the_rows_own_number(runs, waits, newest, had, left):
    turn = reckon(runs, waits, newest, had, None if had is None else left)

    assert 0 <= turn.credit <= MOST_CREDIT
    assert turn.level <= newest + 1
    assert had is None or turn.level > had
    assert turn.level >= max(runs or 0, waits or 0)
    assert turn.turn == turn.level - (HEAD_START if turn.credit else 0)


def test_a_level_from_before_all_rows_were_forgotten_counts_for_no_more_than_the_row():
    assert reckon(None, None, None, 5000, 0).level == 1
    assert reckon(3, None, 8, 5000, 0).level == 9


def test_no_job_is_passed_by_one_that_comes_a_million_rows_later():
    old = reckon(5, 5, 10, 5, 0)
    late = reckon(5, 5, 1_100_000, None, None)
    assert late.turn > old.turn


def test_finding_a_turn_reads_a_few_rows_however_many_there_are(queue):
    queue.bring("flood", 5000)
    queue.bring("alice")
    steps = []
    reader = sqlite3.connect(queue.database._path, isolation_level=None)
    reader.execute("BEGIN IMMEDIATE")
    reader.set_progress_handler(lambda: steps.append(1) and None, 10)

    turns.of(reader.execute, queue.store.list_jobs(caller="alice")[0])
    reader.close()
    assert len(steps) < 40  # a scan of 5,000 rows takes thousands of steps of ten instructions


def kept(queue):
    return dict(queue.database.read("SELECT caller, level FROM turn ORDER BY caller").fetchall())


def test_callers_that_left_are_forgotten_once_it_makes_no_difference(queue):
    queue.bring("alice"), queue.bring("bob", 20)
    queue.served(21)
    queue.store.purge(now=0.0)
    assert set(kept(queue)) == {"bob"}  # whose credit is not back yet

    queue.bring("carol", 30, worker="other")
    queue.bring("alice")
    queue.store.purge(now=0.0)
    assert set(kept(queue)) == {"alice", "bob", "carol"}  # somebody waits there

    queue.served(1)
    queue.store.purge(now=0.0)
    assert set(kept(queue)) == {"carol"}


@given(row=st.integers(1, 200), had=st.integers(1, 200), left=st.integers(0, MOST_CREDIT))
def test_what_is_swept_is_what_gives_the_same_turn_as_nothing(row, had, left):
    """In a queue in which nobody lives; ``row`` is the next row's number."""
    if had - left + MOST_CREDIT + 1 <= row:
        assert reckon(None, None, row - 1, had, left) == reckon(None, None, row - 1, None, None)
