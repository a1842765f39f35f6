"""Templates by themselves: what is found, what is put in, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.contracts import templates
from pilotlight.contracts.templates import BadTemplate, Missing

SCOPE = {
    "input": {"prompt": "a cat", "n": 3, "tags": ["x", "y"], "deep": [{"url": "u0"}, {"url": "u1"}]}
}


def put(value):
    return templates.rendered(value, lambda path: templates.at(SCOPE, path))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("{{input.prompt}}", "a cat"),
        ("{{ input.n }}", 3),
        ("  {{input.tags}}  ", ["x", "y"]),
        ("{{input.deep.1.url}}", "u1"),
        ("{{input.deep.*.url}}", ["u0", "u1"]),
        ("{{input.prompt}} x{{input.n}}", "a cat x3"),
        ("tags: {{input.tags}}", 'tags: ["x", "y"]'),
        ({"a": ["{{input.n}}", 1, None]}, {"a": [3, 1, None]}),
        ("no { template } here }}", "no { template } here }}"),
        ("", ""),
    ],
)
def test_what_is_put_in(value, wanted):
    assert put(value) == wanted


def test_what_is_put_in_is_never_a_template_again():
    told = {"input": {"evil": "{{input.secret}}", "secret": "s"}}

    out = templates.rendered("{{input.evil}}!", lambda path: templates.at(told, path))

    assert out == "{{input.secret}}!"


@pytest.mark.parametrize(
    "text", ["{{}}", "{{ }}", "{{a..b}}", "{{a b}}", "{{a", "{{{{a}}", "{{.a}}"]
)
def test_what_is_no_template_is_refused_in_words(text):
    with pytest.raises(BadTemplate, match=r"\{\{"):
        list(templates.uses(text))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("input.nothing", "no 'nothing'; there is prompt"),
        ("input.tags.7", "a list of 2 has no '7'"),
        ("input.prompt.more", "nothing below it"),
        ("input.deep.*.name", "no 'name'"),
    ],
)
def test_what_is_missing_is_told_with_what_is_there(path, words):
    with pytest.raises(Missing, match=words):
        put("{{" + path + "}}")


def test_what_is_missing_from_nothing_at_all_is_told_so():
    with pytest.raises(Missing, match="no 'topic', and nothing else: it is empty"):
        templates.at({}, ("topic",))


def test_every_use_tells_where_it_stands():
    value = {"a": "{{input.x}}", "b": [{"c": "and {{nodes.n.output}} so"}]}

    assert [(use.loc, use.path, use.alone) for use in templates.uses(value)] == [
        (("a",), ("input", "x"), True),
        (("b", 0, "c"), ("nodes", "n", "output"), False),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(JSON)
def test_any_value_is_rendered_or_refused(value):
    try:
        found = list(templates.uses(value))
    except BadTemplate:
        return
    if not found:
        assert put(value) == value


@given(st.text(alphabet="{}. ain*0", max_size=40))
def test_any_text_of_braces_is_rendered_or_refused(text):
    try:
        found = list(templates.uses(text))
    except BadTemplate:
        return
    assert bool(found) == ("{{" in text)
    if not found:
        assert put(text) == text
