"""Graphs that strangers send: read and checked, or refused in words; and what is taken can be run."""

from __future__ import annotations

import json

import pytest
from hypothesis import strategies as st

from pilotlight import catalogue
from pilotlight.contracts import templates
from pilotlight.contracts.agent import Definition
from pilotlight.contracts.templates import BadTemplate, Missing
from pilotlight.errors import InvalidInput
from pilotlight.intake.groups.agents.check import checked
from pilotlight.intake.validation import validate
from tests.fuzz.tally import fuzzed
from tests.fuzz.words import bodies, dumped, json_values

FOUND = catalogue.discover(["tests.agents.models"])
IDS = ("a", "b", "c")
PATHS = (
    "input.x", "input.x.0", "nodes.a.output", "nodes.b.output.images.0.url", "nodes.c.output.ideas",
    "nodes.a.output.*", "nodes.b.output.0.text", "item", "item.x", "index", "input", "nodes.z.output",
)  # fmt: skip
words = st.sampled_from([*("{{" + path + "}}" for path in PATHS), "x", "{{", "a {{input.x}} b"])
values = st.recursive(
    words | st.integers(-3, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
payloads = st.dictionaries(
    st.sampled_from(["texts", "topic", "prompt", "weight", "count", "image_url", "first", "odd"]),
    values,
    max_size=3,
)
MODELS = ["acme/join", "acme/ideas", "acme/loose", "studio", "lists", "nobody"]
TASKS = ["fal/text-to-image", "fal/image-edit", "fal/ocr", "fal/text-to-video", "no/such"]
nodes = st.fixed_dictionaries(
    {"id": st.sampled_from(IDS), "payload": payloads},
    optional={
        "model": st.sampled_from(MODELS),
        "task": st.sampled_from(TASKS),
        "needs": st.lists(st.sampled_from(IDS), max_size=2),
        "map": words | st.lists(values, max_size=3),
    },
)
graphs = st.fixed_dictionaries(
    {"nodes": st.lists(nodes, min_size=1, max_size=4)}, optional={"output": values}
)


def taken(definition, *given):
    """The steps, or None for what is refused; a refusal names a place."""
    try:
        return checked(definition, FOUND, *given)
    except InvalidInput as error:
        refused = error
    assert refused.problems
    for problem in refused.problems:
        assert problem.loc[0] == "body"
        assert problem.message
    return None


@fuzzed(body=bodies | json_values.map(lambda inner: dumped({"nodes": inner})))
def test_any_body_is_a_definition_or_refused(body):
    try:
        definition = validate(Definition, body)
    except InvalidInput:
        return
    taken(definition)


@fuzzed(graph=graphs, given=st.dictionaries(st.just("x"), json_values, max_size=1))
def test_any_graph_is_taken_or_refused_with_a_place(graph, given):
    definition = validate(Definition, json.dumps(graph).encode())
    for steps in (taken(definition), taken(definition, given)):
        order = [step.node.id for step in steps or ()]
        for step in steps or ():
            assert all(order.index(one) < order.index(step.node.id) for one in step.node.upstream)


@fuzzed(value=json_values, scope=json_values)
def test_templates_in_any_value_are_put_in_or_refused(value, scope):
    try:
        list(templates.uses(value))
        templates.rendered(value, lambda path: templates.at(scope, path))
    except (BadTemplate, Missing):
        return


@pytest.mark.parametrize("depth", [41, 500])
def test_a_deep_payload_is_refused_and_not_walked_for_ever(depth):
    deep = "{{input.x}}"
    for _ in range(depth):
        deep = [deep]
    definition = Definition.model_validate(
        {"nodes": [{"id": "a", "model": "acme/loose", "payload": {"x": deep}}]}
    )

    assert taken(definition) is None
