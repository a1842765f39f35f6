"""The simulator: what it must never do, what the default policy is held to, and the command."""

from __future__ import annotations

import json
from collections import Counter
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from pilotlight.cli import app
from pilotlight.errors import SettingsError
from pilotlight.scaling.simulation import contest, mixes, trace
from pilotlight.scaling.simulation.contest import Site, entry, figures, replay
from pilotlight.scaling.simulation.figures import Figures
from pilotlight.scaling.simulation.pool import Hosts
from pilotlight.scaling.simulation.trace import Arrival
from pilotlight.scaling.simulation.tuning import tune
from tests.traffic import flat, written

COLD_S = 120.0
SITE = Site(cold_start_s=COLD_S)
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed {seed}")
def mixed(request):
    """A day of 24 workers: the traffic, and what the default policy made of it."""
    arrivals = mixes.mix(request.param, days=1)
    return arrivals, replay(arrivals, entry("expected-saving"), SITE)


def one_by_one(*jobs):
    return [Arrival(at, "flux", took) for at, took in jobs]


# By hand


def test_a_lone_job_waits_for_the_cold_start_and_is_paid_until_the_keep_alive_is_over():
    outcome = replay(one_by_one((5, 30)), entry("keep-alive:60"), SITE)

    assert outcome.waits == [COLD_S]
    assert outcome.gpu_s == COLD_S + 30 + 60
    assert outcome.starts == [(5, "flux")]


def test_a_job_within_the_keep_alive_waits_for_nothing():
    trace_of_two = one_by_one((0, 10), (180, 10))

    assert replay(trace_of_two, entry("keep-alive:60"), SITE).waits == [COLD_S, 0]
    assert replay(trace_of_two, entry("keep-alive:40"), SITE).waits == [COLD_S, COLD_S]


def test_what_is_learned_from_is_not_reported():
    half = Site(cold_start_s=COLD_S, train_share=0.5)
    outcome = replay(one_by_one((0, 10), (1000, 10)), entry("keep-alive:60"), half)

    assert outcome.waits == [COLD_S]
    assert outcome.starts == [(1000, "flux")]


def test_keda_takes_a_poll_and_its_cooldown():
    outcome = replay(one_by_one((1, 10)), entry("keda"), SITE)

    assert outcome.waits == [29 + COLD_S]
    assert outcome.gpu_s == 450 - 30, "the poll at 150 saw it active, the one at 450 lets it go"


def test_percentiles_are_values_that_occurred():
    outcome = replay(one_by_one((0, 10), (500, 10)), entry("keep-alive:2000"), SITE)

    assert Figures.of(outcome).waits == (COLD_S / 2, 0, COLD_S, COLD_S, COLD_S)


# Held


def test_the_default_beats_the_keda_like_policy_in_every_figure(mixed):
    arrivals, outcome = mixed
    own, keda = Figures.of(outcome), figures(arrivals, entry("keda"), SITE)

    assert own.gpu_hours < keda.gpu_hours
    assert all(mine <= theirs for mine, theirs in zip(own.waits, keda.waits, strict=True))


def test_the_default_costs_at_most_a_tenth_more_than_any_fixed_keep_alive_that_waits_as_little(
    mixed,
):
    arrivals, outcome = mixed
    own = Figures.of(outcome)
    fixed = [figures(arrivals, one, SITE) for one in contest.grid("keep-alive")]

    assert own.gpu_hours <= 1.10 * cost_at(own.wait_mean_s, fixed)


def cost_at(wait_s, points):
    """GPU-hours at this mean wait, between the two points around it."""
    ordered = sorted(points, key=lambda one: one.wait_mean_s)
    cheapest_so_far = [min(p.gpu_hours for p in ordered[: n + 1]) for n in range(len(ordered))]
    if wait_s >= ordered[-1].wait_mean_s:
        return cheapest_so_far[-1]
    if wait_s <= ordered[0].wait_mean_s:
        return cheapest_so_far[0]
    after = next(n for n, one in enumerate(ordered) if one.wait_mean_s >= wait_s)
    low, high = ordered[after - 1].wait_mean_s, ordered[after].wait_mean_s
    share = (wait_s - low) / (high - low)
    return cheapest_so_far[after - 1] * (1 - share) + cheapest_so_far[after] * share


