"""Talking through PyPI's ``openai`` with the small model of ``pilotlight up --starters``."""

from __future__ import annotations

import json

import openai
import pytest
from pydantic import BaseModel, Field

from tests.live import KEY, up
from workers.engines.weights import carried

pytestmark = [
    pytest.mark.timeout(400),  # vLLM takes minutes to start on a busy machine
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.skipif(
        not (carried.ROOT / "smollm2").is_dir(), reason="run `make setup-starters` first"
    ),
]

MODEL = "pilotlight/chat"
CAPITAL = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with up(tmp_path_factory.mktemp("talk"), options=("--starters",)) as live:
        url = live.url + "/v1"
        with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=350) as made:
            yield made


def test_a_question_is_answered_and_the_same_answer_comes_in_pieces(client):
    whole = client.chat.completions.create(model=MODEL, messages=CAPITAL, temperature=0)
    pieces = list(
        client.chat.completions.create(
            model=MODEL,
            messages=CAPITAL,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    said = whole.choices[0].message.content
    assert "Paris" in said
    deltas = [one.choices[0].delta.content or "" for one in pieces if one.choices]
    assert "".join(deltas) == said
    assert sum(bool(delta) for delta in deltas) > 3
    assert pieces[-1].usage == whole.usage
    assert pieces[-2].choices[0].finish_reason == whole.choices[0].finish_reason == "stop"


class Person(BaseModel):
    name: str = Field(max_length=20)
    age: int = Field(ge=0, le=150)


def test_what_is_parsed_is_what_was_asked_for(client):
    told = [{"role": "user", "content": "Bob is 42 years old. Describe Bob as JSON."}]

    parsed = client.chat.completions.parse(
        model=MODEL, messages=told, temperature=0, max_tokens=60, response_format=Person
    )

    assert parsed.choices[0].message.parsed == Person(name="Bob", age=42)


def test_a_wrong_schema_is_the_callers_mistake_and_is_named(client):
    wrong = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "nonsense"}}}

    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=CAPITAL, response_format=wrong)

    assert "response_format" in (refused.value.param or json.dumps(refused.value.body))
