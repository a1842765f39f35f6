"""The bench for a GPU says plainly when there is none, and runs from end to end on a processor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.bench.gpu"]


def test_without_a_gpu_it_says_so_and_measures_nothing(tmp_path):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    told = subprocess.run(
        [*COMMAND, "--output", str(tmp_path / "figures.json")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr
    assert "was not run" in told.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_it_measures_everything_it_names(tmp_path):
    output = tmp_path / "figures.json"
    subprocess.run(
        [*COMMAND, "--on-processor", "--passes", "1", "--output", str(output)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip

    found = json.loads(output.read_text())
    assert found["device"] == "processor"
    positive = {"load_s", "load_imports_s", "load_weights_s", "load_warm_up_s", "bare_s", "engine_s",
                "safety_s", "batching_gain", "lora_first_s", "lora_known_s", "safety_share_of_shapes",
                "safety_share_of_text-to-video", "safety_share_of_image-to-video",
                "safety_share_of_speech-to-video"}  # fmt: skip
    assert positive <= set(found)
    assert all(found[name] > 0 for name in positive)
