"""What the engine does with any diffusers model, shown on tiny twins of the real classes."""

from __future__ import annotations

import dataclasses
import random
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
import numpy as np
import pytest
import torch
from PIL import Image

from pilotlight import Cancelled, InvalidInput, OutOfMemory
from pilotlight.execution.retry import Failure, GiveUp, Retry, decide
from tests.workers.shelf import SIDE, Desk

KREA = "fal-ai/flux-krea-lora/stream"
KONTEXT = "fal-ai/flux-kontext-lora/text-to-image"
SMALL = {"image_size": {"width": SIDE, "height": SIDE}, "enable_safety_checker": False}
URL = "https://example.org/in.png"


@pytest.fixture
def draw(shelf, tmp_path_factory):
    def draw(name, endpoint, desk=None, **fields):
        worker = shelf.worker(name)
        takes = next(one for one in worker.spec.endpoints if one.id == endpoint).input
        desk = desk or Desk(tmp_path_factory.mktemp("attempt"), endpoint)
        sides = SMALL if "image_size" in takes.model_fields else {"enable_safety_checker": False}
        given = {"prompt": "a red circle", "num_inference_steps": 3, "seed": 5, **sides, **fields}
        return worker.run(takes.model_validate(given), desk)

    return draw


def path_of(file):
    return Path(unquote(urlsplit(file.url).path))


def pixels(output, number=0):
    with Image.open(path_of(output.images[number])) as picture:
        return np.asarray(picture, int)


@contextmanager
def hooked(module, hook):
    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def full(*_):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_equal_seeds_give_equal_bytes_and_image_k_is_the_one_of_seed_plus_k(draw):
    fields = {"output_format": "png"}
    both = draw("flux-krea-lora", KREA, num_images=2, **fields)
    second = draw("flux-krea-lora", KREA, seed=6, **fields)

    assert path_of(both.images[0]).read_bytes() == path_of(
        draw("flux-krea-lora", KREA, **fields).images[0]
    ).read_bytes()  # fmt: skip
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


def test_what_runs_out_of_memory_is_tried_again_with_less_and_then_succeeds(shelf, draw, tmp_path):
    vae = shelf.worker("flux-krea-lora").easel.pipes.base.vae

    def unless_tiled(*_):
        if not vae.use_tiling:
            full()

    with hooked(vae.decoder, unless_tiled):
        with pytest.raises(OutOfMemory, match="Tried to allocate") as caught:
            draw("flux-krea-lora", KREA)
        retry = decide(
            Failure.of(caught.value), attempt=1, max_attempts=3, rng=random.Random(1)
        )  # fmt: skip
        assert isinstance(retry, Retry)
        assert retry.low_memory

        second = Desk(tmp_path, KREA, low_memory=retry.low_memory)
        spared = draw("flux-krea-lora", KREA, second, output_format="png")

    assert not vae.use_tiling  # the next job has the room that it likes
    whole = pixels(draw("flux-krea-lora", KREA, output_format="png"))
    assert pixels(spared).shape == whole.shape
    assert (pixels(spared) != whole).any()  # an untrained autoencoder's tiles show their seams


def test_what_runs_out_of_memory_twice_is_given_up_with_the_products_own_error(
    shelf, draw, tmp_path
):
    worker = shelf.worker("flux-krea-lora")

    with hooked(worker.easel.pipes.base.transformer, full), pytest.raises(OutOfMemory) as caught:
        draw("flux-krea-lora", KREA, Desk(tmp_path, KREA, low_memory=True))

    assert caught.value.retryable
    assert caught.value.__context__ is None  # what it held can go
    failure = Failure.of(caught.value)
    ended = decide(failure, attempt=2, max_attempts=5, rng=random.Random(1), low_memory=True)
    assert ended == GiveUp("out_of_memory_again")
    assert draw("flux-krea-lora", KREA).images  # and the process is of use still


def test_a_film_out_of_memory_is_tried_again_with_less_as_well(shelf, tmp_path, monkeypatch):
    worker = shelf.worker("wan22-ti2v")
    vae = worker.pipes.base.vae
    monkeypatch.setattr("workers.engines.diffusers.sizes.of_film", lambda *_: (SIDE, SIDE))
    takes = worker.spec.endpoints[0].input
    asked = takes(prompt="a", num_inference_steps=1, seed=1, enable_safety_checker=False)

    def unless_tiled(*_):
        if not vae.use_tiling:
            full()

    with hooked(vae.decoder, unless_tiled):
        with pytest.raises(OutOfMemory):
            worker.run(asked, Desk(tmp_path, "wan22-ti2v"))
        filmed = worker.run(asked, Desk(tmp_path, "wan22-ti2v", low_memory=True))

    assert filmed.video.num_frames == worker.serves[0].way.frames
    assert not vae.use_tiling


def test_a_cancelled_film_ends_at_the_next_step(shelf, tmp_path, monkeypatch):
    worker = shelf.worker("wan22-ti2v")
    monkeypatch.setattr("workers.engines.diffusers.sizes.of_film", lambda *_: (SIDE, SIDE))
    desk = Desk(tmp_path, "wan22-ti2v", patience=2)

    with pytest.raises(Cancelled):
        worker.run(worker.spec.endpoints[0].input(prompt="a", num_inference_steps=40), desk)
    assert desk.fractions == pytest.approx([0.95 / 40, 2 * 0.95 / 40])


