"""The path of a job over the bare engine: ``python -m tests.bench.chat`` (``make bench-chat``).

The same model, the same arguments, the same client, one after the other: the product with vLLM in
a replica, then vLLM's own server. Time to the first streamed token with one caller, tokens a second
with eight.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import openai
import typer

from tests.live import KEY, ROOT, environment, free_port, until, up
from workers.engines.vllm import venv as vllm_venv
from workers.engines.weights import carried
from workers.starters.chat import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 300
WORDS = "Tell me a story about {} ships."
AT_ONCE = 8


@contextlib.contextmanager
def product() -> Iterator[tuple[str, str]]:
    """Its URL, and the model's name there."""
    with (
        tempfile.TemporaryDirectory() as data,
        up(Path(data), options=("--starters",)) as live,
    ):
        yield live.url + "/v1", "pilotlight/chat"


@contextlib.contextmanager
def bare() -> Iterator[tuple[str, str]]:
    """vLLM's own server, as its makers would have it started."""
    port, model = free_port(), str(carried.ROOT / "smollm2")
    command = [
        str(ROOT / vllm_venv.python()), "-m", "vllm.entrypoints.launchers.api_server.entry",
        "--host=127.0.0.1", f"--port={port}", f"--model={model}", f"--max-model-len={WINDOW}",
        "--max-num-seqs=32", "--enforce-eager", "--disable-uvicorn-access-log",
    ]  # fmt: skip
    given = environment(VLLM_CPU_KVCACHE_SPACE="1", HF_HUB_OFFLINE="1", VLLM_NO_USAGE_STATS="1")
    with subprocess.Popen(
        command, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            yield f"http://127.0.0.1:{port}/v1", model
        finally:
            server.terminate()


def answers(url: str) -> bool:
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
        try:
            return bool(client.models.list().data)
        except openai.OpenAIError:
            return False


async def first_token_s(client: openai.AsyncOpenAI, model: str, number: int) -> float:
    began = time.perf_counter()
    pieces = await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": WORDS.format(number)}],
        max_tokens=8, stream=True,
    )  # fmt: skip
    took = 0.0
    async for piece in pieces:
        if not took and piece.choices and piece.choices[0].delta.content:
            took = time.perf_counter() - began
    return took


async def tokens(client: openai.AsyncOpenAI, model: str, number: int) -> int:
    told = await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": WORDS.format(number)}],
        max_tokens=64, extra_body={"ignore_eos": True},
    )  # fmt: skip
    return told.usage.completion_tokens if told.usage else 0


async def measured(url: str, model: str, passes: int) -> tuple[list[float], float]:
    """Seconds to the first token, and tokens a second with eight callers."""
    async with openai.AsyncOpenAI(base_url=url, api_key=KEY, timeout=PATIENCE_S) as client:
        for number in range(3):  # the first ones load the model
            await first_token_s(client, model, number)
        firsts = [await first_token_s(client, model, number) for number in range(passes)]
        began = time.perf_counter()
        made = await asyncio.gather(*(tokens(client, model, n) for n in range(3 * AT_ONCE)))
        return firsts, sum(made) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=30)
    passes = parser.parse_args().passes
    if not vllm_venv.python():
        sys.exit("run `make setup-vllm` first")
    medians = []
    for name, system in (("through Pilotlight", product), ("the engine's own server", bare)):
        with system() as (url, model):
            until(lambda url=url: answers(url), what=name, patience_s=PATIENCE_S)
            firsts, rate = asyncio.run(measured(url, model, passes))
        medians.append(statistics.median(firsts))
        typer.echo(
            f"{name:<24} first token {1000 * medians[-1]:7.1f} ms"
            f" (best {1000 * min(firsts):.1f}), {rate:7.1f} tokens/s with {3 * AT_ONCE} at once"
        )
    typer.echo(f"{'the path of a job':<24} first token {1000 * (medians[0] - medians[1]):+7.1f} ms")


if __name__ == "__main__":
    main()
