"""``/v1/batches`` with PyPI ``openai``, unmodified, against a running product."""

from __future__ import annotations

import json

import openai
import pytest

from tests.live import KEY, until
from tests.receiver import receiver

PARROT = "tests/parrot"
ECHO = "/run/pilotlight/echo"
CHAT = "/v1/chat/completions"
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""The client leaves sockets to the garbage collector."""


@pytest.fixture
def client(live):
    with openai.OpenAI(base_url=live.url + "/v1", api_key=KEY, max_retries=0) as made:
        yield made


def line(own_id, body, url=ECHO, **more):
    return {"custom_id": own_id, "method": "POST", "url": url, "body": body, **more}


def chat(text, **more):
    return {"model": PARROT, "messages": [{"role": "user", "content": text}], **more}


def started(client, lines, endpoint=ECHO, **more):
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    file = client.files.create(file=("in.jsonl", text.encode()), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more
    )


def over(client, batch):
    words = ("completed", "failed", "cancelled", "expired")
    found = [batch]

    def look():
        found[0] = client.batches.retrieve(batch.id)
        return found[0].status in words

    until(look, what=f"the end of {batch.id}")
    return found[0]


def lines_of(client, file_id):
    return [json.loads(one) for one in client.files.content(file_id).text.splitlines()]


def test_a_line_may_ask_for_a_response(client):
    body = {"model": PARROT, "input": "red green", "background": True}
    asked = [line("one", body, "/v1/responses")]

    batch = over(client, started(client, asked, "/v1/responses"))

    (told,) = lines_of(client, batch.output_file_id)
    (message,) = told["response"]["body"]["output"]
    assert message["content"][0]["text"] == "red green"


def test_a_batch_answers_each_line_in_the_order_of_its_file(client):
    asked = [line(f"ask-{n}", chat(f"word {n}"), CHAT) for n in range(5)]

    batch = over(client, started(client, asked, CHAT, metadata={"for": "a test"}))

    assert batch.status == "completed"
    assert batch.request_counts.to_dict() == {"total": 5, "completed": 5, "failed": 0}
    assert (batch.errors, batch.error_file_id) == (None, None)
    assert batch.metadata == {"for": "a test"}
    answers = lines_of(client, batch.output_file_id)
    assert [one["custom_id"] for one in answers] == [f"ask-{n}" for n in range(5)]
    first = answers[0]["response"]
    assert first["status_code"] == 200
    assert first["body"]["choices"][0]["message"]["content"] == "word 0"
    assert first["body"]["object"] == "chat.completion"
    file = client.files.retrieve(batch.output_file_id)
    assert (file.purpose, file.filename) == ("batch_output", f"{batch.id}_output.jsonl")


def test_lines_that_fail_are_told_of_in_the_error_file_and_stop_no_other(client):
    asked = [
        line("good", chat("fine"), CHAT),
        line("no messages", {"model": PARROT}, CHAT),
        line("no model", chat("x") | {"model": "nobody/knows"}, CHAT),
        line("hot", chat("x", temperature=9), CHAT),
    ]

    batch = over(client, started(client, asked, CHAT))

    assert batch.status == "completed"
    assert batch.request_counts.to_dict() == {"total": 4, "completed": 1, "failed": 3}
    assert [one["custom_id"] for one in lines_of(client, batch.output_file_id)] == ["good"]
    failures = lines_of(client, batch.error_file_id)
    told = [
        (
            one["custom_id"],
            one["response"]["status_code"],
            one["response"]["body"]["error"]["param"],
        )
        for one in failures
    ]
    assert told == [
        ("no messages", 400, "messages"),
        ("no model", 404, None),
        ("hot", 400, "temperature"),
    ]


def test_a_file_with_lines_that_are_no_requests_is_refused_by_their_numbers(client):
    asked = [
        line("a", {"text": "x"}),
        "",
        "{not json",
        line("a", {"text": "x"}),
        line("b", {"text": "x"}, url="/v1/embeddings"),
        line("", {"text": "x"}),
        line("c", "no object"),
        line("d", {"text": "x"}, extra=1),
        line("e", {"text": "x"}) | {"method": "GET"},
    ]

    batch = over(client, started(client, asked))

    assert batch.status == "failed"
    assert [(one.line, one.code, one.param) for one in batch.errors.data] == [
        (3, "invalid_json_line", None),
        (4, "duplicate_custom_id", "custom_id"),
        (5, "mismatched_url", "url"),
        (6, "invalid_custom_id", "custom_id"),
        (7, "invalid_body", "body"),
        (8, "unknown_field", "extra"),
        (9, "invalid_method", "method"),
    ]
    assert (batch.output_file_id, batch.error_file_id) == (None, None)
    assert batch.request_counts.completed == 0


def test_a_cancelled_batch_keeps_what_was_done_and_names_what_was_not(client):
    asked = [line(f"n{n}", {"text": str(n), "sleep_s": 60 * (n > 0)}) for n in range(4)]
    batch = started(client, asked)
    until(
        lambda: client.batches.retrieve(batch.id).request_counts.completed == 1, what="a first line"
    )

    assert client.batches.cancel(batch.id).status in ("cancelling", "cancelled")
    batch = over(client, batch)

    assert batch.status == "cancelled"
    assert [one["custom_id"] for one in lines_of(client, batch.output_file_id)] == ["n0"]
    left = lines_of(client, batch.error_file_id)
    assert [(one["custom_id"], one["error"]["code"]) for one in left] == [
        (f"n{n}", "batch_cancelled") for n in (1, 2, 3)
    ]


def test_the_end_of_a_batch_is_posted(client):
    with receiver() as hook:
        batch = started(client, [line("a", {"text": "x"})], extra_body={"webhook": hook.url})
        told = hook.next().json

    assert (told["type"], told["data"]) == ("batch.completed", {"id": batch.id})


def test_batches_are_listed_newest_first_a_page_at_a_time(client):
    made = [started(client, [line("a", {"text": "x"})]).id for _ in range(3)]

    page = client.batches.list(limit=2)

    assert [one.id for one in page.data] == made[:0:-1]
    assert page.has_next_page()
    assert page.get_next_page().data[0].id == made[0]


WRONG = [
    pytest.param({"endpoint": "/v1/nothing"}, "endpoint", id="endpoint"),
    pytest.param({"input_file_id": "file-none"}, "input_file_id", id="file"),
    pytest.param({"completion_window": "1y"}, "completion_window", id="window"),
    pytest.param({"metadata": {"a": "x" * 600}}, "metadata", id="metadata"),
    pytest.param({"output_expires_after": {"seconds": 1}}, "output_expires_after", id="expiry"),
    pytest.param({"extra_body": {"webhook": "nowhere"}}, "webhook", id="webhook"),
    pytest.param({"extra_body": {"speed": 1}}, "speed", id="unknown"),
]


@pytest.mark.parametrize(("change", "param"), WRONG)
def test_a_wish_that_cannot_be_is_refused_by_its_field(client, change, param):
    file = client.files.create(file=("in.jsonl", b"{}"), purpose="batch")
    wish = {"input_file_id": file.id, "endpoint": ECHO, "completion_window": "24h", **change}

    with pytest.raises(openai.BadRequestError) as error:
        client.batches.create(**wish)

    assert error.value.param == param


def test_a_batch_that_is_not_there_is_not_found(client):
    with pytest.raises(openai.NotFoundError, match="no batch"):
        client.batches.retrieve("batch_0")
