"""What a webhook of fal's says, and the small print of the edge's streams."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers import sse
from handlers.dialects.fal import DIALECT
from pilotlight.contracts.job import JobError, JobStatus
from pilotlight.errors import Problem
from tests.dialects.stage import events, submit


@pytest.fixture
def job(make_job):
    return make_job(id="r1", status=JobStatus.SUCCEEDED)


def test_a_job_that_succeeded_is_ok_with_its_output(job):
    said = DIALECT.announce(job, output=b'{"images":[]}', error=None)

    assert said == {
        "request_id": "r1",
        "gateway_request_id": "r1",
        "status": "OK",
        "payload": {"images": []},
    }


@pytest.mark.parametrize("output", [None, b"", b"{", b"\xff"])
def test_an_output_that_cannot_be_written_is_said_to_be_missing(job, output):
    said = DIALECT.announce(job, output=output, error=None)

    assert said["status"] == "OK"
    assert said["payload"] is None
    assert said["payload_error"]


def test_a_models_own_error_is_its_body_and_its_status(job):
    problem = Problem(("body", "prompt"), "no", "content_policy_violation")
    error = JobError("invalid_input", "not allowed", 422, (problem,))
    said = DIALECT.announce(replace(job, status=JobStatus.FAILED), output=None, error=error)

    assert said["status"] == "ERROR"
    assert said["error"] == "Invalid status code: 422"
    assert said["payload"]["detail"][0]["loc"] == ["body", "prompt"]


@pytest.mark.parametrize("code", ["cancelled", "start_timeout", "run_timeout", "worker_error"])
def test_any_other_end_is_an_error_in_words(job, code):
    said = DIALECT.announce(job, output=None, error=JobError(code, "what happened"))

    assert said["status"] == "ERROR"
    assert said["error"] == "what happened"
    assert said["payload"]["error_type"]


def test_a_silent_stream_is_kept_open_by_comments(stage, client, monkeypatch):
    said = submit(client)
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 0.01)
    with client.stream("GET", said["status_url"] + "/stream") as reply:
        lines = reply.iter_lines()
        assert any(line.startswith(":") for line in lines)
        stage.succeed(said["request_id"], {"text": "ok"})
        rest = [line for line in lines if line.startswith("data: ")]

    assert '"COMPLETED"' in rest[-1]


def test_a_stream_says_that_it_must_not_be_kept_or_held_back(client):
    said = submit(client)
    with client.stream("GET", said["status_url"] + "/stream") as reply:
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-accel-buffering"] == "no"
        assert "content-length" not in reply.headers
        assert next(events(reply))["status"] == "IN_QUEUE"
