"""Files that break a limit of their field are refused before the job costs anything."""

from __future__ import annotations

import base64
import io
import json
import struct
import wave
import zlib
from contextlib import contextmanager

import pytest

from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.web.fetcher import GuardedFetcher
from pilotlight.adapters.web.guard import Policy
from pilotlight.adapters.web.outbound import Outbound
from pilotlight.contracts.media import SAMPLES, Media
from pilotlight.errors import FetchFailed
from pilotlight.intake.media_limits import Measures, fault_of, measure, takes
from pilotlight.settings import FetchSettings
from tests.contract.http_servers import drip, reply, serving
from tests.dialects.stage import submit


def uri(data, content_type="application/octet-stream"):
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height):
    """A header that says so; nobody looks at the pixels here."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IEND", b"")


def gif(width, height):
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(3) + b";"


def bmp(width, height):
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def jpeg(width, height):
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9"


def webp(width, height):
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + sides
    return b"RIFF" + struct.pack("<I", len(body)) + body


def wav(seconds):
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(1000)
        file.writeframes(bytes(int(seconds * 1000)))
    return made.getvalue()


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def film(seconds, brand=b"isom"):
    length = struct.pack(">IIIII", 0, 0, 0, 1000, int(seconds * 1000))
    return box(b"ftyp", brand, bytes(4), brand) + box(b"moov", box(b"mvhd", length, bytes(80)))


IMAGE = Media("image", 1000)
SIDES = {"png": png, "gif": gif, "bmp": bmp, "jpeg": jpeg, "webp": webp}


@pytest.mark.parametrize("make", SIDES.values(), ids=SIDES)
def test_the_sides_of_a_picture_are_read_from_its_header(make):
    assert measure(IMAGE, io.BytesIO(make(320, 200))) == Measures(320, 200)


@pytest.mark.parametrize("make", SIDES.values(), ids=SIDES)
def test_a_picture_that_breaks_off_says_nothing_and_harms_nothing(make):
    whole = make(320, 200)
    for length in range(len(whole)):
        measure(IMAGE, io.BytesIO(whole[:length]))


@pytest.mark.parametrize("data", [wav(2.5), film(2.5), film(2.5, b"qt  ")])
def test_the_length_of_a_recording_and_of_a_film_is_read_from_its_header(data):
    assert measure(Media("audio", 1000), io.BytesIO(data)) == Measures(length_s=2.5)


def test_what_does_not_tell_its_length_is_not_held_against_it():
    webm = b"\x1a\x45\xdf\xa3" + bytes(20) + b"webm"
    media = Media("video", 1000, max_s=1)

    assert fault_of(media, measure(media, io.BytesIO(webm))) is None


SMALL = Media("image", 1000, min_width=64, min_height=32)


def test_a_picture_that_is_too_small_is_told_the_least():
    fault = fault_of(SMALL, Measures(63, 32))

    assert fault.type == "image_too_small"
    assert fault.context == {"min_height": 32, "min_width": 64}
    assert fault_of(SMALL, Measures(64, 32)) is None


def test_formats_narrow_a_kind_and_can_widen_it():
    phones = Media("image", 1000, formats=(".jpg", ".heic"))

    assert takes(phones, "image/jpeg")
    assert takes(phones, "image/heic")
    assert not takes(phones, "image/png")
    assert not takes(IMAGE, "image/heic")


DETECT, TALK = "fal-ai/moondream3-preview/detect", "fal-ai/bytedance/omnihuman"
MUSIC, SOUND = "fal-ai/minimax-music", "fal-ai/kling-video/video-to-audio"
KEPT = {
    "detect": (DETECT, "image_url", png(7000, 7000), {"prompt": "cat"}),
    "talk": (TALK, "audio_url", wav(30), {"image_url": SAMPLES["image"]}),
    "music": (MUSIC, "reference_audio_url", wav(15), {"prompt": "a song"}),
    "sound": (SOUND, "video_url", film(20), {}),
    "sound of a QuickTime film": (SOUND, "video_url", film(3, b"qt  "), {}),
}
BROKEN = {
    "sides": (
        (DETECT, "image_url", png(7001, 20), {"prompt": "cat"}),
        "image_too_large",
        {"max_height": 7000, "max_width": 7000},
    ),
    "too long a recording": (
        (TALK, "audio_url", wav(30.5), {"image_url": SAMPLES["image"]}),
        "audio_duration_too_long",
        {"max_duration": 30, "provided_duration": 30.5},
    ),
    "too short a recording": (
        (MUSIC, "reference_audio_url", wav(14.5), {"prompt": "a song"}),
        "audio_duration_too_short",
        {"min_duration": 15, "provided_duration": 14.5},
    ),
    "too short a film": (
        (SOUND, "video_url", film(2.5), {}),
        "video_duration_too_short",
        {"min_duration": 3, "provided_duration": 2.5},
    ),
    "too long a film": (
        (SOUND, "video_url", film(20.5), {}),
        "video_duration_too_long",
        {"max_duration": 20, "provided_duration": 20.5},
    ),
    "another format": (
        (MUSIC, "reference_audio_url", b"fLaC" + bytes(60), {"prompt": "a song"}),
        "unsupported_audio_format",
        {"supported_formats": [".wav", ".mp3"]},
    ),
    "another kind": (
        (SOUND, "video_url", png(9, 9), {}),
        "unsupported_video_format",
        {"supported_formats": [".mp4", ".mov"]},
    ),
}
PUTS = [
    {"endpoint": one, "fixed": {"prompt": "whatever it says"}}
    for one in (DETECT, TALK, MUSIC, SOUND)
]


@contextmanager
def in_the_body(_stage, data):
    yield uri(data)


@contextmanager
def uploaded(stage, data):
    """As fal's clients do: the file is here before the job names it."""
    blobs, key = stage.services.blobs, f"uploads/{len(data)}"
    blobs.put(key, data, content_type="application/octet-stream")
    yield blobs.get_url(key, base_url=stage.url, expires_at=None)


