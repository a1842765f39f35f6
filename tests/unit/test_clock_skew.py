"""A machine's clock beside AWS's, as far as a header of whole seconds tells."""

from email.utils import formatdate

import pytest

from pilotlight.adapters.aws.skew import Skew


@pytest.fixture
def skew(clock):
    return Skew(clock)


@pytest.fixture
def events(caplog):
    def events():
        return [record.fields for record in caplog.records if record.message == "clock.off"]

    caplog.set_level("ERROR", "pilotlight")
    return events


def hear(skew, clock, theirs, *, took_s=0.0):
    asked_at = clock.now()
    clock.sleep(took_s)
    skew.heard(formatdate(theirs, usegmt=True), asked_at=asked_at)
    clock.sleep(5)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("took_s", [0.0, 0.1, 40.0])
def test_a_clock_that_is_right_is_never_suspected(skew, clock, events, fraction, took_s):
    clock.sleep(fraction)
    for _ in range(20):
        hear(skew, clock, clock.now() + took_s / 2, took_s=took_s)
        assert skew.off_s == 0

    assert skew.is_bearable
    assert events() == []


@pytest.mark.parametrize(("off_s", "bearable"), [(3, True), (-3, True), (30, False), (-30, False)])
def test_a_clock_that_is_off_is_known_by_the_first_answer(skew, clock, off_s, bearable):
    hear(skew, clock, clock.now() - off_s)

    assert skew.off_s == pytest.approx(off_s, abs=1)
    assert skew.is_bearable is bearable


def test_a_clock_that_is_off_is_told_once_a_minute(skew, clock, events):
    for _ in range(13):
        hear(skew, clock, clock.now() - 30)

    assert len(events()) == 2
    assert events()[0]["leases"] is False
    assert events()[0]["off_s"] == pytest.approx(29, abs=1)


def test_a_clock_that_was_set_is_trusted_again(skew, clock):
    hear(skew, clock, clock.now() - 30)
    hear(skew, clock, clock.now())

    assert skew.is_bearable


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_an_answer_without_a_time_says_nothing(skew, clock, date):
    skew.heard(date, asked_at=clock.now())

    assert (skew.off_s, skew.is_bearable) == (0, True)
