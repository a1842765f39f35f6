"""The models worth a GPU: importable anywhere, and in words that the installed vLLM knows."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pilotlight.catalogue import discover
from tests.live import ROOT
from workers.engines.language.guarding import Guarding
from workers.engines.vllm import venv as vllm_venv
from workers.engines.vllm.engine import as_words
from workers.engines.vllm.served import Pooling, Talking

PACKAGE = "workers.production"
SERVED = {
    name: worker
    for name, worker in discover([PACKAGE]).workers.items()
    if issubclass(worker, Talking | Pooling | Guarding)
}


def test_the_models_are_those_that_callers_name():
    endpoints = {one.id: one.task for worker in SERVED.values() for one in worker.spec.endpoints}

    assert endpoints == {
        "deepseek-ocr-v1": "openai/chat-completion/ocr",
        "deepseek-ocr-v2": "openai/chat-completion/ocr",
        "gpt-oss-20b": "openai/chat-completion",
        "gpt-oss-20b-score": "openai/score",
        "gpt-oss-20b-score-rerank": "openai/rerank",
        "qwen3-0.6b-fp8": "openai/chat-completion",
        "qwen3-0.6b-fp8-score": "openai/score",
        "qwen3-0.6b-fp8-score-rerank": "openai/rerank",
        "qwen3.5-4b": "openai/chat-completion/vision",
        "qwen3.5-9b": "openai/chat-completion/vision",
        "qwen3guard-gen-4b": "openai/chat-completion/moderation",
        "sglang-gpt-oss-20b-embed": "openai/embeddings",
        "sglang-qwen3-0.6b-fp8-embed": "openai/embeddings",
    }


@pytest.mark.parametrize("name", sorted(SERVED))
def test_an_owner_learns_what_it_takes(name):
    worker = SERVED[name]

    assert worker.model.licence in {"Apache-2.0", "MIT"}
    assert worker.spec.gpu_memory_gib == worker.model.gpu_memory_gib > 0
    assert worker.model.words["max_model_len"] == worker.model.context
    assert worker.spec.jobs_per_replica == worker.model.words["max_num_seqs"] > 1


def test_they_are_imported_without_any_heavy_library():
    program = (
        "import sys; from pilotlight.catalogue import discover; discover([sys.argv[1]]);"
        "print({'torch', 'vllm', 'transformers'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, PACKAGE],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert told.stdout.strip() == "set()"


CHECK = """
import json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm.parser import ParserManager
from vllm.tool_parsers import ToolParserManager
from vllm.reasoning import ReasoningParserManager
parser = make_arg_parser(FlexibleArgumentParser())
for words in json.loads(sys.argv[1]):
    args = parser.parse_args(words)
    if args.tool_call_parser:
        assert ToolParserManager.get_tool_parser(args.tool_call_parser)
    if args.structured_outputs_config.reasoning_parser or args.reasoning_parser:
        name = args.reasoning_parser or args.structured_outputs_config.reasoning_parser
        assert ReasoningParserManager.get_reasoning_parser(name)
print("known")
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not vllm_venv.python(), reason="run `make setup-vllm` to have vLLM")
def test_every_argument_is_one_that_the_installed_vllm_takes():
    words = [[one.model.repo, *as_words(one.model.words)] for one in SERVED.values()]

    told = subprocess.run(
        [str(ROOT / vllm_venv.python()), "-c", CHECK, json.dumps(words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert told.stdout.strip().endswith("known"), told.stderr[-2000:]
