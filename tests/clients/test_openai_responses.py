"""PyPI ``openai``: the Responses API, put to the workers that answer chats."""

from __future__ import annotations

import base64
import io
import json

import openai
import pytest
from PIL import Image
from pydantic import BaseModel

from tests.clients.openai_python import LEAVES_SOCKETS, PARROT, client
from tests.live import until

__all__ = ["client"]
pytestmark = LEAVES_SOCKETS
PAINT = {"type": "function", "name": "paint", "parameters": {"type": "object"}, "strict": False}


class Said(BaseModel):
    said: str


def test_a_response_says_what_was_asked_and_what_it_cost(client):
    answer = client.responses.create(
        model=PARROT, input="red green", instructions="Be brief.", metadata={"a": "b"}
    )

    assert (answer.output_text, answer.status, answer.error) == ("red green", "completed", None)
    assert (answer.instructions, answer.metadata) == ("Be brief.", {"a": "b"})
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (4, 2)
    assert answer._request_id in answer.id
    assert client.responses.retrieve(answer.id).output_text == "red green"


def test_one_that_was_cut_off_is_incomplete(client):
    answer = client.responses.create(model=PARROT, input="a b c", max_output_tokens=2)

    assert (answer.output_text, answer.status) == ("a b", "incomplete")
    assert answer.output[0].status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_a_stream_grows_in_order_while_the_model_still_writes(client, tmp_path):
    gate = tmp_path / "gate"
    stream = client.responses.create(
        model=PARROT, input="red green", stream=True, extra_body={"gate": str(gate)}
    )
    heard, kinds, numbers = "", [], []
    for event in stream:
        kinds.append(event.type.removeprefix("response."))
        numbers.append(event.sequence_number)
        if event.type == "response.output_text.delta":
            heard += event.delta
            gate.touch()

    assert heard == "red green"
    assert numbers == list(range(len(numbers)))
    assert kinds == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_an_agent_calls_its_tool_and_reads_what_came_of_it(client):
    with client.responses.stream(model=PARROT, input="please paint", tools=[PAINT]) as stream:
        answer = stream.get_final_response()
    (call,) = answer.output
    assert (call.name, json.loads(call.arguments)) == ("paint", {"words": ["please", "paint"]})
    items = [{"role": "user", "content": "please paint"}, *answer.output]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "it is red"})
    answer = client.responses.create(model=PARROT, input=items, tools=[PAINT])

    assert answer.output_text == "it is red"


def test_an_answer_is_read_as_the_class_that_was_asked_for(client):
    answer = client.responses.parse(model=PARROT, input="x", text_format=Said)
    assert answer.output_parsed == Said(said="x")
    with client.responses.stream(model=PARROT, input="x", text_format=Said) as stream:
        assert stream.get_final_response().output_parsed == Said(said="x")


def test_a_picture_reaches_the_model(client):
    made = io.BytesIO()
    Image.new("RGB", (8, 8), "#102030").save(made, "png")
    url = "data:image/png;base64," + base64.b64encode(made.getvalue()).decode()
    parts = [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": url}]
    answer = client.responses.create(model=PARROT, input=[{"role": "user", "content": parts}])

    assert answer.output_text == f"see ({len(made.getvalue())} bytes of picture)"
    # Six words of picture and of answer were read again, and one that is new.
    more = client.responses.create(model=PARROT, input="on", previous_response_id=answer.id)
    assert more.usage.input_tokens == 2 * answer.usage.input_tokens + 1


def test_a_conversation_goes_on_from_a_response(client):
    first = client.responses.create(model=PARROT, input="please paint", tools=[PAINT])
    (call,) = first.output
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "red green"}
    second = client.responses.create(
        model=PARROT, input=[result], previous_response_id=first.id, tools=[PAINT]
    )

    assert (second.output_text, second.previous_response_id) == ("red green", first.id)
    assert second.usage.input_tokens == 4


def test_a_response_that_is_not_over_cannot_be_gone_on_from(client, tmp_path):
    stuck = client.responses.create(
        model=PARROT,
        input="one two",
        background=True,
        extra_body={"gate": str(tmp_path / "never")},
    )
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model=PARROT, input="x", previous_response_id=stuck.id)
    client.responses.cancel(stuck.id)

    assert refused.value.param == "previous_response_id"


def test_one_in_the_background_is_asked_for_later_or_ended(client, tmp_path):
    later = client.responses.create(model=PARROT, input="later", background=True)
    assert later.status == "queued"
    until(lambda: client.responses.retrieve(later.id).status == "completed", what="the response")
    assert client.responses.retrieve(later.id).output_text == "later"
    stuck = client.responses.create(
        model=PARROT,
        input="one two",
        background=True,
        extra_body={"gate": str(tmp_path / "never")},
    )
    assert client.responses.cancel(stuck.id).status == "cancelled"
    assert client.responses.retrieve(stuck.id).status == "cancelled"
    assert client.responses.cancel(later.id).status == "completed"


def test_a_stream_in_the_background_is_taken_up_where_it_broke_off(client, tmp_path):
    """The model waits before each word until the first reader is gone."""
    gate = tmp_path / "gate"
    stream = client.responses.create(
        model=PARROT,
        input="red green",
        stream=True,
        background=True,
        extra_body={"gate": str(gate)},
    )
    heard = []
    for event in stream:
        heard.append(event)
        if event.type == "response.output_text.delta":
            break
    stream.close()
    created = heard[0].response
    assert (created.background, created.status) == (True, "in_progress")
    gate.touch()
    last = heard[-1].sequence_number
    rest = list(client.responses.retrieve(created.id, stream=True, starting_after=last))

    told = [event.sequence_number for event in [*heard, *rest]]
    assert told == list(range(len(told)))
    assert (
        "".join(one.delta for one in [*heard, *rest] if one.type.endswith("delta")) == "red green"
    )
    assert rest[-1].type == "response.completed"
    again = list(client.responses.retrieve(created.id, stream=True))
    assert [event.type for event in again] == [event.type for event in [*heard, *rest]]


@pytest.mark.parametrize("number", ["-1", "x", "9" * 40])
def test_events_are_taken_up_behind_a_number(client, number):
    answer = client.responses.create(model=PARROT, input="x")
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.retrieve(answer.id, stream=True, starting_after=number)

    assert refused.value.param == "starting_after"


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "x", "conversation": "conv_1"}, "conversation"),
        ({"input": "x", "tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": "x", "temperature": 9}, "temperature"),
        ({"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
        ({"input": []}, "input"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": "x", "tool_choice": {"type": "web_search"}}, "tool_choice"),
        ({"input": "x", "text": {"format": {"type": "grammar"}}}, "text.format"),
        ({"input": "x", "reasoning": "hard"}, "reasoning"),
        ({"input": "x", "include": "message.output_text.logprobs"}, "include"),
    ],
)
def test_what_is_not_here_is_refused_by_its_name(client, asked, param):
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model=PARROT, **asked)

    assert refused.value.param == param


def test_an_unknown_response_is_a_404(client):
    chat = client.chat.completions.create(model=PARROT, messages=[{"role": "user", "content": "x"}])
    for strange in ("resp_x", "x", chat.id.replace("chatcmpl-", "resp_")):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(strange)
