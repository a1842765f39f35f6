"""vLLM in a replica of the running product: many conversations at once, one of them cut short,
the engine killed. Minutes and gigabytes: ``make setup-vllm``, then ``-m slow``."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import psutil
import pytest

from tests.live import KEY, until, up
from workers.engines.vllm import venv as vllm_venv
from workers.engines.weights import carried

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.skipif(not vllm_venv.python(), reason="run `make setup-vllm` to have vLLM"),
    pytest.mark.skipif(
        not (carried.ROOT / "smollm2").is_dir(), reason="run `make setup-starters` first"
    ),
]

MODEL = "pilotlight/chat"
CAPITAL = [{"role": "user", "content": "What is the capital of France?"}]
PATIENCE_S = 300


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    keep = {"SCALING__KEEP_ALIVE_S": "600"}
    with up(tmp_path_factory.mktemp("vllm"), options=("--starters",), settings=keep) as running:
        yield running


@pytest.fixture
def options(live):
    return {
        "base_url": live.url + "/v1", "api_key": KEY, "max_retries": 0, "timeout": PATIENCE_S
    }  # fmt: skip


@pytest.fixture
def client(options):
    with openai.OpenAI(**options) as made:
        warm = made.chat.completions.create(model=MODEL, messages=CAPITAL, temperature=0)
        assert "Paris" in warm.choices[0].message.content
        yield made


def story(client, number, tokens=64):
    words = f"Tell me a story about {number} ships."
    told = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": words}],
        max_tokens=tokens,
        extra_body={"ignore_eos": True},
    )
    assert told.usage.completion_tokens == tokens
    return tokens


def test_eight_jobs_at_once_are_three_times_as_fast_as_one_after_another(client):
    began = time.perf_counter()
    alone = sum(story(client, n) for n in range(3)) / (time.perf_counter() - began)
    with ThreadPoolExecutor(8) as pool:
        began = time.perf_counter()
        together = sum(pool.map(lambda n: story(client, n), range(16)))
        together /= time.perf_counter() - began

    assert together >= 3 * alone, (
        f"{alone:.1f} tokens a second alone, {together:.1f} with 8 at once"
    )


def test_thirty_two_streams_at_once_keep_order_and_lose_no_token(client, options):
    async def stream(made, number):
        text, tokens, usage, stopped = "", [], None, False
        asked = [{"role": "user", "content": f"Count to {number}, then name {number} birds."}]
        pieces = await made.chat.completions.create(
            model=MODEL, messages=asked, max_tokens=32, stream=True, logprobs=True,
            stream_options={"include_usage": True},
        )  # fmt: skip
        async for piece in pieces:
            usage = piece.usage or usage
            for choice in piece.choices:
                text += choice.delta.content or ""
                tokens += choice.logprobs.content if choice.logprobs else []
                stopped = stopped or choice.finish_reason == "stop"
        return text, [one.token for one in tokens], usage.completion_tokens - stopped

    async def all_of_them():
        async with openai.AsyncOpenAI(**options) as made:
            return await asyncio.gather(*(stream(made, number) for number in range(2, 34)))

    told = asyncio.run(all_of_them())

    for text, tokens, count in told:  # the token that ends a turn has no words
        assert "".join(tokens).replace("\ufffd", "") == text.replace("\ufffd", "")
        assert len(tokens) == count
    assert len({text for text, _, _ in told}) >= 12


def test_a_slow_reader_slows_nobody_else(client):
    slow = client.chat.completions.create(
        model=MODEL, messages=CAPITAL, max_tokens=120, stream=True,
        extra_body={"ignore_eos": True},
    )  # fmt: skip
    assert next(iter(slow)) is not None

    assert story(client, 3) == 64  # while nobody reads the other

    rest = [piece.choices[0] for piece in slow]
    assert rest[-1].finish_reason == "length"


LONG = {"messages": CAPITAL, "max_tokens": 3900, "ignore_eos": True}


def test_a_cancelled_conversation_makes_room_at_once(live, client):
    endpoint = "pilotlight/chat"
    jobs = [live.submit(endpoint, LONG) for _ in range(32)]
    until(
        lambda: all(live.status(endpoint, job)["status"] == "IN_PROGRESS" for job in jobs),
        what="every slot to be taken",
        patience_s=PATIENCE_S,
    )

    for job in jobs:
        live.ask("PUT", f"/queue/{endpoint}/requests/{job}/cancel")

    soon = client.with_options(timeout=30)  # all of theirs would have taken minutes
    assert story(soon, 2, tokens=8) == 8


def engines(live):
    return [
        one
        for one in psutil.Process(live.process.pid).children(recursive=True)
        if one.is_running() and "EngineCore" in " ".join(one.cmdline())
    ]


def test_a_job_outlives_the_engine_under_it(live, client):
    job = live.submit("pilotlight/chat", LONG | {"max_tokens": 400})
    until(
        lambda: live.status("pilotlight/chat", job)["status"] == "IN_PROGRESS",
        what="the job to run",
        patience_s=PATIENCE_S,
    )

    (engine,) = engines(live)
    engine.send_signal(signal.SIGKILL)

    until(
        lambda: live.status("pilotlight/chat", job)["status"] == "COMPLETED",
        what="the job to end",
        patience_s=PATIENCE_S,
    )
    answer = live.ask("GET", f"/queue/pilotlight/chat/requests/{job}")
    assert answer.status == 200, answer
    assert answer.json["usage"]["completion_tokens"] == 400
    assert [one.pid for one in engines(live)] != [engine.pid]


def test_nothing_of_an_engine_is_left_when_its_replica_is_killed(live, client):
    (engine,) = engines(live)
    family = [engine, *engine.children(recursive=True)]
    child = engine.parent()
    replica = child.parent()

    os.kill(replica.pid, signal.SIGKILL)

    until(
        lambda: not any(one.is_running() and one.status() != "zombie" for one in family),
        what="the engine to go with its replica",
        patience_s=60,
    )
