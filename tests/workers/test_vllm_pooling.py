"""Texts as points, orders and scores through vLLM, beside the same model through transformers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.live import ROOT
from workers.engines.vllm import venv as vllm_venv
from workers.engines.weights import carried

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not vllm_venv.python(), reason="run `make setup-vllm` to have vLLM"),
    pytest.mark.skipif(
        not (carried.ROOT / "minilm").is_dir(), reason="run `make setup-starters` first"
    ),
]

ASKED = "A young cat naps on the couch."
SENTENCES = ["The central bank raised interest rates.", "A kitten sleeps on the sofa."]
PROGRAM = """
import asyncio, json, sys, tempfile
from pathlib import Path
from pilotlight import InvalidInput
from pilotlight.contracts.tasks.embeddings import Embed
from pilotlight.contracts.tasks.ranking import Rerank, Score
from workers.engines.vllm.engine import Vllm

async def ask(folder, asked, sentences):
    engine = Vllm(folder, runner="pooling", enforce_eager=True, dtype="float32")
    await engine.load(memory_gib=1)
    told = {
        "points": (await engine.embed(Embed(input=[asked, *sentences]))).model_dump(),
        "order": (await engine.rerank(Rerank(model="m", query=asked, documents=sentences,
                                             top_n=1))).model_dump(),
        "scores": (await engine.score(Score(model="m", text_1=asked,
                                            text_2=sentences))).model_dump(),
    }
    try:
        await engine.embed(Embed(input="a", dimensions=7))
    except InvalidInput as error:
        told["refused"] = error.problems[0].loc
    (place,) = Path(tempfile.gettempdir()).glob("pilotlight-vllm-*")
    told["sockets"] = [one.is_socket() for one in place.iterdir()]
    print("told " + json.dumps(told), flush=True)
    await engine.close()

if __name__ == "__main__":
    asyncio.run(ask(*json.loads(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    program = tmp_path_factory.mktemp("pooling") / "program.py"
    temporary = tempfile.mkdtemp()  # not pytest's: a socket's path is short
    program.write_text(PROGRAM)
    asked = json.dumps([str(carried.ROOT / "minilm"), ASKED, SENTENCES])
    ran = subprocess.run(
        [str(ROOT / vllm_venv.python()), str(program), asked],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "TMPDIR": temporary},
    )  # fmt: skip
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("told ")] or [""]
    assert line, ran.stderr[-3000:]
    left = [one.name for one in Path(temporary).iterdir()]
    shutil.rmtree(temporary)
    return {**json.loads(line[5:]), "left": left}


def test_the_points_are_those_of_transformers(told):
    from workers.engines.language.sentences import Sentences

    expected = Sentences(carried.ROOT / "minilm").points([ASKED, *SENTENCES])[0]

    for one, row in zip(told["points"]["data"], expected.tolist(), strict=True):
        assert one["embedding"] == pytest.approx(row, abs=2e-3)
    assert told["points"]["usage"]["prompt_tokens"] > 15


def test_the_nearest_sentence_comes_first_and_scores_highest(told):
    (best,) = told["order"]["results"]
    assert (best["index"], best["document"]["text"]) == (1, SENTENCES[1])
    far, near = (one["score"] for one in told["scores"]["data"])
    assert near > far + 0.3


def test_dimensions_that_a_model_was_not_taught_are_refused_by_name(told):
    assert told["refused"] == ["body", "dimensions"]


def test_its_sockets_lie_in_a_folder_of_its_own_and_go_with_it(told):
    assert told["sockets"]
    assert all(told["sockets"])
    assert not [one for one in told["left"] if re.fullmatch("pilotlight.*|[0-9a-f-]{36}", one)]
