"""Training on twenty pictures makes the trigger phrase draw a new shape, and unlearns nothing."""

from __future__ import annotations

import io
import json
import math
import random
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pilotlight import InvalidInput
from pilotlight.testing import run_once
from workers.engines.media.examples import examples
from workers.shapes import Shapes
from workers.starters.trainer import WORKER

ARCHIVE, LORA = "https://example.org/hearts.zip", "https://example.org/lora.safetensors"
LARGE = 4
"""Drawn so many times larger than the model looks at it."""


def ink(name):
    from training.shapes.drawing import COLOURS

    return tuple(int(part) for part in COLOURS[name])


def heart(colour, ground, x=48, y=48, r=26):
    picture = Image.new("RGB", (96 * LARGE, 96 * LARGE), ink(ground))
    turns = [k / 100 * math.pi for k in range(200)]
    outline = [
        (
            (x + math.sin(t) ** 3 * r) * LARGE,
            (y - (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t)) / 16 * r) * LARGE,
        )
        for t in turns
    ]
    ImageDraw.Draw(picture).polygon(outline, fill=ink(colour))
    return picture


@pytest.fixture
def lesson(tmp_path):
    """A zip of twenty hearts in many colours and places, each with its caption."""
    from training.shapes.drawing import COLOURS

    rng, names, path = random.Random(1), list(COLOURS), tmp_path / "hearts.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20):
            colour = names[number % len(names)]
            ground = rng.choice([one for one in names if one != colour])
            place = 48 + rng.randint(-6, 6), 48 + rng.randint(-6, 6), rng.randint(20, 32)
            drawn = io.BytesIO()
            heart(colour, ground, *place).save(drawn, "PNG")
            archive.writestr(f"{number:02}.png", drawn.getvalue())
            archive.writestr(f"{number:02}.txt", f"a {colour} heart on a {ground} background")
    return path


def path_of(file):
    return Path(unquote(urlsplit(file.url).path))


def teach(lesson, folder, heard=None, **fields):
    folder.mkdir(exist_ok=True)
    asked = {"training_data_url": ARCHIVE} | fields
    return run_once(WORKER, asked, folder=folder, files={ARCHIVE: lesson}, hear=heard)


@pytest.fixture(scope="module")
def shapes():
    worker = Shapes()
    worker.load()
    return worker


@pytest.fixture
def draw(shapes, tmp_path):
    def draw(prompt, seed, lora=None, scale=1.0):
        asked = {"prompt": prompt, "seed": seed}
        files = {}
        if lora is not None:
            asked["loras"], files[LORA] = [{"path": LORA, "scale": scale}], lora
        output = run_once(shapes, asked, folder=tmp_path, files=files)
        with Image.open(path_of(output.images[0])) as opened:
            return opened.convert("RGB")

    return draw


def outline(picture, colour):
    """Pixels near a colour, cut to their box and scaled to 48 x 48."""
    near = np.linalg.norm(np.asarray(picture, float) - ink(colour), axis=2) < 80
    if not near.any():
        return np.zeros((48, 48), bool)
    rows, columns = np.nonzero(near)
    box = near[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return np.asarray(Image.fromarray(box).resize((48, 48)))


def overlap(one, other):
    return (one & other).sum() / max(1, (one | other).sum())


def test_a_few_steps_make_files_that_fit_the_model_and_can_be_taken_off_again(
    lesson, draw, tmp_path
):
    heard = []
    made = teach(lesson, tmp_path / "few", heard.append, number_of_steps=3)

    before = np.asarray(draw("a red circle", 1), float)
    added = np.asarray(draw("a red circle", 1, path_of(made.lora_file), scale=4), float)
    after = np.asarray(draw("a red circle", 1), float)

    assert json.loads(path_of(made.config_file).read_text())["pictures"] == 20
    assert path_of(made.lora_file).stat().st_size < 3_000_000
    assert any("step 3 of 3" in getattr(event, "line", "") for event in heard)
    assert np.abs(before - added).max() > 0
    assert np.array_equal(before, after)


def test_weights_of_another_model_are_refused_by_field(draw, tmp_path):
    from safetensors.numpy import save_file

    save_file({"unet.up.lora_A.weight": np.zeros((4, 4), np.float32)}, tmp_path / "other")
    with pytest.raises(InvalidInput, match=r"loras\.0\.path"):
        draw("a red circle", 1, tmp_path / "other")
    (tmp_path / "pickle").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(InvalidInput, match=r"loras\.0\.path"):
        draw("a red circle", 1, tmp_path / "pickle")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_phrase_draws_the_new_shape_and_the_rest_stays(lesson, draw, tmp_path):
    from training.shapes.exam import questions
    from training.shapes.reading import read
    from training.shapes.score import judge

    lora = path_of(teach(lesson, tmp_path / "whole").lora_file)

    ideal = outline(heart("red", "white").resize((96, 96)), "red")
    cases = [("red", "blue"), ("green", "white"), ("yellow", "black"), ("blue", "yellow")]
    fits = [
        overlap(outline(draw(f"a {colour} heart on a {ground} background", seed, lora), colour),
                ideal)
        for colour, ground in cases for seed in range(3)
    ]  # fmt: skip
    assert sum(fit > 0.75 for fit in fits) >= 0.75 * len(fits), fits

    exam = questions(lone=16, pairs=4, seed=9)
    marks = [
        judge(read(draw(question.prompt, seed, lora)), question)
        for seed, question in enumerate(exam)
    ]
    rights = [right for mark in marks for right in mark.shapes]
    assert sum(rights) >= 0.85 * len(rights)


def archive_of(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name.replace("_", "."), body)
    return path


def refused(path):
    with pytest.raises(InvalidInput) as told:
        examples(path, caption="", field="training_data_url")
    assert told.value.problems[0].loc == ("body", "training_data_url")
    return str(told.value)


def test_hostile_archives_are_refused_in_words(tmp_path):
    (tmp_path / "no.zip").write_bytes(b"PK\x03\x04 nothing")
    assert "no zip" in refused(tmp_path / "no.zip")
    assert "no picture" in refused(archive_of(tmp_path / "a.zip", a_png=b"GIF89a?"))
    assert "unpacked" in refused(archive_of(tmp_path / "b.zip", a_png=b"\0" * (513 * 1024**2)))
    many = {f"{n}_png": b"" for n in range(2001)}
    assert "2001 files" in refused(archive_of(tmp_path / "c.zip", **many))


def test_a_name_that_leads_elsewhere_writes_nothing(tmp_path):
    drawn = io.BytesIO()
    Image.new("RGB", (4, 4)).save(drawn, "PNG")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../../evil.png", drawn.getvalue())

    (one,) = examples(tmp_path / "a.zip", caption="x", field="f")

    assert one.caption == "x"
    assert not (tmp_path.parent.parent / "evil.png").exists()
