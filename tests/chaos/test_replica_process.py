"""A replica as a process of its own: signals, sudden deaths, and no orphans."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pilotlight.contracts.job import JobStatus
from pilotlight.execution.reaper import Reaper
from tests.live import ROOT
from tests.replica_rig import PATIENCE_S


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def child_of(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else None


def running_job(rig, tmp_path, **more):
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    return job_id


def test_sigterm_finishes_the_job_in_hand_and_exits_with_zero(process_of, tmp_path):
    rig, process = process_of("waits")
    job_id = running_job(rig, tmp_path)
    process.send_signal(signal.SIGTERM)
    rig.until(lambda: rig.replica_row().stage == "draining")
    (tmp_path / "gate").touch()
    assert process.wait(PATIENCE_S) == 0
    assert rig.job(job_id).status is JobStatus.SUCCEEDED
    assert rig.replica_row().stage == "gone"


def test_a_second_sigterm_hands_the_job_back(process_of, tmp_path):
    rig, process = process_of("ignores-cancel", PILOTLIGHT_REPLICA__GRACE_S="600")
    job_id = running_job(rig, tmp_path)
    child = child_of(process.pid)
    process.send_signal(signal.SIGTERM)
    rig.until(lambda: rig.replica_row().stage == "draining")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    job = rig.job(job_id)
    assert (job.status, job.attempts) == (JobStatus.QUEUED, 0)
    assert not is_running(child)


def test_signals_that_come_late_make_no_crash_of_a_good_end(process_of):
    rig, process = process_of("waits")
    rig.until(lambda: rig.replica_row().stage == "ready")
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.002)
    assert process.returncode == 0
    assert rig.replica_row().stage == "gone"


@pytest.mark.parametrize("worker", ["ignores-cancel", "hangs-in-run", "holds-interpreter"])
def test_no_child_outlives_a_parent_that_is_killed(process_of, tmp_path, worker):
    rig, process = process_of(worker)
    rig.until(lambda: rig.replica_row().stage == "ready")
    child = child_of(process.pid)
    job_id = rig.submit({"started": str(tmp_path / "started")})
    rig.until(lambda: rig.job(job_id).status is JobStatus.RUNNING)
    process.kill()
    process.wait(PATIENCE_S)
    rig.until(lambda: not is_running(child), "the child to end")


def test_the_job_of_a_killed_replica_is_taken_back_at_once_and_done_by_another(
    process_of, tmp_path
):
    rig, process = process_of("waits")
    job_id = running_job(rig, tmp_path)
    process.kill()
    process.wait(PATIENCE_S)
    reaper = Reaper(rig.store, rig.sender, rig.announcer, rig.clock, rig.settings)
    assert reaper.reap_owner("replica-1").returned == 1
    (tmp_path / "gate").touch()
    rig.start("replica-2")
    rig.output(job_id)
    assert rig.outcomes(job_id) == ["T10", "T6"]


def test_a_killed_child_costs_one_attempt_and_no_job(process_of, tmp_path):
    rig, process = process_of("waits")
    job_id = running_job(rig, tmp_path)
    (tmp_path / "gate").touch()
    rig.output(job_id)
    (tmp_path / "gate").unlink()
    (tmp_path / "started").unlink()
    job_id = running_job(rig, tmp_path)
    os.kill(child_of(process.pid), signal.SIGKILL)
    rig.until(lambda: rig.outcomes(job_id) == ["T7"])
    (tmp_path / "gate").touch()
    rig.output(job_id)
    assert "SIGKILL" in rig.store.attempts_of(job_id)[0].error


def test_the_end_of_the_supervisors_pipe_drains_the_replica(process_of):
    reading, writing = os.pipe()
    rig, process = process_of("waits", "--supervisor-fd", str(reading), pass_fds=(reading,))
    os.close(reading)
    rig.until(lambda: rig.replica_row().stage == "ready")
    os.close(writing)
    assert process.wait(PATIENCE_S) == 0


def test_a_model_that_cannot_load_ends_the_process_with_its_own_code(process_of):
    rig, process = process_of("raises-in-load")
    assert process.wait(PATIENCE_S) == 3
    assert rig.replica_row().error == "there are no weights in /models/none"


def test_an_unknown_worker_is_one_clear_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "workers", "ecco", "--replica", "r", "--data", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no worker is called 'ecco'; there are: " in done.stderr


def test_a_replica_loads_neither_a_web_framework_nor_a_vendor(tmp_path):
    """Idle memory is counted in megabytes: this is where they would come from."""
    program = (
        "import sys; from pilotlight.execution import replica, reaper, child;"
        "print([m for m in ('starlette', 'boto3', 'celery', 'torch', 'asyncio', 'sqlite3',"
        " 'multiprocessing', 'httpcore') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