def test_hardly_a_replica_is_started_for_nothing(mixed):
    _, outcome = mixed

    assert outcome.unused <= 0.10 * len(outcome.starts)
    assert outcome.unused_s <= 0.10 * outcome.gpu_s


def test_no_busy_replica_is_ever_stopped(mixed):
    arrivals, outcome = mixed

    assert outcome.busy_stopped == 0
    assert len(outcome.waits) == len(arrivals)
    for name in contest.NAMES:
        assert replay(arrivals[:1000], entry(name), SITE).busy_stopped == 0


@pytest.mark.parametrize("per_hour", [30, 180, 720], ids=lambda rate: f"{rate} an hour")
def test_under_flat_load_starts_are_rare(per_hour):
    """At most one start per worker in three cold starts: no flapping."""
    hours, cold_s = 12, 60.0
    steady = flat(7, per_hour=per_hour, service_s=20, hours=hours)

    outcome = replay(steady, entry("expected-saving"), Site(cold_start_s=cold_s))
    settled = [at for at, _ in outcome.starts if at > 1800]

    assert len(settled) <= (hours * 3600 - 1800) / (3 * cold_s)


def test_more_w_buys_less_wait_for_more_hours():
    arrivals = mixes.mix(4, workers=8, days=2)
    points = [figures(arrivals, entry(f"expected-saving:{w}"), SITE) for w in (0.5, 2, 8, 32)]

    hours, waits = [p.gpu_hours for p in points], [p.wait_mean_s for p in points]
    assert hours == sorted(hours)
    assert waits == sorted(waits, reverse=True)


def test_the_same_seed_gives_the_same_history():
    arrivals = mixes.mix(5, workers=8, days=0.5)

    assert arrivals == mixes.mix(5, workers=8, days=0.5)
    assert figures(arrivals, entry("expected-saving"), SITE) == figures(
        arrivals, entry("expected-saving"), SITE
    )


def test_the_work_grows_with_the_jobs_and_not_faster():
    """25,000 jobs take seconds: a handful of decisions for each, whatever the policy."""
    arrivals = mixes.mix(6, days=1)
    decisions = {name: replay(arrivals, entry(name), SITE).decisions for name in contest.NAMES}

    assert decisions["expected-saving"] < 8 * len(arrivals)
    assert max(decisions.values()) < 20 * len(arrivals)


# Pooled hosts


def test_a_pooled_host_swaps_models_and_the_job_waits_for_the_swap():
    jobs = [Arrival(0, "a", 10), Arrival(200, "b", 10), Arrival(400, "a", 10), Arrival(600, "a", 1)]
    pooled = Site(cold_start_s=COLD_S, pool=Hosts(switch_s=5, disk_s=20))

    outcome = replay(jobs, entry("keep-alive:1000"), pooled)

    assert outcome.waits == [COLD_S + 20, 20, 5, 0]
    assert outcome.switches == 3
    assert len(outcome.starts) == 1


def test_a_pool_saves_hours_and_waits_on_the_same_traffic(mixed):
    """It needs so much less that a dearer knob still costs less than fleets of their own."""
    arrivals, outcome = mixed
    own = Figures.of(outcome)
    pooled = figures(arrivals, entry("expected-saving:8"), Site(cold_start_s=COLD_S, pool=Hosts()))

    assert pooled.gpu_hours < 0.9 * own.gpu_hours
    assert pooled.wait_mean_s < own.wait_mean_s


