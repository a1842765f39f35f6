"""OpenAI's chat and the older completions on the wire, whole and streamed."""

from __future__ import annotations

import json

import pytest

from pilotlight.contracts.job import JobStatus
from pilotlight.settings import IngressSettings
from tests.dialects.openai_stage import HELLO, PARROT, answered, said, streamed
from tests.dialects.stage import Background, Stage, served, services_in, until

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
def test_a_chat_answers_in_openais_envelope(openai_stage, openai_client, prefix):
    job, reply = answered(
        openai_stage, openai_client, prefix + "/chat/completions", HELLO, said("hello there")
    )

    assert reply.headers["x-request-id"] == job.id
    assert reply.json() == {
        "id": f"chatcmpl-{job.id}",
        "object": "chat.completion",
        "created": int(job.created_at),
        "model": PARROT,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hello there", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def test_the_body_reaches_the_worker_but_for_nothing_and_our_own_words(openai_stage, openai_client):
    body = {
        **HELLO,
        "temperature": None,
        "stop": ["."],
        "n": 2,
        "service_tier": "flex",
        "reasoning_effort": "low",
        "async": False,
        "a_field_of_next_year": {"x": 1},
    }
    job, _ = answered(openai_stage, openai_client, CHAT, body, said("x"))

    assert json.loads(job.input) == {
        **HELLO,
        "stop": ["."],
        "n": 2,
        "service_tier": "flex",
        "reasoning_effort": "low",
        "a_field_of_next_year": {"x": 1},
    }
    assert (job.priority, job.origin, job.streaming) == (1, "openai", False)


def test_tool_calls_and_thoughts_are_part_of_the_message(openai_stage, openai_client):
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    output = said(None, tool_calls=[call], reasoning_content="hm")
    _, reply = answered(openai_stage, openai_client, CHAT, HELLO, output)

    assert reply.json()["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [call],
        "reasoning_content": "hm",
    }


def test_a_stream_is_chunks_then_usage_then_done(openai_stage, openai_client):
    def tell(job):
        assert job.streaming
        openai_stage.tell(job.id, "partial", **said("hello"))
        openai_stage.tell(job.id, "partial", **said("hello there"))
        openai_stage.succeed(job.id, said("hello there!"))

    body = {**HELLO, "stream": True, "stream_options": {"include_usage": True}}
    headers, heard = streamed(openai_stage, openai_client, CHAT, body, tell)

    job = openai_stage.only_job()
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["x-request-id"] == job.id
    frame = {
        "id": f"chatcmpl-{job.id}",
        "object": "chat.completion.chunk",
        "created": int(job.created_at),
        "model": PARROT,
        "usage": None,
    }

    def chunk(delta, reason=None):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**frame, "choices": [choice]}

    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert heard == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "hello"}),
        chunk({"content": " there"}),
        chunk({"content": "!"}),
        chunk({}, "stop"),
        {**frame, "choices": [], "usage": usage},
        "[DONE]",
    ]


def test_a_stream_without_the_wish_has_no_usage_at_all(openai_stage, openai_client):
    body = {**HELLO, "stream": True}
    _, heard = streamed(
        openai_stage, openai_client, CHAT, body, lambda job: openai_stage.succeed(job.id, said("x"))
    )

    assert all("usage" not in event for event in heard[:-1])
    assert heard[-1] == "[DONE]"


def test_an_attempt_that_repeats_itself_leaves_no_trace_in_the_stream(openai_stage, openai_client):
    def tell(job):
        for text in ("one two", "one", "one two three"):
            openai_stage.tell(job.id, "partial", **said(text))
        openai_stage.succeed(job.id, said("one two three"))

    _, heard = streamed(openai_stage, openai_client, CHAT, {**HELLO, "stream": True}, tell)

    deltas = [one["choices"][0]["delta"].get("content") for one in heard[:-1]]
    assert [one for one in deltas if one] == ["one two", " three"]


def test_an_attempt_that_says_something_else_ends_the_stream_in_an_error(
    openai_stage, openai_client
):
    def tell(job):
        for text in ("one two", "uno"):
            openai_stage.tell(job.id, "partial", **said(text))
        openai_stage.succeed(job.id, said("uno"))

    _, heard = streamed(openai_stage, openai_client, CHAT, {**HELLO, "stream": True}, tell)

    assert heard[-2]["error"]["code"] == "stream_diverged"
    assert heard[-1] == "[DONE]"


def test_tool_calls_stream_as_their_arguments_grow(openai_stage, openai_client):
    def calls(*arguments):
        return said(
            None,
            tool_calls=[
                {"id": f"call_{n}", "type": "function", "function": {"name": "f", "arguments": one}}
                for n, one in enumerate(arguments)
            ],
        )

    def tell(job):
        openai_stage.tell(job.id, "partial", **calls('{"a'))
        openai_stage.tell(job.id, "partial", **calls('{"a": 1}', "{"))
        openai_stage.succeed(job.id, calls('{"a": 1}', "{}"))

    _, heard = streamed(openai_stage, openai_client, CHAT, {**HELLO, "stream": True}, tell)

    deltas = [one["choices"][0]["delta"] for one in heard[1:-2]]
    assert [one["tool_calls"] for one in deltas] == [
        [
            {
                "index": 0,
                "id": "call_0",
                "type": "function",
                "function": {"name": "f", "arguments": '{"a'},
            }
        ],
        [
            {"index": 0, "function": {"arguments": '": 1}'}},
            {
                "index": 1,
                "id": "call_1",
                "type": "function",
                "function": {"name": "f", "arguments": "{"},
            },
        ],
        [{"index": 1, "function": {"arguments": "}"}}],
    ]


