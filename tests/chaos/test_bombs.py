"""Hostile media against the real product: the caller is told, and nobody else notices."""

from __future__ import annotations

import base64
import io
import os
import resource
import signal
from pathlib import Path

import pytest
from PIL import Image

from pilotlight import InvalidInput
from tests import bombs
from tests.live import Live, until
from workers.engines.media import decoder, pictures

DECODERS = ("_imaging", "libavcodec", "libavformat", "cv2", "_webp", "libjpeg", "libtiff")
"""Parts of the file names of libraries that decode."""
ROOM_BYTES = 64 * 1024**2


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    workers = '["tests.workers.viewing"]'
    running = Live(tmp_path_factory.mktemp("bombs") / "data", settings={"WORKERS": workers})
    running.start()
    yield running
    running.kill_everything()


def uri(data, content_type="application/octet-stream"):
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"


def drawn(mode="RGB", side=64):
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, "PNG")
    return file.getvalue()


def resident(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def guards(live):
    """Who must not decode anything: the ingress with its supervisor, and the replicas' parents."""
    models = live.models("viewer")
    told = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in live.processes()}
    return [pid for pid, line in told.items() if pid not in models and b"decoding.py" not in line]


def seen(live, name, body):
    endpoint = f"viewing/{name}"
    return live.finished(endpoint, live.submit(endpoint, body))


def test_pictures_films_sounds_and_archives_are_decoded_outside_of_ingress_and_parent(live):
    answers = [
        seen(live, "pictures", {"image_urls": [uri(drawn()), uri(drawn("RGBA"))]}),
        seen(live, "film", {"video_url": uri(bombs.gif(7))}),
        seen(live, "sound", {"audio_url": uri(bombs.wav(2))}),
        seen(live, "sound", {"audio_url": uri(bombs.wav(2, claimed_bytes=0xFFFFFFF0))}),
    ]

    assert [answer.json["text"] for answer in answers] == [
        "RGB 64x64 RGBA 64x64",
        "7 frames",
        "2.0 s",
        "2.0 s",
    ]
    assert len(guards(live)) >= 2
    for pid in guards(live):
        mapped = Path(f"/proc/{pid}/maps").read_text()
        assert not [name for name in DECODERS if name in mapped]


@pytest.mark.parametrize(
    ("name", "body", "loc", "kind"),
    [
        pytest.param(
            "pictures",
            {"image_urls": [uri(drawn()), uri(bombs.png(50_000, 50_000))]},
            ["body", "image_urls", 1],
            "image_too_large",
            id="a picture of 2.5 gigapixels",
        ),
        pytest.param(
            "pictures",
            {"image_urls": [uri(bombs.png(6_000, 6_000)[:300])]},
            ["body", "image_urls", 0],
            "image_load_error",
            id="a picture that breaks off",
        ),
        pytest.param(
            "film",
            {"video_url": uri(bombs.gif(decoder.MOST_FRAMES + 1))},
            ["body", "video_url"],
            "invalid_video",
            id="a film of too many frames",
        ),
        pytest.param(
            "archive",
            {"archive_url": uri(bombs.archive(2, 300 * 1024**2))},
            ["body", "archive_url"],
            "invalid_archive",
            id="an archive that unpacks to 600 MiB",
        ),
        pytest.param(
            "archive",
            {"archive_url": uri(bombs.archive(2001, 1))},
            ["body", "archive_url"],
            "invalid_archive",
            id="an archive of two thousand files",
        ),
    ],
)
def test_a_bomb_fails_its_own_job_names_its_field_and_leaves_everybody_small(
    live, name, body, loc, kind
):
    seen(live, "pictures", {"image_urls": [uri(drawn())]})
    before = {pid: resident(pid) for pid in guards(live)}

    answer = seen(live, name, body)

    assert answer.status == 422
    (problem,) = answer.json["detail"]
    assert (problem["loc"], problem["type"]) == (loc, kind)
    grown = {pid: resident(pid) - before[pid] for pid in guards(live) if pid in before}
    assert grown.keys() == before.keys()  # nobody died
    assert max(grown.values()) < ROOM_BYTES
    assert seen(live, "pictures", {"image_urls": [uri(drawn())]}).json["text"] == "RGB 64x64"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"image_urls": ' + bombs.nested(100_000) + b"}", id="nested"),
        pytest.param(b'{"image_urls": ["' + b"x" * 100 + b'"]}', id="no file"),
        pytest.param(
            b'{"image_urls": ["' + uri(b"<svg xmlns='x'/>", "image/png").encode() + b'"]}', id="svg"
        ),
        pytest.param(
            b'{"image_urls": ["' + uri(b"#EXTM3U\nfile:///etc/passwd\n").encode() + b'"]}',
            id="playlist",
        ),
    ],
)
def test_what_can_be_told_without_decoding_is_refused_at_once(live, body):
    answer = live.ask("POST", "/queue/viewing/pictures", body)

    assert answer.status == 422
    assert answer.json["detail"][0]["loc"][0] == "body"


