"""Bodies around an input: whatever stands in their fields, the answer is the dialect's own."""

from __future__ import annotations

import json

import pytest
from hypothesis import strategies as st

from tests.dialects.stage import KEY
from tests.fuzz.driver import scope_of
from tests.fuzz.tally import fuzzed
from tests.fuzz.test_requests import house, raw  # noqa: F401 - a fixture
from tests.fuzz.words import any_text, json_values

TASK = "fal/text-to-image"
SOUND = {
    "/v1/async-invoke": {"model_id": "acme/app", "input": {"prompt": "x"}},
    "/v1/tasks": {"task": TASK, "model": "acme/app", "payload": {"prompt": "x"}, "async": True},
}
SHAPES = {
    "/v1/async-invoke": {"id", "message"},
    "/v1/tasks": {"error"},
    "/fal-ai/acme/app": {"code"},
}
FIELDS = (
    "model_id", "input", "tags", "webhook_url", "task", "model", "payload", "async", "id", "other",
)  # fmt: skip
HEADERS = [raw("authorization", f"Key {KEY}")]
tag_lists = st.lists(st.fixed_dictionaries({"key": any_text, "value": any_text}), max_size=3)


def told(house, path, body):  # noqa: F811
    answered = house.ask(scope_of("POST", path, headers=HEADERS), [body])
    assert 200 <= answered.status < 500, (path, body, answered.body)
    said = json.loads(answered.body)
    if answered.status >= 300:
        assert set(said) >= SHAPES[path], said
    return answered.status, said


@fuzzed(path=st.sampled_from(sorted(SOUND)), field=st.sampled_from(FIELDS), value=json_values)
def test_no_value_of_a_field_is_answered_by_a_fault_of_ours(house, path, field, value):  # noqa: F811
    try:
        body = json.dumps({**SOUND[path], field: value}).encode()
    except ValueError:  # an integer longer than Python prints
        return
    told(house, path, body)


@fuzzed(prompt=any_text, tags=tag_lists)
def test_texts_and_tags_come_back_as_they_were_sent(house, prompt, tags):  # noqa: F811
    for path, sound in SOUND.items():
        field = "input" if "input" in sound else "payload"
        body = json.dumps({**sound, field: {"prompt": prompt}, "tags": tags}).encode()
        status, said = told(house, path, body)
        if status == 202:
            job = house.services.store.get(said["request_id"])
            assert json.loads(job.input)["prompt"] == prompt
            assert said["tags"] == tags


@pytest.mark.parametrize("path", SHAPES)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000, b'{"a":' * 10_000, b'{"input":{"steps":' + b"9" * 5000 + b"}}",
        b'{"input":{"scale":NaN}}', b'{"model":"x","model":"y"}', b'{"model":"\\ud800"}',
        b"\xff", b"nul", b"", b"null", b"[]", b'"x"',
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)  # fmt: skip
def test_what_is_no_object_is_refused_in_the_dialects_shape(house, path, body):  # noqa: F811
    assert told(house, path, body)[0] == 422
