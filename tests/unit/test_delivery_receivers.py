"""Which webhook URLs are disabled, and how that survives a restart."""

import pytest

from pilotlight.contracts.job import JobStatus
from pilotlight.delivery.receivers import Receivers
from pilotlight.settings import WebhookSettings

NOW = 1_900_000_000.0
DAY = 24 * 3600
URL = "https://receiver.test/hook"


@pytest.fixture
def receivers():
    return Receivers(WebhookSettings())


def failures(receivers, *, count, over_s, start=NOW) -> bool:
    step = over_s / (count - 1)
    return [receivers.failed(URL, now=start + step * n) for n in range(count)][-1]


def test_a_url_that_said_410_is_disabled(receivers):
    assert receivers.failed(URL, now=NOW, gone=True)
    assert receivers.disabled(URL)
    assert not receivers.disabled(URL + "2")


def test_ten_failures_over_five_days_disable(receivers):
    assert failures(receivers, count=10, over_s=5 * DAY)
    assert receivers.disabled(URL)


def test_nine_failures_over_five_days_do_not(receivers):
    assert not failures(receivers, count=9, over_s=5 * DAY)


def test_a_thousand_failures_in_less_than_five_days_do_not(receivers):
    assert not failures(receivers, count=1000, over_s=5 * DAY - 1)


def test_a_success_starts_the_five_days_over(receivers):
    failures(receivers, count=9, over_s=4 * DAY)
    receivers.succeeded(URL)

    assert not failures(receivers, count=10, over_s=4 * DAY, start=NOW + 5 * DAY)


def test_a_success_enables_again(receivers):
    receivers.failed(URL, now=NOW, gone=True)
    receivers.succeeded(URL)

    assert not receivers.disabled(URL)


@pytest.fixture
def row(make_job):
    def make(state, *, tries=3, days_ago=0.0, url=URL):
        return make_job(
            status=JobStatus.SUCCEEDED,
            webhook=url,
            webhook_state=state,
            webhook_tries=tries,
            ended_at=NOW - days_ago * DAY,
        )

    return make


def test_a_disabled_url_stays_disabled_over_a_restart(receivers, row):
    receivers.remember([row("disabled")])

    assert receivers.disabled(URL)


def test_a_url_that_was_delivered_to_since_is_not_disabled(receivers, row):
    receivers.remember([row("delivered"), row("disabled", days_ago=1)])

    assert not receivers.disabled(URL)


def test_failures_before_a_restart_count(receivers, row):
    receivers.remember([row(None, tries=4), row("given_up", tries=5, days_ago=5)])

    assert not receivers.disabled(URL)
    assert receivers.failed(URL, now=NOW)


def test_failures_before_the_last_success_do_not_count(receivers, row):
    receivers.remember([row(None, tries=4), row("delivered"), row("given_up", days_ago=9)])

    assert not receivers.failed(URL, now=NOW)


def test_rows_that_were_never_tried_tell_nothing(receivers, row, make_job):
    receivers.remember([row(None, tries=0, days_ago=30), make_job(), make_job(webhook=URL)])

    assert not failures(receivers, count=10, over_s=DAY)


def test_made_up_urls_do_not_fill_the_memory(receivers):
    for number in range(10_100):
        receivers.failed(f"https://receiver.test/{number}", now=NOW)

    assert len(receivers._troubled) <= 10_000
