"""One replica hosts several workers: models are swapped, evicted and shared fairly."""

from __future__ import annotations

import itertools
import os
import signal

import pytest

from pilotlight.contracts.job import JobStatus
from pilotlight.scaling.placement import MOST_BYPASSED
from tests.pool_rig import PoolRig

SHARED = ("tests.workers.shared",)


@pytest.fixture
def pool_of(tmp_path, monkeypatch):
    monkeypatch.setenv("POOL_DIARY", str(tmp_path / "diary"))
    (tmp_path / "diary").touch()
    rigs = []

    def make(packages=SHARED, pool="shared", *, memory_gib=2.5, **settings):
        rig = PoolRig(tmp_path, packages, pool, memory_gib=memory_gib, **settings)
        rigs.append(rig)
        rig.start()
        return rig

    yield make
    for rig in rigs:
        rig.close()


def test_one_replica_runs_the_jobs_of_every_worker_of_its_pool(pool_of):
    rig = pool_of()

    for worker in ("alpha", "beta", "alpha"):
        assert rig.output(rig.submit(to=worker)) == {"by": worker}

    assert rig.diary == ["load alpha", "run alpha", "load beta", "run beta", "run alpha"]
    assert [row.worker for row in rig.rows.recent(now=rig.clock.now())] == ["shared"]
    assert rig.until(lambda: rig.holds() == ["alpha", "beta"])


def test_a_model_that_does_not_fit_makes_the_least_useful_one_go(pool_of):
    rig = pool_of(memory_gib=2.5)
    for worker in ("alpha", *["beta"] * 10, "alpha"):
        rig.output(rig.submit(to=worker))
    rig.output(rig.submit(to="beta"))

    rig.output(rig.submit(to="gamma"))

    assert "close alpha" in rig.diary, "asked for much less often than beta"
    assert "close beta" not in rig.diary
    assert rig.until(lambda: rig.holds() == ["gamma", "beta"])
    assert rig.output(rig.submit(to="alpha")) == {"by": "alpha"}
    assert rig.diary.count("load alpha") == 2


def test_memory_is_made_free_before_the_next_model_is_loaded(pool_of):
    rig = pool_of(memory_gib=1.5)
    for worker in ("alpha", "beta"):
        rig.output(rig.submit(to=worker))

    words = [word for word in rig.diary if not word.startswith("run")]
    assert words == ["load alpha", "close alpha", "load beta"]


def test_jobs_whose_model_is_in_place_go_first_but_only_so_many(pool_of, tmp_path):
    """While alpha works, one job for beta comes and then many for alpha."""
    rig = pool_of(memory_gib=1.5)
    gate, started = tmp_path / "gate", tmp_path / "started"
    first = rig.submit({"gate": str(gate), "started": str(started)}, to="alpha")
    rig.started(started)
    beta = rig.submit(to="beta")
    flood = [rig.submit(to="alpha", send=False) for _ in range(2 * MOST_BYPASSED)]
    gate.touch()
    for job_id in (first, beta, *flood):
        rig.ended(job_id)

    place = rig.order([first, beta, *flood]).index("beta")
    assert 0 <= place - 1 - MOST_BYPASSED <= 1, "one of them came in the same turn"


def test_every_worker_is_served_although_each_has_a_long_queue(pool_of):
    rig = pool_of(memory_gib=1.5)
    ids = [
        rig.submit(to=worker, send=False, caller=worker)
        for _ in range(MOST_BYPASSED + 5)
        for worker in ("alpha", "beta", "gamma")
    ]
    for job_id in ids:
        rig.ended(job_id)

    order = rig.order(ids)
    firsts = [order.index(worker) for worker in ("alpha", "beta", "gamma")]
    assert max(firsts) <= 2 * (MOST_BYPASSED + 1)
    assert sum(a != b for a, b in itertools.pairwise(order)) < len(ids) / 4, "few swaps"


def test_a_more_urgent_job_goes_before_one_that_needs_no_load(pool_of, tmp_path):
    rig = pool_of()
    gate, started = tmp_path / "gate", tmp_path / "started"
    first = rig.submit({"gate": str(gate), "started": str(started)}, to="alpha", priority=1)
    rig.started(started)
    later = rig.submit(to="alpha", priority=1)
    urgent = rig.submit(to="beta", priority=0)
    gate.touch()
    for job_id in (first, later, urgent):
        rig.ended(job_id)

    assert rig.order([first, later, urgent]) == ["alpha", "beta", "alpha"]


