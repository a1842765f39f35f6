"""What vLLM says of a prompt, and what it is told to be, without vLLM: its words are those of
version 0.32 (``renderers/params.py``, ``sampling_params.py``, ``exception_handling``)."""

from __future__ import annotations

import asyncio
import json
import os
from types import SimpleNamespace

import pytest

from pilotlight import InvalidInput, WorkerError
from pilotlight.contracts.tasks.chat import Chat
from pilotlight.contracts.tasks.embeddings import Embed
from pilotlight.contracts.tasks.ranking import Rerank
from workers.engines.vllm.engine import Vllm

TOO_LONG = (
    "This model's maximum context length is 4096 tokens. However, your prompt contains at least "
    "4097 input tokens, which exceeds this limit even without any output tokens. Please reduce the "
    "length of the input prompt. (parameter=input_tokens, value=4097)"
)
TOO_MANY = (
    "'max_tokens' or 'max_completion_tokens' is too large: 9000. This model's maximum context "
    "length is 4096 tokens and your request has 12 input tokens"
)
CHAT = Chat.model_validate({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 9000})


def engine(message, param):
    async def refuses(_scope, _receive, send):
        error = {"message": message, "type": "BadRequestError", "param": param, "code": 400}
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps({"error": error}).encode()})

    made = Vllm("a/model")
    made._app, made._engine = refuses, SimpleNamespace(errored=False)
    return made


async def talk(made):
    return [told async for told in made.chat(CHAT, seed=1, live=False)]


@pytest.mark.parametrize(
    ("ask", "message", "param", "field"),
    [
        (talk, TOO_LONG, "input_tokens", "messages"),
        (talk, TOO_LONG, "input_text", "messages"),
        (talk, TOO_LONG, None, "messages"),
        (talk, TOO_MANY, "max_tokens", "max_tokens"),
        (lambda made: made.embed(Embed(input="hello")), TOO_LONG, "input_tokens", "input"),
        (
            lambda made: made.rerank(Rerank(model="m", query="a", documents=["b"])),
            TOO_LONG, "input_tokens", "documents",
        ),
    ],
)  # fmt: skip
def test_a_prompt_that_is_too_long_is_told_as_openai_tells_it(ask, message, param, field):
    with pytest.raises(InvalidInput, match="maximum context length") as refused:
        asyncio.run(ask(engine(message, param)))

    (problem,) = refused.value.problems
    assert problem.type == "context_length_exceeded"
    assert problem.loc == ("body", field)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "no such grammar", "code": 400}, InvalidInput),
        ({"message": "out of memory", "code": "server_error"}, WorkerError),
        ({"message": "out of memory", "code": None}, WorkerError),
        ("out of memory", WorkerError),
    ],
)
def test_an_error_in_the_middle_is_told_however_it_is_put(error, kind):
    begun = {"choices": [{"index": 0, "delta": {"content": "He"}}], "error": None}
    lines = "".join(f"data: {json.dumps(one)}\n\n" for one in (begun, {"error": error}))

    async def breaks(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": lines.encode()})

    made = Vllm("a/model")
    made._app, made._engine = breaks, SimpleNamespace(errored=False)

    async def listen():
        said = made.chat(CHAT, seed=1, live=True)
        first = await anext(said)
        with pytest.raises(kind, match=r"no such grammar|out of memory"):
            await anext(said)
        return first.choices[0].message.content

    assert asyncio.run(listen()) == "He"


def test_the_librarys_settings_are_the_owners_where_they_chose(monkeypatch):
    chosen = {"VLLM_LOGGING_LEVEL": "DEBUG", "VLLM_NO_USAGE_STATS": "", "VLLM_RPC_BASE_PATH": ""}
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VLLM_WORKER_MULTIPROC_METHOD", "")
    monkeypatch.delenv("VLLM_WORKER_MULTIPROC_METHOD")

    with pytest.raises(ModuleNotFoundError, match="vllm"):  # by then they are made
        asyncio.run(Vllm("a/model").load())

    settings = os.environ  # noqa: TID251 - the library's
    assert settings["VLLM_LOGGING_LEVEL"] == "DEBUG"
    assert settings["VLLM_WORKER_MULTIPROC_METHOD"] == "spawn"
    assert "pilotlight-vllm-" in settings["VLLM_RPC_BASE_PATH"]
