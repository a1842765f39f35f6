"""Jobs that share a call, on a model that draws something: the starter's own weights."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.live import until, up
from tests.workers.shelf import Desk
from tests.workers.together.shapes_together import DRAW, NAME, Together
from tests.workers.twin_pictures import batch_sizes, path_of, pixels, together
from training.shapes.drawing import COLOURS
from training.shapes.reading import read

PROMPTS = ["a red circle on a white background", "a blue square on a yellow background",
           "a green triangle on a black background", "a yellow star on a blue background"]  # fmt: skip
PASSES = 2 * DRAW.steps
"""Of the transformer in a call: with guidance it is asked twice a step."""


@pytest.fixture(scope="module")
def worker():
    worker = Together()
    worker.load()
    yield worker
    worker.close()


def test_four_jobs_of_one_call_get_what_each_of_them_asked_for(worker, tmp_path):
    takes, calls = worker.spec.endpoints[0].input, []
    counted = batch_sizes(worker.easel.pipes.base.transformer, calls)

    def job(number, folder):
        (tmp_path / folder).mkdir()
        asked = takes(prompt=PROMPTS[number % 4], seed=70 + number, enable_safety_checker=False)
        return asked, Desk(tmp_path / folder, NAME)

    shared = together(worker, [job(3, "first"), *(job(n, f"shared-{n}") for n in range(4))])
    alone = [worker.run(*job(n, f"alone-{n}")) for n in range(4)]
    counted.remove()

    assert calls[::PASSES] == [1, 4, 1, 1, 1, 1]
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
    counted = batch_sizes(worker.easel.pipes.base.transformer, calls)
    asked = takes(prompt=PROMPTS[0], seed=1, num_images=10, enable_safety_checker=False)

    output = worker.run(asked, Desk(tmp_path, NAME))
    counted.remove()

    assert len(output.images) == 10
    assert calls[::PASSES] == [5, 5]  # 96 x 96 pixels are 0.0092 megapixels: five of them are 0.046


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_slots_of_a_real_replica_share_calls_and_one_that_is_cancelled_leaves_alone(tmp_path):
    packages = json.dumps(["workers", "tests.workers.together"])
    with up(tmp_path, settings={"WORKERS": packages}) as live:
        first = live.submit(NAME, {"prompt": PROMPTS[0], "seed": 1})
        until(lambda: live.status(NAME, first)["status"] == "COMPLETED", what="a warm replica",
              patience_s=200)  # fmt: skip
        model = live.models(NAME)
        long = live.submit(
            NAME, {"prompt": PROMPTS[1], "num_inference_steps": 400, "num_images": 5}
        )
        jobs = [live.submit(NAME, {"prompt": PROMPTS[n % 4], "seed": n, "output_format": "png"})
                for n in range(8)]  # fmt: skip
        until(lambda: live.status(NAME, long)["status"] == "IN_PROGRESS", what="the long one")
        live.ask("PUT", f"/queue/{NAME}/requests/{long}/cancel")
        drawn = [live.finished(NAME, one).json["images"][0]["url"] for one in jobs]
        again = live.finished(NAME, live.submit(NAME, {"prompt": PROMPTS[1], "seed": 1,
                                                       "output_format": "png"}))  # fmt: skip

        def seen(url):
            with Image.open(io.BytesIO(live.ask("GET", url, key=None).body)) as picture:
                return np.asarray(picture, int)

        assert np.abs(seen(drawn[1]) - seen(again.json["images"][0]["url"])).max() <= 2
        assert len({seen(one).tobytes() for one in drawn}) == 8
        assert set(model) <= set(live.models(NAME))  # the cancel killed nobody else's work
