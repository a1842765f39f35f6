"""What goes wrong, in OpenAI's shape: statuses, types, the field, who may repeat."""

from __future__ import annotations

import pytest

from handlers.app import create_app
from pilotlight.errors import Problem
from pilotlight.intake import keys
from pilotlight.settings import QuotaSettings
from tests.dialects.openai_stage import HELLO, PARROT
from tests.dialects.stage import KEY, Background, Stage, served, services_in


def wrong(client, path, body, **more):
    reply = client.post(path, json=body, **more)
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert reply.headers["x-request-id"]
    return reply.status_code, error["type"], error["param"], error["code"]


INVALID = "invalid_request_error"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"model": "gpt-9"}, (404, INVALID, "model", "model_not_found")),
        ({"model": "fal-ai/imagen4/preview"}, (404, INVALID, "model", "model_not_found")),
        ({"model": "tests/embed"}, (400, INVALID, "model", "invalid_value")),
        ({"model": 5}, (400, INVALID, "model", "invalid_value")),
        ({"messages": []}, (400, INVALID, "messages", "too_short")),
        ({"messages": None}, (400, INVALID, "messages", "missing")),
        (
            {"messages": [{"role": "user"}, {"role": "king"}]},
            (400, INVALID, "messages[1].role", "literal_error"),
        ),
        ({"temperature": 3}, (400, INVALID, "temperature", "less_than_equal")),
        ({"webhook": "ftp://x"}, (400, INVALID, "webhook", "url_parsing")),
        ({"webhook": 5}, (400, INVALID, "webhook", "invalid_value")),
        (
            {"messages": [{"role": "user", "content": [{"type": "film"}]}]},
            (400, INVALID, "messages[0].content", "union_tag_invalid"),
        ),
        ({"tool_choice": {"type": "any"}}, (400, INVALID, "tool_choice", "literal_error")),
    ],
)
def test_a_wrong_body_names_its_field(openai_client, change, expected):
    body = {**HELLO, **change}
    assert wrong(openai_client, "/v1/chat/completions", body) == expected


def test_a_body_that_is_no_json_object_is_a_400(openai_client):
    for body in (b"{", b"[]", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b'{"model":"\\uD83d"}'):
        reply = openai_client.post("/v1/chat/completions", content=body)
        assert (reply.status_code, reply.json()["error"]["type"]) == (400, INVALID)
        assert reply.json()["error"]["param"] is None


def test_a_part_of_a_message_that_nobody_knows_is_told_those_that_are_known(openai_client):
    body = {**HELLO, "messages": [{"role": "user", "content": [{"type": "film"}]}]}
    said = openai_client.post("/v1/chat/completions", json=body).json()["error"]["message"]

    assert said.startswith("messages[0].content: ")
    assert "'film'" in said
    assert "'image_url'" in said


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
@pytest.mark.parametrize(
    ("method", "path", "instead"),
    [
        ("POST", "/threads", "/chat/completions"),
        ("POST", "/images/variations", "/images/edits"),
        ("GET", "/fine_tuning/jobs", "/queue/ENDPOINT"),
        ("POST", "/uploads", "/files"),
        ("GET", "/nothing/at/all", "/openapi.json"),
    ],
)
def test_a_path_that_is_not_here_names_what_to_use(openai_client, prefix, method, path, instead):
    reply = openai_client.request(method, prefix + path)

    error = reply.json()["error"]
    assert (reply.status_code, error["type"], error["code"]) == (404, INVALID, "unknown_url")
    assert error["message"].startswith(f"Invalid URL ({method} {prefix}{path})")
    assert instead in error["message"].partition(": ")[2]
    assert reply.headers["x-request-id"].startswith("req_")


def test_a_method_that_is_not_here_names_those_that_are(openai_client):
    reply = openai_client.delete("/v1/models")

    assert (reply.status_code, reply.json()["error"]["code"]) == (405, "method_not_supported")
    assert "GET" in reply.headers["allow"]
    assert "GET" in reply.json()["error"]["message"]


