"""An interpolated frame lies between its neighbours, where things would have been by then."""

from __future__ import annotations

import pickle
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
import numpy as np
import pytest
from PIL import Image

from pilotlight import InvalidInput, OutOfMemory
from pilotlight.testing import run_once
from tests.workers.films import a_film, heard_s, sound_of, wall
from tests.workers.twin_pictures import hooked
from workers.engines.video import files as video_files
from workers.engines.weights import carried
from workers.starters.interpolate import WORKER

FILM = "https://example.org/in.mp4"


@pytest.fixture(scope="module")
def between():
    if not (carried.ROOT / "rife").is_dir():
        pytest.skip("rife is not here: run `make setup-starters`")
    worker = WORKER()
    worker.load()
    return worker


@pytest.fixture
def ask(between, tmp_path):
    def ask(path, **fields):
        asked = {"video_url": FILM} | fields
        made = run_once(between, asked, folder=tmp_path, files={FILM: path}).video
        return made, Path(unquote(urlsplit(made.url).path))

    return ask


def frames_of(path):
    return [(one.pixels.astype(float), float(one.at)) for one in video_files.frames(path, "f")]


def away(one, other):
    """Mean difference in their middles, of 255: what slides in at the edge nobody can know."""
    return np.abs(one.astype(float) - other)[8:-8, 16:-16].mean()


def test_the_frame_between_two_is_where_the_wall_was_by_then(between):
    before, halfway, after = wall(0), wall(3), wall(6)

    made = between.model.pair(before, after).at(1, 2)

    assert away(made, halfway) < 0.35 * away((before.astype(float) + after) / 2, halfway)
    assert away(made, halfway) < 0.1 * min(away(before, halfway), away(after, halfway))


def test_frames_of_a_quarter_lie_in_order_on_the_way(between):
    pair = between.model.pair(wall(0), wall(8))

    for step in (1, 2, 3):
        made = pair.at(step, 4)
        nearest = min(range(9), key=lambda shift: away(made, wall(shift)))
        assert nearest == 2 * step


def test_memory_that_runs_out_is_enough_for_smaller_pieces(between):
    ends = [np.full((500, 500, 3), shade, np.uint8) for shade in (0, 20)]

    def small_only(_module, seen):
        if seen[0].shape[2] > 500:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    with hooked(between.model.model, small_only):
        with pytest.raises(OutOfMemory):
            between.model.pair(*ends).at(1, 2)
        assert between.model.pair(*ends, low_memory=True).at(1, 2).shape == (500, 500, 3)


def test_two_scenes_are_not_mixed(between):
    before, after = wall(0), np.zeros_like(wall(0))
    pair = between.model.pair(before, after)

    assert (pair.at(1, 4) == before).all()
    assert (pair.at(3, 4) == after).all()


def test_a_frame_in_pieces_is_the_frame_in_one_piece(between):
    big = [np.tile(wall(shift), (3, 3, 1)) for shift in (0, 4)]

    whole, pieces = (
        between.model.middle(*big, side=side, on_tile=lambda: None) for side in (1024, 96)
    )

    assert np.abs(whole.astype(float) - pieces).mean() < 0.5


def test_a_film_gets_twice_the_frames_and_keeps_its_length_and_its_sound(ask, tmp_path):
    film = a_film(tmp_path / "in.mp4", seconds=1, rate=6, sound=True)

    made, path = ask(film)

    told = video_files.facts(path, "f")
    assert (told.frames, told.rate) == (12, Fraction(12))
    assert (made.num_frames, made.fps, made.width, made.height) == (12, 12, 96, 64)
    assert made.duration == pytest.approx(1)
    assert sound_of(path) == sound_of(film)
    old, new = frames_of(film), frames_of(path)
    assert [at for _, at in new] == pytest.approx([n / 12 for n in range(12)], abs=1e-3)
    for number in range(5):
        kept, made_between = new[2 * number][0], new[2 * number + 1][0]
        assert away(kept, old[number][0]) < 4
        assert away(made_between, wall(4 * number + 2)) < 0.5 * away(kept, old[number + 1][0])


def test_a_slower_rate_slows_the_sound_down_with_the_film(ask, tmp_path):
    film = a_film(tmp_path / "in.mp4", seconds=1, rate=4, sound=True)

    made, path = ask(film, fps=4)

    assert (made.num_frames, made.fps, made.duration) == (8, 4, 2)
    assert heard_s(path) == pytest.approx(2, abs=0.15)


def test_a_film_whose_rate_varies_keeps_its_times(ask, tmp_path):
    path, times = tmp_path / "in.mp4", [0, 1, 4, 5, 9]  # tenths of a second
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 10)
        for number, at in enumerate(times):
            frame = av.VideoFrame.from_ndarray(wall(4 * number), format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    _, made = ask(path)

    told = [at for _, at in frames_of(made)]
    assert told[::2] == pytest.approx([at / 10 for at in times], abs=2e-3)
    assert told[1:8:2] == pytest.approx([0.05, 0.25, 0.45, 0.7], abs=2e-3)


def test_a_single_frame_stands_still(ask, tmp_path):
    made, _ = ask(a_film(tmp_path / "in.mp4", seconds=0.25, rate=4), factor=3)

    assert made.num_frames == 3


def test_what_is_no_film_is_refused_in_words(ask, tmp_path):
    (tmp_path / "no.mp4").write_bytes(b"RIFF nothing that makes sense")
    with pytest.raises(InvalidInput, match="video_url cannot be read as a film"):
        ask(tmp_path / "no.mp4")
    Image.new("L", (17_000, 2)).save(tmp_path / "wide.gif")
    with pytest.raises(InvalidInput, match="video_url makes a film of 17000 x 2 pixels"):
        ask(tmp_path / "wide.gif")


def test_only_tensors_were_kept_of_the_weights(between):
    assert [path.name for path in (carried.ROOT / "rife").iterdir()] == ["weights.safetensors"]


def test_a_pickle_that_would_do_something_is_refused_and_does_nothing(tmp_path):
    pytest.importorskip("torch")
    from workers.starters.__main__ import CannotBeHad, _tame

    class Hostile:
        def __reduce__(self):
            return Path.touch, (tmp_path / "done",)

    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "flownet.pkl").write_bytes(pickle.dumps({"block0.w": Hostile()}, 2))

    with pytest.raises(CannotBeHad, match="holds more than tensors"):
        _tame(tmp_path / "weights", ("block0",))

    assert not (tmp_path / "done").exists()
    assert not list(tmp_path.rglob("*.safetensors"))
