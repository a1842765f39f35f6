"""Webhooks posted once more because somebody asked."""

from __future__ import annotations

import threading

import pytest

from pilotlight.delivery.replay import replay_jobs, replay_since
from pilotlight.errors import UnknownJob
from tests.contract.http_servers import DEADLINE_S, reply, serving
from tests.journeys.post_office import ids


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