def test_every_answer_has_an_id_to_ask_about(openai_client):
    for path in ("/models", "/models/", "/models/tests/parrot", "/files", "/batches"):
        reply = openai_client.get("/v1" + path)
        assert (reply.status_code, reply.headers["x-request-id"][:4]) == (200, "req_")


@pytest.mark.parametrize("strange", ["%ff", "x%0d%0aset-cookie:%20a=b", "%C3%A9", "a" * 500])
def test_an_id_that_no_header_could_hold_is_merely_unknown(openai_client, strange):
    reply = openai_client.get(f"/v1/requests/{strange}")

    assert reply.status_code == 404
    assert reply.headers["x-request-id"].startswith("req_")
    assert "set-cookie" not in reply.headers


def test_prompts_in_several_are_refused_in_words(openai_client):
    body = {"model": "tests/parrot", "prompt": ["a", "b"]}
    assert wrong(openai_client, "/v1/completions", body)[:3] == (400, INVALID, "prompt")


def test_who_has_no_key_or_the_wrong_scope_is_told_apart(openai_stage):
    services = openai_stage.services
    text, record = keys.mint(
        pepper=services.pepper, caller="bob", name="", now=services.clock.now(), scopes=[]
    )
    services.keys.add(record)
    for key, expected in (
        (None, (401, INVALID, None, "invalid_api_key")),
        (text, (403, INVALID, None, "missing_scope")),
    ):
        with openai_stage.client(key) as client:
            assert wrong(client, "/v1/chat/completions", HELLO) == expected


def test_a_key_may_come_as_a_bearer(openai_stage):
    with openai_stage.client(None) as client:
        headers = {"authorization": f"Bearer {KEY}"}
        assert client.get("/v1/models", headers=headers).status_code == 200


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path, clock):
    quota = QuotaSettings(requests_per_s=0.5, burst=1)
    settings = {"workers": ("tests.workers.standins",), "quota": quota}
    with (
        services_in(tmp_path, clock, **settings) as services,
        served(create_app(services)) as url,
        Stage(services, url).client() as client,
    ):
        client.get("/v1/models")
        reply = client.get("/v1/models")

    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "2"
    told = {name: reply.headers[f"x-ratelimit-{name}-requests"] for name in ("remaining", "reset")}
    assert told == {"remaining": "0", "reset": "2s"}
    assert reply.json()["error"]["code"] == "rate_limit_exceeded"
    assert "x-should-retry" not in reply.headers


def test_what_a_worker_refuses_is_told_in_the_callers_names(openai_stage, openai_client):
    legacy = {"model": PARROT, "prompt": "hi"}
    call = Background(openai_client.post, "/v1/completions", json=legacy)
    problem = Problem(("body", "messages"), "too long", "context_length_exceeded")
    said = "messages: this model's maximum context length is 9 tokens"
    openai_stage.fail(openai_stage.only_job().id, "invalid_input", said, 422, problem)

    assert call.result().json()["error"] == {
        "message": "prompt: this model's maximum context length is 9 tokens",
        "type": INVALID,
        "param": "prompt",
        "code": "context_length_exceeded",
    }


def test_a_models_failure_is_not_to_be_repeated_and_its_refusal_is_the_callers(
    openai_stage, openai_client
):
    call = Background(openai_client.post, "/v1/chat/completions", json=HELLO)
    openai_stage.fail(openai_stage.only_job().id, "worker_error", "it broke")
    reply = call.result()
    assert (reply.status_code, reply.headers["x-should-retry"]) == (500, "false")

    later = openai_client.post("/v1/chat/completions", json={**HELLO, "async": True}).json()
    problem = Problem(("body", "messages", 0), "no", "content_policy_violation")
    openai_stage.fail(later["id"], "invalid_input", "not allowed", 422, problem)
    reply = openai_client.get(later["response_url"])
    assert reply.status_code == 400
    assert reply.json()["error"] == {
        "message": "not allowed",
        "type": INVALID,
        "param": "messages[0]",
        "code": "content_policy_violation",
    }
