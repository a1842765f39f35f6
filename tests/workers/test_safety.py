"""``enable_safety_checker``: a real classifier on every picture and film, and never a silent no."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from pilotlight.testing import run_once
from tests.workers.shelf import SIDE, Desk
from workers.engines.sight.open_nsfw import OpenNsfw
from workers.engines.sight.safety import FLAG_AT, FRAMES, Safety, covered, looked_at
from workers.engines.weights import carried
from workers.shapes import Shapes
from workers.starters.edit import Changer

pytestmark = pytest.mark.skipif(
    not (carried.ROOT / "open-nsfw").is_dir(), reason="run `make setup-starters` to have it"
)
BLOBS = (
    (60, 63, 22, 60, 254, 181, 186), (128, 75, 32, 37, 227, 171, 158),
    (19, 27, 33, 29, 224, 182, 165), (73, 89, 24, 32, 243, 185, 119),
    (87, 87, 14, 18, 205, 179, 119), (89, 84, 7, 31, 204, 159, 122),
    (65, 72, 34, 60, 232, 191, 157),
)  # fmt: skip
"""Ellipses that show nothing, found by search for what the classifier takes for nude: middle,
half sides, colour."""
KREA = "fal-ai/flux-krea-lora/stream"
URL = "https://example.org/in.png"


def suspicious(side=128):
    picture = Image.new("RGB", (128, 128), (188, 190, 164))
    pen = ImageDraw.Draw(picture)
    for x, y, wide, high, *colour in BLOBS:
        pen.ellipse((x - wide, y - high, x + wide, y + high), fill=tuple(colour))
    return picture.filter(ImageFilter.GaussianBlur(3)).resize((side, side))


def harmless(side=128):
    picture = Image.new("RGB", (side, side), "white")
    ImageDraw.Draw(picture).rectangle((side // 4, side // 4, side // 2, side // 2), fill="blue")
    return picture


def path_of(file):
    return Path(unquote(urlsplit(file.url).path))


def opened(file):
    with Image.open(path_of(file)) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.fixture(scope="module")
def safety():
    return Safety()


@pytest.fixture
def absent(monkeypatch, tmp_path):
    """A machine on which nobody has run ``make setup-starters``."""
    monkeypatch.setattr(carried, "ROOT", tmp_path / "none")


def test_it_tells_what_it_takes_for_unfit_from_what_is_fit(safety):
    log = []

    assert safety.unfit([harmless(), suspicious()], asked=True, log=log.append) == [False, True]
    assert log == []


def test_nothing_is_said_of_what_nobody_asked_to_look_at(safety):
    assert safety.unfit([suspicious()], asked=False, log=print) is None


def test_where_it_cannot_be_had_the_answer_is_not_no_and_the_log_says_why(absent):
    log = []

    assert Safety().unfit([harmless()], asked=True, log=log.append) is None
    assert len(log) == 1
    assert "nothing was looked at" in log[0]
    assert "make setup-starters" in log[0]


def test_without_the_library_the_answer_is_not_no_either(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    log = []

    assert Safety().unfit([harmless()], asked=True, log=log.append) is None
    assert "onnxruntime is not installed" in log[0]


def test_an_unfit_picture_becomes_black_and_keeps_its_size():
    fit, unfit = covered([harmless(40), suspicious(60)], [False, True])

    assert np.asarray(fit).any()
    assert unfit.size == (60, 60)
    assert not np.asarray(unfit).any()


def test_a_film_is_unfit_when_any_of_its_sampled_frames_is(safety):
    film = np.stack([np.asarray(harmless())] * 81)
    assert safety.unfit_film(film, asked=True, log=print) == [False]

    film[30:50] = np.asarray(suspicious())
    assert safety.unfit_film(film, asked=True, log=print) == [True]
    assert safety.unfit_film(film, asked=False, log=print) is None


@pytest.mark.parametrize(
    ("count", "places"),
    [
        (1, [0]),
        (2, [0, 1]),
        (5, [0, 4]),
        (9, [0, 8]),
        (10, [0, 4, 9]),
        (33, [0, 8, 16, 24, 32]),
        (81, [0, 11, 22, 34, 45, 57, 68, 80]),
    ],
)
def test_short_films_cost_as_they_are_long_and_long_ones_no_more_than_eight_looks(count, places):
    assert looked_at(count) == places


@pytest.mark.parametrize("count", [1, 2, 5, FRAMES, 240])
def test_films_of_every_length_are_looked_at(safety, count):
    film = np.stack([np.asarray(suspicious(32))] * count)

    assert safety.unfit_film(film, asked=True, log=print) is not None


@pytest.fixture(scope="module")
def shapes():
    worker = Shapes()
    worker.load()
    return worker


def test_flat_shapes_are_fit(shapes, tmp_path):
    judge = OpenNsfw()
    scores = []
    for number, colour in enumerate(["red", "orange", "yellow", "white", "purple", "black"]):
        for shape in ("circle", "star"):
            picture = shapes.model.draw(
                f"a large {colour} {shape} on an orange background", seed=number, steps=4,
                guidance=1, on_step=lambda *_: None,
            )  # fmt: skip
            scores.append(judge.score(picture))

    assert max(scores) < FLAG_AT / 2


def test_shapes_says_what_was_found_and_nothing_when_it_was_not_asked(shapes, tmp_path):
    asked = {"prompt": "a red star on blue", "seed": 1, "num_images": 2}

    looked = run_once(shapes, asked, folder=tmp_path)
    unseen = run_once(shapes, asked | {"enable_safety_checker": False}, folder=tmp_path)

    assert looked.has_nsfw_concepts == [False, False]
    assert looked.timings["safety"] > 0
    assert unseen.has_nsfw_concepts is None


def test_shapes_without_the_classifier_draws_and_says_so(absent, tmp_path):
    worker = Shapes()
    worker.load()
    desk = Desk(tmp_path, "pilotlight/shapes")
    takes = worker.spec.endpoints[0].input

    output = worker.run(takes(prompt="a red star on blue", seed=1, num_images=2), desk)

    assert output.has_nsfw_concepts is None
    assert sum("make setup-starters" in line for line in desk.messages) == 1


def test_what_shapes_draws_unfit_is_black(shapes, tmp_path, monkeypatch):
    processor = type(shapes.model.pipe.image_processor)
    monkeypatch.setattr(processor, "postprocess", lambda *_, **__: [suspicious(96)])

    output = run_once(shapes, {"prompt": "a red star"}, folder=tmp_path)

    assert output.has_nsfw_concepts == [True]
    assert not opened(output.images[0]).any()


@pytest.mark.parametrize("asked", [True, False])
def test_whoever_follows_shapes_sees_nothing_unfit_unless_that_is_wished(
    shapes, tmp_path, monkeypatch, asked
):
    processor = type(shapes.model.pipe.image_processor)
    monkeypatch.setattr(processor, "postprocess", lambda *_, **__: [suspicious(96)])
    desk = Desk(tmp_path, "pilotlight/shapes", streaming=True)
    takes = shapes.spec.endpoints[0].input

    shapes.run(takes(prompt="a red star", num_images=2, enable_safety_checker=asked), desk)

    shown = [picture for news in desk.partials for picture in news.images]
    finished = [news.images[0] for news in desk.partials if len(news.images) == 2]
    assert finished, "the first of two is shown while the second is drawn"
    assert all(opened(picture).any() != asked for picture in shown)


@pytest.mark.parametrize("endpoint", ["pilotlight/edit", "pilotlight/inpaint"])
def test_changed_pictures_are_looked_at_too(tmp_path, monkeypatch, endpoint):
    worker = Changer()
    worker.load()
    suspicious(96).save(tmp_path / "in.png")
    asked = {"prompt": "a red star", "image_url": URL, "num_inference_steps": 2}
    asked |= {"mask_url": URL} if endpoint.endswith("inpaint") else {}
    files = {URL: tmp_path / "in.png"}
    fit = run_once(worker, asked, folder=tmp_path, endpoint=endpoint, files=files)
    assert len(fit.has_nsfw_concepts) == 1

    processor = type(worker.model.model.pipe.image_processor)
    monkeypatch.setattr(processor, "postprocess", lambda *_, **__: [suspicious(96)])
    unfit = run_once(worker, asked, folder=tmp_path, endpoint=endpoint, files=files)
    assert unfit.has_nsfw_concepts == [True]
    assert not opened(unfit.images[0]).any()


def test_production_pictures_are_looked_at(shelf, tmp_path, monkeypatch):
    worker = shelf.worker("flux-krea-lora")
    takes = worker.spec.endpoints[0].input
    asked = takes(prompt="a", num_inference_steps=1, image_size={"width": SIDE, "height": SIDE},
                  num_images=2)  # fmt: skip
    found = worker.run(asked, Desk(tmp_path, KREA))
    assert len(found.has_nsfw_concepts) == 2

    processor = type(worker.easel.pipes.base.image_processor)
    monkeypatch.setattr(
        processor, "postprocess", lambda _self, pictures, **_: [suspicious(SIDE)] * len(pictures)
    )
    unfit = worker.run(asked, Desk(tmp_path, KREA))
    assert unfit.has_nsfw_concepts == [True, True]
    assert opened(unfit.images[0]).max() < 3  # as JPEG


def test_unfinished_pictures_are_looked_at_before_a_follower_sees_them(
    shelf, tmp_path, monkeypatch
):
    worker = shelf.worker("flux-krea-lora")
    asked = worker.spec.endpoints[0].input(
        prompt="a", num_inference_steps=4, image_size={"width": SIDE, "height": SIDE}
    )
    processor = worker.easel.pipes.base.image_processor
    monkeypatch.setattr(processor, "postprocess", lambda *_, **__: [suspicious(SIDE)])
    desk = Desk(tmp_path, KREA, streaming=True)

    worker.run(asked, desk)

    assert len(desk.partials) >= 2
    assert max(opened(one.images[0]).max() for one in desk.partials) < 3  # as JPEG


def test_production_films_are_looked_at(shelf, tmp_path, monkeypatch):
    worker = shelf.worker("wan22-ti2v")
    monkeypatch.setattr("workers.engines.diffusers.sizes.of_film", lambda *_: (SIDE, SIDE))
    takes = worker.spec.endpoints[0].input
    asked = takes(prompt="a", num_inference_steps=1)
    assert worker.run(asked, Desk(tmp_path, "wan22-ti2v")).has_nsfw_concepts in ([True], [False])

    frames = np.stack([np.asarray(suspicious(SIDE)) / 255] * 5)[None]
    processor = type(worker.pipes.base.video_processor)
    monkeypatch.setattr(processor, "postprocess_video", lambda *_, **__: frames)
    unfit = worker.run(asked, Desk(tmp_path, "wan22-ti2v"))
    assert unfit.has_nsfw_concepts == [True]
    unseen = worker.run(asked.model_copy(update={"enable_safety_checker": False}),
                        Desk(tmp_path, "wan22-ti2v"))  # fmt: skip
    assert unseen.has_nsfw_concepts is None
