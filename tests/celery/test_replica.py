"""A replica in AWS mode as a process of its own: what it leases, beats, loses and leaves."""

from __future__ import annotations

import signal
import subprocess
import sys

import click
import pytest

from pilotlight.adapters.celery.worker import app_of
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus
from pilotlight.contracts.message import JobMessage
from pilotlight.settings import Settings
from tests.live import ROOT, environment
from tests.replica_rig import PACKAGES


def waiting(rig, tmp_path):
    """A job that runs until its gate is there."""
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.until((tmp_path / "started").exists, f"{job_id} to run")
    return job_id


def test_a_job_outlives_its_first_visibility_timeout_without_being_given_to_another(
    rig_of, tmp_path
):
    rig = rig_of(
        "waits",
        queue={"visibility_s": 3},
        lease={"lease_s": 2, "beat_s": 0.5},
    )
    rig.start()
    job_id = waiting(rig, tmp_path)
    fence, began = rig.job(job_id).fence, rig.clock.monotonic()
    rig.until(lambda: rig.clock.monotonic() > began + 4, "more than the timeout")
    assert rig.counts() == (0, 1)
    assert rig.job(job_id).fence == fence
    (tmp_path / "gate").touch()
    rig.succeeded(job_id)
    rig.until(lambda: rig.counts() == (0, 0), "the message to go")


def test_a_killed_replica_costs_no_job_even_if_nobody_saw_it_die(rig_of, tmp_path):
    """Visibility brings the message back, the reaper the row; whichever comes first will do."""
    rig = rig_of(
        "waits", queue={"visibility_s": 3}, lease={"lease_s": 2, "beat_s": 0.5, "margin_s": 0.1}
    )
    process = rig.start()
    job_id = waiting(rig, tmp_path)
    process.kill()
    process.wait()
    assert rig.counts() == (0, 1)
    (tmp_path / "gate").touch()
    rig.start("replica-2")

    def done():
        rig.reaper()
        return rig.job(job_id).status.is_terminal

    rig.until(done, "the job to end")
    rig.succeeded(job_id)
    assert [record.outcome for record in rig.store.attempts_of(job_id)] == ["T10", "T6"]


def test_a_message_without_a_row_goes_to_the_dead_letters_and_holds_nobody_up(rig_of):
    rig = rig_of("echo", queue={"max_receives": 3})
    rig.start()
    rig.sender.send(JobMessage(job_id="nobody", worker="echo"))
    rig.succeeded(rig.submit({"text": "a"}))
    rig.until(lambda: rig.counts(rig.dead_url)[0] == 1, "the orphan to be given up")
    rig.succeeded(rig.submit({"text": "b"}))


def test_doubled_and_late_messages_do_nothing(rig_of):
    rig = rig_of("echo")
    job_id = rig.submit({"text": "a"})
    again = JobMessage(job_id=job_id, worker="echo")
    for _ in range(4):
        rig.sender.send(again)
    rig.start()
    rig.succeeded(job_id)
    rig.sender.send(again)
    rig.until(lambda: rig.counts() == (0, 0), "all of them to go")
    assert rig.job(job_id).attempts == 1


def test_a_cancelled_job_is_stopped_at_the_next_beat(rig_of, tmp_path):
    rig = rig_of("waits", lease={"lease_s": 4, "beat_s": 0.5})
    rig.start()
    job_id = waiting(rig, tmp_path)
    job = rig.job(job_id)
    assert rig.store.move(job_id, moves.cancel(job, now=rig.clock.now()))
    rig.until(lambda: '"lease.lost"' in rig.log(), "the replica to see it")
    other = rig.submit({})
    rig.succeeded(other)
    assert rig.job(job_id).status is JobStatus.CANCELLED


# celery worker


def celery(rig, *options):
    return ["-m", "celery", "-A", "pilotlight.adapters.celery.app", "worker", *options]


def queue(rig):
    return rig.url.rpartition("/")[2]


def test_celery_worker_runs_a_replica_and_leaves_in_peace(rig_of, tmp_path):
    rig = rig_of("waits")
    pidfile = tmp_path / "worker.pid"
    options = ["-Q", queue(rig), "-c", "1", "-P", "threads", "--pidfile", str(pidfile)]
    process = rig.start(command=celery(rig, *options))
    job_id = waiting(rig, tmp_path)
    assert int(pidfile.read_text()) == process.pid
    process.send_signal(signal.SIGTERM)
    (tmp_path / "gate").touch()
    assert process.wait(30) == 0, rig.log()
    rig.succeeded(job_id)
    assert not pidfile.exists()
    assert rig.counts() == (0, 0)


def test_sigquit_hands_everything_back_at_once(rig_of, tmp_path):
    rig = rig_of("waits", replica={"grace_s": 600})
    process = rig.start(command=celery(rig, "-Q", "waits"))
    job_id = waiting(rig, tmp_path)
    process.send_signal(signal.SIGQUIT)
    assert process.wait(30) == 0, rig.log()
    job = rig.job(job_id)
    assert (job.status, job.attempts) == (JobStatus.QUEUED, 0)
    assert rig.counts() == (1, 0)


REFUSED = {
    ("-Q", "echo", "-c", "3"): "echo runs 1 at a time",
    ("-Q", "echo", "-P", "solo"): "only threads",
    ("-Q", "echo", "--autoscale", "4,1"): "more capacity is more replicas",
    ("-Q", "echo", "-B"): "upkeep does what is timed",
    ("-Q", "echo", "--purge"): "nothing is thrown away",
    ("-Q", "echo", "-E"): "nobody would hear them",
    ("-Q", "echo", "--time-limit", "5"): "timeout_s in the worker file",
    ("-Q", "echo,waits"): "a replica is of one worker",
    ("-Q", "nobody"): "a replica is of one worker",
    (): "a replica is of one worker",
}


@pytest.mark.parametrize(("options", "words"), REFUSED.items(), ids=lambda given: str(given)[:40])
def test_what_a_replica_cannot_do_is_refused_in_a_sentence(options, words, tmp_path):
    url = "http://127.0.0.1:1/0/"
    settings = Settings(
        mode="aws",
        data=tmp_path,
        workers=PACKAGES,
        aws={"queue_url": f"{url}jobs-"},
    )
    with pytest.raises(click.UsageError, match=words):
        app_of(settings).worker_main(["worker", *options])


def test_a_queue_of_a_pool_is_left_to_its_hosts(tmp_path):
    settings = Settings(
        mode="aws",
        data=tmp_path,
        workers=("tests.workers.shared",),
        aws={"queue_url": "http://127.0.0.1:1/0/jobs-"},
    )
    with pytest.raises(click.UsageError, match=r"alpha is in the pool shared.*workers shared"):
        app_of(settings).worker_main(["worker", "-Q", "alpha"])


def test_local_mode_has_no_celery_worker():
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "pilotlight.adapters.celery.app", "worker"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "mode aws" in done.stdout + done.stderr


def test_settings_whose_lease_outlives_the_message_are_refused(rig_of):
    rig = rig_of("echo", queue={"visibility_s": 8}, lease={"lease_s": 9})
    process = rig.start()
    assert process.wait(30) == 2
    assert "visibility_s must be longer than lease.lease_s" in rig.log()
