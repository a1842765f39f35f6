"""Files that no row leads to are found and deleted; all others stay."""

from __future__ import annotations

import os

import pytest

from pilotlight.adapters.aws.blobs import S3Blobs
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.artifact import ARTIFACTS, Artifact
from pilotlight.errors import Unavailable, UnknownFile
from pilotlight.execution.orphans import AGE_S, Orphans

LONG = "x" * 100_000


@pytest.fixture
def clock():
    """Real time is what a file system and S3 put on a file."""
    from pilotlight.adapters.local.clock import SystemClock

    return SystemClock()


@pytest.fixture
def local(tmp_path, database, clock):
    blobs = FolderBlobs(tmp_path / "files", secret=b"s" * 32, clock=clock)
    return SqliteStore(database), blobs, None


def _aws(stage, clock):
    store = DynamoStore(stage.calls, stage.table, stage.texts, workers=("echo",))
    return store, S3Blobs(stage.bucket, secret=b"s" * 32, clock=clock), stage.texts


@pytest.fixture
def on_moto(moto, clock):
    return _aws(moto, clock)


@pytest.fixture
def on_ministack(ministack, clock):
    return _aws(ministack, clock)


@pytest.fixture(params=["local", "on_moto", "on_ministack"])
def parts(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def a_day_later(clock):
    return clock.now() + AGE_S + 3600  # however long the test takes


@pytest.fixture
def put(parts):
    def put(key):
        parts[1].put(key, b"bytes", content_type="text/plain")
        return key

    return put


@pytest.fixture
def there(parts):
    def there(key):
        try:
            return parts[1].info(key).key == key
        except UnknownFile:
            return False

    return there


@pytest.fixture
def orphans(parts):
    store, blobs, texts = parts
    return Orphans(store=store, blobs=blobs, texts=texts)


@pytest.fixture
def leased(parts, make_job, clock):
    def make():
        job = make_job(id=f"job-{os.urandom(4).hex()}")
        parts[0].create([job])
        return parts[0].move(
            job.id, moves.lease(owner="r", now=clock.now(), lease_s=60, margin_s=10)
        )

    return make


def go_round(orphans, now):
    """Until it says that it has been; how many steps it took."""
    steps = 1
    while not orphans(now):
        steps += 1
        assert steps < 100
    return steps


def artifact(key):
    return ARTIFACTS.dump_json(
        [Artifact(key=key, file_name="a", content_type="text/plain", size=5, sha256="0")]
    ).decode()


def test_what_an_attempt_stored_before_its_replica_died_goes_once_the_job_is_over(  # noqa: PLR0917
    parts, orphans, put, there, leased, clock, a_day_later
):
    store = parts[0]
    job = leased()
    lost, result = put(f"results/{job.id}/0/a.png"), put(f"results/{job.id}/1/a.png")
    go_round(orphans, a_day_later)
    assert there(lost)  # the job is not over: who knows whose result it will be

    store.move(job.id, moves.succeed(job, now=clock.now(), output="{}", artifacts=artifact(result)))
    go_round(Orphans(store=store, blobs=parts[1], texts=parts[2]), a_day_later)
    assert (there(lost), there(result)) == (False, True)


def test_files_of_a_row_that_is_not_there_go_and_other_files_stay(orphans, put, there, a_day_later):
    gone, other = put("results/nobody/1/a.png"), put("inputs/alice/a.png")
    go_round(orphans, a_day_later)
    assert (there(gone), there(other)) == (False, True)


def test_what_is_younger_than_a_day_is_left_alone(orphans, put, there, clock):
    young = put("results/nobody/1/a.png")
    go_round(orphans, clock.now() + AGE_S - 60)
    assert there(young)


def test_each_file_is_looked_at_in_one_round_only(parts, orphans, put, there, a_day_later):
    go_round(orphans, a_day_later)
    late = put("results/nobody/1/a.png")  # as if it had been there before
    go_round(orphans, a_day_later)
    assert there(late)


def test_many_files_are_more_than_one_step(parts, orphans, put, a_day_later):
    keys = [put(f"results/nobody/1/{number}.txt") for number in range(201)]
    assert go_round(orphans, a_day_later) > 1
    left = parts[1].stored("results/", after=0, before=a_day_later)
    assert (sum(map(len, left)), len(keys)) == (0, 201)


def test_a_round_that_fails_begins_anew(parts, orphans, put, there, a_day_later, monkeypatch):
    gone = put("results/nobody/1/a.png")

    def fail(_job_id):
        raise Unavailable("away")

    monkeypatch.setattr(type(parts[0]), "get", lambda _self, job_id: fail(job_id))
    with pytest.raises(Unavailable):
        go_round(orphans, a_day_later)
    monkeypatch.undo()
    go_round(orphans, a_day_later)
    assert not there(gone)


@pytest.mark.parametrize("parts", ["on_moto", "on_ministack"], indirect=True)
def test_a_text_whose_row_was_never_written_goes_and_one_of_a_row_stays(
    parts, orphans, make_job, a_day_later
):
    store, _, texts = parts
    kept = make_job(id="kept", input=LONG)
    store.create([kept])
    texts.write("never-written", LONG)
    go_round(orphans, a_day_later)
    portions = texts.jobs(after=0, before=a_day_later)
    assert [job_id for portion in portions for job_id in portion] == ["kept"]
    assert store.get("kept").input == LONG
