"""A red circle that is told to move right is red and moves right: read off the film's pixels."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from random import Random
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pilotlight import Cancelled, Context, OutOfMemory
from pilotlight.contracts.events import Log, Progress
from pilotlight.testing import run_once
from tests.workers.twin_pictures import full, hooked
from workers.engines.video import files as video_files
from workers.starters.image_to_video import WEIGHTS, WORKER

URL = "https://example.org/in.png"
ROOT = Path(__file__).resolve().parents[2]
MAX_BYTES = 12_000_000


@pytest.fixture(scope="module")
def projector():
    worker = WORKER()
    worker.load()
    return worker


@pytest.fixture
def ask(projector, tmp_path):
    def ask(picture, prompt, **fields):
        picture.save(tmp_path / "in.png")
        hear = fields.pop("hear", lambda _event: None)
        asked = {"image_url": URL, "prompt": prompt, "seed": 5} | fields
        files = {URL: tmp_path / "in.png"}
        made = run_once(projector, asked, folder=tmp_path, files=files, hear=hear)
        return made, Path(unquote(urlsplit(made.video.url).path))

    return ask


def seen(path):
    """What the film at ``path`` shows, and its frames (n, height, width, 3)."""
    import torch

    from training.shapes_video.reading import read

    frames = np.stack([one.pixels for one in video_files.frames(path, "f")])
    return read(torch.from_numpy(frames).permute(3, 0, 1, 2).float() / 127.5 - 1), frames


def red_circle(width=300, height=200):
    """As somebody would draw it, left of the middle, of no size the model knows."""
    picture = Image.new("RGB", (width, height), (40, 80, 220))
    x, y, r = 0.38 * width, height / 2, 0.19 * height
    ImageDraw.Draw(picture).ellipse((x - r, y - r, x + r, y + r), fill=(220, 40, 40))
    return picture


def test_what_was_cut_out_lies_on_white(ask):
    cut = red_circle()
    cut.putalpha(cut.getchannel("R").point(lambda red: 255 * (red > 128)))

    _, frames = seen(ask(cut, "a red circle staying still on a white background")[1])

    assert frames[0, 2:8, 2:8].mean() > 200


def test_a_film_made_with_less_memory_is_the_last_that_is(projector):
    picture = red_circle()
    how = {"seed": 5, "steps": 1, "guidance": 1, "on_step": lambda _step: None}
    before = projector.model.film("a red circle", picture, **how)

    projector.model.film("a red circle", picture, low_memory=True, **how)

    assert not projector.model.pipe.vae.use_tiling
    assert (projector.model.film("a red circle", picture, **how) == before).all()


def test_memory_that_runs_out_is_told_in_the_products_own_error(projector):
    with hooked(projector.model.pipe.transformer, full), pytest.raises(OutOfMemory) as caught:
        projector.model.warm_up()

    assert caught.value.__context__ is None  # what it held can go


def test_a_red_circle_moving_right_is_red_and_moves_right(ask):
    from training.shapes_video.clips import COLOUR_NAMES, MOTIONS, SHAPES

    made, path = ask(red_circle(), "a red circle moving right on a blue background")

    told, frames = seen(path)
    assert COLOUR_NAMES[told.colour] == "red"
    assert COLOUR_NAMES[told.ground] == "blue"
    assert MOTIONS[told.motion] == "right"
    assert SHAPES[told.shape] == "circle"
    red = frames[..., 0].astype(float) > 150
    centres = [np.argwhere(one)[:, 1].mean() for one in red]
    assert centres == sorted(centres)
    assert centres[-1] - centres[0] > 10
    assert made.seed == 5


def test_what_was_never_trained_on_moves_as_told_and_keeps_its_colours(ask):
    import torch

    from training.shapes_video.clips import caption, clips
    from training.shapes_video.score import questions

    wanted = questions(21)  # three of each motion
    drawn = clips(Random(8), wanted)
    right = {"colour": 0, "ground": 0, "motion": 0}
    for number, scene in enumerate(wanted):
        first = ((drawn[number, :, 0] + 1) * 127.5).round().to(torch.uint8)
        picture = Image.fromarray(first.permute(1, 2, 0).numpy())
        told, _ = seen(ask(picture, caption(scene), seed=number)[1])
        for name in right:
            right[name] += told is not None and getattr(told, name) == getattr(scene, name)
    assert all(count >= 19 for count in right.values()), right


def test_a_reader_of_drawn_clips_makes_no_mistake():
    from training.shapes_video.clips import clips, scenes
    from training.shapes_video.reading import read

    wanted = scenes()[:40]

    assert [read(clip) for clip in clips(Random(3), wanted)] == wanted


def test_the_film_begins_with_the_picture_and_is_what_it_says_it_is(ask):
    made, path = ask(red_circle(64, 64), "a red circle staying still on a blue background", fps=12)

    told, (first, *_) = video_files.facts(path, "f"), seen(path)[1]
    film = made.video
    assert (film.width, film.height, film.fps, film.num_frames) == (64, 64, 12, 9)
    assert (told.width, told.height, told.rate, told.frames) == (64, 64, Fraction(12), 9)
    assert film.duration == 0.75
    assert film.content_type == "video/mp4"
    assert np.abs(first.astype(float) - np.asarray(red_circle(64, 64), float)).mean() < 16


def test_equal_seeds_give_equal_films_and_other_seeds_do_not(ask):
    prompt = "a red circle growing on a blue background"
    first = ask(red_circle(), prompt)[1].read_bytes()

    assert ask(red_circle(), prompt)[1].read_bytes() == first
    assert ask(red_circle(), prompt, seed=6)[1].read_bytes() != first


class Desk(Context):
    """It is cancelled after two steps."""

    def __init__(self, folder, picture):
        self.job_id, self.endpoint, self.attempt = "job", "pilotlight/image-to-video", 1
        self.folder, self.streaming, self.low_memory = folder, False, True
        self.picture, self.fractions = picture, []

    def progress(self, fraction, note=""):
        self.fractions.append((round(fraction, 3), note))
        if self.cancelled:
            raise Cancelled("the job was cancelled")

    def partial(self, output):
        raise AssertionError("nobody follows")

    def log(self, message):
        raise AssertionError(message)

    def input_file(self, _url):
        return self.picture

    @property
    def cancelled(self):
        return len(self.fractions) == 2


def test_each_step_is_told_and_a_cancelled_job_ends_at_the_next(tmp_path):
    worker = WORKER()
    worker.load()  # its own: short of memory it decodes in pieces from then on
    red_circle().save(tmp_path / "in.png")
    desk = Desk(tmp_path, tmp_path / "in.png")
    asked = worker.spec.endpoints[0].input(prompt="a red circle", image_url=URL, seed=1,
                                           num_inference_steps=4)  # fmt: skip

    with pytest.raises(Cancelled):
        worker.run(asked, desk)

    assert desk.fractions == [(0.2, "step 1 of 4"), (0.4, "step 2 of 4")]
    assert not (tmp_path / "video.mp4").exists()


def test_progress_rises_to_the_end_and_an_unread_prompt_is_told(ask):
    heard = []
    ask(red_circle(), "a red circle " + "xylophone " * 40, num_inference_steps=2, hear=heard.append)

    told = [event.fraction for event in heard if isinstance(event, Progress)]
    assert told == sorted(told)
    assert told[-1] == 1
    assert any("does not read its end" in event.line for event in heard if isinstance(event, Log))


def test_the_weights_stay_small_enough_to_live_in_the_repository():
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*") if file.is_file()) < MAX_BYTES


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_recipe_runs_from_nothing_to_a_scored_model(tmp_path):
    run = [sys.executable, "-m", "training.shapes_video", "--quick", "--out", str(tmp_path / "m")]
    told = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)

    assert "motion" in told.stdout
    assert (tmp_path / "m" / "pilotlight.json").is_file()