@pytest.fixture
def one():
    made = decoder.Decoder()
    yield made
    made.close()


def ask(one, source, **wishes):
    wishes = {"do": "picture", "mode": None, "most_pixels": decoder.MOST_PIXELS, **wishes}
    (part,) = one.ask(source, "image_url", **wishes)
    return part


def test_memory_is_limited_by_the_system_and_not_by_what_a_header_says(one):
    ask(one, drawn())
    less = 2 * (1024**3,)
    resource.prlimit(one._process.pid, resource.RLIMIT_AS, less)
    with pytest.raises(InvalidInput, match="image_url needs too much memory") as caught:
        ask(one, bombs.png(50_000, 50_000), most_pixels=10**12)

    assert caught.value.problems[0].type == "file_too_large"
    assert ask(one, drawn()).head["size"] == [64, 64]


def test_processor_time_is_limited_by_the_system(one, tmp_path):
    path = tmp_path / "endless.gif"
    path.write_bytes(bombs.gif(400_000))
    wishes = {"do": "frames", "most_pixels": 1, "most_frames": 10**9}

    with pytest.raises(InvalidInput, match="too much time or memory"):
        for _part in one.ask(path, "video_url", cpu_s=0, **wishes):
            pass

    assert ask(one, drawn()).head["mode"] == "RGB"


def test_a_decoder_that_stands_still_is_ended_and_the_next_file_gets_another(one, monkeypatch):
    ask(one, drawn())
    stopped = one._process
    stopped.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(decoder, "WAIT_S", 0.2)
    with pytest.raises(InvalidInput, match="too much time or memory"):
        ask(one, drawn())
    monkeypatch.undo()

    assert stopped.returncode == -signal.SIGKILL
    assert ask(one, drawn()).head["mode"] == "RGB"


def test_a_decoder_writes_no_file_knows_no_key_and_has_no_network(one, tmp_path):
    ask(one, drawn())
    pid = one._process.pid

    limits = Path(f"/proc/{pid}/limits").read_text()
    assert "Max file size             0                    0" in limits
    assert f"Max address space         {4 * 1024**3}" in limits
    told = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    assert {one for one in told if one} == {f"{k}={v}" for k, v in decoder.ENVIRONMENT.items()}
    assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()
    ours, theirs = (Path(f"/proc/{who}/ns/net").readlink() for who in ("self", pid))
    devices = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    assert ours == theirs or [line.split(":")[0].strip() for line in devices] == ["lo"]


def test_a_film_that_nobody_watches_to_its_end_leaves_no_process(tmp_path):
    path = tmp_path / "film.gif"
    path.write_bytes(bombs.gif(5000))
    parts = decoder.parts(
        path, "video_url", do="frames", most_pixels=100, most_frames=decoder.MOST_FRAMES
    )
    next(parts)
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = set(children.read_text().split())
    parts.close()

    until(lambda: set(children.read_text().split()) < before, what="the decoder to end")


def test_pictures_come_the_right_way_up_and_in_the_mode_that_is_asked_for():
    file = io.BytesIO()
    turned = Image.new("RGB", (40, 20))
    marks = Image.Exif()
    marks[0x0112] = 6  # to be turned by a quarter
    turned.save(file, "JPEG", exif=marks)

    assert pictures.picture(file.getvalue(), "image_url").size == (20, 40)
    assert pictures.picture(drawn("RGBA"), "image_url").mode == "RGBA"
    assert pictures.picture(drawn("P"), "image_url").mode == "RGB"
    assert pictures.picture(drawn("RGBA"), "image_url", mode="L").mode == "L"
