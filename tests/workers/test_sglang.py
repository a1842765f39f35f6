"""The worker that docs/language.md shows, as it stands there, beside a server process that has
SGLang's command line and speaks its wire: what is missing is the model."""

from __future__ import annotations

import asyncio
import dataclasses
import http.client
import re
import sys
import types

import pytest

from pilotlight import InvalidInput, WorkerError
from pilotlight.contracts.tasks.chat import Chat
from pilotlight.testing import run_once, stream_once
from tests.live import ROOT, until

pytestmark = pytest.mark.timeout(180)
STAGE = ROOT / "tests" / "workers" / "sglang_stage"


@pytest.fixture(scope="module")
def worker():
    page = (ROOT / "docs" / "language.md").read_text()
    (block,) = re.findall(r"```python\n(# workers/qwen3_on_sglang.*?)```", page, re.DOTALL)
    shown = types.ModuleType("shown")
    exec(block, shown.__dict__)
    made = shown.WORKER()
    made.model = dataclasses.replace(made.model, python=sys.executable, revision="0" * 40)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(STAGE))
        asyncio.run(made.load())
    yield made
    asyncio.run(made.engine.close())


def said(words, **more):
    return {"messages": [{"role": "user", "content": words}], **more}


def test_it_is_started_with_its_options_and_answers_at_once_and_word_by_word(worker, tmp_path):
    whole = run_once(worker, said("good evening"), folder=tmp_path)
    partials, streamed = stream_once(worker, said("good evening"), folder=tmp_path)

    for told in (whole, streamed):
        (choice,) = told.choices
        assert choice.message.content == "good evening"
        assert choice.message.reasoning_content == "Hm."
        assert choice.finish_reason == "stop"
        assert (told.usage.prompt_tokens, told.usage.completion_tokens) == (7, 2)
    pieces = [one["choices"][0]["message"] for one in partials[:-1]]  # the last one is whole
    assert [one["reasoning_content"] for one in pieces if one["reasoning_content"]] == ["Hm."]
    assert [one["content"] for one in pieces if one["content"]] == ["good", " evening"]


def test_a_tool_is_called(worker, tmp_path):
    tools = [{"type": "function", "function": {"name": "light", "parameters": {}}}]

    _, told = stream_once(worker, said("now", tools=tools), folder=tmp_path)

    (choice,) = told.choices
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "light", "{}")


def test_what_it_refuses_is_the_callers_and_what_breaks_is_not(worker, tmp_path):
    with pytest.raises(InvalidInput, match="longer than the model's context"):
        run_once(worker, said("too long"), folder=tmp_path)
    with pytest.raises(WorkerError, match="out of memory"):
        stream_once(worker, said("breaks"), folder=tmp_path)


def test_an_answer_that_was_broken_off_is_not_told_as_a_whole_one(worker, tmp_path):
    with pytest.raises(WorkerError, match="broke the answer off"):
        stream_once(worker, said("aborts"), folder=tmp_path)


def test_a_cancel_is_heard_there(worker, tmp_path):
    left = tmp_path / "left"

    async def leave():
        chat = Chat.model_validate(said(f"forever {left}"))
        talking = worker.engine.chat(chat, seed=1, live=True)
        await anext(talking)
        await talking.aclose()

    asyncio.run(leave())
    until(left.exists, what="the server to notice")


def test_nobody_else_can_ask_it(worker):
    line = http.client.HTTPConnection("127.0.0.1", worker.engine._port, timeout=30)
    line.request("POST", "/v1/chat/completions", "{}", {"Authorization": "Bearer guessed"})

    assert line.getresponse().status == 401
    line.close()
