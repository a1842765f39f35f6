"""The relay against an upstream that speaks OpenAI's API: each task type, there and back."""

from __future__ import annotations

import base64
import email
import email.policy
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from handlers.dialects.openai.deltas import Deltas
from pilotlight.contracts.events import Partial
from pilotlight.errors import Cancelled, InvalidInput
from pilotlight.upstreams import NoAnswer
from tests.workers.relay_desk import SECRET, Desk
from tests.workers.upstream_server import Told, upstream_server
from workers.engines.relay import refusals
from workers.engines.relay.chat_stream import Turn
from workers.engines.relay.ticket import Ticket
from workers.relayed_openai import TASKS, RelayedOpenAi

CHAT = {"messages": [{"role": "user", "content": "Hi"}], "temperature": 0, "stream": True}
SAID = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}}],
    "usage": {},
}


@pytest.fixture
def server():
    with upstream_server() as made:
        yield made


@pytest.fixture
def desk_of(server, tmp_path, monkeypatch):
    monkeypatch.setenv("RELAY_KEY", SECRET)

    def make(task, **settings):
        given = {"url": f"{server.url}/v1", "speaks": "openai", "unsure": "again", **settings}
        endpoint = f"relay/{task}"
        return Desk(RelayedOpenAi, tmp_path / "out", endpoint=endpoint, called="gpt-5", **given)

    return make


def file_of(url):
    return Path(urlsplit(url).path)


def test_a_conversation_goes_up_with_the_key_and_the_models_name_and_comes_back_as_it_is(
    desk_of, server
):
    server.tell("POST /v1/chat/completions", Told(SAID))
    desk = desk_of("openai/chat-completion", names={"gpt-5": "gpt-5-2026"})

    assert desk.attempt(CHAT | {"reasoning_effort": "low"}) == SAID
    (post,) = server.asked
    assert post.headers["authorization"] == f"Bearer {SECRET}"
    assert post.headers["idempotency-key"] == "pilotlight-job-1-1"
    assert post.json == {
        "messages": CHAT["messages"], "temperature": 0, "reasoning_effort": "low",
        "model": "gpt-5-2026",
    }  # fmt: skip


def test_a_picture_of_a_conversation_travels_inline_and_a_link_in_an_answer_is_no_file(
    desk_of, server, tmp_path
):
    cited = {"choices": [{"message": {"annotations": [{"url": "https://a.example/b"}]}}]}
    server.tell("POST /v1/chat/completions", Told(cited))
    picture = tmp_path / "p"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    part = {"type": "image_url", "image_url": {"url": "blob:p"}}
    document = {"messages": [{"role": "user", "content": [part]}]}

    told = desk_of("openai/chat-completion/vision").attempt(document, files={"blob:p": picture})

    assert told == cited
    (sent,) = server.asked[0].json["messages"][0]["content"]
    assert sent["image_url"]["url"].startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("task", "path", "document", "answer"),
    [
        ("openai/embeddings", "/embeddings", {"input": "a"}, {"data": [{"embedding": [1.0]}]}),
        ("openai/rerank", "/rerank", {"query": "q", "documents": ["d"]}, {"results": []}),
        ("openai/score", "/score", {"text_1": "a", "text_2": "b"}, {"data": []}),
        ("openai/chat-completion/moderation", "/moderations", {"input": "a"}, {"results": []}),
    ],
)
def test_answers_in_json_come_as_they_are(desk_of, server, task, path, document, answer):
    server.tell(f"POST /v1{path}", Told(answer))

    assert desk_of(task).attempt(document) == answer
    packed = {"encoding_format": "float"} if path == "/embeddings" else {}
    assert server.asked[0].json == {**document, "model": "gpt-5", **packed}


def test_speech_becomes_a_file(desk_of, server):
    server.tell("POST /v1/audio/speech", Told(body=b"RIFF", headers={"Content-Type": "audio/wav"}))

    told = desk_of("openai/audio-speech").attempt({"input": "Hi", "response_format": "wav"})

    assert told["content_type"] == "audio/wav"
    assert file_of(told["audio_url"]).read_bytes() == b"RIFF"
    assert file_of(told["audio_url"]).suffix == ".wav"


