"""An engine behind HTTP, asked through a real server process: our own, with a model that repeats
what it is told. SGLang's server speaks the same route."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import types

import psutil
import pytest

from pilotlight import InvalidInput, WorkerError
from pilotlight.contracts.tasks.chat import Chat
from pilotlight.errors import ReplicaFailure
from tests.live import ROOT, until
from workers.engines.servers.own_server import OwnServer, _told
from workers.engines.vllm.served import Talking

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Not loaded yet."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PILOTLIGHT_WORKERS", '["workers", "tests.workers.standins"]')
    command = [sys.executable, "-m", "pilotlight.cli", "up", "--port", "{port}", "--dev-key",
               "{key}", "--data", str(tmp_path / "served")]  # fmt: skip
    made = OwnServer(command, model="tests/parrot", jobs=8, healthy="/readyz")
    yield made
    if made._engine is not None:
        made._engine.stop()


def said(words, **more):
    return Chat.model_validate({"messages": [{"role": "user", "content": words}], **more})


async def answer(server, asked, *, live):
    return [told async for told in server.chat(asked, seed=1, live=live)]


def test_a_conversation_goes_there_and_back_whole_and_word_by_word(server, tmp_path):
    gate = tmp_path / "gate"

    async def talk():
        await server.load()
        whole = await answer(server, said("one two three"), live=False)
        pieces = []
        async for told in server.chat(said("a b c", gate=str(gate)), seed=1, live=True):
            pieces.append(told.choices[0].message.content)
            gate.touch()  # the second word waits for the caller to have had the first
        many = [answer(server, said(f"{n} and {n}"), live=True) for n in range(8)]
        return whole, pieces, await asyncio.gather(*many)

    whole, pieces, many = asyncio.run(talk())

    (told,) = whole
    assert told.choices[0].message.content == "one two three"
    assert told.usage.completion_tokens == 3
    assert pieces == ["a", " b", " c", "a b c"]
    assert [one[-1].choices[0].message.content for one in many] == [
        f"{n} and {n}" for n in range(8)
    ]


def test_what_it_refuses_is_the_callers_mistake_and_its_death_is_nobodys(server, tmp_path):
    async def talk():
        await server.load()
        with pytest.raises(InvalidInput, match="no parrots"):
            await answer(server, said("a", refuse="no parrots today"), live=False)
        talking = server.chat(said("a b", gate=str(tmp_path / "never")), seed=1, live=True)
        await anext(talking)
        server._engine._process.send_signal(signal.SIGKILL)
        with pytest.raises(ReplicaFailure, match="the engine died"):
            await anext(talking)

    asyncio.run(talk())


def test_a_server_that_ends_before_it_is_ready_says_so():
    broken = OwnServer([sys.executable, "-c", "raise SystemExit(3)"], model="m", jobs=1)

    with pytest.raises(WorkerError, match="ended before it was ready"):
        asyncio.run(broken.load())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "too long"}}', "too long"),
        (b'{"object": "error", "message": "too long", "param": "messages"}', "too long"),
        (b"Bad Gateway", "Bad Gateway"),
        (b"[1]", "[1]"),
    ],
)
def test_an_error_is_understood_however_it_is_put(body, message):
    assert _told(body)["error"]["message"] == message


HOLDER = """
import asyncio, sys
from workers.engines.servers.own_server import OwnServer
async def hold():
    server = OwnServer([sys.executable, "-c", "import time; time.sleep(600)"], model="m", jobs=1)
    loading = asyncio.ensure_future(server.load())
    while server._engine is None:
        await asyncio.sleep(0.01)
    print(server._engine._process.pid, flush=True)
    await loading
asyncio.run(hold())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a parent's death")
def test_it_ends_with_the_process_that_started_it():
    with psutil.Popen([sys.executable, "-c", HOLDER], stdout=-1, cwd=ROOT) as holder:
        server = psutil.Process(int(holder.stdout.readline()))
        holder.kill()

    until(
        lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE,
        what="the server to go",
    )


def test_the_worker_that_the_page_shows_is_a_worker_behind_sglang():
    page = (ROOT / "docs" / "language.md").read_text()
    (block,) = re.findall(r"```python\n(# workers/qwen3_on_sglang.*?)```", page, re.DOTALL)
    shown = types.ModuleType("shown")
    exec(block, shown.__dict__)

    command = shown.MODEL.command

    assert command[:3] == [".venv-sglang/bin/python", "-m", "sglang.launch_server"]
    assert {
        "--model-path=Qwen/Qwen3-0.6B-FP8", "--host=127.0.0.1", "--port={port}",
        "--api-key={key}", "--context-length=32768", "--max-running-requests=32",
        "--reasoning-parser=qwen3",
    } <= set(command)  # fmt: skip
    assert isinstance(shown.MODEL.engine(), OwnServer)
    assert issubclass(shown.WORKER, Talking)
    assert shown.WORKER.spec.jobs_per_replica == 32
