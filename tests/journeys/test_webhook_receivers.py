"""Receivers polite and hostile: who is tried again, who is given up, who waits for whom."""

from __future__ import annotations

import threading

import pytest

from pilotlight.delivery.replay import replay_jobs
from tests.contract.http_servers import DEADLINE_S, drip, hold, reply, serving
from tests.journeys.post_office import DAY, ids


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
