"""What a conversation shows and plays reaches an engine decoded, and never as an address."""

from __future__ import annotations

import base64
import io
import wave

import numpy as np
import pytest
from PIL import Image

from pilotlight import InvalidInput
from pilotlight.testing import run_once
from workers.engines.speech.files import SoundFile
from workers.production.qwen3_5_4b import Qwen354b

URL = "https://example.org/a"
RED = Image.new("RGB", (60, 40), (200, 30, 40))


class Recorded:
    """Stands where the engine would: hears what it is asked."""

    def __init__(self):
        self.asked = []

    async def chat(self, asked, *, seed, live):
        self.asked.append(asked)
        yield {"choices": [{"message": {"content": "a lighthouse"}}]}


@pytest.fixture
def heard(tmp_path):
    """Ask with one part, and get the part that the engine would have got."""
    worker = Qwen354b()
    worker.engine = Recorded()

    def ask(part, path=None):
        asked = {"messages": [{"role": "user", "content": [part, {"type": "text", "text": "?"}]}]}
        run_once(worker, asked, folder=tmp_path, files={URL: path} if path else {})
        (said,) = worker.engine.asked
        return said.messages[0].content[0]

    ask.engine = worker.engine
    return ask


def shown():
    return {"type": "image_url", "image_url": {"url": URL}}


def content(url, kind):
    head, data = url.split(",")
    assert head == f"data:{kind};base64"
    return io.BytesIO(base64.b64decode(data))


@pytest.mark.parametrize(("ending", "kind"), [("png", "image/png"), ("jpeg", "image/jpeg")])
def test_a_picture_is_seen_as_it_is(heard, tmp_path, ending, kind):
    path = tmp_path / f"a.{ending}"
    RED.save(path)

    told = heard(shown(), path)

    seen = Image.open(content(told.image_url.url, kind))
    assert seen.size == (60, 40)
    assert np.abs(np.asarray(seen, int) - (200, 30, 40)).max() <= 3


@pytest.mark.parametrize("huge", [True, False])
def test_what_would_break_a_decoder_never_gets_to_the_engine(heard, tmp_path, huge):
    path = tmp_path / "a.png"
    if huge:
        Image.new("1", (7000, 6000)).save(path)
    else:
        path.write_bytes(b"\x89PNG\r\n\x1a\n and no more")

    with pytest.raises(InvalidInput, match=r"messages\.0\.content\.0\.image_url") as refused:
        heard(shown(), path)

    place = ("body", "messages", 0, "content", 0, "image_url", "url")
    assert refused.value.problems[0].loc == place
    assert heard.engine.asked == []


@pytest.mark.parametrize("addressed", [True, False])
def test_a_recording_is_heard_whatever_it_came_as(heard, tmp_path, addressed):
    path = tmp_path / "a.mp3"
    file = SoundFile(path, 22_050, "mp3")
    file.add((np.sin(np.arange(22_050) * 0.2) * 8000).astype(np.int16))
    file.close()

    if addressed:
        told = heard({"type": "audio_url", "audio_url": {"url": URL}}, path)
        sound = content(told.audio_url.url, "audio/wav")
    else:
        sent = {"data": base64.b64encode(path.read_bytes()).decode(), "format": "mp3"}
        told = heard({"type": "input_audio", "input_audio": sent})
        assert told.input_audio.format == "wav"
        sound = io.BytesIO(base64.b64decode(told.input_audio.data))

    with wave.open(sound) as read:
        assert (read.getnchannels(), read.getframerate()) == (1, 16_000)
        assert read.getnframes() / 16_000 == pytest.approx(1, abs=0.15)
        assert any(read.readframes(read.getnframes()))


def test_what_is_no_base64_is_refused_by_its_place(heard):
    with pytest.raises(InvalidInput, match="not base64") as refused:
        heard({"type": "input_audio", "input_audio": {"data": "äöü", "format": "wav"}})

    assert refused.value.problems[0].loc[-2:] == ("input_audio", "data")