def test_a_stream_that_fails_at_once_is_an_error_reply(openai_stage, openai_client):
    call = Background(openai_client.post, CHAT, json={**HELLO, "stream": True})
    openai_stage.fail(openai_stage.only_job().id, "out_of_memory", "too big")
    reply = call.result()

    assert reply.status_code == 500
    assert reply.json()["error"]["code"] == "out_of_memory"


def test_a_stream_that_fails_later_says_so_inside(openai_stage, openai_client):
    def tell(job):
        openai_stage.tell(job.id, "partial", **said("one"))
        openai_stage.services.control.cancel(job.id, caller="alice")

    _, heard = streamed(openai_stage, openai_client, CHAT, {**HELLO, "stream": True}, tell)

    assert heard[-2]["error"]["code"] == "cancelled"
    assert heard[-1] == "[DONE]"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_caller_who_hangs_up_cancels_the_work(openai_stage, stream):
    with openai_stage.asking("/v1/chat/completions", {**HELLO, "stream": stream}) as line:
        job = openai_stage.only_job()
        openai_stage.start(job.id)
        if stream:
            openai_stage.tell(job.id, "partial", **said("one"))
            assert line.recv(100)
    until(lambda: openai_stage.job(job.id).status.is_terminal)

    assert openai_stage.job(job.id).status is JobStatus.CANCELLED


def test_a_call_that_takes_too_long_is_a_504_nobody_repeats(tmp_path, clock):
    settings = {"workers": ("tests.workers.standins",)}
    short = IngressSettings(sync_timeout_s=0.01)
    from handlers.app import create_app

    with (
        services_in(tmp_path, clock, ingress=short, **settings) as services,
        served(create_app(services)) as url,
    ):
        stage = Stage(services, url)
        with stage.client() as client:
            call = Background(client.post, CHAT, json=HELLO)
            job = stage.only_job()
            until(lambda: clock.sleep(1) or call.ended)
            reply = call.result()

    assert (reply.status_code, reply.headers["x-should-retry"]) == (504, "false")
    assert stage.job(job.id).status is JobStatus.CANCELLED


def test_a_prompt_is_a_conversation_of_one_turn(openai_stage, openai_client):
    body = {"model": PARROT, "prompt": ["once"], "echo": True, "logprobs": 2, "best_of": 1}
    output = said(" upon")
    output["choices"][0]["logprobs"] = {
        "content": [
            {
                "token": " upon",
                "logprob": -0.5,
                "top_logprobs": [{"token": " upon", "logprob": -0.5}],
            }
        ]
    }
    job, reply = answered(openai_stage, openai_client, "/v1/completions", body, output)

    assert json.loads(job.input) == {
        "model": PARROT,
        "max_tokens": 16,
        "messages": [{"role": "user", "content": "once"}],
        "prompt": "once",
        "logprobs": True,
        "top_logprobs": 2,
    }
    assert reply.json() == {
        "id": f"cmpl-{job.id}",
        "object": "text_completion",
        "created": int(job.created_at),
        "model": PARROT,
        "choices": [
            {
                "index": 0,
                "text": "once upon",
                "logprobs": {
                    "tokens": [" upon"],
                    "token_logprobs": [-0.5],
                    "top_logprobs": [{" upon": -0.5}],
                    "text_offset": [0],
                },
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def test_the_older_stream_is_pieces_of_text(openai_stage, openai_client):
    def tell(job):
        openai_stage.tell(job.id, "partial", **said("a"))
        openai_stage.succeed(job.id, said("a b"))

    body = {"model": PARROT, "prompt": "x", "stream": True, "echo": True}
    _, heard = streamed(openai_stage, openai_client, "/v1/completions", body, tell)

    assert [one["choices"][0]["text"] for one in heard[:-1]] == ["xa", " b", ""]
    assert heard[-2]["choices"][0]["finish_reason"] == "stop"
    assert {one["object"] for one in heard[:-1]} == {"text_completion"}


def test_a_caller_who_leaves_before_the_first_word_cancels_the_work(openai_stage):
    with openai_stage.asking("/v1/chat/completions", {**HELLO, "stream": True}):
        job = openai_stage.only_job()
    until(lambda: openai_stage.job(job.id).status.is_terminal)

    assert openai_stage.job(job.id).status is JobStatus.CANCELLED


def test_without_a_model_the_choices_are_named(openai_stage, openai_client):
    reply = openai_client.post("/v1/audio/speech", json={"input": "x", "voice": "tin"})

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "model")
    assert "tests/whistle, tests/whistle/whole" in reply.json()["error"]["message"]
