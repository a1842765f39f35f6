"""A job is one job: submitted in any dialect, it is read in every dialect, and by nobody else.

A new dialect is one entry of ``DIALECTS``.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from handlers.app import create_app
from handlers.dialect import found
from pilotlight.adapters.local.clock import ManualClock
from pilotlight.settings import RouteSettings
from tests.dialects.stage import Stage, served, services_in

if TYPE_CHECKING:
    from collections.abc import Callable

BARE = "pictures-1"
"""An id without an owner, as OpenAI's callers write them."""
ENDPOINTS = ("acme/app", "acme/app/sub", BARE)
PROMPT = {"prompt": "a cat"}


class Said(NamedTuple):
    """What a dialect says of a job."""

    state: str
    url: str | None = None
    """Of the first picture."""
    error: str | None = None


class Spoken(NamedTuple):
    """``submit`` has path and body of a submit, ``id_of`` finds the job in its answer."""

    submit: Callable[[str], tuple[str, Any]]
    id_of: Callable[[Any], str]
    paths: tuple[str, ...]
    """Where a job is read; ``{id}`` is its id. All of them are other callers' 404."""
    read: Callable[[Any, str], Said]
    """By a client."""
    cancel: tuple[str, str] | None = None
    """Method and path."""


def first_url(output):
    return output["images"][0]["url"] if output else None


def as_fal(client, job_id):
    # Any app will do: an id is enough to find a job.
    said = client.get(f"/queue/any/app/requests/{job_id}/status").json()
    if said["status"] != "COMPLETED":
        return Said({"IN_QUEUE": "waits", "IN_PROGRESS": "runs"}[said["status"]])
    if "error" in said:
        return Said("failed", error=said["error"])
    return Said("done", first_url(client.get(f"/queue/any/app/requests/{job_id}").json()))


def as_openai(client, job_id):
    said = client.get(f"/v1/requests/{job_id}").json()
    words = {"queued": "waits", "in_progress": "runs", "completed": "done"}
    if said["status"] == "completed":
        made = client.get(f"/v1/requests/{job_id}/response").json()
        return Said("done", made["data"][0]["url"])
    error = said["error"]
    return Said(words.get(said["status"], "failed"), error=error and error["message"])


def as_native(client, job_id):
    said = client.get(f"/api/jobs/{job_id}").json()
    words = {"accepted": "waits", "queued": "waits", "running": "runs", "succeeded": "done"}
    error = said["error"]
    state = words.get(said["status"], "failed")
    return Said(state, first_url(said["output"]), error and error["message"])


def as_async_invoke(client, job_id):
    said = client.get(f"/v1/async-invoke/{job_id}").json()
    words = {"QUEUED": "waits", "IN_PROGRESS": "runs", "COMPLETED": "done", "FAILED": "failed"}
    return Said(words[said["status"]], first_url(said["output"]), said["error"])


def as_yescale(client, job_id):
    said = client.get(f"/fal-ai/{job_id}").json()
    words = {
        "SUBMITTED": "waits", "QUEUED": "waits", "IN_PROGRESS": "runs", "SUCCESS": "done",
        "FAILURE": "failed",
    }  # fmt: skip
    state = words[said["status"]]
    return Said(state, first_url(said["data"]), said["message"] if state == "failed" else None)


def as_task_types(client, job_id):
    said = client.get(f"/v1/tasks/{job_id}").json()
    assert said["task"] == "fal/text-to-image"
    words = {"pending": "waits", "running": "runs", "completed": "done", "failed": "failed"}
    error = said["error"]
    return Said(words[said["status"]], first_url(said["output"]), error and error["message"])


DIALECTS = {
    "fal": Spoken(
        lambda endpoint: (f"/queue/{endpoint}", PROMPT),
        lambda said: said["request_id"],
        tuple(f"/queue/any/app/requests/{{id}}{more}" for more in ("", "/status", "/response")),
        as_fal,
        ("PUT", "/queue/any/app/requests/{id}/cancel"),
    ),
    "openai": Spoken(
        lambda endpoint: (
            "/v1/images/generations",
            {"model": endpoint, "prompt": "a cat", "async": True},
        ),
        lambda said: said["request_id"],
        ("/v1/requests/{id}", "/v1/requests/{id}/response", "/openai/v1/requests/{id}"),
        as_openai,
        ("POST", "/v1/requests/{id}/cancel"),
    ),
    "async-invoke": Spoken(
        lambda endpoint: ("/v1/async-invoke", {"model_id": endpoint, "input": PROMPT}),
        lambda said: said["request_id"],
        ("/v1/async-invoke/{id}", "/v1/async-invoke/{id}/status"),
        as_async_invoke,
    ),
    "yescale": Spoken(
        lambda endpoint: (f"/fal-ai/{endpoint}", PROMPT),
        lambda said: said["task_id"],
        ("/fal-ai/{id}",),
        as_yescale,
    ),
    "native": Spoken(
        lambda endpoint: ("/api/jobs", {"endpoint": endpoint, "input": PROMPT}),
        lambda said: said["id"],
        ("/api/jobs/{id}",),
        as_native,
        ("POST", "/api/jobs/{id}/cancel"),
    ),
    "task-types": Spoken(
        lambda endpoint: (
            "/v1/tasks",
            {"task": "fal/text-to-image", "model": endpoint, "payload": PROMPT, "async": True},
        ),
        lambda said: said["request_id"],
        ("/v1/tasks/{id}", "/fal/requests/{id}", "/fal/requests/{id}/status"),
        as_task_types,
        ("POST", "/v1/tasks/{id}/cancel"),
    ),
}
NAME_NO_JOB = {"agents"}
"""Dialects of graphs: what they name is made of jobs."""
PAIRS = list(itertools.product(DIALECTS, DIALECTS))


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    bare = RouteSettings(endpoint=BARE, worker="pictures")
    folder = tmp_path_factory.mktemp("cross")
    with (
        services_in(folder, ManualClock(), routes=(bare,)) as services,
        served(create_app(services)) as url,
    ):
        yield Stage(services, url)


