"""``/responses``, event by event, with a replica played by hand."""

from __future__ import annotations

import json

from handlers.dialects.openai import responses
from handlers.dialects.openai.operation import Told
from tests.dialects.openai_stage import PARROT, answered, said, streamed

ASKED = {"model": PARROT, "input": "hi", "stream": True}
CALL = {"id": "c1", "type": "function", "function": {"name": "paint", "arguments": '{"a":1}'}}


def told_of(*outputs):
    narrator = responses.OPERATION.narrator(Told("j", PARROT, 1, {}))
    found = [event for output in outputs[:-1] for event in narrator.partial(output)]
    return [*found, *narrator.end(outputs[-1])]


def kinds(events):
    return [event["type"].removeprefix("response.") for event in events]


def test_thoughts_words_and_calls_are_items_of_their_own():
    events = told_of(
        said(None, reasoning_content="hm"),
        said("yes", reasoning_content="hm"),
        said("yes!", reasoning_content="hm", tool_calls=[CALL]),
    )

    added = [event["item"]["type"] for event in events if event["type"].endswith("item.added")]
    done = [event for event in events if event["type"].endswith("item.done")]
    assert added == ["reasoning", "message", "function_call"]
    assert [event["item"]["type"] for event in done] == added
    assert [event["output_index"] for event in done] == [0, 1, 2]
    assert done[1]["item"]["content"][0]["text"] == "yes!"
    assert done[2]["item"]["arguments"] == '{"a":1}'
    deltas = [event["delta"] for event in events if event["type"].endswith("text.delta")]
    assert deltas == ["hm", "yes", "!"]
    assert events[-1]["response"]["output"] == [event["item"] for event in done]
    assert events[-1]["response"]["usage"]["total_tokens"] == 3


def test_a_refusal_is_a_part_of_the_message():
    events = told_of(said(None, refusal="no"))

    assert "refusal.delta" in kinds(events)
    assert kinds(events)[-4:] == [
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "no"}]


def test_a_model_that_streams_nothing_says_it_all_at_the_end():
    events = told_of(said("all of it"))

    assert kinds(events)[:2] == ["created", "in_progress"]
    assert [one["delta"] for one in events if one["type"].endswith("delta")] == ["all of it"]


def test_probabilities_are_told_with_the_words_they_are_of(openai_stage, openai_client):
    tokens = [{"token": word, "logprob": -0.5, "bytes": [1], "top_logprobs": []} for word in "ab"]

    def likely(text, number):
        output = said(text)
        output["choices"][0]["logprobs"] = {"content": tokens[:number]}
        return output

    def tell(job):
        openai_stage.tell(job.id, "partial", **likely("a", 1))
        openai_stage.succeed(job.id, likely("ab", 2))

    body = {**ASKED, "include": ["message.output_text.logprobs"], "top_logprobs": 2}
    _, events = streamed(openai_stage, openai_client, "/v1/responses", body, tell)

    asked = json.loads(openai_stage.only_job().input)
    assert (asked["logprobs"], asked["top_logprobs"]) == (True, 2)
    deltas = [event["logprobs"] for event in events if event["type"].endswith("text.delta")]
    (done,) = [event["logprobs"] for event in events if event["type"].endswith("text.done")]
    (item,) = events[-1]["response"]["output"]
    assert (deltas, done) == ([tokens[:1], tokens[1:]], tokens)
    assert item["content"][0]["logprobs"] == tokens


def test_each_event_is_named_twice_as_openai_does(openai_stage, openai_client):
    def tell(job):
        openai_stage.succeed(job.id, said("hi"))

    with openai_client.stream("POST", "/v1/responses", json=ASKED) as reply:
        job = openai_stage.only_job()
        openai_stage.start(job.id)
        tell(job)
        lines = [line for line in reply.iter_lines() if line]

    for name, data in zip(lines[::2], lines[1::2], strict=True):
        assert name == f"event: {json.loads(data.removeprefix('data: '))['type']}"


