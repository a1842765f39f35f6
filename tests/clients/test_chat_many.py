"""Thirty-two conversations at once through one replica, and a reader who takes their time."""

from __future__ import annotations

import asyncio

import openai
import pytest

from tests.live import KEY

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

MODEL = "tests/parrot"
MANY = 32


def story(number, words):
    return " ".join(f"{number}:{n}" for n in range(words))


async def begun(client, number, words, **more):
    """The stream of a story, and its first word."""
    pieces = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": story(number, words)}],
        stream=True,
        stream_options={"include_usage": True},
        extra_body=more,
    )
    async for piece in pieces:
        if piece.choices and piece.choices[0].delta.content:
            return pieces, piece.choices[0].delta.content
    raise AssertionError("a stream without a word")


async def rest(pieces):
    """The other words, why it ended, and how many there were in all."""
    words, reason, usage = [], None, None
    async for piece in pieces:
        usage = piece.usage or usage
        for choice in piece.choices:
            words.append(choice.delta.content or "")
            reason = choice.finish_reason or reason
    return "".join(words), reason, usage.completion_tokens


@pytest.fixture
def client(live):
    return openai.AsyncOpenAI(base_url=live.url + "/v1", api_key=KEY, max_retries=0, timeout=100)


def test_thirty_two_streams_are_in_one_replica_at_once_and_lose_no_word(live, client, tmp_path):
    gate = tmp_path / "gate"

    async def all_of_them():
        async with client:
            numbers = range(MANY)
            began = await asyncio.gather(*(begun(client, n, 60, gate=str(gate)) for n in numbers))
            at_once = len(live.replicas("parrot"))
            gate.touch()  # nobody goes on before all have begun
            ended = await asyncio.gather(*(rest(pieces) for pieces, _ in began))
        return at_once, [first for _, first in began], ended

    at_once, firsts, ended = asyncio.run(all_of_them())

    assert at_once == 1
    for number, (first, (words, reason, count)) in enumerate(zip(firsts, ended, strict=True)):
        assert first + words == story(number, 60)
        assert (reason, count) == ("stop", 60)


def test_who_reads_slowly_slows_nobody_else_and_misses_nothing(client):
    async def two_readers():
        async with client:
            slow, first = await begun(client, 0, 3000)
            quick = [await begun(client, n, 30) for n in range(1, 5)]
            theirs = [begin + (await rest(pieces))[0] for pieces, begin in quick]
            words, reason, count = await rest(slow)  # nobody read it meanwhile
        return theirs, first + words, reason, count

    theirs, words, reason, count = asyncio.run(two_readers())

    assert theirs == [story(n, 30) for n in range(1, 5)]
    assert (words, reason, count) == (story(0, 3000), "stop", 3000)