def test_in_a_pool_every_job_is_served_once(mixed):
    arrivals, _ = mixed
    pooled = Site(cold_start_s=COLD_S, max_replicas=3, pool=Hosts())

    outcome = replay(arrivals[:800], entry("expected-saving"), pooled)

    assert len(outcome.waits) == 800
    assert outcome.busy_stopped == 0


# Traces and the commands


def test_a_trace_is_read_as_it_was_written(tmp_path):
    arrivals = mixes.mix(1, workers=8, days=0.2)
    written(tmp_path / "t.csv", arrivals)

    again = trace.read(tmp_path / "t.csv")
    assert Counter(one.worker for one in again) == Counter(one.worker for one in arrivals)
    assert [one.at for one in again] == pytest.approx([one.at for one in arrivals], abs=0.001)


BAD = {
    "another header": "when,worker,service_s\n1,a,2\n",
    "no number": "arrival_s,worker,service_s\nsoon,a,2\n",
    "not a number": "arrival_s,worker,service_s\nnan,a,2\n",
    "a negative length": "arrival_s,worker,service_s\n1,a,-2\n",
    "a missing column": "arrival_s,worker,service_s\n1,a\n",
    "no worker": "arrival_s,worker,service_s\n1,,2\n",
    "no text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_file_that_is_no_trace_is_refused_in_words(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(SettingsError, match=r"t\.csv"):
        trace.read(path)


@pytest.mark.parametrize("text", ["nobody", "keda:fast", "keda:-1", "keda:0", "keep-alive:nan"])
def test_a_policy_that_is_none_is_refused(text):
    with pytest.raises(SettingsError):
        entry(text)


@pytest.fixture
def trace_file(tmp_path):
    path = tmp_path / "trace.csv"
    written(path, mixes.mix(1, workers=8, days=0.2))
    return path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


FIGURES = {
    "gpu_hours", "wait_mean_s", "wait_p50_s", "wait_p90_s", "wait_p95_s", "wait_p99_s",
    "cold_starts",
}  # fmt: skip


def test_simulate_gives_the_figures_of_every_policy_as_json(trace_file):
    done = run("simulate", "--trace", trace_file, "--policy", "all", "--cold-start-s", 60, "--json")

    told = json.loads(done.stdout)
    assert set(told) == set(contest.NAMES)
    assert all(set(one) == FIGURES for one in told.values())


def test_simulate_takes_pool_switch_and_training_share(trace_file):
    def told(*more):
        words = ("simulate", "--trace", trace_file, "--policy", "expected-saving", "--json", *more)
        return json.loads(run(*words).stdout)["expected-saving"]

    quick, slow = told("--pool", "--switch-s", 1), told("--pool", "--switch-s", 60)
    assert slow["wait_mean_s"] > quick["wait_mean_s"]
    assert told("--train-share", 0.5)["gpu_hours"] < told()["gpu_hours"]


def test_simulate_draws_every_point_of_every_policy(trace_file, tmp_path):
    done = run(
        "simulate", "--trace", trace_file, "--policy", "keep-alive", "--plot", tmp_path / "p.svg"
    )

    picture = ElementTree.parse(tmp_path / "p.svg").getroot()
    dots = picture.findall("{http://www.w3.org/2000/svg}circle")
    assert len(dots) == 2 * len(contest.KNOBS["keep-alive"])
    assert "keep-alive" in done.stdout


@pytest.mark.parametrize("words", [(), ("--mix", 1, "--history"), ("--trace", "none.csv")], ids=str)
def test_simulate_says_what_it_needs(words):
    done = run("simulate", *words)

    assert done.exit_code != 0
    assert not done.stdout


def test_the_cheapest_that_keeps_the_promise_is_proposed():
    arrivals = [one for one in mixes.mix(2, days=2) if one.worker == "diurnal-3"]

    easy, never = tune(arrivals, SITE, p95_s=10_000), tune(arrivals, SITE, p95_s=-1)

    assert easy.best is easy.tried[0]
    assert never.best is None
    assert {one.entry for one in never.tried} == set(contest.grid("expected-saving", "keep-alive"))
