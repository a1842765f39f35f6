"""What the vLLM engine is made of, without vLLM: the interpreter, the loop, the server asked
in this process, the words it says."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel

from pilotlight import Endpoint, Worker, WorkerSpec
from pilotlight.errors import ReplicaFailure, SettingsError
from pilotlight.execution import child_run
from pilotlight.execution.child_process import child_argv
from pilotlight.testing import run_once
from tests.live import ROOT, until
from workers.engines.servers.in_process import BrokeOff, post
from workers.engines.vllm.turns import Heard, chunks, whole


def test_a_child_runs_in_the_interpreter_that_its_worker_names(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)

    assert child_argv("chat", ["workers"])[0] == sys.executable
    assert child_argv("chat", ["workers"], python="other/python")[0] == str(
        tmp_path / "other" / "python"
    )
    with pytest.raises(SettingsError, match=r"chat runs in gone/python, which is not in"):
        child_argv("chat", ["workers"], python="gone/python")


def test_a_pooled_worker_cannot_have_an_interpreter_of_its_own():
    facts = Loops.spec.model_dump() | {"endpoints": Loops.spec.endpoints}

    with pytest.raises(ValueError, match="a pooled worker runs in its pool's interpreter"):
        WorkerSpec(**facts | {"pool": "small", "python": "other/python"})


class Anything(BaseModel):
    same: bool = False


class Loops(Worker[Anything, Anything]):
    spec: ClassVar = WorkerSpec(
        name="loops",
        endpoints=(Endpoint(id="a/loops", task="a/loops", input=Anything, output=Anything),),
        gpu_memory_gib=0,
    )

    async def load(self):
        self.loop = asyncio.get_running_loop()

    async def run(self, job_input, context):
        return Anything(same=self.loop is asyncio.get_running_loop())


def test_an_async_load_runs_on_the_loop_of_the_jobs(tmp_path):
    assert run_once(Loops, {}, folder=tmp_path).same


def test_a_worker_that_gives_its_process_up_is_believed():
    failure, spent = child_run.failure_of(ReplicaFailure("the engine died"))

    assert spent
    assert failure.retryable


INNER = """
import signal
from pilotlight.execution.child_run import outlive_nobody
outlive_nobody()
print("ready", flush=True)
signal.pause()
"""
OUTER = """
import signal, subprocess, sys
inner = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
inner.stdout.readline()
print(inner.pid, flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a parent's death")
def test_a_process_that_a_library_spawned_ends_with_its_parent():
    command = [sys.executable, "-c", OUTER, INNER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as outer:
        spawned = Path(f"/proc/{int(outer.stdout.readline())}/stat")
        assert spawned.exists()
        outer.kill()

    def gone():
        try:
            return spawned.read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    until(gone, what="the spawned process to end")


async def told(app, path="/v1/say", document=None):
    async with post(app, path, document or {}) as reply:
        return reply.status, json.loads(await reply.body())


def test_a_server_is_asked_without_a_socket():
    async def app(scope, receive, send):
        body = (await receive())["body"]
        answer = {"path": scope["path"], "method": scope["method"], "heard": json.loads(body)}
        await send({"type": "http.response.start", "status": 201, "headers": []})
        for half in (json.dumps(answer)[:10], json.dumps(answer)[10:]):
            await send({"type": "http.response.body", "body": half.encode(), "more_body": True})
        await send({"type": "http.response.body"})

    assert asyncio.run(told(app, document={"a": 1})) == (
        201,
        {"path": "/v1/say", "method": "POST", "heard": {"a": 1}},
    )


def test_leaving_ends_the_request_at_once():
    ended = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            ended.append(True)
            raise

    async def listen():
        async with post(app, "/", {}) as reply:
            async for _ in reply.pieces:
                break
        return list(ended)

    assert asyncio.run(listen()) == [True]


def test_an_application_is_told_that_its_client_has_left():
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("the work")
            raise

    async def app(scope, receive, send):
        await receive()
        works, leaves = asyncio.ensure_future(work()), asyncio.ensure_future(receive())
        await asyncio.wait({works, leaves}, return_when=asyncio.FIRST_COMPLETED)
        ended.append(leaves.result()["type"])
        works.cancel()

    async def ask():
        asking = asyncio.ensure_future(told(app))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking})
        await asyncio.sleep(0)

    asyncio.run(ask())
    assert ended == ["http.disconnect", "the work"]


