"""The policy's table, and what no table can list: it never stops a busy one, never exceeds."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pilotlight.contracts.worker import Endpoint, WorkerSpec
from pilotlight.ports.fleet import LIVE, Replica
from pilotlight.ports.store import Load
from pilotlight.scaling.policy import Snapshot, decide
from pilotlight.scaling.terms import terms_of
from pilotlight.settings.scaling import ScalingSettings

NOW = 10_000.0
STEP = 4
LIMITS = ScalingSettings(patience_s=1, spare_s=10, start_backoff_s=2, max_backoff_s=300)


class Nothing(BaseModel):
    pass


def spec(**facts):
    endpoint = Endpoint(id="test/flux", task="test", input=Nothing, output=Nothing)
    base = {"name": "flux", "endpoints": (endpoint,), "gpu_memory_gib": 0, "keep_alive_s": 60}
    return WorkerSpec(**(base | facts))


def replica(name, stage="ready", *, idle_s=0.0, **changes):
    since = NOW - idle_s
    made = Replica(id=name, worker="flux", stage=stage, asked_at=since - 20)
    if stage in ("ready", "draining"):
        made = dataclasses.replace(made, ready_at=since - 5, active_at=since)
    return dataclasses.replace(made, **changes)


def load(queued=0, running=0, *, waited_s=30.0):
    return Load(queued, running, NOW - waited_s if queued else None)


def look(jobs, *replicas, busy=(), limits=LIMITS, **facts):
    terms = terms_of(spec(**facts), limits)
    return decide(Snapshot(jobs, replicas, frozenset(busy)), terms, now=NOW)


STARTS = {
    "nothing waits: nothing starts": (0, load(), (), {}),
    "the first job starts the first replica at once": (1, load(1, waited_s=0), (), {}),
    "many jobs start up to the maximum": (3, load(100), (), {"max_replicas": 3}),
    "slots of one replica count": (2, load(8), (), {"jobs_per_replica": 4}),
    "a part of a replica is a replica": (3, load(9), (), {"jobs_per_replica": 4}),
    "a replica on its way is capacity": (0, load(1), (replica("a", "starting"),), {}),
    "so is one that loads": (0, load(1), (replica("a", "loading"),), {}),
    "a second job starts a second one": (1, load(2), (replica("a", "loading"),), {}),
    "but not before it has waited": (0, load(2, waited_s=0.5), (replica("a", "loading"),), {}),
    "running jobs count": (1, load(1, 1), (replica("a"),), {"busy": ("a",)}),
    "a burst from zero starts one": (1, load(9, waited_s=0), (), {}),
    "and the rest when that proves too little": (3, load(9), (replica("a", "starting"),), {}),
    "a minimum starts without a job": (2, load(), (), {"min_replicas": 2}),
    "a minimum does not wait for patience": (
        1, load(3, waited_s=0), (replica("a"),), {"min_replicas": 2},
    ),
    "a draining one still holds its place": (
        0, load(1), (replica("a", "draining"),), {"max_replicas": 1},
    ),
    "a draining one is no capacity": (1, load(1), (replica("a", "draining"),), {}),
    "what a draining one finishes needs no new one": (
        0, load(0, 1), (replica("a", "draining"),), {"busy": ("a",)},
    ),
    "a job whose replica died needs a new one": (1, load(0, 1), (), {}),
    "the dead are no capacity": (1, load(1), (replica("a", "gone", ended_at=NOW - 1),), {}),
    "one decision starts four at most": (STEP, load(5000), (), {"max_replicas": 100}),
    "or as many as have lived for a while": (
        8, load(5000), tuple(replica(f"r{n}", idle_s=60) for n in range(8)),
        {"max_replicas": 100, "busy": tuple(f"r{n}" for n in range(8))},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("count", "jobs", "replicas", "more"), STARTS.values(), ids=STARTS)
def test_how_many_start(count, jobs, replicas, more):
    decision = look(jobs, *replicas, **more)

    assert decision.start == count
    assert not decision.retire
    assert decision.reason


RETIREMENTS = {
    "the last one idles for its keep-alive": ((), load(), (replica("a", idle_s=59),), {}),
    "then it goes": (("a",), load(), (replica("a", idle_s=60),), {}),
    "another one goes sooner": (
        ("a",), load(), (replica("a", idle_s=30), replica("b", idle_s=20)), {},
    ),
    "longest idle first": (
        ("b", "a"), load(), (replica("a", idle_s=20), replica("b", idle_s=30), replica("c")), {},
    ),
    "never below the minimum": (
        (), load(), (replica("a", idle_s=999),), {"min_replicas": 1},
    ),
    "a worker may keep alive for less than a spare one": (
        ("a", "b"), load(), (replica("a", idle_s=6), replica("b", idle_s=5)), {"keep_alive_s": 5},
    ),
    "a setting may hold for every worker": (
        ("a",), load(), (replica("a", idle_s=5),), {"limits": ScalingSettings(keep_alive_s=5)},
    ),
    "a busy one stays": (
        (), load(0, 1), (replica("a", idle_s=999),), {"busy": ("a",)},
    ),
    "its idle neighbour goes": (
        ("b",), load(0, 1), (replica("a", idle_s=999), replica("b", idle_s=20)), {"busy": ("a",)},
    ),
    "one that is wanted by a waiting job stays": ((), load(1), (replica("a", idle_s=999),), {}),
    "one that loads is left to load": ((), load(), (replica("a", "loading", asked_at=0),), {}),
}  # fmt: skip


@pytest.mark.parametrize(("ids", "jobs", "replicas", "more"), RETIREMENTS.values(), ids=RETIREMENTS)
def test_which_ones_go(ids, jobs, replicas, more):
    decision = look(jobs, *replicas, **more)

    assert decision.retire == ids
    assert not decision.start


def test_a_decision_knows_when_to_look_again():
    assert look(load(), replica("a", idle_s=40)).look_at == NOW + 20
    assert look(load(2, waited_s=0.25), replica("a")).look_at == NOW + 0.75
    assert look(load(1), replica("a", "failed", ended_at=NOW, error="no")).look_at == NOW + 2


def test_a_worker_that_failed_to_load_waits_and_says_why():
    failed = replica("a", "failed", ended_at=NOW - 1, error="CUDA is not there")

    decision = look(load(3), failed)

    assert decision.start == 0
    assert "CUDA is not there" in decision.reason


def test_after_the_backoff_one_replica_tries_alone():
    failed = replica("a", "failed", ended_at=NOW - 3, error="no memory")

    assert look(load(10), failed).start == 1
    trying = replica("b", "loading", asked_at=NOW - 1)
    assert look(load(10), failed, trying).start == 0


def test_a_success_ends_the_caution():
    failed = replica("a", "failed", asked_at=NOW - 310, ended_at=NOW - 300, error="no memory")

    assert look(load(10), failed, replica("b", asked_at=NOW - 100)).start == 3


def test_starts_within_the_window_count_as_part_of_the_step():
    fresh = [replica(f"r{n}", "starting", asked_at=NOW - 5) for n in range(STEP)]

    decision = look(load(5000), *fresh, max_replicas=100)

    assert decision.start == 0
    assert decision.look_at == NOW + 10


stages = st.sampled_from(["starting", "loading", "ready", "draining", "failed", "gone"])
moments = st.floats(NOW - 500, NOW)


@st.composite
def snapshots(draw):
    replicas = []
    for number in range(draw(st.integers(0, 8))):
        stage = draw(stages)
        asked_at = draw(moments)
        served = stage in ("ready", "draining")
        replicas.append(
            Replica(
                id=f"r{number}",
                worker="flux",
                stage=stage,
                asked_at=asked_at,
                ready_at=asked_at if served else None,
                active_at=draw(moments) if served else 0.0,
                ended_at=draw(moments) if stage in ("failed", "gone") else None,
            )
        )
    jobs = load(draw(st.integers(0, 50)), draw(st.integers(0, 8)), waited_s=draw(st.floats(0, 60)))
    busy = draw(st.sets(st.sampled_from(replicas).map(lambda one: one.id))) if replicas else set()
    return Snapshot(jobs, tuple(replicas), frozenset(busy))


facts = st.fixed_dictionaries(
    {
        "jobs_per_replica": st.integers(1, 5),
        "min_replicas": st.integers(0, 3),
        "max_replicas": st.integers(3, 10),
        "keep_alive_s": st.floats(0, 100),
    }
)


@given(snapshots(), facts)
def test_busy_ones_are_never_stopped(snapshot, given_facts):
    decision = decide(snapshot, terms_of(spec(**given_facts), LIMITS), now=NOW)

    stages_of = {one.id: one.stage for one in snapshot.replicas}
    assert not snapshot.busy & set(decision.retire)
    assert all(stages_of[name] == "ready" for name in decision.retire)


@given(snapshots(), facts)
def test_the_maximum_is_never_exceeded(snapshot, given_facts):
    wanted = spec(**given_facts)
    decision = decide(snapshot, terms_of(wanted, LIMITS), now=NOW)
    places = sum(one.stage in (*LIVE, "draining") for one in snapshot.replicas)

    assert decision.start >= 0
    assert places + decision.start <= max(places, wanted.max_replicas)


@given(snapshots(), facts)
def test_the_minimum_and_the_jobs_keep_what_they_need(snapshot, given_facts):
    wanted = spec(**given_facts)
    decision = decide(snapshot, terms_of(wanted, LIMITS), now=NOW)
    live = len(snapshot.live)

    if decision.retire:
        left = live - len(decision.retire)
        assert left >= wanted.min_replicas
        assert left * wanted.jobs_per_replica >= min(
            snapshot.load.queued, wanted.max_replicas * wanted.jobs_per_replica
        )


@given(snapshots(), facts)
def test_replicas_on_their_way_are_counted(snapshot, given_facts):
    """As many as the jobs need are live: nothing starts, whatever their stage."""
    wanted = spec(**given_facts)
    jobs = snapshot.load.queued + snapshot.load.running
    decision = decide(snapshot, terms_of(wanted, LIMITS), now=NOW)

    if len(snapshot.live) * wanted.jobs_per_replica >= jobs and len(snapshot.live) >= 3:
        assert decision.start == 0


@given(snapshots(), facts)
def test_a_decision_never_starts_and_stops(snapshot, given_facts):
    decision = decide(snapshot, terms_of(spec(**given_facts), LIMITS), now=NOW)

    assert not (decision.start and decision.retire)
    assert decision.look_at is None or decision.look_at > NOW
