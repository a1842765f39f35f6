"""Out of memory, tried with less; films, ended, timed and heard: on tiny twins of the real classes."""

from __future__ import annotations

import random

import av
import pytest

from pilotlight import Cancelled, OutOfMemory
from pilotlight.execution.retry import Failure, GiveUp, Retry, decide
from tests.workers.shelf import SIDE, Desk
from tests.workers.twin_pictures import (
    KREA,
    full,
    hooked,
    path_of,
    pixels,
)
from workers.engines.diffusers.memory import bounded


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
    assert vae.use_slicing
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


@pytest.mark.parametrize(
    "said",
    [
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_every_way_to_say_that_memory_ran_out_is_heard(said):
    def call():
        raise RuntimeError(said)

    with pytest.raises(OutOfMemory):
        bounded(call)


def test_what_says_something_else_is_left_alone():
    def call():
        raise RuntimeError("CUDA error: device-side assert triggered")

    with pytest.raises(RuntimeError, match="assert"):
        bounded(call)


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


def test_a_film_that_is_cancelled_while_it_is_written_ends_at_the_next_frame(
    shelf, tmp_path, monkeypatch
):
    worker = shelf.worker("wan22-ti2v")
    monkeypatch.setattr("workers.engines.diffusers.sizes.of_film", lambda *_: (SIDE, SIDE))
    desk = Desk(tmp_path, "wan22-ti2v", patience=4)
    asked = worker.spec.endpoints[0].input(
        prompt="a", num_inference_steps=2, enable_safety_checker=False
    )

    with pytest.raises(Cancelled):
        worker.run(asked, desk)

    assert desk.fractions[:3] == pytest.approx([0.95 / 2, 0.95, 0.95])
    assert 0.95 < desk.fractions[3] < 1


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
