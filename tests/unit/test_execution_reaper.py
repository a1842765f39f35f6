from __future__ import annotations

import pytest

from pilotlight.adapters.local.clock import ManualClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import group, moves
from pilotlight.contracts.job import JobStatus
from pilotlight.errors import Unavailable
from pilotlight.execution.reaper import Reaped, Reaper, decide
from pilotlight.settings import Settings

TERMS = {"lease_s": 60, "margin_s": 10}


class Lid(ManualClock):
    """The clock of a machine that can be shut: it sleeps, and only the wall clock runs on."""

    shut_s = 0.0

    def now(self):
        return super().now() + self.shut_s


class Sender:
    """A queue that keeps what is sent."""

    def __init__(self, *, rides_on_store):
        self.rides_on_store = rides_on_store
        self.sent = []
        self.away = False
        self.asked = []

    def send(self, message):
        if self.away or message.worker == "gone":
            self.asked.append(message.worker)
            raise Unavailable("the queue is away")
        self.sent.append(message.job_id)

    def poke(self, worker, *job_ids):
        """Nobody listens."""


class Announcer:
    def __init__(self):
        self.told = []

    def changed(self, job_ids):
        self.told.extend(job_ids)


class House:
    def __init__(self, folder, clock, *, rides_on_store=False):
        self.database = Database(folder / "jobs.db")
        self.store = SqliteStore(self.database)
        self.clock = clock
        self.sender, self.announcer = Sender(rides_on_store=rides_on_store), Announcer()
        self.reap = Reaper(self.store, self.sender, self.announcer, clock, Settings(data=folder))

    def add(self, job):
        self.store.create([job])
        return job.id

    def lease(self, job_id, owner="replica-1"):
        move = moves.lease(owner=owner, now=self.clock.now(), **TERMS)
        return self.store.move(job_id, move)

    def status(self, job_id):
        return self.store.get(job_id).status


@pytest.fixture
def house(tmp_path, clock):
    made = House(tmp_path, clock)
    yield made
    made.database.close()


@pytest.fixture
def table_house(tmp_path, clock):
    made = House(tmp_path, clock, rides_on_store=True)
    yield made
    made.database.close()


def test_nothing_is_done_before_anything_is_due(house, make_job):
    job_id = house.add(make_job())
    assert house.reap() == Reaped()
    assert house.status(job_id) is JobStatus.ACCEPTED


def test_an_accepted_job_without_a_message_gets_one(house, make_job, clock):
    job_id = house.add(make_job())
    clock.sleep(15)
    assert house.reap() == Reaped(resent=1)
    assert house.status(job_id) is JobStatus.QUEUED
    assert house.sender.sent == [job_id]
    assert house.store.get(job_id).due_at == clock.now() + 120


def test_a_queued_job_gets_its_message_again_until_it_expires(house, make_job, clock):
    job_id = house.add(make_job(start_by=clock.now() + 200))
    for wait_s in (15, 120):
        clock.sleep(wait_s)
        house.reap()
    assert house.sender.sent == [job_id, job_id]
    clock.sleep(65)
    assert house.reap() == Reaped(expired=1)
    assert house.status(job_id) is JobStatus.EXPIRED
    assert house.store.get(job_id).due_at is None


def test_a_job_that_rides_on_the_table_is_only_looked_at_when_it_expires(
    table_house, make_job, clock
):
    job_id = table_house.add(make_job(start_by=clock.now() + 200))
    clock.sleep(15)
    table_house.reap()
    assert table_house.store.next_due() == table_house.store.get(job_id).start_by


def test_a_waiting_job_expires_too(house, make_job, clock):
    start_by = clock.now() + 5
    job_id = house.add(make_job(status=JobStatus.WAITING, start_by=start_by, due_at=start_by))
    clock.sleep(5)
    assert house.reap() == Reaped(expired=1)
    assert house.status(job_id) is JobStatus.EXPIRED


def test_a_lease_is_taken_back_only_after_its_margin(house, make_job, clock):
    job_id = house.add(make_job(run_timeout_s=3600))
    house.lease(job_id)
    clock.sleep(69)
    assert house.reap() == Reaped()
    clock.sleep(1)
    assert house.reap() == Reaped(returned=1)
    job = house.store.get(job_id)
    assert (job.status, job.losses, job.attempts) == (JobStatus.QUEUED, 1, 0)
    assert house.sender.sent == [job_id]
    assert house.announcer.told == [job_id]


def test_a_row_that_is_due_too_early_is_left_alone(make_job, clock):
    now = clock.now()
    job = make_job(status=JobStatus.RUNNING, lease_until=now - 9, run_by=now + 60)
    assert decide(job, now=now, margin_s=10, resend_s=120) is None
    assert decide(job, now=now + 1, margin_s=10, resend_s=120) is not None


def test_a_beat_keeps_the_reaper_away(house, make_job, clock):
    job_id = house.add(make_job(run_timeout_s=3600))
    job = house.lease(job_id)
    clock.sleep(50)
    house.store.move(job_id, moves.beat(job, now=clock.now(), **TERMS))
    clock.sleep(30)
    assert house.reap() == Reaped()


def test_a_silent_attempt_past_its_timeout_fails_as_timed_out(house, make_job, clock):
    job_id = house.add(make_job(run_timeout_s=20, webhook="https://example.org/hook"))
    house.lease(job_id)
    clock.sleep(70)
    assert house.reap() == Reaped(timed_out=1)
    job = house.store.get(job_id)
    assert job.status is JobStatus.FAILED
    assert job.webhook_due == clock.now()
    assert house.sender.sent == []