@pytest.mark.parametrize(
    ("more", "path", "form"),
    [
        ({}, "/audio/transcriptions", "json"),
        ({"task": "translate"}, "/audio/translations", "json"),
        ({"timestamp_granularities": ["word"]}, "/audio/transcriptions", "verbose_json"),
    ],
)
def test_a_recording_is_sent_as_a_form(desk_of, server, tmp_path, more, path, form):
    server.tell(f"POST /v1{path}", Told({"text": "lamp", "usage": {"type": "tokens"}}))
    sound = tmp_path / "sound"
    sound.write_bytes(b"fLaC" + bytes(range(256)))
    document = {"audio_url": "blob:s", "language": "en", **more}

    told = desk_of("openai/audio-transcription").attempt(document, files={"blob:s": sound})

    assert told == {"text": "lamp"}
    (post,) = server.asked
    head = f"Content-Type: {post.headers['content-type']}\r\n\r\n".encode()
    parts = {
        part.get_param("name", header="content-disposition"): part
        for part in email.message_from_bytes(
            head + post.body, policy=email.policy.HTTP
        ).iter_parts()
    }
    assert parts["file"].get_payload(decode=True) == sound.read_bytes()
    assert parts["file"].get_filename() == "file.flac"
    assert parts["model"].get_content().strip() == "gpt-5"
    assert parts["response_format"].get_content().strip() == form
    assert ("timestamp_granularities[]" in parts) == (form == "verbose_json")


def test_pictures_become_files_whether_inline_or_by_url(desk_of, server):
    inline = base64.b64encode(b"one").decode()
    shown = {"url": f"{server.url}/two.png"}
    server.tell("POST /v1/images/generations", Told({"data": [{"b64_json": inline}, shown]}))
    server.tell("GET /two.png", Told(body=b"two"))

    told = desk_of("openai/image-generation").attempt({"prompt": "x", "response_format": "url"})

    assert [file_of(one["url"]).read_bytes() for one in told["data"]] == [b"one", b"two"]
    assert "response_format" not in server.asked[0].json


def chunks(*deltas, end="stop"):
    """A stream of one choice's deltas, in OpenAI's words."""
    said = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    if end:
        said.append({"choices": [{"index": 0, "delta": {}, "finish_reason": end}]})
    said.append({"choices": [], "usage": {"total_tokens": 7}})
    lines = [f"data: {json.dumps(one)}\r\n\r\n" for one in said]
    return Told(body="".join([": hello\n\n", *lines, "data: [DONE]\n\n"]).encode())


def test_a_conversation_that_is_followed_is_heard_as_it_is_written(desk_of, server):
    call = {"index": 0, "id": "c-1", "function": {"name": "light", "arguments": '{"a"'}}
    more = {"index": 0, "function": {"arguments": ":1}"}}
    server.tell(
        "POST /v1/chat/completions",
        chunks({"role": "assistant", "content": "Hel"}, {"content": "lo"}),
        chunks({"tool_calls": [call]}, {"tool_calls": [more]}, end="tool_calls"),
    )
    desk = desk_of("openai/chat-completion")

    spoken = desk.attempt(CHAT, streaming=True)
    desk.note = ""
    (called,) = desk.attempt(CHAT, streaming=True)["choices"]

    assert spoken["choices"][0]["message"] == {"role": "assistant", "content": "Hello"}
    assert spoken["usage"] == {"total_tokens": 7}
    assert called["finish_reason"] == "tool_calls"
    assert called["message"]["tool_calls"] == [
        {"id": "c-1", "type": "function", "function": {"name": "light", "arguments": '{"a":1}'}}
    ]
    assert server.asked[0].json["stream_options"] == {"include_usage": True}


def test_what_is_heard_says_where_it_begins_and_loses_no_thought_and_no_likelihood(desk_of, server):
    likely = [{"token": word, "logprob": -0.5} for word in ("He", "l", "lo")]
    said = [
        {"delta": {"role": "assistant", "reasoning": "Hm."}},
        {"delta": {"content": "He"}, "logprobs": {"content": likely[:1]}},
        {"delta": {"content": ""}, "logprobs": {"content": likely[1:2]}},
        {"delta": {"content": "llo"}, "logprobs": {"content": likely[2:]}},
        {"delta": {}, "finish_reason": "length"},
    ]
    turn, news = Turn(), []
    for choice in said:
        turn.add({"choices": [{"index": 0, **choice}]})
        news.append(turn.news())

    (whole,) = turn.document["choices"]
    assert whole["message"]["reasoning_content"] == "Hm."
    assert (whole["message"]["content"], whole["finish_reason"]) == ("Hello", "length")
    assert whole["logprobs"]["content"] == likely
    assert [one and one["choices"][0]["message"].get("content") for one in news] == [
        None, "He", None, "llo", None,
    ]  # fmt: skip
    deltas = Deltas()
    told = [delta for one in news if one for delta in deltas.said(one["choices"][0])]
    assert "".join(one.get("content", "") for one, _ in told) == "Hello"
    assert "".join(one.get("reasoning_content", "") for one, _ in told) == "Hm."
    assert [token for _, odds in told if odds for token in odds["content"]] == likely


