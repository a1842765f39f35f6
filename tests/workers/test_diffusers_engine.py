"""What the engine does with any diffusers model, shown on tiny twins of the real classes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from pilotlight import Cancelled, InvalidInput
from tests.workers.shelf import SIDE, Desk
from tests.workers.twin_pictures import (
    KONTEXT,
    KREA,
    URL,
    hooked,
    path_of,
    pixels,
)


def test_equal_seeds_give_equal_bytes_and_image_k_is_the_one_of_seed_plus_k(draw):
    fields = {"output_format": "png"}
    both, again = (draw("flux-krea-lora", KREA, num_images=2, **fields) for _ in range(2))
    first = draw("flux-krea-lora", KREA, **fields)
    second = draw("flux-krea-lora", KREA, seed=6, **fields)

    files = [[path_of(one).read_bytes() for one in made.images] for made in (both, again)]
    assert files[0] == files[1]
    assert (
        np.abs(pixels(both, 0) - pixels(first)).max() <= 1
    )  # by another's side: rounded once more
    assert np.abs(pixels(both, 1) - pixels(second)).max() <= 1
    assert np.abs(pixels(both, 0) - pixels(second)).max() > 1
    assert both.seed == 5
    assert both.timings["inference"] > 0


def test_a_job_tells_every_step_and_ends_at_the_next_one_when_it_is_cancelled(draw, tmp_path):
    told = Desk(tmp_path, KREA)
    draw("flux-krea-lora", KREA, told, num_inference_steps=4)
    assert told.fractions == [0.25, 0.5, 0.75, 0.99, 1]

    stopped = Desk(tmp_path, KREA, patience=2)
    with pytest.raises(Cancelled):
        draw("flux-krea-lora", KREA, stopped, num_inference_steps=40)
    assert len(stopped.fractions) == 2


def test_a_cancelled_call_leaves_the_model_as_it_was(draw, tmp_path):
    before = pixels(draw("flux-krea-lora", KREA, output_format="png"))
    with pytest.raises(Cancelled):
        draw("flux-krea-lora", KREA, Desk(tmp_path, KREA, patience=1))

    assert (pixels(draw("flux-krea-lora", KREA, output_format="png")) == before).all()


def test_a_model_that_was_parked_for_another_draws_as_before(shelf, draw):
    worker = shelf.worker("flux-krea-lora")
    before = pixels(draw("flux-krea-lora", KREA, output_format="png"))

    assert worker.park() is True
    worker.wake()

    assert (pixels(draw("flux-krea-lora", KREA, output_format="png")) == before).all()


def test_adaptations_come_and_go_without_the_model_being_read_again(
    shelf, draw, lora, tmp_path, monkeypatch
):
    worker = shelf.worker("flux-krea-lora")
    pipe = worker.easel.pipes.base
    first, second = "https://example.org/1.safetensors", "https://example.org/2.safetensors"
    files = {first: lora(1), second: lora(2)}

    def places():
        return {name.replace(".base_layer", ""): part.data_ptr()
                for name, part in pipe.transformer.named_parameters() if "lora" not in name}  # fmt: skip

    weights, read = places(), []
    plain = type(pipe).load_lora_weights
    monkeypatch.setattr(
        type(pipe), "load_lora_weights",
        lambda self, *a, **k: read.append(k["adapter_name"]) or plain(self, *a, **k),
    )  # fmt: skip

    def drawn(*wanted):
        loras = [{"path": path, "scale": scale} for path, scale in wanted]
        desk = Desk(tmp_path, KREA, files=files)
        return pixels(draw("flux-krea-lora", KREA, desk, loras=loras, output_format="png"))

    bare, one = drawn(), drawn((first, 1))
    other, both = drawn((second, 1)), drawn((first, 1), (second, 1))
    again, weak, after = drawn((first, 1)), drawn((first, 0)), drawn()

    assert np.abs(one - bare).max() > 2
    assert np.abs(other - one).max() > 2
    assert np.abs(both - one).max() > 2
    assert (again == one).all()
    assert (weak == bare).all()
    assert (after == bare).all()
    assert len(read) == len(set(read)) == 2
    assert places() == weights


def test_a_follower_sees_the_picture_become_what_it_is(draw, tmp_path):
    desk = Desk(tmp_path, KREA, streaming=True)
    output = draw("flux-krea-lora", KREA, desk, num_inference_steps=5, num_images=3)

    assert len(output.images) == 1  # as the contract says of one that is followed
    assert len(desk.partials) == 3
    seen = [pixels(partial) for partial in desk.partials]
    final = pixels(output)
    assert all(one.shape == final.shape for one in seen)
    near = [np.abs(one - final).mean() for one in seen]
    assert near[-1] < near[0]


def test_acceleration_leaves_blocks_out_and_changes_nothing_after(shelf, draw, monkeypatch):
    worker = shelf.worker("flux-kontext-lora")
    assert worker.model.cached["regular"] < worker.model.cached["high"]
    # Noise that is drawn from noise changes more from step to step than pictures do.
    loose = dataclasses.replace(worker.model, cached={"high": 50.0})
    monkeypatch.setattr(worker.easel.pipes, "model", loose)
    ran = []
    block = worker.easel.pipes.base.transformer.single_transformer_blocks[0].proj_mlp

    def drawn(level):
        ran.clear()
        with hooked(block, lambda *_: ran.append(1)):
            output = draw("flux-kontext-lora", KONTEXT, num_inference_steps=12, acceleration=level)
        return len(ran), pixels(output)

    whole, fast, again = drawn("none"), drawn("high"), drawn("none")

    assert whole[0] == again[0] == 12
    assert 1 <= fast[0] < 12
    assert fast[1].std() > 0
    assert (whole[1] == again[1]).all()


def test_eight_bits_are_eight_bits(shelf, draw):
    worker = shelf.worker("sglang-diffusion-qwen-image-2512-fp8")

    kinds = {part.dtype for part in worker.easel.pipes.base.transformer.parameters()}

    assert torch.float8_e4m3fn in kinds
    drawn = draw("sglang-diffusion-qwen-image-2512-fp8", "sglang-diffusion-qwen-image-2512-fp8")
    assert pixels(drawn).std() > 0


@pytest.mark.parametrize("suffix", ["png", "jpeg", "webp"])
def test_files_are_what_they_say_they_are(draw, suffix):
    name = "nunchaku-flux1-schnell"
    (image,) = draw(name, name, output_format=suffix).images

    with Image.open(path_of(image)) as picture:
        assert picture.format == suffix.upper()
        assert picture.size == (image.width, image.height) == (SIDE, SIDE)
    assert image.content_type == f"image/{suffix}"


@pytest.mark.parametrize(
    ("name", "endpoint", "fields", "words"),
    [
        ("flux-krea-lora", KREA, {"image_size": {"width": 9000, "height": 9000}},
         "image_size 9000 x 9000 is more than the 4.2 million"),
        ("flux-krea-lora", KREA, {"loras": [{"path": "my-lora"}]},
         "loras.0.path 'my-lora' is no URL"),
        ("sglang-diffusion-qwen-image-2512-fp8", "sglang-diffusion-qwen-image-2512-fp8",
         {"loras": [{"path": URL}]}, "loras are not taken"),
    ],
)  # fmt: skip
def test_what_a_model_cannot_follow_is_refused_by_the_name_of_its_field(
    draw, name, endpoint, fields, words
):
    with pytest.raises(InvalidInput, match=words):
        draw(name, endpoint, **fields)
