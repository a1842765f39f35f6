"""The turns of receiving hosts: width, circuit, fair share."""

import pytest

from pilotlight.delivery.hosts import MAX_TURN_S, Hosts, host_of
from pilotlight.settings import WebhookSettings

SETTINGS = WebhookSettings()
NOW = 1_900_000_000.0


@pytest.fixture
def hosts():
    return Hosts(SETTINGS)


def begun(hosts, name, *, times=100, free=64, now=NOW) -> int:
    """How many postings to the host may begin, each taking from what is free."""
    count = 0
    for _time in range(times):
        if free and hosts.turn(name, now=now, free=free) is None:
            count, free = count + 1, free - 1
    return count


def fail(hosts, name, *, times, now=NOW, **how) -> None:
    for _time in range(times):
        assert hosts.turn(name, now=now, free=64) is None
        hosts.ended(name, now=now, took_s=0.01, succeeded=False, **how)


def test_ten_postings_to_one_host_at_a_time(hosts):
    assert begun(hosts, "a") == 10
    assert begun(hosts, "b") == 10


def test_a_posting_that_ends_makes_room_for_another(hosts):
    begun(hosts, "a")
    hosts.ended("a", now=NOW, took_s=1, succeeded=True)

    assert begun(hosts, "a") == 1


def test_slow_hosts_never_take_the_last_thread(hosts):
    free = 64
    for name in range(8):
        free -= begun(hosts, f"slow-{name}", free=free)

    assert free >= 1
    assert hosts.turn("fresh", now=NOW, free=free) is None


def test_rows_beyond_a_hosts_width_get_turns_one_after_the_other(hosts):
    begun(hosts, "a")
    turns = [hosts.turn("a", now=NOW, free=54) for _row in range(50)]

    assert turns == sorted(turns)
    assert turns[0] > NOW
    assert turns[-1] < NOW + 1


def test_the_turns_of_a_slow_host_lie_further_apart(hosts):
    for _time in range(40):
        hosts.turn("slow", now=NOW, free=64)
        hosts.ended("slow", now=NOW, took_s=15, succeeded=True)
    begun(hosts, "slow", times=10)
    turns = [hosts.turn("slow", now=NOW, free=54) for _row in range(1000)]

    assert turns[1] - turns[0] == pytest.approx(1.5, rel=0.05)
    assert turns[-1] == NOW + MAX_TURN_S


def test_the_circuit_opens_after_twenty_straight_failures(hosts):
    fail(hosts, "dead", times=19)
    assert hosts.turn("dead", now=NOW, free=64) is None
    hosts.ended("dead", now=NOW, took_s=1, succeeded=False)

    assert hosts.turn("dead", now=NOW, free=64) == NOW + 300
    assert begun(hosts, "alive") == 10


def test_an_open_circuit_is_probed_by_one_posting_every_five_minutes(hosts):
    fail(hosts, "dead", times=20)
    later = NOW + 300

    assert hosts.turn("dead", now=later - 1, free=64) == later
    assert hosts.turn("dead", now=later, free=64) is None
    assert hosts.turn("dead", now=later, free=64) == later + SETTINGS.timeout_s
    hosts.ended("dead", now=later, took_s=1, succeeded=False)
    assert hosts.turn("dead", now=later, free=64) == later + 300


def test_a_probe_that_succeeds_closes_the_circuit(hosts):
    fail(hosts, "back", times=20)
    later = NOW + 300
    hosts.turn("back", now=later, free=64)
    hosts.ended("back", now=later, took_s=1, succeeded=True)

    assert begun(hosts, "back", now=later) == 10


def test_one_success_between_failures_keeps_the_circuit_closed(hosts):
    fail(hosts, "a", times=19)
    hosts.turn("a", now=NOW, free=64)
    hosts.ended("a", now=NOW, took_s=1, succeeded=True)
    fail(hosts, "a", times=19)

    assert hosts.turn("a", now=NOW, free=64) is None


def test_a_throttled_host_gets_half_and_wins_it_back_with_successes(hosts):
    fail(hosts, "a", times=1, throttle=True)
    assert begun(hosts, "a") == 5
    for _time in range(5):
        hosts.ended("a", now=NOW, took_s=1, succeeded=True)

    assert begun(hosts, "a") == 10


def test_a_throttled_host_always_keeps_one(hosts):
    fail(hosts, "a", times=10, throttle=True)

    assert begun(hosts, "a") == 1


def test_a_posting_given_back_was_never_counted(hosts):
    begun(hosts, "a")
    hosts.given_back("a")

    assert begun(hosts, "a") == 1


def test_made_up_host_names_do_not_fill_the_memory(hosts):
    hosts.turn("busy", now=NOW, free=64)
    for number in range(20_100):
        hosts.turn(f"h{number}", now=NOW, free=64)
        hosts.ended(f"h{number}", now=NOW, took_s=1, succeeded=True)

    assert len(hosts._hosts) <= 10_001
    hosts.ended("busy", now=NOW, took_s=1, succeeded=True)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.org/hook?x=1", "example.org"),
        ("http://127.0.0.1:8000/", "127.0.0.1:8000"),
        ("https://user:secret@example.org/", "example.org"),
        ("https://[::1", ""),
        ("nonsense", ""),
    ],
)
def test_a_host_is_its_name_and_port_and_never_a_secret(url, host):
    assert host_of(url) == host
