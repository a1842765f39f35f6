"""Moondream's worker as it is, through transformers, with a very small repository of the same shape:
code of its own, weights as safetensors."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from PIL import Image  # noqa: E402 - what is optional is asked for first
from safetensors.torch import save_file  # noqa: E402

from pilotlight.testing import run_once  # noqa: E402
from tests.live import ROOT  # noqa: E402
from workers.engines.sight.moondream import PLACES  # noqa: E402
from workers.production import moondream3  # noqa: E402

CODE = ROOT / "tests" / "workers" / "moondream_twin" / "hf_moondream.py"
URL = "https://example.org/sea.png"
DETECT = "fal-ai/moondream3-preview/detect"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Where the worker looks for it, on a machine without a GPU."""
    folder = tmp_path / "moondream"
    folder.mkdir()
    shutil.copy(CODE, folder)
    names = {"AutoConfig": "hf_moondream.HfConfig",
             "AutoModelForCausalLM": "hf_moondream.HfMoondream"}  # fmt: skip
    config = {"architectures": ["HfMoondream"], "model_type": "moondream3", "auto_map": names}
    (folder / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(
        "transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules")
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(moondream3, "REPO", str(folder))
    loaded = {**moondream3.LOADED, "device_map": {"": "cpu"}}
    monkeypatch.setattr(moondream3, "LOADED", loaded)
    return folder


def weights():
    torch.manual_seed(0)
    parts = {
        "vision": torch.nn.Conv2d(3, 16, 8),
        "words": torch.nn.Embedding(8, 16),
        "region": torch.nn.Linear(16, 4),
        "head": torch.nn.Linear(16, 8),
    }
    return {
        f"model.{part}.{name}": value.detach().bfloat16()
        for part, layer in parts.items()
        for name, value in layer.state_dict().items()
    }


@pytest.fixture
def ask(repository, tmp_path):
    save_file(weights(), repository / "model.safetensors", {"format": "pt"})
    Image.new("RGB", (80, 40), (200, 30, 30)).save(tmp_path / "sea.png")
    worker = moondream3.WORKER()
    worker.load()

    def asked(endpoint, **more):
        return run_once(worker, {"image_url": URL, **more}, folder=tmp_path, endpoint=endpoint,
                        files={URL: tmp_path / "sea.png"})  # fmt: skip

    asked.model = worker.model._model
    return asked


def test_it_is_loaded_in_sixteen_bits_from_the_repositorys_own_code(ask):
    assert type(ask.model).__module__.endswith("hf_moondream")
    assert {one.dtype for one in ask.model.parameters()} == {torch.bfloat16}
    for name, value in ask.model.state_dict().items():
        assert torch.equal(value, weights()[name]), name
    assert ask.model.compiled


def test_what_it_finds_is_told_as_fals_contract_has_it(ask):
    found = ask(DETECT, prompt="red ship", preview=True)

    (box,) = found.objects
    assert 0 <= box.x_min < box.x_max <= 1
    assert 0 <= box.y_min < box.y_max <= 1
    assert found.usage_info.input_tokens == PLACES + 2
    assert found.image is not None
    assert ask(DETECT, prompt="red ship").objects == [box]
    assert ask(DETECT, prompt="sun").objects != [box]
    (point,) = ask("moondream3-preview/point", prompt="red ship").points
    assert 0 <= point.x <= 1


def test_its_words_and_its_thoughts_are_counted(ask):
    told = ask("moondream3-preview/caption", length="short")
    assert len(told.output.split()) == told.usage_info.output_tokens == 2

    answer = ask("moondream3-preview/query", prompt="two red ship")
    assert (len(answer.output.split()), answer.usage_info.output_tokens) == (1, 1 + 3)
    assert answer.usage_info.input_tokens == PLACES + 3


def test_weights_as_a_pickle_are_not_read(repository):
    torch.save(weights(), repository / "pytorch_model.bin")

    with pytest.raises(OSError, match="safetensors"):
        moondream3.WORKER().load()
