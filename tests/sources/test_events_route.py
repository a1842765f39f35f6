from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from handlers.app import create_app
from handlers.local import development_key

EVENT = {
    "Records": [
        {
            "messageId": "m-1",
            "eventSource": "aws:sqs",
            "body": '{"endpoint": "pilotlight/echo", "input": {"text": "hi"}}',
        },
        {
            "messageId": "m-2",
            "eventSource": "aws:sqs",
            "body": '{"endpoint": "no/such", "input": {}}',
        },
    ]
}


@pytest.fixture
def client(services):
    key = development_key(services, "k")
    with TestClient(create_app(services)) as made:
        made.headers["authorization"] = f"Key {key}"
        yield made


def test_an_event_is_taken_and_each_line_says_what_became_of_it(client, services):
    reply = client.post("/events", json=EVENT)
    job, refused = reply.json()["jobs"]

    assert reply.status_code == 202
    assert services.store.get(job["id"]).status == job["status"] == "queued"
    assert (refused["key"], refused["error"]["code"]) == ("sqs:m-2", "unknown_endpoint")


def test_without_a_key_there_is_nothing_to_be_had(client):
    assert client.post("/events", json=EVENT, headers={"authorization": ""}).status_code == 401


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 100_000, b'{"Records": []}'])
def test_what_is_no_event_is_a_422_in_words(client, body):
    reply = client.post("/events", content=body)

    assert reply.status_code == 422
    assert reply.json()["message"]
