"""A finished job becomes known: real rows, real sockets, receivers polite and hostile."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import pytest
import standardwebhooks

from pilotlight.adapters.local.clock import ManualClock, SystemClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.secrets import FileSecrets
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.web.guard import Policy
from pilotlight.adapters.web.outbound import Outbound
from pilotlight.adapters.web.poster import GuardedPoster
from pilotlight.contracts import moves
from pilotlight.contracts.job import Job, JobError, JobStatus
from pilotlight.contracts.webhook import MAX_BODY_BYTES
from pilotlight.delivery.dispatcher import Dispatcher
from pilotlight.delivery.replay import replay_jobs, replay_since
from pilotlight.delivery.signing import Signer
from pilotlight.errors import UnknownJob
from pilotlight.settings import WebhookSettings
from tests.contract.http_servers import DEADLINE_S, drip, hold, reply, serving

DAY = 24 * 3600


def render(job: Job, *, thin: bool = False) -> bytes:
    if job.origin == "broken":
        raise ValueError("this origin cannot say it")
    body = {"request_id": job.id, "status": job.status, "payload": job.output}
    if thin:
        body |= {"payload": None, "payload_error": "too large"}
    return json.dumps(body).encode()


@dataclass
class PostOffice:
    """The delivery side of an installation on one data folder."""

    store: SqliteStore
    signer: Signer
    clock: ManualClock | SystemClock
    settings: WebhookSettings
    dispatcher: Dispatcher
    _made: int = 0

    def job(self, url: str | None, *, caller="alice", origin="native", output='"hi"') -> Job:
        """A job that has just succeeded."""
        self._made += 1
        now = self.clock.now()
        job = Job(
            id=f"job-{self._made}",
            caller=caller,
            endpoint="pilotlight/echo",
            worker="echo",
            origin=origin,
            input="{}",
            created_at=now,
            start_by=now + 60,
            run_timeout_s=60,
            due_at=now,
            webhook=url,
        )
        self.store.create([job])
        held = self.store.move(job.id, moves.lease(owner="r", now=now, lease_s=60, margin_s=10))
        assert held is not None
        done = self.store.move(job.id, moves.succeed(held, now=now, output=output))
        assert done is not None
        return done

    def deliver(self) -> int:
        """Post everything that is due now, and wait for the answers."""
        begun = self.dispatcher(self.clock.now())
        assert self.dispatcher.finish(DEADLINE_S)
        return begun

    def row(self, job: Job) -> Job:
        row = self.store.get(job.id)
        assert row is not None
        return row


@pytest.fixture
def open_office(tmp_path):
    """Make post offices on the same data folder, as several processes would be."""
    opened = []

    def make(*, clock=None, **settings) -> PostOffice:
        database = Database(tmp_path / "jobs.db")
        store, clock = SqliteStore(database), clock or ManualClock(time.time())
        signer = Signer(FileSecrets(tmp_path / "secrets"))
        webhook = WebhookSettings(**({"timeout_s": 10} | settings))
        poster = GuardedPoster(Outbound(policy=Policy(allow_loopback=True)), webhook, SystemClock())
        dispatcher = Dispatcher(
            store, poster, signer, render, clock=clock, settings=webhook, rng=random.Random(7)
        )
        opened.append((dispatcher, database))
        return PostOffice(store, signer, clock, webhook, dispatcher)

    yield make
    for dispatcher, database in opened:
        dispatcher.close(DEADLINE_S)
        database.close()


@pytest.fixture
def office(open_office):
    return open_office()


def ids(receiver) -> list[str]:
    return [request.headers["webhook-id"] for request in receiver.received]


def test_a_finished_job_is_announced_once_and_signed(office):
    with serving(reply(200)) as receiver:
        job = office.job(receiver.url())
        assert office.deliver() == 1
        assert office.deliver() == 0

    (request,) = receiver.received
    (secret,) = office.signer.active_secrets("alice", office.clock.now())
    body = standardwebhooks.Webhook(secret).verify(request.body, request.headers)
    assert body == {"request_id": job.id, "status": "succeeded", "payload": '"hi"'}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-fal-webhook-request-id"] == job.id
    row = office.row(job)
    assert (row.webhook_state, row.webhook_due, row.webhook_tries) == ("delivered", None, 1)
    assert row.status is JobStatus.SUCCEEDED


def test_a_job_without_a_webhook_is_not_announced(office):
    job = office.job(None)

    assert office.deliver() == 0
    assert office.row(job).webhook_state is None


def test_every_way_to_end_is_announced_under_its_own_id(office):
    now = office.clock.now()
    with serving(reply(200)) as receiver:
        waiting = [
            Job(
                id=f"end-{name}",
                caller="alice",
                endpoint="e",
                worker="echo",
                origin="native",
                input="{}",
                created_at=now,
                start_by=now + 60,
                run_timeout_s=60,
                webhook=receiver.url(),
            )
            for name in ("cancelled", "failed", "expired")
        ]
        office.store.create(waiting)
        office.store.move("end-cancelled", moves.cancel(waiting[0], now=now))
        held = office.store.move(
            "end-failed", moves.lease(owner="r", now=now, lease_s=60, margin_s=10)
        )
        office.store.move("end-failed", moves.fail(held, now=now, error=JobError("x", "x")))
        office.clock.sleep(61)
        office.store.move("end-expired", moves.expire(waiting[2], now=office.clock.now()))
        office.deliver()

    assert sorted(ids(receiver)) == [
        "wh_end-cancelled_cancelled",
        "wh_end-expired_expired",
        "wh_end-failed_failed",
    ]


def test_500s_follow_the_schedule_to_its_end_under_one_id(office):
    with serving(reply(500)) as receiver:
        job = office.job(receiver.url())
        assert office.deliver() == 1
        for wait in office.settings.schedule_s[1:]:
            due = office.row(job).webhook_due
            assert due - office.clock.now() == pytest.approx(wait, rel=0.2)
            office.clock.sleep(due - office.clock.now() - 0.01)
            assert office.deliver() == 0
            office.clock.sleep(0.02)
            assert office.deliver() == 1

    row = office.row(job)
    assert (row.webhook_state, row.webhook_due, row.webhook_tries) == ("given_up", None, 10)
    assert ids(receiver) == [f"wh_{job.id}_succeeded"] * 10
    stamps = {request.headers["webhook-timestamp"] for request in receiver.received}
    assert len(stamps) == 10


def test_a_receiver_that_comes_back_gets_it_and_then_no_more(office):
    answers = iter([503, 500, 204])

    def recovering(handler, receiver):
        reply(next(answers))(handler, receiver)

    with serving(recovering) as receiver:
        job = office.job(receiver.url())
        for _try in range(6):
            office.deliver()
            office.clock.sleep(DAY)

    assert len(receiver.received) == 3
    assert office.row(job).webhook_state == "delivered"


def test_retry_after_is_waited_for(office):
    with serving(reply(429, Retry_After="600")) as receiver:
        job = office.job(receiver.url())
        office.deliver()

    assert office.row(job).webhook_due == office.clock.now() + 600


def test_a_redirect_is_a_failure_and_is_not_followed(office):
    with (
        serving(reply(200)) as other,
        serving(reply(302, Location=other.url())) as receiver,
    ):
        job = office.job(receiver.url())
        office.deliver()

    assert other.received == []
    assert office.row(job).webhook_state is None
    assert office.row(job).webhook_due > office.clock.now()


def test_a_receiver_that_nobody_may_reach_counts_as_failed(office):
    job = office.job("http://169.254.169.254/latest/")
    office.deliver()

    row = office.row(job)
    assert row.webhook_tries == 1
    assert row.webhook_due > office.clock.now()


def test_a_url_that_is_none_is_given_up(office):
    job = office.job("ftp://receiver.test/")
    office.deliver()

    assert office.row(job).webhook_state == "given_up"


@pytest.mark.parametrize(
    "answer", [hold, drip(b"HTTP/1.1 200 OK\r\nX: ", b"y")], ids=["silent", "slow loris"]
)
def test_a_hostile_receiver_costs_one_timeout_and_is_tried_later(open_office, answer):
    office = open_office(timeout_s=0.3, connect_timeout_s=0.3)
    with serving(answer) as receiver:
        job = office.job(receiver.url())
        office.deliver()

    assert office.row(job).webhook_due == pytest.approx(office.clock.now() + 5, abs=1.01)


def test_410_disables_the_url_and_no_other(office):
    with serving(reply(410)) as receiver, serving(reply(200)) as other:
        first = office.job(receiver.url())
        office.deliver()
        second, third = office.job(receiver.url()), office.job(other.url())
        office.deliver()

    assert len(receiver.received) == 1
    assert office.row(first).webhook_state == "disabled"
    assert office.row(second).webhook_state == "disabled"
    assert office.row(second).webhook_tries == 0
    assert office.row(third).webhook_state == "delivered"


def test_a_disabled_url_stays_disabled_over_a_restart_until_a_replay_succeeds(office, open_office):
    answers = iter([410, 200, 200])

    def changing_its_mind(handler, receiver):
        reply(next(answers))(handler, receiver)

    with serving(changing_its_mind) as receiver:
        first = office.job(receiver.url())
        office.deliver()

        office.dispatcher = open_office(clock=office.clock).dispatcher
        second = office.job(receiver.url())
        office.deliver()
        assert office.row(second).webhook_state == "disabled"
        assert len(receiver.received) == 1

        assert replay_jobs(office.store, [first.id], now=office.clock.now()) == [first.id]
        office.deliver()
        third = office.job(receiver.url())
        office.deliver()

    assert office.row(first).webhook_state == "delivered"
    assert office.row(third).webhook_state == "delivered"


def test_ten_failures_over_five_days_disable_a_url(office):
    with serving(reply(500)) as receiver:
        job = office.job(receiver.url())
        last = job
        for _day in range(6):
            office.deliver()
            last = office.job(receiver.url())
            office.deliver()
            office.clock.sleep(DAY)
        office.deliver()
        posted = len(receiver.received)
        late = office.job(receiver.url())
        office.deliver()

    assert office.row(last).webhook_state == "disabled"
    assert office.row(late).webhook_state == "disabled"
    assert len(receiver.received) == posted


def test_a_dispatcher_that_stalls_after_the_post_costs_a_duplicate_with_the_same_id(
    office, open_office
):
    with serving(reply(200)) as receiver:
        job = office.job(receiver.url())
        office.dispatcher(office.clock.now())
        receiver.wait_for(1)  # posted, but never settled

        other = open_office(clock=office.clock)
        assert other.deliver() == 0
        office.clock.sleep(other.settings.timeout_s + 16)
        assert other.deliver() == 1
        settled = office.row(job)
        assert office.dispatcher.finish(DEADLINE_S)

    assert ids(receiver) == [f"wh_{job.id}_succeeded"] * 2
    assert settled.webhook_state == "delivered"
    assert office.row(job) == settled  # the late settlement was refused


KILLED = """
import random, sys, threading
from pathlib import Path
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.secrets import FileSecrets
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.web.guard import Policy
from pilotlight.adapters.web.outbound import Outbound
from pilotlight.adapters.web.poster import GuardedPoster
from pilotlight.delivery.dispatcher import Dispatcher
from pilotlight.delivery.signing import Signer
from pilotlight.settings import WebhookSettings

