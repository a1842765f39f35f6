"""What a run gives: files in and out, lines, progress, partial outputs, several at a time."""

from __future__ import annotations

import hashlib
import json
import threading

import pytest

from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus
from pilotlight.errors import UnknownFile


def test_files_are_stored_described_and_replaced_by_their_index(rig_of):
    rig = rig_of("saves-files")
    job_id = rig.submit({"text": "hello"})
    output = rig.output(job_id)
    assert [image["url"] for image in output["images"]] == [
        "artifact:0",
        "artifact:1",
        "artifact:0",
    ]
    assert output["report"]["url"] == "artifact:2"
    assert output["text"] == "file:///etc/passwd", "plain text must stay as it is"
    first, second, report = json.loads(rig.job(job_id).artifacts)
    assert (first["width"], first["height"]) == (4, 2)
    assert first["content_type"] == "image/png"
    assert first["sha256"] == hashlib.sha256(b"png 1").hexdigest()
    assert first["key"] == f"results/{job_id}/1/picture.png"
    assert second["key"] != first["key"]
    assert second["file_name"] == "picture.png"
    with rig.blobs.open(report["key"]) as file:
        assert file.read() == b"all well"
    scratch = rig.folder / "scratch" / "replica-1" / job_id
    rig.until(lambda: not scratch.exists(), "the scratch to go")


