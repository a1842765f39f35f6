"""OpenAI's forms and bodies of every kind, and streams cut at every place."""

from __future__ import annotations

import json

import pytest
from hypothesis import strategies as st

from handlers.dialects.openai import operations, responses, transcripts
from handlers.dialects.openai.chat import Chunks
from handlers.dialects.openai.operation import Told
from pilotlight.adapters.local.clock import SystemClock
from tests.dialects.openai_stage import said
from tests.dialects.stage import KEY, services_in
from tests.fuzz.driver import scope_of
from tests.fuzz.tally import fuzzed
from tests.fuzz.test_requests import House
from tests.fuzz.words import any_text, json_values, plain_text

LIMIT = 100_000
MODELS = ("tests/parrot", "tests/embed", "tests/listener", "tests/painter/edit", "acme/app", "x")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    settings = {"ingress": {"max_body_bytes": LIMIT, "max_upload_bytes": LIMIT}}
    workers = ("tests.workers.standins", "tests.dialects.stock")
    folder = tmp_path_factory.mktemp("fuzz")
    with services_in(folder, SystemClock(), workers=workers, **settings) as services:
        made = House(services)
        yield made
        made.close()


def asked(house, path, body, content_type, *, cut, breaks_off=False):
    headers = [
        (b"authorization", f"Bearer {KEY}".encode()),
        (b"content-type", content_type.encode("latin-1", "replace")),
    ]
    chunks = [body[:cut], body[cut:]]
    answered = house.ask(scope_of("POST", path, headers=headers), chunks, breaks_off=breaks_off)
    assert 200 <= answered.status < 500, (path, body, answered.body)
    if answered.status not in (200, 202, 404, 499):
        error = json.loads(answered.body)["error"]
        assert set(error) == {"message", "type", "param", "code"}
    return answered


names = st.sampled_from(
    ["purpose", "purpose[]", "file", "model", "image", "image[]", "mask", "a[b]", "a[b][c]", "expires_after",
     "expires_after[seconds]", "timestamp_granularities[]", "response_format", "async", "prompt"]
) | plain_text  # fmt: skip
values = st.sampled_from(
    [b"batch", b"3600", b"true", b"srt", b"RIFF\x24\0\0\0WAVEfmt ", b"tests/listener"]
) | st.binary(max_size=40)  # fmt: skip
parts = st.lists(
    st.tuples(names, values, st.sampled_from(["", '; filename="a.wav"', "; filename=", "; x"])),
    max_size=6,
)


def form(pieces, boundary):
    lines = b""
    for name, value, more in pieces:
        head = f'Content-Disposition: form-data; name="{name}"{more}'
        lines += b"--" + boundary + b"\r\n" + head.encode() + b"\r\n\r\n" + value + b"\r\n"
    return lines + b"--" + boundary + b"--\r\n"


