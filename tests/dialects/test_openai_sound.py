"""Speech and transcripts in OpenAI's words: bytes, forms, formats, events."""

from __future__ import annotations

import base64
import io
import json
import wave

import httpx2
import pytest

from pilotlight.errors import Problem
from tests.dialects.openai_stage import answered, events, streamed
from tests.dialects.stage import Background

WHISTLE = {"model": "tests/whistle", "input": "one two", "voice": "tin", "response_format": "wav"}
WHOLE = {**WHISTLE, "model": "tests/whistle/whole"}
FILE = {"audio_url": "artifact:0", "content_type": "audio/wav", "duration": 1.0}


def wav(seconds=1.5):
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(1000)
        file.writeframes(bytes(round(1000 * seconds)))
    return made.getvalue()


SOUND = wav()


def sound(stage, job):
    return stage.artifact(job.id, SOUND, "a.wav", "audio/wav")


def piece(data):
    return {"audio_url": "data:audio/wav;base64," + base64.b64encode(data).decode()}


# Speech


def test_speech_is_the_bytes_of_the_file(openai_stage, openai_client):
    job, reply = answered(openai_stage, openai_client, "/v1/audio/speech", WHOLE, FILE, [sound])

    assert reply.content == SOUND
    assert reply.headers["content-type"] == "audio/wav"
    assert reply.headers["content-length"] == str(len(SOUND))
    assert reply.headers["x-request-id"] == job.id
    assert not job.streaming


def test_a_voice_of_ones_own_is_known_by_its_id(openai_stage, openai_client):
    body = {**WHOLE, "voice": {"id": "voice_1"}}
    job, _ = answered(openai_stage, openai_client, "/v1/audio/speech", body, FILE, [sound])

    assert json.loads(job.input)["voice"] == "voice_1"


def live(stage, client, pieces, body=WHISTLE):
    """Bytes that arrived, or what broke: pieces as partial outputs, then the stored file."""

    def call():
        heard = b""
        with client.stream("POST", "/v1/audio/speech", json=body) as reply:
            assert reply.status_code == 200
            for chunk in reply.iter_raw():
                heard += chunk
        return heard

    calling = Background(call)
    job = stage.only_job()
    stage.start(job.id)
    for data in pieces:
        stage.tell(job.id, "partial", **piece(data))
    stage.succeed(job.id, FILE, [sound(stage, job)])
    return calling.result()


@pytest.mark.parametrize("cuts", [[], [100], [100, 700, len(SOUND)]], ids=["none", "some", "all"])
def test_speech_of_a_model_that_streams_is_the_same_bytes_however_they_come(
    openai_stage, openai_client, cuts
):
    pieces = [SOUND[a:b] for a, b in zip([0, *cuts], cuts, strict=False)]

    assert live(openai_stage, openai_client, pieces) == SOUND


def test_a_patchwork_of_two_attempts_breaks_off(openai_stage, openai_client):
    with pytest.raises(httpx2.RemoteProtocolError):
        live(openai_stage, openai_client, [SOUND[:100], SOUND[:200]])


def test_speech_as_events_is_base64_and_ends_with_done(openai_stage, openai_client):
    def tell(job):
        openai_stage.tell(job.id, "partial", **piece(SOUND[:100]))
        openai_stage.succeed(job.id, FILE, [sound(openai_stage, job)])

    body = {**WHISTLE, "stream_format": "sse"}
    _, heard = streamed(openai_stage, openai_client, "/v1/audio/speech", body, tell)

    assert {one["type"] for one in heard[:-1]} == {"speech.audio.delta"}
    assert b"".join(base64.b64decode(one["audio"]) for one in heard[:-1]) == SOUND
    assert heard[-1] == {"type": "speech.audio.done", "usage": None}


def test_a_worker_that_gives_no_file_is_an_error_and_no_empty_sound(openai_stage, openai_client):
    _, reply = answered(
        openai_stage, openai_client, "/v1/audio/speech", WHOLE, {"audio_url": "https://a.b/c"}
    )

    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "worker_error")


# Transcripts

HEARD = {
    "text": "one two --> three",
    "language": "en",
    "duration": 61.25,
    "segments": [
        {"id": 0, "start": 0.0, "end": 1.5, "text": " one"},
        {"id": 1, "start": 1.5, "end": 3661.25, "text": " two --> three"},
    ],
    "words": None,
}


def transcribed(stage, client, path="/v1/audio/transcriptions", output=HEARD, **fields):
    files = {"file": ("a.wav", SOUND, "audio/wav")}
    data = {"model": "tests/listener", **fields}
    return answered(stage, client, path, None, output, data=data, files=files)


