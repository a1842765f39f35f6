"""A sentence becomes a film of what it says: read off the pixels."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from pilotlight import Cancelled
from pilotlight.contracts.events import Log, Progress
from pilotlight.testing import run_once
from workers.engines.video import files as video_files
from workers.starters.text_to_video import WORKER

COUNT = 28
"""Held-out sentences: four of each motion."""
HOLD = {"colour": 0.9, "ground": 0.9, "motion": 0.9, "shape": 0.8}
"""Shares that have to be right before the model may ship."""
RED = "a red circle moving right on a blue background"


@pytest.fixture(scope="module")
def cascade():
    worker = WORKER()
    worker.load()
    return worker


@pytest.fixture
def ask(cascade, tmp_path):
    def ask(prompt, hear=None, **fields):
        made = run_once(cascade, {"prompt": prompt, "seed": 3} | fields, folder=tmp_path, hear=hear)
        return made, Path(unquote(urlsplit(made.video.url).path))

    return ask


def test_a_red_circle_moving_right_is_red_and_moves_right(ask):
    import torch

    from training.shapes_video.clips import COLOUR_NAMES, MOTIONS, SHAPES
    from training.shapes_video.reading import read

    made, path = ask(RED)

    frames = np.stack([one.pixels for one in video_files.frames(path, "f")])
    told = read(torch.from_numpy(frames).permute(3, 0, 1, 2).float() / 127.5 - 1)
    assert (COLOUR_NAMES[told.colour], COLOUR_NAMES[told.ground]) == ("red", "blue")
    assert (MOTIONS[told.motion], SHAPES[told.shape]) == ("right", "circle")
    red = frames[..., 0].astype(float) > 150
    centres = [np.argwhere(one)[:, 1].mean() for one in red]
    assert centres == sorted(centres)
    assert centres[-1] - centres[0] > 10
    assert made.seed == 3


def test_held_out_sentences_come_out_right_as_often_as_they_have_to(cascade):
    from training.shapes_video.reading import read
    from training.shapes_video.score import marks, questions
    from training.shapes_video.score_text import film, sentences

    wanted = questions(COUNT)
    made = [read(film(cascade, said, seed)) for seed, said in enumerate(sentences(wanted))]

    right = marks(wanted, made)
    assert all(right[name] >= share * COUNT for name, share in HOLD.items()), right


def test_equal_seeds_give_equal_films_and_other_seeds_do_not(ask):
    first = ask(RED)[1].read_bytes()

    assert ask(RED)[1].read_bytes() == first
    assert ask(RED, seed=4)[1].read_bytes() != first


def test_progress_rises_through_both_models_and_the_film_is_what_it_says_it_is(ask):
    heard = []
    made, path = ask(RED, heard.append, num_inference_steps=4, fps=12, output_format="webm")

    told = [event for event in heard if isinstance(event, Progress)]
    assert [event.fraction for event in told] == sorted(event.fraction for event in told)
    assert told[-1].fraction == 1
    lines = [event.line for event in heard if isinstance(event, Log)]
    assert "the first frame: a red circle on a blue background" in lines
    film, facts = made.video, video_files.facts(path, "f")
    assert (film.width, film.height, film.fps, film.num_frames) == (64, 64, 12, 9)
    assert (facts.width, facts.height, facts.rate) == (64, 64, Fraction(12))
    assert film.content_type == "video/webm"
    assert made.has_nsfw_concepts in ([False], None)  # None where nobody can look at it


@pytest.mark.parametrize("stage", ["first frame", "film"])
def test_a_cancelled_job_ends_in_whichever_model_it_is(ask, tmp_path, stage):
    def cancel(event):
        if isinstance(event, Progress) and event.note.startswith(f"{stage}, step"):
            raise Cancelled("the job was cancelled")

    with pytest.raises(Cancelled):
        ask(RED, cancel)
    assert not list(tmp_path.glob("video.*"))