@fuzzed(
    path=st.sampled_from(["/v1/files", "/v1/audio/transcriptions", "/openai/v1/images/edits"]),
    pieces=parts,
    boundary=st.sampled_from(["x", "x; charset=latin-1", "x; charset=none", "", "y", '"', "é"]),
    lost=st.integers(0, 60),
    breaks_off=st.booleans(),
)
def test_no_form_is_answered_by_a_fault_of_ours(house, path, pieces, boundary, lost, breaks_off):
    body = form(pieces, b"x")
    body = body[: len(body) - lost]
    kind = f"multipart/form-data; boundary={boundary}"
    asked(house, path, body, kind, cut=len(body) // 2, breaks_off=breaks_off)


fields = st.sampled_from(
    ["messages", "prompt", "input", "stream", "stream_options", "n", "size", "image", "images",
     "mask", "voice", "response_format", "stream_format", "partial_images", "webhook", "async",
     "query", "documents", "text_1", "data_1", "data_2", "queries", "items", "logprobs", "echo",
     "service_tier", "encoding_format", "audio_url", "timestamp_granularities", "temperature"]
)  # fmt: skip


@fuzzed(
    path=st.sampled_from([one.path for one in operations.ALL]),
    model=st.sampled_from(MODELS) | json_values,
    more=st.dictionaries(fields, json_values, max_size=6),
    cut=st.integers(0, 300),
)
def test_no_body_is_answered_by_a_fault_of_ours(house, path, model, more, cut):
    try:
        body = json.dumps({"model": model, **more}).encode()
    except ValueError:  # an integer longer than Python prints
        return
    asked(house, "/v1" + path, body, "application/json", cut=cut)


def odd(*usual):
    """One of the usual values, or anything at all."""
    return st.sampled_from(usual) | json_values if usual else json_values


part = st.fixed_dictionaries(
    {"type": odd("input_text", "output_text", "refusal", "input_image", "input_audio")},
    optional={"text": odd("a"), "refusal": odd("b"), "image_url": odd("data:,"), "detail": odd()},
)
item = st.fixed_dictionaries(
    {"type": odd("message", "function_call", "function_call_output", "reasoning")},
    optional={
        "role": odd("user", "assistant", "king"), "content": st.lists(part, max_size=3) | odd("a"),
        "call_id": odd("c"), "name": odd("f"), "arguments": odd("{}"), "output": odd("ok"),
    },
)  # fmt: skip
tool = st.fixed_dictionaries(
    {"type": odd("function", "web_search")}, optional={"name": odd("f"), "parameters": odd()}
)


@fuzzed(
    given=st.lists(item, max_size=4) | odd("a"),
    more=st.fixed_dictionaries(
        {"background": st.just(True)},
        optional={
            "tools": st.lists(tool, max_size=2) | odd(), "tool_choice": tool | odd("auto"),
            "instructions": odd("a"), "reasoning": odd({"effort": "low"}), "metadata": odd(),
            "text": st.fixed_dictionaries({"format": tool | odd()}) | odd(), "stream": odd(True),
            "max_output_tokens": odd(1), "previous_response_id": odd(None),
        },
    ),
)  # fmt: skip
def test_no_response_is_asked_for_in_a_way_that_breaks_us(house, given, more):
    try:
        body = json.dumps({"model": "tests/parrot", "input": given, **more}).encode()
    except ValueError:  # an integer longer than Python prints
        return
    asked(house, "/v1/responses", body, "application/json", cut=99)


@fuzzed(text=plain_text, thought=plain_text, cuts=st.lists(st.integers(0, 60), max_size=6))
def test_what_a_response_streams_is_what_it_ends_with(text, thought, cuts):
    events = responses.OPERATION.narrator(Told("id", "m", 1, {}))
    told = []
    for cut in cuts:
        told += events.partial(said(text[:cut], reasoning_content=thought[:cut]))
    told += events.end(said(text, reasoning_content=thought))

    whole = told[-1]["response"]["output"]
    for word, kind in (("output_text", "message"), ("reasoning_text", "reasoning")):
        deltas = [one["delta"] for one in told if one["type"] == f"response.{word}.delta"]
        parts = [part for one in whole if one["type"] == kind for part in one["content"]]
        assert "".join(deltas) == "".join(part["text"] for part in parts)
    assert [one["sequence_number"] for one in told] == list(range(len(told)))


pieces_of_text = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(
    lambda pair: (max(pair), min(pair))
)
"""Where a partial output ends, and how much of its beginning it leaves out."""


@fuzzed(text=plain_text, cuts=st.lists(pieces_of_text, max_size=8))
def test_what_a_stream_says_is_what_was_said_however_often_it_began_anew(text, cuts):
    chunks = Chunks(Told("id", "m", 1, {}))
    told = []
    for cut, left in cuts:
        partial = said(text[left:cut])
        partial["choices"][0]["since"] = {"content": left} if left else None
        told += chunks.partial(partial)
    told += chunks.end(said(text))

    deltas = [one["choices"][0]["delta"].get("content", "") for one in told]
    assert "".join(deltas) == text
    assert [one["choices"][0]["finish_reason"] for one in told].count("stop") == 1


moments = st.floats(0, 1e6, allow_nan=False)
segments = st.lists(
    st.fixed_dictionaries({"start": moments, "end": moments, "text": any_text}), max_size=4
)


@fuzzed(found=segments, text=any_text, shape=st.sampled_from(["srt", "vtt"]))
def test_subtitles_have_a_cue_for_each_segment(found, text, shape):
    output = {"text": text, "segments": found}
    told = transcripts.answer(Told("id", "m", 1, {"format": shape}, output))

    assert told.text.count(" --> ") == max(1, len(found))
