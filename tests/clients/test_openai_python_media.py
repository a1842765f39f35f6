"""PyPI ``openai``: pictures, sound and files."""

from __future__ import annotations

import base64
import io
import wave

import openai
import pytest
from PIL import Image

from tests.clients.openai_python import LEAVES_SOCKETS, PARROT, client

__all__ = ["client"]
pytestmark = LEAVES_SOCKETS


@pytest.fixture(scope="module")
def picture():
    made = io.BytesIO()
    Image.new("RGB", (8, 8), "#102030").save(made, "png")
    return made.getvalue()


@pytest.fixture(scope="module")
def recording():
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(1000)
        file.writeframes(bytes(1500))
    return made.getvalue()


def test_pictures_in_a_chat_reach_the_model(client, picture):
    url = "data:image/png;base64," + base64.b64encode(picture).decode()
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = client.chat.completions.create(
        model=PARROT, messages=[{"role": "user", "content": parts}]
    )

    assert answer.choices[0].message.content == f"see ({len(picture)} bytes of picture)"


def test_speech_is_bytes_and_streams(client, tmp_path):
    asked = {"voice": "tin", "input": "one two three"}
    said = client.audio.speech.create(model="tests/whistle/whole", response_format="wav", **asked)
    with wave.open(io.BytesIO(said.content)) as sound:
        assert sound.getnframes() == 2400
    assert said.response.headers["content-type"] == "audio/wav"
    with client.audio.speech.with_streaming_response.create(
        model="tests/whistle", response_format="pcm", **asked
    ) as live:
        live.stream_to_file(tmp_path / "said.pcm")
    assert len((tmp_path / "said.pcm").read_bytes()) == 4800


def test_a_recording_is_transcribed_in_every_format(client, recording):
    def heard(**more):
        return client.audio.transcriptions.create(
            model="tests/listener", file=("a.wav", recording), **more
        )

    assert heard().text == "second 1. second 2."
    assert heard(response_format="text") == "second 1. second 2.\n"
    assert heard(response_format="srt").startswith("1\n00:00:00,000 --> 00:00:01,000\nsecond 1.\n")
    assert heard(response_format="vtt").startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n")
    verbose = heard(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert (verbose.duration, verbose.language, len(verbose.segments)) == (1.5, "en", 2)
    assert [one.word for one in verbose.words] == ["1.", "2."]
    *deltas, done = heard(stream=True)
    assert "".join(one.delta for one in deltas) == done.text == "second 1. second 2."
    translated = client.audio.translations.create(model="tests/listener", file=recording)
    assert translated.text.startswith("in English")


def test_pictures_are_made_and_changed(client, live, picture):
    made = client.images.generate(model="tests/painter", prompt="a lamp", n=2, size="16x16")
    answer = live.ask("GET", made.data[0].url, key=None)
    assert Image.open(io.BytesIO(answer.body)).size == (16, 16)
    inline = client.images.generate(
        model="tests/painter", prompt="a lamp", size="16x16", response_format="b64_json"
    )
    assert base64.b64decode(inline.data[0].b64_json) == answer.body
    edited = client.images.edit(
        model="tests/painter/edit",
        image=("a.png", picture),
        prompt="turn",
        response_format="b64_json",
    )
    turned = Image.open(io.BytesIO(base64.b64decode(edited.data[0].b64_json)))
    assert turned.getpixel((0, 0)) == (0xEF, 0xDF, 0xCF)
    stream = client.images.generate(
        model="tests/painter", prompt="a lamp", stream=True, partial_images=1
    )
    assert [one.type for one in stream] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]


def test_files_go_up_and_come_back(client):
    lines = b'{"custom_id": "1"}\n' * 3
    made = client.files.create(file=("lines.jsonl", lines), purpose="batch")

    assert client.files.wait_for_processing(made.id).status == "processed"
    assert client.files.content(made.id).content == lines
    assert made.id in [one.id for one in client.files.list(limit=1)]
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)
