"""Embeddings, moderations, ranking, models and what goes wrong, in OpenAI's words."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from handlers.app import create_app
from pilotlight.settings import RouteSettings
from tests.dialects.openai_stage import HELLO, answered, said
from tests.dialects.stage import Stage, served, services_in

POINTS = {
    "data": [{"index": 0, "embedding": [0.5, -0.25]}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3},
}


def test_embeddings_are_numbers(openai_stage, openai_client):
    body = {"model": "tests/embed", "input": ["a b c"], "dimensions": 2}
    job, reply = answered(openai_stage, openai_client, "/v1/embeddings", body, POINTS)

    assert json.loads(job.input) == body
    assert reply.json() == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
        "model": "tests/embed",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }


def test_embeddings_in_base64_are_little_endian_floats_of_32_bits(openai_stage, openai_client):
    body = {"model": "tests/embed", "input": [[1, 2, 3]], "encoding_format": "base64"}
    _, reply = answered(openai_stage, openai_client, "/v1/embeddings", body, POINTS)

    packed = reply.json()["data"][0]["embedding"]
    assert struct.unpack("<2f", base64.b64decode(packed)) == (0.5, -0.25)


def test_a_moderation_names_what_it_looked_at(openai_stage, openai_client):
    output = {
        "results": [
            {
                "flagged": True,
                "categories": {"violence": True},
                "category_scores": {"violence": 0.9},
            }
        ]
    }
    parts = [{"type": "text", "text": "stab"}]
    body = {"input": parts}  # the only model there is for this
    job, reply = answered(openai_stage, openai_client, "/v1/moderations", body, output)

    assert reply.json() == {
        "id": f"modr-{job.id}",
        "model": "tests/censor",
        "results": [
            {**output["results"][0], "category_applied_input_types": {"violence": ["text"]}}
        ],
    }


def test_documents_come_back_in_the_order_of_the_worker(openai_stage, openai_client):
    output = {
        "results": [
            {"index": 1, "relevance_score": 0.9, "document": {"text": "b"}},
            {"index": 0, "relevance_score": 0.1, "document": None},
        ],
        "usage": {"prompt_tokens": 4},
    }
    body = {"model": "tests/rerank", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 2}
    job, reply = answered(openai_stage, openai_client, "/v1/rerank", body, output)

    assert reply.json() == {
        "id": f"rerank-{job.id}",
        "model": "tests/rerank",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
        "results": [
            {"index": 1, "relevance_score": 0.9, "document": {"text": "b"}},
            {"index": 0, "relevance_score": 0.1},
        ],
    }


def test_a_ranking_for_coheres_clients_has_numbers_and_no_texts(openai_stage, openai_client):
    """What cohere 7.3 sends: ``ClientV2(KEY, base_url=SITE).rerank(...)``."""
    output = {"results": [{"index": 1, "relevance_score": 0.9}], "usage": {"prompt_tokens": 4}}
    body = {"model": "tests/rerank", "query": "q", "documents": ["a", "b"], "top_n": 1}
    sent = body | {"max_tokens_per_doc": 4096}
    job, reply = answered(openai_stage, openai_client, "/v2/rerank", sent, output)

    assert json.loads(job.input) == sent | {"return_documents": False}
    assert reply.json() == {
        "id": f"rerank-{job.id}",
        "model": "tests/rerank",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
        "results": [{"index": 1, "relevance_score": 0.9}],
        "meta": {
            "api_version": {"version": "2"},
            "tokens": {"input_tokens": 4, "output_tokens": 0},
        },
    }
    wrong = openai_client.post("/v2/rerank", json=body | {"documents": []})
    assert wrong.status_code == 400
    assert wrong.json()["message"] == wrong.json()["error"]["message"]
    assert "documents" in wrong.json()["message"]
    page = {"origin": "https://page.example", "access-control-request-method": "POST"}
    assert openai_client.options("/v2/rerank", headers=page).status_code == 204


@pytest.mark.parametrize("path", ["/rerank", "/score"])
def test_what_is_vllms_own_is_at_the_root_too(openai_client, path):
    """LiteLLM's ``hosted_vllm`` takes an address without ``/v1``."""
    assert openai_client.post(path, json={"model": "nope"}).json()["error"]["param"] == "model"


