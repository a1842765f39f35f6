"""The small model that talks: what it says, where it stops, what it is held to."""

from __future__ import annotations

import importlib.util
import json

import pytest

from pilotlight import InvalidInput
from pilotlight.testing import run_once, stream_once
from workers.engines.language.turn import settled
from workers.engines.weights import carried

FETCH = "run `make setup-starters` to have the starters' libraries and weights"


@pytest.fixture(scope="module")
def talker():
    if not (carried.ROOT / "smollm2").is_dir() or importlib.util.find_spec("llguidance") is None:
        pytest.skip(FETCH)
    from workers.starters.chat import WORKER

    worker = WORKER()
    worker.load()
    return worker


@pytest.fixture
def ask(talker, tmp_path):
    def run(words, **more):
        asked = {"messages": [{"role": "user", "content": words}], "temperature": 0} | more
        return run_once(talker, asked, folder=tmp_path)

    return run


CAPITAL = "What is the capital of France?"


def test_the_capital_of_france_is_paris(ask):
    said = ask(CAPITAL, max_tokens=40)

    (choice,) = said.choices
    assert "Paris" in choice.message.content
    assert choice.finish_reason == "stop"
    usage = said.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens > 20
    assert 2 < usage.completion_tokens <= 40


def test_the_partials_join_to_the_answer(talker, tmp_path):
    asked = {"messages": [{"role": "user", "content": "Tell me about ships."}], "max_tokens": 12}

    partials, answer = stream_once(talker, asked, folder=tmp_path)

    news = [one["choices"][0] for one in partials]
    assert len(news) == answer.usage.completion_tokens == 12
    joined = ""
    for one in news:
        assert len(joined) == (one["since"] or {"content": 0})["content"]
        joined += one["message"]["content"]
    assert joined == answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"


def test_nothing_of_a_stop_sequence_or_behind_it_is_said(talker, ask, tmp_path):
    whole = ask(CAPITAL).choices[0].message.content
    stop = whole[whole.index("Par") + 1 :][:4]
    asked = {"messages": [{"role": "user", "content": CAPITAL}], "temperature": 0, "stop": [stop]}

    partials, answer = stream_once(talker, asked, folder=tmp_path)

    cut = whole[: whole.index(stop)]
    assert answer.choices[0].message.content == cut
    assert answer.choices[0].finish_reason == "stop"
    assert "".join(one["choices"][0]["message"]["content"] for one in partials) == cut
    with pytest.raises(InvalidInput, match="stop: must not be empty"):
        ask(CAPITAL, stop="")


def test_a_seed_says_the_same_again_and_choices_differ(ask):
    dials = {"temperature": 1, "seed": 7, "n": 3, "max_tokens": 6}

    one, other = ask("Tell me a story.", **dials), ask("Tell me a story.", **dials)

    told = [choice.message.content for choice in one.choices]
    assert told == [choice.message.content for choice in other.choices]
    assert len(set(told)) == 3
    assert [choice.index for choice in one.choices] == [0, 1, 2]
    assert one.usage.completion_tokens == 18


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "mood": {"enum": ["calm", "cross"]},
    },
    "required": ["name", "age", "mood"],
    "additionalProperties": False,
}


def shape(schema):
    return {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}


def test_a_schema_is_obeyed(ask):
    said = ask(
        "Bob is 42 years old and very calm. Describe Bob as JSON.",
        response_format=shape(PERSON),
        max_tokens=80,
    )

    (choice,) = said.choices
    person = json.loads(choice.message.content)
    assert person == {"name": "Bob", "age": 42, "mood": "calm"}
    assert choice.finish_reason == "stop"


def test_an_object_is_an_object_whatever_the_model_would_rather_say(ask):
    said = ask("Say hello.", response_format={"type": "json_object"}, max_tokens=120)

    assert said.choices[0].finish_reason == "length" or isinstance(
        json.loads(said.choices[0].message.content), dict
    )
    assert said.choices[0].message.content.startswith("{")


def test_logprobs_are_of_the_tokens_that_were_said(ask):
    said = ask(CAPITAL, logprobs=True, top_logprobs=2)

    tokens = said.choices[0].logprobs["content"]
    assert "".join(one["token"] for one in tokens) == said.choices[0].message.content
    assert all(one["logprob"] <= 0 for one in tokens)
    assert all(one["top_logprobs"][0]["token"] == one["token"] for one in tokens)  # temperature 0
    assert all(bytes(one["bytes"]).decode() == one["token"] for one in tokens)


@pytest.mark.parametrize(
    ("more", "words", "field"),
    [
        ({"response_format": shape({"type": "nonsense"})}, "nonsense", "response_format"),
        ({"response_format": {"type": "json_schema"}}, "is missing", "response_format"),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            "make setup-vllm",
            "tools",
        ),
    ],
)
def test_what_it_cannot_do_is_refused_by_the_name_of_the_field(ask, more, words, field):
    with pytest.raises(InvalidInput, match=words) as refused:
        ask(CAPITAL, **more)

    assert refused.value.problems[0].loc[:2] == ("body", field)


def test_pictures_and_endless_conversations_are_refused(talker, ask, tmp_path):
    part = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    with pytest.raises(InvalidInput, match="reads text only") as refused:
        ask([{"type": "text", "text": "What is this?"}, part])
    assert refused.value.problems[0].loc == ("body", "messages", 0, "content", 1, "type")

    with pytest.raises(
        InvalidInput, match="this model's maximum context length is 4096 tokens"
    ) as refused:
        ask("lighthouse " * 5000)
    assert refused.value.problems[0].type == "context_length_exceeded"


@pytest.mark.parametrize(
    ("text", "stops", "stands"),
    [
        ("one two", [], ("one two", False)),
        ("one two", ["wo", "e t"], ("on", True)),
        ("one tw", ["two"], ("one ", False)),
        ("one tt", ["two", "tt?"], ("one ", False)),
        ("one two", ["twelve"], ("one two", False)),
    ],
)
def test_only_what_no_stop_sequence_can_take_back_stands(text, stops, stands):
    assert settled(text, stops) == stands