def test_a_model_that_cannot_be_loaded_keeps_nobody_else_waiting_and_costs_no_attempt(pool_of):
    rig = pool_of()
    stuck = rig.submit(to="broken")
    rig.until(lambda: "load broken" in rig.diary)

    for _ in range(3):
        assert rig.output(rig.submit(to="alpha")) == {"by": "alpha"}

    assert rig.job(stuck).status is JobStatus.QUEUED
    assert rig.job(stuck).attempts == 0
    row = rig.until(lambda: rig.replica_row().error and rig.replica_row(), "the reason")
    assert (row.stage, row.error) == ("ready", "broken: no weights for broken")


def test_a_load_that_does_not_end_is_ended_for_the_others_sake(pool_of):
    rig = pool_of()
    rig.submit(to="endless")

    assert rig.output(rig.submit(to="alpha")) == {"by": "alpha"}


def test_a_crash_costs_the_models_and_never_the_jobs(pool_of, tmp_path):
    rig = pool_of()
    rig.output(rig.submit(to="beta"))
    gate, started = tmp_path / "gate", tmp_path / "started"
    job_id = rig.submit({"gate": str(gate), "started": str(started)}, to="alpha")
    rig.started(started)
    started.unlink()

    os.kill(rig.replica._keeper.pid, signal.SIGKILL)
    assert rig.started(started) == "2"
    gate.touch()

    assert rig.output(job_id) == {"by": "alpha"}
    assert rig.output(rig.submit(to="beta")) == {"by": "beta"}
    assert (rig.diary.count("load alpha"), rig.diary.count("load beta")) == (2, 2)


def test_a_cancelled_job_is_not_waited_for(pool_of, tmp_path):
    rig = pool_of()
    gate, started = tmp_path / "gate", tmp_path / "started"
    running = rig.submit({"gate": str(gate), "started": str(started)}, to="alpha")
    rig.started(started)
    waiting = rig.submit(to="beta")
    rig.cancel(waiting)
    gate.touch()

    assert rig.ended(running).status is JobStatus.SUCCEEDED
    assert rig.output(rig.submit(to="gamma")) == {"by": "gamma"}
    assert "load beta" not in rig.diary


def test_a_host_that_leaves_closes_its_models(pool_of):
    rig = pool_of()
    for worker in ("alpha", "beta"):
        rig.output(rig.submit(to=worker))

    assert rig.leave() == 0
    assert {"close alpha", "close beta"} <= set(rig.diary)


def test_two_hosts_share_the_models_among_them(pool_of):
    """Each has room for one: without a word between them both would load for every job."""
    rig = pool_of(memory_gib=1.5)
    rig.start("host-2")
    rig.ready(2)

    for worker in ("alpha", "beta", "alpha", "beta", "beta", "alpha"):
        assert rig.output(rig.submit(to=worker)) == {"by": worker}

    assert (rig.diary.count("load alpha"), rig.diary.count("load beta")) == (1, 1)


def test_a_host_that_does_not_do_what_it_should_is_not_waited_for(pool_of):
    rig = pool_of(memory_gib=1.5)
    rig.output(rig.submit(to="beta"))
    with rig.database.write() as execute:  # it says that it has the model, and is no process at all
        execute("INSERT INTO replica (id, worker, stage) VALUES ('host-0', 'shared', 'ready')")
        execute("INSERT INTO note VALUES ('pool:host-0', '[\"alpha\", [], null]')")

    assert rig.output(rig.submit(to="alpha")) == {"by": "alpha"}


def test_on_a_gpu_the_model_in_use_makes_the_other_one_park(pool_of):
    rig = pool_of(("tests.workers.parking",), "parking", memory_gib=4)
    for worker in ("lorry", "sled", "lorry"):
        assert rig.output(rig.submit(to=worker)) == {"by": worker}

    words = [word for word in rig.diary if not word.startswith("run")]
    assert words == [
        "load lorry",
        "park lorry",
        "load sled",
        "park sled",
        "close sled",  # it cannot be parked
        "wake lorry",
    ]
    assert rig.until(lambda: rig.holds() == ["lorry"])