folder, settings, clock = Path(sys.argv[1]), WebhookSettings(), SystemClock()
Dispatcher(
    SqliteStore(Database(folder / "jobs.db")),
    GuardedPoster(Outbound(policy=Policy(allow_loopback=True)), settings, clock),
    Signer(FileSecrets(folder / "secrets")),
    lambda job, thin=False: b"{}",
    clock=clock,
    settings=settings,
    rng=random.Random(),
).run(threading.Event())
"""


def test_kill_9_of_a_dispatcher_in_the_middle_of_a_post_loses_nothing(office, tmp_path):
    killed = threading.Event()

    def answer_the_second(handler, receiver):
        if len(receiver.received) > 1:
            reply(200)(handler, receiver)
        else:
            killed.wait(DEADLINE_S)

    with serving(answer_the_second) as receiver:
        job = office.job(receiver.url())
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
        receiver.wait_for(1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed.set()

        assert office.row(job).webhook_state is None
        office.clock.sleep(DAY)
        assert office.deliver() == 1

    first, second = ids(receiver)
    assert first == second
    assert office.row(job).webhook_state == "delivered"


def test_dispatchers_that_race_post_each_webhook_once(open_office):
    clock = ManualClock(time.time())
    offices = [open_office(clock=clock) for _dispatcher in range(3)]
    barrier = threading.Barrier(3)

    def race(office) -> None:
        barrier.wait(DEADLINE_S)
        while office.store.webhooks_due(now=clock.now(), limit=1):
            office.deliver()

    with serving(reply(200)) as receiver:
        jobs = [offices[0].job(receiver.url()) for _job in range(25)]
        threads = [threading.Thread(target=race, args=(office,)) for office in offices]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        while offices[0].store.next_webhook_due() is not None:  # those put off by their host
            clock.sleep(1)
            offices[0].deliver()

    assert sorted(ids(receiver)) == sorted(f"wh_{job.id}_succeeded" for job in jobs)


def test_a_body_over_twenty_kilobytes_travels_without_its_output(office):
    with serving(reply(200)) as receiver:
        office.job(receiver.url(), output=json.dumps("x" * (MAX_BODY_BYTES + 1)))
        office.job(receiver.url(), output=json.dumps("x" * (MAX_BODY_BYTES - 1000)))
        office.deliver()

    bodies = {
        json.loads(request.body)["request_id"]: json.loads(request.body)
        for request in receiver.received
    }
    assert bodies["job-1"]["payload_error"] == "too large"
    assert bodies["job-1"]["payload"] is None
    assert "payload_error" not in bodies["job-2"]
    assert all(len(request.body) <= MAX_BODY_BYTES for request in receiver.received)


def test_an_origin_that_cannot_be_rendered_stops_no_other(office):
    with serving(reply(200)) as receiver:
        broken = office.job(receiver.url(), origin="broken")
        fine = office.job(receiver.url())
        office.deliver()

    assert office.row(fine).webhook_state == "delivered"
    assert office.row(broken).webhook_state is None
    assert office.row(broken).webhook_due > office.clock.now()


def test_a_slow_receiver_delays_nobody_else(office):
    release = threading.Event()

    def slow(handler, receiver):
        release.wait(DEADLINE_S)
        reply(200)(handler, receiver)

    with serving(slow) as slow_one, serving(reply(200)) as quick_one:
        stuck = [office.job(slow_one.url()) for _job in range(150)]
        quick = office.job(quick_one.url())
        office.dispatcher(office.clock.now())
        quick_one.wait_for(1)
        slow_one.wait_for(10)
        assert len(slow_one.received) == 10
        release.set()
        assert office.dispatcher.finish(DEADLINE_S)
        assert office.row(quick).webhook_state == "delivered"
        while office.store.next_webhook_due() is not None:
            office.clock.sleep(1)
            office.deliver()

    assert sorted(ids(slow_one)) == sorted(f"wh_{job.id}_succeeded" for job in stuck)
    assert all(office.row(job).webhook_tries == 1 for job in stuck)


def test_a_dead_receiver_is_only_probed_and_delays_nobody_else(office):
    with serving(reply(200)) as closed:
        dead = closed.url()
    with serving(reply(200)) as receiver:
        lost = [office.job(dead) for _job in range(40)]
        for _look in range(8):
            office.deliver()
            office.clock.sleep(0.1)
        tried = sum(office.row(job).webhook_tries for job in lost)
        assert 20 <= tried < 40

        lost += [office.job(dead) for _job in range(150)]
        quick = office.job(receiver.url())
        office.deliver()
        assert office.row(quick).webhook_state == "delivered"
        assert sum(office.row(job).webhook_tries for job in lost) == tried

        office.clock.sleep(300)
        office.deliver()
        assert sum(office.row(job).webhook_tries for job in lost) == tried + 1


def test_both_secrets_verify_while_one_replaces_the_other(office):
    with serving(reply(200)) as receiver:
        office.job(receiver.url())
        office.deliver()
        (old,) = office.signer.active_secrets("alice", office.clock.now())
        new = office.signer.rotate("alice", office.clock.now())
        office.job(receiver.url())
        office.deliver()

    before, during = receiver.received
    standardwebhooks.Webhook(old).verify(before.body, before.headers)
    standardwebhooks.Webhook(old).verify(during.body, during.headers)
    standardwebhooks.Webhook(new).verify(during.body, during.headers)


def test_a_replay_is_a_new_start_under_the_old_id(office):
    with serving(reply(200)) as receiver:
        job = office.job(receiver.url())
        office.deliver()
        assert replay_jobs(office.store, [job.id], now=office.clock.now()) == [job.id]
        office.deliver()

    assert ids(receiver) == [f"wh_{job.id}_succeeded"] * 2
    assert office.row(job).webhook_tries == 1


def test_a_replay_since_a_time_leaves_out_what_ended_before(office):
    with serving(reply(200)) as receiver:
        office.job(receiver.url())
        office.clock.sleep(100)
        since = office.clock.now()
        late, foreign = office.job(receiver.url()), office.job(receiver.url(), caller="bob")
        silent = office.job(None)
        office.deliver()

        replayed = replay_since(office.store, since, now=office.clock.now(), caller="alice")
        everyones = replay_since(office.store, since, now=office.clock.now())

    assert replayed == [late.id]
    assert sorted(everyones) == sorted([late.id, foreign.id])
    assert office.row(silent).webhook_due is None


def test_a_replay_that_names_an_unknown_or_foreign_job_touches_none(office):
    with serving(reply(200)) as receiver:
        mine, foreign = office.job(receiver.url()), office.job(receiver.url(), caller="bob")
        office.deliver()

    for stranger in ("nobody", foreign.id):
        with pytest.raises(UnknownJob):
            replay_jobs(office.store, [mine.id, stranger], now=1, caller="alice")
    assert office.row(mine).webhook_due is None


def test_a_replay_while_a_post_is_under_way_is_not_undone_by_its_end(office):
    release = threading.Event()

    def slow(handler, receiver):
        release.wait(DEADLINE_S)
        reply(200)(handler, receiver)

    with serving(slow) as receiver:
        job = office.job(receiver.url())
        office.dispatcher(office.clock.now())
        receiver.wait_for(1)
        replay_jobs(office.store, [job.id], now=office.clock.now())
        release.set()
        assert office.dispatcher.finish(DEADLINE_S)
        assert office.row(job).webhook_due == office.clock.now()
        office.deliver()

    assert len(receiver.received) == 2


@pytest.fixture
def running(open_office):
    """A dispatcher in its own thread and in real time, as ``pilotlight up`` has it."""
    office, stop = open_office(clock=SystemClock()), threading.Event()
    thread = threading.Thread(target=office.dispatcher.run, args=(stop,))
    thread.start()

    def end() -> None:
        stop.set()
        office.dispatcher.kick()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()

    office.end = end
    yield office
    end()


def test_a_running_dispatcher_posts_after_a_kick_and_also_without(running):
    with serving(reply(200)) as receiver:
        running.job(receiver.url())
        running.dispatcher.kick()
        receiver.wait_for(1)
        running.job(receiver.url())
        receiver.wait_for(2)


def test_a_running_dispatcher_tries_again_when_it_is_time(open_office, running):
    answers = iter([500, 200])

    def recovering(handler, receiver):
        reply(next(answers))(handler, receiver)

    with serving(recovering) as receiver:
        job = running.job(receiver.url())
        receiver.wait_for(1)
        # The second wait is five seconds: make it due now, as the passing of time would.
        deadline = time.monotonic() + DEADLINE_S
        while (row := running.row(job)).webhook_tries == 0 or row.webhook_due > time.time() + 10:
            assert time.monotonic() < deadline
        running.store.move(job.id, moves.settle_webhook(row, due_at=time.time(), state=None))
        running.dispatcher.kick()
        receiver.wait_for(2)


def test_a_dispatcher_that_is_told_to_stop_finishes_what_it_began(running):
    release = threading.Event()

    def slow(handler, receiver):
        release.wait(DEADLINE_S)
        reply(200)(handler, receiver)

    with serving(slow) as receiver:
        job = running.job(receiver.url())
        running.dispatcher.kick()
        receiver.wait_for(1)
        ending = threading.Thread(target=running.end)
        ending.start()
        release.set()
        ending.join(DEADLINE_S)

    assert running.row(job).webhook_state == "delivered"
