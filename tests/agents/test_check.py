"""An agent is held to the contracts of what it calls before anything runs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pilotlight.contracts.agent import Definition
from pilotlight.errors import InvalidInput
from pilotlight.intake.groups.agents.check import checked

DRAW = {"id": "draw", "task": "fal/text-to-image", "payload": {"prompt": "{{input.prompt}}"}}
IDEAS = {"id": "ideas", "model": "acme/ideas", "payload": {"topic": "{{input.topic}}"}}


def node(node_id="n", model="acme/join", **more):
    return {"id": node_id, "model": model, **more}


def join(texts="{{nodes.ideas.output.ideas}}", **more):
    return node(payload={"texts": texts, **more})


def check(models, *nodes, output=None, **given):
    definition = Definition.model_validate({"nodes": nodes, "output": output})
    return checked(definition, models, **given)


GOOD = {
    "one node": [DRAW],
    "in any order": [join(), IDEAS],
    "a picture edited": [
        DRAW,
        {
            "id": "edit",
            "task": "fal/image-edit",
            "model": "studio",
            "payload": {
                "prompt": "{{input.how}}",
                "image_url": "{{nodes.draw.output.images.0.url}}",
            },
        },
    ],
    "needs alone": [IDEAS, node(payload={"texts": ["x"]}, needs=["ideas"])],
    "a number as text": [IDEAS, join(["{{nodes.ideas.output.scores.best}} points"])],
    "a whole number for a number": [
        node("each", map=["x"], payload={"texts": ["{{item}}"], "weight": "{{index}}"})
    ],
    "a float where whole is wanted may be one": [
        IDEAS,
        node(
            "again",
            "acme/ideas",
            payload={"topic": "t", "count": "{{nodes.ideas.output.scores.n}}"},
        ),
    ],
    "anything from what may be anything": [IDEAS, join("{{nodes.ideas.output.more}}")],
    "anything into what takes anything": [
        IDEAS,
        node(model="acme/loose", payload={"x": {"y": "{{nodes.ideas.output.scores}}"}}),
    ],
    "a map, collected": [
        IDEAS,
        {
            "id": "each",
            "task": "fal/text-to-image",
            "map": "{{nodes.ideas.output.ideas}}",
            "payload": {"prompt": "{{item}}"},
        },
        join("{{nodes.each.output.*.images.0.url}}"),
    ],
    "a map of a map": [
        IDEAS,
        node(
            "one", "acme/ideas", map="{{nodes.ideas.output.ideas}}", payload={"topic": "{{item}}"}
        ),
        node("two", "acme/join", map="{{nodes.one.output}}", payload={"texts": "{{item.ideas}}"}),
    ],
    "a chat model for text alone": [
        {
            "id": "chat",
            "task": "openai/chat-completion",
            "payload": {"messages": [{"role": "user", "content": "{{input.q}}"}]},
        },
        join(["{{nodes.chat.output.choices.0.message.content}}"]),
    ],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_run_is_taken(models, name):
    steps = check(models, *GOOD[name])

    seen = set()
    for step in steps:
        assert set(step.node.upstream) <= seen
        seen.add(step.node.id)
    assert len(seen) == len(GOOD[name])


BAD = {
    "unknown node": (
        [join("{{nodes.idea.output.ideas}}"), IDEAS],
        "n.payload.texts",
        "no node 'idea'",
    ),
    "unknown need": ([node(payload={"texts": ["x"]}, needs=["x"])], "n.needs.0", "no node 'x'"),
    "itself": ([join("{{nodes.n.output.text}}")], "n.payload.texts", "its own output"),
    "a cycle": (
        [
            node("a", payload={"texts": ["{{nodes.b.output.text}}"]}),
            node("b", payload={"texts": ["{{nodes.a.output.text}}"]}),
        ],
        "needs",
        "wait for each other: a -> b -> a",
    ),
    "twice": ([IDEAS, IDEAS], "ideas.id", "two nodes"),
    "unknown model": ([node(model="acme/jion", payload={})], "n.model", "did you mean acme/join"),
    "model of another task": (
        [{"id": "n", "task": "fal/ocr", "model": "acme/join"}],
        "n.task",
        "acme/join does acme/join",
    ),
    "unknown task": ([{"id": "n", "task": "fal/text-to-cake"}], "n.task", "is no task type"),
    "neither": ([{"id": "n"}], "n.model", "needs a model"),
    "several tasks": ([{"id": "n", "model": "lists"}], "n.task", "say which"),
    "nobody does it": ([{"id": "n", "task": "openai/embeddings"}], "n.task", "no worker here does"),
    "known and not served": (
        [{"id": "n", "model": "fal-ai/hidream-i1-full", "payload": {"prompt": "x"}}],
        "n.model",
        "--routes",
    ),
    "no such output": (
        [IDEAS, join("{{nodes.ideas.output.idea}}")],
        "n.payload.texts",
        "no 'idea'",
    ),
    "no such item": (
        [DRAW, join(["{{nodes.draw.output.images.0.href}}"])],
        "n.payload.texts.0",
        "href",
    ),
    "text for a list": (
        [DRAW, join("{{nodes.draw.output.images.0.url}}")],
        "n.payload.texts",
        "a list",
    ),
    "list for a text": (
        [IDEAS, join("x", first="{{nodes.ideas.output.ideas}}")],
        "n.payload.first",
        "is a list",
    ),
    "list of pictures for one of texts": (
        [DRAW, join("{{nodes.draw.output.images}}")],
        "n.payload.texts",
        "holds items of which each is an object",
    ),
    "text for a number": (
        [DRAW, join(["x"], weight="{{nodes.draw.output.images.0.url}}")],
        "n.payload.weight",
        "a number is wanted",
    ),
    "words for a number": (
        [IDEAS, join(["x"], weight="{{input.a}} kg")],
        "n.payload.weight",
        "a text",
    ),
    "a list within words": (
        [IDEAS, join(["a {{nodes.ideas.output.ideas}}"])],
        "n.payload.texts.0",
        "within a text",
    ),
    "unknown field": (
        [IDEAS, join(["x"], colour="{{input.c}}")],
        "n.payload.colour",
        "no 'colour'",
    ),
    "missing field": ([node(payload={"weight": 2})], "n.payload.texts", "Field required"),
    "wrong value": ([join(["x"], weight="heavy")], "n.payload.weight", "valid number"),
    "map of no list": (
        [
            DRAW,
            node("m", map="{{nodes.draw.output.images.0.url}}", payload={"texts": ["{{item}}"]}),
        ],
        "m.map",
        "a list is wanted",
    ),
    "map of words": (
        [node("m", map="some", payload={"texts": ["x"]})],
        "m.map",
        "one template of a list",
    ),
    "item without map": (
        [join(["{{item}}"])],
        "n.payload.texts.0",
        "only in the payload of a node with map",
    ),
    "item of the wrong shape": (
        [DRAW, node("m", map="{{nodes.draw.output.images}}", payload={"texts": ["{{item}}"]})],
        "m.payload.texts.0",
        "an object",
    ),
    "unknown root": ([join(["{{env.HOME}}"])], "n.payload.texts.0", "is unknown"),
    "open braces": ([join(["{{input.x"])], "n.payload", "does not close"),
    "input without a name": ([join(["{{input}}"])], "n.payload.texts.0", "needs a name"),
    "no output": ([IDEAS, join(["{{nodes.ideas.ideas}}"])], "n.payload.texts.0", "nodes.ID.output"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_run_is_refused_by_node_and_field(models, name):
    nodes, field, words = BAD[name]
    with pytest.raises(InvalidInput) as caught:
        check(models, *nodes)

    first = caught.value.problems[0]
    assert ".".join(map(str, first.loc)).endswith(field)
    assert first.loc[:2] == ("body", "nodes")
    assert words in first.message, first.message


def test_every_fault_is_told_at_once(models):
    with pytest.raises(InvalidInput) as caught:
        check(models, node("a", payload={}), node("b", model="nope"), output="{{nodes.c.output}}")

    assert len(caught.value.problems) == 1  # of the graph; what it calls is looked at after that
    with pytest.raises(InvalidInput) as caught:
        check(models, node("a", payload={}), join("x", weight="y"))
    assert [problem.loc[2] for problem in caught.value.problems] == ["a", "n", "n"]


def test_the_output_is_checked_too(models):
    with pytest.raises(InvalidInput, match="no 'pictures'"):
        check(models, DRAW, output={"all": ["{{nodes.draw.output.pictures}}"]})


RUN_FAULTS = {
    "missing": ([IDEAS], {"subject": "x"}, "ideas.payload.topic", "there is subject"),
    "of another type": ([IDEAS], {"topic": 5}, "ideas.payload.topic", "valid string"),
    "too long": ([IDEAS], {"topic": "x" * 21}, "ideas.payload.topic", "at most 20"),
    "no list to map": (
        [node("m", map="{{input.l}}", payload={"texts": ["{{item}}"]})],
        {"l": 5},
        "m.map",
        "lead to a list",
    ),
    "one bad item": (
        [node("m", "acme/ideas", map="{{input.l}}", payload={"topic": "{{item.t}}"})],
        {"l": [{"t": "a"}, {"t": 1}]},
        "m.payload.topic",
        "valid string",
    ),
    "an item without it": (
        [node("m", "acme/ideas", map="{{input.l}}", payload={"topic": "{{item.t}}"})],
        {"l": [{"t": "a"}, {"x": 1}]},
        "m.payload",
        "no 't'",
    ),
}


@pytest.mark.parametrize("name", RUN_FAULTS)
def test_a_runs_input_is_checked_before_anything_runs(models, name):
    nodes, given, field, words = RUN_FAULTS[name]
    check(models, *nodes)  # by itself it is good
    with pytest.raises(InvalidInput) as caught:
        check(models, *nodes, given=given)

    first = caught.value.problems[0]
    assert ".".join(map(str, first.loc)).endswith(field)
    assert words in first.message, first.message


def test_a_good_input_is_taken(models):
    nodes = [IDEAS, node("m", "acme/ideas", map="{{input.l}}", payload={"topic": "{{item}}"})]

    assert check(models, *nodes, given={"topic": "x", "l": ["a", "b"]})


@pytest.mark.parametrize(
    "bad",
    [
        {"nodes": []},
        {"nodes": [{"id": "a b", "model": "x"}]},
        {"nodes": [{"id": "a.b", "model": "x"}]},
        {"nodes": [{"id": "a", "model": "x", "retries": 3}]},
        {"nodes": [{"id": f"n{n}", "model": "x"} for n in range(101)]},
    ],
)
def test_a_definition_has_a_shape(bad):
    with pytest.raises(ValidationError):
        Definition.model_validate(bad)
