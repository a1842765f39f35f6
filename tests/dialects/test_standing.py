"""A stream that has nothing to say yet says where its job stands, in comments."""

from __future__ import annotations

import threading

import pytest

from handlers import following, sse, standing
from pilotlight.contracts.job import JobStatus
from pilotlight.errors import Unavailable
from pilotlight.intake.cold_start import ColdStage
from pilotlight.intake.control import View
from tests.dialects.openai_stage import HELLO, said
from tests.dialects.stage import Background


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 0.01)
    monkeypatch.setattr(following, "PATIENCE_S", 0.01)


class Reading:
    """A stream being read; ``waiting`` is set by its first comment."""

    def __init__(self, client, path, body):
        self.comments, self.data, self.waiting = [], [], threading.Event()
        self._call = Background(self._read, client, path, body)

    def _read(self, client, path, body):
        with client.stream("POST", path, json=body) as reply:
            for line in reply.iter_lines():
                if line.startswith(":"):
                    self.comments.append(line)
                    self.waiting.set()
                elif line:
                    self.data.append(line)

    def rest(self):
        self._call.result()
        return self.data


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {**HELLO, "stream": True}),
        ("/run/tests/parrot/stream", {"messages": HELLO["messages"]}),
    ],
)
def test_a_cold_start_is_told_while_nothing_else_is(openai_stage, openai_client, path, body):
    reading = Reading(openai_client, path, body)
    job = openai_stage.only_job()
    assert reading.waiting.wait(30)
    openai_stage.succeed(job.id, said("lit"))

    assert "lit" in "".join(reading.rest())
    assert reading.comments[0] == ": cold start: starting"


def test_a_store_that_cannot_be_reached_just_now_breaks_no_stream(
    openai_stage, openai_client, monkeypatch
):
    def gone(_view):
        raise Unavailable("not now")

    monkeypatch.setattr(standing, "words", gone)
    reading = Reading(openai_client, "/v1/chat/completions", {**HELLO, "stream": True})
    job = openai_stage.only_job()
    assert reading.waiting.wait(30)
    openai_stage.succeed(job.id, said("lit"))

    assert reading.rest()[-1] == "data: [DONE]"
    assert set(reading.comments) == {": still here"}


@pytest.mark.parametrize(
    ("cold", "told"),
    [
        (ColdStage("starting", None), "cold start: starting"),
        (ColdStage("starting", 40.4), "cold start: starting, about 40 s left"),
        (
            ColdStage("loading", 12.0, step="warm_up", fraction=0.25),
            "cold start: warm up 25%, about 12 s left",
        ),
        (
            ColdStage("failed", None, "out of\nmemory"),
            "cold start: the last replica did not start: out of memory",
        ),
    ],
)
def test_it_is_one_line(cold, told):
    assert standing.words(View(None, 3, cold)) == told


def test_without_a_cold_start_it_is_the_place_in_the_queue_or_the_work(openai_stage, openai_client):
    openai_client.post("/v1/chat/completions", json={**HELLO, "async": True})
    job = openai_stage.only_job()

    assert standing.words(View(job, 3, None)) == "3 ahead"
    running = openai_stage.start(job.id)
    assert running.status is JobStatus.RUNNING
    assert standing.words(View(running, None, None)) == "running"