@contextmanager
def elsewhere(_stage, data):
    with serving(reply(200, data)) as server:
        yield server.url("/file")


WAYS = {"in the body": in_the_body, "uploaded": uploaded, "elsewhere": elsewhere}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("asked", KEPT.values(), ids=KEPT)
def test_a_file_within_the_limits_is_taken(staged, way, asked):
    endpoint, field, data, rest = asked
    with staged(*PUTS) as stage, stage.client() as client, way(stage, data) as url:
        said = submit(client, endpoint, body={**rest, field: url})

        assert json.loads(stage.job(said["request_id"]).input)[field].startswith("blob:")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("asked", "kind", "context"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_breaks_a_limit_is_refused_in_fals_words(staged, way, asked, kind, context):
    endpoint, field, data, rest = asked
    with staged(*PUTS) as stage, stage.client() as client, way(stage, data) as url:
        answer = client.post(f"/queue/{endpoint}", json={**rest, field: url})

        (problem,) = answer.json()["detail"]
        assert answer.status_code == 422
        assert (problem["loc"], problem["type"]) == (["body", field], kind)
        assert problem["ctx"] == context
        assert problem["url"].endswith("#" + kind)
        assert stage.services.store.list_jobs(limit=1) == []


def test_a_field_may_be_less_patient_than_the_deployment(tmp_path):
    fetcher = GuardedFetcher(
        Outbound(policy=Policy(allow_loopback=True)), FetchSettings(), SystemClock()
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + png(9, 9)

    with serving(drip(head, b".")) as server, pytest.raises(FetchFailed) as failed:
        fetcher.fetch(
            server.url("/slow"), kind="image", max_bytes=10**6, into=tmp_path, within_s=0.3
        )

    assert failed.value.reason == "unreachable"
