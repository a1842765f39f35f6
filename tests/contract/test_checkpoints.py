"""What a job has come to is kept by every blob store: the last of it, whole, until the job ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pilotlight.adapters.aws.blobs import S3Blobs
from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.errors import UnknownFile, WorkerError
from pilotlight.execution.checkpoints import Checkpoints, key_of

CLOCK = SystemClock()
JOB = Job(
    id="job-1", caller="alice", endpoint="pilotlight/trainer", worker="trainer", origin="test",
    input="{}", created_at=1.0, status=JobStatus.RUNNING, start_by=2.0, due_at=2.0,
    run_timeout_s=60.0,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    return FolderBlobs(tmp_path / "files", secret=b"s" * 32, clock=CLOCK)


@pytest.fixture
def on_moto(moto):
    return S3Blobs(moto.bucket, secret=b"s" * 32, clock=CLOCK)


@pytest.fixture
def on_ministack(ministack):
    return S3Blobs(ministack.bucket, secret=b"s" * 32, clock=CLOCK)


@pytest.fixture(params=["folder", "on_moto", "on_ministack"])
def kept(request):
    return Checkpoints(request.getfixturevalue(request.param), CLOCK)


@pytest.fixture
def work(tmp_path):
    made = tmp_path / "attempt" / "files"
    made.mkdir(parents=True)
    return made


def attempt(fence):
    return replace(JOB, fence=fence)


def saved(kept, work, content, *, fence=1):
    (work / "state.safetensors").write_bytes(content)
    kept.save(attempt(fence), work / "state.safetensors", folder=work)


def found(kept, folder, *, fence):
    path = kept.fetch(attempt(fence), folder)
    return path and Path(path).read_bytes()


def test_the_last_one_is_found_and_no_other(kept, work, tmp_path):
    assert kept.fetch(attempt(3), tmp_path / "first") == ""
    saved(kept, work, b"step 3")
    saved(kept, work, b"step 6" * 100_000)

    path = kept.fetch(attempt(3), tmp_path / "second")

    assert path.endswith(".safetensors")
    assert Path(path).read_bytes() == b"step 6" * 100_000


def test_an_attempt_that_saves_too_late_undoes_nothing_of_a_newer_one(kept, work, tmp_path):
    saved(kept, work, b"step 3", fence=1)
    saved(kept, work, b"step 9", fence=3)

    saved(kept, work, b"step 4", fence=1)  # it was paused meanwhile

    assert found(kept, tmp_path / "then", fence=7) == b"step 9"


def test_a_save_takes_those_of_earlier_attempts_away(kept, work):
    for fence in (1, 3):
        saved(kept, work, b"step", fence=fence)

    with pytest.raises(UnknownFile):
        kept.blobs.info(key_of(JOB.id, 1))


def test_it_goes_with_the_job_and_going_twice_is_fine(kept, work, tmp_path):
    saved(kept, work, b"step 3", fence=1)

    kept.delete(attempt(3))
    kept.delete(attempt(3))

    assert kept.fetch(attempt(5), tmp_path / "then") == ""


def test_it_expires_where_nobody_deletes_it(kept, work):
    saved(kept, work, b"step 3")

    assert kept.blobs.info(key_of(JOB.id, 1)).expires_at > CLOCK.now() + 13 * 24 * 3600


def test_a_file_from_elsewhere_is_not_taken(kept, work, tmp_path):
    (tmp_path / "secret").write_bytes(b"another job's")
    (work / "link").symlink_to(tmp_path / "secret")

    with pytest.raises(WorkerError, match="outside"):
        kept.save(JOB, work / "link", folder=work)
