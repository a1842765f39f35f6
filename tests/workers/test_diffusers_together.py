"""Jobs that share a call of the pipeline, on tiny twins of the real classes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pilotlight import Cancelled
from tests.workers.shelf import Desk
from tests.workers.twin_pictures import (
    KREA,
    SMALL,
    URL,
    batch_sizes,
    full,
    hooked,
    pixels,
    together,
)


@pytest.fixture
def jobs(shelf, tmp_path):
    name = "nunchaku-flux1-schnell"
    worker = shelf.worker(name)
    takes = worker.spec.endpoints[0].input

    def made(number, **fields):
        folder = tmp_path / str(number)
        folder.mkdir()
        given = {"prompt": f"a red circle {number}", "num_inference_steps": 3, "seed": 40 + number}
        return takes.model_validate(given | SMALL | fields), Desk(folder, name)

    made.worker = worker
    return made


def test_four_jobs_that_are_alike_are_one_call_and_each_gets_its_own_picture(jobs):
    worker, sizes, decoded = jobs.worker, [], []
    transformer, vae = worker.easel.pipes.base.transformer, worker.easel.pipes.base.vae

    handle = batch_sizes(transformer, sizes)
    with hooked(vae.decoder, lambda _module, words: decoded.append(len(words[0]))):
        shared = together(worker, [jobs(number) for number in range(5)])
    handle.remove()
    alone = [worker.run(*jobs(10 + number, prompt=f"a red circle {number}", seed=40 + number))
             for number in range(1, 5)]  # fmt: skip

    assert sizes == [1] * 3 + [4] * 3
    assert decoded == [1] * 5  # decoding takes the most memory, and is no faster for several
    for one, other in zip(shared, alone, strict=True):
        assert one.seed == other.seed
        assert np.abs(pixels(one) - pixels(other)).max() <= 1
    assert len({pixels(one).tobytes() for one in shared}) == 4


def test_jobs_with_the_same_adaptation_share_a_call_wherever_their_copies_lie(
    shelf, lora, tmp_path
):
    worker, sizes = shelf.worker("flux-krea-lora"), []
    takes = worker.spec.endpoints[0].input
    one, other = lora(21), lora(22)

    def job(number, file):
        folder = tmp_path / str(number)
        folder.mkdir()
        copy = shutil.copy(file, folder / "lora.safetensors")
        asked = takes(prompt="a", num_inference_steps=2, loras=[{"path": URL}], **SMALL)
        return asked, Desk(folder, KREA, files={URL: Path(copy)})

    handle = batch_sizes(worker.easel.pipes.base.transformer, sizes)
    together(worker, [job(0, one), job(1, one), job(2, one), job(3, other)])
    handle.remove()

    assert sizes[:2] == [1] * 2
    assert sorted(sizes[2:]) == [1] * 2 + [2] * 2  # which of the two calls comes first is chance


def test_jobs_that_differ_in_steps_or_sides_do_not_share(jobs):
    worker, sizes = jobs.worker, []
    handle = batch_sizes(worker.easel.pipes.base.transformer, sizes)
    sides = {"image_size": {"width": 32, "height": 32}}
    together(worker, [jobs(0), jobs(1), jobs(2, num_inference_steps=2), jobs(3, **sides), jobs(4)])
    handle.remove()

    assert sorted(sizes[3:]) == sorted([2] * 3 + [1] * 2 + [1] * 3)


def test_who_is_cancelled_leaves_a_call_and_the_others_finish_it(jobs):
    worker = jobs.worker
    four = [jobs(number) for number in range(5)]
    four[2][1].patience = 2

    shared = together(worker, four)

    assert isinstance(shared[1], Cancelled)
    assert [type(one).__name__ for one in shared].count("Images") == 3


def test_what_does_not_fit_together_is_done_one_by_one(jobs):
    worker, sizes = jobs.worker, []
    transformer = worker.easel.pipes.base.transformer

    def too_many(_module, _args, words):
        sizes.append(words["hidden_states"].shape[0])
        if sizes[-1] > 1:
            full()

    handle = transformer.register_forward_pre_hook(too_many, with_kwargs=True)
    shared = together(worker, [jobs(number) for number in range(4)])
    handle.remove()

    assert sizes == [1] * 3 + [3] + [1] * 9
    assert all(one.images for one in shared)
