"""PyPI ``pydo``, DigitalOcean's own client, unmodified, over TLS: it sends no key in the clear."""

from __future__ import annotations

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from pydo import Client

from tests.live import KEY

ECHO = "pilotlight/echo"
TAGS = [{"key": "project", "value": "lighthouse"}]


@pytest.fixture
def connect(live):
    def connect(key):
        url = f"https://127.0.0.1:{live.tls_port}"
        return Client(token=key, inference_endpoint=url, connection_verify=str(live.ca))

    return connect


@pytest.fixture
def client(connect):
    return connect(KEY)


def test_an_invocation_is_accepted_with_its_tags_and_comes_to_its_output(live, client):
    wish = {"model_id": ECHO, "input": {"text": "hi"}, "tags": TAGS}
    said = client.inference.create_async_invoke(body=wish)

    assert said["model_id"] == ECHO
    assert said["tags"] == TAGS
    # The client has no call for the result; its callers ask by themselves.
    live.finished(ECHO, said["request_id"])
    found = live.ask("GET", f"/v1/async-invoke/{said['request_id']}").json
    assert (found["status"], found["output"]) == ("COMPLETED", {"text": "hi"})


def test_its_words_for_speech_and_pictures_arrive_as_inputs(client):
    spoken = client.audio.speech.create(model_id=ECHO, input="hi", tags=TAGS)

    assert spoken.status in ("QUEUED", "IN_PROGRESS", "COMPLETED")
    with pytest.raises(HttpResponseError, match=r"body\.input\.text: Field required") as refused:
        client.async_images.generate(model_id=ECHO, prompt="echo takes text")
    assert refused.value.status_code == 422


def test_errors_reach_its_exceptions_in_words(client, connect):
    wish = {"model_id": "pilotlight/ech", "input": {"text": "hi"}}
    with pytest.raises(ResourceNotFoundError, match="did you mean pilotlight/echo"):
        client.inference.create_async_invoke(body=wish)
    with pytest.raises(ClientAuthenticationError):
        connect("nobody's key").inference.create_async_invoke(body=wish)
