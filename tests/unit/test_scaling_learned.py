"""What is learned: right to what it was told, bounded whatever it is told, the same after a dump."""

from __future__ import annotations

import heapq
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.ports.fleet import ColdStart
from pilotlight.scaling.gaps import ENOUGH, MOST, REGULAR, Gaps
from pilotlight.scaling.knowledge import MOST_RANKS, Knowledge, Prior
from pilotlight.scaling.sketch import BINS, RATIO, Sketch
from pilotlight.scaling.waiting import total_wait_s

lengths = st.floats(0.001, 100_000)


def told(sketch, values):
    for value in values:
        sketch.add(value)
    return sketch


@given(st.lists(lengths, min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_quantile_is_right_to_half_a_bin(values, share):
    exact = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]

    assert told(Sketch(), values).quantile_s(share) == pytest.approx(exact, rel=RATIO - 1)


def test_what_is_left_of_a_long_tail_grows_with_what_has_passed():
    sketch = told(Sketch(), [1.0] * 90 + [100.0] * 10)

    assert sketch.mean_s == pytest.approx(10.9)
    assert sketch.left_s(0) == sketch.mean_s
    assert sketch.left_s(2) == pytest.approx(98, rel=0.1)
    assert sketch.left_s(500) == 500


def test_a_sketch_forgets_and_never_grows():
    sketch = told(Sketch(), [1.0] * 5000)
    told(sketch, [10.0] * 3000)

    assert sketch.mean_s > 9
    assert sketch.count <= 1000
    assert len(sketch.dump()) <= BINS + 1


def test_nothing_is_known_before_the_first_value():
    assert (Sketch().mean_s, Sketch().quantile_s(0.5), Sketch().left_s(1)) == (None, None, None)


def brute_force(gaps, price):
    def cost(keep):
        return sum(gap if gap <= keep else keep + price for gap in gaps)

    return min(cost(keep) for keep in [0.0, *gaps])


@given(st.lists(st.floats(0.1, 10_000), min_size=1, max_size=40), st.floats(1, 5_000))
def test_the_kept_length_costs_no_more_than_any_other(values, price):
    gaps = Gaps()
    for value in values:
        gaps.add(value)

    kept = gaps.best_s(price) / 1.02
    cost = sum(gap if gap <= kept + 1e-9 else kept + price for gap in values)
    assert cost == pytest.approx(brute_force(values, price), rel=1e-6)


def test_only_the_newest_gaps_count():
    gaps = Gaps()
    for _ in range(MOST):
        gaps.add(5.0)
    for _ in range(MOST):
        gaps.add(500.0)

    assert len(gaps) == MOST
    assert gaps.best_s(100) == 0, "to wait 500 s costs more than a start of 100 s"
    assert gaps.best_s(1000) == pytest.approx(510)


def test_a_timer_is_believed_when_the_newest_gaps_are_alike():
    gaps = Gaps()
    for number in range(REGULAR - 1):
        gaps.add(3600 + number % 3)
    assert gaps.regular() is None
    gaps.add(3600)

    assert gaps.regular() == (3600, 3602)


def simulated(free, jobs, service):
    slots, waits = list(free), 0.0
    heapq.heapify(slots)
    for _ in range(jobs):
        at = heapq.heappop(slots)
        waits += at
        heapq.heappush(slots, at + service)
    return waits


@given(
    st.lists(st.floats(0, 300), min_size=1, max_size=12),
    st.integers(0, 200),
    st.floats(0.01, 100),
)
def test_the_sum_of_the_waits_is_what_serving_them_one_by_one_gives(free, jobs, service):
    assert total_wait_s(free, jobs, service) == pytest.approx(
        simulated(free, jobs, service), rel=1e-6, abs=1e-6
    )


def test_a_queue_without_slots_has_no_sum():
    with pytest.raises(ValueError, match="slots"):
        total_wait_s([], 1, 1.0)


def test_a_gap_of_a_rank_runs_from_when_fewer_are_needed_until_as_many_are():
    known = Knowledge()
    for turn in range(ENOUGH):
        start = 1000.0 * turn
        known.needs(2, start)
        known.needs(1, start + 10)
        known.needs(2, start + 40)
        known.needs(0, start + 50)

    second, first = known.gaps(2), known.gaps(1)
    assert len(second) == 2 * ENOUGH - 1
    assert first is None, "one gap fewer than turns: not enough yet"
    known.needs(1, 1000.0 * ENOUGH)
    assert known.gaps(1).best_s(10_000) == pytest.approx(950 * 1.02)


def test_a_worker_without_gaps_of_its_own_borrows_those_of_all():
    prior = Prior()
    talkative, quiet = Knowledge(prior), Knowledge(prior)
    for turn in range(ENOUGH + 1):
        talkative.needs(1, 100.0 * turn)
        talkative.needs(0, 100.0 * turn + 30)

    assert quiet.gaps(1) is prior.gaps
    assert quiet.gaps(2) is None


def test_a_moment_of_work_that_no_look_saw_ends_a_gap():
    known = Knowledge()
    known.needs(1, 0)
    known.needs(0, 10)
    known.was_needed(110)
    known.needs(1, 130)

    assert known._gaps[1].dump() == [100, 20]


def test_the_burden_is_how_many_jobs_a_cold_start_makes_wait():
    known = Knowledge()
    known.started(ColdStart(20, 80), 0)
    for turn in range(60):
        at = 1000.0 * turn
        known.waits(4, at, warm=False)
        known.waits(4, at + 50, warm=False)
        known.waits(4, at + 100, warm=True)
        known.waits(0, at + 110, warm=True)

    assert known.burden == pytest.approx(4, rel=0.02)


def test_a_cold_start_is_remembered_by_stage_and_only_by_stages():
    known = Knowledge()
    known.started(ColdStart(20, 80, {"imports": 5, "weights": 70, "mischief": 5}), 0)
    known.started(ColdStart(20, 80), 0)  # of a replica that does not tell

    again = Knowledge.read(known.dump())
    counts = {name: (one.count, one.mean_s) for name, one in again.stages.items()}
    assert counts == {"capacity": (2, 20), "imports": (1, 5), "weights": (1, 70)}


def test_what_replicas_cost_is_counted_by_day():
    known = Knowledge()
    day = 86400.0
    known.ran(2, 10 * day + 1000)
    known.ran(2, 10 * day + 4600)
    assert known.spent_hours(10 * day + 4600) == 2

    known.ran(1, 11 * day + 1800)
    assert known.spent_hours(11 * day + 1800) == 0.5
    assert known.spent_hours(12 * day) == 0


def test_knowledge_survives_being_written_down_and_stays_small():
    rng = random.Random(1)
    known = Knowledge()
    for number in range(20_000):
        known.needs(rng.randrange(100), float(number))
        known.finished(rng.expovariate(0.1))
        known.waits(rng.randrange(3), float(number), warm=rng.random() < 0.5)
    known.started(ColdStart(3, 40), 7.0)

    text = known.dump()
    again = Knowledge.read(text)

    assert len(text) < 12 * MOST * MOST_RANKS
    assert again.dump() == text
    assert again.cold_s == 43
    assert again.service_s == pytest.approx(known.service_s)
    assert again.gaps(3).best_s(50) == pytest.approx(known.gaps(3).best_s(50), rel=0.02)