@pytest.fixture(scope="module")
def client(stage):
    with stage.client() as client:
        yield client


@pytest.fixture(scope="module")
def stranger(stage):
    with stage.client("somebody else's key") as client:
        yield client


@pytest.fixture
def submit(stage, client):
    def submit(dialect, endpoint="acme/app"):
        path, body = DIALECTS[dialect].submit(endpoint)
        reply = client.post(path, json=body)
        assert reply.is_success, reply.text
        stage.services.clock.sleep(1)  # some look a moment longer at a job that is young
        return DIALECTS[dialect].id_of(reply.json())

    return submit


def test_every_dialect_there_is_stands_in_the_table():
    assert set(DIALECTS) == set(found()) - NAME_NO_JOB


@pytest.mark.parametrize(("writer", "reader"), PAIRS)
def test_a_job_of_any_dialect_is_followed_to_its_picture_in_every_dialect(
    stage, client, submit, writer, reader
):
    read = DIALECTS[reader].read
    for endpoint in ENDPOINTS:
        job_id = submit(writer, endpoint)
        assert (stage.job(job_id).origin, stage.job(job_id).endpoint) == (writer, endpoint)
        assert json.loads(stage.job(job_id).input)["prompt"] == "a cat"

        assert read(client, job_id) == Said("waits")
        stage.start(job_id)
        assert read(client, job_id) == Said("runs")
        picture = {"url": "artifact:0", "content_type": "image/png"}
        stage.succeed(job_id, {"images": [picture]}, [stage.artifact(job_id)])
        state, url, error = read(client, job_id)
        assert (state, error) == ("done", None)
        assert client.get(url).content == b"pixels"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_addresses_that_fal_gives_out_lead_back_whatever_the_id(stage, client, endpoint):
    said = client.post(f"/queue/{endpoint}", json=PROMPT).json()

    assert client.get(said["status_url"]).json()["status"] == "IN_QUEUE"
    assert client.put(said["cancel_url"]).status_code == 202
    assert client.get(said["response_url"]).json()["error_type"] == "client_cancelled"


@pytest.mark.parametrize("writer", ["async-invoke", "task-types"])
def test_tags_of_any_dialect_find_their_jobs_in_the_list(stage, client, stranger, writer):
    path, body = DIALECTS[writer].submit("acme/app")
    made = {}
    for colour in ("red", "blue"):
        stage.services.clock.sleep(1)
        words = [{"key": "by", "value": writer}, {"key": "colour", "value": colour}]
        made[colour] = DIALECTS[writer].id_of(
            client.post(path, json={**body, "tags": words}).json()
        )

    def found(who, *tags):
        page = who.get("/api/jobs", params={"tag": tags}).json()
        return [job["id"] for job in page["jobs"]]

    assert found(client, f"by={writer}") == [made["blue"], made["red"]]
    assert found(client, f"by={writer}", "colour=red") == [made["red"]]
    assert found(client, f"by={writer}", "colour=green") == []
    assert found(stranger, f"by={writer}") == []


@pytest.mark.parametrize(("writer", "reader"), PAIRS)
def test_why_a_job_of_any_dialect_failed_is_told_in_every_dialect(
    stage, client, submit, writer, reader
):
    job_id = submit(writer)
    stage.fail(job_id, "worker_error", "the lamp went out")

    assert DIALECTS[reader].read(client, job_id) == Said("failed", error="the lamp went out")


@pytest.mark.parametrize(("writer", "reader"), PAIRS)
def test_a_job_of_any_dialect_is_another_callers_404_in_every_dialect(
    stage, client, stranger, submit, writer, reader
):
    job_id = submit(writer)
    for path in DIALECTS[reader].paths:
        reply = stranger.get(path.format(id=job_id))
        assert reply.status_code == 404, path
        assert "a cat" not in reply.text
        assert client.get(path.format(id=job_id)).status_code != 404, path
    if (cancel := DIALECTS[reader].cancel) is not None:
        method, path = cancel
        assert stranger.request(method, path.format(id=job_id)).status_code == 404
    assert not stage.job(job_id).status.is_terminal


@pytest.mark.parametrize("canceller", [name for name in DIALECTS if DIALECTS[name].cancel])
def test_a_cancel_in_one_dialect_is_the_end_in_all(client, submit, canceller):
    method, path = DIALECTS[canceller].cancel
    for writer in DIALECTS:
        job_id = submit(writer)
        assert client.request(method, path.format(id=job_id)).is_success
        told = {name: spoken.read(client, job_id) for name, spoken in DIALECTS.items()}
        assert {said.state for said in told.values()} == {"failed"}
        assert len({said.error for said in told.values()}) == 1
