"""``/v1/tasks``: what is refused, and in which words."""

from __future__ import annotations

import pytest

from handlers.dialects.task_types.naming import endpoint_for
from pilotlight.catalogue import discover
from pilotlight.errors import InvalidInput, UnknownEndpoint
from tests.dialects.records.task_calls import IMAGE, PATH, TALK, WORKERS, post


@pytest.mark.parametrize(
    ("body", "param", "kind"),
    [
        ({"model": "jack", "payload": {}}, "task", "missing"),
        ({"task": "fal/ocr", "payload": {}}, "model", "missing"),
        ({"task": 5, "model": "jack", "payload": {}}, "task", "string_type"),
        ({"task": "fal/ocr", "model": "jack"}, "body", "value_error"),
        ({"task": "fal/ocr", "model": "jack", "input": {}, "payload": {}}, "body", "value_error"),
        ({"task": "fal/ocr", "model": "jack", "payload": []}, "payload", "dict_type"),
        ({"task": "fal/ocr", "model": "jack", "payload": {}}, "payload.image_url", "missing"),
        ({"task": "fal/ocr", "model": "jack", "input": {}}, "input.image_url", "missing"),
        ({"task": "fal/ocr", "model": "jack", "payload": {}, "x": 1}, "x", "extra_forbidden"),
        (
            {"task": "fal/text-to-image", "model": "jack", "payload": {"prompt": 5}},
            "payload.prompt",
            "string_type",
        ),
        (
            {"task": "fal/ocr", "model": "jack", "payload": {"image_url": "http://a.invalid/b"}},
            "payload.image_url",
            "file_download_error",
        ),
        (
            {
                "task": "openai/chat-completion",
                "model": "jack",
                "payload": {"messages": TALK, "stream": True},
            },
            "payload.stream",
            "value_error",
        ),
        (
            {
                "task": "fal/ocr",
                "model": "jack",
                "payload": {"image_url": IMAGE},
                "webhook_url": "x",
            },
            "webhook_url",
            "url_parsing",
        ),
        ({"task": "fal/nothing", "model": "jack", "payload": {}}, "task", "value_error"),
        ({"task": "fal/ocr", "model": "acme/app", "payload": {}}, "task", "value_error"),
    ],
)
def test_a_wrong_body_is_told_which_field_and_nothing_is_recorded(stage, client, body, param, kind):
    before = stage.newest()
    reply = client.post(PATH, json=body)
    error = reply.json()["error"]

    assert reply.status_code == 422
    assert error["type"] == "invalid_request_error"
    assert (error["param"], error["fields"][0]["type"]) == (param, kind)
    assert error["message"]
    assert stage.newest() == before


def test_errors_about_names_say_which_there_are(client):
    no_task = post(client, "fal/nothing", payload={}).json()["error"]
    other = post(client, "fal/ocr", "acme/app").json()["error"]
    nobody = post(client, "fal/ocr", "jill")

    assert "fal/text-to-image" in no_task["message"]
    assert other["message"] == "acme/app does not do fal/ocr; it does fal/text-to-image"
    assert nobody.status_code == 404
    assert nobody.json()["error"]["code"] == "unknown_endpoint"
    assert nobody.json()["error"]["param"] == "model"
    assert "models that do fal/ocr here: jack/fal/ocr" in nobody.json()["error"]["message"]


def test_a_known_model_that_nobody_serves_says_how_to_route_it(client):
    reply = post(client, model="fal-ai/hidream-i1-full")

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unrouted_endpoint")
    assert "--routes" in reply.json()["error"]["message"]


def test_another_callers_task_is_as_unknown_as_none(client, stranger):
    rid = post(client, "fal/text-to-video").json()["request_id"]

    for path in (f"{PATH}/{rid}", f"/fal/requests/{rid}"):
        theirs, nobodys = stranger.get(path), client.get(path.replace(rid, "nobodys"))
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json() == nobodys.json()
        assert theirs.json()["error"]["code"] == "unknown_job"


def test_without_a_key_there_is_a_401_in_this_shape(stage):
    with stage.client(None) as anybody:
        for reply in (post(anybody), anybody.get(PATH), anybody.get(f"{PATH}/x")):
            assert reply.status_code == 401
            assert reply.json()["error"]["code"] == "unauthenticated"


@pytest.mark.parametrize(
    ("task", "model", "problem"),
    [
        ("openai/chat-completion/vision", "jack/openai/chat-completion", InvalidInput),
        ("openai/chat-completion", "jack/openai/embeddings", InvalidInput),
        ("openai/chat", "jack", InvalidInput),
        ("openai/chat-completion", "jil", UnknownEndpoint),
    ],
)
def test_no_task_is_given_to_a_model_that_cannot_do_it(task, model, problem):
    with pytest.raises(problem):
        endpoint_for(discover(WORKERS), task, model)
