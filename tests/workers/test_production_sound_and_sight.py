"""The models that hear, speak and see on a GPU: importable anywhere, called as their libraries
take it. What stands where the model would is the library's own words, never the model's sense."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from pilotlight import InvalidInput
from pilotlight.contracts import endpoints as public
from pilotlight.contracts.tasks import shapes
from pilotlight.testing import run_once, stream_once
from tests.live import ROOT
from workers.engines.sight.moondream import PLACES, Moondream
from workers.production import moondream3, qwen3_tts, whisper_large_v3_turbo

np = pytest.importorskip("numpy")
MODULES = (moondream3, qwen3_tts, whisper_large_v3_turbo)


def test_they_are_imported_without_any_heavy_library():
    names = " ".join(module.__name__ for module in MODULES)
    program = (
        "import importlib, sys; [importlib.import_module(one) for one in sys.argv[1].split()];"
        "heavy = {'torch', 'transformers', 'numpy', 'PIL', 'av', 'faster_whisper', 'qwen_tts'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, names], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("module", MODULES, ids=lambda one: one.NAME)
def test_an_owner_learns_what_it_takes(module):
    assert module.REPO.count("/") == 1
    assert module.LICENCE in {"MIT", "Apache-2.0", "BSL 1.1, no service to third parties"}
    assert module.QUANTISATION in {"float16", "bf16"}
    assert module.WORKER.spec.gpu_memory_gib > 0
    assert module.LOADED.get("revision", "") == module.REVISION
    for one in module.WORKER.spec.endpoints:
        if one.task.startswith("openai/"):
            assert (one.input, one.output) == shapes(one.task)


def test_whisper_is_the_repository_and_the_arguments_that_the_installed_library_knows():
    faster_whisper = pytest.importorskip("faster_whisper")
    from faster_whisper.utils import _MODELS

    assert _MODELS["large-v3-turbo"] == whisper_large_v3_turbo.REPO
    loading = inspect.signature(faster_whisper.WhisperModel).parameters
    assert set(whisper_large_v3_turbo.LOADED) <= set(loading)
    hearing = inspect.signature(faster_whisper.BatchedInferencePipeline.transcribe).parameters
    assert {
        "language", "task", "initial_prompt", "temperature", "word_timestamps", "vad_filter",
        "batch_size", "without_timestamps",
    } <= set(hearing)  # fmt: skip


def test_qwens_voices_are_asked_for_as_the_installed_library_takes_it():
    spec = importlib.util.find_spec("qwen_tts")
    if spec is None:
        pytest.skip("qwen-tts is not installed: it pins a transformers of its own")
    source = Path(spec.submodule_search_locations[0]) / "inference" / "qwen3_tts_model.py"
    calls = {
        node.name: {arg.arg for arg in (*node.args.args, *node.args.kwonlyargs)}
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert {"text", "speaker", "instruct"} <= calls["generate_custom_voice"]
    assert "pretrained_model_name_or_path" in calls["from_pretrained"]


class Voice:
    """Stands where the model would: a tone for each sentence."""

    def __init__(self):
        self.asked = []

    def say(self, text, *, voice, manner):
        self.asked.append((text, voice, manner))
        return 0.5 * np.sin(np.arange(12_000) / 10).astype(np.float32)


@pytest.fixture
def qwen():
    worker = qwen3_tts.WORKER()
    worker.load = lambda: None
    worker.engine = Voice()
    return worker


def test_qwen_speaks_sentence_by_sentence_in_the_voice_that_was_asked_for(qwen, tmp_path):
    pytest.importorskip("av")
    asked = {"input": "Good evening. 你好。再见。", "voice": "vivian", "instructions": "softly",
             "response_format": "pcm"}  # fmt: skip

    partials, said = stream_once(qwen, asked, folder=tmp_path)

    assert qwen.engine.asked == [
        ("Good evening.", "Vivian", "softly"), ("你好。", "Vivian", "softly"),
        ("再见。", "Vivian", "softly"),
    ]  # fmt: skip
    assert len(partials) >= 3
    assert said.duration == pytest.approx(3 * 0.5 + 2 * 0.25, abs=0.001)
    with pytest.raises(InvalidInput, match="no voice alloy; use Ryan"):
        run_once(qwen, asked | {"voice": "alloy"}, folder=tmp_path)
    with pytest.raises(InvalidInput, match="nothing in it"):
        run_once(qwen, asked | {"input": "…!"}, folder=tmp_path)


@pytest.mark.parametrize("speed", [0.25, 0.8, 2, 4])
def test_a_model_with_one_speed_is_hurried_and_slowed_at_the_same_pitch(qwen, tmp_path, speed):
    pytest.importorskip("av")
    asked = {"input": "One.", "response_format": "pcm", "speed": speed}

    said = run_once(qwen, asked, folder=tmp_path)

    assert said.duration == pytest.approx(0.5 / speed, rel=0.1)
    samples = np.frombuffer(Path(unquote(urlsplit(said.audio_url).path)).read_bytes(), np.int16)
    crossings = int((np.diff(np.sign(samples)) > 0).sum())
    assert crossings / said.duration == pytest.approx(24_000 / (2 * np.pi * 10), rel=0.1)


class Eyes:
    """Stands where Moondream would, with the calls on its page: one ship, wherever it looks."""

    model = SimpleNamespace(
        tokenizer=SimpleNamespace(encode=lambda text: SimpleNamespace(ids=text.split()))
    )

    def encode_image(self, picture):
        return picture.size

    def detect(self, seen, what):
        return {"objects": [{"x_min": 0.25, "y_min": 0.5, "x_max": 0.75, "y_max": 1.0}]}

    def point(self, seen, what):
        return {"points": [{"x": 0.5, "y": 0.75}]}

    def caption(self, seen, *, length, settings):
        return {"caption": f" A {length} ship. "}

    def query(self, seen, *, question, reasoning, settings):
        return {"answer": "Two.", **({"reasoning": {"text": "I count."}} if reasoning else {})}


@pytest.fixture
def moondream(tmp_path):
    worker = moondream3.WORKER()
    worker.load = lambda: None
    worker.model = Moondream.__new__(Moondream)
    worker.model._model = Eyes()
    url = "https://example.org/sea.png"
    Image.new("RGB", (80, 40), "white").save(tmp_path / "sea.png")

    def ask(endpoint, **asked):
        return run_once(worker, {"image_url": url, **asked}, folder=tmp_path, endpoint=endpoint,
                        files={url: tmp_path / "sea.png"})  # fmt: skip

    return ask


def pixel(image, at):
    with Image.open(unquote(urlsplit(image.url).path)) as opened:
        assert opened.size == (80, 40)
        return opened.getpixel(at)


def test_moondream_speaks_fals_contract_to_the_letter(moondream):
    contract = public.contract("fal-ai/moondream3-preview/detect")
    (mine,) = [one for one in moondream3.WORKER.spec.endpoints if one.id == contract.id]
    assert (mine.input, mine.output) == (contract.input, contract.output)

    found = moondream(contract.id, prompt="the red ship", preview=True)

    (box,) = found.objects
    assert (box.x_min, box.y_min, box.x_max, box.y_max) == (0.25, 0.5, 0.75, 1.0)
    assert pixel(found.image, (20, 30)) == (255, 90, 0)
    usage = found.usage_info
    assert (usage.input_tokens, usage.output_tokens) == (PLACES + 3, 4)
    assert usage.prefill_time_ms == usage.ttft_ms > 0
    assert usage.decode_time_ms > 0
    assert moondream(contract.id, prompt="ship").image is None


def test_moondream_points_says_and_answers(moondream):
    pointed = moondream("moondream3-preview/point", prompt="ship", preview=True)
    assert [(one.x, one.y) for one in pointed.points] == [(0.5, 0.75)]
    assert pixel(pointed.image, (40, 30)) == (255, 90, 0)

    told = moondream("moondream3-preview/caption", length="short")
    assert (told.output, told.usage_info.output_tokens) == ("A short ship.", 3)

    answer = moondream("moondream3-preview/query", prompt="How many ships?")
    assert (answer.output, answer.usage_info.output_tokens) == ("Two.", 3)
    assert answer.usage_info.input_tokens == PLACES + 3
    brief = moondream("moondream3-preview/query", prompt="How many ships?", reasoning=False)
    assert brief.usage_info.output_tokens == 1
