"""Jobs that share a call, on a model that draws something: the starter's own weights."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from tests.workers.shelf import Desk
from tests.workers.test_diffusers_engine import path_of, pixels, together
from training.shapes.drawing import COLOURS
from training.shapes.reading import read
from workers.engines.diffusers_contracts import spec, task
from workers.engines.diffusers_declared import Diffused, Limits, Way
from workers.engines.diffusers_pictures import Painting
from workers.shapes import SIDE, WEIGHTS

NAME = "shapes-together"
MODEL = Diffused(
    repo=str(WEIGHTS), licence="Apache-2.0", pipeline="FluxPipeline", gpu_memory_gib=0,
    batch=Limits(cost=1.0, megapixels=0.05), jobs=4,
)  # fmt: skip
DRAW = Way(
    pipeline="FluxPipeline", steps=8, guidance=3.0, guidance_as="true_cfg_scale", negative=True,
    size=(SIDE, SIDE), more={"prompt_2": " ", "max_sequence_length": 8, "guidance_scale": 0.0},
)  # fmt: skip
SERVES = (task(NAME, "fal/text-to-image", DRAW),)
PROMPTS = ["a red circle on a white background", "a blue square on a yellow background",
           "a green triangle on a black background", "a yellow star on a blue background"]  # fmt: skip


class Together(Painting):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec(NAME, MODEL, SERVES)


@pytest.fixture(scope="module")
def worker():
    worker = Together()
    worker.load()
    yield worker
    worker.close()


def test_four_jobs_of_one_call_get_what_each_of_them_asked_for(worker, tmp_path):
    takes, calls = worker.spec.endpoints[0].input, []
    decoder = worker.easel.pipes.base.vae.decoder
    counted = decoder.register_forward_pre_hook(lambda _m, given: calls.append(len(given[0])))

    def job(number, folder):
        (tmp_path / folder).mkdir()
        asked = takes(prompt=PROMPTS[number % 4], seed=70 + number, enable_safety_checker=False)
        return asked, Desk(tmp_path / folder, NAME)

    shared = together(worker, [job(3, "first"), *(job(n, f"shared-{n}") for n in range(4))])
    alone = [worker.run(*job(n, f"alone-{n}")) for n in range(4)]
    counted.remove()

    assert calls == [1, 4, 1, 1, 1, 1]
    for number, (one, other) in enumerate(zip(shared, alone, strict=True)):
        # The same noise and the same words: a batch adds its numbers in another order, no more.
        assert np.abs(pixels(one) - pixels(other)).max() <= 2
        with Image.open(path_of(one.images[0])) as picture:
            seen, meant = read(picture.convert("RGB")), PROMPTS[number].split()
        names = list(COLOURS)
        assert names[seen.things[0].colour] == meant[1]
        assert names[seen.background] == meant[5]


def test_a_large_job_goes_in_calls_that_are_no_larger_than_said(worker, tmp_path):
    takes, calls = worker.spec.endpoints[0].input, []
    decoder = worker.easel.pipes.base.vae.decoder
    counted = decoder.register_forward_pre_hook(lambda _m, given: calls.append(len(given[0])))
    asked = takes(prompt=PROMPTS[0], seed=1, num_images=10, enable_safety_checker=False)

    output = worker.run(asked, Desk(tmp_path, NAME))
    counted.remove()

    assert len(output.images) == 10
    assert calls == [5, 5]  # 96 x 96 pixels are 0.0092 megapixels: five of them are 0.046
