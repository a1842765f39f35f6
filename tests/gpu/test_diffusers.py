"""The engine on a real GPU: ``pytest -m gpu tests/gpu``. Tiny twins, so that no weights are needed.

Skipped, with a word, where there is none.
"""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

from pilotlight import OutOfMemory
from tests.workers.shelf import DRAWN, SIDE, Desk, Shelf
from tests.workers.twin_pictures import together

pytestmark = pytest.mark.gpu
NAME = "nunchaku-flux1-schnell"


@pytest.fixture(scope="module", autouse=True)
def _gpu():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here: nothing of tests/gpu was run")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    one = Shelf(tmp_path_factory.mktemp("twins"))
    yield one
    one.close()


def drawn(worker, folder, **fields):
    takes = worker.spec.endpoints[0].input
    sides = {"image_size": {"width": SIDE, "height": SIDE}, "enable_safety_checker": False}
    given = {"prompt": "a red circle", "num_inference_steps": 3, "seed": 5, **sides, **fields}
    desk = Desk(folder, worker.spec.endpoints[0].id)
    return worker.run(takes.model_validate(given), desk)


def pixels(output):
    with Image.open(Path(unquote(urlsplit(output.images[0].url).path))) as picture:
        return np.asarray(picture, int)


@pytest.mark.parametrize(
    "name", [name for name, one in sorted(DRAWN.items()) if hasattr(one, "warm_up")]
)
def test_every_model_lies_on_the_gpu_in_its_own_kind_of_numbers(shelf, name):
    import torch

    if DRAWN[name].model.pipeline in {"QwenImageEditPlusPipeline", "Kandinsky5T2VPipeline"}:
        pytest.importorskip("torchvision", reason="its reader's processor wants torchvision")
    worker = shelf.worker(name)
    pipes = worker.easel.pipes if hasattr(worker, "easel") else worker.pipes

    for part, module in pipes.base.components.items():
        if not isinstance(module, torch.nn.Module):
            continue
        kinds = {one.dtype for one in module.parameters()}
        assert {one.device.type for one in module.parameters()} == {"cuda"}
        wanted = torch.float32 if part in worker.model.full_parts else torch.bfloat16
        assert wanted in kinds


def test_equal_seeds_give_equal_pictures(shelf, tmp_path):
    worker = shelf.worker(NAME)

    assert (pixels(drawn(worker, tmp_path)) == pixels(drawn(worker, tmp_path))).all()


def test_a_parked_model_leaves_the_gpu_to_others_and_comes_back(shelf, tmp_path):
    import torch

    worker = shelf.worker(NAME)
    before = pixels(drawn(worker, tmp_path))
    taken = torch.cuda.memory_allocated()
    worker.park()
    left = torch.cuda.memory_allocated()
    worker.wake()

    assert left < taken
    assert (pixels(drawn(worker, tmp_path)) == before).all()


def test_what_is_too_large_runs_out_of_memory_and_succeeds_with_less(shelf, tmp_path):
    """A real one: the process may have a part of the GPU that the autoencoder's tiles fit into."""
    import torch

    worker = shelf.worker(NAME)
    large = {"image_size": {"width": 2048, "height": 2048}, "num_inference_steps": 1}
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    drawn(worker, tmp_path, **large)
    peak = torch.cuda.max_memory_allocated()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.8 * peak / total)
    try:
        with pytest.raises(OutOfMemory):
            drawn(worker, tmp_path, **large)
        takes = worker.spec.endpoints[0].input
        asked = takes.model_validate({"prompt": "a", "seed": 1, **large,
                                      "enable_safety_checker": False})  # fmt: skip
        spared = worker.run(asked, Desk(tmp_path, NAME, low_memory=True))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)

    assert pixels(spared).shape == (2048, 2048, 3)
    parts = worker.easel.pipes.base.transformer.parameters()
    assert {one.device.type for one in parts} == {"cuda"}  # back where it was


def test_jobs_that_share_a_call_get_what_they_would_alone(shelf, tmp_path):
    worker = shelf.worker(NAME)
    takes = worker.spec.endpoints[0].input

    def job(number, folder):
        (tmp_path / folder).mkdir()
        sides = {"image_size": {"width": SIDE, "height": SIDE}, "enable_safety_checker": False}
        asked = {"prompt": f"a {number}", "seed": number, "num_inference_steps": 3, **sides}
        return takes.model_validate(asked), Desk(tmp_path / folder, NAME)

    shared = together(worker, [job(9, "first"), *(job(n, f"shared-{n}") for n in range(4))])
    alone = [worker.run(*job(n, f"alone-{n}")) for n in range(4)]

    for one, other in zip(shared, alone, strict=True):
        assert np.abs(pixels(one) - pixels(other)).mean() < 2  # bfloat16 in another order


def test_eight_bits_take_less_of_the_gpu_than_sixteen(shelf):
    import torch

    from workers.engines.diffusers.loading import load

    def taken(quantisation):
        gc.collect()  # else what an earlier one left is given back in between
        before = torch.cuda.memory_allocated()
        pipes = load(dataclasses.replace(
            DRAWN["qwen-image-2512"].model, quantisation=quantisation,
            repo=str(shelf.saved("Qwen/Qwen-Image-2512")),
        ))  # fmt: skip
        after = torch.cuda.memory_allocated()
        del pipes
        return after - before

    assert taken("fp8") < taken("bf16")
