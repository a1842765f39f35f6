"""When a webhook is tried again, and when not."""

import random
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.delivery.schedule import Delivered, Disable, GiveUp, Result, RetryAt, next_try
from pilotlight.settings import WebhookSettings

NOW = 1_900_000_000.0
SETTINGS = WebhookSettings()
PLAIN = WebhookSettings(jitter=0)


def after(status=None, *, tries=1, headers=None, reason="", settings=PLAIN, seed=1):
    return next_try(
        Result(status, headers, reason),
        tries=tries,
        now=NOW,
        rng=random.Random(seed),
        settings=settings,
    )


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_success(status):
    assert after(status, tries=99) == Delivered()


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 304, 307, 308, 400, 404, 500, 599])
def test_anything_else_is_tried_again(status):
    assert after(status) == RetryAt(NOW + 5)


@pytest.mark.parametrize("reason", ["unreachable", "refused_address", "too_large", "internal"])
def test_no_answer_is_tried_again(reason):
    assert after(reason=reason) == RetryAt(NOW + 5)


def test_a_url_that_can_never_work_is_given_up_at_once():
    assert after(reason="bad_url") == GiveUp()


def test_410_disables():
    assert after(410) == Disable()
    assert after(410, tries=99) == Disable()


def test_the_waits_are_those_of_the_schedule_and_the_tenth_failure_is_the_last():
    waits = [after(500, tries=tries).moment - NOW for tries in range(1, 10)]

    assert waits == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert sum(waits) == pytest.approx(75.6 * 3600, rel=0.001)
    assert after(500, tries=10) == GiveUp()


@pytest.mark.parametrize("tries", range(1, 10))
def test_every_wait_varies_by_a_fifth_at_most_and_does_vary(tries):
    plain = SETTINGS.schedule_s[tries]
    waits = [after(500, tries=tries, settings=SETTINGS, seed=n).moment - NOW for n in range(200)]

    assert min(waits) >= plain * 0.8 - 1e-6
    assert max(waits) <= plain * 1.2 + 1e-6
    assert max(waits) - min(waits) > plain * 0.3


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_up_to_an_hour(status):
    assert after(status, headers={"retry-after": "120"}).moment == NOW + 120
    assert after(status, headers={"retry-after": "3600"}).moment == NOW + 3600
    assert after(status, headers={"retry-after": "86400"}).moment == NOW + 3600
    assert after(status, headers={"retry-after": "9" * 400}).moment == NOW + 3600


def test_retry_after_may_be_a_date():
    date = formatdate(NOW + 600, usegmt=True)

    assert after(503, headers={"retry-after": date}).moment == NOW + 600


def test_retry_after_never_hastens_the_schedule():
    assert after(429, headers={"retry-after": "1"}).moment == NOW + 5
    assert after(429, tries=4, headers={"retry-after": "1"}).moment == NOW + 7200


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "1e9", "1.5", "٣", formatdate(NOW - 60, usegmt=True), "\x00"]
)
def test_a_senseless_retry_after_is_ignored(text):
    assert after(429, headers={"retry-after": text}).moment == NOW + 5


def test_retry_after_means_nothing_on_other_statuses():
    assert after(500, headers={"retry-after": "600"}).moment == NOW + 5


def test_an_overwhelmed_receiver_is_throttled():
    throttled = {status for status in range(400, 600) if after(status) not in {Disable(), GiveUp()}}
    throttled = {status for status in throttled if after(status).throttle}

    assert throttled == {429, 502, 503, 504}


@given(st.text())
def test_no_retry_after_can_break_the_schedule_or_outlast_an_hour(text):
    outcome = after(429, headers={"retry-after": text})

    assert NOW + 5 <= outcome.moment <= NOW + 3600