def test_a_job_whose_replica_was_gone_before_its_time_was_up_is_tried_again(house, make_job, clock):
    """Nobody looked for hours, as after a power cut at night."""
    job_id = house.add(make_job(run_timeout_s=300, start_by=clock.now() + 24 * 3600))
    job = house.lease(job_id)
    clock.sleep(30)
    house.store.move(job_id, moves.beat(job, now=clock.now(), **TERMS))
    clock.sleep(8 * 3600)
    assert house.reap() == Reaped(returned=1)
    assert house.status(job_id) is JobStatus.QUEUED
    assert house.sender.sent == [job_id]


def test_a_replica_that_dies_while_it_stores_has_not_outrun_anything(house, make_job, clock):
    job_id = house.add(make_job(run_timeout_s=20))
    job = house.lease(job_id)
    clock.sleep(15)
    assert house.store.move(job_id, moves.storing(job, now=clock.now(), **TERMS))
    clock.sleep(71)
    assert house.reap() == Reaped(returned=1)
    assert house.status(job_id) is JobStatus.QUEUED


def test_the_third_lost_lease_fails_the_job(house, make_job, clock):
    job_id = house.add(make_job(run_timeout_s=3600))
    for _ in range(2):
        house.lease(job_id)
        clock.sleep(70)
        assert house.reap() == Reaped(returned=1)
    house.lease(job_id)
    clock.sleep(70)
    assert house.reap() == Reaped(poisoned=1)
    assert house.status(job_id) is JobStatus.FAILED
    assert [record.outcome for record in house.store.attempts_of(job_id)] == ["T10", "T10", "T11"]


def test_a_replica_seen_dead_loses_its_jobs_at_once_and_only_its_own(house, make_job, clock):
    mine, other = house.add(make_job()), house.add(make_job())
    house.lease(mine, "replica-1")
    house.lease(other, "replica-2")
    assert house.reap.reap_owner("replica-1") == Reaped(returned=1)
    assert house.status(mine) is JobStatus.QUEUED
    assert house.status(other) is JobStatus.RUNNING


def test_more_rows_than_one_batch_are_handled_in_one_call(house, make_job, clock):
    house.store.create([make_job() for _ in range(250)])
    clock.sleep(15)
    assert house.reap() == Reaped(resent=250)


def test_rows_that_are_read_a_few_at_a_time_are_handled_in_one_call(
    house, make_job, clock, monkeypatch
):
    monkeypatch.setattr(group, "MOST_CHARS", 2500)
    for _ in range(8):
        house.add(make_job(input='"' + "x" * 998 + '"'))
    clock.sleep(3600)

    assert house.reap().expired == 8


def test_a_queue_that_is_away_keeps_nothing_else_from_being_done(house, make_job, clock):
    let_go = []
    house.reap.let_go = let_go.append
    lost = house.lease(house.add(make_job(run_timeout_s=3600)))
    spent = house.lease(house.add(make_job(run_timeout_s=3600, max_losses=1)))
    house.store.move(spent.id, moves.note(spent, text="asked"))
    house.sender.away = True
    clock.sleep(70)
    assert house.reap() == Reaped(returned=1, poisoned=1)
    assert [job.id for job in let_go] == [spent.id]
    assert sorted(house.announcer.told) == sorted([lost.id, spent.id])

    house.sender.away = False
    assert house.reap() == Reaped(resent=1)
    assert house.sender.sent == [lost.id]


def test_a_worker_that_is_deployed_no_more_keeps_no_others_messages_back(house, make_job, clock):
    for _ in range(3):
        house.add(make_job(worker="gone"))
    job_id = house.add(make_job())
    clock.sleep(15)
    assert house.reap() == Reaped(resent=4)
    assert (house.sender.sent, house.sender.asked) == ([job_id], ["gone"])


def test_where_the_whole_queue_is_away_only_some_are_tried(house, make_job, clock):
    for number in range(9):
        house.add(make_job(worker=f"worker-{number}"))
    house.sender.away = True
    clock.sleep(15)
    assert house.reap() == Reaped(resent=9)
    assert len(house.sender.asked) == 3


@pytest.fixture
def laptop(tmp_path):
    made = House(tmp_path, Lid())
    yield made
    made.database.close()


def test_a_machine_that_slept_leaves_its_replicas_time_to_keep_their_leases(laptop, make_job):
    kept, lost = (laptop.add(make_job(run_timeout_s=3600, due_at=None)) for _ in range(2))
    held = laptop.lease(kept)
    laptop.lease(lost)
    laptop.clock.shut_s += 8 * 3600
    assert laptop.reap() == Reaped()
    laptop.store.move(kept, moves.beat(held, now=laptop.clock.now(), **TERMS))

    laptop.clock.sleep(59)
    assert laptop.reap() == Reaped()
    laptop.clock.sleep(1)
    assert laptop.reap() == Reaped(returned=1)
    assert (laptop.status(kept), laptop.status(lost)) == (JobStatus.RUNNING, JobStatus.QUEUED)


def test_a_replica_seen_dead_loses_its_jobs_after_a_sleep_too(laptop, make_job):
    laptop.lease(laptop.add(make_job(run_timeout_s=3600)), "dead")
    laptop.clock.shut_s += 3600
    laptop.reap()
    assert laptop.reap.reap_owner("dead") == Reaped(returned=1)


def test_where_replicas_are_elsewhere_a_jump_of_this_clock_says_nothing_of_them(laptop, make_job):
    class Far(SqliteStore):
        remote = True

    far = Far(laptop.database)
    reap = Reaper(far, laptop.sender, laptop.announcer, laptop.clock, laptop.reap.settings)
    laptop.lease(laptop.add(make_job(run_timeout_s=3600)))
    laptop.clock.shut_s += 71
    assert reap() == Reaped(returned=1)