def test_a_file_outside_of_the_attempts_folder_is_refused(rig_of, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("not yours")
    rig = rig_of("saves-files")
    job_id = rig.submit({"text": str(secret)})
    assert "outside of context.folder" in rig.error(job_id)["message"]
    assert rig.job(job_id).artifacts == "[]"


class FailingBlobs(FolderBlobs):
    """A blob store that is out of order a few times."""

    failures = 2

    def put(self, key, source, **more):
        if self.failures:
            self.failures -= 1
            raise OSError("the disk sulks")
        return super().put(key, source, **more)


class BrokenBlobs(FolderBlobs):
    def put(self, key, source, **more):
        raise OSError("the disk is gone")


def test_storing_is_tried_again_without_running_the_model_again(rig_of):
    rig = rig_of("saves-files", blobs=FailingBlobs)
    job_id = rig.submit({"text": "hello"})
    rig.output(job_id)
    assert rig.job(job_id).attempts == 1


def test_outputs_that_cannot_be_stored_fail_the_attempt_as_the_machines_fault(rig_of, monkeypatch):
    monkeypatch.setattr("pilotlight.execution.outputs._WAITS_S", (0.001,) * 4)
    rig = rig_of("saves-files", blobs=BrokenBlobs)
    job_id = rig.submit({"text": "hello"}, max_attempts=2)
    error = rig.error(job_id)
    assert error["code"] == "replica_failure"
    assert "OSError: the disk is gone" in error["message"]
    assert rig.outcomes(job_id) == ["T7", "T8"]


class SlowBlobs(FolderBlobs):
    """Stores nothing before it is let."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.entered, self.let = threading.Event(), threading.Event()

    def put(self, key, source, **more):
        self.entered.set()
        assert self.let.wait(60)
        return super().put(key, source, **more)


def test_outputs_of_a_job_cancelled_while_they_are_stored_are_deleted(rig_of):
    rig = rig_of("saves-files", blobs=SlowBlobs)
    job_id = rig.submit({"text": "hello"})
    assert rig.blobs.entered.wait(60)
    rig.until(lambda: rig.job(job_id).status is JobStatus.STORING)
    rig.cancel(job_id)
    rig.blobs.let.set()
    rig.until(lambda: not rig.replica._slots.ids, "the replica to let go of the job")
    rig.leave()
    assert rig.job(job_id).status is JobStatus.CANCELLED
    with pytest.raises(UnknownFile):
        rig.blobs.info(f"results/{job_id}/1/picture.png")


def test_another_job_runs_while_outputs_are_stored(rig_of):
    rig = rig_of("saves-files", blobs=SlowBlobs)
    first, second = rig.submit({"text": "first"}), rig.submit({"text": "second"})
    storing = JobStatus.STORING
    rig.until(lambda: rig.job(first).status is storing and rig.job(second).status is storing)
    rig.blobs.let.set()
    rig.output(first)
    rig.output(second)


def test_input_files_are_fetched_before_the_run(rig_of):
    rig = rig_of("reads-input")
    for name in ("one", "two"):
        rig.blobs.put(f"inputs/{name}", name.encode(), content_type="image/png")
    job_input = {"image_url": "blob:inputs/one", "more": ["blob:inputs/two"]}
    assert rig.output(rig.submit(job_input)) == {"text": "one two"}


def test_a_missing_input_file_fails_the_job(rig_of):
    rig = rig_of("reads-input")
    error = rig.error(rig.submit({"image_url": "blob:inputs/none"}))
    assert error["code"] == "unknown_file"


def test_a_url_that_is_no_file_of_the_job_is_refused_to_the_worker(rig_of):
    rig = rig_of("reads-input")
    error = rig.error(rig.submit({"image_url": "https://example.org/a.png"}))
    assert error["code"] == "invalid_input"


def test_every_way_of_printing_reaches_the_log_of_the_job(rig_of):
    rig = rig_of("prints")
    job_id = rig.submit()
    rig.output(job_id)
    levels = {entry["message"]: entry["level"] for entry in rig.entries(job_id, "log")}
    assert levels["by print"] == "stdout"
    assert levels["by stderr"] == "stderr"
    assert levels["by log"] == "info"
    assert levels["100%"] == "stdout"
    assert levels["without a newline"] == "stdout"
    assert {"fraction": 1.0, "note": "said it all"} in rig.entries(job_id, "progress")


def test_what_is_written_to_the_descriptors_reaches_the_log_of_the_only_job(rig_of, tmp_path):
    rig = rig_of("prints")
    job_id = rig.submit()
    rig.output(job_id)
    assert {"by descriptor 1", "by buffer"} <= set(rig.lines(job_id))


def test_two_jobs_at_a_time_keep_their_lines_apart(rig_of, tmp_path):
    rig = rig_of("two-slots")
    gate = str(tmp_path / "gate")
    ids = {
        text: rig.submit({"text": text, "started": str(tmp_path / text), "gate": gate})
        for text in ("left", "right")
    }
    rig.started(tmp_path / "left")
    rig.started(tmp_path / "right")
    (tmp_path / "gate").touch()
    for text, job_id in ids.items():
        assert rig.output(job_id) == {"text": text}
        assert rig.lines(job_id) == [f"said by {text}"]


def test_a_generator_streams_and_its_last_word_is_the_output(rig_of):
    rig = rig_of("streams")
    job_id = rig.submit({"text": "a b c"}, streaming=True)
    assert rig.output(job_id) == {"text": "abc"}
    assert rig.entries(job_id, "partial") == [{"text": "a"}, {"text": "ab"}, {"text": "abc"}]
    assert rig.output(rig.submit({"text": "return it"})) == {"text": "returned"}


def test_nothing_is_streamed_when_nobody_follows(rig_of):
    rig = rig_of("streams")
    job_id = rig.submit({"text": "a b c"})
    assert rig.output(job_id) == {"text": "abc"}
    assert rig.entries(job_id, "partial") == []


def test_coroutines_run_side_by_side_on_one_loop(rig_of):
    rig = rig_of("async-run")
    first = rig.submit({"text": "first"})
    second = rig.submit({"text": "second"})
    assert rig.output(first) == {"text": "first"}
    assert rig.output(second) == {"text": "second"}
    assert rig.lines(first) == ["said by first"]


def test_an_async_generator_streams_too(rig_of):
    rig = rig_of("async-streams")
    job_id = rig.submit({"text": "a b"}, streaming=True)
    assert rig.output(job_id) == {"text": "b"}
    assert rig.entries(job_id, "partial") == [{"text": "a"}, {"text": "b"}]


def test_an_endpoint_the_worker_does_not_serve_fails_the_job(rig_of):
    rig = rig_of("waits")
    error = rig.error(rig.submit(endpoint="misbehaving/other"))
    assert error["code"] == "unknown_endpoint"


def test_a_cancelled_row_is_never_overwritten_by_a_result(rig_of, tmp_path):
    rig = rig_of("waits", lease={"beat_s": 3600, "lease_s": 7200})
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    job = rig.job(job_id)
    assert rig.store.move(job_id, moves.cancel(job, now=rig.clock.now()))  # nobody pokes
    (tmp_path / "gate").touch()
    rig.until(lambda: not rig.replica._slots.ids, "the replica to let go of the job")
    assert rig.job(job_id).status is JobStatus.CANCELLED
    assert rig.job(job_id).output is None