def test_a_long_answer_is_not_told_again_with_every_word(desk_of, server):
    words = [f" word{n}" for n in range(400)]
    server.tell("POST /v1/chat/completions", chunks(*({"content": word} for word in words)))
    desk = desk_of("openai/chat-completion")

    spoken = desk.attempt(CHAT, streaming=True)

    assert spoken["choices"][0]["message"]["content"] == "".join(words)
    heard = [event.output for event in desk.heard if isinstance(event, Partial)]
    assert sum(map(len, heard)) < 400 * 200


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "slow down", "code": 429}, refusals.Busy),
        ({"message": "the GPU is gone", "code": 500}, refusals.Failed),
        ({"message": "no such tool", "code": "bad_tool"}, refusals.Failed),
        ("out of memory", refusals.Failed),
    ],
)
def test_what_goes_wrong_in_the_middle_is_told_in_the_upstreams_words(desk_of, server, error, kind):
    begun = f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': 'He'}}]})}\n\n"
    body = f"{begun}data: {json.dumps({'error': error})}\n\n"
    server.tell("POST /v1/chat/completions", Told(body=body.encode()))

    failed = desk_of("openai/chat-completion").fails(kind, document=CHAT, streaming=True)

    assert (error if isinstance(error, str) else error["message"]) in str(failed)


def test_a_model_that_does_not_stream_is_heard_at_once(desk_of, server):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    server.tell("POST /v1/chat/completions", Told(SAID, headers=headers))

    assert desk_of("openai/chat-completion").attempt(CHAT, streaming=True) == SAID


def test_a_conversation_that_breaks_off_is_no_answer(desk_of, server):
    server.tell("POST /v1/chat/completions", chunks({"content": "Hel"}, end=None))

    failed = desk_of("openai/chat-completion").fails(NoAnswer, document=CHAT, streaming=True)

    assert failed.retryable


def test_a_refusal_of_a_followed_conversation_keeps_its_field(desk_of, server):
    error = {"message": "too hot", "type": "x", "param": "temperature", "code": None}
    server.tell("POST /v1/chat/completions", Told({"error": error}, 400))

    wrong = desk_of("openai/chat-completion").fails(InvalidInput, document=CHAT, streaming=True)

    assert wrong.problems[0].loc == ("body", "temperature")


def test_errors_in_openais_shape_keep_their_field(desk_of, server):
    error = {"message": "too hot", "type": "invalid_request_error", "param": "temperature"}
    server.tell("POST /v1/chat/completions", Told({"error": {**error, "code": None}}, 400))

    wrong = desk_of("openai/chat-completion").fails(InvalidInput, document=CHAT)

    (problem,) = wrong.problems
    assert (problem.loc, problem.message) == (("body", "temperature"), "too hot")


def test_what_was_cut_off_is_asked_again_only_where_the_owner_has_it_so(desk_of, server):
    server.tell("POST /v1/chat/completions", Told(SAID))
    again, never = (
        desk_of("openai/chat-completion"),
        desk_of("openai/chat-completion", unsure="fail"),
    )
    again.note = never.note = Ticket(asked=True).text()

    assert again.attempt(CHAT) == SAID
    never.fails(refusals.Unsure, document=CHAT)
    assert len(server.asked) == 1


def followed(desk_of):
    return desk_of("openai/chat-completion", jobs=True, unsure="fail")


def test_a_job_upstream_is_followed_to_its_answer(desk_of, server):
    server.tell("POST /v1/chat/completions", Told({"request_id": "r-1"}, 202))
    running, done = {"status": "in_progress", "progress": 0.5}, {"status": "completed"}
    server.tell("GET /v1/requests/r-1", Told(running), Told(done))
    server.tell("GET /v1/requests/r-1/response", Told(SAID))
    desk = followed(desk_of)

    assert desk.attempt(CHAT) == SAID
    assert server.of("POST")[0].json["async"] is True
    assert json.loads(desk.note)["id"] == "r-1"
    assert desk.attempt(CHAT) == SAID, "found again by its id"
    assert len(server.of("POST")) == 1


def test_a_job_that_is_over_here_is_cancelled_there(desk_of, server):
    server.tell("POST /v1/chat/completions", Told({"request_id": "r-1"}, 202))
    server.tell("POST /v1/requests/r-1/cancel", Told({}))
    server.tell("GET /v1/requests/r-1", Told({"status": "queued"}))
    desk = followed(desk_of)
    desk.on_note = lambda note: '"id"' in note and desk.context.cancel(over=True)

    desk.fails(Cancelled, document=CHAT)

    assert len(server.of("POST /v1/requests/r-1/cancel")) == 1


def test_every_task_type_of_the_worker_has_its_place():
    from workers.engines.relay.openai import _PATHS

    assert set(TASKS) <= set(_PATHS)
