"""Speech while it is made: what comes first, and that every format can be played."""

from __future__ import annotations

import base64
import importlib.util
import json
import wave
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pilotlight.contracts.events import Partial, Run
from pilotlight.contracts.tasks.speech import Speak
from pilotlight.execution.child_context import AttemptContext
from pilotlight.testing import run_once, stream_once
from workers.engines.speech.files import CONTENT_TYPES, SoundFile
from workers.engines.weights import carried

FETCH = "run `make setup-starters` to have the starters' libraries and weights"
LINES = "The lamp is lit. The ship is near. The harbour is open."


@pytest.fixture(scope="module")
def speaker():
    if not (carried.ROOT / "joe").is_dir() or importlib.util.find_spec("onnxruntime") is None:
        pytest.skip(FETCH)
    from workers.starters.speech import WORKER

    class Watched(WORKER):
        """Notes when each sentence is spoken."""

        def _say(self, sounds, speed):
            self.seen.append("spoken")
            return super()._say(sounds, speed)

    worker = Watched()
    worker.seen = []
    worker.load()
    return worker


def decoded(path, *, raw_rate=None):
    """(seconds, loudest sample of 32768, samples a second) as ffmpeg hears it."""
    av = pytest.importorskip("av")
    if raw_rate is None:
        opened = av.open(str(path))
    else:
        about = {"sample_rate": str(raw_rate), "ch_layout": "mono"}
        opened = av.open(str(path), format="s16le", options=about)
    with opened:
        rate = opened.streams.audio[0].rate
        to_bits = av.AudioResampler(format="s16", layout="mono")
        frames = [part for one in opened.decode(audio=0) for part in to_bits.resample(one)]
        count = sum(frame.samples for frame in frames)
        return count / rate, max(int(abs(frame.to_ndarray()).max()) for frame in frames), rate


def piece_of(partial):
    return base64.b64decode(partial["audio_url"].partition(",")[2])


def path_of(speech):
    return Path(unquote(urlsplit(speech.audio_url).path))


FORMS = ["mp3", "opus", "aac", "flac", "wav", "pcm"]
RATE_OF_PCM = {"pcm": 24_000}


@pytest.mark.parametrize("form", FORMS)
def test_the_pieces_together_are_the_file_and_play_as_long_as_it_says(speaker, tmp_path, form):
    asked = {"input": LINES, "response_format": form, "stream_format": "audio"}

    partials, said = stream_once(speaker, asked, folder=tmp_path)

    whole = path_of(said).read_bytes()
    assert b"".join(map(piece_of, partials)) == whole
    assert {one["content_type"] for one in partials} == {CONTENT_TYPES[form]}
    heard, loudest, rate = decoded(path_of(said), raw_rate=RATE_OF_PCM.get(form))
    assert heard == pytest.approx(said.duration, abs=0.12)  # codecs add some silence
    assert loudest > 3_000
    assert rate == {"opus": 48_000, "pcm": 24_000}.get(form, 22_050)


@pytest.mark.parametrize("form", FORMS)
def test_what_nobody_follows_is_a_file_that_plays_as_long(speaker, tmp_path, form):
    said = run_once(speaker, {"input": LINES, "response_format": form}, folder=tmp_path)

    heard, loudest, _ = decoded(path_of(said), raw_rate=RATE_OF_PCM.get(form))
    assert heard == pytest.approx(said.duration, abs=0.12)
    assert loudest > 3_000


@pytest.mark.parametrize("form", FORMS)
def test_the_first_sentence_can_be_heard_before_the_last_is_spoken(speaker, tmp_path, form):
    asked = Speak(input=LINES, response_format=form, stream_format="sse")
    run = Run("once", 1, "pilotlight/speech", 1, "{}", str(tmp_path), {}, streaming=True,
              low_memory=False)  # fmt: skip
    seen = speaker.seen
    seen.clear()

    def tell(event):
        if isinstance(event, Partial):
            seen.append(len(piece_of(json.loads(event.output))))

    context = AttemptContext(run, tell)
    for piece in speaker.run(asked, context):
        context.partial(piece)

    spoken = [at for at, what in enumerate(seen) if what == "spoken"]
    assert len(spoken) == 3
    early = sum(seen[spoken[0] + 1 : spoken[1]])
    assert early > 2_000  # bytes: more than a header
    assert sum(seen[spoken[1] + 1 : spoken[2]]) > 1_000


def test_a_wav_says_its_length_unless_it_was_asked_to_begin_without(speaker, tmp_path):
    asked = {"input": LINES, "response_format": "wav"}

    partials, said = stream_once(speaker, asked, folder=tmp_path)

    assert partials == []
    with wave.open(str(path_of(said))) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(said.duration, abs=0.001)


def test_a_long_sentence_comes_in_pieces_that_a_partial_output_can_carry(speaker, tmp_path):
    asked = {"input": "twelve barrels of oil " * 12, "response_format": "pcm", "speed": 0.5}

    partials, said = stream_once(speaker, asked, folder=tmp_path)

    pieces = [piece_of(one) for one in partials]
    assert len(pieces) > 3
    assert b"".join(pieces) == path_of(said).read_bytes()


def test_an_mp3_that_nobody_reads_along_knows_its_own_length(tmp_path):
    np = pytest.importorskip("numpy")
    tone = (8_000 * np.sin(np.arange(44_100) / 8)).astype(np.int16)
    sizes = {}
    for growing in (False, True):
        path = tmp_path / f"{growing}.mp3"
        sound = SoundFile(path, 22_050, "mp3", growing=growing)
        made = sound.add(tone) + sound.close()
        sizes[growing] = path.read_bytes()
        assert made == (sizes[True] if growing else b"")
    assert b"Info" in sizes[False][:300]
    assert b"Info" not in sizes[True][:300]