def test_a_recording_becomes_our_own_copy_under_the_key_of_its_bytes(openai_stage, openai_client):
    job, reply = transcribed(
        openai_stage,
        openai_client,
        language="de",
        temperature="0.2",
        **{"timestamp_granularities[]": ["word", "segment"]},
    )

    stored = json.loads(job.input)
    key = stored.pop("audio_url").removeprefix("blob:")
    assert stored == {
        "model": "tests/listener",
        "language": "de",
        "temperature": "0.2",
        "timestamp_granularities": ["word", "segment"],
        "task": "transcribe",
    }
    with openai_stage.services.blobs.open(key) as file:
        assert file.read() == SOUND
    assert openai_stage.services.blobs.info(key).expires_at is not None
    assert reply.json() == {
        "text": "one two --> three",
        "usage": {"type": "duration", "seconds": 62},
    }


def test_a_translation_is_asked_for_in_english(openai_stage, openai_client):
    job, reply = transcribed(
        openai_stage, openai_client, "/openai/v1/audio/translations", response_format="verbose_json"
    )

    assert json.loads(job.input)["task"] == "translate"
    assert json.loads(job.input)["timestamp_granularities"] == ["segment"]
    said = {name: value for name, value in HEARD.items() if name != "usage"}
    assert reply.json() == {
        "task": "translate",
        **said,
        "usage": {"type": "duration", "seconds": 62},
    }


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ("text", "one two --> three\n"),
        (
            "srt",
            (
                "1\n00:00:00,000 --> 00:00:01,500\none\n\n"
                "2\n00:00:01,500 --> 01:01:01,250\ntwo -> three\n"
            ),
        ),
        (
            "vtt",
            (
                "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\none\n\n"
                "00:00:01.500 --> 01:01:01.250\ntwo -> three\n"
            ),
        ),
    ],
)
def test_a_transcript_as_text(openai_stage, openai_client, shape, text):
    _, reply = transcribed(openai_stage, openai_client, response_format=shape)

    assert reply.text == text
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_model_without_segments_has_said_it_all_in_one(openai_stage, openai_client):
    _, reply = transcribed(
        openai_stage, openai_client, output={"text": "hi", "duration": 2}, response_format="srt"
    )

    assert reply.text == "1\n00:00:00,000 --> 00:00:02,000\nhi\n"


def test_a_transcript_streams_as_it_is_heard(openai_stage, openai_client):
    def call():
        with openai_client.stream(
            "POST",
            "/v1/audio/transcriptions",
            data={"model": "tests/listener", "stream": "true"},
            files={"file": ("a.wav", SOUND)},
        ) as reply:
            return events(reply)

    calling = Background(call)
    job = openai_stage.only_job()
    openai_stage.start(job.id)
    openai_stage.tell(job.id, "partial", text="one")
    openai_stage.succeed(job.id, {"text": "one two"})

    assert calling.result() == [
        {"type": "transcript.text.delta", "delta": "one"},
        {"type": "transcript.text.delta", "delta": " two"},
        {"type": "transcript.text.done", "text": "one two"},
    ]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ({"data": {"model": "tests/listener"}, "files": {"file": ("a.wav", SOUND)}}, "file"),
        (
            {"json": {"model": "tests/listener", "audio_url": piece(SOUND)["audio_url"]}},
            "audio_url",
        ),
    ],
    ids=["form", "json"],
)
def test_a_recording_that_cannot_be_read_is_called_as_its_caller_does(
    openai_stage, openai_client, sent, name
):
    calling = Background(openai_client.post, "/v1/audio/transcriptions", **sent)
    problem = Problem(("body", "audio_url"), "is no sound that can be read", "invalid_audio")
    told = "audio_url is no sound that can be read"
    openai_stage.fail(openai_stage.only_job().id, "invalid_input", told, 422, problem)

    error = calling.result().json()["error"]
    assert error["param"] == name
    assert error["message"] == f"{name} is no sound that can be read"


def test_a_recording_may_be_a_url_in_json(openai_stage, openai_client):
    url = "data:audio/wav;base64," + base64.b64encode(SOUND).decode()
    body = {"model": "tests/listener", "audio_url": url}
    job, reply = answered(
        openai_stage, openai_client, "/v1/audio/transcriptions", body, {"text": "hi"}
    )

    assert json.loads(job.input)["audio_url"].startswith("blob:inputs/alice/")
    assert reply.json() == {"text": "hi"}


@pytest.mark.parametrize(
    ("fields", "files", "param"),
    [
        ({"response_format": "diarized_json"}, {"file": SOUND}, "response_format"),
        ({}, {}, "file"),
        ({}, {"file": b"these are only words"}, "file"),
        ({}, {"file": SOUND, "cover": SOUND}, "cover"),
        ({"temperature": "7"}, {"file": SOUND}, "temperature"),
    ],
    ids=["format", "no file", "no sound", "two files", "limit"],
)
def test_a_form_that_cannot_be_names_the_field(openai_stage, openai_client, fields, files, param):
    reply = openai_client.post(
        "/v1/audio/transcriptions",
        data={"model": "tests/listener", **fields},
        files=files or {"other": (None, "x")},
    )

    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"] == param
    assert openai_stage.services.store.list_jobs() == []
