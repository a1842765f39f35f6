"""The guard model's worker as it is, through the real vLLM, with a tiny model of the same class."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.live import ROOT
from workers.engines.vllm import venv as vllm_venv

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not vllm_venv.python(), reason="run `make setup-vllm` to have vLLM"),
]

PROGRAM = """
import dataclasses, sys, tempfile
from pathlib import Path
from pilotlight.testing import run_once
from workers.production.qwen3guard_gen_4b import MODEL, WORKER

class Tiny(WORKER):
    model = dataclasses.replace(MODEL, repo=sys.argv[1], revision="", context=256, jobs=4,
                                arguments={"dtype": "float32", "enforce_eager": True})

if __name__ == "__main__":
    talk = [{"role": "user", "content": "we cut bread"}, {"role": "user", "content": "a knife"}]
    asked = {"input": ["the knife with a red house", "soft bread for dinner"], "messages": talk}
    told = run_once(Tiny, asked, folder=Path(tempfile.mkdtemp()))
    print("told " + told.model_dump_json(), flush=True)
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    pytest.importorskip("transformers")
    from tests.workers.tiny_guard import taught

    folder = tmp_path_factory.mktemp("guard")
    program = folder / "program.py"
    program.write_text(PROGRAM)
    ran = subprocess.run(
        [str(ROOT / vllm_venv.python()), str(program), str(taught(folder / "model"))],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "VLLM_CPU_KVCACHE_SPACE": "1"},
    )  # fmt: skip
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("told ")] or [""]
    assert line, ran.stderr[-3000:]
    return json.loads(line[5:])["results"]


def test_what_it_writes_is_read_as_categories(judged):
    assert [one["flagged"] for one in judged] == [True, False, True]
    for one in judged:
        named = {name for name, flag in one["categories"].items() if flag}
        assert named == ({"violence"} if one["flagged"] else set())


def test_the_scores_are_the_chances_that_the_engine_gave(judged):
    knife, bread, _ = (one["category_scores"] for one in judged)

    assert 0.5 < knife["violence"] < 1, "a chance of its own, not the label's 1"
    assert set(bread.values()) == {0.0}
