"""Dispatchers that stall, die, race, run and stop: every webhook is posted, twice only under one id."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from pilotlight.adapters.local.clock import ManualClock, SystemClock
from pilotlight.contracts import moves
from tests.contract.http_servers import DEADLINE_S, reply, serving
from tests.journeys.post_office import DAY, ids


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
