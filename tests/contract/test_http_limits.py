"""Patience: every limit of one request, on a clock that moves only when told to."""

import pytest

from pilotlight.adapters.local.clock import ManualClock
from pilotlight.adapters.web.patience import Limits, Patience
from pilotlight.errors import FetchFailed

LIMITS = Limits(
    connect_s=5,
    first_byte_s=10,
    total_s=60,
    max_bytes=1_000_000,
    min_bytes_per_s=10_000,
    rate_grace_s=10,
)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def patience(clock):
    fresh = Patience(LIMITS, clock.monotonic)
    fresh.connecting()
    return fresh


def reason(call) -> str:
    with pytest.raises(FetchFailed) as caught:
        call()
    return caught.value.reason


def test_name_tcp_and_tls_share_one_time(patience, clock):
    assert patience.connect_s() == 5
    clock.sleep(4)
    assert patience.connect_s() == 1
    clock.sleep(1)
    assert reason(patience.connect_s) == "unreachable"


def test_the_first_byte_is_waited_for_from_the_end_of_the_question(patience, clock):
    clock.sleep(3)
    patience.write_s()
    clock.sleep(4)
    assert patience.read_s() == 6
    clock.sleep(6)
    assert reason(patience.read_s) == "unreachable"


def test_every_wait_is_cut_to_what_is_left_in_all(patience, clock):
    for _second in range(58):
        clock.sleep(1)
        patience.received(100_00)
    assert patience.read_s() == pytest.approx(1, abs=1)
    clock.sleep(2)
    assert reason(patience.read_s) == "unreachable"
    assert reason(patience.write_s) == "unreachable"


def test_a_next_hop_connects_anew_but_has_no_more_time_in_all(patience, clock):
    clock.sleep(4)
    patience.connecting()
    assert patience.connect_s() == 5
    clock.sleep(53)
    patience.connecting()
    assert patience.connect_s() == 3


def test_a_reply_slower_than_the_minimum_is_given_up_after_ten_seconds(patience, clock):
    patience.received(1)
    clock.sleep(9)
    assert patience.read_s() == 1
    clock.sleep(1)
    assert reason(patience.read_s) == "unreachable"


def test_a_reply_just_fast_enough_is_read_on(patience, clock):
    patience.received(1)
    for _second in range(20):
        clock.sleep(1)
        patience.received(10_000)
        assert patience.read_s() > 0


def test_a_stall_is_noticed_as_soon_as_the_average_is_too_low(patience, clock):
    patience.received(200_000)  # pays for twenty seconds
    clock.sleep(19)
    assert patience.read_s() == pytest.approx(1)
    clock.sleep(1)
    assert reason(patience.read_s) == "unreachable"


def test_bytes_are_counted_over_all_reads(patience):
    patience.received(999_999)
    patience.received(1)
    assert reason(lambda: patience.received(1)) == "too_large"