def test_a_failure_in_the_middle_is_an_error_the_clients_raise(openai_stage, openai_client):
    def tell(job):
        openai_stage.tell(job.id, "partial", **said("hal"))
        openai_stage.services.control.cancel(job.id, caller="alice")

    _, events = streamed(openai_stage, openai_client, "/v1/responses", ASKED, tell)

    assert events[-1]["error"]["code"] == "cancelled"


def test_the_worker_is_asked_as_in_a_chat(openai_stage, openai_client):
    body = {
        "model": PARROT,
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "function_call", "call_id": "c1", "name": "paint", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "paint", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "ok"},
        ],
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "x", "schema": {}}},
        "tool_choice": {"type": "function", "name": "paint"},
        "tools": [{"type": "function", "name": "paint", "parameters": {}, "strict": None}],
        "max_output_tokens": 9,
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    job, reply = answered(openai_stage, openai_client, "/v1/responses", body, said("x"))

    call = {"type": "function", "function": {"name": "paint", "arguments": "{}"}}
    assert json.loads(job.input) == {
        "model": PARROT,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "a"},
            {
                "role": "assistant",
                "content": "b",
                "tool_calls": [{"id": "c1", **call}, {"id": "c2", **call}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "ok"},
        ],
        "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
        "tool_choice": {"type": "function", "function": {"name": "paint"}},
        "tools": [{"type": "function", "function": {"name": "paint", "parameters": {}}}],
        "max_completion_tokens": 9,
    }
    assert reply.json()["max_output_tokens"] == 9


def test_what_was_said_before_comes_before_and_its_instructions_do_not(openai_stage, openai_client):
    first = {"model": PARROT, "input": "a", "instructions": "Be loud.", "background": True}
    told = openai_client.post("/v1/responses", json=first).json()
    openai_stage.succeed(told["id"].removeprefix("resp_"), said("b", tool_calls=[CALL]))

    body = {**first, "instructions": "Be low.", "input": "c", "previous_response_id": told["id"]}
    later = openai_client.post("/v1/responses", json=body).json()

    job = openai_stage.job(later["id"].removeprefix("resp_"))
    assert json.loads(job.input)["messages"] == [
        {"role": "system", "content": "Be low."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "tool_calls": [CALL]},
        {"role": "user", "content": "c"},
    ]
    assert later["previous_response_id"] == told["id"]


def test_a_conversation_gives_no_url_for_a_file_that_a_caller_only_named(
    openai_stage, openai_client
):
    """Intake looks at files where the contract has them, and nowhere else."""
    openai_stage.services.blobs.put("inputs/bob/abc", b"bob's", content_type="image/png")
    sound = {"data": "AAAA", "format": "wav", "url": "blob:inputs/bob/abc"}
    turn = {"role": "user", "content": [{"type": "input_audio", "input_audio": sound}]}
    told = openai_client.post(
        "/v1/responses", json={"model": PARROT, "input": [turn], "background": True}
    ).json()
    openai_stage.succeed(told["id"].removeprefix("resp_"), said("b"))

    body = {"model": PARROT, "input": "c", "previous_response_id": told["id"], "background": True}
    later = openai_client.post("/v1/responses", json=body).json()

    messages = json.loads(openai_stage.job(later["id"].removeprefix("resp_")).input)["messages"]
    assert messages[0]["content"][0]["input_audio"] == sound


def test_another_callers_conversation_is_as_unknown_as_none(openai_stage, openai_client):
    told = openai_client.post(
        "/v1/responses", json={"model": PARROT, "input": "a", "background": True}
    ).json()
    openai_stage.succeed(told["id"].removeprefix("resp_"), said("b"))
    answers = set()
    with openai_stage.client("somebody else's key") as stranger:
        for own_id in (told["id"], "resp_nobody"):
            body = {"model": PARROT, "input": "c", "previous_response_id": own_id}
            reply = stranger.post("/v1/responses", json=body)
            answers.add((reply.status_code, reply.text.replace(own_id, "ID")))

    assert len(answers) == 1
    assert answers.pop()[0] == 400
