"""An enlarged picture is nearer to the original than bicubic; a film keeps its sound and times."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydantic import ValidationError

from pilotlight import Cancelled, InvalidInput, OutOfMemory
from pilotlight.testing import run_once
from tests.workers.films import a_film, sound_of
from tests.workers.twin_pictures import hooked
from workers.engines.video import files as video_files
from workers.engines.video.files import Frame, Reel
from workers.starters.upscale import WEIGHTS, WORKER, Input

PICTURE, FILM = "https://example.org/in.png", "https://example.org/in.mp4"


@pytest.fixture(scope="module")
def magnifier():
    worker = WORKER()
    worker.load()
    return worker


@pytest.fixture
def ask(magnifier, tmp_path):
    def ask(asked, path, **more):
        files = {PICTURE: path, FILM: path}
        return run_once(magnifier, asked, folder=tmp_path, files=files, **more)

    return ask


def path_of(file):
    return Path(unquote(urlsplit(file.url).path))


def pixels(path):
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB"), float)


def harbour(side=256):
    """Print, circles, thin lines and a slope of brightness, twice as fine as it ends."""
    large = Image.new("RGB", (2 * side, 2 * side))
    large.putdata([(x // 4, 120, y // 4) for y in range(2 * side) for x in range(2 * side)])
    pen = ImageDraw.Draw(large)
    for n in range(9):
        turn = n * math.pi / 9
        dx, dy = 180 * math.cos(turn), 180 * math.sin(turn)
        pen.line((256 - dx, 190 - dy, 256 + dx, 190 + dy), (250, 240, 200), 4)
    pen.ellipse((196, 130, 316, 250), (200, 40, 40), (20, 20, 20), 8)
    pen.text((30, 400), "Lighthouse oil", "white", ImageFont.load_default(60))
    return large.resize((side, side), Image.Resampling.LANCZOS)


def test_an_enlarged_picture_is_nearer_to_the_original_than_bicubic(ask, tmp_path):
    original = harbour()
    small = original.resize((128, 128), Image.Resampling.BICUBIC)
    small.save(tmp_path / "small.png")

    made = ask({"image_url": PICTURE}, tmp_path / "small.png").image

    def distance(picture):
        return np.square(np.asarray(picture, float) - np.asarray(original, float)).mean()

    bicubic = distance(small.resize((256, 256), Image.Resampling.BICUBIC))
    assert (made.width, made.height, made.content_type) == (256, 256, "image/png")
    assert distance(pixels(path_of(made))) < 0.6 * bicubic


def test_a_picture_in_pieces_is_the_picture_in_one_piece(magnifier):
    picture = np.asarray(harbour(160))

    whole = magnifier.model.enlarge(picture, 2)
    pieces = magnifier.model.enlarge(picture, 2, low_memory=True)

    assert np.abs(whole.astype(int) - pieces).max() <= 1


def test_memory_that_runs_out_is_enough_for_smaller_pieces(magnifier):
    picture = np.zeros((300, 300, 3), np.uint8)

    def small_only(_module, seen):
        if seen[0].shape[2] > 160:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    with hooked(magnifier.model.model, small_only):
        with pytest.raises(OutOfMemory) as caught:
            magnifier.model.enlarge(picture, 2)
        grown = magnifier.model.enlarge(picture, 2, low_memory=True)

    assert caught.value.__context__ is None  # what it held can go
    assert grown.shape == (600, 600, 3)


@pytest.mark.parametrize(("scale", "sides"), [(1.5, (72, 60)), (3, (144, 120)), (4, (192, 160))])
def test_any_scale_gives_just_that_size(ask, tmp_path, scale, sides):
    harbour().resize((48, 40)).save(tmp_path / "small.png")

    made = ask({"image_url": PICTURE, "scale": scale}, tmp_path / "small.png").image

    assert (made.width, made.height) == sides


def test_what_was_see_through_still_is(ask, tmp_path):
    disc = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    ImageDraw.Draw(disc).ellipse((8, 8, 32, 32), (200, 40, 40, 255))
    disc.save(tmp_path / "disc.png")

    made = ask({"image_url": PICTURE}, tmp_path / "disc.png").image

    with Image.open(path_of(made)) as opened:
        assert opened.mode == "RGBA"
        assert opened.getpixel((2, 2))[3] < 10
        assert opened.getpixel((40, 40)) == pytest.approx((200, 40, 40, 255), abs=20)


def test_an_enlarged_film_keeps_its_frames_times_and_sound(ask, tmp_path):
    film = a_film(tmp_path / "in.mp4", seconds=1, rate=12, sound=True)

    made = ask({"video_url": FILM}, film).video

    told = video_files.facts(path_of(made), "video_url")
    assert (told.width, told.height, told.rate, told.frames) == (192, 128, Fraction(12), 12)
    assert (made.width, made.height, made.fps, made.num_frames) == (192, 128, 12, 12)
    assert made.duration == pytest.approx(1)
    assert made.content_type == "video/mp4"
    assert sound_of(path_of(made)) == sound_of(film)
    before = list(video_files.frames(film, "video_url"))
    after = list(video_files.frames(path_of(made), "video_url"))
    assert [float(one.at) for one in after] == pytest.approx([float(one.at) for one in before])
    shrunk = Image.fromarray(after[5].pixels).resize((96, 64), Image.Resampling.BOX)
    assert np.abs(np.asarray(shrunk, float) - before[5].pixels).mean() < 3


@pytest.mark.parametrize("form", ["mp4", "webm"])
def test_colours_come_out_of_a_film_as_they_went_in_and_the_film_says_which_they_are(
    tmp_path, form
):
    flags = np.zeros((65, 97, 3), np.uint8)
    flags[:, :48], flags[:, 48:] = (220, 40, 40), (40, 170, 60)
    path, reel = tmp_path / f"out.{form}", Reel(rate=Fraction(8), form=form)

    made = video_files.write(path, [Frame(flags, Fraction(n, 8)) for n in range(3)], reel)

    assert (made.width, made.height) == (98, 66)  # the formats need even sides
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.colorspace == 1  # BT.709
    for frame in video_files.frames(path, "f"):
        assert frame.pixels[30, 20] == pytest.approx((220, 40, 40), abs=4)
        assert frame.pixels[30, 70] == pytest.approx((40, 170, 60), abs=4)


def test_a_cancelled_film_ends_at_the_next_frame(magnifier, tmp_path):
    film = a_film(tmp_path / "in.mp4", seconds=1, rate=12)
    heard = []

    def stop(event):
        heard.append(event)
        raise Cancelled("the job was cancelled")

    with pytest.raises(Cancelled):
        run_once(magnifier, {"video_url": FILM}, folder=tmp_path, files={FILM: film}, hear=stop)
    assert len(heard) == 1


def test_what_cannot_be_enlarged_is_refused_in_words(ask, tmp_path):
    (tmp_path / "no.mp4").write_bytes(b"\0\0\0\x18ftypmp42 and then nothing that makes sense")
    with pytest.raises(InvalidInput, match="video_url cannot be read as a film"):
        ask({"video_url": FILM}, tmp_path / "no.mp4")
    Image.new("L", (4000, 4000)).save(tmp_path / "vast.png")
    with pytest.raises(InvalidInput, match="scale makes 4000 x 4000 larger than"):
        ask({"image_url": PICTURE, "scale": 8}, tmp_path / "vast.png")
    Image.new("L", (3000, 2)).save(tmp_path / "wide.gif")
    with pytest.raises(
        InvalidInput, match=r"scale makes a film of 24000 x 16 pixels; at most 16384"
    ):
        ask({"video_url": FILM, "scale": 8}, tmp_path / "wide.gif")
    for asked in ({}, {"image_url": PICTURE, "video_url": FILM}):
        with pytest.raises(ValidationError, match="either video_url or image_url"):
            Input(**asked)


def test_the_weights_stay_small_enough_to_live_in_the_repository():
    assert WEIGHTS.stat().st_size < 1_000_000