@pytest.mark.parametrize("begun", [False, True])
def test_an_answer_that_breaks_off_is_no_answer(begun):
    async def app(scope, receive, send):
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("the roof fell in")

    with pytest.raises(BrokeOff, match="the roof fell in"):
        asyncio.run(told(app))


def events(*documents):
    async def pieces():
        for document in documents:
            line = f"data: {json.dumps(document)}\n\n".encode()
            yield line[:7]
            yield line[7:]
        yield b"data: [DONE]\n\n"

    async def read():
        return [one async for one in chunks(pieces())]

    return asyncio.run(read())


def said(delta, index=0, **more):
    return {"choices": [{"index": index, "delta": delta, **more}]}


def test_news_say_where_they_begin_and_the_whole_has_everything():
    heard = Heard()
    likely = {"content": [{"token": "A", "logprob": -1}]}
    news = [
        heard.add(chunk)
        for chunk in events(
            said({"role": "assistant", "content": ""}),
            said({"reasoning": "hm"}),
            said({"content": "A"}, logprobs=likely),
            said({"content": "b"}, index=1),
            said({"content": "c"}, finish_reason="length"),
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        )
    ]

    told = [one.choices[0] for one in news if one is not None]
    assert [one.message.content for one in told] == ["", "A", "b", "c"]
    assert [one.since.content for one in told] == [0, 0, 0, 1]
    assert (told[-1].since.reasoning_content, told[-1].since.logprobs) == (2, 1)
    first, second = heard.whole().choices
    assert (first.message.content, first.message.reasoning_content) == ("Ac", "hm")
    assert (first.finish_reason, first.logprobs["content"]) == ("length", likely["content"])
    assert second.message.content == "b"
    assert heard.whole().usage.prompt_tokens == 3


def test_the_likelihood_of_half_a_character_waits_for_the_other_half():
    heard = Heard()

    def one(text, token):
        return said({"content": text}, logprobs={"content": [{"token": token, "logprob": -1}]})

    heard.add(one("a", "a"))
    assert heard.add(one("", "\\xf0")) is None
    (choice,) = heard.add(one("b", "\\x9f")).choices

    assert choice.since.logprobs == 1
    assert [token["token"] for token in choice.logprobs["content"]] == ["\\xf0", "\\x9f"]


def test_a_call_of_a_tool_is_put_together():
    heard = Heard()
    call = {"index": 0, "id": "call-1", "function": {"name": "f", "arguments": '{"a"'}}
    heard.add(said({"tool_calls": [call]}))
    heard.add(said({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}))

    (choice,) = heard.whole().choices
    (made,) = choice.message.tool_calls
    assert (made.id, made.function.name, json.loads(made.function.arguments)) == (
        "call-1",
        "f",
        {"a": 1},
    )
    assert choice.message.content is None


def test_a_reply_that_came_at_once_is_the_same_conversation():
    document = {
        "choices": [
            {"index": 0, "message": {"content": "Paris."}, "finish_reason": "stop"},
            {"index": 1, "message": {"content": "Lyon."}, "finish_reason": "length"},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }

    told = whole(document)

    assert [one.message.content for one in told.choices] == ["Paris.", "Lyon."]
    assert [one.finish_reason for one in told.choices] == ["stop", "length"]
    assert told.usage.total_tokens == 5


def test_the_interpreter_is_named_only_where_it_is_ready():
    from workers.engines.vllm import venv as vllm_venv

    named = vllm_venv.python()
    ready = Path(".venv-vllm/.ready").is_file()
    assert named == (".venv-vllm/bin/python" if ready and not vllm_venv.here() else "")