@pytest.mark.parametrize(
    "names", [("text_1", "text_2"), ("data_1", "data_2"), ("queries", "items")], ids=str
)
def test_pairs_are_scored_by_whatever_name_they_have(openai_stage, openai_client, names):
    first, second = names
    body = {"model": "tests/score", first: "a", second: ["b", "c"]}
    output = {"data": [{"index": 0, "score": 0.5}, {"index": 1, "score": 0.25}]}
    job, reply = answered(openai_stage, openai_client, "/v1/score", body, output)

    stored = json.loads(job.input)
    assert stored == {"model": "tests/score", "text_1": "a", "text_2": ["b", "c"]}
    assert reply.json() == {
        "id": f"score-{job.id}",
        "object": "list",
        "created": int(job.created_at),
        "model": "tests/score",
        "data": [
            {"index": 0, "object": "score", "score": 0.5},
            {"index": 1, "object": "score", "score": 0.25},
        ],
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }


def test_a_pair_that_is_wrong_is_named_as_the_caller_named_it(openai_client):
    body = {"model": "tests/score", "data_1": "a", "data_2": []}
    reply = openai_client.post("/v1/score", json=body)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "data_2")


# Later


def test_async_is_a_request_id_now_and_the_same_answer_later(openai_stage, openai_client):
    reply = openai_client.post("/v1/chat/completions", json={**HELLO, "async": True})
    request_id = reply.json()["id"]
    place = f"{openai_stage.url}/v1/requests/{request_id}"

    assert (reply.status_code, reply.headers["x-request-id"]) == (202, request_id)
    assert reply.json() == {
        "id": request_id,
        "object": "request",
        "request_id": request_id,
        "status": "queued",
        "model": "tests/parrot",
        "endpoint": "/v1/chat/completions",
        "progress": 0.0,
        "created_at": int(openai_stage.job(request_id).created_at),
        "started_at": None,
        "ended_at": None,
        "metadata": {},
        "error": None,
        "status_url": place,
        "response_url": place + "/response",
        "cancel_url": place + "/cancel",
    }
    assert openai_client.get(place).json() == reply.json()
    early = openai_client.get(place + "/response")
    assert (early.status_code, early.json()["error"]["code"]) == (400, "not_finished")

    openai_stage.start(request_id)
    assert openai_client.get(place).json()["status"] == "in_progress"
    openai_stage.succeed(request_id, said("hello"))
    assert openai_client.get(place).json()["status"] == "completed"
    answer = openai_client.get(place + "/response").json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] == "hello"


def test_async_embeddings_are_packed_later_as_they_were_asked_for(openai_stage, openai_client):
    body = {"model": "tests/embed", "input": "a", "encoding_format": "base64", "async": True}
    request_id = openai_client.post("/openai/v1/embeddings", json=body).json()["id"]
    openai_stage.succeed(request_id, POINTS)

    answer = openai_client.get(f"/openai/v1/requests/{request_id}/response").json()
    assert isinstance(answer["data"][0]["embedding"], str)


def test_a_request_is_cancelled_once(openai_stage, openai_client):
    reply = openai_client.post("/v1/chat/completions", json={**HELLO, "async": True})
    place = reply.json()["cancel_url"]

    assert openai_client.post(place).json()["status"] == "cancelled"
    again = openai_client.post(place)
    assert (again.status_code, again.json()["error"]["code"]) == (400, "already_finished")


def test_a_failed_request_says_why_wherever_it_is_asked(openai_stage, openai_client):
    reply = openai_client.post("/v1/chat/completions", json={**HELLO, "async": True})
    request_id = reply.json()["id"]
    openai_stage.fail(request_id, "out_of_memory", "too big")
    place = reply.json()["status_url"]

    error = {
        "message": "too big",
        "type": "server_error",
        "param": None,
        "code": "out_of_memory",
    }
    assert openai_client.get(place).json()["error"] == error
    answer = openai_client.get(place + "/response")
    assert (answer.status_code, answer.json()) == (500, {"error": error})


def test_a_job_of_another_dialect_is_told_as_its_own_call_would_have(openai_stage, openai_client):
    reply = openai_client.post("/queue/tests/parrot", json=HELLO)
    request_id = reply.json()["request_id"]
    openai_stage.succeed(request_id, said("hello"))

    answer = openai_client.get(f"/v1/requests/{request_id}/response").json()
    assert (answer["object"], answer["model"]) == ("chat.completion", "tests/parrot")


def test_a_webhook_brings_the_answer(openai_stage, openai_client):
    from handlers.dialects.openai import DIALECT

    body = {**HELLO, "async": True, "webhook": "https://a.example/hook"}
    request_id = openai_client.post("/v1/chat/completions", json=body).json()["id"]
    job = openai_stage.succeed(request_id, said("hello"))

    assert job.webhook == "https://a.example/hook"
    event = DIALECT.announce(job, output=json.dumps(said("hello")).encode(), error=None)
    assert event["type"] == "request.completed"
    assert event["data"]["response"]["choices"][0]["message"]["content"] == "hello"


