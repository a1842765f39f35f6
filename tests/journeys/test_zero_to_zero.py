"""From nothing that runs, through a job, to nothing that runs: real rows, real processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from handlers.upkeep import Upkeep, local_chores
from pilotlight import bootstrap
from pilotlight.adapters.local import processes
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.settings import JobSettings, ReplicaSettings, Settings
from pilotlight.settings.scaling import ScalingSettings
from tests.live import ROOT, until, up

SETTINGS = {
    "workers": ("workers", "tests.journeys.brief", "tests.workers.misbehaving"),
    "replica": ReplicaSettings(grace_s=5),
    "scaling": ScalingSettings(patience_s=0.2, spare_s=0.2, tick_s=0.5),
    "job": JobSettings(max_losses=100),
}


@pytest.fixture
def house(tmp_path):
    """Services with upkeep, and no ingress: jobs are written straight into the table."""
    services = bootstrap.services(Settings(data=tmp_path / "data", **SETTINGS))
    upkeep = Upkeep(
        local_chores(
            store=services.store,
            blobs=services.blobs,
            fleet=services.fleet,
            reaper=services.reaper,
            controller=services.controller,
            checkpoint=services.checkpoint,
            settings=services.settings.scaling,
        ),
        clock=services.clock,
        wake=services.controller.lit,
    )
    upkeep.start()
    yield services
    upkeep.stop()
    services.fleet.stop_all(grace_s=10)
    services.close()


@pytest.fixture
def submit(house):
    def put(worker="blink", **body):
        number = len(house.store.list_jobs(limit=1000))
        now = house.clock.now()
        job = Job(
            id=f"job-{number}",
            caller="alice",
            endpoint=f"test/{worker}",
            worker=worker,
            origin="fal",
            input=json.dumps(body),
            status=JobStatus.QUEUED,
            created_at=now,
            start_by=now + 3600,
            run_timeout_s=600.0,
            due_at=now + 3600,
            max_losses=100,
        )
        house.store.create([job])
        house.queue.poke(worker)
        house.controller.light(worker)
        return job.id

    return put


def live(house, *stages):
    wanted = stages or ("starting", "loading", "ready", "draining")
    return [replica for replica in house.fleet.replicas() if replica.stage in wanted]


def done(house, job_id):
    return until(
        lambda: (job := house.store.get(job_id)).status.is_terminal and job, what=f"{job_id}"
    )


def test_from_zero_to_zero(house, submit):
    assert house.fleet.replicas() == []

    job = done(house, submit())
    assert job.status is JobStatus.SUCCEEDED, job.error
    assert json.loads(job.output) == {"ran_s": 0}
    (replica,) = house.fleet.replicas()

    until(lambda: not live(house), what="the last replica to go")
    (gone,) = house.fleet.replicas()
    assert (gone.stage, gone.error) == ("gone", None)
    until(lambda: processes.started_at(replica.pid) is None, what="its process to end")
    (cold_start,) = house.fleet.cold_starts("blink")
    assert cold_start.total_s > 0


def test_and_up_again(house, submit):
    done(house, submit())
    until(lambda: not live(house), what="the first replica to go")

    assert done(house, submit()).status is JobStatus.SUCCEEDED
    assert len(house.fleet.replicas()) == 2


def test_the_first_submit_is_decided_on_within_a_second(house, submit):
    job = done(house, submit())

    (replica,) = house.fleet.replicas()
    assert replica.asked_at - job.created_at < 1


def test_a_job_that_would_wait_for_long_gets_a_replica_of_its_own(house, submit):
    jobs = [submit(run_s=600), submit(run_s=600)]
    until(
        lambda: {house.store.get(job).status for job in jobs} == {JobStatus.RUNNING},
        what="both to run",
    )

    assert len({house.store.get(job).owner for job in jobs}) == 2
    third = submit()
    until(lambda: "wait" in _why(house), what="a look at the third job")
    assert len(live(house)) == 2, "never more than the worker's maximum"
    assert house.store.get(third).status is JobStatus.QUEUED


def _why(house):
    decision = house.controller.decisions.get("blink")
    return decision.reason if decision else ""


def test_the_job_of_a_killed_replica_runs_again_on_another(house, submit):
    job_id = submit(run_s=1)
    running = until(
        lambda: (job := house.store.get(job_id)).status is JobStatus.RUNNING and job,
        what="it to run",
    )
    (replica,) = live(house, "ready")

    os.kill(replica.pid, signal.SIGKILL)

    job = done(house, job_id)
    assert job.status is JobStatus.SUCCEEDED, job.error
    assert job.attempts == 1, "a lost lease is no attempt of the model's"
    assert job.losses == 1
    assert job.fence > running.fence


def test_a_worker_that_cannot_load_is_tried_seldom_and_says_why(house, submit):
    submit("raises-in-load")

    until(
        lambda: (
            "no weights in /models/none"
            in house.controller.explain(house.clock.now())["raises-in-load"].reason
        ),
        what="the reason",
    )
    assert all(replica.stage == "failed" for replica in house.fleet.replicas())


def test_one_that_dies_while_it_loads_is_not_started_in_a_loop(house, submit):
    submit("exits-in-load")

    failed = until(lambda: live(house, "failed"), what="a failure")
    assert failed[0].error
    decision = house.controller.explain(house.clock.now())["exits-in-load"]
    assert decision.start == 0
    assert decision.look_at is not None


@pytest.fixture
def environment():
    return {
        "WORKERS": json.dumps(SETTINGS["workers"]),
        "REPLICA__GRACE_S": "5",
        "SCALING__PATIENCE_S": "0.2",
    }


def replica_processes(house):
    """Everything on this data folder but ``up`` itself."""
    return [pid for pid in house.processes() if pid != house.process.pid]


def test_up_leaves_nothing_behind_when_it_is_told_to_end(tmp_path, environment):
    with up(tmp_path / "data", settings=environment) as house:
        house.finished("test/blink", house.submit("test/blink", {}))
        house.submit("test/blink", {"run_s": 600})
        until(lambda: replica_processes(house), what="a replica")

        assert house.stop() == 0


def test_a_second_signal_ends_it_without_waiting(tmp_path, environment):
    with up(tmp_path / "data", settings=environment | {"REPLICA__GRACE_S": "3600"}) as house:
        job_id = house.submit("test/blink", {"run_s": 3500})
        until(lambda: house.status("test/blink", job_id)["status"] == "IN_PROGRESS", what="a run")
        house.process.send_signal(signal.SIGINT)
        until(
            lambda: "up.leaving" in (house.data / "up.log").read_text(),
            what="the first to be heard",
        )
        house.process.send_signal(signal.SIGINT)

        assert house.process.wait(30) == 0
        until(lambda: not house.processes(), what="every process to go")


def test_a_terminal_that_is_closed_lets_running_jobs_finish(tmp_path, environment):
    """It is said twice, by the shell and by the kernel: that is no second Ctrl-C."""
    with up(tmp_path / "data", settings=environment | {"REPLICA__GRACE_S": "60"}) as house:
        job_id = house.submit("test/blink", {"run_s": 2})
        until(lambda: house.status("test/blink", job_id)["status"] == "IN_PROGRESS", what="a run")
        house.process.send_signal(signal.SIGHUP)
        house.process.send_signal(signal.SIGHUP)

        assert house.process.wait(30) == 0
        until(lambda: not house.processes(), what="every process to go")
        with contextlib.closing(Database(house.data / "jobs.db")) as database:
            assert SqliteStore(database).get(job_id).status is JobStatus.SUCCEEDED


def test_replicas_do_not_outlive_a_killed_supervisor_and_the_next_one_goes_on(
    tmp_path, environment
):
    with up(tmp_path / "data", settings=environment) as house:
        job_id = house.submit("test/blink", {"run_s": 600})
        until(lambda: house.status("test/blink", job_id)["status"] == "IN_PROGRESS", what="a run")
        os.kill(house.process.pid, signal.SIGKILL)
        house.process.wait(30)
        until(lambda: not house.processes(), what="the replicas to go by themselves")

        house.start()
        until(
            lambda: house.status("test/blink", job_id)["status"] == "IN_PROGRESS",
            what="the job to run again",
        )


def test_two_cannot_serve_one_folder(tmp_path, environment):
    with up(tmp_path / "data", settings=environment) as house:
        second = subprocess.run(
            [sys.executable, "-m", "pilotlight.cli", "up", "--port", "0", "--data", house.data],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert second.returncode != 0
        assert str(house.process.pid) in second.stderr
        assert "Traceback" not in second.stderr


def test_a_taken_port_is_told_in_one_sentence(tmp_path, environment):
    with up(tmp_path / "data", settings=environment) as house:
        second = subprocess.run(
            [
                sys.executable, "-m", "pilotlight.cli", "up", "--port", str(house.port),
                "--data", tmp_path / "other",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )  # fmt: skip

        assert second.returncode != 0
        assert f":{house.port}" in second.stderr
        assert "Traceback" not in second.stderr
