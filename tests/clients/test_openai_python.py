"""PyPI ``openai``, unmodified, sync and async, against a running product and stand-in models."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading

import openai
import pytest

from tests.clients.openai_python import LEAVES_SOCKETS, PARROT, client, turns
from tests.live import KEY, ROOT, until
from tests.receiver import receiver
from tests.workers.standins.embed import place

__all__ = ["client"]
pytestmark = LEAVES_SOCKETS


@pytest.fixture(params=["/v1", "/openai/v1"])
def either(request, live):
    with openai.OpenAI(base_url=live.url + request.param, api_key=KEY, max_retries=0) as made:
        yield made


def test_a_chat_is_answered_and_counted(either):
    answer = either.chat.completions.create(
        model=PARROT,
        messages=[{"role": "system", "content": "Be brief."}, *turns("red green blue")],
        max_tokens=2,
        n=2,
        temperature=0.2,
        user="u",
        metadata={"any": "thing"},
    )

    assert [one.message.content for one in answer.choices] == ["red green"] * 2
    assert [one.finish_reason for one in answer.choices] == ["length"] * 2
    assert answer.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": 5,
        "completion_tokens": 4,
        "total_tokens": 9,
    }
    assert answer._request_id in answer.id


def test_a_stream_arrives_while_the_model_still_writes(client, tmp_path):
    """The gate opens only once the first word was read: what is read is live."""
    gate = tmp_path / "gate"
    stream = client.chat.completions.create(
        model=PARROT,
        messages=turns("red green blue. white", name="x"),
        stop=".",
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"gate": str(gate)},
    )
    heard, reasons, usage = "", [], None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            heard += choice.delta.content or ""
            reasons.append(choice.finish_reason)
        if heard == "red":
            gate.touch()

    assert heard == "red green blue"
    assert reasons[-1] == "stop"
    assert usage.completion_tokens == 3


def test_a_stream_that_is_closed_early_cancels_its_job(client, live, tmp_path):
    stream = client.chat.completions.create(
        model=PARROT,
        messages=turns("one two"),
        stream=True,
        extra_body={"gate": str(tmp_path / "never")},
    )
    first = next(iter(stream))
    request_id = first.id.removeprefix("chatcmpl-")
    stream.close()

    def status():
        return client.get(f"/requests/{request_id}", cast_to=object)["status"]

    until(lambda: status() == "cancelled", what="the job to be cancelled")


def test_a_stream_outlives_its_model(client, live, tmp_path):
    """``kill -9`` behind the first word: another attempt begins anew, and nothing is said twice."""
    gate = tmp_path / "gate"
    stream = client.chat.completions.create(
        model=PARROT, messages=turns("one two three"), stream=True, extra_body={"gate": str(gate)}
    )
    heard = ""
    for chunk in stream:
        heard += chunk.choices[0].delta.content or ""
        if heard == "one" and not gate.exists():
            for pid in live.models("parrot"):
                os.kill(pid, signal.SIGKILL)
            gate.touch()

    assert heard == "one two three"


def test_tools_are_called_and_formats_kept(client):
    tool = {"type": "function", "function": {"name": "paint", "parameters": {"type": "object"}}}
    asked = {"model": PARROT, "messages": turns("please paint"), "tools": [tool]}
    (choice,) = client.chat.completions.create(**asked).choices
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "paint",
        {"words": ["please", "paint"]},
    )
    with client.chat.completions.stream(**asked) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "paint"
    said = client.chat.completions.create(
        model=PARROT, messages=turns("x"), response_format={"type": "json_object"}
    )
    assert json.loads(said.choices[0].message.content) == {"said": "x"}


def test_the_older_completions(client):
    answer = client.completions.create(model=PARROT, prompt="a b c", max_tokens=2, echo=True)
    assert answer.choices[0].text == "a b ca b"
    stream = client.completions.create(model=PARROT, prompt="a b c", stream=True)
    assert "".join(one.choices[0].text for one in stream) == "a b c"


@pytest.mark.parametrize("more", [{}, {"encoding_format": "float"}], ids=["default", "float"])
def test_embeddings_come_back_as_numbers_whatever_is_on_the_wire(client, more):
    answer = client.embeddings.create(
        model="tests/embed", input=["a lamp", "a spoon"], dimensions=3, **more
    )

    for one, words in zip(answer.data, (["a", "lamp"], ["a", "spoon"]), strict=True):
        assert one.embedding == pytest.approx(place(words, 3), abs=1e-6)
    assert answer.usage.prompt_tokens == 4


def test_moderation_flags_what_is_rude(client):
    answer = client.moderations.create(model="tests/censor", input=["you fool", "hello"])

    assert [one.flagged for one in answer.results] == [True, False]
    assert answer.results[0].categories.harassment
    assert answer.results[0].category_scores.harassment == 1.0


def test_models_are_listed_and_found(client):
    ids = {one.id for one in client.models.list()}

    assert {PARROT, "tests/embed", "pilotlight/shapes"} <= ids
    assert client.models.retrieve(PARROT).task == "openai/chat-completion"


def test_ranking_and_scores_by_the_clients_own_post(client):
    ranked = client.post(
        "/rerank",
        body={"model": "tests/rerank", "query": "a lamp", "documents": ["soup", "the lamp"]},
        cast_to=object,
    )
    assert [one["index"] for one in ranked["results"]] == [1, 0]
    scored = client.post(
        "/score", body={"model": "tests/score", "text_1": "a", "text_2": ["a", "b"]}, cast_to=object
    )
    assert [one["score"] for one in scored["data"]] == [1.0, 0.0]


def test_async_answers_at_once_and_later_like_the_call_itself(client):
    waits_for_nobody = {"extra_body": {"async": True}}
    taken = client.chat.completions.create(
        model=PARROT, messages=turns("later"), **waits_for_nobody
    )
    raw = client.embeddings.with_raw_response.create(
        model="tests/embed", input="x", **waits_for_nobody
    )
    said = client.audio.speech.create(
        model="tests/whistle", voice="x", input="x", response_format="wav", **waits_for_nobody
    )
    assert (raw.http_response.status_code, said.response.status_code) == (202, 202)

    def ended(request_id):
        until(
            lambda: client.get(f"/requests/{request_id}", cast_to=object)["status"] == "completed",
            what="the request",
        )
        return f"/requests/{request_id}/response"

    later = client.get(ended(taken.id), cast_to=openai.types.chat.ChatCompletion)
    assert later.choices[0].message.content == "later"
    points = client.get(ended(json.loads(raw.http_response.text)["id"]), cast_to=object)
    assert points["object"] == "list"
    sound = client.get(ended(json.loads(said.content)["id"]), cast_to=bytes)
    assert sound.startswith(b"RIFF")


def test_the_client_proves_that_a_webhook_is_ours(client, live):
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "pilotlight.cli",
            "webhooks",
            "secret",
            "--caller",
            "dev",
            "--data",
            str(live.data),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    with receiver() as hook:
        taken = client.chat.completions.create(
            model=PARROT, messages=turns("told"), extra_body={"async": True, "webhook": hook.url}
        )
        posted = hook.next()
    body, secret = posted.body.decode(), told.stdout.strip()

    client.webhooks.verify_signature(body, posted.headers, secret=secret)
    assert posted.json["type"] == "request.completed"
    assert posted.json["data"]["id"] == taken.id
    answer = posted.json["data"]["response"]["choices"][0]["message"]["content"]
    assert answer == "told"
    with pytest.raises(openai.InvalidWebhookSignatureError):
        client.webhooks.verify_signature(body + " ", posted.headers, secret=secret)


def test_errors_are_the_clients_own_classes(client, live):
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="nobody/nothing", messages=turns("x"))
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model=PARROT, messages=turns("x"), temperature=9)
    assert wrong.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model=PARROT, messages=turns("x"), extra_body={"refuse": "not this"}
        )
    assert refused.value.body["message"] == "not this"
    assert refused.value.request_id
    with (
        openai.OpenAI(base_url=live.url + "/v1", api_key="sk-nobody", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_what_openai_has_and_we_have_not_says_what_to_use(client):
    for call, instead in (
        (lambda: client.images.create_variation(image=b"x"), "/v1/images/edits"),
        (client.vector_stores.list, "/v1/embeddings"),
        (client.fine_tuning.jobs.list, "/queue/ENDPOINT"),
        (client.conversations.create, "/v1/chat/completions"),
    ):
        with pytest.raises(openai.NotFoundError, match=instead) as refused:
            call()
        assert (refused.value.code, refused.value.type) == ("unknown_url", "invalid_request_error")
        assert refused.value.request_id.startswith("req_")


def test_every_answer_has_an_id(client):
    for page in (client.models.list(), client.files.list(), client.batches.list()):
        assert page._request_id.startswith("req_")
    assert client.models.retrieve(PARROT)._request_id


def test_a_client_that_waits_no_longer_cancels_its_job(client, live, tmp_path):
    """It hangs up; nobody else knows of the job, so nobody pays for it."""
    impatient = client.with_options(timeout=1)
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(
            model=PARROT,
            messages=turns("one two"),
            metadata={"who": "impatient"},
            extra_body={"gate": str(tmp_path / "never")},
        )

    def jobs():
        listed = live.ask("GET", "/api/jobs?tag=who%3Dimpatient").json["jobs"]
        return [job["status"] for job in listed]

    until(lambda: jobs() == ["cancelled"], what="the job to be cancelled")


def test_the_async_client_runs_many_at_once(live, tmp_path):
    """Four that wait for each other: the gate opens when the last one has begun to speak."""
    gate, speaking = tmp_path / "gate", threading.Semaphore(0)

    async def one(client, number):
        heard = ""
        stream = await client.chat.completions.create(
            model=PARROT,
            messages=turns(f"{number} done"),
            stream=True,
            extra_body={"gate": str(gate)},
        )
        async for chunk in stream:
            heard += chunk.choices[0].delta.content or ""
            if heard == str(number):
                speaking.release()
                if speaking._value == 4:
                    gate.touch()
        return heard

    async def everything():
        async with openai.AsyncOpenAI(
            base_url=live.url + "/v1", api_key=KEY, max_retries=0
        ) as client:
            points = await client.embeddings.create(model="tests/embed", input="x")
            assert len(points.data[0].embedding) == 8
            return await asyncio.gather(*(one(client, number) for number in range(4)))

    told = asyncio.run(asyncio.wait_for(everything(), 60))
    assert told == [f"{number} done" for number in range(4)]
