"""What the path of a job costs beside vLLM's own server, on a GPU: tokens a second and the first one.

``pip install '.[http,vllm]'`` on a machine with CUDA, then ``pytest -m gpu tests/gpu``. The weights
of Qwen3-0.6B come from the hub at the first run.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import statistics
import subprocess
import sys
import time

import openai
import pytest
import typer

from tests.bench.chat import answers, first_token_s
from tests.live import KEY, environment, free_port, until, up
from workers.engines.vllm import venv as vllm_venv
from workers.engines.vllm.engine import as_words
from workers.production import qwen3_0_6b_fp8

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(1800),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.skipif(
        shutil.which("nvidia-smi") is None, reason="no CUDA device: nvidia-smi is not here"
    ),
    pytest.mark.skipif(
        not vllm_venv.here(), reason="no vLLM in this environment: pip install '.[http,vllm]'"
    ),
]

MODEL = qwen3_0_6b_fp8.MODEL
ENDPOINT = "qwen3-0.6b-fp8"
PATIENCE_S = 900
AT_ONCE, TOKENS, PASSES = 32, 256, 40


@contextlib.contextmanager
def product(folder):
    settings = {"WORKERS": '["workers.production"]', "SCALING__KEEP_ALIVE_S": "600"}
    with up(folder, settings=settings) as live:
        yield live.url + "/v1", ENDPOINT


@contextlib.contextmanager
def bare():
    port = free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.launchers.api_server.entry",
               "--host=127.0.0.1", f"--port={port}", f"--model={MODEL.repo}",
               "--disable-uvicorn-access-log", *as_words(MODEL.words)]  # fmt: skip
    server = subprocess.Popen(command, env=environment(VLLM_NO_USAGE_STATS="1"))
    try:
        yield f"http://127.0.0.1:{port}/v1", MODEL.repo
    finally:
        server.terminate()
        server.wait(60)


async def story(client, model, number):
    told = await client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": f"Tell me a story about {number} ships."}],
        max_tokens=TOKENS,
        extra_body={"ignore_eos": True},
    )
    return told.usage.completion_tokens


async def measured(url, model):
    """(median ms to the first token of one caller, tokens a second of many)."""
    async with openai.AsyncOpenAI(base_url=url, api_key=KEY, timeout=PATIENCE_S) as client:
        await asyncio.gather(*(story(client, model, n) for n in range(AT_ONCE)))  # warm
        firsts = [await first_token_s(client, model, n) for n in range(PASSES)]
        began = time.perf_counter()
        made = await asyncio.gather(*(story(client, model, n) for n in range(4 * AT_ONCE)))
        rate = sum(made) / (time.perf_counter() - began)
    return 1000 * statistics.median(firsts), rate


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    found = {}
    for name, system in (("product", product(tmp_path_factory.mktemp("gpu"))), ("bare", bare())):
        with system as (url, model):
            until(lambda url=url: answers(url), what=name, patience_s=PATIENCE_S)
            found[name] = asyncio.run(measured(url, model))
    device = subprocess.run(
        ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    for name, (first_ms, rate) in found.items():
        typer.echo(f"{device}: {name:<8} first token {first_ms:6.1f} ms, {rate:8.0f} tokens/s")
    return found


def test_the_path_of_a_job_costs_at_most_two_percent_of_the_tokens(figures):
    assert figures["product"][1] >= 0.98 * figures["bare"][1], figures


def test_the_first_token_comes_within_thirty_milliseconds_of_the_engines_own(figures):
    assert figures["product"][0] <= figures["bare"][0] + 30, figures
