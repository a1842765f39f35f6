"""``pilotlight costs``: every second of a replica's life is somebody's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pilotlight.cli import app
from pilotlight.scaling.billing import Habits, Span, charges
from pilotlight.settings.aws import CostSettings
from tests.live import up

HABITS = {"flux": Habits(cold_s=120, keep_alive_s=60)}


def span(began, ended, *, caller="alice", replica="r1"):
    return Span(worker="flux", replica=replica, caller=caller, began=began, ended=ended)


def test_one_job_pays_for_its_replicas_start_and_its_waiting_afterwards():
    charge = charges([span(1000, 1030)], HABITS, now=5000)["flux", "alice"]
    assert (charge.run_s, charge.cold_s, charge.idle_s) == (30, 120, 60)


def test_those_who_share_a_replica_share_what_it_costs_beside_the_work():
    found = charges([span(1000, 1030), span(1060, 1070, caller="bob")], HABITS, now=5000)
    alice, bob = found["flux", "alice"], found["flux", "bob"]
    assert (alice.run_s, bob.run_s) == (30, 10)
    assert (alice.cold_s, bob.cold_s) == (90, 30)
    assert (alice.idle_s, bob.idle_s) == (67.5, 22.5)  # 30 s between, 60 s after


def test_a_replica_that_still_waits_has_cost_no_more_than_until_now():
    charge = charges([span(1000, 1030)], HABITS, now=1040)["flux", "alice"]
    assert charge.idle_s == 10


def test_a_pooled_host_lives_once_whatever_workers_it_ran():
    habits = dict.fromkeys(("left", "right"), Habits(cold_s=120, keep_alive_s=60))
    left, right = (
        Span(worker=name, replica="host", caller="alice", began=began, ended=began + 30)
        for name, began in (("left", 1000), ("right", 1040))
    )
    found = charges([left, right], habits, now=5000)
    assert {name: one.run_s for (name, _), one in found.items()} == {"left": 30, "right": 30}
    assert sum(one.cold_s for one in found.values()) == 120
    assert sum(one.idle_s for one in found.values()) == 10 + 60


def test_two_slots_do_not_make_two_replicas():
    charge = charges([span(1000, 1030), span(1010, 1040)], HABITS, now=5000)["flux", "alice"]
    assert charge.run_s == 40
    assert charge.attempts == 2


moments = st.floats(0, 10_000)
spans = st.builds(
    lambda began, length, caller, replica: span(
        began, began + length, caller=caller, replica=replica
    ),
    moments,
    st.floats(0, 500),
    st.sampled_from("abc"),
    st.sampled_from(["r1", "r2"]),
)


@given(st.lists(spans, min_size=1, max_size=12))
def test_charges_add_up_to_the_replicas_lives(made):
    found = charges(made, HABITS, now=1e9)
    lives = 0.0
    for replica in {one.replica for one in made}:
        own = [one for one in made if one.replica == replica]
        lives += max(one.ended for one in own) - min(one.began for one in own) + 120 + 60
    assert sum(one.total_s for one in found.values()) == pytest.approx(lives)
    assert all(min(one.run_s, one.cold_s, one.idle_s) >= -1e-6 for one in found.values())


def test_prices_are_the_regions_and_the_owners_go_first():
    prices = CostSettings(hourly_usd={"eu-west-1": {"g6.xlarge": 0.9}})
    assert prices.hourly("us-east-1", "g6e.xlarge") == 1.861
    assert prices.hourly("eu-west-1", "g6.xlarge") == 0.9
    assert prices.hourly("us-east-1", "p5en.48xlarge") == 63.296 / 8  # eight GPUs to a machine
    assert prices.hourly("mars-1", "g6.xlarge") is None


def test_what_ran_here_is_listed_by_worker_and_caller(tmp_path):
    with up(tmp_path / "data") as live:
        live.finished("pilotlight/echo", live.submit("pilotlight/echo", {"text": "x"}))
        folder = ["--data", str(live.data)]
        done = CliRunner().invoke(app, ["costs", "--json", *folder])
        assert done.exit_code == 0, done.output
        (line,) = json.loads(done.stdout)["charges"]
        assert (line["worker"], line["caller"], line["machine"]) == ("echo", "dev", "fargate")
        assert line["attempts"] == 1
        assert line["cold_s"] > 0
        assert line["usd"] == pytest.approx(line["hours"] * 0.0583)
        shown = CliRunner().invoke(app, ["costs", *folder])
        assert "US dollars in all, at list prices of us-east-1" in shown.output
        assert "This machine sends no bill" in shown.stderr
