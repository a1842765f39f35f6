"""A drawn face speaks: its mouth is as open as the recording is loud, read off the pixels."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path
from random import Random
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

from demo.gallery import drawings
from pilotlight import Cancelled, InvalidInput
from pilotlight.contracts.events import Progress
from pilotlight.testing import run_once
from tests.workers.films import heard_s
from workers.engines.media import sounds
from workers.engines.video import files as video_files
from workers.engines.video import hearing
from workers.engines.weights import carried
from workers.starters.speech_to_video import WEIGHTS, WORKER

FACE, SOUND = "https://example.org/face.png", "https://example.org/said.wav"
MAX_BYTES = 3_000_000
FOLLOWS = 0.8
"""Least correlation of how open the mouth is with how loud it is."""

pytestmark = pytest.mark.timeout(240)


def write(path, samples):
    """16-bit numbers, one channel."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(hearing.RATE)
        file.writeframes(samples.tobytes())


@pytest.fixture(scope="module")
def speaking():
    worker = WORKER()
    worker.load()
    return worker


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """A sentence of the speech starter; of a synthetic voice where its weights are not here."""
    folder = tmp_path_factory.mktemp("said")
    if (carried.ROOT / "joe").is_dir():
        from workers.starters.speech import WORKER as SPEECH

        asked = {"input": "The ship was guided home. By a lighthouse!", "response_format": "wav"}
        made = run_once(SPEECH, asked, folder=folder)
        return Path(unquote(urlsplit(made.audio_url).path))
    from training.talking.voices import voice

    samples = (voice(Random(99), 3) * 32_000).clip(-32_767, 32_767).astype(np.int16)
    write(folder / "said.wav", samples)
    return folder / "said.wav"


@pytest.fixture
def ask(speaking, tmp_path):
    def ask(picture, sound, *, hear=None, **fields):
        picture.save(tmp_path / "face.png")
        asked = {"image_url": FACE, "audio_url": SOUND} | fields
        files = {FACE: tmp_path / "face.png", SOUND: sound}
        made = run_once(speaking, asked, folder=tmp_path, files=files, hear=hear)
        return made, Path(unquote(urlsplit(made.video.url).path))

    return ask


def unseen(row=0):
    """A face never trained on: its picture, where its mouth can be, and its skin."""
    import torch

    from training.talking.faces import Faces
    from training.talking.score import UNSEEN, skin_of

    faces = Faces(Random(UNSEEN + 1), row + 1)
    drawn, zone = faces.some([row]).draw(torch.zeros(1))
    pixels = (drawn[0] * 255).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(pixels), zone[0, 0].bool().numpy(), skin_of(faces, row)


def pixels_of(path):
    return np.stack([one.pixels for one in video_files.frames(path, "f")])


def loudness_by_frame(path, rate=25):
    """As the ear has it: how loud it is around each picture."""
    heard = sounds.sound(path, "f", rate=hearing.RATE)
    loud = np.convolve(hearing.loudness(heard), np.ones(5) / 5, "same")
    count = round(len(heard) / hearing.RATE * rate)
    return loud[[min(len(loud) - 1, round((n + 0.5) / rate * 100)) for n in range(count)]]


def openness(frames, zone, skin):
    from training.talking.score import openness

    return np.array([openness(frame, zone, skin) for frame in frames])


@pytest.mark.parametrize("row", [0, 1, 2])
def test_the_mouth_of_an_unseen_face_is_as_open_as_the_speech_is_loud(ask, said, row):
    picture, *about = unseen(row)

    frames = pixels_of(ask(picture, said)[1])

    loud = loudness_by_frame(said)
    assert len(frames) == len(loud)
    opened = openness(frames, *about)
    assert np.corrcoef(opened, loud)[0, 1] >= FOLLOWS
    assert opened.max() - opened.min() > 0.1


def test_a_face_drawn_by_other_hands_speaks_too_and_only_its_mouth_moves(ask, said):
    import io

    picture = Image.open(io.BytesIO(drawings.face())).convert("RGB")
    frames = pixels_of(ask(picture, said)[1]).astype(float)

    height, width = frames.shape[1:3]
    moved = np.abs(frames - frames[0]).max((0, 3))
    loud = loudness_by_frame(said)
    changed = np.abs(frames - np.asarray(picture, float)).sum((1, 2, 3))
    assert np.corrcoef(changed, loud)[0, 1] >= FOLLOWS
    rows, columns = np.nonzero(moved > 60)
    assert rows.min() > 0.5 * height  # nothing but the lower half of the face
    assert 0.25 * width < columns.min() < columns.max() < 0.75 * width


def test_silence_keeps_a_mouth_closed_and_the_picture_as_it_is(ask, tmp_path):
    write(tmp_path / "silence.wav", np.zeros(hearing.RATE, np.int16))
    picture, *about = unseen()

    frames = pixels_of(ask(picture, tmp_path / "silence.wav")[1])

    closed = openness([np.asarray(picture)], *about)
    assert np.abs(openness(frames, *about) - closed).max() < 0.02
    assert np.abs(frames.astype(float) - np.asarray(picture, float)).mean() < 4  # the codec's share


def test_what_is_no_mouth_stays_as_it_was(speaking, said):
    picture, zone, _ = unseen()
    heard = sounds.sound(said, "f", rate=hearing.RATE)

    frames = list(speaking.model.frames(picture, hearing.windows(heard, rate=10)))

    away = np.abs(np.stack(frames).astype(float) - np.asarray(picture, float))[:, ~zone]
    assert away.mean() < 0.2
    assert (away.max(1) == 0).mean() > 0.9  # most pixels to the bit


def test_the_film_is_as_long_as_the_sound_and_says_it(ask, said):
    made, path = ask(unseen()[0].resize((300, 201)), said, fps=12)

    length, told = heard_s(said), video_files.facts(path, "f")
    film = made.video
    assert (film.width, film.height, film.fps) == (300, 202, 12)
    assert told.rate == Fraction(12)
    assert told.frames == film.num_frames == round(length * 12)
    assert abs(heard_s(path) - length) < 0.1
    assert film.content_type == "video/mp4"
    assert made.duration == pytest.approx(length, abs=0.01)


def test_equal_inputs_give_equal_films_told_frame_by_frame(ask, said):
    heard = []
    first = ask(unseen()[0], said, fps=8, hear=heard.append)[1].read_bytes()

    assert ask(unseen()[0], said, fps=8)[1].read_bytes() == first
    told = [event.fraction for event in heard if isinstance(event, Progress)]
    assert told == sorted(told)
    assert told[-1] == 1


def test_a_cancelled_job_ends_at_the_next_frame(ask, said):
    def cancel(event):
        if isinstance(event, Progress):
            raise Cancelled("the job was cancelled")

    with pytest.raises(Cancelled):
        ask(unseen()[0], said, hear=cancel)


def test_what_is_no_sound_or_too_long_is_refused_by_field(ask, said, tmp_path, monkeypatch):
    (tmp_path / "no.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(InvalidInput, match="audio_url"):
        ask(unseen()[0], tmp_path / "no.wav")
    monkeypatch.setattr("workers.starters.speech_to_video.LONGEST_S", 0.5)
    with pytest.raises(InvalidInput, match=r"audio_url is longer than 0\.5 s"):
        ask(unseen()[0], said)


def test_the_weights_stay_small_enough_to_live_in_the_repository():
    assert WEIGHTS.stat().st_size < MAX_BYTES