def test_a_film_has_the_rate_and_the_container_that_were_asked_for(shelf, tmp_path, monkeypatch):
    worker = shelf.worker("wan22-ti2v")
    monkeypatch.setattr("workers.engines.diffusers.sizes.of_film", lambda *_: (SIDE, SIDE))
    takes = worker.spec.endpoints[0].input
    asked = takes(prompt="a", num_inference_steps=1, fps=10, output_format="webm",
                  enable_safety_checker=False)  # fmt: skip

    film = worker.run(asked, Desk(tmp_path, "wan22-ti2v")).video

    assert film.content_type == "video/webm"
    assert (film.fps, film.duration) == (10, film.num_frames / 10)
    with av.open(str(path_of(film))) as opened:
        assert opened.streams.video[0].codec_context.name == "vp9"
        assert [float(frame.time) for frame in opened.decode(video=0)] == pytest.approx(
            [number / 10 for number in range(film.num_frames)], abs=0.002
        )


def test_a_film_of_a_model_that_makes_sound_is_heard(shelf, tmp_path, monkeypatch):
    worker = shelf.worker("ltx2-distilled")
    monkeypatch.setattr("workers.engines.diffusers.sizes.of_film", lambda *_: (SIDE, SIDE))
    takes = worker.spec.endpoints[0].input

    film = worker.run(takes(prompt="a", enable_safety_checker=False),
                      Desk(tmp_path, "ltx2-distilled")).video  # fmt: skip

    with av.open(str(path_of(film))) as opened:
        (heard,) = opened.streams.audio
        assert heard.codec_context.name == "aac"
        assert heard.codec_context.sample_rate == 16_000
        assert heard.codec_context.channels == 2
        assert sum(frame.samples for frame in opened.decode(audio=0)) > 0


@pytest.fixture
def lora(shelf, tmp_path):
    """A random adaptation of the twin of FLUX.1 dev, as trainers save them."""
    from diffusers import FluxPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    def made(seed):
        pipe = FluxPipeline.from_pretrained(
            shelf.saved("black-forest-labs/FLUX.1-Krea-dev"), use_safetensors=True
        )
        config = LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            pipe.transformer.add_adapter(config)
        folder = tmp_path / f"lora-{seed}"
        layers = {one: 20 * value for one, value in
                  get_peft_model_state_dict(pipe.transformer).items()}  # fmt: skip
        FluxPipeline.save_lora_weights(folder, transformer_lora_layers=layers)
        return folder / "pytorch_lora_weights.safetensors"

    return made


def test_adaptations_come_and_go_without_the_model_being_read_again(
    shelf, draw, lora, tmp_path, monkeypatch
):
    worker = shelf.worker("flux-krea-lora")
    pipe = worker.easel.pipes.base
    first, second = "https://example.org/1.safetensors", "https://example.org/2.safetensors"
    files = {first: lora(1), second: lora(2)}
    weights = {name: part.data_ptr() for name, part in pipe.transformer.named_parameters()}
    read = []
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
    there = {name: part.data_ptr() for name, part in pipe.transformer.named_parameters()
             if "lora" not in name}  # fmt: skip
    assert {name.replace(".base_layer", ""): at for name, at in there.items()} == weights


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


def batch_sizes(transformer, sizes):
    def hook(_module, _args, words):
        sizes.append(words["hidden_states"].shape[0])

    return transformer.register_forward_pre_hook(hook, with_kwargs=True)


def together(worker, jobs):
    """Run all jobs in threads, as slots do, when each of them waits behind a first one."""
    easel, gate, inside = worker.easel, threading.Event(), threading.Event()
    first, *rest = jobs

    def held(_fraction, _note):
        inside.set()
        assert gate.wait(60)

    first[1].listen = held
    outputs = [None] * len(jobs)

    def run(place):
        job_input, desk = jobs[place]
        try:
            outputs[place] = worker.run(job_input, desk)
        except (Cancelled, OutOfMemory) as error:
            outputs[place] = error

    threads = [threading.Thread(target=run, args=[place]) for place in range(len(jobs))]
    threads[0].start()
    assert inside.wait(60)
    for thread in threads[1:]:
        thread.start()
    easel.turns.expect(len(rest))
    gate.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return outputs[1:]


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
    worker, sizes = jobs.worker, []
    transformer = worker.easel.pipes.base.transformer

    handle = batch_sizes(transformer, sizes)
    shared = together(worker, [jobs(number) for number in range(5)])
    handle.remove()
    alone = [worker.run(*jobs(10 + number, prompt=f"a red circle {number}", seed=40 + number))
             for number in range(1, 5)]  # fmt: skip

    assert sizes == [1] * 3 + [4] * 3
    for one, other in zip(shared, alone, strict=True):
        assert one.seed == other.seed
        assert np.abs(pixels(one) - pixels(other)).max() <= 1
    assert len({pixels(one).tobytes() for one in shared}) == 4


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