def test_one_key_is_one_request_however_often_it_is_sent(openai_stage, openai_client):
    def send(**change):
        return openai_client.post(
            "/v1/chat/completions",
            json={**HELLO, "async": True, **change},
            headers={"Idempotency-Key": "once"},
        )

    assert send().json()["id"] == send().json()["id"]
    other = send(n=2)
    assert (other.status_code, other.json()["error"]["code"]) == (400, "idempotency_mismatch")


def test_metadata_finds_the_job_again_in_every_listing(openai_stage, openai_client):
    metadata = {"run": "7", "far too long": "x" * 600, "odd": 5}
    body = {**HELLO, "async": True, "metadata": metadata}
    made = openai_client.post("/v1/chat/completions", json=body).json()

    assert made["metadata"] == {"run": "7"}
    assert json.loads(openai_stage.job(made["id"]).input)["metadata"] == metadata
    for query, count in (("run=7", 1), ("run=8", 0)):
        listed = openai_client.get("/api/jobs", params={"tag": query}).json()
        assert len(listed["jobs"]) == count, listed


def test_what_cannot_stream_answers_whole(openai_stage, openai_client):
    body = {"model": "tests/embed", "input": "a", "stream": True}
    job, reply = answered(openai_stage, openai_client, "/v1/embeddings", body, POINTS)

    assert reply.json()["object"] == "list"
    assert not job.streaming


# Models


def test_models_are_listed_with_what_they_do_and_who_serves_them(openai_client):
    listed = {one["id"]: one for one in openai_client.get("/v1/models").json()["data"]}

    parrot = listed["tests/parrot"]
    assert parrot.pop("example").startswith("curl http://127.0.0.1:")
    assert "openai" in parrot.pop("dialects")
    assert parrot == {
        "id": "tests/parrot",
        "object": "model",
        "created": 0,
        "owned_by": "parrot",
        "task": "openai/chat-completion",
        "worker": "parrot",
        "state": "local",
        "route": "own",
        "streams": True,
    }
    unrouted = listed["fal-ai/imagen4/preview"]
    assert (unrouted["state"], unrouted["worker"]) == ("unrouted", None)
    chosen = openai_client.get("/v1/models?task=openai/embeddings&state=local").json()["data"]
    assert [one["id"] for one in chosen] == ["tests/embed"]


@pytest.mark.parametrize("path", ["/v1/models/tests/parrot", "/openai/v1/models/tests%2Fparrot"])
def test_a_model_is_found_by_its_id_written_either_way(openai_client, path):
    assert openai_client.get(path).json()["id"] == "tests/parrot"


def test_a_route_puts_a_worker_behind_a_name_that_clients_have_in_their_code(tmp_path, clock):
    route = RouteSettings(endpoint="gpt-4o-mini", worker="parrot")
    settings = {"workers": ("tests.workers.standins",), "routes": (route,)}
    with (
        services_in(tmp_path, clock, **settings) as services,
        served(create_app(services)) as url,
        Stage(services, url).client() as client,
    ):
        body = {**HELLO, "model": "gpt-4o-mini"}
        job, reply = answered(
            Stage(services, url), client, "/v1/chat/completions", body, said("hello")
        )

        assert (job.worker, job.endpoint) == ("parrot", "gpt-4o-mini")
        assert reply.json()["model"] == "gpt-4o-mini"
        assert client.get("/v1/models/gpt-4o-mini").json()["route"] == "settings"


def test_a_workers_name_stands_for_its_endpoint_of_the_kind(openai_stage, openai_client):
    body = {"model": "ranker", "text_1": "a", "text_2": "b"}
    job, _ = answered(openai_stage, openai_client, "/v1/score", body, {"data": []})

    assert job.endpoint == "tests/score"
    assert openai_client.post("/v1/embeddings", json=body).status_code == 404


def test_a_page_of_any_origin_may_call_with_a_key(openai_client):
    headers = {
        "origin": "https://a.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-lang",
    }
    for path in ("/v1/chat/completions", "/openai/v1/files"):
        reply = openai_client.options(path, headers=headers)
        assert reply.status_code == 204
        assert "x-stainless-lang" in reply.headers["access-control-allow-headers"]
    reply = openai_client.get("/v1/models", headers={"origin": "https://a.example"})
    assert "x-request-id" in reply.headers["access-control-expose-headers"]
