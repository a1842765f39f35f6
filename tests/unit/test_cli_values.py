"""``key=value`` on the command line becomes what the endpoint's schema wants."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from pilotlight import ImageUrl
from pilotlight.cli.values import InputSchema
from pilotlight.errors import InvalidInput


class Size(BaseModel):
    width: int
    height: int


class Layer(BaseModel):
    opacity: float


class Input(BaseModel):
    prompt: str
    steps: int | None = None
    guidance: float = 1.0
    safe: bool = True
    image_size: Literal["square"] | Size = "square"
    image_urls: list[ImageUrl] = Field(default_factory=list)
    counts: list[int] = Field(default_factory=list)
    layers: list[Layer] = Field(default_factory=list)
    level: Literal[1, 2] = 1
    note: str | None = None


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    prompt: str = ""


SCHEMA = InputSchema("acme/model", Input.model_json_schema())
UNKNOWN = InputSchema("far/away")

READ = {
    "text stays text": (["prompt=a star"], {"prompt": "a star"}),
    "also when it looks like a number": (["prompt=42"], {"prompt": "42"}),
    "or like JSON": (['prompt={"a":1}'], {"prompt": '{"a":1}'}),
    "or is quoted": (['prompt="so"'], {"prompt": '"so"'}),
    "an equals sign belongs to the value": (["prompt=a=b"], {"prompt": "a=b"}),
    "nothing is a text too": (["prompt="], {"prompt": ""}),
    "a whole number": (["steps=20"], {"steps": 20}),
    "null where it is allowed": (["steps=null"], {"steps": None}),
    "null is a word where text is allowed": (["note=null"], {"note": "null"}),
    "a number may be whole": (["guidance=3"], {"guidance": 3}),
    "a number": (["guidance=-3.5e-1"], {"guidance": -0.35}),
    "true or false": (["safe=false"], {"safe": False}),
    "a word of a choice": (["image_size=square"], {"image_size": "square"}),
    "or its object": (
        ['image_size={"width":8,"height":9}'], {"image_size": {"width": 8, "height": 9}},
    ),
    "one value of a list": (["image_urls=http://a/1.png"], {"image_urls": ["http://a/1.png"]}),
    "a repeated key": (["counts=1", "counts=2"], {"counts": [1, 2]}),
    "a list as JSON": (["counts=[1,2]"], {"counts": [1, 2]}),
    "a list of objects": (['layers={"opacity":0.5}'], {"layers": [{"opacity": 0.5}]}),
    "a choice of numbers": (["level=2"], {"level": 2}),
}  # fmt: skip


@pytest.mark.parametrize(("words", "body"), READ.values(), ids=READ)
def test_a_value_is_read_as_its_field_wants_it(words, body):
    assert SCHEMA.collect(words) == body


REFUSED = {
    "no equals sign": (["prompt"], "key=value"),
    "no key": (["=star"], "key=value"),
    "an unknown key names the nearest": (["promt=x"], "did you mean prompt?"),
    "or all there are": (["zzzzzz=x"], "it takes prompt, steps"),
    "no whole number": (["steps=many"], "steps takes a whole number or null, not 'many'"),
    "a fraction is no whole number": (["steps=1.5"], "a whole number"),
    "a number is not true": (["guidance=true"], "a number"),
    "nor is one true": (["safe=1"], "true or false"),
    "no item of the list": (["counts=1", "counts=x"], "counts takes a whole number"),
}


@pytest.mark.parametrize(("words", "told"), REFUSED.values(), ids=REFUSED)
def test_a_value_that_cannot_be_right_is_refused_in_words(words, told):
    with pytest.raises(InvalidInput, match=told.replace("?", r"\?")):
        SCHEMA.collect(words)


def test_words_go_on_top_of_the_input_they_come_with():
    base = {"prompt": "file", "steps": 1}

    assert SCHEMA.collect(["prompt=word"], base) == {"prompt": "word", "steps": 1}
    assert base == {"prompt": "file", "steps": 1}


def test_an_endpoint_that_takes_anything_takes_any_key():
    schema = InputSchema("acme/open", Open.model_json_schema())

    assert schema.collect(["prompt=1", "other=1", "word=so"]) == {
        "prompt": "1",
        "other": 1,
        "word": "so",
    }


def test_without_a_schema_json_is_json_and_the_rest_is_text():
    words = ["n=1", "b=true", "o={}", "t=some words", "list=1", "list=x"]

    assert UNKNOWN.collect(words) == {
        "n": 1,
        "b": True,
        "o": {},
        "t": "some words",
        "list": [1, "x"],
    }


@given(st.text())
def test_any_text_reaches_a_text_field_as_it_is(text):
    assert SCHEMA.collect([f"prompt={text}"]) == {"prompt": text}


@given(st.recursive(st.none() | st.booleans() | st.integers(), st.lists))
def test_what_passes_for_a_whole_number_is_one(value: Any):
    word = f"steps={value!r}".replace("None", "null").replace("True", "true")
    word = word.replace("False", "false")
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        assert SCHEMA.collect([word]) == {"steps": value}
    else:
        with pytest.raises(InvalidInput):
            SCHEMA.collect([word])
