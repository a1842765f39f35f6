"""Every endpoint that fal streams is streamed here, by whichever worker stands behind it."""

from __future__ import annotations

import gc
import json
import threading
from pathlib import Path

import fal_client
import pytest

from handlers.app import create_app
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.clients import connect_fal
from pilotlight.contracts.endpoints import KNOWN
from pilotlight.settings import RouteSettings
from tests.contracts.test_media_limits import png, uri
from tests.dialects.stage import DEADLINE_S, KEY, Background, Stage, events, served, services_in

PUBLISHED = json.loads((Path(__file__).parent.parent / "contracts" / "endpoints.json").read_text())
STREAMING = sorted(name for name, one in PUBLISHED.items() if one["streams"])
HALF, WHOLE = {"text": "half"}, {"text": "whole"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    routes = tuple(RouteSettings(endpoint=name, worker="pictures") for name in STREAMING)
    folder = tmp_path_factory.mktemp("streams")
    with (
        services_in(folder, SystemClock(), routes=routes) as services,
        served(create_app(services)) as url,
    ):
        yield Stage(services, url)


@pytest.fixture
def fal(stage, monkeypatch):
    """The real client, told where we are."""
    import fal_client.client as module

    for name in [name for name in vars(module) if name.endswith(("_URL_FORMAT", "_URL"))]:
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setenv("FAL_KEY", KEY)
    connect_fal(stage.url)
    made = fal_client.SyncClient(key=KEY)
    yield made
    made._client.close()
    gc.collect()


def input_of(endpoint):
    """What has to be given."""
    required = [field["name"] for field in PUBLISHED[endpoint]["input"] if field.get("required")]
    return {name: uri(png(64, 64)) if name.endswith("_url") else "a boat" for name in required}


def the_job_of(stage, endpoint):
    """The newest job of an endpoint, once there is one that waits."""
    for _ in range(DEADLINE_S * 1000):
        waiting = [job for job in stage.services.store.list_jobs(limit=1) if job.owner is None]
        if waiting and waiting[0].endpoint == endpoint and not waiting[0].status.is_terminal:
            return waiting[0]
        threading.Event().wait(0.001)
    raise AssertionError(f"no job of {endpoint} came")


def finished(stage, endpoint):
    """Play the replica: half of it, then the whole. What the job was."""
    job = the_job_of(stage, endpoint)
    stage.start(job.id)
    stage.tell(job.id, "partial", **HALF)
    stage.succeed(job.id, WHOLE)
    return job


def test_these_are_the_endpoints_that_fal_streams():
    assert sorted(name for name, one in KNOWN.items() if one.streams) == STREAMING
    assert len(STREAMING) == 5


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("endpoint", STREAMING)
def test_the_real_client_streams_it(stage, fal, endpoint):
    call = Background(lambda: list(fal.stream(endpoint, input_of(endpoint))))
    job = finished(stage, endpoint)

    assert call.result() == [HALF, WHOLE]
    assert job.streaming


@pytest.mark.parametrize("endpoint", STREAMING)
def test_the_javascript_clients_path_streams_it(stage, client, endpoint):
    # It adds no second /stream to an id that ends in one.
    path = endpoint if endpoint.endswith("/stream") else f"{endpoint}/stream"
    headers = {"accept": "application/json, text/event-stream"}

    def call():
        with client.stream(
            "POST", f"/run/{path}", json=input_of(endpoint), headers=headers
        ) as reply:
            return reply.headers["content-type"], list(events(reply))

    heard = Background(call)
    assert finished(stage, endpoint).streaming
    kind, said = heard.result()
    assert kind.startswith("text/event-stream")
    assert said == [HALF, WHOLE]


@pytest.mark.parametrize("endpoint", STREAMING)
def test_a_wrong_input_is_told_before_anything_streams(client, endpoint):
    reply = client.post(f"/run/{endpoint}/stream", json={})

    assert reply.status_code == 422
    assert ["body", "prompt"] in [one["loc"] for one in reply.json()["detail"]]
